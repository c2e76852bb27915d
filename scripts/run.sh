#!/bin/sh
# run.sh BUILD - a hub to look at: with a team, a webhook and one automation, and a receiver that
# prints what arrives.
#
# On the first start it plays one event through, so that the whole way is seen once.  Everything is
# kept in BUILD/run; remove that directory to begin again.  Ends with Ctrl-C.
set -eu

build=$1
run=$build/run
listen=${BELFRY_LISTEN:-127.0.0.1:8320}
receiver=${BELFRY_RECEIVER:-127.0.0.1:8321}
url=http://$listen
secret=a-secret-to-sign-with

mkdir -p "$run"
first=
[ -f "$run/admin.key" ] || first=1
if [ -n "$first" ]; then
    (umask 077 && echo "bf-$(tr -dc 'A-Za-z0-9' </dev/urandom | head -c 40)" >"$run/admin.key")
fi
key=$(cat "$run/admin.key")

hub_pid='' receiver_pid=''
stop() {
    trap - INT TERM EXIT
    # shellcheck disable=SC2086 # one of them may not be there
    kill $hub_pid $receiver_pid 2>/dev/null || true
    wait
}
trap stop EXIT
trap 'exit 0' INT TERM

api() { # METHOD PATH BODY
    curl -sS --fail-with-body -X "$1" "$url$2" -H "Authorization: Bearer $key" -d "$3" || {
        echo "^ $1 $2" >&2
        exit 1
    }
}

wait_ready() {
    for _ in $(seq 100); do
        kill -0 "$hub_pid" 2>/dev/null || exit 1
        curl -sf "$url/readyz" >/dev/null && return
        sleep 0.05
    done
    echo "run.sh: the hub is not ready after 5 s" >&2
    exit 1
}

"$build/belfry" listen "$receiver" --secret "$secret" &
receiver_pid=$!
BELFRY_ADMIN_KEY=$key "$build/belfry" serve --data "$run/data" --listen "$listen" \
    --allow_addresses 127.0.0.0/8 &
hub_pid=$!
wait_ready

set_up() {
    api PUT /api/v1/teams/acme '{}' >/dev/null
    api PUT /api/v1/teams/acme/secrets/SIGNING '{"value":"'"$secret"'"}' >/dev/null
    integration=$(api POST /api/v1/teams/acme/integrations \
        '{"sink":"webhook","name":"receiver",
          "config":{"url":"http://'"$receiver"'/hook","secret":"SIGNING"}}' | jq -r .id)
    api POST /api/v1/automations '{
        "name": "deploy what is promoted",
        "scope": {"entity": "acme", "project": "vision"},
        "event": {"type": "ADD_ARTIFACT_ALIAS", "filter": {"alias": "production"}},
        "actions": [{"integration": "'"$integration"'", "config": {"payload": {
            "text": "${event_author} promoted ${artifact_version_string}",
            "accuracy": "${json:artifact_metadata.accuracy}"}}}]}' >/dev/null
}

emit() {
    api POST /api/v1/events "$event"
    echo
}

event='{"type":"artifact.alias.add","entity":"acme","project":"vision","collection":"resnet",
 "alias":"production","author":"ana","artifact":{"version":"v7","metadata":{"accuracy":0.93}}}'

if [ -n "$first" ]; then
    set_up
    echo
    echo "An event: ana puts the alias \"production\" on acme/vision/resnet:v7"
    emit
    sleep 1
fi

cat <<END
The hub runs on $url; what it keeps is in $run.
It has one automation: the alias "production" in acme/vision calls the receiver above.
Send it another event:

    curl $url/api/v1/events -H "Authorization: Bearer \$(cat $run/admin.key)" -d '
$event'

and ask what became of it:

    curl $url/api/v1/executions -H "Authorization: Bearer \$(cat $run/admin.key)"

Ctrl-C stops both.
END
wait "$hub_pid"
