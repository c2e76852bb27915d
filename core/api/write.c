/* write.c - a change: parked while the engine does it, answered after the commit. */
#include "core/api/api_int.h"

#include "core/base/base.h"

/* The write lives in the exchange's arena, which may be gone once the exchange is finished: that
 * comes last. */
static void on_done(struct bf_work *work, int rc, const struct bf_error *err)
{
    struct bf_api_write *w = bf_container_of(work, struct bf_api_write, work);
    struct bf_exchange *x = w->x;
    int status = rc ? bf_api_fail(x, rc, err) : w->answer(w);

    if (w->release)
        w->release(w);
    bf_exchange_finish(x, status);
}

int bf_api_post(struct bf_api *api, struct bf_exchange *x, struct bf_api_write *w)
{
    int rc;

    w->api = api;
    w->x = x;
    w->work.may_fail = true;
    w->work.done = on_done;
    bf_exchange_park(x);
    rc = bf_bus_post(api->bus, &w->work);
    if (rc)
        on_done(&w->work, rc, NULL);
    return BF_PARKED;
}

void bf_api_refresh(struct bf_api *api, const char *what, const char *id)
{
    struct bf_error err;

    if (bf_team_refresh(api->team, bf_bus_db(api->bus), what, id, &err))
        bf_errorf(api->log, "api", "%s %s was saved, but is not in force before a restart: %s",
                  what, id, err.words);
}
