/* help.c - `belfry help` and `belfry version`. */
#include "core/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <belfry/belfry.h>

static int list_verbs(void)
{
    printf("Belfry turns events of machine-learning runs into actions.\n\n");
    for (const struct bf_verb *v = bf_verbs; v->name; v++)
        printf("  belfry %-8s %s\n", v->name, v->summary);
    printf("\nbelfry help VERB says more, belfry help PLUGIN lists a plugin's options.\n");
    return 0;
}

static int explain_verb(const struct bf_verb *v)
{
    printf("belfry %s %s\n\n  %s\n", v->name, v->usage, v->summary);
    if (v->text)
        printf("\n%s", v->text);
    if (strcmp(v->name, "serve") == 0) {
        char *settings = bf_help_settings();

        printf("\nSettings:\n%s", settings);
        free(settings);
    }
    return 0;
}

static int explain_plugin(const char *name)
{
    const char *dir = getenv("BELFRY_PLUGIN_DIR");
    struct bf_error err;
    char *text = bf_help_plugin(dir && *dir ? dir : bf_cli_plugin_dir(), name, &err);

    if (!text) {
        fprintf(stderr, "belfry help: there is no verb \"%s\", and as a plugin: %s\n", name,
                err.words);
        return BF_EXIT_USAGE;
    }
    fputs(text, stdout);
    free(text);
    return 0;
}

int bf_cli_help(int argc, char **argv)
{
    if (argc < 2)
        return list_verbs();
    for (const struct bf_verb *v = bf_verbs; v->name; v++)
        if (strcmp(v->name, argv[1]) == 0)
            return explain_verb(v);
    return explain_plugin(argv[1]);
}

int bf_cli_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("belfry %s\n", bf_version());
    return 0;
}
