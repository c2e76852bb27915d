/* scripts_files.c - files of scripts: the text in force under each name, and how another takes its
 * place.
 *
 * The first text of a file is in force at once, for there is nothing to go on with meanwhile.  Any
 * later one is a candidate first: it is loaded in a process apart, and must answer the last questions
 * that the old one answered.  What is refused is remembered by its hash, so that it is tried once, and
 * the old text stays; so it does when the file is gone. */
#include "core/script/scripts_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

#define SAMPLE_EVERY_MS 100             /* a busy file keeps one of so many milliseconds */
#define CANDIDATE_BYTES (16 * 1024 * 1024)      /* of answers to samples */
#define FORGOTTEN_MS    600000          /* of a name that nobody asks for, and of which there is nothing */

/* Texts that others read change under the lock. */
static void set_words(struct bf_scripts *s, struct script_file *f, const char *hash,
                      const char *words, int64_t since_ms)
{
    char *mine = words ? bf_zalloc(SCRIPT_WORDS_MAX) : NULL;
    char *old;

    if (mine)
        snprintf(mine, SCRIPT_WORDS_MAX, "%s", words);
    pthread_mutex_lock(&s->lock);
    old = f->words;
    f->words = mine;
    f->since_ms = since_ms;
    snprintf(f->refused, sizeof(f->refused), "%s", hash ? hash : "");
    pthread_mutex_unlock(&s->lock);
    free(old);
}

static void set_seen(struct bf_scripts *s, struct script_file *f, const struct seen *seen)
{
    pthread_mutex_lock(&s->lock);
    f->seen = *seen;
    pthread_mutex_unlock(&s->lock);
}


/* --- samples ------------------------------------------------------------------------------------- */

static void sample_unref(struct sample *p)
{
    if (!p || --p->refs)
        return;
    free((char *)p->event.text);
    free((char *)p->event.id);
    free(p->automation);
    free(p->action);
    free(p->payload);
    free(p);
}

static char *copy(const char *text, size_t len)
{
    char *mine = bf_zalloc(len + 1);

    if (len)
        memcpy(mine, text, len);
    return mine;
}

static struct sample *sample_new(const struct bf_pool_call *c, const char *automation)
{
    struct sample *p = bf_new(struct sample);

    p->refs = 1;
    p->automation = bf_strdup(automation);
    p->kind = c->kind;
    p->event = *c->event;
    p->event.text = copy(c->event->text, c->event->len);
    p->event.id = bf_strdup(c->event->id);
    p->action = bf_strdup(c->action);
    if (c->payload) {
        p->payload = copy(c->payload, c->payload_len);
        p->payload_len = c->payload_len;
    }
    return p;
}

/* The last ones, but of a busy file not all of them, for they are copied. */
static void keep_sample(struct bf_scripts *s, struct script_file *f, const struct bf_pool_call *c,
                        const char *automation)
{
    int64_t now = bf_mono_ms(s->o.clock);
    struct sample **at = &f->samples[f->next_sample];

    if (c->event->len + c->payload_len > SCRIPT_SAMPLE_BYTES)
        return;
    if (*at && now - f->sampled_mono_ms < SAMPLE_EVERY_MS)
        return;
    sample_unref(*at);
    *at = sample_new(c, automation);
    f->sampled_mono_ms = now;
    f->next_sample = (f->next_sample + 1) % SCRIPT_SAMPLES;
}

static bool is_of(const struct sample *p, const char *automation)
{
    return automation ? p->automation && strcmp(p->automation, automation) == 0 : !p->automation;
}

/* Its automation is another now, or gone: the file need not serve it any more. */
void script_files_forget(struct bf_scripts *s, const char *automation)
{
    struct script_file *f;
    const char *name;
    size_t at = 0;

    while (bf_map_each(s->files, &at, &name, (void **)&f)) {
        f->answered = 0;
        for (unsigned i = 0; i < SCRIPT_SAMPLES; i++) {
            struct sample *p = f->samples[i];

            if (p && is_of(p, automation)) {
                sample_unref(p);
                f->samples[i] = NULL;
            } else if (p) {
                f->answered |= 1u << p->kind;
            }
        }
    }
}


/* --- candidates -------------------------------------------------------------------------------------- */

struct trial {
    struct bf_pool_call call;
    struct candidate *of;
    struct sample *sample;      /* NULL: it is only loaded */
};

struct candidate {
    struct bf_scripts *s;
    struct script_file *file;
    struct bf_pool_script *script;
    struct script_text text;
    struct bf_arena *arena;
    unsigned n, left;
    bool was_tried;             /* false: no process could be asked */
    const char *words;          /* why not; NULL */
    struct trial trials[SCRIPT_SAMPLES + 1];
};

static void candidate_free(struct candidate *c)
{
    for (unsigned i = 0; i < c->n; i++)
        sample_unref(c->trials[i].sample);
    bf_pool_script_unref(c->script);
    script_text_fini(&c->text);
    bf_arena_free(c->arena);
    free(c);
}

/* In force from the next call on. */
static void put_in_force(struct bf_scripts *s, struct script_file *f, struct bf_pool_script *script,
                         struct script_text *text)
{
    struct bf_pool_script *old = f->script;
    struct script_text was;

    pthread_mutex_lock(&s->lock);
    was = f->text;
    f->text = *text;
    f->script = script;
    pthread_mutex_unlock(&s->lock);
    script_text_fini(&was);
    bf_pool_script_unref(old);
    *text = (struct script_text){0};
}

static void tell_in_force(struct bf_scripts *s, const struct script_file *f, const char *was)
{
    script_tell(s, &(struct bf_script_news){.what = BF_SCRIPT_SWAPPED,
                                            .file = f->name,
                                            .hash = f->text.hash,
                                            .was = was && *was ? was : NULL,
                                            .text = f->text.text,
                                            .len = f->text.len});
}

static void tell_swapped(struct bf_scripts *s, const struct script_file *f, const char *was)
{
    bf_infof(s->o.log, "scripts", "%s: %.12s is in force", f->name, f->text.hash);
    bf_count(&s->swapped, 1);
    tell_in_force(s, f, was);
}

static void refuse(struct bf_scripts *s, struct script_file *f, const char *hash, const char *words)
{
    set_words(s, f, hash, words, bf_wall_ms(s->o.clock));
    bf_count(&s->refused, 1);
    bf_warnf(s->o.log, "scripts", "%s: %.12s is refused, %s: %.*s", f->name, hash,
             f->script ? "the one before it stays" : "and there is none before it",
             (int)strcspn(words, "\n"), words);
    script_tell(s, &(struct bf_script_news){.what = BF_SCRIPT_REFUSED,
                                            .file = f->name,
                                            .hash = hash,
                                            .was = f->script ? f->text.hash : NULL,
                                            .since_ms = f->since_ms,
                                            .words = words});
}

static void end_trial(struct candidate *c)
{
    struct script_file *f = c->file;
    struct bf_scripts *s = c->s;
    char was[BF_HASH_LEN + 1];

    f->candidate = NULL;
    if (!c->was_tried) {
        set_seen(s, f, &(struct seen){0});      /* look again */
    } else if (c->words) {
        refuse(s, f, c->text.hash, c->words);
    } else {
        snprintf(was, sizeof(was), "%s", f->text.hash);
        put_in_force(s, f, c->script, &c->text);
        c->script = NULL;
        set_words(s, f, NULL, NULL, 0);
        tell_swapped(s, f, was);
        script_streaks_of_file(s, f->name);
    }
    candidate_free(c);
}

static void on_trial(struct bf_pool_call *call)
{
    struct trial *t = bf_container_of(call, struct trial, call);
    struct candidate *c = t->of;
    const char *words;

    script_look_at_event(call);
    words = call->answer.words ? call->answer.words : "it does not answer";
    if (call->answer.said == BF_SAID_FAILED && !*call->answer.script)
        c->was_tried = false;
    else if (call->answer.said == BF_SAID_FAILED && !c->words)
        c->words = t->sample ? bf_arena_printf(c->arena, "tried on %s, which the one before it"
                                               " answered: %s", t->sample->event.id
                                               ? t->sample->event.id : "an event", words)
                             : words;
    if (--c->left == 0)
        end_trial(c);
}

static struct trial *add_trial(struct candidate *c, struct sample *sample)
{
    struct trial *t = &c->trials[c->n++];

    t->of = c;
    t->sample = sample;
    t->call = (struct bf_pool_call){.script = c->script,
                                    .apart = true,
                                    .only_load = !sample,
                                    .arena = c->arena,
                                    .done = on_trial};
    if (sample) {
        sample->refs++;
        t->call.kind = sample->kind;
        t->call.event = &sample->event;
        t->call.action = sample->action;
        t->call.payload = sample->payload;
        t->call.payload_len = sample->payload_len;
    }
    return t;
}

/* Takes the text.  It must have what the one in force was good for. */
static void try_candidate(struct bf_scripts *s, struct script_file *f, struct script_text *text)
{
    struct candidate *c = bf_new(struct candidate);

    c->s = s;
    c->file = f;
    c->was_tried = true;
    c->text = *text;
    *text = (struct script_text){0};
    c->arena = bf_arena_new(CANDIDATE_BYTES);
    c->script = bf_pool_script_new(f->name, c->text.text, c->text.len, f->answered);
    add_trial(c, NULL);
    for (unsigned i = 0; i < SCRIPT_SAMPLES; i++)
        if (f->samples[i])
            add_trial(c, f->samples[i]);
    f->candidate = c;
    c->left = c->n;
    for (unsigned i = 0, n = c->n; i < n; i++)  /* the last of them may end it */
        bf_pool_call(s->pool, &c->trials[i].call);
}


/* --- the first text ------------------------------------------------------------------------------------ */

/* It is in force; whether it compiles is found out beside the first questions. */
struct first {
    struct bf_pool_call call;
    struct bf_scripts *s;
    struct script_file *file;
    struct bf_pool_script *script;
};

static void on_first(struct bf_pool_call *call)
{
    struct first *o = bf_container_of(call, struct first, call);
    struct script_file *f = o->file;
    struct script_text none = {0};
    char hash[BF_HASH_LEN + 1];

    if (f->script == o->script && call->answer.said != BF_SAID_FAILED) {
        tell_swapped(o->s, f, NULL);
    } else if (f->script == o->script && *call->answer.script) {
        snprintf(hash, sizeof(hash), "%s", f->text.hash);
        put_in_force(o->s, f, NULL, &none);
        refuse(o->s, f, hash, call->answer.words);
    }
    bf_pool_script_unref(o->script);
    bf_arena_free(call->arena);
    free(o);
}

static void take_first(struct bf_scripts *s, struct script_file *f, struct script_text *text)
{
    struct first *o = bf_new(struct first);

    put_in_force(s, f, bf_pool_script_new(f->name, text->text, text->len, 0), text);
    o->s = s;
    o->file = f;
    o->script = bf_pool_script_ref(f->script);
    o->call = (struct bf_pool_call){.script = o->script,
                                    .only_load = true,
                                    .arena = bf_arena_new(CANDIDATE_BYTES),
                                    .done = on_first};
    bf_pool_call(s->pool, &o->call);
}


void script_file_answered(struct bf_scripts *s, struct script_file *f,
                          const struct bf_pool_call *c, const char *automation, bool trial)
{
    bool failed = c->answer.said == BF_SAID_FAILED;

    bf_count(&f->calls, 1);
    bf_count(&f->failures, failed);
    if (failed || trial)
        return;
    f->answered |= 1u << c->kind;
    keep_sample(s, f, c, automation);
}


/* --- looking ----------------------------------------------------------------------------------------- */

/* Nothing is refused any more. */
static void settle(struct bf_scripts *s, struct script_file *f)
{
    bool told = *f->refused;

    if (f->words)
        set_words(s, f, NULL, NULL, 0);
    if (told)
        tell_in_force(s, f, f->text.hash);
}

static void take(struct bf_scripts *s, struct script_file *f, struct script_text *text, bool first)
{
    if (f->script && strcmp(text->hash, f->text.hash) == 0)
        settle(s, f);
    else if (*f->refused && strcmp(text->hash, f->refused) == 0)
        ;                       /* tried already */
    else if (first)
        take_first(s, f, text);
    else
        try_candidate(s, f, text);
    script_text_fini(text);
}

char *script_files_dir(struct bf_scripts *s)
{
    char *dir;

    pthread_mutex_lock(&s->lock);
    dir = bf_strdup(s->dir);
    pthread_mutex_unlock(&s->lock);
    return dir;
}

/* `first`: there is nothing in force, and was not. */
static void look(struct bf_scripts *s, const char *dir, struct script_file *f, bool first)
{
    struct script_text text = {0};
    struct bf_error err;
    struct seen seen;
    enum script_read got;

    if (f->candidate)
        return;
    script_text_see(dir, s->o.shipped, f->name, &seen);
    if (!first && !script_text_changed(&seen, &f->seen))
        return;
    got = script_text_read(dir, s->o.shipped, f->name, first, &seen, &text, &err);
    if (got == SCRIPT_NOT_YET)
        return;
    set_seen(s, f, &seen);
    if (got == SCRIPT_READ) {
        take(s, f, &text, first);
    } else if (got == SCRIPT_UNREADABLE) {
        set_words(s, f, NULL, err.words, bf_wall_ms(s->o.clock));
        bf_warnf(s->o.log, "scripts", "%s", err.words);
    } else if (f->script) {
        bf_warnf(s->o.log, "scripts", "%s is gone; its last text stays in force", f->name);
        settle(s, f);           /* and so is what was refused */
    }
}

static struct script_file *file_new(struct bf_scripts *s, const char *name)
{
    struct script_file *f = bf_new(struct script_file);

    snprintf(f->name, sizeof(f->name), "%s", name);
    pthread_mutex_lock(&s->lock);
    bf_map_set(s->files, f->name, f);
    pthread_mutex_unlock(&s->lock);
    return f;
}

static void file_free(struct script_file *f)
{
    for (unsigned i = 0; i < SCRIPT_SAMPLES; i++)
        sample_unref(f->samples[i]);
    bf_pool_script_unref(f->script);
    script_text_fini(&f->text);
    free(f->words);
    free(f);
}

struct script_file *script_file_use(struct bf_scripts *s, const char *name)
{
    struct script_file *f = bf_map_get(s->files, name);
    bool first = !f || !f->used_mono_ms;
    char *dir;

    if (!f)
        f = file_new(s, name);
    f->used_mono_ms = bf_mono_ms(s->o.clock);
    if (first) {
        dir = script_files_dir(s);
        look(s, dir, f, !f->script);
        free(dir);
    }
    return f;
}

/* A name that was misspelt once is not looked for ever after. */
static bool is_forgotten(struct bf_scripts *s, const struct script_file *f)
{
    return !f->script && !f->candidate && !f->seen.there &&
           bf_mono_ms(s->o.clock) - f->used_mono_ms > FORGOTTEN_MS;
}

void script_files_look(struct bf_scripts *s)
{
    struct script_file *f;
    const char *name;
    size_t at = 0;
    char *dir = script_files_dir(s);

    while (bf_map_each(s->files, &at, &name, (void **)&f)) {
        look(s, dir, f, false);
        if (!is_forgotten(s, f))
            continue;
        pthread_mutex_lock(&s->lock);
        bf_map_remove(s->files, name);
        pthread_mutex_unlock(&s->lock);
        file_free(f);
    }
    free(dir);
}

void script_files_free(struct bf_scripts *s)
{
    struct script_file *f;
    const char *name;
    size_t at = 0;

    while (bf_map_each(s->files, &at, &name, (void **)&f))
        file_free(f);
    bf_map_free(s->files);
}

void bf_scripts_restore_file(struct bf_scripts *s, const struct bf_script_kept_file *kept)
{
    struct script_file *f;

    if (!bf_script_name_ok(kept->file))
        return;
    f = file_new(s, kept->file);
    if (kept->text) {
        script_text_set(&f->text, kept->text, kept->len);
        f->script = bf_pool_script_new(f->name, f->text.text, f->text.len, 0);
    }
    if (kept->refused)
        set_words(s, f, kept->refused, kept->words, kept->since_ms);
}

int script_text_of(struct bf_scripts *s, const char *name, struct script_text *out,
                   struct bf_error *err)
{
    struct script_file *f;
    struct seen seen;
    char *dir = script_files_dir(s);
    int rc = BF_OK;

    pthread_mutex_lock(&s->lock);
    f = bf_map_get(s->files, name);
    if (f && f->text.text)
        script_text_set(out, f->text.text, f->text.len);
    pthread_mutex_unlock(&s->lock);
    if (!out->text) {
        enum script_read got = script_text_read(dir, s->o.shipped, name, true, &seen, out, err);

        if (got == SCRIPT_UNREADABLE)
            rc = bf_error_field(err, BF_ECONFIG, "file", "%s", err->words);
        else if (got != SCRIPT_READ)
            rc = bf_error_field(err, BF_ECONFIG, "file", got == SCRIPT_NOT_YET
                                ? "%s in %s is empty" : "there is no %s in %s, nor one that Belfry"
                                " ships; put it there, or name another file", name, dir);
    }
    free(dir);
    return rc;
}
