/* attempt.c - one try: begin, let the sink say what to send, send it, have it judged, write down
 * what came of it.
 *
 * The way of an item, always on the loop's thread except where the sink works:
 *
 *   attempt_begin → [merge.c: others join, or the engine closes the digest] →
 *       [digest.c: their events] → [transform.c: the script] →
 *       [the engine records the beginning] → prepare → send → judge → settled
 *                                                   ↘ later: bf_courier_settle
 *
 * The beginning is recorded where a sink is BF_ONCE, and after the script: one that fails leaves no
 * doubt whether anything was sent.
 *
 * A quick sink's prepare and judge run right here, but for large events; others on a worker, and come
 * back as a task. */
#include "core/delivery/courier_int.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/outbox/digest.h"

#define QUICK_EVENTS_MAX 65536          /* bytes of events that are made something of on the loop */

static struct bf_courier *courier_of(struct item *i) { return i->dest->courier; }

void attempt_settle(struct item *i, int outcome, int64_t after_ms, const char *words)
{
    i->at.verdict = (struct bf_verdict){outcome, after_ms, words};
    attempt_settled(i);
}

/* Come back to the loop from a worker.  If the loop has stopped, the item is left as it is: it was
 * not recorded, and is tried again after the next start. */
static void back_to_loop(struct item *i, void (*fn)(struct bf_task *t))
{
    i->task.fn = fn;
    bf_loop_post(courier_of(i)->loop, &i->task);
}

static void on_back(struct bf_task *t)
{
    struct item *i = bf_container_of(t, struct item, task);

    i->after(i);
}

void attempt_back(struct item *i, void (*after)(struct item *i))
{
    i->after = after;
    back_to_loop(i, on_back);
}

static void on_worker(struct bf_job *j)
{
    struct item *i = bf_container_of(j, struct item, job);

    i->work(i);
    back_to_loop(i, on_back);
}

/* What a quick sink makes of large events takes a while all the same. */
static bool is_quick(const struct item *i)
{
    const struct bf_destination_info *info = &i->dest->info;
    const struct bf_envelope *e = i->execution->event;

    return info->quick &&
           (info->settles || (e ? e->text_len : 0) + digest_bytes(i) <= QUICK_EVENTS_MAX);
}

int attempt_work(struct item *i, void (*work)(struct item *i), void (*after)(struct item *i))
{
    if (is_quick(i)) {
        work(i);
        after(i);
        return BF_OK;
    }
    i->work = work;
    i->after = after;
    i->job.fn = on_worker;
    return bf_workers_add(courier_of(i)->workers, &i->job);
}


/* --- judging ----------------------------------------------------------------- */

static void keep_response(struct item *i, const struct bf_fetch_result *r)
{
    i->record.http_status = r->status;
    i->record.response = r->body_len ? bf_arena_ndup(i->at.arena, r->body, r->body_len) : NULL;
    i->record.response_len = bf_arena_ok(i->at.arena) ? r->body_len : 0;
}

/* What is kept of an answer is what the sink leaves of it: it takes secrets out. */
static void judge(struct item *i, struct bf_fetch_result *r)
{
    struct bf_courier *c = courier_of(i);

    c->ops.judge(c->ops.arg, &i->at, r);
    keep_response(i, r);
}

static void on_judged(struct bf_task *t) { attempt_settled(bf_container_of(t, struct item, task)); }

static void judge_on_worker(struct bf_job *j)
{
    struct item *i = bf_container_of(j, struct item, job);

    judge(i, i->answer);
    back_to_loop(i, on_judged);
}

static struct bf_fetch_result *copy_answer(struct bf_arena *a, const struct bf_fetch_result *r)
{
    struct bf_fetch_result *copy = bf_arena_new_of(a, struct bf_fetch_result);

    if (!copy)
        return NULL;
    *copy = *r;
    copy->words = bf_arena_dup(a, r->words);
    copy->body = bf_arena_ndup(a, r->body ? r->body : "", r->body_len);
    copy->headers = bf_headers_copy(a, r->headers);
    return bf_arena_ok(a) ? copy : NULL;
}

static void on_answer(void *arg, const struct bf_fetch_result *r)
{
    struct item *i = arg;
    struct bf_fetch_result mine = *r;

    i->record.duration_ms = r->duration_ms;
    bf_histogram_add(&courier_of(i)->stats.duration, (uint64_t)r->duration_ms);
    if (i->dest->info.quick) {
        judge(i, &mine);
        attempt_settled(i);
        return;
    }
    i->job.fn = judge_on_worker;
    i->answer = copy_answer(i->at.arena, r);
    if (!i->answer || bf_workers_add(courier_of(i)->workers, &i->job))
        attempt_settle(i, r->err && !r->sent ? BF_RETRY : BF_UNKNOWN, -1,
                       "there was no room to read the answer");
}


/* --- preparing --------------------------------------------------------------- */

static void let_sink_prepare(struct item *i)
{
    struct bf_courier *c = courier_of(i);

    i->step = c->ops.prepare(c->ops.arg, &i->at);
}

static int64_t deadline_ms(const struct item *i)
{
    return i->dest->timeout_ms ? i->dest->timeout_ms : DEADLINE_MS;
}

static void on_deadline(struct bf_timer *t)
{
    struct item *i = bf_container_of(t, struct item, deadline);
    struct bf_courier *c = courier_of(i);
    bool mine;

    pthread_mutex_lock(&c->lock);
    mine = list_remove(&c->later, i);
    pthread_mutex_unlock(&c->lock);
    if (mine)
        attempt_settle(i, BF_UNKNOWN, -1, "the sink gave no outcome in time");
}

/* The sink may have called already, while its prepare was still on its way back to us. */
static void leave_with_sink(struct item *i)
{
    struct bf_courier *c = courier_of(i);

    i->with_sink = true;
    if (i->called) {
        attempt_called(i);
        return;
    }
    i->deadline.fn = on_deadline;
    bf_loop_timer(c->loop, &i->deadline, deadline_ms(i));
}

/* Nobody but us settles it from here on. */
static void withdraw(struct item *i)
{
    struct bf_courier *c = courier_of(i);

    pthread_mutex_lock(&c->lock);
    if (!list_remove(&c->later, i))
        list_remove(&c->called, i);
    pthread_mutex_unlock(&c->lock);
}

static void after_prepare(struct item *i)
{
    struct bf_courier *c = courier_of(i);

    destination_weigh(i);
    if (i->dest->info.settles && i->step != BF_STEP_LATER)
        withdraw(i);
    switch (i->step) {
    case BF_STEP_SEND:
        if (is_dry(i)) {
            attempt_settle(i, BF_DRY, -1, "dry run: this would have been sent");
            break;
        }
        if (i->dest->timeout_ms)
            i->at.out.http.total_ms = i->dest->timeout_ms;
        bf_client_send(bf_loop_client(c->loop), &i->at.out.http, on_answer, i);
        break;
    case BF_STEP_SETTLED:
        i->record.duration_ms = bf_max64(bf_bus_now(c->bus) - i->at.started_ms, 0);
        attempt_settled(i);
        break;
    case BF_STEP_LATER:
        leave_with_sink(i);
        break;
    }
}

/* A sink may settle before its prepare has returned, so the item can be found from here on. */
static void prepare(struct item *i)
{
    struct bf_courier *c = courier_of(i);

    if (i->dest->info.settles) {
        pthread_mutex_lock(&c->lock);
        list_add(&c->later, i);
        pthread_mutex_unlock(&c->lock);
    }
    if (attempt_work(i, let_sink_prepare, after_prepare)) {
        withdraw(i);
        attempt_settle(i, BF_RETRY, -1, "all workers are busy");
    }
}


/* --- beginning --------------------------------------------------------------- */

/* Whether an attempt that was begun, and nothing more is known of, must not be repeated. */
static bool marks_beginning(const struct item *i) { return i->dest->info.once && !is_dry(i); }

static bool is_script_next(const struct item *i) { return has_transform(i) && !i->transformed; }

static bool is_to_be_marked(const struct item *i)
{
    return marks_beginning(i) && !i->marked && !is_script_next(i);
}

static bool is_to_be_closed(const struct item *i)
{
    return i->execution->is_digest && !i->execution->digest;
}

static bool is_to_be_joined(const struct item *i) { return i->n_joining > 0; }

static int apply_begin(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct item *i = bf_container_of(w, struct item, begin);
    int rc = BF_OK;

    if (is_to_be_marked(i))
        rc = bf_outbox_begin(tx->db, i->execution->number, i->at.started_ms);
    if (!rc && is_to_be_closed(i))
        rc = bf_digest_close(tx->db, i->execution);
    if (!rc && is_to_be_joined(i))
        rc = bf_merge_join(tx->db, i->execution, i->joining, i->n_joining, &i->n_joined);
    return rc ? bf_error_set(err, rc, "cannot begin an attempt: %s", bf_db_words(tx->db)) : BF_OK;
}

static void go_on(struct item *i);

static void after_digest(struct item *i)
{
    if (i->execution->digest)
        go_on(i);
    else
        attempt_settle(i, BF_RETRY, -1, "the store could not be read");
}

static void begun(struct item *i)
{
    i->marked |= is_to_be_marked(i);
    if (is_to_be_joined(i))
        merge_end(i);
    if (i->step != BF_STEP_SEND)
        attempt_settle(i, BF_RETRY, -1, "the store could not record the beginning");
    else if (is_to_be_closed(i))
        digest_read(i, after_digest);
    else
        go_on(i);
}

static void begin_done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct item *i = bf_container_of(w, struct item, begin);

    (void)err;
    i->step = rc ? BF_STEP_SETTLED : BF_STEP_SEND;
    i->n_joined = rc ? 0 : i->n_joined;
    attempt_back(i, begun);
}

static void record_beginning(struct item *i)
{
    i->begin = (struct bf_work){.always = true, .apply = apply_begin, .done = begin_done};
    i->n_joined = 0;
    if (bf_bus_post(courier_of(i)->bus, &i->begin) == BF_OK)
        return;
    if (is_to_be_joined(i))
        merge_end(i);
    attempt_settle(i, BF_RETRY, -1, "the hub is stopping");
}

/* To what has to be next, until the sink can prepare. */
static void go_on(struct item *i)
{
    if (is_to_be_marked(i) || is_to_be_closed(i) || is_to_be_joined(i))
        record_beginning(i);
    else if (is_script_next(i))
        transform_begin(i);
    else
        prepare(i);
}

void attempt_transformed(struct item *i)
{
    i->transformed = true;
    i->at.deadline_ms = bf_bus_now(courier_of(i)->bus) + deadline_ms(i);
    go_on(i);
}

static struct bf_arena *take_arena(struct bf_courier *c)
{
    struct bf_arena *a = c->spare;

    c->spare = NULL;
    return a ? a : bf_arena_new(ARENA_MAX);
}

void attempt_begin(struct item *i)
{
    struct bf_courier *c = courier_of(i);

    i->at.execution = i->execution;
    i->at.arena = take_arena(c);
    i->at.number = i->execution->attempts + 1;
    i->at.ticket = i->execution->number * BF_ATTEMPTS_MAX + i->at.number;
    i->at.started_ms = bf_bus_now(c->bus);
    i->at.deadline_ms = i->at.started_ms + deadline_ms(i);
    destination_begun(i->dest, i);
    atomic_fetch_add(&c->n_unrecorded, 1);
    merge_look(i);
    go_on(i);
}


/* --- the outcome ------------------------------------------------------------- */

/* ±20 %, so that what failed together does not come back together. */
static int64_t jitter(int64_t ms)
{
    uint32_t r;

    bf_random(&r, sizeof(r));
    return ms - ms / 5 + (int64_t)(r % 1024) * (ms * 2 / 5) / 1024;
}

static int64_t pause_of(const struct item *i)
{
    if (i->at.verdict.after_ms >= 0)
        return i->at.verdict.after_ms;
    return jitter(bf_retry_pause_ms(i->at.number));
}

/* Whether there is another try, and when: fills status and due. */
static void plan(struct item *i)
{
    const struct bf_execution *x = i->execution;
    struct bf_attempt_record *r = &i->record;
    int64_t now = i->at.started_ms + r->duration_ms;
    int64_t first = x->first_attempt_ms ? x->first_attempt_ms : i->at.started_ms;

    switch (i->at.verdict.outcome) {
    case BF_DRY:
        r->status = BF_SKIPPED;
        return;
    case BF_DELIVERED:
    case BF_ACCEPTED:
        r->status = BF_FINISHED;
        return;
    case BF_REJECTED:
        r->status = BF_FAILED;
        return;
    case BF_UNKNOWN:
        if (i->dest->info.once) {
            r->status = BF_UNKNOWN_OUTCOME;
            return;
        }
        break;
    }
    r->due_ms = now + pause_of(i);
    if (r->due_ms - first <= GIVE_UP_MS && i->at.number < BF_ATTEMPTS_MAX - 1)
        r->status = BF_PENDING;
    else
        r->status = i->at.verdict.outcome == BF_UNKNOWN ? BF_UNKNOWN_OUTCOME : BF_FAILED;
}

/* Of one whose script failed: that is why it has failed, or is skipped if the hook says so. */
static void blame_script(const struct item *i, struct bf_attempt_record *r)
{
    if (!i->refused || i->at.verdict.outcome != BF_REJECTED)
        return;
    r->reason = BF_HOOK_FAILED;
    if (i->at.transform.question.hook->on_error == BF_FAILURE_SKIPS)
        r->status = BF_SKIPPED;
}

/* Of a dry run, whatever ended it: nothing was sent. */
static void skip_dry(const struct item *i, struct bf_attempt_record *r)
{
    if (!is_dry(i) || r->status == BF_PENDING)
        return;
    r->status = BF_SKIPPED;
    r->reason = BF_DRY_RUN;
}

static void log_outcome(struct item *i)
{
    struct bf_courier *c = courier_of(i);
    const struct bf_attempt_record *r = &i->record;
    const char *words = r->words ? r->words : "";

    if (r->status == BF_FINISHED || is_dry(i))
        bf_debugf(c->log, "courier", "execution %s: %s (attempt %u)", i->execution->id, words,
                  r->attempt);
    else if (r->status == BF_PENDING)
        bf_debugf(c->log, "courier", "execution %s: %s, again in %lld s (attempt %u)",
                  i->execution->id, words, (long long)(r->due_ms - r->started_ms) / 1000,
                  r->attempt);
    else
        bf_warnf(c->log, "courier", "execution %s of \"%s\": %s, %s after %u attempt%s",
                 i->execution->id, i->execution->automation->name, words,
                 bf_status_name(r->status), r->attempt, r->attempt == 1 ? "" : "s");
}

void attempt_settled(struct item *i)
{
    struct bf_courier *c = courier_of(i);
    struct bf_attempt_record *r = &i->record;
    const struct bf_verdict *v = &i->at.verdict;

    if (i->deadline.slot)
        bf_loop_timer_cancel(c->loop, &i->deadline);
    r->execution = i->execution->number;
    r->attempt = i->at.number;
    r->outcome = v->outcome;
    r->started_ms = i->at.started_ms;
    r->words = v->words;
    r->teller = i->execution->n_merged ? i->execution->id : NULL;
    r->sent = i->at.out.sent;
    plan(i);
    blame_script(i, r);
    skip_dry(i, r);
    log_outcome(i);
    if (!is_dry(i)) {
        bf_count(&c->stats.outcomes[v->outcome], 1);
        atomic_fetch_add(r->status == BF_FINISHED ? &c->n_delivered : &c->n_failed, 1);
    }
    destination_ended(i->dest, i);
    list_add(&c->settled, i);
    destination_ready(i->dest);
}

void attempt_called(struct item *i)
{
    i->at.verdict = i->given;
    i->record.duration_ms = bf_max64(bf_bus_now(courier_of(i)->bus) - i->at.started_ms, 0);
    attempt_settled(i);
}
