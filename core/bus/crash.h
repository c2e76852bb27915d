/* crash.h - runs that fall silent.
 *
 * A run whose state is RUNNING, and of which no `run.*` event was received for so long, has crashed:
 * the hub journals a run.state event of its own that says CRASHED, with what the run was last known
 * as, and it is judged like any other.  When another event of such a run comes, one that says RUNNING
 * is journaled before it.  So whoever replays the journal meets crashes as records.
 *
 * OPERATION.  runs.watched is the time from which on a run's silence is measured, so far as it was
 * looked at; it is set when the run reports RUNNING, and moved on to the run's last event only when
 * it has come due.  An event costs nothing for it.
 *
 * SAFETY.  When the hub was away, or its clock has jumped, nobody could be heard.  If that was for
 * longer than a fifth of the timeout, silence is measured from then on anew, for all runs
 * (`deaf_until` in the table `hub`). */
#ifndef BF_CRASH_H
#define BF_CRASH_H

#include "core/bus/bus.h"

struct bf_crash {
    _Atomic int64_t timeout_ms; /* 0: nothing is looked for.  [any]; the rest is the engine's */
    int64_t deaf_until_ms;
    int64_t deaf_written_ms;    /* as the table has it; -1: what was written may be undone */
    int64_t first_ms;           /* the least `watched`; 0: none, -1: it has to be looked up */
    int64_t start_ms;           /* of the hub, */
    int64_t away_ms;            /* which was not there for so long before; 0 once that is minded */
    unsigned at_once;           /* runs in one work */
    int64_t now_ms;             /* when it was looked at last, by the hub's time */
    int64_t mono_ms;            /* and by the monotonic clock */
    int64_t retry_ms;           /* after a failure, not before then */
    struct bf_work work;
    bool queued;
};

#define BF_CRASH_RETRY_MS 10000

int bf_crash_open(struct bf_bus *bus, struct bf_error *err);
/* Whether the hub was away for too long counts from the moment that the timeout is known. */
int bf_crash_listen(struct bf_tx *tx);
/* When the next silence may be over; 0: none is waited for. */
int64_t bf_crash_next(struct bf_bus *bus);
/* The work that tells of crashes, if it is time; NULL: it is not. */
struct bf_work *bf_crash_work(struct bf_bus *bus, int64_t now_ms);
/* A run reports that it runs. */
void bf_crash_watch(struct bf_bus *bus, int64_t now_ms);
void bf_crash_undo(struct bf_bus *bus);
/* Before an event is journaled: it may end a crash. */
int bf_crash_resume(struct bf_tx *tx, const struct bf_envelope *e, struct bf_error *err);
bool bf_crash_may_resume(struct bf_tx *tx, const struct bf_envelope *e);        /* whether it will */
bool bf_crash_is_told(const struct bf_envelope *e);     /* its sender says that a run has crashed */

#endif
