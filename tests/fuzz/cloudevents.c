/* cloudevents - headers, a blank line, a body; what is taken must come out and go in again. */
#include "tests/fuzz/fuzz.h"

#include "core/base/crypto.h"
#include "core/event/cloudevents.h"

static void again(struct bf_arena *a, const struct bf_envelope *e)
{
    static const char *const headers[] = {"Content-Type", "application/cloudevents+json", NULL};
    struct bf_cloudevents r = {.headers = headers};
    struct bf_envelope **events;
    struct bf_error err = {0};
    struct bf_buf b;
    size_t n;
    int rc;

    bf_buf_init(&b, 4 * BF_EVENT_MAX);
    bf_cloudevent_print(e, "https://hub.example", &b);
    r.body = bf_buf_text(&b);
    r.len = b.len;
    rc = bf_cloudevents_parse(a, &r, &events, &n, &err);
    /* Attributes that a sender of envelopes made up may be none of a CloudEvent. */
    if (rc)
        CLAIM(err.words[0]);
    else
        CLAIM(n == 1 && strcmp(events[0]->entity, e->entity) == 0);
    if (!rc)
        bf_envelope_unref(events[0]);
    bf_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    char *text = fuzz_text(data, size), *rest = text;
    const char *headers[2 * FUZZ_HEADERS_MAX + 1];
    struct bf_cloudevents r = {.headers = headers, .entity = "acme"};
    struct bf_envelope **events;
    struct bf_error err = {0};
    size_t n;

    bf_crypto_init(NULL);
    fuzz_headers(fuzz_part(&rest), headers);
    r.body = rest ? rest : "";
    r.len = rest ? size - (size_t)(rest - text) : 0;
    if (bf_cloudevents_parse(a, &r, &events, &n, &err)) {
        CLAIM(err.words[0]);
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        again(a, events[i]);
        bf_envelope_unref(events[i]);
    }
    free(text);
    bf_arena_free(a);
    return 0;
}
