/* hooked.c - what scripts have said, and which of them may have to be asked.
 *
 * An answer belongs to an event and an automation, so all points of an event share one.  The judge
 * asks for it last; what is gathered before is what the judge may come to ask for, found without the
 * windows of runs.  It may be more, for then an answer is not used, and seldom less, for then the
 * event is judged twice.  So an automation on metrics, whose conditions may be about thousands of
 * points that are all well, is left out once they have not held for a while, until they do: then the
 * judge misses its answer, and it is gathered again. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/rules/rules_int.h"

#define ANSWER_EFFORT 2                 /* see bf_rules_bound() */

static void add(struct bf_automations *list, const struct bf_automation *a)
{
    if (list->n == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 16;
        list->items = bf_zrealloc(list->items, list->cap * sizeof(*list->items));
    }
    list->items[list->n++] = a;
}

/* ---- answers ---- */

void bf_rules_answers(struct bf_rules *r, const struct bf_answers *answers) { r->answers = answers; }

void bf_forget_missed(struct bf_rules *r)
{
    r->missed.n = 0;
    bf_map_free(r->missed_ids);
    r->missed_ids = NULL;
}

/* Once, though each point of an event may ask. */
static void miss(struct bf_rules *r, const struct bf_automation *a)
{
    if (!r->missed_ids)
        r->missed_ids = bf_map_new();
    if (!bf_map_set(r->missed_ids, a->id, (void *)(uintptr_t)a))
        add(&r->missed, a);
}

void bf_rules_missed(struct bf_rules *r, const struct bf_automation *const **out, size_t *n)
{
    *out = r->missed.items;
    *n = r->missed.n;
}

bool bf_script_agrees(struct bf_judging *j, struct bf_firing *f)
{
    const struct bf_answers *known = j->rules->answers;

    if (!f->automation->hooks.filter)
        return true;
    j->rules->effort += ANSWER_EFFORT;
    j->rules->asked++;
    if (known)
        known->get(known->arg, f->automation, &f->answer);
    bf_note_answer(j, &f->answer);
    if (f->answer.said == BF_SAID_NOTHING) {
        miss(j->rules, f->automation);
        return bf_no(j, "hook", "it matches so far, but the script's answer is not recorded");
    }
    return f->answer.said != BF_SAID_NO || bf_no(j, "hook", "its script said no");
}

static bool failure_is(const struct bf_firing *f, enum bf_on_failure fate)
{
    return f->answer.said == BF_SAID_FAILED && f->automation->hooks.filter->on_error == fate;
}

bool bf_failure_skips(const struct bf_firing *f) { return failure_is(f, BF_FAILURE_SKIPS); }
bool bf_firing_failed(const struct bf_firing *f) { return failure_is(f, BF_FAILURE_FAILS); }

void bf_keep_answer(struct bf_judging *j, struct bf_firing *f)
{
    struct bf_answer *answer = &f->answer;

    if (answer->said == BF_SAID_NOTHING)
        return;
    answer->script = bf_arena_dup(j->rules->facts, answer->script);
    if (answer->words)
        answer->words = bf_arena_dup(j->rules->facts, answer->words);
}

/* ---- who may have to be asked ---- */

bool bf_rules_has_hooks(const struct bf_rules *r) { return r->n_hooked > 0; }
uint64_t bf_rules_hooks_generation(const struct bf_rules *r) { return r->generation; }

bool bf_rules_left_out(const struct bf_rules *r) { return r->left_out; }

static bool is_too_much(struct bf_rules *r)
{
    bool too_much = r->max_effort && r->effort > r->max_effort;

    r->left_out = r->left_out || too_much;
    return too_much;
}

void bf_gather(struct bf_judging *j, const struct bf_automation *a)
{
    if (is_too_much(j->rules))
        return;
    j->rules->effort++;
    if (bf_is_waited_for(a, j->event) && bf_filter_match(a->filter, &j->rules->subject))
        add(&j->rules->found, a);
}

static int by_address(const void *left, const void *right)
{
    uintptr_t a = (uintptr_t) * (const struct bf_automation *const *)left;
    uintptr_t b = (uintptr_t) * (const struct bf_automation *const *)right;

    return (a > b) - (a < b);
}

/* One that watches several metrics stands in several places. */
static void leave_out_repeated(struct bf_automations *list)
{
    size_t n = 0;

    if (list->n < 2)
        return;
    qsort(list->items, list->n, sizeof(*list->items), by_address);
    for (size_t i = 0; i < list->n; i++) {
        if (n == 0 || list->items[n - 1] != list->items[i])
            list->items[n++] = list->items[i];
    }
    list->n = n;
}

/* Those that watch one of its metrics; what is not finite never matches. */
static void gather_watchers(struct bf_judging *j)
{
    struct bf_watchers watchers;

    if (!bf_is_watched(j))
        return;
    for (size_t i = 0; i < j->event->n_points && !is_too_much(j->rules); i++) {
        if (!isfinite(j->event->points[i].value))
            continue;
        j->rules->effort++;
        bf_find_watchers(j, j->event->points[i].name, &watchers);
        bf_ask_watchers(j, &watchers);
    }
    leave_out_repeated(&j->rules->found);
}

size_t bf_rules_hooked(struct bf_rules *r, const struct bf_envelope *e,
                       const struct bf_automation *const **out)
{
    struct bf_judging j = {.rules = r, .event = e, .gathers = true};

    r->found.n = 0;
    r->left_out = false;
    *out = r->found.items;
    if (!r->n_hooked || bf_is_wait(e->type))
        return 0;
    r->gathered++;
    r->subject = (struct bf_subject){.event = e, .arena = r->scratch};
    if (strcmp(e->type, "run.metric") == 0)
        gather_watchers(&j);
    else
        bf_ask(&j);
    if (r->subject.root || r->subject.unreadable)
        bf_arena_reset(r->scratch);
    *out = r->found.items;
    return r->found.n;
}
