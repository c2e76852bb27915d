/* serve.c - `belfry serve`: a hub in the foreground, until SIGINT or SIGTERM.
 *
 * To a service manager that wants to know (NOTIFY_SOCKET) it says when it is ready, reloading or
 * stopping; the protocol is a datagram of NAME=VALUE lines, so no library is needed. */
#include "core/cli/settings.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <belfry/belfry.h>

static struct bf_hub *running;  /* for the signal handlers */

static void stop(void) { bf_hub_stop(running); }
static void reload(void) { bf_hub_reload(running); }

static void notify(const char *text)
{
    const char *path = bf_cli_env("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    int fd;

    if (!len || len >= sizeof(to.sun_path))
        return;
    memcpy(to.sun_path, path, len);
    if (path[0] == '@')         /* an abstract one */
        to.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}

static void on_state(void *arg, enum bf_hub_state state)
{
    struct timespec now;
    char text[80];

    (void)arg;
    switch (state) {
    case BF_HUB_RUNNING:
        notify("READY=1\n");
        break;
    case BF_HUB_RELOADING:
        clock_gettime(CLOCK_MONOTONIC, &now);
        snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld\n",
                 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
        notify(text);
        break;
    case BF_HUB_STOPPING:
        notify("STOPPING=1\n");
        break;
    }
}

static void greet(const struct bf_hub *hub)
{
    const char *key = bf_hub_first_key(hub);

    printf("belfry %s serves on http://%s\n", bf_version(), bf_hub_address(hub));
    if (key)
        printf("key of the first admin, shown only now: %s\n"
               "keep it where the command finds it, in another terminal: belfry login http://%s\n",
               key, bf_hub_address(hub));
    if (fflush(stdout) && key)
        fprintf(stderr, "belfry serve: the first admin's key could not be shown; start again with"
                        " one of your own in BELFRY_ADMIN_KEY\n");
}

int bf_cli_serve(struct bf_cli *c)
{
    struct bf_cli_settings s;
    struct bf_error err = {0};
    int rc;

    bf_cli_settings(c, &s);
    if (bf_cli_misspelt(c))
        return BF_EXIT_FAILED;
    s.options.state = on_state;
    rc = bf_hub_open(&s.options, &running, &err);
    if (rc)
        return bf_cli_fail(c, "%s", err.words);
    bf_cli_on_hangup(reload);
    bf_cli_on_stop(stop);
    greet(running);
    rc = bf_hub_run(running, &err);
    bf_hub_close(running);
    return rc ? bf_cli_fail(c, "%s", err.words) : 0;
}
