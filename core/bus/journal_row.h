/* journal_row.h - what a row of the journal holds, and how to read it.
 *
 * `body` is the event as its sender wrote it.  Of a run's event it may be empty: then `points` is the
 * event packed (points.h).  Else `points` says which points are in order: NULL if all are, or a 0,
 * and then a bit for each, in the order in which they are taken, that is set where one is not; or it
 * is BF_ROW_DROPPED: on_event has dropped the event. */
#ifndef BF_JOURNAL_ROW_H
#define BF_JOURNAL_ROW_H

#include "core/bus/words.h"
#include "core/event/envelope.h"
#include "core/store/store.h"

/* For SELECT; bf_row_of() takes them from there. */
#define BF_ROW_COLUMNS "seq, received, hops, run, body, points"

#define BF_ROW_DROPPED 2        /* the first byte of `points`; 1 is BF_PACKED */

#define BF_ROW_SCRATCH (64 * 1024 * 1024)       /* the index of one event of BF_EVENT_MAX */

/* Good until the query's next step. */
struct bf_row {
    uint64_t seq;
    int64_t received_ms;
    uint32_t hops;
    uint64_t run;
    const char *body;
    size_t body_len;
    const uint8_t *points;
    size_t points_len;
};

struct bf_row bf_row_of(struct bf_query *q);
/* The event, given its place.  BF_EIO if the row is damaged.  The words may be of another transaction,
 * but not of an older one than the row. */
int bf_row_read(const struct bf_row *row, uint16_t hub, struct bf_word_list *words,
                struct bf_arena *scratch, struct bf_envelope **out, struct bf_error *err);

/* Its points alone; for row after row. */
struct bf_row_points {
    const struct bf_point *points;
    size_t n;
    struct bf_word_list *words; /* from here on its own */
    struct bf_arena *arena;
    struct bf_envelope *event;
};
void bf_row_points_init(struct bf_row_points *p, struct bf_db *db);
void bf_row_points_fini(struct bf_row_points *p);
int bf_row_read_points(const struct bf_row *row, struct bf_row_points *out);

/* The `points` of an event that is stored as its text: nothing if all are in order. */
void bf_row_print_order(const struct bf_envelope *e, struct bf_buf *out);

/* An event is given its place. */
void bf_row_place(struct bf_envelope *e, uint16_t hub, uint64_t seq, int64_t received_ms);

#endif
