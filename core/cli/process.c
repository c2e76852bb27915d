/* process.c - what verbs need of the process: its signals, its place in the file system. */
#include "core/cli/cli.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct place {
    char path[PATH_MAX + 64];
};

static bool is_there(const char *path)
{
    return access(path, R_OK | X_OK) == 0;      /* a directory to look into, or a program */
}

/* DIR/belfry has DIR/BUILT beside it, or PREFIX/bin/belfry has PREFIX/INSTALLED, wherever these are
 * now. */
static const char *beside(struct place *p, const char *built, const char *installed)
{
    ssize_t len = readlink("/proc/self/exe", p->path, PATH_MAX);
    char *name, *folder;

    if (len < 0)
        return NULL;
    p->path[len] = '\0';
    name = strrchr(p->path, '/');
    if (!name)
        return NULL;
    sprintf(name, "/%s", built);
    if (is_there(p->path))
        return p->path;
    *name = '\0';
    folder = strrchr(p->path, '/');
    if (!folder || strcmp(folder, "/bin") != 0)
        return NULL;
    sprintf(folder, "/%s", installed);
    return is_there(p->path) ? p->path : NULL;
}

const char *bf_cli_plugin_dir(void)
{
    static struct place p;

    return beside(&p, "plugins", "lib/belfry/plugins");
}

const char *bf_cli_scripts_dir(void)
{
    static struct place p;

    return beside(&p, "scripts", "share/belfry/scripts");
}

const char *bf_cli_script_helper(void)
{
    static struct place p;

    return beside(&p, "belfry-script", "libexec/belfry/belfry-script");
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
