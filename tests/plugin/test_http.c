/* test_http.c - events by POST: what is taken, what is refused, and what the answer says. */
#include "tests/plugin/fake_host.h"
#include "tests/test.h"

extern const struct bf_plugin bf_plugin_v1_http;

static int post(struct fake *f, const char *body)
{
    return fake_call(f, "POST", "/api/v1/events", body);
}

static struct fake open_for_acme(void)
{
    struct fake f = fake_source(&bf_plugin_v1_http, NULL);

    fake_caller(&f, "key-1", BF_INGEST, "acme");
    return f;
}

TEST(http_takes_one_event_and_gives_a_receipt)
{
    struct fake f = open_for_acme();

    CHECK_INT(post(&f, "{\"type\":\"ci.done\",\"entity\":\"acme\"}"), 202);
    CHECK_INT(f.n_events, 1);
    CHECK_STR(f.events[0].type, "ci.done");
    CHECK_STR(f.body, "{\"events\":[{\"id\":\"ev-1\",\"duplicate\":false}]}");
    fake_close(&f);
}

#define EVENT(type) "{\"type\":\"" type "\",\"entity\":\"acme\"}"

TEST(http_takes_an_array_and_lines)
{
    struct fake f = open_for_acme();

    CHECK_INT(post(&f, "[" EVENT("a") "," EVENT("b") "]"), 202);
    CHECK_INT(post(&f, EVENT("c") "\n" EVENT("d") "\n"), 202);
    CHECK_INT(f.n_events, 4);
    CHECK_STR(f.events[3].type, "d");
    fake_close(&f);
}

TEST(http_says_that_a_key_was_there_already)
{
    struct fake f = open_for_acme();

    post(&f, "{\"type\":\"a\",\"entity\":\"acme\",\"key\":\"k\"}");
    CHECK_INT(post(&f, "{\"type\":\"a\",\"entity\":\"acme\",\"key\":\"k\"}"), 202);
    CHECK_INT(f.n_events, 1);
    CHECK_STR(f.body, "{\"events\":[{\"id\":\"ev-1\",\"duplicate\":true}]}");
    fake_close(&f);
}

TEST(http_refuses_a_batch_for_one_bad_event_and_names_it)
{
    struct fake f = open_for_acme();

    CHECK_INT(post(&f, "[{\"type\":\"a\",\"entity\":\"acme\"},{\"entity\":\"acme\"}]"), 400);
    CHECK_INT(f.n_events, 0);
    CHECK_HAS(f.body, "\"field\":\"[1].type\"");
    CHECK_INT(post(&f, "nonsense"), 400);
    CHECK_INT(post(&f, ""), 400);
    fake_close(&f);
}

TEST(http_refuses_events_for_another_team)
{
    struct fake f = open_for_acme();

    CHECK_INT(post(&f, "{\"type\":\"a\",\"entity\":\"rivals\"}"), 403);
    CHECK_INT(f.n_events, 0);
    CHECK_HAS(f.body, "[0].entity");
    fake_close(&f);
}

TEST(http_lets_nobody_in_without_the_right_to_ingest)
{
    struct fake f = fake_source(&bf_plugin_v1_http, NULL);

    CHECK_INT(post(&f, "{\"type\":\"a\",\"entity\":\"acme\"}"), 401);
    fake_caller(&f, "reader", BF_READ, "acme");
    CHECK_INT(post(&f, "{\"type\":\"a\",\"entity\":\"acme\"}"), 403);
    fake_close(&f);
}

TEST(http_never_says_202_for_what_is_not_committed)
{
    struct fake f = open_for_acme();

    f.commits_to_fail = 1;
    CHECK_INT(post(&f, "{\"type\":\"a\",\"entity\":\"acme\"}"), 503);
    CHECK_INT(f.n_events, 0);
    fake_close(&f);
}
