/* members.c - unknown members are refused by name. */
#include "core/rules/members.h"

int bf_members_check(struct bf_arena *a, const struct bf_json *object, const char *const *members,
                     const char *example, struct bf_error *err)
{
    const char *list = "";

    if (!bf_json_is(object, BF_JSON_OBJECT))
        return bf_error_set(err, BF_ECONFIG, "must be an object such as %s, not %s", example,
                            bf_json_type_name(object));
    for (const struct bf_json *k = bf_json_first(object); k; k = bf_json_next(object, k)) {
        size_t i = 0;

        while (members[i] && !bf_json_eq(k, members[i]))
            i++;
        if (members[i])
            continue;
        for (i = 0; members[i]; i++)
            list = bf_arena_printf(a, "%s%s%s", list, i ? ", " : "", members[i]);
        return bf_error_field(err, BF_ECONFIG, bf_json_str(a, k),
                              "unknown member \"%.80s\"; known are %s", bf_json_str(a, k), list);
    }
    return BF_OK;
}
