/* test_undo.c - a history with commits that fail, pieces that say no and restarts is the same, row by
 * row, as one without. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/bus_fixture.h"

#define EVENTS 400

/* What happens, the same for each seed. */
struct chance {
    uint64_t state;
};

static unsigned draw(struct chance *c, unsigned n)
{
    c->state = c->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(c->state >> 33) % n;
}

#define SPEC(name, type, filter, rest)                                                           \
    "{\"name\":\"" name "\",\"scope\":{\"entity\":\"acme\"},\"event\":{\"type\":\"" type "\",\"filter\":" \
    filter "}," rest "\"actions\":[{\"integration\":\"I1\",\"config\":{}},"                        \
    "{\"integration\":\"I2\",\"config\":{}}]}"
#define METRIC(condition) "{\"run_metric_filter\":{" condition "}}"

static const char *const specs[] = {
    SPEC("average", "RUN_METRIC", METRIC("\"threshold_filter\":{\"name\":\"loss\",\"agg_op\":\"AVERAGE\","
         "\"window_size\":7,\"cmp_op\":\"$gt\",\"threshold\":4}"), "\"limits\":{\"per_run\":\"1m\"},"),
    SPEC("least", "RUN_METRIC", METRIC("\"threshold_filter\":{\"name\":\"loss\",\"agg_op\":\"MIN\","
         "\"window_size\":20,\"cmp_op\":\"$lt\",\"threshold\":1}"), "\"limits\":{\"per_run\":\"off\","
         "\"rate\":{\"count\":2,\"within\":\"1m\"}},"),
    SPEC("change", "RUN_METRIC_CHANGE", METRIC("\"change_filter\":{\"name\":\"acc\",\"agg_op\":\"AVERAGE\","
         "\"current_window_size\":2,\"prior_window_size\":3,\"change_type\":\"ABSOLUTE\",\"change_dir\":"
         "\"ANY\",\"change_amount\":3}"), "\"limits\":{\"per_run\":\"off\",\"cooldown\":\"20s\",\"over\":"
         "\"digest\"},"),
    SPEC("score", "RUN_METRIC_ZSCORE", METRIC("\"zscore_filter\":{\"name\":\"loss\",\"window_size\":2,"
         "\"threshold\":1,\"baseline\":\"runs\"}"), "\"limits\":{\"per_run\":\"30s\"},"),
    SPEC("state", "RUN_STATE", "{\"run_state_filter\":{\"states\":[\"FAILED\",\"RUNNING\"]}}", ""),
    SPEC("skip", "ci.done", "{}", "\"limits\":{\"cooldown\":\"15s\",\"over\":\"skip\"},"),
    SPEC("digest", "ci.done", "{}", "\"limits\":{\"rate\":{\"count\":2,\"within\":\"1m\"},\"over\":\"digest\"},"),
    SPEC("third", "ci.done", "{}", "\"limits\":{\"matches\":{\"count\":3,\"within\":\"30s\"}},"),
};

static void next_event(struct chance *c, char text[1024])
{
    static const char *const states[] = {"RUNNING", "FAILED", "FINISHED"};
    char run = "abc"[draw(c, 3)];
    int step = (int)draw(c, 60);

    switch (draw(c, 6)) {
    case 0:
        snprintf(text, 1024, "{\"type\":\"ci.done\",\"entity\":\"acme\",\"cause\":\"c%u\"}", draw(c, 2));
        break;
    case 1:
        snprintf(text, 1024, "{\"type\":\"run.state\",\"entity\":\"acme\",\"project\":\"p\",\"run\":"
                 "{\"id\":\"%c\",\"state\":\"%s\"}}", run, states[draw(c, 3)]);
        break;
    default:
        snprintf(text, 1024, "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"p\",\"run\":"
                 "{\"id\":\"%c\"},\"metrics\":[{\"name\":\"loss\",\"step\":%d,\"value\":%u},"
                 "{\"name\":\"acc\",\"value\":%u},{\"name\":\"acc\",\"value\":%u},"
                 "{\"name\":\"m%u\",\"value\":1}]}", run, step, draw(c, 9), draw(c, 9), draw(c, 9),
                 draw(c, 40));
    }
}

static int apply_and_refuse(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    CHECK_INT(apply_event(p, tx, err), 0);
    CHECK_INT(apply_event(p, tx, err), 0);
    return bf_error_set(err, BF_EINVAL, "no");
}

/* Something that leaves nothing. */
static void disturb(struct fixture *f, struct chance *c, const char *text)
{
    struct posted no = {.apply = apply_and_refuse, .text = text, .work.may_fail = true};

    switch (draw(c, 8)) {
    case 0:
    case 1:
        bf_db_fail_commits(f->db, 0, 1);
        CHECK_INT(emit(f, text, NULL), BF_EIO);
        break;
    case 2:
    case 3:
        CHECK_INT(post(f, &no), BF_EINVAL);
        break;
    case 4:
        fixture_close(f);
        fixture_open(f);
        break;
    default:
        break;
    }
}

static void live_through(struct fixture *f, uint64_t seed, bool disturbed)
{
    struct chance what = {seed}, trouble = {seed ^ 0x5bd1e995};
    char text[1024], id[8];

    f->wall_ms = 1764000000000;
    fixture_open(f);
    for (size_t i = 0; i < BF_COUNT(specs); i++) {
        snprintf(id, sizeof(id), "A%zu", i);
        CHECK_INT(save(f, id, specs[i], NULL), 0);
    }
    for (int i = 0; i < EVENTS; i++) {
        next_event(&what, text);
        f->wall_ms += draw(&what, 5000);
        if (disturbed)
            disturb(f, &trouble, text);
        CHECK_INT(emit(f, text, NULL), 0);
    }
}

/* All rows of a table, but for the hub's number and the words in which points are packed; yours. */
static char *rows(struct fixture *f, const char *sql)
{
    struct bf_query *q = bf_db_query(f->db, sql);
    struct bf_buf b;
    int rc;

    bf_buf_init(&b, 64 * 1024 * 1024);
    while ((rc = bf_query_step(q)) == 1) {
        bf_buf_adds(&b, bf_query_col_text(q, 0));
        bf_buf_addc(&b, '\n');
    }
    CHECK_INT(rc, 0);
    bf_query_end(q);
    CHECK(b.len > 0);
    return bf_buf_take(&b);
}

static const char *const tables[] = {
    "SELECT seq || ' ' || type || ' ' || received || ' ' || coalesce(run, 0) FROM journal ORDER BY seq",
    "SELECT number || ' ' || status || ' ' || event || ' ' || due || ' ' || coalesce(facts, '') || ' '"
    " || coalesce(reason, '') || ' ' || coalesce(firings, 0) || ' ' || coalesce(until, 0) || ' ' ||"
    " coalesce(last_event, 0) || ' ' || coalesce(delayed_by, '') FROM executions ORDER BY number",
    "SELECT name || ' ' || seq || ' ' || coalesce(value, 'NULL') FROM rule_state ORDER BY name, seq",
    "SELECT number || ' ' || run || ' ' || coalesce(state, '') FROM runs ORDER BY number",
    "SELECT automation || ' ' || action || ' ' || number FROM open_digests ORDER BY automation, action",
    "SELECT place || ' ' || event || ' ' || coalesce(facts, '') FROM execution_merged ORDER BY place",
    "SELECT automation || ' ' || run_number || ' ' || reason || ' ' || number FROM open_skipped"
    " ORDER BY automation, run_number, reason",
};

static void compare(uint64_t seed)
{
    char *plain[BF_COUNT(tables)];
    struct fixture f = {.hops = 0};

    live_through(&f, seed, false);
    for (size_t i = 0; i < BF_COUNT(tables); i++)
        plain[i] = rows(&f, tables[i]);
    fixture_close(&f);
    CHECK_INT(unlink(f.path), 0);
    f = (struct fixture){.hops = 0};
    live_through(&f, seed, true);
    for (size_t i = 0; i < BF_COUNT(tables); i++) {
        char *disturbed = rows(&f, tables[i]);

        CHECK_STR(disturbed, plain[i]);
        free(disturbed);
        free(plain[i]);
    }
    fixture_close(&f);
    CHECK_INT(unlink(f.path), 0);
}

TEST(what_failed_or_was_undone_leaves_nothing_behind_in_memory_or_on_disk)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        compare(seed);
}
