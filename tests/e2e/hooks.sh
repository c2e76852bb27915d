#!/bin/bash
# hooks.sh - events meet scripts on their way: what filters decide and how they fail, what on_event
# changes and drops, what is told of it later, who waits for a slow one, and a hub that is killed.
cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh

mkdir "$tmp/data" "$tmp/scripts"
chmod 700 "$tmp/data"
DATA=$tmp/data
cat >"$tmp/scripts/enrich.lua" <<'LUA'
return { on_event = function(event)
    local data = event.data or {}
    if data.noise then return false end
    if data.boom then error("boom") end
    if data.team_of then event.author = data.team_of .. "-bot" end
    return event
end }
LUA
start_hub --scripts_dir "$tmp/scripts" --on_event enrich.lua
export BELFRY_URL=$URL BELFRY_API_KEY=$KEY BELFRY_TEAM=acme HOME=$tmp
add_team acme
TO=$(add_webhook acme deployer '{"url": "http://127.0.0.1:9/hook"}')
api POST "/api/v1/integrations/$TO/disable" >/dev/null      # nothing is sent: decisions are compared

draft() { # NAME TYPE CODE ON_ERROR
    jq -nc --arg n "$1" --arg t "$2" --arg c "return { filter = function(event) $3 end }" \
        --arg e "$4" --arg i "$TO" \
        '{name: $n, scope: {entity: "acme"}, event: {type: $t},
          hooks: {filter: {code: $c, on_error: $e}}, actions: [{integration: $i,
          config: {payload: {by: "${event_author}"}}}]}'
}
make_one() { api POST /api/v1/automations "$(draft "$@")" | jq -r .id; }
event() { # TYPE DATA [more members]: the id
    emit "{\"type\":\"$1\",\"entity\":\"acme\",\"data\":$2${3-}}" | jq -r '.events[0].id'
}
verdict() { # EVENT AUTOMATION JQ
    api GET "/api/v1/events/$1/verdicts?automation=$2" | jq -r ".items[0] | $3"
}
statuses() { # AUTOMATION: of its executions, the oldest first
    api GET "/api/v1/executions?automation=$1" | jq -r '[.items[].status] | reverse | join(" ")'
}

# --- filters, and how they fail ------------------------------------------------------------------

CODE='return event.data.size > 100'
fails=$(make_one fails ci.built "$CODE" fail)
fires=$(make_one fires ci.built "$CODE" fire)
skips=$(make_one skips ci.built "$CODE" skip)
big=$(event ci.built '{"size":101}')
small=$(event ci.built '{"size":7}')
none=$(event ci.built '{"what":"no size"}')
is "yes fires, no does not, and a failure has failed" "$(statuses "$fails")" "pending failed"
is "or fires" "$(statuses "$fires")" "pending pending"
is "or is skipped" "$(statuses "$skips")" "pending skipped"
is "a verdict knows a yes" "$(verdict "$big" "$fails" '"\(.decision) \(.hook.said)"')" "fired yes"
is "and a no" "$(verdict "$small" "$fails" '"\(.decision) \(.clause) \(.hook.said)"')" "no hook no"
is "and a failure" "$(verdict "$none" "$fails" '"\(.decision) \(.hook.said)"')" "failed failed"
has "with the words of the script" "$(verdict "$none" "$fails" .hook.words)" "event.data.size"
is "and which text ran" "$(verdict "$big" "$fails" .hook.script)" \
    "$(printf 'return { filter = function(event) %s end }' "$CODE" | sha256sum | cut -d' ' -f1)"

# --- on_event -------------------------------------------------------------------------------------

named=$(make_one named ci.named 'return event.author == "vision-bot"' fail)
changed=$(event ci.named '{"team_of":"vision"}')
is "rules see what on_event has made of an event" "$(statuses "$named")" pending
api GET "/api/v1/events/$changed" >"$tmp/event"
is "and so does who reads it" "$(jq -r .author "$tmp/event")" vision-bot
is "with what had come" "$(jq -c '[.original.author, .original.data.team_of]' "$tmp/event")" '[null,"vision"]'
is "and what the hook said" "$(jq -r '.on_event | "\(.said) \(.script)"' "$tmp/event")" \
    "changed $(sha256sum <"$tmp/scripts/enrich.lua" | cut -d' ' -f1)"
has "a CloudEvent is the changed one" \
    "$(api GET "/api/v1/events/$changed" '' -H 'Accept: application/cloudevents+json')" vision-bot
dropped=$(event ci.named '{"team_of":"vision","noise":true}')
is "what it drops is acknowledged and fires nothing" "$(statuses "$named")" pending
is "it is there, with a mark" "$(api GET "/api/v1/events/$dropped" | jq -c '[.dropped, .on_event.said]')" \
    '[true,"dropped"]'
is "in lists as well" "$(api GET '/api/v1/events?type=ci.named' | jq -c '[.items[].dropped]')" '[true,null]'
is "nobody has judged it" "$(verdict "$dropped" "$named" '"\(.decision) \(.clause)"')" "dropped on_event"
broken=$(event ci.named '{"boom":true}')
is "what it fails about passes" "$(api GET "/api/v1/events/$broken" | jq -r '"\(.on_event.said) \(.dropped)"')" \
    "failed null"
has "with the traceback" "$(api GET "/api/v1/events/$broken" | jq -r .on_event.words)" "enrich.lua:4: boom"
is "belfry why says of a dropped event that alone" "$("$BELFRY" why "$dropped")" \
    "on_event dropped the event before any automation saw it"
WHY=$("$BELFRY" why "$broken")
is "of one that it failed about it says so first" "$(head -1 <<<"$WHY")" \
    "on_event failed, and the event went on as it had come"
has "and why" "$WHY" "enrich.lua:4: boom"
has "and then what automations made of it" "$WHY" "named "

# --- tried ----------------------------------------------------------------------------------------

try() { # AUTOMATION EVENT
    api POST /api/v1/automations/test "{\"automation\":$1,\"event\":$2}" | jq -r '"\(.decision) \(.hook.said)"'
}
is "a draft's script is asked about a recorded event" \
    "$(try "$(draft d ci.built 'return event.data.size == 7' fail)" "\"$small\"")" "fired yes"
is "and about one that is made up" \
    "$(try "$(draft d ci.built 'return event.data.size == 7' fail)" \
        '{"type":"ci.built","entity":"acme","data":{"size":8}}')" "no no"
is "of a saved one what it said then is told" "$(try "\"$fails\"" "\"$big\"")" "fired yes"
backtest() { # AUTOMATION: how often it would have fired, once it has ended
    local id
    id=$(api POST /api/v1/backtests "{\"automation\":$1,\"since\":\"1h\"}" | jq -r .id)
    # shellcheck disable=SC2317 # called by within
    ended() { api GET "/api/v1/backtests/$id" | jq -e '.status == "finished" or .status == "failed"' >/dev/null; }
    within 60 ended
    api GET "/api/v1/backtests/$id" | jq -c .result.fired
}
is "a backtest asks a draft's script anew" \
    "$(backtest "$(draft d ci.built 'return event.data.size ~= nil' fail)")" 2
is "where it fails nothing would have fired" \
    "$(backtest "$(draft d ci.built 'return event.data.no.size' fail)")" 0
is "and passes dropped events over" "$(backtest "$(draft d ci.named 'return true' fail)")" 2
is "and takes what is recorded" "$(backtest "\"$fires\"")" 2

# --- who waits for a slow one -----------------------------------------------------------------------

make_one slow ci.slow 'local x = 0 for i = 1, 400000 do x = x + i end return x < 0' fail >/dev/null
make_one quick ci.quick 'return false' fail >/dev/null
for _ in $(seq 300); do
    echo '{"type":"ci.slow","entity":"acme","project":"p","collection":"one"}'
done >"$tmp/batch"
# Not by api, whose answers all go through the same file.
curl -sS -m 60 -o "$tmp/slow.answer" -H "Authorization: Bearer $KEY" --data-binary @"$tmp/batch" \
    "$URL/api/v1/events" &
slow=$!
sleep 0.1
others=0
for _ in $(seq 10); do
    event ci.other '{}' >/dev/null
    kill -0 "$slow" 2>/dev/null && others=$((others + 1))
done
is "while a slow script is asked others are acknowledged" "$([ "$others" -ge 3 ] && echo yes)" yes
wait "$slow"
is "and what it was asked about in the end" "$(jq '.events | length' "$tmp/slow.answer")" 300

# --- killed -----------------------------------------------------------------------------------------

once=$(make_one once ci.once 'return event.data.n % 2 == 0' fail)
send() { # FIRST: events with keys, what was acknowledged is noted
    local n
    for n in $(seq "$1" 8 4000); do
        curl -sS -m 5 -o /dev/null -w '%{http_code}' -X POST "$URL/api/v1/events" -H "Authorization: Bearer $KEY" \
            --data-binary "{\"type\":\"ci.once\",\"entity\":\"acme\",\"key\":\"n$n\",\"data\":{\"n\":$n}}" \
            >"$tmp/code.$1" 2>/dev/null || return
        [ "$(cat "$tmp/code.$1")" = 202 ] && echo "$n" >>"$tmp/acked.$1"
    done
}
senders=
for first in $(seq 8); do
    send "$first" &
    senders="$senders $!"
done
sleep 1.5
kill -9 "$HUB_PID"
# shellcheck disable=SC2086 # a list
wait $senders 2>/dev/null
cat "$tmp"/acked.* >"$tmp/acked"
start_hub --scripts_dir "$tmp/scripts" --on_event enrich.lua
export BELFRY_URL=$URL
: >"$tmp/there"
cursor=
while :; do
    api GET "/api/v1/events?type=ci.once&limit=1000${cursor:+&cursor=$cursor}" >"$tmp/page"
    jq -r '.items[] | "\(.data.n) \(.id)"' "$tmp/page" >>"$tmp/there"
    cursor=$(jq -r '.next // empty' "$tmp/page")
    [ -n "$cursor" ] || break
done
cut -d' ' -f1 "$tmp/there" | sort >"$tmp/numbers"
sort "$tmp/acked" >"$tmp/acked.sorted"
is "events were acknowledged before the kill" "$([ "$(wc -l <"$tmp/acked")" -gt 20 ] && echo yes)" yes
is "none of them is lost" "$(comm -23 "$tmp/acked.sorted" "$tmp/numbers" | wc -l)" 0
is "none is there twice" "$(uniq -d "$tmp/numbers" | wc -l)" 0
awk '$1 % 2 == 0 { print $2 }' "$tmp/there" | sort >"$tmp/due"
: >"$tmp/fired"
cursor=
while :; do
    api GET "/api/v1/executions?automation=$once&limit=1000${cursor:+&cursor=$cursor}" >"$tmp/page"
    jq -r '.items[].event' "$tmp/page" >>"$tmp/fired"
    cursor=$(jq -r '.next // empty' "$tmp/page")
    [ -n "$cursor" ] || break
done
sort "$tmp/fired" >"$tmp/fired.sorted"
is "each has fired as its script said, and once" "$(diff "$tmp/due" "$tmp/fired.sorted" | wc -l)" 0
is "verdicts of then are the same" "$(verdict "$none" "$fails" '"\(.decision) \(.hook.said)"')" "failed failed"
stop_hub
is "the hub stops as ever" "$?" 0

finish
