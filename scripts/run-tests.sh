#!/bin/sh
# run-tests.sh COMMAND... - run test programs one after the other and add up what they say.
#
# Every program ends with "N passed, N failed[, N skipped]"; one that does not (a crash, a hang)
# counts as one failure.  The last line is the sum, and the exit status tells whether any failed.

passed=0 failed=0 skipped=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

for program in "$@"; do
    timeout -k 10 "${TEST_TIMEOUT:-600}" sh -c "$program" >"$out" 2>&1
    status=$?
    line=$(tail -n 1 "$out" | grep -E '^[0-9]+ passed, [0-9]+ failed')
    if [ -z "$line" ]; then
        failed=$((failed + 1))
        echo "== $program: ended with status $status and no count"
        tail -n 60 "$out"
        continue
    fi
    p=$(echo "$line" | sed 's/ passed.*//')
    f=$(echo "$line" | sed 's/.*passed, \([0-9]*\) failed.*/\1/')
    s=$(echo "$line" | sed -n 's/.*, \([0-9]*\) skipped.*/\1/p')
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + ${s:-0}))
    echo "$program: $line"
    if [ "$f" -gt 0 ] || [ "$status" -ne 0 ] || [ "${s:-0}" -gt 0 ]; then
        sed '$d' "$out"
        [ "$f" -gt 0 ] || [ "$status" -eq 0 ] || failed=$((failed + 1))
    fi
done

echo "$passed passed, $failed failed$([ "$skipped" -gt 0 ] && echo ", $skipped skipped")"
[ "$failed" -eq 0 ]
