/* test_retention.c - what is cut, and what never is, with a clock that the test moves. */
#include "tests/unit/bus_fixture.h"

#include <stdlib.h>

#include "core/bus/journal_list.h"
#include "core/keeper/retention.h"
#include "core/outbox/blocks.h"
#include "core/outbox/history.h"

#define DAY (24 * 3600 * 1000LL)

struct keeping {
    struct fixture f;
    struct bf_retention r;
    bool more;
    int n_slices;
    int64_t slice_ms;           /* of the last one, by the real clock, without its commit */
};

static void open_all(struct keeping *k)
{
    *k = (struct keeping){.f = {.wall_ms = 1000 * DAY}};
    fixture_open(&k->f);
    bf_retention_init(&k->r, &k->f.clock, NULL);
    CHECK_INT(save(&k->f, "A1", ON_PRODUCTION("notify", "I1"), NULL), 0);
}

static void close_all(struct keeping *k)
{
    bf_retention_fini(&k->r);
    fixture_close(&k->f);
}

struct slice {
    struct posted p;
    struct keeping *k;
};

static int apply_slice(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    struct slice *s = bf_container_of(p, struct slice, p);
    int64_t began = bf_mono_ms(bf_clock_system());
    int rc = bf_retention_slice(&s->k->r, tx, &s->k->more, err);

    s->k->slice_ms = bf_mono_ms(bf_clock_system()) - began;
    return rc;
}

static int slice(struct keeping *k)
{
    struct slice s = {.p = {.apply = apply_slice}, .k = k};
    struct bf_retention_counts before = k->r.cut;
    int rc = post(&k->f, &s.p);

    k->n_slices++;
    if (rc)
        bf_retention_failed(&k->r, before);
    return rc;
}

static void pass(struct keeping *k)
{
    do
        CHECK_INT(slice(k), 0);
    while (k->more);
}

static int apply_sql(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    (void)err;
    return bf_query_run(bf_db_query(tx->db, p->text));
}

static void sql(struct keeping *k, const char *text)
{
    struct posted p = {.apply = apply_sql, .text = text};

    CHECK_INT(post(&k->f, &p), 0);
}

static int64_t ask(struct keeping *k, const char *text)
{
    struct bf_db *db;
    struct bf_error err;
    struct bf_query *q;
    int64_t n;

    CHECK_INT(bf_db_open(k->f.path, BF_DB_READ, &db, &err), 0);
    q = bf_db_query(db, text);
    n = bf_query_step(q) == 1 ? bf_query_col_int(q, 0) : -1;
    bf_query_end(q);
    bf_db_close(db);
    return n;
}

static void events(struct keeping *k, int n)
{
    for (int i = 0; i < n; i++)
        CHECK_INT(emit(&k->f, ALIAS_EVENT("production", ""), NULL), 0);
}

#define EXECUTIONS(where) "SELECT count(*) FROM executions WHERE " where
#define EVENTS(where)     "SELECT count(*) FROM journal WHERE " where

TEST(what_is_old_goes_with_its_attempts_and_what_is_not_stays)
{
    struct keeping k;

    open_all(&k);
    events(&k, 300);
    sql(&k, "UPDATE executions SET status = 2, attempts = 1");
    sql(&k, "INSERT INTO attempts (place, outcome, http_status, started, duration)"
            " SELECT number * 1024 + 1, 0, 200, 0, 0 FROM executions");
    k.f.wall_ms += 50 * DAY;
    events(&k, 10);
    sql(&k, "UPDATE executions SET status = 2");
    k.r.kept_ms = 90 * DAY;
    k.f.wall_ms += 39 * DAY;
    pass(&k);
    CHECK_INT(ask(&k, EXECUTIONS("1")), 310);
    k.f.wall_ms += 2 * DAY;
    pass(&k);
    CHECK_INT(ask(&k, EXECUTIONS("1")), 10);
    CHECK_INT(ask(&k, "SELECT count(*) FROM attempts"), 0);
    CHECK_INT(ask(&k, EVENTS("type = 'artifact.alias.add'")), 10);
    CHECK_INT(k.r.cut.executions, 300);
    CHECK_INT(k.r.cut.events, 300);
    pass(&k);
    CHECK_INT(k.r.cut.executions, 300);
    close_all(&k);
}

TEST(what_waits_stays_with_its_event_however_old)
{
    struct keeping k;

    open_all(&k);
    events(&k, 200);
    sql(&k, "UPDATE executions SET status = 2 WHERE number % 50 <> 0");
    sql(&k, "UPDATE executions SET status = 1 WHERE number = 100");
    k.f.wall_ms += 100 * DAY;
    events(&k, 1);
    k.r.kept_ms = DAY;
    pass(&k);
    CHECK_INT(ask(&k, EXECUTIONS("number <= 200")), 4);
    CHECK_INT(ask(&k, EXECUTIONS("number <= 200 AND event IN (SELECT seq FROM journal)")), 4);
    CHECK_INT(ask(&k, EVENTS("type = 'artifact.alias.add'")), 5);
    sql(&k, "UPDATE executions SET status = 2");
    pass(&k);
    CHECK_INT(ask(&k, EXECUTIONS("number <= 200")), 0);
    CHECK_INT(ask(&k, EVENTS("type = 'artifact.alias.add'")), 1);
    close_all(&k);
}

/* What was sent again waits as a new execution for an old event. */
TEST(the_event_of_what_was_sent_again_stays_while_it_waits)
{
    struct keeping k;

    open_all(&k);
    events(&k, 20);
    k.f.wall_ms += 100 * DAY;
    events(&k, 1);
    sql(&k, "UPDATE executions SET status = 3");
    sql(&k, "UPDATE executions SET status = 0, resend_of = 'first', event = 7,"
            " event_received = 1 WHERE number = 21");
    k.r.kept_ms = DAY;
    pass(&k);
    CHECK_INT(ask(&k, EVENTS("seq = 7")), 1);
    CHECK_INT(ask(&k, EVENTS("type = 'artifact.alias.add'")), 2);
    close_all(&k);
}

struct resending {
    struct posted p;
    struct bf_execution *x;
    bool resent;
};

static int apply_resend(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    struct resending *r = bf_container_of(p, struct resending, p);

    return bf_bus_resend(tx, r->x, BF_STATUS_BIT(BF_FAILED), false, &r->resent, err);
}

/* Execution 1, as somebody reads it who wants it sent again. */
static struct bf_execution *read_first(struct keeping *k)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_execution *x = bf_execution_new();
    struct bf_error err;
    struct bf_db *db;

    x->number = 1;
    x->trigger = "ADD_ARTIFACT_ALIAS";
    snprintf(x->id, sizeof(x->id), "%s", "first");
    CHECK_INT(bf_db_open(k->f.path, BF_DB_READ, &db, &err), 0);
    CHECK_INT(bf_journal_read(db, 1, 2, a, &x->event, &err), 0);
    CHECK_INT(bf_automation_read(db, 1, &x->automation, &err), 0);
    bf_db_close(db);
    bf_arena_free(a);
    return x;
}

/* It could not be read back where a retry or a restart needs it. */
TEST(what_lost_its_event_while_it_was_to_be_sent_again_is_not)
{
    struct keeping k;
    struct resending r = {.p = {.apply = apply_resend}};

    open_all(&k);
    events(&k, 1);
    sql(&k, "UPDATE executions SET status = 3");
    r.x = read_first(&k);
    CHECK_INT(post(&k.f, &r.p), 0);
    CHECK(r.resent);
    bf_execution_unref(r.x);
    sql(&k, "UPDATE executions SET status = 3");
    r = (struct resending){.p = {.apply = apply_resend}, .x = read_first(&k)};
    k.f.wall_ms += 100 * DAY;
    events(&k, 1);
    k.r.kept_ms = DAY;
    sql(&k, "UPDATE executions SET created = created + 8640000000 WHERE number = 1");
    pass(&k);
    CHECK_INT(post(&k.f, &r.p), 0);
    CHECK(!r.resent);
    CHECK_INT(ask(&k, EXECUTIONS("event NOT IN (SELECT seq FROM journal) AND status = 0")), 0);
    bf_execution_unref(r.x);
    close_all(&k);
}

TEST(keys_are_remembered_for_eight_days_whatever_is_kept)
{
    struct keeping k;
    struct bf_receipt receipt;

    open_all(&k);
    k.r.kept_ms = DAY;
    CHECK_INT(emit(&k.f, ALIAS_EVENT("x", ",\"key\":\"one\""), NULL), 0);
    for (int i = 0; i < 1200; i++) {
        char text[200];

        snprintf(text, sizeof(text), ALIAS_EVENT("x", ",\"key\":\"k%d\""), i);
        CHECK_INT(emit(&k.f, text, NULL), 0);
    }
    k.f.wall_ms += 7 * DAY;
    events(&k, 1);
    pass(&k);
    CHECK_INT(ask(&k, EVENTS("type = 'artifact.alias.add'")), 1);
    CHECK_INT(emit(&k.f, ALIAS_EVENT("x", ",\"key\":\"one\""), &receipt), 0);
    CHECK(receipt.duplicate);
    CHECK_INT(emit(&k.f, ALIAS_EVENT("x", ",\"key\":\"new\""), NULL), 0);
    k.f.wall_ms += 2 * DAY;
    pass(&k);
    CHECK_INT(ask(&k, "SELECT count(*) FROM event_keys"), 1);
    CHECK_INT(k.r.cut.keys, 1201);
    CHECK_INT(emit(&k.f, ALIAS_EVENT("x", ",\"key\":\"one\""), &receipt), 0);
    CHECK(!receipt.duplicate);
    close_all(&k);
}

TEST(the_record_of_the_revision_in_force_stays)
{
    struct keeping k;

    open_all(&k);
    CHECK_INT(save(&k.f, "A1", ON_PRODUCTION("renamed", "I1"), NULL), 0);
    k.f.wall_ms += 100 * DAY;
    events(&k, 1);
    k.r.kept_ms = DAY;
    pass(&k);
    CHECK_INT(ask(&k, EVENTS("type = 'belfry.automation.saved'")), 1);
    CHECK_INT(ask(&k, "SELECT count(*) FROM journal j JOIN automations a ON a.revision = j.seq"), 1);
    CHECK_INT(ask(&k, "SELECT count(*) FROM automation_revisions"), 2);
    close_all(&k);
}

static int apply_sift(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    unsigned n;

    (void)p;
    (void)err;
    CHECK_INT(bf_blocks_sift(tx->db, &bf_execution_blocks, 1000, &n), 0);
    return bf_blocks_sift(tx->db, &bf_journal_blocks, 1000, &n);
}

static bool count_event(void *arg, uint64_t seq)
{
    (void)seq;
    return ++*(int *)arg <= 1000;
}

/* The record of the automation is never cut, and the first execution waits for years. */
TEST(what_stays_for_ever_keeps_nothing_that_tells_of_others)
{
    struct posted sift = {.apply = apply_sift};
    struct bf_journal_query all = {.entity = NULL};
    struct keeping k;
    uint64_t next;
    int n = 0;

    open_all(&k);
    events(&k, 600);
    sql(&k, "UPDATE executions SET status = 2 WHERE number > 1");
    CHECK_INT(post(&k.f, &sift), 0);
    CHECK_INT(ask(&k, "SELECT count(*) FROM execution_blocks"), 4);
    CHECK_INT(ask(&k, "SELECT count(*) FROM journal_blocks"), 4);
    k.f.wall_ms += 100 * DAY;
    sql(&k, "UPDATE journal SET seq = seq + 5000000 WHERE seq = 601");
    k.r.kept_ms = DAY;
    pass(&k);
    CHECK_INT(ask(&k, EXECUTIONS("1")), 2);
    CHECK_INT(ask(&k, EVENTS("1")), 3);
    CHECK_INT(ask(&k, "SELECT count(*) FROM execution_blocks"), 2);  /* its own, and the last */
    CHECK_INT(ask(&k, "SELECT count(*) FROM journal_blocks"), 2);
    CHECK_INT(bf_journal_list(k.f.db, &all, count_event, &n, &next), 0);
    CHECK_INT(n, 3);
    CHECK_INT(next, 0);         /* and the gap makes no page short */
    close_all(&k);
}

static int apply_delete(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    return bf_bus_delete_automation(tx, p->text, "ana", err);
}

TEST(a_deleted_automation_uses_nothing_and_leaves_its_name)
{
    struct posted p = {.apply = apply_delete, .text = "A1"};
    struct keeping k;

    open_all(&k);
    CHECK_INT(ask(&k, "SELECT count(*) FROM automation_uses"), 1);
    CHECK_INT(post(&k.f, &p), 0);
    CHECK_INT(ask(&k, "SELECT count(*) FROM automation_uses"), 0);
    CHECK_INT(ask(&k, "SELECT count(*) FROM automations_deleted"), 1);
    close_all(&k);
}

/* Numbers are made from the last one that is there: it must be, or ids would come twice. */
TEST(the_newest_of_each_stays_and_numbers_go_on_after_a_restart)
{
    struct bf_bus_hooks hooks = {0};
    struct bf_error err;
    struct keeping k;

    open_all(&k);
    events(&k, 40);
    sql(&k, "UPDATE executions SET status = 2");
    k.f.wall_ms += 100 * DAY;
    k.r.kept_ms = DAY;
    pass(&k);
    CHECK_INT(ask(&k, "SELECT max(number) FROM executions"), 40);
    CHECK_INT(ask(&k, "SELECT max(seq) FROM journal"), 41);
    bf_bus_close(k.f.bus);
    CHECK_INT(bf_bus_open(k.f.db, &k.f.clock, NULL, &hooks, &k.f.bus, &err), 0);
    CHECK_INT(bf_bus_start(k.f.bus, &err), 0);
    events(&k, 1);
    CHECK_INT(ask(&k, "SELECT max(number) FROM executions"), 41);
    CHECK_INT(ask(&k, "SELECT max(seq) FROM journal"), 42);
    close_all(&k);
}

static int64_t size_of(struct keeping *k)
{
    struct bf_db *db;
    struct bf_error err;
    int64_t bytes = 0;

    CHECK_INT(bf_db_open(k->f.path, BF_DB_READ, &db, &err), 0);
    CHECK_INT(bf_db_size(db, &bytes), 0);
    bf_db_close(db);
    return bytes;
}

/* One alias event of `fill` bytes. */
static void long_event(struct keeping *k, size_t fill)
{
    char *text = bf_zalloc(fill + 300), *at = text;

    at += sprintf(at, "%s", "{\"type\":\"artifact.alias.add\",\"entity\":\"acme\",\"project\":"
                            "\"vision\",\"collection\":\"resnet\",\"alias\":\"production\","
                            "\"data\":\"");
    memset(at, 'x', fill);
    strcpy(at + fill, "\"}");
    CHECK_INT(emit(&k->f, text, NULL), 0);
    free(text);
}

TEST(a_database_that_is_too_large_loses_its_oldest_until_it_is_not)
{
    struct keeping k;
    int64_t before, left;

    open_all(&k);
    for (int i = 0; i < 1000; i++) {
        k.f.wall_ms += 1000;
        long_event(&k, 3000);
    }
    sql(&k, "UPDATE executions SET status = 2");
    before = size_of(&k);
    k.r.max_bytes = before * 2;
    pass(&k);
    CHECK_INT(k.r.cut.executions, 0);
    k.r.max_bytes = before / 2;
    pass(&k);
    CHECK(size_of(&k) <= before / 2);
    left = ask(&k, EXECUTIONS("1"));
    CHECK(left > 300 && left < 600);            /* and not more than needed */
    CHECK_INT(ask(&k, "SELECT max(number) - min(number) + 1 FROM executions"), left);
    CHECK_INT(ask(&k, "SELECT max(number) FROM executions"), 1000);
    CHECK(llabs(ask(&k, EVENTS("type = 'artifact.alias.add'")) - left) < 3);
    /* What was given back is used again: as much once more does not make the file larger. */
    before = ask(&k, "SELECT page_count FROM pragma_page_count");
    for (int i = 0; i < 300; i++)
        long_event(&k, 3000);
    CHECK_INT(ask(&k, "SELECT page_count FROM pragma_page_count"), before);
    close_all(&k);
}

static void count_line(void *arg, int level, const char *line)
{
    (void)level;
    (void)line;
    ++*(int *)arg;
}

/* After years the record of an automation stands far before the oldest event that is left. */
TEST(what_is_never_cut_does_not_slow_the_others_down)
{
    struct keeping k;
    int n_passes = 0;

    open_all(&k);
    k.r.log = bf_log_new(BF_LOG_INFO, count_line, &n_passes);
    for (int i = 0; i < 300; i++) {
        k.f.wall_ms += 1000;
        long_event(&k, 10000);
    }
    sql(&k, "UPDATE executions SET status = 2 WHERE number > 1");
    sql(&k, "UPDATE executions SET number = number + 1000000 WHERE number > 1");
    sql(&k, "UPDATE journal SET seq = seq + 1000000 WHERE seq > 2");
    k.r.max_bytes = size_of(&k) / 2;
    pass(&k);
    CHECK(size_of(&k) <= k.r.max_bytes);
    CHECK(n_passes < 70);               /* each of them cuts a 64th, not one event */
    CHECK_INT(ask(&k, EXECUTIONS("number = 1")), 1);
    bf_log_free(k.r.log);
    close_all(&k);
}

TEST(a_pass_that_is_broken_off_does_no_harm)
{
    struct keeping k;

    open_all(&k);
    events(&k, 500);
    sql(&k, "UPDATE executions SET status = 2");
    k.f.wall_ms += 100 * DAY;
    events(&k, 1);
    k.r.kept_ms = DAY;
    bf_db_fail_commits(k.f.db, 0, 1);
    CHECK_INT(slice(&k), BF_EIO);
    CHECK_INT(k.r.cut.executions, 0);
    CHECK_INT(ask(&k, EXECUTIONS("1")), 501);
    pass(&k);
    CHECK_INT(k.r.cut.executions, 500);
    CHECK_INT(ask(&k, EXECUTIONS("1")), 1);
    close_all(&k);
}

struct found {
    int n;
    bool gone;
};

static void on_row(void *arg, const struct bf_history_row *row)
{
    struct found *f = arg;

    f->n++;
    CHECK_STR(row->automation_name, "notify");
    CHECK_STR(row->project, "vision");
}

/* An execution is longer there than its event if it was sent again, or if somebody's clock jumped:
 * it says what it was all the same. */
TEST(an_execution_whose_event_is_gone_is_still_listed)
{
    struct keeping k;
    struct bf_db *db;
    struct bf_error err;
    struct found found = {0};
    struct bf_history_query query = {.row = on_row, .arg = &found, .limit = 10};
    uint64_t next;

    open_all(&k);
    events(&k, 3);
    sql(&k, "DELETE FROM journal WHERE type = 'artifact.alias.add'");
    CHECK_INT(bf_db_open(k.f.path, BF_DB_READ, &db, &err), 0);
    CHECK_INT(bf_history_list(db, &query, &next), 0);
    CHECK_INT(found.n, 3);
    bf_db_close(db);
    close_all(&k);
}

/* The real clock: no slice holds the engine up for long. */
TEST(a_slice_is_short)
{
    struct keeping k;
    int64_t longest = 0;

    open_all(&k);
    for (int i = 0; i < 20; i++)
        sql(&k, "INSERT INTO executions (number, entity, event, automation, revision, action,"
                " integration, trigger_name, status, attempts, created, due, first_attempt,"
                " finished) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"
                " WHERE n < 1000) SELECT (SELECT ifnull(max(number), 0) FROM executions) + n,"
                " 'acme', 1, 'A1', 1, 0, 'I1', 'LINK_MODEL', 2, 1, 5, 5, 5, 5 FROM c");
    sql(&k, "INSERT INTO attempts (place, outcome, http_status, started, duration, response)"
            " SELECT number * 1024 + 1, 0, 200, 0, 0, zeroblob(3000) FROM executions");
    k.r.clock = bf_clock_system();
    k.r.kept_ms = DAY;
    do {
        int64_t began = bf_mono_ms(bf_clock_system());

        CHECK_INT(slice(&k), 0);
        began = bf_mono_ms(bf_clock_system()) - began;
        if (began > longest)
            longest = began;
    } while (k.more);
    CHECK_INT(ask(&k, EXECUTIONS("1")), 1);
    CHECK(k.n_slices > 3);
    CHECK(longest < 500);       /* slow machines, sanitizers: that it is cut into slices at all */
    close_all(&k);
}

/* In ms, by the real clock. */
static int64_t took(struct keeping *k, const char *text)
{
    int64_t began = bf_mono_ms(bf_clock_system());

    ask(k, text);
    return bf_mono_ms(bf_clock_system()) - began;
}

TEST(a_pass_by_size_begins_without_looking_at_every_row)
{
    struct keeping k;
    int64_t all;

    open_all(&k);
    sql(&k, "INSERT INTO executions (number, entity, event, automation, revision, action,"
            " integration, trigger_name, status, attempts, created, due, first_attempt, finished)"
            " WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 200000)"
            " SELECT n, 'acme', 1, 'A1', 1, 0, 'I1', 'LINK_MODEL', 0, 1, n, 5, 5, 5 FROM c");
    sql(&k, "INSERT INTO journal (seq, entity, type, received, hops, body)"
            " SELECT number + 1, entity, 'x', created, 0, '{}' FROM executions");
    k.r.clock = bf_clock_system();
    k.r.max_bytes = 1;
    all = took(&k, "SELECT sum(status) FROM executions") + took(&k, "SELECT sum(hops) FROM journal");
    CHECK_INT(slice(&k), 0);
    CHECK(k.slice_ms < all / 2 + 15);   /* it does 10 ms of work then */
    close_all(&k);
}

/* --- runs ------------------------------------------------------------------------------- */

static void say(struct keeping *k, const char *run, const char *state, double loss)
{
    char text[512];

    if (state)
        snprintf(text, sizeof(text), "{\"type\":\"run.state\",\"entity\":\"acme\",\"project\":\"vision\","
                 "\"run\":{\"id\":\"%s\",\"state\":\"%s\"}}", run, state);
    else
        snprintf(text, sizeof(text), "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
                 "\"run\":{\"id\":\"%s\"},\"metrics\":[{\"name\":\"loss\",\"value\":%g}]}", run, loss);
    CHECK_INT(emit(&k->f, text, NULL), 0);
}

static int64_t events_of(struct keeping *k, int run)
{
    char text[100];

    snprintf(text, sizeof(text), "SELECT count(*) FROM journal WHERE run = %d", run);
    return ask(k, text);
}

TEST(points_of_live_runs_stay_and_those_of_others_go)
{
    struct keeping k;

    open_all(&k);
    k.r.kept_ms = 90 * DAY;
    for (int i = 0; i < 100; i++) {
        say(&k, "live", NULL, i);
        say(&k, "finished", NULL, i);
        say(&k, "silent", NULL, i);
        say(&k, "crashed", NULL, i);
    }
    say(&k, "finished", "FINISHED", 0);
    say(&k, "silent", "RUNNING", 0);
    say(&k, "live", "RUNNING", 0);
    say(&k, "crashed", "CRASHED", 0);
    k.f.wall_ms += 60 * DAY;
    say(&k, "live", NULL, 100);
    say(&k, "crashed", NULL, 100);
    say(&k, "finished", "FINISHED", 0);
    k.f.wall_ms += 60 * DAY;
    pass(&k);
    CHECK_INT(events_of(&k, 1), 101);
    CHECK_INT(events_of(&k, 2), 1);
    CHECK_INT(events_of(&k, 3), 0);
    CHECK_INT(events_of(&k, 4), 102);           /* it came back, which was told as well */
    CHECK_INT(ask(&k, "SELECT count(*) FROM runs"), 3);
    CHECK_INT(ask(&k, "SELECT count(*) FROM run_words WHERE run = 3"), 0);
    CHECK(ask(&k, "SELECT count(*) FROM run_words WHERE run = 1") > 0);
    close_all(&k);
}

/* What was kept of a run in memory goes as well. */
TEST(a_run_that_was_cut_and_comes_back_is_another)
{
    struct keeping k;

    open_all(&k);
    k.r.kept_ms = 90 * DAY;
    for (int i = 0; i < 3; i++) {
        say(&k, "a", NULL, i);
        say(&k, "b", NULL, i);
    }
    k.f.wall_ms += 100 * DAY;
    events(&k, 1);
    pass(&k);
    CHECK_INT(ask(&k, "SELECT count(*) FROM runs"), 1);         /* the newest one's number */
    for (int i = 0; i < 3; i++)
        say(&k, "a", NULL, i);
    CHECK_INT(events_of(&k, 1), 0);
    CHECK_INT(events_of(&k, 3), 3);
    CHECK_INT(ask(&k, "SELECT length(body) FROM journal ORDER BY seq DESC LIMIT 1"), 0);
    close_all(&k);
}
