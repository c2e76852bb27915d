/* json - the gate, every way to read what it gives, and batches of events. */
#include "tests/fuzz/fuzz.h"

#include "core/event/envelope.h"

/* Every function on every node; what a node says of its text must itself be that JSON. */
static void walk(struct bf_arena *a, const struct bf_json *j)
{
    size_t len, n = 0;
    const char *raw = bf_json_raw(j, &len), *text = bf_json_str(a, j);
    int64_t integer;
    double number;

    CLAIM((text != NULL) == bf_json_is(j, BF_JSON_STRING));
    CLAIM(!text || bf_json_eq(j, text));
    CLAIM(len > 0 && raw[0] != ' ');
    if (bf_json_int(j, &integer))
        CLAIM(bf_json_double(j, &number));
    for (const struct bf_json *c = bf_json_first(j); c; c = bf_json_next(j, c)) {
        const struct bf_json *value = bf_json_is(j, BF_JSON_OBJECT) ? c + 1 : c;

        if (value != c)
            CLAIM(bf_json_get(j, bf_json_str(a, c)) == value);
        walk(a, value);
        n++;
    }
    CLAIM(n == bf_json_count(j));
}

static void batch(struct bf_arena *a, const char *text, size_t size)
{
    struct bf_envelope **events;
    struct bf_error err = {0};
    size_t n;

    if (bf_envelopes_parse(a, text, size, &events, &n, &err)) {
        CLAIM(err.words[0]);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        CLAIM(strlen(events[i]->text) == events[i]->text_len);
        bf_envelope_unref(events[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    char *text = malloc(size ? size : 1);       /* no NUL: the gate must not need one */
    const struct bf_json *root;
    struct bf_error err = {0};

    if (!text)
        abort();
    memcpy(text, data, size);
    root = bf_json_parse(a, text, size, &err);
    CLAIM(root || err.words[0]);
    if (root)
        walk(a, root);
    batch(a, text, size);
    free(text);
    bf_arena_free(a);
    return 0;
}
