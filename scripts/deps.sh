#!/bin/sh
# deps.sh build|test|... - install the Debian packages that building, or testing, needs.
#
# Asks dpkg first, so it costs nothing once they are there.  Uses sudo if we are not root.  Some of
# the test's packages are servers: without an init system Debian leaves them stopped, with one it may
# start them; the tests start their own, on loopback and free ports.
set -eu

build="gcc g++ pkg-config libmicrohttpd-dev libcurl4-openssl-dev libsqlite3-dev libcjson-dev
       liblua5.4-dev libsodium-dev libre2-dev libglib2.0-dev tzdata"
demo="curl jq ca-certificates"
test="clang mandoc curl jq ca-certificates openssl strace procps webhook nginx-light nodejs npm
      prometheus prometheus-alertmanager"
bench="wrk"
fuzz="clang libclang-rt-14-dev"

case "${1-}" in
build) want="$build" ;;
run) want="$build $demo" ;;
test) want="$build $demo $test" ;;
bench) want="$build $demo $bench" ;;
fuzz) want="$build $fuzz" ;;
*) echo "usage: deps.sh build|run|test|bench|fuzz" >&2; exit 2 ;;
esac

missing=
for package in $want; do
    case "$package" in
    npm) ! command -v npm >/dev/null || continue ;;  # Node's own packages bring it along
    esac
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "deps.sh: this is no Debian; install these yourself:$missing" >&2
    exit 1
fi
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
echo "installing:$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of names
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing \
    >"${TMPDIR:-/tmp}/belfry-deps.log" 2>&1 ||
    { tail -n 20 "${TMPDIR:-/tmp}/belfry-deps.log" >&2; exit 1; }
