#!/bin/bash
# secrets.sh - what is secret: granted by name, changed, deleted, and never shown; and where an
# integration may lead.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0 --secret s3cret-to-sign-with
RECEIVER=$ADDRESS
start "$tmp/echo.log" node "$(dirname "$0")/echo.mjs"
ECHO=$ADDRESS
received() { grep -q "$1" "$tmp/listen.log"; }
change() { api PATCH "/api/v1/integrations/$1" "$2"; }
error() { jq -r '"\(.error.field // "-") \(.error.message)"' "$tmp/body"; }
records() { # ENTITY: of the hub's own, oldest first
    api GET "/api/v1/events?entity=$1&limit=1000" |
        jq -r '[.items[] | select(.type | test("^belfry[.](secret|integration)")) | "\(.type[7:]) \(.data.name)"] | reverse | join(", ")'
}

start_hub
add_team acme
add_team evil
add_secret acme SIGNING s3cret-to-sign-with
add_secret acme TOKEN t0ken-for-the-payload
add_secret acme EXTRA extra-for-one-action
add_secret evil THEIRS theirs-and-not-ours

# --- grants

api POST /api/v1/teams/acme/integrations "{\"sink\":\"webhook\",\"name\":\"hook\",
    \"config\":{\"url\":\"http://$RECEIVER/hook\"},\"secrets\":[\"SIGNING\",\"TOKEN\"]}" >"$tmp/hook"
is "an integration is granted secrets" "$(status) $(jq -c .secrets "$tmp/hook")" \
    '201 ["SIGNING","TOKEN"]'
ID=$(jq -r .id "$tmp/hook")
automate grants one "$ID" '{"a": "${TOKEN}", "b": "$TOKEN $EXTRA $5"}' >"$tmp/automation"
is "whose names templates may use" "$(status)" 201
emit "$(alias_event one)" >"$tmp/answer"
within 5 received '"a": "t0ken-for-the-payload", "b": "t0ken-for-the-payload $EXTRA $5"' ||
    bad "values stand in the payload, and what is not granted is text" "$(tail -n 3 "$tmp/listen.log")"
within 5 received "signature ok" || bad "the first granted secret signs"
automate more two "$ID" '{"a": "${EXTRA}"}' >"$tmp/answer"
is "what is not granted is refused" "$(status) $(jq -r .error.field "$tmp/answer")" \
    "400 actions[0].config.payload.a"
has "and the names that are stand there" "$(error)" 'known are: TOKEN, SIGNING, '
automate more two "$ID" '{"a": "${THEIRS}"}' >"$tmp/answer"
has "nobody names the secret of another team" "$(status) $(error)" '400 actions[0].config.payload.a unknown variable "${THEIRS}"'
with_secrets() { # NAME ALIAS SECRETS PAYLOAD
    api POST /api/v1/automations "{\"name\": \"$1\", \"scope\": {\"entity\": \"acme\", \"project\": \"vision\"},
        \"event\": {\"type\": \"ADD_ARTIFACT_ALIAS\", \"filter\": {\"alias\": \"$2\"}},
        \"actions\": [{\"integration\": \"$ID\", \"secrets\": $3, \"config\": {\"payload\": $4}}]}" >"$tmp/answer"
}
with_secrets more two '["THEIRS"]' '{}'
has "nor grants it" "$(status) $(error)" '400 actions[0].secrets no secret "THEIRS" in team acme'
with_secrets more two '["EXTRA"]' '{"a": "${EXTRA}", "b": "${TOKEN}"}'
is "an action is granted one more" "$(status)" 201
emit "$(alias_event two)" >"$tmp/answer"
within 5 received '{"a": "extra-for-one-action", "b": "t0ken-for-the-payload"}' ||
    bad "and carries it"
within 5 have_executions finished 2 || bad "both are delivered"
execution=$(api GET "/api/v1/executions?limit=1" | jq -r '.items[0].id')
has "the history shows names alone" \
    "$(api GET "/api/v1/executions/$execution" | jq -r '.attempt_records[0].request.payload')" \
    '{"a": "${EXTRA}", "b": "${TOKEN}"}'

# --- a receiver that sends everything back

api POST /api/v1/teams/acme/integrations "{\"sink\":\"webhook\",\"name\":\"echo\",
    \"config\":{\"url\":\"http://$ECHO/\${TOKEN}\",\"access_token\":\"literal/token+1\"},
    \"secrets\":[\"TOKEN\"]}" >"$tmp/answer"
ECHOES=$(jq -r .id "$tmp/answer")
is "a literal is set, and not shown" "$(jq -c .config.access_token "$tmp/answer")" '{"set":true}'
automate echoed three "$ECHOES" '{"a": "${TOKEN}", "b": "${ACCESS_TOKEN}"}' >"$tmp/answer"
emit "$(alias_event three)" >"$tmp/answer"
within 5 have_executions finished 3 || bad "the echo is delivered"
execution=$(api GET "/api/v1/executions?limit=1" | jq -r '.items[0].id')
shown=$(api GET "/api/v1/executions/$execution")
has "what comes back is kept without values" "$(jq -r '.attempt_records[0].response' <<<"$shown")" \
    'POST /${TOKEN}'
is "in no place" "$(grep -c 't0ken-for-the-payload\|literal/token' <<<"$shown")" 0

# --- changing

is "a name is changed alone" "$(change "$ECHOES" '{"name":"echoes"}' | jq -c '[.name, .config.access_token]')" \
    '["echoes",{"set":true}]'
change "$ECHOES" '{"name":"hook"}' >"$tmp/answer"
is "one that is taken is not" "$(status) $(jq -r .error.code "$tmp/answer")" "409 name_taken"
change "$ECHOES" '{"config":{"access_token":{"set":true},"signature_format":"hex"}}' >"$tmp/answer"
is "what is left out stays, and what is given back" \
    "$(status) $(jq -c '[.config.url, .config.access_token, .config.signature_format]' "$tmp/answer")" \
    "200 [\"http://$ECHO/\${TOKEN}\",{\"set\":true},\"hex\"]"
change "$ECHOES" '{"config":{"access_token":null}}' >"$tmp/answer"
is "null takes an option away" "$(jq -c '.config | has("access_token")' "$tmp/answer")" false
emit "$(alias_event three)" >"$tmp/answer"
within 5 have_executions failed 1 || bad "an automation that needs it fails"
change "$ECHOES" '{"config":{"url":null}}' >"$tmp/answer"
has "what is required stays" "$(status) $(error)" "400 config.url"
change "$ECHOES" '{"secrets":[]}' >"$tmp/answer"
has "a grant that its own options need is not taken back" "$(status) $(error)" "400 config.url"
change "$ECHOES" '{"sink":"slack"}' >"$tmp/answer"
is "the sink stays" "$(status) $(jq -r .error.field "$tmp/answer")" "400 sink"
is "an integration shows who uses it" \
    "$(api GET "/api/v1/integrations/$ECHOES" | jq -c '[.used_by_count, .used_by[0].name, .used_by[0].entity]')" \
    '[1,"echoed","acme"]'

# --- disabling

api POST "/api/v1/integrations/$ECHOES/disable" '{"reason":"moving house"}' >"$tmp/answer"
is "it is disabled, and says why" "$(jq -c '[.disabled, .disabled_reason, (.disabled_since | length)]' "$tmp/answer")" \
    '[true,"moving house",24]'
change "$ECHOES" '{"name":"echo 2"}' >"$tmp/answer"
is "and stays so when it is changed" "$(jq -c '[.disabled, .disabled_reason]' "$tmp/answer")" \
    '[true,"moving house"]'
api POST "/api/v1/integrations/$ECHOES/enable" >"$tmp/answer"
is "until it is enabled" "$(jq -c '[.disabled, .disabled_reason, .disabled_since]' "$tmp/answer")" \
    '[false,null,null]'

# --- secrets

is "a secret shows who uses it" \
    "$(api GET /api/v1/teams/acme/secrets/TOKEN | jq -c '[.set, [.used_by.integrations[].name]]')" \
    '[true,["hook","echo 2"]]'
is "also an action" \
    "$(api GET /api/v1/teams/acme/secrets/EXTRA | jq -c '[.used_by.automations[].name]')" '["more"]'
api GET /api/v1/teams/acme/secrets/NOPE >"$tmp/answer"
is "one that is not there is not found" "$(status)" 404
add_secret acme TOKEN rotated-and-in-force
emit "$(alias_event one)" >"$tmp/answer"
within 5 received '"a": "rotated-and-in-force"' || bad "a value that is set again is in force at once"
api DELETE /api/v1/teams/acme/secrets/EXTRA >"$tmp/answer"
is "a secret in use is deleted, and what used it is named" \
    "$(status) $(jq -c '[.set, .used_by.automations[0].name]' "$tmp/answer")" '200 [false,"more"]'
emit "$(alias_event two)" >"$tmp/answer"
within 5 have_executions failed 2 || bad "which fails from then on"
has "naming it" "$(api GET "/api/v1/executions?status=failed&limit=1" | jq -r '.items[0].id' |
    { read -r id; api GET "/api/v1/executions/$id"; } | jq -r '.attempt_records[0].reason')" \
    'no secret "EXTRA" in team acme any more'

# --- deleting an integration

api POST "/api/v1/integrations/$ID/disable" >"$tmp/answer"
emit "$(alias_event one)" >"$tmp/answer"
within 5 have_executions pending 1 || bad "what is disabled lets wait"
api DELETE "/api/v1/integrations/$ID" >"$tmp/answer"
is "one in use is not deleted" "$(status) $(jq -r .error.code "$tmp/answer")" "409 in_use"
has "and who uses it is named" "$(error)" '2 automations use it: "grants", "more"; '
api DELETE "/api/v1/integrations/$ID?force=yes" >"$tmp/answer"
is "force is true or false" "$(status)" 400
api DELETE "/api/v1/integrations/$ID?force=true" >"$tmp/answer"
is "with force it is" "$(status)" 204
within 5 have_executions failed 3 || bad "what waited for it ends as failed"
has "with these words" "$(api GET "/api/v1/executions?status=failed&limit=1" | jq -r '.items[0].id' |
    { read -r id; api GET "/api/v1/executions/$id"; } | jq -r '.attempt_records[0].reason')" \
    "does not exist any more"
api GET "/api/v1/integrations/$ID" >"$tmp/answer"
is "and it is gone" "$(status)" 404
api DELETE "/api/v1/integrations/$ID" >"$tmp/answer"
is "for good" "$(status)" 404

# --- addresses

try() { # URL: status, field and words, or the warnings
    api POST /api/v1/teams/acme/integrations "$(jq -n --arg u "$1" \
        '{sink: "webhook", name: "try", config: {url: $u}}')" >"$tmp/answer"
    echo "$(status) $(jq -r '.error // .warnings | tostring' "$tmp/answer")"
    id=$(jq -r '.id // empty' "$tmp/answer")
    [ -z "$id" ] || api DELETE "/api/v1/integrations/$id" >/dev/null
}
refused=$(try http://10.1.2.3/hook)
has "a private address is refused" "$refused" '400 {"code":"invalid"'
has "with its field" "$refused" '"field":"config.url"'
has "and the setting that would allow it" "$refused" \
    'allow_addresses = \"127.0.0.0/8 10.1.2.3/32\"'
has "in any spelling" "$(try http://0xA9FEA9FE/latest)" "169.254.169.254/32"
has "the hub itself is" "$(try "$URL/")" "this hub listens there itself"
has "a name that does not resolve is saved with a warning" "$(try https://nowhere.invalid/hook)" \
    '201 [{"field":"config.url","message":"the host cannot be resolved now'
has "a name of an address that is allowed is fine" "$(try "http://localhost:${RECEIVER#*:}/")" "201 ["
has "a password in a URL is refused" "$(try "http://bot:pa55@$RECEIVER/")" "would be stored and shown"
api POST /api/v1/teams/acme/integrations '{"sink":"webhook","name":"try","config":{"url":"https://a.invalid/","access_token":"http://10.1.2.3/secret-path"}}' >"$tmp/answer"
has "a secret that is a URL is judged as well" "$(status) $(error)" "400 config.access_token connection to 10.1.2.3"
is "and not quoted" "$(grep -c secret-path "$tmp/answer" "$tmp/hub.log" | tr '\n' ' ')" \
    "$tmp/answer:0 $tmp/hub.log:0 "
change "$ECHOES" '{"config":{"url":"http://192.168.1.1/"}}' >"$tmp/answer"
has "so is a change" "$(status) $(error)" "400 config.url connection to 192.168.1.1"

# --- the journal and the files

has "every change is in the journal" "$(records acme)" \
    "secret.saved SIGNING, secret.saved TOKEN, secret.saved EXTRA, integration.saved hook, integration.saved echo, integration.saved echoes, integration.saved echoes, integration.saved echoes, integration.disabled echoes, integration.saved echo 2, integration.enabled echo 2, secret.rotated TOKEN, secret.deleted EXTRA, integration.disabled hook, integration.deleted hook"
stop_hub
is "the hub ends well" $? 0
is "no value is in the files or in the log" "$(cat "$DATA"/belfry.db* "$tmp/hub.log" |
    grep -c -a 's3cret-to-sign\|t0ken-for\|extra-for\|theirs-and\|literal/token\|rotated-and\|secret-path\|pa55')" 0

finish
