/* members.c - …/teams/{team}/members and …/organizations/{org}/members: who has which role.
 *
 * Everything here is for admins of the team, which an admin of its organization is.  Only an admin
 * of the organization or of the hub, who can make another one, may leave it without any. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/api/people.h"
#include "core/base/base.h"

static struct bf_tree *show(struct bf_api *api, const char *user, const char *role)
{
    struct bf_tree *t = bf_tree_object();
    struct bf_user u = {.admin = false};

    bf_team_user(api->team, user, &u);
    bf_tree_str(t, "user", user);
    bf_tree_str(t, "role", role);
    bf_tree_bool(t, "service", *u.service != '\0');
    return t;
}

struct change {
    struct bf_api_write write;
    const char *entity;
    const char *user;
    const char *role;           /* to be; NULL: none */
    bool may_orphan;
    char was[BF_ROLE_SIZE];
};

static int record(struct bf_tx *tx, const struct change *c, const char *type, struct bf_error *err)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "user", c->user);
    bf_tree_str(t, "role", c->role);
    bf_tree_str(t, "was", *c->was ? c->was : NULL);
    return bf_people_record(tx, type, c->entity, bf_auth_who(c->write.x)->user, t, err);
}

static int apply_put(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, write.work);
    int rc = bf_team_put_member(tx->db, c->entity, c->user, c->role, c->may_orphan, c->was, err);

    return rc || strcmp(c->was, c->role) == 0 ? rc : record(tx, c, "belfry.member.saved", err);
}

static int answer_put(struct bf_api_write *w)
{
    struct change *c = bf_container_of(w, struct change, write);

    bf_api_refresh(w->api, "user", c->user);
    return bf_api_answer(w->x, *c->was ? 200 : 201, show(w->api, c->user, c->role));
}

static int apply_delete(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, write.work);
    int rc = bf_team_read_role(tx->db, c->entity, c->user, c->was, err);

    if (!rc)
        rc = bf_team_delete_member(tx->db, c->entity, c->user, c->may_orphan, err);
    return rc ? rc : record(tx, c, "belfry.member.deleted", err);
}

static int answer_delete(struct bf_api_write *w)
{
    struct change *c = bf_container_of(w, struct change, write);

    bf_api_refresh(w->api, "user", c->user);
    return 204;
}

/* Could the caller give the entity another admin, being none of its own? */
static bool may_orphan(struct bf_api *api, struct bf_exchange *x, const char *entity)
{
    char own[BF_ENTITY_NAME_MAX + 1];

    if (bf_auth_who(x)->admin)
        return true;
    return bf_team_organization_entity(api->team, entity, own) && strcmp(own, entity) != 0 &&
           bf_team_may(api->team, bf_auth_who(x), BF_ADMIN, own);
}

/* *out is in the exchange's arena; NULL without memory. */
static struct change *begin(struct bf_api *api, struct bf_exchange *x)
{
    struct change *c = bf_arena_new_of(bf_exchange_arena(x), struct change);
    const char *user = bf_exchange_param(x, "user");

    if (!c)
        return NULL;
    c->entity = bf_api_entity(x);
    c->user = user ? user : "";
    c->may_orphan = may_orphan(api, x, c->entity);
    c->write.refuse = bf_api_conflict;
    return c;
}

static int on_put(struct bf_exchange *x, void *arg)
{
    const struct bf_json *role;
    const struct bf_api_member members[] = {{"role", BF_JSON_STRING, true, &role}};
    struct change *c = begin(arg, x);
    int status = c ? bf_api_body_members(x, members, BF_COUNT(members))
                   : bf_api_fail(x, BF_EFULL, NULL);

    if (status)
        return status;
    c->role = bf_json_str(bf_exchange_arena(x), role);
    if (!bf_role_ok(c->role))
        return bf_exchange_fail(x, 400, "invalid", "role", "a role is viewer, member or admin");
    c->write.work.apply = apply_put;
    c->write.answer = answer_put;
    return bf_api_post(arg, x, &c->write);
}

static int on_delete(struct bf_exchange *x, void *arg)
{
    struct change *c = begin(arg, x);

    if (!c)
        return bf_api_fail(x, BF_EFULL, NULL);
    c->write.work.apply = apply_delete;
    c->write.answer = answer_delete;
    return bf_api_post(arg, x, &c->write);
}

static int on_get(struct bf_exchange *x, void *arg)
{
    const char *user = bf_exchange_param(x, "user");
    char role[BF_ROLE_SIZE];
    struct bf_error err;

    if (!bf_exchange_local(x) ||
        bf_team_read_role(bf_exchange_local(x), bf_api_entity(x), user ? user : "", role, &err))
        return bf_api_unreadable(x);
    if (!*role)
        return bf_api_missing(x, "member", user ? user : "");
    return bf_api_answer(x, 200, show(arg, user, role));
}

static bool on_row(void *arg, const char *user, const char *role)
{
    struct bf_api_page *p = arg;

    if (!bf_api_page_take(p, user))
        return false;
    bf_tree_add(p->items, NULL, show(p->api, user, role));
    return true;
}

static int on_list(struct bf_exchange *x, void *arg)
{
    struct bf_api_page page;
    int status = bf_api_page_begin(&page, arg, x);

    if (status)
        return status;
    return bf_api_page_answer(&page, bf_team_list_members(bf_exchange_local(x), bf_api_entity(x),
                                                          page.cursor, on_row, &page));
}

const struct bf_api_route bf_api_member_routes[] = {
    {"GET", "/api/v1/teams/{team}/members", BF_READ, on_list},
    {"GET", "/api/v1/teams/{team}/members/{user}", BF_READ, on_get},
    {"PUT", "/api/v1/teams/{team}/members/{user}", BF_ADMIN, on_put},
    {"DELETE", "/api/v1/teams/{team}/members/{user}", BF_ADMIN, on_delete},
    {"GET", "/api/v1/organizations/{org}/members", BF_READ, on_list},
    {"GET", "/api/v1/organizations/{org}/members/{user}", BF_READ, on_get},
    {"PUT", "/api/v1/organizations/{org}/members/{user}", BF_ADMIN, on_put},
    {"DELETE", "/api/v1/organizations/{org}/members/{user}", BF_ADMIN, on_delete},
    {NULL, NULL, 0, NULL},
};
