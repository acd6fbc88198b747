#!/usr/bin/env bash
# Usage: scripts/venv.sh NAME REQUIREMENTS
# Makes the Python environment NAME under the target folder, holding exactly the pinned REQUIREMENTS, and prints its path.
# An environment that already holds them is left as it is.
set -euo pipefail

name=$1 requirements=$2
root=$(cd "$(dirname "$0")/.." && pwd)
venv=${CARGO_TARGET_DIR:-$root/target}/venv/$name

if ! cmp -s "$requirements" "$venv/installed.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv" >&2
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --require-hashes --requirement "$requirements" >&2
    cp "$requirements" "$venv/installed.txt"
fi
(cd "$venv" && pwd)
