#!/bin/sh
# headers.sh - the public headers compile alone, everywhere they promise to; and plugins written on
# <belfry/plugin.h> link against libc and nothing else.
#
# Ends with "N passed, N failed[, N skipped]".  CC_LIST and CXX choose the compilers.

cd "$(dirname "$0")/../.." || exit 1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
passed=0 failed=0 skipped=0

check() {       # check WHAT COMMAND...
    what=$1
    shift
    if "$@" >"$out/words" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        cat "$out/words"
    fi
}

skip() {
    skipped=$((skipped + 1))
    echo "skipped: $1"
}

# A plugin that uses BF_ options and kinds the way a C++ one can.
cat >"$out/plugin.cc" <<'END'
#include <belfry/plugin.h>
struct options { const char *url; int64_t n; };
static const bf_option table[] = {
    BF_STRING(options, url, .flags = BF_REQUIRED, .help = "address"),
    BF_INT(options, n, .def = "3"),
    BF_OPTIONS_END
};
static int request(void *self, const bf_delivery *, bf_request *req)
{
    bf_request_to(req, "POST", static_cast<const options *>(self)->url);
    return 0;
}
static const bf_sink sink = {
    BF_SINK("cxx", "A sink in C++"), BF_INTEGRATION(options, table), .request = request
};
static const bf_sink *const sinks[] = { &sink, nullptr };
BF_PLUGIN(cxx, "1.0", .sinks = sinks);
END

# Each header as a whole program, twice in it: guards hold, and nothing else has to come before.
for header in plugin belfry; do
    printf '#include <belfry/%s.h>\n#include <belfry/%s.h>\n' $header $header >"$out/$header.c"
    cp "$out/$header.c" "$out/$header.cc"
done

for cc in ${CC_LIST:-gcc clang}; do
    if ! command -v "$cc" >/dev/null; then
        skip "$cc is not installed"
        continue
    fi
    for std in c99 c11 c17; do
        for header in plugin belfry; do
            check "$header.h, $cc -std=$std" "$cc" -std=$std -Iinclude -Wall -Wextra -Wconversion \
                -Wpedantic -Wshadow -Werror -c "$out/$header.c" -o "$out/x.o"
        done
    done
    # One file, or a directory of them, which include each other's headers from the top.
    for plugin in tests/abi/skeleton/*.c tests/abi/size_rule/*.c plugins/*/; do
        case "$plugin" in */) files=$(echo "$plugin"*.c) ;; *) files=$plugin ;; esac
        # shellcheck disable=SC2086 # a list
        check "$plugin, $cc" "$cc" -std=c11 -D_GNU_SOURCE -Iinclude -I. -Wall -Wextra -Wconversion -Wshadow \
            -Wno-missing-field-initializers -Werror -fPIC -shared -Wl,-z,defs $files -o "$out/x.so"
    done
done

cxx=${CXX:-g++}
if command -v "$cxx" >/dev/null; then
    for header in plugin belfry; do
        check "$header.h, $cxx -std=c++20" "$cxx" -std=c++20 -Iinclude -Wall -Wextra -Wconversion \
            -Wpedantic -Wshadow -Werror -c "$out/$header.cc" -o "$out/x.o"
    done
    check "a plugin in C++" "$cxx" -std=c++20 -Iinclude -Wall -Wextra -Wconversion -Wshadow \
        -Wno-missing-field-initializers -Werror -fPIC -shared -Wl,-z,defs "$out/plugin.cc" \
        -o "$out/x.so"
else
    skip "$cxx is not installed"
fi

printf '%d passed, %d failed' $passed $failed
[ $skipped -eq 0 ] || printf ', %d skipped' $skipped
echo
[ $failed -eq 0 ]
