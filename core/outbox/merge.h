/* merge.h - executions that wait in a long line, told of by one of them.
 *
 * CONCEPT.  A receiver takes a message a second, and a thousand runs fail at once: nobody wants a
 * thousand messages for a quarter of an hour.  Where more executions are due to a destination than
 * its merge_over, and its sink can tell of several firings in one message, the execution that is
 * taken next, the teller, is joined by later ones of the same action of the same revision of an
 * automation.  What is told is then a digest (digest.h), of executions instead of firings: each of
 * them keeps a row of its own in the history.
 *
 * OPERATION.  The courier looks for them when it takes the teller, and the engine writes down which
 * they are before anything is sent, so they are the same at every attempt and after a crash.  From
 * then on they are BF_MERGED, which is shown as pending, and not in the line any more: looking for
 * what is due costs nothing for them.  Whatever the teller comes to, they come to in the same
 * transaction.  None joins later, and none that was attempted: what was sent alone stays alone, and
 * what others joined already has joined nobody.
 *
 * Cancelling the teller cancels it alone, and the others wait by themselves again.  One that is told
 * of cannot be cancelled alone, for the message that tells of it may be under way.  Sending the teller
 * again sends all of it again, as one message, and they are resent as that.
 *
 * SAFETY.  Joining, settling and letting go change rows by the status that they must still have, so
 * one that was cancelled or recorded meanwhile is left alone.  A teller has a lower number than all
 * that it tells of: who goes through the history oldest first meets it before them. */
#ifndef BF_MERGE_H
#define BF_MERGE_H

#include "core/outbox/outbox.h"

#define BF_MERGE_OVER 20                /* executions due, where an integration does not say */
#define BF_MERGE_OVER_MAX 10000
#define BF_MERGE_LOOK_MAX 4096          /* rows of the line that are looked at for one message: 2 ms */

/* How many are due to the integration by now_ms, counted up to `max`.  One that is told of by another
 * is not. */
int bf_merge_backlog(struct bf_db *db, const char *integration, int64_t now_ms, unsigned max,
                     unsigned *n);
/* To `fn`, oldest first, those that may join `teller`, among the next `look` rows of the line. */
int bf_merge_find(struct bf_db *db, const struct bf_execution *teller, int64_t now_ms, unsigned look,
                  void (*fn)(void *arg, uint64_t number), void *arg);

/* --- writing.  [engine] --- */

/* Of `numbers`, those that still may join; *n_joined is how many.  BF_DIGEST_MAX - 1 at most. */
int bf_merge_join(struct bf_db *db, const struct bf_execution *teller, const uint64_t *numbers,
                  size_t n, unsigned *n_joined);
/* What the teller's record comes to, they come to as well; not if that is BF_PENDING. */
int bf_merge_settle(struct bf_db *db, const char *teller, const struct bf_attempt_record *r);
/* The teller is cancelled: the others wait by themselves. */
int bf_merge_let_go(struct bf_db *db, const struct bf_execution *teller);
/* The teller is sent again as `as`. */
int bf_merge_resent(struct bf_db *db, const char *teller, const char *as);

/* --- reading --- */

/* One that is told of by another. */
struct bf_merged_row {
    uint64_t number;
    uint64_t event;             /* seq of its event, and when that was received */
    int64_t event_ms;
    int64_t created_ms;
};
int bf_merge_each(struct bf_db *db, const char *teller,
                  void (*fn)(void *arg, const struct bf_merged_row *row), void *arg);

#endif
