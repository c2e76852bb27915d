/* test_schedule.c - cron: what is refused, when it comes, the two odd hours of a year, and how long
 * an answer takes; and what an absence may be. */
#include "core/rules/schedule.h"
#include "tests/test.h"

#include <time.h>

#include "core/base/clock.h"

static struct bf_arena *arena;
static struct bf_error err;

static const struct bf_json *json_of(const char *text)
{
    const struct bf_json *j;

    if (!arena)
        arena = bf_arena_new(1 << 20);
    j = bf_json_parse(arena, text, strlen(text), &err);
    if (!j)
        test_failed(__FILE__, __LINE__, "%s: %s", text, err.words);
    return j;
}

static int parse(const char *cron, const char *zone, struct bf_schedule *s)
{
    const struct bf_json *j;
    char text[800];

    snprintf(text, sizeof(text), "{\"cron\":\"%s\",\"time_zone\":\"%s\"}", cron, zone);
    j = json_of(text);
    return bf_schedule_parse(arena, j, s, &err);
}

static struct bf_schedule schedule(const char *cron, const char *zone)
{
    struct bf_schedule s;

    if (parse(cron, zone, &s))
        test_failed(__FILE__, __LINE__, "%s: %s: %s", cron, err.field, err.words);
    return s;
}

static int64_t at(const char *text)
{
    int64_t ms;

    CHECK(bf_time_parse(text, &ms));
    return ms;
}

/* The first n occurrences behind a moment, as far as minutes, one space between them. */
static const char *times(const char *cron, const char *zone, const char *after, int n)
{
    static char out[2000];
    struct bf_schedule s = schedule(cron, zone);
    int64_t ms = at(after);
    char text[32];
    size_t len = 0;

    out[0] = '\0';
    while (n-- > 0 && (ms = bf_schedule_next(&s, ms))) {
        bf_time_print(ms, text);
        len += (size_t)snprintf(out + len, sizeof(out) - len, "%s%.16s", len ? " " : "", text);
    }
    bf_schedule_release(&s);
    return out;
}

TEST(the_next_time_is_the_first_that_is_in_all_fields)
{
    static const struct {
        const char *cron, *after, *times;
    } rows[] = {
        {"* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01 2026-01-01T00:02"},
        {"* * * * *", "2026-01-01T00:00:59.999Z", "2026-01-01T00:01 2026-01-01T00:02"},
        {"0 9 * * mon-fri", "2026-01-02T09:00:00Z", "2026-01-05T09:00 2026-01-06T09:00"},
        {"0 9 * * mon-fri", "2026-01-02T08:59:59Z", "2026-01-02T09:00 2026-01-05T09:00"},
        {"59 23 31 12 *", "2026-01-01T00:00:00Z", "2026-12-31T23:59 2027-12-31T23:59"},
        {"*/7 * * * *", "2026-01-01T00:50:00Z", "2026-01-01T00:56 2026-01-01T01:00"},
        {"1-10/3 5 * * *", "2026-01-01T05:04:00Z", "2026-01-01T05:07 2026-01-01T05:10"},
        {"5,10,3-4 1 * * *", "2026-01-01T01:03:00Z", "2026-01-01T01:04 2026-01-01T01:05"},
        {"0 0 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T00:00 2026-01-11T00:00"},
        {"0 0 * * 0", "2026-01-01T00:00:00Z", "2026-01-04T00:00 2026-01-11T00:00"},
        {"0 0 * * 5-7", "2026-01-02T00:00:00Z", "2026-01-03T00:00 2026-01-04T00:00"},
        {"0 0 * * FRI-Sun", "2026-01-02T00:00:00Z", "2026-01-03T00:00 2026-01-04T00:00"},
        {"0 0 * * sun-sun", "2026-01-02T00:00:00Z", "2026-01-04T00:00 2026-01-11T00:00"},
        {"0 0 * * sun-mon", "2026-01-02T00:00:00Z", "2026-01-04T00:00 2026-01-05T00:00"},
        {"0 0 1 JAN,jul *", "2026-01-01T00:00:00Z", "2026-07-01T00:00 2027-01-01T00:00"},
        {"0 0 1 2-4/2 *", "2026-01-01T00:00:00Z", "2026-02-01T00:00 2026-04-01T00:00"},
        /* Both days: either. */
        {"0 0 13 * 5", "2026-01-09T00:00:00Z", "2026-01-13T00:00 2026-01-16T00:00"},
        {"0 0 1-31 * mon", "2026-01-05T00:00:00Z", "2026-01-06T00:00 2026-01-07T00:00"},
        {"0 0 30 2 mon", "2026-02-10T00:00:00Z", "2026-02-16T00:00 2026-02-23T00:00"},
        {"0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00 2032-02-29T00:00"},
        {"0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00 2108-02-29T00:00"},
        {"0 0 31 * *", "2026-01-31T00:00:00Z", "2026-03-31T00:00 2026-05-31T00:00"},
        {"  0\\t0  1 1 *  ", "2026-01-01T00:00:00Z", "2027-01-01T00:00 2028-01-01T00:00"},
        {"@hourly", "2026-01-01T00:00:00Z", "2026-01-01T01:00 2026-01-01T02:00"},
        {"@daily", "2026-01-01T00:00:00Z", "2026-01-02T00:00 2026-01-03T00:00"},
        {"@midnight", "2026-01-01T00:00:00Z", "2026-01-02T00:00 2026-01-03T00:00"},
        {"@weekly", "2026-01-01T00:00:00Z", "2026-01-04T00:00 2026-01-11T00:00"},
        {"@monthly", "2026-01-01T00:00:00Z", "2026-02-01T00:00 2026-03-01T00:00"},
        {"@Yearly", "2026-01-01T00:00:00Z", "2027-01-01T00:00 2028-01-01T00:00"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *got = times(rows[i].cron, "UTC", rows[i].after, 2);

        if (strcmp(got, rows[i].times) != 0)
            test_failed(__FILE__, __LINE__, "%s: %s", rows[i].cron, got);
    }
}

/* 02:00 to 03:00 is left out on the 29th of March, and comes twice on the 25th of October. */
TEST(in_spring_and_autumn_each_occurrence_comes_once)
{
    static const struct {
        const char *cron, *after, *times;
    } rows[] = {
        {"30 2 * * *", "2026-03-27T12:00:00Z",
         "2026-03-28T01:30 2026-03-29T01:00 2026-03-30T00:30"},
        {"*/20 2 * * *", "2026-03-28T12:00:00Z",
         "2026-03-29T01:00 2026-03-30T00:00 2026-03-30T00:20"},
        {"0 2,3 * * *", "2026-03-28T12:00:00Z",
         "2026-03-29T01:00 2026-03-30T00:00 2026-03-30T01:00"},
        {"*/20 * * * *", "2026-03-29T00:30:00Z",
         "2026-03-29T00:40 2026-03-29T01:00 2026-03-29T01:20"},
        {"30 2 * * *", "2026-10-24T12:00:00Z",
         "2026-10-25T00:30 2026-10-26T01:30 2026-10-27T01:30"},
        {"30 2 * * *", "2026-10-25T00:30:00Z",
         "2026-10-26T01:30 2026-10-27T01:30 2026-10-28T01:30"},
        {"30 2 * * *", "2026-10-25T01:00:00Z",
         "2026-10-26T01:30 2026-10-27T01:30 2026-10-28T01:30"},
        {"0,30 2,3 * * *", "2026-10-25T00:30:00Z",
         "2026-10-25T02:00 2026-10-25T02:30 2026-10-26T01:00"},
        {"0 3 * * *", "2026-10-24T12:00:00Z",
         "2026-10-25T02:00 2026-10-26T02:00 2026-10-27T02:00"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *got = times(rows[i].cron, "Europe/Berlin", rows[i].after, 3);

        if (strcmp(got, rows[i].times) != 0)
            test_failed(__FILE__, __LINE__, "%s: %s", rows[i].cron, got);
    }
}

TEST(a_schedule_for_every_hour_does_not_pause_in_autumn)
{
    CHECK_STR(times("0 * * * *", "Europe/Berlin", "2026-10-24T23:00:00Z", 4),
              "2026-10-25T00:00 2026-10-25T01:00 2026-10-25T02:00 2026-10-25T03:00");
    CHECK_STR(times("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 5),
              "2026-10-25T00:30 2026-10-25T01:00 2026-10-25T01:30 2026-10-25T02:00 2026-10-25T02:30");
    /* The day that ends there is shown to 23:59 twice, at Havana's change. */
    CHECK_STR(times("50 * 1 11 *", "America/Havana", "2026-11-01T03:50:00Z", 4),
              "2026-11-01T04:50 2026-11-01T05:50 2026-11-01T06:50 2026-11-01T07:50");
    CHECK_STR(times("15 * * * *", "Australia/Lord_Howe", "2026-04-04T13:00:00Z", 4),
              "2026-04-04T13:15 2026-04-04T14:15 2026-04-04T15:45 2026-04-04T16:45");
    CHECK_STR(times("45 * * * *", "Australia/Lord_Howe", "2026-04-04T13:00:00Z", 4),
              "2026-04-04T13:45 2026-04-04T14:45 2026-04-04T15:15 2026-04-04T16:15");
}

TEST(what_is_no_schedule_is_refused_by_field_and_reason)
{
    static const struct {
        const char *cron, *words;
    } rows[] = {
        {"", "has 0 fields"},
        {"* * * *", "has 4 fields, not the five of minute, hour, day of month, month and day"},
        {"0 * * * * *", "seconds and years are not known"},
        {"60 * * * *", "the minute \"60\" is out of range; allowed are 0 to 59"},
        {"* 24 * * *", "the hour \"24\" is out of range; allowed are 0 to 23"},
        {"* * 0 * *", "the day of month \"0\" is out of range; allowed are 1 to 31"},
        {"* * 32 * *", "the day of month \"32\""},
        {"* * * 13 *", "the month \"13\" is out of range; allowed are 1 to 12, or jan to dec"},
        {"* * * * 8", "the day of week \"8\" is out of range; allowed are 0 to 7, or sun to sat"},
        {"* * * mon *", "the month \"mon\" is none that is known"},
        {"* * * * january", "the day of week \"january\" is none"},
        {"* * * january *", "the month \"january\" is none"},
        {"mon * * * *", "the minute \"mon\" is none"},
        {"* 22-2 * * *", "the hour \"22-2\" is a range that ends before it begins"},
        {"* * * * fri-mon", "ends before it begins (write it as two"},
        {"* * * * 5-0", "ends before it begins"},
        {"5/15 * * * *", "the minute \"5/15\" has a step but no range"},
        {"*/0 * * * *", "has a step that is no number of 1 or more"},
        {"*/ * * * *", "has a step that is no number"},
        {"*/x * * * *", "has a step that is no number"},
        {"*/5/5 * * * *", "has a step that is no number"},
        {"1, * * * *", "the minute \"1,\" has an empty item"},
        {",1 * * * *", "has an empty item"},
        {"1- * * * *", "the minute \"1-\" is none"},
        {"-1 * * * *", "the minute \"-1\" is none"},
        {"1-2-3 * * * *", "is none"},
        {"** * * * *", "the minute \"**\" is none"},
        {"*-5 * * * *", "is none"},
        {"99999999999 * * * *", "the minute \"99999999999\" is none"},
        {"? * * * *", "the minute \"?\" is none"},
        {"0 0 L * *", "the day of month \"L\" is none"},
        {"0 0 * * 5#2", "the day of week \"5#2\" is none"},
        {"0 0 30 2 *", "\"0 0 30 2 *\" never comes"},
        {"0 0 31 2,4,6,9,11 *", "never comes"},
        {"@reboot", "\"@reboot\" is not known; there are @hourly, @daily"},
    };
    struct bf_schedule s;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        err = (struct bf_error){0};
        if (parse(rows[i].cron, "UTC", &s) != BF_ECONFIG || strcmp(err.field, "cron") != 0 ||
            !strstr(err.words, rows[i].words))
            test_failed(__FILE__, __LINE__, "%s: %s: %s", rows[i].cron, err.field, err.words);
    }
}

TEST(an_unknown_zone_or_member_is_refused_by_name)
{
    static const struct {
        const char *json, *field, *words;
    } rows[] = {
        {"{\"cron\":\"* * * * *\",\"time_zone\":\"Mars/Olympus\"}", "time_zone",
         "there is no time zone \"Mars/Olympus\"; they are named like \"Europe/Berlin\""},
        {"{\"cron\":\"* * * * *\",\"time_zone\":7}", "time_zone", "not a number"},
        {"{\"cron\":\"* * * * *\",\"zone\":\"UTC\"}", "zone", "known are cron, time_zone"},
        {"{\"time_zone\":\"UTC\"}", "cron", "must be a string"},
        {"{\"cron\":5}", "cron", "not a number"},
        {"[]", "", "must be an object"},
    };
    struct bf_schedule s;
    const struct bf_json *j;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        err = (struct bf_error){0};
        j = json_of(rows[i].json);
        if (bf_schedule_parse(arena, j, &s, &err) != BF_ECONFIG ||
            strcmp(err.field, rows[i].field) != 0 || !strstr(err.words, rows[i].words))
            test_failed(__FILE__, __LINE__, "%s: %s: %s", rows[i].json, err.field, err.words);
    }
    j = json_of("{\"cron\":\"* * * * *\",\"time_zone\":null}");
    CHECK_INT(bf_schedule_parse(arena, j, &s, &err), 0);
    CHECK_STR(s.zone_name, "UTC");
    bf_schedule_release(&s);
}

TEST(occurrences_are_counted_and_the_last_is_named)
{
    struct bf_schedule minutes = schedule("*/5 * * * *", "UTC"), yearly = schedule("@yearly", "UTC");
    struct bf_schedule nights = schedule("* 0-5 * * *", "Europe/Berlin");
    int64_t from = at("2026-01-01T00:00:00Z"), last = 0;

    CHECK_INT(bf_schedule_count(&minutes, from, from + 299999, 1000, &last), 0);
    CHECK_INT(last, 0);
    CHECK_INT(bf_schedule_count(&minutes, from, from + 300000, 1000, &last), 1);
    CHECK_INT(last, from + 300000);
    CHECK_INT(bf_schedule_count(&minutes, from, from + 3600000, 1000, &last), 12);
    CHECK_INT(last, from + 3600000);
    /* Not counted further, but the last is the last. */
    CHECK_INT(bf_schedule_count(&minutes, from, at("2036-01-01T00:02:00Z"), 1000, &last), 1000);
    CHECK_INT(last, at("2036-01-01T00:00:00Z"));
    CHECK_INT(bf_schedule_count(&yearly, from, at("2036-06-01T00:00:00Z"), 5, &last), 5);
    CHECK_INT(last, at("2036-01-01T00:00:00Z"));
    CHECK_INT(bf_schedule_count(&nights, from, at("2026-07-01T20:00:00Z"), 100, &last), 100);
    CHECK_INT(last, at("2026-07-01T03:59:00Z"));
    bf_schedule_release(&minutes);
    bf_schedule_release(&yearly);
    bf_schedule_release(&nights);
}

/* A millisecond is allowed; the least of three tries, for the machine has others to serve. */
TEST(the_rarest_date_is_found_within_a_millisecond)
{
    static const struct {
        const char *cron, *after;
    } rows[] = {
        {"0 0 29 2 *", "2096-03-01T00:00:00Z"}, {"59 23 31 12 *", "2026-01-01T00:00:00Z"},
        {"0 0 29 2 7", "2026-02-28T00:00:00Z"}, {"* * * * *", "2026-10-25T00:59:00Z"},
        {"0 2 25 10 *", "2026-10-25T00:59:00Z"}, {"0 2 29 3 *", "2026-03-29T00:59:00Z"},
    };
    struct timespec before, after;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct bf_schedule s = schedule(rows[i].cron, "Europe/Berlin");
        int64_t from = at(rows[i].after), us = INT64_MAX;

        for (int n = 0; n < 3; n++) {
            int64_t took;

            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
            CHECK(bf_schedule_next(&s, from) > from);
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
            took = (after.tv_sec - before.tv_sec) * 1000000 +
                   (after.tv_nsec - before.tv_nsec) / 1000;
            us = took < us ? took : us;
        }
        if (us > 1000)
            test_failed(__FILE__, __LINE__, "%s took %lld us", rows[i].cron, (long long)us);
        bf_schedule_release(&s);
    }
}

/* --- absence ------------------------------------------------------------------ */

TEST(an_absence_waits_for_events_of_a_type_per_run_or_scope)
{
    static const struct {
        const char *json, *of, *metric;
        int64_t for_ms;
        bool per_run;
    } rows[] = {
        {"{\"of\":\"run.heartbeat\",\"for\":\"30m\"}", "run.heartbeat", NULL, 1800000, true},
        {"{\"of\":\"run\",\"for\":\"1s\",\"run_filter\":null}", "run", NULL, 1000, true},
        {"{\"of\":\"run.metric\",\"metric\":\"loss\",\"for\":\"90s\",\"per\":\"scope\"}",
         "run.metric", "loss", 90000, false},
        {"{\"of\":\"ci.finished\",\"for\":\"366d\"}", "ci.finished", NULL, BF_ABSENCE_MS_MAX, false},
        {"{\"of\":\"checkpoint.saved\",\"for\":\"1h\",\"per\":\"run\"}", "checkpoint.saved", NULL,
         3600000, true},
        {"{\"of\":\"artifact.link\",\"for\":\"7d\",\"filter\":{}}", "artifact.link", NULL, 604800000,
         false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct bf_json *j = json_of(rows[i].json);
        struct bf_absence a;

        CHECK_INT(bf_absence_parse(arena, j, &a, &err), 0);
        CHECK_STR(a.of, rows[i].of);
        if (rows[i].metric)
            CHECK_STR(a.metric, rows[i].metric);
        else
            CHECK(!a.metric);
        CHECK_INT(a.for_ms, rows[i].for_ms);
        CHECK_INT(a.per_run, rows[i].per_run);
    }
}

TEST(what_is_no_absence_is_refused_by_field_and_reason)
{
    static const struct {
        const char *json, *field, *words;
    } rows[] = {
        {"{\"for\":\"1m\"}", "of", "is missing"},
        {"{\"of\":7,\"for\":\"1m\"}", "of", "not a number"},
        {"{\"of\":\"run.metrics\",\"for\":\"1m\"}", "of", "no events of type \"run.metrics\""},
        {"{\"of\":\"clock.advance\",\"for\":\"1m\"}", "of", "no events of type"},
        {"{\"of\":\"RUN_METRIC\",\"for\":\"1m\"}", "of", "no events of type"},
        {"{\"of\":\"artifact.made\",\"for\":\"1m\"}", "of", "no events of type"},
        {"{\"of\":\"run\"}", "for", "is missing"},
        {"{\"of\":\"run\",\"for\":30}", "for", "not a number"},
        {"{\"of\":\"run\",\"for\":\"soon\"}", "for", "\"soon\" is no duration"},
        {"{\"of\":\"run\",\"for\":\"999ms\"}", "for", "it may be from 1s to 366d"},
        {"{\"of\":\"run\",\"for\":\"0s\"}", "for", "it may be from 1s to 366d"},
        {"{\"of\":\"run\",\"for\":\"367d\"}", "for", "it may be from 1s to 366d"},
        {"{\"of\":\"run\",\"for\":\"1m\",\"per\":\"team\"}", "per", "neither \"run\""},
        {"{\"of\":\"run\",\"for\":\"1m\",\"metric\":\"x\"}", "metric", "only \"of\":\"run.metric\""},
        {"{\"of\":\"run.metric\",\"for\":\"1m\",\"metric\":\"\"}", "metric", "is empty"},
        {"{\"of\":\"run\",\"for\":\"1m\",\"within\":\"x\"}", "within", "known are of, metric"},
        {"\"run\"", "", "must be an object"},
        {"null", "", "must be an object"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct bf_json *j = json_of(rows[i].json);
        struct bf_absence a;

        err = (struct bf_error){0};
        if (bf_absence_parse(arena, j, &a, &err) != BF_ECONFIG ||
            strcmp(err.field, rows[i].field) != 0 || !strstr(err.words, rows[i].words))
            test_failed(__FILE__, __LINE__, "%s: %s: %s", rows[i].json, err.field, err.words);
    }
}
