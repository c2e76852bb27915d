/* differ.h - in what two automations differ, member by member, and by what the members mean.
 *
 * "600s" and "10m" are the same cooldown, an absent member is its default, the order of members and
 * of granted secrets does not count, and two events are the same if the rules would fire on the
 * same.  What differs is named as its author would find it: "limits.cooldown",
 * "actions[0].config.payload.run". */
#ifndef BF_DIFFER_H
#define BF_DIFFER_H

#include "core/base/arena.h"
#include "core/base/json.h"
#include "core/rules/automation.h"

/* A member that differs: both values as JSON, NULL where there is none.  Texts live in the arena. */
typedef void bf_differ_fn(void *arg, const char *member, const char *before, const char *after);

/* Whether they differ.  Integrations are compared as they are written, so both by id. */
bool bf_automations_differ(struct bf_arena *a, const struct bf_automation *before,
                           const struct bf_automation *after, bf_differ_fn *fn, void *arg);

/* The same of any two values: objects by their members, arrays of one length by their elements,
 * numbers by their values.  NULL is an absent one; `member` is what they are called. */
bool bf_values_differ(struct bf_arena *a, const char *member, const struct bf_json *before,
                      const struct bf_json *after, bf_differ_fn *fn, void *arg);

#endif
