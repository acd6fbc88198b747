#!/usr/bin/env bash
# Runs the matrix against `osseal serve`. OSSEAL names the command under test; without it the debug build is made and taken.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
if [ -z "${OSSEAL:-}" ]; then
    cargo build --locked --package osseal-cli
    OSSEAL=$target/debug/osseal
fi
venv=$(scripts/venv.sh interop interop/requirements.txt)

work=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then
        kill -KILL "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT

export OSS_ACCESS_KEY_ID=interop
OSS_ACCESS_KEY_SECRET=$(python3 -c 'import secrets; print(secrets.token_hex(16))')
export OSS_ACCESS_KEY_SECRET OSS_REGION=cn-hangzhou NO_PROXY=127.0.0.1

"$OSSEAL" serve --listen 127.0.0.1:0 >"$work/ready" 2>"$work/server.log" &
server=$!
for _ in $(seq 100); do
    [ -s "$work/ready" ] && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
endpoint=$(sed -n '1s/^listening on //p' "$work/ready")
if [ -z "$endpoint" ]; then
    echo "interop: the server did not say where it listens: $(cat "$work/ready" "$work/server.log")" >&2
    exit 1
fi

status=0
mkdir "$work/matrix"
"$venv/bin/python" interop/matrix.py --endpoint "$endpoint" --region "$OSS_REGION" --osseal "$OSSEAL" --work "$work/matrix" ||
    status=$?

kill -TERM "$server" 2>/dev/null || true
ended=0
timeout 10 tail --pid="$server" -f /dev/null || echo 'interop: the server did not end within 10 s of SIGTERM' >&2
kill -KILL "$server" 2>/dev/null || true
wait "$server" || ended=$?
server=
if [ $ended != 0 ] || [ "$(wc -l <"$work/ready")" != 1 ]; then
    echo "interop: the server ended with $ended and said: $(cat "$work/ready")" >&2
    status=1
fi
if [ $status != 0 ]; then
    tail -n 20 "$work/server.log" >&2
fi
exit $status
