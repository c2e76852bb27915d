/* serve.c - `belfry serve`: a hub in the foreground, until SIGINT or SIGTERM. */
#include "core/cli/cli.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include <belfry/belfry.h>

#define SETTINGS_MAX 64         /* of each kind: by environment, by command line */

struct given {
    struct bf_setting items[2 * SETTINGS_MAX + 1];
    size_t n;
    const char *config;
};

static struct bf_hub *running;  /* for the signal handler */

static void stop(void) { bf_hub_stop(running); }

static void give(struct given *g, const char *name, const char *value)
{
    if (g->n < 2 * SETTINGS_MAX)
        g->items[g->n++] = (struct bf_setting){name, value};
}

static const char *from_environment(const char *name)
{
    char variable[80];
    char *at = variable + snprintf(variable, sizeof(variable), "BELFRY_");

    for (; *name && at < variable + sizeof(variable) - 1; name++)
        *at++ = (char)toupper((unsigned char)*name);
    *at = '\0';
    at = getenv(variable);
    return at && *at ? at : NULL;
}

static void read_environment(struct given *g)
{
    const char *name;

    for (size_t i = 0; (name = bf_setting_name(i)); i++) {
        const char *value = from_environment(name);

        if (value)
            give(g, name, value);
    }
    g->config = getenv("BELFRY_CONFIG");
}

static int read_argument(struct given *g, int argc, char **argv, int *i)
{
    const char *name, *value;
    int found = bf_cli_option(argc, argv, i, "config", &value);

    if (found == 1)
        g->config = value;
    for (size_t s = 0; !found && (name = bf_setting_name(s)); s++) {
        found = bf_cli_option(argc, argv, i, name, &value);
        if (found == 1)
            give(g, name, value);
    }
    if (found < 0)
        return bf_cli_usage("serve", "%s needs a value", argv[*i]);
    if (!found)
        return bf_cli_usage("serve", "there is no option %s", argv[*i]);
    return 0;
}

static void greet(const struct bf_hub *hub)
{
    const char *key = bf_hub_first_key(hub);

    printf("belfry %s serves on http://%s\n", bf_version(), bf_hub_address(hub));
    if (key)
        printf("key of the first admin, shown only now: %s\n", key);
    if (fflush(stdout) && key)
        fprintf(stderr, "belfry serve: the first admin's key could not be shown; start again with"
                        " one of your own in BELFRY_ADMIN_KEY\n");
}

int bf_cli_serve(int argc, char **argv)
{
    struct given g = {.n = 0};
    struct bf_setting defaults[] = {{"plugin_dir", bf_cli_plugin_dir()}, {NULL, NULL}};
    struct bf_hub_options o = {.size = sizeof(o)};
    struct bf_error err = {0};
    int rc;

    read_environment(&g);
    for (int i = 1; i < argc; i++) {
        rc = read_argument(&g, argc, argv, &i);
        if (rc)
            return rc;
    }
    o.config_file = g.config;
    o.settings = g.items;
    o.defaults = defaults[0].value ? defaults : NULL;
    rc = bf_hub_open(&o, &running, &err);
    if (!rc) {
        bf_cli_on_stop(stop);
        greet(running);
        rc = bf_hub_run(running, &err);
        bf_hub_close(running);
    }
    if (rc)
        fprintf(stderr, "belfry serve: %s\n", err.words);
    return rc ? BF_EXIT_FAILED : 0;
}
