/* box_base.c - the functions of Lua's base library, those that are not Lua's own here.
 *
 * Some know lazy values and null (type, next, pairs, rawget and the like take them for tables).  Some
 * would show what no replay could: addresses (tostring), and the order in which strings happen to be
 * hashed in this process (next, pairs).  And xpcall would run a script's function while hooks are
 * off. */
#include "core/script/box_int.h"

#include <math.h>
#include <string.h>

#include "core/base/base.h"

/* --- what a value is ---------------------------------------------------------------------------- */

const char *bf_box_type_name(lua_State *L, int index)
{
    static const char *const names[] = {
        [LUA_TNIL] = "nil", [LUA_TBOOLEAN] = "a boolean", [LUA_TLIGHTUSERDATA] = "null",
        [LUA_TNUMBER] = "a number", [LUA_TSTRING] = "a string", [LUA_TTABLE] = "a table",
        [LUA_TFUNCTION] = "a function", [LUA_TUSERDATA] = "a table", [LUA_TTHREAD] = "a coroutine",
    };
    int type = lua_type(L, index);

    return type == LUA_TNONE ? "nothing" : names[type];
}

/* type(v)
 * As Lua's; but of null it is "null", and what is in an event is a "table". */
static int base_type(lua_State *L)
{
    int type = lua_type(L, 1);

    luaL_checkany(L, 1);
    lua_pushstring(L, type == LUA_TLIGHTUSERDATA ? "null"
                      : type == LUA_TUSERDATA    ? "table"
                                                 : lua_typename(L, type));
    return 1;
}

static void push_plain(lua_State *L, int index)         /* +1 */
{
    switch (lua_type(L, index)) {
    case LUA_TSTRING: lua_pushvalue(L, index); break;
    case LUA_TNUMBER:
        lua_pushvalue(L, index);
        lua_tostring(L, -1);                            /* in place */
        break;
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false"); break;
    case LUA_TNIL: lua_pushliteral(L, "nil"); break;
    case LUA_TLIGHTUSERDATA: lua_pushliteral(L, "null"); break;
    case LUA_TFUNCTION: lua_pushliteral(L, "function"); break;
    default: lua_pushliteral(L, "table"); break;
    }
}

const char *bf_box_tostring(lua_State *L, int index, size_t *len)
{
    index = lua_absindex(L, index);
    if (lua_type(L, index) == LUA_TTABLE && luaL_callmeta(L, index, "__tostring")) {    /* +1 */
        if (!lua_isstring(L, -1))
            luaL_error(L, "__tostring must return a string, not %s", bf_box_type_name(L, -1));
    } else {
        push_plain(L, index);                           /* +1 */
    }
    return lua_tolstring(L, -1, len);
}

/* tostring(v)
 * As Lua's, but without addresses: a table is "table". */
static int base_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    bf_box_tostring(L, 1, NULL);
    return 1;
}

/* --- the order of a table ----------------------------------------------------------------------- */

/* Keys: numbers, by size; then strings, by bytes; then false and true. */
struct key {
    int rank;
    double number;
    lua_Integer integer;        /* of a number, if it is one */
    const char *text;           /* the table keeps it */
    size_t len;
};

static int compare_texts(const struct key *a, const struct key *b)
{
    size_t len = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->text, b->text, len);

    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static int compare_keys(const void *one, const void *other)
{
    const struct key *a = one, *b = other;

    if (a->rank != b->rank)
        return a->rank - b->rank;
    if (a->text)
        return compare_texts(a, b);
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return (a->integer > b->integer) - (a->integer < b->integer);
}

static struct key key_at(lua_State *L, int index)
{
    struct key k = {.rank = 0};

    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        k.number = lua_tonumber(L, index);
        k.integer = lua_isinteger(L, index) ? lua_tointeger(L, index) : 0;
        break;
    case LUA_TSTRING:
        k.rank = 1;
        k.text = lua_tolstring(L, index, &k.len);
        break;
    case LUA_TBOOLEAN:
        k.rank = 2 + lua_toboolean(L, index);
        break;
    default:
        luaL_error(L, "the table has %s as a key, and in which order such keys come is another in"
                   " every process; have strings or numbers as keys, or go by ipairs",
                   bf_box_type_name(L, index));
    }
    return k;
}

static void push_key(lua_State *L, const struct key *k)         /* +1 */
{
    if (k->text)
        lua_pushlstring(L, k->text, k->len);
    else if (k->rank)
        lua_pushboolean(L, k->rank - 2);
    else if ((double)k->integer == k->number)
        lua_pushinteger(L, k->integer);
    else
        lua_pushnumber(L, k->number);
}

static size_t count_keys(lua_State *L, int table, bool *is_list)
{
    size_t n = 0;

    *is_list = true;
    lua_pushnil(L);                                     /* +1: key */
    while (lua_next(L, table)) {                        /* +1: value */
        n++;
        lua_pop(L, 1);
        *is_list = *is_list && lua_isinteger(L, -1) && lua_tointeger(L, -1) == (lua_Integer)n;
    }
    return n;
}

/* The keys of a table that is no list, in order: +1, as a userdata. */
static struct key *sorted_keys(lua_State *L, int table, size_t n)
{
    struct key *keys = lua_newuserdatauv(L, n * sizeof(*keys), 0);      /* +1 */
    size_t i = 0;

    lua_pushnil(L);                                     /* +1: key */
    while (lua_next(L, table)) {                        /* +1: value */
        lua_pop(L, 1);
        keys[i++] = key_at(L, -1);
    }
    qsort(keys, n, sizeof(*keys), compare_keys);
    return keys;
}

/* Goes through a list of keys: table, position.  Those that are gone meanwhile are left out. */
static int step_sorted(lua_State *L)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, lua_upvalueindex(1));
    lua_Integer at = lua_tointeger(L, lua_upvalueindex(2));

    while (++at <= n) {
        lua_rawgeti(L, lua_upvalueindex(1), at);        /* +1: key */
        lua_pushvalue(L, -1);                           /* +1 */
        if (lua_rawget(L, lua_upvalueindex(3)) != LUA_TNIL) {   /* +0: value */
            lua_pushinteger(L, at);                     /* +1 */
            lua_replace(L, lua_upvalueindex(2));        /* -1 */
            return 2;
        }
        lua_pop(L, 2);
    }
    lua_pushinteger(L, n);                              /* +1 */
    lua_replace(L, lua_upvalueindex(2));                /* -1 */
    return 0;
}

/* Goes through 1, 2, 3 ... of a table.  A script may call it with anything. */
static int step_list(lua_State *L)                      /* table, key */
{
    lua_Integer i = luaL_optinteger(L, 2, 0);

    luaL_checktype(L, 1, LUA_TTABLE);
    i = i < LUA_MAXINTEGER ? i + 1 : 0;
    lua_pushinteger(L, i);                              /* +1 */
    return lua_rawgeti(L, 1, i) == LUA_TNIL ? 0 : 2;    /* +1 */
}

static int pairs_sorted(lua_State *L, size_t n)         /* table */
{
    struct key *keys = sorted_keys(L, 1, n);            /* +1 */

    lua_createtable(L, n > INT32_MAX ? 0 : (int)n, 0);  /* +1 */
    for (size_t i = 0; i < n; i++) {
        push_key(L, &keys[i]);                          /* +1 */
        lua_rawseti(L, -2, (lua_Integer)i + 1);         /* -1 */
    }
    lua_pushinteger(L, 0);                              /* +1 */
    lua_pushvalue(L, 1);                                /* +1 */
    lua_pushcclosure(L, step_sorted, 3);                /* -2 */
    lua_pushvalue(L, 1);                                /* +1 */
    lua_pushnil(L);                                     /* +1 */
    return 3;
}

/* Goes through a lazy value, in the order in which its members were sent. */
static int step_value(lua_State *L)
{
    uint32_t at = (uint32_t)lua_tointeger(L, lua_upvalueindex(2));
    struct bf_lazy *v = bf_lazy_at(L, lua_upvalueindex(1));

    if (!bf_lazy_next(L, v, &at))                      /* +2 */
        return 0;
    lua_pushinteger(L, at);                             /* +1 */
    lua_replace(L, lua_upvalueindex(2));                /* -1 */
    return 2;
}

static int pairs_value(lua_State *L)                    /* value */
{
    lua_pushvalue(L, 1);                                /* +1 */
    lua_pushinteger(L, 0);                              /* +1 */
    lua_pushcclosure(L, step_value, 2);                 /* -1 */
    lua_pushvalue(L, 1);                                /* +1 */
    lua_pushnil(L);                                     /* +1 */
    return 3;
}

/* pairs(t)
 * As Lua's, but always in the same order: numbers by size, then strings by bytes; of an event, as its
 * members were sent. */
int bf_box_pairs(lua_State *L)
{
    bool is_list;
    size_t n;

    if (bf_lazy_is(L, 1))
        return pairs_value(L);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {       /* +1 */
        lua_pushvalue(L, 1);                            /* +1 */
        lua_call(L, 1, 3);                              /* +1 */
        return 3;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    n = count_keys(L, 1, &is_list);
    bf_box_charge(L, n);
    if (!is_list)
        return pairs_sorted(L, n);
    lua_pushcfunction(L, step_list);                    /* +1 */
    lua_pushvalue(L, 1);                                /* +1 */
    lua_pushnil(L);                                     /* +1 */
    return 3;
}

/* The key that follows another, found by looking at all: who goes through a table takes pairs. */
static bool following_key(lua_State *L, bool first, const struct key *after, struct key *found)
{
    bool any = false;
    uint64_t n = 0;

    lua_pushnil(L);                                     /* +1: key */
    while (lua_next(L, 1)) {                            /* +1: value */
        struct key k;

        lua_pop(L, 1);
        n++;
        k = key_at(L, -1);
        if ((first || compare_keys(&k, after) > 0) && (!any || compare_keys(&k, found) < 0)) {
            *found = k;
            any = true;
        }
    }
    bf_box_charge(L, 8 * n);
    return any;
}

static int next_of_value(lua_State *L)                  /* value, key */
{
    struct bf_lazy *v = bf_lazy_at(L, 1);
    bool found = lua_isnil(L, 2);
    uint32_t at = 0;

    while (bf_lazy_next(L, v, &at)) {                  /* +2 */
        if (found)
            return 2;
        found = lua_rawequal(L, 2, -2);
        lua_pop(L, 2);
    }
    lua_pushnil(L);
    return 1;
}

/* next(t[, key])
 * As Lua's, in the order of pairs. */
static int base_next(lua_State *L)
{
    struct key after, found;

    lua_settop(L, 2);
    if (bf_lazy_is(L, 1))
        return next_of_value(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    if (!lua_isnil(L, 2))
        after = key_at(L, 2);
    if (!following_key(L, lua_isnil(L, 2), &after, &found)) {
        lua_pushnil(L);
        return 1;
    }
    push_key(L, &found);                                /* +1 */
    lua_pushvalue(L, -1);                               /* +1 */
    lua_rawget(L, 1);                                   /* +0: value */
    return 2;
}

/* --- past metatables ---------------------------------------------------------------------------- */

/* rawget(t, key)
 * As Lua's. */
static int base_rawget(lua_State *L)
{
    lua_settop(L, 2);
    if (bf_lazy_is(L, 1)) {
        bf_lazy_get(L, bf_lazy_at(L, 1), 2);          /* +1 */
        return 1;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_rawget(L, 1);
    return 1;
}

/* rawlen(v)
 * As Lua's. */
static int base_rawlen(lua_State *L)
{
    if (bf_lazy_is(L, 1)) {
        lua_pushinteger(L, bf_lazy_len(L, bf_lazy_at(L, 1)));
        return 1;
    }
    luaL_argexpected(L, lua_istable(L, 1) || lua_type(L, 1) == LUA_TSTRING, 1, "table or string");
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 1));
    return 1;
}

/* rawset(t, key, value)
 * As Lua's, but not of a table whose metatable is protected. */
static int base_rawset(lua_State *L)
{
    lua_settop(L, 3);
    if (bf_lazy_is(L, 1)) {
        bf_lazy_set(L, bf_lazy_at(L, 1), 2, 3);
        lua_settop(L, 1);
        return 1;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL && !bf_box_is_array(L, 1))  /* +1 */
        return luaL_error(L, "this table is protected and cannot be changed");
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 1;
}

/* setmetatable(t, metatable)
 * As Lua's, but without __gc and __mode: what depends on when memory is freed would not replay. */
static int base_setmetatable(lua_State *L)
{
    static const char *const refused[] = {"__gc", "__mode"};
    int type = lua_type(L, 2);

    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    lua_settop(L, 2);
    for (size_t i = 0; type == LUA_TTABLE && i < BF_COUNT(refused); i++) {
        lua_pushstring(L, refused[i]);                  /* +1 */
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "a metatable here has no %s: what depends on when memory is freed"
                              " would be another result each time", refused[i]);
        lua_pop(L, 1);
    }
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL && !bf_box_is_array(L, 1))  /* +1 */
        return luaL_error(L, "the metatable of this table is protected");
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* --- errors ------------------------------------------------------------------------------------- */

/* xpcall(f, handler, ...)
 * As Lua's, but that the handler is called once the error has come out of f. */
static int base_xpcall(lua_State *L)
{
    int n = lua_gettop(L);

    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushboolean(L, 1);                              /* +1 */
    lua_insert(L, 3);                                   /* f, handler, true, arguments */
    lua_pushvalue(L, 1);                                /* +1 */
    lua_insert(L, 4);                                   /* f, handler, true, f, arguments */
    if (lua_pcall(L, n - 2, LUA_MULTRET, 0) == LUA_OK)  /* f, handler, true, results */
        return lua_gettop(L) - 2;
    lua_pushboolean(L, 0);                              /* +1: f, handler, true, error, false */
    lua_replace(L, 3);
    lua_pushvalue(L, 2);                                /* +1 */
    lua_insert(L, 4);                                   /* f, handler, false, handler, error */
    lua_call(L, 1, 1);
    return 2;
}

const struct bf_box_function bf_box_base[] = {
    {"assert", NULL, "assert(v[, message])", "v, unless it is false or nil: then an error"},
    {"error", NULL, "error(message[, level])", "end the call with an error"},
    {"getmetatable", NULL, "getmetatable(t)", "the metatable of a table; false if it is protected"},
    {"ipairs", NULL, "ipairs(t)", "go through 1, 2, 3 ... of a table or an array"},
    {"next", base_next, "next(t[, key])", "the key and value behind one, in the order of pairs"},
    {"pairs", bf_box_pairs, "pairs(t)",
     "go through a table, always in the same order: numbers by size, then strings by bytes; of an"
     " event, as its members were sent"},
    {"pcall", NULL, "pcall(f, ...)", "call f, and catch its error; the budget of the call goes on"},
    {"rawequal", NULL, "rawequal(a, b)", "equal without __eq"},
    {"rawget", base_rawget, "rawget(t, key)", "without __index"},
    {"rawlen", base_rawlen, "rawlen(v)", "the length without __len"},
    {"rawset", base_rawset, "rawset(t, key, value)", "without __newindex"},
    {"select", NULL, "select(n, ...)", "the arguments from the n-th on; with \"#\", how many"},
    {"setmetatable", base_setmetatable, "setmetatable(t, metatable)",
     "without __gc and __mode: what depends on when memory is freed would not replay"},
    {"tonumber", NULL, "tonumber(v[, base])", "a number from text, or nil"},
    {"tostring", base_tostring, "tostring(v)", "text from any value; of a table it is \"table\""},
    {"type", base_type, "type(v)",
     "\"nil\" \"boolean\" \"number\" \"string\" \"table\" \"function\", and \"null\" of JSON's null"},
    {"xpcall", base_xpcall, "xpcall(f, handler, ...)", "call f; with an error, call the handler with it"},
    {NULL, NULL, NULL, NULL},
};
