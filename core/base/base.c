/* base.c - allocation that does not fail, and the end of a program whose invariant broke.
 *
 * The out-of-memory handler is the one thing here that is shared by the hubs of a process: memory
 * is the process's, and so is abort().  It is an atomic, so that setting it late is not a race. */
#include "core/base/base.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static void (*_Atomic oom_handler)(size_t len);

void bf_on_oom(void (*fn)(size_t len)) { atomic_store(&oom_handler, fn); }

void bf_out_of_memory(size_t len)
{
    void (*fn)(size_t) = atomic_load(&oom_handler);

    if (fn)
        fn(len);
    else
        fprintf(stderr, "belfry: out of memory (%zu bytes wanted)\n", len);
    abort();
}

void *bf_zalloc(size_t len)
{
    void *p = calloc(1, len ? len : 1);

    if (!p)
        bf_out_of_memory(len);
    return p;
}

void *bf_zrealloc(void *old, size_t len)
{
    void *p = realloc(old, len ? len : 1);

    if (!p)
        bf_out_of_memory(len);
    return p;
}

char *bf_strdup(const char *text)
{
    size_t size;

    if (!text)
        return NULL;
    size = strlen(text) + 1;
    return memcpy(bf_zrealloc(NULL, size), text, size);
}

void bf_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "belfry: broken invariant at %s:%d: %s\n", file, line, cond);
    abort();
}
