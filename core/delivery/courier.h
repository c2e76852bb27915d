/* courier.h - brings executions to their sinks: claim, render, pace, send, judge, record, retry.
 *
 * CONCEPT.  Every integration is a destination with a short queue in memory.  What the engine has
 * just committed is put there directly; what does not fit stays on disk and is claimed when there
 * is room, so a receiver that is down costs no memory.  Destinations do not wait for each other.
 *
 * OPERATION.  An attempt: the sink says what to send (or does it itself), the loop sends it, the
 * sink or the default judges the answer, the outcome goes to the engine, and only when it is
 * recorded is the execution forgotten here.  A failed attempt that may be repeated is due again by
 * its schedule; a destination where attempts keep failing rests as a whole and is then tried with
 * one, so a dead receiver is asked now and then, not once per waiting execution.  What is over a
 * destination's pace waits in its place and spends no attempt.  Where nothing but failures came
 * back for 120 hours, the integration is disabled; that is counted on disk, over restarts.
 *
 * Where many are due to a destination whose sink can tell of several in one message, the one that is
 * taken next tells of others too (merge.c).
 *
 * An execution that is not due yet stays on disk until it is.  One that others may join (a digest)
 * is closed by the engine before its first attempt, and what joined is read.  A dry run goes the
 * same way up to the moment of sending: then what would leave is recorded, and the execution is
 * skipped.  It spends no pace, and says nothing of how the destination stands.
 *
 * If the automation has a transform, its script is asked at each attempt what to send.  Meanwhile
 * the attempt keeps no slot, so others go on.  A script that fails has the execution skipped, failed,
 * or sent as it was, as the automation chose.
 *
 * SAFETY.  At least once: after a crash everything not recorded is sent again, with the same id.
 * For a sink that must not repeat (BF_ONCE) the beginning of an attempt is recorded first (but
 * behind its script), and what was begun when the hub died has an unknown outcome.
 *
 * Scripts must have stopped before the courier is freed: what they are asked about is its own. */
#ifndef BF_COURIER_H
#define BF_COURIER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/bus/bus.h"
#include "core/delivery/loop.h"
#include "core/delivery/standing.h"
#include "core/delivery/workers.h"
#include "core/net/client.h"
#include "core/script/scripts.h"

struct bf_courier;
struct bf_destination_info;
struct bf_attempt;

/* What a sink may ask to be sent.  Filled by prepare; lives in the attempt's arena. */
struct bf_outgoing {
    struct bf_fetch_request http;
    struct bf_sent sent;        /* the same as the history may show it */
};

struct bf_verdict {
    int outcome;                /* enum bf_outcome, or BF_DRY */
    int64_t after_ms;           /* pause asked for; < 0: the schedule's */
    const char *words;          /* lives in the attempt's arena */
};

/* An automation's transform, as it is asked about one attempt.  All in the attempt's arena. */
struct bf_transform {
    struct bf_ask ask;
    struct bf_box_event event;
    struct bf_question question;        /* its hook is NULL if there is no transform */
};

/* One try.  Made by the courier; a sink's side may hang its own state on `data`. */
struct bf_attempt {
    struct bf_execution *execution;
    struct bf_arena *arena;
    uint64_t ticket;            /* names it once it is out of reach; never 0 */
    uint32_t number;            /* 1 for the first */
    int64_t started_ms;
    int64_t deadline_ms;
    struct bf_transform transform;      /* filled by render; when prepare is called, its answer says
                                           whether to send what it made, or what there was */
    struct bf_outgoing out;
    struct bf_verdict verdict;
    void *data;
};

enum bf_step {
    BF_STEP_SEND,               /* prepare: send `out`, then judge */
    BF_STEP_SETTLED,            /* the verdict is filled */
    BF_STEP_LATER               /* bf_courier_settle() will be called */
};

/* The sinks, as the courier knows them; filled by the plugin room, wired in hub.c. */
struct bf_courier_ops {
    /* What the integration's sink is like; false: there is none now, and the reason.  It is asked
     * again.  [loop] */
    bool (*destination)(void *arg, const char *integration, struct bf_destination_info *out,
                        struct bf_error *err);
    /* Before prepare, if the automation has a transform: the question for it, in at->transform.
     * False: there is none to ask, and the verdict is filled.  [as prepare] */
    bool (*render)(void *arg, struct bf_attempt *at);
    /* As bf_scripts_ask(). */
    int (*ask)(void *arg, struct bf_ask *ask);
    /* It is answered.  What the sink could not work with is made a failure.  [as prepare] */
    void (*accept)(void *arg, struct bf_attempt *at);
    /* [loop] if the destination is quick, else [worker] */
    enum bf_step (*prepare)(void *arg, struct bf_attempt *at);
    /* Fills the verdict from a complete or failed transfer.  May point `body` elsewhere: what it
     * leaves there, in the attempt's arena, is kept in the history.  [as prepare] */
    void (*judge)(void *arg, struct bf_attempt *at, struct bf_fetch_result *result);
    /* The attempt is over: give back what hangs on `data`.  [loop] */
    void (*forget)(void *arg, struct bf_attempt *at);
    /* The receiver said that it is gone for good (410), or has failed for too long: disable the
     * integration, and bf_courier_touch() it however that ends.  `last` is what failed.  [loop] */
    void (*disable)(void *arg, const char *integration, const char *reason,
                    const struct bf_execution *last);
    void *arg;
};

struct bf_destination_info {
    bool quick;                 /* prepare and judge may run on the loop */
    bool once;                  /* BF_ONCE */
    bool settles;               /* prepare may say BF_STEP_LATER */
    bool disabled;
    bool gone;                  /* it was deleted: what waits for it fails, and that is all */
    unsigned max_parallel;      /* 0: the courier's own */
    bool max_is_fixed;          /* by the sink's code: an integration may only take less */
    unsigned max_merged;        /* firings that one message can tell of; 0 is one */
    const char *pace;           /* the sink's, or NULL; static */
};

int bf_courier_new(struct bf_loop *loop, struct bf_workers *workers, struct bf_bus *bus,
                   const char *db_path, const struct bf_courier_ops *ops,
                   const struct bf_clock *clock, struct bf_log *log, struct bf_courier **out,
                   struct bf_error *err);
/* Begin: find what waits on disk.  Before the loop runs. */
int bf_courier_start(struct bf_courier *c, struct bf_error *err);
/* Begin no new attempts; wait up to wait_ms for those under way and their records.  [main] */
void bf_courier_drain(struct bf_courier *c, int64_t wait_ms);
void bf_courier_free(struct bf_courier *c);     /* after the loop has stopped */

/* New executions are on disk (bf_bus_hooks.enqueued); those that are not pending are nothing to
 * deliver.  [engine] */
void bf_courier_offer(struct bf_courier *c, struct bf_execution *const *executions, size_t n);
/* An integration changed or came back: look at its waiting executions again.  [any] */
void bf_courier_touch(struct bf_courier *c, const char *integration);
/* Ends an attempt whose prepare said BF_STEP_LATER; BF_ENOENT if it is over.  [any] */
int bf_courier_settle(struct bf_courier *c, uint64_t ticket, int outcome, int64_t after_ms,
                      const char *words);

/* Pending executions that are not to be delivered any more.  Embed one, keep it until done; the
 * flags are n each, false. */
struct bf_cancel {
    struct bf_execution *const *executions;
    size_t n;
    const char *reason;
    bool *cancelled;            /* since then it is on disk that it is */
    bool *under_way;            /* an attempt is: it goes on */
    size_t n_cancelled;
    size_t n_under_way;
    /* What belongs into the same transaction; may be NULL.  [engine] */
    int (*apply)(struct bf_cancel *k, struct bf_tx *tx, struct bf_error *err);
    void (*done)(struct bf_cancel *k, int rc, const struct bf_error *err);      /* [engine, loop] */
    struct bf_courier *courier; /* from here on the courier's */
    struct bf_task task;
    struct bf_work work;
    struct hold *hold;
};
/* BF_OK: done will be called.  BF_ECANCELED: the hub is stopping, it will not.  [any] */
int bf_courier_cancel(struct bf_courier *c, struct bf_cancel *k);

/* Called for each execution whose new status is on disk.  Of one that another told of, only its ids,
 * number, status and automation are there, and its event's id.  [engine] */
void bf_courier_on_change(struct bf_courier *c,
                          void (*fn)(void *arg, const struct bf_execution *e), void *arg);

/* How a destination is doing. */
struct bf_courier_state {
    char pace[BF_PACE_TEXT];    /* in force; "" none */
    unsigned parallel;          /* attempts it may have under way */
    unsigned in_flight;
    unsigned in_memory;         /* the others that wait are on disk */
    int64_t resting_until_ms;   /* Unix time, the hub's; 0: not */
    int64_t paced_until_ms;
    bool slow;
    bool disabled;
    struct bf_standing standing;
};
/* False if there was nothing to deliver to it since the start.  [any] */
bool bf_courier_state(struct bf_courier *c, const char *integration,
                      struct bf_courier_state *out);

/* What has been counted since the start.  [any] */
struct bf_courier_stats {
    struct bf_histogram duration;       /* ms of a request, as far as it was sent */
    bf_counter outcomes[BF_ACCEPTED + 1];
    bf_counter retries;                 /* executions that were put off */
    bf_counter ended[BF_UNKNOWN_OUTCOME + 1];   /* executions, by what they came to */
};
const struct bf_courier_stats *bf_courier_stats(const struct bf_courier *c);
/* How destinations are doing now, of those that were met since the start.  [any] */
struct bf_courier_destinations {
    unsigned known;
    unsigned failing;                   /* nothing was delivered since a failure */
    unsigned resting;
    unsigned paced;
    unsigned slow;                      /* the last attempt took, or one takes, more than a second */
    unsigned disabled;
};
void bf_courier_destinations(struct bf_courier *c, struct bf_courier_destinations *out);

/* For /metrics and tests.  [any] */
struct bf_courier_counts {
    uint64_t in_memory;
    uint64_t in_flight;
    uint64_t in_long;           /* of those, in slots of the long ones */
    uint64_t delivered;
    uint64_t failed;            /* attempts that did not deliver */
};
void bf_courier_count(struct bf_courier *c, struct bf_courier_counts *out);

/* What a transform said, as people see it: {"script":HASH,"said":"changed","words":null}; of a failure
 * in short, why nothing was sent. */
void bf_transform_print(const struct bf_answer *a, struct bf_buf *out);
const char *bf_transform_reason(struct bf_arena *a, const struct bf_answer *answer);

/* What the default judgement says of an answer: semantics in judge.c.  `retry_after_ms` < 0: the
 * answer named none. */
int bf_judge_default(const struct bf_fetch_result *r, int64_t now_ms, int64_t *retry_after_ms,
                     struct bf_arena *a, const char **words);
/* The pause before attempt n+1, without its jitter: 5 s, 30 s, 5 min, 30 min, 2 h, 5 h, 10 h … */
int64_t bf_retry_pause_ms(uint32_t attempts);
/* What Retry-After asks for, in either of its forms, cut to a day; -1 if there is none. */
int64_t bf_retry_after_ms(const char *const *headers, int64_t now_ms);

#endif
