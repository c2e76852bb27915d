/* verdict.c - one record, and the evaluator over how things were before it. */
#include "core/bus/verdict.h"

#include <string.h>

#include "core/base/base.h"
#include "core/bus/answers.h"
#include "core/bus/as_of.h"
#include "core/bus/past.h"
#include "core/bus/run_points.h"

#define SCRATCH_MAX (64 * 1024 * 1024)
#define NAME_BYTES_MAX 1024

struct bf_verdicts {
    struct bf_db *db;
    struct bf_envelope *event;  /* a reference */
    struct bf_record record;
    struct bf_buf organization;
    uint64_t seq;
    struct bf_past *past;       /* of what is asked about now, with what judging it sets */
    struct bf_rules *rules;
    struct bf_past_answers *answers;
    bool is_recorded;
    int rc;                     /* the first trouble of those before it */
};

/* The rules get nothing but what they are asked about, each time anew. */
static struct bf_rules *fresh_rules(struct bf_verdicts *v, const struct bf_automation *a)
{
    v->rc = bf_verdicts_error(v);
    bf_rules_free(v->rules);
    bf_past_free(v->past);
    v->past = bf_past_new(v->db, v->seq);
    v->rules = bf_rules_new();
    bf_rules_remember(v->rules, bf_past_rules(v->past));
    if (v->organization.len)
        bf_rules_place(v->rules, v->event->entity, bf_buf_text(&v->organization));
    bf_rules_put(v->rules, a);
    bf_past_answers_about(v->answers, v->event, v->is_recorded ? v->seq : 0);
    bf_rules_answers(v->rules, bf_past_answers_get(v->answers));
    return v->rules;
}

/* Takes the reference. */
static struct bf_verdicts *new_verdicts(struct bf_db *db, struct bf_envelope *e, uint64_t seq)
{
    struct bf_verdicts *v = bf_new(struct bf_verdicts);

    v->db = db;
    v->event = e;
    v->record = (struct bf_record){
        .event = e, .run = e->run, .points = e->points, .n_points = e->n_points};
    v->seq = seq;
    v->answers = bf_past_answers_new(db, NULL);
    bf_buf_init(&v->organization, NAME_BYTES_MAX);
    return v;
}

int bf_verdicts_open(struct bf_db *db, uint16_t hub, uint64_t seq, const char *organization,
                     struct bf_verdicts **out, struct bf_error *err)
{
    struct bf_arena *scratch = bf_arena_new(SCRATCH_MAX);
    struct bf_envelope *e;
    struct bf_verdicts *v;
    int rc = bf_journal_read(db, hub, seq, scratch, &e, err);

    bf_arena_free(scratch);
    if (rc)
        return rc;
    v = new_verdicts(db, e, seq);
    v->is_recorded = true;
    rc = bf_placement_as_of(db, seq, e->entity, organization, &v->organization);
    if (rc) {
        bf_verdicts_close(v);
        return bf_error_set(err, rc, "cannot read where %s was: %s", e->entity, bf_db_words(db));
    }
    *out = v;
    return BF_OK;
}

/* The number that a run gets which is not known yet. */
static int next_run(struct bf_db *db, uint64_t *run)
{
    struct bf_query *q = bf_db_query(db, "SELECT number FROM runs ORDER BY number DESC LIMIT 1");
    int rc = bf_query_step(q);

    *run = rc == 1 ? (uint64_t)bf_query_col_int(q, 0) + 1 : 1;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

/* Its run as it is now, or would be with this event; points without an order of their own are newer
 * than all there are. */
static int find_run(struct bf_db *db, struct bf_envelope *e)
{
    int rc = BF_OK;

    if (e->run_id)
        rc = bf_run_find(db, e->entity, e->project ? e->project : "", e->run_id, &e->run);
    if (!rc && e->run_id && !e->run && strncmp(e->type, "run.", 4) == 0)
        rc = next_run(db, &e->run);
    return rc;
}

static int next_seq(struct bf_db *db, uint64_t *seq)
{
    struct bf_query *q = bf_db_query(db, "SELECT seq FROM journal ORDER BY seq DESC LIMIT 1");
    int rc = bf_query_step(q);

    *seq = rc == 1 ? (uint64_t)bf_query_col_int(q, 0) + 1 : 1;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

int bf_verdicts_imagine(struct bf_db *db, struct bf_envelope *e, const char *organization,
                        struct bf_verdicts **out, struct bf_error *err)
{
    struct bf_verdicts *v;
    uint64_t seq;
    int rc = next_seq(db, &seq);

    if (!rc)
        rc = find_run(db, e);
    if (!rc)
        rc = bf_run_order(db, e);
    if (rc)
        return bf_error_set(err, rc, "cannot read the journal: %s", bf_db_words(db));
    v = new_verdicts(db, bf_envelope_ref(e), seq);
    bf_buf_adds(&v->organization, organization ? organization : "");
    *out = v;
    return BF_OK;
}

void bf_verdicts_close(struct bf_verdicts *v)
{
    if (!v)
        return;
    bf_rules_free(v->rules);
    bf_past_free(v->past);
    bf_past_answers_free(v->answers);
    bf_buf_fini(&v->organization);
    bf_envelope_unref(v->event);
    free(v);
}

void bf_verdicts_ask(struct bf_verdicts *v, const struct bf_asker *asker)
{
    bf_past_answers_free(v->answers);
    v->answers = bf_past_answers_new(v->db, asker);
}

struct bf_envelope *bf_verdicts_event(const struct bf_verdicts *v) { return v->event; }
const char *bf_verdicts_organization(const struct bf_verdicts *v)
{
    return bf_buf_text(&v->organization);
}

static void print_verdict(const struct bf_automation *a, const char *decision, const char *clause,
                          const char *reason, struct bf_buf *out)
{
    bf_buf_adds(out, "{\"automation\":");
    bf_buf_json(out, a->id);
    bf_buf_adds(out, ",\"name\":");
    bf_buf_json(out, a->name);
    bf_buf_printf(out, ",\"revision\":%llu,\"decision\":\"%s\",\"clause\":\"%s\",\"reason\":\"%s\"}",
                  (unsigned long long)a->revision, decision, clause, reason);
}

/* The numbers that it would be told with are not the ones of then. */
static void print_not_recorded(const struct bf_automation *a, struct bf_buf *out)
{
    print_verdict(a, "not recorded", "retention", "what was before the event, and would be needed, is"
                  " not kept any more", out);
}

void bf_verdicts_explain(struct bf_verdicts *v, const struct bf_automation *a, struct bf_buf *out)
{
    struct bf_buf verdict;

    if (v->event->is_dropped) {
        print_verdict(a, "dropped", "on_event", "on_event dropped the event before any automation saw"
                      " it", out);
        return;
    }
    bf_buf_init(&verdict, out->max);
    bf_rules_explain(fresh_rules(v, a), &v->record, a, &verdict);
    if (bf_past_is_cut(v->past))
        print_not_recorded(a, out);
    else
        bf_buf_add(out, bf_buf_text(&verdict), verdict.len);
    out->failed = out->failed || verdict.failed;
    bf_buf_fini(&verdict);
}

size_t bf_verdicts_judge(struct bf_verdicts *v, const struct bf_automation *a,
                         const struct bf_firing **out)
{
    if (v->event->is_dropped)
        return 0;
    return bf_rules_try(fresh_rules(v, a), &v->record, a, out);
}

int bf_verdicts_error(const struct bf_verdicts *v)
{
    int rc = v->rc ? v->rc : bf_past_answers_error(v->answers);

    return rc || !v->past ? rc : bf_past_error(v->past);
}
