/* dry.c - a dry run of a sink that delivers in steps of its own.
 *
 * There is no request to look at before the plugin sends it, so what is recorded is what it would
 * have worked with: its action's options, with every variable filled in.  Where a secret would
 * stand, stands its name. */
#include <stdio.h>
#include <string.h>

#include "core/plugin/host.h"

#define SHOWN_MAX (2 * BF_RENDERED_MAX)

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
    bf_rendered_print(t, false, &b);
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
