/* series - values and askings in any order, four bytes a step: each window is what it would be if it
 * were made of the run's last values alone. */
#include "tests/fuzz/fuzz.h"

#include <math.h>

#include "core/base/exact.h"
#include "core/rules/series.h"

#define VALUES_MAX 1000
#define ASKED_MAX  200

struct run {
    struct bf_series *series;
    double values[VALUES_MAX];
    size_t n;
};

static bool same(double a, double b) { return memcmp(&a, &b, sizeof(a)) == 0; }

/* As the evaluator does: what the store has, where it is wanted. */
static void want(struct run *r, size_t depth)
{
    double newest_first[VALUES_MAX];
    size_t n = r->n < depth ? r->n : depth;

    if (!bf_series_wants(r->series, depth))
        return;
    for (size_t i = 0; i < n; i++)
        newest_first[i] = r->values[r->n - 1 - i];
    bf_series_fill(r->series, newest_first, n, depth);
}

static struct bf_window_value made_anew(const double *values, const struct bf_window *w)
{
    struct bf_window_value v = {.value = values[0]};
    struct bf_exact sum, squares;

    bf_exact_init(&sum);
    bf_exact_init(&squares);
    for (uint32_t i = 0; i < w->size; i++) {
        bf_exact_add(&sum, values[i]);
        bf_exact_add_square(&squares, values[i]);
        if ((w->aggregation == BF_LEAST && values[i] <= v.value) ||
            (w->aggregation == BF_GREATEST && values[i] >= v.value))
            v.value = values[i];
    }
    if (w->aggregation == BF_AVERAGE || w->aggregation == BF_DEVIATION)
        v.value = bf_exact_round(&sum) / w->size;
    if (w->aggregation == BF_DEVIATION)
        v.deviation = bf_exact_deviation(&sum, &squares, w->size);
    bf_exact_fini(&sum);
    bf_exact_fini(&squares);
    return v;
}

static void ask(struct run *r, const struct bf_window *w)
{
    size_t depth = bf_window_depth(w);
    struct bf_window_value got, anew;

    want(r, depth);
    got = bf_series_window(r->series, w);
    CLAIM(got.missing == (r->n < depth ? depth - r->n : 0));
    if (got.missing)
        return;
    anew = made_anew(r->values + r->n - depth, w);
    CLAIM(same(got.value, anew.value));
    CLAIM(w->aggregation != BF_DEVIATION || same(got.deviation, anew.deviation));
    CLAIM(bf_series_size(r->series) >= sizeof(double) * depth);
}

/* Values of like and of very different size, and some that are equal. */
static double value_of(const uint8_t step[4])
{
    double value = (int8_t)step[1];

    return step[0] & 0x40 ? ldexp(value, (step[2] << 3 | step[3] >> 5) - 1040) : value * 0.1;
}

static struct bf_window window_of(const uint8_t step[4])
{
    struct bf_window w = {.aggregation = step[0] % (BF_DEVIATION + 1), .behind = step[2]};

    w.size = w.aggregation == BF_LAST ? 1 : step[1] + (w.aggregation == BF_DEVIATION) + 1u;
    return w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run *r = calloc(1, sizeof(*r));
    int asked = 0;

    if (!r)
        abort();
    r->series = bf_series_new();
    for (; size >= 4 && r->n < VALUES_MAX; data += 4, size -= 4) {
        struct bf_window w = window_of(data);

        if (data[0] < 0x80) {
            r->values[r->n] = value_of(data);
            bf_series_push(r->series, r->values[r->n++]);
        } else if (data[0] < 0xf8) {
            if (asked++ < ASKED_MAX)
                ask(r, &w);
        } else {
            bf_series_free(r->series);
            r->series = bf_series_new();
        }
    }
    bf_series_free(r->series);
    free(r);
    return 0;
}
