/* settings.c - a hub's settings from the environment and the command line. */
#include "core/cli/settings.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/closest.h"
#include "core/base/crypto.h"

void bf_cli_variable(const char *setting, char *out, size_t len)
{
    char *at = out + snprintf(out, len, "BELFRY_");

    for (; *setting && at < out + len - 1; setting++)
        *at++ = (char)toupper((unsigned char)*setting);
    *at = '\0';
}

/* What the command, and what comes with it, goes by beside the settings. */
static const char *const others[] = {"BELFRY_URL", "BELFRY_API_KEY", "BELFRY_TEAM", "BELFRY_CA_FILE",
                                     "BELFRY_CONFIG", "BELFRY_RECEIVER", "BELFRY_LISTEN_SECRET"};

static bool is_other(const char *variable, size_t len)
{
    for (size_t i = 0; i < BF_COUNT(others); i++)
        if (strlen(others[i]) == len && strncmp(others[i], variable, len) == 0)
            return true;
    return false;
}

static int complain(const struct bf_cli *c, const char *variable, size_t len)
{
    struct bf_setting_info info = {.size = sizeof(info)};
    const char *names[BF_GIVEN_MAX + 1], *closest;
    size_t n = 0;

    if (is_other(variable, len))
        return 0;
    for (; n < BF_GIVEN_MAX && bf_setting_describe(n, &info); n++) {
        char name[80];

        bf_cli_variable(info.name, name, sizeof(name));
        names[n] = bf_arena_dup(c->arena, name);
        if (strlen(name) == len && strncmp(name, variable, len) == 0)
            return 0;
    }
    names[n] = NULL;
    closest = bf_closest(bf_arena_printf(c->arena, "%.*s", (int)len, variable), names);
    if (!closest)
        return 0;
    bf_cli_fail(c, "there is no setting %.*s, as the environment has it; did you mean %s?", (int)len,
                variable, closest);
    return 1;
}

int bf_cli_misspelt(const struct bf_cli *c)
{
    int n = 0;

    for (char **at = environ; *at; at++)
        if (strncmp(*at, "BELFRY_", 7) == 0)
            n += complain(c, *at, strcspn(*at, "="));
    return n;
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
