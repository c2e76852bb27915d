/* test_bus.c - batches, the journal, keys, numbers, and what happens when a commit fails. */
#include "core/bus/bus_int.h"
#include "tests/unit/bus_fixture.h"

#include <unistd.h>

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

TEST(an_event_is_in_the_journal_when_it_is_done)
{
    struct fixture f = {.wall_ms = 1000};
    struct bf_receipt r;

    fixture_open(&f);
    CHECK_INT(emit(&f, ALIAS_EVENT("production", ""), &r), 0);
    CHECK_INT(strlen(r.id), BF_ID_LEN);
    CHECK(!r.duplicate);
    CHECK_INT(count(&f, "SELECT count(*) FROM journal"), 1);
    fixture_close(&f);
}

TEST(a_repeat_of_a_key_adds_nothing_and_names_the_first)
{
    struct fixture f = {.wall_ms = 1000};
    struct bf_receipt first, again, other;

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON_PRODUCTION("notify", "I1"), NULL), 0);
    CHECK_INT(emit(&f, ALIAS_EVENT("production", ",\"key\":\"k\""), &first), 0);
    f.wall_ms = 2000;
    CHECK_INT(emit(&f, ALIAS_EVENT("production", ",\"key\":\"k\""), &again), 0);
    CHECK_INT(emit(&f, ALIAS_EVENT("production", ",\"key\":\"k\",\"source\":\"s\""), &other), 0);
    CHECK(again.duplicate);
    CHECK_STR(again.id, first.id);
    CHECK(!other.duplicate);
    CHECK_INT(count(&f, "SELECT count(*) FROM executions"), 2);
    fixture_close(&f);
}

TEST(a_matching_event_adds_its_execution_in_the_same_commit)
{
    struct fixture f = {.wall_ms = 1000};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON_PRODUCTION("notify", "I1"), NULL), 0);
    CHECK_INT(emit(&f, ALIAS_EVENT("staging", ""), NULL), 0);
    CHECK_INT(f.n_enqueued, 0);
    CHECK_INT(emit(&f, ALIAS_EVENT("production", ""), NULL), 0);
    CHECK_INT(f.n_enqueued, 1);
    CHECK_INT(count(&f, "SELECT count(*) FROM executions e JOIN journal j ON j.seq = e.event"
                        " WHERE e.status = 0 AND e.integration = 'I1'"), 1);
    fixture_close(&f);
}

TEST(an_automation_is_in_force_after_a_restart)
{
    struct fixture f = {.wall_ms = 1000};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON_PRODUCTION("notify", "I1"), NULL), 0);
    fixture_close(&f);
    fixture_open(&f);
    CHECK_INT(bf_bus_automations(f.bus), 1);
    CHECK_INT(emit(&f, ALIAS_EVENT("production", ""), NULL), 0);
    CHECK_INT(f.n_enqueued, 1);
    fixture_close(&f);
}

TEST(numbers_and_ids_go_on_after_a_restart)
{
    struct fixture f = {.wall_ms = 1000};
    struct bf_receipt a, b;

    fixture_open(&f);
    CHECK_INT(emit(&f, ALIAS_EVENT("x", ""), &a), 0);
    fixture_close(&f);
    fixture_open(&f);
    CHECK_INT(emit(&f, ALIAS_EVENT("x", ""), &b), 0);
    CHECK(strcmp(a.id, b.id) < 0);
    CHECK_INT(count(&f, "SELECT max(seq) FROM journal"), 2);
    fixture_close(&f);
}

TEST(received_never_goes_back_even_over_a_restart)
{
    struct fixture f = {.wall_ms = 5000};

    fixture_open(&f);
    CHECK_INT(emit(&f, ALIAS_EVENT("x", ""), NULL), 0);
    f.wall_ms = 1000;
    CHECK_INT(emit(&f, ALIAS_EVENT("x", ""), NULL), 0);
    fixture_close(&f);
    fixture_open(&f);
    CHECK_INT(emit(&f, ALIAS_EVENT("x", ""), NULL), 0);
    CHECK_INT(count(&f, "SELECT min(received) FROM journal"), 5000);
    fixture_close(&f);
}

static int64_t steps;
static int64_t step_mono(void *arg)
{
    (void)arg;
    return steps;
}

TEST(the_hubs_time_never_goes_back_and_never_stands_still)
{
    struct fixture f = {.wall_ms = 100000};

    fixture_open(&f);
    f.clock.mono_ms = step_mono;
    CHECK_INT(bf_bus_now(f.bus), 100000);
    f.wall_ms = 160000;
    steps += 60000;
    CHECK_INT(bf_bus_now(f.bus), 160000);
    f.wall_ms = 40000;                          /* two minutes back */
    CHECK_INT(bf_bus_now(f.bus), 160000);
    f.wall_ms = 100000;
    steps += 60000;
    CHECK_INT(bf_bus_now(f.bus), 190000);       /* at half speed */
    for (int i = 0; i < 1000; i++, steps++)
        bf_bus_now(f.bus);                      /* asked often, it goes on all the same */
    CHECK_INT(bf_bus_now(f.bus), 190500);
    f.wall_ms = 200000;
    CHECK_INT(bf_bus_now(f.bus), 200000);
    fixture_close(&f);
}

TEST(hops_beyond_the_senders_own_are_remembered)
{
    struct fixture f = {.wall_ms = 1000};
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_envelope *e;
    struct bf_error err;
    struct bf_db *db;

    fixture_open(&f);
    f.hops = 4;
    CHECK_INT(emit(&f, ALIAS_EVENT("x", ""), NULL), 0);
    CHECK_INT(bf_db_open(f.path, BF_DB_READ, &db, &err), 0);
    CHECK_INT(bf_journal_read(db, bf_bus_hub(f.bus), 1, a, &e, &err), 0);
    CHECK_INT(e->hops, 4);
    bf_envelope_unref(e);
    bf_arena_free(a);
    bf_db_close(db);
    fixture_close(&f);
}

static atomic_bool began, may_end;

static int apply_slowly(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    (void)w;
    (void)tx;
    (void)err;
    began = true;
    while (!may_end)
        usleep(1000);
    return 0;
}

static void no_matter(struct bf_work *w, int rc, const struct bf_error *err)
{
    (void)w;
    (void)rc;
    (void)err;
}

TEST(more_bytes_than_the_queue_holds_are_refused)
{
    struct fixture f = {.wall_ms = 1000};
    struct bf_work slow = {.apply = apply_slowly, .done = no_matter};
    struct bf_work big = {.apply = apply_slowly, .done = no_matter, .weight = BF_BUS_QUEUE_BYTES};
    struct bf_work more = {.apply = apply_slowly, .done = no_matter, .weight = 1};

    fixture_open(&f);
    CHECK_INT(bf_bus_post(f.bus, &slow), 0);
    while (!began)
        usleep(1000);
    CHECK_INT(bf_bus_post(f.bus, &big), 0);
    CHECK_INT(bf_bus_post(f.bus, &more), BF_EFULL);
    may_end = true;
    bf_bus_stop(f.bus);
    fixture_close(&f);
}

TEST(a_taken_name_refuses_one_work_and_not_its_batch)
{
    struct fixture f = {.wall_ms = 1000};
    struct bf_error err;

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON_PRODUCTION("notify", "I1"), NULL), 0);
    CHECK_INT(save(&f, "A2", ON_PRODUCTION("notify", "I1"), &err), BF_EEXIST);
    CHECK_STR(err.field, "name");
    CHECK_INT(emit(&f, ALIAS_EVENT("production", ""), NULL), 0);
    CHECK_INT(f.n_enqueued, 1);
    CHECK_INT(count(&f, "SELECT count(*) FROM journal WHERE type = 'belfry.automation.saved'"), 1);
    fixture_close(&f);
}

TEST(a_failed_commit_leaves_nothing_and_the_next_one_works)
{
    struct fixture f = {.wall_ms = 1000};
    struct bf_receipt r;

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON_PRODUCTION("notify", "I1"), NULL), 0);
    bf_db_fail_commits(f.db, 0, 2);
    CHECK_INT(emit(&f, ALIAS_EVENT("production", ",\"key\":\"k\""), &r), BF_EIO);
    CHECK(!f.healthy);
    CHECK_INT(emit(&f, ALIAS_EVENT("production", ",\"key\":\"k\""), &r), BF_EIO);
    CHECK_INT(f.n_enqueued, 0);
    CHECK_INT(emit(&f, ALIAS_EVENT("production", ",\"key\":\"k\""), &r), 0);
    CHECK(f.healthy);
    CHECK(!r.duplicate);
    CHECK_INT(f.n_enqueued, 1);
    CHECK_INT(count(&f, "SELECT count(*) FROM journal WHERE type = 'artifact.alias.add'"), 1);
    CHECK_INT(count(&f, "SELECT count(*) FROM executions"), 1);
    fixture_close(&f);
}

/* --- limits ------------------------------------------------------------------- */

#define LIMITED(limits)                                                                       \
    "{\"name\":\"limited\",\"scope\":{\"entity\":\"acme\"},\"event\":{\"type\":\"ci.done\"},"      \
    "\"limits\":" limits ",\"actions\":[{\"integration\":\"I1\",\"config\":{}},"                \
    "{\"integration\":\"I2\",\"config\":{}}]}"
#define DONE "{\"type\":\"ci.done\",\"entity\":\"acme\"}"

static int apply_and_refuse(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    CHECK_INT(apply_event(p, tx, err), 0);
    CHECK_INT(apply_event(p, tx, err), 0);
    return bf_error_set(err, BF_EINVAL, "no");
}

TEST(what_is_undone_was_not_suppressed)
{
    struct fixture f = {.wall_ms = 1000000};
    struct posted p = {.apply = apply_and_refuse, .text = DONE, .work.may_fail = true};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", LIMITED("{\"cooldown\":\"1h\",\"over\":\"skip\"}"), NULL), 0);
    CHECK_INT(emit(&f, DONE, NULL), 0);
    CHECK_INT(emit(&f, DONE, NULL), 0);
    CHECK_INT(post(&f, &p), BF_EINVAL);
    CHECK_INT(count(&f, "SELECT sum(firings) FROM executions WHERE status = 5"), 1);
    bf_db_fail_commits(f.db, 0, 1);
    CHECK_INT(emit(&f, DONE, NULL), BF_EIO);
    CHECK_INT(emit(&f, DONE, NULL), 0);
    CHECK_INT(count(&f, "SELECT sum(firings) FROM executions WHERE status = 5"), 2);
    CHECK_INT(count(&f, "SELECT count(*) FROM executions"), 3);     /* two actions, and the row */
    CHECK_INT(f.n_enqueued, 3);
    fixture_close(&f);
}

TEST(a_firing_over_its_limit_is_due_later_or_joins_for_each_action)
{
    struct fixture f = {.wall_ms = 1000000};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", LIMITED("{\"cooldown\":\"1m\"}"), NULL), 0);
    CHECK_INT(emit(&f, DONE, NULL), 0);
    CHECK_INT(emit(&f, DONE, NULL), 0);
    CHECK_INT(count(&f, "SELECT count(*) FROM executions WHERE delayed_by = 'cooldown' AND"
                        " due = created + 60000"), 2);
    CHECK_INT(save(&f, "A1", LIMITED("{\"cooldown\":\"1m\",\"over\":\"digest\"}"), NULL), 0);
    for (int i = 0; i < 4; i++)
        CHECK_INT(emit(&f, DONE, NULL), 0);
    CHECK_INT(count(&f, "SELECT count(*) FROM executions"), 8);
    CHECK_INT(count(&f, "SELECT count(*) FROM executions WHERE firings = 3"), 2);
    fixture_close(&f);
}

/* --- scripts ------------------------------------------------------------------- */

#define HOOKED(on_error, limits)                                                              \
    "{\"name\":\"hooked\",\"scope\":{\"entity\":\"acme\"},\"event\":{\"type\":\"ci.done\"},"       \
    "\"hooks\":{\"filter\":{\"file\":\"f.lua\",\"on_error\":\"" on_error "\"}}" limits ",\"actions\":" \
    "[{\"integration\":\"I1\",\"config\":{}},{\"integration\":\"I2\",\"config\":{}}]}"

static void all_fail(void *arg, const struct bf_automation *a, struct bf_answer *out)
{
    (void)arg;
    (void)a;
    *out = (struct bf_answer){BF_SAID_FAILED, "5c41", "f.lua:1: nil"};
}

static int apply_with_failure(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    static const struct bf_answers answers = {all_fail, NULL};

    bf_rules_answers(tx->bus->rules, &answers);
    return apply_event(p, tx, err);
}

static int emit_done(struct fixture *f)
{
    struct posted p = {.apply = apply_with_failure, .text = DONE};

    return post(f, &p);
}

#define FAILED "FROM executions WHERE status = 3 AND reason = 'hook_failed' AND attempts = 0"

TEST(what_a_failed_script_lets_fail_is_failed_from_the_start_for_each_action)
{
    struct fixture f = {.wall_ms = 1000000};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", HOOKED("fail", ",\"limits\":{\"cooldown\":\"1m\",\"over\":\"digest\"}"),
                   NULL), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(emit_done(&f), 0);    /* one within the limit, one that opens a digest, one that joins */
    CHECK_INT(count(&f, "SELECT count(*) FROM executions"), 6);
    CHECK_INT(count(&f, "SELECT count(*) " FAILED " AND finished = created AND due = created"), 6);
    CHECK_INT(count(&f, "SELECT count(*) " FAILED " AND hooks LIKE '{\"filter\":{%\"said\":\"failed\",%'"), 6);
    CHECK_INT(count(&f, "SELECT count(*) FROM executions WHERE delayed_by IS NOT NULL OR firings IS NOT"
                        " NULL"), 0);
    CHECK_INT(count(&f, "SELECT count(*) FROM open_digests"), 0);
    fixture_close(&f);
}

TEST(what_a_failed_script_skips_is_one_row)
{
    struct fixture f = {.wall_ms = 1000000};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", HOOKED("skip", ""), NULL), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(emit_done(&f), 0);
    CHECK_INT(count(&f, "SELECT count(*) FROM executions"), 1);
    CHECK_INT(count(&f, "SELECT firings FROM executions WHERE status = 5 AND reason = 'hook_failed' AND"
                        " hooks LIKE '{\"filter\":{%\"said\":\"failed\",%'"), 3);
    fixture_close(&f);
}

TEST(what_a_failed_script_does_not_keep_from_firing_waits_to_be_sent)
{
    struct fixture f = {.wall_ms = 1000000};

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", HOOKED("fire", ""), NULL), 0);
    CHECK_INT(emit_done(&f), 0);
    CHECK_INT(count(&f, "SELECT count(*) FROM executions WHERE status = 0 AND reason IS NULL AND"
                        " hooks LIKE '{\"filter\":{%\"said\":\"failed\",%'"), 2);
    fixture_close(&f);
}

TEST(what_is_read_back_is_what_was_sent_byte_for_byte)
{
    static const char text[] = ALIAS_EVENT("x", ", \"data\" : {\"n\":9007199254740993,\"e\":1.0e2}");
    struct fixture f = {.wall_ms = 1000};
    struct bf_arena *a = bf_arena_new(1 << 20);
    struct bf_envelope *e;
    struct bf_receipt r;
    struct bf_error err;
    struct bf_db *db;

    fixture_open(&f);
    CHECK_INT(emit(&f, text, &r), 0);
    CHECK_INT(bf_db_open(f.path, BF_DB_READ, &db, &err), 0);
    CHECK_INT(bf_journal_read(db, bf_bus_hub(f.bus), 1, a, &e, &err), 0);
    CHECK_STR(e->text, text);
    CHECK_STR(e->id, r.id);
    CHECK_INT(e->received_ms, 1000);
    CHECK_INT(bf_journal_read(db, bf_bus_hub(f.bus), 99, a, &e, &err), BF_ENOENT);
    bf_envelope_unref(e);
    bf_arena_free(a);
    bf_db_close(db);
    fixture_close(&f);
}

/* Many senders at once: every receipt is a different event, and all of them are there. */
static void *send_many(void *arg)
{
    for (int i = 0; i < 200; i++)
        CHECK_INT(emit(arg, ALIAS_EVENT("production", ""), NULL), 0);
    return NULL;
}

TEST(many_senders_are_all_served)
{
    struct fixture f = {.wall_ms = 1000};
    pthread_t threads[8];

    fixture_open(&f);
    CHECK_INT(save(&f, "A1", ON_PRODUCTION("notify", "I1"), NULL), 0);
    for (size_t i = 0; i < BF_COUNT(threads); i++)
        pthread_create(&threads[i], NULL, send_many, &f);
    for (size_t i = 0; i < BF_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(count(&f, "SELECT count(DISTINCT number) FROM executions"), 1600);
    CHECK_INT(f.n_enqueued, 1600);
    fixture_close(&f);
}

TEST(a_stopped_bus_does_what_was_queued_and_refuses_what_comes_after)
{
    struct fixture f = {.wall_ms = 1000};
    struct posted late = {.apply = apply_event};

    fixture_open(&f);
    CHECK_INT(emit(&f, ALIAS_EVENT("x", ""), NULL), 0);
    bf_bus_stop(f.bus);
    CHECK_INT(bf_bus_post(f.bus, &late.work), BF_ECANCELED);
    fixture_close(&f);
}
