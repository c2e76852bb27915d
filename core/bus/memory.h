/* memory.h - what the rules remember, in the table rule_state.
 *
 * CONCEPT.  What is kept has a row for each version: its name, the record that set it, and its value
 * (NULL: forgotten).  So any record can be judged once more with what it met.  What is not kept has
 * one row, as of no record.
 *
 * OPERATION.  The engine writes through to the table, in its transaction, and keeps the newest values
 * in memory, up to a limit.  A record of the past reads the newest version before it; what is set
 * meanwhile stays in memory.
 *
 * SAFETY.  What was touched since the last settle is dropped from memory when the transaction, or a
 * part of it, is undone, and read anew.  An error of the store is remembered until it is asked for, as
 * the rules have no way to be told. */
#ifndef BF_BUS_MEMORY_H
#define BF_BUS_MEMORY_H

#include "core/base/buf.h"
#include "core/rules/memory.h"
#include "core/store/store.h"

#define BF_MEMORY_BYTES (32 * 1024 * 1024)      /* of values kept in memory */

/* --- the engine's [engine] --- */

struct bf_live_memory;

struct bf_live_memory *bf_live_memory_new(struct bf_db *db, size_t max_bytes);
void bf_live_memory_free(struct bf_live_memory *m);     /* NULL is fine */
const struct bf_memory *bf_live_memory_rules(struct bf_live_memory *m);
void bf_live_memory_at(struct bf_live_memory *m, uint64_t seq);  /* the record that is judged next */
/* The first error of the store since it was asked last. */
int bf_live_memory_failed(struct bf_live_memory *m);
void bf_live_memory_undo(struct bf_live_memory *m);
void bf_live_memory_settle(struct bf_live_memory *m);

/* --- of the past: any connection --- */

struct bf_past_memory;

/* As it was before a record.  What is not kept is as it is now. */
struct bf_past_memory *bf_past_memory_new(struct bf_db *db, uint64_t seq);
void bf_past_memory_free(struct bf_past_memory *m);     /* NULL is fine */
const struct bf_memory *bf_past_memory_rules(struct bf_past_memory *m);
/* The record that is judged next: the values of runs are those before it, and what was set meanwhile
 * stays. */
void bf_past_memory_at(struct bf_past_memory *m, uint64_t seq);
int bf_past_memory_failed(struct bf_past_memory *m);

/* --- retention --- */

/* In the open, with the newest record there is: from the next one on all is remembered, unless it was
 * before. */
int bf_remembered_open(struct bf_db *db, uint64_t last_seq);
/* The first record for which all that it met is still remembered. */
int bf_remembered_since(struct bf_db *db, uint64_t *seq);

/* Where a pass has come to. */
struct bf_memory_place {
    struct bf_buf name;
    int64_t seq;
    bool older_left;            /* a version of that name that is older still stands */
};
void bf_memory_place_init(struct bf_memory_place *p);   /* before the first */
void bf_memory_place_fini(struct bf_memory_place *p);

/* Look at up to `max` versions behind the place and cut those that no record from `first_seq` on can
 * ask for; these were received at `before_ms` or later.  As bf_keys_cut().  [engine] */
int bf_memory_cut(struct bf_db *db, uint64_t first_seq, int64_t before_ms, unsigned max,
                  struct bf_memory_place *from, unsigned *n_cut, bool *more);

#endif
