#!/bin/sh
# npm.sh DIR - install what tests/package.json asks for into DIR/node_modules.
#
# Exactly what the lock file names, checked against its hashes, running no script of any package;
# npm's cache and logs go into DIR too, and away at the end.  Once it is done it costs one cmp,
# until the lock file changes.
set -eu

here=$(cd "$(dirname "$0")/../tests" && pwd)
dir=$(mkdir -p "$1" && cd "$1" && pwd)
stamp=$dir/node_modules/.installed

! cmp -s "$here/package-lock.json" "$stamp" || exit 0

exec 9>"$dir/lock"
flock 9                             # several makes may come here at once
! cmp -s "$here/package-lock.json" "$stamp" || exit 0

# Node trusts the authorities it carries; the machine may trust more, such as a company's proxy.
NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
export NODE_EXTRA_CA_CERTS

cp "$here/package.json" "$here/package-lock.json" "$dir"
(cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier \
    --cache "$dir/cache" --logs-dir "$dir/cache" >npm.log 2>&1) || { tail -n 20 "$dir/npm.log" >&2; exit 1; }
rm -rf "$dir/cache"
cp "$here/package-lock.json" "$stamp"
