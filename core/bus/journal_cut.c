/* journal_cut.c - the journal's part of retention. */
#include "core/bus/journal_cut.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/bus/answers.h"
#include "core/bus/journal_list.h"
#include "core/outbox/cut.h"

#define AT_ONCE 256
#define KEY_TEXT_MAX (64 * 1024)

/* The next events that are old enough. */
struct chosen {
    uint64_t seqs[AT_ONCE];
    bool is_record[AT_ONCE];    /* of a change to an automation */
    bool is_needed[AT_ONCE];
    uint64_t runs[AT_ONCE];     /* whose points it brought; 0: none */
    unsigned n;
    int64_t from_ms, to_ms;
};

static int ask(struct bf_db *db, const char *sql, int64_t *number)
{
    struct bf_query *q = bf_db_query(db, sql);
    int rc = bf_query_step(q);

    *number = rc == 1 ? bf_query_col_int(q, 0) : 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

static void choose_row(struct chosen *c, struct bf_query *q)
{
    c->to_ms = bf_query_col_int(q, 1);
    if (c->n == 0)
        c->from_ms = c->to_ms;
    c->is_record[c->n] = strncmp(bf_query_col_text(q, 2), "belfry.automation.", 18) == 0;
    c->is_needed[c->n] = false;
    c->runs[c->n] = strcmp(bf_query_col_text(q, 2), "run.metric") == 0
                        ? (uint64_t)bf_query_col_int(q, 3) : 0;
    c->seqs[c->n++] = (uint64_t)bf_query_col_int(q, 0);
}

static int choose(struct bf_db *db, int64_t before_ms, unsigned max, uint64_t *from,
                  struct chosen *c, bool *more)
{
    struct bf_query *q;
    int64_t newest;
    bool old = true;
    int rc = ask(db, bf_journal_blocks.newest, &newest);

    c->n = 0;
    if (rc)
        return rc;
    q = bf_db_query(db, "SELECT seq, received, type, run FROM journal WHERE seq >= ?"
                        " ORDER BY seq LIMIT ?");
    bf_query_int(q, 1, (int64_t)*from);
    bf_query_int(q, 2, max);
    while (old && (rc = bf_query_step(q)) == 1) {
        old = bf_query_col_int(q, 1) < before_ms && bf_query_col_int(q, 0) != newest;
        if (old) {
            choose_row(c, q);
            *from = c->seqs[c->n - 1] + 1;
        }
    }
    bf_query_end(q);
    *more = old && c->n == max;
    return rc < 0 ? rc : BF_OK;
}

/* The seqs are in order. */
static void on_needed(void *arg, uint64_t event)
{
    struct chosen *c = arg;
    unsigned low = 0, high = c->n;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (c->seqs[middle] < event)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < c->n && c->seqs[low] == event)
        c->is_needed[low] = true;
}

/* Whether it is the record that made the revision in force. */
static int is_in_force(struct bf_db *db, uint64_t seq, bool *is)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT 1 FROM automation_revisions r JOIN automations a ON a.id = r.automation"
            " WHERE r.revision = ? AND a.revision = r.revision");
    int rc;

    bf_query_int(q, 1, (int64_t)seq);
    rc = bf_query_step(q);
    *is = rc == 1;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

/* Who looks back at its values later is to know that there were more. */
static int note_run(struct bf_db *db, uint64_t seq)
{
    struct bf_query *q = bf_db_query(db, "UPDATE runs SET cut = ?1 WHERE number ="
                                         " (SELECT run FROM journal WHERE seq = ?1"
                                         " AND type = 'run.metric')");

    bf_query_int(q, 1, (int64_t)seq);
    return bf_query_run(q);
}

/* A run is live until it has ended, or has been silent for as long as anything is kept. */
static int is_live(struct bf_db *db, uint64_t run, int64_t before_ms, bool *live)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT 1 FROM runs WHERE number = ?1"
            " AND (state IS NULL OR state NOT IN ('FINISHED', 'FAILED', 'KILLED'))"
            " AND (SELECT received FROM journal WHERE run = ?1 ORDER BY seq DESC LIMIT 1) >= ?2");
    int rc;

    bf_query_int(q, 1, (int64_t)run);
    bf_query_int(q, 2, before_ms);
    rc = bf_query_step(q);
    *live = rc == 1;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

/* Points of live runs are needed to fill windows with.  Each run is asked about once. */
static int need_points(struct bf_db *db, int64_t before_ms, struct chosen *c)
{
    int rc = BF_OK;

    for (unsigned i = 0; !rc && i < c->n; i++) {
        uint64_t run = c->runs[i];
        bool live;

        if (run == 0)
            continue;
        rc = is_live(db, run, before_ms, &live);
        for (unsigned j = i; j < c->n; j++) {
            if (c->runs[j] != run)
                continue;
            c->is_needed[j] = c->is_needed[j] || live;
            c->runs[j] = 0;
        }
    }
    return rc;
}

static int cut(struct bf_db *db, uint64_t seq)
{
    int rc = note_run(db, seq);
    struct bf_query *q;

    if (rc)
        return rc;
    q = bf_db_query(db, "DELETE FROM journal WHERE seq = ?");
    bf_query_int(q, 1, (int64_t)seq);
    return bf_query_run(q);
}

int bf_journal_cut(struct bf_db *db, int64_t before_ms, unsigned max, uint64_t *from,
                   unsigned *n_cut, bool *more)
{
    struct chosen c;
    uint64_t begin = *from;
    int rc = choose(db, before_ms, max < AT_ONCE ? max : AT_ONCE, from, &c, more);

    *n_cut = 0;
    if (!rc && c.n)
        rc = bf_outbox_needed(db, &(struct bf_events_span){c.seqs[0], c.seqs[c.n - 1], c.from_ms,
                                                           c.to_ms}, on_needed, &c);
    if (!rc)
        rc = need_points(db, before_ms, &c);
    for (unsigned i = 0; !rc && i < c.n; i++) {
        if (c.is_record[i])
            rc = is_in_force(db, c.seqs[i], &c.is_record[i]);
        if (rc || c.is_needed[i] || c.is_record[i])
            continue;
        rc = cut(db, c.seqs[i]);
        ++*n_cut;
    }
    if (!rc && *n_cut)
        rc = bf_answers_cut(db, begin, *from);
    return rc ? rc : bf_blocks_cut(db, &bf_journal_blocks, begin, *from);
}

int bf_journal_cut_blocks(struct bf_db *db)
{
    struct bf_query *q;
    int64_t first;
    int rc = ask(db, bf_journal_blocks.first, &first);

    if (rc)
        return rc;
    q = bf_db_query(db, "DELETE FROM journal_blocks WHERE block < ?");
    bf_query_int(q, 1, first / BF_BLOCK_ROWS);
    return bf_query_run(q);
}


/* --- keys -------------------------------------------------------------------------- */

void bf_key_place_init(struct bf_key_place *p)
{
    bf_buf_init(&p->entity, KEY_TEXT_MAX);
    bf_buf_init(&p->source, KEY_TEXT_MAX);
    bf_buf_init(&p->key, KEY_TEXT_MAX);
}

void bf_key_place_fini(struct bf_key_place *p)
{
    bf_buf_fini(&p->entity);
    bf_buf_fini(&p->source);
    bf_buf_fini(&p->key);
}

static void set(struct bf_buf *b, const char *text)
{
    bf_buf_clear(b);
    bf_buf_adds(b, text);
}

/* Where the next `max` keys end, and how many there are. */
static int find_end(struct bf_db *db, const struct bf_key_place *from, unsigned max,
                    struct bf_key_place *end, unsigned *n)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT entity, source, event_key FROM event_keys"
                        " WHERE (entity, source, event_key) > (?, ?, ?)"
                        " ORDER BY entity, source, event_key LIMIT ?");
    int rc;

    *n = 0;
    bf_query_text(q, 1, bf_buf_text(&from->entity));
    bf_query_text(q, 2, bf_buf_text(&from->source));
    bf_query_text(q, 3, bf_buf_text(&from->key));
    bf_query_int(q, 4, max);
    while ((rc = bf_query_step(q)) == 1) {
        if (++*n < max)
            continue;
        set(&end->entity, bf_query_col_text(q, 0));
        set(&end->source, bf_query_col_text(q, 1));
        set(&end->key, bf_query_col_text(q, 2));
    }
    return rc;
}

static int forget(struct bf_db *db, int64_t before_ms, const struct bf_key_place *from,
                  const struct bf_key_place *end)
{
    struct bf_query *q = bf_db_query(
        db, end ? "DELETE FROM event_keys WHERE (entity, source, event_key) > (?1, ?2, ?3)"
                  " AND (entity, source, event_key) <= (?5, ?6, ?7) AND received < ?4"
                : "DELETE FROM event_keys WHERE (entity, source, event_key) > (?1, ?2, ?3)"
                  " AND received < ?4");

    bf_query_text(q, 1, bf_buf_text(&from->entity));
    bf_query_text(q, 2, bf_buf_text(&from->source));
    bf_query_text(q, 3, bf_buf_text(&from->key));
    bf_query_int(q, 4, before_ms);
    if (end) {
        bf_query_text(q, 5, bf_buf_text(&end->entity));
        bf_query_text(q, 6, bf_buf_text(&end->source));
        bf_query_text(q, 7, bf_buf_text(&end->key));
    }
    return bf_query_run(q);
}

int bf_keys_cut(struct bf_db *db, int64_t before_ms, unsigned max, struct bf_key_place *from,
                unsigned *n_cut, bool *more)
{
    struct bf_key_place end;
    unsigned n;
    int rc;

    *n_cut = 0;
    bf_key_place_init(&end);
    rc = find_end(db, from, max, &end, &n);
    *more = n == max;
    if (!rc && n) {
        rc = forget(db, before_ms, from, *more ? &end : NULL);
        *n_cut = (unsigned)bf_db_changes(db);
    }
    if (!rc && *more) {
        set(&from->entity, bf_buf_text(&end.entity));
        set(&from->source, bf_buf_text(&end.source));
        set(&from->key, bf_buf_text(&end.key));
    }
    bf_key_place_fini(&end);
    return rc;
}
