#!/bin/bash
# backlog.sh - many firings at once for a service that takes few messages a second and says 429 beyond;
# the hub is killed in the middle.  Nothing is lost or told of twice, few messages tell of all, the
# history knows of each, and another receiver does not notice.
#
# How many messages at most: as long as more than 20 executions are due each tells of as many of its
# automation as its sink can (50), then of what is left, and the last 20 go one by one.  One that was
# under way at the kill comes again, with the same id.
. "$(dirname "$0")/../e2e/lib.sh"

FIRINGS=${FIRINGS:-1000}        # of two automations, in turns
PER_SECOND=${PER_SECOND:-3}     # messages that the service takes; the hub may send twice as many
SECONDS_EACH=${SECONDS_EACH:-3}
MERGED=50
AUTOMATIONS=2
MESSAGES=$((FIRINGS / MERGED + AUTOMATIONS + 20))

start "$tmp/messages" node "$(dirname "$0")/../e2e/merge.mjs" "$PER_SECOND"
SERVICE=$ADDRESS
start "$tmp/well.log" "$B/tests/tools/receive" --listen 127.0.0.1:0 --latency
WELL=$ADDRESS
well_pid=$PID
mkdir -m 755 "$tmp/plugins"
for name in "$B"/plugins/*.so "$B"/tests/skeletons/digest.so; do
    install -m 755 "$name" "$tmp/plugins/"
done
begin_hub() { start_hub --plugin_dir "$tmp/plugins" --plugins "http webhook digest"; }
begin_hub
add_team acme
well=$(add_webhook acme well "{\"url\":\"http://$WELL/\"}")
automate stream production "$well" "{\"t\":\"\${json:artifact_metadata.t}\"}" >"$tmp/made"
lines=$(api POST /api/v1/teams/acme/integrations "{\"sink\": \"digest\", \"name\": \"lines\",
    \"config\": {\"url\": {\"value\": \"http://$SERVICE/lines\"}},
    \"delivery\": {\"pace\": \"$((PER_SECOND * 2))/s\"}}" | jq -r .id)
for n in $(seq "$AUTOMATIONS"); do
    api POST /api/v1/automations "$(jq -nc --arg n "ci.$n" --arg i "$lines" --argjson m "$MERGED" '{name: $n,
        scope: {entity: "acme"}, event: {type: $n}, actions: [{integration: $i,
        config: {line: "${event_id} ${execution_id}", lines: $m}}]}')" >"$tmp/made"
    is "automation $n is made" "$(status)" 201
done

# p99, in ms, of the way from sending an event to its webhook at the one that is well.
p99_of_the_well() {
    "$B/tests/tools/load" --url "$URL/api/v1/events" --key "$KEY" --connections 4 --rate 40 \
        --seconds "$SECONDS_EACH" --stamp >"$tmp/load"
    sleep 0.5
    kill -TERM "$well_pid"
    wait "$well_pid"
    grep '^{' "$tmp/well.log" >"$tmp/summary"
    p99=$(jq '.p99_us / 1000 | ceil' "$tmp/summary")
    is "all events reach the one that is well" "$(jq .distinct "$tmp/summary")" "$(jq .acknowledged "$tmp/load")"
    start "$tmp/well.log" "$B/tests/tools/receive" --listen "$WELL" --latency
    well_pid=$PID
}
p99_of_the_well
base=$p99

# --- the backlog

for from in $(seq 1 1000 "$FIRINGS"); do
    to=$((from + 999))
    seq "$from" $((to < FIRINGS ? to : FIRINGS)) |
        jq -c --argjson k "$AUTOMATIONS" '{type: "ci.\(. % $k + 1)", entity: "acme", data: {n: .}}' |
        emit @- >"$tmp/answer"
    is "firings from $from on are taken" "$(status)" 202
done
p99_of_the_well
echo "p99 in ms: $base without a backlog, $p99 beside one"
at_most "the other's p99 is what it was, but for the noise of a shared machine" "$p99" $((base * 2 + 25))

waiting() { "$B/tests/tools/sql" "$DATA/belfry.db" "SELECT count(*) FROM executions WHERE status IN (0, 7)"; }
kill -9 "$HUB_PID"
wait "$HUB_PID" 2>/dev/null
at_the_kill=$(waiting)
[ "$at_the_kill" -gt 0 ] && [ "$at_the_kill" -lt "$FIRINGS" ] || bad "some are told of, and some wait" "$at_the_kill wait"
begin_hub
none_waits() { [ "$(waiting)" = 0 ]; }
within $((FIRINGS / PER_SECOND + 60)) none_waits || bad "all come to an end" "$(waiting) wait"

# --- what was told, and what the history says of it

grep '"status":200' "$tmp/messages" | jq -r '.lines[]' | sort -u >"$tmp/told"
api GET "/api/v1/executions/export?integration=$lines" |
    jq -r 'select(.status == "finished") | "\(.event) \(.merged_into // .id)"' | sort >"$tmp/history"
is "each firing has a row of its own" "$(wc -l <"$tmp/history")" "$FIRINGS"
is "each is told of, by the one that the history names and no other" \
    "$(cmp "$tmp/told" "$tmp/history" 2>&1)" ""
tellers=$(cut -d' ' -f2 "$tmp/told" | sort -u | wc -l)
messages=$(grep -c '"status":200' "$tmp/messages")
refused=$(grep -c '"status":429' "$tmp/messages")
echo "$FIRINGS firings in $tellers messages, $((messages - tellers)) again after the kill; $refused were refused with 429"
at_most "few messages tell of all" "$tellers" "$MESSAGES"
at_most "and what was under way at the kill comes again" $((messages - tellers)) $((PER_SECOND * 2))
[ "$refused" -gt 0 ] || bad "the service was asked too often, and said so"
is "nothing has failed" "$("$B/tests/tools/sql" "$DATA/belfry.db" \
    "SELECT count(*) FROM executions WHERE status NOT IN (0, 2, 7)")" 0
stop_hub
is "the hub stops in order" $? 0
finish
