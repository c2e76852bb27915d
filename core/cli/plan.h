/* plan.h - a plan of the hub's, while the command shows it: what plan.c and plan_backtest.c share. */
#ifndef BF_CLI_PLAN_H
#define BF_CLI_PLAN_H

#include "core/cli/cli.h"

/* What an automation would have fired, or NULL text where that is not known. */
struct bf_figure {
    bool known;
    bool disabled;              /* so it is nothing */
    long long fired;
    long long suppressed;
};

/* Of one change of the plan. */
struct bf_figures {
    const struct bf_json *change;
    struct bf_figure before;
    struct bf_figure after;
    const char *words;          /* why there are none; or NULL */
};

/* The figures of every automation that is made, changed or deleted, by backtests on the hub, a few at
 * a time; *out is an array of *n in c->arena.  Whoever stops it ends them there as well. */
int bf_plan_backtest(struct bf_cli *c, const struct bf_json *changes, const char *since,
                     struct bf_figures **out, size_t *n);

#endif
