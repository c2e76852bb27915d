/* arena.h - memory for one piece of work, freed all at once.
 *
 * The arena of the plugin ABI is this very struct: its first member is the host table, which
 * plugin/ fills before it hands one out.  An arena has a limit.  Past it, calls that make text
 * return "" and bf_arena_alloc() NULL, and the arena is marked: check bf_arena_ok() once, at the
 * end, instead of at each call.  One thread at a time. */
#ifndef BF_ARENA_H
#define BF_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <belfry/plugin.h>

struct bf_arena *bf_arena_new(size_t limit);
/* The same for work that is done again and again: so many bytes are kept over a reset. */
struct bf_arena *bf_arena_new_with(size_t limit, size_t first);
void bf_arena_free(struct bf_arena *a);         /* NULL is fine */
void bf_arena_reset(struct bf_arena *a);        /* empty again, keeping its first chunk */
bool bf_arena_ok(const struct bf_arena *a);     /* no call went past the limit */
size_t bf_arena_used(const struct bf_arena *a);
size_t bf_arena_room(const struct bf_arena *a);  /* what is left below the limit */
void bf_arena_set_host(struct bf_arena *a, const struct bf_host *host);
/* Something in the arena that belongs to the whole piece of work; NULL at first and after a reset. */
void *bf_arena_data(const struct bf_arena *a);
void bf_arena_set_data(struct bf_arena *a, void *data);

void *bf_arena_alloc(struct bf_arena *a, size_t len);   /* zeroed, aligned; NULL past the limit */
char *bf_arena_dup(struct bf_arena *a, const char *text);       /* NULL is as good as "" */
char *bf_arena_ndup(struct bf_arena *a, const char *text, size_t len);
BF_FORMAT(2, 3)
char *bf_arena_printf(struct bf_arena *a, const char *fmt, ...);
char *bf_arena_vprintf(struct bf_arena *a, const char *fmt, va_list ap);

#define bf_arena_new_of(a, type) ((type *)bf_arena_alloc((a), sizeof(type)))

#endif
