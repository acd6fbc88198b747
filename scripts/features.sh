#!/usr/bin/env bash
# Usage: scripts/features.sh [--fips]
# Compiles each library on its own, so that a feature which another crate switches on is missed, and osseal-core with
# its features on and off. `--fips` compiles only osseal-core with the FIPS module of AWS-LC, which needs cmake and Go.
set -euo pipefail
cd "$(dirname "$0")/.."

check() {
    echo "features: cargo check $*" >&2
    cargo check --locked --quiet "$@"
}

if [ "${1:-}" = --fips ]; then
    for tool in cmake go; do
        if ! command -v "$tool" >/dev/null; then
            echo "features: fips not checked: $tool is not installed"
            exit 0
        fi
    done
    check --package osseal-core --no-default-features --features fips
    echo 'features: osseal-core compiles with fips'
    exit 0
fi

check --package osseal-core --no-default-features
check --package osseal-core --no-default-features --features ring
for package in osseal-core osseal-wire osseal osseal-server osseal-conformance; do
    check --package "$package" --lib
done

# The control: a feature that does not exist must be refused.
if cargo check --locked --quiet --package osseal-core --features no-such-feature 2>/dev/null; then
    echo 'features: the control was not noticed'
    exit 1
fi
echo 'features: each library compiles on its own; osseal-core also without ring'
