/* plan_read.c - what there is of everything that a document names or its manifest had, and what is to
 * become of each. */
#include "core/api/plans.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/bus/automation_list.h"
#include "core/bus/uses.h"

static const char *key_of(struct bf_arena *a, enum bf_thing_kind kind, const char *entity,
                          const char *name)
{
    return bf_arena_printf(a, "%s/%s/%s", bf_thing_name(kind), entity, name);
}

static const char *id_key(struct bf_arena *a, enum bf_thing_kind kind, const char *id)
{
    return bf_arena_printf(a, "%s/%s", bf_thing_name(kind), id);
}

struct bf_planned *bf_plan_thing(const struct bf_plan *p, enum bf_thing_kind kind,
                                 const char *entity, const char *name)
{
    return bf_map_get(p->by_key, key_of(p->arena, kind, entity, name));
}

static struct bf_managed *row_of(const struct bf_plan *p, const struct bf_planned *t)
{
    return bf_map_get(p->rows, key_of(p->arena, t->kind, t->entity, t->name));
}

static int unreadable(struct bf_plan *p) { return bf_api_unreadable(p->x); }


/* --- what becomes of it ---------------------------------------------------------------------- */

/* Everything is known of it but this. */
static int decide(struct bf_plan *p, struct bf_planned *t)
{
    const struct bf_managed *row = row_of(p, t);
    char owner[BF_MANIFEST_NAME_MAX + 1];
    struct bf_plan_facts *f = &t->facts;

    f->kind = t->kind;
    f->wanted = t->wanted != NULL;
    f->owned = row && (!f->there || strcmp(row->id, t->id) == 0);
    t->applied = f->owned ? row->applied : NULL;
    if (f->there && !f->owned) {
        if (bf_managed_owner(p->db, t->kind, t->id, owner) < 0)
            return unreadable(p);
        f->foreign = *owner && strcmp(owner, p->document.manifest) != 0;
        t->foreign = f->foreign ? bf_arena_dup(p->arena, owner) : NULL;
    }
    bf_arena_reset(p->scratch);
    f->differs = f->there && f->wanted &&
                 (t->called || bf_states_differ(p->scratch, t->kind, t->before, t->after, NULL, NULL));
    f->drifted = f->there && f->owned &&
                 (t->called ||
                  bf_states_differ(p->scratch, t->kind, t->applied, t->before, NULL, NULL));
    t->action = bf_plan_decide(f, &p->options, &t->owns);
    t->noted = f->owned && f->there && f->wanted && strcmp(t->applied, t->after) == 0;
    if (!t->id) {
        char id[BF_ID_LEN + 1];

        bf_id_random(id, bf_wall_ms(p->api->clock));
        t->id = bf_arena_dup(p->arena, id);
    }
    bf_map_set(p->by_id, id_key(p->arena, t->kind, t->id), t);
    return 0;
}


/* --- teams ----------------------------------------------------------------------------------- */

static int read_team(struct bf_plan *p, struct bf_planned *t)
{
    const struct bf_wanted *w = t->wanted;
    struct bf_entity e;

    t->team = (struct bf_api_team_change){.api = p->api, .x = p->x, .name = t->name};
    t->team.put.organization = w ? w->organization : NULL;
    t->team.put.may_revive = bf_auth_who(p->x)->admin;
    t->id = t->name;            /* which is given once */
    t->after = w ? bf_state_team(p->arena, w->organization) : NULL;
    if (bf_team_entity(p->api->team, t->name, &e) && bf_api_may_read(p->api, p->x, t->name)) {
        if (*e.kind != 't') {
            bf_exchange_fail(p->x, 400, "invalid", "name", "is the name of %s, and no team",
                             *e.kind == 'u' ? "a user" : "an organization");
            return bf_plan_refuse(p, t, 400);
        }
        t->facts.there = true;
        t->before = bf_state_team(p->arena, e.organization);
    }
    return decide(p, t);
}

/* Of a team that is to be made: struct bf_api_planned. */
static bool on_team(void *arg, const char *team, char own[BF_ENTITY_NAME_MAX + 1])
{
    const struct bf_plan *p = arg;
    const struct bf_planned *t = bf_plan_thing(p, BF_THING_TEAM, team, team);

    if (!t || t->action != BF_PLAN_CREATE)
        return false;
    bf_organization_entity(own, t->team.put.organization ? t->team.put.organization
                                                         : BF_ORGANIZATION_DEFAULT);
    return true;
}


/* --- integrations ---------------------------------------------------------------------------- */

struct listing {
    struct bf_plan *p;
    const char *entity;
};

static bool on_integration_row(void *arg, const char *id)
{
    struct listing *l = arg;
    struct bf_integration *i = bf_team_integration(l->p->api->team, id);

    if (i)
        bf_map_set(l->p->integrations, bf_arena_printf(l->p->arena, "%s/%s", l->entity, i->name),
                   bf_arena_dup(l->p->arena, id));
    bf_integration_unref(i);
    return true;
}

/* The id of an entity's integration as the hub has it, or NULL. */
static const char *integration_named(struct bf_plan *p, const char *entity, const char *name)
{
    const char *all = bf_arena_printf(p->arena, "%s/", entity);
    struct listing l = {p, entity};

    if (!bf_api_may_read(p->api, p->x, entity))
        return NULL;
    if (!bf_map_get(p->integrations, all)) {
        bf_map_set(p->integrations, all, p);
        bf_team_list_integrations(p->db, entity, "", on_integration_row, &l);
    }
    return bf_map_get(p->integrations, bf_arena_printf(p->arena, "%s%s", all, name));
}

static int state_of(struct bf_plan *p, const struct bf_integration *i, const char **out)
{
    struct bf_delivery_settings delivery;
    struct bf_state_integration s = {.sink = i->sink, .secrets = i->secrets, .delivery = &delivery};
    const char *config;
    struct bf_error err;

    if (bf_standing_read(p->db, i->id, &delivery, NULL) ||
        bf_plugins_show_config(p->api->plugins, p->arena, i, &config))
        return unreadable(p);
    s.config = bf_json_parse(p->arena, config, strlen(config), &err);
    *out = bf_state_integration(p->arena, &s);
    return 0;
}

static int read_wanted_integration(struct bf_plan *p, struct bf_planned *t)
{
    const struct bf_wanted *w = t->wanted;
    struct bf_state_integration s = {.sink = w->sink, .config = w->config,
                                     .delivery = &t->delivery};
    struct bf_error err;
    int rc;

    if (!bf_plan_thing(p, BF_THING_TEAM, t->entity, t->entity) &&
        (!bf_team_exists(p->api->team, t->entity) || !bf_api_may_read(p->api, p->x, t->entity))) {
        bf_api_no_entity(p->x, 400, "team", t->entity);
        return bf_plan_refuse(p, t, 400);
    }
    rc = bf_secret_names_read(p->arena, w->secrets, &t->secrets, &err);
    if (rc)
        bf_error_within(&err, "secrets");
    if (!rc)
        rc = bf_delivery_settings_parse(p->arena, w->delivery, &t->delivery, &err);
    if (rc)
        return bf_plan_invalid(p, t, rc, &err);
    s.secrets = t->secrets;
    t->after = bf_state_integration(p->arena, &s);
    return 0;
}

/* By its id, if the manifest has it; else by its name. */
static void find_integration(struct bf_plan *p, struct bf_planned *t)
{
    const struct bf_managed *row = row_of(p, t);
    const char *id = row ? row->id : NULL;

    t->is = id ? bf_team_integration(p->api->team, id) : NULL;
    if (!t->is && t->wanted) {
        id = integration_named(p, t->entity, t->name);
        t->is = id ? bf_team_integration(p->api->team, id) : NULL;
    }
    if (!t->is)
        return;
    t->facts.there = true;
    t->id = t->is->id;
    t->revision = t->is->revision;
    t->called = strcmp(t->is->name, t->name) != 0 ? t->is->name : NULL;
}

static int read_integration(struct bf_plan *p, struct bf_planned *t)
{
    int status = t->wanted ? read_wanted_integration(p, t) : 0;

    if (status)
        return status;
    find_integration(p, t);
    if (t->is)
        status = state_of(p, t->is, &t->before);
    if (!status && t->is && t->wanted && strcmp(t->is->sink, t->wanted->sink) != 0) {
        bf_exchange_fail(p->x, 400, "invalid", "sink", "it is of the sink \"%s\", which does not"
                         " change; give the new one another name", t->is->sink);
        return bf_plan_refuse(p, t, 400);
    }
    return status ? status : decide(p, t);
}

static struct bf_integration *on_integration(void *arg, const char *id)
{
    struct bf_plan *p = arg;
    const struct bf_planned *t = bf_map_get(p->by_id, id_key(p->arena, BF_THING_INTEGRATION, id));

    if (t && t->denied)
        p->lacking = t;
    if (!t || !t->becomes)
        return NULL;
    atomic_fetch_add_explicit(&t->becomes->refs, 1, memory_order_relaxed);
    return t->becomes;
}


/* --- automations ----------------------------------------------------------------------------- */

struct naming {
    struct bf_plan *p;
    const struct bf_planned *t;
    int status;
};

static const char *no_integration(struct naming *n, unsigned action, const char *named)
{
    char field[48];

    snprintf(field, sizeof(field), "actions[%u].integration", action);
    bf_exchange_fail(n->p->x, 400, "invalid", field, "unknown integration \"%s\": neither this"
                     " document nor %s has one of that name; one of another team is named"
                     " TEAM/NAME", named, n->t->entity);
    n->status = bf_plan_refuse(n->p, n->t, 400);
    return NULL;
}

/* Who writes slack("ops") does not mean a webhook of that name. */
static const char *check_sink(struct naming *n, unsigned action, const char *named,
                              const char *id, const char *wanted, const struct bf_planned *t)
{
    struct bf_integration *i = t && t->wanted ? NULL : bf_team_integration(n->p->api->team, id);
    const char *sink = i ? i->sink : t && t->wanted ? t->wanted->sink : wanted;
    char field[48];

    if (wanted && strcmp(sink, wanted) != 0) {
        snprintf(field, sizeof(field), "actions[%u].sink", action);
        bf_exchange_fail(n->p->x, 400, "invalid", field, "\"%s\" is of the sink %s, and not of %s",
                         named, sink, wanted);
        n->status = bf_plan_refuse(n->p, n->t, 400);
    }
    bf_integration_unref(i);
    return n->status ? NULL : id;
}

/* The id behind "deployer" or "acme/deployer". */
static const char *on_named(void *arg, unsigned action, const char *named, const char *sink)
{
    struct naming *n = arg;
    const char *slash = strchr(named, '/'), *entity = n->t->entity, *name = named, *id;
    struct bf_planned *t;

    if (n->status)
        return NULL;
    if (slash) {
        entity = bf_arena_ndup(n->p->arena, named, (size_t)(slash - named));
        name = slash + 1;
    }
    t = bf_plan_thing(n->p, BF_THING_INTEGRATION, entity, name);
    id = t && t->wanted ? t->id : integration_named(n->p, entity, name);
    if (t && t->action == BF_PLAN_DELETE)
        t->in_use = bf_arena_printf(n->p->arena, "automation \"%s\" of this document uses it",
                                    n->t->name);
    return id ? check_sink(n, action, named, id, sink, t) : no_integration(n, action, named);
}

/* With ids, and in the entity that it will belong to. */
static int read_wanted_automation(struct bf_plan *p, struct bf_planned *t)
{
    struct naming n = {p, t, 0};
    struct bf_automation *a;
    const char *raw;
    size_t len;
    int status;

    raw = bf_json_raw(t->wanted->spec, &len);
    if (len > BF_SPEC_MAX) {
        bf_exchange_fail(p->x, 413, "too_large", NULL, "an automation may have %d bytes",
                         BF_SPEC_MAX);
        return bf_plan_refuse(p, t, 413);
    }
    t->spec = bf_api_rename_integrations(p->arena, raw, len, on_named, &n, &t->spec_len);
    if (n.status)
        return n.status;
    status = bf_api_read_automation(p->api, p->x, &p->planned, "", &t->spec, &t->spec_len, &a);
    if (status)
        return bf_plan_refuse(p, t, status);
    t->owner = bf_arena_dup(p->arena, a->owner);
    bf_automation_unref(a);
    t->after = t->spec;
    return 0;
}

struct finding {
    struct bf_plan *p;
    struct bf_planned *t;
};

static bool on_automation_row(void *arg, const struct bf_automation_row *row)
{
    struct finding *f = arg;
    struct bf_arena *a = f->p->arena;
    struct bf_planned *t = f->t;

    if (!bf_api_may_read(f->p->api, f->p->x, row->entity))
        return false;
    t->facts.there = true;
    t->id = bf_arena_dup(a, row->id);
    t->owner = bf_arena_dup(a, row->entity);
    t->project = row->project ? bf_arena_dup(a, row->project) : NULL;
    t->revision = row->revision;
    t->before = bf_arena_ndup(a, row->spec, row->spec_len);
    t->called = strcmp(row->name, t->name) != 0 ? bf_arena_dup(a, row->name) : NULL;
    return false;
}

static int find_automation(struct bf_plan *p, struct bf_planned *t)
{
    const struct bf_managed *row = row_of(p, t);
    struct finding f = {p, t};
    char id[BF_ID_LEN + 1];
    int rc = row ? bf_automation_find(p->db, row->id, on_automation_row, &f) : BF_ENOENT;

    if (rc == BF_ENOENT && t->wanted && bf_automation_named(p->db, t->owner, t->name, id))
        rc = bf_automation_find(p->db, id, on_automation_row, &f);
    return rc && rc != BF_ENOENT ? unreadable(p) : 0;
}

static int read_automation(struct bf_plan *p, struct bf_planned *t)
{
    int status = t->wanted ? read_wanted_automation(p, t) : 0;

    if (!status)
        status = find_automation(p, t);
    return status ? status : decide(p, t);
}


/* --- all of it ------------------------------------------------------------------------------- */

struct rows {
    struct bf_plan *p;
    struct bf_managed **list;
    size_t n, room;
};

static void on_row(void *arg, const struct bf_managed *row)
{
    struct rows *r = arg;
    struct bf_arena *a = r->p->arena;
    struct bf_managed *mine;

    if (!bf_api_may_read(r->p->api, r->p->x, row->entity))
        return;
    mine = bf_arena_new_of(a, struct bf_managed);
    if (!mine)
        return;
    *mine = *row;
    mine->manifest = r->p->document.manifest;
    mine->entity = bf_arena_dup(a, row->entity);
    mine->name = bf_arena_dup(a, row->name);
    mine->id = bf_arena_dup(a, row->id);
    mine->applied = bf_arena_dup(a, row->applied);
    if (r->n == r->room) {
        r->room = r->room ? 2 * r->room : 64;
        r->list = bf_zrealloc(r->list, r->room * sizeof(*r->list));
    }
    r->list[r->n++] = mine;
    bf_map_set(r->p->rows, key_of(a, row->kind, row->entity, row->name), mine);
}

static struct bf_planned *add(struct bf_plan *p, enum bf_thing_kind kind, const char *entity,
                              const char *name)
{
    struct bf_planned *t = &p->things[p->n++];

    t->kind = kind;
    t->entity = entity;
    t->name = name;
    bf_map_set(p->by_key, key_of(p->arena, kind, entity, name), t);
    return t;
}

/* What the document wants, and what the manifest had besides. */
static int list_things(struct bf_plan *p)
{
    struct rows r = {.p = p};
    int rc = bf_managed_list(p->db, p->document.manifest, on_row, &r);

    p->things = bf_arena_alloc(p->arena, (p->document.n + r.n + 1) * sizeof(*p->things));
    for (size_t i = 0; p->things && i < p->document.n; i++) {
        const struct bf_wanted *w = &p->document.things[i];

        add(p, w->kind, w->entity, w->name)->wanted = w;
    }
    for (size_t i = 0; p->things && i < r.n; i++)
        if (!bf_plan_thing(p, r.list[i]->kind, r.list[i]->entity, r.list[i]->name))
            add(p, r.list[i]->kind, r.list[i]->entity, r.list[i]->name);
    free(r.list);
    if (rc)
        return unreadable(p);
    return p->things ? 0 : bf_api_fail(p->x, BF_EFULL, NULL);
}

/* An automation that goes on using an integration is in the way of its deletion. */
static bool on_user(void *arg, const char *id, const char *name, const char *entity)
{
    struct finding *f = arg;
    const struct bf_planned *user =
        bf_map_get(f->p->by_id, id_key(f->p->arena, BF_THING_AUTOMATION, id));

    if (user && (user->action == BF_PLAN_DELETE ||
                 (user->action == BF_PLAN_CHANGE && !strstr(user->after, f->t->id))))
        return true;
    f->t->in_use = bf_api_may_read(f->p->api, f->p->x, entity)
                       ? bf_arena_printf(f->p->arena, "automation \"%s\" of %s uses it", name, entity)
                       : "an automation of another team uses it";
    return false;
}

static int look_for_users(struct bf_plan *p)
{
    for (size_t i = 0; i < p->n; i++) {
        struct finding f = {p, &p->things[i]};

        if (f.t->kind == BF_THING_INTEGRATION && f.t->action == BF_PLAN_DELETE &&
            bf_uses_list(p->db, f.t->id, "", on_user, &f))
            return unreadable(p);
    }
    return 0;
}

int bf_plan_read(struct bf_plan *p)
{
    static int (*const read[])(struct bf_plan *, struct bf_planned *) = {
        read_team, read_integration, read_automation};
    int status = list_things(p);

    p->planned = (struct bf_api_planned){on_team, on_integration, p};
    for (enum bf_thing_kind kind = BF_THING_TEAM; kind <= BF_THING_AUTOMATION; kind++)
        for (size_t i = 0; !status && i < p->n; i++)
            if (p->things[i].kind == kind)
                status = read[kind](p, &p->things[i]);
    if (!status)
        status = look_for_users(p);
    if (!status && !bf_arena_ok(p->arena))
        status = bf_exchange_fail(p->x, 413, "too_large", NULL, "the plan takes more memory than it"
                                  " may; make several documents of it");
    return status;
}
