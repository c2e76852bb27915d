/* queue.h - hand items from any thread to one consumer, up to a limit.
 *
 * Intrusive: an item embeds a struct bf_link and is queued at most once at a time.  A full queue
 * refuses; whoever pushes decides what to tell its own caller. */
#ifndef BF_QUEUE_H
#define BF_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bf_queue;

struct bf_link {
    struct bf_link *next;
};

struct bf_queue *bf_queue_new(size_t limit);
void bf_queue_free(struct bf_queue *q);         /* empty and unused; NULL is fine */

/* BF_OK: the consumer owns it.  BF_EFULL or BF_ECANCELED (closed): the caller still does.  [any] */
int bf_queue_push(struct bf_queue *q, struct bf_link *item);
/* Past the limit as well, for what must not be refused; only BF_ECANCELED.  [any] */
int bf_queue_push_always(struct bf_queue *q, struct bf_link *item);
/* Even once it is closed, for what the consumer awaits.  [any] */
void bf_queue_push_awaited(struct bf_queue *q, struct bf_link *item);

/* Everything queued, oldest first, as a list ending in NULL.  Waits up to wait_ms for the first
 * item (-1: until closed); NULL if none came.  [consumer] */
struct bf_link *bf_queue_pop_all(struct bf_queue *q, int64_t wait_ms);
/* The same, waiting microseconds.  [consumer] */
struct bf_link *bf_queue_pop_soon(struct bf_queue *q, int64_t wait_us);
/* The same once it is closed, waiting for what is awaited.  [consumer] */
struct bf_link *bf_queue_await(struct bf_queue *q, int64_t wait_ms);

/* Wake the consumer and refuse new items; what is queued can still be taken.  [any] */
void bf_queue_close(struct bf_queue *q);
bool bf_queue_is_closed(struct bf_queue *q);    /* no item will come any more  [any] */
size_t bf_queue_len(struct bf_queue *q);

#endif
