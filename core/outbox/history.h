/* history.h - reading back what became of executions: pages in either order, and attempts.
 *
 * A page costs about the same whatever the history holds: conditions narrow it down to the blocks
 * (blocks.h) or the few rows that may match, and little more than BF_HISTORY_SCAN_MAX rows are
 * looked at.  Where matches are rarer than that, a page comes out short, but its cursor goes on behind
 * what was looked at. */
#ifndef BF_HISTORY_H
#define BF_HISTORY_H

#include "core/outbox/outbox.h"

#define BF_HISTORY_SCAN_MAX 20000       /* rows looked at for one page, about: 10 ms */
#define BF_HISTORY_ENTITIES_MAX 64      /* in the list of a query */

#define BF_STATUS_BIT(status) (1u << (status))

/* Texts live until the callback returns.  Of the event and the automation they say how these were
 * when it fired. */
struct bf_history_row {
    uint64_t number;
    uint64_t event;             /* seq of the event */
    uint64_t revision;
    uint32_t action;
    uint32_t attempts;
    int status;                 /* enum bf_status */
    int64_t created_ms;
    int64_t due_ms;
    int64_t first_attempt_ms;   /* 0: none yet */
    int64_t finished_ms;        /* 0: not yet */
    int64_t event_ms;           /* when the event was received */
    const char *entity;         /* the automation's */
    const char *automation;
    const char *automation_name;        /* NULL in rows of older hubs, as are those below */
    const char *integration;
    const char *trigger;
    const char *event_type;
    const char *event_entity;
    const char *project;        /* from here on NULL where there is none */
    const char *collection;
    const char *run;            /* its name, or else its id */
    const char *author;
    const char *reason;         /* why it was skipped or cancelled, or failed unattempted */
    const char *delayed_by;     /* the limit that put it off */
    const char *facts;          /* JSON of what was measured, */
    size_t facts_len;
    const char *hooks;          /* JSON of what scripts said when it fired */
    uint64_t run_number;        /* 0: it is about no run */
    /* Of rows that tell of several firings: a digest, or what was suppressed. */
    uint64_t firings;           /* 0: it is none of these */
    uint64_t last_event;        /* seq of the newest one's event, */
    int64_t last_ms;            /* and when that was received */
    int64_t until_ms;           /* when the limit ends that suppressed them; 0: never, or unknown */
    const char *resend_of;      /* id of the execution that it repeats, */
    const char *resent_as;      /* and of the last one that repeats it */
    const char *merged_into;    /* id of the one that tells of it, */
    uint64_t merged;            /* and of that, how many others it tells of */
};

/* Whether a row counts what was suppressed; else, if it has `firings`, it is a digest. */
bool bf_history_is_suppressed(const struct bf_history_row *row);

/* What is NULL or 0 is not asked for. */
struct bf_history_query {
    const char *automation;
    const char *project;
    const char *collection;
    const char *integration;
    const char *trigger;
    const char *const *entities;        /* any of these */
    size_t n_entities;
    unsigned statuses;          /* BF_STATUS_BIT()s, any of these; BF_MERGED is BF_PENDING as well */
    uint64_t event;             /* seq of the event, and when it was received */
    int64_t event_ms;
    int64_t since_ms;           /* created then or later */
    int64_t until_ms;           /* created before */
    const char *merged_into;    /* id of the execution that tells of them */
    bool not_resent;            /* only those that no other repeats */
    bool oldest_first;
    uint64_t after;             /* cursor: behind this number */
    unsigned limit;
    /* Whether to show what belongs to an entity; NULL: all of it. */
    bool (*visible)(void *visible_arg, const char *entity);
    void *visible_arg;
    void (*row)(void *arg, const struct bf_history_row *row);
    void *arg;
};

/* One page; *next is the cursor of the one behind it, 0 if there is none. */
int bf_history_list(struct bf_db *db, const struct bf_history_query *query, uint64_t *next);
/* The first number that was created at `ms` or later; behind the last if there is none. */
int bf_history_number_at(struct bf_db *db, int64_t ms, uint64_t *number);
/* One execution, to `row`; BF_ENOENT. */
int bf_history_read(struct bf_db *db, uint64_t number,
                    void (*row)(void *arg, const struct bf_history_row *row), void *arg);
/* The newest one of an automation, to `row`; BF_ENOENT. */
int bf_history_last(struct bf_db *db, const char *automation,
                    void (*row)(void *arg, const struct bf_history_row *row), void *arg);
/* The attempts at one, oldest first; texts live until the callback returns, `status` and `due_ms`
 * are not kept per attempt and read 0. */
int bf_history_attempts(struct bf_db *db, uint64_t number,
                        void (*fn)(void *arg, const struct bf_attempt_record *r), void *arg);

#endif
