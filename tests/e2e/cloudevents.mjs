/* cloudevents.mjs URL KEY - the CNCF's own JavaScript SDK and the hub, both ways. */
import { createRequire } from "node:module";

const { CloudEvent, HTTP, emitterFor, httpTransport } =
    createRequire(`${process.env.NODE_PATH}/x`)("cloudevents");
const [url, key] = process.argv.slice(2);
const authorization = `Bearer ${key}`;
let claims = 0;

function is(claim, got, want) {
    claims++;
    if (JSON.stringify(got) === JSON.stringify(want))
        return;
    console.log(`FAILED: ${claim}\n    got:  ${JSON.stringify(got)}\n    want: ${JSON.stringify(want)}`);
    process.exitCode = 1;
}

async function post(message, query = "") {
    const answer = await fetch(`${url}/api/v1/events${query}`, {
        method: "POST",
        headers: { ...message.headers, authorization },
        body: message.body,
    });
    return { status: answer.status, body: await answer.json() };
}

/* The event as their parser reads what the hub gives of it. */
async function fetchEvent(id) {
    const answer = await fetch(`${url}/api/v1/events/${id}`, {
        headers: { authorization, accept: "application/cloudevents+json" },
    });
    return HTTP.toEvent({ headers: Object.fromEntries(answer.headers), body: await answer.text() });
}

const cases = {
    "JSON data": { data: { text: "ü", list: [1, 2.5, null], nested: { "": "" } } },
    "no data": {},
    "text": { datacontenttype: "text/plain", data: "two\nlines, \"quoted\"" },
    "bytes": { datacontenttype: "application/octet-stream", data_base64: "AP+A" },
    "every attribute": {
        time: "2026-01-02T03:04:05.678Z", subject: "a/b c", dataschema: "https://s.example/x",
        datacontenttype: "application/json", data: [true], traceparent: "00-0af7-b7ad-01",
        sequence: 7, urgent: true,
    },
    "a type with capitals": { type: "com.Example.some-Event", data: 1 },
};

let n = 0;
for (const [name, members] of Object.entries(cases)) {
    for (const mode of ["binary", "structured"]) {
        const sent = new CloudEvent({
            id: `id-${++n}`, source: "https://source.example/a?q=1", type: "test.event",
            entity: "acme", project: "vision", ...members,
        });
        const answer = await post(HTTP[mode](sent));
        is(`${name}, ${mode}: taken`, answer.status, 202);
        if (answer.status !== 202) {
            console.log(JSON.stringify(answer.body));
            continue;
        }
        const back = await fetchEvent(answer.body.events[0].id);
        for (const attribute of ["id", "source", "type", "subject", "dataschema", "entity",
                                 "project", "traceparent"])
            is(`${name}, ${mode}: ${attribute}`, back[attribute], sent[attribute]);
        is(`${name}, ${mode}: time`, Date.parse(back.time), Date.parse(sent.time));
        is(`${name}, ${mode}: sequence`, `${back.sequence}`, `${sent.sequence}`);
        const bytes = (data) => ArrayBuffer.isView(data) ? [...data] : data;
        is(`${name}, ${mode}: data`, bytes(back.data), bytes(sent.data));
        const again = await post(HTTP[mode](sent));
        is(`${name}, ${mode}: the same again is a repeat`,
           [again.status, again.body.events?.[0]],
           [202, { id: answer.body.events[0].id, duplicate: true }]);
    }
}

/* A batch as the binding has it; the SDK reads them but writes none. */
const many = Array.from({ length: 50 }, (_, i) => new CloudEvent({
    id: `batch-${i}`, source: "/batch", type: "test.batch", data: { i } }));
const batch = { headers: { "content-type": "application/cloudevents-batch+json" } };
const taken = await post({ ...batch, body: JSON.stringify(many) }, "?entity=acme&project=vision");
is("a batch of 50", [taken.status, taken.body.events.length], [202, 50]);
const last = await fetchEvent(taken.body.events[49].id);
is("its last, with the scope of the query", [last.id, last.data, last.entity, last.project],
   ["batch-49", { i: 49 }, "acme", "vision"]);
is("an empty batch", await post({ ...batch, body: "[]" }), { status: 202, body: { events: [] } });
const bad = await post({ ...batch, body: JSON.stringify([many[0], { ...many[1].toJSON(), id: "" }]) },
                       "?entity=acme");
is("one bad event refuses it, by name", [bad.status, bad.body.error?.field], [400, "[1].id"]);
const old = HTTP.structured(new CloudEvent({ source: "/s", type: "a.b" }));
const version = await post({ ...old, body: old.body.replace('"1.0"', '"0.3"') }, "?entity=acme");
is("another version", [version.status, version.body.error.field], [400, "specversion"]);
const stranger = await post(HTTP.binary(many[0]), "?entity=nobody");
is("a team that is not there", [stranger.status, stranger.body.error.field], [400, "entity"]);

/* Their emitter, as a program would use it, with the team in the address. */
const emit = emitterFor(httpTransport(`${url}/api/v1/events?entity=acme`));
const emitted = await emit(new CloudEvent({ id: "emitted", source: "/e", type: "test.emitted",
                                            data: { ok: true } }), { headers: { authorization } });
is("their emitter's event", (await fetchEvent(JSON.parse(emitted.body).events[0].id)).data,
   { ok: true });

/* An event of ours, as one of theirs, and back into the hub. */
const alias = { type: "artifact.alias.add", entity: "acme", project: "vision", collection: "resnet",
                alias: "production", artifact: { version: "v7" } };
const ours = await post({ headers: {}, body: JSON.stringify(alias) });
const theirs = await fetchEvent(ours.body.events[0].id);
is("our event is valid to them", theirs.validate(), true);
is("and carries the envelope", [theirs.type, theirs.dataschema, theirs.data],
   ["artifact.alias.add", "urn:belfry:envelope", alias]);
const returned = await post(HTTP.structured(theirs));
const whole = await (await fetch(`${url}/api/v1/events/${returned.body.events[0].id}`,
                                 { headers: { authorization } })).json();
is("and comes back as the same event", [whole.alias, whole.artifact, whole.key],
   ["production", { version: "v7" }, ours.body.events[0].id]);

console.log(`${claims} claims`);
