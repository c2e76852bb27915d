/* receive.c - take HTTP requests as fast as one thread can, and count them; or misbehave.
 *
 * Requests are parsed just far enough to find their ends (Content-Length bodies only), several in
 * one packet included, and what all of them are answered with goes out in one write.  The answer
 * is the same text every time.  Misbehaviour is chosen on the command line, and is the same for
 * every request but for --drop, which picks some.
 *
 * "Distinct" counts requests by their Idempotency-Key; those without one are all distinct. */
#include "tests/tools/tool.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define BUFFER_FIRST 8192
#define BUFFER_MAX   (4 * 1024 * 1024)  /* of one request */
#define EVENTS_MAX   512
#define JUNK_LEN     65536              /* of an endless answer, at a time */

static const char usage[] =
    "receive --listen HOST:PORT [options]     (port 0 takes a free one)\n"
    "  --status N         answered with (200)\n"
    "  --body TEXT        and with this\n"
    "  --retry-after S    adds the header\n"
    "  --delay MS         before each answer\n"
    "  --close-half       half an answer, then the end\n"
    "  --garbage          something that is not HTTP, then the end\n"
    "  --endless          an answer that does not end\n"
    "  --drop PCT         of the requests get no answer but the end\n"
    "  --secret S         check X-Wandb-Signature\n"
    "  --latency          a histogram of now less the \"t\" in the body, CLOCK_MONOTONIC ns\n"
    "  --mark TEXT        what stands before that time, if not \"t\":\n"
    "  --ids-file FILE    append \"IDEMPOTENCY-KEY ID\" for each request, ID being the body's \"id\"\n"
    "  --took-file FILE   append \"T TOOK\" for each request: \"t\" of its body, and now less it\n"
    "  --count N          end after N distinct requests\n"
    "A summary as JSON is printed at the end, SIGTERM or SIGINT.\n";

struct options {
    const char *listen, *secret, *ids_file, *took_file, *body, *mark;
    int status;
    double retry_after, delay_ms, drop;
    bool close_half, garbage, endless, latency;
    uint64_t count;
};

struct conn {
    int fd;
    uint64_t serial;            /* tells it from an earlier one with the same fd */
    char *in;
    size_t in_len, in_cap;
    char *out;                  /* what the socket did not take */
    size_t out_len;
    bool closing;               /* once `out` has left */
    bool endless;
};

/* An answer that is put off.  They are due in the order in which they were made. */
struct late {
    int64_t at;
    int fd;
    uint64_t serial;
};

struct receiver {
    struct options o;
    int epoll_fd, listen_fd, signal_fd;
    struct conn **conns;        /* by fd */
    size_t n_conns;
    uint64_t serial;
    FILE *ids, *took;
    char *answer, *junk, *replies;
    size_t answer_len;
    struct late *late;          /* a ring */
    size_t late_cap, late_first, n_late;
    bool done;
    int64_t first, last;
    uint64_t requests, bytes, without_key, bad_signatures, dropped, connections;
    struct id_set keys;
    struct histogram latency;
};

/* A request in the buffer. */
struct found {
    size_t len;                 /* head and body; 0: it is not complete yet */
    const char *key, *signature, *body;
    size_t key_len, signature_len, body_len;
};


/* --- parsing --------------------------------------------------------------------- */

/* The value behind "name" and a colon in JSON text, its quote skipped. */
static const char *json_member(const char *text, size_t len, const char *name)
{
    char quoted[32];
    size_t n = (size_t)snprintf(quoted, sizeof(quoted), "\"%s\"", name);
    const char *end = text + len, *at = memmem(text, len, quoted, n);

    if (!at)
        return NULL;
    at += n;
    while (at < end && (*at == ' ' || *at == ':' || *at == '"'))
        at++;
    return at < end ? at : NULL;
}

static void header(struct found *f, const char *line, size_t len)
{
    static const char key[] = "idempotency-key:", signature[] = "x-wandb-signature:",
                      length[] = "content-length:";
    const char *colon = memchr(line, ':', len), *value = colon + 1;
    size_t value_len;

    if (!colon)
        return;
    while (value < line + len && *value == ' ')
        value++;
    value_len = (size_t)(line + len - value);
    if (strncasecmp(line, length, sizeof(length) - 1) == 0) {
        f->body_len = strtoull(value, NULL, 10);
    } else if (strncasecmp(line, key, sizeof(key) - 1) == 0) {
        f->key = value;
        f->key_len = value_len;
    } else if (strncasecmp(line, signature, sizeof(signature) - 1) == 0) {
        f->signature = value;
        f->signature_len = value_len;
    }
}

static struct found find_request(const char *text, size_t len)
{
    struct found f = {0};
    const char *end = memmem(text, len, "\r\n\r\n", 4);
    const char *line;

    if (!end)
        return f;
    line = (const char *)memchr(text, '\n', len) + 1;
    while (line < end) {
        const char *line_end = memchr(line, '\r', (size_t)(end + 1 - line));

        header(&f, line, (size_t)(line_end - line));
        line = line_end + 2;
    }
    f.body = end + 4;
    if (f.body_len <= len - (size_t)(f.body - text))
        f.len = (size_t)(f.body - text) + f.body_len;
    return f;
}

static bool signature_ok(const char *secret, const struct found *f)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof(mac), sodium_base64_VARIANT_ORIGINAL)];
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret, strlen(secret));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)f->body, f->body_len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2base64(text, sizeof(text), mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL);
    return f->signature_len == sizeof(text) - 1 && memcmp(text, f->signature, sizeof(text) - 1) == 0;
}

static void write_ids(struct receiver *r, const struct found *f)
{
    const char *id = json_member(f->body, f->body_len, "id");
    size_t len = 0;

    while (id && id + len < f->body + f->body_len && !strchr("\", }]\n", id[len]))
        len++;
    fprintf(r->ids, "%.*s %.*s\n", f->key ? (int)f->key_len : 1, f->key ? f->key : "-",
            len ? (int)len : 1, len ? id : "-");
}

static const char *stamp_of(const struct receiver *r, const struct found *f)
{
    const char *mark = r->o.mark, *at;

    if (!r->o.latency && !r->took)
        return NULL;
    if (!mark)
        return json_member(f->body, f->body_len, "t");
    at = memmem(f->body, f->body_len, mark, strlen(mark));
    return at ? at + strlen(mark) : NULL;
}

static void count_latency(struct receiver *r, long long t)
{
    if (r->took)
        fprintf(r->took, "%lld %lld\n", t, (long long)r->last - t);
    histogram_add(&r->latency, r->last - t);
}

static void count_request(struct receiver *r, const struct found *f)
{
    const char *t;

    r->last = tool_now_ns();
    if (!r->requests++)
        r->first = r->last;
    r->bytes += f->len;
    if (f->key)
        id_set_add(&r->keys, f->key, f->key_len);
    else
        r->without_key++;
    if (r->o.secret && !signature_ok(r->o.secret, f))
        r->bad_signatures++;
    if (r->ids)
        write_ids(r, f);
    t = stamp_of(r, f);
    if (t)
        count_latency(r, strtoll(t, NULL, 10));
}

static uint64_t distinct(const struct receiver *r) { return r->keys.count + r->without_key; }


/* --- connections ----------------------------------------------------------------- */

static void watch(struct receiver *r, struct conn *c, int op, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.fd = c->fd};

    epoll_ctl(r->epoll_fd, op, c->fd, &ev);
}

static void drop(struct receiver *r, struct conn *c)
{
    r->conns[c->fd] = NULL;
    close(c->fd);
    free(c->in);
    free(c->out);
    free(c);
}

static void add_conn(struct receiver *r, int fd)
{
    struct conn *c = tool_alloc(sizeof(*c));
    int on = 1;

    if ((size_t)fd >= r->n_conns) {
        size_t n = (size_t)fd * 2 + 64;

        r->conns = realloc(r->conns, n * sizeof(struct conn *));
        if (!r->conns)
            tool_die("out of memory");
        memset(r->conns + r->n_conns, 0, (n - r->n_conns) * sizeof(struct conn *));
        r->n_conns = n;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c->fd = fd;
    c->serial = ++r->serial;
    c->in_cap = BUFFER_FIRST;
    c->in = tool_alloc(c->in_cap);
    r->conns[fd] = c;
    r->connections++;
    watch(r, c, EPOLL_CTL_ADD, EPOLLIN);
}

static void accept_all(struct receiver *r)
{
    int fd;

    while ((fd = accept4(r->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        add_conn(r, fd);
}

/* Once something waits it stays so until the socket is writable: later answers go behind it. */
static void keep(struct receiver *r, struct conn *c, const char *data, size_t len)
{
    c->out = realloc(c->out, c->out_len + len);
    if (!c->out)
        tool_die("out of memory");
    memcpy(c->out + c->out_len, data, len);
    if (!c->out_len)
        watch(r, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    c->out_len += len;
}

/* May end the connection. */
static void put(struct receiver *r, struct conn *c, const char *data, size_t len)
{
    ssize_t n = c->out_len ? 0 : send(c->fd, data, len, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN) {
        drop(r, c);
        return;
    }
    n = n < 0 ? 0 : n;
    if ((size_t)n < len)
        keep(r, c, data + n, len - (size_t)n);
    else if (c->closing)
        drop(r, c);
    else if (c->endless)
        watch(r, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void on_writable(struct receiver *r, struct conn *c)
{
    size_t len = c->out_len;

    if (c->endless && !len) {
        put(r, c, r->junk, JUNK_LEN);
        return;
    }
    c->out_len = 0;
    watch(r, c, EPOLL_CTL_MOD, EPOLLIN);
    if (len) {
        char *rest = c->out;

        c->out = NULL;
        put(r, c, rest, len);
        free(rest);
    }
}

static void answer(struct receiver *r, struct conn *c, size_t n)
{
    c->closing = r->o.close_half || r->o.garbage;
    c->endless = r->o.endless;
    if (c->closing || c->endless)
        n = 1;
    for (size_t i = 0; i < n; i++)
        memcpy(r->replies + i * r->answer_len, r->answer, r->answer_len);
    put(r, c, r->replies, n * r->answer_len);
}

static void answer_late(struct receiver *r, const struct conn *c)
{
    if (r->n_late == r->late_cap) {
        size_t cap = r->late_cap ? r->late_cap * 2 : 1024;
        struct late *ring = tool_alloc(cap * sizeof(*ring));

        for (size_t i = 0; i < r->n_late; i++)
            ring[i] = r->late[(r->late_first + i) % r->late_cap];
        free(r->late);
        r->late = ring;
        r->late_cap = cap;
        r->late_first = 0;
    }
    r->late[(r->late_first + r->n_late++) % r->late_cap] =
        (struct late){.at = tool_now_ns() + (int64_t)(r->o.delay_ms * 1e6),
                      .fd = c->fd,
                      .serial = c->serial};
}

static void answer_what_is_due(struct receiver *r)
{
    int64_t now = tool_now_ns();

    while (r->n_late && r->late[r->late_first].at <= now) {
        const struct late *late = &r->late[r->late_first];
        struct conn *c = r->conns[late->fd];

        r->late_first = (r->late_first + 1) % r->late_cap;
        r->n_late--;
        if (c && c->serial == late->serial)
            answer(r, c, 1);
    }
}

/* Takes every complete request out of the buffer.  May end the connection. */
static void take_requests(struct receiver *r, struct conn *c)
{
    size_t used = 0, n = 0;

    for (;;) {
        struct found f = find_request(c->in + used, c->in_len - used);

        if (!f.len)
            break;
        count_request(r, &f);
        used += f.len;
        if (r->o.drop > 0 && (double)random() / RAND_MAX * 100 < r->o.drop) {
            r->dropped++;
            drop(r, c);
            return;
        }
        if (r->o.delay_ms > 0)
            answer_late(r, c);
        else
            n++;
    }
    memmove(c->in, c->in + used, c->in_len - used);
    c->in_len -= used;
    if (n)
        answer(r, c, n);
}

static void on_readable(struct receiver *r, struct conn *c)
{
    ssize_t n;

    if (c->in_len == c->in_cap) {
        c->in_cap *= 2;
        c->in = c->in_cap <= BUFFER_MAX ? realloc(c->in, c->in_cap) : NULL;
        if (!c->in)
            tool_die("a request is longer than %d bytes", BUFFER_MAX);
    }
    n = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        drop(r, c);
        return;
    }
    if (c->closing || c->endless)
        return;                 /* it has had its answer */
    c->in_len += (size_t)n;
    take_requests(r, c);
}


/* --- the run --------------------------------------------------------------------- */

static void on_event(struct receiver *r, int fd, uint32_t events)
{
    struct conn *c;

    if (fd == r->listen_fd) {
        accept_all(r);
        return;
    }
    if (fd == r->signal_fd) {
        r->done = true;
        return;
    }
    c = r->conns[fd];
    if (c && (events & EPOLLOUT))
        on_writable(r, c);
    if (r->conns[fd] && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        on_readable(r, r->conns[fd]);
}

static struct timespec pause_of(const struct receiver *r)
{
    int64_t ns = 1000 * 1000000LL;

    if (r->n_late && r->late[r->late_first].at - tool_now_ns() < ns)
        ns = r->late[r->late_first].at - tool_now_ns();
    ns = ns > 0 ? ns : 0;
    return (struct timespec){.tv_sec = ns / TOOL_SECOND_NS, .tv_nsec = ns % TOOL_SECOND_NS};
}

static void run(struct receiver *r)
{
    struct epoll_event events[EVENTS_MAX];

    while (!r->done) {
        struct timespec pause = pause_of(r);
        int n = epoll_pwait2(r->epoll_fd, events, EVENTS_MAX, &pause, NULL);

        for (int i = 0; i < n; i++)
            on_event(r, events[i].data.fd, events[i].events);
        answer_what_is_due(r);
        if (r->ids)
            fflush(r->ids);
        if (r->o.count && distinct(r) >= r->o.count)
            r->done = true;
    }
}

static void print_result(const struct receiver *r)
{
    double seconds = (double)(r->last - r->first) / 1e9;

    printf("{\"requests\":%llu,\"distinct\":%llu,\"without_key\":%llu,\"bad_signatures\":%llu,"
           "\"dropped\":%llu,\"connections\":%llu,\"bytes\":%llu,\"first_ns\":%lld,"
           "\"last_ns\":%lld,\"seconds\":%.3f,\"per_second\":%.0f,\"stamped\":%llu,",
           (unsigned long long)r->requests, (unsigned long long)distinct(r),
           (unsigned long long)r->without_key, (unsigned long long)r->bad_signatures,
           (unsigned long long)r->dropped, (unsigned long long)r->connections,
           (unsigned long long)r->bytes, (long long)r->first, (long long)r->last, seconds,
           seconds > 0 ? (double)r->requests / seconds : 0, (unsigned long long)r->latency.count);
    histogram_print(&r->latency, stdout);
    printf("}\n");
}

static void make_answer(struct receiver *r)
{
    char retry[64] = "";
    size_t at_once;
    int n;

    if (r->o.retry_after >= 0)
        snprintf(retry, sizeof(retry), "Retry-After: %.0f\r\n", r->o.retry_after);
    if (r->o.garbage)
        n = asprintf(&r->answer, "\001\002\003 this is no HTTP at all \377\376\r\n\r\n");
    else if (r->o.endless)
        n = asprintf(&r->answer, "HTTP/1.1 %d Whatever\r\n%s\r\n", r->o.status, retry);
    else
        n = asprintf(&r->answer, "HTTP/1.1 %d Whatever\r\n%sContent-Length: %zu\r\n\r\n%s",
                     r->o.status, retry, strlen(r->o.body), r->o.body);
    if (n < 0)
        tool_die("out of memory");
    r->answer_len = (size_t)n / (r->o.close_half ? 2 : 1);
    at_once = BUFFER_MAX / 16;  /* no request is shorter */
    r->replies = tool_alloc(at_once * r->answer_len);
    r->junk = tool_alloc(JUNK_LEN);
    memset(r->junk, '.', JUNK_LEN);
}

static void open_receiver(struct receiver *r)
{
    struct epoll_event ev = {.events = EPOLLIN};
    sigset_t ends;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    r->signal_fd = signalfd(-1, &ends, SFD_CLOEXEC);
    r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    r->ids = r->o.ids_file ? fopen(r->o.ids_file, "a") : NULL;
    if (r->o.ids_file && !r->ids)
        tool_die("cannot write %s: %m", r->o.ids_file);
    r->took = r->o.took_file ? fopen(r->o.took_file, "a") : NULL;
    if (r->o.took_file && !r->took)
        tool_die("cannot write %s: %m", r->o.took_file);
    make_answer(r);
    r->listen_fd = tool_listen(r->o.listen, false);
    ev.data.fd = r->listen_fd;
    epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->listen_fd, &ev);
    ev.data.fd = r->signal_fd;
    epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->signal_fd, &ev);
}

static void close_receiver(struct receiver *r)
{
    for (size_t fd = 0; fd < r->n_conns; fd++)
        if (r->conns[fd])
            drop(r, r->conns[fd]);
    if (r->ids)
        fclose(r->ids);
    if (r->took)
        fclose(r->took);
    close(r->listen_fd);
    close(r->signal_fd);
    close(r->epoll_fd);
    free(r->conns);
    free(r->answer);
    free(r->junk);
    free(r->replies);
    free(r->late);
    id_set_free(&r->keys);
}

static struct options parse(int argc, char **argv)
{
    static const struct option longs[] = {
        {"listen", 1, NULL, 'l'},      {"status", 1, NULL, 's'},  {"retry-after", 1, NULL, 'r'},
        {"delay", 1, NULL, 'd'},       {"drop", 1, NULL, 'p'},    {"secret", 1, NULL, 'S'},
        {"ids-file", 1, NULL, 'i'},    {"count", 1, NULL, 'c'},   {"close-half", 0, NULL, 'h'},
        {"garbage", 0, NULL, 'g'},     {"endless", 0, NULL, 'e'}, {"latency", 0, NULL, 't'},
        {"took-file", 1, NULL, 'T'},   {"body", 1, NULL, 'b'},    {"mark", 1, NULL, 'm'},
        {NULL, 0, NULL, 0}};
    struct options o = {.status = 200, .retry_after = -1, .body = ""};

    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (c) {
        case 'l': o.listen = optarg; break;
        case 's': o.status = (int)tool_number("--status", optarg); break;
        case 'r': o.retry_after = tool_number("--retry-after", optarg); break;
        case 'd': o.delay_ms = tool_number("--delay", optarg); break;
        case 'p': o.drop = tool_number("--drop", optarg); break;
        case 'S': o.secret = optarg; break;
        case 'i': o.ids_file = optarg; break;
        case 'c': o.count = (uint64_t)tool_number("--count", optarg); break;
        case 'h': o.close_half = true; break;
        case 'g': o.garbage = true; break;
        case 'e': o.endless = true; break;
        case 't': o.latency = true; break;
        case 'T': o.took_file = optarg; break;
        case 'b': o.body = optarg; break;
        case 'm': o.mark = optarg; break;
        default: tool_die("%s", usage);
        }
    }
    if (!o.listen || optind != argc)
        tool_die("%s", usage);
    return o;
}

int main(int argc, char **argv)
{
    struct receiver *r = tool_alloc(sizeof(*r));

    r->o = parse(argc, argv);
    if (sodium_init() < 0)
        tool_die("libsodium does not start");
    open_receiver(r);
    run(r);
    print_result(r);
    close_receiver(r);
    free(r);
    return 0;
}
