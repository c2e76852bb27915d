/* test_verdict.c - what an automation made of a record, found out again: with the values of then, and
 * not at all where they are gone. */
#include "core/bus/as_of.h"
#include "core/bus/journal_cut.h"
#include "core/bus/verdict.h"
#include "tests/unit/bus_fixture.h"

#define ACTION ",\"actions\":[{\"integration\":\"I1\"}]}"
#define ON_METRIC                                                                                  \
    "{\"name\":\"accuracy\",\"scope\":{\"entity\":\"acme\"},\"event\":{\"type\":\"RUN_METRIC\","    \
    "\"filter\":{\"run_metric_filter\":{\"threshold_filter\":{\"name\":\"accuracy\",\"agg_op\":"     \
    "\"AVERAGE\",\"window_size\":5,\"cmp_op\":\"$gt\",\"threshold\":0.6}}}}" ACTION
#define ON_STATE                                                                                   \
    "{\"name\":\"failed\",\"scope\":{\"entity\":\"acme\"},\"event\":{\"type\":\"RUN_STATE\","       \
    "\"filter\":{\"run_state_filter\":{\"states\":[\"FAILED\"]}}}" ACTION

static struct bf_db *reader(struct fixture *f)
{
    struct bf_error err;
    struct bf_db *db;

    CHECK_INT(bf_db_open(f->path, BF_DB_READ, &db, &err), 0);
    return db;
}

static uint64_t seq_of(struct fixture *f, const struct bf_receipt *r)
{
    uint64_t seq;
    int64_t ms;

    CHECK(bf_id_parse(r->id, bf_bus_hub(f->bus), &ms, &seq));
    return seq;
}

/* A value of accuracy in run r1; its place. */
static uint64_t accuracy(struct fixture *f, int step, const char *value)
{
    struct bf_receipt r;
    char text[300];

    snprintf(text, sizeof(text), "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\","
             "\"run\":{\"id\":\"r1\",\"name\":\"frog\"},\"metrics\":[{\"name\":\"accuracy\","
             "\"step\":%d,\"value\":%s}]}", step, value);
    CHECK_INT(emit(f, text, &r), 0);
    return seq_of(f, &r);
}

static uint64_t state(struct fixture *f, const char *state)
{
    struct bf_receipt r;
    char text[200];

    snprintf(text, sizeof(text), "{\"type\":\"run.state\",\"entity\":\"acme\",\"project\":\"vision\","
             "\"run\":{\"id\":\"r1\",\"state\":\"%s\"}}", state);
    CHECK_INT(emit(f, text, &r), 0);
    return seq_of(f, &r);
}

static bool on_then(void *arg, const struct bf_automation_then *then)
{
    *(const struct bf_automation **)arg = bf_automation_ref(then->automation);
    return false;
}

static const char *why(struct fixture *f, uint64_t seq, const char *id)
{
    static char text[65536];
    struct bf_place_in_time at = {seq, f->wall_ms};
    const struct bf_automation *a = NULL;
    struct bf_db *db = reader(f);
    struct bf_error err = {0};
    struct bf_verdicts *v;
    struct bf_buf b;

    CHECK_INT(bf_automation_as_of(db, &at, id, on_then, &a), 0);
    if (bf_verdicts_open(db, bf_bus_hub(f->bus), seq, NULL, &v, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    bf_buf_init(&b, sizeof(text) - 1);
    bf_verdicts_explain(v, a, &b);
    CHECK_INT(bf_verdicts_error(v), 0);
    snprintf(text, sizeof(text), "%s", bf_buf_text(&b));
    bf_buf_fini(&b);
    bf_verdicts_close(v);
    bf_automation_unref(a);
    bf_db_close(db);
    return text;
}

static unsigned n_pending(struct fixture *f)
{
    struct bf_db *db = reader(f);
    unsigned n = 0;

    CHECK_INT(bf_outbox_count(db, "I1", 100, &n), 0);
    bf_db_close(db);
    return n;
}

/* The worked example: the mean of .50 .55 .60 .65 .70 is .60, which is not above .60. */
TEST(each_value_is_told_of_with_the_window_of_then)
{
    static const char *const values[] = {"0.50", "0.55", "0.60", "0.65", "0.70", "0.75", "0.80"};
    struct fixture f = {.wall_ms = 1000};
    uint64_t seq[7];

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON_METRIC, NULL), 0);
    for (int i = 0; i < 7; i++)
        seq[i] = accuracy(&f, i, values[i]);
    CHECK_HAS(why(&f, seq[2], "A1"), "\"decision\":\"no\",\"clause\":\"condition\"");
    CHECK_HAS(why(&f, seq[2], "A1"), "\"missing\":2");
    CHECK_HAS(why(&f, seq[4], "A1"), "\"decision\":\"no\",\"clause\":\"condition\"");
    CHECK_HAS(why(&f, seq[4], "A1"), "\"result\":false,\"value\":0.6,");
    CHECK_HAS(why(&f, seq[5], "A1"), "\"decision\":\"fired\"");
    CHECK_HAS(why(&f, seq[5], "A1"), "\"result\":true,\"value\":0.65,");
    CHECK_HAS(why(&f, seq[6], "A1"), "\"decision\":\"suppressed\",\"clause\":\"per_run\"");
    CHECK_INT(n_pending(&f), 1);
    fixture_close(&f);
}

TEST(a_limit_is_told_of_as_it_was_and_not_as_it_is)
{
    struct fixture f = {.wall_ms = 1000};
    uint64_t first, second, third;

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON_STATE, NULL), 0);
    state(&f, "RUNNING");
    first = state(&f, "FAILED");
    f.wall_ms += 1000;
    state(&f, "RUNNING");
    second = state(&f, "FAILED");
    f.wall_ms += 25 * 3600 * 1000;
    state(&f, "RUNNING");
    third = state(&f, "FAILED");
    CHECK_HAS(why(&f, first, "A1"), "\"decision\":\"fired\"");
    CHECK_HAS(why(&f, second, "A1"), "\"decision\":\"suppressed\",\"clause\":\"per_run\"");
    CHECK_HAS(why(&f, second, "A1"), "\"until\":\"1970-01-02T00:00:01.000Z\"");
    CHECK_HAS(why(&f, third, "A1"), "\"decision\":\"fired\"");
    fixture_close(&f);
}

struct cutting {
    struct posted posted;
    int64_t before_ms;
};

static int apply_cut(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    struct cutting *c = bf_container_of(p, struct cutting, posted);
    uint64_t from = 0;
    unsigned n;
    bool more;

    (void)err;
    return bf_journal_cut(tx->db, c->before_ms, 1000, &from, &n, &more);
}

static void cut(struct fixture *f, int64_t before_ms)
{
    struct cutting c = {.posted = {.apply = apply_cut}, .before_ms = before_ms};

    CHECK_INT(post(f, &c.posted), 0);
}

/* Of a window of five values, three are gone; the last event can be read, and what it met not. */
TEST(what_was_cut_is_not_guessed)
{
    struct fixture f = {.wall_ms = 1000};
    uint64_t last, later;

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON_METRIC, NULL), 0);
    for (int i = 0; i < 3; i++)
        accuracy(&f, i, "0.9");
    state(&f, "FINISHED");
    f.wall_ms = 100000;
    accuracy(&f, 3, "0.9");
    last = accuracy(&f, 4, "0.9");
    CHECK_HAS(why(&f, last, "A1"), "\"decision\":\"fired\"");
    cut(&f, 50000);
    CHECK_HAS(why(&f, last, "A1"), "\"decision\":\"not recorded\",\"clause\":\"retention\"");
    for (int i = 5; i < 10; i++)
        later = accuracy(&f, i, "0.1");
    CHECK_HAS(why(&f, later, "A1"), "\"clause\":\"condition\"");
    fixture_close(&f);
}

/* Who needs nothing of the past is told of all the same. */
TEST(an_automation_without_a_memory_is_explained_beside_a_cut)
{
    struct fixture f = {.wall_ms = 1000};
    struct bf_receipt r;

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON_PRODUCTION("notify", "I1"), NULL), 0);
    accuracy(&f, 1, "0.1");
    f.wall_ms = 100000;
    CHECK_INT(emit(&f, ALIAS_EVENT("production", ""), &r), 0);
    cut(&f, 50000);
    CHECK_HAS(why(&f, seq_of(&f, &r), "A1"), "\"decision\":\"fired\"");
    fixture_close(&f);
}

/* --- an event that has not happened --- */

static const char *would(struct fixture *f, const char *spec, const char *text)
{
    static char out[65536];
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_db *db = reader(f);
    struct bf_error err = {0};
    struct bf_automation *draft;
    struct bf_verdicts *v;
    struct bf_envelope *e;
    struct bf_buf b;

    CHECK_INT(bf_automation_parse(spec, strlen(spec), "01DRAFT0000000000000000000", 0, NULL, &draft,
                                  &err), 0);
    if (bf_envelope_parse(a, text, strlen(text), BF_FROM_OUTSIDE, &e, &err) ||
        bf_verdicts_imagine(db, e, NULL, &v, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    bf_buf_init(&b, sizeof(out) - 1);
    bf_verdicts_explain(v, draft, &b);
    snprintf(out, sizeof(out), "%s", bf_buf_text(&b));
    bf_buf_fini(&b);
    bf_verdicts_close(v);
    bf_envelope_unref(e);
    bf_automation_unref(draft);
    bf_arena_free(a);
    bf_db_close(db);
    return out;
}

#define POINT(run, step, value)                                                                    \
    "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":{\"id\":\"" run     \
    "\"},\"metrics\":[{\"name\":\"accuracy\",\"step\":" step ",\"value\":" value "}]}"

TEST(an_event_that_is_made_up_meets_the_values_of_now)
{
    struct fixture f = {.wall_ms = 1000};

    fixture_open(&f);
    for (int i = 0; i < 4; i++)
        accuracy(&f, i, "0.7");
    CHECK_HAS(would(&f, ON_METRIC, POINT("r1", "4", "0.7")), "\"decision\":\"fired\"");
    CHECK_HAS(would(&f, ON_METRIC, POINT("r1", "4", "0.1")), "\"clause\":\"condition\"");
    CHECK_HAS(would(&f, ON_METRIC, POINT("r1", "3", "0.9")), "\"clause\":\"step\"");
    CHECK_HAS(would(&f, ON_METRIC, POINT("r2", "4", "0.9")), "\"decision\":\"no\"");
    CHECK_HAS(would(&f, ON_METRIC, POINT("r1", "4", "0.7")), "\"decision\":\"fired\"");
    fixture_close(&f);
}
