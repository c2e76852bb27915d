/* digest.h - several firings of one action that are told of in one delivery.
 *
 * CONCEPT.  Where an automation says "over":"digest", the first firing over its limit opens a digest:
 * an execution that is due when the limit allows the next one.  Until then later firings join it
 * instead of becoming executions.  Each leaves a row with its event, its facts and, in short, what a
 * template says of it; so a delivery of a thousand firings need not read a thousand events.
 *
 * OPERATION.  It takes any number: the newest BF_DIGEST_MAX are kept, the others are counted.
 *
 * Executions that are told of by another over a backlog (merge.h) are read as digests as well.  Their
 * rows have no text yet: whoever reads the events makes it.
 *
 * SAFETY.  A firing joins in the transaction that journals its event.  The courier has the engine
 * close a digest before it reads what joined, so none can slip in behind: who comes later, or finds
 * it cancelled, opens another. */
#ifndef BF_DIGEST_H
#define BF_DIGEST_H

#include "core/base/buf.h"
#include "core/outbox/outbox.h"

#define BF_DIGEST_MAX 1000              /* firings of one digest that are kept */
#define BF_FIRING_MAX (64 * 1024)       /* of what ${firings} says of one */
#define BF_DIGEST_BYTES_MAX (256 * 1024)        /* of what ${firings} says, of the newest */

/* A firing that joined. */
struct bf_told {
    uint64_t seq;               /* of its event */
    struct bf_envelope *event;  /* a reference, if the reader set one */
    char *facts;                /* or NULL */
    size_t facts_len;
    char *firing;               /* from malloc(), if the reader made it: what ${firings} says of it */
    size_t firing_len;
};

struct bf_digest {
    uint32_t n_firings;         /* in all, the one that opened it too */
    uint32_t hops;              /* the most that any of their events came through */
    char *firings;              /* a JSON array, oldest first; see bf_vars_firing() */
    size_t firings_len;
    bool has_no_text;           /* its reader makes `firings`, of the events */
    size_t event_bytes;         /* of the events that its reader has set */
    size_t n_later;             /* the newest of those that joined, oldest first */
    struct bf_told later[];
};

/* --- writing.  [engine] --- */

/* An execution that is_digest was added.  (bf_outbox_add() does this.) */
int bf_digest_open(struct bf_db *db, const struct bf_execution *e);
/* *joined is false, and nothing done, if the action has no digest that can be joined: then the
 * caller opens one. */
int bf_outbox_join(struct bf_db *db, const struct bf_execution *e, bool *joined);
int bf_digest_close(struct bf_db *db, const struct bf_execution *e);
/* One is sent again, as another. */
int bf_digest_copy(struct bf_db *db, uint64_t from, uint64_t to);
int bf_digest_cut(struct bf_db *db, uint64_t number);
/* At `position`, of another execution, without a text. */
int bf_digest_add(struct bf_db *db, uint64_t number, uint64_t position, uint64_t execution);

/* --- reading.  Any connection. --- */

/* With at most `max_later` of those that joined. */
int bf_digest_read(struct bf_db *db, uint64_t number, size_t max_later, struct bf_digest **out);
void bf_digest_free(struct bf_digest *d);       /* NULL is fine */
/* What a template says of a firing of this automation in ${firings}. */
void bf_digest_describe(const struct bf_automation *automation, const struct bf_envelope *event,
                        const char *facts, size_t facts_len, struct bf_buf *out);

#endif
