#!/bin/bash
# master_key.sh - another master key under load, and with the hub killed in the middle.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0 --secret s3cret-to-sign-with
RECEIVER=$ADDRESS
signed() { [ "$(grep -c 'signature ok' "$tmp/listen.log")" -ge "$1" ]; }
bytes() { od -An -tx1 -v "$1" | tr -d ' \n'; }
rotate() { api POST /api/v1/master-key/rotate '{}'; }

# Many secrets in one go: a rotation then has several slices.
add_secrets() { # COUNT
    for i in $(seq "$1"); do
        printf 'next\nurl = "%s/api/v1/teams/acme/secrets/S%d"\nrequest = PUT\ndata = "%s"\n' \
            "$URL" "$i" "{\\\"value\\\":\\\"value-of-$i\\\"}"
        printf 'header = "Authorization: Bearer %s"\noutput = "%s"\nsilent\n' "$KEY" "$tmp/put"
    done | sed 1d >"$tmp/puts"
    curl -K "$tmp/puts"
}

start_hub
add_team acme
add_secret acme SIGNING s3cret-to-sign-with
add_secrets 300
ID=$(add_webhook acme receiver "{\"url\":\"http://$RECEIVER/hook\",\"secret\":\"SIGNING\",\"access_token\":\"literal token 1\"}")
automate promote production "$ID" '{}' >"$tmp/answer"
emit "$(alias_event production)" >"$tmp/answer"
within 5 signed 1 || bad "a webhook is signed before"

# --- under load

before=$(bytes "$DATA/master.key")
cp "$DATA/master.key" "$tmp/old.key"
(
    for _ in $(seq 60); do
        curl -s -o "$tmp/ack" -w '%{http_code} %{time_total}\n' -H "Authorization: Bearer $KEY" \
            --data-binary "$(alias_event production)" "$URL/api/v1/events"
    done >"$tmp/acks"
) &
load=$!
answer=$(rotate)
is "the master key is rotated" "$(status)" 200
is "with all secrets" "$(jq -c '[.secrets, .unreadable]' <<<"$answer")" "[302,0]"
answer=$(rotate)
is "and again" "$(status) $(jq .secrets <<<"$answer")" "200 302"
wait "$load"
is "events are taken all the while" "$(grep -c '^202 ' "$tmp/acks")" 60
within 10 signed 61 || bad "and delivered, rightly signed" "$(grep -c 'signature ok' "$tmp/listen.log")"
is "none of them failed" "$(executions failed)" 0
[ "$(bytes "$DATA/master.key")" != "$before" ] || bad "the file holds another key"
is "that only its owner may read" "$(stat -c %a "$DATA/master.key")" 600
is "the journal says who did it" \
    "$(api GET "/api/v1/events?entity=admin" | jq -r '[.items[] | select(.type == "belfry.master_key.rotated") | .author] | join(" ")')" \
    "admin admin"
api POST /api/v1/master-key/rotate '{"now":true}' >"$tmp/answer"
is "a member that is not known is refused" "$(status) $(jq -r .error.field "$tmp/answer")" "400 now"

# --- the old key opens nothing

stop_hub
cp "$DATA/master.key" "$tmp/new.key"
cp "$tmp/old.key" "$DATA/master.key"
"$BELFRY" serve --data "$DATA" --listen 127.0.0.1:0 >"$tmp/refused" 2>&1
is "the old master key opens the new database no more" $? 1
has "and is called so" "$(cat "$tmp/refused")" "is not the key that this database was made with"
cp "$tmp/new.key" "$DATA/master.key"

# --- killed in the middle

n=$(grep -c 'signature ok' "$tmp/listen.log")
for _ in $(seq 12); do
    start_hub
    curl -s -o "$tmp/rotated" -X POST -H "Authorization: Bearer $KEY" "$URL/api/v1/master-key/rotate" &
    rotation=$!
    sleep "0.0$((RANDOM % 6))$((RANDOM % 10))"
    kill -9 "$HUB_PID"
    wait "$HUB_PID" "$rotation" 2>/dev/null
done
start_hub
emit "$(alias_event production)" >"$tmp/answer"
is "after twelve kills the key of the admin is one" "$(status)" 202
within 10 signed $((n + 1)) || bad "and secrets open" "$(tail -n 5 "$tmp/hub.log")"
is "both of them" "$(executions failed)" 0
[ ! -e "$DATA/master.key.next" ] || bad "no half of a rotation is left"
is "and the next rotation finds all of them" "$(rotate | jq -c '[.secrets, .unreadable]')" "[302,0]"
"$BELFRY" secrets rotate --data "$DATA" >"$tmp/answer" 2>&1
is "not by another program while the hub runs" $? 1
has "which is told" "$(cat "$tmp/answer")" "another hub is running"
stop_hub
is "the hub ends well" $? 0

# --- while no hub runs

before=$(bytes "$DATA/master.key")
"$BELFRY" secrets rotate --data "$DATA" >"$tmp/answer" 2>&1
is "a command does it while none runs" $? 0
[ "$(bytes "$DATA/master.key")" != "$before" ] || bad "and the key is another one"
"$BELFRY" secrets rotate --data "$tmp/nowhere" >"$tmp/answer" 2>&1
is "but not where no hub has been" "$? $(ls -d "$tmp/nowhere" 2>/dev/null)" "1 "
start_hub
emit "$(alias_event production)" >"$tmp/answer"
within 10 signed $((n + 2)) || bad "secrets open as before" "$(tail -n 5 "$tmp/hub.log")"
is "all of them" "$(rotate | jq -c '[.secrets, .unreadable]')" "[302,0]"

finish
