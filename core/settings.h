/* settings.h - what a hub can be told, and where each value came from.
 *
 * One table, in settings.c: the configuration file, BELFRY_<NAME>, --name and the help all read
 * it.  Later ones win: default, file, environment, command line.  (Whoever embeds a hub decides
 * itself whether the environment counts; see main.c for the command.) */
#ifndef BF_SETTINGS_H
#define BF_SETTINGS_H

#include "core/base/buf.h"
#include "core/base/error.h"

#define BF_SETTINGS_MAX 64

/* Text, NULL where unset and without default; owned. */
struct bf_settings {
    char *data;
    char *listen;
    char *public_url;
    char *allow_addresses;
    char *ca_file;
    char *plugin_dir;
    char *plugins;
    char *sources;
    char *admin_key;
    char *metrics_token;
    char *log_level;
    char *threads;
    char *retention_days;
    char *retention_bytes;
    char *heartbeat_timeout;
    char *scripts_dir;
    char *shipped_scripts;
    char *script_helper;
    char *on_event;
    char *on_event_error;
    enum bf_setting_from from[BF_SETTINGS_MAX]; /* of each, as bf_setting_name() counts */
};

int bf_settings_init(struct bf_settings *s, const struct bf_hub_options *o, struct bf_error *err);
/* The same, telling `fn` everything that is wrong and keeping what is not; gives their number. */
int bf_settings_check(struct bf_settings *s, const struct bf_hub_options *o, bf_problem_fn *fn,
                      void *arg);
void bf_settings_fini(struct bf_settings *s);   /* wipes keys and tokens */
/* The values of some of them as numbers; false if the text is none. */
bool bf_settings_days(const char *text, int64_t *ms);           /* "90" */
bool bf_settings_bytes(const char *text, int64_t *bytes);       /* "20G": K, M, G, T of 1,024 */
bool bf_settings_heartbeat(const char *text, int64_t *ms);      /* "5m", "0s" */
/* The i-th value; NULL where unset. */
const char *bf_settings_value(const struct bf_settings *s, size_t i);
void bf_settings_swap(struct bf_settings *a, struct bf_settings *b, size_t i);

#endif
