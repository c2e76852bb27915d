#!/bin/bash
# too_much.sh - an event that would fire without end is refused alone, and by its number.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
RECEIVER=$ADDRESS
start_hub
add_team acme
hook=$(add_webhook acme hook "{\"url\":\"http://$RECEIVER/\"}")
api POST /api/v1/automations "{\"name\":\"each\",\"scope\":{\"entity\":\"acme\"},\"limits\":{\"per_run\":\"off\"},
    \"event\":{\"type\":\"RUN_METRIC\",\"filter\":{\"run_metric_filter\":{\"threshold_filter\":
    {\"name\":\"m\",\"cmp_op\":\"\$gte\",\"threshold\":0}}}},
    \"actions\":[{\"integration\":\"$hook\",\"config\":{}}]}" >"$tmp/made"
is "an automation on each value is made" "$(status)" 201
is "an automation on each value is made" "$(status)" 201

points() {
    awk -v n="$1" 'BEGIN { printf "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"p\",\"run\":{\"id\":\"r\"},\"metrics\":["
        for (i = 0; i < n; i++) printf "%s{\"name\":\"m\",\"value\":1}", i ? "," : ""
        print "]}" }'
}
post() {
    curl -s -o "$tmp/answer" -w '%{http_code}' -H "Authorization: Bearer $KEY" \
        -H 'Content-Type: application/json' --data-binary "@$1" "$URL/api/v1/events"
}

points 20001 >"$tmp/much"
points 3 >"$tmp/few"
is "too many firings of one event" "$(post "$tmp/much")" 413
has "the limit is said" "$(cat "$tmp/answer")" "20000 actions"
is "the hub is ready all the same" "$(curl -s -o "$tmp/null" -w '%{http_code}' "$URL/readyz")" 200
is "and takes the next" "$(post "$tmp/few")" 202
within 10 have_executions finished 3 || bad "its three points are told of"
grep -q "nothing is acknowledged" "$tmp/hub.log" && bad "no trouble of the store" || good

# --- scripts ------------------------------------------------------------------------------------

# 100 events that 501 filters would be asked about: each time the rest was missed it was undone and asked
# for anew, and the sender had no answer for half a minute.
jq -nc '{manifest: "filters", automations: [range(501) | {name: "f\(.)", scope: {entity: "acme",
    project: "p"}, event: {type: "ci.many"}, hooks: {filter: {code: "return { filter = function(event)
    return event.data.n == \(.) end }"}}, actions: [{integration: "hook", config: {}}]}]}' >"$tmp/document"
echo "{\"document\":$(cat "$tmp/document")}" >"$tmp/plan"
hash=$(api POST /api/v1/plans @"$tmp/plan" | jq -r .hash)
echo "{\"document\":$(cat "$tmp/document"),\"expect\":\"$hash\"}" >"$tmp/plan"
api POST /api/v1/plans/apply @"$tmp/plan" >"$tmp/answer"
is "501 filters are made" "$(jq -r .created "$tmp/answer")" 501
many() { # N events
    for _ in $(seq "$1"); do
        echo '{"type":"ci.many","entity":"acme","project":"p","data":{"n":7}}'
    done >"$tmp/many"
    curl -s -m 25 -o "$tmp/answer" -w '%{http_code}' -H "Authorization: Bearer $KEY" \
        -H 'Content-Type: application/x-ndjson' --data-binary "@$tmp/many" "$URL/api/v1/events"
}
is "too many questions at once" "$(many 100)" 413
has "and how many there may be" "$(cat "$tmp/answer")" "more than 50000 scripts"
is "fewer are answered" "$(many 2)" 202

finish
