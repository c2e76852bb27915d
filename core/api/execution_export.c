/* execution_export.c - GET /api/v1/executions/export: one execution per line, with its attempts,
 * for as long as it takes.
 *
 * A worker reads and prints; when the client is slow it waits.  It reads by a connection of its
 * own and holds no statement open meanwhile, so a slow client keeps nothing from being cut or
 * checkpointed.  What is in memory is one execution and what the stream holds.  As each takes a
 * worker away from the sinks that block, there are few at a time. */
#include "core/api/api_int.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"

#define EXPORTS_MAX 2
#define PAGE        100                 /* numbers looked up at once */
#define LINE_MAX_BYTES (64 * 1024 * 1024)
#define PIECE       (256 * 1024)        /* written at once */

struct export {
    struct bf_job job;
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_history_query query;
    struct bf_db *db;
    struct bf_shown shown;
    uint64_t numbers[PAGE];
    size_t n;
    unsigned refs;              /* the worker's and the connection's; under lock, as is: */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct bf_stream *stream;   /* NULL once the client is gone */
};

static void unref(struct export *e)
{
    unsigned left;

    pthread_mutex_lock(&e->lock);
    left = --e->refs;
    pthread_mutex_unlock(&e->lock);
    if (left)
        return;
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->lock);
    bf_db_close(e->db);
    atomic_fetch_sub(&e->api->n_exports, 1);
    bf_exchange_release(e->x);
    free(e);
}

/* [listener] */
static void on_closed(void *arg)
{
    struct export *e = arg;

    pthread_mutex_lock(&e->lock);
    e->stream = NULL;
    pthread_cond_signal(&e->changed);
    pthread_mutex_unlock(&e->lock);
    unref(e);
}

/* [listener] */
static void on_room(void *arg)
{
    struct export *e = arg;

    pthread_mutex_lock(&e->lock);
    pthread_cond_signal(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

/* False if nobody reads any more. */
static bool write_piece(struct export *e, const char *data, size_t len)
{
    int rc = BF_ENOENT;

    pthread_mutex_lock(&e->lock);
    while (e->stream && (rc = bf_stream_write_all(e->stream, data, len)) == BF_EFULL)
        pthread_cond_wait(&e->changed, &e->lock);
    if (!e->stream)
        rc = BF_ENOENT;
    pthread_mutex_unlock(&e->lock);
    return rc == BF_OK;
}

static bool write_line(struct export *e, const struct bf_buf *b)
{
    bool reads = true;

    for (size_t at = 0; reads && at < b->len; at += PIECE)
        reads = write_piece(e, b->data + at, (size_t)bf_min64((int64_t)(b->len - at), PIECE));
    return reads;
}

/* One that was cut meanwhile is left out. */
static bool export_one(struct export *e, uint64_t number)
{
    struct bf_api_execution one;
    bool reads = true;
    struct bf_buf b;

    if (bf_api_execution(e->api, e->db, number, &e->shown, &one))
        return true;
    bf_buf_init(&b, LINE_MAX_BYTES);
    bf_tree_print(one.tree, &b);
    bf_tree_free(one.tree);
    bf_buf_addc(&b, '\n');
    if (b.failed) {
        bf_buf_clear(&b);
        bf_buf_printf(&b, "{\"error\":\"execution %llu is too large to be exported\"}\n",
                      (unsigned long long)number);
    }
    reads = write_line(e, &b);
    bf_buf_fini(&b);
    return reads;
}

static void on_row(void *arg, const struct bf_history_row *row)
{
    struct export *e = arg;

    e->numbers[e->n++] = row->number;
}

/* The last line tells a client that an export is not whole, whatever ended it. */
static void export_all(struct export *e)
{
    static const char broken[] = "{\"error\":\"the store cannot be read now; the export ends here"
                                 "\"}\n";
    uint64_t next;

    do {
        e->n = 0;
        if (bf_history_list(e->db, &e->query, &next)) {
            write_piece(e, broken, sizeof(broken) - 1);
            return;
        }
        for (size_t i = 0; i < e->n; i++)
            if (!export_one(e, e->numbers[i]))
                return;
        e->query.after = next;
    } while (next);
}

/* [worker] */
static void run(struct bf_job *job)
{
    struct export *e = bf_container_of(job, struct export, job);

    bf_exchange_keep(e->x);
    pthread_mutex_lock(&e->lock);       /* it may close before this returns */
    e->stream = bf_exchange_stream(e->x, "application/x-ndjson", on_closed, e);
    bf_stream_on_room(e->stream, on_room);
    pthread_mutex_unlock(&e->lock);
    export_all(e);
    pthread_mutex_lock(&e->lock);
    if (e->stream)
        bf_stream_end(e->stream);
    pthread_mutex_unlock(&e->lock);
    unref(e);
}

static struct export *new_export(struct bf_api *api, struct bf_exchange *x,
                                 const struct bf_history_query *query)
{
    struct export *e = bf_new(struct export);

    e->job.fn = run;
    e->api = api;
    e->x = x;
    e->query = *query;
    e->query.row = on_row;
    e->query.arg = e;
    e->query.limit = PAGE;
    e->refs = 2;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->changed, NULL);
    return e;
}

static void drop(struct export *e)
{
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->lock);
    bf_db_close(e->db);
    atomic_fetch_sub(&e->api->n_exports, 1);
    free(e);
}

static int too_many(struct bf_api *api, struct bf_exchange *x)
{
    atomic_fetch_sub(&api->n_exports, 1);
    bf_exchange_reply_header(x, "Retry-After", "5");
    return bf_exchange_fail(x, 429, "too_many_requests", NULL, "%d exports are under way; try again"
                            " when one has ended", EXPORTS_MAX);
}

int bf_api_export(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct bf_history_query query;
    struct export *e;
    struct bf_error err;
    int status = bf_api_history_query(api, x, &query), rc;

    if (status)
        return status;
    if (bf_exchange_is_inside(x))
        return bf_exchange_fail(x, 501, bf_status_code(501), NULL, "an export goes over HTTP; from"
                                " inside the hub, ask for pages");
    if (atomic_fetch_add(&api->n_exports, 1) >= EXPORTS_MAX)
        return too_many(api, x);
    e = new_export(api, x, &query);
    if (bf_db_open(api->db_path, BF_DB_READ, &e->db, &err)) {
        drop(e);
        return bf_api_unreadable(x);
    }
    bf_exchange_park(x);
    rc = bf_plugins_run(api->plugins, &e->job);
    if (rc) {
        drop(e);
        bf_exchange_finish(x, bf_api_fail(x, rc, NULL));
    }
    return BF_PARKED;
}
