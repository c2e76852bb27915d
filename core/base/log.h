/* log.h - one line per thing that happened.
 *
 * error: someone must act.  warn: handled, but look.  info: lifecycle, one screen a day.
 * debug: per event.  Lower case, no full stop.  Control characters of a message, line ends
 * included, come out as \xNN, so that an event is one line.  Never secrets; payloads only at
 * debug.  [any] */
#ifndef BF_LOG_H
#define BF_LOG_H

#include <stdarg.h>

#include <belfry/belfry.h>

struct bf_log;

/* `fn` gets each finished line, without its end; NULL writes "TIME level tag: words" to stderr.
 * Lines above `level` are not made. */
struct bf_log *bf_log_new(int level, bf_log_fn *fn, void *arg);
void bf_log_free(struct bf_log *log);
void bf_log_set_level(struct bf_log *log, int level);

/* The last warnings and errors, newest first, cut to BF_LOG_KEPT_LEN bytes.  [any] */
#define BF_LOG_KEPT     16
#define BF_LOG_KEPT_LEN 300
void bf_log_recent(struct bf_log *log, void (*fn)(void *arg, const char *line), void *arg);

/* `tag` says who speaks: "bus", "sink/ops".  A NULL log is silent. */
void bf_log_say(struct bf_log *log, int level, const char *tag, const char *fmt, va_list ap);
BF_FORMAT(3, 4) void bf_errorf(struct bf_log *log, const char *tag, const char *fmt, ...);
BF_FORMAT(3, 4) void bf_warnf(struct bf_log *log, const char *tag, const char *fmt, ...);
BF_FORMAT(3, 4) void bf_infof(struct bf_log *log, const char *tag, const char *fmt, ...);
BF_FORMAT(3, 4) void bf_debugf(struct bf_log *log, const char *tag, const char *fmt, ...);

#endif
