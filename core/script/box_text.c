/* box_text.c - bits for quotes and brackets, 64 bytes of text at a time. */
#include "core/script/box_text.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BLOCK = 64 };

struct bf_box_block {
    uint64_t quotes;
    uint64_t brackets;
};

/* What is looked for in a block, wherever it stands: a bit for each byte. */
struct found {
    uint64_t quotes, slashes, brackets;
};

/* { and [ differ in the bit 0x20, and so do } and ]. */
#ifdef __SSE2__
static struct found look(const char *p)
{
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), bit = _mm_set1_epi8(0x20),
                  open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}');
    struct found f = {0};

    for (int i = 0; i < BLOCK; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i)), low = _mm_or_si128(v, bit);
        __m128i brackets = _mm_or_si128(_mm_cmpeq_epi8(low, open), _mm_cmpeq_epi8(low, close));

        f.quotes |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, quote)) << i;
        f.slashes |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, slash)) << i;
        f.brackets |= (uint64_t)(unsigned)_mm_movemask_epi8(brackets) << i;
    }
    return f;
}
#else
static struct found look(const char *p)
{
    struct found f = {0};

    for (int i = 0; i < BLOCK; i++) {
        char low = p[i] | 0x20;

        f.quotes |= (uint64_t)(p[i] == '"') << i;
        f.slashes |= (uint64_t)(p[i] == '\\') << i;
        f.brackets |= (uint64_t)(low == '{' || low == '}') << i;
    }
    return f;
}
#endif

/* The bytes that a backslash stands before, but for those that do so themselves. */
static uint64_t escaped(struct bf_box_text *t, uint64_t slashes)
{
    bool behind_slash = t->behind_slash;
    uint64_t bits = 0;

    for (int i = 0; i < BLOCK; i++) {
        if (behind_slash)
            bits |= (uint64_t)1 << i;
        behind_slash = !behind_slash && (slashes >> i & 1);
    }
    t->behind_slash = behind_slash;
    return bits;
}

/* Each bit becomes the sum, without carry, of those up to it: set from an opening quote up to before the
 * closing one. */
static uint64_t between(uint64_t quotes)
{
    for (int shift = 1; shift < BLOCK; shift *= 2)
        quotes ^= quotes << shift;
    return quotes;
}

/* Go through one more block. */
static void go_on(struct bf_box_text *t)
{
    size_t at = (size_t)t->n * BLOCK;
    struct bf_box_block *b = &t->blocks[t->n++];
    char last[BLOCK];
    struct found f;
    uint64_t inside;

    if (t->len - at >= BLOCK) {
        f = look(t->text + at);
    } else {
        memset(last, ' ', sizeof(last));
        memcpy(last, t->text + at, t->len - at);
        f = look(last);
    }
    if (f.slashes || t->behind_slash) {
        t->escapes = true;
        f.quotes &= ~escaped(t, f.slashes);
    }
    inside = between(f.quotes) ^ (t->in_string ? UINT64_MAX : 0);
    t->in_string = inside >> (BLOCK - 1);
    b->quotes = f.quotes;
    b->brackets = f.brackets & ~inside;
}

struct bf_box_text *bf_box_text_new(struct bf_arena *a, const char *text, size_t len)
{
    struct bf_box_text *t = bf_arena_new_of(a, struct bf_box_text);

    if (!t)
        return NULL;
    t->text = text;
    t->len = (uint32_t)len;
    t->blocks = bf_arena_alloc(a, (len / BLOCK + 1) * sizeof(*t->blocks));
    return t->blocks ? t : NULL;
}

/* Whether there is a block, gone through. */
static inline bool has_block(struct bf_box_text *t, uint32_t block)
{
    while (block >= t->n) {
        if ((size_t)t->n * BLOCK >= t->len)
            return false;
        go_on(t);
    }
    return true;
}

uint32_t bf_box_text_string_end(struct bf_box_text *t, uint32_t at)
{
    uint64_t mask = UINT64_MAX << (++at % BLOCK);

    for (uint32_t block = at / BLOCK; has_block(t, block); block++) {
        uint64_t quotes = t->blocks[block].quotes & mask;

        if (quotes)
            return block * BLOCK + (uint32_t)__builtin_ctzll(quotes) + 1;
        mask = UINT64_MAX;
    }
    return t->len;
}

uint32_t bf_box_text_container_end(struct bf_box_text *t, uint32_t at)
{
    uint64_t mask = UINT64_MAX << (at % BLOCK);
    int depth = 0;

    for (uint32_t block = at / BLOCK; has_block(t, block); block++) {
        for (uint64_t left = t->blocks[block].brackets & mask; left; left &= left - 1) {
            uint32_t here = block * BLOCK + (uint32_t)__builtin_ctzll(left);

            depth += (t->text[here] & 2) - 1;           /* the bit that { and [ have */
            if (depth == 0)
                return here + 1;
        }
        mask = UINT64_MAX;
    }
    return t->len;
}

unsigned bf_box_text_depth(struct bf_box_text *t, uint32_t from, uint32_t to)
{
    int depth = 0, deepest = 0;

    for (uint32_t block = from / BLOCK; block * BLOCK < to && has_block(t, block); block++) {
        for (uint64_t left = t->blocks[block].brackets; left; left &= left - 1) {
            uint32_t here = block * BLOCK + (uint32_t)__builtin_ctzll(left);

            if (here < from || here >= to)
                continue;
            depth += (t->text[here] & 2) - 1;
            deepest = depth > deepest ? depth : deepest;
        }
    }
    return (unsigned)deepest;
}
