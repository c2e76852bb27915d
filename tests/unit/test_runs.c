/* test_runs.c - runs get numbers, points are in order or not, and the newest values are found. */
#include "tests/unit/bus_fixture.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/map.h"
#include "core/bus/run_points.h"
#include "core/bus/runs.h"
#include "core/bus/runs_int.h"

static struct fixture f = {.wall_ms = 1000000};

static struct bf_db *reader(void)
{
    struct bf_error err;
    struct bf_db *db;

    CHECK_INT(bf_db_open(f.path, BF_DB_READ, &db, &err), 0);
    return db;
}

static int64_t ask(const char *sql)
{
    struct bf_db *db = reader();
    struct bf_query *q = bf_db_query(db, sql);
    int64_t answer;

    CHECK_INT(bf_query_step(q), 1);
    answer = bf_query_col_int(q, 0);
    bf_query_end(q);
    bf_db_close(db);
    return answer;
}

static char *event(const char *type, const char *run, const char *rest)
{
    static char text[4096];

    snprintf(text, sizeof(text), "{\"type\":\"%s\",\"entity\":\"acme\",\"project\":\"vision\","
                                 "\"run\":{\"id\":\"%s\"}%s}", type, run, rest);
    return text;
}

/* A point; a step below 0 is none. */
static void point(const char *run, const char *metric, int step, const char *value)
{
    char rest[256], at[32] = "";

    if (step >= 0)
        snprintf(at, sizeof(at), "\"step\":%d,", step);
    snprintf(rest, sizeof(rest), ",\"metrics\":[{\"name\":\"%s\",%s\"value\":%s}]", metric, at, value);
    CHECK_INT(emit(&f, event("run.metric", run, rest), NULL), 0);
}

/* The newest values, as text; `before` 0 stands for now. */
static const char *tail(uint64_t run, const char *metric, uint64_t before, size_t max)
{
    static char text[4096];
    struct bf_db *db = reader();
    double values[128];
    size_t n, at = 0;

    CHECK_INT(bf_run_tail(db, run, metric, before ? before : BF_NOW, max, values, &n), 0);
    text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%g", i ? " " : "", values[i]);
    bf_db_close(db);
    return text;
}

static void reopen(void)
{
    fixture_close(&f);
    fixture_open(&f);
}

TEST(a_run_has_one_number_for_ever)
{
    fixture_open(&f);
    CHECK_INT(emit(&f, event("run.heartbeat", "a", ""), NULL), 0);
    CHECK_INT(emit(&f, event("run.heartbeat", "b", ""), NULL), 0);
    point("a", "loss", 1, "0.5");
    CHECK_INT(emit(&f, "{\"type\":\"run.heartbeat\",\"entity\":\"acme\",\"project\":\"other\","
                       "\"run\":{\"id\":\"a\"}}", NULL), 0);
    reopen();
    point("b", "loss", 1, "0.5");
    CHECK_INT(ask("SELECT count(*) FROM runs"), 3);
    CHECK_INT(ask("SELECT run FROM journal WHERE seq = 1"), 1);
    CHECK_INT(ask("SELECT run FROM journal WHERE seq = 3"), 1);
    CHECK_INT(ask("SELECT run FROM journal WHERE seq = 4"), 3);
    CHECK_INT(ask("SELECT run FROM journal WHERE seq = 5"), 2);
    fixture_close(&f);
}

TEST(only_events_of_runs_make_them_known)
{
    static const char other[] = "{\"type\":\"ci.finished\",\"entity\":\"acme\","
                                "\"project\":\"vision\",\"run\":{\"id\":\"a\"}}";

    fixture_open(&f);
    CHECK_INT(emit(&f, other, NULL), 0);
    CHECK_INT(ask("SELECT count(*) FROM runs"), 0);
    CHECK_INT(emit(&f, event("run.heartbeat", "a", ""), NULL), 0);
    CHECK_INT(emit(&f, other, NULL), 0);
    CHECK_INT(ask("SELECT coalesce(run, 0) FROM journal WHERE seq = 1"), 0);
    CHECK_INT(ask("SELECT run FROM journal WHERE seq = 3"), 1);
    CHECK_INT(emit(&f, "{\"type\":\"ci.finished\",\"entity\":\"acme\"}", NULL), 0);
    fixture_close(&f);
}

TEST(a_step_that_was_there_is_not_in_order)
{
    fixture_open(&f);
    point("a", "loss", 1, "1");
    point("a", "loss", 3, "3");
    point("a", "loss", 2, "2");
    point("a", "loss", 3, "33");
    point("a", "acc", 2, "22");
    point("b", "loss", 2, "222");
    point("a", "loss", 4, "4");
    CHECK_STR(tail(1, "loss", 0, 10), "4 3 1");
    CHECK_STR(tail(1, "acc", 0, 10), "22");
    CHECK_STR(tail(2, "loss", 0, 10), "222");
    fixture_close(&f);
}

TEST(without_a_step_a_point_is_in_order_and_moves_nothing)
{
    fixture_open(&f);
    point("a", "loss", 5, "5");
    point("a", "loss", -1, "50");
    point("a", "loss", 5, "51");
    point("a", "loss", 6, "6");
    CHECK_STR(tail(1, "loss", 0, 10), "6 50 5");
    fixture_close(&f);
}

TEST(what_is_not_finite_moves_the_step_and_is_no_value)
{
    fixture_open(&f);
    point("a", "loss", 1, "1");
    point("a", "loss", 5, "\"NaN\"");
    point("a", "loss", 4, "4");
    point("a", "loss", 6, "\"Infinity\"");
    CHECK_STR(tail(1, "loss", 0, 10), "1");
    point("a", "loss", 7, "7");
    CHECK_STR(tail(1, "loss", 0, 10), "7 1");
    fixture_close(&f);
}

TEST(one_event_may_bring_a_step_twice)
{
    fixture_open(&f);
    CHECK_INT(emit(&f, event("run.metric", "a", ",\"metrics\":["
                   "{\"name\":\"loss\",\"step\":2,\"value\":2},{\"name\":\"loss\",\"value\":9},"
                   "{\"name\":\"loss\",\"step\":1,\"value\":1},{\"name\":\"acc\",\"step\":1,\"value\":7},"
                   "{\"name\":\"loss\",\"step\":2,\"value\":3}]"), NULL), 0);
    CHECK_STR(tail(1, "loss", 0, 10), "9 2 1");
    CHECK_STR(tail(1, "acc", 0, 10), "7");
    fixture_close(&f);
}

TEST(after_a_restart_the_last_steps_are_known)
{
    fixture_open(&f);
    point("a", "loss", 10, "10");
    point("a", "acc", 3, "0.3");
    reopen();
    point("a", "loss", 9, "9");
    point("a", "acc", 4, "0.4");
    reopen();
    point("a", "loss", 10, "11");
    point("a", "loss", 11, "12");
    CHECK_STR(tail(1, "loss", 0, 10), "12 10");
    CHECK_STR(tail(1, "acc", 0, 10), "0.4 0.3");
    fixture_close(&f);
}

/* The steps are written every BF_RUN_BEHIND events, and what came since is read behind them. */
TEST(a_long_run_is_known_after_a_restart_at_any_place)
{
    static const int places[] = {0, 1, BF_RUN_BEHIND - 1, BF_RUN_BEHIND, BF_RUN_BEHIND + 1,
                                 2 * BF_RUN_BEHIND};
    int step = 0;

    fixture_open(&f);
    point("a", "rare", 7, "0.7");
    for (size_t i = 0; i < BF_COUNT(places); i++) {
        for (int j = 0; j < places[i]; j++)
            point("a", "loss", ++step, "1");
        reopen();
        point("a", "loss", step, "2");
        point("a", "rare", 7, "2");
    }
    CHECK_STR(tail(1, "rare", 0, 10), "0.7");
    CHECK_STR(tail(1, "loss", 0, 3), "1 1 1");
    CHECK(ask("SELECT series_seq FROM runs") > 0);
    fixture_close(&f);
}

TEST(a_tail_ends_before_an_event)
{
    fixture_open(&f);
    for (int i = 1; i <= 300; i++) {
        char value[16];

        snprintf(value, sizeof(value), "%d", i);
        point("a", i % 100 ? "loss" : "rare", i, value);
    }
    CHECK_STR(tail(1, "loss", 0, 3), "299 298 297");
    CHECK_STR(tail(1, "loss", 299, 3), "298 297 296");
    CHECK_STR(tail(1, "loss", 101, 3), "99 98 97");
    CHECK_STR(tail(1, "loss", 1, 3), "");
    CHECK_STR(tail(1, "rare", 0, 9), "300 200 100");
    CHECK_STR(tail(1, "rare", 300, 9), "200 100");
    CHECK_STR(tail(1, "rare", 100, 9), "");
    CHECK_STR(tail(1, "none", 0, 9), "");
    CHECK_STR(tail(9, "loss", 0, 9), "");
    CHECK_STR(tail(1, "loss", 0, 0), "");
    fixture_close(&f);
}

static int64_t n_of(const char *run)
{
    struct bf_db *db = reader();
    uint64_t number;

    CHECK_INT(bf_run_find(db, "acme", "vision", run, &number), 0);
    bf_db_close(db);
    return (int64_t)number;
}

TEST(earlier_runs_are_those_of_the_project_that_have_the_metric)
{
    struct bf_run_value values[8];
    struct bf_db *db;
    size_t n;

    fixture_open(&f);
    point("a", "loss", 1, "1");
    point("a", "loss", 2, "2");
    point("b", "acc", 1, "5");
    point("c", "loss", 1, "\"NaN\"");
    CHECK_INT(emit(&f, "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"other\",\"run\":"
                       "{\"id\":\"a\"},\"metrics\":[{\"name\":\"loss\",\"value\":8}]}", NULL), 0);
    point("d", "loss", 1, "3");
    point("e", "loss", 1, "4");
    point("f", "loss", 1, "6");
    point("a", "loss", 3, "9");
    db = reader();
    CHECK_INT(bf_run_earlier(db, (uint64_t)n_of("e"), "loss", BF_NOW, 8, values, &n), 0);
    CHECK_INT(n, 2);
    CHECK_INT(values[0].run, n_of("d"));
    CHECK_INT(values[0].value, 3);
    CHECK_INT(values[1].run, n_of("a"));
    CHECK_INT(values[1].value, 9);
    CHECK_INT(bf_run_earlier(db, (uint64_t)n_of("e"), "loss", 9, 8, values, &n), 0);
    CHECK_INT(n, 2);
    CHECK_INT(values[1].value, 2);
    CHECK_INT(bf_run_earlier(db, (uint64_t)n_of("e"), "loss", BF_NOW, 1, values, &n), 0);
    CHECK_INT(n, 1);
    bf_db_close(db);
    fixture_close(&f);
}

/* Numbers and steps of an event that came to nothing are given to the next one. */
TEST(a_failed_commit_takes_numbers_and_steps_back)
{
    fixture_open(&f);
    point("a", "loss", 1, "1");
    bf_db_fail_commits(f.db, 0, 2);
    CHECK_INT(emit(&f, event("run.metric", "a", ",\"metrics\":[{\"name\":\"loss\",\"step\":9,"
                                                "\"value\":9},{\"name\":\"acc\",\"value\":9}]"), NULL),
              BF_EIO);
    CHECK_INT(emit(&f, event("run.metric", "b", ",\"metrics\":[{\"name\":\"loss\",\"step\":9,"
                                                "\"value\":9}]"), NULL), BF_EIO);
    point("a", "loss", 2, "2");
    point("c", "loss", 2, "5");
    CHECK_STR(tail(1, "loss", 0, 9), "2 1");
    CHECK_STR(tail(1, "acc", 0, 9), "");
    CHECK_INT(n_of("b"), 0);
    CHECK_INT(n_of("c"), 2);
    point("a", "acc", 1, "3");
    CHECK_STR(tail(1, "acc", 0, 9), "3");
    fixture_close(&f);
}

/* Two runs' points in one batch, of which one says no after it was stored. */
static int apply_and_refuse(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    int rc = apply_event(p, tx, err);

    return rc ? rc : bf_error_set(err, BF_ECONFIG, "no");
}

TEST(an_undone_piece_leaves_the_rest_of_its_batch)
{
    struct posted bad = {.apply = apply_and_refuse, .work.may_fail = true};

    fixture_open(&f);
    point("a", "loss", 1, "1");
    bad.text = "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":{\"id\":"
               "\"a\"},\"metrics\":[{\"name\":\"loss\",\"step\":9,\"value\":9},{\"name\":\"x\",\"value\":1}]}";
    CHECK_INT(post(&f, &bad), BF_ECONFIG);
    point("a", "loss", 2, "2");
    point("a", "x", 2, "7");
    CHECK_STR(tail(1, "loss", 0, 9), "2 1");
    CHECK_STR(tail(1, "x", 0, 9), "7");
    reopen();
    point("a", "x", 3, "8");
    CHECK_STR(tail(1, "x", 0, 9), "8 7");
    fixture_close(&f);
}

/* Points of three runs, by turns; the third of each comes too late. */
static int apply_by_turns(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    static const int steps[] = {1, 5, 3, 6};
    static char text[256];
    int rc = BF_OK;

    for (size_t i = 0; i < 12 && !rc; i++) {
        snprintf(text, sizeof(text), "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":"
                 "\"vision\",\"run\":{\"id\":\"%c\"},\"metrics\":[{\"name\":\"loss\",\"step\":%d,"
                 "\"value\":%d}]}", "abc"[i % 3], steps[i / 3], steps[i / 3]);
        p->text = text;
        rc = apply_event(p, tx, err);
        CHECK_INT(bf_map_count(f.bus->runs->by_key), 1);
    }
    return rc || !p->hops ? rc : bf_error_set(err, BF_ECONFIG, "no");
}

/* A batch once kept all the runs that it touched, which may be a thousand with thirty thousand
 * metrics each. */
TEST(a_batch_has_no_more_runs_in_memory_than_there_is_room_for)
{
    struct posted good = {.apply = apply_by_turns, .work.may_fail = true}, bad = good;

    fixture_open(&f);
    f.bus->runs->max_bytes = 1;
    bad.hops = 1;
    CHECK_INT(post(&f, &bad), BF_ECONFIG);
    CHECK_INT(ask("SELECT count(*) FROM runs"), 0);
    CHECK_INT(post(&f, &good), 0);
    for (uint64_t run = 1; run <= 3; run++)
        CHECK_STR(tail(run, "loss", 0, 9), "6 5 1");
    fixture_close(&f);
}

/* Or else a run that is read into memory may have 128 events of a megabyte behind its steps. */
TEST(steps_are_written_before_many_points_are_behind_them)
{
    struct bf_buf b;

    fixture_open(&f);
    point("a", "loss", 1, "1");
    CHECK_INT(ask("SELECT coalesce(series_seq, 0) FROM runs"), 0);
    bf_buf_init(&b, BF_EVENT_MAX);
    bf_buf_adds(&b, "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":"
                    "{\"id\":\"a\"},\"metrics\":[");
    for (int i = 1; i < BF_RUN_BEHIND_POINTS; i++)
        bf_buf_adds(&b, i > 1 ? ",{\"name\":\"acc\",\"value\":1}" : "{\"name\":\"acc\",\"value\":1}");
    bf_buf_adds(&b, "]}");
    CHECK_INT(emit(&f, bf_buf_text(&b), NULL), 0);
    CHECK_INT(ask("SELECT series_seq FROM runs"), 2);
    bf_buf_fini(&b);
    fixture_close(&f);
}

TEST(a_record_tells_its_run_and_which_points_are_in_order)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_record r;
    struct bf_error err;
    struct bf_db *db;

    fixture_open(&f);
    point("a", "loss", 3, "1");
    CHECK_INT(emit(&f, event("run.metric", "a", ",\"metrics\":[{\"name\":\"loss\",\"step\":4,"
                   "\"value\":4},{\"name\":\"loss\",\"step\":2,\"value\":\"NaN\"},"
                   "{\"name\":\"acc\",\"value\":0.5}]"), NULL), 0);
    db = reader();
    CHECK_INT(bf_record_read(db, bf_bus_hub(f.bus), 2, a, &r, &err), 0);
    CHECK_INT(r.run, 1);
    CHECK_INT(r.event->seq, 2);
    CHECK_INT(r.n_points, 3);
    CHECK_INT(r.points[0].step, 2);
    CHECK(!r.points[0].in_order && isnan(r.points[0].value));
    CHECK(r.points[1].in_order && r.points[2].in_order);
    CHECK_STR(r.points[2].name, "acc");
    bf_envelope_unref((struct bf_envelope *)r.event);
    CHECK_INT(bf_record_read(db, bf_bus_hub(f.bus), 3, a, &r, &err), BF_ENOENT);
    bf_db_close(db);
    bf_arena_free(a);
    fixture_close(&f);
}

TEST(records_come_in_a_row)
{
    struct bf_records *records;
    struct bf_record r;
    struct bf_error err;
    struct bf_db *db;
    uint64_t seq = 5;

    fixture_open(&f);
    for (int i = 0; i < 600; i++)
        point(i % 2 ? "a" : "b", "loss", i, "1");
    db = reader();
    records = bf_records_new(db, bf_bus_hub(f.bus), 5, 597);
    while (bf_records_next(records, &r, &err) == 1) {
        CHECK_INT(r.event->seq, seq);
        CHECK_INT(r.run, seq % 2 ? 1 : 2);
        CHECK(r.n_points == 1 && r.points[0].in_order);
        seq++;
    }
    CHECK_INT(seq, 597);
    bf_records_free(records);
    bf_db_close(db);
    fixture_close(&f);
}

TEST(a_runs_context_is_that_of_its_newest_event_that_tells_more_than_its_id)
{
    struct bf_buf context;
    struct bf_db *db;

    fixture_open(&f);
    CHECK_INT(emit(&f, "{\"type\":\"run.state\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":"
                       "{\"id\":\"a\", \"state\":\"RUNNING\",\"config\":{\"lr\":0.10}}}", NULL), 0);
    point("a", "loss", 1, "1");
    db = reader();
    bf_buf_init(&context, BF_EVENT_MAX);
    CHECK_INT(bf_run_context(db, 1, BF_NOW, &context), 0);
    CHECK_STR(context.data, "{\"id\":\"a\", \"state\":\"RUNNING\",\"config\":{\"lr\":0.10}}");
    bf_buf_clear(&context);
    CHECK_INT(bf_run_context(db, 1, 1, &context), BF_ENOENT);
    CHECK_INT(bf_run_context(db, 2, BF_NOW, &context), BF_ENOENT);
    CHECK_INT(emit(&f, event("run.heartbeat", "b", ""), NULL), 0);
    CHECK_INT(bf_run_context(db, 2, BF_NOW, &context), 0);
    CHECK_STR(context.data, "{\"id\":\"b\"}");
    bf_buf_fini(&context);
    bf_db_close(db);
    fixture_close(&f);
}

/* More metrics than are looked through one by one. */
TEST(a_run_may_have_many_metrics)
{
    fixture_open(&f);
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < 300; i++) {
            char name[32];

            snprintf(name, sizeof(name), "layer.%d", i * 7 % 300);
            point("a", name, round, round == 1 ? "1" : "2");
        }
        reopen();
    }
    point("a", "layer.299", 2, "3");
    CHECK_STR(tail(1, "layer.0", 0, 9), "2 1");
    CHECK_STR(tail(1, "layer.299", 0, 9), "2 1");
    CHECK_INT(ask("SELECT count(*) FROM run_words"), 301);   /* the first form comes with the second round */
    fixture_close(&f);
}

/* --- storage ---------------------------------------------------------------------------- */

static void check_text(uint64_t seq, const char *text)
{
    struct bf_arena *a = bf_arena_new(64 << 20);
    struct bf_db *db = reader();
    struct bf_envelope *e;
    struct bf_error err = {0};

    if (bf_journal_read(db, bf_bus_hub(f.bus), seq, a, &e, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    CHECK_STR(e->text, text);
    CHECK_INT(e->seq, seq);
    bf_envelope_unref(e);
    bf_db_close(db);
    bf_arena_free(a);
}

static char *keyed(int i)
{
    static char rest[512];

    snprintf(rest, sizeof(rest), ",\"key\":\"k%d\",\"time\":\"2026-11-23T12:00:%02dZ\",\"metrics\":["
             "{\"name\":\"loss\",\"step\":%d,\"value\":0.%d},{\"name\":\"acc\",\"step\":%d,\"value\":%de-05}]",
             i, i % 60, i, 1000 + i, i, i);
    return event("run.metric", "a", rest);
}

TEST(what_is_alike_is_stored_once_and_comes_back_byte_for_byte)
{
    fixture_open(&f);
    for (int i = 1; i <= 40; i++) {
        CHECK_INT(emit(&f, keyed(i), NULL), 0);
        if (i % 10 == 0)
            reopen();
    }
    for (int i = 1; i <= 40; i++)
        check_text((uint64_t)i, keyed(i));
    /* The first of its kind is a text; after a restart one frame is seen anew, but it is known. */
    CHECK_INT(ask("SELECT count(*) FROM journal WHERE body <> ''"), 1);
    CHECK(ask("SELECT max(length(points)) FROM journal") < 40);
    CHECK_INT(ask("SELECT count(*) FROM run_words"), 2);
    fixture_close(&f);
}

TEST(heartbeats_are_stored_in_a_few_bytes)
{
    fixture_open(&f);
    for (int i = 0; i < 5; i++)
        CHECK_INT(emit(&f, event("run.heartbeat", "a", ""), NULL), 0);
    check_text(5, event("run.heartbeat", "a", ""));
    CHECK_INT(ask("SELECT length(points) FROM journal WHERE seq = 5"), 3);
    CHECK_INT(ask("SELECT length(body) FROM journal WHERE seq = 5"), 0);
    fixture_close(&f);
}

/* The words of a failed commit are not there, and their numbers are given again. */
TEST(words_that_came_to_nothing_are_made_anew)
{
    fixture_open(&f);
    CHECK_INT(emit(&f, keyed(1), NULL), 0);
    bf_db_fail_commits(f.db, 0, 1);
    CHECK_INT(emit(&f, keyed(2), NULL), BF_EIO);
    for (int i = 0; i < 3; i++)
        CHECK_INT(emit(&f, event("run.heartbeat", "a", ""), NULL), 0);
    CHECK_INT(emit(&f, keyed(3), NULL), 0);
    CHECK_INT(emit(&f, keyed(4), NULL), 0);
    CHECK_INT(emit(&f, keyed(5), NULL), 0);
    check_text(2, event("run.heartbeat", "a", ""));
    check_text(4, event("run.heartbeat", "a", ""));
    check_text(5, keyed(3));
    check_text(7, keyed(5));
    CHECK_STR(tail(1, "acc", 0, 9), "5e-05 4e-05 3e-05 1e-05");
    fixture_close(&f);
}

TEST(a_context_that_changes_is_a_text_until_it_stays)
{
    fixture_open(&f);
    for (int i = 0; i < 30; i++) {
        char text[1024];

        snprintf(text, sizeof(text), "{\"type\":\"run.heartbeat\",\"entity\":\"acme\",\"project\":"
                 "\"vision\",\"run\":{\"id\":\"a\",\"tags\":[\"t%d\"]}}", i < 20 ? i : 20);
        CHECK_INT(emit(&f, event("run.heartbeat", "a", ""), NULL), 0);
        CHECK_INT(emit(&f, event("run.heartbeat", "a", ",\"data\":7"), NULL), 0);
        CHECK_INT(emit(&f, text, NULL), 0);
        check_text((uint64_t)(3 * i + 3), text);
    }
    CHECK_INT(ask("SELECT count(*) FROM journal WHERE body <> ''"), 23);
    fixture_close(&f);
}

/* Frames are bounded; what has others is its text. */
TEST(a_run_keeps_so_many_frames)
{
    fixture_open(&f);
    for (int i = 0; i < 300; i++) {
        char rest[64];

        snprintf(rest, sizeof(rest), ",\"data\":%d", i);
        for (int j = 0; j < 3; j++)
            CHECK_INT(emit(&f, event("run.heartbeat", "a", rest), NULL), 0);
    }
    CHECK_INT(ask("SELECT count(*) FROM run_words"), 256);
    check_text(900, event("run.heartbeat", "a", ",\"data\":299"));
    reopen();
    CHECK_INT(emit(&f, event("run.heartbeat", "a", ",\"data\":0"), NULL), 0);
    CHECK_INT(ask("SELECT length(body) FROM journal WHERE seq = 901"), 0);
    check_text(901, event("run.heartbeat", "a", ",\"data\":0"));
    fixture_close(&f);
}

/* A form of a megabyte would be kept for as long as its run, and with every other like it. */
TEST(a_metric_with_a_great_gap_is_stored_as_its_text)
{
    char rest[3000];

    fixture_open(&f);
    snprintf(rest, sizeof(rest), ",\"metrics\":[{\"name\":\"a\",%2000s\"value\":1}]", "");
    for (int i = 0; i < 3; i++)
        CHECK_INT(emit(&f, event("run.metric", "a", rest), NULL), 0);
    check_text(3, event("run.metric", "a", rest));
    CHECK(ask("SELECT length(body) FROM journal WHERE seq = 3") > 2000);
    CHECK(ask("SELECT sum(length(words)) FROM run_words") < 500);
    CHECK_STR(tail(1, "a", 0, 9), "1 1 1");
    fixture_close(&f);
}
