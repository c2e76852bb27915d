/* evaluator.mjs - what a journal should have led to: the meaning of automations once more, written
 * to be read and not to be fast, and sharing nothing with the hub.
 *
 * It is given the records of a journal, in order: {seq, received, event}, `event` being the sender's
 * object.  Automations are themselves records.  What it keeps are lists: all values of a metric, all
 * firings so far; windows, limits and waits are worked out from these each time anew. */
import { average, deviation } from "./numbers.mjs";
import { Cron } from "./cron.mjs";
import { matches, unwrap } from "./filters.mjs";
import { say as script } from "./scripts.mjs";

const MINUTE = 60000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const SHOWN = 20;               /* values of a window, in verdicts */
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
const isOwn = (event) => event.type === "run.state" && event.source === "belfry";
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
    const same = ({ scope, event, limits, hooks, dry_run }) =>
        JSON.stringify(sorted([scope, event, limits ?? null, dry_run ?? false,
            hooks?.filter ? { on_error: "fail", ...hooks.filter } : null]));
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
        script: spec.hooks?.filter?.code ?? null,
        onError: spec.hooks?.filter?.on_error ?? "fail",
        enough: limits.matches && { count: limits.matches.count,
            within: duration(limits.matches.within),
            per: limits.matches.per ?? (wire.startsWith("RUN_") ? "run" : "automation") },
    };
    if (wire === "ABSENCE")
        a.absence = { of: filter.of, metric: filter.metric ?? null, text: filter.for,
                      for: duration(filter.for),
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

const clockFacts = (a, { occurrence, late, missed, last }) => (a.wire === "SCHEDULE"
    ? { occurrence, late, missed } : { of: a.absence.of, for: a.absence.text, last });

/* ---- the journal so far ---- */

export class Reference {
    constructor({ silence = 5 * MINUTE } = {}) {
        this.silence = silence;         /* a running run that says nothing for so long has crashed */
        this.automations = new Map();
        this.organizations = new Map(); /* team -> own entity of its organization */
        this.runs = new Map();
        this.projects = new Map();      /* entity and project -> its runs, oldest first */
        this.history = new Map();       /* automation and era -> its firings, oldest first */
        this.matched = new Map();       /* the same and a key -> times of matches since it fired */
        this.waits = new Map();         /* absences: the same, and a run -> the wait */
        this.quiet = new Set();         /* those that fired, until what they wait for comes */
        this.alerts = new Map();        /* run and title -> until when others wait */
        this.causes = new Map();        /* cause -> {until, count} of firings */
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

        if (noun === "team" && verb === "saved")
            this.organizations.set(event.data.team, `${event.data.organization}-org`);
        if (noun !== "automation")
            return;
        const before = this.automations.get(event.data.id);
        const a = verb === "deleted" ? null
            : readAutomation(event.data.id, event.data.automation, { seq }, before);
        if (before && !a?.enabled)
            this.forgetWaits(before);
        if (!a) {
            this.automations.delete(event.data.id);
            return;
        }
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

        if (!this.runs.has(key)) {
            const place = `${event.entity}/${event.project}`;
            const siblings = this.projects.get(place) ?? [];
            const run = { key, number: this.runs.size + 1, state: null, heard: 0,
                          series: new Map(), siblings };
            siblings.push(run);
            this.projects.set(place, siblings);
            this.runs.set(key, run);
        }
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
        const all = leaves(a.condition);
        const results = all.map((c) => this.measure(run, point, c));
        const truth = (c) => (c.of ? c.of[c.op === "$and" ? "every" : "some"](truth)
            : results[all.indexOf(c)].result === true);

        if (!truth(a.condition))
            return;
        const mine = results[all.findIndex((c) => watches(c.name, point.name))];
        if (this.scriptAgrees(record, run, a))
            this.limit(record, run, a, { metric: point.name, values: mine.observed,
                step: point.step ?? null,
                conditions: results.map(({ observed, ...shown }) => shown) });
    }

    /* One condition, as of this point of this run, as verdicts show it; `result` is null if it is
     * unknown, and `observed` is what messages tell. */
    measure(run, point, c) {
        const has = (name) => run.series.get(name)?.values.length > 0;
        const longer = `system.${c.name}`;
        const metric = watches(c.name, point.name) ? point.name
            : !has(c.name) && has(longer) && !c.name.startsWith("system.") ? longer : c.name;
        const all = run.series.get(metric)?.values ?? [];

        if (c.kind === "threshold")
            return { metric, ...this.threshold(all, c) };
        return { metric, ...(c.kind === "change" ? this.change(all, c)
            : this.score(all, c, c.ofRuns ? this.earlierRuns(run, metric, c.window) : null)) };
    }

    threshold(all, c) {
        const window = newest(all, c.window), missing = c.window - window.length;
        const shown = show("values", window);

        if (missing)
            return { result: null, missing, ...shown, observed: [] };
        const value = aggregate(c.aggregation, window);
        return { result: comparisons[c.op](value, c.amount), value, ...shown, observed: [value] };
    }

    change(all, c) {
        const after = newest(all, c.window), before = newest(all, c.prior, c.window);
        const missing = Math.max(c.window + c.prior - all.length, 0);
        const shown = { ...show("values", after), ...show("prior_values", before) };

        if (missing)
            return { result: null, missing, ...shown, observed: [] };
        const current = aggregate(c.aggregation, after), prior = aggregate(c.aggregation, before);
        if (c.relative && prior === 0)
            return { result: false, reason: "prior_is_zero", current, prior, ...shown, observed: [] };
        const d = current - prior, value = c.relative ? d / Math.abs(prior) : d;
        return { result: moved(value, c), value, current, prior, ...shown,
                 observed: [current, prior] };
    }

    /* Of the newest value, against those before it or those of other runs. */
    score(all, c, others) {
        const window = others ?? newest(all, c.window, 1), now = all.at(-1);
        const missing = others ? c.window - others.length || (all.length ? 0 : 1)
            : Math.max(c.window + 1 - all.length, 0);
        const shown = show("values", window);

        if (missing)
            return { result: null, missing, ...shown, observed: [] };
        const mean = average(window), sd = deviation(window);
        const told = { newest: now, mean, deviation: sd, ...shown };
        if (sd === 0)
            return { result: false, reason: "zero_variance", ...told, observed: [] };
        const value = (now - mean) / sd;
        return { result: moved(value, c), value, ...told, observed: [value] };
    }

    /* The last values of so many runs before this one, oldest first. */
    earlierRuns(run, metric, n) {
        const found = [];

        for (let i = run.siblings.indexOf(run) - 1; i >= 0 && found.length < n; i--) {
            const values = run.siblings[i].series.get(metric)?.values;
            if (values?.length)
                found.unshift(values.at(-1));
        }
        return found;
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
            if (!this.scriptAgrees(record, run, a))
                continue;
            if (waiting)
                this.say(record, run, a, "suppressed", { reason: "alert_wait", until: waiting });
            else
                this.limit(record, run, a, isReport ? { from, to: event.run.state }
                    : isClock(event.type) ? clockFacts(a, event.data) : null);
        }
    }

    /* ---- scripts ---- */

    /* Asked last; what it says when it fails goes on with the firing, unless it is skipped then. */
    scriptAgrees(record, run, a) {
        this.said = a.script === null ? null : script(a.script, record.event);
        if (this.said !== "failed" || a.onError !== "skip")
            return this.said !== "no";
        this.say(record, run, a, "suppressed", { reason: "hook_failed" });
        return false;
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

        if (a.enough && !this.areEnough(a, run, record))
            return;
        const last = a.perRun && run ? this.firings(a).findLast((f) => f.run === run.key &&
            (a.wire !== "RUN_STATE" || f.state === event.run.state)) : null;
        if (last && received - last.received < a.perRun)
            return this.say(record, run, a, "suppressed", { reason: "fire_limit_24h",
                                                            until: last.received + a.perRun });
        const { ruling, ...pace } = this.pace(a, received);
        if (ruling === "suppressed")
            return this.say(record, run, a, ruling, pace);
        const hour = this.hourOf(event.cause, received);
        if (hour?.count >= 1000)
            return this.say(record, run, a, "suppressed", { reason: "loop",
                                                            until: hour.until });
        if (hour)
            hour.count++;
        this.say(record, run, a, ruling, { ...pace, facts });
    }

    /* When cooldown and rate allow the next one; those that join a digest take nothing. */
    pace(a, received) {
        const told = a.cooldown || a.rate ? this.firings(a).filter((f) => f.ruling !== "joins") : [];
        const last = told.at(-1);
        let due = received, reason = null;

        if (last?.ruling === "opens" && received < last.due)
            return { ruling: "joins", due: last.due };
        if (a.cooldown && last && last.due + a.cooldown > due)
            [due, reason] = [last.due + a.cooldown, "cooldown"];
        const free = a.rate ? this.bucketIsFree(a.rate, told) : 0;
        if (free > due)
            [due, reason] = [free, "rate_limited"];
        if (!reason)
            return { ruling: "fires", due };
        if (a.over === "skip")
            return { ruling: "suppressed", reason, until: due };
        return { ruling: a.over === "digest" ? "opens" : "fires", reason, due };
    }

    /* Each firing takes one out, and an even pace fills it again. */
    bucketIsFree({ count, within }, told) {
        const each = Math.floor(within * 1000 / count);         /* us */
        let full = 0;           /* when the bucket is full again */

        for (const f of told)
            full = Math.max(full, f.due * 1000) + each;
        return Math.ceil((full - each * (count - 1)) / 1000);
    }

    /* Whether this match is the last of as many as it takes; then counting begins anew. */
    areEnough(a, run, { event, received }) {
        const part = { run: run?.key, project: [event.entity, event.project],
                       collection: [event.entity, event.project, event.collection],
                       automation: null }[a.enough.per];
        const key = JSON.stringify([a.id, a.era, part]);
        const times = (this.matched.get(key) ?? []).filter((t) => received - t <= a.enough.within);

        times.push(received);
        this.matched.set(key, times.length < a.enough.count ? times : []);
        return times.length >= a.enough.count;
    }

    /* What one cause has led to within an hour that begins with the first firing. */
    hourOf(cause, received) {
        if (cause === undefined)
            return null;
        if (!(this.causes.get(cause)?.until > received))
            this.causes.set(cause, { until: received + HOUR, count: 0 });
        return this.causes.get(cause);
    }

    say(record, run, a, ruling, { reason = null, until = null, due = null, facts = null }) {
        const { seq, received, event } = record;

        this.out.push({ seq, automation: a.id, ruling, reason, until, due, said: this.said,
                        fails: this.said === "failed" && a.onError === "fail", facts });
        if (ruling === "suppressed")
            return;
        this.firings(a).push({ ruling, received, due, run: run?.key, state: event.run?.state });
    }

    /* ---- waits ---- */

    forgetWaits(a) {
        for (const [key, wait] of this.waits)
            if (wait.a.id === a.id)
                this.waits.delete(key);
        for (const key of this.quiet)
            if (JSON.parse(key)[0] === a.id)
                this.quiet.delete(key);
    }

    /* An event is what an absence waits for, or arms it, or ends it.  That a run has crashed is a word
     * for silence, and does none of these. */
    listen({ event, received }, run) {
        if (isRunType(event.type))
            run.heard = received;
        if (isClock(event.type) || (event.type === "run.state" && event.run.state === "CRASHED"))
            return;
        for (const a of this.automations.values())
            if (a.absence && a.enabled && this.inScope(a, event))
                this.listenFor(a, event, received, run);
    }

    listenFor(a, event, received, run) {
        const { of, metric, perRun } = a.absence;
        const key = JSON.stringify([a.id, a.era, perRun ? keyOf(event) : null]);
        const isIt = (of === event.type || (of === "run" && isRunType(event.type))) &&
            (!metric || event.metrics.some((m) => watches(metric, m.name)));
        const isNew = !this.waits.has(key) && !this.quiet.has(key);
        const arms = isNew && isRunType(`${of}.`) && isRunType(event.type);

        if (!perRun) {
            if (isIt && matches(a.filter, event))
                this.wait(a, key, null, received);
        } else if (run && ["FINISHED", "FAILED", "KILLED"].includes(run.state)) {
            this.waits.delete(key);
            this.quiet.delete(key);
        } else if (run && (isNew ? (isIt || arms) && matches(a.filter, event) : isIt)) {
            this.wait(a, key, run, received);
        }
    }

    wait(a, key, run, received) {
        this.quiet.delete(key);
        this.waits.set(key, { key, a, run, last: received, due: received + a.absence.for });
    }

    /* Absences and schedules whose time has come, in the order in which they must be told. */
    pending(received) {
        const found = [];

        for (const wait of this.waits.values())
            if (wait.due <= received && this.automations.get(wait.a.id)?.era === wait.a.era)
                found.push({ ...wait, id: wait.a.id });
        for (const a of this.automations.values()) {
            if (!a.cron || !a.enabled || a.next() > received)
                continue;
            const all = a.cron.between(a.since, received);
            found.push({ id: a.id, run: null, first: all[0], due: all.at(-1),
                         missed: all.length - 1,
                         late: all.length > 1 || received - all.at(-1) > MINUTE });
        }
        return found.sort((a, b) => (a.first ?? a.due) - (b.first ?? b.due) ||
                          (a.id < b.id ? -1 : a.id > b.id ? 1 : 0) ||
                          (a.run?.number ?? 0) - (b.run?.number ?? 0));
    }

    /* What the hub must have journaled of its own before this record, or as this record: waits that
     * are over, runs that fell silent, and crashed ones that are heard of again. */
    owed({ seq, received, event }) {
        const run = this.runs.get(keyOf(event));

        if (isClock(event.type)) {
            const first = this.told(event, received);
            this.out.push({ seq, wait: first?.id ?? null, run: first?.run?.key ?? null,
                            due: first?.due ?? null, last: first?.last ?? null,
                            missed: first?.missed ?? null, late: first?.late ?? null });
            if (first?.key) {
                this.waits.delete(first.key);
                this.quiet.add(first.key);
            } else if (first)
                this.automations.get(first.id).since = first.due;
            return;
        }
        if (isOwn(event)) {
            const silent = run?.state === "RUNNING" && this.isSilent(run, received);
            this.out.push({ seq, own: silent ? "CRASHED" : run?.state === "CRASHED" ? "RUNNING"
                : null, run: run?.key ?? null });
            return;
        }
        if (run?.state === "CRASHED" && isRunType(event.type) && event.type !== "run.state")
            this.out.push({ seq, owes: "RUNNING", run: run.key });
        if (received === this.now)
            return;
        for (const { id, run: of, due } of this.pending(received).filter((w) => !this.isAsked(w)))
            this.out.push({ seq, owes: id, run: of?.key ?? null, due });
        for (const r of this.runs.values())
            if (r.state === "RUNNING" && this.isSilent(r, received))
                this.out.push({ seq, owes: "CRASHED", run: r.key });
    }

    /* A wait that a script is asked about is told of when that has answered, and not in its turn. */
    isAsked({ id }) { return this.automations.get(id).script !== null; }

    told(event, received) {
        const all = this.pending(received), { automation } = event.data;
        const own = all.find(({ id, run }) => id === automation &&
            (run?.key ?? null) === keyOf(event));

        return own && this.isAsked(own) ? own : all.find((w) => !this.isAsked(w));
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

/* The n newest, but for the newest `behind`, or as many as there are; and the newest of a window. */
const newest = (values, n, behind = 0) => values.slice(Math.max(values.length - behind - n, 0),
                                                       Math.max(values.length - behind, 0));
const show = (name, window) => ({ [name]: window.slice(-SHOWN),
    ...(window.length > SHOWN && { [`more_${name}`]: window.length - SHOWN }) });

const comparisons = {
    $gt: (a, b) => a > b, $gte: (a, b) => a >= b, $lt: (a, b) => a < b, $lte: (a, b) => a <= b,
    $eq: (a, b) => a === b, $ne: (a, b) => a !== b,
};

const moved = (by, { direction, amount }) =>
    direction === "INCREASE" ? by >= amount
        : direction === "DECREASE" ? by <= -amount : Math.abs(by) >= amount;
