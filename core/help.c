/* help.c - what a plugin's options are, for people. */
#include <belfry/belfry.h>

#include "core/base/buf.h"
#include "core/plugin/plugins.h"

#define HELP_MAX (256 * 1024)

char *bf_help_plugin(const char *plugin_dir, const char *name, struct bf_error *err)
{
    const struct bf_plugin *plugin = bf_plugin_open(plugin_dir ? plugin_dir : BF_PLUGIN_DIR, name,
                                                    err);
    struct bf_buf b;

    if (!plugin)
        return NULL;
    bf_buf_init(&b, HELP_MAX);
    bf_plugin_help(plugin, &b);
    bf_plugin_close(plugin);
    return bf_buf_take(&b);
}
