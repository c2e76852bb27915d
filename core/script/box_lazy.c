/* box_lazy.c - events and payloads as scripts see them: JSON that is read where it is touched.
 *
 * A container is gone through once at most, from front to back and only as far as somebody looks; what
 * was passed on the way is noted as offsets into the text, its insides not at all.  The text was
 * checked by the hub's gate; here it is only believed as far as its end.
 *
 * Lua holds handles: a pointer to a bf_lazy, which is in the arena of the call, and the number of the
 * call.  A handle that a script kept into another call is an error, not a look at freed memory.
 *
 * CHANGES.  What is set is kept beside the text, in a table of Lua's for each value that was changed:
 * under the name of a member, or the index of an element, what is there now.  An object's table also
 * lists, as 1, 2, 3 ..., the names that it did not have before, in the order in which they came.  What
 * was removed has the value itself there (as a light userdata, which no script can come by).  So
 * whoever writes it goes through the text, and copies all that nobody touched. */
#include "core/script/box_int.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/script/box_text.h"

enum { MEMBERS_FIRST = 12 };

/* Offsets are from the beginning of the whole text. */
struct member {
    uint32_t key;
    uint32_t key_len;
    uint32_t value;
    uint32_t value_len;
    struct bf_lazy *child;     /* of a container that was touched */
};

struct bf_lazy {
    struct bf_box_text *text;   /* of the whole */
    uint32_t start;             /* its bracket, and what is behind it all */
    uint32_t end;
    uint32_t at;                /* what was not looked at yet; 0: all is known */
    uint32_t n;                 /* members that are known */
    uint32_t cap;
    struct member *members;
    bool is_array;
    bool mutable;
    bool changed;               /* there is a table of changes */
    bool dirty;                 /* changed, or something in it is */
    uint32_t n_new;             /* names in that table that are not in the text */
    uint32_t place;             /* index of its member in `up` */
    struct bf_lazy *up;        /* NULL: it is the whole */
    const char *name;           /* of the whole: "event" */
    lua_Integer length;         /* of a changed array */
    const struct bf_box_event *event;   /* of the whole, if it is one */
    const char *action;
};

struct handle {
    struct bf_lazy *value;
    uint64_t call;
};

/* --- going through a text ----------------------------------------------------------------------- */

static void no_memory(lua_State *L)
{
    luaL_error(L, "this event takes more than the memory that there is");
}

/* Its insides, from an offset on. */
static const char *text_at(const struct bf_lazy *v, uint32_t at) { return v->text->text + at; }

static struct member *new_member(lua_State *L, struct bf_lazy *v)
{
    if (v->n == v->cap) {
        uint32_t cap = v->cap ? v->cap * 2 : MEMBERS_FIRST;
        struct member *members = bf_arena_alloc(bf_box_of(L)->arena, cap * sizeof(*members));

        if (!members)
            no_memory(L);
        if (v->n)
            memcpy(members, v->members, v->n * sizeof(*members));
        v->members = members;
        v->cap = cap;
    }
    return &v->members[v->n++];
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (unsigned char)*p <= ' ')
        p++;
    return p;
}

static const char *value_end(struct bf_box_text *t, const char *p, const char *end)
{
    char c = p < end ? *p : ' ';

    if (c == '"')
        return t->text + bf_box_text_string_end(t, (uint32_t)(p - t->text));
    if (c == '{' || c == '[')
        return t->text + bf_box_text_container_end(t, (uint32_t)(p - t->text));
    while (p < end && (c = *p) != ',' && c != '}' && c != ']' && (unsigned char)c > ' ')
        p++;
    return p;
}

/* Note one more member; NULL once there are no more. */
static struct member *look_on(lua_State *L, struct bf_lazy *v)
{
    struct bf_box_text *t = v->text;
    const char *p = t->text + v->at, *end = t->text + v->end, *key, *value;
    struct member *m;

    if (v->at == 0)
        return NULL;
    p = skip_space(p, end);
    if (p < end && *p == ',')
        p = skip_space(p + 1, end);
    if (p >= end || *p == '}' || *p == ']') {
        v->at = 0;
        return NULL;
    }
    m = new_member(L, v);
    if (!v->is_array) {
        key = p + 1;
        p = t->text + bf_box_text_string_end(t, (uint32_t)(p - t->text));
        m->key = (uint32_t)(key - t->text);
        m->key_len = (uint32_t)(p - key) - 1;
        p = skip_space(p, end);
        p = skip_space(p < end ? p + 1 : p, end);       /* past the colon */
    }
    value = p;
    p = value_end(t, p, end);
    m->value = (uint32_t)(value - t->text);
    m->value_len = (uint32_t)(p - value);
    v->at = (uint32_t)(p - t->text);
    return m;
}

static void look_at_all(lua_State *L, struct bf_lazy *v)
{
    while (look_on(L, v))
        ;
}

/* --- members ------------------------------------------------------------------------------------ */

static struct bf_json string_at(const struct bf_lazy *v, uint32_t at, uint32_t len)
{
    const char *text = text_at(v, at);

    return (struct bf_json){.text = text, .len = len, .type = BF_JSON_STRING,
                            .escaped = v->text->escapes && memchr(text, '\\', len) != NULL};
}

static bool key_is(const struct bf_lazy *v, const struct member *m, const char *key, size_t len)
{
    struct bf_json j;

    if (m->key_len == len && memcmp(text_at(v, m->key), key, len) == 0)
        return true;
    if (!v->text->escapes || m->key_len <= len)
        return false;
    j = string_at(v, m->key, m->key_len);
    return j.escaped && bf_json_eq(&j, key) && strlen(key) == len;
}

static struct member *find(lua_State *L, struct bf_lazy *v, const char *key, size_t len)
{
    struct member *m;

    for (uint32_t i = 0; i < v->n; i++)
        if (key_is(v, &v->members[i], key, len))
            return &v->members[i];
    while ((m = look_on(L, v)))
        if (key_is(v, m, key, len))
            return m;
    return NULL;
}

static struct member *element(lua_State *L, struct bf_lazy *v, lua_Integer i)
{
    while (i > (lua_Integer)v->n)
        if (!look_on(L, v))
            return NULL;
    return i >= 1 ? &v->members[i - 1] : NULL;
}

static struct bf_lazy *new_lazy(lua_State *L, struct bf_box_text *text, uint32_t start, uint32_t len)
{
    struct bf_lazy *v = bf_arena_new_of(bf_box_of(L)->arena, struct bf_lazy);

    if (!v)
        no_memory(L);
    v->text = text;
    v->start = start;
    v->end = start + len;
    v->at = start + 1;
    v->is_array = len && text->text[start] == '[';
    return v;
}

/* The whole of a text, but for the space around it. */
static struct bf_lazy *new_whole(lua_State *L, const char *text, size_t len)
{
    struct bf_box_text *t;

    for (; len && (unsigned char)*text <= ' '; text++)
        len--;
    while (len && (unsigned char)text[len - 1] <= ' ')
        len--;
    t = bf_box_text_new(bf_box_of(L)->arena, text, len);

    if (!t)
        no_memory(L);
    return new_lazy(L, t, 0, (uint32_t)len);
}

static void push_handle(lua_State *L, struct bf_lazy *v)       /* +1 */
{
    struct handle *h = lua_newuserdatauv(L, sizeof(*h), 0);     /* +1 */

    h->value = v;
    h->call = bf_box_of(L)->call;
    bf_box_push_slot(L, BOX_HANDLE);                    /* +1 */
    lua_setmetatable(L, -2);                            /* -1 */
}

/* What is no container, as what it is: +1. */
static void push_scalar(lua_State *L, const struct bf_lazy *v, uint32_t at, uint32_t len)
{
    struct bf_json j = {.text = text_at(v, at), .len = len, .type = BF_JSON_NUMBER};

    switch (len ? *j.text : 'n') {
    case '"': j = string_at(v, at + 1, len - 2); break;
    case 't': j.type = BF_JSON_TRUE; break;
    case 'f': j.type = BF_JSON_FALSE; break;
    case 'n': j.type = BF_JSON_NULL; break;
    }
    bf_box_push_scalar(L, bf_box_of(L)->arena, &j);
}

static void push_member(lua_State *L, struct bf_lazy *v, struct member *m)      /* +1 */
{
    char c = m->value_len ? *text_at(v, m->value) : 'n';

    if (c != '{' && c != '[') {
        push_scalar(L, v, m->value, m->value_len);
        return;
    }
    if (!m->child) {
        m->child = new_lazy(L, v->text, m->value, m->value_len);
        m->child->mutable = v->mutable;
        m->child->up = v;
        m->child->place = (uint32_t)(m - v->members);
    }
    push_handle(L, m->child);
}

static void push_key(lua_State *L, const struct bf_lazy *v, const struct member *m)     /* +1 */
{
    struct bf_json j = string_at(v, m->key, m->key_len);

    bf_box_push_scalar(L, bf_box_of(L)->arena, &j);
}

/* --- what the hub says of an event -------------------------------------------------------------- */

/* The members that are not in the sender's text, as REST shows them. */
static const char *const given[] = {"id", "received", "time", "action"};
enum { GIVEN_ID, GIVEN_RECEIVED, GIVEN_TIME, GIVEN_ACTION };

static bool push_given(lua_State *L, const struct bf_lazy *v, size_t which)    /* +1, or +0 and false */
{
    const char *text = which == GIVEN_ID ? v->event->id : v->action;
    char time[32];

    if (which == GIVEN_RECEIVED || which == GIVEN_TIME) {
        bf_time_print(v->event->received_ms, time);
        text = time;
    }
    if (text)
        lua_pushstring(L, text);
    return text != NULL;
}

static bool push_given_of(lua_State *L, const struct bf_lazy *v, const char *key)
{
    for (size_t i = 0; i < BF_COUNT(given); i++)
        if (strcmp(key, given[i]) == 0)
            return push_given(L, v, i);
    return false;
}

/* --- names, for errors -------------------------------------------------------------------------- */

static void put_path(lua_State *L, luaL_Buffer *b, const struct bf_lazy *v)
{
    const struct member *m;

    if (!v->up) {
        luaL_addstring(b, v->name);
        return;
    }
    put_path(L, b, v->up);
    m = &v->up->members[v->place];
    if (v->up->is_array) {
        lua_pushfstring(L, "[%d]", (int)v->place + 1);  /* +1 */
        luaL_addvalue(b);                               /* -1 */
    } else {
        luaL_addchar(b, '.');
        luaL_addlstring(b, text_at(v->up, m->key), m->key_len < 100 ? m->key_len : 100);
    }
}

/* What a member is called: "event.run.name"; +1. */
static const char *path_of(lua_State *L, const struct bf_lazy *v, int key)
{
    luaL_Buffer b;
    size_t len;
    const char *text;

    key = lua_absindex(L, key);
    luaL_buffinit(L, &b);
    put_path(L, &b, v);
    if (lua_type(L, key) == LUA_TSTRING) {
        text = lua_tolstring(L, key, &len);
        luaL_addchar(&b, '.');
        luaL_addlstring(&b, text, len < 100 ? len : 100);
    } else {
        luaL_addchar(&b, '[');
        bf_box_tostring(L, key, NULL);                  /* +1 */
        luaL_addvalue(&b);                              /* -1 */
        luaL_addchar(&b, ']');
    }
    luaL_pushresult(&b);
    return lua_tostring(L, -1);
}

/* --- changes ------------------------------------------------------------------------------------ */

/* The table of a value's changes: +1. */
static void push_changes(lua_State *L, struct bf_lazy *v)
{
    struct bf_box *b = bf_box_of(L);

    if (b->changes_call != b->call) {                   /* those of an earlier call go */
        lua_newtable(L);                                /* +1 */
        bf_box_set_slot(L, BOX_CHANGES);                /* -1 */
        b->changes_call = b->call;
    }
    bf_box_push_slot(L, BOX_CHANGES);                   /* +1 */
    if (!v->changed) {
        lua_newtable(L);                                /* +1 */
        lua_rawsetp(L, -2, v);                          /* -1 */
        v->changed = true;
        if (v->is_array) {
            look_at_all(L, v);
            v->length = v->n;
        }
    }
    lua_rawgetp(L, -1, v);                              /* +1 */
    lua_remove(L, -2);                                  /* -1 */
}

static bool is_removed(lua_State *L, int index, const struct bf_lazy *v)
{
    return lua_type(L, index) == LUA_TLIGHTUSERDATA && lua_touserdata(L, index) == v;
}

/* What a change says of a key: 1 with +1 the value, -1 that it is gone, 0 nothing. */
static int changed_member(lua_State *L, struct bf_lazy *v, int key)
{
    key = lua_absindex(L, key);
    push_changes(L, v);                                 /* +1 */
    lua_pushvalue(L, key);                              /* +1 */
    lua_rawget(L, -2);
    lua_remove(L, -2);                                  /* -1 */
    if (lua_isnil(L, -1) || is_removed(L, -1, v)) {
        int said = lua_isnil(L, -1) ? 0 : -1;

        lua_pop(L, 1);
        return said;
    }
    return 1;
}

/* +1: what stands in the changes for a value: of nil, that it is gone. */
static void push_change(lua_State *L, struct bf_lazy *v, int value)
{
    if (lua_isnil(L, value))
        lua_pushlightuserdata(L, v);
    else
        lua_pushvalue(L, value);
}

static bool is_gone(lua_State *L, const struct bf_lazy *v, lua_Integer i)      /* changes at the top */
{
    bool gone;

    lua_rawgeti(L, -1, i);                              /* +1 */
    gone = is_removed(L, -1, v);
    lua_pop(L, 1);
    return gone;
}

static void set_element(lua_State *L, struct bf_lazy *v, int key, int value)
{
    lua_Integer i = lua_type(L, key) == LUA_TNUMBER ? lua_tointeger(L, key) : 0;

    push_changes(L, v);                                 /* +1 */
    if (i < 1)
        luaL_error(L, "%s cannot be set: it is in an array, whose elements are numbered from 1",
                   path_of(L, v, key));
    if (i > v->length + 1)
        luaL_error(L, "%s cannot be set: the array has %I elements, and there may be no hole",
                   path_of(L, v, key), (LUAI_UACINT)v->length);
    if (i == v->length + 1 && lua_isnil(L, value))
        return;
    push_change(L, v, value);                           /* +1 */
    lua_rawseti(L, -2, i);                              /* -1 */
    if (i == v->length + 1)
        v->length++;
    while (v->length > 0 && is_gone(L, v, v->length))
        v->length--;
    lua_pop(L, 1);
}

static void set_member(lua_State *L, struct bf_lazy *v, int key, int value)
{
    size_t len;
    const char *name;

    if (lua_type(L, key) != LUA_TSTRING)
        luaL_error(L, "%s cannot be set: it is in an object, whose members have names",
                   path_of(L, v, key));
    name = lua_tolstring(L, key, &len);
    push_changes(L, v);                                 /* +1 */
    if (!find(L, v, name, len)) {
        lua_pushvalue(L, key);                          /* +1 */
        if (lua_rawget(L, -2) == LUA_TNIL) {            /* +0 */
            lua_pushvalue(L, key);                      /* +1 */
            lua_rawseti(L, -3, ++v->n_new);             /* -1 */
        }
        lua_pop(L, 1);
    }
    lua_pushvalue(L, key);                              /* +1 */
    push_change(L, v, value);                           /* +1 */
    lua_rawset(L, -3);                                  /* -2 */
    lua_pop(L, 1);
}

/* What the hub has settled about an event before anybody is asked. */
static bool is_settled(const char *name)
{
    static const char *const names[] = {"id", "received", "entity", "key", "source"};

    for (size_t i = 0; i < BF_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

void bf_lazy_set(lua_State *L, struct bf_lazy *v, int key, int value)
{
    const char *wrong;

    key = lua_absindex(L, key);
    value = lua_absindex(L, value);
    if (!v->mutable)
        luaL_error(L, "%s cannot be set: the event is read-only here%s", path_of(L, v, key),
                   "; belfry.json.copy(v) makes a table that can be changed");
    if (v->event && lua_type(L, key) == LUA_TSTRING && is_settled(lua_tostring(L, key)))
        luaL_error(L, "%s cannot be set: id, received, entity, key and source stay as they are",
                   path_of(L, v, key));
    wrong = lua_isnil(L, value) ? NULL : bf_box_no_json(L, value);
    if (wrong)
        luaL_error(L, "%s %s", path_of(L, v, key), wrong);
    if (v->is_array)
        set_element(L, v, key, value);
    else
        set_member(L, v, key, value);
    for (struct bf_lazy *up = v; up && !up->dirty; up = up->up)
        up->dirty = true;
}

/* --- for the rest of the box -------------------------------------------------------------------- */

bool bf_lazy_is(lua_State *L, int index)
{
    bool is = lua_type(L, index) == LUA_TUSERDATA && lua_getmetatable(L, index);        /* +1 */

    if (is) {
        bf_box_push_slot(L, BOX_HANDLE);                /* +1 */
        is = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
    }
    return is;
}

struct bf_lazy *bf_lazy_at(lua_State *L, int index)
{
    struct handle *h = lua_touserdata(L, index);

    if (h->call != bf_box_of(L)->call)
        luaL_error(L, "this is of an event that is over: a script that keeps something for later has"
                   " to keep texts and numbers, or belfry.json.copy(v)");
    return h->value;
}

bool bf_lazy_is_array(const struct bf_lazy *v) { return v->is_array; }

bool bf_lazy_is_changed(const struct bf_lazy *v) { return v->dirty; }

struct bf_lazy *bf_lazy_push_event(lua_State *L, const struct bf_box_event *event,
                                     const char *action, bool mutable)
{
    struct bf_lazy *v = new_whole(L, event->text, event->len);

    v->name = "event";
    v->event = event;
    v->action = action;
    v->mutable = mutable;
    push_handle(L, v);                                  /* +1 */
    return v;
}

struct bf_lazy *bf_lazy_push_json(lua_State *L, const char *name, const char *text, size_t len)
{
    struct bf_lazy *v = new_whole(L, text, len);

    if (v->end == 0 || (*text_at(v, 0) != '{' && *text_at(v, 0) != '[')) {
        value_end(v->text, text_at(v, 0), text_at(v, v->end));  /* now it is known if there are escapes */
        push_scalar(L, v, 0, v->end);                   /* +1 */
        return NULL;
    }
    v->name = name;
    v->mutable = true;
    push_handle(L, v);                                  /* +1 */
    return v;
}

lua_Integer bf_lazy_len(lua_State *L, struct bf_lazy *v)
{
    if (!v->is_array)
        return 0;
    if (v->changed)
        return v->length;
    look_at_all(L, v);
    return v->n;
}

static void get_element(lua_State *L, struct bf_lazy *v, int key)      /* +1 */
{
    lua_Integer i = lua_type(L, key) == LUA_TNUMBER ? lua_tointeger(L, key) : 0;
    struct member *m;

    if (v->changed) {
        int said;

        lua_pushinteger(L, i);                          /* +1: a float may have come */
        said = i > v->length ? -1 : changed_member(L, v, -1);   /* +1 or +0 */
        lua_remove(L, said > 0 ? -2 : -1);              /* -1 */
        if (said > 0)
            return;
        if (said < 0)
            i = 0;
    }
    m = element(L, v, i);
    if (m)
        push_member(L, v, m);                           /* +1 */
    else
        lua_pushnil(L);                                 /* +1 */
}

static void get_member(lua_State *L, struct bf_lazy *v, int key)       /* +1 */
{
    const char *name;
    size_t len;
    struct member *m;

    if (lua_type(L, key) != LUA_TSTRING) {
        lua_pushnil(L);                                 /* +1 */
        return;
    }
    if (v->changed) {
        int said = changed_member(L, v, key);           /* +1 or +0 */

        if (said < 0)
            lua_pushnil(L);                             /* +1 */
        if (said)
            return;
    }
    name = lua_tolstring(L, key, &len);
    m = find(L, v, name, len);
    if (m)
        push_member(L, v, m);                           /* +1 */
    else if (!v->event || !push_given_of(L, v, name))   /* +1 or +0 */
        lua_pushnil(L);                                 /* +1 */
}

void bf_lazy_get(lua_State *L, struct bf_lazy *v, int key)
{
    if (v->is_array)
        get_element(L, v, lua_absindex(L, key));
    else
        get_member(L, v, lua_absindex(L, key));
}

/* --- from member to member ---------------------------------------------------------------------- */

/* A position counts: of an event first its id and when it was received; then what is in the text; then
 * what was added; then what an event has besides. */
enum part { PART_GIVEN, PART_TEXT, PART_NEW, PART_NONE };

static enum part part_at(lua_State *L, struct bf_lazy *v, uint32_t at, uint32_t *index)
{
    uint32_t before = v->event ? 2 : 0;

    if (at < before) {
        *index = at;
        return PART_GIVEN;
    }
    at -= before;
    if (at < v->n || (at == v->n && look_on(L, v))) {
        *index = at;
        return PART_TEXT;
    }
    at -= v->n;
    if (at < v->n_new) {
        *index = at;
        return PART_NEW;
    }
    at -= v->n_new;
    *index = 2 + at;
    return v->event && at < 2 ? PART_GIVEN : PART_NONE;
}

/* +2: key and value, or false and +0 if there is none at this position. */
static bool push_given_pair(lua_State *L, struct bf_lazy *v, uint32_t which)
{
    const char *name = given[which];
    int said = 0;

    if (which >= 2 && find(L, v, name, strlen(name)))
        return false;
    lua_pushstring(L, name);                            /* +1 */
    if (v->changed)
        said = changed_member(L, v, -1);                /* +1 or +0 */
    if (said > 0)
        lua_pop(L, 1);                                  /* it is one of the new ones */
    if (!said && push_given(L, v, which))               /* +1 or +0 */
        return true;
    lua_pop(L, 1);
    return false;
}

static bool push_new_pair(lua_State *L, struct bf_lazy *v, uint32_t index)
{
    push_changes(L, v);                                 /* +1 */
    lua_rawgeti(L, -1, index + 1);                      /* +1: key */
    lua_replace(L, -2);                                 /* -1 */
    if (changed_member(L, v, -1) > 0)                   /* +1 or +0 */
        return true;
    lua_pop(L, 1);
    return false;
}

static bool push_text_pair(lua_State *L, struct bf_lazy *v, uint32_t index)
{
    int said = 0;

    push_key(L, v, &v->members[index]);                 /* +1 */
    if (v->changed)
        said = changed_member(L, v, -1);                /* +1 or +0 */
    if (said == 0)
        push_member(L, v, &v->members[index]);          /* +1 */
    if (said >= 0)
        return true;
    lua_pop(L, 1);
    return false;
}

static bool next_element(lua_State *L, struct bf_lazy *v, uint32_t *at)
{
    for (;;) {
        lua_pushinteger(L, (lua_Integer)++*at);         /* +1 */
        if (v->changed ? *at > v->length : !element(L, v, *at))
            break;
        get_element(L, v, lua_gettop(L));               /* +1 */
        if (!lua_isnil(L, -1))
            return true;
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
    return false;
}

bool bf_lazy_next(lua_State *L, struct bf_lazy *v, uint32_t *at)
{
    luaL_checkstack(L, 6, "a value");
    if (v->is_array)
        return next_element(L, v, at);
    for (;;) {
        uint32_t index;

        switch (part_at(L, v, (*at)++, &index)) {
        case PART_GIVEN:
            if (push_given_pair(L, v, index))           /* +2 */
                return true;
            break;
        case PART_TEXT:
            if (push_text_pair(L, v, index))            /* +2 */
                return true;
            break;
        case PART_NEW:
            if (push_new_pair(L, v, index))             /* +2 */
                return true;
            break;
        case PART_NONE: return false;
        }
    }
}

/* --- for who writes it -------------------------------------------------------------------------- */

const char *bf_lazy_raw(const struct bf_lazy *v, bool bare, size_t *len, unsigned *depth)
{
    if (v->dirty || (v->event && !bare))
        return NULL;
    *len = v->end - v->start;
    *depth = bf_box_text_depth(v->text, v->start, v->end);
    return text_at(v, v->start);
}

bool bf_lazy_is_event(const struct bf_lazy *v) { return v->event != NULL; }

/* The member in the text, or +1 what there is instead; false if it is gone. */
static bool write_text(lua_State *L, struct bf_lazy *v, uint32_t index, struct bf_lazy_member *out)
{
    struct member *m = &v->members[index];
    int said = 0;

    out->key = v->is_array ? NULL : text_at(v, m->key);
    out->key_len = m->key_len;
    out->key_is_json = true;
    out->text = NULL;
    if (v->changed) {
        if (v->is_array)
            lua_pushinteger(L, (lua_Integer)index + 1); /* +1 */
        else
            push_key(L, v, m);                          /* +1 */
        said = changed_member(L, v, -1);                /* +1 or +0 */
        lua_remove(L, said > 0 ? -2 : -1);              /* -1 */
    }
    if (said)
        return said > 0;
    if (m->child && m->child->dirty) {
        push_handle(L, m->child);                       /* +1 */
        return true;
    }
    out->text = text_at(v, m->value);
    out->len = m->value_len;
    out->depth = bf_box_text_depth(v->text, m->value, m->value + m->value_len);
    return true;
}

static bool write_element(lua_State *L, struct bf_lazy *v, uint32_t *at, struct bf_lazy_member *out)
{
    uint32_t index = (*at)++;

    out->key = NULL;
    out->text = NULL;
    if (v->changed ? index >= v->length : !element(L, v, (lua_Integer)index + 1))
        return false;
    if (index < v->n) {
        if (!write_text(L, v, index, out))              /* +1 or +0 */
            lua_pushnil(L);                             /* +1: a hole, which will be refused */
        return true;
    }
    lua_pushinteger(L, (lua_Integer)index + 1);         /* +1 */
    if (changed_member(L, v, -1) <= 0)                  /* +1 or +0 */
        lua_pushnil(L);                                 /* +1 */
    lua_remove(L, -2);                                  /* -1 */
    return true;
}

static bool write_pair(lua_State *L, bool pushed, struct bf_lazy_member *out)
{
    if (!pushed)
        return false;
    out->key = lua_tolstring(L, -2, &out->key_len);     /* the value's own tables keep it, or C does */
    out->key_is_json = false;
    out->text = NULL;
    lua_remove(L, -2);                                  /* -1 */
    return true;
}

bool bf_lazy_write(lua_State *L, struct bf_lazy *v, bool bare, uint32_t *at,
                    struct bf_lazy_member *out)
{
    luaL_checkstack(L, 6, "a value");
    if (v->is_array)
        return write_element(L, v, at, out);
    for (;;) {
        uint32_t index;
        bool found = false;

        switch (part_at(L, v, (*at)++, &index)) {
        case PART_GIVEN:
            found = !bare && write_pair(L, push_given_pair(L, v, index), out);
            if (found)
                out->key = given[index];
            break;
        case PART_TEXT: found = write_text(L, v, index, out); break;
        case PART_NEW: found = write_pair(L, push_new_pair(L, v, index), out); break;
        case PART_NONE: return false;
        }
        if (found)
            return true;
    }
}

/* --- metatables --------------------------------------------------------------------------------- */

static int value_index(lua_State *L)                    /* value, key */
{
    bf_lazy_get(L, bf_lazy_at(L, 1), 2);
    return 1;
}

static int value_newindex(lua_State *L)                 /* value, key, value */
{
    bf_lazy_set(L, bf_lazy_at(L, 1), 2, 3);
    return 0;
}

static int value_len(lua_State *L)
{
    lua_pushinteger(L, bf_lazy_len(L, bf_lazy_at(L, 1)));
    return 1;
}

static int value_eq(lua_State *L)
{
    lua_pushboolean(L, bf_lazy_is(L, 1) && bf_lazy_is(L, 2) &&
                           bf_lazy_at(L, 1) == bf_lazy_at(L, 2));
    return 1;
}

static int null_index(lua_State *L)                     /* null, key */
{
    return luaL_error(L, "attempt to index a null value (member '%s')",
                      lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?");
}

static void set_function(lua_State *L, const char *name, lua_CFunction fn)
{
    lua_pushcfunction(L, fn);                           /* +1 */
    lua_setfield(L, -2, name);                          /* -1 */
}

static void push_metatable(lua_State *L, const char *name)      /* +1 */
{
    lua_newtable(L);                                    /* +1 */
    lua_pushstring(L, name);                            /* +1 */
    lua_setfield(L, -2, "__name");                      /* -1 */
    lua_pushboolean(L, 0);                              /* +1 */
    lua_setfield(L, -2, "__metatable");                 /* -1 */
}

void bf_lazy_open(lua_State *L)
{
    push_metatable(L, "table");                         /* +1 */
    set_function(L, "__index", value_index);
    set_function(L, "__newindex", value_newindex);
    set_function(L, "__len", value_len);
    set_function(L, "__eq", value_eq);
    bf_box_set_slot(L, BOX_HANDLE);                     /* -1 */
    lua_pushlightuserdata(L, NULL);                     /* +1: null */
    push_metatable(L, "null");                          /* +1 */
    set_function(L, "__index", null_index);
    set_function(L, "__newindex", null_index);
    lua_setmetatable(L, -2);                            /* -1: of all light userdata */
    lua_pop(L, 1);
}
