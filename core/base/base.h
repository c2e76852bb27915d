/* base.h - the few words every file uses: allocation that does not fail, assertions, sizes. */
#ifndef BF_BASE_H
#define BF_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define BF_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define bf_container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Memory for things whose size does not come from outside: never NULL.  When there is none left,
 * the embedder's handler is called, and then abort(): what was acknowledged is on disk.  Anything
 * sized by a peer goes through an arena or a buf, which have limits instead.  [any] */
void *bf_zalloc(size_t len);
void *bf_zrealloc(void *old, size_t len);       /* not zeroed */
char *bf_strdup(const char *text);              /* NULL gives NULL */
#define bf_new(type) ((type *)bf_zalloc(sizeof(type)))

/* Process-wide, for a program that wants to say something before abort().  Set once, early. */
void bf_on_oom(void (*fn)(size_t len));
/* The end that comes then, for whoever allocates through a library. */
_Noreturn void bf_out_of_memory(size_t len);

/* A broken invariant of ours.  Never for input. */
#define bf_assert(cond) ((cond) ? (void)0 : bf_assert_failed(#cond, __FILE__, __LINE__))
_Noreturn void bf_assert_failed(const char *cond, const char *file, int line);

static inline int64_t bf_min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t bf_max64(int64_t a, int64_t b) { return a > b ? a : b; }

#endif
