/* sieve.c - four bits for each key, in as many bytes as two for each key fill. */
#include "core/base/sieve.h"

#include <stdlib.h>
#include <string.h>

#define PROBES    4
#define BYTES_MIN 32

/* FNV-1a, then mixed: its low bits alone are poor.  Whoever chooses names can make keys collide,
 * which costs time within a reader's budget and nothing else. */
uint64_t bf_sieve_key(char kind, const char *text)
{
    uint64_t h = (0xcbf29ce484222325 ^ (unsigned char)kind) * 0x100000001b3;

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3;
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15;
    return h ^ h >> 29;
}

/* The bit of a key's i-th probe. */
static size_t bit_of(uint64_t key, int i, size_t len)
{
    uint64_t step = key >> 32 | 1;

    return (size_t)(key + (uint64_t)i * step) & (8 * len - 1);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static size_t length_for(size_t n)
{
    size_t len = BYTES_MIN;

    while (len < BF_SIEVE_BYTES_MAX && len < 2 * n)
        len *= 2;
    return len;
}

size_t bf_sieve_make(uint64_t *keys, size_t n, uint8_t out[BF_SIEVE_BYTES_MAX])
{
    size_t different = 0, len;

    if (n)
        qsort(keys, n, sizeof(*keys), compare);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || keys[i] != keys[i - 1])
            keys[different++] = keys[i];
    len = length_for(different);
    memset(out, 0, len);
    for (size_t k = 0; k < different; k++) {
        for (int i = 0; i < PROBES; i++) {
            size_t bit = bit_of(keys[k], i, len);

            out[bit / 8] |= (uint8_t)(1 << bit % 8);
        }
    }
    return len;
}

bool bf_sieve_may_hold(const void *sieve, size_t len, uint64_t key)
{
    const uint8_t *bits = sieve;

    if (len < BYTES_MIN || (len & (len - 1)))
        return true;
    for (int i = 0; i < PROBES; i++) {
        size_t bit = bit_of(key, i, len);

        if (!(bits[bit / 8] & 1 << bit % 8))
            return false;
    }
    return true;
}
