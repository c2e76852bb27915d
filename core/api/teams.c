/* teams.c - /api/v1/teams: teams, and the organization that each is in.
 *
 * {team} may name any entity where something is read or owned.  Making, moving and deleting a team
 * is for an admin of the organizations concerned, or of the hub. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/api/change.h"
#include "core/api/people.h"
#include "core/base/base.h"

static struct bf_tree *show(const struct bf_entity *e)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "id", e->id);
    bf_tree_str(t, "name", e->name);
    bf_tree_str(t, "kind", e->kind);
    bf_tree_str(t, "organization", *e->organization ? e->organization : NULL);
    bf_show_time(t, "created", e->created_ms);
    return t;
}

struct change {
    struct bf_api_write write;
    struct bf_api_team_change what;
};

static bool is_admin_of(const struct bf_api_team_change *c, const char *organization)
{
    char own[BF_ENTITY_NAME_MAX + 1];

    bf_organization_entity(own, organization);
    return bf_team_may(c->api->team, bf_auth_who(c->x), BF_ADMIN, own);
}

/* Before it is known whether there is such a team, so that nobody finds out this way. */
static int refuse(struct bf_error *err)
{
    return bf_error_set(err, BF_EPERM, "only an admin of the hub, or of the organizations"
                        " concerned, may make, move or delete a team");
}

static int record(struct bf_tx *tx, const struct bf_api_team_change *c, const char *verb,
                  const char *is, const char *was, struct bf_error *err)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "team", c->name);
    bf_tree_str(t, "organization", is);
    bf_tree_str(t, "was", was);
    return bf_people_record(tx, verb, c->name, bf_auth_who(c->x)->user, t, err);
}

/* The record of a team that comes, moves or goes, and where it was, for who asks later. */
static int record_move(struct bf_tx *tx, const struct bf_api_team_change *c, const char *verb,
                       const char *is, const char *was, struct bf_error *err)
{
    char own[BF_ENTITY_NAME_MAX + 1] = "";
    int rc = record(tx, c, verb, is, was, err);

    if (was)
        bf_organization_entity(own, was);
    return rc ? rc : bf_bus_moved(tx, c->name, *own ? own : NULL, err);
}

static int record_default(struct bf_tx *tx, const struct bf_api_team_change *c,
                          struct bf_error *err)
{
    struct bf_tree *t = bf_tree_object();
    char own[BF_ENTITY_NAME_MAX + 1];

    bf_organization_entity(own, c->put.is);
    bf_tree_str(t, "organization", c->put.is);
    bf_tree_str(t, "entity", own);
    return bf_people_record(tx, "belfry.organization.saved", own, bf_auth_who(c->x)->user, t,
                            err);
}


/* --- making and moving ------------------------------------------------------------------ */

/* The engine asks: until it has done what came before, the directory may be out of date. */
int bf_api_team_may_put(const struct bf_api_team_change *c, struct bf_error *err)
{
    const char *to = c->put.organization;
    struct bf_entity now;

    if (bf_auth_who(c->x)->admin)
        return BF_OK;
    if (!bf_team_entity(c->api->team, c->name, &now) || *now.kind != 't')
        return is_admin_of(c, to ? to : BF_ORGANIZATION_DEFAULT) ? BF_OK : refuse(err);
    if (!is_admin_of(c, now.organization) || (to && !is_admin_of(c, to)))
        return refuse(err);
    return BF_OK;
}

int bf_api_team_put(struct bf_api_team_change *c, struct bf_tx *tx, struct bf_error *err)
{
    int rc = bf_api_team_may_put(c, err);

    if (!rc)
        rc = bf_team_put_team(tx->db, c->name, &c->put, tx->now_ms, err);
    if (!rc && c->put.made_default)
        rc = record_default(tx, c, err);
    if (!rc && strcmp(c->put.is, c->put.was) != 0)
        rc = record_move(tx, c, "belfry.team.saved", c->put.is, *c->put.was ? c->put.was : NULL, err);
    return rc;
}

void bf_api_team_is_put(const struct bf_api_team_change *c)
{
    char own[BF_ENTITY_NAME_MAX + 1];

    bf_organization_entity(own, c->put.is);
    bf_api_refresh(c->api, "entity", own);
    bf_api_refresh(c->api, "entity", c->name);
    bf_bus_place(c->api->bus, c->name, own);
}

static int apply_put(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, write.work);

    return bf_api_team_put(&c->what, tx, err);
}

static int answer_put(struct bf_api_write *w)
{
    struct change *c = bf_container_of(w, struct change, write);
    struct bf_entity e;

    bf_api_team_is_put(&c->what);
    if (!bf_team_entity(w->api->team, c->what.name, &e))
        return bf_api_unreadable(w->x);
    return bf_api_answer(w->x, c->what.put.made ? 201 : 200, show(&e));
}

/* 0, or a status; *out is in the exchange's arena. */
static int begin(struct bf_api *api, struct bf_exchange *x, struct change **out)
{
    struct change *c = bf_arena_new_of(bf_exchange_arena(x), struct change);

    if (!c)
        return bf_api_fail(x, BF_EFULL, NULL);
    c->what.api = api;
    c->what.x = x;
    c->what.name = bf_exchange_param(x, "team");
    if (!c->what.name || !bf_entity_name_ok(c->what.name))
        return bf_exchange_fail(x, 400, "invalid", "team", "a team's name has 1 to %d letters,"
                                " digits, -, _ and ., and not only dots", BF_ENTITY_NAME_MAX);
    c->write.work.alters_rules = true;
    *out = c;
    return 0;
}

static int on_put(struct bf_exchange *x, void *arg)
{
    const struct bf_json *organization;
    const struct bf_api_member members[] = {
        {"organization", BF_JSON_STRING, false, &organization}};
    struct change *c;
    int status = begin(arg, x, &c);

    if (!status)
        status = bf_api_body_members(x, members, BF_COUNT(members));
    if (status)
        return status;
    c->what.put.organization = bf_json_str(bf_exchange_arena(x), organization);
    c->what.put.may_revive = bf_auth_who(x)->admin;
    c->write.work.apply = apply_put;
    c->write.answer = answer_put;
    return bf_api_post(arg, x, &c->write);
}


/* --- deleting ----------------------------------------------------------------------------- */

/* *now is the team as the directory has it. */
static int may_delete(const struct bf_api_team_change *c, struct bf_entity *now,
                      struct bf_error *err)
{
    if (!bf_team_entity(c->api->team, c->name, now))
        return bf_error_set(err, BF_ENOENT, "there is no team %s (any more)", c->name);
    if (!is_admin_of(c, now->organization))
        return refuse(err);
    if (*now->kind != 't')
        return bf_error_set(err, BF_EINVAL, "%s is not a team but %s; delete that one", c->name,
                            *now->kind == 'u' ? "a user's own" : "an organization's own");
    return BF_OK;
}

int bf_api_team_may_delete(const struct bf_api_team_change *c, struct bf_error *err)
{
    struct bf_entity now;

    return may_delete(c, &now, err);
}

int bf_api_team_delete(struct bf_api_team_change *c, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_entity now;
    int rc = may_delete(c, &now, err);

    if (!rc)
        rc = bf_api_owns_nothing(tx->db, c->name, err);
    if (!rc)
        rc = bf_team_delete_entity(tx->db, c->name, tx->now_ms, err);
    return rc ? rc : record_move(tx, c, "belfry.team.deleted", NULL, now.organization, err);
}

void bf_api_team_is_deleted(const struct bf_api_team_change *c)
{
    bf_api_refresh(c->api, "entity", c->name);
    bf_bus_place(c->api->bus, c->name, NULL);
}

static int apply_delete(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, write.work);

    return bf_api_team_delete(&c->what, tx, err);
}

static int answer_delete(struct bf_api_write *w)
{
    bf_api_team_is_deleted(&bf_container_of(w, struct change, write)->what);
    return 204;
}

static int on_delete(struct bf_exchange *x, void *arg)
{
    struct change *c;
    int status = begin(arg, x, &c);

    if (status)
        return status;
    c->write.work.apply = apply_delete;
    c->write.answer = answer_delete;
    c->write.refuse = bf_api_conflict;
    return bf_api_post(arg, x, &c->write);
}


/* --- reading ------------------------------------------------------------------------------ */

static int on_get(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    const char *name = bf_exchange_param(x, "team");
    struct bf_entity e;

    if (!bf_team_entity(api->team, name, &e))
        return bf_api_missing(x, "team", name);
    return bf_api_answer(x, 200, show(&e));
}

static bool is_wanted(struct bf_exchange *x, const struct bf_entity *e)
{
    const char *organization = bf_exchange_query_param(x, "organization");

    return *e->kind == 't' && (!organization || strcmp(organization, e->organization) == 0);
}

static bool on_row(void *arg, const struct bf_entity *e)
{
    struct bf_api_page *p = arg;

    if (!is_wanted(p->x, e) || !bf_api_may_read(p->api, p->x, e->name))
        return true;
    if (!bf_api_page_take(p, e->name))
        return false;
    bf_tree_add(p->items, NULL, show(e));
    return true;
}

static int on_list(struct bf_exchange *x, void *arg)
{
    struct bf_api_page page;
    int status = bf_api_page_begin(&page, arg, x);

    if (status)
        return status;
    return bf_api_page_answer(&page, bf_team_list_entities(bf_exchange_local(x), page.cursor,
                                                           on_row, &page));
}

const struct bf_api_route bf_api_team_routes[] = {
    {"PUT", "/api/v1/teams/{team}", BF_API_ANY_KEY, on_put},
    {"DELETE", "/api/v1/teams/{team}", BF_READ, on_delete},
    {"GET", "/api/v1/teams/{team}", BF_READ, on_get},
    {"GET", "/api/v1/teams", 0, on_list},
    {NULL, NULL, 0, NULL},
};
