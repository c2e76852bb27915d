#!/bin/bash
# dry_run.sh - an automation that only says what it would send: recorded, and nothing leaves the hub.
. "$(dirname "$0")/lib.sh"

# Nothing may even connect: each that does is noted.
: >"$tmp/connections"
start "$tmp/listen.log" node -e '
    const fs = require("fs"), net = require("net");
    const s = net.createServer((c) => { fs.appendFileSync(process.argv[1], "c\n"); c.destroy(); });
    s.listen(0, "127.0.0.1", () => console.log(`listens on 127.0.0.1:${s.address().port}`));
' "$tmp/connections"
RECEIVER=$ADDRESS

mkdir -m 755 "$tmp/plugins"
for name in "$B"/plugins/*.so "$B"/tests/skeletons/{pager,thread}.so; do
    install -m 755 "$name" "$tmp/plugins/"
done
start_hub --plugin_dir "$tmp/plugins" --plugins "http webhook pager thread"
add_team acme
add_secret acme TOKEN correct-horse-battery
integration() { # SINK NAME CONFIG
    api POST /api/v1/teams/acme/integrations \
        "$(jq -nc --arg s "$1" --arg n "$2" --argjson c "$3" '{sink: $s, name: $n, config: $c}')" |
        jq -r .id
}
HOOK=$(add_webhook acme hook "{\"url\": \"http://$RECEIVER/hook\", \"access_token\": \"TOKEN\"}")
PAGER=$(integration pager pager "{\"service\": \"http://$RECEIVER\", \"user\": \"u\", \"password\": \"TOKEN\"}")

dry() { # NAME DRY INTEGRATION CONFIG
    api POST /api/v1/automations "$(jq -nc --arg n "$1" --argjson d "$2" --arg i "$3" \
        --argjson c "$4" '{name: $n, dry_run: $d, scope: {entity: "acme", project: "vision"},
          event: {type: "ADD_ARTIFACT_ALIAS"}, actions: [{integration: $i, config: $c}]}')" |
        tee "$tmp/answer" | jq -r .id
}
WEB=$(dry web true "$HOOK" '{"payload": {"alias": "${alias}", "by": "${event_author}", "token": "${ACCESS_TOKEN}"}}')
is "a dry run is saved" "$(status) $(jq -r '.error.message // ""' "$tmp/answer")" "201 "
dry page true "$PAGER" '{"what": "${alias} \"quoted\""}' >"$tmp/made"
is "of a sink with steps of its own as well" "$(status)" 201

emit "$(alias_event production)" >"$tmp/answer"
within 10 have_executions skipped 2 || bad "both are skipped" "$(api GET /api/v1/executions)"
one() { # AUTOMATION NAME
    api GET "/api/v1/executions/$(api GET '/api/v1/executions?status=skipped' |
        jq -r --arg n "$1" '.items[] | select(.automation_name == $n).id')"
}
one web >"$tmp/web"
is "with the reason" "$(jq -r '"\(.status) \(.reason) \(.attempts)"' "$tmp/web")" "skipped dry_run 1"
is "the attempt is told as one that sent nothing" \
    "$(jq -r '.attempt_records[0] | "\(.outcome) \(.http_status) \(.reason)"' "$tmp/web")" \
    "dry_run null dry run: this would have been sent"
is "with the request" "$(jq -r '.attempt_records[0].request | "\(.method) \(.payload)"' "$tmp/web")" \
    'POST {"alias":"production","by":"ana","token":"${TOKEN}"}'
one page >"$tmp/page"
is "a sink with steps of its own shows its options" \
    "$(jq -r '.attempt_records[0].request | "\(.url) \(.payload)"' "$tmp/page")" \
    'sink:pager {"what":"production \"quoted\"","level":"high"}'
is "no secret is shown" "$(grep -c correct-horse "$tmp/web" "$tmp/page" | paste -sd' ')" \
    "$tmp/web:0 $tmp/page:0"

# --- what it leaves alone

is "no destination stands better or worse for it" \
    "$(api GET "/api/v1/integrations/$HOOK" | jq -c '[.state.last_success, .state.failing_since]')" \
    '[null,null]'
id=$(jq -r .id "$tmp/web")
is "sent again by hand it is a dry run still" \
    "$(api POST "/api/v1/executions/$id/resend" '{"again": true}' | jq -r .resend_of)" "$id"
within 10 have_executions skipped 3 || bad "that is skipped as well"
is "nothing has connected" "$(wc -l <"$tmp/connections")" 0

# --- switched on

api PUT "/api/v1/automations/$WEB" "$(api GET "/api/v1/automations/$WEB" |
    jq -c '{name, scope, event, actions, dry_run: false}')" >"$tmp/answer"
is "it is switched on" "$(status)" 200
emit "$(alias_event staging)" >"$tmp/answer"
connected() { [ "$(wc -l <"$tmp/connections")" -ge 1 ]; }
within 10 connected || bad "then it connects"
finish
