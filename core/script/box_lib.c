/* box_lib.c - string, table, math and utf8: which of Lua's functions there are, and which are ours.
 *
 * Ours take their share of the budget before they hand over to Lua's, as a count hook sees nothing of
 * a loop in C: table.move({}, 1, 2^53, 2) would go on for years.  What stays without a bound are
 * string patterns; that is what script processes are killed for.
 *
 * table.sort is all our own: Lua's picks its pivots by the clock once an array is uneven, so that
 * what compares as equal would come in another order each time.  This one merges, and is stable. */
#include "core/script/box_int.h"

#include <string.h>

#include "core/base/base.h"

/* Lua's own function in the same frame, so that its errors name it and the line that called. */
static int hand_over(lua_State *L) { return lua_tocfunction(L, lua_upvalueindex(1))(L); }

/* Steps from one index to another. */
static void charge_range(lua_State *L, lua_Integer from, lua_Integer to)
{
    if (to >= from)
        bf_box_charge(L, (uint64_t)to - (uint64_t)from + 1);
}

/* --- string ------------------------------------------------------------------------------------- */

/* What a directive needs, from behind its '%' on: the letter it ends with.  A NUL ends the directive
 * and not the format. */
static const char *directive_end(const char *p)
{
    while (*p && strchr("-+ #0123456789.", *p))
        p++;
    return p;
}

/* string.format(format, ...)
 * As Lua's; %s of a table is "table", and there is no %p: addresses are other ones each time. */
static int string_format(lua_State *L)
{
    int arg = 1, top = lua_gettop(L);
    size_t len;
    const char *p = luaL_checklstring(L, 1, &len), *end = p + len;

    for (; p < end; p++) {
        if (*p != '%' || *++p == '%')
            continue;
        p = directive_end(p);
        if (*p == 'p')
            return luaL_error(L, "string.format has no %%p: an address is another one each time");
        if (++arg > top || *p != 's' || lua_isstring(L, arg))
            continue;
        bf_box_tostring(L, arg, NULL);                  /* +1 */
        lua_replace(L, arg);                            /* -1 */
    }
    return hand_over(L);
}

/* string.rep(s, n[, separator])
 * As Lua's. */
static int string_rep(lua_State *L)
{
    size_t len, separator_len;
    lua_Integer n = luaL_checkinteger(L, 2);

    luaL_checklstring(L, 1, &len);
    luaL_optlstring(L, 3, "", &separator_len);
    if (n <= 0 || len + separator_len == 0) {           /* Lua goes round n times for nothing */
        lua_pushliteral(L, "");
        return 1;
    }
    if (len + separator_len > bf_box_of(L)->limits.memory / (size_t)n)
        return luaL_error(L, "the text would be larger than all the memory there is (%d MiB)",
                          (int)(bf_box_of(L)->limits.memory >> 20));
    return hand_over(L);
}

/* string.find(s, pattern[, from[, plain]]), gmatch, gsub and match
 * As Lua's, and what processes are killed for. */
static int string_pattern(lua_State *L)
{
    bf_box_show_line(L);
    return hand_over(L);
}

const struct bf_box_function bf_box_string[] = {
    {"byte", NULL, NULL, NULL},    {"char", NULL, NULL, NULL},
    {"find", string_pattern, NULL, NULL},
    {"format", string_format, "string.format(format, ...)",
     "as in Lua, without %p; %s of a table is \"table\""},
    {"gmatch", string_pattern, NULL, NULL},
    {"gsub", string_pattern, NULL, NULL},
    {"len", NULL, NULL, NULL},     {"lower", NULL, NULL, NULL},
    {"match", string_pattern, NULL, NULL},
    {"pack", NULL, NULL, NULL},
    {"packsize", NULL, NULL, NULL},
    {"rep", string_rep, NULL, NULL},
    {"reverse", NULL, NULL, NULL}, {"sub", NULL, NULL, NULL},
    {"unpack", NULL, NULL, NULL},  {"upper", NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};

/* --- table -------------------------------------------------------------------------------------- */

/* table.concat(t[, separator[, i[, j]]])
 * As Lua's. */
static int table_concat(lua_State *L)
{
    lua_Integer from = luaL_optinteger(L, 3, 1);

    charge_range(L, from, lua_isnoneornil(L, 4) ? luaL_len(L, 1) : luaL_checkinteger(L, 4));
    return hand_over(L);
}

/* table.insert(t, [position,] value)
 * As Lua's. */
static int table_insert(lua_State *L)
{
    if (lua_gettop(L) == 3 && lua_isinteger(L, 2))
        charge_range(L, lua_tointeger(L, 2), luaL_len(L, 1));
    return hand_over(L);
}

/* table.remove(t[, position])
 * As Lua's. */
static int table_remove(lua_State *L)
{
    if (lua_isinteger(L, 2))
        charge_range(L, lua_tointeger(L, 2), luaL_len(L, 1));
    return hand_over(L);
}

/* table.move(from, first, last, to[, into])
 * As Lua's. */
static int table_move(lua_State *L)
{
    charge_range(L, luaL_checkinteger(L, 2), luaL_checkinteger(L, 3));
    return hand_over(L);
}

/* table.unpack(t[, i[, j]])
 * As Lua's. */
static int table_unpack(lua_State *L)
{
    lua_Integer from = luaL_optinteger(L, 2, 1);

    charge_range(L, from, lua_isnoneornil(L, 3) ? luaL_len(L, 1) : luaL_checkinteger(L, 3));
    return hand_over(L);
}

/* Whether the value at b must come before the one at a. */
static bool comes_before(lua_State *L, int b, int a)
{
    bool before;

    if (lua_isnil(L, 2))
        return lua_compare(L, b, a, LUA_OPLT);
    b = lua_absindex(L, b);
    a = lua_absindex(L, a);
    lua_pushvalue(L, 2);                                /* +1 */
    lua_pushvalue(L, b);                                /* +1 */
    lua_pushvalue(L, a);                                /* +1 */
    lua_call(L, 2, 1);                                  /* -2 */
    before = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return before;
}

/* Merge two runs of `from`, lo..mid-1 and mid..hi-1, into `to`. */
static void merge(lua_State *L, int from, int to, lua_Integer lo, lua_Integer mid, lua_Integer hi)
{
    lua_Integer i = lo, j = mid;

    bf_box_charge(L, (uint64_t)(hi - lo));
    for (lua_Integer k = lo; k < hi; k++) {
        bool second = i == mid;

        if (i < mid && j < hi) {
            lua_rawgeti(L, from, j);                    /* +1 */
            lua_rawgeti(L, from, i);                    /* +1 */
            second = comes_before(L, -2, -1);
            lua_pop(L, 2);
        }
        lua_rawgeti(L, from, second ? j++ : i++);       /* +1 */
        lua_rawseti(L, to, k);                          /* -1 */
    }
}

static lua_Integer least(lua_Integer a, lua_Integer b) { return a < b ? a : b; }

/* table.sort(t[, before])
 * As Lua's, but that equals stay in their order. */
static int table_sort(lua_State *L)
{
    lua_Integer n = luaL_len(L, 1);
    int from = 3, to = 4;

    if (!lua_isnoneornil(L, 2))
        luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    if (n < 2)
        return 0;
    bf_box_charge(L, (uint64_t)n);
    lua_newtable(L);                                    /* +1 */
    lua_newtable(L);                                    /* +1 */
    for (lua_Integer i = 1; i <= n; i++) {
        if (lua_geti(L, 1, i) == LUA_TNIL)              /* +1 */
            return luaL_error(L, "element %I is nil, and cannot be sorted", (LUAI_UACINT)i);
        lua_rawseti(L, from, i);                        /* -1 */
    }
    for (lua_Integer width = 1; width < n; width *= 2) {
        for (lua_Integer lo = 1; lo <= n; lo += 2 * width)
            merge(L, from, to, lo, least(lo + width, n + 1), least(lo + 2 * width, n + 1));
        from = 7 - from;
        to = 7 - to;
    }
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, from, i);                        /* +1 */
        lua_seti(L, 1, i);                              /* -1 */
    }
    return 0;
}

const struct bf_box_function bf_box_table[] = {
    {"concat", table_concat, NULL, NULL}, {"insert", table_insert, NULL, NULL},
    {"move", table_move, NULL, NULL},     {"pack", NULL, NULL, NULL},
    {"remove", table_remove, NULL, NULL},
    {"sort", table_sort, "table.sort(t[, before])", "as in Lua, but that equals stay in their order"},
    {"unpack", table_unpack, NULL, NULL}, {NULL, NULL, NULL, NULL},
};

/* --- math, utf8 --------------------------------------------------------------------------------- */

const struct bf_box_function bf_box_math[] = {
    {"abs", NULL, NULL, NULL},        {"acos", NULL, NULL, NULL},
    {"asin", NULL, NULL, NULL},       {"atan", NULL, NULL, NULL},
    {"ceil", NULL, NULL, NULL},       {"cos", NULL, NULL, NULL},
    {"deg", NULL, NULL, NULL},        {"exp", NULL, NULL, NULL},
    {"floor", NULL, NULL, NULL},      {"fmod", NULL, NULL, NULL},
    {"huge", NULL, NULL, NULL},       {"log", NULL, NULL, NULL},
    {"max", NULL, NULL, NULL},        {"maxinteger", NULL, NULL, NULL},
    {"min", NULL, NULL, NULL},        {"mininteger", NULL, NULL, NULL},
    {"modf", NULL, NULL, NULL},       {"pi", NULL, NULL, NULL},
    {"rad", NULL, NULL, NULL},        {"sin", NULL, NULL, NULL},
    {"sqrt", NULL, NULL, NULL},       {"tan", NULL, NULL, NULL},
    {"tointeger", NULL, NULL, NULL},  {"type", NULL, NULL, NULL},
    {"ult", NULL, NULL, NULL},        {NULL, NULL, NULL, NULL},
};

const struct bf_box_function bf_box_utf8[] = {
    {"char", NULL, NULL, NULL},       {"charpattern", NULL, NULL, NULL},
    {"codepoint", NULL, NULL, NULL},  {"codes", NULL, NULL, NULL},
    {"len", NULL, NULL, NULL},        {"offset", NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};
