#!/bin/bash
# reference.sh - what the hub makes of its events is what a second evaluator makes of them, which was
# written to be read (tests/reference).  EVENTS, BACKTESTS and SEED choose how many and which.
. "$(dirname "$0")/lib.sh"

EVENTS=${EVENTS-20000} SEED=${SEED-1} BACKTESTS=${BACKTESTS-40}
[ -z "${SANITIZED-}" ] || EVENTS=$((EVENTS / 10))

add_up node tests/reference/check.mjs

node tests/reference/history.mjs "$EVENTS" "$SEED" >"$tmp/steps.ndjson"
if "$B/tests/reference/drive" "$tmp/steps.ndjson" "$tmp" "$BACKTESTS" >"$tmp/driven" 2>&1; then
    has "seed $SEED: $EVENTS made-up events" \
        "$(node tests/reference/compare.mjs "$tmp" 2>&1 | tee "$tmp/compared")" "all agree"
    tail -n 1 "$tmp/compared" | cut -c1-300
else
    bad "seed $SEED: the hub takes $EVENTS made-up events" "$(cut -c1-500 "$tmp/driven")"
fi

finish
