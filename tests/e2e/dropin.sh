#!/bin/bash
# dropin.sh - the README's two chapters on plugins, as they stand there: built out of the tree, against
# what is installed, dropped in, used; and a third plugin that asks several times.
. "$(dirname "$0")/lib.sh"

case $B in /*) bad "the README's commands are tried with a build directory that is relative" ;; esac
export HOME=$tmp/home XDG_CONFIG_HOME='' BUILD=$B
unset BELFRY_URL BELFRY_API_KEY BELFRY_TEAM BELFRY_CONFIG MAKEFLAGS
mkdir -p "$HOME"
top=$PWD
export PATH=$HOME/opt/belfry/bin:$PATH PKG_CONFIG_PATH=$HOME/opt/belfry/lib/pkgconfig

shown() { # FROM TO: the README's commands between these
    sed -n "/^    $1/,/^    $2/s/^    //p" "$top/README.md"
}
follow_readme() { # CLAIM FROM TO
    if bash -e < <(shown "$2" "$3") >"$tmp/out" 2>&1; then good; else bad "$1" "$(cat "$tmp/out")"; fi
}

# --- a sink

follow_readme "Belfry is installed to a place of one's own" "make install PREFIX" "mkdir -p ~.plugins"
make -C "$top" --no-print-directory -o all install PREFIX="$top" >"$tmp/out" 2>&1
has "the source tree is no such place" "$(cat "$tmp/out")" "is this source tree"
cd ~/plugins || exit 1
at_most "a sink is one C file of at most 60 lines" \
    "$(shown "cat >ntfy.c" END | sed '1d;$d' | wc -l)" 60
follow_readme "it is built, put there, and a hub would start with it" "cat >ntfy.c" "belfry check"
has "its options are explained" "$(cat "$tmp/out")" "sink ntfy - Push a message to phones"
has "and all is well" "$(cat "$tmp/out")" "a hub would start"

start "$tmp/listen.log" belfry listen 127.0.0.1:0
RECEIVER=$ADDRESS
begin() { # [serve's options]: a hub on a free port, logged in to
    start "$tmp/hub.log" belfry serve --listen 127.0.0.1:0 "$@"
    HUB_PID=$!
    export BELFRY_URL=http://$ADDRESS
}
begin --allow-addresses 127.0.0.0/8
BELFRY_API_KEY=$(sed -n 's/^key of the first admin, shown only now: //p' "$tmp/hub.log")
export BELFRY_API_KEY           # a login is for one address, and the next hub has another
belfry teams create acme >"$tmp/out" 2>&1
shown "belfry integrations create --sink ntfy" "belfry executions list" >"$tmp/use"
sed -i "s/127.0.0.1:8321/$RECEIVER/" "$tmp/use"
if bash -e "$tmp/use" >"$tmp/out" 2>&1; then good; else bad "it is used" "$(cat "$tmp/out")"; fi
has "a test shows what is sent" "$(cat "$tmp/out")" \
    '{"topic":"acme","title":"test","message":"Are you there?","priority":3}'
told() { grep -q 'lucky-fox-3 failed, ana","priority":5' "$tmp/listen.log"; }
within 5 told || bad "a run that failed reaches the phones" "$(cat "$tmp/listen.log")"

# --- a sink that asks several times

cat >"$tmp/tracker.mjs" <<'END'
import http from "node:http";

const issues = [];
http.createServer((request, answer) => {
    const parts = [], path = request.url.replace(/\?.*/, "");
    request.on("data", part => parts.push(part));
    request.on("end", () => {
        const body = parts.length ? JSON.parse(Buffer.concat(parts).toString()) : null;
        const number = Number(/\/(\d+)\/comments$/.exec(path)?.[1]);
        if (request.headers.authorization !== "Bearer t0ken-of-tracker")
            answer.statusCode = 401;
        else if (number)
            issues[number - 1].comments.push(body.body);
        else if (body)
            issues.push({ number: issues.length + 1, ...body, comments: [] });
        answer.setHeader("Content-Type", "application/json");
        answer.end(JSON.stringify(issues));
    });
}).listen(0, "127.0.0.1", function () {
    console.log(`listening on 127.0.0.1:${this.address().port}`);
});
END
cp "$top/scripts/examples/issue.c" .
cc -shared -fPIC $(pkg-config --cflags belfry-plugin) -Wall -Wextra -Werror -o issue.so issue.c &&
    install -m 755 issue.so "$(pkg-config --variable=plugin_dir belfry-plugin)"
is "a plugin that asks several times is built" $? 0
start "$tmp/tracker.log" node "$tmp/tracker.mjs"
TRACKER=$ADDRESS

# --- a source

follow_readme "a source is built and put there" "cat >follow.c" "belfry help follow"
has "it is told how to use it" "$(cat "$tmp/out")" 'sources = { NAME = { source = "follow"'
follow_readme "its options stand in the configuration file" "cat >belfry.lua" "belfry check -c"
has "and are looked at" "$(cat "$tmp/out")" "a hub would start"
sed 's/entity = "acme"/entity = "acme", colour = "red"/' belfry.lua >"$tmp/wrong.lua"
has "a wrong one is named" "$(belfry check -c "$tmp/wrong.lua" 2>&1)" \
    'source results: there is no option "colour"'
sed 's/source = "follow"/source = "folow"/' belfry.lua >"$tmp/wrong.lua"
has "so is a kind that there is not" "$(belfry check -c "$tmp/wrong.lua" 2>&1)" \
    'source results: there is no source "folow"'

events() { belfry events list --type eval.done --json --limit 1000; }
models() { events | jq -r '.items[].data.model' | sort -n | xargs; }
have() { [ "$(models)" = "$1" ]; } # MODELS
restart() {
    kill -9 "$HUB_PID"
    wait "$HUB_PID" 2>/dev/null
    begin -c belfry.lua
}
restart
follow_readme "a line is appended" "echo .{\"model\"" "belfry events list --type"
within 5 have resnet || bad "it is an event" "$(events)"

# Killed again and again while lines come, some of them no JSON: each once, in their order.
: >results.jsonl.new
(for i in $(seq 1 400); do
    echo "{\"model\":$i}"
    [ $((i % 50)) -ne 0 ] || echo "no JSON"
    sleep 0.005
done >>results.jsonl) &
WRITER=$!
started="$started $WRITER"
for _ in 1 2 3 4; do
    sleep 0.4
    restart
done
wait "$WRITER"
within 10 have "resnet $(seq 1 400 | xargs)" ||
    bad "of 400 lines none is skipped and none comes twice" "$(models)"
is "in their order" "$(events | jq -r '.items[].data.model' | tac | xargs)" "resnet $(seq 1 400 | xargs)"

# --- the tracker, by then loaded

echo t0ken-of-tracker | belfry secrets set ISSUE_TOKEN >"$tmp/out" 2>&1
belfry integrations create --sink issue --name tracker repo=acme/vision token=ISSUE_TOKEN \
    api_base="http://$TRACKER" >"$tmp/out" 2>&1
is "an integration of the third" $? 0
belfry automations create --name "eval failed" --on eval.failed --integration tracker \
    title='${data.model} failed' text='step ${data.step}' >"$tmp/out" 2>&1
for step in 1 2 3; do
    belfry emit --type eval.failed data.model=bert data.step="$step" >"$tmp/out" 2>&1
done
finished() { [ "$(belfry executions list --automation "eval failed" --json | jq -r '.items[].status' | grep -c finished)" = 3 ]; }
within 10 finished || bad "three deliveries" "$(belfry executions list)"
is "one issue, and what came later as comments" "$(curl -s -H 'Authorization: Bearer t0ken-of-tracker' \
    "http://$TRACKER/" | jq -c '[.[] | [.title, .body, (.comments | length)]]')" '[["bert failed","step 1",2]]'

finish
