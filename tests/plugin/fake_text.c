/* fake_text.c - arenas, JSON, encodings and templates, as small as the tests of plugins allow.
 *
 * JSON is scanned, never built: a value is where it begins and ends in the text, so numbers and
 * order come out as they went in.  The scanner takes what the header promises plugins, which is
 * more than the hub takes in an envelope: bare NaN and Infinity. */
#include "tests/plugin/fake_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX (64u << 20)
#define DEPTH_MAX 64

struct chunk {
    struct chunk *next;
    max_align_t data[];
};

void fake_arena_free(struct fake_arena *a)
{
    while (a && a->chunks) {
        struct chunk *c = a->chunks;

        a->chunks = c->next;
        free(c);
    }
    free(a);
}

void *fake_alloc(struct bf_arena *arena, size_t len)
{
    struct fake_arena *a = (struct fake_arena *)arena;
    struct chunk *c = NULL;

    if (len <= ARENA_MAX - a->used)
        c = calloc(1, sizeof(*c) + len);
    if (!c) {
        a->full = true;
        return NULL;
    }
    a->used += len;
    c->next = a->chunks;
    a->chunks = c;
    return c->data;
}

const char *fake_ndup(struct bf_arena *a, const char *text, size_t len)
{
    char *copy = fake_alloc(a, len + 1);

    if (copy)
        memcpy(copy, text, len);
    return copy ? copy : "";
}

const char *fake_dup(struct bf_arena *a, const char *text)
{
    return text ? fake_ndup(a, text, strlen(text)) : "";
}

const char *fake_print(struct bf_arena *a, const char *fmt, va_list ap)
{
    char *text = NULL;
    const char *copy;

    if (vasprintf(&text, fmt, ap) < 0)
        return "";
    copy = fake_dup(a, text);
    free(text);
    return copy;
}

void fake_append(struct bf_arena *a, struct bf_text *t, const char *fmt, va_list ap)
{
    const char *more = fake_print(a, fmt, ap);
    size_t len = strlen(more);

    if (t->len + len + 1 > t->room) {
        size_t room = 2 * (t->len + len + 1);
        char *grown = fake_alloc(a, room);

        if (!grown)
            return;
        if (t->len)
            memcpy(grown, t->s, t->len);
        t->s = grown;
        t->room = room;
    }
    memcpy((char *)t->s + t->len, more, len + 1);
    t->len += len;
}


/* --- JSON --------------------------------------------------------------- */

const char *fake_json_space(const char *p) { return p + strspn(p, " \t\r\n"); }

static const char *string_end(const char *p)
{
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && !*++p)
            return NULL;
    }
    return *p ? p + 1 : NULL;
}

static const char *value_end(const char *p, int depth);

static const char *container_end(const char *p, int depth)
{
    char close = *p == '{' ? '}' : ']';

    p = fake_json_space(p + 1);
    if (*p == close)
        return p + 1;
    for (;;) {
        if (close == '}') {
            p = *p == '"' ? string_end(p) : NULL;
            p = p ? fake_json_space(p) : NULL;
            if (!p || *p != ':')
                return NULL;
            p = fake_json_space(p + 1);
        }
        p = value_end(p, depth + 1);
        p = p ? fake_json_space(p) : NULL;
        if (!p || (*p != ',' && *p != close))
            return NULL;
        if (*p == close)
            return p + 1;
        p = fake_json_space(p + 1);
    }
}

static const char *value_end(const char *p, int depth)
{
    static const char *const words[] = { "true", "false", "null", "NaN", "Infinity", "-Infinity" };
    char *end;

    if (depth > DEPTH_MAX)
        return NULL;
    if (*p == '"')
        return string_end(p);
    if (*p == '{' || *p == '[')
        return container_end(p, depth);
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strncmp(p, words[i], strlen(words[i])) == 0)
            return p + strlen(words[i]);
    }
    if (*p != '-' && (*p < '0' || *p > '9'))
        return NULL;
    strtod(p, &end);
    return end > p ? end : NULL;
}

const char *fake_json_end(const char *p) { return value_end(p, 0); }

static int type_of(const char *p)
{
    switch (*p) {
    case '{': return BF_V_OBJECT;
    case '[': return BF_V_ARRAY;
    case '"': return BF_V_STRING;
    case 't':
    case 'f': return BF_V_BOOL;
    case 'n': return BF_V_NULL;
    default:  return BF_V_NUMBER;
    }
}

static char *put_utf8(char *out, unsigned long c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

/* What stands between the quotes from p on.  (No surrogate pairs: no test needs them.) */
static const char *decode(struct bf_arena *a, const char *p, const char *end)
{
    static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
    char *text = fake_alloc(a, (size_t)(end - p)), *out = text;

    if (!text)
        return "";
    for (p++; p < end - 1; p++) {
        const char *letter;

        if (*p != '\\') {
            *out++ = *p;
        } else if (*++p == 'u') {
            char hex[5] = "";

            strncpy(hex, p + 1, 4);
            out = put_utf8(out, strtoul(hex, NULL, 16));
            p += 4;
        } else {
            letter = strchr(from, *p);
            *out++ = letter ? to[letter - from] : *p;
        }
    }
    return text;
}

static const char *as_text(struct bf_arena *a, const char *p)
{
    const char *end = fake_json_end(p);

    return *p == '"' ? decode(a, p, end) : fake_ndup(a, p, (size_t)(end - p));
}

/* The next child behind p, which is at its key or value; moves p behind it. */
static bool next_child(struct bf_arena *a, const char **p, bool members, const char **key,
                       const char **value)
{
    *p = fake_json_space(*p);
    if (**p == ',')
        *p = fake_json_space(*p + 1);
    if (**p == '}' || **p == ']')
        return false;
    *key = "";
    if (members) {
        const char *end = string_end(*p);

        *key = decode(a, *p, end);
        *p = fake_json_space(fake_json_space(end) + 1);
    }
    *value = *p;
    *p = fake_json_end(*p);
    return true;
}

static const char *child(struct bf_arena *a, const char *container, const char *name)
{
    const char *p = container + 1, *key, *value, *found = NULL;
    size_t index = strtoul(name, NULL, 10), i = 0;

    if (*container != '{' && *container != '[')
        return NULL;
    while (next_child(a, &p, *container == '{', &key, &value)) {
        if (*container == '{' ? strcmp(key, name) == 0 : i++ == index)
            found = value;
    }
    return found;
}

/* One name of a pointer, ~1 and ~0 undone; moves *pointer behind it. */
static const char *pointer_name(struct bf_arena *a, const char **pointer)
{
    size_t len = strcspn(*pointer + 1, "/"), n = 0;
    char *name = (char *)fake_ndup(a, *pointer + 1, len);

    *pointer += len + 1;
    for (size_t i = 0; i < len; i++, n++) {
        name[n] = name[i];
        if (name[i] == '~' && i + 1 < len)
            name[n] = name[++i] == '1' ? '/' : '~';
    }
    if (len)
        name[n] = '\0';
    return name;
}

/* Where the value of the pointer begins; NULL if it is not there or the text is not JSON. */
static const char *find(struct bf_arena *a, const char *json, const char *pointer)
{
    const char *p = fake_json_space(json ? json : "");
    const char *end = fake_json_end(p);

    if (!end || *fake_json_space(end))
        return NULL;
    while (p && *pointer)
        p = child(a, p, pointer_name(a, &pointer));
    return p;
}

const char *fake_get(struct bf_arena *a, const char *json, const char *pointer, int *type)
{
    const char *p = find(a, json, pointer);

    if (type) {
        *type = p ? type_of(p) : BF_V_NONE;
        return "";
    }
    return p ? as_text(a, p) : "";
}

int fake_each(struct bf_arena *a, const char *json, const char *pointer, struct bf_item *it)
{
    const char *p, *value;

    if (it->at == 0) {
        p = find(a, json, pointer);
        if (!p || (*p != '{' && *p != '['))
            return 0;
        it->at = ((uint64_t)(p - json) + 1) << 1 | (*p == '{');     /* remembers which it is */
    }
    p = json + (it->at >> 1);
    if (!next_child(a, &p, it->at & 1, &it->key, &value))
        return 0;
    it->at = (uint64_t)(p - json) << 1 | (it->at & 1);
    it->type = (uint32_t)type_of(value);
    it->value = as_text(a, value);
    return 1;
}


/* --- escapes and templates ---------------------------------------------- */

static const char *escape_of(unsigned char c, int escape, char buf[8])
{
    buf[0] = (char)c;
    buf[1] = '\0';
    if (escape == BF_ESC_XML)
        return c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : buf;
    if (escape == BF_ESC_URL && !strchr("-._~", c) && !(c >= '0' && c <= '9') &&
        !((c | 32) >= 'a' && (c | 32) <= 'z'))
        snprintf(buf, 8, "%%%02X", c);
    if (escape == FAKE_ESC_JSON && (c == '"' || c == '\\'))
        snprintf(buf, 8, "\\%c", c);
    if (escape == FAKE_ESC_JSON && c < 0x20)
        snprintf(buf, 8, c == '\n' ? "\\n" : "\\u%04x", c);
    return buf;
}

BF_FORMAT(3, 4)
static void add(struct bf_arena *a, struct bf_text *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fake_append(a, t, fmt, ap);
    va_end(ap);
}

const char *fake_escape(struct bf_arena *a, const char *text, int escape)
{
    struct bf_text out = { 0 };
    char buf[8];

    for (; text && *text; text++)
        add(a, &out, "%s", escape_of((unsigned char)*text, escape, buf));
    return out.s ? out.s : "";
}

const char *fake_quote(struct bf_arena *a, const char *text)
{
    struct bf_text out = { 0 };

    add(a, &out, "\"%s\"", fake_escape(a, text, FAKE_ESC_JSON));
    return out.s;
}

const char *fake_expand(struct bf_arena *a, const char *tmpl, int escape,
                        const char *(*value)(const void *arg, const char *name), const void *arg)
{
    struct bf_text out = { 0 };
    const char *open, *close;

    while ((open = tmpl ? strstr(tmpl, "${") : NULL) && (close = strchr(open, '}'))) {
        const char *name = fake_ndup(a, open + 2, (size_t)(close - open - 2));

        if (open > tmpl && open[-1] == '$') {   /* $${ is a literal ${ */
            add(a, &out, "%.*s{", (int)(open - tmpl), tmpl);
            tmpl = open + 2;
            continue;
        }
        add(a, &out, "%.*s%s", (int)(open - tmpl), tmpl, fake_escape(a, value(arg, name), escape));
        tmpl = close + 1;
    }
    add(a, &out, "%s", tmpl ? tmpl : "");
    return out.s;
}

const char *fake_encode(struct bf_arena *a, int how, const void *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const unsigned char *p = data;
    struct bf_text out = { 0 };
    char alphabet[65];

    if (how == BF_PERCENT)
        return fake_escape(a, fake_ndup(a, data, len), BF_ESC_URL);
    if (how == BF_HEX) {
        for (size_t i = 0; i < len; i++)
            add(a, &out, "%02x", p[i]);
        return out.s ? out.s : "";
    }
    snprintf(alphabet, sizeof(alphabet), "%s%s", digits, how == BF_BASE64 ? "+/" : "-_");
    for (size_t i = 0; i < len; i += 3) {
        unsigned v = (unsigned)p[i] << 16 | (i + 1 < len ? (unsigned)p[i + 1] << 8 : 0) |
                     (i + 2 < len ? p[i + 2] : 0);

        add(a, &out, "%c%c", alphabet[v >> 18], alphabet[v >> 12 & 63]);
        if (i + 1 < len || how == BF_BASE64)
            add(a, &out, "%c", i + 1 < len ? alphabet[v >> 6 & 63] : '=');
        if (i + 2 < len || how == BF_BASE64)
            add(a, &out, "%c", i + 2 < len ? alphabet[v & 63] : '=');
    }
    return out.s ? out.s : "";
}
