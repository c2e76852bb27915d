/* rule_newer_sink - its struct bf_sink uses a field that this hub does not know.
 *
 * MUST BE REFUSED: the words name the plugin, struct bf_sink, and a newer hub. */
#define NEWER_NAME   "rule_newer_sink"
#define NEWER_PLUGIN 0
#define NEWER_SINK   1
#define NEWER_OPTION 0
#include "rule_newer.h"

NEWER_EXPORT(rule_newer_sink);
