#!/bin/bash
# github.sh - workflows are started at GitHub: what is refused before it is sent, what is sent, and what
# GitHub's answers mean, its lies included.  GitHub is github.mjs, which holds each request against
# the schema that GitHub publishes.
. "$(dirname "$0")/lib.sh"
here=$(dirname "$0")

need_npm
start "$tmp/github.log" node "$here/github.mjs" "$here/github.schema.json"
GITHUB=$ADDRESS
start_hub --plugins "http webhook github"
export BELFRY_URL=$URL BELFRY_API_KEY=$KEY BELFRY_TEAM=acme XDG_CONFIG_HOME=$tmp/config
add_team acme
for name in writes alone reads sso stale; do
    add_secret acme "${name^^}" "ghp_$name"
done

error() { jq -r '"\(.error.field): \(.error.message)"' "$tmp/body"; }
integration() { # CONFIG [NAME]
    api POST /api/v1/teams/acme/integrations "{\"sink\":\"github\",\"name\":\"${2-models}\",
        \"secrets\":[\"STALE\"],\"config\":$1,\"delivery\":{\"pace\":\"1000/s\"}}"
}
automation() { # ACTION'S CONFIG
    api POST /api/v1/automations "{\"name\":\"no\",\"scope\":{\"entity\":\"acme\"},\"event\":{\"type\":\"a.b\"},
        \"actions\":[{\"integration\":\"$models\",\"config\":$1}]}" >"$tmp/answer"
}
state() { curl -s "http://$GITHUB/state" | jq -cS "$1"; }

# --- an integration is saved

refused() { # CLAIM COMMAND CONFIG WORDS
    "$2" "$3" >"$tmp/answer"
    has "$1 is refused" "$(status) $(error)" "$4"
}
refused "a copied address" integration '{"repo":"https://github.com/octo-org/models.git","token":"ALONE"}' \
    "400 config.repo: repo is owner and name alone: write octo-org/models"
refused "the site in place of the API" integration \
    '{"repo":"octo-org/models","token":"ALONE","api_base":"https://github.com"}' \
    "400 config.api_base: github.com is the site; leave api_base out for its API"
refused "no token" integration '{"repo":"octo-org/models"}' "400 config.token"
has "an Enterprise Server without its path is doubted" "$(integration \
    "{\"repo\":\"octo-org/models\",\"token\":\"ALONE\",\"api_base\":\"http://$GITHUB\"}" pathless |
    jq -r '.warnings[0] | "\(.field) \(.message)"')" "config.api_base the API of an Enterprise Server is at"
models=$(integration "{\"repo\":\"octo-org/models\",\"token\":\"ALONE\",\"api_base\":\"http://$GITHUB/api/v3\"}" |
    jq -r .id)
is "one is made" "$(status)" 201
has "its options can be read about" "$("$BELFRY" help github)" "Start a GitHub Actions workflow"

# --- an automation is saved

refused "an event type that is too long" automation "{\"event_type\":\"$(printf 'x%.0s' {1..101})\"}" \
    "400 actions[0].config.event_type: event_type has 101 characters"
refused "a payload of eleven members" automation "{\"event_type\":\"x\",\"client_payload\":$(
    jq -nc '[range(11) | {key: "k\(.)", value: 1}] | from_entries')}" \
    "400 actions[0].config.client_payload: client_payload has 11 members"
refused "one that is no object" automation '{"event_type":"x","client_payload":[1]}' "has to be an object"
refused "no event type" automation '{}' "400 actions[0].config.event_type"
automation '{"event_type":"deploy-${artifact_collection_name}","client_payload":{"key":"${STALE}"}}'
is "what may go wrong is saved" "$(status)" 201
jq -r '.warnings[].message' "$tmp/answer" >"$tmp/warnings"
has "with a warning of long names" "$(cat "$tmp/warnings")" "characters, and GitHub takes 100"
has "and of a secret that a log will show" "$(cat "$tmp/warnings")" '${STALE} is a secret, and whoever reads'

# --- as code: each at an integration of its own, so that none rests for another

cat >"$tmp/promote.lua" <<END
manifest "promote"
automation "promote" {
    add_artifact_alias(project "acme/vision", alias:eq "promote") >> github "models" {
        event_type = "deploy-\${alias}",
        client_payload = {
            model = "\${artifact_version_string}", by = "\${event_author}",
            metadata = { type = "\${artifact_metadata.model_type}", acc = "\${json:artifact_metadata.acc}" },
        },
    },
}
for name, case in pairs {
    limit = {}, words = {}, hour = {}, error = {}, cut = {}, paced = {},
    old = { repo = "octo-org/old" }, gone = { repo = "octo-org/nothing" }, version = { api_version = "2019-01-01" },
    reads = { token = "READS" }, sso = { token = "SSO" }, stale = { token = "STALE" },
    long = { event_type = "\${artifact_metadata.text}" }, large = { payload = { text = "\${artifact_metadata.text}" } },
} do
    local there = integration(name) {
        team = "acme", sink = "github", api_base = "http://$GITHUB/api/v3", repo = case.repo or "octo-org/models",
        token = secret(case.token or "WRITES"), api_version = case.api_version,
    }
    automation(name) {
        add_artifact_alias(project "acme/vision", alias:eq(name)) >> there {
            event_type = case.event_type or name, client_payload = case.payload,
        },
    }
end
END
out=$("$BELFRY" apply "$tmp/promote.lua" --yes 2>&1)
has "automations as code know it" "$out" "29 made"

# --- everything happens at once

aliases="limit words hour error cut paced paced old gone version reads sso stale long large promote promote promote promote promote promote"
for alias in $aliases; do
    metadata='"model_type":"cnn","acc":0.93'
    case $alias in
    long) metadata="\"text\":\"$(printf 'ü%.0s' {1..101})\"" ;;
    large) metadata="\"text\":\"$(head -c 70000 /dev/zero | tr '\0' x)\"" ;;
    esac
    printf '{"type":"artifact.alias.add","entity":"acme","project":"vision","collection":"resnet",%s}\n' \
        "\"alias\":\"$alias\",\"author\":\"ana\",\"artifact\":{\"id\":\"QXJ0\",\"version\":\"v7\",\"type\":\"model\",\"metadata\":{$metadata}}"
done >"$tmp/events"
emit "@$tmp/events" >"$tmp/answer"
is "all of it happens" "$(status)" 202

# What waits for a minute is tried and stays; all else comes to an end.
all_ended() {
    api GET '/api/v1/executions?limit=100' >"$tmp/list"
    jq -e '[.items[] | select(.status == "pending" or .status == "running")] |
        length == 1 and .[0].automation_name == "words" and .[0].attempts == 1' "$tmp/list" >"$tmp/ended"
}
look() { # executions with their attempts, into $tmp/all
    within 20 all_ended || bad "everything comes to an end" "$(jq -c '.items[] | [.automation_name, .status]' "$tmp/list")"
    jq -r --arg url "$URL" '.items[] | "url = \($url)/api/v1/executions/\(.id)"' "$tmp/list" >"$tmp/urls"
    curl -s -K "$tmp/urls" -H "Authorization: Bearer $KEY" | jq -s . >"$tmp/all"
}
AT='def at: (sub("\\.[0-9]+"; "") | fromdate) + (capture("(?<part>\\.[0-9]+)").part | "0" + . | tonumber); '
of() { # AUTOMATION FILTER
    jq -cr "$AT .[] | select(.automation_name == \"$1\") | $2" "$tmp/all"
}

look
is "the workflow is started six times" "$(of promote .status | sort | uniq -c | xargs)" "6 finished"
is "with the event type and the payload that were meant" \
    "$(state '[.dispatched[] | select(.event_type == "deploy-promote") | .client_payload] | [length, unique]')" \
    '[6,[{"by":"ana","metadata":{"acc":0.93,"type":"cnn"},"model":"acme/vision/resnet:promote"}]]'
is "one at a time" "$(state .most_at_once)" 1
has "by a user agent" "$(state '.dispatched[0].headers["user-agent"]')" '"belfry/'

for limit in limit hour; do
    is "$limit: it is asked for again, once, and not before a second has passed" \
        "$(of $limit "[.status, .attempts, (.attempt_records | map(.started | at) | .[1] - .[0] >= 1)]")" \
        '["finished",2,true]'
done
has "as the history tells" "$(of limit '.attempt_records[0].reason')" \
    "HTTP 403, over a rate limit: You have exceeded a secondary rate limit."
is "a limit in words alone is no failure, and a minute is waited" \
    "$(of words "[.status, ((.due | at) - (.created | at) >= 60)]")" '["pending",true]'

fails() { # CLAIM AUTOMATION WORDS
    is "$1 fails, at once" "$(of "$2" '"\(.status) \(.attempts)"')" "failed 1"
    has "$1 is told of" "$(of "$2" '.attempt_records[0].reason')" "$3"
}
fails "a repository that has moved" old "the repository octo-org/old has moved; write its new name as repo"
fails "one that is not there, or not to be seen" gone "the token cannot see the repository octo-org/nothing"
fails "a token that may not" reads "(the token needs Contents: write on octo-org/models; GitHub names contents=write)"
fails "single sign-on" sso "authorize the token for the organization's single sign-on"
fails "a token that is none" stale "HTTP 401: Bad credentials"
fails "a version that is none any more" version '"2019-01-01" is not a supported version.'
fails "an event type that became too long" long "event_type has 101 characters, and GitHub takes 100"
fails "a payload that became too large" large "client_payload has 70011 bytes, and GitHub takes 65535"
is "no redirect was followed" "$(state .followed)" 0
is "and nothing was sent that GitHub's schema does not allow" \
    "$(state '[.refused[] | select(.status == 422)]')" '[]'

# --- not answered, or by a server that failed: nobody knows, and nobody tries again by himself

for lie in cut error; do
    is "$lie: the outcome is unknown, and it was tried once" "$(of $lie '"\(.status) \(.attempts)"')" "unknown 1"
    is "$lie: it had happened" "$(state "[.dispatched[] | select(.event_type == \"$lie\")] | length")" 1
done
has "which the history says" "$(of error '.attempt_records[0].reason')" \
    "HTTP 502: Server Error (the workflow may have started all the same; look at the runs of octo-org/models"
first=$(of cut .id)
api POST "/api/v1/executions/$first/resend" >"$tmp/answer"
is "a person sends it again" "$(status)" 201
look
is "then it is done, as an execution of its own" \
    "$(of cut '[.status, .resend_of]' | grep -c "^\[\"finished\",\"$first\"\]$")" 1
is "and there are two" "$(state '[.dispatched[] | select(.event_type == "cut")] | length')" 2

# --- pace, and secrets

is "a second lies between two of one integration" \
    "$(jq "$AT"'[.[] | select(.automation_name == "paced").started | at] | sort |
        length == 2 and .[1] - .[0] >= 0.95' "$tmp/all")" true
is "the tokens are nowhere in the database" "$(cat "$DATA"/belfry.db* | grep -c -a ghp_)" 0
is "nor in the log" "$(grep -c ghp_ "$tmp/hub.log")" 0

# --- tried out

api POST "/api/v1/integrations/$models/test" '{"config":{"event_type":"ping","client_payload":{"from":"${alias}"}}}' >"$tmp/test"
is "an integration is tried out" "$(jq -r '"\(.outcome) \(.response.status)"' "$tmp/test")" "delivered 204"
is "with the token's name in place of the token" \
    "$(jq -r '.request.headers[] | select(.name == "Authorization").value' "$tmp/test")" 'Bearer ${ALONE}'
stop_hub
is "the hub stops in order" $? 0
finish
