/* buf.c - bytes that grow by doubling, up to a maximum said at the start.
 *
 * Room for the NUL is kept at all times, so what was added can be read as a string.  An addition
 * that does not fit leaves everything as it was and marks the buf; a marked buf takes nothing
 * more, so a text is never one with a hole in it. */
#include "core/base/buf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/utf8.h"

enum { CAP_FIRST = 256 };

void bf_buf_init(struct bf_buf *b, size_t max) { *b = (struct bf_buf){.max = max}; }

void bf_buf_fini(struct bf_buf *b)
{
    free(b->data);
    *b = (struct bf_buf){.max = b->max};
}

void bf_buf_clear(struct bf_buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = '\0';
}

char *bf_buf_take(struct bf_buf *b)
{
    char *text = b->data ? b->data : bf_strdup("");

    *b = (struct bf_buf){.max = b->max, .failed = b->failed};
    return text;
}

const char *bf_buf_text(const struct bf_buf *b) { return b->data ? b->data : ""; }

/* Make room for `more` bytes and a NUL; false, and marked, if that is too much. */
static bool reserve(struct bf_buf *b, size_t more)
{
    size_t cap = b->cap ? b->cap : CAP_FIRST;
    char *data;

    if (b->failed)
        return false;
    if (b->len + more < b->cap)
        return true;
    if (more > b->max - b->len)
        goto fail;
    while (cap <= b->len + more)
        cap *= 2;
    if (cap > b->max)
        cap = b->max + 1;
    data = realloc(b->data, cap);
    if (!data)
        goto fail;
    b->data = data;
    b->cap = cap;
    return true;

fail:
    b->failed = true;
    return false;
}

void bf_buf_add(struct bf_buf *b, const void *data, size_t len)
{
    if (!reserve(b, len))
        return;
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void bf_buf_adds(struct bf_buf *b, const char *text)
{
    if (text)
        bf_buf_add(b, text, strlen(text));
}

void bf_buf_addc(struct bf_buf *b, char c) { bf_buf_add(b, &c, 1); }

void bf_buf_addi(struct bf_buf *b, int64_t value)
{
    char digits[20];            /* "-9223372036854775808" */
    char *p = digits + sizeof(digits);
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        *--p = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (value < 0)
        *--p = '-';
    bf_buf_add(b, p, (size_t)(digits + sizeof(digits) - p));
}

/* The fewest digits that lead back to the value, without a point: it stands behind the first one,
 * times ten to the power *exponent.  The point is a comma in some locales, so it is not looked at. */
static size_t shortest_digits(double value, char digits[17], int *exponent)
{
    char text[40];
    const char *at = text;
    size_t n = 0;

    for (int more = 0; more < 17; more++) {
        snprintf(text, sizeof(text), "%.*e", more, value);
        if (strtod(text, NULL) == value)
            break;
    }
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9')
            digits[n++] = *at;
    }
    *exponent = atoi(at + 1);
    return n;
}

void bf_buf_addd(struct bf_buf *b, double value)
{
    char digits[17];
    int exponent, n;

    if (!isfinite(value)) {
        bf_buf_adds(b, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
        return;
    }
    n = (int)shortest_digits(fabs(value), digits, &exponent);
    if (signbit(value))
        bf_buf_addc(b, '-');
    if (exponent < -4 || exponent > 15)
        bf_buf_printf(b, "%c%s%.*se%+03d", digits[0], n > 1 ? "." : "", n - 1, digits + 1, exponent);
    else if (exponent < 0)
        bf_buf_printf(b, "0.%.*s%.*s", -exponent - 1, "000", n, digits);
    else if (n <= exponent + 1)
        bf_buf_printf(b, "%.*s%.*s", n, digits, exponent + 1 - n, "000000000000000");
    else
        bf_buf_printf(b, "%.*s.%.*s", exponent + 1, digits, n - exponent - 1, digits + exponent + 1);
}

void bf_buf_printf(struct bf_buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    bf_buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void bf_buf_vprintf(struct bf_buf *b, const char *fmt, va_list ap)
{
    size_t room = b->cap - b->len;
    va_list again;
    int len;

    if (b->failed)
        return;
    va_copy(again, ap);
    len = vsnprintf(b->data ? b->data + b->len : NULL, room, fmt, ap);
    bf_assert(len >= 0);
    if ((size_t)len >= room) {
        if (b->data)
            b->data[b->len] = '\0';
        if (reserve(b, (size_t)len))
            vsnprintf(b->data + b->len, (size_t)len + 1, fmt, again);
    }
    if (!b->failed)
        b->len += (size_t)len;
    va_end(again);
}

/* How many bytes at the front of the text stand for themselves in a JSON string. */
static size_t plain_len(const char *p, const char *end)
{
    const char *start = p;

    while (p < end) {
        unsigned char c = (unsigned char)*p;
        size_t n = 1;

        if (c < 0x20 || c == '"' || c == '\\')
            break;
        if (c >= 0x80)
            n = bf_utf8_len(p, end);
        if (n == 0)
            break;
        p += n;
    }
    return (size_t)(p - start);
}

static void add_escaped(struct bf_buf *b, unsigned char c)
{
    static const char letters[] = "btn\0fr";    /* of 8 to 13; 11 has none */

    if (c == '"' || c == '\\')
        bf_buf_printf(b, "\\%c", c);
    else if (c >= 8 && c <= 13 && letters[c - 8])
        bf_buf_printf(b, "\\%c", letters[c - 8]);
    else if (c < 0x20)
        bf_buf_printf(b, "\\u%04x", c);
    else
        bf_buf_adds(b, "\xef\xbf\xbd"); /* U+FFFD for a byte that is not UTF-8 */
}

void bf_buf_json_chars(struct bf_buf *b, const char *text, size_t len)
{
    const char *end = text + len;

    while (text < end) {
        size_t n = plain_len(text, end);

        bf_buf_add(b, text, n);
        text += n;
        if (text < end)
            add_escaped(b, (unsigned char)*text++);
    }
}

void bf_buf_json(struct bf_buf *b, const char *text)
{
    if (!text) {
        bf_buf_adds(b, "null");
        return;
    }
    bf_buf_addc(b, '"');
    bf_buf_json_chars(b, text, strlen(text));
    bf_buf_addc(b, '"');
}
