// matrix.mjs URL ADMIN_KEY TABLE - every route × every kind of caller.
//
// Who there is: nobody (no key), a member's key that may only ingest, a viewer, a member and an
// admin of the team `acme`, the admin of another team, and the admin of the hub.  The requests are
// the examples of the hub's description of itself, each on things made for that one call, so that
// what one caller deletes is there for the next.  The table says with which status each is answered;
// a route that is not in it is a failure, and so is one that the hub does not have.
import {readFileSync} from "node:fs";
import {claim, finish} from "../tools/claims.mjs";
import {Described, isJson} from "../tools/described.mjs";

const [url, adminKey, tableFile] = process.argv.slice(2);
const described = await Described.of(url);
let serial = 0;

async function call(key, method, path, body, type = "application/json") {
    const headers = {};
    if (key) headers.Authorization = "Bearer " + key;
    if (body !== undefined) headers["Content-Type"] = type;
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const answer = await fetch(url + path, {method, headers, body: text, redirect: "manual"});
    return {status: answer.status, text: await answer.text()};
}

async function must(method, path, body) {
    const a = await call(adminKey, method, path, body);
    if (a.status >= 300) throw new Error(`${method} ${path}: ${a.status} ${a.text}`);
    return a.text ? JSON.parse(a.text) : undefined;
}

// --- the people -----------------------------------------------------------------------------

const PEOPLE = {viewer: "vera", member: "mia", admin: "ada", other: "otto"};
const keys = {nobody: undefined, hub: adminKey};

await must("PUT", "/api/v1/organizations/initech", {});
await must("PUT", "/api/v1/teams/acme", {organization: "initech"});
await must("PUT", "/api/v1/teams/umbrella", {});
for (const [role, name] of Object.entries(PEOPLE)) {
    const [team, as] = role === "other" ? ["umbrella", "admin"] : ["acme", role];
    await must("PUT", `/api/v1/users/${name}`, {});
    await must("PUT", `/api/v1/teams/${team}/members/${name}`, {role: as});
    keys[role] = (await must("POST", `/api/v1/users/${name}/keys`, {name: "own"})).key;
}
keys.ingest = (await must("POST", "/api/v1/users/mia/keys",
    {name: "training", rights: ["ingest"]})).key;
await must("PUT", "/api/v1/teams/acme/secrets/ALERTS_TOKEN",
    {value: "a-token-for-the-alertmanager"});
await must("PUT", "/api/v1/teams/acme/secrets/SIGNING", {value: "correct-horse-battery"});

// --- the things ------------------------------------------------------------------------------

const fresh = word => `${word}-${++serial}`;

async function user() {
    const name = fresh("u");
    await must("PUT", `/api/v1/users/${name}`, {});
    await must("PUT", `/api/v1/teams/acme/members/${name}`, {role: "viewer"});
    return name;
}

// One that all of acme's roles have in it as well.
async function team() {
    const name = fresh("robots");
    await must("PUT", `/api/v1/teams/${name}`, {organization: "initech"});
    for (const role of ["viewer", "member", "admin"])
        await must("PUT", `/api/v1/teams/${name}/members/${PEOPLE[role]}`, {role});
    return name;
}

async function organization() {
    const name = fresh("org");
    await must("PUT", `/api/v1/organizations/${name}`, {});
    return name;
}

const integration = async () => (await must("POST", "/api/v1/teams/acme/integrations",
    {sink: "webhook", name: fresh("hook"), config: {url: "http://127.0.0.1:9/x"}})).id;

const automation = async to => (await must("POST", "/api/v1/automations", {
    name: fresh("automation"), scope: {entity: "acme", project: "vision"},
    event: {type: "matrix.tried"}, actions: [{integration: to ?? await integration()}]})).id;

const hooked = async () => (await must("POST", "/api/v1/automations", {
    name: fresh("automation"), scope: {entity: "acme", project: "vision"},
    event: {type: "matrix.tried"}, hooks: {filter: {file: "working_hours.lua"}},
    actions: [{integration: await integration()}]})).id;

const event = async () => (await must("POST", "/api/v1/events",
    {type: "matrix.event", entity: "acme", project: "vision"})).events[0].id;

// One that waits: its integration is disabled.
async function execution() {
    const to = await integration();
    const id = await automation(to);
    await must("POST", `/api/v1/integrations/${to}/disable`);
    await must("POST", "/api/v1/events", {type: "matrix.tried", entity: "acme", project: "vision"});
    const found = await must("GET", `/api/v1/executions?automation=${id}`);
    await must("POST", `/api/v1/automations/${id}/disable`);
    return found.items[0].id;
}

async function cancelled() {
    const id = await execution();
    await must("POST", `/api/v1/executions/${id}/cancel`);
    return id;
}

const backtest = async () => (await must("POST", "/api/v1/backtests",
    {automation: await automation(), since: "1h"})).id;

async function secret() {
    const name = `S${++serial}`;
    await must("PUT", `/api/v1/teams/acme/secrets/${name}`, {value: "a-value-of-some-length"});
    return name;
}

async function intake(enabled = true) {
    const name = fresh("intake");
    await must("PUT", `/api/v1/teams/acme/intakes/${name}`, {type: "x.y", enabled,
        check: {kind: "bearer", secret: "ALERTS_TOKEN"}});
    return name;
}

const key = async () => (await must("POST", "/api/v1/users/mia/keys", {name: fresh("key")})).id;

async function member() {
    const name = await user();
    await must("PUT", `/api/v1/organizations/initech/members/${name}`, {role: "viewer"});
    return name;
}

// Which thing stands for a parameter of a path: the first row whose path begins it.
const THINGS = [
    ["/api/v1/automations/{id}/hooks/", {id: hooked, kind: () => "filter"}],
    ["/api/v1/automations/{id}", {id: () => automation()}],
    ["/api/v1/scripts/{script}", {script: () => "working_hours.lua"}],
    ["/api/v1/integrations/{id}", {id: integration}],
    ["/api/v1/executions/{id}/resend", {id: cancelled}],
    ["/api/v1/executions/{id}", {id: execution}],
    ["/api/v1/events/{id}", {id: event}],
    ["/api/v1/backtests/{id}", {id: backtest}],
    ["/api/v1/keys/{id}", {id: key}],
    ["/api/v1/users/{user}/keys", {user: () => "mia"}],
    ["/api/v1/users/{user}", {user}],
    ["/api/v1/teams/{team}/members/{user}", {team: () => "acme", user: member}],
    ["/api/v1/teams/{team}/secrets/{name}", {team: () => "acme", name: secret}],
    ["/api/v1/teams/{team}/intakes/{name}", {team: () => "acme", name: intake}],
    ["/api/v1/teams/{team}/", {team: () => "acme"}],
    ["/api/v1/teams/{team}", {team}],
    ["/api/v1/organizations/{org}/members/{user}", {org: () => "initech", user: member}],
    ["/api/v1/organizations/{org}/", {org: () => "initech"}],
    ["/api/v1/organizations/{org}", {org: organization}],
    ["/api/v1/in/{name}", {name: intake}],
    ["/automations/{id}", {id: () => automation()}],
    ["/executions/{id}", {id: execution}],
    ["/events/{id}", {id: event}],
];

// A document of things that there are not yet.
function renamed(document) {
    const hook = fresh("planned");
    return {...document, manifest: fresh("manifest"),
        integrations: document.integrations.map(i => ({...i, name: hook})),
        automations: document.automations.map(a => ({...a, name: fresh("planned"),
            actions: a.actions.map(x => ({...x, integration: hook}))}))};
}

// What a body holds that must be there, or must be new.
async function fitted(body) {
    if (!body || typeof body !== "object" || Array.isArray(body)) return body;
    body = {...body};
    if (typeof body.name === "string") body.name = fresh("named");
    if (typeof body.key === "string") delete body.key;
    if (Array.isArray(body.actions))
        body.actions = await Promise.all(body.actions.map(async a =>
            ({...a, integration: await integration()})));
    if (body.automation && typeof body.automation === "object")
        body.automation = await fitted(body.automation);
    if (typeof body.event === "string") body.event = await event();
    if (body.document) body.document = renamed(body.document);
    if (body.expect)
        body.expect = (await must("POST", "/api/v1/plans", {document: body.document})).hash;
    return body;
}

async function request(id) {
    const {path, method, op} = described.operations.get(id);
    const things = THINGS.find(([begin]) => path.startsWith(begin))?.[1] ?? {};
    let address = path, query = "";
    for (const p of described.parameters(op)) {
        if (p.in === "path")
            address = address.replace(`{${p.name}}`, encodeURIComponent(await things[p.name]()));
        else if (p.in === "query" && p.example !== undefined)
            query += (query ? "&" : "?") + `${p.name}=${encodeURIComponent(p.example)}`;
    }
    const [, type, example] = described.requests(op)[0] ?? [];
    const body = type && isJson(type) ? await fitted(example) : example;
    return {method: method.toUpperCase(), path: address + query, body, type};
}

// --- the table -------------------------------------------------------------------------------

const lines = readFileSync(tableFile, "utf8").split("\n").map(l => l.replace(/#.*/, "").trim())
    .filter(l => l);
const columns = lines.shift().split(/\s+/).slice(2);
const table = new Map(lines.map(l => {
    const [method, path, ...cells] = l.split(/\s+/);
    return [`${method} ${path}`, cells];
}));

for (const [id, {path, method}] of described.operations) {
    const route = `${method.toUpperCase()} ${path}`;
    const cells = table.get(route);
    const got = [];
    if (!cells && !process.env.PRINT) {
        claim(`${route} is in the table`, false);
        continue;
    }
    for (const [i, who] of columns.entries()) {
        const r = await request(id);
        const a = await call(keys[who], r.method, r.path, r.body, r.type);
        got.push(a.status);
        if (!process.env.PRINT)
            claim(`${route} by ${who}: ${cells[i]}`, String(a.status) === cells[i],
                `${a.status} ${a.text.slice(0, 300)}`);
    }
    if (process.env.PRINT)
        console.log(`${method.toUpperCase().padEnd(6)} ${path.padEnd(42)} ` +
            got.map(s => String(s).padEnd(6)).join(" "));
    table.delete(route);
}
if (!process.env.PRINT)
    for (const route of table.keys()) claim(`${route} of the table is a route`, false);
finish();
