/* trial.c - one delivery, to look at what is sent and what comes back.
 *
 * It goes the way of an attempt: the sink says what to send, the loop sends it, the sink judges the
 * answer.  But no execution stands behind it, so nothing is recorded, counted or tried again, and
 * the destination's pace and rest are not asked.  What is shown was taken while stand-ins still
 * stood in for secrets; the answer has them taken out. */
#include <stdio.h>
#include <string.h>

#include "core/base/crypto.h"
#include "core/plugin/host.h"
#include "core/rules/trigger.h"

#define TRIALS_MAX      4               /* at a time */
#define TRIAL_BYTES_MAX (16u * 1024 * 1024)
#define TOTAL_MS_MAX    15000

static void done(struct bf_trial *t)
{
    struct bf_courier_ops ops = bf_plugins_courier_ops(t->plugins);

    t->verdict = t->attempt.verdict;
    ops.forget(ops.arg, &t->attempt);
    atomic_fetch_sub(&t->plugins->n_trials, 1);
    t->done(t);
}

static void fail(struct bf_trial *t, int rc)
{
    t->rc = rc;
    done(t);
}

static struct bf_trial *from_job(struct bf_job *j)
{
    return bf_container_of(j, struct bf_trial, job);
}

static struct bf_trial *from_task(struct bf_task *task)
{
    return bf_container_of(task, struct bf_trial, task);
}


/* --- the answer -------------------------------------------------------------------------- */

static void judge(struct bf_job *job)
{
    struct bf_trial *t = from_job(job);
    struct bf_courier_ops ops = bf_plugins_courier_ops(t->plugins);

    bf_try_scrub(t->attempt.data, &t->answer, true);
    ops.judge(ops.arg, &t->attempt, &t->answer);
    if (t->answer.err == BF_ETIMEDOUT && t->timeout_ms > TOTAL_MS_MAX)
        t->attempt.verdict.words = bf_arena_printf(t->arena, "%s, which is as long as a test waits;"
                                                   " a delivery would wait for %lld s",
                                                   t->attempt.verdict.words,
                                                   (long long)t->timeout_ms / 1000);
    done(t);
}

static void on_answer(void *arg, const struct bf_fetch_result *r)
{
    struct bf_trial *t = arg;
    struct bf_arena *a = t->arena;
    int rc;

    t->answer = *r;
    t->answer.words = bf_arena_dup(a, r->words ? r->words : "");
    t->answer.body = bf_arena_ndup(a, r->body ? r->body : "", r->body_len);
    t->answer.headers = bf_headers_copy(a, r->headers);
    t->job.fn = judge;
    rc = bf_arena_ok(a) ? bf_workers_add(t->plugins->rooms.workers, &t->job) : BF_EFULL;
    if (rc)
        fail(t, rc);
}

static void send_it(struct bf_task *task)
{
    struct bf_trial *t = from_task(task);

    bf_client_send(bf_loop_client(t->plugins->rooms.loop), &t->attempt.out.http, on_answer, t);
}


/* --- what is sent -------------------------------------------------------------------------- */

/* Takes the references to the instance and the action. */
static struct bf_try *new_try(struct bf_trial *t, struct bf_instance *i, struct bf_filled *f,
                              bool made_up)
{
    const struct bf_trigger *trigger = bf_trigger_by_wire(t->trigger);
    struct bf_try *try = bf_arena_new_of(t->arena, struct bf_try);

    bf_assert(try);             /* the first thing in the arena */
    bf_try_fill(try, i, f, t->arena, t->event, trigger ? trigger->rendered : t->trigger);
    if (made_up)
        bf_sample_facts(t->trigger, &try->facts, &try->facts_len);
    try->attempt = &t->attempt;
    try->vars.automation = "test";
    try->vars.execution_id = t->id;
    try->delivery.id = t->id;
    try->delivery.automation = "test";
    try->delivery.deadline_ms = bf_wall_ms(t->plugins->rooms.clock) + TOTAL_MS_MAX;
    t->attempt.data = try;
    return try;
}

static void go(struct bf_trial *t, struct bf_try *try)
{
    struct bf_fetch_request *http = &t->attempt.out.http;
    int rc;

    if (bf_try_request(try) == BF_STEP_SETTLED) {
        done(t);
        return;
    }
    if (t->timeout_ms)
        http->total_ms = t->timeout_ms;
    if (http->total_ms == 0 || http->total_ms > TOTAL_MS_MAX)
        http->total_ms = TOTAL_MS_MAX;
    bf_outbound_show_all(try->outbound, http, t->arena, &t->request);
    t->was_sent = true;
    t->task.fn = send_it;
    rc = bf_loop_post(t->plugins->rooms.loop, &t->task);
    if (rc)
        fail(t, rc);
}

static int check_kind(struct bf_trial *t, const struct bf_instance *i)
{
    if (i->sink->request)
        return BF_OK;
    return bf_error_set(&t->err, BF_EINVAL, "sink %s delivers in steps of its own, so there is no"
                        " one request to look at; have an automation send an event by it",
                        i->sink->name);
}

/* Its instance, its action and its event.  [worker] */
static void prepare(struct bf_job *job)
{
    struct bf_trial *t = from_job(job);
    bool made_up = !t->event;
    struct bf_filled *f = NULL;
    struct bf_instance *i;
    int rc = bf_instance_of(t->plugins, t->integration, &i, &t->err);

    if (!rc) {
        rc = check_kind(t, i);
        if (!rc && !t->event)
            rc = bf_sample_event(t->trigger, i->entity, &t->event, &t->err);
        if (!rc)
            rc = bf_filled_new(i, t->config, t->secrets, &f, &t->err);
        if (rc)
            bf_instance_unref(i);
    }
    if (rc)
        fail(t, rc);
    else
        go(t, new_try(t, i, f, made_up));
}

int bf_plugins_try(struct bf_plugins *p, struct bf_trial *t)
{
    int rc;

    if (atomic_fetch_add(&p->n_trials, 1) >= TRIALS_MAX) {
        atomic_fetch_sub(&p->n_trials, 1);
        return BF_EFULL;
    }
    t->plugins = p;
    t->arena = bf_arena_new(TRIAL_BYTES_MAX);
    bf_id_random(t->id, bf_wall_ms(p->rooms.clock));
    t->attempt = (struct bf_attempt){.arena = t->arena, .number = 1};
    t->job.fn = prepare;
    rc = bf_workers_add(p->rooms.workers, &t->job);
    if (!rc)
        return BF_OK;
    atomic_fetch_sub(&p->n_trials, 1);
    bf_arena_free(t->arena);
    t->arena = NULL;
    return rc;
}

void bf_trial_end(struct bf_trial *t)
{
    bf_envelope_unref(t->event);
    bf_arena_free(t->arena);
    t->event = NULL;
    t->arena = NULL;
}
