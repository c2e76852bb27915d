/* cli.h - the verbs of the `belfry` command: one table, one file per verb.
 *
 * Everything here, and main.c, uses the public header alone, like any program that embeds a hub. */
#ifndef BF_CLI_H
#define BF_CLI_H

#include <stdbool.h>
#include <stddef.h>

struct bf_verb {
    const char *name;
    const char *usage;          /* what follows the name */
    const char *summary;        /* one line */
    const char *text;           /* more, for `belfry help VERB`; NULL if there is none */
    int (*run)(int argc, char **argv);  /* argv[0] is the verb; gives the exit status */
};

extern const struct bf_verb bf_verbs[];         /* ends with a NULL name */

int bf_cli_serve(int argc, char **argv);
int bf_cli_listen(int argc, char **argv);
int bf_cli_help(int argc, char **argv);
int bf_cli_version(int argc, char **argv);

/* Exit statuses. */
#define BF_EXIT_FAILED 1
#define BF_EXIT_USAGE  2

/* "belfry serve: words" on standard error, with a hint where to read more; gives BF_EXIT_USAGE. */
int bf_cli_usage(const char *verb, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Options as --name VALUE or --name=VALUE, where '-' in a name counts as '_'.  *i is the argument
 * looked at, and moved over what was used.  1: it is this option; 0: another; -1: its value is
 * missing. */
int bf_cli_option(int argc, char **argv, int *i, const char *name, const char **value);

/* The directory of plugins that were built beside this very program; NULL if there is none.
 * Static. */
const char *bf_cli_plugin_dir(void);

/* Call `fn` on SIGINT and SIGTERM, and when the terminal has gone (SIGHUP). */
void bf_cli_on_stop(void (*fn)(void));

#endif
