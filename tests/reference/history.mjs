/* history.mjs COUNT SEED - a made-up history of so many events, one step for drive.c per line.
 *
 *   {"op":"batch","at":MS,"mono":MS,"works":[{"events":[…],"refused":true?}, …],"fails":true?,
 *    "dies":"before"|"after"?}
 *                   several works in one transaction; of a refused one nothing may remain, nor of a
 *                   batch whose commit fails (it is tried again), or before whose commit the process
 *                   dies (so is that)
 *   {"op":"put"|"delete","at","mono","id","owner","automation"}
 *   {"op":"place","at","mono","team","organization"}
 *   {"op":"restart","clean":BOOL}
 *
 * Values are few and come again, so that windows meet thresholds exactly; some are the largest, the
 * smallest, or no numbers at all.  The machine's clock jumps. */

const MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const START = Date.parse("2026-03-20T00:00:00Z");       /* clocks change within */

/* mulberry32 */
export class Chance {
    constructor(seed) { this.state = seed >>> 0; }

    unit() {
        this.state = (this.state + 0x6d2b79f5) >>> 0;
        let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    }

    below(n) { return Math.floor(this.unit() * n); }
    one(list) { return list[this.below(list.length)]; }
    is(probability) { return this.unit() < probability; }
    some(list, probability) { return list.filter(() => this.is(probability)); }
    /* Small ones mostly, up to max. */
    small(max) { return 1 + Math.floor(max * this.unit() ** 4); }
}

const metrics = ["accuracy", "loss", "cpu", "system.cpu", "system.gpu.0.temp", "lr", "val/loss"];
const watched = ["accuracy", "loss", "cpu", "system.cpu", "gpu.0.temp", "val/loss"];
const states = ["RUNNING", "RUNNING", "FINISHED", "FAILED", "CRASHED", "KILLED", "PENDING"];
const places = [["acme", "vision"], ["acme", "audio"], ["beta", "vision"], ["gamma", "text"]];
const registry = ["lab-org", "wandb-registry-model"];
const users = ["ana", "ben", "Ζoë", "o'neil \"x\""];

export class History {
    constructor(count, seed) {
        this.chance = new Chance(seed);
        this.left = count;
        this.wall = START;
        this.mono = 5000;
        this.runs = [];
        this.runCount = 0;
        this.automations = new Map();
        this.automationCount = 0;
        this.keys = [];
    }

    *steps() {
        yield this.step({ op: "place", team: "acme", organization: "lab" });
        yield this.step({ op: "place", team: "beta", organization: "lab" });
        for (let i = 0; i < 40; i++)
            yield this.change(true);
        while (this.left > 0) {
            this.pass();
            yield this.batch();
            if (this.chance.is(.08))
                yield this.change(this.chance.is(.3));
            if (this.chance.is(.003))
                yield this.step({ op: "place", team: this.chance.one(["acme", "beta", "gamma"]),
                                  organization: this.chance.one(["lab", "lab", "other"]) });
            if (this.chance.is(.008))
                yield { op: "restart", clean: this.chance.is(.5) };
        }
    }

    step(more) { return { ...more, at: this.wall, mono: this.mono }; }

    /* A change has its milliseconds for itself, so that a backtest can begin at it. */
    alone(more) {
        this.wall += 10;
        this.mono += 10;
        const step = this.step(more);
        this.wall += 10;
        this.mono += 10;
        return step;
    }

    /* Time passes, evenly mostly. */
    pass() {
        const c = this.chance;
        const by = c.is(.2) ? 0 : c.is(.9) ? c.below(40000) : c.is(.8) ? c.below(20 * MINUTE)
            : c.is(.9) ? c.below(6 * HOUR) : c.below(2 * DAY);

        this.wall += by;
        this.mono += by;
        if (c.is(.01))
            this.wall += c.one([-HOUR, HOUR, -10 * MINUTE, 3 * DAY, -30 * MINUTE, DAY]);
    }

    /* ---- events ---- */

    batch() {
        const c = this.chance, works = [];
        if (c.is(.003))
            works.push({ events: this.storm() });
        for (let n = c.small(4); n > 0; n--) {
            const events = [];
            for (let k = c.small(40); k > 0; k--)
                events.push(this.event());
            works.push({ events, ...(c.is(.04) && { refused: true }) });
        }
        for (const work of works)
            this.left -= work.refused ? 0 : work.events.length;
        return this.step({ op: "batch", works, ...(c.is(.02) && { fails: true }),
                           ...(c.is(.004) && { dies: c.one(["before", "after"]) }) });
    }

    /* One cause has many effects. */
    storm() {
        const one = this.customEvent(), cause = `storm${this.left}`;
        return Array(100 + this.chance.below(300)).fill({ ...one, cause });
    }

    event() {
        const c = this.chance, kind = c.unit();
        const e = kind < .68 ? this.metricEvent() : kind < .76 ? this.runEvent("run.state")
            : kind < .79 ? this.runEvent("run.heartbeat") : kind < .83 ? this.alertEvent()
                : kind < .93 ? this.artifactEvent() : this.customEvent();
        if (c.is(.02))
            e.key = c.is(.3) && this.keys.length ? c.one(this.keys) : this.newKey();
        if (c.is(.05))
            e.cause = c.one(["c1", "c2"]);
        if (c.is(.03))
            e.hops = c.below(6);
        if (c.is(.3))
            e.author = c.one(users);
        if (c.is(.05))
            e.time = new Date(this.wall - c.below(DAY)).toISOString();
        return e;
    }

    newKey() {
        this.keys.push(`k${this.keys.length}`);
        return this.keys.at(-1);
    }

    /* A run: a new one now and then, mostly one of the latest. */
    run() {
        const c = this.chance;
        if (!this.runs.length || c.is(.01)) {
            const [entity, project] = c.one(places);
            const context = { id: `r${c.is(.05) ? c.below(9) : this.runCount++}`,
                              name: `${c.one(["europe", "asia", "sunny-frog"])}-${c.below(20)}` };
            this.runs.push({ entity, project, context, steps: new Map(), level: c.unit() });
            this.rename(this.runs.at(-1));
        }
        const at = this.runs.length - 1 - Math.floor(c.unit() ** 2 * Math.min(this.runs.length, 60));
        const run = this.runs[at];
        if (c.is(.02))
            this.rename(run);
        return run;
    }

    rename(run) {
        const c = this.chance;
        run.context = {
            ...run.context, ...(c.is(.8) && { user: c.one(users) }),
            ...(c.is(.6) && { tags: c.some(["baseline", "nightly", "big"], .5) }),
            ...(c.is(.4) && { group: c.one(["g1", "g2"]) }),
            ...(c.is(.4) && { job_type: c.one(["train", "eval"]) }),
            ...(c.is(.6) && { config: c.one([{ lr: .1, layers: [1, 2] }, { lr: { value: .01 } },
                                             { lr: { value: 3, desc: null } }, { bs: 32 }]) }),
        };
    }

    runEvent(type, more = {}) {
        const run = this.run(), e = { type, entity: run.entity, project: run.project,
                                      run: { ...run.context }, ...more };
        if (type === "run.state")
            e.run.state = this.chance.one(states);
        else if (this.chance.is(.1))
            e.run.state = "RUNNING";
        e.of = run;
        return e;
    }

    metricEvent() {
        const e = this.runEvent("run.metric"), c = this.chance;
        e.metrics = [];
        for (let n = c.small(8); n > 0; n--) {
            const name = c.one(metrics), step = this.nextStep(e.of, name);
            e.metrics.push({ name, value: this.value(e.of), ...(step !== null && { step }) });
        }
        return e;
    }

    nextStep(run, name) {
        const c = this.chance, last = run.steps.get(name) ?? c.below(3) - 1;
        if (c.is(.08))
            return null;
        const step = last + (c.is(.85) ? 1 : c.is(.5) ? c.below(5) - 3 : c.below(1000));
        run.steps.set(name, Math.max(step, last));
        return c.is(.0005) ? c.one([-9007199254740991, -5]) : step;
    }

    value(run) {
        const c = this.chance, kind = c.unit();
        if (kind < .55)
            return Math.round(20 * (run.level + c.unit() / 2)) / 20;
        if (kind < .8)
            return run.level + (c.unit() - .5) / 10;
        if (kind < .9)
            return c.below(5) - 2;
        if (kind < .94)
            return c.one(["NaN", "Infinity", "-Infinity"]);
        return c.one([1e308, -1e308, 1.7976931348623157e308, 5e-324, -5e-324, 2.2250738585072014e-308,
                      1e16, 1, .1, 1e-30, 123456789012345680, -.1, 3.5e-310]);
    }

    alertEvent() {
        const c = this.chance;
        return this.runEvent("run.alert", { alert: {
            title: c.one(["diverged", "slow"]), text: "look",
            ...(c.is(.5) && { level: c.one(["INFO", "WARN", "ERROR"]) }),
            ...(c.is(.4) && { wait: c.one([0, 1.5, 60, 600]) }) } });
    }

    artifactEvent() {
        const c = this.chance, [entity, project] = c.one([...places, registry, registry]);
        const type = c.one(["artifact.create", "artifact.link", "artifact.unlink",
            "artifact.alias.add", "artifact.tag.add", "artifact.tag.remove", "collection.tag.add",
            "collection.tag.remove"]);
        const e = { type, entity, project, collection: c.one(["resnet", "bert"]) };
        if (type === "artifact.alias.add" || (type === "artifact.link" && c.is(.3)))
            e.alias = c.one(["production", "staging", "latest"]);
        if (type.includes(".tag."))
            e.tag = c.one(["reviewed", "europe-west"]);
        if (type.startsWith("artifact."))
            e.artifact = { version: `v${c.below(9)}`, type: c.one(["model", "dataset"]),
                           metadata: { acc: c.below(10) / 10, kind: c.one(["cnn", "gpt"]) } };
        if (c.is(.1))
            e.run = { id: `r${c.below(9)}` };           /* named in passing, not a run's event */
        return e;
    }

    customEvent() {
        const c = this.chance, [entity, project] = c.one([...places, registry]);
        return { type: c.one(["ci.finished", "ci.finished", "disk.full"]), entity,
                 ...(c.is(.6) && { project }),
                 ...(c.is(.3) && { run: { id: `r${c.below(9)}` } }),
                 data: { ok: c.is(.5), n: c.below(4), tags: c.some(["x", "y"], .5) } };
    }

    /* ---- automations ---- */

    change(create) {
        const c = this.chance, ids = [...this.automations.keys()];
        if (create && ids.length > 60)          /* about as many go as come */
            return this.remove(c.one(ids));
        if (create || !ids.length) {
            const id = `A${String(++this.automationCount).padStart(5, "0")}`;
            const owner = c.one(["acme", "acme", "beta", "gamma", "lab-org"]);
            this.automations.set(id, { owner, spec: this.automation(id, owner) });
            return this.put(id);
        }
        const id = c.one(ids), a = this.automations.get(id), what = c.unit();
        if (what < .15)
            return this.remove(id);
        if (what < .45)
            a.spec = { ...a.spec, enabled: !(a.spec.enabled ?? true) };
        else if (what < .65)
            a.spec = { ...a.spec, description: `changed at ${this.wall}` };
        else
            a.spec = { ...this.automation(id, a.owner) };
        return this.put(id);
    }

    put(id) {
        const { owner, spec } = this.automations.get(id);
        return this.alone({ op: "put", id, owner, automation: spec });
    }

    remove(id) {
        this.automations.delete(id);
        return this.alone({ op: "delete", id });
    }

    scope(owner) {
        const c = this.chance;
        if (owner === "lab-org")
            return c.is(.5) ? { entity: owner } : { entity: owner, project: registry[1] };
        const project = c.one(places.filter((p) => p[0] === owner))[1];
        return c.is(.3) ? { entity: owner } : { entity: owner, project };
    }

    automation(id, owner) {
        const c = this.chance, kind = c.unit();
        const [type, filter] = kind < .22 ? ["RUN_METRIC", this.metricFilter(this.threshold())]
            : kind < .36 ? ["RUN_METRIC", this.metricFilter(this.combined(2))]
                : kind < .48 ? ["RUN_METRIC_CHANGE", this.metricFilter(this.movement())]
                    : kind < .6 ? ["RUN_METRIC_ZSCORE", this.metricFilter(this.zscore())]
                        : kind < .7 ? ["RUN_STATE", { run_filter: this.runFilter(),
                            run_state_filter: { states: this.someStates() } }]
                            : kind < .75 ? ["RUN_ALERT", { run_filter: this.runFilter() }]
                                : kind < .8 ? ["SCHEDULE", this.schedule()]
                                    : kind < .88 ? ["ABSENCE", this.absence()]
                                        : this.artifactTrigger();
        const isRun = type.startsWith("RUN_"), isMetric = type.startsWith("RUN_METRIC");
        const limits = this.limits(isRun, isMetric || type === "RUN_STATE", type);
        const hooks = c.is(.4) ? this.hooks() : null;
        return { name: id, scope: this.scope(owner),
                 event: { type, filter: c.is(.1) ? JSON.stringify(filter) : filter },
                 ...(limits && { limits }), ...(hooks && { hooks }), ...(c.is(.05) && { dry_run: true }),
                 actions: [{ integration: "I1", config: {} }] };
    }

    metricFilter(condition) {
        return { run_filter: this.runFilter(), run_metric_filter: condition, metric_filter: null };
    }

    amount() {
        const c = this.chance;
        return c.is(.8) ? Math.round(20 * (c.unit() * 1.5)) / 20 : c.one([0, 1e-30, 1e300, -1, .1]);
    }

    size(max) {
        const c = this.chance;
        return c.is(.1) ? max : c.is(.5) ? 1 + c.below(5) : 1 + c.below(max);
    }

    threshold() {
        const c = this.chance;
        return { threshold_filter: { name: c.one(watched),
            agg_op: c.one([null, "AVERAGE", "MIN", "MAX"]), window_size: this.size(30),
            cmp_op: c.one(["$gt", "$gte", "$lt", "$lte", "$eq", "$ne"]), threshold: this.amount() } };
    }

    movement() {
        const c = this.chance, aggregation = c.one([null, "AVERAGE", "MIN", "MAX"]);
        return { change_filter: { name: c.one(watched), agg_op: aggregation,
            current_window_size: this.size(10), prior_window_size: this.size(20),
            change_type: c.one(["RELATIVE", "ABSOLUTE"]),
            change_dir: c.one(["INCREASE", "DECREASE", "ANY"]),
            change_amount: c.one([.05, .1, .25, .5, 1, 1e-30]) } };
    }

    zscore() {
        const c = this.chance, ofRuns = c.is(.3);
        return { zscore_filter: { name: c.one(watched), window_size: 1 + this.size(ofRuns ? 8 : 30),
            threshold: c.one([.5, 1, 2, 3]), change_dir: c.one(["INCREASE", "DECREASE", "ANY"]),
            ...(ofRuns && { baseline: "runs" }) } };
    }

    combined(depth) {
        const c = this.chance, of = [];
        for (let n = 2 + c.below(2); n > 0; n--)
            of.push(depth > 1 && c.is(.25) ? this.combined(depth - 1)
                : c.one([this.threshold(), this.movement(), this.zscore()]));
        return { [c.one(["$and", "$or"])]: of };
    }

    someStates() {
        const some = this.chance.some(["RUNNING", "FINISHED", "FAILED"], .5);
        return some.length ? some : ["FAILED"];
    }

    runFilter() {
        const c = this.chance;
        const filter = c.one([
            { $and: [] }, { $and: [] }, {}, { $and: [{ display_name: { $regex: "^europe.*" } }] },
            { $and: [{ display_name: { $contains: "frog" } }] }, { user: "ana" },
            { $and: [{ tags: { $in: ["big", "nightly"] } }] }, { group: { $ne: "g1" } },
            { $or: [{ job_type: "train" }, { "config.lr": { $gt: .05 } }] },
            { "config.bs": { $exists: true } }, { $nor: [{ state: "RUNNING" }] },
            { project_name: { $in: ["vision", "text"] } }, { run_id: { $nin: ["r1", "r2"] } },
        ]);
        return c.is(.3) ? JSON.stringify(filter) : filter;
    }

    schedule() {
        const c = this.chance;
        return { cron: c.one(["*/7 * * * *", "@hourly", "30 2 * * *", "0 9 * * mon-fri",
                              "15,45 */3 1-7 * *", "0 0 1 * sun", "0 2 29 3 *"]),
                 ...(c.is(.7) && { time_zone: c.one(["Europe/Berlin", "America/New_York",
                                                     "Australia/Lord_Howe", "UTC"]) }) };
    }

    absence() {
        const c = this.chance, of = c.one(["run.metric", "run.metric", "run.heartbeat", "run",
                                           "ci.finished", "artifact.create"]);
        const isRun = of.startsWith("run"), perRun = isRun && c.is(.7);
        return { of, for: c.one(["90s", "10m", "30m", "3h"]),
                 ...(of === "run.metric" && c.is(.6) && { metric: c.one(watched) }),
                 per: perRun ? "run" : "scope",
                 ...(isRun && { run_filter: this.runFilter() }) };
    }

    artifactTrigger() {
        const c = this.chance;
        return c.one([
            ["ADD_ARTIFACT_ALIAS", { $or: [{ $and: [{ alias: { $eq: "production" } }] }] }],
            ["ADD_ARTIFACT_ALIAS", { alias: { $regex: "^(stag|prod)" } }],
            ["LINK_MODEL", {}], ["CREATE_ARTIFACT", { artifact_type: "model" }],
            ["ADD_ARTIFACT_TAG", { tag: { $in: ["reviewed", "x"] } }],
            ["REMOVE_COLLECTION_TAG", {}], ["UNLINK_ARTIFACT", { "metadata.acc": { $gte: .5 } }],
            ["ci.finished", { "data.n": { $lt: 2 } }], ["ci.finished", {}],
            ["disk.full", { "data.tags": "x" }],
        ]);
    }

    /* Its script is no Lua: scripts.mjs and drive.c both know what it says. */
    hooks() {
        const c = this.chance;
        return { ...(c.is(.9) && { filter: { code: `filter ${c.below(10)}`,
                     ...(c.is(.75) && { on_error: c.one(["fail", "fire", "skip"]) }) } }),
                 ...(c.is(.2) && { transform: { file: c.one(["a.lua", "b.lua"]) } }) };
    }

    limits(isRun, perRun, type) {
        const c = this.chance, limits = {};
        if (perRun && c.is(.5))
            limits.per_run = c.one(["off", "1h", "24h", "10m"]);
        if (c.is(.25))
            limits.cooldown = c.one(["1s", "10m", "2h"]);
        if (c.is(.25))
            limits.rate = { count: c.one([1, 2, 5, 7]), within: c.one(["10s", "1h", "1d"]) };
        if ((limits.cooldown || limits.rate) && c.is(.7))
            limits.over = c.one(["delay", "skip", "digest"]);
        if (c.is(.2))
            limits.matches = { count: 1 + c.below(4), within: c.one(["30s", "10m", "6h"]),
                               ...(c.is(.6) && { per: c.one(isRun ? ["automation", "run", "project"]
                                   : type === "SCHEDULE" ? ["automation"]
                                       : ["automation", "project"]) }) };
        return Object.keys(limits).length || c.is(.05) ? limits : null;
    }
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
    const history = new History(Number(process.argv[2]), Number(process.argv[3] ?? 1));
    let text = "";

    for (const step of history.steps()) {
        for (const work of step.works ?? [])
            for (const e of work.events)
                delete e.of;
        text += JSON.stringify(step) + "\n";
        if (text.length > 1 << 20) {
            process.stdout.write(text);
            text = "";
        }
    }
    process.stdout.write(text);
}
