/* measure.c - conditions on metrics: what they come to, and how that is told.
 *
 * The arithmetic is that of IEEE doubles in the order written here, over aggregates that the series
 * rounds once; whoever evaluates the same windows gets the same bits.  A condition that lacks values
 * is unknown, and what is unknown never holds. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/exact.h"
#include "core/rules/rules_int.h"

#define SYSTEM "system."

bool bf_condition_names(const struct bf_condition *c, const char *metric)
{
    size_t len = strlen(SYSTEM);

    return strcmp(c->metric, metric) == 0 ||
           (strncmp(metric, SYSTEM, len) == 0 && strcmp(c->metric, metric + len) == 0);
}

/* ---- which series ---- */

static struct bf_watched *series_named(struct bf_judging *j, const struct bf_automation *a,
                                       const char *metric)
{
    return bf_watched(j, metric, bf_watched_since(j->rules, a, metric));
}

static bool has_values(struct bf_judging *j, struct bf_watched *e)
{
    return bf_series_count(bf_watched_series(j, e, 1)) > 0;
}

/* The same metric with "system." before it; NULL if it cannot have that. */
static struct bf_watched *system_series(struct bf_judging *j, const struct bf_automation *a,
                                        const char *metric)
{
    char longer[BF_NAME_MAX + sizeof(SYSTEM)];

    snprintf(longer, sizeof(longer), SYSTEM "%s", metric);
    if (strncmp(metric, SYSTEM, strlen(SYSTEM)) == 0 || strlen(longer) > BF_NAME_MAX)
        return NULL;
    return series_named(j, a, longer);
}

/* At a point of the condition's own metric that series; when another metric of the expression got a
 * value, the one under the name that the author wrote, or, if that has none, "system." before it. */
static struct bf_watched *series_for(struct bf_judging *j, const struct bf_automation *a,
                                     const struct bf_condition *c)
{
    struct bf_watched *e, *longer;

    if (bf_condition_names(c, j->point->name))
        return j->here;
    e = series_named(j, a, c->metric);
    if (has_values(j, e))
        return e;
    longer = system_series(j, a, c->metric);
    return longer && has_values(j, longer) ? longer : e;
}

/* ---- numbers ---- */

static struct bf_window_value window_of(struct bf_judging *j, struct bf_watched *e,
                                        struct bf_measure *m, struct bf_window w)
{
    m->series = bf_watched_series(j, e, bf_window_depth(&w));
    return bf_series_window(m->series, &w);
}

static bool compares(enum bf_comparison how, double value, double with)
{
    switch (how) {
    case BF_ABOVE:
        return value > with;
    case BF_AT_LEAST:
        return value >= with;
    case BF_BELOW:
        return value < with;
    case BF_AT_MOST:
        return value <= with;
    case BF_EQUAL:
        return value == with;
    default:
        return value != with;
    }
}

static bool reaches(enum bf_direction direction, double value, double amount)
{
    switch (direction) {
    case BF_INCREASE:
        return value >= amount;
    case BF_DECREASE:
        return value <= -amount;
    default:
        return fabs(value) >= amount;
    }
}

/* The last value alone is a window of one. */
static struct bf_window threshold_window(const struct bf_condition *c)
{
    return (struct bf_window){c->aggregation, c->aggregation == BF_LAST ? 1 : c->window, 0};
}

static struct bf_window current_window(const struct bf_condition *c)
{
    return threshold_window(c);
}

static struct bf_window prior_window(const struct bf_condition *c)
{
    uint32_t current = current_window(c).size;

    return (struct bf_window){c->aggregation, c->aggregation == BF_LAST ? 1 : c->prior, current};
}

static void measure_threshold(struct bf_judging *j, struct bf_watched *e,
                              const struct bf_condition *c, struct bf_measure *m)
{
    struct bf_window_value v = window_of(j, e, m, threshold_window(c));

    m->missing = v.missing;
    m->value = v.value;
    m->holds = !v.missing && compares(c->comparison, v.value, c->amount);
}

static void measure_change(struct bf_judging *j, struct bf_watched *e,
                           const struct bf_condition *c, struct bf_measure *m)
{
    struct bf_window_value prior = window_of(j, e, m, prior_window(c)), current;

    m->missing = prior.missing;
    if (m->missing)
        return;
    current = window_of(j, e, m, current_window(c));
    m->current = current.value;
    m->prior = prior.value;
    m->value = current.value - prior.value;
    if (c->relative && prior.value == 0) {
        m->undefined = "prior_is_zero";
        return;
    }
    if (c->relative)
        m->value /= fabs(prior.value);
    m->holds = reaches(c->direction, m->value, c->amount);
}

/* Over the last values of earlier runs instead of this one's. */
static struct bf_window_value window_of_runs(struct bf_judging *j, const struct bf_condition *c,
                                             struct bf_measure *m)
{
    struct bf_window_value v = {0};
    struct bf_exact sum, squares;

    m->runs = bf_windows_runs(j, m->metric, c->window, &m->n_runs);
    v.missing = (uint32_t)(c->window - m->n_runs);
    if (v.missing)
        return v;
    bf_exact_init(&sum);
    bf_exact_init(&squares);
    for (size_t i = 0; i < m->n_runs; i++) {
        bf_exact_add(&sum, m->runs[i].value);
        bf_exact_add_square(&squares, m->runs[i].value);
    }
    v.value = bf_exact_round(&sum) / (double)m->n_runs;
    v.deviation = bf_exact_deviation(&sum, &squares, m->n_runs);
    bf_exact_fini(&sum);
    bf_exact_fini(&squares);
    return v;
}

static void measure_score(struct bf_judging *j, struct bf_watched *e,
                          const struct bf_condition *c, struct bf_measure *m)
{
    struct bf_window_value newest = window_of(j, e, m, (struct bf_window){BF_LAST, 1, 0}), v;

    v = c->of_runs ? window_of_runs(j, c, m)
                   : window_of(j, e, m, (struct bf_window){BF_DEVIATION, c->window, 1});
    m->missing = v.missing ? v.missing : newest.missing;
    if (m->missing)
        return;
    m->current = newest.value;
    m->mean = v.value;
    m->deviation = v.deviation;
    if (v.deviation == 0) {
        m->undefined = "zero_variance";
        return;
    }
    m->value = (newest.value - v.value) / v.deviation;
    m->holds = reaches(c->direction, m->value, c->amount);
}

void bf_measure(struct bf_judging *j, const struct bf_automation *a, const struct bf_condition *c,
                struct bf_measure *out)
{
    struct bf_watched *e;

    e = series_for(j, a, c);
    *out = (struct bf_measure){.metric = bf_watched_metric(e)};
    if (c->kind == BF_THRESHOLD)
        measure_threshold(j, e, c, out);
    else if (c->kind == BF_CHANGE)
        measure_change(j, e, c, out);
    else
        measure_score(j, e, c, out);
}

/* ---- the expression ---- */

static bool holds(struct bf_judging *j, const struct bf_automation *a,
                  const struct bf_condition_node *n)
{
    bool wanted = n->op == BF_ANY_OF, all = true;
    struct bf_measure m;

    if (n->op == BF_CONDITION) {
        bf_measure(j, a, &a->conditions.conditions[n->condition], &m);
        bf_note_condition(j, &a->conditions.conditions[n->condition], &m);
        return m.holds;
    }
    for (const struct bf_condition_node *c = n + 1; c < n + n->skip; c += c->skip) {
        bool it = holds(j, a, c);

        if (it == wanted && !j->trace)
            return wanted;
        all = all && it != wanted;
    }
    return all ? !wanted : wanted;      /* whoever asks why wants to see all of them */
}

bool bf_conditions_hold(struct bf_judging *j, const struct bf_automation *a)
{
    return a->conditions.n_nodes > 0 && holds(j, a, a->conditions.nodes);
}

/* ---- telling ---- */

static void add_number(struct bf_buf *b, double value)
{
    if (!isfinite(value))
        bf_buf_addc(b, '"');
    bf_buf_addd(b, value);
    if (!isfinite(value))
        bf_buf_addc(b, '"');
}

static void add_member(struct bf_buf *b, const char *name, double value)
{
    bf_buf_printf(b, ",\"%s\":", name);
    add_number(b, value);
}

/* What a window has, the newest of them, and how many more there are. */
static void add_values(struct bf_buf *b, const char *name, const struct bf_series *s,
                       struct bf_window w)
{
    size_t count = bf_series_count(s), n = count > w.behind ? count - w.behind : 0, shown;

    n = n < w.size ? n : w.size;
    shown = n < BF_SHOWN_MAX ? n : BF_SHOWN_MAX;
    bf_buf_printf(b, ",\"%s\":[", name);
    for (size_t i = shown; i-- > 0;) {
        add_number(b, bf_series_at(s, w.behind + i));
        bf_buf_adds(b, i ? "," : "");
    }
    bf_buf_addc(b, ']');
    if (n > shown)
        bf_buf_printf(b, ",\"more_%s\":%zu", name, n - shown);
}

static void add_runs(struct bf_buf *b, const struct bf_measure *m)
{
    size_t shown = m->n_runs < BF_SHOWN_MAX ? m->n_runs : BF_SHOWN_MAX;

    bf_buf_adds(b, ",\"baseline\":\"runs\",\"values\":[");
    for (size_t i = shown; i-- > 0;) {
        add_number(b, m->runs[i].value);
        bf_buf_adds(b, i ? "," : "");
    }
    bf_buf_addc(b, ']');
    if (m->n_runs > shown)
        bf_buf_printf(b, ",\"more_values\":%zu", m->n_runs - shown);
}

static void add_change(const struct bf_condition *c, const struct bf_measure *m, struct bf_buf *b)
{
    if (!m->missing) {
        add_member(b, "current", m->current);
        add_member(b, "prior", m->prior);
    }
    add_values(b, "values", m->series, current_window(c));
    add_values(b, "prior_values", m->series, prior_window(c));
}

static void add_score(const struct bf_condition *c, const struct bf_measure *m, struct bf_buf *b)
{
    if (!m->missing) {
        add_member(b, "newest", m->current);
        add_member(b, "mean", m->mean);
        add_member(b, "deviation", m->deviation);
        bf_buf_adds(b, ",\"deviation_of\":\"sample\"");
    }
    if (c->of_runs)
        add_runs(b, m);
    else
        add_values(b, "values", m->series, (struct bf_window){BF_DEVIATION, c->window, 1});
}

static void add_words(struct bf_buf *b, const char *name, const struct bf_condition *c,
                      void (*words)(const struct bf_condition *, struct bf_buf *))
{
    struct bf_buf text;

    bf_buf_init(&text, BF_EVENT_MAX);
    words(c, &text);
    bf_buf_printf(b, ",\"%s\":", name);
    bf_buf_json(b, bf_buf_text(&text));
    bf_buf_fini(&text);
}

void bf_condition_json(struct bf_judging *j, const struct bf_condition *c,
                       const struct bf_measure *m, struct bf_buf *out)
{
    size_t not_finite = j->trace ? bf_note_not_finite(j, m->metric) : 0;

    bf_buf_adds(out, "{\"metric\":");
    bf_buf_json(out, m->metric);
    add_words(out, "condition", c, bf_condition_words);
    bf_buf_printf(out, ",\"result\":%s", m->missing ? "null" : m->holds ? "true" : "false");
    if (m->missing)
        bf_buf_printf(out, ",\"missing\":%u", m->missing);
    else if (m->undefined)
        bf_buf_printf(out, ",\"reason\":\"%s\"", m->undefined);
    else
        add_member(out, "value", m->value);
    if (c->kind == BF_THRESHOLD)
        add_values(out, "values", m->series, threshold_window(c));
    else if (c->kind == BF_CHANGE)
        add_change(c, m, out);
    else
        add_score(c, m, out);
    if (not_finite)
        bf_buf_printf(out, ",\"not_finite\":%zu", not_finite);
    bf_buf_addc(out, '}');
}

static const char *const comparisons[] = {">", ">=", "<", "<=", "=", "!="};
static const char *const aggregations[] = {"last value", "average", "least", "greatest"};

static void add_missing(const struct bf_condition *c, const struct bf_measure *m, struct bf_buf *b)
{
    size_t all = c->window;

    if (c->kind == BF_THRESHOLD)
        all = threshold_window(c).size;
    else if (c->kind == BF_CHANGE)
        all = prior_window(c).size + current_window(c).size;
    else if (!c->of_runs)
        all = (size_t)c->window + 1;
    bf_buf_printf(b, "%zu of %zu values%s of %s; %u missing",
                  all > m->missing ? all - m->missing : 0, all,
                  c->of_runs ? " of earlier runs" : "", m->metric, m->missing);
}

static void threshold_words(const struct bf_condition *c, const struct bf_measure *m,
                            struct bf_buf *b)
{
    if (c->aggregation == BF_LAST)
        bf_buf_printf(b, "%s is ", m->metric);
    else
        bf_buf_printf(b, "the %s of %u values of %s is ", aggregations[c->aggregation], c->window,
                      m->metric);
    bf_buf_addd(b, m->value);
    bf_buf_printf(b, ", which is %s%s ", m->holds ? "" : "not ", comparisons[c->comparison]);
    bf_buf_addd(b, c->amount);
}

/* "at least 0.25 up", "at least 25% down", "at least 3 up or down" */
static void add_amount(const struct bf_condition *c, struct bf_buf *b)
{
    static const char *const ways[] = {"up", "down", "up or down"};

    bf_buf_addd(b, c->relative ? c->amount * 100 : c->amount);
    bf_buf_printf(b, "%s %s", c->relative ? "%" : "", ways[c->direction]);
}

/* With two decimals, or with all where these would read like the limit itself: 24.999999999999993
 * is not at least 25. */
static void add_rounded(struct bf_buf *b, double value, double limit)
{
    char text[64], other[64];

    snprintf(text, sizeof(text), "%.2f", value);
    snprintf(other, sizeof(other), "%.2f", copysign(limit, value));
    if (fabs(value) >= 1e15 || (strcmp(text, other) == 0 && fabs(value) != limit))
        bf_buf_addd(b, value);
    else
        bf_buf_adds(b, text);
}

static void change_words(const struct bf_condition *c, const struct bf_measure *m,
                         struct bf_buf *b)
{
    bf_buf_printf(b, "the %s of %s went from ", aggregations[c->aggregation], m->metric);
    bf_buf_addd(b, m->prior);
    bf_buf_adds(b, " to ");
    bf_buf_addd(b, m->current);
    if (m->undefined) {
        bf_buf_adds(b, "; there is no relative change from 0 (prior_is_zero)");
        return;
    }
    bf_buf_adds(b, ", by ");
    if (c->relative)
        add_rounded(b, m->value * 100, c->amount * 100);
    else
        bf_buf_addd(b, m->value);
    bf_buf_printf(b, "%s, which is %sat least ", c->relative ? "%" : "", m->holds ? "" : "not ");
    add_amount(c, b);
}

static void score_words(const struct bf_condition *c, const struct bf_measure *m,
                        struct bf_buf *b)
{
    bf_buf_printf(b, "%s is ", m->metric);
    bf_buf_addd(b, m->current);
    bf_buf_printf(b, ", the %u values %s have mean ", c->window,
                  c->of_runs ? "of earlier runs" : "before it");
    bf_buf_addd(b, m->mean);
    bf_buf_printf(b, " and sample deviation %.6g", m->deviation);
    if (m->undefined) {
        bf_buf_adds(b, ", so there is no score (zero_variance)");
        return;
    }
    bf_buf_adds(b, ": score ");
    add_rounded(b, m->value, c->amount);
    bf_buf_printf(b, ", which is %sat least ", m->holds ? "" : "not ");
    add_amount(c, b);
}

void bf_measure_words(const struct bf_condition *c, const struct bf_measure *m,
                      struct bf_buf *out)
{
    if (m->missing)
        add_missing(c, m, out);
    else if (c->kind == BF_THRESHOLD)
        threshold_words(c, m, out);
    else if (c->kind == BF_CHANGE)
        change_words(c, m, out);
    else
        score_words(c, m, out);
}

/* ---- facts ---- */

/* The condition whose metric the point is. */
static const struct bf_condition *condition_at(const struct bf_judging *j,
                                               const struct bf_automation *a)
{
    for (size_t i = 0; i < a->conditions.n_conditions; i++) {
        if (bf_condition_names(&a->conditions.conditions[i], j->point->name))
            return &a->conditions.conditions[i];
    }
    return &a->conditions.conditions[0];
}

/* As messages show them: a score with two decimals, all else as it is. */
static void add_observed(const struct bf_condition *c, const struct bf_measure *m,
                         struct bf_buf *b)
{
    bf_buf_adds(b, ",\"values\":[");
    if (!m->missing && !m->undefined) {
        if (c->kind == BF_ZSCORE && isfinite(m->value))
            bf_buf_printf(b, "%.2f", m->value);
        else
            add_number(b, c->kind == BF_CHANGE ? m->current : m->value);
        if (c->kind == BF_CHANGE) {
            bf_buf_addc(b, ',');
            add_number(b, m->prior);
        }
    }
    bf_buf_addc(b, ']');
}

static void add_all_words(struct bf_buf *b, const char *name, const struct bf_conditions *all,
                          bool shorter)
{
    struct bf_buf text;

    bf_buf_init(&text, BF_EVENT_MAX);
    bf_conditions_words(all, shorter, &text);
    bf_buf_printf(b, ",\"%s\":", name);
    bf_buf_json(b, bf_buf_text(&text));
    bf_buf_fini(&text);
}

static const char *op_of(const struct bf_condition *c)
{
    if (c->kind == BF_THRESHOLD)
        return comparisons[c->comparison];
    return c->direction == BF_DECREASE ? "<=" : ">=";
}

void bf_metric_facts(struct bf_judging *j, const struct bf_automation *a, struct bf_buf *out)
{
    const struct bf_condition *at = condition_at(j, a);
    struct bf_measure m;

    bf_measure(j, a, at, &m);
    bf_buf_adds(out, "{\"metric\":");
    bf_buf_json(out, m.metric);
    add_observed(at, &m, out);
    if (j->point->has_step)
        bf_buf_printf(out, ",\"step\":%lld", (long long)j->point->step);
    add_all_words(out, "filter", &a->conditions, false);
    add_all_words(out, "short", &a->conditions, true);
    bf_buf_printf(out, ",\"op\":\"%s\"", op_of(at));
    add_member(out, "threshold", at->amount);
    bf_buf_adds(out, ",\"conditions\":[");
    for (size_t i = 0; i < a->conditions.n_conditions; i++) {
        bf_measure(j, a, &a->conditions.conditions[i], &m);
        bf_buf_adds(out, i ? "," : "");
        bf_condition_json(j, &a->conditions.conditions[i], &m, out);
    }
    bf_buf_adds(out, "]}");
}
