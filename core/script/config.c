/* config.c - runs the configuration file and hands out what it set.
 *
 * The file belongs to the operator, who is trusted; the limits are against mistakes.  It is run in
 * a protected call in a state without libraries.  Its environment stays empty: what it assigns is
 * kept beside it, with the line, so that a setting that does not exist can be found. */
#include "core/script/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

#include "core/base/base.h"
#include "core/base/buf.h"

#define MEMORY_MAX       (4 * 1024 * 1024)
#define INSTRUCTIONS_MAX 10000000
#define VALUE_MAX        65536
#define NAME_MAX_LEN     64
#define DEPTH_MAX        8              /* of tables in each other */
#define NO_LIBRARY       "; there is no library here, and no name but those that the file sets"

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
    lua_getinfo(L, "Sl", ar);
    lua_pushfstring(L, "%s:%d: the file runs too long", ar->short_src, ar->currentline);
    lua_error(L);
}

/* --- values -------------------------------------------------------------------------------- */

static bool put_json(lua_State *L, struct bf_buf *b, int depth);

static bool is_list(lua_State *L)                       /* table at the top */
{
    size_t n = 0;

    lua_pushnil(L);                                     /* +1: first key */
    for (; lua_next(L, -2); n++)                        /* +1: value */
        lua_pop(L, 1);
    return n == lua_rawlen(L, -1);
}

static bool put_array(lua_State *L, struct bf_buf *b, int depth)        /* list at the top */
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    bool good = true;

    bf_buf_addc(b, '[');
    for (lua_Integer i = 1; good && i <= n; i++) {
        lua_rawgeti(L, -1, i);                          /* +1 */
        bf_buf_adds(b, i > 1 ? "," : "");
        good = put_json(L, b, depth);
        lua_pop(L, 1);
    }
    bf_buf_addc(b, ']');
    return good;
}

/* The least name behind `last` of the table at the top, so that the text does not depend on the
 * order of a hash table; NULL if there is none.  *good turns false if a name is no text. */
static const char *next_name(lua_State *L, const char *last, bool *good)
{
    const char *least = NULL;

    lua_pushnil(L);                                     /* +1: first key */
    while (lua_next(L, -2)) {                           /* +1: value */
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;

        *good = *good && name;
        if (name && (!last || strcmp(name, last) > 0) && (!least || strcmp(name, least) < 0))
            least = name;
        lua_pop(L, 1);
    }
    return least;
}

static bool put_object(lua_State *L, struct bf_buf *b, int depth)       /* table at the top */
{
    const char *name = NULL;
    bool good = true;

    bf_buf_addc(b, '{');
    for (int n = 0; (name = next_name(L, name, &good)) && good; n++) {
        bf_buf_adds(b, n ? "," : "");
        bf_buf_json(b, name);
        bf_buf_addc(b, ':');
        lua_getfield(L, -1, name);                      /* +1 */
        good = put_json(L, b, depth);
        lua_pop(L, 1);
    }
    bf_buf_addc(b, '}');
    return good;
}

/* The value at the top as JSON; false if it cannot be. */
static bool put_json(lua_State *L, struct bf_buf *b, int depth)
{
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        bf_buf_json(b, lua_tostring(L, -1));
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
        if (depth >= DEPTH_MAX)
            return false;
        return is_list(L) ? put_array(L, b, depth + 1) : put_object(L, b, depth + 1);
    default:
        return false;
    }
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
    if (lua_type(L, -1) == LUA_TSTRING)
        bf_buf_adds(b, lua_tostring(L, -1));
    else if (lua_type(L, -1) == LUA_TTABLE)
        return is_list(L) ? put_list(L, b) == 0 : put_object(L, b, 1);
    else
        return put_json(L, b, 0);
    return true;
}


/* --- the file ------------------------------------------------------------------------------ */

/* A name that could be one; anything else is not shown. */
static const char *name_at(lua_State *L, int index)
{
    size_t len = 0;
    const char *name = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &len) : NULL;

    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f)
            return "?";
    return len == 0 || len > NAME_MAX_LEN ? "?" : name;
}

/* The name and its value are at the top; the lines stand at index 2. */
static int hand_out_one(lua_State *L, struct reader *r)
{
    const char *name = name_at(L, -2);
    int top = lua_gettop(L), line;
    struct bf_buf b;
    int rc;

    lua_pushvalue(L, -2);                               /* +1: name */
    lua_rawget(L, 2);                                   /* name becomes line */
    line = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    bf_buf_init(&b, VALUE_MAX);
    rc = r->fn(r->arg, name, put_value(L, &b) && !b.failed ? bf_buf_text(&b) : NULL, line, r->err);
    bf_buf_fini(&b);
    lua_settop(L, top);
    return rc;
}

/* A global is set: table, name, value. */
static int on_set(lua_State *L)
{
    lua_Debug ar;
    int line = 0;

    if (lua_getstack(L, 1, &ar) && lua_getinfo(L, "l", &ar))
        line = ar.currentline;
    lua_pushvalue(L, 2);                                /* +1: name */
    lua_pushinteger(L, line);                           /* +1 */
    lua_rawset(L, lua_upvalueindex(2));                 /* -2 */
    lua_rawset(L, lua_upvalueindex(1));                 /* -2: name, value */
    return 0;
}

/* Values at index 1, lines at 2, and the environment at 3, which stays empty. */
static void make_environment(lua_State *L)
{
    lua_newtable(L);                                    /* 1: values */
    lua_newtable(L);                                    /* 2: lines */
    lua_newtable(L);                                    /* 3: environment */
    lua_newtable(L);                                    /* +1: its metatable */
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, on_set, 2);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, 3);                             /* -1 */
}

/* The file at the top of the stack as text. */
struct source {
    const char *name;           /* "@PATH" */
    const char *text;
    size_t len;
};

/* Runs protected, as all of it may have no memory left. */
static int run(lua_State *L)
{
    const struct source *s = lua_touserdata(L, 1);

    lua_settop(L, 0);
    make_environment(L);
    if (luaL_loadbufferx(L, s->text, s->len, s->name, "t"))     /* +1: chunk, or message */
        return lua_error(L);
    lua_pushvalue(L, 3);                                /* +1 */
    lua_setupvalue(L, -2, 1);                           /* -1: _ENV of the chunk */
    lua_sethook(L, on_count, LUA_MASKCOUNT, INSTRUCTIONS_MAX);
    lua_call(L, 0, LUA_MULTRET);                        /* -1, +what it returns */
    if (lua_gettop(L) > 3)
        return luaL_error(L, "%s returns something, and settings are set: listen = \"0.0.0.0:8320\","
                          " each in a line of its own", s->name + 1);
    lua_settop(L, 2);
    return 2;                                           /* values, lines */
}

static const char *message(lua_State *L)
{
    return lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "the file cannot be run";
}

static int evaluate(lua_State *L, struct reader *r, const struct source *s)
{
    int rc;

    lua_pushcfunction(L, run);                          /* +1 */
    lua_pushlightuserdata(L, (void *)s);                /* +1 */
    rc = lua_pcall(L, 1, 2, 0);                         /* values, lines; or message */
    if (rc == LUA_ERRMEM)
        return bf_error_set(r->err, BF_ECONFIG, "%s takes more than %d MiB of memory", s->name + 1,
                            MEMORY_MAX >> 20);
    if (rc)
        return bf_error_set(r->err, BF_ECONFIG, "%s%s", message(L),
                            strstr(message(L), "nil value (global") ? NO_LIBRARY : "");
    lua_sethook(L, NULL, 0, 0);
    lua_pushnil(L);                                     /* +1: first name */
    while (lua_next(L, 1)) {                            /* +1: value */
        rc = hand_out_one(L, r);
        if (rc)
            return rc;
        lua_pop(L, 1);
    }
    return BF_OK;
}

/* All of the file, up to what it may have. */
static int read_file(const char *path, struct bf_buf *b, struct bf_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char piece[65536];
    ssize_t n = 0;

    while (fd >= 0 && !b->failed && (n = read(fd, piece, sizeof(piece))) > 0)
        bf_buf_add(b, piece, (size_t)n);
    if (fd < 0 || n < 0)
        bf_error_set(err, BF_ECONFIG, "cannot read %s: %s", path, strerror(errno));
    else if (b->failed)
        bf_error_set(err, BF_ECONFIG, "%s has more than %d bytes", path, BF_CONFIG_MAX);
    if (fd >= 0)
        close(fd);
    return fd < 0 || n < 0 || b->failed ? BF_ECONFIG : BF_OK;
}

int bf_config_read(const char *path, bf_config_fn *fn, void *arg, struct bf_error *err)
{
    struct reader r = {.fn = fn, .arg = arg, .err = err};
    struct bf_buf text, name;
    lua_State *L = NULL;
    int rc;

    bf_buf_init(&text, BF_CONFIG_MAX);
    bf_buf_init(&name, PATH_MAX + 2);
    bf_buf_printf(&name, "@%s", path);
    rc = read_file(path, &text, err);
    if (!rc && !(L = lua_newstate(allocate, &r)))
        rc = bf_error_set(err, BF_ENOMEM, "no memory to read %s", path);
    if (!rc)
        rc = evaluate(L, &r, &(struct source){bf_buf_text(&name), bf_buf_text(&text), text.len});
    if (L)
        lua_close(L);
    bf_buf_fini(&text);
    bf_buf_fini(&name);
    return rc;
}
