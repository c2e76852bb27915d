/* times_int.h - how long a listener waits for its clients. */
#ifndef BF_TIMES_INT_H
#define BF_TIMES_INT_H

#include <stdint.h>

#include "core/net/listener.h"

/* Patience, in milliseconds.  Tests have less. */
struct bf_listener_times {
    int64_t head;               /* from a head's first byte to its last */
    int64_t body;               /* each such span of a body must bring body_bytes */
    int64_t body_bytes;
    int64_t idle;               /* between requests, and with a client that takes nothing */
    int64_t quiet;              /* of an event stream, before it is kept awake */
    int64_t linger;             /* hearing out a client that was refused half-way */
    int64_t tick;               /* how often all this is looked at */
};

/* Instead of the usual ones; before start. */
void bf_listener_set_times(struct bf_listener *l, const struct bf_listener_times *times);

#endif
