#!/usr/bin/env bash
# Usage: scripts/soak-server.sh [SECONDS [SEED]]
# Runs `osseal serve --dir` under 64 connections, kills it with SIGKILL about every three seconds and restarts it on its folder.
# Prints counts of operations, and fails unless every acknowledged write is stored completely. SECONDS defaults to 60, SEED is random.
set -euo pipefail
cd "$(dirname "$0")/.."
export OSSEAL_SOAK_SECONDS=${1:-60} OSSEAL_SOAK_SEED=${2:-$((RANDOM * 32768 + RANDOM))}
exec cargo test --locked --package osseal-cli --test cli -- --ignored --exact soak::soak --nocapture
