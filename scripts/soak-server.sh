#!/usr/bin/env bash
# Usage: scripts/soak-server.sh [SECONDS [SEED]]
# `osseal serve --dir` under 64 connections, killed with SIGKILL about every three seconds and started again on its folder: prints what was
# done, and fails unless everything that was acknowledged is there and whole. 60 seconds unless said; the seed is drawn.
set -euo pipefail
cd "$(dirname "$0")/.."
export OSSEAL_SOAK_SECONDS=${1:-60} OSSEAL_SOAK_SEED=${2:-$((RANDOM * 32768 + RANDOM))}
exec cargo test --locked --package osseal-cli --test cli -- --ignored --exact soak::soak --nocapture
