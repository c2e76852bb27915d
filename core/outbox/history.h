/* history.h - reading back what became of executions: pages, newest first, and attempts.
 *
 * A page costs the same whatever the history holds: it walks an index from its cursor and looks at
 * no more than BF_HISTORY_SCAN_MAX rows.  Where matches are rarer than that, a page comes out
 * short, but its cursor goes on behind what was looked at. */
#ifndef BF_HISTORY_H
#define BF_HISTORY_H

#include "core/outbox/outbox.h"

#define BF_HISTORY_SCAN_MAX 20000       /* rows looked at for one page: about 20 ms */

/* Texts live until the callback returns. */
struct bf_history_row {
    uint64_t number;
    uint64_t event;             /* seq of the event */
    uint64_t revision;
    uint32_t action;
    uint32_t attempts;
    int status;                 /* enum bf_status */
    int64_t created_ms;         /* of the event and its executions alike */
    int64_t due_ms;
    int64_t finished_ms;        /* 0: not yet */
    const char *entity;
    const char *automation;
    const char *integration;
    const char *trigger;
};

struct bf_history_query {
    const char *automation;     /* NULL: of any */
    int status;                 /* enum bf_status; < 0: any */
    int64_t since_ms;           /* created then or later */
    uint64_t before;            /* cursor: numbers below it; 0: from the newest */
    unsigned limit;
    /* Whether to show what belongs to an entity; NULL: all of it. */
    bool (*visible)(void *arg, const char *entity);
    void (*row)(void *arg, const struct bf_history_row *row);
    void *arg;
};

/* One page; *next is the cursor of the one behind it, 0 if there is none. */
int bf_history_list(struct bf_db *db, const struct bf_history_query *query, uint64_t *next);
/* One execution, to `row`; BF_ENOENT. */
int bf_history_read(struct bf_db *db, uint64_t number,
                    void (*row)(void *arg, const struct bf_history_row *row), void *arg);
/* The attempts at one, oldest first; texts live until the callback returns, `status` and `due_ms`
 * are not kept per attempt and read 0. */
int bf_history_attempts(struct bf_db *db, uint64_t number,
                        void (*fn)(void *arg, const struct bf_attempt_record *r), void *arg);

#endif
