// slack_oauth.mjs HUB KEY_FILE SLACK_PORT DIR BELFRY - teams connect Slack, walked by fetch with
// cookies as a browser keeps them.
//
// Slack is the npm package emulate, which has apps, users, codes and incoming webhooks.  Where it is
// lax the server in front of it is as strict as Slack says it is: a state must be there, the redirect
// address must be https and come again with the code, id and secret come by basic-auth.  It also adds
// what emulate leaves out of its answer, the incoming webhook that a scope of that name gives.
import {createServer} from "node:http";
import {createHash} from "node:crypto";
import {spawn} from "node:child_process";
import {readFileSync, writeFileSync} from "node:fs";
import {claim, finish, has, is} from "../tools/claims.mjs";
import {cookiesOf} from "../tools/cookies.mjs";
import {load} from "../tools/npm.mjs";

const [hub, keyFile, slackPort, dir, belfry] = process.argv.slice(2);
const adminKey = readFileSync(keyFile, "utf8");
const slack = `http://127.0.0.1:${slackPort}`;

// --- Slack -----------------------------------------------------------------------------------

const app = {client_id: "12345.67890", client_secret: "app-s3cret-0123456789abcdef", name: "Alerts",
    redirect_uris: [`${hub}/connect/slack-done`], scopes: ["incoming-webhook"]};
const {createEmulator} = await load("emulate");
const emulator = await createEmulator({service: "slack", port: 0, seed: {slack: {
    team: {name: "Acme <Research>", domain: "acme"}, oauth_apps: [app],
    users: [{name: "ada", real_name: "Ada"}], channels: [{name: "ml-alerts"}]}}});
const emulated = `http://127.0.0.1:${new URL(emulator.url).port}`;       // which names itself localhost
const webhookPath = "/services/T000000001/B000000001/X000000001";
const tokens = [], codes = [], granted = new Map();
let exchanges = 0, next = null, delay = 0;          // `next` answers in place of the emulator

async function strict(req, body) {
    const url = new URL(req.url, slack);
    if (url.pathname === "/oauth/v2/authorize") {
        if (!url.searchParams.get("state")) return "no state";
        if (!url.searchParams.get("redirect_uri")?.startsWith("https://")) return "redirect_uri is not https";
        if (!url.searchParams.get("scope")?.split(",").includes("incoming-webhook")) return "no scope";
    } else if (url.pathname === "/api/oauth.v2.access") {
        const form = new URLSearchParams(body);
        if (!req.headers.authorization?.startsWith("Basic ")) return "no basic-auth";
        if (form.has("client_secret") || form.has("client_id")) return "the secret is in the body";
        if (!form.get("redirect_uri")) return "no redirect_uri";
    }
    return null;
}

const front = createServer(async (req, res) => {
    let body = "";
    for await (const piece of req) body += piece;
    const wrong = await strict(req, body);
    const access = req.url === "/api/oauth.v2.access";
    if (access) exchanges++;
    claim(`Slack is asked as it wants to be: ${req.method} ${req.url.split("?")[0]}`, !wrong, wrong);
    if (access && delay) await new Promise(r => setTimeout(r, delay));
    if (access && next) {
        const [status, text] = next(req, body);
        res.writeHead(status, {"content-type": "application/json"}).end(text);
        return;
    }
    const headers = {...req.headers};
    delete headers.host; delete headers["content-length"]; delete headers.connection;
    const answer = await fetch(emulated + req.url, {method: req.method, headers,
        body: req.method === "POST" ? body : undefined, redirect: "manual"});
    let text = await answer.text();
    if (access && text.startsWith("{")) {
        const json = JSON.parse(text);
        if (json.ok) {
            const channel = granted.get(new URLSearchParams(body).get("code")) ?? "#general";
            tokens.push(json.access_token);
            json.incoming_webhook = {channel, channel_id: "C000000001", url: slack + webhookPath,
                configuration_url: "https://acme.slack.com/services/B000000001"};
        }
        text = JSON.stringify(json);
    }
    const out = {"content-type": answer.headers.get("content-type") ?? "text/plain"};
    if (answer.headers.has("location")) out.location = answer.headers.get("location");
    res.writeHead(answer.status, out).end(text);
});
await new Promise(r => front.listen(Number(slackPort), "127.0.0.1", r));

// --- a browser, and the hub's REST ----------------------------------------------------------------

class Browser {
    jar = new Map();

    async get(url, options = {}) {
        const cookie = [...this.jar].map(([k, v]) => `${k}=${v}`).join("; ");
        const answer = await fetch(url, {redirect: "manual", ...options,
            headers: {...(cookie && url.startsWith(hub) ? {cookie} : {}), ...options.headers}});
        for (const {name, value, attributes} of cookiesOf(answer.headers)) {
            this.jar.set(name, value);
            this.attributes = attributes;
        }
        return {status: answer.status, text: await answer.text(), headers: answer.headers,
            location: answer.headers.get("location")};
    }

    // From the hub's address to the moment before Slack's answer is brought back: its address.
    async consent(url, channel) {
        const toSlack = await this.get(url);
        if (toSlack.status !== 302) return toSlack;
        const page = await this.get(toSlack.location);
        const fields = new URLSearchParams([...page.text.matchAll(/name="(\w+)" value="([^"]*)"/g)]
            .slice(0, 6).map(([, k, v]) => [k, v.replaceAll("&amp;", "&")]));
        const back = await this.get(`${slack}/oauth/v2/authorize/callback`, {method: "POST",
            body: fields, headers: {"content-type": "application/x-www-form-urlencoded"}});
        if (back.location) {
            const code = new URL(back.location).searchParams.get("code");
            codes.push(code);
            if (channel) granted.set(code, channel);
        }
        return {...back, authorize: toSlack.location};
    }
}

async function rest(method, path, body, key = adminKey) {
    const answer = await fetch(hub + path, {method, redirect: "manual",
        headers: key ? {authorization: `Bearer ${key}`} : {},
        body: body === undefined ? undefined : JSON.stringify(body)});
    const text = await answer.text();
    let json = {};
    try { json = JSON.parse(text); } catch { /* a page */ }
    return {status: answer.status, text, json};
}
const begin = async (name, more = {}, key) => rest("POST", "/connect/slack/acme", {name, ...more}, key);
const integration = async name => (await rest("GET", "/api/v1/teams/acme/integrations"))
    .json.items.find(i => i.name === name);

for (const team of ["acme", "rivals"]) await rest("PUT", `/api/v1/teams/${team}`, {});

// --- who may ---------------------------------------------------------------------------------------

async function user(name, team, role, rights) {
    await rest("PUT", `/api/v1/users/${name}`, {});
    if (team) await rest("PUT", `/api/v1/teams/${team}/members/${name}`, {role});
    return (await rest("POST", `/api/v1/users/${name}/keys`, {name: "k", ...(rights && {rights})})).json.key;
}
const keys = {nobody: null, ingest: await user("ina", "acme", "admin", ["ingest"]),
    read: await user("rea", "acme", "viewer"), member: await user("mia", "acme", "member"),
    admin: await user("ada", "acme", "admin"), rival: await user("roy", "rivals", "admin")};
const matrix = {
    "POST /connect/slack/acme": [401, 403, 403, 403, 400, 403],
    "GET /connect/slack/acme": [401, 403, 403, 403, 400, 403],
    "GET /connect/slack/acme/status": [401, 403, 403, 403, 404, 403],
    "GET /connect/slack-go": [400, 400, 400, 400, 400, 400],
    "GET /connect/slack-done": [400, 400, 400, 400, 400, 400],
};
for (const [route, wanted] of Object.entries(matrix))
    for (const [i, who] of Object.keys(keys).entries()) {
        const [method, path] = route.split(" ");
        is(`${route} by ${who}`, (await rest(method, path, method === "POST" ? {} : undefined,
            keys[who])).status, wanted[i]);
    }

// --- an app that is not there yet -------------------------------------------------------------------

let answer = await begin("ml-alerts");
is("without the app's id it does not begin", answer.status, 400);
has("and the words say where to get and how to keep it", answer.json.error.message,
    "store the Client ID of your Slack app, from its page Basic Information, with PUT /api/v1/teams/acme/secrets/SLACK_CLIENT_ID");
await rest("PUT", "/api/v1/teams/acme/secrets/SLACK_CLIENT_ID", {value: app.client_id});
await rest("PUT", "/api/v1/teams/acme/secrets/SLACK_CLIENT_SECRET", {value: app.client_secret});
await rest("PUT", "/api/v1/teams/acme/secrets/OTHER", {value: "another-secret-of-the-team"});
answer = await begin("ml-alerts", {client_id: "OTHER"});
is("another secret is not taken for the id", answer.status, 400);
claim("nor shown", !answer.text.includes("another-secret-of-the-team"), answer.text);

// --- the way ------------------------------------------------------------------------------------------

answer = await begin("ml-alerts", {}, keys.admin);
is("an admin gets an address", answer.status, 200);
has("of the hub as the outside knows it", answer.json.url, `${hub}/connect/slack-go?ticket=`);
claim("with nothing to warn of", answer.json.warning === undefined, answer.text);
const forwarded = await (await fetch(`${hub}/connect/slack/acme`, {method: "POST",
    body: '{"name":"ml-alerts"}', headers: {authorization: `Bearer ${adminKey}`,
        "x-forwarded-host": "evil.example", "x-forwarded-proto": "http", forwarded: "host=evil.example"}})).json();
has("whatever a request says of the hub's address", forwarded.url, `${hub}/connect/slack-go?ticket=`);
const ada = new Browser(), first = answer.json;
let back = await ada.consent(first.url, "#ml-alerts");
is("the cookie is the browser's own", ada.attributes,
    "Path=/connect; Max-Age=600; HttpOnly; SameSite=Lax; Secure");
is("Slack gets the address that nginx has", new URL(back.authorize).searchParams.get("redirect_uri"),
    `${hub}/connect/slack-done`);
is("Slack sends the browser back", back.status, 302);
has("to it", back.location, `${hub}/connect/slack-done?code=`);
is("until then it waits", (await rest("GET", first.status)).json.status, "waiting");
is("another browser cannot finish it", (await new Browser().get(back.location)).status, 403);
is("nor one that has begun something else", await (async () => {
    const eve = new Browser();
    await eve.consent((await begin("other")).json.url);
    return (await eve.get(back.location)).status;
})(), 403);
is("so the code is not used", exchanges, 0);
const [one, two] = await Promise.all([ada.get(back.location), ada.get(back.location)]);
is("of two at once, one connects", exchanges, 1);
const page = one.status === 200 ? one : two;
is("and shows a page", page.status, 200);
has("that says what was connected", page.text, "<p>Slack channel #ml-alerts of workspace Acme " +
    "&lt;Research&gt; is connected as integration ml-alerts of team acme.</p>");
const style = page.text.match(/<style>([^]*)<\/style>/)[1];
is("nothing but its own style may work in it", page.headers.get("content-security-policy"),
    `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
is("no other site learns its address", page.headers.get("referrer-policy"), "no-referrer");
is("it may be loaded again", (await ada.get(back.location)).status, 200);
is("without using the code again", exchanges, 1);
is("and the address begins nothing new", (await new Browser().get(first.url)).status, 409);
answer = await rest("GET", first.status);
is("whoever waited is told", answer.json.status, "connected");
const made = await integration("ml-alerts");
is("by the integration", answer.json.integration, made.id);
is("which has the secret by name", JSON.stringify(made.config), JSON.stringify({
    webhook_url: "SLACK_WEBHOOK_ML_ALERTS", channel: "#ml-alerts", workspace: "Acme <Research>",
    api_base: made.config.api_base}));
const records = (await rest("GET", "/api/v1/events?entity=acme&type=belfry.integration.saved")).json.items;
is("the journal says who did it", records.at(-1).author, "ada");

// --- what it is for --------------------------------------------------------------------------------------

answer = await rest("POST", `/api/v1/integrations/${made.id}/test`, {config: {title: "hello from a test"}});
is("a test message is sent", answer.status, 200);
const history = await (await fetch(`${emulated}/api/conversations.history`, {method: "POST",
    headers: {authorization: `Bearer ${tokens[0]}`}, body: new URLSearchParams({channel: "C000000001"})})).json();
claim("and stands in the channel", JSON.stringify(history).includes("hello from a test"),
    `${answer.text} ${JSON.stringify(history)}`);

// --- once more, and what goes wrong -------------------------------------------------------------------------

async function connect(name, {browser = new Browser(), channel, more, key} = {}) {
    const begun = await begin(name, more, key);
    const way = await browser.consent(begun.json.url, channel);
    return {...await browser.get(way.location), begun: begun.json, way, browser};
}

await connect("ml-alerts", {channel: "#elsewhere"});
const again = await integration("ml-alerts");
is("connected again it is the same integration", again.id, made.id);
is("with the same secret's name", again.config.webhook_url, "SLACK_WEBHOOK_ML_ALERTS");
is("and the channel chosen last", again.config.channel, "#elsewhere");
await connect("ml_alerts");
is("a name that would have the same secret has another",
    (await integration("ml_alerts")).config.webhook_url, "SLACK_WEBHOOK_ML_ALERTS_2");

const failing = {
    "a code that Slack does not know": [() => [200, '{"ok":false,"error":"invalid_code"}'], 502,
        "Slack does not know the code"],
    "a redirect address that is not the app's": [() => [200, '{"ok":false,"error":"bad_redirect_uri"}'],
        502, `${hub}/connect/slack-done must stand among`],
    "a Slack that is broken": [() => [500, "oops"], 502, "HTTP status 500"],
    "a Slack that answers nonsense": [() => [200, "<html>"], 502, "something else than it should"],
    "a Slack that gives no webhook": [() => [200, '{"ok":true,"access_token":"xoxb-none"}'], 502,
        "gave no incoming webhook"],
    "a Slack that sends back what it got": [(req, body) => [200, JSON.stringify({ok: false,
        error: `${Buffer.from(req.headers.authorization.slice(6), "base64")}`.slice(-60)})], 502,
        "${SLACK_CLIENT_SECRET}"],
};
for (const [what, [says, status, words]] of Object.entries(failing)) {
    next = says;
    const r = await connect("never");
    is(`${what}: the status`, r.status, status);
    has(`${what}: the words`, r.text, words);
    claim(`${what}: no secret`, !r.text.includes(app.client_secret), r.text);
    answer = await rest("GET", r.begun.status);
    is(`${what}: whoever waited is told`, answer.json.status, "failed");
}
next = null;
delay = 3000;
answer = await connect("never");
is("a Slack that does not answer in time", answer.status, 504);
delay = 0;
await rest("PUT", "/api/v1/teams/acme/secrets/WRONG", {value: "not-the-apps-secret"});
answer = await connect("never", {more: {client_secret: "WRONG"}});
has("a wrong secret is told of by its name", answer.text, "WRONG");
claim("nothing is left of all that", !await integration("never") &&
    (await rest("GET", "/api/v1/teams/acme/secrets/SLACK_WEBHOOK_NEVER")).status === 404);

const denied = new Browser();
back = await denied.consent((await begin("later")).json.url);
const state = new URL(back.location).searchParams.get("state");
answer = await denied.get(`${hub}/connect/slack-done?error=access_denied&state=${state}`);
is("who says no sees a page", answer.status, 200);
has("a kind one", answer.text, "Nothing was connected");
is("and may say yes after all", (await denied.get(back.location)).status, 200);

const demoted = new Browser();
answer = await begin("demoted", {}, keys.admin);
back = await demoted.consent(answer.json.url);
await rest("PUT", "/api/v1/teams/acme/members/ada", {role: "member"});
is("who is no admin any more cannot finish", (await demoted.get(back.location)).status, 403);
is("nor open the address", (await new Browser().get(answer.json.url)).status, 403);

await rest("POST", "/api/v1/teams/acme/integrations", {sink: "webhook", name: "taken",
    config: {url: `${slack}/x`}});
is("a name of another sink is refused at once", (await begin("taken")).status, 400);

// --- many at once: each asks the hub, which must have hands left to answer -----------------------------------

const many = await Promise.all([...Array(12).keys()].map(i => connect(`many-${i}`)));
is("twelve at once are all connected", many.filter(r => r.status === 200).length, 12);

// --- the command ------------------------------------------------------------------------------------------

function command(...args) {
    const child = spawn(belfry, ["integrations", "connect", "slack", "--team", "acme", ...args],
        {env: {...process.env, BELFRY_URL: hub, BELFRY_API_KEY: adminKey,
            BELFRY_CA_FILE: process.env.NODE_EXTRA_CA_CERTS, HOME: dir, XDG_CONFIG_HOME: ""}});
    const out = {text: "", errors: ""};
    child.stderr.on("data", d => { out.errors += d; });
    out.address = new Promise(r => child.stdout.on("data", d => {
        out.text += d;
        if (out.text.includes("\n")) r(out.text.split("\n")[0]);
    }));
    out.end = new Promise(r => child.on("close", r));
    return out;
}
const waiting = command("--name", "by hand");
const byHand = new Browser();
back = await byHand.consent(await waiting.address, "#by-hand");
await byHand.get(back.location);
is("the command waits until it is done", await waiting.end, 0);
has("and says what was connected", waiting.text, "Slack channel #by-hand of workspace Acme <Research> " +
    "is connected as integration by hand of team acme.\n");
const quick = command("--name", "x", "--no-wait");
is("or only prints the address", await quick.end, 0);
has("which is all there is on standard output", quick.text, `${hub}/connect/slack-go?ticket=`);
const wrong = command("--name", "x", "client_id=NONE");
is("a secret that is missing ends it", await wrong.end, 1);
has("with the verb that sets it", wrong.errors, "belfry secrets set NONE --team acme");

// --- what was secret is in no answer --------------------------------------------------------------------------

const shown = [];
for (const path of ["/api/v1/teams/acme/integrations", "/api/v1/teams/acme/secrets", "/api/v1/status",
    "/api/v1/events?entity=acme&limit=1000", "/api/v1/executions?limit=1000", "/api/v1/export", "/metrics"])
    shown.push((await rest("GET", path)).text);
const basic = Buffer.from(`${app.client_id}:${app.client_secret}`).toString("base64");
const secrets = [...tokens, ...codes, app.client_secret, basic, webhookPath];
claim("there are secrets to look for", tokens.length > 12 && codes.length > 12, secrets);
claim("none is in the hub's answers", !secrets.some(s => shown.join("\n").includes(s)), shown);
writeFileSync(`${dir}/secrets`, secrets.join("\n") + "\n");
front.close();
front.closeAllConnections();
await emulator.close();
finish();
