// openapi.mjs URL ADMIN_KEY - hold the hub's description of itself against the hub.
//
// The document must be a valid OpenAPI 3.1 document; every example in it must fit its schema; and
// every example request is sent, in the order of `walk`, and must be answered with the status and
// the form that stand beside it.  An operation or example that has no place in the walk is a
// failure, so none can be added without being tried.
//
// Ids and keys in the examples are made up.  Where an example answer holds one and the hub's answer
// holds another at the same place, later requests use the hub's.
import {createRequire} from "node:module";
import {readFileSync} from "node:fs";
import {claim, finish} from "../tools/claims.mjs";
import {Described, isJson} from "../tools/described.mjs";
import {load} from "../tools/npm.mjs";

const require = createRequire(process.env.NODE_PATH + "/");
const {Validator} = await load("@seriousme/openapi-schema-validator");
const Ajv = require("ajv/dist/2020").default;
const formats = require("ajv-formats").default;

const [url, key, walkFile] = process.argv.slice(2);

// --- the document ---------------------------------------------------------------------

const described = await Described.of(url);
const {doc, operations} = described;
const verdict = await new Validator().validate(structuredClone(doc));
claim("it is a valid OpenAPI document", verdict.valid, JSON.stringify(verdict.errors));
claim("of version 3.1", /^3\.1\./.test(doc.openapi), doc.openapi);

const ajv = new Ajv({strict: false, allErrors: true});
formats(ajv);
ajv.addSchema({$id: "doc", ...doc});

const pointer = s => s.replace(/~/g, "~0").replace(/\//g, "~1");

function schemaCheck(at) {
    return ajv.getSchema("doc#" + at) ?? ajv.compile({$ref: "doc#" + encodeURI(at)});
}

function fits(words, at, value) {
    const check = schemaCheck(at);
    return claim(words, check(value), ajv.errorsText(check.errors), JSON.stringify(value));
}

for (const [id, {path, method, op}] of operations) {
    const base = `/paths/${pointer(path)}/${method}`;
    for (const [type, media] of Object.entries(op.requestBody?.content ?? {}))
        for (const [name, value] of described.examples(media))
            if (media.schema && isJson(type))
                fits(`${id}: the example request ${name} fits`,
                    `${base}/requestBody/content/${pointer(type)}/schema`, value);
    for (const [status, response] of Object.entries(op.responses))
        for (const [type, media] of Object.entries(response.content ?? {}))
            for (const [name, value] of described.examples(media))
                if (media.schema && isJson(type))
                    fits(`${id}: the example answer ${status} ${name} fits`,
                        `${base}/responses/${status}/content/${pointer(type)}/schema`, value);
}

// --- the walk ------------------------------------------------------------------------------

const ID = /^[0-9A-HJKMNP-TV-Z]{26}$/, KEY = /^bf-\w{40,}$/, HASH = /^[0-9a-f]{64}$/;
const real = new Map(JSON.parse(process.env.REAL ?? "[]"));    // what the examples call it → what it is

function remember(example, answer) {
    if (typeof example === "string") {
        if (typeof answer === "string" && [ID, KEY, HASH].some(p => p.test(example) && p.test(answer)))
            real.set(example, answer);
    } else if (example && answer && typeof example === "object" && typeof answer === "object") {
        for (const k of Object.keys(example)) remember(example[k], answer[k]);
    }
}

function substituted(text) {
    for (const [from, to] of real) text = text.replaceAll(from, to);
    return text;
}

function address(path, op, more) {
    let query = "";
    for (const p of described.parameters(op)) {
        if (p.example === undefined && more[p.name] === undefined) continue;
        const value = encodeURIComponent(substituted(String(more[p.name] ?? p.example)));
        if (p.in === "path") path = path.replace(`{${p.name}}`, value);
        else if (p.in === "query") query += (query ? "&" : "?") + p.name + "=" + value;
    }
    return url + path + query;
}

// What may be answered: the example answer of the request's name, or else any success, or where
// to find it.
function expected(op, name) {
    const all = Object.entries(op.responses).map(([status, r]) => [status, described.resolve(r)]);
    const forms = [];
    for (const [status, r] of all)
        for (const [type, media] of Object.entries(r.content ?? {}))
            for (const [n, value] of described.examples(media))
                if (name && n === name) return [{status, type, media, value}];
    for (const [status, r] of all.filter(([s]) => /^[23]/.test(s))) {
        const [type, media] = Object.entries(r.content ?? {})[0] ?? [];
        forms.push({status, type, media, value: media && described.examples(media)[0]?.[1]});
    }
    return forms;
}

async function take(id, name, type, example, more) {
    const {path, method, op} = operations.get(id);
    const words = `${id}${name ? " " + name : ""}`;
    const forms = expected(op, name);
    const headers = {};
    if (!(op.security && op.security.length === 0)) headers.Authorization = "Bearer " + key;
    for (const p of described.parameters(op))
        if (p.in === "header" && p.example !== undefined)
            headers[p.name] = substituted(String(p.example));
    let body;
    if (type) {
        headers["Content-Type"] = type;
        body = substituted(typeof example === "string" && !isJson(type) ? example
            : JSON.stringify(example));
    }
    const answer = await fetch(address(path, op, more),
        {method: method.toUpperCase(), headers, body, redirect: "manual"});
    const text = await answer.text();
    const want = forms.find(f => f.status === String(answer.status));
    if (!claim(`${words}: is answered with ${forms.map(f => f.status).join(" or ")}`, want,
        `${answer.status} ${text.slice(0, 600)}`)) return;
    if (!want.type) {
        claim(`${words}: has no body`, text === "", text.slice(0, 200));
        return;
    }
    claim(`${words}: is ${want.type}`,
        (answer.headers.get("content-type") ?? "").split(";")[0] === want.type.split(";")[0],
        answer.headers.get("content-type"));
    if (!isJson(want.type)) return;
    const value = JSON.parse(text);
    if (want.media.schema)
        fits(`${words}: the answer fits`, `/paths/${pointer(path)}/${method}/responses/` +
            `${want.status}/content/${pointer(want.type)}/schema`, value);
    if (want.value !== undefined) remember(want.value, value);
}

const taken = new Set();
for (const line of readFileSync(walkFile, "utf8").split("\n")) {
    const [step, ...words] = line.replace(/#.*/, "").trim().split(/\s+/);
    const [id, only] = step.split(":");
    const more = Object.fromEntries(words.map(w => w.split("=")));
    if (!id) continue;
    if (id === "wait") {        // for deliveries on their way
        await new Promise(r => setTimeout(r, 1000));
        continue;
    }
    const found = operations.get(id);
    if (!claim(`${id} of the walk is an operation`, found)) continue;
    const examples = described.requests(found.op);
    if (examples.length === 0) examples.push(["", undefined, undefined]);
    for (const [name, type, value] of examples) {
        if (only !== undefined && name !== only) continue;
        await take(id, name, type, value, more);
        taken.add(id + " " + name);
    }
}
for (const [id, {op}] of operations) {
    const names = described.requests(op).map(([n]) => n);
    if (op.requestBody)
        claim(`${id} has an example request`, names.length > 0);
    for (const name of names.length ? names : [""])
        claim(`${id} ${name} has a place in the walk`, taken.has(id + " " + name));
}

finish();
