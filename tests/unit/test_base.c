/* base/: memory, text, maps, ids, times, errors, logs and documents. */
#include "core/base/base.h"

#include <math.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/id.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/tree.h"
#include "core/base/utf8.h"
#include "tests/test.h"

/* --- arena --- */

TEST(what_belongs_to_an_arenas_work_ends_with_it)
{
    struct bf_arena *a = bf_arena_new(4096);
    int mine;

    CHECK(bf_arena_data(a) == NULL);
    bf_arena_set_data(a, &mine);
    CHECK(bf_arena_data(a) == &mine);
    bf_arena_reset(a);
    CHECK(bf_arena_data(a) == NULL);
    bf_arena_free(a);
}

TEST(an_arena_gives_zeroed_aligned_memory_again_after_a_reset)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);

    for (int round = 0; round < 2; round++) {
        for (size_t len = 1; len < 5000; len += 97) {
            unsigned char *p = bf_arena_alloc(a, len);

            CHECK((uintptr_t)p % 16 == 0);
            for (size_t i = 0; i < len; i++)
                CHECK(p[i] == 0);
            memset(p, 0xff, len);
            CHECK_STR(bf_arena_dup(a, "x"), "x");       /* leaves the next one unaligned */
        }
        bf_arena_reset(a);
        CHECK_INT(bf_arena_used(a), 0);
    }
    bf_arena_free(a);
    bf_arena_free(NULL);
}

TEST(past_its_limit_an_arena_gives_empty_text_and_is_marked)
{
    struct bf_arena *a = bf_arena_new(1000);

    CHECK(bf_arena_alloc(a, 900));
    CHECK(bf_arena_ok(a));
    CHECK_STR(bf_arena_printf(a, "%0200d", 1), "");
    CHECK(!bf_arena_ok(a));
    CHECK(!bf_arena_alloc(a, 101));
    CHECK(!bf_arena_alloc(a, SIZE_MAX));
    CHECK_STR(bf_arena_ndup(a, "", SIZE_MAX), "");
    CHECK_STR(bf_arena_dup(a, "it still takes what fits"), "it still takes what fits");
    CHECK(bf_arena_used(a) <= 1000);
    CHECK_INT(bf_arena_room(a), 1000 - bf_arena_used(a));
    bf_arena_reset(a);
    CHECK(bf_arena_ok(a));
    CHECK(bf_arena_alloc(a, 1000));
    CHECK(!bf_arena_alloc(a, 1));
    bf_arena_free(a);
}

TEST(an_arena_prints_texts_of_any_length_whole)
{
    struct bf_arena *a = bf_arena_new(10 * 1024 * 1024);

    for (int width = 1; width < 100000; width = width * 3 + 1) {
        const char *text = bf_arena_printf(a, "%0*d", width, 7);

        CHECK_INT(strlen(text), width);
        CHECK(text[width - 1] == '7');
    }
    CHECK_STR(bf_arena_dup(a, NULL), "");
    CHECK(bf_arena_ok(a));
    bf_arena_free(a);
}

/* --- buf --- */

TEST(a_buf_takes_all_of_a_text_or_nothing)
{
    struct bf_buf b;

    bf_buf_init(&b, 10);
    CHECK_STR(bf_buf_text(&b), "");
    bf_buf_adds(&b, "12345");
    bf_buf_adds(&b, "67890");
    CHECK(!b.failed);
    bf_buf_addc(&b, 'x');
    CHECK(b.failed);
    bf_buf_adds(&b, "");
    CHECK_STR(bf_buf_text(&b), "1234567890");
    bf_buf_clear(&b);
    bf_buf_printf(&b, "%s", "too long for it");
    CHECK(b.failed);
    CHECK_STR(bf_buf_text(&b), "");
    bf_buf_fini(&b);
}

TEST(a_buf_grows_as_it_is_printed_to)
{
    struct bf_buf b;
    char *text;

    bf_buf_init(&b, 100000);
    for (int i = 0; i < 1000; i++)
        bf_buf_printf(&b, "%d,", i);
    CHECK(!b.failed);
    CHECK_INT(b.len, 10 * 2 + 90 * 3 + 900 * 4);
    text = bf_buf_take(&b);
    CHECK(strncmp(text, "0,1,2,", 6) == 0);
    CHECK_HAS(text, ",998,999,");
    free(text);
    text = bf_buf_take(&b);
    CHECK_STR(text, "");
    free(text);
}

TEST(a_buf_writes_doubles_as_short_as_they_read_back)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"}, {-0.0, "-0"}, {0.6, "0.6"}, {0.65, "0.65"}, {1, "1"}, {-2, "-2"}, {100, "100"},
        {0.1 + 0.2, "0.30000000000000004"}, {1.0 / 3, "0.3333333333333333"}, {123.456, "123.456"},
        {0.0001, "0.0001"}, {0.00012, "0.00012"}, {0.00001, "1e-05"}, {-2.5e-7, "-2.5e-07"},
        {1e15, "1000000000000000"}, {1e16, "1e+16"}, {1e100, "1e+100"},
        {9007199254740993.0, "9007199254740992"}, {1234567890123456789.0, "1.2345678901234568e+18"},
        {5e-324, "5e-324"}, {1.7976931348623157e308, "1.7976931348623157e+308"},
        {NAN, "NaN"}, {INFINITY, "Infinity"}, {-INFINITY, "-Infinity"},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_buf b;

        bf_buf_init(&b, 100);
        bf_buf_addd(&b, rows[i].value);
        CHECK_STR(bf_buf_text(&b), rows[i].text);
        bf_buf_fini(&b);
    }
}

/* Bits of all kinds, always the same ones. */
TEST(every_double_that_a_buf_writes_reads_back)
{
    uint64_t bits = 1;

    for (int i = 0; i < 100000; i++) {
        struct bf_buf b;
        double value;

        bits = bits * 6364136223846793005u + 1442695040888963407u;
        memcpy(&value, &bits, sizeof(value));
        if (isnan(value))
            continue;
        bf_buf_init(&b, 100);
        bf_buf_addd(&b, value);
        if (strtod(bf_buf_text(&b), NULL) != value)
            test_failed(__FILE__, __LINE__, "%a is written %s", value, bf_buf_text(&b));
        bf_buf_fini(&b);
    }
}

TEST(a_buf_writes_integers)
{
    static const int64_t values[] = {0, 7, -7, 1234567890123, INT64_MAX, INT64_MIN};

    for (size_t i = 0; i < BF_COUNT(values); i++) {
        struct bf_buf b;
        char want[32];

        snprintf(want, sizeof(want), "%lld", (long long)values[i]);
        bf_buf_init(&b, 100);
        bf_buf_addi(&b, values[i]);
        CHECK_STR(bf_buf_text(&b), want);
        bf_buf_fini(&b);
    }
}

TEST(a_buf_writes_json_strings)
{
    static const struct {
        const char *text;
        const char *json;
    } cases[] = {
        {NULL, "null"},
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"say \"hi\" \\ /", "\"say \\\"hi\\\" \\\\ /\""},
        {"\b\t\n\v\f\r\x01\x1f\x7f", "\"\\b\\t\\n\\u000b\\f\\r\\u0001\\u001f\x7f\""},
        {"caf\xc3\xa9 \xf0\x9f\x98\x80", "\"caf\xc3\xa9 \xf0\x9f\x98\x80\""},
        {"bad \xff\xc3", "\"bad \xef\xbf\xbd\xef\xbf\xbd\""},
    };

    for (size_t i = 0; i < BF_COUNT(cases); i++) {
        struct bf_buf b;

        bf_buf_init(&b, 1000);
        bf_buf_json(&b, cases[i].text);
        CHECK_STR(bf_buf_text(&b), cases[i].json);
        bf_buf_fini(&b);
    }
}

TEST(text_is_cut_between_characters)
{
    CHECK_INT(bf_utf8_cut("abc", 3, 5), 3);
    CHECK_INT(bf_utf8_cut("abc", 3, 2), 2);
    CHECK_INT(bf_utf8_cut("a\xe2\x82\xac", 4, 3), 1);
    CHECK_INT(bf_utf8_cut("\xf0\x9f\x98\x80", 4, 3), 0);
}

/* --- map --- */

TEST(a_map_of_100000_keys_finds_each_and_forgets_what_is_removed)
{
    enum { N = 100000 };
    static int values[N];
    struct bf_map *m = bf_map_new();
    char key[32];

    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof(key), "project/%d", i);
        CHECK(bf_map_set(m, key, &values[i]) == NULL);
    }
    CHECK_INT(bf_map_count(m), N);
    for (int i = 0; i < N; i += 2) {
        snprintf(key, sizeof(key), "project/%d", i);
        CHECK(bf_map_remove(m, key) == &values[i]);
        CHECK(bf_map_remove(m, key) == NULL);
    }
    CHECK_INT(bf_map_count(m), N / 2);
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof(key), "project/%d", i);
        CHECK(bf_map_get(m, key) == (i % 2 ? &values[i] : NULL));
    }
    bf_map_free(m);
}

TEST(a_map_replaces_and_a_null_removes)
{
    struct bf_map *m = bf_map_new();
    int a, b;

    CHECK(!bf_map_get(m, "k"));
    CHECK(!bf_map_remove(m, "k"));
    CHECK(!bf_map_set(m, "k", NULL));
    CHECK(!bf_map_set(m, "k", &a));
    CHECK(bf_map_set(m, "k", &b) == &a);
    CHECK(bf_map_get(m, "k") == &b);
    CHECK(bf_map_get_len(m, "key", 1) == &b);
    CHECK(!bf_map_get(m, "key"));
    CHECK(!bf_map_set(m, "", &a));
    CHECK(bf_map_get(m, "") == &a);
    CHECK(bf_map_set(m, "k", NULL) == &b);
    CHECK_INT(bf_map_count(m), 1);
    bf_map_free(m);
    bf_map_free(NULL);
}

/* Adding and removing by turns must not fill the table with marks. */
TEST(a_map_with_much_coming_and_going_stays_right)
{
    struct bf_map *m = bf_map_new();
    char key[32];
    int value;

    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof(key), "%d", i);
        bf_map_set(m, key, &value);
        snprintf(key, sizeof(key), "%d", i - 10);
        CHECK(bf_map_remove(m, key) == (i >= 10 ? &value : NULL));
    }
    CHECK_INT(bf_map_count(m), 10);
    CHECK(bf_map_get(m, "99999"));
    bf_map_free(m);
}

TEST(a_walk_gives_every_pair_once_even_as_they_are_removed)
{
    enum { N = 1000 };
    static int seen[N];
    struct bf_map *m = bf_map_new();
    const char *key;
    size_t at = 0;
    void *value;
    char name[32];

    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "%d", i);
        bf_map_set(m, name, &seen[i]);
    }
    while (bf_map_each(m, &at, &key, &value)) {
        ++*(int *)value;
        CHECK(&seen[atoi(key)] == value);
        if (atoi(key) % 2)
            bf_map_remove(m, key);
    }
    for (int i = 0; i < N; i++)
        CHECK_INT(seen[i], 1);
    CHECK_INT(bf_map_count(m), N / 2);
    bf_map_free(m);
}

TEST(the_hash_depends_on_every_byte_and_on_the_length)
{
    char text[40] = {0};
    uint64_t seen[41];

    for (size_t len = 0; len <= sizeof(text); len++) {
        seen[len] = bf_hash64(text, len);
        for (size_t i = 0; i < len; i++)
            CHECK(seen[i] != seen[len]);
        for (size_t i = 0; i < len; i++) {
            text[i] = 1;
            CHECK(bf_hash64(text, len) != seen[len]);
            text[i] = 0;
        }
    }
}

/* --- id --- */

TEST(an_id_leads_back_to_its_number)
{
    static const uint64_t numbers[] = {0, 1, 31, 32, 1234567890123, UINT64_MAX};

    for (size_t i = 0; i < BF_COUNT(numbers); i++) {
        char id[BF_ID_LEN + 1];
        uint64_t number;
        int64_t ms;

        bf_id_number(id, 1795435200000 + (int64_t)i, 40000, numbers[i]);
        CHECK_INT(strlen(id), BF_ID_LEN);
        CHECK(bf_id_parse(id, 40000, &ms, &number));
        CHECK(number == numbers[i]);
        CHECK_INT(ms, 1795435200000 + (int64_t)i);
        CHECK(!bf_id_parse(id, 40001, &ms, &number));
    }
}

TEST(ids_sort_by_time_then_by_number)
{
    char a[BF_ID_LEN + 1], b[BF_ID_LEN + 1], c[BF_ID_LEN + 1];

    bf_id_number(a, 1000, 5, 9);
    bf_id_number(b, 1000, 5, 10);
    bf_id_number(c, 1001, 5, 1);
    CHECK(strcmp(a, b) < 0);
    CHECK(strcmp(b, c) < 0);
    bf_id_random(b, 1000);
    bf_id_random(c, 1001);
    CHECK(strcmp(b, c) < 0);
    bf_id_random(c, 1000);
    CHECK(strcmp(b, c) != 0);
}

TEST(the_first_ten_characters_of_an_id_are_a_ulids_time)
{
    char id[BF_ID_LEN + 1];

    bf_id_number(id, 1469918176385, 0, 0);
    CHECK_STR(id, "01ARYZ6S410000000000000000");
}

TEST(what_is_no_id_is_refused)
{
    static const char *const bad[] = {
        "", "0", "01ARYZ6S41000000000000000", "01ARYZ6S4100000000000000000",
        "01aryz6s410000000000000000", "01ARYZ6S41000000000000000I", "81ARYZ6S410000000000000000",
        "01ARYZ6S41000000000000000-", "01ARYZ6S41000000000000000\xc3",
    };
    uint64_t number;
    int64_t ms;

    for (size_t i = 0; i < BF_COUNT(bad); i++)
        if (bf_id_parse(bad[i], 0, &ms, &number))
            test_failed(__FILE__, __LINE__, "accepted: %s", bad[i]);
    CHECK(!bf_id_parse(NULL, 0, &ms, &number));
}

/* --- clock --- */

TEST(times_are_printed_in_utc)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1795435200123, "2026-11-23T12:00:00.123Z"},
        {4107542399999, "2100-02-28T23:59:59.999Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {-62167219200000, "0000-01-01T00:00:00.000Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z"},
    };

    for (size_t i = 0; i < BF_COUNT(cases); i++) {
        int64_t back;
        char out[32];

        bf_time_print(cases[i].ms, out);
        CHECK_STR(out, cases[i].text);
        CHECK(bf_time_parse(out, &back));
        if (cases[i].ms != INT64_MAX && cases[i].ms != INT64_MIN)
            CHECK_INT(back, cases[i].ms);
    }
}

TEST(every_day_of_800_years_survives_print_and_parse)
{
    int64_t day = 24 * 3600 * (int64_t)1000;

    for (int64_t i = -400 * 366; i < 400 * 366; i++) {
        int64_t back;
        char out[32];

        bf_time_print(i * day, out);
        CHECK(bf_time_parse(out, &back));
        CHECK_INT(back, i * day);
    }
}

TEST(rfc_3339_is_read_in_full_and_nothing_else)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t ms;
    } cases[] = {
        {"2026-11-23T12:00:00Z", true, 1795435200000},
        {"2026-11-23t12:00:00z", true, 1795435200000},
        {"2026-11-23T12:00:00.1Z", true, 1795435200100},
        {"2026-11-23T12:00:00.123999999999Z", true, 1795435200123},
        {"2026-11-23T13:30:00+01:30", true, 1795435200000},
        {"2026-11-23T04:00:00-08:00", true, 1795435200000},
        {"2026-11-23T12:00:00-00:00", true, 1795435200000},
        {"2024-02-29T00:00:00Z", true, 1709164800000},
        {"1969-12-31T23:59:59.5Z", true, -500},
        {"2016-12-31T23:59:60Z", true, 1483228799999},
        {"2016-12-31T23:59:60.7Z", true, 1483228799999},
        {"2017-01-01T00:59:60+01:00", true, 1483228799999},
        {"2016-12-31T12:59:60Z", false, 0},
        {"2016-12-31T23:59:61Z", false, 0},
        {"2026-11-23T12:00:00", false, 0},
        {"2026-11-23 12:00:00Z", false, 0},
        {"2026-11-23", false, 0},
        {"2026-11-23T12:00Z", false, 0},
        {"2026-11-23T12:00:00.Z", false, 0},
        {"2026-11-23T12:00:00,5Z", false, 0},
        {"2026-11-23T24:00:00Z", false, 0},
        {"2026-11-23T12:60:00Z", false, 0},
        {"2026-02-29T00:00:00Z", false, 0},
        {"1900-02-29T00:00:00Z", false, 0},
        {"2026-13-01T00:00:00Z", false, 0},
        {"2026-00-01T00:00:00Z", false, 0},
        {"2026-01-00T00:00:00Z", false, 0},
        {"2026-04-31T00:00:00Z", false, 0},
        {"2026-11-23T12:00:00+0100", false, 0},
        {"2026-11-23T12:00:00+24:00", false, 0},
        {"2026-11-23T12:00:00+01:60", false, 0},
        {"2026-11-23T12:00:00Z ", false, 0},
        {" 2026-11-23T12:00:00Z", false, 0},
        {"+026-11-23T12:00:00Z", false, 0},
        {"", false, 0},
    };

    for (size_t i = 0; i < BF_COUNT(cases); i++) {
        int64_t ms = 7;

        if (bf_time_parse(cases[i].text, &ms) != cases[i].ok)
            test_failed(__FILE__, __LINE__, "%s", cases[i].text);
        CHECK_INT(ms, cases[i].ok ? cases[i].ms : 7);
    }
}

TEST(http_dates_are_read)
{
    static const char *const bad[] = {
        "", "120", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ", "Sux, 06 Nov 1994 08:49:37 GMT",
    };
    int64_t ms;

    CHECK(bf_http_date_parse("Sun, 06 Nov 1994 08:49:37 GMT", &ms));
    CHECK_INT(ms, 784111777000);
    CHECK(bf_http_date_parse("Thu, 01 Jan 1970 00:00:00 GMT", &ms));
    CHECK_INT(ms, 0);
    for (size_t i = 0; i < BF_COUNT(bad); i++)
        if (bf_http_date_parse(bad[i], &ms))
            test_failed(__FILE__, __LINE__, "accepted: %s", bad[i]);
}

TEST(durations_are_whole_numbers_with_a_unit)
{
    static const struct {
        const char *text;
        int64_t ms;             /* -1: refused */
    } cases[] = {
        {"250ms", 250}, {"90s", 90000}, {"5m", 300000}, {"2h", 7200000}, {"3d", 259200000},
        {"0s", 0}, {"", -1}, {"5", -1}, {"s", -1}, {"1.5h", -1}, {"-5s", -1}, {"5 s", -1},
        {"5S", -1}, {"5sec", -1}, {"1h30m", -1}, {"9223372036854775807d", -1},
        {"99999999999999999999ms", -1},
    };

    for (size_t i = 0; i < BF_COUNT(cases); i++) {
        int64_t ms = -1;

        if (bf_duration_parse(cases[i].text, &ms) != (cases[i].ms >= 0))
            test_failed(__FILE__, __LINE__, "%s", cases[i].text);
        if (cases[i].ms >= 0)
            CHECK_INT(ms, cases[i].ms);
    }
}

TEST(the_system_clock_runs)
{
    const struct bf_clock *c = bf_clock_system();
    int64_t before = bf_mono_ms(c);

    usleep(5000);
    CHECK(bf_mono_ms(c) - before >= 4);
    CHECK(bf_wall_ms(c) > 1700000000000);
}

/* --- error --- */

TEST(an_errors_words_may_be_made_from_its_old_ones)
{
    struct bf_error err;

    memset(&err, 0xff, sizeof(err));
    CHECK_INT(bf_error_set(&err, BF_EIO, "disk %d", 1), BF_EIO);
    CHECK_STR(err.field, "");
    CHECK_INT(bf_error_field(&err, BF_ECONFIG, "path", "store: %s", err.words), BF_ECONFIG);
    CHECK_STR(err.words, "store: disk 1");
    CHECK_INT(err.code, BF_ECONFIG);
    CHECK_INT(bf_error_set(NULL, BF_EIO, "nobody listens"), BF_EIO);
}

TEST(a_field_is_named_from_the_inside_out)
{
    struct bf_error err;
    char longer[200];

    bf_error_field(&err, BF_EINVAL, "type", "unknown");
    bf_error_within(&err, "[17]");
    CHECK_STR(err.field, "[17].type");
    bf_error_within(&err, "events");
    CHECK_STR(err.field, "events[17].type");
    bf_error_set(&err, BF_EINVAL, "too many");
    bf_error_within(&err, "tags");
    CHECK_STR(err.field, "tags");
    bf_error_within(&err, "");
    CHECK_STR(err.field, "tags");
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    bf_error_within(&err, longer);
    CHECK_INT(strlen(err.field), sizeof(err.field) - 1);
    bf_error_within(NULL, "x");
}

TEST(every_error_has_words)
{
    for (int code = 0; code >= BF_EEXIST; code--)
        CHECK(strcmp(bf_strerror(code), "unknown error") != 0);
    CHECK_STR(bf_strerror(-1000), "unknown error");
}

/* --- log --- */

static void keep_line(void *arg, int level, const char *line)
{
    (void)level;
    snprintf(arg, 8192, "%s", line);
}

TEST(a_log_line_is_one_line)
{
    static char line[8192];
    struct bf_log *log = bf_log_new(BF_LOG_INFO, keep_line, line);
    int64_t ms;

    bf_warnf(log, "sink/ops", "bad\r\n\tthing \x1b[31m \xc2\x9b \x7f caf\xc3\xa9 \xe2\x80\xae %d", 5);
    line[24] = '\0';
    CHECK(bf_time_parse(line, &ms));
    CHECK_STR(line + 25, "warn sink/ops: bad\\x0d\\x0a\\x09thing \\x1b[31m \\xc2\\x9b \\x7f "
                         "caf\xc3\xa9 \\xe2\\x80\\xae 5");
    bf_log_free(log);
}

TEST(lines_above_the_level_are_not_made)
{
    static char line[8192];
    struct bf_log *log = bf_log_new(BF_LOG_WARN, keep_line, line);

    bf_infof(log, "bus", "hello");
    bf_debugf(log, "bus", "hello");
    CHECK_STR(line, "");
    bf_log_set_level(log, BF_LOG_DEBUG);
    bf_debugf(log, "bus", "hello");
    CHECK_HAS(line, "Z debug bus: hello");
    bf_errorf(log, "bus", "hello");
    CHECK_HAS(line, "Z error bus: hello");
    bf_errorf(NULL, "bus", "silent");
    bf_log_free(log);
}

TEST(an_endless_log_line_is_cut)
{
    static char line[8192];
    struct bf_log *log = bf_log_new(BF_LOG_INFO, keep_line, line);
    char *words = malloc(100001);

    memset(words, '\n', 100000);
    words[100000] = '\0';
    bf_infof(log, "bus", "%s", words);
    CHECK(strlen(line) < 7000);
    CHECK_STR(line + strlen(line) - 3, "...");
    free(words);
    bf_log_free(log);
}

/* --- tree --- */

TEST(a_tree_prints_what_was_put_in)
{
    struct bf_tree *t = bf_tree_object(), *list, *one = bf_tree_object();
    struct bf_buf b;

    bf_tree_str(t, "name", "say \"hi\"\n");
    bf_tree_str(t, "none", NULL);
    bf_tree_str(t, "broken", "\xff");
    bf_tree_bool(t, "on", true);
    list = bf_tree_add_array(t, "list");
    bf_tree_int(list, NULL, 0);
    bf_tree_int(list, NULL, -1);
    bf_tree_int(list, NULL, INT32_MAX);
    bf_tree_int(list, NULL, 1795435200123);
    bf_tree_int(list, NULL, (int64_t)1 << 53);
    bf_tree_int(list, NULL, -((int64_t)1 << 53) + 1);
    bf_tree_raw(t, "raw", "{\"big\": 1e400}, never read", 14);
    bf_tree_add(bf_tree_add_object(t, "inner"), "one", one);
    bf_buf_init(&b, 10000);
    bf_tree_print(t, &b);
    CHECK_STR(bf_buf_text(&b),
              "{\"name\":\"say \\\"hi\\\"\\n\",\"none\":null,\"broken\":\"\xef\xbf\xbd\","
              "\"on\":true,\"list\":[0,-1,2147483647,1795435200123,9007199254740992,"
              "-9007199254740991],\"raw\":{\"big\": 1e400},\"inner\":{\"one\":{}}}");
    bf_buf_fini(&b);
    bf_tree_free(t);
    bf_tree_free(NULL);
}
