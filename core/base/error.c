/* error.c - fill in a struct bf_error.
 *
 * Words and field are made aside first and copied last, because the arguments may well be the
 * words that are there already: bf_error_set(err, rc, "automation %s: %s", name, err->words). */
#include "core/base/error.h"

#include <stdio.h>
#include <string.h>

BF_FORMAT(4, 0)
static int fill(struct bf_error *err, int code, const char *field, const char *fmt, va_list ap)
{
    struct bf_error made = {.code = code};

    if (!err)
        return code;
    snprintf(made.field, sizeof(made.field), "%s", field ? field : "");
    vsnprintf(made.words, sizeof(made.words), fmt, ap);
    *err = made;
    return code;
}

int bf_error_set(struct bf_error *err, int code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fill(err, code, "", fmt, ap);
    va_end(ap);
    return code;
}

int bf_error_field(struct bf_error *err, int code, const char *field, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fill(err, code, field, fmt, ap);
    va_end(ap);
    return code;
}

void bf_error_within(struct bf_error *err, const char *prefix)
{
    const size_t last = sizeof(err->field) - 1;
    size_t len = strlen(prefix);
    bool dot;

    if (!err || len == 0)
        return;
    dot = err->field[0] && err->field[0] != '[';
    if (len > last - dot)
        len = last - dot;
    memmove(err->field + len + dot, err->field, last - len - dot);
    memcpy(err->field, prefix, len);
    if (dot)
        err->field[len] = '.';
    err->field[last] = '\0';
}

const char *bf_strerror(int code)
{
    switch (code) {
    case BF_OK:
        return "no error";
    case BF_EINVAL:
        return "not valid";
    case BF_ECONFIG:
        return "wrong configuration";
    case BF_ENOMEM:
        return "out of memory";
    case BF_EIO:
        return "input or output failed";
    case BF_ETIMEDOUT:
        return "timed out";
    case BF_ECANCELED:
        return "canceled";
    case BF_ENOENT:
        return "no such thing";
    case BF_EFULL:
        return "full";
    case BF_ENOSYS:
        return "not known to this hub";
    case BF_ETOOBIG:
        return "too big";
    case BF_EPERM:
        return "not allowed";
    case BF_EEXIST:
        return "there is one already";
    }
    return "unknown error";
}
