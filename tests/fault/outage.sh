#!/bin/bash
# outage.sh - eight receivers go down or fall silent, and one that is well does not notice; what
# they missed is kept, and pace holds over all of it.
#
# Times are compared within one run: the well one's latency while the eight answer, while they are
# silent, and while nothing listens there.
. "$(dirname "$0")/../e2e/lib.sh"

SECONDS_EACH=${SECONDS_EACH:-3}
RATE=${RATE:-40}

start_hub
add_team acme
start "$tmp/others.log" "$B/tests/tools/receive" --listen 127.0.0.1:0
OTHERS=$ADDRESS
others_pid=$PID
start "$tmp/well.log" "$B/tests/tools/receive" --listen 127.0.0.1:0 --latency
WELL=$ADDRESS
well_pid=$PID

actions="{\"integration\":\"$(add_webhook acme well "{\"url\":\"http://$WELL/\"}")\",
    \"config\":{\"payload\":{\"t\":\"\${json:artifact_metadata.t}\"}}}"
for n in 1 2 3 4 5 6 7 8; do
    actions="$actions,{\"integration\":\"$(add_webhook acme "other$n" "{\"url\":\"http://$OTHERS/$n\"}")\",\"config\":{}}"
done
api POST /api/v1/automations "{\"name\":\"all nine\",\"scope\":{\"entity\":\"acme\",\"project\":\"vision\"},
    \"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\",\"filter\":{\"alias\":\"production\"}},\"actions\":[$actions]}" >"$tmp/made"
is "an automation with nine actions is made" "$(status)" 201

# p99, in ms, of the way from sending an event to its webhook at the one that is well.
p99_of_the_well() {
    "$B/tests/tools/load" --url "$URL/api/v1/events" --key "$KEY" --connections 4 --rate "$RATE" \
        --seconds "$SECONDS_EACH" --stamp >"$tmp/load"
    sleep 0.5
    kill -TERM "$well_pid"
    wait "$well_pid"
    grep '^{' "$tmp/well.log" >"$tmp/summary"
    p99=$(jq '.p99_us / 1000 | ceil' "$tmp/summary")
    got=$(jq .distinct "$tmp/summary")
    sent=$(jq .acknowledged "$tmp/load")
    start "$tmp/well.log" "$B/tests/tools/receive" --listen "$WELL" --latency
    well_pid=$PID
}
p99_of_the_well
base=$p99
is "all events reach the one that is well" "$got" "$sent"

kill -TERM "$others_pid"
wait "$others_pid"
start "$tmp/others.log" "$B/tests/tools/receive" --listen "$OTHERS" --delay 60000
others_pid=$PID
p99_of_the_well
silent=$p99
is "and so while the eight are silent" "$got" "$sent"

kill -TERM "$others_pid"
wait "$others_pid"
p99_of_the_well
down=$p99
is "and while nothing listens there" "$got" "$sent"

echo "p99 in ms: $base while all answer, $silent while eight are silent, $down while they are down"
at_most "its p99 is what it was, but for the noise of a shared machine (silent)" "$silent" $((base * 2 + 25))
at_most "its p99 is what it was, but for the noise of a shared machine (down)" "$down" $((base * 2 + 25))
waiting=$("$B/tests/tools/sql" "$DATA/belfry.db" "SELECT count(*) FROM executions WHERE status = 0")
made=$("$B/tests/tools/sql" "$DATA/belfry.db" "SELECT count(*) FROM executions")
delivered=$("$B/tests/tools/sql" "$DATA/belfry.db" "SELECT count(*) FROM executions WHERE status = 2")
is "nothing of the others is lost" "$((waiting + delivered))" "$made"
attempts=$("$B/tests/tools/sql" "$DATA/belfry.db" \
    "SELECT count(*) FROM attempts WHERE outcome <> 0")
at_most "and they are not asked once per execution" "$attempts" $((waiting / 2))

# Up again: what waits and has not been tried yet goes out by itself, soon after the end of a rest.
start "$tmp/others.log" "$B/tests/tools/receive" --listen "$OTHERS"
all_fresh() { [ "$("$B/tests/tools/sql" "$DATA/belfry.db" \
    "SELECT count(*) FROM executions WHERE status = 0 AND attempts = 0")" = 0 ]; }
within 40 all_fresh || bad "what waited is delivered when they are up again" \
    "$("$B/tests/tools/sql" "$DATA/belfry.db" "SELECT attempts, count(*) FROM executions WHERE status = 0 GROUP BY attempts")"
good

stop_hub
is "the hub stops in order" $? 0
finish
