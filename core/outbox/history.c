/* history.c - pages of executions.
 *
 * A question is turned into a range of numbers (`created` grows with them, so times are found by
 * halving), and one of two ways to walk it.  Where an index holds all that can match, because it
 * is of one event or was not simply finished, its numbers are picked first and then read in order.
 * Everything else is walked by number, block by block, leaving out blocks whose sieve denies what
 * is asked for.  Either way every row is then looked at, within a budget.
 *
 * Pending rows are indexed for claiming (by integration and due time), not by number.  As long as
 * there are few they are all picked; with very many of them, the walk by number meets them soon
 * enough. */
#include "core/outbox/history.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/outbox/blocks.h"

#define PENDING_PICKED_MAX 50000        /* pending rows that are sorted for a page: about 15 ms */
#define PICKED_MAX BF_HISTORY_SCAN_MAX  /* of each other status */
#define CHUNK 1024                      /* rows between two looks at the budget */
#define BLOCKS_MAX 20000                /* whose sieves are asked for one page: 2.5 million rows */
#define KEYS_MAX   5

#define ROW                                                                                    \
    "SELECT number, event, revision, action, attempts, status, created, due, first_attempt,"   \
    " finished, event_received, entity, automation, automation_name, integration,"             \
    " trigger_name, event_type, event_entity, project, collection, run, author, reason,"       \
    " resend_of, resent_as, delayed_by, facts, run_number, firings, last_event, last_received," \
    " until, hooks, merged_into, merged FROM executions "

/* A row that is given costs more than ten that are not, for all its columns are made; so what can
 * be is decided in SQL. */
#define WANTED                                                                                 \
    "WHERE number >= ?1 AND number < ?2 AND (?3 IS NULL OR automation = ?3)"                   \
    " AND (?4 IS NULL OR collection = ?4) AND (?5 IS NULL OR project = ?5)"                    \
    " AND (?6 IS NULL OR integration = ?6) AND (?7 IS NULL OR trigger_name = ?7)"              \
    " AND (?8 IS NULL OR entity = ?8) AND (?9 = 0 OR (1 << status) & ?9 <> 0)"                 \
    " ORDER BY number"

/* The same in both directions: [0] newest first, [1] oldest first. */
static const char *const in_order[] = {ROW WANTED " DESC", ROW WANTED};
static const char *const sieves[] = {
    "SELECT block, sieve FROM execution_blocks WHERE block >= ? AND block <= ?"
    " ORDER BY block DESC",
    "SELECT block, sieve FROM execution_blocks WHERE block >= ? AND block <= ? ORDER BY block"};
static const char *const next_row[] = {
    "SELECT number FROM executions WHERE number >= ? AND number < ? ORDER BY number DESC LIMIT 1",
    "SELECT number FROM executions WHERE number >= ? AND number < ? ORDER BY number LIMIT 1"};
static const char *const of_trouble[] = {
    "SELECT number FROM executions WHERE status > 2 AND status = ?3 AND number >= ?1"
    " AND number < ?2 ORDER BY number DESC LIMIT ?4",
    "SELECT number FROM executions WHERE status > 2 AND status = ?3 AND number >= ?1"
    " AND number < ?2 ORDER BY number LIMIT ?4"};
static const char of_running[] =
    "SELECT number FROM executions WHERE status = 1 AND number >= ? AND number < ?";
/* The unary + keeps the planner from walking by number, past a whole history of others. */
static const char of_pending[] =
    "SELECT number FROM executions WHERE status = 0 AND +number >= ? AND +number < ?";
static const char of_pending_for[] =
    "SELECT number FROM executions WHERE status = 0 AND integration = ?3 AND +number >= ?1"
    " AND +number < ?2";
static const char of_merged[] =
    "SELECT number FROM executions WHERE merged_into = ?3 AND number >= ?1 AND number < ?2";
static const char of_event[] =
    "SELECT number FROM executions WHERE number >= ?1 AND number < ?2 AND event = ?3"
    " AND resend_of IS NULL";
static const char of_event_resent[] =
    "SELECT number FROM executions WHERE resend_of IS NOT NULL AND event = ?3"
    " AND number >= ?1 AND number < ?2";

struct walk {
    struct bf_db *db;
    const struct bf_history_query *query;
    uint64_t low, high;         /* numbers in [low, high) are looked at */
    uint64_t keys[KEYS_MAX];    /* a block must hold all of these */
    size_t n_keys;
    uint64_t any[BF_HISTORY_ENTITIES_MAX];      /* and one of these, if there are any */
    size_t n_any;
    unsigned seen;
    unsigned n_blocks;
    unsigned taken;
    uint64_t last;              /* looked at everything up to here */
    bool more;                  /* ended before the end */
};


/* --- rows ---------------------------------------------------------------------- */

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
    row->first_attempt_ms = bf_query_col_int(q, 8);
    row->finished_ms = bf_query_col_int(q, 9);
    row->event_ms = bf_query_col_null(q, 10) ? row->created_ms : bf_query_col_int(q, 10);
    row->entity = bf_query_col_text(q, 11);
    row->automation = bf_query_col_text(q, 12);
    row->automation_name = bf_query_col_text(q, 13);
    row->integration = bf_query_col_text(q, 14);
    row->trigger = bf_query_col_text(q, 15);
    row->event_type = bf_query_col_text(q, 16);
    row->event_entity = bf_query_col_null(q, 17) ? row->entity : bf_query_col_text(q, 17);
    row->project = bf_query_col_text(q, 18);
    row->collection = bf_query_col_text(q, 19);
    row->run = bf_query_col_text(q, 20);
    row->author = bf_query_col_text(q, 21);
    row->reason = bf_query_col_text(q, 22);
    row->resend_of = bf_query_col_text(q, 23);
    row->resent_as = bf_query_col_text(q, 24);
    row->delayed_by = bf_query_col_text(q, 25);
    row->facts = bf_query_col_text(q, 26);
    row->facts_len = bf_query_col_len(q, 26);
    row->run_number = (uint64_t)bf_query_col_int(q, 27);
    row->firings = (uint64_t)bf_query_col_int(q, 28);
    row->last_event = bf_query_col_null(q, 29) ? row->event : (uint64_t)bf_query_col_int(q, 29);
    row->last_ms = bf_query_col_null(q, 30) ? row->event_ms : bf_query_col_int(q, 30);
    row->until_ms = bf_query_col_int(q, 31);
    row->hooks = bf_query_col_text(q, 32);
    row->merged_into = bf_query_col_text(q, 33);
    row->merged = (uint64_t)bf_query_col_int(q, 34);
}

/* A digest may be skipped as well, but only by an attempt. */
bool bf_history_is_suppressed(const struct bf_history_row *row)
{
    return row->firings && row->status == BF_SKIPPED && row->attempts == 0;
}

static bool is(const char *wanted, struct bf_query *q, int column)
{
    const char *text = wanted ? bf_query_col_text(q, column) : NULL;

    return !wanted || (text && strcmp(text, wanted) == 0);
}

static bool is_of_entities(const struct bf_history_query *query, const char *entity)
{
    bool any = query->n_entities == 0;

    for (size_t i = 0; !any && i < query->n_entities; i++)
        any = strcmp(query->entities[i], entity) == 0;
    return any && (!query->visible || query->visible(query->visible_arg, entity));
}

static bool wanted(const struct bf_history_query *query, struct bf_query *q)
{
    if (query->statuses && !(query->statuses & BF_STATUS_BIT(bf_query_col_int(q, 5))))
        return false;
    if (query->not_resent && !bf_query_col_null(q, 24))
        return false;
    return is(query->automation, q, 12) && is(query->project, q, 18) &&
           is(query->collection, q, 19) && is(query->integration, q, 14) &&
           is(query->trigger, q, 15) && is(query->merged_into, q, 33) &&
           is_of_entities(query, bf_query_col_text(q, 11));
}

/* False if the page ends before this row. */
static bool look(struct walk *w, struct bf_query *q)
{
    const struct bf_history_query *query = w->query;
    struct bf_history_row row;
    bool show = wanted(query, q);

    w->more = show && w->taken == query->limit;
    if (w->more)
        return false;
    w->last = (uint64_t)bf_query_col_int(q, 0);
    if (show) {
        read_row(q, &row);
        query->row(query->arg, &row);
        w->taken++;
    }
    return true;
}

/* False if the page ends before so many more rows. */
static bool may_look_at(struct walk *w, uint64_t n)
{
    w->more = w->seen >= BF_HISTORY_SCAN_MAX;
    w->seen += (unsigned)n;
    return !w->more;
}


/* --- blocks --------------------------------------------------------------------- */

static void add_key(struct walk *w, char kind, const char *text)
{
    if (text)
        w->keys[w->n_keys++] = bf_sieve_key(kind, text);
}

static void make_keys(struct walk *w)
{
    const struct bf_history_query *query = w->query;

    bf_assert(query->n_entities <= BF_HISTORY_ENTITIES_MAX);
    add_key(w, BF_BY_AUTOMATION, query->automation);
    add_key(w, BF_BY_PROJECT, query->project);
    add_key(w, BF_BY_COLLECTION, query->collection);
    add_key(w, BF_BY_INTEGRATION, query->integration);
    add_key(w, BF_BY_TRIGGER, query->trigger);
    for (size_t i = 0; i < query->n_entities; i++)
        w->any[w->n_any++] = bf_sieve_key(BF_BY_ENTITY, query->entities[i]);
}

static bool may_hold(const struct walk *w, struct bf_query *q, int column)
{
    size_t len;
    const void *sieve = bf_query_col_blob(q, column, &len);
    bool any = w->n_any == 0;

    for (size_t i = 0; i < w->n_keys; i++)
        if (!bf_sieve_may_hold(sieve, len, w->keys[i]))
            return false;
    for (size_t i = 0; !any && i < w->n_any; i++)
        any = bf_sieve_may_hold(sieve, len, w->any[i]);
    return any;
}

/* 1: go on; 0: the page has ended; or an error. */
static int walk_chunk(struct walk *w, uint64_t low, uint64_t high)
{
    const struct bf_history_query *query = w->query;
    struct bf_query *q = bf_db_query(w->db, in_order[query->oldest_first]);
    int rc;

    bf_query_int(q, 1, (int64_t)low);
    bf_query_int(q, 2, (int64_t)high);
    bf_query_text(q, 3, query->automation);
    bf_query_text(q, 4, query->collection);
    bf_query_text(q, 5, query->project);
    bf_query_text(q, 6, query->integration);
    bf_query_text(q, 7, query->trigger);
    bf_query_text(q, 8, query->n_entities == 1 ? query->entities[0] : NULL);
    bf_query_int(q, 9, query->statuses);
    while ((rc = bf_query_step(q)) == 1) {
        if (!look(w, q)) {
            bf_query_end(q);
            return 0;
        }
    }
    w->last = query->oldest_first ? high - 1 : low;
    return rc < 0 ? rc : 1;
}

/* Move on to the next row.  Retention leaves gaps as long as what was cut: they must cost a page
 * nothing.  1: there is a row; 0: there is none in the range; or an error. */
static int skip_gap(struct walk *w, uint64_t *low, uint64_t *high)
{
    bool oldest_first = w->query->oldest_first;
    struct bf_query *q = bf_db_query(w->db, next_row[oldest_first]);
    int rc;

    bf_query_int(q, 1, (int64_t)*low);
    bf_query_int(q, 2, (int64_t)*high);
    rc = bf_query_step(q);
    if (rc == 1 && oldest_first)
        *low = (uint64_t)bf_query_col_int(q, 0);
    else if (rc == 1)
        *high = (uint64_t)bf_query_col_int(q, 0) + 1;
    bf_query_end(q);
    return rc;
}

/* As walk_chunk(), of any length. */
static int walk_rows(struct walk *w, uint64_t low, uint64_t high)
{
    uint64_t end = w->query->oldest_first ? high - 1 : low;
    int rc = 1;

    while (rc == 1 && low < high) {
        uint64_t n;

        rc = skip_gap(w, &low, &high);
        if (rc == 0)
            w->last = end;
        if (rc != 1)
            return rc < 0 ? rc : 1;
        n = high - low < CHUNK ? high - low : CHUNK;
        if (!may_look_at(w, n))
            return 0;
        if (w->query->oldest_first) {
            rc = walk_chunk(w, low, low + n);
            low += n;
        } else {
            rc = walk_chunk(w, high - n, high);
            high -= n;
        }
    }
    return rc;
}

static int walk_block(struct walk *w, uint64_t block, uint64_t low, uint64_t high)
{
    uint64_t begin = block * BF_BLOCK_ROWS, end = begin + BF_BLOCK_ROWS;

    return walk_rows(w, begin > low ? begin : low, end < high ? end : high);
}

/* Blocks that have a sieve, in the order of the page.  As walk_rows(). */
static int walk_blocks(struct walk *w, uint64_t low, uint64_t high)
{
    struct bf_query *q = bf_db_query(w->db, sieves[w->query->oldest_first]);
    int rc;

    bf_query_int(q, 1, (int64_t)(low / BF_BLOCK_ROWS));
    bf_query_int(q, 2, (int64_t)((high - 1) / BF_BLOCK_ROWS));
    while ((rc = bf_query_step(q)) == 1) {
        uint64_t block = (uint64_t)bf_query_col_int(q, 0);
        int go_on = 1;

        if (may_hold(w, q, 1))
            go_on = walk_block(w, block, low, high);
        else if (w->n_blocks == BLOCKS_MAX)
            w->more = true;
        else
            w->last = w->query->oldest_first ? (block + 1) * BF_BLOCK_ROWS - 1
                                             : block * BF_BLOCK_ROWS;
        if (go_on != 1 || w->more) {
            bf_query_end(q);
            return go_on == 1 ? 0 : go_on;
        }
        w->n_blocks++;
    }
    return rc < 0 ? rc : 1;
}

static int walk_by_number(struct walk *w)
{
    uint64_t sifted;
    int rc = bf_blocks_end(w->db, &bf_execution_blocks, &sifted);

    if (rc)
        return rc;
    if (w->n_keys + w->n_any == 0)
        sifted = w->low;                /* nothing to ask sieves for */
    sifted = sifted < w->low ? w->low : sifted > w->high ? w->high : sifted;
    rc = 1;
    if (!w->query->oldest_first && sifted < w->high)
        rc = walk_rows(w, sifted, w->high);
    if (rc == 1 && w->low < sifted)
        rc = walk_blocks(w, w->low, sifted);
    if (rc == 1 && w->query->oldest_first && sifted < w->high)
        rc = walk_rows(w, sifted, w->high);
    return rc < 0 ? rc : BF_OK;
}


/* --- picking ---------------------------------------------------------------------- */

struct picks {
    uint64_t *numbers;
    size_t n, cap;
    uint64_t edge;              /* beyond it not all are here; 0: there is none */
};

static void pick(struct picks *p, uint64_t number)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 256;
        p->numbers = bf_zrealloc(p->numbers, p->cap * sizeof(*p->numbers));
    }
    p->numbers[p->n++] = number;
}

static int pick_all(struct walk *w, struct picks *p, struct bf_query *q, unsigned *n)
{
    int rc;

    *n = 0;
    bf_query_int(q, 1, (int64_t)w->low);
    bf_query_int(q, 2, (int64_t)w->high);
    while ((rc = bf_query_step(q)) == 1) {
        pick(p, (uint64_t)bf_query_col_int(q, 0));
        ++*n;
    }
    return rc;
}

static bool is_picked_whole(const struct walk *w)
{
    return w->n_keys + w->n_any == 0 && !w->query->visible && !w->query->not_resent;
}

/* The first ones of a status; if there are more, the last of these is an edge for all. */
static int pick_trouble(struct walk *w, struct picks *p, int status)
{
    bool oldest_first = w->query->oldest_first;
    unsigned most = is_picked_whole(w) ? w->query->limit + 1 : PICKED_MAX, n;
    struct bf_query *q = bf_db_query(w->db, of_trouble[oldest_first]);
    int rc;

    bf_query_int(q, 3, status);
    bf_query_int(q, 4, most);
    rc = pick_all(w, p, q, &n);
    if (!rc && n == most) {
        uint64_t edge = p->numbers[p->n - 1];

        if (!p->edge || (oldest_first ? edge < p->edge : edge > p->edge))
            p->edge = edge;
    }
    return rc;
}

static int pick_statuses(struct walk *w, struct picks *p)
{
    const struct bf_history_query *query = w->query;
    struct bf_query *q;
    unsigned n;
    int rc = BF_OK;

    if (query->statuses & BF_STATUS_BIT(BF_PENDING)) {
        q = bf_db_query(w->db, query->integration ? of_pending_for : of_pending);
        if (query->integration)
            bf_query_text(q, 3, query->integration);
        rc = pick_all(w, p, q, &n);
    }
    if (!rc && (query->statuses & BF_STATUS_BIT(BF_RUNNING)))
        rc = pick_all(w, p, bf_db_query(w->db, of_running), &n);
    for (int status = BF_FAILED; !rc && status <= BF_MERGED; status++)
        if (query->statuses & BF_STATUS_BIT(status))
            rc = pick_trouble(w, p, status);
    return rc;
}

/* Those that the event fired itself stand where its time is; w->high is left as it was. */
static int pick_event(struct walk *w, struct picks *p, uint64_t begin, uint64_t end)
{
    struct walk there = *w;
    struct bf_query *q = bf_db_query(w->db, of_event);
    unsigned n;
    int rc;

    there.low = begin > w->low ? begin : w->low;
    there.high = end < w->high ? end : w->high;
    bf_query_int(q, 3, (int64_t)w->query->event);
    rc = pick_all(&there, p, q, &n);
    if (rc)
        return rc;
    q = bf_db_query(w->db, of_event_resent);
    bf_query_int(q, 3, (int64_t)w->query->event);
    return pick_all(w, p, q, &n);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static int look_at(struct walk *w, uint64_t number)
{
    struct bf_query *q = bf_db_query(w->db, ROW "WHERE number = ?");
    int rc;

    if (!may_look_at(w, 1))
        return BF_OK;

    bf_query_int(q, 1, (int64_t)number);
    rc = bf_query_step(q);
    if (rc == 1 && !look(w, q))
        rc = 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

/* The sieves of the picks' blocks, in their order: asked one by one they would cost three times as
 * much. */
struct sieving {
    struct bf_query *q;         /* NULL: there is nothing to ask for */
    uint64_t block;             /* that it is at, once it has begun */
    bool has_begun;
    bool at_end;
    bool asked;                 /* the sieve of that block, */
    bool may;                   /* which said this */
};

static void begin_sieving(struct walk *w, const struct picks *p, struct sieving *s)
{
    *s = (struct sieving){.at_end = true};
    if (w->n_keys + w->n_any == 0 || p->n == 0)
        return;
    s->q = bf_db_query(w->db, sieves[w->query->oldest_first]);
    s->at_end = false;
    bf_query_int(s->q, 1, (int64_t)(p->numbers[0] / BF_BLOCK_ROWS));
    bf_query_int(s->q, 2, (int64_t)(p->numbers[p->n - 1] / BF_BLOCK_ROWS));
}

/* Whether the block may hold what is wanted; blocks come in the order of the page. */
static bool block_may_hold(struct walk *w, struct sieving *s, uint64_t block)
{
    bool oldest_first = w->query->oldest_first;

    while (!s->at_end && (!s->has_begun ||
                          (oldest_first ? s->block < block : s->block > block))) {
        s->has_begun = true;
        s->at_end = bf_query_step(s->q) != 1;
        if (!s->at_end)
            s->block = (uint64_t)bf_query_col_int(s->q, 0);
        s->asked = false;
    }
    if (s->at_end || s->block != block)
        return true;            /* it has no sieve */
    if (!s->asked)
        s->may = may_hold(w, s->q, 1);
    s->asked = true;
    return s->may;
}

static int walk_picks(struct walk *w, struct picks *p)
{
    bool oldest_first = w->query->oldest_first;
    struct sieving s;
    int rc = BF_OK;

    if (p->n)
        qsort(p->numbers, p->n, sizeof(*p->numbers), compare);
    begin_sieving(w, p, &s);
    for (size_t i = 0; !rc && !w->more && i < p->n; i++) {
        uint64_t number = p->numbers[oldest_first ? i : p->n - 1 - i];

        if (p->edge && (oldest_first ? number > p->edge : number < p->edge))
            break;
        if (block_may_hold(w, &s, number / BF_BLOCK_ROWS))
            rc = look_at(w, number);
        else
            w->last = number;
    }
    if (s.q)
        bf_query_end(s.q);
    if (!rc && !w->more && p->edge) {
        w->more = true;
        w->last = p->edge;
    }
    return rc;
}


/* --- ranges ----------------------------------------------------------------------- */

/* The first row from `number` on; *found is false behind the last. */
static int row_from(struct bf_db *db, uint64_t *number, int64_t *created_ms, bool *found)
{
    struct bf_query *q = bf_db_query(db, "SELECT number, created FROM executions"
                                         " WHERE number >= ? ORDER BY number LIMIT 1");
    int rc;

    bf_query_int(q, 1, (int64_t)*number);
    rc = bf_query_step(q);
    if (rc < 0)
        return rc;
    *found = rc == 1;
    if (*found) {
        *number = (uint64_t)bf_query_col_int(q, 0);
        *created_ms = bf_query_col_int(q, 1);
    }
    bf_query_end(q);
    return BF_OK;
}

int bf_history_number_at(struct bf_db *db, int64_t ms, uint64_t *number)
{
    uint64_t low = 0, high = bf_outbox_last(db) + 1;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2, at = middle;
        int64_t created_ms;
        bool found;
        int rc = row_from(db, &at, &created_ms, &found);

        if (rc)
            return rc;
        if (found && created_ms < ms)
            low = at + 1;
        else
            high = middle;
    }
    *number = low;
    return BF_OK;
}

static int set_range(struct walk *w)
{
    const struct bf_history_query *query = w->query;
    int rc = BF_OK;

    w->low = 0;
    w->high = bf_outbox_last(w->db) + 1;
    if (query->since_ms)
        rc = bf_history_number_at(w->db, query->since_ms, &w->low);
    if (!rc && query->until_ms)
        rc = bf_history_number_at(w->db, query->until_ms, &w->high);
    if (query->after && query->oldest_first && query->after >= w->low)
        w->low = query->after + 1;
    if (query->after && !query->oldest_first && query->after < w->high)
        w->high = query->after;
    return rc;
}


/* --- pages ------------------------------------------------------------------------ */

static int few_pending(const struct walk *w, bool *few)
{
    struct bf_query *q;
    int rc;

    *few = true;
    if (!(w->query->statuses & BF_STATUS_BIT(BF_PENDING)))
        return BF_OK;
    q = bf_db_query(w->db, "SELECT 1 FROM executions WHERE status = 0 LIMIT 1 OFFSET ?");
    bf_query_int(q, 1, PENDING_PICKED_MAX);
    rc = bf_query_step(q);
    *few = rc == 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

static int walk_event(struct walk *w, struct picks *p)
{
    uint64_t begin, end;
    int rc = bf_history_number_at(w->db, w->query->event_ms, &begin);

    if (!rc)
        rc = bf_history_number_at(w->db, w->query->event_ms + 1, &end);
    if (!rc)
        rc = pick_event(w, p, begin, end);
    return rc ? rc : walk_picks(w, p);
}

static int walk_merged(struct walk *w, struct picks *p)
{
    struct bf_query *q = bf_db_query(w->db, of_merged);
    unsigned n;
    int rc;

    bf_query_text(q, 3, w->query->merged_into);
    rc = pick_all(w, p, q, &n);
    return rc ? rc : walk_picks(w, p);
}

static int walk_statuses(struct walk *w, struct picks *p)
{
    int rc = pick_statuses(w, p);

    return rc ? rc : walk_picks(w, p);
}

static int list(struct bf_db *db, const struct bf_history_query *query, uint64_t *next)
{
    struct walk w = {.db = db, .query = query};
    struct picks picks = {0};
    bool few;
    int rc = set_range(&w);

    *next = 0;
    make_keys(&w);
    if (!rc)
        rc = few_pending(&w, &few);
    if (rc || w.low >= w.high)
        return rc;
    w.last = query->after;
    if (query->event)
        rc = walk_event(&w, &picks);
    else if (query->merged_into)
        rc = walk_merged(&w, &picks);
    else if (query->statuses && !(query->statuses & BF_STATUS_BIT(BF_FINISHED)) && few)
        rc = walk_statuses(&w, &picks);
    else
        rc = walk_by_number(&w);
    free(picks.numbers);
    if (!rc && w.more)
        *next = w.last;
    return rc;
}

/* An execution that changes its status between two looks would come twice, or not at all. */
int bf_history_list(struct bf_db *db, const struct bf_history_query *query, uint64_t *next)
{
    struct bf_history_query asked = *query;
    int rc = bf_db_hold(db);

    *next = 0;
    if (rc)
        return rc;
    if (asked.statuses & BF_STATUS_BIT(BF_PENDING))
        asked.statuses |= BF_STATUS_BIT(BF_MERGED);
    rc = list(db, &asked, next);
    bf_db_release(db);
    return rc;
}


/* --- one ---------------------------------------------------------------------------- */

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

static int last_in(struct bf_query *q, uint64_t *number)
{
    int rc = bf_query_step(q);

    *number = rc == 1 ? (uint64_t)bf_query_col_int(q, 0) : 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

/* Behind the blocks that have been sifted, by looking; else what was noted then. */
int bf_history_last(struct bf_db *db, const char *automation,
                    void (*row_fn)(void *arg, const struct bf_history_row *row), void *arg)
{
    struct bf_query *q;
    uint64_t sifted, number;
    int rc = bf_blocks_end(db, &bf_execution_blocks, &sifted);

    if (rc)
        return rc;
    q = bf_db_query(db, "SELECT number FROM executions WHERE number >= ? AND automation = ?"
                        " ORDER BY number DESC LIMIT 1");
    bf_query_int(q, 1, (int64_t)sifted);
    bf_query_text(q, 2, automation);
    rc = last_in(q, &number);
    if (!rc && !number) {
        q = bf_db_query(db, "SELECT number FROM execution_last WHERE automation = ?");
        bf_query_text(q, 1, automation);
        rc = last_in(q, &number);
    }
    return rc ? rc : bf_history_read(db, number, row_fn, arg);
}

/* An attempt that repeats an earlier one's request names it. */
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
                        " method, url, payload, payload_len, transform"
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
        r.transform = bf_query_col_text(q, 11);
        fn(arg, &r);
    }
    return rc;
}
