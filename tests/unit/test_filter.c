/* test_filter.c - which events a filter lets through, and what it says of itself. */
#include "core/rules/filter.h"
#include "tests/test.h"

#include <stdlib.h>

#include "core/base/base.h"
#include "core/event/envelope.h"

static struct bf_error err;

static int parse(struct bf_arena *a, const char *text, const char *event,
                 const struct bf_filter **out)
{
    memset(&err, 0, sizeof(err));
    return bf_filter_parse(a, bf_json_parse(a, text, strlen(text), &err), event, out, &err);
}

/* Whether a filter of alias events lets an event with this alias (NULL: none) through. */
static bool lets(const char *filter, const char *alias)
{
    struct bf_envelope e = {.alias = alias, .tag = "t", .artifact_type = "model",
                            .collection = "Classifier", .project = "wandb-registry-model"};
    struct bf_arena *a = bf_arena_new(1 << 20);
    const struct bf_filter *f;
    bool result;

    if (parse(a, filter, "artifact.link", &f))
        test_failed(__FILE__, __LINE__, "%s\n  %s: %s", filter, err.field, err.words);
    result = bf_filter_match(f, &e);
    bf_arena_free(a);
    return result;
}

/* For the aliases "prod", "staging" and none: y or n. */
static const struct {
    const char *filter, *want;
} rows[] = {
    {"{}", "yyy"},
    {"null", "yyy"},
    {"{\"alias\":\"prod\"}", "ynn"},
    {"{\"alias\":{\"$eq\":\"prod\"}}", "ynn"},
    {"{\"alias\":{\"$ne\":\"prod\"}}", "nyy"},
    {"{\"alias\":{\"$in\":[\"prod\",\"x\"]}}", "ynn"},
    {"{\"alias\":{\"$in\":[]}}", "nnn"},
    {"{\"alias\":{\"$nin\":[\"prod\",\"x\"]}}", "nyy"},
    {"{\"alias\":{\"$exists\":true}}", "yyn"},
    {"{\"alias\":{\"$exists\":false}}", "nny"},
    {"{\"alias\":{\"$contains\":\"ro\"}}", "ynn"},
    {"{\"alias\":{\"$contains\":\"\"}}", "yyn"},
    {"{\"alias\":{\"$gt\":\"prod\"}}", "nyn"},
    {"{\"alias\":{\"$gte\":\"prod\"}}", "yyn"},
    {"{\"alias\":{\"$lt\":\"staging\"}}", "ynn"},
    {"{\"alias\":{\"$lte\":\"staging\"}}", "yyn"},
    {"{\"alias\":{\"$gt\":\"a\",\"$lt\":\"q\"}}", "ynn"},
    {"{\"alias\":{\"$not\":{\"$eq\":\"prod\"}}}", "nyy"},
    {"{\"$not\":{\"alias\":{\"$eq\":\"prod\"}}}", "nyy"},
    {"{\"$not\":{}}", "nnn"},
    {"{\"$and\":[]}", "yyy"},
    {"{\"$or\":[]}", "yyy"},            /* at the top nothing was asked for */
    {"{\"$and\":[{\"$or\":[]}]}", "nnn"},
    {"{\"$nor\":[]}", "yyy"},
    {"{\"$or\":[{\"alias\":\"prod\"},{\"alias\":\"staging\"}]}", "yyn"},
    {"{\"$and\":[{\"alias\":\"prod\"},{\"alias\":\"staging\"}]}", "nnn"},
    {"{\"$nor\":[{\"alias\":\"prod\"},{\"alias\":\"x\"}]}", "nyy"},
    {"{\"alias\":\"prod\",\"artifact_type\":\"model\"}", "ynn"},
    {"{\"alias\":\"prod\",\"artifact_type\":\"dataset\"}", "nnn"},
    {"{\"collection_name\":\"Classifier\",\"project_name\":{\"$contains\":\"registry\"}}", "yyy"},
    /* as W&B's client sends it */
    {"{\"$or\":[{\"$and\":[]}]}", "yyy"},
    {"{\"$or\":[{\"$and\":[{\"alias\":{\"$eq\":\"prod\"}}]}]}", "ynn"},
    {"{\"$or\":[{\"$and\":[{\"$not\":{\"alias\":{\"$contains\":\"ro\"}}}]}]}", "nyy"},
    {"\"{\\\"$or\\\":[{\\\"$and\\\":[{\\\"alias\\\":{\\\"$eq\\\":\\\"prod\\\"}}]}]}\"", "ynn"},
    {"\"{}\"", "yyy"},
};

TEST(operators_mean_what_they_say)
{
    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        char got[4] = {lets(rows[i].filter, "prod") ? 'y' : 'n',
                       lets(rows[i].filter, "staging") ? 'y' : 'n',
                       lets(rows[i].filter, NULL) ? 'y' : 'n', '\0'};

        if (strcmp(got, rows[i].want) != 0)
            test_failed(__FILE__, __LINE__, "%s gives %s, not %s", rows[i].filter, got,
                        rows[i].want);
    }
}

TEST(no_filter_matches_everything)
{
    const struct bf_filter *f;
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_envelope e = {0};

    CHECK_INT(bf_filter_parse(a, NULL, "artifact.create", &f, &err), BF_OK);
    CHECK(bf_filter_match(f, &e));
    CHECK_INT(bf_filter_size(f), 0);
    bf_arena_free(a);
}

static const struct {
    const char *event, *filter, *field, *words;
} bad[] = {
    {"artifact.link", "[]", "", "must be an object"},
    {"artifact.link", "7", "", "must be an object"},
    {"artifact.link", "\"nonsense\"", "", "not JSON"},
    {"artifact.link", "{\"alais\":\"x\"}", "alais",
     "those of artifact.link are alias, artifact_type, collection_name, project_name"},
    {"artifact.alias.add", "{\"tag\":\"x\"}", "tag", "alias, artifact_type"},
    {"artifact.create", "{\"alias\":\"x\"}", "alias", "artifact_type, collection_name"},
    {"artifact.tag.add", "{\"alias\":\"x\"}", "alias", "tag, artifact_type"},
    {"collection.tag.add", "{\"artifact_type\":\"x\"}", "artifact_type",
     "are tag, collection_name, project_name"},
    {"artifact.link", "{\"alias\":7}", "alias", "must be a string, not a number"},
    {"artifact.link", "{\"alias\":{}}", "alias", "no operator"},
    {"artifact.link", "{\"alias\":{\"$eq\":[\"a\"]}}", "alias.$eq", "must be a string"},
    {"artifact.link", "{\"alias\":{\"$in\":\"a\"}}", "alias.$in", "an array of strings"},
    {"artifact.link", "{\"alias\":{\"$in\":[null]}}", "alias.$in", "must be a string"},
    {"artifact.link", "{\"alias\":{\"$exists\":1}}", "alias.$exists", "true or false"},
    {"artifact.link", "{\"alias\":{\"$not\":\"a\"}}", "alias.$not", "object of operators"},
    {"artifact.link", "{\"alias\":{\"$regex\":\"^v\"}}", "alias.$regex",
     "$regex is not supported yet; supported: $and"},
    {"artifact.link", "{\"alias\":{\"$size\":1}}", "alias.$size", "\"$size\" is not an operator"},
    {"artifact.link", "{\"$xor\":[]}", "$xor", "\"$xor\" is not an operator"},
    {"artifact.link", "{\"$or\":{}}", "$or", "an array of filters"},
    {"artifact.link", "{\"$or\":[{},{\"$and\":[{\"alias\":{\"$lt\":1}}]}]}",
     "$or[1].$and[0].alias.$lt", "must be a string"},
};

TEST(mistakes_are_named_by_their_place)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    const struct bf_filter *f;

    for (size_t i = 0; i < BF_COUNT(bad); i++) {
        int rc = parse(a, bad[i].filter, bad[i].event, &f);

        if (rc != BF_ECONFIG || strcmp(err.field, bad[i].field) != 0 ||
            !strstr(err.words, bad[i].words))
            test_failed(__FILE__, __LINE__, "%s\n  gives %d %s: %s", bad[i].filter, rc, err.field,
                        err.words);
    }
    bf_arena_free(a);
}

/* {"$not":{"$not":...{}}} with this many $not. */
static int parse_deep(struct bf_arena *a, unsigned n)
{
    char text[1000] = "";
    const struct bf_filter *f;

    for (unsigned i = 0; i < n; i++)
        strcat(text, "{\"$not\":");
    strcat(text, "{}");
    for (unsigned i = 0; i < n; i++)
        strcat(text, "}");
    return parse(a, text, "artifact.link", &f);
}

TEST(depth_is_limited)
{
    struct bf_arena *a = bf_arena_new(1 << 20);

    CHECK_INT(parse_deep(a, BF_FILTER_DEPTH_MAX), BF_OK);
    CHECK_INT(parse_deep(a, BF_FILTER_DEPTH_MAX + 1), BF_ECONFIG);
    CHECK_HAS(err.words, "16 levels");
    bf_arena_free(a);
}

TEST(size_is_limited)
{
    struct bf_arena *a = bf_arena_new(16 << 20);
    const char head[] = "{\"alias\":{\"$in\":[\"";
    const struct bf_filter *f;
    char *text = malloc(BF_FILTER_BYTES_MAX + 2);

    memset(text, 'a', BF_FILTER_BYTES_MAX + 1);
    memcpy(text, head, strlen(head));
    for (size_t i = strlen(head) + 1; i < BF_FILTER_BYTES_MAX - 10; i += 4)
        memcpy(text + i, "\",\"", 3);
    strcpy(text + BF_FILTER_BYTES_MAX - 4, "\"]}}");
    CHECK_INT(parse(a, text, "artifact.link", &f), BF_OK);
    strcpy(text + BF_FILTER_BYTES_MAX - 4, "a\"]}}");
    CHECK_INT(parse(a, text, "artifact.link", &f), BF_ETOOBIG);
    CHECK_HAS(err.words, "65537");
    free(text);
    bf_arena_free(a);
}

TEST(a_copy_works_like_the_original)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_envelope yes = {.alias = "b"}, no = {.alias = "c"};
    const struct bf_filter *f;
    struct bf_filter *copy;

    parse(a, "{\"alias\":{\"$in\":[\"a\",\"b\"]}}", "artifact.link", &f);
    copy = malloc(bf_filter_size(f));
    memcpy(copy, f, bf_filter_size(f));
    bf_arena_free(a);
    CHECK(bf_filter_match(copy, &yes));
    CHECK(!bf_filter_match(copy, &no));
    free(copy);
}

static const struct {
    const char *filter, *want;
} literal_rows[] = {
    {"{}", ""},
    {"{\"alias\":\"a\"}", "a"},
    {"{\"alias\":{\"$in\":[\"a\",\"b\",\"a\"]}}", "a,b"},
    {"{\"artifact_type\":\"model\"}", ""},
    {"{\"artifact_type\":\"model\",\"alias\":\"a\"}", "a"},
    {"{\"$or\":[{\"$and\":[{\"alias\":{\"$eq\":\"a\"}}]}]}", "a"},
    {"{\"$or\":[{\"alias\":\"a\"},{\"alias\":\"b\"}]}", "a,b"},
    {"{\"$or\":[{\"alias\":\"a\"},{\"artifact_type\":\"model\"}]}", ""},
    {"{\"$and\":[{\"$or\":[{\"alias\":\"x\"},{}]},{\"alias\":\"a\"}]}", "a"},
    {"{\"alias\":{\"$ne\":\"a\"}}", ""},
    {"{\"alias\":{\"$contains\":\"a\"}}", ""},
    {"{\"$not\":{\"alias\":\"a\"}}", ""},
    {"{\"$nor\":[{\"alias\":\"a\"}]}", ""},
    {"{\"alias\":{\"$in\":[\"a\",\"b\",\"c\",\"d\"]}}", "a,b,c,d"},
    {"{\"alias\":{\"$in\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}}", ""},        /* more than asked for */
};

TEST(literals_are_all_that_the_field_can_be)
{
    struct bf_arena *a = bf_arena_new(1 << 20);

    for (size_t i = 0; i < BF_COUNT(literal_rows); i++) {
        const struct bf_filter *f;
        const char *out[4];
        char got[40] = "";
        size_t n;

        CHECK_INT(parse(a, literal_rows[i].filter, "artifact.link", &f), BF_OK);
        n = bf_filter_literals(f, "alias", out, 4);
        for (size_t j = 0; j < n; j++) {
            strcat(got, j ? "," : "");
            strcat(got, out[j]);
        }
        if (strcmp(got, literal_rows[i].want) != 0)
            test_failed(__FILE__, __LINE__, "%s gives %s, not %s", literal_rows[i].filter, got,
                        literal_rows[i].want);
    }
    CHECK_INT(bf_filter_literals(NULL, "alias", NULL, 4), 0);
    bf_arena_free(a);
}
