/* settings.h - what the command line and the environment say of a hub, for the verbs that take
 * its settings: serve, check, config. */
#ifndef BF_CLI_SETTINGS_H
#define BF_CLI_SETTINGS_H

#include "core/cli/cli.h"

struct bf_cli_settings {
    struct bf_setting items[2 * BF_GIVEN_MAX + 1];      /* the environment's, then the command's */
    size_t n_environment;
    size_t n;
    struct bf_setting defaults[4];
    const char *config;
    struct bf_hub_options options;      /* points to the above */
};

void bf_cli_settings(const struct bf_cli *c, struct bf_cli_settings *s);
/* The variables of the environment that are nearly, and not quite, a setting's are complained about; how
 * many there are. */
int bf_cli_misspelt(const struct bf_cli *c);
/* "BELFRY_LOG_LEVEL" of "log_level". */
void bf_cli_variable(const char *setting, char *out, size_t len);

#endif
