/* test_asking.c - events that scripts are asked about: who waits for whom, what is done again, and
 * that decisions are the ones the answers lead to. */
#include "core/bus/journal_cut.h"
#include "core/bus/verdict.h"
#include "tests/unit/bus_fixture.h"
#include "tests/unit/fake_asker.h"

#include <unistd.h>

#define FILTERED(name, event, code, on_error)                                                \
    "{\"name\":\"" name "\",\"scope\":{\"entity\":\"acme\"},\"event\":" event ","             \
    "\"hooks\":{\"filter\":{\"code\":\"" code "\",\"on_error\":\"" on_error "\"}},"            \
    "\"actions\":[{\"integration\":\"I1\",\"config\":{}}]}"
#define ON_CI     "{\"type\":\"ci.finished\"}"
#define GOOD_CI   FILTERED("good", ON_CI, "good", "fail")
#define CI(words) "{\"type\":\"ci.finished\",\"entity\":\"acme\",\"data\":{\"words\":\"" words "\"}}"
#define CI_OF(collection, words)                                                             \
    "{\"type\":\"ci.finished\",\"entity\":\"acme\",\"project\":\"p\",\"collection\":\"" collection   \
    "\",\"data\":{\"words\":\"" words "\"}}"
#define FIRED "SELECT count(*) FROM executions WHERE status = 0"

/* The first column of the first row, as text; "" if there is none. */
static const char *ask(struct fixture *f, const char *sql)
{
    static char out[1000];
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

static void open_with(struct fixture *f, struct fake_asker *asker)
{
    fake_asker_start(asker);
    f->asker = &asker->asker;
    fixture_open(f);
}

static void close_with(struct fixture *f, struct fake_asker *asker)
{
    bf_bus_stop(f->bus);
    fake_asker_stop(asker);
    fixture_close(f);
}


/* --- works that carry their events ----------------------------------------------------------- */

static atomic_uint n_done;

struct sent {
    struct bf_work work;
    struct bf_envelope *event;
    struct bf_receipt receipt;
    _Atomic bool is_done;
    unsigned done_as;           /* 1 for the first that was done */
    int rc;
    struct bf_error err;
};

static int sent_apply(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct sent *s = bf_container_of(w, struct sent, work);

    return bf_bus_emit(tx, s->event, &s->receipt, err);
}

static void sent_done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct sent *s = bf_container_of(w, struct sent, work);

    s->rc = rc;
    if (rc)
        s->err = *err;
    s->done_as = atomic_fetch_add(&n_done, 1) + 1;
    s->is_done = true;
}

static struct bf_envelope *envelope(const char *text)
{
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_envelope *e = NULL;
    struct bf_error err;

    if (bf_envelope_parse(a, text, strlen(text), BF_FROM_OUTSIDE, &e, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    bf_arena_free(a);
    return e;
}

static int try_to_send(struct fixture *f, struct sent *s, const char *text)
{
    s->event = envelope(text);
    s->work = (struct bf_work){.apply = sent_apply, .done = sent_done, .events = &s->event,
                               .n_events = 1, .weight = (uint32_t)strlen(text)};
    return bf_bus_post(f->bus, &s->work);
}

static void send(struct fixture *f, struct sent *s, const char *text)
{
    CHECK_INT(try_to_send(f, s, text), 0);
}

static void wait_for(struct sent *s)
{
    while (!s->is_done)
        usleep(200);
    bf_envelope_unref(s->event);
    s->event = NULL;
}

static int carry(struct fixture *f, const char *text)
{
    struct sent s = {.rc = 0};

    send(f, &s, text);
    wait_for(&s);
    return s.rc;
}

TEST(a_filter_decides_who_fires)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    CHECK_INT(carry(&f, CI("good")), 0);
    CHECK_INT(carry(&f, CI("bad")), 0);
    CHECK_INT(count(&f, FIRED), 1);
    CHECK_INT(count(&f, "SELECT count(*) FROM journal WHERE type = 'ci.finished'"), 2);
    CHECK_INT(asker.n_questions, 2);
    close_with(&f, &asker);
}

TEST(a_hub_without_hooks_asks_nobody)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", ON_PRODUCTION("notify", "I1"), NULL), 0);
    CHECK_INT(carry(&f, ALIAS_EVENT("production", "")), 0);
    CHECK_INT(count(&f, FIRED), 1);
    CHECK_INT(asker.n_questions, 0);
    close_with(&f, &asker);
}

TEST(what_the_automations_own_filter_leaves_out_is_not_asked_about)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", FILTERED("p", "{\"type\":\"ADD_ARTIFACT_ALIAS\",\"filter\":"
                                           "{\"alias\":\"production\"}}", "good", "fail"), NULL), 0);
    CHECK_INT(carry(&f, ALIAS_EVENT("staging", ",\"data\":\"good\"")), 0);
    CHECK_INT(asker.n_questions, 0);
    CHECK_INT(carry(&f, ALIAS_EVENT("production", ",\"data\":\"good\"")), 0);
    CHECK_INT(asker.n_questions, 1);
    CHECK_INT(count(&f, FIRED), 1);
    close_with(&f, &asker);
}

TEST(a_failure_is_what_the_hook_declares)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", FILTERED("one", ON_CI, "good", "fire"), NULL), 0);
    CHECK_INT(save(&f, "A2", FILTERED("two", ON_CI, "good", "skip"), NULL), 0);
    CHECK_INT(save(&f, "A3", FILTERED("three", ON_CI, "good", "fail"), NULL), 0);
    CHECK_INT(carry(&f, CI("fails")), 0);
    CHECK_STR(ask(&f, "SELECT group_concat(status, ' ') FROM (SELECT status FROM executions"
                      " ORDER BY automation)"), "0 5 3");
    close_with(&f, &asker);
}

TEST(without_anybody_to_ask_a_hook_has_failed)
{
    struct fixture f = {.wall_ms = 1000};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    CHECK_INT(carry(&f, CI("good")), 0);
    CHECK_INT(emit(&f, CI("good"), NULL), 0);   /* and one that nobody knew of before */
    CHECK_INT(count(&f, "SELECT count(*) FROM executions WHERE status = 3"), 2);
    fixture_close(&f);
}


/* --- order ----------------------------------------------------------------------------------- */

#define MANY  400
#define LINES 7

TEST(within_a_line_order_is_kept_whatever_the_answers_do)
{
    static struct sent sent[MANY];
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 7, .shuffles = true};
    char text[300];

    memset(sent, 0, sizeof(sent));
    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    for (int i = 0; i < MANY; i++) {
        /* Every third is of no interest to the script's automation, and stands in line all the same. */
        snprintf(text, sizeof(text),
                 "{\"type\":\"ci.%s\",\"entity\":\"acme\",\"project\":\"p\",\"collection\":\"c%d\","
                 "\"data\":\"good\",\"author\":\"%06d\"}", i % 3 ? "finished" : "started", i % LINES, i);
        send(&f, &sent[i], text);
    }
    for (int i = 0; i < MANY; i++)
        wait_for(&sent[i]);
    CHECK_INT(count(&f, "SELECT count(*) FROM journal WHERE type LIKE 'ci.%'"), MANY);
    CHECK_INT(count(&f, "SELECT count(*) FROM journal a JOIN journal b ON b.collection = a.collection"
                        " AND b.seq > a.seq AND json_extract(b.body, '$.author') <"
                        " json_extract(a.body, '$.author')"), 0);
    CHECK_INT(count(&f, FIRED), MANY - (MANY + 2) / 3);
    close_with(&f, &asker);
}

TEST(a_slow_script_holds_its_line_and_nobody_else)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1, .may_be_slow = true};
    struct sent slow = {.rc = 0}, behind = {.rc = 0};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    send(&f, &slow, CI_OF("one", "slow good"));
    send(&f, &behind, CI_OF("one", "good"));
    for (int i = 0; i < 20; i++)
        CHECK_INT(carry(&f, CI_OF("two", "good")), 0);
    CHECK(!slow.is_done && !behind.is_done);
    CHECK_INT(count(&f, FIRED), 20);
    CHECK_INT(bf_bus_waiting(f.bus), 2);
    fake_slow_ones_may_go(&asker);
    wait_for(&slow);
    wait_for(&behind);
    CHECK_INT(behind.done_as, slow.done_as + 1);
    CHECK(strcmp(slow.receipt.id, behind.receipt.id) < 0);
    CHECK_INT(bf_bus_waiting(f.bus), 0);
    close_with(&f, &asker);
}

TEST(a_batch_of_several_lines_waits_for_all_and_is_waited_for)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1, .may_be_slow = true};
    struct sent slow = {.rc = 0}, last = {.rc = 0}, batch = {.rc = 0};
    struct bf_envelope *events[2];

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    send(&f, &slow, CI_OF("one", "slow"));
    events[0] = envelope(CI_OF("two", "good"));
    events[1] = envelope(CI_OF("one", "good"));
    batch.event = events[1];
    batch.work = (struct bf_work){.apply = sent_apply, .done = sent_done, .events = events,
                                  .n_events = 2, .may_fail = true};
    CHECK_INT(bf_bus_post(f.bus, &batch.work), 0);
    send(&f, &last, CI_OF("two", "good"));
    CHECK_INT(carry(&f, CI_OF("three", "good")), 0);
    CHECK(!batch.is_done && !last.is_done);
    fake_slow_ones_may_go(&asker);
    wait_for(&slow);
    wait_for(&batch);
    wait_for(&last);
    CHECK_INT(batch.done_as, slow.done_as + 1);
    CHECK_INT(last.done_as, batch.done_as + 1);
    bf_envelope_unref(events[0]);
    close_with(&f, &asker);
}

TEST(who_is_full_is_asked_again_later)
{
    static struct sent sent[50];
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 3, .room = 2};
    char text[200];

    memset(sent, 0, sizeof(sent));
    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof(text), "{\"type\":\"ci.finished\",\"entity\":\"acme\",\"project\":\"p\","
                 "\"collection\":\"c%d\",\"data\":\"good\"}", i);
        send(&f, &sent[i], text);
    }
    for (int i = 0; i < 50; i++)
        wait_for(&sent[i]);
    CHECK_INT(count(&f, FIRED), 50);
    close_with(&f, &asker);
}

TEST(what_is_parked_counts_against_the_queue)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1, .may_be_slow = true};
    struct sent big = {.rc = 0}, more = {.rc = 0};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    big.event = envelope(CI_OF("one", "slow"));
    big.work = (struct bf_work){.apply = sent_apply, .done = sent_done, .events = &big.event,
                                .n_events = 1, .weight = BF_BUS_QUEUE_BYTES};
    CHECK_INT(bf_bus_post(f.bus, &big.work), 0);
    while (fake_waiting(&asker) == 0)
        usleep(500);
    CHECK_INT(try_to_send(&f, &more, CI_OF("two", "good")), BF_EFULL);
    bf_envelope_unref(more.event);
    fake_slow_ones_may_go(&asker);
    wait_for(&big);
    CHECK_INT(carry(&f, CI_OF("two", "good")), 0);
    close_with(&f, &asker);
}


/* --- changes meanwhile -------------------------------------------------------------------------- */

TEST(a_filter_that_is_saved_while_others_are_asked_is_asked_as_well)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1, .may_be_slow = true};
    struct sent slow = {.rc = 0};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    send(&f, &slow, CI("slow good"));
    while (fake_waiting(&asker) == 0)
        usleep(500);
    CHECK_INT(save(&f, "A2", FILTERED("late", ON_CI, "slow", "fail"), NULL), 0);
    CHECK_INT(save(&f, "A1", FILTERED("good", ON_CI, "other", "fail"), NULL), 0);
    fake_slow_ones_may_go(&asker);
    wait_for(&slow);
    CHECK_INT(slow.rc, 0);
    CHECK_STR(ask(&f, "SELECT group_concat(automation || status) FROM executions"), "A20");
    CHECK_INT(asker.n_questions, 3);
    close_with(&f, &asker);
}

TEST(a_commit_that_fails_tells_so_and_the_next_one_is_asked_anew)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    bf_db_fail_commits(f.db, 0, 1);
    CHECK_INT(carry(&f, CI("good")), BF_EIO);
    CHECK_INT(count(&f, "SELECT count(*) FROM journal WHERE type = 'ci.finished'"), 0);
    CHECK_INT(carry(&f, CI("good")), 0);
    CHECK_INT(count(&f, FIRED), 1);
    close_with(&f, &asker);
}


/* --- events that nobody knew before --------------------------------------------------------------- */

#define TEXTS 3

struct surprise {
    struct sent sent;
    const char *texts[TEXTS];
    unsigned n_runs;
    bool varies;
    struct bf_receipt receipts[TEXTS];
};

static int surprise_apply(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct surprise *s = bf_container_of(w, struct surprise, sent.work);
    int rc = BF_OK;

    s->n_runs++;
    for (int i = 0; i < TEXTS && s->texts[i] && !rc; i++) {
        struct bf_envelope *e;
        char text[300];

        snprintf(text, sizeof(text), s->varies ? "%.*s,\"author\":\"%u\"}" : "%.*s}",
                 (int)strlen(s->texts[i]) - 1, s->texts[i], s->n_runs);
        e = envelope(text);
        rc = bf_bus_emit(tx, e, &s->receipts[i], err);
        bf_envelope_unref(e);
    }
    return rc;
}

static void surprise(struct fixture *f, struct surprise *s)
{
    s->sent.work = (struct bf_work){.may_fail = true, .apply = surprise_apply, .done = sent_done};
    CHECK_INT(bf_bus_post(f->bus, &s->sent.work), 0);
}

TEST(a_work_that_emits_what_nobody_knew_is_done_again_with_the_answers)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1};
    struct surprise s = {.texts = {CI("good"), CI("bad"), CI("good")}};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    surprise(&f, &s);
    wait_for(&s.sent);
    CHECK_INT(s.sent.rc, 0);
    CHECK_INT(s.n_runs, 2);
    CHECK_INT(asker.n_questions, 3);
    CHECK_INT(count(&f, FIRED), 2);
    CHECK_INT(count(&f, "SELECT count(*) FROM journal"), 4);
    CHECK_INT(count(&f, "SELECT max(seq) FROM journal"), 4);
    CHECK_INT(count(&f, "SELECT max(number) FROM executions"), 2);
    CHECK_INT(f.n_enqueued, 2);
    close_with(&f, &asker);
}

#define ON_LOSS                                                                              \
    "{\"type\":\"RUN_METRIC\",\"filter\":{\"run_metric_filter\":{\"threshold_filter\":{"            \
    "\"name\":\"loss\",\"cmp_op\":\"$gt\",\"threshold\":3}}}}"
#define LOSS(value)                                                                          \
    "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"p\",\"run\":{\"id\":\"good\"},"       \
    "\"metrics\":[{\"name\":\"loss\",\"value\":" value "}]}"

/* Nobody asks a script about each of a million points that are all well; then one is not. */
TEST(a_script_that_was_not_asked_since_nothing_held_for_long_is_asked_when_it_does)
{
    struct fake_asker asker = {0};
    struct fixture f = {.wall_ms = 1000000};
    size_t asked;

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", FILTERED("loss", ON_LOSS, "good", "fail"), NULL), 0);
    for (int i = 0; i < 20; i++)
        CHECK_INT(carry(&f, LOSS("1")), 0);
    asked = asker.n_questions;
    CHECK_INT(carry(&f, LOSS("1")), 0);
    CHECK_INT(asker.n_questions, asked);
    CHECK_INT(carry(&f, LOSS("4")), 0);
    CHECK_INT(asker.n_questions, asked + 1);
    CHECK_INT(count(&f, FIRED), 1);
    CHECK_INT(count(&f, "SELECT count(*) FROM executions WHERE status = 3"), 0);
    CHECK_INT(count(&f, "SELECT count(*) FROM journal WHERE type = 'run.metric'"), 22);
    close_with(&f, &asker);
}

TEST(it_holds_its_lines_meanwhile_and_nobody_else)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1, .may_be_slow = true};
    struct surprise s = {.texts = {CI_OF("one", "good slow")}};
    struct sent behind = {.rc = 0};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    surprise(&f, &s);
    while (fake_waiting(&asker) == 0)
        usleep(500);
    send(&f, &behind, CI_OF("one", "good"));
    CHECK_INT(carry(&f, CI_OF("two", "good")), 0);
    CHECK(!behind.is_done && !s.sent.is_done);
    fake_slow_ones_may_go(&asker);
    wait_for(&s.sent);
    wait_for(&behind);
    CHECK(strcmp(s.receipts[0].id, behind.receipt.id) < 0);
    close_with(&f, &asker);
}

TEST(what_says_something_else_each_time_has_failed_in_the_end)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1};
    struct surprise s = {.texts = {CI("good")}, .varies = true};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    surprise(&f, &s);
    wait_for(&s.sent);
    CHECK_INT(s.sent.rc, 0);
    CHECK_INT(s.n_runs, 10);
    CHECK_INT(count(&f, "SELECT count(*) FROM executions WHERE status = 3"), 1);
    close_with(&f, &asker);
}

TEST(an_events_time_is_that_of_the_run_that_counts)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1, .may_be_slow = true};
    struct sent slow = {.rc = 0};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    slow.event = envelope(CI("good slow"));
    slow.work = (struct bf_work){.may_fail = true, .apply = sent_apply, .done = sent_done};
    CHECK_INT(bf_bus_post(f.bus, &slow.work), 0);
    while (fake_waiting(&asker) == 0)
        usleep(500);
    f.wall_ms = 5000;
    fake_slow_ones_may_go(&asker);
    while (!slow.is_done)
        usleep(200);
    CHECK_INT(slow.event->received_ms, 5000);
    CHECK_INT(slow.event->time_ms, 5000);
    bf_envelope_unref(slow.event);
    close_with(&f, &asker);
}


/* --- the hub's own word ---------------------------------------------------------------------------- */

#define RUN_EVENT(type, id, rest)                                                             \
    "{\"type\":\"" type "\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":{\"id\":\"" id "\"" rest "}}"
#define ON_FAILED FILTERED("failed", "{\"type\":\"RUN_STATE\",\"filter\":{\"run_state_filter\":"     \
                           "{\"states\":[\"FAILED\"]}}}", "CRASHED", "fail")
#define MINUTE 60000LL

static int look(struct fixture *f, int64_t wall_ms)
{
    f->wall_ms = wall_ms;
    return carry(f, "{\"type\":\"ci.other\",\"entity\":\"other\"}");
}

TEST(a_crash_is_told_of_when_its_script_has_answered_and_stands_before_what_the_run_says_next)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1, .may_be_slow = true};
    struct sent next = {.rc = 0};

    open_with(&f, &asker);
    bf_bus_heartbeats(f.bus, 5 * MINUTE);
    CHECK_INT(save(&f, "A1", ON_FAILED, NULL), 0);
    CHECK_INT(carry(&f, RUN_EVENT("run.state", "r1", ",\"name\":\"slow\",\"state\":\"RUNNING\"")), 0);
    for (int i = 1; i <= 6; i++)
        CHECK_INT(look(&f, 1000 + i * MINUTE), 0);
    while (fake_waiting(&asker) == 0)
        usleep(500);
    send(&f, &next, RUN_EVENT("run.heartbeat", "r1", ""));
    CHECK_INT(carry(&f, RUN_EVENT("run.heartbeat", "r2", "")), 0);
    CHECK(!next.is_done);
    fake_slow_ones_may_go(&asker);
    wait_for(&next);
    CHECK_STR(ask(&f, "SELECT group_concat(coalesce(json_extract(body, '$.run.state'), type)) FROM"
                      " journal WHERE run = 1"), "RUNNING,CRASHED,RUNNING,run.heartbeat");
    CHECK_INT(count(&f, FIRED), 1);
    close_with(&f, &asker);
}

#define BOTH_STATES                                                                           \
    FILTERED("states", "{\"type\":\"RUN_STATE\",\"filter\":{\"run_state_filter\":{\"states\":["  \
             "\"CRASHED\",\"RUNNING\"]}}}", "good", "fail")

static int two_apply(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_receipt receipt;
    int rc = bf_bus_emit(tx, w->events[0], &receipt, err);

    return rc ? rc : bf_bus_emit(tx, w->events[1], &receipt, err);
}

TEST(a_run_that_crashes_and_speaks_again_in_one_work_is_asked_about_each_time)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1};
    struct sent both = {.rc = 0};
    struct bf_envelope *events[2];

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", BOTH_STATES, NULL), 0);
    events[0] = envelope(RUN_EVENT("run.state", "r1", ",\"name\":\"good\",\"state\":\"CRASHED\""));
    events[1] = envelope(RUN_EVENT("run.heartbeat", "r1", ""));
    both.event = events[1];
    both.work = (struct bf_work){.apply = two_apply, .done = sent_done, .events = events, .n_events = 2};
    CHECK_INT(bf_bus_post(f.bus, &both.work), 0);
    wait_for(&both);
    CHECK_INT(both.rc, 0);
    CHECK_STR(ask(&f, "SELECT group_concat(coalesce(json_extract(body, '$.run.state'), type)) FROM"
                      " journal WHERE run = 1"), "CRASHED,RUNNING,run.heartbeat");
    CHECK_INT(asker.n_questions, 2);
    CHECK_INT(count(&f, FIRED), 2);
    bf_envelope_unref(events[0]);
    close_with(&f, &asker);
}

#define SCHEDULED(name, code)                                                                 \
    FILTERED(name, "{\"type\":\"SCHEDULE\",\"filter\":{\"cron\":\"0 * * * *\","                  \
             "\"time_zone\":\"UTC\"}}", code, "fail")
#define ABSENT(name, code)                                                                    \
    FILTERED(name, "{\"type\":\"ABSENCE\",\"filter\":{\"of\":\"run.heartbeat\",\"for\":\"30m\"}}", \
             code, "fail")
#define HOUR  (60 * MINUTE)
#define START 1767600000000LL           /* 2026-01-05T08:00:00Z */

TEST(a_wait_that_is_over_is_told_of_when_its_script_has_answered_and_others_go_on)
{
    struct fixture f = {.wall_ms = START + 10 * MINUTE};
    struct fake_asker asker = {.seed = 1, .may_be_slow = true};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "slow", SCHEDULED("one", "schedule"), NULL), 0);
    CHECK_INT(save(&f, "quick", SCHEDULED("two", "schedule"), NULL), 0);
    CHECK_INT(look(&f, START + HOUR + 1000), 0);
    while (count(&f, FIRED) == 0)
        usleep(500);
    CHECK_INT(look(&f, START + HOUR + 2000), 0);
    CHECK_STR(ask(&f, "SELECT group_concat(automation) FROM executions"), "quick");
    fake_slow_ones_may_go(&asker);
    while (count(&f, FIRED) == 1)
        usleep(500);
    CHECK_STR(ask(&f, "SELECT group_concat(automation) FROM executions"), "quick,slow");
    CHECK_INT(count(&f, "SELECT count(*) FROM journal WHERE type = 'schedule.tick'"), 2);
    CHECK_INT(look(&f, START + 2 * HOUR + 1000), 0);
    while (count(&f, FIRED) < 4)
        usleep(500);
    CHECK_INT(count(&f, "SELECT count(*) FROM journal WHERE type = 'schedule.tick'"), 4);
    close_with(&f, &asker);
}

TEST(a_wait_whose_record_cannot_be_written_is_asked_about_again)
{
    struct fixture f = {.wall_ms = START + 10 * MINUTE};
    struct fake_asker asker = {.seed = 1, .may_be_slow = true};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "slow", SCHEDULED("one", "schedule"), NULL), 0);
    CHECK_INT(look(&f, START + HOUR + 1000), 0);
    while (fake_waiting(&asker) == 0)
        usleep(500);
    bf_db_fail_commits(f.db, 0, 1);
    fake_slow_ones_may_go(&asker);
    for (int i = 2; count(&f, FIRED) == 0; i++) {
        usleep(500);
        f.wall_ms = START + HOUR + i * 1000;
    }
    CHECK_INT(count(&f, "SELECT count(*) FROM journal WHERE type = 'schedule.tick'"), 1);
    CHECK_INT(asker.n_questions, 2);
    close_with(&f, &asker);
}

TEST(an_absence_is_asked_about_once_and_fires_once)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", ABSENT("silence", "clock.advance"), NULL), 0);
    CHECK_INT(carry(&f, RUN_EVENT("run.heartbeat", "r1", "")), 0);
    CHECK_INT(look(&f, 31 * MINUTE), 0);
    while (count(&f, FIRED) == 0)
        usleep(500);
    CHECK_INT(look(&f, 90 * MINUTE), 0);
    CHECK_INT(count(&f, FIRED), 1);
    CHECK_INT(asker.n_questions, 1);
    close_with(&f, &asker);
}


TEST(an_absence_that_is_over_stands_before_the_event_that_comes_while_its_script_is_asked)
{
    struct fixture f = {.wall_ms = START};
    struct fake_asker asker = {.seed = 1, .may_be_slow = true};
    struct sent late = {.rc = 0};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "slow", FILTERED("silence", "{\"type\":\"ABSENCE\",\"filter\":{\"of\":\"ci.ping\","
                                        "\"for\":\"30m\"}}", "clock.advance", "fail"), NULL), 0);
    CHECK_INT(carry(&f, "{\"type\":\"ci.ping\",\"entity\":\"acme\"}"), 0);
    CHECK_INT(look(&f, START + 31 * MINUTE), 0);
    while (fake_waiting(&asker) == 0)
        usleep(500);
    send(&f, &late, "{\"type\":\"ci.ping\",\"entity\":\"acme\",\"project\":\"p\"}");
    CHECK_INT(carry(&f, CI("of another type")), 0);
    CHECK(!late.is_done);
    fake_slow_ones_may_go(&asker);
    wait_for(&late);
    CHECK_INT(count(&f, FIRED), 1);
    CHECK_INT(count(&f, "SELECT (SELECT seq FROM journal WHERE type = 'clock.advance') <"
                        " (SELECT max(seq) FROM journal WHERE type = 'ci.ping')"), 1);
    close_with(&f, &asker);
}


/* --- on_event ------------------------------------------------------------------------------------ */

static const struct bf_hook passes = {.file = "hook.lua", .on_error = BF_FAILURE_FIRES};
static const struct bf_hook drops = {.file = "hook.lua", .on_error = BF_FAILURE_SKIPS};

static struct bf_envelope *read_event(struct fixture *f, uint64_t seq)
{
    struct bf_arena *a = bf_arena_new(1 << 24);
    struct bf_envelope *e = NULL;
    struct bf_error err;
    struct bf_db *db;

    CHECK_INT(bf_db_open(f->path, BF_DB_READ, &db, &err), 0);
    CHECK_INT(bf_journal_read(db, bf_bus_hub(f->bus), seq, a, &e, &err), 0);
    bf_db_close(db);
    bf_arena_free(a);
    return e;
}

TEST(what_on_event_drops_is_journaled_and_nothing_comes_of_it)
{
    struct fixture f = {.wall_ms = 1000, .on_event = &passes};
    struct fake_asker asker = {.seed = 1};
    struct sent first = {.rc = 0}, again = {.rc = 0};
    struct bf_envelope *e;

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    send(&f, &first, "{\"type\":\"ci.finished\",\"entity\":\"acme\",\"key\":\"k\",\"data\":\"good drop\"}");
    wait_for(&first);
    send(&f, &again, "{\"type\":\"ci.finished\",\"entity\":\"acme\",\"key\":\"k\",\"data\":\"good drop\"}");
    wait_for(&again);
    CHECK_INT(first.rc, 0);
    CHECK(again.receipt.duplicate);
    CHECK_STR(again.receipt.id, first.receipt.id);
    CHECK_INT(count(&f, "SELECT count(*) FROM executions"), 0);
    e = read_event(&f, 2);
    CHECK(e->is_dropped);
    bf_envelope_unref(e);
    CHECK_INT(carry(&f, RUN_EVENT("run.state", "r1", ",\"name\":\"drop\",\"state\":\"RUNNING\"")), 0);
    CHECK_INT(count(&f, "SELECT count(*) FROM runs"), 0);
    CHECK_INT(carry(&f, CI("good")), 0);
    CHECK_INT(count(&f, FIRED), 1);
    CHECK_STR(ask(&f, "SELECT group_concat(seq || ':' || said) FROM journal_originals"), "2:2,3:2");
    close_with(&f, &asker);
}

TEST(what_on_event_makes_of_an_event_is_what_rules_and_journal_see_and_what_came_is_kept)
{
    struct fixture f = {.wall_ms = 1000, .on_event = &passes};
    struct fake_asker asker = {.seed = 1};
    struct surprise s = {.texts = {CI("plain")}};
    struct bf_envelope *e;

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", FILTERED("changed", ON_CI, "changed", "fail"), NULL), 0);
    CHECK_INT(carry(&f, CI("plain")), 0);
    surprise(&f, &s);
    wait_for(&s.sent);
    CHECK_INT(count(&f, FIRED), 2);
    e = read_event(&f, 2);
    CHECK_STR(e->text, CI("changed"));
    bf_envelope_unref(e);
    CHECK_STR(ask(&f, "SELECT body FROM journal_originals WHERE seq = 2"), CI("plain"));
    CHECK_INT(count(&f, "SELECT count(*) FROM journal_originals"), 2);
    close_with(&f, &asker);
}

TEST(the_hubs_own_events_are_not_its_business)
{
    struct fixture f = {.wall_ms = 1000, .on_event = &drops};
    struct fake_asker asker = {.seed = 1};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    CHECK_INT(asker.n_questions, 0);
    CHECK_INT(count(&f, "SELECT count(*) FROM journal_originals"), 0);
    close_with(&f, &asker);
}

/* The first event that is sent is kept, or dropped. */
static void fails_as(const struct bf_hook *hook, const char *text, bool is_dropped, const char *words)
{
    struct fixture f = {.wall_ms = 1000, .on_event = hook};
    struct fake_asker asker = {.seed = 1};
    struct bf_envelope *e;

    open_with(&f, &asker);
    CHECK_INT(carry(&f, text), 0);
    e = read_event(&f, (uint64_t)count(&f, "SELECT max(seq) FROM journal"));
    CHECK_INT(e->is_dropped, is_dropped);
    CHECK_STR(e->text, text);
    bf_envelope_unref(e);
    CHECK_INT(count(&f, "SELECT said FROM journal_originals ORDER BY seq DESC"), BF_SAID_FAILED);
    CHECK_STR(ask(&f, "SELECT words FROM journal_originals ORDER BY seq DESC"), words);
    close_with(&f, &asker);
}

TEST(a_failure_of_on_event_lets_pass_or_drops_as_the_settings_say)
{
    fails_as(&passes, CI("fails"), false, "it was told to fail");
    fails_as(&drops, CI("fails"), true, "it was told to fail");
}

TEST(what_is_no_event_and_what_it_may_not_change_are_failures)
{
    fails_as(&passes, CI("garbage"), false,
             "what on_event gave is no event: this is not JSON: byte 54: a value expected");
    fails_as(&passes, "{\"type\":\"ci.finished\",\"entity\":\"acme\",\"key\":\"a\"}", false,
             "what on_event gave is no event: key: on_event may not change it, from \"a\" to \"b\"");
}

TEST(another_on_event_is_in_force_from_the_next_event_on)
{
    struct fixture f = {.wall_ms = 1000, .on_event = &passes};
    struct fake_asker asker = {.seed = 1};

    open_with(&f, &asker);
    CHECK_INT(carry(&f, CI("drop")), 0);
    bf_bus_on_event(f.bus, NULL);
    CHECK_INT(carry(&f, CI("drop")), 0);
    bf_bus_on_event(f.bus, &drops);
    CHECK_INT(carry(&f, CI("drop")), 0);
    CHECK_STR(ask(&f, "SELECT group_concat(seq) FROM journal_originals"), "1,3");
    close_with(&f, &asker);
}


/* --- what is kept ----------------------------------------------------------------------------------- */

static const char *why(struct fixture *f, uint64_t seq, uint64_t revision)
{
    static char text[2000];
    const struct bf_automation *a;
    struct bf_verdicts *v;
    struct bf_error err;
    struct bf_buf b;
    struct bf_db *db;

    bf_buf_init(&b, 1 << 20);
    CHECK_INT(bf_db_open(f->path, BF_DB_READ, &db, &err), 0);
    CHECK_INT(bf_automation_read(db, revision, &a, &err), 0);
    CHECK_INT(bf_verdicts_open(db, bf_bus_hub(f->bus), seq, NULL, &v, &err), 0);
    bf_verdicts_explain(v, a, &b);
    CHECK_INT(bf_verdicts_error(v), 0);
    snprintf(text, sizeof(text), "%s", bf_buf_text(&b));
    bf_buf_fini(&b);
    bf_verdicts_close(v);
    bf_automation_unref(a);
    bf_db_close(db);
    return text;
}

TEST(a_verdict_reads_back_what_a_script_said)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    CHECK_INT(carry(&f, CI("good")), 0);
    CHECK_INT(carry(&f, CI("bad")), 0);
    CHECK_INT(carry(&f, CI("fails")), 0);
    close_with(&f, &asker);
    f.asker = NULL;
    fixture_open(&f);
    CHECK(strstr(why(&f, 2, 1), "\"decision\":\"fired\""));
    CHECK(strstr(why(&f, 2, 1), "\"said\":\"yes\""));
    CHECK(strstr(why(&f, 3, 1), "\"decision\":\"no\",\"clause\":\"hook\""));
    CHECK(strstr(why(&f, 4, 1), "\"decision\":\"failed\""));
    CHECK(strstr(why(&f, 4, 1), "it was told to fail"));
    CHECK_INT(count(&f, "SELECT count(*) FROM scripts"), 1);
    fixture_close(&f);
}

TEST(of_a_dropped_event_the_verdict_says_so)
{
    struct fixture f = {.wall_ms = 1000, .on_event = &passes};
    struct fake_asker asker = {.seed = 1};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    CHECK_INT(carry(&f, CI("good drop")), 0);
    CHECK(strstr(why(&f, 2, 1), "\"decision\":\"dropped\",\"clause\":\"on_event\""));
    close_with(&f, &asker);
}

static int apply_cut(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    uint64_t from = 0;
    unsigned n;
    bool more;

    (void)w;
    (void)err;
    return bf_journal_cut(tx->db, INT64_MAX, 100, &from, &n, &more);
}

TEST(retention_cuts_what_hooks_said_with_its_event)
{
    struct fixture f = {.wall_ms = 1000, .on_event = &passes};
    struct fake_asker asker = {.seed = 1};
    struct sent s = {.work = {.apply = apply_cut, .done = sent_done}};

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    CHECK_INT(carry(&f, CI("bad plain")), 0);
    CHECK_INT(carry(&f, CI("drop")), 0);
    CHECK_INT(carry(&f, CI("good plain")), 0);  /* it fires, and is needed */
    CHECK_INT(carry(&f, CI("bad plain")), 0);   /* and the newest stays */
    CHECK_INT(count(&f, "SELECT count(*) FROM journal_answers"), 3);
    CHECK_INT(count(&f, "SELECT count(*) FROM journal_originals"), 4);
    CHECK_INT(bf_bus_post(f.bus, &s.work), 0);
    wait_for(&s);
    CHECK_INT(s.rc, 0);
    CHECK_STR(ask(&f, "SELECT group_concat(seq) FROM journal_answers"), "4,5");
    CHECK_STR(ask(&f, "SELECT group_concat(seq) FROM journal_originals"), "4,5");
    close_with(&f, &asker);
}


/* --- the end ---------------------------------------------------------------------------------------- */

TEST(what_is_parked_when_the_bus_stops_is_still_done)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1, .shuffles = true};
    static struct sent sent[100];
    char text[200];

    memset(sent, 0, sizeof(sent));
    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "{\"type\":\"ci.finished\",\"entity\":\"acme\",\"project\":\"p\","
                 "\"collection\":\"c%d\",\"data\":\"good\"}", i % 9);
        send(&f, &sent[i], text);
    }
    bf_bus_stop(f.bus);
    for (int i = 0; i < 100; i++) {
        CHECK(sent[i].is_done);
        CHECK_INT(sent[i].rc, 0);
        bf_envelope_unref(sent[i].event);
    }
    CHECK_INT(count(&f, FIRED), 100);
    close_with(&f, &asker);
}

static void *stop(void *arg)
{
    bf_bus_stop(((struct fixture *)arg)->bus);
    return NULL;
}

static bool is_stopping(struct fixture *f)
{
    struct sent s = {.rc = 0};
    int rc = try_to_send(f, &s, CI_OF("x", "good"));

    if (!rc)
        wait_for(&s);
    bf_envelope_unref(s.event);
    return rc == BF_ECANCELED;
}

TEST(what_gets_no_answer_in_time_is_told_so_and_is_not_there)
{
    struct fixture f = {.wall_ms = 1000};
    struct fake_asker asker = {.seed = 1, .may_be_slow = true};
    struct sent slow = {.rc = 0}, slower = {.rc = 0}, behind = {.rc = 0};
    pthread_t thread;

    open_with(&f, &asker);
    CHECK_INT(save(&f, "A1", GOOD_CI, NULL), 0);
    send(&f, &slower, CI_OF("one", "slower"));
    send(&f, &behind, CI_OF("one", "good"));
    send(&f, &slow, CI_OF("two", "good slow"));
    while (fake_waiting(&asker) < 2)
        usleep(500);
    pthread_create(&thread, NULL, stop, &f);
    while (!is_stopping(&f))
        usleep(1000);
    usleep(50000);                      /* the engine has noticed, and would wait for seconds */
    f.wall_ms += 60000;
    fake_slow_ones_may_go(&asker);      /* which wakes it up */
    pthread_join(thread, NULL);
    CHECK_INT(slow.rc, 0);
    CHECK_INT(slower.rc, BF_ECANCELED);
    CHECK_INT(behind.rc, BF_ECANCELED);
    CHECK_STR(ask(&f, "SELECT group_concat(collection) FROM journal WHERE collection <> 'x'"), "two");
    CHECK_INT(count(&f, "SELECT count(*) FROM executions e JOIN journal j ON j.seq = e.event"
                        " WHERE j.collection = 'one'"), 0);
    bf_envelope_unref(slow.event);
    bf_envelope_unref(slower.event);
    bf_envelope_unref(behind.event);
    close_with(&f, &asker);
}
