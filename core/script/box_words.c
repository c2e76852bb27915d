/* box_words.c - what went wrong in a script, for whoever wrote it.
 *
 * The message handler notes the functions that were on their way; it allocates nothing and calls
 * nothing, as hooks may be off.  What is said is made afterwards:
 *
 *   short_title.lua:8: event.data.message is nil, so it has no member "match"
 *       payload.title = event.data.message:match("^[^\n]*")
 *     short_title.lua:8: in first_line
 *     short_title.lua:14: in transform
 *
 * Lua knows the name of a field, but not of what it is a field; that is read off the line. */
#include "core/script/box_int.h"

#include <ctype.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/utf8.h"

enum {
    MESSAGE_MAX = 1000,         /* bytes of a message; what is behind is cut */
    LINE_MAX_SHOWN = 100,
    CHAIN_MAX = 80
};

/* --- where -------------------------------------------------------------------------------------- */

static void note_frame(struct bf_box_trace *t, const lua_Debug *ar)
{
    struct bf_box_frame *f = &t->frames[t->n++];

    snprintf(f->source, sizeof(f->source), "%s", ar->short_src);
    snprintf(f->name, sizeof(f->name), "%s", ar->name && ar->namewhat[0] && ar->name[0] != '?' ? ar->name
                                                                                                : "");
    f->line = ar->currentline;
    f->begins = *ar->what == 'm' ? 0 : ar->linedefined;
}

static void note(struct bf_box *b, int level)
{
    lua_Debug ar;

    b->trace.n = 0;
    b->trace.more = false;
    for (; lua_getstack(b->L, level, &ar); level++) {
        lua_getinfo(b->L, "Sln", &ar);
        if (*ar.what == 'C')
            continue;
        if (b->trace.n == BOX_FRAMES_MAX) {
            b->trace.more = true;
            break;
        }
        note_frame(&b->trace, &ar);
    }
}

int bf_box_on_error(lua_State *L)
{
    note(bf_box_of(L), 1);                              /* 0 is this handler */
    return 1;
}

void bf_box_note_where(struct bf_box *b)
{
    if (b->L && b->running)
        note(b, 0);
}

/* --- the line ----------------------------------------------------------------------------------- */

/* A line of a chunk, without the space around it. */
static const char *line_of(const struct bf_box *b, const char *source, int line, size_t *len)
{
    const struct bf_box_source *s = b->sources;
    const char *p, *end;

    while (s && strcmp(s->name, source) != 0)
        s = s->next;
    if (!s || line < 1)
        return NULL;
    p = s->code;
    end = p + s->len;
    while (--line > 0) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (!p)
            return NULL;
        p++;
    }
    *len = strcspn(p, "\n");
    while (*len && isspace((unsigned char)*p)) {
        p++;
        --*len;
    }
    while (*len && isspace((unsigned char)p[*len - 1]))
        --*len;
    return *len ? p : NULL;
}

static bool is_name_char(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* From the end of a name in a line to the beginning of what it is a member of: event.runs[1].name. */
static const char *chain_start(const char *line, const char *name)
{
    const char *p = name;

    while (p > line) {
        if (is_name_char(p[-1]) || p[-1] == '.' || p[-1] == ':') {
            p--;
        } else if (p[-1] == ']') {
            const char *open = p - 1;

            while (open > line && *open != '[')
                open--;
            if (*open != '[')
                break;
            p = open;
        } else {
            break;
        }
    }
    return p;
}

/* The expression in a line that ends with this name: "event.data.message"; and what is taken of it. */
static bool find_chain(const char *line, size_t len, const char *name, bool indexed,
                       char chain[CHAIN_MAX], char member[CHAIN_MAX])
{
    size_t name_len = strlen(name);
    bool found = false;

    for (const char *p = line; p + name_len <= line + len; p++) {
        const char *start, *behind = p + name_len;
        char next = behind < line + len ? *behind : '\0';
        char text[CHAIN_MAX];

        if (memcmp(p, name, name_len) != 0 || is_name_char(next) || (p > line && is_name_char(p[-1])))
            continue;
        if (indexed && next != '.' && next != ':' && next != '[')
            continue;
        start = chain_start(line, p);
        if (behind - start >= CHAIN_MAX)
            return false;
        snprintf(text, sizeof(text), "%.*s", (int)(behind - start), start);
        if (found && strcmp(text, chain) != 0)
            return false;                               /* which of them is meant? */
        if (!found && (next == '.' || next == ':')) {
            size_t n = 1;

            while (behind + n < line + len && is_name_char(behind[n]))
                n++;
            snprintf(member, CHAIN_MAX, "%.*s", n - 1 < CHAIN_MAX ? (int)(n - 1) : CHAIN_MAX - 1,
                     behind + 1);
        }
        snprintf(chain, CHAIN_MAX, "%s", text);
        found = true;
    }
    return found;
}

/* --- Lua's own messages ------------------------------------------------------------------------- */

/* "attempt to index a nil value (field 'message')", taken apart. */
struct about {
    char type[CHAIN_MAX];
    char name[CHAIN_MAX];       /* as the line has it; "" if it is not known */
    char member[CHAIN_MAX];     /* "" likewise */
};

static const char *with_article(const char *type)
{
    static const char *const names[][2] = {
        {"nil", "nil"}, {"number", "a number"}, {"string", "a string"}, {"boolean", "a boolean"},
        {"function", "a function"}, {"table", "a table"}, {"userdata", "null"}, {"null", "null"},
        {"light userdata", "null"}, {"no value", "nothing"},
    };

    for (size_t i = 0; i < BF_COUNT(names); i++)
        if (strcmp(type, names[i][0]) == 0)
            return names[i][1];
    return type;
}

/* Up to `until`, at most what a name may have; what is behind it, or NULL if it does not come. */
static const char *take(const char *p, const char *until, char out[CHAIN_MAX])
{
    const char *end = strstr(p, until);

    if (!end || end - p >= CHAIN_MAX)
        return NULL;
    snprintf(out, CHAIN_MAX, "%.*s", (int)(end - p), p);
    return end + strlen(until);
}

static bool take_apart(const char *message, const char *begin, bool indexed, const char *line,
                       size_t line_len, struct about *out)
{
    char kind[CHAIN_MAX], name[CHAIN_MAX] = "";
    const char *p;

    if (strncmp(message, begin, strlen(begin)) != 0)
        return false;
    *out = (struct about){.type = ""};
    p = take(message + strlen(begin), " value", out->type);
    if (!p)
        return false;
    if (strncmp(p, " (", 2) != 0 || !(p = take(p + 2, " '", kind)) || !take(p, "'", name))
        return true;
    if (strcmp(kind, "member") == 0) {                  /* of null, by its metatable: the name is of
                                                           what was looked for */
        char before[CHAIN_MAX] = "";

        snprintf(out->member, sizeof(out->member), "%s", name);
        if (line && find_chain(line, line_len, name, false, before, kind)) {
            before[strlen(before) - strlen(name)] = '\0';
            if (*before)
                before[strlen(before) - 1] = '\0';      /* the dot */
            snprintf(out->name, sizeof(out->name), "%s", before);
        }
        return true;
    }
    if (strcmp(kind, "constant") == 0)
        snprintf(out->name, sizeof(out->name), "\"%.*s\"", CHAIN_MAX - 3, name);
    else if (!line || !find_chain(line, line_len, name, indexed, out->name, out->member))
        snprintf(out->name, sizeof(out->name), "%s", name);
    return true;
}

static void put_subject(struct bf_buf *b, const struct about *a)
{
    if (*a->name)
        bf_buf_printf(b, "%s is %s", a->name, with_article(a->type));
    else
        bf_buf_printf(b, "a value is %s", with_article(a->type));
}

static bool say_index(struct bf_buf *b, const char *message, const char *line, size_t len)
{
    struct about a;

    if (!take_apart(message, "attempt to index a ", true, line, len, &a))
        return false;
    put_subject(b, &a);
    if (*a.member)
        bf_buf_printf(b, ", so it has no member \"%s\"", a.member);
    else
        bf_buf_adds(b, ", so it has no members");
    return true;
}

static bool say_call(struct bf_buf *b, const char *message, const char *line, size_t len)
{
    struct about a;

    if (!take_apart(message, "attempt to call a ", false, line, len, &a))
        return false;
    put_subject(b, &a);
    bf_buf_adds(b, " and cannot be called");
    return true;
}

static bool say_arithmetic(struct bf_buf *b, const char *message, const char *line, size_t len)
{
    static const char *const begins[] = {"attempt to perform arithmetic on a ",
                                         "attempt to perform bitwise operation on a "};
    struct about a;

    for (size_t i = 0; i < BF_COUNT(begins); i++) {
        if (!take_apart(message, begins[i], false, line, len, &a))
            continue;
        put_subject(b, &a);
        bf_buf_adds(b, ", and nothing can be calculated with it");
        if (strcmp(a.type, "string") == 0)
            bf_buf_adds(b, "; tonumber() makes a number of text");
        return true;
    }
    return false;
}

static bool say_concatenation(struct bf_buf *b, const char *message, const char *line, size_t len)
{
    struct about a;

    if (!take_apart(message, "attempt to concatenate a ", false, line, len, &a))
        return false;
    put_subject(b, &a);
    bf_buf_adds(b, ", which .. does not join to text; tostring() makes text of it");
    return true;
}

static bool say_length(struct bf_buf *b, const char *message, const char *line, size_t len)
{
    struct about a;

    if (!take_apart(message, "attempt to get length of a ", false, line, len, &a))
        return false;
    put_subject(b, &a);
    bf_buf_adds(b, " and has no length");
    return true;
}

/* What a comparison in a line stands between: names of values, or "" for what is none. */
struct sides {
    char op[3];
    char left[CHAIN_MAX];
    char right[CHAIN_MAX];
};

static bool is_operator(char c) { return c && strchr("+-*/%^.~&|#<>=(:[", c); }

/* A value's name and nothing else: not a number, nor a part of an expression. */
static void put_side(const char *start, const char *end, char beside, char out[CHAIN_MAX])
{
    bool is_name = end > start && (isalpha((unsigned char)*start) || *start == '_');

    if (is_name && !is_operator(beside) && end - start < CHAIN_MAX)
        snprintf(out, CHAIN_MAX, "%.*s", (int)(end - start), start);
}

static void put_sides(const char *line, size_t len, const char *op, size_t op_len, struct sides *out)
{
    const char *end = op, *start, *p;

    while (end > line && end[-1] == ' ')
        end--;
    start = chain_start(line, end);
    for (p = start; p > line && p[-1] == ' ';)
        p--;
    put_side(start, end, p > line && p[-1] != '(' ? p[-1] : '\0', out->left);
    for (start = op + op_len; start < line + len && *start == ' ';)
        start++;
    for (end = start; end < line + len && (is_name_char(*end) || *end == '.');)
        end++;
    for (p = end; p < line + len && *p == ' ';)
        p++;
    put_side(start, end, p < line + len ? *p : '\0', out->right);
}

/* False if there is none, or more than one, of which nobody knows which is meant. */
static bool find_comparison(const char *line, size_t len, struct sides *out)
{
    const char *found = NULL;

    *out = (struct sides){.op = ""};
    for (const char *p = line; p < line + len; p++) {
        if (*p != '<' && *p != '>')
            continue;
        if (found || (p + 1 < line + len && p[1] == *p))
            return false;
        found = p;
    }
    if (!found)
        return false;
    snprintf(out->op, sizeof(out->op), "%c%s", *found,
             found + 1 < line + len && found[1] == '=' ? "=" : "");
    put_sides(line, len, found, strlen(out->op), out);
    return true;
}

/* Which of the two is no number, if the other is one.  Lua turns > around: it tells of its right side
 * first. */
static bool say_side(struct bf_buf *b, const char *one, const char *two, const char *line, size_t len)
{
    bool first = strcmp(one, "number") != 0;
    const char *type = first ? one : two, *name;
    struct sides sides;

    if (first == (strcmp(two, "number") != 0) || !line || !find_comparison(line, len, &sides))
        return false;
    name = first == (*sides.op == '<') ? sides.left : sides.right;
    if (!*name)
        return false;
    bf_buf_printf(b, "%s is %s, and cannot be compared with a number", name, with_article(type));
    if (strcmp(type, "string") == 0)
        bf_buf_adds(b, "; tonumber() makes a number of text");
    return true;
}

static bool say_comparison(struct bf_buf *b, const char *message, const char *line, size_t len)
{
    char one[CHAIN_MAX], two[CHAIN_MAX];
    const char *p = message, *pair = "attempt to compare two ", *other = "attempt to compare ";

    if (strncmp(p, pair, strlen(pair)) == 0 && take(p + strlen(pair), " values", one)) {
        bf_buf_printf(b, "neither of two values that are %s is the less", with_article(one));
        return true;
    }
    if (strncmp(p, other, strlen(other)) != 0 || !(p = take(p + strlen(other), " with ", one)))
        return false;
    snprintf(two, sizeof(two), "%s", p);
    if (!say_side(b, one, two, line, len))
        bf_buf_printf(b, "%s and %s cannot be compared", with_article(one), with_article(two));
    return true;
}

static bool say_argument(struct bf_buf *b, const char *message, const char *line, size_t len)
{
    char number[CHAIN_MAX], function[CHAIN_MAX], wanted[CHAIN_MAX], got[CHAIN_MAX];
    const char *p = message, *begin = "bad argument #";

    (void)line;
    (void)len;
    if (strncmp(p, begin, strlen(begin)) != 0 || !(p = take(p + strlen(begin), " to '", number)) ||
        !(p = take(p, "' (", function)))
        return false;
    if (take(p, " expected, got ", wanted) && take(strstr(p, ", got ") + 6, ")", got))
        bf_buf_printf(b, "argument %s of %s must be a %s, not %s", number, function, wanted,
                      with_article(got));
    else
        bf_buf_printf(b, "argument %s of %s: %.*s", number, function,
                      (int)(strlen(p) - (strlen(p) > 0)), p);
    return true;
}

/* Of calls, of what is written in brackets, or of values that stand on Lua's stack at once. */
static bool say_overflow(struct bf_buf *b, const char *message, const char *line, size_t len)
{
    const char *why = strstr(message, "stack overflow (");

    (void)line;
    (void)len;
    if (why) {
        why += strlen("stack overflow (");
        bf_buf_printf(b, "there are too many values at once: %.*s", (int)strcspn(why, ")"), why);
        return true;
    }
    if (!strstr(message, "stack overflow"))
        return false;
    bf_buf_adds(b, "functions, or what is in brackets, are nested too deep; does a recursion not end?");
    return true;
}

static void put_message(struct bf_buf *b, const char *message, const char *line, size_t len)
{
    static bool (*const all[])(struct bf_buf *, const char *, const char *, size_t) = {
        say_index, say_call, say_arithmetic, say_concatenation, say_length, say_comparison,
        say_argument, say_overflow,
    };

    for (size_t i = 0; i < BF_COUNT(all); i++)
        if (all[i](b, message, line, len))
            return;
    bf_buf_adds(b, message);
}

/* --- the error ---------------------------------------------------------------------------------- */

/* An error that is no text, as one; in protected mode, as it may have a __tostring. */
static int describe(lua_State *L)                       /* error */
{
    struct bf_box *b = bf_box_of(L);

    if (lua_type(L, 1) != LUA_TTABLE || luaL_getmetafield(L, 1, "__tostring") != LUA_TNIL) {   /* +1 */
        lua_settop(L, 1);
        if (lua_isnil(L, 1))
            lua_pushliteral(L, "the error is nil");     /* +1 */
        else
            bf_box_tostring(L, 1, NULL);                /* +1 */
        return 1;
    }
    bf_buf_clear(&b->json);
    bf_box_encode(L, 1, "the error", &b->json);
    lua_pushlstring(L, bf_buf_text(&b->json), b->json.len);     /* +1 */
    return 1;
}

/* The error at the top as text that lives in `out`; it is taken. */
static void take_error(struct bf_box *b, int status, char out[MESSAGE_MAX + 4])
{
    lua_State *L = b->L;
    const char *text;
    size_t len, cut;

    if (status == LUA_ERRMEM) {
        snprintf(out, MESSAGE_MAX, "it needs more than the %zu MiB of memory that there are",
                 b->limits.memory >> 20);
        lua_pop(L, 1);
        return;
    }
    if (lua_type(L, -1) != LUA_TSTRING) {
        lua_pushcfunction(L, describe);                 /* +1; does not allocate */
        lua_insert(L, -2);
        if (lua_pcall(L, 1, 1, 0) != LUA_OK || lua_type(L, -1) != LUA_TSTRING) {
            snprintf(out, MESSAGE_MAX, "the error is a value that cannot be shown");
            lua_pop(L, 1);
            return;
        }
    }
    text = lua_tolstring(L, -1, &len);
    len = strnlen(text, len);
    cut = bf_utf8_cut(text, len, MESSAGE_MAX);
    snprintf(out, MESSAGE_MAX + 4, "%.*s%s", (int)cut, text, cut < len ? "..." : "");
    lua_pop(L, 1);
}

/* "short_title.lua:8: " in front of a message; what is behind it. */
static const char *take_place(const struct bf_box *b, const char *message, char source[BOX_NAME_MAX + 4],
                              int *line)
{
    for (const struct bf_box_source *s = b->sources; s; s = s->next) {
        size_t len = strlen(s->name);
        char *end;
        long n;

        if (strncmp(message, s->name, len) != 0 || message[len] != ':')
            continue;
        n = strtol(message + len + 1, &end, 10);
        if (end == message + len + 1 || strncmp(end, ": ", 2) != 0)
            continue;
        snprintf(source, BOX_NAME_MAX + 4, "%s", s->name);
        *line = (int)n;
        return end + 2;
    }
    return message;
}

static void put_line(struct bf_buf *words, const char *line, size_t len)
{
    size_t cut = bf_utf8_cut(line, len, LINE_MAX_SHOWN);

    bf_buf_printf(words, "\n    %.*s%s", (int)cut, line, cut < len ? "..." : "");
}

static void put_frames(const struct bf_box_trace *t, const char *in, int begins, struct bf_buf *words)
{
    for (unsigned i = 0; i < t->n; i++) {
        const struct bf_box_frame *f = &t->frames[i];

        bf_buf_printf(words, "\n  %s:%d: ", f->source, f->line);
        if (f->begins == 0)
            bf_buf_adds(words, "in the script itself");
        else if (in && f->begins == begins)
            bf_buf_printf(words, "in %s", in);
        else if (*f->name)
            bf_buf_printf(words, "in %s", f->name);
        else
            bf_buf_printf(words, "in a function of line %d", f->begins);
    }
    if (t->more)
        bf_buf_adds(words, "\n  ...");
}

/* Bytes that a log or a page would trip over. */
static void put_clean(struct bf_buf *b, const char *text)
{
    for (const char *p = text, *end = text + strlen(text); p < end;) {
        size_t len = bf_utf8_len(p, end);

        if (len == 0 || ((unsigned char)*p < ' ' && *p != '\n' && *p != '\t')) {
            bf_buf_addc(b, '?');
            p++;
        } else {
            bf_buf_add(b, p, len);
            p += len;
        }
    }
}

void bf_box_say(struct bf_box *b, int status, const char *name, const char *in, int begins,
                struct bf_buf *words)
{
    const struct bf_box_trace *t = &b->trace;
    char text[MESSAGE_MAX + 4], source[BOX_NAME_MAX + 4];
    const char *message, *line;
    struct bf_buf said;
    size_t len = 0;
    int at = begins;
    bool placed = t->n > 0;

    snprintf(source, sizeof(source), "%s", placed ? t->frames[0].source : name);
    if (placed)
        at = t->frames[0].line;
    take_error(b, status, text);
    message = take_place(b, text, source, &at);
    line = placed || message != text ? line_of(b, source, at, &len) : NULL;
    bf_buf_init(&said, BOX_WORDS_MAX);
    put_message(&said, message, line, len);
    if (at > 0)
        bf_buf_printf(words, "%s:%d: ", source, at);
    put_clean(words, bf_buf_text(&said));
    bf_buf_fini(&said);
    if (!in)
        return;
    if (line)
        put_line(words, line, len);
    if (t->n > 1 || (t->n == 1 && (t->frames[0].line != at || t->frames[0].begins != begins)))
        put_frames(t, in, begins, words);
}
