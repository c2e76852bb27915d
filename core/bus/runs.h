/* runs.h - the runs that events tell of: their numbers, their states, how far each metric has come.
 *
 * CONCEPT.  A run is named by its entity, project and id, and is numbered when its first `run.*` event
 * is journaled; the number stands in the journal beside each of its events, so that they are found
 * newest first.  A point is in order if its step is greater than that of every earlier value of its
 * metric in its run; so all that has to be known of the past is one step for each metric of a run.
 *
 * Events of a run are much alike, and are stored as what is their own (points.h).
 *
 * OPERATION.  Runs that are active are in memory, up to BF_RUNS_BYTES, the rest in the tables: a row
 * of `runs` with the last steps as they were up to some event (series, series_seq), and rows of
 * `run_words` with the names of its metrics, in the order in which they came up, and with what its
 * events have in common (words.h).  The steps are written
 * every BF_RUN_BEHIND events of a run, so an event costs no row but its own, or sooner where these
 * have many points, so that a run that is not in memory is read with little behind what is written.
 * A batch that touches more runs than there is room for reads some of them again.
 *
 * SAFETY.  What a transaction has touched is dropped from memory when it, or a part of it, is undone,
 * and read anew.  Rows of `runs` are the truth about states and numbers; a number is never used
 * again, for the newest row is never cut. */
#ifndef BF_RUNS_H
#define BF_RUNS_H

#include "core/bus/bus.h"

#define BF_RUNS_BYTES      (96 * 1024 * 1024)
#define BF_RUN_METRICS_MAX 32768        /* of one run; points of others are stored but not in order */
#define BF_RUN_BEHIND      128          /* events ... */
#define BF_RUN_BEHIND_POINTS 4096       /* ... or points; of a run with more metrics, one of each */

struct bf_runs;
struct bf_run;

struct bf_runs *bf_runs_new(void);
void bf_runs_free(struct bf_runs *r);           /* NULL is fine */
int bf_runs_open(struct bf_runs *r, struct bf_db *db, struct bf_error *err);

/* Inside a transaction, before the event is journaled as `seq`: its run gets a number if it has none
 * and the event makes runs known, and the order of the event's points is settled.  *out is NULL for
 * an event that concerns no run, or an unknown one.  [engine] */
int bf_runs_take(struct bf_tx *tx, struct bf_envelope *e, uint64_t seq, struct bf_run **out);
/* The number of the run that a `run.*` event is of, if it has crashed; else 0.  [engine] */
int bf_runs_crashed(struct bf_tx *tx, const struct bf_envelope *e, uint64_t *run);
/* The event packed (points.h); false if it is to be stored as its text. */
bool bf_run_pack(struct bf_tx *tx, struct bf_run *run, const struct bf_envelope *e,
                 struct bf_buf *out);
/* Once it is journaled: what the run is known by from now on. */
int bf_runs_note(struct bf_tx *tx, struct bf_run *run, const struct bf_envelope *e);
/* Look at up to `max` runs from number *from on, and cut those of which the journal holds no event any
 * more, with their words, but never the newest.  As bf_journal_cut().  [engine] */
int bf_runs_cut(struct bf_tx *tx, unsigned max, uint64_t *from, bool *more);

/* Of the steps that are written up to event `seq`: which event brought the last finite value in order
 * of the metric with this number among the run's; 0: none did.  [any] */
uint64_t bf_steps_value_seq(const void *steps, size_t len, uint64_t seq, uint64_t number);

uint64_t bf_runs_last(const struct bf_runs *r); /* the newest number */
/* The transaction, or a part of it, was undone; the newest number was this before it. */
void bf_runs_undo(struct bf_runs *r, uint64_t last);
void bf_runs_settle(struct bf_runs *r);         /* it was committed */

#endif
