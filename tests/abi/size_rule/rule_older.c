/* rule_older - of a time when struct bf_sink ended with `deliver_blocking`, struct bf_plugin with
 * `sources`, and an option had no `choices`.
 *
 * MUST LOAD.  max_parallel, max_merged, pace and schema read as zero, and both options are found
 * although their rows are shorter.  Behind the ends stands what a reader would stumble over. */
#include "rule.h"

struct older_option {           /* struct bf_option as it was */
    const char *name;
    uint32_t    type;
    uint32_t    offset;
    uint32_t    flags;
    const char *def;
    const char *help;
};

static const struct older_option options[] = {
    { "url", BF_T_STRING, offsetof(struct rule_integration, url), BF_REQUIRED, NULL, "address" },
    { "times", BF_T_INT, offsetof(struct rule_integration, times), 0, "3", "how often" },
    { NULL, 0, 0, 0, NULL, NULL }
};

#define POISON 0x5a5a5a5au

static const struct bf_sink sink = {
    .size = offsetof(struct bf_sink, max_parallel), .option_size = sizeof(struct older_option),
    .name = "rule_older", .summary = "Made for an older hub",
    .integration = (const struct bf_option *)(const void *)options,
    .integration_size = sizeof(struct rule_integration), .request = rule_request,
    .max_parallel = POISON, .max_merged = POISON, .pace = (const char *)(uintptr_t)POISON
};

static const struct bf_sink *const sinks[] = { &sink, NULL };

BF_EXTERN BF_EXPORT const struct bf_plugin BF_PLUGIN_SYMBOL(rule_older);
const struct bf_plugin BF_PLUGIN_SYMBOL(rule_older) = {
    .size = offsetof(struct bf_plugin, schema), .name = "rule_older", .version = "0.9",
    .sinks = sinks, .schema = (const char *const *)(uintptr_t)POISON
};
