/* write.c - a change: parked while the engine does it, answered after the commit. */
#include "core/api/api_int.h"

#include "core/base/base.h"

/* The write lives in the exchange's arena, which may be gone once the exchange is finished: that
 * comes last. */
static void end(struct bf_api_write *w, int status)
{
    struct bf_exchange *x = w->x;

    if (w->release)
        w->release(w);
    bf_exchange_finish(x, status);
}

static void on_done(struct bf_work *work, int rc, const struct bf_error *err)
{
    struct bf_api_write *w = bf_container_of(work, struct bf_api_write, work);

    if (!rc)
        end(w, w->answer(w));
    else if (w->refuse)
        end(w, w->refuse(w, rc, err));
    else
        end(w, bf_api_fail(w->x, rc, err));
}

int bf_api_conflict(struct bf_api_write *w, int rc, const struct bf_error *err)
{
    if (rc == BF_EEXIST)
        return bf_exchange_fail(w->x, 409, "conflict", err->field[0] ? err->field : NULL, "%s",
                                err->words);
    return bf_api_fail(w->x, rc, err);
}

/* The exchange is parked, and may be finished before this returns. */
static void post(struct bf_api_write *w)
{
    int rc;

    w->work.may_fail = true;
    w->work.done = on_done;
    rc = bf_bus_post(w->api->bus, &w->work);
    if (rc)
        on_done(&w->work, rc, NULL);
}

int bf_api_post(struct bf_api *api, struct bf_exchange *x, struct bf_api_write *w)
{
    w->api = api;
    w->x = x;
    bf_exchange_park(x);
    post(w);
    return BF_PARKED;
}

static void on_worker(struct bf_job *job)
{
    struct bf_api_checked *c = bf_container_of(job, struct bf_api_checked, job);
    int status = c->check(c);

    if (status)
        end(&c->write, status);
    else
        post(&c->write);
}

int bf_api_check_and_post(struct bf_api *api, struct bf_exchange *x, struct bf_api_checked *c)
{
    int rc;

    c->write.api = api;
    c->write.x = x;
    c->job.fn = on_worker;
    bf_exchange_park(x);
    rc = bf_plugins_run(api->plugins, &c->job);
    if (rc)
        end(&c->write, bf_api_fail(x, rc, NULL));
    return BF_PARKED;
}

void bf_api_refresh(struct bf_api *api, const char *what, const char *id)
{
    struct bf_error err;

    if (bf_team_refresh(api->team, bf_bus_db(api->bus), what, id, &err))
        bf_errorf(api->log, "api", "%s %s was saved, but is not in force before a restart: %s",
                  what, id, err.words);
}
