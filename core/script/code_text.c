/* code_text.c - Lua as people write it: a table on one line if it fits, and else a member on each. */
#include "core/script/code_text.h"

#include <string.h>

#include "core/base/utf8.h"
#include "core/script/code_int.h"

#define WIDTH     100
#define VALUE_MAX (4 * BF_CODE_MAX)
#define QUOTED_MAX 60           /* bytes of a text with lines that stays in quotes */

bool bf_lua_name_ok(const char *name, size_t len)
{
    if (len == 0 || (name[0] >= '0' && name[0] <= '9') || bf_code_is_keyword(name, len))
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = name[i];

        if (!(c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            return false;
    }
    return true;
}


/* --- texts ------------------------------------------------------------------------------------------ */

/* What a reader would not see, or see elsewhere: controls of C1, and those that turn text round. */
static bool is_unseen(uint32_t c)
{
    return (c >= 0x80 && c < 0xa0) || c == 0xad || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

static uint32_t character(const char *p, size_t len)
{
    const unsigned char *u = (const unsigned char *)p;
    uint32_t c = len == 1 ? u[0] : len == 2 ? u[0] & 0x1f : len == 3 ? u[0] & 0x0f : u[0] & 0x07;

    for (size_t i = 1; i < len; i++)
        c = c << 6 | (u[i] & 0x3f);
    return c;
}

static void put_character(struct bf_buf *b, const char *p, size_t len)
{
    static const char escaped[] = "\n\r\t\\\"", names[] = "nrt\\\"";
    const char *at = strchr(escaped, *p);

    if (len == 0)
        bf_buf_printf(b, "\\x%02x", (unsigned char)*p);
    else if (*p && at)
        bf_buf_printf(b, "\\%c", names[at - escaped]);
    else if ((unsigned char)*p < 0x20 || *p == 0x7f)
        bf_buf_printf(b, "\\%03u", (unsigned char)*p);
    else if (len > 1 && is_unseen(character(p, len)))
        bf_buf_printf(b, "\\u{%X}", (unsigned)character(p, len));
    else
        bf_buf_add(b, p, len);
}

/* Lines are kept as lines if there is nothing else in them that has to be escaped. */
static bool fits_brackets(const char *text, size_t len)
{
    if (len <= QUOTED_MAX || !memchr(text, '\n', len))
        return false;
    for (const char *p = text, *end = text + len; p < end;) {
        size_t n = bf_utf8_len(p, end);

        if (n == 0 || ((unsigned char)*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f ||
            (n > 1 && is_unseen(character(p, n))))
            return false;
        p += n;
    }
    return true;
}

/* As many = as no closing bracket in the text has. */
static void put_bracketed(struct bf_buf *b, const char *text, size_t len)
{
    char level[64] = "";
    size_t n = 0;

    for (const char *p = text, *end = text + len; p < end; p++) {
        size_t same = *p == ']' ? strspn(p + 1, "=") : 0;

        if (*p == ']' && same >= n)
            n = same + 1;
    }
    if (n >= sizeof(level)) {
        bf_buf_addc(b, '"');
        for (const char *p = text, *end = text + len; p < end; p += bf_utf8_len(p, end))
            put_character(b, p, bf_utf8_len(p, end));
        bf_buf_addc(b, '"');
        return;
    }
    memset(level, '=', n);
    level[n] = '\0';
    bf_buf_printf(b, "[%s[\n", level);
    bf_buf_add(b, text, len);
    bf_buf_printf(b, "]%s]", level);
}

void bf_lua_put_text(struct bf_buf *b, const char *text, size_t len)
{
    if (len == SIZE_MAX)
        len = strlen(text);
    if (fits_brackets(text, len)) {
        put_bracketed(b, text, len);
        return;
    }
    bf_buf_addc(b, '"');
    for (const char *p = text, *end = text + len; p < end;) {
        size_t n = bf_utf8_len(p, end);

        put_character(b, p, n);
        p += n ? n : 1;
    }
    bf_buf_addc(b, '"');
}


/* --- values -------------------------------------------------------------------------------------------- */

/* The digits of a decimal without zeros around them, and the power of ten of the first. */
static size_t digits_of(const char *text, size_t len, char *out, size_t max, int64_t *power)
{
    size_t n = 0;
    int64_t point = 0, exponent = 0;
    bool behind = false, minus = false;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.') {
            behind = true;
        } else if (text[i] == 'e' || text[i] == 'E') {
            for (i++; i < len; i++) {
                minus = minus || text[i] == '-';
                if (text[i] >= '0' && text[i] <= '9' && exponent < 1000000)
                    exponent = exponent * 10 + (text[i] - '0');
            }
        } else if (text[i] >= '0' && text[i] <= '9' && (n || text[i] != '0')) {
            if (n < max)
                out[n] = text[i];
            n++;
            point += !behind;
        } else if (text[i] == '0' && behind) {
            point--;
        }
    }
    *power = point + (minus ? -exponent : exponent);
    while (n && n <= max && out[n - 1] == '0')
        n--;
    return n;
}

/* Whether a number comes back as the same: a whole one as it is, another with the same digits. */
static bool comes_back(const struct bf_json *j)
{
    char mine[800], theirs[40];
    int64_t whole, a, b;
    struct bf_buf text;
    double value;
    size_t n;
    bool same;

    if (bf_json_int(j, &whole))
        return !(j->len > 1 && j->text[0] == '-' && j->text[1] == '0');
    if (!bf_json_double(j, &value))
        return false;
    bf_buf_init(&text, 64);
    bf_buf_addd(&text, value);
    n = digits_of(j->text, j->len, mine, sizeof(mine), &a);
    same = n && n <= sizeof(theirs) &&
           digits_of(bf_buf_text(&text), text.len, theirs, sizeof(theirs), &b) == n && a == b &&
           memcmp(mine, theirs, n) == 0 && strpbrk(bf_buf_text(&text), ".e");
    bf_buf_fini(&text);
    return same;
}

static void put_number(struct bf_arena *a, struct bf_buf *b, const struct bf_json *j)
{
    if (comes_back(j)) {
        bf_buf_add(b, j->text, j->len);
        return;
    }
    bf_buf_adds(b, "raw ");
    bf_lua_put_text(b, bf_arena_ndup(a, j->text, j->len), j->len);
}

static void put_name(struct bf_buf *b, const char *name)
{
    if (bf_lua_name_ok(name, strlen(name))) {
        bf_buf_adds(b, name);
        return;
    }
    bf_buf_addc(b, '[');
    bf_lua_put_text(b, name, SIZE_MAX);
    bf_buf_addc(b, ']');
}

static void put_table(struct bf_arena *a, struct bf_buf *b, const struct bf_json *j, unsigned indent,
                      bool lines)
{
    bool object = bf_json_is(j, BF_JSON_OBJECT);
    bool first = true;

    bf_buf_adds(b, lines ? "{\n" : "{ ");
    for (const struct bf_json *k = bf_json_first(j); k; k = bf_json_next(j, k)) {
        size_t line;

        if (lines)
            bf_buf_printf(b, "%*s", (int)indent + 4, "");
        else
            bf_buf_adds(b, first ? "" : ", ");
        line = b->len;
        if (object) {
            put_name(b, bf_json_str(a, k));
            bf_buf_adds(b, " = ");
        }
        bf_lua_put_value(a, b, object ? k + 1 : k, indent + 4, lines ? indent + 4 + b->len - line : 0);
        bf_buf_adds(b, lines ? ",\n" : "");
        first = false;
    }
    if (lines)
        bf_buf_printf(b, "%*s}", (int)indent, "");
    else
        bf_buf_adds(b, " }");
}

/* A table on one line if that has room for it, and no text with lines.  Column 0 says that somebody
 * further out is trying that already. */
static void put_container(struct bf_arena *a, struct bf_buf *b, const struct bf_json *j, unsigned indent,
                          size_t column)
{
    size_t from = b->len;

    if (bf_json_count(j) == 0) {
        bf_buf_adds(b, bf_json_is(j, BF_JSON_ARRAY) ? "array {}" : "{}");
        return;
    }
    put_table(a, b, j, indent, false);
    if (column == 0 || b->failed ||
        (column + b->len - from < WIDTH && !memchr(b->data + from, '\n', b->len - from)))
        return;
    b->len = from;
    b->data[from] = '\0';
    put_table(a, b, j, indent, true);
}

void bf_lua_put_value(struct bf_arena *a, struct bf_buf *b, const struct bf_json *j, unsigned indent,
                      size_t column)
{
    switch (j->type) {
    case BF_JSON_NULL:
        bf_buf_adds(b, "null");
        return;
    case BF_JSON_TRUE:
        bf_buf_adds(b, "true");
        return;
    case BF_JSON_FALSE:
        bf_buf_adds(b, "false");
        return;
    case BF_JSON_NUMBER:
        put_number(a, b, j);
        return;
    case BF_JSON_STRING:
        bf_lua_put_text(b, bf_json_str(a, j), SIZE_MAX);
        return;
    default:
        put_container(a, b, j, indent, column);
    }
}

void bf_lua_put_raw(struct bf_arena *a, struct bf_buf *b, const struct bf_json *value, unsigned indent)
{
    const char *raw;
    size_t len;

    if (bf_json_is(value, BF_JSON_OBJECT)) {
        bf_lua_put_value(a, b, value, indent, WIDTH / 2);
        return;
    }
    raw = bf_json_raw(value, &len);
    bf_lua_put_text(b, bf_arena_ndup(a, raw, len), len);
}


/* --- tables that are collected -------------------------------------------------------------------------- */

void bf_lua_table_init(struct bf_lua_table *t, struct bf_arena *a) { *t = (struct bf_lua_table){.arena = a}; }

static struct bf_lua_member *add(struct bf_lua_table *t, const char *name)
{
    struct bf_lua_member *m = bf_arena_new_of(t->arena, struct bf_lua_member);

    if (!m)
        return NULL;            /* the arena is marked, and asked at the end */
    m->name = name;
    if (t->last)
        t->last->next = m;
    else
        t->first = m;
    t->last = m;
    t->n++;
    return m;
}

void bf_lua_table_json(struct bf_lua_table *t, const char *name, const struct bf_json *json)
{
    struct bf_lua_member *m = add(t, name);

    if (m)
        m->json = json;
}

void bf_lua_table_table(struct bf_lua_table *t, const char *name, const struct bf_lua_table *table)
{
    struct bf_lua_member *m = add(t, name);

    if (m)
        m->table = table;
}

static void put_member(const struct bf_lua_table *t, struct bf_buf *b, const struct bf_lua_member *m,
                       unsigned indent, size_t column)
{
    size_t from = b->len;

    put_name(b, m->name);
    bf_buf_adds(b, " = ");
    if (m->table)
        bf_lua_table_put(m->table, b, indent);
    else
        bf_lua_put_value(t->arena, b, m->json, indent, column ? column + b->len - from : 0);
}

void bf_lua_table_put_members(const struct bf_lua_table *t, struct bf_buf *b, unsigned indent)
{
    for (const struct bf_lua_member *m = t->first; m; m = m->next) {
        bf_buf_printf(b, "%*s", (int)indent, "");
        put_member(t, b, m, indent, indent);
        bf_buf_adds(b, ",\n");
    }
}

/* Where the line that is being written began. */
static size_t column_of(const struct bf_buf *b)
{
    size_t at = b->len;

    while (at && b->data[at - 1] != '\n')
        at--;
    return b->len - at;
}

void bf_lua_table_put(const struct bf_lua_table *t, struct bf_buf *b, unsigned indent)
{
    size_t from = b->len, column = column_of(b);

    bf_buf_addc(b, '{');
    for (const struct bf_lua_member *m = t->first; m; m = m->next) {
        bf_buf_adds(b, m == t->first ? " " : ", ");
        put_member(t, b, m, indent, 0);
    }
    bf_buf_adds(b, " }");
    if (b->failed || (column + b->len - from < WIDTH && !memchr(b->data + from, '\n', b->len - from)))
        return;
    b->len = from;
    b->data[from] = '\0';
    bf_buf_adds(b, "{\n");
    bf_lua_table_put_members(t, b, indent + 4);
    bf_buf_printf(b, "%*s}", (int)indent, "");
}
