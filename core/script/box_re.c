/* box_re.c - belfry.re: patterns of RE2, whose searches never take long.
 *
 * A box keeps the patterns that were used last.  What a search costs is taken off the budget, so that
 * gsub(), which may look at the rest of a text once for each match, has an end as well. */
#include "core/script/box_int.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/regex.h"
#include "core/base/utf8.h"

enum {
    COST_OF_PATTERN = 5000,     /* instructions that a new one counts as, which take as long */
    COST_OF_SEARCH = 20,
    BYTES_PER_STEP = 4
};

/* --- the patterns of a box ---------------------------------------------------------------------- */

void bf_box_drop_patterns(struct bf_box *b)
{
    for (size_t i = 0; i < BOX_PATTERNS; i++)
        bf_regex_free(b->patterns[i].regex);
}

static void to_front(struct bf_box *b, size_t i)
{
    struct bf_box_pattern p = b->patterns[i];

    memmove(&b->patterns[1], &b->patterns[0], i * sizeof(p));
    b->patterns[0] = p;
}

static const struct bf_regex *find_kept(struct bf_box *b, const char *text, size_t len)
{
    for (size_t i = 0; i < BOX_PATTERNS && b->patterns[i].regex; i++) {
        if (b->patterns[i].len != len ||
            memcmp(bf_regex_pattern(b->patterns[i].regex), text, len) != 0)
            continue;
        to_front(b, i);
        return b->patterns[0].regex;
    }
    return NULL;
}

/* The pattern in an argument; good until another one is asked for. */
static const struct bf_regex *pattern_at(lua_State *L, int arg)
{
    struct bf_box *b = bf_box_of(L);
    size_t len;
    const char *text = luaL_checklstring(L, arg, &len);
    const struct bf_regex *kept = find_kept(b, text, len);
    struct bf_regex *regex;
    struct bf_error err;

    if (kept)
        return kept;
    bf_box_charge(L, COST_OF_PATTERN);
    if (bf_regex_new_capturing(text, len, &regex, &err))
        luaL_error(L, "the pattern \"%s\": %s",
                   lua_pushlstring(L, text, bf_utf8_cut(text, len, 60)), err.words);
    if (bf_regex_groups(regex) > BF_REGEX_GROUPS_MAX) {
        bf_regex_free(regex);
        luaL_error(L, "the pattern has more than %d groups; (?: ) makes one that is not counted",
                   BF_REGEX_GROUPS_MAX);
    }
    bf_regex_free(b->patterns[BOX_PATTERNS - 1].regex);
    b->patterns[BOX_PATTERNS - 1] = (struct bf_box_pattern){.regex = regex, .len = len};
    to_front(b, BOX_PATTERNS - 1);
    return regex;
}

/* +2: nil, and that a text is too long for a pattern. */
static int too_long(lua_State *L, const struct bf_regex *r, size_t len)
{
    lua_pushnil(L);
    lua_pushfstring(L, "the text has %I bytes, and this pattern is looked for in at most %I",
                    (LUAI_UACINT)len, (LUAI_UACINT)bf_regex_reach(r));
    return 2;
}

static bool search(lua_State *L, const struct bf_regex *r, const char *text, size_t len, size_t from,
                   struct bf_regex_span *spans, size_t n)
{
    bf_box_charge(L, COST_OF_SEARCH + (len - from) / BYTES_PER_STEP);
    return bf_regex_find(r, text, len, from, spans, n);
}

/* --- test, match -------------------------------------------------------------------------------- */

/* belfry.re.test(text, pattern)
 * Whether the pattern is found in the text.  nil and a message if the text is too long for it. */
static int re_test(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    const struct bf_regex *r = pattern_at(L, 2);

    if (len > bf_regex_reach(r))
        return too_long(L, r, len);
    lua_pushboolean(L, search(L, r, text, len, 0, NULL, 0));
    return 1;
}

/* +1: what a span holds; false for a group that took no part. */
static void push_span(lua_State *L, const struct bf_regex_span *s)
{
    if (s->text)
        lua_pushlstring(L, s->text, s->len);
    else
        lua_pushboolean(L, 0);
}

/* belfry.re.match(text, pattern)
 * What the groups of the pattern hold, or if it has none all that it matches; false for a group that
 * took no part; nil if it is not found. */
static int re_match(lua_State *L)
{
    struct bf_regex_span spans[BF_REGEX_GROUPS_MAX + 1];
    size_t len, groups;
    const char *text = luaL_checklstring(L, 1, &len);
    const struct bf_regex *r = pattern_at(L, 2);

    if (len > bf_regex_reach(r))
        return too_long(L, r, len);
    groups = bf_regex_groups(r);
    if (!search(L, r, text, len, 0, spans, groups + 1)) {
        lua_pushnil(L);
        return 1;
    }
    luaL_checkstack(L, (int)groups + 1, "the groups of a pattern");
    for (size_t i = groups ? 1 : 0; i <= groups; i++)
        push_span(L, &spans[i]);
    return groups ? (int)groups : 1;
}

/* --- gsub --------------------------------------------------------------------------------------- */

struct gsub {
    const char *text;
    size_t len;
    struct bf_regex_span spans[BF_REGEX_GROUPS_MAX + 1];
    size_t groups;
};

/* The replacement is text in which %1 is the first group, %0 all of it and %% a percent sign. */
static void add_text(lua_State *L, const struct gsub *g, luaL_Buffer *b)
{
    size_t len;
    const char *p = lua_tolstring(L, 3, &len), *end = p + len;

    for (; p < end; p++) {
        size_t group;

        if (*p != '%') {
            luaL_addchar(b, *p);
            continue;
        }
        p++;
        if (p < end && *p == '%') {
            luaL_addchar(b, '%');
            continue;
        }
        if (p == end || *p < '0' || *p > '9')
            luaL_error(L, "in a replacement, %% stands before a digit or another %%");
        group = (size_t)(*p - '0');
        if (group > g->groups && !(group == 1 && g->groups == 0))
            luaL_error(L, "the replacement has %%%d, and the pattern %d groups", (int)group,
                       (int)g->groups);
        if (group > g->groups)
            group = 0;                                  /* without groups, %1 is all of it, as in Lua */
        if (g->spans[group].text)
            luaL_addlstring(b, g->spans[group].text, g->spans[group].len);
    }
}

/* What a table or a function has for a match: +1; nil or false leave it as it is. */
static void ask(lua_State *L, const struct gsub *g)
{
    size_t first = g->groups ? 1 : 0, n = g->groups ? g->groups : 1;

    if (lua_type(L, 3) == LUA_TTABLE) {
        push_span(L, &g->spans[first]);                 /* +1 */
        lua_gettable(L, 3);
        return;
    }
    luaL_checkstack(L, (int)n + 1, "the groups of a pattern");
    lua_pushvalue(L, 3);                                /* +1 */
    for (size_t i = 0; i < n; i++)
        push_span(L, &g->spans[first + i]);             /* +n */
    lua_call(L, (int)n, 1);                             /* -n */
}

static void add_replacement(lua_State *L, const struct gsub *g, luaL_Buffer *b)
{
    int type = lua_type(L, 3);

    if (type == LUA_TSTRING || type == LUA_TNUMBER) {
        add_text(L, g, b);
        return;
    }
    ask(L, g);                                          /* +1 */
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(b, g->spans[0].text, g->spans[0].len);
    } else if (lua_isstring(L, -1)) {
        luaL_addvalue(b);                               /* -1 */
    } else {
        luaL_error(L, "a replacement must be a string, not %s", bf_box_type_name(L, -1));
    }
}

/* Where the next search begins: behind the match, or past a character behind an empty one, which is
 * kept. */
static size_t behind(const struct gsub *g, luaL_Buffer *b)
{
    size_t at = (size_t)(g->spans[0].text - g->text) + g->spans[0].len, n;

    if (g->spans[0].len || at >= g->len)
        return g->spans[0].len ? at : g->len + 1;
    n = bf_utf8_len(g->text + at, g->text + g->len);
    n = n ? n : 1;
    luaL_addlstring(b, g->text + at, n);
    return at + n;
}

/* belfry.re.gsub(text, pattern, replacement[, n])
 * The text with every match, or the first n, replaced, and how many there were.  The replacement is
 * text, in which %1 is the first group, %0 all of the match and %% a percent sign; a table, in which
 * the first group is looked up; or a function, which is called with the groups. */
static int re_gsub(lua_State *L)
{
    struct gsub g;
    lua_Integer most = luaL_optinteger(L, 4, LUA_MAXINTEGER), n = 0;
    const struct bf_regex *r = pattern_at(L, 2);
    int type = lua_type(L, 3);
    size_t at = 0;
    luaL_Buffer b;

    g.text = luaL_checklstring(L, 1, &g.len);
    g.groups = bf_regex_groups(r);
    luaL_argexpected(L, type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TTABLE ||
                            type == LUA_TFUNCTION, 3, "string, table or function");
    if (g.len > bf_regex_reach(r))
        return too_long(L, r, g.len);
    lua_settop(L, 3);
    if (type == LUA_TNUMBER)
        lua_tostring(L, 3);                             /* in place */
    luaL_buffinit(L, &b);
    /* The pattern is looked up each time: the function may have used so many that it was dropped. */
    while (n < most && at <= g.len &&
           search(L, pattern_at(L, 2), g.text, g.len, at, g.spans, g.groups + 1)) {
        luaL_addlstring(&b, g.text + at, (size_t)(g.spans[0].text - g.text) - at);
        add_replacement(L, &g, &b);
        at = behind(&g, &b);
        n++;
    }
    if (at < g.len)
        luaL_addlstring(&b, g.text + at, g.len - at);
    luaL_pushresult(&b);
    lua_pushinteger(L, n);
    return 2;
}

const struct bf_box_function bf_box_re[] = {
    {"gsub", re_gsub, "belfry.re.gsub(text, pattern, replacement[, n])",
     "the text with every match, or the first n, replaced, and how many there were; the replacement is"
     " text, in which %1 is the first group, %0 all of the match and %% a percent sign, a table, in which"
     " the first group is looked up, or a function, which is called with the groups"},
    {"match", re_match, "belfry.re.match(text, pattern)",
     "what the groups of the pattern hold, or if it has none all that it matches; false for a group that"
     " took no part; nil if it is not found"},
    {"test", re_test, "belfry.re.test(text, pattern)",
     "whether the pattern is found in the text; nil and a message if the text is too long for it"},
    {NULL, NULL, NULL, NULL},
};
