/* intakes.mjs URL KEY github|standard - senders nobody here wrote, into the hub's intakes.
 *
 * Prints a claim that failed, or the count of what was sent; intakes.sh compares. */
import { createRequire } from "node:module";
import { load } from "../tools/npm.mjs";

const [url, key, what] = process.argv.slice(2);

async function send(name, body, headers) {
    const answer = await fetch(`${url}/api/v1/in/${name}`, { method: "POST", body, headers });
    return { status: answer.status, body: await answer.json() };
}

async function stored(id) {
    const answer = await fetch(`${url}/api/v1/events/${id}`,
                               { headers: { authorization: `Bearer ${key}` } });
    return answer.text();
}

function fail(claim, got) {
    console.log(`FAILED: ${claim}: ${JSON.stringify(got)}`);
    process.exit(1);
}

/* One delivery, looked at; some again, and some changed. */
async function deliver(hooks, name, example, n) {
    const body = JSON.stringify(example);
    const headers = {
        "content-type": "application/json",
        "x-github-event": name,
        "x-github-delivery": `delivery-${n}`,
        "x-hub-signature-256": await hooks.sign(body),
    };
    const type = ["github", name, example.action].filter((x) => x).join(".")
        .replace(/[^a-z0-9_.]/g, "_");
    const answer = await send("github", body, headers);

    if (answer.status !== 202 || answer.body.events[0].duplicate)
        fail(`${name} is taken`, answer);
    const event = await stored(answer.body.events[0].id);
    if (JSON.parse(event).type !== type)
        fail(`the type of ${name} is ${type}`, event.slice(0, 200));
    if (!event.endsWith(`,"data":${body}}`))
        fail(`${name} is kept as it came`, event.slice(0, 200));
    if (n % 50 !== 0)
        return;
    const again = await send("github", body, headers);
    if (again.status !== 202 || !again.body.events[0].duplicate ||
        again.body.events[0].id !== answer.body.events[0].id)
        fail("a delivery that comes again is told as a repeat", again);
    const other = await send("github", body.replace(/.$/, " }"), headers);
    if (other.status !== 401)
        fail("a body changed on the way is refused", other);
}

/* Every example that GitHub's octokit has of a webhook, signed by octokit. */
async function github() {
    const { Webhooks } = await load("@octokit/webhooks");
    const hooks = new Webhooks({ secret: "It's a Secret to Everybody" });
    const all = [];

    for (const { name, examples } of await load("@octokit/webhooks-examples"))
        for (const example of examples)
            all.push({ name, example });
    for (let n = 0; n < all.length; n += 16)
        await Promise.all(all.slice(n, n + 16)
            .map(({ name, example }, k) => deliver(hooks, name, example, n + k + 1)));
    console.log(`${all.length} deliveries`);
}

async function standard() {
    const { Webhook } = createRequire(`${process.env.NODE_PATH}/x`)("standardwebhooks");
    const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", hook = new Webhook(secret);
    const body = '{"type":"user.created","timestamp":"2026-01-02T03:04:05Z","data":{}}';
    const signed = (id, at, by = hook, text = body) => ({
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": `${Math.floor(at / 1000)}`,
        "webhook-signature": by.sign(id, new Date(at), text),
    });
    const now = Date.now();
    const expect = async (claim, status, headers, text = body) => {
        const answer = await send("standard", text, headers);
        if (answer.status !== status)
            fail(claim, answer);
        return answer.body;
    };

    const first = await expect("a signed request is taken", 202, signed("msg_1", now));
    const event = JSON.parse(await stored(first.events[0].id));
    if (event.type !== "svc.user.created" || event.key !== "msg_1" ||
        event.time !== "2026-01-02T03:04:05.000Z")
        fail("type, key and time come from the request", event);
    const again = await expect("the same again is taken", 202, signed("msg_1", now - 1000));
    if (!again.events[0].duplicate)
        fail("and told as a repeat", again);
    await expect("a request of 4 minutes ago is taken", 202, signed("msg_2", now - 240e3));
    await expect("one of 6 minutes ago is refused", 401, signed("msg_3", now - 360e3));
    await expect("one of 6 minutes ahead is refused", 401, signed("msg_4", now + 360e3));
    await expect("another secret is refused", 401,
                 signed("msg_5", now, new Webhook("whsec_c29tZXRoaW5nIGVsc2U=")));
    await expect("another id is refused", 401, { ...signed("msg_6", now), "webhook-id": "msg_7" });
    await expect("another body is refused", 401, signed("msg_8", now), body + " ");
    const rotated = signed("msg_9", now);
    rotated["webhook-signature"] = "v1,AAAA " + rotated["webhook-signature"];
    await expect("one right signature of two is enough", 202, rotated);
    console.log("9 requests");
}

await { github, standard }[what]();
