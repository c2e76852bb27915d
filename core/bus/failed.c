/* failed.c - telling of executions that failed.
 *
 * CONCEPT.  Whoever waits for a message does not see that it never came.  So an execution that ends as
 * failed or unknown leads to an event, belfry.execution.failed, and an automation can tell of it
 * somewhere else.  Only the end is told, not each attempt, and one event stands for a message that told
 * of many.  What was fired by such an event is not told of, so two receivers that fail do not talk of
 * each other for ever.
 *
 * OPERATION.  The transaction that settles the execution marks it as untold, and its end posts a piece
 * of work that journals the event and takes the mark away.  The event could stand in the first
 * transaction, but scripts may have to be asked about it: an outcome would wait for them, with all
 * that was settled beside it, and be sent again if the hub died meanwhile.
 *
 * SAFETY.  What is untold when a hub stops, or when the store fails, is told at the next start, or when
 * the store works again.  The mark and the event are one commit, so it is told once.  What is said comes
 * from rows alone: it is the same however often the work is applied. */
#include "core/bus/bus_int.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/utf8.h"
#include "core/outbox/history.h"

#define ARENA_MAX (64 * 1024 * 1024)    /* of one record, and the event that it came of */
#define WORDS_MAX 2000

struct telling {
    struct bf_work work;
    struct bf_bus *bus;
    uint64_t number;
    bool is_silent;             /* it cannot be told of: the mark goes all the same */
};

/* One event in the making. */
struct failure {
    struct bf_bus *bus;
    struct bf_arena *arena;
    struct bf_bus_note note;
    struct bf_buf data;
    uint64_t event;             /* seq of what fired it */
    const char *words;          /* of the last attempt, */
    int http_status;
};


/* --- what is said -------------------------------------------------------------------------- */

static void add_member(struct bf_buf *b, const char *name, const char *text)
{
    bf_buf_printf(b, ",\"%s\":", name);
    if (text)
        bf_buf_json(b, text);
    else
        bf_buf_adds(b, "null");
}

static void on_attempt(struct failure *f, struct bf_query *q)
{
    const char *words = bf_query_col_text(q, 1);

    f->http_status = (int)bf_query_col_int(q, 0);
    if (words)
        f->words = bf_arena_ndup(f->arena, words, bf_utf8_cut(words, strlen(words), WORDS_MAX));
}

static int read_last_attempt(struct failure *f, struct bf_db *db, uint64_t number)
{
    struct bf_query *q = bf_db_query(db, "SELECT http_status, reason FROM attempts WHERE place > ?"
                                         " AND place < ? ORDER BY place DESC LIMIT 1");
    int rc;

    bf_query_int(q, 1, (int64_t)(number * BF_ATTEMPTS_MAX));
    bf_query_int(q, 2, (int64_t)((number + 1) * BF_ATTEMPTS_MAX));
    rc = bf_query_step(q);
    if (rc == 1)
        on_attempt(f, q);
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

/* Of one that a script had fail before any attempt; the first line of what it said. */
static const char *script_words(struct failure *f, const char *hooks)
{
    const struct bf_json *root = hooks ? bf_json_parse(f->arena, hooks, strlen(hooks), NULL) : NULL;
    const char *words = bf_json_str(f->arena, bf_json_at(root, "/filter/words"));

    if (!words)
        return NULL;
    return bf_arena_printf(f->arena, "the filter script failed: %.*s", (int)strcspn(words, "\n"),
                           words);
}

static const char *words_of(struct failure *f, const struct bf_history_row *row)
{
    const char *words = NULL;

    if (row->reason && strcmp(row->reason, BF_INTERRUPTED) == 0)
        return "the hub was stopped while it was sent";
    if (row->reason && strcmp(row->reason, BF_HOOK_FAILED) == 0 && !row->attempts)
        words = script_words(f, row->hooks);
    return words ? words : f->words ? f->words : row->reason;
}

static void add_integration(struct failure *f, const char *id)
{
    const struct bf_bus_hooks *hooks = &f->bus->hooks;

    bf_buf_adds(&f->data, ",\"integration\":{\"id\":");
    bf_buf_json(&f->data, id);
    if (hooks->integration)
        hooks->integration(hooks->arg, id, &f->data);
    bf_buf_addc(&f->data, '}');
}

static void add_outcome(struct failure *f, const struct bf_history_row *row)
{
    add_member(&f->data, "status", bf_status_name(row->status));
    add_member(&f->data, "error", words_of(f, row));
    if (f->http_status)
        bf_buf_printf(&f->data, ",\"http_status\":%d", f->http_status);
    else
        bf_buf_adds(&f->data, ",\"http_status\":null");
    bf_buf_printf(&f->data, ",\"attempts\":%u", (unsigned)row->attempts);
}

/* The event is the cause unless it has one. */
static void add_event(struct failure *f, const struct bf_history_row *row)
{
    char id[BF_ID_LEN + 1];

    bf_id_number(id, row->event_ms, f->bus->hub, row->event);
    bf_buf_adds(&f->data, ",\"event\":{\"id\":");
    bf_buf_json(&f->data, id);
    add_member(&f->data, "type", row->event_type);
    bf_buf_addc(&f->data, '}');
    f->event = row->event;
    f->note.cause = bf_arena_dup(f->arena, id);
}

/* Scope paths are one entity's: a project of another's is not named. */
static void on_row(void *arg, const struct bf_history_row *row)
{
    struct failure *f = arg;
    char id[BF_ID_LEN + 1];

    bf_id_number(id, row->created_ms, f->bus->hub, row->number);
    f->note.entity = bf_arena_dup(f->arena, row->entity);
    if (row->project && strcmp(row->entity, row->event_entity) == 0)
        f->note.project = bf_arena_dup(f->arena, row->project);
    bf_buf_printf(&f->data, "{\"id\":\"%s\"", id);
    add_member(&f->data, "automation", row->automation_name);
    add_member(&f->data, "automation_id", row->automation);
    bf_buf_printf(&f->data, ",\"action\":%u", (unsigned)row->action);
    add_integration(f, row->integration);
    add_outcome(f, row);
    add_event(f, row);
    if (row->merged)
        bf_buf_printf(&f->data, ",\"merged\":%llu", (unsigned long long)row->merged);
    bf_buf_addc(&f->data, '}');
}

/* The hops as well: a loop may lead through a failure. */
static int find_cause(struct failure *f, struct bf_db *db)
{
    struct bf_envelope *e;
    struct bf_error err;
    int rc = bf_journal_read(db, f->bus->hub, f->event, f->arena, &e, &err);

    if (rc)
        return rc == BF_EIO || rc == BF_ENOMEM ? rc : BF_OK;
    if (e->cause)
        f->note.cause = bf_arena_dup(f->arena, e->cause);
    f->note.hops = e->hops;
    bf_envelope_unref(e);
    return BF_OK;
}

static int make(struct failure *f, struct bf_db *db, uint64_t number)
{
    int rc = read_last_attempt(f, db, number);

    if (!rc)
        rc = bf_history_read(db, number, on_row, f);
    if (!rc)
        rc = find_cause(f, db);
    f->note.data = f->data.data;
    f->note.len = f->data.len;
    return rc;
}


/* --- saying it --------------------------------------------------------------------------------- */

static int tell(struct bf_tx *tx, uint64_t number, struct bf_error *err)
{
    struct failure f = {.bus = tx->bus,
                        .arena = bf_arena_new(ARENA_MAX),
                        .note = {.type = BF_EXECUTION_FAILED, .author = BF_SYSTEM_AUTHOR}};
    int rc;

    bf_buf_init(&f.data, BF_EVENT_MAX);
    rc = make(&f, tx->db, number);
    if (rc)
        bf_error_set(err, rc, "cannot read an execution: %s", bf_db_words(tx->db));
    else
        rc = bf_bus_note(tx, f.arena, &f.note, err);
    bf_buf_fini(&f.data);
    bf_arena_free(f.arena);
    return rc;
}

static int apply(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct telling *t = bf_container_of(w, struct telling, work);
    bool was_untold;
    int rc = bf_outbox_told(tx->db, t->number, &was_untold);

    if (rc)
        return bf_error_set(err, rc, "cannot mark an execution: %s", bf_db_words(tx->db));
    return was_untold && !t->is_silent ? tell(tx, t->number, err) : BF_OK;
}

static void post(struct telling *t);

/* What the store did not take is told when it works again, see bf_failures_tell(). */
static void done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct telling *t = bf_container_of(w, struct telling, work);

    if (!rc || rc == BF_EIO || rc == BF_ECANCELED || t->is_silent) {
        free(t);
        return;
    }
    bf_warnf(t->bus->log, "bus", "that execution %llu failed cannot be told: %s",
             (unsigned long long)t->number, err ? err->words : bf_strerror(rc));
    t->is_silent = true;
    post(t);
}

static void post(struct telling *t)
{
    t->work = (struct bf_work){.always = true, .may_fail = true, .apply = apply, .done = done};
    if (bf_bus_post(t->bus, &t->work))
        free(t);                /* it is stopping: at the next start */
}

void bf_bus_tell_failure(struct bf_bus *bus, uint64_t execution)
{
    struct telling *t = bf_new(struct telling);

    t->bus = bus;
    t->number = execution;
    post(t);
}

static void on_untold(void *arg, uint64_t number) { bf_bus_tell_failure(arg, number); }

void bf_failures_tell(struct bf_bus *bus)
{
    if (bf_outbox_untold(bus->db, on_untold, bus))
        bf_errorf(bus->log, "bus", "cannot read what failed: %s", bf_db_words(bus->db));
}
