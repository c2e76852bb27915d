// canary.mjs URL ADMIN_KEY_FILE PID DATA LOG [METRICS_TOKEN_FILE] - does a secret get out?
//
// Every field that takes a secret gets a value nobody else has.  The hub works with them: it signs,
// sends them where they were granted to, has them echoed, is asked about everything by everybody
// who may ask, refuses bodies that hold one, rotates its master key.  Then all that it answered,
// logged and stored is searched, and what the system shows of the process, for each value as it is,
// in base64 at each of the three offsets, in hex, escaped for URLs and for JSON.
//
// Each of the sinks has its own places for one, Slack's OAuth brings some that nobody typed, and a
// source has one in the configuration.  The receiver is the worst that there is: it sends back all it
// got, in every spelling, in the body, in headers, in words of Slack's or GitHub's form; it hangs up
// half-way, does not answer, or is not there.
//
// What may hold one: the request it was granted to, and the answer that makes a key.
import {execFileSync, spawnSync} from "node:child_process";
import {createServer} from "node:http";
import {createHash, randomBytes} from "node:crypto";
import {existsSync, readFileSync, readdirSync, statSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {cookiesOf} from "../tools/cookies.mjs";
import {Described} from "../tools/described.mjs";

const [url, keyFile, pid, data, log, tokenFile] = process.argv.slice(2);
const {BELFRY, DIR, PORT} = process.env;
const read = f => readFileSync(f, "utf8").trim();
const adminKey = read(keyFile);
let passed = 0, failed = 0;

function claim(words, good, more = "") {
    if (good) { passed++; return; }
    failed++;
    console.log(`FAILED: ${words}\n    ${more}`);
}

// --- the values ------------------------------------------------------------------------------

const values = new Map([["the admin's key", adminKey], ["the token for metrics", read(tokenFile)],
    ["the token of a source", read(join(DIR, "feed"))]]);

// With characters that are escaped in URLs, JSON and HTML.
function value(of) {
    const v = `c!n/r+y "${randomBytes(15).toString("base64url")}&\\`;
    values.set(of, v);
    return v;
}

function word(of) {             // where only letters and digits can stand
    const v = "cnry" + randomBytes(24).toString("hex");
    values.set(of, v);
    return v;
}

// --- a receiver that echoes what it gets ---------------------------------------------------------

// A key for Standard Webhooks.
function whsec(of) {
    const v = randomBytes(32).toString("base64");
    values.set(of, v);
    return `whsec_${v}`;
}

const received = [];
const digits = () => BigInt(`0x${randomBytes(8).toString("hex")}`).toString().padStart(20, "7");
const slack = {id: `${digits()}.${digits()}`, secret: word("the app's secret"), code: word("a code of Slack's"),
    token: word("a token of Slack's"), hook: word("a webhook of Slack's")};
values.set("the app's id", slack.id);

// In the spellings that a text comes back in: as it is, escaped once more, and in base64.
function echo(req, body) {
    const all = JSON.stringify({url: req.url, headers: req.headers, body});
    const secret = req.headers.authorization ?? "";
    return [all, body, req.url, secret, encodeURIComponent(body), encodeURIComponent(req.url),
        Buffer.from(secret).toString("base64"), Buffer.from(secret.replace(/^\w+ /, "")).toString("base64"),
        decodeURIComponent(req.url)].join("\n");
}

// What Slack grants, once it is asked as it wants to be.
const granted = () => JSON.stringify({ok: true, access_token: slack.token, team: {name: "Acme", id: "T1"},
    incoming_webhook: {channel: "#canaries", channel_id: "C000000001",
        url: `${receiver}/services/T1/B1/${slack.hook}`, configuration_url: "https://acme.slack.com/x"}});

function answer(req, res, body) {
    const text = echo(req, body), kind = req.url.split("/")[1].split("?")[0];
    res.setHeader("X-Echo", encodeURIComponent(req.headers.authorization ?? ""));
    res.setHeader("X-GitHub-Request-Id", encodeURIComponent(req.headers.authorization ?? ""));
    res.setHeader("Location", `/moved?to=${encodeURIComponent(req.url)}`);
    res.statusCode = {broken: 500, moved: 302, gone: 404, bad: 400}[kind] ?? 200;
    if (req.url === "/api/oauth.v2.access")
        res.end(granted());
    else if (kind === "api" && req.url.includes("chat.postMessage"))
        res.end(JSON.stringify({ok: false, error: "invalid_blocks", errors: [text, body],
            response_metadata: {messages: [req.headers.authorization, text.slice(0, 150)]}}));
    else if (req.url.includes("/repos/")) {
        res.statusCode = 422;
        res.end(JSON.stringify({message: `no: ${req.headers.authorization}`, errors: [text, {message: body}]}));
    } else if (kind === "cut") {
        res.writeHead(200, {"content-length": 100000});
        res.write(text, () => req.socket.destroy());
    } else if (kind !== "slow")
        res.end(text);
}

const server = createServer((req, res) => {
    let body = "";
    req.on("data", d => { body += d; });
    req.on("end", () => {
        received.push({url: req.url, body, authorization: req.headers.authorization});
        answer(req, res, body);
    });
});
await new Promise(r => server.listen(Number(PORT), "127.0.0.1", r));
const receiver = `http://127.0.0.1:${server.address().port}`;

// --- asking --------------------------------------------------------------------------------------

const answers = [];             // [what was asked, all of the answer]

async function ask(method, path, body, {keep = true, key = adminKey} = {}) {
    const answer = await fetch(url + path, {method, headers: key
        ? {Authorization: `Bearer ${key}`, "Content-Type": "application/json"} : {},
        body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body)});
    const text = await answer.text();
    if (keep)
        answers.push([`${method} ${path}`, JSON.stringify([...answer.headers]) + text]);
    let json;
    try { json = JSON.parse(text); } catch { json = undefined; }
    return {status: answer.status, json, text};
}

async function must(method, path, body, how) {
    const a = await ask(method, path, body, how);
    claim(`${method} ${path} is done`, a.status < 300, `${a.status} ${a.text.slice(0, 400)}`);
    return a.json;
}

await must("PUT", "/api/v1/teams/acme", {});
for (const name of ["TOKEN", "SIGNING", "GRANTED", "IN_URL", "LATER"])
    await must("PUT", `/api/v1/teams/acme/secrets/${name}`, {value: value(`secret ${name}`)});
await must("PUT", "/api/v1/teams/acme/secrets/LATER", {value: value("secret LATER, changed")});

const options = {url: `${receiver}/hook`, access_token: "TOKEN", secret: "SIGNING"};
const named = await must("POST", "/api/v1/teams/acme/integrations",
    {sink: "webhook", name: "named", config: options, secrets: ["GRANTED", "IN_URL"]});
const literal = await must("POST", "/api/v1/teams/acme/integrations", {sink: "webhook",
    name: "literal", config: {url: `${receiver}/broken`, access_token: {value: word("literal token")},
        secret: {value: value("literal signing key")}}});
await must("PATCH", `/api/v1/integrations/${literal.id}`,
    {config: {secret: {value: value("literal signing key, changed")}}});

// A client certificate, of whose key any line would be too much.
function certificate(of) {
    const pem = execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=canary", "-keyout",
        "-"], {encoding: "utf8", stdio: ["ignore", "pipe", "ignore"]});
    const key = /-----BEGIN PRIVATE KEY[^]*?-----END PRIVATE KEY-----\n/.exec(pem)[0];
    values.set(of, key.split("\n")[1]);
    return {cert: /-----BEGIN CERT[^]*?-----END CERT.*\n/.exec(pem)[0], key};
}
const shown = certificate("the key of a certificate"), other = certificate("another key");
await must("PUT", "/api/v1/teams/acme/secrets/TLS", {value: shown.key});
const mutual = {url: receiver.replace("http:", "https:"), client_cert: shown.cert};
const tls = await must("POST", "/api/v1/teams/acme/integrations", {sink: "webhook", name: "tls",
    config: {...mutual, client_key: {value: shown.key}}});
await must("PATCH", `/api/v1/integrations/${tls.id}`, {config: {client_key: "TLS"}});
await must("PATCH", `/api/v1/integrations/${tls.id}`, {config: {client_key: {value: shown.key}}});

// The other sinks, each with a value in all its places: stored by name, or as a literal.
await must("PUT", "/api/v1/teams/acme/secrets/HOOK", {value: `${receiver}/bad/${word("an address of Slack's")}`});
await must("PUT", "/api/v1/teams/acme/secrets/BOT", {value: `xoxb-${word("a bot's token")}`});
await must("PUT", "/api/v1/teams/acme/secrets/GITHUB", {value: `ghp_${word("a token of GitHub's")}`});
const shout = "${GRANTED} and ${IN_URL}, $GRANTED", said = {title: shout, text: shout};
const block = [{type: "section", text: {type: "mrkdwn", text: shout}}];
const card = {type: "AdaptiveCard", version: "1.4", body: [{type: "TextBlock", text: shout}],
    actions: [{type: "Action.OpenUrl", title: shout, url: "https://x.example/${GRANTED}"}]};
const sinks = [
    ["slack", {webhook_url: "HOOK"}, said], ["slack", {webhook_url: "HOOK"}, {blocks: block}],
    ["slack", {webhook_url: {value: `${receiver}/slow/${word("a literal address of Slack's")}`}}, said],
    ["slack", {token: "BOT", channel: "C0123456789", api_base: `${receiver}/api`}, said],
    ["slack", {token: {value: `xoxb-${word("a literal bot's token")}`}, channel: "#a",
        api_base: `${receiver}/api`}, {...said, blocks: block}],
    ["teams", {url: {value: `${receiver}/bad?sig=${word("a flow's signature")}`}, kind: "workflows"}, said],
    ["teams", {url: {value: `${receiver}/cut?sig=${word("another flow's signature")}`}, kind: "workflows"},
        {payload: card}],
    ["teams", {url: {value: `${receiver}/hook/${word("a connector's address")}`}, kind: "connector"},
        {payload: {"@type": "MessageCard", "@context": "x", summary: "s", text: shout}}],
    ["github", {repo: "acme/models", token: "GITHUB", api_base: `${receiver}/api/v3`},
        {event_type: "x", client_payload: {say: shout}}],
    ["github", {repo: "acme/models", token: {value: word("a literal token of GitHub's")},
        api_base: `${receiver}/api/v3`}, {event_type: "${GRANTED}", client_payload: {}}],
    ["webhook", {url: `${receiver}/gone/\${IN_URL}`, signature_format: "standard-webhooks",
        secret: {value: whsec("a key of two")}, previous_secret: {value: whsec("the key before it")},
        headers: {"X-Key": "${GRANTED}"}}, {payload: {say: shout}}],
    ["webhook", {url: `${receiver}/moved?to=\${IN_URL}`, headers: {"X-Key": "${GRANTED}"}}, {payload: {say: shout}}],
    ["webhook", {url: "http://127.0.0.1:1/${IN_URL}", access_token: "TOKEN"}, {payload: {say: shout}}],
    ["webhook", {url: `${receiver}/slow/\${IN_URL}`, access_token: "TOKEN"}, {payload: {say: shout}}],
];
const others = [];
for (const [i, [sink, config, action]] of sinks.entries()) {
    const made = await must("POST", "/api/v1/teams/acme/integrations", {sink, name: `${sink} ${i}`, config,
        secrets: ["GRANTED", "IN_URL"], delivery: {timeout_s: 1, pace: "100/s"}});
    others.push([made.id, action]);
}

const payload = {say: "${GRANTED} and ${ACCESS_TOKEN}", at: "${IN_URL}"};
const automations = [];
for (const [name, to] of [["one", named.id], ["two", literal.id], ["three", tls.id]])
    automations.push(await must("POST", "/api/v1/automations", {name, scope: {entity: "acme"},
        event: {type: "canary.sang"}, actions: [{integration: to,
            config: {payload: to === named.id ? payload : to === literal.id
                ? {say: "${ACCESS_TOKEN}"} : {}}}]}));
// Scripts that tell whatever they see, in the log, in a payload and in an error.
const prying = [["logs", "belfry.log.warn(payload.say) payload.twice = payload.say return payload"],
    ["fails", "error(payload.say)"]].map(([name, does]) => [name,
    `return { transform = function(payload) ${does} end }`]);
for (const [name, code] of prying)
    automations.push(await must("POST", "/api/v1/automations", {name: `one that ${name}`,
        scope: {entity: "acme"}, event: {type: "canary.sang"}, hooks: {transform: {code}},
        actions: [{integration: named.id, config: {payload}}]}));
for (const [i, [integration, config]] of others.entries())
    automations.push(await must("POST", "/api/v1/automations", {name: `sink ${i}`, scope: {entity: "acme"},
        event: {type: "canary.sang"}, actions: [{integration, config}]}));
await must("PUT", "/api/v1/teams/acme/intakes/sealed", {type: "canary.sang",
    check: {kind: "bearer", secret: {value: word("intake literal")}}});
await must("PUT", "/api/v1/users/ben", {});
const given = word("a key from elsewhere");
await must("POST", "/api/v1/users/ben/keys", {name: "old", key: `old-${given}`});
const made = await must("POST", "/api/v1/users/ben/keys", {name: "new"}, {keep: false});
values.set("a key that was made", made.key);

// --- the hub at work -----------------------------------------------------------------------------

await must("POST", "/api/v1/events", {type: "canary.sang", entity: "acme"});
await ask("POST", "/api/v1/in/sealed", {a: 1}, {key: values.get("intake literal")});
await ask("POST", "/api/v1/in/sealed", {a: 1}, {key: "wrong"});
for (const to of [named.id, literal.id])
    await must("POST", `/api/v1/integrations/${to}/test`, {payload: to === named.id ? payload
        : {say: "${ACCESS_TOKEN}"}});
await must("POST", `/api/v1/integrations/${tls.id}/test`, {});
// What is sent back is answered to whoever tries one.
await Promise.all(others.map(async ([id, config]) => {
    let a;
    do a = await ask("POST", `/api/v1/integrations/${id}/test`, {config});
    while (a.status === 503 && await new Promise(r => setTimeout(r, 50, true)));
    claim(`${id} can be tried`, a.status === 200, a.text);
}));
for (let i = 0; i < 100 && received.length < 6; i++) await new Promise(r => setTimeout(r, 50));
claim("what is granted arrives", received.some(r =>
    r.body.startsWith("{") && JSON.parse(r.body).say?.startsWith(values.get("secret GRANTED"))),
    JSON.stringify(received));

const inside = values.get("secret GRANTED").slice(10, 25);
for (const path of ["/bad/", "chat.postMessage", "/bad?sig", "/cut?sig", "/hook/", "/dispatches", "/gone/"])
    claim(`and at ${path}`, received.some(r => r.url.includes(path) && r.body.includes(inside)),
        JSON.stringify(received.filter(r => r.url.includes(path))));

// --- Slack is connected, by somebody's browser ----------------------------------------------------

await must("PUT", "/api/v1/teams/acme/secrets/SLACK_CLIENT_ID", {value: slack.id});
await must("PUT", "/api/v1/teams/acme/secrets/SLACK_CLIENT_SECRET", {value: slack.secret});
const begun = await must("POST", "/connect/slack/acme", {name: "canaries"});
const toSlack = await fetch(begun.url, {redirect: "manual"});
const cookie = cookiesOf(toSlack.headers).map(c => `${c.name}=${c.value}`).join("; ");
const there = new URL(toSlack.headers.get("location"));
claim("the app's id is for Slack", there.searchParams.get("client_id") === slack.id, there.href);
const done = await fetch(`${there.searchParams.get("redirect_uri")}?code=${slack.code}&state=` +
    encodeURIComponent(there.searchParams.get("state")), {headers: {cookie}});
answers.push(["the page that says it is done", JSON.stringify([...done.headers]) + await done.text()]);
claim("Slack is connected", done.status === 200, answers.at(-1)[1]);
claim("with the app's secret, to Slack alone", received.some(r => r.url === "/api/oauth.v2.access" &&
    Buffer.from(r.authorization.slice(6), "base64").toString() === `${slack.id}:${slack.secret}`), "");
const connected = (await must("GET", "/api/v1/teams/acme/integrations?limit=1000")).items
    .find(i => i.name === "canaries");
automations.push(await must("POST", "/api/v1/automations", {name: "connected", scope: {entity: "acme"},
    event: {type: "canary.sang"}, actions: [{integration: connected.id, config: {text: "a"}}]}));
await ask("GET", begun.status);
await ask("POST", `/api/v1/integrations/${connected.id}/test`, {});
claim("which is where messages go", received.some(r => r.url.includes(slack.hook)), JSON.stringify(connected));
claim("the source has asked with its token", received.some(r => r.url.startsWith("/feed") &&
    r.authorization?.includes(values.get("the token of a source"))), "");

// Bodies that are refused although they hold one, as the user, another user, and nobody.
const wrong = values.get("secret TOKEN"), text = JSON.stringify(wrong);
for (const key of [adminKey, made.key, undefined]) {
    await ask("PUT", "/api/v1/teams/acme/secrets/TOKEN", {value: wrong, valeu: 1}, {key});
    await ask("PUT", "/api/v1/teams/acme/secrets/TOKEN", `{"value":${text},"value":${text}}`, {key});
    await ask("PUT", "/api/v1/teams/acme/secrets/TOKEN", `{"value":${text}`, {key});
    await ask("POST", "/api/v1/teams/acme/integrations", {sink: "webhook", name: "x",
        config: {url: "nonsense", access_token: {value: wrong}}}, {key});
    await ask("POST", "/api/v1/teams/acme/integrations", {sink: "webhook", name: "x",
        config: {url: `${receiver}/x`, access_token: {valeu: wrong}}}, {key});
    for (const config of [{...mutual, client_key: {value: other.key}},
        {...mutual, client_key: {value: `${shown.key} ENCRYPTED`}},
        {...mutual, client_cert: shown.cert + shown.key, client_key: "TLS"},
        {url: mutual.url, headers: {"X-Api-Key": wrong}}, {url: mutual.url, ca: other.key}])
        await ask("POST", "/api/v1/teams/acme/integrations", {sink: "webhook", name: "x", config},
            {key});
    await ask("POST", "/api/v1/users/ben/keys", {name: "x", key: `old-${given}`}, {key});
    await ask("PUT", "/api/v1/teams/acme/intakes/x", {type: "x", check: {kind: "bearer",
        secret: {value: wrong}, more: 1}}, {key});
}
await ask("GET", "/api/v1/me", undefined, {key: wrong.replace(/[^\w]/g, "")});
await must("POST", "/api/v1/master-key/rotate");
await must("POST", "/api/v1/events", {type: "canary.sang", entity: "acme"});
await new Promise(r => setTimeout(r, 1500));

// What would be sent, looked at in the three ways there are.
for (const {id, name, scope, event, actions, hooks} of automations) {
    await must("POST", "/api/v1/automations", {name: `${name}, dry`, scope, event, actions, hooks,
        dry_run: true});
    await must("POST", "/api/v1/automations/test",
        {automation: id, event: {type: "canary.sang", entity: "acme"}});
    await must("POST", "/api/v1/backtests", {automation: id, since: "1h"});
}
await must("POST", "/api/v1/events", {type: "canary.sang", entity: "acme"});
let tried = [];
for (let i = 0; i < 100 && (tried.length < automations.length || tried.some(b => b.status !== "finished")); i++) {
    await new Promise(r => setTimeout(r, 50));
    tried = await Promise.all((await must("GET", "/api/v1/backtests")).items
        .map(b => must("GET", `/api/v1/backtests/${b.id}`)));
}
claim("backtests show what they would send, with names for secrets",
    tried.every(b => b.result?.payloads.length) && JSON.stringify(tried).includes("${GRANTED}"),
    JSON.stringify(tried).slice(0, 2000));
await new Promise(r => setTimeout(r, 500));

// Everything that can be read.
const described = await Described.of(url);
const ids = {automations: [], integrations: [], executions: [], events: [], keys: [],
    backtests: []};
for (const noun of Object.keys(ids)) {
    const base = noun === "integrations" ? "/api/v1/teams/acme/integrations" : `/api/v1/${noun}`;
    ids[noun] = (await must("GET", `${base}?limit=${noun === "backtests" ? 100 : 1000}`)).items.map(i => i.id);
}
claim("there are executions to look at", ids.executions.length >= 4, ids.executions.length);
const users = ["admin", "ben"], things = {
    team: ["acme"], org: ["default"], user: users,
    script: ["redact_keys.lua", ...prying.map(([, code]) => createHash("sha256").update(code)
        .digest("hex"))],
    name: ["TOKEN", "SIGNING", "GRANTED", "IN_URL", "LATER", "TLS", "sealed"]};
for (const {path, method} of described.operations.values()) {
    if (method !== "get") continue;
    let paths = [path];
    for (const [, name] of path.matchAll(/\{(\w+)\}/g)) {
        const all = name === "id" ? ids[path.split("/").find(part => ids[part])] : things[name];
        paths = paths.flatMap(p => all.map(v => p.replace(`{${name}}`, v)));
    }
    for (const p of paths) await ask("GET", p);
}
await ask("GET", "/api/v1/warnings?team=acme");
await ask("GET", "/api/v1/executions/export");

// And what the command makes of it: a file of all there is, and a plan of that file.
const env = {...process.env, BELFRY_URL: url, BELFRY_API_KEY: adminKey, BELFRY_TEAM: "acme", HOME: DIR};
function tell(...args) {
    const ran = spawnSync(BELFRY, args, {env, encoding: "utf8"});
    answers.push([`belfry ${args.join(" ")}`, ran.stdout + ran.stderr]);
    return ran.status;
}
for (const [wanted, ...args] of [[0, "export", "-o", join(DIR, "all.json")], [0, "export"],
    [6, "plan", join(DIR, "changed.json")], [0, "integrations", "list"], [0, "automations", "check"],
    [0, "executions", "list"], [0, "executions", "export"], [0, "secrets", "list"],
    [0, "integrations", "show", connected.id]]) {
    if (args[0] === "plan")
        writeFileSync(args[1], read(join(DIR, "all.json")).replaceAll("canary.sang", "canary.sings"));
    const status = tell(...args);
    claim(`belfry ${args.join(" ")} comes to ${wanted}`, status === wanted, `${status} ${answers.at(-1)[1]}`);
}
answers.push(["what belfry says of the configuration", read(join(DIR, "told"))]);
claim("receivers sent back what they got", received.length > 40 && answers.some(([, text]) =>
    text.includes("oauth") || text.includes("it is not Slack that answers")), received.length);
await ask("GET", "/metrics", undefined, {key: read(tokenFile)});

// --- searching --------------------------------------------------------------------------------

function* forms(text) {
    const bytes = Buffer.from(text);
    yield ["as it is", bytes];
    yield ["in hex", Buffer.from(bytes.toString("hex"))];
    yield ["in HEX", Buffer.from(bytes.toString("hex").toUpperCase())];
    yield ["in a URL", Buffer.from(encodeURIComponent(text))];
    yield ["in JSON", Buffer.from(JSON.stringify(text).slice(1, -1))];
    for (let shift = 0; shift < 3; shift++) {   // the whole groups inside
        const b64 = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64")
            .replace(/=+$/, "");
        const inner = b64.slice(shift ? 4 : 0, b64.length - (b64.length % 4 || 4));
        yield [`in base64 at ${shift}`, Buffer.from(inner)];
        yield [`in base64url at ${shift}`,
            Buffer.from(inner.replace(/\+/g, "-").replace(/\//g, "_"))];
    }
}

function search(where, bytes) {
    for (const [name, v] of values)
        for (const [form, needle] of forms(v)) {
            const at = bytes.indexOf(needle);
            claim(`${name} is not in ${where}, ${form}`, at < 0,
                bytes.subarray(Math.max(0, at - 60), at + 20).toString("latin1"));
        }
}

claim("the search finds what is there", [...forms("a-needle")].every(([, n]) =>
    Buffer.from(`xx${n}yy`).indexOf(n) === 2));
search("any answer", Buffer.from(answers.map(a => a.join("\n")).join("\n")));
search("the log", readFileSync(log));
search("the command line", readFileSync(`/proc/${pid}/cmdline`));
search("the environment", readFileSync(`/proc/${pid}/environ`));
(function walk(dir) {
    for (const name of readdirSync(dir)) {
        const path = join(dir, name);
        if (statSync(path).isDirectory()) walk(path);
        else search(path.slice(data.length + 1), readFileSync(path));
    }
})(data);
claim("there is a database to look into", existsSync(join(data, "belfry.db")));
server.close();
server.closeAllConnections();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
