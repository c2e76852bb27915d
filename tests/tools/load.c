/* load.c - send events over HTTP/1.1: as fast as the server answers, or at a rate.
 *
 * One thread, epoll, keep-alive; a connection has one request under way.  The request's text is
 * made once; each connection keeps a copy, in which only the id and the time stamp are written
 * over, so they are of fixed width.  With a rate, latency counts from when the event should have
 * left: a server that stalls cannot hide it by making the client wait.
 *
 * Connections are opened a few at a time, the next when one has had an answer: servers cap the
 * number that have not shown who they are.
 *
 * A connection that breaks is made again.  What was under way on it counts as an error, for nobody
 * knows whether it arrived, and is not sent again.  SIGTERM ends the run early, once everything is
 * answered.  When nothing has been answered for as long as
 * --patience says, the client gives up and says so with exit status 1. */
#include "tests/tools/tool.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define REQUEST_MAX  (1024 * 1024)
#define ANSWER_MAX   16384      /* of an answer's head, and as much of its body as is kept */
#define PLACES_MAX   16         /* ids or time stamps in one request */
#define ID_WIDTH     25         /* "load-" 8 hex digits of the run, "-", 11 decimal digits */
#define STAMP_WIDTH  19         /* digits, then blanks, which JSON allows behind a number */
#define RETRY_NS     (20 * 1000000LL)
#define EVENTS_MAX   512
#define FRESH_MAX    32         /* connections that have had no answer yet */

static const char usage[] =
    "load --url http://HOST:PORT/PATH [options]\n"
    "  --connections N    kept open at once (64)\n"
    "  --rate R           events per second, 0 for as fast as possible (0)\n"
    "  --seconds S | --count N\n"
    "  --key KEY          sent as Authorization: Bearer\n"
    "  --entity, --project, --collection, --alias NAME\n"
    "  --no-key           send events without an idempotency key\n"
    "  --stamp            the time of sending, CLOCK_MONOTONIC in ns, as data.t and metadata.t\n"
    "  --body-file FILE   send this instead; in it %ID% is a new id, %T% the time, in each request\n"
    "  --ids-file FILE    append the id of each acknowledged event\n"
    "  --took-file FILE   append \"SENT TOOK\" of each answered event, CLOCK_MONOTONIC ns\n"
    "  --patience S       give up when nothing was answered for so long (10)\n";

struct options {
    const char *url, *key, *entity, *project, *collection, *alias, *body_file, *ids_file, *took_file;
    unsigned connections;
    double rate, seconds, patience;
    uint64_t count;             /* 0: until the seconds are over */
    bool no_key, stamp;
};

struct request {
    char *text;
    size_t len;
    size_t ids[PLACES_MAX], n_ids;
    size_t stamps[PLACES_MAX], n_stamps;
};

enum state { DOWN, CONNECTING, IDLE, SENDING, WAITING };

struct conn {
    int fd;
    enum state state;
    bool fresh;                 /* it has had no answer yet */
    struct conn *next_idle;
    int64_t retry_at;           /* when DOWN */
    int64_t due;                /* of the event under way */
    char id[ID_WIDTH + 1];
    char *out;                  /* a copy of the request */
    size_t sent;
    size_t in_len;
    size_t body_left;           /* of an answer that is longer than the buffer */
    int status;                 /* of that answer */
    char in[ANSWER_MAX + 1];
};

struct load {
    struct options o;
    struct address address;
    struct request request;
    struct conn *conns;
    struct conn *idle;
    unsigned n_down, n_fresh;
    int epoll_fd, signal_fd;
    bool ending;                /* a signal has said so */
    FILE *ids, *took;
    uint32_t run;               /* in all ids of this run */
    int64_t begun, last_answer, stop_at;
    int64_t alive;              /* when something was answered, or nothing awaited */
    uint64_t started, acknowledged, errors, reconnects, in_flight;
    uint64_t statuses[600];
    struct histogram latency;
};


/* --- the request ----------------------------------------------------------------- */

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = tool_alloc(REQUEST_MAX + 1);

    if (!f)
        tool_die("cannot read %s: %m", path);
    if (fread(text, 1, REQUEST_MAX, f) == REQUEST_MAX)
        tool_die("%s is longer than %d bytes", path, REQUEST_MAX);
    fclose(f);
    return text;
}

static char *event_text(const struct options *o)
{
    char *text;

    if (asprintf(&text,
                 "{\"type\":\"artifact.alias.add\",%s\"entity\":\"%s\",\"project\":\"%s\","
                 "\"collection\":\"%s\",\"alias\":\"%s\",\"author\":\"ana\",\"artifact\":{"
                 "\"id\":\"QXJ0aWZhY3Q6NTE3ODg5ODg3\",\"version\":\"v7\",\"type\":\"model\","
                 "\"metadata\":{\"id\":\"%%ID%%\",\"accuracy\":0.9312,\"loss\":0.0712,"
                 "\"dataset\":\"imagenet-subset-2026\",\"framework\":\"pytorch\"%s}}%s}",
                 o->no_key ? "" : "\"key\":\"%ID%\",", o->entity, o->project, o->collection,
                 o->alias, o->stamp ? ",\"t\":%T%" : "", o->stamp ? ",\"data\":{\"t\":%T%}" : "") <
        0)
        tool_die("out of memory");
    return text;
}

/* Copy `body` behind the head, with blanks where %ID% and %T% stand. */
static void place_body(struct request *r, const char *body)
{
    while (*body) {
        bool id = strncmp(body, "%ID%", 4) == 0, stamp = strncmp(body, "%T%", 3) == 0;
        size_t width = id ? ID_WIDTH : STAMP_WIDTH;

        if (r->len + ID_WIDTH >= REQUEST_MAX)
            tool_die("the request is longer than %d bytes", REQUEST_MAX);
        if (!id && !stamp) {
            r->text[r->len++] = *body++;
            continue;
        }
        if ((id ? r->n_ids : r->n_stamps) == PLACES_MAX)
            tool_die("%%ID%% or %%T%% stands more than %d times in the body", PLACES_MAX);
        if (id)
            r->ids[r->n_ids++] = r->len;
        else
            r->stamps[r->n_stamps++] = r->len;
        memset(r->text + r->len, ' ', width);
        r->len += width;
        body += id ? 4 : 3;
    }
}

static size_t placed_len(const char *body)
{
    struct request r = {.text = tool_alloc(REQUEST_MAX)};

    place_body(&r, body);
    free(r.text);
    return r.len;
}

/* Sets the address too: both come from the URL. */
static void make_request(struct load *l)
{
    const struct options *o = &l->o;
    struct request *r = &l->request;
    char *body = o->body_file ? read_file(o->body_file) : event_text(o);
    const char *host = o->url, *path;
    int n;

    if (strncmp(host, "http://", 7) != 0)
        tool_die("--url must begin with http://");
    host += 7;
    path = strchr(host, '/') ? strchr(host, '/') : host + strlen(host);
    l->address = tool_address(host, (size_t)(path - host));
    r->text = tool_alloc(REQUEST_MAX);
    n = snprintf(r->text, REQUEST_MAX,
                 "POST %s HTTP/1.1\r\nHost: %.*s\r\nContent-Type: application/json\r\n"
                 "%s%s%sContent-Length: %zu\r\n\r\n",
                 *path ? path : "/", (int)(path - host), host, o->key ? "Authorization: Bearer " : "",
                 o->key ? o->key : "", o->key ? "\r\n" : "", placed_len(body));
    r->len = (size_t)n;
    place_body(r, body);
    free(body);
}

static void put_stamp(char *at, int64_t now)
{
    char text[STAMP_WIDTH + 1];
    int n = snprintf(text, sizeof(text), "%lld", (long long)now);

    memcpy(at, text, (size_t)n);
    memset(at + n, ' ', (size_t)(STAMP_WIDTH - n));
}

static void fill_request(struct load *l, struct conn *c, int64_t now)
{
    const struct request *r = &l->request;

    snprintf(c->id, sizeof(c->id), "load-%08x-%011llu", l->run,
             (unsigned long long)(l->started % 100000000000ULL));
    for (size_t i = 0; i < r->n_ids; i++)
        memcpy(c->out + r->ids[i], c->id, ID_WIDTH);
    for (size_t i = 0; i < r->n_stamps; i++)
        put_stamp(c->out + r->stamps[i], now);
}


/* --- connections ----------------------------------------------------------------- */

static void watch(struct load *l, struct conn *c, int op, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = c};

    epoll_ctl(l->epoll_fd, op, c->fd, &ev);
}

static void set_idle(struct load *l, struct conn *c)
{
    c->state = IDLE;
    c->in_len = 0;
    c->next_idle = l->idle;
    l->idle = c;
}

static void remove_idle(struct load *l, struct conn *c)
{
    struct conn **at = &l->idle;

    while (*at != c)
        at = &(*at)->next_idle;
    *at = c->next_idle;
}

static void set_fresh(struct load *l, struct conn *c, bool fresh)
{
    l->n_fresh += (unsigned)fresh - (unsigned)c->fresh;
    c->fresh = fresh;
}

static void hang_up(struct load *l, struct conn *c)
{
    set_fresh(l, c, false);
    if (c->state == IDLE)
        remove_idle(l, c);
    if (c->state == SENDING || c->state == WAITING) {
        l->in_flight--;
        l->errors++;
    }
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->state = DOWN;
    c->in_len = c->body_left = 0;
    c->retry_at = tool_now_ns() + RETRY_NS;
    l->n_down++;
    l->reconnects++;
}

static void dial(struct load *l, struct conn *c)
{
    int on = 1;

    l->n_down--;
    set_fresh(l, c, true);
    c->state = CONNECTING;
    c->fd = socket(l->address.sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        tool_die("cannot make a socket: %m");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    watch(l, c, EPOLL_CTL_ADD, EPOLLOUT);
    if (connect(c->fd, (struct sockaddr *)&l->address.sa, l->address.len) != 0 &&
        errno != EINPROGRESS)
        hang_up(l, c);
}

static void dial_all(struct load *l, int64_t now)
{
    for (unsigned i = 0; i < l->o.connections && l->n_down && l->n_fresh < FRESH_MAX; i++)
        if (l->conns[i].state == DOWN && l->conns[i].retry_at <= now)
            dial(l, &l->conns[i]);
}

static void on_connected(struct load *l, struct conn *c)
{
    int error = 0;
    socklen_t len = sizeof(error);

    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error) {
        hang_up(l, c);
        return;
    }
    watch(l, c, EPOLL_CTL_MOD, EPOLLIN);
    set_idle(l, c);
}

static void send_more(struct load *l, struct conn *c)
{
    ssize_t n = send(c->fd, c->out + c->sent, l->request.len - c->sent, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN) {
        hang_up(l, c);
        return;
    }
    c->sent += n > 0 ? (size_t)n : 0;
    if (c->sent == l->request.len) {
        if (c->state == SENDING)
            watch(l, c, EPOLL_CTL_MOD, EPOLLIN);
        c->state = WAITING;
    } else if (c->state == WAITING) {
        watch(l, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
        c->state = SENDING;
    }
}

static void start_event(struct load *l, struct conn *c, int64_t due, int64_t now)
{
    remove_idle(l, c);
    fill_request(l, c, now);
    c->due = due;
    c->sent = 0;
    c->state = WAITING;         /* unless the socket does not take all of it at once */
    l->started++;
    l->in_flight++;
    send_more(l, c);
}

static void answered(struct load *l, struct conn *c)
{
    int64_t now = tool_now_ns();

    set_fresh(l, c, false);
    l->in_flight--;
    l->last_answer = l->alive = now;
    l->statuses[c->status]++;
    histogram_add(&l->latency, now - c->due);
    if (l->took)
        fprintf(l->took, "%lld %lld\n", (long long)c->due, (long long)(now - c->due));
    if (c->status / 100 == 2) {
        l->acknowledged++;
        if (l->ids)
            fprintf(l->ids, "%s\n", c->id);
    }
    set_idle(l, c);
}

static size_t content_length(const char *head)
{
    const char *at = strcasestr(head, "\r\ncontent-length:");

    return at ? strtoull(at + 17, NULL, 10) : 0;
}

/* What is in the buffer: the head is complete or more is awaited. */
static void read_head(struct load *l, struct conn *c)
{
    char *end;
    size_t len, have;

    c->in[c->in_len] = '\0';
    end = strstr(c->in, "\r\n\r\n");
    if (!end) {
        if (c->in_len == ANSWER_MAX)
            hang_up(l, c);
        return;
    }
    *end = '\0';
    if (strncmp(c->in, "HTTP/1.1 ", 9) != 0 || atoi(c->in + 9) < 100 || atoi(c->in + 9) > 599) {
        hang_up(l, c);
        return;
    }
    c->status = atoi(c->in + 9);
    len = content_length(c->in);
    have = c->in_len - (size_t)(end + 4 - c->in);
    c->in_len = 0;
    c->body_left = len > have ? len - have : 0;
    if (c->body_left)
        return;
    answered(l, c);
    if (strcasestr(c->in, "\r\nconnection: close"))
        hang_up(l, c);
}

static void read_answer(struct load *l, struct conn *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_len, ANSWER_MAX - c->in_len, 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || c->state == IDLE) {
        hang_up(l, c);
        return;
    }
    if (c->body_left) {
        c->body_left -= (size_t)n < c->body_left ? (size_t)n : c->body_left;
        if (!c->body_left)
            answered(l, c);
        return;
    }
    c->in_len += (size_t)n;
    read_head(l, c);
}

static void on_event(struct load *l, struct conn *c, uint32_t events)
{
    if (!c) {
        l->ending = true;       /* the signal stays unread: one is enough */
        epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, l->signal_fd, NULL);
        return;
    }
    if (c->state == CONNECTING) {
        on_connected(l, c);
        return;
    }
    if (c->state == SENDING && (events & EPOLLOUT))
        send_more(l, c);
    if (c->state != DOWN && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        read_answer(l, c);
}


/* --- the run --------------------------------------------------------------------- */

static bool all_started(const struct load *l, int64_t now)
{
    if (l->ending)
        return true;
    return l->o.count ? l->started >= l->o.count : now >= l->stop_at;
}

static int64_t due_of(const struct load *l, int64_t now)
{
    return l->o.rate > 0 ? l->begun + (int64_t)((double)l->started * 1e9 / l->o.rate) : now;
}

static void start_events(struct load *l, int64_t now)
{
    while (l->idle && !all_started(l, now) && due_of(l, now) <= now)
        start_event(l, l->idle, due_of(l, now), now);
}

/* How long epoll may sleep: until the next event is due or a connection is tried again. */
static struct timespec pause_of(const struct load *l, int64_t now)
{
    int64_t ns = 100 * 1000000LL;
    int64_t until_due = due_of(l, now) - now;

    if (l->n_down)
        ns = RETRY_NS;
    if (l->idle && l->o.rate > 0 && !all_started(l, now) && until_due < ns)
        ns = until_due > 0 ? until_due : 0;
    return (struct timespec){.tv_nsec = ns};
}

static bool gave_up(struct load *l, int64_t now)
{
    bool overdue = !l->idle && !all_started(l, now) && due_of(l, now) <= now;

    if (!l->in_flight && !overdue)
        l->alive = now;
    return now - l->alive > (int64_t)(l->o.patience * 1e9);
}

static bool run(struct load *l)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t now = tool_now_ns();

    l->begun = l->last_answer = l->alive = now;
    l->stop_at = now + (int64_t)(l->o.seconds * 1e9);
    while (!all_started(l, now) || l->in_flight) {
        struct timespec pause;
        int n;

        if (l->n_down)
            dial_all(l, now);
        start_events(l, now);
        if (l->ids)
            fflush(l->ids);
        pause = pause_of(l, now);
        n = epoll_pwait2(l->epoll_fd, events, EVENTS_MAX, &pause, NULL);
        for (int i = 0; i < n; i++)
            on_event(l, events[i].data.ptr, events[i].events);
        now = tool_now_ns();
        if (gave_up(l, now))
            return false;
    }
    return true;
}

static void print_result(const struct load *l, bool complete)
{
    double seconds = (double)(l->last_answer - l->begun) / 1e9;
    const char *comma = "";

    printf("{\"sent\":%llu,\"acknowledged\":%llu,\"statuses\":{", (unsigned long long)l->started,
           (unsigned long long)l->acknowledged);
    for (int i = 0; i < 600; i++)
        if (l->statuses[i]) {
            printf("%s\"%d\":%llu", comma, i, (unsigned long long)l->statuses[i]);
            comma = ",";
        }
    printf("},\"errors\":%llu,\"reconnects\":%llu,\"complete\":%s,\"begun_ns\":%lld,"
           "\"seconds\":%.3f,\"per_second\":%.0f,",
           (unsigned long long)l->errors, (unsigned long long)l->reconnects,
           complete ? "true" : "false", (long long)l->begun, seconds,
           seconds > 0 ? (double)l->acknowledged / seconds : 0);
    histogram_print(&l->latency, stdout);
    printf("}\n");
}

static struct options parse(int argc, char **argv)
{
    static const struct option longs[] = {
        {"url", 1, NULL, 'u'},       {"connections", 1, NULL, 'n'}, {"rate", 1, NULL, 'r'},
        {"seconds", 1, NULL, 's'},   {"count", 1, NULL, 'c'},       {"key", 1, NULL, 'k'},
        {"entity", 1, NULL, 'e'},    {"project", 1, NULL, 'p'},     {"collection", 1, NULL, 'l'},
        {"alias", 1, NULL, 'a'},     {"body-file", 1, NULL, 'b'},   {"ids-file", 1, NULL, 'i'},
        {"no-key", 0, NULL, 'K'},    {"stamp", 0, NULL, 't'},       {"patience", 1, NULL, 'P'},
        {"took-file", 1, NULL, 'T'}, {NULL, 0, NULL, 0}};
    struct options o = {.entity = "acme", .project = "vision", .collection = "classifier",
                        .alias = "production", .connections = 64, .patience = 10};

    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (c) {
        case 'u': o.url = optarg; break;
        case 'n': o.connections = (unsigned)tool_number("--connections", optarg); break;
        case 'r': o.rate = tool_number("--rate", optarg); break;
        case 's': o.seconds = tool_number("--seconds", optarg); break;
        case 'c': o.count = (uint64_t)tool_number("--count", optarg); break;
        case 'k': o.key = optarg; break;
        case 'e': o.entity = optarg; break;
        case 'p': o.project = optarg; break;
        case 'l': o.collection = optarg; break;
        case 'a': o.alias = optarg; break;
        case 'b': o.body_file = optarg; break;
        case 'i': o.ids_file = optarg; break;
        case 'K': o.no_key = true; break;
        case 't': o.stamp = true; break;
        case 'T': o.took_file = optarg; break;
        case 'P': o.patience = tool_number("--patience", optarg); break;
        default: tool_die("%s", usage);
        }
    }
    if (!o.url || optind != argc || !o.connections || (!o.count && o.seconds <= 0))
        tool_die("%s", usage);
    return o;
}

static void watch_signal(struct load *l)
{
    struct epoll_event ev = {.events = EPOLLIN};
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    l->signal_fd = signalfd(-1, &ends, SFD_CLOEXEC);
    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->signal_fd, &ev);
}

static void open_load(struct load *l)
{
    make_request(l);
    getrandom(&l->run, sizeof(l->run), 0);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch_signal(l);
    l->ids = l->o.ids_file ? fopen(l->o.ids_file, "a") : NULL;
    if (l->o.ids_file && !l->ids)
        tool_die("cannot write %s: %m", l->o.ids_file);
    l->took = l->o.took_file ? fopen(l->o.took_file, "a") : NULL;
    if (l->o.took_file && !l->took)
        tool_die("cannot write %s: %m", l->o.took_file);
    l->conns = tool_alloc(l->o.connections * sizeof(*l->conns));
    for (unsigned i = 0; i < l->o.connections; i++) {
        l->conns[i].fd = -1;
        l->conns[i].out = tool_alloc(l->request.len);
        memcpy(l->conns[i].out, l->request.text, l->request.len);
    }
    l->n_down = l->o.connections;
}

static void close_load(struct load *l)
{
    for (unsigned i = 0; i < l->o.connections; i++) {
        if (l->conns[i].fd >= 0)
            close(l->conns[i].fd);
        free(l->conns[i].out);
    }
    free(l->conns);
    free(l->request.text);
    close(l->epoll_fd);
    close(l->signal_fd);
    if (l->ids)
        fclose(l->ids);
    if (l->took)
        fclose(l->took);
}

int main(int argc, char **argv)
{
    struct load *l = tool_alloc(sizeof(*l));
    bool complete;

    l->o = parse(argc, argv);
    open_load(l);
    complete = run(l);
    print_result(l, complete);
    close_load(l);
    free(l);
    return complete ? 0 : 1;
}
