/* wire.h - what a hub and a script process say to each other, and where it stands.
 *
 * CONCEPT.  Both map the same memory, the board.  The hub writes a batch of calls into `in` and rings
 * (one byte on a socket); the process answers them in turn into `out` and rings back.  Nothing else
 * crosses: bytes are copied once, and a process that dies leaves what it had answered.
 *
 * OPERATION.  Before it begins call i of a batch the process sets `begun` to i + 1, and it moves
 * `out_len` only past what is whole.  So the hub knows at any moment which call is at work, whatever
 * that does, and which answers count.  A process whose `out` has no room for the next answer rings
 * early; the rest of its batch is asked again.
 *
 * SAFETY.  The process trusts the hub.  The hub trusts nobody: it takes a copy of what stands in
 * `out` before it reads it, every length is checked, and the memory is sealed, so that it cannot
 * shrink under it.
 *
 * A batch is a row of items: a text under a number, a text to be forgotten, an event, a call about
 * the event before it.  Answers are items too, and lines of a script's log.  Numbers are as in
 * bytes.h; texts are a length, the bytes and a NUL. */
#ifndef BF_WIRE_H
#define BF_WIRE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/rules/hooks.h"
#include "core/script/box.h"

#define BF_WIRE_VERSION   2
#define BF_WIRE_TEXT_MAX  (1024 * 1024)         /* bytes of a payload or event that comes back */
#define BF_WIRE_WORDS_MAX (8 * 1024)            /* of a failure's words */
#define BF_WIRE_LINE_MAX  1024                  /* of a line of belfry.log */
#define BF_WIRE_IN        (4 * 1024 * 1024)     /* bytes of a batch */
#define BF_WIRE_OUT       (BF_WIRE_TEXT_MAX + 256 * 1024)

struct bf_board {
    uint32_t version;           /* the hub's, as are all up to `begun` */
    uint32_t in_len;
    _Atomic uint32_t begun;     /* the process's: calls of the batch that were begun */
    _Atomic uint32_t out_len;   /* and bytes of `out` that are whole */
    _Atomic uint32_t line;      /* of the script, where it was last seen; 0: none yet */
    char in[BF_WIRE_IN];        /* at the start of a process: names of time zones, NUL after each */
    char out[BF_WIRE_OUT];
};

/* Where a process finds them when it starts; of all descriptors only the first one stays open. */
#define BF_WIRE_SOCKET 0
#define BF_WIRE_BOARD  1
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BF_WIRE_CLOSED 3        /* and those above; a sanitizer's report needs somewhere to go */
#else
#define BF_WIRE_CLOSED 2
#endif

/* How it ends if it cannot go on, as exit statuses. */
enum bf_wire_exit {
    BF_WIRE_EXIT_USAGE = 2,     /* it was started by hand */
    BF_WIRE_EXIT_VERSION,       /* by a hub of another version */
    BF_WIRE_EXIT_MEMORY,        /* its memory is used up */
    BF_WIRE_EXIT_SETUP          /* it could not be shut in */
};

enum bf_wire_kind {
    BF_WIRE_END,                /* there is nothing more */
    BF_WIRE_BAD,                /* what there is makes no sense */
    BF_WIRE_SCRIPT,             /* to a process */
    BF_WIRE_FORGET,
    BF_WIRE_EVENT,
    BF_WIRE_CALL,
    BF_WIRE_ANSWER,             /* from it */
    BF_WIRE_LINE
};

struct bf_wire_script {
    uint32_t number;            /* by which calls name it; of one to be forgotten, all there is */
    uint32_t needs;
    const char *name;
    const char *code;
    size_t len;
};

struct bf_wire_call {
    uint32_t script;
    bool only_load;
    enum bf_hook_kind kind;
    const char *action;         /* NULL: none */
    const char *payload;        /* NULL: none */
    size_t payload_len;
};

struct bf_wire_answer {
    enum bf_said said;
    bool heavy;                 /* its state has grown past what a shared process should carry */
    uint64_t took_us;           /* of CPU time, about */
    const char *text;           /* NULL: none */
    size_t len;
    const char *words;          /* NULL: none */
    size_t words_len;
};

struct bf_wire_line {
    int level;
    const char *text;
    size_t len;
};

struct bf_wire_item {
    enum bf_wire_kind kind;
    union {
        struct bf_wire_script script;
        struct bf_box_event event;
        struct bf_wire_call call;
        struct bf_wire_answer answer;
        struct bf_wire_line line;
    };
};

void bf_wire_put_script(struct bf_buf *b, const struct bf_wire_script *s);
void bf_wire_put_forget(struct bf_buf *b, uint32_t number);
void bf_wire_put_event(struct bf_buf *b, const struct bf_box_event *e);
void bf_wire_put_call(struct bf_buf *b, const struct bf_wire_call *c);
void bf_wire_put_answer(struct bf_buf *b, const struct bf_wire_answer *a);
void bf_wire_put_line(struct bf_buf *b, const struct bf_wire_line *l);

/* More than this an item's numbers do not take, beside its texts. */
#define BF_WIRE_OVERHEAD 64

/* The next item, its texts borrowed from what is read.  In a process, of a batch; in a hub, of
 * answers: the other side's items are BF_WIRE_BAD, and so is all that is cut or out of range. */
enum bf_wire_kind bf_wire_get(struct bf_bytes *in, struct bf_wire_item *out);
enum bf_wire_kind bf_wire_get_answer(struct bf_bytes *in, struct bf_wire_item *out);

#endif
