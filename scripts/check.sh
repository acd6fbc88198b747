#!/usr/bin/env bash
# The test command. Runs every step, names and times each on stderr, and ends with how many passed.
# Needed: the Rust toolchain, a C compiler, python3 with venv. The rest comes from crates.io and PyPI into the target folder.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
export CARGO_TARGET_DIR=$target
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}

passed=0
failed=()

# step NAME COMMAND…: runs the command with `set -e` in force inside it, whatever the steps before it did.
step() {
    local name=$1 begin=$SECONDS status
    shift
    printf '==> %s\n' "$name" >&2
    set +e
    (
        set -e
        "$@"
    )
    status=$?
    set -e
    if [ $status = 0 ]; then
        passed=$((passed + 1))
        printf '<== %s: passed, %s s\n' "$name" $((SECONDS - begin)) >&2
    else
        failed+=("$name")
        printf '<== %s: FAILED with %s, %s s\n' "$name" $status $((SECONDS - begin)) >&2
    fi
}

tools() {
    scripts/venv.sh tools scripts/tools.txt
    cargo deny --version
    cargo nextest --version | head -1
}

lints() { cargo clippy --workspace --all-targets --locked -- -D warnings; }

documentation() { RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --locked; }

tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --workspace --locked
    else
        echo 'cargo-nextest is not to be had here: falling back to cargo test, one crate after another' >&2
        cargo test --workspace --locked --all-targets
    fi
}

doctests() { cargo test --workspace --locked --doc; }

dependencies() {
    cargo deny --locked check --hide-inclusion-graph bans licenses sources
    # The advisory database is a repository, not a registry: checked where it can be reached.
    local database=https://github.com/RustSec/advisory-db
    if GIT_TERMINAL_PROMPT=0 timeout 20 git ls-remote --quiet "$database" HEAD >/dev/null 2>&1; then
        cargo deny --locked check --hide-inclusion-graph advisories
    else
        echo "advisories not checked: $database cannot be reached" >&2
    fi
}

interoperability() {
    cargo build --workspace --locked --bins --examples --tests # as the tests built it: nothing is compiled anew
    SEALED_BODIES=$target/debug/examples/sealed_bodies interop/cobblestone.sh
    OSSEAL=$target/debug/osseal PRESIGNED=$target/debug/examples/presigned interop/run.sh
}

key_service() {
    local venv
    venv=$(scripts/venv.sh kms interop/kms-requirements.txt)
    "$venv/bin/python" interop/kms.py --osseal "$target/debug/osseal"
}

PATH=$target/venv/tools/bin:$PATH
step tools tools
step formatting cargo fmt --all --check
step lints lints
step documentation documentation
step tests tests
step doctests doctests
step layers scripts/layers.sh
step dependencies dependencies
step interop interoperability
step 'interop of the key service' key_service

for name in "${failed[@]}"; do
    echo "failed: $name" >&2
done
echo "checks: $passed passed, ${#failed[@]} failed"
[ ${#failed[@]} = 0 ]
