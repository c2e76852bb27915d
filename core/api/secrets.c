/* secrets.c - /api/v1/teams/{team}/secrets: set, named, deleted; never shown.
 *
 * The decoded value is wiped as soon as it is sealed. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/crypto.h"

static struct bf_tree *show(const char *name, int64_t updated_ms)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "name", name);
    bf_tree_bool(t, "set", true);
    bf_show_time(t, "updated", updated_ms);
    return t;
}

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

static int apply_put(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct secret_change *c = bf_container_of(work, struct secret_change, write.work);

    c->write.now_ms = tx->now_ms;
    return bf_team_put_secret(c->write.api->team, tx->db, c->entity, c->name, c->value, c->len,
                              tx->now_ms, &c->made, err);
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

    return bf_team_delete_secret(tx->db, c->entity, c->name, err);
}

static int answer_delete(struct bf_api_write *w)
{
    struct secret_change *c = bf_container_of(w, struct secret_change, write);

    bf_api_refresh(w->api, "secret", c->place);
    return 204;
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
    {"GET", "/api/v1/teams/{team}/secrets", BF_READ, on_list},
    {NULL, NULL, 0, NULL},
};
