/* json.c - what a hub answered, for people. */
#include "core/cli/cli.h"

#include <string.h>

#include "core/base/base.h"

#define TEXT_MAX  (64 * 1024 * 1024)
#define INLINE_MAX 60           /* columns of a container that stays on one line */

static bool is_container(const struct bf_json *j)
{
    return bf_json_is(j, BF_JSON_OBJECT) || bf_json_is(j, BF_JSON_ARRAY);
}

/* The sender's bytes, without what a terminal would obey: JSON itself escapes the rest. */
static void put_raw(struct bf_buf *b, const struct bf_json *j)
{
    size_t len;
    const char *raw = bf_json_raw(j, &len);

    bf_put_plain(b, raw, len);
}

static void put_spaces(struct bf_buf *b, unsigned n)
{
    for (; n; n--)
        bf_buf_addc(b, ' ');
}

static bool fits(const struct bf_json *j)
{
    size_t len;
    const char *raw = bf_json_raw(j, &len);

    if (len > INLINE_MAX || memchr(raw, '\n', len))
        return false;
    for (const struct bf_json *k = bf_json_first(j); k; k = bf_json_next(j, k))
        if (bf_json_count(bf_json_is(j, BF_JSON_OBJECT) ? k + 1 : k))
            return false;
    return true;
}

void bf_put_json(struct bf_buf *b, const struct bf_json *j, unsigned indent)
{
    bool object = bf_json_is(j, BF_JSON_OBJECT);

    if (!is_container(j) || !bf_json_count(j) || (indent && fits(j))) {
        put_raw(b, j);
        return;
    }
    bf_buf_adds(b, object ? "{\n" : "[\n");
    for (const struct bf_json *k = bf_json_first(j), *next; k; k = next) {
        next = bf_json_next(j, k);
        put_spaces(b, indent + 2);
        if (object) {
            put_raw(b, k);
            bf_buf_adds(b, ": ");
        }
        bf_put_json(b, object ? k + 1 : k, indent + 2);
        bf_buf_adds(b, next ? ",\n" : "\n");
    }
    put_spaces(b, indent);
    bf_buf_addc(b, object ? '}' : ']');
}

/* A string's line ends would break a table: they are shown as well. */
const char *bf_cli_text(struct bf_arena *a, const struct bf_json *j)
{
    struct bf_buf b;
    const char *text;
    size_t len;

    if (!j || bf_json_is(j, BF_JSON_NULL))
        return "-";
    bf_buf_init(&b, TEXT_MAX);
    text = bf_json_is(j, BF_JSON_STRING) ? bf_json_str(a, j) : bf_json_raw(j, &len);
    bf_put_plain(&b, text, bf_json_is(j, BF_JSON_STRING) ? strlen(text) : len);
    for (size_t i = 0; i < b.len; i++)
        if (b.data[i] == '\n' || b.data[i] == '\t')
            b.data[i] = ' ';
    text = bf_arena_dup(a, bf_buf_text(&b));
    bf_buf_fini(&b);
    return text;
}

void bf_cli_put_lines(struct bf_cli *c, struct bf_buf *b, const struct bf_json *j, unsigned indent)
{
    const char *at = bf_json_str(c->arena, j);

    while (at && *at) {
        size_t len = strcspn(at, "\n");

        put_spaces(b, indent);
        bf_put_plain(b, at, len);
        bf_buf_addc(b, '\n');
        at += len + (at[len] == '\n');
    }
}

static bool is_time(const char *text)
{
    return strlen(text) >= 20 && text[4] == '-' && text[7] == '-' && text[10] == 'T';
}

static void put_member(struct bf_cli *c, struct bf_buf *b, const char *name,
                       const struct bf_json *value, unsigned width)
{
    bf_buf_printf(b, "%s:", name);
    put_spaces(b, width - (unsigned)strlen(name) + 1);
    if (bf_json_is(value, BF_JSON_STRING)) {
        const char *text = bf_json_str(c->arena, value);

        bf_put_plain(b, text, strlen(text));
        if (is_time(text))
            bf_buf_printf(b, " (%s)", bf_cli_ago(c->arena, text));
    } else if (is_container(value)) {
        bf_put_json(b, value, width + 2);
    } else {
        bf_buf_adds(b, bf_cli_text(c->arena, value));
    }
    bf_buf_addc(b, '\n');
}

void bf_cli_put_members(struct bf_cli *c, struct bf_buf *b, const struct bf_json *object,
                        const char *without)
{
    unsigned width = 0;

    for (const struct bf_json *k = bf_json_first(object); k; k = bf_json_next(object, k))
        if (strlen(bf_cli_text(c->arena, k)) > width)
            width = (unsigned)strlen(bf_cli_text(c->arena, k));
    for (const struct bf_json *k = bf_json_first(object); k; k = bf_json_next(object, k))
        if (!without || !bf_json_eq(k, without))
            put_member(c, b, bf_cli_text(c->arena, k), k + 1, width);
}

void bf_cli_show(struct bf_cli *c, const struct bf_json *object)
{
    struct bf_buf b;

    bf_buf_init(&b, TEXT_MAX);
    bf_cli_put_members(c, &b, object, NULL);
    bf_cli_print(c, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
}
