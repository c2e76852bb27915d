/* bus.h - the one place where things happen: intake queue, engine thread, journal, acknowledgement.
 *
 * CONCEPT.  Whoever wants to change something posts a piece of work.  The engine takes whatever
 * has arrived, opens one transaction, lets each piece do its part, commits once, and only then
 * tells each how it ended.  Under load the batch grows by itself, so the cost of the sync is
 * shared (group commit).
 *
 * OPERATION.  Events are journaled, matched, and their executions added to the outbox, in the same
 * transaction.  A piece of work that changes what the rules know (an automation is saved) ends the
 * batch: later events wait for the next, which begins when the change is in force.  So the journal
 * can be replayed in order with the same decisions.
 *
 * SAFETY.  If the commit fails nothing of the batch has happened: every piece is told BF_EIO, the
 * numbers given out are taken back.  A piece that fails alone is undone alone.  The queue has a
 * limit and refuses (BF_EFULL) beyond it. */
#ifndef BF_BUS_H
#define BF_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/prom.h"
#include "core/base/queue.h"
#include "core/event/envelope.h"
#include "core/outbox/outbox.h"
#include "core/rules/rules.h"
#include "core/script/scripts.h"
#include "core/store/store.h"

#define BF_BUS_QUEUE_MAX  16384                 /* pieces of work waiting for the engine */
#define BF_BUS_QUEUE_BYTES (32 * 1024 * 1024)   /* of events in them */
#define BF_BUS_FIRINGS_MAX 20000                /* executions that one piece of work may lead to */
#define BF_BUS_ASKED_SURE 10000                 /* points of one event, times automations: no more are
                                                   never too much, and need no savepoint */
#define BF_BUS_EFFORT_MAX 1000000               /* of judging the events of one, see rules.h */
#define BF_BUS_BATCH_MAX  1024                  /* pieces in one transaction */
#define BF_BUS_BATCH_BYTES (8 * 1024 * 1024)    /* of events in one transaction */
#define BF_BUS_BATCH_MS   100                   /* after which no more are taken into it */
#define BF_SYSTEM_AUTHOR  "belfry-system"       /* of what the hub does by itself */

struct bf_bus;
struct bf_met;
struct bf_parked;

/* What a piece of work sees of the transaction.  [engine] */
struct bf_tx {
    struct bf_bus *bus;
    struct bf_db *db;
    int64_t now_ms;             /* `received` of everything in this batch; never goes back */
    size_t n_added_before;      /* the engine's: executions that earlier works have added */
    const char *source;         /* the engine's, too: of the work */
    bool may_fail;              /* so */
    bool advances;              /* and: what is over is journaled by it */
    struct bf_work *work;       /* from here on it is about hooks, see asking.h; only if `asks` */
    struct bf_met *met;         /* what they said of the event at hand */
    bool asks;
    bool is_hubs;               /* the event at hand is the hub's own word */
    bool may_miss;              /* the work can be undone, and applied again with what it missed */
    bool missed;
};

/* Embed one of these, keep it until done.  apply may run in a transaction that fails later, and
 * must change nothing but through tx; after done the engine touches it no more.
 *
 * apply may run more than once before done: a script may have to be asked about something that it
 * emits, and until the answer is there the work is undone and waits.  So each time it begins as at
 * the first time, and what it gives out (a reference, a count) is let go of or set anew. */
struct bf_work {
    struct bf_link link;
    bool alters_rules;          /* ends the batch, see above */
    bool may_fail;              /* apply has a way to say no; costs a savepoint.  Without it, an
                                   error of apply is the store's and ends the whole batch */
    bool always;                /* not refused when the queue is full; for what frees room */
    uint32_t weight;            /* bytes of events it carries, about */
    const char *source;         /* whose events it carries, to count them by: one of few names;
                                   NULL: the hub's own */
    struct bf_envelope **events;        /* those that apply will emit, in this order, and that are known
                                           now: scripts are asked about them before.  Whoever emits
                                           others has to have may_fail */
    size_t n_events;
    /* 0, or a negative enum bf_err to undo this piece.  [engine] */
    int (*apply)(struct bf_work *w, struct bf_tx *tx, struct bf_error *err);
    /* After the commit, or once it will never be.  rc 0 means durable.  [engine] */
    void (*done)(struct bf_work *w, int rc, const struct bf_error *err);
    /* The engine's, see asking.h; zero when it is posted. */
    struct bf_parked *parked;
    uint64_t order;
    uint64_t met_at;
    bool is_of_clock;
};

/* What became of an event. */
struct bf_receipt {
    bool duplicate;             /* its key was there already; id is the first one's */
    char id[BF_ID_LEN + 1];
};

/* What the bus tells the rooms above it.  [engine, after the commit] */
struct bf_bus_hooks {
    /* New executions are on disk.  References are the bus's: take your own. */
    void (*enqueued)(void *arg, struct bf_execution *const *executions, size_t n);
    /* A batch begins to tell its works: bracket of many done() calls. */
    void (*batch)(void *arg, bool begin);
    /* Whether the store works: false after a commit failed, true after one succeeded again. */
    void (*health)(void *arg, bool ok, const char *words);
    void *arg;
    /* In a transaction: what an integration is, as the members "name" and "sink" of an object, each with
     * a comma before it; nothing if it is gone.  NULL: nobody knows. */
    void (*integration)(void *arg, const char *id, struct bf_buf *out);
};

/* How scripts are asked; filled in hub.c with the functions of script/scripts.h of the same names. */
struct bf_asker {
    int (*ask)(void *arg, struct bf_ask *ask);                  /* [engine] */
    void (*forget)(void *arg, const char *automation);          /* NULL: nobody has to be told  [engine] */
    void (*use)(void *arg, const char *file);                   /* so */
    void *arg;
};

/* Opens the tables, takes the last number and time from them, and loads the automations. The
 * database is the engine's from now on. */
int bf_bus_open(struct bf_db *db, const struct bf_clock *clock, struct bf_log *log,
                const struct bf_bus_hooks *hooks, struct bf_bus **out, struct bf_error *err);
int bf_bus_start(struct bf_bus *bus, struct bf_error *err);     /* makes the engine thread */
/* Works that are queued are still done; later posts are refused with BF_ECANCELED. */
void bf_bus_stop(struct bf_bus *bus);
void bf_bus_close(struct bf_bus *bus);

/* Before the start.  Without, as in a program that only writes its database, every hook that has to be
 * asked has failed.  Whoever is asked must have answered everything before the bus is closed. */
void bf_bus_ask_with(struct bf_bus *bus, const struct bf_asker *asker);
/* The hook that meets every event before the rules do, from the next event on; NULL: there is none.
 * Of `hook` a copy is kept; it names a file.  [main] */
void bf_bus_on_event(struct bf_bus *bus, const struct bf_hook *hook);

/* A run that says it is running, and of which nothing was heard for so long, has crashed (crash.h);
 * 0: nothing is looked for, as it is at first.  [main] */
void bf_bus_heartbeats(struct bf_bus *bus, int64_t timeout_ms);

/* BF_OK: done will be called.  BF_EFULL, BF_ECANCELED: it will not.  [any] */
int bf_bus_post(struct bf_bus *bus, struct bf_work *w);
size_t bf_bus_waiting(struct bf_bus *bus);
/* For how long the engine has been at the same transaction; 0: at none. */
int64_t bf_bus_busy_ms(const struct bf_bus *bus);

/* The hub's time: what `received` and everything that is due is measured with.  It follows the
 * machine's clock forward but never goes back; while the machine's is behind, it runs at half
 * speed, so that what waits is not stuck until the other has caught up.  [any] */
int64_t bf_bus_now(struct bf_bus *bus);

/* The 16 bits in this hub's ids.  [any] */
uint16_t bf_bus_hub(const struct bf_bus *bus);
size_t bf_bus_automations(const struct bf_bus *bus);    /* filed in the rules; about  [any] */

/* Inside apply: journal an event with all that follows from it.  The envelope is given its place;
 * the caller keeps its reference.  [engine] */
int bf_bus_emit(struct bf_tx *tx, struct bf_envelope *e, struct bf_receipt *out,
                struct bf_error *err);
/* Whether these events may be too much for one piece of work, BF_ETOOBIG, so that it must have
 * may_fail; without that, it may lead to whatever it does.  One event of few points, or in a hub of few
 * automations, is not.  [any] */
bool bf_bus_may_refuse(const struct bf_bus *bus, struct bf_envelope *const *events, size_t n);

/* Inside apply: journal an event of the hub's own, "belfry.secret.saved": who changed what of an
 * entity.  `author` may be NULL; `data` is a JSON object of what changed, never a secret.  It is an
 * event like any other, so automations may fire on it.  [engine] */
int bf_bus_record(struct bf_tx *tx, const char *type, const char *entity, const char *author,
                  const char *data, size_t len, struct bf_error *err);

/* The same of what came of an event: `cause` is the root of that.  NULL is none.  [engine] */
int bf_bus_record_caused(struct bf_tx *tx, const char *cause, const char *type, const char *entity,
                         const char *author, const char *data, size_t len, struct bf_error *err);

/* The same, in full; parsed in `scratch`. */
struct bf_bus_note {
    const char *type;
    const char *entity;
    const char *project;        /* NULL: of none, as are those below */
    const char *author;
    const char *cause;
    uint32_t hops;              /* that what led to it has come through */
    const char *data;
    size_t len;
};
int bf_bus_note(struct bf_tx *tx, struct bf_arena *scratch, const struct bf_bus_note *n,
                struct bf_error *err);

/* An execution has ended as failed or unknown, and that is on disk: belfry.execution.failed is journaled
 * soon, once, so that automations can tell of it (failed.c).  [any] */
void bf_bus_tell_failure(struct bf_bus *bus, uint64_t execution);

/* What is to become of an automation. */
struct bf_automation_change {
    const char *verb;           /* of its record: "saved", "enabled", "disabled" */
    const char *id;
    const char *owner;
    const char *spec;
    size_t spec_len;
    const char *author;
};

/* Inside apply: an execution once more, as a new one that refers to the first.  `x` comes as the
 * first and is made into the new one: with a number, times and id of its own.  *resent is false, and
 * nothing done, if the first's status is none of `statuses` (BF_STATUS_BIT()s), or it was resent
 * before and that is `once` enough, or the journal does not hold its event any more.  The caller
 * keeps its reference.  [engine] */
int bf_bus_resend(struct bf_tx *tx, struct bf_execution *x, unsigned statuses, bool once,
                  bool *resent, struct bf_error *err);

/* Inside apply: save a revision of an automation (made or changed), as a journal record of type
 * belfry.automation.VERB with its spec as data.  BF_EEXIST if the owner has another of that name.
 * The work must have alters_rules.  *out is what was saved, a reference, for
 * bf_bus_file_automation() in done.  [engine] */
int bf_bus_save_automation(struct bf_tx *tx, const struct bf_automation_change *change,
                           const struct bf_automation **out, struct bf_error *err);
/* Inside apply, alters_rules as well: it fires no more once done has told the rules.  What it has
 * fired is kept and delivered; its name is free again.  [engine] */
int bf_bus_delete_automation(struct bf_tx *tx, const char *id, const char *author,
                             struct bf_error *err);
/* In done, after a success: let the rules know.  [engine] */
void bf_bus_file_automation(struct bf_bus *bus, const struct bf_automation *a);
void bf_bus_unfile_automation(struct bf_bus *bus, const char *id);

/* In done, after a success, and before the start: the rules know that the entity is in the
 * organization with this own entity; NULL: in none.  The work must have alters_rules.  [engine] */
void bf_bus_place(struct bf_bus *bus, const char *entity, const char *organization);
/* Inside apply, behind the record that says so: until then the entity was in the organization with
 * this own entity; NULL: in none.  [engine] */
int bf_bus_moved(struct bf_tx *tx, const char *entity, const char *was, struct bf_error *err);

/* What has been counted since the start, of batches that were committed.  [any] */
struct bf_bus_source {
    char name[64];              /* bf_work's, or "other" behind too many */
    bf_counter events;
    bf_counter duplicates;
};
#define BF_BUS_SOURCES_MAX 32
struct bf_bus_stats {
    struct bf_histogram batch;          /* works in one transaction */
    struct bf_histogram commit;         /* us */
    bf_counter executions;              /* made */
    bf_counter failed_batches;
    bf_counter refused_works;           /* there was no room in the queue */
    atomic_uint n_sources;
    struct bf_bus_source sources[BF_BUS_SOURCES_MAX];
};
const struct bf_bus_stats *bf_bus_stats(const struct bf_bus *bus);

/* The database inside done, for reading what was just committed.  [engine] */
struct bf_db *bf_bus_db(struct bf_bus *bus);

/* --- reading, with any connection ------------------------------------------- */

/* An event by its place, a reference; BF_ENOENT if it is not there (any more).  `hub` is
 * bf_bus_hub(): ids are made with it. */
int bf_journal_read(struct bf_db *db, uint16_t hub, uint64_t seq, struct bf_arena *scratch,
                    struct bf_envelope **out, struct bf_error *err);
/* A revision of an automation, a reference; BF_ENOENT. */
int bf_automation_read(struct bf_db *db, uint64_t revision, const struct bf_automation **out,
                       struct bf_error *err);

#endif
