// mutations.mjs URL ADMIN_KEY RECEIVER COUNT SEED - every route, asked COUNT times in ways that
// nobody means.
//
// A request is an example of the hub's description of itself, changed in one to three places: its
// method, path, query, headers or body; its bytes or, where it is JSON, its values.  The hub may
// refuse it as it likes, but with an answer: never 500, never none, never one that is not what its
// Content-Type says.  The same SEED gives the same requests.
//
// Nothing leaves the machine: a body that names another receiver than ours is not sent.
import net from "node:net";
import {claim, finish} from "../tools/claims.mjs";
import {Described, isJson as hasJson} from "../tools/described.mjs";

const [url, adminKey, receiver, count, seed] = process.argv.slice(2);
const {hostname: HOST, port: PORT} = new URL(url);
const ANSWER_MS = 120000, AT_ONCE = 8, NO_END = "[no end]";
const described = await Described.of(url);

// --- chance ---------------------------------------------------------------------------------

let state = BigInt(seed) * 2n + 1n;

function random(n) {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number((state >> 33n) % BigInt(n));
}

const pick = list => list[random(list.length)];

// --- things to be asked about -----------------------------------------------------------------

async function call(method, path, body) {
    const answer = await fetch(url + path, {method, body: body && JSON.stringify(body),
        headers: {Authorization: "Bearer " + adminKey}});
    const text = await answer.text();
    try { return JSON.parse(text); } catch { return {}; }
}

const ids = {};

async function there(noun) {
    const thing = await call("GET", `/api/v1/${noun}/${ids[noun]}`);
    return thing.id && !thing.revoked;
}

// Again and again, as requests may have deleted them.
async function make() {
    await call("PUT", "/api/v1/organizations/initech", {});
    await call("PUT", "/api/v1/teams/acme", {organization: "initech"});
    await call("PUT", "/api/v1/users/ana", {});
    await call("PUT", "/api/v1/teams/acme/members/ana", {role: "member"});
    for (const name of ["ALERTS_TOKEN", "SIGNING"])
        await call("PUT", `/api/v1/teams/acme/secrets/${name}`, {value: "correct-horse-battery"});
    await call("PUT", "/api/v1/teams/acme/intakes/alerts", {type: "alerts.fired",
        check: {kind: "bearer", secret: "ALERTS_TOKEN"}});
    if (!await there("integrations")) {
        ids.integrations = (await call("POST", "/api/v1/teams/acme/integrations",
            {sink: "webhook", name: `hook ${random(1e9)}`,
                config: {url: `http://${receiver}/x`, secret: "SIGNING"}})).id;
        await call("DELETE", `/api/v1/automations/${ids.automations}`);
    }
    if (!await there("automations"))
        ids.automations = (await call("POST", "/api/v1/automations", {name: `a ${random(1e9)}`,
            scope: {entity: "acme", project: "vision"}, event: {type: "tried.hard"},
            actions: [{integration: ids.integrations}]})).id;
    if (!await there("keys"))
        ids.keys = (await call("POST", "/api/v1/users/ana/keys", {name: "k"})).id;
    ids.events = (await call("POST", "/api/v1/events",
        {type: "tried.hard", entity: "acme", project: "vision"})).events?.[0]?.id;
    ids.executions = (await call("GET", "/api/v1/executions?limit=1")).items?.[0]?.id;
    for (const noun of Object.keys(ids)) ids[noun] ??= "0".repeat(26);
}

// --- a request as it is meant ------------------------------------------------------------------

function meant({path, method, op}) {
    const noun = /^\/api\/v1\/(\w+)\/\{id\}/.exec(path)?.[1];
    const request = {method: method.toUpperCase(), query: [], headers: [["Host", "hub"],
        ["Authorization", "Bearer " + adminKey], ["Connection", "close"]], body: Buffer.alloc(0)};

    for (const p of described.parameters(op)) {
        const value = p.name === "id" ? ids[noun] : String(p.example ?? "x");
        if (p.in === "path") path = path.replace(`{${p.name}}`, encodeURIComponent(value));
        else if (p.in === "query" && random(3) === 0) request.query.push([p.name, value]);
        else if (p.in === "header") request.headers.push([p.name, value]);
    }
    request.path = path;
    const examples = described.requests(op);
    if (examples.length) {
        const [, type, value] = pick(examples);
        const text = typeof value === "string" && !hasJson(type) ? value : JSON.stringify(value);
        request.headers.push(["Content-Type", type]);
        request.body = Buffer.from(text
            .replace(/https?:\/\/[^/"]+/g, `http://${receiver}`)
            .replace(/[0-9A-HJKMNP-TV-Z]{26}/g, ids.integrations));
    }
    return request;
}

// --- and as it is not -------------------------------------------------------------------------

const LONG = "x".repeat(9000);
const PIECES = ["\0", "\xff\xfe", "\xc0\x80", "\xed\xa0\x80", "\\ud800", "\\u0000", "\"", "\\",
    "[", "{", "}", "]", ",", ":", "[".repeat(70), "{\"a\":".repeat(70), "1e999", "-0",
    "9223372036854775808", "0.1e-400", "${", "${a.b.c}", "${".repeat(50), "}}", "null", "\n",
    "\r\n", "\t", "\x1b[31m", "/", "../", "'; DROP TABLE x; --", "%s%n", LONG,
    "\xe2\x80\xae"].map(s => Buffer.from(s, "latin1"));
const WORDS = ["", "x", "acme", "other", ".", "..", "%00", "%", "%2", "%ff%fe", "%c0%80",
    "%2e%2e%2f", "%0d%0a", "%ed%a0%80", "-1", "0", "1", "1000", "1001", "18446744073709551616",
    "null", "true", "false", "*", "~", "a,b,,", "0".repeat(26), "7" + "Z".repeat(25),
    "01".repeat(13), "2026-11-23T12:00:00Z", "9999-99-99", "7d", "99999999999999999d",
    "failed,failed", "acme-org", "x".repeat(300), LONG, "%25%32%66", "+", "&", "=", "#"];
const QUERY = ["limit", "cursor", "entity", "project", "collection", "automation", "integration",
    "event", "status", "since", "until", "order", "trigger", "type", "dry_run", "force", "service",
    "organization", "x", ""];
const METHODS = ["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "X"];
const HEADERS = ["If-Match", "Idempotency-Key", "Content-Type", "Accept", "Authorization", "Range",
    "Expect", "Content-Encoding", "Transfer-Encoding", "Content-Length", "ce-id", "ce-source",
    "ce-type", "ce-specversion", "ce-time", "ce-data", "ce-subject", "X-Hub-Signature-256",
    "X-GitHub-Event", "X-GitHub-Delivery", "X-Gitlab-Token", "webhook-id", "webhook-timestamp",
    "webhook-signature", "Stripe-Signature", "X-Slack-Signature", "X-Slack-Request-Timestamp",
    "Belfry-Hops", "X-Forwarded-For", "Forwarded", "Origin", "Cookie"];
const HEADER_VALUES = ["", "*", "\"1\"", "W/\"1\"", "\"\"", "Bearer", "Bearer ", "Basic",
    "Basic !", "Basic YXBpOg==", "sha256=", "sha256=" + "0".repeat(64), "v1,", "v1,AAAA v1,BBBB",
    "t=1,v1=00", "t=,v1=,v1=", "-1", "0", "99999999999999999999", "1.0", "application/json",
    "application/cloudevents+json", "application/cloudevents-batch+json", "application/x-ndjson",
    "text/plain;charset=utf-16", "a/b; q=\"", "%", "%00%ff", "\x80\xff", "x".repeat(5000),
    "2026-11-23T12:00:00Z", "100-continue", "gzip"];
const NAMES = ["", "x", "id", "secrets", "scope", "entity"];
const VALUES = [null, true, false, -1, 0, 1.5, 1e300, 2 ** 53, "", "x", "\u0000", "\ud800",
    "a\nb\r\nc", LONG, [], {}, [[[[]]]], ["x"], {"": ""}, {a: 1}, "${a}", "${SIGNING}",
    "(((((a*)*)*)*)*)$", "[a-z]{1000}{1000}", "*".repeat(500), {"$regex": "("}, {"$and": [{}, {}]},
    {"$not": {"$not": {}}}, {"$in": []}, {"sealed": "x"}, "../x", "a/b", ".."];

function bytes(buffer) {
    const at = random(buffer.length + 1), n = random(16);
    switch (random(5)) {
    case 0: return Buffer.concat([buffer.subarray(0, at), pick(PIECES), buffer.subarray(at)]);
    case 1: return Buffer.concat([buffer.subarray(0, at), buffer.subarray(at + n)]);
    case 2: return Buffer.concat([buffer.subarray(0, at + n), buffer.subarray(at)]);
    case 3: return buffer.subarray(0, at);
    default: {
        const copy = Buffer.from(buffer);
        if (copy.length) copy[at % copy.length] = random(256);
        return copy;
    }
    }
}

const letters = text => bytes(Buffer.from(text, "latin1")).toString("latin1");

function places(x, found = []) {
    if (x && typeof x === "object")
        for (const k of Object.keys(x)) { found.push([x, k]); places(x[k], found); }
    return found;
}

// One value or member of a JSON text is another, is gone, or there is one more.
function values(buffer) {
    let root;
    try { root = JSON.parse(buffer.toString()); } catch { return bytes(buffer); }
    const all = places(root);
    if (!all.length || random(20) === 0) return Buffer.from(JSON.stringify(pick(VALUES)));
    const [object, name] = pick(all), isArray = Array.isArray(object);
    switch (random(4)) {
    case 0: if (isArray) object.splice(name, 1); else delete object[name]; break;
    case 1: if (!isArray) object[pick(NAMES)] = pick(VALUES); break;
    case 2: if (isArray) for (let i = 0; i < 300; i++) object.push(object[name]); break;
    default: object[name] = pick(VALUES);
    }
    return Buffer.from(JSON.stringify(root));
}

function otherPart(path) {
    const parts = path.split("/");
    parts[3 + random(Math.max(parts.length - 3, 1))] = pick(WORDS);
    return parts.join("/");
}

// `broken`: what is changed may be the form of the head itself.
function mutate(r) {
    switch (random(r.body.length ? 14 : 7)) {
    case 0: r.method = pick(METHODS); break;
    case 1: r.path = otherPart(r.path); break;
    case 2: r.path = letters(r.path); r.broken = true; break;
    case 3: case 4: r.query.push([pick(QUERY), random(4) ? pick(WORDS) : letters("abc")]); break;
    case 5: r.headers.push([pick(HEADERS), pick(HEADER_VALUES)]); r.broken = true; break;
    case 6: r.headers.push([pick(HEADERS), letters(pick(HEADER_VALUES))]); r.broken = true; break;
    case 7: case 8: r.body = bytes(r.body); break;
    default: r.body = values(r.body);
    }
}

// Of a receiver that is not ours we want nothing.
function namesOthers(r) {
    const text = r.body.toString("latin1"), ours = new RegExp(`^${receiver}(?![0-9.:@])`);
    if (!text.includes("url")) return false;
    if (/\\[u/]/.test(text)) return true;
    if (text.split("//").slice(1).some(rest => !ours.test(rest))) return true;
    try {
        const root = JSON.parse(text);
        return [root?.url, root?.config?.url].some(
            u => typeof u === "string" && !u.startsWith(`http://${receiver}`));
    } catch { return false; }
}

// --- asking -----------------------------------------------------------------------------------

function wire(r) {
    const query = r.query.map(([k, v]) => `${k}=${v}`).join("&");
    let head = `${r.method} ${r.path}${query ? "?" + query : ""} HTTP/1.1\r\n`;
    for (const [k, v] of r.headers) head += `${k}: ${v}\r\n`;
    if (r.body.length) head += `Content-Length: ${r.body.length}\r\n`;
    return Buffer.concat([Buffer.from(head + "\r\n", "latin1"), r.body]);
}

function ask(what) {
    return new Promise(resolve => {
        const parts = [];
        const socket = net.connect(PORT, HOST, () => socket.write(what));
        const timer = setTimeout(() => {
            parts.push(Buffer.from(NO_END));
            socket.destroy();
        }, ANSWER_MS);
        socket.on("data", d => parts.push(d));
        socket.on("error", () => {});
        socket.on("close", () => { clearTimeout(timer); resolve(Buffer.concat(parts)); });
    });
}

function unchunked(body) {
    const parts = [];
    for (let at = 0; at < body.length;) {
        const line = body.indexOf("\r\n", at);
        const n = parseInt(body.subarray(at, line).toString(), 16);
        if (!n) break;
        parts.push(body.subarray(line + 2, line + 2 + n));
        at = line + n + 4;
    }
    return Buffer.concat(parts);
}

// What is wrong with an answer, or null.
function wrong(r, answer) {
    const end = answer.indexOf("\r\n\r\n");
    const head = answer.subarray(0, Math.max(end, 0)).toString("latin1");
    const isJson = /^content-type: application\/(\w+\+)?json/im.test(head);
    const status = Number(/^HTTP\/1\.[01] (\d{3}) /.exec(head)?.[1]);
    let body = answer.subarray(end + 4);
    if (answer.includes(NO_END)) return "it has no end";
    if (!status) return r.broken && answer.length === 0 ? null : "there is none";
    if (status === 500) return "it is 500";
    if (/^transfer-encoding: chunked/im.test(head)) body = unchunked(body);
    if (!body.length || r.method === "HEAD" || !isJson) return null;
    try {
        const value = JSON.parse(new TextDecoder("utf-8", {fatal: true}).decode(body));
        return status < 400 || value.error?.code || /readyz/.test(r.path) ? null : "it has no code";
    } catch (e) {
        return e.message;
    }
}

async function tryOne(id, operation) {
    const r = meant(operation);
    for (let i = random(3); i >= 0; i--) mutate(r);
    if (namesOthers(r)) return;
    const what = wire(r), answer = await ask(what), no = wrong(r, answer);
    const shown = [what, answer].map(b => JSON.stringify(b.toString("latin1").slice(0, 1000)));
    claim(`${id}: the answer is as it should be`, no === null, [no, ...shown].join("\n    "));
}

for (let done = 0; done < count; done += AT_ONCE)
    for (const [id, operation] of described.operations) {
        if (id === "rotateMasterKey" && done) continue;         // it takes long, and has no input
        await make();
        const n = Math.min(AT_ONCE, count - done);
        await Promise.all(Array.from({length: n}, () => tryOne(id, operation)));
    }

const ready = await fetch(url + "/readyz");
claim("the hub is ready afterwards", ready.status === 200, await ready.text());
finish();
