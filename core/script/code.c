/* code.c - runs a file of automations, and keeps what it said.
 *
 * The words are code.lua's; here is what they stand on: a state with limits, errors that name the
 * file's line, and the checks of the rules, so that most mistakes are found without a hub.  The file
 * belongs to who runs it; the limits are against mistakes. */
#include "core/script/code_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "core/base/base.h"
#include "core/base/utf8.h"
#include "core/event/envelope.h"
#include "core/rules/automation.h"
#include "core/team/team.h"

#define CHUNK       "=file"     /* what Lua calls the author's text, in its own messages too */
#define HOOK_STEP   100000      /* instructions between two looks at the budget */
#define REFUSALS    64          /* of memory; whoever still catches these errors is stopped */
#define SCRATCH_MAX (64 * 1024 * 1024)
#define PLACEHOLDER "00000000000000000000000000"        /* an id where the hub will give one */

static const char *const nouns[] = {[BF_CODE_TEAM] = "teams", [BF_CODE_INTEGRATION] = "integrations",
                                    [BF_CODE_AUTOMATION] = "automations"};

struct bf_code {
    char *path;
    char *document;
    size_t document_len;
    char *tests;
    size_t tests_len;
    struct {
        int *lines;
        size_t n;
    } of[BF_COUNT(nouns)];
};


/* --- the state ------------------------------------------------------------------------------- */

static struct bf_code_reading *reading_of(lua_State *L)
{
    void *r;

    lua_getallocf(L, &r);
    return r;
}

/* Past the budget every further instruction is one too many, whoever catches the error. */
static void on_count(lua_State *L, lua_Debug *ar)
{
    struct bf_code_reading *r = reading_of(L);

    (void)ar;
    r->steps -= r->steps < HOOK_STEP ? r->steps : HOOK_STEP;
    if (r->steps)
        return;
    lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
    if (r->refusals > REFUSALS)
        lua_pushfstring(L, "the file needs more than %d MiB, again and again",
                        BF_CODE_MEMORY / 1024 / 1024);
    else
        lua_pushliteral(L, "the file runs too long: it has had all of its steps");
    bf_code_raise(L, r, 0);
}

static void *allocate(void *ud, void *ptr, size_t old, size_t len)
{
    struct bf_code_reading *r = ud;
    size_t before = ptr ? old : 0;

    if (len == 0) {
        r->memory -= before;
        free(ptr);
        return NULL;
    }
    if (len > before && r->memory + (len - before) > BF_CODE_MEMORY) {
        if (++r->refusals > REFUSALS)
            r->steps = 0;
        if (r->refusals == REFUSALS)
            lua_sethook(r->state, on_count, LUA_MASKCOUNT, 1);
        return NULL;
    }
    ptr = realloc(ptr, len);
    if (ptr)
        r->memory = r->memory - before + len;
    return ptr;
}

/* --- errors -------------------------------------------------------------------------------------- */

/* Where the author's text is now; 0 if it does not run. */
static int current_line(lua_State *L)
{
    lua_Debug ar;

    for (int level = 0; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (strcmp(ar.source, CHUNK) == 0)
            return ar.currentline;
    }
    return 0;
}

int bf_code_raise(lua_State *L, struct bf_code_reading *r, int line)
{
    const char *words = lua_tostring(L, -1);

    if (!line)
        line = current_line(L);
    if (line > 0)
        lua_pushfstring(L, "%s:%d: %s", r->path, line, words);
    else
        lua_pushfstring(L, "%s: %s", r->path, words);
    return lua_error(L);
}

/* Whatever a file raises becomes words while it is known where that was. */
static int on_error(lua_State *L)
{
    lua_settop(L, 1);
    if (lua_type(L, 1) != LUA_TSTRING)
        lua_pushfstring(L, "file:%d: the file raised an error that is no text but %s %s",
                        current_line(L), lua_isnil(L, 1) ? "nothing:" : "a", luaL_typename(L, 1));
    return 1;
}

/* Lua's own messages begin with what the chunk is called. */
static int set_error(lua_State *L, struct bf_code_reading *r, struct bf_error *err)
{
    const char *words = lua_tostring(L, -1);

    if (strcmp(words, "not enough memory") == 0)
        return bf_error_set(err, BF_ECONFIG, "%s: the file needs more than %d MiB", r->path,
                            BF_CODE_MEMORY / 1024 / 1024);
    if (strncmp(words, "file:", 5) == 0)
        return bf_error_set(err, BF_ECONFIG, "%s:%s", r->path, words + 5);
    return bf_error_set(err, BF_ECONFIG, "%s", words);
}


/* --- what code.lua stands on --------------------------------------------------------------------- */

static int on_fail(lua_State *L)
{
    int line = (int)lua_tointeger(L, 2);

    lua_settop(L, 1);
    return bf_code_raise(L, reading_of(L), line);
}

static int on_line(lua_State *L)
{
    lua_pushinteger(L, current_line(L));
    return 1;
}

static int on_meta(lua_State *L)
{
    lua_settop(L, 1);
    return lua_getmetatable(L, 1) ? 1 : 0;
}

static int on_json(lua_State *L)
{
    struct bf_code_reading *r = reading_of(L);

    bf_code_put_json(L, r, 1, luaL_optstring(L, 2, ""));
    lua_pushlstring(L, bf_buf_text(&r->out), r->out.len);
    return 1;
}

static int on_read_only_change(lua_State *L)
{
    lua_pushliteral(L, "this table cannot be changed");
    return bf_code_raise(L, reading_of(L), 0);
}

/* A table that shows another one. */
static int on_read_only(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_newtable(L);                                    /* +1: what is shown */
    lua_newtable(L);                                    /* +1: its metatable */
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, on_read_only_change);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);                            /* -1 */
    return 1;
}

static int check_automation(struct bf_code_reading *r, const char *text, size_t len)
{
    struct bf_automation *a;
    int rc = bf_automation_parse(text, len, PLACEHOLDER, 0, NULL, &a, &r->error);

    if (!rc)
        bf_automation_unref(a);
    return rc;
}

static int check_event(struct bf_code_reading *r, const char *text, size_t len)
{
    struct bf_envelope *e;
    int rc = bf_envelope_parse(r->scratch, text, len, BF_FROM_OUTSIDE, &e, &r->error);

    if (!rc)
        bf_envelope_unref(e);
    return rc;
}

static int check_json(struct bf_code_reading *r, const char *text, size_t len)
{
    return bf_json_parse(r->scratch, text, len, &r->error) ? BF_OK : BF_ECONFIG;
}

static int check_secret(struct bf_code_reading *r, const char *text, size_t len)
{
    (void)len;
    return bf_secret_name_ok(text) ? BF_OK
                                   : bf_error_set(&r->error, BF_ECONFIG, "the name of a secret has letters,"
                                                  " digits and _, not \"%.80s\"", text);
}

static const struct {
    const char *what;
    int (*check)(struct bf_code_reading *, const char *, size_t);
} checks[] = {{"automation", check_automation}, {"event", check_event}, {"json", check_json},
              {"secret", check_secret}};

/* check(what, text, where) gives the text back, or raises what is wrong with it. */
static int on_check(lua_State *L)
{
    struct bf_code_reading *r = reading_of(L);
    size_t i = 0, len;
    const char *what = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &len);
    const char *where = luaL_optstring(L, 3, what);
    int rc;

    while (strcmp(checks[i].what, what) != 0)
        i++;
    bf_arena_reset(r->scratch);
    rc = checks[i].check(r, text, len);
    if (rc) {
        lua_pushfstring(L, "%s: %s%s%s", where, r->error.field, *r->error.field ? ": " : "",
                        r->error.words);
        return bf_code_raise(L, r, 0);
    }
    lua_settop(L, 2);
    return 1;
}

static void push_host(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"fail", on_fail}, {"line", on_line}, {"meta", on_meta}, {"json", on_json}, {"quote", on_json},
        {"check", on_check}, {"read_only", on_read_only}, {"array", bf_code_array}, {NULL, NULL}};

    luaL_newlib(L, functions);                          /* +1 */
    lua_pushlightuserdata(L, (void *)&bf_code_null);
    lua_setfield(L, -2, "null");
    lua_pushinteger(L, BF_CODE_THINGS);
    lua_setfield(L, -2, "things_max");
}


/* --- a file ------------------------------------------------------------------------------------- */

/* The name of a file without directory and ending, which its manifest has where nothing is said. */
static void push_default_name(lua_State *L, const char *path)
{
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    size_t len = strlen(name);

    if (len > 4 && strcmp(name + len - 4, ".lua") == 0)
        len -= 4;
    lua_pushlstring(L, name, len);
}

/* The words, made for this text: on return its environment, and what ends it. */
static void push_language(lua_State *L, const char *text, size_t len)
{
    luaL_loadbufferx(L, bf_code_lua, (size_t)(bf_code_lua_end - bf_code_lua), "=code", "t");    /* +1 */
    if (!lua_isfunction(L, -1))
        lua_error(L);
    bf_code_push_library(L);                            /* +1 */
    lua_pushvalue(L, -1);
    lua_setupvalue(L, -3, 1);                           /* -1: what code.lua finds around it */
    push_host(L);                                       /* +1 */
    lua_insert(L, -2);
    lua_newtable(L);                                    /* +1: a copy for the author */
    lua_pushnil(L);
    while (lua_next(L, -3)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    lua_setfield(L, -3, "around");                      /* -1 */
    lua_pop(L, 1);
    lua_pushlstring(L, text, len);                      /* +1 */
    lua_call(L, 2, 2);                                  /* -3, +2: environment, finish */
}

struct source {
    const char *text;
    size_t len;
};

/* Runs protected: finish()'s values stay on the stack. */
static int run(lua_State *L)
{
    struct bf_code_reading *r = reading_of(L);
    const struct source *s = lua_touserdata(L, 1);

    lua_settop(L, 0);
    if (s->len && *s->text == *LUA_SIGNATURE) {
        lua_pushliteral(L, "this is compiled Lua; only its text can be read");
        return bf_code_raise(L, r, 0);
    }
    if (luaL_loadbufferx(L, s->text, s->len, CHUNK, "t"))       /* +1: the file, or words */
        return lua_error(L);
    push_language(L, s->text, s->len);                  /* +2: environment, finish */
    lua_insert(L, 1);
    lua_setupvalue(L, 2, 1);                            /* -1 */
    lua_call(L, 0, 0);                                  /* -1 */
    push_default_name(L, r->path);                      /* +1 */
    lua_call(L, 1, 3);                                  /* document, tests, lines */
    return 3;
}

static char *take_text(lua_State *L, int index, size_t *len)
{
    const char *text = lua_tolstring(L, index, len);
    char *copy = malloc(*len + 1);

    return copy ? memcpy(copy, text, *len + 1) : NULL;
}

static void take_lines(lua_State *L, struct bf_code *c, size_t noun)
{
    size_t n;

    lua_getfield(L, 4, nouns[noun]);                    /* +1 */
    n = lua_rawlen(L, -1);
    c->of[noun].lines = bf_zalloc((n + 1) * sizeof(int));
    c->of[noun].n = n;
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);         /* +1 */
        c->of[noun].lines[i] = (int)lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static int take(lua_State *L, struct bf_code_reading *r, struct bf_code *c, struct bf_error *err)
{
    c->document = take_text(L, 2, &c->document_len);
    c->tests = take_text(L, 3, &c->tests_len);
    for (size_t i = 0; i < BF_COUNT(nouns); i++)
        take_lines(L, c, i);
    if (!c->document || !c->tests)
        return bf_error_set(err, BF_ENOMEM, "no memory for what %s describes", r->path);
    if (c->document_len > BF_CODE_MAX)
        return bf_error_set(err, BF_ETOOBIG, "%s: what it describes has %zu bytes, at most %d are"
                            " allowed", r->path, c->document_len, BF_CODE_MAX);
    bf_arena_reset(r->scratch);
    if (!bf_json_parse(r->scratch, c->document, c->document_len, &r->error))
        return bf_error_set(err, BF_ECONFIG, "%s: what it describes is no JSON: %s", r->path,
                            r->error.words);
    return BF_OK;
}

int bf_code_read_text(const char *path, const char *text, size_t len, uint64_t steps,
                      struct bf_code **out, struct bf_error *err)
{
    struct bf_code_reading r = {.path = path, .steps = steps ? steps : BF_CODE_INSTRUCTIONS};
    struct source s = {text, len};
    struct bf_code *c = bf_new(struct bf_code);
    lua_State *L = lua_newstate(allocate, &r);
    int rc;

    r.state = L;
    c->path = bf_strdup(path);
    r.scratch = bf_arena_new(SCRATCH_MAX);
    bf_buf_init(&r.out, BF_CODE_MAX);
    bf_buf_init(&r.where, 64 * 1024);
    if (L) {
        lua_sethook(L, on_count, LUA_MASKCOUNT, HOOK_STEP);
        lua_pushcfunction(L, on_error);                 /* +1 */
        lua_pushcfunction(L, run);                      /* +1 */
        lua_pushlightuserdata(L, &s);                   /* +1 */
        rc = lua_pcall(L, 1, 3, 1) ? set_error(L, &r, err) : take(L, &r, c, err);
        lua_close(L);
    } else {
        rc = bf_error_set(err, BF_ENOMEM, "no memory to read %s", path);
    }
    bf_buf_fini(&r.out);
    bf_buf_fini(&r.where);
    bf_arena_free(r.scratch);
    if (rc)
        bf_code_free(c);
    else
        *out = c;
    return rc;
}

static int read_file(const char *path, struct bf_buf *b, struct bf_error *err)
{
    FILE *f = fopen(path, "re");
    char chunk[65536];
    size_t n;

    if (!f)
        return bf_error_set(err, BF_ENOENT, "cannot open %s: %s", path, strerror(errno));
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        bf_buf_add(b, chunk, n);
    n = ferror(f) ? 1 : 0;
    fclose(f);
    if (n)
        return bf_error_set(err, BF_EIO, "cannot read %s: %s", path, strerror(errno));
    return b->failed ? bf_error_set(err, BF_ETOOBIG, "%s has more than %d bytes", path, BF_CODE_MAX)
                     : BF_OK;
}

int bf_code_read(const char *path, struct bf_code **out, struct bf_error *err)
{
    struct bf_buf b;
    int rc;

    bf_buf_init(&b, BF_CODE_MAX);
    rc = read_file(path, &b, err);
    if (!rc)
        rc = bf_code_read_text(path, bf_buf_text(&b), b.len, 0, out, err);
    bf_buf_fini(&b);
    return rc;
}

void bf_code_free(struct bf_code *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < BF_COUNT(nouns); i++)
        free(c->of[i].lines);
    free(c->path);
    free(c->document);
    free(c->tests);
    free(c);
}

const char *bf_code_document(const struct bf_code *c, size_t *len)
{
    if (len)
        *len = c->document_len;
    return c->document;
}

const char *bf_code_tests(const struct bf_code *c, size_t *len)
{
    if (len)
        *len = c->tests_len;
    return c->tests;
}

int bf_code_line(const struct bf_code *c, enum bf_code_noun noun, size_t index)
{
    return index < c->of[noun].n ? c->of[noun].lines[index] : 0;
}
