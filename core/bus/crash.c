/* crash.c - telling of runs that have fallen silent, and of those that are back. */
#include "core/bus/crash.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/bus/bus_int.h"
#include "core/bus/run_points.h"

#define AT_ONCE  64
#define SLICE_MS 10
#define UNKNOWN  (-1)

/* --- silence ----------------------------------------------------------------------------- */

static int64_t timeout_of(struct bf_bus *bus)
{
    return atomic_load_explicit(&bus->crash.timeout_ms, memory_order_relaxed);
}

static int remember_deaf(struct bf_bus *bus)
{
    struct bf_crash *c = &bus->crash;
    struct bf_query *q;

    if (c->deaf_written_ms == c->deaf_until_ms)
        return BF_OK;
    q = bf_db_query(bus->db, "INSERT INTO hub (name, value) VALUES ('deaf_until', ?1)"
                             " ON CONFLICT (name) DO UPDATE SET value = ?1");
    bf_query_int(q, 1, c->deaf_until_ms);
    c->deaf_written_ms = c->deaf_until_ms;
    return bf_query_run(q);
}

int bf_crash_open(struct bf_bus *bus, struct bf_error *err)
{
    struct bf_query *q = bf_db_query(bus->db, "SELECT value FROM hub WHERE name = 'deaf_until'");
    struct bf_crash *c = &bus->crash;
    int64_t last_ms = bus->time_ms;     /* the newest event's */
    int rc = bf_query_step(q);

    if (rc < 0)
        return bf_error_set(err, rc, "cannot read the runs: %s", bf_db_words(bus->db));
    c->deaf_until_ms = c->deaf_written_ms = rc == 1 ? bf_query_col_int(q, 0) : 0;
    bf_query_end(q);
    c->first_ms = UNKNOWN;
    c->at_once = AT_ONCE;
    c->start_ms = c->now_ms = bf_bus_now(bus);
    c->mono_ms = bf_mono_ms(bus->clock);
    c->away_ms = last_ms ? c->start_ms - last_ms : 0;
    return BF_OK;
}

/* How long nobody was heard, against how long the hub would wait. */
static bool is_long(struct bf_bus *bus, int64_t ms) { return ms > timeout_of(bus) / 5; }

static int begin_anew(struct bf_bus *bus, int64_t ms)
{
    bus->crash.deaf_until_ms = ms;
    return remember_deaf(bus);
}

int bf_crash_listen(struct bf_tx *tx)
{
    struct bf_crash *c = &tx->bus->crash;
    int64_t away_ms = c->away_ms;

    if (!timeout_of(tx->bus) || !away_ms)
        return BF_OK;
    c->away_ms = 0;
    return is_long(tx->bus, away_ms) ? begin_anew(tx->bus, c->start_ms) : BF_OK;
}

/* The hub's time may have gone on faster than time does. */
static int mind_jumps(struct bf_tx *tx)
{
    struct bf_crash *c = &tx->bus->crash;
    int64_t mono = bf_mono_ms(tx->bus->clock), jump = tx->now_ms - c->now_ms - (mono - c->mono_ms);

    c->now_ms = tx->now_ms;
    c->mono_ms = mono;
    return is_long(tx->bus, jump) ? begin_anew(tx->bus, tx->now_ms) : BF_OK;
}

static void look_up_first(struct bf_bus *bus)
{
    struct bf_query *q = bf_db_query(bus->db, "SELECT watched FROM runs WHERE watched IS NOT NULL"
                                              " ORDER BY watched LIMIT 1");
    int rc = bf_query_step(q);

    bus->crash.first_ms = rc == 1 ? bf_query_col_int(q, 0) : rc == 0 ? 0 : UNKNOWN;
    bf_query_end(q);
}

int64_t bf_crash_next(struct bf_bus *bus)
{
    struct bf_crash *c = &bus->crash;
    int64_t timeout = timeout_of(bus);

    if (c->queued)
        return 0;               /* scripts are asked about those that have crashed */
    if (timeout && c->first_ms == UNKNOWN)
        look_up_first(bus);
    if (!timeout || c->first_ms <= 0)
        return 0;
    return bf_max64(bf_max64(c->first_ms, c->deaf_until_ms) + timeout, c->retry_ms);
}

void bf_crash_watch(struct bf_bus *bus, int64_t now_ms)
{
    if (bus->crash.first_ms == 0)
        bus->crash.first_ms = now_ms;
}

void bf_crash_undo(struct bf_bus *bus)
{
    bus->crash.first_ms = UNKNOWN;
    bus->crash.deaf_written_ms = UNKNOWN;
}


/* --- events of the hub's own ---------------------------------------------------------------- */

struct silent {
    uint64_t run;
    int64_t watched_ms;
    struct bf_buf path;         /* entity, project and id, each with a NUL behind it */
};

static const char *part(const struct silent *s, int i)
{
    const char *at = s->path.data;

    for (; i > 0; i--)
        at += strlen(at) + 1;
    return at;
}

static void print_members(struct bf_buf *b, struct bf_arena *a, const char *context)
{
    const struct bf_json *run = bf_json_parse(a, context, strlen(context), NULL);

    for (const struct bf_json *key = bf_json_first(run); key; key = bf_json_next(run, key)) {
        const char *from, *to;
        size_t len;

        if (bf_json_eq(key, "state"))
            continue;
        from = bf_json_raw(key, &len);
        to = bf_json_raw(key + 1, &len);
        bf_buf_add(b, from, (size_t)(to + len - from));
        bf_buf_addc(b, ',');
    }
}

/* With what the run was last known as, or, where that is not known or too long, its id. */
static void print_event(struct bf_buf *b, struct bf_arena *a, const char *entity,
                        const char *project, const char *id, const char *context,
                        const char *state)
{
    bf_buf_clear(b);
    bf_buf_adds(b, "{\"type\":\"run.state\",\"source\":\"belfry\",\"author\":\"belfry-system\","
                   "\"entity\":");
    bf_buf_json(b, entity);
    bf_buf_adds(b, ",\"project\":");
    bf_buf_json(b, project);
    bf_buf_adds(b, ",\"run\":{");
    if (context) {
        print_members(b, a, context);
    } else {
        bf_buf_adds(b, "\"id\":");
        bf_buf_json(b, id);
        bf_buf_addc(b, ',');
    }
    bf_buf_printf(b, "\"state\":\"%s\"}}", state);
}

static int emit_state(struct bf_tx *tx, uint64_t run, const char *entity, const char *project,
                      const char *id, const char *state, struct bf_error *err)
{
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    struct bf_buf context, text;
    int rc;

    bf_buf_init(&context, BF_EVENT_MAX);
    bf_buf_init(&text, BF_EVENT_MAX);
    rc = bf_run_context(tx->db, run, BF_NOW, &context);
    print_event(&text, a, entity, project, id, rc ? NULL : context.data, state);
    if (text.failed)
        print_event(&text, a, entity, project, id, NULL, state);
    rc = bf_bus_emit_text(tx, a, &text, err);
    bf_buf_fini(&context);
    bf_buf_fini(&text);
    bf_arena_free(a);
    return rc;
}


/* --- falling silent --------------------------------------------------------------------------- */

/* When an event of the run's own came last. */
static int last_heard(struct bf_db *db, uint64_t run, int64_t *ms)
{
    struct bf_query *q =
        bf_db_query(db, "SELECT received FROM journal WHERE run = ? AND type LIKE 'run.%'"
                        " ORDER BY seq DESC LIMIT 1");
    int rc;

    bf_query_int(q, 1, (int64_t)run);
    rc = bf_query_step(q);
    *ms = rc == 1 ? bf_query_col_int(q, 0) : 0;
    bf_query_end(q);
    return rc < 0 ? rc : BF_OK;
}

static int watch_from(struct bf_db *db, uint64_t run, int64_t ms)
{
    struct bf_query *q = bf_db_query(db, "UPDATE runs SET watched = ? WHERE number = ?");

    bf_query_int(q, 1, ms);
    bf_query_int(q, 2, (int64_t)run);
    return bf_query_run(q);
}

static int look_at(struct bf_tx *tx, const struct silent *s, struct bf_error *err)
{
    int64_t since;
    int rc = last_heard(tx->db, s->run, &since);

    since = bf_max64(bf_max64(since, s->watched_ms), tx->bus->crash.deaf_until_ms);
    if (!rc && since + timeout_of(tx->bus) > tx->now_ms)
        rc = watch_from(tx->db, s->run, since);
    else if (!rc)
        return emit_state(tx, s->run, part(s, 0), part(s, 1), part(s, 2), "CRASHED", err);
    return rc ? bf_error_set(err, rc, "cannot look at runs: %s", bf_db_words(tx->db)) : BF_OK;
}

/* The next ones that are due. */
static int find_due(struct bf_tx *tx, struct silent *due, size_t *n)
{
    struct bf_query *q = bf_db_query(
        tx->db, "SELECT number, watched, entity, project, run FROM runs"
                " WHERE watched IS NOT NULL AND watched <= ? ORDER BY watched LIMIT ?");
    int rc;

    bf_query_int(q, 1, tx->now_ms - timeout_of(tx->bus));
    bf_query_int(q, 2, tx->bus->crash.at_once);
    for (*n = 0; (rc = bf_query_step(q)) == 1; ++*n) {
        struct silent *s = &due[*n];

        s->run = (uint64_t)bf_query_col_int(q, 0);
        s->watched_ms = bf_query_col_int(q, 1);
        bf_buf_init(&s->path, 4 * BF_NAME_MAX);
        for (int i = 2; i < 5; i++)
            bf_buf_add(&s->path, bf_query_col_text(q, i), bf_query_col_len(q, i) + 1);
    }
    return rc;
}

static int apply(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    int64_t until = bf_mono_ms(tx->bus->clock) + SLICE_MS;
    struct silent due[AT_ONCE];
    size_t n = 0;
    int rc = bf_crash_listen(tx);

    (void)w;
    if (!rc)
        rc = mind_jumps(tx);
    if (!rc)
        rc = remember_deaf(tx->bus);    /* what it came to before, perhaps in vain */
    if (!rc && tx->bus->crash.deaf_until_ms + timeout_of(tx->bus) <= tx->now_ms)
        rc = find_due(tx, due, &n);
    if (rc)
        bf_error_set(err, rc, "cannot look at runs: %s", bf_db_words(tx->db));
    for (size_t i = 0; i < n; i++) {
        if (!rc && bf_mono_ms(tx->bus->clock) <= until)
            rc = look_at(tx, &due[i], err);
        bf_buf_fini(&due[i].path);
    }
    tx->bus->crash.first_ms = UNKNOWN;
    return rc;
}

static void done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct bf_bus *bus = bf_container_of(w, struct bf_bus, crash.work);

    bus->crash.queued = false;
    if (rc && rc != BF_EIO)     /* which the engine says */
        bf_warnf(bus->log, "bus", "a crashed run could not be told of: %s", err->words);
    bus->crash.at_once = rc ? 1 : AT_ONCE;      /* so that one in the way is the only one */
    bus->crash.retry_ms = rc ? bf_bus_now(bus) + BF_CRASH_RETRY_MS : 0;
}

struct bf_work *bf_crash_work(struct bf_bus *bus, int64_t now_ms)
{
    struct bf_crash *c = &bus->crash;
    int64_t next = bf_crash_next(bus);

    if (c->queued || next == 0 || next > now_ms)
        return NULL;
    c->queued = true;
    c->work = (struct bf_work){.may_fail = true, .apply = apply, .done = done};
    return &c->work;
}


/* --- coming back ---------------------------------------------------------------------------- */

/* What tells of a run, and not itself of its state. */
static bool is_sign_of_life(const struct bf_envelope *e)
{
    return strncmp(e->type, "run.", 4) == 0 && strcmp(e->type, "run.state") != 0;
}

int bf_crash_resume(struct bf_tx *tx, const struct bf_envelope *e, struct bf_error *err)
{
    uint64_t run;
    int rc;

    if (!is_sign_of_life(e))
        return BF_OK;
    rc = bf_runs_crashed(tx, e, &run);
    if (rc)
        return bf_error_set(err, rc, "cannot read the runs: %s", bf_db_words(tx->db));
    if (!run || bf_journal_has_key(tx, e))
        return BF_OK;
    return emit_state(tx, run, e->entity, e->project, e->run_id, "RUNNING", err);
}

bool bf_crash_is_told(const struct bf_envelope *e)
{
    return strcmp(e->type, "run.state") == 0 && e->run_state && strcmp(e->run_state, "CRASHED") == 0;
}

bool bf_crash_may_resume(struct bf_tx *tx, const struct bf_envelope *e)
{
    uint64_t run;

    return is_sign_of_life(e) && bf_runs_crashed(tx, e, &run) == BF_OK && run;
}
