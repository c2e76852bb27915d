#!/bin/bash
# people.sh - organizations, teams, users, roles and keys: who may do what, and what fires where.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
RECEIVER=$ADDRESS
received() { grep -c " POST $1" "$tmp/listen.log"; } # PATH
has_received() { [ "$(received "$1")" -ge "$2" ]; }

start_hub
ADMIN=$KEY

as() { # NAME COMMAND...: with that user's key
    local KEY=$ADMIN
    [ "$1" = admin ] || KEY=$(cat "$tmp/key.$1")
    shift
    "$@"
}
can() { # CLAIM WHO STATUS METHOD PATH [BODY]
    local body
    body=$(as "$2" api "$4" "$5" ${6+"$6"})
    is "$1" "$(status)" "$3"
    [ "$(status)" = "$3" ] || echo "    $body"
    echo "$body" >"$tmp/answer"
}
field() { jq -r "$1" "$tmp/answer"; }
message() { field .error.message; }

add_user() { # NAME [RIGHTS]: with a key
    as admin api PUT "/api/v1/users/$1" '{}' >/dev/null
    add_key "$1" "$1" "${2-}"
}
add_key() { # FILE USER [RIGHTS]
    as admin api POST "/api/v1/users/$2/keys" "{\"name\":\"e2e\"${3:+,\"rights\":$3}}" |
        jq -r .key >"$tmp/key.$1"
}
role() { as admin api PUT "/api/v1/$1/members/$2" "{\"role\":\"$3\"}" >/dev/null; } # WHERE USER ROLE

# --- two organizations, three teams, a user of every role

can "an organization is made" admin 201 PUT /api/v1/organizations/acme '{}'
is "with an entity of its own" "$(field .entity)" acme-org
can "and is there when it is put again" admin 200 PUT /api/v1/organizations/acme '{}'
as admin api PUT /api/v1/organizations/beta '{}' >/dev/null
can "a team is made in it" admin 201 PUT /api/v1/teams/vision '{"organization":"acme"}'
is "and says so" "$(field .organization)" acme
as admin api PUT /api/v1/teams/speech '{"organization":"acme"}' >/dev/null
as admin api PUT /api/v1/teams/robots '{"organization":"beta"}' >/dev/null
can "a team without one joins the default" admin 201 PUT /api/v1/teams/loose '{}'
is "which is made for it" "$(field .organization)" default
can "an unknown organization is refused" admin 400 PUT /api/v1/teams/x '{"organization":"nope"}'
is "by its field" "$(field .error.field)" organization
can "a team cannot have an organization's name" admin 400 PUT /api/v1/teams/acme-org2-org '{}'

for user in boss lead ana vic rob out; do add_user $user; done
role organizations/acme boss admin
role teams/vision lead admin
role teams/vision ana member
role teams/vision vic viewer
role teams/robots rob admin
can "a role is a word of three" admin 400 PUT /api/v1/teams/vision/members/ana '{"role":"owner"}'
can "of a user that is there" admin 404 PUT /api/v1/teams/vision/members/nobody '{"role":"member"}'
can "a user's own entity takes no members" admin 400 PUT /api/v1/teams/ana/members/vic \
    '{"role":"viewer"}'
can "members are listed" vic 200 GET /api/v1/teams/vision/members
is "with their roles" "$(field '[.items[] | .user + " " + .role] | join(", ")')" \
    "ana member, lead admin, vic viewer"

# --- who is who

can "everybody can ask who they are" ana 200 GET /api/v1/me
is "with their roles" "$(field '[.roles[] | .entity + " " + .role] | join(", ")')" \
    "ana admin, vision member"
is "and what the key may" "$(field '.key.rights | join(" ")')" "ingest read edit admin"

# --- reading: what one has no part in does not exist

can "a viewer reads the team" vic 200 GET /api/v1/teams/vision
can "who is in no team of it sees none" out 404 GET /api/v1/teams/vision
hidden=$(message)
can "nor one that is not there" out 404 GET /api/v1/teams/nowhere
is "in the same words" "${hidden/vision/X}" "$(message | sed s/nowhere/X/)"
is "that do not tell who cannot how to make one" "$(message | grep -c PUT)" 0
can "another organization's admin sees none" rob 404 GET /api/v1/teams/vision
can "an organization's admin reads its teams" boss 200 GET /api/v1/teams/speech
can "who is in a team reads the organization's own" vic 200 GET /api/v1/organizations/acme
can "but no other one's" vic 404 GET /api/v1/organizations/beta
can "lists show what one may read" vic 200 GET /api/v1/teams
is "and nothing else" "$(field '[.items[].name] | join(" ")')" vision
can "a user sees no other" ana 404 GET /api/v1/users/vic
can "nor is there a difference to one that is not there" ana 404 GET /api/v1/users/nobody
can "a list of users shows oneself" ana 200 GET /api/v1/users
is "only" "$(field '[.items[].name] | join(" ")')" ana

# --- members are their admins' business

can "a member gives no roles" ana 403 PUT /api/v1/teams/vision/members/out '{"role":"viewer"}'
can "an admin does" lead 201 PUT /api/v1/teams/vision/members/out '{"role":"viewer"}'
can "and takes them away" lead 204 DELETE /api/v1/teams/vision/members/out
can "which is in force at once" out 404 GET /api/v1/teams/vision
can "the last admin cannot leave" lead 409 DELETE /api/v1/teams/vision/members/lead
is "as a conflict" "$(field .error.code)" conflict
can "nor step down" lead 409 PUT /api/v1/teams/vision/members/lead '{"role":"member"}'
can "but who stands above may see to it" boss 200 PUT /api/v1/teams/vision/members/lead \
    '{"role":"member"}'
can "an organization's admin is admin of its teams" boss 200 PUT \
    /api/v1/teams/vision/members/lead '{"role":"admin"}'
can "and of nobody else's" boss 404 PUT /api/v1/teams/robots/members/lead '{"role":"admin"}'

# --- teams

can "a team's admin makes no teams" lead 403 PUT /api/v1/teams/new '{"organization":"acme"}'
can "an organization's admin does" boss 201 PUT /api/v1/teams/new '{"organization":"acme"}'
can "in their own organization" boss 403 PUT /api/v1/teams/new2 '{"organization":"beta"}'
can "and moves none into another's" boss 403 PUT /api/v1/teams/new '{"organization":"beta"}'
can "nor takes one from there" boss 403 PUT /api/v1/teams/robots '{"organization":"acme"}'
as admin api PUT /api/v1/teams/new/secrets/S '{"value":"some secret value"}' >/dev/null
can "a team that owns something is not deleted" boss 409 DELETE /api/v1/teams/new
has "and the answer says what" "$(message)" "secrets (GET /api/v1/teams/new/secrets)"
as admin api DELETE /api/v1/teams/new/secrets/S >/dev/null
can "an empty one is" boss 204 DELETE /api/v1/teams/new
can "and gone" admin 404 GET /api/v1/teams/new
can "its name stays taken, as its past is on record" boss 409 PUT /api/v1/teams/new \
    '{"organization":"acme"}'
can "but for an admin of the hub" admin 201 PUT /api/v1/teams/new '{}'
can "who finds it where it was" admin 200 GET /api/v1/teams/new
is "in its organization" "$(field .organization)" acme
can "an organization with teams is not deleted" admin 409 DELETE /api/v1/organizations/acme
has "and the answer says where they are" "$(message)" "GET /api/v1/teams?organization=acme"
as admin api PUT /api/v1/organizations/empty '{}' >/dev/null
can "one without is" admin 204 DELETE /api/v1/organizations/empty

# --- users and service accounts

can "only an admin of the hub makes people" boss 403 PUT /api/v1/users/new '{}'
can "a team's admin makes a service account" lead 201 PUT /api/v1/users/bot '{"service":"vision"}'
is "of the team" "$(field .service)" vision
can "for their own team" lead 403 PUT /api/v1/users/bot2 '{"service":"robots"}'
can "and no admins" lead 403 PUT /api/v1/users/bot3 '{"service":"vision","admin":true}'
can "a person cannot be made one" admin 409 PUT /api/v1/users/ana '{"service":"vision"}'
can "nor by who has no say over people" lead 403 PUT /api/v1/users/ana '{"service":"vision"}'
can "a member makes none" ana 403 PUT /api/v1/users/bot4 '{"service":"vision"}'
can "its keys are the team's admins'" lead 201 POST /api/v1/users/bot/keys '{"name":"ci"}'
field .key >"$tmp/key.bot"
is "with the rights of a member" "$(field '.rights | join(" ")')" "ingest read edit"
can "and no more" lead 400 POST /api/v1/users/bot/keys '{"name":"x","rights":["admin"]}'
can "a member gets none" ana 403 POST /api/v1/users/bot/keys '{"name":"x"}'
can "an admin's key may be narrow" lead 201 POST /api/v1/users/lead/keys \
    '{"name":"manager","rights":["read","edit","admin"]}'
field .key >"$tmp/key.manager"
can "then it makes none that may more" manager 403 POST /api/v1/users/bot/keys \
    '{"name":"x","rights":["ingest"]}'
can "nor by leaving it open" manager 201 POST /api/v1/users/bot/keys '{"name":"x"}'
is "but as much as both may" "$(field '.rights | join(" ")')" "read edit"
can "it works in its team" bot 200 GET /api/v1/teams/vision
can "and in no other" admin 400 PUT /api/v1/teams/speech/members/bot '{"role":"member"}'
can "it stays a member as long as it is there" lead 409 DELETE /api/v1/teams/vision/members/bot
can "a team with a service account is not deleted" boss 409 DELETE /api/v1/teams/vision
can "its end is the team's admin's" lead 204 DELETE /api/v1/users/bot
can "and that of its keys" bot 401 GET /api/v1/me
can "the last admin of the hub stays" admin 409 DELETE /api/v1/users/admin
can "and stays an admin" admin 409 PUT /api/v1/users/admin '{"admin":false}'
as ana api PUT /api/v1/teams/ana/secrets/MINE '{"value":"a secret of my own"}' >/dev/null
can "a user who owns something is not deleted" admin 409 DELETE /api/v1/users/ana
can "who does not is, with keys and roles" admin 204 DELETE /api/v1/users/out
can "and is unknown" out 401 GET /api/v1/me

# --- keys

can "a key is made for one's own use" ana 201 POST /api/v1/users/ana/keys \
    '{"name":"training","rights":["ingest"]}'
field .key >"$tmp/key.job"
JOB=$(field .id)
can "it shows as what it is" job 200 GET /api/v1/me
is "and not what its user is part of" "$(field '[.user, (.roles | length)] | join(" ")')" "ana 0"
as job emit '{"type":"ci.done","entity":"vision"}' >/dev/null
is "it sends events where its user may" "$(status)" 202
as job emit '{"type":"ci.done","entity":"robots"}' >"$tmp/answer"
there="$(status) $(message | sed s/robots/X/)"
as job emit '{"type":"ci.done","entity":"nowhere"}' >"$tmp/answer"
is "elsewhere it learns nothing" "$there" "$(status) $(message | sed s/nowhere/X/)"
can "it reads nothing" job 404 GET /api/v1/teams/vision
can "nor its own key" job 403 GET "/api/v1/keys/$JOB"
can "nor makes a wider one" job 403 POST /api/v1/users/ana/keys '{"name":"x"}'
can "a key that edits makes none that is wider" ana 201 POST /api/v1/users/ana/keys \
    '{"name":"narrow","rights":["read","edit"]}'
field .key >"$tmp/key.narrow"
can "not by asking" narrow 403 POST /api/v1/users/ana/keys '{"name":"x","rights":["admin"]}'
can "nor by leaving it open" narrow 201 POST /api/v1/users/ana/keys '{"name":"x"}'
is "but one like itself" "$(field '.rights | join(" ")')" "read edit"
can "nobody makes keys for others" boss 404 POST /api/v1/users/ana/keys '{"name":"x"}'
can "unknown rights are refused" ana 400 POST /api/v1/users/ana/keys '{"name":"x","rights":["all"]}'
is "by their place" "$(field .error.field)" "rights[0]"
can "a key needs a name" ana 400 POST /api/v1/users/ana/keys '{"name":""}'
can "keys are listed" ana 200 GET /api/v1/keys
is "without themselves" "$(grep -c -F "$(cat "$tmp/key.job")" "$tmp/answer")" 0
is "with their last use" "$(field '[.items[] | select(.name=="training")][0].last_used != null')" true
can "one is nobody else's business" boss 404 GET "/api/v1/keys/$JOB"
can "not even to revoke" boss 404 DELETE "/api/v1/keys/$JOB"
can "its user revokes it" ana 204 DELETE "/api/v1/keys/$JOB"
can "and it is as unknown" job 401 GET /api/v1/me
revoked=$(cat "$tmp/answer")
echo bf-0000000000000000000000000000000000000000 >"$tmp/key.none"
can "as one that never was" none 401 GET /api/v1/me
is "byte for byte" "$(cat "$tmp/answer")" "$revoked"

GIVEN=local-ABCDEFGHIJabcdefghij0123456789ABCDEFGHIJ
echo $GIVEN >"$tmp/key.given"
can "a given key is for an admin of the hub to bring in" ana 403 POST /api/v1/users/ana/keys \
    "{\"name\":\"old\",\"key\":\"$GIVEN\"}"
can "who does" admin 201 POST /api/v1/users/ana/keys "{\"name\":\"old\",\"key\":\"$GIVEN\"}"
is "it is not shown again" "$(field .key)" null
can "and works" given 200 GET /api/v1/teams/vision
can "the same one is taken once" admin 409 POST /api/v1/users/vic/keys \
    "{\"name\":\"old\",\"key\":\"$GIVEN\"}"
is "without saying whose it is" "$(message | grep -c ana)" 0
can "one that the client would not take is refused" admin 400 POST /api/v1/users/vic/keys \
    '{"name":"x","key":"short"}'

# --- scopes: an event fires at each that it lies in

hook() { # WHO ENTITY NAME: prints the id
    as "$1" add_webhook "$2" "$3" "{\"url\":\"http://$RECEIVER/$3\"}"
}
automation() { # WHO NAME SCOPE INTEGRATION: the status
    as "$1" api POST /api/v1/automations "{\"name\":\"$2\",\"scope\":$3,
        \"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\"},
        \"actions\":[{\"integration\":\"$4\",\"config\":{\"payload\":{}}}]}" >"$tmp/answer"
    status
}
ORG=$(hook boss acme-org org)
TEAM=$(hook lead vision team)
MINE=$(hook ana ana mine)
OTHER=$(hook rob robots other)
BETA=$(hook admin beta-org beta)
REGISTRY='"project":"wandb-registry-model"'

is "an organization's automation is its admin's" \
    "$(automation boss org '{"organization":"acme"}' "$ORG")" 201
is "and nobody else's" "$(automation lead org2 '{"organization":"acme"}' "$TEAM")" 403
has "in words that say whose" "$(message)" "takes the role admin in acme-org"
is "a team's is the team's admin's" "$(automation lead team '{"entity":"vision"}' "$TEAM")" 201
is "a member makes none" "$(automation ana team2 '{"entity":"vision"}' "$MINE")" 403
is "but for a project, with a webhook of their own" \
    "$(automation ana project '{"entity":"vision","project":"p"}' "$MINE")" 201
PROJECT=$(field .id)
is "a viewer makes none" "$(automation vic v '{"entity":"vision","project":"p"}' "$TEAM")" 403
is "another team's webhook cannot be used" \
    "$(automation ana x '{"entity":"vision","project":"p"}' "$OTHER")" 400
is "and does not show as one" "$(message | sed "s/$OTHER/ID/")" \
    "$(automation ana x '{"entity":"vision","project":"p"}' nothing >/dev/null; message | sed s/nothing/ID/)"
is "a collection's" \
    "$(automation lead coll '{"entity":"vision","project":"p","collection":"resnet"}' "$TEAM")" 201
is "a registry is the organization's, by whichever team it is named" \
    "$(automation boss reg "{\"entity\":\"vision\",$REGISTRY}" "$TEAM")" 201
is "and shown so" "$(field '.scope.entity')" acme-org
is "its admins'" "$(automation lead reg2 "{\"entity\":\"vision\",$REGISTRY}" "$TEAM")" 403
is "another organization has its own" \
    "$(automation admin beta '{"organization":"beta"}' "$BETA")" 201
can "who may not make a team's automation does not delete it" ana 403 DELETE \
    "/api/v1/automations/$(as lead api GET '/api/v1/automations?entity=vision' |
        jq -r '.items[] | select(.name=="team").id')"
can "a project's own is another member's too" lead 200 POST "/api/v1/automations/$PROJECT/disable" ''
can "and back" lead 200 POST "/api/v1/automations/$PROJECT/enable" ''

event() { # ENTITY PROJECT COLLECTION
    as admin emit "{\"type\":\"artifact.alias.add\",\"entity\":\"$1\",\"project\":\"$2\",\"collection\":\"$3\",\"alias\":\"a\",\"artifact\":{\"id\":\"QQ\",\"version\":\"v1\",\"type\":\"model\"}}" >/dev/null
}
finished=0
fires() { # CLAIM ENTITY PROJECT COLLECTION NAMES...: the automations by name
    local claim=$1
    event "$2" "$3" "$4"
    shift 4
    finished=$((finished + $#))
    within 10 have_executions finished $finished || true
    is "$claim" "$(api GET "/api/v1/executions?limit=$(($# + 1))" |
        jq -r --argjson n $# '[.items[:$n][].automation_name] | sort | join(" ")')" "$*"
    is "$claim: nothing else" "$(executions finished)" $finished
}
fires "an event fires at every scope it lies in" vision p resnet coll org project team
fires "of another collection at fewer" vision p vgg org project team
fires "of another project at fewer still" vision q resnet org team
fires "in another team of the organization" speech p resnet org
fires "in a registry" acme-org wandb-registry-model Classifier org reg
fires "in another organization" robots p c beta
has_received /org 5 && has_received /beta 1 || bad "the webhooks have them"

can "a team moves" admin 200 PUT /api/v1/teams/speech '{"organization":"beta"}'
fires "to other automations" speech p resnet beta
as admin api PUT /api/v1/teams/later '{"organization":"beta"}' >/dev/null
fires "a team that was made later counts too" later p c beta

# --- over a restart

sleep 0.1
stop_hub
start_hub
fires "a restart changes nothing" speech p resnet beta
is "the last use of a key is remembered" \
    "$(as ana api GET "/api/v1/keys" | jq '[.items[].last_used] | map(select(. == null)) | length')" \
    "$(as ana api GET "/api/v1/keys" | jq '[.items[] | select(.name=="x")] | length')"
is "changes are in the journal" "$(as admin api GET '/api/v1/events?entity=speech&limit=1000' |
    jq -r '[.items[] | select(.type=="belfry.team.saved").data | "\(.was) \(.organization)"] | join(", ")')" \
    "acme beta, null acme"
is "and no key in it" "$(strings -a "$DATA"/belfry.db* | grep -c -F -f <(cat "$tmp"/key.*))" 0

# --- guessing

curl -s -o /dev/null -w '%{http_code}\n' -H 'Authorization: Bearer wrong' "$URL/api/v1/me?[1-60]" \
    >"$tmp/codes"
is "fifty wrong keys are told that they are, the others to wait" \
    "$(sort "$tmp/codes" | uniq -c | awk '{print $2 ":" $1}' | xargs)" "401:50 429:10"
wait_s=$(curl -s -D - -o /dev/null -H 'Authorization: Bearer wrong' "$URL/api/v1/me" |
    tr -d '\r' | sed -n 's/^Retry-After: //p')
at_most "ten minutes at most" "$wait_s" 600
at_most "and not a moment only" 500 "$wait_s"
can "a right key from there is taken all the same" ana 200 GET /api/v1/me
is "no key is none that is wrong" \
    "$(curl -s -o /dev/null -w '%{http_code}' "$URL/api/v1/me")" 401
is "the log says where they came from, once" \
    "$(grep -c '50 wrong keys came from 127.0.0.1' "$tmp/hub.log")" 1

finish
