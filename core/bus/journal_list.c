/* journal_list.c - pages of events.
 *
 * The journal has no index but its own order, which keeps appending cheap.  So a page walks it
 * backwards, leaves out blocks that cannot hold what is asked for (outbox/blocks.h), and looks at
 * the head of each row that is left, within a budget; bodies are only read where the caller asks
 * for them.  A run's events alone have an index. */
#include "core/bus/journal_list.h"

#include "core/base/base.h"

#define BLOCKS_MAX 20000                /* whose sieves are asked for one page */
#define KEYS_MAX   4
#define CHUNK      1024                 /* rows between two looks at the budget */

const struct bf_block_table bf_journal_blocks = {
    .kinds = (const char[]){BF_BY_ENTITY, BF_BY_TYPE, BF_BY_PROJECT, BF_BY_COLLECTION, '\0'},
    .keys = "SELECT entity, type, project, collection FROM journal WHERE seq >= ? AND seq < ?",
    .first = "SELECT seq FROM journal ORDER BY seq LIMIT 1",
    .newest = "SELECT seq FROM journal ORDER BY seq DESC LIMIT 1",
    .last_block = "SELECT block FROM journal_blocks ORDER BY block DESC LIMIT 1",
    .insert = "INSERT INTO journal_blocks (block, sieve) VALUES (?, ?)",
    .cut = "DELETE FROM journal_blocks WHERE block >= ?1 AND block < ?2"
           " AND block < (SELECT max(block) FROM journal_blocks)"
           " AND NOT EXISTS (SELECT 1 FROM journal WHERE seq >= block * ?3"
           " AND seq < (block + 1) * ?3)",
};

struct walk {
    struct bf_db *db;
    const struct bf_journal_query *query;
    bf_journal_fn *fn;
    void *arg;
    uint64_t keys[KEYS_MAX];
    size_t n_keys;
    unsigned seen;
    unsigned n_blocks;
    uint64_t last;              /* looked at everything down to here */
    bool more;                  /* ended before the end */
};

static void add_key(struct walk *w, char kind, const char *text)
{
    if (text)
        w->keys[w->n_keys++] = bf_sieve_key(kind, text);
}

/* 1: go on; 0: the page has ended; or an error.  What is wanted is decided in SQL: there it costs
 * least. */
static int walk_chunk(struct walk *w, uint64_t low, uint64_t high)
{
    struct bf_query *q =
        bf_db_query(w->db, "SELECT seq FROM journal WHERE seq >= ?1 AND seq < ?2"
                           " AND (?3 IS NULL OR entity = ?3) AND (?4 IS NULL OR type = ?4)"
                           " AND (?5 IS NULL OR project = ?5) AND (?6 IS NULL OR collection = ?6)"
                           " ORDER BY seq DESC");
    int rc = BF_OK;

    bf_query_int(q, 1, (int64_t)low);
    bf_query_int(q, 2, (int64_t)high);
    bf_query_text(q, 3, w->query->entity);
    bf_query_text(q, 4, w->query->type);
    bf_query_text(q, 5, w->query->project);
    bf_query_text(q, 6, w->query->collection);
    while (!w->more && (rc = bf_query_step(q)) == 1) {
        uint64_t seq = (uint64_t)bf_query_col_int(q, 0);

        w->more = !w->fn(w->arg, seq);
        if (!w->more)
            w->last = seq;
    }
    bf_query_end(q);
    if (w->more)
        return 0;
    w->last = low;
    return rc < 0 ? rc : 1;
}

/* Down to the next row: retention leaves gaps as long as what was cut, and they must cost a page
 * nothing.  1: there is one; 0: there is none in the range; or an error. */
static int skip_gap(struct walk *w, uint64_t low, uint64_t *high)
{
    struct bf_query *q = bf_db_query(w->db, "SELECT seq FROM journal WHERE seq >= ? AND seq < ?"
                                            " ORDER BY seq DESC LIMIT 1");
    int rc;

    bf_query_int(q, 1, (int64_t)low);
    bf_query_int(q, 2, (int64_t)*high);
    rc = bf_query_step(q);
    if (rc == 1)
        *high = (uint64_t)bf_query_col_int(q, 0) + 1;
    bf_query_end(q);
    return rc;
}

/* As walk_chunk(), of any length, but for the budget. */
static int walk_rows(struct walk *w, uint64_t low, uint64_t high)
{
    int rc = 1;

    while (rc == 1 && low < high) {
        uint64_t n;

        rc = skip_gap(w, low, &high);
        if (rc == 0)
            w->last = low;
        if (rc != 1)
            return rc < 0 ? rc : 1;
        n = high - low < CHUNK ? high - low : CHUNK;
        w->more = w->seen >= BF_JOURNAL_SCAN_MAX;
        if (w->more)
            return 0;
        w->seen += (unsigned)n;
        rc = walk_chunk(w, high - n, high);
        high -= n;
    }
    return rc;
}

static bool may_hold(const struct walk *w, struct bf_query *q)
{
    size_t len;
    const void *sieve = bf_query_col_blob(q, 1, &len);

    for (size_t i = 0; i < w->n_keys; i++)
        if (!bf_sieve_may_hold(sieve, len, w->keys[i]))
            return false;
    return true;
}

static int walk_blocks(struct walk *w, uint64_t low, uint64_t high)
{
    struct bf_query *q =
        bf_db_query(w->db, "SELECT block, sieve FROM journal_blocks"
                           " WHERE block >= ? AND block <= ? ORDER BY block DESC");
    int rc, go_on = 1;

    bf_query_int(q, 1, (int64_t)(low / BF_BLOCK_ROWS));
    bf_query_int(q, 2, (int64_t)((high - 1) / BF_BLOCK_ROWS));
    while (go_on == 1 && (rc = bf_query_step(q)) == 1) {
        uint64_t begin = (uint64_t)bf_query_col_int(q, 0) * BF_BLOCK_ROWS;
        uint64_t end = begin + BF_BLOCK_ROWS;

        if (may_hold(w, q))
            go_on = walk_rows(w, begin > low ? begin : low, end < high ? end : high);
        else
            w->last = begin;
        if (go_on == 1 && ++w->n_blocks == BLOCKS_MAX) {
            w->more = true;
            go_on = 0;
        }
    }
    bf_query_end(q);
    return go_on != 1 ? go_on : rc < 0 ? rc : 1;
}

static int row_from(struct bf_db *db, uint64_t *seq, int64_t *received_ms, bool *found)
{
    struct bf_query *q = bf_db_query(db, "SELECT seq, received FROM journal WHERE seq >= ?"
                                         " ORDER BY seq LIMIT 1");
    int rc;

    bf_query_int(q, 1, (int64_t)*seq);
    rc = bf_query_step(q);
    if (rc < 0)
        return rc;
    *found = rc == 1;
    if (*found) {
        *seq = (uint64_t)bf_query_col_int(q, 0);
        *received_ms = bf_query_col_int(q, 1);
    }
    bf_query_end(q);
    return BF_OK;
}

static int end_of_journal(struct bf_db *db, uint64_t *seq)
{
    struct bf_query *q = bf_db_query(db, "SELECT seq FROM journal ORDER BY seq DESC LIMIT 1");
    int rc = bf_query_step(q);

    *seq = rc == 1 ? (uint64_t)bf_query_col_int(q, 0) + 1 : 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

/* `received` grows with seq, so it is found by halving. */
int bf_journal_at(struct bf_db *db, int64_t ms, uint64_t *seq)
{
    uint64_t low = 0, high;
    int rc = end_of_journal(db, &high);

    while (!rc && low < high) {
        uint64_t middle = low + (high - low) / 2, at = middle;
        int64_t received_ms;
        bool found;

        rc = row_from(db, &at, &received_ms, &found);
        if (!rc && found && received_ms < ms)
            low = at + 1;
        else
            high = middle;
    }
    *seq = low;
    return rc;
}

static int walk_range(struct walk *w, uint64_t low, uint64_t high)
{
    uint64_t sifted;
    int rc = bf_blocks_end(w->db, &bf_journal_blocks, &sifted);

    if (rc)
        return rc;
    if (w->n_keys == 0 || sifted < low)
        sifted = low;                   /* nothing to ask sieves for */
    if (sifted > high)
        sifted = high;
    rc = sifted < high ? walk_rows(w, sifted, high) : 1;
    if (rc == 1 && low < sifted)
        rc = walk_blocks(w, low, sifted);
    return rc < 0 ? rc : BF_OK;
}

static int walk_run(struct walk *w, uint64_t low, uint64_t high)
{
    const struct bf_journal_query *wanted = w->query;
    struct bf_query *q =
        bf_db_query(w->db, "SELECT seq, (?6 IS NULL OR type = ?6) AND"
                           " (?7 IS NULL OR collection = ?7) FROM journal WHERE run ="
                           " (SELECT number FROM runs WHERE entity = ?1 AND project = ?2"
                           " AND run = ?3) AND seq >= ?4 AND seq < ?5 ORDER BY seq DESC");
    int rc = BF_OK;

    bf_query_text(q, 1, wanted->entity);
    bf_query_text(q, 2, wanted->project);
    bf_query_text(q, 3, wanted->run);
    bf_query_int(q, 4, (int64_t)low);
    bf_query_int(q, 5, (int64_t)high);
    bf_query_text(q, 6, wanted->type);
    bf_query_text(q, 7, wanted->collection);
    while (!w->more && (rc = bf_query_step(q)) == 1) {
        uint64_t seq = (uint64_t)bf_query_col_int(q, 0);

        w->more = w->seen++ == BF_JOURNAL_SCAN_MAX ||
                  (bf_query_col_int(q, 1) && !w->fn(w->arg, seq));
        if (!w->more)
            w->last = seq;
    }
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

int bf_journal_list(struct bf_db *db, const struct bf_journal_query *query, bf_journal_fn *fn,
                    void *arg, uint64_t *next)
{
    struct walk w = {.db = db, .query = query, .fn = fn, .arg = arg, .last = query->before};
    uint64_t low = 0, high;
    int rc = end_of_journal(db, &high);

    *next = 0;
    if (!rc && query->since_ms)
        rc = bf_journal_at(db, query->since_ms, &low);
    if (!rc && query->until_ms)
        rc = bf_journal_at(db, query->until_ms, &high);
    if (query->before && query->before < high)
        high = query->before;
    add_key(&w, BF_BY_ENTITY, query->entity);
    add_key(&w, BF_BY_TYPE, query->type);
    add_key(&w, BF_BY_PROJECT, query->project);
    add_key(&w, BF_BY_COLLECTION, query->collection);
    if (!rc && low < high)
        rc = query->run ? walk_run(&w, low, high) : walk_range(&w, low, high);
    if (!rc && w.more)
        *next = w.last;
    return rc;
}

bool bf_journal_has(struct bf_db *db, uint64_t seq)
{
    struct bf_query *q = bf_db_query(db, "SELECT 1 FROM journal WHERE seq = ?");
    bool has;

    bf_query_int(q, 1, (int64_t)seq);
    has = bf_query_step(q) == 1;
    bf_query_end(q);
    return has;
}

int bf_journal_next(struct bf_db *db, const char *entity, const char *project, uint64_t low,
                    uint64_t high, uint64_t *seqs, unsigned max, unsigned *n)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT seq FROM journal WHERE seq >= ?1 AND seq < ?2"
                        " AND (?3 IS NULL OR entity = ?3) AND (?4 IS NULL OR project = ?4)"
                        " ORDER BY seq LIMIT ?5");
    int rc;

    bf_query_int(q, 1, (int64_t)low);
    bf_query_int(q, 2, (int64_t)high);
    bf_query_text(q, 3, entity);
    bf_query_text(q, 4, project);
    bf_query_int(q, 5, max);
    for (*n = 0; (rc = bf_query_step(q)) == 1;)
        seqs[(*n)++] = (uint64_t)bf_query_col_int(q, 0);
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

int bf_journal_first(struct bf_db *db, int64_t *received_ms)
{
    uint64_t seq = 0;
    bool found;
    int rc = row_from(db, &seq, received_ms, &found);

    if (!rc && !found)
        *received_ms = 0;
    return rc;
}
