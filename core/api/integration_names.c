/* integration_names.c - automations with the names of their integrations, as documents have them, and
 * with the ids, as the hub does. */
#include "core/api/plans.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"

static void put_action(struct bf_buf *b, const struct bf_json *action, const char *name)
{
    const char *raw;
    bool any = false;
    size_t len;

    bf_buf_addc(b, '{');
    for (const struct bf_json *k = bf_json_first(action); k; k = bf_json_next(action, k)) {
        if (bf_json_eq(k, "sink"))
            continue;
        if (any)
            bf_buf_addc(b, ',');
        any = true;
        raw = bf_json_raw(k, &len);
        bf_buf_add(b, raw, len);
        bf_buf_addc(b, ':');
        raw = bf_json_raw(k + 1, &len);
        if (bf_json_eq(k, "integration") && name)
            bf_buf_json(b, name);
        else
            bf_buf_add(b, raw, len);
    }
    bf_buf_addc(b, '}');
}

const char *bf_api_rename_integrations(struct bf_arena *a, const char *spec, size_t len,
                                       bf_rename_fn *fn, void *arg, size_t *out_len)
{
    const struct bf_json *root = bf_json_parse(a, spec, len, NULL);
    const struct bf_json *actions = bf_json_get(root, "actions");
    const char *from = spec, *raw, *text;
    unsigned index = 0;
    struct bf_buf b;
    size_t raw_len;

    if (!bf_json_is(actions, BF_JSON_ARRAY))
        actions = NULL;
    bf_buf_init(&b, 2 * BF_SPEC_MAX);
    for (const struct bf_json *k = bf_json_first(actions); k; k = bf_json_next(actions, k), index++) {
        const char *named = bf_json_str(a, bf_json_get(k, "integration"));

        if (!bf_json_is(k, BF_JSON_OBJECT))
            continue;
        text = named ? fn(arg, index, named, bf_json_str(a, bf_json_get(k, "sink"))) : NULL;
        raw = bf_json_raw(k, &raw_len);
        bf_buf_add(&b, from, (size_t)(raw - from));
        put_action(&b, k, text);
        from = raw + raw_len;
    }
    bf_buf_add(&b, from, (size_t)(spec + len - from));
    text = bf_arena_ndup(a, bf_buf_text(&b), b.len);
    *out_len = b.len;
    bf_buf_fini(&b);
    return text;
}

const char *bf_api_integration_called(struct bf_arena *a, const char *entity, const char *owner,
                                      const char *name)
{
    return strcmp(entity, owner) == 0 ? name : bf_arena_printf(a, "%s/%s", owner, name);
}
