/* journal_list.h - pages of events, newest first.  Any connection. */
#ifndef BF_JOURNAL_LIST_H
#define BF_JOURNAL_LIST_H

#include "core/outbox/blocks.h"
#include "core/store/store.h"

#define BF_JOURNAL_SCAN_MAX 20000       /* events looked at for one page, about: 10 ms */

extern const struct bf_block_table bf_journal_blocks;

/* Where an event is; false: the page is full, and this one belongs to the next. */
typedef bool bf_journal_fn(void *arg, uint64_t seq);

/* What is NULL or 0 is not asked for. */
struct bf_journal_query {
    const char *entity;
    const char *type;
    const char *project;
    const char *collection;
    const char *run;            /* its id; with an entity and a project */
    int64_t since_ms;           /* received then or later */
    int64_t until_ms;           /* received before */
    uint64_t before;            /* cursor */
};

/* *next is the cursor of the page behind this one, 0 if there is none; a page of what is rare may
 * come out short. */
int bf_journal_list(struct bf_db *db, const struct bf_journal_query *query, bf_journal_fn *fn,
                    void *arg, uint64_t *next);
/* Whether the journal (still) holds an event. */
bool bf_journal_has(struct bf_db *db, uint64_t seq);
/* Forwards: the events from `low` on and before `high`, of an entity and a project (NULL: of any), up
 * to `max` of them. */
int bf_journal_next(struct bf_db *db, const char *entity, const char *project, uint64_t low,
                    uint64_t high, uint64_t *seqs, unsigned max, unsigned *n);
/* When the oldest event was received; 0: there is none. */
int bf_journal_first(struct bf_db *db, int64_t *received_ms);
/* The first event received at `ms` or later; behind the last if there is none. */
int bf_journal_at(struct bf_db *db, int64_t ms, uint64_t *seq);

#endif
