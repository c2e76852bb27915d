/* What a listener does with requests as they come over the wire, good ones and bad ones. */
#include "tests/test.h"

#include <signal.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/net/listener.h"
#include "core/net/times_int.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

/* --- time and sockets ---------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_ms(int ms) { usleep((useconds_t)ms * 1000); }

static int dial(struct bf_listener *l)
{
    const struct sockaddr *sa = bf_listener_sockaddr(l);
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval tv = {.tv_sec = 10};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    CHECK_INT(connect(fd, sa, sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                        : sizeof(struct sockaddr_in)), 0);
    return fd;
}

static void put_bytes(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        if (n <= 0)
            return;             /* refused half-way: the answer tells */
        data += n;
        len -= (size_t)n;
    }
}

static void put(int fd, const char *text) { put_bytes(fd, text, strlen(text)); }

/* One answer, head and body; "" if the connection ends before. */
static const char *answer(int fd)
{
    static char text[4 * 1024 * 1024];
    size_t n = 0, want = 0;
    const char *end = NULL, *length;

    text[0] = '\0';
    while (!end || n < want) {
        ssize_t got = recv(fd, text + n, end ? want - n : 1, 0);

        if (got <= 0)
            return end ? text : "";
        n += (size_t)got;
        text[n] = '\0';
        if (!end && n >= 4 && memcmp(text + n - 4, "\r\n\r\n", 4) == 0) {
            end = text + n;
            length = strstr(text, "Content-Length: ");
            want = n + (length && !strstr(text, " 304 ") ? strtoul(length + 16, NULL, 10) : 0);
        }
    }
    return text;
}

static const char *body_of(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");

    return end ? end + 4 : "";
}

static int status_of(const char *text) { return strlen(text) > 12 ? atoi(text + 9) : 0; }

static const char *ask(struct bf_listener *l, const char *request)
{
    int fd = dial(l);
    const char *text;

    put(fd, request);
    text = answer(fd);
    close(fd);
    return text;
}

/* Nothing more comes but the end, within ms. */
static bool ends(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char c;

    return poll(&p, 1, ms) == 1 && recv(fd, &c, 1, 0) <= 0;
}

/* The end comes, and no second answer before it: where the library itself refuses a length, it
 * repeats its head. */
static bool comes_to_its_end(int fd)
{
    char text[4096];
    ssize_t n;

    while ((n = recv(fd, text, sizeof(text) - 1, 0)) > 0) {
        text[n] = '\0';
        if (strstr(text, " 200 OK"))
            return false;
    }
    return n == 0;
}

/* --- handlers ----------------------------------------------------------------------------- */

static atomic_int n_handled;

static int on_hello(struct bf_exchange *x, void *arg)
{
    (void)arg;
    atomic_fetch_add(&n_handled, 1);
    bf_exchange_reply_static(x, "text/plain", "hello", 5);
    return 200;
}

static int on_echo(struct bf_exchange *x, void *arg)
{
    size_t len;
    const char *body = bf_exchange_body(x, &len);

    (void)arg;
    atomic_fetch_add(&n_handled, 1);
    if (body[len] != '\0')
        return 500;
    bf_exchange_reply(x, "application/octet-stream", body, len);
    return 200;
}

static int on_length(struct bf_exchange *x, void *arg)
{
    struct bf_arena *a = bf_exchange_arena(x);
    const char *file = bf_exchange_body_file(x);
    unsigned long sum = 0;
    const char *text;
    struct stat st = {0};
    size_t len;
    const char *body = bf_exchange_body(x, &len);

    (void)arg;
    for (size_t i = 0; i <= len; i++)
        sum += (unsigned char)body[i];
    if (file)
        stat(file, &st);
    text = bf_arena_printf(a, "%zu %lu %s %lld", len, sum, file ? "file" : "memory",
                           (long long)st.st_size);
    bf_exchange_reply(x, "text/plain", text, strlen(text));
    return 200;
}

static int on_keep_file(struct bf_exchange *x, void *arg)
{
    CHECK_INT(rename(bf_exchange_body_file(x), arg), 0);
    return 204;
}

static int on_params(struct bf_exchange *x, void *arg)
{
    const char *text = bf_arena_printf(
        bf_exchange_arena(x), "%s id=%s *=%s q=%s peer=%s query=%s", (const char *)arg,
        bf_exchange_param(x, "id"), bf_exchange_param(x, "*"), bf_exchange_param(x, "q"),
        bf_exchange_peer(x), bf_exchange_query(x));

    bf_exchange_reply(x, "text/plain", text, strlen(text));
    return 200;
}

static int on_etag(struct bf_exchange *x, void *arg)
{
    (void)arg;
    bf_exchange_reply_header(x, "ETag", "\"v1\"");
    bf_exchange_reply_static(x, "text/plain", "0123456789", 10);
    return 200;
}

static int on_file(struct bf_exchange *x, void *arg)
{
    if (bf_exchange_reply_file(x, "text/plain", arg))
        return bf_exchange_fail(x, 404, "not_found", NULL, "no file");
    return 200;
}

static int on_refused(struct bf_exchange *x, void *arg)
{
    (void)arg;
    if (bf_exchange_header(x, "X-Key"))
        return 0;
    return bf_exchange_fail(x, 401, "unauthorized", "X-Key", "say \"please\"");
}

static int on_bare_status(struct bf_exchange *x, void *arg)
{
    (void)x;
    return *(int *)arg;
}

static int on_who(struct bf_exchange *x, void *arg)
{
    (void)arg;
    bf_exchange_reply(x, "text/plain", bf_exchange_local(x), strlen(bf_exchange_local(x)));
    return 200;
}

static int on_owned(struct bf_exchange *x, void *arg)
{
    const char *owner = bf_exchange_header(x, "X-Key");

    (void)arg;
    if (bf_exchange_authenticated(x, owner ? owner : "nobody"))
        return 0;
    return bf_exchange_fail(x, 429, "too_many_connections", NULL, "there are too many");
}

/* Parked requests are finished by a thread of their own, a few at a time. */
struct finisher {
    struct bf_listener *l;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct bf_exchange *waiting[4096];
    int n;
    bool hold_back;
    bool stop;
};

static int on_park(struct bf_exchange *x, void *arg)
{
    struct finisher *f = arg;

    bf_exchange_park(x);
    pthread_mutex_lock(&f->lock);
    f->waiting[f->n++] = x;
    pthread_cond_signal(&f->more);
    pthread_mutex_unlock(&f->lock);
    return BF_PARKED;
}

static void *finish_all(void *arg)
{
    struct finisher *f = arg;
    struct bf_exchange *mine[4096];
    int n;

    for (;;) {
        pthread_mutex_lock(&f->lock);
        while ((f->n == 0 || f->hold_back) && !f->stop)
            pthread_cond_wait(&f->more, &f->lock);
        n = f->n;
        memcpy(mine, f->waiting, (size_t)n * sizeof(*mine));
        f->n = 0;
        pthread_mutex_unlock(&f->lock);
        if (n == 0)
            return NULL;
        bf_listener_hold(f->l);
        for (int i = 0; i < n; i++) {
            bf_exchange_reply(mine[i], "text/plain", "late", 4);
            bf_exchange_finish(mine[i], 202);
        }
        bf_listener_release(f->l);
    }
}

static void finisher_start(struct finisher *f, struct bf_listener *l)
{
    memset(f, 0, sizeof(*f));
    f->l = l;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->more, NULL);
    pthread_create(&f->thread, NULL, finish_all, f);
}

static void finisher_set(struct finisher *f, bool hold_back, bool stop)
{
    pthread_mutex_lock(&f->lock);
    f->hold_back = hold_back;
    f->stop = stop;
    pthread_cond_broadcast(&f->more);
    pthread_mutex_unlock(&f->lock);
    if (stop)
        pthread_join(f->thread, NULL);
}

static int parked(struct finisher *f)
{
    int n;

    pthread_mutex_lock(&f->lock);
    n = f->n;
    pthread_mutex_unlock(&f->lock);
    return n;
}

/* --- a listener for a test -------------------------------------------------------------------- */

static struct bf_listener_options options = {.n_threads = 2, .max_per_ip = 2000};
static struct bf_listener_times times = {
    .head = 10000, .body = 10000, .body_bytes = 10240, .idle = 75000, .quiet = 15000,
    .linger = 2000, .tick = 1000};

static struct bf_listener *open_listener(const char *listen)
{
    struct bf_listener *l = NULL;
    struct bf_error err = {0};

    options.listen = listen;
    options.spool_dir = test_dir();
    CHECK_INT(bf_listener_open(&options, &l, &err), 0);
    bf_listener_set_times(l, &times);
    return l;
}

static void add(struct bf_listener *l, struct bf_web_route r)
{
    struct bf_error err = {0};

    CHECK_INT(bf_listener_route(l, &r, &err), 0);
}

#define ADD(l, m, p, h, ...) \
    add(l, (struct bf_web_route){.method = (m), .path = (p), .handler = (h), __VA_ARGS__})

static struct bf_listener *start(struct bf_listener *l)
{
    struct bf_error err = {0};

    ADD(l, "GET", "/hello", on_hello);
    ADD(l, "POST", "/echo", on_echo);
    CHECK_INT(bf_listener_start(l, &err), 0);
    return l;
}

static struct bf_listener *simple(void) { return start(open_listener("127.0.0.1:0")); }

/* --- requests and routes ------------------------------------------------------------------------ */

TEST(a_get_is_answered)
{
    struct bf_listener *l = simple();
    const char *text = ask(l, GET("/hello"));

    CHECK_INT(status_of(text), 200);
    CHECK_HAS(text, "Content-Type: text/plain\r\n");
    CHECK_HAS(text, "Content-Length: 5\r\n");
    CHECK_STR(body_of(text), "hello");
    bf_listener_close(l);
}

TEST(connections_are_kept_and_may_be_pipelined)
{
    struct bf_listener *l = simple();
    int fd = dial(l);

    for (int i = 0; i < 3; i++) {
        put(fd, GET("/hello"));
        CHECK_STR(body_of(answer(fd)), "hello");
    }
    put(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none" GET("/hello")
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\ntwo\r\n2\r\nxy\r\n0\r\n\r\n" GET("/nothing"));
    CHECK_STR(body_of(answer(fd)), "one");
    CHECK_STR(body_of(answer(fd)), "hello");
    CHECK_STR(body_of(answer(fd)), "twoxy");
    CHECK_INT(status_of(answer(fd)), 404);
    put(fd, GET("/hello"));
    CHECK_STR(body_of(answer(fd)), "hello");
    close(fd);
    bf_listener_close(l);
}

TEST(words_win_over_names_and_names_over_rest)
{
    struct bf_listener *l = open_listener("127.0.0.1:0");

    ADD(l, "GET", "/a/word", on_params, .arg = (void *)"word");
    ADD(l, "GET", "/a/{id}", on_params, .arg = (void *)"name");
    ADD(l, "GET", "/a/{id}/x", on_params, .arg = (void *)"x");
    ADD(l, "GET", "/a/*", on_params, .arg = (void *)"rest");
    ADD(l, "POST", "/a/word/only", on_params, .arg = (void *)"post");
    start(l);
    CHECK_HAS(body_of(ask(l, GET("/a/word"))), "word id=(null)");
    CHECK_HAS(body_of(ask(l, GET("/a/w%C3%B6%2frd?q=1+2%263&id=9"))),
              "name id=w\xc3\xb6/rd *=(null) q=1 2&3 peer=127.0.0.1 query=q=1+2%263&id=9");
    CHECK_HAS(body_of(ask(l, GET("/a/word/x"))), "x id=word");
    CHECK_HAS(body_of(ask(l, GET("/a/word/y/z"))), "rest id=(null) *=word/y/z");
    CHECK_HAS(body_of(ask(l, GET("/a/word/only"))), "rest id=(null) *=word/only");
    CHECK_HAS(body_of(ask(l, GET("/a/"))), "rest id=(null) *= q");
    CHECK_HAS(body_of(ask(l, GET("/a/x%00y"))), "name id=(null)");
    CHECK_HAS(body_of(ask(l, GET("/a/x%ff"))), "name id=(null)");
    CHECK_HAS(body_of(ask(l, GET("/a/x%2"))), "name id=(null)");
    CHECK_HAS(body_of(ask(l, GET("/a/1?x&%71=yes"))), "q=yes");
    bf_listener_close(l);
}

TEST(a_route_that_yields_takes_what_no_other_takes)
{
    struct bf_listener *l = open_listener("127.0.0.1:0");
    struct bf_web_route again = {.method = "GET", .path = "/a/{x}", .handler = on_params,
                                 .yields = true};
    struct bf_error err = {0};

    ADD(l, "GET", "/a/{id}", on_params, .arg = (void *)"yields", .yields = true);
    ADD(l, "GET", "/b/{id}", on_params, .arg = (void *)"yields", .yields = true);
    ADD(l, "GET", "/c/{id}", on_params, .arg = (void *)"yields", .yields = true);
    ADD(l, "GET", "/b/{name}", on_params, .arg = (void *)"same path");
    ADD(l, "GET", "/c/*", on_params, .arg = (void *)"rest");
    ADD(l, "POST", "/*", on_params, .arg = (void *)"post");
    CHECK(bf_listener_route(l, &again, &err) != 0);
    start(l);
    CHECK_HAS(body_of(ask(l, GET("/a/7"))), "yields id=7 *=(null)");
    CHECK_HAS(body_of(ask(l, GET("/b/7"))), "same path id=(null)");
    CHECK_HAS(body_of(ask(l, GET("/c/7"))), "rest id=(null) *=7");
    CHECK_INT(status_of(ask(l, GET("/a/7/8"))), 405);
    CHECK_HAS(body_of(ask(l, "POST /a/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")),
              "post id=(null) *=a/7");
    bf_listener_close(l);
}

TEST(dot_segments_reach_nothing)
{
    static const char *const PATHS[] = {"/a/..", "/a/../x", "/a/.", "/a/%2e%2E/x", "/a/.%2e",
                                        "/a/x%2f..%2fy", "/a/x/%2e"};
    struct bf_listener *l = open_listener("127.0.0.1:0");
    char request[200];

    ADD(l, "GET", "/a/*", on_params, .arg = (void *)"rest");
    start(l);
    for (size_t i = 0; i < BF_COUNT(PATHS); i++) {
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", PATHS[i]);
        CHECK_INT(status_of(ask(l, request)), 404);
    }
    CHECK_INT(status_of(ask(l, GET("/a/..x/.y/..."))), 200);
    bf_listener_close(l);
}

TEST(routes_that_clash_are_refused)
{
    struct bf_listener *l = open_listener("127.0.0.1:0");
    struct bf_web_route r = {.method = "GET", .path = "/a/{y}", .handler = on_hello};
    struct bf_error err = {0};

    ADD(l, "GET", "/a/{x}", on_hello);
    CHECK(bf_listener_route(l, &r, &err) != 0);
    CHECK_HAS(err.words, "GET /a/{x} and GET /a/{y}");
    r.path = "/a/b{c}";
    CHECK(bf_listener_route(l, &r, &err) != 0);
    r.path = "a";
    CHECK(bf_listener_route(l, &r, &err) != 0);
    r.path = "/*/a";
    CHECK(bf_listener_route(l, &r, &err) != 0);
    CHECK_STR(bf_listener_routes(l, 0)->path, "/a/{x}");
    CHECK(bf_listener_routes(l, 1) == NULL);
    bf_listener_close(l);
}

TEST(what_is_not_there_or_not_allowed_says_so_in_json)
{
    struct bf_listener *l = simple();
    const char *text = ask(l, GET("/nowhere"));

    CHECK_INT(status_of(text), 404);
    CHECK_HAS(text, "Content-Type: application/json\r\n");
    CHECK_STR(body_of(text), "{\"error\":{\"code\":\"not_found\",\"message\":\"there is nothing at "
                             "/nowhere\",\"field\":null}}");
    text = ask(l, "DELETE /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK_INT(status_of(text), 405);
    CHECK_HAS(text, "Allow: GET, HEAD\r\n");
    CHECK_HAS(text, "\"method_not_allowed\"");
    CHECK_INT(status_of(ask(l, "OPTIONS /hello HTTP/1.1\r\nHost: h\r\n\r\n")), 405);
    bf_listener_close(l);
}

TEST(head_is_served_by_get_without_its_body)
{
    struct bf_listener *l = simple();
    int fd = dial(l);
    char head[1000] = "";

    put(fd, "HEAD /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    CHECK(recv(fd, head, sizeof(head) - 1, MSG_WAITALL) > 0);
    CHECK_INT(status_of(head), 200);
    CHECK_HAS(head, "Content-Length: 5\r\n");
    CHECK_STR(body_of(head), "");
    close(fd);
    fd = dial(l);
    put(fd, "HEAD /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    CHECK(recv(fd, head, sizeof(head) - 1, MSG_WAITALL) > 0);
    CHECK_INT(status_of(head), 405);
    close(fd);
    bf_listener_close(l);
}

TEST(admit_refuses_before_the_body_and_keeps_the_connection_if_it_is_short)
{
    struct bf_listener *l = open_listener("127.0.0.1:0");
    const char *text;
    int fd;

    ADD(l, "POST", "/in", on_echo, .admit = on_refused);
    start(l);
    fd = dial(l);
    put(fd, "POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
    text = answer(fd);
    CHECK_INT(status_of(text), 401);
    CHECK_HAS(text, "{\"code\":\"unauthorized\",\"message\":\"say \\\"please\\\"\","
                    "\"field\":\"X-Key\"}");
    CHECK_INT(atomic_load(&n_handled), 0);
    put(fd, "POST /in HTTP/1.1\r\nHost: h\r\nX-Key: 1\r\nContent-Length: 4\r\n\r\nbody");
    CHECK_STR(body_of(answer(fd)), "body");
    put(fd, "POST /in HTTP/1.1\r\nHost: h\r\nContent-Length: 999999\r\n\r\n");
    CHECK_INT(status_of(answer(fd)), 401);
    CHECK(ends(fd, 1000));
    close(fd);
    bf_listener_close(l);
}

TEST(a_bare_error_status_gets_a_body_and_a_bad_one_becomes_500)
{
    struct bf_listener *l = open_listener("127.0.0.1:0");
    int forbidden = 403, busy = 503, nonsense = 7, empty = 204;
    const char *text;

    ADD(l, "GET", "/forbidden", on_bare_status, .arg = &forbidden);
    ADD(l, "GET", "/busy", on_bare_status, .arg = &busy);
    ADD(l, "GET", "/nonsense", on_bare_status, .arg = &nonsense);
    ADD(l, "GET", "/empty", on_bare_status, .arg = &empty);
    start(l);
    CHECK_HAS(ask(l, GET("/forbidden")), "\"code\":\"forbidden\"");
    text = ask(l, GET("/busy"));
    CHECK_INT(status_of(text), 503);
    CHECK_HAS(text, "Retry-After: ");
    CHECK_INT(status_of(ask(l, GET("/nonsense"))), 500);
    CHECK_INT(status_of(ask(l, GET("/empty"))), 204);
    bf_listener_close(l);
}

/* --- heads that are refused ------------------------------------------------------------------------ */

struct bad_head {
    int status;
    const char *text;
    size_t len;
};

#define BAD(status, text) {(status), (text), sizeof(text) - 1}

TEST(doubtful_heads_are_refused_and_nothing_behind_them_is_run)
{
    static const struct bad_head HEADS[] = {
        BAD(400, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n1"),
        BAD(400, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\n12"),
        BAD(400, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        BAD(400, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n"),
        BAD(400, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        BAD(400, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
        BAD(400, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        BAD(400, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n1"),
        BAD(400, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n1"),
        BAD(400, "GET /hello HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n"),
        BAD(400, "GET /hello HTTP/1.1\r\nAccept: */*\r\n\r\n"),
        BAD(400, "GET /hello HTTP/1.1\r\n\r\n"),
        BAD(400, "GET /hello HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"),
        BAD(400, "GET /hello HTTP/1.1\r\nHost: h\0\r\nX: a\r\n\r\n"),
        BAD(400, "GET /hello HTTP/1.1\r\nHost: h\r\nX: a\0\r\n\r\n"),
        BAD(400, "GET /hello HTTP/1.1\r\nHost: h\r\nX\0Y: a\r\n\r\n"),
        BAD(400, "GET /hello\0there HTTP/1.1\r\nHost: h\r\n\r\n"),
        BAD(400, "GET /hello?a=\0b HTTP/1.1\r\nHost: h\r\n\r\n"),
        BAD(400, "GET /hello HTTP/1.1\r\nHost: h\r\nX : a\r\n\r\n"),
        BAD(400, "GET /hello HTTP/1.1\r\nHost: h\r\nX: a\r\n folded\r\n\r\n"),
        BAD(400, "GET /hello HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n"),
        BAD(400, "GET /hello HTTP/1.1\nHost: h\n\n"),
        BAD(400, "GET /hel lo HTTP/1.1\r\nHost: h\r\n\r\n"),
        BAD(400, "GET /hello HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n"),
        BAD(400, "G@T /hello HTTP/1.1\r\nHost: h\r\n\r\n"),
    };
    struct bf_listener *l = simple();

    for (size_t i = 0; i < BF_COUNT(HEADS); i++) {
        int fd = dial(l);
        const char *text;

        put_bytes(fd, HEADS[i].text, HEADS[i].len);
        put(fd, GET("/hello"));
        text = answer(fd);
        if (status_of(text) != HEADS[i].status)
            fprintf(stderr, "row %zu: %s\n", i, HEADS[i].text);
        CHECK_INT(status_of(text), HEADS[i].status);
        CHECK_HAS(text, "Connection: close");
        CHECK(comes_to_its_end(fd));
        close(fd);
    }
    CHECK_INT(atomic_load(&n_handled), 0);
    bf_listener_close(l);
}

/* A head of exactly `size` bytes. */
static char *head_of(size_t size)
{
    char *text = malloc(size + 1);
    int n = sprintf(text, "GET /hello HTTP/1.1\r\nHost: h\r\nX: ");

    memset(text + n, 'x', size - (size_t)n - 4);
    strcpy(text + size - 4, "\r\n\r\n");
    return text;
}

TEST(heads_and_urls_have_limits)
{
    static const struct {
        size_t size;
        int status;
    } HEADS[] = {{32 * 1024 - 1, 200}, {32 * 1024, 200}, {32 * 1024 + 1, 431}, {90 * 1024, 431}},
      URLS[] = {{8 * 1024, 200}, {8 * 1024 + 1, 414}, {20 * 1024, 414}};
    struct bf_listener *l = simple();
    char url[32 * 1024], *text;

    for (size_t i = 0; i < BF_COUNT(HEADS); i++) {
        text = head_of(HEADS[i].size);
        CHECK_INT(status_of(ask(l, text)), HEADS[i].status);
        free(text);
    }
    for (size_t i = 0; i < BF_COUNT(URLS); i++) {
        int n = sprintf(url, "GET /hello?");

        memset(url + n, 'x', URLS[i].size - 7);
        strcpy(url + n + URLS[i].size - 7, " HTTP/1.1\r\nHost: h\r\n\r\n");
        CHECK_INT(status_of(ask(l, url)), URLS[i].status);
    }
    bf_listener_close(l);
}

/* --- bodies --------------------------------------------------------------------------------------------- */

/* POST `len` bytes 'x', as chunks of 50,000 if chunked. */
static int post_much(struct bf_listener *l, const char *path, size_t len, bool chunked)
{
    static char xs[50000];
    char head[300];
    int fd = dial(l);

    memset(xs, 'x', sizeof(xs));
    if (chunked)
        snprintf(head, sizeof(head),
                 "POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", path);
    else
        snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n",
                 path, len);
    put(fd, head);
    for (size_t n; len > 0; len -= n) {
        n = len < sizeof(xs) ? len : sizeof(xs);
        if (chunked) {
            snprintf(head, sizeof(head), "%zx\r\n", n);
            put(fd, head);
        }
        put_bytes(fd, xs, n);
        if (chunked)
            put(fd, "\r\n");
    }
    if (chunked)
        put(fd, "0\r\n\r\n");
    return fd;
}

static void check_much(struct bf_listener *l, const char *path, size_t len, const char *where)
{
    char want[100];

    for (int chunked = 0; chunked < 2; chunked++) {
        int fd = post_much(l, path, len, chunked);

        snprintf(want, sizeof(want), "%zu %zu %s", len, len * 'x', where);
        CHECK_HAS(body_of(answer(fd)), want);
        close(fd);
    }
}

/* Files left in the test's directory. */
static int n_files(void)
{
    char command[200];
    int n = 0;
    FILE *p;

    snprintf(command, sizeof(command), "ls -A %s | wc -l", test_dir());
    p = popen(command, "r");
    CHECK_INT(fscanf(p, "%d", &n), 1);
    pclose(p);
    return n;
}

TEST(bodies_are_whole_wherever_they_are_kept)
{
    struct bf_listener *l = open_listener("127.0.0.1:0");

    ADD(l, "POST", "/length", on_length, .body_max = 8 * 1024 * 1024);
    ADD(l, "POST", "/file", on_length, .body_max = 8 * 1024 * 1024, .body_file = true);
    start(l);
    check_much(l, "/length", 0, "memory");
    check_much(l, "/length", 1, "memory");
    check_much(l, "/length", 16384, "memory");
    check_much(l, "/length", 16385, "memory");
    check_much(l, "/length", 1048576, "memory");
    check_much(l, "/length", 1048577, "memory");
    check_much(l, "/length", 4 * 1048576, "memory");    /* mapped, and a full last page */
    check_much(l, "/file", 0, "file 0");
    check_much(l, "/file", 5, "file 5");
    check_much(l, "/file", 2 * 1048576, "file 2097152");
    bf_listener_close(l);
    CHECK_INT(n_files(), 0);
}

TEST(a_body_file_can_be_renamed_away)
{
    struct bf_listener *l = open_listener("127.0.0.1:0");
    char path[200];
    struct stat st;
    int fd;

    snprintf(path, sizeof(path), "%s/kept", test_dir());
    ADD(l, "POST", "/keep", on_keep_file, .body_file = true, .arg = path);
    start(l);
    fd = post_much(l, "/keep", 12345, false);
    CHECK_INT(status_of(answer(fd)), 204);
    close(fd);
    bf_listener_close(l);
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_size, 12345);
    CHECK_INT(n_files(), 1);
}

TEST(too_large_a_body_is_413_before_it_is_read)
{
    struct bf_listener *l = open_listener("127.0.0.1:0");
    const char *text;
    int fd;

    ADD(l, "POST", "/small", on_echo, .body_max = 100);
    start(l);
    CHECK_INT(status_of(ask(l, "POST /echo HTTP/1.1\r\nHost: h\r\n"
                               "Content-Length: 1048577\r\n\r\n")), 413);
    CHECK_INT(status_of(ask(l, "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                               "Content-Length: 99999999\r\n\r\n")), 413);
    /* Those who send it all the same get to see why. */
    for (int chunked = 0; chunked < 2; chunked++) {
        fd = post_much(l, "/small", 3000000, chunked);
        text = answer(fd);
        CHECK_INT(status_of(text), 413);
        CHECK_HAS(text, "\"too_large\"");
        CHECK_HAS(text, "Connection: close");
        CHECK(ends(fd, 1000));
        close(fd);
    }
    fd = post_much(l, "/small", 101, true);
    CHECK_INT(status_of(answer(fd)), 413);
    close(fd);
    fd = post_much(l, "/small", 100, true);
    CHECK_INT(status_of(answer(fd)), 200);
    close(fd);
    CHECK_INT(atomic_load(&n_handled), 1);
    bf_listener_close(l);
}

TEST(who_expects_100_continue_gets_it)
{
    struct bf_listener *l = simple();
    int fd = dial(l);

    put(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    CHECK_INT(status_of(answer(fd)), 100);
    put(fd, "ok");
    CHECK_STR(body_of(answer(fd)), "ok");
    close(fd);
    bf_listener_close(l);
}

/* --- answers ---------------------------------------------------------------------------------------------- */

static const char *ask_with(struct bf_listener *l, const char *path, const char *headers)
{
    char request[500];

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n", path, headers);
    return ask(l, request);
}

TEST(an_etag_the_client_has_is_304)
{
    struct bf_listener *l = open_listener("127.0.0.1:0");

    ADD(l, "GET", "/e", on_etag);
    start(l);
    CHECK_INT(status_of(ask_with(l, "/e", "If-None-Match: \"v1\"\r\n")), 304);
    CHECK_INT(status_of(ask_with(l, "/e", "If-None-Match: \"v0\", W/\"v1\" \r\n")), 304);
    CHECK_INT(status_of(ask_with(l, "/e", "If-None-Match: *\r\n")), 304);
    CHECK_HAS(ask_with(l, "/e", "If-None-Match: *\r\n"), "ETag: \"v1\"");
    CHECK_INT(status_of(ask_with(l, "/e", "If-None-Match: \"v11\"\r\n")), 200);
    CHECK_INT(status_of(ask_with(l, "/hello", "If-None-Match: *\r\n")), 200);
    bf_listener_close(l);
}

TEST(a_range_is_cut_out_of_bytes_and_files)
{
    static const struct {
        const char *headers;
        int status;
        const char *body;
        const char *range;
    } ROWS[] = {
        {"Range: bytes=2-4\r\n", 206, "234", "bytes 2-4/10"},
        {"Range: bytes=7-\r\n", 206, "789", "bytes 7-9/10"},
        {"Range: bytes=-2\r\n", 206, "89", "bytes 8-9/10"},
        {"Range: bytes=-20\r\n", 206, "0123456789", "bytes 0-9/10"},
        {"Range: bytes=5-99\r\n", 206, "56789", "bytes 5-9/10"},
        {"Range: bytes=10-\r\n", 416, NULL, "bytes */10"},
        {"Range: bytes=-0\r\n", 416, NULL, "bytes */10"},
        {"Range: bytes=0-1,3-4\r\n", 200, "0123456789", NULL},
        {"Range: bytes=4-2\r\n", 200, "0123456789", NULL},
        {"Range: lines=1-2\r\n", 200, "0123456789", NULL},
        {"Range: bytes=99999999999999999999-\r\n", 200, "0123456789", NULL},
    };
    struct bf_listener *l = open_listener("127.0.0.1:0");
    char path[200];
    FILE *f;

    snprintf(path, sizeof(path), "%s/digits", test_dir());
    f = fopen(path, "w");
    fputs("0123456789", f);
    fclose(f);
    ADD(l, "GET", "/bytes", on_etag);
    ADD(l, "GET", "/file", on_file, .arg = path);
    ADD(l, "GET", "/missing", on_file, .arg = (void *)"/nonexistent/file");
    ADD(l, "GET", "/directory", on_file, .arg = (void *)"/tmp");
    start(l);
    for (size_t i = 0; i < BF_COUNT(ROWS); i++) {
        for (int file = 0; file < 2; file++) {
            const char *text = ask_with(l, file ? "/file" : "/bytes", ROWS[i].headers);

            CHECK_INT(status_of(text), ROWS[i].status);
            if (ROWS[i].body)
                CHECK_STR(body_of(text), ROWS[i].body);
            if (ROWS[i].range)
                CHECK_HAS(text, ROWS[i].range);
        }
    }
    CHECK_INT(status_of(ask_with(l, "/bytes", "Range: bytes=1-2\r\nIf-Range: \"v1\"\r\n")), 206);
    CHECK_INT(status_of(ask_with(l, "/bytes", "Range: bytes=1-2\r\nIf-Range: \"v2\"\r\n")), 200);
    CHECK_INT(status_of(ask(l, GET("/missing"))), 404);
    CHECK_INT(status_of(ask(l, GET("/directory"))), 404);
    bf_listener_close(l);
}

TEST(a_large_file_comes_whole)
{
    struct bf_listener *l = open_listener("127.0.0.1:0");
    char path[200], *text = malloc(3000001);
    const char *got;
    FILE *f;

    for (int i = 0; i < 3000000; i++)
        text[i] = (char)('a' + i % 26);
    text[3000000] = '\0';
    snprintf(path, sizeof(path), "%s/large", test_dir());
    f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
    ADD(l, "GET", "/file", on_file, .arg = path);
    start(l);
    got = ask(l, GET("/file"));
    CHECK_INT(strlen(body_of(got)), 3000000);
    CHECK(strcmp(body_of(got), text) == 0);
    free(text);
    bf_listener_close(l);
}

/* --- time ---------------------------------------------------------------------------------------------------- */

static void hurry(void)
{
    times = (struct bf_listener_times){.head = 400, .body = 400, .body_bytes = 1000, .idle = 1200,
                                       .quiet = 100, .linger = 200, .tick = 50};
}

/* How long the connection lives while `text` drips into it, a byte every 30 ms. */
static int64_t life_dripping(int fd, const char *text)
{
    int64_t began = now_ms();

    while (*text && now_ms() - began < 2000) {
        put_bytes(fd, text++, 1);
        if (ends(fd, 30))
            break;
    }
    return now_ms() - began;
}

TEST(a_head_that_drips_is_cut)
{
    static const char SLOW[] = "GET /hello HTTP/1.1\r\nHost: h\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaa"
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct bf_listener *l;
    int64_t life;
    int fd;

    hurry();
    l = simple();
    fd = dial(l);
    life = life_dripping(fd, SLOW);
    CHECK(life >= 300 && life < 900);
    close(fd);
    /* Before the first line is complete, and on a connection that served well before. */
    fd = dial(l);
    put(fd, GET("/hello"));
    CHECK_INT(status_of(answer(fd)), 200);
    pause_ms(100);
    life = life_dripping(fd, "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    CHECK(life >= 300 && life < 900);
    close(fd);
    /* One that stops in its first line. */
    fd = dial(l);
    put(fd, "GET /he");
    life = now_ms();
    CHECK(ends(fd, 2000));
    CHECK(now_ms() - life < 900);
    close(fd);
    bf_listener_close(l);
}

TEST(a_body_that_drips_is_cut_and_a_brisk_one_is_not)
{
    struct bf_listener *l;
    int64_t life;
    int fd;

    hurry();
    l = simple();
    fd = dial(l);
    put(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
    life = life_dripping(fd, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    CHECK(life >= 300 && life < 900);
    close(fd);
    fd = dial(l);
    put(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 6000\r\n\r\n");
    for (int i = 0; i < 12; i++) {
        char part[500];

        memset(part, 'y', sizeof(part));
        put_bytes(fd, part, sizeof(part));
        pause_ms(80);
    }
    CHECK_INT(strlen(body_of(answer(fd))), 6000);
    close(fd);
    bf_listener_close(l);
}

TEST(idle_connections_are_closed_but_not_at_once)
{
    struct bf_listener *l;
    int64_t began;
    int used, fresh;

    hurry();
    l = simple();
    began = now_ms();
    used = dial(l);
    fresh = dial(l);
    put(used, GET("/hello"));
    CHECK_INT(status_of(answer(used)), 200);
    CHECK(!ends(used, 700));
    put(used, GET("/hello"));
    CHECK_INT(status_of(answer(used)), 200);
    CHECK(ends(fresh, 1500));
    CHECK(now_ms() - began >= 1000);
    CHECK(ends(used, 2000));
    CHECK(now_ms() - began >= 1800);
    close(used);
    close(fresh);
    bf_listener_close(l);
}

/* --- caps ------------------------------------------------------------------------------------------------------ */

static void *local_new(void *arg) { return arg; }

TEST(an_address_has_few_connections_until_they_authenticate)
{
    struct bf_listener *l;
    int fds[10], extra;

    options.max_per_ip = 5;
    options.local_new = local_new;
    options.arg = (void *)"mine";
    l = open_listener("127.0.0.1:0");
    ADD(l, "GET", "/who", on_who, .admit = on_owned);
    start(l);
    for (int i = 0; i < 5; i++) {
        fds[i] = dial(l);
        put(fds[i], GET("/hello"));
        CHECK_INT(status_of(answer(fds[i])), 200);
    }
    extra = dial(l);
    put(extra, GET("/hello"));
    CHECK_INT(status_of(answer(extra)), 429);
    CHECK(ends(extra, 1000));
    close(extra);
    CHECK_INT(atomic_load(&n_handled), 5);
    for (int i = 0; i < 5; i++) {
        put(fds[i], GET("/who"));
        CHECK_STR(body_of(answer(fds[i])), "mine");
    }
    pause_ms(50);               /* the refused one is let go */
    for (int i = 5; i < 10; i++) {
        fds[i] = dial(l);
        put(fds[i], GET("/hello"));
        CHECK_INT(status_of(answer(fds[i])), 200);
    }
    for (int i = 0; i < 10; i++)
        close(fds[i]);
    bf_listener_close(l);
}

#define WHO(key) "GET /who HTTP/1.1\r\nHost: h\r\nX-Key: " key "\r\n\r\n"

TEST(an_owner_has_a_share_of_the_connections)
{
    struct bf_listener *l;
    int fds[4], extra;

    options.max_per_owner = 3;
    options.local_new = local_new;
    options.arg = (void *)"mine";
    l = open_listener("127.0.0.1:0");
    ADD(l, "GET", "/who", on_who, .admit = on_owned);
    start(l);
    for (int i = 0; i < 3; i++) {
        fds[i] = dial(l);
        for (int again = 0; again < 3; again++) {
            put(fds[i], WHO("ana"));
            CHECK_INT(status_of(answer(fds[i])), 200);
        }
    }
    extra = dial(l);
    put(extra, WHO("ana"));
    CHECK_INT(status_of(answer(extra)), 429);
    CHECK(ends(extra, 1000));
    close(extra);
    fds[3] = dial(l);
    put(fds[3], WHO("bob"));                    /* others have theirs */
    CHECK_INT(status_of(answer(fds[3])), 200);
    put(fds[0], WHO("bob"));                    /* a connection may change hands */
    CHECK_INT(status_of(answer(fds[0])), 200);
    extra = dial(l);
    put(extra, WHO("ana"));
    CHECK_INT(status_of(answer(extra)), 200);
    close(extra);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    pause_ms(50);
    for (int i = 0; i < 3; i++) {               /* what is closed no longer counts */
        fds[i] = dial(l);
        put(fds[i], WHO("ana"));
        CHECK_INT(status_of(answer(fds[i])), 200);
    }
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    bf_listener_close(l);
}

TEST(connections_have_a_cap_in_all)
{
    struct bf_listener *l;
    const char *text;
    int fds[3], extra;

    options.max_connections = 3;
    l = simple();
    for (int i = 0; i < 3; i++) {
        fds[i] = dial(l);
        put(fds[i], GET("/hello"));
        CHECK_INT(status_of(answer(fds[i])), 200);
    }
    extra = dial(l);
    text = answer(extra);
    CHECK_INT(status_of(text), 503);
    CHECK_HAS(text, "Retry-After: ");
    CHECK_HAS(text, "\"overloaded\"");
    close(extra);
    close(fds[0]);
    pause_ms(100);
    CHECK_STR(body_of(ask(l, GET("/hello"))), "hello");
    close(fds[1]);
    close(fds[2]);
    bf_listener_close(l);
}

/* --- parked -------------------------------------------------------------------------------------------------------- */

TEST(a_parked_request_is_finished_by_another_thread)
{
    struct bf_listener *l = open_listener("127.0.0.1:0");
    struct finisher f;
    int fd;

    ADD(l, "POST", "/park", on_park, .arg = &f);
    finisher_start(&f, l);
    start(l);
    fd = dial(l);
    for (int i = 0; i < 3; i++) {
        put(fd, "POST /park HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi" GET("/hello"));
        CHECK_STR(body_of(answer(fd)), "late");
        CHECK_STR(body_of(answer(fd)), "hello");
    }
    close(fd);
    finisher_set(&f, false, true);
    bf_listener_close(l);
}

/* As one that is being started: it has all descriptors until it becomes what it shall be. */
static pid_t hold_all_descriptors(void)
{
    pid_t child = fork();

    if (child == 0) {
        pause();
        _exit(0);
    }
    return child;
}

TEST(a_socket_that_another_process_holds_too_is_forgotten_when_it_ends)
{
    struct bf_listener *l = simple();

    for (int i = 0; i < 20; i++) {
        int fd = dial(l);
        pid_t child;

        put(fd, "GET /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
        CHECK_INT(status_of(answer(fd)), 400);
        child = hold_all_descriptors();
        shutdown(fd, SHUT_RDWR);        /* which ends its lingering */
        close(fd);
        CHECK_STR(body_of(ask(l, GET("/hello"))), "hello");
        CHECK_STR(body_of(ask(l, GET("/hello"))), "hello");
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    bf_listener_close(l);
}

TEST(a_parked_request_outlives_its_client)
{
    struct bf_listener *l = open_listener("127.0.0.1:0");
    struct finisher f;

    ADD(l, "POST", "/park", on_park, .arg = &f);
    finisher_start(&f, l);
    start(l);
    finisher_set(&f, true, false);
    for (int i = 0; i < 20; i++) {
        struct linger reset = {.l_onoff = 1, .l_linger = i % 2 ? 0 : 1};
        int fd = dial(l);

        put(fd, "POST /park HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
        while (parked(&f) <= i)
            pause_ms(1);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(fd);
    }
    CHECK_STR(body_of(ask(l, GET("/hello"))), "hello");
    finisher_set(&f, false, false);
    CHECK_STR(body_of(ask(l, GET("/hello"))), "hello");
    while (parked(&f))
        pause_ms(1);
    finisher_set(&f, false, true);
    bf_listener_close(l);
}

static int on_second(struct bf_exchange *x, void *arg)
{
    bf_exchange_reply_static(x, "text/plain", arg, strlen(arg));
    return 201;
}

struct errand {
    pthread_t thread;
    void *(*run)(void *x);
};

static int on_errand(struct bf_exchange *x, void *arg)
{
    struct errand *e = arg;

    bf_exchange_park(x);
    pthread_create(&e->thread, NULL, e->run, x);
    return BF_PARKED;
}

static void *resume_it(void *x)
{
    bf_exchange_resume(x, on_second, (void *)"second");
    return NULL;
}

TEST(a_parked_request_can_go_on_with_another_handler)
{
    struct errand e = {.run = resume_it};
    struct bf_listener *l = open_listener("127.0.0.1:0");
    const char *text;

    ADD(l, "GET", "/first", on_errand, .arg = &e);
    start(l);
    text = ask(l, GET("/first"));
    CHECK_INT(status_of(text), 201);
    CHECK_STR(body_of(text), "second");
    pthread_join(e.thread, NULL);
    bf_listener_close(l);
}

/* Every connection asks again as soon as it was answered; none may be left waiting. */
static void check_no_stall(struct bf_listener *l, const char *request, int n_conns)
{
    static struct pollfd fds[1024];
    static int n_answers[1024];
    int64_t end = now_ms() + 150;
    int left = n_conns;
    char text[4096];

    for (int i = 0; i < n_conns; i++) {
        fds[i] = (struct pollfd){.fd = dial(l), .events = POLLIN};
        n_answers[i] = 0;
        put(fds[i].fd, request);
    }
    while (left > 0) {
        if (poll(fds, (nfds_t)n_conns, 5000) <= 0)
            test_failed(__FILE__, __LINE__, "%d of %d connections stall", left, n_conns);
        for (int i = 0; i < n_conns; i++) {
            if (!fds[i].revents)
                continue;
            CHECK(recv(fds[i].fd, text, sizeof(text), 0) > 0);
            n_answers[i]++;
            if (now_ms() < end) {
                put(fds[i].fd, request);
            } else {
                close(fds[i].fd);
                fds[i].fd = -1;
                left--;
            }
        }
    }
    for (int i = 0; i < n_conns; i++)
        CHECK(n_answers[i] > 0);
}

TEST(no_number_of_connections_stalls)
{
    static const int COUNTS[] = {1, 100, 128, 200, 256, 512, 1024};
    struct rlimit files;
    struct bf_listener *l;
    struct finisher f;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < 2200)
        test_skip("too few file descriptors");
    for (unsigned n_threads = 1; n_threads <= 2; n_threads++) {
        options.n_threads = n_threads;
        l = open_listener("127.0.0.1:0");
        ADD(l, "GET", "/park", on_park, .arg = &f);
        finisher_start(&f, l);
        start(l);
        for (size_t i = 0; i < BF_COUNT(COUNTS); i++) {
            check_no_stall(l, GET("/hello"), COUNTS[i]);
            check_no_stall(l, GET("/park"), COUNTS[i]);
        }
        finisher_set(&f, false, true);
        bf_listener_close(l);
    }
}

/* --- streams ---------------------------------------------------------------------------------------------------------- */

struct feed {
    _Atomic(struct bf_stream *) stream;
    atomic_int n_closed;
    const char *type;
};

static void on_feed_closed(void *arg)
{
    struct feed *f = arg;

    atomic_store(&f->stream, NULL);
    atomic_fetch_add(&f->n_closed, 1);
}

static int on_feed(struct bf_exchange *x, void *arg)
{
    struct feed *f = arg;

    bf_exchange_reply_header(x, "Cache-Control", "no-store");
    atomic_store(&f->stream, bf_exchange_stream(x, f->type, on_feed_closed, f));
    return BF_PARKED;
}

static struct bf_stream *feed_stream(struct feed *f)
{
    while (!atomic_load(&f->stream))
        pause_ms(1);
    return atomic_load(&f->stream);
}

static bool feed_closes(struct feed *f)
{
    for (int i = 0; i < 2000 && !atomic_load(&f->n_closed); i++)
        pause_ms(1);
    return atomic_load(&f->n_closed) == 1;
}

/* Read until `part` was there. */
static bool comes(int fd, const char *part)
{
    char text[4096] = "";
    size_t n = 0;

    while (!strstr(text, part) && n < sizeof(text) - 1) {
        ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, 0);

        if (got <= 0)
            return false;
        n += (size_t)got;
        text[n] = '\0';
    }
    return strstr(text, part) != NULL;
}

TEST(a_stream_goes_on_until_it_is_ended)
{
    struct feed f = {.type = "application/x-ndjson"};
    struct bf_listener *l = open_listener("127.0.0.1:0");
    struct bf_stream *s;
    int fd;

    ADD(l, "GET", "/feed", on_feed, .arg = &f);
    start(l);
    fd = dial(l);
    put(fd, GET("/feed"));
    s = feed_stream(&f);
    CHECK(comes(fd, "Cache-Control: no-store\r\n"));
    for (int i = 0; i < 50; i++) {
        CHECK_INT(bf_stream_write(s, "line\n", 5), 0);
        CHECK(comes(fd, "line\n"));
    }
    bf_stream_write(s, "last\n", 5);
    bf_stream_end(s);
    CHECK(comes(fd, "last\n\r\n0\r\n\r\n"));
    CHECK(feed_closes(&f));
    put(fd, GET("/hello"));
    CHECK_STR(body_of(answer(fd)), "hello");
    close(fd);
    bf_listener_close(l);
}

TEST(a_stream_notices_that_its_client_is_gone_though_silent)
{
    struct feed f = {.type = "text/plain"};
    struct bf_listener *l = open_listener("127.0.0.1:0");
    int fd;

    ADD(l, "GET", "/feed", on_feed, .arg = &f);
    start(l);
    fd = dial(l);
    put(fd, GET("/feed"));
    feed_stream(&f);
    CHECK(comes(fd, "\r\n\r\n"));
    close(fd);
    CHECK(feed_closes(&f));
    bf_listener_close(l);
}

TEST(a_stream_whose_client_does_not_read_is_full)
{
    struct feed f = {.type = "text/plain"};
    struct bf_listener *l = open_listener("127.0.0.1:0");
    struct bf_stream *s;
    char block[10000];
    int64_t n = 0;
    int fd, rc;

    memset(block, 'z', sizeof(block));
    ADD(l, "GET", "/feed", on_feed, .arg = &f);
    start(l);
    fd = dial(l);
    put(fd, GET("/feed"));
    s = feed_stream(&f);
    for (int idle = 0; idle < 50;) {
        rc = bf_stream_write(s, block, sizeof(block));
        if (rc == BF_OK) {
            n += (int64_t)sizeof(block);
            idle = 0;
        } else {
            CHECK_INT(rc, BF_EFULL);
            idle++;
            pause_ms(2);
        }
    }
    CHECK(bf_stream_waiting(s) > 240 * 1024 && bf_stream_waiting(s) <= 256 * 1024);
    bf_stream_end(s);
    CHECK_INT(bf_stream_write(s, "x", 1), BF_ENOENT);
    for (ssize_t got; (got = recv(fd, block, sizeof(block), 0)) > 0 &&
                      memcmp(block + got - 5, "0\r\n\r\n", 5) != 0;)
        for (ssize_t i = 0; i < got; i++)
            n -= block[i] == 'z';
    CHECK(feed_closes(&f));
    CHECK(n < (int64_t)sizeof(block));  /* all but the part read together with the end */
    close(fd);
    bf_listener_close(l);
}

TEST(a_silent_event_stream_is_kept_awake)
{
    struct feed f = {.type = "text/event-stream"};
    struct bf_listener *l;
    int fd;

    hurry();
    l = open_listener("127.0.0.1:0");
    ADD(l, "GET", "/feed", on_feed, .arg = &f);
    start(l);
    fd = dial(l);
    put(fd, GET("/feed"));
    CHECK(comes(fd, ":\n\n"));
    CHECK(comes(fd, ":\n\n"));
    bf_listener_drain(l, 2000);
    CHECK(feed_closes(&f));
    close(fd);
    bf_listener_close(l);
}

TEST(closing_a_listener_closes_its_streams)
{
    struct feed f = {.type = "text/plain"};
    struct bf_listener *l = open_listener("127.0.0.1:0");
    int fd;

    ADD(l, "GET", "/feed", on_feed, .arg = &f);
    start(l);
    fd = dial(l);
    put(fd, GET("/feed"));
    bf_stream_write(feed_stream(&f), "some", 4);
    bf_listener_close(l);
    CHECK_INT(atomic_load(&f.n_closed), 1);
    close(fd);
}

static void *write_and_end(void *arg)
{
    struct bf_stream *s = bf_exchange_stream(arg, "text/plain", NULL, NULL);

    bf_stream_write(s, "from afar", 9);
    bf_stream_end(s);
    return NULL;
}

TEST(a_parked_request_can_become_a_stream)
{
    struct errand e = {.run = write_and_end};
    struct bf_listener *l = open_listener("127.0.0.1:0");
    int fd;

    ADD(l, "GET", "/later", on_errand, .arg = &e);
    start(l);
    fd = dial(l);
    put(fd, GET("/later"));
    CHECK(comes(fd, "from afar\r\n0\r\n\r\n"));
    close(fd);
    pthread_join(e.thread, NULL);
    bf_listener_close(l);
}

/* --- beginning and end -------------------------------------------------------------------------------------------------- */

TEST(an_address_in_use_is_named_with_the_way_out)
{
    struct bf_listener *l = simple(), *second = NULL;
    struct bf_error err = {0};

    options.listen = bf_listener_address(l);
    CHECK(bf_listener_open(&options, &second, &err) != 0);
    CHECK(second == NULL);
    CHECK_HAS(err.words, bf_listener_address(l));
    CHECK_HAS(err.words, "another program listens there");
    CHECK_HAS(err.words, "--listen");
    bf_listener_close(l);
}

TEST(an_address_that_is_none_is_refused)
{
    static const char *const WRONG[] = {"",     "8320",      "localhost", "::1:80", "[::1]",
                                        "1.2.3:x", "127.0.0.1:", ":80",    "example.org:80"};
    struct bf_listener *l = NULL;
    struct bf_error err = {0};

    for (size_t i = 0; i < BF_COUNT(WRONG); i++) {
        options.listen = WRONG[i];
        CHECK(bf_listener_open(&options, &l, &err) != 0);
        CHECK_HAS(err.words, "[::1]:8320");
    }
}

TEST(two_listeners_live_side_by_side_on_ipv4_and_ipv6)
{
    struct bf_listener *a = simple(), *b = start(open_listener("[::1]:0"));

    CHECK_STR(body_of(ask(a, GET("/hello"))), "hello");
    CHECK_STR(body_of(ask(b, GET("/hello"))), "hello");
    CHECK(strncmp(bf_listener_address(a), "127.0.0.1:", 10) == 0);
    CHECK(strncmp(bf_listener_address(b), "[::1]:", 6) == 0);
    bf_listener_close(a);
    CHECK_STR(body_of(ask(b, GET("/hello"))), "hello");
    bf_listener_close(b);
}

TEST(nothing_is_answered_before_start)
{
    struct bf_listener *l = open_listener("127.0.0.1:0");
    int fd = dial(l);

    put(fd, GET("/hello"));
    CHECK(!ends(fd, 100));
    start(l);
    CHECK_STR(body_of(answer(fd)), "hello");
    close(fd);
    bf_listener_close(l);
}

static void *finish_later(void *arg)
{
    pause_ms(200);
    finisher_set(arg, false, false);
    return NULL;
}

TEST(drain_finishes_what_is_under_way_and_accepts_nothing_more)
{
    struct bf_listener *l = open_listener("127.0.0.1:0");
    struct finisher f;
    struct sockaddr_storage sa;
    int fd, idle, late;
    int64_t began;
    pthread_t t;

    ADD(l, "GET", "/park", on_park, .arg = &f);
    finisher_start(&f, l);
    start(l);
    finisher_set(&f, true, false);
    idle = dial(l);
    put(idle, GET("/hello"));
    CHECK_INT(status_of(answer(idle)), 200);
    fd = dial(l);
    put(fd, GET("/park"));
    while (!parked(&f))
        pause_ms(1);
    pthread_create(&t, NULL, finish_later, &f);
    began = now_ms();
    bf_listener_drain(l, 5000);
    CHECK(now_ms() - began < 2000);
    pthread_join(t, NULL);
    CHECK_HAS(answer(fd), "Connection: close");
    CHECK(ends(idle, 0));
    memcpy(&sa, bf_listener_sockaddr(l), sizeof(struct sockaddr_in));
    late = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(late, (struct sockaddr *)&sa, sizeof(struct sockaddr_in)) != 0);
    close(late);
    close(fd);
    close(idle);
    finisher_set(&f, false, true);
    bf_listener_close(l);
}

TEST(drain_cuts_what_takes_too_long_but_the_parked_can_still_be_finished)
{
    struct bf_listener *l = open_listener("127.0.0.1:0");
    struct finisher f;
    int fd, half;

    ADD(l, "GET", "/park", on_park, .arg = &f);
    finisher_start(&f, l);
    start(l);
    finisher_set(&f, true, false);
    fd = dial(l);
    put(fd, GET("/park"));
    half = dial(l);
    put(half, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
    while (!parked(&f))
        pause_ms(1);
    bf_listener_drain(l, 100);
    CHECK(ends(half, 1000));
    CHECK(ends(fd, 1000));
    CHECK_INT(parked(&f), 1);
    finisher_set(&f, false, true);
    bf_listener_close(l);
    close(fd);
    close(half);
}
