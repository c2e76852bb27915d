/* cli.c - the table of verbs, and the few things they share. */
#include "core/cli/cli.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct bf_verb bf_verbs[] = {
    {"serve", "[--config FILE] [--SETTING VALUE …]", "run a hub",
     "Every setting may stand in the configuration file (Lua: listen = \"0.0.0.0:8320\"), in the\n"
     "environment as BELFRY_<SETTING>, or on the command line as --SETTING; the later wins.\n"
     "What stands on the command line can be seen by every user of the machine: give keys in the\n"
     "environment or the file.\n",
     bf_cli_serve},
    {"listen", "[HOST:PORT] [--secret SECRET] [--status CODE]",
     "receive webhooks, print them and check their signatures",
     "The secret may also be given in the environment, as BELFRY_LISTEN_SECRET.  Without an address\n"
     "it is 127.0.0.1:8321.  --status answers with another status than 200.\n",
     bf_cli_listen},
    {"help", "[VERB | PLUGIN]", "say more about a verb, or a plugin's options", NULL, bf_cli_help},
    {"version", "", "print the version", NULL, bf_cli_version},
    {NULL, NULL, NULL, NULL, NULL},
};

int bf_cli_usage(const char *verb, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "belfry %s: ", verb);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, " (see: belfry help %s)\n", verb);
    return BF_EXIT_USAGE;
}

int bf_cli_option(int argc, char **argv, int *i, const char *name, const char **value)
{
    const char *at = argv[*i];

    if (strncmp(at, "--", 2) != 0)
        return 0;
    at += 2;
    while (*name && (*at == *name || (*at == '-' && *name == '_'))) {
        at++;
        name++;
    }
    if (*name || (*at && *at != '='))
        return 0;
    if (*at == '=') {
        *value = at + 1;
        return 1;
    }
    if (*i + 1 >= argc)
        return -1;
    *value = argv[++*i];
    return 1;
}

const char *bf_cli_plugin_dir(void)
{
    static char path[PATH_MAX + 16];
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);
    struct stat st;
    char *slash;

    if (len < 0)
        return NULL;
    path[len] = '\0';
    slash = strrchr(path, '/');
    if (!slash)
        return NULL;
    strcpy(slash, "/plugins");
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? path : NULL;
}

static void (*stop_fn)(void);

static void on_signal(int sig)
{
    (void)sig;
    stop_fn();
}

void bf_cli_on_stop(void (*fn)(void))
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    stop_fn = fn;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGHUP, &sa, NULL);
}
