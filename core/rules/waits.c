/* waits.c - a hash and a heap over the same waits. */
#include "core/rules/waits.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"

/* ---- the hash ---- */

static size_t bucket_of(const struct bf_waits *ws, const struct bf_waiter *of, uint64_t run)
{
    uint64_t h = ((uint64_t)(uintptr_t)of >> 4) * UINT64_C(0x9e3779b97f4a7c15) + run;

    h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return (size_t)(h ^ h >> 32) & (ws->n_buckets - 1);
}

static void hang(struct bf_waits *ws, struct bf_wait *w)
{
    struct bf_wait **bucket = &ws->buckets[bucket_of(ws, w->of, w->run)];

    w->next_hashed = *bucket;
    *bucket = w;
}

static void grow_buckets(struct bf_waits *ws)
{
    struct bf_waits old = *ws;

    ws->n_buckets = old.n_buckets ? 2 * old.n_buckets : 64;
    ws->buckets = bf_zalloc(ws->n_buckets * sizeof(*ws->buckets));
    for (size_t i = 0; i < old.n_buckets; i++) {
        for (struct bf_wait *w = old.buckets[i], *next; w; w = next) {
            next = w->next_hashed;
            hang(ws, w);
        }
    }
    free(old.buckets);
}

struct bf_wait *bf_waits_find(const struct bf_waits *ws, const struct bf_waiter *of, uint64_t run)
{
    struct bf_wait *w = ws->n_buckets ? ws->buckets[bucket_of(ws, of, run)] : NULL;

    while (w && (w->of != of || w->run != run))
        w = w->next_hashed;
    return w;
}

/* ---- the heap ---- */

static bool is_before(const struct bf_wait *a, const struct bf_wait *b)
{
    int order;

    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms;
    order = strcmp(a->of->automation->id, b->of->automation->id);
    return order ? order < 0 : a->run < b->run;
}

static void put(struct bf_waits *ws, size_t place, struct bf_wait *w)
{
    ws->heap[place - 1] = w;
    w->place = place;
}

static void rise(struct bf_waits *ws, struct bf_wait *w)
{
    size_t place = w->place;

    while (place > 1 && is_before(w, ws->heap[place / 2 - 1])) {
        put(ws, place, ws->heap[place / 2 - 1]);
        place /= 2;
    }
    put(ws, place, w);
}

static void sink(struct bf_waits *ws, struct bf_wait *w)
{
    size_t place = w->place, below;

    while ((below = 2 * place) <= ws->n_heap) {
        below += below < ws->n_heap && is_before(ws->heap[below], ws->heap[below - 1]);
        if (!is_before(ws->heap[below - 1], w))
            break;
        put(ws, place, ws->heap[below - 1]);
        place = below;
    }
    put(ws, place, w);
}

static void push(struct bf_waits *ws, struct bf_wait *w)
{
    if (ws->n_heap == ws->cap_heap) {
        ws->cap_heap = ws->cap_heap ? 2 * ws->cap_heap : 64;
        ws->heap = bf_zrealloc(ws->heap, ws->cap_heap * sizeof(*ws->heap));
    }
    w->at_ms = w->due_ms;
    put(ws, ++ws->n_heap, w);
    rise(ws, w);
}

static void take_out(struct bf_waits *ws, struct bf_wait *w)
{
    struct bf_wait *last = ws->heap[--ws->n_heap];
    size_t place = w->place;

    w->place = 0;
    if (last == w)
        return;
    put(ws, place, last);
    rise(ws, last);
    sink(ws, last);
}

/* ---- waits ---- */

void bf_waits_fini(struct bf_waits *ws)
{
    for (size_t i = 0; i < ws->n_buckets; i++) {
        for (struct bf_wait *w = ws->buckets[i], *next; w; w = next) {
            next = w->next_hashed;
            free(w);
        }
    }
    free(ws->buckets);
    free(ws->heap);
    *ws = (struct bf_waits){.n = 0};
}

struct bf_wait *bf_waits_add(struct bf_waits *ws, struct bf_waiter *of, uint64_t run)
{
    struct bf_wait *w = bf_new(struct bf_wait);

    if (ws->n >= ws->n_buckets)
        grow_buckets(ws);
    w->of = of;
    w->run = run;
    hang(ws, w);
    ws->n++;
    w->next = of->waits;
    w->back = &of->waits;
    if (w->next)
        w->next->back = &w->next;
    of->waits = w;
    return w;
}

void bf_waits_remove(struct bf_waits *ws, struct bf_wait *w)
{
    struct bf_wait **at = &ws->buckets[bucket_of(ws, w->of, w->run)];

    while (*at != w)
        at = &(*at)->next_hashed;
    *at = w->next_hashed;
    ws->n--;
    *w->back = w->next;
    if (w->next)
        w->next->back = w->back;
    if (w->place)
        take_out(ws, w);
    free(w);
}

void bf_waits_set(struct bf_waits *ws, struct bf_wait *w, int64_t due_ms)
{
    w->due_ms = due_ms;
    if (!due_ms)
        return;                 /* it goes when it comes up */
    if (!w->place) {
        push(ws, w);
    } else if (due_ms < w->at_ms) {
        w->at_ms = due_ms;
        rise(ws, w);
    }
}

void bf_waits_hold(struct bf_waits *ws, struct bf_wait *w)
{
    if (w->place)
        take_out(ws, w);
}

bool bf_waits_held(const struct bf_wait *w) { return w->due_ms && !w->place; }

int64_t bf_waits_next(const struct bf_waits *ws) { return ws->n_heap ? ws->heap[0]->at_ms : 0; }

struct bf_wait *bf_waits_pop(struct bf_waits *ws, int64_t now_ms)
{
    while (ws->n_heap && ws->heap[0]->at_ms <= now_ms) {
        struct bf_wait *w = ws->heap[0];

        if (w->due_ms && w->due_ms != w->at_ms) {
            w->at_ms = w->due_ms;
            sink(ws, w);
            continue;
        }
        take_out(ws, w);
        if (w->due_ms)
            return w;
    }
    return NULL;
}
