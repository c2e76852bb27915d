/* past.h - the memory of a record of the past, and whether it still holds all that it held then.
 *
 * It answers as bf_past_memory does (memory.h), and notes what it cannot know: what the rules
 * remembered before a record, if that is older than what retention has left; and whether the fewer
 * values of a run than were asked for are all there were.  Any connection, one thread at a time. */
#ifndef BF_PAST_H
#define BF_PAST_H

#include "core/rules/memory.h"
#include "core/store/store.h"

struct bf_past;

/* Before record `seq`.  What is set stays here. */
struct bf_past *bf_past_new(struct bf_db *db, uint64_t seq);
void bf_past_free(struct bf_past *p);           /* NULL is fine */
const struct bf_memory *bf_past_rules(struct bf_past *p);
/* The values of runs are those before this record from now on; what was set stays. */
void bf_past_move(struct bf_past *p, uint64_t seq);
/* Whether something was asked for that has, or may have, been cut. */
bool bf_past_is_cut(const struct bf_past *p);
/* The first trouble in reading; 0: there was none. */
int bf_past_error(struct bf_past *p);

#endif
