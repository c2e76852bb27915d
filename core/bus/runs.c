/* runs.c - runs in memory and in their tables. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/map.h"
#include "core/bus/journal_row.h"
#include "core/bus/runs_int.h"
#include "core/rules/memory_keys.h"


/* --- memory -------------------------------------------------------------------------- */

static void take_out(struct bf_run *run)
{
    run->newer->older = run->older;
    run->older->newer = run->newer;
}

static void put_first(struct bf_runs *r, struct bf_run *run)
{
    run->older = r->ends.older;
    run->newer = &r->ends;
    run->older->newer = run;
    r->ends.older = run;
}

static void free_run(struct bf_runs *r, struct bf_run *run)
{
    bf_vocabulary_fini(&run->names, r->pool);
    bf_vocabulary_fini(&run->forms, r->pool);
    free(run->series);
    free(run->form_names);
    free(run->frames);
    free(run->state_text);
    free(run->key);
    free(run);
}

static void drop(struct bf_runs *r, struct bf_run *run)
{
    take_out(run);
    bf_map_remove(r->by_key, run->key);
    r->bytes -= run->bytes;
    free_run(r, run);
}

/* About what it takes, its place in the map and what the allocator keeps included. */
static size_t size_of(const struct bf_run *run)
{
    return sizeof(*run) + 2 * strlen(run->key) + 128 + bf_vocabulary_size(&run->names) +
           bf_vocabulary_size(&run->forms) + run->n_frames * 2 * sizeof(*run->frames) +
           run->names.n * 2 * sizeof(*run->series) + run->forms.n * 2 * sizeof(*run->form_names);
}

static void weigh(struct bf_runs *r, struct bf_run *run)
{
    r->bytes -= run->bytes;
    run->bytes = size_of(run);
    r->bytes += run->bytes;
}

struct bf_runs *bf_runs_new(void)
{
    struct bf_runs *r = bf_new(struct bf_runs);

    r->by_key = bf_map_new();
    r->pool = bf_word_pool_new();
    r->scratch = bf_arena_new(BF_ROW_SCRATCH);
    r->ends.newer = r->ends.older = &r->ends;
    r->batch = 1;
    r->max_bytes = BF_RUNS_BYTES;
    return r;
}

void bf_runs_free(struct bf_runs *r)
{
    if (!r)
        return;
    while (r->ends.older != &r->ends)
        drop(r, r->ends.older);
    bf_run_forget_frames(r);
    bf_map_free(r->by_key);
    bf_word_pool_free(r->pool);
    bf_arena_free(r->scratch);
    free(r->numbers);
    free(r);
}

/* What the open batch has touched stands in front. */
static void touch(struct bf_runs *r, struct bf_run *run)
{
    take_out(run);
    put_first(r, run);
    run->batch = r->batch;
}

/* One that was dropped is read again, also by the batch that touched it: all it is known by is in the
 * tables when its event is done with. */
static void make_way(struct bf_runs *r, const struct bf_run *kept)
{
    while (r->bytes > r->max_bytes && r->ends.newer != kept && r->ends.newer != &r->ends)
        drop(r, r->ends.newer);
}

uint64_t bf_runs_last(const struct bf_runs *r) { return r->last; }

void bf_runs_undo(struct bf_runs *r, uint64_t last)
{
    while (r->ends.older != &r->ends && r->ends.older->batch == r->batch)
        drop(r, r->ends.older);
    r->batch++;
    bf_run_forget_frames(r);
    r->new_frame.text = NULL;
    r->last = last;
}

void bf_runs_settle(struct bf_runs *r)
{
    r->batch++;
    make_way(r, r->ends.older);
}


/* --- series -------------------------------------------------------------------------- */

/* BF_NO_WORD if the run has too many. */
uint32_t bf_run_add_name(struct bf_runs *r, struct bf_run *run, const char *name, size_t len)
{
    uint32_t n = run->names.n;

    if (n == BF_RUN_METRICS_MAX)
        return BF_NO_WORD;
    if ((n & (n - 1)) == 0)     /* room for a power of two */
        run->series = bf_zrealloc(run->series, (n ? 2 * n : 1) * sizeof(*run->series));
    run->series[n] = (struct bf_run_series){.has_step = false};
    return bf_vocabulary_add(&run->names, r->pool, name, len);
}

static void advance(struct bf_run_series *s, const struct bf_point *p, uint64_t seq)
{
    if (p->has_step) {
        s->step = p->step;
        s->has_step = true;
    }
    if (isfinite(p->value))
        s->value_seq = seq;
}

static bool is_next(const struct bf_run_series *s, const struct bf_point *p)
{
    return !p->has_step || !s->has_step || p->step > s->step;
}

static void make_room(struct bf_runs *r, size_t n)
{
    if (n <= r->numbers_cap)
        return;
    r->numbers_cap = n;
    r->numbers = bf_zrealloc(r->numbers, n * sizeof(*r->numbers));
}

static void order(struct bf_runs *r, struct bf_run *run, struct bf_envelope *e, uint64_t seq)
{
    uint32_t number = BF_NO_WORD;

    make_room(r, e->n_points);
    for (size_t i = 0; i < e->n_points; i++) {
        struct bf_point *p = &e->points[i];
        size_t len = strlen(p->name);

        number = bf_vocabulary_find(&run->names, p->name, len, number + 1);
        if (number == BF_NO_WORD)
            number = bf_run_add_name(r, run, p->name, len);
        r->numbers[p->place] = number;
        p->in_order = number != BF_NO_WORD && is_next(&run->series[number], p);
        if (p->in_order)
            advance(&run->series[number], p, seq);
    }
    run->behind++;
    run->behind_points += e->n_points;
}


/* --- from the tables ------------------------------------------------------------------ */

static enum bf_run_standing state_of(const char *text)
{
    if (text && strcmp(text, "RUNNING") == 0)
        return BF_RUN_IS_RUNNING;
    return text && strcmp(text, "CRASHED") == 0 ? BF_RUN_IS_CRASHED : BF_RUN_IS_OTHER;
}

static void set_state(struct bf_run *run, const char *text)
{
    free(run->state_text);
    run->state_text = bf_strdup(text);
    run->state = state_of(text);
}

static int read_words(struct bf_runs *r, struct bf_db *db, struct bf_run *run)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT words, first FROM run_words WHERE run = ? ORDER BY first");
    int rc;

    bf_query_int(q, 1, (int64_t)run->number);
    while ((rc = bf_query_step(q)) == 1) {
        size_t len;
        const void *blob = bf_query_col_blob(q, 0, &len);
        struct bf_bytes b = bf_bytes_of(blob, len);
        struct bf_word w;

        while (bf_word_next(&b, &w))
            bf_run_add_word(r, run, &w, (uint32_t)bf_query_col_int(q, 1));
    }
    run->n_names_stored = run->names.n;
    run->n_forms_stored = run->forms.n;
    return rc;
}

/* The steps as they were up to an event: how many series, and of each whether it has one, the step,
 * and how many events before that one its last value was. */
static struct bf_run_series read_step(struct bf_bytes *b, uint64_t seq)
{
    struct bf_run_series s = {.has_step = bf_get_byte(b)};
    uint64_t ago;

    if (s.has_step)
        s.step = bf_get_signed(b);
    ago = bf_get_number(b);
    if (ago && ago <= seq)
        s.value_seq = seq - (ago - 1);
    return s;
}

static void read_steps(struct bf_run *run, const void *steps, size_t len, uint64_t seq)
{
    struct bf_bytes b = bf_bytes_of(steps, len);
    uint64_t n = bf_get_number(&b);

    for (uint64_t i = 0; i < n && i < run->names.n && !b.bad; i++)
        run->series[i] = read_step(&b, seq);
}

uint64_t bf_steps_value_seq(const void *steps, size_t len, uint64_t seq, uint64_t number)
{
    struct bf_bytes b = bf_bytes_of(steps, len);
    uint64_t n = len ? bf_get_number(&b) : 0, value_seq = 0;

    for (uint64_t i = 0; number < n && i <= number && !b.bad; i++)
        value_seq = read_step(&b, seq).value_seq;
    return value_seq;
}

static void print_steps(const struct bf_run *run, uint64_t seq, struct bf_buf *out)
{
    bf_put_number(out, run->names.n);
    for (uint32_t i = 0; i < run->names.n; i++) {
        const struct bf_run_series *s = &run->series[i];

        bf_buf_addc(out, s->has_step);
        if (s->has_step)
            bf_put_signed(out, s->step);
        bf_put_number(out, s->value_seq ? seq - s->value_seq + 1 : 0);
    }
}

/* The events that the steps do not know of. */
static int read_behind(struct bf_tx *tx, struct bf_run *run, uint64_t seq)
{
    struct bf_query *q = bf_db_query(
        tx->db, "SELECT " BF_ROW_COLUMNS " FROM journal WHERE run = ? AND seq > ?"
                " AND type = 'run.metric' ORDER BY seq");
    struct bf_row_points points;
    uint32_t number = BF_NO_WORD;
    int rc;

    bf_row_points_init(&points, tx->db);
    bf_query_int(q, 1, (int64_t)run->number);
    bf_query_int(q, 2, (int64_t)seq);
    while ((rc = bf_query_step(q)) == 1) {
        struct bf_row row = bf_row_of(q);

        if (bf_row_read_points(&row, &points))
            continue;           /* damaged: whoever reads the event is told */
        for (size_t i = 0; i < points.n; i++) {
            const struct bf_point *p = &points.points[i];

            number = bf_vocabulary_find(&run->names, p->name, strlen(p->name), number + 1);
            if (number != BF_NO_WORD && p->in_order)
                advance(&run->series[number], p, row.seq);
        }
        run->behind++;
        run->behind_points += points.n;
    }
    bf_row_points_fini(&points);
    return rc;
}

/* 1: *run is what the tables have; 0: they know none. */
static int load(struct bf_tx *tx, const struct bf_envelope *e, struct bf_run *run)
{
    struct bf_query *q = bf_db_query(tx->db, "SELECT number, state, series_seq, series FROM runs"
                                             " WHERE entity = ? AND project = ? AND run = ?");
    uint64_t series_seq = 0;
    struct bf_buf steps;
    int rc;

    bf_query_text(q, 1, e->entity);
    bf_query_text(q, 2, e->project);
    bf_query_text(q, 3, e->run_id);
    rc = bf_query_step(q);
    if (rc != 1)
        return rc;
    bf_buf_init(&steps, BF_RUN_METRICS_MAX * 32);
    run->number = (uint64_t)bf_query_col_int(q, 0);
    set_state(run, bf_query_col_null(q, 1) ? NULL : bf_query_col_text(q, 1));
    if (!bf_query_col_null(q, 3)) {
        size_t len;
        const void *blob = bf_query_col_blob(q, 3, &len);

        series_seq = (uint64_t)bf_query_col_int(q, 2);
        bf_buf_add(&steps, blob, len);
    }
    bf_query_end(q);
    rc = read_words(tx->bus->runs, tx->db, run);
    if (!rc && steps.len)
        read_steps(run, steps.data, steps.len, series_seq);
    if (!rc)
        rc = read_behind(tx, run, series_seq);
    bf_buf_fini(&steps);
    return rc ? rc : 1;
}

static int insert(struct bf_tx *tx, const struct bf_envelope *e, struct bf_run *run)
{
    struct bf_query *q = bf_db_query(
        tx->db, "INSERT INTO runs (number, entity, project, run) VALUES (?, ?, ?, ?)");
    int rc;

    run->number = tx->bus->runs->last + 1;
    bf_query_int(q, 1, (int64_t)run->number);
    bf_query_text(q, 2, e->entity);
    bf_query_text(q, 3, e->project);
    bf_query_text(q, 4, e->run_id);
    rc = bf_query_run(q);
    if (!rc)
        tx->bus->runs->last = run->number;
    return rc;
}

int bf_runs_open(struct bf_runs *r, struct bf_db *db, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(db, "SELECT number FROM runs ORDER BY number DESC LIMIT 1");
    int rc = bf_query_step(q);

    if (rc < 0)
        return bf_error_set(err, rc, "cannot read the runs: %s", bf_db_words(db));
    if (rc == 1)
        r->last = (uint64_t)bf_query_col_int(q, 0);
    bf_query_end(q);
    return BF_OK;
}


/* --- events ---------------------------------------------------------------------------- */

static bool is_of_run(const struct bf_envelope *e) { return strncmp(e->type, "run.", 4) == 0; }

/* Names of entities and projects hold no slash. */
struct key {
    char text[3 * BF_NAME_MAX + 3];
};

static struct key key_of(const char *entity, const char *project, const char *id)
{
    struct key key;

    snprintf(key.text, sizeof(key.text), "%s/%s/%s", entity, project, id);
    return key;
}

static int find(struct bf_tx *tx, const struct bf_envelope *e, bool make, struct bf_run **out)
{
    struct key key = key_of(e->entity, e->project, e->run_id);
    struct bf_runs *r = tx->bus->runs;
    struct bf_run *run = bf_map_get(r->by_key, key.text);
    int rc = 1;

    *out = run;
    if (run)
        return BF_OK;
    run = bf_new(struct bf_run);
    run->key = bf_strdup(key.text);
    rc = load(tx, e, run);
    if (rc == 0 && make) {
        rc = insert(tx, e, run);
        rc = rc ? rc : 1;
    }
    if (rc != 1) {
        free_run(r, run);
        return rc;
    }
    put_first(r, run);
    bf_map_set(r->by_key, run->key, run);
    weigh(r, run);
    *out = run;
    return BF_OK;
}

int bf_runs_take(struct bf_tx *tx, struct bf_envelope *e, uint64_t seq, struct bf_run **out)
{
    struct bf_runs *r = tx->bus->runs;
    int rc;

    *out = NULL;
    if (!e->run_id || !e->project)
        return BF_OK;
    rc = find(tx, e, is_of_run(e), out);
    if (rc || !*out)
        return rc;
    touch(r, *out);
    make_way(r, *out);
    e->run = (*out)->number;
    if (e->n_points)
        order(r, *out, e, seq);
    return BF_OK;
}

int bf_runs_crashed(struct bf_tx *tx, const struct bf_envelope *e, uint64_t *number)
{
    struct bf_run *run;
    int rc = find(tx, e, false, &run);

    *number = 0;
    if (rc || !run)
        return rc;
    touch(tx->bus->runs, run);
    if (run->state == BF_RUN_IS_CRASHED)
        *number = run->number;
    return BF_OK;
}

static int store_steps(struct bf_tx *tx, struct bf_run *run, uint64_t seq)
{
    struct bf_query *q =
        bf_db_query(tx->db, "UPDATE runs SET series = ?, series_seq = ? WHERE number = ?");
    struct bf_buf steps;
    int rc;

    bf_buf_init(&steps, BF_RUN_METRICS_MAX * 32);
    print_steps(run, seq, &steps);
    bf_query_blob(q, 1, steps.data, steps.len);
    bf_query_int(q, 2, (int64_t)seq);
    bf_query_int(q, 3, (int64_t)run->number);
    rc = bf_query_run(q);
    run->behind = 0;
    run->behind_points = 0;
    bf_buf_fini(&steps);
    return rc;
}

static int store_state(struct bf_tx *tx, struct bf_run *run, const char *state)
{
    struct bf_query *q;

    if (run->state_text && strcmp(run->state_text, state) == 0)
        return BF_OK;
    set_state(run, state);
    q = bf_db_query(tx->db, "UPDATE runs SET state = ?, watched = ? WHERE number = ?");
    bf_query_text(q, 1, state);
    if (run->state == BF_RUN_IS_RUNNING) {
        bf_query_int(q, 2, tx->now_ms);
        bf_crash_watch(tx->bus, tx->now_ms);
    }
    bf_query_int(q, 3, (int64_t)run->number);
    return bf_query_run(q);
}

/* Steps cost as much as the run has metrics, so there are no fewer points to each writing. */
static bool are_far_behind(const struct bf_run *run)
{
    uint32_t most = run->names.n < BF_RUN_BEHIND_POINTS ? BF_RUN_BEHIND_POINTS : run->names.n;

    return run->behind >= BF_RUN_BEHIND || run->behind_points >= most;
}

int bf_runs_note(struct bf_tx *tx, struct bf_run *run, const struct bf_envelope *e)
{
    int rc = BF_OK;

    if (bf_run_has_new_words(tx->bus->runs, run)) {
        rc = bf_run_store_words(tx, run);
        weigh(tx->bus->runs, run);
    }
    if (!rc && are_far_behind(run))
        rc = store_steps(tx, run, e->seq);
    if (!rc && e->run_state && strcmp(e->type, "run.state") == 0)
        rc = store_state(tx, run, e->run_state);
    return rc;
}



/* --- retention --------------------------------------------------------------------------- */

static void forget(struct bf_runs *r, const char *key)
{
    struct bf_run *run = bf_map_get(r->by_key, key);

    if (run)
        drop(r, run);
}

/* What it said last of its state, which no time makes worthless. */
static int cut_state(struct bf_db *db, uint64_t run)
{
    struct bf_query *q = bf_db_query(db, "DELETE FROM rule_state WHERE name = ?");
    struct bf_memory_key k;

    bf_memory_key(&k, BF_MEMORY_STATE);
    bf_memory_key_number(&k, run);
    bf_query_textn(q, 1, k.text, k.len);
    return bf_query_run(q);
}

static int cut_rows(struct bf_db *db, uint64_t run)
{
    struct bf_query *q = bf_db_query(db, "DELETE FROM run_words WHERE run = ?");
    int rc;

    bf_query_int(q, 1, (int64_t)run);
    rc = bf_query_run(q);
    if (rc)
        return rc;
    q = bf_db_query(db, "DELETE FROM runs WHERE number = ?");
    bf_query_int(q, 1, (int64_t)run);
    return bf_query_run(q);
}

int bf_runs_cut(struct bf_tx *tx, unsigned max, uint64_t *from, bool *more)
{
    struct bf_runs *r = tx->bus->runs;
    struct bf_query *q = bf_db_query(
        tx->db, "SELECT number, entity, project, run,"
                " EXISTS (SELECT 1 FROM journal WHERE run = number) FROM runs"
                " WHERE number >= ? AND number < ? ORDER BY number LIMIT ?");
    unsigned n = 0;
    int rc, failed = BF_OK;

    bf_query_int(q, 1, (int64_t)*from);
    bf_query_int(q, 2, (int64_t)r->last);
    bf_query_int(q, 3, max);
    while (!failed && (rc = bf_query_step(q)) == 1) {
        uint64_t run = (uint64_t)bf_query_col_int(q, 0);

        n++;
        *from = run + 1;
        if (bf_query_col_int(q, 4))
            continue;
        forget(r, key_of(bf_query_col_text(q, 1), bf_query_col_text(q, 2),
                         bf_query_col_text(q, 3)).text);
        bf_rules_forget_run(tx->bus->rules, run);
        failed = cut_state(tx->db, run);
        if (!failed)
            failed = cut_rows(tx->db, run);
    }
    bf_query_end(q);
    *more = n == max;
    return failed ? failed : rc < 0 ? rc : BF_OK;
}
