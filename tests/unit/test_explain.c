/* test_explain.c - why an automation did or did not fire, in words and numbers; and that asking
 * changes nothing. */
#include "tests/unit/rules_fixture.h"

/* Before it is judged: what an automation would make of the event. */
static const char *why(struct world *w, struct bf_envelope *e, uint64_t run, const char *id,
                       const char *rest)
{
    static char text[20000];
    struct bf_record record = {
        .event = e, .run = run, .points = e->points, .n_points = e->n_points};
    struct bf_automation *a = parse(id, 1, rest);
    struct bf_buf out;

    bf_buf_init(&out, BF_EVENT_MAX);
    bf_rules_explain(w->rules, &record, a, &out);
    snprintf(text, sizeof(text), "%s", bf_buf_text(&out));
    CHECK(bf_json_parse(w->arena, text, strlen(text), NULL) != NULL);
    bf_buf_fini(&out);
    bf_automation_unref(a);
    return text;
}

/* A point comes: why, and then what comes of it. */
static const char *why_metric(struct world *w, uint64_t run, const char *name, const char *value,
                              const char *rest)
{
    char text[400];
    struct bf_envelope *e;
    const char *told;

    snprintf(text, sizeof(text), "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
                                 "\"run\":{\"id\":\"r%llu\"},"
                                 "\"metrics\":[{\"name\":\"%s\",\"value\":%s}]}",
             (unsigned long long)run, name, value);
    e = event(w, run, text);
    told = why(w, e, run, "A", rest);
    CHECK_STR(why(w, e, run, "A", rest), told);         /* asking changes nothing */
    judge_event(w, e, run);
    bf_rules_settle(w->rules);
    bf_envelope_unref(e);
    return told;
}

TEST(a_threshold_is_told_with_its_window_and_numbers)
{
    static const char *const values[] = {".5", ".55", ".6", ".65"};
    char number[8];
    struct world w;

    world_open(&w);
    put(&w, "A", AVERAGE_ABOVE);
    for (int i = 0; i < 4; i++) {
        snprintf(number, sizeof(number), "0%s", values[i]);
        const char *told = why_metric(&w, 1, "accuracy", number, AVERAGE_ABOVE);

        CHECK_HAS(told, "\"decision\":\"no\",\"clause\":\"condition\"");
        if (i == 2)
            CHECK_STR(told, "{\"automation\":\"A\",\"name\":\"n A\",\"revision\":1,\"decision\":\"no\","
                            "\"clause\":\"condition\",\"reason\":\"3 of 5 values of accuracy; 2 missing\","
                            "\"conditions\":[{\"metric\":\"accuracy\",\"condition\":"
                            "\"AVERAGE of last 5 values of accuracy > 0.6\",\"result\":null,"
                            "\"missing\":2,\"values\":[0.5,0.55,0.6]}]}");
    }
    CHECK_STR(why_metric(&w, 1, "accuracy", "0.7", AVERAGE_ABOVE),
              "{\"automation\":\"A\",\"name\":\"n A\",\"revision\":1,\"decision\":\"no\","
              "\"clause\":\"condition\",\"reason\":\"the average of 5 values of accuracy is 0.6, which "
              "is not > 0.6\",\"conditions\":[{\"metric\":\"accuracy\",\"condition\":"
              "\"AVERAGE of last 5 values of accuracy > 0.6\",\"result\":false,\"value\":0.6,"
              "\"values\":[0.5,0.55,0.6,0.65,0.7]}]}");
    CHECK_STR(w.said, "");
    CHECK_HAS(why_metric(&w, 1, "accuracy", "0.75", AVERAGE_ABOVE),
              "\"decision\":\"fired\",\"clause\":\"matched\",\"reason\":\"the average of 5 values of "
              "accuracy is 0.65, which is > 0.6\"");
    CHECK_STR(w.said, "A fires");
    w.now += 1000;
    CHECK_HAS(why_metric(&w, 1, "accuracy", "0.8", AVERAGE_ABOVE),
              "\"decision\":\"suppressed\",\"clause\":\"per_run\",\"reason\":\"the average of 5 values "
              "of accuracy is 0.7, which is > 0.6; it fired for this run at "
              "2025-11-24T16:00:00.000Z, and may again from 2025-11-25T16:00:00.000Z on\"");
    CHECK_HAS(why_metric(&w, 1, "accuracy", "0.8", AVERAGE_ABOVE),
              "\"limit\":{\"name\":\"per_run\",\"until\":\"2025-11-25T16:00:00.000Z\","
              "\"since\":\"2025-11-24T16:00:00.000Z\"}");
    CHECK_STR(w.said, "A suppressed fire_limit_24h");
    world_close(&w);
}

TEST(what_enters_no_window_is_told)
{
    struct bf_envelope *e;
    struct world w;

    world_open(&w);
    put(&w, "A", AVERAGE_ABOVE);
    CHECK_HAS(why_metric(&w, 1, "accuracy", "\"NaN\"", AVERAGE_ABOVE),
              "\"clause\":\"condition\",\"reason\":\"accuracy is NaN, which enters no window and never "
              "matches\"");
    metric(&w, 1, "accuracy", 5, 1);
    e = event(&w, 1, "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
                     "\"run\":{\"id\":\"r1\"},\"metrics\":[{\"name\":\"accuracy\",\"step\":5,"
                     "\"value\":2}]}");
    CHECK_HAS(why(&w, e, 1, "A", AVERAGE_ABOVE),
              "\"clause\":\"step\",\"reason\":\"step 5 of accuracy is not newer than an earlier one\"");
    bf_envelope_unref(e);
    CHECK_HAS(why_metric(&w, 1, "loss", "1", AVERAGE_ABOVE),
              "\"clause\":\"metric\",\"reason\":\"the event has no value of accuracy\"");
    e = event(&w, 1, "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
                     "\"run\":{\"id\":\"r1\"},\"metrics\":[{\"name\":\"accuracy\",\"value\":2},"
                     "{\"name\":\"accuracy\",\"value\":\"-Infinity\"},{\"name\":\"b\",\"value\":1}]}");
    CHECK_HAS(why(&w, e, 1, "A", AVERAGE_ABOVE), "\"missing\":3");
    CHECK_HAS(why(&w, e, 1, "A", AVERAGE_ABOVE), "\"not_finite\":1");
    CHECK_HAS(why(&w, e, 1, "A", AVERAGE_ABOVE),
              "\"points\":[{\"metric\":\"accuracy\",\"value\":2,\"decision\":\"no\","
              "\"clause\":\"condition\"},{\"metric\":\"accuracy\",\"value\":\"-Infinity\","
              "\"decision\":\"no\",\"clause\":\"condition\"}]");
    bf_envelope_unref(e);
    world_close(&w);
}

TEST(a_long_window_shows_its_newest_values_and_how_many_more)
{
    const char *rest = VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("x", "\"MAX\"", "30", "$gt", "99"));
    const char *told;
    struct world w;

    world_open(&w);
    put(&w, "A", rest);
    for (int i = 0; i < 29; i++)
        metric(&w, 1, "x", -1, i);
    told = why_metric(&w, 1, "x", "29", rest);
    CHECK_HAS(told, "the greatest of 30 values of x is 29, which is not > 99");
    CHECK_HAS(told, "\"values\":[10,11,12,");
    CHECK_HAS(told, "28,29],\"more_values\":10}");
    world_close(&w);
}

TEST(changes_and_scores_show_their_arithmetic)
{
    const char *change = VISION "," ON_METRIC("RUN_METRIC_CHANGE",
        "{\"change_filter\":{\"name\":\"x\",\"agg_op\":\"AVERAGE\",\"current_window_size\":2,"
        "\"prior_window_size\":2,\"change_type\":\"RELATIVE\",\"change_dir\":\"DECREASE\","
        "\"change_amount\":0.3}}");
    const char *score = VISION "," ON_METRIC("RUN_METRIC_ZSCORE",
        "{\"zscore_filter\":{\"name\":\"x\",\"window_size\":3,\"threshold\":2,\"change_dir\":\"ANY\"}}");
    const char *told;
    struct world w;

    world_open(&w);
    metric(&w, 1, "x", -1, 4);
    CHECK_HAS(why_metric(&w, 1, "x", "4", change), "2 of 4 values of x; 2 missing");
    metric(&w, 1, "x", -1, 3);
    told = why_metric(&w, 1, "x", "3", change);
    CHECK_HAS(told, "the average of x went from 4 to 3, by -25.00%, which is not at least 30% down");
    CHECK_HAS(told, "\"result\":false,\"value\":-0.25,\"current\":3,\"prior\":4,\"values\":[3,3],"
                    "\"prior_values\":[4,4]");
    told = why_metric(&w, 1, "x", "9", score);
    CHECK_HAS(told, "\"decision\":\"fired\"");
    CHECK_HAS(told, "x is 9, the 3 values before it have mean 3.3333333333333335 and sample deviation "
                    "0.57735: score 9.81, which is at least 2 up or down");
    CHECK_HAS(told, "\"newest\":9,\"mean\":3.3333333333333335,\"deviation\":0.57735026918962");
    for (int i = 0; i < 4; i++)
        metric(&w, 2, "x", -1, 0);
    told = why_metric(&w, 2, "x", "1", score);
    CHECK_HAS(told, "so there is no score (zero_variance)");
    CHECK_HAS(told, "\"result\":false,\"reason\":\"zero_variance\"");
    metric(&w, 2, "x", -1, 1);
    CHECK_HAS(why_metric(&w, 3, "x", "0", change), "1 of 4 values of x; 3 missing");
    for (int i = 0; i < 2; i++)
        metric(&w, 3, "x", -1, 0);
    told = why_metric(&w, 3, "x", "1", change);
    CHECK_HAS(told, "went from 0 to 0.5; there is no relative change from 0 (prior_is_zero)");
    CHECK_HAS(told, "\"result\":false,\"reason\":\"prior_is_zero\"");
    world_close(&w);
}

/* 0.4 to 0.5 was told as "by 25.00%, which is not at least 25% up". */
TEST(what_misses_a_limit_by_a_hair_is_not_rounded_to_it)
{
    const char *rest = VISION "," ON_METRIC("RUN_METRIC_CHANGE",
        "{\"change_filter\":{\"name\":\"x\",\"change_type\":\"RELATIVE\",\"change_dir\":\"INCREASE\","
        "\"change_amount\":0.25}}");
    struct world w;

    world_open(&w);
    metric(&w, 1, "x", -1, .4);
    CHECK_HAS(why_metric(&w, 1, "x", "0.5", rest),
              "went from 0.4 to 0.5, by 24.999999999999993%, which is not at least 25% up");
    CHECK_HAS(why_metric(&w, 1, "x", "0.625", rest), "by 25.00%, which is at least 25% up");
    CHECK_HAS(why_metric(&w, 1, "x", "0.5", rest), "by -20.00%, which is not at least 25% up");
    CHECK_HAS(why_metric(&w, 1, "x", "1e30", rest), "by 2e+32%, which is at least 25% up");
    world_close(&w);
}

TEST(of_joined_conditions_each_one_is_told)
{
    const char *rest = VISION "," ON_METRIC("RUN_METRIC", "{\"$and\":["
        THRESHOLD("a", "null", "1", "$gt", "0.95") "," THRESHOLD("b", "null", "1", "$lt", "0.1") "]}");
    const char *told;
    struct world w;

    world_open(&w);
    put(&w, "A", rest);
    told = why_metric(&w, 1, "a", "0.5", rest);
    CHECK_HAS(told, "\"reason\":\"a is 0.5, which is not > 0.95; 0 of 1 values of b; 1 missing\"");
    CHECK_HAS(told, "{\"metric\":\"b\",\"condition\":\"b < 0.1\",\"result\":null,"
                    "\"missing\":1,\"values\":[]}");
    metric(&w, 1, "a", -1, .96);
    told = why_metric(&w, 1, "b", "0.2", rest);
    CHECK_HAS(told, "\"reason\":\"b is 0.2, which is not < 0.1\"");
    CHECK_HAS(told, "\"result\":true,\"value\":0.96");
    CHECK_HAS(why_metric(&w, 1, "b", "0.05", rest),
              "\"reason\":\"a is 0.96, which is > 0.95; b is 0.05, which is < 0.1\"");
    CHECK_STR(w.said, "A fires");
    world_close(&w);
}

TEST(what_the_index_would_not_have_asked_is_told_too)
{
    const char *alias = VISION ",\"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\",\"filter\":"
                               "{\"alias\":\"production\"}}";
    struct bf_envelope *e;
    struct world w;

    world_open(&w);
    e = event(&w, 0, "{\"type\":\"artifact.alias.add\",\"entity\":\"acme\",\"project\":\"audio\","
                     "\"collection\":\"c\",\"alias\":\"staging\"}");
    CHECK_HAS(why(&w, e, 0, "A", alias),
              "\"clause\":\"scope\",\"reason\":\"the event lies in acme/audio/c, outside of its scope "
              "acme/vision\"}");
    CHECK_HAS(why(&w, e, 0, "A", AVERAGE_ABOVE),
              "\"clause\":\"trigger\",\"reason\":\"RUN_METRIC does not fire on artifact.alias.add\"}");
    CHECK_HAS(why(&w, e, 0, "A", VISION ",\"event\":{\"type\":\"ABSENCE\",\"filter\":"
                                        "{\"of\":\"run.metric\",\"for\":\"5m\"}}"),
              "\"reason\":\"it fires when run.metric stays away, not on artifact.alias.add\"}");
    CHECK_HAS(why(&w, e, 0, "A", VISION ",\"event\":{\"type\":\"SCHEDULE\",\"filter\":"
                                        "{\"cron\":\"0 9 * * *\"}}"),
              "\"reason\":\"it fires at the times of its schedule, not on artifact.alias.add\"}");
    bf_envelope_unref(e);
    e = event(&w, 0, "{\"type\":\"artifact.alias.add\",\"entity\":\"acme\",\"project\":\"vision\","
                     "\"collection\":\"c\",\"alias\":\"staging\"}");
    CHECK_HAS(why(&w, e, 0, "A", alias),
              "\"clause\":\"filter\",\"reason\":\"the event does not pass the filter\"}");
    CHECK_HAS(why(&w, e, 0, "A", VISION ",\"enabled\":false,\"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\"}"),
              "\"clause\":\"enabled\",\"reason\":\"it is disabled\"}");
    CHECK_HAS(why(&w, e, 0, "A", VISION ",\"dry_run\":true,\"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\"}"),
              "\"decision\":\"fired\",\"clause\":\"matched\",\"reason\":\"the event passes the "
              "filter\",\"dry_run\":true}");
    bf_envelope_unref(e);
    world_close(&w);
}

TEST(states_and_limits_are_told_in_words)
{
    const char *failed = VISION ",\"event\":{\"type\":\"RUN_STATE\",\"filter\":{\"run_filter\":{},"
                                "\"run_state_filter\":{\"states\":[\"FAILED\"]}}}";
    struct bf_envelope *e;
    struct world w;

    world_open(&w);
    state(&w, 1, "RUNNING");
    e = event(&w, 1, "{\"type\":\"run.state\",\"entity\":\"acme\",\"project\":\"vision\","
                     "\"run\":{\"id\":\"r1\",\"state\":\"FAILED\"}}");
    CHECK_HAS(why(&w, e, 1, "A", failed), "\"decision\":\"fired\",\"clause\":\"matched\",\"reason\":"
                                          "\"the run went from RUNNING to FAILED\"");
    bf_envelope_unref(e);
    e = event(&w, 1, "{\"type\":\"run.state\",\"entity\":\"acme\",\"project\":\"vision\","
                     "\"run\":{\"id\":\"r1\",\"state\":\"RUNNING\"}}");
    CHECK_HAS(why(&w, e, 1, "A", failed), "\"reason\":\"the run was RUNNING already\"");
    bf_envelope_unref(e);
    e = event(&w, 1, "{\"type\":\"run.state\",\"entity\":\"acme\",\"project\":\"vision\","
                     "\"run\":{\"id\":\"r1\",\"state\":\"KILLED\"}}");
    CHECK_HAS(why(&w, e, 1, "A", failed), "\"reason\":\"killed runs never trigger\"");
    bf_envelope_unref(e);
    world_close(&w);
}

#define CI(limits) ACME ",\"event\":{\"type\":\"ci.finished\"},\"limits\":" limits

/* A limit as it stands at an event that is not journaled after all. */
static const char *why_ci(struct world *w, const char *rest, int before)
{
    const char *text = "{\"type\":\"ci.finished\",\"entity\":\"acme\",\"cause\":\"c1\"}", *told;
    struct bf_envelope *e;

    put(w, "A", rest);
    for (int i = 0; i < before; i++)
        judge(w, 0, text);
    e = event(w, 0, text);
    told = why(w, e, 0, "A", rest);
    bf_envelope_unref(e);
    return told;
}

TEST(a_cooldown_tells_when_it_is_over)
{
    struct world w;

    world_open(&w);
    CHECK_HAS(why_ci(&w, CI("{\"cooldown\":\"1m\"}"), 1),
              "\"decision\":\"delayed\",\"clause\":\"cooldown\",\"reason\":\"the event passes the filter; "
              "the last firing went out, or is to, at 2025-11-24T16:00:00.000Z; the next may at "
              "2025-11-24T16:01:00.000Z\"");
    CHECK_HAS(why_ci(&w, CI("{\"cooldown\":\"1m\",\"over\":\"skip\"}"), 0),
              "\"decision\":\"suppressed\",\"clause\":\"cooldown\"");
    world_close(&w);
}

TEST(the_other_limits_tell_what_they_hold_back)
{
    struct world w;

    world_open(&w);
    CHECK_HAS(why_ci(&w, CI("{\"matches\":{\"count\":3,\"within\":\"10m\"}}"), 1),
              "\"decision\":\"no\",\"clause\":\"matches\",\"reason\":\"2 of 3 matches within 10m\"");
    world_close(&w);
    world_open(&w);
    CHECK_HAS(why_ci(&w, CI("{\"rate\":{\"count\":2,\"within\":\"1m\"},\"over\":\"digest\"}"), 2),
              "\"decision\":\"delayed\",\"clause\":\"rate\"");
    CHECK_HAS(why_ci(&w, CI("{\"rate\":{\"count\":2,\"within\":\"1m\"},\"over\":\"digest\"}"), 1),
              "\"decision\":\"joined\",\"clause\":\"digest\",\"reason\":\"the event passes the filter; it is "
              "told of in the delivery that is due at 2025-11-24T16:00:30.000Z\"");
    world_close(&w);
    world_open(&w);
    CHECK_HAS(why_ci(&w, CI("{}"), BF_FAN_OUT_MAX),
              "\"decision\":\"suppressed\",\"clause\":\"fan_out\",\"reason\":\"the event passes the filter; "
              "1000 firings have followed from the same cause; no more until "
              "2025-11-24T17:00:00.000Z\"");
    world_close(&w);
}

/* ---- scripts ---- */

static void get(void *arg, const struct bf_automation *a, struct bf_answer *out)
{
    (void)a;
    *out = *(struct bf_answer *)arg;
}

/* What it would make of a build, if its script said this. */
static const char *why_scripted(struct world *w, struct bf_answer said, const char *rest)
{
    struct bf_answers answers = {get, &said};
    struct bf_envelope *e =
        event(w, 0, "{\"type\":\"ci.done\",\"entity\":\"acme\",\"data\":{\"branch\":\"main\"}}");
    const char *told;

    bf_rules_answers(w->rules, &answers);
    told = why(w, e, 0, "A", rest);
    bf_rules_answers(w->rules, NULL);
    bf_envelope_unref(e);
    return told;
}

#define BUILT(on_error) ACME ",\"event\":{\"type\":\"ci.done\",\"filter\":{\"data.branch\":\"main\"}},"  \
                        "\"hooks\":{\"filter\":{\"file\":\"f.lua\",\"on_error\":\"" on_error "\"}}"
#define FAILURE {BF_SAID_FAILED, "5c41", "f.lua:8: event.data.x is nil\nstack traceback:\n\tf.lua:8"}
#define TOLD(decision, clause) "{\"automation\":\"A\",\"name\":\"n A\",\"revision\":1,\"decision\":"   \
                               "\"" decision "\",\"clause\":\"" clause "\",\"reason\":"
#define TOLD_FAILURE "\"hook\":{\"script\":\"5c41\",\"said\":\"failed\",\"words\":"                    \
                     "\"f.lua:8: event.data.x is nil\\nstack traceback:\\n\\tf.lua:8\"}"

TEST(what_a_script_said_is_told)
{
    struct bf_answer failure = FAILURE;
    struct world w;

    world_open(&w);
    put(&w, "A", BUILT("fail"));
    CHECK_STR(why_scripted(&w, (struct bf_answer){BF_SAID_YES, "5c41", NULL}, BUILT("fail")),
              TOLD("fired", "matched") "\"the event passes the filter; its script said yes\","
              "\"hook\":{\"script\":\"5c41\",\"said\":\"yes\",\"words\":null}}");
    CHECK_STR(why_scripted(&w, (struct bf_answer){BF_SAID_NO, "5c41", NULL}, BUILT("fail")),
              TOLD("no", "hook") "\"its script said no\","
              "\"hook\":{\"script\":\"5c41\",\"said\":\"no\",\"words\":null}}");
    CHECK_STR(why_scripted(&w, (struct bf_answer){0}, BUILT("fail")),
              TOLD("unknown", "hook") "\"it matches so far, but the script's answer is not recorded\","
              "\"hook\":{\"script\":null,\"said\":null,\"words\":null}}");
    CHECK_STR(why_scripted(&w, failure, BUILT("fail")),
              TOLD("failed", "hook") "\"the event passes the filter; its script failed, so what it does"
              " has failed: f.lua:8: event.data.x is nil\"," TOLD_FAILURE "}");
    CHECK_STR(why_scripted(&w, failure, BUILT("fire")),
              TOLD("fired", "matched") "\"the event passes the filter; its script failed, and it fires"
              " all the same: f.lua:8: event.data.x is nil\"," TOLD_FAILURE "}");
    CHECK_STR(why_scripted(&w, failure, BUILT("skip")),
              TOLD("suppressed", "hook") "\"the event passes the filter; its script failed, so it is"
              " skipped: f.lua:8: event.data.x is nil\"," TOLD_FAILURE "}");
    world_close(&w);
}

TEST(a_script_that_was_not_asked_is_not_told_of)
{
    struct bf_answer yes = {BF_SAID_YES, "5c41", NULL}, failure = FAILURE;
    struct bf_answers answers = {get, &yes};
    struct world w;

    world_open(&w);
    CHECK(!strstr(why_scripted(&w, yes, "\"enabled\":false," BUILT("fail")), "\"hook\""));
    CHECK(!strstr(why_scripted(&w, yes, ACME ",\"event\":{\"type\":\"ci.done\",\"filter\":"
                  "{\"data.branch\":\"x\"}},\"hooks\":{\"filter\":{\"file\":\"f.lua\"}}"), "\"hook\""));
#define SELDOM ",\"limits\":{\"cooldown\":\"1h\",\"over\":\"skip\"}"
    put(&w, "A", BUILT("fail") SELDOM);
    bf_rules_answers(w.rules, &answers);
    CHECK_STR(judge(&w, 0, "{\"type\":\"ci.done\",\"entity\":\"acme\",\"data\":{\"branch\":\"main\"}}"),
              "A fires");
    CHECK_HAS(why_scripted(&w, failure, BUILT("fail") SELDOM),
              "\"suppressed\",\"clause\":\"cooldown\",\"reason\":\"the event passes the filter; its script"
              " failed: f.lua:8: event.data.x is nil; the last firing went out");
    world_close(&w);
}

TEST(whose_answer_an_explanation_lacks_is_told_to_the_asker)
{
    const struct bf_automation *const *list;
    const struct bf_firing *f;
    struct bf_automation *a;
    struct bf_envelope *e;
    struct world w;
    size_t n;

    world_open(&w);
    a = parse("A", 1, BUILT("fail"));
    e = event(&w, 0, "{\"type\":\"ci.done\",\"entity\":\"acme\",\"data\":{\"branch\":\"main\"}}");
    CHECK_INT(bf_rules_try(w.rules, &(struct bf_record){.event = e}, a, &f), 0);
    bf_rules_missed(w.rules, &list, &n);
    CHECK(n == 1 && list[0] == a);
    why(&w, e, 0, "B", BUILT("fail"));
    bf_rules_missed(w.rules, &list, &n);
    CHECK_INT(n, 1);
    why(&w, e, 0, "B", ACME ",\"event\":{\"type\":\"ci.done\"}");
    bf_rules_missed(w.rules, &list, &n);
    CHECK_INT(n, 0);
    bf_envelope_unref(e);
    bf_automation_unref(a);
    world_close(&w);
}
