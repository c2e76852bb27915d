/* originals.h - what on_event did to an event, beside the event itself.
 *
 * An event that on_event has changed is journaled in its changed form, for that is what rules, history
 * and templates see; what came is kept here.  One that was dropped is journaled as it came, with a
 * mark in its row (journal_row.h), and nothing else of the hub knows of it.  Where the hook failed,
 * that is kept as well.  Of an event that it let pass there is no row. */
#ifndef BF_ORIGINALS_H
#define BF_ORIGINALS_H

#include "core/base/buf.h"
#include "core/bus/asking.h"

/* In the transaction that has journaled the event.  [engine] */
int bf_original_write(struct bf_tx *tx, uint64_t seq, const struct bf_met *m);
/* ,"on_event":{"script","said":"changed"|"dropped"|"failed","words"},"original":{…} behind the members
 * of an object; nothing if there is nothing to tell.  Any connection. */
int bf_original_print(struct bf_db *db, uint64_t seq, struct bf_buf *out);

#endif
