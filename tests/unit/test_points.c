/* test_points.c - packing gives back every byte, and unpacking survives whatever it is given. */
#include "core/bus/points.h"
#include "tests/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"

#define RECEIVED 1795435200250          /* 2026-11-23T12:00:00.250Z */

/* The words of one event: its frame, and its forms by number. */
struct words {
    struct bf_slice frame;
    struct bf_slice forms[64];
    size_t n_forms;
};

static bool on_frame(void *arg, uint64_t number, struct bf_slice *out)
{
    *out = ((struct words *)arg)->frame;
    return number == 0;
}

static bool on_form(void *arg, uint64_t number, struct bf_form *out)
{
    struct words *w = arg;

    if (number >= w->n_forms)
        return false;
    *out = (struct bf_form){w->forms[number], "m"};
    return true;
}

static void number_forms(struct words *w, struct bf_cut *cut)
{
    for (size_t i = 0; i < cut->n_metrics; i++) {
        size_t j = 0;

        while (j < w->n_forms && (w->forms[j].len != cut->forms[i].len ||
                                  memcmp(w->forms[j].text, cut->forms[i].text, w->forms[j].len)))
            j++;
        if (j == w->n_forms) {
            CHECK(j < BF_COUNT(w->forms));
            w->forms[w->n_forms++] = cut->forms[i];
        }
        cut->metrics[i].form = j;
        cut->metrics[i].in_order = i % 3 != 1;
    }
}

static struct bf_envelope *parse(struct bf_arena *a, const char *text)
{
    struct bf_envelope *e = NULL;
    struct bf_error err;

    if (bf_envelope_parse(a, text, strlen(text), BF_FROM_OUTSIDE, &e, &err))
        test_failed(__FILE__, __LINE__, "%s\n  %s: %s", text, err.field, err.words);
    return e;
}

static void check_points(struct bf_arena *a, const struct bf_envelope *e, const struct bf_buf *packed,
                         const struct bf_words *words)
{
    struct bf_point *points;
    size_t n;

    CHECK_INT(bf_points_read(a, packed->data, packed->len, words, &points, &n), 0);
    CHECK_INT(n, e->n_points);
    for (size_t i = 0; i < n; i++) {
        const struct bf_point *p = &points[i], *q = &e->points[i];

        CHECK_INT(p->place, q->place);
        CHECK_INT(p->has_step, q->has_step);
        CHECK_INT(p->step, q->step);
        CHECK_INT(p->in_order, p->place % 3 != 1);
        if (isnan(q->value) ? !isnan(p->value) : memcmp(&p->value, &q->value, sizeof(double)) != 0)
            test_failed(__FILE__, __LINE__, "%s\n  %.17g is not %.17g", e->text, p->value, q->value);
    }
}

/* Packs and unpacks; gives the packed length, 0 if it was not to be cut. */
static size_t round_trip(const char *text)
{
    struct bf_arena *a = bf_arena_new(64 << 20);
    struct bf_envelope *e = parse(a, text);
    struct words w = {.n_forms = 0};
    struct bf_words words = {on_frame, on_form, &w};
    struct bf_buf packed, again;
    struct bf_cut cut;
    size_t len = 0;

    bf_buf_init(&packed, BF_EVENT_MAX);
    bf_buf_init(&again, BF_EVENT_MAX);
    if (bf_points_cut(a, e, &cut)) {
        w.frame = cut.frame;
        number_forms(&w, &cut);
        bf_points_pack(&cut, 0, RECEIVED, &packed);
        CHECK_INT(bf_points_text(packed.data, packed.len, RECEIVED, &words, &again), 0);
        CHECK_STR(again.data, e->text);
        check_points(a, e, &packed, &words);
        len = packed.len;
    }
    bf_buf_fini(&packed);
    bf_buf_fini(&again);
    bf_envelope_unref(e);
    bf_arena_free(a);
    return len;
}

static size_t round_trip_of(const char *more)
{
    char text[8192];

    snprintf(text, sizeof(text), "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
                                 "\"run\":{\"id\":\"r\"}%s}", more);
    return round_trip(text);
}

#define METRIC(step, value) ",\"metrics\":[{\"name\":\"loss\",\"step\":" step ",\"value\":" value "}]"

/* How many bytes one value takes, the rest of the event being 6. */
static const struct {
    const char *value;
    size_t len;
} values[] = {
    {"0", 1}, {"1", 1}, {"-1", 1}, {"63", 1}, {"64", 2}, {"-0", 3},
    {"1234567", 4}, {"123456789012345678", 9}, {"9007199254740993", 8},
    {"0.5", 2}, {"-0.5", 2}, {"0.25", 2}, {"12.5", 2}, {"0.125", 2}, {"0.8234", 3},
    {"0.00", 1}, {"-0.0", 1}, {"1.0", 2}, {"1.50", 2}, {"0.123456", 4}, {"0.000001", 1},
    {"3.14159265", 5}, {"0.1234567890123456", 8}, {"0.30000000000000004", 8},
    {"123456789.123456789", 19}, {"0.12345678901234567890", 23},
    {"1e5", 4}, {"5e-05", 4}, {"1E+3", 4}, {"1.5e-7", 4}, {"-2.50e-10", 5}, {"1e0005", 4},
    {"1e-00001", 9}, {"1.2345678901234567e-05", 11},
    {"0.8234000205993652", 5},          /* floats, as a framework prints them */
    {"-1.1754943508222875e-38", 5}, {"0.10000000149011612", 5}, {"16777216.0", 5},
    {"3.4028234663852886e+38", 5}, {"9.999999747378752e-05", 5}, {"0.00010000000474974513", 5},
    {"\"NaN\"", 6}, {"\"Infinity\"", 11}, {"\"-Infinity\"", 12},
    {"1e308", 5}, {"2.2250738585072014e-308", 0}, {"4.9e-324", 0},
};

TEST(every_way_to_write_a_number_comes_back)
{
    for (size_t i = 0; i < BF_COUNT(values); i++) {
        char more[256];
        size_t len;

        snprintf(more, sizeof(more), METRIC("7", "%s"), values[i].value);
        len = round_trip_of(more);
        CHECK(len > 0);
        if (values[i].len && len > 6 + values[i].len)
            test_failed(__FILE__, __LINE__, "%s takes %zu bytes, not %zu", values[i].value, len - 6,
                        values[i].len);
    }
}

static const char *const steps[] = {
    "0", "-0", "1", "-1", "9223372036854775807", "-9223372036854775807", "1000000", "00"};

TEST(every_step_comes_back)
{
    for (size_t i = 0; i + 1 < BF_COUNT(steps); i++) {
        for (size_t j = 0; j + 1 < BF_COUNT(steps); j++) {
            char more[512];

            snprintf(more, sizeof(more), ",\"metrics\":[{\"name\":\"a\",\"step\":%s,\"value\":1},"
                     "{\"name\":\"a\",\"step\":%s,\"value\":2},{\"value\":1,\"name\":\"b\"},"
                     "{\"name\":\"a\",\"step\":%s,\"value\":1}]", steps[i], steps[j], steps[i]);
            CHECK(round_trip_of(more) > 0);
        }
    }
}

static const char *const times[] = {
    "2026-11-23T12:00:00Z", "2026-11-23T12:00:00.250Z", "2026-11-23T12:00:00.250000Z",
    "2026-11-23T12:00:00.123456Z", "2026-11-23T12:00:00+00:00", "2026-11-23T12:00:00.001+00:00",
    "2026-11-23T12:00:00.123456+00:00", "2026-11-23T12:00:00.1Z", "2026-11-23t12:00:00z",
    "2026-11-23T12:00:00.1234567Z", "2026-11-23T12:00:00-00:00", "2026-11-23T12:00:00+02:00",
    "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z", "2016-12-31T23:59:60Z", "2026-11-23T12:00:00.000Z"};

TEST(every_time_comes_back)
{
    for (size_t i = 0; i < BF_COUNT(times); i++) {
        char more[512];

        snprintf(more, sizeof(more), ",\"time\":\"%s\",\"key\":\"k\\u0041 %zu\",\"metrics\":[{\"name\":"
                 "\"a\",\"time\":\"%s\",\"value\":1}]", times[i], i, times[BF_COUNT(times) - 1 - i]);
        CHECK(round_trip_of(more) > 0);
    }
}

static const char *const shapes[] = {
    METRIC("1", "2") ",\"key\":\"a\"",
    ",\"k\\u0065y\":\"a\",\"data\":{\"key\":\"b\",\"time\":1,\"metrics\":[1,2]}" METRIC("1", "2"),
    ", \"metrics\" : [ { \"name\" : \"a\" , \"step\" : 1 , \"value\" : 2 } ] ",
    ",\"metrics\":[{\"name\":\"a\",\"value\":1}, {\"name\":\"b\",\"value\":1}, {\"name\":\"a\",\"value\":1}]",
    ",\"metrics\":[\n  {\"v\\u0061lue\":1,\"name\":\"\\u0061\"}\n]",
    ",\"metrics\":[{\"name\":\"c\",\"value\":1},{\"name\":\"b\",\"value\":1},{\"name\":\"a\",\"value\":1},"
    "{\"name\":\"c\",\"value\":1},{\"name\":\"a\",\"value\":1},{\"name\":\"b\",\"value\":1}]",
};

TEST(every_shape_comes_back)
{
    for (size_t i = 0; i < BF_COUNT(shapes); i++)
        CHECK(round_trip_of(shapes[i]) > 0);
    CHECK_INT(round_trip("{\"type\":\"run.heartbeat\",\"entity\":\"a\",\"project\":\"p\",\"run\":"
                         "{\"id\":\"r\"},\"time\":\"2026-11-23T12:00:00.251Z\"}"), 5);
    CHECK_INT(round_trip("{\"type\":\"run.heartbeat\",\"entity\":\"a\",\"project\":\"p\",\"run\":"
                         "{\"id\":\"r\"}}"), 3);
}

TEST(gaps_that_differ_are_not_packed)
{
    CHECK_INT(round_trip_of(",\"metrics\":[{\"name\":\"a\",\"value\":1}, {\"name\":\"a\",\"value\":1},"
                            "{\"name\":\"a\",\"value\":1}]"), 0);
}

/* --- chance ------------------------------------------------------------------------- */

static uint64_t state = 88172645463325252u;

static uint64_t chance(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

static void add_digits(struct bf_buf *b, size_t max, bool leading)
{
    size_t n = 1 + chance(max);

    for (size_t i = 0; i < n; i++)
        bf_buf_addc(b, (char)('0' + (i == 0 && !leading && n > 1 ? 1 + chance(9) : chance(10))));
}

static void add_value(struct bf_buf *b)
{
    static const char *const odd[] = {"\"NaN\"", "\"Infinity\"", "\"-Infinity\"", "1e-400", "-0e0"};

    if (chance(20) == 0) {
        bf_buf_adds(b, odd[chance(BF_COUNT(odd))]);
        return;
    }
    if (chance(4) == 0) {
        bf_buf_printf(b, "%.17g", (double)(float)((double)chance(1 << 30) / 7e8));
        return;
    }
    if (chance(3) == 0)
        bf_buf_addc(b, '-');
    add_digits(b, chance(5) ? 3 : 22, false);
    if (chance(4)) {
        bf_buf_addc(b, '.');
        add_digits(b, chance(5) ? 6 : 40, true);
    }
    if (chance(6) == 0) {
        bf_buf_adds(b, (const char *[]){"e", "E", "e-", "E+"}[chance(4)]);
        add_digits(b, 2, true);
    }
}

static void add_metric(struct bf_buf *b)
{
    const char *gap = chance(3) ? "" : " ";

    bf_buf_printf(b, "{%s\"name\":%s\"%c\"", gap, gap, (char)('a' + chance(5)));
    if (chance(4))
        bf_buf_printf(b, ",%s\"step\":%s%lld", gap, gap, (long long)chance(1000) - 10);
    if (chance(8) == 0)
        bf_buf_printf(b, ",\"time\":\"2026-11-%02dT12:00:%02d.%03dZ\"", 1 + (int)chance(28),
                      (int)chance(60), (int)chance(1000));
    bf_buf_printf(b, ",%s\"value\":", gap);
    add_value(b);
    bf_buf_addc(b, '}');
}

static void add_event(struct bf_buf *b)
{
    size_t n = 1 + chance(12);

    bf_buf_clear(b);
    if (chance(3) == 0)
        bf_buf_printf(b, ",\"key\":\"k%llu\\n\"", (unsigned long long)chance(1000000));
    bf_buf_adds(b, ",\"metrics\":[");
    for (size_t i = 0; i < n; i++) {
        if (i)
            bf_buf_addc(b, ',');
        add_metric(b);
    }
    bf_buf_addc(b, ']');
    if (chance(3) == 0)
        bf_buf_printf(b, ",\"time\":\"2026-11-23T12:%02d:%02d.%06dZ\"", (int)chance(60),
                      (int)chance(60), (int)chance(1000000));
}

TEST(thousands_of_odd_events_come_back)
{
    struct bf_buf more;

    bf_buf_init(&more, 8000);
    for (int i = 0; i < 20000; i++) {
        add_event(&more);
        CHECK(!more.failed);
        if (round_trip_of(more.data) == 0)
            test_failed(__FILE__, __LINE__, "not packed: %s", more.data);
    }
    bf_buf_fini(&more);
}

/* Packed bytes that were changed, cut and made up: an error or a text, and nothing else. */
TEST(damaged_bytes_are_an_error_or_a_text)
{
    static const char frame[] = "{\"time\":\"\2\",\"key\":\"\1\",\"metrics\":[\3,\4]}";
    struct words w = {{frame, sizeof(frame) - 1}, {{"{\1 \2 \3}", 7}, {"{\2}", 3}, {"\1\2", 2}}, 3};
    struct bf_words words = {on_frame, on_form, &w};
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_buf out;
    int n_texts = 0;

    bf_buf_init(&out, 1 << 16);
    for (int i = 0; i < 300000; i++) {
        uint8_t bytes[48] = {BF_PACKED, 0, 4, 1, 2, 1, 'k'};
        size_t len = 7 + chance(sizeof(bytes) - 7);
        struct bf_point *points;
        size_t n;

        for (size_t j = chance(4) ? 7 : chance(7); j < len; j++)
            bytes[j] = (uint8_t)(chance(3) ? chance(8) : chance(256));
        bf_buf_clear(&out);
        n_texts += bf_points_text(bytes, len, RECEIVED, &words, &out) == BF_OK;
        bf_points_read(a, bytes, len, &words, &points, &n);
        bf_arena_reset(a);
    }
    CHECK(n_texts > 100);
    bf_buf_fini(&out);
    bf_arena_free(a);
}
