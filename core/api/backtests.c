/* backtests.c - /api/v1/backtests: an automation, tried on what has been recorded.
 *
 * Who may make the automation may try it; who may read what its team has may look at the result.
 * A backtest takes as long as it takes, so it is asked for again and again; DELETE ends it. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/backtest/backtest.h"
#include "core/base/base.h"

#define SHOWN_MAX  (64 * 1024 * 1024)
#define LISTED_MAX (BF_BACKTESTS_RUN + BF_BACKTESTS_QUEUED + BF_BACKTESTS_KEPT)
#define ZONE_DEFAULT "UTC"

struct asking {
    struct bf_job job;
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_api_tried tried;
    struct bf_backtest_order order;
};


/* --- showing --------------------------------------------------------------------------------- */

static int answer(struct bf_exchange *x, int status, struct bf_backtest *t)
{
    struct bf_buf b;

    bf_buf_init(&b, SHOWN_MAX);
    bf_backtest_print(t, true, &b);
    bf_exchange_reply(x, "application/json", b.data, b.len);
    bf_buf_fini(&b);
    return status;
}

/* The one that {id} names, a reference, if the caller may read where it belongs. */
static int find(struct bf_api *api, struct bf_exchange *x, struct bf_backtest **out)
{
    const char *id = bf_exchange_param(x, "id");
    struct bf_backtest *t = bf_backtests_find(api->backtests, id ? id : "");

    if (t && bf_api_may_read(api, x, bf_backtest_entity(t))) {
        *out = t;
        return 0;
    }
    bf_backtest_unref(t);
    return bf_api_missing(x, "backtest", id ? id : "");
}

static int on_get(struct bf_exchange *x, void *arg)
{
    struct bf_backtest *t;
    int status = find(arg, x, &t);

    if (status)
        return status;
    status = answer(x, 200, t);
    bf_backtest_unref(t);
    return status;
}

/* Ids of later ones are greater, so the list goes on behind the one that ended a page. */
static int on_list(struct bf_exchange *x, void *arg)
{
    struct bf_backtest *all[LISTED_MAX];
    struct bf_api *api = arg;
    struct bf_api_page page;
    size_t n;
    int status = bf_api_page_begin(&page, api, x);

    if (status)
        return status;
    n = bf_backtests_list(api->backtests, all, LISTED_MAX);
    for (size_t i = 0; i < n; i++) {
        struct bf_backtest *t = all[i];
        bool behind = !*page.cursor || strcmp(bf_backtest_id(t), page.cursor) < 0;

        if (!page.more && behind && bf_api_may_read(api, x, bf_backtest_entity(t)) &&
            bf_api_page_take(&page, bf_backtest_id(t))) {
            struct bf_buf b;

            bf_buf_init(&b, SHOWN_MAX);
            bf_backtest_print(t, false, &b);
            bf_tree_raw(page.items, NULL, b.data, b.len);
            bf_buf_fini(&b);
        }
        bf_backtest_unref(t);
    }
    return bf_api_page_answer(&page, BF_OK);
}


/* --- ending ---------------------------------------------------------------------------------- */

static int on_delete(struct bf_exchange *x, void *arg)
{
    struct bf_api *api = arg;
    struct bf_backtest *t;
    int status = find(api, x, &t);

    if (status)
        return status;
    status = bf_api_check_scope(api, x, bf_backtest_entity(t), bf_backtest_project(t));
    if (!status) {
        bf_backtests_drop(api->backtests, t);
        status = 204;
    }
    bf_backtest_unref(t);
    return status;
}


/* --- beginning ------------------------------------------------------------------------------- */

static int begin(struct asking *q, const struct bf_automation *a)
{
    struct bf_backtest *t;
    struct bf_error err = {0};
    int rc, status;

    q->order.automation = a;
    q->order.stored = q->tried.stored;
    rc = bf_backtests_add(q->api->backtests, &q->order, &t, &err);
    if (rc == BF_EFULL) {
        bf_exchange_reply_header(q->x, "Retry-After", "10");
        return bf_exchange_fail(q->x, 429, "too_many_requests", NULL, "%s", err.words);
    }
    if (rc)
        return bf_api_fail(q->x, rc, &err);
    bf_infof(q->api->log, "backtest", "%s tries automation \"%s\" of %s on recorded events",
             q->order.user, a->name, a->entity);
    bf_exchange_reply_header(q->x, "Location",
                             bf_arena_printf(bf_exchange_arena(q->x), "/api/v1/backtests/%s",
                                             bf_backtest_id(t)));
    status = answer(q->x, 202, t);
    bf_backtest_unref(t);
    return status;
}

/* [worker] */
static void check(struct bf_job *job)
{
    struct asking *q = bf_container_of(job, struct asking, job);
    struct bf_exchange *x = q->x;
    struct bf_tz *tz = q->order.tz;
    struct bf_automation *a;
    int status = bf_api_check_tried(q->api, x, &q->tried, &a);

    if (!status) {
        a->era = 0;             /* it begins with the range */
        status = bf_api_check_scope(q->api, x, a->entity, a->project);
        if (!status)
            status = begin(q, a);
        bf_automation_unref(a);
    }
    bf_tz_unref(tz);
    bf_exchange_finish(x, status);
}

static int read_moment(struct asking *q, const struct bf_json *json, const char *name,
                       int64_t *ms)
{
    const char *text = bf_json_str(bf_exchange_arena(q->x), json);
    int64_t ago_ms;

    if (bf_time_parse(text, ms))
        return 0;
    if (!bf_duration_parse(text, &ago_ms))
        return bf_exchange_fail(q->x, 400, "invalid", name, "%s must be a time like"
                                " 2026-11-23T12:00:00Z or how long ago, like 7d", name);
    *ms = bf_max64(bf_bus_now(q->api->bus) - ago_ms, 1);
    return 0;
}

static int read_zone(struct asking *q, const struct bf_json *zone)
{
    q->order.zone = zone ? bf_json_str(bf_exchange_arena(q->x), zone) : ZONE_DEFAULT;
    q->order.tz = bf_tz_new(q->order.zone);
    if (q->order.tz)
        return 0;
    return bf_exchange_fail(q->x, 400, "invalid", "time_zone", "there is no time zone \"%.100s\";"
                            " names are like Europe/Berlin", q->order.zone);
}

static int read_body(struct asking *q)
{
    const struct bf_json *automation, *since, *until, *zone, *counts;
    const struct bf_api_member members[] = {{"automation", BF_JSON_NULL, true, &automation},
                                            {"since", BF_JSON_STRING, true, &since},
                                            {"until", BF_JSON_STRING, false, &until},
                                            {"time_zone", BF_JSON_STRING, false, &zone},
                                            {"counts_only", BF_JSON_TRUE, false, &counts}};
    int status = bf_api_body_members(q->x, members, BF_COUNT(members));

    if (status)
        return status;
    /* What is received in this very millisecond may not be all there yet. */
    q->order.until_ms = bf_bus_now(q->api->bus) + 1;
    status = read_moment(q, since, "since", &q->order.since_ms);
    if (!status && until)
        status = read_moment(q, until, "until", &q->order.until_ms);
    if (!status && q->order.until_ms <= q->order.since_ms)
        status = bf_exchange_fail(q->x, 400, "invalid", "until", "until must be later than since");
    if (!status)
        status = read_zone(q, zone);
    if (!status)
        status = bf_api_read_tried(q->api, q->x, automation, &q->tried);
    q->order.counts_only = bf_json_is(counts, BF_JSON_TRUE);
    q->tried.draft.without_actions = q->order.counts_only;
    return status;
}

static int on_make(struct bf_exchange *x, void *arg)
{
    struct asking *q = bf_arena_new_of(bf_exchange_arena(x), struct asking);
    int status, rc;

    if (!q)
        return bf_api_fail(x, BF_EFULL, NULL);
    q->api = arg;
    q->x = x;
    q->order.user = bf_auth_who(x)->user;
    q->job.fn = check;
    status = read_body(q);
    if (status) {
        bf_tz_unref(q->order.tz);
        return status;
    }
    bf_exchange_park(x);
    rc = bf_plugins_run(q->api->plugins, &q->job);
    if (rc) {
        bf_tz_unref(q->order.tz);
        bf_exchange_finish(x, bf_api_fail(x, rc, NULL));
    }
    return BF_PARKED;
}

/* The scope is in the body, as with automations. */
const struct bf_api_route bf_api_backtest_routes[] = {
    {"GET", "/api/v1/backtests", BF_READ, on_list},
    {"POST", "/api/v1/backtests", BF_EDIT, on_make},
    {"GET", "/api/v1/backtests/{id}", BF_READ, on_get},
    {"DELETE", "/api/v1/backtests/{id}", BF_EDIT, on_delete},
    {NULL, NULL, 0, NULL},
};
