#!/bin/bash
# triggers.sh - which automations fire on which events: triggers, scopes, types of one's own, filters.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
RECEIVER=$ADDRESS

start_hub
add_team acme
HOOK=$(add_webhook acme receiver "{\"url\":\"http://$RECEIVER/hook\"}")

# Each automation posts its name.
fire_on() { # NAME TYPE [FILTER] [SCOPE MEMBERS]
    api POST /api/v1/automations "$(jq -nc --arg n "$1" --arg t "$2" --arg i "$HOOK" \
        --argjson f "${3:-null}" --argjson s "{\"entity\":\"acme\"${4-}}" \
        '{name: $n, scope: $s, event: {type: $t, filter: $f},
          actions: [{integration: $i, config: {payload: ["${automation_name}"]}}]}')" >"$tmp/answer"
    echo "$(status) $(jq -r '.error.field // ""' "$tmp/answer")"
}
finished=0
fires() { # CLAIM EVENT NAMES: those that fire, in the order of `sort`, with spaces between them
    local before=$finished
    finished=$((finished + $(wc -w <<<"$3")))
    emit "$2" >"$tmp/answer"
    within 5 have_executions finished "$finished"
    sleep 0.05
    is "$1" "$(sed -n 's/^ *\["\(.*\)"\]$/\1/p' "$tmp/listen.log" | tail -n +$((before + 1)) |
        LC_ALL=C sort | paste -sd ' ')" "$3"
}
clear_all() {
    local id
    for id in $(api GET '/api/v1/automations' | jq -r '.items[].id'); do
        api DELETE "/api/v1/automations/$id" >"$tmp/answer"
    done
}

# --- scopes, and several of them at once

# Registries are the organization's.
R=',"project":"wandb-registry-model"'
for type in CREATE_ARTIFACT LINK_MODEL; do
    fire_on "$type-team" $type >"$tmp/made"
    fire_on "$type-registry" $type '' "$R" >"$tmp/made"
    fire_on "$type-collection" $type '' "$R,\"collection\":\"Classifier\"" >"$tmp/made"
    fire_on "$type-filtered" $type '{"collection_name": {"$in": ["Classifier", "x"]}, "artifact_type": "model"}' \
        "$R" >"$tmp/made"
    fire_on "$type-other" $type '' "$R,\"collection\":\"other\"" >"$tmp/made"
done
is "the last one was made" "$(cat "$tmp/made")" "201 "
ORG=$(jq -r .scope.entity "$tmp/answer")
api POST /api/v1/automations "{\"name\": \"org\", \"scope\": {\"organization\": \"default\"},
    \"event\": {\"type\": \"CREATE_ARTIFACT\"}, \"actions\": [{\"integration\": \"$HOOK\",
    \"config\": {\"payload\": [\"\${automation_name}\"]}}]}" >"$tmp/answer"
LINK='"collection":"Classifier","artifact":{"id":"QQ==","version":"v0","type":"model"}'
fires "a link into a registry fires every scope it lies in, as a link and as a creation" \
    "{\"type\":\"artifact.link\",\"entity\":\"$ORG\",\"project\":\"wandb-registry-model\",$LINK}" \
    "CREATE_ARTIFACT-collection CREATE_ARTIFACT-filtered CREATE_ARTIFACT-registry LINK_MODEL-collection LINK_MODEL-filtered LINK_MODEL-registry org"
fires "into the older registry as well" \
    "{\"type\":\"artifact.link\",\"entity\":\"acme\",\"project\":\"model-registry\",$LINK}" \
    "CREATE_ARTIFACT-team LINK_MODEL-team org"
fires "elsewhere as a link alone" \
    "{\"type\":\"artifact.link\",\"entity\":\"acme\",\"project\":\"vision\",$LINK}" "LINK_MODEL-team"
fires "a new version is a creation" \
    "{\"type\":\"artifact.create\",\"entity\":\"acme\",\"project\":\"vision\",$LINK}" \
    "CREATE_ARTIFACT-team org"
clear_all

# --- filters, as they come from W&B's client and by hand

fire_on regex ADD_ARTIFACT_ALIAS '{"alias": {"$regex": "^europe.*"}}' >"$tmp/made"
fire_on saved ADD_ARTIFACT_ALIAS '{"$or": [{"$and": [{"alias": {"$eq": "europe-west"}}]}]}' >"$tmp/made"
fire_on string ADD_ARTIFACT_ALIAS '"{\"alias\": {\"$contains\": \"west\"}}"' >"$tmp/made"
fire_on shown ADD_ARTIFACT_ALIAS '{"filter": "{\"alias\": {\"$ne\": \"europe-west\"}}"}' >"$tmp/made"
fire_on metadata ADD_ARTIFACT_ALIAS '{"metadata.acc": {"$gt": 0.9}, "aliases": {"$all": ["latest"]}}' \
    >"$tmp/made"
fire_on by-ana ADD_ARTIFACT_ALIAS '{"username": "ana", "tags": {"$size": 0}}' >"$tmp/made"
is "all forms of filters are taken" "$(cat "$tmp/made")" "201 "
alias_added() { # ALIAS ACC AUTHOR
    printf '{"type":"artifact.alias.add","entity":"acme","project":"p","collection":"c","alias":"%s","author":"%s","artifact":{"version":"v1","metadata":{"acc":%s},"aliases":["latest","%s"],"tags":[]}}' \
        "$1" "$3" "$2" "$1"
}
fires "the ones that match" "$(alias_added europe-west 0.93 ana)" "by-ana metadata regex saved string"
fires "and no others" "$(alias_added us-west 0.9 bo)" "shown string"
fires "each alias is an event" "[$(alias_added europe-1 0 bo),$(alias_added europe-2 0 bo)]" \
    "regex regex shown shown"
clear_all

# --- types of one's own

fire_on failed ci.finished '{"data.status": "failed"}' >"$tmp/made"
fire_on slow ci.finished '{"data.seconds": {"$gte": 100}}' >"$tmp/made"
fire_on here ci.finished '' ',"project":"vision"' >"$tmp/made"
fire_on page alert.fired '{"data.alerts.labels.severity": {"$in": ["page", "critical"]}}' >"$tmp/made"
is "a type of one's own is taken" "$(cat "$tmp/made")" "201 "
fires "a filter looks into its data" \
    '{"type":"ci.finished","entity":"acme","data":{"status":"failed","seconds":99.5}}' "failed"
fires "numbers are numbers" \
    '{"type":"ci.finished","entity":"acme","project":"vision","data":{"status":"ok","seconds":1e3}}' \
    "here slow"
fires "any element of an array will do" \
    '{"type":"alert.fired","entity":"acme","data":{"alerts":[{"labels":{"severity":"info"}},{"labels":{"severity":"page"}}]}}' \
    "page"
fires "other types are other types" '{"type":"ci.started","entity":"acme","data":{}}' ""
event=$(jq -r '.events[0].id' "$tmp/answer")
is "an event that fires nothing is kept all the same" \
    "$(api GET "/api/v1/events/$event" | jq -r .type)" ci.started
is "an execution tells the type" \
    "$(api GET '/api/v1/executions?limit=1' | jq -r '.items[0].trigger')" alert.fired
is "so does a list" "$(api GET '/api/v1/automations?entity=acme&event_type=alert.fired' | jq '.items | length')" 1
clear_all

# --- the hub's own

fire_on watcher belfry.automation.deleted '{"data.name": {"$regex": "^important"}}' >"$tmp/made"
fire_on important-one ci.finished >"$tmp/made"
id=$(jq -r .id "$tmp/answer")
finished=$((finished + 1))
api DELETE "/api/v1/automations/$id" >"$tmp/answer"
within 5 have_executions finished "$finished" || bad "an automation may watch the hub itself"
has "and say so" "$(tail -n 5 "$tmp/listen.log")" '["watcher"]'
clear_all

# --- several actions

api POST /api/v1/automations "$(jq -nc --arg i "$HOOK" '{name: "two", scope: {entity: "acme"},
    event: {type: "deploy"}, actions: [{integration: $i, config: {payload: ["first"]}},
    {integration: $i, config: {payload: ["second"]}}]}')" >"$tmp/answer"
fires "each action is an execution" '{"type":"deploy","entity":"acme"}' "first second"
clear_all

# --- what is saved with a warning

is "a pattern that takes long" "$(fire_on slow-pattern ci.done '{"data.log": {"$regex": "x{300}"}}')" "201 "
has "is saved with a warning" "$(jq -r '.warnings[0] | .field + " " + .message' "$tmp/answer")" \
    "event.filter the filter has a pattern that takes long"
is "an ordinary one without" \
    "$(fire_on quick ci.done '{"data.log": {"$regex": "^Error: .*timeout$"}}')$(jq -c .warnings "$tmp/answer")" \
    "201 null"
clear_all

# --- runs and clocks, as W&B's client sends them and by hand

is "a threshold, as the client sends it" "$(fire_on threshold RUN_METRIC "$(jq -c . <<'END'
"{\"run_filter\":\"{\\\"$and\\\":[{\\\"display_name\\\":{\\\"$contains\\\":\\\"exp\\\"}}]}\",\"run_metric_filter\":{\"threshold_filter\":{\"name\":\"eval/loss\",\"agg_op\":\"AVERAGE\",\"window_size\":5,\"cmp_op\":\"$gt\",\"threshold\":0.25}},\"metric_filter\":null}"
END
)")" "201 "
is "is kept as it was sent" "$(jq -r '.event.filter | fromjson | .run_filter' "$tmp/answer")" \
    '{"$and":[{"display_name":{"$contains":"exp"}}]}'
is "a dry run says that it is none" "$(jq .dry_run "$tmp/answer")" false
fire_on change RUN_METRIC_CHANGE '{"run_filter": "{\"$and\":[]}", "run_metric_filter": {"change_filter": {"name": "acc", "agg_op": "AVERAGE", "current_window_size": 4, "change_amount": 0.1, "prior_window_size": 4, "change_type": "RELATIVE", "change_dir": "DECREASE"}}, "metric_filter": null}' >"$tmp/made"
fire_on zscore RUN_METRIC_ZSCORE '{"run_metric_filter": {"zscore_filter": {"name": "grad", "window_size": 30, "threshold": 2.5, "change_dir": "ANY"}}}' >>"$tmp/made"
fire_on both RUN_METRIC '{"run_metric_filter": {"$and": [{"threshold_filter": {"name": "accuracy", "cmp_op": "$gt", "threshold": 0.95}}, {"threshold_filter": {"name": "loss", "cmp_op": "$lt", "threshold": 0.1}}]}}' >>"$tmp/made"
fire_on state RUN_STATE '{"run_filter": "{\"$and\":[]}", "run_state_filter": {"states": ["FAILED", "FINISHED"]}}' >>"$tmp/made"
fire_on alert RUN_ALERT '{"alert_level": "ERROR"}' >>"$tmp/made"
fire_on schedule SCHEDULE '{"cron": "0 9 * * mon-fri", "time_zone": "Europe/Berlin"}' >>"$tmp/made"
fire_on absence ABSENCE '{"of": "run.metric", "metric": "loss", "for": "30m", "run_filter": {"group": "g"}}' >>"$tmp/made"
is "every trigger of runs and clocks is taken" "$(sort -u "$tmp/made")" "201 "
is "and listed by its name" \
    "$(api GET '/api/v1/automations?event_type=ABSENCE' | jq -r '.items[].event.filter.metric')" loss
clear_all

# --- what is refused, with words that help

is "W&B's name for it" "$(fire_on x artifact.alias.add)" "400 event.type"
has "is said" "$(jq -r .error.message "$tmp/answer")" "use ADD_ARTIFACT_ALIAS"
is "a trigger that is none any more" "$(fire_on x UPDATE_ARTIFACT_ALIAS)" "400 event.type"
is "a trigger that is not here" "$(fire_on x WEAVE_METRIC_THRESHOLD)" "400 event.type"
has "says what there is instead" "$(jq -r .error.message "$tmp/answer")" "there is RUN_METRIC"
is "an unknown trigger" "$(fire_on x RUN_KILLED)" "400 event.type"
has "names those that are" "$(jq -r .error.message "$tmp/answer")" "REMOVE_COLLECTION_TAG"
is "a state nobody can wait for" \
    "$(fire_on x RUN_STATE '{"run_state_filter": {"states": ["FAILED", "KILLED"]}}')" \
    "400 event.filter.run_state_filter.states[1]"
has "says why" "$(jq -r .error.message "$tmp/answer")" "killed runs never trigger"
is "a condition that is none" "$(fire_on x RUN_METRIC \
    '{"run_metric_filter": {"threshold_filter": {"name": "loss", "agg_op": "MEDIAN"}}}')" \
    "400 event.filter.run_metric_filter.threshold_filter.agg_op"
has "names the known ones as well" "$(jq -r .error.message "$tmp/answer")" "AVERAGE, MIN and MAX"
is "who waits for CRASHED alone" "$(fire_on crashed RUN_STATE '{"run_state_filter": {"states": ["CRASHED"]}}')" "201 "
has "is warned that it is FAILED" "$(jq -r '.warnings[].message' "$tmp/answer")" '{"state":"CRASHED"} leaves these out'
fire_on crashed-only RUN_STATE \
    '{"run_state_filter": {"states": ["CRASHED"]}, "run_filter": {"state": "CRASHED"}}' >>"$tmp/made"
is "but not with such a filter" "$(jq -c .warnings "$tmp/answer")" null
fire_on both RUN_STATE '{"run_state_filter": {"states": ["CRASHED", "failed"]}}' >>"$tmp/made"
is "nor who names both" "$(jq -c .warnings "$tmp/answer")" null
is "a run in a collection" "$(fire_on x RUN_STATE '{"run_state_filter": {"states": ["FAILED"]}}' \
    ',"project":"p","collection":"c"')" "400 scope.collection"
is "a misspelt one" "$(fire_on x Create_Artifact)" "400 event.type"
is "an unknown field" "$(fire_on x LINK_MODEL '{"artifact_typ": "m"}')" "400 event.filter.artifact_typ"
has "names the known ones" "$(jq -r .error.message "$tmp/answer")" "metadata.KEY"
is "an unknown operator" "$(fire_on x ci.done '{"data.x": {"$near": 1}}')" "400 event.filter.data.x.\$near"
is "a pattern that is none" "$(fire_on x ci.done '{"data.x": {"$regex": "(a"}}')" \
    "400 event.filter.data.x.\$regex"
is "a pattern that would take too long" \
    "$(fire_on x ci.done '{"data.x": {"$regex": "((a{0,10}){0,10}){0,10}"}}')" \
    "400 event.filter.data.x.\$regex"

finish
