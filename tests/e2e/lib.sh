# lib.sh - what the end-to-end tests share.  Sourced by each; B is the build directory.
#
# A test file starts hubs and receivers on free ports in a directory of its own, makes claims with
# `is` and `has`, and ends with `finish`, which prints "N passed, N failed".
# shellcheck shell=bash disable=SC2034

set -u
B=${B:-build}
BELFRY=$B/belfry
tmp=$(mktemp -d /tmp/belfry-e2e-XXXXXX)
KEY=bf-0123456789abcdef0123456789abcdef01234567
passed=0 failed=0 skipped=0
started=

stop_all() {
    exec 2>/dev/null    # bash tells of each that it was killed
    # shellcheck disable=SC2086 # a list
    [ -z "$started" ] || kill -9 $started
    wait
}
trap 'stop_all; rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM

# --- claims -------------------------------------------------------------------

good() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED: $1"
    shift
    printf '    %s\n' "$@"
}

is() { # CLAIM GOT WANT
    if [ "$2" = "$3" ]; then good; else bad "$1" "got:  $2" "want: $3"; fi
}

has() { # CLAIM TEXT PART
    case "$2" in *"$3"*) good ;; *) bad "$1" "got:     $2" "without: $3" ;; esac
}

at_most() { # CLAIM GOT LIMIT (whole numbers)
    if [ "$2" -le "$3" ]; then good; else bad "$1" "got $2, more than $3"; fi
}

skip() { # REASON
    skipped=$((skipped + 1))
    echo "skipped: $1"
}

# Run a program that ends with "N passed, N failed", and add up what it says.
add_up() { # COMMAND...
    local line
    "$@" >"$tmp/added" 2>&1
    line=$(tail -n 1 "$tmp/added")
    if [[ "$line" =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        sed '$d' "$tmp/added"
    else
        bad "$* runs to its end" "$(cat "$tmp/added")"
    fi
}

finish() {
    if [ "$failed" -gt 0 ] && [ -s "$tmp/hub.log" ]; then
        echo "--- the end of the hub's log"
        tail -n 30 "$tmp/hub.log"
    fi
    [ "$skipped" -eq 0 ] || more=", $skipped skipped"
    echo "$passed passed, $failed failed${more-}"
    [ "$failed" -eq 0 ]
    exit
}

# Call a command until it succeeds, for at most SECONDS.  Asking costs more than what is waited for, so
# who waits for long asks less often.
within() { # SECONDS COMMAND...
    local until=$((${EPOCHREALTIME/./} + $1 * 1000000)) pause=0.02
    shift
    until "$@"; do
        [ "${EPOCHREALTIME/./}" -lt "$until" ] || return 1
        sleep "$pause"
        [ "$pause" = 0.02 ] && pause=0.05 || pause=0.1
    done
}

# --- programs -----------------------------------------------------------------

# Start a program that prints "… on [http://]HOST:PORT" and wait for that line; ADDRESS and PID are
# set.
start() { # LOGFILE COMMAND...
    local log=$1
    shift
    : >"$log"
    "$@" >>"$log" 2>&1 &
    PID=$!
    started="$started $PID"
    within 10 grep -qE ' on (http://)?[^ ]+:[0-9]+' "$log" || {
        echo "$1 did not start:"
        cat "$log"
        exit 1
    }
    ADDRESS=$(grep -oE ' on (http://)?[^ ]+:[0-9]+' "$log" | head -n 1 |
        sed -E 's/ on (http:\/\/)?//')
}

start_hub() { # more options of `belfry serve`
    DATA=${DATA:-$tmp/data}
    BELFRY_ADMIN_KEY=$KEY start "$tmp/hub.log" "$BELFRY" serve --data "$DATA" \
        --listen "${LISTEN:-127.0.0.1:0}" --allow_addresses 127.0.0.0/8 "$@"
    HUB_PID=$PID
    URL=http://$ADDRESS
    within 10 curl -sf -o "$tmp/ready" "$URL/readyz" || { cat "$tmp/hub.log"; exit 1; }
}

stop_hub() { # gives its exit status
    kill -TERM "$HUB_PID"
    wait "$HUB_PID"
}

# For a server that cannot say which port it took.
free_port() { # a port that nobody has just now
    : >"$tmp/port"
    "$BELFRY" listen 127.0.0.1:0 >"$tmp/port" & local pid=$!
    within 5 grep -q http "$tmp/port"
    kill "$pid"
    wait "$pid" 2>/dev/null
    sed -n 's/.*:\([0-9]*\),.*/\1/p' "$tmp/port"
}

# nginx with what is on standard input in its part "http"; $tmp/nginx.start has its complaints.
start_nginx() {
    local dir
    {
        echo "daemon off; master_process off; pid $tmp/nginx.pid; error_log $tmp/nginx.err;"
        echo "events {}"
        echo "http {"
        for dir in client_body proxy fastcgi uwsgi scgi; do
            echo "    ${dir}_temp_path $tmp/nginx.$dir;"
        done
        cat
        echo "}"
    } >"$tmp/nginx.conf"
    nginx -p "$tmp" -c "$tmp/nginx.conf" 2>"$tmp/nginx.start" &
    started="$started $!"
}

# TLS before a server of this machine, with the certificate host.pem and its key host.key.
start_tls() { # PORT TO_PORT
    start_nginx <<END
    access_log off;
    server {
        listen 127.0.0.1:$1 ssl;
        ssl_certificate $tmp/host.pem; ssl_certificate_key $tmp/host.key;
        location / { proxy_pass http://127.0.0.1:$2; }
    }
END
}

# For a test that runs node: the npm packages are there, and NODE_PATH names them.
need_npm() {
    local build=$B
    [ -z "${NODE_PATH-}" ] || return 0
    case "$B" in */address-undefined | */thread) build=$(dirname "$B") ;; esac
    scripts/npm.sh "$build/npm" || exit 1
    NODE_PATH=$(realpath "$build/npm/node_modules")
    export NODE_PATH
}

# --- REST ---------------------------------------------------------------------

# The answer's body is printed, its status left in $tmp/status.
api() { # METHOD PATH [BODY] [curl options]
    local method=$1 path=$2 body=${3-}
    shift
    shift
    [ $# -eq 0 ] || shift
    curl -sS -m 30 -X "$method" "$URL$path" -H "Authorization: Bearer $KEY" \
        -o "$tmp/body" -w '%{http_code}' ${body:+--data-binary "$body"} "$@" >"$tmp/status"
    cat "$tmp/body"
}
status() { cat "$tmp/status"; }

add_team() { # TEAM
    api PUT "/api/v1/teams/$1" '{}' >/dev/null
}

add_secret() { # TEAM NAME VALUE
    api PUT "/api/v1/teams/$1/secrets/$2" "$(jq -n --arg v "$3" '{value: $v}')" >/dev/null
}

add_webhook() { # TEAM NAME CONFIG: prints the id
    api POST "/api/v1/teams/$1/integrations" \
        "$(jq -n --arg n "$2" --argjson c "$3" '{sink: "webhook", name: $n, config: $c}')" |
        jq -r .id
}

# An automation on an alias in acme/vision.
automate() { # NAME ALIAS INTEGRATION PAYLOAD: prints the answer
    api POST /api/v1/automations "{\"name\": \"$1\",
        \"scope\": {\"entity\": \"acme\", \"project\": \"vision\"},
        \"event\": {\"type\": \"ADD_ARTIFACT_ALIAS\", \"filter\": {\"alias\": \"$2\"}},
        \"actions\": [{\"integration\": \"$3\", \"config\": {\"payload\": $4}}]}"
}

alias_event() { # ALIAS [more members, ",\"key\":\"k\""]
    printf '{"type":"artifact.alias.add","entity":"acme","project":"vision",%s}' \
        "\"collection\":\"resnet\",\"alias\":\"$1\",\"author\":\"ana\",\"artifact\":{\"id\":\"QXJ0\",\"version\":\"v7\",\"type\":\"model\",\"metadata\":{\"model_type\":\"cnn\",\"acc\":0.93}}${2-}"
}

emit() { # BODY [curl options]: prints the answer
    api POST /api/v1/events "$@"
}

executions() { # STATUS: how many
    api GET "/api/v1/executions?status=$1&limit=1000" | jq '.items | length'
}
have_executions() { [ "$(executions "$1")" = "$2" ]; } # STATUS COUNT
