/* cancel.c - taking back what was not begun.
 *
 * Whether an attempt is under way is known on the loop alone, and whether an execution is pending
 * in the store alone.  So a cancelling goes over both: the loop takes what has not begun out of
 * memory and holds its number, so that no claim brings it back; the engine then marks it in the
 * store; and the loop lets go of the number.  Nobody is told "cancelled" of what may still arrive,
 * and what could not be marked is found on disk again and delivered. */
#include "core/delivery/courier_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"

/* Numbers that the loop holds for one cancelling. */
struct hold {
    struct bf_task task;
    struct bf_courier *courier;
    size_t n;
    struct {
        uint64_t number;
        char integration[BF_ID_LEN + 1];
    } of[];
};

static void name_of(uint64_t number, char key[24])
{
    snprintf(key, 24, "%llu", (unsigned long long)number);
}

bool courier_holds(struct bf_courier *c, uint64_t number)
{
    char key[24];

    if (bf_map_count(c->held) == 0)
        return false;
    name_of(number, key);
    return bf_map_get(c->held, key) != NULL;
}

static void hold(struct hold *h, const struct bf_execution *x)
{
    char key[24];

    name_of(x->number, key);
    bf_map_set(h->courier->held, key, h);
    h->of[h->n].number = x->number;
    snprintf(h->of[h->n].integration, sizeof(h->of->integration), "%s",
             bf_execution_integration(x));
    h->n++;
}

/* What was not cancelled after all waits on disk. */
static void let_go(struct bf_task *t)
{
    struct hold *h = bf_container_of(t, struct hold, task);
    struct bf_courier *c = h->courier;
    char key[24];

    for (size_t i = 0; i < h->n; i++) {
        name_of(h->of[i].number, key);
        if (bf_map_get(c->held, key) == h)
            bf_map_remove(c->held, key);
        destination_look_on_disk(destination_get(c, h->of[i].integration));
    }
    free(h);
}


/* --- on the engine --------------------------------------------------------------- */

/* What it was to tell of waits by itself, and may be among those that are cancelled behind it. */
static int cancel(struct bf_cancel *k, size_t i, struct bf_tx *tx)
{
    const struct bf_execution *x = k->executions[i];
    int rc = bf_outbox_cancel(tx->db, x->number, tx->now_ms, k->reason, &k->cancelled[i]);

    return rc || !k->cancelled[i] ? rc : bf_merge_let_go(tx->db, x);
}

static int apply(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_cancel *k = bf_container_of(w, struct bf_cancel, work);

    k->n_cancelled = 0;
    for (size_t i = 0; i < k->n; i++) {
        if (k->under_way[i])
            continue;
        if (cancel(k, i, tx))
            return bf_error_set(err, BF_EIO, "cannot cancel an execution: %s",
                                bf_db_words(tx->db));
        k->n_cancelled += k->cancelled[i];
    }
    return k->apply ? k->apply(k, tx, err) : BF_OK;
}

static void done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct bf_cancel *k = bf_container_of(w, struct bf_cancel, work);
    struct bf_courier *c = k->courier;
    struct hold *h = k->hold;

    for (size_t i = 0; !rc && i < k->n; i++) {
        if (!k->cancelled[i])
            continue;
        k->executions[i]->status = BF_CANCELLED;
        if (c->on_change)
            c->on_change(c->on_change_arg, k->executions[i]);
    }
    k->done(k, rc, err);        /* which may end it */
    h->task.fn = let_go;
    if (bf_loop_post(c->loop, &h->task))
        free(h);
}


/* --- on the loop ------------------------------------------------------------------- */

/* False if it has begun, or ended and is not recorded yet. */
static bool take_out(struct item *i)
{
    if (!list_remove(&i->dest->queue, i))
        return false;
    i->dest->n_queued--;
    courier_forget(i);
    return true;
}

static void on_cancel(struct bf_task *t)
{
    struct bf_cancel *k = bf_container_of(t, struct bf_cancel, task);
    struct bf_courier *c = k->courier;
    struct hold *h = bf_zalloc(sizeof(*h) + k->n * sizeof(h->of[0]));
    int rc;

    h->courier = c;
    for (size_t i = 0; i < k->n; i++) {
        struct item *item = courier_find(c, k->executions[i]->number);

        if (item && !take_out(item)) {
            k->under_way[i] = true;
            k->n_under_way++;
        } else {
            hold(h, k->executions[i]);
        }
    }
    k->hold = h;
    k->work = (struct bf_work){.may_fail = true, .apply = apply, .done = done};
    rc = bf_bus_post(c->bus, &k->work);
    if (rc)
        done(&k->work, rc, &(struct bf_error){.code = rc});
}

int bf_courier_cancel(struct bf_courier *c, struct bf_cancel *k)
{
    k->courier = c;
    k->n_under_way = 0;
    k->task.fn = on_cancel;
    return bf_loop_post(c->loop, &k->task);
}
