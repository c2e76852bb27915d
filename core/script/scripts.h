/* scripts.h - the hub's scripts: which there are, and the processes in which they are asked.
 *
 * CONCEPT.  A script is a text; its name is its hash.  It comes inline with an automation or from a
 * file of the scripts' directory, or, if there is none of that name, of those that Belfry ships.  It
 * runs in a script process: a small program (belfry-script) without descriptors, secrets or
 * privileges, with limits of memory and time.  The hub asks in batches, and never waits in a thread
 * that others need.
 *
 * OPERATION.  Scripts that have answered quickly so far share a steady process.  A new one, one that
 * was slow, or that cost a process, is asked in a process of its own, of a few that come and go, so that
 * what hangs there holds up nobody else.  A call's budget is CPU time: past it the process is killed,
 * the call has failed, and what stood behind it in the batch is asked again elsewhere.
 *
 * A hook (an automation's filter, its transform, the hub's on_event) that fails too often in a row is
 * disabled, and the team told: it fails at once from then on, until its automation is saved, its file
 * changes, or somebody enables it.
 *
 * Files are looked at while they are used.  One that changed is loaded elsewhere first and tried on
 * what it was last asked about; if that goes well it takes the old one's place between two batches, and
 * else the old one stays, over a restart as well.
 *
 * The thread of this room is [scripts]; it is made when the first hook is. */
#ifndef BF_SCRIPTS_H
#define BF_SCRIPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/queue.h"
#include "core/base/tree.h"
#include "core/rules/automation.h"
#include "core/rules/hooks.h"
#include "core/script/box.h"

#define BF_SCRIPT_BUDGET_MS   50        /* CPU time of one call */
#define BF_SCRIPT_WALL_MS     2000      /* the longest it may take on a machine that is busy */
#define BF_SCRIPT_PROCESSES   8         /* at a time, beside the steady one */
#define BF_SCRIPT_BYTES       (64 * 1024 * 1024)        /* of address space of each */
#define BF_SCRIPT_FAILURES    10        /* in a row, and a hook is disabled; ... */
#define BF_SCRIPT_KILLS       3         /* ... of those that cost a process */
#define BF_SCRIPT_WAITING_MAX (32 * 1024 * 1024)        /* bytes of events and payloads of questions that wait */

struct bf_scripts;

/* What the rooms above are told; hub.c fills it.  [scripts] */
enum bf_script_what {
    BF_SCRIPT_SWAPPED,          /* another text is in force under a file's name */
    BF_SCRIPT_REFUSED,          /* a changed file is wrong; the old one stays */
    BF_HOOK_DISABLED,
    BF_HOOK_ENABLED             /* its automation was saved or deleted, or its file is another */
};
struct bf_script_news {
    enum bf_script_what what;
    const char *file;           /* or NULL: the script is inline */
    const char *hash;
    const char *was;            /* hash of the one before, or NULL */
    const char *text;           /* of what is in force */
    size_t len;
    const char *automation;     /* of a hook: the automation's id, or NULL for on_event */
    const char *entity;         /* that owns the automation, or NULL */
    enum bf_hook_kind kind;
    unsigned failures;
    int64_t since_ms;           /* of being disabled, or refused */
    const char *words;          /* what is wrong, or the last failure */
};
typedef void bf_script_news_fn(void *arg, const struct bf_script_news *news);

struct bf_scripts_options {
    const char *helper;         /* path of belfry-script */
    const char *dir;            /* of the operator's files; need not be there */
    const char *shipped;        /* of ours, or NULL */
    const struct bf_clock *clock;
    struct bf_log *log;
    bf_script_news_fn *news;
    void *arg;
};

bool bf_script_name_ok(const char *name);       /* of a file: "enrich.lua" */

struct bf_scripts *bf_scripts_new(const struct bf_scripts_options *o);
/* What waits is answered as failed, and later questions are refused; the processes end.  NULL and twice
 * are fine.  [main] */
void bf_scripts_stop(struct bf_scripts *s);
void bf_scripts_free(struct bf_scripts *s);     /* NULL is fine */

/* One question about one of an ask's events. */
struct bf_question {
    enum bf_hook_kind kind;
    uint32_t event;             /* index */
    const struct bf_hook *hook; /* lives as long as the ask */
    const char *automation;     /* its id, whose hook it is; NULL: the hub's own */
    const char *name;           /* of the automation, for words; or NULL */
    const char *entity;         /* that owns it, or NULL */
    const char *action;         /* of transform: event.action */
    const char *payload;        /* and its payload, JSON */
    size_t payload_len;
    struct bf_answer answer;    /* out; texts are in the ask's arena */
    const char *text;           /* out, if BF_SAID_CHANGED: the payload, or the event */
    size_t len;
};

/* Embed one of these, keep it until done. */
struct bf_ask {
    struct bf_link link;
    const struct bf_box_event *events;
    size_t n_events;
    struct bf_question *questions;
    size_t n;
    struct bf_arena *arena;     /* for the answers; nobody else uses it meanwhile */
    bool trial;                 /* nothing depends on it: how it ends disables no hook, and one that
                                   is disabled is asked all the same */
    void (*done)(struct bf_ask *ask);   /* every question is answered, if only as failed  [scripts] */
};

/* BF_OK: done will be called.  BF_EFULL: too much waits already.  BF_ECANCELED: stopped.  [any] */
int bf_scripts_ask(struct bf_scripts *s, struct bf_ask *ask);
/* The same, waiting, as a trial; done is not called.  [worker, own, threads of backtests] */
int bf_scripts_ask_wait(struct bf_scripts *s, struct bf_ask *ask);

/* Whether a hook's script is there, compiles and has its function: before an automation is saved.
 * BF_ECONFIG with field "file" or "code".  Waits.  [worker] */
int bf_scripts_check(struct bf_scripts *s, const struct bf_hook *hook, enum bf_hook_kind kind,
                     struct bf_error *err);

/* An automation was saved or deleted (NULL: on_event is another): what is disabled of it is enabled,
 * and how often it failed is forgotten.  [any] */
void bf_scripts_forget(struct bf_scripts *s, const char *automation);
/* Somebody enabled one hook, and has seen to it that this is kept; automation NULL: on_event. [any] */
void bf_scripts_enable(struct bf_scripts *s, const char *automation, enum bf_hook_kind kind);

/* An automation was saved that names the file, which was checked just before: it is in force from now
 * on, whatever becomes of it before anybody asks.  [any] */
void bf_scripts_use(struct bf_scripts *s, const char *file);

/* Look at all files now, in this directory from now on (NULL: the same).  From the first such call on
 * they are looked at every so often, and there is news of them.  [any] */
void bf_scripts_look(struct bf_scripts *s, const char *dir);

/* What was in force when the hub stopped.  Before the first ask. */
struct bf_script_kept_hook {
    const char *automation;     /* NULL: on_event */
    const char *entity;
    const char *file;           /* NULL: its script is inline */
    enum bf_hook_kind kind;
    int64_t since_ms;
    const char *words;
};
struct bf_script_kept_file {
    const char *file;
    const char *text;           /* that was in force; NULL: none was */
    size_t len;
    const char *refused;        /* hash of what was refused since, or NULL; and why */
    const char *words;
    int64_t since_ms;
};
void bf_scripts_restore_hook(struct bf_scripts *s, const struct bf_script_kept_hook *kept);
void bf_scripts_restore_file(struct bf_scripts *s, const struct bf_script_kept_file *kept);

/* [{"file","hash","state","refused":{"hash","error","since"},"calls","failures",…}], for
 * `belfry scripts`: files that are in use, and those that could be.  [any] */
void bf_scripts_describe(struct bf_scripts *s, struct bf_tree *array);
/* The text in force under a file's name, or what would be if it was used; BF_ENOENT.  [any] */
int bf_scripts_text(struct bf_scripts *s, const char *file, struct bf_arena *a, const char **text,
                    size_t *len);
/* Whether a hook is disabled; then since when, and its last failure in the arena.  [any] */
bool bf_scripts_disabled(struct bf_scripts *s, const char *automation, enum bf_hook_kind kind,
                         struct bf_arena *a, int64_t *since_ms, const char **words);

/* What it all costs and did since the start.  [any] */
struct bf_script_counts {
    uint64_t calls, failures, killed, batches, started, swapped, refused;
    unsigned processes, disabled;
};
void bf_scripts_counts(struct bf_scripts *s, struct bf_script_counts *out);

#endif
