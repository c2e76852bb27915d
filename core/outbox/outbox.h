/* outbox.h - executions: what an automation asked for, and every attempt at it.
 *
 * An execution is one action of one automation for one event.  It is added in the transaction that
 * journals the event, and stays for ever what that moment decided: the revision that fired, the
 * integration named there, the facts that were measured.  Rows that still want work are found by
 * integration and due time; one that a limit delays is simply due later.  One whose filter script
 * failed may be added as failed: it is never attempted, unless somebody has it sent again.
 *
 * Two kinds of rows tell of more than one firing: a digest (digest.h), and what limits suppressed
 * (skipped.h).  And one execution may tell of others (merge.h).
 *
 * Writing: the engine, inside its transaction.  Reading: any connection. */
#ifndef BF_OUTBOX_H
#define BF_OUTBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event/envelope.h"
#include "core/rules/automation.h"
#include "core/store/store.h"

#define BF_ATTEMPTS_MAX 1024    /* of one execution; their numbers are below it */
#define BF_SENT_MAX (64 * 1024) /* bytes of a request's body that the history keeps */

enum bf_status {
    BF_PENDING,                 /* wants work at due_ms */
    BF_RUNNING,                 /* of a BF_ONCE sink: an attempt was begun and not yet recorded */
    BF_FINISHED,
    BF_FAILED,
    BF_UNKNOWN_OUTCOME,         /* may have happened, and is not repeated blindly */
    BF_SKIPPED,
    BF_CANCELLED,
    BF_MERGED                   /* pending, but another tells of it; see merge.h */
};
const char *bf_status_name(int status);         /* "pending", …; people are not told of BF_MERGED */
bool bf_status_parse(const char *name, int *status);

#define BF_DRY_RUN "dry_run"    /* why an execution was skipped that only says what it would send */
#define BF_HOOK_FAILED "hook_failed"    /* why one was skipped whose script failed, or has failed itself
                                           without an attempt */
#define BF_INTERRUPTED "interrupted"    /* why the outcome of one is unknown: the hub died meanwhile */
#define BF_EXECUTION_FAILED "belfry.execution.failed"   /* the event that tells of one */
#define BF_REASON_MAX 32        /* bytes of a limit's name, "fire_limit_24h", with its NUL */

struct bf_digest;

/* Counted; whoever holds the last reference may be on any thread. */
struct bf_execution {
    atomic_uint refs;
    uint32_t action;            /* index into the automation's actions */
    uint32_t attempts;          /* recorded so far */
    int status;                 /* enum bf_status */
    uint64_t number;
    int64_t created_ms;
    int64_t due_ms;             /* Unix time, the hub's */
    int64_t first_attempt_ms;   /* 0: none yet */
    struct bf_envelope *event;          /* a reference */
    const struct bf_automation *automation;     /* a reference */
    const char *trigger;        /* wire name of what fired: the table's, or the automation's */
    uint64_t run;               /* number of the run it is about; 0: none */
    char *facts;                /* a JSON object of what was measured, from malloc(); NULL: nothing */
    size_t facts_len;
    char *hooks;                /* a JSON object of what scripts said when it fired, {"filter":{…}}, from
                                   malloc(); NULL: none was asked */
    bool is_digest;             /* others may join until it is due, see digest.h */
    struct bf_digest *digest;   /* of one that is: what joined; NULL until it was closed */
    uint32_t n_merged;          /* of a digest of executions: others that it tells of, see merge.h */
    char id[BF_ID_LEN + 1];
    char resend_of[BF_ID_LEN + 1];      /* id of the execution that it repeats, or "" */
    char delayed_by[BF_REASON_MAX];     /* the limit that put it off, "cooldown"; or "" */
};

struct bf_execution *bf_execution_new(void);    /* one reference, all else zero */
struct bf_execution *bf_execution_ref(struct bf_execution *e);
void bf_execution_unref(struct bf_execution *e);        /* NULL is fine */
/* Keeps a copy of the facts; NULL is none. */
void bf_execution_set_facts(struct bf_execution *e, const char *facts, size_t len);
void bf_execution_set_hooks(struct bf_execution *e, const char *hooks);         /* the same */
/* What its filter's script said; BF_SAID_NOTHING: it has none. */
void bf_execution_set_answer(struct bf_execution *e, const struct bf_answer *filter);
static inline const char *bf_execution_integration(const struct bf_execution *e)
{
    return e->automation->actions[e->action].integration;
}

extern const char *const bf_outbox_schema[];    /* for bf_db_migrate() */

/* A request as people may see it: where a secret stood, stands its name in ${}. */
struct bf_sent {
    const char *method;         /* NULL: nothing was sent, or nobody noted what */
    const char *url;
    const char *body;
    size_t body_len;            /* of all of it */
    size_t kept_len;            /* when it is read back: BF_SENT_MAX at most */
};

/* The outcome of an attempt that only said what it would send; beyond enum bf_outcome. */
#define BF_DRY (BF_ACCEPTED + 1)

/* How an attempt ended. */
struct bf_attempt_record {
    uint64_t execution;
    uint32_t attempt;           /* 1 for the first */
    int outcome;                /* enum bf_outcome, or BF_DRY */
    int status;                 /* of the execution from now on: enum bf_status */
    int http_status;            /* 0: none */
    int64_t started_ms;
    int64_t duration_ms;
    int64_t due_ms;             /* of the next attempt, if status is BF_PENDING */
    const char *words;          /* the reason a person reads; may be NULL */
    const char *teller;         /* id of the execution, if it tells of others; NULL: it does not */
    const char *reason;         /* why the execution was skipped; NULL: it was not */
    const char *response;       /* up to 64 KiB, secrets taken out; may be NULL */
    size_t response_len;
    struct bf_sent sent;
    uint32_t sent_by;           /* when it is read back: the attempt that holds `sent`, which may
                                   be this or an earlier one; 0: nothing was noted */
    const char *transform;      /* JSON of what the script said of its payload; NULL: none was asked */
};

int bf_outbox_add(struct bf_db *db, const struct bf_execution *e);
int bf_outbox_begin(struct bf_db *db, uint64_t number, int64_t now_ms);  /* to BF_RUNNING */
int bf_outbox_record(struct bf_db *db, const struct bf_attempt_record *r);
/* A pending one; *cancelled is false if it is not pending. */
int bf_outbox_cancel(struct bf_db *db, uint64_t number, int64_t now_ms, const char *reason,
                     bool *cancelled);
/* An execution is resent as another; BF_ENOENT if its status is none of `statuses` (bits), or
 * `once` and it was resent before. */
int bf_outbox_resent(struct bf_db *db, uint64_t number, unsigned statuses, bool once,
                     const char *as);
/* Of a hub that died: executions left BF_RUNNING become BF_UNKNOWN_OUTCOME.  `hub` is bf_bus_hub(). */
int bf_outbox_recover(struct bf_db *db, uint16_t hub, int64_t now_ms, struct bf_error *err);
/* Executions that failed, or have become unknown, and of which that was not told (bf_bus_tell_failure());
 * those that such an event fired are not among them. */
int bf_outbox_untold(struct bf_db *db, void (*fn)(void *arg, uint64_t number), void *arg);
/* From now on it is told; *was_untold is false if it was already. */
int bf_outbox_told(struct bf_db *db, uint64_t number, bool *was_untold);

/* One row for claiming. */
struct bf_outbox_row {
    uint64_t number;
    uint64_t event_seq;
    uint64_t revision;
    uint32_t action;
    uint32_t attempts;
    int64_t created_ms;
    int64_t due_ms;
    int64_t first_attempt_ms;
    uint64_t run;
    bool is_digest;
    uint32_t n_merged;
    const char *facts;          /* NULL, or good until the callback returns */
    size_t facts_len;
};
typedef void bf_outbox_row_fn(void *arg, const struct bf_outbox_row *row);

/* The number of the newest execution; 0 if there is none. */
uint64_t bf_outbox_last(struct bf_db *db);

/* A place in the line of an integration's pending rows. */
struct bf_outbox_place {
    int64_t due_ms;
    uint64_t number;
};

/* Pending executions of an integration due by `now_ms`, oldest due first, behind `after` ({0} for
 * the front of the line), at most `limit`. */
int bf_outbox_due(struct bf_db *db, const char *integration, const struct bf_outbox_place *after,
                  int64_t now_ms, unsigned limit, bf_outbox_row_fn *fn, void *arg);
/* When the next one of an integration is due that is not due by `now_ms`; *due_ms is 0 if there is
 * none. */
int bf_outbox_next_due(struct bf_db *db, const char *integration, int64_t now_ms,
                       int64_t *due_ms);
/* How many are pending for an integration, counted up to `max`; what others tell of is not. */
int bf_outbox_count(struct bf_db *db, const char *integration, unsigned max, unsigned *n);
/* What of an integration failed and is due later is due now: at most `limit` of it; *n is how many.
 * What a limit of its automation delays is not hastened. */
int bf_outbox_hasten(struct bf_db *db, const char *integration, int64_t now_ms, unsigned limit,
                     int64_t *n);
/* Every integration that has a pending execution, with its earliest due time. */
typedef void bf_outbox_waiting_fn(void *arg, const char *integration, int64_t due_ms);
int bf_outbox_waiting(struct bf_db *db, bf_outbox_waiting_fn *fn, void *arg);

#endif
