/* settings.h - what a hub can be told, and where each value came from.
 *
 * One table, in settings.c: the configuration file, BELFRY_<NAME>, --name and the help all read
 * it.  Later ones win: default, file, environment, command line.  (Whoever embeds a hub decides
 * itself whether the environment counts; see main.c for the command.) */
#ifndef BF_SETTINGS_H
#define BF_SETTINGS_H

#include "core/base/buf.h"
#include "core/base/error.h"

/* Text, NULL where unset and without default; owned. */
struct bf_settings {
    char *data;
    char *listen;
    char *public_url;
    char *allow_addresses;
    char *ca_file;
    char *plugin_dir;
    char *plugins;
    char *admin_key;
    char *log_level;
    char *threads;
};

int bf_settings_init(struct bf_settings *s, const struct bf_hub_options *o, struct bf_error *err);
void bf_settings_fini(struct bf_settings *s);   /* wipes the key */

#endif
