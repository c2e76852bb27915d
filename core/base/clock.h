/* clock.h - time as an argument: the machine's, or a test's.
 *
 * wall_ms is Unix time and may jump; mono_ms only grows and is what waits are measured with. */
#ifndef BF_CLOCK_H
#define BF_CLOCK_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct bf_clock {
    int64_t (*wall_ms)(void *arg);
    int64_t (*mono_ms)(void *arg);
    void *arg;
};

const struct bf_clock *bf_clock_system(void);
/* CLOCK_MONOTONIC in so many milliseconds, for waits with a limit. */
struct timespec bf_mono_in(int64_t ms);
/* Join a thread that is about to end; false if it has not by then. */
bool bf_thread_join_within(pthread_t thread, int64_t ms);
/* The same for a semaphore. */
bool bf_sem_wait_within(sem_t *s, int64_t ms);
static inline int64_t bf_wall_ms(const struct bf_clock *c) { return c->wall_ms(c->arg); }
static inline int64_t bf_mono_ms(const struct bf_clock *c) { return c->mono_ms(c->arg); }

/* The Gregorian calendar, in days since 1970-01-01 (a Thursday); years from -400 on. */
struct bf_date {
    int year, month, day;       /* month and day from 1 */
};
int64_t bf_days_of_date(int year, int month, int day);
struct bf_date bf_date_of_days(int64_t days);
int bf_days_of_month(int year, int month);

/* RFC 3339 in UTC with milliseconds, "2026-11-23T12:00:00.000Z"; out holds 32 bytes. */
void bf_time_print(int64_t ms, char out[32]);
/* Any RFC 3339 date-time, zone required, fraction cut to milliseconds; false if it is not one. */
bool bf_time_parse(const char *text, int64_t *ms);
/* An HTTP date (IMF-fixdate), as in Retry-After; false if it is not one. */
bool bf_http_date_parse(const char *text, int64_t *ms);
/* "90s" "5m" "2h" "3d" "250ms", whole numbers; false if it is not one. */
bool bf_duration_parse(const char *text, int64_t *ms);

#endif
