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
 * tried with one.  What waits for it keeps its place and spends no attempts, and goes back to disk,
 * so that the memory is there for those who are alive.
 *
 * SHARES.  Slots (attempts under way) are what destinations compete for.  There are quick ones and
 * long ones.  An attempt that is still under way after LONG_MS gives its quick slot back and takes a
 * long one; its destination is slow from then on, and its attempts have long slots from their
 * beginning, until one ends sooner.  So a receiver that is slow, or silent, keeps a quick slot from
 * others for a moment only, and only until it is known.
 *
 * Of the quick slots a destination that has not answered rightly since its last failure, or ever,
 * gets few, and the last ones are for those that are well and have few.  Of the long ones a slow
 * destination may have as many as its sink allows while half of them are free, then few, then one;
 * and the last ones are for attempts that give a quick slot back.  One that has not answered and is
 * slow has one, and so has one that fails; of the latter there may only be so many in all.  Who finds
 * no slot stands in line, behind others like it.
 *
 * SCRIPTS.  An attempt that waits for its automation's script has no slot.  It counts by itself, a
 * destination may have few of them, and what needs no script is begun before those that would have
 * to wait.  So a script that is slow holds up what it is asked about, and little else. */
#include "core/delivery/courier_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

#define CLAIM 128               /* rows wanted from one look on the disk */
#define NEVER INT64_MIN
#define REVISIONS_MAX 1024      /* automations kept parsed for claimed rows */

static unsigned min_unsigned(unsigned a, unsigned b) { return a < b ? a : b; }

static void on_timer(struct bf_timer *t)
{
    struct destination *d = bf_container_of(t, struct destination, timer);

    if (d->next_due_ms && d->next_due_ms <= bf_bus_now(d->courier->bus)) {
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

/* Of what is looked for from the front, the end of the line says when. */
void destination_wait(struct destination *d, int64_t due_ms)
{
    if (!d->on_disk && (!d->next_due_ms || due_ms < d->next_due_ms))
        d->next_due_ms = due_ms;
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
    pthread_mutex_lock(&c->show_lock);
    bf_map_set(c->destinations, integration, d);
    pthread_mutex_unlock(&c->show_lock);
    return d;
}

void destination_free(struct destination *d) { free(d); }

void destination_keep(struct destination *d, struct item *i)
{
    i->dest = d;
    courier_keep(i);
    list_add(&d->queue, i);
    d->n_queued++;
}

static bool is_well(const struct destination *d) { return d->proven && !d->slow; }

/* How many may queue up in memory: no more than its pace lets through in a second. */
static unsigned queue_max(const struct destination *d)
{
    unsigned per_second = bf_pace_per_second(&d->pace);

    if (!is_well(d))
        return MEMORY_UNPROVEN;
    return per_second < MEMORY_PER_DEST ? MEMORY_MIN + per_second : MEMORY_PER_DEST;
}

bool destination_has_room(const struct destination *d)
{
    const struct bf_courier *c = d->courier;
    size_t max = is_well(d) ? MEMORY_MAX : MEMORY_MAX - MEMORY_RESERVE;

    if (d->n_memory < MEMORY_MIN)
        return true;
    return d->n_queued < queue_max(d) && d->n_memory < MEMORY_PER_DEST && c->n_memory < max &&
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

static int64_t earlier(int64_t a, int64_t b) { return a == NEVER || b < a ? b : a; }

/* When there will be something to do that nobody else wakes us for: the end of a rest, another try
 * of what failed here, the next row that becomes due. */
static void arm(struct destination *d)
{
    struct bf_courier *c = d->courier;
    int64_t mono = bf_mono_ms(c->clock), in_ms = NEVER;

    if (d->rest_until_mono)
        in_ms = earlier(in_ms, d->rest_until_mono - mono);
    if (d->paced_until_mono)
        in_ms = earlier(in_ms, d->paced_until_mono - mono);
    if (d->again_mono)
        in_ms = earlier(in_ms, d->again_mono - mono);
    if (d->next_due_ms && !d->rest_until_mono)
        in_ms = earlier(in_ms, d->next_due_ms - bf_bus_now(c->bus));
    if (in_ms != NEVER)
        bf_loop_timer(c->loop, &d->timer, bf_min64(bf_max64(in_ms, 0), SLEEP_MAX_MS));
}

static void try_again(struct destination *d, int64_t in_ms)
{
    d->again_mono = bf_mono_ms(d->courier->clock) + in_ms;
}

static bool is_waiting_to_try(struct destination *d)
{
    if (d->again_mono && d->again_mono <= bf_mono_ms(d->courier->clock))
        d->again_mono = 0;
    return d->again_mono != 0;
}

/* What has not begun goes back to where it is safe anyway. */
static void leave_on_disk(struct destination *d)
{
    struct item *i;

    if (!d->queue.first)
        return;
    while ((i = list_take(&d->queue)))
        courier_forget(i);
    d->n_queued = 0;
    destination_look_on_disk(d);
}

/* What joins another is in the line no more once the engine has said so; till then it must not begin
 * by itself. */
void destination_merges(struct destination *d)
{
    d->is_merging = true;
    leave_on_disk(d);
    destination_look_on_disk(d);
}

void destination_merged(struct destination *d)
{
    d->is_merging = false;
    destination_ready(d);
}


/* --- claiming ---------------------------------------------------------------- */

struct claim {
    struct destination *dest;
    int64_t now_ms;
    unsigned n_rows;
    bool no_room;
    bool failed;                /* the store cannot be read now */
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

static int read_execution(struct bf_courier *c, const struct bf_outbox_row *row,
                          struct bf_execution **out, struct bf_error *err)
{
    const struct bf_automation *automation;
    struct bf_execution *x;
    struct bf_envelope *event;
    int rc = read_revision(c, row->revision, &automation, err);

    bf_arena_reset(c->scratch);
    if (!rc)
        rc = bf_journal_read(c->db, bf_bus_hub(c->bus), row->event_seq, c->scratch, &event, err);
    if (rc)
        return rc;
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
    x->trigger = automation->trigger->wire;
    x->run = row->run;
    x->is_digest = row->is_digest;
    x->n_merged = row->n_merged;
    bf_execution_set_facts(x, row->facts, row->facts_len);
    bf_id_number(x->id, row->created_ms, bf_bus_hub(c->bus), row->number);
    *out = x;
    return BF_OK;
}

/* Whether reading it again may help: the store's trouble, not the row's. */
static bool is_passing(int rc) { return rc == BF_EIO || rc == BF_ENOMEM; }

/* A row that cannot be brought back, for its event or revision is gone or damaged, ends as failed
 * with the reason; it would stand before the others for ever. */
static void bury(struct destination *d, const struct bf_outbox_row *row, const struct bf_error *err)
{
    struct bf_courier *c = d->courier;
    struct item *i = bf_new(struct item);

    bf_errorf(c->log, "courier", "execution %llu cannot be read: %s",
              (unsigned long long)row->number, err->words);
    i->dest = d;
    i->execution = bf_execution_new();
    i->execution->number = row->number;
    i->execution->n_merged = row->n_merged;
    bf_id_number(i->execution->id, row->created_ms, bf_bus_hub(c->bus), row->number);
    i->own_words = bf_strdup(err->words);
    i->record = (struct bf_attempt_record){
        .execution = row->number,
        .attempt = row->attempts + 1,
        .outcome = BF_REJECTED,
        .status = BF_FAILED,
        .started_ms = bf_bus_now(c->bus),
        .words = i->own_words,
        .teller = row->n_merged ? i->execution->id : NULL,
    };
    courier_keep(i);
    list_add(&c->settled, i);
    atomic_fetch_add(&c->n_unrecorded, 1);
}

static void keep_row(struct destination *d, struct bf_execution *x)
{
    struct item *i = bf_new(struct item);

    i->execution = x;
    destination_keep(d, i);
}

static void on_row(void *arg, const struct bf_outbox_row *row)
{
    struct claim *claim = arg;
    struct destination *d = claim->dest;
    struct bf_execution *x;
    struct bf_error err;

    claim->n_rows++;
    if (claim->no_room || claim->failed)
        return;
    if (!courier_find(d->courier, row->number) && !courier_holds(d->courier, row->number)) {
        int rc;

        if (!destination_has_room(d)) {
            claim->no_room = true;
            return;
        }
        rc = read_execution(d->courier, row, &x, &err);
        if (is_passing(rc)) {
            claim->failed = true;
            return;
        }
        if (rc)
            bury(d, row, &err);
        else
            keep_row(d, x);
    }
    d->seen = (struct bf_outbox_place){row->due_ms, row->number};
}

/* The end of the line is believed only by a claim that began at its front: a retry that was asked
 * for at once may be due before what was seen by the time it is recorded.  Such a claim reads what
 * is in memory again, and so is made but once for each way through. */
static bool end_of_line(struct destination *d, bool from_front, int64_t now_ms)
{
    if (from_front &&
        bf_outbox_next_due(d->courier->db, d->id, now_ms, &d->next_due_ms))
        return false;
    d->seen = (struct bf_outbox_place){0};
    d->on_disk = !from_front;
    return true;
}

/* Take due rows from the disk.  Afterwards `on_disk` says whether there may be more.  False if the
 * store cannot be read; that is tried again. */
static bool claim_rows(struct destination *d)
{
    struct bf_courier *c = d->courier;
    struct claim claim = {.dest = d, .now_ms = bf_bus_now(c->bus)};
    bool from_front = d->seen.number == 0;
    unsigned some = min_unsigned(CLAIM, queue_max(d));
    unsigned limit = from_front ? d->n_memory + some : some;

    if (bf_outbox_due(c->db, d->id, &d->seen, claim.now_ms, limit, on_row, &claim))
        claim.failed = true;
    if (!claim.failed && claim.n_rows < limit && !claim.no_room)
        claim.failed = !end_of_line(d, from_front, claim.now_ms);
    if (claim.failed) {
        bf_errorf(c->log, "courier", "cannot read the outbox: %s", bf_db_words(c->db));
        try_again(d, LOOK_AGAIN_MS);
    }
    return !claim.failed;
}


/* --- pumping ----------------------------------------------------------------- */

static bool is_resting(struct destination *d)
{
    if (d->rest_until_mono && d->rest_until_mono <= bf_mono_ms(d->courier->clock)) {
        d->rest_until_mono = 0;
        d->asked_to_rest = false;
    }
    return d->rest_until_mono != 0;
}

static bool is_failing(const struct destination *d) { return d->failures >= FAILURES_BEFORE_REST; }

static unsigned free_quick(const struct bf_courier *c)
{
    return FLIGHT_MAX - (c->n_flight - c->n_long);
}

static unsigned free_long(const struct bf_courier *c) { return FLIGHT_LONG - c->n_long; }

/* How many attempts it may have under way. */
static unsigned parallel(const struct destination *d)
{
    const struct bf_courier *c = d->courier;
    unsigned left = d->slow ? free_long(c) : free_quick(c);

    if (is_failing(d) || (d->slow && (!d->proven || left <= FLIGHT_LONG_ONE)))
        return 1;
    if (!d->proven || left <= (d->slow ? FLIGHT_LONG_FEW : FLIGHT_RESERVE))
        return min_unsigned(d->most, FLIGHT_FEW);
    return d->most;
}

static void leave_line(struct destination *d)
{
    struct line *l = d->waits_in;
    struct destination *before = NULL;

    for (struct destination *at = l->first; at != d; at = at->next_waiting)
        before = at;
    if (before)
        before->next_waiting = d->next_waiting;
    else
        l->first = d->next_waiting;
    if (l->last == d)
        l->last = before;
    d->waits_in = NULL;
}

/* One that has become another kind changes lines. */
static bool wait_in(struct line *l, struct destination *d)
{
    if (d->waits_in == l)
        return false;
    if (d->waits_in)
        leave_line(d);
    d->waits_in = l;
    d->next_waiting = NULL;
    if (l->last)
        l->last->next_waiting = d;
    else
        l->first = d;
    l->last = d;
    return false;
}

static bool is_room_for_others(const struct bf_courier *c)
{
    return c->flight_bytes < FLIGHT_BYTES_MAX - FLIGHT_BYTES_RESERVE;
}

static bool is_slot_for_slow(const struct bf_courier *c)
{
    return free_long(c) > FLIGHT_LONG_RESERVE && is_room_for_others(c);
}

static bool is_slot_for_unproven(const struct bf_courier *c)
{
    return free_quick(c) > FLIGHT_RESERVE && is_room_for_others(c);
}

static bool is_room_for_failing(const struct bf_courier *c) { return c->n_probes < FLIGHT_FAILING; }

static bool is_room_to_ask(const struct bf_courier *c)
{
    return c->n_asked < ASKED_MAX && c->asked_bytes < ASKED_BYTES_MAX;
}

/* Nobody goes before those who wait already. */
static bool take_turn(struct destination *d, struct line *l, bool is_slot)
{
    return (is_slot && (!l->first || d->has_turn)) || wait_in(l, d);
}

static bool may_take_slot(struct destination *d)
{
    struct bf_courier *c = d->courier;

    if (is_failing(d) && !take_turn(d, &c->failing, is_room_for_failing(c)))
        return false;
    if (d->slow)
        return take_turn(d, &c->slow, is_slot_for_slow(c));
    if (!d->proven)
        return take_turn(d, &c->unproven, is_slot_for_unproven(c));
    return take_turn(d, &c->well, free_quick(c) > 0);
}

static bool next_in(struct line *l)
{
    struct destination *d = l->first;

    if (!d)
        return false;
    leave_line(d);
    d->has_turn = true;
    destination_ready(d);
    return true;
}

/* The next ones in line, as far as there are slots for them. */
static bool wake_waiting(struct bf_courier *c)
{
    bool woken = free_quick(c) && next_in(&c->well);

    woken |= is_slot_for_unproven(c) && next_in(&c->unproven);
    woken |= is_slot_for_slow(c) && next_in(&c->slow);
    woken |= is_room_for_failing(c) && next_in(&c->failing);
    return (is_room_to_ask(c) && next_in(&c->asking)) || woken;
}

static void add_long(struct bf_courier *c, int n)
{
    c->n_long += (unsigned)n;
    atomic_store(&c->in_long_now, c->n_long);
}

static void be_patient(struct item *i, int64_t ms);

/* What has taken this long goes among the long ones, as soon as there is a slot. */
static void on_patience(struct bf_timer *t)
{
    struct item *i = bf_container_of(t, struct item, patience);
    struct bf_courier *c = i->dest->courier;

    i->dest->slow = true;
    i->is_long = free_long(c) > 0;
    add_long(c, i->is_long);
    if (!i->is_long)
        be_patient(i, LONG_MS);
    destination_ready(i->dest);
}

static void be_patient(struct item *i, int64_t ms)
{
    i->patience.fn = on_patience;
    bf_loop_timer(i->dest->courier->loop, &i->patience, ms);
}

static void take_slot(struct destination *d, struct item *i)
{
    struct bf_courier *c = d->courier;

    i->probe = is_failing(d);
    i->is_long = d->slow;
    i->since_mono = bf_mono_ms(c->clock);
    if (!i->is_long)
        be_patient(i, d->proven ? LONG_MS : LONG_UNPROVEN_MS);
    c->n_probes += i->probe;
    add_long(c, i->is_long);
    d->n_flight++;
    c->n_flight++;
    atomic_store(&c->in_flight_now, c->n_flight);
}

static void give_slot(struct destination *d, struct item *i)
{
    struct bf_courier *c = d->courier;

    bf_loop_timer_cancel(c->loop, &i->patience);
    c->n_probes -= i->probe;
    add_long(c, -i->is_long);
    d->n_flight--;
    c->n_flight--;
    atomic_store(&c->in_flight_now, c->n_flight);
}

void destination_begun(struct destination *d, struct item *i)
{
    if (!is_dry(i))
        bf_pace_take(&d->pace, bf_mono_ms(d->courier->clock));
    take_slot(d, i);
}

static void add_bytes(struct item *i, size_t bytes)
{
    struct bf_courier *c = i->dest->courier;

    i->bytes += bytes;
    if (i->asked) {
        c->asked_bytes += bytes;
        return;
    }
    i->dest->flight_bytes += bytes;
    c->flight_bytes += bytes;
}

/* How much it takes is known only now, so the last one to begin may go beyond the maximum. */
void destination_weigh(struct item *i)
{
    add_bytes(i, bf_arena_used(i->at.arena) + digest_bytes(i) - i->bytes);
}

static void ask_no_more(struct item *i)
{
    i->asked = false;
    i->dest->n_asked--;
    i->dest->courier->n_asked--;
    destination_ready(i->dest);         /* another may be asked */
}

void destination_asks(struct item *i)
{
    struct destination *d = i->dest;

    add_bytes(i, 0 - i->bytes);
    give_slot(d, i);
    i->asked = true;
    d->n_asked++;
    d->courier->n_asked++;
    destination_weigh(i);
    destination_ready(d);
}

void destination_goes_on(struct item *i)
{
    add_bytes(i, 0 - i->bytes);
    ask_no_more(i);
    destination_weigh(i);
    take_slot(i->dest, i);
}

void destination_forgets(struct item *i)
{
    add_bytes(i, 0 - i->bytes);
    if (i->asked)
        ask_no_more(i);
}

/* An integration's own pace and parallel go before its sink's. */
static void set_limits(struct destination *d, const struct bf_delivery_settings *own)
{
    const char *text = own->pace[0] ? own->pace : d->info.pace;
    unsigned sinks = d->info.max_parallel ? d->info.max_parallel : FLIGHT_PER_DEST;
    struct bf_pace before = d->pace;

    if (bf_pace_parse(text, &d->pace, NULL))    /* checked when it was saved, or loaded */
        memset(&d->pace, 0, sizeof(d->pace));
    bf_pace_follow(&d->pace, &before);
    snprintf(d->pace_text, sizeof(d->pace_text), "%s", d->pace.n ? text : "");
    d->most = own->parallel ? own->parallel : sinks;
    if (d->info.max_is_fixed)
        d->most = min_unsigned(d->most, sinks);
    d->timeout_ms = own->timeout_ms;
    d->merge_over = own->has_merge_over ? own->merge_over : BF_MERGE_OVER;
    if (d->info.max_merged <= 1)
        d->merge_over = 0;
}

/* What is on disk is the newest, unless ours is on its way there. */
static bool read_standing(struct destination *d)
{
    struct bf_courier *c = d->courier;
    struct bf_delivery_settings own;
    bool enabled = d->was_disabled && !d->info.disabled;
    bool ours = d->is_unsaved || d->n_saving;

    if (bf_standing_read(c->db, d->id, &own, ours ? NULL : &d->standing)) {
        bf_errorf(c->log, "courier", "cannot read how %s delivers: %s", d->id,
                  bf_db_words(c->db));
        try_again(d, LOOK_AGAIN_MS);
        return false;
    }
    if (!ours)
        d->saved_success_ms = d->standing.last_success_ms;
    d->disabling = false;
    d->was_disabled = d->info.disabled;
    if (enabled && d->standing.failing_since_ms) {      /* its failures begin anew */
        d->standing.failing_since_ms = 0;
        d->standing.failures = 0;
        destination_unsaved(d);
    }
    set_limits(d, &own);
    return true;
}

/* What its sink is like.  While there is none (its plugin is not loaded), what waits keeps waiting:
 * a mistake in the configuration must not end it. */
static bool look_up(struct destination *d)
{
    struct bf_courier *c = d->courier;
    struct bf_error err = {0};

    if (d->known)
        return true;
    memset(&d->info, 0, sizeof(d->info));
    if (c->ops.destination(c->ops.arg, d->id, &d->info, &err)) {
        d->missing = false;
        d->known = read_standing(d);
        return d->known;
    }
    if (!d->missing)
        bf_warnf(c->log, "courier", "what waits for integration %s goes on waiting: %s", d->id,
                 err.words);
    d->missing = true;
    try_again(d, ASK_AGAIN_MS);
    return false;
}

/* What waits for its pace keeps its place, in the little memory that it may have, and on disk. */
static bool is_paced(struct destination *d)
{
    int64_t mono = bf_mono_ms(d->courier->clock), wait = bf_pace_wait_ms(&d->pace, mono);

    d->paced_until_mono = wait && (d->queue.first || d->on_disk) ? mono + wait : 0;
    return wait > 0;
}

static bool may_begin(struct destination *d)
{
    d->paced_until_mono = 0;
    if (d->is_merging || is_waiting_to_try(d) || !look_up(d))
        return false;
    if (d->info.disabled || d->disabling || is_resting(d)) {
        leave_on_disk(d);
        return false;
    }
    if (d->n_flight >= parallel(d) || d->flight_bytes >= FLIGHT_BYTES_PER_DEST || is_paced(d))
        return false;
    if (is_failing(d) && d->n_asked)
        return false;           /* it is tried with that one */
    return may_take_slot(d);
}

/* The next to begin.  While enough are with scripts, it is the first that needs none. */
static struct item *take_next(struct destination *d)
{
    struct item *i = d->queue.first;

    if (i && has_transform(i) && !is_room_to_ask(d->courier))
        wait_in(&d->courier->asking, d);
    else if (i && (!has_transform(i) || d->n_asked < ASKED_PER_DEST))
        return list_take(&d->queue);
    while (i && has_transform(i))
        i = i->next;
    if (i)
        list_remove(&d->queue, i);
    return i;
}

/* Begin one attempt if there is one and it may.  False: nothing more to do now. */
static bool begin_one(struct destination *d)
{
    struct item *i;

    if (!may_begin(d))
        return false;
    if (d->n_queued == 0 && d->on_disk && !claim_rows(d))
        return false;
    i = take_next(d);
    if (!i)             /* all were known already: look further */
        return !d->queue.first && d->on_disk && destination_has_room(d);
    d->n_queued--;
    attempt_begin(i);
    return true;
}

/* A moment of the monotonic clock as the hub's time. */
static int64_t as_time(const struct destination *d, int64_t until_mono)
{
    const struct bf_courier *c = d->courier;

    if (!until_mono)
        return 0;
    return bf_bus_now(c->bus) + bf_max64(until_mono - bf_mono_ms(c->clock), 0);
}

static void show(struct destination *d)
{
    struct bf_courier_state s = {
        .parallel = d->most,
        .in_flight = d->n_flight,
        .in_memory = d->n_memory,
        .resting_until_ms = as_time(d, d->rest_until_mono),
        .paced_until_ms = as_time(d, d->paced_until_mono),
        .slow = d->slow,
        .disabled = d->info.disabled,
        .standing = d->standing,
    };

    snprintf(s.pace, sizeof(s.pace), "%s", d->pace_text);
    pthread_mutex_lock(&d->courier->show_lock);
    d->shown = s;
    pthread_mutex_unlock(&d->courier->show_lock);
}


/* --- behind a script ---------------------------------------------------------- */

static bool is_open(struct destination *d)
{
    return look_up(d) && !d->info.disabled && !d->disabling && !is_resting(d);
}

/* It was not sent, and nothing is recorded: it waits on disk, and is asked about again. */
static void give_back(struct item *i)
{
    struct destination *d = i->dest;

    atomic_fetch_sub(&d->courier->n_unrecorded, 1);
    courier_forget(i);
    destination_look_on_disk(d);
}

static bool is_slot_like(const struct destination *d)
{
    return d->slow ? free_long(d->courier) : free_quick(d->courier);
}

/* What was answered needs a slot again.  It has been begun, so neither the pace nor its bytes are in
 * its way, nor that the hub is stopping. */
static void go_on_answered(struct bf_courier *c)
{
    struct list answered = c->answered;
    struct item *i;

    c->answered = (struct list){0};
    while ((i = list_take(&answered))) {
        if (!is_open(i->dest)) {
            give_back(i);
        } else if (is_slot_like(i->dest) && i->dest->n_flight < parallel(i->dest)) {
            destination_goes_on(i);
            attempt_transformed(i);
        } else {
            list_add(&c->answered, i);
        }
    }
}

static bool is_any_slot(const struct bf_courier *c)
{
    return (free_quick(c) || free_long(c)) && c->flight_bytes < FLIGHT_BYTES_MAX;
}

/* One attempt of each destination in turn, until none can begin more. */
void destinations_pump(struct bf_courier *c)
{
    if (c->record_again.slot)
        return;         /* first the outcomes that are here */
    go_on_answered(c);
    while (is_any_slot(c) && !atomic_load(&c->draining) && (c->ready || wake_waiting(c))) {
        struct destination *d = c->ready->next_ready;
        bool begun = begin_one(d);

        d->has_turn = false;
        if (begun) {
            c->ready = d;       /* the next one's turn */
            continue;
        }
        if (d == c->ready && d->next_ready == d)
            c->ready = NULL;
        else
            c->ready->next_ready = d->next_ready;
        d->is_ready = false;
        arm(d);
        show(d);
    }
}


/* --- rest -------------------------------------------------------------------- */

static void rest(struct destination *d, int64_t ms)
{
    d->rest_until_mono = bf_mono_ms(d->courier->clock) + ms;
    arm(d);
}

static void end_rest(struct destination *d)
{
    if (d->rest_ms)
        bf_infof(d->courier->log, "courier", "integration %s answers again", d->id);
    d->failures = 0;
    d->rest_ms = 0;
    if (!d->asked_to_rest)
        d->rest_until_mono = 0;
}

static void rest_or_go_on(struct destination *d, int outcome, int64_t retry_after_ms)
{
    if (outcome != BF_RETRY && outcome != BF_UNKNOWN) {
        end_rest(d);
        return;
    }
    d->failures++;
    if (retry_after_ms > 0) {
        d->asked_to_rest = true;
        rest(d, retry_after_ms);
    } else if (d->failures >= FAILURES_BEFORE_REST && !is_resting(d)) {
        if (!d->rest_ms)
            bf_warnf(d->courier->log, "courier", "integration %s fails; trying it now and then",
                     d->id);
        d->rest_ms = d->rest_ms ? bf_min64(d->rest_ms * 2, REST_MAX_MS) : REST_MIN_MS;
        rest(d, d->rest_ms);
    }
}


/* --- standing ---------------------------------------------------------------- */

void destination_unsaved(struct destination *d)
{
    struct bf_courier *c = d->courier;

    if (d->is_unsaved)
        return;
    d->is_unsaved = true;
    d->next_unsaved = c->unsaved;
    c->unsaved = d;
    c->n_unsaved++;
}

static void succeeded(struct destination *d, int64_t now_ms)
{
    struct bf_standing *s = &d->standing;
    bool news = s->failing_since_ms || now_ms - d->saved_success_ms >= SUCCESS_KEPT_MS;

    s->failing_since_ms = 0;
    s->failures = 0;
    s->last_success_ms = now_ms;
    if (!news)
        return;
    d->saved_success_ms = now_ms;
    destination_unsaved(d);
}

/* The engine is asked once; it says that it is done by touching the destination. */
static void disable(struct destination *d, const char *reason, const struct item *i)
{
    struct bf_courier *c = d->courier;

    if (d->disabling)
        return;
    d->disabling = true;
    c->ops.disable(c->ops.arg, d->id, reason, i->execution);
}

static void has_failed(struct destination *d, const struct item *i, int64_t now_ms)
{
    struct bf_standing *s = &d->standing;
    char reason[320];

    if (d->info.gone)
        return;                 /* its row went with it, and nothing would take another away */
    if (!s->failing_since_ms)
        s->failing_since_ms = now_ms;
    s->failures++;
    s->last_failure_ms = now_ms;
    snprintf(s->words, sizeof(s->words), "%s", i->record.words ? i->record.words : "");
    destination_unsaved(d);
    if (i->record.http_status == 410 && i->record.outcome == BF_REJECTED)
        disable(d, "the receiver answered 410 Gone", i);
    else if (now_ms - s->failing_since_ms >= DISABLE_AFTER_MS && s->failures >= DISABLE_FAILURES) {
        snprintf(reason, sizeof(reason), "nothing was delivered for %lld hours, in %u attempts;"
                 " the last: %s", (long long)(now_ms - s->failing_since_ms) / 3600000,
                 s->failures, s->words);
        disable(d, reason, i);
    }
}

void destination_ended(struct destination *d, struct item *i)
{
    struct bf_courier *c = d->courier;
    int outcome = i->at.verdict.outcome;
    int64_t now_ms = bf_bus_now(c->bus);

    give_slot(d, i);
    if (is_dry(i) || i->refused)
        return;
    d->proven = outcome != BF_RETRY && outcome != BF_UNKNOWN;
    d->slow = bf_mono_ms(c->clock) - i->since_mono >= LONG_MS;
    if (outcome == BF_DELIVERED || outcome == BF_ACCEPTED)
        succeeded(d, now_ms);
    else
        has_failed(d, i, now_ms);
    rest_or_go_on(d, outcome, i->at.verdict.after_ms);
}


/* --- what waits on disk ------------------------------------------------------- */

static void on_waiting(void *arg, const char *integration, int64_t due_ms)
{
    (void)due_ms;
    destination_look_on_disk(destination_get(arg, integration));
}

bool destinations_look(struct bf_courier *c)
{
    if (bf_outbox_waiting(c->db, on_waiting, c) == BF_OK)
        return true;
    bf_errorf(c->log, "courier", "cannot read the outbox: %s", bf_db_words(c->db));
    return false;
}
