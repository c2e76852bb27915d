/* organizations.c - /api/v1/organizations: what teams belong to.
 *
 * An organization is shown by its name and its own entity, which its registries and its automations
 * belong to.  Its members are those of that entity: see members.c. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/api/people.h"
#include "core/base/base.h"

static struct bf_tree *show(const struct bf_entity *own)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "id", own->id);
    bf_tree_str(t, "name", own->organization);
    bf_tree_str(t, "entity", own->name);
    bf_show_time(t, "created", own->created_ms);
    return t;
}

struct change {
    struct bf_api_write write;
    const char *name;
    const char *own;
    bool made;
};

static int record(struct bf_tx *tx, const struct change *c, const char *type, struct bf_error *err)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "organization", c->name);
    bf_tree_str(t, "entity", c->own);
    return bf_people_record(tx, type, c->own, bf_auth_who(c->write.x)->user, t, err);
}

static int apply_put(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, write.work);
    int rc = bf_team_put_organization(tx->db, c->name, tx->now_ms, &c->made, err);

    return rc || !c->made ? rc : record(tx, c, "belfry.organization.saved", err);
}

static int answer_put(struct bf_api_write *w)
{
    struct change *c = bf_container_of(w, struct change, write);
    struct bf_entity own;

    bf_api_refresh(w->api, "entity", c->own);
    if (!bf_team_entity(w->api->team, c->own, &own))
        return bf_api_unreadable(w->x);
    return bf_api_answer(w->x, c->made ? 201 : 200, show(&own));
}

static int apply_delete(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, write.work);
    int rc = bf_api_owns_nothing(tx->db, c->own, err);

    if (!rc)
        rc = bf_team_delete_entity(tx->db, c->own, tx->now_ms, err);
    return rc ? rc : record(tx, c, "belfry.organization.deleted", err);
}

static int answer_delete(struct bf_api_write *w)
{
    struct change *c = bf_container_of(w, struct change, write);

    bf_api_refresh(w->api, "entity", c->own);
    return 204;
}

/* 0, or a status; *out is in the exchange's arena. */
static int begin(struct bf_exchange *x, struct change **out)
{
    struct change *c = bf_arena_new_of(bf_exchange_arena(x), struct change);
    int status = bf_api_body_members(x, NULL, 0);

    if (status)
        return status;
    if (!c)
        return bf_api_fail(x, BF_EFULL, NULL);
    c->name = bf_exchange_param(x, "org");
    c->own = bf_api_entity(x);
    if (!c->name || !bf_organization_name_ok(c->name))
        return bf_exchange_fail(x, 400, "invalid", "org", "an organization's name has 1 to %d"
                                " letters, digits, -, _ and ., and not only dots",
                                BF_ORGANIZATION_NAME_MAX);
    c->write.refuse = bf_api_conflict;
    *out = c;
    return 0;
}

static int on_put(struct bf_exchange *x, void *arg)
{
    struct change *c;
    int status = begin(x, &c);

    if (status)
        return status;
    c->write.work.apply = apply_put;
    c->write.answer = answer_put;
    return bf_api_post(arg, x, &c->write);
}

static int on_delete(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct change *c;
    int status = begin(x, &c);

    if (status)
        return status;
    if (!bf_team_exists(api->team, c->own))
        return bf_api_missing(x, "organization", c->name);
    c->write.work.apply = apply_delete;
    c->write.answer = answer_delete;
    return bf_api_post(arg, x, &c->write);
}

static int on_get(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct bf_entity own;

    if (!bf_team_entity(api->team, bf_api_entity(x), &own))
        return bf_api_missing(x, "organization", bf_exchange_param(x, "org"));
    return bf_api_answer(x, 200, show(&own));
}

static bool on_row(void *arg, const struct bf_entity *e)
{
    struct bf_api_page *p = arg;

    if (*e->kind != 'o' || !bf_api_may_read(p->api, p->x, e->name))
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

const struct bf_api_route bf_api_organization_routes[] = {
    {"GET", "/api/v1/organizations", BF_READ, on_list},
    {"GET", "/api/v1/organizations/{org}", BF_READ, on_get},
    {"PUT", "/api/v1/organizations/{org}", BF_API_HUB_ADMIN, on_put},
    {"DELETE", "/api/v1/organizations/{org}", BF_API_HUB_ADMIN, on_delete},
    {NULL, NULL, 0, NULL},
};
