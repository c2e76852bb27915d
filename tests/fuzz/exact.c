/* exact - values that come and go, nine bytes a step: the sum is what one of those that are left is,
 * and no double is nearer to it. */
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdbool.h>

#include "core/base/exact.h"

#define HELD_MAX  24
#define STEPS_MAX 200

struct sums {
    struct bf_exact sum, squares;
};

static void add(struct sums *s, double value)
{
    bf_exact_add(&s->sum, value);
    bf_exact_add_square(&s->squares, value);
}

static void sub(struct sums *s, double value)
{
    bf_exact_sub(&s->sum, value);
    bf_exact_sub_square(&s->squares, value);
}

static void fini(struct sums *s)
{
    bf_exact_fini(&s->sum);
    bf_exact_fini(&s->squares);
}

static bool same(double a, double b) { return memcmp(&a, &b, sizeof(a)) == 0; }

/* What the rounding left out is half of the distance to the next double at most. */
static void claim_nearest(const struct sums *s, const double *held, size_t n)
{
    double rounded = bf_exact_round(&s->sum), rest, up, down;
    struct bf_exact left;

    if (!isfinite(rounded))
        return;
    bf_exact_init(&left);
    for (size_t i = 0; i < n; i++)
        bf_exact_add(&left, held[i]);
    bf_exact_sub(&left, rounded);
    rest = bf_exact_round(&left);
    up = nextafter(rounded, INFINITY) - rounded;
    down = rounded - nextafter(rounded, -INFINITY);
    CLAIM(rest <= up / 2 && -rest <= down / 2);
    bf_exact_fini(&left);
}

/* Of twice the values it is twice as much. */
static void claim_scales(double deviation, const double *held, size_t n)
{
    struct sums twice = {0};

    if (deviation < 0x1p-1000 || deviation > 0x1p1000)
        return;
    for (size_t i = 0; i < n; i++)
        if (fabs(held[i]) > 0x1p1000)
            return;
    for (size_t i = n; i-- > 0; )
        add(&twice, 2 * held[i]);
    CLAIM(same(bf_exact_deviation(&twice.sum, &twice.squares, n), 2 * deviation));
    fini(&twice);
}

static void claim_no_trace(const struct sums *s, const double *held, size_t n)
{
    struct sums anew = {0};

    for (size_t i = 0; i < n; i++)
        add(&anew, held[i]);
    CLAIM(same(bf_exact_round(&anew.sum), bf_exact_round(&s->sum)));
    CLAIM(same(bf_exact_round(&anew.squares), bf_exact_round(&s->squares)));
    if (n >= 2) {
        double deviation = bf_exact_deviation(&s->sum, &s->squares, n);

        CLAIM(deviation >= 0 && !signbit(deviation));
        CLAIM(same(bf_exact_deviation(&anew.sum, &anew.squares, n), deviation));
        claim_scales(deviation, held, n);
    }
    fini(&anew);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double held[HELD_MAX], value;
    struct sums s = {0};
    size_t n = 0;

    for (int step = 0; step < STEPS_MAX && size >= 9; step++, data += 9, size -= 9) {
        memcpy(&value, data + 1, sizeof(value));
        if (n && (data[0] & 1 || n == HELD_MAX)) {
            size_t which = (data[0] >> 1) % n;

            sub(&s, held[which]);
            held[which] = held[--n];
        } else if (isfinite(value)) {
            add(&s, held[n++] = value);
        }
        if (step % 8 == 7 || size < 18) {
            claim_nearest(&s, held, n);
            claim_no_trace(&s, held, n);
        }
    }
    fini(&s);
    return 0;
}
