#!/usr/bin/env bash
# Asserts the arrows of ARCHITECTURE.md: the crates of the workspace that each crate depends on, packages that the lower layers
# must not depend on, and the order of the wings inside each crate (wings.py). Tests may use more.
set -euo pipefail
cd "$(dirname "$0")/.."

# crate: all of our crates that it depends on directly.
arrows='
osseal-core:
osseal-wire:
osseal: osseal-core osseal-wire
osseal-server: osseal-wire
osseal-conformance: osseal-wire
osseal-cli: osseal osseal-conformance osseal-server
osseal-testkit: osseal osseal-core osseal-server osseal-wire
'

# crate: packages that must not be compiled into it, directly or indirectly; build scripts are free. I/O, async and TLS belong
# above core and wire; the server holds no keys. ring depends on getrandom for a generator that core may not call
# (crates/core/clippy.toml).
absent='
osseal-core: osseal-wire tokio mio socket2 hyper reqwest rustls rand
osseal-wire: osseal-core tokio mio socket2 hyper reqwest rustls getrandom rand
osseal-server: osseal osseal-core reqwest rustls
osseal-conformance: osseal osseal-core osseal-server reqwest rustls
'

# tree CRATE EDGES [OPTION…]: the names of the packages below CRATE, one a line, on every platform.
tree() {
    local crate=$1 edges=$2
    shift 2
    cargo tree --locked --package "$crate" --edges "$edges" --target all --prefix none --format '{p}' "$@" |
        awk -v self="$crate" '$1 != self { print $1 }' | sort -u
}

# check_arrows TABLE: compares the table with the workspace in both directions, including the list of crates.
check_arrows() {
    local table=$1 bad=0 crate want have
    have=$(cargo tree --locked --workspace --depth 0 --prefix none --format '{p}' | awk 'NF { print $1 }' | sort -u | xargs)
    want=$(awk -F: 'NF { print $1 }' <<<"$table" | sort -u | xargs)
    if [ "$have" != "$want" ]; then
        echo "layers: the workspace holds: $have; the table names: $want"
        bad=1
    fi
    while IFS=: read -r crate want; do
        [ -n "$crate" ] || continue
        want=$(xargs -n1 <<<"$want" | sort -u | xargs)
        have=$(tree "$crate" normal,build --depth 1 | grep -E '^osseal(-|$)' | xargs || true)
        if [ "$have" != "$want" ]; then
            echo "layers: $crate depends on: ${have:-none of ours}; allowed: ${want:-none of ours}"
            bad=1
        fi
    done <<<"$table"
    return $bad
}

# check_absent TABLE: no dependency tree holds a package that its line forbids.
check_absent() {
    local table=$1 bad=0 crate names name packages
    while IFS=: read -r crate names; do
        [ -n "$crate" ] || continue
        packages=$(tree "$crate" normal)
        for name in $names; do
            if grep -qx -- "$name" <<<"$packages"; then
                echo "layers: the tree of $crate holds $name"
                bad=1
            fi
        done
    done <<<"$table"
    return $bad
}

# must_fail NAME COMMAND…: a control. Fails if the command accepts a wrong table.
must_fail() {
    local name=$1
    shift
    if "$@" >/dev/null; then
        echo "layers: the control '$name' was not noticed"
        return 1
    fi
}

# check_apart FOLDER: no source file of the server outside the module `kms` names it, except the line that declares it.
check_apart() {
    local folder=$1 found
    found=$(grep -rnw kms "$folder" --include='*.rs' --exclude-dir=kms |
        grep -vE "^$folder/kms\.rs:|^$folder/lib\.rs:[0-9]+:(pub mod kms;|//!)" || true)
    [ -z "$found" ] && return
    echo "layers: the store names the key service: $found"
    return 1
}

failed=0
check_arrows "$arrows" || failed=1
check_absent "$absent" || failed=1
check_apart crates/server/src || failed=1
python3 scripts/wings.py || failed=1 # its self-test holds the controls
must_fail 'an arrow too few' check_arrows "${arrows/osseal-core osseal-wire/osseal-wire}" || failed=1
must_fail 'an arrow too many' check_arrows "${arrows/osseal-core:/osseal-core: osseal-wire}" || failed=1
must_fail 'a crate too few' check_arrows "${arrows/osseal-core:/}" || failed=1
must_fail 'a package in a tree' check_absent 'osseal-cli: osseal-core' || failed=1
reaching=$(mktemp -d)
trap 'rm -rf "$reaching"' EXIT
echo 'use crate::kms::KmsService;' >"$reaching/service.rs"
must_fail 'a store that reaches the key service' check_apart "$reaching" || failed=1

[ $failed = 0 ] && echo "layers: as ARCHITECTURE.md says"
exit $failed
