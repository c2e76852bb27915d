/* connection.c - one client's connection: is there room for it, and is it taking too long?
 *
 * The library's own time-out counts inactivity, so a client that drips a byte now and then would
 * live for ever.  Here every connection has a state and the time it began, and a tick looks at
 * all of them: a head must be complete in time, a body must keep moving, an idle connection is
 * closed.  The library does not say when the first byte of a head arrives, so for idle
 * connections the kernel is asked (TCP_INFO) whether bytes came since the last request.
 *
 * Cutting is shutdown(2) of the socket: the library then sees the end and cleans up itself.  A
 * parked request is not disturbed by that; it notices when its answer cannot leave.
 *
 * Hanging up on a client that is still sending makes the kernel reset the connection, and the
 * reset may overtake the answer that says why.  So a refused connection lingers: its socket is
 * kept, read and forgotten for a moment, until the client closes. */
#include "listener_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/base.h"

#define LINGERING_MAX 64        /* connections per loop; more are reset */
#define REFUSED_MAX   64        /* beyond the cap; more are hung up on without a word */

struct bf_linger {
    struct bf_watched watched;  /* first */
    struct bf_linger *next, **prev;
    struct bf_web_loop *loop;
    int fd;
    int64_t until;
};

static void list_add(struct bf_web_loop *loop, struct bf_conn *conn)
{
    conn->next = loop->conns;
    conn->prev = &loop->conns;
    if (conn->next)
        conn->next->prev = &conn->next;
    loop->conns = conn;
}

static void list_remove(struct bf_conn *conn)
{
    *conn->prev = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
}

/* The client's address as text; and the key it is counted under, which for IPv6 is its /64, as
 * whoever has one address there has them all. */
static void name_peer(const struct sockaddr *sa, char peer[INET6_ADDRSTRLEN],
                      char key[INET6_ADDRSTRLEN])
{
    struct in6_addr a6;

    if (sa->sa_family != AF_INET6) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)sa)->sin_addr, peer, INET6_ADDRSTRLEN);
        memcpy(key, peer, INET6_ADDRSTRLEN);
        return;
    }
    a6 = ((const struct sockaddr_in6 *)sa)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&a6)) {
        inet_ntop(AF_INET, &a6.s6_addr[12], peer, INET6_ADDRSTRLEN);
        memcpy(key, peer, INET6_ADDRSTRLEN);
        return;
    }
    inet_ntop(AF_INET6, &a6, peer, INET6_ADDRSTRLEN);
    memset(&a6.s6_addr[8], 0, 8);
    inet_ntop(AF_INET6, &a6, key, INET6_ADDRSTRLEN);
}

/* False if the address has as many connections as it may. */
static bool peer_enter(struct bf_conn *conn, const char *key)
{
    struct bf_listener *l = conn->loop->listener;
    struct bf_peer *p;
    bool room;

    pthread_mutex_lock(&l->lock);
    p = bf_map_get(l->peers, key);
    if (!p) {
        p = bf_new(struct bf_peer);
        memcpy(p->key, key, sizeof(p->key));
        bf_map_set(l->peers, key, p);
    }
    p->n++;
    room = p->n <= l->options.max_per_ip;
    pthread_mutex_unlock(&l->lock);
    atomic_store(&conn->counted, p);
    return room;
}

void bf_conn_authenticated(struct bf_conn *conn)
{
    struct bf_listener *l = conn->loop->listener;
    struct bf_peer *p;

    if (!atomic_load_explicit(&conn->counted, memory_order_relaxed))
        return;                 /* as for every request but a connection's first */
    p = atomic_exchange(&conn->counted, NULL);
    if (!p)
        return;
    pthread_mutex_lock(&l->lock);
    if (--p->n == 0)
        free(bf_map_remove(l->peers, p->key));
    pthread_mutex_unlock(&l->lock);
}

static void cut(struct bf_conn *conn)
{
    conn->linger = false;
    shutdown(conn->fd, SHUT_RDWR);
}

void bf_conn_enter(struct bf_conn *conn, enum bf_conn_state state)
{
    int64_t now = conn->loop->now;

    if (state == BF_CONN_HEAD)
        now = conn->state == BF_CONN_IDLE && conn->head_since ? conn->head_since : now;
    conn->state = state;
    conn->since = now;
    conn->head_since = 0;
    conn->body_bytes = 0;
    conn->fresh = false;
    if (state == BF_CONN_IDLE && conn->loop->phase != BF_SERVING)
        cut(conn);
}

/* A connection over a cap is told so, unless there are too many even of those. */
static void admit(struct bf_conn *conn, const char *key)
{
    struct bf_listener *l = conn->loop->listener;
    unsigned n = atomic_fetch_add(&l->n_conns, 1);
    unsigned max = l->options.max_connections;

    if (n >= max + REFUSED_MAX) {
        conn->refused = true;
        shutdown(conn->fd, SHUT_RDWR);
    } else if (n >= max) {
        bf_conn_refuse(conn, 503, "overloaded", "too many connections; try again later");
    } else if (!peer_enter(conn, key)) {
        bf_conn_refuse(conn, 429, "too_many_connections",
                       "too many connections from this address have not authenticated");
    }
}

static void started(struct bf_web_loop *loop, struct MHD_Connection *c, void **socket_context)
{
    struct bf_conn *conn = bf_new(struct bf_conn);
    char key[INET6_ADDRSTRLEN];
    int on = 1;

    conn->loop = loop;
    conn->mhd = c;
    conn->fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    conn->since = loop->now;
    conn->fresh = true;
    list_add(loop, conn);
    *socket_context = conn;
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    name_peer(MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
              conn->peer, key);
    admit(conn, key);
}

static void linger_end(struct bf_linger *g)
{
    *g->prev = g->next;
    if (g->next)
        g->next->prev = g->prev;
    g->loop->n_lingering--;
    /* Closing alone does not end the watch while another descriptor of the socket is open, as in a
     * process that is being started. */
    bf_web_loop_unwatch(g->loop, g->fd);
    close(g->fd);
    free(g);
}

/* Read and forget, a piece at a time, so that a flood does not hold up the others. */
static void on_lingering(struct bf_watched *w)
{
    struct bf_linger *g = (struct bf_linger *)w;
    char nothing[16 * 1024];
    ssize_t n = recv(g->fd, nothing, sizeof(nothing), MSG_DONTWAIT | MSG_TRUNC);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        linger_end(g);
}

/* The library is about to close the socket; a duplicate stays open. */
static void linger(struct bf_web_loop *loop, int fd)
{
    struct bf_linger *g;
    int copy;

    if (loop->n_lingering >= LINGERING_MAX)
        return;
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return;
    g = bf_new(struct bf_linger);
    g->watched.ready = on_lingering;
    g->loop = loop;
    g->fd = copy;
    g->until = loop->now + loop->listener->times.linger;
    g->next = loop->lingering;
    g->prev = &loop->lingering;
    if (g->next)
        g->next->prev = &g->next;
    loop->lingering = g;
    loop->n_lingering++;
    bf_web_loop_watch(loop, copy, EPOLLIN, &g->watched);
}

static void closed(struct bf_web_loop *loop, struct bf_conn *conn)
{
    struct bf_listener *l = loop->listener;

    if (conn->linger && loop->phase < BF_CUTTING)
        linger(loop, conn->fd);
    bf_conn_authenticated(conn);
    bf_conn_disown(conn);
    list_remove(conn);
    free(conn);
    if (atomic_fetch_sub(&l->n_conns, 1) == 1 && loop->phase != BF_SERVING) {
        pthread_mutex_lock(&l->lock);
        pthread_cond_broadcast(&l->changed);
        pthread_mutex_unlock(&l->lock);
    }
}

void bf_conn_notify(void *loop, struct MHD_Connection *c, void **socket_context,
                    enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        started(loop, c, socket_context);
    else
        closed(loop, *socket_context);
}

struct bf_conn *bf_conn_of(struct MHD_Connection *c)
{
    return MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void bf_conn_refuse(struct bf_conn *conn, int status, const char *code, const char *message)
{
    char body[512], text[1024];
    int len;

    len = snprintf(body, sizeof(body),
                   "{\"error\":{\"code\":\"%s\",\"message\":\"%s\",\"field\":null}}", code,
                   message);
    len = snprintf(text, sizeof(text),
                   "HTTP/1.1 %d %s\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n"
                   "Connection: close\r\n\r\n%s",
                   status, MHD_get_reason_phrase_for((unsigned)status),
                   status == 429 || status == 503 ? "Retry-After: 1\r\n" : "", len, body);
    bf_router_count(conn->loop->listener->router, NULL, status);
    /* It fits the empty buffer of the socket, or the client does not read anyway. */
    send(conn->fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(conn->fd, SHUT_WR);
    conn->refused = true;
    conn->linger = true;
    conn->since = conn->loop->now;
}

/* Note when a head began to arrive. */
static void look_for_head(struct bf_conn *conn, int64_t now)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    if (conn->head_since || getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return;
    /* `since` is a turn's start and may be a little older than the last request's last byte: one
     * tick does for slack, as who drips goes on dripping. */
    if (conn->fresh ? info.tcpi_bytes_received > 0
                    : info.tcpi_last_data_recv + conn->loop->listener->times.tick <
                          now - conn->since)
        conn->head_since = now;
}

static bool body_stalls(struct bf_conn *conn, const struct bf_listener_times *t, int64_t now)
{
    if (now - conn->since < t->body)
        return false;
    if (conn->body_bytes < t->body_bytes)
        return true;
    conn->since = now;          /* the next span */
    conn->body_bytes = 0;
    return false;
}

static bool took_too_long(struct bf_conn *conn, const struct bf_listener_times *t, int64_t now)
{
    if (conn->refused)
        return now - conn->since >= t->linger;
    switch (conn->state) {
    case BF_CONN_IDLE:
        look_for_head(conn, now);
        if (conn->head_since)
            return now - conn->head_since >= t->head;
        return now - conn->since >= t->idle;
    case BF_CONN_HEAD:
        return now - conn->since >= t->head;
    case BF_CONN_BODY:
        return body_stalls(conn, t, now);
    case BF_CONN_BUSY:
        break;
    }
    return false;
}

void bf_conns_tick(struct bf_web_loop *loop)
{
    for (struct bf_conn *conn = loop->conns; conn; conn = conn->next)
        if (took_too_long(conn, &loop->listener->times, loop->now))
            cut(conn);
    for (struct bf_linger *g = loop->lingering, *next; g; g = next) {
        next = g->next;
        if (g->until <= loop->now)
            linger_end(g);
    }
}

void bf_conns_cut_idle(struct bf_web_loop *loop)
{
    for (struct bf_conn *conn = loop->conns; conn; conn = conn->next) {
        if (conn->state != BF_CONN_IDLE)
            continue;
        look_for_head(conn, loop->now);
        if (!conn->head_since)
            cut(conn);
    }
}

void bf_conns_cut_all(struct bf_web_loop *loop)
{
    for (struct bf_conn *conn = loop->conns; conn; conn = conn->next)
        cut(conn);
}

void bf_linger_end_all(struct bf_web_loop *loop)
{
    while (loop->lingering)
        linger_end(loop->lingering);
}
