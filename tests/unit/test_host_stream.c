/* Replies that go on, watches, files and the hub's own routes asked from inside, over real sockets:
 * the engine, the loop, the workers and the listener run. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/plugin_rig.h"

#define PIECE  (64 * 1024)
#define PIECES 200                      /* more than the kernel takes for a client that is slow */

static struct {
    _Atomic int written;                /* pieces */
    _Atomic int told;
    _Atomic int answered;               /* status of the last request from inside */
    _Atomic int late, too_big, over;
} seen;

/* --- a plugin ---------------------------------------------------------------------- */

static int write_much(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                      struct bf_reply *re)
{
    bf_ticket t = bf_reply_stream(re, "application/octet-stream");
    char *piece = bf_alloc(in->arena, PIECE);

    (void)self;
    seen.too_big = bf_write(ctx, t, piece, 2 * 1024 * 1024);
    for (seen.written = 0; seen.written < PIECES; seen.written++) {
        memset(piece, 'a' + seen.written % 26, PIECE);
        if (bf_write(ctx, t, piece, PIECE))
            break;
    }
    bf_end(ctx, t);
    seen.late = bf_write(ctx, t, "x", 1);
    return 500;                         /* not looked at */
}

static int on_much(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                   struct bf_reply *re)
{
    (void)ctx;
    (void)in;
    return bf_continue(re, BF_ON_WORKER, write_much, self);
}

static void on_note(struct bf_ctx *ctx, void *arg, const struct bf_note *note)
{
    const char *line = bf_printf(note->arena, "%s %llu %s %s\n", note->topic,
                                 (unsigned long long)note->seq,
                                 bf_get(note->arena, note->json, "/key"), (const char *)arg);
    int rc = bf_write(ctx, note->stream, line, strlen(line));

    CHECK_INT(rc, 0);
    seen.told++;
    if (strcmp(bf_get(note->arena, note->json, "/key"), "last") == 0)
        seen.over = bf_end(ctx, note->stream);
}

/* Bytes of ?pad= behind every line make a client slow sooner. */
static int on_follow(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                     struct bf_reply *re)
{
    const char *after = bf_param(in, "after"), *pad = bf_param(in, "pad");
    size_t n = pad ? strtoul(pad, NULL, 10) : 0;
    char *arg = bf_alloc(in->arena, n + 1);
    struct bf_watch what = {.size = sizeof(what), .topics = bf_param(in, "topics"),
                            .entity = "acme", .as = in->caller};

    (void)self;
    memset(arg, 'x', n);
    what.after = after ? strtoull(after, NULL, 10) : 0;
    what.stream = bf_reply_stream(re, "text/event-stream");
    CHECK(bf_follow(ctx, &what, on_note, arg) > 0);
    return 200;
}

static int on_both(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                   struct bf_reply *re)
{
    bf_ticket t;
    int rc = bf_emit_text(ctx, NULL, in->body, in->body_len);

    (void)self;
    bf_reply_header(re, "X-Before", "yes");
    t = bf_reply_stream(re, "text/plain");
    if (!rc)
        rc = bf_emit_text(ctx, NULL, in->body, in->body_len);
    bf_write(ctx, t, rc ? "no" : "emitted", rc ? 2 : 7);
    bf_end(ctx, t);
    return 200;
}

static int on_emit(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                   struct bf_reply *re)
{
    (void)self;
    (void)re;
    return bf_emit_text(ctx, NULL, in->body, in->body_len) ? 400 : 202;
}

static int on_bytes(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                    struct bf_reply *re)
{
    (void)ctx;
    (void)self;
    (void)in;
    bf_reply_header(re, "ETag", "\"b\"");
    bf_reply_bytes(re, "text/plain", "0123456789", 10);
    return 200;
}

static int on_file(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                   struct bf_reply *re)
{
    (void)self;
    bf_reply_header(re, "ETag", "\"f\"");
    return bf_status(bf_reply_file(re, "text/plain",
                                   bf_printf(in->arena, "%s/%s", bf_dir(ctx), "page")));
}

static void on_inside(struct bf_ctx *ctx, void *arg, const struct bf_http_out *out)
{
    (void)ctx;
    (void)arg;
    seen.answered = out->err ? out->err : out->status;
}

static int ask_inside(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                      struct bf_reply *re)
{
    struct bf_request *req = bf_request_new(ctx, in->arena);
    const struct bf_http_out *out;

    (void)self;
    bf_request_as(req, in->caller);
    bf_request_to(req, "GET", bf_param(in, "path"));
    bf_http_send(ctx, req, on_inside, NULL);
    out = bf_fetch(ctx, req);
    bf_reply_body(re, "text/plain", "%d %d %s", (int)out->err, (int)out->status, out->body);
    return 200;
}

static int on_ask(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                  struct bf_reply *re)
{
    (void)ctx;
    (void)in;
    return bf_continue(re, BF_ON_WORKER, ask_inside, self);
}

static int on_path(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                   struct bf_reply *re)
{
    struct bf_request *req = bf_request_new(ctx, in->arena);

    (void)self;
    bf_request_to(req, "GET", "/bytes");
    bf_http_send(ctx, req, on_inside, NULL);
    bf_reply_body(re, "text/plain", "sent");
    return 200;
}

static const struct bf_route routes[] = {
    BF_ROUTE("GET", "/much", on_much, .needs = BF_PUBLIC),
    BF_ROUTE("GET", "/follow", on_follow, .needs = BF_READ),
    BF_ROUTE("POST", "/both", on_both, .needs = BF_PUBLIC),
    BF_ROUTE("POST", "/emit", on_emit, .needs = BF_PUBLIC),
    BF_ROUTE("GET", "/bytes", on_bytes, .needs = BF_READ),
    BF_ROUTE("GET", "/file", on_file, .needs = BF_PUBLIC),
    BF_ROUTE("GET", "/ask", on_ask, .needs = BF_PUBLIC),
    BF_ROUTE("GET", "/path", on_path, .needs = BF_PUBLIC),
    BF_ROUTES_END
};
static const struct bf_source source = {BF_SOURCE("s", "Test streams"), .routes = routes};
static const struct bf_plugin plugin = {
    .size = sizeof(plugin), .name = "s", .version = "1", BF_SOURCES(&source)};


/* --- a hub around it ------------------------------------------------------------------ */

struct web {
    struct rig rig;
    struct bf_listener *listener;
    char key[128];
    char answer[65536];
};

static void *open_reader(void *arg)
{
    struct bf_db *db = NULL;

    bf_db_open(((struct rig *)arg)->path, BF_DB_READ, &db, NULL);
    return db;
}

static void close_reader(void *arg, void *db)
{
    (void)arg;
    bf_db_close(db);
}

static void on_batch(void *arg, bool begin)
{
    struct rig *r = arg;

    if (!begin)
        bf_plugins_committed(r->plugins);
}

static void web_open(struct web *w)
{
    struct bf_listener_options o = {.listen = "127.0.0.1:0", .n_threads = 2,
                                    .spool_dir = test_dir(), .local_new = open_reader,
                                    .local_free = close_reader, .arg = &w->rig};
    struct bf_error err = {0};

    rig_open(&w->rig, &plugin);
    bf_bus_close(w->rig.bus);           /* again, with a hook */
    rig_ok(bf_bus_open(w->rig.db, bf_clock_system(), NULL,
                       &(struct bf_bus_hooks){.batch = on_batch, .arg = &w->rig}, &w->rig.bus,
                       &err), &err);
    w->rig.plugins->rooms.bus = w->rig.bus;
    rig_ok(bf_team_first_admin(w->rig.team, w->rig.db, NULL, 1, w->key, &err), &err);
    rig_ok(bf_listener_open(&o, &w->listener, &err), &err);
    w->rig.plugins->rooms.listener = w->listener;
    rig_ok(bf_plugins_make_sources(w->rig.plugins, NULL, &err), &err);
    rig_ok(bf_bus_start(w->rig.bus, &err), &err);
    rig_ok(bf_loop_start(w->rig.loop, &err), &err);
    rig_ok(bf_plugins_start(w->rig.plugins, &err), &err);
    rig_ok(bf_listener_start(w->listener, &err), &err);
}

static void web_close(struct web *w)
{
    bf_listener_drain(w->listener, 1000);
    bf_plugins_stop(w->rig.plugins, 10000);
    bf_bus_stop(w->rig.bus);
    bf_workers_stop(w->rig.workers);
    bf_loop_stop(w->rig.loop);
    bf_listener_close(w->listener);
    rig_close(&w->rig);
}

/* A request on its way; its socket, with a small buffer, so that a client can be slow. */
static int begin(struct web *w, const char *method, const char *path, const char *more,
                 const char *body)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), small = 8192, n;
    struct timeval patience = {.tv_sec = 20};
    char head[1024];

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    CHECK_INT(connect(fd, bf_listener_sockaddr(w->listener), sizeof(struct sockaddr_in)), 0);
    n = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                 "Authorization: Bearer %s\r\nContent-Length: %zu\r\n%s\r\n", method, path, w->key,
                 strlen(body), more);
    CHECK_INT(write(fd, head, (size_t)n), n);
    CHECK_INT(write(fd, body, strlen(body)), (int)strlen(body));
    return fd;
}

/* To the end; gives the status. */
static int finish_reading(struct web *w, int fd)
{
    size_t len = 0;
    ssize_t got;

    while (len < sizeof(w->answer) - 1 &&
           (got = read(fd, w->answer + len, sizeof(w->answer) - 1 - len)) > 0)
        len += (size_t)got;
    w->answer[len] = '\0';
    close(fd);
    return len > 12 ? atoi(w->answer + 9) : 0;
}

static int get(struct web *w, const char *path, const char *more)
{
    return finish_reading(w, begin(w, "GET", path, more, ""));
}

static void emit(struct web *w, const char *key)
{
    char body[200];

    snprintf(body, sizeof(body), "{\"type\":\"ci.done\",\"entity\":\"acme\",\"key\":\"%s\"}", key);
    CHECK_INT(finish_reading(w, begin(w, "POST", "/emit", "", body)), 202);
}

static bool within_a_while(_Atomic int *what, int at_least)
{
    for (int i = 0; i < 1000 && *what < at_least; i++)
        usleep(10000);
    return *what >= at_least;
}


/* --- claims ------------------------------------------------------------------------------ */

TEST(a_worker_waits_for_a_slow_client_and_nothing_is_lost)
{
    static char buf[PIECE];
    size_t counts[26] = {0}, total = 0;
    struct web w;
    ssize_t n;
    int fd;

    web_open(&w);
    fd = begin(&w, "GET", "/much", "", "");
    usleep(300000);
    CHECK(seen.written < PIECES);               /* it waits */
    CHECK_INT(get(&w, "/bytes", ""), 200);      /* and holds up nobody */
    while ((n = read(fd, buf, sizeof(buf))) > 0)
        for (ssize_t i = 0; i < n; i++)
            if (buf[i] >= 'a' && buf[i] <= 'z')
                counts[buf[i] - 'a']++;
    close(fd);
    for (size_t i = 0; i < 26; i++)
        total += counts[i];
    CHECK(total >= (size_t)PIECES * PIECE);     /* and the head's letters, and those of chunks */
    CHECK(total < (size_t)PIECES * (PIECE + 64) + 1000);
    CHECK_INT(seen.too_big, BF_ETOOBIG);
    usleep(50000);
    CHECK_INT(seen.late, BF_ENOENT);
    web_close(&w);
}

TEST(a_client_that_goes_away_ends_the_stream)
{
    struct web w;
    int fd;

    web_open(&w);
    fd = begin(&w, "GET", "/much", "", "");
    usleep(200000);
    seen.late = 0;
    close(fd);
    for (int i = 0; i < 500 && !seen.late; i++)
        usleep(10000);
    CHECK_INT(seen.late, BF_ENOENT);
    CHECK(seen.written < PIECES);
    web_close(&w);
}

TEST(a_hub_that_stops_does_not_wait_for_a_slow_client)
{
    struct web w;
    int fd;

    web_open(&w);
    fd = begin(&w, "GET", "/much", "", "");
    usleep(100000);
    web_close(&w);
    CHECK(seen.written < PIECES);
    close(fd);
}

TEST(what_a_stream_has_emitted_is_stored_and_its_headers_are_there)
{
    struct web w;
    int fd;

    web_open(&w);
    fd = begin(&w, "GET", "/follow?topics=event", "", "");
    usleep(100000);
    CHECK_INT(finish_reading(&w, begin(&w, "POST", "/both", "", "{\"type\":\"ci.done\","
                                       "\"entity\":\"acme\"}")), 200);
    CHECK_HAS(w.answer, "X-Before: yes");
    CHECK_HAS(w.answer, "emitted");
    emit(&w, "last");
    CHECK_INT(finish_reading(&w, fd), 200);
    CHECK_HAS(w.answer, "event");
    CHECK(strstr(strstr(w.answer, "\nevent") + 1, "\nevent") != NULL);
    web_close(&w);
}

/* Keys of the notes in the answer, in order, apart by spaces. */
static const char *keys_of(const char *answer, char *out)
{
    char *at = out;

    for (const char *p = answer; (p = strstr(p, "event ")) != NULL; p += 6) {
        const char *key = strchr(p + 6, ' ');

        if (key && p[6] >= '0' && p[6] <= '9')
            at += sprintf(at, "%.*s ", (int)strcspn(key + 1, " "), key + 1);
    }
    *at = '\0';
    return out;
}

TEST(a_watch_goes_on_behind_a_note_without_loss_or_repetition)
{
    char path[200], keys[1000] = "";
    unsigned long long seq;
    struct web w;
    int fd;

    web_open(&w);
    emit(&w, "old");
    fd = begin(&w, "GET", "/follow?topics=event", "", "");
    usleep(100000);
    emit(&w, "a");
    emit(&w, "b");
    emit(&w, "last");
    CHECK_INT(finish_reading(&w, fd), 200);
    CHECK_STR(keys_of(w.answer, keys), "a b last ");
    seq = strtoull(strstr(w.answer, "\nevent ") + 7, NULL, 10);
    snprintf(path, sizeof(path), "/follow?topics=event&after=%llu", seq);
    CHECK_INT(get(&w, path, ""), 200);
    CHECK_STR(keys_of(w.answer, keys), "b last ");
    CHECK_INT(seen.over, 0);
    web_close(&w);
}

TEST(a_watch_of_a_slow_client_is_held_and_others_go_on)
{
    static char buf[PIECE];
    struct web w;
    size_t total = 0;
    int slow, quick;
    char key[20];
    ssize_t n;

    web_open(&w);
    seen.told = 0;
    slow = begin(&w, "GET", "/follow?topics=event&pad=900000", "", "");
    quick = begin(&w, "GET", "/follow?topics=event", "", "");
    usleep(100000);
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        emit(&w, key);
    }
    emit(&w, "last");
    CHECK_INT(finish_reading(&w, quick), 200);
    CHECK_HAS(w.answer, " last ");
    CHECK(seen.told >= 21);
    CHECK(seen.told < 42);                      /* the slow one is held */
    while ((n = read(slow, buf, sizeof(buf))) > 0)
        total += (size_t)n;
    close(slow);
    CHECK(within_a_while(&seen.told, 42));
    CHECK(total > 21 * 900000);
    web_close(&w);
}

TEST(a_place_that_is_not_there_any_more_is_a_gap)
{
    struct web w;
    int fd;

    web_open(&w);
    emit(&w, "one");
    fd = begin(&w, "GET", "/follow?after=9999999999999", "", "");
    usleep(100000);
    emit(&w, "last");
    CHECK_INT(finish_reading(&w, fd), 200);
    CHECK_HAS(w.answer, "gap ");
    CHECK_HAS(w.answer, " last ");
    web_close(&w);
}

TEST(bytes_and_files_have_etags_and_ranges)
{
    struct web w;
    char path[600];
    FILE *f;

    web_open(&w);
    CHECK_INT(get(&w, "/file", ""), 404);
    snprintf(path, sizeof(path), "%s/plugins/s/page", test_dir());
    f = fopen(path, "w");
    CHECK(f != NULL);
    fputs("0123456789", f);
    fclose(f);
    for (int i = 0; i < 2; i++) {
        const char *of = i ? "/file" : "/bytes";

        CHECK_INT(get(&w, of, "Range: bytes=2-4\r\n"), 206);
        CHECK_HAS(w.answer, "Content-Range: bytes 2-4/10");
        CHECK_HAS(w.answer, "\r\n\r\n234");
        CHECK_INT(get(&w, of, "Range: bytes=20-\r\n"), 416);
        CHECK_INT(get(&w, of, "If-None-Match: \"x\", W/\"b\", W/\"f\"\r\n"), 304);
        CHECK_INT(get(&w, of, "If-None-Match: \"x\"\r\n"), 200);
    }
    web_close(&w);
}

TEST(the_hubs_own_routes_are_asked_with_the_callers_rights)
{
    struct web w;

    web_open(&w);
    seen.answered = 0;
    CHECK_INT(get(&w, "/ask?path=/bytes", ""), 200);
    CHECK_HAS(w.answer, "0 200 0123456789");
    CHECK(within_a_while(&seen.answered, 1));
    CHECK_INT(seen.answered, 200);
    CHECK_INT(get(&w, "/ask?path=/nowhere", ""), 200);
    CHECK_HAS(w.answer, "0 404 ");
    CHECK_INT(get(&w, "/ask?path=/ask%3Fpath=/bytes", ""), 200);
    CHECK_HAS(w.answer, "0 200 0 200 0123456789");
    CHECK_INT(get(&w, "/ask?path=/follow", ""), 200);
    CHECK_HAS(w.answer, "0 501 ");
    CHECK_INT(get(&w, "/ask?path=http://127.0.0.1:9/", ""), 200);
    CHECK_HAS(w.answer, "-1 0 ");               /* a caller's request does not leave the hub */
    web_close(&w);
}

TEST(a_path_without_a_caller_is_refused)
{
    struct web w;

    web_open(&w);
    seen.answered = 0;
    CHECK_INT(get(&w, "/path", ""), 200);
    for (int i = 0; i < 500 && !seen.answered; i++)
        usleep(10000);
    CHECK_INT(seen.answered, BF_EINVAL);
    web_close(&w);
}
