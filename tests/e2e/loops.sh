#!/bin/bash
# loops.sh - two hubs pointed at each other: the loop ends, and all of it is known by its cause.
. "$(dirname "$0")/lib.sh"

# Each sends what the other's automation waits for, to the other's REST.
start_hub
add_team acme
URL_A=$URL
DATA=$tmp/data-b
start_hub
add_team acme
URL_B=$URL

point() { # FROM-URL TO-URL ON SENDS
    URL=$1
    hook=$(add_webhook acme other "{\"url\": \"$2/api/v1/events\", \"access_token\": {\"value\": \"$KEY\"}}")
    api POST /api/v1/automations "$(jq -nc --arg i "$hook" --arg on "$3" --arg sends "$4" '{
        name: "answer", scope: {entity: "acme"}, event: {type: $on}, actions: [{integration: $i,
        config: {payload: {type: $sends, entity: "acme", data: {of: "${event_id}"}}}}]}')" >"$tmp/made"
    is "$3 is answered with $4" "$(status)" 201
}
point "$URL_A" "$URL_B" ci.ping ci.pong
point "$URL_B" "$URL_A" ci.pong ci.ping

URL=$URL_A
root=$(emit '{"type":"ci.ping","entity":"acme"}' | jq -r '.events[0].id')
URL=$URL_B
within 15 have_executions failed 1 || bad "the last hub is refused" "$(api GET /api/v1/executions)"
api GET '/api/v1/executions?status=failed' >"$tmp/failed"
api GET "/api/v1/executions/$(jq -r '.items[0].id' "$tmp/failed")" >"$tmp/last"
is "with 400" "$(jq -r '.attempt_records[0].http_status' "$tmp/last")" 400
has "and the reason" "$(jq -r '.attempt_records[0].response' "$tmp/last")" "more than 5 hubs"

all() { # URL TYPE
    URL=$1
    api GET "/api/v1/events?type=$2&limit=100" | jq -c '[.items[] | .cause] | sort'
}
is "one hub has had three events, the last two of the first's cause" "$(all "$URL_A" ci.ping)" \
    "[null,\"$root\",\"$root\"]"
is "the other three, all of that cause" "$(all "$URL_B" ci.pong)" \
    "[\"$root\",\"$root\",\"$root\"]"

# --- what a header says

URL=$URL_A
emit '{"type":"ci.other","entity":"acme","cause":"mine"}' -H 'Belfry-Cause: 01ROOT' >"$tmp/answer"
is "the header goes before the envelope's own" "$(all "$URL_A" ci.other)" '["01ROOT"]'
emit '{"type":"ci.third","entity":"acme","cause":"mine"}' >"$tmp/answer"
is "which counts without one" "$(all "$URL_A" ci.third)" '["mine"]'
emit '{"type":"ci.third","entity":"acme"}' -H 'Belfry-Cause: 01 ROOT' >"$tmp/answer"
is "one that can be none is refused" "$(status) $(jq -r .error.field "$tmp/answer")" "400 cause"

# --- and how much one cause may lead to

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
hook=$(add_webhook acme sink "{\"url\": \"http://$ADDRESS/hook\"}")
api POST /api/v1/automations "{\"name\": \"wide\", \"scope\": {\"entity\": \"acme\"},
    \"event\": {\"type\": \"ci.wide\"}, \"actions\": [{\"integration\": \"$hook\", \"config\": {}}]}" >"$tmp/made"
WIDE=$(jq -r .id "$tmp/made")
for _ in 1 2; do
    seq 505 | sed 's/.*/{"type":"ci.wide","entity":"acme"}/' >"$tmp/many"
    emit @"$tmp/many" -H 'Belfry-Cause: 01WIDE' >"$tmp/answer"
    is "many events of one cause are taken" "$(status)" 202
done
api GET "/api/v1/executions?automation=$WIDE&status=skipped" >"$tmp/skipped"
is "a thousand firings come of it, and no more" \
    "$(jq -c '[.items[] | [.reason, .count]]' "$tmp/skipped")" '[["loop",10]]'
emit '{"type":"ci.wide","entity":"acme"}' -H 'Belfry-Cause: 01OTHER' >"$tmp/answer"
emit '{"type":"ci.wide","entity":"acme"}' >"$tmp/answer"
fired() { # COUNT
    [ "$(api GET "/api/v1/executions/export?automation=$WIDE" | jq -r .reason | grep -cv loop)" = "$1" ]
}
within 10 fired 1002 || bad "other causes, and none, are let through"
finish
