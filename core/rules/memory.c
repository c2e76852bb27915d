/* memory.c - names of what is remembered, and a memory that lies over another. */
#include "core/rules/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/map.h"
#include "core/rules/memory_keys.h"

/* ---- keys ---- */

void bf_memory_key(struct bf_memory_key *k, enum bf_memory_letter letter)
{
    k->len = 1;
    k->text[0] = (char)letter;
    k->text[1] = '\0';
}

void bf_memory_key_text(struct bf_memory_key *k, const char *part)
{
    size_t len = strlen(part);

    bf_assert(k->len + 1 + len < sizeof(k->text));
    k->text[k->len++] = '\x1f';
    memcpy(k->text + k->len, part, len + 1);
    k->len += len;
}

void bf_memory_key_number(struct bf_memory_key *k, uint64_t part)
{
    char digits[24];

    snprintf(digits, sizeof(digits), "%" PRIu64, part);
    bf_memory_key_text(k, digits);
}

void bf_memory_key_of(struct bf_memory_key *k, enum bf_memory_letter letter,
                      const struct bf_automation *a)
{
    bf_memory_key(k, letter);
    bf_memory_key_text(k, a->id);
    bf_memory_key_number(k, a->era);
}

/* ---- numbers ---- */

size_t bf_memory_read(const struct bf_memory *m, const struct bf_memory_key *k, int64_t *out,
                      size_t max)
{
    size_t len, n = 0;
    const char *at = m->get(m->arg, k->text, k->len, &len), *end = at ? at + len : NULL;

    while (at < end && n < max) {
        bool minus = *at == '-';
        int64_t value = 0;

        for (at += minus; at < end && *at != ' '; at++)
            value = value * 10 + (*at - '0');
        out[n++] = minus ? -value : value;
        at += at < end;
    }
    return n;
}

/* In front of `end`; gives where it begins. */
static char *print_before(char *end, int64_t number)
{
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;

    do
        *--end = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        *--end = '-';
    return end;
}

/* A list of matches has a thousand of them, so they are printed from the back, without printf. */
void bf_memory_note(const struct bf_memory *m, const struct bf_memory_key *k,
                    const int64_t *numbers, size_t n)
{
    char text[BF_MEMORY_NUMBERS_MAX * 21 + 1], *end = text + sizeof(text), *at = end;

    bf_assert(n <= BF_MEMORY_NUMBERS_MAX);
    for (size_t i = n; i-- > 0;) {
        at = print_before(at, numbers[i]);
        if (i)
            *--at = ' ';
    }
    m->set(m->arg, k->text, k->len, at, (size_t)(end - at), true);
}

void bf_memory_forget(const struct bf_memory *m, const struct bf_memory_key *k)
{
    m->set(m->arg, k->text, k->len, NULL, 0, true);
}

int64_t bf_memory_until(const char *key, size_t key_len, const void *value, size_t len)
{
    char text[24] = "";

    switch (key_len ? key[0] : 0) {
    case BF_MEMORY_FIRED:
    case BF_MEMORY_PACE:
    case BF_MEMORY_MATCHES:
    case BF_MEMORY_ALERT:
    case BF_MEMORY_CAUSE:
        memcpy(text, value, len < sizeof(text) ? len : sizeof(text) - 1);
        return strtoll(text, NULL, 10);
    default:
        return INT64_MAX;
    }
}

/* ---- an overlay ---- */

struct set {
    size_t len;
    bool forgotten;
    char value[];
};

struct bf_overlay {
    const struct bf_memory *below;
    struct bf_memory memory;
    struct bf_map *sets;        /* struct set */
};

static const void *overlay_get(void *arg, const char *key, size_t key_len, size_t *len)
{
    struct bf_overlay *o = arg;
    const struct set *s = bf_map_get_len(o->sets, key, key_len);

    if (!s)
        return o->below->get(o->below->arg, key, key_len, len);
    *len = s->len;
    return s->forgotten ? NULL : s->value;
}

static void overlay_set(void *arg, const char *key, size_t key_len, const void *value, size_t len,
                        bool kept)
{
    struct bf_overlay *o = arg;
    struct set *s = bf_zalloc(sizeof(*s) + len + 1);

    (void)kept;
    bf_assert(strlen(key) == key_len);
    s->forgotten = !value;
    s->len = value ? len : 0;
    if (value)
        memcpy(s->value, value, len);
    free(bf_map_set(o->sets, key, s));
}

/* What is told of below, but for what was set here. */
struct telling {
    struct bf_overlay *overlay;
    void (*fn)(void *arg, const char *key, size_t key_len, const void *value, size_t len);
    void *arg;
};

static void on_below(void *arg, const char *key, size_t key_len, const void *value, size_t len)
{
    struct telling *t = arg;

    if (!bf_map_get_len(t->overlay->sets, key, key_len))
        t->fn(t->arg, key, key_len, value, len);
}

static void overlay_each(void *arg, const char *prefix, size_t prefix_len,
                         void (*fn)(void *fn_arg, const char *key, size_t key_len,
                                    const void *value, size_t len),
                         void *fn_arg)
{
    struct bf_overlay *o = arg;
    struct telling t = {o, fn, fn_arg};
    const char *key;
    size_t at = 0;
    void *value;

    o->below->each(o->below->arg, prefix, prefix_len, on_below, &t);
    while (bf_map_each(o->sets, &at, &key, &value)) {
        const struct set *s = value;

        if (!s->forgotten && strncmp(key, prefix, prefix_len) == 0)
            fn(fn_arg, key, strlen(key), s->value, s->len);
    }
}

static size_t overlay_tail(void *arg, uint64_t run, const char *metric, size_t max, double *out)
{
    struct bf_overlay *o = arg;

    return o->below->tail(o->below->arg, run, metric, max, out);
}

static size_t overlay_earlier_runs(void *arg, uint64_t run, const char *metric, size_t max,
                                   struct bf_run_value *out)
{
    struct bf_overlay *o = arg;

    return o->below->earlier_runs(o->below->arg, run, metric, max, out);
}

struct bf_overlay *bf_overlay_new(const struct bf_memory *below)
{
    struct bf_overlay *o = bf_new(struct bf_overlay);

    o->below = below;
    o->sets = bf_map_new();
    o->memory = (struct bf_memory){overlay_get,          overlay_set, overlay_each, overlay_tail,
                                   overlay_earlier_runs, o};
    return o;
}

void bf_overlay_free(struct bf_overlay *o)
{
    const char *key;
    size_t at = 0;
    void *value;

    if (!o)
        return;
    while (bf_map_each(o->sets, &at, &key, &value))
        free(value);
    bf_map_free(o->sets);
    free(o);
}

const struct bf_memory *bf_overlay_memory(struct bf_overlay *o) { return &o->memory; }
