/* bytes.h - whole numbers in as few bytes as they need, one after the other in a blob.
 *
 * Seven bits to a byte, the lowest first, and a high bit that says that there are more.  Numbers with
 * a sign alternate: 0, -1, 1, -2, ...  Reading goes no further than the end; what is not there, or
 * is too long, reads as 0 and marks the reader: check `bad` once, at the end. */
#ifndef BF_BYTES_H
#define BF_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/buf.h"

struct bf_bytes {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline struct bf_bytes bf_bytes_of(const void *data, size_t len)
{
    return (struct bf_bytes){.at = data, .end = data ? (const uint8_t *)data + len : data};
}

static inline uint8_t bf_get_byte(struct bf_bytes *b)
{
    if (b->at < b->end)
        return *b->at++;
    b->bad = true;
    return 0;
}

static inline uint64_t bf_get_number(struct bf_bytes *b)
{
    uint64_t value = 0;

    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t byte = bf_get_byte(b);

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    b->bad = true;
    return 0;
}

static inline int64_t bf_get_signed(struct bf_bytes *b)
{
    uint64_t value = bf_get_number(b);

    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

/* The next `len` bytes; NULL if there are not so many. */
static inline const char *bf_get_bytes(struct bf_bytes *b, uint64_t len)
{
    const uint8_t *at = b->at;

    if (b->bad || len > (uint64_t)(b->end - b->at)) {
        b->bad = true;
        return NULL;
    }
    b->at += len;
    return (const char *)at;
}

static inline void bf_put_number(struct bf_buf *b, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;

    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    bf_buf_add(b, bytes, n);
}

static inline void bf_put_signed(struct bf_buf *b, int64_t value)
{
    bf_put_number(b, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

#endif
