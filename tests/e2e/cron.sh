#!/bin/bash
# cron.sh - schedules come when croner says, and around changes of the clock when the rule says.
# SCHEDULES and SEED choose how many and which.
. "$(dirname "$0")/lib.sh"

need_npm
SCHEDULES=${SCHEDULES-1500} SEED=${SEED-1}

is "random expressions, zones and times" \
    "$(node tests/cron/differential.mjs "$B/tests/cron/next" "$SCHEDULES" "$SEED" 2>"$tmp/seen")" \
    "$SCHEDULES schedules agree"
cat "$tmp/seen"

finish
