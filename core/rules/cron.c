/* cron.c - five fields of text as sets of bits. */
#include "core/rules/schedule.h"

#include <string.h>
#include <strings.h>

#include "core/base/base.h"
#include "core/base/clock.h"

struct field {
    const char *name;
    int min, max;
    const char *names;          /* of three letters each; NULL: it has none */
    const char *allowed;
};

static const struct field fields[] = {
    {"minute", 0, 59, NULL, "0 to 59"},
    {"hour", 0, 23, NULL, "0 to 23"},
    {"day of month", 1, 31, NULL, "1 to 31"},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", "1 to 12, or jan to dec"},
    {"day of week", 0, 7, "sunmontuewedthufrisat", "0 to 7, or sun to sat; 0 and 7 are Sunday"},
};

static const struct {
    const char *name;
    const char *cron;
} macros[] = {
    {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static int bad_field(const struct field *f, const char *text, size_t len, const char *why,
                     struct bf_error *err)
{
    return bf_error_field(err, BF_ECONFIG, "cron", "the %s \"%.*s\" %s; allowed are %s, * for any,"
                          " ranges a-b, steps */n and a-b/n, and lists of these with commas",
                          f->name, (int)len, text, why, f->allowed);
}

/* A number or a name at the start of the text; gives its length, 0 if there is none. */
static size_t read_value(const struct field *f, const char *text, size_t len, int *out)
{
    size_t n = 0;

    for (*out = 0; n < len && n < 4 && is_digit(text[n]); n++)
        *out = *out * 10 + text[n] - '0';
    if (n || len < 3 || !f->names)
        return n;
    for (const char *name = f->names; *name; name += 3) {
        if (strncasecmp(name, text, 3) == 0) {
            *out = f->min + (int)(name - f->names) / 3;
            return 3;
        }
    }
    return 0;
}

/* "a-b", "a" or "*", without a step. */
static const char *read_range(const struct field *f, const char *text, size_t len, int *from,
                              int *to)
{
    size_t n, m;

    *from = f->min;
    *to = f->max;
    if (len == 1 && *text == '*')
        return NULL;
    n = read_value(f, text, len, from);
    *to = *from;
    if (n && n < len && text[n] == '-') {
        m = read_value(f, text + n + 1, len - n - 1, to);
        if (m == 3 && !is_digit(text[n + 1]) && f->max == 7 && *to == 0 && *from > 0)
            *to = 7;            /* until sun: the week may end with it as well */
        n = m ? n + 1 + m : 0;
    }
    if (!n || n != len)
        return "is none that is known";
    if (*from < f->min || *from > f->max || *to < f->min || *to > f->max)
        return "is out of range";
    return *from > *to ? "is a range that ends before it begins (write it as two, with a comma)"
                       : NULL;
}

/* One item of a list. */
static int read_item(const struct field *f, const char *text, size_t len, uint64_t *bits,
                     struct bf_error *err)
{
    const char *slash = memchr(text, '/', len), *problem;
    size_t range_len = slash ? (size_t)(slash - text) : len;
    int from, to, step = 1;
    struct field steps = {.max = f->max};

    problem = read_range(f, text, range_len, &from, &to);
    if (!problem && slash) {
        size_t n = read_value(&steps, slash + 1, len - range_len - 1, &step);

        if (!n || n != len - range_len - 1 || step < 1)
            problem = "has a step that is no number of 1 or more";
        else if (is_digit(*text) && !memchr(text, '-', range_len))
            problem = "has a step but no range: say from where to where";
    }
    if (problem)
        return bad_field(f, text, len, problem, err);
    for (int v = from; v <= to; v += step)
        *bits |= UINT64_C(1) << v;
    return BF_OK;
}

static int read_field(const struct field *f, const char *text, size_t len, uint64_t *bits,
                      struct bf_error *err)
{
    int rc = BF_OK;

    *bits = 0;
    for (const char *end = text + len, *item = text; !rc && item <= end;) {
        const char *comma = memchr(item, ',', (size_t)(end - item));
        size_t item_len = (size_t)((comma ? comma : end) - item);

        rc = item_len ? read_item(f, item, item_len, bits, err)
                      : bad_field(f, text, len, "has an empty item", err);
        item += item_len + 1;
    }
    return rc;
}

static size_t count_fields(const char *text)
{
    size_t n = 0;

    for (text += strspn(text, " \t"); *text; n++) {
        text += strcspn(text, " \t");
        text += strspn(text, " \t");
    }
    return n;
}

static bool is_star(const char *text, size_t len) { return len == 1 && *text == '*'; }

static int read_fields(const char *text, struct bf_schedule *out, struct bf_error *err)
{
    size_t n = count_fields(text);
    uint64_t bits[5];

    if (n != BF_COUNT(fields))
        return bf_error_field(err, BF_ECONFIG, "cron", "has %zu fields, not the five of minute,"
                              " hour, day of month, month and day of week, as in \"30 9 * * mon-fri"
                              "\"%s", n, n > 5 ? "; seconds and years are not known" : "");
    for (size_t i = 0; i < BF_COUNT(fields); i++) {
        size_t len;
        int rc;

        text += strspn(text, " \t");
        len = strcspn(text, " \t");
        rc = read_field(&fields[i], text, len, &bits[i], err);
        if (rc)
            return rc;
        out->any_day |= i == 2 && is_star(text, len);
        out->any_weekday |= i == 4 && is_star(text, len);
        text += len;
    }
    out->minutes = bits[0];
    out->hours = (uint32_t)bits[1];
    out->days = (uint32_t)bits[2];
    out->months = (uint16_t)bits[3];
    out->weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7f);
    return BF_OK;
}

/* Days of the week come in any month; days of the month may not. */
static bool comes(const struct bf_schedule *s)
{
    if (s->any_day || !s->any_weekday)
        return true;
    for (int month = 1; month <= 12; month++) {
        uint32_t days = UINT32_MAX >> (31 - bf_days_of_month(2024, month));

        if (s->months >> month & 1 && s->days & days)
            return true;
    }
    return false;
}

int bf_cron_parse(const char *text, struct bf_schedule *out, struct bf_error *err)
{
    int rc;

    if (strlen(text) > BF_CRON_LEN_MAX)
        return bf_error_field(err, BF_ECONFIG, "cron", "is %zu bytes long, at most %d are allowed",
                              strlen(text), BF_CRON_LEN_MAX);
    for (size_t i = 0; *text == '@' && i < BF_COUNT(macros); i++) {
        if (strcasecmp(text, macros[i].name) == 0)
            text = macros[i].cron;
    }
    if (*text == '@')
        return bf_error_field(err, BF_ECONFIG, "cron", "\"%.40s\" is not known; there are @hourly,"
                              " @daily, @weekly, @monthly and @yearly", text);
    rc = read_fields(text, out, err);
    if (rc == BF_OK && !comes(out))
        rc = bf_error_field(err, BF_ECONFIG, "cron", "\"%.80s\" never comes: none of its months"
                            " has such a day", text);
    return rc;
}
