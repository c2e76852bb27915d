/* log.c - make a line, and write it in one piece.
 *
 * A line is made on the stack of whoever speaks and leaves in one call, so threads need no lock
 * and lines do not mix.  What is longer than the buffers is cut and ends in "...". */
#include "core/base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/utf8.h"

enum {
    WORDS_MAX = 4096,           /* of a message, before escaping */
    LINE_MAX_LEN = 6144         /* of a finished line */
};

struct bf_log {
    _Atomic int level;
    bf_log_fn *fn;
    void *arg;
    pthread_mutex_t lock;
    char kept[BF_LOG_KEPT][BF_LOG_KEPT_LEN + 1];        /* under lock, from here down */
    size_t n_kept;              /* of all time: the next one's place is this modulo the number */
};

static void to_stderr(void *arg, int level, const char *line)
{
    char out[LINE_MAX_LEN + 2];
    int len = snprintf(out, sizeof(out), "%s\n", line);

    (void)arg;
    (void)level;
    if (write(STDERR_FILENO, out, (size_t)len) < 0)
        return;                 /* there is nowhere left to complain */
}

struct bf_log *bf_log_new(int level, bf_log_fn *fn, void *arg)
{
    struct bf_log *log = bf_new(struct bf_log);

    atomic_init(&log->level, level);
    log->fn = fn ? fn : to_stderr;
    log->arg = arg;
    pthread_mutex_init(&log->lock, NULL);
    return log;
}

void bf_log_free(struct bf_log *log)
{
    if (!log)
        return;
    pthread_mutex_destroy(&log->lock);
    free(log);
}

static void keep(struct bf_log *log, const char *line)
{
    pthread_mutex_lock(&log->lock);
    snprintf(log->kept[log->n_kept++ % BF_LOG_KEPT], BF_LOG_KEPT_LEN + 1, "%.*s",
             (int)bf_utf8_cut(line, strlen(line), BF_LOG_KEPT_LEN), line);
    pthread_mutex_unlock(&log->lock);
}

void bf_log_recent(struct bf_log *log, void (*fn)(void *arg, const char *line), void *arg)
{
    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < BF_LOG_KEPT && i < log->n_kept; i++)
        fn(arg, log->kept[(log->n_kept - 1 - i) % BF_LOG_KEPT]);
    pthread_mutex_unlock(&log->lock);
}

void bf_log_set_level(struct bf_log *log, int level)
{
    atomic_store_explicit(&log->level, level, memory_order_relaxed);
}

static bool wanted(struct bf_log *log, int level)
{
    return log && level <= atomic_load_explicit(&log->level, memory_order_relaxed);
}

/* The bytes of a character that must not reach a terminal or end a line, 0 for any other: ASCII's
 * control characters, Unicode's second set of them (C2 80 to C2 9F), line and paragraph separators
 * and what changes the direction of writing (E2 80 8E, 8F, A8 to AE; E2 81 A6 to A9). */
static size_t control_len(const unsigned char *p)
{
    if (*p < 0x20 || *p == 0x7f)
        return 1;
    if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
        return 2;
    if (*p == 0xe2 && p[1] == 0x80 &&
        (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae)))
        return 3;
    return *p == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9 ? 3 : 0;
}

/* Append the words, escaped; the line, of LINE_MAX_LEN + 1 bytes, has `len` so far. */
static void add_words(char *line, size_t len, const char *words)
{
    for (const unsigned char *p = (const unsigned char *)words; *p; p++) {
        if (len + 3 * 4 > LINE_MAX_LEN) {
            memcpy(line + (len < LINE_MAX_LEN - 3 ? len : LINE_MAX_LEN - 3), "...", 4);
            return;
        }
        size_t n = control_len(p);

        if (n == 0)
            line[len++] = (char)*p;
        for (; n; n--, p += n > 0)
            len += (size_t)sprintf(line + len, "\\x%02x", *p);
    }
    line[len] = '\0';
}

void bf_log_say(struct bf_log *log, int level, const char *tag, const char *fmt, va_list ap)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char line[LINE_MAX_LEN + 1], words[WORDS_MAX], prefix[WORDS_MAX / 4], time[32];
    int len;

    if (!wanted(log, level))
        return;
    bf_assert(level >= 0 && (size_t)level < BF_COUNT(names));
    bf_time_print(bf_wall_ms(bf_clock_system()), time);
    snprintf(prefix, sizeof(prefix), "%s: ", tag);
    len = vsnprintf(words, sizeof(words), fmt, ap);
    if (len >= (int)sizeof(words))
        memcpy(words + sizeof(words) - 4, "...", 4);
    len = snprintf(line, sizeof(line), "%s %s ", time, names[level]);
    add_words(line, (size_t)len, prefix);
    add_words(line, strlen(line), words);
    if (level <= BF_LOG_WARN)
        keep(log, line);
    log->fn(log->arg, level, line);
}

#define SAY_AT(level)                                                                              \
    va_list ap;                                                                                    \
                                                                                                   \
    if (!wanted(log, level))                                                                       \
        return;                                                                                    \
    va_start(ap, fmt);                                                                             \
    bf_log_say(log, level, tag, fmt, ap);                                                          \
    va_end(ap)

void bf_errorf(struct bf_log *log, const char *tag, const char *fmt, ...)
{
    SAY_AT(BF_LOG_ERROR);
}

void bf_warnf(struct bf_log *log, const char *tag, const char *fmt, ...)
{
    SAY_AT(BF_LOG_WARN);
}

void bf_infof(struct bf_log *log, const char *tag, const char *fmt, ...)
{
    SAY_AT(BF_LOG_INFO);
}

void bf_debugf(struct bf_log *log, const char *tag, const char *fmt, ...)
{
    SAY_AT(BF_LOG_DEBUG);
}
