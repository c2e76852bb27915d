/* retention.h - how long the history is kept: by age, and by the size of the database.
 *
 * A pass goes through executions, events, runs, keys, and what the rules remember of events that are
 * gone, and cuts what is too old.  If the
 * database has a limit and is larger, the pass is repeated with a time that moves on by a part of
 * what there is, until it is not.  Each slice is done within one transaction of the engine; a pass
 * that is broken off is simply begun again.
 *
 * Never cut: what is pending or running and its events; points of live runs; the newest of each; the
 * record of the revision an automation has; any revision, as older executions name them.  Keys of events are
 * remembered for BF_KEYS_KEPT_MS at least. */
#ifndef BF_RETENTION_H
#define BF_RETENTION_H

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/bus/bus.h"
#include "core/bus/journal_cut.h"
#include "core/bus/memory.h"

#define BF_KEYS_KEPT_MS (8 * 24 * 3600 * 1000LL)

struct bf_retention_counts {
    uint64_t executions;
    uint64_t events;
    uint64_t keys;
    uint64_t states;            /* versions of what is remembered */
};

struct bf_retention {
    const struct bf_clock *clock;       /* for how long a slice takes */
    struct bf_log *log;
    int64_t kept_ms;            /* 0: for ever */
    int64_t max_bytes;          /* 0: no limit */
    int stage;                  /* from here on its own; 0: between two passes */
    int64_t before_ms;          /* of this pass */
    uint64_t number;            /* looked at up to here; between two passes, by the last one */
    uint64_t seq;
    uint64_t run;
    struct bf_key_place key;
    struct bf_memory_place state;
    struct bf_retention_counts cut;     /* in all passes */
    struct bf_retention_counts before;  /* as it was when this one began */
};

/* For ever and without a limit, until these two are set, which may be at any time between slices.
 */
void bf_retention_init(struct bf_retention *r, const struct bf_clock *clock, struct bf_log *log);
void bf_retention_fini(struct bf_retention *r);
/* The next slice of a pass, about 10 ms of work; *more is false when the pass is over.  [engine] */
int bf_retention_slice(struct bf_retention *r, struct bf_tx *tx, bool *more, struct bf_error *err);
/* The slice's transaction has failed: `cut` was as given, and the pass begins anew.  [engine] */
void bf_retention_failed(struct bf_retention *r, struct bf_retention_counts cut);

#endif
