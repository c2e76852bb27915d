/* engine.c - the engine's thread: one batch, one transaction, one commit, then the answers.
 *
 * The invariant: nobody is told of anything that is not on disk, and what is on disk was told or
 * will be found by whoever asks.  So numbers, times and the list of new executions are kept aside
 * while a batch is open (struct mark), and put back if it fails. */
#include "core/bus/answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/base.h"
#include "core/bus/scripts_kept.h"
#include "core/rules/timers.h"

/* Scratch for the hub's own records; a spec has at most BF_EVENT_MAX bytes, parsed it has more. */
#define SCRATCH_MAX (64 * 1024 * 1024)

#define ADDED_MAX   4096        /* new executions after which a batch is closed */
#define GATHER_US   2000        /* at most, for answers that other works of the batch have already */
#define PARKED      1           /* of a work that waits for scripts: it is neither done nor refused */

struct mark {
    uint64_t seq;
    uint64_t number;
    uint64_t run;
    size_t n_added;
};

static struct mark mark_of(const struct bf_bus *bus)
{
    return (struct mark){bus->last_seq, bus->last_number, bf_runs_last(bus->runs), bus->added.n};
}

static void forget_added(struct bf_bus *bus, size_t keep)
{
    while (bus->added.n > keep)
        bf_execution_unref(bus->added.items[--bus->added.n]);
}

static void back_to(struct bf_bus *bus, struct mark m)
{
    bus->last_seq = m.seq;
    bus->last_number = m.number;
    bf_runs_undo(bus->runs, m.run);
    bf_live_memory_undo(bus->memory);
    bf_crash_undo(bus);
    bf_script_numbers_undo(bus);
    forget_added(bus, m.n_added);
    bf_suppressions_drop(bus->suppressed);
}

void bf_bus_remember_added(struct bf_bus *bus, struct bf_execution *e)
{
    struct executions *l = &bus->added;

    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->items = bf_zrealloc(l->items, l->cap * sizeof(struct bf_execution *));
    }
    l->items[l->n++] = e;
}


/* --- counting ---------------------------------------------------------------- */

static const uint64_t batch_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
static const uint64_t commit_bounds[] = {100,   250,   500,    1000,   2500,   5000,   10000,
                                         25000, 50000, 100000, 250000, 1000000, 5000000};

/* Sources are few and come again and again; the last place is everybody else's. */
static unsigned source_of(struct bf_bus *bus, const char *name)
{
    struct bf_bus_stats *s = &bus->stats;
    unsigned n = atomic_load_explicit(&s->n_sources, memory_order_relaxed), i = 0;

    while (i < n && strcmp(s->sources[i].name, name) != 0)
        i++;
    if (i < n || n == BF_BUS_SOURCES_MAX)
        return i < n ? i : n - 1;
    snprintf(s->sources[n].name, sizeof(s->sources[n].name), "%s",
             n == BF_BUS_SOURCES_MAX - 1 ? "other" : name);
    atomic_store_explicit(&s->n_sources, n + 1, memory_order_release);
    return n;
}

void bf_bus_tally(struct bf_tx *tx, bool duplicate)
{
    unsigned i = source_of(tx->bus, tx->source ? tx->source : "hub");

    tx->bus->tally[i].events++;
    tx->bus->tally[i].duplicates += duplicate;
}

static void count_batch(struct bf_bus *bus, size_t n_works, bool committed)
{
    struct bf_bus_stats *s = &bus->stats;

    if (!committed)
        bf_count(&s->failed_batches, 1);
    else if (n_works || !bf_asking_is_on(bus))
        bf_histogram_add(&s->batch, n_works);
    for (unsigned i = 0; i < atomic_load_explicit(&s->n_sources, memory_order_relaxed); i++) {
        if (committed && bus->tally[i].events) {
            bf_count(&s->sources[i].events, bus->tally[i].events);
            bf_count(&s->sources[i].duplicates, bus->tally[i].duplicates);
        }
        bus->tally[i].events = bus->tally[i].duplicates = 0;
    }
}

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

const struct bf_bus_stats *bf_bus_stats(const struct bf_bus *bus) { return &bus->stats; }


/* --- batches ----------------------------------------------------------------- */

/* A batch: works in the order they came.  `failed` ones said no on their own and were undone. */
struct batch {
    struct bf_work *first;
    struct bf_work *last;
    size_t n;
    size_t bytes;
};

/* What a work that failed alone is told, kept until the batch is over. */
struct refusal {
    struct refusal *next;
    struct bf_work *work;
    int rc;
    struct bf_error err;
};

static struct bf_work *work_of(struct bf_link *l)
{
    return bf_container_of(l, struct bf_work, link);
}

/* The store itself failed.  It may have rolled back the whole transaction by then, so nothing of
 * the batch can be saved. */
static bool is_store_failure(int rc) { return rc == BF_EIO || rc == BF_ENOMEM; }

/* What they have come to is in the tables then. */
static int flush_rules(struct bf_bus *bus)
{
    bf_rules_flush(bus->rules);
    return bf_live_memory_failed(bus->memory);
}

static void refuse(struct bf_work *w, int rc, const struct bf_error *err,
                   struct refusal **refusals)
{
    struct refusal *r = bf_new(struct refusal);

    *r = (struct refusal){.next = *refusals, .work = w, .rc = rc, .err = *err};
    *refusals = r;
}

/* Of a work that said no, or that missed what scripts say: the first is told so with its batch, the
 * other is the batch's no more. */
static int undo_alone(struct bf_work *w, struct bf_tx *tx, struct mark before, int rc,
                      struct refusal **refusals, struct bf_error *err)
{
    bool is_too_much = rc && tx->missed && bf_asking_is_too_much(tx);

    bf_db_undo(tx->db);
    back_to(tx->bus, before);
    bf_rules_undo_part(tx->bus->rules);
    if (tx->missed && !is_too_much && bf_asking_park_missed(w))
        return PARKED;
    if (tx->missed && !is_too_much)
        rc = bf_error_set(err, BF_ECANCELED, "scripts have to be asked about something else");
    refuse(w, rc, err, refusals);
    return BF_OK;
}

static int apply_alone(struct bf_work *w, struct bf_tx *tx, struct refusal **refusals,
                       struct bf_error *err)
{
    int rc = bf_bus_write_suppressed(tx);
    struct mark before = mark_of(tx->bus);

    if (!rc)
        rc = flush_rules(tx->bus);
    if (!rc)
        rc = bf_db_mark(tx->db);
    if (!rc)
        rc = w->apply(w, tx, err);
    if (!rc && !tx->missed)
        rc = bf_db_keep(tx->db);
    else if (!is_store_failure(rc))
        rc = undo_alone(w, tx, before, rc, refusals, err);
    return rc;
}

static int apply(struct bf_work *w, struct bf_tx *tx, struct refusal **refusals,
                 struct bf_error *err)
{
    bool alone = w->may_fail;

    tx->source = w->source;
    tx->may_fail = w->may_fail;
    bf_bus_count_anew(tx);
    if (tx->asks) {
        bf_asking_begin(tx, w);
        alone = tx->may_miss = bf_asking_may_miss(tx, w);
    }
    return alone ? apply_alone(w, tx, refusals, err) : w->apply(w, tx, err);
}

static bool is_full(const struct bf_bus *bus, const struct batch *b)
{
    return b->n >= BF_BUS_BATCH_MAX || b->bytes >= BF_BUS_BATCH_BYTES ||
           bus->added.n >= ADDED_MAX || (b->last && b->last->alters_rules) ||
           bf_mono_ms(bus->clock) - atomic_load(&bus->busy_since_mono) >= BF_BUS_BATCH_MS;
}

static void add(struct batch *b, struct bf_work *w)
{
    if (b->last)
        b->last->link.next = &w->link;
    else
        b->first = w;
    b->last = w;
    b->n++;
    b->bytes += w->weight;
}

/* Apply works from *rest until the batch is full; what is left stays in *rest.  On an error the
 * work it came from is in the batch as well. */
static int fill(struct batch *b, struct bf_link **rest, struct bf_tx *tx,
                struct refusal **refusals, struct bf_error *err)
{
    int rc = BF_OK;

    do {
        struct bf_work *w = work_of(*rest);

        *rest = w->link.next;
        w->link.next = NULL;
        if (tx->asks && !bf_asking_may_apply(tx->bus, w))
            continue;
        rc = apply(w, tx, refusals, err);
        if (rc == PARKED)
            rc = BF_OK;
        else
            add(b, w);
    } while (!rc && *rest && !is_full(tx->bus, b));
    return rc;
}

static const struct refusal *refusal_of(const struct refusal *r, const struct bf_work *w)
{
    while (r && r->work != w)
        r = r->next;
    return r;
}

static void tell(struct bf_bus *bus, struct batch *b, const struct refusal *refusals, int rc,
                 const struct bf_error *err)
{
    struct bf_link *l = b->first ? &b->first->link : NULL;

    if (bus->hooks.batch)
        bus->hooks.batch(bus->hooks.arg, true);
    while (l) {
        struct bf_work *w = work_of(l);
        const struct refusal *r = refusals ? refusal_of(refusals, w) : NULL;

        l = l->next;    /* done() may free the work */
        atomic_fetch_sub(&bus->queued_bytes, w->weight);
        bf_asking_end(w);
        if (r)
            w->done(w, r->rc, &r->err);
        else
            w->done(w, rc, err);
    }
    if (bus->hooks.batch)
        bus->hooks.batch(bus->hooks.arg, false);
}

static void free_refusals(struct refusal *r)
{
    while (r) {
        struct refusal *next = r->next;

        free(r);
        r = next;
    }
}

static void report_health(struct bf_bus *bus, int rc, const struct bf_error *err)
{
    bool ok = rc == BF_OK;

    if (ok == bus->healthy)
        return;
    bus->healthy = ok;
    if (ok) {
        bf_warnf(bus->log, "bus", "the store takes commits again");
        bf_failures_tell(bus);
    } else {
        bf_errorf(bus->log, "bus", "%s; nothing is acknowledged until it can be", err->words);
    }
    if (bus->hooks.health)
        bus->hooks.health(bus->hooks.arg, ok, ok ? "" : err->words);
}

/* Once a minute at most. */
static void report_refused_waits(struct bf_bus *bus)
{
    uint64_t n = bf_rules_refused_waits(bus->rules);
    int64_t mono = bf_mono_ms(bus->clock);

    if (n == bus->refused_waits || mono < bus->refused_again_mono_ms)
        return;
    bf_warnf(bus->log, "bus", "there are %d waits for absences; %llu more were not begun",
             BF_WAITS_MAX, (unsigned long long)(n - bus->refused_waits));
    bus->refused_waits = n;
    bus->refused_again_mono_ms = mono + 60000;
}

/* Those that a script has had fail as they fired. */
static void tell_unattempted(struct bf_bus *bus)
{
    for (size_t i = 0; i < bus->added.n; i++)
        if (bus->added.items[i]->status == BF_FAILED)
            bf_bus_tell_failure(bus, bus->added.items[i]->number);
}

static int commit(struct bf_bus *bus, struct bf_error *err)
{
    uint64_t begun = now_us();
    int rc = bf_db_commit(bus->db);

    if (rc)
        return bf_error_set(err, BF_EIO, "the store cannot commit: %s", bf_db_words(bus->db));
    bus->commit_us = now_us() - begun;
    bf_histogram_add(&bus->stats.commit, bus->commit_us);
    bf_count(&bus->stats.executions, bus->added.n);
    bf_runs_settle(bus->runs);
    bf_live_memory_settle(bus->memory);
    bf_rules_settle(bus->rules);
    report_refused_waits(bus);
    if (bus->added.n && bus->hooks.enqueued)
        bus->hooks.enqueued(bus->hooks.arg, bus->added.items, bus->added.n);
    tell_unattempted(bus);
    forget_added(bus, 0);
    return BF_OK;
}

/* The end of a transaction in which all went as rc says. */
static int end_transaction(struct bf_tx *tx, struct mark before, int rc, struct bf_error *err)
{
    struct bf_bus *bus = tx->bus;

    if (!rc)
        rc = flush_rules(bus);
    if (!rc)
        rc = bf_bus_write_suppressed(tx);
    if (rc)
        bf_db_rollback(bus->db);
    else
        rc = commit(bus, err);
    if (rc) {
        back_to(bus, before);
        bf_rules_undo(bus->rules);
    }
    return rc ? BF_EIO : BF_OK;
}

static int begin_transaction(struct bf_bus *bus, struct bf_error *err)
{
    atomic_store_explicit(&bus->busy_since_mono, bf_mono_ms(bus->clock), memory_order_relaxed);
    if (bf_db_begin(bus->db) == BF_OK)
        return BF_OK;
    return bf_error_set(err, BF_EIO, "the store takes no transaction: %s", bf_db_words(bus->db));
}

/* One transaction of works from *rest. */
static void run_batch(struct bf_bus *bus, struct bf_link **rest, int64_t now_ms)
{
    struct bf_tx tx = {.bus = bus, .db = bus->db, .now_ms = now_ms,
                       .asks = bf_asking_is_on(bus)};
    struct mark before = mark_of(bus);
    struct refusal *refusals = NULL;
    struct bf_error err = {0};
    struct batch b = {0};
    int rc = begin_transaction(bus, &err);

    if (rc) {
        b.first = work_of(*rest);       /* all that waits is told the same */
        *rest = NULL;
    } else {
        rc = end_transaction(&tx, before, fill(&b, rest, &tx, &refusals, &err), &err);
    }
    atomic_store_explicit(&bus->busy_since_mono, 0, memory_order_relaxed);
    count_batch(bus, b.n, rc == BF_OK);
    report_health(bus, rc, &err);
    tell(bus, &b, refusals, rc, &err);
    free_refusals(refusals);
    bf_arena_reset(bus->scratch);
}

/* --- what waits on the clock -------------------------------------------------- */

/* Some of what is over.  What cannot be written is tried again a little later; until then nothing is
 * journaled (see bf_bus_emit), for it would stand before what comes first. */
static int advance(struct bf_bus *bus, int64_t now_ms)
{
    struct bf_tx tx = {.bus = bus, .db = bus->db, .now_ms = now_ms, .advances = true};
    struct mark before = mark_of(bus);
    struct bf_error err = {0};
    int rc = begin_transaction(bus, &err);

    if (!rc)
        rc = end_transaction(&tx, before, bf_bus_advance(&tx, &err), &err);
    atomic_store_explicit(&bus->busy_since_mono, 0, memory_order_relaxed);
    count_batch(bus, 0, rc == BF_OK);
    report_health(bus, rc, &err);
    bf_arena_reset(bus->scratch);
    bus->retry_mono_ms = rc ? bf_mono_ms(bus->clock) + BF_ADVANCE_RETRY_MS : 0;
    return rc;
}

/* All that is over, in slices; gives the time by which that is so.  Works are a reason to try again at
 * once what could not be written: they would be refused without it. */
static int64_t catch_up(struct bf_bus *bus, bool works_wait)
{
    int64_t now_ms = bf_bus_now(bus);

    while (bf_bus_is_over(bus, now_ms)) {
        if (!works_wait && bf_mono_ms(bus->clock) < bus->retry_mono_ms)
            return now_ms;
        if (advance(bus, now_ms))
            return now_ms;
        if (!works_wait && (bf_queue_len(bus->queue) || bf_queue_is_closed(bus->queue)))
            return now_ms;
        now_ms = bf_bus_now(bus);
    }
    bus->retry_mono_ms = 0;
    return now_ms;
}

/* What is due of runs stands before what was posted. */
static struct bf_link *with_crashes(struct bf_bus *bus, struct bf_link *posted, int64_t now_ms)
{
    struct bf_work *w = bf_crash_work(bus, now_ms);

    if (!w)
        return posted;
    w->link.next = posted;
    return &w->link;
}

static int64_t sleep_ms(struct bf_bus *bus)
{
    int64_t ms = bf_bus_sleep_ms(bus), next = bf_crash_next(bus), wait_ms;

    if (next) {
        wait_ms = bf_max64(next - bf_bus_now(bus), 0);
        ms = ms < 0 ? wait_ms : bf_min64(ms, wait_ms);
    }
    if (bus->retry_mono_ms)
        ms = bf_max64(ms, bus->retry_mono_ms - bf_mono_ms(bus->clock));
    return ms;
}

/* Works that are told so without a transaction. */
static void give_up_parked(struct bf_bus *bus)
{
    struct bf_error err;
    struct batch b = {0};

    bf_error_set(&err, BF_ECANCELED, "the hub is stopping, and scripts have not answered");
    for (struct bf_link *l = bf_asking_give_up(bus), *next; l; l = next) {
        next = l->next;
        l->next = NULL;
        add(&b, work_of(l));
    }
    tell(bus, &b, NULL, BF_ECANCELED, &err);
}

/* What was posted, or answered; once the queue is closed only what is parked is waited for, and not
 * for ever.  False if nothing more will come. */
static bool next_works(struct bf_bus *bus, struct bf_link **out)
{
    int64_t ms = bf_asking_sleep_ms(bus, sleep_ms(bus)), left;

    *out = bf_queue_pop_all(bus->queue, ms);
    if (*out || !bf_queue_is_closed(bus->queue))
        return true;
    if (!bf_asking_parked(bus))
        return false;
    if (!bus->stop_mono_ms)
        bus->stop_mono_ms = bf_mono_ms(bus->clock) + BF_ASKING_STOP_MS;
    left = bus->stop_mono_ms - bf_mono_ms(bus->clock);
    if (left <= 0) {
        give_up_parked(bus);
        return false;
    }
    *out = bf_queue_await(bus->queue, ms < 0 ? left : bf_min64(ms, left));
    return true;
}

static struct bf_link *join(struct bf_link *first, struct bf_link *second)
{
    struct bf_link *last = first;

    while (last && last->next)
        last = last->next;
    if (!last)
        return second;
    last->next = second;
    return first;
}

/* Answers come one by one, and a commit for each would cost more than to wait a little for the rest: as
 * long as half of the last commit, for what was asked since.  A slow script is so waited for once. */
static struct bf_link *gather(struct bf_bus *bus, struct bf_link *rest)
{
    int64_t left = bf_min64((int64_t)bus->commit_us / 2, GATHER_US);
    int64_t until = (int64_t)now_us() + left;

    while (rest && left > 0 && bf_asking_has_fresh(bus)) {
        struct bf_link *more = bf_queue_pop_soon(bus->queue, left);

        if (!more)
            break;
        rest = join(rest, bf_asking_take(bus, more));
        left = until - (int64_t)now_us();
    }
    if (rest)
        bf_asking_next_batch(bus);
    return rest;
}

static void *engine_main(void *arg)
{
    struct bf_bus *bus = arg;
    struct bf_link *rest;

    while (next_works(bus, &rest)) {
        int64_t now_ms = catch_up(bus, rest != NULL);

        if (bf_asking_is_on(bus))
            rest = gather(bus, bf_asking_take(bus, rest));
        rest = with_crashes(bus, rest, now_ms);
        while (rest) {
            run_batch(bus, &rest, now_ms);
            now_ms = catch_up(bus, rest != NULL);
            if (rest)
                rest = with_crashes(bus, rest, now_ms);
        }
    }
    return NULL;
}


/* --- life -------------------------------------------------------------------- */

int bf_bus_open(struct bf_db *db, const struct bf_clock *clock, struct bf_log *log,
                const struct bf_bus_hooks *hooks, struct bf_bus **out, struct bf_error *err)
{
    struct bf_bus *bus = bf_new(struct bf_bus);
    int rc;

    bus->db = db;
    bus->clock = clock;
    bus->log = log;
    bus->hooks = *hooks;
    bus->healthy = true;
    bus->stats.batch = (struct bf_histogram)BF_HISTOGRAM(batch_bounds, 1);
    bus->stats.commit = (struct bf_histogram)BF_HISTOGRAM(commit_bounds, 1e-6);
    bus->time_mono_ms = bf_mono_ms(clock);
    pthread_mutex_init(&bus->time_lock, NULL);
    bus->queue = bf_queue_new(BF_BUS_QUEUE_MAX);
    bus->memory = bf_live_memory_new(db, BF_MEMORY_BYTES);
    bus->rules = bf_rules_new();
    bf_rules_remember(bus->rules, bf_live_memory_rules(bus->memory));
    bus->suppressed = bf_suppressions_new();
    bus->runs = bf_runs_new();
    bus->asking = bf_asking_new();
    bus->scratch = bf_arena_new(SCRATCH_MAX);
    rc = bf_db_migrate(db, "bus", bf_bus_schema, err);
    if (!rc)
        rc = bf_scripts_kept_open(db, err);
    if (!rc)
        rc = bf_db_migrate(db, "outbox", bf_outbox_schema, err);
    if (!rc)
        rc = bf_journal_open(bus, err);
    if (!rc)
        rc = bf_runs_open(bus->runs, db, err);
    if (!rc && (rc = bf_remembered_open(db, bus->last_seq)))
        bf_error_set(err, rc, "cannot write what is remembered: %s", bf_db_words(db));
    if (!rc)
        rc = bf_crash_open(bus, err);
    if (!rc)
        rc = bf_outbox_recover(db, bus->hub, bf_bus_now(bus), err);
    if (!rc)
        rc = bf_automations_load(bus, err);
    if (!rc)
        bf_rules_begin(bus->rules, bf_bus_now(bus));
    if (rc)
        bf_bus_close(bus);
    else
        *out = bus;
    return rc;
}

/* So that the engine counts anew for how long it may rest. */
static int on_nudge(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    int rc = bf_crash_listen(tx);

    (void)w;
    return rc ? bf_error_set(err, rc, "cannot look at runs: %s", bf_db_words(tx->db)) : BF_OK;
}

static void nudged(struct bf_work *w, int rc, const struct bf_error *err)
{
    (void)rc;
    (void)err;
    free(w);
}

static void nudge(struct bf_bus *bus)
{
    struct bf_work *w = bf_new(struct bf_work);

    *w = (struct bf_work){.always = true, .apply = on_nudge, .done = nudged};
    if (bf_bus_post(bus, w))
        free(w);
}

int bf_bus_start(struct bf_bus *bus, struct bf_error *err)
{
    int rc;

    bf_failures_tell(bus);
    rc = pthread_create(&bus->thread, NULL, engine_main, bus);
    if (rc)
        return bf_error_set(err, BF_EIO, "cannot start the engine: %s", strerror(rc));
    pthread_setname_np(bus->thread, "engine");
    bus->started = true;
    if (atomic_load(&bus->crash.timeout_ms))
        nudge(bus);
    return BF_OK;
}

void bf_bus_stop(struct bf_bus *bus)
{
    bf_queue_close(bus->queue);
    if (bus->started)
        pthread_join(bus->thread, NULL);
    bus->started = false;
}

void bf_bus_close(struct bf_bus *bus)
{
    if (!bus)
        return;
    bf_bus_stop(bus);
    bf_asking_drain(bus);
    bf_asking_free(bus->asking);
    forget_added(bus, 0);
    free(bus->added.items);
    bf_queue_free(bus->queue);
    bf_rules_free(bus->rules);
    bf_live_memory_free(bus->memory);
    bf_suppressions_free(bus->suppressed);
    bf_runs_free(bus->runs);
    bf_arena_free(bus->scratch);
    pthread_mutex_destroy(&bus->time_lock);
    free(bus);
}

/* Works that scripts are asked about are in the queue no more, and wait all the same. */
static bool is_crowded(struct bf_bus *bus)
{
    size_t parked = bf_asking_parked(bus);

    return parked && parked + bf_queue_len(bus->queue) >= BF_BUS_QUEUE_MAX;
}

int bf_bus_post(struct bf_bus *bus, struct bf_work *w)
{
    uint32_t weight = w->weight;        /* once it is queued, the work is not ours to read */
    size_t before = atomic_fetch_add(&bus->queued_bytes, weight);
    int rc;

    if (w->always)
        rc = bf_queue_push_always(bus->queue, &w->link);
    else if ((before && before + weight > BF_BUS_QUEUE_BYTES) || is_crowded(bus))
        rc = BF_EFULL;
    else
        rc = bf_queue_push(bus->queue, &w->link);
    if (rc)
        atomic_fetch_sub(&bus->queued_bytes, weight);
    if (rc == BF_EFULL)
        bf_count(&bus->stats.refused_works, 1);
    return rc;
}

void bf_bus_ask_with(struct bf_bus *bus, const struct bf_asker *asker)
{
    bf_asking_set_asker(bus, asker);
}

/* on_event is another one, from the next batch on. */
struct setting {
    struct bf_work work;
    struct bf_bus *bus;
    struct bf_on_event *on_event;       /* a reference; NULL: there is none any more */
};

static int on_setting(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    (void)w;
    (void)tx;
    (void)err;
    return BF_OK;
}

static void setting_done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct setting *s = bf_container_of(w, struct setting, work);

    (void)rc;           /* nothing of it is on disk */
    (void)err;
    bf_asking_set_on_event(s->bus, s->on_event);
    free(s);
}

void bf_bus_on_event(struct bf_bus *bus, const struct bf_hook *hook)
{
    struct bf_on_event *o = hook ? bf_on_event_new(hook) : NULL;
    struct setting *s;

    if (!bus->started) {
        bf_asking_set_on_event(bus, o);
        return;
    }
    s = bf_new(struct setting);
    *s = (struct setting){.bus = bus, .on_event = o};
    s->work = (struct bf_work){
        .always = true, .alters_rules = true, .apply = on_setting, .done = setting_done};
    if (bf_bus_post(bus, &s->work)) {   /* it is stopping */
        bf_on_event_unref(o);
        free(s);
    }
}

void bf_bus_heartbeats(struct bf_bus *bus, int64_t timeout_ms)
{
    atomic_store(&bus->crash.timeout_ms, timeout_ms);
    if (bus->started)
        nudge(bus);
}

int64_t bf_bus_now(struct bf_bus *bus)
{
    int64_t wall = bf_wall_ms(bus->clock), mono = bf_mono_ms(bus->clock), passed;

    pthread_mutex_lock(&bus->time_lock);
    passed = bf_max64(mono - bus->time_mono_ms, 0);
    if (wall >= bus->time_ms + passed / 2) {
        bus->time_ms = bf_max64(bus->time_ms, wall);
        bus->time_mono_ms = mono;
    } else if (passed >= 2) {
        bus->time_ms += passed / 2;
        bus->time_mono_ms = mono - passed % 2;
    }
    wall = bus->time_ms;
    pthread_mutex_unlock(&bus->time_lock);
    return wall;
}

int64_t bf_bus_busy_ms(const struct bf_bus *bus)
{
    int64_t since = atomic_load_explicit((_Atomic int64_t *)&bus->busy_since_mono,
                                         memory_order_relaxed);

    return since ? bf_max64(bf_mono_ms(bus->clock) - since, 0) : 0;
}

size_t bf_bus_waiting(struct bf_bus *bus)
{
    return bf_queue_len(bus->queue) + bf_asking_parked(bus);
}


uint16_t bf_bus_hub(const struct bf_bus *bus) { return bus->hub; }
size_t bf_bus_automations(const struct bf_bus *bus) { return atomic_load(&bus->n_automations); }
struct bf_db *bf_bus_db(struct bf_bus *bus) { return bus->db; }

void bf_bus_place(struct bf_bus *bus, const char *entity, const char *organization)
{
    bf_rules_place(bus->rules, entity, organization);
}
