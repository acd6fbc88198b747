#!/usr/bin/env bash
# Usage: scripts/file_length.sh [LIMIT]
# Fails if a Rust file that git tracks is longer than LIMIT lines (default 450).
set -euo pipefail
cd "$(dirname "$0")/.."
limit=${1:-450}

# longer_than LIMIT: prints the files that are too long, longest first.
longer_than() {
    git ls-files -z '*.rs' | xargs -0 wc -l | awk -v limit="$1" '$2 != "total" && $1 > limit' | sort -rn
}

found=$(longer_than "$limit")
if [ -z "$(longer_than 10)" ]; then
    echo 'file_length: the control was not noticed'
    exit 1
fi
if [ -n "$found" ]; then
    echo "$found"
    echo "file_length: $(wc -l <<<"$found") files have more than $limit lines"
    exit 1
fi
echo "file_length: no file has more than $limit lines"
