/* skipped.h - what limits suppressed, or the failure of a script, as the history tells it: one row for
 * many firings.
 *
 * CONCEPT.  A run that matches at every step would leave a row for each; so there is one of status
 * `skipped` per automation, run and reason.  It counts firings, from the first (created) to the
 * last, and shows the event, the facts and what the script said of the newest.  (Firings that are about no run share one.)
 *
 * A row goes on until the limit that it tells of ends, or the automation fires for that run again,
 * or its scope, event or limits are changed; what is suppressed after that begins another.
 *
 * OPERATION.  Firings are folded in memory and written before the transaction ends: a batch costs
 * one write for each row, whatever it counts.  [engine] */
#ifndef BF_SKIPPED_H
#define BF_SKIPPED_H

#include "core/outbox/outbox.h"

struct bf_suppressions;

/* A firing that a limit said no to.  All is borrowed. */
struct bf_suppressed {
    const struct bf_automation *automation;
    const char *trigger;        /* wire name of what fired */
    struct bf_envelope *event;  /* has its place */
    uint64_t run;               /* 0: it is about none */
    const char *reason;         /* "cooldown" */
    int64_t until_ms;           /* when the limit ends; 0: that is not a question of time */
    const char *facts;          /* or NULL */
    size_t facts_len;
    struct bf_answer answer;    /* of its filter's script */
};

struct bf_suppressions *bf_suppressions_new(void);
void bf_suppressions_free(struct bf_suppressions *s);   /* NULL is fine */
/* One more, of the open transaction. */
void bf_outbox_suppress(struct bf_suppressions *s, const struct bf_suppressed *one);
/* A row began; what it tells of changes no more, so whoever keeps it takes a reference. */
typedef void bf_skipped_fn(void *arg, struct bf_execution *row);
/* Write what was suppressed; a row that begins takes the number behind *last_number, and is told to
 * `began` (NULL: to nobody).  Before the commit, and before a part of the transaction begins that
 * may be undone alone. */
int bf_outbox_write_suppressed(struct bf_suppressions *s, struct bf_db *db, int64_t now_ms,
                               uint64_t *last_number, bf_skipped_fn *began, void *arg);
/* The transaction, or the part of it that began with nothing suppressed, is undone. */
void bf_suppressions_drop(struct bf_suppressions *s);
/* The automation fired for a run: its rows end.  All that was suppressed before is written. */
int bf_outbox_end_skipped(struct bf_db *db, const struct bf_automation *a, uint64_t run);

#endif
