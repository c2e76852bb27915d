/* series.c - a ring of values, and windows that roll over it.
 *
 * A window is only kept while it is full, so at each push one value enters it and one leaves, and
 * both are still in the ring: `depth` is never less than any window's.  Values are known by their
 * serial, which counts pushes and may wrap, as only differences matter.
 *
 * Windows are sorted by a key, so that one is found fast among a hundred different ones over the
 * same metric. */
#include "core/rules/series.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/exact.h"

/* Up to so many values are worked through at each asking, as that takes no longer than to roll a
 * window.  A deviation is kept from the first asking until the next value. */
#define AVERAGED_AT_ASKING 4
#define SPREAD_AT_ASKING   10
#define COMPARED_AT_ASKING 16

#define RING_FIRST 16
#define STOCK_MIN  64           /* pushes from one stocktaking to the next */

/* Serials of values, oldest first, each of which is the least (greatest) of the window once those
 * before it have left: newer ones that are as small (great) have put out the others. */
struct queue {
    uint32_t *serials;          /* a ring */
    uint32_t cap, first, n;
};

struct sums {
    struct bf_exact sum, squares;
};

/* What it came to is kept until the next value: to take a root costs more than all the rest. */
struct spread {
    struct sums *sums;          /* NULL if they are made at the first asking for each value */
    double mean, deviation;     /* if known */
};

struct window {
    uint64_t key;
    union {
        struct bf_exact sum;    /* BF_AVERAGE */
        struct queue queue;     /* BF_LEAST, BF_GREATEST */
        struct spread spread;   /* BF_DEVIATION */
    };
    bool known;                 /* the deviation */
    bool asked;                 /* since the last stocktaking */
};

struct bf_series {
    double *ring;
    struct window *windows;     /* by their keys */
    uint32_t cap;               /* of the ring; at most depth */
    uint32_t count, newest;     /* values in it; where the newest is */
    uint32_t serial;            /* of the newest */
    uint32_t depth;             /* values it may hold */
    uint32_t asked;             /* depth that was asked for since the last stocktaking */
    uint32_t pushes;            /* since then */
    uint32_t n_windows;
    bool whole;                 /* it holds all that there are */
};

struct bf_series *bf_series_new(void) { return bf_new(struct bf_series); }

/* --- values ----------------------------------------------------------------------------------- */

size_t bf_series_count(const struct bf_series *s) { return s->count; }

double bf_series_at(const struct bf_series *s, size_t i)
{
    bf_assert(i < s->count);
    return s->ring[i <= s->newest ? s->newest - i : s->newest + s->cap - i];
}

static double of_serial(const struct bf_series *s, uint32_t serial)
{
    return bf_series_at(s, s->serial - serial);
}

/* A ring of another size, with the newest values that fit. */
static void resize(struct bf_series *s, uint32_t cap)
{
    uint32_t keep = s->count < cap ? s->count : cap;
    double *ring = cap ? bf_zrealloc(NULL, cap * sizeof(*ring)) : NULL;

    for (uint32_t i = 0; i < keep; i++)
        ring[keep - 1 - i] = bf_series_at(s, i);
    if (keep < s->count)
        s->whole = false;
    free(s->ring);
    s->ring = ring;
    s->cap = cap;
    s->count = keep;
    s->newest = keep ? keep - 1 : 0;
}

static void grow(struct bf_series *s)
{
    uint32_t cap = s->cap < RING_FIRST / 2 ? RING_FIRST : 2 * s->cap;

    resize(s, cap < s->depth ? cap : s->depth);
}

static void put(struct bf_series *s, double value)
{
    s->serial++;
    if (s->count == s->cap && s->cap < s->depth)
        grow(s);
    if (s->count == s->cap)
        s->whole = false;       /* the oldest makes way, or there is no room at all */
    else
        s->count++;
    if (s->cap == 0)
        return;
    s->newest = s->count == 1 || s->newest + 1 == s->cap ? 0 : s->newest + 1;
    s->ring[s->newest] = value;
}

/* --- least and greatest ----------------------------------------------------------------------- */

/* Whether a value may still be the least (greatest) when a newer one has come. */
static bool outlasts(unsigned aggregation, double value, double newer)
{
    return aggregation == BF_LEAST ? value < newer : value > newer;
}

static uint32_t *queue_slot(const struct queue *q, uint32_t i)
{
    uint32_t at = q->first + i;

    return &q->serials[at < q->cap ? at : at - q->cap];
}

static void queue_grow(struct queue *q)
{
    uint32_t cap = q->cap ? 2 * q->cap : 8;
    uint32_t *serials = bf_zrealloc(NULL, cap * sizeof(*serials));

    for (uint32_t i = 0; i < q->n; i++)
        serials[i] = *queue_slot(q, i);
    free(q->serials);
    *q = (struct queue){serials, cap, 0, q->n};
}

static void queue_enter(const struct bf_series *s, struct queue *q, unsigned aggregation,
                        uint32_t serial, double value)
{
    while (q->n && !outlasts(aggregation, of_serial(s, *queue_slot(q, q->n - 1)), value))
        q->n--;
    if (q->n == q->cap)
        queue_grow(q);
    q->n++;
    *queue_slot(q, q->n - 1) = serial;
}

static void queue_leave(struct queue *q, uint32_t serial)
{
    if (*queue_slot(q, 0) != serial)
        return;
    q->first = q->first + 1 < q->cap ? q->first + 1 : 0;
    q->n--;
}

/* --- windows ---------------------------------------------------------------------------------- */

/* Sizes have 17 bits, and what they leave out may have some more. */
static uint64_t key_of(const struct bf_window *w)
{
    return (uint64_t)w->aggregation << 56 | (uint64_t)w->size << 32 | w->behind;
}
static unsigned aggregation_of(const struct window *w) { return (unsigned)(w->key >> 56); }
static uint32_t size_of(const struct window *w) { return w->key >> 32 & 0xffffff; }
static uint32_t behind_of(const struct window *w) { return (uint32_t)w->key; }

static void drop_sums(struct sums *sums)
{
    if (!sums)
        return;
    bf_exact_fini(&sums->sum);
    bf_exact_fini(&sums->squares);
    free(sums);
}

static void drop_window(struct window *w)
{
    switch (aggregation_of(w)) {
    case BF_AVERAGE:
        bf_exact_fini(&w->sum);
        break;
    case BF_DEVIATION:
        drop_sums(w->spread.sums);
        break;
    default:
        free(w->queue.serials);
    }
}

static void drop_windows(struct bf_series *s)
{
    for (uint32_t i = 0; i < s->n_windows; i++)
        drop_window(&s->windows[i]);
    free(s->windows);
    s->windows = NULL;
    s->n_windows = 0;
}

static void sums_add(struct sums *sums, double value)
{
    bf_exact_add(&sums->sum, value);
    bf_exact_add_square(&sums->squares, value);
}

static void sums_sub(struct sums *sums, double value)
{
    bf_exact_sub(&sums->sum, value);
    bf_exact_sub_square(&sums->squares, value);
}

static void enter(const struct bf_series *s, struct window *w, uint32_t serial, double value)
{
    switch (aggregation_of(w)) {
    case BF_AVERAGE:
        bf_exact_add(&w->sum, value);
        break;
    case BF_DEVIATION:
        if (w->spread.sums)
            sums_add(w->spread.sums, value);
        w->known = false;
        break;
    default:
        queue_enter(s, &w->queue, aggregation_of(w), serial, value);
    }
}

static void leave(struct window *w, uint32_t serial, double value)
{
    switch (aggregation_of(w)) {
    case BF_AVERAGE:
        bf_exact_sub(&w->sum, value);
        break;
    case BF_DEVIATION:
        if (w->spread.sums)
            sums_sub(w->spread.sums, value);
        break;
    default:
        queue_leave(&w->queue, serial);
    }
}

/* What the value that is about to be pushed does to a window. */
static void roll(const struct bf_series *s, struct window *w, double value)
{
    uint32_t size = size_of(w), behind = behind_of(w), serial = s->serial + 1 - behind;

    leave(w, serial - size, bf_series_at(s, behind + size - 1));
    enter(s, w, serial, behind ? bf_series_at(s, behind - 1) : value);
}

/* Where the window of a key is, or would be. */
static uint32_t place_of(const struct bf_series *s, uint64_t key)
{
    uint32_t from = 0, to = s->n_windows;

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;

        if (s->windows[middle].key < key)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static struct window *make_window(struct bf_series *s, uint32_t place, const struct bf_window *as)
{
    struct window *w;

    s->windows = bf_zrealloc(s->windows, (s->n_windows + 1) * sizeof(*s->windows));
    w = &s->windows[place];
    memmove(w + 1, w, (s->n_windows - place) * sizeof(*w));
    s->n_windows++;
    *w = (struct window){.key = key_of(as)};
    if (as->aggregation == BF_DEVIATION && as->size > SPREAD_AT_ASKING)
        w->spread.sums = bf_new(struct sums);
    for (uint32_t i = as->behind + as->size; i-- > as->behind; )
        enter(s, w, s->serial - i, bf_series_at(s, i));
    return w;
}

/* The window, which is full; made if there was none. */
static struct window *window_for(struct bf_series *s, const struct bf_window *as)
{
    uint32_t place = place_of(s, key_of(as));
    struct window *w;

    if (place < s->n_windows && s->windows[place].key == key_of(as))
        w = &s->windows[place];
    else
        w = make_window(s, place, as);
    w->asked = true;
    return w;
}

/* --- stocktaking ------------------------------------------------------------------------------ */

static void need(struct bf_series *s, size_t depth)
{
    if (s->asked < depth)
        s->asked = (uint32_t)depth;
    if (s->depth < depth)
        s->depth = (uint32_t)depth;
}

static void drop_unasked(struct bf_series *s)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < s->n_windows; i++) {
        struct window *w = &s->windows[i];

        if (w->asked) {
            w->asked = false;
            s->windows[kept++] = *w;
        } else {
            drop_window(w);
        }
    }
    if (kept < s->n_windows)
        s->windows = bf_zrealloc(s->windows, kept * sizeof(*s->windows));
    s->n_windows = kept;
}

static void take_stock(struct bf_series *s)
{
    drop_unasked(s);
    s->depth = s->asked;
    if (s->cap > s->depth)
        resize(s, s->depth);
    s->asked = 0;
    s->pushes = 0;
}

/* --- for the evaluator ------------------------------------------------------------------------ */

void bf_series_free(struct bf_series *s)
{
    if (!s)
        return;
    drop_windows(s);
    free(s->ring);
    free(s);
}

bool bf_series_wants(struct bf_series *s, size_t depth)
{
    need(s, depth);
    return s->count < depth && !s->whole;
}

void bf_series_fill(struct bf_series *s, const double *newest_first, size_t n, size_t asked)
{
    bf_assert(n <= asked);
    drop_windows(s);
    s->count = 0;
    need(s, asked);
    resize(s, (uint32_t)n);
    for (size_t i = n; i-- > 0; )
        put(s, newest_first[i]);
    s->whole = n < asked;
}

void bf_series_push(struct bf_series *s, double value)
{
    for (uint32_t i = 0; i < s->n_windows; i++)
        roll(s, &s->windows[i], value);
    put(s, value);
    if (++s->pushes >= (s->depth > STOCK_MIN ? s->depth : STOCK_MIN))
        take_stock(s);
}

static double average_at_asking(const struct bf_series *s, const struct bf_window *w)
{
    struct bf_exact sum;
    double average;

    bf_exact_init(&sum);
    for (uint32_t i = w->behind; i < w->behind + w->size; i++)
        bf_exact_add(&sum, bf_series_at(s, i));
    average = bf_exact_round(&sum) / w->size;
    bf_exact_fini(&sum);
    return average;
}

static double extreme_at_asking(const struct bf_series *s, const struct bf_window *w)
{
    double extreme = bf_series_at(s, w->behind);

    for (uint32_t i = w->behind + 1; i < w->behind + w->size; i++)
        if (outlasts(w->aggregation, bf_series_at(s, i), extreme))
            extreme = bf_series_at(s, i);
    return extreme;
}

static void settle_spread(const struct bf_series *s, struct window *w, const struct sums *sums)
{
    struct sums made = {0};

    if (!sums) {
        for (uint32_t i = 0; i < size_of(w); i++)
            sums_add(&made, bf_series_at(s, behind_of(w) + i));
        sums = &made;
    }
    w->spread.mean = bf_exact_round(&sums->sum) / size_of(w);
    w->spread.deviation = bf_exact_deviation(&sums->sum, &sums->squares, size_of(w));
    w->known = true;
    bf_exact_fini(&made.sum);
    bf_exact_fini(&made.squares);
}

static struct bf_window_value spread_of(const struct bf_series *s, struct window *w)
{
    if (!w->known)
        settle_spread(s, w, w->spread.sums);
    return (struct bf_window_value){.value = w->spread.mean, .deviation = w->spread.deviation};
}

struct bf_window_value bf_series_window(struct bf_series *s, const struct bf_window *w)
{
    size_t depth = bf_window_depth(w);

    bf_assert(w->size > (w->aggregation == BF_DEVIATION) && w->size <= BF_WINDOW_MAX);
    need(s, depth);
    if (s->count < depth)
        return (struct bf_window_value){.missing = (uint32_t)(depth - s->count)};
    switch (w->aggregation) {
    case BF_LAST:
        return (struct bf_window_value){.value = bf_series_at(s, w->behind)};
    case BF_AVERAGE:
        return (struct bf_window_value){
            .value = w->size <= AVERAGED_AT_ASKING
                         ? average_at_asking(s, w)
                         : bf_exact_round(&window_for(s, w)->sum) / w->size};
    case BF_DEVIATION:
        return spread_of(s, window_for(s, w));
    default:
        return (struct bf_window_value){
            .value = w->size <= COMPARED_AT_ASKING
                         ? extreme_at_asking(s, w)
                         : of_serial(s, *queue_slot(&window_for(s, w)->queue, 0))};
    }
}

/* What malloc takes for so many bytes. */
static size_t taken(size_t len) { return len ? (len + sizeof(size_t) + 15) & ~(size_t)15 : 0; }

static size_t sums_size(const struct sums *sums)
{
    return sums ? taken(sizeof(*sums)) + taken(bf_exact_outside(&sums->sum)) +
                      taken(bf_exact_outside(&sums->squares))
                : 0;
}

static size_t window_size(const struct window *w)
{
    switch (aggregation_of(w)) {
    case BF_AVERAGE:
        return taken(bf_exact_outside(&w->sum));
    case BF_DEVIATION:
        return sums_size(w->spread.sums);
    default:
        return taken(w->queue.cap * sizeof(*w->queue.serials));
    }
}

size_t bf_series_size(const struct bf_series *s)
{
    size_t size = taken(sizeof(*s)) + taken(s->cap * sizeof(*s->ring)) +
                  taken(s->n_windows * sizeof(*s->windows));

    for (uint32_t i = 0; i < s->n_windows; i++)
        size += window_size(&s->windows[i]);
    return size;
}
