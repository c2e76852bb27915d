/* The hooks that we ship, each in the box that hubs run them in, on events as hubs have them. */
#include "core/script/box.h"

#include <stdlib.h>

#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/base/json.h"
#include "tests/test.h"

static struct bf_buf out, words;

static struct bf_script *load(struct bf_box *b, const char *name, const char *from, const char *to)
{
    static char code[BF_HOOK_CODE_MAX + 1];
    char path[200];
    struct bf_script *s;
    struct bf_error err;
    char *at;
    FILE *f;

    snprintf(path, sizeof(path), "scripts/hooks/%s", name);
    f = fopen(path, "r");
    CHECK(f != NULL);
    code[fread(code, 1, sizeof(code) - 1, f)] = '\0';
    fclose(f);
    if (from) {                 /* a constant that somebody has edited */
        char *rest;

        at = strstr(code, from);
        CHECK(at != NULL);
        rest = strdup(at + strlen(from));
        sprintf(at, "%s%s", to, rest);
        free(rest);
    }
    if (bf_box_load(b, name, code, strlen(code), 0, &s, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    return s;
}

static enum bf_said call_edited(const char *name, enum bf_hook_kind kind, const char *event,
                                const char *payload, const char *from, const char *to)
{
    struct bf_box_event e = {.text = event, .len = strlen(event), .id = "01JD",
                             .received_ms = 1764144000000};     /* 2025-11-26T08:00Z */
    struct bf_box *b = bf_box_new(NULL, NULL, NULL);
    struct bf_script *s = load(b, name, from, to);
    enum bf_said said;

    bf_buf_fini(&out);
    bf_buf_fini(&words);
    bf_buf_init(&out, 8 * 1024 * 1024);
    bf_buf_init(&words, 8192);
    said = bf_box_call(s, kind, &e, "webhook", payload, payload ? strlen(payload) : 0, &out, &words);
    bf_script_free(s);
    bf_box_free(b);
    return said;
}

static enum bf_said call(const char *name, enum bf_hook_kind kind, const char *event,
                         const char *payload)
{
    enum bf_said said = call_edited(name, kind, event, payload, NULL, NULL);

    if (said == BF_SAID_FAILED)
        printf("%s\n", bf_buf_text(&words));
    return said;
}

static enum bf_said filter(const char *name, const char *event)
{
    return call(name, BF_HOOK_FILTER, event, NULL);
}


/* --- large_models_only.lua -------------------------------------------------------------------------- */

TEST(large_models_only)
{
    static const char file[] = "large_models_only.lua";

    CHECK_INT(filter(file, "{\"artifact\":{\"metadata\":{\"size\":1073741824}}}"), BF_SAID_YES);
    CHECK_INT(filter(file, "{\"artifact\":{\"metadata\":{\"size\":1073741823}}}"), BF_SAID_NO);
    CHECK_INT(filter(file, "{\"artifact\":{\"metadata\":{\"size\":\"9007199254740993\"}}}"),
              BF_SAID_YES);
    CHECK_INT(filter(file, "{\"artifact\":{\"metadata\":{\"size\":null}}}"), BF_SAID_NO);
    CHECK_INT(filter(file, "{\"artifact\":{\"metadata\":{}}}"), BF_SAID_NO);
    CHECK_INT(filter(file, "{\"artifact\":{}}"), BF_SAID_NO);
    CHECK_INT(filter(file, "{\"artifact\":{\"metadata\":{\"size\":\"big\"}}}"), BF_SAID_FAILED);
    CHECK_HAS(bf_buf_text(&words), "artifact.metadata.size is no number: big");
    CHECK_INT(filter(file, "{\"type\":\"run.state\"}"), BF_SAID_FAILED);
    CHECK_HAS(bf_buf_text(&words), "this hook is for events of artifacts; run.state has none");
}


/* --- working_hours.lua ------------------------------------------------------------------------------- */

static const struct {
    const char *time;
    enum bf_said said;
} hours[] = {
    {"2026-11-25T08:00:00Z", BF_SAID_YES},      /* a Wednesday; 09:00 in Berlin */
    {"2026-11-25T07:59:59Z", BF_SAID_NO},
    {"2026-11-25T16:59:59.999Z", BF_SAID_YES},
    {"2026-11-25T17:00:00Z", BF_SAID_NO},
    {"2026-07-01T07:00:00Z", BF_SAID_YES},      /* 09:00 in summer */
    {"2026-07-01T06:59:59Z", BF_SAID_NO},
    {"2026-11-25T10:00:00+02:00", BF_SAID_YES}, /* a sender elsewhere: 09:00 in Berlin */
    {"2026-11-28T11:00:00Z", BF_SAID_NO},       /* a Saturday */
    {"2026-12-25T11:00:00Z", BF_SAID_NO},       /* a Friday, and Christmas */
    {"2027-01-01T11:00:00Z", BF_SAID_NO},
    {"2026-12-24T11:00:00Z", BF_SAID_YES},
};

TEST(working_hours)
{
    for (size_t i = 0; i < BF_COUNT(hours); i++) {
        char event[100];

        snprintf(event, sizeof(event), "{\"type\":\"x.y\",\"time\":\"%s\"}", hours[i].time);
        if (filter("working_hours.lua", event) != hours[i].said)
            test_failed(__FILE__, __LINE__, "at %s", hours[i].time);
    }
    CHECK_INT(filter("working_hours.lua", "{\"type\":\"x.y\"}"), BF_SAID_YES);  /* when it came */
}

TEST(working_hours_elsewhere)
{
    static const char event[] = "{\"type\":\"x.y\",\"time\":\"2026-11-25T00:30:00Z\"}";

    CHECK_INT(call_edited("working_hours.lua", BF_HOOK_FILTER, event, NULL, "Europe/Berlin",
                          "Asia/Tokyo"), BF_SAID_YES);
}


/* --- dedupe_by_value.lua ------------------------------------------------------------------------------ */

static const struct {
    const char *event;
    enum bf_said said;
} values[] = {
    {"{\"data\":{\"status\":\"red\",\"previous\":{\"status\":\"red\"}}}", BF_SAID_NO},
    {"{\"data\":{\"status\":\"red\",\"previous\":{\"status\":\"green\"}}}", BF_SAID_YES},
    {"{\"data\":{\"old\":1,\"new\":1.0}}", BF_SAID_NO},
    {"{\"data\":{\"old\":{\"a\":[1,null]},\"new\":{\"a\":[1,null]}}}", BF_SAID_NO},
    {"{\"data\":{\"old\":{\"a\":[1,null]},\"new\":{\"a\":[1,2]}}}", BF_SAID_YES},
    {"{\"data\":{\"old\":null,\"new\":0}}", BF_SAID_YES},
    {"{\"data\":{\"old\":1,\"new\":1,\"status\":1,\"previous\":{\"status\":2}}}", BF_SAID_YES},
    {"{\"data\":{\"new\":1}}", BF_SAID_YES},
    {"{\"data\":{\"previous\":\"text\",\"status\":\"red\"}}", BF_SAID_YES},
    {"{\"type\":\"x.y\"}", BF_SAID_YES},
};

TEST(dedupe_by_value)
{
    for (size_t i = 0; i < BF_COUNT(values); i++)
        if (filter("dedupe_by_value.lua", values[i].event) != values[i].said)
            test_failed(__FILE__, __LINE__, "of %s", values[i].event);
}

static enum bf_said metric(const char *points)
{
    char event[300];

    snprintf(event, sizeof(event), "{\"type\":\"run.metric\",\"metrics\":[%s]}", points);
    return call_edited("dedupe_by_value.lua", BF_HOOK_FILTER, event, NULL, "METRIC = nil",
                       "METRIC = \"loss\"");
}

TEST(dedupe_by_value_of_a_metric)
{
    CHECK_INT(metric("{\"name\":\"loss\",\"value\":0.5},{\"name\":\"acc\",\"value\":1},"
                     "{\"name\":\"loss\",\"value\":0.5}"), BF_SAID_NO);
    CHECK_INT(metric("{\"name\":\"loss\",\"value\":0.5},{\"name\":\"loss\",\"value\":0.4}"),
              BF_SAID_YES);
    CHECK_INT(metric("{\"name\":\"loss\",\"value\":0.5}"), BF_SAID_YES);        /* nothing before it */
    CHECK_INT(metric("{\"name\":\"loss\",\"value\":\"NaN\"},{\"name\":\"loss\",\"value\":\"NaN\"}"),
              BF_SAID_NO);
}


/* --- slack_metric_table.lua ----------------------------------------------------------------------------- */

static const struct bf_json *slack(struct bf_arena *a, const char *event, const char *payload)
{
    const struct bf_json *j;

    CHECK_INT(call("slack_metric_table.lua", BF_HOOK_TRANSFORM, event, payload), BF_SAID_CHANGED);
    j = bf_json_parse(a, out.data, out.len, NULL);
    CHECK(j != NULL);
    return j;
}

static const char *at(struct bf_arena *a, const struct bf_json *j, const char *pointer)
{
    return bf_json_str(a, bf_json_at(j, pointer));
}

TEST(slack_metric_table)
{
    static const char event[] =
        "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\",\"author\":\"a<b\","
        "\"time\":\"2026-11-25T08:00:00Z\",\"run\":{\"id\":\"r1\",\"name\":\"sunny-frog-7\"},"
        "\"metrics\":[{\"name\":\"accuracy\",\"step\":12,\"value\":0.912345678},"
        "{\"name\":\"`<loss>`\",\"step\":12,\"value\":\"NaN\"},{\"name\":\"é\",\"value\":3}]}";
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    const struct bf_json *j = slack(a, event, "{\"channel\":\"#x\",\"text\":\"fell\"}");

    CHECK_STR(at(a, j, "/channel"), "#x");
    CHECK_STR(at(a, j, "/text"), "fell");
    CHECK_STR(at(a, j, "/blocks/0/text/text"), "sunny-frog-7");
    CHECK_STR(at(a, j, "/blocks/1/text/text"), "fell");
    CHECK_STR(at(a, j, "/blocks/2/text/text"),
              "```metric    step  value\n"
              "accuracy  12    0.91235\n"
              "'&lt;loss&gt;'  12    NaN\n"
              "é         -     3```");
    CHECK_STR(at(a, j, "/blocks/3/elements/0/text"),
              "acme/vision · a&lt;b · 2026-11-25T08:00:00Z");
    CHECK_INT(bf_json_count(bf_json_at(j, "/blocks")), 4);

    j = slack(a, "{\"type\":\"ci.finished\",\"entity\":\"acme\"}", "{}");
    CHECK_STR(at(a, j, "/text"), "ci.finished");
    CHECK_INT(bf_json_count(bf_json_at(j, "/blocks")), 2);
    bf_arena_free(a);
}

/* Slack counts characters; none is cut in two. */
static size_t characters(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += (*text & 0xc0) != 0x80;
    return n;
}

static void check_limits(struct bf_arena *a, const struct bf_json *j)
{
    const struct bf_json *blocks = bf_json_at(j, "/blocks");

    CHECK(bf_json_count(blocks) <= 50);
    for (const struct bf_json *b = bf_json_first(blocks); b; b = bf_json_next(blocks, b)) {
        const char *text = at(a, b, "/text/text");

        if (text)
            CHECK(characters(text) <= (bf_json_eq(bf_json_get(b, "type"), "header") ? 150 : 3000));
    }
}

TEST(slack_metric_table_keeps_to_slacks_limits)
{
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    const struct bf_json *j, *blocks, *last = NULL;
    struct bf_buf b;

    bf_buf_init(&b, 4 * 1024 * 1024);
    bf_buf_adds(&b, "{\"type\":\"run.metric\",\"entity\":\"acme\",\"run\":{\"id\":\"r\",\"name\":\"");
    for (int i = 0; i < 300; i++)
        bf_buf_adds(&b, "é");
    bf_buf_adds(&b, "\"},\"metrics\":[");
    for (int i = 0; i < 8000; i++)
        bf_buf_printf(&b, "%s{\"name\":\"layers.%d.<weight>&long/name/of/a/parameter\",\"step\":%d,"
                          "\"value\":%d.5}", i ? "," : "", i, i, i);
    bf_buf_adds(&b, "]}");
    j = slack(a, bf_buf_text(&b), "{\"text\":\"x\"}");
    check_limits(a, j);
    blocks = bf_json_at(j, "/blocks");
    CHECK(bf_json_count(blocks) > 45);
    for (const struct bf_json *k = bf_json_first(blocks); k; k = bf_json_next(blocks, k))
        if (bf_json_eq(bf_json_get(k, "type"), "section"))
            last = k;
    CHECK_HAS(at(a, last, "/text/text"), " more_");
    bf_buf_fini(&b);
    bf_arena_free(a);
}


/* --- redact_keys.lua --------------------------------------------------------------------------------------- */

TEST(redact_keys_in_a_payload)
{
    CHECK_INT(call("redact_keys.lua", BF_HOOK_TRANSFORM, "{\"type\":\"x.y\"}",
                   "{\"api_key\":\"abc\",\"apiKey\":\"abc\",\"HF_TOKEN\":\"x\",\"a\":[{\"password\":\"p\"}],"
                   "\"tokenizer\":\"bert\",\"max_tokens\":4096,\"token\":17,\"secret\":\"\","
                   "\"text\":\"use ghp_0123456789abcdefghijABCDEFGHIJ0123456789 here\","
                   "\"plain\":\"nothing\",\"none\":null,\"empty\":[],\"big\":9007199254740993}"),
              BF_SAID_CHANGED);
    CHECK_STR(bf_buf_text(&out),
              "{\"api_key\":\"[redacted]\",\"apiKey\":\"[redacted]\",\"HF_TOKEN\":\"[redacted]\","
              "\"a\":[{\"password\":\"[redacted]\"}],"
              "\"tokenizer\":\"bert\",\"max_tokens\":4096,\"token\":17,\"secret\":\"\","
              "\"text\":\"use [redacted] here\","
              "\"plain\":\"nothing\",\"none\":null,\"empty\":[],\"big\":9007199254740993}");
}

TEST(redact_keys_in_an_event)
{
    CHECK_INT(call("redact_keys.lua", BF_HOOK_ON_EVENT,
                   "{\"type\":\"run.state\",\"entity\":\"acme\",\"key\":\"k-1\",\"author\":\"ana\","
                   "\"run\":{\"id\":\"r\",\"name\":\"token\",\"config\":{\"env\":{\"WANDB_API_KEY\":"
                   "\"0123\"},\"lr\":0.1}},"
                   "\"artifact\":{\"version\":\"v1\",\"metadata\":{\"aws\":\"AKIAABCDEFGHIJKLMNOP\"}},"
                   "\"data\":{\"headers\":[\"Bearer xoxb-1234567890-abcdef\"]}}", NULL),
              BF_SAID_CHANGED);
    CHECK_STR(bf_buf_text(&out),
              "{\"type\":\"run.state\",\"entity\":\"acme\",\"key\":\"k-1\",\"author\":\"ana\","
              "\"run\":{\"id\":\"r\",\"name\":\"token\",\"config\":{\"env\":{\"WANDB_API_KEY\":"
              "\"[redacted]\"},\"lr\":0.1}},"
              "\"artifact\":{\"version\":\"v1\",\"metadata\":{\"aws\":\"[redacted]\"}},"
              "\"data\":{\"headers\":[\"Bearer [redacted]\"]}}");
}

TEST(redact_keys_leaves_an_event_that_has_none)
{
    CHECK_INT(call("redact_keys.lua", BF_HOOK_ON_EVENT,
                   "{\"type\":\"x.y\",\"entity\":\"acme\",\"data\":{\"tokens\":\"many\",\"n\":1}}", NULL),
              BF_SAID_YES);
    CHECK_INT(call("redact_keys.lua", BF_HOOK_ON_EVENT, "{\"type\":\"x.y\",\"data\":null}", NULL),
              BF_SAID_YES);
    CHECK_INT(call("redact_keys.lua", BF_HOOK_ON_EVENT,
                   "{\"type\":\"x.y\",\"data\":\"sk-0123456789abcdefghij\"}", NULL),
              BF_SAID_CHANGED);
    CHECK_STR(bf_buf_text(&out), "{\"type\":\"x.y\",\"data\":\"[redacted]\"}");
}


/* --- route_by_tag.lua ---------------------------------------------------------------------------------------- */

static const char *routed(const char *event)
{
    CHECK_INT(call("route_by_tag.lua", BF_HOOK_TRANSFORM, event, "{\"text\":\"x\",\"channel\":\"?\"}"),
              BF_SAID_CHANGED);
    return bf_buf_text(&out);
}

TEST(route_by_tag)
{
    CHECK_HAS(routed("{\"run\":{\"id\":\"r\",\"tags\":[\"a\",\"nlp\"]}}"),
              "\"channel\":\"#nlp-training\"");
    CHECK_HAS(routed("{\"run\":{\"tags\":[\"nlp\"]},\"artifact\":{\"tags\":[\"oncall\"]}}"),
              "\"channel\":\"#oncall\"");
    CHECK_HAS(bf_buf_text(&out), "\"priority\":\"high\"");
    CHECK_HAS(routed("{\"tag\":\"vision\"}"), "\"channel\":\"#vision-training\"");
    CHECK_HAS(routed("{\"run\":{\"tags\":[]}}"), "\"channel\":\"#ml-alerts\"");
    CHECK_HAS(routed("{\"type\":\"x.y\"}"), "\"text\":\"x\"");
    CHECK_INT(call("route_by_tag.lua", BF_HOOK_TRANSFORM, "{\"type\":\"x.y\"}", "\"text\""),
              BF_SAID_FAILED);
    CHECK_HAS(bf_buf_text(&words), "the payload must be an object");
}
