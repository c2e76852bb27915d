/* host_json.c - one value out of JSON text, for plugins.
 *
 * The strict gate reads first.  What it refuses may still be the wandb client's JSON, with bare
 * NaN and Infinity and repeated keys; that dialect is read by a copy in which the bare words are
 * strings, so that they need no grammar of their own, and named again on the way out. */
#include <stdio.h>
#include <string.h>

#include "core/plugin/host.h"

/* Marks a bare word in the copy; U+0001 cannot stand raw in a string of the original. */
#define WORD_MARK "\\u0001"

static size_t bare_word(const char *at)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};

    for (size_t i = 0; i < BF_COUNT(words); i++)
        if (strncmp(at, words[i], strlen(words[i])) == 0)
            return strlen(words[i]);
    return 0;
}

static size_t string_end(const char *json, size_t at, size_t len)
{
    for (at++; at < len && json[at] != '"'; at++)
        if (json[at] == '\\' && at + 1 < len)
            at++;
    return at < len ? at + 1 : len;
}

/* The text with bare words as strings, or NULL if there are none. */
static const char *without_words(struct bf_arena *a, const char *json, size_t len)
{
    const char *out = NULL;
    struct bf_buf b;
    bool found = false;

    bf_buf_init(&b, 2 * len + 64);
    for (size_t at = 0; at < len;) {
        size_t n = json[at] == '"' ? string_end(json, at, len) - at : bare_word(json + at);

        if (n && json[at] != '"') {
            bf_buf_printf(&b, "\"" WORD_MARK "%.*s\"", (int)n, json + at);
            found = true;
        } else {
            n = n ? n : 1;
            bf_buf_add(&b, json + at, n);
        }
        at += n;
    }
    if (found && !b.failed)
        out = bf_arena_ndup(a, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    return out;
}

static const struct bf_json *parse(struct bf_arena *a, const char *json)
{
    size_t len = json ? strlen(json) : 0;
    const struct bf_json *root = len ? bf_json_parse(a, json, len, NULL) : NULL;
    const char *plain;

    if (root || !len)
        return root;
    plain = without_words(a, json, len);
    return plain ? bf_json_parse(a, plain, strlen(plain), NULL) : NULL;
}

static int type_of(struct bf_arena *a, const struct bf_json *j)
{
    const char *text;

    if (!j)
        return BF_V_NONE;
    switch (j->type) {
    case BF_JSON_NULL: return BF_V_NULL;
    case BF_JSON_FALSE: case BF_JSON_TRUE: return BF_V_BOOL;
    case BF_JSON_NUMBER: return BF_V_NUMBER;
    case BF_JSON_ARRAY: return BF_V_ARRAY;
    case BF_JSON_OBJECT: return BF_V_OBJECT;
    default:
        text = bf_json_str(a, j);
        return text && text[0] == '\1' && bare_word(text + 1) ? BF_V_NUMBER : BF_V_STRING;
    }
}

static const char *value_of(struct bf_arena *a, const struct bf_json *j)
{
    const char *text;
    size_t len;

    if (!j)
        return "";
    if (!bf_json_is(j, BF_JSON_STRING)) {
        text = bf_json_raw(j, &len);
        return bf_arena_ndup(a, text, len);
    }
    text = bf_json_str(a, j);
    return text && text[0] == '\1' && bare_word(text + 1) ? text + 1 : text ? text : "";
}

const char *bf_host_get(struct bf_arena *a, const char *json, const char *pointer, int *type)
{
    const struct bf_json *j = bf_json_at(parse(a, json), pointer ? pointer : "");

    if (type)
        *type = type_of(a, j);
    return value_of(a, j);
}

/* Where a walk stands, kept in the arena: `at` of the item is its address. */
struct walk {
    const struct bf_json *container;
    const struct bf_json *child;        /* the next one */
};

static struct walk *begin(struct bf_arena *a, const char *json, const char *pointer)
{
    struct walk *w = bf_arena_new_of(a, struct walk);

    if (!w)
        return NULL;
    w->container = bf_json_at(parse(a, json), pointer ? pointer : "");
    if (bf_json_is(w->container, BF_JSON_ARRAY) || bf_json_is(w->container, BF_JSON_OBJECT))
        w->child = bf_json_first(w->container);
    return w;
}

int bf_host_each(struct bf_arena *a, const char *json, const char *pointer, struct bf_item *it)
{
    struct walk *w = it->at ? (struct walk *)(uintptr_t)it->at : begin(a, json, pointer);
    const struct bf_json *value;
    bool object;

    if (!w || !w->child)
        return 0;
    object = bf_json_is(w->container, BF_JSON_OBJECT);
    value = object ? w->child + 1 : w->child;
    it->at = (uint64_t)(uintptr_t)w;
    it->key = object ? bf_json_str(a, w->child) : "";
    it->type = (uint32_t)type_of(a, value);
    it->value = value_of(a, value);
    w->child = bf_json_next(w->container, w->child);
    return 1;
}
