/* map.c - a hash table by open addressing, and the hash.
 *
 * A slot is 16 bytes and holds the hash and length of its key, so a look-up that fails touches
 * nothing else; key and value share one allocation.  The table is a power of two, at most three
 * quarters full.  Removing leaves a mark where a search must go on, so that nothing moves while
 * somebody walks; marks go when the table is made anew.
 *
 * The hash is SipHash-1-3.  Its key is drawn once per process: the only state here outside of a
 * map, and never changed after. */
#include "core/base/map.h"

#include <endian.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/base.h"

enum { SLOTS_FIRST = 8 };

struct pair {
    void *value;
    char key[];
};

struct slot {
    struct pair *pair;          /* NULL: free, or a mark */
    uint32_t hash;              /* of a free slot 0, of a mark 1 */
    uint32_t len;
};

struct bf_map {
    struct slot *slots;
    size_t size;                /* 0 or a power of two */
    size_t n;
    size_t n_marks;
};


/* --- the hash ---------------------------------------------------------------- */

static struct {
    uint64_t key[2];
    pthread_once_t once;
} chance = {.once = PTHREAD_ONCE_INIT};

static void draw_key(void)
{
    if (getrandom(chance.key, sizeof(chance.key), 0) != (ssize_t)sizeof(chance.key))
        bf_assert(!"getrandom() works");
}

static uint64_t rotate(uint64_t x, int by) { return x << by | x >> (64 - by); }

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

uint64_t bf_hash64(const void *data, size_t len)
{
    const char *p = data;
    uint64_t v[4], word, last = 0;

    pthread_once(&chance.once, draw_key);
    v[0] = chance.key[0] ^ 0x736f6d6570736575;
    v[1] = chance.key[1] ^ 0x646f72616e646f6d;
    v[2] = chance.key[0] ^ 0x6c7967656e657261;
    v[3] = chance.key[1] ^ 0x7465646279746573;
    for (size_t left = len; left >= 8; left -= 8, p += 8) {
        memcpy(&word, p, 8);
        sip_word(v, le64toh(word));
    }
    if (len & 7)
        memcpy(&last, p, len & 7);
    sip_word(v, le64toh(last) | (uint64_t)len << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}


/* --- the table ---------------------------------------------------------------- */

struct bf_map *bf_map_new(void) { return bf_new(struct bf_map); }

void bf_map_free(struct bf_map *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->size; i++)
        free(m->slots[i].pair);
    free(m->slots);
    free(m);
}

size_t bf_map_count(const struct bf_map *m) { return m->n; }

static bool is_mark(const struct slot *s) { return !s->pair && s->hash; }

static void put_mark(struct slot *s) { *s = (struct slot){.hash = 1}; }

/* The key's slot, or NULL. */
static struct slot *find(const struct bf_map *m, const char *key, size_t len, uint32_t hash)
{
    if (m->size == 0)
        return NULL;
    for (size_t i = hash & (m->size - 1);; i = (i + 1) & (m->size - 1)) {
        struct slot *s = &m->slots[i];

        if (!s->pair && !is_mark(s))
            return NULL;
        if (s->pair && s->hash == hash && s->len == len && memcmp(s->pair->key, key, len) == 0)
            return s;
    }
}

static void place(struct bf_map *m, struct slot new)
{
    size_t i = new.hash & (m->size - 1);

    while (m->slots[i].pair)
        i = (i + 1) & (m->size - 1);
    m->n_marks -= is_mark(&m->slots[i]);
    m->slots[i] = new;
}

/* Room for one more, marks gone. */
static void make_anew(struct bf_map *m)
{
    struct slot *old = m->slots;
    size_t old_size = m->size;

    m->size = SLOTS_FIRST;
    while (m->n >= m->size / 2)
        m->size *= 2;
    m->slots = bf_zalloc(m->size * sizeof(*m->slots));
    m->n_marks = 0;
    for (size_t i = 0; i < old_size; i++)
        if (old[i].pair)
            place(m, old[i]);
    free(old);
}

void *bf_map_get(const struct bf_map *m, const char *key)
{
    return bf_map_get_len(m, key, strlen(key));
}

void *bf_map_get_len(const struct bf_map *m, const char *key, size_t len)
{
    const struct slot *s = m->n ? find(m, key, len, (uint32_t)bf_hash64(key, len)) : NULL;

    return s ? s->pair->value : NULL;
}

static void add(struct bf_map *m, const char *key, size_t len, uint32_t hash, void *value)
{
    struct pair *pair = bf_zrealloc(NULL, sizeof(*pair) + len + 1);

    bf_assert(len <= UINT32_MAX);
    pair->value = value;
    memcpy(pair->key, key, len + 1);
    if (m->n + m->n_marks >= m->size / 4 * 3)
        make_anew(m);
    place(m, (struct slot){.pair = pair, .hash = hash, .len = (uint32_t)len});
    m->n++;
}

void *bf_map_set(struct bf_map *m, const char *key, void *value)
{
    size_t len = strlen(key);
    uint32_t hash;
    struct slot *s;
    void *old;

    if (!value)
        return bf_map_remove(m, key);
    hash = (uint32_t)bf_hash64(key, len);
    s = find(m, key, len, hash);
    if (!s) {
        add(m, key, len, hash, value);
        return NULL;
    }
    old = s->pair->value;
    s->pair->value = value;
    return old;
}

void *bf_map_remove(struct bf_map *m, const char *key)
{
    size_t len = strlen(key);
    struct slot *s = find(m, key, len, (uint32_t)bf_hash64(key, len));
    void *old;

    if (!s)
        return NULL;
    old = s->pair->value;
    free(s->pair);
    put_mark(s);
    m->n_marks++;
    m->n--;
    return old;
}

bool bf_map_each(const struct bf_map *m, size_t *at, const char **key, void **value)
{
    while (*at < m->size) {
        struct pair *pair = m->slots[(*at)++].pair;

        if (pair) {
            *key = pair->key;
            *value = pair->value;
            return true;
        }
    }
    return false;
}
