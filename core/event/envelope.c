/* envelope.c - the gate between a sender's JSON and an event.
 *
 * The tables below say what an envelope may hold: for every member a name and the function that
 * checks it, and for every known type the members it cannot do without.  Whatever is not in a
 * table is refused by name; foreign bytes have their place in `data`, `artifact.metadata` and
 * `run.config`, which nobody looks into here.
 *
 * An envelope is one piece of memory: the struct, the points of its metrics with their names, the
 * sender's bytes, and behind them the strings that the hub works with, decoded.  It never changes
 * but for its count, and for the number, time, id and order of points that the engine writes before
 * anybody else sees it. */
#include "core/event/event_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"

#define TYPE_MAX 100            /* bytes of an event type */

/* Every member of every level, so that one word can hold what an envelope has. */
enum slot {
    KEY, TYPE, TIME, SOURCE, AUTHOR, CAUSE, HOPS, ENTITY, PROJECT, COLLECTION, ALIAS, TAG, DATA,
    RUN, RUN_ID, RUN_NAME, RUN_STATE, RUN_USER, RUN_TAGS, RUN_GROUP, RUN_JOB_TYPE, RUN_CONFIG,
    ARTIFACT, ARTIFACT_ID, ARTIFACT_VERSION, ARTIFACT_TYPE, ARTIFACT_METADATA, ARTIFACT_ALIASES,
    ARTIFACT_TAGS,
    ALERT, ALERT_TITLE, ALERT_TEXT, ALERT_LEVEL, ALERT_WAIT,
    ATTRIBUTES, METRICS, METRIC_NAME, METRIC_STEP, METRIC_VALUE, METRIC_TIME,
    ASSIGNED, N_SLOTS
};

#define BIT(slot) ((uint64_t)1 << (slot))

struct reading {
    struct bf_arena *scratch;
    enum bf_origin origin;
    uint64_t has;                               /* BIT(slot) of what was there */
    const struct bf_json *seen[N_SLOTS];        /* and where; unset where it was not */
    int64_t time_ms;
    int64_t hops;
    const struct known_type *known;             /* of the type; NULL for a custom one */
    double value;                               /* of the metric that was looked at last */
    int64_t step;
    struct sent_point *points;                  /* as they came */
    size_t n_points;
};

struct sent_point {
    struct bf_point point;                      /* its name is the reading's, without an end */
    size_t name_len;
};

typedef int check_fn(struct reading *r, const struct bf_json *value, struct bf_error *err);

struct member {
    const char *name;
    enum slot slot;
    check_fn *check;
};

struct known_type {
    const char *name;
    uint64_t needs;
};

static check_fn check_assigned, check_type, check_time, check_hops, check_name, check_text,
    check_prose, check_texts, check_state, check_level, check_wait, check_version, check_step,
    check_value, check_object, check_anything, check_run, check_artifact, check_alert,
    check_metric, check_metrics;

static const struct member envelope_members[] = {
    {"key", KEY, check_text},
    {"type", TYPE, check_type},
    {"time", TIME, check_time},
    {"source", SOURCE, check_text},
    {"author", AUTHOR, check_text},
    {"cause", CAUSE, check_text},
    {"hops", HOPS, check_hops},
    {"entity", ENTITY, check_name},
    {"project", PROJECT, check_name},
    {"collection", COLLECTION, check_name},
    {"run", RUN, check_run},
    {"artifact", ARTIFACT, check_artifact},
    {"alias", ALIAS, check_text},
    {"tag", TAG, check_text},
    {"alert", ALERT, check_alert},
    {"metrics", METRICS, check_metrics},
    {"attributes", ATTRIBUTES, check_object},
    {"data", DATA, check_anything},
    {"id", ASSIGNED, check_assigned},
    {"received", ASSIGNED, check_assigned},
    {0},
};

static const struct member run_members[] = {
    {"id", RUN_ID, check_text},
    {"name", RUN_NAME, check_text},
    {"state", RUN_STATE, check_state},
    {"user", RUN_USER, check_text},
    {"tags", RUN_TAGS, check_texts},
    {"group", RUN_GROUP, check_text},
    {"job_type", RUN_JOB_TYPE, check_text},
    {"config", RUN_CONFIG, check_object},
    {0},
};

static const struct member artifact_members[] = {
    {"id", ARTIFACT_ID, check_text},
    {"version", ARTIFACT_VERSION, check_version},
    {"type", ARTIFACT_TYPE, check_text},
    {"metadata", ARTIFACT_METADATA, check_object},
    {"aliases", ARTIFACT_ALIASES, check_texts},
    {"tags", ARTIFACT_TAGS, check_texts},
    {0},
};

static const struct member alert_members[] = {
    {"title", ALERT_TITLE, check_text},
    {"text", ALERT_TEXT, check_prose},
    {"level", ALERT_LEVEL, check_level},
    {"wait", ALERT_WAIT, check_wait},
    {0},
};

static const struct member metric_members[] = {
    {"name", METRIC_NAME, check_text},
    {"step", METRIC_STEP, check_step},
    {"value", METRIC_VALUE, check_value},
    {"time", METRIC_TIME, check_time},
    {0},
};

#define IN_COLLECTION (BIT(PROJECT) | BIT(COLLECTION))
#define OF_RUN        (BIT(PROJECT) | BIT(RUN_ID))

static const struct known_type known_types[] = {
    {"run.metric", OF_RUN | BIT(METRICS)},
    {"run.state", OF_RUN | BIT(RUN_STATE)},
    {"run.heartbeat", OF_RUN},
    {"run.alert", OF_RUN | BIT(ALERT_TITLE)},
    {"artifact.create", IN_COLLECTION},
    {"artifact.link", IN_COLLECTION},
    {"artifact.unlink", IN_COLLECTION},
    {"artifact.alias.add", IN_COLLECTION | BIT(ALIAS)},
    {"artifact.tag.add", IN_COLLECTION | BIT(TAG)},
    {"artifact.tag.remove", IN_COLLECTION | BIT(TAG)},
    {"collection.tag.add", IN_COLLECTION | BIT(TAG)},
    {"collection.tag.remove", IN_COLLECTION | BIT(TAG)},
};

/* Where in the words of an error a missing member is; only what a known type may need. */
static const struct {
    enum slot slot;
    const char *field;
} needed_fields[] = {
    {PROJECT, "project"},   {COLLECTION, "collection"}, {ALIAS, "alias"},
    {TAG, "tag"},           {RUN_ID, "run.id"},         {RUN_STATE, "run.state"},
    {METRICS, "metrics"},   {ALERT_TITLE, "alert.title"},
};

/* Families whose types are all known: anything else in them is a slip of the pen. */
static const char *const families[] = {"artifact.", "collection.", "run."};
static const char *const hub_families[] = {"belfry.", "clock.", "schedule."};

/* ---- words ---- */

static int wrong_type(const struct bf_json *value, const char *wanted, struct bf_error *err)
{
    if (bf_json_is(value, BF_JSON_NULL))
        return bf_error_set(err, BF_ECONFIG, "must be %s, not null: leave it out instead", wanted);
    return bf_error_set(err, BF_ECONFIG, "must be %s, not %s", wanted, bf_json_type_name(value));
}

static int not_whole(const struct bf_json *value, const char *wanted, struct bf_error *err)
{
    if (bf_json_is(value, BF_JSON_NUMBER))      /* 1.5, or beyond 64 bits */
        return bf_error_set(err, BF_ECONFIG, "must be %s", wanted);
    return wrong_type(value, wanted, err);
}

static int unknown_member(struct reading *r, const struct member *members,
                          const struct bf_json *key, struct bf_error *err)
{
    const char *name = bf_json_str(r->scratch, key);
    char list[256];
    size_t at = 0;

    for (const struct member *m = members; m->name; m++) {
        if (m->slot == ASSIGNED)
            continue;
        at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", at ? ", " : "", m->name);
    }
    return bf_error_field(err, BF_ECONFIG, name,
                          "unknown member \"%.80s\"; known are %s%s", name, list,
                          members == envelope_members ? "; anything else goes into data" : "");
}

static void list_family(const char *family, char *list, size_t size)
{
    size_t at = 0;

    for (size_t i = 0; i < BF_COUNT(known_types); i++) {
        if (strncmp(known_types[i].name, family, strlen(family)) == 0)
            at += (size_t)snprintf(list + at, size - at, "%s%s", at ? ", " : "",
                                   known_types[i].name);
    }
}

/* ---- the checks of single values ---- */

/* The characters of a string and their number; NULL for anything else.  Where nothing is escaped
 * these are the sender's own bytes, with something else behind them. */
static const char *chars(struct reading *r, const struct bf_json *value, size_t *len)
{
    const char *text;

    if (!bf_json_is(value, BF_JSON_STRING))
        return NULL;
    if (!value->escaped) {
        *len = value->len;
        return value->text;
    }
    text = bf_json_str(r->scratch, value);
    *len = text ? strlen(text) : 0;
    return text;
}

static int check_assigned(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    (void)r;
    (void)value;
    return bf_error_set(err, BF_ECONFIG, "is given by the hub; to make a repeat of an event count "
                                         "once, send \"key\"");
}

static int check_anything(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    (void)r;
    (void)value;
    (void)err;
    return BF_OK;
}

static int check_object(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    (void)r;
    return bf_json_is(value, BF_JSON_OBJECT) ? BF_OK : wrong_type(value, "an object", err);
}

static int check_prose(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    (void)r;
    return bf_json_is(value, BF_JSON_STRING) ? BF_OK : wrong_type(value, "a string", err);
}

static int check_text(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    size_t len;

    if (!chars(r, value, &len))
        return wrong_type(value, "a string", err);
    if (len == 0)
        return bf_error_set(err, BF_ECONFIG, "is empty: leave it out instead");
    if (len > BF_NAME_MAX)
        return bf_error_set(err, BF_ECONFIG, "is %zu bytes long, at most %d are allowed", len,
                            BF_NAME_MAX);
    return BF_OK;
}

static int check_texts(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    size_t i = 0;

    if (!bf_json_is(value, BF_JSON_ARRAY))
        return wrong_type(value, "an array of strings", err);
    for (const struct bf_json *one = bf_json_first(value); one; one = bf_json_next(value, one)) {
        int rc = check_text(r, one, err);

        if (rc) {
            char index[24];

            snprintf(index, sizeof(index), "[%zu]", i);
            bf_error_within(err, index);
            return rc;
        }
        i++;
    }
    return BF_OK;
}

const char *bf_name_problem(const char *name, size_t len)
{
    if (len == 0)
        return "is empty";
    if (len > BF_NAME_MAX)
        return "is longer than 256 bytes";
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];

        if (c == '/' || c == ':')
            return "holds a '/' or ':', which separate names";
        if (c < 0x20 || c == 0x7f)
            return "holds a control character";
    }
    return NULL;
}

static int check_name(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    size_t len;
    const char *name = chars(r, value, &len), *problem;

    if (!name)
        return wrong_type(value, "a string", err);
    problem = bf_name_problem(name, len);
    return problem ? bf_error_set(err, BF_ECONFIG, "%s", problem) : BF_OK;
}

static bool in_family(const char *type, size_t len, const char *family)
{
    size_t n = strlen(family);

    return len > n && memcmp(type, family, n) == 0;
}

/* [a-z0-9_]+(\.[a-z0-9_]+)* */
static bool is_dotted(const char *type, size_t len)
{
    bool dot = true;            /* the last one seen was a dot, or nothing */

    for (size_t i = 0; i < len; i++) {
        char c = type[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';

        if (!word && (c != '.' || dot))
            return false;
        dot = !word;
    }
    return !dot;
}

bool bf_type_ok(const char *type)
{
    size_t len = strlen(type);

    return len <= TYPE_MAX && is_dotted(type, len);
}

/* A type that is in none of the rows above: custom, the hub's own, or misspelt. */
static int check_unlisted_type(struct reading *r, const char *type, size_t len,
                               struct bf_error *err)
{
    for (size_t i = 0; i < BF_COUNT(families); i++) {
        char list[256];

        if (!in_family(type, len, families[i]))
            continue;
        list_family(families[i], list, sizeof(list));
        return bf_error_set(err, BF_ECONFIG, "unknown type \"%.*s\"; those of \"%s\" are %s",
                            (int)len, type, families[i], list);
    }
    for (size_t i = 0; r->origin == BF_FROM_OUTSIDE && i < BF_COUNT(hub_families); i++) {
        if (in_family(type, len, hub_families[i]))
            return bf_error_set(err, BF_ECONFIG,
                                "types that begin with \"%s\" are the hub's own; choose another",
                                hub_families[i]);
    }
    return BF_OK;
}

/* Whether the first word of a type is a family's, as in "run" and "run.x". */
static bool begins_as(const char *type, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t word = strlen(names[i]) - 1;     /* without the dot */

        if (strncmp(type, names[i], word) == 0 && (type[word] == '.' || type[word] == '\0'))
            return true;
    }
    return false;
}

bool bf_type_is_custom(const char *type)
{
    return is_dotted(type, strlen(type)) && !begins_as(type, families, BF_COUNT(families)) &&
           !begins_as(type, hub_families, BF_COUNT(hub_families));
}

static int check_type(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    size_t len;
    const char *type = chars(r, value, &len);

    if (!type)
        return wrong_type(value, "a string", err);
    if (len > TYPE_MAX)
        return bf_error_set(err, BF_ECONFIG, "is %zu bytes long, at most %d are allowed", len,
                            TYPE_MAX);
    for (size_t i = 0; i < BF_COUNT(known_types); i++) {
        const char *name = known_types[i].name;

        if (strncmp(name, type, len) == 0 && name[len] == '\0') {
            r->known = &known_types[i];
            return BF_OK;
        }
    }
    if (!is_dotted(type, len))
        return bf_error_set(err, BF_ECONFIG, "must be words of a-z, 0-9 and _ with dots between "
                                             "them, such as \"artifact.create\"");
    return check_unlisted_type(r, type, len, err);
}

static int check_time(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    const char *text = bf_json_str(r->scratch, value);

    if (!text)
        return wrong_type(value, "a string", err);
    if (!bf_time_parse(text, &r->time_ms))
        return bf_error_set(err, BF_ECONFIG, "must be an RFC 3339 time with its zone, such as "
                                             "\"2026-11-23T12:00:00Z\"");
    return BF_OK;
}

static int check_hops(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    if (!bf_json_int(value, &r->hops) || r->hops < 0)
        return not_whole(value, "a whole number from 0", err);
    if (r->hops > BF_HOPS_MAX)
        return bf_error_set(err, BF_ECONFIG, "is %lld, more than %d: an action seems to cause the "
                                             "event that causes it",
                            (long long)r->hops, BF_HOPS_MAX);
    return BF_OK;
}

static int check_state(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    int rc = check_text(r, value, err);
    size_t len = 0;
    const char *state = rc ? NULL : chars(r, value, &len);

    for (size_t i = 0; i < len; i++) {
        if (!(state[i] >= 'A' && state[i] <= 'Z') && state[i] != '_')
            return bf_error_set(err, BF_ECONFIG, "must be upper case, such as \"FAILED\"");
    }
    return rc;
}

static int check_level(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    (void)r;
    if (bf_json_eq(value, "INFO") || bf_json_eq(value, "WARN") || bf_json_eq(value, "ERROR"))
        return BF_OK;
    return bf_error_set(err, BF_ECONFIG, "must be \"INFO\", \"WARN\" or \"ERROR\"");
}

static int check_wait(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    double seconds;

    (void)r;
    if (bf_json_double(value, &seconds) && seconds >= 0)
        return BF_OK;
    return wrong_type(value, "a number of seconds, 0 or more", err);
}

static int check_version(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    size_t len;
    const char *version = chars(r, value, &len);
    bool ok = version && len >= 2 && len <= 20 && version[0] == 'v';

    for (size_t i = 1; ok && i < len; i++)
        ok = version[i] >= '0' && version[i] <= '9';
    if (!ok)
        return bf_error_set(err, BF_ECONFIG, "must be a \"v\" and a number, such as \"v7\"");
    return BF_OK;
}

static int check_step(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    return bf_json_int(value, &r->step) ? BF_OK : not_whole(value, "a whole number", err);
}

static int check_value(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    if (bf_json_double(value, &r->value))
        return BF_OK;
    if (bf_json_eq(value, "NaN"))
        r->value = NAN;
    else if (bf_json_eq(value, "Infinity"))
        r->value = INFINITY;
    else if (bf_json_eq(value, "-Infinity"))
        r->value = -INFINITY;
    else
        return bf_error_set(err, BF_ECONFIG, "must be a number, or one of \"NaN\", \"Infinity\""
                                             " and \"-Infinity\"");
    return BF_OK;
}

/* ---- objects ---- */

static const struct member *find_member(const struct member *members, const struct bf_json *key)
{
    for (const struct member *m = members; m->name; m++) {
        if (key->escaped ? bf_json_eq(key, m->name)
                         : strncmp(m->name, key->text, key->len) == 0 && !m->name[key->len])
            return m;
    }
    return NULL;
}

static int check_members(struct reading *r, const struct member *members,
                         const struct bf_json *object, struct bf_error *err)
{
    if (!bf_json_is(object, BF_JSON_OBJECT))
        return wrong_type(object, "an object", err);
    for (const struct bf_json *key = bf_json_first(object); key; key = bf_json_next(object, key)) {
        const struct member *m = find_member(members, key);
        int rc;

        if (!m)
            return unknown_member(r, members, key, err);
        rc = m->check(r, key + 1, err);
        if (rc) {
            bf_error_within(err, m->name);
            return rc;
        }
        r->has |= BIT(m->slot);
        r->seen[m->slot] = key + 1;
    }
    return BF_OK;
}

static int check_run(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    return check_members(r, run_members, value, err);
}

static int check_artifact(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    return check_members(r, artifact_members, value, err);
}

static int check_alert(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    return check_members(r, alert_members, value, err);
}

/* The metric that was just looked at, unless the arena is full, which is found out at the end. */
static void keep_point(struct reading *r)
{
    bool has_step = r->has & BIT(METRIC_STEP);
    struct sent_point *to;

    if (!r->points)
        return;
    to = &r->points[r->n_points];
    to->point = (struct bf_point){.value = r->value, .has_step = has_step,
                                  .step = has_step ? r->step : 0,
                                  .place = (uint32_t)r->n_points++};
    to->point.name = chars(r, r->seen[METRIC_NAME], &to->name_len);
}

static int check_metric(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    int rc;

    r->has &= ~(BIT(METRIC_NAME) | BIT(METRIC_STEP) | BIT(METRIC_VALUE));
    rc = check_members(r, metric_members, value, err);
    if (rc)
        return rc;
    if (!(r->has & BIT(METRIC_NAME)))
        return bf_error_field(err, BF_ECONFIG, "name", "a metric needs \"name\"");
    if (!(r->has & BIT(METRIC_VALUE)))
        return bf_error_field(err, BF_ECONFIG, "value", "a metric needs \"value\"");
    keep_point(r);
    return BF_OK;
}

static int check_metrics(struct reading *r, const struct bf_json *value, struct bf_error *err)
{
    int64_t time_ms = r->time_ms;       /* a metric's time is its own */
    size_t i = 0;

    if (!bf_json_is(value, BF_JSON_ARRAY))
        return wrong_type(value, "an array such as [{\"name\":\"loss\",\"value\":0.5}]", err);
    if (!bf_json_first(value))
        return bf_error_set(err, BF_ECONFIG, "is empty: leave it out instead");
    r->points = bf_arena_alloc(r->scratch, bf_json_count(value) * sizeof(*r->points));
    for (const struct bf_json *one = bf_json_first(value); one; one = bf_json_next(value, one)) {
        int rc = check_metric(r, one, err);

        if (rc) {
            char index[24];

            snprintf(index, sizeof(index), "[%zu]", i);
            bf_error_within(err, index);
            return rc;
        }
        i++;
    }
    r->time_ms = time_ms;
    return BF_OK;
}

static int check_needs(const struct reading *r, struct bf_error *err)
{
    uint64_t missing;

    if (!(r->has & BIT(TYPE)))
        return bf_error_field(err, BF_ECONFIG, "type", "an event needs \"type\"");
    if (!(r->has & BIT(ENTITY)))
        return bf_error_field(err, BF_ECONFIG, "entity",
                              "an event needs \"entity\", the team it belongs to");
    missing = r->known ? r->known->needs & ~r->has : 0;
    for (size_t i = 0; missing && i < BF_COUNT(needed_fields); i++) {
        const char *field = needed_fields[i].field;

        if (missing & BIT(needed_fields[i].slot))
            return bf_error_field(err, BF_ECONFIG, field, "an event of type %s needs \"%s\"",
                                  r->known->name, field);
    }
    return BF_OK;
}

/* ---- the envelope itself ---- */

/* Which members are decoded, and where to. */
static const struct {
    enum slot slot;
    size_t offset;
} decoded[] = {
    {TYPE, offsetof(struct bf_envelope, type)},
    {ENTITY, offsetof(struct bf_envelope, entity)},
    {PROJECT, offsetof(struct bf_envelope, project)},
    {COLLECTION, offsetof(struct bf_envelope, collection)},
    {KEY, offsetof(struct bf_envelope, key)},
    {SOURCE, offsetof(struct bf_envelope, source)},
    {AUTHOR, offsetof(struct bf_envelope, author)},
    {CAUSE, offsetof(struct bf_envelope, cause)},
    {ALIAS, offsetof(struct bf_envelope, alias)},
    {TAG, offsetof(struct bf_envelope, tag)},
    {ARTIFACT_TYPE, offsetof(struct bf_envelope, artifact_type)},
    {RUN_ID, offsetof(struct bf_envelope, run_id)},
    {RUN_NAME, offsetof(struct bf_envelope, run_name)},
    {RUN_STATE, offsetof(struct bf_envelope, run_state)},
};

/* In the order in which they are taken; qsort() need not be stable, so where they stand decides
 * last. */
static int by_step(const void *a, const void *b)
{
    const struct sent_point *x = *(struct sent_point *const *)a, *y = *(struct sent_point *const *)b;

    if (x->point.has_step != y->point.has_step)
        return x->point.has_step ? -1 : 1;
    if (x->point.step != y->point.step)
        return x->point.step < y->point.step ? -1 : 1;
    return x < y ? -1 : x > y;
}

static bool is_same_name(const struct sent_point *a, const struct sent_point *b)
{
    return a->name_len == b->name_len && memcmp(a->point.name, b->point.name, a->name_len) == 0;
}

/* The points of a run.metric event, sorted, and the bytes that they take with their names, of which
 * neighbours share one.  False if the arena has no room. */
static bool sort_points(struct reading *r, struct sent_point ***out, size_t *size)
{
    struct sent_point **sorted;

    *out = NULL;
    *size = 0;
    if (!r->known || !(r->known->needs & BIT(METRICS)))
        r->n_points = 0;
    if (r->n_points == 0)
        return true;
    sorted = bf_arena_alloc(r->scratch, r->n_points * sizeof(struct sent_point *));
    if (!sorted)
        return false;
    for (size_t i = 0; i < r->n_points; i++)
        sorted[i] = &r->points[i];
    qsort(sorted, r->n_points, sizeof(struct sent_point *), by_step);
    for (size_t i = 0; i < r->n_points; i++)
        *size += sizeof(struct bf_point) +
                 (i && is_same_name(sorted[i], sorted[i - 1]) ? 0 : sorted[i]->name_len + 1);
    *out = sorted;
    return true;
}

/* Gives where their names end. */
static char *put_points(struct bf_envelope *e, struct sent_point *const *sorted, size_t n)
{
    struct bf_point *points = (struct bf_point *)(e + 1);
    char *at = (char *)(points + n);

    e->points = n ? points : NULL;
    e->n_points = n;
    for (size_t i = 0; i < n; i++) {
        points[i] = sorted[i]->point;
        if (i && is_same_name(sorted[i], sorted[i - 1])) {
            points[i].name = points[i - 1].name;
            continue;
        }
        points[i].name = memcpy(at, sorted[i]->point.name, sorted[i]->name_len);
        at[sorted[i]->name_len] = '\0';
        at += sorted[i]->name_len + 1;
    }
    return at;
}

static struct bf_envelope *build(struct reading *r, const char *text, size_t len)
{
    struct { const char *text; size_t len; } strings[BF_COUNT(decoded)] = {{0}};
    size_t size = sizeof(struct bf_envelope) + len + 1, points_size;
    struct sent_point **points;
    struct bf_envelope *e;
    char *at;

    if (!sort_points(r, &points, &points_size))
        return NULL;
    size += points_size;
    for (size_t i = 0; i < BF_COUNT(decoded); i++) {
        if (r->has & BIT(decoded[i].slot)) {
            strings[i].text = chars(r, r->seen[decoded[i].slot], &strings[i].len);
            size += strings[i].len + 1;
        }
    }
    e = malloc(size);
    if (!e)
        return NULL;
    memset(e, 0, sizeof(*e));
    atomic_init(&e->refs, 1);
    e->hops = (uint32_t)r->hops;
    e->time_ms = r->time_ms;
    at = put_points(e, points, r->n_points);
    e->text = memcpy(at, text, len);
    e->text_len = len;
    at[len] = '\0';
    at += len + 1;
    for (size_t i = 0; i < BF_COUNT(decoded); i++) {
        if (!strings[i].text)
            continue;
        *(const char **)((char *)e + decoded[i].offset) = memcpy(at, strings[i].text,
                                                                 strings[i].len);
        at[strings[i].len] = '\0';
        at += strings[i].len + 1;
    }
    return e;
}

int bf_envelope_make(struct bf_arena *scratch, const struct bf_json *root, enum bf_origin origin,
                     struct bf_envelope **out, struct bf_error *err)
{
    struct reading r = {.scratch = scratch, .origin = origin};
    struct bf_envelope *e;
    const char *text;
    size_t len;
    int rc;

    if (!root)
        return bf_error_set(err, BF_ECONFIG, "this is not JSON: %s", err->words);
    if (!bf_json_is(root, BF_JSON_OBJECT))
        return bf_error_set(err, BF_ECONFIG, "an event must be an object, not %s",
                            bf_json_type_name(root));
    text = bf_json_raw(root, &len);
    if (len > BF_EVENT_MAX)
        return bf_error_set(err, BF_ETOOBIG, "the event is %zu bytes long, at most %d are allowed",
                            len, BF_EVENT_MAX);
    rc = check_members(&r, envelope_members, root, err);
    if (rc == BF_OK)
        rc = check_needs(&r, err);
    if (rc)
        return rc;
    e = bf_arena_ok(scratch) ? build(&r, text, len) : NULL;
    if (!e)
        return bf_error_set(err, BF_ENOMEM, "no memory for an event of %zu bytes", len);
    *out = e;
    return BF_OK;
}

int bf_envelope_parse(struct bf_arena *scratch, const char *text, size_t len, enum bf_origin origin,
                      struct bf_envelope **out, struct bf_error *err)
{
    const struct bf_json *root;
    struct bf_error unheard;

    if (!err)
        err = &unheard;
    if (len > BF_EVENT_MAX)
        return bf_error_set(err, BF_ETOOBIG, "the event is %zu bytes long, at most %d are allowed",
                            len, BF_EVENT_MAX);
    root = bf_json_parse(scratch, text, len, err);
    return bf_envelope_make(scratch, root, origin, out, err);
}

struct bf_envelope *bf_envelope_ref(struct bf_envelope *e)
{
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void bf_envelope_unref(struct bf_envelope *e)
{
    if (e && atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) == 1)
        free(e);
}

void bf_envelope_print(const struct bf_envelope *e, struct bf_buf *out)
{
    char received[32];

    bf_time_print(e->received_ms, received);
    bf_buf_adds(out, "{\"id\":\"");
    bf_buf_adds(out, e->id);
    bf_buf_adds(out, "\",\"received\":\"");
    bf_buf_adds(out, received);
    bf_buf_adds(out, e->is_dropped ? "\",\"dropped\":true," : "\",");
    bf_buf_add(out, e->text + 1, e->text_len - 1);
}
