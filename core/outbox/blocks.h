/* blocks.h - finding rows by what they belong to, without an index for each of it.
 *
 * CONCEPT.  Rows that are numbered (executions, events) fall into blocks of 128.  When all numbers
 * of a block are given away, a sieve of what its rows belong to (entity, project, automation, …)
 * is stored beside it: about two bytes for each different value.  Whoever searches asks the sieves
 * first and reads only blocks that may hold what is wanted; any number of conditions together
 * narrow it down.  An index costs a row 5 to 15 us and 35 bytes, an execution would need six of
 * them, and of two conditions together only one would use its own.  A sieve costs 1 us, and not in
 * the transaction that somebody waits for.
 *
 * SAFETY.  Sieves are made from rows that are there already, and what they are made of never
 * changes; so it may be done late, or anew.  Rows behind the last block that has a sieve are
 * simply read. */
#ifndef BF_BLOCKS_H
#define BF_BLOCKS_H

#include "core/base/sieve.h"
#include "core/store/store.h"

#define BF_BLOCK_ROWS     128           /* a page of matches that are one to a block reads 13,000 */
#define BF_BLOCK_KEYS_MAX 8             /* things that one row can be searched by */

enum bf_block_kind {
    BF_BY_AUTOMATION = 'a',
    BF_BY_COLLECTION = 'c',
    BF_BY_ENTITY = 'e',
    BF_BY_INTEGRATION = 'i',
    BF_BY_PROJECT = 'p',
    BF_BY_TRIGGER = 't',
    BF_BY_TYPE = 'y'
};

/* A table that has blocks. */
struct bf_block_table {
    const char *kinds;          /* enum bf_block_kind of each column that `keys` gives */
    const char *keys;           /* SELECT them of the numbers from ? to below ? */
    const char *first;          /* SELECT the first number, */
    const char *newest;         /* the last, */
    const char *last_block;     /* and the last block that has a sieve */
    const char *insert;         /* a block and its sieve */
    const char *note;           /* run for the numbers from ? to below ? of each block; or NULL */
    const char *cut;            /* DELETE sieves of empty blocks of ?3 rows, from ?1 to below ?2,
                                   but never the last one: what comes next follows from it */
};
extern const struct bf_block_table bf_execution_blocks;

/* Make sieves for up to `max` full blocks that have none; *n of them were made.  In a
 * transaction.  [engine] */
int bf_blocks_sift(struct bf_db *db, const struct bf_block_table *t, unsigned max, unsigned *n);
/* Take away the sieves of blocks that are empty now, and lie before `end` but not all before
 * `begin`: rows that are never cut may stand before and between them.  [engine] */
int bf_blocks_cut(struct bf_db *db, const struct bf_block_table *t, uint64_t begin, uint64_t end);
/* The first number behind all blocks that have a sieve. */
int bf_blocks_end(struct bf_db *db, const struct bf_block_table *t, uint64_t *number);

#endif
