#!/bin/bash
# clock.sh - absences fire once, with what was last known, and are begun again; a restart in between
# changes nothing; schedules are refused with reasons, and what waits is no load.
. "$(dirname "$0")/lib.sh"

start "$tmp/listen.log" "$BELFRY" listen 127.0.0.1:0
RECEIVER=$ADDRESS

start_hub
add_team acme
HOOK=$(add_webhook acme receiver "{\"url\":\"http://$RECEIVER/hook\"}")

automation() { # NAME TYPE FILTER
    jq -nc --arg n "$1" --arg t "$2" --arg i "$HOOK" --argjson f "$3" \
        '{name: $n, scope: {entity: "acme", project: "vision"}, event: {type: $t, filter: $f},
          actions: [{integration: $i, config: {payload: [$n, "${run_name}", "${event_type}"]}}]}'
}
heartbeat() { # RUN
    emit "{\"type\":\"run.heartbeat\",\"entity\":\"acme\",\"project\":\"vision\",
           \"run\":{\"id\":\"$1\",\"name\":\"name-of-$1\"}}" >"$tmp/answer"
}
advances() { api GET '/api/v1/events?type=clock.advance' | jq '.items | length'; }
heard() { grep -c "silence.*name-of-$1" "$tmp/listen.log"; }
has_heard() { [ "$(heard "$1")" -ge "$2" ]; }

# --- absence

api POST /api/v1/automations "$(automation silence ABSENCE '{"of":"run.heartbeat","for":"2s"}')" \
    >"$tmp/answer"
is "an absence is saved" "$(status)" 201
heartbeat r1
if within 10 has_heard r1 1; then good; else bad "silence for 2 s fires" "$(cat "$tmp/listen.log")"; fi
has "the record says what was waited for" \
    "$(api GET '/api/v1/events?type=clock.advance' | jq -c '.items[0].data | [.for, .of]')" \
    '["2s","run.heartbeat"]'
heartbeat r1
if within 10 has_heard r1 2; then good; else bad "the next heartbeat begins it again" "$(heard r1)"; fi

# --- restarts: between beginning and end, and while it becomes over

heartbeat r2
stop_hub
sleep 2.1
start_hub
if within 10 has_heard r2 1; then good; else bad "what was over while the hub was down fires" ""; fi
heartbeat r3
kill -9 "$HUB_PID"
start_hub
if within 10 has_heard r3 1; then good; else bad "a kill does not forget a wait" ""; fi
sleep 1
is "each of them once" "$(heard r1) $(heard r2) $(heard r3) $(advances)" "2 1 1 4"

# --- schedules are refused with field and reason

refused() { # CLAIM CRON ZONE FIELD WORDS
    api POST /api/v1/automations "$(automation never SCHEDULE \
        "{\"cron\":\"$2\",\"time_zone\":\"$3\"}")" >"$tmp/answer"
    is "$1" "$(status) $(jq -r .error.field "$tmp/answer")" "400 event.filter.$4"
    has "$1, in words" "$(jq -r .error.message "$tmp/answer")" "$5"
}
refused "a cron that never comes" "0 0 30 2 *" UTC cron "never comes"
refused "a cron that is none" "0 25 * * *" UTC cron "allowed are 0 to 23"
refused "an unknown zone" "0 9 * * *" Mars/Olympus time_zone "named like"
api POST /api/v1/automations \
    "$(automation yearly SCHEDULE '{"cron":"@yearly","time_zone":"Europe/Berlin"}')" >"$tmp/answer"
is "a schedule is saved" "$(status)" 201

# --- waiting costs nothing

ticks() { awk '{print $14 + $15}' "/proc/$HUB_PID/stat"; }
before=$(ticks)
sleep 2
at_most "a hub that waits uses next to no time (hundredths of a second in 2 s)" \
    $(($(ticks) - before)) 10

finish
