#!/bin/bash
# bad_input.sh - what is refused, with which status, naming which field.
. "$(dirname "$0")/lib.sh"

start_hub
add_team acme
add_secret acme TOKEN a-token-of-some-length
ID=$(add_webhook acme hook '{"url":"https://hooks.example/x"}')
automate taken production "$ID" '{}' >"$tmp/answer"

refused() { # CLAIM STATUS FIELD METHOD PATH BODY
    local answer
    answer=$(api "$4" "$5" "$6")
    is "$1" "$(status) $(jq -r '.error.field // ""' <<<"$answer" 2>&1)" "$2 $3"
    [ -n "$(jq -r '.error.message // ""' <<<"$answer" 2>/dev/null)" ] ||
        bad "$1: in words" "$answer"
}
event() { refused "$1" "$2" "$3" POST /api/v1/events "$4"; }

# --- events: JSON

event "broken JSON" 400 "" '{"type":'
event "nothing at all" 400 "" ' '
event "invalid UTF-8" 400 "" "$(printf '{"type":"a.b","entity":"acme","data":"\xff"}')"
event "a lone surrogate" 400 "" '{"type":"a.b","entity":"acme","data":"\ud800"}'
event "U+0000" 400 "" '{"type":"a.b","entity":"acme","data":"\u0000"}'
event "a repeated key" 400 "" '{"type":"a.b","entity":"acme","type":"c.d"}'
event "a leading zero" 400 "" '{"type":"a.b","entity":"acme","data":01}'
event "NaN" 400 "" '{"type":"a.b","entity":"acme","data":NaN}'
event "something behind it" 400 "" '{"type":"a.b","entity":"acme"} x'
deep() { printf '{"type":"a.b","entity":"acme","data":%s%s}' \
    "$(printf '[%.0s' $(seq "$1"))" "$(printf ']%.0s' $(seq "$1"))"; }
event "too deep" 400 "" "$(deep 64)"
emit "$(deep 63)" >"$tmp/answer"
is "deep enough" "$(status)" 202

# --- events: the envelope

event "no type" 400 type '{"entity":"acme"}'
event "no entity" 400 entity '{"type":"a.b"}'
event "a number for a name" 400 entity '{"type":"a.b","entity":7}'
event "a type with capitals" 400 type '{"type":"A.B","entity":"acme"}'
event "a type of the hub's own" 400 type '{"type":"belfry.automation.saved","entity":"acme"}'
event "a misspelt type of a known family" 400 type '{"type":"artifact.alias.added","entity":"acme"}'
event "an unknown member" 400 entitty '{"type":"a.b","entity":"acme","entitty":"x"}'
event "an unknown member further in" 400 artifact.verzion \
    '{"type":"a.b","entity":"acme","artifact":{"verzion":"v1"}}'
event "the hub's own id" 400 id '{"type":"a.b","entity":"acme","id":"x"}'
event "a time that is none" 400 time '{"type":"a.b","entity":"acme","time":"yesterday"}'
event "an alias event without alias" 400 alias \
    '{"type":"artifact.alias.add","entity":"acme","project":"p","collection":"c"}'
event "a team that is not there" 400 entity '{"type":"a.b","entity":"nobody"}'
event "the 18th of a batch" 400 "[17].type" \
    "[$(printf '{"type":"a.b","entity":"acme"},%.0s' $(seq 17)){\"entity\":\"acme\"}]"
event "too many hops" 400 hops '{"type":"a.b","entity":"acme","hops":6}'

# --- events: sizes

big() { printf '{"type":"a.b","entity":"acme","data":"%s"}' "$(head -c "$1" /dev/zero | tr '\0' x)"; }
overhead=$(big 0 | wc -c)
big $((1048576 - overhead)) >"$tmp/fits"
big $((1048576 - overhead + 1)) >"$tmp/over"
emit "@$tmp/fits" >"$tmp/answer"
is "an event of 1 MiB" "$(status)" 202
event "an event of 1 MiB and a byte" 413 "" "@$tmp/over"
for n in 1000 1001; do
    printf '{"type":"a.b","entity":"acme"}\n%.0s' $(seq $n) >"$tmp/$n"
done
emit "@$tmp/1000" >"$tmp/answer"
is "a thousand events" "$(status)" 202
event "a thousand and one" 413 "[1000]" "@$tmp/1001"
head -c 10485761 /dev/zero | tr '\0' ' ' >"$tmp/spaces"
event "10 MiB and a byte" 413 "" "@$tmp/spaces"

# --- automations

automation() { refused "$1" "$2" "$3" POST /api/v1/automations "$4"; }
spec() { # jq filter that changes a good one
    jq -nc --arg id "$ID" '{name: "n", scope: {entity: "acme", project: "vision"},
        event: {type: "ADD_ARTIFACT_ALIAS", filter: {alias: "x"}},
        actions: [{integration: $id, config: {payload: {a: "${alias}"}}}]} | '"$1"
}
automation "not JSON" 400 "" 'name=x'
automation "no name" 400 name "$(spec 'del(.name)')"
automation "a name too long" 400 name "$(spec '.name = "x" * 256')"
automation "a taken name" 409 name "$(spec '.name = "taken"')"
automation "no scope" 400 scope "$(spec 'del(.scope)')"
automation "a scope nobody has" 400 scope.entity "$(spec '.scope.entity = "nobody"')"
automation "a collection without project" 400 scope.project \
    "$(spec '.scope = {entity: "acme", collection: "c"}')"
automation "an unknown trigger" 400 event.type "$(spec '.event.type = "ADD_ARTEFACT"')"
automation "an unknown field in the filter" 400 event.filter.alais "$(spec '.event.filter = {alais: "x"}')"
automation "an unknown operator" 400 'event.filter.alias.$is' "$(spec '.event.filter = {alias: {"$is": "x"}}')"
on() { spec ".event = {type: \"$1\", filter: $2}"; }
THRESHOLD='{name: "loss", agg_op: "MAX", window_size: 5, cmp_op: "$gt", threshold: 1}'
metric() { on RUN_METRIC "{run_metric_filter: {threshold_filter: ($THRESHOLD | $1)}}"; }
P=event.filter.run_metric_filter.threshold_filter
automation "a window of nothing" 400 $P.window_size "$(metric '.window_size = 0')"
automation "a window too large" 400 $P.window_size "$(metric '.window_size = 100001')"
automation "an unknown aggregation" 400 $P.agg_op "$(metric '.agg_op = "MEDIAN"')"
automation "a threshold that is no number" 400 $P.threshold "$(metric '.threshold = "NaN"')"
automation "a metric without a name" 400 $P.name "$(metric '.name = ""')"
automation "a misspelt member" 400 $P.windw_size "$(metric '.windw_size = 5')"
automation "no condition" 400 event.filter "$(on RUN_METRIC null)"
automation "no states" 400 event.filter.run_state_filter.states \
    "$(on RUN_STATE '{run_state_filter: {states: []}}')"
automation "killed runs" 400 "event.filter.run_state_filter.states[0]" \
    "$(on RUN_STATE '{run_state_filter: {states: ["KILLED"]}}')"
automation "a date that never comes" 400 event.filter.cron "$(on SCHEDULE '{cron: "0 0 30 2 *"}')"
automation "an unknown time zone" 400 event.filter.time_zone \
    "$(on SCHEDULE '{cron: "0 9 * * *", time_zone: "Mars/Olympus"}')"
automation "an absence of nothing" 400 event.filter.for "$(on ABSENCE '{of: "run", for: "0s"}')"
automation "a rate without its time" 400 limits.rate.within "$(spec '.limits = {rate: {count: 5}}')"
automation "a limit of a run where there is none" 400 limits.per_run "$(spec '.limits = {per_run: "1h"}')"
automation "a way out of no limit" 400 limits.over "$(spec '.limits = {over: "skip"}')"
automation "no actions" 400 actions "$(spec '.actions = []')"
automation "an unknown integration" 400 "actions[0].integration" \
    "$(spec '.actions[0].integration = "01ARZ3NDEKTSV4RRFFQ69G5FAV"')"
automation "an unknown member" 400 evnt "$(spec '.evnt = 1')"
automation "an unknown option" 400 "actions[0].config.paylod" "$(spec '.actions[0].config = {paylod: {}}')"
automation "an unknown variable" 400 "actions[0].config.payload.a" \
    "$(spec '.actions[0].config.payload = {a: "${run_nam}"}')"
automation "a variable that does not end" 400 "actions[0].config.payload.a" \
    "$(spec '.actions[0].config.payload = {a: "${alias"}')"
has "the known ones are listed" "$(api POST /api/v1/automations "$(spec '.actions[0].config.payload = {a: "${run_nam}"}')")" \
    run_name

# --- integrations and secrets

integration() { refused "$1" "$2" "$3" POST /api/v1/teams/acme/integrations "$4"; }
integration "an unknown sink" 400 sink '{"sink":"pager","name":"x","config":{}}'
integration "no url" 400 config.url '{"sink":"webhook","name":"x","config":{}}'
integration "no http url" 400 config.url '{"sink":"webhook","name":"x","config":{"url":"ftp://h/x"}}'
integration "an unknown secret" 400 config.secret \
    '{"sink":"webhook","name":"x","config":{"url":"https://h.example/","secret":"NOBODY"}}'
integration "an unknown option" 400 config.ulr '{"sink":"webhook","name":"x","config":{"ulr":"https://h.example/"}}'
integration "a forbidden address" 400 config.url '{"sink":"webhook","name":"x","config":{"url":"http://10.0.0.1/"}}'
integration "a taken name" 409 name '{"sink":"webhook","name":"hook","config":{"url":"https://h.example/"}}'
refused "a secret with a bad name" 400 name PUT /api/v1/teams/acme/secrets/A-B '{"value":"x"}'
refused "a secret without value" 400 value PUT /api/v1/teams/acme/secrets/A '{}'
refused "a team that is not there" 404 "" PUT /api/v1/teams/nobody/secrets/A '{"value":"x"}'

# --- who asks

GOOD=$KEY
KEY=bf-not-the-right-key-not-the-right-key-nope
refused "a wrong key" 401 "" GET /api/v1/automations ''
KEY=$GOOD
is "no key" "$(curl -s -o /dev/null -w '%{http_code}' "$URL/api/v1/automations")" 401
is "basic auth as the wandb client does it" \
    "$(curl -s -o /dev/null -w '%{http_code}' -u "api:$KEY" "$URL/api/v1/automations")" 200
is "health without a key" "$(curl -s -o /dev/null -w '%{http_code}' "$URL/healthz")" 200
refused "an unknown path" 404 "" GET /api/v1/nothing ''
refused "a query that cannot be decoded" 400 "" GET '/api/v1/executions?status=%zz' ''
refused "another method" 405 "" DELETE /api/v1/events ''

finish
