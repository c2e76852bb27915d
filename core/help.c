/* help.c - what a plugin's options are, and what scripts are given, for people. */
#include <belfry/belfry.h>

#include <stdio.h>

#include "core/base/buf.h"
#include "core/plugin/plugins.h"
#include "core/script/box.h"

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

const char *bf_lua_introduction(void) { return bf_box_introduction(); }

bool bf_lua_describe(size_t i, struct bf_lua_info *out)
{
    struct bf_box_entry e;

    if (!bf_box_describe(i, &e))
        return false;
    out->part = e.part;
    out->words = e.words;
    snprintf(out->signature, sizeof(out->signature), "%s", e.signature);
    return true;
}
