#!/usr/bin/env bash
# Usage: scripts/bench-transfers.sh [ROUNDS]
# Measures transfers against `osseal serve`, beside the official Python SDKs, and writes docs/performance.md with its plot. 5 rounds unless said: some
# 15 minutes, and 10 GiB of memory. Ends with 1 when a bar is missed. On a machine that does something else meanwhile the figures mean nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
cargo build --locked --release --package osseal-cli --bins
cargo build --locked --release --package osseal --examples
venv=$(scripts/venv.sh bench bench/requirements.txt)
exec "$venv/bin/python" bench/transfers.py --osseal "$(realpath "$target/release/osseal")" \
    --transfer "$(realpath "$target/release/examples/transfer")" --origin "$(realpath "$target/release/examples/origin")" \
    --rounds "${1:-5}" --docs docs
