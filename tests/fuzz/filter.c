/* filter - a filter, a blank line, an event: whatever is taken gives an answer. */
#include "tests/fuzz/fuzz.h"

#include "core/event/envelope.h"
#include "core/rules/filter.h"

static void match(struct bf_arena *a, const struct bf_filter *f, const char *event)
{
    struct bf_subject s = {.arena = a};
    struct bf_envelope *e;

    if (!event || bf_envelope_parse(a, event, strlen(event), BF_FROM_OUTSIDE, &e, NULL))
        return;
    s.event = e;
    CLAIM(bf_filter_match(f, &s) == bf_filter_match(f, &s));
    bf_envelope_unref(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    char *text = fuzz_text(data, size), *rest = text, *given = fuzz_part(&rest);
    const struct bf_json *root = bf_json_parse(a, given, strlen(given), NULL);
    static const char *const types[] = {"artifact.link", "run.alert", "ci.done"};
    const struct bf_filter *f;
    struct bf_error err = {0};

    for (size_t i = 0; root && i < sizeof(types) / sizeof(types[0]); i++) {
        if (bf_filter_parse(a, root, types[i], &f, &err) == 0) {
            CLAIM(bf_filter_same(f, f));
            match(a, f, rest);
            bf_filter_release(f);
        } else {
            CLAIM(err.words[0]);
        }
    }
    free(text);
    bf_arena_free(a);
    return 0;
}
