/* timers.h - what waits on the clock inside the rules: schedules and absences.
 *
 * CONCEPT.  An enabled automation on SCHEDULE has one wait, until its next occurrence; one on ABSENCE
 * has one for its scope, or one for each run.  All of them stand in a heap by when they are over.
 * Time itself does nothing here: what is over is listed (bf_timers_due), the engine journals a
 * record for it, and the judging of that record is what ends the wait (bf_timers_over).
 *
 * ABSENCE.  Per scope, an awaited event that passes the filter begins the wait, and each further one
 * begins it anew.  Per run, the first run.* event that passes the filter begins it (of other types,
 * the first awaited event that does), and each awaited event of that run begins it anew.  When the
 * wait was over it takes an awaited event to begin again.  A run that reports FINISHED, FAILED or
 * KILLED is not waited for, until it reports another state; an automation that was not concerned
 * when it did so learns it from the run's next event.  That it CRASHED is silence: the hub's own word
 * for it neither begins nor ends anything.
 *
 * MEMORY.  Of a schedule the last occurrence is kept, of a wait when the awaited event came and when
 * it will be over; not event by event, but when bf_timers_flush() is called, before a transaction is
 * committed or a part of it begins that may be undone.  An automation that is saved with a new era,
 * or enabled, begins anew. */
#ifndef BF_TIMERS_H
#define BF_TIMERS_H

#include "core/rules/filter.h"
#include "core/rules/rules.h"

#define BF_TIMERS_DUE_MAX 256           /* waits that are listed at once */
#define BF_WAITS_MAX      1000000       /* in all, of 120 bytes or so; more runs are not waited for */
#define BF_MISSED_MAX     1000          /* occurrences are not counted further */

struct bf_timers;

struct bf_timers *bf_timers_new(void);
void bf_timers_free(struct bf_timers *t);       /* NULL is fine */

/* As bf_rules_put() and bf_rules_remove(); whatever else its trigger is, it is passed over. */
void bf_timers_put(struct bf_timers *t, const struct bf_automation *a);
void bf_timers_remove(struct bf_timers *t, const char *id);

/* See rules.h. */
void bf_timers_begin(struct bf_timers *t, const struct bf_memory *memory, int64_t now_ms);
void bf_timers_saved(struct bf_timers *t, const struct bf_automation *a, int64_t now_ms);
int64_t bf_timers_next(const struct bf_timers *t);
size_t bf_timers_due(struct bf_timers *t, int64_t now_ms, const struct bf_due **out);
void bf_timers_flush(struct bf_timers *t);
void bf_timers_undo(struct bf_timers *t, bool part);
void bf_timers_settle(struct bf_timers *t);

/* A run whose rows are gone is not waited for any more. */
void bf_timers_forget_run(struct bf_timers *t, uint64_t run);
/* Of runs, no more waits than these are begun: BF_WAITS_MAX unless said; and how many were not. */
void bf_timers_limit(struct bf_timers *t, size_t max_waits);
uint64_t bf_timers_refused(const struct bf_timers *t);

/* An event, which is none of a wait: begins and ends waits.  `organization` is the own entity of that
 * which the event's entity is in, or NULL. */
void bf_timers_see(struct bf_timers *t, const struct bf_record *record, const char *organization,
                   struct bf_subject *subject);
/* See rules.h. */
void bf_due_print(const struct bf_due *d, const struct bf_due_run *run, struct bf_buf *out);

/* See rules.h. */
void bf_timers_hold(struct bf_timers *t, const struct bf_due *d);
bool bf_timers_held(struct bf_timers *t, const char *id, uint64_t run, int64_t now_ms,
                    struct bf_due *out);
void bf_timers_let_go(struct bf_timers *t, const char *id, uint64_t run);

/* A record of a wait: whether that wait is on and over, which ends it. */
bool bf_timers_over(struct bf_timers *t, const struct bf_automation *a, uint64_t run,
                    int64_t due_ms);

#endif
