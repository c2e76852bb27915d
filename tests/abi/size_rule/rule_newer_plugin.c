/* rule_newer_plugin - its struct bf_plugin uses a field that this hub does not know.
 *
 * MUST BE REFUSED: the words name the plugin, struct bf_plugin, and a newer hub. */
#define NEWER_NAME   "rule_newer_plugin"
#define NEWER_PLUGIN 1
#define NEWER_SINK   0
#define NEWER_OPTION 0
#include "rule_newer.h"

NEWER_EXPORT(rule_newer_plugin);
