/* limits.c - from the JSON of an automation's limits to numbers, with the defaults of its trigger.
 *
 * A limit that could never hold anything back, or that the events of the trigger know nothing of,
 * is refused: whoever wrote it counts on it. */
#include "core/rules/limits.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/rules/members.h"
#include "core/rules/trigger.h"

/* What the events of a trigger have, besides their entity. */
enum {
    PER_RUN = 1,                /* a run's metric or state: once in a day by default */
    OF_RUN = 2,                 /* may be of a run */
    IN_PROJECT = 4,
    IN_COLLECTION = 8,
    OF_ANYTHING = OF_RUN | IN_PROJECT | IN_COLLECTION
};

struct reading {
    struct bf_arena *arena;
    const char *wire;
    const char *example;        /* of what is read now */
    unsigned has;
};

static unsigned what_it_has(const char *wire)
{
    const struct bf_trigger *t = bf_trigger_by_wire(wire);

    if (!t || strcmp(wire, "ABSENCE") == 0)
        return OF_ANYTHING;
    if (strcmp(wire, "SCHEDULE") == 0)
        return 0;
    if (!bf_trigger_of_run(t))
        return IN_PROJECT | IN_COLLECTION;
    return OF_RUN | IN_PROJECT | (strcmp(wire, "RUN_ALERT") ? PER_RUN : 0);
}

/* ---- members ---- */

/* A member that may be absent; null is the same. */
static const struct bf_json *get(const struct bf_json *object, const char *name)
{
    const struct bf_json *value = bf_json_get(object, name);

    return bf_json_is(value, BF_JSON_NULL) ? NULL : value;
}

static int read_duration(struct reading *r, const struct bf_json *object, const char *name,
                         int64_t *out, struct bf_error *err)
{
    const struct bf_json *value = get(object, name);
    const char *text = bf_json_str(r->arena, value);
    int64_t ms;

    if (!value)
        return bf_error_field(err, BF_ECONFIG, name, "is missing, as in %s", r->example);
    if (!text || !bf_duration_parse(text, &ms))
        return bf_error_field(err, BF_ECONFIG, name, "must be a duration such as \"90s\", \"10m\","
                                                     " \"24h\" or \"7d\"");
    if (ms == 0)
        return bf_error_field(err, BF_ECONFIG, name, "must be longer than nothing; %s",
                              strcmp(name, "per_run") ? "leave the limit out for none"
                                                      : "\"off\" switches it off");
    if (ms > BF_LIMIT_MS_MAX)
        return bf_error_field(err, BF_ECONFIG, name, "is longer than 366 days");
    *out = ms;
    return BF_OK;
}

static int read_count(struct reading *r, const struct bf_json *object, uint32_t most,
                      uint32_t *out, struct bf_error *err)
{
    const struct bf_json *value = get(object, "count");
    int64_t count;

    if (!value)
        return bf_error_field(err, BF_ECONFIG, "count", "is missing, as in %s", r->example);
    if (!bf_json_int(value, &count) || count < 1 || count > most)
        return bf_error_field(err, BF_ECONFIG, "count", "must be a whole number from 1 to %u",
                              most);
    *out = (uint32_t)count;
    return BF_OK;
}

/* ---- the limits ---- */

static int read_per_run(struct reading *r, const struct bf_json *limits, struct bf_limits *out,
                        struct bf_error *err)
{
    const struct bf_json *value = get(limits, "per_run");

    out->per_run_ms = r->has & PER_RUN ? BF_PER_RUN_DEFAULT_MS : 0;
    if (!value)
        return BF_OK;
    if (!(r->has & PER_RUN))
        return bf_error_field(err, BF_ECONFIG, "per_run", "is known for RUN_METRIC, "
                              "RUN_METRIC_CHANGE, RUN_METRIC_ZSCORE and RUN_STATE; for %s there is"
                              " \"cooldown\"", r->wire);
    if (bf_json_eq(value, "off")) {
        out->per_run_ms = 0;
        return BF_OK;
    }
    return read_duration(r, limits, "per_run", &out->per_run_ms, err);
}

static int read_rate(struct reading *r, const struct bf_json *rate, struct bf_limits *out,
                     struct bf_error *err)
{
    static const char *const members[] = {"count", "within", NULL};
    int rc;

    r->example = "{\"count\":5,\"within\":\"1h\"}";
    rc = bf_members_check(r->arena, rate, members, r->example, err);

    if (rc == BF_OK)
        rc = read_count(r, rate, BF_LIMIT_COUNT_MAX, &out->rate_count, err);
    if (rc == BF_OK)
        rc = read_duration(r, rate, "within", &out->rate_ms, err);
    return rc;
}

static int read_over(struct reading *r, const struct bf_json *over, struct bf_limits *out,
                     struct bf_error *err)
{
    static const char *const ways[] = {
        [BF_OVER_DELAY] = "delay", [BF_OVER_SKIP] = "skip", [BF_OVER_DIGEST] = "digest"};

    (void)r;
    if (!out->cooldown_ms && !out->rate_count)
        return bf_error_set(err, BF_ECONFIG, "says what becomes of what is over \"cooldown\" or"
                                             " \"rate\", and there is neither");
    for (size_t i = 0; i < BF_COUNT(ways); i++) {
        if (bf_json_eq(over, ways[i])) {
            out->over = (enum bf_over)i;
            return BF_OK;
        }
    }
    return bf_error_set(err, BF_ECONFIG, "must be \"delay\", \"skip\" or \"digest\"");
}

static int read_per(struct reading *r, const struct bf_json *value, struct bf_limits *out,
                    struct bf_error *err)
{
    static const struct {
        const char *name;
        unsigned needs;
    } keys[] = {{"automation", 0}, {"run", OF_RUN}, {"project", IN_PROJECT},
                {"collection", IN_COLLECTION}};
    char list[60];
    size_t at = 0;

    for (size_t i = 0; i < BF_COUNT(keys); i++) {
        if (keys[i].needs & ~r->has)
            continue;
        if (bf_json_eq(value, keys[i].name)) {
            out->matches_per = keys[i].name;
            return BF_OK;
        }
        at += (size_t)snprintf(list + at, sizeof(list) - at, "%s\"%s\"", at ? ", " : "",
                               keys[i].name);
    }
    return bf_error_field(err, BF_ECONFIG, "per", "must be what matches of %s are counted by: %s",
                          r->wire, list);
}

static int read_matches(struct reading *r, const struct bf_json *matches, struct bf_limits *out,
                        struct bf_error *err)
{
    static const char *const members[] = {"count", "within", "per", NULL};
    int rc;

    r->example = "{\"count\":3,\"within\":\"10m\"}";
    rc = bf_members_check(r->arena, matches, members, r->example, err);

    if (rc == BF_OK)
        rc = read_count(r, matches, BF_MATCHES_COUNT_MAX, &out->matches_count, err);
    if (rc == BF_OK)
        rc = read_duration(r, matches, "within", &out->matches_ms, err);
    if (rc == BF_OK && get(matches, "per"))
        rc = read_per(r, get(matches, "per"), out, err);
    return rc;
}

static int read_part(struct reading *r, const struct bf_json *limits, const char *name,
                     int (*read)(struct reading *, const struct bf_json *, struct bf_limits *,
                                 struct bf_error *),
                     struct bf_limits *out, struct bf_error *err)
{
    const struct bf_json *value = get(limits, name);
    int rc = value ? read(r, value, out, err) : BF_OK;

    if (rc)
        bf_error_within(err, name);
    return rc;
}

int bf_limits_parse(struct bf_arena *a, const struct bf_json *json, const char *wire,
                    struct bf_limits *out, struct bf_error *err)
{
    static const char *const members[] = {"per_run", "cooldown", "rate", "over", "matches", NULL};
    struct reading r = {.arena = a, .wire = wire, .has = what_it_has(wire),
                        .example = "{\"cooldown\":\"10m\"}"};
    const struct bf_trigger *t = bf_trigger_by_wire(wire);
    struct bf_limits l = {.matches_per = t && bf_trigger_of_run(t) ? "run" : "automation"};
    int rc = json ? bf_members_check(r.arena, json, members, r.example, err) : BF_OK;

    if (rc == BF_OK)
        rc = read_per_run(&r, json, &l, err);
    if (rc == BF_OK && get(json, "cooldown"))
        rc = read_duration(&r, json, "cooldown", &l.cooldown_ms, err);
    if (rc == BF_OK)
        rc = read_part(&r, json, "rate", read_rate, &l, err);
    if (rc == BF_OK)
        rc = read_part(&r, json, "over", read_over, &l, err);
    if (rc == BF_OK)
        rc = read_part(&r, json, "matches", read_matches, &l, err);
    if (rc == BF_OK)
        *out = l;
    return rc;
}

bool bf_limits_same(const struct bf_limits *a, const struct bf_limits *b)
{
    return a->per_run_ms == b->per_run_ms && a->cooldown_ms == b->cooldown_ms &&
           a->rate_count == b->rate_count && a->rate_ms == b->rate_ms && a->over == b->over &&
           a->matches_count == b->matches_count && a->matches_ms == b->matches_ms &&
           strcmp(a->matches_per, b->matches_per) == 0;
}
