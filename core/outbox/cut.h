/* cut.h - taking old executions out of the history, oldest first. */
#ifndef BF_CUT_H
#define BF_CUT_H

#include "core/outbox/outbox.h"

/* Look at up to `max` executions from number *from on, and cut those created before `before_ms`
 * with their attempts.  What is pending or running stays, and so does the newest: the next number
 * follows from it.  *from is moved on; *more is false at the first that is not old enough, and at
 * the end.  [engine] */
int bf_outbox_cut(struct bf_db *db, int64_t before_ms, unsigned max, uint64_t *from,
                  unsigned *n_cut, bool *more);
/* Take away what tells of blocks that are empty now.  [engine] */
int bf_outbox_cut_blocks(struct bf_db *db);

/* A piece of the journal: from one event to another. */
struct bf_events_span {
    uint64_t from, to;          /* seqs, and when they were received */
    int64_t from_ms, to_ms;
};
/* The events in it that pending or running executions need, and some others; to `fn`, in no
 * order, some twice. */
int bf_outbox_needed(struct bf_db *db, const struct bf_events_span *span,
                     void (*fn)(void *arg, uint64_t event), void *arg);

#endif
