/* advance.c - the engine's side of what waits on the clock.
 *
 * Waits live in the rules, which know no time but that of the records they judge.  So what is over
 * becomes a record first (schedule.tick, clock.advance), in the order in which it was over, and
 * whatever follows from it follows in the same transaction.  All that is over by the time of a batch
 * stands in the journal before the batch's first record; who replays the journal meets the same.
 *
 * A wait ends with the commit of its record and not before: if that fails, it is over still and is
 * told of again. */
#include "core/bus/asking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/bus/run_points.h"

#define SLICE_MS    20          /* of one transaction, and then others have their turn */
#define SLEEP_MAX   5000        /* the machine's clock may be set forward meanwhile */
#define CONTEXT_MAX (BF_EVENT_MAX / 2)  /* of a run; of one that says more, the id alone is told */

struct run {
    struct bf_due_run about;
    struct bf_buf names;        /* entity and project, each with its NUL */
    struct bf_buf context;
};

int64_t bf_bus_next_wake(struct bf_bus *bus) { return bf_rules_next(bus->rules); }

bool bf_bus_is_over(struct bf_bus *bus, int64_t now_ms)
{
    int64_t next = bf_bus_next_wake(bus);

    return next && next <= now_ms;
}

int64_t bf_bus_sleep_ms(struct bf_bus *bus)
{
    int64_t next = bf_bus_next_wake(bus);

    if (!next)
        return -1;
    return bf_min64(bf_max64(next - bf_bus_now(bus), 0), SLEEP_MAX);
}

/* ---- the run that an absence is about ---- */

static void init_run(struct run *r)
{
    bf_buf_init(&r->names, BF_EVENT_MAX);
    bf_buf_init(&r->context, CONTEXT_MAX);
}

static void fini_run(struct run *r)
{
    bf_buf_fini(&r->names);
    bf_buf_fini(&r->context);
}

static void id_alone(struct run *r, const char *id)
{
    bf_buf_clear(&r->context);
    bf_buf_adds(&r->context, "{\"id\":");
    bf_buf_json(&r->context, id);
    bf_buf_addc(&r->context, '}');
}

static int read_context(struct bf_db *db, uint64_t number, uint64_t before, const char *id,
                        struct run *r)
{
    int rc = bf_run_context(db, number, before, &r->context);

    if (rc == BF_ENOENT || r->context.failed || (!rc && !r->context.len)) {
        id_alone(r, id);
        rc = BF_OK;
    }
    r->about.context = r->context.data;
    r->about.context_len = r->context.len;
    return rc;
}

/* BF_ENOENT: there is no such run any more. */
static int read_run(struct bf_db *db, uint64_t number, uint64_t before, struct run *r)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT entity, project, run FROM runs WHERE number = ?");
    int rc;

    bf_query_int(q, 1, (int64_t)number);
    rc = bf_query_step(q);
    if (rc == 1) {
        const char *entity = bf_query_col_text(q, 0), *project = bf_query_col_text(q, 1);
        size_t len = strlen(entity) + 1;

        bf_buf_add(&r->names, entity, len);
        bf_buf_add(&r->names, project, strlen(project) + 1);
        r->about.entity = r->names.data;
        r->about.project = r->names.data + len;
        rc = read_context(db, number, before, bf_query_col_text(q, 2), r);
    } else if (rc == 0) {
        rc = BF_ENOENT;
    }
    bf_query_end(q);
    return rc;
}

/* ---- records ---- */

int bf_due_text(struct bf_db *db, const struct bf_due *d, uint64_t before, struct bf_buf *out)
{
    struct run run;
    int rc = BF_OK;

    init_run(&run);
    if (d->run)
        rc = read_run(db, d->run, before, &run);
    if (!rc)
        bf_due_print(d, d->run ? &run.about : NULL, out);
    fini_run(&run);
    return rc;
}

/* What waited for a run that is not in the tables any more ends without a record. */
static int journal_due(struct bf_tx *tx, const struct bf_due *d, struct bf_error *err)
{
    struct bf_buf text;
    int rc;

    bf_buf_init(&text, BF_EVENT_MAX);
    rc = bf_due_text(tx->db, d, BF_NOW, &text);
    if (rc == BF_ENOENT) {
        bf_rules_give_up(tx->bus->rules, d);
        rc = BF_OK;
    } else if (rc) {
        bf_error_set(err, rc, "cannot read a run: %s", bf_db_words(tx->db));
    } else {
        bf_arena_reset(tx->bus->scratch);
        bf_bus_count_anew(tx);
        rc = bf_bus_emit_text(tx, tx->bus->scratch, &text, err);
    }
    bf_buf_fini(&text);
    return rc;
}

/* ---- what scripts are asked about ---- */

/* A wait that is over, and waits for a script. */
struct held {
    struct bf_work work;
    struct bf_bus *bus;
    struct bf_envelope *event;  /* as it would be now; a reference */
    uint64_t run;
    char automation[BF_ID_LEN + 1];
};

/* It may have been begun anew meanwhile.  Its record says what is so now; if that is something else,
 * the script is asked about it anew. */
static int apply_held(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct held *h = bf_container_of(w, struct held, work);
    struct bf_due due;
    int rc;

    if (!bf_rules_held(tx->bus->rules, h->automation, h->run, tx->now_ms, &due))
        return BF_OK;
    tx->may_fail = false;       /* of what it leads to nothing is too much */
    tx->advances = true;
    rc = journal_due(tx, &due, err);
    tx->advances = false;
    return rc;
}

static void held_done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct held *h = bf_container_of(w, struct held, work);
    struct bf_bus *bus = h->bus;

    (void)err;          /* the engine says it */
    bf_rules_let_go(bus->rules, h->automation, h->run);
    if (rc && rc != BF_ECANCELED)
        bus->retry_mono_ms = bf_mono_ms(bus->clock) + BF_ADVANCE_RETRY_MS;
    bf_envelope_unref(h->event);
    free(h);
}

static int hold(struct bf_tx *tx, const struct bf_due *d, const struct bf_buf *text,
                struct bf_error *err)
{
    struct bf_envelope *e;
    struct held *h;
    int rc = bf_envelope_parse(tx->bus->scratch, text->data, text->len, BF_FROM_HUB, &e, err);

    if (rc)
        return rc;
    h = bf_new(struct held);
    *h = (struct held){.bus = tx->bus, .event = e, .run = d->run};
    snprintf(h->automation, sizeof(h->automation), "%s", d->automation->id);
    h->work = (struct bf_work){.always = true, .may_fail = true, .apply = apply_held,
                               .done = held_done, .events = &h->event, .n_events = 1};
    bf_rules_hold(tx->bus->rules, d);
    bf_asking_add(tx->bus, &h->work, e, d->automation);
    return BF_OK;
}

/* The wait is over: there is a record of it, or a script is asked about that. */
static int take_due(struct bf_tx *tx, const struct bf_due *d, struct bf_error *err)
{
    struct bf_buf text;
    int rc;

    if (!d->automation->hooks.filter || !bf_asking_is_on(tx->bus))
        return journal_due(tx, d, err);
    bf_arena_reset(tx->bus->scratch);
    bf_buf_init(&text, BF_EVENT_MAX);
    rc = bf_due_text(tx->db, d, BF_NOW, &text);
    if (rc || text.failed)
        rc = journal_due(tx, d, err);
    else
        rc = hold(tx, d, &text, err);
    bf_buf_fini(&text);
    return rc;
}

int bf_bus_advance(struct bf_tx *tx, struct bf_error *err)
{
    int64_t until = bf_mono_ms(tx->bus->clock) + SLICE_MS;
    const struct bf_due *due;
    size_t n = bf_rules_due(tx->bus->rules, tx->now_ms, &due);
    int rc = BF_OK;

    tx->source = NULL;
    for (size_t i = 0; i < n && !rc; i++) {
        rc = take_due(tx, &due[i], err);
        if (bf_mono_ms(tx->bus->clock) >= until)
            break;
    }
    return rc;
}
