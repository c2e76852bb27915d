/* clock.c - the machine's clocks, and times as text.
 *
 * Text forms are computed here, not by the C library, whose functions depend on the process's
 * locale and time zone.  Dates are the proleptic Gregorian calendar's, of the years 0 to 9999, in
 * UTC; a leap second (23:59:60) is taken as the last millisecond before it. */
#include "core/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/base.h"

#define SECOND_MS ((int64_t)1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define YEAR_0_MS (-719528 * DAY_MS)    /* 0000-01-01T00:00:00Z */
#define TIME_MAX  (2932897 * DAY_MS - 1)        /* 9999-12-31T23:59:59.999Z */

struct moment {
    int year, month, day;       /* month and day from 1 */
    int hour, minute, second;
};

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * SECOND_MS + ts.tv_nsec / 1000000;
}

static int64_t system_wall_ms(void *arg)
{
    (void)arg;
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_mono_ms(void *arg)
{
    (void)arg;
    return read_clock(CLOCK_MONOTONIC);
}

const struct bf_clock *bf_clock_system(void)
{
    static const struct bf_clock system_clock = {system_wall_ms, system_mono_ms, NULL};

    return &system_clock;
}

struct timespec bf_mono_in(int64_t ms)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += ms / SECOND_MS;
    ts.tv_nsec += ms % SECOND_MS * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    return ts;
}

/* By looking every now and then: pthread_clockjoin_np() would do, but the thread sanitizer does not
 * know it, and takes all that the thread has done for races with what comes after. */
bool bf_thread_join_within(pthread_t thread, int64_t ms)
{
    int64_t until = system_mono_ms(NULL) + ms;

    while (pthread_tryjoin_np(thread, NULL)) {
        if (system_mono_ms(NULL) >= until)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return true;
}

/* The sanitizer does not know sem_clockwait() either; there a clock that may be set has to do. */
bool bf_sem_wait_within(sem_t *s, int64_t ms)
{
#ifdef __SANITIZE_THREAD__
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / SECOND_MS + 1;
    while (sem_timedwait(s, &until) != 0)
#else
    struct timespec until = bf_mono_in(ms);

    while (sem_clockwait(s, CLOCK_MONOTONIC, &until) != 0)
#endif
        if (errno == ETIMEDOUT)
            return false;
    return true;
}


/* --- the calendar ----------------------------------------------------------- */

/* Years are counted from March on, so that the leap day is a year's last; 400 of them, an era,
 * have 146,097 days.  The year 0 is in era 0, and its January in era -1. */

int64_t bf_days_of_date(int year, int month, int day)
{
    int64_t y = year - (month <= 2) + 400;      /* an era later, to stay positive */
    int64_t era = y / 400, of_era = y % 400;
    int64_t of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

    return (era - 1) * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct bf_date bf_date_of_days(int64_t days)
{
    int64_t since = days + 719468 + 146097;     /* since March of the year -400 */
    int64_t era = since / 146097, of_era = since % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    struct bf_date d;

    d.day = (int)(of_year - (153 * month + 2) / 5 + 1);
    d.month = (int)(month < 10 ? month + 3 : month - 9);
    d.year = (int)(year + (era - 1) * 400 + (d.month <= 2));
    return d;
}

int bf_days_of_month(int year, int month)
{
    static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && leap ? 29 : days[month - 1];
}

/* False if there is no such moment.  A second of 60 is let through as the next minute's first. */
static bool moment_ms(const struct moment *m, int64_t *ms)
{
    if (m->month < 1 || m->month > 12 || m->day < 1 ||
        m->day > bf_days_of_month(m->year, m->month) || m->hour > 23 || m->minute > 59 || m->second > 60)
        return false;
    *ms = bf_days_of_date(m->year, m->month, m->day) * DAY_MS + m->hour * HOUR_MS +
          m->minute * MINUTE_MS + m->second * SECOND_MS;
    return true;
}

/* A leap second only ever ends a day of UTC. */
static bool settle_leap_second(const struct moment *m, int64_t *ms)
{
    if (m->second < 60)
        return true;
    if (*ms % DAY_MS != 0)
        return false;
    *ms -= 1;
    return true;
}

void bf_time_print(int64_t ms, char out[32])
{
    struct bf_date d;
    int64_t of_day;

    ms = bf_min64(bf_max64(ms, YEAR_0_MS), TIME_MAX);
    of_day = ((ms % DAY_MS) + DAY_MS) % DAY_MS;
    d = bf_date_of_days((ms - of_day) / DAY_MS);
    snprintf(out, 32, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)d.year % 10000,
             (unsigned)d.month % 100, (unsigned)d.day % 100, (unsigned)(of_day / HOUR_MS) % 100,
             (unsigned)(of_day / MINUTE_MS % 60), (unsigned)(of_day / SECOND_MS % 60),
             (unsigned)(of_day % SECOND_MS));
}


/* --- reading ----------------------------------------------------------------- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Exactly n digits; *p moves past them. */
static bool read_number(const char **p, int n, int *out)
{
    *out = 0;
    while (n-- > 0) {
        if (!is_digit(**p))
            return false;
        *out = *out * 10 + *(*p)++ - '0';
    }
    return true;
}

static bool read_char(const char **p, const char *any_of)
{
    if (!**p || !strchr(any_of, **p))
        return false;
    (*p)++;
    return true;
}

/* What follows a point, if there is one; digits beyond milliseconds are dropped. */
static bool read_fraction(const char **p, int64_t *ms)
{
    *ms = 0;
    if (!read_char(p, "."))
        return true;
    if (!is_digit(**p))
        return false;
    for (int unit = 100; is_digit(**p); (*p)++, unit /= 10)
        *ms += (**p - '0') * unit;
    return true;
}

/* "Z" or "+01:00"; *ms is what local time is ahead of UTC. */
static bool read_zone(const char **p, int64_t *ms)
{
    bool west = **p == '-';
    int hours, minutes;

    *ms = 0;
    if (read_char(p, "Zz"))
        return true;
    if (!read_char(p, "+-") || !read_number(p, 2, &hours) || !read_char(p, ":") ||
        !read_number(p, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ms = (hours * HOUR_MS + minutes * MINUTE_MS) * (west ? -1 : 1);
    return true;
}

static bool read_clock_time(const char **p, struct moment *m)
{
    return read_number(p, 2, &m->hour) && read_char(p, ":") && read_number(p, 2, &m->minute) &&
           read_char(p, ":") && read_number(p, 2, &m->second);
}

bool bf_time_parse(const char *text, int64_t *ms)
{
    const char *p = text;
    int64_t fraction, ahead, at;
    struct moment m;

    if (!read_number(&p, 4, &m.year) || !read_char(&p, "-") || !read_number(&p, 2, &m.month) ||
        !read_char(&p, "-") || !read_number(&p, 2, &m.day) || !read_char(&p, "Tt") ||
        !read_clock_time(&p, &m) || !read_fraction(&p, &fraction) || !read_zone(&p, &ahead) || *p ||
        !moment_ms(&m, &at))
        return false;
    at -= ahead;
    if (!settle_leap_second(&m, &at))
        return false;
    *ms = at + (m.second < 60 ? fraction : 0);
    return true;
}

/* One of the words, of three letters each; *index counts from 0. */
static bool read_word(const char **p, const char *words, int *index)
{
    for (*index = 0; words[*index * 3]; (*index)++) {
        if (strncmp(*p, words + *index * 3, 3) == 0) {
            *p += 3;
            return true;
        }
    }
    return false;
}

static bool read_text(const char **p, const char *text)
{
    size_t len = strlen(text);

    if (strncmp(*p, text, len) != 0)
        return false;
    *p += len;
    return true;
}

bool bf_http_date_parse(const char *text, int64_t *ms)
{
    const char *p = text;
    struct moment m;
    int weekday;
    int64_t at;

    if (!read_word(&p, "SunMonTueWedThuFriSat", &weekday) || !read_text(&p, ", ") ||
        !read_number(&p, 2, &m.day) || !read_text(&p, " ") ||
        !read_word(&p, "JanFebMarAprMayJunJulAugSepOctNovDec", &m.month) || !read_text(&p, " ") ||
        !read_number(&p, 4, &m.year) || !read_text(&p, " ") || !read_clock_time(&p, &m) ||
        !read_text(&p, " GMT") || *p)
        return false;
    m.month++;
    if (!moment_ms(&m, &at) || !settle_leap_second(&m, &at))
        return false;
    *ms = at;
    return true;
}

bool bf_duration_parse(const char *text, int64_t *ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", SECOND_MS}, {"m", MINUTE_MS}, {"h", HOUR_MS}, {"d", DAY_MS}};
    const char *p = text;
    int64_t value = 0;

    for (; is_digit(*p); p++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *p - '0', &value))
            return false;
    if (p == text)
        return false;
    for (size_t i = 0; i < BF_COUNT(units); i++)
        if (strcmp(p, units[i].name) == 0)
            return !__builtin_mul_overflow(value, units[i].ms, ms);
    return false;
}
