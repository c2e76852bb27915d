/* as_of.h - the hub as it was before a record of the journal.
 *
 * CONCEPT.  A record is judged by the automations that were in force before it, in the teams'
 * organizations of then, and by what the rules remembered.  Revisions are never changed or removed,
 * a deletion notes its place in the journal, and so does a team that moves; so all of this can be
 * read back for any record, long after it.
 *
 * Any connection.  Texts live until the callback returns. */
#ifndef BF_AS_OF_H
#define BF_AS_OF_H

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/rules/automation.h"
#include "core/store/store.h"

/* A record's place: what is before it is what it met. */
struct bf_place_in_time {
    uint64_t seq;
    int64_t received_ms;
};

enum bf_presence {
    BF_THERE,
    BF_NOT_YET,                 /* it was made later */
    BF_NO_MORE                  /* it had been deleted */
};

/* An automation before a record. */
struct bf_automation_then {
    const char *id;
    const char *entity;         /* the owner */
    uint64_t revision;          /* the last before the record, or before it was deleted; of one that
                                   was made later, the first */
    enum bf_presence presence;
    const struct bf_automation *automation;     /* that revision, borrowed; NULL if this hub cannot
                                                   read it, for the reason in words */
    const char *words;
};
typedef bool bf_automation_then_fn(void *arg, const struct bf_automation_then *then);

/* Those that were there, of one or two owners (`other` may be NULL), by id behind `after` ("": from
 * the first).  A false from `fn` ends the list. */
int bf_automations_as_of(struct bf_db *db, const struct bf_place_in_time *at, const char *owner,
                         const char *other, const char *after, bf_automation_then_fn *fn,
                         void *arg);
/* One, there or not, to `fn`; BF_ENOENT if there never was one of that id. */
int bf_automation_as_of(struct bf_db *db, const struct bf_place_in_time *at, const char *id,
                        bf_automation_then_fn *fn, void *arg);

/* The own entity of the organization in which an entity was when the record was judged; "" if it
 * was in none.  `now` is where it is now, or NULL. */
int bf_placement_as_of(struct bf_db *db, uint64_t seq, const char *entity, const char *now,
                       struct bf_buf *out);
/* The moves of entities from a record on, in order; false ends the list. */
typedef bool bf_move_fn(void *arg, const char *entity, uint64_t seq);
int bf_moves_from(struct bf_db *db, uint64_t seq, bf_move_fn *fn, void *arg);

#endif
