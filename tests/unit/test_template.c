/* test_template.c - templates: what they become, and what is refused when they are saved. */
#include "core/event/template.h"
#include "tests/test.h"

#include <stdlib.h>

#include "core/base/base.h"
#include "core/base/json.h"

static struct bf_error err;

static bool known(void *arg, const char *name)
{
    (void)arg;
    return *name && strncmp(name, "no", 2) != 0;
}

static bool bare(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "TOKEN") == 0 || strcmp(name, "TOKEN_2") == 0;
}

static const struct bf_template_names names = {known, bare, "name, TOKEN", NULL};

/* A value is its name in brackets; "nasty" is one that would like to be more than a value. */
static const char *value(void *arg, const char *name, bool typed)
{
    static char text[300];

    (void)arg;
    if (strcmp(name, "nasty") == 0)
        return "\"},{\n<&>${name}\\";
    if (strcmp(name, "gone") == 0)
        return NULL;
    if (typed)
        return "{\"n\":9007199254740993}";
    snprintf(text, sizeof(text), "<%s>", name);
    return text;
}

struct result {
    int rc;
    char text[1000];
};

static struct result render(const char *text, bool json, enum bf_template_escape escape)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_template *t = NULL;
    struct result r = {.rc = 0};
    struct bf_buf b;

    memset(&err, 0, sizeof(err));
    bf_buf_init(&b, BF_RENDERED_MAX);
    r.rc = json ? bf_template_compile_json(a, text, strlen(text), &names, &t, &err)
                : bf_template_compile_text(a, text, &names, &t, &err);
    if (r.rc == BF_OK)
        r.rc = bf_template_render(t, escape, value, NULL, &b, &err);
    snprintf(r.text, sizeof(r.text), "%s", bf_buf_text(&b));
    bf_buf_fini(&b);
    bf_arena_free(a);
    return r;
}

struct row {
    const char *text, *want;
};

static void check_rows(const struct row *rows, size_t n, bool json, enum bf_template_escape escape)
{
    for (size_t i = 0; i < n; i++) {
        struct result r = render(rows[i].text, json, escape);

        if (r.rc || strcmp(r.text, rows[i].want) != 0)
            test_failed(__FILE__, __LINE__, "%s\n  gives %d %s %s\n  not %s", rows[i].text, r.rc,
                        r.text, err.words, rows[i].want);
    }
}

static const struct row texts[] = {
    {"", ""},
    {"plain", "plain"},
    {"${name}", "<name>"},
    {"a${name}b${x}${y}", "a<name>b<x><y>"},
    {"$${name}", "${name}"},
    {"$$${name}", "$${name}"},          /* a $, and then a literal ${ */
    {"$ $$ $1 $", "$ $$ $1 $"},
    {"$TOKEN!", "<TOKEN>!"},
    {"$TOKEN_2$TOKEN", "<TOKEN_2><TOKEN>"},
    {"$TOKEN_3 $OTHER", "$TOKEN_3 $OTHER"},
    {"${artifact_metadata.a b}", "<artifact_metadata.a b>"},
    {"${nasty}", "\"},{\n<&>${name}\\"},
};

TEST(text_is_filled_in) { check_rows(texts, BF_COUNT(texts), false, BF_TEMPLATE_PLAIN); }

static const struct row xml[] = {{"<&>${nasty}", "<&>\"},{\n&lt;&amp;&gt;${name}\\"}};
static const struct row url[] = {{"/a?${nasty}",
                                  "/a?%22%7D%2C%7B%0A%3C%26%3E%24%7Bname%7D%5C"}};

TEST(values_are_escaped_and_the_template_is_not)
{
    check_rows(xml, 1, false, BF_TEMPLATE_XML);
    check_rows(url, 1, false, BF_TEMPLATE_URL);
}

static const struct row documents[] = {
    {"{}", "{}"},
    {" { \"a\" : \"${name}\" , \"n\":9007199254740993 }\n",
     " { \"a\" : \"<name>\" , \"n\":9007199254740993 }\n"},
    {"[\"x${a}\",{\"b\":[\"${b}\"]},1e3,null]", "[\"x<a>\",{\"b\":[\"<b>\"]},1e3,null]"},
    {"\"${name}\"", "\"<name>\""},
    {"{\"${name}\":\"$${name}\"}", "{\"${name}\":\"${name}\"}"},        /* keys are literal */
    {"{\"a\":\"\\u00e9 \\/ ${name}\\n\"}", "{\"a\":\"\\u00e9 \\/ <name>\\n\"}"},
    {"{\"a\":\"${nasty}\"}", "{\"a\":\"\\\"},{\\n<&>${name}\\\\\"}"},
    {"{\"a\":\"${json:name}\"}", "{\"a\":{\"n\":9007199254740993}}"},
    {"{\"a\": \"${json:x}\" }", "{\"a\": {\"n\":9007199254740993} }"},
    {"[\"${json:x}\",\"$TOKEN\"]", "[{\"n\":9007199254740993},\"<TOKEN>\"]"},
    {"{\"a\":\"$${json:x}\"}", "{\"a\":\"${json:x}\"}"},
    {"{\"a\":\"${q\\u0041}\"}", "{\"a\":\"<qA>\"}"},
    {"{\"a\":\"\\u0024{name}\"}", "{\"a\":\"\\u0024{name}\"}"},
};

TEST(json_is_filled_in_and_keeps_its_authors_bytes)
{
    check_rows(documents, BF_COUNT(documents), true, BF_TEMPLATE_XML);
}

TEST(rendered_json_is_json)
{
    struct result r = render("{\"a\":\"${nasty}\",\"b\":\"${json:x}\"}", true, BF_TEMPLATE_PLAIN);
    struct bf_arena *a = bf_arena_new(1 << 20);
    const struct bf_json *root = bf_json_parse(a, r.text, strlen(r.text), &err);

    CHECK_STR(bf_json_str(a, bf_json_get(root, "a")), "\"},{\n<&>${name}\\");
    CHECK_INT(bf_json_count(root), 2);
    bf_arena_free(a);
}

static const struct {
    bool json;
    const char *text, *field, *words;
} bad[] = {
    {false, "a ${name", "", "\"${name\" has no closing brace; write $${"},
    {false, "${nope}", "", "unknown variable \"${nope}\"; known are: name, TOKEN"},
    {false, "${}", "", "unknown variable"},
    {false, "${json:name}", "", "must be the whole of a JSON string"},
    {true, "{\"a\":\"${json:name}!\"}", "a", "must be the whole of a JSON string"},
    {true, "{\"a\":\"!${json:name}\"}", "a", "must be the whole of a JSON string"},
    {true, "{\"a\":\"${json:nope}\"}", "a", "unknown variable \"${nope}\""},
    {true, "{\"a\":[1,{\"b\":\"${nope}\"}]}", "a[1].b", "unknown variable \"${nope}\""},
    {true, "{\"a\":\"${name\",\"b\":\"}\"}", "a", "no closing brace"},
    {true, "{\"a\":${name}}", "", "not JSON"},
    {true, "", "", "not JSON"},
};

TEST(mistakes_are_found_when_saving)
{
    for (size_t i = 0; i < BF_COUNT(bad); i++) {
        struct result r = render(bad[i].text, bad[i].json, BF_TEMPLATE_PLAIN);

        if (r.rc != BF_ECONFIG || strcmp(err.field, bad[i].field) != 0 ||
            !strstr(err.words, bad[i].words))
            test_failed(__FILE__, __LINE__, "%s\n  gives %d %s: %s", bad[i].text, r.rc, err.field,
                        err.words);
    }
}

TEST(a_variable_that_went_away_fails_the_rendering)
{
    struct result r = render("a ${gone}", false, BF_TEMPLATE_PLAIN);

    CHECK_INT(r.rc, BF_ENOENT);
    CHECK_HAS(err.words, "unknown_variable: ${gone}");
}

TEST(a_template_is_at_most_64_kibibytes)
{
    char *text = malloc(BF_TEMPLATE_MAX + 2);
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_template *t;

    memset(text, 'x', BF_TEMPLATE_MAX + 1);
    text[0] = text[BF_TEMPLATE_MAX - 1] = '"';
    text[BF_TEMPLATE_MAX] = '\0';
    CHECK_INT(bf_template_compile_text(a, text, &names, &t, &err), BF_OK);
    CHECK_INT(bf_template_compile_json(a, text, BF_TEMPLATE_MAX, &names, &t, &err), BF_OK);
    text[BF_TEMPLATE_MAX] = ' ';
    text[BF_TEMPLATE_MAX + 1] = '\0';
    CHECK_INT(bf_template_compile_text(a, text, &names, &t, &err), BF_ETOOBIG);
    CHECK_INT(bf_template_compile_json(a, text, BF_TEMPLATE_MAX + 1, &names, &t, &err), BF_ETOOBIG);
    CHECK_HAS(err.words, "65537");
    bf_arena_free(a);
    free(text);
}

static const char *long_value(void *arg, const char *name, bool typed)
{
    (void)name;
    (void)typed;
    return arg;
}

TEST(what_becomes_too_long_fails_with_its_length)
{
    char *half = malloc(BF_RENDERED_MAX / 2 + 1);
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_template *t;
    struct bf_buf b;

    memset(half, '"', BF_RENDERED_MAX / 2);
    half[BF_RENDERED_MAX / 2] = '\0';
    bf_buf_init(&b, 2 * BF_RENDERED_MAX);
    CHECK_INT(bf_template_compile_text(a, "${h}${h}", &names, &t, &err), BF_OK);
    CHECK_INT(bf_template_render(t, BF_TEMPLATE_PLAIN, long_value, half, &b, &err), BF_OK);
    CHECK_INT(b.len, BF_RENDERED_MAX);
    bf_buf_clear(&b);
    CHECK_INT(bf_template_compile_text(a, "${h}${h}.${h}", &names, &t, &err), BF_OK);
    CHECK_INT(bf_template_render(t, BF_TEMPLATE_PLAIN, long_value, half, &b, &err), BF_ETOOBIG);
    CHECK_HAS(err.words, "1572865 bytes");
    bf_buf_clear(&b);
    CHECK_INT(bf_template_compile_json(a, "[\"${h}\"]", 8, &names, &t, &err), BF_OK);
    CHECK_INT(bf_template_render(t, BF_TEMPLATE_PLAIN, long_value, half, &b, &err), BF_ETOOBIG);
    CHECK_HAS(err.words, "1048580 bytes");
    bf_buf_fini(&b);
    bf_arena_free(a);
    free(half);
}

TEST(a_smaller_buf_is_a_smaller_limit)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_template *t;
    struct bf_buf b;

    bf_buf_init(&b, 5);
    CHECK_INT(bf_template_compile_text(a, "x${name}", &names, &t, &err), BF_OK);
    CHECK_INT(bf_template_render(t, BF_TEMPLATE_PLAIN, value, NULL, &b, &err), BF_ETOOBIG);
    CHECK_HAS(err.words, "7 bytes long, at most 5");
    bf_buf_fini(&b);
    bf_arena_free(a);
}

static size_t most(void *arg, const char *name, bool escaped)
{
    (void)arg;
    return escaped ? 100 * strlen(name) : 10 * strlen(name);
}

TEST(the_worst_size_is_that_of_its_texts_and_of_its_largest_values)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_template *t;

    CHECK_INT(bf_template_compile_text(a, "x${name}y${name}", &names, &t, &err), BF_OK);
    CHECK_INT(bf_template_worst(t, most, NULL), 2 + 2 * 40);
    CHECK_INT(bf_template_compile_json(a, "[\"${json:name}\",\"${name}\"]", 26, &names, &t, &err),
              BF_OK);
    CHECK_INT(bf_template_worst(t, most, NULL), 5 + 40 + 400);
    bf_arena_free(a);
}
