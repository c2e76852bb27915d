/* merge.c - an object with some of its members replaced, in the bytes its authors wrote. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/base/buf.h"

static bool names(const char *const *list, const struct bf_json *key)
{
    while (*list && !bf_json_eq(key, *list))
        list++;
    return *list != NULL;
}

static void add_member(struct bf_buf *b, const struct bf_json *key, const struct bf_json *value)
{
    const char *raw;
    size_t len;

    bf_buf_addc(b, b->len ? ',' : '{');
    raw = bf_json_raw(key, &len);
    bf_buf_add(b, raw, len);
    bf_buf_addc(b, ':');
    raw = bf_json_raw(value, &len);
    bf_buf_add(b, raw, len);
}

const char *bf_api_merge(struct bf_arena *a, const struct bf_json *base,
                         const struct bf_json *change, const char *const *without, size_t *len)
{
    const struct bf_json *value;
    const char *text = NULL;
    struct bf_buf b;

    bf_buf_init(&b, 2 * BF_SPEC_MAX);
    for (const struct bf_json *k = bf_json_first(base); k; k = bf_json_next(base, k)) {
        value = bf_json_get(change, bf_json_str(a, k));
        if (!value)
            value = k + 1;
        if (!bf_json_is(value, BF_JSON_NULL))
            add_member(&b, k, value);
    }
    for (const struct bf_json *k = bf_json_first(change); k; k = bf_json_next(change, k)) {
        if (!bf_json_get(base, bf_json_str(a, k)) && !names(without, k) &&
            !bf_json_is(k + 1, BF_JSON_NULL))
            add_member(&b, k, k + 1);
    }
    bf_buf_adds(&b, b.len ? "}" : "{}");
    *len = b.len;
    if (!b.failed)
        text = bf_arena_ndup(a, b.data, b.len);
    bf_buf_fini(&b);
    return bf_arena_ok(a) ? text : NULL;
}
