/* run_points.c - reading what is stored of runs. */
#include "core/bus/run_points.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/bus/journal_row.h"
#include "core/bus/runs.h"
#include "core/bus/words.h"

/* --- series --------------------------------------------------------------------------- */

/* What is written of a metric of a run. */
struct known {
    bool has;                   /* the run had it once */
    uint64_t steps_seq;         /* up to this event, */
    uint64_t value_seq;         /* this one brought its last finite value in order; 0: there was none */
};

/* The number of a name among the run's; -1: it is not there. */
static int find_name(struct bf_db *db, uint64_t run, const char *metric, int64_t *number)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT words FROM run_words WHERE run = ? ORDER BY first");
    size_t metric_len = strlen(metric);
    int64_t n = 0;
    int rc = BF_OK;

    *number = -1;
    bf_query_int(q, 1, (int64_t)run);
    while (*number < 0 && (rc = bf_query_step(q)) == 1) {
        size_t len;
        const void *blob = bf_query_col_blob(q, 0, &len);
        struct bf_bytes b = bf_bytes_of(blob, len);
        struct bf_word w;

        while (*number < 0 && bf_word_next(&b, &w)) {
            if (w.kind != BF_WORD_NAME)
                continue;
            if (w.text.len == metric_len && memcmp(w.text.text, metric, metric_len) == 0)
                *number = n;
            n++;
        }
    }
    bf_query_end(q);
    return *number >= 0 ? BF_OK : rc;
}

static int find_known(struct bf_db *db, uint64_t run, const char *metric, struct known *k)
{
    struct bf_query *q;
    int64_t number;
    int rc = find_name(db, run, metric, &number);

    *k = (struct known){.has = number >= 0};
    if (rc || !k->has)
        return rc;
    q = bf_db_query(db, "SELECT series_seq, series FROM runs WHERE number = ?");
    bf_query_int(q, 1, (int64_t)run);
    rc = bf_query_step(q);
    if (rc == 1) {
        size_t len;
        const void *blob = bf_query_col_blob(q, 1, &len);

        k->steps_seq = (uint64_t)bf_query_col_int(q, 0);
        k->value_seq = bf_steps_value_seq(blob, len, k->steps_seq, (uint64_t)number);
    }
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

struct tail {
    struct bf_db *db;
    const char *metric;
    double *out;
    size_t n;
    size_t max;
    uint64_t run;
};

static void take(struct tail *t, const struct bf_row_points *points)
{
    for (size_t i = points->n; i > 0 && t->n < t->max; i--) {
        const struct bf_point *p = &points->points[i - 1];

        if (p->in_order && isfinite(p->value) && strcmp(p->name, t->metric) == 0)
            t->out[t->n++] = p->value;
    }
}

/* Events behind `low` and before `before`, newest first. */
static int walk(struct tail *t, uint64_t low, uint64_t before)
{
    struct bf_query *q;
    struct bf_row_points points;
    int rc = BF_OK;

    if (before <= low + 1 || t->n == t->max)
        return BF_OK;
    q = bf_db_query(t->db, "SELECT " BF_ROW_COLUMNS " FROM journal WHERE run = ? AND seq > ?"
                           " AND seq < ? AND type = 'run.metric' ORDER BY seq DESC");
    bf_row_points_init(&points, t->db);
    bf_query_int(q, 1, (int64_t)t->run);
    bf_query_int(q, 2, (int64_t)low);
    bf_query_int(q, 3, before > INT64_MAX ? INT64_MAX : (int64_t)before);
    while (t->n < t->max && (rc = bf_query_step(q)) == 1) {
        struct bf_row row = bf_row_of(q);

        if (bf_row_read_points(&row, &points) == BF_OK)
            take(t, &points);   /* of one that is damaged, whoever reads the event is told */
    }
    bf_query_end(q);
    bf_row_points_fini(&points);
    return rc < 0 ? rc : BF_OK;
}

int bf_run_tail(struct bf_db *db, uint64_t run, const char *metric, uint64_t before, size_t max,
                double *out, size_t *n)
{
    struct tail t = {.db = db, .metric = metric, .out = out, .max = max, .run = run};
    struct known k;
    int rc = find_known(db, run, metric, &k);

    if (!rc && k.has)
        rc = walk(&t, k.steps_seq, before);
    if (!rc && k.value_seq)
        rc = walk(&t, 0, before <= k.value_seq ? before : k.value_seq + 1);
    *n = t.n;
    return rc;
}

/* --- order ---------------------------------------------------------------------------- */

/* The greatest step of a metric in a run: that of its newest point in order that has one. */
static int find_step(struct bf_db *db, uint64_t run, const char *metric, int64_t *step, bool *has)
{
    struct bf_query *q = bf_db_query(db, "SELECT " BF_ROW_COLUMNS " FROM journal WHERE run = ?"
                                         " AND type = 'run.metric' ORDER BY seq DESC LIMIT ?");
    struct bf_row_points points;
    int rc = 0;

    *has = false;
    bf_row_points_init(&points, db);
    bf_query_int(q, 1, (int64_t)run);
    bf_query_int(q, 2, BF_ORDER_MAX);
    while (!*has && (rc = bf_query_step(q)) == 1) {
        struct bf_row row = bf_row_of(q);

        if (bf_row_read_points(&row, &points))
            continue;
        for (size_t i = points.n; i > 0 && !*has; i--) {
            const struct bf_point *p = &points.points[i - 1];

            *has = p->in_order && p->has_step && strcmp(p->name, metric) == 0;
            *step = p->step;
        }
    }
    bf_query_end(q);
    bf_row_points_fini(&points);
    return rc < 0 ? rc : BF_OK;
}

/* Of an earlier point in the event itself, or else of what is stored. */
static int last_step(struct bf_db *db, const struct bf_envelope *e, size_t i, int64_t *step,
                     bool *has)
{
    struct known known = {.has = false};
    int rc = BF_OK;

    for (size_t k = i; k > 0; k--) {
        const struct bf_point *p = &e->points[k - 1];

        if (p->in_order && p->has_step && strcmp(p->name, e->points[i].name) == 0) {
            *step = p->step;
            *has = true;
            return BF_OK;
        }
    }
    if (e->run)
        rc = find_known(db, e->run, e->points[i].name, &known);
    return rc || !known.has ? rc : find_step(db, e->run, e->points[i].name, step, has);
}

int bf_run_order(struct bf_db *db, struct bf_envelope *e)
{
    int rc = BF_OK;

    for (size_t i = 0; !rc && i < e->n_points; i++) {
        struct bf_point *p = &e->points[i];
        int64_t step;
        bool has = false;

        if (p->has_step)
            rc = last_step(db, e, i, &step, &has);
        p->in_order = !has || p->step > step;
    }
    return rc;
}


/* --- runs ----------------------------------------------------------------------------- */

int bf_run_find(struct bf_db *db, const char *entity, const char *project, const char *id,
                uint64_t *run)
{
    struct bf_query *q = bf_db_query(db, "SELECT number FROM runs WHERE entity = ? AND project = ?"
                                         " AND run = ?");
    int rc;

    bf_query_text(q, 1, entity);
    bf_query_text(q, 2, project);
    bf_query_text(q, 3, id);
    rc = bf_query_step(q);
    *run = rc == 1 ? (uint64_t)bf_query_col_int(q, 0) : 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

int bf_run_earlier(struct bf_db *db, uint64_t run, const char *metric, uint64_t before, size_t max,
                   struct bf_run_value *out, size_t *n)
{
    struct bf_query *q = bf_db_query(
        db, "SELECT older.number FROM runs this JOIN runs older ON older.entity = this.entity"
            " AND older.project = this.project AND older.number < this.number"
            " WHERE this.number = ? ORDER BY older.number DESC LIMIT ?");
    int rc = BF_OK;

    *n = 0;
    bf_query_int(q, 1, (int64_t)run);
    bf_query_int(q, 2, BF_EARLIER_RUNS_MAX);
    while (*n < max && (rc = bf_query_step(q)) == 1) {
        uint64_t older = (uint64_t)bf_query_col_int(q, 0);
        double value;
        size_t found;
        int failed = bf_run_tail(db, older, metric, before, 1, &value, &found);

        if (failed) {
            rc = failed;
            break;
        }
        if (found)
            out[(*n)++] = (struct bf_run_value){older, value};
    }
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

/* The run in a row, into `out` in place of what is there; *rich if it tells more than who it is and how
 * it stands. */
static int read_context(const struct bf_row *row, struct bf_word_list *words, struct bf_buf *out,
                        bool *rich)
{
    struct bf_arena *scratch = bf_arena_new(BF_ROW_SCRATCH);
    const struct bf_json *run;
    struct bf_envelope *e;
    const char *text;
    size_t len;
    int rc = bf_row_read(row, 0, words, scratch, &e, NULL);

    if (!rc) {
        run = bf_json_get(bf_json_parse(scratch, e->text, e->text_len, NULL), "run");
        text = bf_json_raw(run, &len);
        *rich = bf_json_count(run) > 1 + (bf_json_get(run, "state") != NULL);
        if (*rich || !out->len) {
            bf_buf_clear(out);
            bf_buf_add(out, text, len);
        }
        bf_envelope_unref(e);
    }
    bf_arena_free(scratch);
    return rc;
}

int bf_run_context(struct bf_db *db, uint64_t run, uint64_t before, struct bf_buf *out)
{
    struct bf_query *q = bf_db_query(db, "SELECT " BF_ROW_COLUMNS " FROM journal WHERE run = ?"
                                         " AND seq < ? ORDER BY seq DESC LIMIT ?");
    struct bf_word_list *words = bf_word_list_new(db);
    bool rich = false;
    int rc = BF_OK;

    bf_query_int(q, 1, (int64_t)run);
    bf_query_int(q, 2, before > INT64_MAX ? INT64_MAX : (int64_t)before);
    bf_query_int(q, 3, BF_CONTEXT_EVENTS);
    while (!rich && (rc = bf_query_step(q)) == 1) {
        struct bf_row row = bf_row_of(q);

        read_context(&row, words, out, &rich);  /* one that is damaged has none */
    }
    bf_query_end(q);
    bf_word_list_free(words);
    return rc < 0 ? rc : out->len ? BF_OK : BF_ENOENT;
}


/* --- records --------------------------------------------------------------------------- */

static struct bf_record record_of(const struct bf_envelope *e)
{
    return (struct bf_record){
        .event = e, .run = e->run, .points = e->points, .n_points = e->n_points};
}

int bf_record_read(struct bf_db *db, uint16_t hub, uint64_t seq, struct bf_arena *scratch,
                   struct bf_record *out, struct bf_error *err)
{
    struct bf_envelope *e;
    int rc = bf_journal_read(db, hub, seq, scratch, &e, err);

    if (!rc)
        *out = record_of(e);
    return rc;
}

/* So many are read at once, so that no statement is left open between two calls. */
#define AT_ONCE       256
#define AT_ONCE_BYTES (1024 * 1024)

struct bf_records {
    struct bf_db *db;
    uint16_t hub;
    uint64_t from;              /* what is to be read next */
    uint64_t before;
    struct bf_arena *scratch;
    struct bf_word_list *words;
    struct bf_envelope *events[AT_ONCE];
    size_t n;
    size_t at;
};

struct bf_records *bf_records_new(struct bf_db *db, uint16_t hub, uint64_t from, uint64_t before)
{
    struct bf_records *r = bf_new(struct bf_records);

    r->db = db;
    r->hub = hub;
    r->from = from;
    r->before = before > INT64_MAX ? INT64_MAX : before;
    r->scratch = bf_arena_new(BF_ROW_SCRATCH);
    r->words = bf_word_list_new(db);
    return r;
}

static void forget(struct bf_records *r)
{
    for (size_t i = 0; i < r->n; i++)
        bf_envelope_unref(r->events[i]);
    r->n = r->at = 0;
}

void bf_records_free(struct bf_records *r)
{
    if (!r)
        return;
    forget(r);
    bf_arena_free(r->scratch);
    bf_word_list_free(r->words);
    free(r);
}

static int read_some(struct bf_records *r, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(r->db, "SELECT " BF_ROW_COLUMNS " FROM journal WHERE seq >= ?"
                                            " AND seq < ? ORDER BY seq LIMIT ?");
    size_t bytes = 0;
    int rc = 0, bad = 0;

    forget(r);
    bf_query_int(q, 1, (int64_t)r->from);
    bf_query_int(q, 2, (int64_t)r->before);
    bf_query_int(q, 3, AT_ONCE);
    while (!bad && bytes < AT_ONCE_BYTES && (rc = bf_query_step(q)) == 1) {
        struct bf_row row = bf_row_of(q);

        bf_arena_reset(r->scratch);
        bad = bf_row_read(&row, r->hub, r->words, r->scratch, &r->events[r->n], err);
        if (bad)
            continue;
        bytes += r->events[r->n]->text_len;
        r->n++;
        r->from = row.seq + 1;
    }
    bf_query_end(q);
    if (rc < 0)
        return bf_error_set(err, rc, "cannot read the journal: %s", bf_db_words(r->db));
    return r->n ? BF_OK : bad;
}

int bf_records_next(struct bf_records *r, struct bf_record *out, struct bf_error *err)
{
    if (r->at == r->n) {
        int rc = read_some(r, err);

        if (rc || r->n == 0)
            return rc;
    }
    *out = record_of(r->events[r->at++]);
    return 1;
}
