#!/bin/bash
# merge.sh - over a backlog one message tells of many firings: what the receiver gets, what the history
# and the command show of each, and what cancelling and sending again do; over a kill.
. "$(dirname "$0")/lib.sh"

start "$tmp/messages" node "$(dirname "$0")/merge.mjs"
RECEIVER=$ADDRESS
mkdir -m 755 "$tmp/plugins"
for name in "$B"/plugins/*.so "$B"/tests/skeletons/digest.so; do
    install -m 755 "$name" "$tmp/plugins/"
done
begin_hub() {
    start_hub --plugin_dir "$tmp/plugins" --plugins "http webhook digest"
    export BELFRY_URL=$URL BELFRY_API_KEY=$KEY BELFRY_TEAM=acme HOME=$tmp
}
begin_hub
add_team acme
LINES=$("$BELFRY" integrations create --sink digest --name lines --json \
    --pace 50/s --merge-over 3 "url=http://$RECEIVER/lines" | jq -r .id)
integration() { api GET "/api/v1/integrations/$LINES" | jq -c "$1"; }
is "the command sets over how many are merged" "$(integration '[.delivery.pace, .delivery.merge_over]')" \
    '["50/s",3]'
api PATCH "/api/v1/integrations/$LINES" '{"delivery": {"merge_over": 10001}}' >"$tmp/refused"
is "within limits" "$(status) $(jq -r .error.field "$tmp/refused")" "400 delivery.merge_over"
api PATCH "/api/v1/integrations/$LINES" '{"delivery": {"merge_over": null}}' >"$tmp/answer"
is "and null is the hub's own" "$(integration '[.delivery.pace, .delivery.merge_over]')" '["50/s",null]'
api PATCH "/api/v1/integrations/$LINES" '{"delivery": {"merge_over": 0}}' >"$tmp/answer"
is "0 is never" "$(integration .delivery.merge_over)" 0
"$BELFRY" export >"$tmp/acme.lua" 2>"$tmp/export.err"
has "which automations as code keep" "$(tr -d ' \n' <"$tmp/acme.lua")" "merge_over=0"
"$BELFRY" plan "$tmp/acme.lua" >"$tmp/plan" 2>&1
is "and a plan of it changes nothing" "$?" 0
api PATCH "/api/v1/integrations/$LINES" '{"delivery": {"merge_over": 3}}' >"$tmp/answer"

automation=$(api POST /api/v1/automations "$(jq -nc --arg i "$LINES" '{name: "built", scope: {entity:
    "acme"}, event: {type: "ci.built"}, actions: [{integration: $i, config: {line: "n=${data.n} of ${firing_count}"}}]}')" | jq -r .id)
is "an automation is made" "$(status)" 201
happen() { # FROM TO
    seq "$1" "$2" | jq -c '{type: "ci.built", entity: "acme", data: {n: .}}' | emit @- >"$tmp/answer"
}
off() { api POST "/api/v1/integrations/$LINES/disable" >"$tmp/answer"; }
on() { api POST "/api/v1/integrations/$LINES/enable" >"$tmp/answer"; }
list() { api GET "/api/v1/executions?order=oldest&limit=1000&$1" | jq -c "$2"; }
told() { grep -c '"status":200' "$tmp/messages"; }
last_told() { tail -n 1 "$tmp/messages" | jq -r '.lines[]'; }
point() { # PATH: where the messages go from now on
    api PATCH "/api/v1/integrations/$LINES" "{\"config\": {\"url\": {\"value\": \"http://$RECEIVER/$1\"}}}" >"$tmp/answer"
}

# --- one message, and a row for each

off
happen 1 5
on
within 10 have_executions finished 5 || bad "all of them come to an end"
is "one message told of all" "$(told)" 1
is "in their order" "$(last_told | paste -sd' ')" "n=1 of 5 n=2 of 1 n=3 of 1 n=4 of 1 n=5 of 1"
list "automation=$automation" .items >"$tmp/list"
teller=$(jq -r '.[0].id' "$tmp/list")
is "the first is the one that tells" "$(jq -c '.[0] | [.merged, .count, .attempts, .merged_into]' "$tmp/list")" \
    '[4,5,1,null]'
is "the others name it" "$(jq -c '[.[1:][].merged_into] | unique' "$tmp/list")" "[\"$teller\"]"
has "in words too" "$(jq -r '.[4].reason' "$tmp/list")" "execution $teller told of it"
is "each with its own event" "$(jq -c '[.[].event] | unique | length' "$tmp/list")" 5
is "and no attempt of its own" "$(jq -c '[.[1:][].attempts] | unique' "$tmp/list")" '[0]'
is "they are asked for by it" "$(list "merged_into=$teller" '[.items[].id]')" "$(jq -c '[.[1:][].id]' "$tmp/list")"
is "the command lists them" "$("$BELFRY" executions list --merged-into "$teller" --json | jq -s '[.[] | (.items? // .)] | flatten | length')" 4
has "and shows of one who told of it" "$("$BELFRY" executions show "$(jq -r '.[2].id' "$tmp/list")")" "$teller"
is "an export has a line for each" "$(api GET "/api/v1/executions/export?automation=$automation" | jq -s length)" 5
is "three wait for nobody" "$(off; happen 6 8; on; within 10 have_executions finished 8; told)" 4

# --- one that waits

off
happen 11 20
point down
on
tried() { [ "$(list 'status=pending' '[.items[] | select(.attempts > 0)] | length')" -ge 1 ]; }
within 10 tried || bad "it is tried"
is "all ten wait, as one" "$(list 'status=pending' '[(.items | length), .items[0].merged]')" '[10,9]'
is "which is what is to be sent" "$(integration .state.waiting)" 1
has "metrics count each" "$(api GET /metrics | grep '^belfry_executions_pending ')" " 10"
list 'status=pending' .items >"$tmp/list"
teller=$(jq -r '.[0].id' "$tmp/list")
third=$(jq -r '.[2].id' "$tmp/list")
has "they say who will tell of them" "$(jq -r '.[2].reason' "$tmp/list")" "execution $teller will tell of it"
api POST "/api/v1/executions/$third/cancel" '{}' >"$tmp/answer"
is "one of them is not cancelled alone" "$(status) $(jq -r .error.code "$tmp/answer")" "409 merged"
kill -9 "$HUB_PID"
begin_hub
off
happen 21 22
is "a kill and later firings change nothing of it" "$(list "merged_into=$teller" '.items | length')" 9
api POST "/api/v1/executions/$teller/cancel" '{}' >"$tmp/answer"
is "the one that tells is cancelled" "$(status) $(jq -r .status "$tmp/answer")" "200 cancelled"
is "and the others wait by themselves" \
    "$(list 'status=pending' '[(.items | length), ([.items[] | select(.merged_into or .merged)] | length)]')" '[11,0]'
before=$(told)
point lines
on
within 10 have_executions pending 0 || bad "then they are sent"
is "as one again" "$(($(told) - before)) $(last_told | wc -l)" "1 11"

# --- once more

off
happen 31 36
point refuse
on
within 10 have_executions failed 6 || bad "a message that is refused fails with all that it told of"
point lines
is "what failed is sent again" \
    "$(api POST '/api/v1/executions/resend?entity=acme&status=failed' '{}' | jq -c .resent)" 1
within 10 have_executions pending 0
is "as one message" "$(($(told) - before)) $(last_told | sed 's/ of.*//' | paste -sd' ')" \
    "2 n=31 n=32 n=33 n=34 n=35 n=36"
is "and each knows" "$(list 'status=failed' '[.items[].resent_as] | unique | length')" 1
finish
