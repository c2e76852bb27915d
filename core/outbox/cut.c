/* cut.c - the outbox's part of retention. */
#include "core/outbox/cut.h"

#include "core/base/base.h"
#include "core/outbox/blocks.h"
#include "core/outbox/digest.h"
#include "core/outbox/history.h"

#define AT_ONCE 256

static int run_with(struct bf_db *db, const char *sql, int64_t a, int64_t b)
{
    struct bf_query *q = bf_db_query(db, sql);

    bf_query_int(q, 1, a);
    bf_query_int(q, 2, b);
    return bf_query_run(q);
}

static int cut(struct bf_db *db, uint64_t number)
{
    struct bf_query *q;
    int rc = run_with(db, "DELETE FROM attempts WHERE place > ? AND place < ?",
                      (int64_t)(number * BF_ATTEMPTS_MAX),
                      (int64_t)((number + 1) * BF_ATTEMPTS_MAX));

    if (!rc)
        rc = bf_digest_cut(db, number);
    if (rc)
        return rc;
    q = bf_db_query(db, "DELETE FROM executions WHERE number = ?");
    bf_query_int(q, 1, (int64_t)number);
    return bf_query_run(q);
}

/* The numbers to cut among the next rows; they are read first, and then deleted. */
static int choose(struct bf_db *db, int64_t before_ms, unsigned max, uint64_t *from,
                  uint64_t *numbers, unsigned *n, bool *more)
{
    struct bf_query *q = bf_db_query(db, "SELECT number, status, created FROM executions"
                                         " WHERE number >= ? ORDER BY number LIMIT ?");
    uint64_t newest = bf_outbox_last(db);
    unsigned seen = 0;
    bool old = true;
    int rc;

    *n = 0;
    bf_query_int(q, 1, (int64_t)*from);
    bf_query_int(q, 2, max);
    while (old && (rc = bf_query_step(q)) == 1) {
        uint64_t number = (uint64_t)bf_query_col_int(q, 0);
        int64_t status = bf_query_col_int(q, 1);

        old = bf_query_col_int(q, 2) < before_ms && number != newest;
        if (!old)
            break;
        if (status != BF_PENDING && status != BF_RUNNING && status != BF_MERGED)
            numbers[(*n)++] = number;
        *from = number + 1;
        seen++;
    }
    bf_query_end(q);
    *more = old && seen == max;
    return rc < 0 ? rc : BF_OK;
}

int bf_outbox_cut(struct bf_db *db, int64_t before_ms, unsigned max, uint64_t *from,
                  unsigned *n_cut, bool *more)
{
    uint64_t numbers[AT_ONCE], begin = *from;
    unsigned n;
    int rc = choose(db, before_ms, max < AT_ONCE ? max : AT_ONCE, from, numbers, &n, more);

    for (*n_cut = 0; !rc && *n_cut < n; ++*n_cut)
        rc = cut(db, numbers[*n_cut]);
    return rc ? rc : bf_blocks_cut(db, &bf_execution_blocks, begin, *from);
}

int bf_outbox_cut_blocks(struct bf_db *db)
{
    struct bf_query *q = bf_db_query(db, bf_execution_blocks.first);
    int rc = bf_query_step(q);
    int64_t first = rc == 1 ? bf_query_col_int(q, 0) : 0;

    bf_query_end(q);
    if (rc < 0)
        return rc;
    q = bf_db_query(db, "DELETE FROM execution_blocks WHERE block < ?");
    bf_query_int(q, 1, first / BF_BLOCK_ROWS);
    rc = bf_query_run(q);
    if (rc)
        return rc;
    q = bf_db_query(db, "DELETE FROM execution_last WHERE number < ?");
    bf_query_int(q, 1, first);
    rc = bf_query_run(q);
    if (rc)
        return rc;
    q = bf_db_query(db, "DELETE FROM open_skipped WHERE number < ?");
    bf_query_int(q, 1, first);
    return bf_query_run(q);
}

static int give(struct bf_query *q, void (*fn)(void *arg, uint64_t event), void *arg)
{
    int rc;

    while ((rc = bf_query_step(q)) == 1)
        fn(arg, (uint64_t)bf_query_col_int(q, 0));
    return rc;
}

/* The events of what joined digests that were not delivered yet. */
static int give_merged(struct bf_db *db, const struct bf_events_span *span,
                       void (*fn)(void *arg, uint64_t event), void *arg)
{
    struct bf_query *q = bf_db_query(db, "SELECT m.event FROM executions x JOIN execution_merged m"
                                         " ON m.place >= x.number * 1024"
                                         " AND m.place < x.number * 1024 + 1024"
                                         " WHERE x.firings IS NOT NULL AND x.status < 2"
                                         " AND m.event >= ? AND m.event <= ?");

    bf_query_int(q, 1, (int64_t)span->from);
    bf_query_int(q, 2, (int64_t)span->to);
    return give(q, fn, arg);
}

/* Those that an event fired itself were created when it was received; others refer back to it. */
int bf_outbox_needed(struct bf_db *db, const struct bf_events_span *span,
                     void (*fn)(void *arg, uint64_t event), void *arg)
{
    uint64_t begin, end;
    struct bf_query *q;
    int rc = bf_history_number_at(db, span->from_ms, &begin);

    if (!rc)
        rc = bf_history_number_at(db, span->to_ms + 1, &end);
    if (rc)
        return rc;
    q = bf_db_query(db, "SELECT event FROM executions WHERE number >= ? AND number < ?"
                        " AND (status < 2 OR status = 7)");
    bf_query_int(q, 1, (int64_t)begin);
    bf_query_int(q, 2, (int64_t)end);
    rc = give(q, fn, arg);
    if (rc)
        return rc;
    q = bf_db_query(db, "SELECT event FROM executions WHERE resend_of IS NOT NULL AND event >= ?"
                        " AND event <= ? AND (status < 2 OR status = 7)");
    bf_query_int(q, 1, (int64_t)span->from);
    bf_query_int(q, 2, (int64_t)span->to);
    rc = give(q, fn, arg);
    return rc ? rc : give_merged(db, span, fn, arg);
}
