/* series.h - the newest values of one metric in one run, and windows over them.
 *
 * CONCEPT.  A series keeps as many values as the deepest window over it needs, in a ring.  A window
 * that is full is made when it is first asked for, and from then on follows each value in constant
 * time: sums by adding and taking out exactly (base/exact.h), least and greatest by a monotonic
 * queue.  Whoever asks for the same window shares it.  Of a few values it is not kept but worked
 * out at each asking, which costs less memory and gives the same bits.
 *
 * FORGETTING.  What was not asked for between two stocktakings is dropped: windows, and the values
 * that only they reached back to.  One is held whenever as many values have come as the ring may
 * hold, 64 at least.  So a window that is asked for at each value stays, and one that was forgotten
 * is made again by whoever asks, from the store if it must be.
 *
 * Only finite values that are in order belong into it.  A series is a cache of what is stored: it
 * may be dropped at any time, and is filled again from the newest stored values. */
#ifndef BF_SERIES_H
#define BF_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BF_WINDOW_MAX 100000            /* values */

enum bf_aggregation {
    BF_LAST,                    /* the newest of the window; its size is 1 */
    BF_AVERAGE,
    BF_LEAST,
    BF_GREATEST,
    BF_DEVIATION                /* average and sample deviation */
};

struct bf_window {
    uint8_t aggregation;        /* enum bf_aggregation */
    uint32_t size;              /* values in it, 1 to BF_WINDOW_MAX; of a deviation, 2 at least */
    uint32_t behind;            /* newer values that it leaves out; 0: it ends with the newest */
};

struct bf_window_value {
    uint32_t missing;           /* values it is short of; the rest is only set where this is 0 */
    double value;               /* average, least, greatest or last */
    double deviation;           /* of BF_DEVIATION */
};

struct bf_series;

struct bf_series *bf_series_new(void);
void bf_series_free(struct bf_series *s);       /* NULL is fine */

/* Values that a window reaches back over. */
static inline size_t bf_window_depth(const struct bf_window *w)
{
    return (size_t)w->size + w->behind;
}

/* Whether the series must be filled from the store before a window that reaches back `depth` can be
 * asked for: it holds fewer values, and there may be older ones.  From then on as many are kept, so
 * whoever asks before a push will not have to fill after it. */
bool bf_series_wants(struct bf_series *s, size_t depth);
/* What the store has: the newest n values, newest first, of which `asked` had been asked for.  In
 * place of all that was held. */
void bf_series_fill(struct bf_series *s, const double *newest_first, size_t n, size_t asked);
/* One more value, the newest. */
void bf_series_push(struct bf_series *s, double value);
/* How many values are held, and each of them: 0 is the newest. */
size_t bf_series_count(const struct bf_series *s);
double bf_series_at(const struct bf_series *s, size_t i);

/* A window as it is now; the series does not want more for its depth.  Of values that are equal,
 * 0.0 and -0.0, the newest is the least or greatest. */
struct bf_window_value bf_series_window(struct bf_series *s, const struct bf_window *w);
/* Bytes of memory it takes, itself and what malloc adds included. */
size_t bf_series_size(const struct bf_series *s);

#endif
