/* plans.c - /api/v1/plans: automations as code.  What a document would change, and to change it.
 *
 * POST /plans says what would be done; POST /plans/apply does it, all or nothing, if the plan is still
 * the one that was seen ("expect").  Whoever may read everything that a document is about may make a
 * plan of it; to apply it one must have the rights that each thing's own route asks for. */
#include "core/api/plans.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

#define AT_ONCE       2         /* plans that are made */
#define BODY_MAX      (4 * 1024 * 1024 + 65536)         /* a document, and what stands beside it */
#define ARENA_BYTES   (128u * 1024 * 1024)      /* of all that is looked at for one */
#define SCRATCH_BYTES (64u * 1024 * 1024)


/* --- its life -------------------------------------------------------------------------------- */

static void end(struct bf_plan *p)
{
    for (size_t i = 0; i < p->n; i++) {
        struct bf_planned *t = &p->things[i];

        if (t->change.api)
            bf_api_integration_end(&t->change);
        bf_integration_unref(t->is);
        bf_integration_unref(t->becomes);
        bf_automation_unref(t->saved);
    }
    bf_map_free(p->rows);
    bf_map_free(p->by_key);
    bf_map_free(p->by_id);
    bf_map_free(p->integrations);
    bf_db_close(p->db);
    bf_arena_free(p->scratch);
    bf_arena_free(p->arena);
    atomic_fetch_sub(&p->api->n_plans, 1);
}

static void release(struct bf_api_write *w)
{
    end(bf_container_of(w, struct bf_plan, checked.write));
}

static int too_many(struct bf_api *api, struct bf_exchange *x)
{
    atomic_fetch_sub(&api->n_plans, 1);
    bf_exchange_reply_header(x, "Retry-After", "2");
    return bf_exchange_fail(x, 429, "too_many_requests", NULL, "%d plans are made already; try again"
                            " in a moment", AT_ONCE);
}

/* From here on it must be ended. */
static struct bf_plan *begin(struct bf_api *api, struct bf_exchange *x, int *status)
{
    struct bf_plan *p = bf_arena_new_of(bf_exchange_arena(x), struct bf_plan);

    *status = p ? 0 : bf_api_fail(x, BF_EFULL, NULL);
    if (p && atomic_fetch_add(&api->n_plans, 1) >= AT_ONCE)
        *status = too_many(api, x);
    if (*status)
        return NULL;
    p->api = api;
    p->x = x;
    p->arena = bf_arena_new(ARENA_BYTES);
    p->scratch = bf_arena_new(SCRATCH_BYTES);
    p->rows = bf_map_new();
    p->by_key = bf_map_new();
    p->by_id = bf_map_new();
    p->integrations = bf_map_new();
    return p;
}


/* --- making it ------------------------------------------------------------------------------- */

static int read_snapshot(struct bf_plan *p)
{
    struct bf_error err;
    int status;

    if (bf_db_open(p->api->db_path, BF_DB_READ, &p->db, &err) || bf_db_hold(p->db))
        return bf_api_unreadable(p->x);
    status = bf_plan_read(p);
    bf_db_release(p->db);
    return status;
}

/* [worker] */
static int make(struct bf_plan *p)
{
    int status = read_snapshot(p);

    if (!status)
        status = bf_plan_check(p);
    if (!status)
        bf_plan_hash(p);
    return status;
}

static int make_and_show(struct bf_api_checked *c)
{
    struct bf_plan *p = bf_container_of(c, struct bf_plan, checked);
    int status = make(p);

    return status ? status : bf_plan_show(p);
}

/* The first thing that is in the way of applying it. */
static int refuse_thing(struct bf_plan *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct bf_planned *t = &p->things[i];

        if (t->denied) {
            bf_exchange_fail(p->x, 403, "forbidden", NULL, "%s", t->denied);
            return bf_plan_refuse(p, t, 403);
        }
        if (t->in_use) {
            bf_exchange_fail(p->x, 409, "in_use", NULL, "it would be deleted, but %s; nothing was"
                             " changed", t->in_use);
            return bf_plan_refuse(p, t, 409);
        }
    }
    return 0;
}

static int make_to_apply(struct bf_api_checked *c)
{
    struct bf_plan *p = bf_container_of(c, struct bf_plan, checked);
    int status = make(p);

    if (!status)
        status = refuse_thing(p);
    if (!status && strcmp(p->expect, p->hash) != 0)
        status = bf_exchange_fail(p->x, 409, "conflict", "expect", "this is not the plan that was"
                                  " seen: the hub, or the document, has changed since; make a new"
                                  " one");
    return status;
}


/* --- bodies ---------------------------------------------------------------------------------- */

static int read_body(struct bf_plan *p, bool applies)
{
    const struct bf_json *document, *adopt, *overwrite, *expect = NULL;
    const struct bf_api_member members[] = {{"document", BF_JSON_OBJECT, true, &document},
                                            {"adopt", BF_JSON_TRUE, false, &adopt},
                                            {"overwrite", BF_JSON_TRUE, false, &overwrite},
                                            {"expect", BF_JSON_STRING, true, &expect}};
    struct bf_error err;
    int status = bf_api_body_members(p->x, members, BF_COUNT(members) - !applies), rc;

    if (status)
        return status;
    p->options.adopt = bf_json_is(adopt, BF_JSON_TRUE);
    p->options.overwrite = bf_json_is(overwrite, BF_JSON_TRUE);
    p->expect = bf_json_str(p->arena, expect);
    rc = bf_document_read(p->arena, document, &p->document, &err);
    if (rc)
        return bf_api_fail(p->x, rc, &err);
    p->checked.write.work.weight = (uint32_t)document->len;
    return 0;
}

static int go_on(struct bf_api *api, struct bf_exchange *x, bool applies)
{
    int status;
    struct bf_plan *p = begin(api, x, &status);

    if (!p)
        return status;
    status = read_body(p, applies);
    if (status) {
        end(p);
        return status;
    }
    p->checked.check = applies ? make_to_apply : make_and_show;
    p->checked.write.work.apply = bf_plan_apply;
    p->checked.write.work.alters_rules = true;
    p->checked.write.answer = bf_plan_applied;
    p->checked.write.refuse = bf_plan_refused;
    p->checked.write.release = release;
    return bf_api_check_and_post(api, x, &p->checked);
}

static int on_plan(struct bf_exchange *x, void *arg) { return go_on(arg, x, false); }

static int on_apply(struct bf_exchange *x, void *arg) { return go_on(arg, x, true); }

const struct bf_api_route bf_api_plan_routes[] = {
    {"POST", "/api/v1/plans", BF_READ, on_plan, BODY_MAX},
    {"POST", "/api/v1/plans/apply", BF_READ, on_apply, BODY_MAX},
    {NULL, NULL, 0, NULL, 0},
};
