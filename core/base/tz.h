/* tz.h - time zones, by their IANA names.  The door to GLib's; the zone data is the machine's
 * (package tzdata).  Immutable once made; any thread.
 *
 * Moments are in seconds of Unix time; what a clock on the wall shows then is the same number plus
 * the zone's offset, so that calendar arithmetic is that of UTC. */
#ifndef BF_TZ_H
#define BF_TZ_H

#include <stdint.h>

struct bf_tz;

struct bf_tz *bf_tz_new(const char *name);      /* "Europe/Berlin", "UTC"; NULL if there is none */
struct bf_tz *bf_tz_ref(struct bf_tz *z);
void bf_tz_unref(struct bf_tz *z);              /* NULL is fine */

/* By how much clocks there are ahead of UTC at a moment. */
int64_t bf_tz_offset(const struct bf_tz *z, int64_t unix_s);
/* When a clock there shows this.  Of a time that comes twice (autumn), the first; of one that is
 * left out (spring), the first moment behind the gap. */
int64_t bf_tz_unix(const struct bf_tz *z, int64_t wall_s);
/* The first moment behind `after_s`, and not behind `until_s`, at which the offset becomes another;
 * INT64_MAX if there is none. */
int64_t bf_tz_change(const struct bf_tz *z, int64_t after_s, int64_t until_s);

#endif
