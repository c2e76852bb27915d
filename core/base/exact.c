/* exact.c - long two's complement numbers, and the one rounding at the end.
 *
 * A double is an integer of 53 bits times a power of two, its square one of 106 bits; each is added
 * to the two or three words on which it lies, and the carry goes up from there.  What the carry
 * leaves is cut to the fewest words, so that it never has far to go.  Words are only added below
 * when a smaller value comes, and are let go when the sum is zero.
 *
 * The deviation takes a quotient of 128 bits and its whole root of 64.  Whatever falls away on the
 * way is only remembered as "a little more": since floor(sqrt(x)) is floor(sqrt(floor(x))), that
 * is enough to round the root to 53 bits as if it had been known entirely. */
#include "core/base/exact.h"

#include <stdbool.h>
#include <string.h>

#include "core/base/base.h"

#define WORD      64
#define WORDS_MAX 72            /* of n * squares - sum^2, with some to spare */

#define MANTISSA      52        /* bits that a double stores of it */
#define EXPONENT_MASK 0x7ff
#define LAST_BIT_MIN  (-1074)   /* the smallest double is 2^this */
#define LEAD_BIT_MIN  (-1022)   /* of doubles with a whole mantissa */
#define LEAD_BIT_MAX  1023

__extension__ typedef unsigned __int128 wide;

/* mantissa * 2^exponent, less than 0 if negative. */
struct number {
    uint64_t mantissa;
    int exponent;
    bool negative;
};

static struct number take_apart(double value)
{
    struct number x;
    uint64_t bits;
    int exponent;

    memcpy(&bits, &value, sizeof(bits));
    exponent = (int)(bits >> MANTISSA & EXPONENT_MASK);
    bf_assert(exponent != EXPONENT_MASK);       /* neither infinite nor NaN */
    x.mantissa = bits & (((uint64_t)1 << MANTISSA) - 1);
    if (exponent)
        x.mantissa |= (uint64_t)1 << MANTISSA;
    else
        exponent = 1;
    x.exponent = exponent - 1 + LAST_BIT_MIN;
    x.negative = bits >> 63;
    return x;
}

static uint64_t *words_of(struct bf_exact *x) { return x->cap ? x->outside : x->inside; }
static const uint64_t *words_in(const struct bf_exact *x)
{
    return x->cap ? x->outside : x->inside;
}

/* The word above another, as long as there is nothing but the sign. */
static uint64_t sign_above(uint64_t word) { return word >> 63 ? UINT64_MAX : 0; }
static uint64_t sign_of(const uint64_t *words, size_t n)
{
    return n ? sign_above(words[n - 1]) : 0;
}

void bf_exact_fini(struct bf_exact *x)
{
    if (x->cap)
        free(x->outside);
    bf_exact_init(x);
}

/* Room for n words. */
static uint64_t *reserve(struct bf_exact *x, size_t n)
{
    uint64_t inside[BF_EXACT_INSIDE];

    if (n <= (x->cap ? x->cap : BF_EXACT_INSIDE))
        return words_of(x);
    bf_assert(n <= WORDS_MAX);
    memcpy(inside, x->inside, sizeof(inside));
    x->outside = bf_zrealloc(x->cap ? x->outside : NULL, n * sizeof(*x->outside));
    if (!x->cap)
        memcpy(x->outside, inside, sizeof(inside));
    x->cap = (uint16_t)n;
    return x->outside;
}

/* Widen it to the words from `from` to before `to`, if it is not that wide. */
static void cover(struct bf_exact *x, int from, int to)
{
    int low = x->n && x->low < from ? x->low : from;
    int high = x->n && x->low + x->n > to ? x->low + x->n : to;
    size_t below = x->n ? (size_t)(x->low - low) : 0, n = (size_t)(high - low);
    uint64_t *words, sign;

    if (n == x->n)
        return;
    words = reserve(x, n);
    sign = sign_of(words, x->n);
    if (below) {
        memmove(words + below, words, x->n * sizeof(*words));
        memset(words, 0, below * sizeof(*words));
    }
    for (size_t i = below + x->n; i < n; i++)
        words[i] = sign;
    x->low = (int16_t)low;
    x->n = (uint16_t)n;
}

static void trim(struct bf_exact *x)
{
    const uint64_t *words = words_of(x);

    while (x->n && words[x->n - 1] == sign_of(words, x->n - 1u))
        x->n--;
}

/* Add n words, the lowest of which counts 2^(64 * at), or take them out: that is to add what
 * inverts their bits, and one. */
static void add_words(struct bf_exact *x, int at, const uint64_t *more, size_t n, bool negative)
{
    uint64_t invert = negative ? UINT64_MAX : 0, carry = negative, top, *words;
    size_t i, k;

    cover(x, at, at + (int)n);
    words = words_of(x);
    top = sign_of(words, x->n);
    for (i = (size_t)(at - x->low), k = 0; i < x->n && (k < n || carry != negative); i++, k++) {
        wide sum = (wide)words[i] + ((k < n ? more[k] : 0) ^ invert) + carry;

        words[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> WORD);
    }
    top += invert + carry;
    if (top != sign_of(words, x->n)) {
        reserve(x, x->n + 1u)[x->n] = top;
        x->n++;
    }
    trim(x);
}

/* Add mantissa * 2^exponent.  It has 106 bits at most unless the exponent is one of a whole word,
 * so that three words will do. */
static void add_number(struct bf_exact *x, wide mantissa, int exponent, bool negative)
{
    int at = (exponent + WORD * WORDS_MAX) / WORD - WORDS_MAX;      /* rounds down */
    int shift = exponent - at * WORD;
    wide upper = mantissa >> 1 >> (WORD - 1 - shift);
    uint64_t words[3];

    if (mantissa == 0)
        return;
    words[0] = (uint64_t)(mantissa << shift);
    words[1] = (uint64_t)upper;
    words[2] = (uint64_t)(upper >> WORD);
    add_words(x, at, words, words[2] ? 3 : words[1] ? 2 : 1, negative);
}

void bf_exact_add(struct bf_exact *x, double value)
{
    struct number v = take_apart(value);

    add_number(x, v.mantissa, v.exponent, v.negative);
}

void bf_exact_sub(struct bf_exact *x, double value)
{
    struct number v = take_apart(value);

    add_number(x, v.mantissa, v.exponent, !v.negative);
}

void bf_exact_add_square(struct bf_exact *x, double value)
{
    struct number v = take_apart(value);

    add_number(x, (wide)v.mantissa * v.mantissa, 2 * v.exponent, false);
}

void bf_exact_sub_square(struct bf_exact *x, double value)
{
    struct number v = take_apart(value);

    add_number(x, (wide)v.mantissa * v.mantissa, 2 * v.exponent, true);
}

/* --- rounding --------------------------------------------------------------------------------- */

/* 64 bits of a long number from one on; there are zeros below its first and above its last. */
static uint64_t bits_from(const uint64_t *words, size_t n, int bit)
{
    int at = (bit + WORD * WORDS_MAX) / WORD - WORDS_MAX, shift = bit - at * WORD;
    uint64_t lower = at >= 0 && at < (int)n ? words[at] : 0;
    uint64_t upper = at >= -1 && at + 1 < (int)n ? words[at + 1] : 0;

    return lower >> shift | upper << 1 << (WORD - 1 - shift);
}

static bool any_below(const uint64_t *words, int bit)
{
    int i;

    for (i = 0; i < bit / WORD; i++)
        if (words[i])
            return true;
    return bit > 0 && bit % WORD && words[i] << (WORD - bit % WORD);
}

/* Bits from the first to the last that is set; the highest word is not 0. */
static int length_in_bits(const uint64_t *words, size_t n)
{
    return (int)n * WORD - __builtin_clzll(words[n - 1]);
}

/* What it is without its sign, as n words of which the highest is not 0. */
static size_t magnitude(const struct bf_exact *x, uint64_t out[WORDS_MAX])
{
    const uint64_t *words = words_in(x);
    uint64_t invert = sign_of(words, x->n), carry = invert & 1;
    size_t n = x->n;

    for (size_t i = 0; i < n; i++) {
        out[i] = (words[i] ^ invert) + carry;
        carry = carry && out[i] == 0;
    }
    while (n && out[n - 1] == 0)
        n--;
    return n;
}

/* The double nearest to words * 2^exponent, and a little more if `more`. */
static double nearest(const uint64_t *words, size_t n, int exponent, bool more, bool negative)
{
    int lead = exponent + length_in_bits(words, n) - 1;
    int last = lead - MANTISSA > LAST_BIT_MIN ? lead - MANTISSA : LAST_BIT_MIN;
    int cut = last - exponent;          /* the bits below it fall away */
    uint64_t bits = bits_from(words, n, cut);
    bool half = cut > 0 && bits_from(words, n, cut - 1) & 1;
    double value;

    if (half && (more || bits & 1 || any_below(words, cut - 1)))
        bits++;
    /* The mantissa's own leading bit counts as one more in the exponent, and so does a carry that
     * has made the mantissa longer. */
    if (lead > LEAD_BIT_MAX)
        bits = (uint64_t)EXPONENT_MASK << MANTISSA;
    else if (lead >= LEAD_BIT_MIN)
        bits += (uint64_t)(lead - LEAD_BIT_MIN) << MANTISSA;
    bits |= (uint64_t)negative << 63;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

double bf_exact_round(const struct bf_exact *x)
{
    uint64_t words[WORDS_MAX];
    size_t n = magnitude(x, words);

    if (n == 0)
        return 0.0;
    return nearest(words, n, x->low * WORD, false, sign_of(words_in(x), x->n) != 0);
}

/* --- deviation -------------------------------------------------------------------------------- */

/* out += a * by, with one word more than a has, which counted as 0 whatever it was. */
static void add_multiple(uint64_t *out, const uint64_t *a, size_t n, uint64_t by)
{
    uint64_t carry = 0;

    for (size_t i = 0; i < n; i++) {
        wide sum = (wide)a[i] * by + out[i] + carry;

        out[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> WORD);
    }
    out[n] = carry;
}

/* out -= a, which is not more. */
static void subtract(uint64_t *out, size_t n_out, const uint64_t *a, size_t n)
{
    uint64_t borrow = 0;

    for (size_t i = 0; i < n_out; i++) {
        wide less = (wide)(i < n ? a[i] : 0) + borrow;

        borrow = out[i] < less;
        out[i] -= (uint64_t)less;
    }
    bf_assert(borrow == 0);
}

/* n * squares - sum^2, as words of which the lowest counts 2^(64 * *low). */
static size_t spread(const struct bf_exact *sum, const struct bf_exact *squares, uint64_t n,
                     uint64_t out[WORDS_MAX], int *low)
{
    uint64_t words[WORDS_MAX], product[WORDS_MAX];
    size_t len = magnitude(sum, words), n_out, below;

    bf_assert(2 * len <= WORDS_MAX);
    memset(product, 0, len * sizeof(*product));
    for (size_t i = 0; i < len; i++)
        add_multiple(product + i, words, len, words[i]);
    *low = len && 2 * sum->low < squares->low ? 2 * sum->low : squares->low;
    below = (size_t)(squares->low - *low);
    n_out = below + squares->n + 1;
    bf_assert(n_out <= WORDS_MAX);
    memset(out, 0, n_out * sizeof(*out));
    add_multiple(out + below, words, magnitude(squares, words), n);
    if (len) {
        below = (size_t)(2 * sum->low - *low);
        bf_assert(below < n_out);
        subtract(out + below, n_out - below, product, 2 * len);
    }
    while (n_out && out[n_out - 1] == 0)
        n_out--;
    return n_out;
}

/* Divide three words in place; gives the remainder. */
static uint64_t divide(uint64_t words[3], uint64_t by)
{
    uint64_t rest = 0;

    for (int i = 2; i >= 0; i--) {
        wide part = (wide)rest << WORD | words[i];

        words[i] = (uint64_t)(part / by);
        rest = (uint64_t)(part % by);
    }
    return rest;
}

/* The largest whole number whose square is not above x, which is at least 2^126: by Newton's steps
 * down from above, that end where they would go up. */
static uint64_t root(wide x)
{
    wide r = UINT64_MAX, next = (r + x / r) / 2;

    while (next < r) {
        r = next;
        next = (r + x / r) / 2;
    }
    return (uint64_t)r;
}

double bf_exact_deviation(const struct bf_exact *sum, const struct bf_exact *squares, uint64_t n)
{
    uint64_t words[WORDS_MAX], part[3], r;
    size_t len;
    int low, cut, exponent;
    bool more;
    wide x;

    bf_assert(n >= 2 && n <= UINT32_MAX);
    len = spread(sum, squares, n, words, &low);
    if (len == 0)
        return 0.0;

    exponent = low * WORD;
    cut = length_in_bits(words, len) - 3 * WORD;        /* less than 0: zeros are appended */
    for (int i = 0; i < 3; i++)
        part[i] = bits_from(words, len, cut + i * WORD);
    more = any_below(words, cut);
    exponent += cut;
    more |= divide(part, n * (n - 1)) != 0;

    cut = length_in_bits(part, part[2] ? 3 : 2) - 2 * WORD;
    cut += (exponent + cut) & 1;        /* the root's exponent is half of it */
    x = (wide)bits_from(part, 3, cut + WORD) << WORD | bits_from(part, 3, cut);
    more |= any_below(part, cut);
    exponent += cut;
    r = root(x);
    more |= (wide)r * r != x;
    return nearest(&r, 1, exponent / 2, more, false);
}
