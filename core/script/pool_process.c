/* pool_process.c - script processes: how they are started, and that they end.
 *
 * A process is started with one descriptor besides its board, an empty environment and nothing of
 * the hub's memory (posix_spawn; the helper shuts itself in before it rings for the first time).  It
 * is known by its pidfd from then on: an embedding program may well wait for children that are not
 * its own, and a number alone could be somebody else's by the time it is killed. */
#include "core/script/pool_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/base.h"

#define NICE_ASIDE 10           /* beside the hub's own threads, on a machine that is busy */
#define NICE_LEAST 19

void bf_seat_set_state(struct bf_seat *s, enum bf_seat_state state)
{
    s->state = state;
    s->since_ms = s->looked_ms = bf_pool_now_ms();
    s->seen = 0;
    s->seen_cpu_us = s->seen_ms = 0;
}

int64_t bf_seat_cpu_us(const struct bf_seat *s)
{
    struct timespec ts;

    if (clock_gettime(s->cpu, &ts) != 0)
        return 0;               /* it has ended, which is about to be seen */
    return ts.tv_sec * (int64_t)1000000 + ts.tv_nsec / 1000;
}

/* --- the end ------------------------------------------------------------------------------------- */

static void send_kill(int pidfd) { syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0); }

/* True once it has ended; *status is as of wait(), or -1 if somebody else was told. */
static bool has_ended(int pidfd, int *status, bool wait)
{
    siginfo_t si = {0};

    while (waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED | (wait ? 0 : WNOHANG)) != 0) {
        if (errno == EINTR)
            continue;
        *status = -1;
        return true;
    }
    if (si.si_pid == 0)
        return false;
    *status = si.si_code == CLD_EXITED ? W_EXITCODE(si.si_status, 0) : si.si_status;
    return true;
}

void bf_seat_signal(const struct bf_seat *s) { send_kill(s->pidfd); }

bool bf_seat_has_ended(const struct bf_seat *s, int *status)
{
    return has_ended(s->pidfd, status, false);
}

void bf_pool_reap(struct bf_pool *p, bool wait)
{
    struct bf_dying **at = &p->dying;
    int status;

    while (*at) {
        struct bf_dying *d = *at;

        if (!has_ended(d->pidfd, &status, wait)) {
            at = &d->next;
            continue;
        }
        *at = d->next;
        p->n_dying--;
        close(d->pidfd);
        free(d);
    }
}

static void drop_scripts(struct bf_seat *s)
{
    for (uint32_t i = 0; i < s->n_scripts; i++) {
        struct bf_pool_script *script = s->scripts[i];

        if (!script)
            continue;
        script->number[s->at] = 0;
        script->held--;
        bf_pool_script_unref(script);
    }
    free(s->scripts);
    free(s->unused);
    free(s->forget);
    s->scripts = NULL;
    s->unused = s->forget = NULL;
    s->n_scripts = s->n_unused = s->n_forget = 0;
    s->cap_scripts = s->cap_unused = s->cap_forget = 0;
    s->texts = 0;
}

void bf_seat_empty(struct bf_seat *s)
{
    drop_scripts(s);
    if (s->socket >= 0)
        close(s->socket);
    if (s->board)
        munmap(s->board, sizeof(*s->board));
    s->socket = -1;
    s->board = NULL;
    s->apart = s->going = s->stands_back = s->suspect = false;
    s->role = BF_SEAT_SPARE;
    bf_pool_count(&s->pool->tally.ended);
    bf_seat_set_state(s, BF_SEAT_EMPTY);
}

void bf_seat_kill(struct bf_seat *s)
{
    struct bf_dying *d = bf_new(struct bf_dying);
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = BF_POOL_ON_DYING};

    send_kill(s->pidfd);
    d->pidfd = s->pidfd;
    d->next = s->pool->dying;
    s->pool->dying = d;
    s->pool->n_dying++;
    s->pidfd = -1;
    epoll_ctl(s->pool->epoll, EPOLL_CTL_MOD, d->pidfd, &ev);
    bf_seat_empty(s);
}

/* --- the start ----------------------------------------------------------------------------------- */

/* Above the standard ones, which an embedding program may have closed. */
static int above_standard(int fd)
{
    int up;

    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    up = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(fd);
    return up;
}

/* Memory that neither side can make smaller, which would kill the other one. */
static int new_board(struct bf_board **out)
{
    int fd = above_standard(memfd_create("belfry-script", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    void *at;

    if (fd < 0)
        return -1;
    if (ftruncate(fd, sizeof(**out)) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
        at = mmap(NULL, sizeof(**out), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at != MAP_FAILED) {
            *out = at;
            return fd;
        }
    }
    close(fd);
    return -1;
}

static bool new_sockets(int pair[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    pair[0] = above_standard(pair[0]);
    pair[1] = above_standard(pair[1]);
    return pair[0] >= 0 && pair[1] >= 0;
}

/* Its own signals and its own group, so that a terminal's Ctrl-C is the hub's affair alone. */
static int spawn(const char *helper, int socket, int board, pid_t *pid)
{
    char name[] = "belfry-script", *argv[] = {name, NULL}, *envp[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int rc;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                        POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, socket, BF_WIRE_SOCKET);
    posix_spawn_file_actions_adddup2(&actions, board, BF_WIRE_BOARD);
    posix_spawn_file_actions_addclosefrom_np(&actions, BF_WIRE_CLOSED);
    rc = posix_spawn(pid, helper, &actions, &attr, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return rc;
}

static bool watch(struct bf_seat *s)
{
    struct epoll_event socket = {.events = EPOLLIN, .data.u32 = BF_POOL_ON_SOCKET(s->at)};
    struct epoll_event process = {.events = EPOLLIN, .data.u32 = BF_POOL_ON_PROCESS(s->at)};

    return epoll_ctl(s->pool->epoll, EPOLL_CTL_ADD, s->socket, &socket) == 0 &&
           epoll_ctl(s->pool->epoll, EPOLL_CTL_ADD, s->pidfd, &process) == 0;
}

static void close_if(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* A child that cannot be watched must not be; it is ours, so the number is still its own. */
static void undo(struct bf_seat *s, pid_t pid)
{
    if (pid > 0) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    close_if(s->pidfd);
    close_if(s->socket);
    if (s->board)
        munmap(s->board, sizeof(*s->board));
    s->pidfd = s->socket = -1;
    s->board = NULL;
}

static bool say_why(struct bf_pool *p, int error)
{
    snprintf(p->words, sizeof(p->words),
             "scripts cannot run: %s: %s%s", p->helper, strerror(error),
             error == ENOENT || error == EACCES
                 ? "; install it there, or say where it is by the setting script_helper" : "");
    return false;
}

static struct bf_seat *empty_seat(struct bf_pool *p)
{
    for (unsigned i = 0; i < BF_POOL_SEATS; i++)
        if (p->seats[i].state == BF_SEAT_EMPTY)
            return &p->seats[i];
    return NULL;
}

bool bf_seat_start(struct bf_pool *p)
{
    struct bf_seat *s = empty_seat(p);
    int pair[2] = {-1, -1}, board = -1, error = 0;
    pid_t pid = 0;

    bf_assert(s);
    if (!new_sockets(pair) || (board = new_board(&s->board)) < 0)
        error = errno;
    s->socket = pair[0];
    if (!error) {
        s->board->version = BF_WIRE_VERSION;
        s->board->in_len = (uint32_t)p->zones.len;
        memcpy(s->board->in, bf_buf_text(&p->zones), p->zones.len);
        error = spawn(p->helper, pair[1], board, &pid);
    }
    close_if(pair[1]);
    close_if(board);
    if (!error && ((s->pidfd = (int)syscall(SYS_pidfd_open, pid, 0)) < 0 ||
                   clock_getcpuclockid(pid, &s->cpu) != 0 || !watch(s)))
        error = errno ? errno : ESRCH;
    if (error) {
        undo(s, pid);
        return say_why(p, error);
    }
    s->pid = pid;
    bf_pool_count(&p->tally.started);
    bf_seat_set_state(s, BF_SEAT_STARTING);
    return true;
}

void bf_seat_take(struct bf_seat *s, enum bf_seat_role role)
{
    s->role = role;
    s->pool->warm_ms = bf_pool_now_ms() + BF_POOL_WARM_MS;  /* a start would keep us from its answer */
    if (role == BF_SEAT_ASIDE)
        setpriority(PRIO_PROCESS, (id_t)s->pid, NICE_ASIDE);
}

/* A nice value makes a share small, but whoever has its turn keeps it for some milliseconds, and an
 * event takes half a dozen turns on its way through the hub.  So a process that is at it for long runs
 * only while nobody else wants to.  A hub without rights cannot take that back. */
void bf_seat_stand_back(struct bf_seat *s)
{
    if (s->role != BF_SEAT_ASIDE || s->stands_back)
        return;                 /* in the steady one others wait for whoever is at it */
    s->stands_back = s->going = true;
    if (sched_setscheduler(s->pid, SCHED_IDLE, &(struct sched_param){0}) != 0)
        setpriority(PRIO_PROCESS, (id_t)s->pid, NICE_LEAST);
}
