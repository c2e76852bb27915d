/* cause.h - which event began it all, carried from hub to hub.
 *
 * CONCEPT.  An event that follows from another names it in `cause`.  What goes out because of an
 * event carries the root of its chain in the header Belfry-Cause, beside Belfry-Hops: the event's
 * own cause, or if it has none the event itself.  A hub that takes events in with that header gives
 * them this cause, so however hubs are pointed at each other, all that came of one event is known by
 * one name, and the rules can count it.
 *
 * The header goes before a `cause` in the envelope: the one was made by a hub, the other by whoever
 * wrote a payload.  It is written into the envelope, so that whoever replays it sees it too. */
#ifndef BF_CAUSE_H
#define BF_CAUSE_H

#include "core/event/envelope.h"

#define BF_CAUSE_HEADER "Belfry-Cause"

/* What the header says of an event, in characters that a header can hold; from `a`. */
const char *bf_cause_root(struct bf_arena *a, const char *cause, const char *id);
/* The same event with another cause, a reference; or with none of ours to change, the same one.
 * BF_ECONFIG if it cannot be one, BF_ETOOBIG if the event has no room for it. */
int bf_cause_set(struct bf_arena *scratch, struct bf_envelope *e, const char *cause,
                 struct bf_envelope **out, struct bf_error *err);

#endif
