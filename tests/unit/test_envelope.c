/* test_envelope.c - what is an event, what is not, and what is said about it. */
#include "core/event/envelope.h"
#include "tests/test.h"

#include <stdlib.h>

#include "core/base/base.h"

#define ARENA_MAX (64 * 1024 * 1024)

static struct bf_error err;

static int parse_from(const char *text, enum bf_origin origin, struct bf_envelope **out)
{
    struct bf_arena *a = bf_arena_new(ARENA_MAX);
    int rc = bf_envelope_parse(a, text, strlen(text), origin, out, &err);

    bf_arena_free(a);
    return rc;
}

static struct bf_envelope *good(const char *text)
{
    struct bf_envelope *e = NULL;

    memset(&err, 0, sizeof(err));
    if (parse_from(text, BF_FROM_OUTSIDE, &e))
        test_failed(__FILE__, __LINE__, "%s\n  %s: %s", text, err.field, err.words);
    return e;
}

TEST(all_members_are_decoded)
{
    struct bf_envelope *e = good(
        " {\"type\":\"artifact.alias.add\",\"key\":\"k\",\"time\":\"2026-11-23T12:00:00.250Z\","
        "\"source\":\"s\",\"author\":\"an\\u0061\",\"cause\":\"c\",\"hops\":2,\"entity\":\"acme\","
        "\"project\":\"vision\",\"collection\":\"resnet\",\"alias\":\"prod\\\"x\",\"tag\":\"t\","
        "\"artifact\":{\"id\":\"QQ\",\"version\":\"v7\",\"type\":\"model\",\"metadata\":{\"a\":1},"
        "\"aliases\":[\"x\"],\"tags\":[]},\"data\":[1]}\n");

    CHECK_STR(e->type, "artifact.alias.add");
    CHECK_STR(e->key, "k");
    CHECK_STR(e->source, "s");
    CHECK_STR(e->author, "ana");
    CHECK_STR(e->cause, "c");
    CHECK_STR(e->entity, "acme");
    CHECK_STR(e->project, "vision");
    CHECK_STR(e->collection, "resnet");
    CHECK_STR(e->alias, "prod\"x");
    CHECK_STR(e->tag, "t");
    CHECK_STR(e->artifact_type, "model");
    CHECK_INT(e->hops, 2);
    CHECK_INT(e->time_ms, 1795435200250);
    CHECK_INT(e->text[0], '{');
    CHECK_INT(e->text[e->text_len - 1], '}');
    CHECK_INT(e->text_len, strlen(e->text));
    CHECK_INT(e->seq, 0);
    CHECK_STR(e->id, "");
    bf_envelope_unref(e);
}

TEST(absent_members_are_null)
{
    struct bf_envelope *e = good("{\"type\":\"x\",\"entity\":\"a\"}");

    CHECK(!e->project && !e->collection && !e->key && !e->source && !e->author && !e->cause);
    CHECK(!e->alias && !e->tag && !e->artifact_type);
    CHECK_INT(e->time_ms, 0);
    bf_envelope_unref(e);
}

TEST(an_envelope_lives_as_long_as_its_last_reference)
{
    struct bf_envelope *e = good("{\"type\":\"x\",\"entity\":\"a\"}");

    CHECK(bf_envelope_ref(e) == e);
    bf_envelope_unref(e);
    CHECK_STR(e->type, "x");
    bf_envelope_unref(e);
    bf_envelope_unref(NULL);
}

/* Every refusal: the text, the field that is named, and a part of the words. */
static const struct {
    const char *text, *field, *words;
} bad[] = {
    {"{", "", "not JSON"},
    {"[]", "", "must be an object"},
    {"{\"entity\":\"a\"}", "type", "needs \"type\""},
    {"{\"type\":\"x\"}", "entity", "needs \"entity\""},
    {"{\"type\":7,\"entity\":\"a\"}", "type", "must be a string, not a number"},
    {"{\"type\":\"X\",\"entity\":\"a\"}", "type", "a-z"},
    {"{\"type\":\"\",\"entity\":\"a\"}", "type", "a-z"},
    {"{\"type\":\"a..b\",\"entity\":\"a\"}", "type", "a-z"},
    {"{\"type\":\".a\",\"entity\":\"a\"}", "type", "a-z"},
    {"{\"type\":\"a.\",\"entity\":\"a\"}", "type", "a-z"},
    {"{\"type\":\"artifact.alias.added\",\"entity\":\"a\"}", "type",
     "those of \"artifact.\" are artifact.create, artifact.link, artifact.unlink, "
     "artifact.alias.add, artifact.tag.add, artifact.tag.remove"},
    {"{\"type\":\"run.stat\",\"entity\":\"a\"}", "type",
     "run.metric, run.state, run.heartbeat, run.alert"},
    {"{\"type\":\"collection.tag\",\"entity\":\"a\"}", "type", "collection.tag.add"},
    {"{\"type\":\"belfry.started\",\"entity\":\"a\"}", "type", "the hub's own"},
    {"{\"type\":\"clock.advance\",\"entity\":\"a\"}", "type", "the hub's own"},
    {"{\"type\":\"schedule.tick\",\"entity\":\"a\"}", "type", "the hub's own"},
    {"{\"type\":\"x\",\"entity\":\"\"}", "entity", "is empty"},
    {"{\"type\":\"x\",\"entity\":null}", "entity", "not null"},
    {"{\"type\":\"x\",\"entity\":\"a/b\"}", "entity", "'/'"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"project\":\"a:b\"}", "project", "':'"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"collection\":\"a\\nb\"}", "collection", "control"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"id\":\"1\"}", "id", "\"key\""},
    {"{\"type\":\"x\",\"entity\":\"a\",\"received\":\"1\"}", "received", "given by the hub"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"extra\":1}", "extra", "unknown member \"extra\""},
    {"{\"type\":\"x\",\"entity\":\"a\",\"run\":{\"nmae\":\"1\"}}", "run.nmae", "known are id, name"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"run\":[]}", "run", "must be an object"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"run\":{\"tags\":[\"a\",1]}}", "run.tags[1]", "a string"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"run\":{\"state\":\"failed\"}}", "run.state", "upper case"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"run\":{\"config\":1}}", "run.config", "an object"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"artifact\":{\"version\":\"7\"}}", "artifact.version", "v7"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"artifact\":{\"version\":\"v\"}}", "artifact.version", "v7"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"artifact\":{\"metadata\":[]}}", "artifact.metadata",
     "an object"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"alert\":{\"level\":\"BAD\"}}", "alert.level", "WARN"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"alert\":{\"wait\":-1}}", "alert.wait", "seconds"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"hops\":6}", "hops", "more than 5"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"hops\":-1}", "hops", "whole number"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"hops\":1.5}", "hops", "whole number"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"time\":\"yesterday\"}", "time", "RFC 3339"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"metrics\":[]}", "metrics", "is empty"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"metrics\":[{\"name\":\"m\",\"value\":1},{\"value\":1}]}",
     "metrics[1].name", "needs \"name\""},
    {"{\"type\":\"x\",\"entity\":\"a\",\"metrics\":[{\"name\":\"m\"}]}", "metrics[0].value",
     "needs \"value\""},
    {"{\"type\":\"x\",\"entity\":\"a\",\"metrics\":[{\"name\":\"m\",\"value\":\"nan\"}]}",
     "metrics[0].value", "\"NaN\""},
    {"{\"type\":\"x\",\"entity\":\"a\",\"metrics\":[{\"name\":\"m\",\"value\":1,\"step\":0.5}]}",
     "metrics[0].step", "must be a whole number"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"metrics\":{\"loss\":1}}", "metrics",
     "must be an array such as [{\"name\":\"loss\",\"value\":0.5}], not an object"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"metrics\":[{\"name\":\"m\",\"value\":1,\"unit\":1}]}",
     "metrics[0].unit", "known are name, step, value, time"},
    {"{\"type\":\"artifact.create\",\"entity\":\"a\"}", "project", "artifact.create needs"},
    {"{\"type\":\"artifact.link\",\"entity\":\"a\",\"project\":\"p\"}", "collection", "needs"},
    {"{\"type\":\"artifact.alias.add\",\"entity\":\"a\",\"project\":\"p\",\"collection\":\"c\"}",
     "alias", "needs"},
    {"{\"type\":\"artifact.tag.remove\",\"entity\":\"a\",\"project\":\"p\",\"collection\":\"c\"}",
     "tag", "needs"},
    {"{\"type\":\"collection.tag.add\",\"entity\":\"a\",\"project\":\"p\",\"collection\":\"c\"}",
     "tag", "needs"},
    {"{\"type\":\"run.heartbeat\",\"entity\":\"a\",\"project\":\"p\"}", "run.id", "needs"},
    {"{\"type\":\"run.state\",\"entity\":\"a\",\"project\":\"p\",\"run\":{\"id\":\"r\"}}",
     "run.state", "needs"},
    {"{\"type\":\"run.metric\",\"entity\":\"a\",\"project\":\"p\",\"run\":{\"id\":\"r\"}}",
     "metrics", "needs"},
    {"{\"type\":\"run.alert\",\"entity\":\"a\",\"project\":\"p\",\"run\":{\"id\":\"r\"},"
     "\"alert\":{\"text\":\"\"}}",
     "alert.title", "needs"},
};

TEST(what_is_wrong_is_refused_by_field_and_with_the_way_out)
{
    for (size_t i = 0; i < BF_COUNT(bad); i++) {
        struct bf_envelope *e = NULL;

        if (parse_from(bad[i].text, BF_FROM_OUTSIDE, &e) != BF_ECONFIG || e)
            test_failed(__FILE__, __LINE__, "taken: %s", bad[i].text);
        if (strcmp(err.field, bad[i].field) != 0 || !strstr(err.words, bad[i].words))
            test_failed(__FILE__, __LINE__, "%s\n  is refused as %s: %s", bad[i].text, err.field,
                        err.words);
    }
}

static const char *const fine[] = {
    "{\"type\":\"ci.build_2.done\",\"entity\":\"a b\",\"data\":{\"id\":1,\"received\":2}}",
    "{\"t\\u0079pe\":\"x\",\"entity\":\"\\u00e9t\\u00e9\"}",
    "{\"type\":\"artifacts\",\"entity\":\"a\"}",
    "{\"type\":\"x\",\"entity\":\"a\",\"hops\":5,\"data\":null}",
    "{\"type\":\"run.metric\",\"entity\":\"a\",\"project\":\"p\",\"run\":{\"id\":\"r\"},\"metrics\":["
    "{\"name\":\"m\",\"value\":\"NaN\"},{\"name\":\"m\",\"value\":\"Infinity\",\"step\":3},"
    "{\"name\":\"m\",\"value\":\"-Infinity\"},{\"name\":\"m\",\"value\":-1e3,"
    "\"time\":\"2026-11-23T12:00:00+01:00\"}]}",
    "{\"type\":\"run.alert\",\"entity\":\"a\",\"project\":\"p\",\"run\":{\"id\":\"r\","
    "\"config\":{\"lr\":1}},\"alert\":{\"title\":\"t\",\"text\":\"\",\"level\":\"WARN\",\"wait\":60}}",
    "{\"type\":\"run.state\",\"entity\":\"a\",\"project\":\"p\",\"run\":{\"id\":\"r\",\"name\":\"a\\nb\","
    "\"state\":\"FAILED\",\"user\":\"u\",\"tags\":[\"t\"],\"group\":\"g\",\"job_type\":\"j\"}}",
    "{\"type\":\"artifact.unlink\",\"entity\":\"a\",\"project\":\"p\",\"collection\":\"c\","
    "\"artifact\":{\"metadata\":{\"whatever\":{}}}}",
};

TEST(what_is_right_is_taken)
{
    for (size_t i = 0; i < BF_COUNT(fine); i++)
        bf_envelope_unref(good(fine[i]));
}

TEST(a_metrics_time_is_not_the_events)
{
    struct bf_envelope *e = good("{\"type\":\"x\",\"entity\":\"a\",\"metrics\":[{\"name\":\"m\","
                                 "\"value\":1,\"time\":\"2026-11-23T12:00:00Z\"}]}");

    CHECK_INT(e->time_ms, 0);
    bf_envelope_unref(e);
}

TEST(the_hub_may_use_its_own_types)
{
    struct bf_envelope *e = NULL;

    CHECK_INT(parse_from("{\"type\":\"belfry.started\",\"entity\":\"a\"}", BF_FROM_HUB, &e), BF_OK);
    bf_envelope_unref(e);
}

/* An event with a name of n bytes. */
static int parse_name(const char *member, size_t n)
{
    char text[1024];
    struct bf_envelope *e = NULL;
    int rc, len = snprintf(text, sizeof(text), "{\"type\":\"x\",\"entity\":\"a\",\"%s\":\"", member);

    memset(text + len, 'n', n);
    memcpy(text + len + n, "\"}", 3);
    rc = parse_from(text, BF_FROM_OUTSIDE, &e);
    bf_envelope_unref(e);
    return rc;
}

TEST(names_may_be_256_bytes_long)
{
    static const char *const members[] = {"project", "collection", "key", "author", "alias"};

    for (size_t i = 0; i < BF_COUNT(members); i++) {
        CHECK_INT(parse_name(members[i], BF_NAME_MAX), BF_OK);
        CHECK_INT(parse_name(members[i], BF_NAME_MAX + 1), BF_ECONFIG);
        CHECK_HAS(err.words, "256");
    }
}

static int parse_type(size_t n)
{
    char text[300], type[200];
    struct bf_envelope *e = NULL;
    int rc;

    memset(type, 't', n);
    type[n] = '\0';
    snprintf(text, sizeof(text), "{\"type\":\"%s\",\"entity\":\"a\"}", type);
    rc = parse_from(text, BF_FROM_OUTSIDE, &e);
    bf_envelope_unref(e);
    return rc;
}

TEST(a_type_may_be_100_bytes_long)
{
    CHECK_INT(parse_type(100), BF_OK);
    CHECK_INT(parse_type(101), BF_ECONFIG);
    CHECK_HAS(err.words, "101 bytes");
}

/* A whole event of n bytes. */
static char *event_of(size_t n)
{
    static const char head[] = "{\"type\":\"x\",\"entity\":\"a\",\"data\":\"";
    char *text = malloc(n + 1);

    memset(text, 'd', n);
    memcpy(text, head, sizeof(head) - 1);
    memcpy(text + n - 2, "\"}", 3);
    return text;
}

TEST(an_event_may_be_a_mebibyte_long)
{
    for (size_t more = 0; more < 2; more++) {
        char *text = event_of(BF_EVENT_MAX + more);
        struct bf_envelope *e = NULL;

        CHECK_INT(parse_from(text, BF_FROM_OUTSIDE, &e), more ? BF_ETOOBIG : BF_OK);
        bf_envelope_unref(e);
        free(text);
    }
    CHECK_HAS(err.words, "1048577");
}

TEST(printing_keeps_the_senders_bytes)
{
    struct bf_envelope *e = good("{ \"type\" : \"x\", \"entity\":\"a\",\"data\":9007199254740993 }");
    struct bf_buf b;

    bf_buf_init(&b, 4096);
    e->received_ms = 1795435200000;
    memcpy(e->id, "01ARZ3NDEKTSV4RRFFQ69G5FAV", BF_ID_LEN + 1);
    bf_envelope_print(e, &b);
    CHECK_STR(bf_buf_text(&b),
              "{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"received\":\"2026-11-23T12:00:00.000Z\","
              " \"type\" : \"x\", \"entity\":\"a\",\"data\":9007199254740993 }");
    bf_buf_fini(&b);
    bf_envelope_unref(e);
}

/* ---- batches ---- */

/* ---- points ---- */

#define METRICS(list) "{\"type\":\"run.metric\",\"entity\":\"a\",\"project\":\"p\","               \
                      "\"run\":{\"id\":\"r\",\"state\":\"RUNNING\"},\"metrics\":[" list "]}"

static const char *points_of(const struct bf_envelope *e)
{
    static char text[512];
    int at = 0;

    text[0] = '\0';
    for (size_t i = 0; i < e->n_points; i++) {
        const struct bf_point *p = &e->points[i];

        at += snprintf(text + at, sizeof(text) - (size_t)at, "%s%s", i ? " " : "", p->name);
        if (p->has_step)
            at += snprintf(text + at, sizeof(text) - (size_t)at, "@%lld", (long long)p->step);
        at += snprintf(text + at, sizeof(text) - (size_t)at, "=%g", p->value);
    }
    return text;
}

static const struct {
    const char *text, *points;
} with_points[] = {
    {METRICS("{\"name\":\"loss\",\"step\":3,\"value\":0.5}"), "loss@3=0.5"},
    {METRICS("{\"value\":-1e-3,\"name\":\"l\\u006fss\"}"), "loss=-0.001"},
    {METRICS("{\"name\":\"a\",\"value\":\"NaN\"},{\"name\":\"a\",\"value\":\"Infinity\"},"
             "{\"name\":\"b\",\"value\":\"-Infinity\"}"), "a=nan a=inf b=-inf"},
    /* By step, those without one behind, and what is equal as it came. */
    {METRICS("{\"name\":\"a\",\"value\":1},{\"name\":\"b\",\"step\":2,\"value\":2},"
             "{\"name\":\"a\",\"step\":-1,\"value\":3},{\"name\":\"c\",\"value\":4},"
             "{\"name\":\"a\",\"step\":2,\"value\":5},{\"name\":\"b\",\"step\":2,\"value\":6}"),
     "a@-1=3 b@2=2 a@2=5 b@2=6 a=1 c=4"},
    {METRICS("{\"name\":\"a\",\"step\":9223372036854775807,\"value\":1}"),
     "a@9223372036854775807=1"},
    {"{\"type\":\"x\",\"entity\":\"a\",\"metrics\":[{\"name\":\"a\",\"value\":1}]}", ""},
    {"{\"metrics\":[{\"name\":\"a\",\"value\":1}],\"run\":{\"id\":\"r\"},\"project\":\"p\","
     "\"entity\":\"a\",\"type\":\"run.metric\"}", "a=1"},
};

TEST(metrics_are_points_in_the_order_in_which_they_are_taken)
{
    for (size_t i = 0; i < BF_COUNT(with_points); i++) {
        struct bf_envelope *e = good(with_points[i].text);

        CHECK_STR(points_of(e), with_points[i].points);
        bf_envelope_unref(e);
    }
}

TEST(a_step_is_not_carried_over_to_the_next_metric)
{
    struct bf_envelope *e = good(METRICS("{\"name\":\"a\",\"step\":7,\"value\":1},"
                                         "{\"name\":\"b\",\"value\":2}"));

    CHECK_STR(points_of(e), "a@7=1 b=2");
    CHECK_INT(e->points[1].step, 0);
    CHECK_STR(e->run_state, "RUNNING");
    bf_envelope_unref(e);
}

/* As many as one event can hold: the memory of all is the envelope's. */
TEST(an_event_may_be_all_points)
{
    static const char one[] = ",{\"name\":\"a\",\"value\":1}";
    size_t head = strlen(METRICS("{\"name\":\"a\",\"value\":1}")) - 2, n = 1;
    char *text = malloc(BF_EVENT_MAX + 1);
    struct bf_envelope *e;

    memcpy(text, METRICS("{\"name\":\"a\",\"value\":1}"), head);
    for (; head + sizeof(one) + 2 < BF_EVENT_MAX; head += sizeof(one) - 1, n++)
        memcpy(text + head, one, sizeof(one) - 1);
    memcpy(text + head, "]}", 3);
    e = good(text);
    CHECK_INT(e->n_points, n);
    CHECK(e->points[0].name == e->points[n - 1].name);
    CHECK_STR(e->text, text);
    bf_envelope_unref(e);
    free(text);
}

struct batch {
    struct bf_arena *arena;
    struct bf_envelope **events;
    size_t n;
    int rc;
};

static struct batch read_batch(const char *text)
{
    struct batch b = {.arena = bf_arena_new(ARENA_MAX)};

    memset(&err, 0, sizeof(err));
    b.rc = bf_envelopes_parse(b.arena, text, strlen(text), &b.events, &b.n, &err);
    return b;
}

static void close_batch(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        bf_envelope_unref(b->events[i]);
    bf_arena_free(b->arena);
}

#define EVENT(n) "{\"type\":\"x\",\"entity\":\"a\",\"key\":\"" #n "\"}"

/* Texts that hold the events 1, 2, ... n. */
static const struct {
    const char *text;
    size_t n;
} batches[] = {
    {EVENT(1), 1},
    {"\n " EVENT(1) " \n\n", 1},
    {"{\n\"type\":\"x\",\n\"entity\":\n\"a\",\"key\":\"1\"}\n", 1},
    {"{\"type\":\"x\",\"entity\":\"a\",\"key\":\"1\",\"data\":\n{}}", 1},
    {"[" EVENT(1) "]", 1},
    {" [ " EVENT(1) " ,\n" EVENT(2) "\n] \n", 2},
    {EVENT(1) "\n" EVENT(2), 2},
    {"\n" EVENT(1) "\r\n\r\n  \n " EVENT(2) " \r\n" EVENT(3) "\n", 3},
};

TEST(events_come_alone_in_an_array_or_in_lines)
{
    for (size_t i = 0; i < BF_COUNT(batches); i++) {
        struct batch b = read_batch(batches[i].text);

        if (b.rc)
            test_failed(__FILE__, __LINE__, "%s\n  %s: %s", batches[i].text, err.field, err.words);
        CHECK_INT(b.n, batches[i].n);
        for (size_t j = 0; j < b.n; j++)
            CHECK_INT(b.events[j]->key[0], '1' + (int)j);
        close_batch(&b);
    }
}

static const struct {
    const char *text, *field, *words;
} bad_batches[] = {
    {"", "", "no event"},
    {" \n ", "", "no event"},
    {"[]", "", "no event"},
    {"[" EVENT(1) ",]", "[1]", "not JSON"},
    {"[" EVENT(1), "", "expected ',' or ']'"},
    {"[" EVENT(1) "] x", "", "behind the array"},
    {"[" EVENT(1) " " EVENT(2) "]", "", "after event [0]"},
    {EVENT(1) " " EVENT(2), "", "behind the event"},
    {EVENT(1) "\nnonsense", "", "behind the event"},
    {"{\"type\":\"x\"}", "entity", "needs"},
    {"{\"type\":", "", "not JSON"},
    {"[" EVENT(1) ",{\"type\":\"x\"}]", "[1].entity", "begins at byte 37: an event needs"},
    {"[" EVENT(1) ",7]", "[1]", "must be an object"},
    {EVENT(1) "\n\n{\"type\":\"x\",\"entity\":\"a\",\"run\":{\"id\":1}}\n", "[1].run.id", "line 3: must"},
    {"\n\n" EVENT(1) "\n{}", "[1].type", "line 4: an event needs"},
    {EVENT(1) "\n{\"type\":\n" EVENT(2), "[1]", "line 2: this is not JSON"},
    {"{\"type\":\n" EVENT(2) "\n", "[0]", "line 1: this is not JSON"},
    {"[{\"type\":\"x\",\"entity\":\"a\",\"id\":\"1\"}]", "[0].id", "given by the hub"},
};

TEST(a_bad_event_refuses_its_batch_and_is_named)
{
    for (size_t i = 0; i < BF_COUNT(bad_batches); i++) {
        struct batch b = read_batch(bad_batches[i].text);

        if (b.rc != BF_ECONFIG || strcmp(err.field, bad_batches[i].field) != 0 ||
            !strstr(err.words, bad_batches[i].words))
            test_failed(__FILE__, __LINE__, "%s\n  gives %d %s: %s", bad_batches[i].text, b.rc,
                        err.field, err.words);
        close_batch(&b);
    }
}

static char *repeat(size_t n)
{
    size_t len = strlen(EVENT(1));
    char *text = malloc(n * (len + 1) + 1);

    for (size_t i = 0; i < n; i++) {
        memcpy(text + i * (len + 1), EVENT(1), len);
        text[i * (len + 1) + len] = '\n';
    }
    text[n * (len + 1)] = '\0';
    return text;
}

TEST(a_batch_is_at_most_1000_events)
{
    for (size_t more = 0; more < 2; more++) {
        char *text = repeat(BF_BATCH_EVENTS_MAX + more);
        struct batch b = read_batch(text);

        CHECK_INT(b.rc, more ? BF_ETOOBIG : BF_OK);
        close_batch(&b);
        free(text);
    }
    CHECK_HAS(err.words, "1000");
}

TEST(a_batch_is_at_most_ten_mebibytes)
{
    char *text = malloc(BF_BATCH_BYTES_MAX + 2);
    struct batch b;

    memset(text, ' ', BF_BATCH_BYTES_MAX + 1);
    text[BF_BATCH_BYTES_MAX + 1] = '\0';
    memcpy(text, EVENT(1), strlen(EVENT(1)));
    b = read_batch(text);
    CHECK_INT(b.rc, BF_ETOOBIG);
    CHECK_HAS(err.words, "10485761");
    close_batch(&b);
    text[BF_BATCH_BYTES_MAX] = '\0';
    b = read_batch(text);
    CHECK_INT(b.rc, BF_OK);
    close_batch(&b);
    free(text);
}

TEST(an_event_in_a_batch_is_at_most_a_mebibyte)
{
    char *event = event_of(BF_EVENT_MAX + 1), *text = malloc(BF_EVENT_MAX + 100);
    struct batch b;

    snprintf(text, BF_EVENT_MAX + 100, "[%s,%s]", EVENT(1), event);
    b = read_batch(text);
    CHECK_INT(b.rc, BF_ETOOBIG);
    CHECK_STR(err.field, "[1]");
    close_batch(&b);
    free(event);
    free(text);
}

TEST(errors_may_go_unheard)
{
    struct bf_arena *a = bf_arena_new(ARENA_MAX);
    struct bf_envelope *e, **events;
    size_t n;

    CHECK_INT(bf_envelope_parse(a, "{", 1, BF_FROM_OUTSIDE, &e, NULL), BF_ECONFIG);
    CHECK_INT(bf_envelopes_parse(a, "[{}]", 4, &events, &n, NULL), BF_ECONFIG);
    bf_arena_free(a);
}

/* ---- the schema ---- */

/* The members that the parser knows, from the words it refuses an unknown one with. */
static void check_same_members(const struct bf_json *properties, const char *event)
{
    struct bf_envelope *e = NULL;
    size_t n = 0;
    char *list, *end, *save = NULL;

    CHECK_INT(parse_from(event, BF_FROM_OUTSIDE, &e), BF_ECONFIG);
    list = strstr(err.words, "known are ");
    CHECK(list != NULL);
    list += strlen("known are ");
    end = strchr(list, ';');
    if (end)
        *end = '\0';
    for (char *name = strtok_r(list, ", ", &save); name; name = strtok_r(NULL, ", ", &save)) {
        if (!bf_json_get(properties, name))
            test_failed(__FILE__, __LINE__, "%s is not in the schema", name);
        n++;
    }
    CHECK_INT(bf_json_count(properties), n);
}

TEST(the_schema_has_the_members_that_the_parser_has)
{
    struct bf_arena *a = bf_arena_new(ARENA_MAX);
    const struct bf_json *root = bf_json_parse(a, bf_envelope_schema, strlen(bf_envelope_schema),
                                               &err);

    CHECK(root != NULL);
    check_same_members(bf_json_at(root, "/properties"), "{\"?\":1}");
    check_same_members(bf_json_at(root, "/properties/run/properties"), "{\"run\":{\"?\":1}}");
    check_same_members(bf_json_at(root, "/properties/artifact/properties"),
                       "{\"artifact\":{\"?\":1}}");
    check_same_members(bf_json_at(root, "/properties/alert/properties"), "{\"alert\":{\"?\":1}}");
    check_same_members(bf_json_at(root, "/properties/metrics/items/properties"),
                       "{\"metrics\":[{\"?\":1}]}");
    bf_arena_free(a);
}

TEST(the_schemas_example_is_an_event)
{
    struct bf_arena *a = bf_arena_new(ARENA_MAX);
    const struct bf_json *root = bf_json_parse(a, bf_envelope_schema, strlen(bf_envelope_schema),
                                               &err);
    size_t len;
    const char *example = bf_json_raw(bf_json_at(root, "/examples/0"), &len);

    example = bf_arena_ndup(a, example, len);
    bf_envelope_unref(good(example));
    bf_arena_free(a);
}
