/* test_transform.c - attempts whose automation has a script, which answers when the test says so. */
#include "tests/unit/courier_fixture.h"

#define SCRIPTED(name, integration, on_error)                                                \
    "{\"name\":\"" name "\",\"scope\":{\"entity\":\"acme\",\"project\":\"vision\"},"         \
    "\"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\",\"filter\":{\"alias\":\"production\"}},"     \
    "\"hooks\":{\"transform\":{\"file\":\"s.lua\",\"on_error\":\"" on_error "\"}},"          \
    "\"actions\":[{\"integration\":\"" integration "\",\"config\":{}}]}"

static void automate_with(struct hub *h, const char *spec)
{
    CHECK_INT(save(&h->f, "A1", spec, NULL), 0);
}

/* So many wait for their script, within 5 s, and no more. */
static void check_waiting(struct hub *h, size_t want)
{
    size_t got = 0;

    for (int i = 0; i < 1000 && got < want; i++) {
        usleep(5000);
        pthread_mutex_lock(&h->lock);
        got = h->n_asks;
        pthread_mutex_unlock(&h->lock);
    }
    usleep(30000);
    pthread_mutex_lock(&h->lock);
    CHECK_INT(h->n_asks, want);
    pthread_mutex_unlock(&h->lock);
}

#define ATTEMPTS(where) "SELECT count(*) FROM attempts WHERE " where
#define SAID_CHANGED "transform = '{\"script\":\"5c91\",\"said\":\"changed\",\"words\":null}'"

static void check_asked_first(bool quick)
{
    struct hub h = {.info = {.quick = quick}, .step = BF_STEP_SETTLED, .after_ms = -1};

    open_hub(&h);
    automate_with(&h, SCRIPTED("notify", "I1", "fail"));
    emit_many(&h, 1);
    check_waiting(&h, 1);
    CHECK_INT(h.n_prepared, 0);
    CHECK_INT(ask(&h, COUNT("status = 0 AND attempts = 0")), 1);
    answer(&h, 1, BF_SAID_CHANGED, NULL);
    eventually(&h, COUNT("status = 2 AND attempts = 1"), 1);
    CHECK_INT(h.n_prepared, 1);
    CHECK_INT(ask(&h, ATTEMPTS(SAID_CHANGED)), 1);
    close_hub(&h);
}

TEST(a_script_is_asked_before_the_sink) { check_asked_first(true); }

TEST(and_before_one_that_works_elsewhere) { check_asked_first(false); }

TEST(what_a_script_leaves_as_it_is_is_sent_and_recorded_so)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1,
                    .said = BF_SAID_YES};

    open_hub(&h);
    automate_with(&h, SCRIPTED("notify", "I1", "fail"));
    emit_many(&h, 5);
    eventually(&h, COUNT("status = 2"), 5);
    CHECK_INT(ask(&h, ATTEMPTS("transform LIKE '%\"said\":\"unchanged\"%'")), 5);
    close_hub(&h);
}

TEST(an_attempt_without_a_script_keeps_nothing_of_one)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 2"), 1);
    CHECK_INT(ask(&h, ATTEMPTS("transform IS NULL")), 1);
    CHECK_INT(h.n_asked, 0);
    close_hub(&h);
}

/* An integration was not to be disabled, nor to rest, because an automation's script is wrong. */
TEST(what_becomes_of_a_failure_is_the_automations_choice_and_not_its_destinations_fault)
{
    static const struct {
        const char *spec, *executions;
        int n_prepared;
        bool unfit;
    } rows[] = {
        {SCRIPTED("notify", "I1", "fail"), COUNT("status = 3 AND reason = 'hook_failed'"), 0, false},
        {SCRIPTED("notify", "I1", "skip"), COUNT("status = 5 AND reason = 'hook_failed'"), 0, false},
        {SCRIPTED("notify", "I1", "fire"), COUNT("status = 2"), 20, false},
        {SCRIPTED("notify", "I1", "skip"), COUNT("status = 5 AND reason = 'hook_failed'"), 0, true},
        {SCRIPTED("notify", "I1", "fire"), COUNT("status = 2"), 20, true},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct hub h = {.info = {.quick = i % 2 == 0}, .step = BF_STEP_SETTLED, .after_ms = -1,
                        .said = rows[i].unfit ? BF_SAID_CHANGED : BF_SAID_FAILED,
                        .words = rows[i].unfit ? NULL : "s.lua:8: event.data.x is nil\n  in transform",
                        .unfit = rows[i].unfit};

        open_hub(&h);
        automate_with(&h, rows[i].spec);
        emit_many(&h, 20);
        eventually(&h, rows[i].executions, 20);
        CHECK_INT(h.n_prepared, rows[i].n_prepared);
        CHECK_INT(ask(&h, ATTEMPTS("transform LIKE '{\"script\":\"5c91\",\"said\":\"failed\",\"words\":\"s.lua:%'")),
                  20);
        if (!rows[i].unfit && !rows[i].n_prepared)
            CHECK_INT(ask(&h, ATTEMPTS("outcome = 2 AND reason = 'its transform failed: s.lua:8:"
                                       " event.data.x is nil'")), 20);
        CHECK_INT(ask(&h, "SELECT count(*) FROM destinations WHERE failing_since > 0"), 0);
        close_hub(&h);
        unlink(h.f.path);
    }
}

TEST(what_cannot_be_rendered_for_a_script_fails_as_it_would_without)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1,
                    .unrendered = true};

    open_hub(&h);
    automate_with(&h, SCRIPTED("notify", "I1", "fire"));
    emit_many(&h, 2);
    eventually(&h, COUNT("status = 3"), 2);
    CHECK_INT(h.n_asked, 0);
    CHECK_INT(ask(&h, ATTEMPTS("transform IS NULL AND reason = 'there is no such variable'")), 2);
    close_hub(&h);
}

/* It was kept as an empty text, which is no JSON for whoever shows it. */
TEST(an_answer_for_which_an_attempt_has_no_room_is_not_kept)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1,
                    .said = BF_SAID_CHANGED, .bytes = 9 * 1024 * 1024};

    open_hub(&h);
    automate_with(&h, SCRIPTED("notify", "I1", "fail"));
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 2"), 1);
    CHECK_INT(ask(&h, ATTEMPTS("transform IS NULL")), 1);
    close_hub(&h);
}

TEST(a_script_is_asked_again_when_it_is_tried_again)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1,
                    .outcome = BF_RETRY, .said = BF_SAID_CHANGED};

    open_hub(&h);
    automate_with(&h, SCRIPTED("notify", "I1", "fail"));
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 0 AND attempts = 1"), 1);
    h.outcome = BF_DELIVERED;
    h.f.wall_ms += 60000;
    bf_courier_touch(h.courier, "I1");
    eventually(&h, COUNT("status = 2 AND attempts = 2"), 1);
    CHECK_INT(h.n_asked, 2);
    CHECK_INT(ask(&h, ATTEMPTS(SAID_CHANGED)), 2);
    close_hub(&h);
}


/* --- slow ones ------------------------------------------------------------------ */

TEST(what_waits_for_a_script_holds_up_no_other_destination_nor_its_own)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1};
    struct bf_courier_counts counts;

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);           /* it is known to answer */
    eventually(&h, COUNT("status = 2"), 1);
    CHECK_INT(save(&h.f, "A2", SCRIPTED("scripted", "I1", "fail"), NULL), 0);
    CHECK_INT(save(&h.f, "A3", ON_PRODUCTION("other", "I2"), NULL), 0);
    emit_many(&h, 40);
    eventually(&h, COUNT("automation = 'A3' AND status = 2"), 40);
    eventually(&h, COUNT("automation = 'A1' AND status = 2"), 41);
    check_waiting(&h, 16);      /* to one destination no more are asked at a time */
    bf_courier_count(h.courier, &counts);
    CHECK_INT(counts.in_flight, 0);
    while (ask(&h, COUNT("automation = 'A2' AND status = 2")) < 40) {
        answer(&h, SIZE_MAX, BF_SAID_CHANGED, NULL);
        usleep(2000);
    }
    close_hub(&h);
}

/* Enough destinations to keep every slot of the hub, were they kept. */
TEST(slow_scripts_of_many_destinations_leave_the_slots_to_others)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1};

    open_hub(&h);
    for (int i = 0; i < 40; i++) {
        char id[16], spec[512];

        snprintf(id, sizeof(id), "D%d", i);
        snprintf(spec, sizeof(spec), SCRIPTED("%s", "%s", "fail"), id, id);
        CHECK_INT(save(&h.f, id, spec, NULL), 0);
    }
    emit_many(&h, 10);
    check_waiting(&h, 400);     /* beyond the 256 slots there are */
    automate(&h);
    emit_many(&h, 10);
    eventually(&h, COUNT("automation = 'A1' AND status = 2"), 10);
    h.said = BF_SAID_YES;
    answer(&h, SIZE_MAX, BF_SAID_YES, NULL);
    eventually(&h, COUNT("status = 2"), 810);
    close_hub(&h);
}

/* What is asked about large payloads has bytes of its own. */
TEST(large_payloads_that_wait_for_scripts_leave_the_memory_to_others)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1,
                    .bytes = 3 * 1024 * 1024};

    open_hub(&h);
    for (int i = 0; i < 8; i++) {
        char id[16], spec[512];

        snprintf(id, sizeof(id), "D%d", i);
        snprintf(spec, sizeof(spec), SCRIPTED("%s", "%s", "fail"), id, id);
        CHECK_INT(save(&h.f, id, spec, NULL), 0);
    }
    emit_many(&h, 2);
    check_waiting(&h, 6);       /* of 16 MiB, the last one goes beyond */
    automate(&h);
    emit_many(&h, 3);
    eventually(&h, COUNT("automation = 'A1' AND status = 2"), 3);
    h.said = BF_SAID_CHANGED;
    answer(&h, SIZE_MAX, BF_SAID_CHANGED, NULL);
    eventually(&h, COUNT("status = 2"), 3 + 8 * 5);
    close_hub(&h);
}

TEST(no_more_of_what_was_answered_is_under_way_than_its_sink_bears)
{
    struct hub h = {.info = {.quick = false, .max_parallel = 2, .max_is_fixed = true},
                    .step = BF_STEP_SETTLED, .after_ms = -1, .block = true};

    open_hub(&h);
    automate_with(&h, SCRIPTED("notify", "I1", "fail"));
    emit_many(&h, 10);
    check_waiting(&h, 10);
    answer(&h, SIZE_MAX, BF_SAID_CHANGED, NULL);
    usleep(100000);
    CHECK_INT(h.n_prepared, 2);
    h.block = false;
    eventually(&h, COUNT("status = 2"), 10);
    close_hub(&h);
}

TEST(a_destination_that_fails_is_tried_with_one_script_at_a_time)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1,
                    .outcome = BF_RETRY, .said = BF_SAID_CHANGED};

    open_hub(&h);
    automate_with(&h, SCRIPTED("notify", "I1", "fail"));
    emit_many(&h, 3);
    eventually(&h, COUNT("attempts = 1"), 3);   /* it rests for a second */
    h.said = BF_SAID_NOTHING;
    emit_many(&h, 10);
    check_waiting(&h, 1);
    answer(&h, SIZE_MAX, BF_SAID_CHANGED, NULL);
    eventually(&h, COUNT("attempts = 1"), 4);   /* in vain, so it rests again */
    h.outcome = BF_DELIVERED;
    check_waiting(&h, 1);
    h.said = BF_SAID_CHANGED;
    answer(&h, SIZE_MAX, BF_SAID_CHANGED, NULL);
    eventually(&h, COUNT("status = 2"), 9);
    close_hub(&h);
}


/* --- what ends the waiting -------------------------------------------------------- */

TEST(too_many_that_wait_are_asked_later_and_nobody_is_blamed)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1,
                    .said = BF_SAID_CHANGED, .ask_rc = BF_EFULL};

    open_hub(&h);
    automate_with(&h, SCRIPTED("notify", "I1", "skip"));
    emit_many(&h, 5);
    eventually(&h, COUNT("status = 0 AND attempts = 1"), 5);
    CHECK_INT(ask(&h, COUNT("due BETWEEN created + 1000 AND created + 1100")), 5);
    CHECK_INT(ask(&h, "SELECT count(*) FROM destinations"), 0);
    h.ask_rc = BF_OK;
    h.f.wall_ms += 1000;
    bf_courier_touch(h.courier, "I1");
    eventually(&h, COUNT("status = 2 AND attempts = 2"), 5);
    close_hub(&h);
}

TEST(an_integration_disabled_meanwhile_sends_nothing_and_is_asked_about_again)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1};

    open_hub(&h);
    automate_with(&h, SCRIPTED("notify", "I1", "fail"));
    emit_many(&h, 3);
    check_waiting(&h, 3);
    h.info.disabled = true;
    bf_courier_touch(h.courier, "I1");
    usleep(20000);
    answer(&h, SIZE_MAX, BF_SAID_CHANGED, NULL);
    usleep(50000);
    CHECK_INT(h.n_prepared, 0);
    CHECK_INT(ask(&h, COUNT("status = 0 AND attempts = 0")), 3);
    h.said = BF_SAID_CHANGED;
    h.info.disabled = false;
    bf_courier_touch(h.courier, "I1");
    eventually(&h, COUNT("status = 2 AND attempts = 1"), 3);
    CHECK_INT(h.n_asked, 6);
    close_hub(&h);
}

/* A failed script leaves no doubt whether anything was sent, and neither does a crash meanwhile. */
TEST(the_beginning_of_what_must_not_be_repeated_is_recorded_behind_its_script)
{
    struct hub h = {.info = {.once = true}, .step = BF_STEP_SETTLED, .after_ms = -1, .block = true};
    struct bf_bus_hooks none = {0};
    struct bf_error err;
    struct bf_db *db;
    struct bf_bus *bus;

    open_hub(&h);
    automate_with(&h, SCRIPTED("notify", "I1", "fail"));
    emit_many(&h, 2);
    check_waiting(&h, 2);
    answer(&h, 1, BF_SAID_CHANGED, NULL);
    eventually(&h, COUNT("status = 1"), 1);
    CHECK_INT(bf_db_open(h.f.path, BF_DB_WRITE, &db, &err), 0);     /* as after a crash */
    CHECK_INT(bf_bus_open(db, &h.f.clock, NULL, &none, &bus, &err), 0);
    CHECK_INT(ask(&h, COUNT("status = 4")), 1);
    CHECK_INT(ask(&h, COUNT("status = 0")), 1);
    bf_bus_close(bus);
    bf_db_close(db);
    h.block = false;
    answer(&h, 1, BF_SAID_FAILED, "s.lua: no");
    eventually(&h, COUNT("status = 3"), 1);
    close_hub(&h);
}

TEST(what_waits_for_its_script_is_finished_before_the_end)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1};
    struct bf_courier_counts counts;

    open_hub(&h);
    automate_with(&h, SCRIPTED("notify", "I1", "fail"));
    emit_many(&h, 3);
    check_waiting(&h, 3);
    bf_courier_drain(h.courier, 1);     /* it does not wait for ever */
    answer(&h, SIZE_MAX, BF_SAID_CHANGED, NULL);
    eventually(&h, COUNT("status = 2"), 3);
    bf_courier_count(h.courier, &counts);
    CHECK_INT(counts.in_flight, 0);
    close_hub(&h);
}

/* The loop has gone; what is answered to it then is found on disk by the next hub. */
TEST(an_answer_that_comes_after_the_end_is_nobodys)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1};

    open_hub(&h);
    automate_with(&h, SCRIPTED("notify", "I1", "fail"));
    emit_many(&h, 3);
    check_waiting(&h, 3);
    bf_courier_drain(h.courier, 1);
    bf_bus_stop(h.f.bus);
    bf_workers_stop(h.workers);
    bf_loop_stop(h.loop);
    answer(&h, SIZE_MAX, BF_SAID_FAILED, "the hub is stopping");
    bf_loop_free(h.loop);
    bf_courier_free(h.courier);
    h.courier = NULL;
    bf_workers_free(h.workers);
    fixture_close(&h.f);
    bf_guard_free(h.guard);
    h.said = BF_SAID_CHANGED;
    open_hub(&h);
    eventually(&h, COUNT("status = 2 AND attempts = 1"), 3);
    close_hub(&h);
}

TEST(a_dry_run_asks_as_well)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SEND, .after_ms = -1,
                    .said = BF_SAID_CHANGED};

    open_hub(&h);
    automate_with(&h, "{\"name\":\"dry\",\"dry_run\":true,\"scope\":{\"entity\":\"acme\"},\"event\":{"
                  "\"type\":\"ADD_ARTIFACT_ALIAS\"},\"hooks\":{\"transform\":{\"file\":\"s.lua\"}},"
                  "\"actions\":[{\"integration\":\"I1\",\"config\":{}}]}");
    emit_many(&h, 2);
    eventually(&h, COUNT("status = 5 AND reason = 'dry_run'"), 2);
    CHECK_INT(ask(&h, ATTEMPTS(SAID_CHANGED " AND outcome = 5")), 2);
    h.said = BF_SAID_FAILED;
    h.words = "s.lua: no";
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 5 AND reason = 'dry_run'"), 3);
    CHECK_INT(ask(&h, ATTEMPTS("outcome = 2 AND reason = 'its transform failed: s.lua: no'")), 1);
    close_hub(&h);
}
