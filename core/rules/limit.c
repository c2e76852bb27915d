/* limit.c - how often an automation may fire.
 *
 * One whose script failed, and that is to be skipped then, is suppressed before any limit counts it.
 *
 * CONCEPT.  A match passes the limits in their order: enough matches, once per run, cooldown, rate,
 * and last the number of firings that one cause may lead to.  The first that says no ends it.  Only
 * what fires is noted, so a suppressed match changes nothing; but that it was a match counts.
 *
 * PACE.  The cooldown and the bucket decide when a firing may go out.  "delay" moves it there, "skip"
 * suppresses it unless that is now, "digest" moves the first one there and lets the others join it
 * meanwhile: they go out with it, and take nothing from the bucket.  The bucket is GCRA: its arrival
 * time moves on by one interval with each firing, and a firing conforms once it is within `count`
 * intervals of it. */
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/rules/rules_int.h"

#define LATEST_MS 253402300799999LL     /* the end of the year 9999: nothing is delayed beyond */

/* ---- what a limit says ---- */

/* Gives false. */
static bool suppress(struct bf_judging *j, struct bf_firing *f, const char *reason,
                     const char *name, int64_t until_ms, int64_t since_ms)
{
    f->ruling = BF_SUPPRESSED;
    f->reason = reason;
    f->until_ms = until_ms;
    bf_note_limit(j, name, until_ms, since_ms);
    return false;
}

/* ---- alerts ---- */

static bool is_held(struct bf_judging *j, struct bf_firing *f)
{
    if (!j->held)
        return false;
    suppress(j, f, "alert_wait", "alert_wait", j->alert_until_ms, j->alert_ms);
    return true;
}

/* ---- matches ---- */

static void matches_key(const struct bf_judging *j, const struct bf_automation *a,
                        struct bf_memory_key *k)
{
    const struct bf_envelope *e = j->event;
    const char *per = a->limits.matches_per;

    if (!per)
        per = strncmp(a->trigger->event, "run.", 4) == 0 ? "run" : "automation";
    bf_memory_key_of(k, BF_MEMORY_MATCHES, a);
    if (strcmp(per, "run") == 0)
        bf_memory_key_number(k, j->record->run);
    if (strcmp(per, "project") != 0 && strcmp(per, "collection") != 0)
        return;
    bf_memory_key_text(k, e->entity);
    bf_memory_key_text(k, e->project ? e->project : "");
    if (*per == 'c')
        bf_memory_key_text(k, e->collection ? e->collection : "");
}

/* Matches that count still, this one included; their times stand behind numbers[0]. */
static size_t count_matches(struct bf_judging *j, const struct bf_memory_key *k, int64_t within_ms,
                            int64_t *numbers)
{
    size_t n = bf_memory_read(j->memory, k, numbers, BF_MEMORY_NUMBERS_MAX - 1), first = 1;

    while (first < n && numbers[first] < j->now_ms - within_ms)
        first++;
    n = n > first ? n - first : 0;
    memmove(numbers + 1, numbers + first, n * sizeof(*numbers));
    numbers[++n] = j->now_ms;
    numbers[0] = j->now_ms + within_ms + 1;
    return n;
}

/* As people write it: "90s", "10m", "24h". */
static const char *duration_text(int64_t ms, char out[32])
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{24 * 3600000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;

    while (ms % units[i].ms)
        i++;
    snprintf(out, 32, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
    return out;
}

/* The one that completes them empties the list, whatever the other limits say to it. */
static bool are_enough(struct bf_judging *j, const struct bf_automation *a)
{
    const struct bf_limits *l = &a->limits;
    int64_t numbers[BF_MEMORY_NUMBERS_MAX];
    struct bf_memory_key k;
    char text[32];
    size_t n;

    if (l->matches_count < 2)
        return true;
    matches_key(j, a, &k);
    n = count_matches(j, &k, l->matches_ms, numbers);
    j->rules->effort += n / 4;
    if (n >= l->matches_count) {
        bf_memory_forget(j->memory, &k);
        return true;
    }
    bf_memory_note(j->memory, &k, numbers, n + 1);
    return bf_no(j, "matches", "%zu of %u matches within %s", n, l->matches_count,
                 duration_text(l->matches_ms, text));
}

/* ---- once per run ---- */

static bool is_first_of_run(struct bf_judging *j, struct bf_firing *f, struct bf_memory_key *k)
{
    const struct bf_automation *a = f->automation;
    int64_t mark[2];

    k->len = 0;
    if (!a->limits.per_run_ms || !j->record->run)
        return true;
    bf_memory_key_of(k, BF_MEMORY_FIRED, a);
    bf_memory_key_number(k, j->record->run);
    if (j->to)
        bf_memory_key_text(k, j->to);
    if (bf_memory_read(j->memory, k, mark, 2) < 2 || j->now_ms >= mark[0])
        return true;
    return suppress(j, f, "fire_limit_24h", "per_run", mark[0], mark[1]);
}

static void note_fired(struct bf_judging *j, const struct bf_automation *a,
                       const struct bf_memory_key *k)
{
    int64_t mark[2] = {j->now_ms + a->limits.per_run_ms, j->now_ms};

    if (k->len)
        bf_memory_note(j->memory, k, mark, 2);
}

/* ---- pace ---- */

enum { UNTIL, LAST, ARRIVAL, DIGEST, N_PACE };  /* what is kept of it */
#define NEVER (-1)

struct pace {
    struct bf_memory_key key;
    bool limited;
    int64_t kept[N_PACE];
};

static int64_t interval_us(const struct bf_limits *l)
{
    return l->rate_ms * 1000 / l->rate_count;
}

/* When one more is in the bucket. */
static int64_t conforms_ms(const struct bf_limits *l, const struct pace *p)
{
    int64_t us = p->kept[ARRIVAL] - (int64_t)(l->rate_count - 1) * interval_us(l);

    return (us + 999) / 1000;
}

static void read_pace(struct bf_judging *j, const struct bf_automation *a, struct pace *p)
{
    bf_memory_key_of(&p->key, BF_MEMORY_PACE, a);
    if (bf_memory_read(j->memory, &p->key, p->kept, N_PACE) < N_PACE) {
        p->kept[LAST] = p->kept[DIGEST] = NEVER;
        p->kept[ARRIVAL] = 0;
    }
}

/* The limit that says "later", which is then *due_ms; or NULL. */
static const char *what_holds(const struct bf_limits *l, const struct pace *p, int64_t *due_ms)
{
    const char *name = NULL;

    if (l->cooldown_ms && p->kept[LAST] != NEVER && p->kept[LAST] + l->cooldown_ms > *due_ms) {
        *due_ms = p->kept[LAST] + l->cooldown_ms;
        name = "cooldown";
    }
    if (l->rate_count && conforms_ms(l, p) > *due_ms) {
        *due_ms = conforms_ms(l, p);
        name = "rate_limited";
    }
    *due_ms = bf_min64(*due_ms, LATEST_MS);
    return name;
}

static bool joins(struct bf_judging *j, struct bf_firing *f, struct pace *p)
{
    f->ruling = BF_JOINS;
    f->due_ms = p->kept[DIGEST];
    p->limited = false;         /* it changes nothing about when the next may go out */
    bf_note_limit(j, "digest", f->due_ms, 0);
    return true;
}

static void take(const struct bf_limits *l, struct pace *p, const struct bf_firing *f)
{
    p->kept[LAST] = f->due_ms;
    p->kept[DIGEST] = f->opens_digest ? f->due_ms : NEVER;
    if (l->rate_count)
        p->kept[ARRIVAL] = bf_min64(bf_max64(p->kept[ARRIVAL], f->due_ms * 1000) + interval_us(l),
                                    LATEST_MS * 1000);
    p->kept[UNTIL] = bf_max64(f->due_ms + l->cooldown_ms, p->kept[ARRIVAL] / 1000 + 1);
}

/* When the limits allow it; *p is what is to be noted if it fires. */
static bool is_in_pace(struct bf_judging *j, struct bf_firing *f, struct pace *p)
{
    const struct bf_limits *l = &f->automation->limits;
    const char *clause;
    int64_t last_ms;

    p->limited = l->cooldown_ms || l->rate_count;
    if (!p->limited)
        return true;
    read_pace(j, f->automation, p);
    if (l->over == BF_OVER_DIGEST && j->now_ms < p->kept[DIGEST])
        return joins(j, f, p);
    f->reason = what_holds(l, p, &f->due_ms);
    if (f->reason) {
        clause = *f->reason == 'c' ? "cooldown" : "rate";
        last_ms = *f->reason == 'c' ? p->kept[LAST] : 0;
        if (l->over == BF_OVER_SKIP)
            return suppress(j, f, f->reason, clause, f->due_ms, last_ms);
        bf_note_limit(j, clause, f->due_ms, last_ms);
        f->opens_digest = l->over == BF_OVER_DIGEST;
    }
    take(l, p, f);
    return true;
}

static void note_pace(struct bf_judging *j, const struct pace *p)
{
    if (p->limited)
        bf_memory_note(j->memory, &p->key, p->kept, N_PACE);
}

/* ---- causes ---- */

static bool may_follow(struct bf_judging *j, struct bf_firing *f, struct bf_memory_key *k,
                       int64_t counted[2])
{
    k->len = 0;
    if (!j->event->cause)
        return true;
    bf_memory_key(k, BF_MEMORY_CAUSE);
    bf_memory_key_text(k, j->event->cause);
    if (bf_memory_read(j->memory, k, counted, 2) < 2 || j->now_ms >= counted[0]) {
        counted[0] = j->now_ms + BF_FAN_OUT_MS;
        counted[1] = 0;
    }
    counted[1]++;
    if (counted[1] <= BF_FAN_OUT_MAX)
        return true;
    return suppress(j, f, "loop", "fan_out", counted[0], 0);
}

/* ---- all of them ---- */

bool bf_limit(struct bf_judging *j, struct bf_firing *f)
{
    const struct bf_automation *a = f->automation;
    struct bf_memory_key fired, cause;
    int64_t counted[2];
    struct pace pace;

    f->ruling = BF_FIRES;
    f->due_ms = j->now_ms;
    if (bf_failure_skips(f)) {
        f->ruling = BF_SUPPRESSED;
        f->reason = "hook_failed";
        f->due_ms = 0;
        return true;
    }
    if (!j->memory || is_held(j, f))
        return true;
    if (!are_enough(j, a))
        return false;
    if (!is_first_of_run(j, f, &fired) || !is_in_pace(j, f, &pace) ||
        !may_follow(j, f, &cause, counted)) {
        f->ruling = BF_SUPPRESSED;
        f->due_ms = 0;
        f->opens_digest = false;
        return true;
    }
    note_fired(j, a, &fired);
    note_pace(j, &pace);
    if (cause.len)
        bf_memory_note(j->memory, &cause, counted, 2);
    return true;
}
