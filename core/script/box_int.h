/* box_int.h - what the files of the box share, and what else of this room is run in one.
 *
 * Everything here that takes a lua_State may long-jump out of it with an error of Lua's, but where it
 * says that it does not.  So what is allocated across such a call belongs to Lua, to the arena of the
 * call or to the box. */
#ifndef BF_BOX_INT_H
#define BF_BOX_INT_H

#include <stdbool.h>

#include <lauxlib.h>
#include <lua.h>

#include "core/base/arena.h"
#include "core/base/json.h"
#include "core/script/box.h"

#define BOX_WORDS_MAX  4096     /* bytes of what is said of a failure */
#define BOX_NAME_MAX   56       /* bytes of a script's name in messages; Lua itself has room for 60 */
#define BOX_PATTERNS   16       /* that a box keeps compiled */
#define BOX_FRAMES_MAX 8        /* of a traceback */
#define BOX_STACK_MAX  16000    /* functions that may be on their way at a time */

/* Where something went wrong, innermost first. */
struct bf_box_frame {
    char source[BOX_NAME_MAX + 4];
    int line;
    int begins;                 /* the line where the function does; 0: the chunk itself */
    char name[32];              /* as its caller calls it; "" if that is not known */
};
struct bf_box_trace {
    struct bf_box_frame frames[BOX_FRAMES_MAX];
    unsigned n;
    bool more;
};

/* The text of a chunk, which errors quote. */
struct bf_box_source {
    struct bf_box_source *next;
    char name[BOX_NAME_MAX + 4];
    char *code;
    size_t len;
};

struct bf_box_pattern {
    struct bf_regex *regex;
    size_t len;                 /* of its text */
};

/* What stands in Lua's registry. */
enum bf_box_slot { BOX_GLOBALS, BOX_HANDLE, BOX_CHANGES, BOX_ARRAY, BOX_SLOTS };

struct bf_box {
    lua_State *L;
    int slots[BOX_SLOTS];
    struct bf_box_limits limits;
    size_t used;                /* bytes */
    int64_t left;               /* instructions of this call */
    uint64_t call;              /* counts calls; what was made in another one is over */
    bool running;
    bool no_memory;             /* in this call, memory was refused */
    struct bf_arena *arena;     /* of the call */
    struct bf_arena *texts;     /* of one decoding */
    struct bf_buf json;         /* of one encoding */
    bf_box_log_fn *log;
    void *arg;
    unsigned logged;            /* lines of this call */
    _Atomic uint32_t *line;     /* bf_box_watch()'s, or NULL */
    uint64_t changes_call;      /* whose changes are in BOX_CHANGES */
    struct bf_box_pattern patterns[BOX_PATTERNS];       /* the last that was used first */
    struct bf_box_trace trace;
    struct bf_box_source *sources;
};

static inline struct bf_box *bf_box_of(lua_State *L)
{
    return *(struct bf_box **)lua_getextraspace(L);
}

/* +1: what stands in a slot; and -1: put it there. */
static inline void bf_box_push_slot(lua_State *L, enum bf_box_slot slot)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, bf_box_of(L)->slots[slot]);
}
static inline void bf_box_set_slot(lua_State *L, enum bf_box_slot slot)
{
    lua_rawseti(L, LUA_REGISTRYINDEX, bf_box_of(L)->slots[slot]);
}

/* --- box.c ------------------------------------------------------------------------------------ */

/* What follows may take long: put the line of whoever called us where bf_box_watch() wants it. */
void bf_box_show_line(lua_State *L);

/* Run a function in C as one call of the box: with a budget, and protected.  It is given `arg` as a
 * light userdata.  A status of Lua's; unless that is LUA_OK the error is at the top of the stack, and
 * bf_box_say() takes it away.  Does not raise. */
int bf_box_run(struct bf_box *b, lua_CFunction fn, void *arg);
/* Take steps off the budget, for work of C that no hook counts; raises once it is used up. */
void bf_box_charge(lua_State *L, uint64_t steps);
/* A text to compile, copied, until it is dropped or the box freed.  Neither raises. */
struct bf_box_source *bf_box_keep(struct bf_box *b, const char *name, const char *code, size_t len);
void bf_box_drop(struct bf_box *b, struct bf_box_source *s);    /* NULL is fine */
/* +0: a chunk, in place of the value at the top, which is its environment. */
void bf_box_compile(lua_State *L, const struct bf_box_source *s);

/* --- box_env.c -------------------------------------------------------------------------------- */

void bf_box_setup(lua_State *L);                 /* make the environment; once */
void bf_box_push_globals(lua_State *L);         /* +1: it, read-only */
/* +1: in place of the table at the top, what looks like it and cannot be changed.  `name` is for
 * errors; "" are the globals. */
void bf_box_protect(lua_State *L, const char *name);
/* The candidate that is most like a word, or NULL if none is much like it.  Does not raise. */
struct bf_box_closest {
    const char *word;
    const char *found;
    unsigned distance;
};
void bf_box_closer(struct bf_box_closest *c, const char *candidate);

/* --- box_base.c, box_lib.c, box_belfry.c: the functions ---------------------------------------- */

/* A function that scripts are given; registered and documented by one table. */
struct bf_box_function {
    const char *name;
    lua_CFunction fn;           /* has Lua's own of that name as its upvalue.  NULL: it is Lua's own */
    const char *signature;
    const char *words;
};
extern const struct bf_box_function bf_box_base[], bf_box_string[], bf_box_table[], bf_box_math[],
    bf_box_utf8[];
/* Into the table at the top; the one below has Lua's own. */
void bf_box_register(lua_State *L, const struct bf_box_function *f);
extern const struct bf_box_function bf_box_json[], bf_box_log[], bf_box_hash[], bf_box_re[], bf_box_time[];
void bf_box_drop_patterns(struct bf_box *b);
void bf_box_open_belfry(lua_State *L);          /* into the globals at the top */

int bf_box_pairs(lua_State *L);
/* Text of any value, as tostring() gives it: +1.  Without addresses, which no replay would show. */
const char *bf_box_tostring(lua_State *L, int index, size_t *len);
const char *bf_box_type_name(lua_State *L, int index);  /* "a table", "null"; does not raise */

/* --- box_lazy.c ------------------------------------------------------------------------------ */

/* An object or array of JSON that is read where it is touched.  In the arena of its call. */
struct bf_lazy;

void bf_lazy_open(lua_State *L);               /* the metatables of these, and of null; once */
/* +1: an event, or the payload of a transform. */
struct bf_lazy *bf_lazy_push_event(lua_State *L, const struct bf_box_event *event,
                                     const char *action, bool mutable);
struct bf_lazy *bf_lazy_push_json(lua_State *L, const char *name, const char *text, size_t len);

bool bf_lazy_is(lua_State *L, int index);      /* whether it is one; does not raise */
struct bf_lazy *bf_lazy_at(lua_State *L, int index);  /* that it is; raises if of another call */
bool bf_lazy_is_array(const struct bf_lazy *v);
bool bf_lazy_is_changed(const struct bf_lazy *v);     /* it, or what is in it */

lua_Integer bf_lazy_len(lua_State *L, struct bf_lazy *v);
void bf_lazy_get(lua_State *L, struct bf_lazy *v, int key);   /* +1 */
void bf_lazy_set(lua_State *L, struct bf_lazy *v, int key, int value);
/* The member behind *at, which begins as 0: +2, key and value; false, +0, at the end. */
bool bf_lazy_next(lua_State *L, struct bf_lazy *v, uint32_t *at);

/* The same for who writes it: text if it is untouched, or +1 the value.  An event has its id and
 * time unless it is `bare`. */
struct bf_lazy_member {
    const char *key;            /* NULL in an array */
    size_t key_len;
    bool key_is_json;           /* escaped already */
    const char *text;           /* NULL: the value was pushed */
    size_t len;
    unsigned depth;             /* of containers in that text */
};
bool bf_lazy_write(lua_State *L, struct bf_lazy *v, bool bare, uint32_t *at,
                    struct bf_lazy_member *out);
/* All of it as it came; NULL if that is not what it is. */
const char *bf_lazy_raw(const struct bf_lazy *v, bool bare, size_t *len, unsigned *depth);
bool bf_lazy_is_event(const struct bf_lazy *v);         /* whether it is the event that was pushed */

/* --- box_json.c ------------------------------------------------------------------------------- */

/* The value at an index as JSON, added to `out`.  Raises an error that begins with its name, as in
 * "payload.blocks[3].text is a function, which JSON has not", or if `out` is full. */
void bf_box_encode(lua_State *L, int index, const char *name, struct bf_buf *out);
/* The same of what on_event returned. */
void bf_box_encode_event(lua_State *L, int index, const struct bf_box_event *event,
                         struct bf_buf *out);
/* What is wrong with a value, if it were to become JSON by itself, in words that follow its name
 * ("is a function, which JSON has not"); NULL if nothing is.  Tables are not looked into.  Does not
 * raise. */
const char *bf_box_no_json(lua_State *L, int index);
/* Whether a table is marked as an array, and -0: mark the one at the top. */
bool bf_box_is_array(lua_State *L, int index);
void bf_box_mark_array(lua_State *L);
/* +1: as a table, or what is none in Lua.  The text has been checked. */
void bf_box_push_json(lua_State *L, const struct bf_json *j);
void bf_box_push_scalar(lua_State *L, struct bf_arena *scratch, const struct bf_json *j);

/* --- box_words.c ------------------------------------------------------------------------------ */

int bf_box_on_error(lua_State *L);              /* a message handler: notes where it happened */
void bf_box_note_where(struct bf_box *b);       /* the same for a refusal of memory; does not raise */
/* What went wrong, for a person; the error at the top of the stack is taken.  `name` is the script's,
 * `in` what was called.  Does not raise. */
void bf_box_say(struct bf_box *b, int status, const char *name, const char *in, int line,
                struct bf_buf *words);

#endif
