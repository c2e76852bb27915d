/* exchange.c - one request: from the first line of its head to the call of its handler.
 *
 * The library parses leniently, and two parsers that read one request differently are how requests
 * get smuggled past a proxy.  So the head is gone over again before anything is done for it.  The
 * library has cut it into strings in place: name, value and line end follow each other without a
 * gap, unless a NUL, a folded line or a bare line feed made one.  Any gap is refused, and so is
 * whatever makes the end of the body doubtful.
 *
 * The library calls three ways: when the target is known (the exchange begins), when the head is
 * complete or a piece of the body is there, and when the answer has left or cannot (the exchange
 * ends).  A suspended request is left alone by the library, even if its client goes away, so a
 * parked exchange is good until it is finished. */
#include "listener_int.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"

#define ARENA_MAX        (64 * 1024 * 1024)     /* of a request and whatever its handler makes */
#define SPARE_MAX        256                    /* exchanges per loop, kept for reuse */
#define REFUSED_BODY_MAX (64 * 1024)    /* read and dropped, so that the connection can be kept */
#define HEADERS_FIRST    64                     /* strings */

/* --- life ------------------------------------------------------------------------ */

static struct bf_exchange *take_spare(struct bf_web_loop *loop)
{
    struct bf_exchange *x = loop->spare;

    if (x) {
        loop->spare = x->next_spare;
        loop->n_spare--;
        return x;
    }
    x = bf_new(struct bf_exchange);
    x->loop = loop;
    x->arena = bf_arena_new(ARENA_MAX);
    x->headers_room = HEADERS_FIRST;
    x->headers = bf_zalloc(x->headers_room * sizeof(*x->headers));
    x->reply_fd = -1;
    return x;
}

static void destroy(struct bf_exchange *x)
{
    bf_arena_free(x->arena);
    free(x->headers);
    free(x);
}

void bf_exchange_give_back(struct bf_exchange *x)
{
    struct bf_web_loop *loop = x->loop;

    bf_body_fini(&x->body);
    bf_exchange_release_held(x);
    bf_answer_clear(x);
    bf_arena_reset(x->arena);
    if (loop->n_spare == SPARE_MAX) {
        destroy(x);
        return;
    }
    x->next_spare = loop->spare;
    loop->spare = x;
    loop->n_spare++;
}

void bf_exchanges_free(struct bf_web_loop *loop)
{
    while (loop->spare) {
        struct bf_exchange *x = loop->spare;

        loop->spare = x->next_spare;
        destroy(x);
    }
    loop->n_spare = 0;
}

struct bf_exchange *bf_exchange_begin(struct bf_web_loop *loop, struct bf_conn *conn)
{
    struct bf_exchange *x = take_spare(loop);

    x->conn = conn;
    x->stage = BF_AT_HEAD;
    x->suspended = false;
    x->parked = false;
    x->hang_up = false;
    x->kept = false;
    x->over = false;
    x->peer = NULL;
    x->inside = NULL;
    x->target = NULL;
    x->target_len = 0;
    x->path = NULL;
    x->query = "";
    x->n_headers = 0;
    x->match.route = NULL;
    x->data = NULL;
    x->stream = NULL;
    bf_body_init(&x->body);
    return x;
}

void *bf_exchange_on_target(void *loop, const char *target, struct MHD_Connection *c)
{
    struct bf_conn *conn = bf_conn_of(c);
    struct bf_exchange *x;
    const char *query;

    if (conn->refused || !target)
        return NULL;            /* and the request is refused where it would be handled */
    bf_conn_enter(conn, BF_CONN_HEAD);
    x = bf_exchange_begin(loop, conn);
    x->target = target;
    x->target_len = strlen(target);
    query = strchr(target, '?');
    if (query && x->target_len <= BF_URL_MAX)
        x->query = bf_arena_dup(x->arena, query + 1);   /* the library spoils the original */
    return x;
}

void bf_exchange_on_completed(void *loop, struct MHD_Connection *c, void **exchange,
                              enum MHD_RequestTerminationCode code)
{
    struct bf_exchange *x = *exchange;

    (void)loop;
    if (!x)
        return;
    *exchange = NULL;
    if (code == MHD_REQUEST_TERMINATED_WITH_ERROR)
        bf_conn_of(c)->linger = true;
    bf_conn_enter(x->conn, BF_CONN_IDLE);
    if (x->stream)
        bf_stream_closed(x->stream);
    if (!x->kept) {
        bf_exchange_give_back(x);
        return;
    }
    x->over = true;
    x->loop->n_parked++;
}

/* --- the head -------------------------------------------------------------------- */

struct head {
    struct bf_exchange *x;
    const char *next;           /* where the next line must begin */
    const char *length;
    const char *coding;
    unsigned n_lengths;
    unsigned n_codings;
    unsigned n_hosts;
    bool expects;               /* 100-continue */
    bool wrong;
};

static bool token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!token_char((unsigned char)text[i]))
            return false;
    return len > 0;
}

static bool has_controls(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

void bf_exchange_keep_header(struct bf_exchange *x, const char *name, const char *value)
{
    if (x->n_headers + 3 > x->headers_room) {
        x->headers_room *= 2;
        x->headers = bf_zrealloc(x->headers, x->headers_room * sizeof(*x->headers));
    }
    x->headers[x->n_headers++] = name;
    x->headers[x->n_headers++] = value;
}

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    struct head *h = arg;

    (void)kind;
    if (name != h->next || !is_token(name, name_len) || has_controls(value, value_len))
        h->wrong = true;
    h->next = value + value_len + 2;
    bf_exchange_keep_header(h->x, name, value);
    if (name_len == 4 && strcasecmp(name, "Host") == 0) {
        h->n_hosts++;
    } else if (name_len == 6 && strcasecmp(name, "Expect") == 0) {
        h->expects = true;
    } else if (name_len == 14 && strcasecmp(name, "Content-Length") == 0) {
        h->n_lengths++;
        h->length = value;
    } else if (name_len == 17 && strcasecmp(name, "Transfer-Encoding") == 0) {
        h->n_codings++;
        h->coding = value;
    }
    return h->wrong ? MHD_NO : MHD_YES;
}

static int bad_request(struct bf_exchange *x, const char *why)
{
    return bf_exchange_fail(x, 400, bf_status_code(400), NULL, "%s", why);
}

/* 0 if the head means one thing only and is within its limits. */
static int check_head(struct bf_exchange *x, struct MHD_Connection *c, const char *version,
                      struct head *h)
{
    size_t size = MHD_get_connection_info(c, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;
    bool newest = strcmp(version, "HTTP/1.1") == 0;

    h->x = x;
    h->next = version + strlen(version) + 2;
    MHD_get_connection_values_n(c, MHD_HEADER_KIND, on_header, h);
    x->headers[x->n_headers] = NULL;
    if (x->target_len > BF_URL_MAX)
        return bf_exchange_fail(x, 414, "url_too_long", NULL, "the URL is over %d bytes",
                                BF_URL_MAX);
    if (size > BF_HEAD_MAX)
        return bf_exchange_fail(x, 431, "head_too_large", NULL,
                                "the request's head is over %d bytes", BF_HEAD_MAX);
    if (x->target + x->target_len + 1 != version || !is_token(x->method, strlen(x->method)) ||
        has_controls(x->path, strlen(x->path)) || strchr(x->path, ' ') ||
        has_controls(x->query, strlen(x->query)) || strchr(x->query, ' '))
        return bad_request(x, "the request line is malformed");
    if (h->wrong || x->method + size != h->next + 2)
        return bad_request(x, "the headers are malformed");
    if (h->n_hosts > 1 || (newest && h->n_hosts == 0))
        return bad_request(x, "there must be one Host header");
    if (h->n_lengths > 1)
        return bad_request(x, "there is more than one Content-Length header");
    if (h->coding && (h->n_codings > 1 || !newest || h->length ||
                      strcasecmp(h->coding, "chunked") != 0))
        return bad_request(x, "Transfer-Encoding may only be chunked, once, and without "
                              "Content-Length");
    return 0;
}

static uint64_t expected_len(const struct head *h)
{
    if (h->coding)
        return MHD_SIZE_UNKNOWN;
    return h->length ? strtoull(h->length, NULL, 10) : 0;       /* the library saw only digits */
}

static int no_route(struct bf_exchange *x)
{
    if (!x->match.methods)
        return bf_exchange_fail(x, 404, "not_found", NULL, "there is nothing at %s", x->path);
    bf_exchange_reply_header(
        x, "Allow", bf_router_methods(x->loop->listener->router, x->match.methods, x->arena));
    return bf_exchange_fail(x, 405, "method_not_allowed", NULL, "%s does not take %s", x->path,
                            x->method);
}

/* 0 if there is one that lets the request in. */
static int find_route(struct bf_exchange *x)
{
    const struct bf_web_route *route;

    if (!bf_router_find(x->loop->listener->router, x->method, x->path, &x->match))
        return no_route(x);
    route = x->match.route;
    return route->admit ? route->admit(x, route->arg) : 0;
}

/* Answer without having read the body.  The library hangs up after it. */
static enum MHD_Result refuse_now(struct bf_exchange *x, int status)
{
    bf_conn_enter(x->conn, BF_CONN_BUSY);
    x->conn->linger = true;
    bf_answer(x, status);
    return MHD_YES;
}

static enum MHD_Result on_head(struct bf_exchange *x, struct MHD_Connection *c,
                               const char *version)
{
    struct head h = {0};
    int status = check_head(x, c, version, &h);
    uint64_t expected;

    if (status)
        return refuse_now(x, status);
    expected = expected_len(&h);
    status = find_route(x);
    if (status && (expected > REFUSED_BODY_MAX || (expected && h.expects)))
        return refuse_now(x, status);
    x->status = status;
    x->stage = status ? BF_AT_REFUSAL : BF_AT_BODY;
    if (expected)
        bf_conn_enter(x->conn, BF_CONN_BODY);
    if (status || (expected == 0 && !x->match.route->body_file))
        return MHD_YES;
    status = bf_body_begin(x, expected);
    return status ? refuse_now(x, status) : MHD_YES;
}

/* --- body and handler -------------------------------------------------------------- */

/* The library takes no answer in the midst of a body: it goes out beside it. */
static enum MHD_Result on_body(struct bf_exchange *x, const char *data, size_t *len)
{
    int status;

    x->conn->body_bytes += (int64_t)*len;
    status = x->stage == BF_AT_BODY ? bf_body_add(x, data, *len) : 0;
    *len = 0;
    if (!status)
        return MHD_YES;
    bf_conn_refuse(x->conn, status, bf_status_code(status),
                   status == 413 ? "the body is too large" : "the body cannot be stored");
    return MHD_NO;
}

static void suspend(struct bf_exchange *x)
{
    if (x->suspended)
        return;
    x->suspended = true;
    x->loop->n_parked++;
    if (!x->inside)
        MHD_suspend_connection(x->conn->mhd);
}

/* Once parked, the exchange may belong to another thread before the handler has returned: only
 * what is marked [loop], or was set before and stays, can be looked at then. */
static void handle(struct bf_exchange *x, bf_handler_fn *handler, void *arg)
{
    int status = handler(x, arg);

    if (status != BF_PARKED) {
        bf_answer(x, status);
    } else if (x->parked) {
        suspend(x);
    } else {
        bf_assert(x->stream != NULL);
        bf_stream_begin(x->stream);
    }
}

static enum MHD_Result on_complete(struct bf_exchange *x)
{
    const struct bf_web_route *route = x->match.route;
    int status;

    bf_conn_enter(x->conn, BF_CONN_BUSY);
    status = x->stage == BF_AT_REFUSAL ? x->status : bf_body_done(x);
    if (status)
        bf_answer(x, status);
    else
        handle(x, route->handler, route->arg);
    return MHD_YES;
}

static int take_body(struct bf_exchange *x, const void *body, size_t len)
{
    int status = bf_body_begin(x, len);

    if (!status && len)
        status = bf_body_add(x, body, len);
    return status ? status : bf_body_done(x);
}

void bf_exchange_run(struct bf_exchange *x, const void *body, size_t len)
{
    int status = 0;

    if (!is_token(x->method, strlen(x->method)) || has_controls(x->path, strlen(x->path)))
        status = bad_request(x, "the request line is malformed");
    if (!status)
        status = find_route(x);
    if (!status && (len || x->match.route->body_file))
        status = take_body(x, body, len);
    if (status)
        bf_answer(x, status);
    else
        handle(x, x->match.route->handler, x->match.route->arg);
}

enum MHD_Result bf_exchange_on_request(void *loop, struct MHD_Connection *c, const char *path,
                                       const char *method, const char *version, const char *data,
                                       size_t *len, void **exchange)
{
    struct bf_exchange *x = *exchange;

    (void)loop;
    if (!x)
        return MHD_NO;
    if (x->stage == BF_AT_HEAD) {
        x->method = method;
        x->path = path;
        return on_head(x, c, version);
    }
    if (x->stage == BF_AT_ANSWER)
        return MHD_NO;          /* it was not taken, so there is none */
    return *len > 0 ? on_body(x, data, len) : on_complete(x);
}

void bf_exchange_queue(struct bf_exchange *x, int status, struct MHD_Response *response)
{
    x->stage = BF_AT_ANSWER;
    /* Refused only if the status or our timing is impossible; the request then ends unanswered. */
    if (MHD_queue_response(x->conn->mhd, (unsigned)status, response) != MHD_YES)
        bf_errorf(x->loop->listener->options.log, "listener", "cannot answer %s %s with %d",
                  x->method, x->path, status);
    MHD_destroy_response(response);
    if (x->suspended) {
        x->suspended = false;
        x->loop->n_parked--;
        MHD_resume_connection(x->conn->mhd);
    }
}

/* --- parking ------------------------------------------------------------------------ */

void bf_exchange_park(struct bf_exchange *x) { x->parked = true; }

void bf_exchange_post(struct bf_exchange *x, void (*run)(struct bf_errand *errand))
{
    x->errand.run = run;
    bf_web_loop_post(x->loop, &x->errand);
}

static void run_finish(struct bf_errand *errand)
{
    struct bf_exchange *x = (struct bf_exchange *)errand;

    x->parked = false;
    bf_answer(x, x->status);
}

void bf_exchange_finish(struct bf_exchange *x, int status)
{
    x->status = status;
    bf_exchange_post(x, run_finish);
}

static void run_again(struct bf_errand *errand)
{
    struct bf_exchange *x = (struct bf_exchange *)errand;

    x->parked = false;
    handle(x, x->again, x->again_arg);
}

void bf_exchange_resume(struct bf_exchange *x, bf_handler_fn *handler, void *arg)
{
    x->again = handler;
    x->again_arg = arg;
    bf_exchange_post(x, run_again);
}

/* --- keeping -------------------------------------------------------------------------- */

void bf_exchange_keep(struct bf_exchange *x)
{
    const char *path = bf_arena_dup(x->arena, x->path);

    for (size_t i = 0; i < BF_ROUTE_NAMES_MAX; i++)
        if (x->match.values[i].at)
            x->match.values[i].at = path + (x->match.values[i].at - x->path);
    for (size_t i = 0; i < x->n_headers; i++)
        x->headers[i] = bf_arena_dup(x->arena, x->headers[i]);
    x->path = path;
    x->method = bf_arena_dup(x->arena, x->method);
    x->peer = bf_arena_dup(x->arena, x->conn->peer);
    x->kept = true;
}

static void run_release(struct bf_errand *errand)
{
    struct bf_exchange *x = (struct bf_exchange *)errand;

    bf_assert(x->over);
    x->loop->n_parked--;
    bf_exchange_give_back(x);
}

void bf_exchange_release(struct bf_exchange *x) { bf_exchange_post(x, run_release); }

/* --- what a handler asks -------------------------------------------------------------- */

const char *bf_exchange_method(const struct bf_exchange *x) { return x->method; }
const char *bf_exchange_path(const struct bf_exchange *x) { return x->path; }
const char *bf_exchange_query(const struct bf_exchange *x) { return x->query; }

const char *bf_exchange_peer(const struct bf_exchange *x)
{
    return x->peer ? x->peer : x->conn->peer;
}

const char *bf_exchange_header(const struct bf_exchange *x, const char *name)
{
    for (size_t i = 0; i < x->n_headers; i += 2)
        if (strcasecmp(x->headers[i], name) == 0)
            return x->headers[i + 1];
    return NULL;
}

const char *const *bf_exchange_headers(struct bf_exchange *x) { return x->headers; }

/* Is the `len` bytes at `text`, perhaps encoded, the name? */
static bool same_name(struct bf_arena *a, const char *text, size_t len, const char *name)
{
    if (memchr(text, '%', len) || memchr(text, '+', len)) {
        text = bf_percent_decode(a, text, len, true);
        return text && strcmp(text, name) == 0;
    }
    return strlen(name) == len && memcmp(text, name, len) == 0;
}

const char *bf_exchange_query_param(struct bf_exchange *x, const char *name)
{
    const char *p = x->query;

    while (*p) {
        size_t len = strcspn(p, "&");
        const char *eq = memchr(p, '=', len);
        size_t name_len = eq ? (size_t)(eq - p) : len;

        if (same_name(x->arena, p, name_len, name))
            return eq ? bf_percent_decode(x->arena, eq + 1, len - name_len - 1, true) : "";
        p += len + (p[len] == '&');
    }
    return NULL;
}

bool bf_exchange_query_ok(struct bf_exchange *x)
{
    for (const char *p = x->query; *p;) {
        size_t len = strcspn(p, "&");

        if (!bf_percent_decode(x->arena, p, len, true))
            return false;
        p += len + (p[len] == '&');
    }
    return true;
}

const char *bf_exchange_param(struct bf_exchange *x, const char *name)
{
    int i = bf_route_name(x->match.route, name);

    if (i < 0)
        return bf_exchange_query_param(x, name);
    return bf_percent_decode(x->arena, x->match.values[i].at, x->match.values[i].len, false);
}

const char *bf_exchange_body(const struct bf_exchange *x, size_t *len)
{
    if (len)
        *len = x->body.len;
    return x->body.data;
}

const char *bf_exchange_body_file(const struct bf_exchange *x) { return x->body.path; }
struct bf_arena *bf_exchange_arena(struct bf_exchange *x) { return x->arena; }
void *bf_exchange_local(const struct bf_exchange *x) { return x->loop->local; }

const struct bf_web_route *bf_exchange_route(const struct bf_exchange *x)
{
    return x->match.route;
}

bool bf_exchange_is_inside(const struct bf_exchange *x) { return x->inside != NULL; }
bool bf_exchange_authenticated(struct bf_exchange *x, const char *owner)
{
    if (bf_conn_own(x->conn, owner))
        bf_conn_authenticated(x->conn);
    else
        x->hang_up = true;
    return !x->hang_up;
}

void bf_exchange_set_data(struct bf_exchange *x, void *data) { x->data = data; }
void *bf_exchange_data(const struct bf_exchange *x) { return x->data; }
