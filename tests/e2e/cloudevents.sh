#!/bin/bash
# cloudevents.sh - CloudEvents come in and go out, against the CNCF's SDK.
. "$(dirname "$0")/lib.sh"

need_npm
start_hub
add_team acme
claims=$(timeout 60 node "$(dirname "$0")/cloudevents.mjs" "$URL" "$KEY" 2>&1)
is "the SDK and the hub understand each other" "$claims" "166 claims"

# Data is kept byte for byte, in each mode.
body='{"n": 9007199254740993, "x":1.0e2,"a" : [ ] }'
binary=$(emit "$body" -H 'Content-Type: application/json' -H 'ce-specversion: 1.0' -H 'ce-id: b' \
    -H 'ce-source: /curl' -H 'ce-type: curl.binary' -H 'ce-entity: acme' | jq -r '.events[0].id')
has "binary data as it came" "$(api GET "/api/v1/events/$binary")" ",\"data\":$body}"
structured=$(emit "{\"specversion\":\"1.0\",\"id\":\"s\",\"source\":\"/curl\",\"type\":\"curl.structured\",
    \"entity\":\"acme\",\"data\":$body}" -H 'Content-Type: application/cloudevents+json' |
    jq -r '.events[0].id')
has "structured data as it came" "$(api GET "/api/v1/events/$structured")" ",\"data\":$body}"

finish
