/* rule_newer.h - plugins of a time to come, whose structs and option rows have one field more.
 *
 * NEWER_SINK, NEWER_PLUGIN and NEWER_OPTION are the values of that field in each. */
#include "rule.h"

struct newer_option {
    struct bf_option option;
    uint64_t         unknown;
};

struct newer_sink {
    struct bf_sink sink;
    uint64_t       unknown;
};

struct newer_plugin {
    struct bf_plugin plugin;
    uint64_t         unknown;
};

static const struct newer_option options[] = {
    { BF_STRING(struct rule_integration, url, .flags = BF_REQUIRED, .help = "address"), 0 },
    { BF_INT(struct rule_integration, times, .def = "3", .help = "how often"), NEWER_OPTION },
    { BF_OPTIONS_END, 0 }
};

static const struct newer_sink sink = {
    { .size = sizeof(struct newer_sink), .option_size = sizeof(struct newer_option),
      .name = NEWER_NAME, .summary = "Made for a newer hub", .integration = &options[0].option,
      .integration_size = sizeof(struct rule_integration), .request = rule_request },
    NEWER_SINK
};

static const struct bf_sink *const sinks[] = { &sink.sink, NULL };

#define NEWER_EXPORT(ident)                                                          \
    BF_EXTERN BF_EXPORT const struct newer_plugin BF_PLUGIN_SYMBOL(ident);           \
    const struct newer_plugin BF_PLUGIN_SYMBOL(ident) = {                            \
        { .size = sizeof(struct newer_plugin), .name = NEWER_NAME, .version = "9.0", \
          .sinks = sinks },                                                          \
        NEWER_PLUGIN }
