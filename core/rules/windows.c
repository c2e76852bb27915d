/* windows.c - the series of metrics in runs, kept between records.
 *
 * CONCEPT.  A series is a cache of stored points.  It is made when somebody first asks about a metric
 * of a run, filled from memory->tail, and follows each point from then on.  All that ask share it.
 *
 * OPERATION.  The series stand in a list, the one touched last in front.  Past the limit those at the
 * end are dropped, but none that the record at hand has touched: so a record may take more, and what
 * it pushed is not lost.  The store knows the points of earlier records only; a series that has to
 * be filled deeper gets this record's points again behind them.
 *
 * SAFETY.  A series is right only if every point of its metric was pushed since it was filled, that
 * is, if somebody watched all the time.  Each place of the index has a number that grows (`born`), and
 * a series the number up to which it is known to be right; if none of those who watch it now is so
 * old, it is made anew.  What an undone transaction touched stands in front, and is dropped. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/rules/rules_int.h"

#define KEY_MAX   (BF_NAME_MAX + 16)
#define BASELINES  16                   /* of as many metrics as an automation has conditions */
#define RUN_EFFORT 20                   /* see bf_rules_bound() */
#define DEPTH_MAX (2 * BF_WINDOW_MAX)   /* of a change, both windows */

struct bf_watched {
    struct bf_watched *newer;
    struct bf_watched *older;
    struct bf_series *series;
    uint64_t record;            /* the one that touched it last */
    uint64_t round;             /* between two calls of settle */
    uint64_t right;             /* up to this number of places */
    size_t bytes;               /* counted for it */
    uint32_t pushed;            /* values of that record */
    char key[];
};

/* What came of a question about the runs before. */
struct baseline {
    char metric[BF_NAME_MAX + 1];
    size_t asked;
    size_t n;
    struct bf_run_value *values;
};

struct bf_windows {
    struct bf_map *by_key;
    struct bf_watched *newest;
    struct bf_watched *oldest;
    uint64_t record;
    uint64_t round;
    size_t bytes;
    size_t max_bytes;
    double *room;               /* for values on their way */
    size_t n_room;
    struct baseline runs[BASELINES];    /* questions about earlier runs, for the record at hand */
    size_t n_runs;                      /* asked in it; beyond BASELINES the first makes way */
};

struct bf_windows *bf_windows_new(size_t max_bytes)
{
    struct bf_windows *w = bf_new(struct bf_windows);

    w->by_key = bf_map_new();
    w->max_bytes = max_bytes;
    return w;
}

void bf_windows_free(struct bf_windows *w)
{
    if (!w)
        return;
    bf_windows_clear(w);
    bf_map_free(w->by_key);
    free(w->room);
    for (size_t i = 0; i < BASELINES; i++)
        free(w->runs[i].values);
    free(w);
}

void bf_windows_limit(struct bf_windows *w, size_t max_bytes) { w->max_bytes = max_bytes; }

size_t bf_windows_size(const struct bf_windows *w) { return w->bytes; }

/* ---- the list ---- */

static void take_out(struct bf_windows *w, struct bf_watched *e)
{
    *(e->newer ? &e->newer->older : &w->newest) = e->older;
    *(e->older ? &e->older->newer : &w->oldest) = e->newer;
}

static void put_in_front(struct bf_windows *w, struct bf_watched *e)
{
    e->newer = NULL;
    e->older = w->newest;
    *(w->newest ? &w->newest->newer : &w->oldest) = e;
    w->newest = e;
}

static void drop(struct bf_windows *w, struct bf_watched *e)
{
    take_out(w, e);
    bf_map_remove(w->by_key, e->key);
    w->bytes -= e->bytes;
    bf_series_free(e->series);
    free(e);
}

void bf_windows_clear(struct bf_windows *w)
{
    while (w->newest)
        drop(w, w->newest);
}

void bf_windows_begin(struct bf_windows *w)
{
    w->record++;
    w->n_runs = 0;
}

/* What it takes in the map as well, about. */
static size_t size_of(const struct bf_watched *e)
{
    return sizeof(*e) + 2 * strlen(e->key) + 64 + bf_series_size(e->series);
}

void bf_windows_end(struct bf_windows *w)
{
    for (struct bf_watched *e = w->newest; e && e->record == w->record; e = e->older) {
        w->bytes -= e->bytes;
        e->bytes = size_of(e);
        w->bytes += e->bytes;
    }
    while (w->bytes > w->max_bytes && w->oldest->record != w->record)
        drop(w, w->oldest);
}

void bf_windows_undo(struct bf_windows *w)
{
    while (w->newest && w->newest->round == w->round)
        drop(w, w->newest);
    w->n_runs = 0;
}

void bf_windows_settle(struct bf_windows *w) { w->round++; }

/* ---- one series ---- */

/* The run's number in seven bits a byte, none of them 0, and the metric. */
static size_t make_key(char key[KEY_MAX], uint64_t run, const char *metric)
{
    size_t n = 0, len = strlen(metric);

    bf_assert(len <= BF_NAME_MAX);
    do
        key[n++] = (char)(0x80 | (run & 0x7f));
    while (run >>= 7);
    key[n++] = '\x1f';
    memcpy(key + n, metric, len + 1);
    return n + len;
}

const char *bf_watched_metric(const struct bf_watched *e) { return strchr(e->key, '\x1f') + 1; }

static struct bf_watched *add(struct bf_windows *w, const char *key, size_t len)
{
    struct bf_watched *e = bf_zalloc(sizeof(*e) + len + 1);

    memcpy(e->key, key, len + 1);
    e->series = bf_series_new();
    bf_map_set(w->by_key, e->key, e);
    put_in_front(w, e);
    return e;
}

struct bf_watched *bf_watched(struct bf_judging *j, const char *metric, uint64_t born)
{
    struct bf_windows *w = j->rules->windows;
    char key[KEY_MAX];
    size_t len = make_key(key, j->record->run, metric);
    struct bf_watched *e = bf_map_get_len(w->by_key, key, len);

    if (e && e->record != w->record && born > e->right) {
        drop(w, e);
        e = NULL;
    }
    if (!e)
        e = add(w, key, len);
    if (e->record != w->record) {
        e->record = w->record;
        e->round = w->round;
        e->pushed = 0;
        take_out(w, e);
        put_in_front(w, e);
    }
    e->right = j->rules->born;
    return e;
}

void bf_watched_push(struct bf_watched *e, double value)
{
    bf_series_push(e->series, value);
    e->pushed++;
}

/* ---- filling ---- */

static double *room_for(struct bf_windows *w, size_t n)
{
    if (n > w->n_room) {
        w->room = bf_zrealloc(w->room, n * sizeof(*w->room));
        w->n_room = n;
    }
    return w->room;
}

static bool is_of(const struct bf_point *p, const char *metric)
{
    return p->in_order && isfinite(p->value) && strcmp(p->name, metric) == 0;
}

/* Those of this record that it had, for the store gives only what was before. */
static void push_again(const struct bf_judging *j, struct bf_watched *e)
{
    const struct bf_point *points = j->record->points;
    const char *metric = bf_watched_metric(e);
    size_t i = j->at + 1;

    for (uint32_t left = e->pushed; left > 0;) {
        bf_assert(i > 0);
        left -= is_of(&points[--i], metric);
    }
    for (; e->pushed && i <= j->at; i++) {
        if (is_of(&points[i], metric))
            bf_series_push(e->series, points[i].value);
    }
}

/* One that has to be filled again is filled twice as deep, or else a thousand windows, each a little
 * larger than the one before, would read a run a thousand times. */
struct bf_series *bf_watched_series(struct bf_judging *j, struct bf_watched *e, size_t depth)
{
    size_t n = 0, asked = bf_max64(depth, bf_min64(2 * bf_series_count(e->series), DEPTH_MAX));
    struct bf_windows *w = j->rules->windows;
    double *values;

    if (!bf_series_wants(e->series, depth))
        return e->series;
    values = room_for(w, asked);
    if (j->memory)
        n = j->memory->tail(j->memory->arg, j->record->run, bf_watched_metric(e), asked, values);
    bf_series_fill(e->series, values, n, asked);
    push_again(j, e);
    return e->series;
}

static struct baseline *baseline_of(struct bf_windows *w, const char *metric)
{
    struct baseline *b = NULL;

    for (size_t i = 0; i < w->n_runs && i < BASELINES; i++) {
        if (strcmp(w->runs[i].metric, metric) == 0)
            return &w->runs[i];
    }
    b = &w->runs[w->n_runs++ % BASELINES];
    snprintf(b->metric, sizeof(b->metric), "%s", metric);
    b->asked = b->n = 0;
    return b;
}

/* Automations that share a baseline ask the store once per record; the other runs go on meanwhile. */
const struct bf_run_value *bf_windows_runs(struct bf_judging *j, const char *metric, size_t max,
                                           size_t *n)
{
    struct baseline *b = baseline_of(j->rules->windows, metric);

    if (b->asked < max) {
        free(b->values);
        b->values = bf_zalloc(max * sizeof(*b->values));
        b->asked = max;
        if (j->memory)
            b->n = j->memory->earlier_runs(j->memory->arg, j->record->run, metric, max, b->values);
        j->rules->effort += b->n * RUN_EFFORT;
    }
    *n = b->n < max ? b->n : max;
    return b->values;
}
