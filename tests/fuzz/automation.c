/* automation - a whole automation: what is taken is one piece that means the same when it is read
 * again, and can be told in words; what is not is refused with some. */
#include "tests/fuzz/fuzz.h"

#include "core/rules/automation.h"

#define ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"

static void check_conditions(const struct bf_conditions *c)
{
    struct bf_buf words, shorter;

    if (c->n_nodes == 0)
        return;
    CLAIM(c->n_conditions >= 1 && c->n_conditions <= BF_CONDITIONS_MAX);
    CLAIM(c->nodes[0].skip == c->n_nodes);
    for (unsigned i = 0; i < c->n_conditions; i++) {
        CLAIM(c->conditions[i].window >= 1 && c->conditions[i].window <= BF_WINDOW_MAX);
        CLAIM(c->conditions[i].metric[0]);
    }
    bf_buf_init(&words, 64 * 1024);
    bf_buf_init(&shorter, 64 * 1024);
    bf_conditions_words(c, false, &words);
    bf_conditions_words(c, true, &shorter);
    CLAIM(words.len && !words.failed);
    CLAIM(shorter.len && !shorter.failed);
    bf_buf_fini(&words);
    bf_buf_fini(&shorter);
}

static void check_hook(const struct bf_hook *h)
{
    if (!h)
        return;
    CLAIM(!h->file != !h->code);
    CLAIM(strlen(h->hash) == (h->code ? BF_HASH_LEN : 0));
    if (h->code)
        CLAIM(h->code_len == strlen(h->code) && h->code_len <= BF_HOOK_CODE_MAX);
    else
        CLAIM(!bf_hook_file_problem(h->file));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct bf_automation *a, *again;
    struct bf_error err = {0};

    if (bf_automation_parse(text, strlen(text), ID, 1, "acme", &a, &err)) {
        CLAIM(err.words[0]);
    } else {
        check_conditions(&a->conditions);
        check_hook(a->hooks.filter);
        check_hook(a->hooks.transform);
        CLAIM(bf_automation_parse(a->spec, a->spec_len, ID, 2, "acme", &again, &err) == 0);
        CLAIM(bf_automation_same_matter(a, again) && bf_automation_same_matter(again, a));
        bf_automation_unref(a);
        CLAIM(bf_automation_same_matter(again, again));
        bf_automation_unref(again);
    }
    free(text);
    return 0;
}
