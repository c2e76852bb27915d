#include "tests/test.h"

#include "core/api/api_int.h"

static const struct bf_json *a_name, *a_config;
static const struct bf_api_member members[] = {{"name", BF_JSON_STRING, true, &a_name},
                                               {"config", BF_JSON_OBJECT, false, &a_config}};

static int check(const char *text, struct bf_error *err)
{
    struct bf_arena *a = bf_arena_new(65536);
    const struct bf_json *j = bf_json_parse(a, text, strlen(text), err);
    int rc;

    CHECK(j);
    rc = bf_api_members(j, members, 2, err);
    bf_arena_free(a);
    return rc;
}

TEST(a_body_with_its_members_is_taken)
{
    struct bf_error err;

    CHECK_INT(check("{\"name\":\"x\",\"config\":{}}", &err), 0);
    CHECK(a_name && a_config);
    CHECK_INT(check("{\"n\\u0061me\":\"x\"}", &err), 0);
    CHECK(a_name && !a_config);
}

TEST(a_member_that_is_wrong_is_named)
{
    static const struct {
        const char *text;
        const char *field;
        const char *words;
    } rows[] = {
        {"{\"name\":\"x\",\"nmae\":1}", "nmae", "known: name, config"},
        {"{\"name\":\"x\",\"Config\":{}}", "Config", "there is no member"},
        {"{\"config\":{}}", "name", "name is missing; give a string"},
        {"{\"name\":7}", "name", "must be a string, not a number"},
        {"{\"name\":null}", "name", "must be a string"},
        {"{\"name\":\"x\",\"config\":[]}", "config", "must be an object, not an array"},
        {"[]", "", "must be a JSON object, not an array"},
    };
    struct bf_error err;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_INT(check(rows[i].text, &err), BF_ECONFIG);
        CHECK_STR(err.field, rows[i].field);
        CHECK_HAS(err.words, rows[i].words);
    }
}

TEST(a_long_unknown_name_is_cut)
{
    struct bf_error err;
    char text[600];

    memset(text, 'k', sizeof(text));
    memcpy(text, "{\"", 2);
    strcpy(text + 500, "\":1}");
    CHECK_INT(check(text, &err), BF_ECONFIG);
    CHECK_INT(strlen(err.field), sizeof(err.field) - 1);
}

TEST(limits_of_a_page)
{
    unsigned n;

    CHECK_INT(bf_api_limit_parse(NULL, &n), 0);
    CHECK_INT(n, 100);
    CHECK_INT(bf_api_limit_parse("1", &n), 0);
    CHECK_INT(n, 1);
    CHECK_INT(bf_api_limit_parse("1000", &n), 0);
    CHECK_INT(n, 1000);
    CHECK(bf_api_limit_parse("0", &n));
    CHECK(bf_api_limit_parse("1001", &n));
    CHECK(bf_api_limit_parse("-1", &n));
    CHECK(bf_api_limit_parse("+1", &n));
    CHECK(bf_api_limit_parse("1x", &n));
    CHECK(bf_api_limit_parse("", &n));
    CHECK(bf_api_limit_parse("99999999999999999999", &n));
}

static const struct {
    const char *base, *change, *want;
} merges[] = {
    {NULL, "{\"a\": 1,\"b\":[ 2 ]}", "{\"a\":1,\"b\":[ 2 ]}"},
    {"{\"a\":1,\"b\":2}", "{\"b\":{\"c\":9007199254740993}}", "{\"a\":1,\"b\":{\"c\":9007199254740993}}"},
    {"{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"x\":3}}", "{\"a\":{\"x\":3}}"},    /* top level only */
    {"{\"a\":1,\"b\":2}", "{\"a\":null,\"c\":3,\"d\":null}", "{\"b\":2,\"c\":3}"},
    {"{\"a\":1}", "{\"id\":\"x\",\"b\":2,\"created\":1}", "{\"a\":1,\"b\":2}"},
    {"{\"a\":1}", "{\"\\u0061\":2}", "{\"a\":2}"},
    {"{\"a\":null}", "{}", "{}"},
};

TEST(a_merge_replaces_members_and_takes_away_nulls)
{
    static const char *const without[] = {"id", "created", NULL};
    struct bf_arena *a = bf_arena_new(65536);

    for (size_t i = 0; i < sizeof(merges) / sizeof(merges[0]); i++) {
        const char *base = merges[i].base, *change = merges[i].change;
        size_t len;
        const char *got = bf_api_merge(a, base ? bf_json_parse(a, base, strlen(base), NULL) : NULL,
                                       bf_json_parse(a, change, strlen(change), NULL), without,
                                       &len);

        CHECK_STR(got, merges[i].want);
        CHECK_INT(len, strlen(merges[i].want));
    }
    bf_arena_free(a);
}
