/* points.h - an event of a run in two parts: what it has in common with others, and what is its own.
 *
 * CONCEPT.  Events of a run differ in a few places: the key, the time, and of each metric the step,
 * the value and its time.  What is left when these are cut out is the event's frame, and of each
 * metric its form.  Frames and forms come again and again; they are kept once for each run
 * (words.h), and an event is stored as the number of its frame and what was cut out, in as few bytes
 * as lead back to the same text.
 *
 * SAFETY.  Packing gives the bytes of the text back or says no: what it made is unpacked and compared
 * before it is stored.  Numbers are kept as they were written, digit by digit, not as they are
 * understood.  Unpacking trusts nothing: whatever the bytes are, it ends with an error or a text.
 *
 * A PACKED EVENT is a 1, the frame's number, the bytes of what was cut out but for the metrics behind
 * their length, and, if the frame has metrics, how many and each of them as it came. */
#ifndef BF_POINTS_H
#define BF_POINTS_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/event/envelope.h"

#define BF_PACKED 1                     /* the first byte */

/* --- packing ---------------------------------------------------------------------- */

/* A piece of the event's text. */
struct bf_slice {
    const char *text;           /* NULL: it is not there */
    size_t len;
};

struct bf_cut_metric {
    struct bf_slice step;
    struct bf_slice value;
    struct bf_slice time;
    uint64_t form;              /* its number, filled by the caller */
    bool in_order;              /* this, too */
};

/* An event that was cut up.  All of it lives in the arena, or is the event's own text. */
struct bf_cut {
    struct bf_slice frame;
    struct bf_slice holes[2];   /* the key and the time, in the order in which they stand */
    bool is_time[2];
    size_t n_holes;
    struct bf_cut_metric *metrics;      /* as they came */
    struct bf_slice *forms;             /* of each */
    size_t n_metrics;
};

/* False if the event is of a kind that is not packed, or the arena has no room. */
bool bf_points_cut(struct bf_arena *a, const struct bf_envelope *e, struct bf_cut *out);
void bf_points_pack(const struct bf_cut *cut, uint64_t frame, int64_t received_ms,
                    struct bf_buf *out);

/* --- unpacking --------------------------------------------------------------------- */

struct bf_form {
    struct bf_slice text;
    const char *name;           /* of its metric */
};

/* Where frames and forms are found by their numbers; false: there is none of that number. */
struct bf_words {
    bool (*frame)(void *arg, uint64_t number, struct bf_slice *out);
    bool (*form)(void *arg, uint64_t number, struct bf_form *out);
    void *arg;
};

/* The event's text, and its points in the order in which they are taken, whose names are those of
 * the forms; BF_EIO if the bytes lead to none. */
int bf_points_text(const void *packed, size_t len, int64_t received_ms, const struct bf_words *words,
                   struct bf_buf *out);
int bf_points_read(struct bf_arena *a, const void *packed, size_t len,
                   const struct bf_words *words, struct bf_point **out, size_t *n);

/* Sorts points into the order in which they are taken; `place` says how they came. */
void bf_points_sort(struct bf_point *points, size_t n);

#endif
