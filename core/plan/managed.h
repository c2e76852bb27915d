/* managed.h - which things belong to which file, and what was applied of them last.
 *
 * A row per thing that a document has made or adopted.  It holds what was applied, so that what
 * somebody has changed by hand since can be told from what the file has changed; and the thing's id,
 * so that one that was renamed, or deleted and made anew, is known for what it is.  A thing belongs to
 * one manifest at most.
 *
 * Writing: the engine, inside its transaction.  Reading: any connection. */
#ifndef BF_MANAGED_H
#define BF_MANAGED_H

#include "core/base/id.h"
#include "core/plan/document.h"
#include "core/store/store.h"

extern const char *const bf_managed_schema[];   /* for bf_db_migrate() */

struct bf_managed {
    const char *manifest;
    enum bf_thing_kind kind;
    const char *entity;         /* and name, as the document has them */
    const char *name;
    const char *id;
    const char *applied;        /* JSON: its state, see plan.h */
};

/* Those of a manifest, by kind, entity and name; texts live until the callback returns. */
typedef void bf_managed_fn(void *arg, const struct bf_managed *row);
int bf_managed_list(struct bf_db *db, const char *manifest, bf_managed_fn *fn, void *arg);
/* The manifest that a thing belongs to: 1, or 0 if it is nobody's. */
int bf_managed_owner(struct bf_db *db, enum bf_thing_kind kind, const char *id,
                     char manifest[BF_MANIFEST_NAME_MAX + 1]);

/* It belongs to this manifest from now on, and to no other.  [engine] */
int bf_managed_put(struct bf_db *db, const struct bf_managed *row, int64_t now_ms,
                   struct bf_error *err);
/* It belongs to it no more; which is no error if it did not.  [engine] */
int bf_managed_forget(struct bf_db *db, const char *manifest, enum bf_thing_kind kind,
                      const char *entity, const char *name, struct bf_error *err);

#endif
