/* intake - a definition, headers and a body, each behind a blank line. */
#include "tests/fuzz/fuzz.h"

#include "core/base/crypto.h"
#include "core/team/intake.h"

static void show(const struct bf_intake *i)
{
    struct bf_buf b;

    bf_buf_init(&b, 2 * BF_INTAKE_DEFINITION_MAX);
    bf_intake_show(i, &b);
    CLAIM(b.len > 0 && !b.failed);
    bf_buf_fini(&b);
}

static void arrive(struct bf_arena *a, const struct bf_intake *i, char *rest)
{
    const char *headers[2 * FUZZ_HEADERS_MAX + 1];
    struct bf_intake_request r = {.headers = headers, .arena = a};
    struct bf_envelope *e;
    struct bf_error err = {0};

    fuzz_headers(fuzz_part(&rest), headers);
    r.body = rest ? rest : "";
    r.len = strlen(r.body);
    bf_intake_check(i, &r, "value", 5, 1764000000000);
    if (bf_intake_event(i, &r, &e, &err)) {
        CLAIM(err.words[0]);
        return;
    }
    CLAIM(strcmp(e->entity, "acme") == 0 && strcmp(e->source, "gate") == 0);
    CLAIM(bf_type_is_custom(e->type));
    bf_envelope_unref(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    char *text = fuzz_text(data, size), *rest = text, *given = fuzz_part(&rest);
    const struct bf_json *root = bf_json_parse(a, given, strlen(given), NULL);
    const char *definition, *literal;
    struct bf_error err = {0};
    struct bf_intake *i;

    bf_crypto_init(NULL);
    if (root && bf_intake_store(a, "gate", root, NULL, &definition, &literal, &err) == 0 &&
        bf_intake_new("gate", "acme", definition, &i, &err) == 0) {
        show(i);
        arrive(a, i, rest);
        bf_intake_unref(i);
    } else if (root) {
        CLAIM(err.words[0]);
    }
    free(text);
    bf_arena_free(a);
    return 0;
}
