/* fake_pool.h - script processes without processes: what a script answers stands in its text.
 *
 *   "NO"      filters say no                 "FAIL"    every call fails
 *   "BROKEN"  it does not compile            "KILL"    every call costs a process
 *   "ABSENT"  there is no process to ask     "MEAN"    it fails where the event has "mean"
 * It has the functions whose names stand in it.  A thread does what it is asked; calls are answered
 * when it has nothing else to do, so that many are under way at a time. */
#ifndef BF_FAKE_POOL_H
#define BF_FAKE_POOL_H

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/script/pool.h"

struct bf_pool_script {
    unsigned refs;              /* of a thread or two: under the pools' one lock */
    unsigned needs;
    char name[200];
    char *code;
    char hash[BF_HASH_LEN + 1];
};

struct bf_pool {
    struct bf_queue *tasks;
    pthread_t thread;
    bool started;
    void (*every)(void *arg);
    void *every_arg;
    struct bf_link *first, **last;      /* calls */
    struct bf_pool_counts counts;
};

static pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;
static int fake_apart;          /* calls of candidates and checks */

struct bf_pool_script *bf_pool_script_new(const char *name, const char *code, size_t len,
                                          unsigned needs)
{
    struct bf_pool_script *s = bf_new(struct bf_pool_script);
    uint8_t sum[32];

    s->refs = 1;
    s->needs = needs;
    snprintf(s->name, sizeof(s->name), "%s", name);
    s->code = bf_zalloc(len + 1);
    memcpy(s->code, code, len);
    bf_sha256(code, len, sum);
    for (int i = 0; i < 32; i++)
        sprintf(s->hash + 2 * i, "%02x", sum[i]);
    return s;
}

struct bf_pool_script *bf_pool_script_ref(struct bf_pool_script *s)
{
    pthread_mutex_lock(&fake_lock);
    s->refs++;
    pthread_mutex_unlock(&fake_lock);
    return s;
}

void bf_pool_script_unref(struct bf_pool_script *s)
{
    unsigned left;

    if (!s)
        return;
    pthread_mutex_lock(&fake_lock);
    left = --s->refs;
    pthread_mutex_unlock(&fake_lock);
    if (left)
        return;
    free(s->code);
    free(s);
}

const char *bf_pool_script_hash(const struct bf_pool_script *s) { return s->hash; }

static bool has(const struct bf_pool_script *s, const char *word) { return strstr(s->code, word); }

static void fake_fail(struct bf_pool_call *c, const char *words)
{
    c->answer.said = BF_SAID_FAILED;
    c->answer.words = bf_arena_printf(c->arena, "%s:%s", c->script->name, words);
}

static void fake_load(struct bf_pool_call *c)
{
    static const char *const hooks[] = {"filter", "transform", "on_event"};

    if (has(c->script, "BROKEN"))
        fake_fail(c, "1: unexpected symbol");
    for (unsigned k = 0; k < BF_COUNT(hooks); k++)
        if ((c->script->needs & (1u << k)) && !has(c->script, hooks[k]))
            fake_fail(c, " it has no such function");
}

static void fake_answer(struct bf_pool_call *c)
{
    c->answer = (struct bf_answer){BF_SAID_YES, bf_arena_dup(c->arena, c->script->hash), NULL};
    c->killed = false;
    fake_load(c);
    fake_apart += c->apart;
    if (has(c->script, "ABSENT")) {
        fake_fail(c, " there is no process");
        c->answer.script = "";
    }
    if (c->answer.said == BF_SAID_FAILED || c->only_load)
        return;
    if (has(c->script, "NO"))
        c->answer.said = BF_SAID_NO;
    if (has(c->script, "FAIL") || (has(c->script, "MEAN") && strstr(c->event->text, "mean")))
        fake_fail(c, "8: event.data.message is nil");
    c->killed = has(c->script, "KILL");
    if (c->killed)
        fake_fail(c, " it took longer than 50 ms");
    if (c->kind == BF_HOOK_TRANSFORM && c->answer.said != BF_SAID_FAILED) {
        c->answer.said = BF_SAID_CHANGED;
        c->text = bf_arena_printf(c->arena, "[%s]", c->payload);
        c->len = strlen(c->text);
    }
}

void bf_pool_call(struct bf_pool *p, struct bf_pool_call *c)
{
    c->link.next = NULL;
    *p->last = &c->link;
    p->last = &c->link.next;
}

static void fake_answer_all(struct bf_pool *p)
{
    while (p->first) {
        struct bf_pool_call *c = bf_container_of(p->first, struct bf_pool_call, link);

        p->first = c->link.next;
        if (!p->first)
            p->last = &p->first;
        fake_answer(c);
        p->counts.calls++;
        c->done(c);
    }
}

static void *fake_main(void *arg)
{
    struct bf_pool *p = arg;
    struct bf_link *l, *next;

    while ((l = bf_queue_pop_all(p->tasks, -1))) {
        for (; l; l = next) {
            struct bf_pool_task *t = bf_container_of(l, struct bf_pool_task, link);

            next = l->next;
            t->fn(t);
        }
        fake_answer_all(p);
    }
    return NULL;
}

struct bf_pool *bf_pool_new(const char *helper, const struct bf_clock *clock, struct bf_log *log)
{
    struct bf_pool *p = bf_new(struct bf_pool);

    (void)helper;
    (void)clock;
    (void)log;
    p->tasks = bf_queue_new(1000);
    p->last = &p->first;
    return p;
}

int bf_pool_post(struct bf_pool *p, struct bf_pool_task *t)
{
    pthread_mutex_lock(&fake_lock);
    if (!p->started)
        p->started = pthread_create(&p->thread, NULL, fake_main, p) == 0;
    pthread_mutex_unlock(&fake_lock);
    return bf_queue_push(p->tasks, &t->link);
}

void bf_pool_every(struct bf_pool *p, int64_t ms, void (*fn)(void *arg), void *arg)
{
    (void)ms;                   /* tests say themselves when */
    p->every = fn;
    p->every_arg = arg;
}

void bf_pool_stop(struct bf_pool *p)
{
    bf_queue_close(p->tasks);
    if (p->started)
        pthread_join(p->thread, NULL);
    p->started = false;
}

void bf_pool_free(struct bf_pool *p)
{
    bf_pool_stop(p);
    bf_queue_free(p->tasks);
    free(p);
}

void bf_pool_counts(struct bf_pool *p, struct bf_pool_counts *out) { *out = p->counts; }

#endif
