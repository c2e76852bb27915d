#!/bin/bash
# webhook.sh - a webhook as its owner sets it up with the command: no secret in plain sight, client
# certificates as nginx asks for them, a pace of its own, and what failed delivered in the end.
. "$(dirname "$0")/lib.sh"

command -v nginx >/dev/null || { skip "Debian's package nginx is not installed"; finish; }
export HOME=$tmp/home XDG_CONFIG_HOME=
unset BELFRY_URL BELFRY_API_KEY BELFRY_TEAM BELFRY_CONFIG
mkdir -p "$HOME"

# Run a verb: its output is printed, its exit status left in $tmp/rc, its errors in $tmp/err.
b() {
    "$BELFRY" "$@" 2>"$tmp/err" </dev/null
    echo $? >"$tmp/rc"
}
rc() { cat "$tmp/rc"; }
err() { cat "$tmp/err"; }

refused() { # CLAIM PART OPTION...: an integration is not made, with these words
    local claim=$1 part=$2
    shift 2
    b integrations create --sink webhook --name refused "$@" >"$tmp/out"
    is "$claim is refused" "$(rc)" 1
    has "and $claim is told why" "$(err)" "$part"
}

# --- two authorities: the server's, and that of the clients it lets in

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$tmp/$1.key" 2>>"$tmp/openssl.log"; }
authority() { # NAME
    new_key "$1"
    openssl req -x509 -key "$tmp/$1.key" -days 2 -subj "/CN=$1" -out "$tmp/$1.pem" 2>>"$tmp/openssl.log"
}
certificate() { # NAME AUTHORITY FROM UNTIL [EXTENSION]
    mkdir -p "$tmp/$2.d"
    : >>"$tmp/$2.d/index"
    printf '[ca]\ndefault_ca = d\n[d]\ndatabase = %s\nnew_certs_dir = %s\nrand_serial = yes
default_md = sha256\npolicy = p\nunique_subject = no\n[p]\ncommonName = supplied\n[e]\n%s\n' \
        "$tmp/$2.d/index" "$tmp/$2.d" "${5-basicConstraints = CA:FALSE}" >"$tmp/$2.cnf"
    new_key "$1"
    openssl req -new -key "$tmp/$1.key" -subj "/CN=$1" -out "$tmp/$1.csr" 2>>"$tmp/openssl.log"
    openssl ca -batch -notext -config "$tmp/$2.cnf" -extensions e -cert "$tmp/$2.pem" \
        -keyfile "$tmp/$2.key" -startdate "$3" -enddate "$4" -in "$tmp/$1.csr" -out "$tmp/$1.pem" \
        2>>"$tmp/openssl.log" || cat "$tmp/openssl.log"
}
day() { date -u -d "$1" +%Y%m%d%H%M%SZ; }
for name in servers clients others; do authority "$name"; done
certificate host servers "$(day -1day)" "$(day +30days)" 'subjectAltName = IP:127.0.0.1, IP:127.0.0.2, IP:127.0.0.3'
certificate first clients "$(day -1day)" "$(day +90days)"
certificate second clients "$(day -1day)" "$(day +90days)"
certificate ending clients "$(day -1day)" "$(day +3days)"
certificate expired clients 20200101000000Z 20200201000000Z
certificate stranger others "$(day -1day)" "$(day +90days)"
openssl pkey -in "$tmp/first.key" -aes128 -passout pass:x -out "$tmp/locked.key"

# --- nginx: two servers that want a certificate, by the version of TLS, and one that looks at it

PORT=$(free_port)
TLS12=127.0.0.1:$PORT TLS13=127.0.0.2:$PORT LOOKS=127.0.0.3:$PORT
server() { # ADDRESS PROTOCOL VERIFY
    echo "server { listen $1 ssl; ssl_protocols $2; ssl_verify_client $3;
        ssl_certificate $tmp/host.pem; ssl_certificate_key $tmp/host.key;
        ssl_client_certificate $tmp/clients.pem;
        location / { return 200 '\$ssl_protocol \$ssl_client_s_dn'; } }"
}
start_nginx <<END
    log_format by "\$uri \$ssl_client_s_dn \$connection";
    access_log $tmp/nginx.log by;
    $(server "$TLS12" TLSv1.2 on)
    $(server "$TLS13" TLSv1.3 on)
    $(server "$LOOKS" TLSv1.3 optional)
END

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
RECEIVER=$ADDRESS
start_hub
export BELFRY_URL=$URL BELFRY_API_KEY=$KEY
b teams create acme >"$tmp/out"
secret() { # NAME FILE
    b secrets set "$1" --file "$2" >"$tmp/out"
    is "the secret $1 is kept" "$(rc)" 0
}
secret FIRST_KEY "$tmp/first.key"
secret SECOND_KEY "$tmp/second.key"

# --- no secret in plain sight

refused "a key in a header" "X-Api-Key of headers is called like something secret" \
    url=https://hooks.example headers:='{"X-Api-Key":"abc"}'
has "the words say how to keep it" "$(err)" 'belfry secrets set NAME'
has "and what to write" "$(err)" "\${NAME}"
refused "a token under any name" "X-Route of headers holds a token of GitHub" \
    url=https://hooks.example headers:='{"X-Route":"ghp_0123456789abcdefghijABCDEFGHIJ012345"}'
b integrations create --sink webhook --name mute --secrets FIRST_KEY url="http://$RECEIVER/mute?token=abc" \
    headers:='{"Authorization":"Token ${FIRST_KEY}","X-Route":"north"}' >"$tmp/out"
is "a secret that is named is taken, and other headers as they are" "$(rc)" 0
has "a token in an address is told of" "$(err)" "url holds token=, which looks like something secret"
b automations create --name mute --project vision --on ADD_ARTIFACT_ALIAS --filter '{"alias":"mute"}' \
    --integration mute --payload '{"key":"sk-0123456789abcdefghijABCDEFGHIJ0123456789"}' >"$tmp/out"
is "a payload may hold what it likes" "$(rc)" 0
has "but a key in it is told of" "$(err)" "payload holds a key of OpenAI"

# --- client certificates: what is wrong is said when it is saved

with() { # CERTIFICATE KEY: options
    printf '%s\n' "client_cert=@$tmp/$1.pem" "client_key=@$tmp/$2.key"
}
mapfile -t wrong_key < <(with first second)
refused "another certificate's key" "client_key does not belong to the certificate" \
    url="https://$TLS13/" "${wrong_key[@]}"
mapfile -t expired < <(with expired expired)
refused "an expired certificate" "client_cert has expired, at 2020-02-01T00:00:00" \
    url="https://$TLS13/" "${expired[@]}"
mapfile -t locked < <(with first locked)
refused "a key with a passphrase" "client_key is locked with a passphrase" \
    url="https://$TLS13/" "${locked[@]}"
refused "what is no key" "client_key is no private key in PEM form" \
    url="https://$TLS13/" client_cert=@"$tmp/first.pem" client_key=@"$tmp/first.csr"
refused "a key that stands with its certificate" "client_cert holds a private key" \
    url="https://$TLS13/" client_cert="$(cat "$tmp/first.pem" "$tmp/first.key")" client_key=FIRST_KEY
refused "an authority that is none" "ca is to hold a certificate in PEM" \
    url="https://$TLS13/" ca=@"$tmp/first.csr"
refused "a certificate without a key" "client_cert needs its key" \
    url="https://$TLS13/" client_cert=@"$tmp/first.pem"
mapfile -t ending < <(with ending ending)
b integrations create --sink webhook --name ending url="https://$TLS13/" "${ending[@]}" >"$tmp/out"
is "one that ends soon is taken" "$(rc)" 0
has "and told of" "$(err)" "client_cert expires at "
b integrations check ending >"$tmp/out"
has "then, and whenever it is asked for" "$(cat "$tmp/out" "$tmp/err")" "client_cert expires at "
b integrations show ending --json >"$tmp/out"
is "a key is not shown" "$(jq -c .config.client_key "$tmp/out")" '{"set":true}'
is "wherever" "$(grep -c 'PRIVATE KEY' "$tmp/out" "$tmp/hub.log" | tr '\n' ' ')" "$tmp/out:0 $tmp/hub.log:0 "

# --- and what nginx makes of them is said by a test

make() { # NAME OPTION...
    b integrations create --sink webhook --name "$@" >"$tmp/out"
    is "$1 is made" "$(rc) $(err)" "0 "
}
try() { # NAME: "delivered: HTTP 200"
    b integrations test "$1" >"$tmp/tried"
    tail -n 1 "$tmp/tried" | sed 's/, after [0-9]* ms$//'
}
for version in 1.2 1.3; do
    if [ $version = 1.2 ]; then server=$TLS12 as=12; else server=$TLS13 as=13; fi
    make "right-$as" url="https://$server/" ca=@"$tmp/servers.pem" \
        client_cert=@"$tmp/first.pem" client_key=FIRST_KEY
    is "TLS $version: the right certificate opens" "$(try "right-$as")" "delivered: HTTP 200"
    has "and is the one that was seen" "$(cat "$tmp/tried")" "< TLSv$version CN=first"
    make "none-$as" url="https://$server/" ca=@"$tmp/servers.pem"
    is "TLS $version: without one it is said what is missing" "$(try "none-$as")" \
        "would be retried: HTTP 400: the server asks for a client certificate, and got none"
    make "stranger-$as" url="https://$server/" ca=@"$tmp/servers.pem" \
        client_cert=@"$tmp/stranger.pem" client_key=@"$tmp/stranger.key"
    has "TLS $version: another authority's is not taken" "$(try "stranger-$as")" \
        "would be retried: HTTP 400: the server does not take the client certificate"
    make "blind-$as" url="https://$server/" client_cert=@"$tmp/first.pem" client_key=FIRST_KEY
    has "TLS $version: a server that nobody vouches for gets nothing" "$(try "blind-$as")" \
        "would be retried: the certificate of $server is signed by an authority that is not trusted"
done

is "the script for who writes a receiver shows one as well" \
    "$(API_ENDPOINT=https://$TLS13/ CA=$tmp/servers.pem CLIENT_CERT=$tmp/first.pem CLIENT_KEY=$tmp/first.key \
        scripts/webhook-test.sh 2>&1 | tail -n 1)" "TLSv1.3 CN=first"

# --- nobody rides on another's connection

for name in first second nobody; do
    options=()
    case $name in
    first) options=(client_cert=@"$tmp/first.pem" client_key=FIRST_KEY) ;;
    second) options=(client_cert=@"$tmp/second.pem" client_key=SECOND_KEY) ;;
    esac
    make "$name" url="https://$LOOKS/$name" ca=@"$tmp/servers.pem" "${options[@]}" --parallel 1
    b automations create --name "$name" --project vision --on ADD_ARTIFACT_ALIAS \
        --filter '{"alias":"tls"}' --integration "$name" --payload '{}' >"$tmp/out"
done
for n in 1 2 3 4; do
    emit "$(alias_event tls)" >"$tmp/answer"
    within 10 have_executions finished $((3 * n)) || bad "they are delivered" "$(api GET /api/v1/executions)"
done
grep -E '^/(first|second|nobody) ' "$tmp/nginx.log" >"$tmp/seen"
is "each is seen with its own certificate, and none without" \
    "$(cut -d' ' -f1,2 "$tmp/seen" | sort | uniq -c | tr -s ' \n' ' ')" \
    " 4 /first CN=first 4 /nobody - 4 /second CN=second "
is "each on a connection of its own, which is kept" "$(cut -d' ' -f3 "$tmp/seen" | sort -u | wc -l)" 3

# --- how it delivers

make paced url="http://$RECEIVER/paced" --pace "5/s 100/h" --parallel 2 --timeout 7
b integrations show paced --json >"$tmp/out"
is "a pace of its own is said with the command" "$(jq -c .delivery "$tmp/out" | cut -d, -f1-3 | tr -d '}')" \
    '{"pace":"5/s 100/h","parallel":2,"timeout_s":7'
b integrations update paced --pace null --timeout 9 >"$tmp/out"
b integrations show paced --json >"$tmp/out"
is "changed, and taken back" "$(jq -c '[.delivery.pace, .delivery.parallel, .delivery.timeout_s]' "$tmp/out")" '[null,2,9]'
b integrations update paced --timeout 9s >"$tmp/out"
has "what is none is told" "$(err)" "timeout_s must be a whole number from 1 to 300"
start "$tmp/slow.log" "$B/tests/tools/receive" --listen 127.0.0.1:0 --delay 30000
make slow url="http://$ADDRESS/" --timeout 1
is "a test waits no longer than a delivery would" "$(try slow)" "unknown: no answer from $ADDRESS within 1 s"

# --- a test of this or that event

event=$(emit "$(alias_event staging)" | jq -r '.events[0].id')
b integrations test paced --event "$event" --payload '{"t":"${artifact_version_string}"}' >"$tmp/tried"
has "a test may be of a recorded event" "$(cat "$tmp/tried")" 'acme/vision/resnet:staging'
b integrations test paced --event-type RUN_STATE --payload '{"t":"${event_type}"}' >"$tmp/tried"
has "or of a type" "$(cat "$tmp/tried")" '"t":"RUN_STATE"'

# --- a receiver that goes away for a while, and what failed meanwhile

cat >"$tmp/frail.mjs" <<'END'
import { createServer } from "http";
import { appendFileSync, readFileSync } from "fs";
const [, , mood, log] = process.argv;
createServer((req, res) => {
    const parts = [];
    req.on("data", d => parts.push(d)).on("end", () => {
        res.statusCode = Number(readFileSync(mood, "utf8"));
        if (res.statusCode === 200) appendFileSync(log, Buffer.concat(parts) + "\n");
        res.end();
    });
}).listen(0, "127.0.0.1", function () { console.log(`frail on 127.0.0.1:${this.address().port}`); });
END
mood() { echo "$1" >"$tmp/mood.new" && mv "$tmp/mood.new" "$tmp/mood"; }
: >"$tmp/took"
mood 404
start "$tmp/frail.log" node "$tmp/frail.mjs" "$tmp/mood" "$tmp/took"
make frail url="http://$ADDRESS/" --parallel 64
frail=$(jq -rn --argjson l "$(api GET '/api/v1/teams/acme/integrations?limit=1000')" '$l.items[] | select(.name == "frail").id')
make pager url="http://$RECEIVER/pager"
b automations create --name frail --project vision --on ADD_ARTIFACT_ALIAS --filter '{"alias":"frail"}' \
    --integration frail --payload '{"id":"${event_id}"}' >"$tmp/out"
b automations create --name pager --on belfry.integration.disabled --integration pager \
    --payload '{"who":"${data.name}","why":"${data.reason}"}' >"$tmp/out"
is "an automation may fire when an integration is disabled" "$(rc) $(err)" "0 "
of_frail() { # STATUS: how many
    local n=0 cursor='' page
    while :; do
        page=$(api GET "/api/v1/executions?integration=$frail&status=$1&limit=1000$cursor")
        n=$((n + $(jq '.items | length' <<<"$page")))
        cursor=$(jq -r '.next // empty' <<<"$page")
        [ -n "$cursor" ] || break
        cursor="&cursor=$cursor"
    done
    echo "$n"
}
of_frail_is() { [ "$(of_frail "$1")" = "$2" ]; } # STATUS COUNT
MANY=1010
for _ in $(seq $((MANY / 2))); do alias_event frail; echo; done >"$tmp/half"
emit "@$tmp/half" >"$tmp/answer"
emit "@$tmp/half" >"$tmp/answer"
within 30 of_frail_is failed $MANY || bad "a receiver that says 404 has them fail" "$(of_frail failed)"

# What is sent again and fails again is not found by the same command, which would never end.
b executions resend --integration frail --yes >"$tmp/out"
is "all of them are sent again, more than one request does" "$(cat "$tmp/out")" "$MANY resent"
within 30 of_frail_is failed $((2 * MANY)) || bad "and fail again" "$(of_frail failed)"

mood 410
emit "$(alias_event frail)" >"$tmp/answer"
disabled() { api GET "/api/v1/integrations/$frail" | jq -e .disabled >/dev/null; }
within 10 disabled || bad "410 disables it"
within 10 grep -q '"who":"frail","why":"the receiver answered 410 Gone"' "$tmp/listen.log" ||
    bad "and the team is told" "$(tail -n 5 "$tmp/listen.log")"
for _ in 1 2 3; do emit "$(alias_event frail)" >"$tmp/answer"; done
is "what comes now waits" "$(of_frail pending)" 3

mood 200
api POST "/api/v1/integrations/$frail/enable" '{"since":"1h"}' >"$tmp/answer"
is "since is of what is sent again" "$(status) $(jq -r .error.field "$tmp/answer")" "400 resend"
api POST "/api/v1/integrations/$frail/enable" '{"resend":"finished"}' >"$tmp/answer"
is "what has arrived is not" "$(status) $(jq -r .error.field "$tmp/answer")" "400 resend"
api POST "/api/v1/integrations/$frail/enable" '{"resend":"failed"}' >"$tmp/answer"
is "enabled, a thousand of what failed go again" "$(jq -c '[.disabled, .resend.resent, .resend.next != null]' "$tmp/answer")" \
    '[false,1000,true]'
since=$(jq -r .resend.since "$tmp/answer")
api POST "/api/v1/integrations/$frail/enable" \
    "{\"resend\":\"failed\",\"since\":\"$since\",\"cursor\":\"$(jq -r .resend.next "$tmp/answer")\"}" >"$tmp/answer"
is "and the rest, where it went on" "$(jq -c '[.resend.resent, .resend.next]' "$tmp/answer")" "[$((MANY + 1 - 1000)),null]"
took() { [ "$(wc -l <"$tmp/took")" -ge "$1" ]; }
within 30 took $((MANY + 4)) || bad "all are delivered in the end" "$(wc -l <"$tmp/took")"
b integrations enable frail --resend >"$tmp/out"
has "there is nothing left" "$(cat "$tmp/out")" "0 that failed are sent again"
has "and why" "$(err)" "it was not failing"
b integrations enable frail --since 1h >"$tmp/out"
has "nor of the last hour" "$(cat "$tmp/out")" "0 that failed are sent again"
is "each was delivered once" "$(sort "$tmp/took" | uniq | wc -l) $(wc -l <"$tmp/took")" "$((MANY + 4)) $((MANY + 4))"

# In one command.
mood 404
emit "$(alias_event frail)" >"$tmp/answer"
within 10 of_frail_is failed $((2 * MANY + 2)) || bad "it fails once more" "$(of_frail failed)"
mood 200
b integrations enable frail --resend >"$tmp/out"
is "in one command" "$(cat "$tmp/out")" 'integration "frail" is enabled
1 that failed is sent again'
within 10 took $((MANY + 5)) || bad "it is delivered" "$(wc -l <"$tmp/took")"

stop_hub
is "the hub ends well" $? 0
is "no key is in its log" "$(grep -c 'PRIVATE KEY' "$tmp/hub.log")" 0
finish
