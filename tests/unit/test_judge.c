/* test_judge.c - what comes of runs: metrics, states, alerts, limits; over undone batches and
 * restarts. */
#include "tests/unit/rules_fixture.h"

/* ---- worked examples ---- */

TEST(an_average_of_exactly_the_threshold_is_not_above_it)
{
    static const double values[] = {.50, .55, .60, .65, .70};
    struct world w;

    world_open(&w);
    put(&w, "A", AVERAGE_ABOVE);
    for (int i = 0; i < 5; i++)
        CHECK_STR(metric(&w, 1, "accuracy", i, values[i]), "");
    CHECK_STR(metric(&w, 1, "accuracy", 5, .75), "A fires");
    CHECK_HAS(w.facts, "{\"metric\":\"accuracy\",\"values\":[0.65],\"step\":5,"
                       "\"filter\":\"AVERAGE of last 5 values of accuracy > 0.6\","
                       "\"short\":\"avg(accuracy) > 0.6\",\"op\":\">\",\"threshold\":0.6,");
    CHECK_HAS(w.facts, "\"values\":[0.55,0.6,0.65,0.7,0.75]");
    CHECK_STR(metric(&w, 1, "accuracy", 6, .9), "A suppressed fire_limit_24h");
    CHECK_STR(metric(&w, 2, "accuracy", 6, .9), "");    /* another run has its own window */
    world_close(&w);
}

TEST(once_per_run_in_24_hours_to_the_millisecond)
{
    struct world w;
    int64_t fired;

    world_open(&w);
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("acc", "null", "1", "$gte", "1")));
    fired = w.now;
    CHECK_STR(metric(&w, 1, "acc", -1, 1), "A fires");
    CHECK_STR(metric(&w, 2, "acc", -1, 1), "A fires");
    w.now = fired + DAY - 1;
    CHECK_STR(metric(&w, 1, "acc", -1, 1), "A suppressed fire_limit_24h");
    CHECK_INT(w.until, fired + DAY);
    w.now = fired + DAY;
    CHECK_STR(metric(&w, 1, "acc", -1, 1), "A fires");
    w.now++;
    CHECK_STR(metric(&w, 1, "acc", -1, 1), "A suppressed fire_limit_24h");
    world_close(&w);
}

#define CHANGE(agg, current, prior, type, dir, amount)                                            \
    "{\"change_filter\":{\"name\":\"loss\",\"agg_op\":" agg ",\"current_window_size\":" current   \
    ",\"prior_window_size\":" prior ",\"change_type\":\"" type "\",\"change_dir\":\"" dir         \
    "\",\"change_amount\":" amount "}}"

TEST(a_change_compares_the_window_with_the_one_before_it)
{
    struct world w;

    world_open(&w);
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC_CHANGE",
                                      CHANGE("\"AVERAGE\"", "10", "50", "RELATIVE", "DECREASE",
                                             "0.25")));
    put(&w, "B", VISION "," ON_METRIC("RUN_METRIC_CHANGE",
                                      CHANGE("\"AVERAGE\"", "10", "50", "RELATIVE", "DECREASE",
                                             "0.3")));
    for (int i = 0; i < 59; i++)
        CHECK_STR(metric(&w, 1, "loss", i, i < 50 ? .55 : .40), "");
    CHECK_STR(metric(&w, 1, "loss", 59, .40), "A fires");
    CHECK_HAS(w.facts, "\"values\":[0.4,0.55]");
    CHECK_HAS(w.facts, "\"short\":\"AVERAGE(loss) decreases 25.00%\"");
    world_close(&w);
}

TEST(there_is_no_relative_change_from_zero)
{
    struct world w;

    world_open(&w);
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC_CHANGE",
                                      CHANGE("null", "7", "7", "RELATIVE", "ANY", "0.5")));
    put(&w, "B", VISION "," ON_METRIC("RUN_METRIC_CHANGE",
                                      CHANGE("null", "7", "7", "ABSOLUTE", "INCREASE", "1")));
    CHECK_STR(metric(&w, 1, "loss", 0, 0), "");
    CHECK_STR(metric(&w, 1, "loss", 1, 1), "B fires");
    CHECK_STR(metric(&w, 1, "loss", 2, .5), "A fires");     /* of the value before alone, exactly */
    world_close(&w);
}

#define ZSCORE(window, threshold, dir, more)                                                      \
    "{\"zscore_filter\":{\"name\":\"accuracy\",\"window_size\":" window ",\"threshold\":" threshold \
    ",\"change_dir\":\"" dir "\"" more "}}"

TEST(a_score_leaves_out_the_value_under_test)
{
    double spread = .01114 * sqrt(29. / 30);
    struct world w;

    world_open(&w);
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC_ZSCORE", ZSCORE("30", "2", "ANY", "")));
    put(&w, "B", VISION "," ON_METRIC("RUN_METRIC_ZSCORE", ZSCORE("30", "2", "DECREASE", "")));
    for (int i = 0; i < 30; i++)
        CHECK_STR(metric(&w, 1, "accuracy", i, i % 2 ? .9 + spread : .9 - spread), "");
    CHECK_STR(metric(&w, 1, "accuracy", 30, .95), "A fires");
    CHECK_HAS(w.facts, "\"values\":[4.49]");
    CHECK_HAS(w.facts, "\"short\":\"abs(zscore('accuracy')) > 2.0\"");
    CHECK_HAS(w.facts, "\"deviation_of\":\"sample\"");
    world_close(&w);
}

TEST(without_variance_there_is_no_score)
{
    struct world w;

    world_open(&w);
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC_ZSCORE", ZSCORE("3", "1", "ANY", "")));
    for (int i = 0; i < 3; i++)
        CHECK_STR(metric(&w, 1, "accuracy", i, 1), "");
    CHECK_STR(metric(&w, 1, "accuracy", 3, 5), "");
    CHECK_STR(metric(&w, 1, "accuracy", 4, 9), "A fires");
    world_close(&w);
}

TEST(a_baseline_of_runs_takes_the_last_values_of_earlier_ones)
{
    struct world w;

    world_open(&w);
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC_ZSCORE",
                                      ZSCORE("2", "3", "INCREASE", ",\"baseline\":\"runs\"")));
    CHECK_STR(metric(&w, 1, "accuracy", 0, 1), "");
    CHECK_STR(metric(&w, 2, "accuracy", 0, 3), "");
    CHECK_STR(metric(&w, 1, "accuracy", 1, 2), "");
    CHECK_STR(metric(&w, 3, "accuracy", 0, 5), "A fires");      /* (5 - 2.5) / 0.7071 = 3.54 */
    CHECK_HAS(w.facts, "\"values\":[3.54]");
    CHECK_HAS(w.facts, "\"baseline\":\"runs\",\"values\":[2,3]");
    world_close(&w);
}

/* One automation that looks at many runs once made all others look at as many, and two metrics asked
 * the store for each automation anew. */
TEST(baselines_are_read_once_a_record_and_no_deeper_than_they_are_asked_for)
{
    struct world w;

    world_open(&w);
    for (int i = 0; i < 3; i++) {
        char id[16];

        snprintf(id, sizeof(id), "A%d", i);
        put(&w, id, VISION "," ON_METRIC("RUN_METRIC", "{\"$or\":["
            ZSCORE("2", "3", "INCREASE", ",\"baseline\":\"runs\"") ",{\"zscore_filter\":{\"name\":"
            "\"loss\",\"window_size\":2,\"threshold\":3,\"baseline\":\"runs\"}}]}"));
    }
    put(&w, "B", VISION "," ON_METRIC("RUN_METRIC_ZSCORE",
                                      ZSCORE("900", "3", "INCREASE", ",\"baseline\":\"runs\"")));
    metric(&w, 1, "loss", 0, 1);
    w.n_earlier = 0;
    metric(&w, 1, "accuracy", 0, 1);
    CHECK(w.n_earlier <= 3);            /* 2 of each metric, and 900 of one */
    bf_rules_remove(w.rules, "B");
    w.n_earlier = 0;
    metric(&w, 1, "accuracy", 1, 1);
    CHECK_INT(w.n_earlier, 2);
    CHECK_INT(w.max_earlier, 2);
    world_close(&w);
}

/* ---- combined ---- */

#define BOTH(op) "{\"" op "\":[" THRESHOLD("accuracy", "null", "1", "$gt", "0.95") ","            \
                 THRESHOLD("loss", "\"AVERAGE\"", "2", "$lt", "0.1") "]}"

TEST(a_condition_without_a_full_window_satisfies_nothing)
{
    struct world w;

    world_open(&w);
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC", BOTH("$and")));
    put(&w, "O", VISION "," ON_METRIC("RUN_METRIC", BOTH("$or")));
    CHECK_STR(metric(&w, 1, "loss", 0, .01), "");               /* one of two values */
    CHECK_STR(metric(&w, 1, "accuracy", 0, .96), "O fires");    /* or: one is enough */
    CHECK_STR(metric(&w, 1, "loss", 1, .02), "A fires, O suppressed fire_limit_24h");
    CHECK_HAS(w.facts, "{\"metric\":\"loss\",\"values\":[0.015],\"step\":1,");
    CHECK_STR(metric(&w, 2, "loss", 0, .01), "");
    CHECK_STR(metric(&w, 2, "loss", 1, .01), "O fires");
    CHECK_STR(metric(&w, 2, "accuracy", 0, .95), "O suppressed fire_limit_24h");
    CHECK_STR(metric(&w, 2, "unrelated", 0, 1), "");
    world_close(&w);
}

TEST(points_of_one_event_are_judged_in_their_order)
{
    struct world w;

    world_open(&w);
    put(&w, "B", ACME "," ON_METRIC("RUN_METRIC", THRESHOLD("loss", "null", "1", "$lt", "1")));
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC", BOTH("$and")));
    CHECK_STR(judge(&w, 1, "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
                           "\"run\":{\"id\":\"r1\"},\"metrics\":["
                           "{\"name\":\"loss\",\"step\":2,\"value\":0.05},"
                           "{\"name\":\"accuracy\",\"step\":1,\"value\":0.99},"
                           "{\"name\":\"loss\",\"step\":1,\"value\":0.05}]}"),
              "B fires, A fires, B suppressed fire_limit_24h");
    world_close(&w);
}

/* ---- names, order, numbers that are none ---- */

TEST(the_prefix_of_system_metrics_may_be_left_out_in_conditions)
{
    struct world w;

    world_open(&w);
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("cpu", "null", "1", "$gt", "90")));
    put(&w, "B", VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("system.cpu", "null", "1", "$gt", "90")));
    put(&w, "C", VISION "," ON_METRIC("RUN_METRIC", "{\"$and\":["
                                      THRESHOLD("cpu", "null", "1", "$gt", "90") ","
                                      THRESHOLD("gpu", "null", "1", "$gt", "1") "]}"));
    CHECK_STR(metric(&w, 1, "system.cpu", -1, 95), "A fires, B fires");
    CHECK_STR(metric(&w, 1, "gpu", -1, 2), "C fires");          /* it has system.cpu only */
    CHECK_STR(metric(&w, 2, "cpu", -1, 95), "A fires");
    CHECK_STR(metric(&w, 2, "system.cpu", -1, 10), "");
    CHECK_STR(metric(&w, 2, "gpu", -1, 2), "C fires");          /* it has cpu */
    world_close(&w);
}

TEST(what_is_not_finite_enters_no_window_but_counts_as_a_step)
{
    struct world w;

    world_open(&w);
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("x", "\"MAX\"", "2", "$gt", "1")));
    CHECK_STR(metric(&w, 1, "x", 1, 5), "");
    CHECK_STR(metric(&w, 1, "x", 5, NAN), "");
    CHECK_STR(metric(&w, 1, "x", 6, INFINITY), "");
    CHECK_STR(metric(&w, 1, "x", 4, 9), "");    /* older than the NaN */
    CHECK_STR(metric(&w, 1, "x", 6, 9), "");    /* of the same step as the infinity */
    CHECK_STR(metric(&w, 1, "x", 7, 0), "A fires");
    CHECK_HAS(w.facts, "\"values\":[5,0]");
    world_close(&w);
}

TEST(filters_decide_firing_and_not_what_enters_a_window)
{
    struct world w;

    world_open(&w);
    put(&w, "A", VISION ",\"event\":{\"type\":\"RUN_METRIC\",\"filter\":{\"run_filter\":"
                        "\"{\\\"$and\\\":[{\\\"display_name\\\":{\\\"$eq\\\":\\\"b\\\"}}]}\","
                        "\"run_metric_filter\":" THRESHOLD("x", "\"AVERAGE\"", "2", "$gt", "1") "}}");
    CHECK_STR(judge(&w, 1, "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
                           "\"run\":{\"id\":\"r1\",\"name\":\"a\"},"
                           "\"metrics\":[{\"name\":\"x\",\"value\":8}]}"), "");
    CHECK_STR(judge(&w, 1, "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
                           "\"run\":{\"id\":\"r1\",\"name\":\"b\"},"
                           "\"metrics\":[{\"name\":\"x\",\"value\":0}]}"), "A fires");
    CHECK_HAS(w.facts, "\"values\":[4]");
    world_close(&w);
}

/* ---- states ---- */

#define ON_STATES(states)                                                                      \
    VISION ",\"event\":{\"type\":\"RUN_STATE\",\"filter\":{\"run_filter\":{},"                 \
           "\"run_state_filter\":{\"states\":" states "}}}"

TEST(a_transition_into_a_listed_state_fires)
{
    struct world w;

    world_open(&w);
    put(&w, "A", ON_STATES("[\"FAILED\"]"));
    CHECK_STR(state(&w, 1, "RUNNING"), "");
    CHECK_STR(state(&w, 1, "FAILED"), "A fires");
    CHECK_STR(w.facts, "{\"from\":\"RUNNING\",\"to\":\"FAILED\"}");
    CHECK_STR(state(&w, 1, "FAILED"), "");                      /* no transition */
    CHECK_STR(state(&w, 1, "CRASHED"), "A fires");              /* another state of its own */
    CHECK_STR(w.facts, "{\"from\":\"FAILED\",\"to\":\"CRASHED\"}");
    CHECK_STR(state(&w, 1, "RUNNING"), "");
    CHECK_STR(state(&w, 1, "FAILED"), "A suppressed fire_limit_24h");
    CHECK_STR(state(&w, 2, "KILLED"), "");
    CHECK_STR(state(&w, 2, "FAILED"), "A fires");
    CHECK_STR(state(&w, 3, "FAILED"), "A fires");               /* the first report is one */
    CHECK_STR(w.facts, "{\"from\":null,\"to\":\"FAILED\"}");
    world_close(&w);
}

TEST(a_state_in_another_event_is_context_and_no_report)
{
    struct world w;

    world_open(&w);
    put(&w, "A", ON_STATES("[\"RUNNING\",\"FINISHED\"]"));
    CHECK_STR(judge(&w, 1, "{\"type\":\"run.heartbeat\",\"entity\":\"acme\",\"project\":\"vision\","
                           "\"run\":{\"id\":\"r1\",\"state\":\"RUNNING\"}}"), "");
    CHECK_STR(state(&w, 1, "RUNNING"), "A fires");
    CHECK_STR(state(&w, 1, "FINISHED"), "A fires");             /* each state has its own limit */
    world_close(&w);
}

TEST(states_are_remembered_whether_or_not_anybody_waits)
{
    struct world w;

    world_open(&w);
    CHECK_STR(state(&w, 1, "RUNNING"), "");
    put(&w, "A", ON_STATES("[\"RUNNING\"]"));
    CHECK_STR(state(&w, 1, "RUNNING"), "");
    world_close(&w);
}

/* ---- alerts ---- */

static const char *alert(struct world *w, uint64_t run, const char *title, const char *rest)
{
    char text[400];

    snprintf(text, sizeof(text), "{\"type\":\"run.alert\",\"entity\":\"acme\",\"project\":\"vision\","
                                 "\"run\":{\"id\":\"r%llu\"},\"alert\":{\"title\":\"%s\"%s}}",
             (unsigned long long)run, title, rest);
    return judge(w, run, text);
}

TEST(an_alert_holds_others_of_its_title_for_a_while)
{
    struct world w;

    world_open(&w);
    put(&w, "A", VISION ",\"event\":{\"type\":\"RUN_ALERT\",\"filter\":null}");
    CHECK_STR(alert(&w, 1, "low", ""), "A fires");
    CHECK_STR(alert(&w, 1, "high", ""), "A fires");
    CHECK_STR(alert(&w, 2, "low", ""), "A fires");
    w.now += MINUTE - 1;
    CHECK_STR(alert(&w, 1, "low", ""), "A suppressed alert_wait");
    CHECK_INT(w.until, w.now + 1);
    w.now++;
    CHECK_STR(alert(&w, 1, "low", ",\"wait\":2.5"), "A fires");
    w.now += 2499;
    CHECK_STR(alert(&w, 1, "low", ""), "A suppressed alert_wait");
    w.now++;
    CHECK_STR(alert(&w, 1, "low", ",\"wait\":0"), "A fires");
    CHECK_STR(alert(&w, 1, "low", ",\"wait\":0"), "A fires");
    world_close(&w);
}

/* ---- limits ---- */

#define CI(limits) ACME ",\"event\":{\"type\":\"ci.finished\"},\"limits\":" limits

static const char *ci(struct world *w, int64_t after_ms)
{
    w->now += after_ms;
    return judge(w, 0, "{\"type\":\"ci.finished\",\"entity\":\"acme\",\"project\":\"vision\"}");
}

TEST(a_cooldown_delays_behind_the_last_that_was_delayed)
{
    struct world w;

    world_open(&w);
    put(&w, "A", CI("{\"cooldown\":\"10s\"}"));
    CHECK_STR(ci(&w, 0), "A fires");
    CHECK_STR(ci(&w, 1000), "A fires in 9000 cooldown");
    CHECK_STR(ci(&w, 1000), "A fires in 18000 cooldown");
    CHECK_STR(ci(&w, 28000), "A fires");
    world_close(&w);
}

TEST(a_cooldown_that_skips_ends_to_the_millisecond)
{
    struct world w;

    world_open(&w);
    put(&w, "A", CI("{\"cooldown\":\"10s\",\"over\":\"skip\"}"));
    CHECK_STR(ci(&w, 0), "A fires");
    CHECK_STR(ci(&w, 9999), "A suppressed cooldown");
    CHECK_INT(w.until, w.now + 1);
    CHECK_STR(ci(&w, 1), "A fires");
    world_close(&w);
}

TEST(a_digest_gathers_what_comes_until_it_is_due)
{
    struct world w;

    world_open(&w);
    put(&w, "A", CI("{\"cooldown\":\"10s\",\"over\":\"digest\"}"));
    CHECK_STR(ci(&w, 0), "A fires");
    CHECK_STR(ci(&w, 1000), "A fires in 9000 cooldown digest");
    CHECK_STR(ci(&w, 1000), "A joins in 8000");
    CHECK_STR(ci(&w, 7999), "A joins in 1");
    CHECK_STR(ci(&w, 1), "A fires in 10000 cooldown digest");
    CHECK_STR(ci(&w, 30000), "A fires");
    world_close(&w);
}

TEST(a_bucket_gives_what_it_holds_and_then_an_even_pace)
{
    struct world w;

    world_open(&w);
    put(&w, "A", CI("{\"rate\":{\"count\":2,\"within\":\"20s\"}}"));
    CHECK_STR(ci(&w, 0), "A fires");
    CHECK_STR(ci(&w, 0), "A fires");
    CHECK_STR(ci(&w, 0), "A fires in 10000 rate_limited");
    CHECK_STR(ci(&w, 5000), "A fires in 15000 rate_limited");
    CHECK_STR(ci(&w, 95000), "A fires");
    CHECK_STR(ci(&w, 0), "A fires");
    CHECK_STR(ci(&w, 0), "A fires in 10000 rate_limited");
    put_revision(&w, "A", 2, CI("{\"rate\":{\"count\":3,\"within\":\"1s\"},\"over\":\"skip\"}"));
    for (int i = 0; i < 3; i++)
        CHECK_STR(ci(&w, 0), "A fires");
    CHECK_STR(ci(&w, 333), "A suppressed rate_limited");
    CHECK_STR(ci(&w, 1), "A fires");            /* a third of a second is 333.333 ms */
    world_close(&w);
}

TEST(the_later_of_two_limits_counts)
{
    struct world w;

    world_open(&w);
    put(&w, "A", CI("{\"cooldown\":\"2s\",\"rate\":{\"count\":2,\"within\":\"20s\"}}"));
    CHECK_STR(ci(&w, 0), "A fires");
    CHECK_STR(ci(&w, 0), "A fires in 2000 cooldown");
    CHECK_STR(ci(&w, 0), "A fires in 10000 rate_limited");
    world_close(&w);
}

TEST(so_many_matches_within_a_time_are_needed_and_then_it_begins_anew)
{
    struct world w;

    world_open(&w);
    put(&w, "A", CI("{\"matches\":{\"count\":3,\"within\":\"10s\"}}"));
    CHECK_STR(ci(&w, 0), "");
    CHECK_STR(ci(&w, 5000), "");
    CHECK_STR(ci(&w, 5001), "");                /* the first is out by 1 ms */
    CHECK_STR(ci(&w, 4999), "A fires");         /* the second is exactly 10 s old */
    CHECK_STR(ci(&w, 1), "");
    CHECK_STR(ci(&w, 1), "");
    CHECK_STR(ci(&w, 1), "A fires");
    world_close(&w);
}

TEST(matches_are_counted_per_run_for_runs)
{
    struct world w;

    world_open(&w);
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("x", "null", "1", "$gt", "1"))
                 ",\"limits\":{\"per_run\":\"off\",\"matches\":{\"count\":2,\"within\":\"1m\"}}");
    CHECK_STR(metric(&w, 1, "x", -1, 2), "");
    CHECK_STR(metric(&w, 2, "x", -1, 2), "");
    CHECK_STR(metric(&w, 1, "x", -1, 2), "A fires");
    CHECK_STR(metric(&w, 2, "x", -1, 0), "");
    CHECK_STR(metric(&w, 2, "x", -1, 2), "A fires");
    world_close(&w);
}

TEST(one_cause_leads_to_so_many_firings_and_no_more)
{
    const char *event = "{\"type\":\"ci.finished\",\"entity\":\"acme\",\"cause\":\"c1\"}";
    struct world w;

    world_open(&w);
    put(&w, "A", CI("{}"));
    for (int i = 0; i < BF_FAN_OUT_MAX; i++)
        CHECK_STR(judge(&w, 0, event), "A fires");
    CHECK_STR(judge(&w, 0, event), "A suppressed loop");
    CHECK_STR(ci(&w, 0), "A fires");            /* it has no cause */
    w.now += HOUR;
    CHECK_STR(judge(&w, 0, event), "A fires");
    world_close(&w);
}

TEST(what_is_edited_begins_anew_with_its_era)
{
    struct world w;

    world_open(&w);
    put_revision(&w, "A", 1, CI("{\"cooldown\":\"1h\",\"over\":\"skip\"}"));
    CHECK_STR(ci(&w, 0), "A fires");
    CHECK_STR(ci(&w, 1), "A suppressed cooldown");
    put_revision(&w, "A", 2, CI("{\"cooldown\":\"2h\",\"over\":\"skip\"}"));
    CHECK_STR(ci(&w, 1), "A fires");
    world_close(&w);
}

/* ---- undone, evicted, started anew ---- */

TEST(an_undone_batch_is_judged_again_with_the_same_result)
{
    struct world w;
    struct bf_envelope *e;

    world_open(&w);
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("x", "\"AVERAGE\"", "3", "$gte", "4"))
                 ",\"limits\":{\"per_run\":\"off\"}");
    CHECK_STR(metric(&w, 1, "x", -1, 3), "");
    CHECK_STR(metric(&w, 1, "x", -1, 4), "");
    e = event(&w, 1, "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
                     "\"run\":{\"id\":\"r1\"},\"metrics\":[{\"name\":\"x\",\"value\":5},"
                     "{\"name\":\"x\",\"value\":-100},{\"name\":\"x\",\"value\":107}]}");
    for (int i = 0; i < 3; i++) {
        CHECK_STR(judge_event(&w, e, 1), "A fires, A fires");
        bf_rules_undo(w.rules);
    }
    CHECK_STR(judge_event(&w, e, 1), "A fires, A fires");
    bf_envelope_unref(e);
    bf_rules_settle(w.rules);
    CHECK_STR(metric(&w, 1, "x", -1, 5), "A fires");
    world_close(&w);
}

TEST(a_restart_in_a_window_and_in_a_limit_changes_nothing)
{
    static const double values[] = {.50, .55, .60, .65, .70};
    struct world w;

    world_open(&w);
    for (int i = 0; i < 5; i++) {
        put(&w, "A", AVERAGE_ABOVE);
        CHECK_STR(metric(&w, 1, "accuracy", i, values[i]), "");
        bf_rules_free(w.rules);
        world_start(&w);
    }
    put(&w, "A", AVERAGE_ABOVE);
    CHECK_STR(metric(&w, 1, "accuracy", 5, .75), "A fires");
    bf_rules_free(w.rules);
    world_start(&w);
    put(&w, "A", AVERAGE_ABOVE);
    w.now += DAY - 1;
    CHECK_STR(metric(&w, 1, "accuracy", 6, .9), "A suppressed fire_limit_24h");
    w.now++;
    CHECK_STR(metric(&w, 1, "accuracy", 7, .9), "A fires");
    world_close(&w);
}

TEST(values_that_came_while_nobody_watched_are_in_the_window)
{
    const char *rest = VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("x", "\"MIN\"", "2", "$gt", "1"))
                       ",\"limits\":{\"per_run\":\"off\"}";
    struct world w;

    world_open(&w);
    put(&w, "A", rest);
    CHECK_STR(metric(&w, 1, "x", -1, 5), "");
    CHECK_STR(metric(&w, 1, "x", -1, 5), "A fires");
    bf_rules_remove(w.rules, "A");
    CHECK_STR(metric(&w, 1, "x", -1, 0), "");
    put(&w, "A", rest);
    CHECK_STR(metric(&w, 1, "x", -1, 5), "");   /* 0 and 5 */
    put(&w, "B", rest);
    bf_rules_remove(w.rules, "A");              /* somebody watches all the time: nothing is read */
    w.n_tails = 0;
    CHECK_STR(metric(&w, 1, "x", -1, 5), "B fires");
    CHECK_INT(w.n_tails, 0);
    world_close(&w);
}

TEST(a_team_that_moves_takes_its_runs_along)
{
    const char *rest = "\"scope\":{\"entity\":\"corp\"},"
                       ON_METRIC("RUN_METRIC", THRESHOLD("x", "\"MIN\"", "2", "$gt", "1"))
                       ",\"limits\":{\"per_run\":\"off\"}";
    struct world w;

    world_open(&w);
    put(&w, "A", rest);
    bf_rules_place(w.rules, "acme", "corp");
    CHECK_STR(metric(&w, 1, "x", -1, 5), "");
    CHECK_STR(metric(&w, 1, "x", -1, 5), "A fires");
    bf_rules_place(w.rules, "acme", NULL);
    CHECK_STR(metric(&w, 1, "x", -1, 0), "");
    bf_rules_place(w.rules, "acme", "corp");
    CHECK_STR(metric(&w, 1, "x", -1, 5), "");
    CHECK_STR(metric(&w, 1, "x", -1, 5), "A fires");
    w.n_tails = 0;
    bf_rules_place(w.rules, "acme", "corp");    /* it is there already: nothing is read again */
    CHECK_STR(metric(&w, 1, "x", -1, 5), "A fires");
    CHECK_INT(w.n_tails, 0);
    world_close(&w);
}

/* The same random history with a cache that holds all, and one that holds nothing, with undone
 * batches in between: the firings are the same. */
static void history(struct world *w, unsigned seed, bool forgetful, struct bf_buf *out)
{
    static const char *const names[] = {"a", "b", "cpu", "system.cpu"};
    struct bf_buf text;

    world_open(w);
    if (forgetful) {
        bf_windows_free(w->rules->windows);
        w->rules->windows = bf_windows_new(1);
    }
    put(w, "A", VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("a", "\"AVERAGE\"", "7", "$gt", "0.6"))
                ",\"limits\":{\"per_run\":\"off\"}");
    put(w, "B", ACME "," ON_METRIC("RUN_METRIC", "{\"$or\":["
                THRESHOLD("b", "\"MAX\"", "20", "$lt", "0.95") ",{\"$and\":["
                THRESHOLD("cpu", "\"MIN\"", "3", "$gt", "0.3") ","
                THRESHOLD("a", "null", "1", "$gt", "0.7") "]}]}"));
    put(w, "C", VISION "," ON_METRIC("RUN_METRIC_ZSCORE", "{\"zscore_filter\":{\"name\":\"cpu\","
                "\"window_size\":5,\"threshold\":2,\"change_dir\":\"ANY\"}}")
                ",\"limits\":{\"per_run\":\"1m\",\"matches\":{\"count\":2,\"within\":\"30s\"}}");
    bf_buf_init(&text, BF_EVENT_MAX);
    for (int i = 0; i < 1500; i++) {
        uint64_t run = 1 + (unsigned)rand_r(&seed) % 5;
        unsigned n = 1 + (unsigned)rand_r(&seed) % 6;
        struct bf_envelope *e;

        bf_buf_clear(&text);
        bf_buf_printf(&text, "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
                             "\"run\":{\"id\":\"r%d\"},\"metrics\":[", (int)run);
        for (unsigned k = 0; k < n; k++) {
            bf_buf_printf(&text, "%s{\"name\":\"%s\",\"value\":", k ? "," : "",
                          names[(unsigned)rand_r(&seed) % 4]);
            bf_buf_addd(&text, (unsigned)rand_r(&seed) % 1000 / 1000.);
            if ((unsigned)rand_r(&seed) % 2)
                bf_buf_printf(&text, ",\"step\":%d", i / 3 + (int)((unsigned)rand_r(&seed) % 3));
            bf_buf_addc(&text, '}');
        }
        bf_buf_adds(&text, "]}");
        w->now += (unsigned)rand_r(&seed) % 2000;
        e = event(w, run, bf_buf_text(&text));
        if (forgetful && i % 3 == 0) {
            /* judged against a memory that may be spoiled, as a transaction that fails */
            struct bf_overlay *o = bf_overlay_new(&w->memory);

            bf_rules_remember(w->rules, bf_overlay_memory(o));
            judge_event(w, e, run);
            bf_rules_undo(w->rules);
            bf_rules_remember(w->rules, &w->memory);
            bf_overlay_free(o);
        }
        bf_buf_printf(out, "%d: %s %s\n", i, judge_event(w, e, run), w->facts);
        bf_rules_settle(w->rules);
        bf_envelope_unref(e);
    }
    bf_buf_fini(&text);
    world_close(w);
}

TEST(firings_do_not_depend_on_what_is_still_in_memory)
{
    for (unsigned seed = 1; seed <= 5; seed++) {
        struct bf_buf one, other;
        struct world w;

        bf_buf_init(&one, 64 << 20);
        bf_buf_init(&other, 64 << 20);
        history(&w, seed, false, &one);
        history(&w, seed, true, &other);
        CHECK_HAS(one.data, "A fires");
        CHECK_HAS(one.data, "B fires");
        CHECK_HAS(one.data, "C fires");
        CHECK_STR(one.data, other.data);
        bf_buf_fini(&one);
        bf_buf_fini(&other);
    }
}

TEST(automations_that_share_a_window_fill_it_once)
{
    char id[16];
    struct world w;

    world_open(&w);
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "A%02d", i);
        put(&w, id, VISION "," ON_METRIC("RUN_METRIC",
                                         THRESHOLD("x", "\"MAX\"", "1000", "$gt", "5")));
    }
    for (int i = 0; i < 1000; i++)
        metric(&w, 1, "x", i, 1);
    bf_rules_free(w.rules);
    world_start(&w);
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "A%02d", i);
        put(&w, id, VISION "," ON_METRIC("RUN_METRIC",
                                         THRESHOLD("x", "\"MAX\"", "1000", "$gt", "5")));
    }
    w.n_tails = 0;
    metric(&w, 1, "x", 1000, 6);
    CHECK_HAS(w.said, "A00 fires, A01 fires");
    CHECK_HAS(w.said, "A99 fires");
    metric(&w, 1, "x", 1001, 6);
    CHECK_INT(w.n_tails, 1);
    world_close(&w);
}

TEST(the_cache_of_windows_keeps_to_its_limit)
{
    struct world w;
    size_t one;

    world_open(&w);
    put(&w, "A", VISION "," ON_METRIC("RUN_METRIC", THRESHOLD("x", "\"MAX\"", "100", "$gt", "5")));
    metric(&w, 1, "x", 0, 1);
    one = bf_windows_size(w.rules->windows);
    CHECK(one > 0);
    bf_windows_free(w.rules->windows);
    w.rules->windows = bf_windows_new(10 * one);
    for (uint64_t run = 1; run < 50; run++)
        metric(&w, run, "x", 1, 1);
    CHECK(bf_windows_size(w.rules->windows) <= 10 * one);
    CHECK(bf_windows_size(w.rules->windows) > 5 * one);
    world_close(&w);
}
