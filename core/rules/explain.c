/* explain.c - what an automation makes of a record, told to a person.
 *
 * The evaluator itself is asked about one automation, with a trace into which each step notes what
 * it found.  Before that come the questions that live traffic does not ask one by one, because the
 * index answers them: whether it is enabled, and its trigger and scope fit.
 *
 * Of a run.metric event each point that the automation watches is judged.  The verdict is that of
 * the one that led furthest; the others are told in short. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/rules/rules_int.h"

#define WORDS_MAX (256 * 1024)

enum decision { NO, UNKNOWN, SUPPRESSED, JOINED, DELAYED, FAILED, FIRED };
static const char *const decisions[] = {"no",      "unknown", "suppressed", "joined",
                                        "delayed", "failed",  "fired"};

/* What was found out about one point, or about the whole of another event. */
struct finding {
    enum decision decision;
    bool judged;                /* it came as far as conditions, filter or limits */
    const char *clause;
    struct bf_buf reason;
    struct bf_buf held;         /* of the conditions that hold, and that do not */
    struct bf_buf failed;
    struct bf_buf conditions;
    bool was_asked;             /* its script, */
    struct bf_answer answer;    /* and what it said, as far as known */
    const char *limit;
    int64_t until_ms;
    int64_t since_ms;
};

struct bf_trace {
    struct finding now;
    struct finding best;
    bool ended;                 /* there is a best one */
    struct bf_buf points;
    size_t n_points;
    struct {                    /* counted once, not at each point */
        char metric[BF_NAME_MAX + 1];
        size_t n;
    } not_finite[2 * BF_CONDITIONS_MAX];
    size_t n_not_finite;
};

static void init(struct finding *f)
{
    *f = (struct finding){.clause = ""};
    bf_buf_init(&f->reason, WORDS_MAX);
    bf_buf_init(&f->held, WORDS_MAX);
    bf_buf_init(&f->failed, WORDS_MAX);
    bf_buf_init(&f->conditions, WORDS_MAX);
}

static void fini(struct finding *f)
{
    bf_buf_fini(&f->reason);
    bf_buf_fini(&f->held);
    bf_buf_fini(&f->failed);
    bf_buf_fini(&f->conditions);
}

/* ---- notes ---- */

bool bf_no(struct bf_judging *j, const char *clause, const char *fmt, ...)
{
    struct finding *f;
    va_list ap;

    if (!j->trace)
        return false;
    f = &j->trace->now;
    f->clause = clause;
    bf_buf_clear(&f->reason);
    if (!fmt) {
        bf_buf_adds(&f->reason, bf_buf_text(&f->failed));
        return false;
    }
    va_start(ap, fmt);
    bf_buf_vprintf(&f->reason, fmt, ap);
    va_end(ap);
    return false;
}

void bf_note_condition(struct bf_judging *j, const struct bf_condition *c,
                       const struct bf_measure *m)
{
    struct finding *f;
    struct bf_buf *words;

    if (!j->trace)
        return;
    f = &j->trace->now;
    words = m->holds ? &f->held : &f->failed;
    bf_buf_adds(words, words->len ? "; " : "");
    bf_measure_words(c, m, words);
    bf_buf_adds(&f->conditions, f->conditions.len ? "," : "");
    bf_condition_json(j, c, m, &f->conditions);
}

size_t bf_note_not_finite(struct bf_judging *j, const char *metric)
{
    struct bf_trace *t = j->trace;
    size_t at = 0, n = 0;

    while (at < t->n_not_finite && strcmp(t->not_finite[at].metric, metric) != 0)
        at++;
    if (at < t->n_not_finite)
        return t->not_finite[at].n;
    for (size_t i = 0; i < j->record->n_points; i++)
        n += !isfinite(j->record->points[i].value) &&
             strcmp(j->record->points[i].name, metric) == 0;
    bf_assert(at < BF_COUNT(t->not_finite));
    snprintf(t->not_finite[at].metric, sizeof(t->not_finite[at].metric), "%s", metric);
    t->not_finite[at].n = n;
    t->n_not_finite++;
    return n;
}

void bf_note_limit(struct bf_judging *j, const char *name, int64_t until_ms, int64_t since_ms)
{
    if (!j->trace)
        return;
    j->trace->now.limit = name;
    j->trace->now.until_ms = until_ms;
    j->trace->now.since_ms = since_ms;
}

void bf_note_answer(struct bf_judging *j, const struct bf_answer *answer)
{
    if (!j->trace)
        return;
    j->trace->now.was_asked = true;
    j->trace->now.answer = *answer;
}

/* ---- words ---- */

static const char *time_text(int64_t ms, char out[32])
{
    bf_time_print(ms, out);
    return out;
}

static void limit_words(const struct finding *f, struct bf_buf *out)
{
    char until[32], since[32];

    time_text(f->until_ms, until);
    time_text(f->since_ms, since);
    if (strcmp(f->limit, "per_run") == 0)
        bf_buf_printf(out, "it fired for this run at %s, and may again from %s on", since, until);
    else if (strcmp(f->limit, "cooldown") == 0)
        bf_buf_printf(out, "the last firing went out, or is to, at %s; the next may at %s", since,
                      until);
    else if (strcmp(f->limit, "rate") == 0)
        bf_buf_printf(out, "its rate allows the next at %s", until);
    else if (strcmp(f->limit, "digest") == 0)
        bf_buf_printf(out, "it is told of in the delivery that is due at %s", until);
    else if (strcmp(f->limit, "alert_wait") == 0)
        bf_buf_printf(out, "an alert of this title was let through at %s; others wait until %s",
                      since, until);
    else
        bf_buf_printf(out, "%d firings have followed from the same cause; no more until %s",
                      BF_FAN_OUT_MAX, until);
}

/* What was waited for, as the hub's own event tells it (bf_due_print()). */
static void wait_words(const struct bf_judging *j, struct finding *f)
{
    static const char *const names[] = {"metric", "of", "for", "last", "occurrence"};
    const struct bf_json *data = bf_json_get(bf_subject_root(&j->rules->subject), "data");
    struct bf_arena *a = bf_arena_new(BF_EVENT_MAX);
    const char *told[BF_COUNT(names)];
    int64_t missed = 0;

    for (size_t i = 0; i < BF_COUNT(names); i++)
        told[i] = bf_json_str(a, bf_json_get(data, names[i]));
    bf_json_int(bf_json_get(data, "missed"), &missed);
    if (told[1] && told[2] && told[3])
        bf_buf_printf(&f->reason, "for %s no %s%s%s came, the last at %s", told[2], told[1],
                      told[0] ? " of " : "", told[0] ? told[0] : "", told[3]);
    else if (told[4])
        bf_buf_printf(&f->reason, "its time was %s", told[4]);
    else
        bf_buf_adds(&f->reason, "the wait is over");
    if (missed)
        bf_buf_printf(&f->reason, "; late, with %" PRId64 " missed before it", missed);
    bf_arena_free(a);
}

/* The first line of what went wrong; the traceback stands elsewhere. */
static void failure_words(const struct finding *f, struct bf_buf *out)
{
    const char *words = f->answer.words;

    if (words && *words) {
        bf_buf_adds(out, ": ");
        bf_buf_add(out, words, strcspn(words, "\n"));
    }
}

static void answer_words(const struct finding *f, struct bf_buf *out)
{
    if (f->answer.said != BF_SAID_FAILED) {
        bf_buf_adds(out, "; its script said yes");
        return;
    }
    bf_buf_adds(out, "; its script failed");
    if (f->decision == FAILED)
        bf_buf_adds(out, ", so what it does has failed");
    else if (f->decision != SUPPRESSED)
        bf_buf_adds(out, ", and it fires all the same");
    else if (!f->limit)
        bf_buf_adds(out, ", so it is skipped");
    failure_words(f, out);
}

/* Why it matched. */
static void match_words(const struct bf_judging *j, struct finding *f)
{
    bf_buf_clear(&f->reason);
    if (f->held.len)
        bf_buf_adds(&f->reason, bf_buf_text(&f->held));
    else if (j->to)
        bf_buf_printf(&f->reason, "the run %s%s%s%s", *j->from ? "went from " : "is ", j->from,
                      *j->from ? " to " : "", j->to);
    else if (bf_is_wait(j->event->type))
        wait_words(j, f);
    else
        bf_buf_adds(&f->reason, "the event passes the filter");
    if (f->was_asked)
        answer_words(f, &f->reason);
    if (f->limit) {
        bf_buf_adds(&f->reason, "; ");
        limit_words(f, &f->reason);
    }
}

static enum decision decision_of(const struct bf_judging *j, const struct bf_firing *f)
{
    const struct finding *now = &j->trace->now;

    if (!f)
        return now->was_asked && now->answer.said == BF_SAID_NOTHING ? UNKNOWN : NO;
    if (f->ruling == BF_SUPPRESSED)
        return SUPPRESSED;
    if (bf_firing_failed(f))
        return FAILED;
    if (f->ruling == BF_JOINS)
        return JOINED;
    return f->due_ms > j->now_ms ? DELAYED : FIRED;
}

/* ---- ends ---- */

static void add_point(struct bf_judging *j, const struct finding *f)
{
    struct bf_trace *t = j->trace;
    struct bf_buf *b = &t->points;

    if (t->n_points++ >= BF_SHOWN_MAX)
        return;
    bf_buf_adds(b, b->len ? ",{\"metric\":" : "{\"metric\":");
    bf_buf_json(b, j->point->name);
    if (j->point->has_step)
        bf_buf_printf(b, ",\"step\":%lld", (long long)j->point->step);
    bf_buf_adds(b, isfinite(j->point->value) ? ",\"value\":" : ",\"value\":\"");
    bf_buf_addd(b, j->point->value);
    bf_buf_adds(b, isfinite(j->point->value) ? "" : "\"");
    bf_buf_printf(b, ",\"decision\":\"%s\",\"clause\":\"%s\"}", decisions[f->decision], f->clause);
}

/* What a limit put off or kept back is the limit's, but what has failed goes out to nobody. */
static const char *clause_of(const struct finding *f)
{
    if (f->decision == FAILED || (f->decision == SUPPRESSED && !f->limit))
        return "hook";
    return f->limit ? f->limit : "matched";
}

/* The first of those that led somewhere; of those that did not, the last that was judged at all. */
static bool is_better(const struct finding *now, const struct finding *best)
{
    if (now->decision != best->decision)
        return now->decision > best->decision;
    return now->decision == NO && now->judged >= best->judged;
}

void bf_note_end(struct bf_judging *j, const struct bf_firing *firing)
{
    struct bf_trace *t = j->trace;
    struct finding *f = &t->now, last;

    f->decision = decision_of(j, firing);
    if (firing) {
        f->clause = clause_of(f);
        match_words(j, f);
    }
    f->judged = f->conditions.len > 0;
    if (j->point)
        add_point(j, f);
    if (!t->ended || is_better(f, &t->best)) {
        last = t->best;
        t->best = *f;
        *f = last;
    }
    t->ended = true;
    fini(f);
    init(f);
}

/* ---- what the index answers in live traffic ---- */

static bool is_its_wait(struct bf_judging *j, const struct bf_automation *a)
{
    const struct bf_json *data = bf_json_get(bf_subject_root(&j->rules->subject), "data");

    return bf_json_eq(bf_json_get(data, "automation"), a->id);
}

static bool other_trigger(struct bf_judging *j, const struct bf_automation *a)
{
    const char *type = j->event->type;

    if (a->absence)
        return bf_no(j, "trigger", "it fires when %s stays away, not on %s", a->absence->of, type);
    if (a->schedule)
        return bf_no(j, "trigger", "it fires at the times of its schedule, not on %s", type);
    return bf_no(j, "trigger", "%s does not fire on %s", a->trigger->wire, type);
}

static bool is_asked(struct bf_judging *j, const struct bf_automation *a)
{
    const struct bf_envelope *e = j->event;

    if (!a->enabled)
        return bf_no(j, "enabled", "it is disabled");
    if (!bf_trigger_for(a, e))
        return other_trigger(j, a);
    if (bf_is_wait(e->type) && !is_its_wait(j, a))
        return bf_no(j, "trigger", "it was another automation that waited");
    if (!bf_is_wait(e->type) && !bf_scope_holds(j->rules, a, e))
        return bf_no(j, "scope", "the event lies in %s%s%s%s%s, outside of its scope %s%s%s%s%s",
                     e->entity, e->project ? "/" : "", e->project ? e->project : "",
                     e->collection ? "/" : "", e->collection ? e->collection : "", a->entity,
                     a->project ? "/" : "", a->project ? a->project : "",
                     a->collection ? "/" : "", a->collection ? a->collection : "");
    if (bf_is_metric_trigger(a->trigger) && !j->record->run)
        return bf_no(j, "metric", "the event belongs to no run");
    return true;
}

/* ---- printing ---- */

static void add_time(struct bf_buf *b, const char *name, int64_t ms)
{
    char text[32];

    if (ms)
        bf_buf_printf(b, ",\"%s\":\"%s\"", name, time_text(ms, text));
}

static void print(const struct bf_trace *t, const struct bf_automation *a, struct bf_buf *out)
{
    const struct finding *f = &t->best;

    bf_buf_adds(out, "{\"automation\":");
    bf_buf_json(out, a->id);
    bf_buf_adds(out, ",\"name\":");
    bf_buf_json(out, a->name);
    bf_buf_printf(out, ",\"revision\":%llu,\"decision\":\"%s\",\"clause\":\"%s\",\"reason\":",
                  (unsigned long long)a->revision, decisions[f->decision], f->clause);
    bf_buf_json(out, bf_buf_text(&f->reason));
    if (a->dry_run)
        bf_buf_adds(out, ",\"dry_run\":true");
    if (f->conditions.len)
        bf_buf_printf(out, ",\"conditions\":[%s]", bf_buf_text(&f->conditions));
    if (f->was_asked) {
        bf_buf_adds(out, ",\"hook\":");
        bf_answer_print(&f->answer, out);
    }
    if (f->limit) {
        bf_buf_printf(out, ",\"limit\":{\"name\":\"%s\"", f->limit);
        add_time(out, "until", f->until_ms);
        add_time(out, "since", f->since_ms);
        bf_buf_addc(out, '}');
    }
    if (t->n_points > 1)
        bf_buf_printf(out, ",\"points\":[%s]", bf_buf_text(&t->points));
    if (t->n_points > BF_SHOWN_MAX)
        bf_buf_printf(out, ",\"more_points\":%zu", t->n_points - BF_SHOWN_MAX);
    bf_buf_addc(out, '}');
}

static void missing_metric(struct bf_judging *j, const struct bf_automation *a)
{
    struct bf_buf names;

    bf_buf_init(&names, WORDS_MAX);
    for (size_t i = 0; i < a->conditions.n_conditions; i++)
        bf_buf_printf(&names, "%s%s", i ? ", " : "", a->conditions.conditions[i].metric);
    bf_no(j, "metric", "the event has no value of %s", bf_buf_text(&names));
    bf_buf_fini(&names);
}

void bf_rules_explain(struct bf_rules *r, const struct bf_record *record,
                      const struct bf_automation *a, struct bf_buf *out)
{
    struct bf_overlay *overlay = r->memory ? bf_overlay_new(r->memory) : NULL;
    struct bf_trace t = {0};
    struct bf_judging j = {.rules = r,
                           .record = record,
                           .event = record->event,
                           .memory = overlay ? bf_overlay_memory(overlay) : NULL,
                           .now_ms = record->event->received_ms,
                           .only = a,
                           .trace = &t};

    init(&t.now);
    init(&t.best);
    bf_buf_init(&t.points, WORDS_MAX);
    r->n_firings = 0;
    bf_forget_missed(r);
    r->subject = (struct bf_subject){.event = record->event, .arena = r->scratch};
    bf_windows_settle(r->windows);
    if (!is_asked(&j, a))
        bf_note_end(&j, NULL);
    else
        bf_judge(&j);
    if (!t.ended) {
        missing_metric(&j, a);
        j.point = NULL;
        bf_note_end(&j, NULL);
    }
    print(&t, a, out);
    bf_windows_undo(r->windows);
    r->n_firings = 0;
    bf_arena_reset(r->scratch);
    bf_arena_reset(r->facts);
    fini(&t.now);
    fini(&t.best);
    bf_buf_fini(&t.points);
    bf_overlay_free(overlay);
}

size_t bf_rules_try(struct bf_rules *r, const struct bf_record *record,
                    const struct bf_automation *a, const struct bf_firing **out)
{
    struct bf_judging j = {.rules = r,
                           .record = record,
                           .event = record->event,
                           .memory = r->memory,
                           .now_ms = record->event->received_ms,
                           .only = a};

    r->n_firings = 0;
    bf_forget_missed(r);
    r->subject = (struct bf_subject){.event = record->event, .arena = r->scratch};
    bf_arena_reset(r->facts);
    if (is_asked(&j, a))
        bf_judge(&j);
    bf_arena_reset(r->scratch);
    *out = r->firings;
    return r->n_firings;
}
