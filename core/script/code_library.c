/* code_library.c - what of Lua's own library a file of automations may use: what computes, and nothing
 * that reaches out of it.  No clock and no chance either, so that a file means the same every time. */
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "core/base/base.h"
#include "core/script/code_int.h"

static const char *const base[] = {
    "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawlen",
    "rawset", "select", "tonumber", "tostring", "type", "xpcall", NULL};

static const struct {
    const char *name;
    lua_CFunction open;
    const char *without[4];
} libraries[] = {
    {LUA_STRLIBNAME, luaopen_string, {"dump"}},
    {LUA_TABLIBNAME, luaopen_table, {NULL}},
    {LUA_MATHLIBNAME, luaopen_math, {"random", "randomseed"}},
    {LUA_UTF8LIBNAME, luaopen_utf8, {NULL}},
};

/* Finalizers would run where nobody counts. */
static int set_metatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnoneornil(L, 2) || lua_istable(L, 2), 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)     /* +1 if there is one */
        return luaL_error(L, "cannot change a protected metatable");
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)               /* +1 */
            return luaL_error(L, "__gc is not available");
    }
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

static void put_base(lua_State *L)                      /* the library at the top */
{
    luaL_requiref(L, LUA_GNAME, luaopen_base, 0);       /* +1: all of it */
    for (size_t i = 0; base[i]; i++) {
        lua_getfield(L, -1, base[i]);                   /* +1 */
        lua_setfield(L, -3, base[i]);                   /* -1 */
    }
    lua_pop(L, 1);
    lua_pushcfunction(L, set_metatable);
    lua_setfield(L, -2, "setmetatable");
}

/* Methods of texts go on; what else their metatable holds is nobody's business. */
static void close_strings(lua_State *L)
{
    lua_pushliteral(L, "");                             /* +1 */
    if (lua_getmetatable(L, -1)) {                      /* +1 if there is one */
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

void bf_code_push_library(lua_State *L)
{
    lua_newtable(L);                                    /* +1: the library */
    put_base(L);
    for (size_t i = 0; i < BF_COUNT(libraries); i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].open, 0);      /* +1 */
        for (size_t k = 0; libraries[i].without[k]; k++) {
            lua_pushnil(L);
            lua_setfield(L, -2, libraries[i].without[k]);
        }
        lua_setfield(L, -2, libraries[i].name);         /* -1 */
    }
    close_strings(L);
}
