/* template.c - compile templates into pieces, and put the pieces together again.
 *
 * A piece is either bytes of the author's text or a name to look up.  For JSON the pieces are cut
 * out of the text as it was written: the parser only tells where its string values are.  So all
 * that stands between two names leaves as it came, and a value, escaped, can only ever become
 * characters of the string that its name stood in.  ${json:name} takes the quotes around it along
 * and puts a whole JSON value in their place. */
#include "core/event/template.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/event/event_int.h"

#define TYPED      "json:"
#define SCRATCH_MAX (4 * 1024 * 1024)   /* the index of BF_TEMPLATE_MAX bytes of JSON, and room */

struct piece {
    struct piece *next;
    const char *text;           /* bytes to copy; NULL if it is a name */
    size_t len;
    const char *name;
    bool typed;
};

struct bf_template {
    bool json;
    struct piece *pieces;
};

struct compiler {
    struct bf_arena *arena;
    const struct bf_template_names *names;
    bool json;
    struct piece **last;        /* where the next piece is hung */
    const char *copied;         /* the text up to here is in pieces */
};

/* ---- compiling ---- */

static void add_piece(struct compiler *c, struct piece piece)
{
    struct piece *p = bf_arena_new_of(c->arena, struct piece);

    if (!p)
        return;                 /* the arena is marked */
    *p = piece;
    *c->last = p;
    c->last = &p->next;
}

/* The text from the last piece to here is copied, and what goes on at `next` comes after. */
static void copy_to(struct compiler *c, const char *here, const char *next)
{
    if (here > c->copied)
        add_piece(c, (struct piece){.text = c->copied, .len = (size_t)(here - c->copied)});
    c->copied = next;
}

/* A name as it is written in the text: within JSON it may hold escapes. */
static const char *decode_name(struct compiler *c, const char *start, size_t len)
{
    struct bf_json string = {.text = start, .len = (uint32_t)len, .skip = 1,
                             .type = BF_JSON_STRING, .escaped = 1};

    if (c->json && memchr(start, '\\', len))
        return bf_json_str(c->arena, &string);
    return bf_arena_ndup(c->arena, start, len);
}

/* Variables are written small, secrets nearly always large. */
static bool is_called_like_a_secret(const char *name)
{
    return *name && !name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")];
}

static int check_known(struct compiler *c, const char *name, struct bf_error *err)
{
    if (c->names->known(c->names->arg, name))
        return BF_OK;
    return bf_error_set(err, BF_ECONFIG, "unknown variable \"${%.80s}\"%s; known are: %s", name,
                        is_called_like_a_secret(name) ? "; a secret has to be granted, under secrets"
                                                      : "", c->names->list);
}

/* ${name} at `p` of a text that reaches from `start` to `end`; *after is behind it. */
static int compile_braces(struct compiler *c, const char *start, const char *p, const char *end,
                          const char **after, struct bf_error *err)
{
    const char *close = memchr(p, '}', (size_t)(end - p)), *name;
    bool typed;
    int rc;

    if (!close)
        return bf_error_set(err, BF_ECONFIG, "\"%.*s\" has no closing brace; write $${ for a "
                                             "literal ${",
                            (int)bf_min64(end - p, 40), p);
    name = decode_name(c, p + 2, (size_t)(close - p - 2));
    typed = strncmp(name, TYPED, strlen(TYPED)) == 0;
    if (typed && (!c->json || p != start || close + 1 != end))
        return bf_error_set(err, BF_ECONFIG, "\"${%.80s}\" must be the whole of a JSON string",
                            name);
    if (typed)
        name += strlen(TYPED);
    rc = check_known(c, name, err);
    if (rc)
        return rc;
    copy_to(c, typed ? p - 1 : p, typed ? close + 2 : close + 1);
    add_piece(c, (struct piece){.name = name, .typed = typed});
    *after = close + 1;
    return BF_OK;
}

static bool is_word(char ch, bool first)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_' ||
           (!first && ch >= '0' && ch <= '9');
}

/* $NAME at `p`, if there is such a name; behind it, or behind the $ if there is not. */
static const char *compile_bare(struct compiler *c, const char *p, const char *end)
{
    const char *stop = p + 1, *name;

    if (!c->names->bare)
        return p + 1;
    while (stop < end && is_word(*stop, stop == p + 1))
        stop++;
    if (stop == p + 1)
        return p + 1;
    name = bf_arena_ndup(c->arena, p + 1, (size_t)(stop - p - 1));
    if (!c->names->bare(c->names->arg, name))
        return stop;
    copy_to(c, p, stop);
    add_piece(c, (struct piece){.name = name});
    return stop;
}

/* Text, or the inside of one JSON string. */
static int compile_span(struct compiler *c, const char *start, const char *end,
                        struct bf_error *err)
{
    const char *p = start;

    while (p < end && (p = memchr(p, '$', (size_t)(end - p)))) {
        size_t left = (size_t)(end - p);
        int rc;

        if (left >= 3 && p[1] == '$' && p[2] == '{') {
            copy_to(c, p, p + 1);
            p += 3;
        } else if (left >= 2 && p[1] == '{') {
            rc = compile_braces(c, start, p, end, &p, err);
            if (rc)
                return rc;
        } else {
            p = compile_bare(c, p, end);
        }
    }
    return BF_OK;
}

static int compile_value(struct compiler *c, const struct bf_json *value, struct bf_error *err);

static int compile_element(struct compiler *c, const struct bf_json *array,
                           const struct bf_json *child, size_t i, struct bf_error *err)
{
    bool object = bf_json_is(array, BF_JSON_OBJECT);
    char place[64];
    int rc = compile_value(c, object ? child + 1 : child, err);

    if (rc == BF_OK)
        return BF_OK;
    if (object)
        snprintf(place, sizeof(place), "%.*s", (int)bf_min64(child->len, 60), child->text);
    else
        snprintf(place, sizeof(place), "[%zu]", i);
    bf_error_within(err, place);
    return rc;
}

/* The string values of a document, in the order of the text.  Keys are passed over. */
static int compile_value(struct compiler *c, const struct bf_json *value, struct bf_error *err)
{
    size_t i = 0;

    if (bf_json_is(value, BF_JSON_STRING))
        return compile_span(c, value->text, value->text + value->len, err);
    for (const struct bf_json *k = bf_json_first(value); k; k = bf_json_next(value, k)) {
        int rc = compile_element(c, value, k, i++, err);

        if (rc)
            return rc;
    }
    return BF_OK;
}

static int check_size(size_t len, struct bf_error *err)
{
    if (len <= BF_TEMPLATE_MAX)
        return BF_OK;
    return bf_error_set(err, BF_ETOOBIG, "the template is %zu bytes long, at most %d are allowed",
                        len, BF_TEMPLATE_MAX);
}

static int compile_document(struct compiler *c, const char *json, size_t len, struct bf_error *err)
{
    struct bf_arena *scratch = bf_arena_new(SCRATCH_MAX);
    const struct bf_json *root = bf_json_parse(scratch, json, len, err);
    int rc = root ? compile_value(c, root, err)
                  : bf_error_set(err, BF_ECONFIG, "this is not JSON: %s", err ? err->words : "");

    bf_arena_free(scratch);
    return rc;
}

static int compile(struct compiler *c, const char *text, size_t len, struct bf_template **out,
                   struct bf_error *err)
{
    struct bf_template *t = bf_arena_new_of(c->arena, struct bf_template);
    int rc = check_size(len, err);

    if (rc)
        return rc;
    c->copied = text = bf_arena_ndup(c->arena, text, len);
    if (!t || !bf_arena_ok(c->arena))
        return bf_error_set(err, BF_ENOMEM, "no memory for a template");
    t->json = c->json;
    c->last = &t->pieces;
    rc = c->json ? compile_document(c, text, len, err) : compile_span(c, text, text + len, err);
    if (rc)
        return rc;
    copy_to(c, text + len, text + len);
    if (!bf_arena_ok(c->arena))
        return bf_error_set(err, BF_ENOMEM, "no memory for a template");
    *out = t;
    return BF_OK;
}

int bf_template_compile_text(struct bf_arena *a, const char *text,
                             const struct bf_template_names *names, struct bf_template **out,
                             struct bf_error *err)
{
    struct compiler c = {.arena = a, .names = names};

    return compile(&c, text, strlen(text), out, err);
}

int bf_template_compile_json(struct bf_arena *a, const char *json, size_t len,
                             const struct bf_template_names *names, struct bf_template **out,
                             struct bf_error *err)
{
    struct compiler c = {.arena = a, .names = names, .json = true};

    return compile(&c, json, len, out, err);
}

/* ---- rendering ---- */

/* Enough for text between tags and for Slack, which shows any other entity as it is written. */
static void add_xml(struct bf_buf *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            bf_buf_adds(out, "&amp;");
            break;
        case '<':
            bf_buf_adds(out, "&lt;");
            break;
        case '>':
            bf_buf_adds(out, "&gt;");
            break;
        default:
            bf_buf_addc(out, *text);
        }
    }
}

void bf_buf_url_chars(struct bf_buf *out, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (; *text; text++) {
        unsigned char ch = (unsigned char)*text;

        if (is_word(*text, false) || strchr("-.~", *text)) {
            bf_buf_addc(out, *text);
        } else {
            bf_buf_addc(out, '%');
            bf_buf_addc(out, hex[ch >> 4]);
            bf_buf_addc(out, hex[ch & 15]);
        }
    }
}

void bf_template_add_value(struct bf_buf *out, enum bf_template_escape escape, const char *value)
{
    if (escape == BF_TEMPLATE_XML)
        add_xml(out, value);
    else if (escape == BF_TEMPLATE_URL)
        bf_buf_url_chars(out, value);
    else
        bf_buf_adds(out, value);
}

static void add_value(const struct bf_template *t, const struct piece *p,
                      enum bf_template_escape escape, const char *value, struct bf_buf *out)
{
    if (t->json && !p->typed)
        bf_buf_json_chars(out, value, strlen(value));
    else
        bf_template_add_value(out, t->json ? BF_TEMPLATE_PLAIN : escape, value);
}

static bool add_rendered(const struct bf_template *t, const struct piece *p,
                         enum bf_template_escape escape, bf_template_value_fn *value, void *arg,
                         struct bf_buf *out)
{
    const char *text;

    if (p->text) {
        bf_buf_add(out, p->text, p->len);
        return true;
    }
    text = value(arg, p->name, p->typed);
    if (text)
        add_value(t, p, escape, text, out);
    return text != NULL;
}

/* How long all of it would have been: each piece alone in a buf that holds the largest one. */
static size_t measure(const struct bf_template *t, enum bf_template_escape escape,
                      bf_template_value_fn *value, void *arg)
{
    struct bf_buf one;
    size_t len = 0;

    bf_buf_init(&one, 8 * BF_RENDERED_MAX);
    for (const struct piece *p = t->pieces; p; p = p->next) {
        bf_buf_clear(&one);
        add_rendered(t, p, escape, value, arg, &one);
        len += one.len;
    }
    bf_buf_fini(&one);
    return len;
}

size_t bf_template_worst(const struct bf_template *t, bf_template_most_fn *most, void *arg)
{
    size_t len = 0;

    for (const struct piece *p = t->pieces; p; p = p->next)
        len += p->text ? p->len : most(arg, p->name, t->json && !p->typed);
    return len;
}

void bf_template_each_name(const struct bf_template *t, bf_template_name_fn *fn, void *arg)
{
    for (const struct piece *p = t->pieces; p; p = p->next)
        if (!p->text)
            fn(arg, p->name);
}

int bf_template_render(const struct bf_template *t, enum bf_template_escape escape,
                       bf_template_value_fn *value, void *arg, struct bf_buf *out,
                       struct bf_error *err)
{
    size_t start = out->len;

    for (const struct piece *p = t->pieces; p; p = p->next) {
        if (!add_rendered(t, p, escape, value, arg, out))
            return bf_error_set(err, BF_ENOENT, "unknown_variable: ${%.80s} has no value any more; "
                                                "nothing was sent",
                                p->name);
        if (out->failed || out->len - start > BF_RENDERED_MAX)
            return bf_error_set(err, BF_ETOOBIG, "the rendered template is %zu bytes long, at most "
                                                 "%zu are allowed",
                                measure(t, escape, value, arg),
                                (size_t)bf_min64(BF_RENDERED_MAX, (int64_t)(out->max - start)));
    }
    return BF_OK;
}
