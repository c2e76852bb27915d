/* verdict.h - what an automation made of a record, found out again by the evaluator that decided it.
 *
 * CONCEPT.  Nothing is noted about decisions while they are made, so they cost nothing then.  Asked
 * later, the evaluator gets the record once more, with everything as it was before it: the
 * automations (as_of.h), the organization of the team, what the rules remembered, and the points from
 * which windows are filled.  So it says what it said then, and why.
 *
 * Where retention has cut what it would need, that is the answer.  An event that on_event has dropped
 * was judged by nobody, and that is the verdict of all.
 *
 * A connection of one's own, one thread at a time; nothing is changed. */
#ifndef BF_VERDICT_H
#define BF_VERDICT_H

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/bus/bus.h"
#include "core/rules/rules.h"
#include "core/store/store.h"

struct bf_verdicts;

/* About a record of the journal; BF_ENOENT if it is not there (any more).  `hub` is bf_bus_hub(),
 * `organization` the own entity of the organization that the event's entity is in now, or NULL. */
int bf_verdicts_open(struct bf_db *db, uint16_t hub, uint64_t seq, const char *organization,
                     struct bf_verdicts **out, struct bf_error *err);
/* About an event that has not happened: as if it was the next.  Takes a reference; its `received` is
 * set already. */
int bf_verdicts_imagine(struct bf_db *db, struct bf_envelope *e, const char *organization,
                        struct bf_verdicts **out, struct bf_error *err);
void bf_verdicts_close(struct bf_verdicts *v);  /* NULL is fine */
/* What scripts have said is read back (answers.h).  From now on they are asked, waiting, where that is
 * not known; for drafts, and events that have not happened. */
void bf_verdicts_ask(struct bf_verdicts *v, const struct bf_asker *asker);

struct bf_envelope *bf_verdicts_event(const struct bf_verdicts *v);     /* borrowed */
/* The own entity of the organization that its entity was in; "" if it was in none. */
const char *bf_verdicts_organization(const struct bf_verdicts *v);

/* The verdict as bf_rules_explain() writes it; "decision":"not recorded" where what it would need is
 * gone. */
void bf_verdicts_explain(struct bf_verdicts *v, const struct bf_automation *a, struct bf_buf *out);
/* What it leads to for this automation.  Good until the next call of these. */
size_t bf_verdicts_judge(struct bf_verdicts *v, const struct bf_automation *a,
                         const struct bf_firing **out);
/* The first trouble in reading; then no verdict counts.  0: there was none. */
int bf_verdicts_error(const struct bf_verdicts *v);

#endif
