/* dry.c - a dry run of a sink that delivers in steps of its own.
 *
 * There is no request to look at before the plugin sends it, so what is recorded is what it would
 * have worked with: its action's options, with every variable filled in.  Where a secret would
 * stand, stands its name. */
#include <stdio.h>
#include <string.h>

#include "core/plugin/host.h"

#define SHOWN_MAX (2 * BF_RENDERED_MAX)

static void show_text(struct bf_try *t, const struct bf_option *o, const char *text,
                      struct bf_buf *b)
{
    bool is_template = o->flags & BF_TEMPLATE;

    bf_buf_json(b, is_template && text ? bf_sink_expand(&t->delivery, text, BF_ESC_NONE) : text);
}

/* A list, or the keys and values of a map. */
static void show_texts(struct bf_try *t, const struct bf_option *o, const char *const *texts,
                       struct bf_buf *b)
{
    bool map = o->type == BF_T_MAP;

    bf_buf_addc(b, map ? '{' : '[');
    for (size_t i = 0; texts && texts[i]; i++) {
        if (i)
            bf_buf_addc(b, map && i % 2 ? ':' : ',');
        if (map && i % 2 == 0)
            bf_buf_json(b, texts[i]);
        else
            show_text(t, o, texts[i], b);
    }
    bf_buf_addc(b, map ? '}' : ']');
}

static void show_option(struct bf_try *t, const struct bf_option *o, struct bf_buf *b)
{
    const void *at = bf_option_place(o, t->filled->options);

    switch (o->type) {
    case BF_T_INT:
    case BF_T_DURATION:
        bf_buf_addi(b, *(const int64_t *)at);
        break;
    case BF_T_BOOL:
        bf_buf_adds(b, *(const bool *)at ? "true" : "false");
        break;
    case BF_T_LIST:
    case BF_T_MAP:
        show_texts(t, o, *(const char *const *const *)at, b);
        break;
    case BF_T_JSON:
        bf_buf_adds(b, *(const char *const *)at ? bf_sink_render(&t->delivery,
                                                                 *(const char *const *)at)
                                                : "null");
        break;
    default:
        show_text(t, o, *(const char *const *)at, b);
    }
}

static void show_options(struct bf_try *t, struct bf_buf *b)
{
    const char *before = "";

    bf_buf_addc(b, '{');
    for (const struct bf_option *o = t->instance->sink->action; o && o->name; o++) {
        bf_buf_adds(b, before);
        bf_buf_json(b, o->name);
        bf_buf_addc(b, ':');
        show_option(t, o, b);
        before = ",";
    }
    bf_buf_addc(b, '}');
}

static enum bf_step settled(struct bf_attempt *at, int outcome, const char *words)
{
    at->verdict = (struct bf_verdict){outcome, -1, words};
    return BF_STEP_SETTLED;
}

enum bf_step bf_try_dry(struct bf_try *t)
{
    struct bf_attempt *at = t->attempt;
    struct bf_arena *a = at->arena;
    const struct bf_swap names = {.arena = a, .sets = {&t->instance->standins, &t->standins}};
    const char *name = t->instance->sink->name, *body;
    struct bf_buf b;
    size_t len;
    bool failed;

    bf_buf_init(&b, SHOWN_MAX);
    show_options(t, &b);
    len = b.len;
    body = bf_arena_ndup(a, bf_buf_text(&b), b.len);
    failed = b.failed;
    bf_buf_fini(&b);
    if (t->error.code)
        return settled(at, BF_REJECTED, bf_arena_dup(a, t->error.words));
    if (failed || !bf_arena_ok(a))
        return settled(at, BF_REJECTED, "what is to be sent takes more memory than an attempt may"
                                        " have");
    bf_swap_show(&names, &body, &len);
    at->out.sent = (struct bf_sent){.method = "DELIVER",
                                    .url = bf_arena_printf(a, "sink:%s", name),
                                    .body = body,
                                    .body_len = len};
    return settled(at, BF_DRY, bf_arena_printf(a, "dry run: sink %s delivers in steps of its own, and"
                                               " would have had these options", name));
}
