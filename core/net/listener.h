/* listener.h - incoming HTTP: sockets, limits, routes, parked requests.
 *
 * THREADS.  A listener is a pool of loops, each with a libmicrohttpd daemon of its own on the same
 * port (SO_REUSEPORT) driven from our own epoll: with its internal threads version 0.9.75 stalls
 * at certain connection counts.  A handler runs on its loop's thread and must not block.  To wait
 * (for the engine's commit, a worker) it parks the request with bf_exchange_park(); whoever
 * finishes it calls bf_exchange_finish() from any thread, and the loop sends the answer.  A group
 * of finishes costs one wake: bracket them with bf_listener_hold() and bf_listener_release().
 *
 * LIMITS (all refused with a JSON error and a clear status): request head 32 KiB (431), URL 8 KiB
 * (414), body as the route says (413), head within 10 s, body at least 1 KiB/s after the first
 * 10 s, 64 unauthenticated connections per address, 1,024 per owner, 4,000 in all.  Two
 * Content-Lengths, Content-Length with chunked, two Hosts, NUL in a header or path: 400 and
 * close. */
#ifndef BF_LISTENER_H
#define BF_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/log.h"

struct bf_listener;
struct bf_exchange;             /* one request and its answer */

/* Gives the status to answer with, or BF_PARKED after bf_exchange_park(). */
typedef int bf_handler_fn(struct bf_exchange *x, void *arg);
#define BF_PARKED (-1)

/* In a path {name} stands for one segment and a final * for the rest; words win over {name},
 * {name} over *.  GET serves HEAD too. */
struct bf_web_route {
    const char *method;
    const char *path;
    bf_handler_fn *handler;
    bf_handler_fn *admit;       /* or NULL; before the body is read: 0, or a status to refuse */
    void *arg;
    size_t body_max;            /* 0: 1 MiB */
    unsigned needs;             /* for the owner of the table; see api/ */
    bool body_file;             /* spool the body to a file */
    bool yields;                /* to any other route that takes the request, were it a * */
};

struct bf_listener_options {
    const char *listen;         /* "127.0.0.1:8320", "[::1]:0" */
    unsigned n_threads;         /* 0: one per core, at most 4 */
    const char *spool_dir;      /* for bodies of more than 1 MiB and body_file */
    unsigned max_connections;   /* 0: 4,000 */
    unsigned max_per_ip;        /* not yet authenticated; 0: 64 */
    unsigned max_per_owner;     /* 0: 1,024 */
    struct bf_log *log;
    /* Per loop thread: what bf_exchange_local() gives (a database connection, say).  May be NULL. */
    void *(*local_new)(void *arg);
    void (*local_free)(void *arg, void *local);
    void *arg;
};

/* Binds.  Answers nothing before bf_listener_start(). */
int bf_listener_open(const struct bf_listener_options *o, struct bf_listener **out,
                     struct bf_error *err);
/* Whether `listen` could be listened on, as far as its text tells.  [any] */
int bf_listener_address_check(const char *listen, struct bf_error *err);
/* Two routes that can match the same request equally well are refused.  The strings are copied.
 * Before start. */
int bf_listener_route(struct bf_listener *l, const struct bf_web_route *r, struct bf_error *err);
int bf_listener_start(struct bf_listener *l, struct bf_error *err);
/* Accept nothing more, finish what is under way within wait_ms, then cut.  Parked exchanges must
 * still be finished by their owners, and the calls that did it have returned, before
 * bf_listener_close(). */
void bf_listener_drain(struct bf_listener *l, int64_t wait_ms);
void bf_listener_close(struct bf_listener *l);
const char *bf_listener_address(const struct bf_listener *l);   /* the port resolved */
const struct sockaddr *bf_listener_sockaddr(const struct bf_listener *l);
/* Every route, for tables and tests: i from 0, NULL behind the last. */
const struct bf_web_route *bf_listener_routes(const struct bf_listener *l, size_t i);

struct bf_listener_counts {
    unsigned connections;
    size_t held;                /* bytes of bodies and long answers, of `held_max` */
    size_t held_max;
};
void bf_listener_count(const struct bf_listener *l, struct bf_listener_counts *out);    /* [any] */
/* Every kind of answer that was given, by route (NULL: none took the request) and status, as "200"
 * or "4xx".  [any, after start] */
typedef void bf_answers_fn(void *arg, const struct bf_web_route *route, const char *status,
                           uint64_t n);
void bf_listener_answers(const struct bf_listener *l, bf_answers_fn *fn, void *arg);

/* --- inside a handler ------------------------------------------------------ */

const char *bf_exchange_method(const struct bf_exchange *x);
const char *bf_exchange_path(const struct bf_exchange *x);      /* undecoded */
const char *bf_exchange_query(const struct bf_exchange *x);     /* "" if none, undecoded */
const char *bf_exchange_peer(const struct bf_exchange *x);      /* "203.0.113.9" */
const char *bf_exchange_header(const struct bf_exchange *x, const char *name); /* NULL if absent */
const char *const *bf_exchange_headers(struct bf_exchange *x);  /* name, value, ..., NULL */
/* A {name} of the path ("*" for the rest) or else of the query, decoded; NULL if absent, or if it
 * does not decode to UTF-8 without NUL. */
const char *bf_exchange_param(struct bf_exchange *x, const char *name);
const char *bf_exchange_query_param(struct bf_exchange *x, const char *name); /* query only */
/* Whether all of the query decodes: a parameter that does not looks like one that is absent. */
bool bf_exchange_query_ok(struct bf_exchange *x);
const char *bf_exchange_body(const struct bf_exchange *x, size_t *len); /* NUL-terminated */
const char *bf_exchange_body_file(const struct bf_exchange *x);  /* its path, or NULL */
struct bf_arena *bf_exchange_arena(struct bf_exchange *x);       /* until the answer has left */
void *bf_exchange_local(const struct bf_exchange *x);
const struct bf_web_route *bf_exchange_route(const struct bf_exchange *x);
/* In admit or a handler: whose request this is (fewer than 160 bytes) is known.  Its connection counts against
 * max_per_owner from now on and no longer against max_per_ip.  False if the owner has as many
 * already: refuse the request with 429, after which the connection ends. */
bool bf_exchange_authenticated(struct bf_exchange *x, const char *owner);
/* A pointer for whoever handles it, NULL at first; e.g. the caller that admit found. */
void bf_exchange_set_data(struct bf_exchange *x, void *data);
void *bf_exchange_data(const struct bf_exchange *x);

/* The answer.  Setting the body again replaces it. */
void bf_exchange_reply_header(struct bf_exchange *x, const char *name, const char *value);
void bf_exchange_reply(struct bf_exchange *x, const char *type, const void *data, size_t len);
void bf_exchange_reply_static(struct bf_exchange *x, const char *type, const void *data,
                              size_t len);      /* not copied: lives as long as the listener */
int bf_exchange_reply_file(struct bf_exchange *x, const char *type, const char *path);
/* {"error":{"code","message","field"}}; returns status, so that failing is one line. */
int bf_exchange_fail(struct bf_exchange *x, int status, const char *code, const char *field,
                     const char *fmt, ...) BF_FORMAT(5, 6);
/* What it said last, for who says it in other words; in the exchange's arena. */
struct bf_failure {
    const char *code;           /* NULL: nothing was said */
    const char *field;          /* or NULL */
    const char *words;
};
const struct bf_failure *bf_exchange_failure(const struct bf_exchange *x);
/* The usual code of a status: "not_found" of 404.  [any] */
const char *bf_status_code(int status);

/* --- from inside -------------------------------------------------------------- */

/* A request that came by no socket: routed, admitted and handled as any other, on a loop's thread,
 * for who is inside the program already.  Everything is borrowed until `done`. */
struct bf_inside_request {
    const char *method;
    const char *url;            /* "/api/v1/events?limit=1" */
    const char *const *headers; /* name, value, ..., NULL */
    const void *body;
    size_t body_len;
    void *data;                 /* of the exchange, before admit */
};
/* Lives until `done` returns. */
struct bf_inside_answer {
    int status;
    const void *body;
    size_t body_len;
    const char *const *headers; /* name, value, ..., NULL; Content-Type among them */
};
/* `done` is called once [loop thread].  Whoever asks has stopped before bf_listener_close().
 * [any, after start] */
void bf_listener_ask(struct bf_listener *l, const struct bf_inside_request *request,
                     void (*done)(void *arg, const struct bf_inside_answer *answer), void *arg);
/* Then admit has no key to look at, and bf_exchange_data() is what was given with it. */
bool bf_exchange_is_inside(const struct bf_exchange *x);

/* --- parked and streamed ---------------------------------------------------- */

/* The handler returns BF_PARKED; the exchange and its arena stay until finished. */
void bf_exchange_park(struct bf_exchange *x);
/* Answer a parked request.  The exchange must not be touched afterwards.  [any] */
void bf_exchange_finish(struct bf_exchange *x, int status);
/* Run `handler` for a parked exchange on its loop's thread again.  [any] */
void bf_exchange_resume(struct bf_exchange *x, bf_handler_fn *handler, void *arg);

/* Collect the finishes of this thread and wake each loop once at the release.  [any] */
void bf_listener_hold(struct bf_listener *l);
void bf_listener_release(struct bf_listener *l);

/* Answer 200 with a body that goes on: the handler returns BF_PARKED.  The stream outlives the
 * exchange; `closed` is called once, when the client has gone or bf_stream_end() took effect, and
 * after it the handle is dead.  [closed: loop thread] */
struct bf_stream;
/* Before it: have the exchange and its arena stay until bf_exchange_release() [any], which must
 * come after `closed` began.  What points into the connection (method, path, headers, peer) is
 * copied: ask for it again. */
void bf_exchange_keep(struct bf_exchange *x);
void bf_exchange_release(struct bf_exchange *x);
struct bf_stream *bf_exchange_stream(struct bf_exchange *x, const char *type,
                                     void (*closed)(void *arg), void *arg);
/* All of it or BF_EFULL (more than 256 KiB would wait for the client) or BF_ENOENT (closed). [any] */
int bf_stream_write(struct bf_stream *s, const void *data, size_t len);
/* All of up to 1 MiB while no more than 256 KiB wait, else BF_EFULL.  [any] */
int bf_stream_write_all(struct bf_stream *s, const void *data, size_t len);
/* Call fn, with the `arg` of `closed`, when no more than that waits again.  Before the first
 * write.  [fn: loop thread] */
void bf_stream_on_room(struct bf_stream *s, void (*fn)(void *arg));
size_t bf_stream_waiting(struct bf_stream *s);
void bf_stream_end(struct bf_stream *s);        /* [any] */

#endif
