/* master_key.c - POST /api/v1/master-key/rotate: another master key, while everything goes on.
 *
 * The steps are the team room's.  Files are written on a worker, the database by the engine, a
 * transaction per step; secrets go over a slice at a time, between the batches of everybody else.
 * The request stays parked until the last step.  If the hub ends in between, what is left is done
 * when it starts. */
#include "core/api/api_int.h"

#include "core/base/base.h"

#define CUT_TRIES 20            /* at the log, while readers are in the way */

enum step { BEGIN, WRAP, SWITCH, UNWRAP, RESEAL, DROP, CUT };

struct rotating {
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_work work;
    struct bf_job job;
    struct bf_rotation *rotation;
    enum step step;
    bool more;                  /* to seal anew */
    unsigned n_cuts;
    int64_t now_ms;
};

static void end(struct rotating *r, int status)
{
    struct bf_exchange *x = r->x;       /* r is in its arena */

    bf_rotation_end(r->rotation);
    bf_exchange_finish(x, status);
}

static void fail(struct rotating *r, int rc, const struct bf_error *err)
{
    bf_errorf(r->api->log, "api", "the master key was not rotated to the end: %s; nothing is lost,"
              " and what is left is done at the next start or rotation",
              err ? err->words : bf_strerror(rc));
    end(r, rc == BF_EEXIST ? bf_exchange_fail(r->x, 409, "conflict", NULL, "%s", err->words)
                           : bf_api_fail(r->x, rc, err));
}

static void succeed(struct rotating *r)
{
    struct bf_tree *t = bf_tree_object();
    size_t n_damaged, n = bf_rotation_count(r->rotation, &n_damaged);

    bf_show_time(t, "rotated", r->now_ms);
    bf_tree_int(t, "secrets", (int64_t)n);
    bf_tree_int(t, "unreadable", (int64_t)n_damaged);
    bf_infof(r->api->log, "api", "the master key was rotated by %s: %zu secrets, and %zu that do"
             " not open", bf_auth_who(r->x)->user, n, n_damaged);
    end(r, bf_api_answer(r->x, 200, t));
}

static void on_step(struct bf_work *w, int rc, const struct bf_error *err);
static void on_worker(struct bf_job *job);

static int record(struct rotating *r, struct bf_tx *tx, struct bf_error *err)
{
    const char *user = bf_auth_who(r->x)->user;

    return bf_bus_record(tx, "belfry.master_key.rotated", user, user, "{}", 2, err);
}

static int apply(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct rotating *r = bf_container_of(w, struct rotating, work);
    int rc;

    switch (r->step) {
    case WRAP:
        r->now_ms = tx->now_ms;
        rc = bf_rotation_wrap(r->rotation, tx->db, tx->now_ms, err);
        return rc ? rc : record(r, tx, err);
    case UNWRAP: return bf_rotation_unwrap(r->rotation, tx->db, err);
    case RESEAL: return bf_rotation_reseal(r->rotation, tx->db, &r->more, err);
    case DROP: return bf_rotation_drop(r->rotation, tx->db, err);
    default: return BF_OK;
    }
}

/* The next step, on the engine. */
static void post(struct rotating *r, enum step step)
{
    int rc;

    r->step = step;
    r->work = (struct bf_work){.may_fail = true, .always = true, .apply = apply, .done = on_step};
    rc = bf_bus_post(r->api->bus, &r->work);
    if (rc)
        fail(r, rc, NULL);
}

/* The next step, on a worker. */
static void run(struct rotating *r, enum step step)
{
    int rc;

    r->step = step;
    r->job.fn = on_worker;
    rc = bf_plugins_run(r->api->plugins, &r->job);
    if (rc)
        fail(r, rc, NULL);
}

static void on_worker(struct bf_job *job)
{
    struct rotating *r = bf_container_of(job, struct rotating, job);
    struct bf_error err;
    int rc = r->step == BEGIN ? bf_rotation_begin(r->api->team, &r->rotation, &err)
                              : bf_rotation_switch(r->rotation, &err);

    if (rc)
        fail(r, rc, &err);
    else
        post(r, r->step == BEGIN ? WRAP : UNWRAP);
}

static void cut(struct rotating *r)
{
    if (bf_db_truncate_wal(bf_bus_db(r->api->bus)) || ++r->n_cuts == CUT_TRIES)
        succeed(r);
    else
        post(r, CUT);
}

/* The step is on disk. */
static void go_on(struct rotating *r)
{
    struct bf_db *db = bf_bus_db(r->api->bus);
    struct bf_error err;
    int rc = BF_OK;

    if (r->step == RESEAL)
        rc = bf_rotation_resealed(r->rotation, db, &err);
    else if (r->step == DROP)
        rc = bf_rotation_dropped(r->rotation, db, &err);
    if (rc) {
        fail(r, rc, &err);
        return;
    }
    switch (r->step) {
    case WRAP:
        bf_rotation_wrapped(r->rotation);
        run(r, SWITCH);
        break;
    case UNWRAP:
        post(r, RESEAL);
        break;
    case RESEAL:
        post(r, r->more ? RESEAL : DROP);
        break;
    default:
        cut(r);
    }
}

static void on_step(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct rotating *r = bf_container_of(w, struct rotating, work);

    if (rc)
        fail(r, rc, err);
    else
        go_on(r);
}

static int on_rotate(struct bf_exchange *x, void *arg)
{
    struct rotating *r = bf_arena_new_of(bf_exchange_arena(x), struct rotating);
    int status = bf_api_body_members(x, NULL, 0);

    if (status)
        return status;
    if (!r)
        return bf_api_fail(x, BF_EFULL, NULL);
    r->api = arg;
    r->x = x;
    bf_exchange_park(x);
    run(r, BEGIN);
    return BF_PARKED;
}

const struct bf_api_route bf_api_master_key_routes[] = {
    {"POST", "/api/v1/master-key/rotate", BF_API_HUB_ADMIN, on_rotate},
    {NULL, NULL, 0, NULL},
};
