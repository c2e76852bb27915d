#!/bin/sh
# layers.sh - do the includes point down, and does every library have one door?
#
# Rooms from top to bottom; a file may include its own room and those below.  Prints each include
# that breaks a rule, then "N passed, N failed", one count per rule and file.
cd "$(dirname "$0")/.." || exit 1

rooms="cli api plan backtest plugin keeper delivery bus script outbox rules team event store net base"
passed=0 failed=0

check() { # file, why, offending lines
    if [ -n "$3" ]; then
        failed=$((failed + 1))
        echo "$1: $2:"
        echo "$3" | sed 's/^/    /'
    else
        passed=$((passed + 1))
    fi
}

above=
for room in $rooms; do
    for file in core/"$room"/*.[ch]*; do
        [ -f "$file" ] || continue
        if [ "$room" = cli ]; then
            check "$file" "a verb uses belfry.h and base/ alone" \
                "$(grep -nE '#include "core/' "$file" | grep -vE '"core/(cli|base)/')"
            continue
        fi
        pattern=$(echo "$above" | sed 's/^ //; s/ /|/g')
        check "$file" "an include points up" \
            "$([ -z "$pattern" ] || grep -nE "#include \"core/($pattern)/" "$file")"
        check "$file" "a room knows nothing of the composition root" \
            "$(grep -nE '#include "core/[a-z_]+\.h"' "$file")"
    done
    above="$above $room"
done

check core/main.c "the command uses belfry.h alone" \
    "$(grep -n '#include "core/' core/main.c | grep -v '"core/cli/')"

door() { # header pattern, where it may be included
    check "<$1>" "is included outside $2" \
        "$(grep -rnE "#include <$1>" core plugins --include='*.[ch]' --include='*.cc' |
            grep -vE "^($2)")"
}
door 'sqlite3\.h' 'core/store/'
door 'curl/.*' 'core/net/'
door 'microhttpd\.h' 'core/net/'
door '(lua|lauxlib|lualib)\.h' 'core/script/'
door 'dlfcn\.h' 'core/plugin/loader.c'
door 'cjson/.*' 'core/base/tree.c'
door 'sodium.*' 'core/base/crypto.c'
door 're2/.*' 'core/base/regex.cc'
door 'glib.*' 'core/base/tz.c'

for file in plugins/*/*.[ch]; do
    check "$file" "a plugin uses the public header alone" "$(grep -n '#include "core/' "$file")"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
