/* slack.mjs serve DIR | tries URL KEY | types DIR - the Slacks that slack.sh posts to.
 *
 * serve starts two, and says where in DIR/emulate and on its output.  One is the npm package emulate,
 * which stores what it is sent.  The other is as strict as Slack is where emulate is lax: it refuses
 * what is over a limit that Slack documents, and lists what a message would make of its texts, whom it
 * pings and where it leads.  It shows what was posted at /posted, answers what it is told at /answer,
 * and writes every message into DIR/messages.
 *
 * tries has the hub test an integration for each line of {name, to, body}, and says how it went.
 *
 * types has the TypeScript compiler look at those messages, by the types that Slack publishes. */
import { createServer } from "node:http";
import { spawnSync } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { load } from "../tools/npm.mjs";

const [what, dir, key] = process.argv.slice(2);
const TOKEN = "xoxb-right";

// --- what Slack refuses, and what it would do ----------------------------------------------------

/* JavaScript counts UTF-16 units, the most that Slack may count. */
function check(wrong, where, text, max) {
    if (typeof text !== "string" || text.length === 0)
        wrong.push(`${where}: must be more than 0 characters`);
    else if (text.length > max)
        wrong.push(`${where}: must be less than ${max + 1} characters, not ${text.length}`);
}

const ROOMS = { header: 150, button: 75 };

function lookAtText(object, where, max, seen) {
    const known = ["type", "text", "emoji", "verbatim"];

    check(seen.wrong, where, object.text, max);
    seen.characters += object.text?.length ?? 0;
    for (const name of Object.keys(object))
        if (!known.includes(name))
            seen.wrong.push(`${where}: no such member ${name}`);
    if (object.type !== "mrkdwn")
        return;
    for (const [, inside] of object.text.matchAll(/<([^>]*)>/g))
        (/^[!@#]/.test(inside) ? seen.pings : seen.links).push(inside);
    if (object.verbatim !== true) {
        for (const [bare] of object.text.matchAll(/@(here|channel|everyone)|https?:\/\/[^\s|>]+/g))
            seen.links.push(`bare ${bare}`);
    }
}

function look(node, where, within, seen) {
    if (Array.isArray(node)) {
        node.forEach((child, i) => look(child, `${where}/${i}`, within, seen));
    } else if (node && typeof node === "object") {
        if (node.type === "mrkdwn" || node.type === "plain_text") {
            lookAtText(node, where, where.includes("/fields/") ? 2000 : ROOMS[within] ?? 3000, seen);
            return;
        }
        if (node.type === "section" && node.fields?.length > 10)
            seen.wrong.push(`${where}: more than 10 fields`);
        if (node.type === "context" && !(node.elements?.length >= 1 && node.elements.length <= 10))
            seen.wrong.push(`${where}: 1 to 10 elements`);
        for (const name of ["url", "image_url"])
            if (node[name] !== undefined && !/^https?:\/\/.{0,2990}$/.test(node[name]))
                seen.wrong.push(`${where}/${name}: must be an address`);
        for (const [name, child] of Object.entries(node))
            look(child, `${where}/${name}`, node.type ?? within, seen);
    }
}

function lookAtMessage(message) {
    const seen = { wrong: [], pings: [], links: [], characters: 0 };
    const lists = [message.blocks ?? [], ...(message.attachments ?? []).map((a) => a.blocks ?? [])];

    if (typeof message.text !== "string" || message.text.length > 40000)
        seen.wrong.push("text: 1 to 40000 characters");
    for (const [, inside] of (message.text ?? "").matchAll(/<([^>]*)>/g))
        (/^[!@#]/.test(inside) ? seen.pings : seen.links).push(`text: ${inside}`);
    for (const blocks of lists) {
        if (blocks.length > 50)
            seen.wrong.push("more than 50 blocks");
        for (const block of blocks)
            if (!["header", "section", "context", "divider", "image", "actions", "rich_text"]
                .includes(block.type))
                seen.wrong.push(`unsupported block: ${block.type}`);
        look(blocks, "/blocks", "", seen);
    }
    if (seen.characters > 13000)
        seen.wrong.push(`msg_blocks_too_long: ${seen.characters}`);
    return seen;
}

// --- serve ---------------------------------------------------------------------------------------

const posted = [], answers = [];

function refusal(seen) {
    return seen.wrong.some((w) => w.startsWith("msg_")) ? "msg_blocks_too_long" : "invalid_blocks";
}

/* By webhook: a status and a word. */
function webhook(entry) {
    if (!entry.message)
        return [400, "invalid_payload"];
    return entry.seen.wrong.length ? [400, refusal(entry.seen)] : [200, "ok"];
}

/* By the Web API: always 200. */
function api(entry, request) {
    const no = (error, more) => [200, JSON.stringify({ ok: false, error, ...more })];

    if (request.headers.authorization !== `Bearer ${TOKEN}`)
        return no("invalid_auth");
    if (!/^application\/json/.test(request.headers["content-type"]) || !entry.message)
        return no("invalid_json");
    if (!["C0123456789", "#ml-alerts"].includes(entry.message.channel))
        return no("channel_not_found");
    if (entry.seen.wrong.length)
        return no(refusal(entry.seen), { response_metadata: { messages: entry.seen.wrong } });
    return [200, JSON.stringify({ ok: true, ts: `${posted.length}.0`, channel: entry.message.channel })];
}

function post(request, body) {
    const entry = { at: Date.now(), path: request.url, body };

    try {
        entry.message = JSON.parse(body);
        entry.seen = lookAtMessage(entry.message);
        appendFileSync(join(dir, "messages"), `${JSON.stringify(entry.message)}\n`);
    } catch (e) {
        entry.broken = String(e);
    }
    posted.push(entry);
    const told = answers.shift();
    if (told)
        return [told.status, told.body ?? "", told.headers ?? {}];
    return [...(request.url.startsWith("/api/") ? api(entry, request) : webhook(entry)), {}];
}

async function serve() {
    const { createEmulator } = await load("emulate");
    const emulator = await createEmulator({ service: "slack", port: 0, seed: {
        tokens: { "xoxb-emulated": { login: "ada", scopes: ["chat:write"] } },
        slack: { users: [{ name: "ada" }], channels: [{ name: "general" }, { name: "ml-alerts" }] } } });

    writeFileSync(join(dir, "emulate"), `http://127.0.0.1:${new URL(emulator.url).port}`);
    const server = createServer((request, response) => {
        let body = "";
        request.on("data", (chunk) => { body += chunk; });
        request.on("end", () => {
            if (request.url === "/posted") {
                response.end(JSON.stringify(posted));
                return;
            }
            if (request.url === "/answer") {
                answers.push(...JSON.parse(body));
                response.end();
                return;
            }
            const [status, text, headers] = post(request, body);
            response.writeHead(status, headers);
            response.end(text);
        });
    });
    server.listen(0, "127.0.0.1", () => {
        console.log(`slack on 127.0.0.1:${server.address().port}`);
    });
}

// --- tries ---------------------------------------------------------------------------------------

async function tries() {
    for (const line of readFileSync(0, "utf8").trim().split("\n")) {
        const { name, to, body } = JSON.parse(line);
        const answer = await fetch(`${dir}/api/v1/integrations/${to}/test`, {
            method: "POST", body: JSON.stringify(body), headers: { authorization: `Bearer ${key}` } });
        const said = await answer.json();

        console.log(`${name} ${said.outcome} ${said.reason ?? said.error?.message ?? ""}`);
    }
}

// --- types ---------------------------------------------------------------------------------------

function types() {
    const shapes = new Map();
    for (const line of readFileSync(join(dir, "messages"), "utf8").trim().split("\n")) {
        const message = JSON.parse(line);
        const shape = JSON.stringify(message, (key, value) =>
            typeof value === "string" && key !== "type" ? "" : value);
        if (lookAtMessage(message).wrong.length === 0)
            shapes.set(shape, message);
    }
    const file = join(dir, "messages.ts");
    const own = JSON.stringify(resolve(process.env.NODE_PATH, "@slack/types"));
    writeFileSync(file, `import type { KnownBlock, MessageAttachment } from ${own};
type Attachment = Omit<MessageAttachment, "blocks"> & { blocks?: KnownBlock[] };
interface Message {
    text: string; blocks: KnownBlock[]; attachments?: Attachment[]; channel?: string;
    parse?: "none"; link_names?: boolean; unfurl_links: boolean; unfurl_media: boolean;
}
export const messages: Message[] = [\n${[...shapes.values()].map((m) => JSON.stringify(m)).join(",\n")}\n];
`);
    const tsc = resolve(process.env.NODE_PATH, "typescript/bin/tsc");
    const run = spawnSync(process.execPath, [tsc, "--noEmit", "--strict", "--skipLibCheck", "--module",
        "node16", "--target", "es2022", "--lib", "es2022", file], { encoding: "utf8" });
    if (run.status !== 0)
        console.log(`FAILED: Slack's types take our messages:\n${run.stdout.slice(0, 3000)}`);
    console.log(`${run.status === 0 ? shapes.size : 0} passed, ${run.status === 0 ? 0 : 1} failed`);
}

if (what === "serve")
    await serve();
else if (what === "tries")
    await tries();
else
    types();
