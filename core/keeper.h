/* keeper.h - what a hub does for itself beside its work: sieves for the history, and retention.
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
void bf_keeper_start(struct bf_keeper *k);      /* once the loop and the engine run */
/* Begin no other slice.  [any] */
void bf_keeper_stop(struct bf_keeper *k);
void bf_keeper_free(struct bf_keeper *k);       /* after loop and engine; NULL is fine */

#endif
