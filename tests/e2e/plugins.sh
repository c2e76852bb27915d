#!/bin/bash
# plugins.sh - the skeleton plugins in a real hub: its own REST asked for a caller, pages, streams.
. "$(dirname "$0")/lib.sh"

# Plugins must be writable by their owner alone.
mkdir -m 755 "$tmp/plugins"
for name in "$B"/plugins/*.so "$B"/tests/skeletons/{graphql,live,pages}.so; do
    install -m 755 "$name" "$tmp/plugins/"
done
start_with_plugins() {
    start_hub --plugin_dir "$tmp/plugins" --plugins "http webhook graphql live pages" "$@"
}

start_with_plugins
add_team acme
add_team hidden
start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
ID=$(add_webhook acme receiver "{\"url\":\"http://$ADDRESS/hook\"}")

# --- the hub's own REST, with the caller's rights

mutation() { # NAME ENTITY
    api POST /graphql "$(jq -nc --arg name "$1" --arg entity "$2" --arg id "$ID" '{
        operationName: "CreateAutomation", variables: {input: {
            name: $name, enabled: true, scope: {entity: $entity, project: "vision"},
            triggeringEventType: "ADD_ARTIFACT_ALIAS", eventFilter: "{\"alias\":\"production\"}",
            triggeredActionConfig: {integration: $id, config: {payload: {a: "${alias}"}}}}}}')"
}
answer=$(mutation promote acme)
is "a client's mutation is answered" "$(status) $(jq -r .data.result.trigger.name <<<"$answer")" \
    "200 promote"
id=$(jq -r .data.result.trigger.id <<<"$answer")
is "and the automation is there" "$(api GET "/api/v1/automations/$id" | jq -r .name)" promote
answer=$(mutation promote acme)
is "a conflict stays one" "$(status)" 409
has "with REST's own words" "$answer" 'has an automation named \"promote\" already'
mutation other nobody >"$tmp/answer"
is "what REST finds wrong is wrong here" "$(status)" 400
emit "$(alias_event production)" >"$tmp/answer"
within 5 have_executions finished 1 || bad "the automation made this way fires"

# --- files

page() { # curl options: prints status, length of the body and Content-Range
    curl -s -o "$tmp/page" -D "$tmp/head" -w '%{http_code} %{size_download} ' "$@"
    tr -d '\r' <"$tmp/head" | sed -n 's/^[Cc]ontent-[Rr]ange: //p'
}
is "a page comes whole" "$(page "$URL/pages/app.js")" "200 $(wc -c <"$tmp/page") "
whole=$(cat "$tmp/page")
is "once the client has it, it is 304" \
    "$(page -H 'If-None-Match: "other", W/"app-1"' "$URL/pages/app.js")" "304 0 "
is "one with another tag gets it" "$(page -H 'If-None-Match: "app-2"' "$URL/pages/app.js")" \
    "200 ${#whole} "
is "a range is cut out" "$(page -r 9-13 "$URL/pages/app.js")" "206 5 bytes 9-13/${#whole}"
is "where it was asked" "$(cat "$tmp/page")" "${whole:9:5}"
is "a range behind the end is refused" "$(page -r 5000-6000 "$URL/pages/app.js" | cut -d' ' -f1)" 416

# --- streams

listen_live() { # FILE [curl options]: LIVE_PID
    local file=$1
    shift
    curl -sN -H "Authorization: Bearer $KEY" -D "$file.head" "$@" "$URL/live/acme" >"$file" &
    LIVE_PID=$!
    started="$started $LIVE_PID"
    within 5 grep -qs 'text/event-stream' "$file.head" || bad "a stream begins"
}
hang_up() {
    kill "$LIVE_PID"
    wait "$LIVE_PID" 2>/dev/null
}
told() { [ "$(grep -c '^event: execution' "$1")" -ge "$2" ]; } # FILE COUNT
ids() { sed -n 's/^id: //p' "$@"; }
statuses() { sed -n 's/^data: //p' "$@" | jq -r .status | sort | uniq -c | xargs; }

listen_live "$tmp/live1"
emit "$(alias_event production)" >"$tmp/answer"
within 5 told "$tmp/live1" 2 || bad "an execution is told of"
is "when it is made and when it is over" "$(statuses "$tmp/live1" | grep -c finished)" 1
is "as REST shows it" "$(sed -n 's/^data: //p' "$tmp/live1" | tail -n 1 | jq -c '[.id, .status]')" \
    "$(api GET '/api/v1/executions?limit=1' | jq -c '.items[0] | [.id, .status]')"
hang_up
last=$(ids "$tmp/live1" | tail -n 1)
for i in 1 2 3; do emit "[$(alias_event production), $(alias_event production)]" >"$tmp/answer"; done
within 5 have_executions finished 8 || bad "events while nobody listens"
listen_live "$tmp/live2" -H "Last-Event-ID: $last"
within 5 told "$tmp/live2" 12 || bad "what was missed is told" "$(cat "$tmp/live2")"
for i in 1 2; do emit "$(alias_event production)" >"$tmp/answer"; done
within 5 told "$tmp/live2" 16 || bad "and then what is new"
is "no gap" "$(grep -c '^event: gap' "$tmp/live2")" 0
is "no id twice, and each greater" "$(ids "$tmp/live1" "$tmp/live2" | sort -n -u | sha256sum)" \
    "$(ids "$tmp/live1" "$tmp/live2" | sha256sum)"
middle=$(ids "$tmp/live2" | sed -n 7p)
listen_live "$tmp/live3" -H "Last-Event-ID: $middle"
within 5 told "$tmp/live3" 9 || bad "from the middle"
is "the rest is told again, the same" "$(ids "$tmp/live3" | xargs)" \
    "$(ids "$tmp/live2" | tail -n 9 | xargs)"

# A client that does not read holds up nobody, and has missed nothing when it does.
mkfifo "$tmp/slow"
curl -sN -H "Authorization: Bearer $KEY" "$URL/live/acme" -o "$tmp/slow" --limit-rate 1k &
slow=$!
started="$started $slow"
{ exec 3<"$tmp/slow"; } 2>/dev/null
batch="[$(printf "$(alias_event production | sed 's/%/%%/g'),%.0s" $(seq 50) | sed 's/,$//')]"
before=$(ids "$tmp/live3" | wc -l)
for i in 1 2 3 4; do emit "$batch" >"$tmp/answer"; done
is "many events are taken meanwhile" "$(status)" 202
within 30 told "$tmp/live3" $((before + 400)) || bad "the quick client is told of all" \
    "$(grep -c '^event: execution' "$tmp/live3") of $((before + 400))"
is "the slow one is still there" "$(kill -0 $slow && echo yes)" yes
kill "$slow"
wait "$slow" 2>/dev/null
exec 3<&-

# A restart ends streams; what was before it is a gap.
last=$(ids "$tmp/live3" | tail -n 1)
stop_hub
is "a hub with streams stops" $? 0
start_with_plugins
listen_live "$tmp/live4" -H "Last-Event-ID: $last"
emit "$(alias_event production)" >"$tmp/answer"
within 5 told "$tmp/live4" 2 || bad "goes on after a restart" "$(cat "$tmp/live4")"
is "after a gap" "$(grep '^event: ' "$tmp/live4" | head -n 1)" "event: gap"
hang_up

# --- a caller without the rights

stop_hub
"$B/tests/tools/sql" "$DATA/belfry.db" "UPDATE team_users SET admin = 0"
"$B/tests/tools/sql" "$DATA/belfry.db" "INSERT INTO team_members (entity, user_name, role)
    SELECT 'acme', name, 'viewer' FROM team_users"
start_with_plugins
mutation forbidden acme >"$tmp/answer"
is "who may only read gets REST's 403" "$(status)" 403
answer=$(mutation forbidden hidden)
is "of a team one may not read REST says that there is none" "$(status)" 400
has "in REST's words" "$answer" 'there is no team \"hidden\" that this key may read'
listen_live "$tmp/live5"
hang_up
is "a team one may not read has no stream" \
    "$(curl -s -o "$tmp/body" -w '%{http_code}' -H "Authorization: Bearer $KEY" "$URL/live/hidden")" 403

finish
