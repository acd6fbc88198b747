#!/usr/bin/env bash
# Runs all peers against `osseal serve` and asserts that docs/interop.md shows their results.
# OSSEAL and PRESIGNED name the command and the library's example under test; by default the debug builds, which it compiles.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
if [ -z "${OSSEAL:-}" ] || [ -z "${PRESIGNED:-}" ]; then
    cargo build --locked --package osseal-cli --package osseal --bins --examples
    OSSEAL=$target/debug/osseal
    PRESIGNED=$target/debug/examples/presigned
fi
venv=$(scripts/venv.sh interop interop/requirements.txt)

# The source distribution of oss2, for the tests in it.
sources=$venv/sources
if ! cmp -s interop/sources.txt "$sources/fetched.txt"; then
    rm -rf "$sources"
    mkdir "$sources"
    "$venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-input --no-deps --no-binary :all: \
        --require-hashes --requirement interop/sources.txt --dest "$sources" >&2
    tar -xzf "$sources"/oss2-*.tar.gz -C "$sources" --strip-components 1
    cp interop/sources.txt "$sources/fetched.txt"
fi

work=$(mktemp -d)
servers=()
finish() {
    for server in "${servers[@]}"; do
        kill -KILL "$server" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT

secret() { python3 -c 'import secrets; print(secrets.token_hex(16))'; }
export LONG_LIVED_ID=interop TEMPORARY_ID=STS.interop
LONG_LIVED_SECRET=$(secret) TEMPORARY_SECRET=$(secret) TEMPORARY_TOKEN=$(secret)
export LONG_LIVED_SECRET TEMPORARY_SECRET TEMPORARY_TOKEN NO_PROXY=127.0.0.1 PYTHONDONTWRITEBYTECODE=1

# serve NAME: starts a server with the credentials in the environment and sets `endpoint` to its address.
serve() {
    local name=$1
    OSS_REGION=cn-hangzhou "$OSSEAL" serve --listen 127.0.0.1:0 >"$work/$name.ready" 2>"$work/$name.log" &
    servers+=($!)
    for _ in $(seq 100); do
        [ -s "$work/$name.ready" ] && break
        kill -0 "${servers[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    endpoint=$(sed -n '1s/^listening on //p' "$work/$name.ready")
    if [ -z "$endpoint" ]; then
        echo "interop: the server did not print its address: $(cat "$work/$name.ready" "$work/$name.log")" >&2
        exit 1
    fi
}

OSS_ACCESS_KEY_ID=$LONG_LIVED_ID OSS_ACCESS_KEY_SECRET=$LONG_LIVED_SECRET serve long-lived
long_lived=$endpoint
OSS_ACCESS_KEY_ID=$TEMPORARY_ID OSS_ACCESS_KEY_SECRET=$TEMPORARY_SECRET OSS_SESSION_TOKEN=$TEMPORARY_TOKEN serve temporary
temporary=$endpoint

status=0
mkdir "$work/runs"
"$venv/bin/python" interop/run.py --endpoint "$long_lived" --temporary-endpoint "$temporary" --osseal "$OSSEAL" \
    --presigned "$PRESIGNED" --sources "$sources" --work "$work/runs" --page docs/interop.md || status=$?

names=(long-lived temporary)
for index in 0 1; do
    server=${servers[$index]} name=${names[$index]}
    kill -TERM "$server" 2>/dev/null || true
    ended=0
    timeout 10 tail --pid="$server" -f /dev/null || echo "interop: the server $name did not end within 10 s of SIGTERM" >&2
    kill -KILL "$server" 2>/dev/null || true
    wait "$server" || ended=$?
    if [ $ended != 0 ] || [ "$(wc -l <"$work/$name.ready")" != 1 ]; then
        echo "interop: the server $name ended with $ended and printed: $(cat "$work/$name.ready")" >&2
        status=1
    fi
    if [ $status != 0 ]; then
        tail -n 20 "$work/$name.log" >&2
    fi
done
servers=()
exit $status
