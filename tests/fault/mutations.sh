#!/bin/bash
# mutations.sh - every route of the hub, asked in ways that nobody means: each request has an answer,
# and no sanitizer has anything to say.  MUTATIONS requests per route; SEED makes others.
. "$(dirname "$0")/../e2e/lib.sh"

need_npm
start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
RECEIVER=$ADDRESS
start_hub
add_up node tests/fault/mutations.mjs "$URL" "$KEY" "$RECEIVER" "${MUTATIONS:-40}" "${SEED:-1}"
rss=$(awk '/VmHWM/ {print $2}' "/proc/$HUB_PID/status")
[ -n "${SANITIZED-}" ] || at_most "the hub needs no more than 256 MiB" "$rss" 262144
stop_hub
is "the hub ends well" $? 0
is "no sanitizer has found anything" \
    "$(grep -cE 'Sanitizer|runtime error' "$tmp/hub.log")" 0
finish
