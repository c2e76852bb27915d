/* timers.c - schedules and absences, between the records that begin and end their waits.
 *
 * Automations on ABSENCE are filed as others are, by a text of what they wait for and their scope, so
 * that an event asks at a few places and an event that nobody waits for finds nothing there.
 *
 * Before a wait is changed it is noted as it was, so undoing needs no store, which may be what has
 * failed.  Flushing writes what was changed since the last time; a part that is undone alone begins
 * with a flush.  What an automation leaves behind when it goes is forgotten bit by bit: until all of
 * that is, the time at which the automation was saved or enabled tells what is from before. */
#include "core/rules/timers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/map.h"
#include "core/rules/memory_keys.h"
#include "core/rules/waits.h"

#define LEFT_FLUSH_MAX 500      /* of what is left behind, forgotten in one transaction */
#define COUNTED_MAX    5000     /* occurrences, for one list of what is over */
#define LATE_MS        60000
#define KEY_MAX        (BF_NAME_MAX * 4)

struct place;

/* A waiter in one place; one that waits for each run may stand in two: with what it awaits, and with
 * the events of runs. */
struct stand {
    struct waiter *of;
    struct place *place;
    struct stand *next;
    struct stand **back;
};

struct place {
    struct stand *first;
    char key[];
};

struct waiter {
    struct bf_waiter base;
    struct stand stands[2];
    size_t n_stands;            /* none, of a schedule */
};

/* A wait that was changed, and what it was before. */
struct touched {
    struct waiter *of;
    uint64_t run;
    bool existed;
    int64_t last_ms;
    int64_t due_ms;
};

struct bf_timers {
    const struct bf_memory *memory;     /* NULL: nothing is remembered */
    bool begun;
    int64_t now_ms;             /* as far as it is known here */
    struct bf_map *by_id;       /* struct waiter */
    struct bf_map *places;      /* struct place */
    struct bf_waits waits;
    struct bf_due *due;         /* what was listed last */
    struct touched *touched;    /* since it was settled; the first n_flushed are written */
    size_t n_touched, cap_touched, n_flushed;
    char **left;                /* keys to forget; the last n_forgotten are, if the commit succeeds */
    size_t n_left, cap_left, n_forgotten;
    size_t max_waits;           /* BF_WAITS_MAX */
    uint64_t n_refused;
};

/* ---- places ---- */

struct key {
    size_t len;
    char text[KEY_MAX];
};

static void add_part(struct key *k, const char *part)
{
    size_t len = strlen(part);

    bf_assert(k->len + len + 1 < sizeof(k->text));
    memcpy(k->text + k->len, part, len);
    k->len += len;
    k->text[k->len++] = '\x1f';
    k->text[k->len] = '\0';
}

static void begin_key(struct key *k, const char *type, const char *entity)
{
    k->len = 0;
    add_part(k, type);
    add_part(k, entity);
}

static void stand_at(struct bf_timers *t, struct waiter *w, const char *type)
{
    const struct bf_automation *a = w->base.automation;
    struct stand *s = &w->stands[w->n_stands++];
    struct key k;
    struct place *p;

    begin_key(&k, type, a->entity);
    if (a->project)
        add_part(&k, a->project);
    if (a->collection)
        add_part(&k, a->collection);
    p = bf_map_get_len(t->places, k.text, k.len);
    if (!p) {
        p = bf_zalloc(sizeof(*p) + k.len + 1);
        memcpy(p->key, k.text, k.len + 1);
        bf_map_set(t->places, p->key, p);
    }
    *s = (struct stand){.of = w, .place = p, .next = p->first, .back = &p->first};
    if (s->next)
        s->next->back = &s->next;
    p->first = s;
}

static void leave_places(struct bf_timers *t, struct waiter *w)
{
    for (size_t i = 0; i < w->n_stands; i++) {
        struct stand *s = &w->stands[i];

        *s->back = s->next;
        if (s->next)
            s->next->back = s->back;
        if (!s->place->first) {
            bf_map_remove(t->places, s->place->key);
            free(s->place);
        }
    }
    w->n_stands = 0;
}

static bool is_of_run(const char *type)
{
    return strncmp(type, "run", 3) == 0 && (type[3] == '.' || !type[3]);
}

/* One that waits for each run hears of all that happens to runs; "run" is where these are found. */
static void take_places(struct bf_timers *t, struct waiter *w)
{
    const struct bf_absence *absence = w->base.automation->absence;
    bool by_runs = absence->per_run && is_of_run(absence->of);

    stand_at(t, w, by_runs ? "run" : absence->of);
    if (absence->per_run && !by_runs)
        stand_at(t, w, "run");
}

/* ---- memory ---- */

static void key_of(struct bf_memory_key *k, const struct bf_automation *a, uint64_t run)
{
    bf_memory_key_of(k, a->schedule ? BF_MEMORY_SCHEDULE : BF_MEMORY_ABSENCE, a);
    if (!a->schedule)
        bf_memory_key_number(k, run);
}

static int parse_numbers(const void *value, size_t len, int64_t out[2])
{
    char text[48];
    int n;

    snprintf(text, sizeof(text), "%.*s", (int)bf_min64((int64_t)len, 47), (const char *)value);
    n = sscanf(text, "%" SCNd64 " %" SCNd64, &out[0], &out[1]);
    return n > 0 ? n : 0;
}

/* How many of them are remembered. */
static int read_numbers(const struct bf_timers *t, const struct bf_memory_key *k, int64_t out[2])
{
    size_t len;
    const void *value = t->memory ? t->memory->get(t->memory->arg, k->text, k->len, &len) : NULL;

    return value ? parse_numbers(value, len, out) : 0;
}

/* Since when the automation waits: when it was saved or enabled, or its last occurrence. */
static int64_t since_of(const struct bf_timers *t, const struct bf_automation *a, int64_t unknown)
{
    struct bf_memory_key k;
    int64_t numbers[2];

    bf_memory_key_of(&k, BF_MEMORY_SCHEDULE, a);
    return read_numbers(t, &k, numbers) ? numbers[0] : unknown;
}

static void write_numbers(struct bf_timers *t, const struct bf_memory_key *k, int64_t first,
                          int64_t second, bool both)
{
    char text[48];
    int len = both ? snprintf(text, sizeof(text), "%" PRId64 " %" PRId64, first, second)
                   : snprintf(text, sizeof(text), "%" PRId64, first);

    t->memory->set(t->memory->arg, k->text, k->len, text, (size_t)len, false);
}

static void write_wait(struct bf_timers *t, const struct touched *touched)
{
    const struct bf_automation *a = touched->of->base.automation;
    struct bf_wait *w = bf_waits_find(&t->waits, &touched->of->base, touched->run);
    struct bf_memory_key k;

    key_of(&k, a, touched->run);
    if (w) {
        w->noted = false;
        write_numbers(t, &k, w->last_ms, w->due_ms, a->absence != NULL);
    } else {
        t->memory->set(t->memory->arg, k.text, k.len, NULL, 0, false);
    }
}

/* Call it before the wait is changed, or made. */
static void touch(struct bf_timers *t, struct bf_waiter *of, uint64_t run, struct bf_wait *w)
{
    struct touched *touched;

    if (!t->memory || (w && w->noted))
        return;
    if (t->n_touched == t->cap_touched) {
        t->cap_touched = t->cap_touched ? 2 * t->cap_touched : 64;
        t->touched = bf_zrealloc(t->touched, t->cap_touched * sizeof(*t->touched));
    }
    touched = &t->touched[t->n_touched++];
    *touched = (struct touched){.of = bf_container_of(of, struct waiter, base), .run = run};
    if (w) {
        w->noted = true;
        touched->existed = true;
        touched->last_ms = w->last_ms;
        touched->due_ms = w->due_ms;
    }
}

/* A key that is to be forgotten. */
static void leave_key(struct bf_timers *t, const char *text)
{
    if (t->n_left == t->cap_left) {
        t->cap_left = t->cap_left ? 2 * t->cap_left : 64;
        t->left = bf_zrealloc(t->left, t->cap_left * sizeof(*t->left));
    }
    t->left[t->n_left++] = bf_strdup(text);
}

/* It means something again: not yet forgotten, it stays. */
static void keep_key(struct bf_timers *t, const char *text)
{
    size_t n = t->n_left - t->n_forgotten;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(t->left[i], text) != 0)
            continue;
        free(t->left[i]);
        t->left[i] = t->left[n - 1];
        t->left[n - 1] = t->left[--t->n_left];
        return;
    }
}

/* ---- waiters ---- */

static void start_schedule(struct bf_timers *t, struct waiter *w)
{
    struct bf_wait *wait = bf_waits_add(&t->waits, &w->base, 0);
    const struct bf_automation *a = w->base.automation;

    wait->last_ms = since_of(t, a, t->now_ms);
    bf_waits_set(&t->waits, wait, bf_schedule_next(a->schedule, wait->last_ms));
}

/* A wait as it is remembered. */
static void restore(struct bf_timers *t, struct waiter *w, uint64_t run, const int64_t numbers[2])
{
    struct bf_wait *wait = bf_waits_add(&t->waits, &w->base, run);

    wait->last_ms = numbers[0];
    bf_waits_set(&t->waits, wait, numbers[1]);
}

/* Everything about an automation but what is remembered. */
static void let_go(struct bf_timers *t, struct waiter *w)
{
    size_t n = 0, flushed = 0;

    for (size_t i = 0; i < t->n_touched; i++) {
        if (t->touched[i].of == w)
            continue;
        flushed += i < t->n_flushed;
        t->touched[n++] = t->touched[i];
    }
    t->n_touched = n;
    t->n_flushed = flushed;
    while (w->base.waits)
        bf_waits_remove(&t->waits, w->base.waits);
    leave_places(t, w);
    bf_automation_unref(w->base.automation);
    free(w);
}

static void leave_behind(struct bf_timers *t, struct waiter *w)
{
    const struct bf_automation *a = w->base.automation;
    struct bf_memory_key k;

    for (struct bf_wait *wait = a->absence ? w->base.waits : NULL; wait; wait = wait->next) {
        key_of(&k, a, wait->run);
        leave_key(t, k.text);
    }
    bf_memory_key_of(&k, BF_MEMORY_SCHEDULE, a);
    leave_key(t, k.text);
    let_go(t, w);
}

static bool waits(const struct bf_automation *a)
{
    return a->enabled && (a->schedule || a->absence);
}

/* Saved again with what it waits for unchanged. */
static bool waits_on(const struct waiter *w, const struct bf_automation *a)
{
    return w && waits(a) && a->era && w->base.automation->era == a->era;
}

static void replace(struct waiter *w, const struct bf_automation *a)
{
    bf_automation_unref(w->base.automation);
    w->base.automation = bf_automation_ref(a);
}

void bf_timers_put(struct bf_timers *t, const struct bf_automation *a)
{
    struct waiter *w = bf_map_get(t->by_id, a->id);

    if (waits_on(w, a)) {
        replace(w, a);
        return;
    }
    bf_timers_remove(t, a->id);
    if (!waits(a))
        return;
    w = bf_new(struct waiter);
    w->base.automation = bf_automation_ref(a);
    bf_map_set(t->by_id, a->id, w);
    if (a->absence)
        take_places(t, w);
    else if (t->begun)
        start_schedule(t, w);
}

void bf_timers_remove(struct bf_timers *t, const char *id)
{
    struct waiter *w = bf_map_remove(t->by_id, id);

    if (w)
        leave_behind(t, w);
}

void bf_timers_saved(struct bf_timers *t, const struct bf_automation *a, int64_t now_ms)
{
    const struct waiter *w = bf_map_get(t->by_id, a->id);
    struct bf_memory_key k;

    if (!t->memory || !waits(a) || waits_on(w, a))
        return;
    bf_memory_key_of(&k, BF_MEMORY_SCHEDULE, a);
    keep_key(t, k.text);
    write_numbers(t, &k, now_ms, 0, false);
}

/* ---- life ---- */

struct bf_timers *bf_timers_new(void)
{
    struct bf_timers *t = bf_new(struct bf_timers);

    t->by_id = bf_map_new();
    t->places = bf_map_new();
    t->max_waits = BF_WAITS_MAX;
    t->due = bf_zalloc(BF_TIMERS_DUE_MAX * sizeof(*t->due));
    return t;
}

void bf_timers_free(struct bf_timers *t)
{
    const char *id;
    size_t at = 0;
    void *value;

    if (!t)
        return;
    while (bf_map_each(t->by_id, &at, &id, &value))
        let_go(t, value);
    bf_waits_fini(&t->waits);
    bf_map_free(t->by_id);
    bf_map_free(t->places);
    while (t->n_left)
        free(t->left[--t->n_left]);
    free(t->left);
    free(t->touched);
    free(t->due);
    free(t);
}

/* "w", the automation's id, its era and the run, with 0x1f between them. */
static struct waiter *waiter_of_key(const struct bf_timers *t, const char *key, uint64_t *run)
{
    const char *id = key + 2, *era = strchr(id, '\x1f'), *last = era ? strchr(era + 1, '\x1f') : NULL;
    struct waiter *w;

    if (!last)
        return NULL;
    w = bf_map_get_len(t->by_id, id, (size_t)(era - id));
    *run = strtoull(last + 1, NULL, 10);
    if (!w || !w->base.automation->absence || w->base.automation->era != strtoull(era + 1, NULL, 10))
        return NULL;
    return w->base.automation->absence->per_run == (*run != 0) ? w : NULL;
}

/* The keys are collected first: the memory must not be asked while it tells. */
static void on_absence(void *arg, const char *key, size_t key_len, const void *value, size_t len)
{
    struct bf_timers *t = arg;
    int64_t numbers[2];
    uint64_t run;
    struct waiter *w = waiter_of_key(t, key, &run);

    (void)key_len;
    if (w && parse_numbers(value, len, numbers) == 2)
        restore(t, w, run, numbers);
    else
        leave_key(t, key);
}

/* What is from before the automation was last enabled is worth nothing. */
static void drop_old(struct bf_timers *t, struct waiter *w)
{
    int64_t since = since_of(t, w->base.automation, 0);
    struct bf_memory_key k;

    for (struct bf_wait *wait = w->base.waits, *next; wait; wait = next) {
        next = wait->next;
        if (wait->last_ms >= since)
            continue;
        key_of(&k, w->base.automation, wait->run);
        leave_key(t, k.text);
        bf_waits_remove(&t->waits, wait);
    }
}

void bf_timers_begin(struct bf_timers *t, const struct bf_memory *memory, int64_t now_ms)
{
    static const char prefix[] = {BF_MEMORY_ABSENCE, '\x1f'};
    const char *id;
    size_t at = 0;
    void *value;

    t->memory = memory;
    t->now_ms = now_ms;
    t->begun = true;
    if (memory)
        memory->each(memory->arg, prefix, sizeof(prefix), on_absence, t);
    while (bf_map_each(t->by_id, &at, &id, &value)) {
        struct waiter *w = value;

        if (w->base.automation->schedule)
            start_schedule(t, w);
        else if (memory)
            drop_old(t, w);
    }
}

/* ---- events ---- */

/* What an event says, as far as waits are concerned. */
struct seen {
    struct bf_timers *timers;
    const struct bf_record *record;
    struct bf_subject *subject;
    bool of_run;
    bool ends;                  /* the run reports that it is over */
    bool is_silence;            /* it reports a crash */
    bool looked_up;             /* whether its run was over before, in: */
    bool was_over;
};

static bool is_end(const char *state, size_t len)
{
    static const char *const ends[] = {"FINISHED", "FAILED", "KILLED"};

    for (size_t i = 0; i < BF_COUNT(ends); i++) {
        if (strlen(ends[i]) == len && strncmp(ends[i], state, len) == 0)
            return true;
    }
    return false;
}

static void read_state(struct seen *s)
{
    const struct bf_json *state =
        bf_json_get(bf_json_get(bf_subject_root(s->subject), "run"), "state");

    s->looked_up = true;
    if (!bf_json_is(state, BF_JSON_STRING))
        return;
    s->ends = is_end(state->text, state->len);
    s->is_silence = state->len == 7 && strncmp(state->text, "CRASHED", 7) == 0;
}

/* What a run said last of its state is remembered by whoever judges these. */
static bool was_over(struct seen *s)
{
    const struct bf_memory *m = s->timers->memory;
    struct bf_memory_key k;
    const char *state;
    size_t len;

    if (s->looked_up || !m || !s->record->run)
        return s->was_over;
    bf_memory_key(&k, BF_MEMORY_STATE);
    bf_memory_key_number(&k, s->record->run);
    state = m->get(m->arg, k.text, k.len, &len);
    s->was_over = state && is_end(state, len);
    s->looked_up = true;
    return s->was_over;
}

/* "cpu" is "system.cpu", too. */
static bool is_metric(const char *wanted, const char *name)
{
    return strcmp(wanted, name) == 0 ||
           (strncmp(name, "system.", 7) == 0 && strcmp(wanted, name + 7) == 0);
}

static bool is_awaited(const struct bf_absence *absence, const struct bf_record *record)
{
    if (strcmp(absence->of, "run") == 0)
        return is_of_run(record->event->type);
    if (strcmp(absence->of, record->event->type) != 0)
        return false;
    for (size_t i = 0; absence->metric && i < record->n_points; i++) {
        if (is_metric(absence->metric, record->points[i].name))
            return true;
    }
    return !absence->metric;
}

static void begin_wait(struct seen *s, struct waiter *w, struct bf_wait *wait, uint64_t run)
{
    struct bf_timers *t = s->timers;
    int64_t now = s->record->event->received_ms;
    int64_t due = now + w->base.automation->absence->for_ms;

    if (wait && wait->last_ms == now && wait->due_ms == due)
        return;
    if (!wait && run && t->waits.n >= t->max_waits) {
        t->n_refused++;
        return;
    }
    touch(t, &w->base, run, wait);
    if (!wait) {
        wait = bf_waits_add(&t->waits, &w->base, run);
        wait->noted = t->memory != NULL;
    }
    wait->last_ms = now;
    bf_waits_set(&t->waits, wait, due);
}

static void forget_wait(struct seen *s, struct bf_wait *wait)
{
    struct bf_timers *t = s->timers;

    if (!wait)
        return;
    touch(t, wait->of, wait->run, wait);
    bf_waits_remove(&t->waits, wait);
}

void bf_timers_forget_run(struct bf_timers *t, uint64_t run)
{
    struct seen s = {.timers = t};
    const char *id;
    size_t at = 0;
    void *value;

    while (t->waits.n && bf_map_each(t->by_id, &at, &id, &value)) {
        struct waiter *w = value;

        if (w->base.automation->absence && w->base.automation->absence->per_run)
            forget_wait(&s, bf_waits_find(&t->waits, &w->base, run));
    }
}

void bf_timers_limit(struct bf_timers *t, size_t max_waits) { t->max_waits = max_waits; }
uint64_t bf_timers_refused(const struct bf_timers *t) { return t->n_refused; }

static void see_for_scope(struct seen *s, struct waiter *w)
{
    const struct bf_automation *a = w->base.automation;

    if (is_awaited(a->absence, s->record) && !s->is_silence &&
        bf_filter_match(a->filter, s->subject))
        begin_wait(s, w, bf_waits_find(&s->timers->waits, &w->base, 0), 0);
}

static void see_for_run(struct seen *s, struct waiter *w)
{
    const struct bf_automation *a = w->base.automation;
    uint64_t run = s->record->run;
    struct bf_wait *wait = run ? bf_waits_find(&s->timers->waits, &w->base, run) : NULL;
    bool awaited = is_awaited(a->absence, s->record);
    bool begins = awaited || (!wait && s->of_run && is_of_run(a->absence->of));

    if (!run || s->is_silence)
        return;
    if (s->ends || ((wait || begins) && was_over(s)))
        forget_wait(s, wait);   /* its end may have come while its team was elsewhere */
    else if (begins && (wait || bf_filter_match(a->filter, s->subject)))
        begin_wait(s, w, wait, run);
}

static void see_place(struct seen *s, const struct key *k)
{
    const struct place *p = bf_map_get_len(s->timers->places, k->text, k->len);

    for (const struct stand *at = p ? p->first : NULL; at; at = at->next) {
        if (at->of->base.automation->absence->per_run)
            see_for_run(s, at->of);
        else
            see_for_scope(s, at->of);
    }
}

static void see_scopes(struct seen *s, const char *type, const char *organization)
{
    const struct bf_envelope *e = s->record->event;
    struct key k;

    if (organization) {
        begin_key(&k, type, organization);
        see_place(s, &k);
    }
    begin_key(&k, type, e->entity);
    see_place(s, &k);
    if (!e->project)
        return;
    add_part(&k, e->project);
    see_place(s, &k);
    if (!e->collection)
        return;
    add_part(&k, e->collection);
    see_place(s, &k);
}

void bf_timers_see(struct bf_timers *t, const struct bf_record *record, const char *organization,
                   struct bf_subject *subject)
{
    struct seen s = {.timers = t, .record = record, .subject = subject};

    t->now_ms = bf_max64(t->now_ms, record->event->received_ms);
    if (bf_map_count(t->places) == 0)
        return;
    s.of_run = is_of_run(record->event->type);
    if (strcmp(record->event->type, "run.state") == 0)
        read_state(&s);
    see_scopes(&s, record->event->type, organization);
    if (s.of_run)
        see_scopes(&s, "run", organization);
}

/* ---- what is over ---- */

int64_t bf_timers_next(const struct bf_timers *t) { return bf_waits_next(&t->waits); }

/* Of a schedule that missed some, the last occurrence stands for all of them.  Gives what counting
 * them has cost. */
static size_t describe(const struct bf_wait *w, int64_t now_ms, struct bf_due *out)
{
    const struct bf_automation *a = w->of->automation;
    uint32_t n;

    *out = (struct bf_due){.automation = a, .due_ms = w->due_ms, .run = w->run};
    if (a->absence) {
        out->last_ms = w->last_ms;
        return 1;
    }
    n = bf_schedule_count(a->schedule, w->due_ms - 1, now_ms, BF_MISSED_MAX, &out->due_ms);
    out->missed = n ? n - 1 : 0;
    out->late = n > 1 || now_ms - out->due_ms > LATE_MS;
    return n;
}

size_t bf_timers_due(struct bf_timers *t, int64_t now_ms, const struct bf_due **out)
{
    struct bf_wait *over[BF_TIMERS_DUE_MAX];
    size_t n = 0, counted = 0;

    t->now_ms = bf_max64(t->now_ms, now_ms);
    while (n < BF_TIMERS_DUE_MAX && counted < COUNTED_MAX &&
           (over[n] = bf_waits_pop(&t->waits, now_ms))) {
        counted += describe(over[n], now_ms, &t->due[n]);
        n++;
    }
    for (size_t i = 0; i < n; i++)
        bf_waits_set(&t->waits, over[i], over[i]->due_ms);
    *out = t->due;
    return n;
}

static struct bf_wait *find_wait(const struct bf_timers *t, const char *id, uint64_t run)
{
    const struct waiter *w = bf_map_get(t->by_id, id);

    return w ? bf_waits_find(&t->waits, &w->base, run) : NULL;
}

void bf_timers_hold(struct bf_timers *t, const struct bf_due *d)
{
    struct bf_wait *w = find_wait(t, d->automation->id, d->run);

    if (w)
        bf_waits_hold(&t->waits, w);
}

bool bf_timers_held(struct bf_timers *t, const char *id, uint64_t run, int64_t now_ms,
                    struct bf_due *out)
{
    const struct bf_wait *w = find_wait(t, id, run);

    if (!w || !bf_waits_held(w))
        return false;
    describe(w, now_ms, out);
    return true;
}

void bf_timers_let_go(struct bf_timers *t, const char *id, uint64_t run)
{
    struct bf_wait *w = find_wait(t, id, run);

    if (w && bf_waits_held(w))
        bf_waits_set(&t->waits, w, w->due_ms);
}

bool bf_timers_over(struct bf_timers *t, const struct bf_automation *a, uint64_t run,
                    int64_t due_ms)
{
    struct waiter *w = bf_map_get(t->by_id, a->id);
    struct bf_wait *wait;

    if (!w || w->base.automation->era != a->era)
        return false;
    wait = bf_waits_find(&t->waits, &w->base, a->schedule ? 0 : run);
    if (!wait || !wait->due_ms || (a->schedule ? due_ms < wait->due_ms : due_ms != wait->due_ms))
        return false;
    touch(t, wait->of, wait->run, wait);
    if (a->schedule) {
        wait->last_ms = due_ms;
        bf_waits_set(&t->waits, wait, bf_schedule_next(a->schedule, due_ms));
    } else {
        bf_waits_set(&t->waits, wait, 0);
    }
    return true;
}

/* ---- records ---- */

static void print_time(struct bf_buf *out, const char *name, int64_t ms)
{
    char text[32];

    bf_time_print(ms, text);
    bf_buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

static void print_text(struct bf_buf *out, const char *name, const char *text)
{
    if (!text)
        return;
    bf_buf_printf(out, ",\"%s\":", name);
    bf_buf_json(out, text);
}

/* As it may be written in an automation. */
static void print_duration(struct bf_buf *out, const char *name, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;

    while (ms % units[i].ms)
        i++;
    bf_buf_printf(out, ",\"%s\":\"%" PRId64 "%s\"", name, ms / units[i].ms, units[i].unit);
}

static void print_tick(const struct bf_due *d, struct bf_buf *out)
{
    print_time(out, "occurrence", d->due_ms);
    bf_buf_printf(out, ",\"late\":%s,\"missed\":%" PRIu32, d->late ? "true" : "false", d->missed);
}

static void print_advance(const struct bf_due *d, struct bf_buf *out)
{
    const struct bf_absence *absence = d->automation->absence;

    print_time(out, "due", d->due_ms);
    print_time(out, "last", d->last_ms);
    print_duration(out, "for", absence->for_ms);
    print_text(out, "of", absence->of);
    print_text(out, "metric", absence->metric);
}

void bf_due_print(const struct bf_due *d, const struct bf_due_run *run, struct bf_buf *out)
{
    const struct bf_automation *a = d->automation;

    bf_buf_printf(out, "{\"type\":\"%s\"", a->schedule ? "schedule.tick" : "clock.advance");
    print_time(out, "time", d->due_ms);
    print_text(out, "author", "belfry-system");
    print_text(out, "entity", run ? run->entity : a->entity);
    print_text(out, "project", run ? run->project : a->project);
    print_text(out, "collection", a->collection);
    if (run) {
        bf_buf_adds(out, ",\"run\":");
        bf_buf_add(out, run->context, run->context_len);
    }
    bf_buf_adds(out, ",\"data\":{\"automation\":");
    bf_buf_json(out, a->id);
    if (a->schedule)
        print_tick(d, out);
    else
        print_advance(d, out);
    bf_buf_adds(out, "}}");
}

/* ---- transactions ---- */

/* Left behind, but begun again since. */
static bool is_live(const struct bf_timers *t, const char *key)
{
    uint64_t run;
    const struct waiter *w = *key == BF_MEMORY_ABSENCE ? waiter_of_key(t, key, &run) : NULL;

    return w && bf_waits_find(&t->waits, &w->base, run);
}

void bf_timers_flush(struct bf_timers *t)
{
    if (!t->memory)
        return;
    while (t->n_flushed < t->n_touched)
        write_wait(t, &t->touched[t->n_flushed++]);
    while (t->n_forgotten < t->n_left && t->n_forgotten < LEFT_FLUSH_MAX) {
        const char *key = t->left[t->n_left - ++t->n_forgotten];

        if (!is_live(t, key))
            t->memory->set(t->memory->arg, key, strlen(key), NULL, 0, false);
    }
}

static void put_back(struct bf_timers *t, const struct touched *touched)
{
    struct bf_wait *w = bf_waits_find(&t->waits, &touched->of->base, touched->run);

    if (!touched->existed) {
        if (w)
            bf_waits_remove(&t->waits, w);
        return;
    }
    if (!w)
        w = bf_waits_add(&t->waits, &touched->of->base, touched->run);
    w->noted = false;
    w->last_ms = touched->last_ms;
    bf_waits_set(&t->waits, w, touched->due_ms);
}

/* The last change first, for a wait may have gone and come again. */
void bf_timers_undo(struct bf_timers *t, bool part)
{
    size_t keep = part ? t->n_flushed : 0;

    while (t->n_touched > keep)
        put_back(t, &t->touched[--t->n_touched]);
    t->n_flushed = keep;
    if (!part)
        t->n_forgotten = 0;
}

void bf_timers_settle(struct bf_timers *t)
{
    bf_timers_flush(t);
    t->n_touched = t->n_flushed = 0;
    while (t->n_forgotten) {
        free(t->left[--t->n_left]);
        t->n_forgotten--;
    }
}
