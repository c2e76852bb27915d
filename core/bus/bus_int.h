/* bus_int.h - what the files of this room share. */
#ifndef BF_BUS_INT_H
#define BF_BUS_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/bus/bus.h"
#include "core/bus/crash.h"
#include "core/bus/memory.h"
#include "core/bus/runs.h"
#include "core/outbox/skipped.h"

struct bf_asking;

/* A script's number, as the database has it. */
#define BF_SCRIPT_NUMBERS 256
struct bf_script_numbered {
    char hash[BF_HASH_LEN + 1];
    int64_t number;             /* 0: the place is free */
};

/* Executions that one batch has added, told to the courier after the commit. */
struct executions {
    struct bf_execution **items;        /* references */
    size_t n;
    size_t cap;
};

/* All fields but `queue` and the atomics belong to the engine's thread once it runs. */
struct bf_bus {
    struct bf_db *db;
    const struct bf_clock *clock;
    struct bf_log *log;
    struct bf_bus_hooks hooks;
    struct bf_queue *queue;
    pthread_t thread;
    bool started;
    bool healthy;
    uint16_t hub;
    struct bf_rules *rules;
    struct bf_live_memory *memory;      /* of the rules */
    struct bf_runs *runs;
    struct bf_script_numbered script_numbers[BF_SCRIPT_NUMBERS];        /* by their hashes */
    struct bf_asking *asking;           /* which hooks are asked, and who waits for that */
    struct bf_crash crash;
    atomic_size_t n_automations;
    struct bf_arena *scratch;
    struct executions added;
    struct bf_suppressions *suppressed; /* of the open batch, not yet written */
    struct bf_bus_stats stats;
    _Atomic int64_t busy_since_mono;    /* 0: no transaction is open */
    struct {
        uint64_t events;
        uint64_t duplicates;
    } tally[BF_BUS_SOURCES_MAX];        /* of the open batch, by source */
    /* The last ones given out; taken back when a batch fails. */
    uint64_t last_seq;
    uint64_t last_number;
    uint64_t refused_waits;     /* told of */
    int64_t refused_again_mono_ms;      /* when to tell again */
    int64_t retry_mono_ms;      /* what is over could not be journaled, and is tried again then; 0 */
    uint64_t commit_us;         /* what the last one took */
    int64_t stop_mono_ms;       /* until then what is parked is waited for; 0: the bus is not stopping */
    atomic_size_t queued_bytes; /* weights of the works that were posted and are not done */
    pthread_mutex_t time_lock;
    int64_t time_ms;            /* under time_lock: the hub's time ... */
    int64_t time_mono_ms;       /* ... when the monotonic clock showed this */
};

extern const char *const bf_bus_schema[];

/* engine.c: what the open batch has done so far */
void bf_bus_remember_added(struct bf_bus *bus, struct bf_execution *e);     /* takes a reference */
void bf_bus_tally(struct bf_tx *tx, bool duplicate);

/* emit.c: from here on it is counted what one piece of work leads to */
void bf_bus_count_anew(struct bf_tx *tx);

/* emit.c: what limits suppressed, into the outbox */
int bf_bus_write_suppressed(struct bf_tx *tx);

/* record.c: an event of the hub's own, as JSON, is journaled and judged; `scratch` is only used
 * meanwhile. */
int bf_bus_emit_text(struct bf_tx *tx, struct bf_arena *scratch, const struct bf_buf *text,
                     struct bf_error *err);

/* journal.c */
int bf_journal_open(struct bf_bus *bus, struct bf_error *err);
/* Whether the event is a repeat of one that has its key. */
bool bf_journal_has_key(struct bf_tx *tx, const struct bf_envelope *e);
/* One that on_event has dropped is of no run, and has no points. */
int bf_journal_append(struct bf_tx *tx, struct bf_envelope *e, bool is_dropped,
                      struct bf_receipt *out);

/* failed.c: what is untold, for the hub was stopped or the store failed.  [engine, or before it] */
void bf_failures_tell(struct bf_bus *bus);

/* advance.c: what waits on the clock */

#define BF_ADVANCE_RETRY_MS 1000        /* after what is over could not be journaled */

/* The one place that knows when the engine must wake up next, in the hub's time, or earlier; 0: for
 * nothing. */
int64_t bf_bus_next_wake(struct bf_bus *bus);
bool bf_bus_is_over(struct bf_bus *bus, int64_t now_ms);
/* How long the engine may wait for works; -1: for ever. */
int64_t bf_bus_sleep_ms(struct bf_bus *bus);
/* In a transaction of its own: journal what is over by tx->now_ms, or a part of it. */
int bf_bus_advance(struct bf_tx *tx, struct bf_error *err);

/* automations.c */
int bf_automations_load(struct bf_bus *bus, struct bf_error *err);
/* From the column; of an older hub's revisions, which are without, each has its own. */
uint64_t bf_automation_era(uint64_t revision, int64_t era);

#endif
