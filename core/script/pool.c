/* pool.c - the thread [scripts], which runs what is posted to it and waits for processes.
 *
 * One turn: what was posted, then what waits goes to whoever is free, then sleep until a process rings
 * or ends, a limit is to be looked at, or somebody posts.  So whatever is asked within a turn travels
 * together.
 *
 * A parent that dies takes its children along by a signal that the kernel sends when the *thread* that
 * started them ends; that is why this thread starts them, and outlives them. */
#include "core/script/pool_int.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/tz.h"

#define SWEEP_MS 1000
#define SCRATCH  (32 * 1024 * 1024)

int64_t bf_pool_now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * (int64_t)1000 + ts.tv_nsec / 1000000;
}

/* --- rows of calls ----------------------------------------------------------------------------- */

void bf_calls_init(struct bf_calls *c)
{
    c->first = NULL;
    c->end = &c->first;
    c->n = 0;
}

void bf_calls_add(struct bf_calls *c, struct bf_pool_call *call)
{
    call->link.next = NULL;
    *c->end = &call->link;
    c->end = &call->link.next;
    c->n++;
}

struct bf_pool_call *bf_calls_first(const struct bf_calls *c)
{
    return c->first ? bf_container_of(c->first, struct bf_pool_call, link) : NULL;
}

struct bf_pool_call *bf_calls_take(struct bf_calls *c)
{
    struct bf_pool_call *call = bf_calls_first(c);

    if (!call)
        return NULL;
    c->first = call->link.next;
    if (--c->n == 0)
        c->end = &c->first;
    return call;
}

void bf_calls_put_before(struct bf_calls *c, struct bf_calls *these)
{
    if (!these->n)
        return;
    *these->end = c->first;
    if (!c->n)
        c->end = these->end;
    c->first = these->first;
    c->n += these->n;
    bf_calls_init(these);
}

/* --- scripts -------------------------------------------------------------------------------------- */

static bool in_a_zone_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("/_+-", c);
}

/* Every quoted word that is the name of a zone: a process cannot read the machine's zones once it
 * runs, so it is started with those that scripts name. */
static void find_zones(struct bf_pool_script *s)
{
    const char *end = s->code + s->len;
    char name[48];

    for (const char *p = s->code; p < end && s->n_zones < BF_POOL_ZONES; p++) {
        const char *q = p + 1;
        struct bf_tz *z;

        if (*p != '"' && *p != '\'')
            continue;
        while (q < end && *q && in_a_zone_name(*q))
            q++;
        if (q == end || *q != *p || q - p < 4 || q - p > (ptrdiff_t)sizeof(name))
            continue;
        memcpy(name, p + 1, (size_t)(q - p - 1));
        name[q - p - 1] = '\0';
        z = bf_tz_new(name);
        if (z) {
            bf_buf_add(&s->zones, name, strlen(name) + 1);
            s->n_zones++;
        }
        bf_tz_unref(z);
        p = q;
    }
}

struct bf_pool_script *bf_pool_script_new(const char *name, const char *code, size_t len,
                                          unsigned needs)
{
    struct bf_pool_script *s = bf_new(struct bf_pool_script);

    s->name = bf_strdup(name);
    s->code = bf_zalloc(len + 1);
    memcpy(s->code, code, len);
    s->len = len;
    s->needs = needs;
    bf_hook_hash(code, len, s->hash);
    bf_calls_init(&s->calls);
    bf_buf_init(&s->zones, BF_WIRE_IN);
    atomic_init(&s->refs, 1);
    find_zones(s);
    return s;
}

struct bf_pool_script *bf_pool_script_ref(struct bf_pool_script *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void bf_pool_script_unref(struct bf_pool_script *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    bf_buf_fini(&s->zones);
    free(s->code);
    free(s->name);
    free(s);
}

const char *bf_pool_script_hash(const struct bf_pool_script *s) { return s->hash; }

/* --- the thread ----------------------------------------------------------------------------------- */

static void run_tasks(struct bf_link *list)
{
    while (list) {
        struct bf_pool_task *t = bf_container_of(list, struct bf_pool_task, link);

        list = list->next;
        t->fn(t);
    }
}

/* What was posted; true if nothing will be any more. */
static bool take_tasks(struct bf_pool *p, struct bf_link **list)
{
    bool last;

    pthread_mutex_lock(&p->lock);
    *list = p->tasks;
    p->tasks = NULL;
    p->tasks_end = &p->tasks;
    last = p->stopping;
    pthread_mutex_unlock(&p->lock);
    return last;
}

static void on_event(struct bf_pool *p, uint32_t what)
{
    struct bf_seat *s;
    uint64_t n;

    if (what == BF_POOL_ON_WAKE) {
        if (read(p->wake, &n, sizeof(n)) < 0 && errno != EAGAIN)
            bf_warnf(p->log, "script", "cannot read what wakes the thread: %s", strerror(errno));
        return;
    }
    if (what == BF_POOL_ON_DYING) {
        bf_pool_reap(p, false);
        return;
    }
    s = &p->seats[what / 2];
    if (s->state == BF_SEAT_EMPTY)
        return;                 /* emptied by an event before this one */
    if (what == BF_POOL_ON_PROCESS(s->at))
        bf_seat_ended(s);
    else
        bf_seat_rung(s);
}

/* The spare stays: it takes little, and somebody would have to wait for the next one. */
static bool has_had_enough(const struct bf_seat *s, int64_t now)
{
    switch (s->role) {
    case BF_SEAT_SPARE:
        return false;
    case BF_SEAT_ASIDE:
        return now - s->since_ms > BF_POOL_IDLE_MS;
    default:
        return now - s->since_ms > BF_POOL_STEADY_MS;
    }
}

static void sweep(struct bf_pool *p, int64_t now)
{
    for (unsigned i = 0; i < BF_POOL_SEATS; i++) {
        struct bf_seat *s = &p->seats[i];

        if (s->state == BF_SEAT_EMPTY)
            continue;
        bf_seat_sweep(s);
        if (bf_seat_cpu_us(s) > BF_POOL_CPU_MS * (int64_t)1000)
            s->going = true;
        if (s->state == BF_SEAT_READY && (s->going || has_had_enough(s, now)))
            bf_seat_kill(s);
    }
    p->swept_ms = now;
}

static bool is_watched(const struct bf_seat *s)
{
    return s->state == BF_SEAT_STARTING || s->state == BF_SEAT_BUSY;
}

/* Who still has to be told to stand back is looked at more often. */
static int look_every(const struct bf_seat *s)
{
    return s->state == BF_SEAT_BUSY && s->role == BF_SEAT_ASIDE && !s->stands_back
               ? BF_POOL_GLANCE_MS : BF_POOL_TICK_MS;
}

static void look_around(struct bf_pool *p)
{
    int64_t now = bf_pool_now_ms();

    for (unsigned i = 0; i < BF_POOL_SEATS; i++) {
        struct bf_seat *s = &p->seats[i];

        if (is_watched(s) && now - s->looked_ms >= look_every(s))
            bf_seat_look(s, now);
    }
    if (p->dying)
        bf_pool_reap(p, false);
    if (now - p->swept_ms >= SWEEP_MS)
        sweep(p, now);
    if (p->every && now >= p->every_at_ms) {
        p->every_at_ms = now + p->every_ms;
        p->every(p->every_arg);
    }
}

/* Until when nothing needs to be done unasked, in milliseconds from now; -1: for ever. */
static int how_long(const struct bf_pool *p)
{
    int64_t now = bf_pool_now_ms(), until = INT64_MAX;

    if (p->hungry)
        return 0;
    if (p->every)
        until = p->every_at_ms;
    if (p->dying)
        until = bf_min64(until, now + BF_POOL_TICK_MS);
    if (p->warm_ms > now)
        until = bf_min64(until, p->warm_ms);
    for (unsigned i = 0; i < BF_POOL_SEATS; i++) {
        const struct bf_seat *s = &p->seats[i];

        if (s->state != BF_SEAT_EMPTY)
            until = bf_min64(until, p->swept_ms + SWEEP_MS);
        if (is_watched(s))
            until = bf_min64(until, s->looked_ms + look_every(s));
    }
    return until == INT64_MAX ? -1 : (int)bf_min64(bf_max64(until - now, 0), 60000);
}

static void wait_for_events(struct bf_pool *p)
{
    struct epoll_event events[2 * BF_POOL_SEATS + 2];
    int n = epoll_wait(p->epoll, events, BF_COUNT(events), how_long(p));

    for (int i = 0; i < n; i++)
        on_event(p, events[i].data.u32);
}

/* Whatever is asked from now on has failed; what the answers ask in turn, too. */
static void end(struct bf_pool *p)
{
    p->ending = true;
    for (unsigned i = 0; i < BF_POOL_SEATS; i++) {
        struct bf_seat *s = &p->seats[i];

        bf_pool_batch_over(s);
        if (s->state != BF_SEAT_EMPTY)
            bf_seat_kill(s);
    }
    bf_pool_fail_all(p, "the hub is stopping");
    bf_pool_reap(p, true);
}

static void *run(void *arg)
{
    struct bf_pool *p = arg;
    struct bf_link *tasks;
    bool last;

    p->every_at_ms = bf_pool_now_ms() + p->every_ms;
    for (;;) {
        p->now_ms = bf_pool_now_ms();
        last = take_tasks(p, &tasks);
        run_tasks(tasks);
        if (last)
            break;
        bf_pool_dispatch(p);
        wait_for_events(p);
        look_around(p);
    }
    end(p);
    return NULL;
}

/* --- from outside ---------------------------------------------------------------------------------- */

/* That this program may use. */
static unsigned processors(void)
{
    cpu_set_t may;

    if (sched_getaffinity(0, sizeof(may), &may) != 0)
        return 1;               /* there are more than the set can hold, or nobody knows */
    return (unsigned)bf_min64(bf_max64(CPU_COUNT(&may), 1), BF_SCRIPT_PROCESSES);
}

struct bf_pool *bf_pool_new(const char *helper, const struct bf_clock *clock, struct bf_log *log)
{
    struct bf_pool *p = bf_new(struct bf_pool);

    p->helper = bf_strdup(helper);
    p->clock = clock;
    p->log = log;
    p->places = processors();
    p->epoll = p->wake = -1;
    p->tasks_end = &p->tasks;
    p->line.end = &p->line.first;
    p->suspects.end = &p->suspects.first;
    bf_calls_init(&p->steady);
    bf_calls_init(&p->refused);
    bf_buf_init(&p->out, BF_WIRE_IN);
    bf_buf_init(&p->zones, BF_WIRE_IN);
    pthread_mutex_init(&p->lock, NULL);
    for (unsigned i = 0; i < BF_POOL_SEATS; i++) {
        p->seats[i] = (struct bf_seat){.pool = p, .at = i, .pidfd = -1, .socket = -1};
        bf_calls_init(&p->seats[i].batch);
    }
    return p;
}

static bool open_loop(struct bf_pool *p)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = BF_POOL_ON_WAKE};

    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return p->epoll >= 0 && p->wake >= 0 && epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->wake, &ev) == 0;
}

static void close_loop(struct bf_pool *p)
{
    if (p->epoll >= 0)
        close(p->epoll);
    if (p->wake >= 0)
        close(p->wake);
    p->epoll = p->wake = -1;
}

/* Under the lock.  Signals are other threads' business. */
static bool start_thread(struct bf_pool *p)
{
    sigset_t all, before;
    int rc;

    if (!p->scratch)
        p->scratch = bf_arena_new(SCRATCH);
    if (!open_loop(p)) {
        bf_errorf(p->log, "script", "scripts cannot be asked: %s", strerror(errno));
        close_loop(p);
        return false;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&p->thread, NULL, run, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) {
        bf_errorf(p->log, "script", "scripts cannot be asked: %s", strerror(rc));
        close_loop(p);
        return false;
    }
    p->started = true;
    return true;
}

int bf_pool_post(struct bf_pool *p, struct bf_pool_task *t)
{
    bool wake = false;
    int rc = BF_OK;

    pthread_mutex_lock(&p->lock);
    if (p->stopping || (!p->started && !start_thread(p))) {
        rc = BF_ECANCELED;
    } else {
        wake = !p->tasks;
        t->link.next = NULL;
        *p->tasks_end = &t->link;
        p->tasks_end = &t->link.next;
    }
    pthread_mutex_unlock(&p->lock);
    if (wake)
        eventfd_write(p->wake, 1);
    return rc;
}

void bf_pool_every(struct bf_pool *p, int64_t ms, void (*fn)(void *arg), void *arg)
{
    p->every_ms = ms;
    p->every_arg = arg;
    p->every = fn;
}

void bf_pool_stop(struct bf_pool *p)
{
    bool join;

    pthread_mutex_lock(&p->lock);
    join = p->started && !p->stopping;
    p->stopping = true;
    pthread_mutex_unlock(&p->lock);
    if (!join)
        return;
    eventfd_write(p->wake, 1);
    pthread_join(p->thread, NULL);
}

void bf_pool_free(struct bf_pool *p)
{
    if (!p)
        return;
    bf_pool_stop(p);
    close_loop(p);
    pthread_mutex_destroy(&p->lock);
    bf_arena_free(p->scratch);
    bf_buf_fini(&p->out);
    bf_buf_fini(&p->zones);
    free(p->helper);
    free(p);
}

void bf_pool_counts(struct bf_pool *p, struct bf_pool_counts *out)
{
    out->calls = atomic_load_explicit(&p->tally.calls, memory_order_relaxed);
    out->failures = atomic_load_explicit(&p->tally.failures, memory_order_relaxed);
    out->batches = atomic_load_explicit(&p->tally.batches, memory_order_relaxed);
    out->started = atomic_load_explicit(&p->tally.started, memory_order_relaxed);
    out->killed = atomic_load_explicit(&p->tally.killed, memory_order_relaxed);
    out->slow = atomic_load_explicit(&p->tally.slow, memory_order_relaxed);
    out->processes = (unsigned)(out->started -
                                atomic_load_explicit(&p->tally.ended, memory_order_relaxed));
}
