#!/bin/bash
# disk_full.sh - a full disk is an answer, not a loss: 503, reads go on, and normal work again when
# there is room.
. "$(dirname "$0")/../e2e/lib.sh"

mkdir "$tmp/small"
if ! mount -t tmpfs -o size=4m none "$tmp/small" 2>"$tmp/mount.err"; then
    skip "no file system can be mounted here: $(cat "$tmp/mount.err")"
    finish
fi
trap 'stop_all; umount "$tmp/small"; rm -rf "$tmp"' EXIT

DATA=$tmp/small/data
start "$tmp/receive.log" "$B/tests/tools/receive" --listen 127.0.0.1:0 --ids-file "$tmp/received"
RECEIVER=$ADDRESS
start_hub
add_team acme
automate promote production "$(add_webhook acme receiver "{\"url\":\"http://$RECEIVER/\"}")" \
    '{"id": "${event_id}"}' >"$tmp/made"
first=$(emit "$(alias_event production)" | jq -r '.events[0].id')

filler=",\"data\":\"$(head -c 20000 /dev/zero | tr '\0' x)\""
acknowledged=1
for _ in $(seq 400); do
    emit "$(alias_event production "$filler")" >"$tmp/answer"
    [ "$(status)" = 202 ] || break
    acknowledged=$((acknowledged + 1))
done
is "a full disk is answered with 503" "$(status)" 503
is "as JSON with a code" "$(jq -r .error.code <"$tmp/answer")" store_unavailable
has "and when to come back" "$(curl -s -i -m 10 "$URL/api/v1/events" -H "Authorization: Bearer $KEY" \
    -d "$(alias_event production "$filler")")" "Retry-After"
is "readyz tells" "$(curl -s -o /dev/null -w '%{http_code}' "$URL/readyz")" 503
is "healthz still answers" "$(curl -s -o /dev/null -w '%{http_code}' "$URL/healthz")" 200
is "reads keep working" "$(api GET "/api/v1/events/$first" | jq -r .alias)" production

mount -o remount,size=64m "$tmp/small"
works_again() {
    emit "$(alias_event production)" >"$tmp/answer"
    [ "$(status)" = 202 ]
}
within 5 works_again || bad "normal again within 5 s after space returns" "$(cat "$tmp/answer")"
acknowledged=$((acknowledged + 1))
all_delivered() { [ "$(executions pending)" = 0 ]; }
within 20 all_delivered || bad "all is delivered" "$(executions pending) pending"
is "readyz is green" "$(curl -s -o /dev/null -w '%{http_code}' "$URL/readyz")" 200
stop_hub
is "the hub stops in order" $? 0
sql() { "$B/tests/tools/sql" "$DATA/belfry.db" "$1"; }
is "exactly what was acknowledged is in the journal" \
    "$(sql "SELECT count(*) FROM journal WHERE type = 'artifact.alias.add'")" "$acknowledged"
is "each of it once in the outbox, and finished" \
    "$(sql 'SELECT count(DISTINCT event) FROM executions WHERE status = 2')" "$acknowledged"
is "the database is whole" "$(sql 'PRAGMA integrity_check')" ok
finish
