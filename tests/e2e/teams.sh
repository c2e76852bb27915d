#!/bin/bash
# teams.sh - cards for Teams, read by Microsoft's own reader; the services' lies; values that would be
# links, mentions or headings.
. "$(dirname "$0")/lib.sh"

need_npm
start_hub
add_up env BELFRY="$BELFRY" DIR="$tmp" timeout 60 node tests/e2e/teams.mjs "$URL" "$KEY"
is "no URL is in the hub's log" "$(grep -c 's1gnature' "$tmp/hub.log")" 0
finish
