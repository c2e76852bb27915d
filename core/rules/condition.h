/* condition.h - conditions on the metrics of a run, alone or joined by AND and OR.
 *
 * The JSON is that of W&B's client, in "event":{"filter":{"run_metric_filter":…}}:
 *   {"threshold_filter":{"name","agg_op","window_size","cmp_op","threshold"}}
 *   {"change_filter":{"name","agg_op","current_window_size","prior_window_size","change_type",
 *                     "change_dir","change_amount"}}
 *   {"zscore_filter":{"name","window_size","threshold","change_dir"}}
 * and, which is ours, {"$and":[…]} and {"$or":[…]} of these, and "baseline":"runs" in a
 * zscore_filter.  Words are read in any case; what is left out is as W&B's client has it: windows
 * of 1 (z-score: 30), a prior window as long as the current one, a z-score of 3.0 in ANY direction,
 * and no aggregation, which is the last value.  Then the windows do not count. */
#ifndef BF_CONDITION_H
#define BF_CONDITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/rules/series.h"

#define BF_CONDITIONS_MAX      16       /* in one automation */
#define BF_CONDITION_DEPTH_MAX 4        /* of $and and $or */
#define BF_BASELINE_RUNS_MAX   1000     /* earlier runs that are looked at, with or without the metric */

enum bf_condition_kind { BF_THRESHOLD, BF_CHANGE, BF_ZSCORE };
enum bf_comparison { BF_ABOVE, BF_AT_LEAST, BF_BELOW, BF_AT_MOST, BF_EQUAL, BF_NOT_EQUAL };
enum bf_direction { BF_INCREASE, BF_DECREASE, BF_EITHER };

struct bf_condition {
    uint8_t kind;               /* enum bf_condition_kind */
    uint8_t aggregation;        /* of a threshold or change */
    uint8_t comparison;         /* of a threshold */
    uint8_t direction;          /* of a change or z-score */
    bool relative;              /* a change: by a fraction of the prior value */
    bool of_runs;               /* a z-score: over the last values of earlier runs */
    uint32_t window;            /* the current one of a change */
    uint32_t prior;             /* a change's */
    double amount;              /* threshold, change_amount, or threshold of a z-score; finite */
    const char *metric;         /* as the author wrote it, perhaps without "system." */
};

enum bf_condition_op { BF_CONDITION, BF_ALL_OF, BF_ANY_OF };

/* The expression, in the order of the text: an operator is followed by what it joins. */
struct bf_condition_node {
    uint8_t op;                 /* enum bf_condition_op */
    uint8_t condition;          /* index, of a BF_CONDITION */
    uint16_t skip;              /* nodes of this subtree, itself included */
};

struct bf_conditions {
    uint16_t n_conditions;
    uint16_t n_nodes;
    const struct bf_condition *conditions;
    const struct bf_condition_node *nodes;
};

/* The value of run_metric_filter, also in a JSON string.
 * "RUN_METRIC", "RUN_METRIC_CHANGE" and "RUN_METRIC_ZSCORE" take one condition of their own kind;
 * RUN_METRIC also any of them joined.  All of it lives in `a`. */
int bf_conditions_parse(struct bf_arena *a, const struct bf_json *json, const char *wire,
                        struct bf_conditions *out, struct bf_error *err);
/* The inside of a threshold_filter alone, which W&B once called "metric_filter". */
int bf_conditions_parse_threshold(struct bf_arena *a, const struct bf_json *json,
                                  struct bf_conditions *out, struct bf_error *err);
bool bf_conditions_same(const struct bf_conditions *a, const struct bf_conditions *b);

/* In words: "AVERAGE of last 5 values of accuracy > 0.6", "accuracy > 0.6" of the last value,
 * "AVERAGE of last 10 values of loss decreases by at least 25.00% from the 50 values before",
 * "absolute z-score of accuracy over the 30 values before >= 2.0". */
void bf_condition_words(const struct bf_condition *c, struct bf_buf *out);
/* Shorter: "avg(accuracy) > 0.6", "AVERAGE(loss) decreases 25.00%",
 * "abs(zscore('accuracy')) > 2.0". */
void bf_condition_short(const struct bf_condition *c, struct bf_buf *out);
/* All of them, joined by " AND " and " OR ", with parentheses where these meet. */
void bf_conditions_words(const struct bf_conditions *c, bool shorter, struct bf_buf *out);

#endif
