/* transform.c - the script that has a say in what an action sends: what it is asked, and what its
 * answer is good for.
 *
 * It is told of the newest event, and given what the sink would work with: the action's `payload`
 * if there is an option of that name that is JSON, else all of its options.  Secrets are stand-ins
 * then, as ever.  It may move, copy or drop them as it likes, within the one request that they were
 * granted to; the values are put in afterwards. */
#include <string.h>

#include "core/plugin/host.h"

#define PAYLOAD_MAX (2 * BF_RENDERED_MAX)       /* bytes of JSON that a script is given, or gives */
#define PARSED_MAX  (64u * 1024 * 1024)         /* to look at as much */

static void fill(struct bf_try *t, struct bf_transform *q, const struct bf_automation *a)
{
    const struct bf_envelope *e = t->vars.event;

    q->event = (struct bf_box_event){.text = e->text,
                                     .len = e->text_len,
                                     .id = *e->id ? e->id : NULL,
                                     .received_ms = e->received_ms};
    q->question = (struct bf_question){.kind = BF_HOOK_TRANSFORM,
                                       .hook = a->hooks.transform,
                                       .automation = a->id,
                                       .name = a->name,
                                       .entity = a->owner,
                                       .action = t->instance->sink->name};
    q->ask = (struct bf_ask){.events = &q->event,
                             .n_events = 1,
                             .questions = &q->question,
                             .n = 1,
                             .arena = t->delivery.arena};
}

/* With words that say whose it is, as the words of the script itself do. */
static void fail(struct bf_try *t, struct bf_question *q, const char *fmt, ...) BF_FORMAT(3, 4);
static void fail(struct bf_try *t, struct bf_question *q, const char *fmt, ...)
{
    struct bf_arena *a = t->delivery.arena;
    va_list ap;

    va_start(ap, fmt);
    q->answer.said = BF_SAID_FAILED;
    q->answer.words = bf_arena_printf(a, "%s: %s",
                                      q->hook->file ? q->hook->file
                                                    : bf_arena_printf(a, "automation \"%s\", transform",
                                                                      q->name),
                                      bf_arena_vprintf(a, fmt, ap));
    va_end(ap);
}

static void give_payload(struct bf_try *t, const struct bf_option *payload, struct bf_question *q)
{
    const char *text = *(const char *const *)bf_option_place(payload, t->delivery.action);

    q->payload = text ? bf_sink_render(&t->delivery, text) : "null";
    q->payload_len = strlen(q->payload);
}

static void give_options(struct bf_try *t, struct bf_question *q)
{
    struct bf_buf b;

    bf_buf_init(&b, PAYLOAD_MAX);
    bf_rendered_print(t, true, &b);
    q->payload = bf_arena_ndup(t->delivery.arena, bf_buf_text(&b), b.len);
    q->payload_len = b.len;
    if (b.failed)
        fail(t, q, "the options have more than %d bytes, which is more than a script is given",
             PAYLOAD_MAX);
    bf_buf_fini(&b);
}

int bf_try_ask(struct bf_try *t, const struct bf_automation *automation, struct bf_transform *q)
{
    const struct bf_option *payload = bf_payload_option(t->instance->sink);
    struct bf_arena *a = t->delivery.arena;

    fill(t, q, automation);
    if (payload)
        give_payload(t, payload, &q->question);
    else
        give_options(t, &q->question);
    if (t->error.code)
        return t->error.code;
    return bf_arena_ok(a) ? BF_OK
                          : bf_error_set(&t->error, BF_ETOOBIG, "what is to be sent takes more memory"
                                         " than an attempt may have");
}

/* As people see them: a stand-in that a script put into its words is the secret's name. */
static void scrub(struct bf_try *t, const char **words)
{
    const struct bf_swap s = {.arena = t->delivery.arena,
                              .sets = {&t->instance->standins, &t->standins}};
    size_t len = *words ? strlen(*words) : 0;

    if (*words)
        bf_swap_show(&s, words, &len);
}

/* The script runs in a process that may be anybody's by now, so what comes from there is read like
 * any text from outside. */
static int read_answer(struct bf_try *t, struct bf_arena *into, const struct bf_question *q,
                       const struct bf_rendered **out, struct bf_error *err)
{
    struct bf_answered w = {.scratch = bf_arena_new(PARSED_MAX)};
    int rc = q->len <= PAYLOAD_MAX ? BF_OK
                                   : bf_error_set(err, BF_ETOOBIG, "it has %zu bytes of JSON, at most %d"
                                                  " are allowed", q->len, PAYLOAD_MAX);

    if (!rc) {
        w.got = bf_json_parse(w.scratch, q->text, q->len, err);
        if (w.got && !bf_payload_option(t->instance->sink))
            w.given = bf_json_parse(w.scratch, q->payload, q->payload_len, err);
        rc = w.got ? bf_rendered_read(t, into, &w, out, err) : BF_EINVAL;
    }
    bf_arena_free(w.scratch);
    return rc;
}

void bf_try_accept(struct bf_try *t, struct bf_transform *q)
{
    struct bf_question *one = &q->question;
    struct bf_error err = {0};

    if (one->answer.said == BF_SAID_CHANGED && !one->text) {
        fail(t, one, "there was no room left for what it returned");
    } else if (one->answer.said == BF_SAID_CHANGED) {
        if (read_answer(t, t->delivery.arena, one, &t->rendered, &err))
            fail(t, one, "what it returned is no payload for sink %s: %s",
                 t->instance->sink->name, err.words);
        else
            t->delivery.action = t->rendered->options;
    } else if (one->answer.said != BF_SAID_YES && one->answer.said != BF_SAID_FAILED) {
        fail(t, one, "it gave no answer");
    }
    scrub(t, &one->answer.words);
}

int bf_try_take_over(struct bf_try *t, const struct bf_try *asked, const struct bf_transform *q,
                     struct bf_error *err)
{
    struct bf_arena *a = t->delivery.arena;
    int rc;

    t->standins = asked->standins;
    if (asked->standins.n) {
        t->standins.items = bf_arena_alloc(a, BF_STANDINS_MAX * sizeof(*t->standins.items));
        if (!t->standins.items)
            return bf_error_set(err, BF_ENOMEM, "there is no memory left for it");
        memcpy(t->standins.items, asked->standins.items,
               asked->standins.n * sizeof(*t->standins.items));
    }
    rc = read_answer(t, a, &q->question, &t->rendered, err);
    if (!rc)
        t->delivery.action = t->rendered->options;
    return rc;
}
