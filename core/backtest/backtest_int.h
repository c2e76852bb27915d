/* backtest_int.h - what the files of this room share.
 *
 *   backtests.c  the queue, the threads, and what is kept
 *   replay.c     one backtest: records in, firings out
 *   tally.c      what came out, counted and listed */
#ifndef BF_BACKTEST_INT_H
#define BF_BACKTEST_INT_H

#include <stdatomic.h>

#include "core/backtest/backtest.h"
#include "core/rules/rules.h"

struct bf_backtest {
    atomic_uint refs;
    char id[BF_ID_LEN + 1];
    struct bf_backtest_rooms rooms;
    const struct bf_automation *automation;
    char *stored;
    char *user;
    char *zone;
    struct bf_tz *tz;
    int64_t since_ms, until_ms;
    uint64_t max_clock;
    bool counts_only;
    int64_t created_ms;
    atomic_bool ended;          /* nobody wants it any more */
    /* Places in the journal: those to look at, and how many of them were. */
    _Atomic uint64_t n_all;
    _Atomic uint64_t n_done;
    struct bf_backtests *owner;
    /* Under the owner's lock from here on. */
    struct bf_backtest *next;   /* the older one */
    int status;                 /* enum status, of backtests.c */
    int64_t started_ms, ended_ms;
    char *result;               /* a JSON object, once it is finished */
    char words[1000];           /* why it failed */
};

/* --- tally.c --- */

struct bf_tally;

struct bf_tally *bf_tally_new(const struct bf_backtest *t);
void bf_tally_free(struct bf_tally *y);         /* NULL is fine */
/* One more record was judged. */
void bf_tally_record(struct bf_tally *y);
/* What it led to.  `event` is kept for the first of them. */
void bf_tally_firing(struct bf_tally *y, struct bf_envelope *event, const struct bf_firing *f);
/* Windows were filled from points of this time on; 0: there were none.  Not complete: what they
 * would have reached back to had been cut. */
void bf_tally_warm_up(struct bf_tally *y, int64_t from_ms, bool complete);
/* All of it as a JSON object, yours to free(), with what the first firings would send. */
char *bf_tally_result(struct bf_tally *y);

/* --- replay.c --- */

/* Judge the range to its end.  BF_ECANCELED if nobody wants it any more.  [its own thread] */
int bf_backtest_replay(struct bf_backtest *t, struct bf_tally *y, struct bf_error *err);

#endif
