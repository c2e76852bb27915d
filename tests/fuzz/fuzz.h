/* fuzz.h - a target is a file with one function, LLVMFuzzerTestOneInput(): any bytes at all must
 * leave it alive, without a leak or a sanitizer's report, and with its own claims true.
 *
 * `make fuzz` runs each under clang's libFuzzer for FUZZ_SECONDS (60).  `make test` runs the corpus
 * through the same function by replay.c, which needs no clang. */
#ifndef BF_FUZZ_H
#define BF_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A claim of the target's. */
#define CLAIM(cond) \
    ((cond) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond), abort()))

/* A copy in memory of its own, so that a read beyond it is seen; a NUL stands behind it. */
static inline char *fuzz_text(const void *data, size_t size)
{
    char *text = malloc(size + 1);

    if (!text)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

/* Cut off the part before the next blank line, in place; NULL when nothing is left. */
static inline char *fuzz_part(char **rest)
{
    char *part = *rest, *end = part ? strstr(part, "\n\n") : NULL;

    *rest = end ? end + 2 : NULL;
    if (end)
        *end = '\0';
    return part;
}

#define FUZZ_HEADERS_MAX 20

/* "Name: value" lines, in place, as a list of headers. */
static inline void fuzz_headers(char *lines, const char *headers[2 * FUZZ_HEADERS_MAX + 1])
{
    size_t n = 0;
    char *save = NULL;

    for (char *l = lines ? strtok_r(lines, "\n", &save) : NULL; l && n < FUZZ_HEADERS_MAX;
         l = strtok_r(NULL, "\n", &save)) {
        char *colon = strstr(l, ": ");

        if (!colon)
            continue;
        *colon = '\0';
        headers[2 * n] = l;
        headers[2 * n + 1] = colon + 2;
        n++;
    }
    headers[2 * n] = NULL;
}

#endif
