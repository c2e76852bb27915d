#!/bin/bash
# command.sh - the verbs of the command against a real hub: for people, for scripts, and in error.
. "$(dirname "$0")/lib.sh"

export HOME=$tmp/home XDG_CONFIG_HOME=
unset BELFRY_URL BELFRY_API_KEY BELFRY_TEAM BELFRY_CONFIG NO_COLOR
mkdir -p "$HOME"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0 --secret correct-horse
RECEIVER=$ADDRESS
start_hub
export BELFRY_URL=$URL BELFRY_API_KEY=$KEY

# Run a verb: its output is printed, its exit status left in $tmp/rc, its errors in $tmp/err.
b() {
    "$BELFRY" "$@" 2>"$tmp/err" </dev/null
    echo $? >"$tmp/rc"
}
rc() { cat "$tmp/rc"; }
err() { cat "$tmp/err"; }

# --- without a hub, without a key

b teams list --url http://127.0.0.1:1 >"$tmp/out"
is "no hub is a status of its own" "$(rc)" 3
has "and the words say how to start one" "$(err)" "start one with: belfry serve"
BELFRY_API_KEY='' b teams list >"$tmp/out"
is "no key too" "$(rc)" 4
has "and how to get one" "$(err)" "belfry login $URL"
BELFRY_API_KEY=bf-0123456789abcdef0123456789abcdef00000000 b teams list >"$tmp/out"
is "a wrong key as well" "$(rc)" 4
has "naming where it came from" "$(err)" "BELFRY_API_KEY"
has "and not a login, which would not count" "$(err)" "belfry keys create"
b teams list --url "http://$RECEIVER" >"$tmp/out"
has "what is no hub is told apart from one" "$(err)" "does not speak like a Belfry hub"
b teams list --url ftp://x >"$tmp/out"
is "an address that is none is wrong usage" "$(rc)" 2
b teams list --ca-file /nowhere >"$tmp/out"
has "a file that cannot be read is named" "$(err)" "/nowhere"

# --- usage

b automation list
has "a typo leads to the verb" "$(err)" 'did you mean "automations"?'
is "and is wrong usage" "$(rc)" 2
b automations ls
has "as what other programs call it does" "$(err)" 'did you mean "list"?'
b automations list --projct x
has "of an option too" "$(err)" "did you mean --project?"
b automations show
has "what is missing is shown" "$(err)" "belfry automations show NAME|ID"
b teams show a b
has "and what is too much" "$(err)" '"b" is one too many'
b events list --limit 0
has "a limit must be one" "$(err)" "--limit takes a number"
b secrets set X --file
has "an option without its value is told" "$(err)" "--file needs a value: FILE"
has "every verb has help" "$(b secrets set --help)" "never"
is "that ends well" "$(rc)" 0
has "help knows verbs of nouns" "$(b help automations create)" "--integration"
has "and plugins" "$(b help webhook)" "access_token"
at_most "whose options stand in lines that a terminal has room for" \
    "$(for p in webhook slack teams github; do b help $p; done | grep '^ ' | wc -L)" 100
has "also of one that is named as a verb is" "$(b help teams)" "sink teams"
b help autmations
has "and typos" "$(err)" 'did you mean "automations"?'

# --- things of a team

is "an empty list is empty for scripts" "$(b teams list --json | jq -c .items)" "[]"
b secrets list
has "without a team, making one is proposed" "$(err)" "belfry teams create"
has "a team is made" "$(b teams create acme)" "team acme is there"
has "and listed" "$(b teams list)" acme
printf 'correct-horse\nsecond line\n' | "$BELFRY" secrets set SIGNING >"$tmp/out"
has "a secret comes from standard input" "$(cat "$tmp/out")" "secret SIGNING of acme is kept"
printf 'line one\nline two\n' >"$tmp/pem"
has "or from a file" "$(b secrets set PEM --file "$tmp/pem")" "kept"
b secrets set NOTHING
has "nothing is not a secret" "$(err)" "nothing was given"
is "secrets are listed by name" "$(b secrets list --json | jq -r '[.items[].name] | join(" ")')" \
    "PEM SIGNING"
b secrets delete PEM
is "what deletes wants to be confirmed" "$(rc)" 2
has "which a script does by --yes" "$(err)" "--yes"
has "and can" "$(b secrets delete PEM --yes)" "secret PEM of acme is deleted"
b secrets delete PEM --yes
is "what is not there has a status of its own" "$(rc)" 5

b integrations create --sink webhook --name deployer "url=http://$RECEIVER/deploy" secret=SIGNING \
    'headers:={"X-From":"belfry"}' >"$tmp/out"
[ "$(rc)" = 0 ] || b integrations create --sink webhook --name deployer \
    "url=http://$RECEIVER/deploy" secret=SIGNING >"$tmp/out"
has "an integration is made" "$(cat "$tmp/out")" '"deployer" is made'
has "and listed with where it goes" "$(b integrations list)" "http://$RECEIVER/deploy"
b integrations create --sink webhook --name deployer "url=http://$RECEIVER/x"
is "a name that is taken is refused" "$(rc)" 1
b integrations create --sink webhok --name other url=http://x.example/
has "an unknown sink is answered with those there are" "$(err)" webhook
b integrations create --sink webhook --name other ulr=http://x.example/
has "an unknown option by its name" "$(err)" ulr
b integrations create --name other url=http://x.example/
has "a missing option as one types it" "$(err)" "--sink is missing"
b integrations create --sink webhook --name other url
has "what is no KEY=VALUE is told" "$(err)" "neither a file nor KEY=VALUE"
is "by its name it is shown" "$(b integrations show deployer --json | jq -r .name)" deployer
has "it can be changed" "$(b integrations update deployer --name deploy-er)" '"deploy-er" is updated'
is "the rest stays" "$(b integrations show deploy-er --json | jq -r .config.secret)" SIGNING
b integrations update deploy-er --name deployer "url=http://$RECEIVER/deployed" >"$tmp/out"
is "its options too" "$(b integrations show deployer --json | jq -c '[.config.url, .config.secret]')" \
    "[\"http://$RECEIVER/deployed\",\"SIGNING\"]"
has "it can be tried" "$(b integrations test deployer --payload '{"try":"this"}')" delivered
b integrations test deployer --payload '{"try":"this"}' >"$tmp/out"
has "what went out is shown as it went" "$(cat "$tmp/out")" '> {"try":"this"}'
has "what came back too" "$(cat "$tmp/out")" "< 200"
has "and what was signed" "$(cat "$tmp/out")" 'with the secret ${SIGNING}, of:'
has "with what was said" "$(cat "$tmp/listen.log")" '"try":"this"'
b integrations create --sink webhook --name dead url=http://127.0.0.1:1/ >"$tmp/out"
b integrations test dead >"$tmp/out"
is "a try that fails is a failure" "$(rc)" 1
has "it can be switched off" "$(b integrations disable deployer)" disabled
has "which the list shows" "$(b integrations list)" disabled
has "and on" "$(b integrations enable deployer)" enabled
b integrations create --sink webhook --name short "url=http://$RECEIVER/x" >"$tmp/out"
has "and deleted" "$(b integrations delete short -y)" deleted
b integrations show nobody
is "an unknown name is missing" "$(rc)" 5
has "with the way to the list" "$(err)" "belfry integrations list --team acme"

make_automation() {
    b automations create --name "deploy what is promoted" --project vision \
        --on ADD_ARTIFACT_ALIAS --filter '{"alias":"production"}' --integration deployer \
        --payload '{"model":"${artifact_version_string}","by":"${event_author}"}' "$@"
}
has "an automation is made from options" "$(make_automation)" '"deploy what is promoted" is made'
make_automation
is "a second of that name is not" "$(rc)" 1
b automations create --name x --on RUN_STATE
has "what is missing is named" "$(err)" "--integration is missing"
b automations create --name x --on RUN_METRIC --integration deployer
has "what RUN_METRIC waits for is said by an option" "$(err)" "--when 'avg(accuracy, 5) < 0.85'"
is "and without it nothing is asked of the hub" "$(rc)" 2
b automations create --name "to be warned of" --states CRASHED --integration deployer >"$tmp/out"
has "what is doubtful is made with a warning, in words" "$(err)" \
    'warning: event.filter.run_state_filter.states: CRASHED is FAILED'
b automations delete "to be warned of" --yes >"$tmp/out"
b automations create --name x --absent 30m --integration deployer
has "silence needs to be that of something" "$(err)" "--of run.heartbeat"
make_automation --filter 'alias=production'
has "what is no JSON is told" "$(err)" "is not JSON"
b integrations create --sink webhook --name looks url=http://x.example/ headers='{"A":"b"}' >"$tmp/out"
has "what looks like JSON, and is sent as a text, is told of" "$(err)" "written headers:=…"
b integrations create --sink webhook --name looks url=http://x.example/ \
    headers:='{"X-Api-Key":"${THEIR_KEY}"}' >"$tmp/out"
has "a secret that is not granted is told apart from a slip" "$(err)" "a secret has to be granted, under secrets"
b integrations create --sink webhook --name looks url=http://x.example/ headers.X-Api-Key=abc >"$tmp/out"
has "the way to keep one is named once" "$(err)" \
    "keep it as a secret (belfry secrets set NAME --team acme), grant that under secrets"
b integrations connect slack >"$tmp/out"
has "what is connected needs a name" "$(err)" "--name"
is "before anything is asked" "$(rc)" 2
has "it is listed with its scope" "$(b automations list)" "acme/vision"
b integrations delete deployer --yes
has "what is used is not deleted" "$(err)" '"deploy what is promoted"'
has "and the words say how it would be" "$(err)" "delete with --force"
b integrations create --sink webhook --name short "url=http://$RECEIVER/x" >"$tmp/out"
b automations create --name "to be left" --on ci.finished --integration short >"$tmp/out"
has "with it, it is deleted" "$(b integrations delete short --force --yes)" '"short" is deleted'
b automations delete "to be left" --yes >"$tmp/out"
printf 'return {\n    filter = function() return true end,\n}\n' >"$tmp/yes.lua"
b automations create --name scripted --on ci.finished --integration deployer \
    --filter-script "$tmp/yes.lua" --on-script-error skip >"$tmp/out"
b automations show scripted --json >"$tmp/scripted"
is "a script that is here is sent with its automation" \
    "$(jq -j .hooks.filter.code "$tmp/scripted"; jq -r .hooks.filter.on_error "$tmp/scripted")" \
    "$(cat "$tmp/yes.lua"; echo skip)"
b automations delete scripted --yes >"$tmp/out"
b automations create --name x --on ci.finished --integration deployer --on-script-error fire
has "what becomes of a script's failure needs a script" "$(err)" "--filter-script"
b automations create --name x --on ci.finished --integration deployer --filter-script "$tmp/none.lua"
has "a path that leads nowhere is told" "$(err)" "cannot read $tmp/none.lua"
printf 'return {\n    filter = function() return = end,\n}\n' >"$tmp/no.lua"
b automations create --name x --on ci.finished --integration deployer --filter-script "$tmp/no.lua"
has "what is wrong in a script that is here is told by the file's name" "$(err)" "no.lua:2: unexpected symbol"
b secrets delete SIGNING --yes >"$tmp/out"
has "a secret is, and who used it is named" "$(err)" 'integration "deployer" uses it'
echo correct-horse | "$BELFRY" secrets set SIGNING >"$tmp/out" 2>&1
b automations show "deploy what is promoted" --json >"$tmp/automation"
jq 'del(.id, .revision, .created, .updated, .last_execution) | .name = "from a file"' \
    "$tmp/automation" >"$tmp/file.json"
has "or from a file" "$(b automations create "$tmp/file.json")" '"from a file" is made'
jq '.name = "shown"' "$tmp/automation" >"$tmp/shown.json"
has "as it was shown, too" "$(b automations create "$tmp/shown.json")" '"shown" is made'
is "with all that its author wrote" \
    "$(b automations show shown --json | jq -cS '[.scope, .event, .actions]')" \
    "$(jq -cS '[.scope, .event, .actions]' "$tmp/automation")"
b automations delete shown --yes >"$tmp/out"
jq '.name = "by name" | .actions[0].integration = "deployer"' "$tmp/file.json" >"$tmp/named.json"
has "which may name its integrations" "$(b automations create "$tmp/named.json")" '"by name" is made'
is "and the hub has the id" \
    "$(b automations show "by name" --json | jq -c .actions)" "$(jq -c .actions "$tmp/file.json")"
has "when it is changed too" "$(b automations update "by name" "$tmp/named.json")" updated
b automations delete "by name" --yes >"$tmp/out"
jq '.actions[0].integration = "nobody"' "$tmp/file.json" >"$tmp/named.json"
b automations create "$tmp/named.json"
has "a name that nobody has is told" "$(err)" 'acme has no integration "nobody"'
b automations create /nowhere.json
has "which must be there" "$(err)" "cannot read /nowhere.json"
echo '{"name":' >"$tmp/broken.json"
b automations create "$tmp/broken.json"
has "and JSON: where it is not is counted in the file" "$(err)" \
    "$tmp/broken.json is not JSON: byte"
b test "deploy what is promoted" "$tmp/broken.json"
has "of an event, too" "$(err)" "broken.json is not JSON: byte"
echo '{"name":"x","scoop":1}' >"$tmp/bad.json"
b automations create "$tmp/bad.json"
has "and right: the hub's words say what is not" "$(err)" scoop
jq '.description = "changed"' "$tmp/file.json" >"$tmp/changed.json"
has "it can be put in its place" "$(b automations update "from a file" "$tmp/changed.json")" updated
is "wholly" "$(b automations show "from a file" --json | jq -r .description)" changed
EDITOR="sed -i s/changed/edited/" b automations edit "from a file" >"$tmp/out"
has "or in an editor" "$(cat "$tmp/out")" updated
is "as it was left there" "$(b automations show "from a file" --json | jq -r .description)" edited
EDITOR=true b automations edit "from a file" >"$tmp/out"
has "no change is none" "$(cat "$tmp/out")" "nothing was changed"
EDITOR="sed -i s/description/descripton/" b automations edit "from a file"
is "what the hub refuses is refused" "$(rc)" 1
kept=$(err | grep -oE '/[^ ;]*/belfry-[^ ;]*\.json' | head -n 1)
has "and kept" "$(cat "$kept")" descripton
rm -f "$kept"
EDITOR=false b automations edit "from a file"
has "an editor that fails changes nothing" "$(err)" "nothing was changed"
has "it can be switched off" "$(b automations disable "from a file")" disabled
has "which the list shows" "$(b automations list)" disabled
has "and on" "$(b automations enable "from a file")" enabled
has "and deleted" "$(b automations delete "from a file" -y)" deleted
b automations show "from a file"
is "then it is gone" "$(rc)" 5

# --- events and what becomes of them

id=$(b emit --type artifact.alias.add --project vision --collection resnet --alias production \
    --author ana artifact.version=v7 artifact.metadata.accuracy:=0.93 --key k1)
is "an event is sent from options, and its id printed" "${#id}" 26
finished() { [ "$(b executions list --status finished --json | jq '.items | length')" = "$1" ]; }
within 5 finished 1 || bad "and acted on"
has "rightly signed" "$(cat "$tmp/listen.log")" "signature ok"
has "with what the options said" "$(cat "$tmp/listen.log")" '"by":"ana"'
has "a repeat is told" "$(b emit --type artifact.alias.add --project vision --collection resnet \
    --alias production --key k1)" "$id was there already"
is "the journal has it as it was sent" \
    "$(b events show "$id" --json | jq -c '[.artifact.version, .artifact.metadata.accuracy]')" \
    '["v7",0.93]'
has "for people, line by line" "$(b events show "$id")" "alias:"
for i in 1 2 3; do alias_event staging; echo; done >"$tmp/lines"
is "events come from lines in a file" "$(b emit "$tmp/lines" | wc -l)" 3
is "or from standard input" "$("$BELFRY" emit - <"$tmp/lines" | wc -l)" 3
id=$(b emit --type run.metric --project vision --run r1 --state RUNNING -m loss=0.5 -m val/acc=NaN \
    --step 7)
is "values of a run come from options" "$(b events show "$id" --json | jq -c '[.run, .metrics]')" \
    '[{"id":"r1","state":"RUNNING"},[{"name":"loss","value":0.5,"step":7},{"name":"val/acc","value":"NaN","step":7}]]'
b emit --type run.metric --project vision --run r1 -m loss
has "each of which has a name and a value" "$(err)" "NAME=VALUE"
b emit --type run.metric --project vision --run r1 -m loss=1 --step soon
has "and a step that is a number" "$(err)" "--step takes a number"
for i in $(seq 2500); do echo '{"type":"test.many","entity":"acme"}'; done >"$tmp/many"
is "more than one request takes go in several" "$(b emit "$tmp/many" | wc -l)" 2500
is "a list follows all its pages" \
    "$(b events list --type test.many --json | jq '.items | length')" 2500
is "a person gets fifty, and is told" "$(b events list 2>"$tmp/err" | wc -l) $(cat "$tmp/err")" \
    "51 and more; --limit N shows so many, --json all"
is "or as many as were asked for" "$(b events list --limit 1500 --json | jq '.items | length')" 1500
is "and is one document" "$(b events list --json | jq -c .next)" null
b emit --type UPPER --entity acme
has "the hub's words say which member is wrong" "$(err)" "type"
b emit
has "nothing is no event" "$(err)" "say what happened"
b emit --type a.b --entity nobody
is "nor is one of a team that is not there" "$(rc)" 1
has "the way out is a verb" "$(err)" "belfry teams create nobody"
execution=$(b executions list --json | jq -r '.items[-1].id')
has "the history is a table" "$(b executions list)" "deploy what is promoted"
has "found by name" "$(b executions list --automation "deploy what is promoted")" "$execution"
has "or not" "$(b executions list --automation "deploy what is promoted" --status failed 2>&1; err)" \
    "there are none"
has "one has its attempts" "$(b executions show "$execution")" delivered
b executions list --status nonsense
has "an unknown status is answered with those there are" "$(err)" cancelled

# --- once more, not any more, elsewhere

b integrations create --sink webhook --name broken url=http://127.0.0.1:1/ >"$tmp/out"
make_automation --name breaks --integration broken --filter '{"alias":"breaks"}' >"$tmp/out"
b emit --type artifact.alias.add --project vision --collection resnet --alias breaks >"$tmp/out"
waiting() { b executions list --automation breaks --status pending --json | jq -e '.items[0]'; }
within 5 waiting >"$tmp/one" || bad "what cannot be delivered waits"
waits=$(jq -r .id "$tmp/one")
b executions cancel "$waits" >"$tmp/out"
within 5 b executions cancel "$waits" >"$tmp/out"
is "what waits can be cancelled" "$(b executions show "$waits" --json | jq -r .status)" cancelled
b executions resend
is "what is sent again must be said" "$(rc)" 2
sent=$(b executions list --status finished --json | jq -r '.items[0].id')
b executions resend "$sent"
has "what has arrived only if one says so" "$(err)" "--again"
has "and then it is" "$(b executions resend "$sent" --again)" "execution $sent is sent again, as"
b executions resend --again --yes
is "but not all of them" "$(rc)" 2
has "what was cancelled can be sent again" "$(b executions resend "$waits")" \
    "execution $waits is sent again, as"
has "it can be told how many that would be" \
    "$(b executions resend --automation breaks --status cancelled --dry-run)" "would be resent"
has "where nothing arrives is seen in the list" "$(b integrations list | grep broken)" failing
has "or all that match" "$(b executions cancel --automation breaks --since 1h --yes)" cancelled
is "the history goes elsewhere as lines" \
    "$(b executions export --automation breaks | jq -r .automation_name | sort -u)" breaks

# --- people

has "a user is made" "$(b users create ben)" "user ben is there"
has "and let into a team" "$(b teams add acme ben)" "ben is in acme"
is "as a member, or as was said" "$(b teams members acme --json | jq -r '.items[].role')" member
b teams add acme ben --role viewer >"$tmp/out"
has "which can change" "$(b teams members acme)" viewer
bens=$(b keys create ben --name laptop --rights read)
is "a key is shown once, and alone on standard output" "${#bens} ${bens:0:3}" "43 bf-"
has "and listed with what it may" "$(b keys list)" "ingest,read,edit,admin"
is "and lets in" "$(BELFRY_API_KEY=$bens b teams list --json | jq -r '.items[0].name')" acme
BELFRY_API_KEY=$bens b secrets set X --file "$tmp/pem"
is "as far as it may" "$(rc)" 4
is "without --team the only team is meant" \
    "$(BELFRY_API_KEY=$bens b automations list --json | jq -r '.items[0].scope.entity')" acme
b teams create beta >"$tmp/out"
b secrets list
has "with two, one must be said" "$(err)" "acme, beta"
is "or be in the environment" "$(BELFRY_TEAM=acme b secrets list --json | jq -r '.items[].name')" \
    SIGNING

# A key that may only send sees no teams, and was told to make one.
b users create trainer --service acme >"$tmp/out"
job=$(b keys create trainer --rights ingest)
BELFRY_API_KEY=$job b emit --type train.done >"$tmp/out"
is "a training job's key sends to its team without being told" \
    "$(rc) $(b events list --type train.done --json | jq -r '.items[0].entity')" "0 acme"
job=$(b keys create ben --rights ingest)
BELFRY_API_KEY=$job b emit --type train.done
is "a person's must say which" "$(rc)" 2
has "and is told so" "$(err)" "with --team or BELFRY_TEAM"
keyid=$(b keys list --json | jq -r '.items[] | select(.name == "laptop") | .id')
has "a key is revoked" "$(b keys revoke "$keyid" --yes)" revoked
BELFRY_API_KEY=$bens b teams list
is "and lets in no more" "$(rc)" 4
given=given-0123456789abcdef0123456789abcdef01234567
printf '%s\n' "$given" | "$BELFRY" keys create ben --given --name old >"$tmp/out" 2>&1
is "a key that exists is brought in" \
    "$(BELFRY_API_KEY=$given b teams list --json | jq -r '.items[0].name')" acme
is "and not shown" "$(grep -c "$given" "$tmp/out")" 0
has "organisations are listed" "$(b organizations list)" default
has "and made" "$(b organizations create lab)" "organization lab is there"
has "users go" "$(b users delete ben -y)" "user ben is deleted"
has "and teams" "$(b teams delete beta -y)" "team beta is deleted"

"$BELFRY" users create eve --admin --data "$tmp/offline" >"$tmp/out" 2>&1
has "a user can be made before there is a hub" "$(cat "$tmp/out")" "user eve is there"
printf '%s\n' "$given" | "$BELFRY" keys create eve --data "$tmp/offline" >"$tmp/out" 2>&1
has "with a key that exists" "$(cat "$tmp/out")" "eve's from the next start on"
"$BELFRY" users create eve --data "$DATA" >"$tmp/out" 2>&1
is "but not beside a running one" "$?" 1

# --- untrusted text

evil=$(printf 'a\033]0;owned\007b\xe2\x80\xaec')
b emit --type test.evil --author "$evil" >"$tmp/out"
b events list --limit 5 >"$tmp/out"
is "no event drives the terminal" "$(grep -c $'\033\|\007\|\xe2\x80\xae' "$tmp/out")" 0
has "its text is shown instead" "$(cat "$tmp/out")" '\u001b]0;owned'

# --- what a run went through

b emit --type run.metric --project vision --run r91 run.name=frog -m loss=0.5 --step 1 >"$tmp/out"
b emit --type run.heartbeat --project vision --run r92 >"$tmp/out"
has "an event in the list says what it is about" "$(b events list --limit 2)" "frog step 1 loss=0.5"
is "those of one run are listed, of the only team" \
    "$(b events list --project vision --run r91 --json | jq -c '[.items[].type]')" '["run.metric"]'
b events list --run r91
has "for which the project is needed" "$(err)" "a run is one of a project"

# --- a terminal

# A pseudo-terminal of 76 columns.
tty() { script -qec "stty cols 76; $*" "$tmp/typescript" </dev/null; }
TERM=xterm tty "$BELFRY" executions list >"$tmp/out"
has "on a terminal a status has a colour" "$(cat "$tmp/out")" $'\033['
widest=$(sed 's/\x1b\[[0-9]*m//g; s/…/./g' "$tmp/out" | tr -d '\r' | awk '{ if (length > n) n = length } END { print n }')
at_most "and a table fits" "$widest" 76
is "unless colours are unwanted" "$(TERM=xterm NO_COLOR=1 tty "$BELFRY" executions list | grep -c $'\033')" 0
is "elsewhere there are none" "$(b executions list | grep -c $'\033')" 0

# --- the hub itself

has "its status is for people" "$(b status)" "ready:"
is "and for scripts" "$(b status --json | jq -c '[.ready, .version != null]')" "[true,true]"
has "its plugins are listed" "$(b plugins)" webhook
has "a running hub's settings are checked" "$(b check --data "$DATA")" "all is well"
b check --log-level loud --threads x --plugins "http nonesuch"
is "and everything wrong is said" "$(grep -cE 'log_level|threads|nonesuch' "$tmp/err")" 3
is "and the status tells" "$(rc)" 1
for verb in check config serve; do
    BELFRY_LISTNE=127.0.0.1:0 b $verb --data "$tmp/misspelt" >"$tmp/out"
    has "belfry $verb: a misspelt variable is a mistake, too" "$(err)" "did you mean BELFRY_LISTEN?"
    is "and the status tells" "$(rc)" 1
done
is "a variable that resembles nothing is somebody else's" \
    "$(BELFRY_PORT=tcp://10.0.0.1:80 BELFRY_CONFIG='' b config >"$tmp/out"; rc)" 0
BELFRY_THREADS=3 b config --log-level warn >"$tmp/out"
has "settings tell where they are from" "$(grep '^threads' "$tmp/out")" environment
has "each" "$(grep '^log_level' "$tmp/out")" "command line"
mkdir -p "$tmp/moved/bin" "$tmp/moved/lib/belfry"
cp "$BELFRY" "$tmp/moved/bin/"
cp -r "$B/plugins" "$tmp/moved/lib/belfry/plugins"
is "an installed command finds its plugins, wherever that is" \
    "$("$tmp/moved/bin/belfry" config --json | jq -r .plugin_dir.value)" \
    "$tmp/moved/lib/belfry/plugins"
is "secrets are not shown" "$(BELFRY_ADMIN_KEY=$KEY b config | grep -c "$KEY")" 0

# --- no key on a command line, whatever the verb

is "no verb takes a key as an option" \
    "$(for v in $("$BELFRY" help | sed -n 's/^  belfry \([a-z]*\) .*/\1/p'); do
        "$BELFRY" help "$v"; done | grep -c -- '--key KEY$\|--api-key')" 0

# --- completion and manual pages

for page in "$B"/man/*; do mandoc -T lint -W warning "$page"; done >"$tmp/lint"
is "manual pages are without fault" "$(cat "$tmp/lint")" ""
has "every verb has one" "$(ls "$B/man")" belfry-automations.1
has "and every setting its place" "$(cat "$B/man/belfry-config.5")" \
    allow_addresses
complete_bash() {
    bash -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _belfry
             echo "${COMPREPLY[*]}"' - "$B/completion/belfry" "$@"
}
is "bash completes a verb" "$(complete_bash belfry autom)" automations
is "and the verb of a noun" "$(complete_bash belfry automations e)" "edit enable"
is "and its options" "$(complete_bash belfry automations create --int)" --integration
is "and settings" "$(complete_bash belfry serve --log)" --log-level

finish
