/* unpack.c - the text and the points of packed events. */
#include "core/bus/points_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"

/* --- numbers and times, as text ----------------------------------------------------------- */

static size_t print_number(uint64_t value, size_t least, char *out)
{
    char digits[24];
    size_t n = 0;

    do
        digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) || n < least);
    for (size_t i = 0; i < n; i++)
        out[i] = digits[n - 1 - i];
    return n;
}

size_t bf_print_decimal(const struct bf_decimal *d, char out[POINT_MAX])
{
    char digits[40];
    size_t n = 0, behind = d->behind < 32 ? d->behind : 31, n_digits, whole;

    memset(digits, '0', sizeof(digits));
    n_digits = print_number(d->digits, 1, digits + 16);
    whole = 16 + n_digits - behind;     /* where the point is: zeros may have to stand in front */
    if (d->negative)
        out[n++] = '-';
    if (n_digits > behind) {
        memcpy(out + n, digits + 16, n_digits - behind);
        n += n_digits - behind;
    } else {
        out[n++] = '0';
    }
    if (d->point) {
        out[n++] = '.';
        for (size_t i = behind; i > n_digits; i--)
            out[n++] = '0';
        whole = n_digits > behind ? whole : 16;
        memcpy(out + n, digits + whole, 16 + n_digits - whole);
        n += 16 + n_digits - whole;
    }
    if (d->e) {
        out[n++] = d->e;
        if (d->sign)
            out[n++] = d->sign;
        n += print_number(d->exponent, d->e_digits & 7, out + n);
    }
    return n;
}

/* The point of printf() is a comma in some locales, so only digits are taken from it. */
static int float_digits(float value, unsigned significant, struct bf_decimal *d)
{
    char text[POINT_MAX];
    const char *at = text;

    snprintf(text, sizeof(text), "%.*e", (int)significant - 1, fabs((double)value));
    for (; *at && *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9')
            d->digits = d->digits * 10 + (uint64_t)(*at - '0');
    }
    return *at ? atoi(at + 1) : 0;
}

size_t bf_print_float(float value, unsigned significant, char out[POINT_MAX])
{
    struct bf_decimal d = {.negative = signbit(value), .point = true};
    int exponent;

    if (!isfinite(value) || significant < 2 || significant > 17)
        return 0;
    exponent = float_digits(value, significant, &d);
    if (exponent >= -4 && exponent < (int)significant - 1) {
        d.behind = significant - 1 - (unsigned)exponent;
    } else {
        d.behind = significant - 1;
        d.e = 'e';
        d.sign = exponent < 0 ? '-' : '+';
        d.exponent = (uint32_t)abs(exponent);
        d.e_digits = 2;
    }
    return bf_print_decimal(&d, out);
}

static const int64_t units_per_second[] = {1, 1000, 1000000};

static unsigned precision_of(unsigned way) { return (way - 1) / 2; }

int64_t bf_time_units(unsigned way, int64_t ms)
{
    unsigned precision = precision_of(way);

    return precision == 0 ? ms / 1000 : precision == 1 ? ms : ms * 1000;
}

size_t bf_print_time(unsigned way, int64_t units, char out[POINT_MAX])
{
    char text[32];
    unsigned precision = precision_of(way);
    int64_t per, second, rest;
    size_t n = 19;

    if (way == TIME_TEXT || precision > 2)
        return 0;
    per = units_per_second[precision];
    second = units / per - (units % per < 0);
    rest = units - second * per;
    if (second < -62167219200 || second > 253402300799)    /* the years 0 to 9999 */
        return 0;
    bf_time_print(second * 1000, text);
    memcpy(out, text, n);
    if (precision) {
        out[n++] = '.';
        n += print_number((uint64_t)rest, 3 * precision, out + n);
    }
    if (way % 2) {
        out[n++] = 'Z';
        return n;
    }
    memcpy(out + n, "+00:00", 6);
    return n + 6;
}


/* --- reading -------------------------------------------------------------------------------- */

struct unpacking {
    struct bf_bytes in;
    int64_t received_ms;
    const struct bf_words *words;
    uint64_t form_number;
    uint64_t first_form;
    uint64_t step;
    char text[POINT_MAX];       /* of the number or time read last */
};

static struct bf_slice get_text(struct unpacking *u)
{
    struct bf_slice s = {.len = bf_get_number(&u->in)};

    s.text = bf_get_bytes(&u->in, s.len);
    return s.text ? s : (struct bf_slice){"", 0};
}

static struct bf_slice get_time(struct unpacking *u)
{
    unsigned way = bf_get_byte(&u->in);
    uint64_t units;

    if (way == TIME_TEXT)
        return get_text(u);
    if (way > 6) {
        u->in.bad = true;
        return (struct bf_slice){"", 0};
    }
    units = (uint64_t)bf_get_signed(&u->in) + (uint64_t)bf_time_units(way, u->received_ms);
    return (struct bf_slice){u->text, bf_print_time(way, (int64_t)units, u->text)};
}

static void get_power(struct unpacking *u, struct bf_decimal *d)
{
    unsigned bits = bf_get_byte(&u->in), more = bf_get_byte(&u->in);

    d->behind = bits & 31;
    d->negative = bits >> 5 & 1;
    d->e = bits >> 6 & 1 ? 'E' : 'e';
    d->point = bits >> 7 & 1;
    d->sign = "\0+-\0"[more & 3];
    d->e_digits = more >> 2 & 7;
    d->exponent = (uint32_t)bf_get_number(&u->in);
    d->digits = bf_get_number(&u->in);
}

static void get_wide(struct unpacking *u, struct bf_decimal *d)
{
    uint64_t bits = 0;

    for (int i = 0; i < 8; i++)
        bits |= (uint64_t)bf_get_byte(&u->in) << 8 * i;
    d->digits = bits & WIDE_DIGITS_MAX;
    d->behind = bits >> 57 & 31;
    d->negative = bits >> 63;
}

static struct bf_slice get_float(struct unpacking *u)
{
    unsigned significant = bf_get_byte(&u->in);
    const char *bytes = bf_get_bytes(&u->in, sizeof(float));
    float f = 0;

    if (bytes)
        memcpy(&f, bytes, sizeof(f));
    return (struct bf_slice){u->text, bf_print_float(f, significant, u->text)};
}

static struct bf_slice get_value(struct unpacking *u, unsigned kind)
{
    struct bf_decimal d = {.point = kind != VALUE_WHOLE};
    int64_t whole;

    switch (kind) {
    case VALUE_WHOLE:
        whole = bf_get_signed(&u->in);
        d.negative = whole < 0;
        d.digits = whole < 0 ? 0 - (uint64_t)whole : (uint64_t)whole;
        break;
    case VALUE_DECIMAL:
        d.digits = bf_get_number(&u->in);
        d.behind = d.digits & 15;
        d.negative = d.digits >> 4 & 1;
        d.digits >>= 5;
        break;
    case VALUE_WIDE:
        get_wide(u, &d);
        break;
    case VALUE_POWER:
        get_power(u, &d);
        break;
    case VALUE_FLOAT:
        return get_float(u);
    case VALUE_TEXT:
        return get_text(u);
    default:
        u->in.bad = true;
    }
    return (struct bf_slice){u->text, bf_print_decimal(&d, u->text)};
}

static struct bf_slice get_step(struct unpacking *u, unsigned kind)
{
    struct bf_decimal d = {.digits = 0};

    if (kind == STEP_TEXT)
        return get_text(u);
    u->step += kind == STEP_NEXT ? 1 : kind == STEP_BY ? (uint64_t)bf_get_signed(&u->in) : 0;
    d.negative = u->step >> 63;
    d.digits = d.negative ? 0 - u->step : u->step;
    return (struct bf_slice){u->text, bf_print_decimal(&d, u->text)};
}

static bool get_form(struct unpacking *u, unsigned kind, size_t i, struct bf_form *out)
{
    if (kind == FORM_NEXT)
        u->form_number++;
    else if (kind == FORM_FIRST)
        u->form_number = u->first_form;
    else if (kind == FORM_NUMBER)
        u->form_number = bf_get_number(&u->in);
    if (i == 0)
        u->first_form = u->form_number;
    return !u->in.bad && u->words->form(u->words->arg, u->form_number, out);
}

static bool begin(struct unpacking *u, const void *packed, size_t len, uint64_t *frame,
                  struct bf_bytes *holes)
{
    uint64_t holes_len;
    const char *at;

    u->in = bf_bytes_of(packed, len);
    u->form_number = UINT64_MAX;
    if (bf_get_byte(&u->in) != BF_PACKED)
        return false;
    *frame = bf_get_number(&u->in);
    holes_len = bf_get_number(&u->in);
    at = bf_get_bytes(&u->in, holes_len);
    *holes = bf_bytes_of(at, holes_len);
    return at != NULL;
}


/* --- the text --------------------------------------------------------------------------------- */

static const char *to_mark(const struct bf_slice *s, const char *from, struct bf_buf *out)
{
    const char *end = s->text + s->len, *at = from;

    while (at < end && ((unsigned char)*at > MARK_END))
        at++;
    bf_buf_add(out, from, (size_t)(at - from));
    return at;
}

static void print_metric(struct unpacking *u, size_t i, struct bf_buf *out)
{
    unsigned bits = bf_get_byte(&u->in);
    struct bf_slice step = {0}, value = {0}, time;
    char step_text[POINT_MAX], value_text[POINT_MAX];
    struct bf_form form;
    const char *at, *end;

    if (!get_form(u, bits >> FORM_SHIFT & 3, i, &form)) {
        u->in.bad = true;
        return;
    }
    at = form.text.text;
    end = at + form.text.len;
    if (memchr(at, MARK_STEP, form.text.len)) {
        step = get_step(u, bits >> STEP_SHIFT & 3);
        if (step.text == u->text)
            step.text = memcpy(step_text, u->text, POINT_MAX);
    }
    value = get_value(u, bits >> VALUE_SHIFT & 7);
    if (value.text == u->text)
        value.text = memcpy(value_text, u->text, POINT_MAX);
    for (at = to_mark(&form.text, at, out); at < end; at = to_mark(&form.text, at + 1, out)) {
        switch (*at) {
        case MARK_STEP:
            bf_buf_add(out, step.text, step.len);
            break;
        case MARK_VALUE:
            bf_buf_add(out, value.text, value.len);
            break;
        case MARK_METRIC_TIME:
            time = get_time(u);
            bf_buf_add(out, time.text, time.len);
            break;
        default:
            u->in.bad = true;
        }
    }
}

/* Gives what is behind them in the frame. */
static const char *print_metrics(struct unpacking *u, const struct bf_slice *frame, const char *at,
                                 struct bf_buf *out)
{
    uint64_t n = bf_get_number(&u->in);
    const char *end = memchr(at, MARK_END, (size_t)(frame->text + frame->len - at));

    if (!end) {
        u->in.bad = true;
        return at;
    }
    for (uint64_t i = 0; i < n && !u->in.bad && !out->failed; i++) {
        if (i)
            bf_buf_add(out, at, (size_t)(end - at));
        print_metric(u, i, out);
    }
    return end + 1;
}

int bf_points_text(const void *packed, size_t len, int64_t received_ms, const struct bf_words *words,
                   struct bf_buf *out)
{
    struct unpacking u = {.received_ms = received_ms, .words = words}, h = u;
    struct bf_slice frame, hole;
    const char *at, *end;
    uint64_t number;

    if (!begin(&u, packed, len, &number, &h.in) || !words->frame(words->arg, number, &frame))
        return BF_EIO;
    end = frame.text + frame.len;
    for (at = to_mark(&frame, frame.text, out); at < end; at = to_mark(&frame, at, out)) {
        char mark = *at++;

        if (mark == MARK_METRICS) {
            at = print_metrics(&u, &frame, at, out);
        } else if (mark == MARK_KEY || mark == MARK_TIME) {
            hole = mark == MARK_TIME ? get_time(&h) : get_text(&h);
            bf_buf_add(out, hole.text, hole.len);
        } else {
            u.in.bad = true;
        }
    }
    return u.in.bad || h.in.bad || u.in.at != u.in.end || h.in.at != h.in.end || out->failed
               ? BF_EIO : BF_OK;
}


/* --- the points -------------------------------------------------------------------------------- */

static double double_of(struct bf_slice s)
{
    struct bf_json number = {.text = s.text, .len = (uint32_t)s.len, .skip = 1,
                             .type = BF_JSON_NUMBER};
    double value;

    if (s.len && s.text[0] == '"')
        return s.text[1] == 'N' ? (double)NAN : s.text[1] == '-' ? -(double)INFINITY
                                                                  : (double)INFINITY;
    return s.len && bf_json_double(&number, &value) ? value : (double)NAN;
}

static int64_t int_of(struct bf_slice s)
{
    struct bf_json number = {.text = s.text, .len = (uint32_t)s.len, .skip = 1,
                             .type = BF_JSON_NUMBER};
    int64_t value;

    return s.len && bf_json_int(&number, &value) ? value : 0;
}

static bool read_point(struct unpacking *u, size_t i, struct bf_point *p)
{
    unsigned bits = bf_get_byte(&u->in);
    struct bf_slice s;
    struct bf_form form;

    if (!get_form(u, bits >> FORM_SHIFT & 3, i, &form))
        return false;
    p->name = form.name;
    p->place = (uint32_t)i;
    p->in_order = !(bits & DISORDER);
    p->has_step = memchr(form.text.text, MARK_STEP, form.text.len);
    if (p->has_step) {
        s = get_step(u, bits >> STEP_SHIFT & 3);
        p->step = s.text == u->text ? (int64_t)u->step : int_of(s);
    }
    p->value = double_of(get_value(u, bits >> VALUE_SHIFT & 7));
    if (memchr(form.text.text, MARK_METRIC_TIME, form.text.len))
        get_time(u);
    return !u->in.bad;
}

static int by_step(const void *a, const void *b)
{
    const struct bf_point *x = a, *y = b;

    if (x->has_step != y->has_step)
        return x->has_step ? -1 : 1;
    if (x->step != y->step)
        return x->step < y->step ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

void bf_points_sort(struct bf_point *points, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (by_step(&points[i - 1], &points[i]) > 0) {
            qsort(points, n, sizeof(*points), by_step);
            return;
        }
    }
}

int bf_points_read(struct bf_arena *a, const void *packed, size_t len,
                   const struct bf_words *words, struct bf_point **out, size_t *n)
{
    struct unpacking u = {.words = words};
    struct bf_bytes holes;
    uint64_t frame, n_points;

    *n = 0;
    if (!begin(&u, packed, len, &frame, &holes))
        return BF_EIO;
    n_points = u.in.at < u.in.end ? bf_get_number(&u.in) : 0;
    if (n_points > (uint64_t)(u.in.end - u.in.at))      /* each has a byte at least */
        return BF_EIO;
    *out = bf_arena_alloc(a, n_points * sizeof(**out));
    if (n_points && !*out)
        return BF_ENOMEM;
    for (size_t i = 0; i < n_points; i++)
        if (!read_point(&u, i, &(*out)[i]))
            return BF_EIO;
    bf_points_sort(*out, n_points);
    *n = n_points;
    return BF_OK;
}
