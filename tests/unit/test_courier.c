/* test_courier.c - claiming, retrying, resting and recording, with a sink that does what the test
 * says and a clock that runs as fast as it wants. */
#include "tests/unit/courier_fixture.h"

#include "core/bus/bus_int.h"

TEST(a_delivered_execution_is_finished_with_one_attempt)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 2 AND attempts = 1"), 1);
    CHECK_INT(ask(&h, "SELECT count(*) FROM attempts WHERE outcome = 0"), 1);
    close_hub(&h);
}

TEST(a_worker_sink_delivers_as_well)
{
    struct hub h = {.info = {.quick = false}, .step = BF_STEP_SETTLED, .after_ms = -1};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 50);
    eventually(&h, COUNT("status = 2"), 50);
    close_hub(&h);
}

static pthread_t prepared_by(struct hub *h, const char *event, int n)
{
    CHECK_INT(emit(&h->f, event, NULL), 0);
    eventually(h, COUNT("status = 2"), n);
    return h->prepared_by;
}

TEST(a_quick_sink_makes_something_of_a_large_event_off_the_loop)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1};
    char *large = malloc(200000);
    pthread_t loop;

    snprintf(large, 200000, ALIAS_EVENT("production", ",\"data\":{\"text\":\"%0100000d\"}"), 7);
    open_hub(&h);
    automate(&h);
    loop = prepared_by(&h, ALIAS_EVENT("production", ""), 1);
    CHECK(pthread_equal(loop, prepared_by(&h, ALIAS_EVENT("production", ""), 2)));
    CHECK(!pthread_equal(loop, prepared_by(&h, large, 3)));
    close_hub(&h);
    free(large);
}

TEST(a_rejected_execution_has_failed_for_good)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_REJECTED};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 3"), 1);
    close_hub(&h);
}

TEST(what_was_deleted_leaves_no_standing)
{
    struct hub h = {.info = {.quick = true, .gone = true}, .step = BF_STEP_SETTLED,
                    .outcome = BF_REJECTED};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 2);
    eventually(&h, COUNT("status = 3"), 2);
    CHECK_INT(ask(&h, "SELECT count(*) FROM destinations"), 0);
    close_hub(&h);
}

TEST(a_retry_is_due_by_its_schedule_and_then_delivered)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_RETRY,
                    .after_ms = -1};
    int64_t due;

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 0 AND attempts = 1"), 1);
    due = ask(&h, "SELECT due FROM executions") - h.f.wall_ms;
    CHECK(due >= 4000 && due <= 6001);
    h.outcome = BF_DELIVERED;
    h.f.wall_ms += 7000;
    bf_courier_touch(h.courier, "I1");
    eventually(&h, COUNT("status = 2 AND attempts = 2"), 1);
    close_hub(&h);
}

TEST(after_72_hours_of_retries_it_has_failed)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_RETRY,
                    .after_ms = -1};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    for (int i = 0; i < 20 && ask(&h, COUNT("status = 0")) == 1; i++) {
        int before = h.n_prepared;

        h.f.wall_ms += 13 * 3600 * 1000LL;
        bf_courier_touch(h.courier, "I1");
        for (int k = 0; k < 400 && h.n_prepared == before; k++)
            usleep(5000);
        usleep(20000);
    }
    eventually(&h, COUNT("status = 3"), 1);
    CHECK(ask(&h, "SELECT attempts FROM executions") >= 6);
    close_hub(&h);
}

TEST(an_unknown_outcome_is_repeated_only_where_that_does_no_harm)
{
    struct hub h = {.info = {.quick = true, .once = true}, .step = BF_STEP_SETTLED,
                    .outcome = BF_UNKNOWN, .after_ms = -1};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 4 AND attempts = 1"), 1);
    h.info.once = false;
    bf_courier_touch(h.courier, "I1");
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 0 AND attempts = 1 AND due > created"), 1);
    close_hub(&h);
}

/* A sink that must not repeat: what had begun when the hub died is unknown, not sent again. */
TEST(what_was_begun_once_and_not_recorded_is_unknown_after_a_restart)
{
    struct hub h = {.info = {.once = true}, .step = BF_STEP_SETTLED, .after_ms = -1, .block = true};
    struct bf_bus_hooks none = {0};
    struct bf_error err;
    struct bf_db *db;
    struct bf_bus *bus;

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 1"), 1);
    CHECK_INT(bf_db_open(h.f.path, BF_DB_WRITE, &db, &err), 0);     /* as after a crash */
    CHECK_INT(bf_bus_open(db, &h.f.clock, NULL, &none, &bus, &err), 0);
    CHECK_INT(ask(&h, COUNT("status = 4")), 1);
    bf_bus_close(bus);
    bf_db_close(db);
    h.block = false;
    close_hub(&h);
}

TEST(what_waits_on_disk_is_delivered_after_a_restart)
{
    struct hub h = {.info = {.quick = true, .disabled = true}, .step = BF_STEP_SETTLED,
                    .after_ms = -1};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 700);         /* more than a destination has in memory */
    close_hub(&h);
    CHECK_INT(ask(&h, COUNT("status = 0")), 700);
    h.info.disabled = false;
    open_hub(&h);
    eventually(&h, COUNT("status = 2 AND attempts = 1"), 700);
    CHECK_INT(h.n_prepared, 700);
    close_hub(&h);
}

TEST(what_does_not_fit_in_memory_stays_on_disk_and_comes_later)
{
    struct hub h = {.info = {.quick = true, .disabled = true}, .step = BF_STEP_SETTLED,
                    .after_ms = -1};
    struct bf_courier_counts counts;

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1000);
    bf_courier_count(h.courier, &counts);
    CHECK(counts.in_memory <= 256);
    h.info.disabled = false;
    bf_courier_touch(h.courier, "I1");
    eventually(&h, COUNT("status = 2 AND attempts = 1"), 1000);
    CHECK_INT(h.n_prepared, 1000);
    close_hub(&h);
}

/* A dead receiver used to be asked once per waiting execution. */
TEST(a_failing_destination_rests_instead_of_spending_attempts)
{
    struct hub h = {.info = {.quick = true, .max_parallel = 4}, .step = BF_STEP_SETTLED,
                    .outcome = BF_RETRY, .after_ms = -1};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 300);
    usleep(300000);
    CHECK(h.n_prepared >= 3 && h.n_prepared <= 12);
    h.outcome = BF_DELIVERED;
    h.f.wall_ms += 10000;
    bf_courier_touch(h.courier, "I1");
    eventually(&h, COUNT("status = 2"), 300);
    close_hub(&h);
}

TEST(one_slow_destination_does_not_hold_up_another)
{
    struct hub h = {.info = {.max_parallel = 2}, .step = BF_STEP_LATER, .after_ms = -1};

    h.info.settles = true;
    open_hub(&h);
    CHECK_INT(save(&h.f, "A1", ON_PRODUCTION("slow", "I1"), NULL), 0);
    emit_many(&h, 300);         /* all of them stay with the sink for ever */
    usleep(100000);
    h.step = BF_STEP_SETTLED;
    CHECK_INT(save(&h.f, "A2", ON_PRODUCTION("fast", "I2"), NULL), 0);
    emit_many(&h, 20);
    eventually(&h, COUNT("integration = 'I2' AND status = 2"), 20);
    close_hub(&h);
}

TEST(a_sink_may_settle_later_from_another_thread_and_only_once)
{
    struct hub h = {.info = {.quick = true, .settles = true}, .step = BF_STEP_LATER};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    while (!h.last_ticket)
        usleep(1000);
    CHECK_INT(bf_courier_settle(h.courier, h.last_ticket, BF_DELIVERED, -1, "done"), 0);
    CHECK_INT(bf_courier_settle(h.courier, h.last_ticket, BF_REJECTED, -1, "no"), BF_ENOENT);
    CHECK_INT(bf_courier_settle(h.courier, 4711, BF_DELIVERED, -1, ""), BF_ENOENT);
    eventually(&h, COUNT("status = 2"), 1);
    close_hub(&h);
}

/* --- pace and shares --------------------------------------------------------- */

TEST(a_pace_holds_attempts_back_and_costs_none)
{
    struct hub h = {.info = {.quick = true, .pace = "5/h"}, .step = BF_STEP_SETTLED,
                    .after_ms = -1};
    struct bf_courier_state state;
    struct bf_courier_counts counts;

    open_hub(&h);
    automate(&h);
    emit_many(&h, 300);
    eventually(&h, COUNT("status = 2"), 5);
    usleep(50000);
    CHECK_INT(h.n_prepared, 5);
    CHECK_INT(ask(&h, COUNT("status = 0 AND attempts = 0")), 295);
    bf_courier_count(h.courier, &counts);
    CHECK(counts.in_memory <= 20);
    CHECK(bf_courier_state(h.courier, "I1", &state));
    CHECK_STR(state.pace, "5/h");
    CHECK(state.paced_until_ms > h.f.wall_ms);
    CHECK_INT(state.resting_until_ms, 0);
    CHECK(!bf_courier_state(h.courier, "I2", &state));
    close_hub(&h);
}

TEST(what_its_pace_lets_through_later_is_delivered_later)
{
    struct hub h = {.info = {.quick = true, .pace = "20/s"}, .step = BF_STEP_SETTLED,
                    .after_ms = -1};
    int64_t begun;

    open_hub(&h);
    automate(&h);
    begun = bf_mono_ms(bf_clock_system());
    emit_many(&h, 40);
    eventually(&h, COUNT("status = 2"), 40);
    CHECK(bf_mono_ms(bf_clock_system()) - begun >= 950);
    close_hub(&h);
}

TEST(an_integrations_own_settings_go_before_its_sinks)
{
    struct hub h = {.info = {.quick = true, .pace = "1/d", .max_parallel = 2},
                    .step = BF_STEP_SETTLED, .after_ms = -1};
    struct bf_courier_state state;

    open_hub(&h);
    automate(&h);
    change(&h, "INSERT INTO destinations VALUES ('I1', '1000/s', 9, 7000, 0, 0, 0, 0, '', NULL)");
    emit_many(&h, 100);
    eventually(&h, COUNT("status = 2"), 100);
    CHECK(bf_courier_state(h.courier, "I1", &state));
    CHECK_STR(state.pace, "1000/s");
    CHECK_INT(state.parallel, 9);
    h.info.max_is_fixed = true;         /* code that bears no more than two at a time */
    bf_courier_touch(h.courier, "I1");
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 2"), 101);
    CHECK(bf_courier_state(h.courier, "I1", &state));
    CHECK_INT(state.parallel, 2);
    close_hub(&h);
}

/* All slots used to be taken by receivers that never answer, for as long as their time-out. */
TEST(dead_destinations_leave_slots_for_one_that_is_well)
{
    struct hub h = {.info = {.quick = true, .settles = true}, .step = BF_STEP_LATER,
                    .healthy = "WELL"};
    struct bf_courier_counts counts;

    open_hub(&h);
    CHECK_INT(save(&h.f, "A0", ON_PRODUCTION("well", "WELL"), NULL), 0);
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 2"), 1);
    for (int i = 0; i < 100; i++) {
        char id[16], spec[512];

        snprintf(id, sizeof(id), "D%d", i);
        snprintf(spec, sizeof(spec), ON_PRODUCTION("%s", "%s"), id, id);
        CHECK_INT(save(&h.f, id, spec, NULL), 0);
    }
    emit_many(&h, 10);
    eventually(&h, COUNT("integration = 'WELL' AND status = 2"), 11);
    bf_courier_count(h.courier, &counts);
    CHECK(counts.in_flight >= 150 && counts.in_flight - counts.in_long <= 192);
    close_hub(&h);
}

TEST(one_that_has_not_answered_gets_few_slots)
{
    struct hub h = {.info = {.quick = true, .settles = true}, .step = BF_STEP_LATER};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 100);
    usleep(50000);
    CHECK_INT(h.n_prepared, 4);
    close_hub(&h);
}

#define MIB ((size_t)1024 * 1024)

/* So many become under way, within 5 s, and no more. */
static void check_in_flight(struct hub *h, unsigned want)
{
    struct bf_courier_counts counts = {0};

    for (int i = 0; i < 1000 && counts.in_flight != want; i++) {
        usleep(5000);
        bf_courier_count(h->courier, &counts);
    }
    usleep(100000);
    bf_courier_count(h->courier, &counts);
    CHECK_INT(counts.in_flight, want);
}

TEST(large_attempts_are_few_at_a_time)
{
    struct hub h = {.info = {.quick = true, .settles = true}, .step = BF_STEP_LATER,
                    .healthy = "WELL", .bytes = 6 * MIB};

    open_hub(&h);
    CHECK_INT(save(&h.f, "A0", ON_PRODUCTION("well", "WELL"), NULL), 0);
    emit_many(&h, 50);          /* more than there is room for, were any of it not given back */
    eventually(&h, COUNT("status = 2"), 50);
    h.healthy = NULL;
    emit_many(&h, 50);
    check_in_flight(&h, 3);     /* of 16 MiB, the last one goes beyond */
    for (int i = 0; i < 20; i++) {
        char id[16], spec[512];

        snprintf(id, sizeof(id), "D%d", i);
        snprintf(spec, sizeof(spec), ON_PRODUCTION("%s", "%s"), id, id);
        CHECK_INT(save(&h.f, id, spec, NULL), 0);
    }
    emit_many(&h, 10);
    check_in_flight(&h, 8);     /* of the 48 MiB that the unproven may have */
    close_hub(&h);
}


/* --- failing for long -------------------------------------------------------- */

/* The hub's time goes on, and whatever waits is tried. */
static void pass(struct hub *h, int64_t ms)
{
    int before = h->n_prepared;

    h->f.wall_ms += ms;
    bf_courier_touch(h->courier, "I1");
    for (int k = 0; k < 400 && h->n_prepared == before; k++)
        usleep(5000);
    usleep(20000);
}

#define HOUR (3600 * 1000LL)
#define FAILURES "SELECT failures FROM destinations WHERE integration = 'I1'"

TEST(the_whole_schedule_of_retries_by_the_clock)
{
    static const int64_t seconds[] = {5, 30, 300, 1800, 7200, 18000, 36000};
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_RETRY,
                    .after_ms = -1};
    int64_t first, due = 0;
    int n = 1;

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 0 AND attempts = 1"), 1);
    first = ask(&h, "SELECT first_attempt FROM executions");
    for (; ask(&h, COUNT("status = 0")) == 1 && n < 40; n++) {
        int64_t pause = 1000 * seconds[n <= 7 ? n - 1 : 6];

        due = ask(&h, "SELECT due FROM executions");
        CHECK(due - h.f.wall_ms >= pause - pause / 5);
        CHECK(due - h.f.wall_ms <= pause + pause / 5 + 1);
        pass(&h, due - h.f.wall_ms);
        eventually(&h, "SELECT count(*) FROM attempts", n + 1);
    }
    CHECK_INT(ask(&h, COUNT("status = 3")), 1);
    CHECK(due - first <= 72 * HOUR && due - first > 56 * HOUR);
    CHECK(n >= 12 && n <= 15);
    close_hub(&h);
}

TEST(a_pause_that_the_receiver_asks_for_goes_before_the_schedule)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_RETRY,
                    .after_ms = 24 * HOUR};
    int64_t due;

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 0 AND attempts = 1"), 1);
    due = ask(&h, "SELECT due FROM executions") - h.f.wall_ms;
    CHECK(due >= 24 * HOUR && due < 24 * HOUR + 1000);
    close_hub(&h);
}

TEST(after_120_hours_of_nothing_but_failures_it_is_disabled_over_restarts)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_RETRY,
                    .after_ms = -1};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    eventually(&h, FAILURES, 1);
    for (int i = 0; i < 6; i++) {
        emit_many(&h, 1);
        pass(&h, 10 * HOUR);
    }
    close_hub(&h);
    CHECK(ask(&h, FAILURES) >= 6);
    open_hub(&h);
    for (int i = 0; i < 5; i++) {
        emit_many(&h, 1);
        pass(&h, 10 * HOUR);
    }
    CHECK_INT(h.n_disabled, 0);
    pass(&h, 10 * HOUR + 60000);
    CHECK_INT(h.n_disabled, 1);
    close_hub(&h);
}

TEST(one_success_begins_the_120_hours_anew)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_REJECTED,
                    .after_ms = -1};

    open_hub(&h);
    automate(&h);
    for (int i = 0; i < 24; i++) {
        h.outcome = i == 11 ? BF_DELIVERED : BF_REJECTED;
        h.f.wall_ms += 10 * HOUR;
        emit_many(&h, 1);
        eventually(&h, "SELECT count(*) FROM attempts", i + 1);
        if (i == 11) {
            CHECK_INT(ask(&h, FAILURES), 0);
            CHECK(ask(&h, "SELECT last_success FROM destinations") >= h.f.wall_ms);
        }
    }
    CHECK_INT(h.n_disabled, 0);
    close_hub(&h);
}

/* An integration that fails once a week is not dead. */
TEST(a_few_failures_far_apart_disable_nothing)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_REJECTED,
                    .after_ms = -1};

    open_hub(&h);
    automate(&h);
    for (int i = 0; i < 9; i++) {
        h.f.wall_ms += 100 * HOUR;
        emit_many(&h, 1);
        eventually(&h, "SELECT count(*) FROM attempts", i + 1);
    }
    CHECK_INT(h.n_disabled, 0);
    close_hub(&h);
}

TEST(what_waited_for_a_disabled_one_goes_out_when_it_is_enabled_and_failures_begin_anew)
{
    struct hub h = {.info = {.quick = true, .disabled = true}, .step = BF_STEP_SETTLED,
                    .outcome = BF_RETRY, .after_ms = -1};

    open_hub(&h);
    change(&h, "INSERT INTO destinations VALUES ('I1', '', 0, 0, 1000, 500, 0, 1000, 'HTTP 503', NULL)");
    automate(&h);
    emit_many(&h, 3);
    usleep(50000);
    CHECK_INT(h.n_prepared, 0);
    h.f.wall_ms += 500 * HOUR;
    h.info.disabled = false;
    bf_courier_touch(h.courier, "I1");
    eventually(&h, COUNT("attempts = 1"), 3);
    CHECK_INT(h.n_disabled, 0);
    eventually(&h, FAILURES, 3);
    h.outcome = BF_DELIVERED;
    pass(&h, HOUR);
    eventually(&h, COUNT("status = 2 AND attempts = 2"), 3);
    close_hub(&h);
}

/* The disk was full when the outcome came: it is recorded when it is not any more, and the
 * execution is not sent a second time. */
TEST(an_outcome_that_cannot_be_recorded_is_recorded_later)
{
    struct hub h = {.info = {.quick = false}, .step = BF_STEP_SETTLED, .after_ms = -1,
                    .block = true};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 1);
    while (!h.n_prepared)
        usleep(1000);
    bf_db_fail_commits(h.f.db, 0, 2);
    h.block = false;
    eventually(&h, COUNT("status = 2 AND attempts = 1"), 1);
    CHECK_INT(h.n_prepared, 1);
    close_hub(&h);
}

/* It used to be recorded as failed: one start without the plugin ended a whole backlog. */
TEST(while_a_sink_is_not_there_its_executions_wait)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1,
                    .missing = true};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 5);
    usleep(100000);
    CHECK_INT(ask(&h, COUNT("status = 0 AND attempts = 0")), 5);
    h.missing = false;
    bf_courier_touch(h.courier, "I1");
    eventually(&h, COUNT("status = 2 AND attempts = 1"), 5);
    close_hub(&h);
}

/* Due times used to be compared with the machine's clock, which an hour back held all of them. */
TEST(a_clock_that_is_set_back_holds_nothing_up)
{
    struct hub h = {.info = {.quick = true, .disabled = true}, .step = BF_STEP_SETTLED,
                    .after_ms = -1};

    h.f.wall_ms = 10 * 3600 * 1000LL;
    open_hub(&h);
    automate(&h);
    emit_many(&h, 300);
    h.f.wall_ms -= 3600 * 1000LL;
    h.info.disabled = false;
    bf_courier_touch(h.courier, "I1");
    emit_many(&h, 10);
    eventually(&h, COUNT("status = 2"), 310);
    close_hub(&h);
}

TEST(an_older_success_does_not_end_a_rest_that_the_receiver_asked_for)
{
    struct hub h = {.info = {.quick = true, .settles = true}, .step = BF_STEP_LATER};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 2);
    while (h.n_prepared < 2)
        usleep(1000);
    CHECK_INT(bf_courier_settle(h.courier, h.last_ticket, BF_RETRY, 60000, "slow down"), 0);
    CHECK_INT(bf_courier_settle(h.courier, h.first_ticket, BF_DELIVERED, -1, ""), 0);
    eventually(&h, COUNT("status = 2"), 1);
    emit_many(&h, 1);
    usleep(100000);
    CHECK_INT(h.n_prepared, 2);
    close_hub(&h);
}

TEST(a_row_that_cannot_be_read_fails_alone)
{
    struct hub h = {.info = {.quick = true, .disabled = true}, .step = BF_STEP_SETTLED,
                    .after_ms = -1};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 400);
    close_hub(&h);
    change(&h, "UPDATE journal SET body = '{' WHERE seq % 2 = 0");
    h.info.disabled = false;
    open_hub(&h);
    eventually(&h, COUNT("status = 2"), 200);
    eventually(&h, COUNT("status = 3"), 200);
    CHECK_INT(ask(&h, "SELECT count(*) FROM attempts WHERE outcome = 2 AND reason <> ''"), 200);
    close_hub(&h);
}

TEST(a_resting_destination_leaves_the_memory_to_others)
{
    struct hub h = {.info = {.quick = true, .max_parallel = 4}, .step = BF_STEP_SETTLED,
                    .outcome = BF_RETRY, .after_ms = -1};
    struct bf_courier_counts counts;

    open_hub(&h);
    automate(&h);
    emit_many(&h, 300);
    usleep(200000);
    bf_courier_count(h.courier, &counts);
    CHECK(counts.in_memory < 10);
    close_hub(&h);
}

TEST(the_default_judgement)
{
    static const struct {
        int status, err, outcome;
        bool sent;
        const char *retry_after;
        int64_t after_ms;
    } rows[] = {
        {200, 0, BF_DELIVERED, false, NULL, -1},
        {204, 0, BF_DELIVERED, false, NULL, -1},
        {302, 0, BF_REJECTED, false, NULL, -1},
        {400, 0, BF_REJECTED, false, NULL, -1},
        {404, 0, BF_REJECTED, false, NULL, -1},
        {408, 0, BF_RETRY, false, NULL, -1},
        {410, 0, BF_REJECTED, false, NULL, -1},
        {425, 0, BF_RETRY, false, NULL, -1},
        {429, 0, BF_RETRY, false, "7", 7000},
        {429, 0, BF_RETRY, false, "Thu, 01 Jan 1970 00:00:09 GMT", 8000},
        {429, 0, BF_RETRY, false, "999999999", 24 * 3600 * 1000LL},
        {429, 0, BF_RETRY, false, "soon", -1},
        {500, 0, BF_RETRY, false, NULL, -1},
        {501, 0, BF_REJECTED, false, NULL, -1},
        {502, 0, BF_RETRY, false, NULL, -1},
        {503, 0, BF_RETRY, false, "-1", -1},
        {504, 0, BF_RETRY, false, NULL, -1},
        {0, BF_EIO, BF_RETRY, false, NULL, -1},
        {0, BF_EIO, BF_UNKNOWN, true, NULL, -1},
        {0, BF_ETIMEDOUT, BF_UNKNOWN, true, NULL, -1},
        {0, BF_EPERM, BF_REJECTED, false, NULL, -1},
        {0, BF_ECONFIG, BF_REJECTED, false, NULL, -1},
        {0, BF_EINVAL, BF_REJECTED, false, NULL, -1},
        {200, BF_ETOOBIG, BF_DELIVERED, true, NULL, -1},
        {500, BF_ETOOBIG, BF_RETRY, true, NULL, -1},
        {0, BF_ETOOBIG, BF_UNKNOWN, true, NULL, -1},
    };
    struct bf_arena *a = bf_arena_new(4096);

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        const char *headers[] = {"retry-after", rows[i].retry_after, NULL};
        struct bf_fetch_result r = {.err = rows[i].err, .sent = rows[i].sent,
                                    .status = rows[i].status, .words = "why",
                                    .headers = headers + (rows[i].retry_after ? 0 : 2)};
        const char *words;
        int64_t after_ms;

        CHECK_INT(bf_judge_default(&r, 1000, &after_ms, a, &words), rows[i].outcome);
        CHECK_INT(after_ms, rows[i].after_ms);
    }
    bf_arena_free(a);
}

/* nginx says it with a page; whoever mends the certificate finds the executions still waiting. */
TEST(a_certificate_that_a_page_refuses_may_be_mended)
{
    static const struct {
        int status, outcome;
        const char *body, *words;
    } rows[] = {
        {400, BF_RETRY, "<center>No required SSL certificate was sent</center>", "got none"},
        {400, BF_RETRY, "<h1>400 Bad Request</h1>\n<center>The SSL certificate error</center>",
         "does not take the client certificate"},
        {400, BF_REJECTED, "The SSL certificate", "HTTP 400"},
        {400, BF_REJECTED, "", "HTTP 400"},
        {403, BF_REJECTED, "No required SSL certificate was sent", "HTTP 403"},
    };
    struct bf_arena *a = bf_arena_new(4096);

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_fetch_result r = {.status = rows[i].status, .body = rows[i].body,
                                    .body_len = strlen(rows[i].body)};
        const char *words;
        int64_t after_ms;

        CHECK_INT(bf_judge_default(&r, 1000, &after_ms, a, &words), rows[i].outcome);
        CHECK_HAS(words, rows[i].words);
        CHECK_INT(after_ms, -1);
    }
    bf_arena_free(a);
}

TEST(the_schedule_of_retries)
{
    static const int64_t seconds[] = {5, 30, 300, 1800, 7200, 18000, 36000, 36000, 36000};

    for (size_t i = 0; i < BF_COUNT(seconds); i++)
        CHECK_INT(bf_retry_pause_ms((uint32_t)i + 1), seconds[i] * 1000);
}


/* --- cancelling ------------------------------------------------------------------- */

#define CANCELS 20

struct cancelling {
    struct bf_cancel k;
    struct bf_execution *executions[CANCELS];
    bool cancelled[CANCELS], under_way[CANCELS];
    atomic_bool is_done;
    int rc;
};

static void cancel_done(struct bf_cancel *k, int rc, const struct bf_error *err)
{
    struct cancelling *c = bf_container_of(k, struct cancelling, k);

    (void)err;
    c->rc = rc;
    c->is_done = true;
}

/* Those numbered 1 to n, as a caller would name them. */
static int cancel(struct hub *h, struct cancelling *c, uint64_t n)
{
    const struct bf_automation *a;
    struct bf_error err;
    struct bf_db *db;

    CHECK_INT(bf_db_open(h->f.path, BF_DB_READ, &db, &err), 0);
    CHECK_INT(bf_automation_read(db, (uint64_t)ask(h, "SELECT revision FROM automations"), &a,
                                 &err), 0);
    for (uint64_t i = 0; i < n; i++) {
        c->executions[i] = bf_execution_new();
        c->executions[i]->number = i + 1;
        c->executions[i]->automation = bf_automation_ref(a);
    }
    bf_automation_unref(a);
    bf_db_close(db);
    c->k = (struct bf_cancel){.executions = c->executions, .n = n, .reason = "by ana",
                              .cancelled = c->cancelled, .under_way = c->under_way,
                              .done = cancel_done};
    CHECK_INT(bf_courier_cancel(h->courier, &c->k), 0);
    while (!c->is_done)
        usleep(1000);
    for (uint64_t i = 0; i < n; i++)
        bf_execution_unref(c->executions[i]);
    return c->rc;
}

TEST(what_waits_is_cancelled_and_what_is_under_way_goes_on)
{
    struct hub h = {.info = {.max_parallel = 1}, .step = BF_STEP_SETTLED, .after_ms = -1,
                    .block = true};
    struct cancelling c = {.rc = 1};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 12);
    while (!h.n_prepared)
        usleep(1000);
    CHECK_INT(cancel(&h, &c, 12), 0);
    CHECK_INT(c.k.n_cancelled, 11);
    CHECK_INT(c.k.n_under_way, 1);
    CHECK(c.under_way[0] && !c.cancelled[0] && c.cancelled[11]);
    h.block = false;
    eventually(&h, COUNT("status = 2"), 1);
    emit_many(&h, 3);
    eventually(&h, COUNT("status = 2"), 4);
    CHECK_INT(ask(&h, COUNT("status = 6 AND reason = 'by ana' AND finished > 0")), 11);
    CHECK_INT(h.n_prepared, 4);
    close_hub(&h);
}

TEST(what_is_on_disk_or_rests_between_attempts_is_cancelled_too)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_RETRY,
                    .after_ms = -1};
    struct cancelling c = {.rc = 1};
    int before;

    open_hub(&h);
    automate(&h);
    emit_many(&h, 10);
    while (ask(&h, COUNT("status = 0 AND attempts = 1")) < 3)
        usleep(1000);
    usleep(100000);             /* the destination rests */
    CHECK_INT(cancel(&h, &c, 10), 0);
    CHECK_INT(c.k.n_cancelled, 10);
    before = h.n_prepared;
    h.outcome = BF_DELIVERED;
    h.f.wall_ms += 3600 * 1000;
    bf_courier_touch(h.courier, "I1");
    emit_many(&h, 1);
    eventually(&h, COUNT("status = 2"), 1);
    CHECK_INT(h.n_prepared, before + 1);
    CHECK_INT(ask(&h, COUNT("status = 6")), 10);
    close_hub(&h);
}

TEST(what_could_not_be_cancelled_is_delivered)
{
    struct hub h = {.info = {.quick = true, .disabled = true}, .step = BF_STEP_SETTLED,
                    .after_ms = -1};
    struct cancelling c = {.rc = 0};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 10);
    bf_db_fail_commits(h.f.db, 0, 1);
    CHECK_INT(cancel(&h, &c, 10), BF_EIO);
    h.info.disabled = false;
    bf_courier_touch(h.courier, "I1");
    eventually(&h, COUNT("status = 2"), 10);
    CHECK_INT(h.n_prepared, 10);
    close_hub(&h);
}

TEST(what_is_over_is_not_cancelled)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1};
    struct cancelling c = {.rc = 1};

    open_hub(&h);
    automate(&h);
    emit_many(&h, 5);
    eventually(&h, COUNT("status = 2"), 5);
    CHECK_INT(cancel(&h, &c, 5), 0);
    CHECK_INT(c.k.n_cancelled, 0);
    CHECK_INT(ask(&h, COUNT("status = 2 AND reason IS NULL")), 5);
    close_hub(&h);
}


/* --- delays and digests -------------------------------------------------------------- */

/* As the rules would have it: a firing of automation A1 that is due later, opens a digest, or joins
 * one. */
struct later {
    struct posted p;
    int64_t due_ms;
    bool is_digest;
    bool joins;
    bool joined;
};

static struct bf_execution *firing(struct later *l, struct bf_tx *tx, struct bf_envelope *e,
                                   uint64_t revision, struct bf_error *err)
{
    struct bf_execution *x = bf_execution_new();

    CHECK_INT(bf_automation_read(tx->db, revision, &x->automation, err), 0);
    x->event = bf_envelope_ref(e);
    x->trigger = x->automation->trigger->wire;
    x->number = tx->bus->last_number + 1;
    x->created_ms = tx->now_ms;
    x->due_ms = l->due_ms;
    x->is_digest = l->is_digest || l->joins;
    snprintf(x->delayed_by, sizeof(x->delayed_by), "cooldown");
    bf_id_number(x->id, tx->now_ms, tx->bus->hub, x->number);
    return x;
}

static int apply_later(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    struct later *l = bf_container_of(p, struct later, p);
    struct bf_query *q = bf_db_query(tx->db, "SELECT revision FROM automations");
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_execution *x;
    struct bf_envelope *e;
    uint64_t revision;

    CHECK_INT(bf_query_step(q), 1);
    revision = (uint64_t)bf_query_col_int(q, 0);
    bf_query_end(q);
    CHECK_INT(bf_envelope_parse(a, p->text, strlen(p->text), BF_FROM_OUTSIDE, &e, err), 0);
    bf_arena_free(a);
    CHECK_INT(bf_bus_emit(tx, e, &p->receipt, err), 0);
    x = firing(l, tx, e, revision, err);
    bf_envelope_unref(e);
    if (l->joins)
        CHECK_INT(bf_outbox_join(tx->db, x, &l->joined), 0);
    if (l->joins) {
        bf_execution_unref(x);
        return 0;
    }
    CHECK_INT(bf_outbox_add(tx->db, x), 0);
    tx->bus->last_number = x->number;
    bf_bus_remember_added(tx->bus, x);
    return 0;
}

static void nothing_comes(struct hub *h, int64_t ms)
{
    int before = h->n_prepared;

    h->f.wall_ms += ms;
    bf_courier_touch(h->courier, "I1");
    usleep(100000);
    CHECK_INT(h->n_prepared, before);
}

static bool fire_later(struct hub *h, struct later l)
{
    l.p = (struct posted){.apply = apply_later,
                          .text = "{\"type\":\"ci.done\",\"entity\":\"acme\",\"project\":\"vision\"}"};
    CHECK_INT(post(&h->f, &l.p), 0);
    return l.joined;
}

TEST(what_a_limit_delays_waits_until_it_is_due)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1};

    open_hub(&h);
    automate(&h);
    fire_later(&h, (struct later){.due_ms = h.f.wall_ms + 60000});
    emit_many(&h, 3);           /* what is due does not wait behind it */
    eventually(&h, COUNT("status = 2"), 3);
    nothing_comes(&h, 50000);
    CHECK_INT(ask(&h, COUNT("status = 0 AND attempts = 0 AND delayed_by = 'cooldown'")), 1);
    close_hub(&h);
    open_hub(&h);
    nothing_comes(&h, 0);
    pass(&h, 10000);
    eventually(&h, COUNT("status = 2"), 4);
    close_hub(&h);
}

TEST(a_short_delay_wakes_the_courier_by_itself)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1};

    open_hub(&h);
    automate(&h);
    fire_later(&h, (struct later){.due_ms = h.f.wall_ms + 300});
    CHECK_INT(h.n_prepared, 0);
    for (int i = 0; i < 20 && !h.n_prepared; i++) {
        h.f.wall_ms += 20;
        usleep(20000);
    }
    eventually(&h, COUNT("status = 2"), 1);
    close_hub(&h);
}

TEST(what_a_limit_delays_is_cancelled_or_hastened_by_nobody)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1};
    struct cancelling c = {.rc = 1};
    struct bf_error err;
    struct bf_db *db;
    int64_t n;

    open_hub(&h);
    automate(&h);
    fire_later(&h, (struct later){.due_ms = h.f.wall_ms + 60000});
    CHECK_INT(bf_db_open(h.f.path, BF_DB_WRITE, &db, &err), 0);
    CHECK_INT(bf_outbox_hasten(db, "I1", h.f.wall_ms, 100, &n), 0);
    CHECK_INT(n, 0);
    bf_db_close(db);
    CHECK_INT(cancel(&h, &c, 1), 0);
    CHECK_INT(c.k.n_cancelled, 1);
    nothing_comes(&h, 70000);
    CHECK_INT(ask(&h, COUNT("status = 6")), 1);
    close_hub(&h);
}

TEST(a_digest_tells_of_what_joined_until_it_was_due)
{
    struct hub h = {.info = {.quick = true, .max_merged = 3}, .step = BF_STEP_SETTLED,
                    .outcome = BF_RETRY, .after_ms = -1};

    open_hub(&h);
    automate(&h);
    fire_later(&h, (struct later){.due_ms = h.f.wall_ms + 60000, .is_digest = true});
    for (int i = 0; i < 4; i++)
        CHECK(fire_later(&h, (struct later){.joins = true}));
    nothing_comes(&h, 50000);
    pass(&h, 10000);
    eventually(&h, COUNT("status = 0 AND attempts = 1"), 1);
    CHECK_INT(h.n_firings, 5);
    CHECK_INT(h.n_events, 2);   /* the newest that a message of three has room for */
    CHECK(!fire_later(&h, (struct later){.joins = true}));      /* it is on its way */
    h.n_firings = 0;
    h.outcome = BF_DELIVERED;
    pass(&h, 60000);
    eventually(&h, COUNT("status = 2"), 1);
    CHECK_INT(h.n_firings, 5);  /* the same at every attempt */
    CHECK_INT(ask(&h, COUNT("status = 2")), 1);
    close_hub(&h);
}

TEST(a_digest_and_what_joined_outlive_a_restart)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .after_ms = -1};

    open_hub(&h);
    automate(&h);
    fire_later(&h, (struct later){.due_ms = h.f.wall_ms + 60000, .is_digest = true});
    CHECK(fire_later(&h, (struct later){.joins = true}));
    close_hub(&h);
    open_hub(&h);
    CHECK(fire_later(&h, (struct later){.joins = true}));
    h.info.once = true;
    pass(&h, 60000);
    eventually(&h, COUNT("status = 2"), 1);
    CHECK_INT(h.n_firings, 3);
    CHECK_INT(h.n_events, 1);   /* for whoever says one thing of all: the newest */
    CHECK(strstr(h.told, "\"project_name\":\"vision\"") != NULL);
    close_hub(&h);
}


/* --- dry runs --------------------------------------------------------------------------- */

static void automate_dry(struct hub *h)
{
    CHECK_INT(save(&h->f, "A1", "{\"name\":\"dry\",\"dry_run\":true,\"scope\":{\"entity\":\"acme\","
                   "\"project\":\"vision\"},\"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\"},\"actions\":[{"
                   "\"integration\":\"I1\",\"config\":{}}]}", NULL), 0);
}

TEST(a_dry_run_records_what_it_would_send_and_is_skipped)
{
    struct hub h = {.info = {.quick = true, .once = true}, .step = BF_STEP_SEND, .after_ms = -1};
    struct bf_courier_state state;

    open_hub(&h);               /* its request has no URL: sent, it would fail */
    automate_dry(&h);
    emit_many(&h, 3);
    eventually(&h, COUNT("status = 5 AND reason = 'dry_run' AND attempts = 1"), 3);
    CHECK_INT(ask(&h, "SELECT count(*) FROM attempts WHERE outcome = 5 AND http_status = 0"), 3);
    CHECK_INT(ask(&h, "SELECT count(*) FROM destinations"), 0);
    CHECK(bf_courier_state(h.courier, "I1", &state) && state.standing.last_success_ms == 0);
    close_hub(&h);
}

TEST(a_dry_run_that_could_not_be_made_is_skipped_and_says_so)
{
    struct hub h = {.info = {.quick = true}, .step = BF_STEP_SETTLED, .outcome = BF_REJECTED,
                    .after_ms = -1};

    open_hub(&h);
    automate_dry(&h);
    emit_many(&h, 12);          /* enough failures to make a destination rest */
    eventually(&h, COUNT("status = 5 AND reason = 'dry_run'"), 12);
    CHECK_INT(ask(&h, "SELECT count(*) FROM attempts WHERE outcome = 2"), 12);
    CHECK_INT(ask(&h, "SELECT count(*) FROM destinations"), 0);
    close_hub(&h);
}

TEST(a_dry_run_spends_no_pace)
{
    struct hub h = {.info = {.quick = true, .pace = "1/h"}, .step = BF_STEP_SEND, .after_ms = -1};

    open_hub(&h);
    automate_dry(&h);
    emit_many(&h, 20);
    eventually(&h, COUNT("status = 5"), 20);
    close_hub(&h);
}
