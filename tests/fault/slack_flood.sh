#!/bin/bash
# slack_flood.sh - thousands of firings for one channel of a Slack that takes less than a message a
# second and says 429 beyond: a handful of messages tells of each of them once, the history has all,
# and what goes elsewhere meanwhile is not held up.
#
# At most 1,000 firings go into one message; the first goes at once, and what is left when the backlog
# is over goes one by one.
. "$(dirname "$0")/../e2e/lib.sh"

FIRINGS=${FIRINGS:-3000}
PER_SECOND=${PER_SECOND:-0.8}   # messages that the service takes; the hub sends one a second
MERGE_OVER=${MERGE_OVER:-4}
MESSAGES=$((FIRINGS / 1000 + 2 + MERGE_OVER))

start "$tmp/messages" node "$(dirname "$0")/../e2e/merge.mjs" "$PER_SECOND"
SLACK=$ADDRESS
start "$tmp/other" "$B/tests/tools/receive" --listen 127.0.0.1:0 --latency
OTHER=$ADDRESS OTHER_PID=$PID
start_hub
add_team acme
channel=$(api POST /api/v1/teams/acme/integrations "{\"sink\": \"slack\", \"name\": \"ml-alerts\",
    \"config\": {\"webhook_url\": {\"value\": \"http://$SLACK/services/T0/B0/secret\"}},
    \"delivery\": {\"merge_over\": $MERGE_OVER}}" | jq -r .id)
api POST /api/v1/automations "{\"name\": \"runs fail\", \"scope\": {\"entity\": \"acme\"},
    \"event\": {\"type\": \"ci.failed\"}, \"actions\": [{\"integration\": \"$channel\",
    \"config\": {\"title\": \"\${data.n} failed\", \"level\": \"error\"}}]}" >"$tmp/made"
is "an automation tells Slack" "$(status)" 201
automate stream production "$(add_webhook acme other "{\"url\":\"http://$OTHER/\"}")" \
    "{\"t\":\"\${json:artifact_metadata.t}\"}" >"$tmp/made"

for from in $(seq 1 1000 "$FIRINGS"); do
    seq "$from" $((from + 999 < FIRINGS ? from + 999 : FIRINGS)) |
        jq -c '{type: "ci.failed", entity: "acme", data: {n: .}}' | emit @- >"$tmp/answer"
    is "firings from $from on are taken" "$(status)" 202
done
"$B/tests/tools/load" --url "$URL/api/v1/events" --key "$KEY" --connections 4 --rate 40 \
    --seconds 2 --stamp >"$tmp/load"

waiting() { "$B/tests/tools/sql" "$DATA/belfry.db" "SELECT count(*) FROM executions WHERE status IN (0, 7)"; }
at_most "what goes elsewhere has not waited for the channel" "$(waiting)" "$FIRINGS"
none_waits() { [ "$(waiting)" = 0 ]; }
within $((MESSAGES * 3 + 30)) none_waits || bad "all come to an end" "$(waiting) wait"
kill -TERM "$OTHER_PID"
wait "$OTHER_PID"
is "what went elsewhere has arrived" "$(grep '^{' "$tmp/other" | jq .distinct)" "$(jq .acknowledged "$tmp/load")"

# --- what was told

told() { # how many firings the messages that were taken tell of, by their own words
    grep '^{' "$tmp/messages" | jq -r 'select(.status == 200).lines[0]' |
        sed -E 's/^[^0-9]*([0-9,]+) firings of .*/\1/; t; s/.*/1/' | tr -d , | awk '{ n += $1 } END { print n }'
}
messages=$(grep -c '"status":200' "$tmp/messages")
echo "$FIRINGS firings in $messages messages; $(grep -c '"status":429' "$tmp/messages") times 429"
is "each is told of once" "$(told)" "$FIRINGS"
at_most "in a handful of messages" "$messages" "$MESSAGES"
[ "$(grep -c '"status":429' "$tmp/messages")" -gt 0 ] || bad "Slack was asked too often, and said so"
is "each has a row of its own that is finished" "$("$B/tests/tools/sql" "$DATA/belfry.db" \
    "SELECT count(*) FROM executions WHERE status = 2")" "$((FIRINGS + $(jq .acknowledged "$tmp/load")))"
finish
