/* schedule.h - SCHEDULE and ABSENCE: what they wait for, as their authors wrote it.
 *
 *   "event":{"type":"SCHEDULE","filter":{"cron":"0 9 * * mon-fri","time_zone":"Europe/Berlin"}}
 *   "event":{"type":"ABSENCE","filter":{"of":"run.metric","metric":"loss","for":"30m","per":"run",
 *            "run_filter":{…}}}
 *
 * CRON.  Five fields (minute, hour, day of month, month, day of week) of *, numbers, names of months
 * and days in English (three letters), ranges, lists, steps; 7 is Sunday as 0 is.  Where both days
 * are given, either will do.  @hourly, @daily, @weekly, @monthly and @yearly are known too.  An
 * occurrence that falls into the hour that is left out in spring comes at the first moment behind
 * it; of an hour that comes twice in autumn the first one counts, unless the schedule is for every
 * hour: what comes "every 5 minutes" does not pause for an hour. */
#ifndef BF_SCHEDULE_H
#define BF_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/tz.h"

#define BF_CRON_LEN_MAX   500
#define BF_ABSENCE_MS_MIN 1000LL
#define BF_ABSENCE_MS_MAX (366LL * 24 * 3600 * 1000)

/* Days and times as bits: bit n for the value n. */
struct bf_schedule {
    uint64_t minutes;
    uint32_t hours;
    uint32_t days;              /* of the month, bits 1 to 31 */
    uint16_t months;            /* bits 1 to 12 */
    uint8_t weekdays;           /* bits 0 to 6 */
    bool any_day;               /* the field was *; then only the other one of the two counts */
    bool any_weekday;
    struct bf_tz *zone;         /* a reference, see bf_schedule_release() */
    const char *cron;           /* as written */
    const char *zone_name;      /* "UTC" if none is given */
};

/* Refuses with the field and the reason; also what never comes ("0 0 30 2 *").  The texts live in
 * `a`. */
int bf_schedule_parse(struct bf_arena *a, const struct bf_json *filter, struct bf_schedule *out,
                      struct bf_error *err);
/* The cron expression alone. */
int bf_cron_parse(const char *text, struct bf_schedule *out, struct bf_error *err);
void bf_schedule_release(const struct bf_schedule *s);  /* NULL is fine */
/* The first occurrence behind a moment, in Unix ms; 0: there is none within the next 100 years. */
int64_t bf_schedule_next(const struct bf_schedule *s, int64_t after_ms);
/* How many occurrences lie behind `after_ms` and not behind `until_ms`, counting no further than
 * `max`; *last is the last of them all. */
uint32_t bf_schedule_count(const struct bf_schedule *s, int64_t after_ms, int64_t until_ms,
                           uint32_t max, int64_t *last);

/* What must not stay away.  Events of runs are waited for per run where nothing else is said, others
 * per scope. */
struct bf_absence {
    const char *of;             /* type of the event: "run.metric", "run.heartbeat", "artifact.link",
                                   "ci.finished"; "run": any of a run's */
    const char *metric;         /* of run.metric: this one; NULL: any */
    int64_t for_ms;
    bool per_run;               /* else one wait for the whole scope */
};

/* Its event type says which fields the automation's filter may use.  The filter itself ("run_filter"
 * or "filter") is the caller's to parse; other members are refused by name here. */
int bf_absence_parse(struct bf_arena *a, const struct bf_json *filter, struct bf_absence *out,
                     struct bf_error *err);

#endif
