/* test_keeper.c - the keeper's round, on a loop and an engine as in a hub. */
#include "tests/unit/bus_fixture.h"

#include <time.h>

#include "core/keeper/keeper.h"

#define DAY   (24 * 3600 * 1000LL)
#define MANY  8000              /* executions: more than one slice cuts */

struct rig {
    struct fixture f;
    struct bf_guard *guard;
    struct bf_loop *loop;
    struct bf_keeper *keeper;
    bool breaks;
};

static void open_all(struct rig *r)
{
    struct bf_error err;

    *r = (struct rig){.f = {.wall_ms = 1000 * DAY}};
    fixture_open(&r->f);
    CHECK_INT(bf_guard_new("", &r->guard, &err), 0);
    CHECK_INT(bf_loop_new(r->guard, "test", bf_clock_system(), NULL, &r->loop, &err), 0);
    CHECK_INT(bf_loop_start(r->loop, &err), 0);
    r->keeper = bf_keeper_new(r->loop, r->f.bus, bf_clock_system(), NULL);
    bf_keeper_start(r->keeper);
}

static void close_all(struct rig *r)
{
    bf_keeper_stop(r->keeper);
    bf_loop_stop(r->loop);
    bf_bus_stop(r->f.bus);
    bf_keeper_free(r->keeper);
    bf_loop_free(r->loop);
    fixture_close(&r->f);
    bf_guard_free(r->guard);
}

static struct bf_keeper_counts counts(struct rig *r)
{
    struct bf_keeper_counts c;

    bf_keeper_count(r->keeper, &c);
    return c;
}

/* Wait until a pass is over, or so many executions are cut. */
static void wait_for(struct rig *r, uint64_t n)
{
    for (int i = 0; i < 2000 && (counts(r).executions_cut < n || !counts(r).bytes); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

static int apply_many(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    (void)p;
    (void)err;
    return bf_query_run(bf_db_query(
        tx->db, "INSERT INTO executions (number, entity, event, automation, revision, action,"
                " integration, trigger_name, status, attempts, created, due, first_attempt,"
                " finished) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"
                " WHERE n <= 8000) SELECT n, 'acme', 1, 'A1', 1, 0, 'I1', 'LINK_MODEL', 2, 1, 5,"
                " 5, 5, 5 FROM c"));
}

/* In a work of the engine, so that the commit behind it is the one that begins the pass. */
struct keep {
    struct posted p;
    struct rig *r;
};

static int apply_keep(struct posted *p, struct bf_tx *tx, struct bf_error *err)
{
    struct rig *r = bf_container_of(p, struct keep, p)->r;

    (void)err;
    if (r->breaks)
        bf_db_fail_commits(tx->db, 1, 1);
    bf_keeper_keep(r->keeper, DAY, 0);
    return BF_OK;
}

static void keep_a_day(struct rig *r)
{
    struct posted many = {.apply = apply_many};
    struct keep k = {.p = {.apply = apply_keep}, .r = r};

    wait_for(r, 0);             /* the first pass, which had nothing to do */
    CHECK_INT(post(&r->f, &many), 0);
    CHECK_INT(post(&r->f, &k.p), 0);
    wait_for(r, MANY);
    CHECK_INT(counts(r).executions_cut, MANY);
}

TEST(what_is_kept_from_now_on_is_cut_at_once_and_to_the_end)
{
    struct rig r;

    open_all(&r);
    keep_a_day(&r);
    close_all(&r);
}

TEST(a_pass_whose_commit_fails_begins_anew_at_once)
{
    struct rig r;

    open_all(&r);
    r.breaks = true;
    keep_a_day(&r);
    close_all(&r);
}
