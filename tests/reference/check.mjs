/* check.mjs - the reference evaluator gives the numbers of the worked examples, and the limits,
 * clocks and sums that can be worked out by hand. */
import { average, deviation, sum } from "./numbers.mjs";
import { Cron } from "./cron.mjs";
import { matches } from "./filters.mjs";
import { Reference } from "./evaluator.mjs";
import { say } from "./scripts.mjs";

let passed = 0, failed = 0;

function is(claim, got, want) {
    if (JSON.stringify(got) === JSON.stringify(want)) {
        passed++;
        return;
    }
    failed++;
    console.log(`FAILED: ${claim}\n    got:  ${JSON.stringify(got)}\n    want: ${JSON.stringify(want)}`);
}

const START = Date.parse("2026-11-23T12:00:00Z"), HOUR = 3600000, DAY = 24 * HOUR;

/* A history: automations are saved first, then events come, one a second or when `at` says. */
class History {
    constructor(...automations) {
        this.reference = new Reference({ silence: 0 });
        this.seq = 0;
        this.at = START;
        for (const [i, a] of automations.entries())
            this.put(`A${i + 1}`, a);
    }

    record(event, at = this.at + 1000) {
        this.at = at;
        return this.reference.record({ seq: ++this.seq, received: at, event });
    }

    put(id, spec) {
        const automation = { name: id, scope: { entity: "acme", project: "vision" },
                             actions: [], ...spec };
        return this.record({ type: "belfry.automation.saved", entity: "acme",
                             data: { id, automation } });
    }

    run(type, more, at) {
        return this.record({ type, entity: "acme", project: "vision",
                             run: { id: "r1", name: "sunny-frog-7", ...more.run }, ...more.event },
                           at);
    }

    metric(name, value, { step, run, at } = {}) {
        return this.run("run.metric", { run, event: { metrics: [{ name, value, step }] } }, at);
    }

    state(state, at) { return this.run("run.state", { run: { state } }, at); }
}

const on = (type, filter, limits) => ({ event: { type, filter: { run_filter: '{"$and":[]}',
                                                                 ...filter } }, limits });
const threshold = (f) => ({ threshold_filter: { name: "accuracy", cmp_op: "$gt", ...f } });
const metric = (type, f, limits) => on(type, { run_metric_filter: f, metric_filter: null }, limits);
const rulings = (out) => out.map((o) => o.reason ?? o.ruling);

/* ---- arithmetic ---- */

is("the exact sum of .50 .55 .60 .65 .70 rounds to 3", sum([.5, .55, .6, .65, .7]), 3);
is("and its mean to .6", average([.5, .55, .6, .65, .7]), .6);
is("what cancels out leaves what was small", sum([1e308, 1, -1e308]), 1);
is("a sum past the largest double is infinite", sum([1.7e308, 1.7e308]), Infinity);
is("the smallest doubles add up", sum([5e-324, 5e-324, -1e-323]), 0);
is("half way is rounded to the even one", sum([2 ** 53, 1]), 2 ** 53);
is("and what is more than half way up", sum([2 ** 53, 1, 2 ** -1074]), 2 ** 53 + 2);
is("a deviation that is a whole number", deviation([2, 4, 4, 4, 5, 5, 7, 9, 5]), 2);
is("one of the largest doubles", deviation([1e308, -1e308]), 1.4142135623730951e308);
is("one of equal values is zero", deviation([.1, .1, .1]), 0);

/* ---- worked examples: thresholds ---- */

{
    const h = new History(metric("RUN_METRIC",
        threshold({ agg_op: "AVERAGE", window_size: 5, threshold: .6 })));
    const out = [.5, .55, .6, .65, .7].map((v, i) => h.metric("accuracy", v, { step: i }));
    is("a mean of .6 is not above .6", out.flat(), []);
    const [first] = h.metric("accuracy", .75, { step: 5 });
    is("the next window fires", [first.ruling, first.facts.values, first.facts.step],
       ["fires", [.65], 5]);
    is("later matches within 24 hours do not", rulings([.8, .85, .9]
        .flatMap((v, i) => h.metric("accuracy", v, { step: 6 + i }))),
       Array(3).fill("fire_limit_24h"));
    const at = START + 7000 + DAY;      /* the seventh record was the firing */
    is("1 ms before the 24 hours are over neither",
       rulings(h.metric("accuracy", 1, { step: 9, at: at - 1 })), ["fire_limit_24h"]);
    is("when they are over it does", rulings(h.metric("accuracy", 1, { step: 10, at })), ["fires"]);
    is("an older step is not judged", h.metric("accuracy", 1, { step: 10 }), []);
    is("nor what is not finite", h.metric("accuracy", "NaN", { step: 12 }), []);
    is("which counts as a step all the same", h.metric("accuracy", 1, { step: 11 }), []);
    is("an unrelated metric is not judged", h.metric("loss", 1), []);
}
{
    const h = new History(metric("RUN_METRIC", threshold({ threshold: .85, cmp_op: "$lt" })));
    is("without an aggregation the last value counts",
       h.metric("accuracy", .8).map((o) => o.facts.values), [[.8]]);
    is("each run has its own limit",
       rulings(h.metric("accuracy", .8, { run: { id: "r2" } })), ["fires"]);
}
{
    const h = new History(metric("RUN_METRIC", threshold({ name: "cpu", threshold: 90 })),
                          metric("RUN_METRIC", threshold({ name: "system.cpu", threshold: 90 })));
    is("\"system.\" may be left out in a condition",
       h.metric("system.cpu", 95).map((o) => o.automation), ["A1", "A2"]);
    h.record({ type: "belfry.automation.saved", entity: "acme", data: { id: "A2", automation: {
        ...metric("RUN_METRIC", threshold({ name: "system.cpu", threshold: 80 })),
        scope: { entity: "acme" } } } });
    is("but not in an event; and a changed condition begins anew", [h.metric("cpu", 95),
       h.metric("system.cpu", 95)].map((out) => out.map((o) => [o.automation, o.ruling])),
       [[["A1", "suppressed"]], [["A1", "suppressed"], ["A2", "fires"]]]);
}

/* ---- changes ---- */

const change = (amount) => metric("RUN_METRIC_CHANGE", { change_filter: { name: "loss",
    agg_op: "AVERAGE", current_window_size: 10, prior_window_size: 50, change_type: "RELATIVE",
    change_dir: "DECREASE", change_amount: amount } });
{
    const h = new History(change(.25), change(.3));
    const out = [];
    for (let i = 0; i < 60; i++)
        out.push(h.metric("loss", i < 50 ? .55 : .4, { step: i }));
    is("a full pair of windows is needed", out.slice(0, 59).flat(), []);
    is("from .55 to .40 is a decrease of 27 %, not of 30",
       out[59].map((o) => [o.automation, o.facts.values]), [["A1", [.4, .55]]]);
}
{
    const any = (type, amount) => metric("RUN_METRIC_CHANGE", { change_filter: { name: "loss",
        agg_op: null, change_type: type, change_dir: "ANY", change_amount: amount } });
    const h = new History(any("RELATIVE", .5), any("ABSOLUTE", 1));
    h.metric("loss", 0);
    is("of nothing there is no fraction", h.metric("loss", 1).map((o) => o.automation), ["A2"]);
    is("a change of exactly the amount counts",
       h.metric("loss", 1.5).map((o) => [o.automation, o.facts.values]), [["A1", [1.5, 1]]]);
}

/* ---- z-scores ---- */

{
    const z = (more) => metric("RUN_METRIC_ZSCORE", { zscore_filter: { name: "accuracy",
        window_size: 30, threshold: 2, change_dir: "ANY", ...more } });
    const h = new History(z(), z({ change_dir: "DECREASE" }));
    /* 30 values with mean .9 and squares that add up to 29 * .01114^2: 15 above, 15 below */
    const d = .01114 * Math.sqrt(29 / 30);
    for (let i = 0; i < 30; i++)
        h.metric("accuracy", i % 2 ? .9 + d : .9 - d);
    const out = h.metric("accuracy", .95);
    is("30 values around .900 with a deviation of .01114: .95 has a z-score of 4.49",
       out.map((o) => [o.automation, o.facts.values[0].toFixed(2)]), [["A1", "4.49"]]);
}
{
    const h = new History(metric("RUN_METRIC_ZSCORE", { zscore_filter: { name: "x",
        window_size: 3, threshold: 1, change_dir: "ANY" } }));
    is("without variance there is no z-score", [1, 1, 1, 2].flatMap((v) => h.metric("x", v)), []);
    is("1, 1, 2 and then 3: z = (3 - 4/3) / sqrt(1/3)",
       h.metric("x", 3).map((o) => o.facts.values), [[(3 - 4 / 3) / Math.sqrt(1 / 3)]]);
}
{
    const h = new History(metric("RUN_METRIC_ZSCORE", { zscore_filter: { name: "x",
        window_size: 2, threshold: 3, change_dir: "INCREASE", baseline: "runs" } }));
    const of = (id, v) => h.metric("x", v, { run: { id } });
    is("of runs, as many as the window are needed", [of("a", 1), of("b", 3), of("a", 2)].flat(), []);
    is("their last values are the baseline: mean 2.5, deviation .7071",
       of("c", 5).map((o) => o.facts.values), [[2.5 / deviation([2, 3])]]);
}

/* ---- combined ---- */

{
    const both = { $and: [threshold({ threshold: .95 }),
                          threshold({ name: "loss", cmp_op: "$lt", threshold: .1 })] };
    const h = new History(metric("RUN_METRIC", both));
    is("one of two is not both", [h.metric("accuracy", .96), h.metric("loss", .2)].flat(), []);
    is("accuracy > 0.95 AND loss < 0.1",
       h.metric("loss", .05).map((o) => [o.facts.metric, o.facts.values]), [["loss", [.05]]]);
    const other = new History(metric("RUN_METRIC", { $or: both.$and }));
    is("of an OR one is enough", rulings(other.metric("loss", .05)), ["fires"]);
}

/* ---- states ---- */

{
    const h = new History(on("RUN_STATE", { run_state_filter: { states: ["FAILED"] } }));
    is("a run that comes as failed has become so",
       h.state("FAILED").map((o) => o.facts), [{ from: null, to: "FAILED" }]);
    is("a repeat is no transition", h.state("FAILED"), []);
    is("a crash is a failure of its own", h.state("CRASHED").map((o) => [o.ruling, o.facts]),
       [["fires", { from: "FAILED", to: "CRASHED" }]]);
    is("killed never fires", h.state("KILLED"), []);
    is("failing again within 24 hours is suppressed",
       rulings(h.state("FAILED")), ["fire_limit_24h"]);
    is("other triggers' limits are their own", rulings(h.state("RUNNING")), []);
}

/* ---- filters ---- */

{
    const run = { id: "r1", name: "europe-2", user: "ana", state: "RUNNING", tags: ["a", "b"],
                  config: { lr: { value: .1 }, net: { depth: 3 } } };
    const event = { type: "run.metric", entity: "acme", project: "vision", run };
    for (const [filter, want] of [
        [{}, true], [{ $and: [] }, true],
        [{ display_name: { $regex: "^europe.*" } }, true],
        [{ display_name: { $regex: "urope-[13]" } }, false],
        [{ display_name: { $contains: "rope" } }, true],
        [{ $and: [{ username: { $eq: "ana" } }, { tags: "b" }] }, true],
        [{ tags: { $nin: ["c", "b"] } }, false], [{ group: { $exists: false } }, true],
        [{ group: { $ne: "x" } }, true], [{ $nor: [{ state: "RUNNING" }] }, false],
        [{ "config.lr": { $lt: .2 } }, true], [{ "config.net.depth": { $gte: 4 } }, false],
        [{ "config.lr": "0.1" }, false],
    ])
        is(`filter ${JSON.stringify(filter)}`, matches(filter, event), want);
}

/* ---- limits ---- */

{
    const always = (limits) => ({ event: { type: "ci.finished" }, limits,
                                  scope: { entity: "acme" } });
    const times = (limits, ...seconds) => {
        const h = new History(always(limits));
        return seconds.map((s) => h.record({ type: "ci.finished", entity: "acme" },
                                           START + HOUR + s * 1000)
            .map((o) => (o.due ? `${o.ruling}${(o.due - START - HOUR) / 1000}` : o.reason)).join());
    };
    is("a cooldown delays", times({ cooldown: "10s" }, 0, 1, 2, 40),
       ["fires0", "fires10", "fires20", "fires40"]);
    is("or skips", times({ cooldown: "10s", over: "skip" }, 0, 1, 9.999, 10),
       ["fires0", "cooldown", "cooldown", "fires10"]);
    is("or tells of all of them together", times({ cooldown: "10s", over: "digest" },
       0, 1, 2, 9, 10, 11, 30),
       ["fires0", "opens10", "joins10", "joins10", "opens20", "joins20", "fires30"]);
    is("a bucket of two is filled again at an even pace",
       times({ rate: { count: 2, within: "20s" } }, 0, 0, 0, 5, 100, 100, 100),
       ["fires0", "fires0", "fires10", "fires20", "fires100", "fires100", "fires110"]);
    is("three within 10 s fire, and counting begins anew",
       times({ matches: { count: 3, within: "10s" } }, 0, 5, 11, 15, 16, 17, 18),
       ["", "", "", "fires15", "", "", "fires18"]);
    const h = new History(always({}));
    const caused = Array(1001).fill(0).map(() => h.record({ type: "ci.finished", entity: "acme",
                                                            cause: "c" }, START + HOUR));
    is("one cause leads to 1,000 firings an hour", [caused[999], caused[1000]].flatMap(rulings),
       ["fires", "loop"]);
}

/* ---- scripts ---- */

{
    const event = { type: "ci.finished", entity: "acme" };
    const saying = (what) => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => `filter ${i}`)
        .find((code) => say(code, event) === what);
    const times = (what, on_error, n = 2) => {
        const h = new History({ event: { type: "ci.finished" }, scope: { entity: "acme" },
            limits: { cooldown: "10s", over: "skip" },
            hooks: { filter: { code: saying(what), on_error } } });
        return Array(n).fill(event).flatMap((e) => h.record(e))
            .map((o) => `${o.reason ?? o.ruling} ${o.said}${o.fails ? " fails" : ""}`);
    };
    is("a script that says yes decides nothing", times("yes"), ["fires yes", "cooldown yes"]);
    is("one that says no lets nothing fire", times("no"), []);
    is("a failure is one, and limited as a firing", times("failed"),
       ["fires failed fails", "cooldown failed fails"]);
    is("or fires all the same", times("failed", "fire"), ["fires failed", "cooldown failed"]);
    is("or is skipped, and no limit counts it", times("failed", "skip"),
       ["hook_failed failed", "hook_failed failed"]);
}

/* ---- alerts ---- */

{
    const h = new History(on("RUN_ALERT", {}));
    const alert = (title, wait) => rulings(h.run("run.alert", { event: { alert: { title, wait } } }));
    is("an alert of the same title waits", [alert("a", 2), alert("a"), alert("b"), alert("a", 0),
       alert("a")].flat(), ["fires", "alert_wait", "fires", "fires", "fires"]);
}

/* ---- the clock ---- */

{
    const h = new History({ event: { type: "ABSENCE", filter: { of: "run.metric", metric: "loss",
                                                                for: "30m" } } });
    h.run("run.heartbeat", {}, START + HOUR);
    h.metric("loss", 1, { at: START + 2 * HOUR - 1 });
    is("a wait that is over is owed", h.run("run.heartbeat", {}, START + 3 * HOUR).slice(0, 1),
       [{ seq: 4, owes: "A1", run: '["acme","vision","r1"]', due: START + 2.5 * HOUR - 1 }]);
    is("its record fires", h.run("clock.advance", { event: { data: { automation: "A1" } } })
        .map((o) => o.wait ?? o.ruling), ["A1", "fires"]);
    is("once", h.run("run.heartbeat", {}, START + 9 * HOUR), []);
}
{
    const berlin = (cron, from, to) => new Cron(cron, "Europe/Berlin")
        .between(Date.parse(from), Date.parse(to)).map((at) => new Date(at).toISOString());
    is("02:30 is left out in spring and comes at 03:00", berlin("30 2 * * *",
       "2026-03-28T12:00Z", "2026-03-29T12:00Z"), ["2026-03-29T01:00:00.000Z"]);
    is("but every hour is an hour", berlin("@hourly", "2026-10-24T22:30Z", "2026-10-25T03:30Z")
       .map((at) => at.slice(11, 13)), ["23", "00", "01", "02", "03"]);
    is("in autumn the first of two counts", berlin("30 2 * * *",
       "2026-10-24T12:00Z", "2026-10-25T12:00Z"), ["2026-10-25T00:30:00.000Z"]);
    is("either of two days will do", new Cron("0 0 1 * sun").between(
       Date.parse("2026-11-01T00:00Z"), Date.parse("2026-12-01T00:00Z"))
        .map((at) => new Date(at).getUTCDate()), [8, 15, 22, 29, 1]);
}

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
