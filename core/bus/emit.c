/* emit.c - what follows from an event: its place in the journal, who fires, and the executions that
 * are added for it, all in the transaction at hand. */
#include "core/bus/answers.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/bus/journal_list.h"
#include "core/bus/originals.h"
#include "core/outbox/digest.h"
#include "core/outbox/merge.h"

static void place(struct bf_tx *tx, struct bf_execution *x)
{
    x->number = tx->bus->last_number + 1;
    x->status = BF_PENDING;
    x->attempts = 0;
    x->created_ms = tx->now_ms;
    x->due_ms = tx->now_ms;
    x->first_attempt_ms = 0;
    x->delayed_by[0] = '\0';
    bf_id_number(x->id, tx->now_ms, tx->bus->hub, x->number);
}

/* One that has its place; takes the reference if it succeeds. */
static int enqueue(struct bf_tx *tx, struct bf_execution *x)
{
    int rc = bf_outbox_add(tx->db, x);

    if (rc)
        return rc;
    tx->bus->last_number = x->number;
    bf_bus_remember_added(tx->bus, x);
    return BF_OK;
}

static struct bf_execution *new_execution(struct bf_tx *tx, const struct bf_record *record,
                                          const struct bf_firing *f, uint32_t action)
{
    struct bf_execution *x = bf_execution_new();

    x->action = action;
    x->event = bf_envelope_ref((struct bf_envelope *)record->event);
    x->automation = bf_automation_ref(f->automation);
    x->trigger = f->trigger->wire;
    x->run = f->run;
    bf_execution_set_facts(x, f->facts, f->facts_len);
    bf_execution_set_answer(x, &f->answer);
    place(tx, x);
    if (bf_firing_failed(f)) {
        x->status = BF_FAILED;
        return x;
    }
    x->due_ms = bf_max64(f->due_ms, tx->now_ms);
    x->is_digest = f->opens_digest || f->ruling == BF_JOINS;
    if (x->due_ms > tx->now_ms && f->reason)
        snprintf(x->delayed_by, sizeof(x->delayed_by), "%s", f->reason);
    return x;
}

/* One that was to join a digest opens another if there is none that can be joined, for it was
 * cancelled or is on its way.  What has failed is in none. */
static int fire(struct bf_tx *tx, const struct bf_record *record, const struct bf_firing *f,
                uint32_t action)
{
    struct bf_execution *x = new_execution(tx, record, f, action);
    bool joined = false;
    int rc = f->ruling == BF_JOINS && x->is_digest ? bf_outbox_join(tx->db, x, &joined) : BF_OK;

    if (!rc && !joined)
        rc = enqueue(tx, x);
    if (rc || joined)
        bf_execution_unref(x);
    return rc;
}

static int fire_all(struct bf_tx *tx, const struct bf_record *record, const struct bf_firing *f)
{
    int rc = BF_OK;

    if (f->run && f->ruling == BF_FIRES) {
        rc = bf_bus_write_suppressed(tx);
        if (!rc)
            rc = bf_outbox_end_skipped(tx->db, f->automation, f->run);
    }
    for (uint32_t action = 0; !rc && action < f->automation->n_actions; action++)
        rc = fire(tx, record, f, action);
    return rc;
}

static void suppress(struct bf_tx *tx, const struct bf_record *record, const struct bf_firing *f)
{
    const struct bf_suppressed one = {
        .automation = f->automation,
        .trigger = f->trigger->wire,
        .event = (struct bf_envelope *)record->event,
        .run = f->run,
        .reason = f->reason,
        .until_ms = f->until_ms,
        .facts = f->facts,
        .facts_len = f->facts_len,
        .answer = f->answer,
    };

    bf_outbox_suppress(tx->bus->suppressed, &one);
}

/* It is an execution like any other to whoever watches them. */
static void on_skipped(void *arg, struct bf_execution *row)
{
    struct bf_tx *tx = arg;

    bf_id_number(row->id, tx->now_ms, tx->bus->hub, row->number);
    bf_bus_remember_added(tx->bus, bf_execution_ref(row));
}

int bf_bus_write_suppressed(struct bf_tx *tx)
{
    return bf_outbox_write_suppressed(tx->bus->suppressed, tx->db, tx->now_ms,
                                      &tx->bus->last_number, on_skipped, tx);
}

/* Whether this piece of work has led to too much already, or will with an event of many points; one
 * that is no more than one may fire whatever waits for it. */
static bool is_too_much(const struct bf_tx *tx, const struct bf_record *record,
                        const struct bf_firing *firings, size_t n)
{
    size_t actions = tx->bus->added.n - tx->n_added_before;

    for (size_t i = 0; i < n && record->n_points > 1; i++)
        actions += firings[i].ruling == BF_SUPPRESSED ? 0 : firings[i].automation->n_actions;
    return actions > BF_BUS_FIRINGS_MAX;
}

void bf_bus_count_anew(struct bf_tx *tx)
{
    tx->n_added_before = tx->bus->added.n;
    bf_rules_bound(tx->bus->rules, tx->may_fail ? BF_BUS_EFFORT_MAX : 0);
}

/* What scripts said is known, or noted as missed. */
static int judge(struct bf_tx *tx, const struct bf_record *record, struct bf_met *met,
                 const struct bf_firing **firings, size_t *n)
{
    struct bf_rules *rules = tx->bus->rules;
    const struct bf_automation *const *missed;
    struct bf_answers answers;
    size_t n_missed;

    if (!met) {
        *n = bf_rules_judge(rules, record, firings);
        return BF_OK;
    }
    bf_asking_answers(tx, met, &answers);
    bf_rules_answers(rules, &answers);
    *n = bf_rules_judge(rules, record, firings);
    bf_rules_answers(rules, NULL);
    bf_rules_missed(rules, &missed, &n_missed);
    return bf_asking_note(tx, met, missed, n_missed);
}

static int decide(struct bf_tx *tx, struct bf_envelope *e, struct bf_met *met)
{
    struct bf_record record = {
        .event = e, .run = e->run, .points = e->points, .n_points = e->n_points};
    const struct bf_firing *firings;
    size_t n;
    int rc;

    bf_live_memory_at(tx->bus->memory, e->seq);
    rc = judge(tx, &record, met, &firings, &n);
    if (bf_live_memory_failed(tx->bus->memory))
        return BF_EIO;
    if (rc)
        return rc;
    if (tx->may_fail &&
        (bf_rules_gave_up(tx->bus->rules) || is_too_much(tx, &record, firings, n)))
        return BF_ETOOBIG;
    for (size_t i = 0; i < n && !rc; i++) {
        if (firings[i].ruling == BF_SUPPRESSED)
            suppress(tx, &record, &firings[i]);
        else
            rc = fire_all(tx, &record, &firings[i]);
    }
    return rc;
}

/* With what hooks said of it.  What was missed is undone, and need not be kept. */
static int keep_answers(struct bf_tx *tx, uint64_t seq, const struct bf_met *met)
{
    int rc = met && !tx->missed ? bf_original_write(tx, seq, met) : BF_OK;

    if (!rc && met && !tx->missed && !met->is_dropped)
        rc = bf_answers_write(tx, seq, met);
    return rc;
}

static int journal_and_decide(struct bf_tx *tx, struct bf_envelope *e, struct bf_met *met,
                              struct bf_receipt *out)
{
    bool is_dropped = met && met->is_dropped;
    int rc = bf_journal_append(tx, e, is_dropped, out);

    if (rc)
        return rc;
    bf_bus_tally(tx, out->duplicate);
    if (out->duplicate)
        return BF_OK;
    if (!is_dropped)
        rc = decide(tx, e, met);
    return rc ? rc : keep_answers(tx, e->seq, met);
}

/* One whose key was there before needs no answer. */
static int meet(struct bf_tx *tx, struct bf_envelope *e, struct bf_met **out)
{
    *out = NULL;
    if (!tx->asks || bf_journal_has_key(tx, e))
        return BF_OK;
    *out = bf_asking_meet(tx, e);
    return *out ? BF_OK : BF_ETOOBIG;
}

/* The words for what was not done. */
static int fail(struct bf_tx *tx, int rc, struct bf_error *err)
{
    if (rc == BF_ETOOBIG && bf_rules_gave_up(tx->bus->rules))
        return bf_error_set(err, rc, "too many automations would have to be asked about these events;"
                            " send fewer of them, or of their points, at once");
    if (rc == BF_ETOOBIG && tx->asks && bf_asking_is_too_much(tx))
        return bf_error_set(err, rc, "more than %d scripts would have to be asked about these events;"
                            " send fewer at once", BF_ASKING_MAX);
    if (rc == BF_ETOOBIG)
        return bf_error_set(err, rc, "these events would fire more than %d actions; send fewer at"
                            " once", BF_BUS_FIRINGS_MAX);
    return bf_error_set(err, rc, "the event could not be stored: %s", bf_db_words(tx->db));
}

int bf_bus_emit(struct bf_tx *tx, struct bf_envelope *e, struct bf_receipt *out,
                struct bf_error *err)
{
    struct bf_met *met;
    int rc;

    if (tx->bus->retry_mono_ms && !tx->advances)
        return bf_error_set(err, BF_EIO, "schedules and absences that are over cannot be stored,"
                                         " and come first");
    rc = meet(tx, e, &met);
    if (rc)
        return fail(tx, rc, err);
    e = met ? met->event : e;
    if (!met || !met->is_dropped)
        rc = bf_crash_resume(tx, e, err);
    if (rc)
        return rc;
    rc = journal_and_decide(tx, e, met, out);
    return rc ? fail(tx, rc, err) : BF_OK;
}

bool bf_bus_may_refuse(const struct bf_bus *bus, struct bf_envelope *const *events, size_t n)
{
    return n > 1 || (n == 1 && events[0]->n_points > 1 &&
                     events[0]->n_points * bf_bus_automations(bus) > BF_BUS_ASKED_SURE);
}

int bf_bus_resend(struct bf_tx *tx, struct bf_execution *x, unsigned statuses, bool once,
                  bool *resent, struct bf_error *err)
{
    uint64_t first = x->number;
    int rc;

    *resent = false;
    if (!bf_journal_has(tx->db, x->event->seq))
        return BF_OK;
    memcpy(x->resend_of, x->id, sizeof(x->resend_of));
    place(tx, x);
    rc = bf_outbox_resent(tx->db, first, statuses, once, x->id);
    *resent = rc == BF_OK;
    if (rc == BF_ENOENT)
        return BF_OK;
    if (!rc)
        rc = enqueue(tx, bf_execution_ref(x));
    if (!rc && x->is_digest)
        rc = bf_digest_copy(tx->db, first, x->number);
    if (!rc && x->n_merged)
        rc = bf_merge_resent(tx->db, x->resend_of, x->id);
    if (!rc)
        return BF_OK;
    if (*resent)
        bf_execution_unref(x);
    return bf_error_set(err, rc, "cannot send again: %s", bf_db_words(tx->db));
}
