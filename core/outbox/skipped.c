/* skipped.c - folding what limits suppressed, and its rows.
 *
 * A row that may go on is found in `open_skipped`, by automation, run and reason; one look-up and
 * one update, whatever the history holds. */
#include "core/outbox/skipped.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/map.h"

/* Firings of one automation, run and reason. */
struct folded {
    struct folded *next;        /* in the order in which they began */
    struct bf_execution *newest;
    int64_t until_ms;
    int64_t n;
    char reason[BF_REASON_MAX];
};

struct bf_suppressions {
    struct bf_map *by_key;
    struct folded *first;
    struct folded *last;
};

struct bf_suppressions *bf_suppressions_new(void)
{
    struct bf_suppressions *s = bf_new(struct bf_suppressions);

    s->by_key = bf_map_new();
    return s;
}

static void key_of(const struct bf_suppressed *one, char key[BF_ID_LEN + BF_REASON_MAX + 24])
{
    snprintf(key, BF_ID_LEN + BF_REASON_MAX + 24, "%s %llu %s", one->automation->id,
             (unsigned long long)one->run, one->reason);
}

static struct folded *fold_of(struct bf_suppressions *s, const struct bf_suppressed *one)
{
    char key[BF_ID_LEN + BF_REASON_MAX + 24];
    struct folded *f;

    key_of(one, key);
    f = bf_map_get(s->by_key, key);
    if (f)
        return f;
    f = bf_new(struct folded);
    f->newest = bf_execution_new();
    f->newest->automation = bf_automation_ref(one->automation);
    f->newest->trigger = one->trigger;
    f->newest->run = one->run;
    f->newest->status = BF_SKIPPED;
    snprintf(f->reason, sizeof(f->reason), "%s", one->reason);
    bf_map_set(s->by_key, key, f);
    if (s->last)
        s->last->next = f;
    else
        s->first = f;
    s->last = f;
    return f;
}

void bf_outbox_suppress(struct bf_suppressions *s, const struct bf_suppressed *one)
{
    struct folded *f = fold_of(s, one);

    bf_envelope_unref(f->newest->event);
    f->newest->event = bf_envelope_ref(one->event);
    bf_execution_set_facts(f->newest, one->facts, one->facts_len);
    bf_execution_set_answer(f->newest, &one->answer);
    f->until_ms = bf_max64(f->until_ms, one->until_ms);
    f->n++;
}

void bf_suppressions_drop(struct bf_suppressions *s)
{
    while (s->first) {
        struct folded *f = s->first;

        s->first = f->next;
        bf_execution_unref(f->newest);
        free(f);
    }
    s->last = NULL;
    if (bf_map_count(s->by_key) == 0)
        return;
    bf_map_free(s->by_key);
    s->by_key = bf_map_new();
}

void bf_suppressions_free(struct bf_suppressions *s)
{
    if (!s)
        return;
    bf_suppressions_drop(s);
    bf_map_free(s->by_key);
    free(s);
}


/* --- rows ------------------------------------------------------------------------- */

/* The row that goes on; 0 if there is none. */
static int find_row(struct bf_db *db, const struct folded *f, int64_t now_ms, uint64_t *number)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT x.number FROM open_skipped s JOIN executions x ON x.number = s.number"
            " WHERE s.automation = ? AND s.run_number = ? AND s.reason = ? AND s.era = ?"
            " AND x.status = 5 AND (x.until IS NULL OR x.until > ?)");
    int rc;

    bf_query_text(q, 1, f->newest->automation->id);
    bf_query_int(q, 2, (int64_t)f->newest->run);
    bf_query_text(q, 3, f->reason);
    bf_query_int(q, 4, (int64_t)f->newest->automation->era);
    bf_query_int(q, 5, now_ms);
    rc = bf_query_step(q);
    *number = rc == 1 ? (uint64_t)bf_query_col_int(q, 0) : 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

static int begin_row(struct bf_db *db, const struct folded *f, int64_t now_ms, uint64_t number)
{
    struct bf_execution *x = f->newest;
    struct bf_query *q;
    int rc;

    x->number = number;
    x->created_ms = x->due_ms = now_ms;
    rc = bf_outbox_add(db, x);
    if (rc)
        return rc;
    q = bf_db_query(db, "INSERT INTO open_skipped (automation, run_number, reason, era, number)"
                        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (automation, run_number, reason)"
                        " DO UPDATE SET era = excluded.era, number = excluded.number");
    bf_query_text(q, 1, x->automation->id);
    bf_query_int(q, 2, (int64_t)x->run);
    bf_query_text(q, 3, f->reason);
    bf_query_int(q, 4, (int64_t)x->automation->era);
    bf_query_int(q, 5, (int64_t)number);
    return bf_query_run(q);
}

static int count(struct bf_db *db, const struct folded *f, uint64_t number)
{
    const struct bf_execution *x = f->newest;
    struct bf_query *q = bf_db_query(
        db, "UPDATE executions SET reason = ?1, firings = COALESCE(firings, 0) + ?2,"
            " last_event = ?3, last_received = ?4, facts = ?6, hooks = ?8,"
            " until = CASE WHEN until > ?5 THEN until ELSE ?5 END WHERE number = ?7");

    bf_query_text(q, 1, f->reason);
    bf_query_int(q, 2, f->n);
    bf_query_int(q, 3, (int64_t)x->event->seq);
    bf_query_int(q, 4, x->event->received_ms);
    if (f->until_ms)
        bf_query_int(q, 5, f->until_ms);
    bf_query_textn(q, 6, x->facts, x->facts_len);
    bf_query_int(q, 7, (int64_t)number);
    bf_query_text(q, 8, x->hooks);
    return bf_query_run(q);
}

int bf_outbox_write_suppressed(struct bf_suppressions *s, struct bf_db *db, int64_t now_ms,
                               uint64_t *last_number, bf_skipped_fn *began, void *arg)
{
    int rc = BF_OK;

    for (struct folded *f = s->first; f && !rc; f = f->next) {
        uint64_t number;

        rc = find_row(db, f, now_ms, &number);
        if (!rc && !number) {
            number = *last_number + 1;
            rc = begin_row(db, f, now_ms, number);
            *last_number += !rc;
            if (!rc && began)
                began(arg, f->newest);
        }
        if (!rc)
            rc = count(db, f, number);
    }
    bf_suppressions_drop(s);
    return rc;
}

int bf_outbox_end_skipped(struct bf_db *db, const struct bf_automation *a, uint64_t run)
{
    struct bf_query *q = bf_db_query(db, "DELETE FROM open_skipped WHERE automation = ? AND"
                                         " run_number = ?");

    bf_query_text(q, 1, a->id);
    bf_query_int(q, 2, (int64_t)run);
    return bf_query_run(q);
}
