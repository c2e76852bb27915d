/* config.c - runs the configuration file and hands out what it set.
 *
 * The file belongs to the operator, who is trusted; the limits are against mistakes.  It is run in
 * a protected call with an environment table of its own, so that no library can be reached and
 * everything it assigns can be walked afterwards. */
#include "core/script/config.h"

#include <errno.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>

#include "core/base/base.h"
#include "core/base/buf.h"

#define MEMORY_MAX       (4 * 1024 * 1024)
#define INSTRUCTIONS_MAX 10000000
#define VALUE_MAX        65536

struct reader {
    size_t used;
    bf_config_fn *fn;
    void *arg;
    struct bf_error *err;
    int rc;
};

static void *allocate(void *ud, void *ptr, size_t old, size_t len)
{
    struct reader *r = ud;
    size_t before = ptr ? old : 0;

    if (len == 0) {
        r->used -= before;
        free(ptr);
        return NULL;
    }
    if (len > before && r->used + (len - before) > MEMORY_MAX)
        return NULL;
    ptr = realloc(ptr, len);
    if (ptr)
        r->used += len - before;
    return ptr;
}

static void on_count(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    luaL_error(L, "the file runs too long");
}

static int put_list(lua_State *L, struct bf_buf *b)     /* list at the top */
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);

    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);                          /* +1 */
        if (!lua_isstring(L, -1))
            return -1;
        if (i > 1)
            bf_buf_addc(b, ' ');
        bf_buf_adds(b, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    return 0;
}

/* The setting at the top of the stack as text; false for what is no setting. */
static bool put_value(lua_State *L, struct bf_buf *b)
{
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        bf_buf_adds(b, lua_tostring(L, -1));
        return true;
    case LUA_TNUMBER:
        lua_pushvalue(L, -1);                           /* +1: converting changes it in place */
        bf_buf_adds(b, lua_tostring(L, -1));
        lua_pop(L, 1);
        return true;
    case LUA_TBOOLEAN:
        bf_buf_adds(b, lua_toboolean(L, -1) ? "true" : "false");
        return true;
    case LUA_TTABLE:
        return put_list(L, b) == 0;
    default:
        return false;
    }
}

static int hand_out_one(lua_State *L, struct reader *r)
{
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    int top = lua_gettop(L);
    struct bf_buf b;
    int rc;

    bf_buf_init(&b, VALUE_MAX);
    rc = r->fn(r->arg, name, put_value(L, &b) && !b.failed ? bf_buf_text(&b) : NULL, r->err);
    bf_buf_fini(&b);
    lua_settop(L, top);
    return rc;
}

static int run(lua_State *L, struct reader *r, const char *path)
{
    if (luaL_loadfilex(L, path, "t"))                   /* +1: chunk, or message */
        return bf_error_set(r->err, BF_ECONFIG, "%s", lua_tostring(L, -1));
    lua_newtable(L);                                    /* +1: environment */
    lua_pushvalue(L, -1);                               /* +1 */
    lua_setupvalue(L, -3, 1);                           /* -1: _ENV of the chunk */
    lua_insert(L, -2);                                  /* environment, chunk */
    lua_sethook(L, on_count, LUA_MASKCOUNT, INSTRUCTIONS_MAX);
    if (lua_pcall(L, 0, 0, 0))                          /* -1; or message */
        return bf_error_set(r->err, BF_ECONFIG, "%s", lua_tostring(L, -1));
    lua_pushnil(L);                                     /* +1: first key */
    while (lua_next(L, -2)) {                           /* +1: value */
        int rc = hand_out_one(L, r);

        if (rc)
            return rc;
        lua_pop(L, 1);
    }
    return BF_OK;
}

int bf_config_read(const char *path, bf_config_fn *fn, void *arg, struct bf_error *err)
{
    struct reader r = {.fn = fn, .arg = arg, .err = err};
    lua_State *L = lua_newstate(allocate, &r);
    int rc;

    if (!L)
        return bf_error_set(err, BF_ENOMEM, "no memory to read %s", path);
    rc = run(L, &r, path);
    lua_close(L);
    return rc;
}
