/* tz.c - the door to GLib's time zones.
 *
 * GLib takes more for a zone than there are zones: "UTC-3", "Foo5" and "+02:00" are rules to it,
 * and an absolute path is a file.  A name here is one that the zone data has a file for, written
 * as IANA writes them: words that begin with a capital.  That leaves out "posix/...", "right/..."
 * (which counts leap seconds) and "localtime" as well.
 *
 * From 2038 on GLib goes by the rule at the end of a zone's data, and reads it wrongly where winter is
 * the exception (Europe/Dublin).
 *
 * GLib tells in which interval of constant offset a moment lies, but not where that ends; ends are
 * found by halving.  And of a time that comes twice it takes the second; so bf_tz_unix() does its
 * own: the answer is the first moment at which a clock shows that time or a later one. */
#include "core/base/tz.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base.h"

#define NAME_LEN_MAX 64
/* No offset is larger, so what clocks show is no further from Unix time. */
#define OFFSET_MAX ((int64_t)26 * 3600)

/* A struct bf_tz is a GTimeZone by another name. */
static GTimeZone *glib_of(const struct bf_tz *z) { return (GTimeZone *)(uintptr_t)z; }

static bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }

static bool is_word_char(char c)
{
    return is_capital(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '+';
}

static bool is_name(const char *name)
{
    bool begins = true;

    if (strlen(name) > NAME_LEN_MAX)
        return false;
    for (const char *c = name; *c; c++) {
        if (begins ? !is_capital(*c) : *c != '/' && !is_word_char(*c))
            return false;
        begins = *c == '/';
    }
    return !begins;
}

/* In the same place as GLib looks.  A process that may open no file any more cannot tell; GLib still has
 * the zones that were made before, and takes nothing with a slash for a rule. */
static bool has_file(const char *name)
{
    const char *dir = getenv("TZDIR");
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s/%s", dir ? dir : "/usr/share/zoneinfo", name);

    if (len >= (int)sizeof(path))
        return false;
    return access(path, R_OK) == 0 || (errno == EACCES && strchr(name, '/'));
}

/* UTC needs no zone data. */
struct bf_tz *bf_tz_new(const char *name)
{
    if (strcmp(name, "UTC") != 0 && !(is_name(name) && has_file(name)))
        return NULL;
    return (struct bf_tz *)g_time_zone_new_identifier(name);
}

struct bf_tz *bf_tz_ref(struct bf_tz *z) { return (struct bf_tz *)g_time_zone_ref(glib_of(z)); }

void bf_tz_unref(struct bf_tz *z)
{
    if (z)
        g_time_zone_unref(glib_of(z));
}

static gint interval_at(const struct bf_tz *z, int64_t unix_s)
{
    return g_time_zone_find_interval(glib_of(z), G_TIME_TYPE_UNIVERSAL, unix_s);
}

static int64_t offset_of(const struct bf_tz *z, gint interval)
{
    return g_time_zone_get_offset(glib_of(z), interval);
}

/* The first moment behind `after` that is not in its interval; `until` is not. */
static int64_t end_of(const struct bf_tz *z, gint interval, int64_t after, int64_t until)
{
    while (after + 1 < until) {
        int64_t middle = after + (until - after) / 2;

        if (interval_at(z, middle) == interval)
            after = middle;
        else
            until = middle;
    }
    return until;
}

int64_t bf_tz_offset(const struct bf_tz *z, int64_t unix_s)
{
    return offset_of(z, interval_at(z, unix_s));
}

/* Intervals may also differ by the zone's abbreviation alone. */
int64_t bf_tz_change(const struct bf_tz *z, int64_t after_s, int64_t until_s)
{
    gint interval = interval_at(z, after_s), last = interval_at(z, until_s);
    int64_t offset = offset_of(z, interval);

    while (after_s < until_s && interval != last) {
        after_s = end_of(z, interval, after_s, until_s);
        interval = interval_at(z, after_s);
        if (offset_of(z, interval) != offset)
            return after_s;
    }
    return INT64_MAX;
}

int64_t bf_tz_unix(const struct bf_tz *z, int64_t wall_s)
{
    int64_t since = wall_s - OFFSET_MAX, until = wall_s + OFFSET_MAX;

    for (;;) {
        int64_t change = bf_tz_change(z, since, until);
        int64_t at = bf_max64(wall_s - bf_tz_offset(z, since), since);

        if (at < change)
            return at;
        since = change;
    }
}
