/* host_time.c - timers, posted functions, pauses, and the end of an instance as threads see it. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/plugin/host.h"

/* A timer.  On the hub's list from bf_after() until it has fired or its instance stops; touched on
 * the loop only, but for the list and `ended`, which stand under the hub's lock. */
struct bf_timing {
    struct bf_timer timer;
    struct bf_timing *next;
    struct bf_instance *instance;       /* a reference: it cannot go before its timers */
    bf_ticket ticket;
    bf_fn fn;
    void *arg;
    bool ended;
};

struct posted {
    struct bf_task task;
    struct bf_instance *instance;       /* a reference */
    bf_fn fn;
    void *arg;
};

static void call_back(struct bf_instance *i, bf_fn fn, void *arg)
{
    struct bf_error why;
    struct bf_call c;

    bf_call_enter(&c, i, BF_AT_LOOP, NULL, &why);
    fn(&i->ctx, arg);
    bf_call_leave(&c);
}

static void unlist(struct bf_plugins *p, struct bf_timing *t)
{
    struct bf_timing **at = &p->timings;

    while (*at && *at != t)
        at = &(*at)->next;
    if (*at)
        *at = t->next;
}

static void on_time(struct bf_timer *timer)
{
    struct bf_timing *t = bf_container_of(timer, struct bf_timing, timer);
    struct bf_instance *i = t->instance;
    struct bf_plugins *p = i->plugins;
    bool ended;

    pthread_mutex_lock(&p->lock);
    unlist(p, t);
    ended = t->ended;
    pthread_mutex_unlock(&p->lock);
    if (!ended && !atomic_load(&i->stopping))
        call_back(i, t->fn, t->arg);
    free(t);
    bf_instance_unref(i);
}

bf_ticket bf_host_after(struct bf_ctx *ctx, int64_t ms, bf_fn fn, void *arg)
{
    struct bf_instance *i = bf_instance_from(ctx);
    struct bf_plugins *p = i->plugins;
    struct bf_timing *t;

    if (!bf_loop_is_current(p->rooms.loop) || atomic_load(&i->stopping)) {
        bf_complain_words(ctx, BF_EINVAL, NULL, "bf_after() is for [loop], and not while stopping");
        return 0;
    }
    t = bf_new(struct bf_timing);
    t->timer.fn = on_time;
    t->instance = bf_instance_ref(i);
    t->ticket = atomic_fetch_add(&p->tickets, 1) + 1;
    t->fn = fn;
    t->arg = arg;
    pthread_mutex_lock(&p->lock);
    t->next = p->timings;
    p->timings = t;
    pthread_mutex_unlock(&p->lock);
    bf_loop_timer(p->rooms.loop, &t->timer, ms < 0 ? 0 : ms);
    return t->ticket;
}

/* The timer itself goes when it fires: only the loop may touch it. */
static int timing_end(const struct bf_instance *i, bf_ticket ticket)
{
    struct bf_plugins *p = i->plugins;
    int rc = BF_ENOENT;

    pthread_mutex_lock(&p->lock);
    for (struct bf_timing *t = p->timings; t && rc; t = t->next) {
        if (t->ticket == ticket && t->instance == i && !t->ended) {
            t->ended = true;
            rc = BF_OK;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return rc;
}

int bf_host_end(struct bf_ctx *ctx, bf_ticket ticket)
{
    struct bf_instance *i = bf_instance_from(ctx);
    int rc = timing_end(i, ticket);

    if (rc)
        rc = bf_streaming_end(i, ticket);
    return rc ? bf_watch_end(i, ticket) : BF_OK;
}

static struct bf_timing *take_timing(struct bf_plugins *p, const struct bf_instance *of)
{
    struct bf_timing *t;

    pthread_mutex_lock(&p->lock);
    for (t = p->timings; t && of && t->instance != of; t = t->next)
        ;
    if (t)
        unlist(p, t);
    pthread_mutex_unlock(&p->lock);
    return t;
}

void bf_timings_end(struct bf_plugins *p, const struct bf_instance *of)
{
    struct bf_timing *t;

    while ((t = take_timing(p, of)) != NULL) {
        if (of)
            bf_loop_timer_cancel(p->rooms.loop, &t->timer);
        bf_instance_unref(t->instance);
        free(t);
    }
}

static void on_posted(struct bf_task *task)
{
    struct posted *p = bf_container_of(task, struct posted, task);

    call_back(p->instance, p->fn, p->arg);
    bf_instance_unref(p->instance);
    free(p);
}

int bf_host_post(struct bf_ctx *ctx, bf_fn fn, void *arg)
{
    struct bf_instance *i = bf_instance_from(ctx);
    struct posted *p;

    if (atomic_load(&i->stopping))
        return BF_ECANCELED;
    p = bf_new(struct posted);
    p->task.fn = on_posted;
    p->instance = bf_instance_ref(i);
    p->fn = fn;
    p->arg = arg;
    if (!bf_loop_post(i->plugins->rooms.loop, &p->task))
        return BF_OK;
    bf_instance_unref(i);
    free(p);
    return BF_ECANCELED;
}

int bf_host_stop_fd(struct bf_ctx *ctx)
{
    struct bf_instance *i = bf_instance_from(ctx);
    int fd;

    pthread_mutex_lock(&i->lock);
    if (i->stop_fd < 0)
        i->stop_fd = eventfd(atomic_load(&i->stopping) ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
    fd = i->stop_fd;
    pthread_mutex_unlock(&i->lock);
    return fd;
}

void bf_instance_stop(struct bf_instance *i)
{
    uint64_t one = 1;

    pthread_mutex_lock(&i->lock);
    atomic_store(&i->stopping, true);
    if (i->stop_fd >= 0 && write(i->stop_fd, &one, sizeof(one)) < 0)
        bf_warnf(i->plugins->rooms.log, i->tag, "cannot signal the stop: %s", strerror(errno));
    pthread_mutex_unlock(&i->lock);
    bf_streamings_end(i);
}

int bf_host_sleep(struct bf_ctx *ctx, int64_t ms)
{
    struct bf_instance *i = bf_instance_from(ctx);
    int64_t until = bf_mono_ms(bf_clock_system()) + ms;
    struct pollfd fd = {.events = POLLIN};

    if (ms > 0)
        fd.fd = bf_host_stop_fd(ctx);
    while (!atomic_load(&i->stopping)) {
        int64_t left = until - bf_mono_ms(bf_clock_system());

        if (ms <= 0 || left <= 0)
            return 0;
        if (poll(&fd, 1, (int)bf_min64(left, 60 * 1000)) < 0 && errno != EINTR)
            return 0;
    }
    return 1;
}
