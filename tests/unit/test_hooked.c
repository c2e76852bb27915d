/* test_hooked.c - filter hooks: when the judge asks for an answer, what it makes of it, and whose
 * script is asked before anything is judged. */
#include "tests/unit/rules_fixture.h"

/* What scripts say, by the automation's id; of others there is no answer. */
struct known {
    struct bf_answers answers;
    const char *id[8];
    struct bf_answer said[8];
    size_t n;
    unsigned asked;
};

static void get(void *arg, const struct bf_automation *a, struct bf_answer *out)
{
    struct known *k = arg;

    k->asked++;
    for (size_t i = 0; i < k->n; i++) {
        if (strcmp(k->id[i], a->id) == 0)
            *out = k->said[i];
    }
}

static void know(struct world *w, struct known *k, const char *id, enum bf_said said,
                 const char *words)
{
    size_t i = 0;

    k->answers = (struct bf_answers){get, k};
    while (i < k->n && strcmp(k->id[i], id) != 0)
        i++;
    k->id[i] = id;
    k->said[i] = (struct bf_answer){said, said == BF_SAID_NOTHING ? NULL : "5c41", words};
    k->n += i == k->n;
    bf_rules_answers(w->rules, &k->answers);
}

#define ON_BUILD ACME ",\"event\":{\"type\":\"ci.done\",\"filter\":{\"data.branch\":\"main\"}}"
#define HOOK(on_error) ",\"hooks\":{\"filter\":{\"file\":\"f.lua\",\"on_error\":\"" on_error "\"}}"
#define BUILD(branch) "{\"type\":\"ci.done\",\"entity\":\"acme\",\"project\":\"vision\","           \
                      "\"data\":{\"branch\":\"" branch "\"}}"

/* The ids of those whose answer the last record missed, as "A B"; of `list` of n, in their order. */
static const char *ids(const struct bf_automation *const *list, size_t n)
{
    static char text[400];
    size_t at = 0;

    text[0] = '\0';
    for (char id = 'A'; id <= 'Z'; id++) {
        for (size_t i = 0; i < n; i++) {
            if (list[i]->id[0] == id)
                at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", at ? " " : "",
                                       list[i]->id);
        }
    }
    return text;
}

static const char *missed(struct world *w)
{
    const struct bf_automation *const *list;
    size_t n;

    bf_rules_missed(w->rules, &list, &n);
    return ids(list, n);
}

/* Whose script an event may be asked of. */
static const char *hooked(struct world *w, const char *text)
{
    const struct bf_automation *const *list;
    struct bf_envelope *e;
    struct bf_error err = {0};
    size_t n;

    if (bf_envelope_parse(w->arena, text, strlen(text), BF_FROM_HUB, &e, &err))
        test_failed(__FILE__, __LINE__, "%s\n  %s: %s", text, err.field, err.words);
    n = bf_rules_hooked(w->rules, e, &list);
    bf_envelope_unref(e);
    return ids(list, n);
}

TEST(a_script_decides_behind_the_filter)
{
    struct known k = {0};
    struct world w;

    world_open(&w);
    put(&w, "A", ON_BUILD HOOK("fail"));
    know(&w, &k, "A", BF_SAID_YES, NULL);
    CHECK_STR(judge(&w, 0, BUILD("main")), "A fires");
    CHECK_STR(judge(&w, 0, BUILD("fix")), "");
    CHECK_INT(k.asked, 1);              /* not of what its own filter does not let through */
    know(&w, &k, "A", BF_SAID_NO, NULL);
    CHECK_STR(judge(&w, 0, BUILD("main")), "");
    CHECK_STR(missed(&w), "");
    put(&w, "A", ON_BUILD);
    CHECK_STR(judge(&w, 0, BUILD("main")), "A fires");
    CHECK_INT(k.asked, 2);
    world_close(&w);
}

TEST(the_answer_goes_with_the_firing)
{
    struct bf_record record;
    const struct bf_firing *f;
    struct bf_envelope *e;
    struct known k = {0};
    char words[] = "f.lua:1: nil";
    struct world w;

    world_open(&w);
    put(&w, "A", ON_BUILD HOOK("fire"));
    put(&w, "B", ON_BUILD);
    know(&w, &k, "A", BF_SAID_FAILED, words);
    e = event(&w, 0, BUILD("main"));
    record = (struct bf_record){.event = e};
    CHECK_INT(bf_rules_judge(w.rules, &record, &f), 2);
    memset(words, 'x', sizeof(words) - 1);      /* whoever answers may forget it now */
    CHECK_INT(f[0].answer.said, BF_SAID_FAILED);
    CHECK_STR(f[0].answer.script, "5c41");
    CHECK_STR(f[0].answer.words, "f.lua:1: nil");
    CHECK_INT(f[1].answer.said, BF_SAID_NOTHING);
    CHECK(!f[1].answer.words);
    bf_envelope_unref(e);
    world_close(&w);
}

TEST(a_script_that_fails_makes_what_its_author_chose)
{
    struct known k = {0};
    struct world w;

    world_open(&w);
    put(&w, "A", ON_BUILD HOOK("fail") ",\"limits\":{\"cooldown\":\"1m\",\"over\":\"skip\"}");
    put(&w, "B", ON_BUILD HOOK("fire") ",\"limits\":{\"cooldown\":\"1m\",\"over\":\"skip\"}");
    put(&w, "C", ON_BUILD HOOK("skip") ",\"limits\":{\"cooldown\":\"1m\",\"over\":\"skip\"}");
    know(&w, &k, "A", BF_SAID_FAILED, "a");
    know(&w, &k, "B", BF_SAID_FAILED, "b");
    know(&w, &k, "C", BF_SAID_FAILED, "c");
    CHECK_STR(judge(&w, 0, BUILD("main")), "A fires, B fires, C suppressed hook_failed");
    CHECK_STR(judge(&w, 0, BUILD("main")),
              "A suppressed cooldown, B suppressed cooldown, C suppressed hook_failed");
    know(&w, &k, "C", BF_SAID_YES, NULL);       /* what was skipped is not counted by a limit */
    CHECK_STR(judge(&w, 0, BUILD("main")),
              "A suppressed cooldown, B suppressed cooldown, C fires");
    world_close(&w);
}

TEST(matches_are_not_counted_of_what_a_failure_skips)
{
    struct known k = {0};
    struct world w;

    world_open(&w);
    put(&w, "A", ON_BUILD HOOK("skip") ",\"limits\":{\"matches\":{\"count\":2,\"within\":\"1h\"}}");
    know(&w, &k, "A", BF_SAID_FAILED, "a");
    CHECK_STR(judge(&w, 0, BUILD("main")), "A suppressed hook_failed");
    CHECK_STR(judge(&w, 0, BUILD("main")), "A suppressed hook_failed");
    know(&w, &k, "A", BF_SAID_YES, NULL);
    CHECK_STR(judge(&w, 0, BUILD("main")), "");
    CHECK_STR(judge(&w, 0, BUILD("main")), "A fires");
    world_close(&w);
}

TEST(answers_that_are_missed_are_told_once_and_the_record_may_be_judged_again)
{
    static const char text[] =
        "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":{\"id\":\"r1\"},"
        "\"metrics\":[{\"name\":\"loss\",\"value\":1},{\"name\":\"loss\",\"value\":2},"
        "{\"name\":\"acc\",\"value\":3}]}";
    struct bf_envelope *e;
    struct known k = {0};
    struct world w;

    world_open(&w);
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("loss", "null", "1", "$gt", "0"))
        HOOK("fail"));
    put(&w, "B", VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("acc", "null", "1", "$gt", "0"))
        HOOK("fail"));
    put(&w, "C", VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("acc", "null", "1", "$gt", "5"))
        HOOK("fail"));
    put(&w, "D", VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("acc", "null", "1", "$gt", "0")));
    e = event(&w, 1, text);
    CHECK_STR(judge_event(&w, e, 1), "D fires");
    CHECK_STR(missed(&w), "A B");       /* C's condition does not hold */
    bf_envelope_unref(e);
    world_close(&w);

    world_open(&w);
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("loss", "null", "1", "$gt", "0"))
        HOOK("fail") ",\"limits\":{\"per_run\":\"off\"}");
    e = event(&w, 1, text);
    CHECK_STR(judge_event(&w, e, 1), "");
    CHECK_STR(missed(&w), "A");
    bf_rules_undo_part(w.rules);
    know(&w, &k, "A", BF_SAID_YES, NULL);
    CHECK_STR(judge_event(&w, e, 1), "A fires, A fires");
    CHECK_STR(missed(&w), "");
    bf_envelope_unref(e);
    world_close(&w);
}

TEST(a_wait_that_is_over_asks_its_script)
{
    struct known k = {0};
    const struct bf_due *due;
    struct bf_buf text;
    struct world w;

    world_open(&w);
    put(&w, "A", ACME ",\"event\":{\"type\":\"SCHEDULE\",\"filter\":{\"cron\":\"* * * * *\"}}" HOOK("fail"));
    bf_rules_begin(w.rules, w.now);
    w.now += MINUTE;
    CHECK_INT(bf_rules_due(w.rules, w.now, &due), 1);
    bf_buf_init(&text, 4096);
    bf_due_print(due, NULL, &text);
    bf_rules_flush(w.rules);
    CHECK_STR(judge(&w, 0, bf_buf_text(&text)), "");
    CHECK_STR(missed(&w), "A");
    CHECK_STR(hooked(&w, bf_buf_text(&text)), "");
    know(&w, &k, "A", BF_SAID_YES, NULL);
    w.now += MINUTE;
    CHECK_INT(bf_rules_due(w.rules, w.now, &due), 1);
    bf_buf_clear(&text);
    bf_due_print(due, NULL, &text);
    CHECK_STR(judge(&w, 0, bf_buf_text(&text)), "A fires");
    bf_buf_fini(&text);
    world_close(&w);
}

/* ---- whose script is asked before ---- */

TEST(those_are_gathered_whose_scope_type_and_filter_fit)
{
    struct world w;

    world_open(&w);
    CHECK(!bf_rules_has_hooks(w.rules));
    put(&w, "A", ON_BUILD HOOK("fail"));
    put(&w, "B", ON_BUILD);
    put(&w, "C", VISION ",\"event\":{\"type\":\"ci.done\"}" HOOK("fail"));
    put(&w, "D", ACME ",\"event\":{\"type\":\"ci.begun\"}" HOOK("fail"));
    put(&w, "E", "\"enabled\":false," ON_BUILD HOOK("fail"));
    put(&w, "F", "\"scope\":{\"organization\":\"big\"},\"event\":{\"type\":\"ci.done\"}" HOOK("fail"));
    CHECK(bf_rules_has_hooks(w.rules));
    CHECK_STR(hooked(&w, BUILD("main")), "A C");
    CHECK_STR(hooked(&w, BUILD("fix")), "C");
    CHECK_STR(hooked(&w, "{\"type\":\"ci.begun\",\"entity\":\"acme\"}"), "D");
    CHECK_STR(hooked(&w, "{\"type\":\"ci.ended\",\"entity\":\"acme\"}"), "");
    bf_rules_place(w.rules, "acme", "big-org");
    CHECK_STR(hooked(&w, BUILD("fix")), "C F");
    world_close(&w);
}

TEST(of_runs_those_are_gathered_that_wait_for_the_state_or_watch_the_metric)
{
    struct world w;

    world_open(&w);
    put(&w, "A", VISION ",\"event\":{\"type\":\"RUN_STATE\",\"filter\":{\"run_state_filter\":{\"states\":"
                 "[\"FAILED\"]}}}" HOOK("fail"));
    put(&w, "B", VISION ",\"event\":{\"type\":\"RUN_METRIC\",\"filter\":{\"run_filter\":{\"display_name\":"
                 "\"x\"},\"run_metric_filter\":{\"$and\":[" THRESHOLD("loss", "null", "1", "$gt", "5") ","
                 THRESHOLD("acc", "null", "3", "$gt", "5") "]}}}" HOOK("fail"));
    put(&w, "C", VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("cpu", "null", "1", "$gt", "0"))
        HOOK("fail"));
#define RUN(type, name, rest) "{\"type\":\"" type "\",\"entity\":\"acme\",\"project\":\"vision\","  \
                              "\"run\":{\"id\":\"r1\",\"name\":\"" name "\"" rest "}"
    CHECK_STR(hooked(&w, RUN("run.state", "x", ",\"state\":\"FAILED\"}")), "A");
    CHECK_STR(hooked(&w, RUN("run.state", "x", ",\"state\":\"CRASHED\"}")), "A");
    CHECK_STR(hooked(&w, RUN("run.state", "x", ",\"state\":\"KILLED\"}")), "");
    CHECK_STR(hooked(&w, RUN("run.state", "x", ",\"state\":\"RUNNING\"}")), "");
    CHECK_STR(hooked(&w, RUN("run.metric", "x", "},\"metrics\":[{\"name\":\"loss\",\"value\":1},"
                                                "{\"name\":\"acc\",\"value\":1},{\"name\":\"loss\","
                                                "\"value\":2}]")), "B");
    CHECK_STR(hooked(&w, RUN("run.metric", "y", "},\"metrics\":[{\"name\":\"loss\",\"value\":1}]")), "");
    CHECK_STR(hooked(&w, RUN("run.metric", "y", "},\"metrics\":[{\"name\":\"system.cpu\",\"value\":1}]")),
              "C");
    CHECK_STR(hooked(&w, RUN("run.metric", "y", "},\"metrics\":[{\"name\":\"cpu\",\"value\":\"NaN\"}]")),
              "");
    world_close(&w);
}

/* Thousands of points that are all well cost no script anything. */
TEST(one_that_watches_metrics_is_gathered_while_its_conditions_hold_now_and_then)
{
    static const char at_5[] = RUN("run.metric", "x", "},\"metrics\":[{\"name\":\"loss\",\"value\":5}]");
    struct known k = {0};
    struct world w;

    world_open(&w);
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("loss", "null", "1", "$gt", "3"))
        HOOK("fail") ",\"limits\":{\"per_run\":\"off\"}");
    know(&w, &k, "A", BF_SAID_YES, NULL);
    for (int i = 0; i < 8; i++) {
        CHECK_STR(hooked(&w, at_5), "A");
        CHECK_STR(metric(&w, 1, "loss", i, 1), "");
    }
    CHECK(!bf_rules_left_out(w.rules));
    CHECK_STR(hooked(&w, at_5), "");
    CHECK(bf_rules_left_out(w.rules));
    CHECK_STR(metric(&w, 1, "loss", 8, 5), "A fires");          /* or its answer is missed */
    CHECK_STR(hooked(&w, at_5), "A");
    CHECK(!bf_rules_left_out(w.rules));
    for (int i = 9; i < 16; i++)
        metric(&w, 1, "loss", i, 1);
    metric(&w, 1, "loss", 16, 4);
    metric(&w, 1, "loss", 17, 1);
    CHECK_STR(hooked(&w, at_5), "A");
    world_close(&w);
}

TEST(what_is_gathered_is_bounded_as_judging_is)
{
    struct world w;

    world_open(&w);
    for (char id[2] = "A"; id[0] <= 'J'; id[0]++)
        put(&w, id, ON_BUILD HOOK("fail"));
    CHECK_STR(hooked(&w, BUILD("main")), "A B C D E F G H I J");
    bf_rules_bound(w.rules, 3);
    CHECK_INT(strlen(hooked(&w, BUILD("main"))), strlen("A B C D"));
    CHECK(bf_rules_left_out(w.rules));
    bf_rules_bound(w.rules, 0);
    CHECK_STR(hooked(&w, BUILD("main")), "A B C D E F G H I J");
    world_close(&w);
}

TEST(the_generation_moves_with_the_hooks_and_with_nothing_else)
{
    uint64_t was;
    struct world w;

    world_open(&w);
    was = bf_rules_hooks_generation(w.rules);
    put(&w, "A", ON_BUILD);
    put(&w, "B", "\"enabled\":false," ON_BUILD HOOK("fail"));
    bf_rules_remove(w.rules, "A");
    CHECK(bf_rules_hooks_generation(w.rules) == was);
    put(&w, "A", ON_BUILD HOOK("fail"));
    CHECK(bf_rules_hooks_generation(w.rules) != was);
    was = bf_rules_hooks_generation(w.rules);
    put_revision(&w, "A", 2, ON_BUILD HOOK("skip"));
    CHECK(bf_rules_hooks_generation(w.rules) != was);
    was = bf_rules_hooks_generation(w.rules);
    bf_rules_place(w.rules, "acme", "big-org");
    CHECK(bf_rules_hooks_generation(w.rules) != was);
    was = bf_rules_hooks_generation(w.rules);
    put_revision(&w, "A", 3, ON_BUILD);
    CHECK(bf_rules_hooks_generation(w.rules) != was);
    CHECK(!bf_rules_has_hooks(w.rules));
    put(&w, "A", ON_BUILD HOOK("fail"));
    was = bf_rules_hooks_generation(w.rules);
    bf_rules_remove(w.rules, "A");
    CHECK(bf_rules_hooks_generation(w.rules) != was);
    CHECK(!bf_rules_has_hooks(w.rules));
    world_close(&w);
}
