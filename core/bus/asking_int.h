/* asking_int.h - a work and its hooks: asking.c knows who waits for whom, met.c what is asked. */
#ifndef BF_ASKING_INT_H
#define BF_ASKING_INT_H

#include <stdatomic.h>

#include "core/bus/asking.h"

/* A work, with what hooks have said of its events.  It lasts until the work is told how it ended. */
struct bf_parked {
    struct bf_turn turn;
    struct bf_bus *bus;
    struct bf_work *work;       /* NULL: it was given up while its questions are out */
    struct bf_met *first, *last;
    struct bf_arena *arena;     /* of these, and of the answers */
    uint64_t *lines;            /* of its events */
    size_t n_lines, cap_lines;
    struct bf_on_event *on_event;       /* a reference, while it is asked */
    struct bf_ask ask;
    struct bf_answer **to;      /* where each answer goes */
    struct bf_met **about;      /* and which event each question is about */
    struct bf_work answered;    /* what comes back */
    bool is_out;                /* its questions are */
    bool has_all;               /* it knows what it needs */
    unsigned n_tries;
    uint64_t batch;             /* before which it was asked */
    struct bf_parked *later, **back;    /* among those that are parked */
    const struct bf_automation *awaits; /* of a wait for no run that is over: an absence; borrowed from
                                           what it has met */
    struct bf_parked *next_over;        /* among such */
    struct bf_parked *next;     /* of those that could not be asked, that leave, or are spare */
};

struct bf_asking {
    struct bf_asker asker;
    struct bf_on_event *on_event;       /* NULL: there is none */
    uint64_t n_changes;         /* of that */
    struct bf_lines *lines;
    uint64_t last_order;
    struct bf_work **ready;     /* whose turn it is */
    size_t n_ready, cap_ready;
    struct bf_parked *parked;   /* all that are */
    struct bf_parked *over;     /* those that are absences */
    struct bf_parked *leaving;  /* for a moment: those whose turn has come */
    struct bf_parked *unasked, **unasked_end;
    struct bf_parked *spare;
    unsigned n_spare;
    size_t n_out;               /* questions */
    uint64_t batch;             /* the one that comes next */
    size_t n_fresh;             /* works that were asked since the last one, and have no answer yet */
    atomic_size_t n_parked;
};

uint64_t bf_asking_generation(const struct bf_bus *bus);

struct bf_parked *bf_asking_of(const struct bf_tx *tx);      /* the work that is applied */

/* --- met.c --- */

struct bf_met *bf_met_add(struct bf_parked *p, struct bf_envelope *e, bool is_hubs);
/* One that has not been emitted in this run of apply and says the same; or NULL. */
struct bf_met *bf_met_find(struct bf_parked *p, const struct bf_envelope *e);
/* Nothing but this automation's filter is asked about it. */
void bf_met_fix(struct bf_parked *p, struct bf_met *m, const struct bf_automation *a);
void bf_met_fini(struct bf_parked *p);          /* lets go of all of them */
/* Put into p->ask what is not known yet; false if there is nothing. */
bool bf_met_question(struct bf_parked *p);
void bf_met_answer(struct bf_parked *p);        /* p->ask came back */
void bf_met_fail(struct bf_parked *p, const char *words);       /* or never will */

#endif
