/* box.h - a Lua state that can be trusted with anybody's script, as long as somebody watches it.
 *
 * CONCEPT.  Scripts are text chunks with an environment of allow-listed functions: the safe parts of
 * the base library, string, table, math without randomness, utf8, and `belfry` (json, log, re, hash,
 * time).  There is no io, os, debug, load, require, coroutine, collectgarbage or string.dump; a
 * metatable with __gc or __mode is refused; strings have methods, and nothing else of their metatable
 * is to be had; globals are read-only.
 *
 * OPERATION.  A call has a budget of instructions and of memory, which raise errors that a script can
 * read in its traceback and that pcall() does not hold up.  What no hook of Lua's interrupts (patterns,
 * one call of a library function) is the watcher's: a box lives in a script process, which is killed
 * at the deadline (scripts.h), or in a command that its user can interrupt.
 *
 * Events are looked up where a script touches them, and cannot be changed but by on_event.  JSON's
 * null, [] and {} survive a round trip, and so do integers of 64 bits.
 *
 * A box belongs to one thread. */
#ifndef BF_BOX_H
#define BF_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/rules/hooks.h"

#define BF_BOX_MEMORY       (16 * 1024 * 1024)  /* bytes of one state */
#define BF_BOX_INSTRUCTIONS 10000000            /* of one call */
#define BF_BOX_DEPTH        64                  /* of a value that becomes JSON */
#define BF_BOX_LOG_MAX      16                  /* lines of belfry.log that one call may write */

struct bf_box;

struct bf_box_limits {
    size_t memory;
    uint64_t instructions;
};

/* A line of belfry.log.  May be NULL: nothing is logged. */
typedef void bf_box_log_fn(void *arg, int level, const char *text);

struct bf_box *bf_box_new(const struct bf_box_limits *limits, bf_box_log_fn *log, void *arg);
void bf_box_free(struct bf_box *b);             /* NULL is fine */
size_t bf_box_used(const struct bf_box *b);     /* bytes that it holds now, of its limit */

/* From now on the line at which a call is stands in `line`, for whoever has to end it: since its last
 * thousand steps or the last string pattern that it tried; 0 before that. */
void bf_box_watch(struct bf_box *b, _Atomic uint32_t *line);

/* An event as scripts see it: its JSON, and what the hub says of it.  Borrowed until the call is
 * over. */
struct bf_box_event {
    const char *text;
    size_t len;
    const char *id;             /* NULL: it has none yet */
    int64_t received_ms;        /* of one that is not journaled yet: the time of asking.  `event.time`
                                   is this where the sender gave none */
};

/* A script: its chunk was run once, and returned a table.  BF_ECONFIG with file, line, cause and a
 * hint; `needs` are bits (1 << enum bf_hook_kind) of functions that it must have. */
struct bf_script;
int bf_box_load(struct bf_box *b, const char *name, const char *code, size_t len, unsigned needs,
                struct bf_script **out, struct bf_error *err);
void bf_script_free(struct bf_script *s);       /* before its box; NULL is fine */
unsigned bf_script_has(const struct bf_script *s);      /* the same bits */

/* One call.  `payload` is JSON, of transform alone, and `action` its event.action, or NULL.  A filter
 * says BF_SAID_YES or BF_SAID_NO.  A transform and on_event say BF_SAID_CHANGED, and what it is now is
 * added to `out`; or BF_SAID_YES, that it is as it was; and on_event BF_SAID_NO, to drop it.  Failures
 * are BF_SAID_FAILED, with words and traceback in `words`. */
enum bf_said bf_box_call(struct bf_script *s, enum bf_hook_kind kind,
                         const struct bf_box_event *event, const char *action, const char *payload,
                         size_t payload_len, struct bf_buf *out, struct bf_buf *words);

/* The manual: an introduction, in lines of which those that are indented are examples, and the i-th of
 * the functions that scripts are given; false behind the last.  [any] */
#define BF_BOX_SIGNATURE 200
struct bf_box_entry {
    const char *part;           /* its heading; those of one part follow each other */
    char signature[BF_BOX_SIGNATURE];
    const char *words;
};
const char *bf_box_introduction(void);
bool bf_box_describe(size_t i, struct bf_box_entry *out);

#endif
