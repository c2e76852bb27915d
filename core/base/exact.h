/* exact.h - sums of doubles without any rounding, from which values can be taken out again.
 *
 * A sum is a whole number, as wide as it has to be, of units of some power of 2^64: two or three
 * words for values of like size, 34 for the largest and the smallest double together, twice as
 * many for squares.  So the order in which values come and go does not matter, and a sum that was
 * kept for a year equals one made anew: that is what lets live, rebuilt and replayed windows agree
 * bit for bit.
 *
 * Values are finite.  Only whole numbers are used: neither the processor's rounding mode nor
 * whether it fuses or flushes anything changes a result. */
#ifndef BF_EXACT_H
#define BF_EXACT_H

#include <stddef.h>
#include <stdint.h>

#define BF_EXACT_INSIDE 3               /* words that need no memory of their own */

struct bf_exact {
    union {
        uint64_t inside[BF_EXACT_INSIDE];
        uint64_t *outside;      /* once they were too few */
    };                          /* lowest first, two's complement; as few as there can be */
    int16_t low;                /* the lowest counts units of 2^(64 * low) */
    uint16_t n;                 /* words; 0 is zero */
    uint16_t cap;               /* of those outside; 0: they are inside */
};

static inline void bf_exact_init(struct bf_exact *x) { *x = (struct bf_exact){0}; }
void bf_exact_fini(struct bf_exact *x);
void bf_exact_add(struct bf_exact *x, double value);
void bf_exact_sub(struct bf_exact *x, double value);
void bf_exact_add_square(struct bf_exact *x, double value);
void bf_exact_sub_square(struct bf_exact *x, double value);

/* The double nearest to it, the even one of two; infinite past the largest.  Zero is never
 * negative. */
double bf_exact_round(const struct bf_exact *x);
/* The double nearest to the sample deviation (n - 1) of n values, from their sum and the sum of
 * their squares: sqrt((n * squares - sum^2) / (n * (n - 1))), rounded once.  2 <= n < 2^32. */
double bf_exact_deviation(const struct bf_exact *sum, const struct bf_exact *squares, uint64_t n);
/* Bytes of memory it has besides the struct. */
static inline size_t bf_exact_outside(const struct bf_exact *x)
{
    return x->cap * sizeof(*x->outside);
}

#endif
