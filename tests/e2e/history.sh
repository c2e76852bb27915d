#!/bin/bash
# history.sh - what was sent and what came back; sending again, cancelling, finding, exporting.
. "$(dirname "$0")/lib.sh"

# /echo says back what it got; /moody refuses while $tmp/mood is there; /slow waits while
# $tmp/slow is.  Each request leaves "PATH KEY" in $tmp/came.
cat >"$tmp/receiver.mjs" <<'JS'
import http from "node:http";
import fs from "node:fs";

const dir = process.argv[2];
const there = (name) => fs.existsSync(`${dir}/${name}`);
const server = http.createServer(async (req, res) => {
    let body = "";
    for await (const piece of req) body += piece;
    fs.appendFileSync(`${dir}/came`, `${req.url} ${req.headers["idempotency-key"]}\n`);
    while (req.url === "/slow" && there("slow")) await new Promise((r) => setTimeout(r, 20));
    if (req.url === "/moody" && there("mood")) {
        res.statusCode = 404;
        return res.end("not in the mood");
    }
    res.end(JSON.stringify({ token: req.headers.authorization, url: req.url, body }));
});
server.listen(0, "127.0.0.1", () => console.log(`echo on 127.0.0.1:${server.address().port}`));
JS
: >"$tmp/came"
start "$tmp/receiver.log" node "$tmp/receiver.mjs" "$tmp"
RECEIVER=$ADDRESS
came() { grep -c "^$1 " "$tmp/came"; } # PATH
came_times() { [ "$(came "$1")" = "$2" ]; } # PATH COUNT

start_hub
add_team acme
add_team other
add_secret acme TOKEN t0ken-that-nobody-may-see
ECHO=$(add_webhook acme echo \
    "{\"url\":\"http://$RECEIVER/echo?t=\${TOKEN}\",\"access_token\":\"TOKEN\"}")
MOODY=$(add_webhook acme moody "{\"url\":\"http://$RECEIVER/moody\"}")
SLOW=$(add_webhook acme slow "{\"url\":\"http://$RECEIVER/slow\"}")
automate tell echo "$ECHO" '{"who": "${event_author}", "key": "Bearer ${TOKEN}"}' >"$tmp/made"
TELL=$(jq -r .id "$tmp/made")
automate moody moody "$MOODY" '{"n": "${alias}"}' >"$tmp/made"
automate slow slow "$SLOW" '{}' >"$tmp/made"

list() { api GET "/api/v1/executions?$1"; } # QUERY
ids() { list "$1" | jq -r '.items[].id'; }
count() { list "$1&limit=1000" | jq '.items | length'; }
counts() { [ "$(count "$1")" = "$2" ]; } # QUERY COUNT
post() { api POST "/api/v1/executions/$1" "${2-}"; }

# --- what was sent

emit "$(alias_event echo)" >"$tmp/answer"
within 5 have_executions finished 1 || bad "it is delivered"
FIRST=$(ids status=finished)
one=$(api GET "/api/v1/executions/$FIRST")
request=$(jq -c '.attempt_records[0].request' <<<"$one")
is "the payload is shown as it was sent, secrets by their names" "$(jq -r .payload <<<"$request")" \
    '{"who": "ana", "key": "Bearer ${TOKEN}"}'
is "with method and address" "$(jq -r '.method + " " + .url' <<<"$request")" \
    "POST http://$RECEIVER/echo?t=\${TOKEN}"
is "and its length" "$(jq -c '[.payload_bytes, .payload_cut]' <<<"$request")" '[40,false]'
has "an echoed secret is its name" "$(jq -r '.attempt_records[0].response' <<<"$one")" \
    '"token":"Bearer ${TOKEN}"'
is "the event in short" "$(jq -c '[.event_type, .entity, .project, .collection, .author,
    .event_gone]' <<<"$one")" '["artifact.alias.add","acme","vision","resnet","ana",false]'
is "how long it took" "$(jq -r '.duration_ms >= 0 and .attempt_records[0].duration_ms >= 0' \
    <<<"$one")" true
api PATCH "/api/v1/automations/$TELL" '{"name": "say"}' >"$tmp/answer"
is "an automation has the name it had" "$(list "automation=$TELL" | jq -r '.items[0].automation_name')" \
    tell

# --- sending again

post "$FIRST/resend" >"$tmp/answer"
is "what was delivered is not sent again" "$(status) $(jq -r .error.field "$tmp/answer")" "409 again"
again=$(post "$FIRST/resend" '{"again":true}')
is "unless one insists" "$(status) $(jq -r .resend_of <<<"$again")" "201 $FIRST"
within 5 have_executions finished 2 || bad "it is delivered again"
is "under an id of its own" "$(sort -u "$tmp/came" | wc -l)" 2
is "the first one names it" "$(api GET "/api/v1/executions/$FIRST" | jq -r .resent_as)" \
    "$(jq -r .id <<<"$again")"
is "both are of the event" "$(count "event=$(jq -r .event <<<"$one")")" 2

# --- a receiver that was down: everything that failed

: >"$tmp/mood"
for i in 1 2 3 4 5; do emit "$(alias_event moody)" >"$tmp/answer"; done
within 5 have_executions failed 5 || bad "five fail"
is "they are found by their integration" "$(count "integration=$MOODY&status=failed,unknown")" 5
is "and by what they belong to together" \
    "$(count "entity=acme&project=vision&collection=resnet&trigger=ADD_ARTIFACT_ALIAS&since=1h&status=failed")" 5
is "not before they were" "$(count "status=failed&until=1h")" 0
rm "$tmp/mood"
range="resend?integration=$MOODY&since=1h"
is "a dry run counts" "$(post "$range&dry_run=true" | jq -c .)" \
    '{"would_resend":5,"gone":0,"next":null}'
is "and sends nothing" "$(came /moody)" 5
is "the range is sent again" "$(post "$range" | jq -c .)" '{"resent":5,"gone":0,"next":null}'
within 5 came_times /moody 10 || bad "all five arrive" "$(cat "$tmp/came")"
within 5 counts "integration=$MOODY&status=finished" 5 || bad "and are finished"
is "in their order" "$(ids "integration=$MOODY&status=failed&order=oldest" | tr '\n' ' ')" \
    "$(list "integration=$MOODY&status=finished&order=oldest" | jq -r '.items[].resend_of' | tr '\n' ' ')"
is "and not another time" "$(post "$range" | jq -c .)" '{"resent":0,"gone":0,"next":null}'
records=$(api GET "/api/v1/events?type=belfry.execution.resent")
is "the journal knows who did it" "$(jq -c '[.items[] | [.author, .data.executions]]' <<<"$records")" \
    '[["admin",5],["admin",1]]'

# --- cancelling

: >"$tmp/slow"
for i in 1 2 3 4 5 6 7 8; do emit "$(alias_event slow)" >"$tmp/answer"; done
within 5 came_times /slow 4 || bad "some are under way"
oldest=$(ids "integration=$SLOW&order=oldest" | head -n 1)
newest=$(ids "integration=$SLOW" | head -n 1)
post "$oldest/cancel" >"$tmp/answer"
is "what is under way goes on" "$(status) $(jq -r .error.code "$tmp/answer")" "409 under_way"
post "$newest/cancel" >"$tmp/answer"
is "what waits is cancelled" "$(status) $(jq -r '.status + ", " + .reason' "$tmp/answer")" \
    "200 cancelled, cancelled by admin"
post "$newest/cancel" >"$tmp/answer"
is "once" "$(status)" 409
is "and all others that wait" "$(post "cancel?integration=$SLOW" | jq -c .)" \
    '{"cancelled":3,"under_way":4,"gone":0,"next":null}'
rm "$tmp/slow"
within 5 counts "integration=$SLOW&status=finished" 4 || bad "those under way end"
is "none of the cancelled was sent" "$(came /slow)" 4
post "$newest/resend" >"$tmp/answer"
is "a cancelled one can be sent after all" "$(status)" 201
within 5 came_times /slow 5 || bad "it arrives"

# --- who may

code=$(curl -s -o "$tmp/answer" -w '%{http_code}' -X POST "$URL/api/v1/executions/$FIRST/resend" \
    -H "Authorization: Bearer nobody")
is "nobody may without a key" "$code" 401
post 01JDCS7QJ3W4Y9V8K2M6N5P0RT/resend >"$tmp/answer"
is "what is not there cannot be sent" "$(status)" 404
post "resend?status=finished" >"$tmp/answer"
is "a range is of what was missed" "$(status) $(jq -r .error.field "$tmp/answer")" "400 status"
list status=lost >"$tmp/answer"
is "an unknown status is refused by name" "$(status) $(jq -r .error.field "$tmp/answer")" "400 status"

# --- export

export_all() { curl -sS -m 20 "$URL/api/v1/executions/export?$1" -H "Authorization: Bearer $KEY"; }
export_all order=oldest >"$tmp/export"
is "an export has a line for each" "$(wc -l <"$tmp/export")" "$(count order=oldest)"
is "the same as the list" "$(jq -c 'del(.attempt_records)' "$tmp/export")" \
    "$(list 'order=oldest&limit=1000' | jq -c '.items[]')"
is "with its attempts" "$(head -n 1 "$tmp/export" | jq -c .attempt_records)" \
    "$(api GET "/api/v1/executions/$FIRST" | jq -c .attempt_records)"
is "of what is asked for" "$(export_all status=failed | jq -r .status | sort | uniq -c | tr -s ' ')" \
    " 5 failed"
is "no secret is in it" "$(grep -c t0ken- "$tmp/export")" 0
is "nor anywhere else" "$(cat "$DATA"/belfry.db* "$tmp/hub.log" | grep -c -a t0ken-)" 0

# --- over a restart

stop_hub
start_hub
within 5 counts status=finished 12 || bad "the history is there" "$(count status=finished)"
is "with what was sent" "$(api GET "/api/v1/executions/$FIRST" |
    jq -r '.attempt_records[0].request.payload')" '{"who": "ana", "key": "Bearer ${TOKEN}"}'

# --- retention: everything but what is newest was a hundred days ago

stop_hub
sql() { "$B/tests/tools/sql" "$DATA/belfry.db" "$1"; }
sql "UPDATE executions SET created = created - 8640000000 WHERE number <
         (SELECT max(number) FROM executions)" >"$tmp/answer"
sql "UPDATE journal SET received = received - 8640000000 WHERE seq <
         (SELECT max(seq) FROM journal) - 1" >"$tmp/answer"
total=$(sql "SELECT count(*) FROM executions")
start_hub --retention_days 200
sleep 1.5
is "nothing is cut before its time" "$(sql "SELECT count(*) FROM executions")" "$total"
stop_hub
start_hub --retention_days 90
only_one() { [ "$(sql "SELECT count(*) FROM executions")" = 1 ]; }
within 10 only_one || bad "what is older goes" "$(sql "SELECT count(*) FROM executions")"
is "with its attempts" "$(sql "SELECT count(*) FROM attempts WHERE place / 1024 NOT IN
    (SELECT number FROM executions)")" 0
told() { grep -q 'retention: cut .* executions and .* events from before' "$tmp/hub.log"; }
within 5 told || bad "the log says so in one line" "$(cat "$tmp/hub.log")"
is "what is left names an event that is gone" "$(list '' | jq -c '[.items[] | [.event_gone,
    .event_type, .automation_name]]')" '[[true,"artifact.alias.add","slow"]]'
emit "$(alias_event echo)" >"$tmp/answer"
within 5 counts status=finished 2 || bad "and the hub goes on"

finish
