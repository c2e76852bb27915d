/* automation_test.c - POST /api/v1/automations/test: an automation and one event, tried together.
 *
 * The automation is a draft or one that is saved; the event is one that was recorded, judged as it
 * would have been then, or one that was made up, judged as if it came now.  The answer is the
 * verdict, and what would be sent.  Nothing is, and nothing is kept. */
#include "core/api/api_int.h"

#include <string.h>

#include "core/base/base.h"
#include "core/bus/verdict.h"

#define POINTS_MAX  100                 /* of an event that is made up */
#define ANSWER_MAX  (32 * 1024 * 1024)
#define PAYLOAD_MAX (256 * 1024)        /* bytes that are shown of each */
#define SCRATCH_MAX (64 * 1024 * 1024)

struct test {
    struct bf_job job;
    struct bf_api *api;
    struct bf_exchange *x;
    struct bf_api_tried tried;
    struct bf_automation *automation;   /* a reference */
    struct bf_envelope *event;          /* a reference */
    struct bf_db *db;
    struct bf_verdicts *verdicts;
    bool is_recorded;
};


/* --- the event ------------------------------------------------------------------------------- */

static int no_event(struct test *t, const char *id)
{
    return bf_exchange_fail(t->x, 400, "invalid", "event", "there is no event \"%.40s\"; GET"
                            " /api/v1/events lists those that are recorded", id);
}

static int read_recorded(struct test *t, const char *id)
{
    int rc = bf_api_event(t->api, t->x, id, &t->event);

    t->is_recorded = true;
    if (rc && rc != BF_ENOENT)
        return bf_api_unreadable(t->x);
    return rc ? no_event(t, id) : 0;
}

/* As it would be taken from a sender. */
static int read_made_up(struct test *t, const struct bf_json *event)
{
    struct bf_arena *scratch = bf_arena_new(SCRATCH_MAX);
    struct bf_error err;
    size_t len;
    const char *text = bf_json_raw(event, &len);
    int rc = bf_envelope_parse(scratch, text, len, BF_FROM_OUTSIDE, &t->event, &err);

    bf_arena_free(scratch);
    if (rc) {
        bf_error_within(&err, "event");
        return bf_api_invalid(t->x, rc, &err);
    }
    if (!bf_team_exists(t->api->team, t->event->entity) ||
        !bf_api_may_read(t->api, t->x, t->event->entity))
        return bf_api_no_entity(t->x, 400, "event.entity", t->event->entity);
    if (t->event->n_points > POINTS_MAX)
        return bf_exchange_fail(t->x, 400, "invalid", "event.metrics", "an event that is made up may"
                                " have %d values here", POINTS_MAX);
    return 0;
}

static int read_event(struct test *t, const struct bf_json *event)
{
    if (bf_json_is(event, BF_JSON_STRING))
        return read_recorded(t, bf_json_str(bf_exchange_arena(t->x), event));
    if (bf_json_is(event, BF_JSON_OBJECT))
        return read_made_up(t, event);
    return bf_exchange_fail(t->x, 400, "invalid", "event", "event must be an object, or the id of"
                            " one that was recorded, not %s", bf_json_type_name(event));
}


/* --- the answer ------------------------------------------------------------------------------ */

/* ,"payloads":[…] in front of the brace that ends the verdict. */
static void add_payloads(struct test *t, struct bf_buf *b)
{
    const struct bf_firing *firings;
    size_t n = bf_verdicts_judge(t->verdicts, t->automation, &firings), i = 0;

    while (i < n && firings[i].ruling != BF_FIRES)
        i++;
    b->len--;
    bf_buf_adds(b, ",\"payloads\":");
    if (i < n && !bf_verdicts_error(t->verdicts))
        bf_show_previews(t->api->plugins, bf_verdicts_event(t->verdicts), &firings[i], PAYLOAD_MAX,
                         b);
    else
        bf_buf_adds(b, "[]");
    bf_buf_addc(b, '}');
}

static int answer(struct test *t)
{
    struct bf_buf b;
    int status = 200;

    bf_buf_init(&b, ANSWER_MAX);
    bf_verdicts_explain(t->verdicts, t->automation, &b);
    if (!b.failed)
        add_payloads(t, &b);
    if (bf_verdicts_error(t->verdicts))
        status = bf_api_unreadable(t->x);
    else if (b.failed)
        status = bf_exchange_fail(t->x, 413, "too_large", NULL, "the answer would have more than %d"
                                  " bytes", ANSWER_MAX);
    else
        bf_exchange_reply(t->x, "application/json", b.data, b.len);
    bf_buf_fini(&b);
    return status;
}

static int on_ask(void *arg, struct bf_ask *ask)
{
    return bf_scripts_ask_wait(((struct test *)arg)->api->scripts, ask);
}

static int open_verdicts(struct test *t, struct bf_error *err)
{
    char now[BF_ENTITY_NAME_MAX + 1];
    int rc = bf_db_open(t->api->db_path, BF_DB_READ, &t->db, err);

    if (rc)
        return rc;
    bf_team_organization_entity(t->api->team, t->event->entity, now);
    if (t->is_recorded)
        return bf_verdicts_open(t->db, bf_bus_hub(t->api->bus), t->event->seq, now, &t->verdicts,
                                err);
    t->event->received_ms = bf_bus_now(t->api->bus);
    return bf_verdicts_imagine(t->db, t->event, now, &t->verdicts, err);
}

/* [worker] */
static void run(struct bf_job *job)
{
    struct test *t = bf_container_of(job, struct test, job);
    struct bf_api *api = t->api;
    struct bf_exchange *x = t->x;
    struct bf_error err = {0};
    int status = bf_api_check_tried(api, x, &t->tried, &t->automation);

    if (!status) {
        if (open_verdicts(t, &err)) {
            status = bf_api_unreadable(x);
        } else {
            bf_verdicts_ask(t->verdicts, &(struct bf_asker){.ask = on_ask, .arg = t});
            status = answer(t);
        }
    }
    bf_verdicts_close(t->verdicts);
    bf_db_close(t->db);
    bf_automation_unref(t->automation);
    bf_envelope_unref(t->event);
    bf_api_end_verdicts(api);
    bf_exchange_finish(x, status);
}


/* --- asking ---------------------------------------------------------------------------------- */

static int read_body(struct test *t)
{
    const struct bf_json *automation, *event;
    const struct bf_api_member members[] = {{"automation", BF_JSON_NULL, true, &automation},
                                            {"event", BF_JSON_NULL, true, &event}};
    int status = bf_api_body_members(t->x, members, BF_COUNT(members));

    if (!status)
        status = bf_api_read_tried(t->api, t->x, automation, &t->tried);
    return status ? status : read_event(t, event);
}

static void drop(struct bf_job *job)
{
    bf_envelope_unref(bf_container_of(job, struct test, job)->event);
}

static int on_test(struct bf_exchange *x, void *arg)
{
    struct test *t = bf_arena_new_of(bf_exchange_arena(x), struct test);
    int status;

    if (!t)
        return bf_api_fail(x, BF_EFULL, NULL);
    if (!bf_exchange_local(x))
        return bf_api_unreadable(x);
    t->api = arg;
    t->x = x;
    t->job.fn = run;
    status = read_body(t);
    if (!status)
        return bf_api_begin_verdicts(arg, x, &t->job, drop);
    drop(&t->job);
    return status;
}

/* Who may read both may try a saved one; a draft is for who may make it. */
const struct bf_api_route bf_api_automation_test_routes[] = {
    {"POST", "/api/v1/automations/test", BF_READ, on_test},
    {NULL, NULL, 0, NULL},
};
