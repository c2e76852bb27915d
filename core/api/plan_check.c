/* plan_check.c - whether all of a plan may be done, and would be taken, by the checks of each thing's
 * own route.
 *
 * Rights come first: who may not have a thing is told so, and nothing more is looked into, as that
 * would ask plugins and look up names.  A plan is shown with what the caller may not do; it is not
 * applied. */
#include "core/api/plans.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"


/* --- errors ---------------------------------------------------------------------------------- */

/* "automations[3].actions[0].config" */
static const char *place_of(struct bf_plan *p, const struct bf_planned *t, const char *field)
{
    struct bf_arena *a = bf_exchange_arena(p->x);

    if (!t->wanted)
        return NULL;
    return bf_arena_printf(a, "%ss[%u]%s%s", bf_thing_name(t->kind), t->wanted->index,
                           field && *field && *field != '[' ? "." : "", field ? field : "");
}

static const char *called(struct bf_plan *p, const struct bf_planned *t)
{
    struct bf_arena *a = bf_exchange_arena(p->x);

    if (t->kind == BF_THING_TEAM)
        return bf_arena_printf(a, "team %s", t->name);
    return bf_arena_printf(a, "%s \"%s\" of %s", bf_thing_name(t->kind), t->name, t->entity);
}

int bf_plan_refuse(struct bf_plan *p, const struct bf_planned *t, int status)
{
    struct bf_failure f = *bf_exchange_failure(p->x);

    if (status >= 500 || !f.code)
        return status;          /* the hub's trouble, and no thing's */
    return bf_exchange_fail(p->x, status, f.code, place_of(p, t, f.field), "%s: %s", called(p, t),
                            f.words);
}

int bf_plan_invalid(struct bf_plan *p, const struct bf_planned *t, int rc, struct bf_error *err)
{
    return bf_plan_refuse(p, t, bf_api_invalid(p->x, rc, err));
}


/* --- rights ---------------------------------------------------------------------------------- */

static void deny(struct bf_plan *p, struct bf_planned *t, const char *words)
{
    t->denied = bf_arena_dup(p->arena, words);
}

/* Whoever may make a team may have everything in it; else nothing is to be had there. */
static bool is_of_planned_team(struct bf_plan *p, struct bf_planned *t)
{
    const struct bf_planned *team = bf_plan_thing(p, BF_THING_TEAM, t->entity, t->entity);

    if (!team || team->action != BF_PLAN_CREATE)
        return false;
    t->denied = team->denied;
    return true;
}

static void check_team_rights(struct bf_plan *p, struct bf_planned *t)
{
    struct bf_error err;

    if (t->action == BF_PLAN_DELETE ? bf_api_team_may_delete(&t->team, &err)
                                    : bf_api_team_may_put(&t->team, &err))
        deny(p, t, err.words);
}

static void check_integration_rights(struct bf_plan *p, struct bf_planned *t)
{
    if (!is_of_planned_team(p, t) && bf_api_require(p->api, p->x, BF_ADMIN, t->entity))
        deny(p, t, bf_exchange_failure(p->x)->words);
}

/* Of what there is; what is wanted is asked about with the rest of it. */
static void check_automation_rights(struct bf_plan *p, struct bf_planned *t)
{
    if (is_of_planned_team(p, t) || !t->facts.there)
        return;
    if (bf_api_require(p->api, p->x, BF_EDIT, t->owner) ||
        bf_api_check_scope(p->api, p->x, t->owner, t->project))
        deny(p, t, bf_exchange_failure(p->x)->words);
}

/* Whether anything would be written because of it. */
static bool is_touched(const struct bf_planned *t)
{
    return t->action == BF_PLAN_CREATE || t->action == BF_PLAN_CHANGE ||
           t->action == BF_PLAN_DELETE || (t->action == BF_PLAN_NOTHING && t->owns && !t->noted);
}

static void check_rights(struct bf_plan *p, struct bf_planned *t)
{
    static void (*const check[])(struct bf_plan *, struct bf_planned *) = {
        check_team_rights, check_integration_rights, check_automation_rights};

    if (!is_touched(t))
        return;
    check[t->kind](p, t);
    if (t->denied && t->action == BF_PLAN_NOTHING) {    /* then it stays as it is */
        t->denied = NULL;
        t->owns = t->facts.owned;
        t->noted = true;
    }
}


/* --- integrations ---------------------------------------------------------------------------- */

static void add_option(struct bf_buf *b, const struct bf_json *key, const char *value, size_t len)
{
    const char *raw;
    size_t raw_len;

    raw = bf_json_raw(key, &raw_len);
    bf_buf_addc(b, b->len > 1 ? ',' : ' ');
    bf_buf_add(b, raw, raw_len);
    bf_buf_addc(b, ':');
    bf_buf_add(b, value, len);
}

/* The options as a change gives them: those that the document leaves out go, except for literals,
 * which no document can hold. */
static const char *options(struct bf_plan *p, const struct bf_planned *t)
{
    const struct bf_json *config = t->wanted->config, *stored = NULL;
    struct bf_error err;
    const char *raw;
    struct bf_buf b;
    size_t len;

    bf_buf_init(&b, 2 * BF_SPEC_MAX);
    bf_buf_addc(&b, '{');
    for (const struct bf_json *k = bf_json_first(config); k; k = bf_json_next(config, k)) {
        raw = bf_json_raw(k + 1, &len);
        add_option(&b, k, raw, len);
    }
    if (t->is)
        bf_api_integration_config(p->arena, t->is->config, &stored, &err);
    for (const struct bf_json *k = bf_json_first(stored); k; k = bf_json_next(stored, k))
        if (!bf_json_get(config, bf_json_str(p->arena, k)) && !bf_json_get(k + 1, "sealed"))
            add_option(&b, k, "null", 4);
    bf_buf_addc(&b, '}');
    raw = bf_arena_dup(p->arena, bf_buf_text(&b));
    bf_buf_fini(&b);
    return raw;
}

/* As automations of the same document see it. */
static struct bf_integration *as_it_will_be(const struct bf_api_integration_change *c)
{
    struct bf_integration *i = bf_new(struct bf_integration);

    atomic_init(&i->refs, 1);
    memcpy(i->id, c->id, sizeof(i->id));
    i->entity = bf_strdup(c->draft.entity);
    i->sink = bf_strdup(c->draft.sink);
    i->name = bf_strdup(c->name);
    i->config = bf_strdup(c->draft.stored);
    i->secrets = bf_strdup(c->draft.secrets);
    i->disabled_reason = bf_strdup("");
    return i;
}

static int refuse_literal(struct bf_plan *p, const struct bf_planned *t, const char *option)
{
    bf_exchange_fail(p->x, 400, "invalid",
                     bf_arena_printf(bf_exchange_arena(p->x), "config.%s", option),
                     "%s is a secret, which a document names and does not hold: store it with PUT"
                     " /api/v1/teams/%s/secrets/NAME, and write \"NAME\"", option, t->entity);
    return bf_plan_refuse(p, t, 400);
}

static int check_integration(struct bf_plan *p, struct bf_planned *t)
{
    struct bf_api_integration_change *c = &t->change;
    struct bf_integration *before = t->is;
    struct bf_error err;
    const char *option;
    int rc;

    if (before)
        atomic_fetch_add_explicit(&before->refs, 1, memory_order_relaxed);
    bf_api_integration_begin(c, p->api, p->x, p->arena, before);
    snprintf(c->id, sizeof(c->id), "%s", t->id);
    c->name = t->name;
    c->delivery = t->delivery;
    c->draft.entity = t->entity;
    c->draft.sink = t->wanted->sink;
    c->draft.secrets = t->secrets;
    c->draft.config = options(p, t);
    rc = bf_api_integration_check(c, &err);
    if (rc)
        return bf_plan_invalid(p, t, rc, &err);
    option = bf_api_integration_seals(c);
    if (option)
        return refuse_literal(p, t, option);
    t->warnings = c->draft.warnings.first;
    t->becomes = as_it_will_be(c);
    return 0;
}


/* --- automations ----------------------------------------------------------------------------- */

static int check_automation(struct bf_plan *p, struct bf_planned *t)
{
    struct bf_api_draft draft = {
        .id = t->id,
        .spec = t->spec,
        .len = t->spec_len,
        .owner = t->facts.there ? t->owner : NULL,
        .before = t->before,
        .before_len = t->before ? strlen(t->before) : 0,
        .planned = &p->planned,
    };
    struct bf_automation *a;
    int status;

    p->lacking = NULL;
    status = bf_api_check_draft(p->api, p->x, &draft, &a);
    if (status == 403) {
        deny(p, t, bf_exchange_failure(p->x)->words);
        return 0;
    }
    if (status && p->lacking) {
        t->denied = p->lacking->denied;
        return 0;
    }
    if (status)
        return bf_plan_refuse(p, t, status);
    t->spec = draft.spec;
    t->spec_len = draft.len;
    t->warnings = draft.warnings.first;
    bf_automation_unref(a);
    return 0;
}


/* --- all of it ------------------------------------------------------------------------------- */

static int check_thing(struct bf_plan *p, struct bf_planned *t)
{
    if (t->denied || (t->action != BF_PLAN_CREATE && t->action != BF_PLAN_CHANGE))
        return 0;
    if (t->kind == BF_THING_INTEGRATION)
        return check_integration(p, t);
    return t->kind == BF_THING_AUTOMATION ? check_automation(p, t) : 0;
}

/* Integrations stand before the automations that need them. */
int bf_plan_check(struct bf_plan *p)
{
    int status = 0;

    for (size_t i = 0; i < p->n; i++)
        if (p->things[i].kind == BF_THING_TEAM)
            check_rights(p, &p->things[i]);
    for (size_t i = 0; i < p->n; i++)
        if (p->things[i].kind != BF_THING_TEAM)
            check_rights(p, &p->things[i]);
    for (size_t i = 0; !status && i < p->n; i++)
        status = check_thing(p, &p->things[i]);
    if (!status && !(bf_arena_ok(p->arena) && bf_arena_ok(bf_exchange_arena(p->x))))
        status = bf_exchange_fail(p->x, 413, "too_large", NULL, "the plan takes more memory than it"
                                  " may; make several documents of it");
    return status;
}
