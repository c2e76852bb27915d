/* pool_int.h - what the files of the pool share: its seats, and who sits there.
 *
 * CONCEPT.  A seat is room for one process.  It is filled by a *spare*, which has started and asked for
 * nothing yet; the first call makes it the *steady* process, which all scripts of proven quickness
 * share, or one that is *aside*, for one script at a time.  There is at most one steady process and
 * BF_SCRIPT_PROCESSES are aside; one spare more is kept warm while there is work, so that a call need
 * not wait for a start.
 *
 * OPERATION.  Calls wait in one of two places: in the row of the steady process, in their order over
 * all its scripts, or with their script, which then stands in line for a process aside.  A script is
 * at work in one place at a time, so its answers come in order.  Those that cost a process lately
 * stand in a line of their own and get at most half of the processes, so that a newcomer never waits
 * for a crowd of them.
 *
 * As many processes aside are at work at a time as there are processors.  More would not be through any
 * sooner, and a hub's thread that wakes up beside a crowd waits for a turn, however little the crowd is
 * worth: eight that loop, with the lowest priority there is, make a p99 of 3 ms one of 12 on two
 * processors, where two leave it as it is.  On a machine that is busy otherwise a call may get no
 * processor for long; so a batch counts for twice a call's budget only, and then keeps nobody out.
 *
 * SAFETY.  pool_process.c knows processes, pool_batch.c what they are given and answer, pool_lanes.c
 * who is asked where, pool.c the thread.  All but what stands under the pool's lock belongs to that thread, [scripts]. */
#ifndef BF_POOL_INT_H
#define BF_POOL_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "core/script/pool.h"
#include "core/script/wire.h"

#define BF_POOL_SEATS      (BF_SCRIPT_PROCESSES + 2)    /* with the steady one and the spare */
#define BF_POOL_QUICK_US   1000         /* a call that takes less is quick; */
#define BF_POOL_QUICK      32           /* so many of them in a row, and a script is */
#define BF_POOL_SLOW_US    5000         /* a call that takes more makes it one that is not */
#define BF_POOL_SUSPECTS   (BF_SCRIPT_PROCESSES / 2)    /* processes for scripts that cost one lately */
#define BF_POOL_PLACE_MS   100          /* a batch has its place for so long at most */
#define BF_POOL_CALLS      4096         /* of a batch; */
#define BF_POOL_BYTES      (256 * 1024) /* and no more than these, unless one call alone has more; */
#define BF_POOL_SLICE_US   20000        /* and what they will probably take */
#define BF_POOL_TEXTS      (4 * 1024 * 1024)    /* bytes of scripts, and a process makes way */
#define BF_POOL_CPU_MS     30000        /* of a process's life, and it makes way */
#define BF_POOL_TICK_MS    10           /* how often a process at work is looked at */
#define BF_POOL_GLANCE_MS  3            /* and one aside that does not stand back yet */
#define BF_POOL_BACK_US    5000         /* of one call between two looks, and it stands back */
#define BF_POOL_START_MS   5000         /* the longest a start may take */
#define BF_POOL_IDLE_MS    5000         /* a process aside that has nothing to do ends; */
#define BF_POOL_STEADY_MS  60000        /* and the steady one */
#define BF_POOL_WARM_MS    3            /* after the spare was taken, before the next one is started */
#define BF_POOL_RETRY_MS   1000         /* after a start that failed, before the next one */
#define BF_POOL_LINES      20           /* of belfry.log, per second and script */
#define BF_POOL_ZONES      64           /* names of time zones that a process is started with */

/* What epoll says that an event is about; smaller ones: a seat's socket, or its process. */
#define BF_POOL_ON_WAKE        1000
#define BF_POOL_ON_DYING       1001
#define BF_POOL_ON_SOCKET(at)  (2 * (at))
#define BF_POOL_ON_PROCESS(at) (2 * (at) + 1)

struct bf_calls {               /* in a row, by their links */
    struct bf_link *first;
    struct bf_link **end;
    size_t n;
};

struct bf_pool_script {
    char *name;
    char *code;
    size_t len;
    unsigned needs;
    char hash[BF_HASH_LEN + 1];
    atomic_uint refs;           /* everybody's */
    unsigned held;              /* of these, by seats that have the text  [scripts], from here down */
    uint32_t number[BF_POOL_SEATS];     /* there, and 0: it has not */
    struct bf_calls calls;      /* that wait for a process aside */
    struct bf_pool_script *next_in_line;
    bool in_line;
    bool quick;                 /* it is asked in the steady process */
    bool suspect;               /* its last call cost a process */
    unsigned streak;            /* quick calls in a row */
    unsigned flying;            /* calls at work */
    unsigned average_us;        /* of a call, of late */
    int64_t lines_since_ms;     /* of belfry.log: this second's */
    unsigned lines;
    bool known;                 /* its zones are among the pool's */
    struct bf_buf zones;        /* names of zones that stand in the text, a NUL after each */
    unsigned n_zones;
};

struct bf_line {
    struct bf_pool_script *first;
    struct bf_pool_script **end;
};

enum bf_seat_state {
    BF_SEAT_EMPTY,
    BF_SEAT_STARTING,           /* has not rung yet */
    BF_SEAT_READY,
    BF_SEAT_BUSY                /* has a batch */
};
enum bf_seat_role { BF_SEAT_SPARE, BF_SEAT_STEADY, BF_SEAT_ASIDE };

struct bf_seat {
    struct bf_pool *pool;
    unsigned at;                /* of the pool's seats */
    enum bf_seat_state state;
    enum bf_seat_role role;
    bool apart;                 /* for one batch only */
    bool going;                 /* it makes way as soon as it is ready */
    bool stands_back;           /* it runs when nobody else wants to */
    pid_t pid;
    int pidfd;
    int socket;
    clockid_t cpu;
    struct bf_board *board;
    struct bf_calls batch;      /* not answered yet */
    bool suspect;               /* its batch is a suspect's */
    size_t taken;               /* bytes of `out` that were read */
    uint32_t answered;          /* calls of the batch */
    int64_t since_ms;           /* of the state */
    uint32_t seen;              /* how far it was when it was looked at, and since then: */
    int64_t seen_cpu_us;        /* what its clock said; 0: it was not looked at */
    int64_t seen_ms;            /* time on the wall, as far as we were awake */
    int64_t looked_ms;
    struct bf_pool_script **scripts;    /* whose texts it has, by number - 1; counted */
    uint32_t n_scripts, cap_scripts;
    uint32_t *unused;           /* numbers that are free again */
    uint32_t n_unused, cap_unused;
    uint32_t *forget;           /* numbers it is to be told to forget */
    uint32_t n_forget, cap_forget;
    size_t texts;               /* bytes of scripts */
};

#define BF_POOL_DYING 4         /* so many that were killed may be on their way out; then none is started */

struct bf_dying {               /* killed, and not reaped yet */
    struct bf_dying *next;
    pid_t pid;
    int pidfd;
};

struct bf_pool {
    char *helper;
    const struct bf_clock *clock;
    struct bf_log *log;
    void (*every)(void *arg);   /* fixed before the thread runs */
    void *every_arg;
    int64_t every_ms;

    unsigned places;            /* processes aside that may be at work at a time */

    int epoll, wake;            /* [scripts], from here down */
    struct bf_seat seats[BF_POOL_SEATS];
    struct bf_dying *dying;
    unsigned n_dying;
    struct bf_calls steady;     /* that wait for the steady process */
    struct bf_line line, suspects;      /* scripts that wait for one aside */
    struct bf_calls refused;    /* asked when it was too late */
    struct bf_buf out;          /* of one batch, or answers */
    unsigned unbegun;           /* processes in a row that died before they began what they were given */
    unsigned failed_starts;     /* in a row */
    bool broken;                /* the last start failed, with these words: */
    char words[512];
    int64_t broken_ms;
    int64_t told_ms;            /* in the log */
    bool told;
    int64_t now_ms;             /* of this turn */
    int64_t asked_ms;           /* the last call */
    int64_t warm_ms;            /* when another spare may be started that nobody waits for */
    int64_t swept_ms;
    int64_t every_at_ms;
    bool ending;
    bool hungry;                /* another process is to be started at once */
    struct bf_buf zones;        /* names that scripts have for time zones, a NUL after each; */
    unsigned n_zones;           /* a process can read none once it runs */
    struct bf_arena *scratch;
    struct bf_tally {           /* written by [scripts] alone, read by anybody */
        atomic_ullong calls, failures, batches, started, ended, killed, slow;
    } tally;

    pthread_mutex_t lock;
    struct bf_link *tasks;      /* under lock, from here down */
    struct bf_link **tasks_end;
    pthread_t thread;
    bool started, stopping;
};

static inline void bf_pool_count(atomic_ullong *n)
{
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* --- pool.c ----------------------------------------------------------------------------------- */

void bf_calls_init(struct bf_calls *c);
void bf_calls_add(struct bf_calls *c, struct bf_pool_call *call);
struct bf_pool_call *bf_calls_first(const struct bf_calls *c);
struct bf_pool_call *bf_calls_take(struct bf_calls *c); /* NULL: there is none */
/* The calls of `these`, which are empty then, before those of c. */
void bf_calls_put_before(struct bf_calls *c, struct bf_calls *these);
int64_t bf_pool_now_ms(void);

/* --- pool_process.c --------------------------------------------------------------------------- */

/* Fill an empty seat with a spare; false with p->words. */
bool bf_seat_start(struct bf_pool *p);
void bf_seat_take(struct bf_seat *s, enum bf_seat_role role);   /* a spare, for good */
/* One aside lets everybody else go first from now on, and makes way after its batch. */
void bf_seat_stand_back(struct bf_seat *s);
/* End the process, which has no batch; the seat is empty. */
void bf_seat_kill(struct bf_seat *s);
void bf_seat_empty(struct bf_seat *s);          /* its process has ended, and was reaped */
void bf_seat_signal(const struct bf_seat *s);   /* it shall end, and the seat wait for that */
/* *status is as of wait(), or -1 if somebody else was told. */
bool bf_seat_has_ended(const struct bf_seat *s, int *status);
void bf_seat_set_state(struct bf_seat *s, enum bf_seat_state state);
int64_t bf_seat_cpu_us(const struct bf_seat *s);        /* of its life */
void bf_pool_reap(struct bf_pool *p, bool wait);        /* those that were killed */

/* --- pool_batch.c ----------------------------------------------------------------------------- */

/* A batch: first what the process is to forget.  Then append a call to p->out, with what the process
 * does not have yet of it; `about` is the event before it.  False if there is no room.  Then send. */
void bf_seat_begin(struct bf_seat *s);
bool bf_seat_put(struct bf_seat *s, const struct bf_pool_call *c, const struct bf_box_event *about);
void bf_seat_send(struct bf_seat *s);
void bf_seat_rung(struct bf_seat *s);           /* its socket has something to read */
void bf_seat_ended(struct bf_seat *s);          /* its process seems to have ended */
void bf_seat_look(struct bf_seat *s, int64_t now_ms);   /* is it within its limits? */
void bf_seat_sweep(struct bf_seat *s);          /* let go of scripts that nobody else has */

/* --- pool_lanes.c ----------------------------------------------------------------------------- */

void bf_pool_dispatch(struct bf_pool *p);
/* A call of the batch at work is answered: what it says is set, and it is gone afterwards. */
void bf_pool_landed(struct bf_seat *s, struct bf_pool_call *c, bool heavy);
/* The same for one that cost its process; and for one that waited. */
BF_FORMAT(3, 4) void bf_pool_crashed(struct bf_seat *s, struct bf_pool_call *c, const char *fmt, ...);
BF_FORMAT(3, 4) void bf_pool_fail(struct bf_pool *p, struct bf_pool_call *c, const char *fmt, ...);
/* A batch is over, as far as it came: what is left of it is asked again. */
void bf_pool_batch_over(struct bf_seat *s);
/* p->words say why there are no processes: what cannot be asked fails. */
void bf_pool_start_failed(struct bf_pool *p);
void bf_pool_fail_all(struct bf_pool *p, const char *words);    /* whatever waits */

#endif
