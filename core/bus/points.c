/* points.c - cutting events up, and packing what is their own. */
#include "core/bus/points_int.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"

/* --- cutting -------------------------------------------------------------------------- */

/* A text that is copied but for some pieces of it, in whose place stand marks. */
struct cutter {
    char *out;
    size_t len;
    const char *at;             /* copied up to here */
};

static void copy_to(struct cutter *c, const char *until)
{
    memcpy(c->out + c->len, c->at, (size_t)(until - c->at));
    c->len += (size_t)(until - c->at);
    c->at = until;
}

static void cut_out(struct cutter *c, const struct bf_slice *piece, char mark)
{
    copy_to(c, piece->text);
    c->out[c->len++] = mark;
    c->at = piece->text + piece->len;
}

static struct bf_slice raw(const struct bf_json *value)
{
    struct bf_slice s;

    s.text = bf_json_raw(value, &s.len);
    return s;
}

/* Without its quotes. */
static struct bf_slice inside(const struct bf_json *string)
{
    return (struct bf_slice){string->text, string->len};
}

/* A form is no longer than its metric: each mark stands for at least one byte. */
static struct bf_slice cut_metric(char *room, const struct bf_json *metric,
                                  struct bf_cut_metric *out)
{
    struct bf_slice all = raw(metric);
    struct cutter c = {.out = room, .at = all.text};

    *out = (struct bf_cut_metric){.form = 0};
    for (const struct bf_json *key = bf_json_first(metric); key; key = bf_json_next(metric, key)) {
        if (bf_json_eq(key, "step")) {
            out->step = raw(key + 1);
            cut_out(&c, &out->step, MARK_STEP);
        } else if (bf_json_eq(key, "value")) {
            out->value = raw(key + 1);
            cut_out(&c, &out->value, MARK_VALUE);
        } else if (bf_json_eq(key, "time")) {
            out->time = inside(key + 1);
            cut_out(&c, &out->time, MARK_METRIC_TIME);
        }
    }
    copy_to(&c, all.text + all.len);
    return (struct bf_slice){room, c.len};
}

static bool is_equal(struct bf_slice a, struct bf_slice b)
{
    return a.len == b.len && memcmp(a.text, b.text, a.len) == 0;
}

/* What stands between two metrics, if it is the same everywhere. */
static bool find_gap(const struct bf_json *list, struct bf_slice *gap)
{
    const char *end = NULL;

    *gap = (struct bf_slice){"", 0};
    for (const struct bf_json *m = bf_json_first(list); m; m = bf_json_next(list, m)) {
        struct bf_slice this = {end, 0}, all = raw(m);

        if (end) {
            this.len = (size_t)(all.text - end);
            if (gap->len && !is_equal(*gap, this))
                return false;
            *gap = this;
        }
        end = all.text + all.len;
    }
    return true;
}

/* The room for all forms is as long as the text of the metrics. */
static bool cut_metrics(struct bf_arena *a, struct cutter *c, const struct bf_json *list,
                        struct bf_cut *out)
{
    const struct bf_json *last = bf_json_first(list);
    struct bf_slice whole = raw(list), gap;
    char *room = bf_arena_alloc(a, whole.len);

    out->n_metrics = bf_json_count(list);
    out->metrics = bf_arena_alloc(a, out->n_metrics * sizeof(*out->metrics));
    out->forms = bf_arena_alloc(a, out->n_metrics * sizeof(*out->forms));
    if (!room || !out->metrics || !out->forms || !find_gap(list, &gap))
        return false;
    whole.text = last->text;
    for (size_t i = 0; i < out->n_metrics; i++) {
        out->forms[i] = cut_metric(room, last, &out->metrics[i]);
        room += out->forms[i].len;
        whole.len = (size_t)(last->text + last->len - whole.text);
        last = bf_json_next(list, last);
    }
    cut_out(c, &whole, MARK_METRICS);
    memcpy(c->out + c->len, gap.text, gap.len);
    c->len += gap.len;
    c->out[c->len++] = MARK_END;
    return true;
}

static void cut_hole(struct cutter *c, const struct bf_json *string, bool is_time,
                     struct bf_cut *out)
{
    struct bf_slice s = inside(string);

    cut_out(c, &s, is_time ? MARK_TIME : MARK_KEY);
    out->is_time[out->n_holes] = is_time;
    out->holes[out->n_holes++] = s;
}

bool bf_points_cut(struct bf_arena *a, const struct bf_envelope *e, struct bf_cut *out)
{
    const struct bf_json *root = bf_json_parse(a, e->text, e->text_len, NULL);
    char *room = bf_arena_alloc(a, e->text_len + 1);
    struct cutter c = {.out = room, .at = e->text};

    *out = (struct bf_cut){.n_holes = 0};
    if (!root || !room)
        return false;
    for (const struct bf_json *key = bf_json_first(root); key; key = bf_json_next(root, key)) {
        if (bf_json_eq(key, "key"))
            cut_hole(&c, key + 1, false, out);
        else if (bf_json_eq(key, "time"))
            cut_hole(&c, key + 1, true, out);
        else if (e->n_points && bf_json_eq(key, "metrics") && !cut_metrics(a, &c, key + 1, out))
            return false;
    }
    copy_to(&c, e->text + e->text_len);
    out->frame = (struct bf_slice){room, c.len};
    return out->n_metrics == e->n_points;
}


/* --- numbers and times ------------------------------------------------------------------ */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool read_exponent(const char *p, const char *end, struct bf_decimal *d)
{
    d->e = *p++;
    if (p < end && (*p == '+' || *p == '-'))
        d->sign = *p++;
    for (; p < end; p++, d->e_digits++)
        d->exponent = d->exponent * 10 + (uint32_t)(*p - '0');
    return d->e_digits > 0 && d->e_digits <= 4;
}

/* False for what is no number, or has too many digits. */
static bool read_decimal(struct bf_slice s, struct bf_decimal *d)
{
    const char *p = s.text, *end = p + s.len;

    *d = (struct bf_decimal){.negative = *p == '-'};
    for (p += d->negative; p < end && (is_digit(*p) || *p == '.'); p++) {
        if (*p == '.') {
            d->point = true;
            continue;
        }
        if (d->digits > (WIDE_DIGITS_MAX - 9) / 10)
            return false;
        d->digits = d->digits * 10 + (uint64_t)(*p - '0');
        d->significant += d->digits > 0;
        d->behind += d->point;
    }
    if (p == end)
        return end > s.text + d->negative && d->behind < 32;
    return (*p == 'e' || *p == 'E') && d->behind < 32 && read_exponent(p, end, d);
}

static bool put_float(struct bf_slice s, const struct bf_decimal *d, struct bf_buf *out)
{
    struct bf_json number = {.text = s.text, .len = (uint32_t)s.len, .skip = 1,
                             .type = BF_JSON_NUMBER};
    char text[POINT_MAX];
    double value;
    float f;

    if (d->significant < 8 || d->significant > 17 || !bf_json_double(&number, &value))
        return false;
    f = (float)value;
    if ((double)f != value || bf_print_float(f, d->significant, text) != s.len ||
        memcmp(text, s.text, s.len) != 0)
        return false;
    bf_buf_addc(out, (char)d->significant);
    bf_buf_add(out, &f, sizeof(f));
    return true;
}

static void put_power(const struct bf_decimal *d, struct bf_buf *out)
{
    bf_buf_addc(out, (char)(d->behind | (unsigned)d->negative << 5 | (unsigned)(d->e == 'E') << 6 |
                            (unsigned)d->point << 7));
    bf_buf_addc(out, (char)((d->sign == '+' ? 1 : d->sign == '-' ? 2 : 0) | d->e_digits << 2));
    bf_put_number(out, d->exponent);
    bf_put_number(out, d->digits);
}

static void put_wide(const struct bf_decimal *d, struct bf_buf *out)
{
    uint64_t bits = d->digits | (uint64_t)d->behind << 57 | (uint64_t)d->negative << 63;
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(bits >> 8 * i);
    bf_buf_add(out, bytes, sizeof(bytes));
}

static void put_text(struct bf_slice s, struct bf_buf *out)
{
    bf_put_number(out, s.len);
    bf_buf_add(out, s.text, s.len);
}

/* Gives how it was put.  Whatever does not come back from that is found out later. */
static unsigned put_value(struct bf_slice s, struct bf_buf *out)
{
    struct bf_decimal d;

    if (!read_decimal(s, &d) || (d.negative && !d.digits && !d.point && !d.e)) {
        put_text(s, out);       /* "-0" is no signed number */
        return VALUE_TEXT;
    }
    if (put_float(s, &d, out))
        return VALUE_FLOAT;
    if (d.e) {
        put_power(&d, out);
        return VALUE_POWER;
    }
    if (!d.point) {
        bf_put_signed(out, d.negative ? -(int64_t)d.digits : (int64_t)d.digits);
        return VALUE_WHOLE;
    }
    if (d.behind < 16 && d.digits < (uint64_t)1 << 44) {
        bf_put_number(out, d.digits << 5 | (unsigned)d.negative << 4 | d.behind);
        return VALUE_DECIMAL;
    }
    put_wide(&d, out);
    return VALUE_WIDE;
}

/* A time that one of the ways gives back, or its text. */
static void put_time(struct bf_slice s, int64_t received_ms, struct bf_buf *out)
{
    char text[POINT_MAX], again[POINT_MAX];
    unsigned digits = 0, way;
    int64_t ms, units;

    memcpy(text, s.text, s.len < sizeof(text) ? s.len : 0);
    text[s.len < sizeof(text) ? s.len : 0] = '\0';
    if (s.len > 20 && text[19] == '.')
        while (is_digit(text[20 + digits]))
            digits++;
    if (bf_time_parse(text, &ms) && digits <= 6 && digits % 3 == 0) {
        way = 1 + 2 * digits / 3 + (text[s.len - 1] != 'Z');
        units = bf_time_units(way, ms);
        if (digits == 6)
            units += strtol(text + 23, NULL, 10);
        if (bf_print_time(way, units, again) == s.len && memcmp(again, text, s.len) == 0) {
            bf_buf_addc(out, (char)way);
            bf_put_signed(out, units - bf_time_units(way, received_ms));
            return;
        }
    }
    bf_buf_addc(out, TIME_TEXT);
    put_text(s, out);
}

static unsigned put_step(struct bf_slice s, uint64_t *last, struct bf_buf *out)
{
    struct bf_json number = {.text = s.text, .len = (uint32_t)s.len, .skip = 1,
                             .type = BF_JSON_NUMBER};
    uint64_t before = *last;
    int64_t step;

    if (!s.text)
        return STEP_SAME;
    if (!bf_json_int(&number, &step) || (step == 0 && s.len > 1)) {
        put_text(s, out);
        return STEP_TEXT;
    }
    *last = (uint64_t)step;
    if (*last == before)
        return STEP_SAME;
    if (*last == before + 1)
        return STEP_NEXT;
    bf_put_signed(out, (int64_t)(*last - before));
    return STEP_BY;
}


/* --- packing ----------------------------------------------------------------------------- */

static unsigned put_form(uint64_t form, uint64_t last, uint64_t first, struct bf_buf *out)
{
    if (form == last + 1)
        return FORM_NEXT;
    if (form == last)
        return FORM_SAME;
    if (form == first)
        return FORM_FIRST;
    bf_put_number(out, form);
    return FORM_NUMBER;
}

static void put_metrics(const struct bf_cut *cut, int64_t received_ms, struct bf_buf *out)
{
    uint64_t form = UINT64_MAX, step = 0;

    bf_put_number(out, cut->n_metrics);
    for (size_t i = 0; i < cut->n_metrics; i++) {
        const struct bf_cut_metric *m = &cut->metrics[i];
        size_t at = out->len;
        unsigned bits = m->in_order ? 0 : DISORDER;

        bf_buf_addc(out, 0);
        bits |= put_form(m->form, form, cut->metrics[0].form, out) << FORM_SHIFT;
        bits |= put_step(m->step, &step, out) << STEP_SHIFT;
        bits |= put_value(m->value, out) << VALUE_SHIFT;
        if (m->time.text)
            put_time(m->time, received_ms, out);
        if (!out->failed)
            out->data[at] = (char)bits;
        form = m->form;
    }
}

void bf_points_pack(const struct bf_cut *cut, uint64_t frame, int64_t received_ms,
                    struct bf_buf *out)
{
    struct bf_buf holes;

    bf_buf_init(&holes, BF_EVENT_MAX);
    for (size_t i = 0; i < cut->n_holes; i++) {
        if (cut->is_time[i])
            put_time(cut->holes[i], received_ms, &holes);
        else
            put_text(cut->holes[i], &holes);
    }
    bf_buf_addc(out, BF_PACKED);
    bf_put_number(out, frame);
    bf_put_number(out, holes.len);
    bf_buf_add(out, holes.data, holes.len);
    bf_buf_fini(&holes);
    if (cut->n_metrics)
        put_metrics(cut, received_ms, out);
}
