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
                            .collection = "Classifier", .project = "wandb-registry-model",
                            .entity = "acme", .author = "ana", .source = "http"};
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_subject s = {.event = &e, .arena = a};
    const struct bf_filter *f;
    bool result;

    if (parse(a, filter, "artifact.link", &f))
        test_failed(__FILE__, __LINE__, "%s\n  %s: %s", filter, err.field, err.words);
    result = bf_filter_match(f, &s);
    bf_filter_release(f);
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
    {"{\"alias\":{\"$regex\":\"^pr\"}}", "ynn"},
    {"{\"alias\":{\"$regex\":\"R\"}}", "nnn"},
    {"{\"alias\":{\"$regex\":\"(?i)R\"}}", "ynn"},
    {"{\"alias\":{\"$regex\":\"\"}}", "yyn"},
    {"{\"alias\":{\"$not\":{\"$regex\":\"^pr\"}}}", "nyy"},
    {"{\"entity\":\"acme\",\"author\":\"ana\",\"source\":\"http\"}", "yyy"},
    {"{\"entity_name\":\"acme\",\"user\":\"ana\",\"username\":{\"$ne\":\"bo\"}}", "yyy"},
    /* as W&B's client sends it, and as its server shows it */
    {"{\"$or\":[{\"$and\":[]}]}", "yyy"},
    {"{\"$or\":[{\"$and\":[{\"alias\":{\"$eq\":\"prod\"}}]}]}", "ynn"},
    {"{\"$or\":[{\"$and\":[{\"$not\":{\"alias\":{\"$contains\":\"ro\"}}}]}]}", "nyy"},
    {"\"{\\\"$or\\\":[{\\\"$and\\\":[{\\\"alias\\\":{\\\"$eq\\\":\\\"prod\\\"}}]}]}\"", "ynn"},
    {"\"{}\"", "yyy"},
    {"{\"filter\":\"{\\\"$or\\\":[{\\\"$and\\\":[{\\\"alias\\\":{\\\"$eq\\\":\\\"prod\\\"}}]}]}\"}", "ynn"},
    {"{\"filter\":{\"alias\":\"prod\"}}", "ynn"},
    {"\"{\\\"filter\\\":{\\\"alias\\\":\\\"prod\\\"}}\"", "ynn"},
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
    CHECK(bf_filter_match(f, &(struct bf_subject){.event = &e}));
    CHECK_INT(bf_filter_size(f), 0);
    bf_filter_release(f);
    bf_arena_free(a);
}

static const struct {
    const char *event, *filter, *field, *words;
} bad[] = {
    {"artifact.link", "[]", "", "must be an object"},
    {"artifact.link", "7", "", "must be an object"},
    {"artifact.link", "\"nonsense\"", "", "not JSON"},
    {"artifact.link", "{\"alais\":\"x\"}", "alais",
     "those of artifact.link are alias, artifact_type, artifact_version, aliases, tags, "
     "metadata.KEY, collection_name, project_name, entity, author, source, data.PATH"},
    {"artifact.alias.add", "{\"tag\":\"x\"}", "tag", "alias, artifact_type"},
    {"artifact.create", "{\"alias\":\"x\"}", "alias", "are artifact_type, artifact_version"},
    {"artifact.tag.add", "{\"alias\":\"x\"}", "alias", "tag, artifact_type"},
    {"collection.tag.add", "{\"artifact_type\":\"x\"}", "artifact_type",
     "are tag, collection_name, project_name, entity"},
    {"ci.done", "{\"status\":\"x\"}", "status", "those of ci.done are alias, tag,"},
    {"ci.done", "{\"data\":\"x\"}", "data", "data.PATH"},
    {"ci.done", "{\"data.\":\"x\"}", "data.", "unknown field"},
    {"ci.done", "{\"database\":\"x\"}", "database", "unknown field"},
    {"collection.tag.add", "{\"metadata.a\":1}", "metadata.a", "unknown field"},
    {"run.state", "{\"alias\":\"x\"}", "alias",
     "those of run.state are display_name, run_id, username, state, tags, group, job_type, config.KEY, "
     "project_name, entity, author, source, data.PATH"},
    {"run.state", "{\"collection_name\":\"x\"}", "collection_name", "unknown field"},
    {"run.state", "{\"alert_title\":\"x\"}", "alert_title", "unknown field"},
    {"run.state", "{\"config\":1}", "config", "config.KEY"},
    {"run.state", "{\"tags\":{\"$in\":[1]}}", "tags.$in[0]", "must be a string"},
    {"run.state", "{\"state\":{\"$size\":1}}", "state.$size", "state is a text"},
    {"artifact.link", "{\"display_name\":\"x\"}", "display_name", "unknown field"},
    {"ci.done", "{\"name\":\"x\"}", "name", "unknown field"},
    {"artifact.link", "{\"alias\":7}", "alias", "must be a string, not a number"},
    {"artifact.link", "{\"alias\":{}}", "alias", "no operator"},
    {"artifact.link", "{\"alias\":{\"$eq\":[\"a\"]}}", "alias.$eq", "must be a string"},
    {"artifact.link", "{\"alias\":{\"$in\":\"a\"}}", "alias.$in", "an array of values"},
    {"artifact.link", "{\"alias\":{\"$in\":[\"a\",null]}}", "alias.$in[1]", "must be a string"},
    {"artifact.link", "{\"alias\":null}", "alias", "must be a string, not null"},
    {"artifact.link", "{\"aliases\":{\"$all\":[1]}}", "aliases.$all[0]", "must be a string"},
    {"ci.done", "{\"data.x\":[1]}", "data.x", "for arrays there are $in, $all and $size"},
    {"ci.done", "{\"data.x\":{\"$eq\":{}}}", "data.x.$eq", "not an object"},
    {"ci.done", "{\"data.x\":{\"$gt\":true}}", "data.x.$gt", "a string or a number"},
    {"ci.done", "{\"data.x\":{\"$gt\":1e999}}", "data.x.$gt", "too large"},
    {"ci.done", "{\"data.x\":{\"$contains\":1}}", "data.x.$contains", "must be a string"},
    {"ci.done", "{\"data.x\":{\"$size\":-1}}", "data.x.$size", "a whole number from 0"},
    {"ci.done", "{\"data.x\":{\"$size\":1.5}}", "data.x.$size", "a whole number from 0"},
    {"ci.done", "{\"data.x\":{\"$regex\":7}}", "data.x.$regex", "must be a string"},
    {"ci.done", "{\"data.x\":{\"$regex\":\"(\"}}", "data.x.$regex", "missing )"},
    {"ci.done", "{\"$or\":[{\"data.x\":{\"$regex\":\"a\"}},{\"data.y\":{\"$regex\":\"(\"}}]}",
     "$or[1].data.y.$regex", "missing )"},
    {"ci.done", "{\"data.x\":{\"$regex\":\"a\",\"$options\":\"i\"}}", "data.x.$options", "(?i)"},
    {"artifact.link", "{\"alias\":{\"$exists\":1}}", "alias.$exists", "true or false"},
    {"artifact.link", "{\"alias\":{\"$not\":\"a\"}}", "alias.$not", "object of operators"},
    {"artifact.link", "{\"alias\":{\"$size\":1}}", "alias.$size", "is for arrays; alias is a text"},
    {"artifact.link", "{\"alias\":{\"$near\":1}}", "alias.$near",
     "\"$near\" is not an operator; supported: $and, $or"},
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

TEST(a_filter_has_32_patterns_at_most)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    char text[2000] = "{\"$or\":[";
    const struct bf_filter *f;

    for (int i = 0; i < BF_FILTER_PATTERNS_MAX; i++)
        strcat(text, i ? ",{\"alias\":{\"$regex\":\"a\"}}" : "{\"alias\":{\"$regex\":\"a\"}}");
    strcat(text, "]}");
    CHECK_INT(parse(a, text, "artifact.link", &f), BF_OK);
    bf_filter_release(f);
    strcpy(text + strlen(text) - 2, ",{\"alias\":{\"$regex\":\"a\"}}]}");
    CHECK_INT(parse(a, text, "artifact.link", &f), BF_ECONFIG);
    CHECK_HAS(err.words, "more than 32 patterns");
    bf_arena_free(a);
}

TEST(the_reach_is_that_of_the_slowest_pattern_on_long_texts)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    const struct bf_filter *f;

    parse(a, "{\"author\":{\"$regex\":\"a{100}\"},\"aliases\":{\"$regex\":\"a\"}}", "ci.done", &f);
    CHECK(bf_filter_reach(f) == SIZE_MAX);
    bf_filter_release(f);
    parse(a, "{\"data.x\":{\"$regex\":\"a\"},\"metadata.y\":{\"$regex\":\"a{200}\"}}", "ci.done", &f);
    CHECK(bf_filter_reach(f) >= 256 && bf_filter_reach(f) < 4096);
    bf_filter_release(f);
    parse(a, "{\"alert_title\":{\"$regex\":\"a{200}\"}}", "run.alert", &f);
    CHECK(bf_filter_reach(f) == SIZE_MAX);
    bf_filter_release(f);
    parse(a, "{\"alert_text\":{\"$regex\":\"a{200}\"}}", "run.alert", &f);
    CHECK(bf_filter_reach(f) < 4096);
    bf_filter_release(f);
    CHECK(bf_filter_reach(NULL) == SIZE_MAX);
    bf_arena_free(a);
}

TEST(a_copy_works_like_the_original)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_envelope yes = {.alias = "b"}, no = {.alias = "c"};
    const struct bf_filter *f;
    struct bf_filter *copy;

    parse(a, "{\"alias\":{\"$in\":[\"a\",\"b\"],\"$regex\":\"[bc]\"}}", "artifact.link", &f);
    copy = malloc(bf_filter_size(f));
    memcpy(copy, f, bf_filter_size(f));
    bf_arena_free(a);
    CHECK(bf_filter_match(copy, &(struct bf_subject){.event = &yes}));
    CHECK(!bf_filter_match(copy, &(struct bf_subject){.event = &no}));
    bf_filter_release(copy);
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

/* ---- values of all types ---- */

#define CUSTOM                                                                                     \
    "{\"type\":\"ci.done\",\"entity\":\"acme\",\"artifact\":{\"version\":\"v7\",\"aliases\":[\"latest\"," \
    "\"prod\"],\"tags\":[],\"metadata\":{\"acc\":0.93,\"a.b\":1,\"a\":{\"b\":2,\"c\":3},\"none\":null," \
    "\"model\":\"c\\u006en\"}},\"data\":{\"id\":9007199254740993,\"ok\":true,\"text\":\"10\",\"n\":10," \
    "\"f\":10.0,\"empty\":[],\"list\":[1,\"x\",[5]],\"alerts\":[{\"labels\":{\"severity\":\"page\"}}," \
    "{\"labels\":{\"severity\":\"info\"}},7],\"deep\":{\"er\":{\"st\":\"\"}}}}"

static const struct typed {
    const char *filter;
    bool match;
} typed[] = {
    /* numbers are numbers, whole ones exactly */
    {"{\"data.n\":10}", true},
    {"{\"data.n\":10.0}", true},
    {"{\"data.n\":1e1}", true},
    {"{\"data.f\":10}", true},
    {"{\"data.n\":{\"$gt\":9}}", true},
    {"{\"data.n\":{\"$gt\":9.99}}", true},
    {"{\"data.n\":{\"$gt\":10}}", false},
    {"{\"data.n\":{\"$gte\":10,\"$lte\":10.0}}", true},
    {"{\"data.n\":{\"$lt\":9}}", false},    /* as texts "10" would be less than "9" */
    {"{\"data.id\":9007199254740993}", true},
    {"{\"data.id\":9007199254740992}", false},        /* its double is the same */
    {"{\"data.id\":{\"$gt\":9007199254740992}}", true},
    {"{\"data.id\":9007199254740992.0}", true},       /* this one is a double */
    {"{\"metadata.acc\":{\"$gt\":0.9}}", true},
    {"{\"metadata.acc\":{\"$gte\":0.93,\"$lt\":0.94}}", true},
    /* no type is another */
    {"{\"data.n\":\"10\"}", false},
    {"{\"data.text\":10}", false},
    {"{\"data.text\":\"10\"}", true},
    {"{\"data.text\":{\"$gt\":9}}", false},
    {"{\"data.text\":{\"$lte\":99}}", false},
    {"{\"data.n\":{\"$ne\":\"10\"}}", true},
    {"{\"data.ok\":true}", true},
    {"{\"data.ok\":false}", false},
    {"{\"data.ok\":1}", false},
    {"{\"data.ok\":\"true\"}", false},
    {"{\"data.ok\":{\"$in\":[1,\"x\",true]}}", true},
    {"{\"data.n\":{\"$contains\":\"1\"}}", false},
    {"{\"data.n\":{\"$regex\":\"1\"}}", false},
    {"{\"data.ok\":{\"$gt\":0}}", false},
    /* null is a value, absence is not */
    {"{\"metadata.none\":null}", true},
    {"{\"metadata.none\":{\"$exists\":true}}", true},
    {"{\"metadata.gone\":null}", false},
    {"{\"metadata.gone\":{\"$exists\":false}}", true},
    {"{\"metadata.gone\":{\"$ne\":null}}", true},
    {"{\"metadata.acc\":{\"$ne\":null}}", true},
    {"{\"metadata.gone\":{\"$nin\":[1]}}", true},
    {"{\"metadata.gone\":{\"$lt\":1}}", false},
    {"{\"$nor\":[{\"metadata.gone\":{\"$lt\":1}}]}", true},
    /* paths */
    {"{\"data.deep.er.st\":\"\"}", true},
    {"{\"data.deep.er\":{\"$exists\":true}}", true},
    {"{\"data.deep.er.st.more\":{\"$exists\":true}}", false},
    {"{\"data.dee\":{\"$exists\":true}}", false},
    {"{\"data.n.x\":{\"$exists\":true}}", false},
    {"{\"metadata.a.b\":1}", true},     /* the member "a.b" ... */
    {"{\"metadata.a.b\":2}", true},     /* ... and "b" of "a" */
    {"{\"metadata.a.c\":3}", true},
    {"{\"metadata.model\":\"cnn\"}", true},
    {"{\"data.alerts.labels.severity\":\"info\"}", true},
    {"{\"data.alerts.labels.severity\":\"warn\"}", false},
    {"{\"data.alerts.1.labels.severity\":\"info\"}", true},
    {"{\"data.alerts.0.labels.severity\":\"info\"}", false},
    {"{\"data.alerts.2\":7}", true},
    {"{\"data.alerts.01.labels\":{\"$exists\":true}}", false},
    {"{\"data.alerts\":{\"$size\":3}}", true},
    /* arrays */
    {"{\"aliases\":\"prod\"}", true},
    {"{\"aliases\":\"pro\"}", false},
    {"{\"aliases\":{\"$contains\":\"pro\"}}", true},
    {"{\"aliases\":{\"$regex\":\"^lat\"}}", true},
    {"{\"aliases\":{\"$ne\":\"prod\"}}", false},
    {"{\"aliases\":{\"$in\":[\"x\",\"latest\"]}}", true},
    {"{\"aliases\":{\"$nin\":[\"x\",\"latest\"]}}", false},
    {"{\"aliases\":{\"$all\":[\"prod\",\"latest\"]}}", true},
    {"{\"aliases\":{\"$all\":[\"prod\",\"x\"]}}", false},
    {"{\"aliases\":{\"$all\":[]}}", false},
    {"{\"aliases\":{\"$size\":2}}", true},
    {"{\"aliases\":{\"$size\":1}}", false},
    {"{\"tags\":{\"$size\":0}}", true},
    {"{\"tags\":{\"$exists\":true}}", true},
    {"{\"tags\":\"x\"}", false},
    {"{\"tags\":{\"$ne\":\"x\"}}", true},
    {"{\"data.list\":1}", true},
    {"{\"data.list\":\"x\"}", true},
    {"{\"data.list\":5}", false},       /* that is within an array of its own */
    {"{\"data.list.2\":5}", true},
    {"{\"data.list\":{\"$all\":[\"x\",1]}}", true},
    {"{\"data.n\":{\"$all\":[10]}}", true},
    {"{\"data.n\":{\"$all\":[10,11]}}", false},
    {"{\"data.n\":{\"$size\":1}}", false},
    {"{\"artifact_version\":\"v7\"}", true},
    {"{\"artifact_type\":{\"$exists\":false}}", true},
};

/* Holds each filter against the same event. */
static void check_typed(const char *text, enum bf_origin origin, const char *type,
                        const struct typed *all, size_t n)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_envelope *e;

    if (bf_envelope_parse(a, text, strlen(text), origin, &e, &err))
        test_failed(__FILE__, __LINE__, "%s: %s", err.field, err.words);
    for (size_t i = 0; i < n; i++) {
        struct bf_subject s = {.event = e, .arena = a};
        const struct bf_filter *f;

        if (parse(a, all[i].filter, type, &f))
            test_failed(__FILE__, __LINE__, "%s\n  %s: %s", all[i].filter, err.field, err.words);
        if (bf_filter_match(f, &s) != all[i].match)
            test_failed(__FILE__, __LINE__, "%s gives %d", all[i].filter, !all[i].match);
        bf_filter_release(f);
    }
    bf_envelope_unref(e);
    bf_arena_free(a);
}

TEST(values_compare_by_their_type)
{
    check_typed(CUSTOM, BF_FROM_OUTSIDE, "ci.done", typed, BF_COUNT(typed));
}

/* ---- runs ---- */

#define RUN                                                                                        \
    "\"entity\":\"acme\",\"project\":\"vision\",\"author\":\"bot\",\"run\":{\"id\":\"r7\",\"name\":\"exp-7\"," \
    "\"state\":\"RUNNING\",\"user\":\"ana\",\"tags\":[\"big\",\"gpu\"],\"group\":\"g1\",\"job_type\":\"train\"," \
    "\"config\":{\"lr\":{\"desc\":null,\"value\":0.1},\"plain\":3,\"model\":{\"value\":{\"depth\":5,"     \
    "\"sizes\":[1,2]}},\"own\":{\"value\":{\"value\":1}},\"deep\":{\"er\":{\"value\":9}},\"a.b\":{\"value\":2}," \
    "\"none\":{\"value\":null}}}"

static const struct typed of_run[] = {
    {"{\"display_name\":\"exp-7\"}", true},
    {"{\"name\":{\"$contains\":\"exp\"},\"run_name\":{\"$regex\":\"^exp-[0-9]$\"}}", true},
    {"{\"display_name\":\"r7\"}", false},
    {"{\"run_id\":\"r7\"}", true},
    {"{\"username\":\"ana\",\"user\":\"ana\",\"run_user\":\"ana\"}", true},
    {"{\"username\":\"bot\"}", false},      /* who made the run, not who sent the event */
    {"{\"author\":\"bot\"}", true},
    {"{\"state\":\"RUNNING\"}", true},
    {"{\"state\":{\"$in\":[\"FAILED\",\"FINISHED\"]}}", false},
    {"{\"state\":\"running\"}", true},         /* as W&B's client says it */
    {"{\"state\":{\"$nin\":[\"Finished\",\"running\"]}}", false},
    {"{\"state\":{\"$regex\":\"^(?i)run\"}}", true},
    {"{\"group\":\"G1\"}", false},
    {"{\"tags\":\"gpu\",\"run_tags\":{\"$all\":[\"big\",\"gpu\"]}}", true},
    {"{\"tags\":{\"$size\":1}}", false},
    {"{\"group\":\"g1\",\"job_type\":\"train\"}", true},
    {"{\"project_name\":\"vision\",\"entity\":\"acme\"}", true},
    {"{\"config.plain\":3}", true},
    {"{\"config.lr\":0.1}", true},
    {"{\"config.lr.value\":0.1}", true},
    {"{\"config.lr\":{\"$lt\":0.1}}", false},
    {"{\"config.lr\":{\"$ne\":0.1}}", false},
    {"{\"config.lr\":{\"$exists\":true}}", true},
    {"{\"config.lr.desc\":null}", true},
    {"{\"config.model.depth\":{\"$gte\":5}}", true},
    {"{\"config.model.value.depth\":5}", true},
    {"{\"config.model.sizes\":2}", true},
    {"{\"config.own\":1}", false},            /* it is looked into once */
    {"{\"config.own.value\":1}", true},
    {"{\"config.deep.er\":9}", false},        /* and at the top only, as wandb wraps it */
    {"{\"config.deep.er.value\":9}", true},
    {"{\"config.a.b\":2}", true},
    {"{\"config.none\":null}", true},
    {"{\"config.gone\":{\"$exists\":false}}", true},
    {"{\"config.lr.valu\":{\"$exists\":true}}", false},
};

TEST(a_run_is_asked_for_its_name_state_and_config)
{
    check_typed("{\"type\":\"run.state\"," RUN "}", BF_FROM_OUTSIDE, "run.state", of_run,
                BF_COUNT(of_run));
    check_typed("{\"type\":\"run.metric\",\"metrics\":[{\"name\":\"loss\",\"value\":1}]," RUN "}",
                BF_FROM_OUTSIDE, "run.metric", of_run, BF_COUNT(of_run));
    check_typed("{\"type\":\"run.heartbeat\"," RUN "}", BF_FROM_OUTSIDE, "run.*", of_run,
                BF_COUNT(of_run));
}

static const struct typed of_alert[] = {
    {"{\"alert_title\":\"low\"}", true},
    {"{\"alert_text\":{\"$contains\":\"accuracy\"},\"alert_level\":{\"$in\":[\"WARN\",\"ERROR\"]}}", true},
    {"{\"alert_level\":\"INFO\"}", false},
    {"{\"alert_level\":\"warn\"}", true},
    {"{\"name\":\"exp-7\",\"tags\":\"gpu\"}", true},
};

TEST(an_alert_is_asked_for_what_it_says_and_its_run)
{
    check_typed("{\"type\":\"run.alert\",\"alert\":{\"title\":\"low\",\"text\":\"accuracy is low\","
                "\"level\":\"WARN\"}," RUN "}", BF_FROM_OUTSIDE, "run.alert", of_alert,
                BF_COUNT(of_alert));
}

static const struct typed of_both[] = {
    {"{\"tags\":\"gold\"}", true},          /* the artifact's ... */
    {"{\"tags\":\"gpu\"}", false},
    {"{\"run_tags\":\"gpu\"}", true},       /* ... and the run's */
    {"{\"username\":\"bot\"}", true},       /* whose action it was ... */
    {"{\"run_user\":\"ana\"}", true},       /* ... and who made the run */
    {"{\"display_name\":\"exp-7\",\"run_name\":\"exp-7\",\"run_id\":\"r7\"}", true},
    {"{\"state\":\"RUNNING\",\"group\":\"g1\",\"config.lr\":0.1}", true},
    {"{\"alert_title\":{\"$exists\":false}}", true},
};

TEST(a_custom_event_may_carry_a_run_beside_an_artifact)
{
    check_typed("{\"type\":\"ci.done\",\"artifact\":{\"version\":\"v1\",\"tags\":[\"gold\"]}," RUN "}",
                BF_FROM_OUTSIDE, "ci.done", of_both, BF_COUNT(of_both));
}


/* ---- against an evaluator that knows nothing of nodes ---- */

static unsigned seed = 7;

static unsigned pick(unsigned n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % n;
}

static const char *const scalars[] = {"\"a\"", "\"ab\"", "\"b\"", "\"\"", "\"1\"", "1", "2", "1.5",
                                      "-1", "1.0", "9007199254740993", "9007199254740992", "true",
                                      "false", "null"};

static void random_scalar(struct bf_buf *b, bool text)
{
    bf_buf_adds(b, scalars[pick(text ? 5 : BF_COUNT(scalars))]);
}

static void random_value(struct bf_buf *b, unsigned depth)
{
    unsigned n = pick(4);

    if (depth == 0 || pick(3) == 0) {
        random_scalar(b, false);
    } else if (pick(2)) {
        bf_buf_addc(b, '[');
        for (unsigned i = 0; i < n; i++) {
            bf_buf_adds(b, i ? "," : "");
            random_value(b, depth - 1);
        }
        bf_buf_addc(b, ']');
    } else {
        bf_buf_addc(b, '{');
        for (unsigned i = 0; i < n; i++) {
            bf_buf_printf(b, "%s\"%c\":", i ? "," : "", "xyz"[i % 3]);
            if (i == 3)
                bf_buf_adds(b, "0,\"1\":");
            random_value(b, depth - 1);
        }
        bf_buf_addc(b, '}');
    }
}

static const char *const paths[] = {"alias", "data.x", "data.y", "data.x.y", "data.x.x.y", "data.z",
                                    "data.x.1", "data.y.0.x", "metadata.x", "author"};

static bool is_text(const char *path) { return !strchr(path, '.'); }

static void random_operator(struct bf_buf *b, bool text)
{
    static const char *const ones[] = {"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"};
    static const char *const lists[] = {"$in", "$nin", "$all"};
    unsigned n = pick(4);

    switch (pick(7)) {
    case 0:
        bf_buf_printf(b, "\"$exists\":%s", pick(2) ? "true" : "false");
        break;
    case 1:
        bf_buf_printf(b, "\"$contains\":%s", scalars[pick(4)]);
        break;
    case 2:
        bf_buf_printf(b, "\"$regex\":\"%s\"", pick(2) ? "^a" : "b$");
        break;
    case 3:
        bf_buf_printf(b, "\"%s\":[", lists[pick(text ? 2 : 3)]);
        for (unsigned i = 0; i < n; i++) {
            bf_buf_adds(b, i ? "," : "");
            random_scalar(b, text);
        }
        bf_buf_addc(b, ']');
        break;
    case 4:
        if (!text) {
            bf_buf_printf(b, "\"$size\":%u", pick(3));
            break;
        }
        /* fall through */
    default:
        bf_buf_printf(b, "\"%s\":%s", ones[pick(BF_COUNT(ones))], scalars[pick(text ? 5 : 12)]);
    }
}

static void random_filter(struct bf_buf *b, unsigned depth)
{
    static const char *const ops[] = {"$and", "$or", "$nor"};
    const char *path = paths[pick(BF_COUNT(paths))];
    unsigned n = 1 + pick(3);

    if (depth == 0 || pick(3) == 0) {
        bool not = pick(5) == 0;

        bf_buf_printf(b, "{\"%s\":%s{", path, not ? "{\"$not\":" : "");
        random_operator(b, is_text(path));
        bf_buf_adds(b, not ? "}}}" : "}}");
    } else if (pick(5) == 0) {
        bf_buf_adds(b, "{\"$not\":");
        random_filter(b, depth - 1);
        bf_buf_addc(b, '}');
    } else {
        bf_buf_printf(b, "{\"%s\":[", ops[pick(3)]);
        for (unsigned i = 0; i < n; i++) {
            bf_buf_adds(b, i ? "," : "");
            random_filter(b, depth - 1);
        }
        bf_buf_adds(b, "]}");
    }
}

/* What two values say of each other: '<', '=', '>', or '?' where they cannot be compared. */
static char naive_order(const struct bf_json *a, const struct bf_json *b)
{
    long long wa, wb;
    double da, db;
    int order;

    if (a->type != b->type || a->type >= BF_JSON_ARRAY)
        return '?';
    if (a->type < BF_JSON_NUMBER)
        return '=';
    if (a->type == BF_JSON_STRING) {
        order = strncmp(a->text, b->text, a->len < b->len ? a->len : b->len);
        order = order ? order : (int)a->len - (int)b->len;
    } else if (!memchr(a->text, '.', a->len) && !memchr(b->text, '.', b->len)) {
        wa = strtoll(a->text, NULL, 10);
        wb = strtoll(b->text, NULL, 10);
        order = (wa > wb) - (wa < wb);
    } else {
        da = strtod(a->text, NULL);
        db = strtod(b->text, NULL);
        order = (da > db) - (da < db);
    }
    return "<=>"[(order > 0) - (order < 0) + 1];
}

/* One value that is no array. */
static bool naive_one(const struct bf_json *key, const struct bf_json *v)
{
    const struct bf_json *operand = key + 1;
    char order = naive_order(v, operand);
    char name[20], text[40] = "";

    snprintf(name, sizeof(name), "%.*s", (int)key->len, key->text);
    if (v->type == BF_JSON_STRING)
        snprintf(text, sizeof(text), "%.*s", (int)v->len, v->text);
    if (strcmp(name, "$eq") == 0 || strcmp(name, "$ne") == 0)   /* turned round by who asks */
        return order == '=';
    if (strcmp(name, "$gt") == 0 || strcmp(name, "$lt") == 0)
        return order == (name[1] == 'g' ? '>' : '<');
    if (strcmp(name, "$gte") == 0 || strcmp(name, "$lte") == 0)
        return order == '=' || order == (name[1] == 'g' ? '>' : '<');
    if (strcmp(name, "$in") == 0 || strcmp(name, "$nin") == 0) {
        for (const struct bf_json *e = bf_json_first(operand); e; e = bf_json_next(operand, e))
            if (naive_order(v, e) == '=')
                return true;
        return false;
    }
    if (v->type != BF_JSON_STRING)
        return false;
    if (strcmp(name, "$regex") == 0)
        return operand->text[0] == '^' ? text[0] == 'a' : *text && text[strlen(text) - 1] == 'b';
    CHECK_STR(name, "$contains");
    snprintf(name, sizeof(name), "%.*s", (int)operand->len, operand->text);
    return strstr(text, name) != NULL;
}

/* A positive operator on the value that a path has led to. */
static bool naive_value(const struct bf_json *key, const struct bf_json *v)
{
    if (bf_json_eq(key, "$exists"))
        return true;
    if (bf_json_eq(key, "$size")) {
        int64_t size;

        return bf_json_int(key + 1, &size) && v->type == BF_JSON_ARRAY &&
               bf_json_count(v) == (size_t)size;
    }
    if (bf_json_eq(key, "$all")) {
        for (const struct bf_json *e = bf_json_first(key + 1); e; e = bf_json_next(key + 1, e)) {
            bool found = naive_order(v, e) == '=';

            for (const struct bf_json *m = v->type == BF_JSON_ARRAY ? bf_json_first(v) : NULL; m;
                 m = bf_json_next(v, m))
                found |= naive_order(m, e) == '=';
            if (!found)
                return false;
        }
        return bf_json_first(key + 1) != NULL;
    }
    if (v->type != BF_JSON_ARRAY)
        return naive_one(key, v);
    for (const struct bf_json *m = bf_json_first(v); m; m = bf_json_next(v, m))
        if (naive_one(key, m))
            return true;
    return false;
}

static bool naive_path(const struct bf_json *key, const struct bf_json *v, const char *path)
{
    char segment[20];
    size_t len = strcspn(path, "."), i = 0;

    if (!v || !*path)
        return v && naive_value(key, v);
    snprintf(segment, sizeof(segment), "%.*s", (int)len, path);
    if (v->type == BF_JSON_OBJECT)
        return naive_path(key, bf_json_get(v, segment), path + len + (path[len] == '.'));
    for (const struct bf_json *m = v->type == BF_JSON_ARRAY ? bf_json_first(v) : NULL; m;
         m = bf_json_next(v, m), i++)
        if ((m->type == BF_JSON_OBJECT && naive_path(key, m, path)) ||
            (segment[0] >= '0' && segment[0] <= '9' && (size_t)atoi(segment) == i &&
             naive_path(key, m, path + len + (path[len] == '.'))))
            return true;
    return false;
}

static bool naive_field(const struct bf_json *field, const struct bf_json *key,
                        const struct bf_json *event)
{
    char path[40];
    bool negative = bf_json_eq(key, "$ne") || bf_json_eq(key, "$nin") ||
                    (bf_json_eq(key, "$exists") && bf_json_is(key + 1, BF_JSON_FALSE));

    snprintf(path, sizeof(path), "%s%.*s", memcmp(field->text, "metadata", 8) ? "" : "artifact.",
             (int)field->len, field->text);
    return naive_path(key, event, path) != negative;
}

static bool naive(const struct bf_json *filter, const struct bf_json *event);

static bool naive_operators(const struct bf_json *field, const struct bf_json *operators,
                            const struct bf_json *event)
{
    for (const struct bf_json *k = bf_json_first(operators); k; k = bf_json_next(operators, k)) {
        bool holds = bf_json_eq(k, "$not") ? !naive_operators(field, k + 1, event)
                                           : naive_field(field, k, event);

        if (!holds)
            return false;
    }
    return true;
}

static bool naive(const struct bf_json *filter, const struct bf_json *event)
{
    const struct bf_json *k = bf_json_first(filter), *list = k + 1;
    size_t n = 0, held = 0;

    if (bf_json_eq(k, "$not"))
        return !naive(list, event);
    if (k->text[0] != '$')
        return naive_operators(k, list, event);
    for (const struct bf_json *f = bf_json_first(list); f; f = bf_json_next(list, f), n++)
        held += naive(f, event);
    return bf_json_eq(k, "$and") ? held == n : bf_json_eq(k, "$or") ? held > 0 : held == 0;
}

static void random_event(struct bf_buf *b)
{
    bf_buf_adds(b, "{\"type\":\"ci.done\",\"entity\":\"acme\"");
    if (pick(3))
        bf_buf_printf(b, ",\"alias\":%s", scalars[pick(3)]);
    if (pick(3))
        bf_buf_printf(b, ",\"author\":%s", scalars[pick(3)]);
    bf_buf_adds(b, ",\"artifact\":{\"metadata\":{\"x\":");
    random_value(b, 2);
    bf_buf_adds(b, "}},\"data\":{\"x\":");
    random_value(b, 3);
    bf_buf_adds(b, ",\"y\":");
    random_value(b, 2);
    bf_buf_adds(b, "}}");
}

static void compare_once(struct bf_arena *a, size_t *matches)
{
    struct bf_subject s = {.arena = a};
    const struct bf_json *filter, *event;
    const struct bf_filter *f;
    struct bf_envelope *e;
    struct bf_buf ft, et;
    bool got;

    bf_buf_init(&ft, 65536);
    bf_buf_init(&et, 65536);
    random_filter(&ft, 3);
    random_event(&et);
    filter = bf_json_parse(a, ft.data, ft.len, &err);
    event = bf_json_parse(a, et.data, et.len, &err);
    if (bf_filter_parse(a, filter, "ci.done", &f, &err) ||
        bf_envelope_parse(a, et.data, et.len, BF_FROM_OUTSIDE, &e, &err))
        test_failed(__FILE__, __LINE__, "%s\n  %s\n  %s: %s", ft.data, et.data, err.field,
                    err.words);
    s.event = e;
    got = bf_filter_match(f, &s);
    if (got != naive(filter, event))
        test_failed(__FILE__, __LINE__, "%s\n  gives %d on %s", ft.data, got, et.data);
    *matches += got;
    bf_filter_release(f);
    bf_envelope_unref(e);
    bf_buf_fini(&ft);
    bf_buf_fini(&et);
}

TEST(random_filters_mean_what_a_plain_evaluator_says)
{
    enum { ROUNDS = 20000 };
    struct bf_arena *a = bf_arena_new(1 << 20);
    size_t matches = 0;

    for (int i = 0; i < ROUNDS; i++) {
        compare_once(a, &matches);
        bf_arena_reset(a);
    }
    CHECK(matches > ROUNDS / 10 && matches < ROUNDS - ROUNDS / 10);
    bf_arena_free(a);
}
