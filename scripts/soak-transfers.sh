#!/usr/bin/env bash
# Usage: scripts/soak-transfers.sh [KILLS [MIB [SEED]]]
# Runs downloads and uploads of both suites, kills them with SIGKILL at instants spread over a run, and resumes them. Prints
# counts, and fails unless every transfer completes with the right object and no position of an uploaded object's key stream
# encrypted two different texts. Defaults: 100 kills per suite, an object of 256 MiB, a random seed.
# Before that, uploads whose sources and records change between attempts: 200 random histories.
set -euo pipefail
cd "$(dirname "$0")/.."
export OSSEAL_SOAK_KILLS=${1:-100} OSSEAL_SOAK_MIB=${2:-256} OSSEAL_SOAK_SEED=${3:-$((RANDOM * 32768 + RANDOM))}
cargo test --locked --package osseal --test client -- --ignored --exact uploads_resumed::soak::soak --nocapture
exec cargo test --locked --package osseal-cli --test cli -- --ignored --exact kills::soak killed_uploads::soak --nocapture --test-threads 1
