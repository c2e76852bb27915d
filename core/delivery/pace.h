/* pace.h - how fast one destination may be asked: "1/s 60/min 400/h".
 *
 * Every limit is a bucket that holds as many tokens as it names and is filled evenly over its unit.
 * An attempt takes one of each.  A bucket is kept as one number, the moment at which it would be
 * full again, so filling costs nothing and there is no rounding that adds up. */
#ifndef BF_PACE_H
#define BF_PACE_H

#include <stdint.h>

#include "core/base/error.h"

#define BF_PACE_LIMITS 4                /* in one pace */
#define BF_PACE_MAX    10000            /* attempts per unit that a limit may name */
#define BF_PACE_TEXT   64               /* bytes of a pace as it is written, NUL included */

struct bf_pace {
    unsigned n;                 /* limits; 0: none, as fast as it goes */
    struct {
        int64_t span_us;        /* the unit */
        int64_t every_us;       /* the unit divided by the limit */
        int64_t full_at_us;     /* by the monotonic clock */
    } limits[BF_PACE_LIMITS];
};

/* "N/s", "N/min" (or "N/m"), "N/h", "N/d", apart by spaces; NULL and "" are no limit. */
int bf_pace_parse(const char *text, struct bf_pace *out, struct bf_error *err);
/* How long until one more may go; 0: now. */
int64_t bf_pace_wait_ms(const struct bf_pace *p, int64_t mono_ms);
void bf_pace_take(struct bf_pace *p, int64_t mono_ms);
/* A new pace goes on where the old one stands, as far as their limits are the same. */
void bf_pace_follow(struct bf_pace *p, const struct bf_pace *old);
/* How many it lets through in a second, rounded up; UINT_MAX without limits. */
unsigned bf_pace_per_second(const struct bf_pace *p);

#endif
