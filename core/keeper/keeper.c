/* keeper.c - the keeper's round. */
#include "core/keeper/keeper.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "core/base/base.h"
#include "core/bus/journal_list.h"
#include "core/keeper/retention.h"

#define IDLE_MS    1000
#define REST_TIMES 4            /* a slice's own time, before the next one */
#define BUSY_TIMES 9            /* while others wait for the engine */
#define BLOCKS     8            /* sifted in one slice: about 3 ms */
#define PASS_MS    (10 * 60 * 1000)     /* from the end of one pass of retention to the next */

struct bf_keeper {
    struct bf_loop *loop;
    struct bf_bus *bus;
    const struct bf_clock *clock;
    struct bf_log *log;
    struct bf_timer timer;
    struct bf_task task;
    struct bf_work work;
    int64_t began_mono;
    bool more;                  /* the slice left something to do */
    struct bf_retention retention;
    int64_t pass_mono;          /* when its next pass may begin */
    struct bf_retention_counts before;  /* this slice */
    atomic_ullong n_executions;         /* cut, as others may see it */
    atomic_ullong n_events;
    atomic_ullong n_keys;
    atomic_llong bytes;
    atomic_llong kept_ms;
    atomic_llong max_bytes;
    atomic_bool changed;        /* these two: a pass is due */
    atomic_bool stopped;
};

static int sift(struct bf_keeper *k, struct bf_tx *tx, const struct bf_block_table *t,
                struct bf_error *err)
{
    unsigned n;

    if (bf_blocks_sift(tx->db, t, BLOCKS, &n))
        return bf_error_set(err, BF_EIO, "cannot sift: %s", bf_db_words(tx->db));
    k->more = k->more || n == BLOCKS;
    return BF_OK;
}

static int cut(struct bf_keeper *k, struct bf_tx *tx, struct bf_error *err)
{
    int64_t bytes;
    bool more;
    int rc;

    k->before = k->retention.cut;
    if (atomic_exchange(&k->changed, false))
        k->pass_mono = k->began_mono;
    if (k->began_mono < k->pass_mono)
        return BF_OK;
    k->retention.kept_ms = atomic_load(&k->kept_ms);
    k->retention.max_bytes = atomic_load(&k->max_bytes);
    rc = bf_retention_slice(&k->retention, tx, &more, err);
    if (rc)
        return rc;
    k->more = k->more || more;
    if (more)
        return BF_OK;
    k->pass_mono = k->began_mono + PASS_MS;
    if (bf_db_size(tx->db, &bytes) == BF_OK)
        atomic_store(&k->bytes, bytes);
    return BF_OK;
}

static int apply(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_keeper *k = bf_container_of(w, struct bf_keeper, work);
    int rc;

    k->began_mono = bf_mono_ms(k->clock);
    k->more = false;
    rc = sift(k, tx, &bf_execution_blocks, err);
    if (!rc)
        rc = sift(k, tx, &bf_journal_blocks, err);
    return rc ? rc : cut(k, tx, err);
}

static void done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct bf_keeper *k = bf_container_of(w, struct bf_keeper, work);

    (void)err;          /* the engine says it; other works fail as well */
    if (rc) {
        k->more = false;
        k->pass_mono = k->began_mono;   /* what may have been the end of a pass was none */
        bf_retention_failed(&k->retention, k->before);
    }
    atomic_store(&k->n_executions, k->retention.cut.executions);
    atomic_store(&k->n_events, k->retention.cut.events);
    atomic_store(&k->n_keys, k->retention.cut.keys);
    bf_loop_post(k->loop, &k->task);
}

static void rest(struct bf_keeper *k, int64_t ms)
{
    if (!atomic_load(&k->stopped))
        bf_loop_timer(k->loop, &k->timer, ms);
}

static void on_timer(struct bf_timer *t)
{
    struct bf_keeper *k = bf_container_of(t, struct bf_keeper, timer);

    if (atomic_load(&k->stopped))
        return;
    k->work = (struct bf_work){.apply = apply, .done = done};
    if (bf_bus_post(k->bus, &k->work))
        rest(k, IDLE_MS);
}

static void on_done(struct bf_task *t)
{
    struct bf_keeper *k = bf_container_of(t, struct bf_keeper, task);
    int64_t took_ms = bf_max64(bf_mono_ms(k->clock) - k->began_mono, 1);

    if (!k->more)
        rest(k, IDLE_MS);
    else
        rest(k, took_ms * (bf_bus_waiting(k->bus) ? BUSY_TIMES : REST_TIMES));
}

static void on_start(struct bf_task *t)
{
    struct bf_keeper *k = bf_container_of(t, struct bf_keeper, task);

    k->task.fn = on_done;
    rest(k, IDLE_MS);
}

struct bf_keeper *bf_keeper_new(struct bf_loop *loop, struct bf_bus *bus,
                                const struct bf_clock *clock, struct bf_log *log)
{
    struct bf_keeper *k = bf_new(struct bf_keeper);

    k->loop = loop;
    k->bus = bus;
    k->clock = clock;
    k->log = log;
    k->timer.fn = on_timer;
    k->task.fn = on_start;
    bf_retention_init(&k->retention, clock, log);
    return k;
}

void bf_keeper_keep(struct bf_keeper *k, int64_t kept_ms, int64_t max_bytes)
{
    atomic_store(&k->kept_ms, kept_ms);
    atomic_store(&k->max_bytes, max_bytes);
    atomic_store(&k->changed, true);
}

void bf_keeper_start(struct bf_keeper *k) { bf_loop_post(k->loop, &k->task); }
void bf_keeper_stop(struct bf_keeper *k) { atomic_store(&k->stopped, true); }

void bf_keeper_count(struct bf_keeper *k, struct bf_keeper_counts *out)
{
    out->executions_cut = atomic_load(&k->n_executions);
    out->events_cut = atomic_load(&k->n_events);
    out->keys_cut = atomic_load(&k->n_keys);
    out->bytes = atomic_load(&k->bytes);
}

void bf_keeper_free(struct bf_keeper *k)
{
    if (k)
        bf_retention_fini(&k->retention);
    free(k);
}
