#!/bin/bash
# runs.sh - events of runs come back byte for byte, over a kill as well; and runs that fall silent.
. "$(dirname "$0")/lib.sh"

start_hub
add_team acme

head='{"type":"run.metric","entity":"acme","project":"vision","run":{"id":"r1","name":"frog-7","config":{"lr":0.10}}'
for i in $(seq 1 6); do
    printf '%s,"key":"k%d","time":"2026-11-23T12:00:0%d.5Z","metrics":[{"name":"loss","step":%d,"value":0.%d00},{"name":"acc","step":%d,"value":%de-05}]}\n' \
        "$head" "$i" "$i" "$i" "$i" "$i" "$i"
    printf '{"type": "run.metric", "entity": "acme", "project": "vision", "run": {"id": "r2"}, "metrics": [{"name": "system.cpu", "value": "NaN"}, {"name": "system.cpu", "step": %d, "value": 0.8234000205993652}]}\n' "$i"
    printf '{"type":"run.heartbeat","entity":"acme","project":"vision","run":{"id":"r1"}}\n'
done >"$tmp/lines"
emit "@$tmp/lines" >"$tmp/answer"
is "events of runs are taken" "$(status)" 202

# Each as it is shown, but for what the hub puts in front.
shown() {
    api GET '/api/v1/events?entity=acme&project=vision&limit=100' | jq -r '.items[].id' | tac |
        while read -r id; do
            api GET "/api/v1/events/$id" | sed -E 's/^\{"id":"[^"]*","received":"[^"]*",/{/'
            echo
        done
}
is "they come back byte for byte" "$(shown)" "$(cat "$tmp/lines")"
sql() { "$B/tests/tools/sql" "$DATA/belfry.db" "$1"; }
is "though most are not stored as their text" \
    "$(sql "SELECT count(*) FROM journal WHERE run > 0 AND length(body) = 0")" 15

kill -9 "$HUB_PID"
wait "$HUB_PID" 2>/dev/null
start_hub --heartbeat_timeout 1s
emit "@$tmp/lines" >"$tmp/answer"
is "after a kill as well, and a run goes on where it was" "$(shown | head -n 18)" "$(cat "$tmp/lines")"
is "with its number" "$(sql "SELECT count(*) FROM runs")" 2
is "in the list and as CloudEvents too" \
    "$(api GET '/api/v1/events?entity=acme&type=run.metric&limit=100' | jq -c '[.items[].metrics[0].name] | unique')" \
    '["loss","system.cpu"]'

# --- the events of one run

of_run() { api GET "/api/v1/events?entity=acme&project=vision&run=$1"; } # RUN&MORE
ids() { jq -r '.items[].id'; }
is "they are listed, newest first" "$(of_run 'r1&limit=100' | ids)" \
    "$(api GET '/api/v1/events?entity=acme&project=vision&limit=100' |
        jq -r '.items[] | select(.run.id == "r1") | .id')"
is "in pages" "$(cursor=$(of_run 'r1&limit=5' | jq -r .next)
    { of_run 'r1&limit=5'; of_run "r1&limit=100&cursor=$cursor"; } | ids)" "$(of_run 'r1&limit=100' | ids)"
is "of a type" "$(of_run 'r1&type=run.heartbeat' | jq '.items | length')" 12
is "from a time on" "$(of_run "r1&until=2020-01-01T00:00:00Z" | jq -c '[.items, .next]')" '[[],null]'
is "a run of another project has none" \
    "$(api GET '/api/v1/events?entity=acme&project=audio&run=r1' | jq -c '[.items, .next]')" '[[],null]'
api GET '/api/v1/events?entity=acme&run=r1' >"$tmp/answer"
is "without its project it is not known" "$(status) $(jq -r .error.field "$tmp/answer")" "400 run"

# --- falling silent

state() { # RUN STATE
    emit "{\"type\":\"run.state\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":{\"id\":\"$1\",\"name\":\"toad\",\"state\":\"$2\"}}" >"$tmp/answer"
}
states() { # RUN: what it went through, as the journal tells it
    api GET '/api/v1/events?entity=acme&type=run.state&limit=100' |
        jq -r --arg run "$1" '[.items[] | select(.run.id == $run) | .run.state] | reverse | join(" ")'
}
went_through() { [ "$(states "$1")" = "$2" ]; } # RUN STATES
state r3 RUNNING
state r4 RUNNING
state r4 FINISHED
within 10 went_through r3 "RUNNING CRASHED" || bad "a silent run has crashed" "$(states r3)"
is "the hub says so, with what it was known as" \
    "$(api GET '/api/v1/events?type=run.state&limit=1' | jq -c '.items[0] | [.author, .source, .run]')" \
    '["belfry-system","belfry",{"id":"r3","name":"toad","state":"CRASHED"}]'
is "one that had finished has not" "$(states r4)" "RUNNING FINISHED"
emit '{"type":"run.heartbeat","entity":"acme","project":"vision","run":{"id":"r3"}}' >"$tmp/answer"
has "what speaks again runs again" "$(states r3)" "RUNNING CRASHED RUNNING"
kill -9 "$HUB_PID"
wait "$HUB_PID" 2>/dev/null
start_hub --heartbeat_timeout 1s
within 10 went_through r3 "RUNNING CRASHED RUNNING CRASHED" ||
    bad "and is watched over a kill" "$(states r3)"

"$BELFRY" serve --data "$tmp/no" --heartbeat_timeout soon >"$tmp/refused" 2>&1
has "a timeout that is none is refused by name" "$(cat "$tmp/refused")" "heartbeat_timeout"
finish
