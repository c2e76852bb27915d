/* document - a document of automations as code: everything that it wants has an owner and a name, and
 * the automations in it are compared: none differs from itself, and two differ both ways or neither. */
#include "tests/fuzz/fuzz.h"

#include "core/plan/plan.h"

#define COMPARED_MAX 8

static void on_member(void *arg, const char *member, const char *before, const char *after)
{
    CLAIM(*member);
    CLAIM(before || after);
    ++*(unsigned *)arg;
}

static bool differ(struct bf_arena *a, const struct bf_automation *x,
                   const struct bf_automation *y)
{
    unsigned told = 0;
    bool found = bf_automations_differ(a, x, y, on_member, &told);

    CLAIM(found == (told > 0));
    return found;
}

static void compare(const struct bf_document *d)
{
    struct bf_automation *list[COMPARED_MAX];
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    size_t n = 0;

    for (size_t i = 0; i < d->n && n < COMPARED_MAX; i++) {
        const char *raw;
        size_t len;

        if (d->things[i].kind != BF_THING_AUTOMATION)
            continue;
        raw = bf_json_raw(d->things[i].spec, &len);
        if (!bf_automation_parse(raw, len, "", 0, NULL, &list[n], NULL))
            n++;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k <= i; k++)
            CLAIM(differ(a, list[i], list[k]) == (differ(a, list[k], list[i]) && i != k));
    while (n)
        bf_automation_unref(list[--n]);
    bf_arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    const struct bf_json *json = bf_json_parse(a, text, strlen(text), NULL);
    struct bf_document d;
    struct bf_error err = {0};

    if (json && bf_document_read(a, json, &d, &err)) {
        CLAIM(err.words[0]);
    } else if (json) {
        CLAIM(bf_manifest_name_ok(d.manifest));
        CLAIM(d.n <= BF_DOCUMENT_THINGS);
        for (size_t i = 0; i < d.n; i++)
            CLAIM(d.things[i].entity && d.things[i].name);
        compare(&d);
    }
    bf_arena_free(a);
    free(text);
    return 0;
}
