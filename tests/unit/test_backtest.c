/* test_backtest.c - drafts on recorded events: what is judged, counted, listed, ended, forgotten. */
#include <unistd.h>

#include "core/backtest/backtest.h"
#include "core/bus/as_of.h"
#include "tests/unit/bus_fixture.h"
#include "tests/unit/plugin_rig.h"

struct options {
    const char *url;
};

static const struct bf_option where_options[] = {
    BF_STRING(struct options, url, .flags = BF_REQUIRED, .help = "address"), BF_OPTIONS_END};

struct what {
    const char *text;
};

static const struct bf_option what_options[] = {
    BF_STRING(struct what, text, .flags = BF_TEMPLATE, .def = "${alias}"), BF_OPTIONS_END};

static int request(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    const struct options *to = self;
    const struct what *say = d->action;

    bf_request_to(req, "POST", to->url);
    bf_request_body(req, "text/plain", "%s", bf_expand(d, say->text, BF_ESC_NONE));
    return 0;
}

static int create(struct bf_ctx *ctx, const void *options, void **self)
{
    (void)ctx;
    *self = (void *)options;
    return 0;
}

static const struct bf_sink sink = {
    BF_SINK("t", "Ask for a request"), BF_INTEGRATION(struct options, where_options),
    BF_ACTION(struct what, what_options), .create = create, .request = request, .flags = BF_QUICK};
static const struct bf_plugin plugin = {
    .size = sizeof(plugin), .name = "t", .version = "1", BF_SINKS(&sink)};

/* A hub's rooms, with the engine at work, and backtests over them. */
struct bench {
    struct rig rig;
    struct fixture f;           /* for its posts */
    struct bf_backtests *all;
};

static void bench_open(struct bench *b)
{
    struct bf_error err = {0};

    *b = (struct bench){.f = {.hops = 0}};
    rig_open(&b->rig, &plugin);
    rig_integration(&b->rig, "t", "{\"url\":\"https://a.example/x\"}");
    b->f.bus = b->rig.bus;
    rig_ok(bf_bus_start(b->rig.bus, &err), &err);
    b->all = bf_backtests_new(&(struct bf_backtest_rooms){.db_path = b->rig.path,
                                                          .bus = b->rig.bus,
                                                          .team = b->rig.team,
                                                          .plugins = b->rig.plugins,
                                                          .clock = bf_clock_system()});
}

static void bench_close(struct bench *b)
{
    bf_backtests_free(b->all);
    bf_bus_stop(b->rig.bus);
    rig_close(&b->rig);
}

#define DRAFT(scope, alias)                                                                        \
    "{\"name\":\"draft\",\"enabled\":false,\"scope\":" scope ",\"event\":{\"type\":"                \
    "\"ADD_ARTIFACT_ALIAS\",\"filter\":{\"alias\":\"" alias "\"}},\"actions\":[{\"integration\":\""  \
    RIG_INTEGRATION "\",\"config\":{\"text\":\"${alias} by ${automation_name}\"}}]}"
#define ACME "{\"entity\":\"acme\"}"

static struct bf_backtest *begin_in(struct bench *b, const char *spec, const char *zone)
{
    struct bf_backtest_order order = {.user = "ana", .since_ms = 1, .zone = zone};
    struct bf_automation *a;
    struct bf_backtest *t = NULL;
    struct bf_error err = {0};

    order.until_ms = bf_bus_now(b->rig.bus) + 1;
    rig_ok(bf_automation_parse(spec, strlen(spec), "01DRAFT0000000000000000000", 0, NULL, &a,
                               &err), &err);
    a->enabled = true;
    order.automation = a;
    order.tz = bf_tz_new(zone);
    rig_ok(bf_backtests_add(b->all, &order, &t, &err), &err);
    bf_automation_unref(a);
    bf_tz_unref(order.tz);
    return t;
}

static struct bf_backtest *begin(struct bench *b, const char *spec)
{
    return begin_in(b, spec, "UTC");
}

static const char *shown(struct bf_backtest *t)
{
    static char text[1 << 20];
    struct bf_buf b;

    bf_buf_init(&b, sizeof(text) - 1);
    bf_backtest_print(t, true, &b);
    snprintf(text, sizeof(text), "%s", bf_buf_text(&b));
    bf_buf_fini(&b);
    return text;
}

/* What it says once it has ended. */
static const char *wait_for(struct bf_backtest *t)
{
    const char *text = shown(t);

    for (int i = 0; i < 3000 && (strstr(text, "\"queued\"") || strstr(text, "\"running\"")); i++) {
        usleep(10000);
        text = shown(t);
    }
    return text;
}

static const char *test_of(struct bench *b, const char *spec)
{
    struct bf_backtest *t = begin(b, spec);
    const char *text = wait_for(t);

    bf_backtest_unref(t);
    return text;
}

TEST(a_draft_fires_on_what_was_recorded_and_nothing_is_enqueued)
{
    struct bench b;
    struct bf_receipt r;
    const char *text;

    bench_open(&b);
    CHECK_INT(emit(&b.f, ALIAS_EVENT("staging", ""), NULL), 0);
    CHECK_INT(emit(&b.f, ALIAS_EVENT("production", ""), &r), 0);
    CHECK_INT(emit(&b.f, ALIAS_EVENT("staging", ""), NULL), 0);
    text = test_of(&b, DRAFT(ACME, "production"));
    CHECK_HAS(text, "\"status\":\"finished\"");
    CHECK_HAS(text, "\"records\":3,\"fired\":1,\"delayed\":0,\"joined\":0,\"suppressed\":{}");
    CHECK_HAS(text, r.id);
    CHECK_HAS(text, "\"decision\":\"fired\",\"entity\":\"acme\",\"project\":\"vision\"");
    CHECK_HAS(text, "\"progress\":{\"done\":3,\"all\":3}");
    CHECK_INT(bf_outbox_last(b.rig.db), 0);
    bench_close(&b);
}

TEST(the_first_firings_show_what_would_be_sent)
{
    struct bench b;
    const char *text;

    bench_open(&b);
    for (int i = 0; i < BF_BACKTEST_PAYLOADS + 5; i++)
        CHECK_INT(emit(&b.f, ALIAS_EVENT("production", ""), NULL), 0);
    text = test_of(&b, DRAFT(ACME, "production"));
    CHECK_HAS(text, "\"fired\":25");
    CHECK_HAS(text, "\"request\":{\"method\":\"POST\",\"url\":\"https://a.example/x\","
                    "\"payload\":\"production by draft\",\"payload_bytes\":19},\"reason\":null}");
    for (int i = 0; i < BF_BACKTEST_PAYLOADS; i++) {
        text = strstr(text, "production by draft");
        CHECK(text);
        text++;
    }
    CHECK(!strstr(text, "production by draft"));
    bench_close(&b);
}

TEST(records_of_other_teams_and_projects_are_not_looked_at)
{
    struct bench b;

    bench_open(&b);
    CHECK_INT(emit(&b.f, ALIAS_EVENT("production", ""), NULL), 0);
    CHECK_INT(emit(&b.f, "{\"type\":\"artifact.alias.add\",\"entity\":\"other\",\"project\":"
                         "\"vision\",\"collection\":\"c\",\"alias\":\"production\"}", NULL), 0);
    CHECK_HAS(test_of(&b, DRAFT(ACME, "production")), "\"records\":1,\"fired\":1,");
    CHECK_HAS(test_of(&b, DRAFT("{\"entity\":\"acme\",\"project\":\"vision\"}", "production")),
              "\"records\":1,\"fired\":1,");
    CHECK_HAS(test_of(&b, DRAFT("{\"entity\":\"acme\",\"project\":\"speech\"}", "production")),
              "\"records\":0,\"fired\":0,");
    bench_close(&b);
}

static int apply_move(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    int rc = bf_bus_record(tx, "belfry.team.saved", "acme", "ana", "{}", 2, err);

    return rc ? rc : bf_bus_moved(tx, "acme", p->text, err);
}

static void move(struct bench *b, const char *was)
{
    struct posted p = {.apply = apply_move, .text = was};

    CHECK_INT(post(&b->f, &p), 0);
}

/* The team was in initech, then nowhere, and is back in initech by now. */
TEST(an_organization_has_its_teams_as_they_were_in_it)
{
    struct bench b;
    const char *text;

    bench_open(&b);
    CHECK_INT(emit(&b.f, ALIAS_EVENT("production", ",\"key\":\"in\""), NULL), 0);
    move(&b, "initech-org");
    CHECK_INT(emit(&b.f, ALIAS_EVENT("production", ",\"key\":\"out\""), NULL), 0);
    move(&b, NULL);
    text = test_of(&b, DRAFT("{\"organization\":\"initech\"}", "production"));
    CHECK_HAS(text, "\"fired\":1,");
    text = test_of(&b, DRAFT("{\"organization\":\"globex\"}", "production"));
    CHECK_HAS(text, "\"fired\":0,");
    bench_close(&b);
}

TEST(what_is_ended_is_forgotten_and_those_that_wait_have_their_turn)
{
    struct bench b;
    struct bf_backtest *t[BF_BACKTESTS_RUN + 3], *found;

    bench_open(&b);
    for (int i = 0; i < 300; i++)
        CHECK_INT(emit(&b.f, ALIAS_EVENT("production", ""), NULL), 0);
    for (size_t i = 0; i < BF_COUNT(t); i++)
        t[i] = begin(&b, DRAFT(ACME, "production"));
    bf_backtests_drop(b.all, t[1]);
    bf_backtests_drop(b.all, t[1]);
    found = bf_backtests_find(b.all, bf_backtest_id(t[1]));
    CHECK(!found);
    for (size_t i = 0; i < BF_COUNT(t); i++) {
        if (i != 1)
            CHECK_HAS(wait_for(t[i]), "\"fired\":300,");
        bf_backtest_unref(t[i]);
    }
    bench_close(&b);
}

/* They come faster than they can be run. */
TEST(more_than_may_wait_are_refused)
{
    struct bf_backtest_order order = {.user = "ana", .since_ms = 1, .until_ms = 2, .zone = "UTC"};
    struct bf_backtest *t;
    struct bf_automation *a;
    struct bf_error err = {0};
    struct bench b;
    int rc = 0, n = 0;

    bench_open(&b);
    for (int i = 0; i < 500; i++)
        CHECK_INT(emit(&b.f, ALIAS_EVENT("production", ""), NULL), 0);
    order.until_ms = bf_bus_now(b.rig.bus) + 1;
    rig_ok(bf_automation_parse(DRAFT(ACME, "x"), strlen(DRAFT(ACME, "x")),
                               "01DRAFT0000000000000000000", 0, NULL, &a, &err), &err);
    order.automation = a;
    order.tz = bf_tz_new("UTC");
    while (!rc && n++ < 1000) {
        rc = bf_backtests_add(b.all, &order, &t, &err);
        if (!rc)
            bf_backtest_unref(t);
    }
    CHECK_INT(rc, BF_EFULL);
    CHECK_HAS(err.words, "16 backtests wait already");
    bf_tz_unref(order.tz);
    bf_automation_unref(a);
    bench_close(&b);
}

TEST(a_list_has_the_newest_first)
{
    struct bf_backtest *one, *two, *list[8];
    struct bench b;

    bench_open(&b);
    one = begin(&b, DRAFT(ACME, "x"));
    wait_for(one);
    two = begin(&b, DRAFT(ACME, "y"));
    wait_for(two);
    CHECK_INT(bf_backtests_list(b.all, list, BF_COUNT(list)), 2);
    CHECK(list[0] == two && list[1] == one);
    CHECK_STR(bf_backtest_entity(list[0]), "acme");
    for (int i = 0; i < 2; i++)
        bf_backtest_unref(list[i]);
    bf_backtest_unref(one);
    bf_backtest_unref(two);
    bench_close(&b);
}

TEST(days_are_those_of_the_zone_that_was_asked_for)
{
    static const char *const zones[] = {"Pacific/Kiritimati", "Etc/GMT+12"};    /* 26 h apart */
    struct bench b;
    char days[2][16];

    bench_open(&b);
    CHECK_INT(emit(&b.f, ALIAS_EVENT("production", ""), NULL), 0);
    for (int i = 0; i < 2; i++) {
        struct bf_backtest *t = begin_in(&b, DRAFT(ACME, "production"), zones[i]);
        const char *day = strstr(wait_for(t), "\"day\":\"");

        CHECK_HAS(shown(t), zones[i]);
        CHECK(day);
        snprintf(days[i], sizeof(days[i]), "%.10s", day + 7);
        bf_backtest_unref(t);
    }
    CHECK(strcmp(days[0], days[1]) > 0);
    bench_close(&b);
}

/* --- the clock --- */

static const char *between_at_most(struct bench *b, const char *spec, int64_t since_ms,
                                   int64_t until_ms, uint64_t max_clock)
{
    struct bf_backtest_order order = {.user = "ana", .since_ms = since_ms, .until_ms = until_ms,
                                      .zone = "UTC", .max_clock = max_clock};
    struct bf_automation *a;
    struct bf_backtest *t;
    struct bf_error err = {0};
    const char *text;

    rig_ok(bf_automation_parse(spec, strlen(spec), "01DRAFT0000000000000000000", 0, NULL, &a,
                               &err), &err);
    order.automation = a;
    order.tz = bf_tz_new("UTC");
    rig_ok(bf_backtests_add(b->all, &order, &t, &err), &err);
    bf_automation_unref(a);
    bf_tz_unref(order.tz);
    text = wait_for(t);
    bf_backtest_unref(t);
    return text;
}

static const char *between(struct bench *b, const char *spec, int64_t since_ms, int64_t until_ms)
{
    return between_at_most(b, spec, since_ms, until_ms, 0);
}

#define ON(type, filter)                                                                           \
    "{\"name\":\"draft\",\"scope\":" ACME ",\"event\":{\"type\":\"" type "\",\"filter\":" filter     \
    "},\"actions\":[{\"integration\":\"" RIG_INTEGRATION "\",\"config\":{\"text\":\"x\"}}]}"

/* There are no records of the year 2001, but there was every hour of it. */
TEST(a_schedule_comes_when_nothing_else_does)
{
    const int64_t y2001 = 978307200000;         /* its first moment, in UTC */
    struct bench b;
    const char *text;

    bench_open(&b);
    text = between(&b, ON("SCHEDULE", "{\"cron\":\"0 * * * *\"}"), y2001, y2001 + 26 * 3600000LL);
    CHECK_HAS(text, "\"fired\":25,");
    CHECK_HAS(text, "\"days\":[{\"day\":\"2001-01-01\",\"fired\":23,\"suppressed\":0},"
                    "{\"day\":\"2001-01-02\",\"fired\":2,\"suppressed\":0}]");
    CHECK_HAS(text, "{\"event\":null,\"event_type\":\"schedule.tick\",\"received\":"
                    "\"2001-01-01T01:00:00.000Z\"");
    CHECK_HAS(text, "\"payload\":\"x\"");
    bench_close(&b);
}

/* Every minute until the year 9999 is four thousand million times. */
TEST(a_range_in_which_the_clock_comes_too_often_is_refused)
{
    const int64_t y2001 = 978307200000;
    struct bench b;
    const char *text;

    bench_open(&b);
    text = between_at_most(&b, ON("SCHEDULE", "{\"cron\":\"* * * * *\"}"), 1, 253402300799999, 99);
    CHECK_HAS(text, "\"failed\"");
    CHECK_HAS(text, "more than 99 waits");
    text = between_at_most(&b, ON("SCHEDULE", "{\"cron\":\"* * * * *\"}"), y2001,
                           y2001 + 99 * 60000 + 1, 99);
    CHECK_HAS(text, "\"fired\":99,");
    bench_close(&b);
}

TEST(silence_is_told_of_when_it_has_lasted)
{
    int64_t hour = 3600000;
    struct bench b;
    const char *text;
    int64_t now;

    bench_open(&b);
    for (int i = 0; i < 3; i++)
        CHECK_INT(emit(&b.f, "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
                             "\"run\":{\"id\":\"r1\",\"name\":\"frog\"},\"metrics\":[{\"name\":\"loss\","
                             "\"value\":1}]}", NULL), 0);
    now = bf_bus_now(b.rig.bus);
    text = between(&b, ON("ABSENCE", "{\"of\":\"run.metric\",\"for\":\"30m\",\"per\":\"run\"}"), 1,
                   now + hour);
    CHECK_HAS(text, "\"fired\":1,");
    CHECK_HAS(text, "\"event_type\":\"clock.advance\"");
    CHECK_HAS(text, "\"run\":\"r1\",\"run_name\":\"frog\"");
    text = between(&b, ON("ABSENCE", "{\"of\":\"run.metric\",\"for\":\"30m\",\"per\":\"run\"}"), 1,
                   now + hour / 4);
    CHECK_HAS(text, "\"fired\":0,");
    bench_close(&b);
}

/* --- the end --- */

TEST(stopping_ends_those_that_run_and_those_that_wait)
{
    struct bf_backtest *t[6];
    struct bench b;

    bench_open(&b);
    for (int i = 0; i < 500; i++)
        CHECK_INT(emit(&b.f, ALIAS_EVENT("production", ""), NULL), 0);
    for (size_t i = 0; i < BF_COUNT(t); i++)
        t[i] = begin(&b, DRAFT(ACME, "production"));
    CHECK(bf_backtests_stop(b.all, 60000));
    for (size_t i = 0; i < BF_COUNT(t); i++) {
        CHECK(!strstr(shown(t[i]), "\"running\""));
        bf_backtest_unref(t[i]);
    }
    bench_close(&b);
}
