#!/bin/bash
# hooks_shipped.sh - the hooks that come with Belfry, in a hub: found without being copied anywhere,
# and each doing what its head says.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
RECEIVER=$ADDRESS
start_hub --on_event redact_keys.lua --on_event_error drop
add_team acme
ID=$(add_webhook acme receiver "{\"url\":\"http://$RECEIVER/\"}")
hooked() { # NAME TYPE HOOKS PAYLOAD: prints the id
    api POST /api/v1/automations "$(jq -nc --arg n "$1" --arg t "$2" --argjson h "$3" \
        --arg i "$ID" --argjson p "$4" '{name: $n, scope: {entity: "acme", project: "vision"},
          event: {type: $t}, hooks: $h, actions: [{integration: $i, config: {payload: $p}}]}')" |
        jq -r '.id // .error.message'
}
event() { # TYPE MORE
    emit "{\"type\":\"$1\",\"entity\":\"acme\",\"project\":\"vision\"$2}" |
        jq -r '.events[0].id // .error.message'
}
sent() { # AUTOMATION: how many were sent
    api GET "/api/v1/executions?automation=$1&status=finished" | jq '.items | length'
}
sends() { [ "$(sent "$1")" = "$2" ]; }
payload() { # AUTOMATION: what its last execution sent
    local id
    id=$(api GET "/api/v1/executions?automation=$1&limit=1" | jq -r '.items[0].id')
    api GET "/api/v1/executions/$id" | jq -r '.attempt_records[-1].request.payload'
}

# --- filters

LARGE=$(hooked large CREATE_ARTIFACT '{"filter": {"file": "large_models_only.lua"}}' '{}')
is "a hook that is shipped is found" "$(status)" 201
for size in 5000000000 12 '"2e9"'; do
    event artifact.create ",\"collection\":\"resnet\",\"artifact\":{\"version\":\"v1\",\"type\":\"model\",\"metadata\":{\"size\":$size}}" >"$tmp/id"
done
within 10 sends "$LARGE" 2 || bad "large_models_only.lua lets two of three through" "$(sent "$LARGE")"

HOURS=$(hooked hours x.told '{"filter": {"file": "working_hours.lua"}}' '{}')
for time in 2026-11-25T08:00:00Z 2026-11-25T07:59:00Z 2026-07-01T07:00:00Z 2026-11-28T11:00:00Z 2026-12-25T11:00:00Z; do
    event x.told ",\"time\":\"$time\"" >"$tmp/id"
done
within 10 sends "$HOURS" 2 || bad "working_hours.lua knows Berlin's, in winter and summer" "$(sent "$HOURS")"

VALUE=$(hooked value x.looked '{"filter": {"file": "dedupe_by_value.lua"}}' '{}')
event x.looked ',"data":{"status":"red","previous":{"status":"red"}}' >"$tmp/id"
event x.looked ',"data":{"status":"red","previous":{"status":"green"}}' >"$tmp/id"
within 10 sends "$VALUE" 1 || bad "dedupe_by_value.lua lets a change through" "$(sent "$VALUE")"
sleep 0.3
is "and only that" "$(sent "$LARGE") $(sent "$HOURS") $(sent "$VALUE")" "2 2 1"

# --- transforms

TABLE=$(hooked table x.measured '{"transform": {"file": "slack_metric_table.lua"}}' '{"text": "look"}')
event x.measured ',"run":{"id":"r1","name":"sunny-frog-7"},"metrics":[{"name":"accuracy","step":3,"value":0.5}]' >"$tmp/id"
within 10 sends "$TABLE" 1 || bad "slack_metric_table.lua is sent" "$(api GET "/api/v1/executions?automation=$TABLE")"
is "as blocks" "$(payload "$TABLE" | jq -r '[.text, .blocks[0].text.text, .blocks[2].text.text] | join("|")')" \
    'look|sunny-frog-7|```metric    step  value
accuracy  3     0.5```'

ROUTE=$(hooked route x.alerted '{"transform": {"file": "route_by_tag.lua"}}' '{"text": "look"}')
event x.alerted ',"run":{"id":"r1","tags":["nlp"]}' >"$tmp/id"
within 10 sends "$ROUTE" 1 || bad "route_by_tag.lua is sent"
is "to the tag's channel" "$(payload "$ROUTE" | jq -r .channel)" "#nlp-training"

# --- redact_keys.lua, before everything else

PLAIN=$(hooked plain x.leaked null '{"env": "${json:data.env}"}')
LEAK=$(event x.leaked ',"data":{"env":{"WANDB_API_KEY":"0123456789","tokenizer":"bert"}}')
within 10 sends "$PLAIN" 1 || bad "an event that was changed fires"
is "what is sent is masked" "$(payload "$PLAIN" | jq -c .env)" '{"WANDB_API_KEY":"[redacted]","tokenizer":"bert"}'
api GET "/api/v1/events/$LEAK" >"$tmp/event"
is "so is what the journal shows" "$(jq -r .data.env.WANDB_API_KEY "$tmp/event")" "[redacted]"
is "beside what came" "$(jq -r '.original.data.env.WANDB_API_KEY' "$tmp/event")" 0123456789
MASKED=$(hooked masked x.leaked '{"transform": {"file": "redact_keys.lua"}}' '{"password": "hunter2", "n": 1}')
event x.leaked '' >"$tmp/id"
within 10 sends "$MASKED" 1 || bad "as a transform it is sent"
is "with the payload masked" "$(payload "$MASKED")" '{"password":"[redacted]","n":1}'
is "all of them are in the list" "$(api GET /api/v1/scripts |
    jq -r '[.items[] | select(.shipped and .state == "good")] | length')" 6
finish
