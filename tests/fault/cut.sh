#!/bin/bash
# cut.sh - a proxy cuts the connection after every byte of a request, and of its answer: what was
# sent and not answered is never taken for delivered, nor for not sent.
#
# STEP=1 cuts at every position, the default at every seventh.
. "$(dirname "$0")/../e2e/lib.sh"

STEP=${STEP:-7}
LANES=16                        # integrations, each of which takes one cut in a round
command -v node >/dev/null || { skip "node is not installed"; finish; }

# A receiver, and a proxy before it.  The path /KIND/ROUND/LANE says where to cut: at position
# (ROUND * LANES + LANE) * STEP of the request and its answer, one behind the other, on the first
# try; later ones pass.  GET /state of the proxy tells what the receiver got, whole.
cat >"$tmp/proxy.mjs" <<'END'
import { createServer } from "http";
import net from "net";
const [, , lanes, step] = process.argv.map(Number);
const got = {}, cut = {}, tried = {};
const receiver = createServer((req, res) => {
    req.resume().on("end", () => {
        const key = `${req.url} ${req.headers["idempotency-key"] ?? req.headers["x-execution"]}`;
        got[key] = (got[key] ?? 0) + 1;
        res.setHeader("Connection", "close");
        res.end("thank you");
    });
});
receiver.listen(0, "127.0.0.1", () => {
    net.createServer(client => {
        let head = Buffer.alloc(0), up = null;
        const end = () => { client.destroy(); up?.destroy(); };
        client.on("error", end).on("close", end).on("data", data => {
            head = Buffer.concat([head, data]);
            const at = head.indexOf("\r\n\r\n");
            if (up || at < 0) return;
            const length = Number(/content-length: (\d+)/i.exec(head.subarray(0, at))?.[1] ?? 0);
            if (head.length < at + 4 + length) return;
            const path = /^\w+ (\S+)/.exec(head)[1];
            if (path === "/state") {
                client.end("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + JSON.stringify({ got, cut, tried }));
                return;
            }
            const [, , round, lane] = path.split("/");
            tried[path] = (tried[path] ?? 0) + 1;
            const cuts = round !== "pass" && tried[path] === 1;
            const left = cuts ? (Number(round) * lanes + Number(lane)) * step : Infinity;
            up = net.connect(receiver.address().port, "127.0.0.1").on("error", end);
            up.write(head.subarray(0, left));
            if (left < head.length) {
                cut[path] = "request";
                up.end(() => setTimeout(end, 5));
                return;
            }
            const parts = [];
            up.on("data", d => parts.push(d)).on("end", () => {
                const answer = Buffer.concat(parts);
                if (cuts) cut[path] = left - head.length < answer.length ? "answer" : "nothing";
                client.end(answer.subarray(0, left - head.length));
            });
        });
    }).listen(0, "127.0.0.1", function () { console.log(`cuts on 127.0.0.1:${this.address().port}`); });
});
END
start "$tmp/proxy.log" node "$tmp/proxy.mjs" "$LANES" "$STEP"
PROXY=$ADDRESS

# A sink that must not be repeated, as one that starts a workflow.
mkdir -m 755 "$tmp/plugins"
cat >"$tmp/dispatch.c" <<'END'
#include <belfry/plugin.h>
struct where { const char *url; };
static const struct bf_option where[] = {
    BF_STRING(struct where, url, .flags = BF_REQUIRED | BF_TEMPLATE), BF_OPTIONS_END
};
struct what { const char *text; };
static const struct bf_option what[] = { BF_STRING(struct what, text, .def = "x"), BF_OPTIONS_END };
static int request(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    bf_request_to(req, "POST", bf_expand(d, ((struct where *)self)->url, BF_ESC_URL));
    bf_request_header(req, "X-Execution", d->id);
    bf_request_body(req, "application/json", "{\"once\":true}");
    return 0;
}
static const struct bf_sink dispatch = {
    BF_SINK("dispatch", "Start something once"), BF_INTEGRATION(struct where, where),
    BF_ACTION(struct what, what), .flags = BF_ONCE | BF_QUICK, .request = request };
BF_PLUGIN(dispatch, "1.0", BF_SINKS(&dispatch));
END
${CC:-cc} -std=c11 -Iinclude -fPIC -shared "$tmp/dispatch.c" -o "$tmp/plugins/dispatch.so" || exit 1
for name in http webhook; do install -m 755 "$B/plugins/$name.so" "$tmp/plugins/"; done
chmod 755 "$tmp/plugins/dispatch.so"

start_hub --plugin_dir "$tmp/plugins" --plugins "http webhook dispatch"
add_team acme

# One automation per sink, with an action per lane.
for sink in webhook dispatch; do
    actions=
    for lane in $(seq 0 $((LANES - 1))); do
        id=$(api POST /api/v1/teams/acme/integrations "{\"sink\":\"$sink\",\"name\":\"$sink $lane\",
            \"config\":{\"url\":\"http://$PROXY/$sink/\${artifact_collection_name}/$lane\"}}" | jq -r .id)
        actions="$actions,{\"integration\":\"$id\",\"config\":{}}"
    done
    api POST /api/v1/automations "{\"name\":\"$sink\",\"scope\":{\"entity\":\"acme\",\"project\":\"vision\"},
        \"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\",\"filter\":{\"alias\":\"production\"}},
        \"actions\":[${actions#,}]}" >"$tmp/made"
    is "an automation for $sink is made" "$(status)" 201
done

sql() { "$B/tests/tools/sql" "$DATA/belfry.db" "$1"; }
emit_round() { # ROUND: as the collection
    emit "{\"type\":\"artifact.alias.add\",\"entity\":\"acme\",\"project\":\"vision\",\"collection\":\"$1\",
        \"alias\":\"production\",\"artifact\":{\"version\":\"v1\"}}" >"$tmp/answer"
}
none_untried() { [ "$(sql 'SELECT count(*) FROM executions WHERE attempts = 0')" = 0 ]; }

# About 330 bytes of request and 130 of answer.  A round that passes keeps the destinations awake.
rounds=$(((480 + STEP * LANES - 1) / (STEP * LANES)))
for round in $(seq 0 $((rounds - 1))); do
    emit_round "$round"
    within 15 none_untried || bad "round $round is tried"
    emit_round pass
    within 15 none_untried || bad "what passes after round $round is tried"
done
all_done() { [ "$(sql 'SELECT count(*) FROM executions WHERE status < 2')" = 0 ]; }
within 60 all_done || bad "everything comes to an end" "$(sql 'SELECT status, count(*) FROM executions GROUP BY status')"

curl -s "http://$PROXY/state" >"$tmp/state"
first() { # SINK OUTCOME: how many executions of a cut path began so
    sql "SELECT count(*) FROM attempts a JOIN executions e ON e.number = a.place / 1024
        JOIN team_integrations i ON i.id = e.integration
        WHERE i.sink = '$1' AND a.place % 1024 = 1 AND a.outcome = $2"
}
cuts() { jq "[.cut | to_entries[] | select((.key | startswith(\"/$1/\")) and (.value | test(\"$2\")))] | length" "$tmp/state"; }
passes() { jq "[.tried | to_entries[] | select(.key | startswith(\"/$1/\")) |
    if .key | contains(\"pass\") then .value else 0 end] | add" "$tmp/state"; }
for sink in webhook dispatch; do
    echo "$sink: cut in the request $(cuts $sink request), in the answer $(cuts $sink answer), behind it $(cuts $sink nothing)"
    is "$sink: both kinds of cuts were made" "$(($(cuts $sink request) > 10 && $(cuts $sink answer) > 5))" 1
    is "$sink: each cut is an unknown outcome, and nothing else is" "$(first $sink 3)" \
        "$(cuts $sink 'request|answer')"
    is "$sink: what was answered is delivered" "$(first $sink 0)" \
        "$(($(cuts $sink nothing) + $(passes $sink)))"
done
is "a webhook is sent again until it is answered" \
    "$(sql "SELECT count(*) FROM executions e JOIN team_integrations i ON i.id = e.integration
        WHERE i.sink = 'webhook' AND e.status <> 2")" 0
is "its receiver has each execution, whole" \
    "$(jq '[.got | to_entries[] | select(.key | startswith("/webhook/"))] | length' "$tmp/state")" \
    "$(sql "SELECT count(*) FROM executions e JOIN team_integrations i ON i.id = e.integration
        WHERE i.sink = 'webhook'")"
is "twice only where an answer was cut, with the same key" \
    "$(jq '[.got | to_entries[] | select((.key | startswith("/webhook/")) and .value > 1)] | length' "$tmp/state")" \
    "$(cuts webhook answer)"
is "what must not be repeated is not" \
    "$(jq '[.got | to_entries[] | select((.key | startswith("/dispatch/")) and .value > 1)] | length' "$tmp/state")" 0
is "and shown as unknown" "$(sql "SELECT count(*) FROM executions e
    JOIN team_integrations i ON i.id = e.integration WHERE i.sink = 'dispatch' AND e.status = 4
    AND e.attempts = 1")" "$(cuts dispatch 'request|answer')"

stop_hub
is "the hub stops in order" $? 0
finish
