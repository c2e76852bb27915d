/* code_json.c - Lua values as JSON.
 *
 * A table with elements 1 to n is an array, one with names an object, whose members are written in the
 * order of their names so that a file always gives the same text.  An empty one is an object; array {}
 * is the empty array.  Whole numbers of 64 bits stay; of others the shortest text is written that is
 * the same double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "core/base/utf8.h"
#include "core/script/code_int.h"

#define DEPTH_MAX  BF_JSON_DEPTH_MAX    /* of tables; what is around them is counted in the end */
#define KEYS_MAX   100000       /* of one table */

const char bf_code_null;
static const char array_mark;   /* its address is the key of the metatable of arrays */

/* Raises with which part of the value it is. */
static void refuse(lua_State *L, struct bf_code_reading *r, const char *what, const char *why)
{
    const char *where = bf_buf_text(&r->where);

    lua_pushfstring(L, "%s%s%s%s", where, *where ? ": " : "", what, why);
    bf_code_raise(L, r, 0);
}

static void put_text(lua_State *L, struct bf_code_reading *r, int index)
{
    size_t len;
    const char *text = lua_tolstring(L, index, &len);

    if (!bf_utf8_ok(text, len))
        refuse(L, r, "a text", " must be UTF-8");
    if (memchr(text, '\0', len))
        refuse(L, r, "a text", " must not hold the character 0");
    bf_buf_addc(&r->out, '"');
    bf_buf_json_chars(&r->out, text, len);
    bf_buf_addc(&r->out, '"');
}

static void put_number(lua_State *L, struct bf_code_reading *r, int index)
{
    double value = lua_tonumber(L, index);

    if (lua_isinteger(L, index))
        bf_buf_addi(&r->out, lua_tointeger(L, index));
    else if (isfinite(value))
        bf_buf_addd(&r->out, value);
    else
        refuse(L, r, "a number", " must be finite: JSON has no infinity, and nothing that is no number");
}

static void put_value(lua_State *L, struct bf_code_reading *r, int index, unsigned depth);

static bool is_array(lua_State *L, int index)
{
    bool is = false;

    if (!lua_getmetatable(L, index))                    /* +1 if there is one */
        return lua_rawlen(L, index) > 0;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &array_mark);     /* +1 */
    is = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return is;
}

static void put_array(lua_State *L, struct bf_code_reading *r, int index, unsigned depth)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, index), found = 0;
    size_t where = r->where.len;

    lua_pushnil(L);                                     /* +1: key */
    while (lua_next(L, index)) {                        /* +1: value */
        lua_pop(L, 1);
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1 || lua_tointeger(L, -1) > n)
            refuse(L, r, "a table", " has elements with names and without, or gaps between them");
        found++;
    }
    if (found != n)
        refuse(L, r, "a list", " has gaps: write null for what is not there");
    bf_buf_addc(&r->out, '[');
    for (lua_Integer i = 1; i <= n; i++) {
        if (i > 1)
            bf_buf_addc(&r->out, ',');
        bf_buf_printf(&r->where, "[%lld]", (long long)i);
        lua_rawgeti(L, index, i);                       /* +1 */
        put_value(L, r, lua_gettop(L), depth + 1);
        lua_pop(L, 1);
        r->where.len = where;
        if (r->where.data)
            r->where.data[where] = '\0';
    }
    bf_buf_addc(&r->out, ']');
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of a table, sorted, in memory that is Lua's: it is pushed. */
static const char **push_names(lua_State *L, struct bf_code_reading *r, int index, size_t *out)
{
    const char **names;
    size_t n = 0, i = 0;

    lua_pushnil(L);                                     /* +1: key */
    while (lua_next(L, index)) {                        /* +1: value */
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            refuse(L, r, "a table", " has elements with names and without, or gaps between them");
        if (++n > KEYS_MAX)
            refuse(L, r, "a table", " has too many members");
    }
    names = lua_newuserdatauv(L, (n + 1) * sizeof(*names), 0);  /* +1 */
    lua_pushnil(L);                                     /* +1: key */
    while (lua_next(L, index)) {                        /* +1: value */
        lua_pop(L, 1);
        names[i++] = lua_tostring(L, -1);               /* the table holds it */
    }
    qsort(names, n, sizeof(*names), by_text);
    *out = n;
    return names;
}

static void put_object(lua_State *L, struct bf_code_reading *r, int index, unsigned depth)
{
    size_t n, where = r->where.len;
    const char **names = push_names(L, r, index, &n);   /* +1 */

    bf_buf_addc(&r->out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i)
            bf_buf_addc(&r->out, ',');
        bf_buf_printf(&r->where, "%s%.100s", where ? "." : "", names[i]);
        lua_pushstring(L, names[i]);                    /* +1 */
        put_text(L, r, -1);
        bf_buf_addc(&r->out, ':');
        lua_rawget(L, index);                           /* the value in place of its name */
        put_value(L, r, lua_gettop(L), depth + 1);
        lua_pop(L, 1);
        r->where.len = where;
        if (r->where.data)
            r->where.data[where] = '\0';
    }
    bf_buf_addc(&r->out, '}');
    lua_pop(L, 1);
}

/* What raw has made: JSON already. */
static bool put_raw(lua_State *L, struct bf_code_reading *r, int index)
{
    const char *text;
    size_t len;

    int top = lua_gettop(L);

    if (luaL_getmetafield(L, index, "__json") != LUA_TFUNCTION) {       /* +1 if there is one */
        lua_settop(L, top);
        return false;
    }
    lua_pushvalue(L, index);
    lua_call(L, 1, 1);                                  /* the text in place of the function */
    text = lua_tolstring(L, -1, &len);
    bf_buf_add(&r->out, text ? text : "null", text ? len : 4);
    lua_pop(L, 1);
    return true;
}

/* An object of the language's, or a table with a metatable of the author's. */
static void refuse_object(lua_State *L, struct bf_code_reading *r, int index)
{
    char what[80];

    if (luaL_getmetafield(L, index, "__name") != LUA_TSTRING)   /* +1, or 0 */
        refuse(L, r, "a table", " with a metatable is no plain value");
    snprintf(what, sizeof(what), "%s", lua_tostring(L, -1));
    lua_pop(L, 1);
    refuse(L, r, what, strcmp(what, "a secret") == 0
                           ? " cannot stand here: write \"${NAME}\" and grant it by"
                             " secrets = { \"NAME\" }"
                           : " is no value that can be sent");
}

static void put_table(lua_State *L, struct bf_code_reading *r, int index, unsigned depth)
{
    bool array = is_array(L, index);

    if (depth > DEPTH_MAX)
        refuse(L, r, "a table", " is nested too deeply, or holds itself");
    luaL_checkstack(L, 8, "too many tables in each other");
    if (!array && put_raw(L, r, index))
        return;
    if (!array && lua_getmetatable(L, index))           /* +1 if there is one */
        refuse_object(L, r, index);
    if (array)
        put_array(L, r, index, depth);
    else
        put_object(L, r, index, depth);
}

static void put_value(lua_State *L, struct bf_code_reading *r, int index, unsigned depth)
{
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        put_text(L, r, index);
        return;
    case LUA_TNUMBER:
        put_number(L, r, index);
        return;
    case LUA_TBOOLEAN:
        bf_buf_adds(&r->out, lua_toboolean(L, index) ? "true" : "false");
        return;
    case LUA_TTABLE:
        put_table(L, r, index, depth);
        return;
    case LUA_TLIGHTUSERDATA:
        bf_buf_adds(&r->out, "null");
        return;
    case LUA_TNIL:
        refuse(L, r, "nothing", " is no value: was it never set? JSON's null is written null");
        return;
    default:
        refuse(L, r, "a ", lua_pushfstring(L, "%s is no value that can be sent", luaL_typename(L, index)));
    }
}

void bf_code_put_json(lua_State *L, struct bf_code_reading *r, int index, const char *where)
{
    bf_buf_clear(&r->out);
    bf_buf_clear(&r->where);
    bf_buf_adds(&r->where, where);
    put_value(L, r, lua_absindex(L, index), 0);
    if (r->out.failed)
        refuse(L, r, "it", " is larger than what a file may describe");
}

int bf_code_array(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_getmetatable(L, 1))                         /* +1 if there is one */
        return luaL_error(L, "array needs a plain table");
    lua_settop(L, 1);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &array_mark) != LUA_TTABLE) {         /* +1 */
        lua_pop(L, 1);
        lua_newtable(L);                                /* +1 */
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &array_mark);
    }
    lua_setmetatable(L, 1);
    return 1;
}
