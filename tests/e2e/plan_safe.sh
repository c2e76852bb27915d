#!/bin/bash
# plan_safe.sh - automations as code: all of a plan is done or nothing, by who may, and as it was seen.
. "$(dirname "$0")/lib.sh"

start_hub
ADMIN=$KEY
export BELFRY_URL=$URL BELFRY_API_KEY=$KEY XDG_CONFIG_HOME=$tmp/config

plan() { # FILE [options]: the answer in $out, the status in $rc
    out=$("$BELFRY" plan "$@" 2>&1)
    rc=$?
}
apply() { # FILE [options]
    out=$("$BELFRY" apply "$@" --yes 2>&1)
    rc=$?
}
planned() { # DOCUMENT [MORE]: the hub's answer
    api POST /api/v1/plans "{\"document\":$1${2-}}"
}
applied() { # DOCUMENT [MORE]: with the hash of its plan
    local hash
    hash=$(planned "$@" | jq -r .hash)
    api POST /api/v1/plans/apply "{\"document\":$1${2-},\"expect\":\"$hash\"}"
}
automation() { # NAME [TEAM]: what there is of that name
    api GET "/api/v1/automations?entity=${2-acme}&name=$1" | jq -c '.items[0]'
}

add_team acme

# --- all or nothing

many() { # N LAST: a document of N automations, of which the last has this event
    jq -nc --argjson n "$1" --arg last "$2" '{manifest: "many", integrations: [{team: "acme", name: "m",
        sink: "webhook", config: {url: "http://127.0.0.1:9/m"}}],
        automations: [range($n) | {name: "m\(.)", scope: {entity: "acme", project: "p"},
            event: {type: (if . == $n - 1 then $last else "x.y" end)},
            actions: [{integration: "m", config: {payload: {n: .}}}]}]}'
}
planned "$(many 20 'Not A Type')" >"$tmp/answer"
is "one thing that is wrong refuses all" "$(status) $(jq -r .error.field "$tmp/answer")" \
    "400 automations[19].event.type"
has "and is named" "$(jq -r .error.message "$tmp/answer")" 'automation "m19" of acme: '
document=$(many 20 x.y)
hash=$(planned "$document" | jq -r .hash)
automate m7 dev "$(add_webhook acme w '{"url":"http://127.0.0.1:9/w"}')" '{}' >/dev/null
api POST /api/v1/plans/apply "{\"document\":$document,\"expect\":\"$hash\"}" >"$tmp/answer"
is "a hub that has moved meanwhile refuses" "$(status) $(jq -r .error.field "$tmp/answer")" "409 expect"
is "and nothing was made" "$(api GET '/api/v1/automations?entity=acme' | jq '.items | length')" 1
api DELETE "/api/v1/automations/$(automation m7 | jq -r .id)"
literal='{"manifest":"l","integrations":[{"team":"acme","name":"l","sink":"webhook","config":{"url":"http://127.0.0.1:9/","secret":"a literal!"}}]}'
planned "$literal" >"$tmp/answer"
is "a document holds no secrets" "$(status) $(jq -r .error.field "$tmp/answer")" \
    "400 integrations[0].config.secret"
is "and what it held is not repeated" "$(grep -c 'a literal' "$tmp/answer")" 0
cat >"$tmp/wrong.lua" <<'END'
automation "fine" { event("ci.finished", team "acme") >> to "m" }

automation "wrong" { event("ci.finished", team "acme") >> to "nowhere" }
END
plan "$tmp/wrong.lua"
has "of a file the line is said" "$out" "$tmp/wrong.lua:1: automation \"fine\" of acme: unknown integration \"m\""

# --- who may

for who in vera:viewer mia:member; do
    api PUT "/api/v1/users/${who%:*}" '{}' >/dev/null
    api PUT "/api/v1/teams/acme/members/${who%:*}" "{\"role\":\"${who#*:}\"}" >/dev/null
    api POST "/api/v1/users/${who%:*}/keys" '{"name":"e2e"}' | jq -r .key >"$tmp/key.${who%:*}"
done
echo "$(many 2 x.y)" >"$tmp/many.json"
BELFRY_API_KEY=$(cat "$tmp/key.vera") plan "$tmp/many.json" --no-backtest
is "a viewer may make a plan" "$rc" 6
has "and is told what is not allowed" "$out" 'not allowed: this key may not do that in acme'
BELFRY_API_KEY=$(cat "$tmp/key.mia") apply "$tmp/many.json"
is "a member may not make integrations" "$rc" 4
has "so nothing is made, and the first in the way is named" "$out" 'integration "m" of acme: this key may not'
is "not even the automations" "$(api GET '/api/v1/automations?entity=acme' | jq '.items | length')" 0
apply "$tmp/many.json"
is "an admin may" "$rc" 0
sed -i 's/x\.y/x.z/g' "$tmp/many.json"
BELFRY_API_KEY=$(cat "$tmp/key.mia") apply "$tmp/many.json"
is "automations are a member's to change" "$rc $(automation m1 | jq -r .event.type)" "0 x.z"
is "a team that one may not read is not there" \
    "$(KEY=$(cat "$tmp/key.mia") planned '{"manifest":"x","integrations":[{"team":"umbrella","name":"x","sink":"webhook"}]}' | jq -r .error.field)" \
    'integrations[0].team'

# --- two at a time, and one that is stopped

document=$(many 150 x.y | jq -c '.manifest = "race" | .teams = [{name: "race"}] |
    .integrations[].team = "race" | .automations[].scope.entity = "race"')
echo "{\"document\":$document,\"expect\":\"$(planned "$document" | jq -r .hash)\"}" >"$tmp/apply.json"
askers=
for i in 1 2; do
    curl -s -m 20 -o "$tmp/race.$i" -w '%{http_code}' -X POST "$URL/api/v1/plans/apply" \
        -H "Authorization: Bearer $ADMIN" --data-binary "@$tmp/apply.json" >"$tmp/status.$i" &
    askers="$askers $!"
done
# shellcheck disable=SC2086 # a list
wait $askers
is "of two that apply one plan, one does" "$(for i in 1 2; do cat "$tmp/status.$i"; echo; done | sort | xargs)" "200 409"
is "all of it" "$(api GET '/api/v1/automations?entity=race&limit=1000' | jq '.items | length')" 150

echo "$document" | jq -c '.automations[].event = {type: "z.z"}' >"$tmp/race.json"
"$BELFRY" plan "$tmp/race.json" >"$tmp/stopped" 2>&1 &
pid=$!
started="$started $pid"
backtests() { api GET '/api/v1/backtests?limit=1000' | jq '.items | length'; }
some_run() { [ "$(backtests)" -gt 0 ]; }
within 10 some_run
kill -INT "$pid"
wait "$pid"
is "a plan whose backtests are stopped says so" "$? $(tail -n 1 "$tmp/stopped")" \
    "1 belfry plan: stopped; the backtests are ended, and nothing was changed"
is "and they are ended" "$(backtests)" 0

# --- registries and organizations

api PUT /api/v1/organizations/lab '{}' >/dev/null
wide='{"manifest":"wide","teams":[{"name":"fresh","organization":"lab"}],
 "integrations":[{"team":"fresh","name":"h","sink":"webhook","config":{"url":"http://127.0.0.1:9/"}}],
 "automations":[{"name":"reg","scope":{"entity":"fresh","project":"wandb-registry-model"},
  "event":{"type":"LINK_MODEL"},"actions":[{"integration":"h"}]},
 {"name":"org","scope":{"organization":"lab"},"event":{"type":"LINK_MODEL"},
  "actions":[{"integration":"fresh/h","sink":"webhook"}]}]}'
is "a team, and what a registry and its organization have, come in one plan" \
    "$(applied "$wide" | jq .created)" 4
is "the registry's belongs to the organization of the team that was made with it" \
    "$(automation reg lab-org | jq -r .scope.entity)" lab-org
is "and the next plan has no changes" "$(planned "$wide" | jq -c '[.changes, .unchanged]')" '[[],4]'
planned "$(sed 's/"fresh\/h","sink":"webhook"/"fresh\/h","sink":"slack"/' <<<"$wide")" >"$tmp/answer"
is "who takes an integration for one of another sink is told" \
    "$(jq -r .error.message "$tmp/answer")" \
    'automation "org" of lab-org: "fresh/h" is of the sink webhook, and not of slack'
is "all of it goes in one plan, too" "$(applied '{"manifest":"wide"}' | jq .deleted)" 4

# --- its own hooks: what applies a plan may have to be done again

watch='{"name":"watch","scope":{"entity":"acme"},"event":{"type":"belfry.plan.applied"},"hooks":{"filter":
 {"code":"return { filter = function(event) return event.data.manifest == \"watched\" end }"}},
 "actions":[{"integration":"v"}]}'
watched() { # TYPE
    echo "{\"manifest\":\"watched\",\"integrations\":[{\"team\":\"acme\",\"name\":\"v\",
        \"sink\":\"webhook\",\"config\":{\"url\":\"http://127.0.0.1:9/\"}}],\"automations\":[$watch,
        {\"name\":\"w\",\"scope\":{\"entity\":\"acme\"},\"event\":{\"type\":\"$1\"},
         \"actions\":[{\"integration\":\"v\"}]}]}"
}
applied "$(watched a.b)" >/dev/null
is "a plan whose record a script is asked about is applied" "$(applied "$(watched a.c)" | jq .changed)" 1
id=$(automation watch | jq -r .id)
fired() { [ "$(api GET "/api/v1/executions?automation=$id" | jq '.items | length')" = 1 ]; }
within 5 fired
is "once" "$(api GET "/api/v1/executions?automation=$id" | jq '.items | length') $(automation w | jq -r .event.type)" "1 a.c"

# --- kill -9 while it is applied: all of it is there, or nothing

stop_hub
for delay in 0.01 0.05; do
    DATA=$tmp/data-$delay
    start_hub
    add_team acme
    document=$(many 200 x.y)
    echo "{\"document\":$document,\"expect\":\"$(planned "$document" | jq -r .hash)\"}" >"$tmp/apply.json"
    curl -s -m 10 -o /dev/null -X POST "$URL/api/v1/plans/apply" -H "Authorization: Bearer $ADMIN" \
        --data-binary "@$tmp/apply.json" &
    asking=$!
    sleep "$delay"
    kill -9 "$HUB_PID"
    wait "$asking" "$HUB_PID" 2>/dev/null
    start_hub
    n=$(api GET '/api/v1/automations?entity=acme&limit=1000' | jq '.items | length')
    case "$n $(api GET /api/v1/teams/acme/integrations | jq '.items | length')" in
    "0 0" | "200 1") good ;;
    *) bad "killed after $delay s, all of it is there or nothing" "$n automations" ;;
    esac
    is "and the next plan goes on from there" "$(applied "$document" | jq .unchanged)" "$((n ? 201 : 0))"
    stop_hub
done

finish
