/* listener_int.h - what the files of the incoming half share.
 *
 *   listener.c    sockets, loops, phases, holding
 *   connection.c  one client: caps, deadlines, being refused
 *   owners.c      how many connections each has
 *   exchange.c    one request: its head, its handler, parking
 *   body.c        what comes with it: in memory or spooled
 *   answer.c      what goes back
 *   stream.c      what goes back bit by bit
 *   inside.c      requests that came by no socket
 *   router.c      which handler
 *
 * A loop's thread owns its daemon, connections, exchanges and streams, and nobody else touches
 * them, with two exceptions: a parked exchange belongs to whoever will finish it, and a stream's
 * buffer is under the stream's lock.  What other threads want done comes through the loop's inbox.
 * Functions without a thread in brackets run on the loop's. */
#ifndef BF_LISTENER_INT_H
#define BF_LISTENER_INT_H

#include <microhttpd.h>

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "core/base/map.h"
#include "core/net/listener.h"
#include "core/net/router_int.h"
#include "core/net/times_int.h"

#define BF_HEAD_MAX        (32 * 1024)
#define BF_URL_MAX         (8 * 1024)
#define BF_BODY_MAX        (1024 * 1024)    /* of a route that says nothing */
#define BF_BODY_MEMORY_MAX (1024 * 1024)    /* beyond it a body goes to a file */
#define BF_STREAM_WAIT_MAX (256 * 1024)     /* written, but not yet taken by the client */
#define BF_STREAM_PIECE_MAX (1024 * 1024)   /* of one bf_stream_write_all(), which may go beyond */
#define BF_REPLY_HEADERS_MAX 24             /* set by one handler */

/* Something for the loop's thread to do. */
struct bf_errand {
    struct bf_errand *next;
    void (*run)(struct bf_errand *errand);
};

/* Something the loop's epoll watches besides the daemon. */
struct bf_watched {
    void (*ready)(struct bf_watched *w);
};

/* Set by whoever closes a listener, acted on by each loop in turn. */
enum bf_phase { BF_SERVING, BF_DRAINING, BF_CUTTING, BF_STOPPING };

struct bf_web_loop {
    struct bf_listener *listener;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    int listen_fd;
    int epoll_fd;
    int wake_fd;
    void *local;
    int64_t now;                /* refreshed once per turn */
    int64_t next_tick;
    int64_t next_warning;       /* that parked requests hold up the end */
    int phase;                  /* the listener's, as far as this loop has acted on it */
    struct bf_conn *conns;
    struct bf_stream *streams;
    struct bf_linger *lingering;
    size_t n_lingering;
    struct bf_exchange *spare;  /* for the next requests */
    size_t n_spare;
    size_t n_parked;
    bool owes_wake;             /* [whoever holds the listener] */
    _Atomic(struct bf_errand *) inbox;        /* newest first */
};

struct bf_listener {
    struct bf_listener_options options;
    struct bf_listener_times times;
    struct bf_router *router;
    struct bf_web_loop *loops;
    unsigned n_loops;
    unsigned n_started;
    struct sockaddr_storage sockaddr;
    char address[64];
    atomic_int phase;
    atomic_uint n_conns;
    atomic_size_t held;         /* bytes of bodies and long answers, at most BF_HELD_MAX */
    atomic_uint n_asked;        /* from inside; deals them out to the loops */
    atomic_uintptr_t holder;    /* the thread that holds, 0 if none */
    unsigned hold_depth;        /* [holder] */
    pthread_mutex_t lock;
    pthread_cond_t changed;     /* something a draining thread waits for */
    unsigned n_shut;            /* under lock, from here down: loops that accept no more */
    struct bf_map *peers;       /* of struct bf_peer */
    struct bf_map *owners;      /* of struct bf_owner; see owners.c */
};

/* --- listener.c ---------------------------------------------------------------- */

/* Have the loop's thread run the errand soon; an errand is posted once at a time.  [any] */
void bf_web_loop_post(struct bf_web_loop *loop, struct bf_errand *errand);
void bf_web_loop_watch(struct bf_web_loop *loop, int fd, uint32_t events, struct bf_watched *w);
void bf_web_loop_unwatch(struct bf_web_loop *loop, int fd);

/* --- connection.c -------------------------------------------------------------- */

enum bf_conn_state {
    BF_CONN_IDLE,               /* before a request, and perhaps within its first line */
    BF_CONN_HEAD,
    BF_CONN_BODY,
    BF_CONN_BUSY                /* the request is with its handler, or the answer leaving */
};

struct bf_conn {
    struct bf_conn *next, **prev;
    struct bf_web_loop *loop;
    struct MHD_Connection *mhd;
    int fd;
    enum bf_conn_state state;
    bool fresh;                 /* nothing was read from it yet, as far as we know */
    bool refused;               /* it got an answer past the library: hear it no more */
    bool linger;                /* it was answered with more of its request to come */
    int64_t since;              /* when the state began; of a body, its present span */
    int64_t head_since;         /* when the first byte of a head was noticed, 0 if not yet */
    int64_t body_bytes;         /* of the present span */
    struct bf_peer *_Atomic counted;        /* NULL once authenticated */
    struct bf_owner *owner;     /* whom it belongs to, NULL if nobody yet */
    char peer[INET6_ADDRSTRLEN];
};

/* How many connections of one address have not authenticated. */
struct bf_peer {
    unsigned n;                 /* under the listener's lock */
    char key[INET6_ADDRSTRLEN];
};

void bf_conn_notify(void *loop, struct MHD_Connection *c, void **socket_context,
                    enum MHD_ConnectionNotificationCode code);
struct bf_conn *bf_conn_of(struct MHD_Connection *c);
void bf_conn_enter(struct bf_conn *conn, enum bf_conn_state state);
/* Answer past the library, which would not take an answer now, and hang up. */
void bf_conn_refuse(struct bf_conn *conn, int status, const char *code, const char *message);
void bf_conn_authenticated(struct bf_conn *conn);               /* [any] */
/* owners.c: false if the owner has as many as it may. */
bool bf_conn_own(struct bf_conn *conn, const char *name);
void bf_conn_disown(struct bf_conn *conn);
/* Cut what took too long.  Every `tick`. */
void bf_conns_tick(struct bf_web_loop *loop);
void bf_conns_cut_idle(struct bf_web_loop *loop);
void bf_conns_cut_all(struct bf_web_loop *loop);
void bf_linger_end_all(struct bf_web_loop *loop);

/* --- body.c -------------------------------------------------------------------- */

struct bf_body {
    const char *data;           /* NUL-terminated, once done */
    size_t len;
    size_t max;
    size_t room;                /* in buf, its NUL not counted */
    char *buf;                  /* NULL, in the arena, or on the heap */
    bool on_heap;
    int fd;                     /* of the spool file while it is written, else -1 */
    char *path;                 /* of a body_file */
    void *map;
    size_t map_len;
};

void bf_body_init(struct bf_body *b);
/* These give 0, or a status to refuse with. */
int bf_body_begin(struct bf_exchange *x, uint64_t expected);    /* or MHD_SIZE_UNKNOWN */
int bf_body_add(struct bf_exchange *x, const void *data, size_t len);
int bf_body_done(struct bf_exchange *x);
void bf_body_fini(struct bf_body *b);

/* --- exchange.c ---------------------------------------------------------------- */

enum bf_stage {
    BF_AT_HEAD,
    BF_AT_BODY,
    BF_AT_REFUSAL,              /* decided; a short body is read and dropped first */
    BF_AT_ANSWER                /* one was given to the library, or is being made */
};

struct bf_reply_header {
    const char *name;
    const char *value;
};

struct bf_exchange {
    struct bf_errand errand;        /* first */
    struct bf_exchange *next_spare;
    struct bf_web_loop *loop;
    struct bf_conn *conn;
    struct bf_arena *arena;
    enum bf_stage stage;
    bool suspended;             /* [loop] the library waits for us */
    bool parked;                /* it belongs to whoever will finish it */
    bool hang_up;               /* after the answer */
    bool kept;                  /* it stays after its stream, until it is released */
    bool over;                  /* and only waits for that */
    struct bf_inside *inside;   /* where the answer goes instead of a socket, or NULL */
    int status;
    /* The request. */
    const char *target;         /* as it came, until the library cuts it at the ? */
    size_t target_len;
    const char *method;
    const char *path;
    const char *query;
    const char **headers;       /* name, value, ..., NULL */
    size_t n_headers;           /* strings */
    size_t headers_room;
    struct bf_match match;
    struct bf_body body;
    size_t held;                /* of what all requests share: see body.c */
    bool starved;               /* there was none left for its answer */
    void *data;
    const char *peer;           /* its own copy, if kept */
    /* Where a resumed request goes on. */
    bf_handler_fn *again;
    void *again_arg;
    struct bf_stream *stream;
    /* The answer. */
    const char *type;
    const void *reply;
    size_t reply_len;
    int reply_fd;               /* -1 but for a file */
    uint64_t file_len;
    struct bf_reply_header reply_headers[BF_REPLY_HEADERS_MAX];
    unsigned n_reply_headers;
    struct bf_failure failure;
};

/* A fresh one for a connection, and its end. */
struct bf_exchange *bf_exchange_begin(struct bf_web_loop *loop, struct bf_conn *conn);
void bf_exchange_give_back(struct bf_exchange *x);
void bf_exchange_keep_header(struct bf_exchange *x, const char *name, const char *value);
/* Route, admit and handle one whose method, path, query and headers are set. */
void bf_exchange_run(struct bf_exchange *x, const void *body, size_t len);
/* Callbacks of the library. */
void *bf_exchange_on_target(void *loop, const char *target, struct MHD_Connection *c);
enum MHD_Result bf_exchange_on_request(void *loop, struct MHD_Connection *c, const char *path,
                                       const char *method, const char *version, const char *data,
                                       size_t *len, void **exchange);
void bf_exchange_on_completed(void *loop, struct MHD_Connection *c, void **exchange,
                              enum MHD_RequestTerminationCode code);
/* Post a parked exchange, to be taken up by `run`.  [any] */
void bf_exchange_post(struct bf_exchange *x, void (*run)(struct bf_errand *errand));
/* Hand the library what it answers with, waking it if it waits. */
void bf_exchange_queue(struct bf_exchange *x, int status, struct MHD_Response *response);
void bf_exchanges_free(struct bf_web_loop *loop);   /* the spare ones */

/* --- inside.c ------------------------------------------------------------------ */

void bf_inside_answer(struct bf_exchange *x, int status);

/* --- answer.c ------------------------------------------------------------------ */

void bf_answer(struct bf_exchange *x, int status);
#define BF_HELD_MAX ((size_t)64 * 1024 * 1024)
/* Take len bytes of it until the exchange is given back; false if there is no room. */
bool bf_exchange_hold(struct bf_exchange *x, size_t len);
void bf_exchange_release_held(struct bf_exchange *x);
void bf_answer_clear(struct bf_exchange *x);
void bf_answer_add_headers(struct bf_exchange *x, struct MHD_Response *response);

/* --- stream.c ------------------------------------------------------------------ */

/* The head is to leave now. */
void bf_stream_begin(struct bf_stream *s);
/* The connection is gone; so is the handle once `closed` returns. */
void bf_stream_closed(struct bf_stream *s);
void bf_streams_tick(struct bf_web_loop *loop);
/* End event streams, whose clients come again by themselves; or all. */
void bf_streams_end(struct bf_web_loop *loop, bool all);

#endif
