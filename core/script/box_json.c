/* box_json.c - values of Lua as JSON and back, for what scripts return and for belfry.json.
 *
 * OUT.  A table whose keys are 1, 2 ... n is an array, one whose keys are strings an object, in the
 * order of its names; an empty one is an object, unless it is marked as an array.  What came from an
 * event and is unchanged is copied as it was sent.  Tables are taken as they are, without their
 * metatables.  Whatever JSON cannot hold is an error that says where it is.
 *
 * IN.  Arrays are marked, so that they stay what they are when they are empty.  An integer of 64 bits
 * is one; any other number is the nearest double. */
#include "core/script/box_int.h"

#include <math.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/utf8.h"

#define PATH_MAX_SHOWN 200

/* --- which tables are arrays -------------------------------------------------------------------- */

bool bf_box_is_array(lua_State *L, int index)
{
    bool is = lua_istable(L, index) && lua_getmetatable(L, index);      /* +1 */

    if (is) {
        bf_box_push_slot(L, BOX_ARRAY);                 /* +1 */
        is = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
    }
    return is;
}

void bf_box_mark_array(lua_State *L)
{
    bf_box_push_slot(L, BOX_ARRAY);                     /* +1 */
    lua_setmetatable(L, -2);                            /* -1 */
}

/* --- out ---------------------------------------------------------------------------------------- */

/* Where the writer is: one step for each container around it; `depth` counts these. */
struct step {
    const struct step *up;
    const char *name;           /* of the whole, or of a member; NULL: an element */
    size_t len;
    lua_Integer index;
};

struct writer {
    lua_State *L;
    struct bf_buf *out;
    bool bare;                  /* an event without what the hub added */
};

static void put_value(struct writer *w, int index, const struct step *at, int depth);

static void put_path(struct bf_buf *b, const struct step *at)
{
    if (at->up)
        put_path(b, at->up);
    if (!at->name)
        bf_buf_printf(b, "[%lld]", (long long)at->index);
    else
        bf_buf_printf(b, "%s%.*s", at->up ? "." : "", (int)bf_utf8_cut(at->name, at->len, 60),
                      at->name);
}

/* Raise; what was written so far is worth nothing, so its room serves for the path. */
static void wrong(struct writer *w, const struct step *at, const char *what)
{
    bf_buf_clear(w->out);
    put_path(w->out, at);
    luaL_error(w->L, "%s %s", bf_buf_text(w->out), what);
}

static void check_room(struct writer *w, const struct step *at)
{
    char words[80];

    if (!w->out->failed)
        return;
    snprintf(words, sizeof(words), "makes more than %zu KiB of JSON", w->out->max / 1024);
    while (at->up)
        at = at->up;
    wrong(w, at, words);
}

/* As deep as the hub takes JSON in, and no deeper. */
static void check_depth(struct writer *w, const struct step *at, int depth)
{
    if (depth > BF_BOX_DEPTH)
        wrong(w, at, "is nested more than 64 deep; does a table hold itself?");
}

static const char *no_text(const char *text, size_t len)
{
    if (memchr(text, '\0', len))
        return "holds a zero byte, which no text may";
    return bf_utf8_ok(text, len) ? NULL : "is no UTF-8: belfry.hash or string.format(\"%q\") make text"
                                          " of bytes";
}

const char *bf_box_no_json(lua_State *L, int index)
{
    const char *text;
    size_t len;

    switch (lua_type(L, index)) {
    case LUA_TNIL: return "is nil; JSON's null is belfry.json.null";
    case LUA_TNUMBER:
        return isfinite(lua_tonumber(L, index)) ? NULL
               : isnan(lua_tonumber(L, index))  ? "is not a number (0/0), which JSON has not"
                                                : "is infinite, which JSON has not";
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &len);
        return no_text(text, len);
    case LUA_TFUNCTION: return "is a function, which JSON has not";
    case LUA_TLIGHTUSERDATA:
        return lua_touserdata(L, index) ? "is nothing that JSON has" : NULL;
    case LUA_TUSERDATA: return bf_lazy_is(L, index) ? NULL : "is nothing that JSON has";
    default: return NULL;
    }
}

static void put_text(struct bf_buf *out, const char *text, size_t len)
{
    bf_buf_addc(out, '"');
    bf_buf_json_chars(out, text, len);
    bf_buf_addc(out, '"');
}

static void put_name(struct writer *w, const char *name, size_t len, const struct step *at)
{
    const char *problem = no_text(name, len);

    if (problem)
        wrong(w, at, problem);
    put_text(w->out, name, len);
    bf_buf_addc(w->out, ':');
}

static void put_scalar(struct writer *w, int index)
{
    lua_State *L = w->L;
    const char *text;
    size_t len;

    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &len);
        put_text(w->out, text, len);
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            bf_buf_addi(w->out, lua_tointeger(L, index));
        else
            bf_buf_addd(w->out, lua_tonumber(L, index));
        break;
    case LUA_TBOOLEAN: bf_buf_adds(w->out, lua_toboolean(L, index) ? "true" : "false"); break;
    default: bf_buf_adds(w->out, "null"); break;
    }
}

static void put_lazy(struct writer *w, int index, const struct step *at, int depth)
{
    struct bf_lazy *v = bf_lazy_at(w->L, index);
    bool is_array = bf_lazy_is_array(v), first = true;
    struct bf_lazy_member m;
    uint32_t pos = 0;
    size_t len;
    unsigned inside;
    const char *text = bf_lazy_raw(v, w->bare, &len, &inside);

    if (text) {
        check_depth(w, at, depth + (int)inside);
        bf_buf_add(w->out, text, len);
        return;
    }
    check_depth(w, at, depth + 1);
    bf_buf_addc(w->out, is_array ? '[' : '{');
    for (lua_Integer i = 1; bf_lazy_write(w->L, v, w->bare, &pos, &m); i++) {      /* +1 or +0 */
        struct step here = {.up = at, .name = m.key, .len = m.key_len, .index = i};

        if (!first)
            bf_buf_addc(w->out, ',');
        first = false;
        if (m.key && m.key_is_json) {
            bf_buf_addc(w->out, '"');
            bf_buf_add(w->out, m.key, m.key_len);
            bf_buf_adds(w->out, "\":");
        } else if (m.key) {
            put_name(w, m.key, m.key_len, &here);
        }
        if (m.text) {
            check_depth(w, &here, depth + 1 + (int)m.depth);
            bf_buf_add(w->out, m.text, m.len);
            check_room(w, at);
        } else {
            put_value(w, -1, &here, depth + 1);
            lua_pop(w->L, 1);
        }
    }
    bf_buf_addc(w->out, is_array ? ']' : '}');
}

/* --- tables ------------------------------------------------------------------------------------- */

struct name {
    const char *text;           /* the table keeps it */
    size_t len;
};

struct shape {
    size_t names;
    size_t numbers;
    lua_Integer largest;
    const char *name;           /* one of them, for an error */
};

static int compare_names(const void *one, const void *other)
{
    const struct name *a = one, *b = other;
    int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);

    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static void look_at_key(struct writer *w, struct shape *s, const struct step *at)      /* key at the top */
{
    char words[100];

    if (lua_type(w->L, -1) == LUA_TSTRING) {
        s->names++;
        s->name = lua_tostring(w->L, -1);
    } else if (lua_isinteger(w->L, -1) && lua_tointeger(w->L, -1) >= 1) {
        s->numbers++;
        if (lua_tointeger(w->L, -1) > s->largest)
            s->largest = lua_tointeger(w->L, -1);
    } else {
        snprintf(words, sizeof(words), "has %s as a key; JSON has names, or elements from 1 on",
                 lua_type(w->L, -1) == LUA_TNUMBER ? "a number below 1, or a fraction,"
                                                   : bf_box_type_name(w->L, -1));
        wrong(w, at, words);
    }
}

static struct shape shape_of(struct writer *w, int table, const struct step *at)
{
    struct shape s = {.names = 0};

    lua_pushnil(w->L);                                  /* +1: key */
    while (lua_next(w->L, table)) {                     /* +1: value */
        lua_pop(w->L, 1);
        look_at_key(w, &s, at);
    }
    if (s.names && s.numbers) {
        char words[120];

        snprintf(words, sizeof(words), "has both a name (\"%.40s\") and numbers as keys; JSON has"
                 " objects and arrays", s.name);
        wrong(w, at, words);
    }
    return s;
}

/* An element that is missing although a later one is there. */
static void find_hole(struct writer *w, int table, const struct step *at)
{
    struct step here = {.up = at, .index = 1};

    while (lua_rawgeti(w->L, table, here.index) != LUA_TNIL) {  /* +1 */
        lua_pop(w->L, 1);
        here.index++;
    }
    wrong(w, &here, "is nil, and there are elements behind it; an array has no holes");
}

static void put_array(struct writer *w, int table, lua_Integer n, const struct step *at, int depth)
{
    struct step here = {.up = at};

    bf_buf_addc(w->out, '[');
    for (here.index = 1; here.index <= n; here.index++) {
        if (here.index > 1)
            bf_buf_addc(w->out, ',');
        lua_rawgeti(w->L, table, here.index);           /* +1 */
        put_value(w, -1, &here, depth + 1);
        lua_pop(w->L, 1);
    }
    bf_buf_addc(w->out, ']');
}

static void put_object(struct writer *w, int table, size_t n, const struct step *at, int depth)
{
    lua_State *L = w->L;
    struct name *names = lua_newuserdatauv(L, n * sizeof(*names), 0);   /* +1 */
    size_t i = 0;

    lua_pushnil(L);                                     /* +1: key */
    while (lua_next(L, table)) {                        /* +1: value */
        lua_pop(L, 1);
        names[i].text = lua_tolstring(L, -1, &names[i].len);
        i++;
    }
    qsort(names, n, sizeof(*names), compare_names);
    bf_buf_addc(w->out, '{');
    for (i = 0; i < n; i++) {
        struct step here = {.up = at, .name = names[i].text, .len = names[i].len};

        if (i)
            bf_buf_addc(w->out, ',');
        put_name(w, names[i].text, names[i].len, &here);
        lua_pushlstring(L, names[i].text, names[i].len);        /* +1 */
        lua_rawget(L, table);
        put_value(w, -1, &here, depth + 1);
        lua_pop(L, 1);
    }
    bf_buf_addc(w->out, '}');
    lua_pop(L, 1);
}

static void put_table(struct writer *w, int table, const struct step *at, int depth)
{
    struct shape s = shape_of(w, table, at);
    bool is_array = bf_box_is_array(w->L, table);

    check_depth(w, at, depth + 1);
    bf_box_charge(w->L, s.names + s.numbers);
    if (is_array && s.names) {
        wrong(w, at, "is marked as an array, and has names as keys");
    } else if (s.numbers || is_array) {
        if (s.largest != (lua_Integer)s.numbers)
            find_hole(w, table, at);
        put_array(w, table, s.largest, at, depth);
    } else if (s.names) {
        put_object(w, table, s.names, at, depth);
    } else {
        bf_buf_adds(w->out, "{}");
    }
}

static void put_value(struct writer *w, int index, const struct step *at, int depth)
{
    const char *problem = bf_box_no_json(w->L, index);

    if (problem)
        wrong(w, at, problem);
    luaL_checkstack(w->L, 8, "JSON");
    index = lua_absindex(w->L, index);
    if (lua_istable(w->L, index))
        put_table(w, index, at, depth);
    else if (bf_lazy_is(w->L, index))
        put_lazy(w, index, at, depth);
    else
        put_scalar(w, index);
    check_room(w, at);
}

void bf_box_encode(lua_State *L, int index, const char *name, struct bf_buf *out)
{
    struct writer w = {.L = L, .out = out};
    struct step whole = {.name = name, .len = strlen(name)};

    put_value(&w, lua_absindex(L, index), &whole, 0);
}

/* --- what on_event returned --------------------------------------------------------------------- */

/* Members that were copied from the event into another table, and are the hub's. */
static void drop_given(lua_State *L)                    /* table at the top */
{
    static const char *const names[] = {"id", "received"};

    for (size_t i = 0; i < BF_COUNT(names); i++) {
        lua_pushstring(L, names[i]);                    /* +1 */
        lua_pushnil(L);                                 /* +1 */
        lua_rawset(L, -3);                              /* -2 */
    }
}

static bool same_member(const struct bf_json *a, const struct bf_json *b)
{
    size_t a_len, b_len;
    const char *a_text = bf_json_raw(a, &a_len), *b_text = bf_json_raw(b, &b_len);

    return a_len == b_len && (a_len == 0 || memcmp(a_text, b_text, a_len) == 0);
}

/* That another table is still the same event. */
static void check_settled(lua_State *L, const struct bf_box_event *event, const struct bf_buf *out)
{
    static const char *const names[] = {"entity", "key", "source"};
    struct bf_arena *a = bf_box_of(L)->texts;
    const struct bf_json *was, *is;

    bf_arena_reset(a);
    was = bf_json_parse(a, event->text, event->len, NULL);
    is = bf_json_parse(a, out->data, out->len, NULL);
    if (!was || !is)
        luaL_error(L, "the event is too large to be compared with what it was");
    for (size_t i = 0; i < BF_COUNT(names); i++)
        if (!same_member(bf_json_get(was, names[i]), bf_json_get(is, names[i])))
            luaL_error(L, "what on_event returned has another \"%s\" than the event; it must return the"
                       " event, changed or not, or a table with the same entity, key and source",
                       names[i]);
}

/* A copy of the table at the index, one level deep: +1. */
static void push_shallow(lua_State *L, int index)
{
    lua_newtable(L);                                    /* +1 */
    lua_pushnil(L);                                     /* +1: key */
    while (lua_next(L, index)) {                        /* +1: value */
        lua_pushvalue(L, -2);                           /* +1 */
        lua_insert(L, -2);                              /* copy, key, key, value */
        lua_rawset(L, -4);                              /* -2 */
    }
}

void bf_box_encode_event(lua_State *L, int index, const struct bf_box_event *event,
                         struct bf_buf *out)
{
    struct writer w = {.L = L, .out = out, .bare = true};
    struct step whole = {.name = "event", .len = strlen("event")};

    index = lua_absindex(L, index);
    if (lua_istable(L, index)) {
        push_shallow(L, index);                         /* +1 */
        drop_given(L);
        index = lua_gettop(L);
    }
    put_value(&w, index, &whole, 0);
    if (!bf_lazy_is(L, index) || !bf_lazy_is_event(bf_lazy_at(L, index)))
        check_settled(L, event, out);
}

/* --- in ----------------------------------------------------------------------------------------- */

void bf_box_push_scalar(lua_State *L, struct bf_arena *scratch, const struct bf_json *j)
{
    int64_t integer;
    double number;

    switch (j->type) {
    case BF_JSON_STRING:
        if (j->escaped)
            lua_pushstring(L, bf_json_str(scratch, j));
        else
            lua_pushlstring(L, j->text, j->len);
        break;
    case BF_JSON_NUMBER:
        if (bf_json_int(j, &integer))
            lua_pushinteger(L, integer);
        else if (bf_json_double(j, &number))
            lua_pushnumber(L, number);
        else                                            /* beyond what a double holds */
            lua_pushnumber(L, j->len && *j->text == '-' ? -HUGE_VAL : HUGE_VAL);
        break;
    case BF_JSON_TRUE: lua_pushboolean(L, 1); break;
    case BF_JSON_FALSE: lua_pushboolean(L, 0); break;
    default: lua_pushlightuserdata(L, NULL); break;
    }
}

static void push_array(lua_State *L, const struct bf_json *j)
{
    lua_Integer i = 0;

    lua_createtable(L, (int)bf_json_count(j), 0);       /* +1 */
    for (const struct bf_json *e = bf_json_first(j); e; e = bf_json_next(j, e)) {
        bf_box_push_json(L, e);                         /* +1 */
        lua_rawseti(L, -2, ++i);                        /* -1 */
    }
    bf_box_mark_array(L);
}

static void push_object(lua_State *L, const struct bf_json *j)
{
    lua_newtable(L);                                    /* +1 */
    for (const struct bf_json *k = bf_json_first(j); k; k = bf_json_next(j, k)) {
        bf_box_push_scalar(L, bf_box_of(L)->texts, k);  /* +1 */
        bf_box_push_json(L, k + 1);                     /* +1 */
        lua_rawset(L, -3);                              /* -2 */
    }
}

void bf_box_push_json(lua_State *L, const struct bf_json *j)
{
    luaL_checkstack(L, 4, "JSON");
    if (j->type == BF_JSON_ARRAY)
        push_array(L, j);
    else if (j->type == BF_JSON_OBJECT)
        push_object(L, j);
    else
        bf_box_push_scalar(L, bf_box_of(L)->texts, j);
}
