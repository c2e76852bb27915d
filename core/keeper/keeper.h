/* keeper.h - what a hub does for itself beside its work: sieves for the history, and retention.
 *
 * keeper.c      the round: a timer on the loop, a slice on the engine, and back
 * retention.c   what is cut, and when
 *
 * CONCEPT.  A chore is done in slices, each one piece of work for the engine like any other.  After
 * a slice the keeper rests several times as long as it took, and longer while others wait, so that
 * traffic hardly notices; where there is nothing left to do it looks again a second later.
 *
 * SAFETY.  Each slice is a transaction of its own that can be the last one: a chore finds out from
 * the tables where it was. */
#ifndef BF_KEEPER_H
#define BF_KEEPER_H

#include <stdint.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/bus/bus.h"
#include "core/delivery/loop.h"

struct bf_keeper;

struct bf_keeper *bf_keeper_new(struct bf_loop *loop, struct bf_bus *bus,
                                const struct bf_clock *clock, struct bf_log *log);
/* How long executions and events are kept, and how large the database may be; 0: for ever, and
 * without a limit.  A pass begins soon.  [any] */
void bf_keeper_keep(struct bf_keeper *k, int64_t kept_ms, int64_t max_bytes);
void bf_keeper_start(struct bf_keeper *k);      /* once the loop and the engine run */
/* Begin no other slice.  [any] */
void bf_keeper_stop(struct bf_keeper *k);
/* For /metrics.  [any] */
struct bf_keeper_counts {
    uint64_t executions_cut;    /* since the start */
    uint64_t events_cut;
    uint64_t keys_cut;
    int64_t bytes;              /* of the database, after the last pass; 0: none yet */
};
void bf_keeper_count(struct bf_keeper *k, struct bf_keeper_counts *out);
void bf_keeper_free(struct bf_keeper *k);       /* after loop and engine; NULL is fine */

#endif
