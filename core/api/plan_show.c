/* plan_show.c - a plan as JSON, its hash, and what else there is where it looked.
 *
 *   {"manifest","hash","changes":[…],"unchanged":n,"adopted":n,"drift":[…],"conflicts":[…],
 *    "unowned":[…],"unowned_count":n}
 *
 * A change has "action", "kind", "team", "name", what it "differs" in, and all of it "before" and
 * "after", as a document has it.  The hash is of everything that would be done. */
#include "core/api/plans.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/base/crypto.h"
#include "core/bus/automation_list.h"

#define ANSWER_MAX (64 * 1024 * 1024)
#define NAMED_MAX  1000         /* of those that are not the file's */

static const char *const action_names[] = {
    [BF_PLAN_NOTHING] = "none",   [BF_PLAN_CREATE] = "create",   [BF_PLAN_CHANGE] = "change",
    [BF_PLAN_DELETE] = "delete",  [BF_PLAN_DRIFT] = "drift",     [BF_PLAN_CONFLICT] = "conflict",
    [BF_PLAN_FORGET] = "forget",
};


/* --- states with names ----------------------------------------------------------------------- */

struct naming {
    struct bf_plan *p;
    const char *entity;         /* of the document's scope */
};

/* What the document calls it, or else the hub.  In scratch memory, as all here is that is printed at
 * once. */
static const char *name_of(struct naming *n, const char *id)
{
    struct bf_arena *a = n->p->scratch;
    const struct bf_planned *t = bf_map_get(
        n->p->by_id, bf_arena_printf(a, "%s/%s", bf_thing_name(BF_THING_INTEGRATION), id));
    struct bf_integration *i;
    const char *name = NULL;

    if (t)
        return bf_api_integration_called(a, n->entity, t->entity, t->name);
    i = bf_team_integration(n->p->api->team, id);
    if (i && bf_api_may_read(n->p->api, n->p->x, i->entity))
        name = bf_api_integration_called(a, n->entity, bf_arena_dup(a, i->entity),
                                         bf_arena_dup(a, i->name));
    bf_integration_unref(i);
    return name;
}

static const char *on_id(void *arg, unsigned action, const char *id, const char *sink)
{
    (void)action;
    (void)sink;
    return name_of(arg, id);
}

/* Good until the next one is asked for. */
static const char *shown(struct bf_plan *p, const struct bf_planned *t, const char *state)
{
    struct naming n = {p, t->entity};
    size_t len;

    if (!state || t->kind != BF_THING_AUTOMATION)
        return state;
    bf_arena_reset(p->scratch);
    return bf_api_rename_integrations(p->scratch, state, strlen(state), on_id, &n, &len);
}


/* --- the hash -------------------------------------------------------------------------------- */

static void add_text(struct bf_buf *b, const char *text)
{
    bf_buf_adds(b, text ? text : "-");
    bf_buf_addc(b, '\0');
}

/* Ids of what is to be made are left out: they are given anew each time. */
static void add_thing(struct bf_plan *p, const struct bf_planned *t, struct bf_buf *b)
{
    add_text(b, bf_thing_name(t->kind));
    add_text(b, t->entity);
    add_text(b, t->name);
    add_text(b, action_names[t->action]);
    add_text(b, t->facts.there ? t->id : NULL);
    add_text(b, shown(p, t, t->before));
    add_text(b, shown(p, t, t->after));
    bf_buf_printf(b, "%d%d%llu;", t->owns, t->noted, (unsigned long long)t->revision);
}

void bf_plan_hash(struct bf_plan *p)
{
    uint8_t sum[32];
    struct bf_buf b;

    bf_buf_init(&b, ANSWER_MAX);
    add_text(&b, p->document.manifest);
    for (size_t i = 0; i < p->n; i++)
        if (p->things[i].action != BF_PLAN_NOTHING || p->things[i].owns != p->things[i].noted)
            add_thing(p, &p->things[i], &b);
    bf_sha256(bf_buf_text(&b), b.len, sum);
    bf_buf_fini(&b);
    snprintf(p->hash, sizeof(p->hash), "%s", bf_hex(p->arena, sum, sizeof(sum)));
}


/* --- one thing ------------------------------------------------------------------------------- */

struct showing {
    struct bf_plan *p;
    struct bf_buf *b;
    const struct bf_planned *t;
    unsigned n;
};

static void put_member(struct bf_buf *b, const char *name, const char *json)
{
    bf_buf_printf(b, ",\"%s\":%s", name, json ? json : "null");
}

static void put_text(struct bf_buf *b, const char *name, const char *text)
{
    bf_buf_printf(b, ",\"%s\":", name);
    bf_buf_json(b, text);
}

/* An action's integration stands there by its id. */
static const char *named_value(struct showing *s, const char *member, const char *value)
{
    struct naming n = {s->p, s->t->entity};
    const char *dot = strrchr(member, '.'), *name;
    struct bf_buf b;
    char id[BF_ID_LEN + 1];

    if (s->t->kind != BF_THING_AUTOMATION || !value || strlen(value) != BF_ID_LEN + 2 || !dot ||
        strncmp(member, "actions[", 8) != 0 || strcmp(dot, ".integration") != 0)
        return value;
    snprintf(id, sizeof(id), "%.*s", BF_ID_LEN, value + 1);
    name = name_of(&n, id);
    if (!name)
        return value;
    bf_buf_init(&b, 4096);
    bf_buf_json(&b, name);
    name = bf_arena_dup(s->p->scratch, bf_buf_text(&b));
    bf_buf_fini(&b);
    return name;
}

static void on_member(void *arg, const char *member, const char *before, const char *after)
{
    struct showing *s = arg;

    bf_buf_adds(s->b, s->n++ ? ",{\"member\":" : "{\"member\":");
    bf_buf_json(s->b, member);
    put_member(s->b, "before", named_value(s, member, before));
    put_member(s->b, "after", named_value(s, member, after));
    bf_buf_addc(s->b, '}');
}

/* The name that was changed by hand is no member of the state of an integration. */
static void put_differs(struct bf_plan *p, const struct bf_planned *t, const char *before,
                        const char *after, bool back, struct bf_buf *b)
{
    struct showing s = {p, b, t, 0};

    bf_buf_adds(b, ",\"differs\":[");
    if (t->called && t->kind == BF_THING_INTEGRATION) {
        bf_buf_printf(b, "{\"member\":\"name\",\"before\":\"%s\",\"after\":\"%s\"}",
                      back ? t->called : t->name, back ? t->name : t->called);
        s.n++;
    }
    bf_arena_reset(p->scratch);
    if (before && after)
        bf_states_differ(p->scratch, t->kind, before, after, on_member, &s);
    bf_buf_addc(b, ']');
}

static void put_warnings(const struct bf_planned *t, struct bf_buf *b)
{
    if (!t->warnings)
        return;
    bf_buf_adds(b, ",\"warnings\":[");
    for (const struct bf_warning *w = t->warnings; w; w = w->next) {
        bf_buf_adds(b, "{\"field\":");
        bf_buf_json(b, w->field);
        put_text(b, "message", w->message);
        bf_buf_adds(b, w->next ? "}," : "}");
    }
    bf_buf_addc(b, ']');
}

/* With its id, if it is there, or was made just now. */
static void put_name(const struct bf_plan *p, const struct bf_planned *t, struct bf_buf *b)
{
    bool there = t->facts.there || (p->expect && t->action == BF_PLAN_CREATE);

    bf_buf_printf(b, "\"kind\":\"%s\",\"team\":", bf_thing_name(t->kind));
    bf_buf_json(b, t->entity);
    put_text(b, "name", t->name);
    put_text(b, "id", there && t->kind != BF_THING_TEAM ? t->id : NULL);
}

/* What was by hand and is written over, or was nobody's and is taken over. */
static const char *reason_of(const struct bf_planned *t)
{
    if (t->facts.drifted || (t->action == BF_PLAN_CREATE && t->facts.owned))
        return "overwrite";
    return t->action == BF_PLAN_CHANGE && !t->facts.owned ? "adopt" : NULL;
}

static void put_change(struct bf_plan *p, const struct bf_planned *t, struct bf_buf *b)
{
    bf_buf_printf(b, "{\"action\":\"%s\",", action_names[t->action]);
    put_name(p, t, b);
    put_text(b, "reason", reason_of(t));
    put_differs(p, t, t->before, t->after, true, b);
    if (!p->expect) {
        put_member(b, "before", shown(p, t, t->before));
        put_member(b, "after", shown(p, t, t->after));
        put_text(b, "denied", t->denied);
        put_text(b, "in_use", t->in_use);
    }
    put_warnings(t, b);
    bf_buf_addc(b, '}');
}

/* As it was applied, and as it is now; of what is gone there is no more to say. */
static void put_drift(struct bf_plan *p, const struct bf_planned *t, struct bf_buf *b)
{
    bf_buf_addc(b, '{');
    put_name(p, t, b);
    bf_buf_printf(b, ",\"wanted\":%s,\"deleted\":%s", t->wanted ? "true" : "false",
                  t->facts.there ? "false" : "true");
    put_differs(p, t, t->applied, t->before, false, b);
    bf_buf_addc(b, '}');
}

static void put_conflict(struct bf_plan *p, const struct bf_planned *t, struct bf_buf *b)
{
    bf_buf_addc(b, '{');
    put_name(p, t, b);
    put_text(b, "manifest", t->foreign);
    put_differs(p, t, t->before, t->after, true, b);
    bf_buf_addc(b, '}');
}

static void put_list(struct bf_plan *p, const char *name, unsigned actions,
                     void (*put)(struct bf_plan *, const struct bf_planned *, struct bf_buf *),
                     struct bf_buf *b)
{
    bool any = false;

    bf_buf_printf(b, ",\"%s\":[", name);
    for (size_t i = 0; i < p->n; i++) {
        if (!(actions & 1u << p->things[i].action))
            continue;
        if (any)
            bf_buf_addc(b, ',');
        any = true;
        put(p, &p->things[i], b);
    }
    bf_buf_addc(b, ']');
}


/* --- what is not the file's ------------------------------------------------------------------- */

struct others {
    struct bf_plan *p;
    struct bf_buf *b;
    const char *entity;
    enum bf_thing_kind kind;
    unsigned n;
};

static void put_other(struct others *o, const char *id, const char *name)
{
    char manifest[BF_MANIFEST_NAME_MAX + 1], key[BF_ID_LEN + 32];

    snprintf(key, sizeof(key), "%s/%s", bf_thing_name(o->kind), id);
    if (bf_map_get(o->p->by_id, key) || o->n++ >= NAMED_MAX)
        return;
    bf_managed_owner(o->p->db, o->kind, id, manifest);
    bf_buf_printf(o->b, "%s{\"kind\":\"%s\",\"team\":", o->n > 1 ? "," : "",
                  bf_thing_name(o->kind));
    bf_buf_json(o->b, o->entity);
    put_text(o->b, "name", name);
    put_text(o->b, "id", id);
    put_text(o->b, "manifest", *manifest ? manifest : NULL);
    bf_buf_addc(o->b, '}');
}

static bool on_integration(void *arg, const char *id)
{
    struct others *o = arg;
    struct bf_integration *i = bf_team_integration(o->p->api->team, id);

    if (i)
        put_other(o, id, i->name);
    bf_integration_unref(i);
    return true;
}

static bool on_automation(void *arg, const struct bf_automation_row *row)
{
    put_other(arg, row->id, row->name);
    return true;
}

/* Of the teams that the document or its manifest has something in. */
static void put_others(struct bf_plan *p, struct bf_buf *b)
{
    struct others o = {.p = p, .b = b};
    struct bf_map *seen = bf_map_new();

    bf_buf_adds(b, ",\"unowned\":[");
    for (size_t i = 0; i < p->n; i++) {
        struct bf_automation_query query = {.entity = p->things[i].entity};

        o.entity = query.entity;
        if (bf_map_set(seen, o.entity, p) || !bf_api_may_read(p->api, p->x, o.entity) ||
            !bf_team_exists(p->api->team, o.entity))
            continue;
        o.kind = BF_THING_INTEGRATION;
        bf_team_list_integrations(p->db, o.entity, "", on_integration, &o);
        o.kind = BF_THING_AUTOMATION;
        bf_automation_list(p->db, &query, "", on_automation, &o);
    }
    bf_map_free(seen);
    bf_buf_printf(b, "],\"unowned_count\":%u", o.n);
}


/* --- all of it ------------------------------------------------------------------------------- */

static void put_counts(struct bf_plan *p, struct bf_buf *b)
{
    unsigned unchanged = 0, adopted = 0;

    for (size_t i = 0; i < p->n; i++) {
        const struct bf_planned *t = &p->things[i];

        unchanged += t->action == BF_PLAN_NOTHING;
        adopted += t->action == BF_PLAN_NOTHING && t->owns && !t->facts.owned;
    }
    bf_buf_printf(b, ",\"unchanged\":%u,\"adopted\":%u", unchanged, adopted);
}

/* Gives the status. */
int bf_plan_show(struct bf_plan *p)
{
    struct bf_buf b;
    int status = 200;

    bf_buf_init(&b, ANSWER_MAX);
    bf_buf_adds(&b, "{\"manifest\":");
    bf_buf_json(&b, p->document.manifest);
    put_text(&b, "hash", p->hash);
    if (p->expect)
        bf_buf_printf(&b, ",\"created\":%u,\"changed\":%u,\"deleted\":%u", p->n_made, p->n_changed,
                      p->n_deleted);
    put_list(p, "changes", 1u << BF_PLAN_CREATE | 1u << BF_PLAN_CHANGE | 1u << BF_PLAN_DELETE,
             put_change, &b);
    put_counts(p, &b);
    put_list(p, "drift", 1u << BF_PLAN_DRIFT, put_drift, &b);
    put_list(p, "conflicts", 1u << BF_PLAN_CONFLICT, put_conflict, &b);
    if (!p->expect)
        put_others(p, &b);
    bf_buf_addc(&b, '}');
    if (b.failed || !bf_arena_ok(p->arena))
        status = bf_exchange_fail(p->x, 413, "too_large", NULL, "the plan would have more than %d"
                                  " bytes; make several documents of it", ANSWER_MAX);
    else
        bf_exchange_reply(p->x, "application/json", b.data, b.len);
    bf_buf_fini(&b);
    return status;
}
