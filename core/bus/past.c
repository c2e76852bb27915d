/* past.c - a memory over that of the past, which notes what was asked for and is gone. */
#include "core/bus/past.h"

#include "core/base/base.h"
#include "core/bus/memory.h"

struct bf_past {
    struct bf_db *db;
    struct bf_past_memory *memory;
    const struct bf_memory *below;
    struct bf_memory rules;
    uint64_t seq;
    uint64_t since;             /* from this record on all is remembered */
    bool is_cut;
    int rc;
};

static void note(struct bf_past *p, int rc)
{
    if (rc < 0 && !p->rc)
        p->rc = rc;
}

static const void *past_get(void *arg, const char *key, size_t key_len, size_t *len)
{
    struct bf_past *p = arg;

    p->is_cut = p->is_cut || p->seq < p->since;
    return p->below->get(p->below->arg, key, key_len, len);
}

static void past_set(void *arg, const char *key, size_t key_len, const void *value, size_t len,
                     bool kept)
{
    struct bf_past *p = arg;

    p->below->set(p->below->arg, key, key_len, value, len, kept);
}

static void past_each(void *arg, const char *prefix, size_t prefix_len,
                      void (*fn)(void *fn_arg, const char *key, size_t key_len, const void *value,
                                 size_t len),
                      void *fn_arg)
{
    struct bf_past *p = arg;

    p->below->each(p->below->arg, prefix, prefix_len, fn, fn_arg);
}

/* Whether the run had events that are gone. */
static bool was_cut(struct bf_past *p, uint64_t run)
{
    struct bf_query *q =
        bf_db_query(p->db, "SELECT 1 FROM runs WHERE number = ? AND cut IS NOT NULL");
    int rc;

    bf_query_int(q, 1, (int64_t)run);
    rc = bf_query_step(q);
    note(p, rc);
    bf_query_end(q);
    return rc == 1;
}

static size_t past_tail(void *arg, uint64_t run, const char *metric, size_t max, double *out)
{
    struct bf_past *p = arg;
    size_t n = p->below->tail(p->below->arg, run, metric, max, out);

    if (n < max && !p->is_cut)
        p->is_cut = was_cut(p, run);
    return n;
}

/* Which of the runs that are gone would have counted is not known. */
static size_t past_earlier_runs(void *arg, uint64_t run, const char *metric, size_t max,
                                struct bf_run_value *out)
{
    struct bf_past *p = arg;
    size_t n = p->below->earlier_runs(p->below->arg, run, metric, max, out);

    p->is_cut = p->is_cut || (n < max && p->since > 1);
    return n;
}

struct bf_past *bf_past_new(struct bf_db *db, uint64_t seq)
{
    struct bf_past *p = bf_new(struct bf_past);

    p->db = db;
    p->seq = seq;
    p->memory = bf_past_memory_new(db, seq);
    p->below = bf_past_memory_rules(p->memory);
    p->rules = (struct bf_memory){past_get,          past_set, past_each, past_tail,
                                  past_earlier_runs, p};
    note(p, bf_remembered_since(db, &p->since));
    return p;
}

void bf_past_free(struct bf_past *p)
{
    if (!p)
        return;
    bf_past_memory_free(p->memory);
    free(p);
}

const struct bf_memory *bf_past_rules(struct bf_past *p) { return &p->rules; }
void bf_past_move(struct bf_past *p, uint64_t seq) { bf_past_memory_at(p->memory, seq); }
bool bf_past_is_cut(const struct bf_past *p) { return p->is_cut; }

int bf_past_error(struct bf_past *p)
{
    note(p, bf_past_memory_failed(p->memory));
    return p->rc;
}
