/* integrations_read.c - integrations as they are shown: their options without what is secret, how
 * they deliver, and who uses them. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/base/base.h"
#include "core/bus/uses.h"

#define USERS_SHOWN 20          /* automations that are named with one integration */

static void show_secrets(struct bf_tree *array, struct bf_arena *a, const char *names)
{
    size_t len;

    for (const char *at = names; (len = bf_secret_names_next(&at)) > 0; at += len)
        bf_tree_str(array, NULL, bf_arena_ndup(a, at, len));
}

struct users {
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_tree *array;
    unsigned n;
};

/* Of other teams' automations, only that there are some. */
static bool on_user(void *arg, const char *id, const char *name, const char *entity)
{
    struct users *u = arg;
    struct bf_tree *t;

    if (++u->n > USERS_SHOWN || !bf_api_may_read(u->api, u->x, entity))
        return true;
    t = bf_tree_add_object(u->array, NULL);
    bf_tree_str(t, "id", id);
    bf_tree_str(t, "name", name);
    bf_tree_str(t, "entity", entity);
    return true;
}

static void show_users(struct bf_api *api, struct bf_exchange *x, struct bf_db *db,
                       const char *integration, struct bf_tree *t)
{
    struct users u = {.api = api, .x = x, .array = bf_tree_add_array(t, "used_by")};

    bf_uses_list(db, integration, "", on_user, &u);
    bf_tree_int(t, "used_by_count", u.n);
}

struct bf_tree *bf_api_show_integration(struct bf_api *api, struct bf_exchange *x,
                                        struct bf_db *db, const struct bf_integration *i)
{
    struct bf_arena *a = bf_exchange_arena(x);
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
    bf_tree_str(t, "disabled_reason", *i->disabled_reason ? i->disabled_reason : NULL);
    bf_show_time(t, "disabled_since", i->disabled_ms);
    bf_api_show_delivery(api, db, i->id, t);
    show_users(api, x, db, i->id, t);
    return t;
}

int bf_api_integration(struct bf_api *api, struct bf_exchange *x, unsigned rights,
                       struct bf_integration **out)
{
    const char *id = bf_exchange_param(x, "id");
    struct bf_integration *i = id ? bf_team_integration(api->team, id) : NULL;
    int status;

    if (!i || !bf_api_may_read(api, x, i->entity))
        status = bf_api_missing(x, "integration", id ? id : "");
    else
        status = bf_api_require(api, x, rights, i->entity);
    if (status)
        bf_integration_unref(i);
    else
        *out = i;
    return status;
}

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
                    bf_api_show_integration(p->api, p->x, bf_exchange_local(p->x), i));
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
    struct bf_integration *i;
    int status;

    if (!bf_exchange_local(x))
        return bf_api_unreadable(x);
    status = bf_api_integration(arg, x, BF_READ, &i);
    if (status)
        return status;
    status = bf_api_answer(x, 200, bf_api_show_integration(arg, x, bf_exchange_local(x), i));
    bf_integration_unref(i);
    return status;
}

const struct bf_api_route bf_api_integration_read_routes[] = {
    {"GET", "/api/v1/teams/{team}/integrations", BF_READ, on_list},
    {"GET", "/api/v1/integrations/{id}", BF_READ, on_get},
    {NULL, NULL, 0, NULL},
};
