/* replay.c - the records of a range, through rules that hold one automation.
 *
 * The journal is read in pieces, so that no statement stays open and keeps the store's log from
 * being cut; what retention takes away meanwhile is not looked at.  Where the automation is for a
 * whole organization, teams are in it when they were: their moves are followed from record to
 * record.
 *
 * Waits on the clock are the backtest's own.  Between two records the engine would have woken up for
 * each when it was over; but where the next record is one of a wait itself, that is when it did, late
 * perhaps, and whatever was over is told of then.  The journaled records of waits, which are other
 * automations' or this one's, are not judged. */
#include "core/backtest/backtest_int.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/bus/answers.h"
#include "core/bus/as_of.h"
#include "core/bus/journal_list.h"
#include "core/bus/past.h"
#include "core/bus/run_points.h"

#define SPAN        4096        /* places in the journal that one statement looks at */
#define PIECE       16          /* records between two looks at the engine */
#define WAIT_MS     2           /* while it is at work ... */
#define WAITS_MAX   20          /* ... but not for ever */
#define SCRATCH_MAX (64 * 1024 * 1024)

struct move {
    char *entity;
    uint64_t seq;
};

struct replay {
    struct bf_backtest *backtest;
    struct bf_tally *tally;
    struct bf_db *db;
    struct bf_past *past;       /* what was remembered before the range, and is set since; values of
                                   runs before each record */
    struct bf_rules *rules;
    struct bf_past_answers *answers;    /* of the automation's script */
    struct bf_arena *scratch;
    uint64_t from, to;
    uint64_t at;                /* the record at hand */
    int64_t now_ms;             /* the hub's time, then */
    uint64_t n_clock;           /* waits that were over so far */
    struct move *moves;         /* of teams, from `from` on, in order */
    size_t n_moves, cap_moves;
    size_t moved;               /* how many of them have been followed */
    struct bf_error *err;
};

static int unreadable(struct replay *r, int rc)
{
    return bf_error_set(r->err, rc, "the journal cannot be read: %s", bf_db_words(r->db));
}


/* --- teams and their organization ------------------------------------------------------------ */

static bool is_of_organization(const struct bf_automation *a)
{
    return !a->project && bf_organization_owns_name(a->entity);
}

static int place(struct replay *r, const char *entity, uint64_t seq)
{
    char now[BF_ENTITY_NAME_MAX + 1];
    struct bf_buf then;
    int rc;

    bf_team_organization_entity(r->backtest->rooms.team, entity, now);
    bf_buf_init(&then, sizeof(now));
    rc = bf_placement_as_of(r->db, seq, entity, now, &then);
    if (!rc)
        bf_rules_place(r->rules, entity, then.len ? bf_buf_text(&then) : NULL);
    bf_buf_fini(&then);
    return rc;
}

static bool on_entity(void *arg, const struct bf_entity *e)
{
    struct replay *r = arg;

    return *e->kind != 't' || place(r, e->name, r->from) == BF_OK;
}

static bool on_move(void *arg, const char *entity, uint64_t seq)
{
    struct replay *r = arg;

    if (r->n_moves == r->cap_moves) {
        r->cap_moves = r->cap_moves ? 2 * r->cap_moves : 16;
        r->moves = bf_zrealloc(r->moves, r->cap_moves * sizeof(*r->moves));
    }
    r->moves[r->n_moves++] = (struct move){bf_strdup(entity), seq};
    return true;
}

/* Teams that there are, and those that were there then and are gone. */
static int place_all(struct replay *r)
{
    int rc;

    if (!is_of_organization(r->backtest->automation))
        return BF_OK;
    rc = bf_team_list_entities(r->db, "", on_entity, r);
    if (!rc)
        rc = bf_moves_from(r->db, r->from, on_move, r);
    for (size_t i = 0; !rc && i < r->n_moves; i++)
        rc = place(r, r->moves[i].entity, r->from);
    return rc ? unreadable(r, rc) : BF_OK;
}

/* The moves that were made before this record. */
static int follow_moves(struct replay *r, uint64_t seq)
{
    int rc = BF_OK;

    for (; !rc && r->moved < r->n_moves && r->moves[r->moved].seq < seq; r->moved++)
        rc = place(r, r->moves[r->moved].entity, seq);
    return rc;
}


/* --- records --------------------------------------------------------------------------------- */

static void judge(struct replay *r, struct bf_envelope *e)
{
    struct bf_record record = {
        .event = e, .run = e->run, .points = e->points, .n_points = e->n_points};
    const struct bf_firing *firings;
    size_t n;

    bf_past_answers_about(r->answers, e, e->seq);
    n = bf_rules_judge(r->rules, &record, &firings);
    for (size_t i = 0; i < n; i++)
        bf_tally_firing(r->tally, e, &firings[i]);
}



/* --- waits ----------------------------------------------------------------------------------- */

static bool is_wait(const struct bf_envelope *e)
{
    return strcmp(e->type, "schedule.tick") == 0 || strcmp(e->type, "clock.advance") == 0;
}

static bool is_ended(struct replay *r)
{
    return atomic_load(&r->backtest->ended);
}

static int ended(struct replay *r) { return bf_error_set(r->err, BF_ECANCELED, "it was ended"); }

/* The record that the engine would have journaled, but for its place. */
static int judge_due(struct replay *r, const struct bf_due *d, int64_t received_ms)
{
    struct bf_envelope *e = NULL;
    struct bf_buf text;
    int rc;

    bf_buf_init(&text, BF_EVENT_MAX);
    rc = bf_due_text(r->db, d, r->at, &text);
    if (rc == BF_ENOENT) {
        bf_rules_give_up(r->rules, d);
        rc = BF_OK;
    } else if (rc) {
        unreadable(r, rc);
    } else {
        rc = bf_envelope_parse(r->scratch, text.data, text.len, BF_FROM_HUB, &e, r->err);
        bf_arena_reset(r->scratch);
    }
    if (e) {
        e->received_ms = received_ms;
        e->run = d->run;
        judge(r, e);
        bf_envelope_unref(e);
    }
    bf_buf_fini(&text);
    return rc;
}

static int judge_over(struct replay *r, int64_t received_ms)
{
    const struct bf_due *due;
    size_t n = bf_rules_due(r->rules, received_ms, &due);
    int rc = BF_OK;

    r->n_clock += n;
    if (r->n_clock > r->backtest->max_clock)
        return bf_error_set(r->err, BF_ETOOBIG, "more than %llu waits would have been over in this"
                            " range; choose a shorter one",
                            (unsigned long long)r->backtest->max_clock);
    for (size_t i = 0; i < n && !rc; i++)
        rc = judge_due(r, &due[i], received_ms);
    bf_rules_settle(r->rules);
    return rc;
}

/* Up to a moment, at which all that is over by then is told of; or, `awake`, each when it is. */
static int pass_time(struct replay *r, int64_t until_ms, bool awake)
{
    int64_t next;
    int rc = BF_OK;

    while (!rc && (next = bf_rules_next(r->rules)) && next <= until_ms) {
        if (is_ended(r))
            return ended(r);
        r->now_ms = awake ? bf_max64(next, r->now_ms) : until_ms;
        rc = judge_over(r, r->now_ms);
    }
    r->now_ms = bf_max64(r->now_ms, until_ms);
    return rc;
}


/* --- record after record --------------------------------------------------------------------- */

/* One that was cut since its place was read is passed over. */
static int take(struct replay *r, uint64_t seq)
{
    struct bf_envelope *e = NULL;
    int rc = bf_journal_read(r->db, bf_bus_hub(r->backtest->rooms.bus), seq, r->scratch, &e,
                             r->err);

    if (rc)
        return rc == BF_ENOENT ? BF_OK : rc;
    r->at = seq;
    bf_past_move(r->past, seq);
    rc = follow_moves(r, seq);
    if (!rc)
        rc = pass_time(r, e->received_ms, !is_wait(e));
    if (!rc && !is_wait(e) && !e->is_dropped) {
        judge(r, e);
        bf_rules_settle(r->rules);
        bf_tally_record(r->tally);
    }
    if (!rc)
        rc = bf_past_error(r->past);
    if (!rc && bf_past_answers_error(r->answers))
        rc = bf_error_set(r->err, bf_past_answers_error(r->answers), "a script could not be asked");
    bf_envelope_unref(e);
    bf_arena_reset(r->scratch);
    return rc;
}

/* Live traffic goes first. */
static void give_way(const struct replay *r)
{
    struct bf_bus *bus = r->backtest->rooms.bus;
    struct timespec some = {0, WAIT_MS * 1000000};

    for (int i = 0; i < WAITS_MAX && (bf_bus_waiting(bus) || bf_bus_busy_ms(bus)); i++)
        nanosleep(&some, NULL);
}

static int take_span(struct replay *r, uint64_t low, uint64_t high)
{
    const struct bf_automation *a = r->backtest->automation;
    uint64_t seqs[SPAN];
    unsigned n;
    int rc = bf_journal_next(r->db, is_of_organization(a) ? NULL : a->entity, a->project, low,
                             high, seqs, SPAN, &n);

    if (rc)
        return unreadable(r, rc);
    for (unsigned i = 0; !rc && i < n; i++) {
        if (is_ended(r))
            return ended(r);
        if (i % PIECE == 0)
            give_way(r);
        rc = take(r, seqs[i]);
        atomic_store(&r->backtest->n_done, seqs[i] + 1 - r->from);
    }
    return rc;
}

static int take_all(struct replay *r)
{
    int rc = BF_OK;

    for (uint64_t at = r->from; !rc && at < r->to; at += SPAN) {
        uint64_t end = r->to - at < SPAN ? r->to : at + SPAN;

        rc = take_span(r, at, end);
        if (!rc)
            atomic_store(&r->backtest->n_done, end - r->from);
    }
    return rc;
}


/* --- the whole of it ------------------------------------------------------------------------- */

static int find_range(struct replay *r)
{
    struct bf_backtest *t = r->backtest;
    int rc = bf_journal_at(r->db, t->since_ms, &r->from);

    if (!rc)
        rc = bf_journal_at(r->db, t->until_ms, &r->to);
    if (rc)
        return unreadable(r, rc);
    r->from = r->from ? r->from : 1;    /* there is no event 0 */
    if (r->to < r->from)
        r->to = r->from;
    atomic_store(&t->n_all, r->to - r->from);
    return BF_OK;
}

/* A copy of the automation that nothing is remembered of: it begins with the range. */
static void begin_rules(struct replay *r)
{
    r->past = bf_past_new(r->db, r->from);
    r->answers = bf_past_answers_new(r->db, &r->backtest->rooms.asker);
    r->rules = bf_rules_new();
    bf_rules_answers(r->rules, bf_past_answers_get(r->answers));
    bf_rules_limit_windows(r->rules, BF_BACKTEST_WINDOWS);
    bf_rules_remember(r->rules, bf_past_rules(r->past));
    bf_rules_saved(r->rules, r->backtest->automation, r->backtest->since_ms);
    bf_rules_put(r->rules, r->backtest->automation);
    bf_rules_begin(r->rules, r->backtest->since_ms);
    r->now_ms = r->backtest->since_ms;
}

/* From which time on points could be had for the windows at the beginning. */
static int tell_warm_up(struct replay *r)
{
    int64_t from_ms;
    int rc = bf_journal_first(r->db, &from_ms);

    if (rc)
        return unreadable(r, rc);
    bf_tally_warm_up(r->tally, from_ms < r->backtest->since_ms ? from_ms : 0,
                     !bf_past_is_cut(r->past));
    return BF_OK;
}

static void end(struct replay *r)
{
    for (size_t i = 0; i < r->n_moves; i++)
        free(r->moves[i].entity);
    free(r->moves);
    bf_rules_free(r->rules);
    bf_past_free(r->past);
    bf_past_answers_free(r->answers);
    bf_arena_free(r->scratch);
    bf_db_close(r->db);
}

int bf_backtest_replay(struct bf_backtest *t, struct bf_tally *y, struct bf_error *err)
{
    struct replay r = {.backtest = t, .tally = y, .err = err};
    int rc = bf_db_open(t->rooms.db_path, BF_DB_READ, &r.db, err);

    if (rc)
        return rc;
    r.scratch = bf_arena_new(SCRATCH_MAX);
    rc = find_range(&r);
    if (!rc)
        begin_rules(&r);
    if (!rc)
        rc = place_all(&r);
    if (!rc)
        rc = take_all(&r);
    if (!rc) {
        r.at = r.to;
        rc = pass_time(&r, t->until_ms - 1, true);
    }
    if (!rc)
        rc = tell_warm_up(&r);
    end(&r);
    return rc;
}
