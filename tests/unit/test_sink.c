/* What the courier asks of sinks, and what is checked before anything is saved. */
#include <time.h>
#include <unistd.h>

#include "tests/unit/plugin_rig.h"

struct where {
    const char *url;
    const char *token;
    const char *mode;
};

struct what {
    const char *text;
    const char *payload;
};

static const struct bf_option where_options[] = {
    BF_STRING(struct where, url, .flags = BF_REQUIRED, .help = "address"),
    BF_STRING(struct where, token, .flags = BF_SECRET | BF_GRANTED),
    BF_STRING(struct where, mode, .def = ""),
    BF_OPTIONS_END
};

static const struct bf_option what_options[] = {
    BF_STRING(struct what, text, .flags = BF_TEMPLATE, .def = "${alias}"),
    BF_JSON(struct what, payload, .def = "{\"v\":\"${artifact_version_string}\"}"),
    BF_OPTIONS_END
};

/* Each test is a process of its own. */
static int n_created, n_destroyed;
static const struct bf_delivery *left_with_us;
static char judged[256];        /* all that judge() was shown */

static int create(struct bf_ctx *ctx, const void *options, void **self)
{
    const struct where *w = options;

    if (strcmp(w->mode, "bad") == 0)
        return bf_refuse(ctx, "mode", "mode must not be bad");
    n_created++;
    *self = (void *)options;
    return 0;
}

static void destroy(void *self)
{
    (void)self;
    n_destroyed++;
}

static int request(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    const struct where *to = self;
    const struct what *say = d->action;

    if (strcmp(to->mode, "retry") == 0)
        return bf_retry(d, 1234, "not now, %s", d->id);
    if (strcmp(to->mode, "fail") == 0)
        return bf_fail(d->ctx, BF_EIO, "no route");
    if (strcmp(say->text, "refuse me") == 0)
        return bf_refuse(d->ctx, "text", "text is refused");
    bf_request_to(req, "POST", to->url);
    bf_request_header(req, "X-Text", bf_expand(d, say->text, BF_ESC_XML));
    bf_request_body(req, "application/json", "%s", bf_render(d, say->payload));
    bf_request_sign(req, "X-Signature", to->token, BF_SIGN_PLAIN);
    return 0;
}

static int request_merged(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    const struct where *to = self;
    const struct what *say = d->action;
    const char *text = bf_expand(d, say->text, BF_ESC_NONE);

    for (size_t i = 0; d->merged && d->merged[i]; i++)
        text = bf_printf(d->arena, "%s, %s", text, bf_expand(d->merged[i], say->text, BF_ESC_NONE));
    bf_request_to(req, "POST", to->url);
    bf_request_body(req, "text/plain", "%s", text);
    return 0;
}

static int judge(void *self, const struct bf_delivery *d, const struct bf_http_out *out)
{
    size_t len = (size_t)snprintf(judged, sizeof(judged), "%s", out->body);

    (void)self;
    for (const char *const *h = out->headers; h && h[0]; h++)
        len += (size_t)snprintf(judged + len, sizeof(judged) - len, "|%s", h[0]);
    if (strcmp(out->body, "no") == 0)
        return bf_reject(d, "the service said no");
    if (strcmp(out->body, "later") == 0)
        return bf_retry(d, -1, "the service said later");
    if (strcmp(out->body, "soon") == 0)
        return bf_retry(d, 5, "the service said soon");
    return bf_default(d, out);
}

static int deliver_blocking(void *self, const struct bf_delivery *d)
{
    (void)self;
    return bf_accept(d, "taken by %s", d->event->type);
}

static void deliver(void *self, const struct bf_delivery *d)
{
    (void)self;
    left_with_us = d;
}

static const struct bf_sink asks = {
    BF_SINK("t", "Ask for a request"), BF_INTEGRATION(struct where, where_options),
    BF_ACTION(struct what, what_options), .create = create, .destroy = destroy,
    .request = request, .judge = judge, .flags = BF_QUICK};
static const struct bf_sink blocks = {
    BF_SINK("t.blocks", "Block"), BF_INTEGRATION(struct where, where_options),
    BF_ACTION(struct what, what_options), .deliver_blocking = deliver_blocking,
    .flags = BF_ONCE, .max_parallel = 3};
static const struct bf_sink settles = {
    BF_SINK("t.settles", "Settle later"), BF_INTEGRATION(struct where, where_options),
    BF_ACTION(struct what, what_options), .deliver = deliver};
static const struct bf_sink merges = {
    BF_SINK("t.merges", "Tell of two"), BF_INTEGRATION(struct where, where_options),
    BF_ACTION(struct what, what_options), .request = request_merged, .max_merged = 2};
static const struct bf_sink once = {
    BF_SINK("t.once", "Start something"), BF_INTEGRATION(struct where, where_options),
    BF_ACTION(struct what, what_options), .request = request, .flags = BF_ONCE};
static const struct bf_sink once_judges = {
    BF_SINK("t.once_judges", "Start something"), BF_INTEGRATION(struct where, where_options),
    BF_ACTION(struct what, what_options), .request = request, .judge = judge, .flags = BF_ONCE};
static const struct bf_plugin plugin = {
    .size = sizeof(plugin), .name = "t", .version = "1",
    BF_SINKS(&asks, &blocks, &settles, &merges, &once, &once_judges)};

static void open_with(struct rig *r, const char *sink, const char *config)
{
    rig_open(r, &plugin);
    rig_integration(r, sink, config);
}

TEST(a_request_is_what_the_sink_says)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, "t", "{\"url\":\"https://a.example/x\"}");
    rig_attempt(&t, "{\"text\":\"<${alias}> by ${event_author}\"}");
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
    CHECK_STR(t.at.out.http.url, "https://a.example/x");
    CHECK_STR(t.at.out.http.method, "POST");
    CHECK_STR(rig_header(&t, "X-Text"), "<production> by ana");
    CHECK_STR(rig_header(&t, "Content-Type"), "application/json");
    CHECK_STR(rig_header(&t, "Belfry-Hops"), "1");
    CHECK_STR(rig_header(&t, "Belfry-Cause"), "01EVENT");
    CHECK_STR(t.at.out.http.body, "{\"v\":\"acme/vision/resnet:production\"}");
    rig_attempt_end(&r, &t);
    rig_close(&r);
}

TEST(an_instance_is_made_once_and_again_after_a_change)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, "t", "{\"url\":\"https://a.example\"}");
    for (int i = 0; i < 3; i++) {
        rig_attempt(&t, "{}");
        rig_prepare(&r, &t);
        rig_attempt_end(&r, &t);
    }
    CHECK_INT(n_created, 1);
    rig_attempt(&t, "{}");
    rig_prepare(&r, &t);
    rig_integration(&r, "t", "{\"url\":\"https://b.example\"}");
    CHECK_INT(n_destroyed, 0);          /* an attempt is under way with it */
    rig_attempt_end(&r, &t);
    CHECK_INT(n_destroyed, 1);
    rig_attempt(&t, "{}");
    rig_prepare(&r, &t);
    CHECK_STR(t.at.out.http.url, "https://b.example");
    rig_attempt_end(&r, &t);
    rig_close(&r);
    CHECK_INT(n_destroyed, n_created);
}

TEST(outcomes_and_errors_of_request_settle_the_attempt)
{
    static const struct {
        const char *config, *action;
        int outcome;
        long long after_ms;
        const char *words;
    } rows[] = {
        {"{\"url\":\"https://a.example\",\"mode\":\"retry\"}", "{}", BF_RETRY, 1234,
         "not now, 01EXECUTION"},
        {"{\"url\":\"https://a.example\",\"mode\":\"fail\"}", "{}", BF_RETRY, -1, "no route"},
        {"{\"url\":\"https://a.example\"}", "{\"text\":\"refuse me\"}", BF_REJECTED, -1,
         "text is refused"},
        {"{\"url\":\"https://a.example\"}", "{\"nope\":1}", BF_REJECTED, -1, "\"nope\""},
        {"{\"url\":\"https://a.example\"}", "{\"text\":\"${nope}\"}", BF_REJECTED, -1, "nope"},
        {"{\"url\":\"https://a.example\",\"mode\":\"bad\"}", "{}", BF_REJECTED, -1,
         "must not be bad"},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct rig r;
        struct rig_attempt t;

        open_with(&r, "t", rows[i].config);
        rig_attempt(&t, rows[i].action);
        CHECK_INT(rig_prepare(&r, &t), BF_STEP_SETTLED);
        CHECK_INT(t.at.verdict.outcome, rows[i].outcome);
        CHECK_INT(t.at.verdict.after_ms, rows[i].after_ms);
        CHECK_HAS(t.at.verdict.words, rows[i].words);
        rig_attempt_end(&r, &t);
        rig_close(&r);
    }
}

/* A sink's request() used to be called without a request if there was no room for one. */
TEST(however_little_memory_an_attempt_has_it_is_sent_or_settled)
{
    size_t n_sent = 0, n_settled = 0;
    struct rig r;

    open_with(&r, "t", "{\"url\":\"https://a.example/x\"}");
    for (size_t limit = 64; limit <= 32 * 1024; limit += 64) {
        struct rig_attempt t;
        enum bf_step step;

        rig_attempt(&t, "{}");
        bf_arena_free(t.at.arena);
        t.at.arena = bf_arena_new(limit);
        step = rig_prepare(&r, &t);
        n_sent += step == BF_STEP_SEND;
        n_settled += step == BF_STEP_SETTLED && t.at.verdict.outcome != BF_DELIVERED;
        rig_attempt_end(&r, &t);
    }
    CHECK(n_sent > 0 && n_settled > 0);
    CHECK_INT(n_sent + n_settled, 512);
    rig_close(&r);
}

TEST(the_sink_judges_first_and_the_default_after_it)
{
    static const struct {
        struct bf_fetch_result answer;
        int outcome;
    } rows[] = {
        {{.status = 200, .body = "ok", .body_len = 2}, BF_DELIVERED},
        {{.status = 200, .body = "no", .body_len = 2}, BF_REJECTED},
        {{.status = 503, .body = "", .body_len = 0}, BF_RETRY},
        {{.err = BF_EIO, .sent = true, .words = "cut", .body = ""}, BF_UNKNOWN},
        {{.err = BF_EIO, .words = "refused", .body = ""}, BF_RETRY},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_fetch_result answer = rows[i].answer;
        struct bf_courier_ops ops;
        struct rig r;
        struct rig_attempt t;

        open_with(&r, "t", "{\"url\":\"https://a.example\"}");
        ops = bf_plugins_courier_ops(r.plugins);
        rig_attempt(&t, "{}");
        rig_prepare(&r, &t);
        ops.judge(ops.arg, &t.at, &answer);
        CHECK_INT(t.at.verdict.outcome, rows[i].outcome);
        rig_attempt_end(&r, &t);
        rig_close(&r);
    }
}

/* A judge that said "retry" and no more was not heard out: Retry-After was not looked at. */
TEST(a_retry_without_a_pause_of_its_own_waits_as_the_answer_says)
{
    static const struct {
        const char *body, *retry_after;
        int64_t after_ms;
    } rows[] = {
        {"later", "7", 7000}, {"later", NULL, -1},  {"later", "in a while", -1},
        {"soon", "7", 5},     {"later", "1000000", 24 * 3600 * 1000LL},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        const char *headers[] = {"Retry-After", rows[i].retry_after, NULL};
        struct bf_fetch_result answer = {.status = 403,
                                         .body = rows[i].body,
                                         .body_len = strlen(rows[i].body),
                                         .headers = headers + (rows[i].retry_after ? 0 : 2)};
        struct bf_courier_ops ops;
        struct rig_attempt t;
        struct rig r;

        open_with(&r, "t", "{\"url\":\"https://a.example\"}");
        ops = bf_plugins_courier_ops(r.plugins);
        rig_attempt(&t, "{}");
        rig_prepare(&r, &t);
        ops.judge(ops.arg, &t.at, &answer);
        CHECK_INT(t.at.verdict.outcome, BF_RETRY);
        CHECK_INT(t.at.verdict.after_ms, rows[i].after_ms);
        rig_attempt_end(&r, &t);
        rig_close(&r);
    }
}

TEST(a_server_that_failed_may_have_done_what_must_be_done_once)
{
    static const struct {
        const char *sink;
        struct bf_fetch_result answer;
        int outcome;
    } rows[] = {
        {"t", {.status = 502, .body = ""}, BF_RETRY},
        {"t.once", {.status = 500, .body = ""}, BF_UNKNOWN},
        {"t.once", {.status = 503, .err = BF_ETOOBIG, .words = "too long", .body = ""}, BF_UNKNOWN},
        {"t.once", {.status = 429, .body = ""}, BF_RETRY},
        {"t.once", {.status = 404, .body = ""}, BF_REJECTED},
        {"t.once", {.err = BF_EIO, .words = "refused", .body = ""}, BF_RETRY},
        {"t.once_judges", {.status = 504, .body = ""}, BF_UNKNOWN},
        {"t.once_judges", {.status = 503, .body = "later", .body_len = 5}, BF_RETRY},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_fetch_result answer = rows[i].answer;
        struct bf_courier_ops ops;
        struct rig_attempt t;
        struct rig r;

        open_with(&r, rows[i].sink, "{\"url\":\"https://a.example\"}");
        ops = bf_plugins_courier_ops(r.plugins);
        rig_attempt(&t, "{}");
        rig_prepare(&r, &t);
        ops.judge(ops.arg, &t.at, &answer);
        CHECK_INT(t.at.verdict.outcome, rows[i].outcome);
        rig_attempt_end(&r, &t);
        rig_close(&r);
    }
}

TEST(a_judge_sees_secrets_neither_in_the_body_nor_in_headers)
{
    static const char *const headers[] = {"Location", "/login?t=open%2Fsesame", "Retry-After", "7",
                                          "X-Echo", "Basic dTpvcGVuL3Nlc2FtZQ==", NULL};
    static const struct {
        const char *body, *judged;
    } rows[] = {
        {"you sent open\\/sesame",
         "you sent ${TOKEN}|Location|/login?t=${TOKEN}|Retry-After|7|X-Echo|Basic dTp${TOKEN}Q=="},
        {"", "|Location|/login?t=${TOKEN}|Retry-After|7|X-Echo|Basic dTp${TOKEN}Q=="},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_fetch_result answer = {.status = 503,
                                         .body = rows[i].body,
                                         .body_len = strlen(rows[i].body),
                                         .headers = headers};
        struct bf_courier_ops ops;
        struct rig_attempt t;
        struct rig r;

        open_with(&r, "t", "{\"url\":\"https://a.example\",\"token\":\"TOKEN\"}");
        rig_secret(&r, "TOKEN", "open/sesame");
        ops = bf_plugins_courier_ops(r.plugins);
        rig_attempt(&t, "{}");
        rig_prepare(&r, &t);
        ops.judge(ops.arg, &t.at, &answer);
        CHECK_STR(judged, rows[i].judged);
        CHECK_INT(t.at.verdict.outcome, BF_RETRY);
        CHECK_INT(t.at.verdict.after_ms, 7000);
        rig_attempt_end(&r, &t);
        rig_close(&r);
    }
}

TEST(what_began_it_goes_along)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, "t", "{\"url\":\"https://a.example/x\"}");
    rig_attempt(&t, "{}");
    t.at.execution->event->cause = "01ROOT";
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
    CHECK_STR(rig_header(&t, "Belfry-Cause"), "01ROOT");
    rig_attempt_end(&r, &t);
    rig_attempt(&t, "{}");
    t.at.execution->event->id[0] = '\0';        /* made up: the header must not be empty */
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
    CHECK_STR(rig_header(&t, "Belfry-Cause"), "01EXECUTION000000000000000");
    rig_attempt_end(&r, &t);
    rig_close(&r);
}

/* --- digests and dry runs ----------------------------------------------------------- */

TEST(a_sink_that_tells_of_one_tells_of_the_newest_and_how_many_there_are)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, "t", "{\"url\":\"https://a.example/x\"}");
    rig_attempt(&t, "{\"text\":\"${alias}\",\"payload\":{\"n\":\"${json:firing_count}\",\"all\":"
                    "\"${json:firings}\"}}");
    rig_digest(&t);
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
    CHECK_STR(rig_header(&t, "X-Text"), "later1");
    CHECK_STR(rig_header(&t, "Belfry-Hops"), "5");
    CHECK_STR(t.at.out.http.body, "{\"n\":3,\"all\":[{\"a\":1},{},{}]}");
    rig_attempt_end(&r, &t);
    rig_close(&r);
}

TEST(a_sink_that_tells_of_several_is_given_the_newest_as_many_as_fit)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, "t.merges", "{\"url\":\"https://a.example/x\"}");
    rig_attempt(&t, "{\"text\":\"${alias} of ${firing_count}\"}");
    rig_digest(&t);
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
    CHECK_STR(t.at.out.http.body, "production of 3, later1 of 1");
    rig_attempt_end(&r, &t);
    rig_close(&r);
}

/* Its stand-in is the whole attempt's, or it would leave as it is. */
TEST(a_secret_in_a_merged_firing_is_sent_and_never_shown)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, "t.merges", "{\"url\":\"https://a.example/x\"}");
    rig_secret(&r, "WORD", "swordfish-9");
    rig_attempt(&t, "{\"text\":\"${alias} ${WORD}\"}");
    t.action.secrets = "WORD";
    rig_digest(&t);
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
    CHECK_STR(t.at.out.http.body, "production swordfish-9, later1 swordfish-9");
    CHECK_STR(t.at.out.sent.body, "production ${WORD}, later1 ${WORD}");
    rig_attempt_end(&r, &t);
    rig_close(&r);
}

TEST(a_dry_run_of_a_sink_with_steps_of_its_own_shows_its_options)
{
    static const char *const sinks[] = {"t.blocks", "t.settles"};
    struct rig r;
    struct rig_attempt t;

    open_with(&r, "t", "{\"url\":\"x\"}");
    rig_secret(&r, "WORD", "swordfish-9");
    for (size_t i = 0; i < BF_COUNT(sinks); i++) {
        rig_integration(&r, sinks[i], "{\"url\":\"x\"}");
        left_with_us = NULL;
        rig_attempt(&t, "{\"text\":\"say \\\"${alias}\\\" ${WORD}\"}");
        t.action.secrets = "WORD";
        t.automation.revision += i;
        t.automation.dry_run = true;
        CHECK_INT(rig_prepare(&r, &t), BF_STEP_SETTLED);
        CHECK_INT(t.at.verdict.outcome, BF_DRY);
        CHECK_HAS(t.at.verdict.words, "delivers in steps of its own");
        CHECK_STR(t.at.out.sent.url, i ? "sink:t.settles" : "sink:t.blocks");
        CHECK_STR(t.at.out.sent.body, "{\"text\":\"say \\\"production\\\" ${WORD}\",\"payload\":"
                                      "{\"v\":\"acme/vision/resnet:production\"}}");
        CHECK(left_with_us == NULL);
        rig_attempt_end(&r, &t);
    }
    rig_close(&r);
}

TEST(a_blocking_sink_is_settled_when_it_returns)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, "t.blocks", "{\"url\":\"x\"}");
    rig_attempt(&t, "{}");
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SETTLED);
    CHECK_INT(t.at.verdict.outcome, BF_ACCEPTED);
    CHECK_STR(t.at.verdict.words, "taken by artifact.alias.add");
    rig_attempt_end(&r, &t);
    rig_close(&r);
}

TEST(what_a_sink_keeps_outlives_the_attempt)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, "t.settles", "{\"url\":\"x\"}");
    rig_attempt(&t, "{}");
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_LATER);
    rig_attempt_end(&r, &t);            /* as after the deadline */
    CHECK_STR(left_with_us->event->type, "artifact.alias.add");
    CHECK_STR(bf_expand(left_with_us, "${alias}", BF_ESC_NONE), "production");
    rig_close(&r);                      /* gives it back, though it was never settled */
}

TEST(a_destination_is_what_its_sink_declares)
{
    struct bf_destination_info info;
    struct bf_courier_ops ops;
    struct bf_error err = {0};
    struct rig r;

    open_with(&r, "t.blocks", "{\"url\":\"x\"}");
    ops = bf_plugins_courier_ops(r.plugins);
    CHECK(ops.destination(ops.arg, RIG_INTEGRATION, &info, &err));
    CHECK(!info.quick);
    CHECK(info.once);
    CHECK_INT(info.max_parallel, 3);
    rig_integration(&r, "t", "{\"url\":\"x\"}");
    CHECK(ops.destination(ops.arg, RIG_INTEGRATION, &info, &err));
    CHECK(info.quick);
    CHECK(!info.once);
    rig_integration(&r, "not.here", "{}");
    CHECK(!ops.destination(ops.arg, RIG_INTEGRATION, &info, &err));
    CHECK_HAS(err.words, "there is no sink \"not.here\"");
    rig_close(&r);
}

/* It used to wait for ever for its integration to come back. */
TEST(what_waits_for_a_deleted_integration_ends_with_these_words)
{
    struct bf_destination_info info;
    struct bf_courier_ops ops;
    struct bf_error err = {0};
    struct rig_attempt t;
    struct rig r;

    rig_open(&r, &plugin);
    ops = bf_plugins_courier_ops(r.plugins);
    CHECK(ops.destination(ops.arg, RIG_INTEGRATION, &info, &err));
    rig_attempt(&t, "{}");
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SETTLED);
    CHECK_INT(t.at.verdict.outcome, BF_REJECTED);
    CHECK_HAS(t.at.verdict.words, "does not exist any more");
    rig_attempt_end(&r, &t);
    rig_close(&r);
}

struct sealed {
    char name[128];
    char value[128];
    int n;
};

static void on_seal(void *arg, const char *name, const char *value)
{
    struct sealed *s = arg;

    snprintf(s->name, sizeof(s->name), "%s", name);
    snprintf(s->value, sizeof(s->value), "%s", value);
    s->n++;
}

/* A draft of an integration "ID" of acme's. */
static int check_draft(struct rig *r, struct bf_arena *a, struct bf_integration_draft d,
                       const char **stored, struct sealed *s, struct bf_error *err)
{
    int rc;

    d.entity = "acme";
    d.id = "ID";
    d.sink = "t";
    d.seal = on_seal;
    d.arg = s;
    rc = bf_plugins_check_integration(r->plugins, a, &d, err);
    *stored = d.stored;
    return rc;
}

static int check(struct rig *r, struct bf_arena *a, const char *config, const char **stored,
                 struct sealed *s, struct bf_error *err)
{
    *s = (struct sealed){0};
    *err = (struct bf_error){0};
    return check_draft(r, a, (struct bf_integration_draft){.config = config, .secrets = ""}, stored,
                       s, err);
}

TEST(an_integration_is_checked_and_its_literals_are_sealed)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    struct bf_error err;
    struct sealed s;
    const char *stored;
    struct rig r;

    rig_open(&r, &plugin);
    rig_secret(&r, "TOKEN", "v");
    CHECK_INT(check(&r, a, "{\"url\":\"https://a.example\",\"token\":\"TOKEN\"}", &stored, &s,
                    &err), 0);
    CHECK_STR(stored, "{\"url\":\"https://a.example\",\"token\":\"TOKEN\"}");
    CHECK_INT(s.n, 0);
    CHECK_INT(check(&r, a, "{\"url\":\"https://a.example\",\"token\":\"tk-1\"}", &stored, &s,
                    &err), 0);
    CHECK_STR(stored, "{\"url\":\"https://a.example\",\"token\":"
                      "{\"sealed\":\"integration/ID/token\"}}");
    CHECK_STR(s.name, "integration/ID/token");
    CHECK_STR(s.value, "tk-1");
    CHECK_INT(check(&r, a, "{\"url\":\"https://a.example\",\"token\":{\"value\":\"WORD\"}}",
                    &stored, &s, &err), 0);
    CHECK_STR(s.value, "WORD");
    rig_close(&r);
    bf_arena_free(a);
}

TEST(an_integration_is_refused_with_the_field_and_the_way_out)
{
    static const struct {
        const char *config, *field, *words;
    } rows[] = {
        {"{}", "config.url", "required"},
        {"{\"url\":\"https://a.example\",\"token\":\"NOPE\"}", "config.token",
         "no secret \"NOPE\" in team acme; store it with PUT /api/v1/teams/acme/secrets/NOPE"},
        {"{\"url\":\"https://a.example\",\"token\":{\"set\":true}}", "config.token", "not set yet"},
        {"{\"url\":\"http://127.0.0.1/x\"}", "config.url", "127.0.0"},
        {"{\"url\":\"https://a.example\",\"token\":\"http://169.254.169.254/\"}", "config.token",
         "169.254"},
        {"{\"url\":\"https://a.example\",\"mode\":\"bad\"}", "config.mode", "must not be bad"},
    };
    struct rig r;

    rig_open(&r, &plugin);
    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_arena *a = bf_arena_new(1024 * 1024);
        struct bf_error err;
        struct sealed s;
        const char *stored;

        CHECK(check(&r, a, rows[i].config, &stored, &s, &err) != 0);
        CHECK_STR(err.field, rows[i].field);
        CHECK_HAS(err.words, rows[i].words);
        bf_arena_free(a);
    }
    rig_close(&r);
}

TEST(rest_shows_that_a_literal_is_set_and_no_more)
{
    struct bf_arena *a = bf_arena_new(65536);
    struct bf_integration *i;
    const char *json;
    struct rig r;

    open_with(&r, "t", "{\"url\":\"https://a.example\",\"token\":"
                       "{\"sealed\":\"integration/ID/token\"}}");
    i = bf_team_integration(r.team, RIG_INTEGRATION);
    CHECK_INT(bf_plugins_show_config(r.plugins, a, i, &json), 0);
    CHECK_STR(json, "{\"url\":\"https://a.example\",\"token\":{\"set\":true}}");
    bf_integration_unref(i);
    rig_close(&r);
    bf_arena_free(a);
}

TEST(an_action_is_tried_on_a_made_up_event)
{
    static const struct {
        const char *config, *field, *words;
    } rows[] = {
        {"{\"text\":\"${alias} ok\"}", NULL, NULL},
        {"{\"text\":\"${token_of_others}\"}", "config.text", "token_of_others"},
        {"{\"payload\":{\"a\":\"${nope}\"}}", "config.payload", "nope"},
        {"{\"text\":\"refuse me\"}", "config.text", "text is refused"},
        {"{\"txt\":\"x\"}", "config.txt", "text, payload"},
    };
    struct bf_arena *a = bf_arena_new(65536);
    struct bf_integration *in;
    struct rig r;

    open_with(&r, "t", "{\"url\":\"https://a.example\"}");
    in = bf_team_integration(r.team, RIG_INTEGRATION);
    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_error err = {0};
        struct bf_warnings warnings = {.arena = a};
        struct bf_action_check check = {.integration = in, .config = rows[i].config,
                                        .event_type = "ADD_ARTIFACT_ALIAS", .secrets = "",
                                        .warnings = &warnings};
        int rc = bf_plugins_check_action(r.plugins, &check, &err);

        if (!rows[i].field) {
            rig_ok(rc, &err);
            continue;
        }
        CHECK(rc != 0);
        CHECK_HAS(err.field, rows[i].field);
        CHECK_HAS(err.words, rows[i].words);
    }
    bf_integration_unref(in);
    rig_close(&r);
    bf_arena_free(a);
}

TEST(a_payload_that_may_grow_too_large_is_a_warning)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    char config[65536] = "{\"payload\":{\"small\":\"${alias}${data}\"";
    struct bf_error err = {0};
    struct rig r;
    struct bf_warnings warnings = {.arena = a, .within = "actions[3]"};
    struct bf_action_check check = {.event_type = "ADD_ARTIFACT_ALIAS", .config = config,
                                    .secrets = "", .warnings = &warnings};

    open_with(&r, "t", "{\"url\":\"https://a.example\"}");
    check.integration = bf_team_integration(r.team, RIG_INTEGRATION);
    strcat(config, "}}");
    rig_ok(bf_plugins_check_action(r.plugins, &check, &err), &err);
    CHECK(!warnings.first);
    config[strlen(config) - 2] = '\0';
    for (int i = 0; i < 8; i++)
        snprintf(config + strlen(config), 64, ",\"k%d\":\"${artifact_metadata.k%d}\"", i, i);
    strcat(config, "}}");
    rig_ok(bf_plugins_check_action(r.plugins, &check, &err), &err);
    CHECK(warnings.first && !warnings.first->next);
    CHECK_STR(warnings.first->field, "actions[3].config.payload");
    CHECK_HAS(warnings.first->message, "1048576 are allowed");
    bf_integration_unref((struct bf_integration *)check.integration);
    rig_close(&r);
    bf_arena_free(a);
}


/* --- grants ---------------------------------------------------------------------------- */

static void open_granted(struct rig *r, const char *config, const char *secrets)
{
    struct bf_error err = {0};

    rig_open(r, &plugin);
    rig_secret(r, "ONE", "value-of-one");
    rig_secret(r, "TWO", "value-of-two");
    rig_ok(bf_db_begin(r->db), &err);
    rig_ok(bf_team_put_integration(r->db, RIG_INTEGRATION, "acme", "t", "ops", config, secrets, 1,
                                   &err), &err);
    rig_ok(bf_db_commit(r->db), &err);
    rig_ok(bf_team_refresh(r->team, r->db, NULL, NULL, &err), &err);
}

TEST(secrets_granted_to_the_integration_and_to_the_action_are_sent)
{
    struct rig r;
    struct rig_attempt t;

    open_granted(&r, "{\"url\":\"https://a.example\"}", "ONE");
    rig_attempt(&t, "{\"payload\":{\"a\":\"${ONE}\",\"b\":\"$TWO, $THREE\"}}");
    t.action.secrets = "TWO";
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
    CHECK_STR(t.at.out.http.body, "{\"a\":\"value-of-one\",\"b\":\"value-of-two, $THREE\"}");
    CHECK_STR(t.at.out.sent.body, "{\"a\":\"${ONE}\",\"b\":\"${TWO}, $THREE\"}");
    rig_attempt_end(&r, &t);
    rig_close(&r);
}

TEST(what_would_be_sent_is_shown_with_names_in_place_of_secrets)
{
    struct rig r;
    struct rig_attempt t;
    struct bf_answer said;
    struct bf_sent sent;
    struct bf_error err = {0};

    open_granted(&r, "{\"url\":\"https://a.example\"}", "ONE");
    rig_attempt(&t, "{\"payload\":{\"a\":\"${ONE}\",\"b\":\"${alias}\",\"c\":\"${automation_name}\"}}");
    rig_ok(bf_plugins_preview(r.plugins, t.at.execution, t.at.arena, &sent, &said, &err), &err);
    CHECK_STR(sent.url, "https://a.example");
    CHECK_STR(sent.body, "{\"a\":\"${ONE}\",\"b\":\"production\",\"c\":\"notify\"}");
    rig_attempt_end(&r, &t);
    rig_close(&r);
}

/* The options of an action are kept by the revision they came with; a draft has none yet. */
TEST(what_was_only_looked_at_is_not_what_is_sent_later)
{
    struct rig r;
    struct rig_attempt t;
    struct bf_answer said;
    struct bf_sent sent;
    struct bf_error err = {0};

    open_with(&r, "t", "{\"url\":\"https://a.example/x\"}");
    rig_attempt(&t, "{\"payload\":{\"draft\":true}}");
    rig_ok(bf_plugins_preview(r.plugins, t.at.execution, t.at.arena, &sent, &said, &err), &err);
    CHECK_STR(sent.body, "{\"draft\":true}");
    rig_attempt_end(&r, &t);
    rig_attempt(&t, "{\"payload\":{\"draft\":false}}");
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
    CHECK_STR(t.at.out.http.body, "{\"draft\":false}");
    rig_attempt_end(&r, &t);
    rig_close(&r);
}

TEST(what_cannot_be_shown_says_why_and_sends_nothing)
{
    static const struct {
        const char *sink, *config, *words;
    } rows[] = {
        {"t", "{\"url\":\"https://a.example\",\"mode\":\"fail\"}", "no route"},
        {"t.blocks", "{\"url\":\"x\"}", "no one request to look at"},
        {"t.settles", "{\"url\":\"x\"}", "no one request to look at"},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct rig r;
        struct rig_attempt t;
        struct bf_answer said;
        struct bf_sent sent;
        struct bf_error err = {0};

        open_with(&r, rows[i].sink, rows[i].config);
        rig_attempt(&t, "{}");
        CHECK_INT(bf_plugins_preview(r.plugins, t.at.execution, t.at.arena, &sent, &said, &err),
                  BF_EINVAL);
        CHECK_HAS(err.words, rows[i].words);
        CHECK(!left_with_us);
        rig_attempt_end(&r, &t);
        rig_close(&r);
        unlink(r.path);
    }
}

TEST(the_first_granted_secret_is_the_key_unless_another_is_named)
{
    static const struct {
        const char *config, *secrets, *key;
    } rows[] = {
        {"{\"url\":\"https://a.example\"}", "TWO ONE", "value-of-two"},
        {"{\"url\":\"https://a.example\",\"token\":null}", "ONE", "value-of-one"},
        {"{\"url\":\"https://a.example\",\"token\":\"ONE\"}", "TWO", "value-of-one"},
        {"{\"url\":\"https://a.example\"}", "", NULL},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct rig_attempt t;
        struct rig r;

        open_granted(&r, rows[i].config, rows[i].secrets);
        rig_attempt(&t, "{}");
        CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
        if (rows[i].key)
            CHECK_STR(rig_header(&t, "X-Signature"), rows[i].key);
        else
            CHECK(!rig_header(&t, "X-Signature"));
        rig_attempt_end(&r, &t);
        rig_close(&r);
    }
}

TEST(a_secret_granted_to_an_action_is_taken_out_of_the_answer)
{
    struct bf_fetch_result answer = {.status = 200, .body = "got value-of-two", .body_len = 16};
    struct bf_courier_ops ops;
    struct rig_attempt t;
    struct rig r;

    open_granted(&r, "{\"url\":\"https://a.example\"}", "");
    ops = bf_plugins_courier_ops(r.plugins);
    rig_attempt(&t, "{\"text\":\"${TWO}\"}");
    t.action.secrets = "TWO";
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
    ops.judge(ops.arg, &t.at, &answer);
    CHECK_STR(answer.body, "got ${TWO}");
    rig_attempt_end(&r, &t);
    rig_close(&r);
}

TEST(a_granted_secret_that_is_gone_fails_the_attempt_and_sends_nothing)
{
    struct rig_attempt t;
    struct rig r;

    open_granted(&r, "{\"url\":\"https://a.example\",\"token\":\"ONE\"}", "TWO");
    rig_delete_secret(&r, "TWO");
    rig_attempt(&t, "{\"text\":\"${TWO}\"}");
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SETTLED);
    CHECK_INT(t.at.verdict.outcome, BF_REJECTED);
    CHECK_HAS(t.at.verdict.words, "no secret \"TWO\" in team acme any more");
    rig_attempt_end(&r, &t);
    rig_close(&r);
}

TEST(what_is_not_granted_is_refused_with_the_names_that_are)
{
    static const struct {
        const char *secrets, *text, *field, *words;
    } rows[] = {
        {"", "${ONE} $TWO", NULL, NULL},
        {"TWO", "${ONE} ${TWO}", NULL, NULL},
        {"", "${TWO}", "config.text", "unknown variable \"${TWO}\"; a secret has to be granted, under secrets; known are: ONE, "},
        {"TWO", "${THREE}", "config.text", "known are: TWO, ONE, "},
        {"THREE", "", "secrets", "no secret \"THREE\" in team acme; store it with PUT"},
    };
    struct bf_arena *a = bf_arena_new(65536);
    struct bf_integration *in;
    struct rig r;

    open_granted(&r, "{\"url\":\"https://a.example\"}", "ONE");
    in = bf_team_integration(r.team, RIG_INTEGRATION);
    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_warnings warnings = {.arena = a};
        struct bf_error err = {0};
        char config[100];
        int rc;

        snprintf(config, sizeof(config), "{\"text\":\"%s\"}", rows[i].text);
        rc = bf_plugins_check_action(r.plugins,
                                     &(struct bf_action_check){.integration = in,
                                                               .event_type = "ADD_ARTIFACT_ALIAS",
                                                               .config = config,
                                                               .secrets = rows[i].secrets,
                                                               .warnings = &warnings}, &err);
        if (!rows[i].field) {
            rig_ok(rc, &err);
            continue;
        }
        CHECK(rc != 0);
        CHECK_STR(err.field, rows[i].field);
        CHECK_HAS(err.words, rows[i].words);
    }
    bf_integration_unref(in);
    rig_close(&r);
    bf_arena_free(a);
}


/* --- addresses, and changes ---------------------------------------------------------------- */

TEST(a_password_in_a_url_is_refused_unless_it_is_a_variable)
{
    static const struct {
        const char *url;
        bool fine;
    } rows[] = {
        {"https://a.example/x@y", true},
        {"https://bot:${ONE}@a.example/", true},
        {"https://${ONE}@a.example/", true},
        {"https://bot:pass@a.example/", false},
        {"https://token@a.example/", false},
        {"https://${ONE}:pass@a.example/", false},
        {"https://bot:${ONE}x@a.example/", false},
        {"https://bot:${ONE}@pass@a.example/", false},
    };
    struct rig r;

    open_granted(&r, "{\"url\":\"https://a.example\"}", "");
    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_arena *a = bf_arena_new(1024 * 1024);
        struct bf_error err = {0};
        struct sealed s = {0};
        const char *stored;
        char config[100];
        int rc;

        snprintf(config, sizeof(config), "{\"url\":\"%s\"}", rows[i].url);
        rc = check_draft(&r, a, (struct bf_integration_draft){.config = config, .secrets = "ONE"},
                         &stored, &s, &err);
        CHECK_INT(rc == 0, rows[i].fine);
        if (rc) {
            CHECK_STR(err.field, "config.url");
            CHECK_HAS(err.words, "/api/v1/teams/acme/secrets/PASSWORD");
        }
        bf_arena_free(a);
    }
    rig_close(&r);
}

TEST(a_host_that_does_not_resolve_is_a_warning_and_a_forbidden_one_an_error)
{
    struct bf_integration_draft d = {.entity = "acme", .id = "ID", .sink = "t", .secrets = "",
                                     .config = "{\"url\":\"https://nowhere.invalid/s3cret\"}"};
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    struct bf_error err = {0};
    struct rig r;

    rig_open(&r, &plugin);
    rig_ok(bf_plugins_check_integration(r.plugins, a, &d, &err), &err);
    CHECK(d.warnings.first && !d.warnings.first->next);
    CHECK_STR(d.warnings.first->field, "config.url");
    CHECK_HAS(d.warnings.first->message, "cannot be resolved now");
    d.config = "{\"url\":\"http://localhost/\"}";
    CHECK_INT(bf_plugins_check_integration(r.plugins, a, &d, &err), BF_ECONFIG);
    CHECK_STR(err.field, "config.url");
    CHECK_HAS(err.words, "to allow it set allow_addresses = \"");
    d.warnings = (struct bf_warnings){0};
    d.config = "{\"url\":\"https://${alias}.example/\"}";
    rig_ok(bf_plugins_check_integration(r.plugins, a, &d, &err), &err);
    CHECK(!d.warnings.first);
    rig_close(&r);
    bf_arena_free(a);
}

TEST(a_host_that_events_choose_is_saved_with_a_warning)
{
    static const struct {
        const char *url;
        bool warned;
    } rows[] = {
        {"https://${alias}.example/", false},
        {"https://${alias}/", true},
        {"https://x${alias}/", true},
        {"https://${alias}./", true},
        {"https://a.${alias}:8443/x?y#z", true},
        {"https://u:${ONE}@${alias}", true},
        {"https://${ONE}/", false},
        {"https://${ONE}${alias}/", true},
        {"https://x.${ONE}:80/", false},
        {"https://${alias}", true},
        {"https://${alias", true},
    };
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    struct rig r;

    open_granted(&r, "{\"url\":\"https://a.example\"}", "");
    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_integration_draft d = {.entity = "acme", .id = "ID", .sink = "t",
                                         .secrets = "ONE", .config =
                                             bf_arena_printf(a, "{\"url\":\"%s\"}", rows[i].url)};
        struct bf_error err;

        if (bf_plugins_check_integration(r.plugins, a, &d, &err))
            test_failed(__FILE__, __LINE__, "%s: %s", rows[i].url, err.words);
        else if ((d.warnings.first != NULL) != rows[i].warned)
            test_failed(__FILE__, __LINE__, "%s: %s", rows[i].url,
                      d.warnings.first ? d.warnings.first->message : "no warning");
    }
    rig_close(&r);
    bf_arena_free(a);
}

TEST(a_change_keeps_what_it_leaves_out_and_drops_what_is_null)
{
    static const char before[] = "{\"url\":\"https://nowhere.invalid/\",\"token\":"
                                 "{\"sealed\":\"integration/ID/token\"},\"mode\":\"m\"}";
    static const struct {
        const char *config, *stored;
    } rows[] = {
        {"{}", before},
        {"{\"token\":{\"set\":true}}", before},
        {"{\"token\":null}", "{\"url\":\"https://nowhere.invalid/\",\"mode\":\"m\"}"},
        {"{\"mode\":null,\"token\":\"ONE\"}",
         "{\"url\":\"https://nowhere.invalid/\",\"token\":\"ONE\"}"},
        {"{\"url\":null}", NULL},
        {"{\"nope\":null}", NULL},
        {"{\"token\":{\"sealed\":\"integration/ID/token\"}}", NULL},
    };
    struct bf_integration *in;
    struct rig r;

    open_granted(&r, before, "");
    in = bf_team_integration(r.team, RIG_INTEGRATION);
    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_integration_draft d = {.before = in, .config = rows[i].config, .secrets = ""};
        struct bf_arena *a = bf_arena_new(1024 * 1024);
        struct bf_error err = {0};
        struct sealed s = {0};
        const char *stored;
        int rc = check_draft(&r, a, d, &stored, &s, &err);

        CHECK_INT(s.n, 0);
        if (rows[i].stored) {
            rig_ok(rc, &err);
            CHECK_STR(stored, rows[i].stored);
        } else {
            CHECK(rc != 0);
        }
        bf_arena_free(a);
    }
    bf_integration_unref(in);
    rig_close(&r);
}
