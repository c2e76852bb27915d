/* judge.c - what a record says, and what an automation makes of it.
 *
 * A record is read once: the state a run reports, the alert that is raised, the points of its
 * metrics.  Those whom the index finds are asked whether they match, which depends on nothing but
 * the record, the windows and what their scripts have said of it; then the limits have their say, in the order of the ids, for these
 * change what is remembered.  A run.metric event is judged point by point. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/rules/rules_int.h"
#include "core/rules/timers.h"

#define MATCH_EFFORT    4               /* see bf_rules_bound() */
#define FIRING_EFFORT   10
#define ALERT_WAIT_MS   60000           /* unless the alert says another time */
#define ALERT_WAIT_MAX  (366LL * 24 * 3600)     /* s */

/* ---- what the record says ---- */

static const struct bf_json *member_of(struct bf_judging *j, const char *object, const char *name)
{
    return bf_json_get(bf_json_get(bf_subject_root(&j->rules->subject), object), name);
}

static void state_key(const struct bf_judging *j, struct bf_memory_key *k)
{
    bf_memory_key(k, BF_MEMORY_STATE);
    bf_memory_key_number(k, j->record->run);
}

static void read_state(struct bf_judging *j)
{
    struct bf_memory_key k;
    const char *last;
    size_t len;

    j->to = j->event->run_state;
    j->from = j->rules->from;
    j->rules->from[0] = '\0';
    if (!j->to || !j->memory || !j->record->run)
        return;
    state_key(j, &k);
    last = j->memory->get(j->memory->arg, k.text, k.len, &len);
    if (last)
        snprintf(j->rules->from, sizeof(j->rules->from), "%.*s", (int)len, last);
}

static void remember_state(struct bf_judging *j)
{
    struct bf_memory_key k;

    if (!j->to || !j->memory || !j->record->run || strcmp(j->from, j->to) == 0)
        return;
    state_key(j, &k);
    j->memory->set(j->memory->arg, k.text, k.len, j->to, strlen(j->to), true);
}

static void alert_key(const struct bf_judging *j, struct bf_memory_key *k)
{
    bf_memory_key(k, BF_MEMORY_ALERT);
    bf_memory_key_number(k, j->record->run);
    bf_memory_key_text(k, j->title);
}

static void read_alert(struct bf_judging *j)
{
    const struct bf_json *wait = member_of(j, "alert", "wait");
    struct bf_memory_key k;
    int64_t last[2];
    double seconds;

    j->title = bf_json_str(j->rules->scratch, member_of(j, "alert", "title"));
    j->wait_ms = ALERT_WAIT_MS;
    if (bf_json_double(wait, &seconds))
        j->wait_ms = (int64_t)(fmax(0, fmin(seconds, ALERT_WAIT_MAX)) * 1000);
    if (!j->title || !j->memory || !j->record->run)
        return;
    alert_key(j, &k);
    if (bf_memory_read(j->memory, &k, last, 2) < 2)
        return;
    j->alert_until_ms = last[0];
    j->alert_ms = last[1];
    j->held = j->now_ms < last[0];
}

static void remember_alert(struct bf_judging *j)
{
    int64_t now[2] = {j->now_ms + j->wait_ms, j->now_ms};
    struct bf_memory_key k;

    if (!j->title || !j->memory || !j->record->run || j->held || j->wait_ms == 0)
        return;
    alert_key(j, &k);
    bf_memory_note(j->memory, &k, now, 2);
}

/* ---- whether an automation matches ---- */

static unsigned state_bit(const char *state)
{
    const char *waited = bf_waited_state(state);

    if (strcmp(waited, "RUNNING") == 0)
        return BF_RUN_RUNNING;
    if (strcmp(waited, "FINISHED") == 0)
        return BF_RUN_FINISHED;
    return strcmp(waited, "FAILED") == 0 ? BF_RUN_FAILED : 0;
}

static bool state_matches(struct bf_judging *j, const struct bf_automation *a)
{
    if (!j->to)
        return bf_no(j, "state", "the event says no state");
    if (strcmp(j->from, j->to) == 0)
        return bf_no(j, "state", "the run was %s already", j->to);
    if (strcmp(j->to, "KILLED") == 0)
        return bf_no(j, "state", "killed runs never trigger");
    if (!(state_bit(j->to) & a->states))
        return bf_no(j, "state", "%s is none of the states it waits for", j->to);
    return true;
}

bool bf_is_waited_for(const struct bf_automation *a, const struct bf_envelope *e)
{
    return strcmp(a->trigger->event, "run.state") != 0 ||
           (e->run_state && strcmp(e->run_state, "KILLED") != 0 &&
            state_bit(e->run_state) & a->states);
}

static bool filter_matches(struct bf_judging *j, const struct bf_automation *a)
{
    return bf_filter_match(a->filter, &j->rules->subject) ||
           bf_no(j, "filter", "the event does not pass the filter");
}

/* The conditions come first, for they need no JSON; whoever asks why is told of the filter all the
 * same, which is why that is noted last. */
static bool metric_matches(struct bf_judging *j, const struct bf_automation *a)
{
    bool holds = bf_conditions_hold(j, a) || bf_no(j, "condition", NULL);

    return (holds || j->trace) && filter_matches(j, a) && holds;
}

static bool matches(struct bf_judging *j, const struct bf_automation *a)
{
    if (j->point)
        return metric_matches(j, a);
    if (strcmp(a->trigger->event, "run.state") == 0 && !state_matches(j, a))
        return false;
    if (bf_is_wait(j->event->type))
        return true;            /* its filter was asked when the wait began */
    return filter_matches(j, a);
}

static void add_firing(struct bf_rules *r, struct bf_firing f)
{
    if (r->n_firings == r->cap_firings) {
        r->cap_firings = r->cap_firings ? 2 * r->cap_firings : 16;
        r->firings = bf_zrealloc(r->firings, r->cap_firings * sizeof(*r->firings));
    }
    r->firings[r->n_firings++] = f;
}

void bf_consider(struct bf_judging *j, const struct bf_automation *a,
                 const struct bf_trigger *trigger)
{
    struct bf_firing f = {.automation = a, .trigger = trigger, .run = j->record->run};

    j->rules->effort += 1 + a->conditions.n_conditions / 4;
    if (matches(j, a) && bf_script_agrees(j, &f))
        add_firing(j->rules, f);
}

/* ---- facts ---- */

static void state_facts(const struct bf_judging *j, struct bf_buf *out)
{
    bf_buf_adds(out, "{\"from\":");
    bf_buf_json(out, *j->from ? j->from : NULL);
    bf_buf_adds(out, ",\"to\":");
    bf_buf_json(out, j->to);
    bf_buf_addc(out, '}');
}

/* What the event of a wait says about it. */
static void wait_facts(struct bf_judging *j, struct bf_buf *out)
{
    static const char *const names[] = {"occurrence", "late", "missed", "last", "for", "of",
                                        "metric"};
    const struct bf_json *data = bf_json_get(bf_subject_root(&j->rules->subject), "data");

    for (size_t i = 0; i < BF_COUNT(names); i++) {
        const struct bf_json *value = bf_json_get(data, names[i]);
        const char *raw;
        size_t len;

        if (!value)
            continue;
        bf_buf_printf(out, "%s\"%s\":", out->len ? "," : "{", names[i]);
        raw = bf_json_raw(value, &len);
        bf_buf_add(out, raw, len);
    }
    bf_buf_adds(out, out->len ? "}" : "{}");
}

static void add_facts(struct bf_judging *j, struct bf_firing *f)
{
    struct bf_buf text;
    char *copy;

    bf_buf_init(&text, BF_EVENT_MAX);
    if (j->point)
        bf_metric_facts(j, f->automation, &text);
    else if (strcmp(j->event->type, "run.state") == 0)
        state_facts(j, &text);
    else if (bf_is_wait(j->event->type))
        wait_facts(j, &text);
    if (text.len && !text.failed) {
        copy = bf_arena_ndup(j->rules->facts, text.data, text.len);
        f->facts = *copy ? copy : NULL;
        f->facts_len = *copy ? text.len : 0;
    }
    bf_buf_fini(&text);
}

/* ---- judging ---- */

static int by_id(const void *left, const void *right)
{
    const struct bf_firing *a = left, *b = right;

    return strcmp(a->automation->id, b->automation->id);
}

/* Those that match, from the `from`-th firing on, meet their limits. */
static void settle(struct bf_judging *j, size_t from)
{
    struct bf_rules *r = j->rules;
    size_t n = from;

    if (r->n_firings - from > 1)
        qsort(r->firings + from, r->n_firings - from, sizeof(*r->firings), by_id);
    for (size_t i = from; i < r->n_firings; i++) {
        struct bf_firing f = r->firings[i];

        j->rules->effort += MATCH_EFFORT;
        if (!bf_limit(j, &f))
            continue;
        bf_keep_answer(j, &f);
        if (f.ruling != BF_SUPPRESSED) {
            j->rules->effort += FIRING_EFFORT;
            add_facts(j, &f);
        }
        r->firings[n++] = f;
    }
    r->n_firings = n;
    if (j->trace)
        bf_note_end(j, n > from ? &r->firings[from] : NULL);
}

/* Only a finite value in order enters the windows, and only by what enters is anything judged. */
static bool is_taken(struct bf_judging *j)
{
    const struct bf_point *p = j->point;

    if (!p->in_order && !p->has_step)
        return bf_no(j, "step", "the run has more metrics than are put in order");
    if (!p->in_order)
        return bf_no(j, "step", "step %lld of %s is not newer than an earlier one",
                     (long long)p->step, p->name);
    if (!isfinite(p->value))
        return bf_no(j, "condition", "%s is %s, which enters no window and never matches", p->name,
                     isnan(p->value) ? "NaN" : p->value > 0 ? "Infinity" : "-Infinity");
    return true;
}

static void judge_point(struct bf_judging *j)
{
    struct bf_rules *r = j->rules;
    size_t from = r->n_firings;
    struct bf_watchers watchers;

    bf_find_watchers(j, j->point->name, &watchers);
    if (watchers.n == 0)
        return;
    if (is_taken(j)) {
        j->here = bf_watched(j, j->point->name, watchers.born);
        bf_watched_push(j->here, j->point->value);
        bf_ask_watchers(j, &watchers);
    }
    settle(j, from);
}

static void stop_if_too_much(struct bf_judging *j)
{
    struct bf_rules *r = j->rules;

    r->gave_up = j->may_give_up && r->max_effort && r->effort > r->max_effort;
}

static void judge_points(struct bf_judging *j)
{
    if (!j->record->run || !bf_is_watched(j))
        return;
    bf_windows_begin(j->rules->windows);
    for (j->at = 0; j->at < j->record->n_points && !j->rules->gave_up; j->at++) {
        j->point = &j->record->points[j->at];
        judge_point(j);
        stop_if_too_much(j);
    }
    bf_windows_end(j->rules->windows);
}

void bf_judge(struct bf_judging *j)
{
    const char *type = j->event->type;

    if (strcmp(type, "run.metric") == 0) {
        judge_points(j);
        return;
    }
    if (j->event->run_id && strcmp(type, "run.state") == 0)
        read_state(j);
    else if (j->event->run_id && strcmp(type, "run.alert") == 0)
        read_alert(j);
    bf_ask(j);
    settle(j, 0);
    stop_if_too_much(j);
    remember_state(j);
    remember_alert(j);
}

size_t bf_rules_judge(struct bf_rules *r, const struct bf_record *record,
                      const struct bf_firing **out)
{
    struct bf_judging j = {.rules = r,
                           .record = record,
                           .event = record->event,
                           .memory = r->memory,
                           .now_ms = record->event->received_ms,
                           .may_give_up = record->n_points > 1 || r->effort > 0};

    r->n_firings = 0;
    r->gave_up = false;
    bf_forget_missed(r);
    r->subject = (struct bf_subject){.event = record->event, .arena = r->scratch};
    if (bf_arena_used(r->facts))
        bf_arena_reset(r->facts);
    bf_judge(&j);
    if (!bf_is_wait(record->event->type))
        bf_timers_see(r->timers, record, bf_map_get(r->placed, record->event->entity), &r->subject);
    if (r->subject.root || r->subject.unreadable)
        bf_arena_reset(r->scratch);
    *out = r->firings;
    return r->n_firings;
}
