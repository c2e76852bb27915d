/* stream.c - answers that go on: written by any thread, taken by the client as it can.
 *
 * What is written waits in a buffer with a limit, under the stream's lock.  When the buffer is
 * empty the library is told to leave the connection alone (`waiting`), and the next write posts
 * the stream to its loop, once, to go on.  As a connection that is left alone does not notice its
 * client going away, the loop watches the socket for that as well.
 *
 * `closed` is called when the library is done with the request, whatever the reason, and then the
 * stream is freed; or, if it is still posted, when the loop comes across it. */
#include "listener_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "core/base/base.h"
#include "core/base/buf.h"

#define BLOCK    (16 * 1024)    /* what the library asks for at once */
#define KEEP_MAX (16 * 1024)    /* of an empty buffer */

struct bf_stream {
    struct bf_errand errand;        /* first */
    struct bf_watched watched;
    struct bf_stream *next, **prev;     /* of the loop's list; prev is NULL before it begins */
    struct bf_web_loop *loop;
    struct bf_exchange *x;
    void (*closed)(void *arg);
    void (*room)(void *arg);    /* or NULL; see bf_stream_on_room() */
    void *arg;
    bool events;                /* text/event-stream */
    int64_t last_sent;          /* [loop] */
    pthread_mutex_t lock;
    struct bf_buf buf;          /* under lock, from here down */
    size_t taken;               /* of buf, from its front */
    bool waiting;               /* the library leaves the connection alone */
    bool posted;
    bool ended;                 /* nothing more will be written */
    bool gone;                  /* the client */
    bool dead;                  /* to be freed when the loop finds it */
};

static void destroy(struct bf_stream *s)
{
    bf_buf_fini(&s->buf);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* With the lock held: must the caller post the stream? */
static bool claim_post(struct bf_stream *s)
{
    if (!s->waiting || s->posted)
        return false;
    s->posted = true;
    return true;
}

static void run_posted(struct bf_errand *errand)
{
    struct bf_stream *s = (struct bf_stream *)errand;
    bool dead, resume;

    pthread_mutex_lock(&s->lock);
    s->posted = false;
    dead = s->dead;
    resume = s->waiting && !dead;
    if (resume)
        s->waiting = false;
    pthread_mutex_unlock(&s->lock);
    if (dead)
        destroy(s);
    else if (resume)
        MHD_resume_connection(s->x->conn->mhd);
}

/* On the loop's thread there is no need to post. */
static void end_here(struct bf_stream *s, bool gone)
{
    bool resume;

    pthread_mutex_lock(&s->lock);
    s->ended = true;
    s->gone = s->gone || gone;
    resume = s->waiting;
    s->waiting = false;
    pthread_mutex_unlock(&s->lock);
    if (resume)
        MHD_resume_connection(s->x->conn->mhd);
}

static void on_client_gone(struct bf_watched *w)
{
    end_here(bf_container_of(w, struct bf_stream, watched), true);
}

/* With the lock held. */
static size_t take(struct bf_stream *s, char *to, size_t max)
{
    size_t n = s->buf.len - s->taken;

    n = n < max ? n : max;
    memcpy(to, s->buf.data + s->taken, n);
    s->taken += n;
    if (s->taken == s->buf.len) {
        s->taken = 0;
        bf_buf_clear(&s->buf);
        if (s->buf.cap > KEEP_MAX)
            bf_buf_fini(&s->buf);
    }
    return n;
}

/* The library wants more to send. */
static ssize_t on_wanted(void *arg, uint64_t pos, char *to, size_t max)
{
    struct bf_stream *s = arg;
    bool was_full;
    ssize_t n = 0;

    (void)pos;
    pthread_mutex_lock(&s->lock);
    was_full = s->buf.len - s->taken > BF_STREAM_WAIT_MAX;
    if (s->gone)
        n = MHD_CONTENT_READER_END_WITH_ERROR;
    else if (s->buf.len > s->taken)
        n = (ssize_t)take(s, to, max);
    else if (s->ended)
        n = MHD_CONTENT_READER_END_OF_STREAM;
    else
        s->waiting = true;
    was_full = was_full && s->buf.len - s->taken <= BF_STREAM_WAIT_MAX;
    pthread_mutex_unlock(&s->lock);
    if (was_full && s->room)
        s->room(s->arg);
    s->last_sent = s->loop->now;
    if (n == 0)
        MHD_suspend_connection(s->x->conn->mhd);
    return n;
}

static void run_begin(struct bf_errand *errand)
{
    struct bf_exchange *x = (struct bf_exchange *)errand;

    x->parked = false;
    bf_stream_begin(x->stream);
}

struct bf_stream *bf_exchange_stream(struct bf_exchange *x, const char *type,
                                     void (*closed)(void *arg), void *arg)
{
    struct bf_stream *s = bf_new(struct bf_stream);

    bf_assert(!x->inside);
    s->errand.run = run_posted;
    s->watched.ready = on_client_gone;
    s->loop = x->loop;
    s->x = x;
    s->closed = closed;
    s->arg = arg;
    s->events = type && strncmp(type, "text/event-stream", 17) == 0;
    pthread_mutex_init(&s->lock, NULL);
    bf_buf_init(&s->buf, BF_STREAM_WAIT_MAX + BF_STREAM_PIECE_MAX + 1);
    x->type = type ? bf_arena_dup(x->arena, type) : NULL;
    x->stream = s;
    if (x->parked)
        bf_exchange_post(x, run_begin);
    return s;
}

void bf_stream_begin(struct bf_stream *s)
{
    struct bf_web_loop *loop = s->loop;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_wanted, s, NULL);

    bf_assert(response != NULL);
    s->next = loop->streams;
    s->prev = &loop->streams;
    if (s->next)
        s->next->prev = &s->next;
    loop->streams = s;
    s->last_sent = loop->now;
    if (loop->phase >= BF_CUTTING || (loop->phase == BF_DRAINING && s->events))
        end_here(s, loop->phase >= BF_CUTTING);
    bf_web_loop_watch(loop, s->x->conn->fd, EPOLLRDHUP | EPOLLONESHOT, &s->watched);
    bf_answer_add_headers(s->x, response);
    bf_exchange_queue(s->x, 200, response);
}

void bf_stream_closed(struct bf_stream *s)
{
    bool posted;

    if (s->prev) {
        bf_web_loop_unwatch(s->loop, s->x->conn->fd);
        *s->prev = s->next;
        if (s->next)
            s->next->prev = s->prev;
    }
    pthread_mutex_lock(&s->lock);
    s->gone = true;
    s->waiting = false;
    pthread_mutex_unlock(&s->lock);
    if (s->closed)
        s->closed(s->arg);
    pthread_mutex_lock(&s->lock);
    posted = s->posted;
    s->dead = true;
    pthread_mutex_unlock(&s->lock);
    if (!posted)
        destroy(s);
}

/* With the lock held: move what waits to the front if the end would pass the maximum. */
static void make_room(struct bf_stream *s, size_t len)
{
    if (s->taken == 0 || s->buf.len + len < s->buf.max)
        return;
    s->buf.len -= s->taken;
    memmove(s->buf.data, s->buf.data + s->taken, s->buf.len);
    s->taken = 0;
}

/* `most` may wait already. */
static int write_some(struct bf_stream *s, const void *data, size_t len, size_t most)
{
    int rc = BF_OK;
    bool post = false;

    pthread_mutex_lock(&s->lock);
    if (s->gone || s->ended) {
        rc = BF_ENOENT;
    } else if (s->buf.len - s->taken > most) {
        rc = BF_EFULL;
    } else if (len > 0) {
        make_room(s, len);
        bf_buf_add(&s->buf, data, len);
        post = claim_post(s);
    }
    pthread_mutex_unlock(&s->lock);
    if (post)
        bf_web_loop_post(s->loop, &s->errand);
    return rc;
}

int bf_stream_write(struct bf_stream *s, const void *data, size_t len)
{
    if (len > BF_STREAM_WAIT_MAX)
        return BF_EFULL;
    return write_some(s, data, len, BF_STREAM_WAIT_MAX - len);
}

int bf_stream_write_all(struct bf_stream *s, const void *data, size_t len)
{
    return len > BF_STREAM_PIECE_MAX ? BF_ETOOBIG : write_some(s, data, len, BF_STREAM_WAIT_MAX);
}

void bf_stream_on_room(struct bf_stream *s, void (*fn)(void *arg)) { s->room = fn; }

size_t bf_stream_waiting(struct bf_stream *s)
{
    size_t n;

    pthread_mutex_lock(&s->lock);
    n = s->buf.len - s->taken;
    pthread_mutex_unlock(&s->lock);
    return n;
}

void bf_stream_end(struct bf_stream *s)
{
    bool post;

    pthread_mutex_lock(&s->lock);
    s->ended = true;
    post = claim_post(s);
    pthread_mutex_unlock(&s->lock);
    if (post)
        bf_web_loop_post(s->loop, &s->errand);
}

void bf_streams_tick(struct bf_web_loop *loop)
{
    for (struct bf_stream *s = loop->streams; s; s = s->next)
        if (s->events && loop->now - s->last_sent >= loop->listener->times.quiet &&
            bf_stream_waiting(s) == 0)
            bf_stream_write(s, ":\n\n", 3);
}

void bf_streams_end(struct bf_web_loop *loop, bool all)
{
    for (struct bf_stream *s = loop->streams; s; s = s->next)
        if (all || s->events)
            end_here(s, all);
}
