/* arena.c - chunks of memory that are handed out from the front and freed together.
 *
 * The first chunk comes in the same malloc() as the arena, so small work costs one; later ones
 * double, from twice CHUNK_FIRST up to CHUNK_MAX.  What is larger than a quarter of the next chunk gets one of its own,
 * and the current one stays, so that the room left in that is not lost.
 *
 * `used` counts what was handed out, with alignment, and never passes `limit`.  The system having
 * no memory is treated as the limit: the work fails, not the program. */
#include "core/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"

enum {
    CHUNK_FIRST = 2048,
    CHUNK_MAX = 64 * 1024,
    ALIGN = alignof(max_align_t)
};

struct chunk {
    struct chunk *next;
    size_t size;
    size_t used;
    alignas(max_align_t) char data[];
};

/* struct bf_arena is what plugins see of it. */
struct arena {
    struct bf_arena pub;
    size_t limit;
    size_t used;
    size_t next_size;           /* of the next chunk */
    bool over;
    char empty[1];              /* the "" of a full arena, one each so that nothing is shared */
    void *data;                 /* whoever's work it is */
    struct chunk *current;      /* what is handed out from */
    struct chunk *made;         /* all chunks but the first, to be freed */
    alignas(max_align_t) struct chunk first;
};

static struct arena *inside(const struct bf_arena *a) { return (struct arena *)a; }

struct bf_arena *bf_arena_new_with(size_t limit, size_t first)
{
    struct arena *a = bf_zrealloc(NULL, sizeof(*a) + first);

    memset(a, 0, sizeof(*a));
    a->limit = limit;
    a->next_size = 2 * CHUNK_FIRST;
    a->first.size = first;
    a->current = &a->first;
    return &a->pub;
}

struct bf_arena *bf_arena_new(size_t limit) { return bf_arena_new_with(limit, CHUNK_FIRST); }

static void free_chunks(struct arena *a)
{
    while (a->made) {
        struct chunk *c = a->made;

        a->made = c->next;
        free(c);
    }
}

void bf_arena_free(struct bf_arena *pub)
{
    if (!pub)
        return;
    free_chunks(inside(pub));
    free(inside(pub));
}

void bf_arena_reset(struct bf_arena *pub)
{
    struct arena *a = inside(pub);

    free_chunks(a);
    a->current = &a->first;
    a->first.used = 0;
    a->used = 0;
    a->next_size = 2 * CHUNK_FIRST;
    a->over = false;
    a->data = NULL;
}

bool bf_arena_ok(const struct bf_arena *a) { return !inside(a)->over; }

size_t bf_arena_used(const struct bf_arena *a) { return inside(a)->used; }

size_t bf_arena_room(const struct bf_arena *a) { return inside(a)->limit - inside(a)->used; }

void bf_arena_set_host(struct bf_arena *a, const struct bf_host *host) { a->host = host; }

void *bf_arena_data(const struct bf_arena *a) { return inside(a)->data; }

void bf_arena_set_data(struct bf_arena *a, void *data) { inside(a)->data = data; }

/* A chunk with room for len: the new current one, or one of its own if len is large. */
static struct chunk *add_chunk(struct arena *a, size_t len)
{
    bool own = len > a->next_size / 4;
    size_t size = own ? len : a->next_size;
    struct chunk *c = malloc(sizeof(*c) + size);

    if (!c)
        return NULL;
    c->size = size;
    c->used = 0;
    c->next = a->made;
    a->made = c;
    if (own)
        return c;
    a->current = c;
    if (a->next_size < CHUNK_MAX)
        a->next_size *= 2;
    return c;
}

/* len bytes, not zeroed, at a multiple of align; NULL, and marked, past the limit. */
static char *grab(struct arena *a, size_t len, size_t align)
{
    struct chunk *c = a->current;
    size_t pad = -c->used & (align - 1);
    char *p;

    if (len > a->limit - a->used)
        goto over;
    if (pad > c->size - c->used || len > c->size - c->used - pad) {
        c = add_chunk(a, len);
        pad = 0;
        if (!c)
            goto over;
    }
    p = c->data + c->used + pad;
    c->used += pad + len;
    a->used += (size_t)bf_min64((int64_t)(pad + len), (int64_t)(a->limit - a->used));
    return p;

over:
    a->over = true;
    return NULL;
}

static char *empty(struct arena *a)
{
    a->empty[0] = '\0';
    return a->empty;
}

void *bf_arena_alloc(struct bf_arena *pub, size_t len)
{
    char *p = grab(inside(pub), len, ALIGN);

    return p ? memset(p, 0, len) : NULL;
}

char *bf_arena_dup(struct bf_arena *pub, const char *text)
{
    return bf_arena_ndup(pub, text, text ? strlen(text) : 0);
}

char *bf_arena_ndup(struct bf_arena *pub, const char *text, size_t len)
{
    struct arena *a = inside(pub);
    char *p = len < SIZE_MAX ? grab(a, len + 1, 1) : NULL;

    if (!p)
        return empty(a);
    if (len)
        memcpy(p, text, len);
    p[len] = '\0';
    return p;
}

char *bf_arena_printf(struct bf_arena *a, const char *fmt, ...)
{
    va_list ap;
    char *p;

    va_start(ap, fmt);
    p = bf_arena_vprintf(a, fmt, ap);
    va_end(ap);
    return p;
}

/* Prints into what is left of the current chunk, which is nearly always enough, so that most
 * texts are made in one go. */
char *bf_arena_vprintf(struct bf_arena *pub, const char *fmt, va_list ap)
{
    struct arena *a = inside(pub);
    struct chunk *c = a->current;
    size_t room = c->size - c->used;
    va_list again;
    int len;
    char *p;

    va_copy(again, ap);
    len = vsnprintf(c->data + c->used, room, fmt, ap);
    bf_assert(len >= 0);
    p = grab(a, (size_t)len + 1, 1);
    if (p && (size_t)len >= room)
        vsnprintf(p, (size_t)len + 1, fmt, again);
    va_end(again);
    return p ? p : empty(a);
}
