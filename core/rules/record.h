/* record.h - one record of the journal as the rules see it: an event, and where it concerns a run,
 * which one that is in this hub and what came of its points.
 *
 * A run has a number in the hub, given with its first event and never again.  Whether a point is in
 * order is settled once, when its event is journaled, and stored with it; so live traffic, windows
 * that are rebuilt and a backtest all take the same values in the same order. */
#ifndef BF_RECORD_H
#define BF_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "core/event/envelope.h"

struct bf_record {
    const struct bf_envelope *event;    /* has its place in the journal */
    uint64_t run;               /* number of its run; 0: it concerns none, or one nobody knows */
    const struct bf_point *points;      /* the event's; whether they are in order is settled */
    size_t n_points;
};

#endif
