#!/usr/bin/env bash
# Clones HEAD into an empty folder and runs there the commands of the README's "Try it", as a newcomer would.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -n "$(git status --porcelain)" ]; then
    echo 'fresh-clone: uncommitted changes are not tested' >&2
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git clone --quiet . "$folder/osseal"
cd "$folder/osseal"
unset CARGO_TARGET_DIR

# Every line of a shell block between "## Try it" and the next heading.
mapfile -t commands < <(awk '/^## /{ on = ($0 == "## Try it") } /^```/{ code = on && $0 == "```sh"; next } on && code' README.md)
if [ ${#commands[@]} != 2 ]; then
    printf 'fresh-clone: the README should have two commands to try, not %s\n' ${#commands[@]} >&2
    exit 1
fi
for command in "${commands[@]}"; do
    echo "\$ $command" >&2
    bash -euo pipefail -c "$command"
done
echo "fresh-clone: both commands of the README work at $(git rev-parse --short HEAD)"
