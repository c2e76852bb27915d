/* differential.mjs GATE COUNT SEED - the JSON gate against JSON.parse, on generated texts.
 *
 * Where the gate is stricter on purpose the difference is worked out here, by means of its own: the
 * bytes must be UTF-8, and of what JSON.parse takes, tokens cut by a regular expression tell
 * nesting, repeated keys, U+0000 and lone surrogates.  Values are compared bit by bit. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Texts } from "./texts.mjs";

const [gate, count, seed] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const DEPTH_MAX = 64;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/* Why the gate must refuse what JSON.parse takes; null if it must not. */
function stricter(text) {
    const stack = [];
    let string = null;

    for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/gs)) {
        if (token === "{" || token === "[") {
            stack.push(new Set());
            if (stack.length > DEPTH_MAX)
                return "depth";
        } else if (token === "}" || token === "]") {
            stack.pop();
        } else if (token === ":") {
            const keys = stack[stack.length - 1];
            if (keys.has(string))
                return "repeated key";
            keys.add(string);
        } else if (token[0] === '"') {
            string = JSON.parse(token);
            if (string.includes("\0"))
                return "U+0000";
            if (/\p{Surrogate}/u.test(string))
                return "lone surrogate";
        }
    }
    return null;
}

/* {reason} if it must be refused, else {value}. */
function judge(bytes) {
    let text, value;

    try {
        text = decoder.decode(bytes);
    } catch {
        return { reason: "not UTF-8" };
    }
    try {
        value = JSON.parse(text);
    } catch {
        return { reason: "not JSON" };
    }
    const reason = stricter(text);
    return reason ? { reason } : { value };
}

const hex = (string) => Buffer.from(string).toString("hex");
const view = new DataView(new ArrayBuffer(8));

function same(value, said) {
    if (typeof value === "string")
        return said === hex(value);
    if (typeof value === "number" && !Number.isFinite(value))
        return said === "n?";           /* kept as text; as a number it is refused, not infinite */
    if (typeof value === "number") {
        view.setFloat64(0, value);
        return said === "n" + view.getBigUint64(0).toString(16).padStart(16, "0");
    }
    if (Array.isArray(value))
        return Array.isArray(said) && said.length === value.length &&
            value.every((one, i) => same(one, said[i]));
    if (value === null || typeof value === "boolean")
        return said === value;
    const members = new Map(said?.o);
    return members.size === Object.keys(value).length &&
        Object.entries(value).every(([key, one]) => members.has(hex(key)) && same(one, members.get(hex(key))));
}

const texts = new Texts(seed);
const child = spawn(gate, { stdio: ["pipe", "pipe", "inherit"] });
const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
const seen = { taken: 0 };
let failures = 0;

for (let done = 0; done < count;) {
    const batch = Array.from({ length: Math.min(1000, count - done) }, () => texts.bytes());
    child.stdin.write(Buffer.concat(batch.flatMap((bytes) => {
        const head = Buffer.alloc(4);
        head.writeUInt32LE(bytes.length);
        return [head, bytes];
    })));
    for (const bytes of batch) {
        const { value: line, done: over } = await lines.next();
        if (over) {
            console.log(`FAILED: the gate ended at text ${done}: ${JSON.stringify(bytes.toString("latin1"))}`);
            process.exit(1);
        }
        const { reason, value } = judge(bytes);
        seen[reason ?? "taken"] = (seen[reason ?? "taken"] ?? 0) + 1;
        if (reason ? line !== "-" : line === "-" || !same(value, JSON.parse(line))) {
            console.log(`FAILED: text ${done}: ${JSON.stringify(bytes.toString("latin1"))}\n` +
                        `    gate: ${line}\n    must: ${reason ?? "be taken"}`);
            if (++failures === 10)
                process.exit(1);
        }
        done++;
    }
}
child.stdin.end();
console.error(`seed ${seed}:`, JSON.stringify(seen));

/* A generator that no longer reaches a rule proves nothing about it. */
for (const reason of ["taken", "not UTF-8", "not JSON", "depth", "repeated key", "U+0000", "lone surrogate"])
    if (!(seen[reason] > count / 1000)) {
        console.log(`FAILED: only ${seen[reason] ?? 0} of ${count} texts: ${reason}`);
        failures++;
    }
console.log(failures ? `${failures} failures` : `${count} texts agree`);
process.exitCode = failures ? 1 : 0;
