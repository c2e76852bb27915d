/* rules_fixture.h - rules over a memory of plain lists, a clock that the test moves, and runs whose
 * points are put in order as the engine does it. */
#ifndef BF_RULES_FIXTURE_H
#define BF_RULES_FIXTURE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/map.h"
#include "core/rules/rules_int.h"
#include "tests/test.h"

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

struct values {
    uint64_t run;
    char metric[64];
    int64_t step;               /* the newest, or INT64_MIN */
    double *items;              /* finite ones in order, oldest first */
    size_t n, cap, before;      /* `before` the record at hand */
};

struct state {
    size_t len;
    char value[];
};

struct world {
    struct bf_rules *rules;
    struct bf_memory memory;
    struct bf_map *kept;        /* struct state; what is forgotten is not there */
    struct values *series;
    size_t n_series;
    uint64_t seq;
    int64_t now;
    struct bf_arena *arena;
    size_t n_tails;             /* how often the store was asked for values */
    size_t n_earlier;           /* ... for those of earlier runs, and how many last */
    size_t max_earlier;
    char said[4000];            /* what came of the last record */
    char facts[4000];           /* of its last firing */
    int64_t due, until;
};

/* ---- the memory ---- */

static inline const void *world_get(void *arg, const char *key, size_t key_len, size_t *len)
{
    struct state *s = bf_map_get_len(((struct world *)arg)->kept, key, key_len);

    *len = s ? s->len : 0;
    return s ? s->value : NULL;
}

static inline void world_set(void *arg, const char *key, size_t key_len, const void *value,
                             size_t len, bool kept)
{
    struct world *w = arg;
    struct state *s = value ? bf_zalloc(sizeof(*s) + len + 1) : NULL;

    (void)kept;
    CHECK_INT(strlen(key), key_len);
    if (s) {
        s->len = len;
        memcpy(s->value, value, len);
    }
    free(bf_map_set(w->kept, key, s));
}

static inline void world_each(void *arg, const char *prefix, size_t prefix_len,
                              void (*fn)(void *, const char *, size_t, const void *, size_t),
                              void *fn_arg)
{
    const char *key;
    size_t at = 0;
    void *value;

    while (bf_map_each(((struct world *)arg)->kept, &at, &key, &value)) {
        if (strncmp(key, prefix, prefix_len) == 0)
            fn(fn_arg, key, strlen(key), ((struct state *)value)->value,
               ((struct state *)value)->len);
    }
}

static inline struct values *world_series(struct world *w, uint64_t run, const char *metric)
{
    struct values *v;

    for (size_t i = 0; i < w->n_series; i++) {
        if (w->series[i].run == run && strcmp(w->series[i].metric, metric) == 0)
            return &w->series[i];
    }
    w->series = bf_zrealloc(w->series, (w->n_series + 1) * sizeof(*w->series));
    v = &w->series[w->n_series++];
    *v = (struct values){.run = run, .step = INT64_MIN};
    snprintf(v->metric, sizeof(v->metric), "%s", metric);
    return v;
}

static inline size_t world_tail(void *arg, uint64_t run, const char *metric, size_t max,
                                double *out)
{
    struct world *w = arg;
    struct values *v = world_series(w, run, metric);
    size_t n = 0;

    w->n_tails++;
    while (n < max && n < v->before) {
        out[n] = v->items[v->before - 1 - n];
        n++;
    }
    return n;
}

static inline size_t world_earlier(void *arg, uint64_t run, const char *metric, size_t max,
                                   struct bf_run_value *out)
{
    struct world *w = arg;
    size_t n = 0;

    w->n_earlier++;
    w->max_earlier = max;
    for (uint64_t r = run; r-- > 1 && n < max;) {
        struct values *v = world_series(w, r, metric);

        if (v->before)
            out[n++] = (struct bf_run_value){r, v->items[v->before - 1]};
    }
    return n;
}

/* ---- life ---- */

static inline void world_start(struct world *w)
{
    w->rules = bf_rules_new();
    bf_rules_remember(w->rules, &w->memory);
}

static inline void world_open(struct world *w)
{
    *w = (struct world){.now = 1764000000000, .kept = bf_map_new(),
                        .arena = bf_arena_new(64 << 20)};
    w->memory = (struct bf_memory){world_get,  world_set,     world_each,
                                   world_tail, world_earlier, w};
    world_start(w);
}

static inline void world_close(struct world *w)
{
    const char *key;
    size_t at = 0;
    void *value;

    bf_rules_free(w->rules);
    while (bf_map_each(w->kept, &at, &key, &value))
        free(value);
    bf_map_free(w->kept);
    for (size_t i = 0; i < w->n_series; i++)
        free(w->series[i].items);
    free(w->series);
    bf_arena_free(w->arena);
}

/* ---- automations ---- */

#define VISION "\"scope\":{\"entity\":\"acme\",\"project\":\"vision\"}"
#define ACME   "\"scope\":{\"entity\":\"acme\"}"

/* From what stands beside its name and actions. */
static inline struct bf_automation *parse(const char *id, uint64_t revision, const char *rest)
{
    struct bf_automation *a;
    struct bf_error err = {0};
    char spec[8000];
    int len = snprintf(spec, sizeof(spec), "{\"name\":\"n %s\",\"actions\":[{\"integration\":\"I\"}],"
                                           "%s}", id, rest);

    if (bf_automation_parse(spec, (size_t)len, id, revision, "acme", &a, &err))
        test_failed(__FILE__, __LINE__, "%s\n  %s: %s", spec, err.field, err.words);
    a->era = revision;
    return a;
}

static inline void put_revision(struct world *w, const char *id, uint64_t revision,
                                const char *rest)
{
    struct bf_automation *a = parse(id, revision, rest);

    bf_rules_put(w->rules, a);
    bf_automation_unref(a);
}

static inline void put(struct world *w, const char *id, const char *rest)
{
    put_revision(w, id, 1, rest);
}

#define ON_METRIC(type, filter)                                                                \
    "\"event\":{\"type\":\"" type "\",\"filter\":{\"run_filter\":{\"$and\":[]},"               \
    "\"run_metric_filter\":" filter "}}"
#define THRESHOLD(metric, agg, window, op, value)                                              \
    "{\"threshold_filter\":{\"name\":\"" metric "\",\"agg_op\":" agg ",\"window_size\":" window \
    ",\"cmp_op\":\"" op "\",\"threshold\":" value "}}"
#define AVERAGE_ABOVE VISION "," ON_METRIC("RUN_METRIC",                                       \
                                           THRESHOLD("accuracy", "\"AVERAGE\"", "5", "$gt", "0.6"))

/* ---- records ---- */

static inline void settle_order(struct world *w, struct bf_envelope *e, uint64_t run)
{
    for (size_t i = 0; i < w->n_series; i++)
        w->series[i].before = w->series[i].n;
    for (size_t i = 0; i < e->n_points; i++) {
        struct bf_point *p = &e->points[i];
        struct values *v = world_series(w, run, p->name);

        p->in_order = !p->has_step || p->step > v->step;
        if (!p->in_order)
            continue;
        v->step = p->has_step ? p->step : v->step;
        if (!isfinite(p->value))
            continue;
        if (v->n == v->cap) {
            v->cap = v->cap ? 2 * v->cap : 16;
            v->items = bf_zrealloc(v->items, v->cap * sizeof(*v->items));
        }
        v->items[v->n++] = p->value;
    }
}

/* The event, in its place and order. */
static inline struct bf_envelope *event(struct world *w, uint64_t run, const char *text)
{
    struct bf_envelope *e;
    struct bf_error err = {0};

    if (bf_envelope_parse(w->arena, text, strlen(text), BF_FROM_HUB, &e, &err))
        test_failed(__FILE__, __LINE__, "%s\n  %s: %s", text, err.field, err.words);
    e->seq = ++w->seq;
    e->received_ms = w->now;
    settle_order(w, e, run);
    return e;
}

static inline void say(struct world *w, const struct bf_firing *f, size_t n)
{
    static const char *const rulings[] = {"fires", "joins", "suppressed"};
    size_t at = 0;

    w->said[0] = w->facts[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(w->said + at, sizeof(w->said) - at, "%s%s %s", i ? ", " : "",
                               f[i].automation->id, rulings[f[i].ruling]);
        if (f[i].due_ms > w->now)
            at += (size_t)snprintf(w->said + at, sizeof(w->said) - at, " in %lld",
                                   (long long)(f[i].due_ms - w->now));
        if (f[i].reason)
            at += (size_t)snprintf(w->said + at, sizeof(w->said) - at, " %s", f[i].reason);
        if (f[i].opens_digest)
            at += (size_t)snprintf(w->said + at, sizeof(w->said) - at, " digest");
        if (f[i].facts)
            snprintf(w->facts, sizeof(w->facts), "%.*s", (int)f[i].facts_len, f[i].facts);
        w->due = f[i].due_ms;
        w->until = f[i].until_ms;
    }
}

static inline const char *judge_event(struct world *w, struct bf_envelope *e, uint64_t run)
{
    struct bf_record record = {
        .event = e, .run = run, .points = e->points, .n_points = e->n_points};
    const struct bf_firing *f;
    size_t n = bf_rules_judge(w->rules, &record, &f);

    say(w, f, n);
    return w->said;
}

/* What comes of it: "A1 fires, A2 suppressed fire_limit_24h". */
static inline const char *judge(struct world *w, uint64_t run, const char *text)
{
    struct bf_envelope *e = event(w, run, text);

    judge_event(w, e, run);
    bf_envelope_unref(e);
    bf_rules_settle(w->rules);
    return w->said;
}

/* One point of a run; a negative step is none. */
static inline const char *metric(struct world *w, uint64_t run, const char *name, int64_t step,
                                 double value)
{
    char text[600], at[40] = "", number[40];

    if (step >= 0)
        snprintf(at, sizeof(at), ",\"step\":%lld", (long long)step);
    if (isfinite(value))
        snprintf(number, sizeof(number), "%.17g", value);
    else
        snprintf(number, sizeof(number), "\"%s\"",
                 isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    snprintf(text, sizeof(text), "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
                                 "\"run\":{\"id\":\"r%llu\",\"name\":\"sunny-frog-%llu\"},"
                                 "\"metrics\":[{\"name\":\"%s\"%s,\"value\":%s}]}",
             (unsigned long long)run, (unsigned long long)run, name, at, number);
    return judge(w, run, text);
}

static inline const char *state(struct world *w, uint64_t run, const char *to)
{
    char text[400];

    snprintf(text, sizeof(text), "{\"type\":\"run.state\",\"entity\":\"acme\",\"project\":\"vision\","
                                 "\"run\":{\"id\":\"r%llu\",\"state\":\"%s\"}}",
             (unsigned long long)run, to);
    return judge(w, run, text);
}

#endif
