#!/bin/bash
# metrics.sh - /metrics as promtool and Prometheus read it; who may; and health while the store is
# stuck.
. "$(dirname "$0")/lib.sh"

TOKEN=a-token-for-the-monitoring-alone
start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
RECEIVER=$ADDRESS
export BELFRY_METRICS_TOKEN=$TOKEN
start_hub
unset BELFRY_METRICS_TOKEN

metrics() { curl -sf -m 10 -H "Authorization: Bearer $TOKEN" "$URL/metrics"; }
sample() { metrics | awk -v want="$1" '$1 == want { print $2; found = 1 } END { if (!found) print "absent" }'; }
code() { curl -s -o "$tmp/null" -w '%{http_code}' "$@" "$URL/metrics"; }

# --- who may

is "nobody else may read it" "$(code)" 401
is "nor with a wrong token" "$(code -H "Authorization: Bearer ${TOKEN}x")" 401
is "nor with a part of it" "$(code -H "Authorization: Bearer ${TOKEN%?}")" 401
is "nor with none" "$(code -H 'Authorization: Bearer ')" 401
is "the token may" "$(code -H "Authorization: Bearer $TOKEN")" 200
is "and so may an admin of the hub" "$(code -H "Authorization: Bearer $KEY")" 200
is "the token opens nothing else" "$(curl -s -o "$tmp/null" -w '%{http_code}' \
    -H "Authorization: Bearer $TOKEN" "$URL/api/v1/plugins")" 401
has "its type is Prometheus' own" "$(curl -sD - -o "$tmp/null" -H "Authorization: Bearer $TOKEN" "$URL/metrics")" \
    "text/plain; version=0.0.4"

# --- what is counted

add_team acme
automate good good "$(add_webhook acme good "{\"url\":\"http://$RECEIVER/\"}")" '{}' >"$tmp/made"
automate down down "$(add_webhook acme down '{"url":"http://127.0.0.1:9/"}')" '{}' >"$tmp/made"
events_before=$(sample 'belfry_events_total{source="http"}')
for _ in 1 2 3; do emit "$(alias_event good)" >"$tmp/answer"; done
emit "$(alias_event good ',"key":"k"')" >"$tmp/answer"
emit "$(alias_event good ',"key":"k"')" >"$tmp/answer"
emit "$(alias_event down)" >"$tmp/answer"
emit 'not json' >"$tmp/answer"
within 5 have_executions finished 4 || bad "four are delivered"
retried() { [ "$(sample 'belfry_attempts_total{outcome="retry"}')" = 1 ]; }
within 5 retried || bad "one is to be tried again"
metrics >"$tmp/metrics"
now() { awk -v want="$1" '$1 == want { print $2 }' "$tmp/metrics"; }
events=$(now 'belfry_events_total{source="http"}')
is "events by source" "$((events - ${events_before/absent/0}))" 6
[ "$(now 'belfry_events_total{source="hub"}')" -ge 2 ] && good || bad "the hub's own records"
is "repeats among them" "$(now 'belfry_event_duplicates_total{source="http"}')" 1
is "executions" "$(now belfry_executions_made_total)" 5
is "those that are finished" "$(now 'belfry_executions_total{status="finished"}')" 4
is "attempts" "$(now 'belfry_attempts_total{outcome="delivered"}')" 4
is "requests, to the bucket above all" "$(now 'belfry_delivery_seconds_bucket{le="+Inf"}')" 5
is "what waits" "$(now belfry_executions_pending)" 1
is "a destination that fails" "$(now 'belfry_destinations{state="failing"}')" 1
is "answers by route and status" \
    "$(now 'belfry_http_requests_total{method="POST",route="/api/v1/events",status="202"}')" 6
is "refused ones too" \
    "$(now 'belfry_http_requests_total{method="POST",route="/api/v1/events",status="400"}')" 1
is "the hub is ready" "$(now belfry_ready)" 1
[ "$(now 'belfry_database_bytes{file="wal"}')" -gt 4096 ] && good || bad "the database has a size"
[ "$(now belfry_commit_seconds_count)" -gt 5 ] && good || bad "commits are timed"
[ "$(now process_resident_memory_bytes)" -gt 1000000 ] && good || bad "the process has a size"
[ "$(now process_open_fds)" -gt 5 ] && good || bad "and open files"
is "no team, key or address is in a label" "$(grep -c "acme\|$KEY\|$RECEIVER\|$TOKEN" "$tmp/metrics")" 0

# --- as its peers read it

if command -v promtool >/dev/null; then
    is "promtool finds nothing to complain of" "$(promtool check metrics <"$tmp/metrics" 2>&1)" ""
else
    skip "promtool is not installed"
fi
if command -v prometheus >/dev/null; then
    printf '%s' "$TOKEN" >"$tmp/token"
    cat >"$tmp/prometheus.yml" <<END
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: belfry
    authorization: {credentials_file: $tmp/token}
    static_configs: [{targets: ["${URL#http://}"]}]
END
    : >"$tmp/port"
    "$BELFRY" listen 127.0.0.1:0 >>"$tmp/port" & port_pid=$!
    within 5 grep -q http "$tmp/port"
    kill "$port_pid"
    wait "$port_pid" 2>/dev/null
    PROMETHEUS=$(sed -n 's/.*:\/\/\([0-9.:]*\),.*/\1/p' "$tmp/port")
    prometheus --config.file="$tmp/prometheus.yml" --storage.tsdb.path="$tmp/tsdb" \
        --web.listen-address="$PROMETHEUS" >"$tmp/prometheus.log" 2>&1 &
    started="$started $!"
    scraped() { curl -s "http://$PROMETHEUS/api/v1/query?query=belfry_executions_made_total" |
        jq -e '.data.result[0].value[1] == "5"' >"$tmp/null"; }
    within 20 scraped || bad "Prometheus scrapes it" "$(tail -n 5 "$tmp/prometheus.log")"
    good
else
    skip "prometheus is not installed"
fi

# --- the store is stuck: another program holds its lock, for as long as nobody reads its output

mkfifo "$tmp/pipe"
sleep 60 <"$tmp/pipe" & holder=$!
started="$started $holder"
"$B/tests/tools/sql" "$DATA/belfry.db" "BEGIN IMMEDIATE; WITH RECURSIVE c(x) AS
    (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT printf('%.1000c', 'x') FROM c" >"$tmp/pipe" & locker=$!
started="$started $locker"
sleep 0.3
curl -s -m 30 -o "$tmp/stuck" -w '%{http_code}' -H "Authorization: Bearer $KEY" \
    -d "$(alias_event good)" "$URL/api/v1/events" >"$tmp/stuck.status" & sender=$!
started="$started $sender"
ready() { [ "$(curl -s -m 2 -o "$tmp/ready" -w '%{http_code}' "$URL/readyz")" = "$1" ]; }
within 2 ready 503 || bad "/readyz tells within 2 s that the store is stuck" "$(cat "$tmp/ready")"
has "and why" "$(cat "$tmp/ready")" "the store"
is "/healthz answers meanwhile" "$(curl -s -m 1 -o "$tmp/null" -w '%{http_code}' "$URL/healthz")" 200
is "and so does /metrics" "$(sample belfry_ready)" 0
kill "$locker" "$holder"
within 5 ready 200 || bad "and when it goes on" "$(cat "$tmp/ready")"
wait "$sender"
has "whoever waited has an answer" "202 503" "$(cat "$tmp/stuck.status")"

stop_hub
is "the hub stops in order" $? 0
finish
