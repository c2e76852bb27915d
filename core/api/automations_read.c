/* automations_read.c - /api/v1/automations, read: lists by name, and one with its revision as ETag.
 *
 * An automation is shown as its author wrote it, with what was left out, and its last execution. */
#include "core/api/api_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"

#define SHOWN_MAX (2 * BF_EVENT_MAX)    /* bytes of an automation as it is shown */

static void show(struct bf_buf *b, struct bf_api *api, struct bf_db *db,
                 const struct bf_automation_row *row)
{
    bf_buf_init(b, SHOWN_MAX);
    bf_show_automation(b, db, bf_bus_hub(api->bus), row);
}

/* ,"warnings":[{"field","message"}] in front of the brace that ends the object. */
static void add_warnings(struct bf_buf *b, const struct bf_warning *warnings)
{
    if (!warnings || b->failed)
        return;
    b->len--;
    bf_buf_adds(b, ",\"warnings\":[");
    for (const struct bf_warning *w = warnings; w; w = w->next) {
        bf_buf_adds(b, "{\"field\":");
        bf_buf_json(b, w->field);
        bf_buf_adds(b, ",\"message\":");
        bf_buf_json(b, w->message);
        bf_buf_adds(b, w->next ? "}," : "}");
    }
    bf_buf_adds(b, "]}");
}

int bf_api_automation_answer(struct bf_api *api, struct bf_exchange *x, struct bf_db *db,
                             int status, const struct bf_automation_row *row,
                             const struct bf_warning *warnings)
{
    char etag[32];
    struct bf_buf b;

    snprintf(etag, sizeof(etag), "\"%llu\"", (unsigned long long)row->revision);
    bf_exchange_reply_header(x, "ETag", etag);
    show(&b, api, db, row);
    bf_api_add_disabled_hooks(api, x, row->id, &b);
    add_warnings(&b, warnings);
    bf_exchange_reply(x, "application/json", b.data, b.len);
    bf_buf_fini(&b);
    return status;
}


/* --- the list ----------------------------------------------------------------------------- */

static bool on_row(void *arg, const struct bf_automation_row *row)
{
    struct bf_api_page *p = arg;
    struct bf_buf b;

    if (!bf_api_page_take(p, row->id))
        return false;
    show(&b, p->api, bf_exchange_local(p->x), row);
    bf_api_add_disabled_hooks(p->api, p->x, row->id, &b);
    bf_tree_raw(p->items, NULL, b.data, b.len);
    bf_buf_fini(&b);
    return true;
}

/* ?enabled=true or false; *out stays NULL without it. */
static int read_enabled(struct bf_exchange *x, bool *value, const bool **out)
{
    const char *text = bf_exchange_query_param(x, "enabled");

    if (!text)
        return 0;
    *value = strcmp(text, "true") == 0;
    if (!*value && strcmp(text, "false") != 0)
        return bf_exchange_fail(x, 400, "invalid", "enabled", "enabled must be true or false");
    *out = value;
    return 0;
}

static int on_list(struct bf_exchange *x, void *arg)
{
    struct bf_automation_query query = {
        .entity = bf_exchange_query_param(x, "entity"),
        .project = bf_exchange_query_param(x, "project"),
        .collection = bf_exchange_query_param(x, "collection"),
        .event_type = bf_exchange_query_param(x, "event_type"),
        .name = bf_exchange_query_param(x, "name"),
    };
    struct bf_api_page page;
    bool enabled;
    int status = bf_api_require_filter(x, query.entity, "entity");

    if (!status && query.entity)
        status = bf_api_require(arg, x, BF_READ, query.entity);
    if (!status)
        status = read_enabled(x, &enabled, &query.enabled);
    if (!status)
        status = bf_api_page_begin(&page, arg, x);
    if (status)
        return status;
    return bf_api_page_answer(&page, bf_automation_list(bf_exchange_local(x), &query, page.cursor,
                                                        on_row, &page));
}


/* --- one ------------------------------------------------------------------------------------ */

struct one {
    struct bf_api *api;
    struct bf_exchange *x;
    bool found;                 /* and may be read */
    int status;
    struct bf_api_automation *out;
};

/* Looks for the automation that {id} names; 0, or the status of a trouble. */
static int find(struct one *o, bf_automation_fn *fn)
{
    const char *id = bf_exchange_param(o->x, "id");
    struct bf_db *db = bf_exchange_local(o->x);
    int rc = db ? bf_automation_find(db, id ? id : "", fn, o) : BF_EIO;

    if (rc && rc != BF_ENOENT)
        return bf_api_unreadable(o->x);
    return o->found ? 0 : bf_api_missing(o->x, "automation", id ? id : "");
}

static bool on_copy(void *arg, const struct bf_automation_row *row)
{
    struct one *o = arg;
    struct bf_arena *a = bf_exchange_arena(o->x);
    const char *spec = bf_arena_ndup(a, row->spec, row->spec_len);

    o->found = bf_api_may_read(o->api, o->x, row->entity);
    *o->out = (struct bf_api_automation){
        .id = bf_arena_dup(a, row->id),
        .owner = bf_arena_dup(a, row->entity),
        .name = bf_arena_dup(a, row->name),
        .revision = row->revision,
        .created_ms = row->created_ms,
        .spec = bf_json_parse(a, spec, row->spec_len, NULL),
    };
    return false;
}

int bf_api_automation(struct bf_api *api, struct bf_exchange *x, unsigned rights,
                      struct bf_api_automation *out)
{
    struct one o = {.api = api, .x = x, .out = out};
    int status = find(&o, on_copy);

    if (!status)
        status = bf_api_require(api, x, rights, out->owner);
    if (!status && (!out->spec || !bf_arena_ok(bf_exchange_arena(x))))
        status = bf_api_fail(x, BF_EFULL, NULL);
    return status;
}

static bool on_show(void *arg, const struct bf_automation_row *row)
{
    struct one *o = arg;

    o->found = bf_api_may_read(o->api, o->x, row->entity);
    if (o->found)
        o->status = bf_api_automation_answer(o->api, o->x, bf_exchange_local(o->x), 200, row,
                                             NULL);
    return false;
}

int bf_api_automation_show(struct bf_exchange *x, void *arg)
{
    struct one o = {.api = arg, .x = x};
    int status = find(&o, on_show);

    return status ? status : o.status;
}

const struct bf_api_route bf_api_automation_read_routes[] = {
    {"GET", "/api/v1/automations", BF_READ, on_list},
    {"GET", "/api/v1/automations/{id}", BF_READ, bf_api_automation_show},
    {NULL, NULL, 0, NULL},
};
