/* rendered.c - an action's options with every variable filled in: as JSON, for who looks at them and
 * for the script that may change them, and back into the plugin's struct.
 *
 * What a script has written is no template, whatever it looks like: its texts are known by their
 * addresses, and stand for themselves when the plugin has them expanded, escaped as a value would
 * be.  An option that came back as it went out is the action's own again, so what its author wrote
 * around the variables is escaped no more than without a script. */
#include <string.h>

#include "core/plugin/host.h"

const struct bf_option *bf_payload_option(const struct bf_sink *sink)
{
    const struct bf_option *o = bf_option_find(sink->action, "payload");

    return o && o->type == BF_T_JSON ? o : NULL;
}

static size_t size_of(uint32_t type)
{
    switch (type) {
    case BF_T_INT:
    case BF_T_DURATION:
        return sizeof(int64_t);
    case BF_T_BOOL:
        return sizeof(bool);
    default:
        return sizeof(void *);
    }
}

static const char *text_at(const struct bf_option *o, const void *in)
{
    return *(const char *const *)bf_option_place(o, in);
}

static const char *const *texts_at(const struct bf_option *o, const void *in)
{
    return *(const char *const *const *)bf_option_place(o, in);
}

static bool has_texts(const struct bf_option *o)
{
    return o->type == BF_T_LIST || o->type == BF_T_MAP;
}


/* --- to JSON ------------------------------------------------------------------------- */

static void print_text(struct bf_try *t, const struct bf_option *o, const char *text,
                       struct bf_buf *b)
{
    bool is_template = o->flags & BF_TEMPLATE;

    bf_buf_json(b, is_template && text ? bf_sink_expand(&t->delivery, text, BF_ESC_NONE) : text);
}

/* A list, or the keys and values of a map. */
static void print_texts(struct bf_try *t, const struct bf_option *o, const char *const *texts,
                        struct bf_buf *b)
{
    bool map = o->type == BF_T_MAP;

    bf_buf_addc(b, map ? '{' : '[');
    for (size_t i = 0; texts && texts[i]; i++) {
        if (i)
            bf_buf_addc(b, map && i % 2 ? ':' : ',');
        if (map && i % 2 == 0)
            bf_buf_json(b, texts[i]);
        else
            print_text(t, o, texts[i], b);
    }
    bf_buf_addc(b, map ? '}' : ']');
}

void bf_rendered_print_one(struct bf_try *t, const struct bf_option *o, struct bf_buf *b)
{
    const void *in = t->delivery.action, *at = bf_option_place(o, in);

    switch (o->type) {
    case BF_T_INT:
    case BF_T_DURATION:
        bf_buf_addi(b, *(const int64_t *)at);
        break;
    case BF_T_BOOL:
        bf_buf_adds(b, *(const bool *)at ? "true" : "false");
        break;
    case BF_T_LIST:
    case BF_T_MAP:
        print_texts(t, o, texts_at(o, in), b);
        break;
    case BF_T_JSON:
        bf_buf_adds(b, text_at(o, in) ? bf_sink_render(&t->delivery, text_at(o, in)) : "null");
        break;
    default:
        print_text(t, o, text_at(o, in), b);
    }
}

static bool is_set(const struct bf_option *o, const void *in)
{
    return size_of(o->type) != sizeof(void *) || o->type == BF_T_INT || o->type == BF_T_DURATION ||
           text_at(o, in) != NULL;
}

void bf_rendered_print(struct bf_try *t, bool only_set, struct bf_buf *b)
{
    const char *before = "";

    bf_buf_addc(b, '{');
    for (const struct bf_option *o = t->instance->sink->action; o && o->name; o++) {
        if (only_set && !is_set(o, t->delivery.action))
            continue;
        bf_buf_adds(b, before);
        bf_buf_json(b, o->name);
        bf_buf_addc(b, ':');
        bf_rendered_print_one(t, o, b);
        before = ",";
    }
    bf_buf_addc(b, '}');
}


/* --- and back ------------------------------------------------------------------------- */

static size_t n_texts(const struct bf_option *o, const void *in)
{
    const char *const *texts;
    size_t n = 0;

    if (o->type == BF_T_STRING || o->type == BF_T_JSON)
        return 1;
    texts = has_texts(o) ? texts_at(o, in) : NULL;
    while (texts && texts[n])
        n++;
    return n;
}

static void add_texts(struct bf_rendered *r, const struct bf_option *o)
{
    size_t n = n_texts(o, r->options);

    for (size_t i = 0; i < n; i++)
        r->texts[r->n++] = has_texts(o) ? texts_at(o, r->options)[i] : text_at(o, r->options);
}

static bool same_json(struct bf_arena *a, const struct bf_json *x, const struct bf_json *y)
{
    const struct bf_json *k, *l;
    size_t n, m;
    const char *text = bf_json_raw(x, &n), *other = bf_json_raw(y, &m);

    if (x->type != y->type)
        return false;
    if (bf_json_is(x, BF_JSON_STRING))
        return strcmp(bf_json_str(a, x), bf_json_str(a, y)) == 0;
    if (!bf_json_is(x, BF_JSON_ARRAY) && !bf_json_is(x, BF_JSON_OBJECT))
        return n == m && memcmp(text, other, n) == 0;
    if (bf_json_count(x) != bf_json_count(y))
        return false;
    for (k = bf_json_first(x), l = bf_json_first(y); k; k = bf_json_next(x, k),
        l = bf_json_next(y, l))
        if (!same_json(a, k, l) || (bf_json_is(x, BF_JSON_OBJECT) && !same_json(a, k + 1, l + 1)))
            return false;
    return true;
}

/* Whether an option was given back as it was. */
static bool is_untouched(const struct bf_answered *w, const char *name)
{
    const struct bf_json *x = bf_json_get(w->given, name), *y = bf_json_get(w->got, name);

    return x && y ? same_json(w->scratch, x, y) : x == y;
}

static int too_large(struct bf_error *err, size_t len)
{
    return bf_error_set(err, BF_ETOOBIG, "it has %zu bytes, at most %d are allowed", len,
                        BF_RENDERED_MAX);
}

static int check_sizes(const struct bf_rendered *r, struct bf_error *err)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->texts[i] && strlen(r->texts[i]) > BF_RENDERED_MAX)
            return too_large(err, strlen(r->texts[i]));
    return BF_OK;
}

static int read_options(const struct bf_try *t, struct bf_arena *a, const struct bf_answered *w,
                        struct bf_rendered *r, struct bf_error *err)
{
    const struct bf_option *table = t->instance->sink->action;
    size_t n = 0;
    int rc;

    if (!bf_json_is(w->got, BF_JSON_OBJECT))
        return bf_error_set(err, BF_ECONFIG, "it must be a table of options, not %s",
                            bf_json_type_name(w->got));
    rc = bf_options_fill(table, r->options, w->got, a, err);
    if (rc)
        return rc;
    for (const struct bf_option *o = table; o && o->name; o++)
        n += n_texts(o, r->options);
    r->texts = bf_arena_alloc(a, (n + 1) * sizeof(*r->texts));
    for (const struct bf_option *o = table; r->texts && o && o->name; o++) {
        if (is_untouched(w, o->name))
            memcpy(bf_option_place(o, r->options), bf_option_place(o, t->filled->options),
                   size_of(o->type));
        else if (bf_json_get(w->got, o->name))     /* else it is its default, which is a template */
            add_texts(r, o);
    }
    return check_sizes(r, err);
}

static int read_payload(const struct bf_try *t, struct bf_arena *a, const struct bf_option *o,
                        const struct bf_json *got, struct bf_rendered *r, struct bf_error *err)
{
    size_t len;
    const char *text = bf_json_raw(got, &len);

    if (len > BF_RENDERED_MAX)
        return too_large(err, len);
    memcpy(r->options, t->filled->options, t->instance->sink->action_size);
    text = bf_arena_ndup(a, text, len);
    memcpy(bf_option_place(o, r->options), &text, sizeof(text));
    r->texts = bf_arena_alloc(a, sizeof(*r->texts));
    if (r->texts)
        r->texts[r->n++] = text;
    return BF_OK;
}

int bf_rendered_read(const struct bf_try *t, struct bf_arena *a, const struct bf_answered *w,
                     const struct bf_rendered **out, struct bf_error *err)
{
    const struct bf_option *payload = bf_payload_option(t->instance->sink);
    struct bf_rendered *r = bf_arena_new_of(a, struct bf_rendered);
    int rc;

    if (r)
        r->options = bf_arena_alloc(a, t->instance->sink->action_size + 1);
    if (!r || !r->options)
        return bf_error_set(err, BF_ENOMEM, "there is no memory left for it");
    rc = payload ? read_payload(t, a, payload, w->got, r, err) : read_options(t, a, w, r, err);
    if (!rc && !bf_arena_ok(a))
        rc = bf_error_set(err, BF_ENOMEM, "there is no memory left for it");
    if (!rc)
        *out = r;
    return rc;
}

bool bf_rendered_has(const struct bf_rendered *r, const char *text)
{
    for (size_t i = 0; r && i < r->n; i++)
        if (r->texts[i] == text)
            return true;
    return false;
}
