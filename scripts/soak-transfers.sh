#!/usr/bin/env bash
# Usage: scripts/soak-transfers.sh [KILLS [MIB [SEED]]]
# Downloads and uploads of both suites, killed with SIGKILL at instants spread over a run and run again: prints what was counted, and fails unless every one ends with
# the object, and no position of an uploaded object's key stream has hidden two texts. 100 kills a suite of an object of 256 MiB unless said; the seed is drawn.
# Before that, uploads whose sources and records change between attempts: 200 drawn histories.
set -euo pipefail
cd "$(dirname "$0")/.."
export OSSEAL_SOAK_KILLS=${1:-100} OSSEAL_SOAK_MIB=${2:-256} OSSEAL_SOAK_SEED=${3:-$((RANDOM * 32768 + RANDOM))}
cargo test --locked --package osseal --test client -- --ignored --exact uploads_resumed::soak::soak --nocapture
exec cargo test --locked --package osseal-cli --test cli -- --ignored --exact kills::soak killed_uploads::soak --nocapture --test-threads 1
