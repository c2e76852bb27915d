#!/bin/bash
# first_steps.sh - what a new user does, with the command alone: from nothing to a first automation.
. "$(dirname "$0")/lib.sh"

export HOME=$tmp/home XDG_CONFIG_HOME=
unset BELFRY_URL BELFRY_API_KEY BELFRY_TEAM BELFRY_CONFIG
mkdir -p "$HOME"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0 --secret correct-horse-battery
RECEIVER=$ADDRESS
start "$tmp/hub.log" "$BELFRY" serve --data "$tmp/data" --listen 127.0.0.1:0 \
    --allow-addresses 127.0.0.0/8
URL=http://$ADDRESS
key=$(sed -n 's/^key of the first admin, shown only now: //p' "$tmp/hub.log")
is "a new hub shows a key" "${key:0:3}" bf-
within 10 curl -sf -o "$tmp/ready" "$URL/readyz"

# A hub that could not listen had made its admin already, and nobody ever saw the key.
"$BELFRY" serve --data "$tmp/second" --listen "$RECEIVER" >"$tmp/out" 2>&1
has "a port that is taken is told" "$(cat "$tmp/out")" "another program listens there"
start "$tmp/second.log" "$BELFRY" serve --data "$tmp/second" --listen 127.0.0.1:0
has "and with another port the same hub still shows a key" "$(cat "$tmp/second.log")" \
    "key of the first admin, shown only now: bf-"

run() { # CLAIM COMMAND...
    local claim=$1
    shift
    if "$@" >"$tmp/out" 2>&1; then good; else bad "$claim" "$(cat "$tmp/out")"; fi
}

echo "$key" | "$BELFRY" login "$URL" >"$tmp/out" 2>&1 || bad "login" "$(cat "$tmp/out")"
has "login tells who one is" "$(cat "$tmp/out")" "user admin"
is "the key is kept for nobody else" \
    "$(stat -c %a "$HOME/.config/belfry/login.json" "$HOME/.config/belfry" | tr '\n' ' ')" "600 700 "

run "a team" "$BELFRY" teams create acme
echo correct-horse-battery | "$BELFRY" secrets set SIGNING >"$tmp/out" 2>&1 ||
    bad "a secret" "$(cat "$tmp/out")"
run "an integration" "$BELFRY" integrations create --sink webhook --name deployer \
    url="http://$RECEIVER/deploy" secret=SIGNING
run "an automation" "$BELFRY" automations create --name "deploy what is promoted" --project vision \
    --on ADD_ARTIFACT_ALIAS --filter '{"alias":"production"}' --integration deployer \
    --payload '{"model":"${artifact_version_string}","by":"${event_author}"}'
run "an event" "$BELFRY" emit --type artifact.alias.add --project vision --collection resnet \
    --alias production --author ana artifact.version=v7
delivered() { "$BELFRY" executions list | grep -q finished; }
within 5 delivered || bad "it is delivered, and the history says so" "$("$BELFRY" executions list)"
log=$(cat "$tmp/listen.log")
has "the receiver got it" "$log" '"by":"ana"'
has "signed" "$log" "signature ok"

# --- metrics of a run, and the reason for every decision

run "an automation on a metric" "$BELFRY" automations create --name "accuracy fell" \
    --project vision --when 'avg(accuracy, 3) < 0.85' --integration deployer \
    --payload '{"run":"${run_name}","because":"${metric_filter}: ${metric_values}"}'
for step in 1 2 3 4; do
    run "a value" "$BELFRY" emit --type run.metric --project vision --run r1 \
        run.name=sunny-frog-7 --metric accuracy=0.$((90 - 4 * step)) --step $step
    cp "$tmp/out" "$tmp/event.$step"
done
told() { grep -q sunny-frog-7 "$tmp/listen.log"; }
within 5 told
has "the receiver is told why" "$(cat "$tmp/listen.log")" \
    '{"run":"sunny-frog-7","because":"AVERAGE of last 3 values of accuracy < 0.85: 0.82"}'
has "an event says whom it made fire" "$("$BELFRY" why "$(cat "$tmp/event.3")")" "fired"
has "or what is missing" "$("$BELFRY" why "$(cat "$tmp/event.2")")" "1 missing"
has "or which limit held it back" "$("$BELFRY" why "$(cat "$tmp/event.4")" "accuracy fell")" \
    "may again from"
"$BELFRY" automations show "accuracy fell" --json >"$tmp/draft.json"
has "a backtest finds what fired" "$("$BELFRY" backtest "$tmp/draft.json" --since 7d)" \
    "would have fired once"

# --- scripts, and automations in a file: what the README shows, as it stands there

shown() { # FROM TO: the README's commands between these
    sed -n "/^    $1/,/^    $2/s/^    //p" README.md
}
try_shown() { # FROM TO
    (cd "$tmp" && PATH=$(dirname "$OLDPWD/$BELFRY"):$PATH bash) >"$tmp/out" 2>&1 < <(shown "$1" "$2")
}
case $BELFRY in /*) bad "the README's commands are tried with a build directory that is relative" ;; esac
try_shown "cat >big.lua" "    artifact.metadata.size"
computed() { grep -q '"megabytes":700' "$tmp/listen.log"; }
within 5 computed || bad "a script decides, and computes what is sent" "$(cat "$tmp/out" "$tmp/listen.log")"
try_shown "cat >acme.lua" "belfry plan"
has "a file's tests need no hub" "$(cat "$tmp/out")" "1 passed, 0 failed"
has "its plan is shown" "$(cat "$tmp/out")" '+ automation "speech: a run failed" of acme'
has "and applied" "$("$BELFRY" apply "$tmp/acme.lua" --yes)" "2 made"
run "and there is nothing left to do then" "$BELFRY" plan "$tmp/acme.lua"

# --- Slack, Teams, GitHub: what the README shows, but that one receiver plays all three

start "$tmp/channels.log" "$BELFRY" listen 127.0.0.1:0 --answer ok
CHANNELS=$ADDRESS
shown "echo https:..hooks" "belfry automations check" |
    sed -e "s|https://hooks.slack.com|http://$CHANNELS|; s|https://prod-1[a-z.]*|http://$CHANNELS|" \
        -e "s/--sink teams/& kind=workflows/; s|--sink github|& api_base=http://$CHANNELS|" >"$tmp/channels"
(cd "$tmp" && PATH=$(dirname "$OLDPWD/$BELFRY"):$PATH bash -e ./channels) >"$tmp/out" 2>&1 ||
    bad "the commands for channels do what they are shown for" "$(cat "$tmp/out")"
has "a message is tried at once" "$(cat "$tmp/out")" "delivered"
has "and what was made is looked at" "$(cat "$tmp/out")" "nothing is wrong"
lists=$("$BELFRY" integrations list)
has "the list says what a channel's secret is called" "$lists" SLACK_WEBHOOK
has "and which repository is meant" "$lists" acme/models
run "a run that failed" "$BELFRY" emit --type run.state --project vision --run r9 run.name=lucky-fox-9 \
    run.state=FAILED --author ana
run "a version that is promoted" "$BELFRY" emit --type artifact.alias.add --project vision \
    --collection resnet --alias production --author ana artifact.version=v9
start "$tmp/gone.log" "$BELFRY" listen 127.0.0.1:0 --status 410
run "a receiver that is gone" "$BELFRY" integrations create --sink webhook --name old url="http://$ADDRESS/"
run "that something is sent to" "$BELFRY" automations create --name "to the old one" --on ci.finished \
    --integration old
run "now" "$BELFRY" emit --type ci.finished
says() { grep -qF -- "$1" "$tmp/channels.log"; }
for what in '🚨 lucky-fox-9 failed: by *ana*' '"event_type":"promoted"' '"model":"acme/vision/resnet:production"' \
    '🚨 to the old one failed' '🚨 old is out of use'; do
    within 10 says "$what" || bad "a channel is told: $what" "$(cat "$tmp/channels.log")"
done

# --- the key goes where it was given for, and nowhere else

"$BELFRY" teams list --url "http://$RECEIVER" >"$tmp/out" 2>&1
chmod 644 "$HOME/.config/belfry/login.json"
"$BELFRY" teams list >"$tmp/out" 2>&1
has "a key that others can read is refused" "$(cat "$tmp/out")" "chmod 600"
chmod 600 "$HOME/.config/belfry/login.json"
echo "bf-0123456789abcdef0123456789abcdef99999999" | "$BELFRY" login "$URL" >"$tmp/out" 2>&1
is "a key the hub does not know is not kept" "$?" 4
run "the old one still works" "$BELFRY" teams list
"$BELFRY" logout >"$tmp/out"
"$BELFRY" teams list --url "$URL" >"$tmp/out" 2>&1
has "logout forgets it" "$(cat "$tmp/out")" "belfry login"

finish
