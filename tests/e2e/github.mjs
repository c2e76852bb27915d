// github.mjs SCHEMA - GitHub's dispatch endpoint, as strict as its documentation, and as it lies.
//
// There is one repository, octo-org/models; octo-org/old is what it was called before.  Under
// /api/v3 it is an Enterprise Server.  What an event type asks for happens once: "limit" is over a
// secondary limit and says for how long, "words" over one and says so in words alone, "hour" has
// used up the hour, "error" is done and answered 502, "cut" is done and not answered.
//
// GET /state tells what was dispatched, what refused, and how many requests of the token ghp_alone
// there were at once.
import {createServer} from "node:http";
import {createRequire} from "node:module";
import {readFileSync} from "node:fs";

const require = createRequire(process.env.NODE_PATH + "/");
const Ajv = require("ajv").default;
const fits = new Ajv({allErrors: true}).compile(JSON.parse(readFileSync(process.argv[2], "utf8")));

const tokens = {ghp_writes: "write", ghp_alone: "write", ghp_reads: "read", ghp_sso: "sso"};
const state = {dispatched: [], refused: [], followed: 0, most_at_once: 0};
const seen = new Set();
let at_once = 0;

const hour = () => Math.floor(Date.now() / 1000) + 3600;

function answer(res, status, body, headers = {}) {
    const text = body === null ? "" : JSON.stringify(body);
    res.writeHead(status, {
        "Content-Type": "application/json; charset=utf-8", "Content-Length": Buffer.byteLength(text),
        "X-GitHub-Request-Id": "E2E:1", "X-RateLimit-Limit": 5000, "X-RateLimit-Remaining": 4987,
        "X-RateLimit-Reset": hour(), ...headers,
    });
    res.end(text);
}

function refuse(res, status, message, headers = {}) {
    state.refused.push({status, message});
    answer(res, status, {message, documentation_url: "https://docs.github.com/rest/repos/repos"
        + "#create-a-repository-dispatch-event", status: String(status)}, headers);
}

// In its own words.
function unfit(body) {
    const words = fits(body) ? [] : fits.errors.map(e => ({
        maxLength: `Only 100 characters are allowed; ${[...(body.event_type ?? "")].length} were supplied.`,
        maxProperties: `No more than 10 properties are allowed; ${Object.keys(body.client_payload ?? {}).length} were supplied.`,
        required: "\"event_type\" wasn't supplied.",
        additionalProperties: `"${e.params.additionalProperty}" is not a permitted key.`,
    })[e.keyword] ?? `For '${e.instancePath}', ${e.message}.`);

    if (words.length)
        return "Invalid request.\n\n" + words.join("\n");
    return Buffer.byteLength(JSON.stringify(body.client_payload ?? {})) > 65535
        ? "client_payload is too large." : null;
}

const lies = {
    limit: res => refuse(res, 403, "You have exceeded a secondary rate limit. Please wait a few"
        + " minutes before you try again.", {"Retry-After": 1}),
    words: res => refuse(res, 403, "You have exceeded a secondary rate limit. Please wait a few"
        + " minutes before you try again."),
    hour: res => refuse(res, 403, "API rate limit exceeded for user ID 1.",
        {"X-RateLimit-Remaining": 0, "X-RateLimit-Reset": Math.floor(Date.now() / 1000) + 1}),
    error: (res, done) => { done(); answer(res, 502, {message: "Server Error"}); },
    cut: (res, done) => { done(); res.socket.destroy(); },
};

function dispatch(res, repo, token, text) {
    let body;

    if (repo === "octo-org/old")
        return refuse(res, 307, "Moved Permanently",
            {Location: `http://${res.req.headers.host}/api/v3/repositories/1/dispatches`});
    if (repo !== "octo-org/models")
        return refuse(res, 404, "Not Found");
    if (token === "sso")
        return refuse(res, 403, "Resource protected by organization SAML enforcement. You must grant"
            + " your Personal Access token access to this organization.",
            {"X-GitHub-SSO": "required; url=https://github.com/orgs/octo-org/sso?authorization_request=A"});
    if (token !== "write")
        return refuse(res, 403, "Resource not accessible by personal access token",
            {"X-Accepted-GitHub-Permissions": "contents=write"});
    try { body = JSON.parse(text); } catch { return refuse(res, 400, "Problems parsing JSON"); }
    if (typeof body !== "object" || !body || Array.isArray(body))
        return refuse(res, 400, "Body should be a JSON object");
    const why = unfit(body);
    if (why)
        return refuse(res, 422, why);
    const done = () => state.dispatched.push({at: Date.now(), headers: res.req.headers, ...body});
    if (lies[body.event_type] && !seen.has(body.event_type)) {
        seen.add(body.event_type);
        return lies[body.event_type](res, done);
    }
    done();
    answer(res, 204, null);
}

createServer((req, res) => {
    const parts = [];
    req.on("data", d => parts.push(d)).on("end", () => {
        const h = req.headers, path = /^(?:\/api\/v3)?\/repos\/([^/]+\/[^/]+)\/dispatches$/.exec(req.url);
        const token = /^Bearer (\S+)$/.exec(h.authorization ?? "")?.[1];

        if (req.url === "/state") {
            res.end(JSON.stringify(state));
            return;
        }
        if (req.url.includes("/repositories/"))
            state.followed++;
        if (token === "ghp_alone")
            state.most_at_once = Math.max(state.most_at_once, ++at_once);
        setTimeout(() => {                  // long enough for another to come in between
            at_once -= token === "ghp_alone";
            if (!h["user-agent"])
                refuse(res, 403, "Request forbidden by administrative rules. Please make sure your"
                    + " request has a User-Agent header.");
            else if (!tokens[token])
                refuse(res, 401, "Bad credentials");
            else if (!["2022-11-28", "2026-03-10"].includes(h["x-github-api-version"]))
                refuse(res, 400, `"${h["x-github-api-version"]}" is not a supported version.`);
            else if (h.accept !== "application/vnd.github+json")
                refuse(res, 415, "Unsupported 'Accept' header");
            else if (req.method !== "POST" || !path)
                refuse(res, 404, "Not Found");
            else
                dispatch(res, path[1], tokens[token], Buffer.concat(parts).toString());
        }, 20);
    });
}).listen(0, "127.0.0.1", function () { console.log(`dispatches on 127.0.0.1:${this.address().port}`); });
