#!/usr/bin/env bash
# The test command. Runs every step, prints its name and time to stderr, and ends with the number of passed steps.
# Usage: scripts/check.sh [--quick]
# --quick: formatting, lints, fast tests and the checks of sources; under 90 seconds when everything is compiled.
# Needs the Rust toolchain, a C compiler, and python3 with venv. Other tools come from crates.io and PyPI into the
# target folder.
set -euo pipefail
cd "$(dirname "$0")/.."

quick=
case "${1:-}" in
'') ;;
--quick) quick=1 ;;
*)
    echo "check: unknown argument: $1" >&2
    exit 2
    ;;
esac

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
export CARGO_TARGET_DIR=$target
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}

passed=0
failed=()

# step NAME COMMAND…: runs the command in a subshell with `set -e`, so that its first failure ends the step.
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
    typos --version
}

lints() { cargo clippy --workspace --all-targets --locked -- -D warnings; }

documentation() { RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --locked; }

tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --workspace --locked
    else
        echo 'cargo-nextest is not installed: running cargo test, one crate after another' >&2
        cargo test --workspace --locked --all-targets
    fi
}

quick_tests() {
    if grep -q '^\[profile\.quick\]' .config/nextest.toml; then
        cargo nextest run --workspace --locked --profile quick
    else
        cargo nextest run --workspace --locked --filter-expr 'not test(/kill|soak/)'
    fi
}

# The language of comments, documents and messages; why-comments where the reasons are hardest to guess.
language() {
    python3 scripts/plain_words.py --limit 1
    python3 scripts/why_comments.py --limit 3 crates/core/src crates/client/src
}

doctests() { cargo test --workspace --locked --doc; }

dependencies() {
    cargo deny --locked check --hide-inclusion-graph bans licenses sources
    # The advisory database is a repository, not a registry, and cannot be reached from every network.
    local database=https://github.com/RustSec/advisory-db
    if GIT_TERMINAL_PROMPT=0 timeout 20 git ls-remote --quiet "$database" HEAD >/dev/null 2>&1; then
        cargo deny --locked check --hide-inclusion-graph advisories
    else
        echo "advisories not checked: $database cannot be reached" >&2
    fi
}

interoperability() {
    cargo build --workspace --locked --bins --examples --tests # the features of the tests, so that nothing compiles again
    SEALED_BODIES=$target/debug/examples/sealed_bodies interop/cobblestone.sh
    OSSEAL=$target/debug/osseal PRESIGNED=$target/debug/examples/presigned interop/run.sh
}

# The shell blocks of the READMEs, in an empty home.
readme_commands() { scripts/run_docs.py --osseal "$target/debug/osseal" README.md README.zh-CN.md; }

key_service() {
    local venv
    venv=$(scripts/venv.sh kms interop/kms-requirements.txt)
    "$venv/bin/python" interop/kms.py --osseal "$target/debug/osseal"
}

PATH=$target/venv/tools/bin:$PATH
step tools tools
step formatting cargo fmt --all --check
step spelling typos
step 'public API' scripts/public_api.py
# Figures only, not required.
scripts/file_length.sh >&2 || true
language >&2 || true
step lints lints
if [ "$quick" ]; then
    step tests quick_tests
    step wings scripts/wings.py
else
    step 'lowest Rust version' scripts/msrv.sh
    step documentation documentation
    step tests tests
    step doctests doctests
    step layers scripts/layers.sh
    step dependencies dependencies
    step packages scripts/package.sh
    [ ! -x scripts/docs.sh ] || step documents scripts/docs.sh
    step interop interoperability
    step 'interop of the key service' key_service
    step 'commands of the READMEs' readme_commands
fi

for name in "${failed[@]}"; do
    echo "failed: $name" >&2
done
echo "checks: $passed passed, ${#failed[@]} failed"
[ ${#failed[@]} = 0 ]
