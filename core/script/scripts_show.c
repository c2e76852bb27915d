/* scripts_show.c - the files of scripts as people see them. */
#include "core/script/scripts_int.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

/* In force; in force, and something else is there, or nothing; not in force, ... */
static const char *state_of(const struct script_file *f)
{
    if (f->script)
        return !f->seen.there ? "gone" : f->words ? "refused" : "good";
    return f->words ? "broken" : "missing";
}

static void show_refused(const struct script_file *f, struct bf_tree *t)
{
    struct bf_tree *r;
    char since[32];

    if (!f->words) {
        bf_tree_str(t, "refused", NULL);
        return;
    }
    r = bf_tree_add_object(t, "refused");
    bf_time_print(f->since_ms, since);
    bf_tree_str(r, "hash", *f->refused ? f->refused : NULL);
    bf_tree_str(r, "error", f->words);
    bf_tree_str(r, "since", since);
}

static void show_file(const struct script_file *f, struct bf_tree *t)
{
    bf_tree_str(t, "file", f->name);
    bf_tree_str(t, "state", state_of(f));
    bf_tree_str(t, "hash", f->script ? f->text.hash : NULL);
    bf_tree_bool(t, "shipped", f->seen.shipped);
    show_refused(f, t);
    bf_tree_int(t, "calls", (int64_t)bf_counted(&f->calls));
    bf_tree_int(t, "failures", (int64_t)bf_counted(&f->failures));
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

struct names {
    char **items;
    size_t n, cap;
};

static void add_name(struct names *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->items[i], name) == 0)
            return;
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 16;
        l->items = bf_zrealloc(l->items, l->cap * sizeof(*l->items));
    }
    l->items[l->n++] = bf_strdup(name);
}

static void add_dir(struct names *l, const char *dir)
{
    DIR *d = dir ? opendir(dir) : NULL;
    struct dirent *e;

    while (d && (e = readdir(d)))
        if (bf_script_name_ok(e->d_name))
            add_name(l, e->d_name);
    if (d)
        closedir(d);
}

static void add_used(struct bf_scripts *s, struct names *l)
{
    const char *name;
    size_t at = 0;
    void *value;

    pthread_mutex_lock(&s->lock);
    while (bf_map_each(s->files, &at, &name, &value))
        add_name(l, name);
    pthread_mutex_unlock(&s->lock);
}

/* One that nothing has asked for since the start. */
static void show_unused(struct bf_scripts *s, const char *dir, const char *name, struct bf_tree *t)
{
    struct script_text text = {0};
    struct bf_error err;
    struct seen seen;
    enum script_read got = script_text_read(dir, s->o.shipped, name, true, &seen, &text, &err);

    bf_tree_str(t, "file", name);
    bf_tree_str(t, "state", "unused");
    bf_tree_str(t, "hash", got == SCRIPT_READ ? text.hash : NULL);
    bf_tree_bool(t, "shipped", seen.shipped);
    bf_tree_str(t, "refused", NULL);
    bf_tree_int(t, "calls", 0);
    bf_tree_int(t, "failures", 0);
    script_text_fini(&text);
}

static void show(struct bf_scripts *s, const char *dir, const char *name, struct bf_tree *t)
{
    struct script_file *f;

    pthread_mutex_lock(&s->lock);
    f = bf_map_get(s->files, name);
    if (f)
        show_file(f, t);
    pthread_mutex_unlock(&s->lock);
    if (!f)
        show_unused(s, dir, name, t);
}

void bf_scripts_describe(struct bf_scripts *s, struct bf_tree *array)
{
    struct names l = {0};
    char *dir = script_files_dir(s);

    add_used(s, &l);
    add_dir(&l, dir);
    add_dir(&l, s->o.shipped);
    if (l.n)
        qsort(l.items, l.n, sizeof(*l.items), by_name);
    for (size_t i = 0; i < l.n; i++) {
        show(s, dir, l.items[i], bf_tree_add_object(array, NULL));
        free(l.items[i]);
    }
    free(l.items);
    free(dir);
}

/* The text in force under a file's name, or what would be. */
int bf_scripts_text(struct bf_scripts *s, const char *file, struct bf_arena *a, const char **text,
                    size_t *len)
{
    struct script_text t = {0};
    struct bf_error err;
    int rc = bf_script_name_ok(file) ? script_text_of(s, file, &t, &err) : BF_ENOENT;

    if (rc)
        return BF_ENOENT;
    *text = bf_arena_ndup(a, t.text, t.len);
    *len = t.len;
    script_text_fini(&t);
    return BF_OK;
}
