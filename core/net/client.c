/* client.c - the loop that sends HTTP requests: libcurl's multi handle on our own epoll.
 *
 * A transfer owns an easy handle whose options are set once; per request only the URL (if it is
 * another), method, headers, body and times change.  A transfer is in exactly one list: `idle`
 * (the pool), `waiting` for a connection, `running` inside libcurl, or `refused` before it began;
 * and it leaves the last three through end_transfer(), which calls `done`.
 *
 * Connections are HTTP/1.1, so that "sent" is a plain fact: libcurl counts the bytes of this
 * request that were written to this connection.  The numbers of running transfers are limited
 * here and not by libcurl, because libcurl lets the clock of a transfer run while it queues.
 *
 * What libcurl calls back never calls out of this file but to the guard. */
#include "core/net/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <curl/curl.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/map.h"
#include "core/net/tls.h"

#define DEFAULT_CONNECTIONS 256u
#define DEFAULT_PER_HOST    64u
#define DEFAULT_KEPT        256u
#define DEFAULT_KEEP        ((size_t)64 * 1024)
#define DEFAULT_READ        ((size_t)1024 * 1024)
#define DEFAULT_CONNECT_MS  5000
#define DEFAULT_TOTAL_MS    15000

#define REQUEST_HEADERS_MAX ((size_t)64 * 1024) /* bytes of all header lines of a request */
#define ANSWER_HEADERS_MAX  ((size_t)64 * 1024) /* and of an answer, interim ones included */
#define READ_BUFFER         (8 * 1024L)         /* libcurl's, per running transfer */
#define WRITE_BUFFER        (16 * 1024L)        /* its least; only for bodies beyond 64 KiB */
#define IDLE_MAX            128u                /* transfers kept for reuse */
#define IDLE_BUFFER_MAX     ((size_t)8 * 1024)  /* what a kept one may hold for its next answer */
#define EVENTS_AT_ONCE      128
#define HOST_MAX            300                 /* a DNS name and a port, in words */

/* Where transfers go, for the limit per host and for words. */
struct host {
    unsigned users;             /* transfers that point here, idle ones included */
    unsigned running;
    char name[HOST_MAX];        /* "hooks.example:443" */
};

enum excess { FITS, BODY_TOO_BIG, HEADERS_TOO_BIG };

struct transfer {
    struct bf_client *client;
    struct transfer *prev, *next;
    CURL *easy;
    char *url;                  /* the one `easy` and `host` are set to; NULL: none yet */
    struct host *host;

    struct bf_fetch_request request;
    bf_fetch_fn *done;
    void *arg;
    struct curl_slist *lines;   /* an array, linked to a list */
    size_t lines_cap;
    char *line_text;
    size_t line_text_cap;
    char *identity;             /* see set_identity() */

    bool head_read;             /* the answer's head came whole */
    bool guard_passed;          /* the guard let at least one address through */
    enum excess excess;
    struct bf_error error;      /* the guard's last refusal, later the outcome */
    char curl_words[CURL_ERROR_SIZE];
    struct bf_buf body;
    size_t body_read;
    struct bf_buf headers;      /* name NUL value NUL ... */
    size_t n_headers;
    size_t headers_read;
    const char **header_list;
    size_t header_list_cap;
};

struct list {
    struct transfer *first, *last;
};

/* What epoll knows of a file descriptor. */
struct watch {
    uint32_t registered;        /* the events epoll was told; 0: not at all */
    uint32_t wanted;            /* the events libcurl asked for last */
    bool connection;            /* made by on_open(), so that on_close() will tell of its end */
};

struct bf_client {
    const struct bf_guard *guard;
    struct bf_client_limits limits;
    char *user_agent;
    char *ca_file;              /* NULL: the system's list */
    CURLM *multi;
    int epoll_fd;
    int wake_fd;
    atomic_bool wake_pending;
    int64_t timer_at;           /* when libcurl wants to be called; -1: not */
    struct watch *watches;      /* by file descriptor */
    size_t n_watches;
    struct bf_map *hosts;
    struct list idle, waiting, running, refused;
    unsigned n_idle, n_running, n_in_flight;
    bool closing;
};

static int64_t now_ms(void) { return bf_mono_ms(bf_clock_system()); }

/* --- lists of transfers --- */

static void list_append(struct list *l, struct transfer *t)
{
    t->prev = l->last;
    t->next = NULL;
    *(l->last ? &l->last->next : &l->first) = t;
    l->last = t;
}

static void list_remove(struct list *l, struct transfer *t)
{
    *(t->prev ? &t->prev->next : &l->first) = t->next;
    *(t->next ? &t->next->prev : &l->last) = t->prev;
}

/* --- file descriptors: between libcurl and epoll --- */

static struct watch *watch_of(struct bf_client *c, int fd)
{
    size_t i = (size_t)fd;

    if (i >= c->n_watches) {
        size_t n = i + 64;

        c->watches = bf_zrealloc(c->watches, n * sizeof(*c->watches));
        memset(c->watches + c->n_watches, 0, (n - c->n_watches) * sizeof(*c->watches));
        c->n_watches = n;
    }
    return &c->watches[i];
}

/* An fd that libcurl closed without telling is gone from epoll, and its number may be in use
 * again; hence the second try. */
static void watch_set(struct bf_client *c, int fd, uint32_t events)
{
    struct watch *w = watch_of(c, fd);
    struct epoll_event ev = {.events = events, .data.fd = fd};

    if (w->registered == events)
        return;
    if (!events)
        epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    else if (epoll_ctl(c->epoll_fd, w->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) != 0)
        epoll_ctl(c->epoll_fd, w->registered ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &ev);
    w->registered = events;
}

/* A connection that becomes idle stays registered: its next request wants the same event again,
 * and two system calls are saved.  If it stirs while idle, dispatch() unregisters it. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    static const uint32_t events[] = {
        [CURL_POLL_NONE] = 0,
        [CURL_POLL_IN] = EPOLLIN,
        [CURL_POLL_OUT] = EPOLLOUT,
        [CURL_POLL_INOUT] = EPOLLIN | EPOLLOUT,
        [CURL_POLL_REMOVE] = 0,
    };
    struct bf_client *c = arg;
    struct watch *w = watch_of(c, fd);

    (void)easy;
    (void)unused;
    w->wanted = events[what];
    if (w->wanted || !w->connection)
        watch_set(c, fd, w->wanted);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct bf_client *c = arg;

    (void)multi;
    c->timer_at = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
    return 0;
}

/* The guard's place: every connection is made here, by the address it really goes to.  A name may
 * have several addresses, of which libcurl tries the next one if we refuse. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *t = arg;
    int fd;

    (void)purpose;
    if (bf_guard_check(t->client->guard, &address->addr, &t->error))
        return CURL_SOCKET_BAD;
    t->guard_passed = true;
    fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    *watch_of(t->client, fd) = (struct watch){.connection = true};
    return fd;
}

/* A kept connection was allowed when it was made.  Once the list of allowed networks has been
 * another, that says nothing any more. */
static int on_use(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct transfer *t = arg;
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const struct sockaddr *address = NULL;

    (void)local_ip;
    (void)local_port;
    if (!bf_guard_was_changed(t->client->guard))
        return CURL_PREREQFUNC_OK;
    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
        address = (struct sockaddr *)&v4;
    else if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1)
        address = (struct sockaddr *)&v6;
    if (address && !bf_guard_check(t->client->guard, address, &t->error))
        return CURL_PREREQFUNC_OK;
    return CURL_PREREQFUNC_ABORT;
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct bf_client *c = arg;

    *watch_of(c, fd) = (struct watch){.registered = 0};
    return close(fd);
}

/* --- the answer, as it comes --- */

static size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    const struct bf_client_limits *limits = &t->client->limits;

    (void)size;                 /* always 1 */
    if (n > limits->read_max - t->body_read) {
        t->excess = BODY_TOO_BIG;
        return 0;
    }
    t->body_read += n;
    bf_buf_add(&t->body, data, min_size(n, limits->keep_max - t->body.len));
    return n;
}

static void keep_header(struct transfer *t, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    const char *value, *end = line + len;

    if (!colon || colon == line || *line == ' ' || *line == '\t' || memchr(line, '\0', len))
        return;
    for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
        ;
    while (end > value && strchr(" \t\r\n", end[-1]))
        end--;
    bf_buf_add(&t->headers, line, (size_t)(colon - line));
    bf_buf_addc(&t->headers, '\0');
    bf_buf_add(&t->headers, value, (size_t)(end - value));
    bf_buf_addc(&t->headers, '\0');
    if (!t->headers.failed)     /* for want of memory; the limit is on_header()'s */
        t->n_headers++;
}

/* Called per line, status lines included, of which each begins the headers anew: what an interim
 * answer (100, 103) said is dropped. */
static size_t on_header(char *line, size_t size, size_t len, void *arg)
{
    struct transfer *t = arg;

    (void)size;
    if (len > ANSWER_HEADERS_MAX - t->headers_read) {
        t->excess = HEADERS_TOO_BIG;
        return 0;
    }
    t->headers_read += len;
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        bf_buf_clear(&t->headers);
        t->n_headers = 0;
        t->head_read = false;
    } else if (*line == '\r' || *line == '\n') {
        t->head_read = true;
    } else {
        keep_header(t, line, len);
    }
    return len;
}

/* --- making a transfer --- */

/* All that is the same for every request.  QUICK_EXIT is what keeps a slow resolver from stopping
 * the loop: without it libcurl joins the resolver's thread when a transfer times out. */
static void set_fixed_options(struct transfer *t)
{
    CURL *e = t->easy;

    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->curl_words);
    curl_easy_setopt(e, CURLOPT_USERAGENT, t->client->user_agent);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(e, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    if (t->client->ca_file)
        curl_easy_setopt(e, CURLOPT_CAINFO, t->client->ca_file);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, READ_BUFFER);
    curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, WRITE_BUFFER);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_use);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, t->client);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
}

static struct transfer *transfer_new(struct bf_client *c)
{
    struct transfer *t = bf_new(struct transfer);

    t->client = c;
    t->easy = curl_easy_init();
    bf_assert(t->easy);         /* only without memory */
    bf_buf_init(&t->body, c->limits.keep_max);
    bf_buf_init(&t->headers, ANSWER_HEADERS_MAX);
    set_fixed_options(t);
    return t;
}

static void forget_url(struct transfer *t)
{
    free(t->url);
    t->url = NULL;
    if (t->host && --t->host->users == 0) {
        bf_map_remove(t->client->hosts, t->host->name);
        free(t->host);
    }
    t->host = NULL;
}

static void transfer_free(struct transfer *t)
{
    curl_easy_cleanup(t->easy);
    forget_url(t);
    free(t->lines);
    free(t->line_text);
    free(t->identity);
    bf_buf_fini(&t->body);
    bf_buf_fini(&t->headers);
    free(t->header_list);
    free(t);
}

/* The last one used comes first: it is warm, and most likely set to the wanted URL. */
static struct transfer *take_transfer(struct bf_client *c)
{
    struct transfer *t = c->idle.last;

    if (!t)
        return transfer_new(c);
    list_remove(&c->idle, t);
    c->n_idle--;
    return t;
}

static void empty_buf(struct bf_buf *b)
{
    size_t max = b->max;

    if (b->cap <= IDLE_BUFFER_MAX) {
        bf_buf_clear(b);
        return;
    }
    bf_buf_fini(b);
    bf_buf_init(b, max);
}

/* A transfer with TLS material of its own is not kept: nothing of it may stay set. */
static void give_back(struct transfer *t)
{
    struct bf_client *c = t->client;
    const struct bf_fetch_request *r = &t->request;

    if (c->n_idle >= IDLE_MAX || r->tls_cert || r->tls_key || r->tls_ca) {
        transfer_free(t);
        return;
    }
    empty_buf(&t->body);
    empty_buf(&t->headers);
    t->n_headers = t->headers_read = t->body_read = 0;
    t->head_read = t->guard_passed = false;
    t->excess = FITS;
    t->error.code = 0;
    t->error.words[0] = t->curl_words[0] = '\0';
    list_append(&c->idle, t);
    c->n_idle++;
}

/* --- preparing a request --- */

static struct host *host_ref(struct bf_client *c, const char *name)
{
    struct host *h = bf_map_get(c->hosts, name);

    if (!h) {
        h = bf_new(struct host);
        snprintf(h->name, sizeof(h->name), "%s", name);
        bf_map_set(c->hosts, h->name, h);
    }
    h->users++;
    return h;
}

/* "hooks.example:443" of a URL that bf_guard_check_url() has accepted. */
static bool host_name(const char *url, char *out, size_t len)
{
    CURLU *parts = curl_url();
    char *host = NULL, *port = NULL;
    bool ok = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
              (size_t)snprintf(out, len, "%s:%s", host, port) < len;

    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return ok;
}

static int use_url(struct transfer *t, const char *url)
{
    char name[HOST_MAX];
    int rc;

    if (t->url && strcmp(t->url, url) == 0)
        return BF_OK;
    forget_url(t);
    rc = bf_guard_check_url(t->client->guard, url, &t->error);
    if (rc)
        return rc;
    if (!host_name(url, name, sizeof(name)))
        return bf_error_set(&t->error, BF_ECONFIG, "the URL's host is too long");
    if (curl_easy_setopt(t->easy, CURLOPT_URL, url) != CURLE_OK)
        return bf_error_set(&t->error, BF_ETOOBIG, "the URL is too long");
    t->host = host_ref(t->client, name);
    t->url = bf_strdup(url);
    return BF_OK;
}

/* A name of RFC 9110's `token`. */
static bool token_valid(const char *text)
{
    static const char letters[] = "!#$%&'*+-.^_`|~0123456789"
                                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    return *text && text[strspn(text, letters)] == '\0';
}

static bool value_valid(const char *text)
{
    for (; *text; text++)
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
            return false;
    return true;
}

static bool client_sets(const char *name)
{
    return !strcasecmp(name, "Content-Length") || !strcasecmp(name, "Transfer-Encoding") ||
           !strcasecmp(name, "Expect");
}

static int check_header(struct transfer *t, const char *name, const char *value)
{
    if (!token_valid(name))
        return bf_error_set(&t->error, BF_EINVAL, "\"%.60s\" is no name for a header", name);
    if (client_sets(name))
        return bf_error_set(&t->error, BF_EINVAL, "header %s is set by the hub itself", name);
    if (!value_valid(value))
        return bf_error_set(&t->error, BF_EINVAL,
                            "header %.60s has control characters in its value", name);
    return BF_OK;
}

/* How many lines, and how many bytes they take as "name: value" and a NUL. */
static int measure_headers(struct transfer *t, size_t *n, size_t *len)
{
    int rc;

    for (const char *const *h = t->request.headers; h && h[0]; h += 2) {
        rc = check_header(t, h[0], h[1]);
        if (rc)
            return rc;
        *n += 1;
        *len += strlen(h[0]) + strlen(h[1]) + 3;
        if (*len > REQUEST_HEADERS_MAX)
            return bf_error_set(&t->error, BF_ETOOBIG, "the request's headers exceed %zu bytes",
                                REQUEST_HEADERS_MAX);
    }
    return BF_OK;
}

/* libcurl reads "name:" as "leave that header out", and "name;" as "name:" with no value. */
static char *print_header(char *at, const char *name, const char *value)
{
    char *end = stpcpy(at, name);

    if (!*value)
        return stpcpy(end, ";") + 1;
    return stpcpy(stpcpy(end, ": "), value) + 1;
}

static void reserve(void *array, size_t *cap, size_t need, size_t item)
{
    void **p = array;

    if (need <= *cap)
        return;
    *cap = need + need / 2;
    *p = bf_zrealloc(*p, *cap * item);
}

/* A list of libcurl's kind in two blocks that the transfer keeps, instead of two allocations per
 * header.  Two lines keep libcurl from adding what nobody asked for. */
static int set_headers(struct transfer *t)
{
    size_t n = 0, len = 0;
    bool typed = false;
    char *at;
    int rc = measure_headers(t, &n, &len);

    if (rc)
        return rc;
    reserve(&t->lines, &t->lines_cap, n + 2, sizeof(*t->lines));
    reserve(&t->line_text, &t->line_text_cap, len + 1, 1);
    at = t->line_text;
    for (size_t i = 0; i < n; i++) {
        const char *const *h = &t->request.headers[2 * i];

        typed = typed || strcasecmp(h[0], "Content-Type") == 0;
        t->lines[i].data = at;
        at = print_header(at, h[0], h[1]);
    }
    t->lines[n++].data = (char *)"Expect:";
    if (!typed)
        t->lines[n++].data = (char *)"Content-Type:";
    for (size_t i = 0; i < n; i++)
        t->lines[i].next = i + 1 < n ? &t->lines[i + 1] : NULL;
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->lines);
    return BF_OK;
}

/* Methods that carry a body say so even when it is empty: "Content-Length: 0". */
static bool takes_body(const struct bf_fetch_request *r)
{
    return r->body_len || !strcmp(r->method, "POST") || !strcmp(r->method, "PUT") ||
           !strcmp(r->method, "PATCH");
}

static int set_method(struct transfer *t)
{
    const struct bf_fetch_request *r = &t->request;
    const char *implied;

    if (!token_valid(r->method))
        return bf_error_set(&t->error, BF_EINVAL, "\"%.40s\" is no HTTP method", r->method);
    if (takes_body(r)) {
        if (!strcmp(r->method, "HEAD"))
            return bf_error_set(&t->error, BF_EINVAL, "a HEAD request has no body");
        implied = "POST";
        curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, r->body_len ? r->body : "");
    } else if (!strcmp(r->method, "HEAD")) {
        implied = "HEAD";
        curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
    } else {
        implied = "GET";
        curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST,
                     strcmp(r->method, implied) ? r->method : NULL);
    return BF_OK;
}

/* libcurl shares a connection between transfers whose certificate and authorities are the same,
 * byte for byte, but does not look at the key: whoever knows a certificate, which is public, could
 * ride on its owner's connection.  So a mark of the key goes behind the certificate, as text that
 * PEM readers skip. */
static void set_identity(struct transfer *t)
{
    const char *cert = t->request.tls_cert, *key = t->request.tls_key;
    size_t len = strlen(cert) + 32;

    t->identity = bf_zalloc(len);
    snprintf(t->identity, len, "%s\n%016llx\n", cert,
             key ? (unsigned long long)bf_hash64(key, strlen(key)) : 0);
}

/* A secret may have got another value since the integration was saved. */
static bool is_any_long(const char *const pem[BF_TLS_PARTS])
{
    bool is_long = false;
    size_t most;

    for (int i = 0; i < BF_TLS_PARTS; i++)
        is_long |= bf_tls_is_long((enum bf_tls_part)i, pem[i], &most);
    return is_long;
}

static int set_tls(struct transfer *t)
{
    const struct bf_fetch_request *r = &t->request;

    if (!r->tls_cert && !r->tls_key && !r->tls_ca)
        return BF_OK;
    if (r->tls_key && !r->tls_cert)
        return bf_error_set(&t->error, BF_ECONFIG, "a key needs its certificate");
    if (bf_tls_is_locked(r->tls_cert) || bf_tls_is_locked(r->tls_key) ||
        bf_tls_is_locked(r->tls_ca))
        return bf_error_set(&t->error, BF_ECONFIG, "the certificate or key for %s is locked with a"
                            " passphrase; give it without", t->host->name);
    if (is_any_long((const char *[]){r->tls_cert, r->tls_key, r->tls_ca}))
        return bf_error_set(&t->error, BF_ECONFIG, "the certificate or key for %s is too long to be read"
                            " at every connection", t->host->name);
    if (r->tls_cert)
        set_identity(t);
    bf_tls_set(t->easy, (const char *[]){t->identity, r->tls_key, r->tls_ca});
    return BF_OK;
}

static int prepare(struct transfer *t)
{
    struct bf_fetch_request *r = &t->request;
    int rc = use_url(t, r->url);

    if (!rc)
        rc = set_method(t);
    if (!rc)
        rc = set_headers(t);
    if (!rc)
        rc = set_tls(t);
    if (rc)
        return rc;
    if (r->connect_ms <= 0)
        r->connect_ms = DEFAULT_CONNECT_MS;
    if (r->total_ms <= 0)
        r->total_ms = DEFAULT_TOTAL_MS;
    curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_ms);
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)r->total_ms);
    /* libcurl repeats a request whose kept connection turns out dead, although the other side may
     * have read it; not on a connection made for it. */
    curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, (long)r->once);
    curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, (long)r->once);
    return BF_OK;
}

/* --- words for what went wrong --- */

/* OpenSSL's X509_V_ERR_*, which libcurl hands through. */
static const struct verify_words {
    long code;
    const char *words;
} verify_words[] = {
    {9, "is not valid yet"},
    {10, "has expired"},
    {18, "is self-signed and not trusted"},
    {19, "is signed by an authority that is not trusted"},
    {20, "is signed by an authority that is not trusted"},
    {21, "is signed by an authority that is not trusted"},
    {23, "has been revoked"},
};

static int certificate_failed(struct transfer *t)
{
    long code = 0;

    curl_easy_getinfo(t->easy, CURLINFO_SSL_VERIFYRESULT, &code);
    /* No reason is given where the server's is good: then it was its alert about ours. */
    if (t->request.tls_cert && strcmp(t->curl_words, "SSL certificate verification failed") == 0)
        return bf_error_set(&t->error, BF_EIO, "%s says that the client certificate has expired",
                            t->host->name);
    for (size_t i = 0; i < BF_COUNT(verify_words); i++)
        if (verify_words[i].code == code)
            return bf_error_set(&t->error, BF_EIO, "the certificate of %s %s", t->host->name,
                                verify_words[i].words);
    return bf_error_set(&t->error, BF_EIO, "the certificate of %s is not trusted: %s",
                        t->host->name, t->curl_words);
}

static int connect_failed(struct transfer *t)
{
    long os_errno = 0;

    if (t->error.code == BF_EPERM && !t->guard_passed)
        return BF_EPERM;
    curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os_errno);
    return bf_error_set(&t->error, BF_EIO, "cannot connect to %s: %s", t->host->name,
                        os_errno ? strerror((int)os_errno) : "no address of it answers");
}

static void print_ms(int64_t ms, char *out, size_t len)
{
    if (ms % 1000)
        snprintf(out, len, "%lld ms", (long long)ms);
    else
        snprintf(out, len, "%lld s", (long long)ms / 1000);
}

static int timed_out(struct transfer *t, bool sent)
{
    const struct bf_fetch_request *r = &t->request;
    char limit[32];

    print_ms(sent ? r->total_ms : bf_min64(r->connect_ms, r->total_ms), limit, sizeof(limit));
    if (!sent)
        return bf_error_set(&t->error, BF_ETIMEDOUT, "cannot connect to %s within %s",
                            t->host->name, limit);
    return bf_error_set(&t->error, BF_ETIMEDOUT, "no %sanswer from %s within %s",
                        t->headers_read ? "complete " : "", t->host->name, limit);
}

static int answer_too_big(struct transfer *t)
{
    bool headers = t->excess == HEADERS_TOO_BIG;

    return bf_error_set(&t->error, BF_ETOOBIG, "the answer of %s is too big: more than %zu bytes%s",
                        t->host->name, headers ? ANSWER_HEADERS_MAX : t->client->limits.read_max,
                        headers ? " of headers" : "");
}

/* What the other side says of our certificate, in OpenSSL's words for its alert.  In TLS 1.3 it says
 * so when our bytes are on their way already, and drops them. */
static const struct alert_words {
    const char *alert, *words;
} alert_words[] = {
    {"alert certificate required", "asks for a client certificate, and got none"},
    {"alert certificate expired", "says that the client certificate has expired"},
    {"alert certificate revoked", "says that the client certificate has been revoked"},
    {"alert unknown ca", "does not know the authority of the client certificate"},
    {"alert bad certificate", "does not take the client certificate"},
    {"alert unsupported certificate", "does not take this kind of client certificate"},
    {"alert certificate unknown", "does not take the client certificate"},
    {"alert access denied", "does not let the client certificate in"},
};

static const char *alert_in(const struct transfer *t)
{
    for (size_t i = 0; i < BF_COUNT(alert_words); i++)
        if (strstr(t->curl_words, alert_words[i].alert))
            return alert_words[i].words;
    return NULL;
}

static bool is_of_connection(CURLcode code)
{
    return code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR;
}

/* libcurl's own words are used only where they cannot hold a part of the URL. */
static int failed(struct transfer *t, CURLcode code, bool sent)
{
    const char *host = t->host->name, *alert = is_of_connection(code) ? alert_in(t) : NULL;

    if (alert)
        return bf_error_set(&t->error, BF_EIO, "%s %s", host, alert);
    switch (code) {
    case CURLE_WRITE_ERROR:
        if (t->excess)
            return answer_too_big(t);
        break;
    case CURLE_COULDNT_CONNECT:
        return connect_failed(t);
    case CURLE_ABORTED_BY_CALLBACK:
        return t->error.code ? t->error.code : BF_EPERM;        /* on_use() has said why */
    case CURLE_OPERATION_TIMEDOUT:
        return timed_out(t, sent);
    case CURLE_COULDNT_RESOLVE_HOST:
        return bf_error_set(&t->error, BF_EIO, "cannot find the address of %s", host);
    case CURLE_PEER_FAILED_VERIFICATION:
        return certificate_failed(t);
    case CURLE_SSL_CONNECT_ERROR:
        if (!t->request.tls_cert && strstr(t->curl_words, "alert handshake failure"))
            return bf_error_set(&t->error, BF_EIO, "%s refuses the TLS connection; it may ask for a"
                                " client certificate", host);
        return bf_error_set(&t->error, BF_EIO, "no TLS connection to %s: %s", host, t->curl_words);
    case CURLE_SSL_CERTPROBLEM:
        return bf_error_set(&t->error, BF_ECONFIG, "the client certificate for %s, or its key,"
                            " cannot be used: %s", host, t->curl_words);
    case CURLE_SSL_CACERT_BADFILE:
        return bf_error_set(&t->error, BF_ECONFIG, "the authorities for %s cannot be used: %s",
                            host, t->curl_words);
    case CURLE_URL_MALFORMAT:
        return bf_error_set(&t->error, BF_ECONFIG, "the host of the URL is no valid name");
    case CURLE_GOT_NOTHING:
        return bf_error_set(&t->error, BF_EIO, "%s closed the connection without an answer", host);
    case CURLE_PARTIAL_FILE:
        return bf_error_set(&t->error, BF_EIO,
                            "%s closed the connection in the middle of its answer", host);
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return bf_error_set(&t->error, BF_EIO, "the connection to %s broke", host);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
        return bf_error_set(&t->error, BF_EIO, "what %s answers is not HTTP", host);
    case CURLE_OUT_OF_MEMORY:
        return bf_error_set(&t->error, BF_ENOMEM, "no memory for a request to %s", host);
    default:
        break;
    }
    return bf_error_set(&t->error, BF_EIO, "request to %s failed: %s", host,
                        curl_easy_strerror(code));
}

/* --- the life of a transfer --- */

static const char *const *list_headers(struct transfer *t)
{
    size_t n = 2 * t->n_headers;
    const char *at = bf_buf_text(&t->headers);

    reserve(&t->header_list, &t->header_list_cap, n + 1, sizeof(*t->header_list));
    for (size_t i = 0; i < n; i++) {
        t->header_list[i] = at;
        at += strlen(at) + 1;
    }
    t->header_list[n] = NULL;
    return t->header_list;
}

/* Out of its list already.  `done` may send, but finds this transfer neither idle nor running. */
static void end_transfer(struct transfer *t, struct bf_fetch_result *r)
{
    r->words = r->err ? t->error.words : "";
    r->body = bf_buf_text(&t->body);
    r->body_len = t->body.len;
    r->body_cut = t->body_read > t->body.len;
    r->headers = list_headers(t);
    t->client->n_in_flight--;
    t->done(t->arg, r);
    give_back(t);
}

static void refuse(struct transfer *t) { list_append(&t->client->refused, t); }

/* To libcurl the connections in use are among those that it keeps.  With a limit that stood still,
 * many slow transfers would have the connections of all others closed after each answer. */
static void set_kept(struct bf_client *c)
{
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS,
                      (long)(c->n_running + c->limits.keep_connections));
}

static void start(struct transfer *t)
{
    struct bf_client *c = t->client;
    CURLMcode code = curl_multi_add_handle(c->multi, t->easy);

    if (code != CURLM_OK) {
        bf_error_set(&t->error, BF_EIO, "cannot begin a request to %s: %s", t->host->name,
                     curl_multi_strerror(code));
        refuse(t);
        return;
    }
    list_append(&c->running, t);
    c->n_running++;
    t->host->running++;
    set_kept(c);
}

static bool has_room(const struct bf_client *c, const struct host *h)
{
    return c->n_running < c->limits.max_connections && h->running < c->limits.max_per_host;
}

/* Oldest first, but one host that is at its limit does not hold up the others. */
static void start_waiting(struct bf_client *c)
{
    struct transfer *t, *next;

    for (t = c->waiting.first; t && c->n_running < c->limits.max_connections; t = next) {
        next = t->next;
        if (has_room(c, t->host)) {
            list_remove(&c->waiting, t);
            start(t);
        }
    }
}

static void stop(struct transfer *t)
{
    curl_multi_remove_handle(t->client->multi, t->easy);
    list_remove(&t->client->running, t);
    t->client->n_running--;
    t->host->running--;
    set_kept(t->client);
}

static bool was_sent(struct transfer *t)
{
    long bytes = 0;

    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
}

/* libcurl takes a head that breaks off, even within its first line, for the whole answer. */
static bool head_is_whole(struct transfer *t)
{
    long status = 0;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    return t->head_read && status >= 200;
}

static void on_ended(struct transfer *t, CURLcode code)
{
    struct bf_fetch_result r = {.err = BF_OK};
    curl_off_t total_us = 0;
    long status = 0;

    curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &total_us);
    r.duration_ms = (int64_t)total_us / 1000;
    if (code == CURLE_OK && !head_is_whole(t))
        code = CURLE_PARTIAL_FILE;
    if (code != CURLE_OK) {
        r.sent = was_sent(t) && !(is_of_connection(code) && alert_in(t));
        r.err = failed(t, code, r.sent);
    }
    if (!r.err || r.err == BF_ETOOBIG) {        /* of the latter the head was read */
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        r.status = (int)status;
    }
    stop(t);
    start_waiting(t->client);
    end_transfer(t, &r);
}

/* Only those that were there when we began: `done` may send another one that is refused. */
static bool end_refused(struct bf_client *c)
{
    struct list l = c->refused;
    struct transfer *t, *next;

    c->refused = (struct list){NULL, NULL};
    for (t = l.first; t; t = next) {
        struct bf_fetch_result r = {.err = t->error.code};

        next = t->next;
        end_transfer(t, &r);
    }
    return l.first != NULL;
}

static bool end_finished(struct bf_client *c)
{
    bool any = end_refused(c);
    struct transfer *t;
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(c->multi, &left))) {
        CURLcode code = msg->data.result;

        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
        on_ended(t, code);
        any = true;
    }
    return any;
}

void bf_client_send(struct bf_client *c, const struct bf_fetch_request *request, bf_fetch_fn *done,
                    void *arg)
{
    struct transfer *t = take_transfer(c);

    t->request = *request;
    t->done = done;
    t->arg = arg;
    c->n_in_flight++;
    if (c->closing)
        bf_error_set(&t->error, BF_ECANCELED, "the hub is stopping");
    if (c->closing || prepare(t))
        refuse(t);
    else if (has_room(c, t->host))
        start(t);
    else
        list_append(&c->waiting, t);
}

unsigned bf_client_in_flight(const struct bf_client *c) { return c->n_in_flight; }

/* --- the loop --- */

static void run_timer(struct bf_client *c)
{
    int running;

    if (c->timer_at < 0 || now_ms() < c->timer_at)
        return;
    c->timer_at = -1;           /* libcurl sets it again if it wants more */
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

static int wait_for(const struct bf_client *c, int64_t until)
{
    int64_t at = c->timer_at < 0 ? until : bf_min64(until, c->timer_at);

    if (at == INT64_MAX)
        return -1;
    return (int)bf_min64(bf_max64(at - now_ms(), 0), INT32_MAX);
}

/* Cleared after the read and not before: a wake in between finds it pending, and we return. */
static void take_wake(struct bf_client *c)
{
    uint64_t count;

    if (read(c->wake_fd, &count, sizeof(count)) < 0)
        return;
    atomic_exchange(&c->wake_pending, false);
}

static void on_event(struct bf_client *c, const struct epoll_event *ev)
{
    int fd = ev->data.fd, running, flags = 0;

    if (!watch_of(c, fd)->wanted) {     /* an idle connection, closed by the other side */
        watch_set(c, fd, 0);
        return;
    }
    if (ev->events & EPOLLIN)
        flags |= CURL_CSELECT_IN;
    if (ev->events & EPOLLOUT)
        flags |= CURL_CSELECT_OUT;
    if (ev->events & (EPOLLERR | EPOLLHUP))
        flags |= CURL_CSELECT_ERR;
    curl_multi_socket_action(c->multi, fd, flags, &running);
}

/* True if it was woken. */
static bool poll_once(struct bf_client *c, int timeout_ms)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int n = epoll_wait(c->epoll_fd, events, EVENTS_AT_ONCE, timeout_ms);
    bool woken = false;

    for (int i = 0; i < n; i++) {
        if (events[i].data.fd == c->wake_fd) {
            take_wake(c);
            woken = true;
        } else {
            on_event(c, &events[i]);
        }
    }
    return woken;
}

/* Sockets are polled even when something has ended already: a caller that sends what fails at
 * once, again and again, must not starve the rest. */
void bf_client_run(struct bf_client *c, int64_t wait_ms)
{
    int64_t until = wait_ms < 0 ? INT64_MAX : now_ms() + wait_ms;
    bool ended, woken;

    do {
        run_timer(c);
        ended = end_finished(c);
        woken = poll_once(c, ended ? 0 : wait_for(c, until));
        run_timer(c);
        ended = end_finished(c) || ended;
    } while (!ended && !woken && now_ms() < until);
}

void bf_client_wake(struct bf_client *c)
{
    uint64_t one = 1;

    if (atomic_exchange(&c->wake_pending, true))
        return;
    while (write(c->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* --- the client --- */

static void set_limits(struct bf_client *c, const struct bf_client_limits *limits)
{
    struct bf_client_limits *l = &c->limits;

    if (limits)
        *l = *limits;
    if (!l->max_connections)
        l->max_connections = DEFAULT_CONNECTIONS;
    if (!l->max_per_host)
        l->max_per_host = DEFAULT_PER_HOST;
    if (!l->keep_connections)
        l->keep_connections = DEFAULT_KEPT;
    if (!l->keep_max)
        l->keep_max = DEFAULT_KEEP;
    if (!l->read_max)
        l->read_max = DEFAULT_READ;
}

static int open_loop(struct bf_client *c, struct bf_error *err)
{
    struct epoll_event ev = {.events = EPOLLIN};

    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ev.data.fd = c->wake_fd;
    if (c->epoll_fd < 0 || c->wake_fd < 0 ||
        epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, c->wake_fd, &ev) != 0)
        return bf_error_set(err, BF_EIO, "cannot open the loop of the HTTP client: %s",
                            strerror(errno));
    return BF_OK;
}

/* Idle connections count too: at the limit libcurl closes the one unused for longest. */
static int open_multi(struct bf_client *c, struct bf_error *err)
{
    c->multi = curl_multi_init();
    if (!c->multi)
        return bf_error_set(err, BF_ENOMEM, "libcurl does not start");
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)c->limits.max_connections);
    return BF_OK;
}

/* curl_global_init() counts its callers and is safe from any thread since 7.84.  It is never
 * undone, because resolver threads that we did not wait for may still use the library. */
int bf_client_new(const struct bf_guard *guard, const struct bf_client_limits *limits,
                  const char *user_agent, struct bf_client **out, struct bf_error *err)
{
    struct bf_client *c = bf_new(struct bf_client);
    int rc;

    c->guard = guard;
    c->epoll_fd = c->wake_fd = -1;
    c->timer_at = -1;
    atomic_init(&c->wake_pending, false);
    set_limits(c, limits);
    c->user_agent = bf_strdup(user_agent);
    c->hosts = bf_map_new();
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        rc = bf_error_set(err, BF_EIO, "libcurl does not start");
        goto fail;
    }
    rc = open_loop(c, err);
    if (!rc)
        rc = open_multi(c, err);
    if (rc)
        goto fail;
    *out = c;
    return BF_OK;

fail:
    bf_client_free(c);
    return rc;
}

static void cancel(struct transfer *t, bool sent)
{
    struct bf_fetch_result r = {.err = BF_ECANCELED, .sent = sent};

    bf_error_set(&t->error, BF_ECANCELED, "the hub is stopping");
    end_transfer(t, &r);
}

void bf_client_cancel(struct bf_client *c)
{
    struct transfer *t;

    c->closing = true;
    while ((t = c->running.first)) {
        bool sent = was_sent(t);

        stop(t);
        cancel(t, sent);
    }
    while ((t = c->waiting.first)) {
        list_remove(&c->waiting, t);
        cancel(t, false);
    }
    while (end_refused(c))
        ;
}

const char *const *bf_headers_copy(struct bf_arena *a, const char *const *headers)
{
    const char **out;
    size_t n = 0;

    while (headers && headers[n])
        n++;
    out = bf_arena_alloc(a, (n + 1) * sizeof(*out));
    for (size_t i = 0; out && i < n; i++)
        out[i] = bf_arena_dup(a, headers[i]);
    return (const char *const *)out;
}

int bf_client_trust(struct bf_client *c, const char *ca_file, struct bf_error *err)
{
    if (access(ca_file, R_OK))
        return bf_error_set(err, BF_ECONFIG, "cannot read the certificates in %s: %s", ca_file,
                            strerror(errno));
    bf_assert(!c->n_in_flight && !c->n_idle);
    free(c->ca_file);
    c->ca_file = bf_strdup(ca_file);
    return BF_OK;
}

void bf_client_free(struct bf_client *c)
{
    struct transfer *t;

    if (!c)
        return;
    bf_client_cancel(c);
    while ((t = c->idle.first)) {
        list_remove(&c->idle, t);
        transfer_free(t);
    }
    curl_multi_cleanup(c->multi);       /* closes connections, through on_close() */
    bf_map_free(c->hosts);
    if (c->wake_fd >= 0)
        close(c->wake_fd);
    if (c->epoll_fd >= 0)
        close(c->epoll_fd);
    free(c->watches);
    free(c->user_agent);
    free(c->ca_file);
    free(c);
}
