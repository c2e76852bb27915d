/* courier_int.h - what the courier's files share.
 *
 * courier.c      life; what comes in from the engine and goes out to it
 * destination.c  one integration's queue: what fits in memory, what is claimed from disk, rest
 * attempt.c      one try, from its beginning to its verdict
 * transform.c    the script that has a say in what is sent
 * merge.c        over a backlog: which others one tells of
 * digest.c       what joined an execution, read before its first try
 * cancel.c       taking back what was not begun
 *
 * Everything here belongs to the loop's thread but what stands under the lock. */
#ifndef BF_COURIER_INT_H
#define BF_COURIER_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/map.h"
#include "core/delivery/courier.h"
#include "core/outbox/digest.h"
#include "core/outbox/merge.h"

#define FLIGHT_MAX         256          /* attempts under way, but for the long ones: quick slots */
#define FLIGHT_LONG        768          /* the long ones: slots apart, ... */
#define FLIGHT_LONG_FEW    384          /* ... when so many are left, slow destinations get few, ... */
#define FLIGHT_LONG_ONE    288          /* ... one, ... */
#define FLIGHT_LONG_RESERVE 192         /* ... and no more: they are for who was not known as slow */
#define FLIGHT_PER_DEST    BF_PARALLEL_MAX      /* and to one destination, if its sink is silent */
#define FLIGHT_RESERVE     64           /* kept for destinations that are well and have few */
#define FLIGHT_FEW         4            /* that many; and as many as one gets that has not answered */
#define FLIGHT_FAILING     256          /* attempts at destinations that fail, in all */
#define LONG_MS            1000         /* an attempt that takes longer is a long one; ... */
#define LONG_UNPROVEN_MS   250          /* ... at a destination that has not answered, than this */
#define FLIGHT_BYTES_MAX   (64 * 1024 * 1024)   /* of what they send: once reached, none begins */
#define FLIGHT_BYTES_PER_DEST (FLIGHT_BYTES_MAX / 4)
#define FLIGHT_BYTES_RESERVE  (FLIGHT_BYTES_MAX / 4)    /* kept for destinations that are well */
#define ASKED_MAX          1024         /* attempts that wait for their script, in all; ... */
#define ASKED_PER_DEST     16           /* ... to one destination; ... */
#define ASKED_BYTES_MAX    (16 * 1024 * 1024)   /* ... and of what they hold: then none is asked */
#define MEMORY_MAX         4096         /* executions in memory, in all */
#define MEMORY_PER_DEST    256
#define MEMORY_MIN         4            /* what a destination may have when memory is full */
#define MEMORY_RESERVE     1024         /* of those, kept for destinations that are well */
#define MEMORY_UNPROVEN    16           /* and one that has not answered, fails, or is slow */
#define MEMORY_BYTES_MAX   (16 * 1024 * 1024)   /* of their events */
#define OFFERED_MAX        4096         /* executions on their way from the engine */
#define GIVE_UP_MS         (72 * 3600 * 1000LL) /* from the first attempt to the last */
#define REST_MIN_MS        1000
#define REST_MAX_MS        10000
#define FAILURES_BEFORE_REST 3
#define DISABLE_AFTER_MS   (120 * 3600 * 1000LL)        /* of nothing but failures ... */
#define DISABLE_FAILURES   10           /* ... and of at least as many */
#define SUCCESS_KEPT_MS    60000        /* how late the last success may be on disk */
#define DEADLINE_MS        60000        /* of an attempt that a sink settles by itself */
#define RECORD_AGAIN_MS    500          /* pause before outcomes that could not be stored */
#define LOOK_AGAIN_MS      1000         /* before the outbox is read again that could not be */
#define ASK_AGAIN_MS       10000        /* before a sink is asked for again that is not there */
#define SLEEP_MAX_MS       60000        /* a timer is set for no longer: clocks can be moved */
#define ARENA_MAX          (8 * 1024 * 1024)    /* of one attempt */
#define BUCKETS            4096

_Static_assert(FLIGHT_MAX + FLIGHT_LONG <= BF_LOOP_TRANSFERS_MAX, "attempts wait for each other");

/* An execution in memory. */
struct item {
    struct item *next;                  /* in whichever list it is in */
    struct item *same_bucket;
    struct destination *dest;
    struct bf_execution *execution;     /* a reference */
    struct bf_attempt at;
    struct bf_attempt_record record;
    enum bf_step step;
    bool marked;                        /* BF_ONCE: its beginning is recorded */
    bool rendered;                      /* render has left a question for its script */
    bool transformed;                   /* the script has had its say */
    bool refused;                       /* by that: it was not sent, and its sink was not asked */
    bool asked;                         /* it waits for the script, or for a slot since, and counts
                                           there, and not among those in flight */
    bool probe;                         /* its destination was failing when it began */
    bool is_long;                       /* it has a slot of the long ones */
    int64_t since_mono;                 /* it has a slot */
    struct bf_timer patience;           /* until it is a long one */
    bool with_sink;                     /* prepare has returned BF_STEP_LATER */
    bool called;                        /* and before that, the sink has settled it */
    size_t bytes;                       /* of its arena, once it is prepared */
    uint64_t *joining;                  /* numbers of those that it is to tell of, in its arena, */
    size_t n_joining;
    unsigned n_joined;                  /* and how many of them have joined */
    struct bf_digest *reading;          /* a digest whose events are being read, */
    size_t n_unread;                    /* so many of them still, */
    void (*after_digest)(struct item *i);       /* and then */
    struct bf_timer deadline;           /* while a sink has it */
    struct bf_task task;                /* back to the loop */
    struct bf_job job;                  /* to a worker */
    void (*work)(struct item *i);       /* what the sink does now, and what comes after it */
    void (*after)(struct item *i);
    struct bf_work begin;               /* BF_ONCE: the beginning is recorded first */
    struct bf_verdict given;            /* by bf_courier_settle(); its words end with the item */
    char *own_words;
    struct bf_fetch_result *answer;     /* for a judge on a worker: a copy in the arena */
};

struct list {
    struct item *first;
    struct item *last;
};

struct destination {
    struct bf_courier *courier;
    struct destination *next_ready;     /* in courier->ready */
    struct destination *next_waiting;   /* in `waits_in` */
    struct line *waits_in;              /* for a slot, or to be asked about; NULL: it does not */
    struct destination *next_unsaved;   /* in courier->unsaved */
    bool is_ready;
    bool has_turn;                      /* it was the first in its line */
    bool is_unsaved;                    /* the standing has changed */
    bool known;                         /* `info` and what follows from it are up to date */
    bool disabling;                     /* asked for, and not yet seen */
    bool was_disabled;                  /* when it was looked up last */
    bool proven;                        /* the last attempt was answered as it should */
    bool slow;                          /* the last attempt was a long one, or one is */
    bool on_disk;                       /* there may be due rows that are not in memory */
    struct bf_destination_info info;
    unsigned most;                      /* attempts under way */
    int64_t timeout_ms;                 /* of one; 0: the hub's own */
    unsigned merge_over;                /* executions due; 0: its messages tell of one each */
    bool is_merging;                    /* one of its attempts waits for others to join: none begins */
    int64_t merge_again_us;             /* when it may be looked again for such, monotonic */
    struct bf_pace pace;
    int64_t paced_until_mono;           /* 0: it may go */
    struct bf_standing standing;
    unsigned n_saving;                  /* reports under way that carry it */
    int64_t saved_success_ms;           /* of the standing, as it is on disk */
    struct list queue;                  /* not yet begun */
    unsigned n_queued;
    unsigned n_memory;                  /* queued, under way, or being recorded */
    unsigned n_flight;
    size_t flight_bytes;                /* of those prepared, until they are recorded */
    unsigned n_asked;                   /* attempts that wait for a script */
    unsigned failures;                  /* in a row */
    int64_t rest_ms;                    /* the length of the last rest; 0: none */
    int64_t rest_until_mono;
    bool asked_to_rest;                 /* by the receiver: an older answer does not end it */
    bool missing;                       /* its sink is not there; said once */
    int64_t again_mono;                 /* when to try what failed: a read, a look-up; 0: not */
    struct bf_outbox_place seen;        /* rows up to here were claimed since on_disk was set */
    int64_t next_due_ms;                /* of the rows on disk that are not due yet; 0: none */
    struct bf_timer timer;
    struct bf_courier_state shown;      /* under the courier's show_lock */
    char pace_text[BF_PACE_TEXT];
    char id[BF_ID_LEN + 1];
};

/* Destinations that wait for a slot, in turn: whoever is first begins one attempt, and if there is
 * more to begin, stands behind the others. */
struct line {
    struct destination *first;
    struct destination *last;
};

/* A standing on its way to the engine. */
struct standing {
    struct destination *dest;
    struct bf_standing now;
};

/* Outcomes on their way to the engine. */
struct report {
    struct bf_work work;
    struct bf_courier *courier;
    struct report *next;
    struct list items;
    struct standing *standings;
    size_t n_standings;
    int rc;
};

struct bf_courier {
    struct bf_loop *loop;
    struct bf_workers *workers;
    struct bf_bus *bus;
    struct bf_db *db;                   /* read-only */
    struct bf_courier_ops ops;
    const struct bf_clock *clock;
    struct bf_log *log;
    struct bf_map *destinations;
    struct bf_map *revisions;           /* number as text: struct bf_automation */
    struct bf_map *held;                /* the same: being cancelled, not to be claimed */
    struct bf_arena *scratch;
    struct destination *ready;          /* ring of those that may have something to begin: last */
    struct line failing;                /* those that fail, and wait for their turn to be tried */
    struct line slow;
    struct line unproven;               /* those that have not answered */
    struct line well;
    struct line asking;                 /* those whose scripts wait until fewer are asked */
    struct destination *unsaved;
    unsigned n_unsaved;
    unsigned n_probes;                  /* under way */
    struct item *buckets[BUCKETS];      /* by execution number */
    struct list settled;                /* outcomes of this turn */
    struct bf_timer record_again;       /* armed: outcomes wait for it */
    bool record_failed;
    struct bf_timer look_again;
    bool look;                          /* `offered` overflowed: look for rows on disk */
    struct bf_arena *spare;             /* one arena to use again */
    size_t n_memory;
    size_t memory_bytes;
    unsigned n_flight;
    unsigned n_long;                    /* of those */
    size_t flight_bytes;
    unsigned n_asked;
    size_t asked_bytes;
    struct list answered;               /* by their scripts: they wait for a slot */
    void (*on_change)(void *arg, const struct bf_execution *e);
    void *on_change_arg;
    struct bf_courier_stats stats;
    atomic_bool draining;
    atomic_size_t n_unrecorded;         /* begun and not yet recorded */
    atomic_ullong n_delivered;
    atomic_ullong n_failed;
    atomic_size_t in_memory_now;
    atomic_uint in_flight_now;
    atomic_uint in_long_now;
    struct bf_task arrived;
    pthread_mutex_t show_lock;          /* of `destinations` for other threads, and their `shown` */
    pthread_mutex_t lock;
    struct list offered;                /* under lock, from here down */
    size_t n_offered;
    bool overflowed;                    /* more came than `offered` holds: look on disk */
    bool posted;                        /* `arrived` is on its way */
    struct report *reported;
    struct list later;                  /* with a sink that will settle them */
    struct list called;                 /* settled by one, since the last turn */
    struct bf_map *touched;             /* integrations to look at again */
};

/* Nothing of it may leave. */
static inline bool is_dry(const struct item *i) { return i->execution->automation->dry_run; }

/* A script has a say in what is sent. */
static inline bool has_transform(const struct item *i)
{
    return i->execution->automation->hooks.transform != NULL;
}

/* list */
void list_add(struct list *l, struct item *i);
struct item *list_take(struct list *l);
bool list_remove(struct list *l, struct item *i);

/* courier.c */
void courier_arrived(struct bf_courier *c);     /* make the loop look; under lock */
struct item *courier_find(struct bf_courier *c, uint64_t number);
void courier_keep(struct item *i);              /* into memory: dest and execution are set */
void courier_forget(struct item *i);            /* out of it, and freed */

/* destination.c */
struct destination *destination_get(struct bf_courier *c, const char *integration);
void destination_free(struct destination *d);
void destination_keep(struct destination *d, struct item *i);   /* into its queue in memory */
bool destination_has_room(const struct destination *d);
void destination_ready(struct destination *d);  /* look at it this turn */
void destination_look_on_disk(struct destination *d);   /* from the front of its line */
void destination_wait(struct destination *d, int64_t due_ms);   /* a row on disk will be due */
void destinations_pump(struct bf_courier *c);   /* begin what can be begun */
void destination_begun(struct destination *d, struct item *i);
void destination_weigh(struct item *i);         /* what it holds now; its arena is ours */
void destination_asks(struct item *i);          /* it waits for a script: it gives its slot back ... */
void destination_goes_on(struct item *i);       /* ... and takes one, whether there is one or not */
void destination_ended(struct destination *d, struct item *i);
void destination_forgets(struct item *i);       /* what it held */
void destination_unsaved(struct destination *d);        /* its standing is to be stored */
void destination_merges(struct destination *d); /* what has not begun is on disk, and stays there ... */
void destination_merged(struct destination *d); /* ... until now */
bool destinations_look(struct bf_courier *c);   /* for rows that no destination knows of */

/* cancel.c */
bool courier_holds(struct bf_courier *c, uint64_t number);

/* merge.c */
void merge_look(struct item *i);                /* sets n_joining, if others are to join it */
void merge_end(struct item *i);                 /* n_joined is known */

/* digest.c */
/* Then `after`, with the digest, or without one: the store cannot be read. */
void digest_read(struct item *i, void (*after)(struct item *i));
size_t digest_bytes(const struct item *i);      /* that it takes in memory; 0 if it is none */

/* attempt.c */
void attempt_begin(struct item *i);
void attempt_transformed(struct item *i);       /* goes on, once the script has had its say */
void attempt_settle(struct item *i, int outcome, int64_t after_ms, const char *words);
void attempt_settled(struct item *i);           /* the verdict is there */
void attempt_called(struct item *i);            /* the sink gave it, and prepare has returned */
/* Run `work` where its sink's prepare may run, and then `after` on the loop.  BF_EFULL: not. */
int attempt_work(struct item *i, void (*work)(struct item *i), void (*after)(struct item *i));
/* From another thread: come back to the loop, at `after`. */
void attempt_back(struct item *i, void (*after)(struct item *i));

/* transform.c */
void transform_begin(struct item *i);           /* ends in attempt_transformed() or _settled() */

#endif
