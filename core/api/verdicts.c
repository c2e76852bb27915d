/* verdicts.c - /api/v1/events/{id}/verdicts: what each automation made of an event, and why.
 *
 * It is found out again, by reading back how things were before the event, so it may take as long as
 * windows are large: a worker does it, with a connection of its own, a few at a time. */
#include "core/api/api_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/bus/as_of.h"
#include "core/bus/verdict.h"

#define AT_ONCE     4                   /* requests that are worked on, tests included */
#define VERDICT_MAX (4 * 1024 * 1024)   /* bytes of one */
#define PAGE_BYTES_MAX (8 * 1024 * 1024)        /* of a page; then it ends early ... */
#define PAGE_MS     2000                /* ... as it does after this: one may look at 100,000 values */
#define LINKS_MAX   100                 /* executions that one verdict names */

struct asking {
    struct bf_job job;
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_api_page page;
    struct bf_db *db;
    struct bf_verdicts *verdicts;
    struct bf_place_in_time at;
    const char *entity;         /* the event's */
    const char *automation;     /* of this one alone; or NULL */
    size_t bytes;
    int64_t until_mono;         /* when the page is to end */
    bool missing;
    int rc;
};


/* --- links ----------------------------------------------------------------------------------- */

struct linking {
    struct asking *q;
    struct bf_buf *out;
    unsigned n;
};

static void on_execution(void *arg, const struct bf_history_row *row)
{
    struct linking *l = arg;
    char id[BF_ID_LEN + 1];

    bf_id_number(id, row->created_ms, bf_bus_hub(l->q->api->bus), row->number);
    bf_buf_printf(l->out, "%s\"%s\"", l->n++ ? "," : "", id);
}

/* ,"executions":[…] in front of the brace that ends the object. */
static int add_links(struct asking *q, const char *automation, struct bf_buf *out)
{
    struct linking l = {q, out, 0};
    struct bf_history_query query = {
        .automation = automation,
        .event = q->at.seq,
        .event_ms = q->at.received_ms,
        .oldest_first = true,
        .limit = LINKS_MAX,
        .row = on_execution,
        .arg = &l,
    };
    uint64_t next;
    int rc;

    if (out->failed)
        return BF_ETOOBIG;
    out->len--;
    bf_buf_adds(out, ",\"executions\":[");
    rc = bf_history_list(q->db, &query, &next);
    bf_buf_adds(out, "]}");
    return rc;
}


/* --- one verdict ----------------------------------------------------------------------------- */

static void print_absent(const struct bf_automation_then *then, const char *clause,
                         const char *reason, struct bf_buf *out)
{
    bf_buf_adds(out, "{\"automation\":");
    bf_buf_json(out, then->id);
    bf_buf_adds(out, ",\"name\":");
    bf_buf_json(out, then->automation ? then->automation->name : NULL);
    bf_buf_printf(out, ",\"revision\":%llu,\"decision\":\"%s\",\"clause\":\"%s\",\"reason\":",
                  (unsigned long long)then->revision,
                  then->automation ? "no" : "not recorded", clause);
    bf_buf_json(out, reason);
    bf_buf_addc(out, '}');
}

static void explain(struct asking *q, const struct bf_automation_then *then, struct bf_buf *out)
{
    if (!then->automation)
        print_absent(then, "revision", then->words, out);
    else if (then->presence == BF_NOT_YET)
        print_absent(then, "made", "it was made after the event", out);
    else if (then->presence == BF_NO_MORE)
        print_absent(then, "deleted", "it had been deleted before the event", out);
    else
        bf_verdicts_explain(q->verdicts, then->automation, out);
}

/* Whether the event lies within its scope; others are not told of one by one. */
static bool is_near(const struct asking *q, const struct bf_automation *a)
{
    const struct bf_envelope *e = bf_verdicts_event(q->verdicts);

    if (q->automation || !a || !a->project)
        return true;
    return e->project && strcmp(a->project, e->project) == 0 &&
           (!a->collection || (e->collection && strcmp(a->collection, e->collection) == 0));
}

static bool on_then(void *arg, const struct bf_automation_then *then)
{
    struct asking *q = arg;
    struct bf_buf b;

    if (!bf_api_may_read(q->api, q->x, then->entity)) {
        q->missing = true;
        return true;
    }
    if (!is_near(q, then->automation))
        return true;
    if (q->bytes >= PAGE_BYTES_MAX || (q->bytes && bf_mono_ms(q->api->clock) >= q->until_mono)) {
        q->page.more = true;
        return false;
    }
    if (!bf_api_page_take(&q->page, then->id))
        return false;
    bf_buf_init(&b, VERDICT_MAX);
    explain(q, then, &b);
    q->rc = add_links(q, then->id, &b);
    bf_tree_raw(q->page.items, NULL, bf_buf_text(&b), b.len);
    q->bytes += b.len;
    bf_buf_fini(&b);
    return q->rc == BF_OK;
}


/* --- all of them ----------------------------------------------------------------------------- */

static int read_all(struct asking *q)
{
    const struct bf_envelope *e = bf_verdicts_event(q->verdicts);
    const char *organization = bf_verdicts_organization(q->verdicts);
    int rc;

    if (q->automation)
        rc = bf_automation_as_of(q->db, &q->at, q->automation, on_then, q);
    else
        rc = bf_automations_as_of(q->db, &q->at, e->entity, *organization ? organization : NULL,
                                  q->page.cursor, on_then, q);
    if (!rc)
        rc = q->rc;
    return rc ? rc : bf_verdicts_error(q->verdicts);
}

static int answer(struct asking *q)
{
    int rc = read_all(q);

    if (q->automation && (rc == BF_ENOENT || (!rc && q->missing))) {
        bf_tree_free(q->page.root);
        return bf_exchange_fail(q->x, 400, "invalid", "automation", "there is no automation"
                                " \"%.40s\"; GET /api/v1/automations lists them", q->automation);
    }
    return bf_api_page_answer(&q->page, rc == BF_ENOENT ? BF_EIO : rc);
}

static int open_verdicts(struct asking *q, struct bf_error *err)
{
    char now[BF_ENTITY_NAME_MAX + 1];
    int rc = bf_db_open(q->api->db_path, BF_DB_READ, &q->db, err);

    if (rc)
        return rc;
    bf_team_organization_entity(q->api->team, q->entity, now);
    return bf_verdicts_open(q->db, bf_bus_hub(q->api->bus), q->at.seq, now, &q->verdicts, err);
}

/* [worker] */
static void run(struct bf_job *job)
{
    struct asking *q = bf_container_of(job, struct asking, job);
    struct bf_api *api = q->api;
    struct bf_error err = {0};
    int rc = open_verdicts(q, &err), status;

    q->until_mono = bf_mono_ms(api->clock) + PAGE_MS;
    if (!rc) {
        status = answer(q);
    } else {
        bf_tree_free(q->page.root);
        status = rc == BF_ENOENT ? bf_api_missing(q->x, "event", bf_exchange_param(q->x, "id"))
                                 : bf_api_unreadable(q->x);
    }
    bf_verdicts_close(q->verdicts);
    bf_db_close(q->db);
    bf_api_end_verdicts(api);
    bf_exchange_finish(q->x, status);
}


/* --- asking ---------------------------------------------------------------------------------- */

int bf_api_begin_verdicts(struct bf_api *api, struct bf_exchange *x, struct bf_job *job,
                          void (*drop)(struct bf_job *job))
{
    int rc;

    if (atomic_fetch_add(&api->n_verdicts, 1) >= AT_ONCE) {
        bf_api_end_verdicts(api);
        drop(job);
        bf_exchange_reply_header(x, "Retry-After", "1");
        return bf_exchange_fail(x, 429, "too_many_requests", NULL, "%d requests of this kind are"
                                " worked on; try again in a moment", AT_ONCE);
    }
    bf_exchange_park(x);
    rc = bf_plugins_run(api->plugins, job);
    if (rc) {
        bf_api_end_verdicts(api);
        drop(job);
        bf_exchange_finish(x, bf_api_fail(x, rc, NULL));
    }
    return BF_PARKED;
}

void bf_api_end_verdicts(struct bf_api *api) { atomic_fetch_sub(&api->n_verdicts, 1); }

/* Whose it is, and where it stands; 0, or the status of who may not read it. */
static int find_event(struct asking *q)
{
    struct bf_api *api = q->api;
    const char *id = bf_exchange_param(q->x, "id");
    struct bf_envelope *e = NULL;
    int rc = bf_api_event(api, q->x, id ? id : "", &e);

    if (rc && rc != BF_ENOENT)
        return bf_api_unreadable(q->x);
    if (rc)
        return bf_api_missing(q->x, "event", id ? id : "");
    q->at = (struct bf_place_in_time){e->seq, e->received_ms};
    q->entity = bf_arena_dup(bf_exchange_arena(q->x), e->entity);
    bf_envelope_unref(e);
    return 0;
}

static void drop(struct bf_job *job)
{
    bf_tree_free(bf_container_of(job, struct asking, job)->page.root);
}

static int on_verdicts(struct bf_exchange *x, void *arg)
{
    struct asking *q = bf_arena_new_of(bf_exchange_arena(x), struct asking);
    int status;

    if (!q)
        return bf_api_fail(x, BF_EFULL, NULL);
    if (!bf_exchange_local(x))
        return bf_api_unreadable(x);
    q->api = arg;
    q->x = x;
    q->job.fn = run;
    q->automation = bf_exchange_query_param(x, "automation");
    status = find_event(q);
    if (!status)
        status = bf_api_page_begin(&q->page, arg, x);
    return status ? status : bf_api_begin_verdicts(arg, x, &q->job, drop);
}

const struct bf_api_route bf_api_verdict_routes[] = {
    {"GET", "/api/v1/events/{id}/verdicts", BF_READ, on_verdicts},
    {NULL, NULL, 0, NULL},
};
