/* digest.c - the rows of digests.
 *
 * Those of one execution lie together: place is execution * PLACES + position % BF_DIGEST_MAX, so
 * the newest firing takes the place of the oldest once there are that many.  The execution that
 * opened it has position 0.  Which execution an action's firings join stands in `open_digests`. */
#include "core/outbox/digest.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/event/vars.h"

#define PLACES 1024             /* no fewer than BF_DIGEST_MAX */
#define SCRATCH_MAX (64 * 1024 * 1024)  /* to parse one event */

/* --- writing --------------------------------------------------------------------- */

void bf_digest_describe(const struct bf_automation *automation, const struct bf_envelope *event,
                        const char *facts, size_t facts_len, struct bf_buf *out)
{
    struct bf_arena *a = bf_arena_new(SCRATCH_MAX);
    struct bf_vars v = {
        .arena = a,
        .event = event,
        .trigger = automation->trigger->rendered,
        .root = bf_json_parse(a, event->text, event->text_len, NULL),
        .facts = facts ? bf_json_parse(a, facts, facts_len, NULL) : NULL,
    };

    bf_vars_firing(&v, out);
    bf_arena_free(a);
}

static int add_firing(struct bf_db *db, uint64_t number, uint64_t position,
                      const struct bf_execution *e)
{
    struct bf_query *q = bf_db_query(
        db, "INSERT INTO execution_merged (place, position, event, hops, facts, firing)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (place) DO UPDATE SET"
            " position = excluded.position, event = excluded.event, hops = excluded.hops,"
            " facts = excluded.facts, firing = excluded.firing");
    struct bf_buf firing;
    int rc;

    bf_buf_init(&firing, BF_FIRING_MAX);
    bf_digest_describe(e->automation, e->event, e->facts, e->facts_len, &firing);
    bf_query_int(q, 1, (int64_t)(number * PLACES + position % BF_DIGEST_MAX));
    bf_query_int(q, 2, (int64_t)position);
    bf_query_int(q, 3, (int64_t)e->event->seq);
    bf_query_int(q, 4, e->event->hops);
    bf_query_textn(q, 5, e->facts, e->facts_len);
    bf_query_textn(q, 6, firing.failed ? "{}" : firing.data, firing.failed ? 2 : firing.len);
    rc = bf_query_run(q);
    bf_buf_fini(&firing);
    return rc;
}

int bf_digest_open(struct bf_db *db, const struct bf_execution *e)
{
    struct bf_query *q = bf_db_query(
        db, "INSERT INTO open_digests (automation, action, number) VALUES (?, ?, ?)"
            " ON CONFLICT (automation, action) DO UPDATE SET number = excluded.number");
    int rc;

    bf_query_text(q, 1, e->automation->id);
    bf_query_int(q, 2, e->action);
    bf_query_int(q, 3, (int64_t)e->number);
    rc = bf_query_run(q);
    return rc ? rc : add_firing(db, e->number, 0, e);
}

/* The open digest of the action, and how many it tells of; 0 if there is none.  One whose action
 * now goes elsewhere, for the automation was changed meanwhile, is left alone. */
static int find_open(struct bf_db *db, const struct bf_execution *e, uint64_t *number,
                     uint64_t *n)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT x.number, x.firings FROM open_digests d JOIN executions x"
            " ON x.number = d.number WHERE d.automation = ? AND d.action = ? AND x.status = 0"
            " AND x.attempts = 0 AND x.integration = ?");
    int rc;

    bf_query_text(q, 1, e->automation->id);
    bf_query_int(q, 2, e->action);
    bf_query_text(q, 3, bf_execution_integration(e));
    rc = bf_query_step(q);
    *number = rc == 1 ? (uint64_t)bf_query_col_int(q, 0) : 0;
    *n = rc == 1 ? (uint64_t)bf_query_col_int(q, 1) : 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

int bf_outbox_join(struct bf_db *db, const struct bf_execution *e, bool *joined)
{
    uint64_t number, n;
    struct bf_query *q;
    int rc = find_open(db, e, &number, &n);

    *joined = !rc && number;
    if (!*joined)
        return rc;
    rc = add_firing(db, number, n, e);
    if (rc)
        return rc;
    q = bf_db_query(db, "UPDATE executions SET firings = firings + 1, last_event = ?,"
                        " last_received = ? WHERE number = ?");
    bf_query_int(q, 1, (int64_t)e->event->seq);
    bf_query_int(q, 2, e->event->received_ms);
    bf_query_int(q, 3, (int64_t)number);
    return bf_query_run(q);
}

int bf_digest_close(struct bf_db *db, const struct bf_execution *e)
{
    struct bf_query *q = bf_db_query(db, "DELETE FROM open_digests WHERE automation = ? AND"
                                         " action = ? AND number = ?");

    bf_query_text(q, 1, e->automation->id);
    bf_query_int(q, 2, e->action);
    bf_query_int(q, 3, (int64_t)e->number);
    return bf_query_run(q);
}

static int run_with(struct bf_query *q, uint64_t a, uint64_t b, uint64_t c)
{
    bf_query_int(q, 1, (int64_t)a);
    bf_query_int(q, 2, (int64_t)b);
    if (c)
        bf_query_int(q, 3, (int64_t)c);
    return bf_query_run(q);
}

int bf_digest_copy(struct bf_db *db, uint64_t from, uint64_t to)
{
    int rc = run_with(bf_db_query(db, "INSERT INTO execution_merged (place, position, event, hops,"
                                      " facts, firing) SELECT place + ?3, position, event, hops,"
                                      " facts, firing FROM execution_merged WHERE place >= ?1 AND"
                                      " place < ?2"),
                      from * PLACES, (from + 1) * PLACES, (to - from) * PLACES);

    return rc ? rc : run_with(bf_db_query(db, "UPDATE executions SET (firings, last_event,"
                                              " last_received, merged) = (SELECT firings,"
                                              " last_event, last_received, merged FROM executions"
                                              " WHERE number = ?1) WHERE number = ?2"), from, to, 0);
}

int bf_digest_add(struct bf_db *db, uint64_t number, uint64_t position, uint64_t execution)
{
    return run_with(bf_db_query(db, "INSERT INTO execution_merged (place, position, event, hops,"
                                    " facts, firing) SELECT ?1, ?2, event, 0, facts, ''"
                                    " FROM executions WHERE number = ?3"),
                    number * PLACES + position, position, execution);
}

int bf_digest_cut(struct bf_db *db, uint64_t number)
{
    return run_with(bf_db_query(db, "DELETE FROM execution_merged WHERE place >= ? AND place < ?"),
                    number * PLACES, (number + 1) * PLACES, 0);
}


/* --- reading --------------------------------------------------------------------- */

static void query_of(struct bf_query *q, uint64_t number)
{
    bf_query_int(q, 1, (int64_t)(number * PLACES));
    bf_query_int(q, 2, (int64_t)((number + 1) * PLACES));
}

/* What is kept, and how much of it the text may tell of. */
struct extent {
    uint64_t n;                 /* position of the newest + 1 */
    uint64_t first_said;        /* the oldest whose text fits in with all behind it */
    uint32_t hops;
};

static int measure(struct bf_db *db, uint64_t number, struct extent *x)
{
    struct bf_query *q = bf_db_query(db, "SELECT position, hops, firing FROM execution_merged"
                                         " WHERE place >= ? AND place < ? ORDER BY position DESC");
    size_t bytes = 0;
    int rc;

    *x = (struct extent){0};
    query_of(q, number);
    while ((rc = bf_query_step(q)) == 1) {
        uint64_t position = (uint64_t)bf_query_col_int(q, 0);
        uint32_t hops = (uint32_t)bf_query_col_int(q, 1);

        if (!x->n)
            x->n = position + 1;
        bytes += bf_query_col_len(q, 2) + 1;
        if (bytes < BF_DIGEST_BYTES_MAX)
            x->first_said = position;
        if (hops > x->hops)
            x->hops = hops;
    }
    return rc;
}

static void keep_later(struct bf_digest *d, struct bf_query *q)
{
    struct bf_told *t = &d->later[d->n_later++];
    size_t len = bf_query_col_len(q, 2);

    *t = (struct bf_told){.seq = (uint64_t)bf_query_col_int(q, 1)};
    if (bf_query_col_null(q, 2))
        return;
    t->facts = bf_zalloc(len + 1);
    memcpy(t->facts, bf_query_col_text(q, 2), len);
    t->facts_len = len;
}

static int read_rows(struct bf_db *db, uint64_t number, const struct extent *x, size_t max_later,
                     struct bf_digest *d)
{
    struct bf_query *q = bf_db_query(db, "SELECT position, event, facts, firing FROM"
                                         " execution_merged WHERE place >= ? AND place < ?"
                                         " ORDER BY position");
    struct bf_buf text;
    int rc;

    bf_buf_init(&text, BF_DIGEST_BYTES_MAX + 2);
    bf_buf_addc(&text, '[');
    query_of(q, number);
    while ((rc = bf_query_step(q)) == 1) {
        uint64_t position = (uint64_t)bf_query_col_int(q, 0);

        if (position > 0 && position + max_later >= x->n)
            keep_later(d, q);
        d->has_no_text |= bf_query_col_len(q, 3) == 0;
        if (position < x->first_said || bf_query_col_len(q, 3) == 0)
            continue;
        if (text.len > 1)
            bf_buf_addc(&text, ',');
        bf_buf_add(&text, bf_query_col_text(q, 3), bf_query_col_len(q, 3));
    }
    bf_buf_addc(&text, ']');
    d->firings_len = text.len;
    d->firings = bf_buf_take(&text);
    return rc;
}

int bf_digest_read(struct bf_db *db, uint64_t number, size_t max_later, struct bf_digest **out)
{
    size_t most = max_later < BF_DIGEST_MAX ? max_later : BF_DIGEST_MAX;
    struct bf_digest *d = bf_zalloc(sizeof(*d) + most * sizeof(d->later[0]));
    struct extent x;
    int rc = bf_db_hold(db);

    if (!rc) {
        rc = measure(db, number, &x);
        if (!rc)
            rc = read_rows(db, number, &x, most, d);
        bf_db_release(db);
    }
    if (rc) {
        bf_digest_free(d);
        return rc;
    }
    d->n_firings = (uint32_t)x.n;
    d->hops = x.hops;
    *out = d;
    return BF_OK;
}

void bf_digest_free(struct bf_digest *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->n_later; i++) {
        bf_envelope_unref(d->later[i].event);
        free(d->later[i].facts);
        free(d->later[i].firing);
    }
    free(d->firings);
    free(d);
}
