/* drive.c - drive STEPS DIRECTORY BACKTESTS: take a hub's bus through the steps of history.mjs.
 *
 * The bus is a real one, on a real database in DIRECTORY, with a clock of the steps' own.  It runs
 * in a child that ends, cleanly or not, where a step says so, and the next child goes on.  Filter
 * hooks are answered by a thread, so works are parked, undone and done again as in a hub.  What the
 * evaluator says to the engine is overheard (the linker wraps bf_rules_judge) and written to
 * DIRECTORY/live.ndjson:
 *   {"seq","automation","ruling","reason","until","due","said","fails","facts"}   a firing
 *   {"again":SEQ}       what was written from this record on is void: its transaction was undone
 * At the end DIRECTORY/journal.ndjson has every record, {"seq","received","hops","event"}, and
 * DIRECTORY/backtests.ndjson what so many backtests made of it, each of an automation while it was in
 * force: first {"automation","from":SEQ,"to":SEQ}, between which it was, and then its firings. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/backtest/backtest_int.h"
#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/base/tz.h"
#include "core/bus/asking.h"
#include "core/bus/bus.h"
#include "core/team/team.h"

enum death { LIVES, DIES_BEFORE_COMMIT, DIES_AFTER_COMMIT };

/* Between the parent and its children. */
struct progress {
    size_t next;                /* byte of the steps where the next child begins */
    bool undead;                /* the step there has killed one already */
    bool finished;
};

static struct progress *progress;
static const char *steps;
static size_t steps_len;
static const char *directory;
static struct bf_db *db;
static struct bf_team *team;
static struct bf_bus *bus;
static FILE *live;
static bool is_backtest;        /* then what is overheard is not the engine's */
static _Atomic int64_t wall_ms, mono_ms;
static _Atomic int64_t waited_ms;       /* more than the steps say */
static _Atomic int death;       /* of the transaction at hand, enum death */

_Noreturn static void die(const char *what, const char *words)
{
    fprintf(stderr, "drive: %.*s: %s\n", (int)strcspn(what, "\n"), what, words);
    exit(1);
}

static char *path_of(const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static FILE *open_file(const char *name, const char *mode)
{
    FILE *f = fopen(path_of(name), mode);

    if (!f)
        die(name, "cannot be opened");
    return f;
}

/* --- what is overheard ----------------------------------------------------------- */

size_t __real_bf_rules_judge(struct bf_rules *r, const struct bf_record *record,
                             const struct bf_firing **out);
size_t __wrap_bf_rules_judge(struct bf_rules *r, const struct bf_record *record,
                             const struct bf_firing **out);
int __real_bf_db_commit(struct bf_db *at);
int __wrap_bf_db_commit(struct bf_db *at);

/* --- scripts ----------------------------------------------------------------------- */

static unsigned bytes(const char *text)
{
    unsigned sum = 0;

    for (; text && *text; text++)
        sum += (unsigned char)*text;
    return sum;
}

/* As scripts.mjs says it. */
static enum bf_said say(const struct bf_hook *hook, const struct bf_envelope *e)
{
    unsigned sum = bytes(hook->code) + bytes(e->type) + bytes(e->entity) + bytes(e->project) +
                   bytes(e->collection) + bytes(e->author) + bytes(e->run_id) +
                   7 * (unsigned)e->n_points;

    return sum % 10 < 6 ? BF_SAID_YES : sum % 10 < 8 ? BF_SAID_NO : BF_SAID_FAILED;
}

/* Whoever is asked by the engine answers on a thread of his own, in any order and after a moment. */
static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct bf_ask *asks[4096];  /* under lock, from here down */
    size_t n;
    bool ends;
} asked = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static int take_ask(void *arg, struct bf_ask *ask)
{
    int rc = BF_EFULL;

    (void)arg;
    pthread_mutex_lock(&asked.lock);
    if (asked.n < BF_COUNT(asked.asks)) {
        asked.asks[asked.n++] = ask;
        rc = BF_OK;
    }
    pthread_cond_signal(&asked.changed);
    pthread_mutex_unlock(&asked.lock);
    return rc;
}

static void answer_all(struct bf_ask *ask)
{
    struct bf_arena *a = bf_arena_new(16 << 20);

    for (size_t i = 0; i < ask->n; i++) {
        struct bf_question *q = &ask->questions[i];
        const struct bf_box_event *text = &ask->events[q->event];
        struct bf_envelope *e;
        struct bf_error err;

        if (bf_envelope_parse(a, text->text, text->len, BF_FROM_HUB, &e, &err))
            die(text->text, err.words);
        q->answer = (struct bf_answer){.said = say(q->hook, e),
                                       .script = bf_arena_dup(ask->arena, q->hook->hash)};
        bf_envelope_unref(e);
        bf_arena_reset(a);
    }
    bf_arena_free(a);
}

static void *answer_asks(void *arg)
{
    unsigned seed = 1;

    (void)arg;
    pthread_mutex_lock(&asked.lock);
    while (!asked.ends || asked.n) {
        struct bf_ask *ask;
        size_t at;

        if (!asked.n) {
            pthread_cond_wait(&asked.changed, &asked.lock);
            continue;
        }
        at = (size_t)rand_r(&seed) % asked.n;
        ask = asked.asks[at];
        asked.asks[at] = asked.asks[--asked.n];
        pthread_mutex_unlock(&asked.lock);
        if (rand_r(&seed) % 4 == 0)
            usleep((useconds_t)rand_r(&seed) % 100);
        answer_all(ask);
        ask->done(ask);
        pthread_mutex_lock(&asked.lock);
    }
    pthread_mutex_unlock(&asked.lock);
    return NULL;
}

static void start_answering(void)
{
    static const struct bf_asker asker = {.ask = take_ask};

    bf_bus_ask_with(bus, &asker);
    if (pthread_create(&asked.thread, NULL, answer_asks, NULL))
        die("answers", "there is no thread for them");
}

static void stop_answering(void)
{
    pthread_mutex_lock(&asked.lock);
    asked.ends = true;
    pthread_cond_signal(&asked.changed);
    pthread_mutex_unlock(&asked.lock);
    pthread_join(asked.thread, NULL);
}

/* A backtest is answered at once. */
static void answer_at_once(void *arg, const struct bf_automation *a, struct bf_answer *out)
{
    *out = (struct bf_answer){.said = say(a->hooks.filter, arg), .script = a->hooks.filter->hash};
}

static size_t judge_again(struct bf_rules *r, const struct bf_record *record,
                          const struct bf_firing **out)
{
    struct bf_answers answers = {answer_at_once, (void *)(uintptr_t)record->event};
    size_t n;

    bf_rules_answers(r, &answers);
    n = __real_bf_rules_judge(r, record, out);
    bf_rules_answers(r, NULL);
    return n;
}

static void write_time(const char *name, int64_t ms)
{
    fprintf(live, ms ? ",\"%s\":%" PRId64 : ",\"%s\":null", name, ms);
}

static void write_firing(uint64_t seq, const struct bf_firing *f)
{
    const char *ruling = f->ruling == BF_SUPPRESSED ? "suppressed"
                         : f->ruling == BF_JOINS    ? "joins"
                         : f->opens_digest          ? "opens"
                                                    : "fires";

    fprintf(live, "{\"seq\":%" PRIu64 ",\"automation\":\"%s\",\"ruling\":\"%s\"", seq,
            f->automation->id, ruling);
    fprintf(live, f->reason ? ",\"reason\":\"%s\"" : ",\"reason\":null", f->reason);
    write_time("until", f->until_ms);
    write_time("due", f->ruling == BF_SUPPRESSED ? 0 : f->due_ms);
    fprintf(live, f->answer.said ? ",\"said\":\"%s\"" : ",\"said\":null",
            bf_said_name(f->answer.said));
    fprintf(live, ",\"fails\":%s", bf_firing_failed(f) ? "true" : "false");
    fprintf(live, ",\"facts\":%.*s}\n", f->facts ? (int)f->facts_len : 4,
            f->facts ? f->facts : "null");
}

size_t __wrap_bf_rules_judge(struct bf_rules *r, const struct bf_record *record,
                             const struct bf_firing **out)
{
    static uint64_t last;       /* in this child */
    size_t n = is_backtest ? judge_again(r, record, out)
                           : __real_bf_rules_judge(r, record, out);
    uint64_t seq = record->event->seq;

    if (seq != last + 1 && !is_backtest)
        fprintf(live, "{\"again\":%" PRIu64 "}\n", seq);
    last = seq;
    for (size_t i = 0; i < n; i++)
        write_firing(seq, &(*out)[i]);
    return n;
}

static _Noreturn void vanish(void)
{
    fflush(live);
    _exit(0);
}

int __wrap_bf_db_commit(struct bf_db *at)
{
    int rc;

    if (death == DIES_BEFORE_COMMIT)
        vanish();
    rc = __real_bf_db_commit(at);
    if (death == DIES_AFTER_COMMIT)
        vanish();
    return rc;
}

/* --- works ----------------------------------------------------------------------- */

/* One work of a step, or the whole of one. */
struct task {
    struct bf_work work;
    const struct bf_json *json; /* the work, or the step */
    int (*apply)(struct task *t, struct bf_tx *tx, struct bf_error *err);
    void (*done)(struct task *t);
    bool first;                 /* of its batch */
    bool refused;
    bool fails;                 /* the first: the commit */
    bool carries;               /* its events, so that scripts are asked about them before */
    int death;                  /* the last: with the commit */
    const struct bf_automation *saved;
    int rc;
    struct bf_error err;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static size_t open_tasks;       /* under lock */
static bool gate_shut;          /* under lock */
static struct bf_arena *scratch;        /* the driver's, for steps */

static int on_apply(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct task *t = bf_container_of(w, struct task, work);

    return t->apply(t, tx, err);
}

static void on_done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct task *t = bf_container_of(w, struct task, work);

    t->rc = rc;
    t->err = *err;
    if (!rc && t->done)
        t->done(t);
    bf_automation_unref(t->saved);
    t->saved = NULL;
    pthread_mutex_lock(&lock);
    open_tasks--;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void post(struct task *t)
{
    t->work.apply = on_apply;
    t->work.done = on_done;
    pthread_mutex_lock(&lock);
    open_tasks++;
    pthread_mutex_unlock(&lock);
    if (bf_bus_post(bus, &t->work))
        die("post", "the bus takes no more");
}

/* And for the waits of the hub's own that scripts are asked about. */
static void wait_for_all(void)
{
    pthread_mutex_lock(&lock);
    while (open_tasks)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    while (bf_asking_parked(bus))
        usleep(50);
}

static int hold_gate(struct task *t, struct bf_tx *tx, struct bf_error *err)
{
    (void)t;
    (void)tx;
    (void)err;
    pthread_mutex_lock(&lock);
    while (gate_shut)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    return BF_OK;
}

/* While the engine stands at the gate all tasks are posted, so that it finds them together. */
static void post_together(struct task *tasks, size_t n)
{
    struct task gate = {.apply = hold_gate};

    gate_shut = true;
    post(&gate);
    for (size_t i = 0; i < n; i++)
        post(&tasks[i]);
    pthread_mutex_lock(&lock);
    gate_shut = false;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    wait_for_all();
}

/* --- steps ----------------------------------------------------------------------- */

static const char *text(const struct bf_json *object, const char *name)
{
    return bf_json_str(scratch, bf_json_get(object, name));
}

static int64_t number(const struct bf_json *object, const char *name)
{
    int64_t n = 0;

    if (!bf_json_int(bf_json_get(object, name), &n))
        die(name, "is no whole number");
    return n;
}

static bool is_true(const struct bf_json *object, const char *name)
{
    return bf_json_is(bf_json_get(object, name), BF_JSON_TRUE);
}

static struct bf_envelope *read_event(struct bf_arena *a, const struct bf_json *json)
{
    struct bf_envelope *e;
    struct bf_error err;
    size_t len;
    const char *body = bf_json_raw(json, &len);

    if (bf_envelope_parse(a, body, len, BF_FROM_OUTSIDE, &e, &err))
        die(body, err.words);
    bf_arena_reset(a);
    return e;
}

static int emit(struct bf_tx *tx, struct bf_arena *a, const struct bf_json *json,
                struct bf_error *err)
{
    struct bf_envelope *e = read_event(a, json);
    struct bf_receipt receipt;
    int rc = bf_bus_emit(tx, e, &receipt, err);

    bf_envelope_unref(e);
    return rc;
}

static int emit_carried(struct task *t, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_receipt receipt;
    int rc = BF_OK;

    for (size_t i = 0; i < t->work.n_events && !rc; i++)
        rc = bf_bus_emit(tx, t->work.events[i], &receipt, err);
    return rc;
}

static void carry(struct task *t)
{
    const struct bf_json *events = bf_json_get(t->json, "events");
    struct bf_arena *a = bf_arena_new(4 << 20);
    struct bf_envelope **all = calloc(bf_json_count(events), sizeof(struct bf_envelope *));
    size_t n = 0;

    for (const struct bf_json *e = bf_json_first(events); e; e = bf_json_next(events, e))
        all[n++] = read_event(a, e);
    t->work.events = all;
    t->work.n_events = n;
    bf_arena_free(a);
}

static void put_down(struct task *t)
{
    struct bf_envelope **all = (struct bf_envelope **)(uintptr_t)t->work.events;

    for (size_t i = 0; i < t->work.n_events; i++)
        bf_envelope_unref(all[i]);
    free(all);
    t->work.events = NULL;
    t->work.n_events = 0;
}

static int emit_all(struct task *t, struct bf_tx *tx, struct bf_error *err)
{
    const struct bf_json *events = bf_json_get(t->json, "events");
    struct bf_arena *a = bf_arena_new(4 << 20);
    int rc = BF_OK;

    if (t->fails)
        bf_db_fail_commits(db, 0, 1);
    if (t->carries)
        rc = emit_carried(t, tx, err);
    for (const struct bf_json *e = t->carries ? NULL : bf_json_first(events); e && !rc;
         e = bf_json_next(events, e))
        rc = emit(tx, a, e, err);
    bf_arena_free(a);
    if (t->death)
        death = t->death;
    return !rc && t->refused ? bf_error_set(err, BF_ECONFIG, "as it should be") : rc;
}

/* A refused task is told so even where the commit fails.  That may fail for some of them only, as those
 * that scripts are asked about come later: what failed stands in front then. */
static size_t check(struct task *tasks, size_t n, bool fails)
{
    size_t n_failed = 0;

    for (size_t i = 0; i < n; i++) {
        if (fails && tasks[i].rc == BF_EIO)
            tasks[n_failed++] = tasks[i];
        else if (tasks[i].rc != (tasks[i].refused ? BF_ECONFIG : BF_OK))
            die("a work ended in another way than it should", tasks[i].err.words);
    }
    return n_failed;
}

static void post_once(struct task *tasks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (tasks[i].carries)
            carry(&tasks[i]);
    }
    post_together(tasks, n);
    for (size_t i = 0; i < n; i++)
        put_down(&tasks[i]);
}

static void run_batch(const struct bf_json *step)
{
    const struct bf_json *works = bf_json_get(step, "works");
    size_t n = bf_json_count(works), i = 0;
    struct task *tasks = calloc(n, sizeof(*tasks));
    const char *dies = progress->undead ? NULL : text(step, "dies");

    progress->undead = false;
    for (const struct bf_json *w = bf_json_first(works); w; w = bf_json_next(works, w)) {
        bool refused = is_true(w, "refused");

        bool carries = (progress->next + i) % 3 > 0;

        tasks[i++] = (struct task){.json = w, .apply = emit_all, .refused = refused,
                                   .carries = carries, .work.may_fail = refused || !carries ||
                                       bf_json_count(bf_json_get(w, "events")) > 1};
    }
    tasks[0].fails = is_true(step, "fails");
    if (dies) {
        tasks[n - 1].death = strcmp(dies, "before") == 0 ? DIES_BEFORE_COMMIT : DIES_AFTER_COMMIT;
        progress->undead = tasks[n - 1].death == DIES_BEFORE_COMMIT;
        if (!progress->undead)
            progress->next += strcspn(steps + progress->next, "\n") + 1;
    }
    post_once(tasks, n);
    n = check(tasks, n, tasks[0].fails);
    if (n) {
        waited_ms += BF_ADVANCE_RETRY_MS;       /* waits that were not stored either come first */
        for (i = 0; i < n; i++)
            tasks[i].fails = false;
        post_once(tasks, n);
        check(tasks, n, false);
    }
    free(tasks);
}

static int save(struct task *t, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_automation_change change = {.verb = "saved",
                                          .id = text(t->json, "id"),
                                          .owner = text(t->json, "owner"),
                                          .author = "ana"};

    change.spec = bf_json_raw(bf_json_get(t->json, "automation"), &change.spec_len);
    return bf_bus_save_automation(tx, &change, &t->saved, err);
}

static void on_saved(struct task *t) { bf_bus_file_automation(bus, t->saved); }

static int delete(struct task *t, struct bf_tx *tx, struct bf_error *err)
{
    return bf_bus_delete_automation(tx, text(t->json, "id"), "ana", err);
}

static void on_deleted(struct task *t) { bf_bus_unfile_automation(bus, text(t->json, "id")); }

static int record_move(struct bf_tx *tx, const char *name, const struct bf_team_put *put,
                       struct bf_error *err)
{
    char own[BF_ENTITY_NAME_MAX + 1];
    struct bf_buf data;
    int rc;

    bf_buf_init(&data, 4096);
    bf_buf_printf(&data, "{\"team\":\"%s\",\"organization\":\"%s\",\"was\":", name, put->is);
    bf_buf_json(&data, *put->was ? put->was : NULL);
    bf_buf_addc(&data, '}');
    bf_organization_entity(own, put->was);
    rc = bf_bus_record(tx, "belfry.team.saved", name, "ana", data.data, data.len, err);
    bf_buf_fini(&data);
    return rc ? rc : bf_bus_moved(tx, name, *own ? own : NULL, err);
}

static int move_team(struct task *t, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_team_put put = {.organization = text(t->json, "organization")};
    const char *name = text(t->json, "team");
    bool made;
    int rc = bf_team_put_organization(tx->db, put.organization, tx->now_ms, &made, err);

    if (!rc)
        rc = bf_team_put_team(tx->db, name, &put, tx->now_ms, err);
    if (!rc && strcmp(put.is, put.was) != 0)
        rc = record_move(tx, name, &put, err);
    return rc;
}

static void on_moved(struct task *t)
{
    const char *name = text(t->json, "team");
    char own[BF_ENTITY_NAME_MAX + 1];
    struct bf_error err;

    bf_organization_entity(own, text(t->json, "organization"));
    if (bf_team_refresh(team, db, "entity", own, &err) ||
        bf_team_refresh(team, db, "entity", name, &err))
        die(name, err.words);
    bf_bus_place(bus, name, own);
}

static void change_rules(const struct bf_json *step,
                         int (*apply)(struct task *, struct bf_tx *, struct bf_error *),
                         void (*done)(struct task *))
{
    struct task t = {.json = step, .apply = apply, .done = done,
                     .work = {.alters_rules = true, .may_fail = true}};

    post(&t);
    wait_for_all();
    if (t.rc) {
        size_t len;

        die(bf_json_raw(step, &len), t.err.words);
    }
}

/* False where this child has to end. */
static bool run_step(const struct bf_json *step)
{
    const char *op = text(step, "op");

    if (strcmp(op, "restart") == 0)
        return false;
    wall_ms = number(step, "at");
    mono_ms = number(step, "mono");
    if (strcmp(op, "batch") == 0)
        run_batch(step);
    else if (strcmp(op, "put") == 0)
        change_rules(step, save, on_saved);
    else if (strcmp(op, "delete") == 0)
        change_rules(step, delete, on_deleted);
    else if (strcmp(op, "place") == 0)
        change_rules(step, move_team, on_moved);
    else
        die(op, "is no step");
    return true;
}

/* --- children -------------------------------------------------------------------- */

static int64_t read_wall(void *arg) { (void)arg; return wall_ms; }
static int64_t read_mono(void *arg) { (void)arg; return mono_ms + waited_ms; }
static const struct bf_clock clock_of_steps = {read_wall, read_mono, NULL};

static bool place_team(void *arg, const struct bf_entity *e)
{
    char own[BF_ENTITY_NAME_MAX + 1];

    (void)arg;
    if (bf_team_organization_entity(team, e->name, own))
        bf_bus_place(bus, e->name, own);
    return true;
}

static void open_bus(void)
{
    static const struct bf_bus_hooks hooks = {NULL};
    struct bf_error err = {0};

    if (bf_db_open(path_of("belfry.db"), BF_DB_WRITE, &db, &err) ||
        bf_team_open(db, directory, &team, &err) ||
        bf_bus_open(db, &clock_of_steps, NULL, &hooks, &bus, &err) ||
        bf_team_list_entities(db, "", place_team, NULL))
        die("open", err.words);
}

static void close_bus(void)
{
    bf_bus_stop(bus);
    if (!is_backtest)
        stop_answering();
    bf_bus_close(bus);
    bf_team_close(team);
    bf_db_close(db);
}

static void start_bus(void)
{
    struct bf_error err;

    open_bus();
    start_answering();
    if (bf_bus_start(bus, &err))
        die("start", err.words);
}

/* The clock must be right before anything is done: it is that of the first step. */
static void set_clock(const struct bf_json *step)
{
    if (bf_json_get(step, "at")) {
        wall_ms = number(step, "at");
        mono_ms = number(step, "mono");
    }
}

static void run_child(void)
{
    bool go_on = true, clean = true;

    live = open_file("live.ndjson", "a");
    scratch = bf_arena_new(64 << 20);
    while (go_on && progress->next < steps_len) {
        const char *line = steps + progress->next;
        size_t len = strcspn(line, "\n");
        struct bf_error err;
        const struct bf_json *step = bf_json_parse(scratch, line, len, &err);

        if (!step)
            die("step", err.words);
        set_clock(step);
        if (!bus)
            start_bus();
        go_on = run_step(step);
        clean = go_on || is_true(step, "clean");
        progress->next += len + 1;
        bf_arena_reset(scratch);
    }
    progress->finished = go_on;
    if (!clean)
        vanish();
    close_bus();
    bf_arena_free(scratch);
    fclose(live);
    exit(0);
}

static void run_to_the_end(void)
{
    int status;
    pid_t child;

    while (!progress->finished) {
        child = fork();
        if (child == 0)
            run_child();
        if (child < 0 || waitpid(child, &status, 0) != child)
            die("child", "cannot be run");
        if (!WIFEXITED(status) || WEXITSTATUS(status)) {
            fprintf(stderr, "drive: a child ended with status %d at byte %zu of the steps\n",
                    status, progress->next);
            exit(1);
        }
    }
}

/* --- the journal ------------------------------------------------------------------- */

static int64_t ask(const char *sql)
{
    struct bf_query *q = bf_db_query(db, sql);
    int64_t n;

    if (bf_query_step(q) != 1)
        die(sql, bf_db_words(db));
    n = bf_query_col_int(q, 0);
    bf_query_end(q);
    return n;
}

static void write_journal(void)
{
    FILE *out = open_file("journal.ndjson", "w");
    struct bf_arena *a = bf_arena_new(16 << 20);
    struct bf_error err = {0};
    uint16_t hub;
    int64_t n;

    if (bf_db_open(path_of("belfry.db"), BF_DB_READ, &db, &err))
        die("journal", err.words);
    hub = (uint16_t)ask("SELECT value FROM hub WHERE name = 'number'");
    n = ask("SELECT max(seq) FROM journal");
    for (int64_t seq = 1; seq <= n; seq++) {
        struct bf_envelope *e;

        if (bf_journal_read(db, hub, (uint64_t)seq, a, &e, &err))
            die("journal", err.words);
        fprintf(out, "{\"seq\":%" PRId64 ",\"received\":%" PRId64 ",\"hops\":%u,\"event\":%s}\n",
                seq, e->received_ms, e->hops, e->text);
        bf_envelope_unref(e);
        bf_arena_reset(a);
    }
    bf_arena_free(a);
    bf_db_close(db);
    fclose(out);
}

/* --- backtests --------------------------------------------------------------------- */

static int64_t received(int64_t seq)
{
    struct bf_query *q = bf_db_query(db, "SELECT received FROM journal WHERE seq = ?");
    int64_t ms;

    bf_query_int(q, 1, seq);
    if (bf_query_step(q) != 1)
        die("received", bf_db_words(db));
    ms = bf_query_col_int(q, 0);
    bf_query_end(q);
    return ms;
}

/* A revision, until the record `to`; INT64_MAX is the end, behind last_ms. */
static void backtest(int64_t revision, int64_t to, int64_t last_ms)
{
    const struct bf_automation *a;
    struct bf_backtest t = {.max_clock = UINT64_MAX,
                            .rooms = {.db_path = path_of("belfry.db"), .bus = bus, .team = team,
                                      .clock = &clock_of_steps},
                            .tz = bf_tz_new("UTC")};
    struct bf_tally *tally;
    struct bf_error err;

    if (bf_automation_read(db, (uint64_t)revision, &a, &err))
        die("revision", err.words);
    if (a->enabled) {
        fprintf(live, "{\"automation\":\"%s\",\"from\":%" PRId64 ",\"to\":%" PRId64 "}\n", a->id,
                revision, to);
        ((struct bf_automation *)a)->era = 0;   /* nothing is remembered of it, as REST has it */
        t.automation = a;
        t.since_ms = received(revision);
        t.until_ms = to == INT64_MAX ? last_ms + 1 : received(to);
        tally = bf_tally_new(&t);
        if (!tally || bf_backtest_replay(&t, tally, &err))
            die("backtest", err.words);
        bf_tally_free(tally);
    }
    bf_tz_unref(t.tz);
    bf_automation_unref(a);
}

/* Evenly picked from all revisions that began an era; each until the automation was changed. */
static void run_backtests(long n)
{
    static const char eras[] = "SELECT count(*) FROM automation_revisions WHERE era = revision";
    struct bf_query *q;
    int64_t all, i = 0, last_ms;

    live = open_file("backtests.ndjson", "w");
    is_backtest = true;
    open_bus();
    all = ask(eras);
    last_ms = received(ask("SELECT max(seq) FROM journal"));
    q = bf_db_query(
        db, "SELECT r.revision, coalesce("
            "(SELECT min(n.revision) FROM automation_revisions n"
            " WHERE n.automation = r.automation AND n.revision > r.revision),"
            " (SELECT d.seq FROM automations_deleted d WHERE d.id = r.automation))"
            " FROM automation_revisions r WHERE r.era = r.revision ORDER BY r.revision");
    while (bf_query_step(q) == 1) {
        int64_t to = bf_query_col_null(q, 1) ? INT64_MAX : bf_query_col_int(q, 1);

        if (i * n / all != (i + 1) * n / all)
            backtest(bf_query_col_int(q, 0), to, last_ms);
        i++;
    }
    bf_query_end(q);
    close_bus();
    fclose(live);
}

static void read_steps(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st))
        die(path, "cannot be read");
    steps_len = (size_t)st.st_size;
    steps = mmap(NULL, steps_len + 1, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (steps == MAP_FAILED || steps[steps_len - 1] != '\n')
        die(path, "is cut off");
}

int main(int argc, char **argv)
{
    struct bf_error err;

    if (argc != 4) {
        fprintf(stderr, "usage: drive STEPS DIRECTORY BACKTESTS\n");
        return 2;
    }
    directory = argv[2];
    read_steps(argv[1]);
    progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                    -1, 0);
    if (bf_crypto_init(&err))
        die("crypto", err.words);
    run_to_the_end();
    write_journal();
    run_backtests(strtol(argv[3], NULL, 10));
    return 0;
}
