#!/bin/bash
# receivers.sh - receivers that are down, slow, break off, refuse, lie, or never end.
. "$(dirname "$0")/../e2e/lib.sh"

start_hub
add_team acme

# One automation per kind of receiver, each on an alias of its own; then one event each.
receiver() { # ALIAS options of receive
    local alias=$1
    shift
    start "$tmp/$alias.log" "$B/tests/tools/receive" --listen 127.0.0.1:0 "$@"
    connect "$alias" "$ADDRESS"
}
connect() { # ALIAS ADDRESS
    automate "$1" "$1" "$(add_webhook acme "$1" "{\"url\":\"http://$2/\"}")" '{}' >"$tmp/made"
    eval "id_$1=\$(jq -r .id <'$tmp/made')"
}
history() { # ALIAS jq-expression of the newest execution with its attempts
    local id="id_$1" execution
    execution=$(api GET "/api/v1/executions?automation=${!id}&limit=1" | jq -r '.items[0].id')
    api GET "/api/v1/executions/$execution" | jq -r "$2"
}
came_to() { # ALIAS STATUS OUTCOME
    [ "$(history "$1" '"\(.status) \(.attempt_records[0].outcome)"')" = "$2 $3" ]
}
expect() { # ALIAS STATUS OUTCOME
    within "${4:-8}" came_to "$1" "$2" "$3" ||
        bad "$1 comes to $2 $3" "$(history "$1" '{status, attempt_records}')"
    good
}

receiver good
receiver throttle --status 429 --retry-after 7
receiver gone --status 410
receiver refuse --status 404
receiver broken --status 503
receiver half --close-half
receiver garbage --garbage
receiver endless --endless
receiver slow --delay 3000
receiver silent --drop 100
connect down 127.0.0.1:9

for alias in down throttle gone refuse broken half garbage endless slow silent good; do
    emit "$(alias_event $alias)" >"$tmp/answer"
    is "the event for $alias is acknowledged" "$(status)" 202
done

expect good finished delivered
expect down pending retry
expect throttle pending retry
due=$(history throttle '(.due | sub("\\.[0-9]+"; "") | fromdate) -
    (.attempt_records[0].started | sub("\\.[0-9]+"; "") | fromdate)')
[ "$due" -ge 6 ] && [ "$due" -le 8 ] && good || bad "Retry-After is honoured" "due after $due s"
expect gone failed rejected
expect refuse failed rejected
expect broken pending retry
expect half pending unknown
expect garbage pending unknown
expect endless finished delivered 20
expect slow finished delivered
expect silent pending unknown

id=id_gone
is "410 disables the integration" "$(api GET /api/v1/teams/acme/integrations |
    jq -r '.items[] | select(.name == "gone") | .disabled')" true
gone=$(api GET /api/v1/teams/acme/integrations | jq -r '.items[] | select(.name == "gone") | .id')
recorded() { "$B/tests/tools/sql" "$DATA/belfry.db" "SELECT count(*) FROM journal WHERE type =
    'belfry.integration.disabled' AND body LIKE '%\"name\":\"gone\"%410 Gone%'"; }
is "once, in the journal, with the reason" "$(recorded)" 1
emit "$(alias_event gone)" >"$tmp/answer"
sleep 0.3
is "and nothing more is sent to it" "$(history gone '"\(.status) \(.attempts)"')" "pending 0"
api POST "/api/v1/integrations/$gone/enable" >"$tmp/answer"
is "until it is enabled" "$(status) $(jq .disabled "$tmp/answer")" "200 false"
expect gone failed rejected
is "and it shows how it stands" "$(api GET "/api/v1/integrations/$gone" |
    jq -c '[.state.last_error, .state.failures > 0, .delivery.pace]')" '["HTTP 410",true,null]'
has "the reason is in the history" "$(history down '.attempt_records[0].reason')" "refused"

# Many events to a dead receiver: others are served, and memory stays where it was.
printf '%s\n' $(for _ in $(seq 500); do alias_event down; echo; done) >"$tmp/many"
before=$(awk '/^Pss:/ {print $2}' "/proc/$HUB_PID/smaps_rollup")
for _ in $(seq 40); do
    emit "@$tmp/many" >"$tmp/answer"
done
is "20,000 events for a dead receiver are acknowledged" "$(status)" 202
emit "$(alias_event good)" >"$tmp/answer"
two_good() { [ "$(api GET "/api/v1/executions?automation=$id_good&status=finished" | jq '.items | length')" = 2 ]; }
within 5 two_good || bad "others are served meanwhile"
after=$(awk '/^Pss:/ {print $2}' "/proc/$HUB_PID/smaps_rollup")
[ -z "${SANITIZED-}" ] && at_most "memory stays flat (KiB of PSS, was $before)" "$after" 40960

stop_hub
is "the hub stops in order" $? 0
finish
