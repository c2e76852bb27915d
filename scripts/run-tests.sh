#!/bin/sh
# run-tests.sh COMMAND... - run test programs and add up what they say, TEST_JOBS at a time: twice as
# many as there are processors, unless it says otherwise, for half of the time a test waits.
#
# Every program ends with "N passed, N failed[, N skipped]"; one that does not (a crash, a hang)
# counts as one failure.  What each has to say is printed when it ends, all of it at once.  The last
# line is the sum, and the exit status tells whether any failed.

# One of them, as run-tests.sh runs itself; its counts go into the file $TALLY.
one() {
    out=$(mktemp)
    began=$(date +%s)
    env -u TALLY timeout -k 10 "${TEST_TIMEOUT:-600}" sh -c "$1" >"$out" 2>&1
    status=$?
    took="$(($(date +%s) - began)) s"
    exec 9>>"$TALLY"
    flock 9
    line=$(tail -n 1 "$out" | grep -E '^[0-9]+ passed, [0-9]+ failed')
    if [ -z "$line" ]; then
        echo "== $1: ended with status $status and no count, after $took"
        tail -n 60 "$out"
        echo 0 1 0 >&9
    else
        p=$(echo "$line" | sed 's/ passed.*//')
        f=$(echo "$line" | sed 's/.*passed, \([0-9]*\) failed.*/\1/')
        s=$(echo "$line" | sed -n 's/.*, \([0-9]*\) skipped.*/\1/p')
        echo "$1: $line ($took)"
        if [ "$f" -gt 0 ] || [ "$status" -ne 0 ] || [ "${s:-0}" -gt 0 ]; then
            sed '$d' "$out"
            [ "$f" -gt 0 ] || [ "$status" -eq 0 ] || f=1
        fi
        echo "$p" "$f" "${s:-0}" >&9
    fi
    rm -f "$out"
}

if [ -n "${TALLY-}" ]; then
    one "$1"
    exit 0
fi

TALLY=$(mktemp)
export TALLY
trap 'rm -f "$TALLY"' EXIT

# Those that begin with ALONE=1 measure time: they come last, and by themselves.
pick() {
    kind=$1
    shift
    for program in "$@"; do
        case $program in
        ALONE=1*) [ "$kind" = others ] || printf '%s\0' "$program" ;;
        *) [ "$kind" = alone ] || printf '%s\0' "$program" ;;
        esac
    done
}
pick others "$@" | xargs -0 -r -n 1 -P "${TEST_JOBS:-$(($(nproc) * 2))}" "$0"
pick alone "$@" | xargs -0 -r -n 1 "$0"
awk -v all=$# '{ n++; p += $1; f += $2; s += $3 }
    END { f += all - n              # one that could not even be begun
          printf "%d passed, %d failed%s\n", p, f, s ? ", " s " skipped" : ""; exit f > 0 }' "$TALLY"
