/* values.mjs URL KEY - what a run may be called, sent through all four sinks; run by values.sh.
 *
 * Each value stands in every member of an event that a variable can show, and goes through an
 * automation with an action for each way in which a sink makes a message.  What would be sent is asked
 * for first, then it is sent; either is read as the service would, and whatever in it is more than text
 * must be its author's. */
import { createServer } from "node:http";
import { claim, finish, is } from "../tools/claims.mjs";
import { marks, objects, render, slackMarks, slackTexts, texts } from "../tools/messages.mjs";

const [url, key] = process.argv.slice(2);
const received = [];
const server = createServer((req, res) => {
    const parts = [];

    req.on("data", (part) => parts.push(part));
    req.on("end", () => {
        const [, service] = req.url.split("/");

        received.push({ url: req.url, headers: req.headers, text: Buffer.concat(parts).toString() });
        res.statusCode = { github: 204, flow: 202 }[service] ?? 200;
        res.end({ slack: "ok", connector: "1" }[service] ?? "");
    });
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const service = `http://127.0.0.1:${server.address().port}`;

async function api(method, path, body) {
    const answer = await fetch(url + path, {
        method, headers: { authorization: `Bearer ${key}` },
        body: body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    });
    const text = await answer.text();

    return { status: answer.status, body: text ? JSON.parse(text) : {}, text };
}


/* --- an automation that says everything ---------------------------------------------------- */

const each = "${data.x}|${run_name}|${event_author}|${alias}|${tag}|${artifact_metadata.k}|${message}|" +
    "${alert_name}|${data.config.lr}|${data}|${automation_name}";
const own = "https://wiki.example/";
const card = {
    type: "AdaptiveCard", version: "1.4", body: [
        { type: "TextBlock", text: each }, { type: "FactSet", facts: [{ title: "${run_name}", value: "${data.x}" }] }],
    actions: [{ type: "Action.OpenUrl", title: "${data.x}", url: `${own}\${data.x}` },
              { type: "Action.OpenUrl", title: "a", url: "${data.x}" }],
};
const messageCard = {
    "@type": "MessageCard", "@context": "x", summary: "s", title: "${data.x}", text: each,
    sections: [{ activityTitle: "${run_name}", facts: [{ name: "${data.x}", value: "${alias}" }] }],
};
const blocks = [
    { type: "header", text: { type: "plain_text", text: "${data.x}" } },
    { type: "section", text: { type: "mrkdwn", text: `<${own}\${alias}|log> ${each}` },
      accessory: { type: "button", text: { type: "plain_text", text: "${run_name}" }, url: `${own}\${data.x}` } },
    { type: "section", fields: [{ type: "mrkdwn", text: "${json:data.x}" }] },
];

const integration = async (sink, name, config) => (await api("POST", "/api/v1/teams/acme/integrations",
    { sink, name, config, delivery: { pace: "1000/s", merge_over: 0 } })).body.id;
await api("PUT", "/api/v1/teams/acme", {});
const slack = await integration("slack", "slack", { webhook_url: { value: `${service}/slack/x` } });
const flow = await integration("teams", "flow", { url: { value: `${service}/flow/x` }, kind: "workflows" });
const old = await integration("teams", "old", { url: { value: `${service}/connector/x` }, kind: "connector" });
await api("PUT", "/api/v1/teams/acme/secrets/TOKEN", { value: "ghp_0123456789" });
const github = await integration("github", "github",
    { repo: "acme/models", token: "TOKEN", api_base: `${service}/github/api/v3` });
const hook = await integration("webhook", "hook", { url: `${service}/hook/in-\${run_name}/\${alias}?a=\${data.x}&b=1`,
    headers: { "X-Run": "${run_name}", "X-All": "<${data.x}>" } });
const actions = [
    [slack, {}], [slack, { title: each, text: each, level: "ERROR" }], [slack, { text: "${data.x}", blocks }],
    [flow, {}], [flow, { title: each, text: `[log](${own}\${alias}) ${each}` }], [flow, { payload: card }],
    [flow, { payload: messageCard }], [old, { title: each, text: each }], [old, { payload: messageCard }],
    [github, { event_type: "x-${alias}", client_payload: { x: "${data.x}", typed: "${json:data}" } }],
    [hook, { payload: { x: "${data.x}", all: each, typed: "${json:data}" } }],
];
const automation = await api("POST", "/api/v1/automations", {
    name: "says everything", scope: { entity: "acme" }, event: { type: "ci.values" },
    actions: actions.map(([i, config]) => ({ integration: i, config })),
});
claim("it is saved", automation.status === 201, automation);


/* --- what is read ------------------------------------------------------------------------------ */

const hidden = /[\u202a-\u202e\u2066-\u2069]/;
const isOwn = (mark) => mark.startsWith(`<${own}`) || mark.startsWith(`<${url}/`) || mark === `<a href="${own}`;
/* Of an author's Markdown link, up to its own part. */
const short = (mark) => mark.startsWith(`<a href="${own}`) ? `<a href="${own}` : mark;

function readSlack(v, m) {
    for (const [text, verbatim] of slackTexts(m)) {
        is(`${v} is no link or mention in Slack`, slackMarks(text, verbatim).filter((x) => !isOwn(x)), []);
        claim(`${v} turns nothing around`, !hidden.test(text), text);
        claim(`${v} is not too long`, text.length <= 3000, text.length);
    }
    for (const [, o] of objects(m)) {
        if (o.type === "header")
            claim(`${v} fits a header`, o.text.text.length >= 1 && o.text.text.length <= 150, o);
        if (o.type === "button")
            claim(`${v} is a part of a button's address`, o.url.startsWith(own) &&
                  new URL(o.url).origin === new URL(own).origin && /^[\x21-\x7e]+$/.test(o.url), o.url);
    }
}

function readTeams(v, m, bytes) {
    /* On a phone the author's link is one as well. */
    const all = texts(m).map((t) => t.replace(/\[log\]\((https:\/\/wiki\.example\/[\w%.~-]*)\)/, "<$1>"));

    is(`${v} is no link, mention or HTML in Teams`,
       all.flatMap((t) => marks(t)).map(short).filter((x) => !isOwn(x)), []);
    claim(`${v} turns nothing around`, !all.some((t) => hidden.test(t)), all);
    claim(`${v} fits Teams`, bytes <= 26624, bytes);
    claim(`${v} mentions nobody`, ![...objects(m)].some(([, o]) => "entities" in o), m);
    for (const [, o] of objects(m))
        if (o.type === "Action.OpenUrl")
            claim(`${v} is an address only as all of one`, /^https?:\/\/[\x21-\x7e]+$/.test(o.url) &&
                  (o.title !== "a" || /^https?:\/\//i.test(v)), o);
}

/* What the webhook and GitHub get is the value itself. */
function readExact(v, m, event) {
    is(`${v} arrives as it is`, m.x, event.data.x);
    is("and so does all of the data", m.typed, event.data);
}

/* One message of each action, in their order, or what there is instead. */
function readAll(v, event, messages) {
    for (const [i, [to]] of actions.entries()) {
        const { text, error } = messages[i] ?? {};
        let m;

        if (error) {
            claim(`${v} is refused with a size, or as leading elsewhere`, /\d|elsewhere/.test(error), error);
            continue;
        }
        try {
            m = JSON.parse(text);
        } catch (e) {
            claim(`${v} leaves it JSON`, false, [i, String(e), text]);
            continue;
        }
        if (to === slack)
            readSlack(v, m);
        else if (to === flow || to === old)
            readTeams(v, m, Buffer.byteLength(text));
        else
            readExact(v, to === github ? m.client_payload : m, event);
    }
}


/* --- the values ---------------------------------------------------------------------------------- */

const values = [
    'say "hi" & \'bye\' \\', "a\nb\r\nc\u2028d\u0085e", "<!channel> <@U1> <#C1|x> <!date^1^{date}|x>",
    "<http://evil.example|bank> <mailto:a@b.example|x>", "@here @channel @everyone", "http://evil.example/?a=b&c=d#e",
    "[x](http://evil.example) ![i](http://evil.example/i.png)", "<at>Ann</at> <at id='0'>Ann</at>", "](http://e.example)",
    "\\\u202e[x](http://evil.example) &l\u202et;at&gt;", "\u202eevil\u2066\u202c rtl", "\u200b\u200d\ufeff\u2060",
    "שלום مرحبا 日本語", "👩‍🔬🇺🇳👍🏽\u{10ffff}", "a\u0001\u0007\u001b[31mb\u007f\u009bc", "\ufffd\ufffe", "${run_name} $${x} ${TOKEN} $TOKEN",
    '{"type":"mrkdwn","text":"<!here>"}', '","text":"<!here>"}]}', "\\u0000 \\n %s%n %00 %0d%0a", "..", ".", "../../x", "%2e%2e",
    "# head\n- a\n1. b\n> c\n```\nd\n```\n| e |\n|---|", "[x]: http://evil.example\n\n[x]\n\n[x][]", "<img src=x onerror=alert(1)>",
    "javascript:alert(1)", "*b* _i_ ~s~ `c` **d** __e__", "﹤!channel﹥ ＜@U1＞", "train_loss/val_acc v1.2-rc.3", "{{DATE(2020-01-01T00:00:00Z)}}",
];
const eventOf = (v) => ({
    type: "ci.values", entity: "acme", author: v, alias: v, tag: v, run: { id: "r1", name: v, user: v },
    alert: { title: v, text: v, level: "INFO" }, artifact: { id: "a", version: "v1", type: "model", metadata: { k: v } },
    data: { x: v, config: { lr: v } },
});

/* What would be sent. */
for (const v of values) {
    const answer = await api("POST", "/api/v1/automations/test", { automation: automation.body.id, event: eventOf(v) });

    is(`${JSON.stringify(v)} can be tried`, [answer.status, answer.body.payloads?.length], [200, actions.length]);
    readAll(v, eventOf(v), (answer.body.payloads ?? []).map((p) => ({ text: p.request?.payload, error: p.reason })));
}

/* What is sent: of each event, in the order of the actions. */
async function send(v, event) {
    const answer = await api("POST", "/api/v1/events", event), id = answer.body.events?.[0].id, until = Date.now() + 20000;
    let list = [];

    claim(`${JSON.stringify(v.slice(0, 40))} is taken`, answer.status === 202, answer.text);
    do {
        list = (await api("GET", `/api/v1/executions?event=${id}&limit=100`)).body.items ?? [];
        list = list.filter((x) => ["finished", "failed"].includes(x.status));
        await new Promise((later) => setTimeout(later, 20));
    } while (list.length < actions.length && Date.now() < until);
    return Promise.all(list.map(async (x) => (await api("GET", `/api/v1/executions/${x.id}`)).body));
}

function readWire(v, event, from) {
    for (const { url: at, headers, text } of received.slice(from)) {
        const m = JSON.parse(text), [, where] = at.split("/");

        if (where === "slack")
            readSlack(v, m);
        else if (where === "flow" || where === "connector")
            readTeams(v, m, Buffer.byteLength(text));
        else
            readExact(v, where === "github" ? m.client_payload : m, event);
        if (where === "hook") {
            const to = new URL(at, service);

            is(`${v} is a part of the address`, [decodeURIComponent(to.pathname), to.searchParams.get("a"),
                to.searchParams.get("b"), to.hash], [`/hook/in-${v}/${v}`, v, "1", ""]);
            is("and one line of a header", Buffer.from(headers["x-run"], "latin1").toString().trim(),
               v.replace(/[\x00-\x1f\x7f]/g, " ").trim());
        }
    }
}
for (const v of values.filter((_, i) => i % 3 === 0)) {
    const from = received.length, done = await send(v, eventOf(v));
    const refused = done.filter((x) => x.status === "failed").map((x) => x.attempt_records.at(-1).reason);

    is(`${JSON.stringify(v)} is sent, or leads elsewhere`, [received.length - from, refused],
       /^\.\.?$/.test(v) ? [actions.length - 1, ["a variable in the URL is . or .., by which it would lead elsewhere"]]
                  : [actions.length, []]);
    readWire(v, eventOf(v), from);
}


/* --- a megabyte, and what is no text --------------------------------------------------------- */

const large = eventOf("large");
large.data.x = "<!channel>".repeat(100_000);
let from = received.length;
const reasons = (await send("a megabyte", large)).filter((x) => x.status === "failed")
    .map((x) => x.attempt_records.at(-1).reason);
claim("a megabyte is cut, or refused with its size", reasons.length && reasons.length < actions.length &&
      reasons.every((r) => /[\d,]{6,}/.test(r)), reasons);
is("what is refused does not leave", received.length - from, actions.length - reasons.length);
for (const { url: at, text } of received.slice(from).filter((r) => !r.url.startsWith("/hook")))
    at.startsWith("/slack") ? readSlack("a megabyte", JSON.parse(text)) : readTeams("a megabyte", JSON.parse(text), text.length);
claim("what was cut says so", received.slice(from).some((r) => /… \([\d,]+ more characters\)/.test(r.text)), "");

from = received.length;
for (const bad of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]]) {
    const [head, tail] = JSON.stringify(eventOf("@@")).split(/@@(?=.*$)/s);
    const answer = await api("POST", "/api/v1/events", Buffer.concat([Buffer.from(head), Buffer.from(bad), Buffer.from(tail)]));

    is(`what is no UTF-8 is refused at the door: ${bad}`, [answer.status, answer.body.error?.code], [400, "invalid"]);
}
is("and nothing came of it", received.length, from);
claim("this reader knows links and mentions", slackMarks("<!here> <http://x|y>").length === 2 &&
      slackMarks("see http://x @here", false).length === 2 && marks("[a](http://x)").length === 2 &&
      marks("<at>a</at>").length > 0 && render("a") === "<p>a</p>\n", "");
server.close();
server.closeAllConnections();
finish();
