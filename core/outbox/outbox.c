/* outbox.c - the tables of executions and attempts, and what the engine and the courier do to
 * them.
 *
 * A row of `executions` is inserted once and then only changes its status, attempts and times.
 * Attempts are only inserted.  Their key is execution * BF_ATTEMPTS_MAX + attempt, so that those of
 * one execution lie together in one tree that grows at its end, which is what it costs least to
 * write.  What an attempt sent stands in its row, unless the one before it sent the same: a retry
 * costs no second copy, and a first attempt no second row.
 *
 * The index of pending rows is partial: a finished execution is not in it, so claiming stays as
 * fast with a million executions of history as with none.
 *
 * What the history is searched by has no indexes.  Each would cost every execution more than the
 * insert itself; what they are asked for is found by blocks.c instead.  What a list shows of the
 * event and the automation is copied into the row: it is how they were then, and stays when they
 * are gone. */
#include "core/outbox/outbox.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/utf8.h"
#include "core/outbox/digest.h"
#include "core/outbox/merge.h"

const char *const bf_outbox_schema[] = {
    "CREATE TABLE executions ("
    " number INTEGER PRIMARY KEY,"
    " entity TEXT NOT NULL,"
    " event INTEGER NOT NULL,"
    " automation TEXT NOT NULL,"
    " revision INTEGER NOT NULL,"
    " action INTEGER NOT NULL,"
    " integration TEXT NOT NULL,"
    " trigger_name TEXT NOT NULL,"
    " status INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL,"
    " created INTEGER NOT NULL,"
    " due INTEGER NOT NULL,"
    " first_attempt INTEGER NOT NULL,"
    " finished INTEGER NOT NULL)",
    "CREATE INDEX executions_pending ON executions (integration, due, number) WHERE status = 0",
    "CREATE INDEX executions_running ON executions (number) WHERE status = 1",
    "CREATE INDEX executions_by_automation ON executions (automation, number)",
    "CREATE INDEX executions_trouble ON executions (status, number) WHERE status > 2",
    "CREATE TABLE attempts ("
    " place INTEGER PRIMARY KEY,"
    " outcome INTEGER NOT NULL,"
    " http_status INTEGER NOT NULL,"
    " started INTEGER NOT NULL,"
    " duration INTEGER NOT NULL,"
    " reason TEXT,"
    " response BLOB)",
    "ALTER TABLE attempts ADD COLUMN method TEXT",
    "ALTER TABLE attempts ADD COLUMN url TEXT",
    "ALTER TABLE attempts ADD COLUMN payload BLOB",
    "ALTER TABLE attempts ADD COLUMN payload_len INTEGER",
    "ALTER TABLE executions ADD COLUMN automation_name TEXT",
    "ALTER TABLE executions ADD COLUMN event_type TEXT",
    "ALTER TABLE executions ADD COLUMN event_entity TEXT",      /* NULL: the owner's */
    "ALTER TABLE executions ADD COLUMN project TEXT",
    "ALTER TABLE executions ADD COLUMN collection TEXT",
    "ALTER TABLE executions ADD COLUMN run TEXT",
    "ALTER TABLE executions ADD COLUMN author TEXT",
    "ALTER TABLE executions ADD COLUMN reason TEXT",
    "ALTER TABLE executions ADD COLUMN resend_of TEXT",         /* NULL: the event's own */
    "ALTER TABLE executions ADD COLUMN event_received INTEGER", /* NULL: `created` */
    "CREATE INDEX executions_resent ON executions (event, number) WHERE resend_of IS NOT NULL",
    "CREATE TABLE execution_blocks (block INTEGER PRIMARY KEY, sieve BLOB NOT NULL)",
    "CREATE TABLE execution_last (automation TEXT NOT NULL PRIMARY KEY, number INTEGER NOT NULL)",
    "DROP INDEX executions_by_automation",
    "ALTER TABLE executions ADD COLUMN resent_as TEXT",         /* NULL: it was not */
    "ALTER TABLE executions ADD COLUMN run_number INTEGER",     /* NULL: it is about none */
    "ALTER TABLE executions ADD COLUMN facts TEXT",
    "ALTER TABLE executions ADD COLUMN delayed_by TEXT",        /* NULL: nothing did */
    /* Of rows that tell of several firings (digest.c, skipped.c): how many, and the newest. */
    "ALTER TABLE executions ADD COLUMN firings INTEGER",        /* NULL: it is none of these */
    "ALTER TABLE executions ADD COLUMN last_event INTEGER",     /* NULL: `event` */
    "ALTER TABLE executions ADD COLUMN last_received INTEGER",
    "ALTER TABLE executions ADD COLUMN until INTEGER",          /* of a skipped row; NULL: no time */
    "CREATE INDEX executions_digests ON executions (number) WHERE firings IS NOT NULL"
    " AND status < 2",
    "CREATE TABLE execution_merged ("
    " place INTEGER PRIMARY KEY,"
    " position INTEGER NOT NULL,"
    " event INTEGER NOT NULL,"
    " hops INTEGER NOT NULL,"
    " facts TEXT,"
    " firing TEXT NOT NULL)",
    "CREATE TABLE open_digests ("
    " automation TEXT NOT NULL,"
    " action INTEGER NOT NULL,"
    " number INTEGER NOT NULL,"
    " PRIMARY KEY (automation, action))",
    "CREATE TABLE open_skipped ("
    " automation TEXT NOT NULL,"
    " run_number INTEGER NOT NULL,"
    " reason TEXT NOT NULL,"
    " era INTEGER NOT NULL,"
    " number INTEGER NOT NULL,"
    " PRIMARY KEY (automation, run_number, reason))",
    "CREATE INDEX open_skipped_by_number ON open_skipped (number)",
    "ALTER TABLE attempts ADD COLUMN transform TEXT",           /* NULL: no script was asked */
    "ALTER TABLE executions ADD COLUMN hooks TEXT",             /* NULL: none was asked */
    /* What another tells of (merge.c): its id; and of that, how many. */
    "ALTER TABLE executions ADD COLUMN merged_into TEXT",
    "ALTER TABLE executions ADD COLUMN merged INTEGER",
    "CREATE INDEX executions_merged_into ON executions (merged_into, number)"
    " WHERE merged_into IS NOT NULL",
    "ALTER TABLE executions ADD COLUMN untold INTEGER",         /* NULL: there is nothing to tell */
    "CREATE INDEX executions_untold ON executions (number) WHERE untold IS NOT NULL",
    NULL};

static const char *const status_names[] = {"pending", "running", "finished", "failed",
                                           "unknown", "skipped", "cancelled", "pending"};

const char *bf_status_name(int status)
{
    bf_assert(status >= 0 && (size_t)status < BF_COUNT(status_names));
    return status_names[status];
}

bool bf_status_parse(const char *name, int *status)
{
    for (size_t i = 0; i < BF_COUNT(status_names); i++) {
        if (strcmp(name, status_names[i]) == 0) {
            *status = (int)i;
            return true;
        }
    }
    return false;
}

struct bf_execution *bf_execution_new(void)
{
    struct bf_execution *e = bf_new(struct bf_execution);

    atomic_init(&e->refs, 1);
    return e;
}

struct bf_execution *bf_execution_ref(struct bf_execution *e)
{
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void bf_execution_unref(struct bf_execution *e)
{
    if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
        return;
    bf_envelope_unref(e->event);
    bf_automation_unref(e->automation);
    bf_digest_free(e->digest);
    free(e->facts);
    free(e->hooks);
    free(e);
}

void bf_execution_set_facts(struct bf_execution *e, const char *facts, size_t len)
{
    free(e->facts);
    e->facts = NULL;
    e->facts_len = 0;
    if (!facts)
        return;
    e->facts = bf_zalloc(len + 1);
    memcpy(e->facts, facts, len);
    e->facts_len = len;
}

void bf_execution_set_hooks(struct bf_execution *e, const char *hooks)
{
    free(e->hooks);
    e->hooks = hooks ? bf_strdup(hooks) : NULL;
}

void bf_execution_set_answer(struct bf_execution *e, const struct bf_answer *filter)
{
    struct bf_buf b;

    bf_execution_set_hooks(e, NULL);
    if (filter->said == BF_SAID_NOTHING)
        return;
    bf_buf_init(&b, BF_EVENT_MAX);
    bf_buf_adds(&b, "{\"filter\":");
    bf_answer_print(filter, &b);
    bf_buf_addc(&b, '}');
    bf_execution_set_hooks(e, b.failed ? NULL : bf_buf_text(&b));
    bf_buf_fini(&b);
}

/* What is not bound is NULL. */
static int insert_execution(struct bf_db *db, const struct bf_execution *e)
{
    struct bf_query *q = bf_db_query(
        db, "INSERT INTO executions (number, entity, event, automation, revision, action,"
            " integration, trigger_name, status, attempts, created, due, first_attempt,"
            " automation_name, event_type, event_entity, project, collection, run, author,"
            " resend_of, event_received, run_number, facts, delayed_by, firings, hooks, finished,"
            " reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
            " ?, ?, ?, ?, ?)");
    const struct bf_envelope *ev = e->event;
    bool is_owners = strcmp(ev->entity, e->automation->owner) == 0;
    bool has_failed = e->status == BF_FAILED;

    bf_query_int(q, 1, (int64_t)e->number);
    bf_query_text(q, 2, e->automation->owner);
    bf_query_int(q, 3, (int64_t)e->event->seq);
    bf_query_text(q, 4, e->automation->id);
    bf_query_int(q, 5, (int64_t)e->automation->revision);
    bf_query_int(q, 6, e->action);
    bf_query_text(q, 7, bf_execution_integration(e));
    bf_query_text(q, 8, e->trigger);
    bf_query_int(q, 9, e->status);
    bf_query_int(q, 10, e->created_ms);
    bf_query_int(q, 11, e->due_ms);
    bf_query_text(q, 12, e->automation->name);
    bf_query_text(q, 13, ev->type);
    bf_query_text(q, 14, is_owners ? NULL : ev->entity);
    bf_query_text(q, 15, ev->project);
    bf_query_text(q, 16, ev->collection);
    bf_query_text(q, 17, ev->run_name ? ev->run_name : ev->run_id);
    bf_query_text(q, 18, ev->author);
    if (e->resend_of[0]) {
        bf_query_text(q, 19, e->resend_of);
        bf_query_int(q, 20, ev->received_ms);
    }
    if (e->run)
        bf_query_int(q, 21, (int64_t)e->run);
    bf_query_textn(q, 22, e->facts, e->facts_len);
    bf_query_text(q, 23, e->delayed_by[0] ? e->delayed_by : NULL);
    if (e->is_digest)
        bf_query_int(q, 24, 1);
    bf_query_text(q, 25, e->hooks);
    bf_query_int(q, 26, has_failed ? e->created_ms : 0);
    bf_query_text(q, 27, has_failed ? BF_HOOK_FAILED : NULL);
    return bf_query_run(q);
}

/* Only where it has failed: to the others it costs nothing. */
static int mark_untold(struct bf_db *db, uint64_t number)
{
    struct bf_query *q = bf_db_query(db, "UPDATE executions SET untold = 1 WHERE number = ?"
                                         " AND COALESCE(event_type, '') <> '" BF_EXECUTION_FAILED "'");

    bf_query_int(q, 1, (int64_t)number);
    return bf_query_run(q);
}

int bf_outbox_add(struct bf_db *db, const struct bf_execution *e)
{
    int rc = insert_execution(db, e);

    if (!rc && e->status == BF_FAILED)
        rc = mark_untold(db, e->number);
    return rc || !e->is_digest || e->resend_of[0] ? rc : bf_digest_open(db, e);
}

int bf_outbox_begin(struct bf_db *db, uint64_t number, int64_t now_ms)
{
    struct bf_query *q = bf_db_query(
        db, "UPDATE executions SET status = 1, first_attempt ="
            " CASE first_attempt WHEN 0 THEN ? ELSE first_attempt END WHERE number = ?");

    bf_query_int(q, 1, now_ms);
    bf_query_int(q, 2, (int64_t)number);
    return bf_query_run(q);
}

static bool is_same(const struct bf_sent *s, size_t kept_len, struct bf_query *q)
{
    size_t len;
    const char *body = bf_query_col_blob(q, 2, &len);

    return strcmp(bf_query_col_text(q, 0), s->method) == 0 &&
           strcmp(bf_query_col_text(q, 1), s->url) == 0 && len == kept_len &&
           (size_t)bf_query_col_int(q, 3) == s->body_len &&
           (len == 0 || memcmp(body, s->body, len) == 0);
}

/* The attempt whose request stands in the history and is the very same; 0 if there is none. */
static int64_t sent_before(struct bf_db *db, const struct bf_attempt_record *r, size_t kept_len)
{
    struct bf_query *q;
    int64_t attempt = 0;

    if (r->attempt == 1)
        return 0;
    q = bf_db_query(db, "SELECT method, url, payload, payload_len, place FROM attempts"
                        " WHERE place > ? AND place < ? AND method IS NOT NULL"
                        " ORDER BY place DESC LIMIT 1");
    bf_query_int(q, 1, (int64_t)(r->execution * BF_ATTEMPTS_MAX));
    bf_query_int(q, 2, (int64_t)(r->execution * BF_ATTEMPTS_MAX + r->attempt));
    if (bf_query_step(q) == 1 && is_same(&r->sent, kept_len, q))
        attempt = bf_query_col_int(q, 4) % BF_ATTEMPTS_MAX;
    bf_query_end(q);
    return attempt;
}

/* What is not bound is NULL.  A length below zero names the attempt that is repeated. */
static void bind_sent(struct bf_db *db, struct bf_query *q, const struct bf_attempt_record *r)
{
    const struct bf_sent *s = &r->sent;
    size_t kept_len = s->body ? bf_utf8_cut(s->body, s->body_len, BF_SENT_MAX) : 0;
    int64_t before = s->method ? sent_before(db, r, kept_len) : 0;

    if (before)
        bf_query_int(q, 11, -before);
    if (before || !s->method)
        return;
    bf_query_text(q, 8, s->method);
    bf_query_text(q, 9, s->url);
    bf_query_blob(q, 10, kept_len ? s->body : NULL, kept_len);
    bf_query_int(q, 11, (int64_t)s->body_len);
}

static int insert_attempt(struct bf_db *db, const struct bf_attempt_record *r)
{
    struct bf_query *q = bf_db_query(
        db, "INSERT INTO attempts (place, outcome, http_status, started, duration, reason,"
            " response, method, url, payload, payload_len, transform)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");

    bf_query_int(q, 1, (int64_t)(r->execution * BF_ATTEMPTS_MAX + r->attempt));
    bf_query_int(q, 2, r->outcome);
    bf_query_int(q, 3, r->http_status);
    bf_query_int(q, 4, r->started_ms);
    bf_query_int(q, 5, r->duration_ms);
    bf_query_text(q, 6, r->words);
    bf_query_blob(q, 7, r->response_len ? r->response : NULL, r->response_len);
    bind_sent(db, q, r);
    bf_query_text(q, 12, r->transform);
    return bf_query_run(q);
}

int bf_outbox_record(struct bf_db *db, const struct bf_attempt_record *r)
{
    bool over = r->status != BF_PENDING;
    struct bf_query *q;
    int rc;

    bf_assert(r->attempt > 0 && r->attempt < BF_ATTEMPTS_MAX);
    rc = insert_attempt(db, r);
    if (rc)
        return rc;
    q = bf_db_query(db, "UPDATE executions SET status = ?, attempts = ?, due = ?, finished = ?,"
                        " first_attempt = CASE first_attempt WHEN 0 THEN ? ELSE first_attempt END,"
                        " reason = COALESCE(?, reason) WHERE number = ?");
    bf_query_int(q, 1, r->status);
    bf_query_int(q, 2, r->attempt);
    bf_query_int(q, 3, over ? r->started_ms : r->due_ms);
    bf_query_int(q, 4, over ? r->started_ms + r->duration_ms : 0);
    bf_query_int(q, 5, r->started_ms);
    bf_query_text(q, 6, r->reason);
    bf_query_int(q, 7, (int64_t)r->execution);
    rc = bf_query_run(q);
    if (!rc && (r->status == BF_FAILED || r->status == BF_UNKNOWN_OUTCOME))
        rc = mark_untold(db, r->execution);
    return rc || !over || !r->teller ? rc : bf_merge_settle(db, r->teller, r);
}

int bf_outbox_cancel(struct bf_db *db, uint64_t number, int64_t now_ms, const char *reason,
                     bool *cancelled)
{
    struct bf_query *q = bf_db_query(db, "UPDATE executions SET status = 6, finished = ?,"
                                         " reason = ? WHERE number = ? AND status = 0");
    int rc;

    bf_query_int(q, 1, now_ms);
    bf_query_text(q, 2, reason);
    bf_query_int(q, 3, (int64_t)number);
    rc = bf_query_run(q);
    *cancelled = !rc && bf_db_changes(db) > 0;
    return rc;
}

int bf_outbox_resent(struct bf_db *db, uint64_t number, unsigned statuses, bool once,
                     const char *as)
{
    struct bf_query *q = bf_db_query(db, "UPDATE executions SET resent_as = ? WHERE number = ?"
                                         " AND (1 << status) & ? <> 0"
                                         " AND (? = 0 OR resent_as IS NULL)");
    int rc;

    bf_query_text(q, 1, as);
    bf_query_int(q, 2, (int64_t)number);
    bf_query_int(q, 3, statuses);
    bf_query_int(q, 4, once);
    rc = bf_query_run(q);
    return rc ? rc : bf_db_changes(db) > 0 ? BF_OK : BF_ENOENT;
}

/* The first one from `number` on; 0: there is none. */
static int next_running(struct bf_db *db, uint64_t *number, int64_t *created_ms)
{
    struct bf_query *q = bf_db_query(db, "SELECT number, created FROM executions WHERE status = 1"
                                         " AND number >= ? ORDER BY number LIMIT 1");
    int rc;

    bf_query_int(q, 1, (int64_t)*number);
    rc = bf_query_step(q);
    *number = rc == 1 ? (uint64_t)bf_query_col_int(q, 0) : 0;
    *created_ms = rc == 1 ? bf_query_col_int(q, 1) : 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

static int end_running(struct bf_db *db, uint16_t hub, uint64_t number, int64_t created_ms,
                       int64_t now_ms)
{
    const struct bf_attempt_record r = {.execution = number,
                                        .status = BF_UNKNOWN_OUTCOME,
                                        .started_ms = now_ms,
                                        .reason = BF_INTERRUPTED};
    struct bf_query *q = bf_db_query(db, "UPDATE executions SET status = 4, finished = ?,"
                                         " reason = ? WHERE number = ?");
    char id[BF_ID_LEN + 1];
    int rc;

    bf_id_number(id, created_ms, hub, number);
    bf_query_int(q, 1, now_ms);
    bf_query_text(q, 2, r.reason);
    bf_query_int(q, 3, (int64_t)number);
    rc = bf_query_run(q);
    if (!rc)
        rc = bf_merge_settle(db, id, &r);
    return rc ? rc : mark_untold(db, number);
}

static int recover(struct bf_db *db, uint16_t hub, int64_t now_ms)
{
    uint64_t number = 0;
    int64_t created_ms;
    int rc = next_running(db, &number, &created_ms);

    while (!rc && number) {
        rc = end_running(db, hub, number++, created_ms, now_ms);
        if (!rc)
            rc = next_running(db, &number, &created_ms);
    }
    return rc;
}

int bf_outbox_recover(struct bf_db *db, uint16_t hub, int64_t now_ms, struct bf_error *err)
{
    int rc = bf_db_begin(db);

    if (!rc) {
        rc = recover(db, hub, now_ms);
        if (rc)
            bf_db_rollback(db);
        else
            rc = bf_db_commit(db);
    }
    return rc ? bf_error_set(err, BF_EIO, "cannot mark interrupted executions: %s", bf_db_words(db))
              : BF_OK;
}

int bf_outbox_untold(struct bf_db *db, void (*fn)(void *arg, uint64_t number), void *arg)
{
    struct bf_query *q = bf_db_query(db, "SELECT number FROM executions WHERE untold IS NOT NULL");
    int rc;

    while ((rc = bf_query_step(q)) == 1)
        fn(arg, (uint64_t)bf_query_col_int(q, 0));
    return rc;
}

int bf_outbox_told(struct bf_db *db, uint64_t number, bool *was_untold)
{
    struct bf_query *q = bf_db_query(db, "UPDATE executions SET untold = NULL WHERE number = ?"
                                         " AND untold IS NOT NULL");
    int rc;

    bf_query_int(q, 1, (int64_t)number);
    rc = bf_query_run(q);
    *was_untold = !rc && bf_db_changes(db) > 0;
    return rc;
}

uint64_t bf_outbox_last(struct bf_db *db)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT number FROM executions ORDER BY number DESC LIMIT 1");
    uint64_t last = bf_query_step(q) == 1 ? (uint64_t)bf_query_col_int(q, 0) : 0;

    bf_query_end(q);
    return last;
}

static void read_row(struct bf_query *q, struct bf_outbox_row *row)
{
    row->number = (uint64_t)bf_query_col_int(q, 0);
    row->event_seq = (uint64_t)bf_query_col_int(q, 1);
    row->revision = (uint64_t)bf_query_col_int(q, 2);
    row->action = (uint32_t)bf_query_col_int(q, 3);
    row->attempts = (uint32_t)bf_query_col_int(q, 4);
    row->created_ms = bf_query_col_int(q, 5);
    row->due_ms = bf_query_col_int(q, 6);
    row->first_attempt_ms = bf_query_col_int(q, 7);
    row->run = (uint64_t)bf_query_col_int(q, 8);
    row->is_digest = !bf_query_col_null(q, 9);
    row->facts = bf_query_col_text(q, 10);
    row->facts_len = bf_query_col_len(q, 10);
    row->n_merged = (uint32_t)bf_query_col_int(q, 11);
}

int bf_outbox_due(struct bf_db *db, const char *integration, const struct bf_outbox_place *after,
                  int64_t now_ms, unsigned limit, bf_outbox_row_fn *fn, void *arg)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT number, event, revision, action, attempts, created, due, first_attempt,"
            " run_number, firings, facts, merged FROM executions"
            " WHERE status = 0 AND integration = ? AND due <= ? AND (due, number) > (?, ?)"
            " ORDER BY due, number LIMIT ?");
    struct bf_outbox_row row;
    int rc;

    bf_query_text(q, 1, integration);
    bf_query_int(q, 2, now_ms);
    bf_query_int(q, 3, after->due_ms);
    bf_query_int(q, 4, (int64_t)after->number);
    bf_query_int(q, 5, limit);
    while ((rc = bf_query_step(q)) == 1) {
        read_row(q, &row);
        fn(arg, &row);
    }
    return rc;
}

int bf_outbox_next_due(struct bf_db *db, const char *integration, int64_t now_ms,
                       int64_t *due_ms)
{
    struct bf_query *q = bf_db_query(db, "SELECT due FROM executions WHERE status = 0 AND"
                                         " integration = ? AND due > ? ORDER BY due LIMIT 1");
    int rc;

    bf_query_text(q, 1, integration);
    bf_query_int(q, 2, now_ms);
    rc = bf_query_step(q);
    if (rc < 0)
        return rc;
    *due_ms = rc == 1 ? bf_query_col_int(q, 0) : 0;
    bf_query_end(q);
    return BF_OK;
}

int bf_outbox_count(struct bf_db *db, const char *integration, unsigned max, unsigned *n)
{
    struct bf_query *q = bf_db_query(db, "SELECT count(*) FROM (SELECT 1 FROM executions"
                                         " WHERE status = 0 AND integration = ? LIMIT ?)");
    int rc;

    bf_query_text(q, 1, integration);
    bf_query_int(q, 2, max);
    rc = bf_query_step(q);
    if (rc < 0)
        return rc;
    *n = (unsigned)bf_query_col_int(q, 0);
    bf_query_end(q);
    return BF_OK;
}

int bf_outbox_hasten(struct bf_db *db, const char *integration, int64_t now_ms, unsigned limit,
                     int64_t *n)
{
    struct bf_query *q = bf_db_query(
        db, "UPDATE executions SET due = ? WHERE number IN (SELECT number FROM executions"
            " WHERE status = 0 AND integration = ? AND due > ? AND attempts > 0 LIMIT ?)");
    int rc;

    bf_query_int(q, 1, now_ms);
    bf_query_text(q, 2, integration);
    bf_query_int(q, 3, now_ms);
    bf_query_int(q, 4, limit);
    rc = bf_query_run(q);
    *n = rc ? 0 : bf_db_changes(db);
    return rc;
}

/* From one integration to the next by the index, so that a hundred thousand rows waiting for one
 * of them cost one look-up. */
int bf_outbox_waiting(struct bf_db *db, bf_outbox_waiting_fn *fn, void *arg)
{
    char integration[BF_ID_LEN + 1] = "";
    int rc;

    for (;;) {
        struct bf_query *q =
            bf_db_query(db, "SELECT integration, due FROM executions WHERE status = 0 AND"
                            " integration > ? ORDER BY integration, due LIMIT 1");
        int64_t due;

        bf_query_text(q, 1, integration);
        rc = bf_query_step(q);
        if (rc != 1)
            return rc;
        due = bf_query_col_int(q, 1);
        snprintf(integration, sizeof(integration), "%s", bf_query_col_text(q, 0));
        bf_query_end(q);
        fn(arg, integration, due);
    }
}
