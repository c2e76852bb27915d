/* cause.c - the root of a chain of events, in a header and in an envelope. */
#include "core/event/cause.h"

#include <string.h>

#include "core/base/base.h"

static bool is_visible(char c) { return c > ' ' && c < 0x7f; }

/* What was escaped once stays as it is from then on. */
const char *bf_cause_root(struct bf_arena *a, const char *cause, const char *id)
{
    const char *root = cause ? cause : id ? id : "", *text;
    struct bf_buf b;

    bf_buf_init(&b, 3 * BF_NAME_MAX + 1);
    for (; *root; root++) {
        if (is_visible(*root))
            bf_buf_addc(&b, *root);
        else
            bf_buf_printf(&b, "%%%02X", (unsigned char)*root);
    }
    text = bf_arena_dup(a, bf_buf_text(&b));
    bf_buf_fini(&b);
    return text;
}

static bool is_cause(const char *cause)
{
    size_t len = strlen(cause);

    for (size_t i = 0; i < len; i++)
        if (!is_visible(cause[i]))
            return false;
    return len > 0 && len <= 3 * BF_NAME_MAX;
}

/* A name that grew by escaping is cut: what counts is that it is always the same. */
static void add_cause(struct bf_buf *b, const char *cause)
{
    size_t len = strlen(cause);

    bf_buf_addc(b, '"');
    bf_buf_json_chars(b, cause, len < BF_NAME_MAX ? len : BF_NAME_MAX);
    bf_buf_addc(b, '"');
}

/* The sender's text with that one value in place of the one that is there, or in front. */
static void rewrite(struct bf_arena *scratch, const struct bf_envelope *e, const char *cause,
                    struct bf_buf *b)
{
    const struct bf_json *root = bf_json_parse(scratch, e->text, e->text_len, NULL);
    const struct bf_json *old = bf_json_get(root, "cause");
    size_t len, from = 1;

    if (old) {
        const char *raw = bf_json_raw(old, &len);
        size_t at = (size_t)(raw - e->text);

        bf_buf_add(b, e->text, at);
        add_cause(b, cause);
        from = at + len;
    } else {
        bf_buf_adds(b, "{\"cause\":");
        add_cause(b, cause);
        bf_buf_addc(b, ',');    /* there is at least a type */
    }
    bf_buf_add(b, e->text + from, e->text_len - from);
}

int bf_cause_set(struct bf_arena *scratch, struct bf_envelope *e, const char *cause,
                 struct bf_envelope **out, struct bf_error *err)
{
    struct bf_buf b;
    int rc;

    if (!is_cause(cause))
        return bf_error_field(err, BF_ECONFIG, "cause", "the header " BF_CAUSE_HEADER " holds no"
                              " cause of an event");
    if (e->cause && strcmp(e->cause, cause) == 0) {
        *out = bf_envelope_ref(e);
        return BF_OK;
    }
    bf_buf_init(&b, BF_EVENT_MAX + 8 * BF_NAME_MAX);
    rewrite(scratch, e, cause, &b);
    rc = bf_envelope_parse(scratch, bf_buf_text(&b), b.len, BF_FROM_OUTSIDE, out, err);
    if (!rc)
        (*out)->hops = e->hops;
    bf_buf_fini(&b);
    return rc;
}
