#!/usr/bin/env bash
# Usage: scripts/package.sh [--verify]
# Packs every crate that may be published and asserts the contents of the packages. `--verify` also compiles each package.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=$(cargo metadata --locked --no-deps --format-version 1 |
    python3 -c 'import json, sys; print(*[p["name"] for p in json.load(sys.stdin)["packages"] if p["publish"] != []])')
arguments=(--locked --allow-dirty --quiet)
for package in $packages; do
    arguments+=(--package "$package")
done

# check_listing FILE…: a package holds its manifest, its README, both licences and sources, and no tests.
check_listing() {
    local files=$1 bad=0 name
    for name in Cargo.toml README.md LICENSE-APACHE LICENSE-MIT; do
        grep -qx "$name" <<<"$files" || { echo "missing: $name"; bad=1; }
    done
    grep -qE '^src/(lib|main)\.rs$' <<<"$files" || { echo 'missing: the root of the sources'; bad=1; }
    name=$(grep -vE '^(src|examples)/|^(Cargo\.(toml|toml\.orig|lock)|README\.md|LICENSE-(APACHE|MIT)|\.cargo_vcs_info\.json)$' \
        <<<"$files" || true)
    [ -z "$name" ] || { echo "not expected:" $name; bad=1; }
    return $bad
}

failed=0
for package in $packages; do
    files=$(cargo package --list --allow-dirty --locked --package "$package")
    if faults=$(check_listing "$files"); then
        echo "package: $package: $(wc -l <<<"$files") files"
    else
        echo "package: $package: $faults"
        failed=1
    fi
done
if check_listing $'Cargo.toml\nREADME.md\nLICENSE-MIT\nsrc/lib.rs\ntests/a.rs' >/dev/null; then
    echo 'package: the control was not noticed'
    failed=1
fi

if [ "${1:-}" = --verify ]; then
    cargo package "${arguments[@]}"
else
    cargo package "${arguments[@]}" --no-verify
fi
for package in $packages; do
    archive=$(ls -t "${CARGO_TARGET_DIR:-target}/package/$package"-[0-9]*.crate | head -1)
    # Links to the licences must have become files.
    if tar -tvf "$archive" | grep -q '^l'; then
        echo "package: $archive holds links"
        failed=1
    fi
done
[ $failed = 0 ] && echo "package: packed$(printf ' %s' $packages)"
exit $failed
