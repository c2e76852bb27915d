/* test_pace.c - buckets by a clock that the test moves. */
#include <limits.h>

#include "core/base/base.h"
#include "core/delivery/pace.h"
#include "tests/test.h"

TEST(a_pace_is_read_or_refused_with_words)
{
    static const struct { const char *text; int rc; unsigned n; } rows[] = {
        {NULL, BF_OK, 0},          {"", BF_OK, 0},             {"1/s", BF_OK, 1},
        {"1/s 60/m 400/h", BF_OK, 3}, {" 10/min  5/d ", BF_OK, 2}, {"10000/s", BF_OK, 1},
        {"0/s", BF_ECONFIG, 0},    {"-1/s", BF_ECONFIG, 0},    {"10001/s", BF_ECONFIG, 0},
        {"1", BF_ECONFIG, 0},      {"1/", BF_ECONFIG, 0},      {"/s", BF_ECONFIG, 0},
        {"1/sec", BF_ECONFIG, 0},  {"1.5/s", BF_ECONFIG, 0},   {"fast", BF_ECONFIG, 0},
        {"1/s,2/h", BF_ECONFIG, 0}, {"99999999999999999999/s", BF_ECONFIG, 0},
        {"1/s 1/m 1/h 1/d", BF_OK, 4}, {"1/s 1/m 1/h 1/d 2/d", BF_ECONFIG, 0},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_error err = {0};
        struct bf_pace p;
        int rc = bf_pace_parse(rows[i].text, &p, &err);

        CHECK_INT(rc, rows[i].rc);
        if (rc)
            CHECK_HAS(err.words, "10/s 400/h");
        else
            CHECK_INT(p.n, rows[i].n);
    }
}

/* How many go between two moments, if each goes as soon as it may. */
static unsigned run(struct bf_pace *p, int64_t from_ms, int64_t to_ms)
{
    unsigned n = 0;

    for (int64_t now = from_ms; now < to_ms;) {
        int64_t wait = bf_pace_wait_ms(p, now);

        if (wait) {
            now += wait;
            continue;
        }
        bf_pace_take(p, now);
        n++;
    }
    return n;
}

TEST(a_bucket_gives_what_it_holds_and_then_its_rate)
{
    struct bf_pace p;

    CHECK_INT(bf_pace_parse("60/min", &p, NULL), 0);
    CHECK_INT(run(&p, 1000, 1001), 60);
    CHECK_INT(bf_pace_wait_ms(&p, 1000), 1000);
    CHECK_INT(run(&p, 1001, 61001), 60);
    CHECK_INT(run(&p, 361001, 361002), 60);     /* full again, and no more than full */
}

TEST(the_slowest_of_several_limits_decides)
{
    struct bf_pace p;

    CHECK_INT(bf_pace_parse("1/s 60/min 400/h", &p, NULL), 0);
    CHECK_INT(run(&p, 0, 1000), 1);
    CHECK_INT(run(&p, 1000, 60000), 59);
    CHECK(run(&p, 60000, 3600000) <= 400 + 400 - 60);
    CHECK(run(&p, 3600000, 7200000) <= 401);
}

TEST(a_rate_that_does_not_divide_its_unit_loses_nothing_over_a_day)
{
    struct bf_pace p;
    unsigned n;

    CHECK_INT(bf_pace_parse("7/s", &p, NULL), 0);
    n = run(&p, 0, 1000 * 1000);
    CHECK(n >= 7000 && n <= 7010);
}

TEST(without_a_pace_nothing_waits)
{
    struct bf_pace p;

    CHECK_INT(bf_pace_parse("", &p, NULL), 0);
    for (int i = 0; i < 1000; i++)
        bf_pace_take(&p, 5);
    CHECK_INT(bf_pace_wait_ms(&p, 5), 0);
    CHECK_INT(bf_pace_per_second(&p), UINT_MAX);
}

/* Otherwise saving an integration would be a way to start its minute anew. */
TEST(a_new_pace_goes_on_where_the_same_limit_stood)
{
    struct bf_pace old, p;

    CHECK_INT(bf_pace_parse("2/min", &old, NULL), 0);
    CHECK_INT(run(&old, 0, 1), 2);
    CHECK_INT(bf_pace_parse("5/s 2/min", &p, NULL), 0);
    bf_pace_follow(&p, &old);
    CHECK_INT(bf_pace_wait_ms(&p, 0), 30000);
    CHECK_INT(bf_pace_parse("3/min", &p, NULL), 0);
    bf_pace_follow(&p, &old);
    CHECK_INT(bf_pace_wait_ms(&p, 0), 0);
}

TEST(what_passes_in_a_second_is_rounded_up)
{
    static const struct { const char *text; unsigned n; } rows[] = {
        {"1/s", 1}, {"10/s", 10}, {"400/h", 1}, {"1/d", 1}, {"50/s 60/min", 1}, {"90/min", 2},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_pace p;

        CHECK_INT(bf_pace_parse(rows[i].text, &p, NULL), 0);
        CHECK_INT(bf_pace_per_second(&p), rows[i].n);
    }
}
