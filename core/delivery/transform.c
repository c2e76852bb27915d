/* transform.c - the script that has a say in what an attempt sends.
 *
 *   attempt.c → render → asked → [scripts] → accept → answered → a slot → attempt.c
 *                                                  ↘ failed: settled
 *
 * Nobody waits for a script: neither the loop, nor a worker, nor a slot that another destination
 * could have.  It is asked at every attempt, a retry too: it depends on nothing but what it is given,
 * and if its file was changed in between, that is what somebody wanted.
 *
 * What becomes of a failure is the hook's own choice.  Whatever that is, it says nothing about the
 * destination: no receiver is disabled because a script is wrong. */
#include "core/delivery/courier_int.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/base/utf8.h"

#define WORDS_MAX    (16 * 1024)        /* of a failure, that are kept */
#define ASK_PAUSE_MS 1000               /* before a script is asked again that could not be */

static struct bf_courier *courier_of(struct item *i) { return i->dest->courier; }

void bf_transform_print(const struct bf_answer *a, struct bf_buf *out)
{
    static const char *const names[] = {[BF_SAID_YES] = "unchanged", [BF_SAID_CHANGED] = "changed",
                                        [BF_SAID_FAILED] = "failed"};

    bf_buf_adds(out, "{\"script\":");
    bf_buf_json(out, a->script && *a->script ? a->script : NULL);
    bf_buf_printf(out, ",\"said\":\"%s\",\"words\":", names[a->said]);
    if (a->said != BF_SAID_FAILED || !a->words) {
        bf_buf_adds(out, "null}");
        return;
    }
    bf_buf_addc(out, '"');
    bf_buf_json_chars(out, a->words, bf_utf8_cut(a->words, strlen(a->words), WORDS_MAX));
    bf_buf_adds(out, "\"}");
}

const char *bf_transform_reason(struct bf_arena *a, const struct bf_answer *answer)
{
    const char *words = answer->words ? answer->words : "";

    return bf_arena_printf(a, "its transform failed: %.*s", (int)strcspn(words, "\n"), words);
}

/* What the history keeps; nothing, if the attempt has no room for it. */
static const char *print_answer(struct item *i)
{
    const char *text;
    struct bf_buf b;

    bf_buf_init(&b, 7 * WORDS_MAX);     /* were each byte escaped */
    bf_transform_print(&i->at.transform.question.answer, &b);
    text = bf_arena_ndup(i->at.arena, bf_buf_text(&b), b.len);
    bf_buf_fini(&b);
    return bf_arena_ok(i->at.arena) ? text : NULL;
}

static void refuse(struct item *i)
{
    i->refused = true;
    i->record.duration_ms = bf_max64(bf_bus_now(courier_of(i)->bus) - i->at.started_ms, 0);
    attempt_settle(i, BF_REJECTED, -1,
                   bf_transform_reason(i->at.arena, &i->at.transform.question.answer));
}

static void accepted(struct item *i)
{
    const struct bf_question *q = &i->at.transform.question;

    i->record.transform = print_answer(i);
    if (q->answer.said != BF_SAID_FAILED || q->hook->on_error == BF_FAILURE_FIRES) {
        list_add(&courier_of(i)->answered, i);
        return;
    }
    destination_goes_on(i);
    refuse(i);
}

static void accept_answer(struct item *i)
{
    struct bf_courier *c = courier_of(i);

    c->ops.accept(c->ops.arg, &i->at);
}

static void answered(struct item *i)
{
    if (!attempt_work(i, accept_answer, accepted))
        return;
    destination_goes_on(i);
    i->refused = true;
    attempt_settle(i, BF_RETRY, ASK_PAUSE_MS, "all workers are busy");
}

/* [scripts] */
static void on_answered(struct bf_ask *ask)
{
    struct bf_transform *t = bf_container_of(ask, struct bf_transform, ask);

    attempt_back(bf_container_of(t, struct item, at.transform), answered);
}

static void ask(struct item *i)
{
    struct bf_courier *c = courier_of(i);
    int rc;

    destination_asks(i);
    i->at.transform.ask.done = on_answered;
    rc = c->ops.ask(c->ops.arg, &i->at.transform.ask);
    if (!rc)
        return;
    destination_goes_on(i);
    i->refused = true;
    attempt_settle(i, BF_RETRY, ASK_PAUSE_MS,
                   rc == BF_EFULL ? "its transform was not asked: too many scripts wait"
                                  : "its transform was not asked: no scripts are run now");
}

static void rendered(struct item *i)
{
    if (i->rendered && i->at.transform.question.answer.said == BF_SAID_NOTHING) {
        ask(i);
    } else if (i->rendered) {           /* there was too much to ask about */
        destination_asks(i);
        accepted(i);
    } else {
        destination_weigh(i);
        i->record.duration_ms = bf_max64(bf_bus_now(courier_of(i)->bus) - i->at.started_ms, 0);
        attempt_settled(i);
    }
}

static void render(struct item *i)
{
    struct bf_courier *c = courier_of(i);

    i->rendered = c->ops.render(c->ops.arg, &i->at);
}

void transform_begin(struct item *i)
{
    if (attempt_work(i, render, rendered))
        attempt_settle(i, BF_RETRY, -1, "all workers are busy");
}
