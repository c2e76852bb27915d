/* test_limits.c - how often automations may fire: what is taken, and what is refused. */
#include "core/rules/limits.h"
#include "tests/test.h"

#include "core/base/base.h"

#define HOUR_MS (3600 * 1000LL)

static struct bf_error err;

static int parse(const char *wire, const char *text, struct bf_limits *out)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    int rc;

    memset(&err, 0, sizeof(err));
    rc = bf_limits_parse(a, text ? bf_json_parse(a, text, strlen(text), &err) : NULL, wire, out, &err);
    bf_arena_free(a);
    return rc;
}

static struct bf_limits taken(const char *wire, const char *text)
{
    struct bf_limits l = {0};

    if (parse(wire, text, &l))
        test_failed(__FILE__, __LINE__, "%s\n  %s: %s", text, err.field, err.words);
    return l;
}

TEST(once_per_run_and_day_is_on_for_metrics_and_states_alone)
{
    static const struct {
        const char *wire;
        int64_t per_run_ms;
        const char *per;
    } rows[] = {
        {"RUN_METRIC", 24 * HOUR_MS, "run"},        {"RUN_METRIC_CHANGE", 24 * HOUR_MS, "run"},
        {"RUN_METRIC_ZSCORE", 24 * HOUR_MS, "run"}, {"RUN_STATE", 24 * HOUR_MS, "run"},
        {"RUN_ALERT", 0, "run"},                    {"LINK_MODEL", 0, "automation"},
        {"ci.done", 0, "automation"},               {"SCHEDULE", 0, "automation"},
        {"ABSENCE", 0, "automation"},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_limits l = taken(rows[i].wire, NULL);

        CHECK_INT(l.per_run_ms, rows[i].per_run_ms);
        CHECK_STR(l.matches_per, rows[i].per);
        CHECK_INT(l.cooldown_ms, 0);
        CHECK_INT(l.rate_count, 0);
        CHECK_INT(l.matches_count, 0);
        CHECK_INT(l.over, BF_OVER_DELAY);
    }
}

TEST(all_limits_are_read)
{
    struct bf_limits l = taken("RUN_STATE", "{\"per_run\":\"90s\",\"cooldown\":\"10m\",\"rate\":{"
        "\"count\":5,\"within\":\"1h\"},\"over\":\"digest\",\"matches\":{\"count\":3,\"within\":\"7d\","
        "\"per\":\"project\"}}");

    CHECK_INT(l.per_run_ms, 90 * 1000);
    CHECK_INT(l.cooldown_ms, 600 * 1000);
    CHECK_INT(l.rate_count, 5);
    CHECK_INT(l.rate_ms, HOUR_MS);
    CHECK_INT(l.over, BF_OVER_DIGEST);
    CHECK_INT(l.matches_count, 3);
    CHECK_INT(l.matches_ms, 7 * 24 * HOUR_MS);
    CHECK_STR(l.matches_per, "project");
}

TEST(what_is_null_is_left_out)
{
    struct bf_limits l = taken("RUN_METRIC", "{\"per_run\":null,\"cooldown\":null,\"rate\":null,"
                                             "\"over\":null,\"matches\":null}");
    struct bf_limits none = taken("RUN_METRIC", "{}");

    CHECK_INT(l.per_run_ms, 24 * HOUR_MS);
    CHECK(bf_limits_same(&l, &none));
}

TEST(per_run_can_be_off)
{
    CHECK_INT(taken("RUN_METRIC", "{\"per_run\":\"off\"}").per_run_ms, 0);
}

TEST(the_largest_are_taken)
{
    struct bf_limits l = taken("ci.done", "{\"cooldown\":\"366d\",\"rate\":{\"count\":10000,\"within\":"
        "\"366d\"},\"over\":\"skip\",\"matches\":{\"count\":1000,\"within\":\"1ms\",\"per\":\"collection\"}}");

    CHECK_INT(l.cooldown_ms, BF_LIMIT_MS_MAX);
    CHECK_INT(l.rate_count, BF_LIMIT_COUNT_MAX);
    CHECK_INT(l.over, BF_OVER_SKIP);
    CHECK_INT(l.matches_count, BF_MATCHES_COUNT_MAX);
    CHECK_STR(l.matches_per, "collection");
}

static const struct {
    const char *wire, *text, *field, *words;
} bad[] = {
    {"RUN_STATE", "7", "", "must be an object"},
    {"RUN_STATE", "{\"per-run\":\"1h\"}", "per-run",
     "unknown member \"per-run\"; known are per_run, cooldown, rate, over, matches"},
    {"RUN_STATE", "{\"per_run\":24}", "per_run", "must be a duration such as \"90s\""},
    {"RUN_STATE", "{\"per_run\":\"1 day\"}", "per_run", "must be a duration"},
    {"RUN_STATE", "{\"per_run\":\"-1h\"}", "per_run", "must be a duration"},
    {"RUN_STATE", "{\"per_run\":\"0s\"}", "per_run", "\"off\" switches it off"},
    {"RUN_STATE", "{\"per_run\":\"367d\"}", "per_run", "longer than 366 days"},
    {"RUN_STATE", "{\"per_run\":\"99999999999999999999d\"}", "per_run", "must be a duration"},
    {"LINK_MODEL", "{\"per_run\":\"1h\"}", "per_run", "is known for RUN_METRIC, RUN_METRIC_CHANGE"},
    {"RUN_ALERT", "{\"per_run\":\"off\"}", "per_run", "for RUN_ALERT there is \"cooldown\""},
    {"ci.done", "{\"per_run\":\"1h\"}", "per_run", "for ci.done there is"},
    {"RUN_STATE", "{\"cooldown\":\"off\"}", "cooldown", "must be a duration"},
    {"RUN_STATE", "{\"cooldown\":\"0m\"}", "cooldown", "leave the limit out"},
    {"RUN_STATE", "{\"rate\":5}", "rate",
     "must be an object such as {\"count\":5,\"within\":\"1h\"}, not a number"},
    {"RUN_STATE", "{\"rate\":{}}", "rate.count", "is missing"},
    {"RUN_STATE", "{\"rate\":{\"count\":5}}", "rate.within",
     "is missing, as in {\"count\":5,\"within\":\"1h\"}"},
    {"RUN_STATE", "{\"rate\":{\"within\":\"1h\"}}", "rate.count", "is missing"},
    {"RUN_STATE", "{\"rate\":{\"count\":0,\"within\":\"1h\"}}", "rate.count", "from 1 to 10000"},
    {"RUN_STATE", "{\"rate\":{\"count\":10001,\"within\":\"1h\"}}", "rate.count", "from 1 to 10000"},
    {"RUN_STATE", "{\"rate\":{\"count\":1.5,\"within\":\"1h\"}}", "rate.count", "a whole number"},
    {"RUN_STATE", "{\"rate\":{\"count\":\"5\",\"within\":\"1h\"}}", "rate.count", "a whole number"},
    {"RUN_STATE", "{\"rate\":{\"count\":5,\"per\":\"1h\"}}", "rate.per", "known are count, within"},
    {"RUN_STATE", "{\"over\":\"skip\"}", "over", "there is neither"},
    {"RUN_STATE", "{\"cooldown\":\"1h\",\"over\":\"drop\"}", "over", "\"delay\", \"skip\" or \"digest\""},
    {"RUN_STATE", "{\"cooldown\":\"1h\",\"over\":true}", "over", "must be \"delay\""},
    {"RUN_STATE", "{\"matches\":{\"count\":1001,\"within\":\"1h\"}}", "matches.count", "from 1 to 1000"},
    {"RUN_STATE", "{\"matches\":{\"count\":2}}", "matches.within", "is missing"},
    {"RUN_STATE", "{\"matches\":{\"count\":2,\"within\":\"1h\",\"key\":1}}", "matches.key",
     "known are count, within, per"},
    {"RUN_STATE", "{\"matches\":{\"count\":2,\"within\":\"1h\",\"per\":\"collection\"}}", "matches.per",
     "must be what matches of RUN_STATE are counted by: \"automation\", \"run\", \"project\""},
    {"LINK_MODEL", "{\"matches\":{\"count\":2,\"within\":\"1h\",\"per\":\"run\"}}", "matches.per",
     "LINK_MODEL are counted by: \"automation\", \"project\", \"collection\""},
    {"SCHEDULE", "{\"matches\":{\"count\":2,\"within\":\"1h\",\"per\":\"run\"}}", "matches.per",
     "SCHEDULE are counted by: \"automation\""},
    {"ci.done", "{\"matches\":{\"count\":2,\"within\":\"1h\",\"per\":1}}", "matches.per",
     "\"automation\", \"run\", \"project\", \"collection\""},
};

TEST(mistakes_are_named_by_their_place)
{
    for (size_t i = 0; i < BF_COUNT(bad); i++) {
        struct bf_limits l;
        int rc = parse(bad[i].wire, bad[i].text, &l);

        if (rc != BF_ECONFIG || strcmp(err.field, bad[i].field) != 0 ||
            !strstr(err.words, bad[i].words))
            test_failed(__FILE__, __LINE__, "%s\n  gives %d %s: %s", bad[i].text, rc, err.field,
                        err.words);
    }
}
