/* rule_stride - an option table whose rows have no size.
 *
 * MUST BE REFUSED: the words name the plugin and struct bf_option.  Taken as it is, the walk over
 * the table would never come to an end. */
#include "rule.h"

static const struct bf_option options[] = {
    BF_STRING(struct rule_integration, url, .flags = BF_REQUIRED, .help = "address"),
    BF_OPTIONS_END
};

static const struct bf_sink sink = {
    .size = sizeof(struct bf_sink), .option_size = 0, .name = "rule_stride",
    .summary = "Has rows of no size", BF_INTEGRATION(struct rule_integration, options),
    .request = rule_request
};

BF_PLUGIN(rule_stride, "1.0", BF_SINKS(&sink));
