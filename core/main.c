/* main.c - the `belfry` command: process-wide settings, then a verb.
 *
 * What touches the whole process stands here and not in the library, which may live in somebody
 * else's: limits, core dumps, signals. */
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "core/cli/cli.h"

/* Secrets pass through our memory: no core file, no debugger of another process of the user. */
static void keep_memory_private(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

/* Thousands of connections need as many descriptors. */
static void raise_descriptors(void)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = l.rlim_max < 65536 ? l.rlim_max : 65536;
        setrlimit(RLIMIT_NOFILE, &l);
    }
}

int main(int argc, char **argv)
{
    keep_memory_private();
    raise_descriptors();
    mallopt(M_ARENA_MAX, 4);    /* one per busy thread would keep memory that others could use */
    signal(SIGPIPE, SIG_IGN);
    return bf_cli_main(argc, argv);
}
