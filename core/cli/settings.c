/* settings.c - a hub's settings from the environment and the command line. */
#include "core/cli/settings.h"

#include <ctype.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/crypto.h"

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

/* What a program was started with can be read in /proc for as long as it runs, and is passed on to
 * what it starts: a secret is taken out of there.  The copy lives as long as the command. */
static const char *take_out(struct bf_arena *a, const char *value)
{
    const char *mine = bf_arena_dup(a, value);

    bf_wipe((char *)value, strlen(value));
    return mine;
}

/* Of what is beside this program, wherever that is now. */
static void add_default(struct bf_cli_settings *s, const char *name, const char *value)
{
    size_t n = 0;

    while (s->defaults[n].name)
        n++;
    if (value)
        s->defaults[n] = (struct bf_setting){name, value};
}

void bf_cli_settings(const struct bf_cli *c, struct bf_cli_settings *s)
{
    struct bf_setting_info info = {.size = sizeof(info)};
    char variable[80];

    memset(s, 0, sizeof(*s));
    for (size_t i = 0; bf_setting_describe(i, &info); i++) {
        const char *value;

        bf_cli_variable(info.name, variable, sizeof(variable));
        value = bf_cli_env(variable);
        if (value)
            give(s, info.name, info.secret ? take_out(c->arena, value) : value);
    }
    s->n_environment = s->n;
    for (size_t i = 0; i < c->n_given; i++)
        if (!c->given[i].row)
            give(s, c->given[i].name, c->given[i].value);
    s->config = bf_cli_value(c, "config");
    if (!s->config)
        s->config = bf_cli_env("BELFRY_CONFIG");
    add_default(s, "plugin_dir", bf_cli_plugin_dir());
    add_default(s, "shipped_scripts", bf_cli_scripts_dir());
    add_default(s, "script_helper", bf_cli_script_helper());
    s->options = (struct bf_hub_options){
        .size = sizeof(s->options),
        .config_file = s->config,
        .settings = s->items,
        .defaults = s->defaults,
    };
}
