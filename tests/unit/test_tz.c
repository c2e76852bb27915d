/* test_tz.c - zones by their names, what clocks show, and the two hours a year that are odd. */
#include "core/base/tz.h"
#include "tests/test.h"

#include "core/base/clock.h"

/* Seconds of Unix time, and back. */
static int64_t at(const char *text)
{
    int64_t ms;

    CHECK(bf_time_parse(text, &ms));
    return ms / 1000;
}

static const char *text_of(int64_t s)
{
    static char text[32];

    bf_time_print(s * 1000, text);
    return text;
}

TEST(a_zone_has_a_name_that_iana_gave_it)
{
    static const char *const zones[] = {"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires",
                                        "Etc/GMT+5", "EST5EDT", "GMT", "Asia/Ust-Nera"};
    static const char *const none[] = {"", "Mars/Olympus", "Europe", "Europe/", "/Europe/Berlin",
                                       "europe/berlin", "Europe/Berlin ", "Europe//Berlin",
                                       "../zoneinfo/UTC", "Europe/../UTC", "/etc/localtime",
                                       "localtime", "posix/UTC", "right/UTC", "+02:00", "UTC-3",
                                       "Foo5", "CET-1CEST,M3.5.0,M10.5.0/3", "Europe\\Berlin"};

    for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++) {
        struct bf_tz *z = bf_tz_new(zones[i]);

        if (!z)
            test_failed(__FILE__, __LINE__, "%s is no zone", zones[i]);
        bf_tz_unref(z);
    }
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
        if (bf_tz_new(none[i]))
            test_failed(__FILE__, __LINE__, "%s is a zone", none[i]);
    }
}

TEST(clocks_are_ahead_of_utc_by_the_offset_of_that_time_of_the_year)
{
    static const struct {
        const char *zone, *at;
        int64_t offset;
    } rows[] = {
        {"UTC", "2026-07-01T00:00:00Z", 0},
        {"Europe/Berlin", "2026-01-01T00:00:00Z", 3600},
        {"Europe/Berlin", "2026-03-29T00:59:59Z", 3600},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", 7200},
        {"Europe/Berlin", "2026-10-25T00:59:59Z", 7200},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", 3600},
        {"Europe/Berlin", "2090-07-01T00:00:00Z", 7200},
        {"America/New_York", "2026-07-01T00:00:00Z", -14400},
        {"Australia/Lord_Howe", "2026-07-01T00:00:00Z", 37800},
        {"Asia/Kathmandu", "2026-07-01T00:00:00Z", 20700},
        {"Etc/GMT+5", "2026-07-01T00:00:00Z", -18000},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct bf_tz *z = bf_tz_new(rows[i].zone);
        int64_t offset = bf_tz_offset(z, at(rows[i].at));

        if (offset != rows[i].offset)
            test_failed(__FILE__, __LINE__, "%s at %s: %lld", rows[i].zone, rows[i].at,
                        (long long)offset);
        bf_tz_unref(z);
    }
}

/* GLib itself takes the second 02:30 of two. */
TEST(a_time_that_comes_twice_is_the_first_and_one_left_out_the_end_of_the_gap)
{
    static const struct {
        const char *zone, *wall, *at;
    } rows[] = {
        {"UTC", "2026-07-01T12:00:00Z", "2026-07-01T12:00:00.000Z"},
        {"Europe/Berlin", "2026-07-01T12:00:00Z", "2026-07-01T10:00:00.000Z"},
        {"Europe/Berlin", "2026-03-29T01:59:59Z", "2026-03-29T00:59:59.000Z"},
        {"Europe/Berlin", "2026-03-29T02:00:00Z", "2026-03-29T01:00:00.000Z"},
        {"Europe/Berlin", "2026-03-29T02:30:00Z", "2026-03-29T01:00:00.000Z"},
        {"Europe/Berlin", "2026-03-29T03:00:00Z", "2026-03-29T01:00:00.000Z"},
        {"Europe/Berlin", "2026-03-29T03:00:01Z", "2026-03-29T01:00:01.000Z"},
        {"Europe/Berlin", "2026-10-25T02:00:00Z", "2026-10-25T00:00:00.000Z"},
        {"Europe/Berlin", "2026-10-25T02:30:00Z", "2026-10-25T00:30:00.000Z"},
        {"Europe/Berlin", "2026-10-25T03:00:00Z", "2026-10-25T02:00:00.000Z"},
        {"America/New_York", "2026-03-08T02:30:00Z", "2026-03-08T07:00:00.000Z"},
        {"America/New_York", "2026-11-01T01:30:00Z", "2026-11-01T05:30:00.000Z"},
        {"Australia/Lord_Howe", "2026-10-04T02:10:00Z", "2026-10-03T15:30:00.000Z"},
        {"Australia/Lord_Howe", "2026-04-05T01:45:00Z", "2026-04-04T14:45:00.000Z"},
        /* Samoa went from the 29th of December to the 31st. */
        {"Pacific/Apia", "2011-12-30T12:00:00Z", "2011-12-30T10:00:00.000Z"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct bf_tz *z = bf_tz_new(rows[i].zone);

        CHECK_STR(text_of(bf_tz_unix(z, at(rows[i].wall))), rows[i].at);
        bf_tz_unref(z);
    }
}

TEST(a_change_is_the_first_moment_with_another_offset)
{
    struct bf_tz *z = bf_tz_new("Europe/Berlin");
    int64_t spring = at("2026-03-29T01:00:00Z"), autumn = at("2026-10-25T01:00:00Z");

    CHECK_INT(bf_tz_change(z, at("2026-01-01T00:00:00Z"), at("2026-12-31T00:00:00Z")), spring);
    CHECK_INT(bf_tz_change(z, spring - 1, spring), spring);
    CHECK_INT(bf_tz_change(z, spring, at("2026-12-31T00:00:00Z")), autumn);
    CHECK(bf_tz_change(z, spring - 100, spring - 1) == INT64_MAX);
    CHECK(bf_tz_change(z, autumn, at("2027-01-01T00:00:00Z")) == INT64_MAX);
    CHECK(bf_tz_change(z, spring, spring - 10000) == INT64_MAX);
    bf_tz_unref(z);
}

TEST(every_time_of_the_clock_leads_to_the_first_moment_that_shows_it)
{
    static const char *const zones[] = {"Europe/Berlin", "America/St_Johns", "Africa/Casablanca",
                                        "Australia/Lord_Howe", "Asia/Tehran", "UTC"};

    for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++) {
        struct bf_tz *z = bf_tz_ref(bf_tz_new(zones[i]));
        int64_t shown = INT64_MIN;

        bf_tz_unref(z);
        for (int64_t t = at("2026-01-01T00:00:00Z"); t < at("2027-01-01T00:00:00Z"); t += 300) {
            int64_t wall = t + bf_tz_offset(z, t);

            if (wall > shown)
                CHECK_INT(bf_tz_unix(z, wall), t);
            else
                CHECK(bf_tz_unix(z, wall) < t);
            shown = wall > shown ? wall : shown;
        }
        bf_tz_unref(z);
    }
}
