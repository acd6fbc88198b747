#!/usr/bin/env bash
# Opens sealed bodies of ours with the module `cobblestone` of the package `cryptography`, and checks those that it wrote into vectors/sealed.
# SEALED_BODIES names the example of osseal-core that writes ours; without it the debug build is made and taken.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
if [ -z "${SEALED_BODIES:-}" ]; then
    cargo build --locked --package osseal-core --example sealed_bodies
    SEALED_BODIES=$target/debug/examples/sealed_bodies
fi
python=$(scripts/venv.sh interop interop/requirements.txt)/bin/python

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1
"$SEALED_BODIES" "$work"
"$python" interop/cobblestone.py check "$work"

# The control: a body with one bit changed does not open, and all others do.
"$python" - "$work/4103.bin" <<'PYTHON'
import pathlib, sys
body = pathlib.Path(sys.argv[1])
body.write_bytes(bytes([body.read_bytes()[0] ^ 1]) + body.read_bytes()[1:])
PYTHON
status=0
said=$("$python" interop/cobblestone.py check "$work" 2>&1) || status=$?
if [ $status != 1 ] || [ "$(grep -c 'do not open$' <<<"$said")" != 1 ] || ! grep -qx 'cobblestone: our 4103 bytes do not open' <<<"$said"; then
    echo "cobblestone: a changed body of 4103 bytes should have been refused; the check ended with $status and printed: $said" >&2
    exit 1
fi
echo 'cobblestone: a changed body was refused'
