#!/bin/bash
# test_send.sh - an integration is tried: the real answer, what was sent, and nothing that stays.
. "$(dirname "$0")/lib.sh"

start "$tmp/echo.log" node "$(dirname "$0")/echo.mjs"
ECHO=$ADDRESS
start "$tmp/down.log" node "$(dirname "$0")/echo.mjs" 503
DOWN=$ADDRESS
start "$tmp/slow.log" "$B/tests/tools/receive" --listen 127.0.0.1:0 --delay 60000
SLOW=$ADDRESS
error() { jq -r '"\(.error.field // "-") \(.error.message)"' "$tmp/body"; }
try() { api POST "/api/v1/integrations/$1/test" "${2-}"; } # ID [BODY]
user() { # NAME ROLE: its key
    api PUT "/api/v1/users/$1" '{}' >/dev/null
    [ -z "$2" ] || api PUT "/api/v1/teams/acme/members/$1" "{\"role\":\"$2\"}" >/dev/null
    api POST "/api/v1/users/$1/keys" '{"name":"e2e"}' | jq -r .key
}
as() { local KEY=$1; shift; "$@"; }

start_hub
add_team acme
add_secret acme SIGNING s3cret-to-sign-with
add_secret acme TOKEN t0ken-for-the-payload
add_secret acme EXTRA extra-for-one-action
ID=$(api POST /api/v1/teams/acme/integrations "{\"sink\":\"webhook\",\"name\":\"echo\",
    \"secrets\":[\"TOKEN\"],\"config\":{\"url\":\"http://$ECHO/\${TOKEN}\",\"access_token\":\"literal/token+1\",
    \"secret\":\"SIGNING\"}}" | jq -r .id)
start "$tmp/late.log" "$B/tests/tools/receive" --listen 127.0.0.1:0 --delay 3000
late=$(add_webhook acme late "{\"url\":\"http://$ADDRESS/\"}")
slow=$(add_webhook acme slow "{\"url\":\"http://$SLOW/\"}")
down=$(add_webhook acme down "{\"url\":\"http://$DOWN/\"}")

# --- one that is not answered: it ends after 15 s, while all else goes on

patient() { # ID FILE
    curl -s -m 40 -o "$2" -w '%{http_code} %{time_total}' -X POST -H "Authorization: Bearer $KEY" \
        "$URL/api/v1/integrations/$1/test" >"$2.status"
}
patient "$slow" "$tmp/slow" &
waiting=$!

# --- what is sent and what comes back

try "$ID" '{"payload":{"a":"${TOKEN} ${ACCESS_TOKEN}","b":"${alias}","n":9007199254740993}}' >"$tmp/test"
is "a test is answered" "$(status) $(jq -r '"\(.test) \(.outcome) \(.reason)"' "$tmp/test")" \
    "200 true delivered HTTP 200"
is "with what was sent" "$(jq -c '[.request.method, .request.url, .request.payload]' "$tmp/test")" \
    "[\"POST\",\"http://$ECHO/\${TOKEN}\",\"{\\\"a\\\":\\\"\${TOKEN} \${access_token}\\\",\\\"b\\\":\\\"production\\\",\\\"n\\\":9007199254740993}\"]"
header() { jq -r --arg n "$1" ".$2.headers[] | select(.name == \$n) | .value" "$tmp/test"; }
is "and its headers" "$(header Authorization request)" 'Bearer ${access_token}'
is "the answer's status and body" "$(jq -r '"\(.response.status) \(.response.body_cut)"' "$tmp/test")" "200 false"
has "are those of the receiver" "$(jq -r .response.body "$tmp/test")" 'POST /${TOKEN}'
has "without the values that it sent back" "$(jq -r .response.body "$tmp/test")" \
    'Authorization: Bearer ${access_token}'
is "not even in headers" "$(header Location response)" '/?token=Bearer ${access_token}'
is "of which those that tell something are shown" "$(header X-Request-Id response)$(header Set-Cookie response)" echo-1
is "no value is anywhere in it" "$(grep -c 't0ken-for\|literal/token\|s3cret-to' "$tmp/test")" 0

# --- the signature, checked by another program

try "$ID" '{"payload":{"b":"${alias}"}}' >"$tmp/test"
jq -rj '.request.signatures[0].covers' "$tmp/test" >"$tmp/covered"
is "the signature covers what it says" "$(jq -r '.request.signatures[0].value' "$tmp/test")" \
    "$(openssl dgst -sha256 -hmac s3cret-to-sign-with -binary "$tmp/covered" | base64)"
is "and stands in the request" "$(header X-Wandb-Signature request)" "$(jq -r '.request.signatures[0].value' "$tmp/test")"
is "with the name of its key" "$(jq -c '.request.signatures[0] | [.header, .format, .secret]' "$tmp/test")" \
    '["X-Wandb-Signature","base64","${SIGNING}"]'

# --- what it is about

try "$ID" '{"event_type":"LINK_MODEL","payload":{"t":"${event_type} ${project_name}"}}' >"$tmp/test"
has "a type of event has sample values" "$(jq -r .request.payload "$tmp/test")" 'LINK_ARTIFACT sample'
try "$ID" '{"event_type":"ci.finished","payload":{"t":"${event_type}"}}' >"$tmp/test"
has "also one of one's own" "$(jq -r .request.payload "$tmp/test")" '"t":"ci.finished"'
samples() { # TYPE: what a payload says of a made-up event of this type
    try "$ID" "{\"event_type\":\"$1\",\"payload\":{\"t\":\"\${event_type}|\${run_name}|\${alert_name}|\${data.late}\"}}" \
        >"$tmp/test"
    jq -r '.request.payload | fromjson? // . | .t? // .' "$tmp/test"
}
is "also a run's metric" "$(samples RUN_METRIC)" "RUN_METRIC|sample-1||"
is "a run's state" "$(samples RUN_STATE)" "RUN_STATE|sample-1||"
is "a run's alert" "$(samples RUN_ALERT)" "RUN_ALERT|sample-1|sample|"
is "a schedule" "$(samples SCHEDULE)" "SCHEDULE|||false"
is "a silence" "$(samples ABSENCE)" "ABSENCE|sample-1||"
event=$(emit "$(alias_event staging)" | jq -r '.events[0].id')
try "$ID" "{\"event\":\"$event\",\"payload\":{\"t\":\"\${artifact_version_string} \${event_type}\"}}" >"$tmp/test"
has "a recorded event has its own" "$(jq -r .request.payload "$tmp/test")" \
    'acme/vision/resnet:staging ADD_ARTIFACT_ALIAS'
try "$ID" '{"secrets":["EXTRA"],"payload":{"t":"${EXTRA}"}}' >"$tmp/test"
has "secrets are granted as to an action" "$(jq -r .response.body "$tmp/test")" '{"t":"${EXTRA}"}'
try "$ID" '{"payload":{"t":"${EXTRA}"}}' >"$tmp/test"
has "and not without" "$(status) $(error)" '400 config.payload.t unknown variable "${EXTRA}"'
try "$ID" '{"event":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}' >"$tmp/test"
has "an event that is not there is refused" "$(status) $(error)" '400 event there is no event'
try "$ID" "{\"event\":\"$event\",\"event_type\":\"LINK_MODEL\"}" >"$tmp/test"
is "one of the two is given" "$(status) $(jq -r .error.field "$tmp/test")" "400 event_type"
try "$ID" '{"event_type":"RUN_METRIC_X"}' >"$tmp/test"
is "of those that there are" "$(status) $(jq -r .error.field "$tmp/test")" "400 event_type"
try "$ID" '{"config":{"payload":1},"payload":2}' >"$tmp/test"
is "a payload is given once" "$(status) $(jq -r .error.field "$tmp/test")" "400 payload"

# --- receivers in trouble

try "$down" >"$tmp/test"
is "a failure is shown as it is judged" "$(status) $(jq -r '"\(.outcome) \(.response.status)"' "$tmp/test")" \
    "200 retry 503"
api PATCH "/api/v1/integrations/$down" '{"config":{"url":"http://127.0.0.1:1/"}}' >/dev/null
try "$down" >"$tmp/test"
is "nobody there has no answer" "$(jq -c '[.outcome, .response]' "$tmp/test")" '["retry",null]'
has "but a reason" "$(jq -r .reason "$tmp/test")" "127.0.0.1"
api POST "/api/v1/integrations/$ID/disable" >/dev/null
try "$ID" >"$tmp/test"
is "one that is disabled can be tried" "$(jq -r .outcome "$tmp/test")" delivered

# --- who may

member=$(user ana member) viewer=$(user vic viewer) other=$(user otto '')
as "$member" try "$ID" >"$tmp/test"
is "a member may not, as a payload may carry secrets" "$(status)" 403
as "$viewer" try "$ID" >"$tmp/test"
is "nor a viewer" "$(status)" 403
as "$other" try "$ID" >"$tmp/test"
is "for others there is nothing" "$(status)" 404
with_secrets='{"name":"granted","scope":{"entity":"acme","project":"vision"},
    "event":{"type":"ADD_ARTIFACT_ALIAS","filter":{"alias":"x"}},
    "actions":[{"integration":"'$ID'","secrets":["EXTRA"],"config":{"payload":{"a":"${EXTRA}"}}}]}'
as "$member" api POST /api/v1/automations "$with_secrets" >"$tmp/answer"
is "a member grants nothing to an action" "$(status) $(jq -r .error.field "$tmp/answer")" \
    "403 actions[0].secrets"
api POST /api/v1/automations "$with_secrets" >"$tmp/answer"
automation=$(jq -r .id "$tmp/answer")
as "$member" api PATCH "/api/v1/automations/$automation" '{"description":"by a member"}' >"$tmp/answer"
is "but keeps what an admin has granted" "$(status) $(jq -c '.actions[0].secrets' "$tmp/answer")" '200 ["EXTRA"]'
as "$member" api PATCH "/api/v1/automations/$automation" \
    '{"actions":[{"integration":"'"$ID"'","secrets":["EXTRA"],"config":{"payload":{"b":"${EXTRA}"}}}]}' >"$tmp/answer"
is "and sends it nowhere else" "$(status) $(jq -r .error.field "$tmp/answer")" "403 actions[0].secrets"

# --- nothing stays

is "nothing is counted" "$(api GET /api/v1/executions | jq '.items | length')" 0
is "or saved" "$(api GET "/api/v1/integrations/$ID" | jq -c '[.state.failures, .state.last_success]')" '[0,null]'
has "but the log says that it was a test" "$(cat "$tmp/hub.log")" "info test: integration $ID was tested by admin: delivered, HTTP 200"
for n in 1 2 3; do patient "$late" "$tmp/late$n" & done
sleep 0.5
try "$ID" >"$tmp/test"
is "a fifth at a time waits its turn" "$(status) $(jq -r .error.code "$tmp/test")" "503 busy"
wait "$waiting"
is "one without an answer ends" "$(cut -c1-3 "$tmp/slow.status") $(jq -r '"\(.outcome) \(.response)"' "$tmp/slow")" \
    "200 unknown null"
at_most "after 15 s" "$(cut -d' ' -f2 "$tmp/slow.status" | cut -d. -f1)" 17
stop_hub
is "the hub ends well" $? 0
is "no value is in the log" "$(grep -c 't0ken-for\|extra-for\|literal/token\|s3cret-to' "$tmp/hub.log")" 0

finish
