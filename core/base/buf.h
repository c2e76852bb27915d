/* buf.h - bytes that grow, up to a maximum said at the start. */
#ifndef BF_BUF_H
#define BF_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <belfry/plugin.h> /* BF_FORMAT */

/* `data` is NUL-terminated once anything was added, NULL before.  Past the maximum nothing more
 * is added and `failed` stays true: check it once, at the end. */
struct bf_buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
    bool failed;
};

void bf_buf_init(struct bf_buf *b, size_t max);
void bf_buf_fini(struct bf_buf *b);
void bf_buf_clear(struct bf_buf *b);            /* empty, unmarked, memory kept */
char *bf_buf_take(struct bf_buf *b);            /* the text, yours to free(); the buf is empty */
const char *bf_buf_text(const struct bf_buf *b);        /* "" while empty */

void bf_buf_add(struct bf_buf *b, const void *data, size_t len);
void bf_buf_adds(struct bf_buf *b, const char *text);
void bf_buf_addc(struct bf_buf *b, char c);
void bf_buf_addi(struct bf_buf *b, int64_t value);
/* The shortest decimal that reads back as the same double, which is a number in JSON as well: 0.6,
 * 100, -2.5e-07.  What is none is told as events tell it: NaN, Infinity, -Infinity. */
void bf_buf_addd(struct bf_buf *b, double value);
BF_FORMAT(2, 3)
void bf_buf_printf(struct bf_buf *b, const char *fmt, ...);
void bf_buf_vprintf(struct bf_buf *b, const char *fmt, va_list ap);
/* The inside of a JSON string, escaped, without quotes; and the whole of one, NULL as null. */
void bf_buf_json_chars(struct bf_buf *b, const char *text, size_t len);
void bf_buf_json(struct bf_buf *b, const char *text);

#endif
