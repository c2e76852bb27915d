/* journal_cut.h - taking old events, and keys that need not be remembered, out of the journal. */
#ifndef BF_JOURNAL_CUT_H
#define BF_JOURNAL_CUT_H

#include "core/base/buf.h"
#include "core/store/store.h"

/* Look at up to `max` events from *from on, and cut those received before `before_ms`.  What stays:
 * the events of pending or running executions, the points of runs that are live, the record that made
 * the revision an automation has now, and the newest event, from which the next number follows.  As
 * bf_outbox_cut().  [engine] */
int bf_journal_cut(struct bf_db *db, int64_t before_ms, unsigned max, uint64_t *from,
                   unsigned *n_cut, bool *more);
/* Take away what tells of blocks that are empty now.  [engine] */
int bf_journal_cut_blocks(struct bf_db *db);

/* A place in the table of keys. */
struct bf_key_place {
    struct bf_buf entity;
    struct bf_buf source;
    struct bf_buf key;
};
void bf_key_place_init(struct bf_key_place *p);         /* before the first */
void bf_key_place_fini(struct bf_key_place *p);
/* Look at up to `max` keys behind the place, and forget those received before `before_ms`. */
int bf_keys_cut(struct bf_db *db, int64_t before_ms, unsigned max, struct bf_key_place *from,
                unsigned *n_cut, bool *more);

#endif
