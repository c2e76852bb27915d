/* test_hooks.c - what the JSON of an automation's hooks may say. */
#include "core/rules/hooks.h"
#include "tests/test.h"

#include <stdlib.h>

#include "core/base/base.h"

static struct bf_error err;

static int parse(struct bf_arena *a, const char *json, struct bf_hooks *out)
{
    memset(&err, 0, sizeof(err));
    return bf_hooks_parse(a, json ? bf_json_parse(a, json, strlen(json), NULL) : NULL, out, &err);
}

TEST(all_of_a_hook_is_read)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_hooks h;

    CHECK_INT(parse(a, "{\"filter\":{\"code\":\"return\\n{}\",\"on_error\":\"skip\"},"
                       "\"transform\":{\"file\":\"slack_metric-table2.lua\",\"on_error\":\"fire\"}}", &h), BF_OK);
    CHECK_STR(h.filter->code, "return\n{}");
    CHECK_INT(h.filter->code_len, 9);
    CHECK(!h.filter->file);
    CHECK_INT(h.filter->on_error, BF_FAILURE_SKIPS);
    CHECK_STR(h.filter->hash, "9932c4c7179c9a1e0553aa1cdcff0f33ed461638614b32ec7660e8f9e139639d");
    CHECK_STR(h.transform->file, "slack_metric-table2.lua");
    CHECK(!h.transform->code);
    CHECK_STR(h.transform->hash, "");
    CHECK_INT(h.transform->on_error, BF_FAILURE_FIRES);
    bf_arena_free(a);
}

TEST(what_is_absent_or_null_is_no_hook)
{
    static const char *const none[] = {NULL, "{}", "{\"filter\":null,\"transform\":null}"};
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_hooks h;

    for (size_t i = 0; i < BF_COUNT(none); i++) {
        h = (struct bf_hooks){(void *)&h, (void *)&h};
        CHECK_INT(parse(a, none[i], &h), BF_OK);
        CHECK(!h.filter && !h.transform);
    }
    CHECK_INT(parse(a, "{\"filter\":{\"file\":\"a.lua\",\"code\":null,\"on_error\":null}}", &h), BF_OK);
    CHECK_STR(h.filter->file, "a.lua");
    CHECK_INT(h.filter->on_error, BF_FAILURE_FAILS);
    bf_arena_free(a);
}

TEST(what_is_wrong_is_refused_by_its_field)
{
    static const struct {
        const char *json, *field, *words;
    } rows[] = {
        {"[]", "", "must be an object such as {\"filter\":{\"file\":\"large_models.lua\"}}, not an array"},
        {"{\"fliter\":{}}", "fliter", "unknown member \"fliter\"; known are filter, transform"},
        {"{\"on_event\":{\"file\":\"a.lua\"}}", "on_event", "known are filter, transform"},
        {"{\"filter\":\"a.lua\"}", "filter", "must be an object such as {\"file\""},
        {"{\"filter\":{}}", "filter", "there is neither"},
        {"{\"filter\":{\"code\":\"x\",\"file\":\"a.lua\"}}", "filter", "there are both"},
        {"{\"filter\":{\"code\":\"x\",\"on_eror\":\"skip\"}}", "filter.on_eror",
         "known are code, file, on_error"},
        {"{\"filter\":{\"code\":\"x\",\"on_error\":\"pass\"}}", "filter.on_error",
         "must be \"fail\", \"fire\" or \"skip\""},
        {"{\"filter\":{\"code\":\"x\",\"on_error\":1}}", "filter.on_error", "must be"},
        {"{\"filter\":{\"code\":7}}", "filter.code", "must be a string that holds a script, not a number"},
        {"{\"filter\":{\"code\":\"\"}}", "filter.code", "is empty"},
        {"{\"filter\":{\"code\":\" \\n\"}}", "filter.code", "is empty"},
        {"{\"filter\":{\"code\":\"\\u001bLua\"}}", "filter.code", "is compiled Lua"},
        {"{\"transform\":{\"file\":[]}}", "transform.file", "not an array"},
        {"{\"transform\":{\"file\":\"\"}}", "transform.file", "must end with \".lua\""},
        {"{\"transform\":{\"file\":\".lua\"}}", "transform.file", "must end with \".lua\""},
        {"{\"transform\":{\"file\":\"a.LUA\"}}", "transform.file", "must end with \".lua\""},
        {"{\"transform\":{\"file\":\"a.lua.txt\"}}", "transform.file", "must end with"},
        {"{\"transform\":{\"file\":\"../a.lua\"}}", "transform.file", "without a path"},
        {"{\"transform\":{\"file\":\"a b.lua\"}}", "transform.file", "letters, digits, _ and -"},
        {"{\"transform\":{\"file\":\"a.b.lua\"}}", "transform.file", "letters, digits, _ and -"},
        {"{\"transform\":{\"file\":\"\xc3\xa9.lua\"}}", "transform.file", "letters, digits, _ and -"},
    };
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_hooks h;

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        if (parse(a, rows[i].json, &h) != BF_ECONFIG || strcmp(err.field, rows[i].field) != 0 ||
            !strstr(err.words, rows[i].words))
            test_failed(__FILE__, __LINE__, "%s: %s: %s", rows[i].json, err.field, err.words);
    }
    bf_arena_free(a);
}

TEST(a_script_and_a_name_have_their_limits)
{
    struct bf_arena *a = bf_arena_new(1 << 22);
    char *code = bf_zalloc(BF_HOOK_CODE_MAX + 2), name[BF_HOOK_FILE_MAX + 2];
    struct bf_hooks h;

    memset(code, 'x', BF_HOOK_CODE_MAX);
    CHECK_INT(parse(a, bf_arena_printf(a, "{\"filter\":{\"code\":\"%s\"}}", code), &h), BF_OK);
    code[BF_HOOK_CODE_MAX] = 'x';
    CHECK_INT(parse(a, bf_arena_printf(a, "{\"filter\":{\"code\":\"%s\"}}", code), &h), BF_ECONFIG);
    CHECK_STR(err.field, "filter.code");
    CHECK_STR(err.words, "is 65537 bytes long, at most 65536 are allowed");
    memset(name, 'x', sizeof(name));
    memcpy(name + BF_HOOK_FILE_MAX - 4, ".lua", 5);
    CHECK_INT(parse(a, bf_arena_printf(a, "{\"filter\":{\"file\":\"%s\"}}", name), &h), BF_OK);
    memcpy(name + BF_HOOK_FILE_MAX - 4, "x.lua", 6);
    CHECK_INT(parse(a, bf_arena_printf(a, "{\"filter\":{\"file\":\"%s\"}}", name), &h), BF_ECONFIG);
    CHECK_STR(err.words, "is longer than 128 bytes");
    free(code);
    bf_arena_free(a);
}

TEST(hooks_are_the_same_if_they_ask_the_same_and_fail_alike)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"{}", "{}", true},
        {"{\"filter\":{\"file\":\"a.lua\"}}", "{}", false},
        {"{\"filter\":{\"file\":\"a.lua\"}}", "{\"filter\":{\"file\":\"a.lua\",\"on_error\":\"fail\"}}", true},
        {"{\"filter\":{\"file\":\"a.lua\"}}", "{\"filter\":{\"file\":\"b.lua\"}}", false},
        {"{\"filter\":{\"file\":\"a.lua\"}}", "{\"filter\":{\"file\":\"a.lua\",\"on_error\":\"skip\"}}", false},
        {"{\"filter\":{\"code\":\"a\"}}", "{\"filter\":{\"code\":\"\\u0061\"}}", true},
        {"{\"filter\":{\"code\":\"a\"}}", "{\"filter\":{\"code\":\"b\"}}", false},
        {"{\"filter\":{\"code\":\"a.lua\"}}", "{\"filter\":{\"file\":\"a.lua\"}}", false},
    };
    struct bf_arena *a = bf_arena_new(1 << 20);

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_hooks left, right;

        CHECK_INT(parse(a, rows[i].a, &left), BF_OK);
        CHECK_INT(parse(a, rows[i].b, &right), BF_OK);
        if (bf_hook_same(left.filter, right.filter) != rows[i].same ||
            bf_hook_same(right.filter, left.filter) != rows[i].same)
            test_failed(__FILE__, __LINE__, "%s and %s", rows[i].a, rows[i].b);
    }
    bf_arena_free(a);
}
