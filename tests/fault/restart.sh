#!/bin/bash
# restart.sh [PENDING] - with many executions waiting, the first is delivered soon after a restart.
. "$(dirname "$0")/../e2e/lib.sh"
pending=${1:-${PENDING:-20000}}

start_hub
add_team acme
LISTEN=127.0.0.1:0
start "$tmp/receive.log" "$B/tests/tools/receive" --listen 127.0.0.1:0
RECEIVER=$ADDRESS
kill -9 "$PID"          # the address is known now, and nobody there
wait "$PID" 2>/dev/null
automate promote production "$(add_webhook acme receiver "{\"url\":\"http://$RECEIVER/\"}")" '{}' \
    >"$tmp/made"
printf '%s\n' $(for _ in $(seq 1000); do alias_event production; echo; done) >"$tmp/many"
for _ in $(seq $((pending / 1000))); do
    emit "@$tmp/many" >"$tmp/answer"
done
is "they are acknowledged" "$(status)" 202
kill -9 "$HUB_PID"
wait "$HUB_PID" 2>/dev/null

start "$tmp/receive.log" "$B/tests/tools/receive" --listen "$RECEIVER" --count 1
RECEIVER_PID=$PID
begun=${EPOCHREALTIME/./}
start_hub
ready=${EPOCHREALTIME/./}
wait "$RECEIVER_PID"
first=${EPOCHREALTIME/./}
at_most "ms to be ready with $pending waiting" $(((ready - begun) / 1000)) 1000
at_most "ms to the first delivery" $(((first - begun) / 1000)) 1000
echo "ready after $(((ready - begun) / 1000)) ms, first delivery after $(((first - begun) / 1000)) ms"
finish
