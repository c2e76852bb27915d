/* compare.mjs DIRECTORY - what the hub said of its journal (drive.c), and what the reference says.
 *
 * Both are brought into one form, a line of JSON per firing and per record that the hub owed, and
 * must be equal to the byte. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { Reference } from "./evaluator.mjs";

const directory = process.argv[2];
const lines = (name) => createInterface({ input: createReadStream(`${directory}/${name}`) });

/* Firings by record, but for those whose transaction was undone. */
async function readLive() {
    let firings = [];

    for await (const line of lines("live.ndjson")) {
        const f = JSON.parse(line);
        if (f.again !== undefined) {
            while (firings.length && firings.at(-1).seq >= f.again)
                firings.pop();
        } else {
            firings.push(f);
        }
    }
    return firings;
}

/* JSON has no infinite numbers; the hub writes them as strings. */
function plain(value) {
    if (Array.isArray(value))
        return value.map(plain);
    return typeof value !== "number" || Number.isFinite(value) ? value : String(value);
}

/* Of a condition the numbers, without its words. */
const numbers = ["metric", "result", "missing", "reason", "value", "values", "more_values",
              "prior_values", "more_prior_values", "current", "prior", "newest", "mean", "deviation"];
const condition = (c) => Object.fromEntries(numbers.filter((name) => c[name] !== undefined)
    .map((name) => [name, plain(c[name])]));

/* What both know of a measurement, as one knows it.  Of a score the observed value is rounded for
 * people; it stands among the conditions as it is. */
function facts(f) {
    if (f?.conditions) {
        const isScore = f.values.length === 1 &&
            f.conditions.some((c) => c.metric === f.metric && c.newest !== undefined);
        return { metric: f.metric, values: isScore ? [] : plain(f.values), step: f.step ?? null,
                 conditions: f.conditions.map(condition) };
    }
    if (f?.to)
        return { from: f.from ?? null, to: f.to };
    if (f?.occurrence)
        return { occurrence: f.occurrence, late: f.late, missed: f.missed };
    if (f?.of)
        return { of: f.of, for: f.for, last: f.last };
    return null;
}

const show = (f) => JSON.stringify(f.ruling
    ? { seq: f.seq, automation: f.automation, ruling: f.ruling, reason: f.reason, until: f.until,
        due: f.due, said: f.said, fails: f.fails, facts: facts(f.facts) } : f);

/* What a record is by itself, if the hub made it for a wait or a silence. */
function own({ seq, event }) {
    const { automation, due, last, occurrence, late, missed } = event.data ?? {};
    const run = event.run ? JSON.stringify([event.entity, event.project, event.run.id]) : null;

    if (event.type === "schedule.tick")
        return [{ seq, wait: automation, run: null, due: Date.parse(occurrence), last: null, missed,
                  late }];
    if (event.type === "clock.advance")
        return [{ seq, wait: automation, run, due: Date.parse(due), last: Date.parse(last),
                  missed: null, late: null }];
    if (event.type === "run.state" && event.source === "belfry")
        return [{ seq, own: event.run.state, run }];
    return [];
}

function differ(where, got, want, more) {
    console.log(`${where}:\nthe hub:       ${got}\n${want}\n${more}`);
    process.exit(1);
}

const live = await readLive();
const reference = new Reference({ silence: 0 });        /* the bus looks for none by itself */
const kinds = new Map();        /* record of a change of an automation -> its trigger */
const asked = new Set();        /* of those that wait for the clock, the ones that ask a script then */
const isClock = (kind) => kind === "SCHEDULE" || kind === "ABSENCE";
const tally = {};
let at = 0, last = 0, told = 0;

for await (const line of lines("journal.ndjson")) {
    const record = JSON.parse(line);
    const mine = own(record);

    last = record.seq;
    while (at < live.length && live[at].seq === record.seq)
        mine.push(live[at++]);
    const theirs = reference.record(record);
    for (let i = 0; i < Math.max(mine.length, theirs.length); i++) {
        const [got, want] = [mine[i], theirs[i]].map((f) => (f ? show(f) : "nothing"));
        if (got !== want)
            differ(`record ${record.seq}, a ${record.event.type}`, got, `the reference: ${want}`,
                   `${line}\n${JSON.stringify(reference.automations.get(
                       theirs[i]?.automation ?? mine[i]?.automation)?.spec ?? null)}`);
        const name = theirs[i].reason ?? theirs[i].ruling ?? theirs[i].own ?? "is over";
        const kind = reference.automations.get(theirs[i].automation ?? theirs[i].wait)?.wire;
        tally[`${kind ?? "run"} ${name}`] = (tally[`${kind ?? "run"} ${name}`] ?? 0) + 1;
        told++;
    }
    if (record.event.type.startsWith("belfry.automation.")) {
        const { event, hooks } = record.event.data.automation ?? {};
        kinds.set(record.seq, event?.type);
        if (isClock(event?.type) && hooks?.filter)
            asked.add(record.seq);
    }
}
if (at < live.length && live[at].seq <= last)
    differ("out of order", JSON.stringify(live[at]), "", "");

/* ---- backtests ---- */

const firings = new Map();
for (const f of live) {
    if (!firings.has(f.automation))
        firings.set(f.automation, []);
    firings.get(f.automation).push(f);
}

/* What a backtest makes of the clock are records of its own, which have no place in the journal.  In
 * the hub a wait may have been begun anew while its script was asked; no backtest knows that. */
let backtests = 0, retold = 0, header = null, again = [];

function check() {
    if (!header || asked.has(header.from))
        return;
    const clock = isClock(kinds.get(header.from));
    const form = (f) => show(clock ? { ...f, seq: null } : f);
    const first = (firings.get(header.automation) ?? [])
        .filter((f) => f.seq > header.from && f.seq < header.to);
    for (let i = 0; i < Math.max(first.length, again.length); i++) {
        const [got, want] = [first[i], again[i]].map((f) => (f ? form(f) : "nothing"));
        if (got !== want)
            differ(`a backtest of ${header.automation}, record ${header.from} to ${header.to}`, got,
                   `the backtest:  ${want}`, kinds.get(header.from));
    }
    backtests++;
    retold += again.length;
}

for await (const line of lines("backtests.ndjson")) {
    const f = JSON.parse(line);
    if (f.from === undefined) {
        again.push(f);
    } else {
        check();
        [header, again] = [f, []];
    }
}
check();

if (process.env.TALLY)
    for (const name of Object.keys(tally).sort())
        console.error(`${String(tally[name]).padStart(9)} ${name}`);
console.log(`${last} records, ${told} firings, suppressions and waits; ${backtests} backtests told ` +
    `${retold} of them again: all agree`);
