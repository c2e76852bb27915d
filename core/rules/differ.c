/* differ.c - in what two automations differ.
 *
 * Whether something differs is decided by what was parsed, which knows all defaults and spellings.
 * Where it does, what is shown comes from the JSON, in its authors' words; limits, which have many
 * spellings, are shown in one. */
#include "core/rules/differ.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/team/team.h"

struct differing {
    struct bf_arena *arena;
    bf_differ_fn *fn;
    void *arg;
    bool loose;                 /* null is as good as absent, and JSON may stand in a string */
    bool found;
};

static void tell(struct differing *d, const char *member, const char *before, const char *after)
{
    d->found = true;
    if (d->fn)
        d->fn(d->arg, member, before, after);
}

static const char *quoted(struct differing *d, const char *text)
{
    struct bf_buf b;
    const char *out;

    if (!text)
        return NULL;
    bf_buf_init(&b, 8 * BF_SPEC_MAX);
    bf_buf_json(&b, text);
    out = bf_arena_dup(d->arena, bf_buf_text(&b));
    bf_buf_fini(&b);
    return out;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void texts(struct differing *d, const char *member, const char *before, const char *after)
{
    if (!same_text(before, after))
        tell(d, member, quoted(d, before), quoted(d, after));
}

static void switches(struct differing *d, const char *member, bool before, bool after)
{
    if (before != after)
        tell(d, member, before ? "true" : "false", after ? "true" : "false");
}


/* --- any values ------------------------------------------------------------------------------ */

static const char *raw(struct differing *d, const struct bf_json *j)
{
    const char *text;
    size_t len;

    if (!j)
        return NULL;
    text = bf_json_raw(j, &len);
    return bf_arena_ndup(d->arena, text, len);
}

/* What W&B's client wrote into a string is looked at as what it holds. */
static const struct bf_json *loosened(struct differing *d, const struct bf_json *j)
{
    const struct bf_json *inside;
    struct bf_error err;

    if (!d->loose || bf_json_is(j, BF_JSON_NULL))
        return d->loose ? NULL : j;
    if (!bf_json_is(j, BF_JSON_STRING) || j->len == 0 || j->text[0] != '{')
        return j;
    inside = bf_json_inside(d->arena, j, &err);
    return inside ? inside : j;
}

static bool same_number(const struct bf_json *a, const struct bf_json *b)
{
    int64_t i, k;
    double x, y;

    if (bf_json_int(a, &i) && bf_json_int(b, &k))
        return i == k;
    return bf_json_double(a, &x) && bf_json_double(b, &y) && x == y;
}

static bool same_scalar(struct differing *d, const struct bf_json *a, const struct bf_json *b)
{
    if (a->type != b->type)
        return false;
    if (bf_json_is(a, BF_JSON_NUMBER))
        return same_number(a, b);
    return !bf_json_is(a, BF_JSON_STRING) ||
           strcmp(bf_json_str(d->arena, a), bf_json_str(d->arena, b)) == 0;
}

static void values(struct differing *d, const char *member, const struct bf_json *before,
                   const struct bf_json *after);

static void members(struct differing *d, const char *member, const struct bf_json *before,
                    const struct bf_json *after)
{
    const char *dot = *member ? "." : "";

    for (const struct bf_json *k = bf_json_first(before); k; k = bf_json_next(before, k)) {
        const char *key = bf_json_str(d->arena, k);

        values(d, bf_arena_printf(d->arena, "%s%s%s", member, dot, key), k + 1,
               bf_json_get(after, key));
    }
    for (const struct bf_json *k = bf_json_first(after); k; k = bf_json_next(after, k)) {
        const char *key = bf_json_str(d->arena, k);

        if (!bf_json_get(before, key))
            values(d, bf_arena_printf(d->arena, "%s%s%s", member, dot, key), NULL, k + 1);
    }
}

static void elements(struct differing *d, const char *member, const struct bf_json *before,
                     const struct bf_json *after)
{
    const struct bf_json *x = bf_json_first(before), *y = bf_json_first(after);

    for (size_t i = 0; x && y; i++) {
        values(d, bf_arena_printf(d->arena, "%s[%zu]", member, i), x, y);
        x = bf_json_next(before, x);
        y = bf_json_next(after, y);
    }
}

/* An object that there is only once is told of as a whole. */
static void values(struct differing *d, const char *member, const struct bf_json *before,
                   const struct bf_json *after)
{
    before = loosened(d, before);
    after = loosened(d, after);
    if (!before || !after) {
        if (before || after)
            tell(d, member, raw(d, before), raw(d, after));
    } else if (bf_json_is(before, BF_JSON_OBJECT) && bf_json_is(after, BF_JSON_OBJECT)) {
        members(d, member, before, after);
    } else if (bf_json_is(before, BF_JSON_ARRAY) && bf_json_is(after, BF_JSON_ARRAY) &&
               bf_json_count(before) == bf_json_count(after)) {
        elements(d, member, before, after);
    } else if (bf_json_is(before, BF_JSON_ARRAY) || bf_json_is(before, BF_JSON_OBJECT) ||
               !same_scalar(d, before, after)) {
        tell(d, member, raw(d, before), raw(d, after));
    }
}

bool bf_values_differ(struct bf_arena *a, const char *member, const struct bf_json *before,
                      const struct bf_json *after, bf_differ_fn *fn, void *arg)
{
    struct differing d = {.arena = a, .fn = fn, .arg = arg};

    values(&d, member, before, after);
    return d.found;
}


/* --- limits ---------------------------------------------------------------------------------- */

/* "90s", in the largest unit that has no rest; NULL of none.  A day is 24h, as people write it. */
static const char *duration(struct differing *d, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{24 * 3600 * 1000, "d"}, {3600 * 1000, "h"}, {60 * 1000, "m"}, {1000, "s"},
                 {1, "ms"}};
    size_t i = 0;

    if (ms == 0)
        return NULL;
    while (ms % units[i].ms || ms == units[0].ms * (i == 0))
        i++;
    return bf_arena_printf(d->arena, "\"%lld%s\"", (long long)(ms / units[i].ms), units[i].unit);
}

static void durations(struct differing *d, const char *member, int64_t before, int64_t after)
{
    if (before != after)
        tell(d, member, duration(d, before), duration(d, after));
}

/* Of a limit that is on by default, no limit is something that one has to write. */
static void per_run(struct differing *d, int64_t before, int64_t after)
{
    if (before != after)
        tell(d, "limits.per_run", before ? duration(d, before) : "\"off\"",
             after ? duration(d, after) : "\"off\"");
}

static const char *count(struct differing *d, uint32_t n)
{
    return n ? bf_arena_printf(d->arena, "%u", n) : NULL;
}

static void counts(struct differing *d, const char *member, uint32_t before, uint32_t after)
{
    if (before != after)
        tell(d, member, count(d, before), count(d, after));
}

static void limits(struct differing *d, const struct bf_limits *before,
                   const struct bf_limits *after)
{
    static const char *const over[] = {
        [BF_OVER_DELAY] = "delay", [BF_OVER_SKIP] = "skip", [BF_OVER_DIGEST] = "digest"};

    per_run(d, before->per_run_ms, after->per_run_ms);
    durations(d, "limits.cooldown", before->cooldown_ms, after->cooldown_ms);
    counts(d, "limits.rate.count", before->rate_count, after->rate_count);
    durations(d, "limits.rate.within", before->rate_ms, after->rate_ms);
    texts(d, "limits.over", over[before->over], over[after->over]);
    counts(d, "limits.matches.count", before->matches_count, after->matches_count);
    durations(d, "limits.matches.within", before->matches_ms, after->matches_ms);
    texts(d, "limits.matches.per", before->matches_per, after->matches_per);
}


/* --- actions --------------------------------------------------------------------------------- */

/* Names apart by a space, as a set. */
static bool has_name(const char *names, const char *name, size_t name_len)
{
    size_t len;

    for (const char *at = names; (len = bf_secret_names_next(&at)) > 0; at += len)
        if (len == name_len && memcmp(at, name, len) == 0)
            return true;
    return false;
}

static bool has_names(const char *names, const char *others)
{
    size_t len;

    for (const char *at = others; (len = bf_secret_names_next(&at)) > 0; at += len)
        if (!has_name(names, at, len))
            return false;
    return true;
}

static const char *name_array(struct differing *d, const char *names)
{
    const char *out = "[";
    size_t len;

    for (const char *at = names; (len = bf_secret_names_next(&at)) > 0; at += len)
        out = bf_arena_printf(d->arena, "%s%s\"%.*s\"", out, out[1] ? "," : "", (int)len, at);
    return bf_arena_printf(d->arena, "%s]", out);
}

static const struct bf_json *config_of(struct differing *d, const struct bf_action *action)
{
    const char *text = bf_arena_ndup(d->arena, action->config, action->config_len);

    return bf_json_parse(d->arena, text, action->config_len, NULL);
}

static void one_action(struct differing *d, uint32_t i, const struct bf_action *before,
                       const struct bf_action *after)
{
    const char *member = bf_arena_printf(d->arena, "actions[%u]", (unsigned)i);

    texts(d, bf_arena_printf(d->arena, "%s.integration", member), before->integration,
          after->integration);
    if (!has_names(before->secrets, after->secrets) || !has_names(after->secrets, before->secrets))
        tell(d, bf_arena_printf(d->arena, "%s.secrets", member), name_array(d, before->secrets),
             name_array(d, after->secrets));
    values(d, bf_arena_printf(d->arena, "%s.config", member), config_of(d, before),
           config_of(d, after));
}

static void actions(struct differing *d, const struct bf_automation *before,
                    const struct bf_automation *after, const struct bf_json *was,
                    const struct bf_json *is)
{
    const struct bf_json *x = bf_json_first(was), *y = bf_json_first(is);

    for (uint32_t i = 0; i < before->n_actions || i < after->n_actions; i++) {
        if (i < before->n_actions && i < after->n_actions)
            one_action(d, i, &before->actions[i], &after->actions[i]);
        else
            tell(d, bf_arena_printf(d->arena, "actions[%u]", (unsigned)i), raw(d, x), raw(d, y));
        x = x ? bf_json_next(was, x) : NULL;
        y = y ? bf_json_next(is, y) : NULL;
    }
}


/* --- hooks ----------------------------------------------------------------------------------- */

/* "fail" is what a hook does that says nothing. */
static const struct bf_json *on_error(const struct bf_json *hook)
{
    const struct bf_json *j = bf_json_get(hook, "on_error");

    return bf_json_eq(j, "fail") ? NULL : j;
}

static void hook(struct differing *d, const char *name, const struct bf_json *before,
                 const struct bf_json *after)
{
    static const char *const parts[] = {"file", "code"};
    const char *member = bf_arena_printf(d->arena, "hooks.%s", name);

    if (!bf_json_is(before, BF_JSON_OBJECT) || !bf_json_is(after, BF_JSON_OBJECT)) {
        values(d, member, before, after);
        return;
    }
    for (size_t i = 0; i < BF_COUNT(parts); i++)
        values(d, bf_arena_printf(d->arena, "%s.%s", member, parts[i]),
               bf_json_get(before, parts[i]), bf_json_get(after, parts[i]));
    values(d, bf_arena_printf(d->arena, "%s.on_error", member), on_error(before), on_error(after));
}

/* A script is what its author wrote, and never looked into. */
static void hooks(struct differing *d, const struct bf_json *before, const struct bf_json *after)
{
    static const char *const kinds[] = {"filter", "transform"};

    d->loose = false;
    for (size_t i = 0; i < BF_COUNT(kinds); i++) {
        const struct bf_json *x = bf_json_get(before, kinds[i]), *y = bf_json_get(after, kinds[i]);

        hook(d, kinds[i], bf_json_is(x, BF_JSON_NULL) ? NULL : x,
             bf_json_is(y, BF_JSON_NULL) ? NULL : y);
    }
}


/* --- automations ----------------------------------------------------------------------------- */

static const struct bf_json *spec_of(struct differing *d, const struct bf_automation *a)
{
    return bf_json_parse(d->arena, bf_arena_ndup(d->arena, a->spec, a->spec_len), a->spec_len,
                         NULL);
}

/* They differ; if it is in something that is not seen so, it is the whole. */
static void event(struct differing *d, const struct bf_json *before, const struct bf_json *after)
{
    bool found = d->found;

    d->found = false;
    d->loose = true;
    values(d, "event", before, after);
    d->loose = false;
    if (!d->found)
        tell(d, "event", raw(d, before), raw(d, after));
    d->found |= found;
}

bool bf_automations_differ(struct bf_arena *arena, const struct bf_automation *before,
                           const struct bf_automation *after, bf_differ_fn *fn, void *arg)
{
    struct differing d = {.arena = arena, .fn = fn, .arg = arg};
    const struct bf_json *was = spec_of(&d, before), *is = spec_of(&d, after);

    texts(&d, "name", before->name, after->name);
    texts(&d, "description", before->description, after->description);
    switches(&d, "enabled", before->enabled, after->enabled);
    texts(&d, "scope.entity", before->entity, after->entity);
    texts(&d, "scope.project", before->project, after->project);
    texts(&d, "scope.collection", before->collection, after->collection);
    if (!bf_automation_same_event(before, after))
        event(&d, bf_json_get(was, "event"), bf_json_get(is, "event"));
    limits(&d, &before->limits, &after->limits);
    switches(&d, "dry_run", before->dry_run, after->dry_run);
    hooks(&d, bf_json_get(was, "hooks"), bf_json_get(is, "hooks"));
    actions(&d, before, after, bf_json_get(was, "actions"), bf_json_get(is, "actions"));
    return d.found;
}
