/* The gate for JSON from outside: what it lets in, what it refuses and where, and how to read it. */
#include "core/base/json.h"

#include <stdlib.h>

#include "core/base/buf.h"
#include "tests/test.h"

#define ROOM ((size_t)64 * 1024 * 1024)

static const struct bf_json *parse(struct bf_arena *a, const char *text, struct bf_error *err)
{
    return bf_json_parse(a, text, strlen(text), err);
}

static const struct bf_json *must_parse(struct bf_arena *a, const char *text)
{
    struct bf_error err = {0};
    const struct bf_json *j = parse(a, text, &err);

    if (!j)
        test_failed(__FILE__, __LINE__, "%s: %s", text, err.words);
    return j;
}

TEST(what_rfc_8259_allows_is_accepted)
{
    static const char *const good[] = {
        "null", "true", "false", " \t\r\n1 \n", "0", "-0", "-1", "10", "1.5", "0.0", "1e5", "1E+5",
        "1e-5", "-0.5e10", "1e400", "123456789012345678901234567890", "\"\"", "\"a\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0041\"", "\"\\u00e9\\uFFFF\"",
        "\"\\ud83d\\ude00\"", "\"\\uDBFF\\uDFFF\"", "\"\x7f\"", "\"\xc2\x80\"", "\"\xdf\xbf\"",
        "\"\xe0\xa0\x80\"", "\"\xed\x9f\xbf\"", "\"\xee\x80\x80\"", "\"\xef\xbf\xbf\"",
        "\"\xf0\x90\x80\x80\"", "\"\xf4\x8f\xbf\xbf\"", "[]", "[ ]", "[1]", "[1,2]", "[[],{}]",
        "{}", "{ }", "{\"\":1}", "{\"a\":1,\"b\":2}", " { \"a\" : [ 1 , { \"b\" : null } ] } ",
        "{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}", "{\"a\":1,\"A\":2}",
        "\"0123456\xc3\xa9\"", "\"01234567\\n89abcdef\"",
    };
    struct bf_arena *a = bf_arena_new(ROOM);

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        must_parse(a, good[i]);
    bf_arena_free(a);
}

TEST(what_is_wrong_is_refused_with_its_place_and_its_name)
{
    static const struct {
        const char *text;
        const char *words;
    } bad[] = {
        {"", "byte 0: the end of the text where a value is expected"},
        {"  ", "byte 2: the end of the text where a value is expected"},
        {"\xef\xbb\xbf{}", "byte 0: a byte order mark; send UTF-8 without one"},
        {"nul", "byte 0: a value expected"},
        {"True", "byte 0: a value expected"},
        {"NaN", "byte 0: NaN and Infinity are no JSON; a metric may have them in quotes"},
        {"[1,-Infinity]", "byte 3: NaN and Infinity are no JSON; a metric may have them in quotes"},
        {"Infinity", "byte 0: NaN and Infinity are no JSON; a metric may have them in quotes"},
        {"Na", "byte 0: a value expected"},
        {"'a'", "byte 0: a value expected"},
        {"/**/1", "byte 0: a value expected"},
        {"\v1", "byte 0: a value expected"},
        {"\xc2\xa0"
         "1",
         "byte 0: a value expected"},
        {"+1", "byte 0: a value expected"},
        {".5", "byte 0: a value expected"},
        {"1 2", "byte 2: the end expected after the value"},
        {"{}x", "byte 2: the end expected after the value"},
        {"nullx", "byte 4: the end expected after the value"},
        {"01", "byte 0: a number with a leading zero"},
        {"-01", "byte 1: a number with a leading zero"},
        {"-", "byte 1: a digit expected"},
        {"1.", "byte 2: a digit expected"},
        {"1.e5", "byte 2: a digit expected"},
        {"1e", "byte 2: a digit expected"},
        {"1e+", "byte 3: a digit expected"},
        {"-a", "byte 1: a digit expected"},
        {"0x10", "byte 1: the end expected after the value"},
        {"\"a", "byte 2: the end of the text within a string"},
        {"\"a\n\"", "byte 2: a control character in a string; write it as an escape"},
        {"\"0123456789abcde\x1f\"",
         "byte 16: a control character in a string; write it as an escape"},
        {"\"\\x\"", "byte 1: an unknown escape in a string"},
        {"\"\\", "byte 1: an unknown escape in a string"},
        {"\"\\u12\"", "byte 1: \\u without four hexadecimal digits"},
        {"\"\\u12g4\"", "byte 1: \\u without four hexadecimal digits"},
        {"\"\\u0000\"", "byte 1: U+0000 in a string"},
        {"\"0123456789abcd \\ud800\"", "byte 16: a lone surrogate in a string"},
        {"\"\\ud800\\n\"", "byte 1: a lone surrogate in a string"},
        {"\"\\ud800\\u0041\"", "byte 1: a lone surrogate in a string"},
        {"\"\\ud800\\ud800\"", "byte 1: a lone surrogate in a string"},
        {"\"\\udc00\"", "byte 1: a lone surrogate in a string"},
        {"\"\\ud83d\\ude0", "byte 1: a lone surrogate in a string"},
        {"\"\x80\"", "byte 1: a byte that is not UTF-8"},
        {"\"\xff\"", "byte 1: a byte that is not UTF-8"},
        {"\"\xc0\x80\"", "byte 1: a byte that is not UTF-8"},
        {"\"\xc1\xbf\"", "byte 1: a byte that is not UTF-8"},
        {"\"\xc3\"", "byte 1: a byte that is not UTF-8"},
        {"\"\xe0\x9f\xbf\"", "byte 1: a byte that is not UTF-8"},
        {"\"\xed\xa0\x80\"", "byte 1: a byte that is not UTF-8"},
        {"\"\xe2\x82\"", "byte 1: a byte that is not UTF-8"},
        {"\"\xf0\x8f\xbf\xbf\"", "byte 1: a byte that is not UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "byte 1: a byte that is not UTF-8"},
        {"\"\xf5\x80\x80\x80\"", "byte 1: a byte that is not UTF-8"},
        {"\"\xf0\x9f\x98", "byte 1: a byte that is not UTF-8"},
        {"[1,]", "byte 3: a value expected"},
        {"[,1]", "byte 1: a value expected"},
        {"[1 2]", "byte 3: ',' or ']' expected"},
        {"[1}", "byte 2: ',' or ']' expected"},
        {"[1", "byte 2: ',' or ']' expected"},
        {"{\"a\":1,}", "byte 7: a key in quotes expected"},
        {"{a:1}", "byte 1: a key in quotes expected"},
        {"{1:1}", "byte 1: a key in quotes expected"},
        {"{\"a\"}", "byte 4: ':' expected"},
        {"{\"a\":}", "byte 5: a value expected"},
        {"{\"a\":1 \"b\":2}", "byte 7: ',' or '}' expected"},
        {"{\"a\":1]", "byte 6: ',' or '}' expected"},
        {"{\"a\":1,\"a\":2}", "byte 7: the key \"a\" is repeated"},
        {"{\"\":1,\"\":2}", "byte 6: the key \"\" is repeated"},
        {"{\"a\":1,\"\\u0061\":2}", "byte 7: the key \"\\u0061\" is repeated"},
        {"{\"\\u0061\":1,\"b\":0,\"a\":2}", "byte 18: the key \"a\" is repeated"},
        {"[{\"\xc3\xa9\":1,\"\\u00E9\":2}]", "byte 9: the key \"\\u00E9\" is repeated"},
        {"{\"x\":{\"k\":1,\"k\":2}}", "byte 12: the key \"k\" is repeated"},
    };
    struct bf_arena *a = bf_arena_new(ROOM);

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct bf_error err = {0};

        if (parse(a, bad[i].text, &err))
            test_failed(__FILE__, __LINE__, "accepted: %s", bad[i].text);
        CHECK_STR(err.words, bad[i].words);
        CHECK_INT(err.code, BF_EINVAL);
    }
    bf_arena_free(a);
}

TEST(a_nul_byte_is_refused_inside_a_string_and_outside)
{
    struct bf_arena *a = bf_arena_new(ROOM);
    struct bf_error err = {0};

    CHECK(!bf_json_parse(a, "\"a\0b\"", 5, &err));
    CHECK_STR(err.words, "byte 2: U+0000 in a string");
    CHECK(!bf_json_parse(a, "1\0", 2, &err));
    CHECK_STR(err.words, "byte 1: the end expected after the value");
    CHECK(!bf_json_parse(a, "\0", 1, &err));
    bf_arena_free(a);
}

static const char document[] =
    "{\"type\":\"run.metric\",\"entity\":\"t\\u00e9am\",\"n\":[1,-2.5e3,true,false,null,\"\"],"
    "\"run\":{\"id\":\"r1\",\"tags\":[],\"config\":{\"lr\":0.001,\"a/b\":1,\"m~n\":2,\"\":3}},"
    "\"emoji\":\"\\ud83d\\ude00 \xf0\x9f\x98\x80\"}";

/* Each prefix stands at the end of memory of its own, so a sanitizer sees a byte read too many. */
TEST(every_prefix_of_a_document_is_refused)
{
    struct bf_arena *a = bf_arena_new(ROOM);

    must_parse(a, document);
    for (size_t len = 0; len < sizeof(document) - 1; len++) {
        struct bf_error err = {0};
        char *prefix = malloc(len ? len : 1);

        memcpy(prefix, document, len);
        if (bf_json_parse(a, prefix, len, &err))
            test_failed(__FILE__, __LINE__, "accepted: %.*s", (int)len, document);
        CHECK_HAS(err.words, "byte ");
        free(prefix);
    }
    bf_arena_free(a);
}

static char *nested(int depth)
{
    char *text = calloc(1, (size_t)depth * 2 + 1);

    memset(text, '[', (size_t)depth);
    memset(text + depth, ']', (size_t)depth);
    return text;
}

TEST(nesting_ends_at_64)
{
    struct bf_arena *a = bf_arena_new(ROOM);
    struct bf_error err = {0};
    char *deep = nested(64), *too_deep = nested(65), *absurd = nested(1000000);

    must_parse(a, deep);
    CHECK(!parse(a, too_deep, &err));
    CHECK_STR(err.words, "byte 64: objects and arrays nested more than 64 deep");
    CHECK(!parse(a, absurd, &err));
    free(deep);
    free(too_deep);
    free(absurd);
    bf_arena_free(a);
}

/* {"key0":0,...}, and `last` once more as a key. */
static char *many_keys(int n, const char *last)
{
    struct bf_buf b;

    bf_buf_init(&b, ROOM);
    bf_buf_addc(&b, '{');
    for (int i = 0; i < n; i++)
        bf_buf_printf(&b, "\"key%d\":%d,", i, i);
    bf_buf_printf(&b, "\"%s\":0}", last);
    return bf_buf_take(&b);
}

TEST(repeated_keys_are_found_among_many)
{
    static const int sizes[] = {1, 7, 15, 16, 17, 100, 10000};
    struct bf_arena *a = bf_arena_new(ROOM);

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct bf_error err = {0};
        char *fine = many_keys(sizes[i], "other"), *first = many_keys(sizes[i], "key0");
        char *escaped = many_keys(sizes[i], "k\\u0065y0");

        CHECK_INT(bf_json_count(must_parse(a, fine)), sizes[i] + 1);
        CHECK(!parse(a, first, &err));
        CHECK_HAS(err.words, "the key \"key0\" is repeated");
        CHECK(!parse(a, escaped, &err));
        CHECK_HAS(err.words, "the key \"k\\u0065y0\" is repeated");
        free(fine);
        free(first);
        free(escaped);
    }
    bf_arena_free(a);
}

TEST(a_large_array_is_indexed_within_the_arenas_limit)
{
    size_t n = 300000;
    char *text = malloc(2 * n + 1);
    struct bf_arena *large = bf_arena_new(ROOM), *small = bf_arena_new(100 * 1024);
    struct bf_error err = {0};
    const struct bf_json *j;

    for (size_t i = 0; i < n; i++)
        memcpy(text + 2 * i, ",1", 2);
    text[0] = '[';
    text[2 * n] = ']';
    j = bf_json_parse(large, text, 2 * n + 1, &err);
    CHECK_INT(bf_json_count(j), n);
    CHECK(bf_arena_used(large) <= (n + 1) * sizeof(*j) + 16);
    CHECK(!bf_json_parse(small, text, 2 * n + 1, &err));
    CHECK_INT(err.code, BF_ETOOBIG);
    free(text);
    bf_arena_free(large);
    bf_arena_free(small);
}

TEST(values_of_a_stream_are_read_one_by_one)
{
    static const char stream[] = "{\"a\":1}\n [2] 3";
    static const size_t ends[] = {7, 12, 14};
    struct bf_arena *a = bf_arena_new(ROOM);
    size_t at = 0, used;

    for (size_t i = 0; i < 3; i++) {
        CHECK(bf_json_parse_some(a, stream + at, sizeof(stream) - 1 - at, &used, NULL));
        at += used;
        CHECK_INT(at, ends[i]);
    }
    CHECK(!bf_json_parse_some(a, stream + at, sizeof(stream) - 1 - at, &used, NULL));
    bf_arena_free(a);
}

TEST(members_are_found_by_their_decoded_names)
{
    struct bf_arena *a = bf_arena_new(ROOM);
    const struct bf_json *j = must_parse(a, "{\"skip\":{\"x\":[1,2]},\"\\u0061b\":1,\"c\":2}");

    CHECK(bf_json_is(bf_json_get(j, "ab"), BF_JSON_NUMBER));
    CHECK(bf_json_get(j, "c"));
    CHECK(!bf_json_get(j, "a"));
    CHECK(!bf_json_get(j, "abc"));
    CHECK(!bf_json_get(j, "x"));
    CHECK(!bf_json_get(NULL, "x"));
    CHECK(!bf_json_get(bf_json_get(j, "c"), "x"));
    bf_arena_free(a);
}

TEST(pointers_follow_rfc_6901)
{
    static const struct {
        const char *pointer;
        const char *raw;        /* NULL: nothing there */
    } cases[] = {
        {"/type", "\"run.metric\""}, {"/run/id", "\"r1\""},  {"/n/0", "1"},
        {"/n/1", "-2.5e3"},          {"/n/5", "\"\""},       {"/n/6", NULL},
        {"/n/-", NULL},              {"/n/00", NULL},        {"/n/", NULL},
        {"/n/1x", NULL},             {"/run/config/lr", "0.001"},
        {"/run/config/a~1b", "1"},   {"/run/config/m~0n", "2"},
        {"/run/config/m~n", NULL},   {"/run/config/m~", NULL},
        {"/run/config/", "3"},       {"/run/tags", "[]"},    {"/run/tags/0", NULL},
        {"/type/0", NULL},           {"type", NULL},         {"/absent/x", NULL},
    };
    struct bf_arena *a = bf_arena_new(ROOM);
    const struct bf_json *root = must_parse(a, document);

    CHECK(bf_json_at(root, "") == root);
    CHECK(!bf_json_at(NULL, "/a"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct bf_json *j = bf_json_at(root, cases[i].pointer);
        size_t len;
        const char *raw = bf_json_raw(j, &len);

        if (!cases[i].raw != !j)
            test_failed(__FILE__, __LINE__, "%s", cases[i].pointer);
        if (j)
            CHECK_STR(bf_arena_ndup(a, raw, len), cases[i].raw);
    }
    bf_arena_free(a);
}

TEST(strings_come_out_decoded_and_raw)
{
    struct bf_arena *a = bf_arena_new(ROOM);
    const struct bf_json *root = must_parse(a, document);
    const struct bf_json *j = must_parse(a, "\"\\\"\\\\\\/\\b\\f\\n\\r\\tA\\u00e9\\u20ac\"");
    size_t len;

    CHECK_STR(bf_json_str(a, j), "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac");
    CHECK_STR(bf_json_str(a, bf_json_get(root, "entity")), "t\xc3\xa9" "am");
    CHECK_STR(bf_json_str(a, bf_json_get(root, "emoji")), "\xf0\x9f\x98\x80 \xf0\x9f\x98\x80");
    CHECK(!bf_json_str(a, bf_json_get(root, "n")));
    CHECK(!bf_json_str(a, NULL));
    CHECK(bf_json_eq(bf_json_get(root, "entity"), "t\xc3\xa9" "am"));
    CHECK(!bf_json_eq(bf_json_get(root, "entity"), "t\xc3\xa9" "a"));
    CHECK(!bf_json_eq(bf_json_get(root, "entity"), "t\xc3\xa9" "amx"));
    CHECK(bf_json_eq(bf_json_get(root, "type"), "run.metric"));
    CHECK(!bf_json_eq(bf_json_get(root, "n"), "x"));
    bf_json_raw(root, &len);
    CHECK_INT(len, sizeof(document) - 1);
    CHECK(!bf_json_raw(NULL, &len));
    bf_arena_free(a);
}

TEST(integers_are_exact_or_refused)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0}, {"-0", true, 0}, {"42", true, 42}, {"-42", true, -42},
        {"9007199254740993", true, 9007199254740993},
        {"9223372036854775807", true, INT64_MAX}, {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0}, {"-9223372036854775809", false, 0},
        {"99999999999999999999999", false, 0}, {"1.0", false, 0}, {"1e3", false, 0},
        {"\"1\"", false, 0}, {"null", false, 0},
    };
    struct bf_arena *a = bf_arena_new(ROOM);

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int64_t value = 7;

        if (bf_json_int(must_parse(a, cases[i].text), &value) != cases[i].ok)
            test_failed(__FILE__, __LINE__, "%s", cases[i].text);
        CHECK_INT(value, cases[i].ok ? cases[i].value : 7);
    }
    bf_arena_free(a);
}

TEST(doubles_are_the_nearest)
{
    static const char *const texts[] = {
        "0", "-0", "-0.0", "1", "0.1", "0.3", "-2.5e3", "0.30000000000000004", "3.14159265358979",
        "123456789.123456789", "9007199254740993", "1e22", "1e23", "5e-324", "1e-400",
        "1.7976931348623157e308", "0.000000000000000001", "9999999999999999999",
        "2.2250738585072011e-308", "8.41e-20", "123456789012345678901234567890.5",
    };
    struct bf_arena *a = bf_arena_new(ROOM);
    char *endless = malloc(2000);
    double value;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        double want = strtod(texts[i], NULL);

        CHECK(bf_json_double(must_parse(a, texts[i]), &value));
        if (memcmp(&value, &want, sizeof(value)) != 0)
            test_failed(__FILE__, __LINE__, "%s reads as %.17g", texts[i], value);
    }
    CHECK(!bf_json_double(must_parse(a, "1e400"), &value));
    CHECK(!bf_json_double(must_parse(a, "-1e400"), &value));
    CHECK(!bf_json_double(must_parse(a, "\"1\""), &value));
    CHECK(!bf_json_double(NULL, &value));
    memset(endless, '1', 1999);
    endless[1] = '.';
    endless[1999] = '\0';
    CHECK(bf_json_double(must_parse(a, endless), &value));
    CHECK(value == 10.0 / 9);
    free(endless);
    bf_arena_free(a);
}

TEST(containers_are_walked_in_order)
{
    struct bf_arena *a = bf_arena_new(ROOM);
    const struct bf_json *root = must_parse(a, document);
    char seen[200] = "";

    for (const struct bf_json *k = bf_json_first(root); k; k = bf_json_next(root, k)) {
        strcat(seen, bf_json_str(a, k));
        strcat(seen, ": ");
        strcat(seen, bf_json_type_name(k + 1));
        strcat(seen, "\n");
    }
    CHECK_STR(seen, "type: a string\nentity: a string\nn: an array\nrun: an object\n"
                    "emoji: a string\n");
    CHECK_INT(bf_json_count(root), 5);
    CHECK_INT(bf_json_count(bf_json_get(root, "n")), 6);
    CHECK_INT(bf_json_count(bf_json_at(root, "/run/tags")), 0);
    CHECK(!bf_json_first(NULL));
    CHECK_STR(bf_json_type_name(NULL), "nothing");
    CHECK_STR(bf_json_type_name(bf_json_at(root, "/n/2")), "a boolean");
    CHECK_STR(bf_json_type_name(bf_json_at(root, "/n/4")), "null");
    bf_arena_free(a);
}
