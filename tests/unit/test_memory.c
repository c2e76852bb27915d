/* test_memory.c - what the rules remember: on disk with the records that changed it, undone with
 * them, read back as of any of them, and cut when nobody can ask for it. */
#include "core/bus/memory.h"
#include "core/bus/automation_list.h"
#include "core/rules/memory_keys.h"
#include "tests/unit/bus_fixture.h"

#define DAY (24 * 3600 * 1000LL)

#define ON_LOSS(name, threshold, more)                                                           \
    "{\"name\":\"" name "\",\"scope\":{\"entity\":\"acme\",\"project\":\"vision\"},"             \
    "\"event\":{\"type\":\"RUN_METRIC\",\"filter\":{\"run_filter\":{\"$and\":[]},"               \
    "\"run_metric_filter\":{\"threshold_filter\":{\"name\":\"loss\",\"agg_op\":\"AVERAGE\","     \
    "\"window_size\":2,\"cmp_op\":\"$lt\",\"threshold\":" threshold "}}}},"                      \
    "\"actions\":[{\"integration\":\"I1\",\"config\":{}}]" more "}"
#define LOSS(value)                                                                              \
    "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":{\"id\":\"r\"}," \
    "\"metrics\":[{\"name\":\"loss\",\"value\":" value "}]}"

static int64_t count(struct fixture *f, const char *sql)
{
    struct bf_db *db;
    struct bf_error err;
    int64_t n;

    CHECK_INT(bf_db_open(f->path, BF_DB_READ, &db, &err), 0);
    struct bf_query *q = bf_db_query(db, sql);
    CHECK_INT(bf_query_step(q), 1);
    n = bf_query_col_int(q, 0);
    bf_query_end(q);
    bf_db_close(db);
    return n;
}

static int64_t pending(struct fixture *f)
{
    return count(f, "SELECT count(*) FROM executions WHERE status = 0");
}

/* Executions that were made for it and want work: none are of what limits suppressed. */
static int64_t fired(struct fixture *f, const char *text)
{
    int64_t before = pending(f);

    CHECK_INT(emit(f, text, NULL), 0);
    return pending(f) - before;
}

TEST(a_window_and_the_limit_of_24_hours_outlive_a_restart)
{
    struct fixture f = {.wall_ms = 1000 * DAY};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON_LOSS("a", "0.5", ""), NULL), 0);
    CHECK_INT(fired(&f, LOSS("0.2")), 0);
    fixture_close(&f);
    fixture_open(&f);
    CHECK_INT(fired(&f, LOSS("0.4")), 1);
    fixture_close(&f);
    fixture_open(&f);
    f.wall_ms += DAY - 1;
    CHECK_INT(fired(&f, LOSS("0.4")), 0);
    f.wall_ms++;
    CHECK_INT(fired(&f, LOSS("0.4")), 1);
    fixture_close(&f);
}

TEST(what_a_failed_commit_remembered_is_forgotten)
{
    struct fixture f = {.wall_ms = 1000 * DAY};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON_LOSS("a", "0.5", ""), NULL), 0);
    CHECK_INT(fired(&f, LOSS("0.2")), 0);
    bf_db_fail_commits(f.db, 0, 2);
    CHECK_INT(emit(&f, LOSS("0.3"), NULL), BF_EIO);
    CHECK_INT(emit(&f, LOSS("9"), NULL), BF_EIO);
    CHECK_INT(count(&f, "SELECT count(*) FROM rule_state"), 0);
    CHECK_INT(fired(&f, LOSS("0.4")), 1);       /* of 0.2 and 0.4 */
    CHECK_INT(fired(&f, LOSS("0.4")), 0);
    fixture_close(&f);
}

static int emit_and_fail(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    int rc = apply_event(p, tx, err);

    return rc ? rc : bf_error_set(err, BF_EPERM, "changed my mind");
}

TEST(what_an_undone_part_remembered_is_forgotten)
{
    struct fixture f = {.wall_ms = 1000 * DAY};
    struct posted p = {.apply = emit_and_fail, .text = LOSS("0.3"), .work.may_fail = true};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON_LOSS("a", "0.5", ""), NULL), 0);
    CHECK_INT(fired(&f, LOSS("0.2")), 0);
    CHECK_INT(post(&f, &p), BF_EPERM);
    CHECK_INT(fired(&f, LOSS("0.9")), 0);       /* 0.2 and 0.9 are not below 0.5 */
    CHECK_INT(fired(&f, LOSS("0.01")), 1);
    fixture_close(&f);
}

/* Every point of such an event may fire, if nothing limits it per run. */
TEST(an_event_of_many_points_leads_to_so_much_and_no_more)
{
    struct fixture f = {.wall_ms = 1000 * DAY};
    struct posted p = {.apply = apply_event, .work.may_fail = true};
    struct bf_buf spec, event;

    bf_buf_init(&spec, BF_EVENT_MAX);
    bf_buf_adds(&spec, "{\"name\":\"a\",\"scope\":{\"entity\":\"acme\"},\"limits\":{\"per_run\":\"off\"},"
                       "\"event\":{\"type\":\"RUN_METRIC\",\"filter\":{\"run_metric_filter\":"
                       "{\"threshold_filter\":{\"name\":\"loss\",\"cmp_op\":\"$lt\",\"threshold\":1}}}},"
                       "\"actions\":[");
    for (int i = 0; i < BF_ACTIONS_MAX; i++)
        bf_buf_printf(&spec, "%s{\"integration\":\"I1\"}", i ? "," : "");
    bf_buf_adds(&spec, "]}");
    bf_buf_init(&event, BF_EVENT_MAX);
    bf_buf_adds(&event, "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
                        "\"run\":{\"id\":\"r\"},\"metrics\":[");
    for (int i = 0; i <= BF_BUS_FIRINGS_MAX / BF_ACTIONS_MAX; i++)
        bf_buf_printf(&event, "%s{\"name\":\"loss\",\"value\":0}", i ? "," : "");
    bf_buf_adds(&event, "]}");
    fixture_open(&f);
    CHECK_INT(save(&f, "A1", bf_buf_text(&spec), NULL), 0);
    p.text = bf_buf_text(&event);
    CHECK_INT(post(&f, &p), BF_ETOOBIG);
    CHECK_INT(count(&f, "SELECT count(*) FROM journal WHERE type = 'run.metric'"), 0);
    CHECK_INT(fired(&f, LOSS("0.1")), BF_ACTIONS_MAX);
    fixture_close(&f);
    bf_buf_fini(&spec);
    bf_buf_fini(&event);
}

TEST(editing_what_decides_begins_a_new_era_and_nothing_else_does)
{
    struct fixture f = {.wall_ms = 1000 * DAY};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON_LOSS("a", "0.5", ""), NULL), 0);
    fired(&f, LOSS("0.2"));
    CHECK_INT(fired(&f, LOSS("0.2")), 1);
    CHECK_INT(save(&f, "A1", ON_LOSS("b", "0.5", ",\"description\":\"d\",\"enabled\":false"), NULL), 0);
    CHECK_INT(save(&f, "A1", ON_LOSS("b", "5e-1", ""), NULL), 0);
    CHECK_INT(fired(&f, LOSS("0.2")), 0);
    CHECK_INT(count(&f, "SELECT count(DISTINCT era) FROM automation_revisions"), 1);
    fixture_close(&f);
    fixture_open(&f);
    CHECK_INT(fired(&f, LOSS("0.2")), 0);
    CHECK_INT(save(&f, "A1", ON_LOSS("b", "0.6", ""), NULL), 0);
    CHECK_INT(fired(&f, LOSS("0.2")), 1);
    CHECK_INT(fired(&f, LOSS("0.2")), 0);
    fixture_close(&f);
}

TEST(revisions_of_an_older_hub_have_an_era_each)
{
    struct fixture f = {.wall_ms = 1000 * DAY};
    struct bf_error err;

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON_LOSS("a", "0.5", ""), NULL), 0);
    fixture_close(&f);
    CHECK_INT(bf_db_open(f.path, BF_DB_WRITE, &f.db, &err), 0);
    CHECK_INT(bf_query_run(bf_db_query(f.db, "UPDATE automation_revisions SET era = 0")), 0);
    bf_db_close(f.db);
    fixture_open(&f);
    fired(&f, LOSS("0.2"));
    CHECK_INT(fired(&f, LOSS("0.2")), 1);
    CHECK_INT(save(&f, "A1", ON_LOSS("b", "0.5", ""), NULL), 0);
    CHECK_INT(fired(&f, LOSS("0.2")), 0);
    fixture_close(&f);
}

/* ---- versions ---- */

struct shelf {
    struct bf_db *db;
    struct bf_live_memory *live;
    const struct bf_memory *m;
};

static void open_shelf(struct shelf *s, size_t max_bytes)
{
    char path[128];
    struct bf_error err;
    struct bf_bus *bus;
    struct bf_bus_hooks hooks = {0};
    static struct bf_clock clock;

    clock = *bf_clock_system();
    snprintf(path, sizeof(path), "%s/shelf.db", test_dir());
    CHECK_INT(bf_crypto_init(&err), 0);
    CHECK_INT(bf_db_open(path, BF_DB_WRITE, &s->db, &err), 0);
    CHECK_INT(bf_bus_open(s->db, &clock, NULL, &hooks, &bus, &err), 0);
    bf_bus_close(bus);          /* the tables are there */
    s->live = bf_live_memory_new(s->db, max_bytes);
    s->m = bf_live_memory_rules(s->live);
}

static void close_shelf(struct shelf *s)
{
    CHECK_INT(bf_live_memory_failed(s->live), 0);
    bf_live_memory_free(s->live);
    bf_db_close(s->db);
}

static const char *get(const struct bf_memory *m, const char *key)
{
    static char text[64];
    size_t len;
    const void *value = m->get(m->arg, key, strlen(key), &len);

    snprintf(text, sizeof(text), "%.*s", value ? (int)len : 4, value ? (const char *)value : "none");
    return text;
}

static void set(struct shelf *s, uint64_t seq, const char *key, const char *value, bool kept)
{
    bf_live_memory_at(s->live, seq);
    s->m->set(s->m->arg, key, strlen(key), value, value ? strlen(value) : 0, kept);
}

static void collect(void *arg, const char *key, size_t key_len, const void *value, size_t len)
{
    char *text = arg;

    snprintf(text + strlen(text), 200 - strlen(text), "%.*s=%.*s ", (int)key_len, key, (int)len,
             (const char *)value);
}

static const char *all(const struct bf_memory *m, const char *prefix)
{
    static char text[200];

    text[0] = '\0';
    m->each(m->arg, prefix, strlen(prefix), collect, text);
    return text;
}

TEST(each_version_is_read_back_before_the_record_that_made_it)
{
    struct shelf s;

    for (size_t bytes = 1; bytes < 1000000; bytes *= 1000) {    /* with and without a cache */
        open_shelf(&s, bytes);
        CHECK_STR(get(s.m, "s\x1f" "1"), "none");
        set(&s, 5, "s\x1f" "1", "RUNNING", true);
        set(&s, 9, "s\x1f" "1", "FAILED", true);
        set(&s, 9, "s\x1f" "1", "CRASHED", true);       /* of one record the last one counts */
        set(&s, 9, "s\x1f" "2", "RUNNING", true);
        set(&s, 12, "s\x1f" "1", NULL, 0);
        set(&s, 12, "s\x1f" "1", NULL, true);
        set(&s, 12, "t\x1f" "1", "now", false);
        CHECK_STR(get(s.m, "s\x1f" "1"), "none");
        CHECK_STR(get(s.m, "s\x1f" "2"), "RUNNING");
        CHECK_STR(all(s.m, "s\x1f"), "s\x1f" "2=RUNNING ");
        for (uint64_t seq = 1; seq <= 13; seq++) {
            struct bf_past_memory *p = bf_past_memory_new(s.db, seq);

            CHECK_STR(get(bf_past_memory_rules(p), "s\x1f" "1"),
                      seq <= 5 ? "none" : seq <= 9 ? "RUNNING" : seq <= 12 ? "CRASHED" : "none");
            CHECK_STR(get(bf_past_memory_rules(p), "t\x1f" "1"), "now");
            CHECK_INT(bf_past_memory_failed(p), 0);
            bf_past_memory_free(p);
        }
        CHECK_INT(bf_query_run(bf_db_query(s.db, "DELETE FROM rule_state")), 0);
        close_shelf(&s);
    }
}

TEST(what_is_set_over_the_past_stays_there)
{
    struct bf_past_memory *p;
    const struct bf_memory *m;
    struct shelf s;

    open_shelf(&s, 1000);
    set(&s, 5, "f\x1f" "a", "1", true);
    set(&s, 6, "f\x1f" "b", "2", true);
    p = bf_past_memory_new(s.db, 7);
    m = bf_past_memory_rules(p);
    m->set(m->arg, "f\x1f" "a", 3, "3", 1, true);
    m->set(m->arg, "f\x1f" "b", 3, NULL, 0, true);
    m->set(m->arg, "f\x1f" "c", 3, "4", 1, true);
    CHECK_STR(get(m, "f\x1f" "a"), "3");
    CHECK_STR(get(m, "f\x1f" "b"), "none");
    bf_past_memory_at(p, 100);
    CHECK_STR(get(m, "f\x1f" "c"), "4");
    CHECK(strstr(all(m, "f\x1f"), "a=3 ") && strstr(all(m, "f\x1f"), "c=4 "));
    CHECK_INT(strlen(all(m, "f\x1f")), 12);
    CHECK_STR(get(s.m, "f\x1f" "a"), "1");
    bf_past_memory_free(p);
    close_shelf(&s);
}

TEST(versions_that_nobody_can_ask_for_are_cut)
{
    struct bf_memory_place place;
    unsigned n, cut = 0;
    uint64_t since;
    bool more;
    struct shelf s;

    for (unsigned at_once = 1; at_once <= 8; at_once++) {
        open_shelf(&s, 1);
        CHECK_INT(bf_query_run(bf_db_query(s.db, "DELETE FROM rule_state")), 0);
        set(&s, 5, "s\x1f" "1", "RUNNING", true);       /* followed at 9, before the first record */
        set(&s, 9, "s\x1f" "1", "FAILED", true);        /* followed at 20, which it may ask about */
        set(&s, 20, "s\x1f" "1", "RUNNING", true);
        set(&s, 6, "f\x1f" "a", "999 5", true);         /* over before that time */
        set(&s, 6, "f\x1f" "b", "1001 5", true);
        set(&s, 6, "m\x1f" "c", "2000 5", true);
        set(&s, 8, "m\x1f" "c", NULL, true);            /* nothing is left to be forgotten */
        set(&s, 8, "p\x1f" "d", "10 1", true);
        set(&s, 25, "p\x1f" "d", "9000 1", true);       /* "10 1" may be asked for, and says nothing */
        set(&s, 8, "w\x1f" "e", "1", false);
        bf_memory_place_init(&place);
        cut = 0;
        do {
            CHECK_INT(bf_memory_cut(s.db, 20, 1000, at_once, &place, &n, &more), 0);
            cut += n;
        } while (more);
        bf_memory_place_fini(&place);
        CHECK_INT(cut, 5);
        CHECK_STR(all(s.m, "s\x1f"), "s\x1f" "1=RUNNING ");
        CHECK_STR(all(s.m, "f\x1f"), "f\x1f" "b=1001 5 ");
        CHECK_STR(all(s.m, "m\x1f"), "");
        CHECK_STR(all(s.m, "p\x1f"), "p\x1f" "d=9000 1 ");
        CHECK_STR(all(s.m, "w\x1f"), "w\x1f" "e=1 ");
        CHECK_INT(bf_remembered_since(s.db, &since), 0);
        CHECK_INT(since, 20);
        close_shelf(&s);
    }
}
