#!/bin/bash
# slack_oauth.sh - a team connects Slack with an app of its own: the way of a browser, behind nginx with
# TLS, against a Slack that nobody here wrote, made as strict as the real one.
. "$(dirname "$0")/lib.sh"

command -v nginx >/dev/null || { skip "Debian's package nginx is not installed"; finish; }
need_npm

free_port() { # a port that nobody has just now
    : >"$tmp/port"
    "$BELFRY" listen 127.0.0.1:0 >"$tmp/port" & local pid=$!
    within 5 grep -q http "$tmp/port"
    kill "$pid"
    wait "$pid" 2>/dev/null
    sed -n 's/.*:\([0-9]*\),.*/\1/p' "$tmp/port"
}

# --- a certificate for localhost, and nginx in front of the hub

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$tmp/host.key" -out "$tmp/host.pem" 2>"$tmp/openssl.log"
TLS_PORT=$(free_port)
HUB_PORT=$(free_port)
SLACK_PORT=$(free_port)
cat >"$tmp/nginx.conf" <<END
daemon off; master_process off; pid $tmp/nginx.pid; error_log $tmp/nginx.err;
events {}
http {
    access_log off; client_body_temp_path $tmp/nb; proxy_temp_path $tmp/np;
    fastcgi_temp_path $tmp/nf; uwsgi_temp_path $tmp/nu; scgi_temp_path $tmp/ns;
    server {
        listen 127.0.0.1:$TLS_PORT ssl;
        ssl_certificate $tmp/host.pem; ssl_certificate_key $tmp/host.key;
        location / { proxy_pass http://127.0.0.1:$HUB_PORT; }
    }
}
END
nginx -p "$tmp" -c "$tmp/nginx.conf" 2>"$tmp/nginx.start" &
started="$started $!"

LISTEN=127.0.0.1:$HUB_PORT start_hub --log_level debug --public_url "https://localhost:$TLS_PORT" \
    --sources "{\"connect\":{\"source\":\"slack.app\",\"service\":\"http://127.0.0.1:$SLACK_PORT\",\"timeout\":\"1s\"}}"
through_nginx() { curl -sf --cacert "$tmp/host.pem" -o /dev/null "https://localhost:$TLS_PORT/readyz"; }
within 10 through_nginx || bad "the hub answers through nginx" "$(cat "$tmp/nginx.start" "$tmp/nginx.err")"

printf %s "$KEY" >"$tmp/key"
NODE_EXTRA_CA_CERTS=$tmp/host.pem add_up timeout 60 node "$(dirname "$0")/slack_oauth.mjs" \
    "https://localhost:$TLS_PORT" "$tmp/key" "$SLACK_PORT" "$tmp" "$BELFRY"
stop_hub
is "the hub stops well" $? 0

# --- what was secret is nowhere

while read -r secret; do
    is "nothing of ${secret:0:6}… is in the log or the database" \
        "$(grep -l -a -F -e "$secret" "$tmp/hub.log" "$tmp"/data/* 2>/dev/null | xargs)" ""
done <"$tmp/secrets"

# --- as an operator and a newcomer meet it

is "without its plugin, the command says what the hub lacks" "$(
    DATA=$tmp/other start_hub --plugins "http webhook" >/dev/null
    api PUT /api/v1/teams/acme '{}' >/dev/null
    BELFRY_API_KEY=$KEY "$BELFRY" integrations connect slack --name a --url "$URL" 2>&1
    stop_hub)" 'belfry integrations connect: the hub has no plugin that connects slack; its operator adds it to the setting plugins, as in: plugins = { "http", "webhook", "slack" }'
finish
