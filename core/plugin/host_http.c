/* host_http.c - requests of plugins outside a delivery: over the loop's client, which is the only
 * way out of the hub, or to the hub's own REST, and back to a callback or to a thread that waits.
 *
 * A request to our own REST is answered on a thread of the listener, and its caller looked up on
 * the loop, right before: with the rights that caller has then. */
#include <errno.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "core/plugin/host.h"

#define HTTP_ARENA_MAX (64u * 1024 * 1024)      /* a request and its answer */

/* A request on its way, with its answer.  Counted: a fetch that is given up leaves it to the
 * loop. */
struct bf_http_job {
    struct bf_task task;
    atomic_uint refs;
    struct bf_instance *instance;       /* a reference */
    struct bf_arena *arena;
    struct bf_fetch_request http;
    struct bf_wipe_list *wipe;
    struct bf_standins lent;    /* that may have been in it */
    bool is_inside;             /* to our own REST: these three count instead of `http` */
    struct bf_inside_request inside;
    const char *as;             /* id of the caller, or NULL */
    struct bf_identity who;
    bf_http_fn fn;              /* NULL: somebody waits on `done` */
    void *arg;
    struct bf_http_out out;
    sem_t done;
    struct bf_http_job *next;   /* of the orphans */
};

static void unref_job(struct bf_http_job *j)
{
    if (atomic_fetch_sub_explicit(&j->refs, 1, memory_order_acq_rel) != 1)
        return;
    bf_wipe_all(j->wipe);
    sem_destroy(&j->done);
    bf_instance_unref(j->instance);
    bf_arena_free(j->arena);
    free(j);
}

static void call_back(struct bf_http_job *j, enum bf_where where)
{
    struct bf_error why;
    struct bf_call c;

    if (!j->fn) {
        sem_post(&j->done);
        return;
    }
    bf_call_enter(&c, j->instance, where, j->arena, &why);
    j->fn(&j->instance->ctx, j->arg, &j->out);
    bf_call_leave(&c);
}

static void on_answer(void *arg, const struct bf_fetch_result *r)
{
    struct bf_http_job *j = arg;
    const struct bf_instance *i = j->instance;
    struct bf_fetch_result clean = *r;

    bf_wipe_all(j->wipe);
    j->wipe = NULL;
    if (r->err)
        bf_debugf(i->plugins->rooms.log, i->tag, "request failed: %s", r->words ? r->words : "");
    bf_secrets_scrub_answer(i->plugins->rooms.team, &i->standins, j->arena, &clean, true);
    bf_secrets_scrub_answer(i->plugins->rooms.team, &j->lent, j->arena, &clean, true);
    j->out = (struct bf_http_out){.size = sizeof(j->out),
                                  .sent = r->sent,
                                  .err = r->err,
                                  .status = r->status,
                                  .body_len = clean.body_len,
                                  .body = bf_arena_ndup(j->arena, clean.body ? clean.body : "",
                                                        clean.body_len),
                                  .headers = bf_headers_copy(j->arena, clean.headers),
                                  .arena = j->arena};
    call_back(j, BF_AT_LOOP);
    unref_job(j);
}

/* The loop has stopped; its callback is still owed, and comes before destroy.  The job is the
 * instance's now and must not keep it alive. */
static void orphan(struct bf_http_job *j)
{
    struct bf_instance *i = j->instance;

    pthread_mutex_lock(&i->lock);
    j->next = i->orphans;
    i->orphans = j;
    pthread_mutex_unlock(&i->lock);
    j->instance = NULL;
    bf_instance_unref(i);
}

static void on_told(struct bf_task *t)
{
    struct bf_http_job *j = bf_container_of(t, struct bf_http_job, task);

    call_back(j, BF_AT_LOOP);
    unref_job(j);
}

/* The answer of our own REST.  [listener] */
static void on_inside(void *arg, const struct bf_inside_answer *answer)
{
    struct bf_http_job *j = arg;

    j->out.status = answer->status;
    j->out.body = bf_arena_ndup(j->arena, answer->body, answer->body_len);
    j->out.body_len = answer->body_len;
    j->out.headers = bf_headers_copy(j->arena, answer->headers);
    if (!bf_arena_ok(j->arena)) {
        j->out.err = BF_ETOOBIG;
        j->out.sent = true;
        j->out.status = 0;
        j->out.body = "";
        j->out.body_len = 0;
    }
    j->task.fn = on_told;
    if (!j->fn)
        on_told(&j->task);      /* somebody waits, on whatever thread */
    else if (bf_loop_post(j->instance->plugins->rooms.loop, &j->task))
        orphan(j);
}

static void ask_inside(struct bf_http_job *j)
{
    const struct bf_plugins_rooms *rooms = &j->instance->plugins->rooms;

    if (j->as && bf_team_identity(rooms->team, j->as, &j->who))
        j->inside.data = &j->who;
    bf_listener_ask(rooms->listener, &j->inside, on_inside, j);
}

static void on_loop(struct bf_task *t)
{
    struct bf_http_job *j = bf_container_of(t, struct bf_http_job, task);

    if (!j->out.err && atomic_load(&j->instance->stopping))
        j->out.err = BF_ECANCELED;
    if (!j->out.err && j->is_inside) {
        ask_inside(j);
        return;
    }
    if (!j->out.err) {
        bf_client_send(bf_loop_client(j->instance->plugins->rooms.loop), &j->http, on_answer, j);
        return;
    }
    call_back(j, BF_AT_LOOP);
    unref_job(j);
}

static struct bf_outbound *from(struct bf_request *r) { return (struct bf_outbound *)r; }

static struct bf_http_job *new_job(struct bf_instance *i, struct bf_outbound *r, bf_http_fn fn,
                                   void *arg)
{
    struct bf_http_job *j = bf_new(struct bf_http_job);
    struct bf_error err;

    atomic_init(&j->refs, 1);
    sem_init(&j->done, 0, 0);
    j->task.fn = on_loop;
    j->instance = bf_instance_ref(i);
    j->arena = bf_arena_new(HTTP_ARENA_MAX);
    bf_arena_set_host(j->arena, &bf_plugin_host);
    j->fn = fn;
    j->arg = arg;
    j->out = (struct bf_http_out){.size = sizeof(j->out), .body = "", .arena = j->arena};
    j->out.headers = bf_headers_copy(j->arena, NULL);
    if (bf_standins_lent(bf_outbound_arena(r)))
        bf_standins_copy(bf_standins_lent(bf_outbound_arena(r)), j->arena, &j->lent);
    j->is_inside = bf_outbound_is_inside(r);
    j->out.err = j->is_inside ? bf_outbound_inside(r, j->arena, &j->inside, &j->as, &err)
                              : bf_outbound_seal(r, j->arena, true, &j->http, &j->wipe, &err);
    if (j->out.err)
        bf_warnf(i->plugins->rooms.log, i->tag, "request not sent: %s", err.words);
    return j;
}

void bf_host_http_send(struct bf_ctx *ctx, struct bf_request *pub, bf_http_fn fn, void *arg)
{
    struct bf_instance *i = bf_instance_from(ctx);
    struct bf_http_job *j = new_job(i, from(pub), fn, arg);

    if (!bf_loop_post(i->plugins->rooms.loop, &j->task))
        return;
    j->out.err = BF_ECANCELED;
    orphan(j);
}

void bf_orphans_end(struct bf_instance *i)
{
    while (i->orphans) {
        struct bf_http_job *j = i->orphans;

        i->orphans = j->next;
        j->instance = i;
        call_back(j, BF_AT_MAIN);
        j->instance = NULL;
        unref_job(j);
    }
}

/* False if the instance began to stop first. */
static bool wait_for(struct bf_http_job *j)
{
    for (;;) {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 100 * 1000 * 1000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (sem_timedwait(&j->done, &until) == 0)
            return true;
        if (errno == ETIMEDOUT && atomic_load(&j->instance->stopping))
            return false;
    }
}

/* Of a sink that delivers in several steps the history shows the last request.  The request's arena
 * is the plugin's choice; the attempt's lives until it is recorded. */
static void note_sent(struct bf_call *c, const struct bf_outbound *r)
{
    struct bf_attempt *at = c && c->attempt ? c->attempt->attempt : NULL;
    struct bf_sent s;

    if (!at || bf_outbound_is_inside(r))
        return;
    bf_outbound_show(r, at->arena, &s);
    at->out.sent = (struct bf_sent){.method = bf_arena_dup(at->arena, s.method),
                                    .url = bf_arena_dup(at->arena, s.url),
                                    .body = bf_arena_ndup(at->arena, s.body, s.body_len),
                                    .body_len = s.body_len};
    if (!bf_arena_ok(at->arena))
        at->out.sent = (struct bf_sent){.method = NULL};
}

/* Our own REST may need a worker to answer, and this may be one. */
static bool wait_on(struct bf_http_job *j, enum bf_where where)
{
    struct bf_workers *workers = j->instance->plugins->rooms.workers;
    bool lends = where == BF_AT_WORKER && j->is_inside, came;

    if (lends)
        bf_workers_wait_begin(workers);
    came = wait_for(j);
    if (lends)
        bf_workers_wait_end(workers);
    return came;
}

const struct bf_http_out *bf_host_fetch(struct bf_ctx *ctx, struct bf_request *pub)
{
    static const struct bf_http_out no_memory = {
        .size = sizeof(no_memory), .err = BF_ENOMEM, .body = ""};
    struct bf_arena *a = bf_outbound_arena(from(pub));
    struct bf_http_out *out = bf_arena_new_of(a, struct bf_http_out);
    enum bf_where where = bf_call_where(ctx);
    struct bf_http_job *j;

    if (!out)
        return &no_memory;
    *out = (struct bf_http_out){.size = sizeof(*out), .body = "", .arena = a};
    out->headers = bf_headers_copy(a, NULL);
    out->err = BF_EINVAL;       /* waiting here would hold up everybody */
    if (where != BF_AT_WORKER && where != BF_AT_OWN)
        return out;
    j = new_job(bf_instance_from(ctx), from(pub), NULL, NULL);
    if (!j->out.err)
        note_sent(bf_call_of(ctx), from(pub));
    atomic_fetch_add(&j->refs, 1);
    out->err = BF_ECANCELED;
    if (bf_loop_post(bf_instance_from(ctx)->plugins->rooms.loop, &j->task)) {
        unref_job(j);
    } else if (wait_on(j, where)) {
        *out = j->out;
        out->arena = a;
        out->body = bf_arena_ndup(a, j->out.body, j->out.body_len);
        out->headers = bf_headers_copy(a, j->out.headers);
    }
    unref_job(j);
    return out;
}
