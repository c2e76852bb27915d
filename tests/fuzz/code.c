/* code - a file of automations: what is taken is a document that can be written as such a file, which
 * gives the same document; what is not is refused with the file's name. */
#include "tests/fuzz/fuzz.h"

#include "core/script/code.h"

#define STEPS 300000

static struct bf_code *again(const struct bf_code *c)
{
    struct bf_code *next = NULL;
    struct bf_error err = {0};
    size_t len;
    const char *document = bf_code_document(c, &len);
    char *text = bf_code_export(document, len, &err);

    if (!text) {
        fprintf(stderr, "%s\n%s\n", err.words, document);
        CLAIM(text);
    }
    if (bf_code_read_text("x.lua", text, strlen(text), 0, &next, &err)) {
        fprintf(stderr, "%s\n%s\n%s\n", err.words, document, text);
        CLAIM(next);
    }
    free(text);
    return next;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bf_code *first, *second, *third;
    struct bf_error err = {0};

    if (bf_code_read_text("x.lua", (const char *)data, size, STEPS, &first, &err)) {
        CLAIM(strncmp(err.words, "x.lua", 5) == 0);
        return 0;
    }
    second = again(first);
    third = again(second);
    CLAIM(strcmp(bf_code_document(second, NULL), bf_code_document(third, NULL)) == 0);
    bf_code_free(first);
    bf_code_free(second);
    bf_code_free(third);
    return 0;
}
