/* rule_newer_zero - newer, but nothing that this hub does not know is used.
 *
 * MUST LOAD, and work as if it had been built for this hub; times is 3. */
#define NEWER_NAME   "rule_newer_zero"
#define NEWER_PLUGIN 0
#define NEWER_SINK   0
#define NEWER_OPTION 0
#include "rule_newer.h"

NEWER_EXPORT(rule_newer_zero);
