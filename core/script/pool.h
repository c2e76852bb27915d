/* pool.h - script processes: a call goes in, an answer comes out, whatever the script does.
 *
 * This is the room's inner half: it knows scripts as texts and calls, nothing of hooks, automations or
 * files.  scripts.c decides what is called; see scripts.h for lanes, budgets and what they are for.
 *
 * The pool owns the thread [scripts], which is made at the first call or post. */
#ifndef BF_POOL_H
#define BF_POOL_H

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/script/scripts.h"

struct bf_pool;

/* A script's text and how it has behaved.  Counted; the record is the pool's.  [any] */
struct bf_pool_script;
struct bf_pool_script *bf_pool_script_new(const char *name, const char *code, size_t len,
                                          unsigned needs);
struct bf_pool_script *bf_pool_script_ref(struct bf_pool_script *s);
void bf_pool_script_unref(struct bf_pool_script *s);    /* NULL is fine */
const char *bf_pool_script_hash(const struct bf_pool_script *s);

/* One call.  Everything it points to lives until done.  Calls about one event (the same pointer) that
 * follow each other carry it once. */
struct bf_pool_call {
    struct bf_link link;
    struct bf_pool_script *script;
    bool only_load;             /* nothing is called: does it compile, and has it what it needs? */
    bool apart;                 /* in a process of its own that is new: for a candidate */
    enum bf_hook_kind kind;
    const struct bf_box_event *event;
    const char *action;
    const char *payload;
    size_t payload_len;
    struct bf_arena *arena;     /* for what comes out */
    struct bf_answer answer;    /* out; its script is "" if there was no process to ask, and the
                                   hash even of a text that does not compile */
    const char *text;
    size_t len;
    bool killed;                /* out: it cost its process */
    int64_t took_us;            /* out, about */
    void (*done)(struct bf_pool_call *c);       /* [scripts] */
};

struct bf_pool *bf_pool_new(const char *helper, const struct bf_clock *clock, struct bf_log *log);
void bf_pool_stop(struct bf_pool *p);           /* what waits fails; the thread is joined  [main] */
void bf_pool_free(struct bf_pool *p);           /* NULL is fine */

/* In the order of the calls; answers of different scripts may come in another.  [scripts] */
void bf_pool_call(struct bf_pool *p, struct bf_pool_call *c);
/* Run fn on the thread of this room; BF_ECANCELED once it is stopped.  [any] */
struct bf_pool_task {
    struct bf_link link;
    void (*fn)(struct bf_pool_task *t);
};
int bf_pool_post(struct bf_pool *p, struct bf_pool_task *t);
/* And every so often, from when the thread runs: for looking at files.  Before the first call. */
void bf_pool_every(struct bf_pool *p, int64_t ms, void (*fn)(void *arg), void *arg);

/* What they cost and did since the start.  [any] */
struct bf_pool_counts {
    uint64_t calls, failures, batches, started, killed, slow;
    unsigned processes;
};
void bf_pool_counts(struct bf_pool *p, struct bf_pool_counts *out);

#endif
