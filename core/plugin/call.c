/* call.c - which callback of which plugin this thread is inside.
 *
 * Services are handed an instance, but need to know more: which request an event belongs to, where
 * words go, what the transaction is.  That is a fact about the thread and not about a hub, so it
 * stands in a thread-local pointer to frames on the thread's own stack; two hubs do not meet there,
 * as a thread is inside one callback at a time. */
#include <stdio.h>
#include <string.h>

#include "core/plugin/inner.h"

static _Thread_local struct bf_call *innermost;

void bf_call_enter(struct bf_call *c, struct bf_instance *i, enum bf_where where,
                   struct bf_arena *arena, struct bf_error *complaint)
{
    *c = (struct bf_call){
        .outer = innermost, .instance = i, .where = where, .arena = arena, .complaint = complaint};
    if (complaint) {
        complaint->code = BF_OK;
        complaint->field[0] = '\0';
        complaint->words[0] = '\0';
    }
    if (arena)
        bf_arena_set_host(arena, &bf_plugin_host);
    innermost = c;
}

void bf_call_leave(struct bf_call *c)
{
    bf_statements_end(c);
    bf_arena_free(c->scratch);
    innermost = c->outer;
}

struct bf_call *bf_call_current(void) { return innermost; }

struct bf_call *bf_call_of(const struct bf_ctx *ctx)
{
    return innermost && &innermost->instance->ctx == ctx ? innermost : NULL;
}

enum bf_where bf_call_where(const struct bf_ctx *ctx)
{
    const struct bf_instance *i = (const struct bf_instance *)ctx;
    const struct bf_call *c = bf_call_of(ctx);

    if (c)
        return c->where;
    return bf_loop_is_current(i->plugins->rooms.loop) ? BF_AT_LOOP : BF_AT_OWN;
}

struct bf_arena *bf_call_arena(struct bf_call *c)
{
    if (c->arena)
        return c->arena;
    if (!c->scratch) {
        c->scratch = bf_arena_new(BF_CALL_ARENA_MAX);
        bf_arena_set_host(c->scratch, &bf_plugin_host);
    }
    return c->scratch;
}

int bf_complain_words(struct bf_ctx *ctx, int err, const char *field, const char *fmt, ...)
{
    struct bf_call *c = bf_call_of(ctx);
    va_list ap;

    if (!c || !c->complaint)
        return err;
    c->complaint->code = err;
    snprintf(c->complaint->field, sizeof(c->complaint->field), "%s", field ? field : "");
    va_start(ap, fmt);
    vsnprintf(c->complaint->words, sizeof(c->complaint->words), fmt, ap);
    va_end(ap);
    return err;
}
