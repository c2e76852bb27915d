/* merge.c - the rows of executions that are told of by another.
 *
 * Such a row has the status BF_MERGED and the teller's id in `merged_into`, which is indexed where it
 * is set: so no other row pays for it.  The teller has how many there are in `merged`, and for each of
 * them, and itself, a row of a digest.  These have no text: it takes an event to make one, and
 * reading a thousand events is not for the engine.  Who delivers makes them.
 *
 * A unary + keeps the planner from the index of all rows of a status. */
#include "core/outbox/merge.h"

#include "core/base/base.h"
#include "core/outbox/digest.h"

/* --- looking --------------------------------------------------------------------- */

int bf_merge_backlog(struct bf_db *db, const char *integration, int64_t now_ms, unsigned max,
                     unsigned *n)
{
    struct bf_query *q = bf_db_query(db, "SELECT count(*) FROM (SELECT 1 FROM executions"
                                         " WHERE status = 0 AND integration = ? AND due <= ? LIMIT ?)"
                                         " AS some");
    int rc;

    bf_query_text(q, 1, integration);
    bf_query_int(q, 2, now_ms);
    bf_query_int(q, 3, max);
    rc = bf_query_step(q);
    *n = rc == 1 ? (unsigned)bf_query_col_int(q, 0) : 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

/* The limit is within, so that a long line of others costs no more than a short one. */
int bf_merge_find(struct bf_db *db, const struct bf_execution *teller, int64_t now_ms, unsigned look,
                  void (*fn)(void *arg, uint64_t number), void *arg)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT number FROM (SELECT number, automation, revision, action, attempts, firings"
            " FROM executions WHERE status = 0 AND integration = ?1 AND due <= ?2"
            " AND (due, number) > (?3, ?4) ORDER BY due, number LIMIT ?5) AS line"
            " WHERE attempts = 0 AND firings IS NULL AND revision = ?6 AND action = ?7"
            " AND automation = ?8 AND number > ?4");
    int rc;

    bf_query_text(q, 1, bf_execution_integration(teller));
    bf_query_int(q, 2, now_ms);
    bf_query_int(q, 3, teller->due_ms);
    bf_query_int(q, 4, (int64_t)teller->number);
    bf_query_int(q, 5, look);
    bf_query_int(q, 6, (int64_t)teller->automation->revision);
    bf_query_int(q, 7, teller->action);
    bf_query_text(q, 8, teller->automation->id);
    while ((rc = bf_query_step(q)) == 1)
        fn(arg, (uint64_t)bf_query_col_int(q, 0));
    return rc;
}


/* --- joining ---------------------------------------------------------------------- */

static int join(struct bf_db *db, const struct bf_execution *teller, uint64_t number, bool *joined)
{
    struct bf_query *q = bf_db_query(db, "UPDATE executions SET status = 7, merged_into = ?"
                                         " WHERE number = ? AND status = 0 AND attempts = 0");
    int rc;

    bf_query_text(q, 1, teller->id);
    bf_query_int(q, 2, (int64_t)number);
    rc = bf_query_run(q);
    *joined = !rc && bf_db_changes(db) > 0;
    return rc;
}

static int count(struct bf_db *db, const struct bf_execution *teller, unsigned n, uint64_t newest)
{
    struct bf_query *q = bf_db_query(
        db, "UPDATE executions SET merged = ?1, firings = ?1 + 1, (last_event, last_received) ="
            " (SELECT event, COALESCE(event_received, created) FROM executions WHERE number = ?2)"
            " WHERE number = ?3");

    bf_query_int(q, 1, n);
    bf_query_int(q, 2, (int64_t)newest);
    bf_query_int(q, 3, (int64_t)teller->number);
    return bf_query_run(q);
}

int bf_merge_join(struct bf_db *db, const struct bf_execution *teller, const uint64_t *numbers,
                  size_t n, unsigned *n_joined)
{
    uint64_t newest = 0;
    int rc = BF_OK;

    *n_joined = 0;
    for (size_t i = 0; !rc && i < n && *n_joined < BF_DIGEST_MAX - 1; i++) {
        bool joined;

        rc = join(db, teller, numbers[i], &joined);
        if (rc || !joined)
            continue;
        newest = numbers[i];
        rc = bf_digest_add(db, teller->number, ++*n_joined, newest);
    }
    if (!rc && *n_joined)
        rc = bf_digest_add(db, teller->number, 0, teller->number);
    return rc || !*n_joined ? rc : count(db, teller, *n_joined, newest);
}


/* --- afterwards -------------------------------------------------------------------- */

int bf_merge_settle(struct bf_db *db, const char *teller, const struct bf_attempt_record *r)
{
    struct bf_query *q = bf_db_query(
        db, "UPDATE executions SET status = ?, finished = ?, reason = COALESCE(?, reason),"
            " first_attempt = (SELECT first_attempt FROM executions WHERE number = ?)"
            " WHERE merged_into = ? AND +status = 7");

    bf_query_int(q, 1, r->status);
    bf_query_int(q, 2, r->started_ms + r->duration_ms);
    bf_query_text(q, 3, r->reason);
    bf_query_int(q, 4, (int64_t)r->execution);
    bf_query_text(q, 5, teller);
    return bf_query_run(q);
}

/* It tells of itself again: were it sent once more, the others would be told of twice. */
static int alone_again(struct bf_db *db, uint64_t number)
{
    struct bf_query *q = bf_db_query(db, "UPDATE executions SET merged = NULL, firings = NULL,"
                                         " last_event = NULL, last_received = NULL WHERE number = ?");
    int rc;

    bf_query_int(q, 1, (int64_t)number);
    rc = bf_query_run(q);
    return rc ? rc : bf_digest_cut(db, number);
}

int bf_merge_let_go(struct bf_db *db, const struct bf_execution *teller)
{
    struct bf_query *q = bf_db_query(db, "UPDATE executions SET status = 0, merged_into = NULL"
                                         " WHERE merged_into = ? AND +status = 7");
    int rc;

    bf_query_text(q, 1, teller->id);
    rc = bf_query_run(q);
    return rc || bf_db_changes(db) == 0 ? rc : alone_again(db, teller->number);
}

int bf_merge_resent(struct bf_db *db, const char *teller, const char *as)
{
    struct bf_query *q = bf_db_query(db, "UPDATE executions SET resent_as = ? WHERE merged_into = ?");

    bf_query_text(q, 1, as);
    bf_query_text(q, 2, teller);
    return bf_query_run(q);
}

int bf_merge_each(struct bf_db *db, const char *teller,
                  void (*fn)(void *arg, const struct bf_merged_row *row), void *arg)
{
    struct bf_query *q = bf_db_query(db, "SELECT number, event, COALESCE(event_received, created),"
                                         " created FROM executions WHERE merged_into = ?"
                                         " ORDER BY number");
    int rc;

    bf_query_text(q, 1, teller);
    while ((rc = bf_query_step(q)) == 1) {
        struct bf_merged_row row = {(uint64_t)bf_query_col_int(q, 0),
                                    (uint64_t)bf_query_col_int(q, 1), bf_query_col_int(q, 2),
                                    bf_query_col_int(q, 3)};

        fn(arg, &row);
    }
    return rc;
}
