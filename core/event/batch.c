/* batch.c - what a sender may send: one event, an array of events, or one per line.
 *
 * Events are parsed one after the other, each into the same scratch memory, so that ten megabytes
 * of small events need no more of it than the largest one.  Nothing is handed out until all of
 * them are right. */
#include "core/event/event_int.h"

#include <stdio.h>
#include <string.h>

/* The index of one event of BF_EVENT_MAX that is all brackets and commas, with room to grow. */
#define SCRATCH_MAX (64 * 1024 * 1024)

struct batch {
    struct bf_arena *scratch;
    bf_make_fn *make;
    void *arg;
    bool may_be_empty;          /* of an array */
    const char *text;
    const char *at;
    const char *end;
    size_t n;
    struct bf_envelope *events[BF_BATCH_EVENTS_MAX];
};

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static void skip_space(struct batch *b)
{
    while (b->at < b->end && is_space(*b->at))
        b->at++;
}

/* Say which event it was, and where in the text. */
static int blame(const struct batch *b, const char *where, size_t number, struct bf_error *err)
{
    struct bf_error e = *err;
    char index[24];

    snprintf(index, sizeof(index), "[%zu]", b->n);
    bf_error_field(err, e.code, e.field, "%s %zu: %s", where, number, e.words);
    bf_error_within(err, index);
    return e.code;
}

static int add(struct batch *b, const struct bf_json *root, struct bf_error *err)
{
    int rc;

    if (b->n == BF_BATCH_EVENTS_MAX)
        return bf_error_set(err, BF_ETOOBIG, "more than %d events at once: send several batches",
                            BF_BATCH_EVENTS_MAX);
    rc = b->make(b->arg, b->scratch, root, &b->events[b->n], err);
    if (rc == BF_OK)
        b->n++;
    return rc;
}

static int read_element(struct batch *b, struct bf_error *err)
{
    const char *start = b->at;
    size_t used;
    int rc;

    bf_arena_reset(b->scratch);
    rc = add(b, bf_json_parse_some(b->scratch, start, (size_t)(b->end - start), &used, err), err);
    if (rc)
        return blame(b, "in the event that begins at byte", (size_t)(start - b->text), err);
    b->at += used;
    skip_space(b);
    return BF_OK;
}

static int read_elements(struct batch *b, struct bf_error *err)
{
    for (;;) {
        int rc = read_element(b, err);

        if (rc)
            return rc;
        if (b->at == b->end || (*b->at != ',' && *b->at != ']'))
            return bf_error_set(err, BF_ECONFIG, "byte %zu: expected ',' or ']' after event [%zu]",
                                (size_t)(b->at - b->text), b->n - 1);
        if (*b->at++ == ']')
            return BF_OK;
        skip_space(b);
    }
}

static int read_array(struct batch *b, struct bf_error *err)
{
    int rc = BF_OK;

    b->at++;
    skip_space(b);
    if (b->at == b->end || *b->at != ']')
        rc = read_elements(b, err);
    else if (b->may_be_empty)
        b->at++;
    else
        rc = bf_error_set(err, BF_ECONFIG, "there is no event in an empty array");
    skip_space(b);
    if (!rc && b->at < b->end)
        rc = bf_error_set(err, BF_ECONFIG, "byte %zu: something stands behind the array",
                          (size_t)(b->at - b->text));
    return rc;
}

static int read_lines(struct batch *b, struct bf_error *err)
{
    for (size_t line = 1; b->at < b->end; line++) {
        const char *eol = memchr(b->at, '\n', (size_t)(b->end - b->at));
        const char *start = b->at, *stop = eol ? eol : b->end;
        int rc;

        b->at = eol ? eol + 1 : b->end;
        while (start < stop && is_space(*start))
            start++;
        if (start == stop)
            continue;
        bf_arena_reset(b->scratch);
        rc = add(b, bf_json_parse(b->scratch, start, (size_t)(stop - start), err), err);
        if (rc)
            return blame(b, "line", line, err);
    }
    return BF_OK;
}

/* Whether the line after this one begins another object.  Within one event that is spread over
 * lines it hardly ever does, and such an event has been tried before this is asked. */
static bool looks_like_lines(const struct batch *b)
{
    const char *at = memchr(b->at, '\n', (size_t)(b->end - b->at));

    while (at && at < b->end && is_space(*at))
        at++;
    return at && at < b->end && *at == '{';
}

static int read_one_or_lines(struct batch *b, struct bf_error *err)
{
    const struct bf_json *root;
    const char *start = b->at;
    size_t used;

    root = bf_json_parse_some(b->scratch, start, (size_t)(b->end - start), &used, err);
    if (root) {
        b->at += used;
        skip_space(b);
        if (b->at == b->end)
            return add(b, root, err);
        bf_error_set(err, BF_ECONFIG, "byte %zu: something stands behind the event; several go "
                                      "into an array, or one on each line",
                     (size_t)(b->at - b->text));
    }
    b->at = start;
    if (!looks_like_lines(b))
        return root ? err->code : add(b, NULL, err);
    b->at = b->text;            /* so that blank lines in front are counted */
    return read_lines(b, err);
}

static int begin(struct batch *b, struct bf_error *err)
{
    size_t len = (size_t)(b->end - b->text);

    if (len > BF_BATCH_BYTES_MAX)
        return bf_error_set(err, BF_ETOOBIG, "the events are %zu bytes long, at most %d are "
                                             "allowed at once: send several batches",
                            len, BF_BATCH_BYTES_MAX);
    skip_space(b);
    if (b->at == b->end)
        return bf_error_set(err, BF_ECONFIG, "there is no event in an empty text");
    return BF_OK;
}

static int read_all(struct batch *b, struct bf_error *err)
{
    int rc = begin(b, err);

    if (rc)
        return rc;
    if (*b->at == '[')
        return read_array(b, err);
    if (b->may_be_empty)
        return bf_error_set(err, BF_ECONFIG, "a batch must be a JSON array");
    return read_one_or_lines(b, err);
}

static int parse(struct bf_arena *a, struct batch *b, const char *text, size_t len,
                 struct bf_envelope ***out, size_t *n, struct bf_error *err)
{
    struct bf_envelope **events = NULL;
    int rc;

    b->text = b->at = text;
    b->end = text + len;
    b->n = 0;
    b->scratch = bf_arena_new(SCRATCH_MAX);
    rc = read_all(b, err);
    bf_arena_free(b->scratch);
    if (rc == BF_OK) {
        events = bf_arena_alloc(a, (b->n + 1) * sizeof(*events));
        if (!events)
            rc = bf_error_set(err, BF_ENOMEM, "no memory for %zu events", b->n);
    }
    if (rc) {
        for (size_t i = 0; i < b->n; i++)
            bf_envelope_unref(b->events[i]);
        return rc;
    }
    memcpy(events, b->events, b->n * sizeof(*events));
    *out = events;
    *n = b->n;
    return BF_OK;
}

static int make_envelope(void *arg, struct bf_arena *scratch, const struct bf_json *root,
                         struct bf_envelope **out, struct bf_error *err)
{
    (void)arg;
    return bf_envelope_make(scratch, root, BF_FROM_OUTSIDE, out, err);
}

int bf_envelopes_parse(struct bf_arena *a, const char *text, size_t len,
                       struct bf_envelope ***out, size_t *n, struct bf_error *err)
{
    struct bf_error unheard;
    struct batch b;

    b.make = make_envelope;
    b.arg = NULL;
    b.may_be_empty = false;
    return parse(a, &b, text, len, out, n, err ? err : &unheard);
}

int bf_array_parse(struct bf_arena *a, const char *text, size_t len, bf_make_fn *make, void *arg,
                   struct bf_envelope ***out, size_t *n, struct bf_error *err)
{
    struct bf_error unheard;
    struct batch b;

    b.make = make;
    b.arg = arg;
    b.may_be_empty = true;
    return parse(a, &b, text, len, out, n, err ? err : &unheard);
}
