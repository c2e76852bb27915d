#!/bin/bash
# transform.sh - a script has a say in what is sent: what it makes leaves, what becomes of its failures,
# and that nobody waits for it.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
RECEIVER=$ADDRESS
mkdir "$tmp/data" "$tmp/scripts"
chmod 700 "$tmp/data"
DATA=$tmp/data
put() { # NAME TEXT
    printf '%s\n' "$2" >"$tmp/scripts/.new"
    touch -d '1 minute ago' "$tmp/scripts/.new"
    mv "$tmp/scripts/.new" "$tmp/scripts/$1"
}
put title.lua 'return { transform = function(payload, event) payload.title = "one" return payload end }'
start_hub --scripts_dir "$tmp/scripts"
export BELFRY_URL=$URL BELFRY_API_KEY=$KEY BELFRY_TEAM=acme
add_team acme
add_secret acme TOKEN correct-horse-battery
HOOK=$(add_webhook acme hook "{\"url\": \"http://$RECEIVER/hook\", \"access_token\": \"TOKEN\"}")
OTHER=$(add_webhook acme other "{\"url\": \"http://$RECEIVER/other\"}")

hooked() { # NAME TRANSFORM [PAYLOAD] [INTEGRATION] [more members, JSON]
    api POST /api/v1/automations "$(jq -nc --arg n "$1" --argjson t "$2" --arg i "${4-$HOOK}" \
        --argjson p "${3-null}" --argjson more "${5-{\}}" \
        '{name: $n, scope: {entity: "acme", project: "vision"}, event: {type: "x.\($n)"},
          hooks: {transform: $t}, actions: [{integration: $i, config: {payload: $p}}]} + $more')" |
        tee "$tmp/answer" | jq -r '.id // (.error | tostring)' >"$tmp/id.$1"
}
inline() { # LUA [ON_ERROR]
    jq -nc --arg c "return { transform = function(payload, event) $1 end }" --arg e "${2-fail}" \
        '{code: $c, on_error: $e}'
}
event() { # NAME [DATA]
    printf '{"type":"x.%s","entity":"acme","project":"vision","data":%s}' "$1" "${2-{\}}"
}
of() { # NAME: its executions, newest first
    api GET "/api/v1/executions?limit=1000&automation=$(cat "$tmp/id.$1")" | jq -c .items
}
last() { # NAME: the newest, with its attempts
    api GET "/api/v1/executions/$(of "$1" | jq -r '.[0].id')"
}
statuses() { of "$1" | jq -c 'map(.status) | group_by(.) | map({(.[0]): length}) | add'; }
ended() { # NAME COUNT
    [ "$(api GET "/api/v1/executions?limit=1000&automation=$(cat "$tmp/id.$1")" |
        grep -oE '"status":"(finished|failed|skipped)"' | wc -l)" -ge "$2" ]
}
becomes() { # CLAIM NAME EVENT-DATA FILTER WANT: of the newest execution
    local n
    n=$(of "$2" | jq length)
    emit "$(event "$2" "$3")" >"$tmp/answer"
    within 10 ended "$2" $((n + 1)) || bad "$1: it ends" "$(of "$2")"
    last "$2" >"$tmp/last"
    is "$1" "$(jq -r "$4" "$tmp/last")" "$5"
}
payloads() { sed -n 's/^ *\([{["].*[]}"]\)$/\1/p' "$tmp/listen.log"; }

# --- what it makes

hooked big "$(inline 'return { seen = payload, n = event.data.n, none = belfry.json.null,
        list = belfry.json.array({}), action = event.action, odd = "${alias} $TOKEN \"\n" }')" \
    '{"who": "${entity_name}", "n": "${json:data.n}"}'
is "an automation with a transform is saved" "$(status)" 201
becomes "what it makes is sent" big '{"n": 9007199254740993}' \
    '.attempt_records[0].request.payload | fromjson | [.seen.who, .action, (.list | length), .odd] | join("|")' \
    'acme|webhook|0|${alias} $TOKEN "'
has "large numbers stay what they are" "$(jq -r '.attempt_records[0].request.payload' "$tmp/last")" \
    '"n":9007199254740993'
has "and so they arrive" "$(payloads | tail -n 1)" '"n":9007199254740993'
is "the attempt tells which script it was" \
    "$(jq -c '.attempt_records[0].transform | [.said, (.script | length), .words]' "$tmp/last")" \
    '["changed",64,null]'

hooked secret "$(inline 'return { auth = "Bearer " .. payload.key, [payload.key] = true }')" \
    '{"key": "${ACCESS_TOKEN}"}'
becomes "a secret it moved is shown as its name" secret '{}' \
    '.attempt_records[0].request.payload | fromjson | "\(.auth) \(.["${TOKEN}"])"' 'Bearer ${TOKEN} true'
is "and sent as its value" "$(payloads | tail -n 1 | jq -cS .)" \
    '{"auth":"Bearer correct-horse-battery","correct-horse-battery":true}'
hooked tell "$(inline 'error("the key is " .. payload.key)')" '{"key": "${ACCESS_TOKEN}"}'
becomes "nor does an error tell it" tell '{}' .status failed
has "but by its name" "$(jq -r '.attempt_records[0].transform.words' "$tmp/last")" 'the key is ${TOKEN}'
hooked cut "$(inline 'return { key = payload.key:sub(1, 30) }')" '{"key": "${ACCESS_TOKEN}"}'
becomes "a secret that it cut is not sent" cut '{}' '.status' failed
has "and that is said" "$(jq -r '.attempt_records[0].reason' "$tmp/last")" secret_mangled

# --- what becomes of failures

BROKEN='return { title = event.data.message.first }'
declare -A want=([fail]="failed hook_failed rejected" [skip]="skipped hook_failed rejected"
    [fire]="finished null delivered")
for choice in fail skip fire; do
    hooked "on_$choice" "$(inline "$BROKEN" $choice)" '{"as": "it was"}'
    becomes "on_error $choice" "on_$choice" '{}' '"\(.status) \(.reason) \(.attempt_records[0].outcome)"' \
        "${want[$choice]}"
    is "$choice: it is recorded as a failure" "$(jq -r '.attempt_records[0].transform.said' "$tmp/last")" failed
    has "$choice: with its line" "$(jq -r '.attempt_records[0].transform.words' "$tmp/last")" \
        "automation \"on_$choice\", transform:1:"
done
is "what fires all the same is sent as it was" \
    "$(last on_fire | jq -r '.attempt_records[0].request.payload')" '{"as":"it was"}'
is "nothing was sent of the others" "$(last on_fail | jq -c '.attempt_records[0].request')" null
has "the reason is the failure's first line" "$(last on_fail | jq -r '.attempt_records[0].reason')" \
    'its transform failed: automation "on_fail", transform:1:'
hooked odd "$(inline 'return nil')"
becomes "nothing is no payload" odd '{}' '.status' failed
is "no integration fails for that" "$(api GET "/api/v1/integrations/$HOOK" | jq -r '.delivery.failing_since')" null
has "belfry executions show tells of it" "$("$BELFRY" executions show "$(last on_fail | jq -r .id)")" \
    "attempt 1: transform script"

# --- sent again, and looked at before

hooked again '{"file": "title.lua"}' '{"n": 1}'
becomes "a script in a file" again '{}' '.attempt_records[0].request.payload | fromjson.title' one
FIRST=$(jq -r .id "$tmp/last")
ONE=$(jq -r '.attempt_records[0].transform.script' "$tmp/last")
is "is told by the hash of its text" "$ONE" "$(sha256sum "$tmp/scripts/title.lua" | cut -d' ' -f1)"
put title.lua 'return { transform = function(payload, event) payload.title = "two" return payload end }'
in_force() { [ "$(api GET /api/v1/scripts | jq -r '.items[] | select(.file == "title.lua").hash')" != "$ONE" ]; }
within 10 in_force || bad "another text comes into force" "$(api GET /api/v1/scripts)"
api POST "/api/v1/executions/$FIRST/resend" '{"again": true}' >"$tmp/answer"
within 10 ended again 2 || bad "it is sent again" "$(cat "$tmp/answer")"
is "what is sent again is asked about again" \
    "$(last again | jq -r '.attempt_records[0].request.payload | fromjson.title')" two
start "$tmp/busy.log" "$B/tests/tools/receive" --listen 127.0.0.1:0 --status 503 --retry-after 1
BUSY=$(add_webhook acme busy "{\"url\": \"http://$ADDRESS/\"}")
hooked retry '{"file": "title.lua"}' '{}' "$BUSY"
emit "$(event retry)" >"$tmp/answer"
titles() {
    last retry | jq -c '[.attempt_records[] | select(.request) | .request.payload | fromjson.title] | unique'
}
titles_are() { [ "$(titles)" = "$1" ]; }
within 10 titles_are '["two"]' || bad "an attempt fails" "$(titles)"
put title.lua 'return { transform = function(payload, event) payload.title = "three" return payload end }'
within 20 titles_are '["three","two"]' || bad "the next one is asked about as well" "$(titles)"
is "each tells which script it was" \
    "$(last retry | jq '[.attempt_records[].transform.script] | unique | length')" 2
put title.lua 'return { transform = function(payload, event) payload.title = "two" return payload end }'
back() {
    [ "$(api GET /api/v1/scripts | jq -r '.items[] | select(.file == "title.lua").hash')" = \
        "$(sha256sum "$tmp/scripts/title.lua" | cut -d' ' -f1)" ]
}
within 10 back || bad "the text that was comes back" "$(api GET /api/v1/scripts)"
is "a preview shows what the script makes" \
    "$(api POST /api/v1/automations/test "{\"automation\": \"$(cat "$tmp/id.again")\", \"event\": $(event again)}" |
        jq -r '.payloads[0] | "\(.transform.said) \(.request.payload)"')" 'changed {"n":1,"title":"two"}'
DRAFT=$(jq -nc --argjson t "$(inline "$BROKEN")" --arg i "$HOOK" '{name: "draft", scope: {entity: "acme"},
    event: {type: "x.again"}, hooks: {transform: $t}, actions: [{integration: $i, config: {}}]}')
api POST /api/v1/automations/test "{\"automation\": $DRAFT, \"event\": $(event again)}" >"$tmp/test"
is "and of a draft that fails why nothing would be sent" \
    "$(jq -r '.payloads[0] | "\(.request) \(.transform.said)"' "$tmp/test")" "null failed"
has "in words" "$(jq -r '.payloads[0].reason' "$tmp/test")" 'its transform failed: automation "draft", transform:1:'
hooked dry "$(inline 'return { dry = true }')" null "$HOOK" '{"dry_run": true}'
becomes "a dry run asks as well" dry '{}' \
    '"\(.status) \(.reason) \(.attempt_records[0].transform.said) \(.attempt_records[0].request.payload)"' \
    'skipped dry_run changed {"dry":true}'
TEST=$(api POST /api/v1/backtests "{\"automation\": \"$(cat "$tmp/id.again")\", \"since\": \"1h\"}" | jq -r .id)
tested() { [ "$(api GET "/api/v1/backtests/$TEST" | tee "$tmp/backtest" | jq -r .status)" = finished ]; }
within 10 tested || bad "a backtest ends" "$(cat "$tmp/backtest")"
is "and shows what scripts make" \
    "$(jq -c '[.. | objects | select(.transform?) | .transform.said] | unique' "$tmp/backtest")" '["changed"]'

# --- slow, hanging, and killed

hooked hang "$(inline 'while true do end')"
hooked quick "$(inline 'return { t = event.data.t }')" null "$OTHER"
api POST /api/v1/automations "{\"name\": \"plain\", \"scope\": {\"entity\": \"acme\"},
    \"event\": {\"type\": \"x.hang\"}, \"actions\": [{\"integration\": \"$HOOK\",
    \"config\": {\"payload\": {\"plain\": true}}}]}" | jq -r .id >"$tmp/id.plain"
many() { # COUNT EVENT...: as one batch
    local n=$1
    shift
    printf '[%s]' "$(for _ in $(seq "$n"); do printf '%s,' "$@"; done | sed 's/,$//')"
}
emit "$(many 50 "$(event hang)" "$(event quick)")" >"$tmp/answer"
within 10 ended plain 50 || bad "others are sent to the same receiver" "$(statuses plain)"
within 10 ended quick 50 || bad "and to another, with scripts" "$(statuses quick)"
is "quick ones wait for none that hangs" "$(statuses quick) $(statuses plain)" \
    '{"finished":50} {"finished":50}'
within 20 ended hang 50 || bad "what hangs ends" "$(statuses hang)"
is "as a failure, all of it" "$(statuses hang)" '{"failed":50}'
disabled() {
    api GET "/api/v1/automations/$(cat "$tmp/id.hang")" | jq -e '.hooks_disabled.transform' >"$tmp/disabled"
}
within 10 disabled || bad "it is disabled" "$(api GET "/api/v1/automations/$(cat "$tmp/id.hang")")"

hooked crash "$(inline 'local s = 0 for i = 1, 300000 do s = s + i % 7 end return { id = event.id, s = s }')" \
    null "$OTHER"
for _ in 1 2 3 4 5; do
    emit "$(many 20 "$(event crash)")" >"$tmp/answer"
done
kill -9 "$HUB_PID"
wait "$HUB_PID" 2>"$tmp/killed"
start_hub --scripts_dir "$tmp/scripts"
within 20 ended crash 100 || bad "after a kill all of it is sent" "$(statuses crash)"
is "and finished" "$(statuses crash)" '{"finished":100}'
is "with what the script made" "$(payloads | grep -o '"s":[0-9]*' | sort -u)" '"s":899998'
at_most "each at least once" 100 "$(payloads | grep -o '"id":"[0-9A-Z]*"' | sort -u | wc -l)"
is "no secret stands in the log" "$(grep -c correct-horse "$tmp/hub.log")" 0
stop_hub
is "the hub ends well" $? 0
finish
