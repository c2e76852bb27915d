#!/bin/bash
# slack_oauth.sh - a team connects Slack with an app of its own: the way of a browser, behind nginx with
# TLS, against a Slack that nobody here wrote, made as strict as the real one.
. "$(dirname "$0")/lib.sh"

command -v nginx >/dev/null || { skip "Debian's package nginx is not installed"; finish; }
need_npm

# --- a certificate for localhost, and nginx in front of the hub

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$tmp/host.key" -out "$tmp/host.pem" 2>"$tmp/openssl.log"
TLS_PORT=$(free_port)
HUB_PORT=$(free_port)
SLACK_PORT=$(free_port)
start_tls "$TLS_PORT" "$HUB_PORT"

LISTEN=127.0.0.1:$HUB_PORT start_hub --log_level debug --public_url "https://localhost:$TLS_PORT" \
    --sources "{\"connect\":{\"source\":\"slack.app\",\"service\":\"http://127.0.0.1:$SLACK_PORT\",\"timeout\":\"2s\"}}"
through_nginx() { curl -sf --cacert "$tmp/host.pem" -o /dev/null "https://localhost:$TLS_PORT/readyz"; }
within 10 through_nginx || bad "the hub answers through nginx" "$(cat "$tmp/nginx.start" "$tmp/nginx.err")"

printf %s "$KEY" >"$tmp/key"
NODE_EXTRA_CA_CERTS=$tmp/host.pem add_up timeout 120 node "$(dirname "$0")/slack_oauth.mjs" \
    "https://localhost:$TLS_PORT" "$tmp/key" "$SLACK_PORT" "$tmp" "$BELFRY"
stop_hub
is "the hub stops well" $? 0

# --- what was secret is nowhere

while read -r secret; do
    is "nothing of ${secret:0:6}… is in the log or the database" \
        "$(grep -l -a -F -e "$secret" "$tmp/hub.log" "$tmp"/data/* 2>/dev/null | xargs)" ""
done <"$tmp/secrets"

# --- as a newcomer meets it: no public_url, and a service that nobody connects

DATA=$tmp/fresh start_hub
add_team acme
add_secret acme SLACK_CLIENT_ID 12345.67890
add_secret acme SLACK_CLIENT_SECRET app-s3cret
connect() { # SERVICE: standard error
    BELFRY_API_KEY=$KEY BELFRY_URL=$URL HOME=$tmp XDG_CONFIG_HOME='' \
        "$BELFRY" integrations connect "$1" --name a --no-wait 2>&1 >/dev/null
}
has "it is told that Slack comes back to https alone" "$(connect slack)" \
    "warning: Slack sends browsers back to https addresses only, and this hub is at $URL/"
is "and what there is not" "$(connect jira)" "belfry integrations connect: the hub has no plugin that \
connects jira; its operator puts one into plugin_dir, or adds it to the setting plugins; what is not \
connected in a browser is made with: belfry integrations create"
finish
