/* executions.c - /api/v1/executions: what became of what fired. */
#include "core/api/api_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/outbox/digest.h"

#define BYTES_SHOWN_MAX (6 * 64 * 1024 + 2)     /* 64 KiB, were each byte escaped */

static const char *const outcomes[] = {
    [BF_DELIVERED] = "delivered", [BF_RETRY] = "retry",       [BF_REJECTED] = "rejected",
    [BF_UNKNOWN] = "unknown",     [BF_ACCEPTED] = "accepted",   [BF_DRY] = "dry_run",
};


/* --- the list -------------------------------------------------------------------------- */

struct listing {
    struct bf_api_page page;
    struct bf_shown shown;
};

static void on_row(void *arg, const struct bf_history_row *row)
{
    struct listing *l = arg;
    struct bf_api_page *p = &l->page;

    bf_tree_add(p->items, NULL, bf_show_execution(bf_exchange_local(p->x), bf_bus_hub(p->api->bus),
                                               &l->shown, row));
}

/* Rows that end a page early leave its cursor to the history. */
static int answer_list(struct listing *l, const struct bf_history_query *query)
{
    struct bf_api_page *p = &l->page;
    uint64_t next;
    int rc = bf_history_list(bf_exchange_local(p->x), query, &next);

    if (!rc && next) {
        bf_id_number(p->last, 0, bf_bus_hub(p->api->bus), next);
        p->more = true;
    }
    return bf_api_page_answer(p, rc);
}

static int on_list(struct bf_exchange *x, void *arg)
{
    struct listing l = {.shown = {.id = ""}};
    struct bf_history_query query;
    int status = bf_api_history_query(arg, x, &query);
    int rc;

    if (!status)
        status = bf_api_page_begin(&l.page, arg, x);
    if (status)
        return status;
    query.row = on_row;
    query.arg = &l;
    query.limit = l.page.limit;
    rc = bf_api_page_number(&l.page, &query.after);
    return rc ? bf_api_page_answer(&l.page, rc) : answer_list(&l, &query);
}


/* --- one -------------------------------------------------------------------------------- */

struct one {
    struct bf_api *api;
    struct bf_db *db;
    struct bf_shown *shown;
    struct bf_api_execution *out;
    struct bf_tree *attempts;
    bool is_digest;
};

static void on_one(void *arg, const struct bf_history_row *row)
{
    struct one *o = arg;

    o->out->created_ms = row->created_ms;
    o->is_digest = row->firings && !bf_history_is_suppressed(row) && !row->merged;
    snprintf(o->out->entity, sizeof(o->out->entity), "%s", row->entity);
    o->out->tree = bf_show_execution(o->db, bf_bus_hub(o->api->bus), o->shown, row);
}

/* What was sent or came back may hold any bytes; shown is text. */
static void add_bytes(struct bf_tree *t, const char *name, const char *bytes, size_t len)
{
    struct bf_buf b;

    bf_buf_init(&b, BYTES_SHOWN_MAX);
    bf_buf_addc(&b, '"');
    bf_buf_json_chars(&b, bytes, len);
    bf_buf_addc(&b, '"');
    bf_tree_raw(t, name, b.data, b.len);
    bf_buf_fini(&b);
}

/* Retries mostly send the same again: that is said, not shown again. */
static void add_request(struct bf_tree *t, const struct bf_attempt_record *r)
{
    const struct bf_sent *s = &r->sent;
    struct bf_tree *request;

    if (r->sent_by)
        bf_tree_int(t, "request_of", r->sent_by);
    else
        bf_tree_str(t, "request_of", NULL);
    if (!s->method)
        return;
    request = bf_tree_add_object(t, "request");
    bf_tree_str(request, "method", s->method);
    bf_tree_str(request, "url", s->url);
    add_bytes(request, "payload", s->body, s->kept_len);
    bf_tree_int(request, "payload_bytes", (int64_t)s->body_len);
    bf_tree_bool(request, "payload_cut", s->kept_len < s->body_len);
}

static void on_attempt(void *arg, const struct bf_attempt_record *r)
{
    struct one *o = arg;
    struct bf_tree *t = bf_tree_add_object(o->attempts, NULL);

    bf_tree_int(t, "attempt", r->attempt);
    bf_tree_str(t, "outcome",
                (size_t)r->outcome < BF_COUNT(outcomes) ? outcomes[r->outcome] : NULL);
    if (r->http_status)
        bf_tree_int(t, "http_status", r->http_status);
    else
        bf_tree_str(t, "http_status", NULL);
    bf_show_time(t, "started", r->started_ms);
    bf_tree_int(t, "duration_ms", r->duration_ms);
    bf_tree_str(t, "reason", r->words);
    if (r->transform)
        bf_tree_raw(t, "transform", r->transform, strlen(r->transform));
    add_request(t, r);
    if (r->response)
        add_bytes(t, "response", r->response, r->response_len);
    else
        bf_tree_str(t, "response", NULL);
}

/* What a digest tells of, as its receiver is told; executions are asked for by ?merged_into=. */
static int add_firings(struct one *o, uint64_t number)
{
    struct bf_digest *d;
    int rc = bf_digest_read(o->db, number, 0, &d);

    if (rc)
        return rc;
    bf_tree_raw(o->out->tree, "firings", d->firings, d->firings_len);
    bf_digest_free(d);
    return BF_OK;
}

static int read_all_of(struct one *o, uint64_t number)
{
    int rc = bf_history_read(o->db, number, on_one, o);

    if (!rc) {
        o->attempts = bf_tree_add_array(o->out->tree, "attempt_records");
        rc = bf_history_attempts(o->db, number, on_attempt, o);
    }
    return !rc && o->is_digest ? add_firings(o, number) : rc;
}

/* As it was at one moment: else it could be shown as waiting, with the attempt that has ended it. */
int bf_api_execution(struct bf_api *api, struct bf_db *db, uint64_t number,
                     struct bf_shown *shown, struct bf_api_execution *out)
{
    struct one o = {.api = api, .db = db, .shown = shown, .out = out};
    int rc = bf_db_hold(db);

    *out = (struct bf_api_execution){.tree = NULL};
    if (!rc) {
        rc = read_all_of(&o, number);
        bf_db_release(db);
    }
    if (rc) {
        bf_tree_free(out->tree);
        out->tree = NULL;
    }
    return rc;
}

static int on_get(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct bf_db *db = bf_exchange_local(x);
    const char *id = bf_exchange_param(x, "id");
    struct bf_shown shown = {.id = ""};
    struct bf_api_execution e = {.tree = NULL};
    uint64_t number;
    int64_t ms;
    int rc = BF_ENOENT;

    if (!db)
        return bf_api_unreadable(x);
    if (id && bf_id_parse(id, bf_bus_hub(api->bus), &ms, &number))
        rc = bf_api_execution(api, db, number, &shown, &e);
    if (!rc && e.created_ms == ms && bf_api_may_read(api, x, e.entity))
        return bf_api_answer(x, 200, e.tree);
    bf_tree_free(e.tree);
    return rc && rc != BF_ENOENT ? bf_api_unreadable(x)
                                 : bf_api_missing(x, "execution", id ? id : "");
}

const struct bf_api_route bf_api_execution_routes[] = {
    {"GET", "/api/v1/executions", BF_READ, on_list},
    {"GET", "/api/v1/executions/export", BF_READ, bf_api_export},
    {"GET", "/api/v1/executions/{id}", BF_READ, on_get},
    {NULL, NULL, 0, NULL},
};
