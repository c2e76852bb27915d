/* prom.h - counting what happens, and telling it in Prometheus' text format, version 0.0.4.
 *
 * Counters are plain atomics that are added to with relaxed order; only who is asked for them
 * pays more.  A metric is its head and then its samples, all of one metric together. */
#ifndef BF_PROM_H
#define BF_PROM_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/base/buf.h"

#define BF_PROM_TYPE "text/plain; version=0.0.4; charset=utf-8"

typedef atomic_ullong bf_counter;
static inline void bf_count(bf_counter *c, uint64_t n)
{
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}
static inline uint64_t bf_counted(const bf_counter *c)
{
    return atomic_load_explicit((bf_counter *)c, memory_order_relaxed);
}

#define BF_HISTOGRAM_MAX 16

/* How often a value was at most each bound. */
struct bf_histogram {
    const uint64_t *bounds;     /* n of them, growing; fixed */
    unsigned n;
    double unit;                /* what 1 is in the unit that is told: 1e-6 for us told as s */
    bf_counter counts[BF_HISTOGRAM_MAX + 1];    /* of values up to each bound; above the last */
    bf_counter sum;
};
#define BF_HISTOGRAM(b, u) { .bounds = (b), .n = sizeof(b) / sizeof((b)[0]), .unit = (u) }
void bf_histogram_add(struct bf_histogram *h, uint64_t value);

/* "counter", "gauge", "histogram". */
void bf_prom_head(struct bf_buf *b, const char *name, const char *type, const char *help);
/* Labels are name, value, ..., NULL; or NULL. */
void bf_prom_int(struct bf_buf *b, const char *name, const char *const *labels, uint64_t value);
void bf_prom_double(struct bf_buf *b, const char *name, const char *const *labels, double value);
void bf_prom_histogram(struct bf_buf *b, const char *name, const struct bf_histogram *h);

#endif
