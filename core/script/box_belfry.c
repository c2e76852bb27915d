/* box_belfry.c - the library `belfry`: json, log, hash.  (re and time have files of their own.)
 *
 * What may go wrong with good arguments gives nil and a message; arguments that make no sense raise. */
#include "core/script/box_int.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/base/log.h"
#include "core/base/utf8.h"

#define LOG_LINE_MAX 1000
#define COST_OF_JSON 100        /* instructions, which take as long as one encoding or decoding at least */

/* --- belfry.json -------------------------------------------------------------------------------- */

/* belfry.json.encode(value)
 * The value as JSON.  Tables with 1, 2 ... n as keys are arrays, with names as keys objects, in the
 * order of the names.  What JSON cannot hold is an error that says where it is. */
static int json_encode(lua_State *L)
{
    struct bf_box *b = bf_box_of(L);

    luaL_checkany(L, 1);
    bf_buf_clear(&b->json);
    bf_box_encode(L, 1, "value", &b->json);
    bf_box_charge(L, COST_OF_JSON + b->json.len / 2);
    lua_pushlstring(L, bf_buf_text(&b->json), b->json.len);
    return 1;
}

static int push_decoded(lua_State *L, const char *text, size_t len)
{
    struct bf_box *b = bf_box_of(L);
    const struct bf_json *j;
    struct bf_error err;

    bf_box_charge(L, COST_OF_JSON + len / 2);
    bf_arena_reset(b->texts);
    j = bf_json_parse(b->texts, text, len, &err);
    if (!j) {
        lua_pushnil(L);
        lua_pushstring(L, err.words);
        return 2;
    }
    bf_box_push_json(L, j);
    return 1;
}

/* belfry.json.decode(text)
 * The value of a JSON text; or nil and what is wrong with it. */
static int json_decode(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);

    return push_decoded(L, text, len);
}

/* belfry.json.copy(value)
 * A copy that can be changed: of an event, or what is in it, as tables. */
static int json_copy(lua_State *L)
{
    struct bf_box *b = bf_box_of(L);

    luaL_checkany(L, 1);
    bf_buf_clear(&b->json);
    bf_box_encode(L, 1, "value", &b->json);
    return push_decoded(L, bf_buf_text(&b->json), b->json.len);
}

/* belfry.json.array(t)
 * Marks a table, and returns it: it is an array even if it is empty. */
static int json_array(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (!bf_box_is_array(L, 1) && luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)   /* +1 */
        return luaL_error(L, "the metatable of this table is protected");
    lua_settop(L, 1);
    bf_box_mark_array(L);
    return 1;
}

const struct bf_box_function bf_box_json[] = {
    {"array", json_array, "belfry.json.array(t)",
     "marks a table, and returns it: it is an array even if it is empty"},
    {"copy", json_copy, "belfry.json.copy(value)",
     "a copy that can be changed: of an event, or what is in it, as tables"},
    {"decode", json_decode, "belfry.json.decode(text)",
     "the value of a JSON text; or nil and what is wrong with it"},
    {"encode", json_encode, "belfry.json.encode(value)",
     "the value as JSON: tables with 1, 2 ... n as keys are arrays, with names as keys objects, in the"
     " order of the names; what JSON cannot hold is an error that says where it is"},
    {NULL, NULL, NULL, NULL},
};

/* --- belfry.log --------------------------------------------------------------------------------- */

static int log_at(lua_State *L, int level)
{
    struct bf_box *b = bf_box_of(L);
    size_t len, cut;
    const char *text;
    char line[LOG_LINE_MAX + 4];

    luaL_checkany(L, 1);
    text = bf_box_tostring(L, 1, &len);                 /* +1 */
    if (b->logged++ >= BF_BOX_LOG_MAX || !b->log)
        return 0;
    len = strnlen(text, len);
    cut = bf_utf8_cut(text, len, LOG_LINE_MAX);
    snprintf(line, sizeof(line), "%.*s%s", (int)cut, text, cut < len ? "..." : "");
    b->log(b->arg, level, line);
    return 0;
}

/* belfry.log.debug(text), and so on
 * A line in the hub's log, at most 16 in a call. */
static int log_debug(lua_State *L) { return log_at(L, BF_LOG_DEBUG); }
static int log_info(lua_State *L) { return log_at(L, BF_LOG_INFO); }
static int log_warn(lua_State *L) { return log_at(L, BF_LOG_WARN); }
static int log_error(lua_State *L) { return log_at(L, BF_LOG_ERROR); }

const struct bf_box_function bf_box_log[] = {
    {"debug", log_debug, "belfry.log.debug(text)", "a line in the hub's log, at most 16 in a call"},
    {"error", log_error, "belfry.log.error(text)", "likewise: someone must act"},
    {"info", log_info, "belfry.log.info(text)", "likewise"},
    {"warn", log_warn, "belfry.log.warn(text)", "likewise: handled, but look"},
    {NULL, NULL, NULL, NULL},
};

/* --- belfry.hash -------------------------------------------------------------------------------- */

static int push_hex(lua_State *L, const uint8_t *hash, size_t len)
{
    char hex[2 * 32 + 1];

    for (size_t i = 0; i < len; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    lua_pushlstring(L, hex, 2 * len);
    return 1;
}

/* belfry.hash.sha256(text)
 * SHA-256, in hexadecimal digits. */
static int hash_sha256(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    uint8_t hash[32];

    bf_box_charge(L, len / 4);
    bf_sha256(text, len, hash);
    return push_hex(L, hash, sizeof(hash));
}

/* belfry.hash.hmac_sha256(key, text)
 * HMAC-SHA256, in hexadecimal digits. */
static int hash_hmac_sha256(lua_State *L)
{
    size_t key_len, len;
    const char *key = luaL_checklstring(L, 1, &key_len), *text = luaL_checklstring(L, 2, &len);
    uint8_t hash[32];

    bf_box_charge(L, (key_len + len) / 4);
    bf_hmac_sha256_raw(key, key_len, text, len, hash);
    return push_hex(L, hash, sizeof(hash));
}

const struct bf_box_function bf_box_hash[] = {
    {"hmac_sha256", hash_hmac_sha256, "belfry.hash.hmac_sha256(key, text)",
     "HMAC-SHA256, in hexadecimal digits"},
    {"sha256", hash_sha256, "belfry.hash.sha256(text)", "SHA-256, in hexadecimal digits"},
    {NULL, NULL, NULL, NULL},
};

/* --- all of it ---------------------------------------------------------------------------------- */

static void open_part(lua_State *L, const char *name, const struct bf_box_function *f)  /* belfry at top */
{
    char whole[40];

    lua_newtable(L);                                    /* +1: in place of Lua's own */
    lua_newtable(L);                                    /* +1 */
    bf_box_register(L, f);
    lua_remove(L, -2);                                  /* -1 */
    if (f == bf_box_json) {
        lua_pushlightuserdata(L, NULL);                 /* +1 */
        lua_setfield(L, -2, "null");                    /* -1 */
    }
    snprintf(whole, sizeof(whole), "belfry.%s", name);
    bf_box_protect(L, whole);
    lua_setfield(L, -2, name);                          /* -1 */
}

static void make_array_mark(lua_State *L)
{
    lua_createtable(L, 0, 1);                           /* +1 */
    lua_pushboolean(L, 0);                              /* +1 */
    lua_setfield(L, -2, "__metatable");                 /* -1 */
    bf_box_set_slot(L, BOX_ARRAY);                      /* -1 */
}

void bf_box_open_belfry(lua_State *L)
{
    make_array_mark(L);
    lua_newtable(L);                                    /* +1 */
    open_part(L, "json", bf_box_json);
    open_part(L, "log", bf_box_log);
    open_part(L, "hash", bf_box_hash);
    open_part(L, "re", bf_box_re);
    open_part(L, "time", bf_box_time);
    bf_box_protect(L, "belfry");
    lua_setfield(L, -2, "belfry");                      /* -1 */
}
