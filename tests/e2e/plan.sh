#!/bin/bash
# plan.sh - automations as code: a file is planned, applied and changed; what was changed by hand, what
# is not the file's; what there is, written down.
. "$(dirname "$0")/lib.sh"

start_hub
ADMIN=$KEY
export BELFRY_URL=$URL BELFRY_API_KEY=$KEY XDG_CONFIG_HOME=$tmp/config

belfry() { "$BELFRY" "$@"; }
plan() { # FILE [options]: the answer in $out, the status in $rc
    out=$(belfry plan "$@" 2>&1)
    rc=$?
}
apply() { # FILE [options]
    out=$(belfry apply "$@" --yes 2>&1)
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
records() { # TYPE
    api GET "/api/v1/events?type=belfry.$1&limit=1000" | jq '.items | length'
}

add_team acme
add_secret acme SIGNING correct-horse-battery

# Some history, so that a backtest has something to count: accuracy falls in two runs.
emit '{"type":"artifact.alias.add","entity":"acme","project":"vision","collection":"resnet","alias":"production"}' >/dev/null
for run in r1 r2; do
    for step in 1 2 3 4 5 6; do
        emit "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\",
            \"run\":{\"id\":\"$run\"},\"metrics\":[{\"name\":\"accuracy\",\"step\":$step,
            \"value\":0.$((90 - 2 * step))}]}" >/dev/null
    done
done

# --- from nothing

cat >"$tmp/acme.lua" <<END
manifest "acme-vision"
integration "deployer" {
    team = "acme", sink = "webhook", url = "http://127.0.0.1:9/deploy", secret = secret "SIGNING",
}
team "beta" {}
integration "loose" { team = "beta", sink = "webhook", url = "http://127.0.0.1:9/beta" }

for _, name in ipairs { "vision", "speech" } do
    automation("accuracy fell in " .. name) {
        run_metric(project("acme/" .. name), metric("accuracy"):lt(0.79)) >>
            webhook("deployer") { payload = { run = "\${run_name}" } },
        limits = { per_run = "off" },
    }
end
automation "builds" { event("ci.finished", team "beta") >> to "loose" }
END

plan "$tmp/acme.lua"
is "a plan with changes has a status of its own" "$rc" 6
has "it names what is made" "$out" '+ integration "deployer" of acme'
has "with a team" "$out" '+ team beta'
has "and counts" "$out" 'acme-vision: 6 to make, 0 to change, 0 to delete, 0 as it should be'
has "an automation that is not there yet is tried on what was recorded" "$out" 'firings in the last 7d: 2'
is "a plan changes nothing" "$(api GET /api/v1/automations | jq '.items | length')" 0
apply "$tmp/acme.lua"
is "it is applied" "$rc" 0
has "and says so" "$out" 'acme-vision is applied: 6 made, 0 changed, 0 deleted'
is "the automations are there" "$(api GET /api/v1/automations | jq '.items | length')" 3
is "with the ids of the integrations that were made with them" \
    "$(automation vision | jq -r '.actions[0].integration')" \
    "$(api GET /api/v1/teams/acme/integrations | jq -r '.items[0].id')"
is "each left its record" "$(records automation.saved) $(records integration.saved)" "3 2"
is "and each team one of the plan" \
    "$(api GET '/api/v1/events?type=belfry.plan.applied' | jq -c '[.items[] | [.entity, .data.manifest, .data.created, .author]] | sort')" \
    '[["acme","acme-vision",3,"admin"],["beta","acme-vision",3,"admin"]]'
plan "$tmp/acme.lua"
is "the plan of an applied file has no changes" "$rc" 0
has "and says so" "$out" 'acme-vision: no changes, 6 as it should be'
out=$(BELFRY_TEAM=acme belfry emit --type run.metric --project vision --run r3 -m accuracy=0.5 --step 1 2>&1)
is "what was applied fires" "$(within 5 have_executions failed 0 && api GET /api/v1/executions | jq '.items | length')" 1

# --- a change

sed -i 's/lt(0.79)/lt(0.85)/; s/deploy"/deploy2"/' "$tmp/acme.lua"
plan "$tmp/acme.lua"
is "a change is shown" "$rc" 6
has "of an integration" "$out" 'config.url: "http://127.0.0.1:9/deploy" → "http://127.0.0.1:9/deploy2"'
has "and an automation" "$out" 'threshold: 0.79 → 0.85'
has "with what would have fired before and after" "$out" 'firings in the last 7d: 3 → 9'
has "and how many there are" "$out" '0 to make, 3 to change, 0 to delete, 3 as it should be'
plan "$tmp/acme.lua" --json
is "the same for scripts" \
    "$(jq -c '[.backtests[] | select(.name | test("vision")) | .before.fired, .after.fired]' <<<"$out")" '[3,9]'
plan "$tmp/acme.lua" --no-backtest
is "backtests can be left out" "$rc $(grep -c firings <<<"$out")" "6 0"
is "none of them is left behind" "$(api GET /api/v1/backtests | jq '.items | length')" 0
before=$(automation vision | jq .revision)
apply "$tmp/acme.lua"
has "it is applied" "$out" '0 made, 3 changed, 0 deleted'
is "as new revisions" "$(automation vision | jq ".revision > $before")" true
sed -i 's/per_run = "off"/per_run = "off", cooldown = "60s"/' "$tmp/acme.lua"
apply "$tmp/acme.lua"
sed -i 's/"60s"/"1m"/' "$tmp/acme.lua"
plan "$tmp/acme.lua"
is "another spelling is no change" "$rc" 0

# --- by hand

id=$(automation vision | jq -r .id)
api PATCH "/api/v1/automations/$id" '{"limits":{"per_run":"off","cooldown":"1h"}}' >/dev/null
plan "$tmp/acme.lua"
is "what was changed by hand is told of" "$rc" 6
has "with what was changed" "$out" 'limits.cooldown: "1m" as applied → "1h" now'
has "and is no change of the plan" "$out" 'no changes, 5 as it should be'
apply "$tmp/acme.lua"
is "it is left alone" "$(automation vision | jq -r .limits.cooldown)" 1h
plan "$tmp/acme.lua" --overwrite
has "unless it is to be written over" "$out" 'it was changed by hand, and is written over'
apply "$tmp/acme.lua" --overwrite
is "and then is" "$(automation vision | jq -r .limits.cooldown)" 1m
api PATCH "/api/v1/automations/$id" '{"limits":{"per_run":"off","cooldown":"2h"}}' >/dev/null
api PATCH "/api/v1/automations/$id" '{"limits":{"per_run":"off","cooldown":"60s"}}' >/dev/null
plan "$tmp/acme.lua"
is "a change that was taken back is none" "$rc" 0
hook=$(api GET /api/v1/teams/beta/integrations | jq -r '.items[0].id')
api PATCH "/api/v1/integrations/$hook" '{"name":"renamed"}' >/dev/null
plan "$tmp/acme.lua"
has "so is another name" "$out" 'name: "loose" as applied → "renamed" now'
is "and the automation that uses it is as it was" "$(grep -c builds <<<"$out")" 0
apply "$tmp/acme.lua" --overwrite
is "which goes back" "$(api GET /api/v1/teams/beta/integrations | jq -r '.items[0].name')" loose
api DELETE "/api/v1/automations/$(automation speech | jq -r .id)"
plan "$tmp/acme.lua"
has "so is what was deleted" "$out" 'automation "accuracy fell in speech" of acme was deleted'
apply "$tmp/acme.lua"
is "and is not made anew" "$(automation speech)" null
apply "$tmp/acme.lua" --overwrite
is "unless that is wanted" "$(automation speech | jq -r .name)" "accuracy fell in speech"

# --- not the file's

automate mine dev "$(api GET /api/v1/teams/acme/integrations | jq -r '.items[0].id')" '{}' >/dev/null
mine='{"name":"mine","scope":{"entity":"acme","project":"vision"},"event":{"type":"ADD_ARTIFACT_ALIAS","filter":{"alias":"WANTED"}},"actions":[{"integration":"deployer","config":{"payload":{}}}]}'
plan "$tmp/acme.lua"
is "what is not the file's is no change" "$rc" 0
has "but is named" "$out" 'automation "mine" of acme'
other="{\"manifest\":\"other\",\"automations\":[${mine/WANTED/prod}]}"
echo "$other" >"$tmp/other.json"
plan "$tmp/other.json"
has "another file that has one of that name is in conflict" "$out" "though it has a thing of that name"
has "and says with what" "$out" 'event.filter.alias: "dev" → "prod" in this file'
apply "$tmp/other.json"
is "and leaves it alone" "$(automation mine | jq -r .event.filter.alias)" dev
apply "$tmp/other.json" --adopt
is "unless it is to be adopted" "$(automation mine | jq -r .event.filter.alias)" prod
plan "$tmp/other.json"
is "then it is that file's" "$rc" 0
has "while the first file's things are not" "$out" 'which belongs to acme-vision'
plan "$tmp/acme.lua"
is "two files stand side by side" "$rc" 0
third="{\"manifest\":\"third\",\"automations\":[${mine/WANTED/prod}]}"
is "a third one that says the same has nothing to do" \
    "$(planned "$third" | jq -c '[.changes, .conflicts, .adopted]')" '[[],[],0]'
is "and is in conflict with the owner if it does not" \
    "$(planned "${third/prod/x}" | jq -r '.conflicts[0].manifest')" other
is "what nobody owns and is as wanted is adopted" \
    "$(automate same dev "$(api GET /api/v1/teams/acme/integrations | jq -r '.items[0].id')" '{}' >/dev/null
       same="{\"manifest\":\"third\",\"automations\":[$(sed 's/"mine"/"same"/; s/WANTED/dev/' <<<"$mine")]}"
       applied "$same" >/dev/null
       applied '{"manifest":"third"}' | jq -c '[.deleted, .changes[0].name]')" '[1,"same"]'

# --- deletion

sed -i '/^automation "builds"/d' "$tmp/acme.lua"
plan "$tmp/acme.lua"
has "what a file says no more is deleted" "$out" '- automation "builds" of beta'
has "with what is lost" "$out" '0 → none any more'
sed -i 's/{ "vision", "speech" }/{ "vision" }/; /deployer/,/^}/d' "$tmp/acme.lua"
cat >>"$tmp/acme.lua" <<'END'
automation "accuracy fell in vision" {
    run_metric(project "acme/vision", metric("accuracy"):lt(0.85)) >> webhook "loose",
}
END
document=$(cat <<'END'
{"manifest":"acme-vision","teams":[{"name":"beta"}],"integrations":[{"team":"beta","name":"loose",
 "sink":"webhook","config":{"url":"http://127.0.0.1:9/beta"}}],"automations":[]}
END
)
is "an integration that another automation uses is in the way" \
    "$(planned "$document" | jq -r '.changes[] | select(.kind == "integration") | .in_use')" \
    'automation "mine" of acme uses it'
is "and nothing is deleted" "$(applied "$document" | jq -r .error.code) $(automation speech | jq -r .name)" \
    "in_use accuracy fell in speech"
applied '{"manifest":"other"}' >/dev/null
is "then it goes" "$(applied "$document" | jq -c '[.deleted, .changed]')" '[4,0]'
is "with what it had" "$(api GET '/api/v1/automations?entity=acme' | jq '.items | length')" 0
add_secret beta KEPT a-value-of-some-length
is "a team that still has something stays, and all of it" \
    "$(applied '{"manifest":"acme-vision"}' | jq -r .error.message)" \
    'team "beta" of beta: beta still has secrets (GET /api/v1/teams/beta/secrets); delete them first; nothing was changed'
is "nothing was deleted" "$(api GET /api/v1/teams/beta/integrations | jq '.items | length')" 1
api DELETE /api/v1/teams/beta/secrets/KEPT >/dev/null
is "without it the team goes, too" "$(applied '{"manifest":"acme-vision"}' | jq .deleted)" 2
is "but not one that was there before" "$(api GET /api/v1/teams | jq -c '[.items[].name]')" '["acme"]'

# --- written down

hook=$(add_webhook acme w '{"url":"http://127.0.0.1:9/w"}')
automate m7 dev "$hook" '{"alias":"${alias}"}' >/dev/null
belfry export --team acme -o "$tmp/exported.lua"
has "what there is is written down as a file" "$(cat "$tmp/exported.lua")" 'manifest "acme"'
plan "$tmp/exported.lua"
is "of which a plan has no changes" "$rc" 0
belfry export --all >"$tmp/all.lua"
plan "$tmp/all.lua"
is "nor one of all teams" "$rc" 0
belfry export --team acme -o "$tmp/exported.json"
plan "$tmp/exported.json"
is "nor one of the document" "$rc" 0
api PATCH "/api/v1/integrations/$hook" \
    '{"config":{"secret":{"value":"a literal!"}}}' >/dev/null
api GET "/api/v1/export?team=acme" >"$tmp/answer"
has "a literal is left out, and that is said" "$(belfry export --team acme 2>&1 >"$tmp/literal.lua")" \
    'warning: config.secret of integration "w" of acme was given as it is'
plan "$tmp/literal.lua"
is "which is no change" "$rc" 0
is "the hub says so, too" \
    "$(jq -c '[.warnings[] | .member]' "$tmp/answer") $(grep -c 'a literal!' "$tmp/answer")" '["config.secret"] 0'
jq -c .document "$tmp/answer" >"$tmp/acme.json"
plan "$tmp/acme.json"
is "and a plan of it has no changes" "$rc" 0

finish
