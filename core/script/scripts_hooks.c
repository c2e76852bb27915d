/* scripts_hooks.c - hooks that fail: how often in a row, and when that is enough.
 *
 * A streak is there from the first failure to the next answer, so most hooks have none.  One that is
 * disabled stays until its automation is saved, its file has another text, or somebody enables it;
 * answers to what was asked before come too late for it. */
#include "core/script/scripts_int.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

struct name {
    char text[BF_ID_LEN + 300];
};

static struct name name_of(const char *automation, enum bf_hook_kind kind)
{
    struct name n;

    snprintf(n.text, sizeof(n.text), "%d %s", (int)kind, automation ? automation : "");
    return n;
}

struct streak *script_streak(struct bf_scripts *s, const char *automation, enum bf_hook_kind kind)
{
    if (bf_map_count(s->streaks) == 0)
        return NULL;
    return bf_map_get(s->streaks, name_of(automation, kind).text);
}

void script_tell(struct bf_scripts *s, const struct bf_script_news *news)
{
    if (s->o.news)
        s->o.news(s->o.arg, news);
}

static void streak_free(struct streak *k)
{
    free(k->automation);
    free(k->entity);
    free(k->file);
    free(k->words);
    free(k);
}

/* "the hub's on_event", "the filter of automation ID", for the log. */
static const char *say_hook(const struct streak *k, char *out, size_t len)
{
    if (k->automation)
        snprintf(out, len, "the %s of automation %s", bf_hook_name(k->kind), k->automation);
    else
        snprintf(out, len, "the hub's %s", bf_hook_name(k->kind));
    return out;
}

static void tell_of(struct bf_scripts *s, const struct streak *k, enum bf_script_what what)
{
    script_tell(s, &(struct bf_script_news){.what = what,
                                            .file = k->file,
                                            .automation = k->automation,
                                            .entity = k->entity,
                                            .kind = k->kind,
                                            .failures = k->failures,
                                            .since_ms = k->since_ms,
                                            .words = k->words});
}


/* --- from failure to failure ----------------------------------------------------------------------- */

static struct streak *begin(struct bf_scripts *s, const struct bf_question *q)
{
    struct streak *k = bf_new(struct streak);

    k->automation = bf_strdup(q->automation);
    k->entity = bf_strdup(q->entity);
    k->file = bf_strdup(q->hook->file);
    k->kind = q->kind;
    pthread_mutex_lock(&s->lock);
    bf_map_set(s->streaks, name_of(q->automation, q->kind).text, k);
    pthread_mutex_unlock(&s->lock);
    return k;
}

static void end(struct bf_scripts *s, struct streak *k)
{
    pthread_mutex_lock(&s->lock);
    bf_map_remove(s->streaks, name_of(k->automation, k->kind).text);
    s->n_disabled -= k->disabled;
    pthread_mutex_unlock(&s->lock);
    streak_free(k);
}

static void disable(struct bf_scripts *s, struct streak *k)
{
    char hook[400];

    pthread_mutex_lock(&s->lock);
    k->disabled = true;
    k->since_ms = bf_wall_ms(s->o.clock);
    s->n_disabled++;
    pthread_mutex_unlock(&s->lock);
    bf_warnf(s->o.log, "scripts", "%s has failed %u times in a row, and is disabled: %.*s",
             say_hook(k, hook, sizeof(hook)), k->failures, (int)strcspn(k->words, "\n"), k->words);
    tell_of(s, k, BF_HOOK_DISABLED);
}

static void keep_words(struct bf_scripts *s, struct streak *k, const char *words)
{
    char *mine = bf_zalloc(SCRIPT_WORDS_MAX);
    char *old;

    snprintf(mine, SCRIPT_WORDS_MAX, "%s", words ? words : "");
    pthread_mutex_lock(&s->lock);
    old = k->words;
    k->words = mine;
    pthread_mutex_unlock(&s->lock);
    free(old);
}

void script_streak_answered(struct bf_scripts *s, const struct bf_question *q, bool killed)
{
    struct streak *k = script_streak(s, q->automation, q->kind);

    if (k && k->disabled)
        return;
    if (q->answer.said != BF_SAID_FAILED) {
        if (k)
            end(s, k);
        return;
    }
    if (!k)
        k = begin(s, q);
    k->failures++;
    k->kills += killed;
    keep_words(s, k, q->answer.words);
    if (k->failures >= BF_SCRIPT_FAILURES || k->kills >= BF_SCRIPT_KILLS)
        disable(s, k);
}


/* --- and back ---------------------------------------------------------------------------------------- */

static void enable(struct bf_scripts *s, struct streak *k, bool tell)
{
    char hook[400];

    if (k->disabled) {
        bf_infof(s->o.log, "scripts", "%s is enabled again", say_hook(k, hook, sizeof(hook)));
        if (tell)
            tell_of(s, k, BF_HOOK_ENABLED);
    }
    end(s, k);
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* An automation that names another file was saved, and so its streak is forgotten; but the setting
 * on_event may change while the hub is down. */
struct streak *script_streak_of(struct bf_scripts *s, const struct bf_question *q)
{
    struct streak *k = script_streak(s, q->automation, q->kind);

    if (!k || is_same(k->file, q->hook->file))
        return k;
    enable(s, k, true);
    return NULL;
}

/* The first streak of a file: the map does not change while it is walked. */
static struct streak *any_of_file(struct bf_scripts *s, const char *file)
{
    struct streak *k;
    const char *name;
    size_t at = 0;

    while (bf_map_each(s->streaks, &at, &name, (void **)&k))
        if (k->file && strcmp(k->file, file) == 0)
            return k;
    return NULL;
}

void script_streaks_of_file(struct bf_scripts *s, const char *file)
{
    struct streak *k;

    while ((k = any_of_file(s, file)))
        enable(s, k, true);
}

/* What others ask of the thread. */
struct order {
    struct bf_pool_task task;
    struct bf_scripts *s;
    bool tell;                  /* it was saved or deleted, and this must be kept */
    unsigned kinds;             /* bits */
    char *automation;
};

static void on_order(struct bf_pool_task *task)
{
    struct order *o = bf_container_of(task, struct order, task);

    for (unsigned kind = 0; kind <= BF_HOOK_ON_EVENT; kind++) {
        struct streak *k = script_streak(o->s, o->automation, (enum bf_hook_kind)kind);

        if (k && (o->kinds & (1u << kind)))
            enable(o->s, k, o->tell);
    }
    if (o->tell)
        script_files_forget(o->s, o->automation);
    free(o->automation);
    free(o);
}

static void order(struct bf_scripts *s, const char *automation, unsigned kinds, bool tell)
{
    struct order *o;
    bool none;

    pthread_mutex_lock(&s->lock);
    none = bf_map_count(s->streaks) == 0 && bf_map_count(s->files) == 0;
    pthread_mutex_unlock(&s->lock);
    if (none)
        return;
    o = bf_new(struct order);
    o->task.fn = on_order;
    o->s = s;
    o->tell = tell;
    o->kinds = kinds;
    o->automation = bf_strdup(automation);
    if (bf_pool_post(s->pool, &o->task)) {
        free(o->automation);
        free(o);
    }
}

void bf_scripts_forget(struct bf_scripts *s, const char *automation)
{
    order(s, automation, ~0u, true);
}

void bf_scripts_enable(struct bf_scripts *s, const char *automation, enum bf_hook_kind kind)
{
    order(s, automation, 1u << kind, false);
}


/* --- looking, and a restart ----------------------------------------------------------------------------- */

bool bf_scripts_disabled(struct bf_scripts *s, const char *automation, enum bf_hook_kind kind,
                         struct bf_arena *a, int64_t *since_ms, const char **words)
{
    struct streak *k;
    bool is;

    pthread_mutex_lock(&s->lock);
    k = script_streak(s, automation, kind);
    is = k && k->disabled;
    if (is) {
        *since_ms = k->since_ms;
        *words = bf_arena_dup(a, k->words);
    }
    pthread_mutex_unlock(&s->lock);
    return is;
}

void bf_scripts_restore_hook(struct bf_scripts *s, const struct bf_script_kept_hook *kept)
{
    struct streak *k = bf_new(struct streak);

    k->automation = bf_strdup(kept->automation);
    k->entity = bf_strdup(kept->entity);
    k->file = bf_strdup(kept->file);
    k->kind = kept->kind;
    k->disabled = true;
    k->since_ms = kept->since_ms;
    k->words = bf_strdup(kept->words);
    bf_map_set(s->streaks, name_of(kept->automation, kept->kind).text, k);
    s->n_disabled++;
}

void script_streaks_free(struct bf_scripts *s)
{
    struct streak *k;
    const char *name;
    size_t at = 0;

    while (bf_map_each(s->streaks, &at, &name, (void **)&k))
        streak_free(k);
    bf_map_free(s->streaks);
}
