/* rules_int.h - what the files of the evaluator share.
 *
 *   rules.c    the index: which automations a record is asked of
 *   judge.c    what a record says, and what an automation makes of it
 *   measure.c  conditions on metrics, in numbers
 *   windows.c  the series of runs, kept between records
 *   timers.c   schedules and absences
 *   hooked.c   what scripts have said
 *   limit.c    how often it may fire
 *   explain.c  the same, told to a person
 *
 * One record is judged by one set of functions.  Each takes the judging at hand; where that has a
 * trace, what was found is noted there on the way, and so the explanation cannot differ from the
 * decision. */
#ifndef BF_RULES_INT_H
#define BF_RULES_INT_H

#include "core/base/map.h"
#include "core/rules/memory_keys.h"
#include "core/rules/rules.h"

#define BF_SHOWN_MAX   20       /* values, or points, that an explanation shows of many */
#define BF_FAN_OUT_MAX 1000     /* firings by events of one cause ... */
#define BF_FAN_OUT_MS  (60LL * 60 * 1000)       /* ... in the hour from the first */
#define BF_PLACES_MAX  4        /* scopes an event lies in */

struct bf_index_place;
struct bf_timers;
struct bf_watched;
struct bf_windows;
struct bf_trace;

/* A list that grows. */
struct bf_automations {
    const struct bf_automation **items;
    size_t n, cap;
};

struct bf_rules {
    struct bf_map *by_id;       /* struct filed */
    struct bf_map *places;      /* struct bf_index_place */
    struct bf_map *placed;      /* entity -> own entity of its organization, a text */
    uint64_t born;              /* places made so far */
    struct bf_arena *scratch;   /* for the JSON of the event at hand */
    struct bf_subject subject;  /* that event */
    const struct bf_memory *memory;     /* NULL: nothing is remembered */
    struct bf_windows *windows;
    struct bf_timers *timers;
    struct bf_arena *facts;     /* of the firings */
    char from[BF_NAME_MAX + 1]; /* the last state of the run at hand */
    struct bf_firing *firings;  /* of the last record */
    size_t n_firings;
    size_t cap_firings;
    uint64_t max_effort;        /* 0: no limit */
    uint64_t effort;            /* since that was said, the last record included */
    bool gave_up;               /* in the middle of it */
    const struct bf_answers *answers;   /* of filter hooks; NULL: none is known */
    size_t n_hooked;            /* enabled automations with a filter hook */
    uint64_t generation;        /* of these, and of where entities are */
    uint64_t asked;             /* how often the judge came to a script */
    uint64_t gathered;          /* how often they were gathered: what places are marked with */
    struct bf_automations found;        /* what was gathered last, */
    bool left_out;              /* but for some */
    struct bf_automations missed;       /* whose answer was */
    struct bf_map *missed_ids;  /* the same, by id; NULL: none */
};

/* One record, and what of it is looked at. */
struct bf_judging {
    struct bf_rules *rules;
    const struct bf_record *record;
    const struct bf_envelope *event;
    const struct bf_memory *memory;     /* NULL: nothing is remembered */
    int64_t now_ms;                     /* `received`, the time of limits */
    const struct bf_automation *only;   /* ask this one, whatever the index says; or NULL */
    struct bf_trace *trace;             /* NULL in live traffic */
    bool gathers;                       /* looks for those whose script may have to be asked, and
                                           judges nothing */
    /* Of run.metric: the point at hand, its place among the record's, and its series. */
    const struct bf_point *point;
    size_t at;
    struct bf_watched *here;
    bool may_give_up;                   /* it is not the first, or has several points */
    /* Of run.state: what the run says now, and what it said last, "" for nothing. */
    const char *to;
    const char *from;
    /* Of run.alert: its title, and whether one of that title was let through just before. */
    const char *title;
    bool held;
    int64_t alert_ms;           /* when that was */
    int64_t alert_until_ms;     /* until when it holds others */
    int64_t wait_ms;            /* how long this one would hold them */
};

/* ---- rules.c ---- */

/* A scope that has automations on a metric. */
struct bf_watchers {
    size_t n;
    struct bf_index_place *places[BF_PLACES_MAX];
    uint64_t born;              /* since when one of them has watched without a break */
};

/* Calls bf_consider() for each automation that the event may concern, in no order. */
void bf_ask(struct bf_judging *j);
bool bf_is_watched(struct bf_judging *j);       /* any metric, where this event lies */
void bf_find_watchers(struct bf_judging *j, const char *metric, struct bf_watchers *out);
void bf_ask_watchers(struct bf_judging *j, const struct bf_watchers *watchers);
/* Since when a metric that the automation names was watched without a break; UINT64_MAX: it is not. */
uint64_t bf_watched_since(struct bf_rules *r, const struct bf_automation *a, const char *metric);
/* The row of the table by which the automation would be asked about this type; NULL: it would not. */
const struct bf_trigger *bf_trigger_for(const struct bf_automation *a,
                                        const struct bf_envelope *e);
bool bf_is_wait(const char *type);      /* schedule.tick, clock.advance: one automation's own */
bool bf_is_metric_trigger(const struct bf_trigger *t);
const char *bf_waited_state(const char *state);         /* under which it is waited for */

/* ---- judge.c ---- */

void bf_judge(struct bf_judging *j);
/* One automation whose trigger and scope fit: if it matches, it joins the firings. */
void bf_consider(struct bf_judging *j, const struct bf_automation *a,
                 const struct bf_trigger *trigger);

/* Of RUN_STATE, whether the state that the event says is one of those; of others true. */
bool bf_is_waited_for(const struct bf_automation *a, const struct bf_envelope *e);

/* ---- hooked.c ---- */

/* Whether its script lets it fire, as far as that is known; the answer goes to the firing. */
bool bf_script_agrees(struct bf_judging *j, struct bf_firing *f);
/* Its script failed, and that is to keep it from firing. */
bool bf_failure_skips(const struct bf_firing *f);
/* One whose script may have to be asked: unless the event itself says no, it joins those. */
void bf_gather(struct bf_judging *j, const struct bf_automation *a);
void bf_keep_answer(struct bf_judging *j, struct bf_firing *f);         /* with the facts */
void bf_forget_missed(struct bf_rules *r);      /* a record begins */

/* ---- measure.c ---- */

/* One condition at this moment. */
struct bf_measure {
    const char *metric;         /* the name of its series, which may have "system." before */
    struct bf_series *series;
    bool holds;
    const char *undefined;      /* "prior_is_zero", "zero_variance": no number to compare; or NULL */
    uint32_t missing;           /* values; while there are any, nothing else is known */
    double value;               /* what is compared: an aggregate, a change or a score */
    double current, prior;      /* of a change: the two aggregates; of a score, `current` is the value
                                   under test */
    double mean, deviation;     /* of a score */
    const struct bf_run_value *runs;    /* of a score over runs: what it is compared with, newest */
    size_t n_runs;                      /* first */
};

/* Whether a condition watches this metric: "cpu" also "system.cpu". */
bool bf_condition_names(const struct bf_condition *c, const char *metric);
void bf_measure(struct bf_judging *j, const struct bf_automation *a, const struct bf_condition *c,
                struct bf_measure *out);
bool bf_conditions_hold(struct bf_judging *j, const struct bf_automation *a);
/* {"metric","condition","result",…}, the values oldest first. */
void bf_condition_json(struct bf_judging *j, const struct bf_condition *c,
                       const struct bf_measure *m, struct bf_buf *out);
/* "the average of 5 values of accuracy is 0.6, which is not > 0.6" */
void bf_measure_words(const struct bf_condition *c, const struct bf_measure *m,
                      struct bf_buf *out);
/* What is measured, for the one who is told of the firing. */
void bf_metric_facts(struct bf_judging *j, const struct bf_automation *a, struct bf_buf *out);

/* ---- windows.c ---- */

struct bf_windows *bf_windows_new(size_t max_bytes);
void bf_windows_free(struct bf_windows *w);
void bf_windows_limit(struct bf_windows *w, size_t max_bytes);
void bf_windows_begin(struct bf_windows *w);    /* a record */
void bf_windows_end(struct bf_windows *w);
void bf_windows_undo(struct bf_windows *w);
void bf_windows_settle(struct bf_windows *w);
void bf_windows_clear(struct bf_windows *w);
size_t bf_windows_size(const struct bf_windows *w);     /* bytes */

/* The series of a metric of the record's run; `born` is since when it is watched. */
struct bf_watched *bf_watched(struct bf_judging *j, const char *metric, uint64_t born);
const char *bf_watched_metric(const struct bf_watched *e);
void bf_watched_push(struct bf_watched *e, double value);
/* As it is at the point at hand, reaching back `depth` values if the run has so many. */
struct bf_series *bf_watched_series(struct bf_judging *j, struct bf_watched *e, size_t depth);
/* What memory->earlier_runs gives; good until the next call. */
const struct bf_run_value *bf_windows_runs(struct bf_judging *j, const char *metric, size_t max,
                                           size_t *n);

/* ---- limit.c ---- */

/* Whether enough has matched for the automation to do something, and what the limits make of that;
 * what fires is noted. */
bool bf_limit(struct bf_judging *j, struct bf_firing *f);

/* ---- explain.c ---- */

/* Said no, and why, if anybody wants to know.  Gives false. */
BF_FORMAT(3, 4)
bool bf_no(struct bf_judging *j, const char *clause, const char *fmt, ...);
void bf_note_condition(struct bf_judging *j, const struct bf_condition *c,
                       const struct bf_measure *m);
/* How many values of the metric in this event entered no window, for they are no numbers. */
size_t bf_note_not_finite(struct bf_judging *j, const char *metric);
/* A limit that has its say.  0 is no time. */
void bf_note_limit(struct bf_judging *j, const char *name, int64_t until_ms, int64_t since_ms);
/* What its script said, or (BF_SAID_NOTHING) that this is not known. */
void bf_note_answer(struct bf_judging *j, const struct bf_answer *answer);
/* The automation is done with the record, or with the point at hand; f is NULL where it does nothing. */
void bf_note_end(struct bf_judging *j, const struct bf_firing *f);

#endif
