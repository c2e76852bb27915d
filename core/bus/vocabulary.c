/* vocabulary.c - numbered texts, found by hash where there are many. */
#include "core/bus/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/map.h"

#define FEW 8

struct bf_word_pool {
    struct bf_map *texts;
};

struct bf_word_pool *bf_word_pool_new(void)
{
    struct bf_word_pool *p = bf_new(struct bf_word_pool);

    p->texts = bf_map_new();
    return p;
}

void bf_word_pool_free(struct bf_word_pool *p)
{
    if (!p)
        return;
    bf_assert(bf_map_count(p->texts) == 0);
    bf_map_free(p->texts);
    free(p);
}

static struct bf_pooled *take(struct bf_word_pool *p, const char *text, size_t len)
{
    struct bf_pooled *t = bf_map_get_len(p->texts, text, len);

    if (t) {
        t->refs++;
        return t;
    }
    t = bf_zalloc(sizeof(*t) + len + 1);
    t->refs = 1;
    t->hash = (uint32_t)bf_hash64(text, len);
    t->len = len;
    memcpy(t->text, text, len);
    bf_map_set(p->texts, t->text, t);
    return t;
}

static void give_back(struct bf_word_pool *p, struct bf_pooled *t)
{
    if (--t->refs)
        return;
    bf_map_remove(p->texts, t->text);
    free(t);
}

void bf_vocabulary_fini(struct bf_vocabulary *v, struct bf_word_pool *p)
{
    for (uint32_t i = 0; i < v->n; i++)
        give_back(p, v->texts[i]);
    free(v->texts);
    free(v->index);
}

static bool is_text(const struct bf_pooled *t, const char *text, size_t len)
{
    return t->len == len && memcmp(t->text, text, len) == 0;
}

uint32_t bf_vocabulary_find(const struct bf_vocabulary *v, const char *text, size_t len,
                            uint32_t guess)
{
    uint32_t at;

    if (guess < v->n && is_text(v->texts[guess], text, len))
        return guess;
    if (!v->index) {
        for (uint32_t i = 0; i < v->n; i++)
            if (is_text(v->texts[i], text, len))
                return i;
        return BF_NO_WORD;
    }
    at = (uint32_t)bf_hash64(text, len);
    for (uint32_t i; (i = v->index[at & (v->index_size - 1)]); at++)
        if (is_text(v->texts[i - 1], text, len))
            return i - 1;
    return BF_NO_WORD;
}

static void index_one(struct bf_vocabulary *v, uint32_t i)
{
    uint32_t at = v->texts[i]->hash;

    while (v->index[at & (v->index_size - 1)])
        at++;
    v->index[at & (v->index_size - 1)] = i + 1;
}

/* At most half full. */
static void index_last(struct bf_vocabulary *v)
{
    if (v->n <= FEW)
        return;
    if (v->n * 2 <= v->index_size) {
        index_one(v, v->n - 1);
        return;
    }
    free(v->index);
    v->index_size = v->index_size ? v->index_size * 2 : 4 * FEW;
    v->index = bf_zalloc(v->index_size * sizeof(*v->index));
    for (uint32_t i = 0; i < v->n; i++)
        index_one(v, i);
}

uint32_t bf_vocabulary_add(struct bf_vocabulary *v, struct bf_word_pool *p, const char *text,
                           size_t len)
{
    if ((v->n & (v->n - 1)) == 0)
        v->texts = bf_zrealloc(v->texts, (v->n ? 2 * v->n : 1) * sizeof(struct bf_pooled *));
    v->texts[v->n++] = take(p, text, len);
    v->bytes += sizeof(struct bf_pooled) + len + 1;
    index_last(v);
    return v->n - 1;
}

size_t bf_vocabulary_size(const struct bf_vocabulary *v)
{
    return v->bytes + v->n * 2 * sizeof(struct bf_pooled *) + v->index_size * sizeof(*v->index);
}
