/* uses.h - which automations use an integration, or were granted a secret of it.
 *
 * What the specs say, kept by the engine in a table, so that "who uses this?" is one look-up.
 * Reading: any connection. */
#ifndef BF_USES_H
#define BF_USES_H

#include "core/base/id.h"
#include "core/rules/automation.h"
#include "core/store/store.h"

/* One of those that there are now; texts live until the callback returns.  False ends the list. */
typedef bool bf_uses_fn(void *arg, const char *id, const char *name, const char *entity);
/* By name.  `secret` "" is any use of the integration. */
int bf_uses_list(struct bf_db *db, const char *integration, const char *secret, bf_uses_fn *fn,
                 void *arg);

/* An automation was saved.  [engine] */
int bf_uses_save(struct bf_db *db, const struct bf_automation *a);
/* One was deleted.  [engine] */
int bf_uses_forget(struct bf_db *db, const char *automation);
/* Whether nothing was ever saved: then those that an older hub has saved are to be. */
bool bf_uses_none(struct bf_db *db);

#endif
