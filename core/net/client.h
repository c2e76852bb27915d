/* client.h - outgoing HTTP: the only door to the outside.
 *
 * One client is one event loop: a libcurl multi handle, epoll, timers.  Its thread calls
 * bf_client_run(), which returns when woken, when a timer is due or when transfers ended.  All
 * policy of the way out stands here: the address guard decides when the socket is made, redirects
 * are answers, https is verified, proxies of the environment are ignored, answers are kept to
 * `keep_max` and read to `read_max` at most, nothing is decompressed.
 *
 * All functions: the thread that runs the client, but for bf_client_wake(). */
#ifndef BF_CLIENT_H
#define BF_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/net/guard.h"

struct bf_client;

struct bf_client_limits {
    unsigned max_connections;   /* in all; 0: 256 */
    unsigned max_per_host;      /* 0: 64 */
    unsigned keep_connections;  /* idle ones, for the next request to their hosts; 0: 256 */
    size_t keep_max;            /* bytes of an answer that are kept; 0: 64 KiB */
    size_t read_max;            /* and read before the transfer is cut as too big; 0: 1 MiB */
};

/* A request.  What it points to is borrowed until its `done`; the struct itself is copied.
 *
 * Content-Length, Transfer-Encoding and Expect are the client's own business: a request that
 * names them is refused.  So is one with line ends in a header. */
struct bf_fetch_request {
    const char *method;
    const char *url;
    const char *const *headers; /* name, value, ..., NULL; or NULL */
    const void *body;
    size_t body_len;
    int64_t connect_ms;         /* 0: 5 s */
    int64_t total_ms;           /* 0: 15 s */
    const char *tls_cert;       /* PEM text each, or NULL */
    const char *tls_key;
    const char *tls_ca;         /* instead of the system's list */
    bool once;                  /* never sent a second time on a connection that died in between */
};

/* How it ended.  Valid during `done` only.
 *
 * err: BF_EPERM the guard refused, BF_ETIMEDOUT, BF_ETOOBIG more than read_max came, BF_EIO the
 * network or the other side failed, BF_ECONFIG the URL or a certificate given is no good,
 * BF_EINVAL the request is, BF_ECANCELED by bf_client_free().  The words name host and port, and
 * never the URL's path or query, which may hold secrets. */
struct bf_fetch_result {
    int err;                    /* 0: a complete answer; else enum bf_err */
    bool sent;                  /* with err: bytes of the request had left, it may have arrived */
    int status;                 /* of a complete answer, or one over read_max; 0 otherwise */
    const char *words;          /* with err: the cause, for a person; "" otherwise */
    const char *body;           /* NUL-terminated; what was kept */
    size_t body_len;
    bool body_cut;              /* there was more than keep_max */
    const char *const *headers; /* name, value, ..., NULL; the last response's */
    int64_t duration_ms;        /* without waiting for a free connection */
};
typedef void bf_fetch_fn(void *arg, const struct bf_fetch_result *result);

/* A list of headers, in `a`; NULL is an empty one. */
const char *const *bf_headers_copy(struct bf_arena *a, const char *const *headers);

int bf_client_new(const struct bf_guard *guard, const struct bf_client_limits *limits,
                  const char *user_agent, struct bf_client **out, struct bf_error *err);
/* Believe the certificate authorities in this PEM file instead of the system's.  Before the first
 * transfer. */
int bf_client_trust(struct bf_client *c, const char *ca_file, struct bf_error *err);
/* End what is under way, with BF_ECANCELED; nothing can be sent any more. */
void bf_client_cancel(struct bf_client *c);
/* Cancels first. */
void bf_client_free(struct bf_client *c);

/* Begin a transfer.  `done` is called exactly once, from bf_client_run() or bf_client_free(), and
 * may send.  Over the limits of connections a transfer waits its turn; its time starts then. */
void bf_client_send(struct bf_client *c, const struct bf_fetch_request *request, bf_fetch_fn *done,
                    void *arg);
unsigned bf_client_in_flight(const struct bf_client *c);        /* waiting ones included */

/* Work for up to wait_ms (-1: no limit): returns early after transfers ended or a wake. */
void bf_client_run(struct bf_client *c, int64_t wait_ms);

/* Make bf_client_run() return soon.  Many wakes may become one.  [any] */
void bf_client_wake(struct bf_client *c);

#endif
