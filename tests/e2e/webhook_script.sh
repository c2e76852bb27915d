#!/bin/bash
# webhook_script.sh - for who writes a receiver: scripts/webhook-test.sh sends what a hub sends, byte
# for byte; and a signing key is changed without a gap, as npm's standardwebhooks sees it.
. "$(dirname "$0")/lib.sh"
here=$(dirname "$0")/../..
script=$here/scripts/webhook-test.sh

export HOME=$tmp/home XDG_CONFIG_HOME=
unset BELFRY_URL BELFRY_API_KEY BELFRY_TEAM BELFRY_CONFIG
mkdir -p "$HOME"
need_npm

# A receiver that keeps the bytes of each request, in FILE.N.
cat >"$tmp/raw.mjs" <<'END'
import { createServer } from "net";
import { writeFileSync, renameSync } from "fs";
let n = 0;
const file = process.argv[2];
createServer(socket => {
    let got = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", d => {
        got = Buffer.concat([got, d]);
        const head = got.indexOf("\r\n\r\n");
        if (head < 0) return;
        const length = Number(/^content-length: (\d+)/im.exec(got.subarray(0, head).toString())[1]);
        if (got.length < head + 4 + length) return;
        const one = `${file}.${++n}`;
        writeFileSync(one + ".new", got);
        renameSync(one + ".new", one);
        const answer = /^\w+ \/no/.test(got.toString("latin1")) ? 404 : 200;
        got = Buffer.alloc(0);
        socket.write(`HTTP/1.1 ${answer} OK\r\nContent-Length: 3\r\n\r\nok\n`);
    });
}).listen(0, "127.0.0.1", function () { console.log(`keeps on 127.0.0.1:${this.address().port}`); });
END

start "$tmp/raw.log" node "$tmp/raw.mjs" "$tmp/raw"
RAW=$ADDRESS
start_hub
export BELFRY_URL=$URL BELFRY_API_KEY=$KEY
b() { "$BELFRY" "$@" </dev/null; }
b teams create acme >"$tmp/out"
add_secret acme TOKEN 'to"ken\with odd letters'
PLAIN='s3cret with $HOME, "quotes" and ü'
LONG=$(openssl rand -hex 100)
OLD=whsec_$(openssl rand -base64 24)
NEW=whsec_$(openssl rand -base64 48)
PAYLOAD='{"name":"a \"quoted\" näme","n":9007199254740993,"empty":""}'

# --- byte for byte

n=0
header() { tr -d '\r' <"$tmp/raw.$n" | sed -n "s/^$1: //p"; }
same() { # FORMAT SECRET [PREVIOUS] [METHOD] [PAYLOAD]
    local format=$1 secret=$2 previous=${3-} method=${4:-POST} payload=${5:-$PAYLOAD} id
    jq -n --arg url "http://$RAW/a/[b]?c={d}" --arg f "$format" --arg s "$secret" --arg p "$previous" --arg m "$method" \
        '{url: $url, method: $m, access_token: "TOKEN", headers: {"X-Run": "a \"b\" \\c", "X-Empty": ""}}
         + if $s == "" then {} else {secret: {value: $s}, signature_format: $f} end
         + if $p == "" then {} else {previous_secret: {value: $p}} end' >"$tmp/config"
    add_webhook acme "same $n" "$(cat "$tmp/config")" >"$tmp/id"
    b integrations test "same $n" --payload "$payload" --json >"$tmp/tried"
    n=$((n + 1))
    id=$(header Idempotency-Key)
    is "$format: the hub's request is there" "$(jq -r .outcome "$tmp/tried") $id" "delivered $(jq -r .id "$tmp/tried")"
    is "$format: what was shown is what was sent" \
        "$(jq -r '.request.headers[] | select(.name != "Authorization") | "\(.name): \(.value)"' "$tmp/tried" | sed 's/ $//')" \
        "$(tr -d '\r' <"$tmp/raw.$n" | sed -n '2,/^$/p' |
            grep -vE '^(Host|User-Agent|Accept|Content-Length|Authorization):|^$')"
    SECRET=$secret PREVIOUS_SECRET=$previous FORMAT=$format METHOD=$method PAYLOAD=$payload \
        API_ENDPOINT="http://$RAW/a/[b]?c={d}" ACCESS_TOKEN='to"ken\with odd letters' ID=$id \
        HEADERS='X-Run: a "b" \c
X-Empty:' TIMESTAMP=$(header webhook-timestamp) "$script" >"$tmp/answer" 2>"$tmp/err"
    is "$format: the script is content" "$? $(tail -n 1 "$tmp/answer")" "0 ok"
    n=$((n + 1))
    if cmp -s "$tmp/raw.$((n - 1))" "$tmp/raw.$n"; then good; else
        bad "$format: the script's request is the same, byte for byte" \
            "$(diff <(cat -A "$tmp/raw.$((n - 1))") <(cat -A "$tmp/raw.$n"))"
    fi
}
same wandb ''
for format in wandb hex sha256=hex; do
    same "$format" "$PLAIN"
done
same wandb "$LONG" '' PUT '{}'
same standard-webhooks "$OLD"
same standard-webhooks "$NEW" "$OLD" PATCH

# --- what it says of other answers, and of mistakes

run() { "$script" >"$tmp/answer" 2>"$tmp/err"; echo $?; }
is "another answer is told by the status" "$(API_ENDPOINT="http://$RAW/no" run) $(head -n 1 "$tmp/answer")" "1 HTTP/1.1 404 OK"
is "nobody there by curl's" "$(API_ENDPOINT="http://127.0.0.1:1/" run)" 7
is "no address is a mistake" "$(run)" 2
has "which is told" "$(cat "$tmp/err")" "say where to"
is "so is a format that there is not" "$(API_ENDPOINT="http://$RAW/" SECRET=a FORMAT=md5 run)" 2
is "and a second key where there is no place for it" "$(API_ENDPOINT="http://$RAW/" SECRET=a PREVIOUS_SECRET=b run)" 2
echo "$PLAIN" >"$tmp/secret"
printf '{"from":"a file"}' >"$tmp/payload"
is "secret and payload may stand in files" \
    "$(API_ENDPOINT="http://$RAW/" SECRET_FILE=$tmp/secret PAYLOAD_FILE=$tmp/payload FORMAT=hex run)" 0
is "and the signature is openssl's" "$(cat "$tmp/err")" \
    "signed as hex: $(openssl dgst -sha256 -hmac "$PLAIN" -r "$tmp/payload" | cut -d' ' -f1)"

# --- nobody sees the secrets in the list of processes

if command -v strace >/dev/null && strace -o "$tmp/trace" true 2>/dev/null; then
    API_ENDPOINT="http://$RAW/" SECRET=$PLAIN ACCESS_TOKEN=its-t0ken PREVIOUS_SECRET= FORMAT=hex \
        strace -f -v -s 10000 -e trace=execve -o "$tmp/trace" "$script" >"$tmp/answer" 2>"$tmp/err"
    grep -o 'execve("[^"]*", \[.*\], \[' "$tmp/trace" >"$tmp/commands"
    at_most "programs were started" 3 "$(wc -l <"$tmp/commands")"
    is "without a secret on their command line" "$(grep -c 's3cret\|its-t0ken' "$tmp/commands")" 0
    is "or, but for the script's own, in their environment" "$(grep -c 's3cret\|its-t0ken' "$tmp/trace")" 1
else
    skip "strace cannot look at what is started here"
fi

# --- Debian's webhook takes it

if command -v webhook >/dev/null; then
    jq -n '[{id: "hmac", "execute-command": "/bin/true", "response-message": "taken",
        "trigger-rule": {match: {type: "payload-hmac-sha256", secret: "shared-with-the-receiver",
            parameter: {source: "header", name: "X-Hub-Signature-256"}}},
        "trigger-rule-mismatch-http-response-code": 403}]' >"$tmp/hooks.json"
    "$BELFRY" listen 127.0.0.1:0 >"$tmp/port" & port_pid=$!
    within 5 grep -q http "$tmp/port"
    kill "$port_pid"
    wait "$port_pid" 2>/dev/null
    HOOK=$(sed -n 's/.*:\([0-9]*\),.*/\1/p' "$tmp/port")
    webhook -hooks "$tmp/hooks.json" -ip 127.0.0.1 -port "$HOOK" >"$tmp/webhook.log" 2>&1 &
    started="$started $!"
    within 10 curl -s -o "$tmp/null" "http://127.0.0.1:$HOOK/"
    export API_ENDPOINT=http://127.0.0.1:$HOOK/hooks/hmac FORMAT=sha256=hex SIGNATURE_HEADER=X-Hub-Signature-256
    is "Debian's webhook takes it" "$(SECRET=shared-with-the-receiver PAYLOAD=$PAYLOAD run) $(tail -n 1 "$tmp/answer")" "0 taken"
    is "and with another key does not" "$(SECRET=another PAYLOAD=$PAYLOAD run) $(grep -c taken "$tmp/answer")" "1 0"
    unset API_ENDPOINT FORMAT SIGNATURE_HEADER
else
    skip "Debian's package webhook is not installed"
fi

# --- a signing key is changed: three commands, and no request that a receiver refuses

cat >"$tmp/verify.mjs" <<'END'
import { createRequire } from "module";
import { readFileSync } from "fs";
const { Webhook } = createRequire(process.env.NODE_PATH + "/")("standardwebhooks");
const text = readFileSync(process.argv[2], "latin1"), at = text.indexOf("\r\n\r\n");
const headers = Object.fromEntries(text.slice(0, at).split("\r\n").slice(1).map(line => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}));
const body = Buffer.from(text.slice(at + 4), "latin1").toString();
console.log(process.argv.slice(3).map(key => {
    try { new Webhook(key).verify(body, headers); return "yes"; } catch { return "no"; }
}).join(" "));
END
taken_by() { # the keys OLD and NEW: "yes no"
    b integrations test signed --payload "$PAYLOAD" >"$tmp/tried" || bad "it is sent" "$(cat "$tmp/tried")"
    n=$(find "$tmp" -maxdepth 1 -name 'raw.[0-9]*' | grep -vc new)
    node "$tmp/verify.mjs" "$tmp/raw.$n" "$OLD" "$NEW"
}
echo "$OLD" | "$BELFRY" secrets set SIGNING >"$tmp/out"
b integrations create --sink webhook --name signed url="http://$RAW/signed" \
    signature_format=standard-webhooks secret=SIGNING >"$tmp/out"
is "before, the old key is the one" "$(taken_by)" "yes no"
echo "$NEW" | "$BELFRY" secrets set SIGNING_2 >"$tmp/out"
b integrations update signed secret=SIGNING_2 previous_secret=SIGNING >"$tmp/out" || bad "both sign" "$(cat "$tmp/out")"
is "meanwhile, a receiver with either takes it" "$(taken_by)" "yes yes"
has "and both are shown" "$(grep -c 'is standard-webhooks with the secret' "$tmp/tried")" 2
b integrations update signed previous_secret:=null >"$tmp/out" || bad "the old one is left out" "$(cat "$tmp/out")"
is "afterwards, the new one alone" "$(taken_by)" "no yes"
b secrets delete SIGNING --yes >"$tmp/out" 2>&1
is "and nothing misses the old one" "$(grep -c warning "$tmp/out")" 0
b integrations create --sink webhook --name other url="http://$RAW/" secret=SIGNING_2 previous_secret=TOKEN \
    >"$tmp/out" 2>&1
has "where there is one signature, it is said what to do" "$(cat "$tmp/out")" \
    "in format wandb have the receiver take both keys first, then change secret"

is "the script is of this version" "belfry/$(sed -n 's/^VERSION=\([0-9.]*\).*/\1/p' "$script")" \
    "$(tr -d '\r' <"$tmp/raw.1" | sed -n 's/^User-Agent: //p')"
stop_hub
finish
