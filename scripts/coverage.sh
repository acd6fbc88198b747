#!/usr/bin/env bash
# Usage: scripts/coverage.sh [NEXTEST ARGUMENT…]
# Runs the tests with coverage and prints lines and functions covered, per file and in total. Compiles everything anew
# with instrumentation, which takes minutes, so that the test command does not include it.
# Needs llvm-cov and llvm-profdata of the compiler's LLVM version (Debian: llvm-22), named by LLVM_COV and
# LLVM_PROFDATA or found in PATH as llvm-cov-22 and llvm-profdata-22.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)
export CARGO_TARGET_DIR=$target/coverage
major=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')

# tool NAME VALUE: the path of an LLVM tool; older versions than the compiler's cannot read its profiles.
tool() {
    command -v "${2:-$1-$major}" && return
    echo "coverage: $1 of LLVM $major is not installed (Debian: llvm-$major)" >&2
    return 1
}
LLVM_COV=$(tool llvm-cov "${LLVM_COV:-}")
LLVM_PROFDATA=$(tool llvm-profdata "${LLVM_PROFDATA:-}")
export LLVM_COV LLVM_PROFDATA

PATH=$(CARGO_TARGET_DIR=$target scripts/venv.sh coverage scripts/coverage-tools.txt)/bin:$PATH
PATH=$(CARGO_TARGET_DIR=$target scripts/venv.sh tools scripts/tools.txt)/bin:$PATH
cargo llvm-cov nextest --workspace --locked --summary-only "$@" | tee "$target/coverage/summary.txt"
awk '$1 == "TOTAL" { print "coverage: " $10 " of lines, " $7 " of functions" }' "$target/coverage/summary.txt"
