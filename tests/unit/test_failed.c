/* test_failed.c - what fails is told of by an event, once, and never of itself. */
#include "tests/unit/courier_fixture.h"

#include "core/bus/bus_int.h"

#define TOLD "SELECT count(*) FROM journal WHERE type = 'belfry.execution.failed'"
#define ON_FAILURE(name, to)                                                                \
    "{\"name\":\"" name "\",\"scope\":{\"entity\":\"acme\"},\"event\":{\"type\":"                \
    "\"belfry.execution.failed\"},\"actions\":[{\"integration\":\"" to "\",\"config\":{}}]}"

/* The body of the last one, "" if there is none. */
static const char *body(struct hub *h, char out[4000])
{
    struct bf_error err;
    struct bf_db *db;

    CHECK_INT(bf_db_open(h->f.path, BF_DB_READ, &db, &err), 0);
    struct bf_query *q = bf_db_query(db, "SELECT body FROM journal WHERE type ="
                                         " 'belfry.execution.failed' ORDER BY seq DESC LIMIT 1");
    snprintf(out, 4000, "%s", bf_query_step(q) == 1 ? bf_query_col_text(q, 0) : "");
    bf_query_end(q);
    bf_db_close(db);
    return out;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        test_failed(__FILE__, __LINE__, "%s is without %s", text, part);
}

TEST(an_execution_that_fails_is_told_of_with_why)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_REJECTED,
                    .after_ms = -1};
    char text[4000];

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    eventually(&h, TOLD, 1);
    CHECK_INT(ask(&h, COUNT("untold IS NOT NULL")), 0);
    body(&h, text);
    has(text, "\"entity\":\"acme\",\"project\":\"vision\",\"author\":\"belfry-system\",\"cause\":\"");
    has(text, "\"automation\":\"notify\",\"automation_id\":\"A1\",\"action\":0");
    has(text, "\"integration\":{\"id\":\"I1\"},\"status\":\"failed\",\"error\":\"because the test says"
              " so\",\"http_status\":null,\"attempts\":1,\"event\":{\"id\":\"");
    has(text, "\"type\":\"artifact.alias.add\"}");
    CHECK(!strstr(text, "merged"));
    close_hub(&h);
}

TEST(attempts_that_are_made_again_are_not_told_of_but_their_end_is)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_RETRY,
                    .after_ms = -1};
    char text[4000];

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    for (int64_t n = 1; n < 4; n++) {
        char sql[60];

        snprintf(sql, sizeof(sql), COUNT("attempts = %d"), (int)n);
        eventually(&h, sql, 1);
        h.f.wall_ms += 3600 * 1000;
        bf_courier_touch(h.courier, "I1");
    }
    CHECK_INT(ask(&h, TOLD), 0);
    eventually(&h, COUNT("attempts = 4"), 1);
    h.outcome = BF_REJECTED;
    h.f.wall_ms += 80LL * 3600 * 1000;
    bf_courier_touch(h.courier, "I1");
    eventually(&h, TOLD, 1);
    has(body(&h, text), "\"attempts\":5");
    close_hub(&h);
}

TEST(what_is_delivered_skipped_or_tried_dry_is_not_told_of)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 3);
    eventually(&h, COUNT("status = 2"), 3);
    h.outcome = BF_REJECTED;
    CHECK_INT(save(&h.f, "A1", "{\"name\":\"dry\",\"dry_run\":true,\"scope\":{\"entity\":\"acme\","
                   "\"project\":\"vision\"},\"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\"},\"actions\":[{"
                   "\"integration\":\"I1\",\"config\":{}}]}", NULL), 0);
    emit_many(&h, 3);
    eventually(&h, COUNT("status = 5"), 3);
    usleep(50000);
    CHECK_INT(ask(&h, TOLD), 0);
    close_hub(&h);
}

/* Else a loop of hubs that leads through a failure would begin anew at each. */
TEST(what_tells_of_a_failure_has_come_through_as_many_hubs)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_REJECTED,
                    .after_ms = -1};
    char text[4000];

    open_hub(&h);
    automate(&h);
    h.f.hops = 4;
    emit_many(&h, 1);
    eventually(&h, TOLD, 1);
    has(body(&h, text), "\"hops\":4");
    CHECK_INT(ask(&h, "SELECT hops FROM journal WHERE type = 'belfry.execution.failed'"), 4);
    close_hub(&h);
}

/* Two receivers that are broken: the second tells of the first, and nobody of the second. */
TEST(what_tells_of_a_failure_and_fails_is_not_told_of)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_REJECTED,
                    .after_ms = -1};

    open_hub(&h);
    automate(&h);
    CHECK_INT(save(&h.f, "A2", ON_FAILURE("tell", "I2"), NULL), 0);
    CHECK_INT(save(&h.f, "A3", ON_FAILURE("tell too", "I1"), NULL), 0);
    emit_many(&h, 2);
    eventually(&h, COUNT("status = 3"), 6);
    usleep(100000);
    CHECK_INT(ask(&h, TOLD), 2);
    CHECK_INT(ask(&h, COUNT("1")), 6);
    CHECK_INT(ask(&h, COUNT("untold IS NOT NULL")), 0);
    close_hub(&h);
}

TEST(what_was_settled_but_not_told_when_the_hub_died_is_told_once_after_the_start)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_REJECTED,
                    .after_ms = -1};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 2);
    eventually(&h, TOLD, 2);
    close_hub(&h);
    open_hub(&h);
    usleep(50000);
    CHECK_INT(ask(&h, TOLD), 2);
    close_hub(&h);
    {                           /* as after a crash between the two commits */
        struct bf_error err;
        struct bf_db *db;

        CHECK_INT(bf_db_open(h.f.path, BF_DB_WRITE, &db, &err), 0);
        CHECK_INT(bf_query_run(bf_db_query(db, "UPDATE executions SET untold = 1 WHERE number = 2")), 0);
        bf_db_close(db);
    }
    for (int i = 0; i < 2; i++) {
        open_hub(&h);
        eventually(&h, TOLD, 3);
        close_hub(&h);
    }
}

TEST(what_the_store_did_not_take_is_told_when_it_works_again)
{
    struct hub h = {.info = {.quick = true, .disabled = true}, .step = BF_STEP_SETTLED,
                    .outcome = BF_REJECTED, .after_ms = -1};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    bf_db_fail_commits(h.f.db, 1, 1);   /* the second: the first settles it */
    h.info.disabled = false;
    bf_courier_touch(h.courier, "I1");
    eventually(&h, COUNT("status = 3"), 1);
    usleep(50000);
    CHECK_INT(ask(&h, TOLD), 0);
    CHECK_INT(emit(&h.f, ALIAS_EVENT("staging", ""), NULL), 0);
    eventually(&h, TOLD, 1);
    close_hub(&h);
}

TEST(what_was_being_sent_once_when_the_hub_died_is_told_of_as_unknown)
{
    struct hub h = {.info = {.once = true}, .step = BF_STEP_SETTLED, .after_ms = -1};
    char text[4000];

    open_hub(&h);
    automate(&h);
    h.info.disabled = true;
    bf_courier_touch(h.courier, "I1");
    emit_many(&h, 1);
    change(&h, "UPDATE executions SET status = 1");
    close_hub(&h);
    open_hub(&h);
    eventually(&h, TOLD, 1);
    has(body(&h, text), "\"status\":\"unknown\",\"error\":\"the hub was stopped while it was sent\"");
    close_hub(&h);
}

/* Its revision is gone: it cannot be brought back, but its row says enough. */
TEST(what_cannot_be_read_any_more_fails_and_is_told_of)
{
    struct hub h = {.info = {.quick = true, .disabled = true}, .step = BF_STEP_SETTLED, .after_ms = -1};
    char text[4000];

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    change(&h, "DELETE FROM automation_revisions");
    close_hub(&h);
    h.info.disabled = false;
    open_hub(&h);
    bf_courier_touch(h.courier, "I1");
    eventually(&h, TOLD, 1);
    body(&h, text);
    has(text, "\"automation\":\"notify\"");
    has(text, "\"status\":\"failed\"");
    close_hub(&h);
}

TEST(a_message_of_many_that_fails_is_one_event_with_their_number)
{
    struct hub h = {.info = {.quick = true, .disabled = true, .max_merged = 50},
                    .step = BF_STEP_SETTLED, .outcome = BF_REJECTED, .after_ms = -1};
    char text[4000];

    open_hub(&h);
    automate(&h);
    emit_many(&h, 30);
    h.info.disabled = false;
    bf_courier_touch(h.courier, "I1");
    eventually(&h, COUNT("status = 3"), 30);
    eventually(&h, TOLD, 1);
    has(body(&h, text), "\"merged\":29}");
    usleep(50000);
    CHECK_INT(ask(&h, TOLD), 1);
    close_hub(&h);
}

TEST(what_it_came_of_is_its_cause_to_the_root)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_REJECTED,
                    .after_ms = -1};
    char text[4000];

    open_hub(&h);
    automate(&h);
    CHECK_INT(emit(&h.f, ALIAS_EVENT("production", ",\"cause\":\"01ROOT\""), NULL), 0);
    eventually(&h, TOLD, 1);
    has(body(&h, text), "\"cause\":\"01ROOT\"");
    close_hub(&h);
}
