/* memory.c - what the rules remember: written through to a table, read back as of any record. */
#include "core/bus/memory.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/map.h"
#include "core/bus/run_points.h"
#include "core/rules/memory_keys.h"

#define NAME_MAX_BYTES (16 * 1024)
#define NEWEST UINT64_MAX

/* ---- the table ---- */

/* The newest version before a record goes to `fn`, unless there is none or it was forgotten. */
typedef void value_fn(void *arg, const void *value, size_t len);

static int read_value(struct bf_db *db, const char *key, size_t key_len, uint64_t before,
                      value_fn *fn, void *arg)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT value FROM rule_state WHERE name = ? AND seq < ? ORDER BY seq DESC LIMIT 1");
    const void *value;
    size_t len;
    int rc;

    bf_query_textn(q, 1, key, key_len);
    bf_query_int(q, 2, before < INT64_MAX ? (int64_t)before : INT64_MAX);
    rc = bf_query_step(q);
    if (rc == 1 && !bf_query_col_null(q, 0)) {
        value = bf_query_col_blob(q, 0, &len);
        fn(arg, value, len);
    }
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

static int write_value(struct bf_db *db, const char *key, size_t key_len, uint64_t seq,
                       const void *value, size_t len)
{
    struct bf_query *q =
        bf_db_query(db, "INSERT INTO rule_state (name, seq, value) VALUES (?, ?, ?)"
                        " ON CONFLICT (name, seq) DO UPDATE SET value = excluded.value");

    bf_query_textn(q, 1, key, key_len);
    bf_query_int(q, 2, (int64_t)seq);
    if (value)
        bf_query_blob(q, 3, value, len);
    else
        bf_query_text(q, 3, NULL);
    return bf_query_run(q);
}

static int delete_value(struct bf_db *db, const char *key, size_t key_len, uint64_t seq)
{
    struct bf_query *q = bf_db_query(db, "DELETE FROM rule_state WHERE name = ? AND seq = ?");

    bf_query_textn(q, 1, key, key_len);
    bf_query_int(q, 2, (int64_t)seq);
    return bf_query_run(q);
}

typedef void each_fn(void *arg, const char *key, size_t key_len, const void *value, size_t len);

/* The newest versions before a record of all names that begin so: they stand between the prefix and
 * the same with its last byte one up. */
static int each_value(struct bf_db *db, const char *prefix, size_t prefix_len, uint64_t before,
                      each_fn *fn, void *fn_arg)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT s.name, s.value FROM rule_state s WHERE s.name >= ?1 AND s.name < ?2"
            " AND s.seq = (SELECT max(t.seq) FROM rule_state t WHERE t.name = s.name AND t.seq < ?3)"
            " ORDER BY s.name");
    struct bf_buf end;
    int rc;

    bf_assert(prefix_len > 0);
    bf_buf_init(&end, NAME_MAX_BYTES);
    bf_buf_add(&end, prefix, prefix_len);
    end.data[prefix_len - 1]++;
    bf_query_textn(q, 1, prefix, prefix_len);
    bf_query_textn(q, 2, end.data, end.len);
    bf_query_int(q, 3, before < INT64_MAX ? (int64_t)before : INT64_MAX);
    while ((rc = bf_query_step(q)) == 1) {
        size_t len;
        const void *value = bf_query_col_blob(q, 1, &len);

        if (!bf_query_col_null(q, 1))
            fn(fn_arg, bf_query_col_text(q, 0), bf_query_col_len(q, 0), value, len);
    }
    bf_query_end(q);
    bf_buf_fini(&end);
    return rc;
}

/* ---- the values of runs ---- */

static void fail(int *first, int rc)
{
    if (rc && !*first)
        *first = rc;
}

/* The values of runs, as they were before a record; both memories begin with this. */
struct values {
    struct bf_db *db;
    uint64_t seq;               /* of that record */
    int rc;                     /* the first failure of the store */
};

static size_t tail(void *arg, uint64_t run, const char *metric, size_t max, double *out)
{
    struct values *v = arg;
    size_t n = 0;

    fail(&v->rc, bf_run_tail(v->db, run, metric, v->seq, max, out, &n));
    return n;
}

static size_t earlier_runs(void *arg, uint64_t run, const char *metric, size_t max,
                           struct bf_run_value *out)
{
    struct values *v = arg;
    size_t n = 0;

    fail(&v->rc, bf_run_earlier(v->db, run, metric, v->seq, max, out, &n));
    return n;
}

/* ---- the engine's ---- */

/* A value, or that there is none. */
struct held {
    struct held *newer;
    struct held *older;
    uint64_t round;
    size_t len;
    bool present;
    char *key;
    char value[];
};

struct bf_live_memory {
    struct values values;       /* first: what reads the values of runs knows nothing else */
    struct bf_memory rules;
    struct bf_map *by_key;      /* struct held */
    struct held *newest;        /* touched last */
    struct held *oldest;
    uint64_t round;             /* between two calls of settle */
    size_t bytes;
    size_t max_bytes;
};

static size_t size_of(const struct held *h)
{
    return sizeof(*h) + h->len + 2 * strlen(h->key) + 64;
}

static void take_out(struct bf_live_memory *m, struct held *h)
{
    *(h->newer ? &h->newer->older : &m->newest) = h->older;
    *(h->older ? &h->older->newer : &m->oldest) = h->newer;
}

static void put_in_front(struct bf_live_memory *m, struct held *h)
{
    h->newer = NULL;
    h->older = m->newest;
    h->round = m->round;
    *(m->newest ? &m->newest->newer : &m->oldest) = h;
    m->newest = h;
}

static void drop(struct bf_live_memory *m, struct held *h)
{
    take_out(m, h);
    bf_map_remove(m->by_key, h->key);
    m->bytes -= size_of(h);
    free(h->key);
    free(h);
}

static struct held *hold(struct bf_live_memory *m, const char *key, const void *value, size_t len)
{
    struct held *h = bf_map_get(m->by_key, key);

    if (h)
        drop(m, h);
    h = bf_zalloc(sizeof(*h) + len + 1);
    h->key = bf_strdup(key);
    h->present = value != NULL;
    h->len = value ? len : 0;
    if (value)
        memcpy(h->value, value, len);
    bf_map_set(m->by_key, h->key, h);
    put_in_front(m, h);
    m->bytes += size_of(h);
    while (m->bytes > m->max_bytes && m->oldest != h)
        drop(m, m->oldest);
    return h;
}

struct finding {
    struct bf_live_memory *memory;
    const char *key;
    struct held *held;
};

static void on_value(void *arg, const void *value, size_t len)
{
    struct finding *f = arg;

    f->held = hold(f->memory, f->key, value, len);
}

static const void *live_get(void *arg, const char *key, size_t key_len, size_t *len)
{
    struct bf_live_memory *m = arg;
    struct finding f = {m, key, bf_map_get_len(m->by_key, key, key_len)};

    if (f.held) {
        take_out(m, f.held);
        put_in_front(m, f.held);
    } else {
        fail(&m->values.rc, read_value(m->values.db, key, key_len, NEWEST, on_value, &f));
        if (!f.held)
            f.held = hold(m, key, NULL, 0);
    }
    *len = f.held->len;
    return f.held->present ? f.held->value : NULL;
}

static void live_set(void *arg, const char *key, size_t key_len, const void *value, size_t len,
                     bool kept)
{
    struct bf_live_memory *m = arg;

    bf_assert(strlen(key) == key_len);
    hold(m, key, value, len);
    if (kept || value)
        fail(&m->values.rc, write_value(m->values.db, key, key_len, kept ? m->values.seq : 0,
                                        value, len));
    else
        fail(&m->values.rc, delete_value(m->values.db, key, key_len, 0));
}

static void live_each(void *arg, const char *prefix, size_t prefix_len, each_fn *fn, void *fn_arg)
{
    struct bf_live_memory *m = arg;

    fail(&m->values.rc, each_value(m->values.db, prefix, prefix_len, NEWEST, fn, fn_arg));
}

struct bf_live_memory *bf_live_memory_new(struct bf_db *db, size_t max_bytes)
{
    struct bf_live_memory *m = bf_new(struct bf_live_memory);

    m->values.db = db;
    m->max_bytes = max_bytes;
    m->by_key = bf_map_new();
    m->rules = (struct bf_memory){live_get,  live_set,          live_each,
                                  tail, earlier_runs, m};
    return m;
}

void bf_live_memory_free(struct bf_live_memory *m)
{
    if (!m)
        return;
    while (m->newest)
        drop(m, m->newest);
    bf_map_free(m->by_key);
    free(m);
}

const struct bf_memory *bf_live_memory_rules(struct bf_live_memory *m) { return &m->rules; }

void bf_live_memory_at(struct bf_live_memory *m, uint64_t seq) { m->values.seq = seq; }

int bf_live_memory_failed(struct bf_live_memory *m)
{
    int rc = m->values.rc;

    m->values.rc = BF_OK;
    return rc;
}

void bf_live_memory_undo(struct bf_live_memory *m)
{
    while (m->newest && m->newest->round == m->round)
        drop(m, m->newest);
    m->values.rc = BF_OK;
}

void bf_live_memory_settle(struct bf_live_memory *m) { m->round++; }

/* ---- of the past ---- */

struct bf_past_memory {
    struct values values;       /* first, as above */
    uint64_t begun;             /* what was remembered before this record */
    struct bf_memory table;
    struct bf_overlay *overlay; /* over the table: what was set meanwhile */
    struct bf_buf value;        /* read last */
    bool present;
};

static void on_past_value(void *arg, const void *value, size_t len)
{
    struct bf_past_memory *m = arg;

    bf_buf_add(&m->value, value, len);
    m->present = true;
}

static const void *past_get(void *arg, const char *key, size_t key_len, size_t *len)
{
    struct bf_past_memory *m = arg;

    bf_buf_clear(&m->value);
    m->present = false;
    fail(&m->values.rc, read_value(m->values.db, key, key_len, m->begun, on_past_value, m));
    *len = m->value.len;
    return m->present ? bf_buf_text(&m->value) : NULL;
}

static void past_set(void *arg, const char *key, size_t key_len, const void *value, size_t len,
                     bool kept)
{
    (void)arg, (void)key, (void)key_len, (void)value, (void)len, (void)kept;
    bf_assert(!"what was is never changed");
}

static void past_each(void *arg, const char *prefix, size_t prefix_len, each_fn *fn, void *fn_arg)
{
    struct bf_past_memory *m = arg;

    fail(&m->values.rc, each_value(m->values.db, prefix, prefix_len, m->begun, fn, fn_arg));
}

struct bf_past_memory *bf_past_memory_new(struct bf_db *db, uint64_t seq)
{
    struct bf_past_memory *m = bf_new(struct bf_past_memory);

    m->values.db = db;
    m->begun = m->values.seq = seq;
    m->table = (struct bf_memory){past_get,  past_set,          past_each,
                                  tail, earlier_runs, m};
    m->overlay = bf_overlay_new(&m->table);
    bf_buf_init(&m->value, BF_EVENT_MAX);
    return m;
}

void bf_past_memory_free(struct bf_past_memory *m)
{
    if (!m)
        return;
    bf_overlay_free(m->overlay);
    bf_buf_fini(&m->value);
    free(m);
}

const struct bf_memory *bf_past_memory_rules(struct bf_past_memory *m)
{
    return bf_overlay_memory(m->overlay);
}

void bf_past_memory_at(struct bf_past_memory *m, uint64_t seq) { m->values.seq = seq; }

int bf_past_memory_failed(struct bf_past_memory *m)
{
    int rc = m->values.rc;

    m->values.rc = BF_OK;
    return rc;
}

/* ---- retention ---- */

int bf_remembered_open(struct bf_db *db, uint64_t last_seq)
{
    struct bf_query *q = bf_db_query(db, "INSERT INTO hub (name, value) VALUES"
                                         " ('remembered_since', ?) ON CONFLICT DO NOTHING");

    bf_query_int(q, 1, (int64_t)last_seq + 1);
    return bf_query_run(q);
}

int bf_remembered_since(struct bf_db *db, uint64_t *seq)
{
    struct bf_query *q = bf_db_query(db, "SELECT value FROM hub WHERE name = 'remembered_since'");
    int rc = bf_query_step(q);

    *seq = rc == 1 ? (uint64_t)bf_query_col_int(q, 0) : 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

static int note_since(struct bf_db *db, uint64_t first_seq)
{
    struct bf_query *q = bf_db_query(
        db, "UPDATE hub SET value = ?1 WHERE name = 'remembered_since' AND value < ?1");

    bf_query_int(q, 1, (int64_t)first_seq);
    return bf_query_run(q);
}

void bf_memory_place_init(struct bf_memory_place *p)
{
    *p = (struct bf_memory_place){.seq = -1};
    bf_buf_init(&p->name, NAME_MAX_BYTES);
}

void bf_memory_place_fini(struct bf_memory_place *p) { bf_buf_fini(&p->name); }

/* A version, as one looks at it before the next is read. */
struct version {
    struct bf_buf name;
    int64_t seq;
    bool forgotten;
    int64_t until_ms;
};

static void read_version(struct bf_query *q, struct version *v)
{
    size_t len;
    const void *value = bf_query_col_blob(q, 2, &len);

    bf_buf_clear(&v->name);
    bf_buf_add(&v->name, bf_query_col_text(q, 0), bf_query_col_len(q, 0));
    v->seq = bf_query_col_int(q, 1);
    v->forgotten = bf_query_col_null(q, 2);
    v->until_ms = v->forgotten ? INT64_MAX
                               : bf_memory_until(v->name.data, v->name.len, value, len);
}

struct cutting {
    uint64_t first_seq;
    int64_t before_ms;
    struct bf_memory_place *place;
    struct bf_buf doomed;       /* names and numbers, see doom() */
    unsigned n;
};

/* Nobody asks for what another version stands in for by then; nor for what says nothing, if no
 * older one would come to light. */
static bool is_needless(const struct cutting *c, const struct version *v, const struct version *next)
{
    bool followed = next && strcmp(bf_buf_text(&next->name), bf_buf_text(&v->name)) == 0;

    if (followed && (uint64_t)next->seq < c->first_seq)
        return true;
    if (c->place->older_left || (uint64_t)v->seq >= c->first_seq)
        return false;
    return v->forgotten || v->until_ms <= c->before_ms;
}

static void doom(struct cutting *c, const struct version *v)
{
    bf_buf_add(&c->doomed, v->name.data, v->name.len + 1);
    bf_buf_add(&c->doomed, &v->seq, sizeof(v->seq));
    c->n++;
}

/* v is behind the place, and `next` behind it. */
static void decide(struct cutting *c, const struct version *v, const struct version *next)
{
    struct bf_memory_place *p = c->place;

    if (strcmp(bf_buf_text(&p->name), bf_buf_text(&v->name)) != 0)
        p->older_left = false;
    if (is_needless(c, v, next))
        doom(c, v);
    else
        p->older_left = true;
    bf_buf_clear(&p->name);
    bf_buf_add(&p->name, v->name.data, v->name.len);
    p->seq = v->seq;
}

static int execute(struct bf_db *db, const struct cutting *c)
{
    const char *at = c->doomed.data;
    int64_t seq;
    int rc = BF_OK;

    for (unsigned i = 0; i < c->n && !rc; i++) {
        size_t len = strlen(at);

        memcpy(&seq, at + len + 1, sizeof(seq));
        rc = delete_value(db, at, len, (uint64_t)seq);
        at += len + 1 + sizeof(seq);
    }
    return rc;
}

int bf_memory_cut(struct bf_db *db, uint64_t first_seq, int64_t before_ms, unsigned max,
                  struct bf_memory_place *from, unsigned *n_cut, bool *more)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT name, seq, value FROM rule_state WHERE (name, seq) > (?, ?)"
            " ORDER BY name, seq LIMIT ?");
    struct cutting c = {.first_seq = first_seq, .before_ms = before_ms, .place = from};
    struct version versions[2];
    unsigned n = 0;
    int rc;

    bf_buf_init(&versions[0].name, NAME_MAX_BYTES);
    bf_buf_init(&versions[1].name, NAME_MAX_BYTES);
    bf_buf_init(&c.doomed, (size_t)max * NAME_MAX_BYTES);
    bf_query_text(q, 1, bf_buf_text(&from->name));
    bf_query_int(q, 2, from->seq);
    bf_query_int(q, 3, (int64_t)max + 1);
    /* Each is decided upon when the next is known; the last one only if none follows. */
    while ((rc = bf_query_step(q)) == 1) {
        read_version(q, &versions[n % 2]);
        if (n > 0)
            decide(&c, &versions[(n - 1) % 2], &versions[n % 2]);
        n++;
    }
    *more = n > max;
    if (!rc && n > 0 && !*more)
        decide(&c, &versions[(n - 1) % 2], NULL);
    if (!rc && c.n)
        rc = note_since(db, first_seq);
    if (!rc)
        rc = execute(db, &c);
    *n_cut = rc ? 0 : c.n;
    bf_buf_fini(&versions[0].name);
    bf_buf_fini(&versions[1].name);
    bf_buf_fini(&c.doomed);
    return rc;
}
