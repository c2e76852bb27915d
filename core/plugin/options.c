/* options.c - option tables: from JSON to a plugin's own struct.
 *
 * A table says which options there are and where in the struct each belongs.  Values are JSON of
 * the option's type; defaults are text as a user would write it, and go through the same checks
 * when the plugin is loaded, so that filling can only fail on what a user gave.  Everything that
 * is pointed to lives in the arena.
 *
 * Secret options are only checked here: what the plugin gets to see is a stand-in (secrets.c). */
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/plugin/inner.h"

#define OPTION_NAME_MAX 64
#define LIST_MAX 256                    /* elements of a list, pairs of a map */
#define KNOWN_FLAGS (BF_REQUIRED | BF_SECRET | BF_TEMPLATE | BF_GRANTED | BF_SHOWN)

static size_t size_of(uint32_t type)
{
    switch (type) {
    case BF_T_INT: case BF_T_DURATION: return sizeof(int64_t);
    case BF_T_BOOL: return sizeof(bool);
    case BF_T_STRING: case BF_T_LIST: case BF_T_MAP: case BF_T_JSON: return sizeof(void *);
    default: return 0;
    }
}

void *bf_option_place(const struct bf_option *o, const void *in)
{
    return (char *)in + o->offset;
}

const struct bf_option *bf_option_find(const struct bf_option *table, const char *name)
{
    for (const struct bf_option *o = table; o && o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

static int field_error(struct bf_error *err, const struct bf_option *o, const char *fmt, ...)
    BF_FORMAT(3, 4);
static int field_error(struct bf_error *err, const struct bf_option *o, const char *fmt, ...)
{
    char words[512], field[OPTION_NAME_MAX + 16];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof(words), fmt, ap);
    va_end(ap);
    snprintf(field, sizeof(field), "config.%s", o->name);
    return bf_error_field(err, BF_ECONFIG, field, "%s", words);
}


/* --- values -------------------------------------------------------------------- */

/* The spelling that the table has of one of "INFO|WARN|ERROR", found without case. */
static const char *choice_of(struct bf_arena *a, const char *choices, const char *value)
{
    size_t len = strlen(value);

    for (const char *at = choices; *at;) {
        size_t n = strcspn(at, "|");

        if (n == len && strncasecmp(at, value, n) == 0)
            return bf_arena_ndup(a, at, n);
        at += n + (at[n] == '|');
    }
    return NULL;
}

static int put_text(const struct bf_option *o, struct bf_arena *a, const char *value,
                    const char **out, struct bf_error *err)
{
    *out = o->choices ? choice_of(a, o->choices, value) : value;
    if (*out)
        return BF_OK;
    return field_error(err, o, "%s must be one of %s", o->name, o->choices);
}

static int wrong_type(const struct bf_option *o, const char *wanted, const struct bf_json *got,
                      struct bf_error *err)
{
    return field_error(err, o, "%s must be %s, not %s", o->name, wanted, bf_json_type_name(got));
}

static int fill_duration(const struct bf_option *o, void *place, const struct bf_json *j,
                         struct bf_arena *a, struct bf_error *err)
{
    const char *text = bf_json_str(a, j);
    int64_t ms;

    if (text ? !bf_duration_parse(text, &ms) : !bf_json_int(j, &ms))
        return field_error(err, o, "%s must be a duration such as \"30s\", \"5m\" or \"250ms\", or "
                           "a whole number of milliseconds", o->name);
    if (ms < 0)
        return field_error(err, o, "%s must not be negative", o->name);
    memcpy(place, &ms, sizeof(ms));
    return BF_OK;
}

static int fill_list(const struct bf_option *o, void *place, const struct bf_json *j,
                     struct bf_arena *a, struct bf_error *err)
{
    size_t n = bf_json_count(j), at = 0;
    const char **list;
    int rc;

    if (!bf_json_is(j, BF_JSON_ARRAY))
        return wrong_type(o, "an array of strings", j, err);
    list = n <= LIST_MAX ? bf_arena_alloc(a, (n + 1) * sizeof(*list)) : NULL;
    if (!list)
        return field_error(err, o, "%s has more than %d elements", o->name, LIST_MAX);
    for (const struct bf_json *e = bf_json_first(j); e; e = bf_json_next(j, e)) {
        const char *text = bf_json_str(a, e);

        if (!text)
            return wrong_type(o, "an array of strings", e, err);
        rc = put_text(o, a, text, &list[at++], err);
        if (rc)
            return rc;
    }
    memcpy(place, &list, sizeof(list));
    return BF_OK;
}

static int fill_map(const struct bf_option *o, void *place, const struct bf_json *j,
                    struct bf_arena *a, struct bf_error *err)
{
    size_t n = bf_json_count(j), at = 0;
    const char **map;

    if (!bf_json_is(j, BF_JSON_OBJECT))
        return wrong_type(o, "an object of strings", j, err);
    map = n <= LIST_MAX ? bf_arena_alloc(a, (2 * n + 1) * sizeof(*map)) : NULL;
    if (!map)
        return field_error(err, o, "%s has more than %d entries", o->name, LIST_MAX);
    for (const struct bf_json *k = bf_json_first(j); k; k = bf_json_next(j, k)) {
        const char *value = bf_json_str(a, k + 1);

        if (!value)
            return wrong_type(o, "an object of strings", k + 1, err);
        map[at++] = bf_json_str(a, k);
        map[at++] = value;
    }
    memcpy(place, &map, sizeof(map));
    return BF_OK;
}

static int fill_value(const struct bf_option *o, void *place, const struct bf_json *j,
                      struct bf_arena *a, struct bf_error *err)
{
    const char *text;
    size_t len;
    int64_t number;
    bool yes;
    int rc;

    switch (o->type) {
    case BF_T_STRING:
        text = bf_json_str(a, j);
        if (!text)
            return wrong_type(o, "a string", j, err);
        rc = put_text(o, a, text, &text, err);
        memcpy(place, &text, sizeof(text));
        return rc;
    case BF_T_INT:
        if (!bf_json_int(j, &number))
            return wrong_type(o, "a whole number", j, err);
        memcpy(place, &number, sizeof(number));
        return BF_OK;
    case BF_T_BOOL:
        if (!bf_json_is(j, BF_JSON_TRUE) && !bf_json_is(j, BF_JSON_FALSE))
            return wrong_type(o, "true or false", j, err);
        yes = bf_json_is(j, BF_JSON_TRUE);
        memcpy(place, &yes, sizeof(yes));
        return BF_OK;
    case BF_T_DURATION:
        return fill_duration(o, place, j, a, err);
    case BF_T_LIST:
        return fill_list(o, place, j, a, err);
    case BF_T_MAP:
        return fill_map(o, place, j, a, err);
    default:
        text = bf_json_raw(j, &len);
        text = bf_arena_ndup(a, text, len);
        memcpy(place, &text, sizeof(text));
        return BF_OK;
    }
}


/* --- defaults -------------------------------------------------------------------- */

static void trim(const char **from, size_t *len)
{
    while (*len && strchr(" \t\n", **from)) {
        ++*from;
        --*len;
    }
    while (*len && strchr(" \t\n", (*from)[*len - 1]))
        --*len;
}

/* "a, b" or "k=v, l=w" as the JSON it stands for. */
static void list_as_json(struct bf_buf *b, const char *def, bool map)
{
    bf_buf_addc(b, map ? '{' : '[');
    for (const char *at = def; *at;) {
        size_t n = strcspn(at, ","), len = n;
        const char *item = at, *eq;

        trim(&item, &len);
        if (b->len > 1)
            bf_buf_addc(b, ',');
        bf_buf_addc(b, '"');
        eq = map ? memchr(item, '=', len) : NULL;
        if (eq) {
            bf_buf_json_chars(b, item, (size_t)(eq - item));
            bf_buf_adds(b, "\":\"");
            len -= (size_t)(eq + 1 - item);
            item = eq + 1;
        }
        bf_buf_json_chars(b, item, len);
        bf_buf_addc(b, '"');
        at += n + (at[n] == ',');
    }
    bf_buf_addc(b, map ? '}' : ']');
}

/* The JSON of a default. */
static const char *default_json(const struct bf_option *o, struct bf_arena *a)
{
    struct bf_buf b;
    const char *json;

    if (o->type == BF_T_INT || o->type == BF_T_BOOL || o->type == BF_T_JSON)
        return o->def;
    bf_buf_init(&b, 64 * 1024);
    if (o->type == BF_T_LIST || o->type == BF_T_MAP)
        list_as_json(&b, o->def, o->type == BF_T_MAP);
    else
        bf_buf_json(&b, o->def);
    json = bf_arena_dup(a, bf_buf_text(&b));
    bf_buf_fini(&b);
    return json;
}

static int fill_default(const struct bf_option *o, void *into, struct bf_arena *a,
                        struct bf_error *err)
{
    const char *json;
    const struct bf_json *j;

    if (!o->def || (o->flags & BF_SECRET))
        return BF_OK;
    json = default_json(o, a);
    j = bf_json_parse(a, json, strlen(json), err);
    if (!j)
        return field_error(err, o, "the default of %s is not of its type", o->name);
    return fill_value(o, bf_option_place(o, into), j, a, err);
}


/* --- tables ---------------------------------------------------------------------- */

static bool name_ok(const char *name)
{
    size_t len = strlen(name);

    return len <= OPTION_NAME_MAX && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static const char *wrong_with(const struct bf_option *table, const struct bf_option *o,
                              size_t struct_size, unsigned flags_allowed)
{
    size_t size = size_of(o->type);

    if (!name_ok(o->name))
        return "its name is not lower case letters, digits and _";
    if (bf_option_find(table, o->name) != o)
        return "there are two of that name";
    if (!size)
        return "its type is not known to this hub";
    if (o->offset % size || o->offset > struct_size || struct_size - o->offset < size)
        return "its place is not inside the struct; give the struct's own member";
    if (o->flags & ~KNOWN_FLAGS)
        return "it has a flag that needs a newer hub";
    if (o->flags & ~flags_allowed & (BF_SECRET | BF_GRANTED))
        return "secrets are options of the integration only";
    if (o->flags & ~flags_allowed & BF_SHOWN)
        return "what people read is an option of an action only";
    if (o->flags & ~flags_allowed)
        return "templates are options of sinks only";
    if ((o->flags & BF_GRANTED) && (!(o->flags & BF_SECRET) || (o->flags & BF_REQUIRED)))
        return "only a secret that may be left out can be a granted one";
    if ((o->flags & BF_SECRET) && o->type != BF_T_STRING)
        return "only a string can be a secret";
    if ((o->flags & BF_REQUIRED) && o->def)
        return "it is required and has a default; drop one of them";
    if (o->choices && o->type != BF_T_STRING && o->type != BF_T_LIST)
        return "only strings and lists have choices";
    return NULL;
}

int bf_options_check(const struct bf_option *table, size_t struct_size, unsigned flags_allowed,
                     struct bf_error *err)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    void *sample = bf_arena_alloc(a, struct_size + alignof(max_align_t));
    int rc = sample ? BF_OK : bf_error_set(err, BF_ECONFIG, "its option struct is too large");

    for (const struct bf_option *o = table; !rc && o && o->name; o++) {
        const char *wrong = wrong_with(table, o, struct_size, flags_allowed);

        if (wrong)
            rc = bf_error_set(err, BF_ECONFIG, "option \"%s\": %s", o->name, wrong);
        else
            rc = fill_default(o, sample, a, err);
    }
    bf_arena_free(a);
    return rc;
}

static int unknown_option(const struct bf_option *table, const char *name, struct bf_arena *a,
                          struct bf_error *err)
{
    const char *known = "";
    char field[OPTION_NAME_MAX + 16];

    for (const struct bf_option *o = table; o && o->name; o++)
        known = bf_arena_printf(a, "%s%s%s", known, *known ? ", " : "", o->name);
    snprintf(field, sizeof(field), "config.%.*s", OPTION_NAME_MAX, name);
    if (!*known)
        return bf_error_field(err, BF_ECONFIG, field, "there is no option \"%.64s\"; none are "
                              "taken here", name);
    return bf_error_field(err, BF_ECONFIG, field, "there is no option \"%.64s\"; the options are "
                          "%s", name, known);
}

static int fill_one(const struct bf_option *o, void *into, const struct bf_json *value,
                    struct bf_arena *a, struct bf_error *err)
{
    bool absent = !value || bf_json_is(value, BF_JSON_NULL);

    if (absent && (o->flags & BF_REQUIRED))
        return field_error(err, o, "%s is required: %s", o->name, o->help ? o->help : "");
    if (absent)
        return fill_default(o, into, a, err);
    if (o->flags & BF_SECRET)
        return BF_OK;
    return fill_value(o, bf_option_place(o, into), value, a, err);
}

int bf_options_fill(const struct bf_option *table, void *into, const struct bf_json *object,
                    struct bf_arena *a, struct bf_error *err)
{
    int rc = BF_OK;

    for (const struct bf_json *k = bf_json_first(object); k; k = bf_json_next(object, k)) {
        const char *name = bf_json_str(a, k);

        if (!bf_option_find(table, name))
            return unknown_option(table, name, a, err);
    }
    for (const struct bf_option *o = table; !rc && o && o->name; o++)
        rc = fill_one(o, into, bf_json_get(object, o->name), a, err);
    if (!rc && !bf_arena_ok(a))
        rc = bf_error_field(err, BF_ETOOBIG, "config", "the options are too large");
    return rc;
}

int bf_config_parse(struct bf_arena *a, const char *json, const struct bf_json **out,
                    struct bf_error *err)
{
    *out = NULL;
    if (!json || json[strspn(json, " \t\r\n")] == '\0')
        return BF_OK;
    *out = bf_json_parse(a, json, strlen(json), err);
    if (!*out) {
        bf_error_within(err, "config");
        return BF_ECONFIG;
    }
    if (bf_json_is(*out, BF_JSON_OBJECT))
        return BF_OK;
    return bf_error_field(err, BF_ECONFIG, "config", "config must be an object, not %s",
                          bf_json_type_name(*out));
}
