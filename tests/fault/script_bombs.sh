#!/bin/bash
# script_bombs.sh - the scripts of tests/hostile, each in an automation, while a normal stream goes on:
# every event ends as its hook has declared, the stream is held up by none, memory stays flat, and no
# process gets more than it may.  ROUNDS events for each script; SECONDS_ALONE of the stream without
# them, in turns with the rounds.
. "$(dirname "$0")/../e2e/lib.sh"

# A disk has bad moments of its own, which are not measured here.
if [ -w /dev/shm ]; then
    rmdir "$tmp"
    tmp=$(mktemp -d /dev/shm/belfry-fault-XXXXXX)
fi
start_hub
add_up node tests/fault/script_bombs.mjs "$URL" "$KEY" "$HUB_PID" "${ROUNDS:-4}" \
    "${SECONDS_ALONE:-6}" "$B/tests/tools" "$tmp"
stop_hub
is "the hub ends well" $? 0
is "no sanitizer has found anything" \
    "$(grep -cE 'Sanitizer|runtime error' "$tmp/hub.log")" 0
is "no script process is left" "$(pgrep -c -P "$HUB_PID" || true)" 0
finish
