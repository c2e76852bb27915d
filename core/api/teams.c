/* teams.c - /api/v1/teams: the entities that things belong to. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/base/base.h"

static struct bf_tree *show(const struct bf_entity *e)
{
    struct bf_tree *t = bf_tree_object();

    bf_tree_str(t, "id", e->id);
    bf_tree_str(t, "name", e->name);
    bf_tree_str(t, "kind", e->kind);
    bf_show_time(t, "created", e->created_ms);
    return t;
}

struct put_team {
    struct bf_api_write write;
    const char *name;
    bool made;
};

static int apply_put(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct put_team *p = bf_container_of(work, struct put_team, write.work);

    return bf_team_put_entity(tx->db, p->name, "team", tx->now_ms, &p->made, err);
}

static int answer_put(struct bf_api_write *w)
{
    struct put_team *p = bf_container_of(w, struct put_team, write);
    struct bf_entity e;

    bf_api_refresh(w->api, "entity", p->name);
    if (!bf_team_entity(w->api->team, p->name, &e))
        return bf_api_unreadable(w->x);
    return bf_api_answer(w->x, p->made ? 201 : 200, show(&e));
}

static int on_put(struct bf_exchange *x, void *arg)
{
    struct put_team *p = bf_arena_new_of(bf_exchange_arena(x), struct put_team);
    int status = bf_api_body_members(x, NULL, 0);

    if (status)
        return status;
    if (!p)
        return bf_api_fail(x, BF_EFULL, NULL);
    p->name = bf_exchange_param(x, "team");
    if (!p->name || !bf_entity_name_ok(p->name))
        return bf_exchange_fail(x, 400, "invalid", "team", "a team's name has 1 to %d letters,"
                                " digits, -, _ and ., and not only dots", BF_ENTITY_NAME_MAX);
    p->write.work.apply = apply_put;
    p->write.answer = answer_put;
    return bf_api_post(arg, x, &p->write);
}

static int on_get(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    const char *name = bf_exchange_param(x, "team");
    struct bf_entity e;

    if (!bf_team_entity(api->team, name, &e))
        return bf_api_missing(x, "team", name);
    return bf_api_answer(x, 200, show(&e));
}

static bool on_row(void *arg, const struct bf_entity *e)
{
    struct bf_api_page *p = arg;

    if (strcmp(e->kind, "team") != 0 || !bf_api_may_read(p->api, p->x, e->name))
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
    {"PUT", "/api/v1/teams/{team}", BF_API_HUB_ADMIN, on_put},
    {"GET", "/api/v1/teams/{team}", BF_READ, on_get},
    {"GET", "/api/v1/teams", 0, on_list},
    {NULL, NULL, 0, NULL},
};
