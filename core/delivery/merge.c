/* merge.c - over a backlog: which others an execution tells of.
 *
 * It is decided when the execution is taken, before it is asked about or rendered, and once: one that
 * was attempted, or tells of others already, stays as it is.  The line is looked through here, on the
 * loop, where it is known what is under way; the engine then marks what still waits, and until it has
 * done so nothing else of this destination begins.
 *
 * A line in which nothing can be merged costs as much to look through as one that becomes a single
 * message, and would at every attempt; and so does counting one that is not quite long enough.  After
 * a look in vain the next one waits, for long enough that looking takes a small part of the loop's
 * time. */
#include "core/delivery/courier_int.h"

#include <time.h>

#include "core/base/base.h"
#include "core/outbox/digest.h"

#define LOOK_MIN   256          /* rows of the line that are looked at for one message ... */
#define LOOK_TIMES 4            /* ... or so many times as many as it may tell of */
#define IDLE_TIMES 20           /* after a look in vain, so many times as long as it took */

static int64_t us_of(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static unsigned between(unsigned low, unsigned n, unsigned high)
{
    return n < low ? low : n > high ? high : n;
}

/* What others this one may be told with, its own firing apart. */
static unsigned max_joining(const struct destination *d)
{
    return between(1, d->info.max_merged, BF_DIGEST_MAX) - 1;
}

static bool is_backlog(struct destination *d)
{
    struct bf_courier *c = d->courier;
    unsigned n = d->n_memory;

    if (d->on_disk && bf_merge_backlog(c->db, d->id, bf_bus_now(c->bus), d->merge_over + 1, &n))
        return false;           /* the store's trouble: whoever needs it says so */
    return n > d->merge_over;
}

static bool may_tell(const struct item *i)
{
    const struct bf_execution *x = i->execution;

    return i->dest->merge_over && x->attempts == 0 && !x->is_digest && !is_dry(i) &&
           i->dest->merge_again_us <= us_of(CLOCK_MONOTONIC);
}

/* Begun, or ended and not recorded yet. */
static bool is_under_way(struct bf_courier *c, uint64_t number)
{
    const struct item *i = courier_find(c, number);

    return i && (i->at.arena || i->record.execution);
}

static void on_found(void *arg, uint64_t number)
{
    struct item *i = arg;

    if (i->n_joining < max_joining(i->dest) && !is_under_way(i->dest->courier, number))
        i->joining[i->n_joining++] = number;
}

static void look_through(struct item *i)
{
    struct destination *d = i->dest;
    struct bf_courier *c = d->courier;
    unsigned look = between(LOOK_MIN, LOOK_TIMES * d->info.max_merged, BF_MERGE_LOOK_MAX);

    i->joining = bf_arena_alloc(i->at.arena, max_joining(d) * sizeof(*i->joining));
    if (!i->joining ||
        bf_merge_find(c->db, i->execution, bf_bus_now(c->bus), look, on_found, i))
        i->n_joining = 0;
}

void merge_look(struct item *i)
{
    struct destination *d = i->dest;
    int64_t begun;

    if (!may_tell(i))
        return;
    begun = us_of(CLOCK_THREAD_CPUTIME_ID);
    if (is_backlog(d))
        look_through(i);
    if (i->n_joining)
        destination_merges(d);
    else
        d->merge_again_us = us_of(CLOCK_MONOTONIC) +
                            IDLE_TIMES * (us_of(CLOCK_THREAD_CPUTIME_ID) - begun);
}

void merge_end(struct item *i)
{
    i->n_joining = 0;
    i->execution->n_merged = i->n_joined;
    i->execution->is_digest |= i->n_joined > 0;
    destination_merged(i->dest);
}
