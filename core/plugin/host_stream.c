/* host_stream.c - replies that go on, as plugins know them: by a ticket, from any thread.
 *
 * The listener's stream is gone as soon as its client is, at any moment and on a thread of the
 * listener; plugins hold on to a ticket, and watches to the arena that came with the request.  So
 * there is an object in between, counted, which knows whether there still is a stream, and with
 * its last reference lets go of the exchange. */
#include <string.h>

#include "core/plugin/host.h"

#define STREAMS_MAX 1024                /* of one hub: each has a connection and its arena */
#define FULL (256 * 1024)               /* bytes that wait; with more of them a client is slow */

struct bf_streaming {
    bf_ticket ticket;
    struct bf_instance *instance;       /* a source: lives as long as the listener */
    struct bf_exchange *x;
    struct bf_streaming *next;          /* under the hub's lock, as is: */
    unsigned refs;
    pthread_mutex_t lock;
    pthread_cond_t changed;             /* room, or the end */
    struct bf_stream *stream;           /* under lock, from here down; NULL once it is gone */
    bool ended;
};

/* The client is gone or has everything.  [listener] */
static void on_closed(void *arg)
{
    struct bf_streaming *s = arg;

    pthread_mutex_lock(&s->lock);
    s->stream = NULL;
    s->ended = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    bf_watches_wake(s->instance->plugins->watches);
    bf_streaming_unref(s);
}

/* [listener] */
static void on_room(void *arg)
{
    struct bf_streaming *s = arg;

    pthread_mutex_lock(&s->lock);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    bf_watches_wake(s->instance->plugins->watches);
}

bool bf_streaming_room(struct bf_plugins *p)
{
    bool room;

    pthread_mutex_lock(&p->lock);
    room = p->n_streams < STREAMS_MAX;
    pthread_mutex_unlock(&p->lock);
    return room;
}

struct bf_streaming *bf_streaming_new(struct bf_instance *i, struct bf_exchange *x,
                                      const char *type)
{
    struct bf_plugins *p = i->plugins;
    struct bf_streaming *s = bf_new(struct bf_streaming);

    s->ticket = atomic_fetch_add(&p->tickets, 1) + 1;
    s->instance = i;
    s->x = x;
    s->refs = 2;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    pthread_mutex_lock(&p->lock);
    s->next = p->streams;
    p->streams = s;
    p->n_streams++;
    pthread_mutex_unlock(&p->lock);
    /* A request on a worker begins to stream at once, so it may close before this returns. */
    pthread_mutex_lock(&s->lock);
    s->stream = bf_exchange_stream(x, type, on_closed, s);
    bf_stream_on_room(s->stream, on_room);
    pthread_mutex_unlock(&s->lock);
    if (atomic_load(&i->stopping))
        bf_streaming_end(i, s->ticket);         /* it began to stop meanwhile */
    return s;
}

struct bf_streaming *bf_streaming_find(struct bf_instance *i, bf_ticket ticket)
{
    struct bf_plugins *p = i->plugins;
    struct bf_streaming *s;

    pthread_mutex_lock(&p->lock);
    for (s = p->streams; s && (s->ticket != ticket || s->instance != i); s = s->next)
        ;
    if (s)
        s->refs++;
    pthread_mutex_unlock(&p->lock);
    return s;
}

static void unlist(struct bf_plugins *p, struct bf_streaming *s)
{
    struct bf_streaming **at = &p->streams;

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    p->n_streams--;
}

void bf_streaming_unref(struct bf_streaming *s)
{
    struct bf_plugins *p = s->instance->plugins;
    bool last;

    pthread_mutex_lock(&p->lock);
    last = --s->refs == 0;
    if (last)
        unlist(p, s);
    pthread_mutex_unlock(&p->lock);
    if (!last)
        return;
    bf_exchange_release(s->x);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

bf_ticket bf_streaming_ticket(const struct bf_streaming *s) { return s->ticket; }

bool bf_streaming_over(struct bf_streaming *s)
{
    bool over;

    pthread_mutex_lock(&s->lock);
    over = s->ended;
    pthread_mutex_unlock(&s->lock);
    return over;
}

bool bf_streaming_full(struct bf_streaming *s)
{
    bool full;

    pthread_mutex_lock(&s->lock);
    full = s->stream && bf_stream_waiting(s->stream) > FULL;
    pthread_mutex_unlock(&s->lock);
    return full;
}

static bool end(struct bf_streaming *s)
{
    bool ended;

    pthread_mutex_lock(&s->lock);
    ended = s->ended;
    s->ended = true;
    if (s->stream)
        bf_stream_end(s->stream);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return !ended;
}

int bf_streaming_end(struct bf_instance *i, bf_ticket ticket)
{
    struct bf_streaming *s = bf_streaming_find(i, ticket);
    bool was_open;

    if (!s)
        return BF_ENOENT;
    was_open = end(s);
    bf_streaming_unref(s);
    bf_watches_wake(i->plugins->watches);
    return was_open ? BF_OK : BF_ENOENT;
}

/* The first that has not ended yet, a reference. */
static struct bf_streaming *next_open(struct bf_instance *i)
{
    struct bf_plugins *p = i->plugins;
    struct bf_streaming *s;

    pthread_mutex_lock(&p->lock);
    for (s = p->streams; s && (s->instance != i || bf_streaming_over(s)); s = s->next)
        ;
    if (s)
        s->refs++;
    pthread_mutex_unlock(&p->lock);
    return s;
}

void bf_streamings_end(struct bf_instance *i)
{
    struct bf_streaming *s;

    while ((s = next_open(i)) != NULL) {
        end(s);
        bf_streaming_unref(s);
    }
}

static int write_to(struct bf_streaming *s, const void *data, size_t len, bool waits)
{
    int rc;

    pthread_mutex_lock(&s->lock);
    for (;;) {
        rc = s->ended ? BF_ENOENT : bf_stream_write_all(s->stream, data, len);
        if (rc != BF_EFULL || !waits)
            break;
        pthread_cond_wait(&s->changed, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

int bf_host_write(struct bf_ctx *ctx, bf_ticket ticket, const void *data, size_t len)
{
    struct bf_instance *i = bf_instance_from(ctx);
    struct bf_streaming *s = bf_streaming_find(i, ticket);
    enum bf_where where = bf_call_where(ctx);
    int rc = BF_ENOENT;

    if (s) {
        rc = write_to(s, data, len, where == BF_AT_WORKER || where == BF_AT_OWN);
        bf_streaming_unref(s);
    }
    if (rc == BF_ENOENT)
        bf_complain_words(ctx, rc, NULL, "the stream has ended");
    else if (rc == BF_EFULL)
        bf_complain_words(ctx, rc, NULL, "the client is slow; there is no room yet");
    else if (rc == BF_ETOOBIG)
        bf_complain_words(ctx, rc, NULL, "a write to a stream has 1 MiB at most");
    return rc;
}
