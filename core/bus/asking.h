/* asking.h - events meet hooks before the transaction in which they are journaled.
 *
 * CONCEPT.  A hook is a script in another process, and may take as long for its answer as its budget
 * allows.  So the engine does not wait for it: a work whose events have to be asked about is parked,
 * and later works that carry events of the same lines (lines.h) are parked behind it.  All others go
 * on.  When the answers are there the work is applied with them, in the order of its lines, and its
 * decisions and the answers that led to them are one commit.
 *
 * OPERATION.  Of events that a work carries (bf_work.events) on_event is asked when they are taken
 * from the queue, and then the filters that the rules name for what on_event has left.  Events that
 * nobody knew before are met as they are emitted: what is missed then is noted, the work is undone to
 * its savepoint, its hooks are asked, and it is applied once more from the start.  The second time its
 * events are known by their text.  A work that says something else each time is asked about
 * BF_ASKING_TRIES times, and then the answers that are missing count as failures.
 *
 * Hooks may change between asking and applying; each work knows as of which generation it was asked,
 * and what is missing is asked again.
 *
 * SAFETY.  Nothing of this is done in a hub that has no hook.  Works that are parked count against the
 * limits of the queue, and questions have a limit of their own, past which works wait unasked.  When
 * the bus stops they are still answered and applied; if that takes too long they are told that
 * they were not, as after a failed commit.  [engine] */
#ifndef BF_ASKING_H
#define BF_ASKING_H

#include "core/bus/bus_int.h"
#include "core/bus/lines.h"

#define BF_ASKING_TRIES     8
#define BF_ASKING_MAX       50000       /* questions that are out at a time, or of several events of a work */
#define BF_ASKING_RETRY_MS  10          /* after those who are asked had no room */
#define BF_ASKING_STOP_MS   5000        /* for what is parked when the bus stops */

/* A filter that was asked about an event. */
struct bf_asked {
    const struct bf_automation *automation;     /* a reference */
    struct bf_answer answer;
    bool is_used;               /* by the judge */
};

/* What hooks have said about one event of a work. */
struct bf_met {
    struct bf_met *next;
    struct bf_envelope *came;   /* a reference */
    struct bf_envelope *event;  /* as on_event has left it; a reference, perhaps the same */
    struct bf_answer on_event;  /* nothing: it was not asked */
    bool is_hubs;               /* the hub's own word: on_event has no part in it */
    bool is_dropped;            /* on_event said so, or failed and that means so */
    bool is_fixed;              /* whose filters it may be asked of is settled */
    bool is_used;               /* in this run of apply */
    bool may_miss;              /* the rules left some of its filters out */
    uint64_t generation;        /* as of which its filters are known; 0: they are not */
    struct bf_asked *filters;   /* by the addresses of their automations */
    size_t n_filters;
};

/* on_event, as the settings name it; counted, for whoever asks it meanwhile. */
struct bf_on_event {
    unsigned refs;
    struct bf_hook hook;
    char file[BF_HOOK_FILE_MAX + 1];
};
struct bf_on_event *bf_on_event_new(const struct bf_hook *hook);
void bf_on_event_unref(struct bf_on_event *o);  /* NULL is fine */

struct bf_asking *bf_asking_new(void);
void bf_asking_free(struct bf_asking *a);       /* nothing is parked; NULL is fine */

/* Whether events have to meet hooks, or something is parked. */
bool bf_asking_is_on(struct bf_bus *bus);
/* Works as they came from the queue, answers among them: gives those that can go on. */
struct bf_link *bf_asking_take(struct bf_bus *bus, struct bf_link *taken);
/* Whether answers are to be expected of what was asked since the last batch; one begins. */
bool bf_asking_has_fresh(const struct bf_bus *bus);
void bf_asking_next_batch(struct bf_bus *bus);
/* For how long the engine may sleep: `ms` (-1: for ever), or less. */
int64_t bf_asking_sleep_ms(struct bf_bus *bus, int64_t ms);
size_t bf_asking_parked(struct bf_bus *bus);    /* [any] */

/* Before it is applied: may it?  If not it is parked now, and is not the batch's. */
bool bf_asking_may_apply(struct bf_bus *bus, struct bf_work *w);
void bf_asking_begin(struct bf_tx *tx, struct bf_work *w);
/* Whether it may emit what nobody has asked about, and has to be undone alone then. */
bool bf_asking_may_miss(struct bf_tx *tx, struct bf_work *w);
/* It was undone, for it missed answers: they are asked for.  False if it is not to be parked. */
bool bf_asking_park_missed(struct bf_work *w);
/* It is about to be told how it ended. */
void bf_asking_end(struct bf_work *w);
/* What the engine itself is about to emit, which nobody posted: a work whose one event this is, about
 * which this automation alone is asked.  It stands in the line of its run, or else in one that is the
 * automation's own. */
void bf_asking_add(struct bf_bus *bus, struct bf_work *w, struct bf_envelope *e,
                   const struct bf_automation *a);

/* Inside bf_bus_emit(): what hooks said about the event. */
struct bf_met *bf_asking_meet(struct bf_tx *tx, struct bf_envelope *e);
/* The answers of its filters, for the judge; and afterwards, what he missed.  BF_ETOOBIG: it is too
 * much to be asked. */
void bf_asking_answers(struct bf_tx *tx, struct bf_met *m, struct bf_answers *out);
int bf_asking_note(struct bf_tx *tx, struct bf_met *m, const struct bf_automation *const *missed,
                   size_t n);
bool bf_asking_is_too_much(struct bf_tx *tx);

void bf_asking_set_asker(struct bf_bus *bus, const struct bf_asker *asker);
void bf_asking_forget(struct bf_bus *bus, const char *automation);
void bf_asking_use(struct bf_bus *bus, const struct bf_hook *hook);     /* NULL is fine */
/* From now on; takes the reference, NULL is none. */
void bf_asking_set_on_event(struct bf_bus *bus, struct bf_on_event *o);

/* There is no more time for what is parked: gives the works, to be told so. */
struct bf_link *bf_asking_give_up(struct bf_bus *bus);
/* Once the engine is gone and everything is answered: answers that came after that. */
void bf_asking_drain(struct bf_bus *bus);

#endif
