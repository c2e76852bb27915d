/* pace.c - token buckets.
 *
 * With N tokens per unit a bucket gains one every unit/N.  If it would be full at time F, it lacks
 * (F - now) / every tokens; one more may be taken while that leaves no less than none, which is
 * F + every <= now + unit. */
#include "core/delivery/pace.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"

static const struct unit {
    const char *name;
    int64_t us;
} units[] = {
    {"s", 1000000LL},
    {"min", 60 * 1000000LL},
    {"m", 60 * 1000000LL},
    {"h", 3600 * 1000000LL},
    {"d", 24 * 3600 * 1000000LL},
};

static int64_t unit_us(const char *name, size_t len)
{
    for (size_t i = 0; i < BF_COUNT(units); i++)
        if (strlen(units[i].name) == len && strncmp(units[i].name, name, len) == 0)
            return units[i].us;
    return 0;
}

/* One "60/min"; where it ends, or NULL. */
static const char *parse_limit(const char *at, struct bf_pace *p)
{
    char *end;
    long n = isdigit((unsigned char)*at) ? strtol(at, &end, 10) : 0;
    size_t len;
    int64_t span;

    if (n < 1 || n > BF_PACE_MAX || *end != '/')
        return NULL;
    len = strcspn(end + 1, " ");
    span = unit_us(end + 1, len);
    if (!span)
        return NULL;
    p->limits[p->n].span_us = span;
    p->limits[p->n].every_us = span / n;
    p->n++;
    return end + 1 + len;
}

int bf_pace_parse(const char *text, struct bf_pace *out, struct bf_error *err)
{
    const char *at = text ? text : "";

    memset(out, 0, sizeof(*out));
    if (strlen(at) >= BF_PACE_TEXT)
        return bf_error_set(err, BF_ECONFIG, "a pace has at most %d characters",
                            BF_PACE_TEXT - 1);
    while (*(at += strspn(at, " "))) {
        const char *end = out->n < BF_PACE_LIMITS ? parse_limit(at, out) : NULL;

        if (!end)
            return bf_error_set(err, BF_ECONFIG, "\"%s\" is no pace; write up to %d limits as"
                                " \"10/s 400/h\", each 1 to %d per s, min, h or d", text,
                                BF_PACE_LIMITS, BF_PACE_MAX);
        at = end;
    }
    return BF_OK;
}

int64_t bf_pace_wait_ms(const struct bf_pace *p, int64_t mono_ms)
{
    int64_t now = mono_ms * 1000, wait = 0;

    for (unsigned i = 0; i < p->n; i++) {
        int64_t full_at = bf_max64(p->limits[i].full_at_us, now);

        wait = bf_max64(wait, full_at + p->limits[i].every_us - now - p->limits[i].span_us);
    }
    return (wait + 999) / 1000;
}

void bf_pace_take(struct bf_pace *p, int64_t mono_ms)
{
    for (unsigned i = 0; i < p->n; i++)
        p->limits[i].full_at_us =
            bf_max64(p->limits[i].full_at_us, mono_ms * 1000) + p->limits[i].every_us;
}

void bf_pace_follow(struct bf_pace *p, const struct bf_pace *old)
{
    for (unsigned i = 0; i < p->n; i++)
        for (unsigned k = 0; k < old->n; k++)
            if (p->limits[i].span_us == old->limits[k].span_us &&
                p->limits[i].every_us == old->limits[k].every_us)
                p->limits[i].full_at_us = old->limits[k].full_at_us;
}

unsigned bf_pace_per_second(const struct bf_pace *p)
{
    int64_t most = UINT_MAX;

    for (unsigned i = 0; i < p->n; i++)
        most = bf_min64(most, (1000000 + p->limits[i].every_us - 1) / p->limits[i].every_us);
    return (unsigned)most;
}
