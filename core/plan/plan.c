/* plan.c - who owns what, and whether it is as it should be. */
#include "core/plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/base/tree.h"
#include "core/team/team.h"

#define STATE_MAX (4 * BF_SPEC_MAX)


/* --- deciding -------------------------------------------------------------------------------- */

static enum bf_plan_action of_wanted(const struct bf_plan_facts *f, const struct bf_plan_options *o)
{
    bool may;

    if (f->there && !f->differs)
        return BF_PLAN_NOTHING;
    if (!f->there && !f->owned)
        return BF_PLAN_CREATE;
    if (!f->owned)
        return o->adopt ? BF_PLAN_CHANGE : BF_PLAN_CONFLICT;
    may = o->overwrite || (f->there && !f->drifted);
    if (!may)
        return BF_PLAN_DRIFT;
    return f->there ? BF_PLAN_CHANGE : BF_PLAN_CREATE;
}

static enum bf_plan_action of_unwanted(const struct bf_plan_facts *f,
                                       const struct bf_plan_options *o)
{
    if (!f->there)
        return BF_PLAN_FORGET;
    return f->drifted && !o->overwrite ? BF_PLAN_DRIFT : BF_PLAN_DELETE;
}

enum bf_plan_action bf_plan_decide(const struct bf_plan_facts *f, const struct bf_plan_options *o,
                                   bool *owns)
{
    enum bf_plan_action action = f->wanted ? of_wanted(f, o) : of_unwanted(f, o);

    switch (action) {
    case BF_PLAN_CREATE:
    case BF_PLAN_CHANGE:
        *owns = true;
        break;
    case BF_PLAN_NOTHING:
        *owns = f->owned || o->adopt || (!f->foreign && f->kind != BF_THING_TEAM);
        break;
    case BF_PLAN_DRIFT:
        *owns = true;
        break;
    default:
        *owns = false;
    }
    return action;
}


/* --- states ---------------------------------------------------------------------------------- */

static const char *print(struct bf_arena *a, struct bf_tree *t)
{
    struct bf_buf b;
    const char *out;

    bf_buf_init(&b, STATE_MAX);
    bf_tree_print(t, &b);
    bf_tree_free(t);
    out = bf_arena_dup(a, bf_buf_text(&b));
    bf_buf_fini(&b);
    return out;
}

const char *bf_state_team(struct bf_arena *a, const char *organization)
{
    struct bf_tree *t = bf_tree_object();

    if (organization)
        bf_tree_str(t, "organization", organization);
    return print(a, t);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In one order, as it does not count. */
static void add_secrets(struct bf_tree *t, struct bf_arena *a, const char *names)
{
    struct bf_tree *array = bf_tree_add_array(t, "secrets");
    const char *list[BF_GRANTS_MAX];
    size_t n = 0, len;

    for (const char *at = names; (len = bf_secret_names_next(&at)) > 0 && n < BF_GRANTS_MAX;
         at += len)
        list[n++] = bf_arena_ndup(a, at, len);
    qsort(list, n, sizeof(*list), by_text);
    for (size_t i = 0; i < n; i++)
        bf_tree_str(array, NULL, list[i]);
}

/* An option that is null is as good as none. */
static void add_config(struct bf_tree *t, struct bf_arena *a, const struct bf_json *config)
{
    struct bf_tree *out = bf_tree_add_object(t, "config");
    const char *text;
    size_t len;

    for (const struct bf_json *k = bf_json_first(config); k; k = bf_json_next(config, k)) {
        if (bf_json_is(k + 1, BF_JSON_NULL))
            continue;
        text = bf_json_raw(k + 1, &len);
        bf_tree_raw(out, bf_json_str(a, k), text, len);
    }
}

static void add_delivery(struct bf_tree *t, const struct bf_delivery_settings *s)
{
    struct bf_tree *out = bf_tree_add_object(t, "delivery");

    if (*s->pace)
        bf_tree_str(out, "pace", s->pace);
    if (s->parallel)
        bf_tree_int(out, "parallel", s->parallel);
    if (s->timeout_ms)
        bf_tree_int(out, "timeout_s", s->timeout_ms / 1000);
    if (s->has_merge_over)
        bf_tree_int(out, "merge_over", s->merge_over);
}

const char *bf_state_integration(struct bf_arena *a, const struct bf_state_integration *i)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "sink", i->sink);
    add_config(t, a, i->config);
    add_secrets(t, a, i->secrets);
    add_delivery(t, i->delivery);
    return print(a, t);
}


/* --- comparing them -------------------------------------------------------------------------- */

static const struct bf_json *parse(struct bf_arena *a, const char *state)
{
    return bf_json_parse(a, state, strlen(state), NULL);
}

/* A document may leave it open in which organization a team is. */
static bool teams_differ(struct bf_arena *a, const struct bf_json *before,
                         const struct bf_json *after, bf_differ_fn *fn, void *arg)
{
    const struct bf_json *was = bf_json_get(before, "organization");
    const struct bf_json *is = bf_json_get(after, "organization");

    return was && is && bf_values_differ(a, "organization", was, is, fn, arg);
}

static bool is_sealed(const struct bf_json *option)
{
    return bf_json_is(bf_json_get(option, "set"), BF_JSON_TRUE);
}

static bool may_be_same(const struct bf_json *x, const struct bf_json *y)
{
    return (is_sealed(x) && (!y || is_sealed(y))) || (is_sealed(y) && !x);
}

static bool options_differ(struct bf_arena *a, const struct bf_json *before,
                           const struct bf_json *after, bf_differ_fn *fn, void *arg)
{
    bool differ = false;

    for (const struct bf_json *k = bf_json_first(before); k; k = bf_json_next(before, k)) {
        const char *name = bf_json_str(a, k);
        const struct bf_json *is = bf_json_get(after, name);

        if (!may_be_same(k + 1, is))
            differ |= bf_values_differ(a, bf_arena_printf(a, "config.%s", name), k + 1, is, fn, arg);
    }
    for (const struct bf_json *k = bf_json_first(after); k; k = bf_json_next(after, k)) {
        const char *name = bf_json_str(a, k);

        if (!bf_json_get(before, name) && !is_sealed(k + 1))
            differ |= bf_values_differ(a, bf_arena_printf(a, "config.%s", name), NULL, k + 1, fn,
                                       arg);
    }
    return differ;
}

static bool integrations_differ(struct bf_arena *a, const struct bf_json *before,
                                const struct bf_json *after, bf_differ_fn *fn, void *arg)
{
    static const char *const parts[] = {"sink", "secrets", "delivery"};
    bool differ = options_differ(a, bf_json_get(before, "config"), bf_json_get(after, "config"), fn,
                                 arg);

    for (size_t i = 0; i < BF_COUNT(parts); i++)
        differ |= bf_values_differ(a, parts[i], bf_json_get(before, parts[i]),
                                   bf_json_get(after, parts[i]), fn, arg);
    return differ;
}

/* What does not parse was made by another version of the hub, and is not what is wanted now. */
static bool automations_differ(struct bf_arena *a, const char *before, const char *after,
                               bf_differ_fn *fn, void *arg)
{
    struct bf_automation *x = NULL, *y = NULL;
    struct bf_error err;
    bool differ;

    if (bf_automation_parse(before, strlen(before), "", 0, NULL, &x, &err) ||
        bf_automation_parse(after, strlen(after), "", 0, NULL, &y, &err))
        differ = bf_values_differ(a, "", parse(a, before), parse(a, after), fn, arg);
    else
        differ = bf_automations_differ(a, x, y, fn, arg);
    bf_automation_unref(x);
    bf_automation_unref(y);
    return differ;
}

bool bf_states_differ(struct bf_arena *a, enum bf_thing_kind kind, const char *before,
                      const char *after, bf_differ_fn *fn, void *arg)
{
    switch (kind) {
    case BF_THING_TEAM:
        return teams_differ(a, parse(a, before), parse(a, after), fn, arg);
    case BF_THING_INTEGRATION:
        return integrations_differ(a, parse(a, before), parse(a, after), fn, arg);
    default:
        return automations_differ(a, before, after, fn, arg);
    }
}
