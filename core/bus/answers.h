/* answers.h - what filter hooks have said of events, kept with them.
 *
 * CONCEPT.  An answer that the judge has used is stored in the transaction that holds his decision:
 * one row for an event, with the revision of each automation, its script and what that said.  So a
 * verdict reads it back, whatever became of the script since, and retention cuts it with its event.
 *
 * OPERATION.  Whoever judges records of the past gets his answers here.  Those of the revision itself
 * come first.  A script decides by nothing but the event, so what another revision's said counts as
 * well if it was the same text, and did not fail.  What is not known then is asked of the script as it is
 * now, if there is somebody to ask. */
#ifndef BF_ANSWERS_H
#define BF_ANSWERS_H

#include "core/bus/asking.h"

/* In the transaction that has judged the event: those that were used.  [engine] */
int bf_answers_write(struct bf_tx *tx, uint64_t seq, const struct bf_met *m);
/* The number of a script's hash; 0 for "".  [engine] */
int bf_script_number_of(struct bf_tx *tx, const char *hash, int64_t *number);
/* The transaction, or a part of it, was undone: numbers that were given in it are not. */
void bf_script_numbers_undo(struct bf_bus *bus);

/* Of events that are gone, originals too: those from `low` on and before `high`.  [engine] */
int bf_answers_cut(struct bf_db *db, uint64_t low, uint64_t high);

/* --- of the past: any connection, one thread at a time --- */

struct bf_past_answers;

/* `asker` may be NULL: nobody is asked.  It waits for the answers, and `done` is not called. */
struct bf_past_answers *bf_past_answers_new(struct bf_db *db, const struct bf_asker *asker);
void bf_past_answers_free(struct bf_past_answers *p);   /* NULL is fine */
/* From now on about this one, borrowed; with 0 for one that was not recorded. */
void bf_past_answers_about(struct bf_past_answers *p, const struct bf_envelope *e, uint64_t seq);
const struct bf_answers *bf_past_answers_get(struct bf_past_answers *p);
/* The first trouble in reading or asking; 0: there was none. */
int bf_past_answers_error(const struct bf_past_answers *p);

#endif
