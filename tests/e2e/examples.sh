#!/bin/bash
# examples.sh - the five payloads of W&B's own documentation, sent to programs nobody here wrote:
# Debian's `webhook` takes them, nginx with TLS stands in front of it.
. "$(dirname "$0")/lib.sh"
here=$(dirname "$0")

command -v webhook >/dev/null || { skip "Debian's package webhook is not installed"; finish; }
command -v nginx >/dev/null || { skip "Debian's package nginx is not installed"; finish; }

# --- a certificate authority of our own, and a certificate for the host

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-authority \
    -keyout "$tmp/ca.key" -out "$tmp/ca.pem" 2>"$tmp/openssl.log"
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
    -keyout "$tmp/host.key" -out "$tmp/host.csr" 2>>"$tmp/openssl.log"
printf 'subjectAltName=DNS:localhost\n' >"$tmp/ext"
openssl x509 -req -in "$tmp/host.csr" -CA "$tmp/ca.pem" -CAkey "$tmp/ca.key" -CAcreateserial -days 2 \
    -extfile "$tmp/ext" -out "$tmp/host.pem" 2>>"$tmp/openssl.log"

# --- webhook: takes a request only with the right token, and keeps the body it was given

cat >"$tmp/keep" <<END
#!/bin/sh
printf '%s' "\$2" >"$tmp/took.\$1.tmp" && mv "$tmp/took.\$1.tmp" "$tmp/took.\$1"
END
chmod +x "$tmp/keep"
examples="github_dispatch deploy tracking_sync teams_card slack_blocks"
for name in $examples; do
    jq -n --arg id "$name" --arg keep "$tmp/keep" '{
        id: $id, "execute-command": $keep, "http-methods": ["POST"],
        "pass-arguments-to-command": [{source: "string", name: $id}, {source: "entire-payload"}],
        "trigger-rule": {match: {type: "value", value: "Bearer the-token-of-the-receiver",
            parameter: {source: "header", name: "Authorization"}}},
        "trigger-rule-mismatch-http-response-code": 403}'
done | jq -s --arg echo "$tmp/echo" '. + [{id: "echo", "execute-command": $echo,
    "include-command-output-in-response": true,
    "pass-arguments-to-command": [{source: "entire-payload"}, {source: "entire-headers"}]}]' \
    >"$tmp/hooks.json"
printf '#!/bin/sh\nprintf "%%s %%s" "$1" "$2"\n' >"$tmp/echo"
chmod +x "$tmp/echo"
HOOK_PORT=$(free_port)
webhook -hooks "$tmp/hooks.json" -ip 127.0.0.1 -port "$HOOK_PORT" >"$tmp/webhook.log" 2>&1 &
started="$started $!"

# --- nginx in front

TLS_PORT=$(free_port)
start_tls "$TLS_PORT" "$HOOK_PORT"
answers() { curl -s --cacert "$tmp/ca.pem" -o /dev/null "https://localhost:$TLS_PORT/"; }
within 10 answers || bad "nginx and webhook answer" "$(cat "$tmp/nginx.start" "$tmp/webhook.log")"

# --- the hub

start_hub --ca_file "$tmp/ca.pem"
add_team acme
add_secret acme TOKEN the-token-of-the-receiver
add_secret acme WRONG another-token
for name in $examples; do
    ID=$(add_webhook acme "$name" \
        "{\"url\":\"https://localhost:$TLS_PORT/hooks/$name\",\"access_token\":\"TOKEN\"}")
    automate "$name" "$name" "$ID" "$(cat "$here/examples/$name.json")" >"$tmp/made"
    is "$name is made" "$(status)" 201
    emit "$(alias_event "$name")" >"$tmp/answer"
    within 10 test -f "$tmp/took.$name" ||
        bad "$name arrives" "$(api GET '/api/v1/executions?limit=1')" "$(tail -n 3 "$tmp/webhook.log")"
done

# What arrived is the template with the values of the event put in, and JSON.
filled() { # NAME: the template, filled in by sed
    sed 's/${event_author}/ana/; s/${event_type}/ADD_ARTIFACT_ALIAS/; s/${entity_name}/acme/
         s/${project_name}/vision/; s/${artifact_collection_name}/resnet/
         s|${artifact_version}|wandb-artifact://_id/QXJ0|; s/${artifact_metadata.model_type}/cnn/
         s|${artifact_version_string}|acme/vision/resnet:'"$1"'|' "$here/examples/$1.json" | jq -S .
}
for name in $examples; do
    is "$name is filled in" "$(jq -S . "$tmp/took.$name" 2>&1)" "$(filled "$name")"
done
within 5 have_executions finished 5 || bad "all are finished" "$(api GET /api/v1/executions)"

# --- a receiver that sends back all it got: the history shows it without the secret

echo=$(add_webhook acme echo \
    "{\"url\":\"https://localhost:$TLS_PORT/hooks/echo\",\"access_token\":\"TOKEN\"}")
automate echo echoed "$echo" '{"token": "${ACCESS_TOKEN}", "alias": "${alias}"}' >"$tmp/made"
emit "$(alias_event echoed)" >"$tmp/answer"
within 5 have_executions finished 6 || bad "the echo is delivered" "$(api GET /api/v1/executions)"
execution=$(api GET '/api/v1/executions?limit=1' | jq -r '.items[0].id')
response=$(api GET "/api/v1/executions/$execution" | jq -r '.attempt_records[0].response')
has "the answer is kept" "$response" '"alias":"echoed"'
has "with the secret's name in its place" "$response" '"token":"${TOKEN}"'
is "and its value nowhere" "$(grep -c the-token-of <<<"$response")" 0
is "nor in the database" "$(cat "$DATA"/belfry.db* | grep -c -a the-token-of)" 0

# --- what must not get through

refused=$(add_webhook acme refused \
    "{\"url\":\"https://localhost:$TLS_PORT/hooks/deploy\",\"access_token\":\"WRONG\"}")
automate refused refused "$refused" '{}' >"$tmp/made"
emit "$(alias_event refused)" >"$tmp/answer"
within 5 have_executions failed 1 || bad "a wrong token is a failure" "$(api GET /api/v1/executions)"
is "with the receiver's status" "$(execution=$(api GET '/api/v1/executions?status=failed' |
    jq -r '.items[0].id'); api GET "/api/v1/executions/$execution" |
    jq -r '.attempt_records[0].http_status')" 403
stop_hub
start_hub
emit "$(alias_event deploy)" >"$tmp/answer"
distrusts() { api GET '/api/v1/executions?limit=1' | jq -e '.items[0].attempts > 0' >/dev/null; }
within 5 distrusts || bad "the attempt is recorded"
execution=$(api GET '/api/v1/executions?limit=1' | jq -r '.items[0].id')
has "without the authority the certificate is refused" \
    "$(api GET "/api/v1/executions/$execution" | jq -r '.attempt_records[0].reason')" certificate
finish
