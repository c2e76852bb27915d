/* backtest.h - an automation that is not switched on yet, tried on events that were recorded.
 *
 * CONCEPT.  A backtest is the live evaluator with one automation in it, fed with the records of a
 * range of the journal in their order and with their times.  What the rules remember begins as it
 * was before the first record and then is the backtest's own; windows are filled from the stored
 * points, as they are after a restart.  So it says what the automation would have done, had it been
 * saved at the beginning of the range.
 *
 * OPERATION.  Backtests run on threads of their own, BF_BACKTESTS_RUN at a time, with the least
 * claim on the processors and a connection each that reads in short pieces; while the engine is at
 * work they wait.  Others queue up.  What came out is kept in memory for an hour, and no longer
 * than the hub runs.  Payloads are rendered by the sinks, on a worker; nothing is sent.
 *
 * SAFETY.  Nothing that is kept on disk is changed.  Whoever ends one is not waited for: it ends at
 * the next record. */
#ifndef BF_BACKTEST_H
#define BF_BACKTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/id.h"
#include "core/base/log.h"
#include "core/base/tz.h"
#include "core/bus/bus.h"
#include "core/plugin/plugins.h"
#include "core/rules/automation.h"
#include "core/team/team.h"

#define BF_BACKTESTS_RUN      2         /* at a time */
#define BF_BACKTESTS_QUEUED   16        /* wait for their turn */
#define BF_BACKTESTS_KEPT     64        /* that have ended, ... */
#define BF_BACKTESTS_KEPT_MS  (60LL * 60 * 1000)        /* ... for so long, ... */
#define BF_BACKTESTS_KEPT_BYTES (32 * 1024 * 1024)      /* ... with so much that came out */
#define BF_BACKTEST_CLOCK_MAX 250000    /* waits that are over in its range; a minute's for 173 days */
#define BF_BACKTEST_WINDOWS   (32 * 1024 * 1024)        /* bytes of values of runs, in memory */
#define BF_BACKTEST_FIRINGS   1000      /* listed one by one; all are counted */
#define BF_BACKTEST_PAYLOADS  20        /* of the first of them, rendered */
#define BF_BACKTEST_BYTES     (1024 * 1024)     /* of these lists */

struct bf_backtests;
struct bf_backtest;

/* The rooms below; all outlive it. */
struct bf_backtest_rooms {
    const char *db_path;
    struct bf_bus *bus;
    struct bf_team *team;
    struct bf_plugins *plugins;
    struct bf_asker asker;      /* asks scripts, and waits; none: they have not answered */
    const struct bf_clock *clock;
    struct bf_log *log;
};

struct bf_backtests *bf_backtests_new(const struct bf_backtest_rooms *rooms);
/* Those that run end, those that wait do not begin; the threads are joined.  False if one did not
 * come back in time, as it is in a plugin: then nothing may be freed.  [main] */
bool bf_backtests_stop(struct bf_backtests *b, int64_t wait_ms);
void bf_backtests_free(struct bf_backtests *b);         /* NULL is fine */

struct bf_backtest_order {
    const struct bf_automation *automation;     /* its own reference is taken */
    const char *stored;         /* id of the one that it is; NULL: a draft */
    const char *user;           /* whose wish it is */
    int64_t since_ms;           /* received then or later */
    int64_t until_ms;           /* received before */
    const char *zone;           /* whose days are counted: "UTC", ... */
    struct bf_tz *tz;           /* ... and what that is; its own reference is taken */
    uint64_t max_clock;         /* 0: BF_BACKTEST_CLOCK_MAX */
    bool counts_only;           /* nothing is listed or rendered; its integrations need not be there */
};
/* A reference; BF_EFULL if too many wait.  [any] */
int bf_backtests_add(struct bf_backtests *b, const struct bf_backtest_order *order,
                     struct bf_backtest **out, struct bf_error *err);
/* A reference, or NULL.  [any] */
struct bf_backtest *bf_backtests_find(struct bf_backtests *b, const char *id);
/* Those there are, newest first, a reference to each: how many of `max`.  [any] */
size_t bf_backtests_list(struct bf_backtests *b, struct bf_backtest **out, size_t max);
/* It ends, and is forgotten.  [any] */
void bf_backtests_drop(struct bf_backtests *b, struct bf_backtest *t);

void bf_backtest_unref(struct bf_backtest *t);          /* NULL is fine */
/* What it is; fixed.  [any] */
const char *bf_backtest_id(const struct bf_backtest *t);
const char *bf_backtest_entity(const struct bf_backtest *t);    /* the automation's */
const char *bf_backtest_project(const struct bf_backtest *t);   /* of its scope, or NULL */
/* As REST shows it; the result is NULL in lists, or while there is none.  [any] */
void bf_backtest_print(struct bf_backtest *t, bool with_result, struct bf_buf *out);

#endif
