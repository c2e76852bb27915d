#!/bin/bash
# lint.sh - what is found out before an automation does harm: refused, or told when it is saved, told
# again when asked for; and where links in messages lead.
. "$(dirname "$0")/lib.sh"

# Plugins must be writable by their owner alone.
mkdir -m 755 "$tmp/plugins"
for name in "$B"/plugins/*.so "$B"/tests/skeletons/{digest,pages}.so; do
    install -m 755 "$name" "$tmp/plugins/"
done
start_hub --plugin_dir "$tmp/plugins" --plugins "http webhook digest pages"
export BELFRY_URL=$URL BELFRY_API_KEY=$KEY BELFRY_TEAM=acme HOME=$tmp
add_team acme
add_secret acme GRANTED a-value-of-some-length
ID=$(api POST /api/v1/teams/acme/integrations '{"sink": "digest", "name": "chat",
    "config": {"url": {"value": "http://127.0.0.1:9/x"}}, "secrets": ["GRANTED"]}' | jq -r .id)

spec() { # NAME CONFIG: an automation as JSON
    jq -nc --arg n "$1" --arg i "$ID" --argjson c "$2" '{name: $n,
        scope: {entity: "acme", project: "vision"}, event: {type: "ADD_ARTIFACT_ALIAS"},
        actions: [{integration: $i, config: $c}]}'
}
refusal() { # METHOD PATH BODY: the status, the field and the words
    api "$@" >"$tmp/answer"
    echo "$(status) $(jq -r '"\(.error.field): \(.error.message)"' "$tmp/answer")"
}
warnings() { # METHOD PATH [BODY]: each as "field: words"
    api "$@" | jq -r '(.warnings // .items // [])[] | "\(.field): \(.message)"'
}

# --- what the service would refuse

WORDS="actions[0].config.lines: from 1 to 50, not 99"
is "what its plugin refuses is refused with its field" \
    "$(refusal POST /api/v1/automations "$(spec digest '{"lines": 99}')")" "400 $WORDS"
is "and nothing is saved" "$(api GET '/api/v1/automations?entity=acme' | jq '.items | length')" 0
AUTO=$(api POST /api/v1/automations "$(spec digest '{"lines": 5}')" | jq -r .id)
is "so it is when all of it is replaced" \
    "$(refusal PUT "/api/v1/automations/$AUTO" "$(spec digest '{"lines": 99}')")" "400 $WORDS"
is "or a part of it" "$(refusal PATCH "/api/v1/automations/$AUTO" \
    "$(spec digest '{"lines": 99}' | jq -c '{actions}')")" "400 $WORDS"
is "and when it is only tried" "$(refusal POST /api/v1/automations/test \
    "{\"automation\": $(spec digest '{"lines": 99}'), \"event\": $(alias_event x)}")" "400 $WORDS"
document() { # LINES
    spec planned "{\"lines\": $1}" | jq -c '{manifest: "m", automations:
        [del(.actions[].integration) | .actions[0].integration = "chat"]}'
}
has "a plan is refused with the automation in front" \
    "$(refusal POST /api/v1/plans "{\"document\": $(document 99)}")" \
    '400 automations[0].actions[0].config.lines: automation "planned" of acme: from 1 to 50, not 99'
"$BELFRY" automations create - <<<"$(spec typed '{"lines": 99}')" >"$tmp/out" 2>"$tmp/err"
is "the command fails" $? 1
has "with the same words" "$(cat "$tmp/err")" "from 1 to 50, not 99"
document 99 >"$tmp/plan.json"
"$BELFRY" apply "$tmp/plan.json" --yes >"$tmp/out" 2>&1
is "and so does a file of automations" $? 1
has "with them, too" "$(cat "$tmp/out")" "from 1 to 50, not 99"

# --- what is saved with a warning

LONG="actions[0].config.line: such lines are long; a digest will hold few of them"
is "what only long names make too long is a warning, once" "$(warnings PUT "/api/v1/automations/$AUTO" \
    "$(spec digest '{"line": "${alias} of ${artifact_collection_name}"}')")" "$LONG"
has "a secret that people would read is one as well" "$(warnings PUT "/api/v1/automations/$AUTO" \
    "$(spec digest '{"line": "${GRANTED} ${alias} of ${artifact_collection_name}"}')")" \
    'actions[0].config.line: ${GRANTED} is a secret, and whoever reads the message will see it'
has "a plan tells it" "$(api POST /api/v1/plans \
    "{\"document\": $(document 5 | jq -c '.automations[0].actions[0].config = {line: "$GRANTED"}')}" |
    jq -r '.changes[0].warnings[0].message')" '${GRANTED} is a secret'
is "the schema says what people read" "$(api GET /api/v1/plugins | jq '[.items[].kinds[] |
    select(.kind == "digest") | .schema.action.properties | .line["x-shown"], .lines["x-shown"]]' -c)" \
    '[true,null]'

# --- what is wrong with it now

is "what was told is told when it is asked for" \
    "$(warnings GET "/api/v1/automations/$AUTO/warnings" | cut -c 1-41)" \
    "$(printf '%s\n%s' 'actions[0].config.line: ${GRANTED} is a s' "${LONG:0:41}")"
api POST "/api/v1/integrations/$ID/disable" '{"reason": "it moved"}' >"$tmp/answer"
has "and what has changed since: the integration is disabled" \
    "$(warnings GET "/api/v1/automations/$AUTO/warnings")" \
    'actions[0].integration: integration "chat" is disabled, and what is sent to it waits until it is enabled: it moved'
is "of the integration, that it is" "$(warnings GET "/api/v1/integrations/$ID/warnings")" \
    "disabled: nothing is delivered, and executions wait, until it is enabled: it moved"
"$BELFRY" integrations check chat >"$tmp/out" 2>&1
is "the command finds it, which is no failure" "$? $(cat "$tmp/out")" \
    "0 disabled: nothing is delivered, and executions wait, until it is enabled: it moved"
api POST "/api/v1/integrations/$ID/enable" >"$tmp/answer"
is "nothing is told of one that is fine" "$("$BELFRY" integrations check chat)" \
    "nothing is wrong, as far as the hub can tell"
api DELETE /api/v1/teams/acme/secrets/GRANTED >"$tmp/answer"
has "a secret that is gone" "$(warnings GET "/api/v1/automations/$AUTO/warnings")" \
    'no secret "GRANTED" in team acme'
has "is found by the command" "$("$BELFRY" automations check digest)" 'belfry secrets set GRANTED'
api DELETE "/api/v1/integrations/$ID?force=true" >"$tmp/answer"
is "and an integration that is gone" "$(warnings GET "/api/v1/automations/$AUTO/warnings")" \
    "actions[0].integration: there is no integration $ID any more, and what is sent to it fails; choose another"
is "all that is wrong in a team is listed" \
    "$(api GET '/api/v1/warnings?team=acme' | jq -c '[[.items[] | [.name, .warnings[0].field]], .next]')" \
    '[[["digest","actions[0].integration"]],null]'
TO=$(add_webhook acme fine '{"url": "http://127.0.0.1:9/x"}')
automate fine x "$TO" '{"a": "${alias}"}' >"$tmp/answer"
api GET '/api/v1/warnings?team=acme&limit=1' >"$tmp/first"
is "a page at a time" "$(jq -c '[.items[].name]' "$tmp/first") $(api GET \
    "/api/v1/warnings?team=acme&limit=1&cursor=$(jq -r .next "$tmp/first")" | jq -c .)" \
    '["digest"] {"items":[],"next":null}'
has "and printed" "$("$BELFRY" automations check)" "digest: actions[0].integration: there is no"
is "as one list for scripts" "$("$BELFRY" automations check --json | jq -c '[.items[].name]')" '["digest"]'
is "a team must be named" "$(refusal GET /api/v1/warnings | cut -d' ' -f1-2)" "400 team:"
is "of what is not there, 404" "$(refusal GET /api/v1/automations/01K9Z000000000000000000000/warnings |
    cut -d' ' -f1)" 404

# --- where links lead

page() { # PATH [curl options]: status and Location
    curl -s -o "$tmp/page" -D "$tmp/head" -w '%{http_code} ' "$URL$1" "${@:2}"
    tr -d '\r' <"$tmp/head" | sed -n 's/^[Ll]ocation: //p'
}
for noun in automations executions events; do
    is "a link to $noun leads on to REST, for whoever follows it" "$(page "/$noun/$AUTO")" \
        "303 ../api/v1/$noun/$AUTO"
done
is "where a key is needed" "$(page "/automations/$AUTO" -L | head -c 3)" 401
page "/automations/$AUTO" -L -H "Authorization: Bearer $KEY" >"$tmp/out"
is "and shows the thing" "$(jq -r .name "$tmp/page")" digest
is "what is no id leads nowhere" "$(page /automations/nonsense)" "404 "
is "nor does a longer path" "$(page "/automations/$AUTO/x")" "404 "
finish
