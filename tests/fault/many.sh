#!/bin/bash
# many.sh - many destinations of all sinks, of which a part is slow or silent: the others do not notice.
#
# Every destination has a host of its own, or shares one with a few.  Each event goes to all of them.
# Times are compared within one run: how long events take to reach those that answer at once, when
# there are only these and when the slow ones are there too.  The hub is started anew for each of both,
# so it knows of none which kind it is.
. "$(dirname "$0")/../e2e/lib.sh"

DESTINATIONS=${DESTINATIONS:-600}
EVENTS=${EVENTS:-10}            # of each half
RATE=${RATE:-2}                 # of them per second
PATIENCE=${PATIENCE:-60}         # s that deliveries may take in all
OFTEN=${OFTEN:-3}               # deliveries of an event to each slow one
DELAY=${DELAY:-1500}            # ms that the slow ones take to answer, and up to twice as long
slow=${SLOW:-150}
quick=$((DESTINATIONS - slow))
sinks=${SINKS:-webhook slack teams github}

# --- receivers ----------------------------------------------------------------------------------

# They answer as each service does.
answers_of() { # SINK
    case "$1" in
    webhook) ;;
    slack) echo "--body ok" ;;
    teams) echo "--status 202" ;;
    github) echo "--status 204" ;;
    esac
}
delay_of() { # SINK: a webhook's never answers
    case "$1" in
    webhook) echo 600000 ;;
    slack) echo "$DELAY" ;;
    teams) echo $((DELAY * 3 / 2)) ;;
    github) echo $((DELAY * 2)) ;;
    esac
}

for sink in $sinks; do
    # shellcheck disable=SC2046 # a list
    start "$tmp/slow.$sink" "$B/tests/tools/receive" --listen 0.0.0.0:0 --delay "$(delay_of "$sink")" \
        $(answers_of "$sink")
    eval "slow_$sink=${ADDRESS#*:}"
done

listen_quick() { # HALF
    quick_pids=
    for sink in $sinks; do
        local port=quick_$sink
        # shellcheck disable=SC2046
        start "$tmp/quick.$sink" "$B/tests/tools/receive" --listen "0.0.0.0:${!port-0}" \
            --took-file "$tmp/took.$1.$sink" --mark "sent at " $(answers_of "$sink")
        eval "quick_$sink=${ADDRESS#*:}"
        quick_pids="$quick_pids $PID"
    done
}

# --- what is in the hub -------------------------------------------------------------------------

config_of() { # SINK ADDRESS NUMBER
    case "$1" in
    webhook) echo "{\"url\":\"http://$2/$3\"}" ;;
    slack) echo "{\"webhook_url\":\"http://$2/services/$3\"}" ;;
    teams) echo "{\"url\":\"http://$2/$3\",\"kind\":\"workflows\"}" ;;
    github) echo "{\"repo\":\"acme/r$3\",\"token\":\"TOKEN\",\"api_base\":\"http://$2\"}" ;;
    esac
}
action_of() { # SINK
    local said='sent at ${artifact_metadata.t}'
    case "$1" in
    webhook) echo "{\"payload\":{\"text\":\"$said\"}}" ;;
    slack | teams) echo "{\"title\":\"\${alias}\",\"text\":\"$said\"}" ;;
    github) echo "{\"event_type\":\"alias\",\"client_payload\":{\"text\":\"$said\"}}" ;;
    esac
}

# For curl -K, a POST of each line of JSON.
posts() { # PATH
    sed -e 's/["\\]/\\&/g' -e "s|.*|url = \"$URL$1\"\nheader = \"Authorization: Bearer $KEY\"\ndata = \"&\"\noutput = \"$tmp/posted\"\nfail-with-body\nnext|" -e '$s/next$//'
}
post_all() { # PATH <LINES
    posts "$1" >"$tmp/posts"
    curl -sS --fail-early -K "$tmp/posts" && return
    echo "not everything could be made: $(head "$tmp/posted")"
    exit 1
}

integrations() {
    local n sink address port
    local list=($sinks)
    for ((n = 0; n < DESTINATIONS; n++)); do
        sink=${list[(n + n / 4) % ${#list[@]}]}
        if (((n + 1) * slow / DESTINATIONS > n * slow / DESTINATIONS)); then
            port=slow_$sink address=127.2.$((n / 250)).$((n % 250 + 1)) kind=slow
        else
            port=quick_$sink address=127.1.0.$((n % 16 + 1)) kind=quick
        fi
        echo "{\"sink\":\"$sink\",\"name\":\"$kind $n\",\"config\":$(config_of "$sink" "$address:${!port}" "$n"),
            \"delivery\":{\"pace\":\"1000/s\",\"merge_over\":0}}" | tr -d '\n'
        echo
    done
}

automation() { # KIND NUMBER ACTIONS: the slow ones are for half of the events
    local filter='{}'
    [ "$1" = slow ] && filter='{"alias":"all"}'
    echo "{\"name\":\"$1 $2\",\"scope\":{\"entity\":\"acme\",\"project\":\"vision\"},\"event\":{\"type\":\
\"ADD_ARTIFACT_ALIAS\",\"filter\":$filter},\"actions\":[$3]}"
}
automations() {
    local kind id sink actions n=0 k
    # shellcheck disable=SC2046
    for kind in quick $(yes slow | head -n $OFTEN); do
        actions='' k=0
        while IFS='|' read -r id sink; do
            actions="$actions${actions:+,}{\"integration\":\"$id\",\"config\":$(action_of "$sink")}"
            if ((++k % 16 == 0)); then
                automation $kind $((n++)) "$actions"
                actions=
            fi
        done < <("$B/tests/tools/sql" "$DATA/belfry.db" \
            "SELECT id || '|' || sink FROM team_integrations WHERE name LIKE '$kind %'")
        [ -z "$actions" ] || automation $kind $((n++)) "$actions"
    done
}

sql() { "$B/tests/tools/sql" "$DATA/belfry.db" "$1"; }

# --- both halves --------------------------------------------------------------------------------

delivered() { # KIND
    sql "SELECT count(*) FROM executions x JOIN team_integrations i ON i.id = x.integration
        WHERE i.name LIKE '$1 %' AND x.status = 2"
}
are_delivered() { [ "$(delivered "$1")" = "$2" ]; } # KIND COUNT

# Sets p99, in ms, of the way to the quick ones, and the most memory that the hub had.
half() { # ALIAS
    local before
    before=$(delivered quick)
    start_hub
    listen_quick "$1"
    "$B/tests/tools/load" --url "$URL/api/v1/events" --key "$KEY" --connections 4 --rate "$RATE" \
        --count "$EVENTS" --alias "$1" --stamp >"$tmp/load"
    is "the events are acknowledged ($1)" "$(jq .acknowledged "$tmp/load")" "$EVENTS"
    within "$PATIENCE" are_delivered quick $((before + quick * EVENTS)) ||
        bad "what goes to quick ones is recorded as delivered ($1)" "$(delivered quick)"
    # shellcheck disable=SC2086 # a list
    kill -TERM $quick_pids
    # shellcheck disable=SC2086
    wait $quick_pids
    cut -d' ' -f2 "$tmp/took.$1".* | sort -n >"$tmp/took.$1"
    p50=$(awk '{ v[NR] = $1 } END { printf "%d", v[int(NR * 0.5)] / 1e6 }' "$tmp/took.$1")
    p99=$(awk '{ v[NR] = $1 } END { printf "%d", v[int(NR * 0.99)] / 1e6 }' "$tmp/took.$1")
    memory=$(awk '/^VmHWM:/ { print $2 }' "/proc/$HUB_PID/status")
}

DATA=$tmp/data
start_hub
add_team acme
add_secret acme TOKEN ghp_0123456789abcdef
listen_quick none
integrations >"$tmp/integrations"
post_all /api/v1/teams/acme/integrations <"$tmp/integrations"
automations >"$tmp/automations"
post_all /api/v1/automations <"$tmp/automations"
is "all destinations are there" "$(sql "SELECT count(*) FROM team_integrations")" "$DESTINATIONS"
# shellcheck disable=SC2086
kill -TERM $quick_pids
stop_hub

half some
base=$p99 base_memory=$memory
stop_hub
half all
echo "$DESTINATIONS destinations, $slow of them slow: p99 in ms: $base without these, $p99 with them (p50 $p50);" \
    "memory in KiB: $base_memory, $memory"
at_most "the quick ones' p99 is what it was, but for the noise of a shared machine" "$p99" $((base * 2 + 50))
under_way=$(curl -s "$URL/metrics" -H "Authorization: Bearer $KEY" | awk '/^belfry_deliveries_in_flight/ { print $2 }')
at_most "attempts under way are bounded" "${under_way:-9999}" 1024
at_most "memory is bounded" "$memory" $((160 * 1024))
is "all of them were received" "$(cat "$tmp/took.some" "$tmp/took.all" | wc -l)" $((quick * EVENTS * 2))
is "nothing of the slow ones is lost" "$(sql "SELECT count(*) FROM executions x JOIN team_integrations i
    ON i.id = x.integration WHERE i.name LIKE 'slow %' AND x.status IN (0, 1, 2)")" $((slow * EVENTS * OFTEN))

kill -KILL "$HUB_PID"           # the slow ones would be waited for
wait "$HUB_PID" 2>/dev/null
finish
