/* listener.c - sockets, loops, and the order in which they begin and end.
 *
 * Each loop is a thread with a socket of its own on the same port (SO_REUSEPORT: the kernel deals
 * connections out), a daemon of the library driven from outside, and an epoll that watches the
 * daemon's epoll, an eventfd, and a few sockets that the daemon does not.  A turn: wait; run what
 * other threads posted; act on a new phase; let the daemon work; every tick, look for what takes
 * too long.
 *
 * The inbox is a stack that anybody pushes on and the loop takes whole.  Who finds it empty wakes
 * the loop, so a burst costs one wake; the thread that holds the listener owes its wakes until it
 * lets go.
 *
 * The phases only grow.  A loop ends when it is to stop and nothing is parked or streaming, since
 * a parked exchange is somebody else's until it is finished. */
#include "listener_int.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/clock.h"

#define THREADS_MAX     4               /* unless the options say more */
#define CONNECTIONS_MAX 4000
#define PER_IP_MAX      64
#define PER_OWNER_MAX   1024
#define BACKLOG         1024            /* the kernel may have less */
#define EVENTS_MAX      64              /* taken from epoll at once */
#define DAEMON_LIMIT    100000          /* the library's own cap, never reached: ours are earlier */
#define WARN_EVERY      5000            /* ms; of parked requests that hold up the end */

/* Of the library's memory for one connection: a head, its index and the head of the answer.  It
 * is cleared after every request, so more would cost time as well. */
#define CONNECTION_MEMORY (44 * 1024)

static const struct bf_listener_times TIMES = {
    .head = 10 * 1000,
    .body = 10 * 1000,
    .body_bytes = 10 * 1024,
    .idle = 75 * 1000,
    .quiet = 15 * 1000,
    .linger = 2 * 1000,
    .tick = 1000,
};

static int64_t mono_now(void) { return bf_mono_ms(bf_clock_system()); }

/* --- waking --------------------------------------------------------------------------- */

static uintptr_t this_thread(void) { return (uintptr_t)pthread_self(); }

static void wake(struct bf_web_loop *loop)
{
    uint64_t one = 1;

    /* It can only fail if the counter is full, and then the loop is awake. */
    if (write(loop->wake_fd, &one, sizeof(one)) < 0)
        return;
}

void bf_web_loop_post(struct bf_web_loop *loop, struct bf_errand *errand)
{
    struct bf_errand *newest = atomic_load_explicit(&loop->inbox, memory_order_relaxed);

    do
        errand->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&loop->inbox, &newest, errand,
                                                  memory_order_release, memory_order_relaxed));
    if (newest)
        return;                 /* whoever put the first one there wakes the loop */
    if (atomic_load_explicit(&loop->listener->holder, memory_order_relaxed) == this_thread())
        loop->owes_wake = true;
    else
        wake(loop);
}

void bf_listener_hold(struct bf_listener *l)
{
    uintptr_t nobody = 0;

    if (atomic_compare_exchange_strong(&l->holder, &nobody, this_thread()) ||
        nobody == this_thread())
        l->hold_depth++;        /* if another thread holds, this one just wakes as it goes */
}

void bf_listener_release(struct bf_listener *l)
{
    if (atomic_load(&l->holder) != this_thread() || --l->hold_depth > 0)
        return;
    for (unsigned i = 0; i < l->n_loops; i++) {
        if (l->loops[i].owes_wake) {
            l->loops[i].owes_wake = false;
            wake(&l->loops[i]);
        }
    }
    atomic_store(&l->holder, 0);
}

void bf_web_loop_watch(struct bf_web_loop *loop, int fd, uint32_t events, struct bf_watched *w)
{
    struct epoll_event ev = {.events = events, .data.ptr = w};

    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

void bf_web_loop_unwatch(struct bf_web_loop *loop, int fd)
{
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* --- a loop ----------------------------------------------------------------------------- */

static void run_inbox(struct bf_web_loop *loop)
{
    struct bf_errand *newest = atomic_exchange_explicit(&loop->inbox, NULL, memory_order_acquire);
    struct bf_errand *oldest = NULL;

    while (newest) {
        struct bf_errand *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct bf_errand *errand = oldest;

        oldest = errand->next;  /* first, as the errand may be gone or posted again after */
        errand->run(errand);
    }
}

static void stop_accepting(struct bf_web_loop *loop)
{
    struct bf_listener *l = loop->listener;

    MHD_quiesce_daemon(loop->daemon);
    close(loop->listen_fd);
    loop->listen_fd = -1;
    pthread_mutex_lock(&l->lock);
    l->n_shut++;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

static void follow_phase(struct bf_web_loop *loop)
{
    int phase = atomic_load(&loop->listener->phase);

    if (phase == loop->phase)
        return;
    if (loop->phase == BF_SERVING)
        stop_accepting(loop);
    loop->phase = phase;
    if (phase == BF_DRAINING) {
        bf_conns_cut_idle(loop);
        bf_streams_end(loop, false);
    } else {
        bf_conns_cut_all(loop);
        bf_streams_end(loop, true);
    }
}

static void tick(struct bf_web_loop *loop)
{
    loop->next_tick = loop->now + loop->listener->times.tick;
    bf_conns_tick(loop);
    bf_streams_tick(loop);
    if (loop->phase == BF_STOPPING && loop->n_parked && loop->now >= loop->next_warning) {
        loop->next_warning = loop->now + WARN_EVERY;
        bf_warnf(loop->listener->options.log, "listener",
                 "cannot close: %zu parked requests have not been finished", loop->n_parked);
    }
}

static int wait_ms(const struct bf_web_loop *loop)
{
    MHD_UNSIGNED_LONG_LONG daemon_ms;
    int64_t ms = -1;

    if (loop->conns || loop->lingering)
        ms = bf_max64(loop->next_tick - mono_now(), 0);
    if (MHD_get_timeout(loop->daemon, &daemon_ms) == MHD_YES && (ms < 0 || (int64_t)daemon_ms < ms))
        ms = (int64_t)daemon_ms;
    return (int)ms;
}

static void turn(struct bf_web_loop *loop)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, wait_ms(loop));

    loop->now = mono_now();
    for (int i = 0; i < n; i++) {
        struct bf_watched *w = events[i].data.ptr;

        if (w)
            w->ready(w);
    }
    run_inbox(loop);
    follow_phase(loop);
    MHD_run(loop->daemon);
    if (loop->now >= loop->next_tick)
        tick(loop);
}

static bool over(const struct bf_web_loop *loop)
{
    return loop->phase == BF_STOPPING && loop->n_parked == 0 && !loop->streams;
}

static void *run(void *arg)
{
    struct bf_web_loop *loop = arg;
    const struct bf_listener_options *o = &loop->listener->options;

    if (o->local_new)
        loop->local = o->local_new(o->arg);
    loop->now = mono_now();
    while (!over(loop))
        turn(loop);
    MHD_stop_daemon(loop->daemon);
    loop->daemon = NULL;
    run_inbox(loop);            /* streams that were closed while they were posted */
    bf_linger_end_all(loop);
    bf_exchanges_free(loop);
    if (o->local_free)
        o->local_free(o->arg, loop->local);
    return NULL;
}

/* The path is wanted as it came. */
static size_t leave_escaped(void *arg, struct MHD_Connection *c, char *text)
{
    (void)arg;
    (void)c;
    return strlen(text);
}

/* The library's complaints are about what clients send. */
BF_FORMAT(2, 0)
static void on_daemon_log(void *loop, const char *fmt, va_list ap)
{
    char line[512];
    int len = vsnprintf(line, sizeof(line), fmt, ap);

    while (len > 0 && len < (int)sizeof(line) && line[len - 1] == '\n')
        line[--len] = '\0';
    bf_debugf(((struct bf_web_loop *)loop)->listener->options.log, "listener", "%s", line);
}

static int start_daemon(struct bf_web_loop *loop, struct bf_error *err)
{
    const struct bf_listener *l = loop->listener;
    const union MHD_DaemonInfo *info;

    loop->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        bf_exchange_on_request, loop,
        MHD_OPTION_EXTERNAL_LOGGER, on_daemon_log, loop,
        MHD_OPTION_LISTEN_SOCKET, loop->listen_fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)DAEMON_LIMIT,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)((l->times.idle + 999) / 1000),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_NOTIFY_CONNECTION, bf_conn_notify, loop,
        MHD_OPTION_NOTIFY_COMPLETED, bf_exchange_on_completed, loop,
        MHD_OPTION_URI_LOG_CALLBACK, bf_exchange_on_target, loop,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
        MHD_OPTION_END);
    if (!loop->daemon)
        return bf_error_set(err, BF_EIO, "cannot start a listener thread: %s", strerror(errno));
    info = MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    bf_web_loop_watch(loop, info->epoll_fd, EPOLLIN, NULL);
    bf_web_loop_watch(loop, loop->wake_fd, EPOLLIN | EPOLLET, NULL);        /* so never read */
    return BF_OK;
}

/* --- sockets ----------------------------------------------------------------------------- */

/* "127.0.0.1:8320" or "[::1]:8320" as a socket address. */
static int parse_address(const char *text, struct sockaddr_storage *out, struct bf_error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    bool bracketed = len > 2 && text[0] == '[' && text[len - 1] == ']';
    char host[INET6_ADDRSTRLEN];

    if (bracketed)
        snprintf(host, sizeof(host), "%.*s", (int)len - 2, text + 1);
    else
        snprintf(host, sizeof(host), "%.*s", (int)len, text);
    if (len == 0 || !colon[1] || (!bracketed && strchr(host, ':')) ||
        getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return bf_error_set(err, BF_ECONFIG,
                            "cannot listen on \"%s\": write an address and a port, as "
                            "127.0.0.1:8320 or [::1]:8320", text);
    memcpy(out, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return BF_OK;
}

int bf_listener_address_check(const char *listen, struct bf_error *err)
{
    struct sockaddr_storage ignored;

    return parse_address(listen, &ignored, err);
}

static socklen_t address_len(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static int bind_error(const struct bf_listener *l, struct bf_error *err)
{
    if (errno == EADDRINUSE)
        return bf_error_set(err, BF_EEXIST,
                            "cannot listen on %s: another program listens there; stop it or "
                            "choose another with --listen", l->options.listen);
    return bf_error_set(err, BF_EIO,
                        "cannot listen on %s: %s; choose another address with --listen",
                        l->options.listen, strerror(errno));
}

/* The first socket is bound alone, so that an address in use is noticed even if its user would
 * share it; from then on it can be shared by ours. */
static int open_socket(struct bf_listener *l, struct bf_web_loop *loop, struct bf_error *err)
{
    bool first = loop == l->loops;
    int on = 1;

    loop->listen_fd = socket(l->sockaddr.ss_family,
                             SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (loop->listen_fd < 0)
        return bind_error(l, err);
    setsockopt(loop->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (!first)
        setsockopt(loop->listen_fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (bind(loop->listen_fd, (struct sockaddr *)&l->sockaddr, address_len(&l->sockaddr)) != 0)
        return bind_error(l, err);
    if (first) {
        socklen_t len = sizeof(l->sockaddr);

        setsockopt(loop->listen_fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
        getsockname(loop->listen_fd, (struct sockaddr *)&l->sockaddr, &len);    /* the port */
    }
    if (listen(loop->listen_fd, BACKLOG) != 0)
        return bind_error(l, err);
    return BF_OK;
}

static void print_address(struct bf_listener *l)
{
    char host[INET6_ADDRSTRLEN], port[8];

    getnameinfo((struct sockaddr *)&l->sockaddr, address_len(&l->sockaddr), host, sizeof(host),
                port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(l->address, sizeof(l->address),
             l->sockaddr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* --- the listener -------------------------------------------------------------------------- */

static unsigned default_threads(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return cores < 1 ? 1 : cores < THREADS_MAX ? (unsigned)cores : THREADS_MAX;
}

static struct bf_listener *new_listener(const struct bf_listener_options *o)
{
    struct bf_listener *l = bf_new(struct bf_listener);
    pthread_condattr_t monotonic;

    l->options = *o;
    l->options.listen = bf_strdup(o->listen);
    l->options.spool_dir = bf_strdup(o->spool_dir);
    if (!o->max_connections)
        l->options.max_connections = CONNECTIONS_MAX;
    if (!o->max_per_ip)
        l->options.max_per_ip = PER_IP_MAX;
    if (!o->max_per_owner)
        l->options.max_per_owner = PER_OWNER_MAX;
    l->times = TIMES;
    l->router = bf_router_new();
    l->peers = bf_map_new();
    l->owners = bf_map_new();
    l->n_loops = o->n_threads ? o->n_threads : default_threads();
    l->loops = bf_zalloc(l->n_loops * sizeof(*l->loops));
    for (unsigned i = 0; i < l->n_loops; i++) {
        struct bf_web_loop *loop = &l->loops[i];

        loop->listener = l;
        loop->listen_fd = loop->epoll_fd = loop->wake_fd = -1;
    }
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return l;
}

int bf_listener_open(const struct bf_listener_options *o, struct bf_listener **out,
                     struct bf_error *err)
{
    struct bf_listener *l = new_listener(o);
    int rc = parse_address(l->options.listen, &l->sockaddr, err);

    for (unsigned i = 0; !rc && i < l->n_loops; i++) {
        struct bf_web_loop *loop = &l->loops[i];

        rc = open_socket(l, loop, err);
        loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (!rc && (loop->epoll_fd < 0 || loop->wake_fd < 0))
            rc = bf_error_set(err, BF_EIO, "cannot listen on %s: %s", o->listen,
                              strerror(errno));
    }
    if (rc) {
        bf_listener_close(l);
        return rc;
    }
    print_address(l);
    *out = l;
    return BF_OK;
}

int bf_listener_route(struct bf_listener *l, const struct bf_web_route *r, struct bf_error *err)
{
    return bf_router_add(l->router, r, err);
}

void bf_listener_set_times(struct bf_listener *l, const struct bf_listener_times *times)
{
    l->times = *times;
}

/* Signals are for the program's other threads; a write to a closed socket is not to kill it. */
static int start_thread(struct bf_web_loop *loop)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&loop->thread, NULL, run, loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

int bf_listener_start(struct bf_listener *l, struct bf_error *err)
{
    for (; l->n_started < l->n_loops; l->n_started++) {
        struct bf_web_loop *loop = &l->loops[l->n_started];
        int rc = start_daemon(loop, err);

        if (rc)
            return rc;
        rc = start_thread(loop);
        if (rc) {
            MHD_stop_daemon(loop->daemon);
            loop->listen_fd = -1;       /* the library closed it */
            return bf_error_set(err, BF_EIO, "cannot start a listener thread: %s", strerror(rc));
        }
    }
    return BF_OK;
}

static void set_phase(struct bf_listener *l, int phase)
{
    atomic_store(&l->phase, phase);
    for (unsigned i = 0; i < l->n_started; i++)
        wake(&l->loops[i]);
}

/* Until no loop accepts and no connection is left. */
static void await_quiet(struct bf_listener *l, int64_t wait)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait / 1000;
    until.tv_nsec += wait % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&l->lock);
    while (l->n_shut < l->n_started || atomic_load(&l->n_conns) > 0)
        if (pthread_cond_timedwait(&l->changed, &l->lock, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&l->lock);
}

void bf_listener_drain(struct bf_listener *l, int64_t wait)
{
    if (!l->n_started || atomic_load(&l->phase) != BF_SERVING)
        return;
    set_phase(l, BF_DRAINING);
    await_quiet(l, wait);
    set_phase(l, BF_CUTTING);
}

static void free_counts(struct bf_map *counts)
{
    const char *key;
    void *count;
    size_t at = 0;

    while (bf_map_each(counts, &at, &key, &count))
        free(count);
    bf_map_free(counts);
}

void bf_listener_close(struct bf_listener *l)
{
    if (!l)
        return;
    set_phase(l, BF_STOPPING);
    for (unsigned i = 0; i < l->n_started; i++)
        pthread_join(l->loops[i].thread, NULL);
    for (unsigned i = 0; i < l->n_loops; i++) {
        struct bf_web_loop *loop = &l->loops[i];

        if (loop->listen_fd >= 0)
            close(loop->listen_fd);
        if (loop->epoll_fd >= 0)
            close(loop->epoll_fd);
        if (loop->wake_fd >= 0)
            close(loop->wake_fd);
    }
    bf_router_free(l->router);
    free_counts(l->peers);
    free_counts(l->owners);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->changed);
    free(l->loops);
    free((char *)l->options.listen);
    free((char *)l->options.spool_dir);
    free(l);
}

const char *bf_listener_address(const struct bf_listener *l) { return l->address; }

const struct sockaddr *bf_listener_sockaddr(const struct bf_listener *l)
{
    return (const struct sockaddr *)&l->sockaddr;
}

const struct bf_web_route *bf_listener_routes(const struct bf_listener *l, size_t i)
{
    return bf_router_at(l->router, i);
}

void bf_listener_count(const struct bf_listener *l, struct bf_listener_counts *out)
{
    out->connections = atomic_load(&l->n_conns);
    out->held = atomic_load(&l->held);
    out->held_max = BF_HELD_MAX;
}

static void tell_answers(const struct bf_listener *l, const struct bf_web_route *route,
                         bf_answers_fn *fn, void *arg)
{
    const char *status;
    uint64_t n;

    for (size_t i = 0; (status = bf_router_counted(l->router, route, i, &n)); i++)
        if (n)
            fn(arg, route, status, n);
}

void bf_listener_answers(const struct bf_listener *l, bf_answers_fn *fn, void *arg)
{
    const struct bf_web_route *route;

    for (size_t i = 0; (route = bf_router_at(l->router, i)); i++)
        tell_answers(l, route, fn, arg);
    tell_answers(l, NULL, fn, arg);
}
