/* secrets.c - /api/v1/teams/{team}/secrets: set, named, deleted; never shown.
 *
 * The decoded value is wiped as soon as it is sealed.  A value that is set again is in force at
 * once: the next attempt opens it.  A secret in use may be deleted, immediately and for good, and
 * what uses it fails with its name; so GET says beforehand what that is, and DELETE afterwards. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/api/people.h"
#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/bus/uses.h"
#include "core/team/intakes.h"

#define AUTOMATIONS_SHOWN 100   /* named with a secret that they were granted */

static struct bf_tree *show(const char *name, int64_t updated_ms)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "name", name);
    bf_tree_bool(t, "set", true);
    bf_show_time(t, "updated", updated_ms);
    return t;
}

/* --- who uses one ---------------------------------------------------------------------- */

struct uses {
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_db *db;
    const char *entity;
    const char *name;
    struct bf_tree *integrations;
    struct bf_tree *automations;
    struct bf_tree *intakes;
    unsigned n_automations;
};

static bool is_granted(const char *names, const char *name)
{
    size_t len, want = strlen(name);

    for (const char *at = names; (len = bf_secret_names_next(&at)) > 0; at += len)
        if (len == want && memcmp(at, name, len) == 0)
            return true;
    return false;
}

/* A name among the options might be that of no secret at all: then too much is said, not too
 * little. */
static bool has_option(const char *config, const char *name)
{
    struct bf_arena *a = bf_arena_new(16 * 1024 * 1024);
    const struct bf_json *root = bf_json_parse(a, config, strlen(config), NULL);
    bool found = false;

    for (const struct bf_json *k = bf_json_first(root); k && !found; k = bf_json_next(root, k))
        found = bf_json_eq(k + 1, name);
    bf_arena_free(a);
    return found;
}

static void add_named(struct bf_tree *array, const char *id, const char *name)
{
    struct bf_tree *t = bf_tree_add_object(array, NULL);

    bf_tree_str(t, "id", id);
    bf_tree_str(t, "name", name);
}

static bool on_automation(void *arg, const char *id, const char *name, const char *entity)
{
    struct uses *u = arg;

    if (u->n_automations == AUTOMATIONS_SHOWN)
        return false;
    if (bf_api_may_read(u->api, u->x, entity)) {
        add_named(u->automations, id, name);
        u->n_automations++;
    }
    return true;
}

static bool on_integration(void *arg, const char *id)
{
    struct uses *u = arg;
    struct bf_integration *i = bf_team_integration(u->api->team, id);

    if (i && (is_granted(i->secrets, u->name) || has_option(i->config, u->name)))
        add_named(u->integrations, id, i->name);
    bf_integration_unref(i);
    bf_uses_list(u->db, id, u->name, on_automation, u);
    return true;
}

static bool on_intake(void *arg, const char *name)
{
    struct uses *u = arg;
    struct bf_intake *i = bf_intakes_get(u->api->intakes, name);

    if (i && i->secret && !i->sealed && strcmp(i->secret, u->name) == 0)
        bf_tree_str(u->intakes, NULL, name);
    bf_intake_unref(i);
    return true;
}

static int show_uses(struct bf_api *api, struct bf_exchange *x, struct bf_db *db,
                     const char *entity, const char *name, struct bf_tree *t)
{
    struct uses u = {.api = api, .x = x, .db = db, .entity = entity, .name = name};
    int rc;

    t = bf_tree_add_object(t, "used_by");
    u.integrations = bf_tree_add_array(t, "integrations");
    u.automations = bf_tree_add_array(t, "automations");
    u.intakes = bf_tree_add_array(t, "intakes");
    rc = bf_team_list_integrations(db, entity, "", on_integration, &u);
    return rc ? rc : bf_intakes_list(db, entity, "", on_intake, &u);
}


/* --- changes ------------------------------------------------------------------------------ */

struct secret_change {
    struct bf_api_write write;
    const char *entity;
    const char *name;
    const char *place;          /* "ENTITY/NAME" */
    char *value;                /* to be set */
    size_t len;
    bool made;
};

/* 0, or a status; *out is in the exchange's arena. */
static int begin(struct bf_exchange *x, struct secret_change **out)
{
    struct bf_arena *a = bf_exchange_arena(x);
    struct secret_change *c = bf_arena_new_of(a, struct secret_change);

    if (!c)
        return bf_api_fail(x, BF_EFULL, NULL);
    c->entity = bf_exchange_param(x, "team");
    c->name = bf_exchange_param(x, "name");
    if (!c->name || !bf_secret_name_ok(c->name))
        return bf_exchange_fail(x, 400, "invalid", "name", "a secret's name has 1 to %d letters,"
                                " digits and _", BF_SECRET_NAME_MAX);
    c->place = bf_arena_printf(a, "%s/%s", c->entity, c->name);
    *out = c;
    return 0;
}

/* That it was set, and by whom. */
static int record(struct secret_change *c, struct bf_tx *tx, const char *type,
                  struct bf_error *err)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "name", c->name);
    return bf_people_record(tx, type, c->entity, bf_auth_who(c->write.x)->user, t, err);
}

static int apply_put(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct secret_change *c = bf_container_of(work, struct secret_change, write.work);

    int rc = bf_team_put_secret(c->write.api->team, tx->db, c->entity, c->name, c->value, c->len,
                                tx->now_ms, &c->made, err);

    c->write.now_ms = tx->now_ms;
    return rc ? rc : record(c, tx, c->made ? "belfry.secret.saved" : "belfry.secret.rotated", err);
}

static int answer_put(struct bf_api_write *w)
{
    struct secret_change *c = bf_container_of(w, struct secret_change, write);

    bf_api_refresh(w->api, "secret", c->place);
    return bf_api_answer(w->x, c->made ? 201 : 200, show(c->name, w->now_ms));
}

static void wipe(struct bf_api_write *w)
{
    struct secret_change *c = bf_container_of(w, struct secret_change, write);

    bf_wipe(c->value, c->len);
}

static int take_value(struct bf_exchange *x, const struct bf_json *json, struct secret_change *c)
{
    c->value = (char *)bf_json_str(bf_exchange_arena(x), json);         /* made for us alone */
    if (!bf_arena_ok(bf_exchange_arena(x)))
        return bf_api_fail(x, BF_EFULL, NULL);
    c->len = strlen(c->value);
    if (c->len > BF_SECRET_MAX)
        return bf_exchange_fail(x, 413, "too_large", "value", "a secret may have %d bytes",
                                BF_SECRET_MAX);
    if (c->len == 0)
        return bf_exchange_fail(x, 400, "invalid", "value", "a secret must not be empty");
    return 0;
}

static int on_put(struct bf_exchange *x, void *arg)
{
    const struct bf_json *value;
    const struct bf_api_member members[] = {{"value", BF_JSON_STRING, true, &value}};
    struct secret_change *c;
    int status = begin(x, &c);

    if (!status)
        status = bf_api_body_members(x, members, BF_COUNT(members));
    if (!status)
        status = take_value(x, value, c);
    if (status)
        return status;
    c->write.work.apply = apply_put;
    c->write.answer = answer_put;
    c->write.release = wipe;
    return bf_api_post(arg, x, &c->write);
}

static int apply_delete(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct secret_change *c = bf_container_of(work, struct secret_change, write.work);
    int rc = bf_team_delete_secret(tx->db, c->entity, c->name, err);

    return rc ? rc : record(c, tx, "belfry.secret.deleted", err);
}

static int answer_delete(struct bf_api_write *w)
{
    struct secret_change *c = bf_container_of(w, struct secret_change, write);

    struct bf_tree *t = bf_tree_object();

    bf_api_refresh(w->api, "secret", c->place);
    bf_tree_str(t, "name", c->name);
    bf_tree_bool(t, "set", false);
    show_uses(w->api, w->x, bf_bus_db(w->api->bus), c->entity, c->name, t);
    return bf_api_answer(w->x, 200, t);
}

static int on_delete(struct bf_exchange *x, void *arg)
{
    struct secret_change *c;
    int status = begin(x, &c);

    if (status)
        return status;
    c->write.work.apply = apply_delete;
    c->write.answer = answer_delete;
    return bf_api_post(arg, x, &c->write);
}


/* --- reading --------------------------------------------------------------------------------- */

struct one {
    const char *name;
    int64_t updated_ms;
    bool found;
};

static bool on_one(void *arg, const char *name, int64_t updated_ms)
{
    struct one *o = arg;

    o->found = strcmp(name, o->name) == 0;
    o->updated_ms = updated_ms;
    return false;
}

static int on_get(struct bf_exchange *x, void *arg)
{
    const char *entity = bf_exchange_param(x, "team"), *name = bf_exchange_param(x, "name");
    struct one one = {.name = name ? name : ""};
    struct bf_db *db = bf_exchange_local(x);
    struct bf_tree *t;

    if (!db || bf_team_find_secret(db, entity, one.name, on_one, &one))
        return bf_api_unreadable(x);
    if (!one.found)
        return bf_api_missing(x, "secret", one.name);
    t = show(one.name, one.updated_ms);
    if (!show_uses(arg, x, db, entity, one.name, t))
        return bf_api_answer(x, 200, t);
    bf_tree_free(t);
    return bf_api_unreadable(x);
}

static bool on_row(void *arg, const char *name, int64_t updated_ms)
{
    struct bf_api_page *p = arg;

    if (!bf_api_page_take(p, name))
        return false;
    bf_tree_add(p->items, NULL, show(name, updated_ms));
    return true;
}

static int on_list(struct bf_exchange *x, void *arg)
{
    struct bf_api_page page;
    int status = bf_api_page_begin(&page, arg, x);

    if (status)
        return status;
    return bf_api_page_answer(&page, bf_team_list_secrets(bf_exchange_local(x),
                                                          bf_exchange_param(x, "team"),
                                                          page.cursor, on_row, &page));
}

const struct bf_api_route bf_api_secret_routes[] = {
    {"PUT", "/api/v1/teams/{team}/secrets/{name}", BF_ADMIN, on_put},
    {"DELETE", "/api/v1/teams/{team}/secrets/{name}", BF_ADMIN, on_delete},
    {"GET", "/api/v1/teams/{team}/secrets/{name}", BF_READ, on_get},
    {"GET", "/api/v1/teams/{team}/secrets", BF_READ, on_list},
    {NULL, NULL, 0, NULL},
};
