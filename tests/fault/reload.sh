#!/bin/bash
# reload.sh [RELOADS] - settings read again under load, half of them broken; then an end under load.
#
# No request may fail while the file is read again and again, and what was acknowledged before the
# end is in the journal and, at the latest after the next start, delivered.
. "$(dirname "$0")/../e2e/lib.sh"
reloads=${1:-${RELOADS:-100}}

start "$tmp/receive.log" "$B/tests/tools/receive" --listen 127.0.0.1:0 --delay 20
RECEIVER=$ADDRESS
settings() { # LINES
    printf 'log_level = "warn"\n%s\n' "$1" >"$tmp/belfry.lua.new"
    mv "$tmp/belfry.lua.new" "$tmp/belfry.lua"
}
# allow_addresses stands in the file, so that a reload has something to change.
settings 'allow_addresses = "127.0.0.0/8"'
DATA=$tmp/data
start_hub_by_file() {
    BELFRY_ADMIN_KEY=$KEY start "$tmp/hub.log" "$BELFRY" serve --data "$DATA" \
        --listen "${LISTEN:-127.0.0.1:0}" --config "$tmp/belfry.lua" --log-level info
    HUB_PID=$PID URL=http://$ADDRESS
    within 10 curl -sf -o "$tmp/ready" "$URL/readyz"
}
start_hub_by_file
add_team acme
ID=$(add_webhook acme receiver "{\"url\":\"http://$RECEIVER/\"}")
automate promote production "$ID" '{"id": "${event_id}"}' >"$tmp/answer"
is "the automation is made" "$(status)" 201

load() { # SECONDS
    "$B/tests/tools/load" --url "$URL/api/v1/events" --key "$KEY" --entity acme --project vision \
        --collection resnet --alias production --connections 8 --rate 500 --seconds "$1" \
        --ids-file "$tmp/acknowledged" >"$tmp/load.json" 2>"$tmp/load.err" &
    LOAD_PID=$!
    started="$started $LOAD_PID"
}

# --- reload under load

answers() { grep -cE 'settings read again|reload refused' "$tmp/hub.log"; }
answered() { [ "$(answers)" -ge "$1" ]; }
broken=('this is not lua' 'lisen = 1' 'threads = "many"' 'allow_addresses = "nowhere"')
load $((reloads / 15 + 2))
for i in $(seq "$reloads"); do
    if [ $((i % 2)) = 0 ]; then
        settings "${broken[(reloads - i) / 2 % 4]}"
    else
        settings "allow_addresses = { \"127.0.0.0/8\", \"10.0.0.$((i % 250))\" }"
    fi
    kill -HUP "$HUB_PID"
    within 5 answered "$i" || { bad "reload $i is answered"; break; }
    sleep 0.03
done
wait "$LOAD_PID"
is "half of the reloads are refused" "$(grep -c 'reload refused' "$tmp/hub.log")" $((reloads / 2))
is "the others read the settings again" "$(grep -c 'settings read again' "$tmp/hub.log")" \
    $((reloads - reloads / 2))
is "no request failed, no connection was dropped" \
    "$(jq -c '[.errors, .reconnects, (.statuses | keys)]' "$tmp/load.json")" '[0,0,["202"]]'
has "the status tells of the last refusal" "$(api GET /api/v1/status | jq -r .settings.refused)" \
    "belfry.lua:2"
settings 'allow_addresses = "127.0.0.0/8"'
kill -HUP "$HUB_PID"
within 5 answered $((reloads + 1)) || bad "the last reload is answered"
is "and forgets it after a good one" "$(api GET /api/v1/status | jq -r .settings.refused)" null

# --- the end under load

load 600
sleep 1
begun=${EPOCHREALTIME/./}
stop_hub
is "SIGTERM under load ends the hub with 0" $? 0
at_most "within 20 s" $(((${EPOCHREALTIME/./} - begun) / 1000)) 20000
kill -TERM "$LOAD_PID"
wait "$LOAD_PID"
sql() { "$B/tests/tools/sql" "$DATA/belfry.db" "$1"; }
sort -u "$tmp/acknowledged" >"$tmp/acknowledged.sorted"
sql "SELECT event_key FROM event_keys" | sort -u >"$tmp/journaled.sorted"
acknowledged=$(wc -l <"$tmp/acknowledged.sorted")
[ "$acknowledged" -gt 200 ] || bad "enough load to mean anything" "$acknowledged acknowledged"
is "what was acknowledged is in the journal" \
    "$(comm -23 "$tmp/acknowledged.sorted" "$tmp/journaled.sorted" | wc -l)" 0
start_hub_by_file
nothing_waits() { [ "$(executions pending)" = 0 ]; }
within 30 nothing_waits || bad "all is delivered after the next start" "$(executions pending) wait"
is "once for each event" "$(sql 'SELECT count(*) FROM executions WHERE status = 2')" \
    "$(sql "SELECT count(*) FROM journal WHERE type = 'artifact.alias.add'")"

# --- the second signal does not wait

emit "$(alias_event production)" >"$tmp/answer"
kill -STOP "$(echo "$started" | awk '{print $1}')"      # the receiver answers nothing
emit "$(alias_event production)" >"$tmp/answer"
sleep 0.3
begun=${EPOCHREALTIME/./}
kill -TERM "$HUB_PID"
sleep 0.3
kill -TERM "$HUB_PID"
wait "$HUB_PID"
is "a second SIGTERM ends it by the signal" $? 143
at_most "at once" $(((${EPOCHREALTIME/./} - begun) / 1000)) 2000
echo "$reloads reloads, $acknowledged acknowledged"
finish
