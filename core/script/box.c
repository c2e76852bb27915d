/* box.c - the state, its budgets, and a call.
 *
 * MEMORY.  Lua allocates through allocate(), which counts.  What the box itself needs for a call is
 * in an arena and in bufs with limits of their own, so a hostile script finds no way around.
 *
 * INSTRUCTIONS.  A count hook takes TICK instructions at a time off what is left.  Once nothing is
 * left it is set to every instruction and raises at each: whatever catches the error (pcall, __close)
 * is stopped at its next step.  Functions in C whose work grows with their arguments take their share
 * with bf_box_charge().
 *
 * While a hook raises, Lua has hooks switched off until the nearest pcall is reached.  So nothing of
 * a script's may run in between: that is why xpcall is ours (box_base.c) and why the message handler
 * below every call, bf_box_on_error(), only takes notes.
 *
 * Every use of the state is within bf_box_run(), which is one protected call. */
#include "core/script/box_int.h"

#include <stdatomic.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/base/utf8.h"

#define TICK        1000
#define MANY_ARGUMENTS 500
#define LARGE       4096                /* bytes of a piece of memory that counts as work */
#define BYTES_PER_STEP 64
#define ARENA_MAX   ((size_t)16 * 1024 * 1024)
#define ARENA_FIRST 6144                /* what an event of a few kilobytes takes, so that no call allocates */
#define GC_PAUSE    400                 /* percent of what is in use, to begin collecting at: a state is
                                           small, and a call leaves little behind */

struct bf_script {
    struct bf_box *box;
    char *name;
    struct bf_box_source *source;
    unsigned has;
    int functions[3];           /* by enum bf_hook_kind; references into Lua's registry */
    int begins[3];              /* the lines where they do */
};

/* The functions' names; rules/ has them as well, but a script process needs nothing else of it. */
static const char *hook_name(enum bf_hook_kind kind)
{
    static const char *const names[] = {"filter", "transform", "on_event"};

    return names[kind];
}

/* --- memory ------------------------------------------------------------------------------------- */

static void on_count(lua_State *L, lua_Debug *ar);

/* Memory takes time: to fill, to collect, and most of all if there is none, as all of it is looked
 * through then.  Without a share of the budget for it a loop of few instructions would go on for hours.
 * Nothing may be raised here; the next instruction does. */
static void charge_memory(struct bf_box *b, size_t len)
{
    b->left -= (int64_t)(len / BYTES_PER_STEP);
    if (b->left < 0 && b->running)
        lua_sethook(b->L, on_count, LUA_MASKCOUNT, 1);
}

static void *allocate(void *ud, void *old, size_t old_len, size_t len)
{
    struct bf_box *b = ud;
    size_t before = old ? old_len : 0;          /* without `old` it tells the kind of object */
    void *new;

    if (len == 0) {
        b->used -= before;
        free(old);
        return NULL;
    }
    new = len > before && b->used + (len - before) > b->limits.memory ? NULL : realloc(old, len);
    if (!new) {
        if (len <= before)
            return old;                         /* Lua counts on it that shrinking works */
        charge_memory(b, b->used);
        bf_box_note_where(b);
        return NULL;
    }
    if (len - before >= LARGE && len > before)
        charge_memory(b, len);
    b->used = b->used - before + len;
    return new;
}

/* --- instructions ------------------------------------------------------------------------------- */

static int out_of_budget(lua_State *L)
{
    lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
    return luaL_error(L, "it took more than %d million instructions; does a loop not end?",
                      (int)(bf_box_of(L)->limits.instructions / 1000000));
}

/* A call that passes thousands of arguments on takes as many steps for one instruction. */
static bool has_many_arguments(lua_State *L, const lua_Debug *ar)
{
    bool many = lua_getlocal(L, ar, -MANY_ARGUMENTS) != NULL;   /* +1, if there is one */

    if (many)
        lua_pop(L, 1);
    return many;
}

static void show_line(lua_State *L, lua_Debug *ar)
{
    struct bf_box *b = bf_box_of(L);

    if (b->line && lua_getinfo(L, "l", ar) && ar->currentline > 0)
        atomic_store_explicit(b->line, (uint32_t)ar->currentline, memory_order_relaxed);
}

void bf_box_show_line(lua_State *L)
{
    lua_Debug ar;

    if (bf_box_of(L)->line && lua_getstack(L, 1, &ar))
        show_line(L, &ar);
}

void bf_box_watch(struct bf_box *b, _Atomic uint32_t *line) { b->line = line; }

static void on_count(lua_State *L, lua_Debug *ar)
{
    struct bf_box *b = bf_box_of(L);

    show_line(L, ar);
    b->left -= has_many_arguments(L, ar) ? TICK * 100 : TICK;
    if (b->left < 0)
        out_of_budget(L);
    if (lua_getstack(L, BOX_STACK_MAX, ar))
        luaL_error(L, "functions call each other more than %d deep; does a recursion not end?",
                   BOX_STACK_MAX);
}

void bf_box_charge(lua_State *L, uint64_t steps)
{
    struct bf_box *b = bf_box_of(L);

    b->left = steps > (uint64_t)INT64_MAX / 2 ? -1 : b->left - (int64_t)steps;
    if (b->left < 0)
        out_of_budget(L);
}

int bf_box_run(struct bf_box *b, lua_CFunction fn, void *arg)
{
    lua_State *L = b->L;
    int base = lua_gettop(L) + 1, status;

    b->left = (int64_t)b->limits.instructions;
    b->call++;
    b->running = true;
    b->no_memory = false;
    b->logged = 0;
    b->trace.n = 0;
    if (b->line)
        atomic_store_explicit(b->line, 0, memory_order_relaxed);
    lua_sethook(L, on_count, LUA_MASKCOUNT, TICK);
    lua_pushcfunction(L, bf_box_on_error);              /* +1; none of these three allocates */
    lua_pushcfunction(L, fn);                           /* +1 */
    lua_pushlightuserdata(L, arg);                      /* +1 */
    status = lua_pcall(L, 1, 0, base);                  /* -2; or error */
    lua_remove(L, base);                                /* -1 */
    b->running = false;
    bf_arena_reset(b->arena);
    return status;
}

/* --- a box -------------------------------------------------------------------------------------- */

static int open_all(lua_State *L)
{
    lua_gc(L, LUA_GCINC, GC_PAUSE, 0, 0);
    bf_box_setup(L);
    return 0;
}

struct bf_box *bf_box_new(const struct bf_box_limits *limits, bf_box_log_fn *log, void *arg)
{
    static const struct bf_box_limits usual = {BF_BOX_MEMORY, BF_BOX_INSTRUCTIONS};
    struct bf_box *b = bf_new(struct bf_box);

    b->limits = limits ? *limits : usual;
    b->log = log;
    b->arg = arg;
    b->arena = bf_arena_new_with(ARENA_MAX, ARENA_FIRST);
    b->texts = bf_arena_new(ARENA_MAX);
    bf_buf_init(&b->json, b->limits.memory / 4);
    b->L = bf_crypto_init(NULL) ? NULL : lua_newstate(allocate, b);
    if (!b->L)
        goto fail;
    *(struct bf_box **)lua_getextraspace(b->L) = b;
    if (bf_box_run(b, open_all, NULL))
        goto fail;
    return b;

fail:
    bf_box_free(b);
    return NULL;
}

void bf_box_free(struct bf_box *b)
{
    if (!b)
        return;
    if (b->L)
        lua_close(b->L);
    while (b->sources)
        bf_box_drop(b, b->sources);
    bf_box_drop_patterns(b);
    bf_buf_fini(&b->json);
    bf_arena_free(b->texts);
    bf_arena_free(b->arena);
    free(b);
}

/* --- loading ------------------------------------------------------------------------------------ */

struct bf_box_source *bf_box_keep(struct bf_box *b, const char *name, const char *code, size_t len)
{
    struct bf_box_source *s = bf_new(struct bf_box_source);

    snprintf(s->name, sizeof(s->name), "%.*s", (int)bf_utf8_cut(name, strlen(name), BOX_NAME_MAX),
             name);
    s->code = bf_zalloc(len + 1);
    memcpy(s->code, code, len);
    s->len = len;
    s->next = b->sources;
    b->sources = s;
    return s;
}

void bf_box_drop(struct bf_box *b, struct bf_box_source *s)
{
    struct bf_box_source **at = &b->sources;

    if (!s)
        return;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    free(s->code);
    free(s);
}

void bf_box_compile(lua_State *L, const struct bf_box_source *s)
{
    char chunk[sizeof(s->name) + 1];

    if (s->len && s->code[0] == LUA_SIGNATURE[0])
        luaL_error(L, "%s: this is no text; a script is Lua as it is written, not bytecode", s->name);
    snprintf(chunk, sizeof(chunk), "=%s", s->name);
    if (luaL_loadbufferx(L, s->code, s->len, chunk, "t"))       /* +1: chunk, or message */
        lua_error(L);
    lua_insert(L, -2);                                  /* chunk, environment */
    lua_setupvalue(L, -2, 1);                           /* -1: its _ENV */
}

struct loading {
    struct bf_script *script;
    unsigned needs;
};

static int no_table(lua_State *L, const char *name)
{
    return luaL_error(L, "%s: a script returns a table of functions, such as return { filter ="
                      " function(event) ... end }, not %s", name,
                      lua_isnil(L, -1) ? "nothing" : bf_box_type_name(L, -1));
}

/* A name in the table at the top that may have been meant. */
static const char *closest_member(lua_State *L, const char *name)
{
    struct bf_box_closest c = {.word = name};

    lua_pushnil(L);                                     /* +1: key */
    while (lua_next(L, -2)) {                           /* +1: value */
        if (lua_type(L, -2) == LUA_TSTRING)
            bf_box_closer(&c, lua_tostring(L, -2));     /* the table keeps it */
        lua_pop(L, 1);
    }
    return c.found;
}

static void take_function(lua_State *L, struct loading *l, enum bf_hook_kind kind)  /* table at top */
{
    struct bf_script *s = l->script;
    const char *name = hook_name(kind), *close;
    lua_Debug ar;

    lua_pushstring(L, name);                            /* +1 */
    lua_rawget(L, -2);
    if (lua_isfunction(L, -1)) {
        lua_pushvalue(L, -1);                           /* +1 */
        lua_getinfo(L, ">S", &ar);                      /* -1 */
        s->begins[kind] = ar.linedefined;
        s->functions[kind] = luaL_ref(L, LUA_REGISTRYINDEX);    /* -1 */
        s->has |= 1u << kind;
        return;
    }
    if (!lua_isnil(L, -1))
        luaL_error(L, "%s: %s is %s, not a function", s->name, name, bf_box_type_name(L, -1));
    lua_pop(L, 1);
    if (!(l->needs & 1u << kind))
        return;
    close = closest_member(L, name);
    if (close)
        luaL_error(L, "%s: it has no function \"%s\"; is \"%s\" meant for it?", s->name, name, close);
    luaL_error(L, "%s: the table that it returns has no function \"%s\"", s->name, name);
}

static int load(lua_State *L)
{
    struct loading *l = lua_touserdata(L, 1);

    bf_box_push_globals(L);                             /* +1 */
    bf_box_compile(L, l->script->source);               /* +0: chunk */
    lua_call(L, 0, 1);                                  /* +0: what it returned */
    if (!lua_istable(L, -1))
        return no_table(L, l->script->name);
    take_function(L, l, BF_HOOK_FILTER);
    take_function(L, l, BF_HOOK_TRANSFORM);
    take_function(L, l, BF_HOOK_ON_EVENT);
    return 0;
}

int bf_box_load(struct bf_box *b, const char *name, const char *code, size_t len, unsigned needs,
                struct bf_script **out, struct bf_error *err)
{
    struct bf_script *s = bf_new(struct bf_script);
    struct loading l = {.script = s, .needs = needs};
    struct bf_buf words;
    int status;

    s->box = b;
    s->name = bf_strdup(name);
    s->source = bf_box_keep(b, name, code, len);
    for (size_t i = 0; i < BF_COUNT(s->functions); i++)
        s->functions[i] = LUA_NOREF;
    status = bf_box_run(b, load, &l);
    if (status == LUA_OK) {
        *out = s;
        return BF_OK;
    }
    bf_buf_init(&words, BOX_WORDS_MAX);
    bf_box_say(b, status, s->name, NULL, 0, &words);
    bf_error_set(err, BF_ECONFIG, "%s", bf_buf_text(&words));
    bf_buf_fini(&words);
    bf_script_free(s);
    return BF_ECONFIG;
}

void bf_script_free(struct bf_script *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < BF_COUNT(s->functions); i++)
        luaL_unref(s->box->L, LUA_REGISTRYINDEX, s->functions[i]);      /* does not allocate */
    bf_box_drop(s->box, s->source);
    free(s->name);
    free(s);
}

size_t bf_box_used(const struct bf_box *b) { return b->used; }

unsigned bf_script_has(const struct bf_script *s) { return s->has; }

/* --- calling ------------------------------------------------------------------------------------ */

struct call {
    struct bf_script *script;
    enum bf_hook_kind kind;
    const struct bf_box_event *event;
    const char *action;
    const char *payload;
    size_t payload_len;
    struct bf_buf *out;
    enum bf_said said;
};

/* What was returned, for an error: a string ("yes"); +1. */
static const char *shown(lua_State *L)
{
    int type = lua_type(L, -1), value = lua_gettop(L);
    const char *name = type == LUA_TNIL ? "nothing" : bf_box_type_name(L, -1), *text;
    size_t len;

    if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN)
        return lua_pushstring(L, name);
    text = bf_box_tostring(L, value, &len);             /* +1 */
    lua_pushlstring(L, text, bf_utf8_cut(text, len, 40));       /* +1 */
    return lua_pushfstring(L, type == LUA_TSTRING ? "%s (\"%s%s\")" : "%s (%s%s)", name,
                           lua_tostring(L, -1), len > 40 ? "..." : "");
}

static void judge_filter(lua_State *L, struct call *c)
{
    if (!lua_isboolean(L, -1))
        luaL_error(L, "filter must return true or false, not %s", shown(L));
    c->said = lua_toboolean(L, -1) ? BF_SAID_YES : BF_SAID_NO;
}

/* The value at the top is given back as it came? */
static bool is_same(lua_State *L, const struct bf_lazy *was)
{
    return bf_lazy_is(L, -1) && bf_lazy_at(L, -1) == was && !bf_lazy_is_changed(was);
}

static void judge_transform(lua_State *L, struct call *c, const struct bf_lazy *was)
{
    if (lua_isnil(L, -1))
        luaL_error(L, "transform must return the payload, not nothing; an empty object is {}");
    if (is_same(L, was)) {
        c->said = BF_SAID_YES;
        return;
    }
    bf_box_encode(L, -1, "payload", c->out);
    c->said = BF_SAID_CHANGED;
}

static void judge_event(lua_State *L, struct call *c, const struct bf_lazy *was)
{
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1)) {
        c->said = BF_SAID_NO;
        return;
    }
    if (!lua_istable(L, -1) && !bf_lazy_is(L, -1))
        luaL_error(L, "on_event must return the event, or false to drop it, not %s", shown(L));
    if (is_same(L, was)) {
        c->said = BF_SAID_YES;
        return;
    }
    bf_box_encode_event(L, -1, c->event, c->out);
    c->said = BF_SAID_CHANGED;
}

static int call(lua_State *L)
{
    struct call *c = lua_touserdata(L, 1);
    const struct bf_lazy *was;

    lua_rawgeti(L, LUA_REGISTRYINDEX, c->script->functions[c->kind]);   /* +1 */
    if (c->kind == BF_HOOK_TRANSFORM)
        was = bf_lazy_push_json(L, "payload", c->payload, c->payload_len); /* +1 */
    else
        was = NULL;
    if (c->kind == BF_HOOK_ON_EVENT)
        was = bf_lazy_push_event(L, c->event, c->action, true);        /* +1 */
    else
        bf_lazy_push_event(L, c->event, c->action, false);             /* +1 */
    lua_call(L, lua_gettop(L) - 2, 1);                                  /* +1: what it returned */
    switch (c->kind) {
    case BF_HOOK_FILTER: judge_filter(L, c); break;
    case BF_HOOK_TRANSFORM: judge_transform(L, c, was); break;
    case BF_HOOK_ON_EVENT: judge_event(L, c, was); break;
    }
    return 0;
}

enum bf_said bf_box_call(struct bf_script *s, enum bf_hook_kind kind,
                         const struct bf_box_event *event, const char *action, const char *payload,
                         size_t payload_len, struct bf_buf *out, struct bf_buf *words)
{
    struct call c = {.script = s, .kind = kind, .event = event, .action = action,
                     .payload = payload, .payload_len = payload_len, .out = out};
    int status;

    if (!(s->has & 1u << kind)) {
        bf_buf_printf(words, "%s: it has no function \"%s\"", s->name, hook_name(kind));
        return BF_SAID_FAILED;
    }
    status = bf_box_run(s->box, call, &c);
    if (status == LUA_OK)
        return c.said;
    bf_buf_clear(out);
    bf_box_say(s->box, status, s->name, hook_name(kind), s->begins[kind], words);
    return BF_SAID_FAILED;
}
