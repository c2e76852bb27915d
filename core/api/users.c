/* users.c - /api/v1/users and /api/v1/me: people and service accounts.
 *
 * People are made by an admin of the hub.  A service account belongs to a team, and that team's
 * admins make it, give it keys and delete it.  Whoever else asks for a user sees nobody. */
#include "core/api/api_int.h"

#include <stdio.h>
#include <string.h>

#include "core/api/people.h"
#include "core/base/base.h"

static struct bf_tree *show(const struct bf_user *u)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "name", u->name);
    bf_tree_bool(t, "admin", u->admin);
    bf_tree_str(t, "service", *u->service ? u->service : NULL);
    bf_show_time(t, "created", u->created_ms);
    return t;
}

static bool is_caller(struct bf_exchange *x, const char *user)
{
    return strcmp(bf_auth_who(x)->user, user) == 0;
}

bool bf_api_sees_user(struct bf_api *api, struct bf_exchange *x, const struct bf_user *u)
{
    return bf_auth_who(x)->admin || is_caller(x, u->name) ||
           (*u->service && bf_api_may_read(api, x, u->service));
}

bool bf_api_manages_user(struct bf_api *api, struct bf_exchange *x, const struct bf_user *u)
{
    return bf_auth_who(x)->admin ||
           (*u->service && bf_team_may(api->team, bf_auth_who(x), BF_ADMIN, u->service));
}


/* --- making and changing ------------------------------------------------------------------ */

struct change {
    struct bf_api_write write;
    const char *name;
    struct bf_user_put put;
    struct bf_user is;
};

/* An admin of a team may have to do with its service accounts, and no further. */
static int may_put(const struct change *c, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_exchange *x = c->write.x;
    struct bf_user now = {.admin = false};
    int rc;

    if (bf_auth_who(x)->admin)
        return BF_OK;
    rc = bf_team_read_user(tx->db, c->name, &now, err);
    if (rc && rc != BF_ENOENT)
        return rc;
    if (rc && c->put.service)
        snprintf(now.service, sizeof(now.service), "%s", c->put.service);
    if (c->put.admin < 1 && bf_api_manages_user(c->write.api, x, &now))
        return BF_OK;
    return bf_error_set(err, BF_EPERM, "only an admin of the hub may make or change users; an admin"
                        " of a team may make service accounts for it: {\"service\":\"TEAM\"}");
}

static int apply_put(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, write.work);
    int rc = may_put(c, tx, err);

    if (!rc)
        rc = bf_people_put_user(tx, c->name, &c->put, bf_auth_who(c->write.x)->user, err);
    return rc ? rc : bf_team_read_user(tx->db, c->name, &c->is, err);
}

static int answer_put(struct bf_api_write *w)
{
    struct change *c = bf_container_of(w, struct change, write);

    bf_api_refresh(w->api, "entity", c->name);
    bf_api_refresh(w->api, "user", c->name);
    return bf_api_answer(w->x, c->put.made ? 201 : 200, show(&c->is));
}

/* 0, or a status; *out is in the exchange's arena. */
static int begin(struct bf_exchange *x, struct change **out)
{
    struct change *c = bf_arena_new_of(bf_exchange_arena(x), struct change);

    if (!c)
        return bf_api_fail(x, BF_EFULL, NULL);
    c->name = bf_exchange_param(x, "user");
    if (!c->name || !bf_entity_name_ok(c->name))
        return bf_exchange_fail(x, 400, "invalid", "user", "a user's name has 1 to %d letters,"
                                " digits, -, _ and ., and not only dots", BF_ENTITY_NAME_MAX);
    *out = c;
    return 0;
}

static int on_put(struct bf_exchange *x, void *arg)
{
    const struct bf_json *admin, *service;
    const struct bf_api_member members[] = {{"admin", BF_JSON_TRUE, false, &admin},
                                            {"service", BF_JSON_STRING, false, &service}};
    struct change *c;
    int status = begin(x, &c);

    if (!status)
        status = bf_api_body_members(x, members, BF_COUNT(members));
    if (status)
        return status;
    c->put.admin = admin ? bf_json_is(admin, BF_JSON_TRUE) : -1;
    c->put.service = bf_json_str(bf_exchange_arena(x), service);
    c->put.may_revive = bf_auth_who(x)->admin;
    c->write.work.apply = apply_put;
    c->write.answer = answer_put;
    return bf_api_post(arg, x, &c->write);
}


/* --- deleting ----------------------------------------------------------------------------- */

static int record_delete(struct bf_tx *tx, const struct change *c, struct bf_error *err)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "user", c->name);
    return bf_people_record(tx, "belfry.user.deleted", c->name, bf_auth_who(c->write.x)->user, t,
                            err);
}

static int apply_delete(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct change *c = bf_container_of(work, struct change, write.work);
    int rc = bf_api_owns_nothing(tx->db, c->name, err);

    if (!rc)
        rc = bf_team_delete_user(tx->db, c->name, tx->now_ms, err);
    return rc ? rc : record_delete(tx, c, err);
}

static int answer_delete(struct bf_api_write *w)
{
    struct change *c = bf_container_of(w, struct change, write);

    bf_api_refresh(w->api, "user", c->name);
    bf_api_refresh(w->api, "entity", c->name);
    return 204;
}

/* 404 where the caller sees no such user, 403 where it may not do more. */
static int find(struct bf_api *api, struct bf_exchange *x, const char *name, bool to_manage)
{
    struct bf_user u;

    if (!bf_team_user(api->team, name, &u) || !bf_api_sees_user(api, x, &u))
        return bf_api_missing(x, "user", name);
    if (!to_manage || bf_api_manages_user(api, x, &u))
        return 0;
    return bf_exchange_fail(x, 403, "forbidden", NULL, *u.service
                            ? "only an admin of its team, or of the hub, may do that"
                            : "only an admin of the hub may do that");
}

static int on_delete(struct bf_exchange *x, void *arg)
{
    struct change *c;
    int status = begin(x, &c);

    if (!status)
        status = find(arg, x, c->name, true);
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
    const char *name = bf_exchange_param(x, "user");
    int status = find(arg, x, name ? name : "", false);
    struct bf_user u;
    struct bf_error err;

    if (status)
        return status;
    if (!bf_exchange_local(x) || bf_team_read_user(bf_exchange_local(x), name, &u, &err))
        return bf_api_unreadable(x);
    return bf_api_answer(x, 200, show(&u));
}

static bool on_row(void *arg, const struct bf_user *u)
{
    struct bf_api_page *p = arg;
    const char *service = bf_exchange_query_param(p->x, "service");

    if ((service && strcmp(service, u->service) != 0) || !bf_api_sees_user(p->api, p->x, u))
        return true;
    if (!bf_api_page_take(p, u->name))
        return false;
    bf_tree_add(p->items, NULL, show(u));
    return true;
}

static int on_list(struct bf_exchange *x, void *arg)
{
    struct bf_api_page page;
    int status = bf_api_page_begin(&page, arg, x);

    if (status)
        return status;
    return bf_api_page_answer(&page, bf_team_list_users(bf_exchange_local(x), page.cursor, on_row,
                                                        &page));
}


/* --- me ------------------------------------------------------------------------------------- */

struct roles {
    struct bf_api *api;
    struct bf_tree *array;
};

static bool on_role(void *arg, const char *entity, const char *role)
{
    struct roles *r = arg;
    struct bf_entity e = {.kind = ""};
    struct bf_tree *t = bf_tree_add_object(r->array, NULL);

    bf_team_entity(r->api->team, entity, &e);
    bf_tree_str(t, "entity", entity);
    bf_tree_str(t, "kind", e.kind);
    bf_tree_str(t, "organization", *e.organization ? e.organization : NULL);
    bf_tree_str(t, "role", role);
    return true;
}

/* A key that may only send says whose it is, and nothing of what that user is part of. */
static int on_me(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    const struct bf_identity *who = bf_auth_who(x);
    struct bf_tree *t = bf_tree_object(), *key;
    struct bf_user u = {.admin = false};
    struct roles roles = {.api = api};
    int rc = bf_exchange_local(x) ? BF_OK : BF_EIO;

    bf_team_user(api->team, who->user, &u);
    bf_tree_str(t, "user", who->user);
    bf_tree_bool(t, "admin", who->admin);
    bf_tree_str(t, "service", *u.service ? u.service : NULL);
    key = bf_tree_add_object(t, "key");
    bf_tree_str(key, "id", who->key_id);
    bf_people_rights(key, "rights", who->rights);
    roles.array = bf_tree_add_array(t, "roles");
    if (!rc && (who->rights & BF_READ))
        rc = bf_team_list_roles(bf_exchange_local(x), who->user, on_role, &roles);
    if (!rc)
        return bf_api_answer(x, 200, t);
    bf_tree_free(t);
    return bf_api_unreadable(x);
}

const struct bf_api_route bf_api_user_routes[] = {
    {"GET", "/api/v1/me", BF_API_ANY_KEY, on_me},
    {"GET", "/api/v1/users", BF_READ, on_list},
    {"GET", "/api/v1/users/{user}", BF_READ, on_get},
    {"PUT", "/api/v1/users/{user}", BF_ADMIN, on_put},
    {"DELETE", "/api/v1/users/{user}", BF_ADMIN, on_delete},
    {NULL, NULL, 0, NULL},
};
