/* roundtrip.mjs URL KEY COUNT SEED - documents into the hub and out again, byte for byte. */
import { Texts } from "./texts.mjs";

const [url, key, count, seed] = [process.argv[2], process.argv[3], Number(process.argv[4]), Number(process.argv[5])];
const headers = { authorization: `Bearer ${key}` };
const texts = new Texts(seed);
let failures = 0;

async function send(documents) {
    const body = `[${documents.map((d) => `{"type":"round.trip","entity":"acme","data":${d}}`).join(",")}]`;
    const answer = await fetch(`${url}/api/v1/events`, { method: "POST", headers, body });

    if (answer.status !== 202) {
        console.log(`FAILED: ${answer.status} ${await answer.text()}`);
        process.exit(1);
    }
    return (await answer.json()).events;
}

async function compare(id, document) {
    const answer = await fetch(`${url}/api/v1/events/${id}`, { headers });
    const text = await answer.text();

    if (text.endsWith(`"entity":"acme","data":${document}}`))
        return;
    console.log(`FAILED: ${JSON.stringify(document)}\n    came back as ${JSON.stringify(text)}`);
    if (++failures === 5)
        process.exit(1);
}

for (let done = 0; done < count; done += 250) {
    const documents = Array.from({ length: Math.min(250, count - done) }, () => texts.document());
    const events = await send(documents);

    for (let at = 0; at < documents.length; at += 25)
        await Promise.all(documents.slice(at, at + 25).map((d, i) => compare(events[at + i].id, d)));
}
console.log(failures ? `${failures} failures` : `${count} documents came back`);
