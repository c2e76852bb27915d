/* workers.c - a pool of threads that grows with the work and goes away without it.
 *
 * A job is handed to a waiting thread if there is one, else a thread is made, up to n_max; beyond
 * that it waits in line.  A job that waits for other jobs does not count meanwhile.  Threads are
 * detached: stopping waits until the last has left. */
#include "core/delivery/workers.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "core/base/base.h"
#include "core/base/clock.h"

#define IDLE_S  30
#define STOP_MS 3600000         /* as good as for ever */

struct bf_workers {
    unsigned n_max;             /* fixed after new */
    size_t queue_max;
    pthread_mutex_t lock;
    pthread_cond_t work;        /* a job came, or the end */
    pthread_cond_t gone;        /* a thread has left */
    struct bf_link *first;      /* under lock, from here down */
    struct bf_link *last;
    size_t n_waiting;
    unsigned n_threads;
    unsigned n_idle;
    unsigned n_lent;            /* whose job waits for other jobs */
    bool stopping;
};

struct bf_workers *bf_workers_new(unsigned n_max, size_t queue_max)
{
    struct bf_workers *w = bf_new(struct bf_workers);
    pthread_condattr_t attr;

    w->n_max = n_max;
    w->queue_max = queue_max;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->work, &attr);
    pthread_cond_init(&w->gone, &attr);
    pthread_condattr_destroy(&attr);
    return w;
}

/* How many threads there may be.  Under lock. */
static unsigned most_threads(const struct bf_workers *w)
{
    return w->n_max + (w->n_lent < BF_WORKERS_LENT_MAX ? w->n_lent : BF_WORKERS_LENT_MAX);
}

/* The next job, waiting a while for one; NULL if this thread should leave.  Under lock. */
static struct bf_job *next_job(struct bf_workers *w)
{
    struct timespec until;
    struct bf_link *l;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_S;
    if (w->n_threads > most_threads(w))
        return NULL;            /* it stood in for one that is back */
    while (!w->first && !w->stopping) {
        int rc;

        w->n_idle++;
        rc = pthread_cond_timedwait(&w->work, &w->lock, &until);
        w->n_idle--;
        if (rc && !w->first)
            return NULL;
    }
    l = w->first;
    if (!l)
        return NULL;
    w->first = l->next;
    if (!w->first)
        w->last = NULL;
    w->n_waiting--;
    return bf_container_of(l, struct bf_job, link);
}

static void *worker_main(void *arg)
{
    struct bf_workers *w = arg;
    struct bf_job *j;

    pthread_mutex_lock(&w->lock);
    while ((j = next_job(w))) {
        pthread_mutex_unlock(&w->lock);
        j->fn(j);
        pthread_mutex_lock(&w->lock);
    }
    w->n_threads--;
    pthread_cond_broadcast(&w->gone);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void add_thread(struct bf_workers *w)
{
    pthread_attr_t attr;
    pthread_t thread;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attr, worker_main, w) == 0)
        w->n_threads++;
    pthread_attr_destroy(&attr);
}

int bf_workers_add(struct bf_workers *w, struct bf_job *j)
{
    int rc = BF_OK;

    pthread_mutex_lock(&w->lock);
    if (w->stopping)
        rc = BF_ECANCELED;
    else if (w->n_waiting >= w->queue_max)
        rc = BF_EFULL;
    if (!rc && w->n_idle <= w->n_waiting && w->n_threads < most_threads(w))
        add_thread(w);
    if (!rc && w->n_threads == 0)
        rc = BF_EFULL;          /* the system gives no thread: as good as no room */
    if (!rc) {
        j->link.next = NULL;
        if (w->last)
            w->last->next = &j->link;
        else
            w->first = &j->link;
        w->last = &j->link;
        w->n_waiting++;
        pthread_cond_signal(&w->work);
    }
    pthread_mutex_unlock(&w->lock);
    return rc;
}

void bf_workers_wait_begin(struct bf_workers *w)
{
    pthread_mutex_lock(&w->lock);
    w->n_lent++;
    if (w->first && w->n_idle == 0 && w->n_threads < most_threads(w))
        add_thread(w);
    pthread_mutex_unlock(&w->lock);
}

void bf_workers_wait_end(struct bf_workers *w)
{
    pthread_mutex_lock(&w->lock);
    w->n_lent--;
    pthread_mutex_unlock(&w->lock);
}

bool bf_workers_stop_within(struct bf_workers *w, int64_t wait_ms)
{
    struct timespec until = bf_mono_in(wait_ms);
    bool gone;

    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_broadcast(&w->work);
    while (w->n_threads && pthread_cond_timedwait(&w->gone, &w->lock, &until) == 0)
        ;
    gone = w->n_threads == 0;
    if (!gone) {
        w->first = w->last = NULL;
        w->n_waiting = 0;
    }
    pthread_mutex_unlock(&w->lock);
    return gone;
}

void bf_workers_stop(struct bf_workers *w)
{
    while (!bf_workers_stop_within(w, STOP_MS))
        ;
}

void bf_workers_free(struct bf_workers *w)
{
    if (!w)
        return;
    bf_workers_stop(w);
    pthread_cond_destroy(&w->gone);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
