/* queue.c - a linked list under a mutex.
 *
 * The consumer takes the whole list at once, so under load one lock serves many items; producers
 * signal only a consumer that waits.  Waits are measured by the monotonic clock, so that setting
 * the machine's time neither wakes nor hangs anybody. */
#include "core/base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include <belfry/plugin.h> /* enum bf_err */

#include "core/base/base.h"

struct bf_queue {
    size_t limit;               /* fixed after new */
    pthread_cond_t filled;      /* or closed */
    pthread_mutex_t lock;
    struct bf_link *first;      /* under lock, from here down */
    struct bf_link **end;       /* where the next one is hung */
    size_t len;
    bool waiting;
    bool closed;
};

struct bf_queue *bf_queue_new(size_t limit)
{
    struct bf_queue *q = bf_new(struct bf_queue);
    pthread_condattr_t attr;

    q->limit = limit;
    q->end = &q->first;
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&q->filled, &attr);
    pthread_condattr_destroy(&attr);
    return q;
}

void bf_queue_free(struct bf_queue *q)
{
    if (!q)
        return;
    pthread_cond_destroy(&q->filled);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

/* Under the lock; gives whether somebody has to be woken. */
static bool hang(struct bf_queue *q, struct bf_link *item)
{
    bool wake = q->waiting;

    item->next = NULL;
    *q->end = item;
    q->end = &item->next;
    q->len++;
    q->waiting = false;         /* one signal is enough */
    return wake;
}

static int push(struct bf_queue *q, struct bf_link *item, size_t limit)
{
    int rc = BF_OK;
    bool wake = false;

    pthread_mutex_lock(&q->lock);
    if (q->closed)
        rc = BF_ECANCELED;
    else if (q->len >= limit)
        rc = BF_EFULL;
    else
        wake = hang(q, item);
    pthread_mutex_unlock(&q->lock);
    if (wake)
        pthread_cond_signal(&q->filled);
    return rc;
}

int bf_queue_push(struct bf_queue *q, struct bf_link *item) { return push(q, item, q->limit); }

int bf_queue_push_always(struct bf_queue *q, struct bf_link *item)
{
    return push(q, item, SIZE_MAX);
}

void bf_queue_push_awaited(struct bf_queue *q, struct bf_link *item)
{
    bool wake;

    pthread_mutex_lock(&q->lock);
    wake = hang(q, item);
    pthread_mutex_unlock(&q->lock);
    if (wake)
        pthread_cond_signal(&q->filled);
}

static struct timespec from_now(int64_t us)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += us / 1000000;
    ts.tv_nsec += us % 1000000 * 1000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    return ts;
}

/* Under the lock: until there is an item, or the queue is closed (if that matters), or the time is
 * up. */
static void wait_for_item(struct bf_queue *q, bool until_closed, int64_t wait_us)
{
    struct timespec until = {0};
    int rc = 0;

    if (wait_us > 0)
        until = from_now(wait_us);
    while (!q->first && !(until_closed && q->closed) && rc != ETIMEDOUT) {
        q->waiting = true;
        rc = wait_us < 0 ? pthread_cond_wait(&q->filled, &q->lock)
                         : pthread_cond_timedwait(&q->filled, &q->lock, &until);
    }
    q->waiting = false;
}

static struct bf_link *pop_all(struct bf_queue *q, bool until_closed, int64_t wait_us)
{
    struct bf_link *list;

    pthread_mutex_lock(&q->lock);
    if (!q->first && wait_us != 0)
        wait_for_item(q, until_closed, wait_us);
    list = q->first;
    q->first = NULL;
    q->end = &q->first;
    q->len = 0;
    pthread_mutex_unlock(&q->lock);
    return list;
}

struct bf_link *bf_queue_pop_all(struct bf_queue *q, int64_t wait_ms)
{
    return pop_all(q, true, wait_ms < 0 ? -1 : wait_ms * 1000);
}

struct bf_link *bf_queue_pop_soon(struct bf_queue *q, int64_t wait_us)
{
    return pop_all(q, true, wait_us);
}

struct bf_link *bf_queue_await(struct bf_queue *q, int64_t wait_ms)
{
    return pop_all(q, false, wait_ms < 0 ? -1 : wait_ms * 1000);
}

void bf_queue_close(struct bf_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->filled);
    pthread_mutex_unlock(&q->lock);
}

bool bf_queue_is_closed(struct bf_queue *q)
{
    bool closed;

    pthread_mutex_lock(&q->lock);
    closed = q->closed;
    pthread_mutex_unlock(&q->lock);
    return closed;
}

size_t bf_queue_len(struct bf_queue *q)
{
    size_t len;

    pthread_mutex_lock(&q->lock);
    len = q->len;
    pthread_mutex_unlock(&q->lock);
    return len;
}
