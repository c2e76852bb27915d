#!/bin/bash
# limits_fire.sh - what is over an automation's limit: it waits, or is counted, or is told of
# together; and a hub that is killed meanwhile loses none of it.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
RECEIVER=$ADDRESS
mkdir -m 755 "$tmp/plugins"
for name in "$B"/plugins/*.so "$B"/tests/skeletons/digest.so; do
    install -m 755 "$name" "$tmp/plugins/"
done
begin_hub() { start_hub --plugin_dir "$tmp/plugins" --plugins "http webhook digest"; }
begin_hub
add_team acme
HOOK=$(add_webhook acme hook "{\"url\": \"http://$RECEIVER/hook\"}")
LINES=$(api POST /api/v1/teams/acme/integrations "{\"sink\": \"digest\", \"name\": \"lines\",
    \"config\": {\"url\": {\"value\": \"http://$RECEIVER/lines\"}}}" | jq -r .id)

limited() { # TYPE LIMITS [INTEGRATION CONFIG]
    api POST /api/v1/automations "$(jq -nc --arg t "$1" --argjson l "$2" --arg i "${3:-$HOOK}" \
        --argjson c "${4-}" '{name: $t, scope: {entity: "acme"}, event: {type: $t}, limits: $l,
          actions: [{integration: $i, config: $c}]}')" >"$tmp/made"
    is "an automation with $2 is made" "$(status) $(jq -r '.error.message // ""' "$tmp/made")" "201 "
    ID=$(jq -r .id "$tmp/made")
}
happen() { # TYPE FROM TO
    seq "$2" "$3" | jq -c --arg t "$1" '{type: $t, entity: "acme", data: {n: .}}' |
        emit @- >"$tmp/answer"
}
list() { # ID [FILTERS]: oldest first
    api GET "/api/v1/executions?order=oldest&automation=$1${2-}" | jq -c .items
}
posts() { sed -n 's/^ *\({"n".*\)$/\1/p' "$tmp/listen.log"; }
PLAIN='{"payload": {"n": "${data.n}"}}'

# --- delayed: each goes out, one cooldown behind the other

limited ci.slow '{"cooldown": "3s"}' "$HOOK" "$PLAIN"
SLOW=$ID
happen ci.slow 1 3
within 5 have_executions finished 1 || bad "the first goes at once"
list "$SLOW" >"$tmp/list"
is "the others wait" "$(jq -r '[.[] | .status] | join(" ")' "$tmp/list")" "finished pending pending"
has "for what and until when is told" "$(jq -r '.[1].reason' "$tmp/list")" "waits for cooldown until 20"
is "and stays known" "$(jq -r '[.[] | .delayed_by] | join(" ")' "$tmp/list")" " cooldown cooldown"
due() { jq -r ".[$1].due" "$tmp/list" | sed 's/\..*Z$/Z/' | jq -Rr 'fromdate'; }
at_most "they keep their distance" "$(($(due 2) - $(due 1) - 3))" 1
at_most "which is no shorter" "$((3 - ($(due 2) - $(due 1))))" 1
id=$(jq -r '.[2].id' "$tmp/list")
is "one that waits is cancelled" "$(api POST "/api/v1/executions/$id/cancel" '{}' | jq -r .status)" \
    cancelled
kill -9 "$HUB_PID"
begin_hub
within 10 have_executions finished 2 || bad "the other goes out when it is due, over a kill"
is "and no more do" "$(posts | paste -sd' ')" '{"n":"1"} {"n":"2"}'

# --- skipped: one row counts them

limited ci.rare '{"cooldown": "1h", "over": "skip"}' "$HOOK" "$PLAIN"
happen ci.rare 11 13
happen ci.rare 14 15
within 5 have_executions finished 3 || bad "the first goes out"
list "$ID" '&status=skipped' >"$tmp/list"
is "the others are one row" "$(jq -c '[.[] | [.reason, .count, .attempts]]' "$tmp/list")" \
    '[["cooldown",4,0]]'
is "that names the newest event" \
    "$(api GET "/api/v1/events/$(jq -r '.[0].last_event' "$tmp/list")" | jq -c .data)" '{"n":15}'
at_most "and when the limit ends" \
    "$(($(jq -r '.[0].until' "$tmp/list" | sed 's/\..*Z$/Z/' | jq -Rr fromdate) - $(date +%s)))" 3600
has "the command shows it" "$(BELFRY_URL=$URL BELFRY_API_KEY=$KEY "$BELFRY" executions list --status skipped 2>&1)" \
    "skipped cooldown ×4, again in "

# --- together: one delivery for all

MANY='{"payload": {"n": "${json:firing_count}", "all": "${json:firings}", "newest": "${json:data.n}"}}'
limited ci.burst '{"rate": {"count": 1, "within": "6s"}, "over": "digest"}' "$HOOK" "$MANY"
BURST=$ID
happen ci.burst 21 24
list "$BURST" '&status=pending' >"$tmp/list"
is "what is over the rate is one execution" "$(jq -c '[.[] | [.delayed_by, .count]]' "$tmp/list")" \
    '[["rate_limited",3]]'
kill -9 "$HUB_PID"
begin_hub
happen ci.burst 25 26
told() { [ "$(posts | grep -c '"all"')" -ge "$1" ]; }
within 15 told 2 || bad "the digest goes out" "$(cat "$tmp/listen.log")"
posts | grep '"all"' >"$tmp/told"
is "the first was alone" "$(sed -n 1p "$tmp/told" | jq -c '[.n, (.all | length), .newest]')" '[1,1,21]'
is "and it tells of all that joined before and after the kill" \
    "$(sed -n 2p "$tmp/told" | jq -c '[.n, (.all | length), .newest]')" '[5,5,26]'
is "each by its event" "$(sed -n 2p "$tmp/told" | jq '[.all[].event_id] | unique | length')" 5
within 5 have_executions pending 0
id=$(list "$BURST" | jq -r '.[1].id')
is "the history tells of each" "$(api GET "/api/v1/executions/$id" |
    jq -c '[.count, (.firings | length), .firings[4].event_id == .last_event]')" '[5,5,true]'
is "all of it is two executions" "$(list "$BURST" | jq -c '[.[] | .status]')" '["finished","finished"]'

limited ci.lines '{"rate": {"count": 1, "within": "4s"}, "over": "digest"}' "$LINES" \
    '{"line": "n=${data.n}"}'
happen ci.lines 31 33
listed() { grep -q 'n=32\\nn=33' "$tmp/listen.log"; }
within 15 listed || bad "a sink that can tell of several is given each" "$(tail -5 "$tmp/listen.log")"
finish
