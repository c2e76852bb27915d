/* loop.c - one thread that waits in the HTTP client, and does what is posted to it in between.
 *
 * Timers stand in a binary heap ordered by time; slot is a timer's place in it plus one, so that
 * moving and cancelling need no search.  Posted tasks are a list under a lock; the first one on an
 * empty list wakes the thread, the others ride along. */
#include "core/delivery/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/base.h"

#define STOP_MS 3600000         /* as good as for ever */
#define SLOW_MS 50              /* a callback that takes longer is logged */

struct bf_loop {
    struct bf_client *client;   /* fixed after new */
    const struct bf_clock *clock;
    struct bf_log *log;
    void (*on_turn)(void *arg);
    void *on_turn_arg;
    pthread_t thread;
    atomic_bool started;
    struct bf_timer **heap;     /* the loop's thread, from here down */
    uint32_t n_timers;
    uint32_t cap;
    pthread_mutex_t lock;
    struct bf_link *first;      /* under lock, from here down */
    struct bf_link *last;
    bool stopping;
};

int bf_loop_new(const struct bf_guard *guard, const char *user_agent, const struct bf_clock *clock,
                struct bf_log *log, struct bf_loop **out, struct bf_error *err)
{
    struct bf_client_limits limits = {.max_connections = BF_LOOP_TRANSFERS_MAX};
    struct bf_loop *l = bf_new(struct bf_loop);
    int rc = bf_client_new(guard, &limits, user_agent, &l->client, err);

    if (rc) {
        free(l);
        return rc;
    }
    l->clock = clock;
    l->log = log;
    pthread_mutex_init(&l->lock, NULL);
    *out = l;
    return BF_OK;
}

void bf_loop_free(struct bf_loop *l)
{
    if (!l)
        return;
    bf_loop_stop(l);
    bf_client_free(l->client);
    pthread_mutex_destroy(&l->lock);
    free(l->heap);
    free(l);
}

void bf_loop_on_turn(struct bf_loop *l, void (*fn)(void *arg), void *arg)
{
    l->on_turn = fn;
    l->on_turn_arg = arg;
}

struct bf_client *bf_loop_client(struct bf_loop *l) { return l->client; }

bool bf_loop_is_current(const struct bf_loop *l)
{
    return l->started && pthread_equal(pthread_self(), l->thread);
}


/* --- timers ------------------------------------------------------------------ */

static void put_at(struct bf_loop *l, uint32_t i, struct bf_timer *t)
{
    l->heap[i] = t;
    t->slot = i + 1;
}

static void sift_up(struct bf_loop *l, uint32_t i, struct bf_timer *t)
{
    while (i > 0 && l->heap[(i - 1) / 2]->at_mono_ms > t->at_mono_ms) {
        put_at(l, i, l->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put_at(l, i, t);
}

static void sift_down(struct bf_loop *l, uint32_t i, struct bf_timer *t)
{
    for (;;) {
        uint32_t child = 2 * i + 1;

        if (child + 1 < l->n_timers &&
            l->heap[child + 1]->at_mono_ms < l->heap[child]->at_mono_ms)
            child++;
        if (child >= l->n_timers || l->heap[child]->at_mono_ms >= t->at_mono_ms)
            break;
        put_at(l, i, l->heap[child]);
        i = child;
    }
    put_at(l, i, t);
}

void bf_loop_timer_cancel(struct bf_loop *l, struct bf_timer *t)
{
    uint32_t i = t->slot - 1;
    struct bf_timer *moved;

    if (!t->slot)
        return;
    t->slot = 0;
    moved = l->heap[--l->n_timers];
    if (moved == t)
        return;
    if (i > 0 && l->heap[(i - 1) / 2]->at_mono_ms > moved->at_mono_ms)
        sift_up(l, i, moved);
    else
        sift_down(l, i, moved);
}

void bf_loop_timer(struct bf_loop *l, struct bf_timer *t, int64_t in_ms)
{
    bf_loop_timer_cancel(l, t);
    if (l->n_timers == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->heap = bf_zrealloc(l->heap, l->cap * sizeof(struct bf_timer *));
    }
    t->at_mono_ms = bf_mono_ms(l->clock) + bf_max64(in_ms, 0);
    sift_up(l, l->n_timers++, t);
}

static void fire_timers(struct bf_loop *l)
{
    int64_t now = bf_mono_ms(l->clock);

    while (l->n_timers && l->heap[0]->at_mono_ms <= now) {
        struct bf_timer *t = l->heap[0];

        bf_loop_timer_cancel(l, t);
        t->fn(t);
    }
}

static int64_t until_next_timer(struct bf_loop *l)
{
    if (!l->n_timers)
        return -1;
    return bf_max64(l->heap[0]->at_mono_ms - bf_mono_ms(l->clock), 0);
}


/* --- tasks ------------------------------------------------------------------- */

int bf_loop_post(struct bf_loop *l, struct bf_task *t)
{
    bool wake;

    pthread_mutex_lock(&l->lock);
    if (l->stopping) {
        pthread_mutex_unlock(&l->lock);
        return BF_ECANCELED;
    }
    t->link.next = NULL;
    wake = !l->first;
    if (l->last)
        l->last->next = &t->link;
    else
        l->first = &t->link;
    l->last = &t->link;
    pthread_mutex_unlock(&l->lock);
    if (wake)
        bf_client_wake(l->client);
    return BF_OK;
}

static void run_tasks(struct bf_loop *l)
{
    struct bf_link *link;

    pthread_mutex_lock(&l->lock);
    link = l->first;
    l->first = l->last = NULL;
    pthread_mutex_unlock(&l->lock);
    while (link) {
        struct bf_task *t = bf_container_of(link, struct bf_task, link);

        link = link->next;      /* fn may free the task */
        t->fn(t);
    }
}

static bool is_stopping(struct bf_loop *l)
{
    bool stopping;

    pthread_mutex_lock(&l->lock);
    stopping = l->stopping && !l->first;
    pthread_mutex_unlock(&l->lock);
    return stopping;
}

static void *loop_main(void *arg)
{
    struct bf_loop *l = arg;

    while (!is_stopping(l)) {
        int64_t begun;

        bf_client_run(l->client, until_next_timer(l));
        begun = bf_mono_ms(l->clock);
        run_tasks(l);
        fire_timers(l);
        if (l->on_turn)
            l->on_turn(l->on_turn_arg);
        if (bf_mono_ms(l->clock) - begun > SLOW_MS)
            bf_warnf(l->log, "loop", "one turn took %lld ms; something on it blocks",
                     (long long)(bf_mono_ms(l->clock) - begun));
    }
    return NULL;
}

int bf_loop_start(struct bf_loop *l, struct bf_error *err)
{
    int rc = pthread_create(&l->thread, NULL, loop_main, l);

    if (rc)
        return bf_error_set(err, BF_EIO, "cannot start the courier's loop: %s", strerror(rc));
    pthread_setname_np(l->thread, "courier");
    l->started = true;
    return BF_OK;
}

bool bf_loop_stop_within(struct bf_loop *l, int64_t wait_ms)
{
    if (!l->started)
        return true;
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_mutex_unlock(&l->lock);
    bf_client_wake(l->client);
    if (!bf_thread_join_within(l->thread, wait_ms))
        return false;
    l->started = false;
    bf_client_cancel(l->client);
    return true;
}

void bf_loop_stop(struct bf_loop *l)
{
    while (!bf_loop_stop_within(l, STOP_MS))
        ;
}
