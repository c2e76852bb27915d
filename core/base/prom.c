/* prom.c - the text format: names and help are ours, label values may be anybody's. */
#include "core/base/prom.h"

#include <stdio.h>

void bf_histogram_add(struct bf_histogram *h, uint64_t value)
{
    unsigned i = 0;

    while (i < h->n && value > h->bounds[i])
        i++;
    bf_count(&h->counts[i], 1);
    bf_count(&h->sum, value);
}

void bf_prom_head(struct bf_buf *b, const char *name, const char *type, const char *help)
{
    bf_buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_label(struct bf_buf *b, const char *name, const char *value)
{
    bf_buf_adds(b, name);
    bf_buf_adds(b, "=\"");
    for (; *value; value++) {
        if (*value == '\n') {
            bf_buf_adds(b, "\\n");
            continue;
        }
        if (*value == '"' || *value == '\\')
            bf_buf_addc(b, '\\');
        bf_buf_addc(b, *value);
    }
    bf_buf_addc(b, '"');
}

static void begin(struct bf_buf *b, const char *name, const char *const *labels)
{
    bf_buf_adds(b, name);
    if (!labels || !labels[0])
        return;
    for (size_t i = 0; labels[i]; i += 2) {
        bf_buf_addc(b, i ? ',' : '{');
        add_label(b, labels[i], labels[i + 1]);
    }
    bf_buf_addc(b, '}');
}

void bf_prom_int(struct bf_buf *b, const char *name, const char *const *labels, uint64_t value)
{
    begin(b, name, labels);
    bf_buf_printf(b, " %llu\n", (unsigned long long)value);
}

void bf_prom_double(struct bf_buf *b, const char *name, const char *const *labels, double value)
{
    begin(b, name, labels);
    bf_buf_printf(b, " %.9g\n", value);
}

void bf_prom_histogram(struct bf_buf *b, const char *name, const struct bf_histogram *h)
{
    uint64_t so_far = 0;

    for (unsigned i = 0; i < h->n; i++) {
        so_far += bf_counted(&h->counts[i]);
        bf_buf_printf(b, "%s_bucket{le=\"%.9g\"} %llu\n", name, (double)h->bounds[i] * h->unit,
                      (unsigned long long)so_far);
    }
    so_far += bf_counted(&h->counts[h->n]);
    bf_buf_printf(b, "%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long)so_far);
    bf_buf_printf(b, "%s_sum %.9g\n", name, (double)bf_counted(&h->sum) * h->unit);
    bf_buf_printf(b, "%s_count %llu\n", name, (unsigned long long)so_far);
}
