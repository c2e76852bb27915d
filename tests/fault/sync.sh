#!/bin/bash
# sync.sh - no acknowledgement leaves before the disk has what it acknowledges.
#
# Killing a process proves nothing about fsync, for the page cache survives it; so strace watches
# the order of system calls: between the last write to the database's log and a 202 there must be
# a completed fdatasync (or fsync) of that log.
. "$(dirname "$0")/../e2e/lib.sh"

start_hub
add_team acme
strace -f -y -e trace=fdatasync,fsync,pwrite64,write,writev,sendto,sendmsg -s 24 \
    -o "$tmp/trace" -p "$HUB_PID" 2>"$tmp/strace.err" &
STRACE_PID=$!
started="$started $STRACE_PID"
within 10 grep -q attached "$tmp/strace.err" || {
    skip "strace may not trace here: $(head -n 1 "$tmp/strace.err")"
    finish
}
for i in $(seq 20); do
    emit "$(alias_event "a$i")" >"$tmp/answer"
    [ "$(status)" = 202 ] || bad "event $i is acknowledged" "$(status)"
done
kill "$STRACE_PID"
wait "$STRACE_PID" 2>/dev/null

# dirty: the log was written since its last sync.  A sync counts from when it has returned.
awk '
    /pwrite64\([0-9]+<[^>]*belfry\.db-wal>/ { dirty = 1; writes++ }
    /(fdatasync|fsync)\([0-9]+<[^>]*belfry\.db-wal>.*= 0/ { dirty = 0; syncs++ }
    /(fdatasync|fsync)\([0-9]+<[^>]*belfry\.db-wal>.*unfinished/ { waiting[$1] = 1 }
    /(fdatasync|fsync) resumed.*= 0/ { if (waiting[$1]) { dirty = 0; syncs++; delete waiting[$1] } }
    /HTTP\/1\.1 202/ { acks++; if (dirty) early++ }
    END { printf "%d %d %d %d\n", writes, syncs, acks, early }
' "$tmp/trace" >"$tmp/counts"
read -r writes syncs acks early <"$tmp/counts"
is "twenty acknowledgements were seen" "$acks" 20
[ "$writes" -ge 20 ] && [ "$syncs" -ge 20 ] && good || bad "writes and syncs were seen" "$writes $syncs"
is "none of them before its sync" "$early" 0
finish
