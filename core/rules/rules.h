/* rules.h - which automations fire on an event.  Pure: no clock, no I/O, no chance.
 *
 * CONCEPT.  Automations are found by hash, never by scanning: each is filed under its trigger and
 * scope, and where its filter can match only certain aliases or tags, under these too.  An event
 * asks for the handful of places it may be filed under, whatever the number of automations.  The
 * rest of the filter then decides.
 *
 * An organization's automations are those whose scope is its own entity and no project.  They fire
 * on what happens there and in every team that is placed in it at that moment.
 *
 * Owned by the engine's thread.  Firings come in the order of the automations' ids, so a replay
 * sees what live traffic saw. */
#ifndef BF_RULES_H
#define BF_RULES_H

#include <stddef.h>

#include "core/event/envelope.h"
#include "core/rules/automation.h"

struct bf_rules;

struct bf_rules *bf_rules_new(void);
void bf_rules_free(struct bf_rules *r);

/* File a revision, in place of an earlier one of the same id; takes its own reference.  A disabled
 * automation is kept but never fires. */
void bf_rules_put(struct bf_rules *r, const struct bf_automation *a);
void bf_rules_remove(struct bf_rules *r, const char *id);
size_t bf_rules_count(const struct bf_rules *r);

/* From now on `entity` is in the organization with this own entity; NULL: in none.  At the start
 * all teams are placed; later a team's belfry.team.put record says where it is, and, as "was",
 * where it had been. */
void bf_rules_place(struct bf_rules *r, const char *entity, const char *organization);

/* A registry is a project of an organization's own entity with a name of its own kind. */
bool bf_is_registry(const char *project);       /* NULL is none */

struct bf_firing {
    const struct bf_automation *automation;     /* borrowed: good until the next put or remove */
    const struct bf_trigger *trigger;
};

/* The firings of one event; *out belongs to the rules and is good until the next call. */
size_t bf_rules_apply(struct bf_rules *r, const struct bf_envelope *e,
                      const struct bf_firing **out);

#endif
