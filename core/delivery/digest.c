/* digest.c - what joined an execution, read before its first try.
 *
 * A sink that can tell of several firings is given their events, the newest as far as they fit; any
 * other says one thing of all of them, by the newest.  What they say of each in a list
 * (${firings}) stands in the rows and needs no event. */
#include "core/delivery/courier_int.h"

#include "core/base/base.h"
#include "core/outbox/digest.h"

#define EVENTS_BYTES_MAX (4 * 1024 * 1024)      /* of the events that one message tells of */

static size_t max_later(const struct item *i)
{
    unsigned max = i->dest->info.max_merged;

    return max > 1 ? max - 1 : 1;
}

/* Newest first, so that what does not fit is old; one that is gone is left out. */
static int read_events(struct bf_courier *c, struct bf_digest *d)
{
    for (size_t k = d->n_later; k-- > 0 && d->event_bytes < EVENTS_BYTES_MAX;) {
        struct bf_told *t = &d->later[k];
        struct bf_error err;
        int rc;

        bf_arena_reset(c->scratch);
        rc = bf_journal_read(c->db, bf_bus_hub(c->bus), t->seq, c->scratch, &t->event, &err);
        if (rc == BF_EIO || rc == BF_ENOMEM)
            return rc;
        if (!rc)
            d->event_bytes += t->event->text_len;
    }
    return BF_OK;
}

int digest_read(struct item *i)
{
    struct bf_courier *c = i->dest->courier;
    struct bf_digest *d;
    int rc = bf_digest_read(c->db, i->execution->number, max_later(i), &d);

    if (rc)
        return rc;
    rc = read_events(c, d);
    if (rc)
        bf_digest_free(d);
    else
        i->execution->digest = d;
    return rc;
}

size_t digest_bytes(const struct item *i)
{
    const struct bf_digest *d = i->execution->digest;

    return d ? d->event_bytes + d->firings_len : 0;
}
