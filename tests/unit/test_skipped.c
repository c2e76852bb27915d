/* test_skipped.c - what limits suppressed: folded, counted, and where a row ends. */
#include "core/outbox/skipped.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/outbox/cut.h"
#include "core/outbox/history.h"

#define SPEC                                                                                 \
    "{\"name\":\"n\",\"scope\":{\"entity\":\"acme\"},\"event\":{\"type\":\"ci.done\"},"         \
    "\"actions\":[{\"integration\":\"I\",\"config\":{}},{\"integration\":\"J\",\"config\":{}}]}"
#define A "01ARZ3NDEKTSV4RRFFQ69G5FAV"

struct scene {
    struct bf_db *db;
    struct bf_suppressions *s;
    struct bf_automation *automation;
    uint64_t last;
    int64_t now_ms;
    uint64_t seq;
};

static struct scene open_scene(void)
{
    struct scene s = {.now_ms = 1000000, .s = bf_suppressions_new()};
    struct bf_error err = {0};
    char path[200];

    snprintf(path, sizeof(path), "%s/test.db", test_dir());
    CHECK_INT(bf_db_open(path, BF_DB_WRITE, &s.db, &err), 0);
    CHECK_INT(bf_db_migrate(s.db, "outbox", bf_outbox_schema, &err), 0);
    if (bf_automation_parse(SPEC, strlen(SPEC), A, 7, NULL, &s.automation, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    s.automation->era = 7;
    return s;
}

static void close_scene(struct scene *s)
{
    bf_suppressions_free(s->s);
    bf_automation_unref(s->automation);
    bf_db_close(s->db);
}

/* An event is suppressed for a run; its facts tell its number. */
static void suppress(struct scene *s, uint64_t run, const char *reason, int64_t until_ms)
{
    static const char text[] = "{\"type\":\"ci.done\",\"entity\":\"acme\"}";
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_envelope *e;
    char facts[64];

    CHECK_INT(bf_envelope_parse(a, text, strlen(text), BF_FROM_OUTSIDE, &e, NULL), 0);
    e->seq = ++s->seq;
    e->received_ms = s->now_ms;
    snprintf(facts, sizeof(facts), "{\"step\":%d}", (int)e->seq);
    bf_outbox_suppress(s->s, &(struct bf_suppressed){
                                 .automation = s->automation, .trigger = "ci.done", .event = e,
                                 .run = run, .reason = reason, .until_ms = until_ms,
                                 .facts = facts, .facts_len = strlen(facts)});
    bf_envelope_unref(e);
    bf_arena_free(a);
}

static void write_all(struct scene *s)
{
    CHECK_INT(bf_outbox_write_suppressed(s->s, s->db, s->now_ms, &s->last, NULL, NULL), 0);
}

/* Its texts are gone behind this. */
static void on_row(void *arg, const struct bf_history_row *row)
{
    CHECK(bf_history_is_suppressed(row));
    *(struct bf_history_row *)arg = *row;
}

static int64_t field(struct scene *s, uint64_t number, const char *sql)
{
    struct bf_query *q = bf_db_query(s->db, sql);
    int64_t value;

    bf_query_int(q, 1, (int64_t)number);
    value = bf_query_step(q) == 1 ? bf_query_col_int(q, 0) : -1;
    bf_query_end(q);
    return value;
}

static int64_t counted(struct scene *s, uint64_t number)
{
    return field(s, number, "SELECT firings FROM executions WHERE number = ?");
}

static void note_hooks(void *arg, const struct bf_history_row *row)
{
    snprintf(arg, 200, "%s %s", row->reason, row->hooks ? row->hooks : "none");
}

TEST(a_row_of_failures_has_what_the_script_said_last)
{
    static const char text[] = "{\"type\":\"ci.done\",\"entity\":\"acme\"}";
    struct bf_answer said[] = {{BF_SAID_FAILED, "5c41", "f.lua:1: first"},
                               {BF_SAID_FAILED, "5c42", "f.lua:2: \"second\"\nat 2"}};
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct scene s = open_scene();
    struct bf_envelope *e;
    char hooks[200];

    CHECK_INT(bf_envelope_parse(a, text, strlen(text), BF_FROM_OUTSIDE, &e, NULL), 0);
    for (size_t i = 0; i < BF_COUNT(said); i++) {
        bf_outbox_suppress(s.s, &(struct bf_suppressed){.automation = s.automation, .trigger = "ci.done",
                                                        .event = e, .reason = BF_HOOK_FAILED,
                                                        .answer = said[i]});
        write_all(&s);
    }
    CHECK_INT(counted(&s, 1), 2);
    CHECK_INT(bf_history_read(s.db, 1, note_hooks, hooks), 0);
    CHECK_STR(hooks, "hook_failed {\"filter\":{\"script\":\"5c42\",\"said\":\"failed\","
                     "\"words\":\"f.lua:2: \\\"second\\\"\\nat 2\"}}");
    suppress(&s, 0, "cooldown", 0);
    write_all(&s);
    CHECK_INT(bf_history_read(s.db, 2, note_hooks, hooks), 0);
    CHECK_STR(hooks, "cooldown none");
    bf_envelope_unref(e);
    bf_arena_free(a);
    close_scene(&s);
}

TEST(firings_of_a_batch_are_one_row_with_the_newest_event_and_facts)
{
    struct scene s = open_scene();
    struct bf_history_row row;

    for (int i = 0; i < 37; i++)
        suppress(&s, 4, "fire_limit_24h", 5000000);
    write_all(&s);
    CHECK_INT(s.last, 1);
    CHECK_INT(bf_history_read(s.db, 1, on_row, &row), 0);
    CHECK_INT(row.status, BF_SKIPPED);
    CHECK_INT(row.firings, 37);
    CHECK_INT(row.run_number, 4);
    CHECK_INT(row.event, 37);
    CHECK_INT(row.last_event, 37);
    CHECK_INT(row.created_ms, 1000000);
    CHECK_INT(row.until_ms, 5000000);
    CHECK_INT(field(&s, 37, "SELECT 1 FROM executions WHERE reason = 'fire_limit_24h' AND facts ="
                            " '{\"step\":' || ? || '}' AND delayed_by IS NULL"), 1);
    close_scene(&s);
}

TEST(the_row_goes_on_until_the_limit_ends)
{
    struct scene s = open_scene();
    struct bf_history_row row;

    suppress(&s, 4, "cooldown", 1060000);
    write_all(&s);
    s.now_ms = 1059999;
    suppress(&s, 4, "cooldown", 1060000);
    suppress(&s, 4, "cooldown", 1060000);
    write_all(&s);
    CHECK_INT(s.last, 1);
    CHECK_INT(counted(&s, 1), 3);
    CHECK_INT(bf_history_read(s.db, 1, on_row, &row), 0);
    CHECK_INT(row.event, 1);
    CHECK_INT(row.last_event, 3);
    CHECK_INT(row.created_ms, 1000000);
    CHECK_INT(row.last_ms, 1059999);
    s.now_ms = 1060000;
    suppress(&s, 4, "cooldown", 1120000);
    write_all(&s);
    CHECK_INT(s.last, 2);
    CHECK_INT(counted(&s, 1), 3);
    CHECK_INT(counted(&s, 2), 1);
    close_scene(&s);
}

TEST(each_run_reason_and_era_has_its_own)
{
    struct scene s = open_scene();

    suppress(&s, 4, "fire_limit_24h", 9000000);
    suppress(&s, 5, "fire_limit_24h", 9000000);
    suppress(&s, 4, "cooldown", 9000000);
    suppress(&s, 0, "cooldown", 9000000);
    suppress(&s, 4, "fire_limit_24h", 9000000);
    write_all(&s);
    CHECK_INT(s.last, 4);
    CHECK_INT(counted(&s, 1), 2);
    s.automation->era = 9;
    suppress(&s, 4, "fire_limit_24h", 9000000);
    write_all(&s);
    CHECK_INT(s.last, 5);
    CHECK_INT(counted(&s, 1), 2);
    close_scene(&s);
}

TEST(a_firing_for_the_run_ends_its_rows_and_no_others)
{
    struct scene s = open_scene();

    suppress(&s, 4, "fire_limit_24h", 9000000);
    suppress(&s, 5, "fire_limit_24h", 9000000);
    write_all(&s);
    CHECK_INT(bf_outbox_end_skipped(s.db, s.automation, 4), 0);
    suppress(&s, 4, "fire_limit_24h", 9000000);
    suppress(&s, 5, "fire_limit_24h", 9000000);
    write_all(&s);
    CHECK_INT(s.last, 3);
    CHECK_INT(counted(&s, 1), 1);
    CHECK_INT(counted(&s, 2), 2);
    CHECK_INT(counted(&s, 3), 1);
    close_scene(&s);
}

TEST(a_limit_that_ends_later_keeps_the_row_open_longer)
{
    struct scene s = open_scene();
    struct bf_history_row row;

    suppress(&s, 4, "alert_wait", 1090000);
    write_all(&s);
    suppress(&s, 4, "alert_wait", 1030000);
    write_all(&s);
    CHECK_INT(bf_history_read(s.db, 1, on_row, &row), 0);
    CHECK_INT(row.until_ms, 1090000);
    suppress(&s, 4, "loop", 0);
    write_all(&s);
    s.now_ms += 100000000;
    suppress(&s, 4, "loop", 0);
    write_all(&s);
    CHECK_INT(s.last, 2);
    CHECK_INT(counted(&s, 2), 2);
    CHECK_INT(bf_history_read(s.db, 2, on_row, &row), 0);
    CHECK_INT(row.until_ms, 0);
    close_scene(&s);
}

TEST(what_retention_has_cut_is_begun_anew)
{
    struct scene s = open_scene();
    uint64_t from = 0;
    unsigned n;
    bool more;

    suppress(&s, 4, "fire_limit_24h", INT64_MAX);
    write_all(&s);
    suppress(&s, 5, "fire_limit_24h", INT64_MAX);
    write_all(&s);
    CHECK_INT(bf_outbox_cut(s.db, s.now_ms + 1, 100, &from, &n, &more), 0);
    CHECK_INT(n, 1);            /* the newest stays */
    suppress(&s, 4, "fire_limit_24h", INT64_MAX);
    suppress(&s, 5, "fire_limit_24h", INT64_MAX);
    write_all(&s);
    CHECK_INT(s.last, 3);
    CHECK_INT(counted(&s, 2), 2);
    CHECK_INT(counted(&s, 3), 1);
    CHECK_INT(bf_outbox_cut_blocks(s.db), 0);
    CHECK_INT(field(&s, 1, "SELECT count(*) FROM open_skipped WHERE number >= ?"), 2);
    close_scene(&s);
}

TEST(what_is_dropped_was_never_suppressed)
{
    struct scene s = open_scene();

    suppress(&s, 4, "cooldown", 9000000);
    bf_suppressions_drop(s.s);
    write_all(&s);
    CHECK_INT(s.last, 0);
    suppress(&s, 4, "cooldown", 9000000);
    write_all(&s);
    CHECK_INT(s.last, 1);
    CHECK_INT(counted(&s, 1), 1);
    close_scene(&s);
}
