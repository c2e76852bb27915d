/* test_client.c - transfers against small servers of the test's own, on loopback.
 *
 * Names are resolved by the getaddrinfo() below, which stands in for the C library's: libcurl
 * calls it like any other, and the test decides what a name means and how long that takes. */
#include "tests/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/net/client.h"

#define LOOPBACK "127.0.0.0/8 ::1"

/* --- names --- */

static atomic_int n_rebind;

static struct addrinfo *one_address(const char *text, const char *port,
                                    const struct addrinfo *hints, struct addrinfo *next)
{
    struct addrinfo *ai = calloc(1, sizeof(*ai) + sizeof(struct sockaddr_in));
    struct sockaddr_in *in = (struct sockaddr_in *)(ai + 1);

    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)(port ? atoi(port) : 0));
    inet_pton(AF_INET, text, &in->sin_addr);
    ai->ai_family = AF_INET;
    ai->ai_socktype = hints && hints->ai_socktype ? hints->ai_socktype : SOCK_STREAM;
    ai->ai_addrlen = sizeof(*in);
    ai->ai_addr = (struct sockaddr *)in;
    ai->ai_next = next;
    return ai;
}

__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *port,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **out)
{
    if (!strcmp(name, "loopback.test")) {
        *out = one_address("127.0.0.1", port, hints, NULL);
    } else if (!strcmp(name, "two.test")) {
        *out = one_address("127.0.0.1", port, hints, NULL);
        *out = one_address("10.0.0.1", port, hints, *out);
    } else if (!strcmp(name, "blocked.test")) {
        *out = one_address("10.0.0.1", port, hints, NULL);
        *out = one_address("169.254.169.254", port, hints, *out);
    } else if (!strcmp(name, "rebind.test")) {
        *out = one_address(n_rebind++ ? "127.0.0.1" : "127.0.0.2", port, hints, NULL);
    } else if (!strcmp(name, "slow.test")) {
        sleep(3);
        *out = one_address("127.0.0.1", port, hints, NULL);
    } else {
        return EAI_NONAME;
    }
    return 0;
}

__attribute__((visibility("default"))) void freeaddrinfo(struct addrinfo *ai)
{
    while (ai) {
        struct addrinfo *next = ai->ai_next;

        free(ai);
        ai = next;
    }
}

/* --- a server: a thread per connection, one function that answers --- */

struct server;
/* False: close the connection. */
typedef bool answer_fn(struct server *s, int fd, const char *request, size_t body_len);

struct server {
    int fd;
    unsigned port;
    answer_fn *answer;
    atomic_int connections, requests;
    pthread_mutex_t lock;
    char last[8192];            /* the last request, under lock */
    size_t last_len;
};

struct connection {
    struct server *server;
    int fd;
};

static void say(int fd, const char *text)
{
    size_t len = strlen(text);

    while (len) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

/* A whole request into `buf`: its length, or 0 at the end of the connection. */
static size_t read_request(int fd, char *buf, size_t cap, size_t *body_len)
{
    size_t len = 0;

    for (;;) {
        char *end = memmem(buf, len, "\r\n\r\n", 4), *length;
        ssize_t n;

        if (end) {
            buf[len] = '\0';
            length = strstr(buf, "Content-Length: ");
            *body_len = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
            if (len >= (size_t)(end + 4 - buf) + *body_len)
                return len;
        }
        n = recv(fd, buf + len, cap - 1 - len, 0);
        if (n <= 0)
            return 0;
        len += (size_t)n;
    }
}

static void *serve_connection(void *arg)
{
    struct connection c = *(struct connection *)arg;
    struct server *s = c.server;
    char *buf = malloc(sizeof(s->last));
    size_t len, body_len;

    free(arg);
    while ((len = read_request(c.fd, buf, sizeof(s->last), &body_len)) > 0) {
        pthread_mutex_lock(&s->lock);
        memcpy(s->last, buf, len + 1);
        s->last_len = len;
        pthread_mutex_unlock(&s->lock);
        s->requests++;
        if (!s->answer(s, c.fd, buf, body_len))
            break;
    }
    free(buf);
    close(c.fd);
    return NULL;
}

static void spawn(void *(*fn)(void *), void *arg)
{
    pthread_t thread;

    CHECK_INT(pthread_create(&thread, NULL, fn, arg), 0);
    pthread_detach(thread);
}

static void *accept_all(void *arg)
{
    struct server *s = arg;
    int fd;

    while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
        struct connection *c = malloc(sizeof(*c));

        *c = (struct connection){s, fd};
        s->connections++;
        spawn(serve_connection, c);
    }
    return NULL;
}

static int listen_loopback(unsigned *port, int backlog)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK_INT(bind(fd, (struct sockaddr *)&in, len), 0);
    CHECK_INT(listen(fd, backlog), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    *port = ntohs(in.sin_port);
    return fd;
}

/* Lives as long as the test's process. */
static struct server *serve(answer_fn *answer)
{
    static struct server servers[4];
    static int n;
    struct server *s = &servers[n++];

    s->answer = answer;
    s->fd = listen_loopback(&s->port, 256);
    pthread_mutex_init(&s->lock, NULL);
    spawn(accept_all, s);
    return s;
}

static bool answer_ok(struct server *s, int fd, const char *request, size_t body_len)
{
    (void)s;
    (void)request;
    (void)body_len;
    say(fd, "HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: 5\r\nX-Empty:\r\n\r\nhello");
    return true;
}

/* --- a client and what came of a transfer --- */

struct outcome {
    int calls;
    struct bf_fetch_result r;
    char words[600];
    char body[4096];
    char headers[4096];         /* "name=value;name=value;" */
};

static void on_done(void *arg, const struct bf_fetch_result *r)
{
    struct outcome *o = arg;
    size_t at = 0;

    o->calls++;
    o->r = *r;
    snprintf(o->words, sizeof(o->words), "%s", r->words);
    memcpy(o->body, r->body, r->body_len < sizeof(o->body) - 1 ? r->body_len : sizeof(o->body) - 1);
    CHECK_INT(r->body[r->body_len], 0);
    for (const char *const *h = r->headers; h[0] && at < sizeof(o->headers); h += 2)
        at += (size_t)snprintf(o->headers + at, sizeof(o->headers) - at, "%s=%s;", h[0], h[1]);
}

/* Kept for good: a client borrows its guard. */
static struct bf_guard *guard(const char *allow)
{
    static struct bf_guard *guards[8];
    static size_t n;

    CHECK(n < sizeof(guards) / sizeof(guards[0]));
    CHECK_INT(bf_guard_new(allow, &guards[n], NULL), BF_OK);
    return guards[n++];
}

static struct bf_client *client(const char *allow, const struct bf_client_limits *limits)
{
    struct bf_client *c;

    CHECK_INT(bf_client_new(guard(allow), limits, "belfry-test", &c, NULL), BF_OK);
    return c;
}

static void run_until(struct bf_client *c, const int *calls, int want)
{
    while (*calls < want)
        bf_client_run(c, -1);
}

static struct outcome fetch(struct bf_client *c, struct bf_fetch_request r)
{
    struct outcome o = {0};

    if (!r.method)
        r.method = "POST";
    bf_client_send(c, &r, on_done, &o);
    CHECK_INT(o.calls, 0);
    run_until(c, &o.calls, 1);
    return o;
}

static const char *url_of(const char *host, unsigned port, const char *path)
{
    static char urls[8][256];
    static int n;
    char *url = urls[n++ % 8];

    snprintf(url, sizeof(urls[0]), "http://%s:%u%s", host, port, path);
    return url;
}

static const char *url(const struct server *s) { return url_of("127.0.0.1", s->port, "/in?k=1"); }

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- what goes out, what comes back --- */

TEST(an_answer_comes_with_status_headers_and_body)
{
    struct server *s = serve(answer_ok);
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o = fetch(c, (struct bf_fetch_request){.url = url(s)});

    CHECK_INT(o.r.err, BF_OK);
    CHECK_INT(o.r.status, 200);
    CHECK_STR(o.body, "hello");
    CHECK_INT(o.r.body_len, 5);
    CHECK(!o.r.body_cut);
    CHECK_STR(o.headers, "X-One=1;Content-Length=5;X-Empty=;");
    CHECK_STR(o.words, "");
    CHECK_INT(bf_client_in_flight(c), 0);
    bf_client_free(c);
}

TEST(the_request_is_what_was_asked_and_nothing_else)
{
    static const char *const headers[] = {
        "X-Sig", "a=b", "X-Empty", "", "User-Agent", "mine", NULL,
    };
    struct server *s = serve(answer_ok);
    struct bf_client *c = client(LOOPBACK, NULL);
    char want[400];

    fetch(c, (struct bf_fetch_request){
                 .url = url(s), .headers = headers, .body = "a\0b", .body_len = 3});
    snprintf(want, sizeof(want),
             "POST /in?k=1 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept: */*\r\nX-Sig: a=b\r\n"
             "X-Empty:\r\nUser-Agent: mine\r\nContent-Length: 3\r\n\r\na",
             s->port);
    CHECK_STR(s->last, want);
    CHECK_INT(s->last_len, strlen(want) + 2);
    CHECK(memcmp(s->last + s->last_len - 3, "a\0b", 3) == 0);
    bf_client_free(c);
}

TEST(every_method_goes_out_as_it_is_on_one_reused_handle)
{
    static const struct {
        const char *method, *body, *has, *lacks;
    } cases[] = {
        {"POST", "x", "Content-Length: 1\r\n", "Expect"},
        {"HEAD", NULL, "HEAD /", "Content-Length"},
        {"POST", NULL, "Content-Length: 0\r\n", "Content-Type"},
        {"GET", NULL, "GET /", "Content-Length"},
        {"PUT", "x", "Content-Length: 1\r\n", "Content-Type"},
        {"PATCH", NULL, "Content-Length: 0\r\n", "Content-Type"},
        {"DELETE", NULL, "DELETE /", "Content-Length"},
        {"DELETE", "x", "Content-Length: 1\r\n", "Content-Type"},
        {"GET", "x", "Content-Length: 1\r\n", "Content-Type"},
        {"HEAD", NULL, "HEAD /", "Content-Length"},
        {"PURGE", NULL, "PURGE /", "Content-Length"},
        {"POST", "x", "Content-Length: 1\r\n", "PURGE"},
    };
    struct server *s = serve(answer_ok);
    struct bf_client *c = client(LOOPBACK, NULL);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len = strlen(cases[i].method);

        fetch(c, (struct bf_fetch_request){.method = cases[i].method,
                                           .url = url(s),
                                           .body = cases[i].body,
                                           .body_len = cases[i].body ? 1 : 0});
        CHECK(memcmp(s->last, cases[i].method, len) == 0 && s->last[len] == ' ');
        CHECK_HAS(s->last, cases[i].has);
        CHECK(!strstr(s->last, cases[i].lacks));
    }
    bf_client_free(c);
}

/* Reads as many bytes as X-Len says and answers whether the request had an Expect. */
static bool count_body(int fd, const char *request)
{
    char discard[65536], text[100];
    size_t want = strtoul(strstr(request, "X-Len: ") + 7, NULL, 10);

    while (want) {
        ssize_t n = recv(fd, discard, want < sizeof(discard) ? want : sizeof(discard), 0);

        if (n <= 0)
            return false;
        for (ssize_t i = 0; i < n; i++)
            CHECK_INT(discard[i], 'z');
        want -= (size_t)n;
    }
    snprintf(text, sizeof(text), "HTTP/1.1 204 No\r\nX-Expect: %s\r\n\r\n",
             strstr(request, "Expect") ? "yes" : "no");
    say(fd, text);
    return true;
}

TEST(a_body_of_megabytes_goes_out_whole_and_without_expect)
{
    static const char *const headers[] = {"X-Len", "4000000", NULL};
    unsigned port;
    int fd = listen_loopback(&port, 1), conn;
    struct bf_client *c = client(LOOPBACK, NULL);
    char *body = malloc(4000000), head[2048];
    struct outcome o = {0};
    struct bf_fetch_request r = {.method = "POST",
                                 .url = url_of("127.0.0.1", port, "/"),
                                 .headers = headers,
                                 .body = body,
                                 .body_len = 4000000};
    size_t len = 0;

    memset(body, 'z', 4000000);
    bf_client_send(c, &r, on_done, &o);
    bf_client_run(c, 50);
    conn = accept(fd, NULL, NULL);
    bf_client_run(c, 50);
    do
        CHECK_INT(recv(conn, head + len, 1, 0), 1);
    while (++len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0);
    head[len] = '\0';
    if (fork() == 0)            /* reads while we write */
        _exit(!count_body(conn, head));
    run_until(c, &o.calls, 1);
    CHECK_INT(o.r.status, 204);
    CHECK_STR(o.headers, "X-Expect=no;");
    bf_client_free(c);
    free(body);
    wait(NULL);
}

TEST(connections_are_kept_and_reused)
{
    struct server *s = serve(answer_ok);
    struct bf_client *c = client(LOOPBACK, NULL);

    for (int i = 0; i < 20; i++)
        CHECK_INT(fetch(c, (struct bf_fetch_request){.url = url(s)}).r.status, 200);
    CHECK_INT(s->connections, 1);
    CHECK_INT(s->requests, 20);
    bf_client_free(c);
}

static bool answer_once(struct server *s, int fd, const char *request, size_t body_len)
{
    answer_ok(s, fd, request, body_len);
    return false;               /* close without having said so */
}

TEST(a_kept_connection_that_died_is_replaced)
{
    struct server *s = serve(answer_once);
    struct bf_client *c = client(LOOPBACK, NULL);

    for (int i = 0; i < 10; i++) {
        CHECK_INT(fetch(c, (struct bf_fetch_request){.url = url(s)}).r.status, 200);
        bf_client_run(c, 2);    /* sees the end of the idle connection */
    }
    CHECK_INT(s->connections, 10);
    bf_client_free(c);
}

/* Answers the first request of a connection, reads the second and closes. */
static bool answer_then_die(struct server *s, int fd, const char *request, size_t body_len)
{
    if (s->requests == 2)
        return false;
    return answer_ok(s, fd, request, body_len);
}

TEST(once_means_that_a_request_is_never_sent_twice)
{
    /* libcurl used to repeat the second request silently, as its connection had been kept. */
    struct server *s = serve(answer_then_die);
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o;

    CHECK_INT(fetch(c, (struct bf_fetch_request){.url = url(s)}).r.status, 200);
    o = fetch(c, (struct bf_fetch_request){.url = url(s), .once = true});
    CHECK_INT(o.r.err, BF_EIO);
    CHECK(o.r.sent);
    CHECK_INT(s->requests, 2);
    CHECK_INT(fetch(c, (struct bf_fetch_request){.url = url(s)}).r.status, 200);
    bf_client_free(c);
}

static bool answer_interim(struct server *s, int fd, const char *request, size_t body_len)
{
    (void)s;
    (void)request;
    (void)body_len;
    say(fd, "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n"
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            "HTTP/1.1 201 Created\r\nX-Last:  a b \r\nContent-Length: 0\r\n\r\n");
    return true;
}

TEST(interim_answers_leave_nothing_behind)
{
    struct server *s = serve(answer_interim);
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o = fetch(c, (struct bf_fetch_request){.url = url(s)});

    CHECK_INT(o.r.status, 201);
    CHECK_STR(o.headers, "X-Last=a b;Content-Length=0;");
    bf_client_free(c);
}

static bool answer_redirect(struct server *s, int fd, const char *request, size_t body_len)
{
    (void)s;
    (void)request;
    (void)body_len;
    say(fd, "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n");
    return true;
}

TEST(a_redirect_is_an_answer)
{
    struct server *s = serve(answer_redirect);
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o = fetch(c, (struct bf_fetch_request){.url = url(s)});

    CHECK_INT(o.r.err, BF_OK);
    CHECK_INT(o.r.status, 302);
    CHECK_INT(s->requests, 1);
    bf_client_free(c);
}

static bool answer_gzip(struct server *s, int fd, const char *request, size_t body_len)
{
    (void)s;
    (void)request;
    (void)body_len;
    say(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"
            "\x1f\x8b\x08\x01");
    return true;
}

TEST(compressed_bytes_come_back_untouched)
{
    struct server *s = serve(answer_gzip);
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o = fetch(c, (struct bf_fetch_request){.url = url(s)});

    CHECK_INT(o.r.err, BF_OK);
    CHECK_STR(o.body, "\x1f\x8b\x08\x01");
    CHECK(!strcasestr(s->last, "Accept-Encoding"));
    bf_client_free(c);
}

/* --- requests that are refused before they begin --- */

TEST(a_header_that_could_split_the_request_is_refused)
{
    static const char *const bad[][3] = {
        {"X-A", "b\r\nX-C: d", NULL}, {"X-A", "b\n", NULL},          {"X-A\r\nX-B", "c", NULL},
        {"X A", "b", NULL},           {"", "b", NULL},               {"X-A:", "b", NULL},
        {"content-length", "5", NULL}, {"Transfer-Encoding", "chunked", NULL},
        {"Expect", "100-continue", NULL},
    };
    struct server *s = serve(answer_ok);
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        o = fetch(c, (struct bf_fetch_request){.url = url(s), .headers = bad[i]});
        CHECK_INT(o.r.err, BF_EINVAL);
        CHECK(!o.r.sent);
    }
    o = fetch(c, (struct bf_fetch_request){.method = "GET /x HTTP/1.1\r\nX", .url = url(s)});
    CHECK_INT(o.r.err, BF_EINVAL);
    CHECK_INT(s->connections, 0);
    bf_client_free(c);
}

TEST(too_many_headers_are_refused)
{
    struct server *s = serve(answer_ok);
    struct bf_client *c = client(LOOPBACK, NULL);
    char *value = malloc(65537);
    const char *headers[] = {"X-Long", value, NULL};

    memset(value, 'a', 65536);
    value[65536] = '\0';
    CHECK_INT(fetch(c, (struct bf_fetch_request){.url = url(s), .headers = headers}).r.err,
              BF_ETOOBIG);
    value[65536 - 9] = '\0';    /* "X-Long", ": ", NUL and this are 64 KiB */
    CHECK(fetch(c, (struct bf_fetch_request){.url = url(s), .headers = headers, .total_ms = 100})
              .r.sent);
    free(value);
    bf_client_free(c);
}

TEST(what_is_no_http_url_is_refused)
{
    static const char *const bad[] = {"ftp://127.0.0.1/", "file:///etc/passwd", "nonsense", ""};
    struct bf_client *c = client(LOOPBACK, NULL);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_INT(fetch(c, (struct bf_fetch_request){.url = bad[i]}).r.err, BF_ECONFIG);
    bf_client_free(c);
}

/* --- failures, and whether the request had left --- */

TEST(refused_connection_was_not_sent)
{
    unsigned port;
    int fd = listen_loopback(&port, 1);
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o;
    char want[100];

    close(fd);
    o = fetch(c, (struct bf_fetch_request){.url = url_of("127.0.0.1", port, "/s3cret?s3cret")});
    CHECK_INT(o.r.err, BF_EIO);
    CHECK(!o.r.sent);
    CHECK_INT(o.r.status, 0);
    snprintf(want, sizeof(want), "cannot connect to 127.0.0.1:%u: Connection refused", port);
    CHECK_STR(o.words, want);
    bf_client_free(c);
}

TEST(sent_is_about_this_request_and_not_the_one_before)
{
    struct server *s = serve(answer_ok);
    unsigned port;
    int fd = listen_loopback(&port, 1);
    struct bf_client *c = client(LOOPBACK, NULL);

    close(fd);
    for (int i = 0; i < 3; i++) {
        struct outcome o;

        CHECK_INT(fetch(c, (struct bf_fetch_request){.url = url(s)}).r.status, 200);
        o = fetch(c, (struct bf_fetch_request){.url = url_of("127.0.0.1", port, "/")});
        CHECK_INT(o.r.err, BF_EIO);
        CHECK(!o.r.sent);
        CHECK_STR(o.body, "");
        CHECK_STR(o.headers, "");
    }
    bf_client_free(c);
}

static bool answer_nothing(struct server *s, int fd, const char *request, size_t body_len)
{
    (void)s;
    (void)fd;
    (void)request;
    (void)body_len;
    return false;
}

TEST(closed_after_reading_was_sent)
{
    struct server *s = serve(answer_nothing);
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o = fetch(c, (struct bf_fetch_request){.url = url(s)});

    CHECK_INT(o.r.err, BF_EIO);
    CHECK(o.r.sent);
    CHECK_HAS(o.words, "closed the connection without an answer");
    bf_client_free(c);
}

TEST(a_kept_connection_is_judged_by_the_list_of_now)
{
    struct server *s = serve(answer_ok);
    struct bf_guard *g = guard(LOOPBACK);
    struct bf_client *c;
    struct outcome o;

    CHECK_INT(bf_client_new(g, NULL, "belfry-test", &c, NULL), BF_OK);
    o = fetch(c, (struct bf_fetch_request){.url = url(s)});
    CHECK_INT(o.r.status, 200);
    CHECK_INT(bf_guard_allow(g, "", NULL), BF_OK);
    o = fetch(c, (struct bf_fetch_request){.url = url(s)});
    CHECK_INT(o.r.err, BF_EPERM);
    CHECK_INT(o.r.status, 0);
    CHECK_HAS(o.words, "allow_addresses");
    CHECK_INT(bf_guard_allow(g, LOOPBACK, NULL), BF_OK);
    o = fetch(c, (struct bf_fetch_request){.url = url(s)});
    CHECK_INT(o.r.status, 200);
    bf_client_free(c);
}

static bool answer_half(struct server *s, int fd, const char *request, size_t body_len)
{
    (void)s;
    (void)request;
    (void)body_len;
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    return false;
}

TEST(closed_half_way_is_no_answer)
{
    struct server *s = serve(answer_half);
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o = fetch(c, (struct bf_fetch_request){.url = url(s)});

    CHECK_INT(o.r.err, BF_EIO);
    CHECK(o.r.sent);
    CHECK_INT(o.r.status, 0);
    CHECK_HAS(o.words, "in the middle of its answer");
    bf_client_free(c);
}

static const char answer_to_cut[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
                                    "Content-Length: 2\r\nX-A: b\r\n\r\nok";
static atomic_size_t answer_cut_at;

static bool answer_cut(struct server *s, int fd, const char *request, size_t body_len)
{
    char part[sizeof(answer_to_cut)];

    (void)s;
    (void)request;
    (void)body_len;
    snprintf(part, answer_cut_at + 1, "%s", answer_to_cut);
    say(fd, part);
    return answer_cut_at == sizeof(answer_to_cut) - 1;
}

/* libcurl takes an answer that breaks off within its head for a whole one: HTTP 200 of "HTTP/1.1
 * 200 OK" and a line, HTTP 0 of "HTTP/1.1 2", 100 of an interim one. */
TEST(an_answer_that_is_cut_anywhere_is_none)
{
    struct server *s = serve(answer_cut);
    struct bf_client *c = client(LOOPBACK, NULL);

    for (size_t at = 0; at < sizeof(answer_to_cut); at++) {
        bool whole = at == sizeof(answer_to_cut) - 1;
        struct outcome o;

        answer_cut_at = at;
        o = fetch(c, (struct bf_fetch_request){.url = url(s)});
        CHECK_INT(o.r.err, whole ? 0 : BF_EIO);
        CHECK_INT(o.r.status, whole ? 200 : 0);
        CHECK(o.r.err == 0 || o.r.sent);
    }
    bf_client_free(c);
}

static bool answer_garbage(struct server *s, int fd, const char *request, size_t body_len)
{
    (void)s;
    (void)request;
    (void)body_len;
    say(fd, "220 smtp.example ESMTP\r\n");
    return false;
}

TEST(garbage_is_no_answer)
{
    struct server *s = serve(answer_garbage);
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o = fetch(c, (struct bf_fetch_request){.url = url(s)});

    CHECK_INT(o.r.err, BF_EIO);
    CHECK(o.r.sent);
    CHECK_INT(o.r.status, 0);
    CHECK_HAS(o.words, "is not HTTP");
    bf_client_free(c);
}

static bool answer_never(struct server *s, int fd, const char *request, size_t body_len)
{
    (void)s;
    (void)fd;
    (void)request;
    (void)body_len;
    sleep(60);
    return false;
}

TEST(slow_answer_times_out_and_was_sent)
{
    struct server *s = serve(answer_never);
    struct bf_client *c = client(LOOPBACK, NULL);
    int64_t began = now_ms();
    struct outcome o = fetch(c, (struct bf_fetch_request){.url = url(s), .total_ms = 150});

    CHECK_INT(o.r.err, BF_ETIMEDOUT);
    CHECK(o.r.sent);
    CHECK_HAS(o.words, "no answer from 127.0.0.1:");
    CHECK_HAS(o.words, "within 150 ms");
    CHECK(now_ms() - began >= 150 && now_ms() - began < 5000);
    CHECK(o.r.duration_ms >= 150);
    bf_client_free(c);
}

TEST(connect_timeout_was_not_sent)
{
    unsigned port;
    struct bf_client *c = client(LOOPBACK, NULL);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct outcome o;

    listen_loopback(&port, 0);
    in.sin_port = htons((uint16_t)port);
    for (int i = 0; i < 3; i++) {       /* fill the queue; further ones are not answered */
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

        CHECK(connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0 || errno == EINPROGRESS);
    }
    o = fetch(c, (struct bf_fetch_request){.url = url_of("127.0.0.1", port, "/"),
                                           .connect_ms = 200});
    CHECK_INT(o.r.err, BF_ETIMEDOUT);
    CHECK(!o.r.sent);
    CHECK_HAS(o.words, "cannot connect to 127.0.0.1:");
    CHECK_HAS(o.words, "within 200 ms");
    bf_client_free(c);
}

TEST(a_name_without_an_address_was_not_sent)
{
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o = fetch(c, (struct bf_fetch_request){.url = "http://nowhere.test/"});

    CHECK_INT(o.r.err, BF_EIO);
    CHECK(!o.r.sent);
    CHECK_STR(o.words, "cannot find the address of nowhere.test:80");
    bf_client_free(c);
}

TEST(a_slow_resolver_does_not_stop_the_loop)
{
    /* libcurl used to join the resolver's thread when the transfer timed out: 3 s here. */
    struct server *s = serve(answer_ok);
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome slow = {0};
    struct bf_fetch_request r = {.method = "GET", .connect_ms = 200}, fast = {0};
    int64_t began = now_ms();

    r.url = url_of("slow.test", s->port, "/");
    fast.url = url(s);
    bf_client_send(c, &r, on_done, &slow);
    for (int i = 0; i < 20; i++)
        CHECK_INT(fetch(c, fast).r.status, 200);
    run_until(c, &slow.calls, 1);
    CHECK_INT(slow.r.err, BF_ETIMEDOUT);
    CHECK(!slow.r.sent);
    slow.calls = 0;
    bf_client_send(c, &r, on_done, &slow);
    bf_client_run(c, 50);
    bf_client_free(c);          /* nor does it hold up the end */
    CHECK_INT(slow.r.err, BF_ECANCELED);
    CHECK(now_ms() - began < 2000);
}

/* --- limits --- */

static bool answer_endless(struct server *s, int fd, const char *request, size_t body_len)
{
    char block[4096];

    (void)s;
    (void)body_len;
    memset(block, 'x', sizeof(block));
    say(fd, strstr(request, "length") ? "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
                                      : "HTTP/1.1 200 OK\r\n\r\n");
    while (send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0)
        ;
    return false;
}

TEST(an_endless_body_is_cut)
{
    struct bf_client_limits limits = {.keep_max = 100, .read_max = 50000};
    struct server *s = serve(answer_endless);
    struct bf_client *c = client(LOOPBACK, &limits);
    static const char *const paths[] = {"/", "/length"};

    for (int i = 0; i < 2; i++) {
        struct outcome o =
            fetch(c, (struct bf_fetch_request){.url = url_of("127.0.0.1", s->port, paths[i])});

        CHECK_INT(o.r.err, BF_ETOOBIG);
        CHECK(o.r.sent);
        CHECK_INT(o.r.status, 200);     /* of the head, which came */
        CHECK_HAS(o.words, "more than 50000 bytes");
        CHECK_INT(o.r.body_len, 100);
        CHECK(o.r.body_cut);
    }
    bf_client_free(c);
}

TEST(a_body_is_kept_up_to_its_limit_and_marked_beyond)
{
    static const struct {
        size_t keep, read, kept;
        bool cut;
        int err;
    } cases[] = {
        {4, 100, 4, true, BF_OK},  {5, 100, 5, false, BF_OK}, {6, 100, 5, false, BF_OK},
        {2, 5, 2, true, BF_OK},    {2, 4, 0, false, BF_ETOOBIG},
    };
    struct server *s = serve(answer_ok);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bf_client_limits limits = {.keep_max = cases[i].keep, .read_max = cases[i].read};
        struct bf_client *c = client(LOOPBACK, &limits);
        struct outcome o = fetch(c, (struct bf_fetch_request){.url = url(s)});

        CHECK_INT(o.r.err, cases[i].err);
        CHECK_INT(o.r.body_len, cases[i].kept);
        CHECK_INT(o.r.body_cut, cases[i].cut);
        bf_client_free(c);
    }
}

static bool answer_headers(struct server *s, int fd, const char *request, size_t body_len)
{
    (void)s;
    (void)request;
    (void)body_len;
    say(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 100000; i++)
        say(fd, "X-Again: and again\r\n");
    return false;
}

TEST(endless_headers_are_cut)
{
    struct server *s = serve(answer_headers);
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o = fetch(c, (struct bf_fetch_request){.url = url(s)});

    CHECK_INT(o.r.err, BF_ETOOBIG);
    CHECK(o.r.sent);
    CHECK_HAS(o.words, "more than 65536 bytes of headers");
    bf_client_free(c);
}

struct many {
    struct bf_client *client;
    int calls, good;
    struct bf_fetch_request request;
    int more;                   /* sent from done */
};

static void on_one_of_many(void *arg, const struct bf_fetch_result *r)
{
    struct many *m = arg;

    m->calls++;
    m->good += r->err == BF_OK && r->status == 200;
    if (m->more) {
        m->more--;
        bf_client_send(m->client, &m->request, on_one_of_many, m);
    }
}

static bool answer_after_a_while(struct server *s, int fd, const char *request, size_t body_len)
{
    usleep(20000);
    return answer_ok(s, fd, request, body_len);
}

TEST(two_hundred_at_once_stay_within_the_limit_per_host)
{
    struct bf_client_limits limits = {.max_per_host = 10};
    struct server *s = serve(answer_after_a_while), *other = serve(answer_ok);
    struct many m = {.client = client(LOOPBACK, &limits)};
    struct outcome o;

    m.request = (struct bf_fetch_request){.method = "POST", .url = url(s)};
    for (int i = 0; i < 200; i++)
        bf_client_send(m.client, &m.request, on_one_of_many, &m);
    CHECK_INT(bf_client_in_flight(m.client), 200);
    o = fetch(m.client, (struct bf_fetch_request){.url = url(other)});
    CHECK_INT(o.r.status, 200); /* another host does not wait behind them */
    CHECK(m.calls < 200);
    run_until(m.client, &m.calls, 200);
    CHECK_INT(m.good, 200);
    CHECK(s->connections <= 10);
    bf_client_free(m.client);
}

TEST(waiting_for_a_connection_does_not_use_up_the_time)
{
    struct bf_client_limits limits = {.max_connections = 1};
    struct server *s = serve(answer_after_a_while);
    struct many m = {.client = client(LOOPBACK, &limits)};

    m.request = (struct bf_fetch_request){.method = "POST", .url = url(s), .total_ms = 200};
    for (int i = 0; i < 20; i++)        /* 400 ms and more, one after the other */
        bf_client_send(m.client, &m.request, on_one_of_many, &m);
    run_until(m.client, &m.calls, 20);
    CHECK_INT(m.good, 20);
    CHECK_INT(s->connections, 1);
    bf_client_free(m.client);
}

TEST(an_idle_connection_makes_room_for_one_to_another_host)
{
    struct bf_client_limits limits = {.max_connections = 1};
    struct server *a = serve(answer_ok), *b = serve(answer_ok);
    struct bf_client *c = client(LOOPBACK, &limits);

    for (int i = 0; i < 3; i++) {
        CHECK_INT(fetch(c, (struct bf_fetch_request){.url = url(a)}).r.status, 200);
        CHECK_INT(fetch(c, (struct bf_fetch_request){.url = url(b)}).r.status, 200);
        CHECK_INT(fetch(c, (struct bf_fetch_request){.url = url(b), .once = true}).r.status, 200);
    }
    CHECK_INT(a->connections, 3);
    CHECK_INT(b->connections, 6);
    bf_client_free(c);
}

static bool answer_late(struct server *s, int fd, const char *request, size_t body_len)
{
    usleep(500 * 1000);
    return answer_ok(s, fd, request, body_len);
}

/* Connections in use used to count among those that are kept: while many waited for slow receivers,
 * the others were dialled anew for each request. */
TEST(slow_transfers_do_not_cost_others_their_kept_connections)
{
    struct bf_client_limits limits = {.keep_connections = 2};
    struct server *late = serve(answer_late), *s = serve(answer_ok);
    struct many m = {.client = client(LOOPBACK, &limits)};

    m.request = (struct bf_fetch_request){.method = "POST", .url = url(late)};
    for (int i = 0; i < 8; i++)
        bf_client_send(m.client, &m.request, on_one_of_many, &m);
    for (int i = 0; i < 10; i++)
        CHECK_INT(fetch(m.client, (struct bf_fetch_request){.url = url(s)}).r.status, 200);
    CHECK_INT(m.calls, 0);
    CHECK_INT(s->connections, 1);
    run_until(m.client, &m.calls, 8);
    CHECK_INT(m.good, 8);
    bf_client_free(m.client);
}

TEST(done_may_send)
{
    struct server *s = serve(answer_ok);
    struct many m = {.client = client(LOOPBACK, NULL), .more = 990};

    m.request = (struct bf_fetch_request){.method = "POST", .url = url(s)};
    for (int i = 0; i < 10; i++)
        bf_client_send(m.client, &m.request, on_one_of_many, &m);
    run_until(m.client, &m.calls, 1000);
    CHECK_INT(m.good, 1000);
    CHECK_INT(bf_client_in_flight(m.client), 0);
    bf_client_free(m.client);
}

TEST(sending_what_fails_at_once_does_not_starve_the_rest)
{
    struct server *s = serve(answer_ok);
    struct many m = {.client = client(LOOPBACK, NULL), .more = 1 << 30};
    struct outcome o = {0};
    struct bf_fetch_request r = {.method = "POST", .url = url(s)};

    m.request = (struct bf_fetch_request){.method = "POST", .url = "nonsense"};
    bf_client_send(m.client, &m.request, on_one_of_many, &m);
    bf_client_send(m.client, &r, on_done, &o);
    run_until(m.client, &o.calls, 1);
    CHECK_INT(o.r.status, 200);
    m.more = 0;
    bf_client_free(m.client);
}

/* --- the guard --- */

TEST(loopback_is_refused_by_default_in_every_spelling_and_never_connected_to)
{
    static const char *const hosts[] = {
        "127.0.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001",
        "127.1", "127.0.1", "127.0.0.1.", "0", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "[::127.0.0.1]", "[0:0:0:0:0:0:0:1]", "user:pass@127.0.0.1",
        "hooks.example@127.0.0.1", "localhost", "LOCALHOST", "localhost.", "loopback.test",
        "%31%32%37.0.0.1", "127\xe3\x80\x82""0\xe3\x80\x82""0\xe3\x80\x82""1",
        "\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1",
    };
    struct server *s = serve(answer_ok);
    struct bf_client *c = client(NULL, NULL);

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct outcome o =
            fetch(c, (struct bf_fetch_request){.url = url_of(hosts[i], s->port, "/s3cret")});

        if (o.r.err == BF_OK || o.r.sent)
            test_failed(__FILE__, __LINE__, "%s was connected to", hosts[i]);
        if (o.r.err != BF_EPERM && (unsigned char)hosts[i][0] < 0x80 && !strchr(hosts[i], 0xe3) &&
            !strstr(hosts[i], "host."))
            test_failed(__FILE__, __LINE__, "%s: %s", hosts[i], o.words);
        CHECK(!strstr(o.words, "s3cret"));
    }
    CHECK_INT(s->connections, 0);
    bf_client_free(c);
}

TEST(a_name_that_resolves_to_blocked_addresses_is_refused_with_the_guards_words)
{
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o = fetch(c, (struct bf_fetch_request){.url = "http://blocked.test/"});

    CHECK_INT(o.r.err, BF_EPERM);
    CHECK(!o.r.sent);
    CHECK_HAS(o.words, "allow_addresses = \"");
    bf_client_free(c);
}

/* A secret may get another value after the integration was saved. */
TEST(a_key_that_takes_long_to_read_is_not_sent_with)
{
    struct bf_client *c = client(LOOPBACK, NULL);
    char key[8200];
    struct outcome o;

    memset(key, 'x', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    o = fetch(c, (struct bf_fetch_request){.url = "https://127.0.0.1:1/", .tls_cert = "x", .tls_key = key});
    CHECK_INT(o.r.err, BF_ECONFIG);
    CHECK_HAS(o.words, "is too long to be read at every connection");
    bf_client_free(c);
}

TEST(a_name_with_a_blocked_and_an_allowed_address_reaches_the_allowed_one)
{
    struct server *s = serve(answer_ok);
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o =
        fetch(c, (struct bf_fetch_request){.url = url_of("two.test", s->port, "/")});

    CHECK_INT(o.r.err, BF_OK);
    CHECK_INT(o.r.status, 200);
    bf_client_free(c);
}

TEST(an_allowed_address_that_fails_is_a_failure_and_no_refusal)
{
    unsigned port;
    int fd = listen_loopback(&port, 1);
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o;

    close(fd);
    o = fetch(c, (struct bf_fetch_request){.url = url_of("two.test", port, "/")});
    CHECK_INT(o.r.err, BF_EIO);
    CHECK_HAS(o.words, "cannot connect to two.test:");
    bf_client_free(c);
}

TEST(a_name_that_moves_to_a_blocked_address_is_refused_then)
{
    struct server *s = serve(answer_ok);
    struct outcome o;

    for (int i = 0; i < 2; i++) {       /* a client each: the first one remembers the address */
        struct bf_client *c = client("127.0.0.2", NULL);

        o = fetch(c, (struct bf_fetch_request){.url = url_of("rebind.test", s->port, "/")});
        CHECK_INT(o.r.err, i ? BF_EPERM : BF_EIO);      /* nobody listens on 127.0.0.2 */
        bf_client_free(c);
    }
    CHECK_INT(s->connections, 0);
}

TEST(our_own_listener_is_refused_though_its_network_is_allowed)
{
    struct server *s = serve(answer_ok);
    struct bf_guard *g = guard(LOOPBACK);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port)};
    struct bf_client *c;
    struct outcome o;

    bf_guard_own(g, (struct sockaddr *)&in);
    CHECK_INT(bf_client_new(g, NULL, "belfry-test", &c, NULL), BF_OK);
    o = fetch(c, (struct bf_fetch_request){.url = url_of("loopback.test", s->port, "/")});
    CHECK_INT(o.r.err, BF_EPERM);
    CHECK_HAS(o.words, "this hub listens there itself");
    CHECK_INT(s->connections, 0);
    bf_client_free(c);
}

TEST(proxies_of_the_environment_are_ignored)
{
    struct server *s = serve(answer_ok), *proxy = serve(answer_ok);
    struct bf_client *c;

    setenv("http_proxy", url(proxy), 1);
    setenv("HTTP_PROXY", url(proxy), 1);
    setenv("all_proxy", url(proxy), 1);
    setenv("ALL_PROXY", url(proxy), 1);
    c = client(LOOPBACK, NULL);
    CHECK_INT(fetch(c, (struct bf_fetch_request){.url = url(s)}).r.status, 200);
    CHECK_INT(s->requests, 1);
    CHECK_INT(proxy->connections, 0);
    bf_client_free(c);
}

/* --- TLS, against openssl's test server --- */

/* Runs `openssl ...` in the test's directory, and waits. */
static void openssl(const char *args)
{
    char command[900];

    snprintf(command, sizeof(command), "cd %s && openssl %s >/dev/null 2>&1", test_dir(), args);
    if (system(command) != 0)
        test_skip("no openssl that can do this");
}

static void make_certificate(const char *name, const char *subject_alt_name)
{
    char args[400];

    snprintf(args, sizeof(args),
             "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=%s "
             "-addext subjectAltName=%s -keyout %s.key -out %s.pem",
             name, subject_alt_name, name, name);
    openssl(args);
}

static char *slurp(const char *name)
{
    char path[200], *text = calloc(1, 16384);
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", test_dir(), name);
    f = fopen(path, "r");
    CHECK(f && fread(text, 1, 16383, f) > 0);
    fclose(f);
    return text;
}

struct tls_server {
    pid_t pid;
    unsigned port;
    int in;                     /* without -www: what it is to answer */
};

/* With "-www" it answers 200 to each request and closes. */
static struct tls_server tls_serve(const char *name, const char *more)
{
    struct tls_server s = {0};
    char command[400], line[200];
    int out[2], in[2];
    FILE *f;

    CHECK(pipe(out) == 0 && pipe(in) == 0);
    snprintf(command, sizeof(command),
             "cd %s && exec openssl s_server -accept 127.0.0.1:0 -cert %s.pem -key %s.key %s "
             "2>/dev/null",
             test_dir(), name, name, more);
    s.pid = fork();
    if (s.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);       /* also when a check fails */
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    s.in = in[1];
    f = fdopen(out[0], "r");
    while (!s.port && fgets(line, sizeof(line), f))
        if (!strncmp(line, "ACCEPT 127.0.0.1:", 17))
            s.port = (unsigned)atoi(line + 17);
    if (!s.port)
        test_skip("no openssl s_server");
    return s;
}

static const char *tls_url(unsigned port)
{
    static char text[100];

    snprintf(text, sizeof(text), "https://127.0.0.1:%u/", port);
    return text;
}

TEST(a_certificate_nobody_vouches_for_is_refused_unless_its_authority_is_given)
{
    struct tls_server s;
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o;
    char *ca;

    make_certificate("server", "IP:127.0.0.1");
    s = tls_serve("server", "-www");
    ca = slurp("server.pem");
    o = fetch(c, (struct bf_fetch_request){.method = "GET", .url = tls_url(s.port)});
    CHECK_INT(o.r.err, BF_EIO);
    CHECK(!o.r.sent);
    CHECK_HAS(o.words, "the certificate of 127.0.0.1:");
    CHECK_HAS(o.words, "is self-signed");
    o = fetch(c, (struct bf_fetch_request){.method = "GET", .url = tls_url(s.port), .tls_ca = ca});
    CHECK_STR(o.words, "");
    CHECK_INT(o.r.status, 200);
    o = fetch(c, (struct bf_fetch_request){.method = "GET", .url = tls_url(s.port)});
    CHECK_INT(o.r.err, BF_EIO); /* and only for that transfer */
    bf_client_free(c);
    free(ca);
    kill(s.pid, 9);
}

TEST(a_certificate_for_another_name_is_refused)
{
    struct tls_server s;
    struct bf_client *c = client(LOOPBACK, NULL);
    struct outcome o;
    char *ca;

    make_certificate("other", "DNS:other.example");
    s = tls_serve("other", "-www");
    ca = slurp("other.pem");
    o = fetch(c, (struct bf_fetch_request){.method = "GET", .url = tls_url(s.port), .tls_ca = ca});
    CHECK_INT(o.r.err, BF_EIO);
    CHECK(!o.r.sent);
    CHECK_HAS(o.words, "the certificate of 127.0.0.1:");
    bf_client_free(c);
    free(ca);
    kill(s.pid, 9);
}

TEST(a_client_certificate_opens_what_is_closed_without_it)
{
    struct tls_server s;
    struct bf_client *c = client(LOOPBACK, NULL);
    struct bf_fetch_request r = {.method = "GET"};
    char *ca, *cert, *key;

    make_certificate("server", "IP:127.0.0.1");
    make_certificate("hub", "DNS:hub.example");
    s = tls_serve("server", "-www -Verify 1 -verify_return_error -CAfile hub.pem");
    r.url = tls_url(s.port);
    r.tls_ca = ca = slurp("server.pem");
    CHECK_INT(fetch(c, r).r.err, BF_EIO);
    r.tls_cert = cert = slurp("hub.pem");
    r.tls_key = key = slurp("hub.key");
    CHECK_INT(fetch(c, r).r.status, 200);
    r.tls_cert = NULL;
    CHECK_INT(fetch(c, r).r.err, BF_ECONFIG);
    r.tls_key = NULL;
    CHECK_INT(fetch(c, r).r.err, BF_EIO);
    r.tls_cert = "nonsense";
    CHECK_INT(fetch(c, r).r.err, BF_ECONFIG);
    bf_client_free(c);
    free(ca);
    free(cert);
    free(key);
    kill(s.pid, 9);
}

/* libcurl would read the passphrase from NULL, and OpenSSL ask for it on the terminal. */
TEST(a_key_with_a_passphrase_is_not_tried)
{
    struct bf_client *c = client(LOOPBACK, NULL);
    struct bf_fetch_request r = {.method = "GET", .url = "https://127.0.0.1:1/"};
    char *cert, *key;
    struct outcome o;

    make_certificate("hub", "DNS:hub.example");
    openssl("pkey -in hub.key -aes128 -passout pass:x -out locked.key");
    r.tls_cert = cert = slurp("hub.pem");
    r.tls_key = key = slurp("locked.key");
    o = fetch(c, r);
    CHECK_INT(o.r.err, BF_ECONFIG);
    CHECK_HAS(o.words, "is locked with a passphrase");
    r = (struct bf_fetch_request){.method = "GET", .url = r.url, .tls_ca = key};
    CHECK_INT(fetch(c, r).r.err, BF_ECONFIG);
    bf_client_free(c);
    free(cert);
    free(key);
}

/* A certificate as hub.pem's owner gives it out, from then until then: NAME.pem with NAME.key. */
static void issue(const char *name, const char *from, const char *until)
{
    char args[600], path[300];
    FILE *f;

    snprintf(path, sizeof(path), "%s/ca.cnf", test_dir());
    f = fopen(path, "w");
    fprintf(f, "[ca]\ndefault_ca = d\n[d]\ndatabase = index\nnew_certs_dir = .\nrand_serial = yes\n"
               "default_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n");
    fclose(f);
    snprintf(path, sizeof(path), "%s/index", test_dir());
    fclose(fopen(path, "w"));
    snprintf(args, sizeof(args), "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=%s"
             " -keyout %s.key -out %s.csr", name, name, name);
    openssl(args);
    snprintf(args, sizeof(args), "ca -batch -config ca.cnf -cert hub.pem -keyfile hub.key -startdate"
             " %s -enddate %s -in %s.csr -notext -out %s.pem", from, until, name, name);
    openssl(args);
}

/* Whichever the version, a server that refuses a certificate has done nothing, and says why. */
TEST(what_a_server_says_of_a_certificate_is_told)
{
    static const struct { const char *name, *tls12, *tls13; } rows[] = {
        {NULL, "may ask for a client certificate", "asks for a client certificate, and got none"},
        {"late", "says that the client certificate has expired",
         "says that the client certificate has expired"},
        {"other", "does not know the authority of the client certificate",
         "does not know the authority of the client certificate"},
    };
    struct bf_client *c = client(LOOPBACK, NULL);
    char *ca;

    make_certificate("server", "IP:127.0.0.1");
    make_certificate("hub", "DNS:hub.example");
    make_certificate("other", "DNS:other.example");
    issue("late", "20200101000000Z", "20200201000000Z");
    ca = slurp("server.pem");
    for (int v = 0; v < 2; v++) {
        struct tls_server s = tls_serve("server", v ? "-tls1_3 -www -Verify 1 -verify_return_error"
                                                      " -CAfile hub.pem"
                                                    : "-tls1_2 -www -Verify 1 -verify_return_error"
                                                      " -CAfile hub.pem");

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
            struct bf_fetch_request r = {.method = "POST", .url = tls_url(s.port), .tls_ca = ca,
                                         .body = "{}", .body_len = 2};
            char name[40], *cert = NULL, *key = NULL;
            struct outcome o;

            if (rows[i].name) {
                snprintf(name, sizeof(name), "%s.pem", rows[i].name);
                r.tls_cert = cert = slurp(name);
                snprintf(name, sizeof(name), "%s.key", rows[i].name);
                r.tls_key = key = slurp(name);
            }
            o = fetch(c, r);
            CHECK_INT(o.r.err, BF_EIO);
            CHECK_HAS(o.words, v ? rows[i].tls13 : rows[i].tls12);
            CHECK(!o.r.sent);
            free(cert);
            free(key);
        }
        kill(s.pid, 9);
    }
    bf_client_free(c);
    free(ca);
}

TEST(a_kept_connection_is_not_for_who_has_the_certificate_but_not_its_key)
{
    /* libcurl used to reuse it, as it compares certificates only. */
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    struct tls_server s;
    struct bf_client *c = client(LOOPBACK, NULL);
    struct bf_fetch_request r = {.method = "GET", .total_ms = 5000};
    char *ca, *cert, *key, *other;

    make_certificate("server", "IP:127.0.0.1");
    make_certificate("hub", "DNS:hub.example");
    s = tls_serve("server", "-Verify 1 -CAfile hub.pem");
    r.url = tls_url(s.port);
    r.tls_ca = ca = slurp("server.pem");
    r.tls_cert = cert = slurp("hub.pem");
    key = slurp("hub.key");
    other = slurp("server.key");
    for (int i = 0; i < 2; i++) {       /* the server has one connection at a time */
        r.tls_key = key;
        CHECK(write(s.in, ok, sizeof(ok) - 1) > 0);
        CHECK_INT(fetch(c, r).r.status, 200);
        r.tls_key = other;
        CHECK_INT(fetch(c, r).r.err, BF_ECONFIG);
    }
    bf_client_free(c);
    free(ca);
    free(cert);
    free(key);
    free(other);
    kill(s.pid, 9);
}

/* --- the loop --- */

TEST(run_returns_when_its_time_is_up)
{
    struct bf_client *c = client(NULL, NULL);
    int64_t began = now_ms();

    bf_client_run(c, 0);
    CHECK(now_ms() - began < 50);
    bf_client_run(c, 60);
    CHECK(now_ms() - began >= 60);
    bf_client_free(c);
}

static void *wake_later(void *arg)
{
    usleep(30000);
    bf_client_wake(arg);
    return NULL;
}

TEST(a_wake_from_another_thread_ends_a_run_each_time)
{
    struct bf_client *c = client(NULL, NULL);

    for (int i = 0; i < 5; i++) {
        pthread_t thread;
        int64_t began = now_ms();

        CHECK_INT(pthread_create(&thread, NULL, wake_later, c), 0);
        bf_client_run(c, 10000);
        CHECK(now_ms() - began < 5000);
        pthread_join(thread, NULL);
    }
    bf_client_free(c);
}

TEST(a_wake_before_the_run_is_not_lost_and_many_are_one)
{
    struct bf_client *c = client(NULL, NULL);
    int64_t began = now_ms();

    for (int i = 0; i < 100; i++)
        bf_client_wake(c);
    bf_client_run(c, 10000);
    CHECK(now_ms() - began < 5000);
    began = now_ms();
    bf_client_run(c, 50);
    CHECK(now_ms() - began >= 50);
    bf_client_free(c);
}

TEST(free_cancels_what_is_under_way_and_says_what_was_sent)
{
    struct bf_client_limits limits = {.max_connections = 1};
    struct server *s = serve(answer_never);
    struct bf_client *c = client(LOOPBACK, &limits);
    struct bf_fetch_request r = {.method = "POST", .url = url(s)};
    struct outcome sent = {0}, waiting = {0}, refused = {0};

    bf_client_send(c, &r, on_done, &sent);
    bf_client_send(c, &r, on_done, &waiting);
    bf_client_run(c, 100);
    CHECK_INT(s->requests, 1);
    r.url = "nonsense";
    bf_client_send(c, &r, on_done, &refused);
    CHECK_INT(bf_client_in_flight(c), 3);
    bf_client_free(c);
    CHECK_INT(sent.calls, 1);
    CHECK_INT(sent.r.err, BF_ECANCELED);
    CHECK(sent.r.sent);
    CHECK_INT(waiting.calls, 1);
    CHECK_INT(waiting.r.err, BF_ECANCELED);
    CHECK(!waiting.r.sent);
    CHECK_INT(refused.calls, 1);
    CHECK(!refused.r.sent);
}

TEST(what_done_sends_during_free_is_cancelled_too)
{
    struct server *s = serve(answer_never);
    struct many m = {.client = client(LOOPBACK, NULL), .more = 3};

    m.request = (struct bf_fetch_request){.method = "POST", .url = url(s)};
    bf_client_send(m.client, &m.request, on_one_of_many, &m);
    bf_client_run(m.client, 20);
    bf_client_free(m.client);
    CHECK_INT(m.calls, 4);
    CHECK_INT(m.good, 0);
}
