/* test_crash.c - runs that fall silent have crashed, and those that speak again are back. */
#include "tests/unit/bus_fixture.h"

#include "core/bus/bus.h"

#define MINUTE  60000
#define TIMEOUT (5 * MINUTE)
#define BEGIN   1000000

static _Atomic int64_t jumped_ms;       /* how far the clock was set forward */

static int64_t mono(void *arg) { return ((struct fixture *)arg)->wall_ms - jumped_ms; }

static struct fixture f = {.wall_ms = BEGIN, .mono = mono};

static void open_hub(void)
{
    fixture_open(&f);
    bf_bus_heartbeats(f.bus, TIMEOUT);
}

static void say(const char *type, const char *run, const char *more, const char *rest)
{
    char text[1024];

    snprintf(text, sizeof(text), "{\"type\":\"%s\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":"
             "{\"id\":\"%s\"%s}%s}", type, run, more, rest);
    CHECK_INT(emit(&f, text, NULL), 0);
}

static void state(const char *run, const char *is)
{
    char more[128];

    snprintf(more, sizeof(more), ",\"name\":\"frog\",\"state\":\"%s\"", is);
    say("run.state", run, more, "");
}

/* The engine's clock is the test's, so somebody must tell it to look; a work is done behind what is
 * due. */
static int nothing(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    (void)p;
    (void)tx;
    (void)err;
    return 0;
}

static void until(int64_t ms)
{
    struct posted p = {.apply = nothing}, again = {.apply = nothing};

    f.wall_ms = ms;
    post(&f, &p);
    post(&f, &again);
}

/* The types and states in the journal, in order, but for the first `skip`. */
static const char *journal(int skip)
{
    static char text[4096];
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_error err;
    struct bf_db *db;
    size_t at = 0;

    CHECK_INT(bf_db_open(f.path, BF_DB_READ, &db, &err), 0);
    text[0] = '\0';
    for (uint64_t seq = (uint64_t)skip + 1;; seq++) {
        struct bf_envelope *e;

        if (bf_journal_read(db, bf_bus_hub(f.bus), seq, a, &e, &err))
            break;
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s%s%s", at ? " " : "", e->run_id,
                               e->run_state ? ":" : "", e->run_state ? e->run_state : "");
        bf_envelope_unref(e);
    }
    bf_db_close(db);
    bf_arena_free(a);
    return text;
}

TEST(a_running_run_that_falls_silent_has_crashed_once)
{
    open_hub();
    state("a", "RUNNING");
    until(BEGIN + TIMEOUT - 1);
    CHECK_STR(journal(1), "");
    until(BEGIN + TIMEOUT);
    CHECK_STR(journal(1), "a:CRASHED");
    until(BEGIN + 10 * TIMEOUT);
    CHECK_STR(journal(1), "a:CRASHED");
    fixture_close(&f);
}

TEST(the_hub_tells_of_it_with_what_the_run_was_last_known_as)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_envelope *e;
    struct bf_error err;
    struct bf_db *db;

    open_hub();
    say("run.state", "a", ",\"state\":\"RUNNING\",\"name\":\"frog\",\"config\":{\"lr\":0.10}", "");
    until(BEGIN + TIMEOUT);
    CHECK_INT(bf_db_open(f.path, BF_DB_READ, &db, &err), 0);
    CHECK_INT(bf_journal_read(db, 0, 2, a, &e, &err), 0);
    CHECK_STR(e->text, "{\"type\":\"run.state\",\"source\":\"belfry\",\"author\":\"belfry-system\","
                       "\"entity\":\"acme\",\"project\":\"vision\",\"run\":{\"id\":\"a\","
                       "\"name\":\"frog\",\"config\":{\"lr\":0.10},\"state\":\"CRASHED\"}}");
    CHECK_INT(e->run, 1);
    CHECK_INT(e->received_ms, BEGIN + TIMEOUT);
    bf_envelope_unref(e);
    bf_db_close(db);
    bf_arena_free(a);
    fixture_close(&f);
}

TEST(any_event_of_the_run_is_a_sign_of_life)
{
    open_hub();
    state("a", "RUNNING");
    for (int i = 1; i <= 10; i++) {
        until(BEGIN + i * 4 * MINUTE);
        say(i % 2 ? "run.heartbeat" : "run.metric", "a", "",
            i % 2 ? "" : ",\"metrics\":[{\"name\":\"loss\",\"value\":1}]");
    }
    CHECK_STR(journal(11), "");
    until(BEGIN + 45 * MINUTE - 1);
    CHECK_STR(journal(11), "");
    until(BEGIN + 45 * MINUTE);
    CHECK_STR(journal(11), "a:CRASHED");
    fixture_close(&f);
}

TEST(an_artifact_of_the_run_is_none)
{
    open_hub();
    state("a", "RUNNING");
    until(BEGIN + 4 * MINUTE);
    CHECK_INT(emit(&f, "{\"type\":\"ci.done\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":"
                       "{\"id\":\"a\"}}", NULL), 0);
    until(BEGIN + TIMEOUT);
    CHECK_STR(journal(2), "a:CRASHED");
    fixture_close(&f);
}

TEST(only_running_runs_crash)
{
    open_hub();
    state("a", "RUNNING");
    state("a", "FINISHED");
    say("run.heartbeat", "b", "", "");
    state("c", "PENDING");
    until(BEGIN + 10 * TIMEOUT);
    CHECK_STR(journal(4), "");
    fixture_close(&f);
}

TEST(what_speaks_again_runs_again)
{
    open_hub();
    state("a", "RUNNING");
    until(BEGIN + TIMEOUT);
    say("run.heartbeat", "a", "", ",\"key\":\"k\"");
    CHECK_STR(journal(1), "a:CRASHED a:RUNNING a");
    say("run.heartbeat", "a", "", "");
    CHECK_STR(journal(1), "a:CRASHED a:RUNNING a a");
    until(BEGIN + 2 * TIMEOUT);
    say("run.heartbeat", "a", "", ",\"key\":\"k\"");    /* a repeat says nothing */
    CHECK_STR(journal(5), "a:CRASHED");
    state("a", "FINISHED");
    say("run.heartbeat", "a", "", "");
    CHECK_STR(journal(5), "a:CRASHED a:FINISHED a");
    fixture_close(&f);
}

TEST(a_short_restart_changes_nothing)
{
    open_hub();
    state("a", "RUNNING");
    until(BEGIN + 4 * MINUTE + 30000);
    say("run.heartbeat", "b", "", "");
    fixture_close(&f);
    f.wall_ms = BEGIN + 4 * MINUTE + 40000;
    open_hub();
    until(BEGIN + TIMEOUT - 1);
    CHECK_STR(journal(2), "");
    until(BEGIN + TIMEOUT);
    CHECK_STR(journal(2), "a:CRASHED");
    fixture_close(&f);
}

/* While the hub was away nobody could be heard. */
TEST(after_a_long_absence_of_the_hub_silence_begins_anew)
{
    open_hub();
    state("a", "RUNNING");
    fixture_close(&f);
    f.wall_ms = BEGIN + 60 * MINUTE;
    open_hub();
    until(BEGIN + 60 * MINUTE + 1);
    fixture_close(&f);
    f.wall_ms = BEGIN + 61 * MINUTE;
    open_hub();
    until(BEGIN + 64 * MINUTE);
    CHECK_STR(journal(1), "");
    until(BEGIN + 61 * MINUTE + TIMEOUT);
    CHECK_STR(journal(1), "a:CRASHED");
    fixture_close(&f);
}

TEST(a_clock_that_jumps_crashes_nobody)
{
    open_hub();
    state("a", "RUNNING");
    jumped_ms = 365LL * 24 * 60 * MINUTE;
    until(BEGIN + jumped_ms + MINUTE);
    CHECK_STR(journal(1), "");
    until(BEGIN + jumped_ms + MINUTE + TIMEOUT);
    CHECK_STR(journal(1), "a:CRASHED");
    fixture_close(&f);
}

TEST(another_timeout_counts_at_once)
{
    open_hub();
    state("a", "RUNNING");
    until(BEGIN + MINUTE);
    bf_bus_heartbeats(f.bus, 0);
    until(BEGIN + 20 * MINUTE);
    CHECK_STR(journal(1), "");
    bf_bus_heartbeats(f.bus, MINUTE);
    until(BEGIN + 20 * MINUTE);
    CHECK_STR(journal(1), "a:CRASHED");
    fixture_close(&f);
}

TEST(a_failed_commit_forgets_no_crash)
{
    open_hub();
    state("a", "RUNNING");
    bf_db_fail_commits(f.db, 0, 1);
    f.wall_ms = BEGIN + TIMEOUT;
    {
        struct posted p = {.apply = nothing};

        post(&f, &p);
    }
    CHECK_STR(journal(1), "");
    until(BEGIN + TIMEOUT + 20000);
    CHECK_STR(journal(1), "a:CRASHED");
    fixture_close(&f);
}

TEST(many_crash_together_in_their_order)
{
    open_hub();
    for (int i = 0; i < 200; i++) {
        char run[16];

        f.wall_ms = BEGIN + i;
        snprintf(run, sizeof(run), "r%d", i);
        state(run, "RUNNING");
    }
    until(BEGIN + TIMEOUT + 99);
    for (int i = 0; i < 5; i++)
        until(BEGIN + TIMEOUT + 99);
    CHECK_STR(journal(299), "r99:CRASHED");
    CHECK_STR(journal(300), "");
    fixture_close(&f);
}

/* Without anybody else's doing. */
TEST(the_engine_wakes_by_itself)
{
    open_hub();
    bf_bus_heartbeats(f.bus, 1000);
    state("a", "RUNNING");
    f.wall_ms += 1000;
    for (int i = 0; i < 500 && strcmp(journal(1), "a:CRASHED") != 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    CHECK_STR(journal(1), "a:CRASHED");
    fixture_close(&f);
}
