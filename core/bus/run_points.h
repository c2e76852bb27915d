/* run_points.h - what is stored of runs: the newest values of a metric, what a run was last known
 * as, and whole records, one by one or in a row.  Any connection.
 *
 * Whatever is asked for is answered as it was before an event, `before`; BF_NOW stands for now. */
#ifndef BF_RUN_POINTS_H
#define BF_RUN_POINTS_H

#include "core/base/buf.h"
#include "core/bus/bus.h"
#include "core/rules/memory.h"
#include "core/rules/record.h"
#include "core/rules/rules.h"

#define BF_NOW              UINT64_MAX
#define BF_ORDER_MAX        10000       /* events that bf_run_order() looks at */
#define BF_CONTEXT_EVENTS   64
#define BF_EARLIER_RUNS_MAX BF_BASELINE_RUNS_MAX        /* that bf_run_earlier() looks at */

/* The newest finite values in order of a metric in a run, newest first; *n of them, fewer than `max`
 * if there are no more.  Costs about a microsecond for each event of the run that is looked at, but a
 * metric that the run never had costs one look. */
int bf_run_tail(struct bf_db *db, uint64_t run, const char *metric, uint64_t before, size_t max,
                double *out, size_t *n);
/* The last of these in each of the newest `max` runs of the same project that are older than `run`
 * and have one, newest run first.  Runs further back than BF_EARLIER_RUNS_MAX do not count. */
int bf_run_earlier(struct bf_db *db, uint64_t run, const char *metric, uint64_t before, size_t max,
                   struct bf_run_value *out, size_t *n);

/* The run's number; 0 if it is not known. */
int bf_run_find(struct bf_db *db, const char *entity, const char *project, const char *id,
                uint64_t *run);
/* Settle the order of an event's points as if it was journaled now; its run has its number.  Events
 * of the run are looked at back to the last that has a step of each metric, BF_ORDER_MAX of them at
 * most. */
int bf_run_order(struct bf_db *db, struct bf_envelope *e);
/* What a run was last known as: the `run` object of its newest event, as its sender wrote it, or
 * rather of the newest of its last BF_CONTEXT_EVENTS that tells more than its id and state, for
 * heartbeats may not.  BF_ENOENT if there is none (any more).  `out` is empty. */
int bf_run_context(struct bf_db *db, uint64_t run, uint64_t before, struct bf_buf *out);

/* The text of the record of a wait that is over; its run is as it was before an event.  BF_ENOENT: there
 * is no such run any more.  (advance.c) */
int bf_due_text(struct bf_db *db, const struct bf_due *d, uint64_t before, struct bf_buf *out);

/* An event as the rules see it.  `out` is good as long as its event, a reference that is the
 * caller's.  `hub` is bf_bus_hub().  BF_ENOENT if it is not there (any more). */
int bf_record_read(struct bf_db *db, uint16_t hub, uint64_t seq, struct bf_arena *scratch,
                   struct bf_record *out, struct bf_error *err);

/* All events from one to before another, in order.  Between two calls nothing is held, and the
 * journal may grow and be cut. */
struct bf_records;
struct bf_records *bf_records_new(struct bf_db *db, uint16_t hub, uint64_t from, uint64_t before);
/* 1: *out is the next one, good until the next call; 0: there is none; or an error. */
int bf_records_next(struct bf_records *r, struct bf_record *out, struct bf_error *err);
void bf_records_free(struct bf_records *r);     /* NULL is fine */

#endif
