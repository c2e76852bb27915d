#!/bin/bash
# payloads.sh - what each kind of event becomes: the worked values, over the wire.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
RECEIVER=$ADDRESS

start_hub --public_url https://hub.example
add_team acme
HOOK=$(add_webhook acme receiver "{\"url\":\"http://$RECEIVER/hook\"}")

# One automation per trigger, each with all variables.
ALL='{"type": "${event_type}", "author": "${event_author}", "entity": "${entity_name}",
    "project": "${project_name}", "alias": "${alias}", "tag": "${tag}",
    "collection": "${artifact_collection_name}", "version": "${artifact_version}",
    "string": "${artifact_version_string}", "index": "${artifact_version_index}",
    "model": "${artifact_metadata.model_type}", "acc": "${artifact_metadata.acc}",
    "typed": "${json:artifact_metadata.acc}", "name": "${automation_name}", "run": "${run_name}"}'
watch_for() { # TYPE [PAYLOAD]: prints the status, and the field that is wrong
    api POST /api/v1/automations "$(jq -nc --arg t "$1" --arg i "$HOOK" --argjson p "${2-$ALL}" \
        '{name: ("notify " + $t), scope: {entity: "acme"}, event: {type: $t},
          actions: [{integration: $i, config: {payload: $p}}]}')" >"$tmp/answer"
    echo "$(status) $(jq -r '.error.field // ""' "$tmp/answer")"
}
for type in CREATE_ARTIFACT LINK_MODEL UNLINK_ARTIFACT ADD_ARTIFACT_ALIAS ADD_ARTIFACT_TAG \
    REMOVE_ARTIFACT_TAG ADD_COLLECTION_TAG REMOVE_COLLECTION_TAG; do
    is "$type can be waited for" "$(watch_for "$type")" "201 "
done

VERSION='"artifact":{"id":"QXJ0aWZhY3Q6NTE3ODg5ODg3","version":"v7","type":"model","metadata":{"model_type":"cnn","acc":0.93}}'
LINKED='"artifact":{"id":"QXJ0aWZhY3Q6NTE3ODg5ODg3","version":"v0","type":"model"}'
VISION='"entity":"acme","author":"ana","project":"vision","collection":"resnet"'
REGISTRY='"entity":"acme","author":"ana","project":"wandb-registry-model","collection":"Classifier"'
URI=wandb-artifact://_id/QXJ0aWZhY3Q6NTE3ODg5ODg3

# Payloads that have come, oldest first, one per line.
payloads() { sed -n 's/^ *\({.*}\)$/\1/p' "$tmp/listen.log"; }
count=0
arrived() { [ "$(payloads | wc -l)" -ge "$count" ]; }
becomes() { # CLAIM EVENT WANT: one line for each payload, in the order of `sort`
    local n before=$count
    n=$(wc -l <<<"$3")
    count=$((count + n))
    emit "$2" >"$tmp/answer"
    within 5 arrived
    is "$1" "$(payloads | tail -n +$((before + 1)) | jq -cS 'del(.name)' | LC_ALL=C sort)" "$3"
}
want() { # JSON with what is not blank
    jq -ncS --argjson w "$1" '{type: "", author: "ana", entity: "acme", project: "vision", alias: "",
        tag: "", collection: "resnet", version: "", string: "", index: "", model: "", acc: "",
        typed: null, run: ""} + $w'
}

V="\"version\":\"$URI\",\"index\":\"7\",\"model\":\"cnn\",\"acc\":\"0.93\",\"typed\":0.93,\"string\":\"acme/vision/resnet:v7\""
R='"project":"wandb-registry-model","collection":"Classifier"'
becomes "CREATE_ARTIFACT" "{\"type\":\"artifact.create\",$VISION,$VERSION}" \
    "$(want "{\"type\":\"CREATE_ARTIFACT\",$V}")"
L="\"version\":\"$URI\",\"index\":\"0\",\"string\":\"acme/wandb-registry-model/Classifier:v0\""
becomes "a link into a registry is LINK_ARTIFACT, and a creation there" \
    "{\"type\":\"artifact.link\",$REGISTRY,$LINKED}" \
    "$(want "{\"type\":\"CREATE_ARTIFACT\",$R,$L}"
       want "{\"type\":\"LINK_ARTIFACT\",$R,$L}")"
becomes "a link elsewhere is a link" "{\"type\":\"artifact.link\",$VISION,$VERSION}" \
    "$(want "{\"type\":\"LINK_ARTIFACT\",$V}")"
becomes "UNLINK_ARTIFACT" "{\"type\":\"artifact.unlink\",$REGISTRY,$LINKED}" \
    "$(want "{\"type\":\"UNLINK_ARTIFACT\",$R,$L}")"
becomes "ADD_ARTIFACT_ALIAS names the version by its alias" \
    "{\"type\":\"artifact.alias.add\",$REGISTRY,$LINKED,\"alias\":\"production\"}" \
    "$(want "{\"type\":\"ADD_ARTIFACT_ALIAS\",$R,$L,\"alias\":\"production\",\"string\":\"acme/wandb-registry-model/Classifier:production\"}")"
for verb in add remove; do
    TYPE=$(tr a-z A-Z <<<"$verb")
    becomes "${TYPE}_ARTIFACT_TAG" \
        "{\"type\":\"artifact.tag.$verb\",$VISION,$VERSION,\"tag\":\"europe-west\"}" \
        "$(want "{\"type\":\"${TYPE}_ARTIFACT_TAG\",$V,\"tag\":\"europe-west\"}")"
    becomes "${TYPE}_COLLECTION_TAG has no version" \
        "{\"type\":\"collection.tag.$verb\",$REGISTRY,$LINKED,\"tag\":\"reviewed\"}" \
        "$(want "{\"type\":\"${TYPE}_COLLECTION_TAG\",$R,\"tag\":\"reviewed\"}")"
done

# --- events of one's own, and their data

is "a type of one's own can be waited for" "$(watch_for ci.finished '{
    "text": "${event_type}: ${data.build.status} of ${data.steps.1.name}${data.gone}",
    "n": "${json:data.build.n}", "all": "${json:data}", "none": "${json:data.gone}",
    "a \"key\"": ["${data.build}", "$${data}", "$data, 5 $"]}')" "201 "
count=$((count + 1))
emit '{"type":"ci.finished","entity":"acme","data":{"build":{"status":"fa\"il\ned","n":9007199254740993},"steps":[{},{"name":"${alias}"}]}}' \
    >"$tmp/answer"
within 5 arrived
is "its data goes where its path says, numbers as they were sent" "$(payloads | tail -n 1)" \
    '{"text":"ci.finished: fa\"il\ned of ${alias}","n":9007199254740993,"all":{"build":{"status":"fa\"il\ned","n":9007199254740993},"steps":[{},{"name":"${alias}"}]},"none":null,"a \"key\"":["{\"status\":\"fa\\\"il\\ned\",\"n\":9007199254740993}","${data}","$data, 5 $"]}'

# --- what is refused when it is saved

is "an unknown name" "$(watch_for x.1 '{"a": [{"b": "${artifact_name}"}]}')" \
    "400 actions[0].config.payload.a[0].b"
for name in artifact_collection_name run_status metric_filter_short alert_name execution_id \
    artifact_metadata.KEY data.PATH; do
    has "names the known ones, $name" "$(jq -r .error.message "$tmp/answer")" "$name"
done
is "a typed value within a string" "$(watch_for x.2 '{"a": "n ${json:data.n}"}')" \
    "400 actions[0].config.payload.a"
is "an open brace" "$(watch_for x.3 '{"a": "${alias"}')" "400 actions[0].config.payload.a"
is "somebody else's secret" "$(watch_for x.4 '{"a": "${OTHERS_SECRET}"}')" \
    "400 actions[0].config.payload.a"
BIG=$(jq -nc '[range(20) | "${data.part\(.)}"]')
is "what may grow too large is saved" "$(watch_for x.5 "$BIG")" "201 "
is "with a warning" "$(jq -r '.warnings[0].field' "$tmp/answer")" "actions[0].config.payload"

# --- too large when it is rendered

watch_for big.data '["${data.a}","${data.a}"]' >/dev/null
head -c 600000 /dev/zero | tr '\0' x | jq -Rc '{type: "big.data", entity: "acme", data: {a: .}}' \
    >"$tmp/big"
emit @"$tmp/big" >"$tmp/answer"
within 5 have_executions failed 1 || bad "what is too large fails"
id=$(api GET '/api/v1/executions?status=failed' | jq -r '.items[0].id')
has "with its size" "$(api GET "/api/v1/executions/$id" | jq -r '.attempt_records[0].reason')" \
    "1200007 bytes long, at most 1048576"

finish
