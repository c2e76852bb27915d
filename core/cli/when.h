/* when.h - conditions on metrics as people write them, turned into the JSON that the hub takes.
 *
 *     accuracy < 0.85                            the last value
 *     avg(accuracy, 5) > 0.6                     also min, max; 5 values if no number is given
 *     loss increases by 25%                      the last value against the one before it
 *     avg(loss, 10, 50) decreases by 0.1         10 values against the 50 before them
 *     abs(zscore(grad, 30)) > 2.5                zscore(…) > 2.5 and < -2.5 look at one side
 *     accuracy > 0.95 and (loss < 0.1 or 'val loss' < 0.2)
 *
 * Names that hold spaces, parentheses, commas, quotes or < > = ! stand in quotes. */
#ifndef BF_WHEN_H
#define BF_WHEN_H

#include "core/base/arena.h"
#include "core/base/error.h"

/* *wire is the trigger, *json the run_metric_filter; both live in `a`.  BF_ECONFIG, with words that
 * show the place. */
int bf_when_parse(struct bf_arena *a, const char *text, const char **wire, const char **json,
                  struct bf_error *err);

#endif
