#!/bin/bash
# why.sh - what automations made of events, asked later: as they were then, whatever was changed,
# disabled, deleted or moved since; and an automation tried on one event.
cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh

start_hub
export BELFRY_URL=$URL BELFRY_API_KEY=$KEY BELFRY_TEAM=acme HOME=$tmp
api PUT /api/v1/organizations/initech '{}' >/dev/null
api PUT /api/v1/organizations/globex '{}' >/dev/null
api PUT /api/v1/teams/acme '{"organization":"initech"}' >/dev/null
TO=$(add_webhook acme deployer '{"url": "http://127.0.0.1:9/hook"}')
api POST "/api/v1/integrations/$TO/disable" >/dev/null

spec() { # NAME FILTER [SCOPE] [more members]
    printf '{"name":"%s","scope":%s,"event":{"type":"ADD_ARTIFACT_ALIAS","filter":%s},"actions":[{"integration":"%s","config":{"payload":{"model":"${artifact_version_string}"}}}]%s}' \
        "$1" "${3-{\"entity\":\"acme\",\"project\":\"vision\"\}}" "$2" "$TO" "${4-}"
}
make_one() { api POST /api/v1/automations "$(spec "$@")" | jq -r .id; }
event() { emit "$@" | jq -r '.events[0].id'; }
verdicts() { api GET "/api/v1/events/$1/verdicts${2+?automation=$2}"; }
verdict() { verdicts "$1" "$2" | jq -r ".items[0] | ${3-.decision}"; } # EVENT AUTOMATION [JQ]

# --- one line each ------------------------------------------------------------------------------

before=$(event "$(alias_event production)")
fires=$(make_one "deploy" '{"alias":"production"}')
stays=$(make_one "stage" '{"alias":"staging"}')
off=$(make_one "off" '{}' '{"entity":"acme"}' ',"enabled":false')
far=$(make_one "elsewhere" '{}' '{"entity":"acme","project":"speech"}')
org=$(make_one "everywhere" '{}' '{"organization":"initech"}')
e=$(event "$(alias_event production)")

is "each automation of the scope has a verdict" \
    "$(verdicts "$e" | jq -c '[.items[] | [.name, .decision]] | sort')" \
    '[["deploy","fired"],["everywhere","fired"],["off","no"],["stage","no"]]'
is "what fired names its execution" "$(verdict "$e" "$fires" '.executions[0]')" \
    "$(api GET "/api/v1/executions?automation=$fires" | jq -r '.items[0].id')"
is "what did not names the clause" "$(verdict "$e" "$stays" .clause)" filter
is "what is disabled says so" "$(verdict "$e" "$off" .clause)" enabled
is "one that is for another project is told of when asked for" "$(verdict "$e" "$far" .clause)" scope
is "one made later had no say" "$(verdict "$before" "$fires" '.decision + " " + .clause')" "no made"
is "a page at a time" "$(api GET "/api/v1/events/$e/verdicts?limit=3" | jq '.items | length')" 3
next=$(api GET "/api/v1/events/$e/verdicts?limit=3" | jq -r .next)
is "and the rest behind it" \
    "$(api GET "/api/v1/events/$e/verdicts?limit=3&cursor=$next" | jq '.items | length')" 1

# --- changed since ------------------------------------------------------------------------------

api PATCH "/api/v1/automations/$fires" '{"event":{"type":"ADD_ARTIFACT_ALIAS","filter":{"alias":"gone"}}}' >/dev/null
after=$(event "$(alias_event production)")
is "an old event is judged by the old revision" "$(verdict "$e" "$fires")" fired
is "a new one by the new" "$(verdict "$after" "$fires" .clause)" filter
api POST "/api/v1/automations/$stays/disable" >/dev/null
is "what was disabled since was enabled then" "$(verdict "$e" "$stays" .clause)" filter
api DELETE "/api/v1/automations/$fires" >/dev/null
gone=$(event "$(alias_event production)")
is "what was deleted since is judged as it was" "$(verdict "$e" "$fires")" fired
is "and stands in the list" "$(verdicts "$e" | jq '[.items[] | select(.name == "deploy")] | length')" 1
is "what had been deleted says so" "$(verdict "$gone" "$fires" .clause)" deleted
is "and is not in the list" "$(verdicts "$gone" | jq '[.items[] | select(.name == "deploy")] | length')" 0

# --- a team that moved --------------------------------------------------------------------------

api PUT /api/v1/teams/acme '{"organization":"globex"}' >/dev/null
moved=$(event "$(alias_event production)")
is "the organization of then is asked" \
    "$(verdicts "$e" | jq '[.items[] | select(.name == "everywhere" and .decision == "fired")] | length')" 1
is "not that of now" "$(verdicts "$moved" | jq '[.items[] | select(.name == "everywhere")] | length')" 0
is "to the other one's automation it is out of scope" "$(verdict "$moved" "$org" .clause)" scope
api PUT /api/v1/teams/acme '{"organization":"initech"}' >/dev/null

# --- who may ask --------------------------------------------------------------------------------

api PUT /api/v1/teams/umbrella '{}' >/dev/null
api PUT /api/v1/users/otto '{}' >/dev/null
api PUT /api/v1/teams/umbrella/members/otto '{"role":"admin"}' >/dev/null
otto=$(api POST /api/v1/users/otto/keys '{"name":"own"}' | jq -r .key)
KEY=$otto api GET "/api/v1/events/$e/verdicts" >/dev/null
is "whose team it is not finds no event" "$(status)" 404
foreign=$(event '{"type":"ci.finished","entity":"umbrella"}')
KEY=$otto api GET "/api/v1/events/$foreign/verdicts?automation=$off" >/dev/null
is "and no automation of others" "$(status)" 400
verdicts "$e" 01K9Z000000000000000000005 >/dev/null
is "what never was there is refused" "$(status)" 400

# --- metrics, with their arithmetic -------------------------------------------------------------

watch='{"name":"watch","scope":{"entity":"acme","project":"vision"},"event":{"type":"RUN_METRIC","filter":{"run_filter":{"$and":[]},"run_metric_filter":{"threshold_filter":{"name":"accuracy","agg_op":"AVERAGE","window_size":5,"cmp_op":"$gt","threshold":0.6}}}},"actions":[{"integration":"'$TO'"}]}'
point() { # STEP VALUE
    printf '{"type":"run.metric","entity":"acme","project":"vision","run":{"id":"r1","name":"sunny-frog-7"},"metrics":[{"name":"accuracy","step":%s,"value":%s}]}' "$1" "$2"
}
w=$(api POST /api/v1/automations "$watch" | jq -r .id)
points=() step=0
for value in 0.50 0.55 0.60 0.65 0.70 0.75 0.80; do
    points+=("$(event "$(point $step $value)")")
    step=$((step + 1))
done
is "a window that is not full says what is missing" \
    "$(verdict "${points[2]}" "$w" '.clause + " " + (.conditions[0].missing | tostring)')" "condition 2"
is "one that is not above says its value" \
    "$(verdict "${points[4]}" "$w" '.decision + " " + (.conditions[0].value | tostring)')" "no 0.6"
is "the one that is fired" \
    "$(verdict "${points[5]}" "$w" '.decision + " " + (.conditions[0].value | tostring)')" "fired 0.65"
is "with the values of its window" "$(verdict "${points[5]}" "$w" '.conditions[0].values | tojson')" \
    "[0.55,0.6,0.65,0.7,0.75]"
is "the next was held back by its limit" \
    "$(verdict "${points[6]}" "$w" '.decision + " " + .limit.name')" "suppressed per_run"
has "until a day later" "$(verdict "${points[6]}" "$w" .limit.until)" "$(date -u -d tomorrow +%Y-%m-)"
has "why says the arithmetic" "$("$BELFRY" why "${points[5]}" watch)" "the average of 5 values of accuracy is 0.65"
has "and the values" "$("$BELFRY" why "${points[5]}" watch)" "values: [0.55,0.6,0.65,0.7,0.75]"
api DELETE "/api/v1/automations/$w" >/dev/null
is "one that is gone is told of with the numbers of then" "$(verdict "${points[5]}" "$w" .conditions[0].value)" 0.65
is "a point that is made up meets the window of now" \
    "$(api POST /api/v1/automations/test "{\"automation\":$watch,\"event\":$(point 7 0.1)}" |
        jq -r '.decision + " " + (.conditions[0].value | tostring)')" "no 0.6"

# --- by the command -----------------------------------------------------------------------------

out=$("$BELFRY" why "$e")
has "why tells of each in a line" "$out" "deploy      fired         matched: "
is "those that fired come first" "$(head -n 2 <<<"$out" | grep -c fired)" 2
is "one is told of in full" "$("$BELFRY" why "$e" deploy | head -n 1)" "deploy: fired"
has "with what it caused" "$("$BELFRY" why "$e" deploy)" \
    "$(api GET "/api/v1/executions?automation=$fires" | jq -r '.items[0].id')"
has "an id will do" "$("$BELFRY" why "$gone" "$fires")" "deleted: it had been deleted before the event"
is "--json is the hub's answer" "$("$BELFRY" why "$e" deploy --json | jq -r .decision)" fired
is "also of all" "$("$BELFRY" why "$e" --json | jq '.items | length')" 4
"$BELFRY" why "$e" nobody >/dev/null 2>&1
is "an unknown name is missing" "$?" 5

# --- tried on one event -------------------------------------------------------------------------

try() { # AUTOMATION EVENT: the answer
    api POST /api/v1/automations/test "{\"automation\":$1,\"event\":$2}"
}
answer=$(try "$(spec draft '{"alias":"production"}')" "\"$e\"")
is "a draft is tried on a recorded event" "$(jq -r .decision <<<"$answer")" fired
is "with what it would send" "$(jq -r '.payloads[0].request.payload' <<<"$answer")" \
    '{"model":"acme/vision/resnet:production"}'
is "one that does not match says why" \
    "$(try "$(spec draft '{"alias":"other"}')" "\"$e\"" | jq -r '.clause + " " + (.payloads | length | tostring)')" \
    "filter 0"
is "on one that is made up" \
    "$(try "$(spec draft '{"alias":"mine"}')" "$(alias_event mine)" | jq -r .decision)" fired
answer=$(try "$watch" "$(point 1 0.7 | sed 's/"id":"[^"]*"/"id":"never-seen"/')")
is "of a run that is not known yet, too" "$(jq -r '.clause + ": " + .reason' <<<"$answer")" \
    "condition: 1 of 5 values of accuracy; 4 missing"
is "one that is saved goes by its id" "$(try "\"$stays\"" "$(alias_event staging)" | jq -r .decision)" \
    fired
is "nothing is kept of it" "$(api GET '/api/v1/events?entity=acme&type=artifact.alias.add' |
    jq '[.items[] | select(.alias == "mine")] | length')" 0
try "$(spec draft '{"colour":1}')" "\"$e\"" >/dev/null
is "a draft is checked as it is before it is saved" "$(status)" 400
answer=$(try "$(spec draft '{}')" '{"type":"artifact.alias.add","entity":"acme","project":7}')
is "and so is an event" "$(status) $(jq -r .error.field <<<"$answer")" "400 event.project"
answer=$(try "$(spec draft '{}')" '{"type":"ci.finished","entity":"nobody"}')
is "of a team that is there" "$(status) $(jq -r .error.field <<<"$answer")" "400 event.entity"
try "$(spec draft '{}')" '"01K9Z000000000000000000005"' >/dev/null
is "an event that is not there" "$(status)" 400

spec "from a file" '{"alias":"production"}' | sed "s/$TO/deployer/" >"$tmp/draft.json"
alias_event production >"$tmp/event.json"
out=$("$BELFRY" test "$tmp/draft.json" "$e")
has "the command tries a file" "$out" "from a file: fired"
has "and shows what would be sent" "$out" '{"model":"acme/vision/resnet:production"}'
has "on an event in a file" "$("$BELFRY" test "$tmp/draft.json" "$tmp/event.json")" "fired"
has "or on standard input" "$("$BELFRY" test "$tmp/draft.json" - <"$tmp/event.json")" "fired"

stop_hub
is "the hub ends as always" "$?" 0
finish
