/* limits.h - how often an automation may fire, as its author wrote it.
 *
 *   "limits":{"per_run":"24h","cooldown":"10m","rate":{"count":5,"within":"1h"},
 *             "over":"delay","matches":{"count":3,"within":"10m","per":"run"}}
 *
 * All are durations like "90s", "10m", "24h", "7d", measured in the hub's time.  In this order:
 *   matches   fires when the count-th match within that time comes, per key; then counting begins
 *             anew, also if another limit suppresses it.  One exactly as old as that counts still.
 *             Earlier ones are not suppressed, they are not enough yet.
 *   per_run   at most one firing per automation and run; of RUN_STATE, per run and state.  On by
 *             default, with 24 hours, for RUN_METRIC, _CHANGE, _ZSCORE and RUN_STATE, and only known
 *             there; "off" switches it off.
 *   cooldown  between two firings of the automation, and
 *   rate      a token bucket that holds `count` and is filled at an even pace: off by default.  What
 *             is over one of these is delayed ("delay", the default), or suppressed ("skip"), or
 *             told of together in one delivery when the limit allows the next ("digest"): what joins
 *             it takes nothing from the bucket.  Of both limits the later one counts.  The bucket is
 *             GCRA: each firing moves its arrival time, from when it is due at least, on by
 *             within/count in whole microseconds; the next may go out once that is no more than
 *             count - 1 of these away, rounded up to a millisecond.
 * What is limited is counted when it fires, though it may be delayed; what is suppressed is not.
 *
 * Whatever the limits, events with one and the same cause lead to at most 1,000 firings in the hour
 * from the first of them; then they are suppressed as a loop. */
#ifndef BF_LIMITS_H
#define BF_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/json.h"

#define BF_LIMIT_MS_MAX      (366LL * 24 * 3600 * 1000)
#define BF_LIMIT_COUNT_MAX   10000
#define BF_MATCHES_COUNT_MAX 1000
#define BF_PER_RUN_DEFAULT_MS (24LL * 3600 * 1000)

enum bf_over { BF_OVER_DELAY, BF_OVER_SKIP, BF_OVER_DIGEST };

struct bf_limits {
    int64_t per_run_ms;         /* 0: no limit, of this and those below */
    int64_t cooldown_ms;
    uint32_t rate_count;        /* 0: none */
    int64_t rate_ms;
    enum bf_over over;
    uint32_t matches_count;     /* 0 or 1: each match fires */
    int64_t matches_ms;
    const char *matches_per;    /* "automation", "run", "project", "collection"; what it leads to by
                                   default is "run" for events of runs, else "automation" */
};

/* NULL is none of its own: the defaults of the trigger (its wire name).  Lives in `a`. */
int bf_limits_parse(struct bf_arena *a, const struct bf_json *json, const char *wire,
                    struct bf_limits *out, struct bf_error *err);

bool bf_limits_same(const struct bf_limits *a, const struct bf_limits *b);

#endif
