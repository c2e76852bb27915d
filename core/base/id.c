/* id.c - 128 bits as 26 characters of Crockford's base 32.
 *
 * 26 characters have room for 130 bits; the first two are zero, so an id starts with 0 to 7.  The
 * alphabet is in ASCII's order, so ids sort as their bits do.  Only the one written form of an id
 * is read: no lower case, no O for 0. */
#include "core/base/id.h"

#include <string.h>

#include "core/base/crypto.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* The bits: 48 of milliseconds, 16 of the hub, 64 of the number. */
struct bits {
    uint64_t high;
    uint64_t low;
};

static void print_bits(char out[BF_ID_LEN + 1], struct bits b)
{
    out[BF_ID_LEN] = '\0';
    for (int i = BF_ID_LEN - 1; i >= 0; i--) {
        out[i] = alphabet[b.low & 31];
        b.low = b.low >> 5 | b.high << 59;
        b.high >>= 5;
    }
}

static bool read_bits(const char *text, struct bits *b)
{
    *b = (struct bits){0, 0};
    if (*text > '7')
        return false;
    for (int i = 0; i < BF_ID_LEN; i++) {
        const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;

        if (!at)
            return false;
        b->high = b->high << 5 | b->low >> 59;
        b->low = b->low << 5 | (uint64_t)(at - alphabet);
    }
    return text[BF_ID_LEN] == '\0';
}

void bf_id_number(char out[BF_ID_LEN + 1], int64_t ms, uint16_t hub, uint64_t number)
{
    print_bits(out, (struct bits){.high = (uint64_t)ms << 16 | hub, .low = number});
}

void bf_id_random(char out[BF_ID_LEN + 1], int64_t ms)
{
    struct bits b;

    bf_random(&b, sizeof(b));
    b.high = (uint64_t)ms << 16 | (b.high & 0xffff);
    print_bits(out, b);
}

bool bf_id_parse(const char *text, uint16_t hub, int64_t *ms, uint64_t *number)
{
    struct bits b;

    if (!text || !read_bits(text, &b) || (b.high & 0xffff) != hub)
        return false;
    *ms = (int64_t)(b.high >> 16);
    *number = b.low;
    return true;
}
