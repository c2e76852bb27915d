/* lines.h - who waits for whom while hooks are asked: each event belongs to a line, its run's or its
 * collection's, and within a line order is kept.
 *
 * Whoever has events of several lines stands in all of them, and it is his turn when nobody stands
 * before him in any.  All join in the order of a number they have, so nobody can wait in a circle; who
 * has left and comes back with his old number stands before those that came later.
 *
 * A line is known by a hash of its name.  Should two have the same, they are one line, and nothing
 * else comes of it.  One thread. */
#ifndef BF_LINES_H
#define BF_LINES_H

#include "core/event/envelope.h"

struct bf_lines;
struct bf_line_place;

/* Who stands in lines; embed it. */
struct bf_turn {
    uint64_t order;             /* the caller's: smaller is earlier */
    size_t n_before;            /* lines in which others stand before it; 0: it is its turn */
    size_t n_places;            /* lines it stands in; 0: it stands in none */
    struct bf_line_place *places;
};

struct bf_lines *bf_lines_new(void);
void bf_lines_free(struct bf_lines *l);         /* nobody stands in them; NULL is fine */
size_t bf_lines_count(const struct bf_lines *l);        /* in which somebody stands */

/* The line of an event: of a run.* event its run; else its collection, its run, or its type within its
 * project. */
uint64_t bf_line_of(const struct bf_envelope *e);

/* Whether somebody stands in this line who came before `order`. */
bool bf_lines_held(const struct bf_lines *l, uint64_t line, uint64_t order);
/* The same line may be named more than once. */
void bf_lines_join(struct bf_lines *l, struct bf_turn *t, const uint64_t *lines, size_t n);
/* Whose turn it is by that, besides those whose it was already, is told. */
void bf_lines_leave(struct bf_lines *l, struct bf_turn *t,
                    void (*on_turn)(void *arg, struct bf_turn *t), void *arg);

#endif
