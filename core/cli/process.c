/* process.c - what verbs need of the process: its signals, its place in the file system. */
#include "core/cli/cli.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* PREFIX/bin/belfry has PREFIX/lib/belfry/plugins, wherever PREFIX is now. */
const char *bf_cli_plugin_dir(void)
{
    static char path[PATH_MAX + 32];
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);
    char *name, *folder;

    if (len < 0)
        return NULL;
    path[len] = '\0';
    name = strrchr(path, '/');
    if (!name)
        return NULL;
    strcpy(name, "/plugins");
    if (is_dir(path))
        return path;
    *name = '\0';
    folder = strrchr(path, '/');
    if (!folder || strcmp(folder, "/bin") != 0)
        return NULL;
    strcpy(folder, "/lib/belfry/plugins");
    return is_dir(path) ? path : NULL;
}

static void (*stop_fn)(void);
static void (*hangup_fn)(void);

/* Whoever asks a second time does not want to wait. */
static void on_stop(int sig)
{
    (void)sig;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    stop_fn();
}

static void on_hangup(int sig)
{
    (void)sig;
    hangup_fn();
}

static void handle(int sig, void (*fn)(int))
{
    struct sigaction sa = {.sa_handler = fn, .sa_flags = SA_RESTART};

    sigaction(sig, &sa, NULL);
}

void bf_cli_on_stop(void (*fn)(void))
{
    stop_fn = fn;
    handle(SIGINT, on_stop);
    handle(SIGTERM, on_stop);
}

void bf_cli_on_hangup(void (*fn)(void))
{
    hangup_fn = fn;
    handle(SIGHUP, on_hangup);
}
