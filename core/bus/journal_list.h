/* journal_list.h - pages of events, newest first.  Any connection. */
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

#endif
