/* settings.c - a hub's settings from the environment and the command line. */
#include "core/cli/settings.h"

#include <ctype.h>
#include <string.h>

void bf_cli_variable(const char *setting, char *out, size_t len)
{
    char *at = out + snprintf(out, len, "BELFRY_");

    for (; *setting && at < out + len - 1; setting++)
        *at++ = (char)toupper((unsigned char)*setting);
    *at = '\0';
}

static void give(struct bf_cli_settings *s, const char *name, const char *value)
{
    if (s->n < sizeof(s->items) / sizeof(s->items[0]) - 1)
        s->items[s->n++] = (struct bf_setting){name, value};
}

void bf_cli_settings(const struct bf_cli *c, struct bf_cli_settings *s)
{
    const char *name;
    char variable[80];

    memset(s, 0, sizeof(*s));
    for (size_t i = 0; (name = bf_setting_name(i)); i++) {
        bf_cli_variable(name, variable, sizeof(variable));
        if (bf_cli_env(variable))
            give(s, name, bf_cli_env(variable));
    }
    s->n_environment = s->n;
    for (size_t i = 0; i < c->n_given; i++)
        if (!c->given[i].row)
            give(s, c->given[i].name, c->given[i].value);
    s->config = bf_cli_value(c, "config");
    if (!s->config)
        s->config = bf_cli_env("BELFRY_CONFIG");
    s->defaults[0] = (struct bf_setting){"plugin_dir", bf_cli_plugin_dir()};
    s->options = (struct bf_hub_options){
        .size = sizeof(s->options),
        .config_file = s->config,
        .settings = s->items,
        .defaults = s->defaults[0].value ? s->defaults : NULL,
    };
}
