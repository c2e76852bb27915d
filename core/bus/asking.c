/* asking.c - works that wait for hooks, and works that wait for those.
 *
 * A work that has met hooks carries what they said (work->parked) until it is told how it ended.  It
 * stands in the lines of its events from when it is parked until it is its turn and it knows all it
 * needs; then it is ready, and the next batch's. */
#include "core/bus/asking_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/map.h"

#define ARENA_MAX (96 * 1024 * 1024)    /* a batch of events, changed by on_event, and the questions */
#define ARENA_KEPT (32 * 1024)
#define SPARE_MAX 256

struct bf_asking *bf_asking_new(void)
{
    struct bf_asking *a = bf_new(struct bf_asking);

    a->lines = bf_lines_new();
    a->unasked_end = &a->unasked;
    return a;
}

static void unref_on_event(struct bf_on_event *o)
{
    if (o && --o->refs == 0)
        free(o);
}

static void free_parked(struct bf_parked *p)
{
    bf_arena_free(p->arena);
    free(p->lines);
    free(p);
}

void bf_asking_free(struct bf_asking *a)
{
    if (!a)
        return;
    while (a->spare) {
        struct bf_parked *p = a->spare;

        a->spare = p->next;
        free_parked(p);
    }
    unref_on_event(a->on_event);
    bf_lines_free(a->lines);
    free(a->ready);
    free(a);
}

bool bf_asking_is_on(struct bf_bus *bus)
{
    struct bf_asking *a = bus->asking;

    return a->on_event || bf_rules_has_hooks(bus->rules) ||
           atomic_load_explicit(&a->n_parked, memory_order_relaxed);
}

uint64_t bf_asking_generation(const struct bf_bus *bus)
{
    return 1 + bus->asking->n_changes + bf_rules_hooks_generation(bus->rules);
}

size_t bf_asking_parked(struct bf_bus *bus)
{
    return atomic_load_explicit(&bus->asking->n_parked, memory_order_relaxed);
}


/* --- what a work has met ----------------------------------------------------------------- */

/* It is the [scripts] thread's to say that all is answered; the queue brings it here. */
static void on_answered(struct bf_ask *ask)
{
    struct bf_parked *p = bf_container_of(ask, struct bf_parked, ask);

    bf_queue_push_awaited(p->bus->queue, &p->answered.link);
}

/* Never called: it is how an answer is told from a work. */
static int apply_answer(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    (void)w;
    (void)tx;
    return bf_error_set(err, BF_EINVAL, "an answer is no work");
}

static struct bf_parked *get(struct bf_bus *bus, struct bf_work *w)
{
    struct bf_asking *a = bus->asking;
    struct bf_parked *p = w->parked;

    if (p)
        return p;
    p = a->spare;
    if (p) {
        a->spare = p->next;
        a->n_spare--;
    } else {
        p = bf_new(struct bf_parked);
        p->arena = bf_arena_new(ARENA_MAX);
        p->answered.apply = apply_answer;
        p->bus = bus;
    }
    p->next = NULL;
    p->work = w;
    p->turn = (struct bf_turn){.order = w->order};
    p->n_lines = 0;
    p->n_tries = 0;
    p->is_out = p->has_all = false;
    p->awaits = NULL;
    w->parked = p;
    return p;
}

static void put_away(struct bf_parked *p)
{
    struct bf_asking *a = p->bus->asking;

    bf_met_fini(p);
    if (a->n_spare == SPARE_MAX || bf_arena_used(p->arena) > ARENA_KEPT) {
        free_parked(p);
        return;
    }
    bf_arena_reset(p->arena);
    p->next = a->spare;
    a->spare = p;
    a->n_spare++;
}

void bf_asking_end(struct bf_work *w)
{
    if (w->parked)
        put_away(w->parked);
    w->parked = NULL;
    w->order = w->met_at = 0;
}

static void add_line(struct bf_parked *p, uint64_t line)
{
    if (p->n_lines && p->lines[p->n_lines - 1] == line)
        return;
    if (p->n_lines == p->cap_lines) {
        p->cap_lines = p->cap_lines ? 2 * p->cap_lines : 4;
        p->lines = bf_zrealloc(p->lines, p->cap_lines * sizeof(*p->lines));
    }
    p->lines[p->n_lines++] = line;
}

static bool is_awaited(const struct bf_bus *bus, const struct bf_automation *a,
                       const struct bf_envelope *e)
{
    const char *of = a->absence->of;
    bool is_of_type = strcmp(of, e->type) == 0 ||
                      (strcmp(of, "run") == 0 && strncmp(e->type, "run.", 4) == 0);

    return is_of_type && bf_scope_holds(bus->rules, a, e);
}

/* An absence that is over stands before the event that would begin it anew. */
static void stand_behind_absences(struct bf_parked *p)
{
    for (const struct bf_parked *o = p->bus->asking->over; o; o = o->next_over)
        for (const struct bf_met *m = p->first; m; m = m->next)
            if (o != p && is_awaited(p->bus, o->awaits, m->event))
                add_line(p, o->lines[0]);
}

static void forget_over(struct bf_parked *p)
{
    struct bf_parked **at = &p->bus->asking->over;

    while (*at && *at != p)
        at = &(*at)->next_over;
    if (*at)
        *at = p->next_over;
    p->awaits = NULL;
}

static struct bf_parked *get_with_events(struct bf_bus *bus, struct bf_work *w)
{
    bool is_new = !w->parked;
    struct bf_parked *p = get(bus, w);

    for (size_t i = 0; is_new && i < w->n_events; i++) {
        bf_met_add(p, w->events[i], false);
        add_line(p, bf_line_of(w->events[i]));
    }
    return p;
}


/* --- ready ----------------------------------------------------------------------------------- */

static struct bf_work *work_of(struct bf_link *l)
{
    return bf_container_of(l, struct bf_work, link);
}

static int by_order(const void *left, const void *right)
{
    const struct bf_work *a = *(struct bf_work *const *)left, *b = *(struct bf_work *const *)right;

    return a->order < b->order ? -1 : a->order > b->order;
}

static void add_ready(struct bf_asking *a, struct bf_work *w)
{
    if (a->n_ready == a->cap_ready) {
        a->cap_ready = a->cap_ready ? 2 * a->cap_ready : 64;
        a->ready = bf_zrealloc(a->ready, a->cap_ready * sizeof(struct bf_work *));
    }
    a->ready[a->n_ready++] = w;
}

/* In front of the others, which came later if they are of the same lines. */
static struct bf_link *with_ready(struct bf_asking *a, struct bf_link *others)
{
    if (a->n_ready > 1)
        qsort(a->ready, a->n_ready, sizeof(struct bf_work *), by_order);
    while (a->n_ready) {
        struct bf_work *w = a->ready[--a->n_ready];

        w->link.next = others;
        others = &w->link;
    }
    return others;
}

/* It is its turn; perhaps it lacks answers still. */
static void on_turn(void *arg, struct bf_turn *t)
{
    struct bf_asking *a = arg;
    struct bf_parked *p = bf_container_of(t, struct bf_parked, turn);

    if (!p->has_all)
        return;
    p->next = a->leaving;
    a->leaving = p;
}

static void unlist(struct bf_parked *p)
{
    if (p->awaits)
        forget_over(p);
    *p->back = p->later;
    if (p->later)
        p->later->back = p->back;
    atomic_fetch_sub_explicit(&p->bus->asking->n_parked, 1, memory_order_relaxed);
}

static void list(struct bf_parked *p)
{
    struct bf_asking *a = p->bus->asking;

    p->later = a->parked;
    p->back = &a->parked;
    if (p->later)
        p->later->back = &p->later;
    a->parked = p;
    atomic_fetch_add_explicit(&a->n_parked, 1, memory_order_relaxed);
}

/* If it is its turn it is ready, and so, perhaps, are those behind it. */
static void go_on(struct bf_parked *p)
{
    struct bf_asking *a = p->bus->asking;

    if (p->turn.n_before == 0)
        on_turn(a, &p->turn);
    while (a->leaving) {
        struct bf_parked *next = a->leaving;

        a->leaving = next->next;
        add_ready(a, next->work);
        unlist(next);
        bf_lines_leave(a->lines, &next->turn, on_turn, a);
    }
}


/* --- asking ---------------------------------------------------------------------------------- */

static void put_back_unasked(struct bf_asking *a, struct bf_parked *p)
{
    p->next = NULL;
    *a->unasked_end = p;
    a->unasked_end = &p->next;
}

static int try_to_ask(struct bf_parked *p)
{
    struct bf_asking *a = p->bus->asking;
    int rc;

    if (!a->asker.ask)
        return BF_ENOSYS;
    if (a->n_out && a->n_out + p->ask.n > BF_ASKING_MAX)
        return BF_EFULL;
    p->ask.done = on_answered;
    p->is_out = true;           /* before it is: the answer may be here at once */
    a->n_out += p->ask.n;
    rc = a->asker.ask(a->asker.arg, &p->ask);
    if (rc) {
        p->is_out = false;
        a->n_out -= p->ask.n;
        return rc;
    }
    p->batch = a->batch;
    a->n_fresh++;
    return BF_OK;
}

static void settle(struct bf_parked *p);

/* What it lacks is in p->ask. */
static void ask(struct bf_parked *p)
{
    struct bf_asking *a = p->bus->asking;
    int rc = a->unasked ? BF_EFULL : try_to_ask(p);

    if (rc == BF_EFULL) {
        put_back_unasked(a, p);
    } else if (rc) {
        bf_met_fail(p, rc == BF_ENOSYS ? "this process runs no scripts" : "the hub is stopping");
        unref_on_event(p->on_event);
        p->on_event = NULL;
        settle(p);
    }
}

/* It knows more than before: is it enough? */
static void settle(struct bf_parked *p)
{
    if (bf_met_question(p)) {
        ask(p);
        return;
    }
    p->has_all = true;
    p->work->met_at = bf_asking_generation(p->bus);
    go_on(p);
}

static void ask_again(struct bf_asking *a)
{
    while (a->unasked && try_to_ask(a->unasked) != BF_EFULL) {
        struct bf_parked *p = a->unasked;

        a->unasked = p->next;
        if (!a->unasked)
            a->unasked_end = &a->unasked;
        if (p->is_out)
            continue;
        bf_met_fail(p, "the hub is stopping");
        unref_on_event(p->on_event);
        p->on_event = NULL;
        settle(p);
    }
}

static void take_answer(struct bf_parked *p)
{
    struct bf_on_event *asked = p->on_event;
    struct bf_asking *a = p->bus->asking;

    a->n_out -= p->ask.n;
    a->n_fresh -= p->batch == a->batch;
    p->is_out = false;
    if (!p->work) {
        p->on_event = NULL;
        unref_on_event(asked);
        put_away(p);
        return;
    }
    bf_met_answer(p);
    p->on_event = NULL;
    unref_on_event(asked);
    settle(p);
}


/* --- parking --------------------------------------------------------------------------------- */

static bool is_held(const struct bf_asking *a, const struct bf_parked *p)
{
    for (size_t i = 0; i < p->n_lines; i++)
        if (bf_lines_held(a->lines, p->lines[i], p->work->order))
            return true;
    return false;
}

static void park(struct bf_parked *p, bool has_questions)
{
    struct bf_asking *a = p->bus->asking;

    list(p);
    p->turn.order = p->work->order;
    p->has_all = !has_questions;
    bf_lines_join(a->lines, &p->turn, p->lines, p->n_lines);
    if (has_questions)
        ask(p);
    else
        go_on(p);
}

/* Whether it can go on as it is; else it is parked. */
static bool examine(struct bf_bus *bus, struct bf_work *w)
{
    uint64_t generation = bf_asking_generation(bus);
    struct bf_parked *p;
    bool has_questions = false;

    if (!w->order)
        w->order = ++bus->asking->last_order;
    if (!w->n_events && !w->parked)
        return true;
    p = get_with_events(bus, w);
    stand_behind_absences(p);
    if (w->met_at != generation)
        has_questions = bf_met_question(p);
    if (!has_questions) {
        w->met_at = generation;
        if (!is_held(bus->asking, p))
            return true;
    }
    park(p, has_questions);
    return false;
}

bool bf_asking_may_apply(struct bf_bus *bus, struct bf_work *w)
{
    bool nobody = bf_lines_count(bus->asking->lines) == 0;

    if (nobody && w->met_at == bf_asking_generation(bus))
        return true;
    return examine(bus, w);
}

struct bf_link *bf_asking_take(struct bf_bus *bus, struct bf_link *taken)
{
    struct bf_asking *a = bus->asking;
    struct bf_link *passed = NULL, **end = &passed;

    while (taken) {
        struct bf_work *w = work_of(taken);

        taken = taken->next;
        w->link.next = NULL;
        if (w->apply == apply_answer) {
            take_answer(bf_container_of(w, struct bf_parked, answered));
        } else if (examine(bus, w)) {
            *end = &w->link;
            end = &w->link.next;
        }
    }
    ask_again(a);
    return with_ready(a, passed);
}

void bf_asking_next_batch(struct bf_bus *bus)
{
    bus->asking->batch++;
    bus->asking->n_fresh = 0;
}

bool bf_asking_has_fresh(const struct bf_bus *bus) { return bus->asking->n_fresh > 0; }

int64_t bf_asking_sleep_ms(struct bf_bus *bus, int64_t ms)
{
    if (bus->asking->n_ready)
        return 0;
    if (!bus->asking->unasked)
        return ms;
    return ms < 0 ? BF_ASKING_RETRY_MS : bf_min64(ms, BF_ASKING_RETRY_MS);
}


/* --- in the transaction ------------------------------------------------------------------------- */

/* A run that has crashed and speaks again: the hub says that first, and nobody knew it would.  That it
 * has crashed may be what the same work says. */
static bool may_resume(struct bf_tx *tx, const struct bf_work *w)
{
    for (const struct bf_met *m = w->parked ? w->parked->first : NULL; m; m = m->next) {
        if (m->is_dropped)
            continue;
        if (bf_crash_may_resume(tx, m->event) || (m->next && bf_crash_is_told(m->event)))
            return true;
    }
    return false;
}

/* Whose conditions did not hold for long, and may now. */
static bool may_be_asked_more(const struct bf_work *w)
{
    for (const struct bf_met *m = w->parked ? w->parked->first : NULL; m; m = m->next)
        if (m->may_miss)
            return true;
    return false;
}

bool bf_asking_may_miss(struct bf_tx *tx, struct bf_work *w)
{
    return w->may_fail || may_resume(tx, w) || may_be_asked_more(w);
}

void bf_asking_begin(struct bf_tx *tx, struct bf_work *w)
{
    tx->work = w;
    tx->missed = false;
    for (struct bf_met *m = w->parked ? w->parked->first : NULL; m; m = m->next)
        m->is_used = false;
}

struct bf_parked *bf_asking_of(const struct bf_tx *tx) { return get(tx->bus, tx->work); }

bool bf_asking_park_missed(struct bf_work *w)
{
    struct bf_parked *p = w->parked;

    if (w->is_of_clock)
        return false;           /* it is over still, and is told of anew */
    p->n_tries++;
    p->n_lines = 0;
    for (const struct bf_met *m = p->first; m; m = m->next)
        add_line(p, bf_line_of(m->came));
    park(p, bf_met_question(p));
    return true;
}

void bf_asking_add(struct bf_bus *bus, struct bf_work *w, struct bf_envelope *e,
                   const struct bf_automation *a)
{
    struct bf_parked *p;

    w->order = ++bus->asking->last_order;
    w->is_of_clock = true;
    p = get(bus, w);
    bf_met_fix(p, bf_met_add(p, e, true), a);
    add_line(p, e->run_id ? bf_line_of(e) : bf_hash64(a->id, strlen(a->id)));
    if (a->absence && !e->run_id) {
        p->awaits = p->first->filters ? p->first->filters[0].automation : NULL;
        p->next_over = bus->asking->over;
        bus->asking->over = p->awaits ? p : bus->asking->over;
    }
    park(p, bf_met_question(p));
}


/* --- on_event, and the end ------------------------------------------------------------------------ */

void bf_asking_set_asker(struct bf_bus *bus, const struct bf_asker *asker)
{
    bus->asking->asker = *asker;
}

void bf_asking_forget(struct bf_bus *bus, const char *automation)
{
    const struct bf_asker *a = &bus->asking->asker;

    if (a->forget)
        a->forget(a->arg, automation);
}

void bf_asking_use(struct bf_bus *bus, const struct bf_hook *hook)
{
    const struct bf_asker *a = &bus->asking->asker;

    if (a->use && hook && hook->file)
        a->use(a->arg, hook->file);
}

void bf_asking_set_on_event(struct bf_bus *bus, struct bf_on_event *o)
{
    unref_on_event(bus->asking->on_event);
    bus->asking->on_event = o;
    bus->asking->n_changes++;
}

struct bf_on_event *bf_on_event_new(const struct bf_hook *hook)
{
    struct bf_on_event *o = bf_new(struct bf_on_event);

    o->refs = 1;
    o->hook = *hook;
    snprintf(o->file, sizeof(o->file), "%s", hook->file ? hook->file : "");
    o->hook.file = o->file;
    return o;
}

void bf_on_event_unref(struct bf_on_event *o) { unref_on_event(o); }

static void on_nobody(void *arg, struct bf_turn *t)
{
    (void)arg;
    (void)t;
}

struct bf_link *bf_asking_give_up(struct bf_bus *bus)
{
    struct bf_asking *a = bus->asking;
    struct bf_link *works = NULL;

    a->unasked = NULL;
    a->unasked_end = &a->unasked;
    while (a->parked) {
        struct bf_parked *p = a->parked;
        struct bf_work *w = p->work;

        unlist(p);
        bf_lines_leave(a->lines, &p->turn, on_nobody, NULL);
        w->link.next = works;
        works = &w->link;
        if (!p->is_out)
            continue;
        p->work = NULL;         /* its memory is with whoever is asked, until he answers */
        w->parked = NULL;
    }
    return works;
}

void bf_asking_drain(struct bf_bus *bus)
{
    struct bf_link *l = bf_queue_pop_all(bus->queue, 0);

    while (l) {
        struct bf_work *w = work_of(l);

        l = l->next;
        if (w->apply == apply_answer)
            take_answer(bf_container_of(w, struct bf_parked, answered));
    }
}
