#!/bin/bash
# metrics_fire.sh - a run's metrics fire an automation: once, when both conditions hold, and not
# again for 24 hours, whatever is sent and however often the hub starts anew.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
RECEIVER=$ADDRESS
posts() { grep -c ' POST /' "$tmp/listen.log"; }
received() { [ "$(posts)" -ge "$1" ]; }

point() { # RUN METRIC VALUE STEP
    emit "$(jq -n --arg r "$1" --arg m "$2" --argjson v "$3" --argjson s "$4" '{type: "run.metric",
        entity: "acme", project: "vision", run: {id: $r, name: ("frog-" + $r)},
        metrics: [{name: $m, value: $v, step: $s}]}')" >"$tmp/answer"
    [ "$(status)" = 202 ] || bad "a point is accepted" "$(cat "$tmp/answer")"
}

metric_automation() { # NAME RUN_METRIC_FILTER PAYLOAD
    api POST /api/v1/automations "$(jq -cn --arg n "$1" --argjson f "$2" --argjson p "$3" \
        --arg i "$ID" '{name: $n, scope: {entity: "acme", project: "vision"},
        event: {type: "RUN_METRIC", filter: {run_filter: "{\"$and\":[]}", run_metric_filter: $f}},
        actions: [{integration: $i, config: {payload: $p}}]}')"
}

start_hub
add_team acme
ID=$(add_webhook acme receiver "{\"url\":\"http://$RECEIVER/hook\"}")

# --- the founding example: accuracy > 0.95 AND loss < 0.1

metric_automation great '{"$and": [
    {"threshold_filter": {"name": "accuracy", "agg_op": null, "cmp_op": "$gt", "threshold": 0.95}},
    {"threshold_filter": {"name": "loss", "agg_op": null, "cmp_op": "$lt", "threshold": 0.1}}]}' \
    '{"great": "${run_name}", "metric": "${metric_name}", "values": "${metric_values}",
      "filter": "${metric_filter}", "status": "${metric_current_status}"}' >"$tmp/automation"
is "an automation on two metrics is made" "$(status)" 201
point r1 accuracy 0.96 1
point r1 loss 0.2 1
point r1 loss 0.05 2
within 5 received 1 || bad "the webhook arrives when both hold"
has "and says what was measured" "$(cat "$tmp/listen.log")" \
    '"great":"frog-r1","metric":"loss","values":"0.05"'
for step in 3 4 5; do point r1 loss 0.04 "$step"; done
is "matches within 24 hours are one skipped row" \
    "$(api GET '/api/v1/executions?status=skipped' | jq -c '[.items[] | [.reason, .count]]')" \
    '[["fire_limit_24h",3]]'
is "what fired has its facts" \
    "$(api GET '/api/v1/executions?status=finished' |
        jq -c '.items[0].id' | xargs -I{} curl -s "$URL/api/v1/executions/{}" \
        -H "Authorization: Bearer $KEY" | jq -c '.facts | [.metric, .values, .step]')" \
    '["loss",[0.05],2]'

# --- the worked example, with a restart in the middle of its window

metric_automation mean '{"threshold_filter": {"name": "acc", "agg_op": "AVERAGE", "window_size": 5,
    "cmp_op": "$gt", "threshold": 0.6}}' '{"mean": "${metric_values}", "short": "${metric_filter_short}"}' \
    >"$tmp/automation"
is "an automation on a window is made" "$(status)" 201
point r2 acc 0.50 1
point r2 acc 0.55 2
point r2 acc 0.60 3
stop_hub
start_hub
point r2 acc 0.65 4
point r2 acc 0.70 5
sleep 0.3
is "a mean of exactly 0.6 is not above it" "$(posts)" 1
point r2 acc 0.75 6
within 5 received 2 || bad "the next window fires, over a restart"
has "with the mean" "$(cat "$tmp/listen.log")" '"mean":"0.65","short":"avg(acc) > 0.6"'
stop_hub
start_hub
point r2 acc 0.80 7
point r1 loss 0.01 6
point r2 acc 9 7
sleep 0.3
is "after another restart the 24 hours go on" "$(posts)" 2

# --- states, and what a changed condition begins

api POST /api/v1/automations "$(jq -cn --arg i "$ID" '{name: "failed",
    scope: {entity: "acme", project: "vision"}, event: {type: "RUN_STATE", filter: {run_filter: {},
    run_state_filter: {states: ["FAILED"]}}},
    actions: [{integration: $i, config: {payload: {state: "${run_status}"}}}]}')" >"$tmp/automation"
is "an automation on a state is made" "$(status)" 201
for state in RUNNING FAILED FAILED KILLED; do
    emit "{\"type\":\"run.state\",\"entity\":\"acme\",\"project\":\"vision\",
        \"run\":{\"id\":\"r3\",\"state\":\"$state\"}}" >"$tmp/answer"
done
within 5 received 3 || bad "a failed run is told of"
sleep 0.3
is "once, and a killed one is not" "$(posts)" 3
has "with its state" "$(cat "$tmp/listen.log")" '{"state":"FAILED"}'

finish
