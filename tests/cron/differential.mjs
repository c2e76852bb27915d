/* differential.mjs NEXT COUNT SEED - when schedules come, against croner and against the rule itself.
 *
 * Croner, which nobody here wrote, must agree on the occurrences of random expressions in random
 * zones.  Around a change of a zone's clock it differs on purpose: what falls into a gap it leaves
 * out where the minute or hour is a list or a step, and of an hour that comes twice it takes both
 * passes where these are.  A range that begins and ends with "sun" is the whole week to it, and of
 * Dublin's winter from 2038 on our GLib makes a summer; neither is asked for.  There the occurrences are worked out here minute by minute, as the rule
 * says them, from the offsets that Node's own zone data gives.  A zone on which that and the
 * machine's disagree is left out, and named. */
import { spawnSync } from "node:child_process";
import { load } from "../tools/npm.mjs";

const { Cron } = await load("croner");
const [next, count, seed] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const MINUTE = 60, HOUR = 3600, DAY = 86400;
const FROM = Date.UTC(2024, 0, 1) / 1000, TO = Date.UTC(2036, 0, 1) / 1000;
const KNOWN = Date.UTC(2037, 0, 1) / 1000;
const IN_LIST = 12;                     /* occurrences that are compared */
const NEAR = 26 * HOUR;                 /* of a change */

const zoneNames = ["UTC", "Europe/Berlin", "Europe/London", "Europe/Dublin", "Europe/Chisinau",
    "America/New_York", "America/Los_Angeles", "America/St_Johns", "America/Havana",
    "America/Santiago", "Australia/Sydney", "Australia/Lord_Howe", "Pacific/Auckland",
    "Pacific/Chatham", "Asia/Beirut", "Asia/Jerusalem", "Atlantic/Azores", "Antarctica/Troll",
    "Asia/Kathmandu", "Asia/Kolkata", "Asia/Tokyo"];

/* --- chance, the same for the same seed ---------------------------------------- */

let state = seed >>> 0;

function random(n) {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 4294967296) * n);
}

const pick = (list) => list[random(list.length)];

/* --- zones ------------------------------------------------------------------------ */

class Zone {
    constructor(name) {
        this.name = name;
        this.cache = new Map();
        this.format = new Intl.DateTimeFormat("en-US", { timeZone: name, hourCycle: "h23",
            year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric",
            second: "numeric" });
    }

    /* Offsets change on a quarter of an hour. */
    offset(at) {
        const slot = Math.floor(at / 900);

        if (!this.cache.has(slot)) {
            const p = {};
            for (const { type, value } of this.format.formatToParts(slot * 900000))
                p[type] = Number(value);
            const wall = Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) / 1000;
            this.cache.set(slot, wall - slot * 900);
        }
        return this.cache.get(slot);
    }

    isNearChange(at) {
        const offset = this.offset(at);
        for (let t = at - NEAR; t <= at + NEAR; t += 6 * HOUR)
            if (this.offset(t) !== offset)
                return true;
        return this.offset(at + NEAR) !== offset;
    }

    findChanges() {
        const changes = [];
        for (let t = FROM; t < TO; t += DAY) {
            if (this.offset(t) === this.offset(t + DAY))
                continue;
            let at = t;
            while (this.offset(at) === this.offset(t))
                at += 900;
            changes.push(at);
        }
        return changes;
    }
}

/* --- expressions -------------------------------------------------------------------- */

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const fields = [{ min: 0, max: 59 }, { min: 0, max: 23 }, { min: 1, max: 31 },
    { min: 1, max: 12, names: months }, { min: 0, max: 7, names: days }];

/* {text, values}: one item of a list, and what it means. */
function makeItem(f) {
    const { min, max, names } = f;
    const from = min + random(max - min + 1), to = from + random(max - from + 1);
    const step = pick([1, 1, 2, 3, 5, 7, 10, 15, 20]), kind = random(10);
    const word = (v) => names && random(2) && names[v - min] ? names[v - min] : String(v);
    const range = (a, b, s = 1) =>
        Array.from({ length: Math.floor((b - a) / s) + 1 }, (_, i) => a + i * s);

    if (step > max || kind < 6)
        return { text: word(from), values: [from] };
    if (kind < 8)
        return { text: `${word(from)}-${to ? word(to) : to}`, values: range(from, to) };
    if (kind < 9)
        return { text: `${from}-${to}/${step}`, values: range(from, to, step) };
    /* Of the days of the week, 7 is Sunday once more: a step must not come to it from 0. */
    return { text: `*/${step}`, values: range(min, max === 7 ? 6 : max, step), star: step === 1 };
}

function makeField(f, stars) {
    if (random(10) < stars)
        return { text: "*", any: true };
    const items = Array.from({ length: pick([1, 1, 1, 2, 3]) }, () => makeItem(f));
    return { text: items.map((i) => i.text).join(","),
        values: new Set(items.flatMap((i) => i.values)) };
}

function makeCron() {
    const parts = fields.map((f, i) => makeField(f, [2, 3, 5, 6, 5][i]));
    if (parts[4].values?.has(7))
        parts[4].values.add(0);
    return { text: parts.map((p) => p.text).join(" "), parts };
}

const matches = (part, value) => part.any || part.values.has(value);

function meansWall({ parts }, wall) {
    const d = new Date(wall * 1000);
    const dom = matches(parts[2], d.getUTCDate()), dow = matches(parts[4], d.getUTCDay());
    const day = parts[2].any || parts[4].any ? dom && dow : dom || dow;

    return day && matches(parts[3], d.getUTCMonth() + 1) && matches(parts[1], d.getUTCHours()) &&
        matches(parts[0], d.getUTCMinutes());
}

const isForEveryHour = ({ parts }) =>
    Array.from({ length: 24 }, (_, h) => h).every((h) => matches(parts[1], h));

/* Minute by minute: what clocks show for the first time, and, of schedules for every hour, what they
 * show again; what they leave out counts for the moment behind the gap. */
function byRule(cron, zone, after, until) {
    const everyHour = isForEveryHour(cron), times = [];
    let last = after - DAY + zone.offset(after - DAY), latest = last;

    for (let t = after - DAY + MINUTE; t <= until; t += MINUTE) {
        const wall = t + zone.offset(t);
        let comes = (everyHour || wall > latest) && meansWall(cron, wall);
        for (let w = last + MINUTE; w < wall && !comes; w += MINUTE)
            comes = (everyHour || w > latest) && meansWall(cron, w);
        if (comes && t > after)
            times.push(t);
        last = wall;
        latest = Math.max(latest, wall);
    }
    return times;
}

/* --- questions and answers -------------------------------------------------------- */

function ask(questions) {
    const run = spawnSync(next, { input: questions.join("\n") + "\n", maxBuffer: 1 << 30 });
    if (run.status !== 0)
        throw new Error(`${next} ended with ${run.status ?? run.signal}`);
    return run.stdout.toString().trimEnd().split("\n")
        .map((line) => line === "-" ? null : line.split(" ").filter(Boolean).map(Number));
}

const zones = zoneNames.map((name) => new Zone(name));
const probes = zones.flatMap((zone) => {
    zone.changes = zone.findChanges();
    return [FROM, ...zone.changes.flatMap((at) => [at - 900, at])].map((at) => ({ zone, at }));
});
ask(probes.map(({ zone, at }) => `offset ${zone.name} ${at} 0 -`)).forEach((answer, i) => {
    if (answer?.[0] !== probes[i].zone.offset(probes[i].at))
        probes[i].zone.differs = true;
});
const known = zones.filter((z) => !z.differs);
const changing = known.filter((z) => z.changes.length > 10);
for (const zone of zones.filter((z) => z.differs))
    console.error(`${zone.name} is left out: Node has other data of it`);
if (changing.length < 8)
    throw new Error("too few zones are left");

/* An expression that means times which are left out, or come twice, at a change. */
function makeCronAt(zone, change) {
    const hour = new Date((change - 1 + zone.offset(change - 1)) * 1000).getUTCHours();
    const values = new Set([hour, (hour + pick([23, 1, 2])) % 24, ...(random(4) ? [] : [hour + 3])]
        .filter((h) => h < 24));
    const any = { text: "*", any: true };
    const parts = [makeField(fields[0], 2), { text: [...values].join(","), values }, any, any, any];
    return { text: parts.map((p) => p.text).join(" "), parts };
}

const cases = Array.from({ length: count }, (_, i) => {
    if (i % 2 === 0)
        return { cron: makeCron(), zone: pick(known), after: FROM + random(TO - FROM) };
    const zone = pick(changing), change = pick(zone.changes);
    const cron = i % 4 === 1 ? makeCronAt(zone, change) : makeCron();
    const after = change - 3 * HOUR + MINUTE * random(300);
    return { cron, zone, after, until: change + 26 * HOUR };
});
const answers = ask(cases.map(({ cron, zone, after, until }) =>
    `${until ? "until" : "next"} ${zone.name} ${after} ${until ?? IN_LIST} ${cron.text}`));

let compared = 0, near = 0, never = 0, agree = 0;

function byCroner(cron, zone, after) {
    const job = new Cron(cron.text, { timezone: zone.name, paused: true }), times = [];
    for (let at = new Date(after * 1000); times.length < IN_LIST;) {
        at = job.nextRun(at);
        if (!at)
            break;
        times.push(at.getTime() / 1000);
    }
    return times;
}

function wrong({ cron, zone, after }, ours, theirs) {
    const show = (list) => list?.slice(0, 8).map((t) => new Date(t * 1000).toISOString()).join(" ");
    console.log(`"${cron.text}" in ${zone.name} after ${new Date(after * 1000).toISOString()}:\n` +
        `  ours    ${show(ours) ?? "none"}\n  theirs  ${show(theirs) ?? "none"}`);
    process.exitCode = 1;
}

cases.forEach((c, i) => {
    const ours = answers[i];
    if (c.until) {
        const theirs = ours && byRule(c.cron, c.zone, c.after, c.until);
        compared += theirs?.length ?? 0;
        if (ours && ours.join() !== theirs.join())
            return wrong(c, ours, theirs);
        agree++;
        return;
    }
    const theirs = byCroner(c.cron, c.zone, c.after);
    const settled = (list) => list.filter((t) => !c.zone.isNearChange(t));
    if (!ours || !theirs.length) {
        never++;
        if (ours || theirs.length)
            return wrong(c, ours, theirs);
        agree++;
        return;
    }
    const end = Math.min(ours.at(-1), theirs.at(-1));
    const [a, b] = [ours, theirs].map((list) => settled(list).filter((t) => t <= end && t < KNOWN));
    near += ours.length - settled(ours).length;
    compared += a.length;
    if (a.join() !== b.join())
        return wrong(c, ours, theirs);
    agree++;
});
console.error(`${compared} occurrences, ${near} near a change of the clock, ${never} never come`);
console.log(`${agree} schedules agree`);
