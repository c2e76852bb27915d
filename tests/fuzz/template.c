/* template - text and JSON with ${names}: what compiles renders, and as JSON it stays JSON. */
#include "tests/fuzz/fuzz.h"

#include "core/base/json.h"
#include "core/event/template.h"

static bool any(void *arg, const char *name)
{
    (void)arg;
    return *name != '\0';
}

static const char *value(void *arg, const char *name, bool typed)
{
    (void)arg;
    (void)name;
    return typed ? "[\"\\\"\", 1]" : "a \"value\" <of>\n\\ ${name}";
}

static void render(struct bf_arena *a, const struct bf_template *t, enum bf_template_escape escape,
                   bool json)
{
    struct bf_error err = {0};
    struct bf_buf b;

    bf_buf_init(&b, BF_RENDERED_MAX);
    if (bf_template_render(t, escape, value, NULL, &b, &err))
        CLAIM(err.words[0]);
    else if (json && b.len < 60000)
        CLAIM(bf_json_parse(a, b.data, b.len, NULL));
    bf_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bf_template_names names = {.known = any, .bare = any, .list = "any"};
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    char *text = fuzz_text(data, size);
    struct bf_template *t;
    struct bf_error err = {0};

    if (bf_template_compile_text(a, text, &names, &t, &err) == 0) {
        render(a, t, BF_TEMPLATE_PLAIN, false);
        render(a, t, BF_TEMPLATE_XML, false);
        render(a, t, BF_TEMPLATE_URL, false);
    }
    if (bf_template_compile_json(a, text, size, &names, &t, &err) == 0)
        render(a, t, BF_TEMPLATE_PLAIN, true);
    free(text);
    bf_arena_free(a);
    return 0;
}
