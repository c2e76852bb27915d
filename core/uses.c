/* uses.c - writes when keys were used last: once a minute, and at the end.
 *
 * Requests note it in memory.  A timer on the courier's loop collects what is not on disk yet and
 * posts it to the engine as one piece of work; if there is more than a piece may hold, the next
 * follows soon. */
#include "core/hub_int.h"

#include "core/base/base.h"

#define EVERY_MS    60000
#define SOON_MS     1000
#define AT_ONCE_MAX 1000        /* a few milliseconds of the engine's time */

struct hub_uses {
    struct bf_hub *hub;
    struct bf_timer timer;      /* [loop], as `start` */
    struct bf_task start;
    struct bf_work work;
    size_t n;
    size_t room;
    struct bf_key_use *items;   /* the work's, while `busy` */
    atomic_bool busy;
};

static int apply(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct hub_uses *u = bf_container_of(w, struct hub_uses, work);
    int rc = bf_team_save_uses(tx->db, u->items, u->n);

    return rc ? bf_error_set(err, rc, "the keys' last uses cannot be saved: %s",
                             bf_db_words(tx->db))
              : BF_OK;
}

static void on_done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct hub_uses *u = bf_container_of(w, struct hub_uses, work);

    (void)err;          /* the health of the store is told elsewhere, and they are tried again */
    if (!rc)
        bf_team_uses_saved(u->hub->team, u->items, u->n);
    atomic_store(&u->busy, false);
}

static void post(struct hub_uses *u)
{
    u->work = (struct bf_work){.always = true, .apply = apply, .done = on_done};
    atomic_store(&u->busy, true);
    if (bf_bus_post(u->hub->bus, &u->work))
        atomic_store(&u->busy, false);
}

static void on_time(struct bf_timer *t)
{
    struct hub_uses *u = bf_container_of(t, struct hub_uses, timer);

    if (!atomic_load(&u->busy)) {
        u->n = bf_team_unsaved_uses(u->hub->team, u->items, u->room);
        if (u->n)
            post(u);
    }
    bf_loop_timer(u->hub->loop, &u->timer, u->n == u->room ? SOON_MS : EVERY_MS);
}

static void on_start(struct bf_task *task)
{
    struct hub_uses *u = bf_container_of(task, struct hub_uses, start);

    bf_loop_timer(u->hub->loop, &u->timer, EVERY_MS);
}

static struct hub_uses *new_uses(struct bf_hub *hub, size_t room)
{
    struct hub_uses *u = bf_new(struct hub_uses);

    u->hub = hub;
    u->room = room;
    u->items = bf_zalloc(room * sizeof(*u->items));
    u->timer.fn = on_time;
    u->start.fn = on_start;
    return u;
}

static void free_uses(struct hub_uses *u)
{
    if (u)
        free(u->items);
    free(u);
}

void hub_uses_start(struct bf_hub *hub)
{
    hub->uses = new_uses(hub, AT_ONCE_MAX);
    bf_loop_post(hub->loop, &hub->uses->start);
}

/* In a piece of its own, as the timer's may be on its way; all of them at once, since this is the
 * last chance. */
void hub_uses_save(struct bf_hub *hub)
{
    size_t room = AT_ONCE_MAX;

    for (;; room *= 2) {
        hub->last_uses = new_uses(hub, room);
        hub->last_uses->n = bf_team_unsaved_uses(hub->team, hub->last_uses->items, room);
        if (hub->last_uses->n < room)
            break;
        free_uses(hub->last_uses);
    }
    if (hub->last_uses->n)
        post(hub->last_uses);
}

void hub_uses_free(struct bf_hub *hub)
{
    free_uses(hub->uses);
    free_uses(hub->last_uses);
}
