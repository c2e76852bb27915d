/* waits.h - waits by who waits and for which run, and by when they are over.
 *
 * A wait that is begun anew and anew, by every event of a run, costs nothing each time: it stands in
 * the heap where it first stood and is put where it belongs when it comes up. */
#ifndef BF_WAITS_H
#define BF_WAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rules/automation.h"

struct bf_wait;

/* An automation that waits. */
struct bf_waiter {
    const struct bf_automation *automation;
    struct bf_wait *waits;      /* all of its own */
};

struct bf_wait {
    struct bf_waiter *of;
    uint64_t run;               /* 0: it is no run's */
    int64_t last_ms;            /* when what is awaited came, or the last occurrence */
    int64_t due_ms;             /* when it is over; 0: it is not on.  See bf_waits_set() */
    bool noted;                 /* for the caller: among what has to be written */
    int64_t at_ms;              /* by which it stands in the heap, never later than due_ms */
    size_t place;               /* there, from 1; 0: it is not */
    struct bf_wait *next_hashed;
    struct bf_wait *next;       /* of the same waiter */
    struct bf_wait **back;
};

struct bf_waits {
    struct bf_wait **heap;
    size_t n_heap;
    size_t cap_heap;
    struct bf_wait **buckets;
    size_t n_buckets;           /* a power of two, or 0 */
    size_t n;
};

void bf_waits_fini(struct bf_waits *ws);        /* frees those that are left */

struct bf_wait *bf_waits_find(const struct bf_waits *ws, const struct bf_waiter *of, uint64_t run);
struct bf_wait *bf_waits_add(struct bf_waits *ws, struct bf_waiter *of, uint64_t run);
void bf_waits_remove(struct bf_waits *ws, struct bf_wait *w);
void bf_waits_set(struct bf_waits *ws, struct bf_wait *w, int64_t due_ms);

/* It is on, but not listed until it is set again; and whether it is so. */
void bf_waits_hold(struct bf_waits *ws, struct bf_wait *w);
bool bf_waits_held(const struct bf_wait *w);

/* Not after the first wait is over, perhaps before; 0: none is on. */
int64_t bf_waits_next(const struct bf_waits *ws);
/* The first that is over by now_ms, by due time, automation and run, or NULL; it is out of the heap
 * until it is set again. */
struct bf_wait *bf_waits_pop(struct bf_waits *ws, int64_t now_ms);

#endif
