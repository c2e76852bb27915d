/* evaluator.mjs - what a journal should have led to: the meaning of automations once more, written
 * to be read and not to be fast, and sharing nothing with the hub.
 *
 * It is given the records of a journal, in order: {seq, received, event}, `event` being the sender's
 * object.  Automations are themselves records.  What it keeps are lists: all values of a metric, all
 * firings so far; windows, limits and waits are worked out from these each time anew. */
import { average, deviation } from "./numbers.mjs";
import { Cron } from "./cron.mjs";
import { matches, unwrap } from "./filters.mjs";

const MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const units = { ms: 1, s: 1000, m: MINUTE, h: HOUR, d: DAY };

export function duration(text) {
    const [, count, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text);
    return Number(count) * units[unit];
}

/* Wire name of a trigger -> the type of its events. */
const triggers = {
    CREATE_ARTIFACT: ["artifact.create", "artifact.link"], LINK_MODEL: ["artifact.link"],
    UNLINK_ARTIFACT: ["artifact.unlink"], ADD_ARTIFACT_ALIAS: ["artifact.alias.add"],
    ADD_ARTIFACT_TAG: ["artifact.tag.add"], REMOVE_ARTIFACT_TAG: ["artifact.tag.remove"],
    ADD_COLLECTION_TAG: ["collection.tag.add"], REMOVE_COLLECTION_TAG: ["collection.tag.remove"],
    RUN_METRIC: ["run.metric"], RUN_METRIC_CHANGE: ["run.metric"],
    RUN_METRIC_ZSCORE: ["run.metric"], RUN_STATE: ["run.state"], RUN_ALERT: ["run.alert"],
    SCHEDULE: ["schedule.tick"], ABSENCE: ["clock.advance"],
};
const isRegistry = (project) => /^wandb-registry-|^model-registry$/.test(project ?? "");
const isRunType = (type) => type.startsWith("run.");
const isClock = (type) => type === "schedule.tick" || type === "clock.advance";
const keyOf = (event) => (event.run?.id === undefined ? null
    : JSON.stringify([event.entity, event.project, event.run.id]));

/* The same object whatever the order of its members. */
function sorted(value) {
    if (Array.isArray(value))
        return value.map(sorted);
    if (!value || typeof value !== "object")
        return value;
    return Object.fromEntries(Object.keys(value).sort().map((k) => [k, sorted(value[k])]));
}

/* ---- automations ---- */

const without = (object) => Object.fromEntries(
    Object.entries(object ?? {}).filter(([, value]) => value !== null));

/* A condition, or {op, of: [...]}. */
function readCondition(json) {
    for (const op of ["$and", "$or"])
        if (json[op])
            return { op, of: json[op].map(readCondition) };
    const t = json.threshold_filter, c = json.change_filter, z = json.zscore_filter;
    if (t) {
        const f = without(t);
        return { kind: "threshold", name: f.name, aggregation: f.agg_op ?? null,
                 window: f.agg_op ? f.window_size ?? 1 : 1, op: f.cmp_op, amount: f.threshold };
    }
    if (c) {
        const f = without(c), current = f.agg_op ? f.current_window_size ?? 1 : 1;
        return { kind: "change", name: f.name, aggregation: f.agg_op ?? null, window: current,
                 prior: f.agg_op ? f.prior_window_size ?? current : 1,
                 relative: (f.change_type ?? "RELATIVE") === "RELATIVE",
                 direction: f.change_dir ?? "ANY", amount: f.change_amount };
    }
    const f = without(z);
    return { kind: "zscore", name: f.name, window: f.window_size ?? 30, amount: f.threshold ?? 3,
             direction: f.change_dir ?? "ANY", ofRuns: f.baseline === "runs" };
}

const leaves = (c) => (c.op && c.of ? c.of.flatMap(leaves) : [c]);

function readAutomation(id, spec, record, before) {
    const wire = spec.event.type;
    const filter = wire.startsWith("RUN_") || wire === "ABSENCE" || wire === "SCHEDULE"
        ? unwrap(spec.event.filter) ?? {} : null;
    const same = ({ scope, event, limits, dry_run }) =>
        JSON.stringify(sorted([scope, event, limits ?? null, dry_run ?? false]));
    const limits = spec.limits ?? {};
    const perRun = limits.per_run ?? (/^RUN_(METRIC|STATE)/.test(wire) ? "24h" : "off");
    const a = {
        id, wire, spec,
        enabled: spec.enabled ?? true,
        scope: spec.scope,
        era: before && same(before.spec) === same(spec) ? before.era : record.seq,
        filter: filter === null ? unwrap(spec.event.filter)
            : unwrap(wire === "RUN_ALERT" && !("run_filter" in filter) ? filter
                : filter.run_filter ?? filter.filter ?? null),
        condition: filter?.run_metric_filter ? readCondition(filter.run_metric_filter) : null,
        states: filter?.run_state_filter?.states.map((s) => (s === "CRASHED" ? "FAILED" : s)),
        perRun: perRun === "off" ? 0 : duration(perRun),
        cooldown: limits.cooldown ? duration(limits.cooldown) : 0,
        rate: limits.rate && { count: limits.rate.count, within: duration(limits.rate.within) },
        over: limits.over ?? "delay",
        enough: limits.matches && { count: limits.matches.count,
            within: duration(limits.matches.within),
            per: limits.matches.per ?? (wire.startsWith("RUN_") ? "run" : "automation") },
    };
    if (wire === "ABSENCE")
        a.absence = { of: filter.of, metric: filter.metric ?? null, for: duration(filter.for),
                      perRun: (filter.per ?? (isRunType(filter.of) || filter.of === "run"
                          ? "run" : "scope")) === "run" };
    if (wire === "SCHEDULE") {
        a.cron = new Cron(filter.cron, filter.time_zone ?? "UTC");
        a.next = () => {
            if (a.nextOf !== a.since)
                [a.nextOf, a.nextIs] = [a.since, a.cron.next(a.since)];
            return a.nextIs;
        };
    }
    return a;
}

/* ---- the journal so far ---- */

export class Reference {
    constructor({ silence = 5 * MINUTE } = {}) {
        this.silence = silence;         /* a running run that says nothing for so long has crashed */
        this.automations = new Map();
        this.organizations = new Map(); /* team -> own entity of its organization */
        this.runs = new Map();
        this.history = new Map();       /* automation and era -> its firings, oldest first */
        this.matched = new Map();       /* the same and a key -> times of matches since it fired */
        this.waits = new Map();         /* absences: the same, and a run -> {last, due} */
        this.alerts = new Map();        /* run and title -> until when others wait */
        this.causes = new Map();        /* cause -> times of firings */
        this.now = 0;
        this.out = [];
    }

    /* What this record leads to. */
    record(record) {
        const { event, received } = record;

        this.out = [];
        this.owed(record);
        this.now = received;
        this.administer(record);
        const run = isRunType(event.type) ? this.meet(event) : this.runs.get(keyOf(event));
        if (event.type === "run.metric")
            this.judgeMetrics(record, run);
        else
            this.judgeOther(record, run);
        this.listen(record, run);
        return this.out;
    }

    administer({ seq, received, event }) {
        const [, noun, verb] = /^belfry\.(\w+)\.(\w+)$/.exec(event.type) ?? [];

        if (noun === "team" && verb === "put")
            this.organizations.set(event.data.team, `${event.data.organization}-org`);
        if (noun !== "automation")
            return;
        const before = this.automations.get(event.data.id);
        if (before && (verb === "delete" || verb === "disable"))
            this.forgetWaits(before);
        if (verb === "delete") {
            this.automations.delete(event.data.id);
            return;
        }
        const a = readAutomation(event.data.id, event.data.automation, { seq }, before);
        a.since = before && before.enabled && before.era === a.era ? before.since : received;
        this.automations.set(a.id, a);
    }

    inScope(a, event) {
        const { entity, project, collection, organization } = a.scope;
        const owner = organization ? `${organization}-org` : entity;

        if (!project && owner === this.organizations.get(event.entity))
            return true;
        return owner === event.entity && (!project || project === event.project) &&
            (!collection || collection === event.collection);
    }

    /* Those that this event could fire, by id. */
    candidates(event) {
        return [...this.automations.values()].filter((a) => {
            if (isClock(event.type))
                return a.enabled && event.data.automation === a.id &&
                    (a.wire === "SCHEDULE") === (event.type === "schedule.tick");
            const types = triggers[a.wire] ?? [a.wire];
            return a.enabled && !isClock(types[0]) && types.includes(event.type) &&
                (a.wire !== "CREATE_ARTIFACT" || event.type !== "artifact.link" ||
                 isRegistry(event.project)) && this.inScope(a, event);
        }).sort((a, b) => (a.id < b.id ? -1 : 1));
    }

    /* ---- runs ---- */

    meet(event) {
        const key = keyOf(event);

        if (!this.runs.has(key))
            this.runs.set(key, { key, number: this.runs.size + 1, state: null, heard: 0,
                                 series: new Map(), place: `${event.entity}/${event.project}` });
        return this.runs.get(key);
    }

    /* ---- metrics ---- */

    /* In the order in which points are taken. */
    static points(event) {
        const stepped = event.metrics.filter((m) => m.step !== undefined);
        const rest = event.metrics.filter((m) => m.step === undefined);
        stepped.sort((a, b) => a.step - b.step);        /* stable */
        return [...stepped, ...rest].map((m) => ({ ...m, value: Number(m.value) }));
    }

    judgeMetrics(record, run) {
        const candidates = this.candidates(record.event)
            .filter((a) => matches(a.filter, record.event));

        for (const point of Reference.points(record.event)) {
            if (!run.series.has(point.name))
                run.series.set(point.name, { step: -Infinity, values: [] });
            const series = run.series.get(point.name);
            if (point.step !== undefined) {
                if (point.step <= series.step)
                    continue;
                series.step = point.step;
            }
            if (!Number.isFinite(point.value))
                continue;
            series.values.push(point.value);
            for (const a of candidates)
                if (leaves(a.condition).some((c) => watches(c.name, point.name)))
                    this.judgePoint(record, run, point, a);
        }
    }

    judgePoint(record, run, point, a) {
        const results = leaves(a.condition).map((c) => ({ c, ...this.measure(run, point, c) }));
        const truth = (c) => (c.op && c.of
            ? c.of[c.op === "$and" ? "every" : "some"](truth)
            : results.find((r) => r.c === c).holds === true);

        if (!truth(a.condition))
            return;
        const mine = results.find((r) => watches(r.c.name, point.name));
        this.limit(record, run, a, {
            metric: point.name, values: mine.values, step: point.step ?? null,
            conditions: results.map((r) => ({ metric: r.metric, result: r.holds,
                                              values: r.values ?? [] })),
        });
    }

    /* One condition, as of this point of this run: {metric, holds: true, false or null (unknown),
     * values: what was compared}. */
    measure(run, point, c) {
        const plain = run.series.get(c.name);
        const metric = watches(c.name, point.name) ? point.name
            : plain && plain.values.length || c.name.startsWith("system.") ? c.name
                : `system.${c.name}`;
        const values = run.series.get(metric)?.values ?? [];
        const last = (n, behind = 0) => (values.length < n + behind ? null
            : values.slice(values.length - n - behind, values.length - behind));

        if (c.kind === "threshold") {
            const window = last(c.window);
            if (!window)
                return { metric, holds: null };
            const value = aggregate(c.aggregation, window);
            return { metric, holds: comparisons[c.op](value, c.amount), values: [value] };
        }
        if (c.kind === "change") {
            const now = last(c.window), before = last(c.prior, c.window);
            if (!now || !before)
                return { metric, holds: null };
            const pair = [aggregate(c.aggregation, now), aggregate(c.aggregation, before)];
            if (c.relative && pair[1] === 0)
                return { metric, holds: false, values: pair };
            const d = pair[0] - pair[1];
            return { metric, values: pair,
                     holds: moved(c.relative ? d / Math.abs(pair[1]) : d, c) };
        }
        const window = c.ofRuns ? this.earlierRuns(run, metric, c.window) : last(c.window, 1);
        if (!window || values.length === 0)
            return { metric, holds: null };
        const sd = deviation(window);
        if (sd === 0)
            return { metric, holds: false, values: [] };
        const z = (values[values.length - 1] - average(window)) / sd;
        return { metric, holds: moved(z, c), values: [z] };
    }

    /* Their last values; null unless there are as many. */
    earlierRuns(run, metric, n) {
        const found = [...this.runs.values()]
            .filter((r) => r.place === run.place && r.number < run.number &&
                           r.series.get(metric)?.values.length)
            .sort((a, b) => b.number - a.number).slice(0, n)
            .map((r) => r.series.get(metric).values.at(-1));
        return found.length === n ? found : null;
    }

    /* ---- everything else ---- */

    judgeOther(record, run) {
        const { event, received } = record;
        const from = run?.state ?? null;
        const isReport = event.type === "run.state";
        let waiting = 0;

        if (isReport)
            run.state = event.run.state;
        if (event.type === "run.alert") {
            const title = JSON.stringify([run.key, event.alert.title]);
            waiting = this.alerts.get(title) ?? 0;
            if (received >= waiting) {
                waiting = 0;
                this.alerts.set(title, received + Math.trunc(1000 * (event.alert.wait ?? 60)));
            }
        }
        for (const a of this.candidates(event)) {
            if (isReport && (from === event.run.state || !a.states.includes(
                event.run.state === "CRASHED" ? "FAILED" : event.run.state)))
                continue;
            if (!isClock(event.type) && !matches(a.filter, event))
                continue;
            if (waiting)
                this.say(record, run, a, "suppressed", { reason: "alert_wait", until: waiting });
            else
                this.limit(record, run, a, isReport ? { from, to: event.run.state }
                    : event.type === "schedule.tick" ? { occurrence: event.data.occurrence,
                        late: event.data.late, missed: event.data.missed } : null);
        }
    }

    /* ---- limits ---- */

    firings(a) {
        const key = `${a.id} ${a.era}`;
        if (!this.history.has(key))
            this.history.set(key, []);
        return this.history.get(key);
    }

    limit(record, run, a, facts) {
        const { received, event } = record;
        const earlier = a.perRun || a.cooldown || a.rate ? this.firings(a) : null;

        if (a.enough && !this.isEnough(a, run, record))
            return;
        if (a.perRun && run) {
            const last = earlier.findLast((f) => f.run === run.key &&
                (a.wire !== "RUN_STATE" || f.state === event.run.state));
            if (last && received - last.received < a.perRun)
                return this.say(record, run, a, "suppressed", { reason: "fire_limit_24h",
                                                                until: last.received + a.perRun });
        }
        const [due, name] = this.soonest(a, received);
        let ruling = "fires";
        if (due > received && a.over === "skip")
            return this.say(record, run, a, "suppressed", { reason: name, until: due });
        if (event.cause !== undefined && this.isLoop(event.cause, received))
            return this.say(record, run, a, "suppressed", { reason: "loop" });
        if (due > received && a.over === "digest")
            ruling = "opens";
        this.say(record, run, a, ruling, { due, facts });
    }

    /* When the cooldown and the rate allow the next one, and which of them says so. */
    soonest(a, received) {
        const dues = a.cooldown || a.rate ? this.firings(a).map((f) => f.due) : [];
        let due = received, name = null;

        if (a.cooldown && dues.length && dues.at(-1) + a.cooldown > due)
            [due, name] = [dues.at(-1) + a.cooldown, "cooldown"];
        if (a.rate) {
            const each = Math.floor(a.rate.within * 1000 / a.rate.count);       /* us */
            let full = 0;       /* when the bucket would be full again */
            for (const d of dues)
                full = Math.max(full, d * 1000) + each;
            const free = Math.ceil((full - each * (a.rate.count - 1)) / 1000);
            if (free > due)
                [due, name] = [free, "rate_limited"];
        }
        return [due, name];
    }

    isEnough(a, run, { event, received }) {
        const part = { run: run?.key, project: event.project, collection:
            JSON.stringify([event.project, event.collection]), automation: "" }[a.enough.per];
        const key = JSON.stringify([a.id, a.era, event.entity, part]);
        const times = (this.matched.get(key) ?? [])
            .filter((t) => received - t <= a.enough.within).concat(received);

        this.matched.set(key, times.length >= a.enough.count ? [] : times);
        return times.length >= a.enough.count;
    }

    isLoop(cause, received) {
        const times = (this.causes.get(cause) ?? []).filter((t) => received - t < HOUR);

        this.causes.set(cause, times);
        return times.length >= 1000;
    }

    say(record, run, a, ruling, { reason = null, until = null, due = null, facts = null }) {
        const { seq, received, event } = record;

        this.out.push({ seq, automation: a.id, ruling, reason, until, due, facts });
        if (ruling === "suppressed")
            return;
        this.firings(a).push({ received, due, run: run?.key, state: event.run?.state });
        if (event.cause !== undefined) {
            if (!this.causes.has(event.cause))
                this.causes.set(event.cause, []);
            this.causes.get(event.cause).push(received);
        }
    }

    /* ---- waits ---- */

    forgetWaits(a) {
        for (const key of this.waits.keys())
            if (JSON.parse(key)[0] === a.id)
                this.waits.delete(key);
    }

    /* An event is what an absence waits for, or arms it, or ends it. */
    listen({ event, received }, run) {
        if (isRunType(event.type))
            run.heard = received;
        if (isClock(event.type) || event.type.startsWith("belfry."))
            return;
        for (const a of this.automations.values()) {
            if (!a.absence || !a.enabled || !this.inScope(a, event))
                continue;
            const { of, metric, perRun } = a.absence;
            const key = JSON.stringify([a.id, a.era, perRun ? keyOf(event) : null]);
            const isIt = (of === event.type || (of === "run" && isRunType(event.type))) &&
                (!metric || event.metrics.some((m) => watches(metric, m.name)));
            const arms = isIt || (perRun && isRunType(of + ".") && isRunType(event.type) &&
                                  !this.waits.has(key));

            if (perRun && keyOf(event) === null)
                continue;
            if (event.type === "run.state" && perRun &&
                ["FINISHED", "FAILED", "KILLED"].includes(event.run.state))
                this.waits.delete(key);
            else if (arms && matches(a.filter, event))
                this.waits.set(key, { last: received, due: received + a.absence.for });
        }
    }

    /* Absences and schedules whose time has come, in the order in which they must be told. */
    pending(received) {
        const found = [];

        for (const [key, wait] of this.waits) {
            const [id, era, run] = JSON.parse(key);
            if (wait.due !== null && wait.due <= received && this.automations.get(id)?.era === era)
                found.push({ id, run, due: wait.due, key, last: wait.last });
        }
        for (const a of this.automations.values()) {
            if (!a.cron || !a.enabled || a.next() > received)
                continue;
            const all = a.cron.between(a.since, received);
            found.push({ id: a.id, run: null, due: all.at(-1), missed: all.length - 1,
                         late: all.length > 1 || received - all.at(-1) > MINUTE });
        }
        const number = (run) => (run ? this.runs.get(run).number : 0);
        return found.sort((a, b) => a.due - b.due || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0) ||
                          number(a.run) - number(b.run));
    }

    /* What the hub must have journaled of its own before this record, or as this record: waits that
     * are over, runs that fell silent, and crashed ones that are heard of again. */
    owed({ seq, received, event }) {
        const run = this.runs.get(keyOf(event));
        const isOwn = event.source === "belfry" && event.type === "run.state";

        if (isClock(event.type)) {
            const first = this.pending(received)[0];
            this.out.push({ seq, wait: first?.id ?? null, run: first?.run ?? null,
                            due: first?.due ?? null, last: first?.last ?? null,
                            missed: first?.missed ?? null, late: first?.late ?? null });
            if (first?.key)
                this.waits.get(first.key).due = null;
            else if (first)
                this.automations.get(first.id).since = first.due;
            return;
        }
        if (isOwn) {
            const silent = run?.state === "RUNNING" && this.isSilent(run, received);
            this.out.push({ seq, own: silent ? "CRASHED" : run?.state === "CRASHED" ? "RUNNING"
                : null, run: run?.key ?? null });
            return;
        }
        if (run?.state === "CRASHED" && isRunType(event.type) && event.type !== "run.state")
            this.out.push({ seq, owes: "RUNNING", run: run.key });
        if (received === this.now)
            return;
        for (const { id, run: of, due } of this.pending(received))
            this.out.push({ seq, owes: id, run: of, due });
        for (const r of this.runs.values())
            if (r.state === "RUNNING" && this.isSilent(r, received))
                this.out.push({ seq, owes: "CRASHED", run: r.key });
    }

    isSilent(run, received) {
        return this.silence > 0 && received - run.heard >= this.silence;
    }
}

/* ---- arithmetic ---- */

/* "system." may be left out. */
const watches = (name, metric) => name === metric || `system.${name}` === metric;

function aggregate(how, window) {
    if (how === "AVERAGE")
        return average(window);
    if (how === "MIN" || how === "MAX")
        return window.reduce((a, b) => ((how === "MIN") === b < a ? b : a));
    return window.at(-1);
}

const comparisons = {
    $gt: (a, b) => a > b, $gte: (a, b) => a >= b, $lt: (a, b) => a < b, $lte: (a, b) => a <= b,
    $eq: (a, b) => a === b, $ne: (a, b) => a !== b,
};

const moved = (by, { direction, amount }) =>
    direction === "INCREASE" ? by >= amount
        : direction === "DECREASE" ? by <= -amount : Math.abs(by) >= amount;
