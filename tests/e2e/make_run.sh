#!/bin/bash
# make_run.sh - what `make run` starts: refused by name if an address is taken, whole once it is not.
. "$(dirname "$0")/lib.sh"

# Its data goes into the build directory: it gets one of its own.
mkdir "$tmp/build"
ln -s "$(realpath "$B")/belfry" "$tmp/build/belfry"
script=$(dirname "$0")/../../scripts/run.sh

start "$tmp/taken.log" "$BELFRY" listen 127.0.0.1:0
TAKEN=$ADDRESS
for name in BELFRY_LISTEN BELFRY_RECEIVER; do
    start "$tmp/free.log" "$BELFRY" listen 127.0.0.1:0
    export "$name=$ADDRESS"
    free="${free-} $PID"
done
# shellcheck disable=SC2086 # a list
kill $free
# shellcheck disable=SC2086
wait $free

BELFRY_LISTEN=$TAKEN "$script" "$tmp/build" >"$tmp/out" 2>&1
is "a taken address is a failure" $? 1
has "that names it" "$(cat "$tmp/out")" "another program listens on $TAKEN"
has "and how to choose others" "$(cat "$tmp/out")" BELFRY_LISTEN=
BELFRY_RECEIVER=$TAKEN "$script" "$tmp/build" >"$tmp/out" 2>&1
is "the receiver's too" $? 1
has "with its own words" "$(cat "$tmp/out")" "choose another address for the receiver"

# A start that had failed counted as the first, and the next one showed a hub without an automation.
"$script" "$tmp/build" >"$tmp/run.log" 2>&1 &
PID=$!
started="$started $PID"
within 20 grep -q "Ctrl-C stops both" "$tmp/run.log" || bad "it runs" "$(cat "$tmp/run.log")"
has "after that, all is set up" "$(cat "$tmp/run.log")" '"deploy what is promoted" is made'
has "and one event played through" "$(cat "$tmp/run.log")" "signature ok"
kill -TERM "$PID"
wait "$PID"
has "its hub is stopped in order" "$(cat "$tmp/run.log")" "hub: stopped"
finish
