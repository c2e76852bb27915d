/* fake_asker.h - somebody who answers for scripts, on a thread of his own.
 *
 * A filter's code is what it looks for in an event's text: "good" says yes to an event that has the
 * word good in it.  Whatever the script, an event that has "fails" in it makes it fail, and one with
 * "slow" is answered when the test says so.  on_event drops what has "drop" in it, and in the rest
 * puts "changed" where "plain" stands, or "garbage" where that does. */
#ifndef BF_FAKE_ASKER_H
#define BF_FAKE_ASKER_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/bus/bus.h"

#define FAKE_ASKS 4096

struct fake_asker {
    struct bf_asker asker;
    pthread_t thread;
    pthread_mutex_t lock;
    struct bf_ask *asks[FAKE_ASKS];     /* under lock, from here down */
    size_t n;
    size_t n_questions;         /* of all asks so far */
    size_t room;                /* asks that may wait; more are refused */
    bool shuffles;              /* answers in another order, each after a moment */
    bool may_be_slow;           /* slow ones stay unanswered */
    bool ends;
    unsigned seed;
};

static inline bool fake_has(const struct bf_box_event *e, const char *word)
{
    return memmem(e->text, e->len, word, strlen(word)) != NULL;
}

static inline void fake_change(struct bf_ask *ask, struct bf_question *q, const char *old,
                               const char *new)
{
    const struct bf_box_event *e = &ask->events[q->event];
    const char *at = memmem(e->text, e->len, old, strlen(old));
    char *text = bf_arena_printf(ask->arena, "%.*s%s%.*s", (int)(at - e->text), e->text, new,
                                 (int)(e->text + e->len - at - strlen(old)), at + strlen(old));

    q->answer.said = BF_SAID_CHANGED;
    q->text = text;
    q->len = strlen(text);
}

static inline void fake_answer_one(struct bf_ask *ask, struct bf_question *q)
{
    const struct bf_box_event *e = &ask->events[q->event];

    q->answer = (struct bf_answer){.script = q->hook->hash};
    if (fake_has(e, "fails")) {
        q->answer.said = BF_SAID_FAILED;
        q->answer.words = bf_arena_dup(ask->arena, "it was told to fail");
    } else if (q->kind == BF_HOOK_FILTER) {
        q->answer.said = fake_has(e, q->hook->code) ? BF_SAID_YES : BF_SAID_NO;
    } else if (fake_has(e, "drop")) {
        q->answer.said = BF_SAID_NO;
    } else if (fake_has(e, "plain")) {
        fake_change(ask, q, "plain", "changed");
    } else if (fake_has(e, "\"garbage\"")) {
        fake_change(ask, q, "\"garbage\"", "garbage");
    } else if (fake_has(e, "\"key\":\"a\"")) {
        fake_change(ask, q, "\"key\":\"a\"", "\"key\":\"b\"");
    } else {
        q->answer.said = BF_SAID_YES;
    }
}

static inline bool fake_is_slow(const struct fake_asker *f, const struct bf_ask *ask)
{
    for (size_t i = 0; i < ask->n_events; i++)
        if (fake_has(&ask->events[i], "slower") ? !f->ends
                                                : f->may_be_slow && fake_has(&ask->events[i], "slow"))
            return true;
    return false;
}

/* Under the lock: one that can be answered now, or NULL. */
static inline struct bf_ask *fake_next(struct fake_asker *f)
{
    size_t first = f->shuffles && f->n ? (size_t)rand_r(&f->seed) % f->n : 0;

    for (size_t i = 0; i < f->n; i++) {
        size_t at = (first + i) % f->n;
        struct bf_ask *ask = f->asks[at];

        if (fake_is_slow(f, ask))
            continue;
        memmove(&f->asks[at], &f->asks[at + 1], (--f->n - at) * sizeof(struct bf_ask *));
        return ask;
    }
    return NULL;
}

static inline void *fake_main(void *arg)
{
    struct fake_asker *f = arg;
    bool ends = false;

    while (!ends) {
        struct bf_ask *ask;

        pthread_mutex_lock(&f->lock);
        ask = fake_next(f);
        ends = f->ends && !ask;
        pthread_mutex_unlock(&f->lock);
        for (size_t i = 0; ask && i < ask->n; i++)
            fake_answer_one(ask, &ask->questions[i]);
        if (!ask || f->shuffles)
            usleep(f->shuffles ? (unsigned)rand_r(&f->seed) % 300 : 200);
        if (ask)
            ask->done(ask);
    }
    return NULL;
}

static inline int fake_ask(void *arg, struct bf_ask *ask)
{
    struct fake_asker *f = arg;
    int rc = BF_OK;

    pthread_mutex_lock(&f->lock);
    if (f->n >= f->room)
        rc = BF_EFULL;
    else
        f->asks[f->n++] = ask;
    if (!rc)
        f->n_questions += ask->n;
    pthread_mutex_unlock(&f->lock);
    return rc;
}

static inline void fake_asker_start(struct fake_asker *f)
{
    f->asker = (struct bf_asker){.ask = fake_ask, .arg = f};
    f->room = f->room ? f->room : FAKE_ASKS;
    pthread_mutex_init(&f->lock, NULL);
    pthread_create(&f->thread, NULL, fake_main, f);
}

static inline void fake_slow_ones_may_go(struct fake_asker *f)
{
    pthread_mutex_lock(&f->lock);
    f->may_be_slow = false;
    pthread_mutex_unlock(&f->lock);
}

static inline size_t fake_waiting(struct fake_asker *f)
{
    size_t n;

    pthread_mutex_lock(&f->lock);
    n = f->n;
    pthread_mutex_unlock(&f->lock);
    return n;
}

/* Everything is answered. */
static inline void fake_asker_stop(struct fake_asker *f)
{
    pthread_mutex_lock(&f->lock);
    f->may_be_slow = false;
    f->ends = true;
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
}

#endif
