#!/bin/sh
# bench.sh [PART...] - measure the hub against yardsticks made of the same libraries.
#
#   a  durable intake, 1,000 automations of which none matches     hub / bare listener   >= 0.70
#   b  the whole way, from a POST to a recorded webhook            hub / bare chain      >= 0.60
#   c  intake with 100,000 automations against 10                  many / few            >= 0.95
#   d  draining deliveries that wait on disk                       hub / wrk             >= 0.45
#   e  event to webhook at 200/s    p50 hub / p50 fdatasync <= 2.5; on tmpfs p99 <= 5 ms
#   f  memory                       idle <= 15 MB, at full rate and with the receiver down <= 40 MB
#   g  pages of 1,000,000 executions and events, 10,000 automations, by every kind of filter <= 50 ms
#   h  intake of 1,000 lines a POST  hub / raw SQLite, the same rows   >= 0.40
#   i  windows of 1,000 values over a metric that 100 automations watch   plain recomputation / kept
#      one for all >= 10, one each >= 4 (deviations 1.5); 100,000 runs with one of 10  <= 50 MB
#   j  points of runs, that nobody watches   a plain event's rate, and its CPU against theirs   <= 1.5
#      events of 1 and 10 points on disk / a row for each   <= 1.0, 0.3; per second   >= 0.1, 0.5
#   k  ready with 100,000 runs and 1,000,000 events   <= 1 s
#   l  durable intake while two backtests run      with them / without   >= 0.90
#   m  a Lua filter's call in a batch, everything included   CPU <= 3 us, beside a plain lua_pcall of
#      the same function; the first call in another process   <= 2 ms; what a call that hangs, whose
#      budget are 50 ms, holds up   <= 100 ms
#   n  durable intake, 1,000 automations with a Lua filter each, of which one is asked about every
#      event and says no, against the same decided without scripts   with / without   >= 0.70
#   o  draining deliveries of each sink, to a receiver that answers as its service does, with their
#      pace set free and nothing merged   Slack, Teams, GitHub / webhook   >= 0.8, 0.8, 0.35
#   p  5,000 destinations of all sinks, a tenth of which answers after 5 to 10 s or never: the time
#      that events take to the others   p99 with these / without   <= 2
#
# Both sides of a comparison run in turns, on the same machine at the same time, and the ratio is
# the median of the rounds' ratios: what else the machine does falls on both.  Ratios come first,
# then CPU time per event, then absolute figures, all also in $BUILD/bench.txt.  The exit status is
# 1 if a target is missed.
#
# BENCH_ROUNDS (5), BENCH_SECONDS (3) per run, BENCH_DIR (a directory on a real disk),
# BUILD (build) where `make` has put the programs.
set -u

here=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${BUILD:-$here/build}
case $BUILD in /*) ;; *) BUILD=$here/$BUILD ;; esac
ROUNDS=${BENCH_ROUNDS:-5}
SECONDS_EACH=${BENCH_SECONDS:-3}
HUB=$BUILD/belfry LOAD=$BUILD/tests/tools/load RECEIVE=$BUILD/tests/tools/receive
BARE=$BUILD/tests/bench/bare ROWS=$BUILD/tests/bench/rows SQL=$BUILD/tests/tools/sql
POINTS=$BUILD/tests/bench/points
WINDOWS=$BUILD/tests/bench/windows
SCRIPT=$BUILD/tests/bench/script
BOX=$BUILD/tests/bench/box
KEY=bf-0123456789abcdefghijklmnopqrstuvwxyzABCD
WORK=$(mktemp -d "${BENCH_DIR:-$BUILD}/bench.XXXXXX") || exit 2
mkdir "$WORK/series"
SHM=$(mktemp -d /dev/shm/belfry-bench.XXXXXX) || SHM=$WORK/no-tmpfs
PIDS=

say() { echo "$*" >&2; }
die() { say "bench.sh: $*"; exit 2; }

clean_up()
{
    for pid in $PIDS; do kill -9 "$pid" 2>/dev/null; done
    rm -rf "$WORK" "$SHM"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# --- figures ---------------------------------------------------------------------------------

# field NAME FILE: a number of the tools' JSON, from the last line.
field() { tail -n 1 "$2" | sed -n "s/.*\"$1\":\(-\{0,1\}[0-9.]*\).*/\1/p"; }
calc() { awk "BEGIN { print ($*) }"; }
keep() { echo "$2" >>"$WORK/series/$1"; }       # NAME VALUE: one more of a series
median()                # NAME
{
    sort -n "$WORK/series/$1" |
        awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}
ratio() { keep "$1" "$(calc "$2 / $3")"; }

# target WORDS VALUE OPERATOR GOAL: a line of the first table.
target()
{
    verdict=$(calc "($2 $3 $4) ? \"ok\" : \"MISSED\"")
    printf '%-58s %8.2f   %s %-6s %s\n' "$1" "$2" "$3" "$4" "$verdict" >>"$WORK/ratios"
    [ "$verdict" = ok ] || touch "$WORK/missed"
}
cpu() { printf '%-58s %8.1f us/event\n' "$1" "$(median "$2")" >>"$WORK/cpu"; }
figure() { printf '%-58s %10.2f %s\n' "$1" "$(median "$2")" "$3" >>"$WORK/figures"; }

# --- programs --------------------------------------------------------------------------------

# await PID FILE PATTERN: until the pattern stands in the file; prints what it captures.
await()
{
    for _ in $(seq 600); do
        got=$(sed -n "s/.*$3.*/\1/p" "$2" | head -n 1)
        [ -n "$got" ] && { echo "$got"; return; }
        kill -0 "$1" 2>/dev/null || break
        sleep 0.1
    done
    say "$(cat "$2" "$2.err" 2>/dev/null)"
    return 1
}

# start_hub NAME DIR: sets NAME_pid and NAME_url.
start_hub()
{
    BELFRY_ADMIN_KEY=$KEY "$HUB" serve --data "$2" --listen 127.0.0.1:0 \
        --allow_addresses 127.0.0.0/8 --log_level error >"$WORK/$1.out" 2>"$WORK/$1.out.err" &
    eval "$1_pid=$!"
    PIDS="$PIDS $!"
    at=$(await $! "$WORK/$1.out" 'serves on \(http:[^ ]*\)') || die "the hub did not start"
    eval "$1_url=$at"
}

stop() { kill -TERM "$1" 2>/dev/null; wait "$1" 2>/dev/null; }

# start_bare DIR MODE [OPTION...]: sets bare_pid and bare_url.
start_bare()
{
    mode=$2 dir=$1
    shift 2
    mkdir -p "$dir"
    "$BARE" "$mode" --data "$dir" "$@" >"$WORK/bare.out" 2>"$WORK/bare.out.err" &
    bare_pid=$!
    PIDS="$PIDS $!"
    at=$(await $! "$WORK/bare.out" 'listening on \(.*\)') || die "bare did not start"
    bare_url=http://$at/
}

# start_receiver [OPTION...]: always on the same port, which a first one has found.
start_receiver()
{
    timeout 120 "$RECEIVE" --listen "${receiver:-127.0.0.1:0}" "$@" >"$WORK/receiver.out" \
        2>"$WORK/receiver.out.err" &
    receiver_pid=$!
    PIDS="$PIDS $!"
    receiver=$(await $! "$WORK/receiver.out" 'listening on \(.*\)') || die "no receiver"
}

find_receiver_port() { [ -n "${receiver:-}" ] || { start_receiver; stop $receiver_pid; }; }

api()                   # URL METHOD PATH [JSON]
{
    curl -sS -f -X "$2" -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \
        ${4:+-d "$4"} "$1/api/v1$3" || die "$2 $3 failed"
}

# set_up URL: a team, a secret, and an integration that posts to the receiver; sets integration.
set_up()
{
    find_receiver_port
    api "$1" PUT /teams/acme '{}' >"$WORK/answer"
    api "$1" PUT /teams/acme/secrets/SIGN '{"value":"a secret of some length"}' >"$WORK/answer"
    integration=$(api "$1" POST /teams/acme/integrations \
        '{"sink":"webhook","name":"bench","config":{"url":"http://'"$receiver"'/hook",
          "secret":"SIGN"}}' | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p')
    [ -n "$integration" ] || die "no integration was made"
}

automation()            # NAME ALIAS
{
    printf '{"name":"%s","scope":{"entity":"acme","project":"vision","collection":"classifier"},
        "event":{"type":"ADD_ARTIFACT_ALIAS","filter":{"alias":"%s"}},
        "actions":[{"integration":"%s","config":{"payload":{"id":"${artifact_metadata.id}",
        "t":"${artifact_metadata.t}","event":"${event_type}","by":"${event_author}",
        "artifact":"${artifact_version_string}","alias":"${alias}",
        "project":"${project_name}","entity":"${entity_name}"}}}]}' "$1" "$2" "$integration"
}

# add_automations URL COUNT: each waits for another alias, none of which comes.
add_automations()
{
    automation 'other %ID%' 'alias-%ID%' >"$WORK/automation"
    "$LOAD" --url "$1/api/v1/automations" --key "$KEY" --connections 64 --count "$2" \
        --body-file "$WORK/automation" >"$WORK/load.out"
    [ "$(field acknowledged "$WORK/load.out")" = "$2" ] ||
        die "automations were not made: $(cat "$WORK/load.out")"
}
add_matching() { api "$1" POST /automations "$(automation matching production)" >"$WORK/answer"; }

# send URL [OPTION...]: sets per_second; every event must be acknowledged.
send()
{
    url=$1
    shift
    "$LOAD" --url "$url" --key "$KEY" "$@" >"$WORK/load.out"
    per_second=$(field per_second "$WORK/load.out")
    events=$(field acknowledged "$WORK/load.out")
    [ "$events" = "$(field sent "$WORK/load.out")" ] || die "lost: $(cat "$WORK/load.out")"
}

ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
pss_mb() { awk '/^Pss:/ { print $2 / 1024 }' "/proc/$1/smaps_rollup"; }

# measured PID COMMAND...: sets cpu_us, the CPU time of PID per event of the command.
measured()
{
    pid=$1 before=$(ticks "$1")
    shift
    "$@"
    cpu_us=$(calc "($(ticks "$pid") - $before) * 1e6 / $(getconf CLK_TCK) / $events")
}

# in_turns COMMAND COMMAND AFTER: one round each, with the order changing.
in_turns()
{
    for round in $(seq "$ROUNDS"); do
        if [ $((round % 2)) = 1 ]; then $1; $2; else $2; $1; fi
        $3
    done
}

# --- a: durable intake -----------------------------------------------------------------------

a_bare() { measured "$bare_pid" send "$bare_url" --connections "$n" --seconds "$SECONDS_EACH"
           bare_rate=$per_second; keep "a_bare_$n" "$per_second"; keep "a_bare_cpu_$n" "$cpu_us"; }
a_hub() { measured "$hub_pid" send "$hub_url/api/v1/events" --connections "$n" \
              --seconds "$SECONDS_EACH"
          hub_rate=$per_second; keep "a_hub_$n" "$per_second"; keep "a_hub_cpu_$n" "$cpu_us"; }
a_round() { ratio "a_$n" "$hub_rate" "$bare_rate"; }

part_a()
{
    start_hub hub "$WORK/a"
    set_up "$hub_url"
    add_automations "$hub_url" 1000
    start_bare "$WORK/a-bare" listener
    for n in 64 256; do
        in_turns a_bare a_hub a_round
        target "a. durable intake, $n connections: hub / bare" "$(median "a_$n")" '>=' 0.70
        cpu "a. hub, $n connections" "a_hub_cpu_$n"
        cpu "a. bare, $n connections" "a_bare_cpu_$n"
        figure "a. hub, $n connections" "a_hub_$n" events/s
        figure "a. bare, $n connections" "a_bare_$n" events/s
    done
    stop "$hub_pid"
    stop "$bare_pid"
}

# --- b: the whole way ------------------------------------------------------------------------

# From the first POST until the receiver has seen every one of them.
whole_way()
{
    start_receiver --count "$b_events"
    send "$1" --connections 64 --count "$b_events"
    begun=$(field begun_ns "$WORK/load.out")
    wait "$receiver_pid"
    [ "$(field distinct "$WORK/receiver.out")" -ge "$b_events" ] ||
        die "not all were delivered: $(cat "$WORK/receiver.out")"
    rate=$(calc "$b_events * 1e9 / ($(field last_ns "$WORK/receiver.out") - $begun)")
}

none_pending()
{
    api "$hub_url" GET '/executions?status=pending&limit=1' | grep -q '"items": *\[ *\]'
}

await_recorded()
{
    for _ in $(seq 100); do
        none_pending && return
        sleep 0.1
    done
    die "deliveries were not recorded"
}

b_bare() { measured "$bare_pid" whole_way "$bare_url"
           bare_rate=$rate; keep b_bare "$rate"; keep b_bare_cpu "$cpu_us"; }
b_hub() { measured "$hub_pid" whole_way "$hub_url/api/v1/events"; await_recorded
          hub_rate=$rate; keep b_hub "$rate"; keep b_hub_cpu "$cpu_us"; }
b_round() { ratio b "$hub_rate" "$bare_rate"; }

part_b()
{
    b_events=$((SECONDS_EACH * 20000))
    start_hub hub "$WORK/b"
    set_up "$hub_url"
    add_matching "$hub_url"
    start_bare "$WORK/b-bare" chain --to "http://$receiver/hook"
    in_turns b_bare b_hub b_round
    target "b. the whole way, 64 connections: hub / bare" "$(median "b")" '>=' 0.60
    cpu "b. hub" b_hub_cpu
    cpu "b. bare" b_bare_cpu
    figure "b. hub" b_hub events/s
    figure "b. bare" b_bare events/s
    stop "$hub_pid"
    stop "$bare_pid"
}

# --- c: many automations ---------------------------------------------------------------------

c_few() { send "$few_url/api/v1/events" --connections 64 --seconds "$SECONDS_EACH"
          few_rate=$per_second; keep c_few "$per_second"; }
c_many() { send "$many_url/api/v1/events" --connections 64 --seconds "$SECONDS_EACH"
           many_rate=$per_second; keep c_many "$per_second"; }
c_round() { ratio c "$many_rate" "$few_rate"; }

# Every automation is a commit of its own; on tmpfs that takes no time.
part_c()
{
    start_hub many "$SHM/c"
    set_up "$many_url"
    add_automations "$many_url" 100000
    keep c_made "$(field per_second "$WORK/load.out")"
    stop "$many_pid"
    mv "$SHM/c" "$WORK/c-many"
    start_hub many "$WORK/c-many"
    start_hub few "$WORK/c-few"
    set_up "$few_url"
    add_automations "$few_url" 10
    in_turns c_few c_many c_round
    target "c. intake, 100,000 automations / 10" "$(median "c")" '>=' 0.95
    figure "c. hub, 100,000 automations" c_many events/s
    figure "c. hub, 10 automations" c_few events/s
    keep c_pss "$(pss_mb "$many_pid")"
    figure "c. PSS with 100,000 automations" c_pss MB
    figure "c. automations made over REST, on tmpfs" c_made /s
    stop "$many_pid"
    stop "$few_pid"
}

# --- d: draining -----------------------------------------------------------------------------

# The receiver is `belfry listen`, what a user has at hand, printing into a file on tmpfs.
start_listen()
{
    timeout 120 "$HUB" listen "$receiver" >"$SHM/listen.out" 2>"$WORK/listen.err" &
    listen_pid=$!
    PIDS="$PIDS $!"
    await $! "$SHM/listen.out" 'listening on \(.*\),' >"$WORK/answer" || die "no listener"
}

sql() { "$SQL" "$WORK/d/belfry.db" "$1"; }

# What had been tried before the receiver came is due again some seconds later, so the figure is
# about the first 98 %; the others are waited for.  The time is that of the attempts themselves, as
# the hub recorded them.
d_drain()
{
    send "$hub_url/api/v1/events" --connections 64 --count "$d_events"
    stop "$hub_pid"
    events=$((d_events * 98 / 100))
    since=$(date +%s%3N)
    start_listen
    start_hub hub "$WORK/d"
    await_delivered "$events"
    cpu_us=$(calc "$(ticks "$hub_pid") * 1e6 / $(getconf CLK_TCK) / $events")
    await_delivered "$d_events"
    stop "$listen_pid"
    hub_rate=$(calc "$events * 1000 / $(sql "
        SELECT max(started + duration) - min(started) FROM (SELECT started, duration FROM attempts
        WHERE outcome = 0 AND started >= $since ORDER BY started LIMIT $events)")")
    keep d_hub "$hub_rate"
    keep d_hub_cpu "$cpu_us"
}

await_delivered()       # COUNT: so many since the hub came back
{
    for _ in $(seq 1200); do
        [ "$(sql "SELECT count(*) FROM attempts WHERE outcome = 0 AND started >= $since")" \
            -ge "$1" ] && return
        sleep 0.1
    done
    die "deliveries are still waiting"
}

# The same request again and again, as long as the hub's.
wrk_to()                # URL: prints the rate
{
    wrk -t1 -c64 -d"$SECONDS_EACH" -s "$WORK/post.lua" "$1" | sed -n 's,^Requests/sec: *,,p'
}

write_wrk_script()
{
    cat >"$WORK/post.lua" <<LUA
wrk.method = "POST"
wrk.body = string.rep("x", 230)
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Idempotency-Key"] = "01JDCS7QJ3W4Y9V8K2M6N5P0RT"
wrk.headers["X-Wandb-Signature"] = "vqXbKq0f3z1Q9nJ6cJk0W3u2v8h1t7Yb5s4d6f7g8h0="
LUA
}

d_wrk()
{
    start_listen
    wrk_rate=$(wrk_to "http://$receiver/hook")
    keep d_wrk "$wrk_rate"
    stop "$listen_pid"
}

# To know where the ceiling is: one thread of libcurl, and wrk, to a receiver that does nothing.
d_ceiling()
{
    start_receiver
    mkdir "$WORK/d-bare"
    "$BARE" drain --data "$WORK/d-bare" --to "http://$receiver/hook" --count "$d_events" \
        >"$WORK/bare.out" || die "bare does not drain"
    rm -r "$WORK/d-bare"
    stop "$receiver_pid"
    keep d_bare "$(field per_second "$WORK/receiver.out")"
    start_receiver
    keep d_wrk_fast "$(wrk_to "http://$receiver/hook")"
    stop "$receiver_pid"
}
d_round() { ratio d "$hub_rate" "$wrk_rate"; d_ceiling; }

part_d()
{
    d_events=50000
    write_wrk_script
    start_hub hub "$WORK/d"
    set_up "$hub_url"
    add_matching "$hub_url"
    in_turns d_drain d_wrk d_round
    target "d. draining 50,000 deliveries, 64 connections: hub / wrk" "$(median "d")" \
        '>=' 0.45
    cpu "d. hub" d_hub_cpu
    figure "d. hub" d_hub deliveries/s
    figure "d. wrk to the same receiver" d_wrk requests/s
    figure "d. wrk to one that does nothing" d_wrk_fast requests/s
    figure "d. bare, one thread of libcurl, to the same" d_bare deliveries/s
    stop "$hub_pid"
}

# --- e: latency ------------------------------------------------------------------------------

event_to_webhook()      # URL; sets p50 and p99 in ms
{
    start_receiver --latency
    send "$1/api/v1/events" --connections 8 --rate 200 --seconds "$SECONDS_EACH" --stamp
    sleep 0.3
    stop "$receiver_pid"
    p50=$(calc "$(field p50_us "$WORK/receiver.out") / 1000")
    p99=$(calc "$(field p99_us "$WORK/receiver.out") / 1000")
}

# At the hub's rhythm: a disk and a processor that rest in between take longer to answer.
e_sync()
{
    "$BARE" fdatasync --data "$WORK" --rate 200 --count 400 >"$WORK/sync.out" || die "no fdatasync"
    sync_p50=$(calc "$(field p50_us "$WORK/sync.out") / 1000")
    keep e_sync50 "$sync_p50"
    keep e_sync99 "$(calc "$(field p99_us "$WORK/sync.out") / 1000")"
    "$BARE" fdatasync --data "$WORK" --count 400 >"$WORK/sync.out" || die "no fdatasync"
    keep e_burst50 "$(calc "$(field p50_us "$WORK/sync.out") / 1000")"
}
e_hub() { event_to_webhook "$hub_url"; hub_p50=$p50; keep e_hub50 "$p50"; keep e_hub99 "$p99"; }
e_round()
{
    ratio e "$hub_p50" "$sync_p50"
    event_to_webhook "$shm_url"
    keep e_shm50 "$p50"
    keep e_shm99 "$p99"
}

part_e()
{
    start_hub hub "$WORK/e"
    set_up "$hub_url"
    add_matching "$hub_url"
    start_hub shm "$SHM/e"
    set_up "$shm_url"
    add_matching "$shm_url"
    in_turns e_sync e_hub e_round
    target "e. event to webhook at 200/s: p50 / p50 of fdatasync" "$(median "e")" '<=' 2.5
    target "e. event to webhook at 200/s, data on tmpfs: p99 in ms" "$(median "e_shm99")" \
        '<=' 5
    figure "e. event to webhook, p50" e_hub50 ms
    figure "e. event to webhook, p99" e_hub99 ms
    figure "e. fdatasync of 4 KiB at 200/s, p50" e_sync50 ms
    figure "e. fdatasync of 4 KiB at 200/s, p99" e_sync99 ms
    figure "e. fdatasync of 4 KiB one after the other, p50" e_burst50 ms
    figure "e. event to webhook on tmpfs, p50" e_shm50 ms
    figure "e. event to webhook on tmpfs, p99" e_shm99 ms
    stop "$hub_pid"
    stop "$shm_pid"
}

# --- f: memory -------------------------------------------------------------------------------

# most_memory PID COMMAND...: sets pss, the most that PID had while the command ran.
most_memory()
{
    watched=$1
    shift
    (while kill -0 "$watched" 2>/dev/null; do pss_mb "$watched"; sleep 0.1; done) \
        >"$WORK/pss" 2>/dev/null &
    sampler=$!
    "$@"
    pss_mb "$watched" >>"$WORK/pss"
    kill "$sampler" 2>/dev/null
    wait "$sampler" 2>/dev/null
    pss=$(sort -n "$WORK/pss" | tail -n 1)
}

part_f()
{
    b_events=$((SECONDS_EACH * 20000))
    start_hub hub "$WORK/f"
    set_up "$hub_url"
    add_matching "$hub_url"
    stop "$hub_pid"
    start_hub hub "$WORK/f"
    sleep 1
    target "f. PSS idle, in MB" "$(pss_mb "$hub_pid")" '<=' 15
    most_memory "$hub_pid" whole_way "$hub_url/api/v1/events"
    target "f. PSS at full rate, the most, in MB" "$pss" '<=' 40
    await_recorded
    most_memory "$hub_pid" send "$hub_url/api/v1/events" --connections 64 --count 60000
    target "f. PSS with the receiver down, 60,000 waiting, in MB" "$pss" '<=' 40
    stop "$hub_pid"
}

# --- g: pages of a long history ---------------------------------------------------------------

g_sql() { "$SQL" "$WORK/g/belfry.db" "$1" >"$WORK/answer" || die "the rows cannot be made"; }

# 10,000 automations of 20 teams, each on one of 1,000 collections, 100 projects, 200 integrations;
# a million events that fired one each.  Of the executions 1 % failed, 0.1 % are unknown, 0.5 % were
# skipped, 1,000 wait for an integration that is disabled, and three are of an automation that fires
# hardly ever.
g_rows()
{
    g_start=$(($(date +%s%3N) - 86400000))
    g_sql "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000)
        INSERT INTO automations (id, entity, name, project, collection, event_type, enabled,
            revision, created, updated)
        SELECT printf('01AUTOMATION%014d', n), 'team-' || (n % 20), 'automation ' || n,
            'project-' || (n % 100), 'collection-' || (n % 1000), 'ADD_ARTIFACT_ALIAS', 1, -n,
            $g_start, $g_start FROM c"
    g_sql "INSERT INTO automation_revisions (revision, automation, entity, spec)
        SELECT revision, id, entity, '{\"name\":\"' || name || '\",\"scope\":{\"entity\":\"' ||
            entity || '\",\"project\":\"' || project || '\"},\"event\":{\"type\":' ||
            '\"ADD_ARTIFACT_ALIAS\",\"filter\":{\"alias\":\"none\"}},\"actions\":[{' ||
            '\"integration\":\"I\",\"config\":{}}]}' FROM automations"
    g_sql "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000)
        INSERT INTO journal (seq, entity, type, received, hops, project, collection, body)
        SELECT 1000 + n, 'team-' || (n * 7919 % 20), CASE n % 250000 WHEN 77 THEN 'ci.rare' ELSE
            'artifact.alias.add' END, $g_start + n * 80, 0, 'project-' || (n * 7919 % 100),
            'collection-' || (n * 7919 % 1000), '{\"type\":\"artifact.alias.add\",\"entity\":\"team-'
            || (n * 7919 % 20) || '\",\"project\":\"project-' || (n * 7919 % 100) ||
            '\",\"collection\":\"collection-' || (n * 7919 % 1000) || '\",\"alias\":\"x\",' ||
            '\"author\":\"ana\",\"artifact\":{\"id\":\"QXJ0\",\"version\":\"v7\"}}' FROM c"
    g_sql "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000)
        INSERT INTO executions (number, entity, event, automation, revision, action, integration,
            trigger_name, status, attempts, created, due, first_attempt, finished,
            automation_name, event_type, project, collection, author)
        SELECT n, 'team-' || (n * 7919 % 20), 1000 + n, CASE n % 300000 WHEN 99 THEN 'RARE' ELSE
            printf('01AUTOMATION%014d', 1 + n * 7919 % 10000) END, -1 - n * 7919 % 10000, 0,
            printf('01INTEGRATION%013d', n * 7919 % 200), CASE n % 400000 WHEN 5 THEN 'ci.rare'
            ELSE 'ADD_ARTIFACT_ALIAS' END, CASE WHEN n % 1000 = 1 THEN 0 WHEN n % 100 = 2 THEN 3
            WHEN n % 1000 = 3 THEN 4 WHEN n % 200 = 4 THEN 5 ELSE 2 END, 1, $g_start + n * 80,
            $g_start + n * 80, $g_start + n * 80, $g_start + n * 80 + 50, 'automation ' || n,
            'artifact.alias.add', 'project-' || (n * 7919 % 100), 'collection-' || (n * 7919 % 1000),
            'ana' FROM c"
}

g_await_sieves()
{
    for _ in $(seq 1200); do
        [ "$("$SQL" "$WORK/g/belfry.db" "SELECT (SELECT count(*) FROM execution_blocks) > 7800 AND
            (SELECT count(*) FROM journal_blocks) > 7800")" = 1 ] && return
        sleep 0.1
    done
    die "the history was not sifted"
}

# g_page WORDS PATH [KEY]: ten times; the slowest counts.
g_page()
{
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        curl -sS -f -H "Authorization: Bearer ${3:-$KEY}" -o "$WORK/page" -w '%{time_total}\n' \
            "$g_url/api/v1$2" || die "$2 failed"
    done | sort -n | tail -n 1 >"$WORK/slowest"
    found=$(grep -o '"id":' "$WORK/page" | wc -l)
    target "g. $1 ($found rows)" "$(calc "$(cat "$WORK/slowest") * 1000")" '<=' 50
}

g_executions() { g_page "executions: $1" "/executions?$2" "${3:-}"; }

part_g()
{
    start_hub g "$WORK/g"
    for i in $(seq 0 19); do api "$g_url" PUT "/teams/team-$i" '{}' >"$WORK/answer"; done
    api "$g_url" PUT /users/eve '{}' >"$WORK/answer"
    api "$g_url" PUT /teams/team-3/members/eve '{"role":"viewer"}' >"$WORK/answer"
    eve=$(api "$g_url" POST /users/eve/keys '{"name":"bench","rights":["read"]}' |
        sed -n 's/.*"key": *"\([^"]*\)".*/\1/p')
    stop "$g_pid"
    g_rows
    start_hub g "$WORK/g"
    g_await_sieves
    g_executions "all" ""
    g_executions "oldest first" "order=oldest"
    g_executions "of a day that is over" "until=23h"
    g_executions "a page in the middle" "cursor=0000000000$(api "$g_url" GET '/executions?until=12h&limit=1' |
        sed -n 's/.*"next": *"\([^"]*\)".*/\1/p' | cut -c11-)"
    g_executions "of an automation" "automation=01AUTOMATION00000000004711"
    g_executions "of one that fires hardly ever" "automation=RARE"
    g_executions "of one that is not there" "automation=NONE"
    g_executions "of a team" "entity=team-3"
    g_executions "what a viewer of one team sees" "" "$eve"
    g_executions "of a project" "entity=team-3&project=project-83"
    g_executions "of a project of another team" "entity=team-3&project=project-84"
    g_executions "of a collection" "collection=collection-123"
    g_executions "of an integration" "integration=01INTEGRATION0000000000017"
    g_executions "of a trigger" "trigger=ci.rare"
    g_executions "failed" "status=failed"
    g_executions "failed, unknown or pending" "status=failed,unknown,pending"
    g_executions "finished" "status=finished"
    g_executions "failed for an integration between two times" \
        "integration=01INTEGRATION0000000000038&status=failed&since=20h&until=10h"
    g_executions "failed, of a collection of a team" \
        "entity=team-18&collection=collection-838&status=failed"
    g_executions "failed, of a collection where nothing fails" \
        "entity=team-3&collection=collection-483&status=failed"
    g_executions "finished, of an automation, oldest first" \
        "automation=01AUTOMATION00000000004711&status=finished&order=oldest"
    g_executions "of an event" "event=$(api "$g_url" GET '/executions?until=12h&limit=1' |
        sed -n 's/.*"event": *"\([^"]*\)".*/\1/p')"
    g_page "events: all" "/events"
    g_page "events: of a team" "/events?entity=team-3"
    g_page "events: of a collection" "/events?entity=team-3&collection=collection-123"
    g_page "events: of a rare type" "/events?type=ci.rare"
    g_page "events: of a type and time" "/events?type=artifact.alias.add&until=12h"
    g_page "automations: all" "/automations"
    g_page "automations: of a team" "/automations?entity=team-3"
    g_page "automations: of a project" "/automations?entity=team-3&project=project-83"
    stop "$g_pid"
}

# --- h: batches of lines ------------------------------------------------------------------------

# The rate of the load is in requests.
h_hub() { measured "$hub_pid" send "$hub_url/api/v1/events" --connections 4 \
              --seconds "$SECONDS_EACH" --body-file "$WORK/lines"
          hub_rate=$(calc "$per_second * 1000"); keep h_hub "$hub_rate"
          keep h_hub_cpu "$(calc "$cpu_us / 1000")"; }
h_raw() { "$ROWS" "$WORK/h-raw/belfry.db" "$WORK/lines" acme artifact.alias.add vision classifier \
              "$SECONDS_EACH" >"$WORK/rows.out" || die "no rows"
          raw_rate=$(field per_second "$WORK/rows.out"); keep h_raw "$raw_rate"; }
h_round() { ratio h "$hub_rate" "$raw_rate"; }

part_h()
{
    for i in $(seq 1000); do
        printf '{"type":"artifact.alias.add","entity":"acme","project":"vision","collection":'
        printf '"classifier","alias":"candidate","author":"ana","artifact":{"id":"QXJ0aWZhY3Q6%d",' "$i"
        printf '"version":"v%d","type":"model","metadata":{"accuracy":0.93,"epoch":%d}}}\n' "$i" "$i"
    done >"$WORK/lines"
    start_hub raw "$WORK/h-raw"
    stop "$raw_pid"
    start_hub hub "$WORK/h"
    set_up "$hub_url"
    add_automations "$hub_url" 1000
    in_turns h_raw h_hub h_round
    target "h. intake of 1,000 lines a POST: hub / raw SQLite" "$(median h)" '>=' 0.40
    cpu "h. hub" h_hub_cpu
    figure "h. hub" h_hub events/s
    figure "h. raw SQLite, 1,024 rows a commit" h_raw rows/s
    stop "$hub_pid"
}

# --- i: windows --------------------------------------------------------------------------------

# i_watch HOW AGGREGATION GOAL WORDS
i_watch()
{
    "$WINDOWS" "$1" "$2" >"$WORK/windows.out" || die "no windows"
    target "i. $4, $2: recomputed / kept" "$(field ratio "$WORK/windows.out")" '>=' "$3"
    keep "i_$1_$2" "$(field kept_us "$WORK/windows.out")"
    figure "i. $4, $2: CPU per value" "i_$1_$2" us
}

i_remember()            # AGGREGATION
{
    "$WINDOWS" memory "$1" >"$WORK/windows.out" || die "no windows"
    target "i. 100,000 runs with $1 of 10, in MB" "$(field mb "$WORK/windows.out")" '<=' 50
    keep "i_bytes_$1" "$(field bytes "$WORK/windows.out")"
    figure "i. a run with $1 of 10" "i_bytes_$1" bytes
}

part_i()
{
    for aggregation in AVERAGE LEAST DEVIATION; do
        i_watch same $aggregation 10 "100 watch one window"
    done
    i_watch different AVERAGE 4 "100 watch one each"
    i_watch different LEAST 4 "100 watch one each"
    i_watch different DEVIATION 1.5 "100 watch one each"
    i_remember AVERAGE
    i_remember DEVIATION
}

# --- l: backtests beside live traffic ----------------------------------------------------------

l_draft()
{
    printf '{"automation":%s,"since":"1h"}' "$(automation draft production)"
}

l_done()                # ID
{
    api "$hub_url" GET "/backtests/$1" | grep -q '"status":"finished"'
}

# One after the other until the file is gone; each is one more line of l_ended.
l_keep_at_it()
{
    while [ -e "$WORK/l_go" ]; do
        id=$(api "$hub_url" POST /backtests "$(l_draft)" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')
        until l_done "$id" || [ ! -e "$WORK/l_go" ]; do sleep 1; done
        l_done "$id" && echo "$id" >>"$WORK/l_ended"
        api "$hub_url" DELETE "/backtests/$id"
    done
}

l_without() { send "$hub_url/api/v1/events" --connections 64 --seconds "$SECONDS_EACH"
              l_plain=$per_second; keep l_without "$per_second"; }
l_with()
{
    touch "$WORK/l_go"
    l_keep_at_it & first=$!
    l_keep_at_it & second=$!
    send "$hub_url/api/v1/events" --connections 64 --seconds "$SECONDS_EACH"
    rm "$WORK/l_go"
    wait $first $second
    l_beside=$per_second
    keep l_with "$per_second"
}
l_round() { ratio l "$l_beside" "$l_plain"; }

# What a backtest does where nothing else is to be done.
l_alone()
{
    id=$(api "$hub_url" POST /backtests "$(l_draft)" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')
    until l_done "$id"; do sleep 0.1; done
    keep l_alone "$(api "$hub_url" GET "/backtests/$id" | sed -n \
        's/.*"records":\([0-9]*\),.*"duration_ms":\([0-9]*\).*/\1 \2/p' |
        awk '{ print $1 * 1000 / $2 }')"
}

part_l()
{
    start_hub hub "$WORK/l"
    set_up "$hub_url"
    send "$hub_url/api/v1/events" --connections 64 --count 300000
    in_turns l_without l_with l_round
    target "l. durable intake beside two backtests: with / without" "$(median l)" '>=' 0.90
    l_alone
    figure "l. hub, without" l_without events/s
    figure "l. hub, with" l_with events/s
    figure "l. a backtest alone" l_alone records/s
    stop "$hub_pid"
}

# --- j: points of runs ---------------------------------------------------------------------------

# An event with one point that nobody watches, and one of a type of somebody's own that is as long.
j_point='{"type":"run.metric","entity":"acme","project":"vision","run":{"id":"frog-7","name":"sunny-frog-7","user":"ana"},"metrics":[{"name":"loss","step":%T%,"value":0.8234000205993652}]}'
j_plain='{"type":"train.step","entity":"acme","project":"vision","author":"ana","data":{"run":"sunny-frog-7","what":"is as long as the other one","name":"loss","step":%T%,"value":0.8234000205993652}}'

j_one() { measured "$hub_pid" send "$hub_url/api/v1/events" --connections 64 \
              --seconds "$SECONDS_EACH" --body-file "$WORK/$1"
          keep "j_$1" "$per_second"; keep "j_cpu_$1" "$cpu_us"; }
j_plains() { j_one plain; plain_rate=$per_second plain_cpu=$cpu_us; }
j_points() { j_one point; point_rate=$per_second point_cpu=$cpu_us; }
j_round() { ratio j "$plain_rate" "$point_rate"; ratio j_cpu "$point_cpu" "$plain_cpu"; }

# j_values POINTS: 40 requests of 1,000 events with so many points each, of ten runs, as a framework
# prints them; and the same points as lines.
j_values()
{
    rm -f "$WORK"/points.*
    awk -v n="$1" -v dir="$WORK" 'BEGIN {
        srand(7)
        for (file = 0; file < 40; file++) {
            for (i = 0; i < 1000; i++) {
                step = file * 100 + int(i / 10)
                run = "frog-" i % 10
                text = ""
                for (m = 0; m < n; m++) {
                    value = sprintf(m % 3 == 0 ? "%.4f" : m % 3 == 1 ? "%.16f" : "%.6fe-05", rand())
                    text = text (m ? "," : "") "{\"name\":\"train/metric_" m "\",\"step\":" step \
                        ",\"value\":" value "}"
                    print run, "train/metric_" m, step, value > (dir "/points.lines")
                }
                print "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":{" \
                    "\"id\":\"" run "\",\"name\":\"sunny-" run "\",\"config\":{\"lr\":0.001,\"batch\":" \
                    "64,\"model\":\"resnet50\"}},\"metrics\":[" text "]}" > (dir "/points." file)
            }
        }
    }'
    points=$((40000 * $1))
}

size_of() { wc -c <"$1"; }

j_disk()                # POINTS, to an event
{
    j_values "$1"
    start_hub disk "$WORK/j-$1"
    api "$disk_url" PUT /teams/acme '{}' >"$WORK/answer"
    stop "$disk_pid"
    before=$(size_of "$WORK/j-$1/belfry.db")
    start_hub disk "$WORK/j-$1"
    begun=$(date +%s%N)
    for file in $(seq 0 39); do
        curl -sS -f -H "Authorization: Bearer $KEY" --data-binary "@$WORK/points.$file" \
            -o "$WORK/answer" "$disk_url/api/v1/events" || die "points were refused"
    done
    spent=$(($(date +%s%N) - begun))
    stop "$disk_pid"
    bytes=$(calc "($(size_of "$WORK/j-$1/belfry.db") - $before) / $points")
    "$POINTS" "$WORK/plain-$1.db" "$WORK/points.lines" >"$WORK/points.out" || die "no points"
    plain=$(calc "$(size_of "$WORK/plain-$1.db") / $points")
    target "j. bytes on disk, $1 points to an event: events / rows" "$(calc "$bytes / $plain")" \
        '<=' "$2"
    target "j. points/s, $1 points to an event: hub / rows alone" \
        "$(calc "$points * 1e9 / $spent / $(field per_second "$WORK/points.out")")" '>=' "$3"
    keep "j_bytes_$1" "$bytes"
    figure "j. a point and its event, of $1, on disk" "j_bytes_$1" bytes
    keep "j_plain_$1" "$plain"
    figure "j. a row and its index" "j_plain_$1" bytes
    keep "j_rate_$1" "$(calc "$points * 1e9 / $spent")"
    figure "j. hub, 1,000 events of $1 a POST" "j_rate_$1" points/s
    keep "j_rows_$1" "$(field per_second "$WORK/points.out")"
    figure "j. rows alone, 1,024 a commit" "j_rows_$1" points/s
}

part_j()
{
    echo "$j_point" >"$WORK/point"
    echo "$j_plain" >"$WORK/plain"
    start_hub hub "$WORK/j"
    api "$hub_url" PUT /teams/acme '{}' >"$WORK/answer"
    in_turns j_plains j_points j_round
    target "j. a plain event's rate / a point's that nobody watches" "$(median j)" '<=' 1.5
    target "j. CPU of a point / of a plain event" "$(median j_cpu)" '<=' 1.5
    cpu "j. a point" j_cpu_point
    cpu "j. a plain event" j_cpu_plain
    figure "j. points" j_point events/s
    figure "j. plain events" j_plain events/s
    stop "$hub_pid"
    j_disk 1 1.0 0.1
    j_disk 10 0.3 0.5
}

# --- k: start ------------------------------------------------------------------------------------

k_sql() { "$SQL" "$WORK/k/belfry.db" "$1" >"$WORK/answer" || die "the rows cannot be made"; }

# 100,000 runs that are running and ten events of each.
k_rows()
{
    k_now=$(date +%s%3N)
    k_sql "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000)
        INSERT INTO runs (number, entity, project, run, state, watched, series_seq)
        SELECT n, 'acme', 'vision', 'frog-' || n, 'RUNNING', $k_now + n / 1000, 0 FROM c"
    k_sql "INSERT INTO run_words (run, first, words) SELECT number, 0, X'6E046C6F7373' FROM runs"
    k_sql "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000)
        INSERT INTO journal (seq, entity, type, received, hops, project, body, run)
        SELECT 1000 + n, 'acme', 'run.metric', $k_now + n / 1000, 0, 'vision',
            '{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":{\"id\":\"frog-' ||
            (1 + n % 100000) || '\"},\"metrics\":[{\"name\":\"loss\",\"step\":' || (n / 100000) ||
            ',\"value\":0.5}]}', 1 + n % 100000 FROM c"
}

# k_start: sets ready_ms, from the exec to the line that says so.
k_start()
{
    BELFRY_ADMIN_KEY=$KEY "$HUB" serve --data "$WORK/k" --listen 127.0.0.1:0 --log_level error \
        >"$WORK/k.out" 2>&1 &
    k_pid=$!
    PIDS="$PIDS $!"
    begun=$(date +%s%N)
    until grep -q 'serves on' "$WORK/k.out"; do
        kill -0 $k_pid || die "the hub did not start"
        sleep 0.01
    done
    ready_ms=$((($(date +%s%N) - begun) / 1000000))
    k_url=$(sed -n 's/.*serves on \(http:[^ ]*\).*/\1/p' "$WORK/k.out")
}

part_k()
{
    start_hub k "$WORK/k"
    api "$k_url" PUT /teams/acme '{}' >"$WORK/answer"
    stop "$k_pid"
    k_rows
    for round in $(seq "$ROUNDS"); do
        k_start
        keep k "$ready_ms"
        keep k_first "$(curl -sS -f -H "Authorization: Bearer $KEY" -o "$WORK/answer" -w '%{time_total}' \
            -d '{"type":"run.metric","entity":"acme","project":"vision","run":{"id":"frog-'"$round"'"},
                "metrics":[{"name":"loss","step":99,"value":0.5}]}' "$k_url/api/v1/events" |
            awk '{ print $1 * 1000 }')"
        pss=$(pss_mb "$k_pid")
        keep k_pss "$pss"
        stop "$k_pid"
    done
    target "k. ready with 100,000 runs and 1,000,000 events, in ms" "$(median k)" '<=' 1000
    figure "k. the first event of a run after that" k_first ms
    figure "k. PSS then" k_pss MB
}

# --- m: calls of scripts ----------------------------------------------------------------------------

part_m()
{
    for round in $(seq "$ROUNDS"); do
        "$SCRIPT" "$BUILD/belfry-script" >"$WORK/script.out" || die "no scripts"
        for name in batch_us batch_wall_us shared_us plain_us ratio cold_ms warm_ms hold_ms; do
            keep "m_$name" "$(field "$name" "$WORK/script.out")"
        done
    done
    target "m. CPU of a filter's call in a batch, in us" "$(median m_batch_us)" '<=' 3
    target "m. the same, ten scripts about each event" "$(median m_shared_us)" '<=' 3
    target "m. a script's first call in a process of its own, in ms" "$(median m_warm_ms)" '<=' 2
    target "m. what a call that hangs holds up, in ms" "$(median m_hold_ms)" '<=' 100
    figure "m. a filter's call in a batch, on the wall" m_batch_wall_us us
    figure "m. a plain lua_pcall of the same function" m_plain_us us
    figure "m. a call in a batch / a plain lua_pcall" m_ratio times
    figure "m. the very first call, with no process there yet" m_cold_ms ms
    "$BOX" | sed 's/^/m. in the box alone: /' >>"$WORK/figures"
}

# --- n: intake past scripts --------------------------------------------------------------------------

# The same automations twice: decided by a condition on the author, or by a script that looks at him.
n_automation()          # ALIAS HOOKED
{
    printf '{"name":"of %s","scope":{"entity":"acme","project":"vision","collection":"classifier"},' "$1"
    if [ "$2" = hooked ]; then
        printf '"event":{"type":"ADD_ARTIFACT_ALIAS","filter":{"alias":"%s"}},' "$1"
        printf '"hooks":{"filter":{"code":"return { filter = function(event) return event.author == \\"nobody\\" end }"}},'
    else
        printf '"event":{"type":"ADD_ARTIFACT_ALIAS","filter":{"alias":"%s",' "$1"
        printf '"author":"nobody"}},'
    fi
    printf '"actions":[{"integration":"%s","config":{"payload":{"by":"${event_author}"}}}]}' "$integration"
}

n_set_up()              # URL HOOKED
{
    set_up "$1"
    n_automation 'alias-%ID%' "$2" >"$WORK/automation"
    "$LOAD" --url "$1/api/v1/automations" --key "$KEY" --connections 16 --count 999 \
        --body-file "$WORK/automation" >"$WORK/load.out"
    [ "$(field acknowledged "$WORK/load.out")" = 999 ] ||
        die "automations were not made: $(cat "$WORK/load.out")"
    api "$1" POST /automations "$(n_automation production "$2")" >"$WORK/answer"
}

n_plain() { measured "$plain_pid" send "$plain_url/api/v1/events" --connections "$n" \
                --seconds "$SECONDS_EACH"
            plain_rate=$per_second; keep "n_plain_$n" "$per_second"; keep "n_plain_cpu_$n" "$cpu_us"; }
n_hooked() { measured "$hooked_pid" send "$hooked_url/api/v1/events" --connections "$n" \
                 --seconds "$SECONDS_EACH"
             hooked_rate=$per_second; keep "n_hooked_$n" "$per_second"; keep "n_hooked_cpu_$n" "$cpu_us"; }
n_round() { ratio "n_$n" "$hooked_rate" "$plain_rate"; }

part_n()
{
    start_hub plain "$WORK/n-plain"
    n_set_up "$plain_url" plain
    start_hub hooked "$WORK/n-hooked"
    n_set_up "$hooked_url" hooked
    for n in 64 256; do
        in_turns n_plain n_hooked n_round
        target "n. intake past Lua filters, $n connections: with / without" "$(median "n_$n")" '>=' 0.70
        cpu "n. hub, $n connections, with" "n_hooked_cpu_$n"
        cpu "n. hub, $n connections, without" "n_plain_cpu_$n"
        figure "n. hub, $n connections, with" "n_hooked_$n" events/s
        figure "n. hub, $n connections, without" "n_plain_$n" events/s
    done
    api "$hooked_url" GET '/executions?limit=1' | grep -q '"items": *\[ *\]' ||
        die "a script that says no has fired"
    stop "$plain_pid"
    stop "$hooked_pid"
}

# --- o: what each sink costs -------------------------------------------------------------------------

o_sinks="webhook slack teams github"

o_config()              # SINK
{
    case $1 in
    webhook) echo '{"url":"http://'"$receiver"'/hook","secret":"SIGN"}' ;;
    slack) echo '{"webhook_url":"http://'"$receiver"'/services/T0/B0/x"}' ;;
    teams) echo '{"url":"http://'"$receiver"'/workflows/x","kind":"workflows"}' ;;
    github) echo '{"repo":"acme/vision","token":"SIGN","api_base":"http://'"$receiver"'"}' ;;
    esac
}
o_action()              # SINK
{
    case $1 in
    webhook) echo '{"payload":{"id":"${artifact_metadata.id}","event":"${event_type}",
        "by":"${event_author}","artifact":"${artifact_version_string}","alias":"${alias}"}}' ;;
    slack | teams) echo '{"title":"${artifact_version_string} is in ${alias}",
        "text":"by ${event_author} in ${project_name}: ${artifact_metadata.id}"}' ;;
    github) echo '{"event_type":"promoted","client_payload":{"id":"${artifact_metadata.id}",
        "by":"${event_author}","artifact":"${artifact_version_string}","alias":"${alias}"}}' ;;
    esac
}
o_answer()              # SINK: as its service does
{
    case $1 in
    slack) echo "--body ok" ;;
    teams) echo "--status 202" ;;
    github) echo "--status 204" ;;
    esac
}

# One integration and one automation for each; o_SINK is the integration.
o_set_up()
{
    find_receiver_port
    api "$hub_url" PUT /teams/acme '{}' >"$WORK/answer"
    api "$hub_url" PUT /teams/acme/secrets/SIGN '{"value":"a secret of some length"}' >"$WORK/answer"
    for sink in $o_sinks; do
        id=$(api "$hub_url" POST /teams/acme/integrations '{"sink":"'$sink'","name":"'$sink'",
            "config":'"$(o_config $sink)"',"delivery":{"pace":"10000/s","parallel":64,"merge_over":0}}' |
            sed -n 's/.*"id": *"\([^"]*\)".*/\1/p')
        eval "o_$sink=$id"
        api "$hub_url" POST /automations '{"name":"'$sink'","scope":{"entity":"acme",
            "project":"vision"},"event":{"type":"ADD_ARTIFACT_ALIAS","filter":{"alias":"'$sink'"}},
            "actions":[{"integration":"'$id'","config":'"$(o_action $sink)"'}]}' >"$WORK/answer"
    done
}

o_sql() { "$SQL" "$WORK/o/belfry.db" "$1"; }

# What waits for an integration that is disabled goes out at once when it is enabled.
o_drain()               # SINK INTEGRATION
{
    api "$hub_url" POST "/integrations/$2/disable" >"$WORK/answer"
    send "$hub_url/api/v1/events" --connections 64 --count "$o_events" --alias "$1"
    # shellcheck disable=SC2046 # a list
    start_receiver $(o_answer "$1")
    before=$(ticks "$hub_pid") since=$(date +%s%3N)
    api "$hub_url" POST "/integrations/$2/enable" >"$WORK/answer"
    until [ "$(o_sql "SELECT count(*) FROM executions WHERE integration = '$2' AND status = 0")" = 0 ]; do
        [ "$(date +%s%3N)" -lt $((since + 120000)) ] || die "deliveries are still waiting"
        sleep 0.1
    done
    keep "o_cpu_$1" "$(calc "($(ticks "$hub_pid") - $before) * 1e6 / $(getconf CLK_TCK) / $o_events")"
    stop "$receiver_pid"
    [ "$(field distinct "$WORK/receiver.out")" -ge "$o_events" ] || die "not all were delivered"
    rate=$(calc "$o_events * 1000 / $(o_sql "SELECT max(started + duration) - min(started)
        FROM attempts WHERE started >= $since")")
    keep "o_$1" "$rate"
}

o_round()
{
    o_drain webhook "$o_webhook"
    webhook_rate=$rate
    for sink in slack teams github; do
        eval "id=\$o_$sink"
        o_drain $sink "$id"
        ratio "o_ratio_$sink" "$rate" "$webhook_rate"
    done
}

part_o()
{
    o_events=20000
    start_hub hub "$WORK/o"
    o_set_up
    for round in $(seq "$ROUNDS"); do o_round; done
    target "o. draining 20,000 messages: Slack / webhook" "$(median o_ratio_slack)" '>=' 0.8
    target "o. draining 20,000 messages: Teams / webhook" "$(median o_ratio_teams)" '>=' 0.8
    target "o. draining 20,000 dispatches, each begun on disk: GitHub / webhook" \
        "$(median o_ratio_github)" '>=' 0.35
    for sink in $o_sinks; do
        cpu "o. $sink" "o_cpu_$sink"
        figure "o. $sink" "o_$sink" deliveries/s
    done
    stop "$hub_pid"
}

# --- p: many destinations, a tenth of them slow ------------------------------------------------------

p_number() { sed -n "s/.*$1.*/\\1/p" "$WORK/many.out"; }

part_p()
{
    (cd "$here" && B=$BUILD DESTINATIONS=5000 SLOW=500 OFTEN=1 DELAY=5000 EVENTS=8 RATE=0.3 PATIENCE=240 \
        tests/fault/many.sh) >"$WORK/many.out" || die "$(cat "$WORK/many.out")"
    keep p_without "$(p_number 'p99 in ms: \([0-9]*\) without')"
    keep p_with "$(p_number ', \([0-9]*\) with them')"
    keep p_memory "$(calc "$(p_number 'KiB: [0-9]*, \([0-9]*\)') / 1024")"
    ratio p "$(median p_with)" "$(median p_without)"
    target "p. 5,000 destinations, 500 slow: the others' p99, with / without" "$(median p)" '<=' 2
    figure "p. p99 of events to 4,500, without the slow ones" p_without ms
    figure "p. p99 of events to 4,500, with 500 slow ones" p_with ms
    figure "p. the most memory, with them" p_memory MB
}

# --- all -------------------------------------------------------------------------------------

for program in "$HUB" "$LOAD" "$RECEIVE" "$BARE" "$ROWS" "$WINDOWS" "$SQL" "$POINTS" "$SCRIPT"; do
    [ -x "$program" ] || die "$program is not there: run make first"
done
for program in curl wrk; do
    command -v "$program" >/dev/null || die "$program is not installed"
done
[ $# -gt 0 ] || set -- a b c d e f g h i j k l m n o p
for part in "$@"; do
    case $part in
    [a-p]) say "part $part ..."; "part_$part" ;;
    *) die "there is no part $part; there are: a b c d e f g h i j k l m n o p" ;;
    esac
done
{
    echo "median of $ROUNDS rounds of $SECONDS_EACH s, $(nproc) cores"
    echo
    cat "$WORK/ratios"
    [ ! -f "$WORK/cpu" ] || { echo; cat "$WORK/cpu"; }
    [ ! -f "$WORK/figures" ] || { echo; cat "$WORK/figures"; }
} | tee "$BUILD/bench.txt"
[ ! -f "$WORK/missed" ]
