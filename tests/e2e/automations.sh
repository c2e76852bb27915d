#!/bin/bash
# automations.sh - an automation's whole life: made, listed, changed, switched off and on, deleted.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
RECEIVER=$ADDRESS
received() { [ "$(grep -c ' POST /' "$tmp/listen.log")" -ge "$1" ]; }

start_hub
add_team acme
add_team other
HOOK=$(add_webhook acme receiver "{\"url\":\"http://$RECEIVER/hook\"}")

# --- made, and read

automate promote production "$HOOK" '{"what": "${alias}"}' >"$tmp/made"
is "an automation is made" "$(status)" 201
ID=$(jq -r .id "$tmp/made") FIRST=$(jq -r .revision "$tmp/made")
A=/api/v1/automations/$ID
is "it has fired nothing yet" "$(jq -c .last_execution "$tmp/made")" null
api GET "$A" '' -D "$tmp/headers" >"$tmp/one"
is "what is read is what the answer showed" "$(cat "$tmp/one")" "$(cat "$tmp/made")"
has "its revision is its ETag" "$(tr A-Z a-z <"$tmp/headers")" "etag: \"$FIRST\""

automate promote staging "$HOOK" '{}' >"$tmp/answer"
is "a name is given once in a team" "$(status) $(jq -r .error.code "$tmp/answer")" "409 name_taken"
is "and the answer says who has it" "$(jq -r .error.id "$tmp/answer")" "$ID"
is "a name has at most 255 characters" \
    "$(automate "$(printf 'n%.0s' {1..256})" a "$HOOK" '{}' | jq -r .error.field)" name
automate "$(printf 'é%.0s' {1..255})" a "$HOOK" '{}' >"$tmp/answer"
is "of any script" "$(status)" 201

# --- changed

api PATCH "$A" '{"description": "d", "enabled": null}' >"$tmp/patched"
is "PATCH changes what it names" \
    "$(status) $(jq -c '[.name, .description, .enabled, .id]' "$tmp/patched")" \
    "200 [\"promote\",\"d\",true,\"$ID\"]"
SECOND=$(jq -r .revision "$tmp/patched")
is "and makes a revision" "$((SECOND > FIRST))" 1
api PATCH "$A" '{"name": "renamed"}' >"$tmp/answer"
is "it can be renamed" "$(jq -r .name "$tmp/answer")" renamed
api PATCH "$A" '{"naem": "x"}' >"$tmp/answer"
is "an unknown member is refused by name" "$(status) $(jq -r .error.field "$tmp/answer")" "400 naem"
api PATCH "$A" '{"actions": null}' >"$tmp/answer"
is "what it needs cannot be taken away" "$(status) $(jq -r .error.field "$tmp/answer")" \
    "400 actions"
api PATCH "$A" '[]' >"$tmp/answer"
is "a body that is no object is refused" "$(status)" 400

api PATCH "$A" '{"hooks": {"filter": {"code": "return", "on_eror": "skip"}}}' >"$tmp/answer"
is "what is wrong with a hook is named" "$(status) $(jq -r .error.field "$tmp/answer")" \
    "400 hooks.filter.on_eror"

api PATCH "$A" '{"hooks": {"filter": {"code": "return {filter = function() return true end}"}}}' \
    >"$tmp/answer"
is "hooks are a member like the others" "$(status) $(jq -c .hooks "$tmp/answer")" \
    '200 {"filter":{"code":"return {filter = function() return true end}"}}'
api PATCH "$A" '{"hooks": null}' >"$tmp/answer"
is "and can be taken away" "$(status) $(jq -c 'has("hooks")' "$tmp/answer")" "200 false"

automate second x "$HOOK" '{}' >"$tmp/answer"
api PATCH "$A" '{"name": "second"}' >"$tmp/answer"
is "not to a name that is taken" "$(status) $(jq -r .error.code "$tmp/answer")" "409 name_taken"

api PATCH "$A" '{"description": "e"}' -H "If-Match: \"$FIRST\"" >"$tmp/answer"
is "If-Match with an older revision is refused" \
    "$(status) $(jq -r .error.code "$tmp/answer")" "412 precondition_failed"
api PATCH "$A" "{\"description\": \"e\", \"revision\": $FIRST}" >"$tmp/answer"
is "so is an older revision in the body" "$(status)" 412
NOW=$(api GET "$A" | jq .revision)
api PATCH "$A" '{"description": "e"}' -H "If-Match: \"$NOW\"" >"$tmp/answer"
is "with the one in force it is not" "$(status)" 200

api GET "$A" >"$tmp/one"
api PUT "$A" "$(jq '.description = "f"' "$tmp/one")" >"$tmp/answer"
is "what was read can be sent back, changed" \
    "$(status) $(jq -c '[.description, .name]' "$tmp/answer")" '200 ["f","renamed"]'
api PUT "$A" "$(cat "$tmp/one")" >"$tmp/answer"
is "but not over somebody else's change" "$(status)" 412
api PUT "$A" "$(jq 'del(.revision) | .description = "f"' "$tmp/one")" >"$tmp/again"
REVISION=$(jq .revision "$tmp/again")
api PUT "$A" "$(jq 'del(.revision) | .description = "f"' "$tmp/one")" >"$tmp/answer"
is "the same once more makes no revision" "$(jq .revision "$tmp/answer")" "$REVISION"
api PUT "$A" "$(jq 'del(.revision) | .scope = {"entity": "other"}' "$tmp/one")" >"$tmp/answer"
is "it stays with its team" "$(status) $(jq -r .error.field "$tmp/answer")" "400 scope.entity"

# --- off and on

emit "$(alias_event production)" >"$tmp/answer"
within 5 have_executions finished 1 || bad "it fires"
api POST "$A/disable" >"$tmp/answer"
is "it is disabled" "$(status) $(jq .enabled "$tmp/answer")" "200 false"
is "and remembers what it did last" "$(jq -r .last_execution.status "$tmp/answer")" finished
REVISION=$(jq .revision "$tmp/answer")
is "twice is as good as once" "$(api POST "$A/disable" | jq .revision)" "$REVISION"
emit "$(alias_event production)" >"$tmp/answer"
emit "$(alias_event x)" >"$tmp/answer"
within 5 have_executions finished 2 || bad "another one fires"
is "while disabled it does not fire" "$(api GET "/api/v1/executions?automation=$ID" | jq '.items|length')" 1
api POST "$A/enable" >"$tmp/answer"
is "it is enabled" "$(status) $(jq .enabled "$tmp/answer")" "200 true"
emit "$(alias_event production)" >"$tmp/answer"
within 5 have_executions finished 3 || bad "and fires again"

# --- lists

list() { api GET "/api/v1/automations?entity=acme&$1" | jq -c '[.items[].name]'; }
api POST /api/v1/automations "{\"name\": \"Tagged 50%\",
    \"scope\": {\"entity\": \"acme\", \"project\": \"audio\", \"collection\": \"vgg\"}, \"enabled\": false,
    \"event\": {\"type\": \"ADD_ARTIFACT_TAG\"}, \"actions\": [{\"integration\": \"$HOOK\"}]}" \
    >"$tmp/answer"
is "by project" "$(list project=audio)" '["Tagged 50%"]'
is "by collection" "$(list 'collection=vgg')" '["Tagged 50%"]'
is "by event type" "$(list event_type=ADD_ARTIFACT_TAG)" '["Tagged 50%"]'
is "by being enabled" "$(list enabled=false)" '["Tagged 50%"]'
is "by a part of the name, in any case" "$(list name=GGED%2050)" '["Tagged 50%"]'
is "where % is just a sign" "$(list name=t%25)" '[]'
is "by several at once" "$(list 'project=vision&name=re&enabled=true')" '["renamed"]'
is "of nothing there is nothing" "$(list collection=nothing)" '[]'
is "enabled is true or false" "$(api GET '/api/v1/automations?entity=acme&enabled=1' | jq -r .error.field)" enabled
page=$(api GET '/api/v1/automations?entity=acme&limit=2&event_type=ADD_ARTIFACT_ALIAS')
next=$(jq -r .next <<<"$page")
is "pages go on" "$(jq -c '[.items[].name]' <<<"$page")$(list "limit=2&event_type=ADD_ARTIFACT_ALIAS&cursor=$next")" \
    "[\"renamed\",\"second\"][\"$(printf 'é%.0s' {1..255})\"]"

automate zz-1 a "$HOOK" '{}' >"$tmp/answer"
ENDED=$(jq -r .id "$tmp/answer")
automate zz-2 a "$HOOK" '{}' >"$tmp/answer"
api DELETE "/api/v1/automations/$ENDED" >"$tmp/answer"
is "also where the last one of a page was deleted since" "$(list "name=zz&cursor=$ENDED")" '["zz-2"]'

# --- deleted

api POST "$A/disable" >"$tmp/answer"
api DELETE "$A" '' -H "If-Match: \"$FIRST\"" >"$tmp/answer"
is "it is not deleted where somebody changed it" "$(status)" 412
api DELETE "$A" >"$tmp/answer"
is "it is deleted" "$(status)" 204
api GET "$A" >"$tmp/answer"
is "and gone" "$(status) $(list name=renamed)" '404 []'
api DELETE "$A" >"$tmp/answer"
is "once" "$(status)" 404
is "the history still knows its name" \
    "$(api GET "/api/v1/executions?automation=$ID&limit=1" | jq -r '.items[0].automation_name')" renamed
automate renamed production "$HOOK" '{}' >"$tmp/answer"
is "its name is free again" "$(status)" 201
api DELETE "/api/v1/automations/$(jq -r .id "$tmp/answer")" >"$tmp/answer"

# --- what was fired is delivered

DOWN=$(add_webhook acme down '{"url": "http://127.0.0.1:9/nobody"}')
automate waiting later "$DOWN" '{"a": "${automation_name}"}' >"$tmp/waiting"
W=$(jq -r .id "$tmp/waiting")
emit "$(alias_event later)" >"$tmp/answer"
within 5 have_executions pending 1 || bad "a delivery waits"
api DELETE "/api/v1/automations/$W" >"$tmp/answer"
is "its automation is deleted meanwhile" "$(status)" 204
is "and it waits on" "$(executions pending)" 1

# --- the journal has all of it

records() { api GET '/api/v1/events?entity=acme&limit=1000' |
    jq -r "[.items[] | select(.data.id == \"$1\") | .type | ltrimstr(\"belfry.automation.\")] | reverse | join(\" \")"; }
is "each change is a record" "$(records "$W")" "saved deleted"
has "with its kind" "$(records "$ID")" "disabled enabled disabled deleted"

stop_hub
start_hub
api GET "$A" >"$tmp/answer"
is "after a restart what was deleted is gone" "$(status)" 404
is "and what waits still waits" "$(executions pending)" 1
is "under its name" "$(api GET '/api/v1/executions?status=pending' | jq -r '.items[0].automation_name')" waiting

finish
