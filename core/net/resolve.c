/* resolve.c - getaddrinfo() with an end.
 *
 * The look-up belongs to two: the caller, until its time is over, and the thread, until the
 * resolver has answered.  Whoever leaves last frees it. */
#include "core/net/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "core/base/base.h"

#define STACK_BYTES (256 * 1024)

struct look_up {
    char *name;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    int users;                  /* under lock, from here down */
    bool done;
    int rc;                     /* of getaddrinfo() */
    struct bf_addresses found;
};

static void leave(struct look_up *l)
{
    bool last;

    pthread_mutex_lock(&l->lock);
    last = --l->users == 0;
    pthread_mutex_unlock(&l->lock);
    if (!last)
        return;
    pthread_cond_destroy(&l->answered);
    pthread_mutex_destroy(&l->lock);
    free(l->name);
    free(l);
}

static void take(struct bf_addresses *out, const struct addrinfo *list)
{
    for (const struct addrinfo *a = list; a && out->n < BF_ADDRESSES_MAX; a = a->ai_next)
        if (a->ai_addrlen <= sizeof(out->items[0]))
            memcpy(&out->items[out->n++], a->ai_addr, a->ai_addrlen);
}

static void *ask(void *arg)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct look_up *l = arg;
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(l->name, NULL, &hints, &list);

    pthread_mutex_lock(&l->lock);
    l->rc = rc;
    if (!rc)
        take(&l->found, list);
    l->done = true;
    pthread_cond_signal(&l->answered);
    pthread_mutex_unlock(&l->lock);
    if (!rc)
        freeaddrinfo(list);
    leave(l);
    return NULL;
}

static struct look_up *new_look_up(const char *name)
{
    struct look_up *l = bf_new(struct look_up);
    pthread_condattr_t monotonic;

    l->name = bf_strdup(name);
    l->users = 2;
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->answered, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return l;
}

static bool begin(struct look_up *l)
{
    pthread_attr_t attr;
    pthread_t thread;
    int rc;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    rc = pthread_create(&thread, &attr, ask, l);
    pthread_attr_destroy(&attr);
    return rc == 0;
}

static void wait_for(struct look_up *l, int64_t wait_ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&l->lock);
    while (!l->done && pthread_cond_timedwait(&l->answered, &l->lock, &until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&l->lock);
}

static int answer_of(struct look_up *l, struct bf_addresses *out, struct bf_error *err)
{
    int rc = BF_OK;

    pthread_mutex_lock(&l->lock);
    if (!l->done)
        rc = bf_error_set(err, BF_ETIMEDOUT, "no answer in time");
    else if (l->rc || l->found.n == 0)
        rc = bf_error_set(err, BF_ENOENT, "%s", l->rc ? gai_strerror(l->rc) : "no address");
    else
        *out = l->found;
    pthread_mutex_unlock(&l->lock);
    return rc;
}

int bf_resolve(const char *name, int64_t wait_ms, struct bf_addresses *out, struct bf_error *err)
{
    struct look_up *l;
    int rc;

    if (wait_ms <= 0)
        return bf_error_set(err, BF_ETIMEDOUT, "no time to ask");
    l = new_look_up(name);
    if (!begin(l)) {
        leave(l);
        rc = bf_error_set(err, BF_ETIMEDOUT, "no thread to ask with");
    } else {
        wait_for(l, wait_ms);
        rc = answer_of(l, out, err);
    }
    leave(l);
    return rc;
}
