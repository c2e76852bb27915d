/* schedule.c - the next time that is in all the fields of a cron expression.
 *
 * The search runs on what a clock on the wall shows, month by month, day by day, never minute by
 * minute, so the rarest date (the 29th of February, across 2100) costs some hundred steps.  Only
 * what it finds is turned into a moment.
 *
 * A clock that is set back shows an hour twice.  The first occurrence behind a moment is that of the
 * first wall time behind the latest that was shown by then: so the second pass of an hour brings
 * nothing, and what is left out in spring comes once, at the end of the gap, however many times of
 * the gap are meant.  A schedule for every hour goes by the hour at hand instead. */
#include "core/rules/schedule.h"

#include "core/base/base.h"
#include "core/base/clock.h"

#define DAY_S     ((int64_t)24 * 3600)
#define NEVER     INT64_MAX
#define DAYS_MAX  36525         /* a century */
#define ALL_HOURS 0xffffffu

/* ---- reading ---- */

static int read_cron(struct bf_arena *a, const struct bf_json *json, struct bf_schedule *out,
                     struct bf_error *err)
{
    const char *text = bf_json_str(a, json);

    if (!text)
        return bf_error_field(err, BF_ECONFIG, "cron", "must be a string such as \"0 9 * * mon-fri"
                              "\", not %s", bf_json_type_name(json));
    out->cron = text;
    return bf_cron_parse(text, out, err);
}

static int read_zone(struct bf_arena *a, const struct bf_json *json, struct bf_schedule *out,
                     struct bf_error *err)
{
    bool given = json && !bf_json_is(json, BF_JSON_NULL);

    out->zone_name = given ? bf_json_str(a, json) : "UTC";
    if (!out->zone_name)
        return bf_error_field(err, BF_ECONFIG, "time_zone", "must be the name of a time zone, not"
                              " %s", bf_json_type_name(json));
    out->zone = bf_tz_new(out->zone_name);
    if (!out->zone)
        return bf_error_field(err, BF_ECONFIG, "time_zone", "there is no time zone \"%.80s\"; they"
                              " are named like \"Europe/Berlin\", \"America/New_York\" and \"UTC\"",
                              out->zone_name);
    return BF_OK;
}

int bf_schedule_parse(struct bf_arena *a, const struct bf_json *filter, struct bf_schedule *out,
                      struct bf_error *err)
{
    int rc;

    if (!bf_json_is(filter, BF_JSON_OBJECT))
        return bf_error_set(err, BF_ECONFIG, "must be an object such as {\"cron\":\"0 9 * * mon-fri"
                            "\",\"time_zone\":\"Europe/Berlin\"}, not %s",
                            bf_json_type_name(filter));
    for (const struct bf_json *k = bf_json_first(filter); k; k = bf_json_next(filter, k)) {
        if (!bf_json_eq(k, "cron") && !bf_json_eq(k, "time_zone"))
            return bf_error_field(err, BF_ECONFIG, bf_json_str(a, k), "unknown member \"%.80s\";"
                                  " known are cron, time_zone", bf_json_str(a, k));
    }
    *out = (struct bf_schedule){.zone = NULL};
    rc = read_cron(a, bf_json_get(filter, "cron"), out, err);
    return rc ? rc : read_zone(a, bf_json_get(filter, "time_zone"), out, err);
}

void bf_schedule_release(const struct bf_schedule *s)
{
    if (s)
        bf_tz_unref(s->zone);
}

/* ---- the next one ---- */

/* The first minute of a day that is meant, not before `minute`; -1 if there is none. */
static int next_minute(const struct bf_schedule *s, int minute)
{
    int hour = minute / 60;
    uint64_t rest = s->minutes >> minute % 60;
    uint32_t hours = s->hours >> hour;

    if (hours & 1 && rest)
        return minute + __builtin_ctzll(rest);
    hours &= ~1u;
    if (!hours)
        return -1;
    return (hour + __builtin_ctz(hours)) * 60 + __builtin_ctzll(s->minutes);
}

static bool is_day(const struct bf_schedule *s, int64_t day, struct bf_date date)
{
    bool of_month = s->days >> date.day & 1;
    bool of_week = s->weekdays >> (day + 4) % 7 & 1;

    if (s->any_day || s->any_weekday)
        return (s->any_day || of_month) && (s->any_weekday || of_week);
    return of_month || of_week;
}

/* The first wall time behind one that is meant, in seconds. */
static int64_t next_wall(const struct bf_schedule *s, int64_t wall_s)
{
    int64_t day = (wall_s + 60) / DAY_S, last = day + DAYS_MAX;
    int minute = (int)((wall_s + 60) % DAY_S / 60);

    while (day <= last) {
        struct bf_date date = bf_date_of_days(day);

        if (!(s->months >> date.month & 1)) {
            day += bf_days_of_month(date.year, date.month) - date.day + 1;
            minute = 0;
            continue;
        }
        minute = is_day(s, day, date) ? next_minute(s, minute) : -1;
        if (minute >= 0)
            return day * DAY_S + minute * 60;
        minute = 0;
        day++;
    }
    return NEVER;
}

/* The latest that clocks there have shown by then. */
static int64_t latest_wall(const struct bf_schedule *s, int64_t at)
{
    int64_t offset = bf_tz_offset(s->zone, at), before = bf_tz_offset(s->zone, at - DAY_S);

    if (before <= offset)
        return at + offset;
    return bf_max64(at + offset, bf_tz_change(s->zone, at - DAY_S, at) - 1 + before);
}

static int64_t next_of_hour_at_hand(const struct bf_schedule *s, int64_t after)
{
    int64_t offset = bf_tz_offset(s->zone, after), wall = next_wall(s, after + offset);
    int64_t change = bf_tz_change(s->zone, after, after + DAY_S), at, again;

    if (wall == NEVER)
        return NEVER;
    if (wall - offset >= change && (again = bf_tz_offset(s->zone, change)) < offset) {
        int64_t second = next_wall(s, change + again - 1);

        if (second < change + offset)
            return second - again;
    }
    at = bf_tz_unix(s->zone, wall);
    return at > after ? at : wall - offset;     /* in the second pass */
}

static int64_t next_of_day(const struct bf_schedule *s, int64_t after)
{
    int64_t wall = next_wall(s, latest_wall(s, after));

    return wall == NEVER ? NEVER : bf_tz_unix(s->zone, wall);
}

int64_t bf_schedule_next(const struct bf_schedule *s, int64_t after_ms)
{
    int64_t after = bf_max64(after_ms, DAY_S * 1000) / 1000;
    int64_t at = s->hours == ALL_HOURS ? next_of_hour_at_hand(s, after) : next_of_day(s, after);

    return at == NEVER ? 0 : at * 1000;
}

/* The last one that is not behind `until`; `known` is one. */
static int64_t last_until(const struct bf_schedule *s, int64_t known, int64_t until)
{
    int64_t last = known, next = 0;

    for (int64_t back = 60000; until - back > known; back *= 8) {
        next = bf_schedule_next(s, until - back);
        if (next && next <= until)
            last = next;
        if (last != known)
            break;
    }
    while ((next = bf_schedule_next(s, last)) && next <= until)
        last = next;
    return last;
}

uint32_t bf_schedule_count(const struct bf_schedule *s, int64_t after_ms, int64_t until_ms,
                           uint32_t max, int64_t *last)
{
    uint32_t n = 0;
    int64_t at = after_ms, next;

    while (n < max && (next = bf_schedule_next(s, at)) && next <= until_ms) {
        at = next;
        n++;
    }
    if (n)
        *last = n < max ? at : last_until(s, at, until_ms);
    return n;
}
