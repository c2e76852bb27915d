/* config.h - the configuration file: Lua, evaluated in an empty environment: there is no library, and
 * no global but those that the file sets.
 *
 *   listen = "0.0.0.0:8320"
 *   allow_addresses = { "10.1.0.0/16", "127.0.0.0/8" }
 *
 *   sources = { models = { source = "feed", url = "https://models.example/new", every = "30s" } }
 *
 * Every global the file sets is a setting: a string, a number, a boolean, a list of strings, which
 * counts as these joined by spaces, or a table of named values, which counts as a JSON object. */
#ifndef BF_CONFIG_H
#define BF_CONFIG_H

#include "core/base/error.h"

#define BF_CONFIG_MAX (1024 * 1024)     /* bytes of the file */

/* Called for each setting, in no order, with the line that set it last; a negative return stops the
 * reading.  `value` is NULL for what is none of the above; that of a table with names begins with
 * "{". */
typedef int bf_config_fn(void *arg, const char *name, const char *value, int line,
                         struct bf_error *err);

/* BF_ECONFIG naming the file, the line and the cause.  Bounded in memory and instructions: a file
 * that loops is an error, not a hang. */
int bf_config_read(const char *path, bf_config_fn *fn, void *arg, struct bf_error *err);

#endif
