/* sieve.h - a few bytes that tell what is surely not in a set of texts (a Bloom filter).
 *
 * Made once for the rows of a block, kept in a file, and asked before the rows are read: "no" is
 * certain, "yes" is wrong once in two hundred times.  Keys are the same in every process and
 * version: they are on disk. */
#ifndef BF_SIEVE_H
#define BF_SIEVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BF_SIEVE_BYTES_MAX 4096

/* What a text is known by; `kind` tells apart what may have the same text. */
uint64_t bf_sieve_key(char kind, const char *text);

/* A sieve for these keys, which are sorted and of which repeats count once; gives its length, a
 * power of two that grows with the number of different keys. */
size_t bf_sieve_make(uint64_t *keys, size_t n, uint8_t out[BF_SIEVE_BYTES_MAX]);
/* Whether the key may be among them.  What is no sieve may hold everything. */
bool bf_sieve_may_hold(const void *sieve, size_t len, uint64_t key);

#endif
