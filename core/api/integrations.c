/* integrations.c - integrations of a team: a sink with its options.
 *
 * Secret options given as literals are sealed in the same transaction as the integration, so there
 * is never one without the other. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/crypto.h"

static void show_secrets(struct bf_tree *array, struct bf_arena *a, const char *names)
{
    size_t len;

    for (const char *at = names; (len = bf_secret_names_next(&at)) > 0; at += len)
        bf_tree_str(array, NULL, bf_arena_ndup(a, at, len));
}

/* `db` is a connection of this thread. */
static struct bf_tree *show(struct bf_api *api, struct bf_db *db, struct bf_arena *a,
                            const struct bf_integration *i)
{
    struct bf_tree *t = bf_tree_object();
    const char *config;

    bf_tree_str(t, "id", i->id);
    bf_tree_str(t, "entity", i->entity);
    bf_tree_str(t, "sink", i->sink);
    bf_tree_str(t, "name", i->name);
    if (bf_plugins_show_config(api->plugins, a, i, &config) == 0)
        bf_tree_raw(t, "config", config, strlen(config));
    else
        bf_tree_str(t, "config", NULL);         /* its plugin is not loaded (any more) */
    show_secrets(bf_tree_add_array(t, "secrets"), a, i->secrets);
    bf_show_time(t, "created", i->created_ms);
    bf_tree_bool(t, "disabled", i->disabled);
    bf_api_show_delivery(api, db, i->id, t);
    return t;
}


/* --- making one ------------------------------------------------------------------ */

struct literal {
    struct literal *next;
    const char *name;           /* "integration/ID/OPTION" */
    const char *place;          /* "ENTITY/" and the name */
    char *value;
};

struct make_integration {
    struct bf_api_checked checked;
    struct bf_arena *arena;
    const char *name;
    struct bf_integration_draft draft;
    struct bf_delivery_settings delivery;
    struct literal *literals;
    char id[BF_ID_LEN + 1];
};

static void keep_literal(void *arg, const char *secret_name, const char *value)
{
    struct make_integration *m = arg;
    struct literal *l = bf_arena_new_of(m->arena, struct literal);

    if (!l)
        return;         /* the arena is marked, and asked before anything is saved */
    l->name = bf_arena_dup(m->arena, secret_name);
    l->place = bf_arena_printf(m->arena, "%s/%s", m->draft.entity, secret_name);
    l->value = bf_arena_dup(m->arena, value);
    l->next = m->literals;
    m->literals = l;
}

static void wipe_literals(struct bf_api_write *w)
{
    struct make_integration *m = bf_container_of(w, struct make_integration, checked.write);

    for (struct literal *l = m->literals; l; l = l->next)
        bf_wipe(l->value, strlen(l->value));
}

static int apply_make(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct make_integration *m = bf_container_of(work, struct make_integration, checked.write.work);
    const struct bf_integration_draft *d = &m->draft;
    bool made;
    int rc = bf_team_put_integration(tx->db, m->id, d->entity, d->sink, m->name, d->stored,
                                     d->secrets, tx->now_ms, err);

    if (!rc)
        rc = bf_delivery_settings_save(tx->db, m->id, &m->delivery, err);
    for (struct literal *l = m->literals; l && !rc; l = l->next)
        rc = bf_team_put_secret(m->checked.write.api->team, tx->db, d->entity, l->name, l->value,
                                strlen(l->value), tx->now_ms, &made, err);
    return rc;
}

/* [engine] */
static int answer_one(struct bf_api *api, struct bf_exchange *x, int status, const char *id)
{
    struct bf_integration *i = bf_team_integration(api->team, id);

    if (!i)
        return bf_api_unreadable(x);
    status = bf_api_answer(x, status, show(api, bf_bus_db(api->bus), bf_exchange_arena(x), i));
    bf_integration_unref(i);
    return status;
}

static int answer_make(struct bf_api_write *w)
{
    struct make_integration *m = bf_container_of(w, struct make_integration, checked.write);

    for (struct literal *l = m->literals; l; l = l->next)
        bf_api_refresh(w->api, "secret", l->place);
    bf_api_refresh(w->api, "integration", m->id);
    bf_plugins_integration_changed(w->api->plugins, m->id);
    return answer_one(w->api, w->x, 201, m->id);
}

static int read_body(struct bf_exchange *x, struct make_integration *m)
{
    const struct bf_json *sink, *name, *options, *secrets, *delivery;
    const struct bf_api_member members[] = {{"sink", BF_JSON_STRING, true, &sink},
                                            {"name", BF_JSON_STRING, true, &name},
                                            {"config", BF_JSON_OBJECT, false, &options},
                                            {"secrets", BF_JSON_ARRAY, false, &secrets},
                                            {"delivery", BF_JSON_OBJECT, false, &delivery}};
    int status = bf_api_body_members(x, members, BF_COUNT(members));
    struct bf_error err;
    const char *raw = "{}";
    size_t len = 2;

    if (status)
        return status;
    m->draft.sink = bf_json_str(m->arena, sink);
    m->name = bf_json_str(m->arena, name);
    if (!bf_integration_name_ok(m->name))
        return bf_exchange_fail(x, 400, "invalid", "name", "an integration's name has 1 to %d"
                                " letters, digits, - and _, with spaces only between them",
                                BF_INTEGRATION_NAME_MAX);
    if (bf_delivery_settings_parse(m->arena, delivery, &m->delivery, &err))
        return bf_api_invalid(x, BF_ECONFIG, &err);
    if (options)
        raw = bf_json_raw(options, &len);
    m->draft.config = bf_arena_ndup(m->arena, raw, len);
    if (!bf_secret_names_read(m->arena, secrets, &m->draft.secrets, &err))
        return 0;
    bf_error_within(&err, "secrets");
    return bf_api_invalid(x, BF_ECONFIG, &err);
}

static int check(struct bf_api_checked *c)
{
    struct make_integration *m = bf_container_of(c, struct make_integration, checked);
    struct bf_exchange *x = c->write.x;
    struct bf_api *api = c->write.api;
    struct bf_error err;
    int rc = bf_plugins_check_integration(api->plugins, m->arena, &m->draft, &err);

    if (rc)
        return bf_api_invalid(x, rc, &err);
    return bf_arena_ok(m->arena) ? 0 : bf_api_fail(x, BF_EFULL, NULL);
}

static int on_make(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct bf_arena *a = bf_exchange_arena(x);
    struct make_integration *m = bf_arena_new_of(a, struct make_integration);
    int status;

    if (!m)
        return bf_api_fail(x, BF_EFULL, NULL);
    m->arena = a;
    bf_id_random(m->id, bf_wall_ms(api->clock));
    m->draft = (struct bf_integration_draft){.entity = bf_exchange_param(x, "team"), .id = m->id,
                                             .seal = keep_literal, .arg = m};
    status = read_body(x, m);
    if (status)
        return status;
    m->checked.check = check;
    m->checked.write.work.apply = apply_make;
    m->checked.write.answer = answer_make;
    m->checked.write.release = wipe_literals;
    return bf_api_check_and_post(api, x, &m->checked);
}


/* --- enabling one that was disabled --------------------------------------------------- */

struct enabling {
    struct bf_api_write write;
    const char *id;
};

static int apply_enable(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct enabling *e = bf_container_of(work, struct enabling, write.work);

    int rc = bf_team_enable_integration(tx->db, e->id, err);

    return rc ? rc : bf_standing_reset(tx->db, e->id, err);
}

static int answer_enable(struct bf_api_write *w)
{
    struct enabling *e = bf_container_of(w, struct enabling, write);

    bf_api_refresh(w->api, "integration", e->id);
    bf_plugins_integration_changed(w->api->plugins, e->id);
    bf_courier_touch(w->api->courier, e->id);   /* what waits for it goes out */
    return answer_one(w->api, w->x, 200, e->id);
}

static int on_enable(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct enabling *e = bf_arena_new_of(bf_exchange_arena(x), struct enabling);
    const char *id = bf_exchange_param(x, "id");
    struct bf_integration *i = id ? bf_team_integration(api->team, id) : NULL;
    int status;

    if (!i || !bf_api_may_read(api, x, i->entity))
        status = bf_api_missing(x, "integration", id ? id : "");
    else
        status = bf_api_require(api, x, BF_ADMIN, i->entity);
    bf_integration_unref(i);
    if (status)
        return status;
    e->id = id;
    e->write.work.apply = apply_enable;
    e->write.answer = answer_enable;
    return bf_api_post(api, x, &e->write);
}


/* --- reading ------------------------------------------------------------------------ */

static bool on_row(void *arg, const char *id)
{
    struct bf_api_page *p = arg;
    struct bf_integration *i = bf_team_integration(p->api->team, id);
    bool taken;

    if (!i)
        return true;
    taken = bf_api_page_take(p, id);
    if (taken)
        bf_tree_add(p->items, NULL,
                    show(p->api, bf_exchange_local(p->x), bf_exchange_arena(p->x), i));
    bf_integration_unref(i);
    return taken;
}

static int on_list(struct bf_exchange *x, void *arg)
{
    struct bf_api_page page;
    int status = bf_api_page_begin(&page, arg, x);

    if (status)
        return status;
    return bf_api_page_answer(&page, bf_team_list_integrations(bf_exchange_local(x),
                                                               bf_exchange_param(x, "team"),
                                                               page.cursor, on_row, &page));
}

static int on_get(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    const char *id = bf_exchange_param(x, "id");
    struct bf_integration *i = id ? bf_team_integration(api->team, id) : NULL;
    int status;

    if (i && bf_api_may_read(api, x, i->entity))
        status = bf_api_answer(x, 200, show(api, bf_exchange_local(x), bf_exchange_arena(x), i));
    else
        status = bf_api_missing(x, "integration", id ? id : "");
    bf_integration_unref(i);
    return status;
}

const struct bf_api_route bf_api_integration_routes[] = {
    {"POST", "/api/v1/teams/{team}/integrations", BF_ADMIN, on_make},
    {"GET", "/api/v1/teams/{team}/integrations", BF_READ, on_list},
    {"GET", "/api/v1/integrations/{id}", BF_READ, on_get},
    {"POST", "/api/v1/integrations/{id}/enable", BF_ADMIN, on_enable},
    {NULL, NULL, 0, NULL},
};
