/* automation_list.h - reading automations back: pages by name, one by its id, those deleted.
 *
 * Any connection.  Texts live until the callback returns. */
#ifndef BF_AUTOMATION_LIST_H
#define BF_AUTOMATION_LIST_H

#include "core/base/id.h"
#include "core/store/store.h"

struct bf_automation_row {
    const char *id;
    const char *entity;         /* the owner */
    const char *name;
    const char *project;        /* NULL: none */
    const char *collection;     /* NULL: none */
    const char *event_type;     /* "LINK_MODEL", "ci.finished" */
    bool enabled;
    uint64_t revision;
    int64_t created_ms;
    int64_t updated_ms;         /* of one that was deleted: when */
    const char *spec;           /* the JSON object as its author wrote it; NULL if deleted */
    size_t spec_len;
};
typedef bool bf_automation_fn(void *arg, const struct bf_automation_row *row);

/* What a list is of; NULL is any. */
struct bf_automation_query {
    const char *entity;
    const char *project;
    const char *collection;
    const char *event_type;
    const char *name;           /* a part of it, in any case of ASCII letters */
    const bool *enabled;
};

/* By entity and name, those behind the automation `after` ("": from the first), which may have been
 * deleted.  BF_ENOENT if there never was such a one.  A false from `fn` ends the list. */
int bf_automation_list(struct bf_db *db, const struct bf_automation_query *query,
                       const char *after, bf_automation_fn *fn, void *arg);
/* One of them, to `fn`; BF_ENOENT. */
int bf_automation_find(struct bf_db *db, const char *id, bf_automation_fn *fn, void *arg);
/* The same for one that was deleted, as it was last. */
int bf_automation_find_deleted(struct bf_db *db, const char *id, bf_automation_fn *fn, void *arg);
/* The id of an entity's automation; false if it has none of that name. */
bool bf_automation_named(struct bf_db *db, const char *entity, const char *name,
                         char id[BF_ID_LEN + 1]);

#endif
