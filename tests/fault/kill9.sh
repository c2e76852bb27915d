#!/bin/bash
# kill9.sh [ROUNDS] - kill the hub under load, again and again; nothing acknowledged may be lost.
#
# Eight connections send events with unique keys as fast as they are acknowledged, a receiver notes
# what arrives, and the hub is killed with SIGKILL every 0.2 to 0.6 s.  Then: every acknowledged
# event is in the journal; every firing was delivered at least once; repeats carry the id of the
# first delivery; no event enqueued anything twice; the database is whole.
. "$(dirname "$0")/../e2e/lib.sh"
rounds=${1:-${KILL_ROUNDS:-12}}

start "$tmp/receive.log" "$B/tests/tools/receive" --listen 127.0.0.1:0 --ids-file "$tmp/received"
RECEIVER=$ADDRESS RECEIVER_PID=$PID
DATA=$tmp/data
start_hub
LISTEN=$ADDRESS
add_team acme
ID=$(add_webhook acme receiver "{\"url\":\"http://$RECEIVER/\"}")
automate promote production "$ID" '{"id": "${event_id}", "note": "${alias}"}' >"$tmp/answer"
is "the automation is made" "$(status)" 201

"$B/tests/tools/load" --url "$URL/api/v1/events" --key "$KEY" --entity acme --project vision \
    --collection resnet --alias production --connections 8 --seconds 600 --patience 20 \
    --ids-file "$tmp/acknowledged" >"$tmp/load.json" 2>"$tmp/load.err" &
LOAD_PID=$!
started="$started $LOAD_PID"

for _ in $(seq "$rounds"); do
    sleep "0.$((RANDOM % 4 + 2))"
    kill -9 "$HUB_PID"
    wait "$HUB_PID" 2>/dev/null
    start_hub
done
sleep 0.5
kill -TERM "$LOAD_PID"
wait "$LOAD_PID"

nothing_waits() { [ "$(executions pending)" = 0 ]; }
within 60 nothing_waits || bad "all is delivered in the end" "$(executions pending) pending"
stop_hub
is "the hub stops in order" $? 0
kill -TERM "$RECEIVER_PID"
wait "$RECEIVER_PID"

sql() { "$B/tests/tools/sql" "$DATA/belfry.db" "$1"; }
sort -u "$tmp/acknowledged" >"$tmp/acknowledged.sorted"
sql "SELECT event_key FROM event_keys" | sort -u >"$tmp/journaled.sorted"
acknowledged=$(wc -l <"$tmp/acknowledged.sorted")
[ "$acknowledged" -gt $((rounds * 20)) ] || bad "enough load to mean anything" "$acknowledged acknowledged"
is "every acknowledged event is in the journal" \
    "$(comm -23 "$tmp/acknowledged.sorted" "$tmp/journaled.sorted" | wc -l)" 0
is "every event in the journal has exactly one execution" \
    "$(sql "SELECT count(*) FROM (SELECT j.seq, count(x.number) AS n FROM journal j
            LEFT JOIN executions x ON x.event = j.seq
            WHERE j.type = 'artifact.alias.add' GROUP BY j.seq) WHERE n <> 1")" 0
is "every execution is finished" "$(sql 'SELECT count(*) FROM executions WHERE status <> 2')" 0
is "every firing was delivered" \
    "$(sql 'SELECT count(*) FROM executions')" \
    "$(cut -d' ' -f2 "$tmp/received" | sort -u | wc -l)"
is "a repeat has the id of the first delivery" \
    "$(sort -u "$tmp/received" | cut -d' ' -f2 | sort | uniq -d | wc -l)" 0
is "the database is whole" "$(sql 'PRAGMA integrity_check')" ok
echo "$rounds kills, $acknowledged acknowledged, $(wc -l <"$tmp/received") deliveries of" \
    "$(sql 'SELECT count(*) FROM executions')"
finish
