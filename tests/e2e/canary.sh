#!/bin/bash
# canary.sh - a secret's value leaves only in the request that it was granted to.
. "$(dirname "$0")/lib.sh"

need_npm
random() { openssl rand -hex 24; }
echo "bf-$(random)" >"$tmp/key"
random >"$tmp/token"
random >"$tmp/feed"
# The receiver has to have its port before the hub is told of it.
PORT=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => {
    console.log(s.address().port); s.close(); })')
# Plugins must be writable by their owner alone.
mkdir -m 755 "$tmp/plugins"
for name in "$B"/plugins/*.so "$B"/tests/skeletons/poller.so; do
    install -m 755 "$name" "$tmp/plugins/"
done
umask 077
cat >"$tmp/config.lua" <<END
data = "$tmp/data"
listen = "127.0.0.1:0"
allow_addresses = "127.0.0.0/8"
log_level = "debug"
metrics_token = "$(cat "$tmp/token")"
plugin_dir = "$tmp/plugins"
sources = {
    connect = { source = "slack.app", service = "http://127.0.0.1:$PORT", timeout = "2s" },
    feed = { source = "poller", url = "http://127.0.0.1:$PORT/feed", token = "$(cat "$tmp/feed")",
             entity = "acme", every = "300ms" },
}
END
for verb in config check; do
    "$BELFRY" "$verb" --config "$tmp/config.lua" >>"$tmp/told" 2>&1
    is "belfry $verb is content" $? 0
done
BELFRY_ADMIN_KEY=$(cat "$tmp/key") start "$tmp/hub.log" "$BELFRY" serve --config "$tmp/config.lua"
HUB_PID=$PID
within 10 curl -sf -o "$tmp/ready" "http://$ADDRESS/readyz" || bad "the hub is ready"
add_up env BELFRY="$BELFRY" DIR="$tmp" PORT="$PORT" timeout 100 node tests/e2e/canary.mjs \
    "http://$ADDRESS" "$tmp/key" "$HUB_PID" "$tmp/data" "$tmp/hub.log" "$tmp/token"

is "no core is written" "$(awk '/core file size/ {print $5}' "/proc/$HUB_PID/limits")" 0
is "and nobody else may look into its memory" "$(stat -c %U "/proc/$HUB_PID/mem")" root
stop_hub
is "the hub stops well" $? 0
finish
