#!/bin/bash
# way.sh - the way of an event: in, durable, matched, delivered, recorded; over restarts.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0 --secret s3cret-to-sign-with
RECEIVER=$ADDRESS
received() { [ "$(grep -c ' POST /' "$tmp/listen.log")" -ge "$1" ]; }

start_hub
add_team acme
add_secret acme SIGNING s3cret-to-sign-with
add_secret acme TOKEN t0ken-of-the-receiver
ID=$(add_webhook acme receiver "{\"url\":\"http://$RECEIVER/hook\",\"secret\":\"SIGNING\",\"access_token\":\"TOKEN\"}")
is "an integration has an id" "${#ID}" 26
automate promote production "$ID" \
    '{"who": "${event_author}", "what": "${artifact_version_string}", "n": 9007199254740993}' \
    >"$tmp/automation"
is "an automation is made" "$(status)" 201

is "and shown with what was left out" "$(jq -c '[.enabled, .description]' "$tmp/automation")" \
    '[true,""]'

# --- one, array, NDJSON

answer=$(emit "$(alias_event production ',"key":"one"')")
is "an event is accepted" "$(status)" 202
is "and has an id" "$(jq -r '.events[0].id | length' <<<"$answer")" 26
first=$(jq -r '.events[0].id' <<<"$answer")
within 5 received 1 || bad "the webhook arrives"
log=$(cat "$tmp/listen.log")
has "signed rightly" "$log" "signature ok"
has "as the template says, byte for byte around the values" "$log" \
    '{"who": "ana", "what": "acme/vision/resnet:production", "n": 9007199254740993}'
within 5 have_executions finished 1 || bad "the execution is recorded as finished"

answer=$(emit "$(alias_event production ',"key":"one"')")
is "a repeat is a duplicate" "$(jq -c '.events[0]' <<<"$answer")" \
    "{\"id\":\"$first\",\"duplicate\":true}"
emit "[$(alias_event production), $(alias_event staging)]" >"$tmp/answer"
is "an array is accepted" "$(status) $(jq '.events | length' "$tmp/answer")" "202 2"
emit "$(alias_event production)
$(alias_event production)
" >"$tmp/answer"
is "lines are accepted" "$(status) $(jq '.events | length' "$tmp/answer")" "202 2"
within 5 have_executions finished 4 || bad "every match is delivered, nothing else"

answer=$(emit "[$(alias_event production), {\"type\":\"artifact.alias.add\",\"entity\":\"acme\"}]")
is "one bad event refuses its batch" "$(status)" 400
has "naming it" "$(jq -r .error.field <<<"$answer")" "[1]"
sleep 0.2
is "and keeps nothing of it" "$(executions finished) $(executions pending)" "4 0"

# --- what can be asked

event=$(api GET "/api/v1/events/$first")
is "an event can be read" "$(jq -r '.alias + " " + .id' <<<"$event")" "production $first"
execution=$(api GET "/api/v1/executions?limit=1" | jq -r '.items[0].id')
one=$(api GET "/api/v1/executions/$execution")
is "an execution has its attempts" \
    "$(jq -r '.attempt_records[0] | "\(.outcome) \(.http_status)"' <<<"$one")" "delivered 200"
has "the receiver got the execution's id to tell repeats by" "$(cat "$tmp/listen.log")" "$execution"
is "a secret cannot be read back" \
    "$(api GET /api/v1/teams/acme/secrets | grep -c 'cret-to-sign\|t0ken')" 0
is "the integration shows names only" \
    "$(api GET "/api/v1/integrations/$ID" | jq -r .config.secret)" SIGNING

# --- restart

stop_hub
is "SIGTERM ends the hub with 0" $? 0
start_hub
emit "$(alias_event production)" >"$tmp/answer"
within 5 have_executions finished 5 || bad "after a restart it goes on"
is "keys are remembered" \
    "$(emit "$(alias_event production ',"key":"one"')" | jq -c '.events[0].duplicate')" true

# --- secrets at rest and in the log

is "no secret in the database or the log" \
    "$(cat "$DATA"/belfry.db* "$tmp/hub.log" | grep -c -a 's3cret-to-sign-with\|t0ken-of-the-receiver')" 0

finish
