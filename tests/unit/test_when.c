/* test_when.c - conditions as people write them. */
#include "core/cli/when.h"

#include <string.h>

#include "tests/test.h"

static struct bf_arena *arena;

static const char *parse(const char *text, const char **wire)
{
    struct bf_error err = {0};
    const char *json;

    if (bf_when_parse(arena, text, wire, &json, &err) == BF_OK)
        return json;
    *wire = "refused";
    return bf_arena_dup(arena, err.words);
}

#define T(name, agg, window, op, threshold)                                                        \
    "{\"threshold_filter\":{\"name\":\"" name "\",\"agg_op\":" agg ",\"window_size\":" window      \
    ",\"cmp_op\":\"" op "\",\"threshold\":" threshold "}}"
#define C(name, agg, current, prior, type, dir, amount)                                            \
    "{\"change_filter\":{\"name\":\"" name "\",\"agg_op\":" agg ",\"current_window_size\":" current\
    ",\"prior_window_size\":" prior ",\"change_type\":\"" type "\",\"change_dir\":\"" dir          \
    "\",\"change_amount\":" amount "}}"
#define Z(name, window, threshold, dir)                                                            \
    "{\"zscore_filter\":{\"name\":\"" name "\",\"window_size\":" window ",\"threshold\":" threshold\
    ",\"change_dir\":\"" dir "\"}}"

TEST(conditions_become_what_the_client_would_send)
{
    static const struct { const char *text, *wire, *json; } rows[] = {
        {"accuracy < 0.85", "RUN_METRIC", T("accuracy", "null", "1", "$lt", "0.85")},
        {"eval/loss>=1e-3", "RUN_METRIC", T("eval/loss", "null", "1", "$gte", "0.001")},
        {"'val loss' = -.5", "RUN_METRIC", T("val loss", "null", "1", "$eq", "-0.5")},
        {"\"a\\b\" != 2", "RUN_METRIC", T("a\\\\b", "null", "1", "$ne", "2")},
        {"avg(accuracy, 5) > 0.6", "RUN_METRIC", T("accuracy", "\"AVERAGE\"", "5", "$gt", "0.6")},
        {"Mean( accuracy ) <= 0.6", "RUN_METRIC", T("accuracy", "\"AVERAGE\"", "5", "$lte", "0.6")},
        {"min(x,3) > 0", "RUN_METRIC", T("x", "\"MIN\"", "3", "$gt", "0")},
        {"max(system.gpu.0.temp, 20) > 90", "RUN_METRIC",
         T("system.gpu.0.temp", "\"MAX\"", "20", "$gt", "90")},
        {"max > 90", "RUN_METRIC", T("max", "null", "1", "$gt", "90")},
        {"loss increases by 25%", "RUN_METRIC_CHANGE",
         C("loss", "null", "1", "1", "RELATIVE", "INCREASE", "0.25")},
        {"avg(loss) decreases by 25%", "RUN_METRIC_CHANGE",
         C("loss", "\"AVERAGE\"", "10", "50", "RELATIVE", "DECREASE", "0.25")},
        {"avg(loss, 4) changes by 0.1", "RUN_METRIC_CHANGE",
         C("loss", "\"AVERAGE\"", "4", "4", "ABSOLUTE", "ANY", "0.1")},
        {"max(loss, 4, 9) changes by 1 %", "RUN_METRIC_CHANGE",
         C("loss", "\"MAX\"", "4", "9", "RELATIVE", "ANY", "0.01")},
        {"abs(zscore(grad, 30)) > 2.5", "RUN_METRIC_ZSCORE", Z("grad", "30", "2.5", "ANY")},
        {"zscore(grad) >= 3", "RUN_METRIC_ZSCORE", Z("grad", "30", "3", "INCREASE")},
        {"zscore(grad, 9) < -3", "RUN_METRIC_ZSCORE", Z("grad", "9", "3", "DECREASE")},
        {"accuracy > 0.95 and loss < 0.1", "RUN_METRIC",
         "{\"$and\":[" T("accuracy", "null", "1", "$gt", "0.95") ","
         T("loss", "null", "1", "$lt", "0.1") "]}"},
        {"a > 1 && b > 2 || (c > 3 or d > 4) and zscore(e) > 5", "RUN_METRIC",
         "{\"$or\":[{\"$and\":[" T("a", "null", "1", "$gt", "1") "," T("b", "null", "1", "$gt", "2")
         "]},{\"$and\":[{\"$or\":[" T("c", "null", "1", "$gt", "3") ","
         T("d", "null", "1", "$gt", "4") "]}," Z("e", "30", "5", "INCREASE") "]}]}"},
    };

    arena = bf_arena_new(1024 * 1024);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *wire, *json = parse(rows[i].text, &wire);

        CHECK_STR(wire, rows[i].wire);
        CHECK_STR(json, rows[i].json);
    }
    bf_arena_free(arena);
}

TEST(what_makes_no_sense_is_refused_at_its_place)
{
    static const struct { const char *text, *words; } rows[] = {
        {"", "the name of a metric is expected at the end (character 1)"},
        {"accuracy", "a comparison, or \"increases by\""},
        {"accuracy <", "a number is expected at the end (character 11)"},
        {"accuracy < high", "a number is expected at \"high\""},
        {"accuracy < 1x", "a number is expected at \"1x\""},
        {"accuracy < inf", "a number is expected at \"inf\""},
        {"accuracy < 1 loss > 2", "\"and\", \"or\" or the end is expected at \"loss > 2\""},
        {"avg(accuracy, 0) > 1", "a number of values, 1 or more, is expected"},
        {"avg(accuracy, 5 > 1", "\")\" is expected at \"> 1\""},
        {"avg(accuracy, 5, 6) > 1", "increases, decreases or changes by, for two windows,"},
        {"'accuracy < 1", "a name and its second quote"},
        {"(a < 1", "\")\" is expected"},
        {"loss increases 5", "\"by\" is expected at \"5\""},
        {"abs(loss) > 5", "zscore(…) is expected at \"loss) > 5\""},
        {"zscore(loss) > -5", "a number above 0"},
        {"zscore(loss) = 5", "a z-score above a number"},
        {"a > 1 and", "the name of a metric is expected at the end"},
        {"((((((((((((((((((a > 1))))))))))))))))))", "fewer parentheses"},
    };

    arena = bf_arena_new(1024 * 1024);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *wire, *words = parse(rows[i].text, &wire);

        CHECK_STR(wire, "refused");
        CHECK(strstr(words, rows[i].words) != NULL);
    }
    bf_arena_free(arena);
}
