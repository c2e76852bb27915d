#!/bin/bash
# scripts.sh - hooks in files: checked when they are named, changed while they are used, refused when
# they are wrong, disabled when they fail too often, and all of that the same after a restart.
. "$(dirname "$0")/lib.sh"

start "$tmp/receive.log" "$B/tests/tools/receive" --listen 127.0.0.1:0
RECEIVER=$ADDRESS
mkdir "$tmp/data" "$tmp/scripts"
chmod 700 "$tmp/data"
DATA=$tmp/data
# As an editor or a deployment does it: written beside, and renamed.
put() { # NAME TEXT
    printf '%s\n' "$2" >"$tmp/scripts/.new"
    touch -d '1 minute ago' "$tmp/scripts/.new"
    mv "$tmp/scripts/.new" "$tmp/scripts/$1"
}
filter() { echo "return { filter = function(event) $1 end }"; }

put level.lua "$(filter 'return event.data.level == "high"')"
start_hub --scripts_dir "$tmp/scripts"
export BELFRY_URL=$URL BELFRY_API_KEY=$KEY BELFRY_TEAM=acme
add_team acme
ID=$(add_webhook acme receiver "{\"url\":\"http://$RECEIVER/\"}")
hooked() { # NAME HOOKS: prints the answer
    api POST /api/v1/automations "$(jq -nc --arg n "$1" --argjson h "$2" --arg i "$ID" \
        '{name: $n, scope: {entity: "acme", project: "vision"}, event: {type: "x.happened"},
          hooks: $h, actions: [{integration: $i, config: {payload: {n: "${data.n}"}}}]}')"
}
field() { jq -r '"\(.error.code) \(.error.field) \(.error.message)"'; }
file_is() { # NAME STATE
    [ "$(api GET /api/v1/scripts | jq -r --arg f "$1" '.items[] | select(.file == $f).state')" = "$2" ]
}

# --- checked when they are named

has "code that is no Lua is refused with its line" \
    "$(hooked bad '{"filter": {"code": "return {\nfilter = function(event) retrun 1 end }"}}' | field)" \
    "invalid hooks.filter.code filter:2: "
has "a file that is not there is refused" "$(hooked bad '{"filter": {"file": "none.lua"}}' | field)" \
    "invalid hooks.filter.file there is no none.lua in $tmp/scripts"
has "a script must have the function" "$(hooked bad '{"transform": {"file": "level.lua"}}' | field)" \
    "invalid hooks.transform.file"
is "a name may not leave the directory" \
    "$(hooked bad '{"filter": {"file": "../data/master.key"}}' | jq -r .error.field)" hooks.filter.file
LEVEL=$(hooked level '{"filter": {"file": "level.lua"}}' | jq -r .id)
is "one that is right is saved" "$(status)" 201

# --- asked

event() { # LEVEL N
    printf '{"type":"x.happened","entity":"acme","project":"vision","data":{"level":"%s","n":%s}}' "$1" "$2"
}
emit "$(event low 1)" >"$tmp/answer"
emit "$(event high 2)" >"$tmp/answer"
within 10 have_executions finished 1 || bad "only what the script lets through is sent" \
    "$(api GET /api/v1/executions | jq -c '.items[].status')"
within 5 file_is level.lua good || bad "the list says that it is good" "$(api GET /api/v1/scripts)"
HASH=$(sha256sum "$tmp/scripts/level.lua" | cut -d' ' -f1)
LIST=$("$BELFRY" scripts list)
has "belfry scripts list tells of it" "$LIST" level.lua
has "and of those that come with Belfry" "$LIST" working_hours.lua
is "belfry scripts show prints the text" "$("$BELFRY" scripts show level.lua)" \
    "$(cat "$tmp/scripts/level.lua")"
is "by its hash as well" "$("$BELFRY" scripts show "$HASH")" "$(cat "$tmp/scripts/level.lua")"
has "belfry scripts check needs no hub" \
    "$(BELFRY_URL=http://127.0.0.1:1 "$BELFRY" scripts check scripts/hooks/redact_keys.lua)" \
    "redact_keys.lua has transform and on_event"

CODE='return { filter = function(event) return event.data.n == 77 end }'
INLINE=$(hooked inline "$(jq -nc --arg c "$CODE" '{filter: {code: $c}}')" | jq -r .id)
emit '{"type":"x.happened","entity":"acme","project":"vision","data":{"level":"off","n":77}}' >"$tmp/answer"
ran() { [ -n "$(api GET "/api/v1/executions?automation=$INLINE" | jq -r '.items[0].hooks.filter.script // ""')" ]; }
within 10 ran || bad "an execution names the script that let it through" "$(api GET "/api/v1/executions?automation=$INLINE")"
is "inline code that ran can be read by its hash" \
    "$("$BELFRY" scripts show "$(api GET "/api/v1/executions?automation=$INLINE" |
        jq -r '.items[0].hooks.filter.script')")" "$CODE"
api DELETE "/api/v1/automations/$INLINE" >"$tmp/answer"
all_finished() { [ "$(executions pending)" = 0 ]; }
within 10 all_finished

# --- changed

put level.lua "$(filter 'return event.data.level ~= "off"')"
new_is_in_force() {
    [ "$(api GET /api/v1/scripts | jq -r '.items[] | select(.file == "level.lua").hash')" = \
        "$(sha256sum "$tmp/scripts/level.lua" | cut -d' ' -f1)" ]
}
within 5 new_is_in_force || bad "another text comes into force" "$(api GET /api/v1/scripts)"
emit "$(event low 3)" >"$tmp/answer"
within 10 have_executions finished 3 || bad "and is asked from then on"
records() { # TYPE: how many
    "$B/tests/tools/sql" "$DATA/belfry.db" "SELECT count(*) FROM journal WHERE type = '$1'"
}
is "the journal has both texts" "$(records belfry.script.saved)" 2

GOOD=$(cat "$tmp/scripts/level.lua")
put level.lua "$(filter 'return event.data.level ~= ')"
within 5 file_is level.lua refused || bad "a broken one is refused" "$(api GET /api/v1/scripts)"
emit "$(event low 4)" >"$tmp/answer"
within 10 have_executions finished 4 || bad "and the old one stays"
ROW=$("$BELFRY" scripts list | grep '^level.lua')
has "belfry scripts list shows both facts: it is in force" "$ROW" "$(printf %.8s "$(printf '%s\n' "$GOOD" | sha256sum)")"
has "and why the new one is not" "$ROW" "level.lua:1:"
is "the journal tells of the refusal" "$(records belfry.script.refused)" 1
put level.lua "$(filter 'return event.data.levels.name == "low"')"
refused_for() { api GET /api/v1/scripts | jq -r '.items[].refused.error // ""' | grep -q "$1"; }
within 5 refused_for 'tried on' || bad "one that fails on the last events is refused" \
    "$(api GET /api/v1/scripts)"
put level.lua "$(filter 'while true do end')"
within 10 refused_for 'loop\|instructions\|ms' || bad "so is one that hangs" "$(api GET /api/v1/scripts)"
rm "$tmp/scripts/level.lua"
within 5 file_is level.lua gone || bad "one that vanishes stays in force" "$(api GET /api/v1/scripts)"
emit "$(event low 5)" >"$tmp/answer"
within 10 have_executions finished 5 || bad "and goes on answering"

# --- disabled

put flaky.lua "$(filter 'return event.data.n > 100')"
FLAKY=$(hooked flaky '{"filter": {"file": "flaky.lua"}, "transform": null}' | jq -r .id)
is "another hook is saved" "$(status)" 201
for n in $(seq 12); do
    emit '{"type":"x.happened","entity":"acme","project":"vision","data":{"level":"off","n":null}}' >"$tmp/answer"
done
is_disabled() { [ "$(api GET "/api/v1/automations/$1" | jq -r '.hooks_disabled.filter.error // ""')" ]; }
within 10 is_disabled "$FLAKY" || bad "a hook that fails too often in a row is disabled" \
    "$(api GET "/api/v1/automations/$FLAKY")"
has "with what was wrong" \
    "$(api GET "/api/v1/automations/$FLAKY" | jq -r .hooks_disabled.filter.error)" flaky.lua:1
has "who asks what is wrong is told" \
    "$(api GET "/api/v1/automations/$FLAKY/warnings" | jq -r '.items[] | "\(.field): \(.message)"')" \
    "hooks.filter: this script was disabled, and counts as one that fails until it is enabled or changed: flaky.lua:1"
has "a list tells it from one that works" "$("$BELFRY" automations list | grep ' flaky ')" "hook disabled"
within 5 test "$(records belfry.hook.disabled)" = 1 || bad "the team is told by an event" "$(records belfry.hook.disabled)"
has "its executions say so" "$(api GET "/api/v1/executions?automation=$FLAKY&limit=1" |
    jq -r '.items[0].hooks.filter.words')" "the hook is disabled since"

# --- a restart changes nothing

stop_hub
put level.lua "$(filter 'this is broken')"
start_hub --scripts_dir "$tmp/scripts"
BELFRY_URL=$URL
within 5 file_is level.lua refused || bad "the broken file is refused" "$(api GET /api/v1/scripts)"
before=$(executions finished)
emit "$(event low 6)" >"$tmp/answer"
within 10 have_executions finished $((before + 1)) || bad "its last good text is still in force"
is_disabled "$FLAKY" || bad "what was disabled is still"
is "somebody enables it" "$("$BELFRY" scripts enable flaky)" "the filter of flaky is enabled"
enabled() { ! is_disabled "$FLAKY"; }
within 5 enabled || bad "then it is"
is "which is in the journal" "$(records belfry.hook.enabled)" 1

# --- nobody has asked yet

# A file that was broken between that and the first question left nothing that was right.
put early.lua "$(filter 'return event.data.n == 5')"
EARLY=$(hooked early '{"filter": {"file": "early.lua"}}' | jq -r .id)
within 5 file_is early.lua good || bad "a file is in force once it is named" "$(api GET /api/v1/scripts)"
put early.lua "$(filter 'retrun 1')"
within 5 file_is early.lua refused || bad "and stays so when it is broken" "$(api GET /api/v1/scripts)"
emit '{"type":"x.happened","entity":"acme","project":"vision","data":{"n":5}}' >"$tmp/answer"
answered() { [ "$(api GET "/api/v1/executions?automation=$EARLY" | jq -r '.items[0].hooks.filter.said')" = yes ]; }
within 10 answered || bad "although nobody had asked before" "$(api GET "/api/v1/executions?automation=$EARLY")"
api DELETE "/api/v1/automations/$EARLY" >"$tmp/answer"
stop_hub
is "the hub ends with 0" $? 0

# --- the hub's own

put boom.lua 'return { on_event = function(event) return event.data.no.such and event end }'
start_hub --scripts_dir "$tmp/scripts" --on_event boom.lua
BELFRY_URL=$URL
for n in $(seq 11); do
    emit '{"type":"x.other","entity":"acme","project":"vision","data":{}}' >"$tmp/answer"
done
is "events pass where on_event fails" "$(status)" 202
own() { api GET /api/v1/scripts | jq -r ".on_event$1"; }
within 5 test "$(own .disabled.error)" != null || bad "it is disabled" "$(own '')"
has "with what was wrong" "$(own .disabled.error)" boom.lua:1
is "an admin of the hub enables it" "$("$BELFRY" scripts enable on_event)" "on_event is enabled"
within 5 test "$(own .disabled)" = null || bad "then it is" "$(own '')"
stop_hub

# What it gave and was no event was not counted as its failure, and a text that gave such was put in force.
put boom.lua 'return { on_event = function(event) event.nix = 1 return event end }'
start_hub --scripts_dir "$tmp/scripts" --on_event boom.lua
BELFRY_URL=$URL
for n in $(seq 10); do
    emit '{"type":"x.other","entity":"acme","project":"vision","data":{}}' >"$tmp/answer"
done
within 5 test "$(own .disabled.error)" != null || bad "what is no event is a failure" "$(own '')"
has "with the member that events have not" "$(own .disabled.error)" nix
stop_hub
is "a file that does not exist is no on_event" \
    "$(timeout 10 "$BELFRY" serve --data "$DATA" --listen 127.0.0.1:0 --scripts_dir "$tmp/scripts" \
        --on_event none.lua 2>&1 | grep -c 'on_event: there is no none.lua')" 1
finish
