/* body.c - what comes with a request: in the arena, on the heap, or in a spool file.
 *
 * A short body of known length goes into the arena.  Longer ones grow on the heap as they arrive,
 * since a length is only a claim.  Beyond BF_BODY_MEMORY_MAX, or if the route wants a file, it
 * goes to spool_dir.  The handler sees one piece of NUL-terminated text whatever happened: a file
 * is mapped over a reservation one byte longer, so that a NUL follows even a full last page.
 *
 * All bodies on the heap, and all long answers that wait for their readers, share one budget
 * (BF_HELD_MAX).  Once it is used up bodies go to the file at once, and long answers become 503.
 *
 * A file that nobody was promised has no name from the start, so that a crash leaves nothing
 * behind; a body_file keeps its name until the request is over, or the handler renamed it. */
#include "listener_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/base.h"

#define BODY_ARENA_MAX (16 * 1024)      /* of a known length: allocated at once */
#define BODY_FIRST     (16 * 1024)      /* on the heap */

void bf_body_init(struct bf_body *b)
{
    memset(b, 0, sizeof(*b));
    b->data = "";
    b->fd = -1;
}

bool bf_exchange_hold(struct bf_exchange *x, size_t len)
{
    atomic_size_t *held = &x->loop->listener->held;

    if (atomic_fetch_add(held, len) + len > BF_HELD_MAX) {
        atomic_fetch_sub(held, len);
        return false;
    }
    x->held += len;
    return true;
}

void bf_exchange_release_held(struct bf_exchange *x)
{
    atomic_fetch_sub(&x->loop->listener->held, x->held);
    x->held = 0;
}

static void drop_buf(struct bf_body *b)
{
    if (b->on_heap)
        free(b->buf);
    b->buf = NULL;
    b->room = 0;
    b->on_heap = false;
}

void bf_body_fini(struct bf_body *b)
{
    drop_buf(b);
    if (b->fd >= 0)
        close(b->fd);
    if (b->map)
        munmap(b->map, b->map_len);
    if (b->path) {
        unlink(b->path);
        free(b->path);
    }
}

static int cannot_spool(struct bf_exchange *x, const char *what)
{
    const struct bf_listener *l = x->loop->listener;

    bf_warnf(l->options.log, "listener", "cannot %s a body in %s: %s; answering 503", what,
             l->options.spool_dir, strerror(errno));
    return bf_exchange_fail(x, 503, bf_status_code(503), NULL,
                            "the body cannot be stored at present");
}

static int write_all(struct bf_exchange *x, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(x->body.fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cannot_spool(x, "write");
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Go on in a file, with what is there already. */
static int spool(struct bf_exchange *x)
{
    const char *dir = x->loop->listener->options.spool_dir;
    struct bf_body *b = &x->body;
    char *path;
    int status;

    if (!dir)
        return bf_exchange_fail(x, 413, "too_large", NULL, "no place for large bodies is set up");
    if (asprintf(&path, "%s/body-XXXXXX", dir) < 0)
        return cannot_spool(x, "name");
    b->fd = mkostemp(path, O_CLOEXEC);
    if (b->fd < 0) {
        free(path);
        return cannot_spool(x, "spool");
    }
    if (x->match.route->body_file) {
        b->path = path;
    } else {
        unlink(path);
        free(path);
    }
    status = write_all(x, b->buf, b->len);
    drop_buf(b);
    bf_exchange_release_held(x);
    return status;
}

static int too_large(struct bf_exchange *x)
{
    return bf_exchange_fail(x, 413, "too_large", NULL, "the body is larger than the %zu bytes "
                            "that %s %s takes", x->body.max, x->method,
                            x->match.route->path);
}

int bf_body_begin(struct bf_exchange *x, uint64_t expected)
{
    const struct bf_web_route *route = x->match.route;
    struct bf_body *b = &x->body;
    bool known = expected != MHD_SIZE_UNKNOWN;

    b->max = route->body_max ? route->body_max : BF_BODY_MAX;
    if (known && expected > b->max)
        return too_large(x);
    if (route->body_file || (known && expected > BF_BODY_MEMORY_MAX))
        return spool(x);
    if (known && expected > 0 && expected <= BODY_ARENA_MAX) {
        b->buf = bf_arena_alloc(x->arena, (size_t)expected + 1);
        b->room = b->buf ? (size_t)expected : 0;
    }
    return 0;
}

/* False: all bodies together may not take more. */
static bool grow(struct bf_exchange *x, size_t len)
{
    struct bf_body *b = &x->body;
    size_t room = b->room ? b->room : BODY_FIRST;
    char *buf;

    while (room < b->len + len)
        room *= 2;
    if (!bf_exchange_hold(x, room - (b->on_heap ? b->room : 0)))
        return false;
    buf = bf_zrealloc(b->on_heap ? b->buf : NULL, room + 1);
    if (!b->on_heap && b->len)
        memcpy(buf, b->buf, b->len);
    b->buf = buf;
    b->room = room;
    b->on_heap = true;
    return true;
}

int bf_body_add(struct bf_exchange *x, const void *data, size_t len)
{
    struct bf_body *b = &x->body;
    int status = 0;

    if (len > b->max - b->len)
        return too_large(x);
    if (b->fd < 0 && (b->len + len > BF_BODY_MEMORY_MAX ||
                      (b->len + len > b->room && !grow(x, len))))
        status = spool(x);
    if (status)
        return status;
    if (b->fd >= 0)
        status = write_all(x, data, len);
    else
        memcpy(b->buf + b->len, data, len);
    b->len += len;
    return status;
}

static int map_file(struct bf_exchange *x)
{
    struct bf_body *b = &x->body;
    void *at;

    /* Zeros for as much as file and NUL take, then the file over them. */
    at = mmap(NULL, b->len + 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return cannot_spool(x, "map");
    b->map = at;
    b->map_len = b->len + 1;
    if (b->len > 0 && mmap(at, b->len, PROT_READ, MAP_PRIVATE | MAP_FIXED, b->fd, 0) == MAP_FAILED)
        return cannot_spool(x, "map");
    b->data = at;
    close(b->fd);
    b->fd = -1;
    return 0;
}

int bf_body_done(struct bf_exchange *x)
{
    struct bf_body *b = &x->body;

    if (b->fd >= 0)
        return map_file(x);
    if (b->buf) {
        b->buf[b->len] = '\0';
        b->data = b->buf;
    }
    return 0;
}
