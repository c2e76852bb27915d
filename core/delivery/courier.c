/* courier.c - life of the courier, and its traffic with the engine.
 *
 * FROM THE ENGINE come new executions (offered) and word that outcomes are recorded (reported).
 * Both are lists under the lock; one task on the loop, `arrived`, takes whatever is there.  Offers
 * are taken first: an execution that was claimed from disk, sent and recorded before its offer was
 * looked at is thus still known when the offer comes, and is not sent twice.
 *
 * TO THE ENGINE go the outcomes of a turn, as one piece of work.  Until it is done an execution
 * stays in memory, so that a claim does not take it again.  If it cannot be recorded (the disk is
 * full) it is offered to the engine again and again; nothing else is forgotten meanwhile. */
#include "core/delivery/courier_int.h"

#include <string.h>
#include <time.h>

#include "core/base/base.h"

#define SCRATCH_MAX (64 * 1024 * 1024)  /* parsing one event that was claimed */

static const uint64_t duration_bounds[] = {1,   2,   5,    10,   20,   50,    100,
                                           200, 500, 1000, 2000, 5000, 15000, 60000};

/* --- lists ------------------------------------------------------------------- */

void list_add(struct list *l, struct item *i)
{
    i->next = NULL;
    if (l->last)
        l->last->next = i;
    else
        l->first = i;
    l->last = i;
}

struct item *list_take(struct list *l)
{
    struct item *i = l->first;

    if (!i)
        return NULL;
    l->first = i->next;
    if (!l->first)
        l->last = NULL;
    i->next = NULL;
    return i;
}

bool list_remove(struct list *l, struct item *i)
{
    struct item *before = NULL;

    for (struct item *at = l->first; at; before = at, at = at->next) {
        if (at != i)
            continue;
        if (before)
            before->next = i->next;
        else
            l->first = i->next;
        if (l->last == i)
            l->last = before;
        i->next = NULL;
        return true;
    }
    return false;
}


/* --- what is in memory ------------------------------------------------------- */

static struct item **bucket(struct bf_courier *c, uint64_t number)
{
    return &c->buckets[number % BUCKETS];
}

struct item *courier_find(struct bf_courier *c, uint64_t number)
{
    struct item *i = *bucket(c, number);

    while (i && i->execution->number != number)
        i = i->same_bucket;
    return i;
}

static size_t size_of(const struct item *i)
{
    return i->execution->event ? i->execution->event->text_len : 0;
}

void courier_keep(struct item *i)
{
    struct bf_courier *c = i->dest->courier;
    struct item **b = bucket(c, i->execution->number);

    i->same_bucket = *b;
    *b = i;
    i->dest->n_memory++;
    c->n_memory++;
    c->memory_bytes += size_of(i);
    atomic_store(&c->in_memory_now, c->n_memory);
}

static void give_back_arena(struct bf_courier *c, struct bf_arena *a)
{
    if (c->spare) {
        bf_arena_free(a);
        return;
    }
    bf_arena_reset(a);
    c->spare = a;
}

static void free_item(struct item *i)
{
    bf_digest_free(i->reading);
    bf_execution_unref(i->execution);
    free(i->own_words);
    free(i);
}

void courier_forget(struct item *i)
{
    struct bf_courier *c = i->dest->courier;
    struct item **b = bucket(c, i->execution->number);

    while (*b != i)
        b = &(*b)->same_bucket;
    *b = i->same_bucket;
    i->dest->n_memory--;
    c->n_memory--;
    c->memory_bytes -= size_of(i);
    destination_forgets(i);
    atomic_store(&c->in_memory_now, c->n_memory);
    if (i->at.arena) {
        c->ops.forget(c->ops.arg, &i->at);
        give_back_arena(c, i->at.arena);
    }
    free_item(i);
}


/* --- from the engine --------------------------------------------------------- */

void courier_arrived(struct bf_courier *c)
{
    if (c->posted)
        return;
    c->posted = bf_loop_post(c->loop, &c->arrived) == BF_OK;
}

void bf_courier_offer(struct bf_courier *c, struct bf_execution *const *executions, size_t n)
{
    pthread_mutex_lock(&c->lock);
    for (size_t k = 0; k < n; k++) {
        struct item *i;

        if (executions[k]->status != BF_PENDING)
            continue;
        if (c->n_offered >= OFFERED_MAX) {
            c->overflowed = true;
            break;
        }
        i = bf_new(struct item);
        i->execution = bf_execution_ref(executions[k]);
        list_add(&c->offered, i);
        c->n_offered++;
    }
    courier_arrived(c);
    pthread_mutex_unlock(&c->lock);
}

static void take_offer(struct bf_courier *c, struct item *i)
{
    struct destination *d = destination_get(c, bf_execution_integration(i->execution));

    destination_ready(d);
    if (courier_find(c, i->execution->number) || courier_holds(c, i->execution->number)) {
        free_item(i);
    } else if (i->execution->due_ms > bf_bus_now(c->bus)) {
        destination_wait(d, i->execution->due_ms);
        free_item(i);
    } else if (d->on_disk || !destination_has_room(d)) {
        if (!d->on_disk)
            destination_look_on_disk(d);
        free_item(i);
    } else {
        destination_keep(d, i);
    }
}

/* Rows that were left out of an overflowing offer may belong to destinations that know of none. */
static void look_on_disk(struct bf_courier *c)
{
    if (!c->look)
        return;
    c->look = !destinations_look(c);
    if (c->look)
        bf_loop_timer(c->loop, &c->look_again, LOOK_AGAIN_MS);
}

static void recorded(struct item *i)
{
    struct destination *d = i->dest;
    const struct bf_attempt_record *r = &i->record;

    if (r->status == BF_PENDING)
        destination_wait(d, r->due_ms);
    destination_ready(d);
    courier_forget(i);
    atomic_fetch_sub(&d->courier->n_unrecorded, 1);
}

static int apply_report(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct report *r = bf_container_of(w, struct report, work);

    for (struct item *i = r->items.first; i; i = i->next) {
        int rc = bf_outbox_record(tx->db, &i->record);

        if (rc)
            return bf_error_set(err, rc, "cannot record an attempt: %s", bf_db_words(tx->db));
    }
    for (size_t i = 0; i < r->n_standings; i++) {
        int rc = bf_standing_save(tx->db, r->standings[i].dest->id, &r->standings[i].now);

        if (rc)
            return bf_error_set(err, rc, "cannot record how a destination stands: %s",
                                bf_db_words(tx->db));
    }
    return BF_OK;
}

/* Those that another told of have come to the same. */
struct change_of_others {
    struct bf_courier *courier;
    const struct bf_execution *teller;
};

static void on_merged(void *arg, const struct bf_merged_row *row)
{
    const struct change_of_others *o = arg;
    struct bf_courier *c = o->courier;
    struct bf_envelope event = {.seq = row->event};
    struct bf_execution x = {.number = row->number,
                             .status = o->teller->status,
                             .automation = o->teller->automation,
                             .event = &event};

    bf_id_number(event.id, row->event_ms, bf_bus_hub(c->bus), row->event);
    bf_id_number(x.id, row->created_ms, bf_bus_hub(c->bus), row->number);
    c->on_change(c->on_change_arg, &x);
}

static void tell_change(struct bf_courier *c, const struct bf_execution *x)
{
    struct change_of_others others = {c, x};

    if (!c->on_change || !x->event)
        return;
    c->on_change(c->on_change_arg, x);
    if (x->n_merged && x->status != BF_PENDING)
        bf_merge_each(bf_bus_db(c->bus), x->id, on_merged, &others);
}

static void count_outcome(struct bf_courier *c, const struct item *i)
{
    int status = i->record.status;

    if (status == BF_PENDING)
        bf_count(&c->stats.retries, 1);
    else if (status <= BF_UNKNOWN_OUTCOME)
        bf_count(&c->stats.ended[status], 1 + i->execution->n_merged);
}

/* It is on disk.  [engine] */
static void outcome_done(struct bf_courier *c, struct item *i)
{
    struct bf_execution *x = i->execution;

    count_outcome(c, i);
    x->status = i->record.status;
    x->attempts = i->record.attempt;
    tell_change(c, x);
    if (x->status == BF_FAILED || x->status == BF_UNKNOWN_OUTCOME)
        bf_bus_tell_failure(c->bus, x->number);
}

static void report_done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct report *r = bf_container_of(w, struct report, work);
    struct bf_courier *c = r->courier;

    (void)err;
    r->rc = rc;
    for (struct item *i = rc ? NULL : r->items.first; i; i = i->next)
        outcome_done(c, i);
    pthread_mutex_lock(&c->lock);
    r->next = c->reported;
    c->reported = r;
    courier_arrived(c);
    pthread_mutex_unlock(&c->lock);
}

static void free_report(struct report *r)
{
    free(r->standings);
    free(r);
}

static void take_report(struct bf_courier *c, struct report *r)
{
    struct item *i;

    for (size_t k = 0; k < r->n_standings; k++) {
        r->standings[k].dest->n_saving--;
        if (r->rc)
            destination_unsaved(r->standings[k].dest);
    }
    while ((i = list_take(&r->items))) {
        if (r->rc)
            list_add(&c->settled, i);
        else
            recorded(i);
    }
    c->record_failed = r->rc != 0;
    free_report(r);
}

static void take_called(struct item *i)
{
    i->called = true;
    if (i->with_sink)
        attempt_called(i);
}

static void take_touched(struct bf_courier *c, struct bf_map *touched)
{
    const char *id;
    void *set;

    for (size_t at = 0; bf_map_each(touched, &at, &id, &set);) {
        struct destination *d = destination_get(c, id);

        d->known = false;
        d->rest_until_mono = d->again_mono = 0;
        d->failures = 0;
        d->slow = false;        /* it may be somewhere else now */
        destination_look_on_disk(d);
    }
    bf_map_free(touched);
}

static void on_arrived(struct bf_task *t)
{
    struct bf_courier *c = bf_container_of(t, struct bf_courier, arrived);
    struct list offered, called;
    struct report *reported;
    struct bf_map *touched;
    struct item *i;
    bool overflowed;

    pthread_mutex_lock(&c->lock);
    c->posted = false;
    offered = c->offered;
    called = c->called;
    reported = c->reported;
    touched = c->touched;
    overflowed = c->overflowed;
    c->offered = c->called = (struct list){0};
    c->n_offered = 0;
    c->reported = NULL;
    c->touched = NULL;
    c->overflowed = false;
    pthread_mutex_unlock(&c->lock);

    if (touched)
        take_touched(c, touched);
    while ((i = list_take(&offered)))
        take_offer(c, i);
    c->look |= overflowed;
    look_on_disk(c);
    while ((i = list_take(&called)))
        take_called(i);
    while (reported) {
        struct report *next = reported->next;

        take_report(c, reported);
        reported = next;
    }
}


/* --- to the engine ----------------------------------------------------------- */

/* Standings change with outcomes, so they are stored with them. */
static void take_unsaved(struct bf_courier *c, struct report *r)
{
    r->standings = c->n_unsaved ? bf_zalloc(c->n_unsaved * sizeof(*r->standings)) : NULL;
    for (struct destination *d = c->unsaved; d; d = d->next_unsaved) {
        r->standings[r->n_standings++] = (struct standing){d, d->standing};
        d->is_unsaved = false;
        d->n_saving++;
    }
    c->unsaved = NULL;
    c->n_unsaved = 0;
}

static void report_settled(struct bf_courier *c)
{
    struct report *r;

    if (!c->settled.first)
        return;
    if (c->record_failed) {     /* not at once again: the timer's turn comes back here */
        c->record_failed = false;
        bf_loop_timer(c->loop, &c->record_again, RECORD_AGAIN_MS);
    }
    if (c->record_again.slot)
        return;
    r = bf_new(struct report);
    r->work = (struct bf_work){.always = true, .apply = apply_report, .done = report_done};
    r->courier = c;
    r->items = c->settled;
    c->settled = (struct list){0};
    take_unsaved(c, r);
    if (bf_bus_post(c->bus, &r->work)) {        /* stopping: they are tried again after a start */
        c->settled = r->items;
        free_report(r);
    }
}

static void on_record_again(struct bf_timer *t) { (void)t; }

static void on_look_again(struct bf_timer *t)
{
    look_on_disk(bf_container_of(t, struct bf_courier, look_again));
}

static void on_turn(void *arg)
{
    struct bf_courier *c = arg;

    destinations_pump(c);
    report_settled(c);
}


/* --- calls from elsewhere ---------------------------------------------------- */

int bf_courier_settle(struct bf_courier *c, uint64_t ticket, int outcome, int64_t after_ms,
                      const char *words)
{
    struct item *i;

    pthread_mutex_lock(&c->lock);
    i = c->later.first;
    while (i && i->at.ticket != ticket)
        i = i->next;
    if (i) {
        list_remove(&c->later, i);
        i->own_words = bf_strdup(words);
        i->given = (struct bf_verdict){outcome, after_ms, i->own_words};
        list_add(&c->called, i);
        courier_arrived(c);
    }
    pthread_mutex_unlock(&c->lock);
    return i ? BF_OK : BF_ENOENT;
}

void bf_courier_touch(struct bf_courier *c, const char *integration)
{
    pthread_mutex_lock(&c->lock);
    if (!c->touched)
        c->touched = bf_map_new();
    bf_map_set(c->touched, integration, c);
    courier_arrived(c);
    pthread_mutex_unlock(&c->lock);
}

void bf_courier_on_change(struct bf_courier *c,
                          void (*fn)(void *arg, const struct bf_execution *e), void *arg)
{
    c->on_change = fn;
    c->on_change_arg = arg;
}

bool bf_courier_state(struct bf_courier *c, const char *integration,
                      struct bf_courier_state *out)
{
    struct destination *d;

    pthread_mutex_lock(&c->show_lock);
    d = bf_map_get(c->destinations, integration);
    if (d)
        *out = d->shown;
    pthread_mutex_unlock(&c->show_lock);
    return d != NULL;
}

const struct bf_courier_stats *bf_courier_stats(const struct bf_courier *c) { return &c->stats; }

void bf_courier_destinations(struct bf_courier *c, struct bf_courier_destinations *out)
{
    int64_t now = bf_bus_now(c->bus);
    const char *id;
    void *value;

    *out = (struct bf_courier_destinations){0};
    pthread_mutex_lock(&c->show_lock);
    for (size_t at = 0; bf_map_each(c->destinations, &at, &id, &value);) {
        const struct bf_courier_state *s = &((struct destination *)value)->shown;

        out->known++;
        out->failing += s->standing.failing_since_ms != 0;
        out->resting += s->resting_until_ms > now;
        out->paced += s->paced_until_ms > now;
        out->slow += s->slow;
        out->disabled += s->disabled;
    }
    pthread_mutex_unlock(&c->show_lock);
}

void bf_courier_count(struct bf_courier *c, struct bf_courier_counts *out)
{
    out->in_memory = atomic_load(&c->in_memory_now);
    out->in_flight = atomic_load(&c->in_flight_now);
    out->in_long = atomic_load(&c->in_long_now);
    out->delivered = atomic_load(&c->n_delivered);
    out->failed = atomic_load(&c->n_failed);
}


/* --- life -------------------------------------------------------------------- */

int bf_courier_new(struct bf_loop *loop, struct bf_workers *workers, struct bf_bus *bus,
                   const char *db_path, const struct bf_courier_ops *ops,
                   const struct bf_clock *clock, struct bf_log *log, struct bf_courier **out,
                   struct bf_error *err)
{
    struct bf_courier *c = bf_new(struct bf_courier);
    int rc = bf_db_migrate(bf_bus_db(bus), "delivery", bf_standing_schema, err);

    if (!rc)
        rc = bf_db_open(db_path, BF_DB_READ, &c->db, err);
    if (rc) {
        free(c);
        return rc;
    }
    c->loop = loop;
    c->workers = workers;
    c->bus = bus;
    c->ops = *ops;
    c->clock = clock;
    c->log = log;
    c->stats.duration = (struct bf_histogram)BF_HISTOGRAM(duration_bounds, 1e-3);
    c->destinations = bf_map_new();
    c->revisions = bf_map_new();
    c->held = bf_map_new();
    c->scratch = bf_arena_new(SCRATCH_MAX);
    c->arrived.fn = on_arrived;
    c->record_again.fn = on_record_again;
    c->look_again.fn = on_look_again;
    pthread_mutex_init(&c->lock, NULL);
    pthread_mutex_init(&c->show_lock, NULL);
    bf_loop_on_turn(loop, on_turn, c);
    *out = c;
    return BF_OK;
}

int bf_courier_start(struct bf_courier *c, struct bf_error *err)
{
    if (!destinations_look(c))
        return bf_error_set(err, BF_EIO, "cannot read the outbox: %s", bf_db_words(c->db));
    pthread_mutex_lock(&c->lock);
    courier_arrived(c);         /* a first turn of the loop */
    pthread_mutex_unlock(&c->lock);
    return BF_OK;
}

void bf_courier_drain(struct bf_courier *c, int64_t wait_ms)
{
    int64_t until = bf_mono_ms(c->clock) + wait_ms;

    atomic_store(&c->draining, true);
    while (atomic_load(&c->n_unrecorded) && bf_mono_ms(c->clock) < until)
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
    if (atomic_load(&c->n_unrecorded))
        bf_warnf(c->log, "courier", "%zu attempts are cut; they are made again after the start",
                 atomic_load(&c->n_unrecorded));
}

static void free_memory(struct bf_courier *c)
{
    for (size_t b = 0; b < BUCKETS; b++)
        while (c->buckets[b])
            courier_forget(c->buckets[b]);
}

static void free_destinations(struct bf_courier *c)
{
    const char *key;
    void *value;

    for (size_t at = 0; bf_map_each(c->destinations, &at, &key, &value);)
        destination_free(value);
    for (size_t at = 0; bf_map_each(c->revisions, &at, &key, &value);)
        bf_automation_unref(value);
    bf_map_free(c->destinations);
    bf_map_free(c->revisions);
    bf_map_free(c->held);
    bf_map_free(c->touched);
}

static void free_arrivals(struct bf_courier *c)
{
    struct item *i;

    while ((i = list_take(&c->offered)))
        free_item(i);
    while (c->reported) {
        struct report *next = c->reported->next;

        free_report(c->reported);
        c->reported = next;
    }
}

void bf_courier_free(struct bf_courier *c)
{
    if (!c)
        return;
    free_arrivals(c);
    free_memory(c);
    free_destinations(c);
    bf_arena_free(c->spare);
    bf_arena_free(c->scratch);
    bf_db_close(c->db);
    pthread_mutex_destroy(&c->lock);
    pthread_mutex_destroy(&c->show_lock);
    free(c);
}
