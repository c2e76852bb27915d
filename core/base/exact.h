/* exact.h - sums of doubles without any rounding, from which values can be taken out again.
 *
 * A sum is kept as a whole number of the smallest unit that occurs in it, as wide as it has to be:
 * some words for values of like size, 70 for the largest and the smallest double together, twice
 * as many for squares.  So the order in which values come and go does not matter, and a sum that
 * was kept for a year equals one made anew: that is what lets live, rebuilt and replayed windows
 * agree bit for bit.  Values are finite. */
#ifndef BF_EXACT_H
#define BF_EXACT_H

#include <stddef.h>
#include <stdint.h>

struct bf_exact {
    int64_t *words;             /* digits of 2^32, lowest first, with a sign each; NULL: zero */
    int32_t low;                /* the first one counts units of 2^(32 * low) */
    uint16_t n;
    uint16_t cap;
    uint32_t pending;           /* additions since carries were resolved */
};

static inline void bf_exact_init(struct bf_exact *x) { *x = (struct bf_exact){0}; }
void bf_exact_fini(struct bf_exact *x);
void bf_exact_add(struct bf_exact *x, double value);
void bf_exact_sub(struct bf_exact *x, double value);
void bf_exact_add_square(struct bf_exact *x, double value);
void bf_exact_sub_square(struct bf_exact *x, double value);

/* The double nearest to it, the even one of two; infinite past the largest. */
double bf_exact_round(const struct bf_exact *x);
/* The double nearest to the sample deviation (n - 1) of n values, from their sum and the sum of
 * their squares: sqrt((n * squares - sum^2) / (n * (n - 1))), rounded once.  n >= 2. */
double bf_exact_deviation(const struct bf_exact *sum, const struct bf_exact *squares, uint64_t n);

#endif
