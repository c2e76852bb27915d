#!/bin/bash
# worked.sh - the worked examples of what automations on runs mean, through a real hub to a real
# receiver, with their own numbers; and the same decisions over a kill in the middle of each.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
RECEIVER=$ADDRESS

start_hub
LISTEN=$ADDRESS
add_team acme
HOOK=$(add_webhook acme receiver "{\"url\":\"http://$RECEIVER/hook\"}")

restart_hub() {
    kill -9 "$HUB_PID"
    wait "$HUB_PID" 2>/dev/null
    start_hub
}

# Every variable of runs, one automation per name in acme/vision.
ALL='{"name": "${automation_name}", "type": "${event_type}", "author": "${event_author}",
    "run": "${run_name}", "status": "${run_status}", "metric": "${metric_name}",
    "values": "${metric_values}", "filter": "${metric_filter}", "short": "${metric_filter_short}",
    "current": "${metric_current_status}", "step": "${step}"}'
watch_for() { # NAME TYPE FILTER [LIMITS]: prints the status, and the field that is wrong
    api POST /api/v1/automations "$(jq -nc --arg n "$1" --arg t "$2" --argjson f "$3" \
        --argjson l "${4:-null}" --arg i "$HOOK" --argjson p "$ALL" \
        '{name: $n, scope: {entity: "acme", project: "vision"}, event: {type: $t, filter: $f},
          limits: $l, actions: [{integration: $i, config: {payload: $p}}]}')" >"$tmp/answer"
    echo "$(status) $(jq -r '.error.field // ""' "$tmp/answer")"
}
threshold() { # NAME AGGREGATION WINDOW OP THRESHOLD
    printf '{"threshold_filter":{"name":"%s","agg_op":%s,"window_size":%s,"cmp_op":"%s","threshold":%s}}' "$@"
}
on_metric() { # CONDITION [RUN_FILTER, itself JSON in a string as W&B's client sends it]
    jq -nc --argjson m "$1" --arg r "${2:-{\"\$and\":[]\}}" \
        '{run_filter: $r, run_metric_filter: $m, metric_filter: null}'
}

# One event for each value, steps going on; all in one request.
declare -A steps
log() { # RUN METRIC VALUE...
    local run=$1 metric=$2 value step=${steps[$1 $2]:-0}
    shift 2
    for value in "$@"; do
        printf '{"type":"run.metric","entity":"acme","project":"vision","author":"ana","run":%s,"metrics":[{"name":"%s","step":%d,"value":%s}]}\n' \
            "$run" "$metric" "$step" "$value"
        step=$((step + 1))
    done >"$tmp/values"
    steps[$run $metric]=$step
    emit "@$tmp/values" >"$tmp/emitted"
    [ "$(status)" = 202 ] || bad "values are taken" "$(cat "$tmp/emitted")"
}
repeat() { # COUNT VALUE
    local i
    for ((i = 0; i < $1; i++)); do echo "$2"; done
}
report() { # RUN STATE
    emit "{\"type\":\"run.state\",\"entity\":\"acme\",\"project\":\"vision\",\"author\":\"ana\",\"run\":$(
        jq -nc --argjson r "$1" --arg s "$2" '$r + {state: $s}')}" >"$tmp/emitted"
    [ "$(status)" = 202 ] || bad "states are taken" "$(cat "$tmp/emitted")"
}
FROG='{"id":"f7","name":"sunny-frog-7","user":"ana"}'
TOAD='{"id":"t1","name":"calm-toad-1","user":"ben"}'

# What an automation has led to: decided in the transaction of the event, so there with its answer.
fired() { # NAME
    api GET "/api/v1/executions?limit=1000" |
        jq --arg n "$1" '[.items[] | select(.automation_name == $n and .status != "skipped")] | length'
}
skipped_of() { # NAME: "REASON COUNT" of each row
    api GET "/api/v1/executions?limit=1000&status=skipped" |
        jq -r --arg n "$1" '[.items[] | select(.automation_name == $n) | "\(.reason) \(.count)"] | join(", ")'
}
# The last payload of an automation, members that are not blank, without name and author.
payload() { # NAME
    grep -F "\"name\":\"$1\"" "$tmp/listen.log" | tail -n 1 | sed 's/^ *//' |
        jq -cS 'del(.name) | with_entries(select(.value != ""))'
}
arrived() { grep -qF "\"name\":\"$1\"" "$tmp/listen.log"; }
# Words that WANT does not say are not asked for.
tells() { # CLAIM NAME WANT
    within 10 arrived "$2" || bad "$1" "nothing was received"
    is "$1" "$(payload "$2" | jq -cS --argjson w "$3" 'if $w.filter then . else del(.filter) end |
        if $w.short then . else del(.short) end')" "$(jq -cS . <<<"$3")"
}

# --- thresholds: the average of the last five accuracies is above 0.6

is "a threshold is taken" "$(watch_for average RUN_METRIC "$(on_metric "$(
    threshold accuracy '"AVERAGE"' 5 '$gt' 0.6)")")" "201 "
log "$FROG" accuracy 0.50 0.55 0.60 0.65
is "four values are no window of five" "$(fired average)" 0
log "$FROG" accuracy 0.70
is ".50 .55 .60 .65 .70 have the mean .6, which is not above .6" "$(fired average)" 0
log "$FROG" accuracy 0.75
is ".55 .60 .65 .70 .75 have .65" "$(fired average)" 1
tells "its variables" average '{"type": "RUN_METRIC", "author": "ana", "run": "sunny-frog-7", "metric": "accuracy",
    "values": "0.65", "filter": "AVERAGE of last 5 values of accuracy > 0.6",
    "short": "avg(accuracy) > 0.6", "current": "matched", "step": "5"}'
log "$FROG" accuracy 0.80 0.85
is "later matches within 24 hours are one row" "$(fired average), $(skipped_of average)" \
    "1, fire_limit_24h 2"

# --- changes: the loss falls by a quarter

change() { # AMOUNT
    printf '{"change_filter":{"name":"loss","agg_op":"AVERAGE","current_window_size":10,"prior_window_size":50,"change_type":"RELATIVE","change_dir":"DECREASE","change_amount":%s}}' "$1"
}
is "a change is taken" "$(watch_for quarter RUN_METRIC_CHANGE "$(on_metric "$(change 0.25)")")" "201 "
is "another one too" "$(watch_for third RUN_METRIC_CHANGE "$(on_metric "$(change 0.30)")")" "201 "
# shellcheck disable=SC2046 # a list
log "$FROG" loss $(repeat 50 0.55) $(repeat 9 0.4)
is "59 values are not 10 and the 50 before" "$(fired quarter)" 0
log "$FROG" loss 0.4
is "from .55 to .40 is a decrease by 27 %: 25 % yes, 30 % no" "$(fired quarter) $(fired third)" "1 0"
tells "its variables" quarter '{"type": "RUN_METRIC_CHANGE", "author": "ana", "run": "sunny-frog-7", "metric": "loss",
    "values": "0.4, 0.55", "short": "AVERAGE(loss) decreases 25.00%", "current": "matched",
    "step": "59"}'

# --- z-scores: 30 values with mean .900 and a sample deviation of .01114, then .95

is "a z-score is taken" "$(watch_for zscore RUN_METRIC_ZSCORE "$(on_metric \
    '{"zscore_filter":{"name":"val_acc","window_size":30,"threshold":2,"change_dir":"ANY"}}')")" "201 "
# 15 below and 15 above by .01114 * sqrt(29/30)
# shellcheck disable=SC2046 # a list
log "$FROG" val_acc $(repeat 15 0.88904723543) $(repeat 15 0.91095276457)
is "the value under test is not of its own window" "$(fired zscore)" 0
log "$FROG" val_acc 0.95
is ".95 is 4.49 deviations away" "$(fired zscore)" 1
tells "its variables" zscore '{"type": "RUN_METRIC_ZSCORE", "author": "ana", "run": "sunny-frog-7",
    "metric": "val_acc", "values": "4.49", "short": "abs(zscore('"'val_acc'"')) > 2.0",
    "current": "matched", "step": "30"}'

# --- both: accuracy above 0.95 and loss below 0.1

is "AND is taken" "$(watch_for both RUN_METRIC "$(on_metric "{\"\$and\":[$(
    threshold accuracy null 1 '$gt' 0.95),$(threshold loss null 1 '$lt' 0.1)]}")")" "201 "
log "$TOAD" accuracy 0.96
is "a loss that is not known yet is not below anything" "$(fired both)" 0
log "$TOAD" loss 0.2
log "$TOAD" accuracy 0.97
is "one of two is not both" "$(fired both)" 0
log "$TOAD" loss 0.05
is "both are" "$(fired both)" 1
tells "the variables are those of the metric that came" both '{"type": "RUN_METRIC",
    "author": "ben", "run": "calm-toad-1", "metric": "loss", "values": "0.05", "current": "matched", "step": "1"}'
has "the short form names both" "$(payload both)" "accuracy > 0.95 AND loss < 0.1"

# --- states: a run fails; one is killed

is "a state is taken" "$(watch_for failed RUN_STATE \
    '{"run_filter":"{\"$and\":[]}","run_state_filter":{"states":["FAILED"]}}')" "201 "
report "$FROG" RUNNING
is "a run that goes on does not fire" "$(fired failed)" 0
report "$FROG" FAILED
is "one that fails does" "$(fired failed)" 1
tells "its variables" failed '{"type": "RUN_STATE", "author": "ana", "run": "sunny-frog-7", "status": "FAILED"}'
report "$FROG" FAILED
is "told again it is no transition" "$(fired failed), $(skipped_of failed)" "1, "
report "$TOAD" RUNNING
report "$TOAD" KILLED
is "one that is killed does not" "$(fired failed)" 1
is "nor can that be waited for" "$(watch_for killed RUN_STATE \
    '{"run_state_filter":{"states":["KILLED"]}}')" "400 event.filter.run_state_filter.states[0]"
report "$TOAD" CRASHED
is "one that crashes has failed" "$(fired failed)" 2

# --- filters of run events: one user's runs, run names

is "a pattern is taken" "$(watch_for europe RUN_METRIC "$(on_metric "$(threshold f1 null 1 '$gte' 0)" \
    '{"$and":[{"display_name":{"$regex":"^europe.*"}}]}')")" "201 "
is "a user is taken" "$(watch_for anas RUN_METRIC "$(on_metric "$(threshold f1 null 1 '$gte' 0)" \
    '{"$and":[{"username":{"$eq":"ana"}}]}')")" "201 "
log '{"id":"e1","name":"europe-west","user":"ben"}' f1 1
log '{"id":"e2","name":"not-europe","user":"ana"}' f1 1
is "each fires on its own" "$(fired europe) $(fired anas)" "1 1"

# --- a kill in the middle of a window, of the 24 hours, of a wait

is "an absence is taken" "$(watch_for silent ABSENCE \
    '{"of":"run.metric","metric":"pulse","for":"4s","run_filter":{"display_name":"watched"}}')" "201 "
is "a limit of one's own is taken" "$(watch_for often RUN_METRIC "$(on_metric "$(
    threshold pulse null 1 '$gt' 0)")" '{"per_run":"3s"}')" "201 "
WATCHED='{"id":"w1","name":"watched"}'
log "$TOAD" accuracy 0.50 0.55 0.60        # .96 and .97 before them: .716, above .6
is "the window goes on over other automations" "$(fired average)" 2
NEWT='{"id":"n1","name":"newt"}'
log "$NEWT" accuracy 0.50 0.55 0.60
begun=${EPOCHREALTIME/./}
log "$WATCHED" pulse 1
restart_hub
log "$NEWT" accuracy 0.65 0.70
is "a window over a restart has the same mean" "$(fired average)" 2
log "$NEWT" accuracy 0.75
is "and fires on the same value" "$(fired average)" 3
log "$FROG" accuracy 0.95
is "24 hours go on over a restart" "$(fired average), $(skipped_of average | grep -o 'fire_limit_24h 3')" \
    "3, fire_limit_24h 3"
log "$WATCHED" pulse 1
if [ $((${EPOCHREALTIME/./} - begun)) -lt 2900000 ]; then
    is "so does a shorter limit" "$(fired often), $(skipped_of often)" "1, fire_limit_24h 1"
else
    skip "this machine was too slow for a limit of 3 s"
fi
restart_hub
silent() { [ "$(fired silent)" = 1 ]; }
within 10 silent || bad "a wait goes on over a restart"
at_most "us before its time" $((begun + 4000000 - ${EPOCHREALTIME/./})) 0
log "$WATCHED" pulse 1
is "when the limit is over it fires again" "$(fired often)" 2
is "a wait fires once" "$(fired silent)" 1
within 10 arrived silent || bad "it is told of"

finish
