/* process.c - what verbs need of the process: its signals, its place in the file system. */
#include "core/cli/cli.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define PLACE_MAX (PATH_MAX + 64)

static bool is_there(const char *path)
{
    return access(path, R_OK | X_OK) == 0;      /* a directory to look into, or a program */
}

/* DIR/belfry has DIR/BUILT beside it, or PREFIX/bin/belfry has PREFIX/INSTALLED, wherever these are
 * now. */
static const char *beside(char *path, const char *built, const char *installed)
{
    char dir[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", dir, sizeof(dir) - 1);

    while (len > 0 && dir[len - 1] != '/')
        len--;
    if (len <= 0)
        return NULL;
    dir[len - 1] = '\0';
    snprintf(path, PLACE_MAX, "%s/%s", dir, built);
    if (is_there(path))
        return path;
    len = (ssize_t)strlen(dir) - (ssize_t)strlen("/bin");
    if (len < 0 || strcmp(dir + len, "/bin") != 0)
        return NULL;
    snprintf(path, PLACE_MAX, "%.*s/%s", (int)len, dir, installed);
    return is_there(path) ? path : NULL;
}

const char *bf_cli_plugin_dir(void)
{
    static char path[PLACE_MAX];

    return beside(path, "plugins", "lib/belfry/plugins");
}

const char *bf_cli_scripts_dir(void)
{
    static char path[PLACE_MAX];

    return beside(path, "scripts", "share/belfry/scripts");
}

const char *bf_cli_script_helper(void)
{
    static char path[PLACE_MAX];

    return beside(path, "belfry-script", "libexec/belfry/belfry-script");
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
