/* backtests.c - those that wait, run and have ended.
 *
 * A thread is made when there is something to run, up to BF_BACKTESTS_RUN of them, and ends when
 * nothing waits any more.  Each makes a second one for the replay itself: that one gives its claim on
 * the processors away, which cannot be taken back, and what it makes would inherit it; so what asks
 * plugins is left to the first.
 *
 * Invariant: whoever is in the list has the list's reference; whoever runs has its thread's. */
#include "core/backtest/backtest_int.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/base.h"

#define STOP_MS 3600000         /* as good as for ever */

enum status { QUEUED, RUNNING, FINISHED, FAILED };

static const char *const status_names[] = {"queued", "running", "finished", "failed"};

/* One of the threads. */
struct slot {
    struct bf_backtests *owner;
    pthread_t thread;
    bool used;                  /* it is there, or can be joined */
    bool over;                  /* it takes nothing more */
};

struct bf_backtests {
    struct bf_backtest_rooms rooms;     /* fixed */
    pthread_mutex_t lock;
    struct bf_backtest *newest;         /* under lock, from here down */
    struct slot slots[BF_BACKTESTS_RUN];
    bool stopping;
};


/* --- one ------------------------------------------------------------------------------------- */

void bf_backtest_unref(struct bf_backtest *t)
{
    if (!t || atomic_fetch_sub(&t->refs, 1) > 1)
        return;
    bf_automation_unref(t->automation);
    free(t->stored);
    free(t->user);
    free(t->zone);
    bf_tz_unref(t->tz);
    free(t->result);
    free(t);
}

static struct bf_backtest *ref(struct bf_backtest *t)
{
    atomic_fetch_add(&t->refs, 1);
    return t;
}

static struct bf_backtest *new_backtest(struct bf_backtests *b,
                                        const struct bf_backtest_order *order)
{
    struct bf_backtest *t = bf_new(struct bf_backtest);

    atomic_init(&t->refs, 1);
    t->created_ms = bf_bus_now(b->rooms.bus);
    bf_id_random(t->id, t->created_ms);
    t->rooms = b->rooms;
    t->automation = bf_automation_ref(order->automation);
    t->stored = bf_strdup(order->stored);
    t->user = bf_strdup(order->user);
    t->zone = bf_strdup(order->zone);
    t->tz = bf_tz_ref(order->tz);
    t->since_ms = order->since_ms;
    t->until_ms = order->until_ms;
    t->counts_only = order->counts_only;
    t->max_clock = order->max_clock ? order->max_clock : BF_BACKTEST_CLOCK_MAX;
    t->owner = b;
    return t;
}

const char *bf_backtest_id(const struct bf_backtest *t) { return t->id; }
const char *bf_backtest_entity(const struct bf_backtest *t) { return t->automation->entity; }
const char *bf_backtest_project(const struct bf_backtest *t) { return t->automation->project; }


/* --- running --------------------------------------------------------------------------------- */

struct replay {
    struct bf_backtest *backtest;
    struct bf_tally *tally;
    struct bf_error err;
    int rc;
};

/* Least of all: what is left over, and of that not much where others are at it too. */
static void give_way(void)
{
    struct sched_param none = {0};

    if (pthread_setschedparam(pthread_self(), SCHED_IDLE, &none) != 0)
        setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
}

static void *replay_main(void *arg)
{
    struct replay *r = arg;

    give_way();
    r->rc = bf_backtest_replay(r->backtest, r->tally, &r->err);
    return NULL;
}

static int replay(struct replay *r)
{
    pthread_t thread;
    int rc;

    r->tally = bf_tally_new(r->backtest);
    rc = pthread_create(&thread, NULL, replay_main, r);
    if (rc)
        return bf_error_set(&r->err, BF_EIO, "cannot make a thread: %s", strerror(rc));
    pthread_setname_np(thread, "backtest");
    pthread_join(thread, NULL);
    return r->rc;
}

static char *run(struct bf_backtest *t, struct bf_error *err)
{
    struct replay r = {.backtest = t};
    char *result = NULL;

    if (replay(&r) == BF_OK)
        result = bf_tally_result(r.tally);
    *err = r.err;
    bf_tally_free(r.tally);
    return result;
}

/* The oldest that waits, a reference; NULL if none does.  Under lock. */
static struct bf_backtest *next_queued(struct bf_backtests *b)
{
    struct bf_backtest *found = NULL;

    for (struct bf_backtest *t = b->newest; t; t = t->next)
        if (t->status == QUEUED)
            found = t;
    return found ? ref(found) : NULL;
}

static void *slot_main(void *arg)
{
    struct slot *s = arg;
    struct bf_backtests *b = s->owner;
    struct bf_backtest *t;

    pthread_mutex_lock(&b->lock);
    while (!b->stopping && (t = next_queued(b))) {
        struct bf_error err = {0};
        char *result;

        t->status = RUNNING;
        t->started_ms = bf_bus_now(b->rooms.bus);
        pthread_mutex_unlock(&b->lock);
        result = run(t, &err);
        pthread_mutex_lock(&b->lock);
        t->status = result ? FINISHED : FAILED;
        t->ended_ms = bf_bus_now(b->rooms.bus);
        t->result = result;
        memcpy(t->words, err.words, sizeof(t->words));
        pthread_mutex_unlock(&b->lock);
        bf_backtest_unref(t);
        pthread_mutex_lock(&b->lock);
    }
    s->over = true;
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* A thread for what waits, if there may be one more.  Under lock. */
static int wake(struct bf_backtests *b, struct bf_error *err)
{
    for (size_t i = 0; i < BF_BACKTESTS_RUN; i++) {
        struct slot *s = &b->slots[i];
        int rc;

        if (s->used && !s->over)
            continue;
        if (s->used)
            pthread_join(s->thread, NULL);      /* it has let go of the lock for good */
        *s = (struct slot){.owner = b};
        rc = pthread_create(&s->thread, NULL, slot_main, s);
        if (rc)
            return bf_error_set(err, BF_EIO, "cannot make a thread: %s", strerror(rc));
        s->used = true;
        return BF_OK;
    }
    return BF_OK;
}


/* --- the list -------------------------------------------------------------------------------- */

/* What ended long ago, or as one too many, goes.  Under lock. */
static void forget_old(struct bf_backtests *b)
{
    int64_t now = bf_bus_now(b->rooms.bus);
    size_t n = 0, bytes = 0;

    for (struct bf_backtest **at = &b->newest; *at;) {
        struct bf_backtest *t = *at;
        bool ended = t->status == FINISHED || t->status == FAILED;

        bytes += t->result ? strlen(t->result) : 0;
        if (ended && (t->ended_ms + BF_BACKTESTS_KEPT_MS <= now || ++n > BF_BACKTESTS_KEPT ||
                      bytes > BF_BACKTESTS_KEPT_BYTES)) {
            *at = t->next;
            bf_backtest_unref(t);
        } else {
            at = &t->next;
        }
    }
}

static size_t count(const struct bf_backtests *b, int status)
{
    size_t n = 0;

    for (const struct bf_backtest *t = b->newest; t; t = t->next)
        n += t->status == status;
    return n;
}

int bf_backtests_add(struct bf_backtests *b, const struct bf_backtest_order *order,
                     struct bf_backtest **out, struct bf_error *err)
{
    struct bf_backtest *t = new_backtest(b, order);
    int rc = BF_OK;

    pthread_mutex_lock(&b->lock);
    forget_old(b);
    if (b->stopping)
        rc = bf_error_set(err, BF_ECANCELED, "the hub is stopping");
    else if (count(b, QUEUED) >= BF_BACKTESTS_QUEUED)
        rc = bf_error_set(err, BF_EFULL, "%d backtests wait already; try again when one has ended",
                          BF_BACKTESTS_QUEUED);
    if (!rc) {
        t->next = b->newest;
        b->newest = t;
        rc = wake(b, err);
        if (rc)
            b->newest = t->next;
    }
    if (!rc)
        *out = ref(t);
    pthread_mutex_unlock(&b->lock);
    if (rc)
        bf_backtest_unref(t);
    return rc;
}

struct bf_backtest *bf_backtests_find(struct bf_backtests *b, const char *id)
{
    struct bf_backtest *t;

    pthread_mutex_lock(&b->lock);
    forget_old(b);
    for (t = b->newest; t && strcmp(t->id, id) != 0;)
        t = t->next;
    if (t)
        ref(t);
    pthread_mutex_unlock(&b->lock);
    return t;
}

size_t bf_backtests_list(struct bf_backtests *b, struct bf_backtest **out, size_t max)
{
    size_t n = 0;

    pthread_mutex_lock(&b->lock);
    forget_old(b);
    for (struct bf_backtest *t = b->newest; t && n < max; t = t->next)
        out[n++] = ref(t);
    pthread_mutex_unlock(&b->lock);
    return n;
}

void bf_backtests_drop(struct bf_backtests *b, struct bf_backtest *t)
{
    struct bf_backtest **at;

    atomic_store(&t->ended, true);
    pthread_mutex_lock(&b->lock);
    for (at = &b->newest; *at && *at != t;)
        at = &(*at)->next;
    if (*at)
        *at = t->next;
    else
        t = NULL;               /* somebody else was quicker */
    pthread_mutex_unlock(&b->lock);
    bf_backtest_unref(t);
}

struct bf_backtests *bf_backtests_new(const struct bf_backtest_rooms *rooms)
{
    struct bf_backtests *b = bf_new(struct bf_backtests);

    b->rooms = *rooms;
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

bool bf_backtests_stop(struct bf_backtests *b, int64_t wait_ms)
{
    bool back = true;

    pthread_mutex_lock(&b->lock);
    b->stopping = true;
    for (struct bf_backtest *t = b->newest; t; t = t->next)
        atomic_store(&t->ended, true);
    pthread_mutex_unlock(&b->lock);
    for (size_t i = 0; i < BF_BACKTESTS_RUN; i++) {
        if (b->slots[i].used)
            back = bf_thread_join_within(b->slots[i].thread, wait_ms) && back;
        b->slots[i].used = false;
    }
    return back;
}

void bf_backtests_free(struct bf_backtests *b)
{
    if (!b)
        return;
    bf_backtests_stop(b, STOP_MS);
    while (b->newest) {
        struct bf_backtest *t = b->newest;

        b->newest = t->next;
        bf_backtest_unref(t);
    }
    pthread_mutex_destroy(&b->lock);
    free(b);
}


/* --- shown ----------------------------------------------------------------------------------- */

static void add_time(struct bf_buf *b, const char *name, int64_t ms)
{
    char text[32];

    bf_time_print(ms, text);
    bf_buf_printf(b, ",\"%s\":", name);
    bf_buf_json(b, ms ? text : NULL);
}

static void add_text(struct bf_buf *b, const char *name, const char *text)
{
    bf_buf_printf(b, ",\"%s\":", name);
    bf_buf_json(b, text);
}

static void add_automation(const struct bf_backtest *t, struct bf_buf *out)
{
    bf_buf_adds(out, ",\"automation\":");
    bf_buf_json(out, t->stored);
    add_text(out, "name", t->automation->name);
    add_text(out, "entity", t->automation->entity);
    add_text(out, "project", t->automation->project);
    add_text(out, "by", t->user);
    add_time(out, "since", t->since_ms);
    add_time(out, "until", t->until_ms);
    add_text(out, "time_zone", t->zone);
}

void bf_backtest_print(struct bf_backtest *t, bool with_result, struct bf_buf *out)
{
    uint64_t all = atomic_load(&t->n_all), done = atomic_load(&t->n_done);

    pthread_mutex_lock(&t->owner->lock);
    bf_buf_printf(out, "{\"id\":\"%s\",\"status\":\"%s\"", t->id, status_names[t->status]);
    add_automation(t, out);
    add_time(out, "created", t->created_ms);
    add_time(out, "started", t->started_ms);
    add_time(out, "ended", t->ended_ms);
    bf_buf_printf(out, ",\"progress\":{\"done\":%llu,\"all\":%llu}", (unsigned long long)done,
                  (unsigned long long)all);
    add_text(out, "error", t->status == FAILED ? t->words : NULL);
    if (with_result) {
        bf_buf_adds(out, ",\"result\":");
        bf_buf_adds(out, t->result ? t->result : "null");
    }
    bf_buf_addc(out, '}');
    pthread_mutex_unlock(&t->owner->lock);
}
