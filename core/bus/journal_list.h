/* journal_list.h - pages of what the journal knows: events, newest first, and automations by name.
 *
 * Any connection.  Texts live until the callback returns. */
#ifndef BF_JOURNAL_LIST_H
#define BF_JOURNAL_LIST_H

#include "core/store/store.h"

#define BF_JOURNAL_SCAN_MAX 20000       /* events looked at for one page: about 20 ms */

/* Where an event is; false: the page is full, and this one belongs to the next. */
typedef bool bf_journal_fn(void *arg, uint64_t seq);

/* Events of an entity (NULL: of all) below `before` (0: from the newest).  *next is the cursor of
 * the page behind this one, 0 if there is none; a page whose entity is rare may come out short. */
int bf_journal_list(struct bf_db *db, const char *entity, uint64_t before, bf_journal_fn *fn,
                    void *arg, uint64_t *next);

struct bf_automation_row {
    const char *id;
    const char *entity;         /* the owner */
    const char *name;
    const char *project;        /* NULL: none */
    uint64_t revision;
    int64_t created_ms;
    int64_t updated_ms;
    const char *spec;           /* the JSON object as its author wrote it */
    size_t spec_len;
};
typedef bool bf_automation_fn(void *arg, const struct bf_automation_row *row);

/* By entity and name, those behind the automation `after` ("": from the first); entity and project
 * may be NULL for any.  BF_ENOENT if `after` is not there.  A false from `fn` ends the list. */
int bf_automation_list(struct bf_db *db, const char *entity, const char *project,
                       const char *after, bf_automation_fn *fn, void *arg);
/* One of them, to `fn`; BF_ENOENT. */
int bf_automation_find(struct bf_db *db, const char *id, bf_automation_fn *fn, void *arg);

#endif
