/* test_condition.c - conditions on metrics: what is taken, what is refused, and how they are told. */
#include "core/rules/condition.h"
#include "tests/test.h"

#include "core/base/base.h"

static struct bf_error err;

static int parse(struct bf_arena *a, const char *wire, const char *text, struct bf_conditions *out)
{
    memset(&err, 0, sizeof(err));
    return bf_conditions_parse(a, bf_json_parse(a, text, strlen(text), &err), wire, out, &err);
}

static struct bf_conditions taken(struct bf_arena *a, const char *wire, const char *text)
{
    struct bf_conditions c = {0};

    if (parse(a, wire, text, &c))
        test_failed(__FILE__, __LINE__, "%s\n  %s: %s", text, err.field, err.words);
    return c;
}

#define THRESHOLD(members) "{\"threshold_filter\":{\"name\":\"m\"" members "}}"
#define CHANGE(members)    "{\"change_filter\":{\"name\":\"m\"" members "}}"
#define ZSCORE(members)    "{\"zscore_filter\":{\"name\":\"m\"" members "}}"
#define ABOVE              ",\"cmp_op\":\"$gt\",\"threshold\":1"
#define FALLS              ",\"change_type\":\"RELATIVE\",\"change_dir\":\"DECREASE\",\"change_amount\":0.25"
#define M                  THRESHOLD(ABOVE)

TEST(a_threshold_has_the_defaults_of_the_client)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_conditions c = taken(a, "RUN_METRIC", M);

    CHECK_INT(c.n_conditions, 1);
    CHECK_INT(c.n_nodes, 1);
    CHECK_INT(c.nodes[0].op, BF_CONDITION);
    CHECK_INT(c.nodes[0].skip, 1);
    CHECK_INT(c.conditions[0].kind, BF_THRESHOLD);
    CHECK_STR(c.conditions[0].metric, "m");
    CHECK_INT(c.conditions[0].aggregation, BF_LAST);
    CHECK_INT(c.conditions[0].window, 1);
    CHECK_INT(c.conditions[0].prior, 0);
    CHECK_INT(c.conditions[0].comparison, BF_ABOVE);
    CHECK(c.conditions[0].amount == 1.0);
    c = taken(a, "RUN_METRIC", THRESHOLD(",\"agg_op\":\"MIN\"" ABOVE));
    CHECK_INT(c.conditions[0].window, 1);
    bf_arena_free(a);
}

TEST(without_an_aggregation_windows_do_not_count)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_conditions c = taken(a, "RUN_METRIC", THRESHOLD(",\"window_size\":7,\"agg_op\":null" ABOVE));

    CHECK_INT(c.conditions[0].window, 1);
    c = taken(a, "RUN_METRIC_CHANGE",
              CHANGE(",\"current_window_size\":7,\"prior_window_size\":9" FALLS));
    CHECK_INT(c.conditions[0].window, 1);
    CHECK_INT(c.conditions[0].prior, 1);
    bf_arena_free(a);
}

TEST(a_change_has_the_defaults_of_the_client)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_conditions c = taken(a, "RUN_METRIC_CHANGE", CHANGE(FALLS));

    CHECK_INT(c.conditions[0].kind, BF_CHANGE);
    CHECK_INT(c.conditions[0].aggregation, BF_LAST);
    CHECK_INT(c.conditions[0].window, 1);
    CHECK_INT(c.conditions[0].prior, 1);
    CHECK(c.conditions[0].relative);
    CHECK_INT(c.conditions[0].direction, BF_DECREASE);
    CHECK(c.conditions[0].amount == 0.25);
    c = taken(a, "RUN_METRIC_CHANGE", CHANGE(",\"agg_op\":\"AVERAGE\",\"current_window_size\":4" FALLS));
    CHECK_INT(c.conditions[0].window, 4);
    CHECK_INT(c.conditions[0].prior, 4);
    c = taken(a, "RUN_METRIC_CHANGE", CHANGE(",\"agg_op\":\"MAX\",\"current_window_size\":10,"
                                             "\"prior_window_size\":50" FALLS));
    CHECK_INT(c.conditions[0].aggregation, BF_GREATEST);
    CHECK_INT(c.conditions[0].window, 10);
    CHECK_INT(c.conditions[0].prior, 50);
    bf_arena_free(a);
}

TEST(a_zscore_has_the_defaults_of_the_client)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_conditions c = taken(a, "RUN_METRIC_ZSCORE", ZSCORE(""));

    CHECK_INT(c.conditions[0].kind, BF_ZSCORE);
    CHECK_INT(c.conditions[0].window, 30);
    CHECK_INT(c.conditions[0].direction, BF_EITHER);
    CHECK(c.conditions[0].amount == 3.0);
    CHECK(!c.conditions[0].of_runs);
    c = taken(a, "RUN_METRIC_ZSCORE", ZSCORE(",\"baseline\":\"run\",\"window_size\":2"));
    CHECK(!c.conditions[0].of_runs);
    CHECK_INT(c.conditions[0].window, 2);
    CHECK(taken(a, "RUN_METRIC_ZSCORE", ZSCORE(",\"baseline\":\"runs\"")).conditions[0].of_runs);
    bf_arena_free(a);
}

TEST(words_are_read_in_any_case)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_conditions c = taken(a, "RUN_METRIC_CHANGE",
        CHANGE(",\"agg_op\":\"average\",\"change_type\":\"Absolute\",\"change_dir\":\"any\","
               "\"change_amount\":2"));

    CHECK_INT(c.conditions[0].aggregation, BF_AVERAGE);
    CHECK(!c.conditions[0].relative);
    CHECK_INT(c.conditions[0].direction, BF_EITHER);
    bf_arena_free(a);
}

TEST(the_largest_windows_are_taken)
{
    struct bf_arena *a = bf_arena_new(1 << 20);

    CHECK_INT(taken(a, "RUN_METRIC", THRESHOLD(",\"agg_op\":\"MAX\",\"window_size\":100000" ABOVE))
                  .conditions[0].window, 100000);
    CHECK_INT(taken(a, "RUN_METRIC_ZSCORE", ZSCORE(",\"window_size\":100000")).conditions[0].window,
              100000);
    bf_arena_free(a);
}

/* Conditions are letters of their metric, operators & and | with what they join in parentheses. */
static void shape(const struct bf_conditions *c, const struct bf_condition_node *n, char *out)
{
    if (n->op == BF_CONDITION) {
        strcat(out, c->conditions[n->condition].metric);
        return;
    }
    strcat(out, n->op == BF_ALL_OF ? "&(" : "|(");
    for (const struct bf_condition_node *k = n + 1; k < n + n->skip; k += k->skip)
        shape(c, k, out);
    strcat(out, ")");
}

#define T(name) "{\"threshold_filter\":{\"name\":\"" name "\",\"cmp_op\":\"$gt\",\"threshold\":1}}"

static const struct {
    const char *text, *want;
} joined[] = {
    {T("a"), "a"},
    {"{\"$and\":[" T("a") "]}", "a"},   /* a join of one is that one */
    {"{\"$or\":[{\"$and\":[{\"$or\":[" T("a") "]}]}]}", "a"},
    {"{\"$and\":[" T("a") "," T("b") "]}", "&(ab)"},
    {"{\"$or\":[" T("a") "," T("b") "," T("a") "]}", "|(aba)"},
    {"{\"$or\":[{\"$and\":[" T("a") "," T("b") "]},{\"$and\":[" T("c") "]},{\"$or\":[" T("d") "," T("e")
     "]}]}", "|(&(ab)c|(de))"},
    {"{\"$and\":[{\"$or\":[{\"$and\":[" T("a") "," T("b") "]}]}," T("c") "]}", "&(&(ab)c)"},
    {"{\"$and\":[{\"$or\":[" T("a") ",{\"$and\":[" T("b") ",{\"$or\":[" T("c") "," T("d") "]}]}]},"
     T("e") "]}", "&(|(a&(b|(cd)))e)"},
    {"{\"$and\":[{\"change_filter\":{\"name\":\"c\"" FALLS "}},{\"zscore_filter\":{\"name\":\"z\"}},"
     T("t") "]}", "&(czt)"},
    {"{\"threshold_filter\":null,\"$and\":[" T("a") "]}", "a"},
    {"\"{\\\"zscore_filter\\\":null,\\\"threshold_filter\\\":{\\\"name\\\":\\\"a\\\",\\\"cmp_op\\\":"
     "\\\"$gt\\\",\\\"threshold\\\":1}}\"", "a"},
};

TEST(conditions_are_joined_as_the_text_says)
{
    struct bf_arena *a = bf_arena_new(1 << 20);

    for (size_t i = 0; i < BF_COUNT(joined); i++) {
        struct bf_conditions c = taken(a, "RUN_METRIC", joined[i].text);
        char got[100] = "";

        if (!c.n_nodes)
            continue;
        CHECK_INT(c.nodes[0].skip, c.n_nodes);
        shape(&c, c.nodes, got);
        CHECK_STR(got, joined[i].want);
    }
    bf_arena_free(a);
}

static const struct {
    const char *wire, *text, *field, *words;
} bad[] = {
    {"RUN_METRIC", "7", "", "must be an object such as"},
    {"RUN_METRIC", "\"{\"", "", "this is not JSON"},
    {"RUN_METRIC", "{}", "", "holds no condition; known are threshold_filter, change_filter"},
    {"RUN_METRIC", "{\"threshold_filter\":null}", "", "holds no condition"},
    {"RUN_METRIC", "{\"threshold\":{}}", "threshold", "\"threshold\" is no condition; known are"},
    {"RUN_METRIC", "{\"threshold_filter\":{},\"change_filter\":{}}", "", "join them by $and or $or"},
    {"RUN_METRIC", "{\"threshold_filter\":[]}", "threshold_filter", "must be an object, not an array"},
    {"RUN_METRIC", CHANGE(FALLS), "change_filter", "belongs to RUN_METRIC_CHANGE, not to RUN_METRIC"},
    {"RUN_METRIC", ZSCORE(""), "zscore_filter", "belongs to RUN_METRIC_ZSCORE, not to RUN_METRIC"},
    {"RUN_METRIC_CHANGE", M, "threshold_filter", "belongs to RUN_METRIC, not to RUN_METRIC_CHANGE"},
    {"RUN_METRIC_ZSCORE", M, "threshold_filter", "belongs to RUN_METRIC, not to"},
    {"RUN_METRIC_CHANGE", "{\"$and\":[" M "]}", "$and", "are joined in a RUN_METRIC"},
    {"RUN_METRIC", "{\"$and\":[]}", "$and", "one at least"},
    {"RUN_METRIC", "{\"$or\":{}}", "$or", "an array of conditions"},
    {"RUN_METRIC", "{\"$and\":null}", "$and", "an array of conditions"},
    {"RUN_METRIC", "{\"$nor\":[" M "]}", "$nor", "is no condition"},
    {"RUN_METRIC", "{\"$or\":[" M ",{\"$and\":[" M ",{\"threshold_filter\":{\"name\":\"\"}}]}]}",
     "$or[1].$and[1].threshold_filter.name", "is empty"},
    {"RUN_METRIC", "{\"$or\":[{\"$and\":[{\"$or\":[{\"$and\":[{\"$or\":[" M "]}]}]}]}]}",
     "$or[0].$and[0].$or[0].$and[0].$or", "more than 4 levels"},
    /* threshold */
    {"RUN_METRIC", "{\"threshold_filter\":{\"cmp_op\":\"$gt\",\"threshold\":1}}",
     "threshold_filter.name", "is missing"},
    {"RUN_METRIC", "{\"threshold_filter\":{\"name\":7}}", "threshold_filter.name",
     "must be a string, not a number"},
    {"RUN_METRIC", THRESHOLD(",\"windowsize\":5" ABOVE), "threshold_filter.windowsize",
     "unknown member \"windowsize\"; known are name, agg_op, window_size, cmp_op, threshold"},
    {"RUN_METRIC", THRESHOLD(",\"agg_op\":\"MEDIAN\"" ABOVE), "threshold_filter.agg_op",
     "\"MEDIAN\" is unknown; known are AVERAGE, MIN and MAX, and null for the last value"},
    {"RUN_METRIC", THRESHOLD(",\"agg_op\":1" ABOVE), "threshold_filter.agg_op",
     "must be one of AVERAGE, MIN and MAX"},
    {"RUN_METRIC", THRESHOLD(",\"agg_op\":\"MAX\",\"window_size\":0" ABOVE),
     "threshold_filter.window_size", "must be a whole number from 1 to 100000"},
    {"RUN_METRIC", THRESHOLD(",\"window_size\":0" ABOVE), "threshold_filter.window_size", "from 1"},
    {"RUN_METRIC", THRESHOLD(",\"window_size\":-3" ABOVE), "threshold_filter.window_size", "from 1"},
    {"RUN_METRIC", THRESHOLD(",\"window_size\":100001" ABOVE), "threshold_filter.window_size",
     "to 100000"},
    {"RUN_METRIC", THRESHOLD(",\"window_size\":99999999999999999999" ABOVE),
     "threshold_filter.window_size", "to 100000"},
    {"RUN_METRIC", THRESHOLD(",\"window_size\":2.5" ABOVE), "threshold_filter.window_size",
     "whole number"},
    {"RUN_METRIC", THRESHOLD(",\"window_size\":\"5\"" ABOVE), "threshold_filter.window_size",
     "must be a number of values, not a string"},
    {"RUN_METRIC", THRESHOLD(",\"threshold\":1"), "threshold_filter.cmp_op",
     "is missing; known are $gt, $gte, $lt, $lte, $eq and $ne"},
    {"RUN_METRIC", THRESHOLD(",\"cmp_op\":\">\",\"threshold\":1"), "threshold_filter.cmp_op",
     "\">\" is unknown; known are $gt"},
    {"RUN_METRIC", THRESHOLD(",\"cmp_op\":\"$gt\""), "threshold_filter.threshold", "is missing"},
    {"RUN_METRIC", THRESHOLD(",\"cmp_op\":\"$gt\",\"threshold\":\"NaN\""),
     "threshold_filter.threshold", "must be a number, not a string"},
    {"RUN_METRIC", THRESHOLD(",\"cmp_op\":\"$gt\",\"threshold\":1e999"),
     "threshold_filter.threshold", "too large"},
    /* change */
    {"RUN_METRIC_CHANGE", CHANGE(",\"window_size\":5" FALLS), "change_filter.window_size",
     "known are name, agg_op, current_window_size, prior_window_size, change_type, change_dir, "
     "change_amount"},
    {"RUN_METRIC_CHANGE", CHANGE(",\"current_window_size\":0" FALLS),
     "change_filter.current_window_size", "from 1 to 100000"},
    {"RUN_METRIC_CHANGE", CHANGE(",\"prior_window_size\":100001" FALLS),
     "change_filter.prior_window_size", "from 1 to 100000"},
    {"RUN_METRIC_CHANGE", CHANGE(",\"change_dir\":\"ANY\",\"change_amount\":1"),
     "change_filter.change_type", "is missing; known are RELATIVE and ABSOLUTE"},
    {"RUN_METRIC_CHANGE", CHANGE(",\"change_type\":\"PERCENT\",\"change_dir\":\"ANY\",\"change_amount\":1"),
     "change_filter.change_type", "\"PERCENT\" is unknown"},
    {"RUN_METRIC_CHANGE", CHANGE(",\"change_type\":\"RELATIVE\",\"change_amount\":1"),
     "change_filter.change_dir", "is missing; known are INCREASE, DECREASE and ANY"},
    {"RUN_METRIC_CHANGE", CHANGE(",\"change_type\":\"RELATIVE\",\"change_dir\":\"UP\",\"change_amount\":1"),
     "change_filter.change_dir", "\"UP\" is unknown"},
    {"RUN_METRIC_CHANGE", CHANGE(",\"change_type\":\"RELATIVE\",\"change_dir\":\"ANY\""),
     "change_filter.change_amount", "is missing"},
    {"RUN_METRIC_CHANGE",
     CHANGE(",\"change_type\":\"RELATIVE\",\"change_dir\":\"ANY\",\"change_amount\":0"),
     "change_filter.change_amount", "must be more than 0"},
    {"RUN_METRIC_CHANGE",
     CHANGE(",\"change_type\":\"ABSOLUTE\",\"change_dir\":\"ANY\",\"change_amount\":-0.5"),
     "change_filter.change_amount", "must be more than 0"},
    /* z-score */
    {"RUN_METRIC_ZSCORE", ZSCORE(",\"agg_op\":null"), "zscore_filter.agg_op",
     "known are name, window_size, threshold, change_dir, baseline"},
    {"RUN_METRIC_ZSCORE", ZSCORE(",\"window_size\":1"), "zscore_filter.window_size",
     "from 2 to 100000"},
    {"RUN_METRIC_ZSCORE", ZSCORE(",\"window_size\":100001"), "zscore_filter.window_size", "to 100000"},
    {"RUN_METRIC_ZSCORE", ZSCORE(",\"threshold\":0"), "zscore_filter.threshold", "more than 0"},
    {"RUN_METRIC_ZSCORE", ZSCORE(",\"threshold\":-3"), "zscore_filter.threshold", "more than 0"},
    {"RUN_METRIC_ZSCORE", ZSCORE(",\"threshold\":\"3\""), "zscore_filter.threshold", "a number"},
    {"RUN_METRIC_ZSCORE", ZSCORE(",\"change_dir\":\"BOTH\""), "zscore_filter.change_dir",
     "\"BOTH\" is unknown; known are INCREASE, DECREASE and ANY"},
    {"RUN_METRIC_ZSCORE", ZSCORE(",\"baseline\":\"runs\",\"window_size\":1001"),
     "zscore_filter.baseline", "1000 at most"},
    {"RUN_METRIC_ZSCORE", ZSCORE(",\"baseline\":\"project\""), "zscore_filter.baseline",
     "\"project\" is unknown; known are \"run\""},
};

TEST(mistakes_are_named_by_their_place)
{
    struct bf_arena *a = bf_arena_new(1 << 20);

    for (size_t i = 0; i < BF_COUNT(bad); i++) {
        struct bf_conditions c;
        int rc = parse(a, bad[i].wire, bad[i].text, &c);

        if (rc != BF_ECONFIG || strcmp(err.field, bad[i].field) != 0 ||
            !strstr(err.words, bad[i].words))
            test_failed(__FILE__, __LINE__, "%s\n  gives %d %s: %s", bad[i].text, rc, err.field,
                        err.words);
    }
    bf_arena_free(a);
}

TEST(a_name_is_as_long_as_one_of_an_event_at_most)
{
    struct bf_arena *a = bf_arena_new(1 << 20);

    for (int n = 256; n <= 257; n++) {
        char *text = bf_arena_printf(a, "{\"threshold_filter\":{\"name\":\"%0*d\"" ABOVE "}}", n, 0);
        struct bf_conditions c;

        CHECK_INT(parse(a, "RUN_METRIC", text, &c), n == 256 ? BF_OK : BF_ECONFIG);
    }
    CHECK_STR(err.field, "threshold_filter.name");
    CHECK_HAS(err.words, "257 bytes");
    bf_arena_free(a);
}

TEST(there_are_16_conditions_at_most)
{
    struct bf_arena *a = bf_arena_new(1 << 20);

    for (int n = BF_CONDITIONS_MAX; n <= BF_CONDITIONS_MAX + 1; n++) {
        char text[4000] = "{\"$or\":[";
        struct bf_conditions c;

        /* As deep as they may stand, so that there are as many nodes as there can be. */
        for (int i = 0; i < n; i++) {
            strcat(text, i ? ",{\"$and\":[{\"$or\":[{\"$and\":[" : "{\"$and\":[{\"$or\":[{\"$and\":[");
            strcat(text, M "]}]}]}");
        }
        strcat(text, "]}");
        CHECK_INT(parse(a, "RUN_METRIC", text, &c), n == BF_CONDITIONS_MAX ? BF_OK : BF_ECONFIG);
        if (n == BF_CONDITIONS_MAX)
            CHECK_INT(c.n_nodes, BF_CONDITIONS_MAX + 1);
    }
    CHECK_HAS(err.words, "more than 16 conditions");
    bf_arena_free(a);
}

/* ---- words ---- */

static const struct {
    const char *wire, *text, *words, *shorter;
} told[] = {
    {"RUN_METRIC", "{\"threshold_filter\":{\"name\":\"accuracy\",\"agg_op\":\"AVERAGE\","
     "\"window_size\":5,\"cmp_op\":\"$gt\",\"threshold\":0.6}}",
     "AVERAGE of last 5 values of accuracy > 0.6", "avg(accuracy) > 0.6"},
    {"RUN_METRIC", "{\"threshold_filter\":{\"name\":\"accuracy\",\"cmp_op\":\"$gt\",\"threshold\":0.6}}",
     "accuracy > 0.6", "accuracy > 0.6"},
    {"RUN_METRIC", THRESHOLD(",\"agg_op\":\"MIN\",\"cmp_op\":\"$lte\",\"threshold\":-1e-7"),
     "MIN of last value of m <= -1e-07", "min(m) <= -1e-07"},
    {"RUN_METRIC", THRESHOLD(",\"agg_op\":\"MAX\",\"window_size\":100000,\"cmp_op\":\"$gte\","
     "\"threshold\":100"), "MAX of last 100000 values of m >= 100", "max(m) >= 100"},
    {"RUN_METRIC", THRESHOLD(",\"cmp_op\":\"$lt\",\"threshold\":0.30000000000000004"),
     "m < 0.30000000000000004", "m < 0.30000000000000004"},
    {"RUN_METRIC", THRESHOLD(",\"cmp_op\":\"$eq\",\"threshold\":0"), "m == 0", "m == 0"},
    {"RUN_METRIC", THRESHOLD(",\"cmp_op\":\"$ne\",\"threshold\":1.50"), "m != 1.5", "m != 1.5"},
    {"RUN_METRIC_CHANGE", "{\"change_filter\":{\"name\":\"loss\",\"agg_op\":\"AVERAGE\","
     "\"current_window_size\":10,\"prior_window_size\":50" FALLS "}}",
     "AVERAGE of last 10 values of loss decreases by at least 25.00% from the 50 values before",
     "AVERAGE(loss) decreases 25.00%"},
    {"RUN_METRIC_CHANGE", CHANGE(",\"change_type\":\"ABSOLUTE\",\"change_dir\":\"INCREASE\","
     "\"change_amount\":0.1"), "m increases by at least 0.1 from the value before", "m increases 0.1"},
    {"RUN_METRIC_CHANGE", CHANGE(",\"change_type\":\"RELATIVE\",\"change_dir\":\"ANY\","
     "\"change_amount\":0.12345"), "m changes by at least 12.345% from the value before",
     "m changes 12.345%"},
    {"RUN_METRIC_CHANGE", CHANGE(",\"change_type\":\"RELATIVE\",\"change_dir\":\"ANY\","
     "\"change_amount\":1e308"), "m changes by at least 1e+310% from the value before",
     "m changes 1e+310%"},
    {"RUN_METRIC_ZSCORE", "{\"zscore_filter\":{\"name\":\"accuracy\",\"threshold\":2}}",
     "absolute z-score of accuracy over the 30 values before >= 2.0", "abs(zscore('accuracy')) > 2.0"},
    {"RUN_METRIC_ZSCORE", ZSCORE(",\"change_dir\":\"INCREASE\",\"threshold\":2.5"),
     "z-score of m over the 30 values before >= 2.5", "zscore('m') > 2.5"},
    {"RUN_METRIC_ZSCORE", ZSCORE(",\"change_dir\":\"DECREASE\",\"baseline\":\"runs\",\"window_size\":10"),
     "z-score of m over the last values of the 10 runs before <= -3.0", "zscore('m', of runs) < -3.0"},
    {"RUN_METRIC", "{\"$and\":[" T("a") ",{\"$or\":[" T("b") "," T("c") "]}]}", "a > 1 AND (b > 1 OR c > 1)",
     "a > 1 AND (b > 1 OR c > 1)"},
    {"RUN_METRIC", "{\"$or\":[" T("a") ",{\"$or\":[" T("b") "," T("c") "]},{\"$and\":[" T("d") "," T("e")
     "]}]}", "a > 1 OR b > 1 OR c > 1 OR (d > 1 AND e > 1)",
     "a > 1 OR b > 1 OR c > 1 OR (d > 1 AND e > 1)"},
    {"RUN_METRIC", "{\"$and\":[{\"threshold_filter\":{\"name\":\"accuracy\",\"agg_op\":\"AVERAGE\","
     "\"window_size\":5,\"cmp_op\":\"$gt\",\"threshold\":0.95}},{\"threshold_filter\":{\"name\":\"loss\","
     "\"cmp_op\":\"$lt\",\"threshold\":0.1}}]}",
     "AVERAGE of last 5 values of accuracy > 0.95 AND loss < 0.1",
     "avg(accuracy) > 0.95 AND loss < 0.1"},
};

TEST(conditions_are_told_in_words)
{
    struct bf_arena *a = bf_arena_new(1 << 20);

    for (size_t i = 0; i < BF_COUNT(told); i++) {
        struct bf_conditions c = taken(a, told[i].wire, told[i].text);
        struct bf_buf words, shorter;

        bf_buf_init(&words, 4096);
        bf_buf_init(&shorter, 4096);
        bf_conditions_words(&c, false, &words);
        bf_conditions_words(&c, true, &shorter);
        CHECK_STR(bf_buf_text(&words), told[i].words);
        CHECK_STR(bf_buf_text(&shorter), told[i].shorter);
        bf_buf_fini(&words);
        bf_buf_fini(&shorter);
    }
    bf_arena_free(a);
}

/* ---- being the same ---- */

static const struct {
    const char *a, *b;
    bool same;
} pairs[] = {
    {M, THRESHOLD(",\"threshold\":1.0,\"cmp_op\":\"$GT\",\"agg_op\":null,\"window_size\":9"), true},
    {M, "{\"$or\":[" M "]}", true},
    {M, THRESHOLD(",\"cmp_op\":\"$gte\",\"threshold\":1"), false},
    {M, THRESHOLD(",\"cmp_op\":\"$gt\",\"threshold\":2"), false},
    {M, THRESHOLD(",\"agg_op\":\"MAX\"" ABOVE), false},
    {THRESHOLD(",\"agg_op\":\"MAX\",\"window_size\":2" ABOVE),
     THRESHOLD(",\"agg_op\":\"MAX\",\"window_size\":3" ABOVE), false},
    {T("a"), T("b"), false},
    {"{\"$or\":[" T("a") "," T("b") "]}", "{\"$and\":[" T("a") "," T("b") "]}", false},
    {"{\"$or\":[" T("a") "," T("b") "]}", "{\"$or\":[" T("a") "," T("b") "," T("b") "]}", false},
};

TEST(what_means_the_same_is_the_same)
{
    struct bf_arena *a = bf_arena_new(1 << 20);

    for (size_t i = 0; i < BF_COUNT(pairs); i++) {
        struct bf_conditions x = taken(a, "RUN_METRIC", pairs[i].a);
        struct bf_conditions y = taken(a, "RUN_METRIC", pairs[i].b);

        if (bf_conditions_same(&x, &y) != pairs[i].same)
            test_failed(__FILE__, __LINE__, "%s\n  %s", pairs[i].a, pairs[i].b);
    }
    bf_arena_free(a);
}
