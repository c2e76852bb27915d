/* lines.c - a hash of lines, each a list of those who stand in it, the earliest first. */
#include "core/bus/lines.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/map.h"

struct line {
    struct line *next_hashed;
    uint64_t hash;
    struct bf_line_place *first, *last;
};

struct bf_line_place {
    struct line *line;
    struct bf_turn *turn;
    struct bf_line_place *earlier, *later;
};

struct bf_lines {
    struct line **buckets;
    size_t n_buckets;           /* a power of two */
    size_t n;
    struct line *spare;
};

struct bf_lines *bf_lines_new(void)
{
    struct bf_lines *l = bf_new(struct bf_lines);

    l->n_buckets = 64;
    l->buckets = bf_zalloc(l->n_buckets * sizeof(*l->buckets));
    return l;
}

void bf_lines_free(struct bf_lines *l)
{
    if (!l)
        return;
    bf_assert(l->n == 0);
    while (l->spare) {
        struct line *line = l->spare;

        l->spare = line->next_hashed;
        free(line);
    }
    free(l->buckets);
    free(l);
}

size_t bf_lines_count(const struct bf_lines *l) { return l->n; }


/* --- names ----------------------------------------------------------------------------- */

/* None of the parts is longer than BF_NAME_MAX, but for types, which are shorter. */
static uint64_t hash_of(char kind, const struct bf_envelope *e, const char *part)
{
    char text[3 * (BF_NAME_MAX + 1) + 1];
    const char *parts[] = {e->entity, e->project ? e->project : "", part};
    size_t n = 0;

    text[n++] = kind;
    for (size_t i = 0; i < BF_COUNT(parts); i++) {
        size_t len = strlen(parts[i]);

        len = len < BF_NAME_MAX ? len : BF_NAME_MAX;
        memcpy(text + n, parts[i], len);
        n += len;
        text[n++] = '\0';
    }
    return bf_hash64(text, n);
}

uint64_t bf_line_of(const struct bf_envelope *e)
{
    if (e->run_id && strncmp(e->type, "run.", 4) == 0)
        return hash_of('r', e, e->run_id);
    if (e->collection)
        return hash_of('c', e, e->collection);
    return e->run_id ? hash_of('r', e, e->run_id) : hash_of('t', e, e->type);
}


/* --- the hash -------------------------------------------------------------------------- */

static struct line **bucket_of(const struct bf_lines *l, uint64_t hash)
{
    return &l->buckets[hash & (l->n_buckets - 1)];
}

static struct line *find(const struct bf_lines *l, uint64_t hash)
{
    struct line *line = *bucket_of(l, hash);

    while (line && line->hash != hash)
        line = line->next_hashed;
    return line;
}

static void hang(struct bf_lines *l, struct line *line)
{
    struct line **bucket = bucket_of(l, line->hash);

    line->next_hashed = *bucket;
    *bucket = line;
}

static void grow(struct bf_lines *l)
{
    struct line **old = l->buckets;
    size_t n_old = l->n_buckets;

    l->n_buckets *= 2;
    l->buckets = bf_zalloc(l->n_buckets * sizeof(*l->buckets));
    for (size_t i = 0; i < n_old; i++) {
        for (struct line *line = old[i], *next; line; line = next) {
            next = line->next_hashed;
            hang(l, line);
        }
    }
    free(old);
}

static struct line *get(struct bf_lines *l, uint64_t hash)
{
    struct line *line = find(l, hash);

    if (line)
        return line;
    if (l->n >= l->n_buckets)
        grow(l);
    line = l->spare ? l->spare : bf_new(struct line);
    if (line == l->spare)
        l->spare = line->next_hashed;
    *line = (struct line){.hash = hash};
    hang(l, line);
    l->n++;
    return line;
}

static void put_away(struct bf_lines *l, struct line *line)
{
    struct line **at = bucket_of(l, line->hash);

    while (*at != line)
        at = &(*at)->next_hashed;
    *at = line->next_hashed;
    l->n--;
    line->next_hashed = l->spare;
    l->spare = line;
}


/* --- standing in them --------------------------------------------------------------------- */

bool bf_lines_held(const struct bf_lines *l, uint64_t line, uint64_t order)
{
    const struct line *found = l->n ? find(l, line) : NULL;

    return found && found->first->turn->order < order;
}

/* Most come last. */
static void stand(struct line *line, struct bf_line_place *p)
{
    struct bf_line_place *earlier = line->last;

    while (earlier && earlier->turn->order > p->turn->order)
        earlier = earlier->earlier;
    p->line = line;
    p->earlier = earlier;
    p->later = earlier ? earlier->later : line->first;
    *(p->earlier ? &p->earlier->later : &line->first) = p;
    *(p->later ? &p->later->earlier : &line->last) = p;
    if (p->earlier)
        p->turn->n_before++;
    else if (p->later)
        p->later->turn->n_before++;
}

static int by_hash(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

static size_t without_repeats(uint64_t *lines, size_t n)
{
    size_t kept = 0;

    qsort(lines, n, sizeof(*lines), by_hash);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || lines[kept - 1] != lines[i])
            lines[kept++] = lines[i];
    }
    return kept;
}

void bf_lines_join(struct bf_lines *l, struct bf_turn *t, const uint64_t *lines, size_t n)
{
    uint64_t one = n ? lines[0] : 0, *sorted = &one;

    bf_assert(t->n_places == 0);
    if (n > 1) {
        sorted = bf_zalloc(n * sizeof(*sorted));
        memcpy(sorted, lines, n * sizeof(*sorted));
        n = without_repeats(sorted, n);
    }
    t->n_before = 0;
    t->n_places = n;
    t->places = n ? bf_zalloc(n * sizeof(*t->places)) : NULL;
    for (size_t i = 0; i < n; i++) {
        t->places[i].turn = t;
        stand(get(l, sorted[i]), &t->places[i]);
    }
    if (sorted != &one)
        free(sorted);
}

void bf_lines_leave(struct bf_lines *l, struct bf_turn *t,
                    void (*on_turn)(void *arg, struct bf_turn *t), void *arg)
{
    struct bf_line_place *places = t->places;
    size_t n = t->n_places;

    t->places = NULL;
    t->n_places = t->n_before = 0;
    for (size_t i = 0; i < n; i++) {
        struct bf_line_place *p = &places[i], *next = p->later;
        struct line *line = p->line;

        *(p->earlier ? &p->earlier->later : &line->first) = next;
        *(next ? &next->earlier : &line->last) = p->earlier;
        if (!line->first)
            put_away(l, line);
        else if (!p->earlier && --next->turn->n_before == 0)
            on_turn(arg, next->turn);
    }
    free(places);
}
