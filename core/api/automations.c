/* automations.c - /api/v1/automations: what fires on what, as its author wrote it.
 *
 * Everything that can be wrong is found on a worker, as plugins are asked about their options, and
 * named by its field; the engine then saves the author's bytes, and the rules know the automation
 * before its 201 leaves. */
#include "core/api/api_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"

#define SHOWN_MAX (2 * BF_EVENT_MAX)    /* bytes of an automation as it is shown */

static int answer_row(struct bf_exchange *x, int status, const struct bf_automation_row *row)
{
    struct bf_buf b;

    bf_buf_init(&b, SHOWN_MAX);
    bf_show_automation(&b, row);
    bf_exchange_reply(x, "application/json", b.data, b.len);
    bf_buf_fini(&b);
    return status;
}


/* --- making one -------------------------------------------------------------------- */

struct make_automation {
    struct bf_api_checked checked;
    const char *spec;
    size_t spec_len;
    const char *owner;
    const struct bf_automation *saved;  /* a reference */
    char id[BF_ID_LEN + 1];
};

static int apply_make(struct bf_work *work, struct bf_tx *tx, struct bf_error *err)
{
    struct make_automation *m = bf_container_of(work, struct make_automation, checked.write.work);

    m->checked.write.now_ms = tx->now_ms;
    return bf_bus_save_automation(tx, m->id, m->owner, m->spec, m->spec_len,
                                  bf_auth_who(m->checked.write.x)->user, &m->saved, err);
}

static int answer_make(struct bf_api_write *w)
{
    struct make_automation *m = bf_container_of(w, struct make_automation, checked.write);
    struct bf_automation_row row = {
        .id = m->id,
        .revision = m->saved->revision,
        .created_ms = w->now_ms,
        .updated_ms = w->now_ms,
        .spec = m->spec,
        .spec_len = m->spec_len,
    };

    bf_bus_file_automation(w->api->bus, m->saved);
    return answer_row(w->x, 201, &row);
}

static void release_saved(struct bf_api_write *w)
{
    struct make_automation *m = bf_container_of(w, struct make_automation, checked.write);

    bf_automation_unref(m->saved);
}

static int check_scope(struct bf_api *api, struct bf_exchange *x, const struct bf_automation *a)
{
    if (!bf_team_exists(api->team, a->entity) || !bf_api_may_read(api, x, a->entity))
        return bf_exchange_fail(x, 400, "invalid", "scope.entity", "team \"%s\" does not exist;"
                                " make it with PUT /api/v1/teams/%s", a->entity, a->entity);
    return bf_api_require(api, x, BF_EDIT, a->entity);
}

static int check_config(struct bf_api *api, struct bf_exchange *x, const struct bf_automation *a,
                        const struct bf_integration *to, const struct bf_action *action,
                        const char *field)
{
    struct bf_arena *arena = bf_exchange_arena(x);
    const char *config = bf_arena_ndup(arena, action->config, action->config_len);
    struct bf_error err;
    int rc = bf_plugins_check_action(api->plugins, arena, to, a->trigger->wire, config, &err);

    if (!rc)
        return bf_arena_ok(arena) ? 0 : bf_api_fail(x, BF_EFULL, NULL);
    bf_error_within(&err, field);
    return bf_api_invalid(x, rc, &err);
}

static int check_action(struct bf_api *api, struct bf_exchange *x, const struct bf_automation *a,
                        uint32_t index)
{
    const struct bf_action *action = &a->actions[index];
    struct bf_integration *to = bf_team_integration(api->team, action->integration);
    char field[40];
    int status;

    if (to && strcmp(to->entity, a->entity) == 0) {
        snprintf(field, sizeof(field), "actions[%u]", (unsigned)index);
        status = check_config(api, x, a, to, action, field);
    } else {
        snprintf(field, sizeof(field), "actions[%u].integration", (unsigned)index);
        status = bf_exchange_fail(x, 400, "invalid", field, "unknown integration: %s has none with"
                                  " the id \"%s\"; GET /api/v1/teams/%s/integrations lists them",
                                  a->entity, action->integration, a->entity);
    }
    bf_integration_unref(to);
    return status;
}

static int check(struct bf_api_checked *c)
{
    struct make_automation *m = bf_container_of(c, struct make_automation, checked);
    struct bf_exchange *x = c->write.x;
    struct bf_api *api = c->write.api;
    struct bf_automation *a;
    struct bf_error err;
    int status;
    int rc = bf_automation_parse(m->spec, m->spec_len, m->id, 0, m->owner, &a, &err);

    if (rc)
        return bf_api_invalid(x, rc, &err);
    status = check_scope(api, x, a);
    for (uint32_t i = 0; !status && i < a->n_actions; i++)
        status = check_action(api, x, a, i);
    bf_automation_unref(a);
    return status;
}

static int on_make(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct bf_arena *a = bf_exchange_arena(x);
    struct make_automation *m = bf_arena_new_of(a, struct make_automation);
    const struct bf_json *body;
    int status;

    if (!m)
        return bf_api_fail(x, BF_EFULL, NULL);
    status = bf_api_body(x, &body);
    if (status)
        return status;
    m->spec = bf_json_raw(body, &m->spec_len);
    m->owner = bf_json_str(a, bf_json_at(body, "/scope/entity"));
    if (!m->owner)
        m->owner = "";          /* the parser says what is wrong with the scope */
    bf_id_random(m->id, bf_wall_ms(api->clock));
    m->checked.check = check;
    m->checked.write.work.alters_rules = true;
    m->checked.write.work.weight = (uint32_t)m->spec_len;
    m->checked.write.work.apply = apply_make;
    m->checked.write.answer = answer_make;
    m->checked.write.release = release_saved;
    return bf_api_check_and_post(api, x, &m->checked);
}


/* --- reading -------------------------------------------------------------------------- */

static bool on_row(void *arg, const struct bf_automation_row *row)
{
    struct bf_api_page *p = arg;
    struct bf_buf b;

    if (!bf_api_page_take(p, row->id))
        return false;
    bf_buf_init(&b, SHOWN_MAX);
    bf_show_automation(&b, row);
    bf_tree_raw(p->items, NULL, b.data, b.len);
    bf_buf_fini(&b);
    return true;
}

static int on_list(struct bf_exchange *x, void *arg)
{
    const char *entity = bf_exchange_query_param(x, "entity");
    struct bf_api_page page;
    int status = bf_api_require_filter(x, entity, "entity");

    if (!status && entity)
        status = bf_api_require(arg, x, BF_READ, entity);
    if (!status)
        status = bf_api_page_begin(&page, arg, x);
    if (status)
        return status;
    return bf_api_page_answer(&page, bf_automation_list(bf_exchange_local(x), entity,
                                                        bf_exchange_query_param(x, "project"),
                                                        page.cursor, on_row, &page));
}

struct one {
    struct bf_api *api;
    struct bf_exchange *x;
    int status;
};

static bool on_one(void *arg, const struct bf_automation_row *row)
{
    struct one *o = arg;

    if (bf_api_may_read(o->api, o->x, row->entity))
        o->status = answer_row(o->x, 200, row);
    return false;
}

static int on_get(struct bf_exchange *x, void *arg)
{
    struct one one = {.api = arg, .x = x, .status = 404};
    const char *id = bf_exchange_param(x, "id");
    int rc = BF_EIO;

    if (bf_exchange_local(x))
        rc = bf_automation_find(bf_exchange_local(x), id ? id : "", on_one, &one);
    if (rc && rc != BF_ENOENT)
        return bf_api_unreadable(x);
    return one.status == 404 ? bf_api_missing(x, "automation", id ? id : "") : one.status;
}

/* The scope of a new one is in its body: the handler asks for BF_EDIT there. */
const struct bf_api_route bf_api_automation_routes[] = {
    {"POST", "/api/v1/automations", BF_EDIT, on_make},
    {"GET", "/api/v1/automations", BF_READ, on_list},
    {"GET", "/api/v1/automations/{id}", BF_READ, on_get},
    {NULL, NULL, 0, NULL},
};
