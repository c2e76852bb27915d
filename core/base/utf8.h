/* utf8.h - telling UTF-8 from other bytes. */
#ifndef BF_UTF8_H
#define BF_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the well-formed sequence at p (p < end), 1 to 4; 0 if there is none: a stray or
 * missing continuation, an overlong form, a surrogate, or a value above U+10FFFF. */
static inline size_t bf_utf8_len(const char *p, const char *end)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t len = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
    /* The second byte's range is what rules out overlong forms, surrogates and the too large. */
    unsigned char low = u[0] == 0xe0 ? 0xa0 : u[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = u[0] == 0xed ? 0x9f : u[0] == 0xf4 ? 0x8f : 0xbf;

    if (len <= 1)
        return len;
    if (u[0] > 0xf4 || (size_t)(end - p) < len || u[1] < low || u[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

static inline bool bf_utf8_ok(const char *text, size_t len)
{
    const char *end = text + len;

    while (text < end) {
        size_t n = bf_utf8_len(text, end);

        if (n == 0)
            return false;
        text += n;
    }
    return true;
}

/* At most max bytes of the text, not ending within a character. */
static inline size_t bf_utf8_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}

#endif
