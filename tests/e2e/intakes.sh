#!/bin/bash
# intakes.sh - foreign webhooks come in, from senders that nobody here wrote.
. "$(dirname "$0")/lib.sh"

need_npm
start_hub
add_team acme
add_team other
add_secret acme GITHUB_WEBHOOK "It's a Secret to Everybody"
add_secret acme ALERTMANAGER_TOKEN a-token-for-alertmanager

put() { # NAME DEFINITION [TEAM]: the status
    api PUT "/api/v1/teams/${3-acme}/intakes/$1" "$2" >"$tmp/answer"
    status
}
get() { api GET "/api/v1/teams/acme/intakes/$1"; } # NAME
peer() { timeout 60 node "$(dirname "$0")/intakes.mjs" "$URL" "$KEY" "$1" 2>&1; }
arrive() { # NAME BODY [curl options]: prints the status, the answer in $tmp/answer
    local name=$1 body=$2
    shift 2
    curl -sS -m 30 -o "$tmp/answer" -w '%{http_code}' "$URL/api/v1/in/$name" \
        --data-binary "$body" "$@"
}

# --- the life of an intake

is "an intake is made" "$(put github @scripts/intakes/github.json)" 201
is "its address is told" "$(jq -r .url "$tmp/answer")" "$URL/api/v1/in/github"
is "its secret is a name" "$(jq -r .definition.check.secret "$tmp/answer")" GITHUB_WEBHOOK
is "a literal is sealed" "$(put standard '{"type": ["svc", {"pointer": "/type"}],
    "time": {"pointer": "/timestamp"},
    "check": {"kind": "hmac", "format": "standard-webhooks",
              "secret": {"value": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}}')" 201
is "and not shown" "$(get standard | jq -c .definition.check.secret)" '{"set":true}'
is "what was shown can be put back" \
    "$(put standard "$(get standard | jq -c .definition)")" 200
is "a name is given once in a hub" "$(put github '{"type":"a","check":{"kind":"none"}}' other)" 409
has "without telling whose it is" "$(jq -r .error.message "$tmp/answer" | grep -c acme)" 0
is "the other team does not see it" "$(api GET /api/v1/teams/other/intakes/github >"$tmp/answer"
    status)" 404
is "nor can it delete it" "$(api DELETE /api/v1/teams/other/intakes/github >"$tmp/answer"
    status)" 404
is "a check must be said" "$(put open '{"type":"a"}') $(jq -r .error.field "$tmp/answer")" \
    "400 check"
is "a secret must be there" "$(put open '{"type":"a","check":{"kind":"bearer","secret":"NO"}}'
    ) $(jq -r .error.field "$tmp/answer")" "400 check.secret"
is "a name is checked" "$(put 'a%2Fb' '{"type":"a","check":{"kind":"none"}}')" 400
put open '{"type": "open.hook", "check": {"kind": "none"}}' >/dev/null
is "they are listed" "$(api GET /api/v1/teams/acme/intakes | jq -r '[.items[].name] | join(" ")')" \
    "github open standard"
is "by pages" "$(api GET '/api/v1/teams/acme/intakes?limit=1&cursor=github' |
    jq -r '[.items[0].name, .next] | join(" ")')" "open open"
is "changes stand in the journal" "$(api GET '/api/v1/events?entity=acme' |
    jq -r '[.items[] | select(.type == "belfry.intake.saved") | .data.name] | join(" ")')" \
    "open standard standard github"
has "without a secret" "$(api GET '/api/v1/events?entity=acme' | grep -c whsec_)" 0

# --- those that we ship

add_team shop
for file in scripts/intakes/*.json; do
    name=$(basename "$file" .json)
    add_secret shop "$(jq -r .check.secret "$file")" a-secret-of-some-length
    is "the definition for $name is taken" "$(put "shop-$name" "@$file" shop)" 201
done
stamp=$(date +%s)
body='{"entity":"model_version","action":"created","timestamp":"2026-01-02T03:04:05.678901+00:00"}'
signature=$(printf 'd-1.%s.%s' "$stamp" "$body" |
    openssl dgst -sha256 -hmac a-secret-of-some-length -binary | base64)
is "MLflow is let in" "$(arrive shop-mlflow "$body" -H 'X-MLflow-Delivery-Id: d-1' \
    -H "X-MLflow-Timestamp: $stamp" -H "X-MLflow-Signature: v1,$signature")" 202
is "and told by type, key and time" \
    "$(api GET "/api/v1/events/$(jq -r '.events[0].id' "$tmp/answer")" |
        jq -r '[.type, .key, .time] | join(" ")')" \
    "mlflow.model_version.created d-1 2026-01-02T03:04:05.678Z"
is "Hugging Face is let in" "$(arrive shop-huggingface \
    '{"event":{"action":"update","scope":"repo.content"},"repo":{"name":"acme/resnet"}}' \
    -H 'X-Webhook-Secret: a-secret-of-some-length')" 202
is "and told by type" "$(api GET "/api/v1/events/$(jq -r '.events[0].id' "$tmp/answer")" |
    jq -r .type)" huggingface.repo.content.update
is "GitLab is let in" "$(arrive shop-gitlab '{"object_kind":"push","user_username":"ana"}' \
    -H 'X-Gitlab-Token: a-secret-of-some-length')" 202

# --- arrivals

is "anybody may send where that was said" "$(arrive open '{"n": 1.0}')" 202
is "with the body as data" "$(api GET "/api/v1/events/$(jq -r '.events[0].id' "$tmp/answer")" |
    sed -E 's/.*"type"/"type"/')" \
    '"type":"open.hook","entity":"acme","source":"open","data":{"n": 1.0}}'
is "an unknown intake" "$(arrive nowhere '{}')" 404
is "without a signature" "$(arrive github '{}')" 401
unsigned=$(cat "$tmp/answer")
is "with a wrong one" "$(arrive github '{}' -H 'X-Hub-Signature-256: sha256=00')" 401
is "the answers are equal" "$(cat "$tmp/answer")" "$unsigned"
is "whatever the body is" "$(arrive github 'no json' -H 'X-Hub-Signature-256: x')" 401
is "and whatever else is asked" "$(arrive standard '{}')" 401
is "with the same words" "$(cat "$tmp/answer")" "$unsigned"
is "a body that is no JSON" "$(arrive open 'a=b')" 400
is "a form is told what to do instead" "$(arrive open 'payload=%7B%7D')" 415
has "in words" "$(jq -r .error.message "$tmp/answer")" "application/json"
is "GET is not for senders" "$(curl -s -o "$tmp/answer" -w '%{http_code}' "$URL/api/v1/in/open")" 405
head -c 1048577 /dev/zero | tr '\0' ' ' >"$tmp/big"
is "more than 1 MiB" "$(arrive open "@$tmp/big")" 413

is "every example of GitHub's webhooks, signed by octokit" "$(peer github)" "329 deliveries"
is "Standard Webhooks, signed by their library" "$(peer standard)" "9 requests"
is "what came is counted" "$(get standard | jq -c '[.events.accepted, .events.repeated,
    .events.refused, (.events.last != null)]')" '[4,1,6,true]'

# --- a real Alertmanager

is "an intake for Alertmanager" "$(put alerts @scripts/intakes/alertmanager.json)" 201
cat >"$tmp/alertmanager.yml" <<END
route: {receiver: hub, group_wait: 0s, group_interval: 1s, group_by: [alertname]}
receivers:
- name: hub
  webhook_configs:
  - url: $URL/api/v1/in/alerts
    http_config: {authorization: {credentials: a-token-for-alertmanager}}
END
: >"$tmp/am.log"
prometheus-alertmanager --config.file="$tmp/alertmanager.yml" --storage.path="$tmp/am" \
    --web.listen-address=127.0.0.1:0 --cluster.listen-address= >"$tmp/am.log" 2>&1 &
started="$started $!"
within 10 grep -q 'Listening on' "$tmp/am.log"
am=$(grep -oE 'Listening on" address=[^ ]+' "$tmp/am.log" | sed 's/.*=//')
amtool --alertmanager.url="http://$am" alert add LossDiverged job=vision severity=page \
    --annotation=summary='loss is NaN' >"$tmp/amtool" 2>&1
arrived() { # how many events of this type there are
    api GET '/api/v1/events?entity=acme&limit=1000' |
        jq "[.items[] | select(.type == \"$1\")] | length"
}
one_arrived() { [ "$(arrived "$1")" = 1 ]; }
within 10 one_arrived alertmanager.firing || cat "$tmp/am.log" "$tmp/amtool"
is "an alert arrives" "$(arrived alertmanager.firing)" 1
is "with its labels" "$(api GET '/api/v1/events?entity=acme&limit=1000' |
    jq -r '.items[] | select(.type == "alertmanager.firing") |
        [.project, .data.alerts[0].labels.alertname, .data.alerts[0].annotations.summary,
         .data.version] | join(", ")')" 'vision, LossDiverged, loss is NaN, 4'
amtool --alertmanager.url="http://$am" alert add LossDiverged job=vision severity=page \
    --end="$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$tmp/amtool" 2>&1
within 10 one_arrived alertmanager.resolved
is "and that it is over" "$(arrived alertmanager.resolved)" 1

# --- an event of an intake fires an automation

start "$tmp/receive.log" "$B/tests/tools/receive" --listen 127.0.0.1:0
ID=$(add_webhook acme hook "{\"url\":\"http://$ADDRESS/hook\"}")
api POST /api/v1/automations "{\"name\": \"on hook\", \"scope\": {\"entity\": \"acme\"},
    \"event\": {\"type\": \"open.hook\"},
    \"actions\": [{\"integration\": \"$ID\", \"config\": {\"payload\": {\"t\": \"\${event_type}\"}}}]}" \
    >"$tmp/answer"
arrive open '{}' >/dev/null
within 10 have_executions finished 1
is "a foreign webhook fires an automation" "$(executions finished)" 1

# --- disabled, rotated, restarted, deleted

put open '{"type": "open.hook", "check": {"kind": "none"}, "enabled": false}' >/dev/null
is "a disabled intake takes nothing" "$(arrive open '{}')" 403
is "and shows that it is" "$(get open | jq .enabled)" false
put github '{"type": "github", "check": {"kind": "header", "header": "X-Gitlab-Token",
    "secret": {"value": "one of gitlab"}}}' >/dev/null
is "a changed check holds at once" \
    "$(arrive github '{}' -H 'X-Gitlab-Token: one of gitlab')" 202
api DELETE /api/v1/teams/acme/secrets/ALERTMANAGER_TOKEN >"$tmp/answer"
is "without its secret nobody is let in" \
    "$(arrive alerts '{}' -H 'Authorization: Bearer a-token-for-alertmanager')" 401
stop_hub
start_hub
is "intakes are there after a restart" \
    "$(arrive github '{}' -H 'X-Gitlab-Token: one of gitlab')" 202
is "with what they counted" "$(get github | jq '.events.accepted >= 330')" true
api DELETE /api/v1/teams/acme/intakes/github >"$tmp/answer"
is "an intake is deleted" "$(status)" 204
is "and gone" "$(arrive github '{}' -H 'X-Gitlab-Token: one of gitlab')" 404
is "its name can be given anew" "$(put github '{"type":"a","check":{"kind":"none"}}' other)" 201
is "no literal is left behind" \
    "$("$B/tests/tools/sql" "$DATA/belfry.db" \
        "SELECT group_concat(name) FROM team_secrets WHERE name LIKE 'intake/%'")" intake/standard

finish
