/* In what two automations differ: by what they mean, and named as their authors would. */
#include "core/rules/differ.h"

#include <string.h>

#include "core/base/buf.h"
#include "tests/test.h"

struct telling {
    struct bf_buf b;
};

static void on_member(void *arg, const char *member, const char *before, const char *after)
{
    struct telling *t = arg;

    bf_buf_printf(&t->b, "%s%s: %s -> %s", t->b.len ? "; " : "", member, before ? before : "none",
                  after ? after : "none");
}

static struct bf_automation *parse(const char *spec)
{
    struct bf_automation *a;
    struct bf_error err;

    if (bf_automation_parse(spec, strlen(spec), "A", 1, NULL, &a, &err)) {
        test_failed(__FILE__, __LINE__, "%s: %s", err.field, err.words);
        return NULL;
    }
    return a;
}

/* An automation with this between its scope and its actions, and these actions. */
static const char *with(struct bf_arena *a, const char *rest, const char *actions)
{
    return bf_arena_printf(a, "{\"name\":\"n\",\"scope\":{\"entity\":\"acme\",\"project\":\"p\"},%s,"
                              "\"actions\":%s}", rest, actions);
}

#define ACTIONS "[{\"integration\":\"I\",\"config\":{\"payload\":{\"a\":1,\"b\":[1,2]}}}]"
#define ALIAS   "\"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\",\"filter\":{\"alias\":\"prod\"}}"
#define METRIC  "\"event\":{\"type\":\"RUN_METRIC\",\"filter\":{\"run_metric_filter\":" \
                "{\"threshold_filter\":{\"name\":\"loss\",\"cmp_op\":\"$gt\",\"threshold\":0.5}}}}"

/* What is told of these two, "" if nothing. */
static void check(const char *before, const char *after, const char *want)
{
    struct bf_arena *a = bf_arena_new(16 * 1024 * 1024);
    struct bf_automation *x = parse(before), *y = parse(after);
    struct telling t;
    bool differ;

    bf_buf_init(&t.b, 65536);
    if (x && y) {
        differ = bf_automations_differ(a, x, y, on_member, &t);
        CHECK_STR(bf_buf_text(&t.b), want);
        CHECK_INT(differ, *want != '\0');
        CHECK_INT(bf_automations_differ(a, x, y, NULL, NULL), differ);
    }
    bf_buf_fini(&t.b);
    bf_automation_unref(x);
    bf_automation_unref(y);
    bf_arena_free(a);
}

static void check_rest(const char *before, const char *after, const char *want)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);

    check(with(a, before, ACTIONS), with(a, after, ACTIONS), want);
    bf_arena_free(a);
}

static void check_actions(const char *before, const char *after, const char *want)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);

    check(with(a, ALIAS, before), with(a, ALIAS, after), want);
    bf_arena_free(a);
}

TEST(what_is_left_out_is_its_default)
{
    check_rest(ALIAS, ALIAS ",\"enabled\":true,\"description\":\"\",\"dry_run\":false,\"limits\":null",
               "");
    check_rest(METRIC, METRIC ",\"limits\":{\"per_run\":\"24h\"}", "");
    check_rest(METRIC, METRIC ",\"limits\":{\"matches\":{\"count\":2,\"within\":\"10m\"}}",
               "limits.matches.count: none -> 2; limits.matches.within: none -> \"10m\"");
    check_rest(METRIC ",\"limits\":{\"matches\":{\"count\":2,\"within\":\"10m\"}}",
               METRIC ",\"limits\":{\"matches\":{\"count\":2,\"within\":\"10m\",\"per\":\"run\"}}", "");
    check_rest(ALIAS ",\"hooks\":{\"filter\":{\"file\":\"a.lua\"}}",
               ALIAS ",\"hooks\":{\"filter\":{\"file\":\"a.lua\",\"on_error\":\"fail\"},"
                     "\"transform\":null}", "");
}

TEST(spelling_and_order_do_not_count)
{
    check_rest(ALIAS ",\"limits\":{\"cooldown\":\"600s\",\"over\":\"skip\"}",
               ALIAS ",\"limits\":{\"over\":\"skip\",\"cooldown\":\"10m\"}", "");
    check_rest(ALIAS, "\"event\":{\"filter\":\"{\\\"alias\\\":{\\\"$eq\\\":\\\"prod\\\"}}\","
                      "\"type\":\"ADD_ARTIFACT_ALIAS\"}", "");
    check_rest("\"event\":{\"type\":\"RUN_STATE\",\"filter\":{\"run_state_filter\":"
               "{\"states\":[\"CRASHED\",\"finished\"]}}}",
               "\"event\":{\"type\":\"RUN_STATE\",\"filter\":{\"run_state_filter\":"
               "{\"states\":[\"FINISHED\",\"FAILED\"]}}}", "");
    check_actions("[{\"integration\":\"I\",\"config\":{\"payload\":{\"a\":1,\"b\":1.50}},"
                  "\"secrets\":[\"A\",\"B\"]}]",
                  "[{\"secrets\":[\"B\",\"A\"],\"config\":{\"payload\":{\"b\":15e-1,\"a\":1}},"
                  "\"integration\":\"I\"}]", "");
}

TEST(what_differs_is_named_with_both_values)
{
    check_rest(ALIAS ",\"limits\":{\"cooldown\":\"10m\"}", ALIAS ",\"limits\":{\"cooldown\":\"300s\"}",
               "limits.cooldown: \"10m\" -> \"5m\"");
    check_rest(METRIC, METRIC ",\"limits\":{\"per_run\":\"off\"}",
               "limits.per_run: \"24h\" -> \"off\"");
    check_rest(ALIAS ",\"enabled\":false", ALIAS ",\"dry_run\":true,\"description\":\"x\"",
               "description: \"\" -> \"x\"; enabled: false -> true; dry_run: false -> true");
    check_rest(ALIAS, "\"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\",\"filter\":{\"alias\":\"dev\"}}",
               "event.filter.alias: \"prod\" -> \"dev\"");
    check_rest(ALIAS ",\"hooks\":{\"filter\":{\"file\":\"a.lua\"}}",
               ALIAS ",\"hooks\":{\"filter\":{\"file\":\"b.lua\",\"on_error\":\"skip\"}}",
               "hooks.filter.file: \"a.lua\" -> \"b.lua\"; hooks.filter.on_error: none -> \"skip\"");
    check("{\"name\":\"n\",\"scope\":{\"entity\":\"acme\"}," ALIAS ",\"actions\":" ACTIONS "}",
          "{\"name\":\"m\",\"scope\":{\"entity\":\"acme\",\"project\":\"q\"}," ALIAS
          ",\"actions\":" ACTIONS "}",
          "name: \"n\" -> \"m\"; scope.project: none -> \"q\"");
}

TEST(actions_are_compared_down_to_their_options)
{
    check_actions(ACTIONS,
                  "[{\"integration\":\"J\",\"config\":{\"payload\":{\"a\":null,\"b\":[1,3]}},"
                  "\"secrets\":[\"S\"]}]",
                  "actions[0].integration: \"I\" -> \"J\"; actions[0].secrets: [] -> [\"S\"]; "
                  "actions[0].config.payload.a: 1 -> null; "
                  "actions[0].config.payload.b[1]: 2 -> 3");
    check_actions("[{\"integration\":\"I\"}]",
                  "[{\"integration\":\"I\",\"config\":{}},{\"integration\":\"J\"}]",
                  "actions[1]: none -> {\"integration\":\"J\"}");
    check_actions("[{\"integration\":\"I\",\"config\":{\"payload\":[1]}}]",
                  "[{\"integration\":\"I\",\"config\":{\"payload\":[1,2]}}]",
                  "actions[0].config.payload: [1] -> [1,2]");
}

/* As doubles they are one. */
TEST(whole_numbers_of_64_bits_are_compared_exactly)
{
    check_actions("[{\"integration\":\"I\",\"config\":{\"payload\":9007199254740993}}]",
                  "[{\"integration\":\"I\",\"config\":{\"payload\":9007199254740992}}]",
                  "actions[0].config.payload: 9007199254740993 -> 9007199254740992");
}

/* A text that looks like JSON is a text outside of filters. */
TEST(strings_of_payloads_are_not_looked_into)
{
    check_actions("[{\"integration\":\"I\",\"config\":{\"payload\":{\"t\":\"{\\\"a\\\":1}\"}}}]",
                  "[{\"integration\":\"I\",\"config\":{\"payload\":{\"t\":{\"a\":1}}}}]",
                  "actions[0].config.payload.t: \"{\\\"a\\\":1}\" -> {\"a\":1}");
}
