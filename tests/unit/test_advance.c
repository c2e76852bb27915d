/* test_advance.c - the engine and the clock: records for what is over, restarts, a store that fails,
 * and many waits at once. */
#include "tests/unit/bus_fixture.h"

#include <limits.h>
#include <unistd.h>

#define START  1767600000000LL          /* 2026-01-05T08:00:00Z */
#define MINUTE 60000LL

#define ON(name, type, filter)                                                               \
    "{\"name\":\"" name "\",\"scope\":{\"entity\":\"acme\",\"project\":\"vision\"},"         \
    "\"event\":{\"type\":\"" type "\",\"filter\":" filter "},"                               \
    "\"actions\":[{\"integration\":\"I1\",\"config\":{}}]}"
#define SILENCE ON("silence", "ABSENCE", "{\"of\":\"run.heartbeat\",\"for\":\"30m\"}")
#define HOURLY  ON("hourly", "SCHEDULE", "{\"cron\":\"0 * * * *\",\"time_zone\":\"Europe/Berlin\"}")
#define HEARTBEAT(id)                                                                        \
    "{\"type\":\"run.heartbeat\",\"entity\":\"acme\",\"project\":\"vision\","                 \
    "\"run\":{\"id\":\"" id "\",\"name\":\"frog\"}}"
#define OTHER "{\"type\":\"ci.finished\",\"entity\":\"acme\"}"

/* The first column of the first row, as text; "" if there is none. */
static const char *ask(struct fixture *f, const char *sql)
{
    static char out[600];
    struct bf_db *db;
    struct bf_error err;
    struct bf_query *q;

    CHECK_INT(bf_db_open(f->path, BF_DB_READ, &db, &err), 0);
    q = bf_db_query(db, sql);
    snprintf(out, sizeof(out), "%s", bf_query_step(q) == 1 ? bf_query_col_text(q, 0) : "");
    bf_query_end(q);
    bf_db_close(db);
    return out;
}

static int64_t count(struct fixture *f, const char *sql) { return atoll(ask(f, sql)); }

static int apply_nothing(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    (void)p;
    (void)tx;
    (void)err;
    return 0;
}

/* The clock shows this, and the engine looks at it. */
static int look(struct fixture *f, int64_t wall_ms)
{
    struct posted p = {.apply = apply_nothing};

    f->wall_ms = wall_ms;
    return post(f, &p);
}

static void restart(struct fixture *f)
{
    fixture_close(f);
    fixture_open(f);
}

#define ADVANCES "SELECT count(*) FROM journal WHERE type = 'clock.advance'"
#define TICKS    "SELECT count(*) FROM journal WHERE type = 'schedule.tick'"
#define FIRED    "SELECT count(*) FROM executions WHERE status = 0"

TEST(an_absence_fires_once_with_the_run_it_is_about_and_is_begun_again)
{
    struct fixture f = {.wall_ms = START};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", SILENCE, NULL), 0);
    CHECK_INT(emit(&f, HEARTBEAT("r1"), NULL), 0);
    CHECK_INT(look(&f, START + 30 * MINUTE - 1), 0);
    CHECK_INT(count(&f, ADVANCES), 0);
    CHECK_INT(look(&f, START + 30 * MINUTE), 0);
    CHECK_INT(look(&f, START + 90 * MINUTE), 0);
    CHECK_INT(count(&f, ADVANCES), 1);
    CHECK_INT(count(&f, FIRED), 1);
    CHECK_HAS(ask(&f, "SELECT body FROM journal WHERE type = 'clock.advance'"),
              "\"project\":\"vision\",\"run\":{\"id\":\"r1\",\"name\":\"frog\"},\"data\":{"
              "\"automation\":\"A1\",\"due\":\"2026-01-05T08:30:00.000Z\","
              "\"last\":\"2026-01-05T08:00:00.000Z\",\"for\":\"30m\",\"of\":\"run.heartbeat\"}}");
    CHECK_HAS(ask(&f, "SELECT facts FROM executions"), "\"last\":\"2026-01-05T08:00:00.000Z\"");
    CHECK_INT(emit(&f, HEARTBEAT("r1"), NULL), 0);
    CHECK_INT(look(&f, START + 120 * MINUTE), 0);
    CHECK_INT(count(&f, FIRED), 2);
    fixture_close(&f);
}

TEST(what_is_over_stands_in_the_journal_before_the_event_that_comes_too_late)
{
    struct fixture f = {.wall_ms = START};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", SILENCE, NULL), 0);
    CHECK_INT(emit(&f, HEARTBEAT("r1"), NULL), 0);
    f.wall_ms = START + 30 * MINUTE;
    CHECK_INT(emit(&f, HEARTBEAT("r1"), NULL), 0);
    CHECK_INT(count(&f, FIRED), 1);
    CHECK_STR(ask(&f, "SELECT type FROM journal ORDER BY seq DESC LIMIT 1"), "run.heartbeat");
    fixture_close(&f);
}

TEST(a_schedule_ticks_and_catches_up_once_after_downtime)
{
    struct fixture f = {.wall_ms = START};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", HOURLY, NULL), 0);
    CHECK_INT(look(&f, START + 61 * MINUTE), 0);
    CHECK_INT(count(&f, TICKS), 1);
    CHECK_HAS(ask(&f, "SELECT body FROM journal WHERE type = 'schedule.tick'"),
              "\"data\":{\"automation\":\"A1\",\"occurrence\":\"2026-01-05T09:00:00.000Z\","
              "\"late\":false,\"missed\":0}}");
    restart(&f);
    CHECK_INT(look(&f, START + 62 * MINUTE), 0);
    CHECK_INT(count(&f, TICKS), 1);
    f.wall_ms = START + 5 * 60 * MINUTE + MINUTE / 2;
    restart(&f);
    CHECK_INT(look(&f, START + 5 * 60 * MINUTE + MINUTE / 2), 0);
    CHECK_INT(count(&f, TICKS), 2);
    CHECK_INT(count(&f, FIRED), 2);
    CHECK_HAS(ask(&f, "SELECT body FROM journal ORDER BY seq DESC LIMIT 1"),
              "\"occurrence\":\"2026-01-05T13:00:00.000Z\",\"late\":true,\"missed\":3}}");
    fixture_close(&f);
}

TEST(a_restart_between_beginning_and_end_changes_nothing)
{
    struct fixture f = {.wall_ms = START};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", SILENCE, NULL), 0);
    CHECK_INT(emit(&f, HEARTBEAT("r1"), NULL), 0);
    f.wall_ms = START + 10 * MINUTE;
    CHECK_INT(emit(&f, HEARTBEAT("r2"), NULL), 0);
    restart(&f);
    CHECK_INT(look(&f, START + 30 * MINUTE), 0);
    CHECK_INT(count(&f, ADVANCES), 1);
    restart(&f);
    CHECK_INT(look(&f, START + 35 * MINUTE), 0);
    CHECK_INT(count(&f, ADVANCES), 1);
    f.wall_ms = START + 41 * MINUTE;    /* over while the hub was down */
    restart(&f);
    CHECK_INT(look(&f, START + 41 * MINUTE), 0);
    CHECK_INT(count(&f, ADVANCES), 2);
    CHECK_INT(count(&f, FIRED), 2);
    fixture_close(&f);
}

TEST(what_a_machine_set_forward_or_back_ends_is_ended_once)
{
    struct fixture f = {.wall_ms = START};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", SILENCE, NULL), 0);
    CHECK_INT(emit(&f, HEARTBEAT("r1"), NULL), 0);
    CHECK_INT(look(&f, START + 60 * MINUTE), 0);
    CHECK_INT(look(&f, START), 0);
    CHECK_INT(emit(&f, HEARTBEAT("r1"), NULL), 0);
    CHECK_INT(count(&f, ADVANCES), 1);
    restart(&f);
    CHECK_INT(look(&f, START + 91 * MINUTE), 0);
    CHECK_INT(count(&f, ADVANCES), 2);
    fixture_close(&f);
}

TEST(a_record_that_cannot_be_written_is_tried_again_and_events_wait_for_it)
{
    struct fixture f = {.wall_ms = START};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", SILENCE, NULL), 0);
    CHECK_INT(emit(&f, HEARTBEAT("r1"), NULL), 0);
    bf_db_fail_commits(f.db, 0, INT_MAX);       /* the engine may try by itself as well */
    f.wall_ms = START + 30 * MINUTE;
    CHECK_INT(emit(&f, HEARTBEAT("r1"), NULL), BF_EIO);
    CHECK_INT(emit(&f, OTHER, NULL), BF_EIO);
    /* What journals nothing goes on: it may be what frees room. */
    bf_db_fail_commits(f.db, 0, 1);
    CHECK_INT(look(&f, START + 30 * MINUTE), 0);
    CHECK_INT(count(&f, ADVANCES), 0);
    /* The next event is the next try, and nobody waits for the clock. */
    CHECK_INT(emit(&f, OTHER, NULL), 0);
    CHECK_INT(count(&f, ADVANCES), 1);
    CHECK_INT(count(&f, FIRED), 1);
    CHECK_INT(f.n_enqueued, 1);
    CHECK(f.healthy);
    fixture_close(&f);
}

TEST(a_batch_that_fails_begins_no_wait)
{
    struct fixture f = {.wall_ms = START};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", SILENCE, NULL), 0);
    CHECK_INT(emit(&f, HEARTBEAT("r1"), NULL), 0);
    f.wall_ms = START + 20 * MINUTE;
    bf_db_fail_commits(f.db, 0, 1);
    CHECK_INT(emit(&f, HEARTBEAT("r1"), NULL), BF_EIO);
    bf_db_fail_commits(f.db, 0, 1);
    CHECK_INT(emit(&f, HEARTBEAT("r2"), NULL), BF_EIO);
    CHECK_INT(look(&f, START + 30 * MINUTE), 0);
    CHECK_INT(count(&f, ADVANCES), 1);
    CHECK_INT(look(&f, START + 60 * MINUTE), 0);
    CHECK_INT(count(&f, ADVANCES), 1);
    fixture_close(&f);
}

TEST(disabling_ends_the_waits_and_enabling_begins_anew)
{
    static const char off[] =
        "{\"name\":\"silence\",\"enabled\":false,\"scope\":{\"entity\":\"acme\",\"project\":"
        "\"vision\"},\"event\":{\"type\":\"ABSENCE\",\"filter\":{\"of\":\"run.heartbeat\",\"for\":"
        "\"30m\"}},\"actions\":[{\"integration\":\"I1\",\"config\":{}}]}";
    struct fixture f = {.wall_ms = START};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", SILENCE, NULL), 0);
    CHECK_INT(emit(&f, HEARTBEAT("r1"), NULL), 0);
    f.wall_ms++;
    CHECK_INT(save(&f, "A1", off, NULL), 0);
    f.wall_ms++;
    CHECK_INT(save(&f, "A1", SILENCE, NULL), 0);
    restart(&f);
    CHECK_INT(look(&f, START + 60 * MINUTE), 0);
    CHECK_INT(count(&f, ADVANCES), 0);
    CHECK_INT(emit(&f, HEARTBEAT("r1"), NULL), 0);
    restart(&f);
    CHECK_INT(look(&f, START + 90 * MINUTE), 0);
    CHECK_INT(count(&f, FIRED), 1);
    fixture_close(&f);
}

/* Without a work, while nothing else happens: the fixture's clock runs as the machine's here. */
static int64_t machine_wall(void *arg)
{
    return ((struct fixture *)arg)->wall_ms + bf_mono_ms(bf_clock_system());
}

TEST(the_engine_wakes_up_by_itself)
{
    struct fixture f = {.wall_ms = START};
    struct bf_bus_hooks hooks = {fixture_enqueued, NULL, fixture_health, &f};
    struct bf_error err;

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON("s", "ABSENCE", "{\"of\":\"run\",\"for\":\"1s\"}"), NULL), 0);
    bf_bus_close(f.bus);
    f.clock = (struct bf_clock){machine_wall, machine_wall, &f};
    CHECK_INT(bf_bus_open(f.db, &f.clock, NULL, &hooks, &f.bus, &err), 0);
    CHECK_INT(bf_bus_start(f.bus, &err), 0);
    CHECK_INT(emit(&f, HEARTBEAT("r1"), NULL), 0);
    for (int i = 0; i < 1000 && !f.n_enqueued; i++)
        usleep(10000);
    CHECK_INT(f.n_enqueued, 1);
    CHECK_INT(count(&f, ADVANCES), 1);
    fixture_close(&f);
}

/* A backlog is drained in slices before the work that waits, each wait once.  WAITS says how many. */
static int apply_heartbeats(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    int rc = 0;

    for (long i = atol(p->text); !rc && i < atol(p->text) + 500; i++) {
        char text[200];
        struct posted one = {.text = text};

        snprintf(text, sizeof(text), HEARTBEAT("r%ld"), i);
        rc = apply_event(&one, tx, err);
    }
    return rc;
}

TEST(many_that_are_over_at_once_are_journaled_in_slices_each_once)
{
    struct fixture f = {.wall_ms = START};
    long n = getenv("WAITS") ? atol(getenv("WAITS")) : 2000;
    int64_t begun;

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", SILENCE, NULL), 0);
    for (long i = 0; i < n; i += 500) {
        char text[24];
        struct posted p = {.apply = apply_heartbeats, .text = text};

        snprintf(text, sizeof(text), "%ld", i);
        CHECK_INT(post(&f, &p), 0);
    }
    restart(&f);
    begun = bf_mono_ms(bf_clock_system());
    CHECK_INT(look(&f, START + 30 * MINUTE), 0);
    if (getenv("WAITS"))
        printf("%ld waits in %lld ms\n", n, (long long)(bf_mono_ms(bf_clock_system()) - begun));
    CHECK_INT(count(&f, ADVANCES), n);
    CHECK_INT(count(&f, FIRED), n);
    CHECK_INT(f.n_enqueued, n);
    CHECK(count(&f, "SELECT count(DISTINCT run) FROM journal WHERE type = 'clock.advance'") == n);
    CHECK_INT(look(&f, START + 31 * MINUTE), 0);
    CHECK_INT(count(&f, ADVANCES), n);
    fixture_close(&f);
}
