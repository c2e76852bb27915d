/* destination.c - one integration's queue.
 *
 * MEMORY AND DISK.  The rows in the outbox are the queue; what is in memory is a short piece of
 * it.  New executions are put here directly while everything older is here too.  Once something
 * did not fit, `on_disk` is set and new ones are left on disk as well, until a claim finds no more
 * that is due.  Claims go through the line of due rows from its front to its end, each beginning
 * behind the last row that an earlier one `seen`; what is in memory already is skipped.  New rows,
 * and those that become due again, come in behind: the hub's time does not go back.
 *
 * REST.  A destination whose attempts fail in a row rests as a whole, 1 s to 10 s, and is then
 * tried with one.  What waits for it keeps its place and spends no attempts. */
#include "core/delivery/courier_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

#define CLAIM 128               /* rows wanted from one look on the disk */
#define REVISIONS_MAX 1024      /* automations kept parsed for claimed rows */

static void on_timer(struct bf_timer *t)
{
    struct destination *d = bf_container_of(t, struct destination, timer);

    if (d->next_due_ms && d->next_due_ms <= bf_wall_ms(d->courier->clock)) {
        d->next_due_ms = 0;
        destination_look_on_disk(d);
    }
    destination_ready(d);
}

void destination_look_on_disk(struct destination *d)
{
    d->on_disk = true;
    d->seen = (struct bf_outbox_place){0};
    destination_ready(d);
}

struct destination *destination_get(struct bf_courier *c, const char *integration)
{
    struct destination *d = bf_map_get(c->destinations, integration);

    if (d)
        return d;
    d = bf_new(struct destination);
    d->courier = c;
    d->timer.fn = on_timer;
    snprintf(d->id, sizeof(d->id), "%s", integration);
    bf_map_set(c->destinations, integration, d);
    return d;
}

void destination_free(struct destination *d) { free(d); }

bool destination_has_room(const struct destination *d)
{
    const struct bf_courier *c = d->courier;

    if (d->n_memory < MEMORY_MIN)
        return true;
    return d->n_memory < MEMORY_PER_DEST && c->n_memory < MEMORY_MAX &&
           c->memory_bytes < MEMORY_BYTES_MAX;
}

void destination_ready(struct destination *d)
{
    struct bf_courier *c = d->courier;

    if (d->is_ready)
        return;
    d->is_ready = true;
    if (c->ready) {
        d->next_ready = c->ready->next_ready;
        c->ready->next_ready = d;
    } else {
        d->next_ready = d;
    }
    c->ready = d;
}

/* When there will be something to do that nobody else wakes us for: the end of a rest, or the
 * next row that becomes due. */
static void arm(struct destination *d)
{
    struct bf_courier *c = d->courier;
    int64_t in_ms = -1;

    if (d->rest_until_mono)
        in_ms = bf_max64(d->rest_until_mono - bf_mono_ms(c->clock), 0);
    else if (d->next_due_ms)
        in_ms = bf_max64(d->next_due_ms - bf_wall_ms(c->clock), 0);
    if (in_ms >= 0)
        bf_loop_timer(c->loop, &d->timer, in_ms);
}


/* --- claiming ---------------------------------------------------------------- */

struct claim {
    struct destination *dest;
    int64_t now_ms;
    unsigned n_rows;
    bool no_room;
};

static void forget_revisions(struct bf_courier *c)
{
    const char *key;
    void *a;

    for (size_t at = 0; bf_map_each(c->revisions, &at, &key, &a);) {
        bf_map_remove(c->revisions, key);
        bf_automation_unref(a);
    }
}

static int read_revision(struct bf_courier *c, uint64_t revision,
                         const struct bf_automation **out, struct bf_error *err)
{
    char key[24];
    int rc;

    snprintf(key, sizeof(key), "%llu", (unsigned long long)revision);
    *out = bf_map_get(c->revisions, key);
    if (*out)
        return BF_OK;
    if (bf_map_count(c->revisions) >= REVISIONS_MAX)
        forget_revisions(c);
    rc = bf_automation_read(c->db, revision, out, err);
    if (!rc)
        bf_map_set(c->revisions, key, (void *)*out);
    return rc;
}

static struct bf_execution *read_execution(struct bf_courier *c, const struct bf_outbox_row *row,
                                           struct bf_error *err)
{
    const struct bf_automation *automation;
    struct bf_execution *x;
    struct bf_envelope *event;
    const struct bf_trigger *trigger;

    if (read_revision(c, row->revision, &automation, err))
        return NULL;
    bf_arena_reset(c->scratch);
    if (bf_journal_read(c->db, bf_bus_hub(c->bus), row->event_seq, c->scratch, &event, err))
        return NULL;
    trigger = bf_trigger_by_wire(row->trigger);
    x = bf_execution_new();
    x->number = row->number;
    x->action = row->action;
    x->attempts = row->attempts;
    x->status = BF_PENDING;
    x->created_ms = row->created_ms;
    x->due_ms = row->due_ms;
    x->first_attempt_ms = row->first_attempt_ms;
    x->event = event;
    x->automation = bf_automation_ref(automation);
    x->trigger = trigger ? trigger->wire : automation->trigger->wire;
    bf_id_number(x->id, row->created_ms, bf_bus_hub(c->bus), row->number);
    return x;
}

/* A row that cannot be brought back: its event or revision is gone, or damaged.  It ends as failed,
 * with the reason, so that it does not stand before the others for ever. */
struct burial {
    struct bf_work work;
    struct bf_attempt_record record;
    struct bf_error err;
};

static int apply_burial(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct burial *b = bf_container_of(w, struct burial, work);
    int rc = bf_outbox_record(tx->db, &b->record);

    return rc ? bf_error_set(err, rc, "cannot record a failure: %s", bf_db_words(tx->db)) : BF_OK;
}

static void burial_done(struct bf_work *w, int rc, const struct bf_error *err)
{
    (void)rc;
    (void)err;
    free(bf_container_of(w, struct burial, work));
}

static void bury(struct bf_courier *c, const struct bf_outbox_row *row, const struct bf_error *err)
{
    struct burial *b = bf_new(struct burial);

    bf_errorf(c->log, "courier", "execution %llu cannot be read: %s",
              (unsigned long long)row->number, err->words);
    b->err = *err;
    b->work = (struct bf_work){
        .always = true, .may_fail = true, .apply = apply_burial, .done = burial_done};
    b->record = (struct bf_attempt_record){
        .execution = row->number,
        .attempt = row->attempts + 1,
        .outcome = BF_REJECTED,
        .status = BF_FAILED,
        .started_ms = bf_wall_ms(c->clock),
        .words = b->err.words,
    };
    if (bf_bus_post(c->bus, &b->work))
        free(b);
}

static void on_row(void *arg, const struct bf_outbox_row *row)
{
    struct claim *claim = arg;
    struct destination *d = claim->dest;
    struct bf_execution *x;
    struct bf_error err;
    struct item *i;

    claim->n_rows++;
    if (claim->no_room)
        return;
    if (courier_find(d->courier, row->number)) {
        d->seen = (struct bf_outbox_place){row->due_ms, row->number};
        return;
    }
    if (!destination_has_room(d)) {
        claim->no_room = true;
        return;
    }
    d->seen = (struct bf_outbox_place){row->due_ms, row->number};
    x = read_execution(d->courier, row, &err);
    if (!x) {
        bury(d->courier, row, &err);
        return;
    }
    i = bf_new(struct item);
    i->dest = d;
    i->execution = x;
    courier_keep(i);
    list_add(&d->queue, i);
    d->n_queued++;
}

/* Take due rows from the disk.  Afterwards `on_disk` says whether there may be more.
 *
 * The end of the line is believed only by a claim that began at its front: a retry may have been
 * given a due time before what was seen already, if the machine's clock was set back meanwhile.
 * Such a claim reads what is in memory again, and so is made but once for each way through. */
static bool claim_rows(struct destination *d)
{
    struct bf_courier *c = d->courier;
    struct claim claim = {.dest = d, .now_ms = bf_wall_ms(c->clock)};
    bool from_front = d->seen.number == 0;
    unsigned limit = from_front ? d->n_memory + CLAIM : CLAIM;

    if (bf_outbox_due(c->db, d->id, &d->seen, claim.now_ms, limit, on_row, &claim)) {
        bf_errorf(c->log, "courier", "cannot read the outbox: %s", bf_db_words(c->db));
        bf_loop_timer(c->loop, &d->timer, REST_MIN_MS);
        return false;
    }
    if (claim.n_rows == limit || claim.no_room)
        return true;
    d->seen = (struct bf_outbox_place){0};
    d->on_disk = !from_front;
    if (from_front && !bf_outbox_next_due(c->db, d->id, claim.now_ms, &d->next_due_ms))
        d->next_due_ms = 0;
    return true;
}


/* --- pumping ----------------------------------------------------------------- */

static bool is_resting(struct destination *d)
{
    if (d->rest_until_mono && d->rest_until_mono <= bf_mono_ms(d->courier->clock))
        d->rest_until_mono = 0;
    return d->rest_until_mono != 0;
}

/* How many attempts it may have under way.  When slots get scarce a destination gets fewer of
 * them, so that slow ones cannot take all. */
static unsigned parallel(const struct destination *d)
{
    unsigned free_slots = FLIGHT_MAX - d->courier->n_flight;
    unsigned most = d->info.max_parallel ? d->info.max_parallel : FLIGHT_PER_DEST;

    if (d->failures >= FAILURES_BEFORE_REST)
        return 1;
    if (most > d->n_flight + free_slots / 2)
        most = d->n_flight + (free_slots > 1 ? free_slots / 2 : free_slots);
    return most;
}

static void look_up(struct destination *d)
{
    struct bf_courier *c = d->courier;
    struct bf_error err = {0};

    if (d->known)
        return;
    d->known = true;
    memset(&d->info, 0, sizeof(d->info));
    if (!c->ops.destination(c->ops.arg, d->id, &d->info, &err))
        bf_warnf(c->log, "courier", "integration %s cannot be used: %s", d->id, err.words);
}

/* Begin one attempt if there is one and it may.  False: nothing more to do now. */
static bool begin_one(struct destination *d)
{
    struct item *i;

    look_up(d);
    if (d->info.disabled || is_resting(d) || d->n_flight >= parallel(d))
        return false;
    if (d->n_queued == 0 && d->on_disk && !claim_rows(d))
        return false;
    i = list_take(&d->queue);
    if (!i)
        return d->on_disk && destination_has_room(d);   /* all were known already: look further */
    d->n_queued--;
    attempt_begin(i);
    return true;
}

/* One attempt of each destination in turn, until none can begin more. */
void destinations_pump(struct bf_courier *c)
{
    while (c->ready && c->n_flight < FLIGHT_MAX && !atomic_load(&c->draining)) {
        struct destination *d = c->ready->next_ready;

        if (begin_one(d)) {
            c->ready = d;       /* the next one's turn */
            continue;
        }
        if (d == c->ready && d->next_ready == d)
            c->ready = NULL;
        else
            c->ready->next_ready = d->next_ready;
        d->is_ready = false;
        arm(d);
    }
}


/* --- rest -------------------------------------------------------------------- */

static void rest(struct destination *d, int64_t ms)
{
    d->rest_until_mono = bf_mono_ms(d->courier->clock) + ms;
    arm(d);
}

void destination_outcome(struct destination *d, int outcome, int64_t retry_after_ms)
{
    if (outcome != BF_RETRY && outcome != BF_UNKNOWN) {
        if (d->rest_ms)
            bf_infof(d->courier->log, "courier", "integration %s answers again", d->id);
        d->failures = 0;
        d->rest_ms = 0;
        d->rest_until_mono = 0;
        return;
    }
    d->failures++;
    if (retry_after_ms > 0) {
        rest(d, retry_after_ms);
    } else if (d->failures >= FAILURES_BEFORE_REST && !is_resting(d)) {
        if (!d->rest_ms)
            bf_warnf(d->courier->log, "courier", "integration %s fails; trying it now and then",
                     d->id);
        d->rest_ms = d->rest_ms ? bf_min64(d->rest_ms * 2, REST_MAX_MS) : REST_MIN_MS;
        rest(d, d->rest_ms);
    }
}
