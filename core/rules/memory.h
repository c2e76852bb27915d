/* memory.h - what the rules remember between records, kept by the room above them.
 *
 * CONCEPT.  The rules are pure: what they remember is a value under a key, and what they have to
 * know of earlier records they ask for.  The engine answers from its tables, within its transaction;
 * `belfry why` answers from the same tables as they were before a record; a backtest keeps what is
 * set in memory.  The evaluator cannot tell them apart.
 *
 * KEYS begin with a letter that says what they are, then the parts, each behind a 0x1f.  Values are
 * bytes of the rules' own making.  The letters stand in memory_keys.h, in one place. */
#ifndef BF_MEMORY_H
#define BF_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bf_run_value {
    uint64_t run;
    double value;
};

struct bf_memory {
    /* What was set last; NULL if nothing was.  Good until the next call of any of these. */
    const void *(*get)(void *arg, const char *key, size_t key_len, size_t *len);
    /* From this record on; a NULL value forgets the key.  `kept`: what it was before stays known to
     * whoever asks how things were then.  That the store fails is the store's to remember. */
    void (*set)(void *arg, const char *key, size_t key_len, const void *value, size_t len,
                bool kept);
    /* Every key that begins like this, in no order.  Only used before the first record. */
    void (*each)(void *arg, const char *prefix, size_t prefix_len,
                 void (*fn)(void *fn_arg, const char *key, size_t key_len, const void *value,
                            size_t len),
                 void *fn_arg);
    /* The newest finite values of a metric in a run, of the records before the one at hand, newest
     * first; only points in order.  Fewer than `max` are all there are. */
    size_t (*tail)(void *arg, uint64_t run, const char *metric, size_t max, double *out);
    /* The last finite value of a metric in each of the newest `max` runs of the same project that
     * are older than `run` and have one, newest run first. */
    size_t (*earlier_runs)(void *arg, uint64_t run, const char *metric, size_t max,
                           struct bf_run_value *out);
    void *arg;
};

/* A memory over another: what is set stays here, and all else is as it is below.  So something may
 * be judged that has not happened.  One thread at a time. */
struct bf_overlay;

struct bf_overlay *bf_overlay_new(const struct bf_memory *below);
void bf_overlay_free(struct bf_overlay *o);     /* NULL is fine */
const struct bf_memory *bf_overlay_memory(struct bf_overlay *o);

#endif
