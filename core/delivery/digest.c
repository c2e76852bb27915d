/* digest.c - what joined an execution, read before each try.
 *
 * A sink that can tell of several firings is given their events, the newest as far as they fit; any
 * other says one thing of all of them, by the newest.  What they say of each in a list
 * (${firings}) stands in the rows, where firings joined; where executions did (merge.c) it is made of
 * the events here.
 *
 * A thousand events are read and parsed in tens of ms, which is too long for the loop: others wait.  So
 * it is done a slice at a time. */
#include "core/delivery/courier_int.h"

#include "core/base/base.h"
#include "core/outbox/digest.h"

#define EVENTS_BYTES_MAX (4 * 1024 * 1024)      /* of the events that one message tells of */
#define SLICE_EVENTS 16         /* under 1 ms, if they are of the usual size, ... */
#define SLICE_BYTES  (64 * 1024)        /* ... and if they are large */

static size_t max_later(const struct item *i)
{
    unsigned max = i->dest->info.max_merged;

    return max > 1 ? max - 1 : 1;
}


/* --- what is said of each ---------------------------------------------------------- */

static void describe(const struct item *i, struct bf_told *t)
{
    struct bf_buf b;

    bf_buf_init(&b, BF_FIRING_MAX);
    bf_digest_describe(i->execution->automation, t->event, t->facts, t->facts_len, &b);
    t->firing_len = b.failed ? 0 : b.len;
    t->firing = b.failed ? NULL : bf_buf_take(&b);
    bf_buf_fini(&b);
}

static void add_firing(struct bf_buf *list, const struct bf_told *t)
{
    if (!t->firing_len)
        return;
    if (list->len > 1)
        bf_buf_addc(list, ',');
    bf_buf_add(list, t->firing, t->firing_len);
}

/* The oldest of those whose texts fit in with all behind them; n_later + 1 if none does. */
static size_t first_said(const struct bf_digest *d, const struct bf_told *own)
{
    size_t bytes = 0, k = d->n_later + 1;

    while (k > 0) {
        bytes += (k == 1 ? own : &d->later[k - 2])->firing_len + 1;
        if (bytes >= BF_DIGEST_BYTES_MAX)
            break;
        k--;
    }
    return k;
}

/* Oldest first, and the teller's own is the oldest. */
static void list_firings(struct item *i, struct bf_digest *d)
{
    const struct bf_execution *x = i->execution;
    struct bf_told own = {.event = x->event, .facts = x->facts, .facts_len = x->facts_len};
    struct bf_buf list;
    size_t first;

    describe(i, &own);
    first = first_said(d, &own);
    bf_buf_init(&list, BF_DIGEST_BYTES_MAX + 2);
    bf_buf_addc(&list, '[');
    if (first == 0)
        add_firing(&list, &own);
    for (size_t k = first ? first - 1 : 0; k < d->n_later; k++)
        add_firing(&list, &d->later[k]);
    bf_buf_addc(&list, ']');
    for (size_t k = 0; k < d->n_later; k++) {
        free(d->later[k].firing);
        d->later[k].firing = NULL;
    }
    free(own.firing);
    free(d->firings);
    d->firings_len = list.len;
    d->firings = bf_buf_take(&list);
}


/* --- reading ------------------------------------------------------------------------- */

/* One that is gone is left out. */
static int read_event(struct item *i, struct bf_told *t)
{
    struct bf_courier *c = i->dest->courier;
    struct bf_digest *d = i->reading;
    struct bf_error err;
    int rc;

    bf_arena_reset(c->scratch);
    rc = bf_journal_read(c->db, bf_bus_hub(c->bus), t->seq, c->scratch, &t->event, &err);
    if (rc)
        return rc == BF_EIO || rc == BF_ENOMEM ? rc : BF_OK;
    d->event_bytes += t->event->text_len;
    if (t->event->hops > d->hops)
        d->hops = t->event->hops;
    if (d->has_no_text)
        describe(i, t);
    return BF_OK;
}

/* Newest first, so that what does not fit is old: into one message, or into what all that are under way
 * may hold. */
static int read_slice(struct item *i)
{
    struct bf_digest *d = i->reading;
    size_t bytes = d->event_bytes;
    int rc = BF_OK;

    for (unsigned n = 0; !rc && i->n_unread && n < SLICE_EVENTS &&
                         d->event_bytes - bytes < SLICE_BYTES; n++) {
        rc = read_event(i, &d->later[--i->n_unread]);
        if (d->event_bytes >= EVENTS_BYTES_MAX)
            i->n_unread = 0;
    }
    destination_weigh(i);
    if (i->dest->courier->flight_bytes >= FLIGHT_BYTES_MAX)
        i->n_unread = 0;
    return rc;
}

static void go_on(struct item *i)
{
    struct bf_digest *d = i->reading;
    int rc = read_slice(i);

    if (!rc && i->n_unread) {
        attempt_back(i, go_on);
        return;
    }
    i->reading = NULL;
    if (!rc && d->has_no_text)
        list_firings(i, d);
    if (rc)
        bf_digest_free(d);
    else
        i->execution->digest = d;
    destination_weigh(i);
    i->after_digest(i);
}

void digest_read(struct item *i, void (*after)(struct item *i))
{
    i->after_digest = after;
    if (bf_digest_read(i->dest->courier->db, i->execution->number, max_later(i), &i->reading)) {
        after(i);
        return;
    }
    i->n_unread = i->reading->n_later;
    go_on(i);
}

size_t digest_bytes(const struct item *i)
{
    const struct bf_digest *d = i->reading ? i->reading : i->execution->digest;

    return d ? d->event_bytes + d->firings_len : 0;
}
