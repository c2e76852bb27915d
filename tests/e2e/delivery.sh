#!/bin/bash
# delivery.sh - signatures as programs that nobody here wrote check them, pace, and settings.
. "$(dirname "$0")/lib.sh"

# What belfry listen got, judged by the library of the specification.  Prints "true" or why not.
cat >"$tmp/verify.mjs" <<'END'
import { Webhook } from "standardwebhooks";
import { readFileSync } from "fs";
const [, , file, secret, shift] = process.argv;
const r = JSON.parse(readFileSync(file, "utf8"));
const headers = { ...r.headers };
if (shift) headers["webhook-timestamp"] = String(Number(headers["webhook-timestamp"]) - Number(shift));
try { new Webhook(secret).verify(r.body, headers); console.log("true"); }
catch (e) { console.log(e.message); }
END
verify() { (cd "$tmp" && node verify.mjs "$@"); }

KEY_OLD=whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3
KEY_NEW=whsec_$(openssl rand -base64 32)

# A receiver that keeps each request as JSON, its headers in lower case, in FILE.N.
cat >"$tmp/keep.mjs" <<'END'
import { createServer } from "http";
import { writeFileSync, renameSync } from "fs";
let n = 0;
const [, , file, fail] = process.argv;
createServer((req, res) => {
    const parts = [];
    req.on("data", d => parts.push(d)).on("end", () => {
        const one = `${file}.${++n}`;
        writeFileSync(one + ".new", JSON.stringify({ method: req.method, url: req.url,
            headers: req.headers, body: Buffer.concat(parts).toString() }));
        renameSync(one + ".new", one);
        res.writeHead(n <= Number(fail ?? 0) ? 503 : 200, n <= Number(fail ?? 0) ? { "Retry-After": "1" } : {});
        res.end();
    });
}).listen(0, "127.0.0.1", function () { console.log(`listens on 127.0.0.1:${this.address().port}`); });
END

start_hub
add_team acme

# --- the formats, and a receiver that looks elsewhere: Debian's webhook

if command -v webhook >/dev/null; then
    printf '#!/bin/sh\necho "$1" >>"%s/hooks"\n' "$tmp" >"$tmp/took"
    chmod +x "$tmp/took"
    jq -n --arg took "$tmp/took" '[
        {id: "hmac", type: "payload-hmac-sha256"}, {id: "hash", type: "payload-hash-sha256"}
        | {id, "execute-command": $took, "pass-arguments-to-command": [{source: "string", name: .id}],
           "trigger-rule": {match: {type, secret: "shared-with-the-receiver",
               parameter: {source: "header", name: "X-Hub-Signature-256"}}},
           "trigger-rule-mismatch-http-response-code": 403}]' >"$tmp/hooks.json"
    : >"$tmp/port"
    "$BELFRY" listen 127.0.0.1:0 >>"$tmp/port" & port_pid=$!
    within 5 grep -q http "$tmp/port"
    kill "$port_pid"
    wait "$port_pid" 2>/dev/null
    HOOK=$(sed -n 's/.*:\([0-9]*\),.*/\1/p' "$tmp/port")
    webhook -hooks "$tmp/hooks.json" -ip 127.0.0.1 -port "$HOOK" >"$tmp/webhook.log" 2>&1 &
    started="$started $!"
    within 10 curl -s -o "$tmp/null" "http://127.0.0.1:$HOOK/"
    for rule in hmac hash; do
        automate "$rule" "$rule" "$(add_webhook acme "$rule" "{\"url\":\"http://127.0.0.1:$HOOK/hooks/$rule\",
            \"secret\":{\"value\":\"shared-with-the-receiver\"},\"signature_format\":\"sha256=hex\",
            \"signature_header\":\"X-Hub-Signature-256\"}")" '{"n": "${alias}"}' >"$tmp/made"
        emit "$(alias_event "$rule")" >"$tmp/answer"
    done
    automate wrong wrong "$(add_webhook acme wrong "{\"url\":\"http://127.0.0.1:$HOOK/hooks/hmac\",
        \"secret\":{\"value\":\"not-the-right-one\"},\"signature_format\":\"sha256=hex\",
        \"signature_header\":\"X-Hub-Signature-256\"}")" '{}' >"$tmp/made"
    emit "$(alias_event wrong)" >"$tmp/answer"
    within 10 have_executions finished 2 || bad "webhook takes both signatures" "$(cat "$tmp/webhook.log")"
    wrong=$(jq -r .id "$tmp/made")
    tried() { [ "$(api GET "/api/v1/executions?automation=$wrong" | jq '.items[0].attempts')" -gt 0 ]; }
    within 10 tried || bad "the one with another key is sent as well"
    is "and not taken" "$(api GET "/api/v1/executions?automation=$wrong&status=finished" |
        jq '.items | length')" 0
    within 5 test -s "$tmp/hooks"
    sleep 0.1
    is "webhook ran what its rules are for" "$(sort "$tmp/hooks" | tr '\n' ' ')" "hash hmac "
else
    skip "Debian's package webhook is not installed"
fi

# --- Standard Webhooks, checked by npm's standardwebhooks

refused() { # CLAIM CONFIG PART
    api POST /api/v1/teams/acme/integrations "{\"sink\":\"webhook\",\"name\":\"no\",\"config\":$2}" >"$tmp/no"
    is "$1 is refused" "$(status)" 400
    has "and $1 is told why" "$(jq -r '.error | "\(.field): \(.message)"' "$tmp/no")" "$3"
}
refused "a raw key" '{"url":"https://hooks.example","secret":{"value":"raw"},"signature_format":"standard-webhooks"}' \
    "config.secret: a key for Standard Webhooks is whsec_"
refused "a short key" "{\"url\":\"https://hooks.example\",\"secret\":{\"value\":\"whsec_$(head -c 23 /dev/zero | base64)\"},\"signature_format\":\"standard-webhooks\"}" \
    "24 to 64 bytes"
refused "a raw previous key" "{\"url\":\"https://hooks.example\",\"secret\":{\"value\":\"$KEY_NEW\"},\"previous_secret\":{\"value\":\"raw\"},\"signature_format\":\"standard-webhooks\"}" \
    "config.previous_secret: a key"
refused "a header with a line end" '{"url":"https://hooks.example","headers":{"X-A":"a\r\nX-B: b"}}' "config.headers: "

if command -v node >/dev/null && scripts/npm.sh "$B/npm" >"$tmp/npm.log" 2>&1; then
    ln -s "$(cd "$B/npm/node_modules" && pwd)" "$tmp/node_modules"
    start "$tmp/keep.log" node "$tmp/keep.mjs" "$tmp/got" 1
    add_secret acme SIGN_NEW "$KEY_NEW"
    add_secret acme SIGN_OLD "$KEY_OLD"
    add_secret acme ROUTE north-by-west
    hook=$(api POST /api/v1/teams/acme/integrations "{\"sink\":\"webhook\",\"name\":\"standard\",
        \"secrets\":[\"ROUTE\"],\"config\":{\"url\":\"http://$ADDRESS/x\",\"secret\":\"SIGN_NEW\",\"previous_secret\":\"SIGN_OLD\",
        \"signature_format\":\"standard-webhooks\",\"method\":\"PUT\",
        \"headers\":{\"X-Route\":\"\${ROUTE}\",\"X-Alias\":\"<\${alias}>\"}}}" | jq -r .id)
    automate standard standard "$hook" '{"n": "${alias}"}' >"$tmp/made"
    is "an automation for it is made" "$(status)" 201
    emit "$(alias_event standard)" >"$tmp/answer"
    within 10 test -s "$tmp/got.2" || bad "it is sent, and again after a 503"
    is "the library takes the new key" "$(verify "$tmp/got.2" "$KEY_NEW")" true
    is "and the old one, during the change" "$(verify "$tmp/got.2" "$KEY_OLD")" true
    has "but no third one" "$(verify "$tmp/got.2" "whsec_$(openssl rand -base64 32)")" "No matching signature"
    has "nor a body that was changed" "$(jq '.body += " "' "$tmp/got.2" >"$tmp/changed"
        verify "$tmp/changed" "$KEY_NEW")" "No matching signature"
    has "nor a request of ten minutes ago" "$(verify "$tmp/got.2" "$KEY_NEW" 600)" "too old"
    field() { jq -r ".headers[\"$2\"]" "$tmp/got.$1"; }
    is "the id is the same at every attempt" "$(field 1 webhook-id)" "$(field 2 webhook-id)"
    is "and the execution's" "$(field 2 webhook-id)" "$(field 2 idempotency-key)"
    [ "$(field 2 webhook-timestamp)" -gt "$(field 1 webhook-timestamp)" ] && good ||
        bad "the timestamp is of each attempt" "$(field 1 webhook-timestamp) $(field 2 webhook-timestamp)"
    is "method and headers are as told" "$(jq -r .method "$tmp/got.2") $(field 2 x-alias) $(field 2 x-route)" \
        "PUT <standard> north-by-west"
else
    skip "node or its packages are not there"
fi

# --- belfry listen knows them all

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0 --secret "$KEY_OLD"
LISTEN_URL=http://$ADDRESS
n=0
for format in wandb hex sha256=hex standard-webhooks; do
    n=$((n + 1))
    automate "f$n" "f$n" "$(add_webhook acme "f$n" "{\"url\":\"$LISTEN_URL/f$n\",
        \"secret\":{\"value\":\"$KEY_OLD\"},\"signature_format\":\"$format\"}")" '{}' >"$tmp/made"
    emit "$(alias_event "f$n")" >"$tmp/answer"
done
listened() { [ "$(grep -c 'signature ok' "$tmp/listen.log")" = "$1" ]; }
within 10 listened 4 || bad "belfry listen finds all four signatures right" "$(cat "$tmp/listen.log")"
good

# --- pace

paced=$(api POST /api/v1/teams/acme/integrations "{\"sink\":\"webhook\",\"name\":\"paced\",
    \"config\":{\"url\":\"$LISTEN_URL/paced\"},\"delivery\":{\"pace\":\"3/h\",\"parallel\":2,\"timeout_s\":20}}" | jq -r .id)
is "an integration has a pace of its own" "$(status)" 201
automate paced paced "$paced" '{}' >"$tmp/made"
paced_id=$(jq -r .id "$tmp/made")
waiting() { api GET "/api/v1/executions?automation=$paced_id&status=pending" | jq -c '[.items[].attempts]'; }
for _ in 1 2 3 4 5; do alias_event paced; echo; done >"$tmp/five"
emit "@$tmp/five" >"$tmp/answer"
sent_paced() { [ "$(grep -c 'POST /paced' "$tmp/listen.log")" -ge "$1" ]; }
within 10 sent_paced 3 || bad "what the pace allows is sent"
sleep 0.3
is "and no more" "$(grep -c 'POST /paced' "$tmp/listen.log")" 3
is "the others wait without an attempt" "$(waiting)" "[0,0]"
state=$(api GET "/api/v1/integrations/$paced")
is "as the integration shows" "$(jq -c '[.delivery, .state.pace, .state.parallel, .state.waiting,
    (.state.paced_until > .created), .state.failures, .state.last_error]' <<<"$state")" \
    '[{"pace":"3/h","parallel":2,"timeout_s":20,"merge_over":null},"3/h",2,2,true,0,null]'

for bad_delivery in '{"pace":"fast"}:delivery.pace' '{"parallel":65}:delivery.parallel' \
    '{"timeout_s":301}:delivery.timeout_s' '{"parallel":0}:delivery.parallel' '{"spee":1}:delivery'; do
    api POST /api/v1/teams/acme/integrations "{\"sink\":\"webhook\",\"name\":\"bad\",
        \"config\":{\"url\":\"$LISTEN_URL/\"},\"delivery\":${bad_delivery%:*}}" >"$tmp/answer"
    is "${bad_delivery%:*} is refused, naming the field" \
        "$(status) $(jq -r .error.field "$tmp/answer")" "400 ${bad_delivery##*:}"
done

stop_hub
is "the hub stops in order" $? 0
finish
