// script_bombs.mjs URL ADMIN_KEY HUB_PID ROUNDS SECONDS TOOLS DIRECTORY - hostile scripts under load.
//
// A stream of events goes on all the time, from one small process to another, so that nothing is
// measured but the hub.  Rounds of hostile scripts and as many seconds of the stream alone take turns:
// what else the machine does falls on both.
//
// A script of tests/hostile says in its head how it ends: "-- ends: yes", "-- ends: failed", perhaps
// with a part of the words, or "-- refused:" when it is saved.  What a failure leads to is declared
// by its automation, fire, skip and fail in turn.
import {spawn} from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import {claim, finish} from "../tools/claims.mjs";

const [url, key, hub, rounds, seconds, tools, directory] = process.argv.slice(2);
const ROUNDS = Number(rounds), ALONE_MS = Number(seconds) * 1000 / ROUNDS;
const SANITIZED = Boolean(process.env.SANITIZED);
const RATE = SANITIZED ? 40 : 200;      // events of the normal stream per second
const NOISE_MS = 5;             // of a p99 of a few milliseconds
const DIR = path.join(path.dirname(process.argv[1]), "../hostile");
const POLICIES = ["fire", "skip", "fail"];

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

// --- talking to the hub -----------------------------------------------------------------------

// As an answer about a bomb comes when its script has ended, so many of them wait for theirs at a time.
const agent = new http.Agent({keepAlive: true, maxSockets: 16});

function call(method, where, body) {
    return new Promise((resolve, reject) => {
        const request = http.request(url + where, {method, agent,
            headers: {Authorization: "Bearer " + key}}, answer => {
            const parts = [];
            answer.on("data", part => parts.push(part));
            answer.on("end", () => {
                const text = Buffer.concat(parts).toString();
                let json = {};
                try { json = JSON.parse(text); } catch { /* not all answers are */ }
                resolve({status: answer.statusCode, json, text});
            });
        });
        request.on("error", reject);
        request.end(body && JSON.stringify(body));
    });
}

async function all(where) {
    const items = [];
    let next = "";
    do {
        const page = await call("GET", `${where}&limit=1000${next && "&cursor=" + next}`);
        items.push(...page.json.items ?? []);
        next = page.json.next ?? "";
    } while (next);
    return items;
}

// --- processes --------------------------------------------------------------------------------

function start(tool, ...args) {
    const child = spawn(path.join(tools, tool), args, {stdio: ["ignore", "pipe", "inherit"]});
    const it = {child, said: ""};

    child.stdout.on("data", text => it.said += text);
    it.over = new Promise(resolve => child.on("close", resolve));
    return it;
}

// Its summary.
async function end(it) {
    it.child.kill("SIGTERM");
    await it.over;
    return JSON.parse(it.said.trim().split("\n").at(-1));
}

const took = what => path.join(directory, what);
const receiver = start("receive", "--listen", "127.0.0.1:0", "--took-file", took("delivered"));
while (!/ on \S+:\d+\n/.test(receiver.said))
    await sleep(20);
const address = / on (\S+)/.exec(receiver.said)[1];

// --- the scripts ------------------------------------------------------------------------------

// One of the words that stand for it: "memory|CPU time", where it depends on the machine which is first.
const says = (text, words) => words.split("|").some(part => text.includes(part));

function readScript(file, i) {
    const name = path.basename(file, ".lua");
    let code = fs.readFileSync(path.join(DIR, file), "latin1");
    const said = /^-- (ends|refused): ?(.*)$/m.exec(code);
    const hook = /^-- hook: (.*)$/m.exec(code)?.[1] ?? "filter";
    const [end, words = ""] = said[1] === "ends" ? said[2].split(": ") : ["refused", said[2]];

    code = Buffer.from(code, "latin1").toString("utf8");
    if (name === "bytecode")
        code = "\x1bLua" + code;
    return {name, code, hook, end, words, policy: POLICIES[i % POLICIES.length],
        type: `bomb.${name}`};
}

const scripts = fs.readdirSync(DIR).filter(f => f.endsWith(".lua")).sort().map(readScript);

await call("PUT", "/api/v1/teams/acme", {});
const integration = (await call("POST", "/api/v1/teams/acme/integrations", {sink: "webhook",
    name: "receiver", config: {url: `http://${address}/`}})).json.id;

function automation(name, type, payload, hooks) {
    return call("POST", "/api/v1/automations", {name, scope: {entity: "acme"}, event: {type}, hooks,
        actions: [{integration, config: {payload}}]});
}

const good = await automation("stream", "stream.tick", {t: "${data.t}"}, {filter: {
    code: "return { filter = function(event) return event.data.t > 0 end }"}});
claim("the stream's automation is saved", good.status === 201, good.text);

for (const s of scripts) {
    const answer = await automation(s.name, s.type, {bomb: s.name},
        {[s.hook]: {code: s.code, on_error: s.policy}});

    s.id = answer.json.id;
    if (s.end === "refused") {
        claim(`${s.name} is refused`, answer.status === 400, answer.text);
        claim(`${s.name} is refused with words`, says(answer.text, s.words) &&
            answer.json.error?.field === `hooks.${s.hook}.code`, answer.text);
    } else {
        claim(`${s.name} is saved`, answer.status === 201, answer.text);
    }
}

// --- the stream -------------------------------------------------------------------------------

// Each in a project of its own: none waits for the one before it.
fs.writeFileSync(took("tick"), `{"type":"stream.tick","entity":"acme","project":"%ID%",` +
    `"data":{"t":%T%}}`);
const stream = start("load", "--url", url + "/api/v1/events", "--key", key, "--rate", `${RATE}`,
    "--seconds", "36000", "--connections", "16", "--body-file", took("tick"),
    "--took-file", took("acknowledged"));

// Of what left in one of these times, in milliseconds.
function p99(what, times) {
    const all = fs.readFileSync(took(what)).toString().trim().split("\n").map(line =>
        line.split(" ").map(Number)).filter(([at]) =>
            times.some(([from, to]) => at >= from && at < to)).map(([, ns]) => ns / 1e6);

    all.sort((a, b) => a - b);
    return all[Math.floor(all.length * 0.99)];
}

// When fn ran, by the clock of the stream.
async function timed(fn) {
    const from = Number(process.hrtime.bigint());
    await fn();
    return [from, Number(process.hrtime.bigint())];
}

// --- what the machine says --------------------------------------------------------------------

const field = (pid, name) =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(fs.readFileSync(`/proc/${pid}/status`))?.[1] ?? 0);

// From /proc, as another process's start would take longer than what is measured here.
function children() {
    return fs.readdirSync(`/proc/${hub}/task`).flatMap(thread =>
        fs.readFileSync(`/proc/${hub}/task/${thread}/children`).toString().split(" "))
        .filter(Boolean);
}

let most = 0, largest = 0, descriptors = 0, looks = 0;

function look() {
    let pids;
    try { pids = children(); } catch { return; }        // a thread has ended meanwhile
    most = Math.max(most, pids.length);
    for (const pid of pids) {
        try {
            const command = fs.readFileSync(`/proc/${pid}/cmdline`).toString();
            if (!command.includes("belfry-script") || (!SANITIZED && field(pid, "Seccomp") !== 2))
                continue;       // it is on its way there
            looks++;
            largest = Math.max(largest, field(pid, "VmSize"));
            descriptors = Math.max(descriptors, fs.readdirSync(`/proc/${pid}/fd`).length);
        } catch { /* it has ended meanwhile */ }
    }
}

// --- the run ------------------------------------------------------------------------------------

const looking = setInterval(look, 50);  // all the time, as looking takes time as well
await sleep(1500);              // its script has proven quick by then
const before = field(hub, "VmRSS");
const taken = new Map(), alone = [], beside = [];

async function bomb(s, i) {
    const answer = await call("POST", "/api/v1/events", {type: s.type, entity: "acme",
        data: {i}});
    if (answer.status !== 202)
        console.log(`${s.name}, event ${i}: ${answer.status} ${answer.text}`);
    taken.set(s.name, (taken.get(s.name) ?? 0) + (answer.status === 202 ? 1 : 0));
}

const live = scripts.filter(s => s.end !== "refused");
let middle = 0;
for (let i = 0; i < ROUNDS; i++) {
    if (i && i % 2 === 0)       // after three failures in a row they would not be asked any more
        await Promise.all(live.map(s => call("POST",
            `/api/v1/automations/${s.id}/hooks/${s.hook}/enable`)));
    await sleep(300);           // what comes after the last round belongs to neither
    alone.push(await timed(() => sleep(ALONE_MS)));
    beside.push(await timed(() => Promise.all(live.map(s => bomb(s, i)))));
    if (i === Math.floor((ROUNDS - 1) / 2))
        middle = field(hub, "VmRSS");
}
const rss = field(hub, "VmRSS");
clearInterval(looking);

const sent = await end(stream);
claim("every event of the stream is taken", sent.sent > 0 && sent.acknowledged === sent.sent,
    JSON.stringify(sent));

// --- how each has ended ---------------------------------------------------------------------------

async function outcome(s) {
    const rows = await all(`/api/v1/executions?automation=${s.id}`);
    const count = status => rows.filter(r => r.status === status)
        .reduce((sum, r) => sum + (r.count ?? 1), 0);
    return {rows, finished: count("finished"), failed: count("failed"),
        skipped: count("skipped"), pending: count("pending")};
}

async function ended(s) {
    let o;
    for (let i = 0; i < 400; i++) {
        o = await outcome(s);
        if (o.finished + o.failed + o.skipped >= ROUNDS && !o.pending)
            break;
        await sleep(50);
    }
    return o;
}

const WANTED = {fire: "finished", skip: "skipped", fail: "failed"};
for (const s of live) {
    const o = await ended(s);
    const want = s.end === "yes" ? "finished" : WANTED[s.policy];
    const text = JSON.stringify(o.rows.slice(-1));

    claim(`${s.name}: every event was taken`, taken.get(s.name) === ROUNDS,
        `${taken.get(s.name)} of ${ROUNDS}`);
    claim(`${s.name} (${s.policy}): every one of ${ROUNDS} is ${want}`, o[want] === ROUNDS,
        `finished ${o.finished}, failed ${o.failed}, skipped ${o.skipped}: ${text.slice(0, 600)}`);
    claim(`${s.name}: nothing else came of it`, o.finished + o.failed + o.skipped === ROUNDS);
    if (s.end !== "failed")
        continue;
    // The oldest: later ones may say that the hook is disabled.
    const detail = await call("GET", `/api/v1/executions/${o.rows.at(-1)?.id}`);
    claim(`${s.name}: the history says why (${s.words || "anything"})`,
        says(detail.text, s.words) && /"said":\s*"failed"|hook_failed/.test(detail.text),
        detail.text.slice(0, 600));
    claim(`${s.name}: in the user's words`, !/\[C\]|0x[0-9a-f]{6}|in \?|\/belfry-|box_/.test(
        detail.text), detail.text.slice(0, 600));
}

// One that fires sends to the receiver as well, which is no time stamp of the stream's.
const got = await end(receiver);
claim("everything of the stream has arrived", got.stamped === sent.sent, JSON.stringify(got));

for (const what of ["acknowledged", "delivered"]) {
    const [quiet, loud] = [p99(what, alone), p99(what, beside)];
    const line = `p99 until ${what}: ${quiet.toFixed(1)} ms alone, ${loud.toFixed(1)} ms beside` +
        ` ${live.length} hostile scripts x ${ROUNDS}`;
    console.log(line);
    if (!SANITIZED)
        claim(line, loud <= 2 * quiet + NOISE_MS);
}
console.log(`hub: ${before} kB before, ${middle} half way, ${rss} after; processes: ${most} at most,` +
    ` the largest ${largest} kB, ${descriptors} descriptors at most, ${looks} looks`);
claim("there were processes to look at", looks > 0);
if (!SANITIZED) {
    claim("memory is flat", rss - middle <= 16384, `${rss - middle} kB more`);
    claim("no process has more than 64 MiB", largest <= 65536, `${largest} kB`);
}
// 8 aside, the steady one and a spare; and 4 on their way out.
claim("there are few processes", most <= 14, `${most}`);
claim("a process has its socket and nothing else", descriptors <= 1, `${descriptors}`);
agent.destroy();
finish();
