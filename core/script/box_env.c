/* box_env.c - the environment of scripts: what is in it, and that it stays as it is.
 *
 * What a script sees of a library is an empty table that looks into the real one, which no script can
 * reach: so a function cannot be put in another's place, for this call or the next.  `_ENV` is such a
 * table too; a name that is not in it is an error at once, with the nearest one there is, instead of
 * a nil that fails further on. */
#include "core/script/box_int.h"

#include <string.h>

#include <lualib.h>

#include "core/base/base.h"

/* --- the nearest name --------------------------------------------------------------------------- */

enum { WORD_MAX = 31 };

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;

    return m < c ? m : c;
}

/* How many letters must be put in, left out or changed; of words that are short enough. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned row[WORD_MAX + 1];

    for (unsigned j = 0; j <= b_len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        unsigned left_above = row[0];

        row[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            unsigned above = row[j];

            row[j] = least(row[j - 1] + 1, above + 1, left_above + (a[i - 1] != b[j - 1]));
            left_above = above;
        }
    }
    return row[b_len];
}

void bf_box_closer(struct bf_box_closest *c, const char *candidate)
{
    size_t len = strlen(c->word), candidate_len = strlen(candidate);
    unsigned most = len < 3 ? 0 : len < 6 ? 1 : 2, d;

    if (len > WORD_MAX || candidate_len > WORD_MAX)
        return;
    d = distance(c->word, len, candidate, candidate_len);
    if (d == 0 || d > most || (c->found && d >= c->distance))
        return;
    c->found = candidate;
    c->distance = d;
}

/* The names in a table, if they are texts. */
static void closer_in(lua_State *L, int table, struct bf_box_closest *c)
{
    lua_pushnil(L);                                     /* +1: key */
    while (lua_next(L, table)) {                        /* +1: value */
        if (lua_type(L, -2) == LUA_TSTRING)
            bf_box_closer(c, lua_tostring(L, -2));
        lua_pop(L, 1);
    }
}

/* And the locals of the function that is running. */
static void closer_local(lua_State *L, struct bf_box_closest *c)
{
    lua_Debug ar;
    const char *name;

    if (!lua_getstack(L, 1, &ar))
        return;
    for (int i = 1; (name = lua_getlocal(L, &ar, i)); i++) {    /* +1 */
        lua_pop(L, 1);
        bf_box_closer(c, name);                         /* the function's prototype keeps it */
    }
}

/* --- names that there are not ------------------------------------------------------------------- */

/* What is missed most, and what to take instead. */
static const struct {
    const char *name, *instead;
} absent[] = {
    {"os", "there is no clock, as what a script says must be the same when it is asked again;"
           " event.received is the time, and belfry.time calculates with it"},
    {"io", "a script has no files"},
    {"print", "belfry.log.info(text) writes into the hub's log"},
    {"require", "a script is one text; there are no modules"},
    {"dofile", "a script is one text; there are no modules"},
    {"load", "a script is one text; there is no way to compile another"},
    {"loadstring", "a script is one text; there is no way to compile another"},
    {"loadfile", "a script is one text; there is no way to compile another"},
    {"coroutine", "a call runs from its beginning to its end"},
    {"debug", "an error tells where it happened by itself"},
    {"collectgarbage", "memory is looked after"},
    {"package", "a script is one text; there are no modules"},
    {"_G", "globals cannot be changed, and are known by their names"},
};

static const char *instead_of(const char *name)
{
    for (size_t i = 0; i < BF_COUNT(absent); i++)
        if (strcmp(absent[i].name, name) == 0)
            return absent[i].instead;
    return NULL;
}

/* __index of the real globals. */
static int unknown_global(lua_State *L)                 /* table, key */
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL, *instead;
    struct bf_box_closest c = {.word = name};

    if (!name)
        return luaL_error(L, "a global has a name, not %s", bf_box_type_name(L, 2));
    instead = instead_of(name);
    if (instead)
        return luaL_error(L, "there is no \"%s\" here: %s", name, instead);
    closer_local(L, &c);
    closer_in(L, 1, &c);
    if (c.found)
        return luaL_error(L, "there is no \"%s\" here; is \"%s\" meant?", name, c.found);
    return luaL_error(L, "there is no \"%s\" here; it is neither a local of this function nor a name"
                      " that scripts are given", name);
}

/* __index of a real library, whose name is the upvalue. */
static int unknown_member(lua_State *L)                 /* table, key */
{
    const char *library = lua_tostring(L, lua_upvalueindex(1));
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
    struct bf_box_closest c = {.word = name};

    if (!name)
        return luaL_error(L, "%s has functions by their names, not by %s", library,
                          bf_box_type_name(L, 2));
    if (strcmp(library, "math") == 0 && strncmp(name, "random", 6) == 0)
        return luaL_error(L, "there is no math.%s: what a script says must be the same when it is"
                          " asked again", name);
    closer_in(L, 1, &c);
    if (c.found)
        return luaL_error(L, "there is no %s.%s; is \"%s\" meant?", library, name, c.found);
    return luaL_error(L, "there is no %s.%s", library, name);
}

/* --- sealing ------------------------------------------------------------------------------------ */

/* __newindex of what is sealed. */
static int refuse_change(lua_State *L)                  /* table, key, value */
{
    const char *library = lua_tostring(L, lua_upvalueindex(1));
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : bf_box_type_name(L, 2);

    if (*library)
        return luaL_error(L, "%s.%s cannot be set: the libraries stay as they are", library, name);
    if (lua_isfunction(L, 3))
        return luaL_error(L, "\"%s\" would be a global, and there are no new ones: write local function"
                          " %s, or put it into the table that the script returns", name, name);
    return luaL_error(L, "\"%s\" would be a global, and there are no new ones: write local %s = ...",
                      name, name);
}

/* __pairs of what is sealed: those of the real table, which is the upvalue and goes to nobody.  Its keys
 * are names, so the step that is given has it within. */
static int pairs_within(lua_State *L)                   /* what is seen */
{
    lua_settop(L, 1);
    lua_pushcfunction(L, bf_box_pairs);                 /* +1 */
    lua_pushvalue(L, lua_upvalueindex(1));              /* +1 */
    lua_call(L, 1, 3);                                  /* +1: step, the real table, nil */
    lua_pushvalue(L, 1);                                /* +1 */
    lua_replace(L, -3);                                 /* -1 */
    return 3;
}

static void set_unknown(lua_State *L, lua_CFunction fn, const char *name)   /* table at the top */
{
    lua_createtable(L, 0, 1);                           /* +1 */
    lua_pushstring(L, name);                            /* +1 */
    lua_pushcclosure(L, fn, 1);
    lua_setfield(L, -2, "__index");                     /* -1 */
    lua_setmetatable(L, -2);                            /* -1 */
}

void bf_box_protect(lua_State *L, const char *name)
{
    set_unknown(L, *name ? unknown_member : unknown_global, name);
    lua_newtable(L);                                    /* +1: what is seen */
    lua_createtable(L, 0, 4);                           /* +1: its metatable */
    lua_pushvalue(L, -3);                               /* +1 */
    lua_setfield(L, -2, "__index");                     /* -1 */
    lua_pushvalue(L, -3);                               /* +1 */
    lua_pushcclosure(L, pairs_within, 1);
    lua_setfield(L, -2, "__pairs");                     /* -1 */
    lua_pushstring(L, name);                            /* +1 */
    lua_pushcclosure(L, refuse_change, 1);
    lua_setfield(L, -2, "__newindex");                  /* -1 */
    lua_pushboolean(L, 0);                              /* +1 */
    lua_setfield(L, -2, "__metatable");                 /* -1 */
    lua_setmetatable(L, -2);                            /* -1 */
    lua_replace(L, -2);                                 /* -1: in place of the real one */
}

/* --- what there is ------------------------------------------------------------------------------ */

void bf_box_register(lua_State *L, const struct bf_box_function *f)
{
    for (; f->name; f++) {
        lua_getfield(L, -2, f->name);                   /* +1: Lua's own, if there is one */
        if (f->fn)
            lua_pushcclosure(L, f->fn, 1);
        lua_setfield(L, -2, f->name);                   /* -1 */
    }
}

static void open_library(lua_State *L, const char *name, lua_CFunction open,
                         const struct bf_box_function *f)       /* globals at the top */
{
    luaL_requiref(L, name, open, 0);                    /* +1: Lua's own */
    lua_newtable(L);                                    /* +1 */
    bf_box_register(L, f);
    lua_remove(L, -2);                                  /* -1 */
    if (strcmp(name, LUA_STRLIBNAME) == 0) {
        lua_pushvalue(L, -1);                           /* +1: for set_methods() */
        lua_setfield(L, LUA_REGISTRYINDEX, name);       /* -1 */
    }
    bf_box_protect(L, name);
    lua_setfield(L, -2, name);                          /* -1 */
}

/* Strings keep their methods.  Without __add and the others, "1" + 1 is an error. */
static void set_methods(lua_State *L)
{
    lua_pushliteral(L, "");                             /* +1 */
    lua_createtable(L, 0, 2);                           /* +1 */
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_STRLIBNAME); /* +1 */
    lua_setfield(L, -2, "__index");                     /* -1 */
    lua_pushboolean(L, 0);                              /* +1 */
    lua_setfield(L, -2, "__metatable");                 /* -1 */
    lua_setmetatable(L, -2);                            /* -1 */
    lua_pop(L, 1);
}

static void open_base(lua_State *L)                     /* globals at the top */
{
    luaL_requiref(L, LUA_GNAME, luaopen_base, 0);       /* +1 */
    lua_pushvalue(L, -2);                               /* +1 */
    bf_box_register(L, bf_box_base);
    lua_pop(L, 2);
}

void bf_box_setup(lua_State *L)
{
    struct bf_box *b = bf_box_of(L);

    for (size_t i = 0; i < BOX_SLOTS; i++) {
        lua_pushboolean(L, 0);                          /* +1 */
        b->slots[i] = luaL_ref(L, LUA_REGISTRYINDEX);   /* -1 */
    }
    bf_lazy_open(L);
    lua_newtable(L);                                    /* +1: globals */
    open_base(L);
    open_library(L, LUA_STRLIBNAME, luaopen_string, bf_box_string);
    open_library(L, LUA_TABLIBNAME, luaopen_table, bf_box_table);
    open_library(L, LUA_MATHLIBNAME, luaopen_math, bf_box_math);
    open_library(L, LUA_UTF8LIBNAME, luaopen_utf8, bf_box_utf8);
    set_methods(L);
    bf_box_open_belfry(L);
    bf_box_protect(L, "");
    bf_box_set_slot(L, BOX_GLOBALS);                    /* -1 */
    /* Lua's own tables go. */
    lua_pushnil(L);                                     /* +1 */
    lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);       /* -1 */
    bf_box_push_globals(L);                             /* +1 */
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);        /* -1 */
}

void bf_box_push_globals(lua_State *L) { bf_box_push_slot(L, BOX_GLOBALS); }
