/* script - any text as a script: compiled, run and asked, with small budgets. */
#include "tests/fuzz/fuzz.h"

#include "core/script/box.h"

static void ask(struct bf_script *s, enum bf_hook_kind kind, struct bf_buf *out, struct bf_buf *words)
{
    static const char text[] = "{\"type\":\"run.metric\",\"entity\":\"acme\",\"run\":{\"name\":\"a\","
                               "\"tags\":[\"x\",\"y\"]},\"metrics\":[{\"name\":\"loss\",\"value\":0.5}],"
                               "\"data\":{\"n\":null,\"o\":{},\"e\":[]}}";
    static const struct bf_box_event event = {.text = text, .len = sizeof(text) - 1, .id = "1"};
    enum bf_said said;

    bf_buf_clear(out);
    bf_buf_clear(words);
    said = bf_box_call(s, kind, &event, "webhook", "{\"a\":[1,{}]}", 12, out, words);
    CLAIM(said != BF_SAID_FAILED || words->len > 0);
    CLAIM(said == BF_SAID_CHANGED || out->len == 0);
    if (said == BF_SAID_CHANGED) {
        struct bf_arena *a = bf_arena_new(16 * 1024 * 1024);

        CLAIM(bf_json_parse(a, out->data, out->len, NULL));
        bf_arena_free(a);
    }
}

/* String patterns, and a table that is called by itself, end by being killed alone. */
static bool is_for_the_killer(const char *code)
{
    static const char *const words[] = {"find", "match", "gsub", "__call"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strstr(code, words[i]))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bf_box_limits limits = {1024 * 1024, 50000};
    char *code = fuzz_text(data, size);
    struct bf_script *s = NULL;
    struct bf_error err = {0};
    struct bf_buf out, words;
    struct bf_box *b;

    if (is_for_the_killer(code)) {
        free(code);
        return 0;
    }
    b = bf_box_new(&limits, NULL, NULL);
    CLAIM(b);
    bf_buf_init(&out, 64 * 1024);
    bf_buf_init(&words, 64 * 1024);
    if (bf_box_load(b, "fuzz.lua", code, size, 0, &s, &err) == BF_OK) {
        for (int kind = BF_HOOK_FILTER; kind <= BF_HOOK_ON_EVENT; kind++)
            ask(s, (enum bf_hook_kind)kind, &out, &words);
        bf_script_free(s);
    } else {
        CLAIM(err.words[0]);
    }
    CLAIM(bf_box_used(b) <= limits.memory);
    bf_box_free(b);
    bf_buf_fini(&out);
    bf_buf_fini(&words);
    free(code);
    return 0;
}
