/* vocabulary.h - texts numbered from 0, of which many vocabularies hold the same.
 *
 * A pool keeps each text once for all of them.  Engine's thread, like the runs they belong to. */
#ifndef BF_VOCABULARY_H
#define BF_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BF_NO_WORD UINT32_MAX

struct bf_word_pool;

struct bf_word_pool *bf_word_pool_new(void);
void bf_word_pool_free(struct bf_word_pool *p); /* once no vocabulary holds any */

/* A text, with a NUL behind it. */
struct bf_pooled {
    unsigned refs;
    uint32_t hash;
    size_t len;
    char text[];
};

/* Zeroed it is empty. */
struct bf_vocabulary {
    struct bf_pooled **texts;
    uint32_t n;
    uint32_t index_size;        /* a power of two; 0: there are so few that they are looked through */
    uint32_t *index;            /* by hash, numbers from 1 */
    size_t bytes;               /* of the texts */
};

void bf_vocabulary_fini(struct bf_vocabulary *v, struct bf_word_pool *p);
/* Its number, or BF_NO_WORD.  `guess` is looked at first: the same texts come in the same order again
 * and again. */
uint32_t bf_vocabulary_find(const struct bf_vocabulary *v, const char *text, size_t len,
                            uint32_t guess);
uint32_t bf_vocabulary_add(struct bf_vocabulary *v, struct bf_word_pool *p, const char *text,
                           size_t len);
/* Bytes that it takes at most: as if nobody else had its texts. */
size_t bf_vocabulary_size(const struct bf_vocabulary *v);

#endif
