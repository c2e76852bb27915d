/* code_int.h - what the files of automations as code share. */
#ifndef BF_CODE_INT_H
#define BF_CODE_INT_H

#include <lua.h>

#include "core/script/code.h"

#define BF_CODE_MEMORY       (64 * 1024 * 1024)
#define BF_CODE_INSTRUCTIONS 1000000000

/* One file while it is read.  What grows belongs to it, as Lua may leave any function in the middle. */
struct bf_code_reading {
    const char *path;
    lua_State *state;
    size_t memory;              /* used by Lua */
    unsigned refusals;          /* of more */
    uint64_t steps;             /* that are left to it */
    struct bf_buf out;          /* the value that is being written */
    struct bf_buf where;        /* ... and which part of it */
    struct bf_arena *scratch;   /* of one check */
    struct bf_error error;
};

/* "PATH:LINE: words" from the words at the top of the stack; line 0 is where the file is now. */
int bf_code_raise(lua_State *L, struct bf_code_reading *r, int line);

/* code_json.c: the value at `index` as JSON in r->out.  Raises where there is none. */
void bf_code_put_json(lua_State *L, struct bf_code_reading *r, int index, const char *where);
extern const char bf_code_null;         /* its address is null */
int bf_code_array(lua_State *L);        /* array { … }: a list, also when it is empty */

/* code_library.c: what of Lua's own library a file may use, as a table that is pushed. */
void bf_code_push_library(lua_State *L);

/* The language itself; code_lua.c. */
extern const char bf_code_lua[], bf_code_lua_end[];

/* Its words, for people.  Without a name: a title (no help), or a form made of words. */
struct bf_code_word {
    const char *name;
    const char *form;           /* NULL: it is told of with the word before it */
    const char *help;
};                              /* ends with all of them NULL */
extern const struct bf_code_word bf_code_words[];
bool bf_code_is_keyword(const char *name, size_t len);          /* of Lua's */
bool bf_code_is_taken(const char *name, size_t len);            /* means something in a file */

#endif
