/* tz.h - time zones, by their IANA names.  The door to GLib's; the zone data is the machine's
 * (package tzdata).  Immutable once made; any thread. */
#ifndef BF_TZ_H
#define BF_TZ_H

#include <stdbool.h>
#include <stdint.h>

struct bf_tz;

struct bf_tz *bf_tz_new(const char *name);      /* "Europe/Berlin", "UTC"; NULL if there is none */
struct bf_tz *bf_tz_ref(struct bf_tz *z);
void bf_tz_unref(struct bf_tz *z);              /* NULL is fine */

/* A moment as a clock on the wall there shows it. */
struct bf_local_time {
    int year, month, day;       /* 1 is January; 1 is the first */
    int hour, minute, second;
    int weekday;                /* 0 is Sunday */
};
void bf_tz_local(const struct bf_tz *z, int64_t unix_s, struct bf_local_time *out);
/* When a clock there shows this.  Of a time that comes twice (autumn), the first; of one that is
 * left out (spring), the first moment behind the gap. */
int64_t bf_tz_unix(const struct bf_tz *z, const struct bf_local_time *t);

#endif
