#!/bin/bash
# slack.sh - messages to Slack: as Slack's emulator stores them, as its types allow them, within its
# limits; what values cannot do in them; and what becomes of Slack's answers.
. "$(dirname "$0")/lib.sh"
need_npm
here=$(dirname "$0")

start "$tmp/slack.log" node "$here/slack.mjs" serve "$tmp"
FAKE=http://$ADDRESS
EMULATE=$(cat "$tmp/emulate")
posted() { curl -s "$FAKE/posted" | jq -c "${1-.}"; } # [FILTER]
answer() { curl -s -X POST "$FAKE/answer" -d "$1" >/dev/null; } # ANSWERS
error() { jq -r '"\(.error.field // "-") \(.error.message)"' "$tmp/body"; }

export TMPDIR=$tmp
start_hub
export BELFRY_URL=$URL BELFRY_API_KEY=$KEY BELFRY_TEAM=acme XDG_CONFIG_HOME=$tmp/config
add_team acme
add_secret acme SLACK_TOKEN xoxb-right
add_secret acme SLACK_HOOK "$FAKE/services/T1/B1/hidden"
add_secret acme EMULATED_TOKEN xoxb-emulated

add_slack() { # NAME CONFIG [DELIVERY]: prints the id
    api POST /api/v1/teams/acme/integrations "$(jq -nc --arg n "$1" --argjson c "$2" \
        --argjson d "${3-{\"pace\":\"100/s\"\}}" '{sink: "slack", name: $n, config: $c, delivery: $d}')" |
        tee "$tmp/added" | jq -r .id
}

# --- an integration is saved

HOOK=$(add_slack ml-alerts '{"webhook_url":"SLACK_HOOK"}')
is "a webhook is an integration" "${#HOOK}" 26
BOT=$(add_slack bot "{\"token\":\"SLACK_TOKEN\",\"channel\":\"C0123456789\",\"api_base\":\"$FAKE/api/\"}")
is "a bot is one" "$(status) ${#BOT}" "201 26"
EM_HOOK=$(add_slack em-hook "{\"webhook_url\":\"$EMULATE/services/T000000001/B000000001/X000000001\"}")
emulated() { # METHOD BODY
    curl -s -X POST -H "Authorization: Bearer xoxb-emulated" -d "$2" "$EMULATE/api/$1"
}
emulated conversations.list '' >"$tmp/channels"
channel() { jq -r --arg n "$1" '.channels[] | select(.name == $n).id' "$tmp/channels"; } # NAME
EM_BOT=$(add_slack em-bot "{\"token\":\"EMULATED_TOKEN\",\"channel\":\"$(channel ml-alerts)\",\"api_base\":\"$EMULATE/api\"}")
add_slack both '{"webhook_url":"SLACK_HOOK","token":"SLACK_TOKEN","channel":"#a"}' >/dev/null
is "not both at once" "$(status) $(error)" "400 config.token an integration posts by webhook_url or with\
 token and channel, not both; leave one of them out"
add_slack none '{}' >/dev/null
has "nor neither" "$(status) $(error)" "400 config.webhook_url this needs webhook_url"
add_slack flow '{"webhook_url":"https://hooks.slack.com/triggers/T1/2/abc"}' >/dev/null
has "a workflow's address is told of when it is pasted" \
    "$(jq -r '.warnings[] | "\(.field) \(.message)"' "$tmp/added")" \
    "config.webhook_url this is the address of a workflow"
is "a pasted address is not shown" "$(jq -c .config.webhook_url "$tmp/added")" '{"set":true}'

# --- every kind of event, to both Slacks, both ways

try() { # INTEGRATION BODY: the outcome and reason
    api POST "/api/v1/integrations/$1/test" "$2" >"$tmp/test"
    jq -r '"\(.outcome) \(.reason // "")"' "$tmp/test"
}
tries() { # lines of {name, to, body}: "NAME OUTCOME REASON" of each that is not delivered
    node "$here/slack.mjs" tries "$URL" "$KEY" | grep -v ' delivered $'
}
say='"title":"${event_type} of ${project_name}","text":"*${run_name}* <https://wiki.example/a|runbook>"'
is "every kind of event is taken" "$(jq -nc --arg hook "$HOOK" --arg bot "$BOT" --argjson say "{$say}" '
    ("CREATE_ARTIFACT LINK_MODEL UNLINK_ARTIFACT ADD_ARTIFACT_ALIAS ADD_ARTIFACT_TAG REMOVE_ARTIFACT_TAG
      ADD_COLLECTION_TAG REMOVE_COLLECTION_TAG RUN_METRIC RUN_METRIC_CHANGE RUN_METRIC_ZSCORE RUN_STATE RUN_ALERT
      SCHEDULE ABSENCE ci.finished belfry.integration.disabled" | [splits("\\s+")][]) as $type | {name: $type,
        to: (if $type == "RUN_METRIC" then $bot else $hook end),
        body: {event_type: $type, config: ($say + {level: "warn"})}}' | tries)" ""
is "all of them came" "$(posted length)" 17
is "without words too" "$(try "$BOT" '{"event_type":"RUN_STATE","config":{}}')" "delivered "
is "nothing was wrong with any" "$(posted '[.[].seen.wrong[]]')" '[]'
is "the first says what happened" "$(posted '.[8].message.attachments[0].blocks[1].elements[0].text' |
    sed "s|<[^|]*|<…|g")" \
    '"Event: A run'"'"'s metric met a condition · Automation: test · <…|Details>\nRun: <…|sample-1> · Project: acme/sample · By: sample\nMetric: avg(accuracy) &gt; 0.6: 0.65 at step 5"'
is "links lead to this hub" "$(posted '[.[].seen.links[] | select(contains("https://wiki") | not)] |
    map(split("|")[0] | sub("/(executions|acme)/.*"; "")) | unique')" "[\"$URL\"]"
is "the emulator takes one by webhook" "$(try "$EM_HOOK" "{\"event_type\":\"RUN_STATE\",\"config\":{$say}}")" \
    "delivered "
is "and one with a token" "$(try "$EM_BOT" "{\"event_type\":\"RUN_ALERT\",\"config\":{$say}}")" "delivered "
for name in general ml-alerts; do
    is "it is in #$name, with heading and bar" "$(emulated conversations.history "channel=$(channel "$name")" |
        jq -c '[.messages[] | select(.blocks) | [.blocks[0].type, .attachments[0].color]]')" '[["header","#439FE0"]]'
done
is "a channel that is not there is told" \
    "$(api PATCH "/api/v1/integrations/$EM_BOT" '{"config":{"channel":"#nowhere"}}' >/dev/null; try "$EM_BOT" '{}')" \
    "rejected Slack refused the message: channel_not_found: there is no such channel, or the app may not see it; a private channel needs /invite"

# --- whatever a value holds

from=$(posted length)
jq -nc '["<!channel>", "<@U0123>|<!here>", "&lt;!everyone&gt;", "<https://evil.example|bank>", "@here https://evil.example",
    "\"},{\"type\":\"divider\"}", "a\n*b*\r\n```<!channel>```", "\u202egnp.exe\u202c", "😀👩‍🚀é", "${run_name} $${x}",
    ("x" * 250), "שלום <!subteam^S1>", "<!date^1^{date}^https://evil.example|x>"] as $all | range(4) as $k |
    $all[$k * 3:$k * 3 + 4] as $v | ($v | map(gsub("[/:\r\n]"; ""))) as $names | {type: "artifact.alias.add", entity: "acme",
    project: "vision", collection: $names[0], alias: $names[1], tag: $names[2], author: $names[3],
    run: {id: "r", name: $v[3], user: $v[0]}, artifact: {id: $v[1], version: "v1", metadata: {k: $v[2]}},
    data: {name: $v[0], list: $v, big: ($v[1] * (30000 / ($v[1] | length) | ceil))}}' >"$tmp/hostile"
while read -r hostile; do
    emit "$hostile" | jq -r '.events[0].id'
done <"$tmp/hostile" >"$tmp/events"
is "whatever a value holds, it is taken" "$(jq -Rc --arg hook "$HOOK" --arg bot "$BOT" '. as $event |
    {title: "${alias} ${artifact_metadata.k}", text: ("*${alias}* `${artifact_collection_name}` <${alias}|x> " +
        "${data.list.0} ${data.list.1} ${data.list.2} ${data.list.3} ${data.list} ${data.big}")} as $words |
    {text: "${alias}", blocks: [{type: "header", text: {type: "plain_text", text: "${data.list.1}"}},
        {type: "section", text: {type: "mrkdwn", text: "${data.list.2} ${data.big} ${alias}"},
         fields: [{type: "mrkdwn", text: "*${data.list.0}* ${data.big}"}, {type: "plain_text", text: "${tag}"}]},
        {type: "divider"},
        {type: "context", elements: [{type: "mrkdwn", text: "<https://x.example|${alias}>"}]}]} as $blocks |
    {to: $hook, config: $words}, {to: $bot, config: $words}, {to: $hook, config: $blocks} |
    {name: $event, to, body: {event: $event, config}}' "$tmp/events" | tries)" ""
is "all of it was posted" "$(posted length)" "$((from + 12))"
is "no value pings anybody" "$(posted "[.[$from:][].seen.pings[]]")" '[]'
is "or leads anywhere" "$(posted "[.[$from:][].seen.links[] | select(startswith(\"$URL/\") or
    startswith(\"https://x.example|\") | not)]")" '[]'
is "or is too long" "$(posted "[.[$from:][].seen.wrong[]]")" '[]'
has "of a long one is said how much is missing" "$(posted '[.[].message.attachments | arrays | .[0].blocks[0].text.text] | last')" \
    " more characters)"
is "but who writes a mention has one" "$(try "$HOOK" '{"config":{"text":"<!here> look"}}')
$(posted '.[-1].seen.pings')" "delivered 
[\"text: !here\",\"!here\"]"

# --- blocks that Slack would refuse are refused here

refused() { # CLAIM BLOCKS WORDS
    api POST /api/v1/automations "$(jq -nc --argjson b "$2" --arg i "$HOOK" '{name: "x", scope: {entity: "acme"},
        event: {type: "ci.finished"}, actions: [{integration: $i, config: {blocks: $b}}]}')" >/dev/null
    has "$1" "$(status) $(error)" "400 actions[0].config.blocks $3"
}
refused "no list" '{}' "blocks must be an array"
refused "too many" "$(jq -nc '[range(51) | {type: "divider"}]')" "blocks has 51 blocks; a message has 1 to 50"
refused "a text that is none" '[{"type":"section","text":"x"}]' 'blocks[0] needs a text that is {"type":"mrkdwn"'
refused "values in Markdown" '[{"type":"markdown","text":"${run_name}"}]' "blocks[0] is of type markdown"
is "what a value would add is not sent" "$(try "$HOOK" "$(jq -nc --arg e "$(emit '{"type":"ci.finished","entity":"acme",
    "data":{"b":{"type":"rich_text","elements":[{"type":"broadcast","range":"channel"}]}}}' | jq -r '.events[0].id')" \
    '{event: $e, config: {blocks: [{type: "section", text: {type: "mrkdwn", text: "x"}}, "${json:data.b}"]}}')" | cut -c1-38)" \
    "rejected blocks[1] is no block: a bloc"

# --- as code: the founding page's example

cat >"$tmp/acme.lua" <<'LUA'
automation "accuracy fell" {
    run_metric(project "acme/vision", metric("accuracy"):avg(2):lt(0.85))
        >> slack("ml-alerts"){ title = "Accuracy of ${run_name} fell", text = "It is ${metric_values} now",
                               level = "WARN" },
}
automation "own" {
    event("ci.own", team "acme") >> slack "bot" {
        blocks = { { type = "section", text = { type = "mrkdwn", text = "*${data.name}* <!here>" } } },
    },
    hooks = { transform = { code = [[return { transform = function(options, event)
        if event.data.made then
            options.blocks = { { type = "section", text = { type = "mrkdwn", text = event.data.name } } }
        end
        return options
    end }]] } },
}
automation "many" {
    event("ci.many", team "acme") >> slack "ml-alerts" { title = "${data.name}", level = "ERROR" },
    limits = { rate = { count = 1, within = "1s" }, over = "digest" },
}
LUA
"$BELFRY" plan "$tmp/acme.lua" >"$tmp/plan" 2>&1
has "a plan has them" "$(cat "$tmp/plan")" "3 to make"
"$BELFRY" apply "$tmp/acme.lua" --yes >"$tmp/applied" 2>&1
is "and is applied" $? 0
from=$(posted length)
has_posted() { [ "$(posted length)" -ge "$1" ]; }
for step in 1 2; do
    emit "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":{\"id\":\"r1\",\"name\":\"frog\"},
        \"metrics\":[{\"name\":\"accuracy\",\"step\":$step,\"value\":0.8}]}" >/dev/null
done
within 10 has_posted $((from + 1)) || bad "what is applied posts" "$(cat "$tmp/plan" "$tmp/applied")"
is "as it is written" "$(posted ".[$from].message | [.blocks[0].text.text, .attachments[0].blocks[0].text.text,
    .attachments[0].color]")" '["⚠️ Accuracy of frog fell","It is 0.8 now","#DAA038"]'
has "with the metric" "$(posted ".[$from].message.attachments[0].blocks[1].elements[0].text")" \
    'Metric: avg(accuracy) &lt; 0.85: 0.8 at step 2'
within 5 have_executions finished 1 || bad "and is recorded"

# --- what a script made is not filled in again

from=$(posted length)
emit '{"type":"ci.own","entity":"acme","data":{"name":"${event_author} <b>","made":false}}' >/dev/null
within 10 has_posted $((from + 1)) || bad "blocks are posted"
is "a value in blocks is no template" "$(posted ".[$from].message.blocks[0].text.text")" \
    '"*${event_author} &lt;b&gt;* <!here>"'
emit '{"type":"ci.own","entity":"acme","data":{"name":"${event_author}","made":true}}' >/dev/null
within 10 has_posted $((from + 2)) || bad "blocks of a script are posted"
is "nor is what a script makes of it" "$(posted ".[$from + 1].message.blocks[0].text | [.text, .verbatim]")" \
    '["${event_author}",true]'

# --- several firings in one message

from=$(posted length)
emit "$(jq -nc '[range(30) | {type: "ci.many", entity: "acme", data: {name: "build \(. + 1) <!channel>"}}]')" >/dev/null
within 15 has_posted $((from + 2)) || bad "a digest is posted" "$(posted ".[$from:]")"
is "one for all that came after the first" "$(posted ".[$from + 1].message.blocks[0].text.text")" \
    '"🚨 29 firings of many"'
is "which lists twenty" "$(posted ".[$from + 1].message.attachments[0].blocks | [(.[0].text.text | split(\"\n\")[0]),
    (.[1].text.text | split(\"\n\") | last), .[2].text.text]")" \
    '["• build 2 &lt;!channel&gt;","• build 21 &lt;!channel&gt;","and 9 more"]'
is "within all limits" "$(posted "[.[$from:][].seen | .wrong[], .pings[]]")" '[]'

# --- Slack says no, or not now

answered() { # CLAIM INTEGRATION ANSWER WANT
    answer "[$3]"
    is "$1" "$(try "$2" '{}')" "$4"
}
answered "a webhook that is gone" "$HOOK" '{"status":404,"body":"no_service"}' \
    "rejected Slack refused the message: no_service: the webhook was removed or switched off; make a new one and save its address in the integration"
answered "a scope that is missing" "$BOT" '{"status":200,"body":"{\"ok\":false,\"error\":\"missing_scope\",\"needed\":\"chat:write\"}"}' \
    "rejected Slack refused the message: missing_scope: the token lacks a scope: chat:write; give it to the app and install it again"
answered "a page of a proxy" "$HOOK" '{"status":200,"body":"<html>Sign in"}' \
    'retry HTTP 200, but it is not Slack that answers: its answer begins with "<html>Sign in"'
answered "an error of Slack's" "$BOT" '{"status":200,"body":"{\"ok\":false,\"error\":\"internal_error\"}"}' \
    "retry Slack says internal_error: Slack had an error of its own"
add_secret acme SLACK_TOKEN xoxb-wrong
is "a token that is wrong" "$(try "$BOT" '{}')" "rejected Slack refused the message: invalid_auth: the token is wrong;\
 copy the bot token (xoxb-…) from the app's settings"
add_secret acme SLACK_TOKEN xoxb-right

from=$(posted length)
answer '[{"status":429,"body":"rate_limited","headers":{"Retry-After":"1"}}]'
emit '{"type":"ci.own","entity":"acme","data":{"name":"later"}}' >/dev/null
within 10 has_posted $((from + 2)) || bad "who was asked to wait comes again" "$(posted ".[$from:]")"
is "after the time it was told, and not before" \
    "$(posted ".[$from:] | [length, (.[1].at - .[0].at) >= 950, (.[1].at - .[0].at) < 6000]")" '[2,true,true]'
within 5 have_executions pending 0 || bad "nothing is left over"
is "nothing has failed" "$(executions failed)" 0

answer '[{"status":410,"body":"channel_is_archived"}]'
emit '{"type":"ci.many","entity":"acme","data":{"name":"archived"}}' >/dev/null
disabled() { [ "$(api GET "/api/v1/integrations/$HOOK" | jq .disabled)" = true ]; }
within 10 disabled || bad "an archived channel takes its integration out of use"

# --- what stays out of sight, what is said, and what Slack's types say

stop_hub
is "the hub ends well" $? 0
is "no secret is in its log or in what was posted" \
    "$(posted . | cat - "$tmp/hub.log" | sed 's|"path":"[^"]*"||g' | grep -c 'services/T1\|xoxb-right')" 0
"$BELFRY" help slack >"$tmp/help"
has "its help names the options" "$(cat "$tmp/help")" "webhook_url"
has "and levels" "$(cat "$tmp/help")" "one of INFO|WARN|ERROR"
add_up node "$here/slack.mjs" types "$tmp"

finish
