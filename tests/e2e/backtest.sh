#!/bin/bash
# backtest.sh - automations on recorded events: by REST and by the command, against what the live ones
# did, ended, refused.
cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh

start_hub
export BELFRY_URL=$URL BELFRY_API_KEY=$KEY BELFRY_TEAM=acme HOME=$tmp
add_team acme
# Nothing is delivered: what would be is compared.
TO=$(add_webhook acme deployer '{"url": "http://127.0.0.1:9/hook"}')
api POST "/api/v1/integrations/$TO/disable" >/dev/null

backtest() { # BODY: its answer, once it has ended
    local id
    id=$(api POST /api/v1/backtests "$1" | jq -r .id)
    # shellcheck disable=SC2317 # called by within
    ended() { api GET "/api/v1/backtests/$id" | jq -e '.status == "finished" or .status == "failed"' >/dev/null; }
    within 60 ended
    api GET "/api/v1/backtests/$id"
}

draft() { # NAME FILTER [more members]
    printf '{"name":"%s","scope":{"entity":"acme","project":"vision"},"event":{"type":"ADD_ARTIFACT_ALIAS","filter":%s},"actions":[{"integration":"%s","config":{"payload":{"model":"${artifact_version_string}","by":"${automation_name}"}}}]%s}' \
        "$1" "$2" "$TO" "${3-}"
}

# --- a draft ------------------------------------------------------------------------------------

for alias in staging production latest production; do
    emit "$(alias_event $alias)" >/dev/null
done
emit "$(alias_event production | sed 's/"vision"/"speech"/')" >/dev/null

answer=$(backtest "{\"automation\":$(draft "deploy" '{"alias":"production"}'),\"since\":\"1h\"}")
is "a draft is tried" "$(jq -r .status <<<"$answer")" finished
is "on the records of its project" "$(jq .result.records <<<"$answer")" 4
is "and would have fired on those that match" "$(jq .result.fired <<<"$answer")" 2
is "which are listed" "$(jq '.result.firings | length' <<<"$answer")" 2
is "with their events" "$(jq -r '[.result.firings[].event] | sort | join(" ")' <<<"$answer")" \
    "$(api GET '/api/v1/events?entity=acme&project=vision&type=artifact.alias.add' |
        jq -r '[.items[] | select(.alias == "production") | .id] | sort | join(" ")')"
is "and counted by day" "$(jq '[.result.days[].fired] | add' <<<"$answer")" 2
is "what it would send is shown" "$(jq -r '.result.payloads[0].actions[0].request.payload' <<<"$answer")" \
    '{"model":"acme/vision/resnet:production","by":"deploy"}'
is "all of them" "$(jq '.result.payloads | length' <<<"$answer")" 2
is "nothing of it is an execution" "$(api GET /api/v1/executions | jq '.items | length')" 0
is "nor an automation" "$(api GET '/api/v1/automations?entity=acme' | jq '.items | length')" 0
is "a draft has no id" "$(jq -r .automation <<<"$answer")" null
is "a list has it without its result" \
    "$(api GET /api/v1/backtests | jq -r '.items[0] | .name + " " + (has("result") | tostring)')" \
    "deploy false"

answer=$(backtest "{\"automation\":$(draft "off" '{"alias":"latest"}' ',"enabled":false'),\"since\":\"1h\"}")
is "a draft that is not enabled is tried as if it was" "$(jq .result.fired <<<"$answer")" 1
answer=$(backtest "{\"automation\":$(draft "early" '{}'),\"since\":\"2h\",\"until\":\"1h\"}")
is "what came after the range is not looked at" "$(jq .result.records <<<"$answer")" 0

# --- what is refused ----------------------------------------------------------------------------

refused() { # CLAIM FIELD BODY
    local answer
    answer=$(api POST /api/v1/backtests "$3")
    is "$1" "$(status) $(jq -r .error.field <<<"$answer")" "400 $2"
}
refused "an automation that could not be saved" event.filter.colour \
    "{\"automation\":$(draft x '{"colour":"red"}'),\"since\":\"1h\"}"
refused "an unknown integration" "actions[0].integration" \
    "{\"automation\":$(draft x '{}' | sed "s/$TO/01K9Z000000000000000000005/"),\"since\":\"1h\"}"
refused "a payload with an unknown variable" "actions[0].config.payload.model" \
    "{\"automation\":$(draft x '{}' | sed 's/artifact_version_string/colour/'),\"since\":\"1h\"}"
refused "an id that is none" automation '{"automation":"01K9Z000000000000000000005","since":"1h"}'
refused "a number in its place" automation '{"automation":7,"since":"1h"}'
refused "no beginning" since "{\"automation\":$(draft x '{}')}"
refused "a beginning that is no time" since "{\"automation\":$(draft x '{}'),\"since\":\"tuesday\"}"
refused "an end before the beginning" until \
    "{\"automation\":$(draft x '{}'),\"since\":\"1h\",\"until\":\"2h\"}"
refused "an unknown time zone" time_zone \
    "{\"automation\":$(draft x '{}'),\"since\":\"1h\",\"time_zone\":\"Moon/Base\"}"
refused "an unknown member" colour "{\"automation\":$(draft x '{}'),\"since\":\"1h\",\"colour\":1}"

# --- against the live one -----------------------------------------------------------------------

live=$(api POST /api/v1/automations "$(draft live '{"alias":{"$in":["a","c"]}}')" | jq -r .id)
api POST /api/v1/events "$(for i in $(seq 60); do
    alias_event "$(echo a b c d e | cut -d' ' -f$((i % 5 + 1)))"; echo; done)" >/dev/null
api POST "/api/v1/automations/$live/disable" >/dev/null
emit "$(alias_event a)" >/dev/null
did=$(api GET "/api/v1/executions?automation=$live&limit=1000" | jq -c '[.items[].event] | sort')
would=$(backtest "{\"automation\":\"$live\",\"since\":\"1h\"}")
is "one that is saved is tried by its id" "$(jq -r .automation <<<"$would")" "$live"
is "it fires on what the live one fired on, and on what came when that was off" \
    "$(jq '.result.firings | length' <<<"$would")" $(($(jq length <<<"$did") + 1))
is "in the same order" "$(jq -c '[.result.firings[].event][:-1] | sort' <<<"$would")" "$did"

# The same of runs: what a live automation with limits did, a backtest of its text does on the same
# values, and of what it suppressed it counts as many.
metric() { # LIMITS
    printf '{"name":"loss %s","scope":{"entity":"acme","project":"vision"},"event":{"type":"RUN_METRIC","filter":{"run_metric_filter":{"threshold_filter":{"name":"loss","agg_op":"AVERAGE","window_size":3,"cmp_op":"$lt","threshold":0.5}}}},"limits":%s,"actions":[{"integration":"%s"}]}' \
        "$RANDOM" "$1" "$TO"
}
values() { # RUN FROM: twenty values
    for i in $(seq "$2" $(($2 + 19))); do
        printf '{"type":"run.metric","entity":"acme","project":"vision","run":{"id":"%s"},"metrics":[{"name":"loss","step":%d,"value":0.%d}]}\n' \
            "$1" "$i" $((i * 37 % 89 + 10))
    done
}
limits=('{}' '{"per_run":"off"}' '{"per_run":"off","matches":{"count":2,"within":"1h"}}'
    '{"per_run":"off","cooldown":"1h","over":"skip"}' '{"per_run":"off","rate":{"count":3,"within":"1h"},"over":"skip"}')
api POST /api/v1/events "$(values r1 0)" >/dev/null
sleep 0.01      # the range is to begin behind these
lives=()
for l in "${limits[@]}"; do
    lives+=("$(api POST /api/v1/automations "$(metric "$l")" | jq -r .id)")
done
begun=$(api GET "/api/v1/automations/${lives[-1]}" | jq -r .updated)
for at in 20 40 60; do
    api POST /api/v1/events "$(values r1 $at; values r2 $at)" >/dev/null
done
for i in "${!limits[@]}"; do
    did=$(api GET "/api/v1/executions?automation=${lives[$i]}&status=pending&limit=1000" |
        jq -c '[.items[].event] | sort')
    held=$(api GET "/api/v1/executions?automation=${lives[$i]}&status=skipped&limit=1000" |
        jq -c '[.items[] | {(.reason): .count}] | map(to_entries[0]) | group_by(.key) |
            map({key: .[0].key, value: map(.value) | add}) | from_entries')
    would=$(backtest "{\"automation\":\"${lives[$i]}\",\"since\":\"$begun\"}")
    is "it fires where the live one did, with ${limits[$i]}" \
        "$(jq -c '[.result.firings[].event] | sort' <<<"$would")" "$did"
    is "and suppresses as much" "$(jq -cS .result.suppressed <<<"$would")" "$(jq -cS . <<<"$held")"
done
is "windows are warm from what came before the range" \
    "$(jq -c '.result.warm_up | [(.from != null), .complete]' <<<"$would")" "[true,true]"

# --- what waits on the clock --------------------------------------------------------------------

silence=$(api POST /api/v1/automations '{"name":"silence","scope":{"entity":"acme"},"event":{"type":"ABSENCE","filter":{"of":"ci.ping","for":"1s"}},"actions":[{"integration":"'$TO'"}]}' | jq -r .id)
since=$(api GET "/api/v1/automations/$silence" | jq -r .updated)
emit '{"type":"ci.ping","entity":"acme"}' >/dev/null
fell_silent() { [ "$(api GET "/api/v1/executions?automation=$silence" | jq '.items | length')" = 1 ]; }
within 10 fell_silent
would=$(backtest "{\"automation\":\"$silence\",\"since\":\"$since\"}")
is "an absence is told of once, as it was live" "$(jq .result.fired <<<"$would")" 1
is "with what the live one found" "$(jq -cS '.result.firings[0].facts' <<<"$would")" \
    "$(api GET "/api/v1/executions?automation=$silence" | jq -cS '.items[0].facts')"
is "on a record of the backtest's own" "$(jq -r '.result.firings[0].event' <<<"$would")" null
over=$(api GET '/api/v1/events?entity=acme&type=clock.advance' | jq -r '.items[0].id')
is "a test shows what it would send" "$(api POST /api/v1/automations/test \
    "{\"automation\":\"$silence\",\"event\":\"$over\"}" |
    jq -r '.decision + " " + .payloads[0].request.method')" "fired POST"
"$BELFRY" why "$over" silence >"$tmp/out"
is "why knows of the live one" "$(head -n 1 "$tmp/out")" "silence: fired"
has "and of what was waited for" "$(cat "$tmp/out")" "for 1s no ci.ping came, the last at 20"

# --- by the command -----------------------------------------------------------------------------

draft "by name" '{"alias":"production"}' | sed "s/$TO/deployer/" >"$tmp/draft.json"
out=$("$BELFRY" backtest "$tmp/draft.json" --since 1h)
has "the command tries a file" "$out" '"by name" on '
has "says how often it would have fired" "$out" "would have fired twice"
has "draws the days" "$out" "$(date -u +%Y-%m-%d)  ####"
has "lists the firings" "$out" "artifact.alias.add"
has "and what the first would send" "$out" '{"model":"acme/vision/resnet:production","by":"by name"}'
is "--json is the hub's answer" \
    "$("$BELFRY" backtest "$tmp/draft.json" --since 1h --json | jq .result.fired)" 2
has "one that is saved goes by its name" "$("$BELFRY" backtest live --since 1h)" '"live" on '
has "standard input will do" "$("$BELFRY" backtest - --since 1h <"$tmp/draft.json")" "fired twice"
"$BELFRY" backtest "$tmp/draft.json" >"$tmp/out" 2>&1
is "a beginning is needed" "$?" 2
"$BELFRY" backtest nothing --since 1h >"$tmp/out" 2>&1
is "what is neither a file nor an automation is missing" "$?" 5

# --- ended --------------------------------------------------------------------------------------

id=$(api POST /api/v1/backtests "{\"automation\":\"$live\",\"since\":\"1h\"}" | jq -r .id)
api DELETE "/api/v1/backtests/$id" >/dev/null
is "one that is deleted" "$(status)" 204
api GET "/api/v1/backtests/$id" >/dev/null
is "is gone" "$(status)" 404
api DELETE "/api/v1/backtests/$id" >/dev/null
is "and is not there to be deleted again" "$(status)" 404

stop_hub
is "the hub ends as always" "$?" 0
finish
