#include "tests/test.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/base.h"
#include "core/base/exact.h"
#include "core/rules/series.h"

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

#define CHECK_DOUBLE(got, want)                                                     \
    do {                                                                            \
        double got_ = (got), want_ = (want);                                        \
        if (bits_of(got_) != bits_of(want_))                                        \
            test_failed(__FILE__, __LINE__, "%s is %a, not %a", #got, got_, want_); \
    } while (0)

/* A series of which the store has nothing, but which will be asked for so many. */
static struct bf_series *series(size_t depth)
{
    struct bf_series *s = bf_series_new();

    CHECK(bf_series_wants(s, depth));
    bf_series_fill(s, NULL, 0, depth);
    return s;
}

static void push_all(struct bf_series *s, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bf_series_push(s, values[i]);
}

static struct bf_window_value ask(struct bf_series *s, enum bf_aggregation aggregation,
                                  uint32_t size, uint32_t behind)
{
    struct bf_window w = {.aggregation = (uint8_t)aggregation, .size = size, .behind = behind};

    CHECK(!bf_series_wants(s, bf_window_depth(&w)));
    return bf_series_window(s, &w);
}

/* --- the worked examples ---------------------------------------------------------------------- */

/* AVERAGE of the last 5 of accuracy, $gt 0.6. */
TEST(an_average_of_exactly_the_threshold_is_not_above_it)
{
    static const double values[] = {.50, .55, .60, .65, .70};
    struct bf_series *s = series(5);

    push_all(s, values, 4);
    CHECK_INT(ask(s, BF_AVERAGE, 5, 0).missing, 1);
    bf_series_push(s, values[4]);
    CHECK_INT(ask(s, BF_AVERAGE, 5, 0).missing, 0);
    CHECK_DOUBLE(ask(s, BF_AVERAGE, 5, 0).value, 0.6);
    bf_series_push(s, .75);
    CHECK_DOUBLE(ask(s, BF_AVERAGE, 5, 0).value, 0.65);
    CHECK_DOUBLE(ask(s, BF_LEAST, 5, 0).value, .55);
    CHECK_DOUBLE(ask(s, BF_GREATEST, 5, 0).value, .75);
    bf_series_free(s);
}

/* The prior 50 average 0.55, the current 10 average 0.40: relatively -0.2727. */
TEST(a_change_is_between_the_newest_window_and_the_one_behind_it)
{
    struct bf_series *s = series(60);
    double current, prior;

    for (int i = 0; i < 25; i++)
        push_all(s, (const double[]){.50, .60}, 2);
    CHECK_INT(ask(s, BF_AVERAGE, 50, 10).missing, 10);
    for (int i = 0; i < 5; i++)
        push_all(s, (const double[]){.35, .45}, 2);
    current = ask(s, BF_AVERAGE, 10, 0).value;
    prior = ask(s, BF_AVERAGE, 50, 10).value;
    CHECK_DOUBLE(current, 0.40);
    CHECK_DOUBLE(prior, 0.55);
    CHECK((current - prior) / fabs(prior) <= -0.25);
    CHECK((current - prior) / fabs(prior) > -0.30);
    CHECK_DOUBLE(ask(s, BF_LEAST, 50, 10).value, .50);
    CHECK_DOUBLE(ask(s, BF_GREATEST, 10, 0).value, .45);
    bf_series_free(s);
}

/* 30 values of mean 0.900 and sample deviation 0.01114; the next is 0.95: z is 4.49, where the
 * deviation of a population would give 4.56. */
TEST(a_score_is_against_the_values_before_the_newest)
{
    struct bf_series *s = series(31);
    struct bf_window_value base;
    double z;

    for (int i = 0; i < 15; i++)
        push_all(s, (const double[]){.900 - .010953, .900 + .010953}, 2);
    CHECK_INT(ask(s, BF_DEVIATION, 30, 1).missing, 1);
    bf_series_push(s, .95);
    base = ask(s, BF_DEVIATION, 30, 1);
    z = (ask(s, BF_LAST, 1, 0).value - base.value) / base.deviation;
    CHECK_DOUBLE(base.value, 0.9);
    CHECK_INT(round(base.deviation * 1e5), 1114);
    CHECK_INT(round(z * 100), 449);
    CHECK_INT(round(z * sqrt(30.0 / 29) * 100), 456);
    bf_series_free(s);
}

TEST(equal_values_have_no_deviation_and_nearly_equal_ones_have_one)
{
    struct bf_series *s = series(31);

    for (int i = 0; i < 30; i++)
        bf_series_push(s, 0.1);
    CHECK_DOUBLE(ask(s, BF_DEVIATION, 30, 0).deviation, 0.0);
    bf_series_push(s, nextafter(0.1, 1));
    CHECK(ask(s, BF_DEVIATION, 30, 0).deviation > 0);
    CHECK_DOUBLE(ask(s, BF_DEVIATION, 30, 1).deviation, 0.0);
    bf_series_free(s);
}

/* --- what is held ----------------------------------------------------------------------------- */

TEST(a_series_wants_what_it_has_not_and_the_store_may_have)
{
    static const double stored[] = {5, 4, 3, 2, 1};
    struct bf_series *s = bf_series_new();

    CHECK(bf_series_wants(s, 1));
    bf_series_fill(s, stored, 3, 3);
    CHECK(!bf_series_wants(s, 3));
    CHECK(bf_series_wants(s, 4));
    bf_series_fill(s, stored, 5, 8);            /* there are five and no more */
    CHECK(!bf_series_wants(s, 100));
    CHECK_INT(bf_series_count(s), 5);
    CHECK_DOUBLE(bf_series_at(s, 0), 5);
    CHECK_DOUBLE(bf_series_at(s, 4), 1);
    CHECK_INT(ask(s, BF_AVERAGE, 100, 3).missing, 98);
    bf_series_free(s);
}

/* Known only when the window itself is asked for, the push would have dropped a value already. */
TEST(what_will_be_asked_for_is_kept_from_then_on)
{
    struct bf_series *s = series(3);

    push_all(s, (const double[]){1, 2, 3}, 3);
    CHECK(!bf_series_wants(s, 5));              /* three are all */
    push_all(s, (const double[]){4, 5}, 2);
    CHECK_DOUBLE(ask(s, BF_AVERAGE, 5, 0).value, 3);
    bf_series_push(s, 6);
    CHECK(bf_series_wants(s, 6));               /* the first has gone */
    bf_series_free(s);
}

TEST(a_series_that_nobody_asked_anything_holds_nothing)
{
    struct bf_series *s = bf_series_new();
    size_t size = bf_series_size(s);

    push_all(s, (const double[]){1, 2, 3}, 3);
    CHECK_INT(bf_series_count(s), 0);
    CHECK_INT(bf_series_size(s), size);
    CHECK(bf_series_wants(s, 1));
    bf_series_free(s);
    bf_series_free(NULL);
}

TEST(a_fill_takes_the_place_of_everything)
{
    double stored[100];
    struct bf_series *s = series(50);

    for (int i = 0; i < 100; i++) {
        stored[i] = 100 - i;
        bf_series_push(s, -i);
        if (i >= 50)
            ask(s, BF_AVERAGE, 50, 0);
    }
    bf_series_fill(s, stored, 100, 100);
    CHECK_DOUBLE(ask(s, BF_AVERAGE, 50, 0).value, 75.5);
    CHECK_DOUBLE(ask(s, BF_AVERAGE, 50, 50).value, 25.5);
    bf_series_push(s, 101);
    CHECK_DOUBLE(ask(s, BF_AVERAGE, 50, 0).value, 76.5);
    CHECK_DOUBLE(ask(s, BF_AVERAGE, 50, 50).value, 26.5);
    bf_series_free(s);
}

/* One stocktaking after the last asking the window goes, and then what only it reached. */
TEST(what_nobody_asks_for_is_forgotten)
{
    struct bf_series *s = series(1000);
    size_t all;

    for (int i = 0; i < 1000; i++)
        bf_series_push(s, i);
    ask(s, BF_DEVIATION, 1000, 0);
    ask(s, BF_GREATEST, 20, 0);
    all = bf_series_size(s);
    for (int i = 0; i < 3000; i++) {
        bf_series_push(s, i);
        ask(s, BF_GREATEST, 20, 0);
    }
    CHECK_INT(bf_series_count(s), 20);
    CHECK(bf_series_size(s) < 1000 && all > 8000);
    CHECK_DOUBLE(ask(s, BF_GREATEST, 20, 0).value, 2999);
    CHECK(bf_series_wants(s, 21));
    for (int i = 0; i < 200; i++)
        bf_series_push(s, i);
    CHECK_INT(bf_series_count(s), 0);
    CHECK(bf_series_size(s) < 100);
    bf_series_free(s);
}

TEST(what_is_asked_for_at_each_value_stays)
{
    struct bf_series *s = series(1000);

    for (int i = 0; i < 5000; i++) {
        CHECK(!bf_series_wants(s, 1000));
        bf_series_push(s, i);
        CHECK(i < 1000 || bf_series_size(s) > 12000);   /* the ring and the window's queue */
        ask(s, BF_LEAST, 1000, 0);
        CHECK_INT(bf_series_count(s), i < 1000 ? i + 1 : 1000);
    }
    bf_series_free(s);
}

/* --- against windows that are made anew ------------------------------------------------------- */

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t dice(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1d >> 1;
}

/* Steps up and down, repeats, zeros of both signs, and now and then any double at all. */
static double any_value(int kind, double before)
{
    uint64_t bits = dice() << 1;
    double value;

    switch (kind) {
    case 0:
        return (double)(dice() % 1000) / 1000;
    case 1:
        return before + 0.125;
    case 2:
        return before - 0.1;
    case 3:
        return dice() % 2 ? 0.0 : -0.0;
    case 4:
        return (double)(dice() % 3) - 1;
    default:
        memcpy(&value, &bits, sizeof(value));
        return isfinite(value) ? value : 1;
    }
}

/* The values of a run, all of them. */
struct history {
    double values[30000];
    size_t n;
};

static double deviation_of(const double *values, size_t n)
{
    struct bf_exact sum, squares;
    double deviation;

    bf_exact_init(&sum);
    bf_exact_init(&squares);
    for (size_t i = 0; i < n; i++) {
        bf_exact_add(&sum, values[i]);
        bf_exact_add_square(&squares, values[i]);
    }
    deviation = bf_exact_deviation(&sum, &squares, n);
    bf_exact_fini(&sum);
    bf_exact_fini(&squares);
    return deviation;
}

static double average_of(const double *values, size_t n)
{
    struct bf_exact sum;
    double average;

    bf_exact_init(&sum);
    for (size_t i = 0; i < n; i++)
        bf_exact_add(&sum, values[i]);
    average = bf_exact_round(&sum) / (double)n;
    bf_exact_fini(&sum);
    return average;
}

/* Of equal ones the newest. */
static double extreme_of(const double *values, size_t n, int sign)
{
    double extreme = values[0];

    for (size_t i = 1; i < n; i++)
        if (sign * values[i] <= sign * extreme)
            extreme = values[i];
    return extreme;
}

static void check_window(struct bf_series *s, const struct history *h, const struct bf_window *w)
{
    struct bf_window_value v = ask(s, w->aggregation, w->size, w->behind);
    size_t depth = bf_window_depth(w);
    const double *values;

    CHECK_INT(v.missing, h->n < depth ? depth - h->n : 0);
    if (v.missing)
        return;
    values = h->values + h->n - depth;
    switch (w->aggregation) {
    case BF_LAST:
        CHECK_DOUBLE(v.value, values[0]);
        break;
    case BF_LEAST:
        CHECK_DOUBLE(v.value, extreme_of(values, w->size, 1));
        break;
    case BF_GREATEST:
        CHECK_DOUBLE(v.value, extreme_of(values, w->size, -1));
        break;
    case BF_DEVIATION:
        CHECK_DOUBLE(v.deviation, deviation_of(values, w->size));
        /* fall through */
    case BF_AVERAGE:
        CHECK_DOUBLE(v.value, average_of(values, w->size));
    }
}

static struct bf_window any_window(void)
{
    static const uint32_t sizes[] = {1,  2,  3,  4,  5,  6,  9,  10, 11,
                                     15, 16, 17, 18, 30, 64, 65, 200, 777};
    struct bf_window w;

    w.aggregation = (uint8_t)(dice() % (BF_DEVIATION + 1));
    w.size = w.aggregation == BF_LAST ? 1 : sizes[dice() % BF_COUNT(sizes)];
    if (w.aggregation == BF_DEVIATION && w.size == 1)
        w.size = 2;
    w.behind = dice() % 2 ? 0 : sizes[dice() % BF_COUNT(sizes)];
    return w;
}

/* As the evaluator does: what the store has, where it is wanted. */
static void fill_if_wanted(struct bf_series *s, const struct history *h, size_t depth)
{
    static double newest_first[30000];
    size_t n = h->n < depth ? h->n : depth;

    if (!bf_series_wants(s, depth))
        return;
    for (size_t i = 0; i < n; i++)
        newest_first[i] = h->values[h->n - 1 - i];
    bf_series_fill(s, newest_first, n, depth);
}

/* Windows of which some are asked at each value, some now and then, and which change all the time;
 * the series is dropped now and then as well. */
TEST(windows_are_what_they_would_be_if_made_anew)
{
    static struct history h;

    for (int round = 0; round < 30; round++) {
        struct bf_series *s = bf_series_new();
        struct bf_window windows[12];
        int kind = 0;

        h.n = 0;
        for (size_t i = 0; i < BF_COUNT(windows); i++)
            windows[i] = any_window();
        for (int step = 0; step < 2000; step++) {
            if (dice() % 100 == 0)
                kind = (int)(dice() % 6);
            if (dice() % 300 == 0)
                windows[dice() % BF_COUNT(windows)] = any_window();
            if (dice() % 1500 == 0) {
                bf_series_free(s);
                s = bf_series_new();
            }
            for (size_t i = 0; i < BF_COUNT(windows); i++)
                fill_if_wanted(s, &h, bf_window_depth(&windows[i]));
            h.values[h.n] = any_value(kind, h.n ? h.values[h.n - 1] : 0);
            bf_series_push(s, h.values[h.n++]);
            for (size_t i = 0; i < BF_COUNT(windows); i++)
                if (i < 4 || dice() % 20 == 0)
                    check_window(s, &h, &windows[i]);
        }
        bf_series_free(s);
    }
}

TEST(a_window_that_was_kept_long_equals_one_made_anew)
{
    struct bf_window w = {BF_DEVIATION, 5000, 3}, least = {BF_LEAST, 5000, 3};
    static struct history h;
    struct bf_series *s = series(5003);

    for (int i = 0; i < 30000; i++) {
        h.values[h.n] = any_value(i / 1000 % 6, i ? h.values[h.n - 1] : 0);
        bf_series_push(s, h.values[h.n++]);
        bf_series_window(s, &w);
        bf_series_window(s, &least);
        if (i % 1000 == 0) {
            check_window(s, &h, &w);
            check_window(s, &h, &least);
        }
    }
    bf_series_free(s);
}

TEST(a_series_with_a_window_of_ten_takes_less_than_300_bytes)
{
    for (int aggregation = BF_AVERAGE; aggregation <= BF_DEVIATION; aggregation++) {
        struct bf_series *s = series(10);

        for (int i = 0; i < 100; i++) {
            bf_series_push(s, 0.5 + (double)(dice() % 1000) / 2000);
            CHECK_INT(ask(s, (enum bf_aggregation)aggregation, 10, 0).missing, i < 9 ? 9 - i : 0);
        }
        CHECK(bf_series_size(s) < 300);
        bf_series_free(s);
    }
}
