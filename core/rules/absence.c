/* absence.c - what must not stay away, read from the JSON of an automation. */
#include "core/rules/schedule.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/event/envelope.h"

#define MEMBERS "of, metric, for, per, run_filter, filter"

static const char *const types[] = {
    "run", "run.metric", "run.state", "run.heartbeat", "run.alert", "artifact.create",
    "artifact.link", "artifact.unlink", "artifact.alias.add", "artifact.tag.add",
    "artifact.tag.remove", "collection.tag.add", "collection.tag.remove",
};

static bool is_of_run(const char *type)
{
    return strcmp(type, "run") == 0 || strncmp(type, "run.", 4) == 0;
}

/* What it is when it is not there: null is the same. */
static const struct bf_json *member(const struct bf_json *filter, const char *name)
{
    const struct bf_json *value = bf_json_get(filter, name);

    return bf_json_is(value, BF_JSON_NULL) ? NULL : value;
}

static int check_members(struct bf_arena *a, const struct bf_json *filter, struct bf_error *err)
{
    static const char *const known[] = {"of", "metric", "for", "per", "run_filter", "filter"};

    for (const struct bf_json *k = bf_json_first(filter); k; k = bf_json_next(filter, k)) {
        size_t i = 0;

        while (i < BF_COUNT(known) && !bf_json_eq(k, known[i]))
            i++;
        if (i == BF_COUNT(known))
            return bf_error_field(err, BF_ECONFIG, bf_json_str(a, k), "unknown member \"%.80s\";"
                                  " known are " MEMBERS, bf_json_str(a, k));
    }
    return BF_OK;
}

/* A text of a member, which must be one if it is there. */
static int read_text(struct bf_arena *a, const struct bf_json *filter, const char *name,
                     const char **out, struct bf_error *err)
{
    const struct bf_json *value = member(filter, name);

    *out = bf_json_str(a, value);
    if (!value || *out)
        return BF_OK;
    return bf_error_field(err, BF_ECONFIG, name, "must be a string, not %s",
                          bf_json_type_name(value));
}

/* Types that the hub makes by itself and nobody can miss are not waited for: "clock.advance". */
static int check_type(const char *type, struct bf_error *err)
{
    for (size_t i = 0; i < BF_COUNT(types); i++) {
        if (strcmp(type, types[i]) == 0)
            return BF_OK;
    }
    if (bf_type_ok(type) && (bf_type_is_custom(type) || strncmp(type, "belfry.", 7) == 0))
        return BF_OK;
    return bf_error_field(err, BF_ECONFIG, "of", "there are no events of type \"%.80s\" to wait"
                          " for; there are run (any of a run's), run.metric, run.state,"
                          " run.heartbeat, run.alert, artifact.create and its like, and types of"
                          " your own such as \"ci.finished\"", type);
}

static int read_of(struct bf_arena *a, const struct bf_json *filter, struct bf_absence *out,
                   struct bf_error *err)
{
    int rc = read_text(a, filter, "of", &out->of, err);

    if (rc == BF_OK && !out->of)
        rc = bf_error_field(err, BF_ECONFIG, "of", "\"of\" is missing: the type of the events that"
                            " must not stay away, such as \"run.heartbeat\"");
    return rc ? rc : check_type(out->of, err);
}

static int read_metric(struct bf_arena *a, const struct bf_json *filter, struct bf_absence *out,
                       struct bf_error *err)
{
    int rc = read_text(a, filter, "metric", &out->metric, err);

    if (rc || !out->metric)
        return rc;
    if (strcmp(out->of, "run.metric") != 0)
        return bf_error_field(err, BF_ECONFIG, "metric", "only \"of\":\"run.metric\" has a metric");
    if (!*out->metric)
        return bf_error_field(err, BF_ECONFIG, "metric", "is empty");
    if (strlen(out->metric) > BF_NAME_MAX)
        return bf_error_field(err, BF_ECONFIG, "metric", "is %zu bytes long, at most %d are allowed",
                              strlen(out->metric), BF_NAME_MAX);
    return BF_OK;
}

static int read_for(struct bf_arena *a, const struct bf_json *filter, struct bf_absence *out,
                    struct bf_error *err)
{
    const char *text;
    int rc = read_text(a, filter, "for", &text, err);

    if (rc)
        return rc;
    if (!text)
        return bf_error_field(err, BF_ECONFIG, "for", "\"for\" is missing: how long to wait, such"
                              " as \"30m\"");
    if (!bf_duration_parse(text, &out->for_ms))
        return bf_error_field(err, BF_ECONFIG, "for", "\"%.40s\" is no duration; write \"90s\","
                              " \"30m\", \"12h\" or \"7d\"", text);
    if (out->for_ms < BF_ABSENCE_MS_MIN || out->for_ms > BF_ABSENCE_MS_MAX)
        return bf_error_field(err, BF_ECONFIG, "for", "is %.40s; it may be from 1s to 366d", text);
    return BF_OK;
}

static int read_per(struct bf_arena *a, const struct bf_json *filter, struct bf_absence *out,
                    struct bf_error *err)
{
    const char *per;
    int rc = read_text(a, filter, "per", &per, err);

    out->per_run = per ? strcmp(per, "run") == 0 : is_of_run(out->of);
    if (rc == BF_OK && per && !out->per_run && strcmp(per, "scope") != 0)
        rc = bf_error_field(err, BF_ECONFIG, "per", "\"%.40s\" is neither \"run\" (each run is"
                            " waited for) nor \"scope\" (any event of the scope will do)", per);
    return rc;
}

int bf_absence_parse(struct bf_arena *a, const struct bf_json *filter, struct bf_absence *out,
                     struct bf_error *err)
{
    int rc;

    if (!bf_json_is(filter, BF_JSON_OBJECT))
        return bf_error_set(err, BF_ECONFIG, "must be an object such as {\"of\":\"run.heartbeat\","
                            "\"for\":\"30m\"}, not %s", bf_json_type_name(filter));
    *out = (struct bf_absence){.of = NULL};
    rc = check_members(a, filter, err);
    if (rc == BF_OK)
        rc = read_of(a, filter, out, err);
    if (rc == BF_OK)
        rc = read_metric(a, filter, out, err);
    if (rc == BF_OK)
        rc = read_for(a, filter, out, err);
    if (rc == BF_OK)
        rc = read_per(a, filter, out, err);
    return rc;
}
