/* rule_newer_option - a row of its option table uses a field that this hub does not know.
 *
 * MUST BE REFUSED: the words name the plugin and struct bf_option. */
#define NEWER_NAME   "rule_newer_option"
#define NEWER_PLUGIN 0
#define NEWER_SINK   0
#define NEWER_OPTION 1
#include "rule_newer.h"

NEWER_EXPORT(rule_newer_option);
