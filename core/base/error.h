/* error.h - a failure with the words a person will read. */
#ifndef BF_ERROR_H
#define BF_ERROR_H

#include <belfry/belfry.h> /* enum bf_err, struct bf_error */

#include <stdarg.h>

/* Say what went wrong and return `code`, so that failing is one line.  `err` may be NULL.  The
 * words name the thing, the cause and the way out, and are cut at their buffer's end. */
BF_FORMAT(3, 4)
int bf_error_set(struct bf_error *err, int code, const char *fmt, ...);

/* The same, naming the field of the input that is at fault: "scope.project", "[17].type". */
BF_FORMAT(4, 5)
int bf_error_field(struct bf_error *err, int code, const char *field, const char *fmt, ...);

/* Put `prefix` before the field that is named already: "[17]" and "type" make "[17].type". */
void bf_error_within(struct bf_error *err, const char *prefix);

/* "no such thing" for BF_ENOENT, and so on; for logs. */
const char *bf_strerror(int code);

#endif
