/* input.c - request bodies: JSON, and nothing in it that is not asked for.
 *
 * A member that is misspelt is an error and not a default, so each is refused by its name. */
#include "core/api/api_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

#define KNOWN_MAX 400           /* bytes of the list of names in an error */

static const char *type_words(enum bf_json_type type)
{
    if (type == BF_JSON_TRUE)
        return "true or false";
    return type == BF_JSON_OBJECT ? "an object" : type == BF_JSON_ARRAY ? "an array" : "a string";
}

static const struct bf_api_member *find_member(const struct bf_json *key,
                                               const struct bf_api_member *members, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bf_json_eq(key, members[i].name))
            return &members[i];
    return NULL;
}

static int unknown(const struct bf_json *key, const struct bf_api_member *members, size_t n,
                   struct bf_error *err)
{
    char field[sizeof(err->field)];
    struct bf_buf known;
    int rc;

    snprintf(field, sizeof(field), "%.*s", (int)bf_min64(key->len, sizeof(field) - 1), key->text);
    bf_buf_init(&known, KNOWN_MAX);
    for (size_t i = 0; i < n; i++)
        bf_buf_printf(&known, "%s%s", i ? ", " : "", members[i].name);
    rc = bf_error_field(err, BF_ECONFIG, field, "there is no member \"%s\" here; known: %s", field,
                        n ? bf_buf_text(&known) : "none");
    bf_buf_fini(&known);
    return rc;
}

static int take_member(const struct bf_json *key, const struct bf_api_member *m,
                       struct bf_error *err)
{
    const struct bf_json *value = key + 1;

    if (m->type != BF_JSON_NULL && !bf_json_is(value, m->type) &&
        !(m->type == BF_JSON_TRUE && bf_json_is(value, BF_JSON_FALSE)))
        return bf_error_field(err, BF_ECONFIG, m->name, "%s must be %s, not %s", m->name,
                              type_words(m->type), bf_json_type_name(value));
    *m->out = value;
    return BF_OK;
}

int bf_api_members(const struct bf_json *object, const struct bf_api_member *members, size_t n,
                   struct bf_error *err)
{
    const struct bf_json *key;
    int rc = BF_OK;

    for (size_t i = 0; i < n; i++)
        *members[i].out = NULL;
    if (!bf_json_is(object, BF_JSON_OBJECT))
        return bf_error_set(err, BF_ECONFIG, "the body must be a JSON object, not %s",
                            bf_json_type_name(object));
    for (key = bf_json_first(object); key && !rc; key = bf_json_next(object, key)) {
        const struct bf_api_member *m = find_member(key, members, n);

        rc = m ? take_member(key, m, err) : unknown(key, members, n, err);
    }
    for (size_t i = 0; !rc && i < n; i++)
        if (members[i].required && !*members[i].out)
            rc = bf_error_field(err, BF_ECONFIG, members[i].name, "%s is missing; give %s",
                                members[i].name, type_words(members[i].type));
    return rc;
}

int bf_api_body(struct bf_exchange *x, const struct bf_json **out)
{
    struct bf_error err;
    size_t len;
    const char *body = bf_exchange_body(x, &len);

    *out = bf_json_parse(bf_exchange_arena(x), body, len, &err);
    if (!*out)
        return bf_exchange_fail(x, 400, "invalid", NULL, "the body is not JSON: %s", err.words);
    return 0;
}

int bf_api_body_members(struct bf_exchange *x, const struct bf_api_member *members, size_t n)
{
    static const struct bf_json empty = {.text = "{}", .len = 2, .skip = 1,
                                         .type = BF_JSON_OBJECT};
    const struct bf_json *body = &empty;
    struct bf_error err;
    size_t len;
    int status = 0;

    bf_exchange_body(x, &len);
    if (len > 0)
        status = bf_api_body(x, &body);
    if (status)
        return status;
    return bf_api_members(body, members, n, &err) ? bf_api_invalid(x, BF_ECONFIG, &err) : 0;
}
