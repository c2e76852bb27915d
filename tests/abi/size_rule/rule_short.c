/* rule_short - its struct bf_sink claims to end in the middle of the fields that name it.
 *
 * MUST BE REFUSED: the words name the plugin and say that it is damaged. */
#include "rule.h"

static const struct bf_sink sink = {
    .size = offsetof(struct bf_sink, name), .name = "rule_short", .request = rule_request
};

static const struct bf_sink *const sinks[] = { &sink, NULL };

BF_PLUGIN(rule_short, "1.0", .sinks = sinks);
