#!/usr/bin/env bash
# Usage: scripts/bench-transfers.sh [ROUNDS]
# Measures transfers against `osseal serve`, beside the official Python SDKs, and writes docs/performance.md with its plot.
# ROUNDS defaults to 5: about 15 minutes, and 10 GiB of memory. Exits with 1 if a limit is not met. The machine must be idle.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
cargo build --locked --release --package osseal-cli --bins
cargo build --locked --release --package osseal --examples
venv=$(scripts/venv.sh bench bench/requirements.txt)
exec "$venv/bin/python" bench/transfers.py --osseal "$(realpath "$target/release/osseal")" \
    --transfer "$(realpath "$target/release/examples/transfer")" --origin "$(realpath "$target/release/examples/origin")" \
    --rounds "${1:-5}" --docs docs
