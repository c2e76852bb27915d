/* condition_words.c - conditions as a person reads them, in history, verdicts and payloads.
 *
 * The shorter form is W&B's where its client has one: avg(accuracy) > 0.6, AVERAGE(loss) decreases
 * 25.00%, abs(zscore('accuracy')) > 2.0.  Numbers are as short as they read back, so nothing is
 * rounded away that decided. */
#include "core/rules/condition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const comparisons[] = {">", ">=", "<", "<=", "==", "!="};
static const char *const verbs[] = {"increases", "decreases", "changes"};
static const char *const aggregations[] = {
    [BF_AVERAGE] = "AVERAGE", [BF_LEAST] = "MIN", [BF_GREATEST] = "MAX"};
static const char *const functions[] = {
    [BF_AVERAGE] = "avg", [BF_LEAST] = "min", [BF_GREATEST] = "max"};

/* 25.00%, as W&B's client says it; with more decimals where two would not do. */
static void add_percent(struct bf_buf *out, double fraction)
{
    char text[64];

    snprintf(text, sizeof(text), "%.2f", fraction < 1e9 ? fraction * 100 : 0);
    for (int digits = 3; (double)(strtold(text, NULL) / 100) != fraction && digits < 20; digits++)
        snprintf(text, sizeof(text), "%.*Lg", digits, (long double)fraction * 100);
    bf_buf_printf(out, "%s%%", text);
}

static void add_change(struct bf_buf *out, const struct bf_condition *c)
{
    if (c->relative)
        add_percent(out, c->amount);
    else
        bf_buf_addd(out, c->amount);
}

/* A number of standard deviations: 2.0, as W&B's client says it. */
static void add_score(struct bf_buf *out, double score)
{
    size_t before = out->len;

    bf_buf_addd(out, score);
    if (!out->failed && !strpbrk(out->data + before, ".e"))
        bf_buf_adds(out, ".0");
}

static void add_signed_score(struct bf_buf *out, const struct bf_condition *c, bool inclusive)
{
    bool below = c->direction == BF_DECREASE;

    bf_buf_printf(out, " %s%s ", below ? "<" : ">", inclusive ? "=" : "");
    add_score(out, below ? -c->amount : c->amount);
}

/* "AVERAGE of last 5 values of accuracy", or of the last one only "accuracy". */
static void add_subject(struct bf_buf *out, const struct bf_condition *c)
{
    if (c->aggregation == BF_LAST)
        bf_buf_adds(out, c->metric);
    else if (c->window == 1)
        bf_buf_printf(out, "%s of last value of %s", aggregations[c->aggregation], c->metric);
    else
        bf_buf_printf(out, "%s of last %u values of %s", aggregations[c->aggregation], c->window,
                      c->metric);
}

static void add_change_words(struct bf_buf *out, const struct bf_condition *c)
{
    add_subject(out, c);
    bf_buf_printf(out, " %s by at least ", verbs[c->direction]);
    add_change(out, c);
    if (c->prior == 1)
        bf_buf_adds(out, " from the value before");
    else
        bf_buf_printf(out, " from the %u values before", c->prior);
}

static void add_zscore_words(struct bf_buf *out, const struct bf_condition *c)
{
    bf_buf_printf(out, "%s of %s over the ",
                  c->direction == BF_EITHER ? "absolute z-score" : "z-score", c->metric);
    bf_buf_printf(out, c->of_runs ? "last values of the %u runs before" : "%u values before",
                  c->window);
    add_signed_score(out, c, true);
}

void bf_condition_words(const struct bf_condition *c, struct bf_buf *out)
{
    switch (c->kind) {
    case BF_THRESHOLD:
        add_subject(out, c);
        bf_buf_printf(out, " %s ", comparisons[c->comparison]);
        bf_buf_addd(out, c->amount);
        break;
    case BF_CHANGE:
        add_change_words(out, c);
        break;
    default:
        add_zscore_words(out, c);
    }
}

static void add_called(struct bf_buf *out, const struct bf_condition *c, const char *const *names)
{
    if (c->aggregation == BF_LAST)
        bf_buf_adds(out, c->metric);
    else
        bf_buf_printf(out, "%s(%s)", names[c->aggregation], c->metric);
}

void bf_condition_short(const struct bf_condition *c, struct bf_buf *out)
{
    switch (c->kind) {
    case BF_THRESHOLD:
        add_called(out, c, functions);
        bf_buf_printf(out, " %s ", comparisons[c->comparison]);
        bf_buf_addd(out, c->amount);
        break;
    case BF_CHANGE:
        add_called(out, c, aggregations);
        bf_buf_printf(out, " %s ", verbs[c->direction]);
        add_change(out, c);
        break;
    default:
        bf_buf_printf(out, c->direction == BF_EITHER ? "abs(zscore('%s'%s))" : "zscore('%s'%s)",
                      c->metric, c->of_runs ? ", of runs" : "");
        add_signed_score(out, c, false);
    }
}

static void add_node(struct bf_buf *out, const struct bf_conditions *c,
                     const struct bf_condition_node *n, bool shorter)
{
    const struct bf_condition_node *end = n + n->skip;

    if (n->op == BF_CONDITION) {
        (shorter ? bf_condition_short : bf_condition_words)(&c->conditions[n->condition], out);
        return;
    }
    for (const struct bf_condition_node *child = n + 1; child < end; child += child->skip) {
        bool inner = child->op != BF_CONDITION && child->op != n->op;

        if (child > n + 1)
            bf_buf_adds(out, n->op == BF_ALL_OF ? " AND " : " OR ");
        bf_buf_adds(out, inner ? "(" : "");
        add_node(out, c, child, shorter);
        bf_buf_adds(out, inner ? ")" : "");
    }
}

void bf_conditions_words(const struct bf_conditions *c, bool shorter, struct bf_buf *out)
{
    if (c->n_nodes)
        add_node(out, c, c->nodes, shorter);
}
