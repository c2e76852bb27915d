/* history.c - pages of executions, each from the index that leads to it fastest.
 *
 * One question, four ways to walk: by automation; the rare statuses by their partial indexes; the
 * rest by number.  Whatever an index does not decide is decided here, row by row, within a budget.
 *
 * Pending rows are indexed for claiming (by integration and due time), not by number.  As long as
 * there are few they are sorted; with very many of them, the walk by number meets them soon
 * enough. */
#include "core/outbox/history.h"

#include "core/base/base.h"

#define PENDING_SORT_MAX 50000  /* pending rows that are sorted for a page: about 10 ms */

#define ROW                                                                                   \
    "SELECT number, event, revision, action, attempts, status, created, due, finished,"       \
    " entity, automation, integration, trigger_name FROM executions "

static const char by_number[] = ROW "WHERE number < ? ORDER BY number DESC";
static const char by_automation[] =
    ROW "WHERE number < ? AND automation = ? ORDER BY number DESC";
static const char of_trouble[] =
    ROW "WHERE number < ? AND status > 2 AND status = ? ORDER BY number DESC";
static const char of_running[] = ROW "WHERE number < ? AND status = 1 ORDER BY number DESC";
/* The unary + keeps the planner from walking by number, past a whole history of others. */
static const char of_pending[] =
    ROW "WHERE number IN (SELECT number FROM executions WHERE status = 0 AND +number < ?"
        " ORDER BY +number DESC LIMIT ?) ORDER BY number DESC";

static bool few_pending(struct bf_db *db)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT 1 FROM executions WHERE status = 0 LIMIT 1 OFFSET ?");
    bool few;

    bf_query_int(q, 1, PENDING_SORT_MAX);
    few = bf_query_step(q) == 0;
    bf_query_end(q);
    return few;
}

static struct bf_query *walk(struct bf_db *db, const struct bf_history_query *query)
{
    const char *sql = by_number;
    struct bf_query *q;

    if (query->automation)
        sql = by_automation;
    else if (query->status > BF_FINISHED)
        sql = of_trouble;
    else if (query->status == BF_RUNNING)
        sql = of_running;
    else if (query->status == BF_PENDING && few_pending(db))
        sql = of_pending;
    q = bf_db_query(db, sql);
    bf_query_int(q, 1, query->before ? (int64_t)query->before : INT64_MAX);
    if (sql == by_automation)
        bf_query_text(q, 2, query->automation);
    else if (sql == of_trouble)
        bf_query_int(q, 2, query->status);
    else if (sql == of_pending)         /* one more than is shown, to know of a next page */
        bf_query_int(q, 2, 1 + (query->visible ? BF_HISTORY_SCAN_MAX : (int)query->limit));
    return q;
}

static void read_row(struct bf_query *q, struct bf_history_row *row)
{
    row->number = (uint64_t)bf_query_col_int(q, 0);
    row->event = (uint64_t)bf_query_col_int(q, 1);
    row->revision = (uint64_t)bf_query_col_int(q, 2);
    row->action = (uint32_t)bf_query_col_int(q, 3);
    row->attempts = (uint32_t)bf_query_col_int(q, 4);
    row->status = (int)bf_query_col_int(q, 5);
    row->created_ms = bf_query_col_int(q, 6);
    row->due_ms = bf_query_col_int(q, 7);
    row->finished_ms = bf_query_col_int(q, 8);
    row->entity = bf_query_col_text(q, 9);
    row->automation = bf_query_col_text(q, 10);
    row->integration = bf_query_col_text(q, 11);
    row->trigger = bf_query_col_text(q, 12);
}

static bool wanted(const struct bf_history_query *query, const struct bf_history_row *row)
{
    return (query->status < 0 || row->status == query->status) &&
           (!query->visible || query->visible(query->arg, row->entity));
}

int bf_history_list(struct bf_db *db, const struct bf_history_query *query, uint64_t *next)
{
    struct bf_query *q = walk(db, query);
    struct bf_history_row row;
    unsigned taken = 0, seen = 0;
    uint64_t last = 0;
    bool show;
    int rc;

    *next = 0;
    while ((rc = bf_query_step(q)) == 1) {
        read_row(q, &row);
        if (row.created_ms < query->since_ms)   /* `created` grows with the number */
            break;
        show = wanted(query, &row);
        if (seen++ == BF_HISTORY_SCAN_MAX || (show && taken == query->limit)) {
            *next = last;
            break;
        }
        last = row.number;
        if (show) {
            query->row(query->arg, &row);
            taken++;
        }
    }
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

int bf_history_read(struct bf_db *db, uint64_t number,
                    void (*row_fn)(void *arg, const struct bf_history_row *row), void *arg)
{
    struct bf_query *q = bf_db_query(db, ROW "WHERE number = ?");
    struct bf_history_row row;
    int rc;

    bf_query_int(q, 1, (int64_t)number);
    rc = bf_query_step(q);
    if (rc == 1) {
        read_row(q, &row);
        row_fn(arg, &row);
    }
    bf_query_end(q);
    return rc < 0 ? rc : rc == 1 ? BF_OK : BF_ENOENT;
}

static void read_sent(struct bf_query *q, struct bf_attempt_record *r)
{
    int64_t len = bf_query_col_int(q, 10);

    r->sent = (struct bf_sent){.method = bf_query_col_text(q, 7)};
    r->sent_by = r->sent.method ? r->attempt : len < 0 ? (uint32_t)-len : 0;
    if (!r->sent.method)
        return;
    r->sent.url = bf_query_col_text(q, 8);
    r->sent.body = bf_query_col_blob(q, 9, &r->sent.kept_len);
    r->sent.body_len = (size_t)len;
}

int bf_history_attempts(struct bf_db *db, uint64_t number,
                        void (*fn)(void *arg, const struct bf_attempt_record *r), void *arg)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT place, outcome, http_status, started, duration, reason, response,"
                        " method, url, payload, payload_len"
                        " FROM attempts WHERE place > ? AND place < ? ORDER BY place");
    struct bf_attempt_record r = {.execution = number};
    int rc;

    bf_query_int(q, 1, (int64_t)(number * BF_ATTEMPTS_MAX));
    bf_query_int(q, 2, (int64_t)((number + 1) * BF_ATTEMPTS_MAX));
    while ((rc = bf_query_step(q)) == 1) {
        r.attempt = (uint32_t)(bf_query_col_int(q, 0) % BF_ATTEMPTS_MAX);
        r.outcome = (int)bf_query_col_int(q, 1);
        r.http_status = (int)bf_query_col_int(q, 2);
        r.started_ms = bf_query_col_int(q, 3);
        r.duration_ms = bf_query_col_int(q, 4);
        r.words = bf_query_col_text(q, 5);
        r.response = bf_query_col_blob(q, 6, &r.response_len);
        read_sent(q, &r);
        fn(arg, &r);
    }
    return rc;
}
