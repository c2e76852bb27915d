/* courier_fixture.h - a courier on a fresh database, with a sink and scripts that do what the test says
 * and a clock that runs as fast as it wants. */
#ifndef BF_COURIER_FIXTURE_H
#define BF_COURIER_FIXTURE_H

#include "tests/unit/bus_fixture.h"

#include <time.h>
#include <unistd.h>

#include "core/delivery/courier.h"
#include "core/outbox/digest.h"

struct hub {
    struct fixture f;
    struct bf_guard *guard;
    struct bf_loop *loop;
    struct bf_workers *workers;
    struct bf_courier *courier;
    struct bf_destination_info info;
    enum bf_step step;
    atomic_int outcome;         /* of the next attempts */
    atomic_int n_prepared;
    _Atomic pthread_t prepared_by;      /* who prepared the last attempt */
    atomic_int n_disabled;
    _Atomic int64_t after_ms;
    _Atomic uint64_t last_ticket;
    _Atomic uint64_t first_ticket;
    atomic_int met[2048];       /* attempts at integrations "D0", "D1" ... */
    _Atomic uint64_t tickets[2048];     /* of the first attempts, in their order */
    const char *healthy;        /* this integration delivers, whatever the others do */
    atomic_bool missing;        /* the sink is not there */
    atomic_bool block;          /* attempts wait while it is true */
    size_t bytes;               /* that an attempt makes */
    bool in_haste;              /* at the end: attempts are under way that nobody settles */
    pthread_mutex_t lock;
    struct bf_ask *asks[1024];  /* under lock: of scripts that have not answered, */
    size_t n_asks;
    atomic_int n_asked;         /* of all there were */
    atomic_int ask_rc;          /* what asking comes to */
    enum bf_said said;          /* the answer; NOTHING: none until answer() */
    const char *words;
    atomic_bool unfit;          /* what a script made is refused */
    atomic_bool unrendered;     /* it cannot be asked about */
    char told[4000];            /* what the last attempt's digest said, */
    int n_firings;              /* of how many, */
    int n_events;               /* and of how many it had the events */
};

static inline bool on_destination(void *arg, const char *integration, struct bf_destination_info *out,
                           struct bf_error *err)
{
    (void)integration;
    if (((struct hub *)arg)->missing) {
        bf_error_set(err, BF_ECONFIG, "no such plugin");
        return false;
    }
    *out = ((struct hub *)arg)->info;
    return true;
}

static inline void note_digest(struct hub *h, const struct bf_digest *d)
{
    if (!d)
        return;
    snprintf(h->told, sizeof(h->told), "%s", d->firings);
    h->n_firings = (int)d->n_firings;
    h->n_events = 0;
    for (size_t i = 0; i < d->n_later; i++)
        h->n_events += d->later[i].event && d->later[i].event->seq == d->later[i].seq;
}

static inline void meet(struct hub *h, const char *integration)
{
    int n;

    if (sscanf(integration, "D%d", &n) == 1)
        h->met[n]++;
}

static inline enum bf_step on_prepare(void *arg, struct bf_attempt *at)
{
    struct hub *h = arg;

    note_digest(h, at->execution->digest);
    h->prepared_by = pthread_self();
    if (h->n_prepared < (int)BF_COUNT(h->tickets))
        h->tickets[h->n_prepared] = at->ticket;
    h->n_prepared++;
    meet(h, bf_execution_integration(at->execution));
    h->last_ticket = at->ticket;
    if (!h->first_ticket)
        h->first_ticket = at->ticket;
    bf_arena_alloc(at->arena, h->bytes);
    while (h->block)
        usleep(1000);
    if (h->healthy && strcmp(bf_execution_integration(at->execution), h->healthy) == 0) {
        at->verdict = (struct bf_verdict){BF_DELIVERED, -1, "well"};
        return BF_STEP_SETTLED;
    }
    at->verdict = (struct bf_verdict){h->outcome, h->after_ms, "because the test says so"};
    return h->step;
}

/* --- scripts: the answers are the test's, from its own thread or the loop's --- */

static inline bool on_render(void *arg, struct bf_attempt *at)
{
    struct hub *h = arg;
    struct bf_transform *t = &at->transform;

    note_digest(h, at->execution->digest);
    bf_arena_alloc(at->arena, h->bytes);
    if (h->unrendered)
        at->verdict = (struct bf_verdict){BF_REJECTED, -1, "there is no such variable"};
    t->question = (struct bf_question){.kind = BF_HOOK_TRANSFORM,
                                       .hook = at->execution->automation->hooks.transform,
                                       .payload = "{}",
                                       .payload_len = 2};
    t->ask = (struct bf_ask){.questions = &t->question, .n = 1, .arena = at->arena};
    return !h->unrendered;
}

static inline void give_answer(struct bf_ask *ask, enum bf_said said, const char *words)
{
    ask->questions[0].answer = (struct bf_answer){said, "5c91", words};
    ask->done(ask);
}

static inline int on_ask(void *arg, struct bf_ask *ask)
{
    struct hub *h = arg;

    if (h->ask_rc)
        return h->ask_rc;
    h->n_asked++;
    if (h->said) {
        give_answer(ask, h->said, h->words);
        return BF_OK;
    }
    pthread_mutex_lock(&h->lock);
    h->asks[h->n_asks++] = ask;
    pthread_mutex_unlock(&h->lock);
    return BF_OK;
}

/* Answer so many of those that wait, the oldest first; all with SIZE_MAX. */
static inline void answer(struct hub *h, size_t n, enum bf_said said, const char *words)
{
    struct bf_ask *taken[BF_COUNT(h->asks)];

    pthread_mutex_lock(&h->lock);
    n = n < h->n_asks ? n : h->n_asks;
    memcpy(taken, h->asks, n * sizeof(*taken));
    h->n_asks -= n;
    memmove(h->asks, h->asks + n, h->n_asks * sizeof(*taken));
    pthread_mutex_unlock(&h->lock);
    for (size_t i = 0; i < n; i++)
        give_answer(taken[i], said, words);
}

static inline void on_accept(void *arg, struct bf_attempt *at)
{
    struct bf_answer *a = &at->transform.question.answer;

    if (((struct hub *)arg)->unfit && a->said == BF_SAID_CHANGED)
        *a = (struct bf_answer){BF_SAID_FAILED, a->script, "s.lua: it is no payload"};
}

static inline void on_judge(void *arg, struct bf_attempt *at, struct bf_fetch_result *r)
{
    (void)arg;
    (void)at;
    (void)r;
}

static inline void on_forget(void *arg, struct bf_attempt *at)
{
    (void)arg;
    (void)at;
}

static inline void on_disable(void *arg, const char *integration, const char *reason,
                       const struct bf_execution *last)
{
    CHECK(last->event != NULL);
    (void)integration;
    (void)reason;
    ((struct hub *)arg)->n_disabled++;
}

static inline void on_new(void *arg, struct bf_execution *const *x, size_t n)
{
    struct hub *h = bf_container_of(arg, struct hub, f);

    h->f.n_enqueued += n;
    if (h->courier)
        bf_courier_offer(h->courier, x, n);
}

static inline void open_hub(struct hub *h)
{
    struct bf_bus_hooks hooks = {on_new, NULL, fixture_health, &h->f};
    struct bf_courier_ops ops = {.destination = on_destination, .prepare = on_prepare,
                                 .judge = on_judge, .forget = on_forget, .disable = on_disable,
                                 .render = on_render, .ask = on_ask, .accept = on_accept, .arg = h};
    struct bf_error err = {0};
    int rc;

    pthread_mutex_init(&h->lock, NULL);
    snprintf(h->f.path, sizeof(h->f.path), "%s/belfry.db", test_dir());
    h->f.clock = (struct bf_clock){fixture_wall, bf_clock_system()->mono_ms, &h->f};
    if (!h->f.wall_ms)
        h->f.wall_ms = 1000000;
    rc = bf_crypto_init(&err);
    if (!rc)
        rc = bf_db_open(h->f.path, BF_DB_WRITE, &h->f.db, &err);
    if (!rc)
        rc = bf_bus_open(h->f.db, &h->f.clock, NULL, &hooks, &h->f.bus, &err);
    if (!rc)
        rc = bf_guard_new("", &h->guard, &err);
    if (!rc)
        rc = bf_loop_new(h->guard, "test", &h->f.clock, NULL, &h->loop, &err);
    h->workers = bf_workers_new(4, 64);
    if (!rc)
        rc = bf_courier_new(h->loop, h->workers, h->f.bus, h->f.path, &ops, &h->f.clock, NULL,
                            &h->courier, &err);
    if (!rc)
        rc = bf_bus_start(h->f.bus, &err);
    if (!rc)
        rc = bf_courier_start(h->courier, &err);
    if (!rc)
        rc = bf_loop_start(h->loop, &err);
    if (rc)
        test_failed(__FILE__, __LINE__, "%s", err.words);
}

static inline void close_hub(struct hub *h)
{
    bf_courier_drain(h->courier, h->in_haste ? 0 : 2000);
    bf_bus_stop(h->f.bus);
    bf_workers_stop(h->workers);
    bf_loop_stop(h->loop);
    bf_loop_free(h->loop);
    bf_courier_free(h->courier);
    h->courier = NULL;
    bf_workers_free(h->workers);
    fixture_close(&h->f);
    bf_guard_free(h->guard);
}

static inline int64_t ask(struct hub *h, const char *sql)
{
    struct bf_db *db;
    struct bf_error err;
    int64_t n;

    CHECK_INT(bf_db_open(h->f.path, BF_DB_READ, &db, &err), 0);
    struct bf_query *q = bf_db_query(db, sql);
    n = bf_query_step(q) == 1 ? bf_query_col_int(q, 0) : -1;
    bf_query_end(q);
    bf_db_close(db);
    return n;
}

/* Wait until the answer is `want`, at most 5 s. */
static inline void eventually(struct hub *h, const char *sql, int64_t want)
{
    int64_t got = -1;

    for (int i = 0; i < 1000; i++) {
        got = ask(h, sql);
        if (got == want)
            return;
        usleep(5000);
    }
    test_failed(__FILE__, __LINE__, "%s is %lld, not %lld", sql, (long long)got, (long long)want);
}

static inline void automate(struct hub *h)
{
    CHECK_INT(save(&h->f, "A1", ON_PRODUCTION("notify", "I1"), NULL), 0);
}

static inline void emit_many(struct hub *h, int n)
{
    for (int i = 0; i < n; i++)
        CHECK_INT(emit(&h->f, ALIAS_EVENT("production", ""), NULL), 0);
}

static inline void change(struct hub *h, const char *sql)
{
    struct bf_db *db;
    struct bf_error err;

    CHECK_INT(bf_db_open(h->f.path, BF_DB_WRITE, &db, &err), 0);
    CHECK_INT(bf_query_run(bf_db_query(db, sql)), 0);
    bf_db_close(db);
}

#define COUNT(where) "SELECT count(*) FROM executions WHERE " where

#endif
