#!/bin/bash
# failed.sh - what fails is an event that automations act on: a second receiver is told why, scripts are
# asked about it, two broken receivers do not talk of each other for ever, and a kill loses none of it.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
RECEIVER=$ADDRESS
start "$tmp/refusing.log" "$BELFRY" listen 127.0.0.1:0 --status 400
REFUSING=$ADDRESS
start_hub
add_team acme
BROKEN=$(add_webhook acme broken "{\"url\": \"http://$REFUSING/hook\"}")
OTHER=$(add_webhook acme other "{\"url\": \"http://$REFUSING/other\"}")
WELL=$(add_webhook acme well "{\"url\": \"http://$RECEIVER/hook\"}")

make_one() { # NAME TYPE INTEGRATION PAYLOAD [more members]: the id
    api POST /api/v1/automations "$(jq -nc --arg n "$1" --arg t "$2" --arg i "$3" --argjson p "$4" \
        --argjson more "{${5-}}" '{name: $n, scope: {entity: "acme"}, event: {type: $t}, actions:
        [{integration: $i, config: {payload: $p}}]} * $more')" >"$tmp/made"
    is "automation $1 is made" "$(status) $(jq -r '.error.message // ""' "$tmp/made")" "201 "
    ID=$(jq -r .id "$tmp/made")
}
failures() { api GET "/api/v1/events?type=belfry.execution.failed&limit=1000" | jq -c .items; }
told() { [ "$(failures | jq length)" -ge "$1" ]; }
posts() { sed -n 's/^ *\({"why".*\)$/\1/p' "$tmp/listen.log"; }

make_one deploy ci.deploy "$BROKEN" '{"n": "${data.n}"}'
DEPLOY=$ID
make_one tell belfry.execution.failed "$WELL" \
    '{"why": "${data.error}", "what": "${data.automation}", "http": "${json:data.http_status}", "of": "${data.event.type}"}' \
    '"event": {"type": "belfry.execution.failed", "filter": {"data.integration.name": "broken"}}'
TELL=$ID
cause=$(emit '{"type": "ci.deploy", "entity": "acme", "project": "vision", "data": {"n": 1}}' |
    jq -r '.events[0].id')
within 10 have_executions finished 1 || bad "the second receiver is told"
is "why, and of what" "$(posts | jq -c .)" '{"why":"HTTP 400","what":"deploy","http":400,"of":"ci.deploy"}'
failures >"$tmp/failures"
lost=$(api GET "/api/v1/executions?automation=$DEPLOY" | jq -r '.items[0].id')
is "the event names all of it" "$(jq -c '.[0] | [.data.id, .data.automation_id, .data.integration, .data.status,
    .data.attempts, .data.event.id, .entity, .project, .cause, .author]' "$tmp/failures")" \
    "[\"$lost\",\"$DEPLOY\",{\"id\":\"$BROKEN\",\"name\":\"broken\",\"sink\":\"webhook\"},\"failed\",1,\"$cause\",\"acme\",\"vision\",\"$cause\",\"belfry-system\"]"
api POST "/api/v1/executions/$lost/resend" '{}' >"$tmp/answer"
within 10 told 2 || bad "one that is sent again and fails is told of again"
within 10 have_executions finished 2
api POST "/api/v1/integrations/$BROKEN/test" >"$tmp/answer"
is "a test is not told of" "$(failures | jq length)" 2

# --- two that are broken

make_one answer belfry.execution.failed "$OTHER" '{"why": "${data.error}"}'
ANSWER=$ID
make_one echo belfry.execution.failed "$BROKEN" '{"why": "${data.error}"}'
ECHO=$ID
emit '{"type": "ci.deploy", "entity": "acme", "data": {"n": 2}}' >"$tmp/answer"
within 10 told 3
sleep 0.5
is "the failure is told of, and not that telling of it failed" \
    "$(failures | jq -c '[.[].data.automation]')" '["deploy","deploy","deploy"]'
is "both that tried have failed" "$(api GET "/api/v1/executions?status=failed" |
    jq -c '[.items[].automation_name] | sort')" '["answer","deploy","deploy","deploy","echo"]'
for id in "$ANSWER" "$ECHO" "$TELL"; do api DELETE "/api/v1/automations/$id" >"$tmp/answer"; done

# --- scripts

make_one asked belfry.execution.failed "$WELL" '{"why": "asked: ${data.error}"}' \
    '"hooks": {"filter": {"code": "return { filter = function(event) return event.data.automation == [[picky]] end }"}}'
make_one picky ci.picky "$WELL" '{}' \
    '"hooks": {"filter": {"code": "return { filter = function(event) return event.data.size > 1 end }"}}'
emit '{"type": "ci.picky", "entity": "acme", "data": {}}' >"$tmp/answer"
asked() { posts | grep -q "asked: the filter script failed"; }
within 10 asked || bad "one that a script has failed is told of, where a script says so" "$(failures)"
failures >"$tmp/failures"
is "without an attempt" "$(jq -c '.[0].data | [.automation, .attempts, .http_status]' "$tmp/failures")" \
    '["picky",0,null]'
emit '{"type": "ci.deploy", "entity": "acme", "data": {"n": 3}}' >"$tmp/answer"
within 10 told 5
sleep 0.2
is "and where it says no, not" "$(posts | grep -c asked:)" 1

# --- a kill

seq 4 203 | jq -c '{type: "ci.deploy", entity: "acme", data: {n: .}}' | emit @- >"$tmp/answer"
within 10 told 20 || bad "the first ones fail"
kill -9 "$HUB_PID"
start_hub
all_failed() { [ "$(api GET "/api/v1/executions?automation=$DEPLOY&status=failed&limit=1000" | jq '.items | length')" = 204 ]; }
within 20 all_failed || bad "all have failed"
within 10 told 205 || bad "each is told of" "$(failures | jq length)"
is "once" "$(failures | jq -c '[([.[].data.id] | length), ([.[].data.id] | unique | length)]')" '[205,205]'
finish
