/* integration_change.c - integrations made, changed and deleted: what the routes of integrations and
 * plans share.
 *
 * Secret options given as literals are sealed in the same transaction as the integration, so there
 * is never one without the other; those that a change takes away go in that transaction too.  A
 * change is made from what was read, and is refused where another came between. */
#include "core/api/change.h"

#include <string.h>

#include "core/api/people.h"
#include "core/base/base.h"
#include "core/base/crypto.h"

#define HASTEN_ROWS 256         /* executions made due in one transaction */

struct bf_api_literal {
    struct bf_api_literal *next;
    const char *name;           /* "integration/ID/OPTION" */
    const char *place;          /* "ENTITY/" and the name */
    char *value;                /* NULL: it is to go */
};

static void add_literal(struct bf_api_integration_change *c, const char *secret_name,
                        const char *value)
{
    struct bf_api_literal *l = bf_arena_new_of(c->arena, struct bf_api_literal);

    if (!l)
        return;         /* the arena is marked, and asked before anything is saved */
    l->name = bf_arena_dup(c->arena, secret_name);
    l->place = bf_arena_printf(c->arena, "%s/%s", c->draft.entity, secret_name);
    l->value = value ? bf_arena_dup(c->arena, value) : NULL;
    l->next = c->literals;
    c->literals = l;
}

static void on_seal(void *arg, const char *secret_name, const char *value)
{
    add_literal(arg, secret_name, value);
}

void bf_api_integration_begin(struct bf_api_integration_change *c, struct bf_api *api,
                              struct bf_exchange *x, struct bf_arena *a,
                              struct bf_integration *before)
{
    *c = (struct bf_api_integration_change){.api = api, .x = x, .arena = a, .before = before};
    c->draft = (struct bf_integration_draft){.id = c->id, .before = before, .seal = on_seal,
                                             .arg = c};
}

void bf_api_integration_end(struct bf_api_integration_change *c)
{
    for (struct bf_api_literal *l = c->literals; l; l = l->next)
        if (l->value)
            bf_wipe(l->value, strlen(l->value));
    bf_integration_unref(c->before);
    c->before = NULL;
}


/* --- checking ----------------------------------------------------------------------------- */

int bf_api_integration_config(struct bf_arena *a, const char *config, const struct bf_json **out,
                              struct bf_error *err)
{
    *out = bf_json_parse(a, bf_arena_dup(a, config), strlen(config), err);
    return *out ? BF_OK : BF_ECONFIG;
}

/* Literals that the change leaves without an option. */
static void drop_literals(struct bf_api_integration_change *c)
{
    const struct bf_json *before, *now;
    struct bf_error err;

    if (bf_api_integration_config(c->arena, c->before->config, &before, &err) ||
        bf_api_integration_config(c->arena, c->draft.stored, &now, &err))
        return;
    for (const struct bf_json *k = bf_json_first(before); k; k = bf_json_next(before, k)) {
        const char *option = bf_json_str(c->arena, k);
        const char *name = bf_json_str(c->arena, bf_json_get(k + 1, "sealed"));

        if (name && !bf_json_get(bf_json_get(now, option), "sealed"))
            add_literal(c, name, NULL);
    }
}

int bf_api_integration_check(struct bf_api_integration_change *c, struct bf_error *err)
{
    int rc = bf_plugins_check_integration(c->api->plugins, c->arena, &c->draft, err);

    if (!rc && c->before)
        drop_literals(c);
    return rc || bf_arena_ok(c->arena) ? rc : bf_error_set(err, BF_EFULL, "no memory");
}

const char *bf_api_integration_seals(const struct bf_api_integration_change *c)
{
    for (const struct bf_api_literal *l = c->literals; l; l = l->next)
        if (l->value)
            return strrchr(l->name, '/') + 1;
    return NULL;
}


/* --- the engine's part ------------------------------------------------------------------ */

/* The record of a change: what anybody who may read the team can see. */
int bf_api_integration_record(struct bf_api *api, struct bf_exchange *x, struct bf_tx *tx,
                              const char *type, const struct bf_integration *i,
                              const char *reason, struct bf_error *err)
{
    struct bf_tree *t = bf_tree_object();
    const char *config;

    bf_tree_str(t, "id", i->id);
    bf_tree_str(t, "name", i->name);
    bf_tree_str(t, "sink", i->sink);
    if (i->config && !bf_plugins_show_config(api->plugins, bf_exchange_arena(x), i, &config))
        bf_tree_raw(t, "config", config, strlen(config));
    if (i->secrets)
        bf_tree_str(t, "secrets", i->secrets);
    if (reason)
        bf_tree_str(t, "reason", reason);
    return bf_people_record(tx, type, i->entity, bf_auth_who(x)->user, t, err);
}

static int save(struct bf_api_integration_change *c, struct bf_tx *tx, struct bf_error *err)
{
    const struct bf_integration_draft *d = &c->draft;
    int rc;

    if (!c->before) {
        rc = bf_team_check_there(tx->db, d->entity, err);
        return rc ? rc
                  : bf_team_put_integration(tx->db, c->id, d->entity, d->sink, c->name, d->stored,
                                            d->secrets, tx->now_ms, err);
    }
    rc = bf_team_change_integration(tx->db, c->id, c->before->revision, d->entity, c->name,
                                    d->stored, d->secrets, err);
    c->was_changed = rc == BF_ENOENT;
    return rc;
}

static int save_literal(struct bf_api_integration_change *c, struct bf_tx *tx,
                        const struct bf_api_literal *l, struct bf_error *err)
{
    bool made;
    int rc;

    if (l->value)
        return bf_team_put_secret(c->api->team, tx->db, c->draft.entity, l->name, l->value,
                                  strlen(l->value), tx->now_ms, &made, err);
    rc = bf_team_delete_secret(tx->db, c->draft.entity, l->name, err);
    return rc == BF_ENOENT ? BF_OK : rc;
}

int bf_api_integration_save(struct bf_api_integration_change *c, struct bf_tx *tx,
                            struct bf_error *err)
{
    const struct bf_integration_draft *d = &c->draft;
    struct bf_integration now = {.entity = d->entity, .sink = d->sink, .name = c->name,
                                 .config = d->stored, .secrets = d->secrets};
    int rc = save(c, tx, err);

    if (!rc)
        rc = bf_delivery_settings_save(tx->db, c->id, &c->delivery, err);
    for (const struct bf_api_literal *l = c->literals; l && !rc; l = l->next)
        rc = save_literal(c, tx, l, err);
    memcpy(now.id, c->id, sizeof(now.id));
    return rc ? rc : bf_api_integration_record(c->api, c->x, tx, "belfry.integration.saved", &now, NULL,
                                               err);
}

void bf_api_integration_is_saved(const struct bf_api_integration_change *c)
{
    for (struct bf_api_literal *l = c->literals; l; l = l->next)
        bf_api_refresh(c->api, "secret", l->place);
    bf_api_refresh(c->api, "integration", c->id);
    bf_plugins_integration_changed(c->api->plugins, c->id);
    bf_courier_touch(c->api->courier, c->id);   /* what waits for it goes out */
}


/* --- deleting --------------------------------------------------------------------------------- */

int bf_api_integration_delete(struct bf_api *api, struct bf_exchange *x, struct bf_tx *tx,
                              const struct bf_integration *i, struct bf_error *err)
{
    struct bf_integration named = {.entity = i->entity, .name = i->name, .sink = i->sink};
    int rc = bf_team_delete_integration(tx->db, i->id, i->entity, err);

    if (!rc)
        rc = bf_standing_forget(tx->db, i->id, err);
    memcpy(named.id, i->id, sizeof(named.id));
    return rc ? rc : bf_api_integration_record(api, x, tx, "belfry.integration.deleted", &named, NULL,
                                               err);
}

/* What waits becomes due, a slice at a time, while nobody waits for that. */
struct hastening {
    struct bf_work work;
    struct bf_api *api;
    int64_t n;
    char integration[BF_ID_LEN + 1];
};

static int apply_hasten(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct hastening *h = bf_container_of(work, struct hastening, work);
    int rc = bf_outbox_hasten(tx->db, h->integration, tx->now_ms, HASTEN_ROWS, &h->n);

    return rc ? bf_error_set(err, rc, "%s", bf_db_words(tx->db)) : BF_OK;
}

static void hasten_done(struct bf_work *work, int rc, const struct bf_error *err)
{
    struct hastening *h = bf_container_of(work, struct hastening, work);

    (void)err;
    bf_courier_touch(h->api->courier, h->integration);
    if (rc || h->n < HASTEN_ROWS || bf_bus_post(h->api->bus, &h->work))
        free(h);
}

static void hasten(struct bf_api *api, const char *integration)
{
    struct hastening *h = bf_new(struct hastening);

    h->work = (struct bf_work){
        .may_fail = true, .always = true, .apply = apply_hasten, .done = hasten_done};
    h->api = api;
    memcpy(h->integration, integration, sizeof(h->integration));
    if (bf_bus_post(api->bus, &h->work))
        free(h);
}

static void refresh_literals(struct bf_api *api, struct bf_arena *a, const struct bf_integration *i)
{
    const struct bf_json *config;
    struct bf_error err;

    if (bf_api_integration_config(a, i->config, &config, &err))
        return;
    for (const struct bf_json *k = bf_json_first(config); k; k = bf_json_next(config, k)) {
        const char *name = bf_json_str(a, bf_json_get(k + 1, "sealed"));

        if (name)
            bf_api_refresh(api, "secret", bf_arena_printf(a, "%s/%s", i->entity, name));
    }
}

void bf_api_integration_is_deleted(struct bf_api *api, struct bf_arena *a,
                                   const struct bf_integration *i)
{
    refresh_literals(api, a, i);
    bf_api_refresh(api, "integration", i->id);
    bf_plugins_integration_changed(api->plugins, i->id);
    bf_courier_touch(api->courier, i->id);
    hasten(api, i->id);
}
