/* Routes of sources over real sockets: what a status below 400 promises, what is refused and how.
 * The engine, the loop and the listener run; the client is the other end of a plain socket. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/plugin_rig.h"

static int on_events(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                     struct bf_reply *re)
{
    int rc = bf_emit_text(ctx, in->caller, in->body, in->body_len);

    (void)self;
    bf_reply_receipt(re);
    return rc ? bf_status(rc) : 202;
}

static int on_emit(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                   struct bf_reply *re)
{
    struct bf_event ev = {.size = sizeof(ev), .type = "ci.finished", .entity = bf_param(in, "entity"),
                          .key = bf_param(in, "key"),
                          .payload = bf_printf(in->arena, "{\"data\":%s}", in->body)};
    int rc = bf_emit(ctx, &ev);

    (void)self;
    bf_reply_receipt(re);
    return rc ? bf_status(rc) : 202;
}

static int store(struct bf_ctx *ctx, void *arg, const struct bf_http_in *in, struct bf_reply *re)
{
    struct bf_stmt *st = bf_sql(ctx, "INSERT INTO r_lines (line) VALUES (?)");

    (void)in;
    bf_bind_text(st, 1, arg);
    if (bf_step(st) < 0)
        return 500;
    bf_reply_body(re, "text/plain", "stored");
    if (strcmp(arg, "undo") == 0)
        return bf_status(bf_fail(ctx, BF_EEXIST, "undone on purpose"));
    return 201;
}

static int on_store(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                    struct bf_reply *re)
{
    (void)ctx;
    (void)self;
    return bf_continue(re, BF_ON_ENGINE, store, (void *)bf_printf(in->arena, "%s", in->body));
}

static int on_count(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                    struct bf_reply *re)
{
    struct bf_stmt *st = bf_sql(ctx, "SELECT count(*) FROM r_lines WHERE line = ?");

    (void)self;
    bf_bind_text(st, 1, bf_param(in, "line"));
    if (bf_step(st) != 1)
        return 500;
    bf_reply_body(re, "text/plain", "%d", (int)bf_col_int(st, 0));
    bf_reply_header(re, "ETag", "\"1\"");
    return 200;
}

static int on_peek(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                   struct bf_reply *re)
{
    struct bf_stmt *st = bf_sql(ctx, "SELECT count(*) FROM team_keys");

    (void)self;
    (void)in;
    (void)re;
    return bf_status(bf_step(st));
}

static int worked(struct bf_ctx *ctx, void *arg, const struct bf_http_in *in, struct bf_reply *re)
{
    (void)in;
    bf_sleep(ctx, 5);
    bf_reply_body(re, "text/plain", "worker had %s", (const char *)arg);
    return 200;
}

static int on_work(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                   struct bf_reply *re)
{
    (void)ctx;
    (void)self;
    return bf_continue(re, BF_ON_WORKER, worked, (void *)bf_printf(in->arena, "%s", in->body));
}

static int back_again(struct bf_ctx *ctx, void *arg, const struct bf_http_in *in,
                      struct bf_reply *re)
{
    (void)ctx;
    (void)arg;
    bf_reply_body(re, "text/plain", "back with %s", in->body);
    return 200;
}

static int on_its_way(struct bf_ctx *ctx, void *arg, const struct bf_http_in *in,
                      struct bf_reply *re)
{
    (void)ctx;
    (void)in;
    bf_reply_body(re, "text/plain", "not this");
    return bf_continue(re, BF_ON_ROUTE, back_again, arg);
}

static int on_round_trip(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                         struct bf_reply *re)
{
    (void)ctx;
    (void)in;
    return bf_continue(re, BF_ON_WORKER, on_its_way, self);
}

static const struct bf_route routes[] = {
    BF_ROUTE("POST", "/events", on_events, .needs = BF_INGEST),
    BF_ROUTE("POST", "/{instance}/{entity}", on_emit, .needs = BF_INGEST),
    BF_ROUTE("POST", "/store", on_store, .needs = BF_PUBLIC),
    BF_ROUTE("GET", "/count", on_count, .needs = BF_PUBLIC),
    BF_ROUTE("GET", "/peek", on_peek, .needs = BF_PUBLIC),
    BF_ROUTE("POST", "/work", on_work, .needs = BF_PUBLIC),
    BF_ROUTE("POST", "/round", on_round_trip, .needs = BF_PUBLIC),
    BF_ROUTES_END
};
/* What the threads of the second source found; read once they have ended. */
static struct {
    _Atomic int ticks;
    _Atomic bool ran;
    bool wanted;                /* else the thread writes nothing */
    int emitted, again, transacted, refused, fetched, ended;
    char recalled[32];
    char first[32], second[32];
} seen;

static int insert(struct bf_ctx *ctx, void *arg)
{
    struct bf_stmt *st = bf_sql(ctx, "INSERT INTO r_lines (line) VALUES (?)");

    bf_bind_text(st, 1, "from run");
    if (bf_step(st) < 0)
        return BF_EIO;
    return arg ? bf_fail(ctx, BF_EEXIST, "no") : 0;
}

static int run_once(struct bf_ctx *ctx, void *self)
{
    struct bf_event ev = {.size = sizeof(ev), .type = "ci.ran", .entity = "acme", .key = "k"};
    struct bf_emitted out = {.size = sizeof(out)};
    struct bf_arena *a = bf_scratch(ctx);
    struct bf_request *req = bf_request_new(ctx, a);
    const char *value;

    (void)self;
    while (!seen.wanted && !bf_sleep(ctx, 60000))
        ;
    if (bf_stopping(ctx))
        return 0;
    seen.emitted = bf_emit_get(ctx, &ev, &out);
    snprintf(seen.first, sizeof(seen.first), "%s", out.id);
    seen.again = bf_emit_get(ctx, &ev, &out) ? -1 : (int)out.duplicate;
    snprintf(seen.second, sizeof(seen.second), "%s", out.id);
    seen.transacted = bf_transact(ctx, insert, NULL);
    seen.refused = bf_transact(ctx, insert, &seen);
    bf_remember(ctx, "cursor", "42");
    value = bf_recall(ctx, a, "cursor");
    snprintf(seen.recalled, sizeof(seen.recalled), "%s", value ? value : "");
    bf_request_to(req, "GET", "http://127.0.0.1:9/");
    seen.fetched = bf_fetch(ctx, req)->err;
    seen.ran = true;
    while (!bf_sleep(ctx, 60000))
        ;
    return 0;
}

static void on_tick(struct bf_ctx *ctx, void *arg)
{
    seen.ticks++;
    bf_after(ctx, 5, on_tick, arg);
}

static void on_never(struct bf_ctx *ctx, void *arg)
{
    (void)ctx;
    (void)arg;
    seen.ended = -1;
}

static int start(struct bf_ctx *ctx, void *self)
{
    (void)self;
    bf_after(ctx, 5, on_tick, NULL);
    seen.ended = bf_end(ctx, bf_after(ctx, 1, on_never, NULL));
    return 0;
}

static const struct bf_source source = {BF_SOURCE("r", "Test routes"), .routes = routes};
static const struct bf_source runs = {BF_SOURCE("r.runs", "Run"), .start = start, .run = run_once};
static const struct bf_plugin plugin = {
    .size = sizeof(plugin), .name = "r", .version = "1", BF_SOURCES(&source, &runs),
    BF_SCHEMA("CREATE TABLE r_lines (line TEXT NOT NULL)")};

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

static void web_open(struct web *w)
{
    struct bf_listener_options o = {.listen = "127.0.0.1:0", .n_threads = 1,
                                    .spool_dir = test_dir(), .local_new = open_reader,
                                    .local_free = close_reader, .arg = &w->rig};
    struct bf_error err = {0};

    rig_open(&w->rig, &plugin);
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

/* One request; gives the status, the answer with its head in w->answer. */
static int ask(struct web *w, const char *method, const char *path, const char *more,
               const char *body)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), n;
    size_t len = 0;
    char head[1024];
    ssize_t got;

    CHECK_INT(connect(fd, bf_listener_sockaddr(w->listener), sizeof(struct sockaddr_in)), 0);
    n = snprintf(head, sizeof(head),
                 "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\n"
                 "%sContent-Length: %zu\r\n\r\n", method, path, w->key, more, strlen(body));
    CHECK_INT(write(fd, head, (size_t)n), n);
    CHECK_INT(write(fd, body, strlen(body)), strlen(body));
    while ((got = read(fd, w->answer + len, sizeof(w->answer) - 1 - len)) > 0)
        len += (size_t)got;
    w->answer[len] = '\0';
    close(fd);
    CHECK(len > 12);
    return atoi(w->answer + 9);
}

static int count_of(struct web *w, const char *line)
{
    char path[128];

    snprintf(path, sizeof(path), "/count?line=%s", line);
    CHECK_INT(ask(w, "GET", path, "", ""), 200);
    return atoi(strstr(w->answer, "\r\n\r\n") + 4);
}

#define EVENT "{\"type\":\"ci.done\",\"entity\":\"acme\"}"

TEST(an_event_is_answered_with_its_receipt)
{
    struct web w;

    web_open(&w);
    CHECK_INT(ask(&w, "POST", "/events", "", EVENT), 202);
    CHECK_HAS(w.answer, "{\"events\":[{\"id\":\"");
    CHECK_HAS(w.answer, "\",\"duplicate\":false}]}");
    CHECK_INT(ask(&w, "POST", "/events", "", "[" EVENT "," EVENT "]"), 202);
    CHECK_HAS(w.answer, "false},{\"id\":");
    web_close(&w);
}

TEST(a_repeated_key_is_a_duplicate_with_the_first_id)
{
    struct web w;
    char first[64] = "", *at;

    web_open(&w);
    CHECK_INT(ask(&w, "POST", "/r/acme?key=k1", "", "1"), 202);
    at = strstr(w.answer, "\"id\":\"");
    CHECK(at != NULL);
    snprintf(first, sizeof(first), "%.32s", at);
    CHECK_INT(ask(&w, "POST", "/r/acme?key=k1", "", "2"), 202);
    CHECK_HAS(w.answer, "\"duplicate\":true");
    CHECK_HAS(w.answer, first);
    web_close(&w);
}

TEST(a_refused_event_names_its_place)
{
    static const struct {
        const char *path, *body;
        int status;
        const char *field, *words;
    } rows[] = {
        {"/events", "{\"type\":\"ci.done\",\"entity\":\"nope\"}", 400, "\"field\":\"entity\"",
         "team \\\"nope\\\" does not exist; make it with PUT /api/v1/teams/nope"},
        {"/events", "[" EVENT "," EVENT ",{\"type\":\"a.b\",\"entity\":\"nope\"}]", 400,
         "\"field\":\"[2].entity\"", "nope"},
        {"/events", "[" EVENT ",{\"type\":7,\"entity\":\"acme\"}]", 400, "\"field\":\"[1].type\"",
         "type"},
        {"/r/acme", "{", 400, "", ""},
    };
    struct web w;

    web_open(&w);
    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        CHECK_INT(ask(&w, "POST", rows[i].path, "", rows[i].body), rows[i].status);
        CHECK_HAS(w.answer, rows[i].field);
        CHECK_HAS(w.answer, rows[i].words);
    }
    web_close(&w);
}

TEST(a_wrong_key_is_not_let_in)
{
    struct web w;

    web_open(&w);
    w.key[strlen(w.key) - 1] ^= 1;
    CHECK_INT(ask(&w, "POST", "/events", "", EVENT), 401);
    web_close(&w);
}

TEST(an_event_that_came_through_too_many_hubs_is_refused)
{
    struct web w;

    web_open(&w);
    CHECK_INT(ask(&w, "POST", "/events", "Belfry-Hops: 5\r\n", EVENT), 202);
    CHECK_INT(ask(&w, "POST", "/events", "Belfry-Hops: 6\r\n", EVENT), 400);
    CHECK_HAS(w.answer, "more than 5 hubs");
    web_close(&w);
}

/* Of the newest event in the journal. */
static const char *last_cause(struct web *w)
{
    static char cause[64];
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_envelope *e;
    struct bf_error err;
    struct bf_query *q;
    struct bf_db *db;
    uint64_t seq;

    rig_ok(bf_db_open(w->rig.path, BF_DB_READ, &db, &err), &err);
    q = bf_db_query(db, "SELECT max(seq) FROM journal");
    CHECK_INT(bf_query_step(q), 1);
    seq = (uint64_t)bf_query_col_int(q, 0);
    bf_query_end(q);
    rig_ok(bf_journal_read(db, bf_bus_hub(w->rig.bus), seq, a, &e, &err), &err);
    snprintf(cause, sizeof(cause), "%s", e->cause ? e->cause : "");
    bf_envelope_unref(e);
    bf_arena_free(a);
    bf_db_close(db);
    return cause;
}

TEST(what_an_event_came_of_goes_on_by_its_header)
{
    struct web w;

    web_open(&w);
    CHECK_INT(ask(&w, "POST", "/events", "Belfry-Cause: 01ROOT\r\n", EVENT), 202);
    CHECK_STR(last_cause(&w), "01ROOT");
    CHECK_INT(ask(&w, "POST", "/events", "Belfry-Cause: 01 ROOT\r\n", EVENT), 400);
    CHECK_HAS(w.answer, "\"field\":\"cause\"");
    web_close(&w);
}

TEST(a_failed_commit_is_503_and_keeps_nothing)
{
    struct web w;

    web_open(&w);
    bf_db_fail_commits(w.rig.db, 0, 1);
    CHECK_INT(ask(&w, "POST", "/store", "", "one"), 503);
    CHECK_HAS(w.answer, "store_unavailable");
    CHECK_HAS(w.answer, "Retry-After: 1");
    CHECK_INT(ask(&w, "POST", "/store", "", "two"), 201);
    CHECK_INT(count_of(&w, "two"), 1);
    CHECK_INT(count_of(&w, "one"), 0);
    web_close(&w);
}

TEST(a_status_of_400_on_the_engine_undoes_what_was_written)
{
    struct web w;

    web_open(&w);
    CHECK_INT(ask(&w, "POST", "/store", "", "kept"), 201);
    CHECK_HAS(w.answer, "\r\n\r\nstored");
    CHECK_INT(ask(&w, "POST", "/store", "", "undo"), 409);
    CHECK_INT(count_of(&w, "kept"), 1);
    CHECK_INT(count_of(&w, "undo"), 0);
    web_close(&w);
}

TEST(a_plugin_does_not_reach_tables_of_others)
{
    struct web w;

    web_open(&w);
    CHECK_INT(ask(&w, "GET", "/peek", "", ""), 403);
    CHECK_HAS(w.answer, "plugin r may not reach \\\"team_keys\\\"");
    web_close(&w);
}

TEST(a_plugin_makes_no_tables_of_other_names)
{
    static const char *const schemas[][2] = {{"CREATE TABLE secrets (a TEXT)", NULL},
                                             {"DROP TABLE team_keys", NULL},
                                             {"CREATE TABLE r_x_y (a TEXT)", NULL}};
    static const char *const names[] = {"s", "s", "r_x"}, *const words[] = {
        "\"secrets\"", "\"team_keys\"", "plugins r and r_x"};
    struct bf_error err;
    struct rig rig;

    rig_open(&rig, &plugin);
    for (size_t i = 0; i < BF_COUNT(schemas); i++) {
        struct bf_source kind = source;
        struct bf_plugin other = plugin;

        kind.name = other.name = names[i];
        other.sources = (const struct bf_source *const[]){&kind, NULL};
        other.schema = schemas[i];
        CHECK(bf_plugins_add(rig.plugins, &other, &err) < 0);
        CHECK_HAS(err.words, words[i]);
    }
    rig_close(&rig);
}

TEST(a_request_may_go_on_at_a_worker)
{
    struct web w;

    web_open(&w);
    CHECK_INT(ask(&w, "POST", "/work", "", "this"), 200);
    CHECK_HAS(w.answer, "\r\n\r\nworker had this");
    web_close(&w);
}

TEST(what_the_client_has_already_is_304)
{
    struct web w;

    web_open(&w);
    CHECK_INT(ask(&w, "GET", "/count", "If-None-Match: \"1\"\r\n", ""), 304);
    CHECK_INT(ask(&w, "GET", "/count", "If-None-Match: \"2\"\r\n", ""), 200);
    web_close(&w);
}

TEST(a_request_may_come_back_to_the_listener)
{
    struct web w;

    web_open(&w);
    CHECK_INT(ask(&w, "POST", "/round", "", "this"), 200);
    CHECK_HAS(w.answer, "\r\n\r\nback with this");
    web_close(&w);
}

TEST(a_source_may_have_a_thread_and_timers)
{
    struct web w;

    seen.wanted = true;
    web_open(&w);
    for (int i = 0; i < 200 && (!seen.ran || seen.ticks < 2); i++)
        usleep(10000);
    web_close(&w);
    CHECK(seen.ran);
    CHECK(seen.ticks >= 2);
    CHECK_INT(seen.ended, 0);
    CHECK_INT(seen.emitted, 0);
    CHECK_INT(seen.again, 1);
    CHECK_STR(seen.second, seen.first);
    CHECK_INT(seen.transacted, 0);
    CHECK_INT(seen.refused, BF_EEXIST);
    CHECK_STR(seen.recalled, "42");
    CHECK_INT(seen.fetched, BF_EPERM);          /* the guard stands here as well */
}
