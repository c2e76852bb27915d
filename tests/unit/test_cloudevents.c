/* CloudEvents: the three ways in, what is refused and by which name, and the way out again. */
#include "core/event/cloudevents.h"

#include <stdlib.h>

#include "core/base/crypto.h"
#include "tests/test.h"

static struct bf_error why;

/* The text of the events, one per line, freed by the caller; NULL with `why`. */
static char *read_all(const char *const *headers, const char *body, size_t len, const char *entity)
{
    struct bf_arena *a = bf_arena_new(16 * 1024 * 1024);
    struct bf_cloudevents r = {headers, body, len, entity, NULL, NULL};
    struct bf_envelope **events;
    struct bf_buf b;
    size_t n;

    why = (struct bf_error){0};
    if (bf_cloudevents_parse(a, &r, &events, &n, &why)) {
        bf_arena_free(a);
        return NULL;
    }
    bf_buf_init(&b, 1 << 24);
    bf_buf_adds(&b, "");
    for (size_t i = 0; i < n; i++) {
        bf_buf_printf(&b, "%s%s", i ? "\n" : "", events[i]->text);
        bf_envelope_unref(events[i]);
    }
    bf_arena_free(a);
    return bf_buf_take(&b);
}

static void gives(const char *const *headers, const char *body, const char *entity,
                  const char *want)
{
    char *got = read_all(headers, body, strlen(body), entity);

    if (!got)
        test_failed(__FILE__, __LINE__, "%s: %s: %s", body, why.field, why.words);
    CHECK_STR(got, want);
    free(got);
}

static void refused(const char *const *headers, const char *body, const char *field)
{
    char *got = read_all(headers, body, strlen(body), "acme");

    if (got)
        test_failed(__FILE__, __LINE__, "taken: %s", body);
    if (strcmp(why.field, field) != 0 || !why.words[0])
        test_failed(__FILE__, __LINE__, "%s\n  names %s (%s), not %s", body, why.field, why.words,
                    field);
}

#define HEADERS(...) (const char *const[]){__VA_ARGS__, NULL}
#define JSON         HEADERS("content-type", "application/cloudevents+json; charset=utf-8")
#define BATCH        HEADERS("Content-Type", "application/cloudevents-batch+json")
#define MINIMAL      "\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"a.b\""
#define CE           "ce-specversion", "1.0", "ce-id", "1", "CE-Source", "/s", "ce-type", "a.b"
#define KEPT         ",\"key\":\"1\",\"source\":\"/s\""

TEST(the_headers_say_how_events_come)
{
    CHECK_INT(bf_cloudevents_mode(JSON), BF_CLOUDEVENTS_STRUCTURED);
    CHECK_INT(bf_cloudevents_mode(BATCH), BF_CLOUDEVENTS_BATCH);
    CHECK_INT(bf_cloudevents_mode(HEADERS(CE)), BF_CLOUDEVENTS_BINARY);
    CHECK_INT(bf_cloudevents_mode(HEADERS("Content-Type", "application/json")),
              BF_CLOUDEVENTS_NONE);
    CHECK_INT(bf_cloudevents_mode(HEADERS("Content-Type", "application/cloudevents+jsonx")),
              BF_CLOUDEVENTS_NONE);
}

TEST(attributes_become_members_and_the_rest_is_kept)
{
    gives(JSON, "{" MINIMAL ",\"time\":\"2026-01-02T03:04:05Z\",\"subject\":\"x\\u0041\","
          "\"entity\":\"acme\",\"project\":\"vision\",\"seq\":7,\"urgent\":true,\"gone\":null,"
          "\"dataschema\":\"http://s\",\"data\": {\"n\":9007199254740993, \"f\":1.0 } }", NULL,
          "{\"type\":\"a.b\",\"entity\":\"acme\",\"project\":\"vision\"" KEPT
          ",\"time\":\"2026-01-02T03:04:05Z\",\"attributes\":{\"specversion\":\"1.0\","
          "\"subject\":\"x\\u0041\",\"seq\":7,\"urgent\":true,\"dataschema\":\"http://s\"},"
          "\"data\":{\"n\":9007199254740993, \"f\":1.0 }}");
}

TEST(the_query_fills_in_what_an_event_does_not_say)
{
    gives(JSON, "{" MINIMAL "}", "acme",
          "{\"type\":\"a.b\",\"entity\":\"acme\"" KEPT ",\"attributes\":{\"specversion\":\"1.0\"}}");
    gives(JSON, "{" MINIMAL ",\"entity\":\"own\"}", "acme",
          "{\"type\":\"a.b\",\"entity\":\"own\"" KEPT ",\"attributes\":{\"specversion\":\"1.0\"}}");
    CHECK(!read_all(JSON, "{" MINIMAL "}", strlen("{" MINIMAL "}"), NULL));
    CHECK_STR(why.field, "entity");
    CHECK_HAS(why.words, "?entity=");
}

TEST(a_type_that_ours_cannot_hold_is_changed_and_kept)
{
    gives(JSON, "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\","
          "\"type\":\"com.Example.some-Event\"}", "acme",
          "{\"type\":\"com.example.some_event\",\"entity\":\"acme\"" KEPT
          ",\"attributes\":{\"specversion\":\"1.0\",\"type\":\"com.Example.some-Event\"}}");
}

TEST(binary_mode_has_its_attributes_in_headers)
{
    gives(HEADERS(CE, "ce-entity", "acme", "ce-subject", "caf%C3%A9 \"x\"", "ce-Tag", "\"a \\\"b\"",
                  "Content-Type", "application/json"), " {\"a\": 1}\n", NULL,
          "{\"type\":\"a.b\",\"entity\":\"acme\"" KEPT ",\"attributes\":{\"specversion\":\"1.0\","
          "\"subject\":\"caf\xc3\xa9 \\\"x\\\"\",\"tag\":\"a \\\"b\","
          "\"datacontenttype\":\"application/json\"},\"data\":{\"a\": 1}}");
}

TEST(data_that_is_not_json_is_text_or_base64)
{
    static const char bytes[] = {(char)0xff, 0, 1};
    char *got;

    gives(HEADERS(CE, "Content-Type", "text/plain"), "two\nlines", "acme",
          "{\"type\":\"a.b\",\"entity\":\"acme\"" KEPT ",\"attributes\":{\"specversion\":\"1.0\","
          "\"datacontenttype\":\"text/plain\"},\"data\":\"two\\nlines\"}");
    CHECK_INT(bf_crypto_init(NULL), BF_OK);
    got = read_all(HEADERS(CE, "Content-Type", "image/png"), bytes, sizeof(bytes), "acme");
    CHECK_STR(got, "{\"type\":\"a.b\",\"entity\":\"acme\"" KEPT
                   ",\"attributes\":{\"specversion\":\"1.0\",\"datacontenttype\":\"image/png\","
                   "\"data_base64\":true},\"data\":\"/wAB\"}");
    free(got);
    gives(JSON, "{" MINIMAL ",\"data_base64\":\"/wAB\"}", "acme",
          "{\"type\":\"a.b\",\"entity\":\"acme\"" KEPT ",\"attributes\":{\"specversion\":\"1.0\","
          "\"data_base64\":true},\"data\":\"/wAB\"}");
    gives(HEADERS(CE), "", "acme", "{\"type\":\"a.b\",\"entity\":\"acme\"" KEPT
          ",\"attributes\":{\"specversion\":\"1.0\"}}");
}

TEST(a_batch_is_taken_whole_or_refused_naming_the_event)
{
    gives(BATCH, "[{" MINIMAL "}, {" MINIMAL ",\"data\":1}]", "acme",
          "{\"type\":\"a.b\",\"entity\":\"acme\"" KEPT ",\"attributes\":{\"specversion\":\"1.0\"}}\n"
          "{\"type\":\"a.b\",\"entity\":\"acme\"" KEPT ",\"attributes\":{\"specversion\":\"1.0\"},"
          "\"data\":1}");
    gives(BATCH, " [ ] ", "acme", "");
    refused(BATCH, "[{" MINIMAL "},{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"a.b\"}]",
            "[1].source");
    refused(BATCH, "{" MINIMAL "}", "");
    refused(BATCH, "[{" MINIMAL "}", "");
    refused(BATCH, "[] x", "");
    refused(BATCH, "", "");
}

TEST(errors_name_the_attribute)
{
    char source[400];

    refused(JSON, "{\"id\":\"1\",\"source\":\"/s\",\"type\":\"a\"}", "specversion");
    refused(JSON, "{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"a\"}",
            "specversion");
    refused(JSON, "{\"specversion\":1.0,\"id\":\"1\",\"source\":\"/s\",\"type\":\"a\"}",
            "specversion");
    refused(JSON, "{\"specversion\":\"1.0\",\"source\":\"/s\",\"type\":\"a\"}", "id");
    refused(JSON, "{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"/s\",\"type\":\"a\"}", "id");
    refused(JSON, "{\"specversion\":\"1.0\",\"id\":7,\"source\":\"/s\",\"type\":\"a\"}", "id");
    refused(JSON, "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"a\"}", "source");
    refused(JSON, "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\"}", "type");
    refused(JSON, "{" MINIMAL ",\"time\":\"soon\"}", "time");
    refused(JSON, "{" MINIMAL ",\"Subject\":\"x\"}", "Subject");
    refused(JSON, "{" MINIMAL ",\"my_ext\":\"x\"}", "my_ext");
    refused(JSON, "{" MINIMAL ",\"ext\":{}}", "ext");
    refused(JSON, "{" MINIMAL ",\"project\":\"a/b\"}", "project");
    refused(JSON, "{" MINIMAL ",\"project\":5}", "project");
    refused(JSON, "{" MINIMAL ",\"data\":1,\"data_base64\":\"\"}", "data_base64");
    refused(JSON, "{" MINIMAL ",\"data_base64\":\"?\"}", "data_base64");
    refused(JSON, "{" MINIMAL "", "");
    refused(JSON, "[{" MINIMAL "}]", "");
    refused(HEADERS(CE, "Content-Type", "application/json"), "{", "data");
    refused(HEADERS(CE, "ce-subject", "%FF"), "", "subject");
    refused(HEADERS(CE, "ce-subject", "%00"), "", "subject");
    refused(HEADERS(CE, "ce-id", "2"), "", "id");
    refused(HEADERS(CE, "ce-datacontenttype", "x/y"), "", "datacontenttype");
    memset(source, 'i', sizeof(source));
    snprintf(source + 300, 100, "%s", "");
    refused(HEADERS("ce-specversion", "1.0", "ce-id", source, "ce-source", "/s", "ce-type", "a"),
            "", "id");
}

/* --- out ------------------------------------------------------------------------------ */

static char *out(const char *text)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_envelope *e;
    struct bf_buf b;

    if (bf_envelope_parse(a, text, strlen(text), BF_FROM_OUTSIDE, &e, &why))
        test_failed(__FILE__, __LINE__, "%s: %s", text, why.words);
    snprintf(e->id, sizeof(e->id), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    e->time_ms = 1767323045000;
    bf_buf_init(&b, 1 << 20);
    bf_cloudevent_print(e, "https://hub.example", &b);
    bf_envelope_unref(e);
    bf_arena_free(a);
    return bf_buf_take(&b);
}

/* In, out and in again: the same event, and the same CloudEvent. */
TEST(what_came_as_a_cloudevent_goes_out_as_it_came)
{
    static const char *const events[] = {
        "{" MINIMAL ",\"entity\":\"acme\",\"data\":{\"n\": 1.0}}",
        "{" MINIMAL ",\"time\":\"2026-01-02T03:04:05+01:00\",\"subject\":\"s\",\"entity\":\"acme\"}",
        "{" MINIMAL ",\"entity\":\"acme\",\"n\":7,\"data_base64\":\"/wAB\"}",
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"Com.X\","
        "\"entity\":\"acme\",\"data\":null}",
    };

    for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
        char *first = read_all(JSON, events[i], strlen(events[i]), NULL), *sent, *second;

        if (!first)
            test_failed(__FILE__, __LINE__, "%s: %s", events[i], why.words);
        sent = out(first);
        second = read_all(JSON, sent, strlen(sent), NULL);
        CHECK_STR(second, first);
        free(first);
        free(sent);
        free(second);
    }
}

TEST(any_other_event_is_the_data_of_one_and_comes_back_whole)
{
    static const char event[] = "{ \"type\":\"artifact.alias.add\",\"entity\":\"acme\","
        "\"project\":\"p\",\"collection\":\"c\",\"alias\":\"prod\",\"key\":\"k\",\"data\":[1.0]}";
    char *sent = out(event), *back;

    CHECK_HAS(sent, "\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\"");
    CHECK_HAS(sent, "\"source\":\"https://hub.example/acme\"");
    CHECK_HAS(sent, "\"dataschema\":\"urn:belfry:envelope\"");
    CHECK_HAS(sent, "\"collection\":\"c\"");
    back = read_all(JSON, sent, strlen(sent), NULL);
    CHECK_STR(back, "{\"source\":\"https://hub.example/acme\", \"type\":\"artifact.alias.add\","
        "\"entity\":\"acme\",\"project\":\"p\",\"collection\":\"c\",\"alias\":\"prod\",\"key\":\"k\","
        "\"data\":[1.0]}");
    free(sent);
    free(back);
    refused(JSON, "{" MINIMAL ",\"dataschema\":\"urn:belfry:envelope\",\"data\":\"x\"}", "data");
    refused(JSON, "{" MINIMAL ",\"dataschema\":\"urn:belfry:envelope\",\"data\":{}}", "type");
}

/* A sender of envelopes may write the mark by hand; nothing is said twice for that. */
TEST(attributes_of_our_own_names_are_not_repeated)
{
    char *sent = out("{\"type\":\"a\",\"entity\":\"acme\",\"key\":\"k\",\"source\":\"s\",\"attributes\""
                     ":{\"specversion\":\"1.0\",\"id\":\"z\",\"entity\":\"z\",\"data\":\"z\"}}");

    CHECK_STR(sent, "{\"specversion\":\"1.0\",\"id\":\"k\",\"source\":\"s\",\"type\":\"a\","
                    "\"entity\":\"acme\"}");
    free(sent);
}
