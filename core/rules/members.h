/* members.h - the members that an object of an automation may have. */
#ifndef BF_MEMBERS_H
#define BF_MEMBERS_H

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/json.h"

/* Whether it is an object, and has none but these, up to a NULL.  The words name the unknown one and
 * those that are known; `example` is such an object.  They are made in the arena. */
int bf_members_check(struct bf_arena *a, const struct bf_json *object, const char *const *members,
                     const char *example, struct bf_error *err);

#endif
