/* keeper.c - the keeper's round: a timer on the loop, a slice on the engine, and back. */
#include "core/keeper.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "core/base/base.h"
#include "core/bus/journal_list.h"

#define IDLE_MS    1000
#define REST_TIMES 4            /* a slice's own time, before the next one */
#define BUSY_TIMES 9            /* while others wait for the engine */
#define BLOCKS     4            /* sifted in one slice: about 3 ms */

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

static int apply(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_keeper *k = bf_container_of(w, struct bf_keeper, work);
    int rc;

    k->began_mono = bf_mono_ms(k->clock);
    k->more = false;
    rc = sift(k, tx, &bf_execution_blocks, err);
    return rc ? rc : sift(k, tx, &bf_journal_blocks, err);
}

static void done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct bf_keeper *k = bf_container_of(w, struct bf_keeper, work);

    (void)err;          /* the engine says it; other works fail as well */
    if (rc)
        k->more = false;
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
    return k;
}

void bf_keeper_start(struct bf_keeper *k) { bf_loop_post(k->loop, &k->task); }
void bf_keeper_stop(struct bf_keeper *k) { atomic_store(&k->stopped, true); }
void bf_keeper_free(struct bf_keeper *k) { free(k); }
