#!/bin/bash
# reload_scripts.sh [RELOADS] - a hook's file is changed again and again under load, to texts that are
# good, broken, slow, crashing, half written or gone.
#
# Every good text lets every event through.  So if no event is affected, each that was acknowledged
# is delivered once, whatever stood in the file when it came.
. "$(dirname "$0")/../e2e/lib.sh"
reloads=${1:-${SCRIPT_RELOADS:-30}}

start "$tmp/receive.log" "$B/tests/tools/receive" --listen 127.0.0.1:0
RECEIVER=$ADDRESS
mkdir "$tmp/scripts"
file=$tmp/scripts/gate.lua
sound() { # N: as many texts as one likes
    echo "return { filter = function(event) return event.alias ~= \"never-$1\" end }"
}
put() { # TEXT
    printf '%s\n' "$1" >"$tmp/scripts/.new"
    touch -d '1 minute ago' "$tmp/scripts/.new"
    mv "$tmp/scripts/.new" "$file"
}
put "$(sound 0)"
start_hub --scripts_dir "$tmp/scripts" --log-level info
add_team acme
ID=$(add_webhook acme receiver "{\"url\":\"http://$RECEIVER/\"}")
api POST /api/v1/automations "{\"name\": \"gate\", \"scope\": {\"entity\": \"acme\"},
    \"event\": {\"type\": \"ADD_ARTIFACT_ALIAS\"}, \"hooks\": {\"filter\": {\"file\": \"gate.lua\"}},
    \"actions\": [{\"integration\": \"$ID\", \"config\": {\"payload\": {\"id\": \"\${event_id}\"}}}]}" \
    >"$tmp/answer"
is "the automation is made" "$(status)" 201
emit "$(alias_event production)" >"$tmp/answer"

# Until it is told to end, in pieces that each say how they went.
load() {
    while [ ! -e "$tmp/enough" ]; do
        "$B/tests/tools/load" --url "$URL/api/v1/events" --key "$KEY" --entity acme \
            --project vision --collection resnet --alias production --connections 8 \
            --rate "${RATE:-200}" --seconds 3 >>"$tmp/load.json" 2>>"$tmp/load.err"
    done
}
load &
LOAD_PID=$!
started="$started $LOAD_PID"

in_force() { api GET /api/v1/scripts | jq -r '.items[] | select(.file == "gate.lua").hash'; }
refused() { api GET /api/v1/scripts | jq -r '.items[] | select(.file == "gate.lua").refused.hash'; }
hash_of() { sha256sum "$file" | cut -d' ' -f1; }
is_in_force() { [ "$(in_force)" = "$1" ]; }
is_refused() { [ "$(refused)" = "$1" ]; }
is_gone() { [ "$(api GET /api/v1/scripts | jq -r '.items[] | select(.file == "gate.lua").state')" = gone ]; }
look() { kill -HUP "$HUB_PID"; }

wrong=(
    'return { filter = function(event) retrun true end }'                           # no Lua
    'return { filter = function(event) while true do end end }'                     # does not end
    'return { filter = function(event) return event.run.name == "x" end }'          # fails on events
    'return { filter = function(event) return ("a"):rep(40):find(("a*"):rep(12) .. "b") end }'  # hangs in C
    'return { filter = function(event) return ("x"):rep(1e9) == "" end }'           # wants memory
    'return { transform = function(payload) return payload end }'                   # lacks the hook
    'while true do end return {}'                                                   # does not even load
    'return 17'                                                                     # is no script
)
for i in $(seq "$reloads"); do
    case $((i % 3)) in
    0)  put "$(sound "$i")"
        want=$(hash_of)
        look
        within 20 is_in_force "$want" || { bad "good text $i comes into force" "$(api GET /api/v1/scripts)"; break; } ;;
    1)  put "${wrong[i / 3 % ${#wrong[@]}]}
-- $i"
        want=$(hash_of) stays=$(in_force)
        look
        within 20 is_refused "$want" || { bad "wrong text $i is refused" "$(api GET /api/v1/scripts)"; break; }
        is_in_force "$stays" || { bad "what was in force stays" "$i"; break; } ;;
    2)  if [ $((i % 2)) = 0 ]; then         # in pieces, as a slow editor writes it
            sound "$i" >"$tmp/text"
            head -c 30 "$tmp/text" >"$file"
            look
            tail -c +31 "$tmp/text" >>"$file"
            want=$(hash_of)
            look
            within 20 is_in_force "$want" || { bad "a text in pieces comes into force" "$i"; break; }
        else
            rm "$file"
            look
            within 20 is_gone || { bad "a file that is gone is told" "$i"; break; }
        fi ;;
    esac
done
touch "$tmp/enough"
wait "$LOAD_PID"
is "no request failed" "$(jq -sc '[(map(.errors) | add), (map(.statuses | keys) | add | unique)]' \
    "$tmp/load.json")" '[0,["202"]]'
sql() { "$B/tests/tools/sql" "$DATA/belfry.db" "$1"; }
nothing_waits() { [ "$(executions pending)" = 0 ]; }
within 60 nothing_waits || bad "all is delivered" "$(executions pending) wait"
events=$(sql "SELECT count(*) FROM journal WHERE type = 'artifact.alias.add'")
[ "$events" -gt $((reloads * 5)) ] || bad "enough load to mean anything" "$events events"
is "every event was let through and delivered, once" \
    "$(sql 'SELECT count(*) FROM executions WHERE status = 2')" "$events"
is "no hook failed" "$(sql 'SELECT count(*) FROM executions WHERE status <> 2')" 0
stop_hub
is "the hub ends with 0" $? 0
echo "$reloads reloads, $events events"
finish
