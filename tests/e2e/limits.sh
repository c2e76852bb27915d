#!/bin/bash
# limits.sh - every limit through a real socket: one less and as much are taken, one more is refused
# with the status that says which.
. "$(dirname "$0")/lib.sh"

start_hub
add_team acme

# Claim what a command says for one less, as much, and one more.
at_limit() { # CLAIM LIMIT STATUS-WITHIN STATUS-BEYOND COMMAND (its argument is the size)
    is "$1: one less" "$("$5" $(($2 - 1)))" "$3"
    is "$1: as much" "$("$5" "$2")" "$3"
    is "$1: one more" "$("$5" $(($2 + 1)))" "$4"
}
send() { # FILE: the status
    emit "@$1" >"$tmp/answer"
    status
}
fill() { head -c "$1" /dev/zero | tr '\0' "$2"; } # SIZE CHARACTER

event_of() { # bytes of one event
    local head='{"type":"a.b","entity":"acme","data":"'
    { printf '%s' "$head"; fill $(($1 - ${#head} - 2)) x; printf '"}'; } >"$tmp/event"
    send "$tmp/event"
}
at_limit "an event of 1 MiB" 1048576 202 413 event_of
has "in words" "$(jq -r .error.message "$tmp/answer")" 1048576

batch_of() { # bytes of an array; ten large events, and blanks up to the size
    local head='{"type":"a.b","entity":"acme","data":"' i
    {
        printf '['
        for i in $(seq 10); do
            printf '%s' "$head"
            fill 1000000 x
            printf '"}'
            [ "$i" = 10 ] || printf ','
        done
    } >"$tmp/batch"
    fill $(($1 - $(wc -c <"$tmp/batch") - 1)) ' ' >>"$tmp/batch"
    printf ']' >>"$tmp/batch"
    send "$tmp/batch"
}
at_limit "a batch of 10 MiB" 10485760 202 413 batch_of

array_of() { # events in an array
    { printf '['; printf '{"type":"a.b","entity":"acme"},%.0s' $(seq $(($1 - 1)))
        printf '{"type":"a.b","entity":"acme"}]'; } >"$tmp/array"
    send "$tmp/array"
}
lines_of() { # events on a line each
    printf '{"type":"a.b","entity":"acme"}\n%.0s' $(seq "$1") >"$tmp/lines"
    send "$tmp/lines"
}
cloudevents_of() { # events in a batch of CloudEvents
    { printf '['; for i in $(seq "$1"); do
        [ "$i" = 1 ] || printf ','
        printf '{"specversion":"1.0","id":"%s-%s","source":"/s","type":"a.b","entity":"acme"}' "$1" "$i"
    done; printf ']'; } >"$tmp/cloudevents"
    emit "@$tmp/cloudevents" -H 'Content-Type: application/cloudevents-batch+json' >"$tmp/answer"
    status
}
at_limit "1,000 events in an array" 1000 202 413 array_of
at_limit "1,000 events in lines" 1000 202 413 lines_of
at_limit "1,000 CloudEvents in a batch" 1000 202 413 cloudevents_of

deep() { # levels of a whole event, its object the first
    { printf '{"type":"a.b","entity":"acme","data":'
        printf '[%.0s' $(seq $(($1 - 1))); printf ']%.0s' $(seq $(($1 - 1))); printf '}'; } >"$tmp/deep"
    send "$tmp/deep"
}
at_limit "JSON 64 levels deep" 64 202 400 deep

# An intake's body is one level and a few members less than the event it becomes.
api PUT /api/v1/teams/acme/intakes/open '{"type":"a.b","check":{"kind":"none"}}' >"$tmp/answer"
arrive() { # FILE: the status
    curl -sS -o "$tmp/answer" -w '%{http_code}' "$URL/api/v1/in/open" --data-binary "@$1"
}
body_of() { { printf '"'; fill $(($1 - 2)) x; printf '"'; } >"$tmp/body"; arrive "$tmp/body"; }
deep_body() {
    { printf '[%.0s' $(seq "$1"); printf ']%.0s' $(seq "$1"); } >"$tmp/body"
    arrive "$tmp/body"
}
around=$(printf '%s' '{"type":"a.b","entity":"acme","source":"open","data":}' | wc -c)
at_limit "a body that makes an event of 1 MiB" $((1048576 - around)) 202 413 body_of
at_limit "a body 63 levels deep" 63 202 400 deep_body

# --- the head of a request, byte for byte on a socket of its own

answer_to() { # FILE: the status of what comes back
    local line=
    exec 3<>"/dev/tcp/${ADDRESS%:*}/${ADDRESS##*:}"
    cat "$1" >&3
    IFS= read -r -t 20 line <&3
    exec 3<&- 3>&-
    line=${line#HTTP/1.1 }
    echo "${line%% *}"
}
head_of() { # bytes of the head: the first line, headers, an empty line
    local names=$'GET /healthz HTTP/1.1\r\nHost: belfry\r\nConnection: close\r\n' left
    left=$(($1 - ${#names} - 2))
    {
        printf '%s' "$names"
        while [ "$left" -gt 5000 ]; do
            printf 'X-Filling: %s\r\n' "$(fill 3987 x)"
            left=$((left - 4000))
        done
        printf 'X-Filling: %s\r\n\r\n' "$(fill $((left - 13)) x)"
    } >"$tmp/head"
    answer_to "$tmp/head"
}
url_of() { # bytes of the path and query
    { printf 'GET /healthz?%s HTTP/1.1\r\nHost: belfry\r\nConnection: close\r\n\r\n' \
        "$(fill $(($1 - 9)) x)"; } >"$tmp/url"
    answer_to "$tmp/url"
}
at_limit "a URL of 8 KiB" 8192 200 414 url_of
at_limit "a head of 32 KiB" 32768 200 431 head_of

is "the hub is well after all of it" "$(curl -s -o "$tmp/answer" -w '%{http_code}' "$URL/readyz")" 200
finish
