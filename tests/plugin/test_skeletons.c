/* test_skeletons.c - the hard plugins of tests/abi/skeleton do what they claim to.
 *
 * They were written to try the ABI; these tests are the proof that it carries them. */
#include "tests/plugin/fake_host.h"
#include "tests/test.h"

#include <unistd.h>

extern const struct bf_plugin bf_plugin_v1_filestream;
extern const struct bf_plugin bf_plugin_v1_graphql;
extern const struct bf_plugin bf_plugin_v1_pages;
extern const struct bf_plugin bf_plugin_v1_live;
extern const struct bf_plugin bf_plugin_v1_chat;
extern const struct bf_plugin bf_plugin_v1_digest;
extern const struct bf_plugin bf_plugin_v1_poller;
extern const struct bf_plugin bf_plugin_v1_thread;
extern const struct bf_plugin bf_plugin_v1_pager;
extern const struct bf_plugin bf_plugin_v1_upload;

#define STREAM "/files/acme/vision/r1/file_stream"

static int stream(struct fake *f, const char *history)
{
    char body[2000];

    snprintf(body, sizeof(body), "{\"files\":{\"wandb-history.jsonl\":%s}}", history);
    return fake_call(f, "POST", STREAM, body);
}

static struct fake open_filestream(void)
{
    struct fake f = fake_source(&bf_plugin_v1_filestream, NULL);

    fake_caller(&f, "key-1", BF_INGEST, "acme");
    return f;
}

TEST(filestream_emits_the_numbers_of_a_line)
{
    struct fake f = open_filestream();

    CHECK_INT(stream(&f, "{\"offset\":0,\"content\":[\"{\\\"_step\\\":7,\\\"loss\\\":0.41,"
                         "\\\"eval\\\":{\\\"f1\\\":NaN},\\\"note\\\":\\\"x\\\","
                         "\\\"img\\\":{\\\"_type\\\":\\\"image-file\\\",\\\"width\\\":3}}\"]}"),
              200);
    CHECK_INT(f.n_events, 1);
    CHECK_STR(f.events[0].project, "vision");
    CHECK_STR(f.events[0].payload,
              "{\"run\":{\"id\":\"r1\"},\"metrics\":[{\"name\":\"loss\",\"step\":7,\"value\":0.41},"
              "{\"name\":\"eval.f1\",\"step\":7,\"value\":\"NaN\"}]}");
    fake_close(&f);
}

TEST(filestream_adds_nothing_for_a_repeated_chunk)
{
    struct fake f = open_filestream();
    const char *chunk = "{\"offset\":3,\"content\":[\"{\\\"a\\\":1}\",\"{\\\"a\\\":2}\"]}";

    CHECK_INT(stream(&f, chunk), 200);
    CHECK_INT(stream(&f, chunk), 200);
    CHECK_INT(f.n_events, 2);
    CHECK_INT(fake_count(&f, "SELECT count(*) FROM filestream_line"), 2);
    fake_close(&f);
}

TEST(filestream_adds_only_what_is_new_of_an_overlapping_chunk)
{
    struct fake f = open_filestream();

    stream(&f, "{\"offset\":0,\"content\":[\"{\\\"a\\\":1}\",\"{\\\"a\\\":2}\"]}");
    stream(&f, "{\"offset\":1,\"content\":[\"{\\\"a\\\":2}\",\"{\\\"a\\\":3}\"]}");
    CHECK_INT(f.n_events, 3);
    CHECK_HAS(f.events[2].payload, "\"value\":3");
    fake_close(&f);
}

TEST(filestream_keeps_neither_lines_nor_events_if_the_commit_fails)
{
    struct fake f = open_filestream();

    f.commits_to_fail = 1;
    CHECK_INT(stream(&f, "{\"offset\":0,\"content\":[\"{\\\"a\\\":1}\"]}"), 503);
    CHECK_INT(f.n_events, 0);
    CHECK_INT(fake_count(&f, "SELECT count(*) FROM filestream_line"), 0);
    CHECK_INT(stream(&f, "{\"offset\":0,\"content\":[\"{\\\"a\\\":1}\"]}"), 200);
    CHECK_INT(f.n_events, 1);
    fake_close(&f);
}

TEST(filestream_refuses_a_whole_chunk_for_one_bad_line)
{
    struct fake f = open_filestream();

    CHECK_INT(stream(&f, "{\"offset\":0,\"content\":[\"{\\\"a\\\":1}\",\"oops\"]}"), 400);
    CHECK_HAS(f.body, "line 1 is not a JSON object");
    CHECK_INT(f.n_events, 0);
    CHECK_INT(fake_call(&f, "POST", STREAM, "{\"files\":"), 400);
    CHECK_INT(fake_call(&f, "POST", STREAM, "{}"), 200);
    fake_caller(&f, "key-2", BF_INGEST, "rivals");
    CHECK_INT(fake_call(&f, "POST", STREAM, "{}"), 403);
    fake_close(&f);
}

static const char create[] =
    "{\"operationName\":\"CreateAutomation\",\"variables\":{\"input\":{\"name\":\"n\",\"enabled\":"
    "true,\"eventFilter\":\"{\\\"a\\\":1}\"}}}";

TEST(graphql_asks_rest_as_the_caller_and_keeps_a_conflict_a_conflict)
{
    struct fake f = fake_source(&bf_plugin_v1_graphql, NULL);

    fake_caller(&f, "ada", BF_EDIT, "acme");
    fake_answer(&f, 201, "{\"id\":\"au-1\",\"name\":\"n\"}");
    CHECK_INT(fake_call(&f, "POST", "/graphql", create), 200);
    CHECK_STR(f.sent.as, "ada");
    CHECK_STR(f.sent.body, "{\"event\":{\"type\":\"\",\"filter\":{\"a\":1}},\"actions\":[],"
                           "\"name\":\"n\",\"enabled\":true}");
    CHECK_HAS(f.body, "\"id\":\"au-1\"");

    fake_answer(&f, 409, "{\"error\":{\"message\":\"taken\"}}");
    CHECK_INT(fake_call(&f, "POST", "/graphql", create), 409);
    CHECK_STR(f.body, "{\"errors\":[{\"message\":\"taken\"}]}");
    fake_close(&f);
}

TEST(pages_come_with_an_etag_and_a_policy)
{
    struct fake f = fake_source(&bf_plugin_v1_pages, "directory", test_dir(), NULL);

    CHECK_INT(fake_call(&f, "GET", "/pages/app.js", ""), 200);
    CHECK_STR(fake_reply_header(&f, "ETag"), "\"app-1\"");
    CHECK_HAS(fake_reply_header(&f, "Content-Security-Policy"), "default-src 'none'");
    CHECK_INT(fake_call(&f, "GET", "/pages/nothing", ""), 404);
    CHECK_INT(fake_call(&f, "GET", "/downloads/x", ""), 401);
    fake_caller(&f, "ada", BF_READ, "acme");
    CHECK_INT(fake_call(&f, "GET", "/downloads/missing", ""), 404);
    CHECK_INT(fake_call(&f, "GET", "/downloads/%2e%2e/passwd", ""), 404);
    fake_close(&f);
}

#define NOTE(automation) "{\"automation\":\"" automation "\"}"
#define FRAME(id)        "id: " id "\nevent: execution\ndata: " NOTE("au-1") "\n\n"

TEST(live_goes_on_behind_the_last_event_and_shows_what_was_asked_for)
{
    struct fake f = fake_source(&bf_plugin_v1_live, NULL);

    fake_caller(&f, "ada", BF_READ, "acme");
    fake_header(&f, "Last-Event-ID", "41");
    CHECK_INT(fake_call(&f, "GET", "/live/acme?automation=au-1", ""), 200);
    CHECK_STR(f.type, "text/event-stream");
    CHECK_INT(fake_watch_after(&f), 41);
    fake_note(&f, "execution", NOTE("au-1"));
    fake_note(&f, "execution", NOTE("au-2"));
    fake_note(&f, "event", "{}");
    CHECK_STR(f.streamed, FRAME("1"));
    fake_close(&f);
}

TEST(live_leaves_nothing_out_for_a_slow_client)
{
    struct fake f = fake_source(&bf_plugin_v1_live, NULL);

    fake_caller(&f, "ada", BF_READ, "acme");
    fake_call(&f, "GET", "/live/acme", "");
    fake_note(&f, "execution", NOTE("au-1"));
    fake_client_stops_reading(&f);
    fake_note(&f, "execution", NOTE("au-1"));
    fake_note(&f, "execution", NOTE("au-1"));
    CHECK_STR(f.streamed, FRAME("1"));
    fake_client_reads(&f);
    CHECK_STR(f.streamed, FRAME("1") FRAME("2") FRAME("3"));
    fake_close(&f);
}

struct connecting {
    struct fake f;
    char state[400];
};

/* An admin has begun, and the service sent the browser back. */
static struct connecting begin_connecting(void)
{
    struct connecting c = {
        .f = fake_source(&bf_plugin_v1_chat, "client_id", "id", "client_secret", "s3cret", NULL)
    };
    const char *state;

    fake_caller(&c.f, "ada", BF_ADMIN, "acme");
    CHECK_INT(fake_call(&c.f, "GET", "/connect/chat/acme", ""), 302);
    state = strstr(fake_reply_header(&c.f, "Location"), "state=") + strlen("state=");
    snprintf(c.state, sizeof(c.state), "%.*s", (int)strcspn(state, "&"), state);
    fake_caller(&c.f, NULL, 0, NULL);
    return c;
}

static int come_back(struct connecting *c, const char *cookie)
{
    char target[600], header[600];

    snprintf(target, sizeof(target), "/connect/chat-done?code=c0de&state=%s", c->state);
    snprintf(header, sizeof(header), "chat_state=%s", cookie);
    fake_header(&c->f, "Cookie", header);
    return fake_call(&c->f, "GET", target, "");
}

TEST(chat_stores_the_token_and_makes_the_integration_as_who_began)
{
    struct connecting c = begin_connecting();

    fake_answer(&c.f, 200, "{\"access_token\":\"t0ken\"}");
    fake_answer(&c.f, 201, "{}");
    fake_answer(&c.f, 201, "{}");
    CHECK_INT(come_back(&c, c.state), 303);
    CHECK_INT(c.f.n_sent, 3);
    CHECK_HAS(c.f.requests[0].body, "code=c0de&client_id=id&client_secret=s3cret");
    CHECK_HAS(c.f.requests[1].url, "/api/v1/entities/acme/secrets");
    CHECK_HAS(c.f.requests[1].body, "t0ken");
    CHECK_STR(c.f.requests[2].as, "ada");
    CHECK_HAS(c.f.requests[2].body, "\"token\":\"CHAT_TOKEN\"");
    fake_close(&c.f);
}

TEST(chat_refuses_a_late_state_and_another_browser)
{
    struct connecting c = begin_connecting();

    CHECK_INT(come_back(&c, "somebody-else's"), 403);
    c.f.now_ms += 10 * 60 * 1000 + 1;
    CHECK_INT(come_back(&c, c.state), 403);
    CHECK_INT(c.f.n_sent, 0);
    fake_close(&c.f);
}

TEST(chat_hands_no_token_on_after_the_service_refused)
{
    struct connecting c = begin_connecting();

    fake_answer(&c.f, 400, "{\"error\":\"bad code\"}");
    CHECK_INT(come_back(&c, c.state), 503);
    CHECK_INT(c.f.n_sent, 1);
    fake_close(&c.f);
}

TEST(digest_lists_what_fits_and_counts_the_rest)
{
    struct fake f = fake_sink(&bf_plugin_v1_digest, "url", "https://hooks.example/T1",
                              "line", "${run_name}", "lines", "2", NULL);

    fake_answer(&f, 200, "ok");
    fake_merge(&f, "run.state", "{\"run\":{\"name\":\"<b>\"}}");
    fake_merge(&f, "run.state", "{\"run\":{\"name\":\"c\"}}");
    fake_merge(&f, "run.state", "{\"run\":{\"name\":\"d\"}}");
    CHECK_INT(fake_deliver(&f, "run.state", "{\"run\":{\"name\":\"a\"}}"), BF_DELIVERED);
    CHECK_STR(f.sent.body, "{\"text\":\"a\\n&lt;b&gt;\\nand 2 more\"}");
    fake_answer(&f, 200, "no_text");
    CHECK_INT(fake_deliver(&f, "run.state", "{\"run\":{\"name\":\"a\"}}"), BF_REJECTED);
    CHECK_STR(f.sent.body, "{\"text\":\"a\"}");
    CHECK_HAS(f.reason, "no_text");
    fake_close(&f);
}

TEST(digest_refuses_a_number_of_lines_it_cannot_show)
{
    struct fake f = fake_sink(&bf_plugin_v1_digest, "url", "https://hooks.example/T1",
                              "lines", "51", NULL);

    CHECK_INT(fake_check(&f, "run.state", "{}"), BF_ECONFIG);
    CHECK_STR(f.option, "lines");
    fake_close(&f);
}

static struct fake open_poller(void)
{
    return fake_source(&bf_plugin_v1_poller, "url", "https://feed.example/models",
                       "entity", "acme", "token", "t0ken", NULL);
}

#define PAGE_1 "{\"items\":[{\"id\":\"m1\"},{\"id\":\"m2\"}],\"next\":\"2\"}"
#define EMPTY  "{\"items\":[],\"next\":\"2\"}"

TEST(poller_goes_on_where_it_was)
{
    struct fake f = open_poller();

    fake_answer(&f, 200, PAGE_1);
    fake_answer(&f, 200, EMPTY);
    CHECK_INT(fake_run(&f), 0);
    CHECK_INT(f.n_events, 2);
    CHECK_STR(f.requests[0].url, "https://feed.example/models?after=");
    CHECK_STR(f.requests[1].url, "https://feed.example/models?after=2");
    CHECK_STR(fake_recall(&f, "cursor"), "2");
    fake_answer(&f, 200, EMPTY);
    CHECK_INT(fake_run(&f), 0);
    CHECK_STR(f.sent.url, "https://feed.example/models?after=2");
    fake_close(&f);
}

TEST(poller_moves_its_cursor_only_with_the_events)
{
    struct fake f = open_poller();

    f.commits_to_fail = 1;
    fake_answer(&f, 200, PAGE_1);
    CHECK_INT(fake_run(&f), BF_EIO);
    CHECK_INT(f.n_events, 0);
    CHECK(fake_recall(&f, "cursor") == NULL);
    fake_answer(&f, 200, PAGE_1);
    fake_answer(&f, 200, EMPTY);
    CHECK_INT(fake_run(&f), 0);
    CHECK_INT(f.n_events, 2);
    fake_close(&f);
}

TEST(poller_leaves_out_a_broken_item_and_takes_the_others)
{
    struct fake f = open_poller();

    fake_answer(&f, 200, "{\"items\":[{\"id\":\"m1\"},17,{\"id\":\"m3\"}],\"next\":\"3\"}");
    fake_answer(&f, 200, "{\"items\":[],\"next\":\"3\"}");
    CHECK_INT(fake_run(&f), 0);
    CHECK_INT(f.n_events, 2);
    CHECK_HAS(f.logged, "left out an item");
    fake_close(&f);
}

TEST(poller_fails_when_the_feed_does)
{
    struct fake f = open_poller();

    fake_answer(&f, 502, "");
    CHECK_INT(fake_run(&f), BF_EIO);
    CHECK_HAS(f.complaint, "HTTP 502");
    fake_close(&f);
}

static struct fake open_thread(void)
{
    return fake_sink(&bf_plugin_v1_thread, "service", "https://forum.example", "token", "t0ken",
                     "text", "${run_name} is done", NULL);
}

TEST(thread_takes_two_steps_and_settles_once)
{
    struct fake f = open_thread();

    fake_answer(&f, 200, "{\"thread\":{\"id\":\"77\"}}");
    fake_answer(&f, 201, "");
    CHECK_INT(fake_deliver(&f, "run.state", "{\"run\":{\"name\":\"a\"}}"), BF_DELIVERED);
    CHECK_INT(f.n_sent, 2);
    CHECK_STR(f.requests[0].body, "{\"topic\":\"vision\"}");
    CHECK_STR(f.requests[1].url, "https://forum.example/threads/77/posts");
    CHECK_STR(f.requests[1].body, "{\"text\":\"a is done\"}");
    fake_close(&f);
}

TEST(thread_retries_an_unanswered_first_step_but_not_a_second)
{
    struct fake f = open_thread();

    fake_answer_err(&f, BF_ETIMEDOUT, true);
    CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_RETRY);
    CHECK_INT(f.n_sent, 1);
    fake_answer(&f, 200, "{\"thread\":{\"id\":\"77\"}}");
    fake_answer_err(&f, BF_ETIMEDOUT, true);
    CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_UNKNOWN);
    fake_answer(&f, 200, "{}");
    CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_REJECTED);
    fake_close(&f);
}

TEST(pager_adds_to_an_open_incident_and_owns_that_it_does_not_know)
{
    struct fake f = fake_sink(&bf_plugin_v1_pager, "service", "https://pager.example",
                              "user", "u", "password", "p", NULL);

    fake_answer(&f, 200, "{\"incidents\":[{\"id\":\"i9\"}]}");
    fake_answer(&f, 202, "");
    CHECK_INT(fake_deliver(&f, "run.state", "{\"run\":{\"name\":\"a b\"}}"), BF_ACCEPTED);
    CHECK_HAS(f.requests[0].url, "title=a%20b%20failed");
    CHECK_STR(f.requests[0].headers[1], "Basic dTpw");
    CHECK_STR(f.requests[1].url, "https://pager.example/incidents/i9/notes");

    fake_answer(&f, 200, "{\"incidents\":[]}");
    fake_answer_err(&f, BF_ETIMEDOUT, true);
    CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_UNKNOWN);
    fake_answer_err(&f, BF_ETIMEDOUT, true);
    CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_RETRY);
    fake_close(&f);
}

TEST(upload_keeps_the_file_and_refuses_a_late_address)
{
    struct fake f = fake_source(&bf_plugin_v1_upload, NULL);
    char path[600], file[600];

    fake_caller(&f, "key-1", BF_INGEST, "acme");
    CHECK_INT(fake_call(&f, "POST", "/uploads/acme/a/model.bin", ""), 200);
    CHECK_INT(sscanf(f.body, "{\"url\":\"https://hub.example%599[^\"]", path), 1);
    fake_caller(&f, NULL, 0, NULL);
    CHECK_INT(fake_call(&f, "PUT", path, "bytes"), 200);
    CHECK_INT(f.n_events, 1);
    CHECK_STR(f.events[0].entity, "acme");
    CHECK_STR(f.events[0].payload, "{\"data\":{\"name\":\"a/model.bin\",\"size\":5}}");
    snprintf(file, sizeof(file), "%s/YWNtZS9hL21vZGVsLmJpbg", test_dir());
    CHECK_INT(access(file, F_OK), 0);
    f.now_ms += 60 * 60 * 1000 + 1;
    CHECK_INT(fake_call(&f, "PUT", path, "bytes"), 403);
    CHECK_INT(f.n_events, 1);
    fake_close(&f);
}
