/* retention.c - one pass: executions, then events, runs and keys, then what told of them. */
#include "core/keeper/retention.h"

#include "core/base/base.h"
#include "core/bus/journal_list.h"
#include "core/bus/runs.h"
#include "core/outbox/cut.h"
#include "core/outbox/history.h"

#define SLICE_MS   10
#define ROWS       64           /* between two looks at the clock */
#define KEYS       512
#define PART       64           /* of what there is, cut at once when the database is too large */

enum { BETWEEN, EXECUTIONS, EVENTS, RUNS, FORGET_KEYS, FORGET_STATES, END };

void bf_retention_init(struct bf_retention *r, const struct bf_clock *clock, struct bf_log *log)
{
    *r = (struct bf_retention){.clock = clock, .log = log};
    bf_key_place_init(&r->key);
    bf_memory_place_init(&r->state);
}

void bf_retention_fini(struct bf_retention *r)
{
    bf_key_place_fini(&r->key);
    bf_memory_place_fini(&r->state);
}


/* --- from when on ------------------------------------------------------------------- */

/* (Of both ends of a table SQLite is to be asked one by one: together it looks at every row.) */
static int ask(struct bf_db *db, const char *sql, int64_t *a, int64_t *b)
{
    struct bf_query *q = bf_db_query(db, sql);
    int rc = bf_query_step(q);

    *a = rc == 1 ? bf_query_col_int(q, 0) : 0;
    *b = rc == 1 ? bf_query_col_int(q, 1) : 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

/* The time of the row that is a part of the way from the first to the last; 0 if there are not
 * two.  Before `from`, where the last pass ended, only such stand as are never cut: counted from
 * there, the way would soon lead through nothing but numbers that are gone. */
static int part_of_events(struct bf_db *db, uint64_t from, int64_t *ms)
{
    int64_t first, last;
    struct bf_query *q;
    int rc = ask(db, "SELECT (SELECT min(seq) FROM journal), (SELECT max(seq) FROM journal)",
                 &first, &last);

    *ms = 0;
    first = bf_max64(first, (int64_t)from);
    if (rc || first >= last)
        return rc;
    q = bf_db_query(db, "SELECT received FROM journal WHERE seq > ? ORDER BY seq LIMIT 1");
    bf_query_int(q, 1, first + (last - first) / PART);
    rc = bf_query_step(q);
    *ms = rc == 1 ? bf_query_col_int(q, 0) + 1 : 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

static int part_of_executions(struct bf_db *db, uint64_t from, int64_t *ms)
{
    int64_t first, last;
    struct bf_query *q;
    int rc = ask(db, "SELECT (SELECT min(number) FROM executions),"
                     " (SELECT max(number) FROM executions)", &first, &last);

    *ms = 0;
    first = bf_max64(first, (int64_t)from);
    if (rc || first >= last)
        return rc;
    q = bf_db_query(db, "SELECT created FROM executions WHERE number > ? ORDER BY number LIMIT 1");
    bf_query_int(q, 1, first + (last - first) / PART);
    rc = bf_query_step(q);
    *ms = rc == 1 ? bf_query_col_int(q, 0) + 1 : 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

static int64_t earlier(int64_t a, int64_t b) { return a == 0 || (b && b < a) ? b : a; }

/* Moves `before_ms` on if the database is too large. */
static int mind_size(struct bf_retention *r, struct bf_db *db)
{
    int64_t bytes, events_ms, executions_ms;
    int rc;

    if (!r->max_bytes)
        return BF_OK;
    rc = bf_db_size(db, &bytes);
    if (rc || bytes <= r->max_bytes)
        return rc;
    rc = part_of_events(db, r->seq, &events_ms);
    if (!rc)
        rc = part_of_executions(db, r->number, &executions_ms);
    if (!rc)
        r->before_ms = bf_max64(r->before_ms, earlier(events_ms, executions_ms));
    return rc;
}

static int begin(struct bf_retention *r, struct bf_tx *tx)
{
    int rc;

    r->before_ms = r->kept_ms ? tx->now_ms - r->kept_ms : 0;
    rc = mind_size(r, tx->db);
    if (rc || r->before_ms <= 0)
        return rc;
    r->number = r->seq = r->run = 0;
    bf_buf_clear(&r->key.entity);
    bf_buf_clear(&r->key.source);
    bf_buf_clear(&r->key.key);
    bf_memory_place_fini(&r->state);
    bf_memory_place_init(&r->state);
    r->before = r->cut;
    r->stage = EXECUTIONS;
    return BF_OK;
}


/* --- slices -------------------------------------------------------------------------- */

static int step(struct bf_retention *r, struct bf_tx *tx, bool *more)
{
    int64_t keys_before_ms = bf_min64(r->before_ms, tx->now_ms - BF_KEYS_KEPT_MS);
    unsigned n = 0;
    int rc;

    switch (r->stage) {
    case EXECUTIONS:
        rc = bf_outbox_cut(tx->db, r->before_ms, ROWS, &r->number, &n, more);
        r->cut.executions += n;
        return rc;
    case EVENTS:
        rc = bf_journal_cut(tx->db, r->before_ms, ROWS, &r->seq, &n, more);
        r->cut.events += n;
        return rc;
    case RUNS:
        return bf_runs_cut(tx, ROWS, &r->run, more);
    case FORGET_KEYS:
        rc = bf_keys_cut(tx->db, keys_before_ms, KEYS, &r->key, &n, more);
        r->cut.keys += n;
        return rc;
    case FORGET_STATES:         /* r->seq is the first event that is not too old */
        rc = bf_memory_cut(tx->db, r->seq, r->before_ms, KEYS, &r->state, &n, more);
        r->cut.states += n;
        return rc;
    default:
        *more = false;
        rc = bf_outbox_cut_blocks(tx->db);
        return rc ? rc : bf_journal_cut_blocks(tx->db);
    }
}

static void tell(struct bf_retention *r, struct bf_db *db)
{
    unsigned long long executions = r->cut.executions - r->before.executions,
                       events = r->cut.events - r->before.events,
                       keys = r->cut.keys - r->before.keys;
    int64_t bytes = 0;
    char before[32];

    if (executions + events + keys == 0)
        return;
    bf_time_print(r->before_ms, before);
    bf_db_size(db, &bytes);
    bf_infof(r->log, "retention", "cut %llu executions and %llu events from before %s, and %llu"
             " keys; the database holds %lld MiB", executions, events, before, keys,
             (long long)(bytes / (1024 * 1024)));
}

/* A pass that made the database smaller, but not small enough, is followed by another. */
static int end(struct bf_retention *r, struct bf_tx *tx, bool *more)
{
    bool cut = r->cut.executions + r->cut.events > r->before.executions + r->before.events;
    int rc;

    tell(r, tx->db);
    r->stage = BETWEEN;
    *more = false;
    if (!cut || !r->max_bytes)
        return BF_OK;
    rc = begin(r, tx);
    *more = r->stage != BETWEEN;
    return rc;
}

int bf_retention_slice(struct bf_retention *r, struct bf_tx *tx, bool *more, struct bf_error *err)
{
    int64_t until = bf_mono_ms(r->clock) + SLICE_MS;
    int rc = BF_OK;

    *more = true;
    if (r->stage == BETWEEN) {
        rc = begin(r, tx);
        *more = r->stage != BETWEEN;
    }
    while (!rc && *more && bf_mono_ms(r->clock) <= until) {
        bool rows;

        rc = step(r, tx, &rows);
        if (rc || rows)
            continue;
        if (r->stage < END)
            r->stage++;
        else
            rc = end(r, tx, more);
    }
    return rc ? bf_error_set(err, BF_EIO, "cannot cut the history: %s", bf_db_words(tx->db))
              : BF_OK;
}

void bf_retention_failed(struct bf_retention *r, struct bf_retention_counts cut)
{
    r->cut = cut;
    r->number = r->seq = r->run = 0;
    r->stage = BETWEEN;
}
