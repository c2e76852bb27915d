#!/bin/bash
# json.sh - JSON is what RFC 8259 says, and what came in goes out.  TEXTS, DOCUMENTS and SEED choose
# how many and which.
. "$(dirname "$0")/lib.sh"

need_npm
TEXTS=${TEXTS-50000} DOCUMENTS=${DOCUMENTS-10000} SEED=${SEED-1}
if [ "${SANITIZED-}" ]; then
    TEXTS=$((TEXTS / 10)) DOCUMENTS=$((DOCUMENTS / 10))
fi

is "the gate takes what JSON.parse takes, but for what it refuses on purpose" \
    "$(node tests/json/differential.mjs "$B/tests/json/gate" "$TEXTS" "$SEED" 2>"$tmp/seen")" \
    "$TEXTS texts agree"
cat "$tmp/seen"

start_hub
add_team acme
is "documents come back byte for byte" \
    "$(node tests/json/roundtrip.mjs "$URL" "$KEY" "$DOCUMENTS" "$SEED")" \
    "$DOCUMENTS documents came back"

finish
