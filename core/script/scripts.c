/* scripts.c - questions about events are brought to scripts, and their answers back.
 *
 * An ask comes in on any thread and waits in a list; [scripts] takes all that are there, finds the
 * script of each question and hands the calls to the pool, so that many asks make one batch.  What
 * has no script, or a hook that is disabled, is answered at once. */
#include "core/script/scripts_int.h"

#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/event/envelope.h"

#define LOOK_MS        500
#define IDLE_MS        600000           /* inline code that is not asked for so long is given up */
#define QUESTION_BYTES 256              /* what one costs beside its event */
#define EVENT_SCRATCH_MAX (64 * 1024 * 1024)    /* to parse what on_event gives */

struct asking;

/* A question that is with the pool. */
struct asked {
    struct bf_pool_call call;
    struct asking *of;
    struct bf_question *q;
    struct script_file *file;           /* or ... */
    struct inline_script *code;
};

struct asking {
    struct bf_scripts *s;
    struct bf_ask *ask;
    size_t bytes;
    size_t left;
    struct asked asked[];
};


/* --- answers --------------------------------------------------------------------------------------- */

static void end_ask(struct bf_scripts *s, struct bf_ask *ask, size_t bytes)
{
    atomic_fetch_sub(&s->waiting, bytes);
    ask->done(ask);
}

static void leave(struct asking *g)
{
    if (--g->left)
        return;
    end_ask(g->s, g->ask, g->bytes);
    free(g);
}

static void fail(struct bf_question *q, const char *script, const char *words)
{
    q->answer = (struct bf_answer){BF_SAID_FAILED, script, words};
}

/* Inline code is named by its hook alone, for it is loaded once, however many automations have it. */
static const char *name_automation(struct bf_arena *a, const struct bf_question *q)
{
    const char *hook = bf_hook_name(q->kind);
    const char *words = q->answer.words ? q->answer.words : "";
    bool named = strncmp(words, hook, strlen(hook)) == 0 && words[strlen(hook)] == ':';

    if (q->hook->file || !q->name)
        return words;
    return bf_arena_printf(a, "automation \"%s\", %s%s%s", q->name, named ? "" : hook,
                           named ? "" : ": ", words);
}

void script_look_at_event(struct bf_pool_call *c)
{
    struct bf_error err = {.code = 0};
    struct bf_envelope *e = NULL;
    struct bf_arena *scratch;

    if (c->only_load || c->kind != BF_HOOK_ON_EVENT || c->answer.said != BF_SAID_CHANGED)
        return;
    scratch = bf_arena_new(EVENT_SCRATCH_MAX);
    if (bf_envelope_parse(scratch, c->text, c->len, BF_FROM_OUTSIDE, &e, &err)) {
        c->answer.said = BF_SAID_FAILED;
        c->answer.words = bf_arena_printf(c->arena, "what on_event gave is no event: %s%s%s", err.field,
                                          *err.field ? ": " : "", err.words);
    }
    bf_envelope_unref(e);
    bf_arena_free(scratch);
}

static void on_answer(struct bf_pool_call *c)
{
    struct asked *d = bf_container_of(c, struct asked, call);
    struct bf_scripts *s = d->of->s;
    struct bf_question *q = d->q;

    script_look_at_event(c);
    q->answer = c->answer;
    q->text = c->text;
    q->len = c->len;
    if (q->answer.said == BF_SAID_FAILED)
        q->answer.words = name_automation(c->arena, q);
    if (d->file) {
        script_file_answered(s, d->file, c, q->automation, d->of->ask->trial);
        bf_pool_script_unref(c->script);
    }
    if (d->code)
        d->code->asked--;
    /* Who could not be asked has not failed. */
    if (!d->of->ask->trial && (q->answer.said != BF_SAID_FAILED || *q->answer.script))
        script_streak_answered(s, q, c->killed);
    leave(d->of);
}


/* --- finding the script ------------------------------------------------------------------------------ */

static struct inline_script *inline_of(struct bf_scripts *s, const struct bf_question *q)
{
    const struct bf_hook *h = q->hook;
    char key[BF_HASH_LEN + 3];
    struct inline_script *i;

    key[0] = (char)('0' + q->kind);
    key[1] = ' ';
    memcpy(key + 2, h->hash, BF_HASH_LEN + 1);
    i = bf_map_get_len(s->inlines, key, BF_HASH_LEN + 2);
    if (!i) {
        i = bf_new(struct inline_script);
        i->script = bf_pool_script_new(bf_hook_name(q->kind), h->code, h->code_len,
                                       1u << q->kind);
        bf_map_set(s->inlines, key, i);
    }
    i->asked++;
    return i;
}

static const char *why_not(struct bf_scripts *s, const struct script_file *f, struct bf_arena *a)
{
    const char *words;
    char *dir;

    if (*f->refused)
        return bf_arena_dup(a, f->words);
    if (f->words)
        return bf_arena_printf(a, "there is no script: %s", f->words);
    if (f->seen.there)
        return bf_arena_printf(a, "%s is empty, or still being written", f->name);
    dir = script_files_dir(s);
    words = bf_arena_printf(a, "there is no %s in %s%s; put it there, or name another file",
                            f->name, dir, s->o.shipped ? ", nor one that Belfry ships" : "");
    free(dir);
    return words;
}

static void say_disabled(const struct streak *k, struct bf_question *q, struct bf_arena *a)
{
    char since[32];

    bf_time_print(k->since_ms, since);
    fail(q, "", bf_arena_printf(a, "the hook is disabled since %s, for it failed too often in a"
                                " row; the last time: %s", since, k->words));
}

/* Whether there is a script to be asked.  If not, the question is answered. */
static bool find(struct asking *g, struct asked *d)
{
    struct bf_scripts *s = g->s;
    struct bf_question *q = d->q;
    struct streak *k = g->ask->trial ? NULL : script_streak_of(s, q);

    if (k && k->disabled) {
        say_disabled(k, q, g->ask->arena);
        return false;
    }
    if (!q->hook->file) {
        d->code = inline_of(s, q);
        d->code->used_mono_ms = bf_mono_ms(s->o.clock);
        d->call.script = d->code->script;
        return true;
    }
    d->file = script_file_use(s, q->hook->file);
    if (d->file->script) {      /* which may be another before this is answered */
        d->call.script = bf_pool_script_ref(d->file->script);
        return true;
    }
    fail(q, bf_arena_dup(g->ask->arena, d->file->refused), why_not(s, d->file, g->ask->arena));
    if (!g->ask->trial)
        script_streak_answered(s, q, false);
    return false;
}

static void ask_one(struct asking *g, struct asked *d, struct bf_question *q)
{
    d->of = g;
    d->q = q;
    q->text = NULL;
    q->len = 0;
    if (!find(g, d)) {
        leave(g);
        return;
    }
    d->call.kind = q->kind;
    d->call.event = &g->ask->events[q->event];
    d->call.action = q->action;
    d->call.payload = q->payload;
    d->call.payload_len = q->payload_len;
    d->call.arena = g->ask->arena;
    d->call.done = on_answer;
    bf_pool_call(g->s->pool, &d->call);
}


/* --- asks -------------------------------------------------------------------------------------------- */

static size_t weight(const struct bf_ask *ask)
{
    size_t bytes = ask->n * QUESTION_BYTES;

    for (size_t i = 0; i < ask->n_events; i++)
        bytes += ask->events[i].len;
    for (size_t i = 0; i < ask->n; i++)
        bytes += ask->questions[i].payload_len;
    return bytes;
}

/* One more is left than there are questions, so that the last answer cannot end it before all are
 * asked. */
static void begin(struct bf_scripts *s, struct bf_ask *ask)
{
    size_t n = ask->n;
    struct asking *g = bf_zalloc(sizeof(*g) + n * sizeof(g->asked[0]));

    g->s = s;
    g->ask = ask;
    g->bytes = weight(ask);
    g->left = n + 1;
    for (size_t i = 0; i < n; i++)
        ask_one(g, &g->asked[i], &ask->questions[i]);
    leave(g);
}

static struct bf_link *take_asks(struct bf_scripts *s)
{
    struct bf_link *first;

    pthread_mutex_lock(&s->lock);
    first = s->first;
    s->first = NULL;
    s->last = &s->first;
    s->run_posted = false;
    pthread_mutex_unlock(&s->lock);
    return first;
}

static void on_run(struct bf_pool_task *task)
{
    struct bf_scripts *s = bf_container_of(task, struct bf_scripts, run);
    struct bf_link *next;

    for (struct bf_link *l = take_asks(s); l; l = next) {
        next = l->next;
        begin(s, bf_container_of(l, struct bf_ask, link));
    }
}

/* Behind the others; the thread is told once for all that wait. */
static int enqueue(struct bf_scripts *s, struct bf_ask *ask)
{
    int rc = BF_OK;

    pthread_mutex_lock(&s->lock);
    if (s->stopped)
        rc = BF_ECANCELED;
    else if (!s->run_posted)
        rc = bf_pool_post(s->pool, &s->run);
    if (!rc) {
        s->run_posted = true;
        ask->link.next = NULL;
        *s->last = &ask->link;
        s->last = &ask->link.next;
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

int bf_scripts_ask(struct bf_scripts *s, struct bf_ask *ask)
{
    size_t bytes = weight(ask);
    size_t before = atomic_fetch_add(&s->waiting, bytes);
    int rc = before && before + bytes > BF_SCRIPT_WAITING_MAX ? BF_EFULL : enqueue(s, ask);

    if (rc)
        atomic_fetch_sub(&s->waiting, bytes);
    return rc;
}

struct waiter {
    struct bf_ask ask;
    sem_t ended;
};

static void on_waited(struct bf_ask *ask)
{
    sem_post(&bf_container_of(ask, struct waiter, ask)->ended);
}

int bf_scripts_ask_wait(struct bf_scripts *s, struct bf_ask *ask)
{
    struct waiter w = {.ask = *ask};
    int rc;

    w.ask.trial = true;
    w.ask.done = on_waited;
    sem_init(&w.ended, 0, 0);
    rc = bf_scripts_ask(s, &w.ask);
    while (!rc && sem_wait(&w.ended))
        continue;               /* a signal */
    sem_destroy(&w.ended);
    return rc;
}


/* --- before an automation is saved --------------------------------------------------------------------- */

struct check {
    struct bf_pool_task task;
    struct bf_pool_call call;
    struct bf_scripts *s;
    sem_t ended;
};

static void on_checked(struct bf_pool_call *c)
{
    sem_post(&bf_container_of(c, struct check, call)->ended);
}

static void on_check(struct bf_pool_task *task)
{
    struct check *c = bf_container_of(task, struct check, task);

    bf_pool_call(c->s->pool, &c->call);
}

static int load_apart(struct bf_scripts *s, struct bf_pool_script *script, const char *field,
                      struct bf_error *err)
{
    struct check c = {.s = s, .task.fn = on_check};
    int rc;

    c.call = (struct bf_pool_call){.script = script, .only_load = true, .apart = true,
                                   .arena = bf_arena_new(65536), .done = on_checked};
    sem_init(&c.ended, 0, 0);
    rc = bf_pool_post(s->pool, &c.task);
    if (rc)
        rc = bf_error_set(err, rc, "the hub is stopping");
    while (!rc && sem_wait(&c.ended))
        continue;
    if (!rc && c.call.answer.said == BF_SAID_FAILED && !*c.call.answer.script)
        rc = bf_error_set(err, BF_EIO, "%s", c.call.answer.words);
    if (!rc && c.call.answer.said == BF_SAID_FAILED)
        rc = bf_error_field(err, BF_ECONFIG, field, "%s",
                            c.call.answer.words ? c.call.answer.words : "it does not load");
    sem_destroy(&c.ended);
    bf_arena_free(c.call.arena);
    return rc;
}

int bf_scripts_check(struct bf_scripts *s, const struct bf_hook *hook, enum bf_hook_kind kind,
                     struct bf_error *err)
{
    struct bf_pool_script *script;
    struct script_text text = {0};
    int rc = hook->file ? script_text_of(s, hook->file, &text, err) : BF_OK;

    if (rc)
        return rc;
    if (hook->file)
        script = bf_pool_script_new(hook->file, text.text, text.len, 1u << kind);
    else
        script = bf_pool_script_new(bf_hook_name(kind), hook->code, hook->code_len, 1u << kind);
    rc = load_apart(s, script, hook->file ? "file" : "code", err);
    bf_pool_script_unref(script);
    script_text_fini(&text);
    return rc;
}


/* --- now and then ---------------------------------------------------------------------------------------- */

static void inline_free(struct inline_script *i)
{
    bf_pool_script_unref(i->script);
    free(i);
}

static void evict_inlines(struct bf_scripts *s)
{
    int64_t now = bf_mono_ms(s->o.clock);
    struct inline_script *i;
    const char *key;
    size_t at = 0;

    if (now - s->evicted_mono_ms < IDLE_MS / 10)
        return;
    s->evicted_mono_ms = now;
    while (bf_map_each(s->inlines, &at, &key, (void **)&i)) {
        if (i->asked || now - i->used_mono_ms < IDLE_MS)
            continue;
        bf_map_remove(s->inlines, key);
        inline_free(i);
    }
}

static void on_tick(void *arg)
{
    struct bf_scripts *s = arg;

    if (atomic_load(&s->looks))
        script_files_look(s);
    evict_inlines(s);
}

struct look {
    struct bf_pool_task task;
    struct bf_scripts *s;
};

static void on_look(struct bf_pool_task *task)
{
    struct look *l = bf_container_of(task, struct look, task);

    script_files_look(l->s);
    free(l);
}

void bf_scripts_look(struct bf_scripts *s, const char *dir)
{
    struct look *l;
    char *old = NULL;
    bool none;

    atomic_store(&s->looks, true);
    pthread_mutex_lock(&s->lock);
    if (dir) {
        old = s->dir;
        s->dir = bf_strdup(dir);
    }
    none = bf_map_count(s->files) == 0;
    pthread_mutex_unlock(&s->lock);
    free(old);
    if (none)
        return;
    l = bf_new(struct look);
    *l = (struct look){{.fn = on_look}, s};
    if (bf_pool_post(s->pool, &l->task))
        free(l);
}


struct use {
    struct bf_pool_task task;
    struct bf_scripts *s;
    char file[BF_HOOK_FILE_MAX + 1];
};

static void on_use(struct bf_pool_task *task)
{
    struct use *u = bf_container_of(task, struct use, task);

    script_file_use(u->s, u->file);
    free(u);
}

void bf_scripts_use(struct bf_scripts *s, const char *file)
{
    struct use *u = bf_new(struct use);

    *u = (struct use){.task.fn = on_use, .s = s};
    snprintf(u->file, sizeof(u->file), "%s", file);
    if (bf_pool_post(s->pool, &u->task))
        free(u);
}


/* --- the whole --------------------------------------------------------------------------------------------- */

void bf_scripts_counts(struct bf_scripts *s, struct bf_script_counts *out)
{
    struct bf_pool_counts c;

    bf_pool_counts(s->pool, &c);
    *out = (struct bf_script_counts){
        .calls = c.calls,
        .failures = c.failures,
        .killed = c.killed,
        .batches = c.batches,
        .started = c.started,
        .swapped = bf_counted(&s->swapped),
        .refused = bf_counted(&s->refused),
        .processes = c.processes,
    };
    pthread_mutex_lock(&s->lock);
    out->disabled = s->n_disabled;
    pthread_mutex_unlock(&s->lock);
}

struct bf_scripts *bf_scripts_new(const struct bf_scripts_options *o)
{
    struct bf_scripts *s = bf_new(struct bf_scripts);

    s->o = *o;
    s->o.shipped = bf_strdup(o->shipped);
    s->o.helper = NULL;         /* the pool's */
    s->o.dir = NULL;            /* may change: */
    s->dir = bf_strdup(o->dir);
    s->run.fn = on_run;
    s->last = &s->first;
    s->inlines = bf_map_new();
    s->files = bf_map_new();
    s->streaks = bf_map_new();
    pthread_mutex_init(&s->lock, NULL);
    s->pool = bf_pool_new(o->helper, o->clock, o->log);
    bf_pool_every(s->pool, LOOK_MS, on_tick, s);
    return s;
}

static void refuse_asks(struct bf_scripts *s)
{
    struct bf_link *next;

    for (struct bf_link *l = take_asks(s); l; l = next) {
        struct bf_ask *ask = bf_container_of(l, struct bf_ask, link);

        next = l->next;
        for (size_t i = 0; i < ask->n; i++)
            fail(&ask->questions[i], "", "the hub is stopping");
        end_ask(s, ask, weight(ask));
    }
}

void bf_scripts_stop(struct bf_scripts *s)
{
    bool again;

    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    again = s->stopped;
    s->stopped = true;
    pthread_mutex_unlock(&s->lock);
    if (again)
        return;
    bf_pool_stop(s->pool);
    refuse_asks(s);             /* which the thread had not seen yet */
}

void bf_scripts_free(struct bf_scripts *s)
{
    struct inline_script *i;
    const char *key;
    size_t at = 0;

    if (!s)
        return;
    script_files_free(s);
    script_streaks_free(s);
    while (bf_map_each(s->inlines, &at, &key, (void **)&i))
        inline_free(i);
    bf_map_free(s->inlines);
    bf_pool_free(s->pool);
    pthread_mutex_destroy(&s->lock);
    free((char *)s->o.shipped);
    free(s->dir);
    free(s);
}
