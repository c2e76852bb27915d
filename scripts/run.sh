#!/bin/sh
# run.sh BUILD - a hub to look at: with a team, a webhook and one automation, and a receiver that
# prints what arrives.
#
# On the first start it plays one event through, so that the whole way is seen once.  Everything is
# kept in BUILD/run; remove that directory to begin again.  Ends with Ctrl-C.  BELFRY_LISTEN and
# BELFRY_RECEIVER are the addresses of the two.
set -eu

build=$1
belfry=$build/belfry
run=$build/run
listen=${BELFRY_LISTEN:-127.0.0.1:8320}
receiver=${BELFRY_RECEIVER:-127.0.0.1:8321}
secret=a-secret-to-sign-with
unset BELFRY_URL BELFRY_API_KEY BELFRY_TEAM BELFRY_CONFIG

# Before anything is said of a hub that would be another's.
status=0
"$belfry" status --url "http://$listen" >/dev/null 2>&1 || status=$?
if [ "$status" -ne 3 ]; then        # 3: nobody answers
    echo "run.sh: another program listens on $listen; stop it, or choose other addresses:" >&2
    echo "    BELFRY_LISTEN=127.0.0.1:8330 BELFRY_RECEIVER=127.0.0.1:8331 make run" >&2
    exit 1
fi

mkdir -p "$run"
XDG_CONFIG_HOME=$(cd "$run" && pwd)/config
export XDG_CONFIG_HOME
if [ ! -f "$run/admin.key" ]; then
    (umask 077 && echo "bf-$(tr -dc 'A-Za-z0-9' </dev/urandom | head -c 40)" >"$run/admin.key")
fi

hub_pid='' receiver_pid=''
stop() {
    trap - INT TERM EXIT
    # shellcheck disable=SC2086 # one of them may not be there
    kill $hub_pid $receiver_pid 2>/dev/null || true
    wait
}
trap stop EXIT
trap 'exit 0' INT TERM

# Once it answers, its key is kept for all that follows.
wait_ready() {
    for _ in $(seq 100); do
        kill -0 "$hub_pid" 2>/dev/null || exit 1
        "$belfry" login "http://$listen" <"$run/admin.key" >/dev/null 2>"$run/login.err" && return
        sleep 0.05
    done
    cat "$run/login.err" >&2
    echo "run.sh: the hub is not ready after 5 s" >&2
    exit 1
}

"$belfry" listen "$receiver" --secret "$secret" &
receiver_pid=$!
# In a session of its own: Ctrl-C would reach it and then our TERM, and of two it stops at once.
BELFRY_ADMIN_KEY=$(cat "$run/admin.key") setsid "$belfry" serve --data "$run/data" --listen "$listen" \
    --allow-addresses 127.0.0.0/8 &
hub_pid=$!
wait_ready
kill -0 "$receiver_pid" 2>/dev/null || {
    echo "run.sh: choose another address for the receiver: BELFRY_RECEIVER=127.0.0.1:8331 make run" >&2
    exit 1
}

set_up() {
    "$belfry" teams create acme
    echo "$secret" | "$belfry" secrets set SIGNING
    "$belfry" integrations create --sink webhook --name receiver \
        url="http://$receiver/hook" secret=SIGNING
    # shellcheck disable=SC2016 # the hub expands them
    "$belfry" automations create --name "deploy what is promoted" --project vision \
        --on ADD_ARTIFACT_ALIAS --filter '{"alias":"production"}' --integration receiver \
        --payload '{"model":"${artifact_version_string}","by":"${event_author}",'\
'"accuracy":"${json:artifact_metadata.accuracy}"}'
}

if [ -f "$run/is-set-up" ]; then
    "$belfry" integrations update receiver url="http://$receiver/hook" >/dev/null
else
    set_up
    touch "$run/is-set-up"
    echo
    echo "An event: ana puts the alias \"production\" on acme/vision/resnet:v7"
    "$belfry" emit --type artifact.alias.add --project vision --collection resnet \
        --alias production --author ana artifact.version=v7 artifact.metadata.accuracy:=0.93 \
        >/dev/null
    sleep 1
fi

cat <<END
The hub runs on http://$listen; what it keeps is in $run.
It has one automation: the alias "production" in acme/vision calls the receiver above.
In another terminal, send it another event, and ask what became of it:

    export XDG_CONFIG_HOME=$XDG_CONFIG_HOME     # this hub's key is there
    $belfry emit --type artifact.alias.add --project vision --collection resnet \\
        --alias production --author ana artifact.version=v8 artifact.metadata.accuracy:=0.94
    $belfry executions list

$belfry help lists what else there is.  Ctrl-C stops both.
END
wait "$hub_pid"
