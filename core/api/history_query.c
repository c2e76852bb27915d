/* history_query.c - which executions are meant: the filters that list, export and the changes of
 * many at once have in common. */
#include "core/api/api_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

int bf_api_time(struct bf_api *api, struct bf_exchange *x, const char *name, const char *text,
                int64_t *ms)
{
    int64_t ago_ms;

    *ms = 0;
    if (!text || bf_time_parse(text, ms))
        return 0;
    if (!bf_duration_parse(text, &ago_ms))
        return bf_exchange_fail(x, 400, "invalid", name, "%s must be a time like"
                                " 2026-11-23T12:00:00Z or how long ago, like 7d", name);
    *ms = bf_max64(bf_wall_ms(api->clock) - ago_ms, 1);
    return 0;
}

int bf_api_times(struct bf_api *api, struct bf_exchange *x, int64_t *since_ms, int64_t *until_ms)
{
    int status = bf_api_time(api, x, "since", bf_exchange_query_param(x, "since"), since_ms);

    return status ? status
                  : bf_api_time(api, x, "until", bf_exchange_query_param(x, "until"), until_ms);
}

static int unknown_status(struct bf_exchange *x, const char *field, const char *name, size_t len)
{
    char known[200] = "";
    size_t n = 0;

    for (int s = BF_PENDING; s <= BF_CANCELLED; s++)
        n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", s ? ", " : "",
                              bf_status_name(s));
    return bf_exchange_fail(x, 400, "invalid", field, "unknown status \"%.*s\"; known: %s"
                            " (several with commas between)", (int)len, name, known);
}

int bf_api_statuses(struct bf_exchange *x, const char *field, const char *text, unsigned *statuses)
{
    *statuses = 0;
    while (text) {
        size_t len = strcspn(text, ",");
        char name[16];
        int status;

        snprintf(name, sizeof(name), "%.*s", (int)len, text);
        if (len >= sizeof(name) || !bf_status_parse(name, &status))
            return unknown_status(x, field, text, bf_min64((int64_t)len, 100));
        *statuses |= BF_STATUS_BIT(status);
        text = text[len] ? text + len + 1 : NULL;
    }
    return 0;
}

static int read_order(struct bf_exchange *x, bool *oldest_first)
{
    const char *text = bf_exchange_query_param(x, "order");

    *oldest_first = text && strcmp(text, "oldest") == 0;
    if (!text || *oldest_first || strcmp(text, "newest") == 0)
        return 0;
    return bf_exchange_fail(x, 400, "invalid", "order", "order must be newest or oldest");
}

static int read_event(struct bf_api *api, struct bf_exchange *x, struct bf_history_query *q)
{
    const char *id = bf_exchange_query_param(x, "event");

    if (!id || (bf_id_parse(id, bf_bus_hub(api->bus), &q->event_ms, &q->event) && q->event))
        return 0;
    return bf_exchange_fail(x, 400, "invalid", "event", "event must be the id of an event of this"
                            " hub");
}


/* --- whose ------------------------------------------------------------------------- */

struct reading {
    struct bf_api *api;
    struct bf_exchange *x;
    const char **names;
    size_t n;
};

static bool on_entity(void *arg, const struct bf_entity *entity)
{
    struct reading *r = arg;

    if (!bf_api_may_read(r->api, r->x, entity->name))
        return true;
    if (r->n == BF_HISTORY_ENTITIES_MAX)
        return false;
    r->names[r->n++] = bf_arena_dup(bf_exchange_arena(r->x), entity->name);
    return true;
}

static bool is_readable(void *arg, const char *entity)
{
    struct reading *r = arg;

    return bf_api_may_read(r->api, r->x, entity);
}

/* Who may read few entities gets a question about just these; the others are asked row by row. */
static int read_all_readable(struct bf_api *api, struct bf_exchange *x,
                             struct bf_history_query *q)
{
    struct bf_arena *a = bf_exchange_arena(x);
    struct reading *r = bf_arena_new_of(a, struct reading);

    if (!r)
        return bf_api_fail(x, BF_EFULL, NULL);
    *r = (struct reading){.api = api, .x = x};
    r->names = bf_arena_alloc(a, BF_HISTORY_ENTITIES_MAX * sizeof(*r->names));
    if (!r->names || !bf_exchange_local(x) ||
        bf_team_list_entities(bf_exchange_local(x), "", on_entity, r))
        return bf_api_unreadable(x);
    if (r->n < BF_HISTORY_ENTITIES_MAX) {
        q->entities = r->names;
        q->n_entities = r->n;
    }
    q->visible = is_readable;
    q->visible_arg = r;
    return 0;
}

static int read_entity(struct bf_api *api, struct bf_exchange *x, struct bf_history_query *q)
{
    const char *entity = bf_exchange_query_param(x, "entity");
    const char **names;

    if (!entity)
        return bf_auth_who(x)->admin ? 0 : read_all_readable(api, x, q);
    names = bf_arena_alloc(bf_exchange_arena(x), sizeof(*names));
    if (!names)
        return bf_api_fail(x, BF_EFULL, NULL);
    names[0] = entity;
    q->entities = names;
    q->n_entities = 1;
    return bf_api_require(api, x, BF_READ, entity);
}

int bf_api_history_query(struct bf_api *api, struct bf_exchange *x, struct bf_history_query *out)
{
    int status;

    *out = (struct bf_history_query){
        .automation = bf_exchange_query_param(x, "automation"),
        .project = bf_exchange_query_param(x, "project"),
        .collection = bf_exchange_query_param(x, "collection"),
        .integration = bf_exchange_query_param(x, "integration"),
        .trigger = bf_exchange_query_param(x, "trigger"),
        .merged_into = bf_exchange_query_param(x, "merged_into"),
    };
    status = bf_api_statuses(x, "status", bf_exchange_query_param(x, "status"), &out->statuses);
    if (!status)
        status = read_order(x, &out->oldest_first);
    if (!status)
        status = read_event(api, x, out);
    if (!status)
        status = bf_api_times(api, x, &out->since_ms, &out->until_ms);
    return status ? status : read_entity(api, x, out);
}
