/* test_box.c - what scripts can do, what they are given, and what of it comes back. */
#include "core/script/box.h"
#include "tests/test.h"

#include <stdlib.h>

#include "core/base/base.h"

#define ALL (1u << BF_HOOK_FILTER | 1u << BF_HOOK_TRANSFORM | 1u << BF_HOOK_ON_EVENT)

static const char event_text[] =
    "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
    "\"run\":{\"id\":\"r1\",\"name\":\"nightly \\u00e9\",\"state\":\"RUNNING\",\"tags\":[\"a\",\"b\"],"
    "\"config\":{\"lr\":1e-3,\"big\":9007199254740993,\"none\":null,\"empty\":[],\"void\":{}}},"
    "\"metrics\":[{\"name\":\"loss\",\"value\":0.5},{\"name\":\"acc\",\"value\":0.91}],"
    "\"data\":{\"message\":\"first\\nsecond\",\"n\":1.0}}";

static const struct bf_box_event event = {
    .text = event_text, .len = sizeof(event_text) - 1, .id = "01JD", .received_ms = 1700000000000};

static struct bf_error err;
static struct bf_buf out, words;

static struct bf_script *load(struct bf_box *b, const char *code)
{
    struct bf_script *s = NULL;

    if (bf_box_load(b, "hook.lua", code, strlen(code), 0, &s, &err))
        test_failed(__FILE__, __LINE__, "%s\n%s", err.words, code);
    return s;
}

static enum bf_said call(struct bf_script *s, enum bf_hook_kind kind, const char *payload)
{
    bf_buf_fini(&out);
    bf_buf_fini(&words);
    bf_buf_init(&out, 1024 * 1024);
    bf_buf_init(&words, 8192);
    return bf_box_call(s, kind, &event, "webhook", payload, payload ? strlen(payload) : 0, &out, &words);
}

/* What a filter with this body says; words[] is what of a failure. */
static enum bf_said filter(const char *body)
{
    struct bf_box *b = bf_box_new(NULL, NULL, NULL);
    char code[4096];
    struct bf_script *s;
    enum bf_said said;

    snprintf(code, sizeof(code), "return { filter = function(event) %s end }", body);
    s = load(b, code);
    said = call(s, BF_HOOK_FILTER, NULL);
    bf_script_free(s);
    bf_box_free(b);
    return said;
}

/* Every line must be true. */
static const char *const truths[] = {
    "event.type == 'run.metric'",
    "event.run.name == 'nightly \\u{e9}'",
    "event.run.state == 'RUNNING' and event.run.missing == nil",
    "#event.run.tags == 2 and event.run.tags[2] == 'b' and event.run.tags[3] == nil",
    "event.metrics[2].value > 0.9 and event.metrics[1].name == 'loss'",
    "event.run.config.big == 9007199254740993 and math.type(event.run.config.big) == 'integer'",
    "event.run.config.none == belfry.json.null and type(event.run.config.none) == 'null'",
    "#event.run.config.empty == 0 and type(event.run.config.empty) == 'table'",
    "event.id == '01JD' and event.received == '2023-11-14T22:13:20.000Z'",
    "event.time == event.received",
    "event.action == 'webhook'",
    "event.run == event.run and event.run ~= event.data",
    "next(event.run.config.void) == nil",
    "event['run']['id'] == 'r1' and event[1] == nil and event.run.tags.x == nil",
    "event.data.message:match('^[^\\n]*') == 'first'",
    "tostring(event) == 'table' and tostring(event.run.config.none) == 'null'",
    "rawequal(event.type, 'run.metric') and rawlen(event.run.tags) == 2",
    "rawget(event, 'type') == 'run.metric'",
    "(function() local n = 0 for _ in pairs(event) do n = n + 1 end return n end)() == 10",
    "(function() local k for key in pairs(event.run) do k = key break end return k end)() == 'id'",
    "(function() local t = {} for i, v in ipairs(event.run.tags) do t[i] = v end"
    " return table.concat(t) end)() == 'ab'",
    "table.concat(event.run.tags, ',') == 'a,b' and select('#', table.unpack(event.run.tags)) == 2",
    "getmetatable('') == false and getmetatable(event) == false",
};

TEST(an_event_is_read_as_tables_are)
{
    for (size_t i = 0; i < BF_COUNT(truths); i++) {
        char body[1024];

        snprintf(body, sizeof(body), "return %s", truths[i]);
        if (filter(body) != BF_SAID_YES)
            test_failed(__FILE__, __LINE__, "%s: %s", truths[i], bf_buf_text(&words));
    }
}

TEST(a_filter_says_yes_or_no_and_nothing_else)
{
    CHECK_INT(filter("return true"), BF_SAID_YES);
    CHECK_INT(filter("return false"), BF_SAID_NO);
    CHECK_INT(filter("return 'yes'"), BF_SAID_FAILED);
    CHECK_STR(bf_buf_text(&words), "hook.lua:1: filter must return true or false, not a string (\"yes\")");
    CHECK_INT(filter("return"), BF_SAID_FAILED);
    CHECK_HAS(bf_buf_text(&words), "not nothing");
}

TEST(an_error_names_the_line_the_value_and_the_way_there)
{
    struct bf_box *b = bf_box_new(NULL, NULL, NULL);
    struct bf_script *s = load(b, "local hook = {}\n"
                                  "local function first_line(event)\n"
                                  "    return event.data.msg:match('^[^\\n]*')\n"
                                  "end\n"
                                  "function hook.filter(event)\n"
                                  "    local line = first_line(event)\n"
                                  "    return line == 'x'\n"
                                  "end\n"
                                  "return hook\n");

    CHECK_INT(call(s, BF_HOOK_FILTER, NULL), BF_SAID_FAILED);
    CHECK_STR(bf_buf_text(&words),
              "hook.lua:3: event.data.msg is nil, so it has no member \"match\"\n"
              "    return event.data.msg:match('^[^\\n]*')\n"
              "  hook.lua:3: in first_line\n"
              "  hook.lua:6: in filter");
    bf_script_free(s);
    bf_box_free(b);
}

static void transform(const char *body, const char *payload, enum bf_said said, const char *expect)
{
    struct bf_box *b = bf_box_new(NULL, NULL, NULL);
    char code[4096];
    struct bf_script *s;

    snprintf(code, sizeof(code), "return { transform = function(payload, event) %s end }", body);
    s = load(b, code);
    if (call(s, BF_HOOK_TRANSFORM, payload) != said)
        test_failed(__FILE__, __LINE__, "%s: %s", body, bf_buf_text(&words));
    CHECK_STR(said == BF_SAID_FAILED ? bf_buf_text(&words) : bf_buf_text(&out), expect);
    bf_script_free(s);
    bf_box_free(b);
}

TEST(what_a_transform_leaves_alone_keeps_its_bytes_and_its_place)
{
    static const char payload[] = "{\"b\": 1.0, \"a\":[1e2, {\"x\":\"\\u0041\"}], \"c\":{} }";

    transform("return payload", payload, BF_SAID_YES, "");
    transform("payload.a[2].x = 'y' return payload", payload, BF_SAID_CHANGED,
              "{\"b\":1.0,\"a\":[1e2,{\"x\":\"y\"}],\"c\":{}}");
    transform("payload.b = nil payload.z = {} payload.y = belfry.json.array {} return payload", payload,
              BF_SAID_CHANGED, "{\"a\":[1e2, {\"x\":\"\\u0041\"}],\"c\":{},\"z\":{},\"y\":[]}");
    transform("table.insert(payload.a, 3) table.remove(payload.a, 1) return payload", payload,
              BF_SAID_CHANGED, "{\"b\":1.0,\"a\":[{\"x\":\"\\u0041\"},3],\"c\":{}}");
    transform("return { run = event.run.config, n = 1 }", payload, BF_SAID_CHANGED,
              "{\"n\":1,\"run\":{\"lr\":1e-3,\"big\":9007199254740993,\"none\":null,\"empty\":[],"
              "\"void\":{}}}");
    /* Escapes of a text that is no container were taken for what they stand for. */
    transform("return payload .. '!'", "\"a\\nb\"", BF_SAID_CHANGED, "\"a\\nb!\"");
    transform("return payload + 1", " 41 ", BF_SAID_CHANGED, "42");
    transform("return belfry.json.decode('[]')", payload, BF_SAID_CHANGED, "[]");
    transform("return { 9007199254740993, 0.1, -2^63, belfry.json.null }", payload, BF_SAID_CHANGED,
              "[9007199254740993,0.1,-9.223372036854776e+18,null]");
}

TEST(on_event_changes_in_place_drops_or_passes)
{
    struct bf_box *b = bf_box_new(NULL, NULL, NULL);
    struct bf_script *s =
        load(b, "return { on_event = function(event)\n"
                "  if event.run.state == 'RUNNING' then event.run.state = nil event.data.n = nil\n"
                "    event.data.who = event.run.tags return event end\n"
                "end }");

    CHECK_INT(call(s, BF_HOOK_ON_EVENT, NULL), BF_SAID_CHANGED);
    CHECK_HAS(bf_buf_text(&out), "\"name\":\"nightly \\u00e9\",\"tags\":[\"a\",\"b\"],");
    CHECK_HAS(bf_buf_text(&out), "\"data\":{\"message\":\"first\\nsecond\",\"who\":[\"a\",\"b\"]}}");
    CHECK(strncmp(bf_buf_text(&out), "{\"type\":", 8) == 0);
    bf_script_free(s);
    bf_box_free(b);
}

static void on_event(const char *body, enum bf_said said, const char *part)
{
    struct bf_box *b = bf_box_new(NULL, NULL, NULL);
    char code[4096];
    struct bf_script *s;

    snprintf(code, sizeof(code), "return { on_event = function(event) %s end }", body);
    s = load(b, code);
    if (call(s, BF_HOOK_ON_EVENT, NULL) != said)
        test_failed(__FILE__, __LINE__, "%s: %s", body, bf_buf_text(&words));
    CHECK_HAS(said == BF_SAID_FAILED ? bf_buf_text(&words) : bf_buf_text(&out), part);
    bf_script_free(s);
    bf_box_free(b);
}

TEST(on_event_gives_back_the_event_or_false)
{
    on_event("return event", BF_SAID_YES, "");
    on_event("return false", BF_SAID_NO, "");
    on_event("return", BF_SAID_FAILED, "on_event must return the event, or false to drop it, not nothing");
    on_event("return true", BF_SAID_FAILED, "not a boolean (true)");
    on_event("event.entity = 'other' return event", BF_SAID_FAILED, "hook.lua:1: event.entity cannot be set");
    on_event("event.id = nil return event", BF_SAID_FAILED, "event.id cannot be set");
    on_event("return { type = 'x.y' }", BF_SAID_FAILED, "another \"entity\" than the event");
    on_event("return event.data", BF_SAID_FAILED, "another \"entity\" than the event");
    on_event("local e = {} for k, v in pairs(event) do e[k] = v end e.tag = 'new' return e", BF_SAID_CHANGED,
             "\"tag\":\"new\"");
    CHECK(!strstr(bf_buf_text(&out), "\"id\":\"01JD\"") && !strstr(bf_buf_text(&out), "received"));
    on_event("event.metrics[4] = {} return event", BF_SAID_FAILED,
             "event.metrics[4] cannot be set: the array has 2 elements, and there may be no hole");
    on_event("event.run.tags[1] = nil return event", BF_SAID_FAILED, "event.run.tags[1] is nil");
    on_event("event.run.tags[2] = nil event.run.tags[1] = nil return event", BF_SAID_CHANGED, "\"tags\":[]");
    on_event("event.data.f = pairs return event", BF_SAID_FAILED, "event.data.f is a function");
    on_event("event.data.x = 0/0 return event", BF_SAID_FAILED, "event.data.x is not a number");
    on_event("event.data[1] = 5 return event", BF_SAID_FAILED, "event.data[1] cannot be set: it is in an object");
    on_event("event.run.tags.x = 5 return event", BF_SAID_FAILED, "event.run.tags.x cannot be set: it is in an");
    on_event("event.data.n = nil event.data.n = 2 event.data.new = 1 event.data.new = nil return event",
             BF_SAID_CHANGED, "\"data\":{\"message\":\"first\\nsecond\",\"n\":2}");
    on_event("table.sort(event.run.tags, function(a, b) return a > b end) return event", BF_SAID_CHANGED,
             "[\"b\",\"a\"]");
    on_event("event.time = '2026-11-23T12:00:00Z' return event", BF_SAID_CHANGED,
             ",\"time\":\"2026-11-23T12:00:00Z\"}");
}

/* Two that are each as deep as may be make one that is too deep. */
TEST(nothing_deeper_than_the_hub_takes_comes_out)
{
    char payload[300] = "", body[300];

    for (int i = 0; i < 40; i++)
        strcat(payload, "[");
    strcat(payload, "1");
    for (int i = 0; i < 40; i++)
        strcat(payload, "]");
    snprintf(body, sizeof(body), "local t = payload for i = 1, %d do t = {t} end return t", 24);
    transform(body, payload, BF_SAID_CHANGED,
              "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1"
              "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    snprintf(body, sizeof(body), "local t = payload for i = 1, %d do t = {t} end return t", 25);
    transform(body, payload, BF_SAID_FAILED,
              "hook.lua:1: payload[1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1]"
              " is nested more than 64 deep; does a table hold itself?");
}

TEST(no_pcall_holds_the_budget_up)
{
    CHECK_INT(filter("while true do pcall(function() while true do end end) end"), BF_SAID_FAILED);
    CHECK_HAS(bf_buf_text(&words), "it took more than 10 million instructions");
    CHECK_INT(filter("xpcall(function() while true do end end, function() while true do end end)"),
              BF_SAID_FAILED);
    CHECK_HAS(bf_buf_text(&words), "it took more than 10 million instructions");
}

TEST(memory_is_bounded_and_the_box_can_be_used_again)
{
    struct bf_box *b = bf_box_new(NULL, NULL, NULL);
    struct bf_script *s = load(b, "return { filter = function(event)\n"
                                  "  if event.type == 'x' then return true end\n"
                                  "  local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(100) .. i end\n"
                                  "end, transform = function() return {} end }");

    for (int i = 0; i < 3; i++) {
        CHECK_INT(call(s, BF_HOOK_FILTER, NULL), BF_SAID_FAILED);
        CHECK_HAS(bf_buf_text(&words), "hook.lua:3: it needs more than the 16 MiB of memory");
        CHECK_INT(call(s, BF_HOOK_TRANSFORM, "{}"), BF_SAID_CHANGED);
    }
    bf_script_free(s);
    bf_box_free(b);
}

TEST(a_script_that_is_wrong_is_refused_with_its_line)
{
    static const struct {
        const char *code;
        unsigned needs;
        const char *words;
    } rows[] = {
        {"return {\n  filter = function(event) return tru end }", ALL, "\"transform\""},
        {"local x = \n\nreturn end", 0, "hook.lua:3: unexpected symbol near 'return'"},
        {"return 5", 0, "hook.lua: a script returns a table of functions"},
        {"return { filtr = function() end }", 1u << BF_HOOK_FILTER,
         "hook.lua: it has no function \"filter\"; is \"filtr\" meant for it?"},
        {"return { filter = 5 }", 0, "hook.lua: filter is a number, not a function"},
        {"\x1bLua", 0, "hook.lua: this is no text"},
        {"function filter() end", 0, "hook.lua:1: \"filter\" would be a global"},
        {"local time = os.time()", 0, "hook.lua:1: there is no \"os\" here"},
        {"\nlocal evnt = 1 return { x = event }", 0, "hook.lua:2: there is no \"event\" here; is \"evnt\""},
        {"string.rep = nil", 0, "hook.lua:1: string.rep cannot be set"},
        {"return string.trim('x')", 0, "hook.lua:1: there is no string.trim"},
        {"while true do end", 0, "hook.lua:1: it took more than 10 million instructions"},
    };
    struct bf_box *b = bf_box_new(NULL, NULL, NULL);

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_script *s = NULL;

        CHECK_INT(bf_box_load(b, "hook.lua", rows[i].code, strlen(rows[i].code), rows[i].needs, &s, &err),
                  BF_ECONFIG);
        CHECK_HAS(err.words, rows[i].words);
    }
    bf_box_free(b);
}
