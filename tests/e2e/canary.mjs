// canary.mjs URL ADMIN_KEY_FILE PID DATA LOG [METRICS_TOKEN_FILE] - does a secret get out?
//
// Every field that takes a secret gets a value nobody else has.  The hub works with them: it signs,
// sends them where they were granted to, has them echoed, is asked about everything by everybody
// who may ask, refuses bodies that hold one, rotates its master key.  Then all that it answered,
// logged and stored is searched, and what the system shows of the process, for each value as it is,
// in base64 at each of the three offsets, in hex, escaped for URLs and for JSON.
//
// What may hold one: the request it was granted to, and the answer that makes a key.
import {execFileSync} from "node:child_process";
import {createServer} from "node:http";
import {createHash, randomBytes} from "node:crypto";
import {existsSync, readFileSync, readdirSync, statSync} from "node:fs";
import {join} from "node:path";
import {Described} from "../tools/described.mjs";

const [url, keyFile, pid, data, log, tokenFile] = process.argv.slice(2);
const read = f => readFileSync(f, "utf8").trim();
const adminKey = read(keyFile);
let passed = 0, failed = 0;

function claim(words, good, more = "") {
    if (good) { passed++; return; }
    failed++;
    console.log(`FAILED: ${words}\n    ${more}`);
}

// --- the values ------------------------------------------------------------------------------

const values = new Map([["the admin's key", adminKey], ["the token for metrics", read(tokenFile)]]);

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

const received = [];
const server = createServer((req, res) => {
    let body = "";
    req.on("data", d => { body += d; });
    req.on("end", () => {
        const all = JSON.stringify({url: req.url, headers: req.headers, body});
        received.push({url: req.url, body});
        res.statusCode = req.url.includes("broken") ? 500 : 200;
        res.setHeader("X-Echo", encodeURIComponent(req.headers.authorization ?? ""));
        res.end(`${all}\n${body}\n${req.url}\n${req.headers.authorization ?? ""}\n` +
            `${Buffer.from(req.headers.authorization ?? "").toString("base64")}`);
    });
});
await new Promise(r => server.listen(0, "127.0.0.1", r));
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
for (let i = 0; i < 100 && received.length < 6; i++) await new Promise(r => setTimeout(r, 50));
claim("what is granted arrives", received.some(r =>
    r.body.startsWith("{") && JSON.parse(r.body).say?.startsWith(values.get("secret GRANTED"))),
    JSON.stringify(received));

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
