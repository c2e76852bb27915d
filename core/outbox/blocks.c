/* blocks.c - making sieves, and those of executions. */
#include "core/outbox/blocks.h"

#include <string.h>

#include "core/base/base.h"

/* While blocks are sifted the newest execution of each automation is noted: a list of automations
 * shows it beside every one. */
const struct bf_block_table bf_execution_blocks = {
    .kinds = (const char[]){BF_BY_AUTOMATION, BF_BY_ENTITY, BF_BY_PROJECT, BF_BY_COLLECTION,
                            BF_BY_INTEGRATION, BF_BY_TRIGGER, '\0'},
    .keys = "SELECT automation, entity, project, collection, integration, trigger_name"
            " FROM executions WHERE number >= ? AND number < ?",
    .first = "SELECT number FROM executions ORDER BY number LIMIT 1",
    .newest = "SELECT number FROM executions ORDER BY number DESC LIMIT 1",
    .last_block = "SELECT block FROM execution_blocks ORDER BY block DESC LIMIT 1",
    .insert = "INSERT INTO execution_blocks (block, sieve) VALUES (?, ?)",
    .note = "INSERT INTO execution_last (automation, number)"
            " SELECT automation, max(number) FROM executions WHERE number >= ? AND number < ?"
            " GROUP BY automation ON CONFLICT (automation) DO UPDATE SET number = excluded.number",
    .cut = "DELETE FROM execution_blocks WHERE block >= ?1 AND block < ?2"
           " AND block < (SELECT max(block) FROM execution_blocks)"
           " AND NOT EXISTS (SELECT 1 FROM executions WHERE number >= block * ?3"
           " AND number < (block + 1) * ?3)",
};

static int ask_number(struct bf_db *db, const char *sql, int64_t *number, int64_t otherwise)
{
    struct bf_query *q = bf_db_query(db, sql);
    int rc = bf_query_step(q);

    if (rc < 0)
        return rc;
    *number = rc == 1 ? bf_query_col_int(q, 0) : otherwise;
    bf_query_end(q);
    return BF_OK;
}

int bf_blocks_end(struct bf_db *db, const struct bf_block_table *t, uint64_t *number)
{
    int64_t last;
    int rc = ask_number(db, t->last_block, &last, -1);

    *number = rc ? 0 : (uint64_t)(last + 1) * BF_BLOCK_ROWS;
    return rc;
}

/* The first block without a sieve: behind the last that has one, or where the table begins. */
static int first_without(struct bf_db *db, const struct bf_block_table *t, int64_t *block)
{
    int64_t last, first;
    int rc = ask_number(db, t->last_block, &last, -1);

    if (!rc)
        rc = ask_number(db, t->first, &first, 0);
    if (!rc)
        *block = bf_max64(last + 1, first / BF_BLOCK_ROWS);
    return rc;
}

static struct bf_query *of_block(struct bf_db *db, const char *sql, int64_t block)
{
    struct bf_query *q = bf_db_query(db, sql);

    bf_query_int(q, 1, block * BF_BLOCK_ROWS);
    bf_query_int(q, 2, (block + 1) * BF_BLOCK_ROWS);
    return q;
}

static int read_keys(struct bf_db *db, const struct bf_block_table *t, int64_t block,
                     uint64_t *keys, size_t *n)
{
    struct bf_query *q = of_block(db, t->keys, block);
    int rc;

    *n = 0;
    while ((rc = bf_query_step(q)) == 1) {
        for (int i = 0; t->kinds[i]; i++) {
            const char *text = bf_query_col_text(q, i);

            if (text)
                keys[(*n)++] = bf_sieve_key(t->kinds[i], text);
        }
    }
    return rc;
}

static int sift(struct bf_db *db, const struct bf_block_table *t, int64_t block)
{
    uint64_t keys[BF_BLOCK_KEYS_MAX * BF_BLOCK_ROWS];
    uint8_t sieve[BF_SIEVE_BYTES_MAX];
    struct bf_query *q;
    size_t n;
    int rc = read_keys(db, t, block, keys, &n);

    if (rc)
        return rc;
    q = bf_db_query(db, t->insert);
    bf_query_int(q, 1, block);
    bf_query_blob(q, 2, sieve, bf_sieve_make(keys, n, sieve));
    rc = bf_query_run(q);
    if (!rc && t->note)
        rc = bf_query_run(of_block(db, t->note, block));
    return rc;
}

int bf_blocks_sift(struct bf_db *db, const struct bf_block_table *t, unsigned max, unsigned *n)
{
    int64_t block, newest;
    int rc = first_without(db, t, &block);

    *n = 0;
    bf_assert(strlen(t->kinds) <= BF_BLOCK_KEYS_MAX);
    if (!rc)
        rc = ask_number(db, t->newest, &newest, -1);
    for (; !rc && *n < max && (block + 1) * BF_BLOCK_ROWS <= newest + 1; block++, ++*n)
        rc = sift(db, t, block);
    return rc;
}

int bf_blocks_cut(struct bf_db *db, const struct bf_block_table *t, uint64_t begin, uint64_t end)
{
    struct bf_query *q = bf_db_query(db, t->cut);

    bf_query_int(q, 1, (int64_t)(begin / BF_BLOCK_ROWS));
    bf_query_int(q, 2, (int64_t)(end / BF_BLOCK_ROWS));
    bf_query_int(q, 3, BF_BLOCK_ROWS);
    return bf_query_run(q);
}
