/* teams.mjs URL KEY - a hub posts to Teams; run by teams.sh.
 *
 * The two services of Microsoft are played here, from what their documentation and their users say
 * of them, with their lies: a flow answers 202 whatever becomes of the message, a connector answers
 * 200 and says in the body that Teams refused.  They are stricter than Microsoft's where that helps:
 * a message must be one that Teams shows, and be read by Microsoft's reader without a complaint. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { claim, finish, has, is } from "../tools/claims.mjs";
import { marks, objects, render, texts } from "../tools/messages.mjs";

const require = createRequire(`${process.env.NODE_PATH}/`);
const cards = require("adaptivecards/dist/adaptivecards.js");

const [url, key] = process.argv.slice(2);
const LIMIT = 26624;
const run = promisify(execFile);


/* --- the two services ---------------------------------------------------------------------- */

const received = [];
const busy = new Set();

const isLink = (text) => /^https?:\/\/[^\s]+$/.test(text);

/* What is wrong with an Adaptive Card; "" nothing. */
function faultOfCard(card) {
    const context = new cards.SerializationContext();

    if (card?.type !== "AdaptiveCard" || !/^1\.[0-5]$/.test(card.version))
        return "it is no Adaptive Card that Teams shows";
    new cards.AdaptiveCard().parse(card, context);
    if (context.eventCount !== 0)
        return context.getEventAt(0).message;
    for (const [, o] of objects(card))
        if (["Action.OpenUrl", "Image"].includes(o.type) && !isLink(o.url))
            return `${o.type} leads nowhere`;
    if ((card.actions?.length ?? 0) > 6)
        return "it has more than six actions";
    return "";
}

function faultOfMessage(m) {
    if (m.type !== "message" || !Array.isArray(m.attachments) || m.attachments.length === 0)
        return "it is no message with attachments";
    for (const a of m.attachments) {
        if (a.contentType !== "application/vnd.microsoft.card.adaptive")
            return "an attachment is no Adaptive Card";
        const fault = faultOfCard(a.content);
        if (fault)
            return fault;
    }
    return "";
}

function faultOfMessageCard(m) {
    const types = { title: "string", summary: "string", text: "string", themeColor: "string" };

    if (m["@type"] !== "MessageCard" || m["@context"] === undefined)
        return "it is no MessageCard";
    for (const [name, type] of Object.entries(types))
        if (m[name] !== undefined && typeof m[name] !== type)
            return `${name} is no ${type}`;
    for (const s of m.sections ?? [])
        for (const f of s.facts ?? [])
            if (typeof f.name !== "string" || typeof f.value !== "string")
                return "a fact is not text";
    for (const a of m.potentialAction ?? [])
        if (a["@type"] === "OpenUri" && !a.targets?.every((t) => isLink(t.uri)))
            return "an OpenUri leads nowhere";
    return "";
}

const wrong = (code) => JSON.stringify({ error: { code, message: `the service says ${code}` } });

/* A flow of Power Automate: what it thinks of the message, it does not tell. */
function flow(name, query) {
    if (query.get("sig") !== "s1gnature")
        return [401, wrong("AuthorizationFailed")];
    switch (name) {
    case "gone": return [404, wrong("WorkflowNotFound")];
    case "off": return [400, wrong("WorkflowTriggerIsNotEnabled")];
    case "deleted": return [410, ""];
    case "busy": return [429, ""];
    case "answers": return [200, "thank you"];
    default: return [202, ""];
    }
}

const says = (status) => "Webhook message delivery failed with error: Microsoft Teams endpoint" +
    ` returned HTTP error ${status} with ContextId tcid=0,server=x,cv=y..`;

function connector(name, body, message) {
    if (name === "busy")
        return [200, says(429)];
    if (name === "small" || Buffer.byteLength(body) > 28 * 1024)
        return [200, says(413)];
    if (name === "gone")
        return [404, "Connector configuration not found"];
    if (message.type !== "message" && !message.summary && !message.text)
        return [400, "Summary or Text is required."];
    return [200, "1"];
}

function take(req, body) {
    const at = new URL(req.url, "http://x"), [, kind, name] = at.pathname.split("/");
    const got = { kind, name, body, type: req.headers["content-type"], fault: "", message: {} };

    received.push(got);
    try {
        got.message = JSON.parse(body);
    } catch (error) {
        got.fault = String(error);
        return [400, "Bad payload received by generic incoming webhook."];
    }
    if (req.method !== "POST" || !/^application\/json/.test(got.type))
        got.fault = "it is no JSON that was posted";
    else if (kind === "flows" || got.message.type === "message")
        got.fault = faultOfMessage(got.message);
    else
        got.fault = faultOfMessageCard(got.message);
    return kind === "flows" ? flow(name, at.searchParams) : connector(name, body, got.message);
}

const server = createServer((req, res) => {
    const parts = [];

    req.on("data", (part) => parts.push(part));
    req.on("end", () => {
        const [status, body] = take(req, Buffer.concat(parts).toString());

        res.statusCode = status;
        res.end(body);
    });
});
server.keepAliveTimeout = 60000;        /* a connection that it ends may be one just written to */
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const service = `http://127.0.0.1:${server.address().port}`;


/* --- the hub ----------------------------------------------------------------------------- */

async function api(method, path, body) {
    const answer = await fetch(url + path, {
        method, body: body === undefined ? undefined : JSON.stringify(body),
        headers: { authorization: `Bearer ${key}` },
    });
    const text = await answer.text();

    return { status: answer.status, body: text ? JSON.parse(text) : {}, text };
}

async function integration(name, config) {
    return (await api("POST", "/api/v1/teams/acme/integrations",
        { sink: "teams", name, config, delivery: { pace: "1000/s" } })).body;
}
const aFlow = (name) => integration(`flow ${name}`,
    { url: `${service}/flows/${name}?sig=s1gnature`, kind: "workflows" });
const aConnector = (name) => integration(`connector ${name}`,
    { url: `${service}/connectors/${name}/s1gnature`, kind: "connector" });

/* Fires on the custom event of this type. */
const automate = (type, actions, more = {}) => api("POST", "/api/v1/automations", {
    name: `on ${type}`, scope: { entity: "acme", project: "vision" }, event: { type },
    actions: actions.map(([i, config]) => ({ integration: i.id, config })), ...more,
});

/* The executions that an event has caused, once they are over or have been tried. */
async function fire(type, more, n) {
    const event = { type, entity: "acme", project: "vision", ...more };
    const answer = await api("POST", "/api/v1/events", event);
    let list = [];

    if (answer.status !== 202) {
        claim(`${type} is taken`, false, answer);
        return [];
    }
    const id = answer.body.events[0].id, until = Date.now() + 20000;
    do {
        list = (await api("GET", `/api/v1/executions?event=${id}`)).body.items ?? [];
        list = await Promise.all(list.map(async (x) =>
            (await api("GET", `/api/v1/executions/${x.id}`)).body));
        if (list.length === n && list.every((x) => x.attempt_records?.length && x.status !== "running"))
            return list;
        await new Promise((later) => setTimeout(later, 20));
    } while (Date.now() < until);
    claim(`${type} is delivered`, false, list);
    return list;
}
const reason = (x) => x?.attempt_records?.at(-1)?.reason;
const last = (kind, name) => received.findLast((r) => r.kind === kind && r.name === name)?.message;
const cardOf = (message) => message?.attachments?.[0]?.content;


/* --- what a text says -------------------------------------------------------------------------- */

const decode = (html) => html.replace(/<[^>]*>/g, " ").replace(/&lt;/g, "<").replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"').replace(/&amp;/g, "&");
/* What one sees, but for white space and what has no width. */
const seen = (text) => text.replace(/[\u200b\u202a-\u202e\u2066-\u2069\ufeff]/g, "")
    .replace(/[\s\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").trim();


/* --- integrations --------------------------------------------------------------------------- */

await api("PUT", "/api/v1/teams/acme", {});
for (const [name, value] of [["FLOW", `${service}/flows/named?sig=s1gnature`],
                             ["OFFICE", "https://acme.webhook.office.com/webhookb2/1"],
                             ["LONG_ONE", "z".repeat(300)]])
    await api("PUT", `/api/v1/teams/acme/secrets/${name}`, { value });
const refused = await api("POST", "/api/v1/teams/acme/integrations",
    { sink: "teams", name: "unknown", config: { url: "FLOW" } });
is("a host that is not Microsoft's needs a kind", [refused.status, refused.body.error?.field],
   [400, "config.kind"]);
const named = await integration("named", { url: "FLOW", kind: "workflows" });
is("a URL may be a secret's name", named.config?.url, "FLOW");
const plain = await aFlow("plain");
is("a literal one is sealed", plain.config?.url, { set: true });
const old = await aConnector("plain");
const office = await api("POST", "/api/v1/teams/acme/integrations",
    { sink: "teams", name: "office", config: { url: "OFFICE" } });
has("a connector's end is warned of", office.text, "brings its connectors to an end");


/* --- title, text and level --------------------------------------------------------------------- */

await automate("ci.card", [
    [named, { title: "Build ${data.n} failed", text: "**look** at ${run_name}\nsoon", level: "error" }],
    [old, { title: "Build ${data.n} failed", text: "**look** at ${run_name}", level: "warn" }],
    [plain, {}],
]);
let done = await fire("ci.card", { data: { n: 7 }, run: { id: "r1", name: "sunny_frog" } }, 3);
let card = cardOf(last("flows", "named"));
is("the card has a coloured title", [card.body[0].style, card.body[0].items[0].text],
   ["attention", "🚨 Build 7 failed"]);
is("the author's Markdown stays", render(card.body[1].text).trim(),
   "<p><strong>look</strong> at sunny_frog</p>\n<p>soon</p>");
is("facts have values only", card.body[2].facts.map((f) => f.title).join(),
   "Event,Automation,Project,Run");
is("buttons lead back to the hub", card.actions.map((a) => a.url.replace(/[0-9A-Z]{26}/, "ID")),
   [`${url}/executions/ID`, `${url}/automations/ID`]);
is("what the execution of that button is", done.some((x) => card.actions[0].url.endsWith(x.id)), true);
has("a connector gets a MessageCard", last("connectors", "plain").sections[0].activityTitle,
    "⚠️ **Build 7 failed**");
is("nothing has to be said", cardOf(last("flows", "plain")).body[0].items[0].text, "ℹ️ on ci.card");
is("they are finished", done.map((x) => x.status), ["finished", "finished", "finished"]);
const byName = (list, i) => list.find((x) => x.integration === i.id);
is("a flow has accepted it", byName(done, plain).attempt_records[0].outcome, "accepted");
has("and no more is known", reason(byName(done, plain)), "only seen in its run history");
is("a connector has delivered it", byName(done, old).attempt_records[0].outcome, "delivered");
has("the URL is shown as a name", JSON.stringify(byName(done, named)), "${FLOW}");


/* --- one's own payload --------------------------------------------------------------------------- */

/* What W&B's documentation shows for Teams, in our words. */
const messageCard = {
    "@type": "MessageCard", "@context": "http://schema.org/extensions", themeColor: "2EB886",
    summary: "A version moved on", title: "Registry", sections: [{
        activityTitle: "A version was promoted", text: "It is **${alias}** now.",
        facts: [{ name: "Who", value: "${event_author}" }, { name: "What", value: "${event_type}" }],
        markdown: true,
    }],
    potentialAction: [{ "@type": "OpenUri", name: "Look", targets: [{ os: "default",
                        uri: "https://registry.example/${alias}" }] },
                      { "@type": "ActionCard", name: "Comment" }],
};
const adaptive = {
    type: "AdaptiveCard", version: "1.5", body: [
        { type: "TextBlock", text: "by ${event_author}" },
        { type: "FactSet", facts: "${json:data.facts}" },
        { type: "Image", url: "${data.picture}" }],
    actions: [{ type: "Action.OpenUrl", title: "Look", url: "${data.link}" },
              { type: "Action.OpenUrl", title: "Hub", url: "${automation_url}" }],
};
const answer = await automate("ci.payload", [
    [plain, { payload: messageCard }], [old, { payload: messageCard }],
    [named, { payload: adaptive }],
]);
has("what a flow cannot show is warned of", answer.text, 'ActionCard \\"Comment\\"');
has("so is what an event may write", answer.text, "writes what ${json:…} puts into the card");
await fire("ci.payload", { author: "ana", alias: "pro duction",
    data: { facts: [{ title: "[a](http://evil)", value: "b" }], link: "javascript:1" } }, 3);
card = cardOf(last("flows", "plain"));
is("a MessageCard is converted", [card.body[0].style, card.body[0].items[0].text,
    card.body[1].items.map((i) => i.type)], ["good", "Registry", ["TextBlock", "TextBlock", "FactSet"]]);
is("with its button", card.actions[0].url, "https://registry.example/pro%20duction");
is("for a connector it stays", last("connectors", "plain")["@type"], "MessageCard");
card = cardOf(last("flows", "named"));
is("a list of the event's is taken over", card.body[1].facts.map((f) => marks(f.title)), [[]]);
is("what has no address is left out", [card.body.length, card.actions.length], [2, 1]);
for (const [claim, payload, words] of [
    ["that is no card", { blocks: [] }, "the payload is none that Teams shows"],
    ["without a version", { type: "AdaptiveCard", body: [] }, "needs a version"],
    ["that is too long", { type: "AdaptiveCard", version: "1.4",
        body: [{ type: "TextBlock", text: "x".repeat(27000) }] }, "and Teams takes 26,624"]]) {
    const no = await automate("ci.refused", [[plain, { payload }]]);

    is(`a payload ${claim} is refused`, [no.status, no.body.error?.field],
       [400, "actions[0].config.payload"]);
    has("with words", no.text, words);
}
has("one that may become too long is warned of", (await automate("ci.long",
    [[plain, { payload: { type: "AdaptiveCard", version: "1.4", body: [
        { type: "TextBlock", text: "${message} ${data.text} ${data}" }] } }]])).text,
    "with long values the message may have more than");
has("and a secret that people would read", (await automate("ci.secret",
    [[plain, { text: "${LONG_ONE}" }]], {})).text, "LONG_ONE");


/* --- size -------------------------------------------------------------------------------------- */

await automate("ci.size", [
    [plain, { text: "${data.x}\n\n${data.x}", title: "${data.x}" }], [old, { text: "${data.x}" }],
    [named, { payload: { type: "AdaptiveCard", version: "1.4",
                         body: [{ type: "TextBlock", text: "${data.x}" }] } }],
    [old, { payload: { "@type": "MessageCard", "@context": "x", summary: "s", text: "${data.x}" } }],
]);
for (const letter of ["a", "*", "🐸", '"', "\\", "אב ", "\n", "&lt;", "<at>"]) {
    const before = received.length, bytes = Buffer.byteLength(JSON.stringify(letter)) - 2;
    const x = letter.repeat(1_000_000 / bytes), blank = letter === "\n";

    done = await fire("ci.size", { data: { x } }, 4);
    is(`a megabyte of ${JSON.stringify(letter)} is cut, or refused`,
       done.map((x) => x.status).sort().join(), blank ? "finished,finished,finished,finished"
                                                      : "failed,failed,finished,finished");
    is("what is refused does not leave", received.length - before, blank ? 4 : 2);
    if (blank)
        continue;
    has("what was cut says so", cardOf(last("flows", "plain")).body[1].text, " more characters)");
    for (const x of done.filter((x) => x.status === "failed"))
        has("a refusal has the size and the limit", reason(x), "bytes, and Teams takes 26,624");
}


/* --- values ------------------------------------------------------------------------------------- */

const hostile = [
    'say "hi" & \'bye\'', "a\nb\r\nc\u2028d", "\u202eevil\u2066 rtl", "שלום עולם", "🐸👩‍🔬🇺🇳", "<at>Ann</at>",
    "<at id=0>Ann</at> @Ann", "[x](http://evil.example)", "![x](http://evil.example/i.png)",
    "<http://evil.example>", "<a href='http://evil.example'>x</a>", "<img src=x onerror=alert(1)>",
    "# head\n## head", "- a\n* b\n+ c\n1. d\n2) e", "> quote", "```\ncode\n```", "~~~\ncode\n~~~", "    code",
    "head\n===\nhead\n---\n***\n___", "| a | b |\n|---|---|\n| c | d |", "*a* **b** _c_ __d__ ~~e~~ `f`",
    "&lt;at&gt;Ann&lt;/at&gt; &#91;x&#93;(http://evil.example) &amp;", "[x]: http://evil.example\n\n[x]\n\n[x][]",
    "](http://evil.example)", "(http://evil.example)", "x](http://evil.example) [y", "\\", "\\[x\\](http://e.example)",
    "\\\\[x](http://e.example)\\", "a\u0007b\u001bc\u009bd", "${run_name} $${x} $FLOW", "{{DATE(2020-01-01T00:00:00Z)}}",
    "javascript:alert(1)", "http://evil.example/?a=(b)&c=[d]", "_", "*", "`", "~", "<", "]", "-", "#", "1.", ":",
    "train_loss/val_acc v1.2-rc.3 (b) 100% a+b=c; d|e", "{\"type\":\"Action.OpenUrl\"}", "</script>",
];
const each = "${data.x}|${run_name}|${event_author}|${alias}|${tag}|${artifact_metadata.k}|${message}";
const everywhere = { title: "${data.x}", text: `\${data.x}\n${each}\n- \${data.x}\n[a]\${data.x}` };
await automate("ci.hostile", [
    [plain, everywhere], [old, everywhere],
    [named, { payload: { type: "AdaptiveCard", version: "1.4", body: [
        { type: "TextBlock", text: "${data.x}" }, { type: "TextBlock", text: each },
        { type: "RichTextBlock", inlines: [{ type: "TextRun", text: "${data.x}" }] },
        { type: "FactSet", facts: [{ title: "${data.x}", value: "${run_name}" }] },
        { type: "Image", url: "https://i.example/${data.x}", altText: "${data.x}" },
        { type: "Image", url: "${data.x}" }],
        actions: [{ type: "Action.OpenUrl", title: "${data.x}", url: "${data.x}" },
                  { type: "Action.OpenUrl", title: "a", url: "https://a.example/?q=${data.x}" }] } }],
    [named, { payload: { "@type": "MessageCard", "@context": "x", title: "${data.x}", summary: "s",
        text: each, sections: [{ activityTitle: "${data.x}", activitySubtitle: "${run_name}",
            text: "${data.x}", facts: [{ name: "${data.x}", value: "${data.x}" }],
            images: [{ image: "${data.x}", title: "${data.x}" }] },
            { markdown: false, text: "${data.x}" }],
        potentialAction: [{ "@type": "OpenUri", name: "${data.x}", targets: [{ os: "default",
            uri: "${data.x}" }] }] } }],
]);
for (const v of hostile) {
    const before = received.length, link = /^https?:\/\/\S+$/.test(v);

    done = await fire("ci.hostile", { author: v, alias: v, tag: v, run: { id: "r1", name: v, user: v },
        alert: { title: v, text: v, level: "INFO" }, data: { x: v },
        artifact: { id: "a", version: "v1", type: "model", metadata: { k: v } } }, 4);
    is(`${JSON.stringify(v)} is delivered`, done.filter((x) => x.status !== "finished")
        .map((x) => `${x.status}: ${reason(x)}`), []);
    for (const r of received.slice(before)) {
        /* The list and the brackets of `everywhere` are its author's. */
        const all = texts(r.message).map((t) => t.replace(/^- /m, "").replace(/\n\n\[a\]/, "\n\n"));

        is(`${JSON.stringify(v)} is text`, all.flatMap(marks), []);
        claim(`${JSON.stringify(v)} is seen as it is`, all.some((t) =>
            seen(decode(render(t))).includes(seen(v))), all);
        claim(`${JSON.stringify(v)} is a link only where its author has one`, link ||
              !JSON.stringify(r.message).match(/"(url|uri)":"(?!https:\/\/[ia]\.example|http:\/\/127)/),
              r.message);
    }
    const card = cardOf(received.slice(before).find((r) => r.message.attachments?.[0].content.body[2]
        ?.inlines)?.message);
    is("a run of text has it unescaped", seen(card?.body[2].inlines[0].text ?? ""), seen(v));
    claim("two readers agree that [a] is no link", received.slice(before).every((r) =>
        texts(r.message).every((t) => !/\[a\]\(/.test(t))), v);
}


/* --- a backlog ---------------------------------------------------------------------------------- */

const slow = (await api("POST", "/api/v1/teams/acme/integrations", { sink: "teams", name: "slow",
    config: { url: `${service}/flows/slow?sig=s1gnature`, kind: "workflows" },
    delivery: { pace: "2/s", merge_over: 5 } })).body;
await automate("ci.many", [[slow, { title: "Builds", text: "build ${data.n} of [x](${run_name})" }]]);
await api("POST", "/api/v1/events", Array.from({ length: 200 }, (_, n) => ({ type: "ci.many",
    entity: "acme", project: "vision", run: { id: `r${n}`, name: `run_${n}_` }, data: { n } })));
let told = [];
for (const until = Date.now() + 20000; Date.now() < until && told.length < 200;) {
    await new Promise((later) => setTimeout(later, 100));
    told = (await api("GET", `/api/v1/executions?integration=${slow.id}&status=finished&limit=1000`))
        .body.items ?? [];
}
const many = received.filter((r) => r.name === "slow").map((r) => cardOf(r.message).body[1].text);
is("every firing of a backlog is told of", told.length, 200);
claim("in few messages", many.length >= 1 && many.length < 10, many.length);
has("that say how many they are", many.join(), " firings**");
is("and list them", new Set(many.join("\n").match(/build \d+ of/g)).size +
    Number(many.join().match(/… and (\d+) more/)?.[1] ?? 0), 200);


/* --- what the services say --------------------------------------------------------------------- */

const lies = [
    [await aFlow("gone"), "failed", "there is no such flow (any more)"],
    [await aFlow("off"), "failed", "turned off, or was deleted"],
    [await aFlow("busy"), "pending", "HTTP 429"],
    [await aFlow("answers"), "finished", "the flow answered HTTP 200"],
    [await aFlow("deleted"), "failed", "HTTP 410: there is no such flow"],
    [await integration("wrong sig", { url: `${service}/flows/x?sig=other`, kind: "workflows" }), "failed",
     "the signature in the URL (sig=…) is not the flow's"],
    [await aConnector("busy"), "pending", "Teams takes no more for now (429)"],
    [await aConnector("small"), "failed", "too large (413)"],
    [await aConnector("gone"), "failed", "HTTP 404: there is no such connector"],
];
await automate("ci.lies", lies.map(([i]) => [i, { text: "a" }]));
done = await fire("ci.lies", {}, lies.length);
for (const [i, status, words] of lies) {
    const x = byName(done, i);

    is(`${i.name} is ${status}`, x?.status, status);
    has("with words", reason(x), words);
}
await new Promise((later) => setTimeout(later, 50));
is("a flow that is gone for good is disabled", (await api("GET",
    `/api/v1/integrations/${lies[4][0].id}`)).body.disabled !== null, true);


/* --- as code, and help ---------------------------------------------------------------------------- */

const env = { ...process.env, BELFRY_URL: url, BELFRY_API_KEY: key, XDG_CONFIG_HOME: process.env.DIR };
const file = `${process.env.DIR}/acme.lua`;
writeFileSync(file, `
integration "channel" { team = "acme", sink = "teams", url = secret "FLOW", kind = "workflows" }
automation "a run failed" {
    run_state(project "acme/vision", "FAILED")
        >> teams "channel" { title = "\${run_name} failed", text = "see **the log**", level = "ERROR" },
}
`);
await run(process.env.BELFRY, ["apply", file, "--yes"], { env });
done = await fire("run.state", { run: { id: "r9", name: "late-owl-9", state: "FAILED" } }, 1);
card = cardOf(last("flows", "named"));
is("automations as code know the sink", [card.body[0].items[0].text, card.body[1].text,
    card.body[2].facts.map((f) => f.value)], ["🚨 late-owl-9 failed", "see **the log**",
    ["run is FAILED", "a run failed", "acme/vision", "late-owl-9 (FAILED)"]]);
has("its options are explained", (await run(process.env.BELFRY, ["help", "teams"], { env })).stdout,
    "Workflows in Teams");


/* --- of all that was sent ------------------------------------------------------------------------- */

is("every message is one that Teams shows", received.filter((r) => r.fault)
    .map((r) => [r.fault, r.body.slice(0, 500)]).slice(0, 3), []);
is("none has more than 26 KiB", received.filter((r) => Buffer.byteLength(r.body) > LIMIT).length, 0);
const shown = [await api("GET", "/api/v1/executions?limit=1000"), await api("GET",
    "/api/v1/events?limit=1000"), await api("GET", "/api/v1/teams/acme/integrations")];
is("no URL is shown", shown.filter((a) => a.text.includes("s1gnature")).length, 0);

server.close();
server.closeAllConnections();
finish();
