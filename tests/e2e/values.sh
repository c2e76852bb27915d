#!/bin/bash
# values.sh - whatever a run is called: what the four sinks make of it, read as their services would.
. "$(dirname "$0")/lib.sh"

need_npm
start_hub --plugins "http webhook slack teams github"
add_up timeout 60 node tests/e2e/values.mjs "$URL" "$KEY"
stop_hub
is "the hub stops well" $? 0
finish
