/* rules.h - which automations fire on an event.  Pure: no clock, no I/O, no chance.
 *
 * CONCEPT.  Automations are found by hash, never by scanning: each is filed under its trigger and
 * scope, and where it can match only certain aliases, tags, states or metrics, under these too.  An
 * event asks for the handful of places it may be filed under, whatever the number of automations.
 * Filter and conditions then decide, and the limits after them (rules_int.h names the files).
 *
 * An organization's automations are those whose scope is its own entity and no project.  They fire
 * on what happens there and in every team that is placed in it at that moment.
 *
 * Owned by the engine's thread.  Firings come in the order of the automations' ids, so a replay
 * sees what live traffic saw. */
#ifndef BF_RULES_H
#define BF_RULES_H

#include <stddef.h>

#include "core/base/buf.h"
#include "core/event/envelope.h"
#include "core/rules/automation.h"
#include "core/rules/memory.h"
#include "core/rules/record.h"

struct bf_rules;

struct bf_rules *bf_rules_new(void);
void bf_rules_free(struct bf_rules *r);

/* Bytes of values of runs that are kept between records, 160 MiB unless said. */
void bf_rules_limit_windows(struct bf_rules *r, size_t bytes);

/* File a revision, in place of an earlier one of the same id; takes its own reference.  A disabled
 * automation is kept but never fires. */
void bf_rules_put(struct bf_rules *r, const struct bf_automation *a);
void bf_rules_remove(struct bf_rules *r, const char *id);
size_t bf_rules_count(const struct bf_rules *r);

/* From now on `entity` is in the organization with this own entity; NULL: in none.  At the start
 * all teams are placed; later a team's belfry.team.saved record says where it is, and, as "was",
 * where it had been. */
void bf_rules_place(struct bf_rules *r, const char *entity, const char *organization);

/* A registry is a project of an organization's own entity with a name of its own kind. */
bool bf_is_registry(const char *project);       /* NULL is none */

/* --- scripts --------------------------------------------------------------------- */

/* CONCEPT.  A filter hook is the last clause before the limits.  The rules run no script: they get
 * its answer from whoever judges, and tell him of those that they missed.
 *
 * OPERATION.  Before a record is judged, bf_rules_hooked() names the automations whose script may
 * have to be asked.  What else a judgement misses, since it was not asked for or its event was made
 * meanwhile, bf_rules_missed() tells behind it: then what it led to is to be undone, these are asked,
 * and the record is judged again. */

/* From now on; borrowed, NULL for none. */
void bf_rules_answers(struct bf_rules *r, const struct bf_answers *answers);
/* The automations whose answer was missed when the last record was judged, explained or tried, each
 * once.  It counts as if it were no.  Good until the next record. */
void bf_rules_missed(struct bf_rules *r, const struct bf_automation *const **out, size_t *n);

/* Enabled automations that have a filter hook: is one filed? */
bool bf_rules_has_hooks(const struct bf_rules *r);
/* Another number whenever one of them is filed or removed, or an entity's place changes. */
uint64_t bf_rules_hooks_generation(const struct bf_rules *r);
/* Those of them whose script judging this event could ask, as far as the event itself says it: by its
 * trigger, scope, states, metrics and its filter; of those that watch metrics, the ones whose conditions
 * held lately.  In no order.  *out belongs to the rules and is good until the
 * next put, remove or call of this.  Nothing for the waits of the hub's own.  It is counted to
 * bf_rules_bound(); past that, what is left out will be missed. */
size_t bf_rules_hooked(struct bf_rules *r, const struct bf_envelope *e,
                       const struct bf_automation *const **out);
/* Whether it left any out, so that judging this event may miss an answer. */
bool bf_rules_left_out(const struct bf_rules *r);

/* Whether the event lies in the automation's scope. */
bool bf_scope_holds(const struct bf_rules *r, const struct bf_automation *a,
                    const struct bf_envelope *e);

/* --- judging records ------------------------------------------------------------ */

enum bf_ruling {
    BF_FIRES,                   /* at once, or at due_ms */
    BF_JOINS,                   /* a firing that is told of in a later one's delivery ("digest") */
    BF_SUPPRESSED               /* it matched, but a limit says no */
};

/* What an automation does about a record. */
struct bf_firing {
    const struct bf_automation *automation;     /* borrowed: good until the next put or remove */
    const struct bf_trigger *trigger;
    enum bf_ruling ruling;
    uint64_t run;               /* the number of the run it is about; 0: none */
    const char *reason;         /* BF_SUPPRESSED: "fire_limit_24h", "cooldown", "rate_limited",
                                   "alert_wait", "loop", or "hook_failed"; of others the limit that delays them,
                                   "cooldown" or "rate_limited"; else NULL */
    int64_t until_ms;           /* BF_SUPPRESSED: until when; 0: that is not a question of time */
    int64_t due_ms;             /* BF_FIRES: when it may go out: now, or later if a limit delays it.
                                   BF_JOINS: when the digest it joins is due */
    bool opens_digest;          /* BF_FIRES: others may join until due_ms */
    struct bf_answer answer;    /* of its filter hook; BF_SAID_NOTHING: it has none.  Its texts are good
                                   until the next record */
    const char *facts;          /* a JSON object for variables and the history, or NULL: what was
                                   measured and compared.  Good until the next record */
    size_t facts_len;
};

/* Its script failed, and its author wants what it does to be failures then: whatever the ruling says of
 * when and how, nothing of it goes out. */
bool bf_firing_failed(const struct bf_firing *f);

/* A wait that is over: what the engine journals before anything fires on it. */
struct bf_due {
    const struct bf_automation *automation;     /* borrowed */
    int64_t due_ms;             /* the occurrence, or when the wait was over */
    uint64_t run;               /* of an absence per run; else 0 */
    int64_t last_ms;            /* absence: when what is awaited came last; `received` */
    bool late;                  /* a schedule's: other occurrences were missed before it, or this one
                                   itself by more than a minute */
    uint32_t missed;            /* a schedule's: how many were */
};

/* What the rules remember is kept there; before the first record.  NULL: nothing is remembered
 * (for automations that have no windows, limits or waits). */
void bf_rules_remember(struct bf_rules *r, const struct bf_memory *memory);
/* Put everything that waits on the clock in order, once all automations are filed and what is
 * remembered is there.  now_ms is the hub's time. */
void bf_rules_begin(struct bf_rules *r, int64_t now_ms);
/* In the transaction that saves a revision, before it is filed: since when it waits is remembered. */
void bf_rules_saved(struct bf_rules *r, const struct bf_automation *a, int64_t now_ms);

/* When the next wait is over, or earlier; 0: nothing waits. */
int64_t bf_rules_next(const struct bf_rules *r);
/* The waits that are over by now_ms, by when they were first over, automation and run, but no more than
 * can be told of at once: ask again when these are judged.  *out belongs to the rules and is good
 * until the next call.  Nothing fires by this: the engine journals a record for each (schedule.tick,
 * clock.advance) and has that judged, and it is that record which moves the wait on.  Call it before
 * each record is judged, with its `received`, and the record may follow only once none is over. */
size_t bf_rules_due(struct bf_rules *r, int64_t now_ms, const struct bf_due **out);

/* One of these whose filter has to be asked: it is not listed until it is let go of, or another event
 * has begun the wait anew.  It may follow others then that came later. */
void bf_rules_hold(struct bf_rules *r, const struct bf_due *d);
/* As it would be listed now; false if it is held no more. */
bool bf_rules_held(struct bf_rules *r, const char *automation, uint64_t run, int64_t now_ms,
                   struct bf_due *out);
void bf_rules_let_go(struct bf_rules *r, const char *automation, uint64_t run);

/* One of these that is about a run nobody knows any more: the wait ends without a record. */
void bf_rules_give_up(struct bf_rules *r, const struct bf_due *d);

/* The run that an absence per run is about, as it was last known. */
struct bf_due_run {
    const char *entity;
    const char *project;
    const char *context;        /* a JSON object, {"id","name",…} */
    size_t context_len;
};
/* The text of the record; `run` is NULL where the wait is no run's. */
void bf_due_print(const struct bf_due *d, const struct bf_due_run *run, struct bf_buf *out);

/* What a record leads to, in order: of run.metric events, by point and then by automation; else by
 * automation.  *out belongs to the rules and is good until the next call. */
size_t bf_rules_judge(struct bf_rules *r, const struct bf_record *record,
                      const struct bf_firing **out);
/* A run whose rows are gone is not waited for any more, in the transaction at hand. */
void bf_rules_forget_run(struct bf_rules *r, uint64_t run);
/* How many runs were not waited for, since there are too many waits (timers.h). */
uint64_t bf_rules_refused_waits(const struct bf_rules *r);

/* What the records from now on may take together; without a limit until this is called, or with 0.  To ask an
 * automation is 1, and 1 more for each 4 of its conditions; a match is 4 more, 4 earlier matches that
 * are noted with it 1, the answer of a script 2, a firing 10, the last value of an earlier run 20.  A million takes half a second or so. */
void bf_rules_bound(struct bf_rules *r, uint64_t effort);
/* Whether the last record took more, and was not judged to its end; it must be undone then.  The
 * first is always judged, unless it has several points. */
bool bf_rules_gave_up(const struct bf_rules *r);
/* What the clock's waits have come to is remembered: before a commit, and before a part of a transaction
 * begins that may be undone alone. */
void bf_rules_flush(struct bf_rules *r);
/* A transaction, or a part of it, was undone: whatever was touched since bf_rules_settle() is read
 * anew from memory.  And: it was committed. */
void bf_rules_undo(struct bf_rules *r);
void bf_rules_undo_part(struct bf_rules *r);    /* since bf_rules_flush() alone */
void bf_rules_settle(struct bf_rules *r);

/* --- why ---------------------------------------------------------------------------- */

/* What one automation makes of a record, as a JSON object, written by the evaluator itself:
 *   {"automation","name","revision","decision":"fired"|"failed" (its script did, and so it)|
 *      "delayed"|"joined"|"suppressed"|"unknown" (what its script said)|"no",
 *    "clause": what decided it: "enabled", "trigger", "scope", "filter", "state", "metric" (the event
 *      has none that it names), "step" (out of order), "condition", "hook", "matches", "matched", or a
 *      limit: "per_run", "cooldown", "rate", "digest", "alert_wait", "fan_out",
 *    "reason": words for a person, with the numbers,
 *    "dry_run": true, if it is one,
 *    "conditions":[{"metric","condition","result":true|false|null,"missing" or "reason" or "value",
 *      "values":[oldest first, 20 at most],"more_values", and of changes "current","prior",
 *      "prior_values", of scores "newest","mean","deviation","deviation_of"; "not_finite": values of
 *      this event that entered no window}],
 *    "hook": what its script said (bf_answer_print()), if it was asked,
 *    "limit":{"name","until","since": the last firing},
 *    "points":[{"metric","step","value","decision","clause"}], if it watches several of the event's;
 *      the rest is about the one that led furthest; "more_points"}
 * The automation need not be filed.  The memory is that before the record, which these rules must not
 * have judged.  Nothing is changed by it. */
void bf_rules_explain(struct bf_rules *r, const struct bf_record *record,
                      const struct bf_automation *a, struct bf_buf *out);
/* What the record leads to for this automation, asked as bf_rules_explain() asks: a wait that a record
 * tells of need not be known.  What is set goes to the memory, and *out is as of bf_rules_judge(). */
size_t bf_rules_try(struct bf_rules *r, const struct bf_record *record,
                    const struct bf_automation *a, const struct bf_firing **out);

#endif
