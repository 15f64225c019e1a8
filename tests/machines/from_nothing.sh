#!/bin/sh
# README's first command as a newcomer has it, in the checkout that is the working directory.
# Writes what the server said and what it answered to the folder given; the test reads them there.
set -eu
out=$1 port=$2

fail() {
    echo "$1; it said:"
    tail -30 "$out/said.txt" "$out/log.jsonl"
    exit 1
}

make serve PORT="$port" >"$out/log.jsonl" 2>"$out/said.txt" &
server=$!
waited=0
until grep -q '^Slipway is ready' "$out/said.txt"; do
    kill -0 "$server" 2>/dev/null || fail "make serve has ended"
    waited=$((waited + 1))
    [ "$waited" -lt 900 ] || fail "not ready after 900 s"
    sleep 1
done
curl -sS -F image=@models/shapes/1/samples/scene-500.png "localhost:$port/predict" >"$out/answer.json"
.venv/bin/python -c 'import platform; print(platform.python_version())' >"$out/python.txt"
# What `make` says to that is its own matter; the server has gone when the port is free.
kill "$server"
wait "$server" || true
while curl -s "localhost:$port/healthz" >/dev/null; do sleep 1; done
