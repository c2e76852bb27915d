#!/bin/bash
# openapi.sh - the description of the REST interface is true: it is valid, covers every route, and
# each example in it does what it says.  openapi.walk is the order in which they are tried.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0 --secret correct-horse-battery
RECEIVER=$ADDRESS
need_npm
start_hub
add_team acme
add_secret acme ALERTS_TOKEN a-token-for-the-alertmanager
export REAL="[[\"127.0.0.1:8321\", \"$RECEIVER\"]]"
add_up node tests/e2e/openapi.mjs "$URL" "$KEY" tests/e2e/openapi.walk
finish
