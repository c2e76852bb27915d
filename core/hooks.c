/* hooks.c - what hooks need of the whole hub: their settings, what was in force before, and a place
 * in the journal for what becomes of them.
 *
 * The scripts' room tells its news on its own thread.  Each is a piece of work for the engine: the
 * tables that a restart reads, and a record on which automations may fire, in one transaction, in
 * the order in which they were told. */
#include "core/hub_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/bus/scripts_kept.h"

#define DATA_MAX (64 * 1024)

/* --- news ---------------------------------------------------------------------------------------- */

struct told {
    struct bf_work work;
    struct bf_hub *hub;
    enum bf_script_what what;
    char *file, *hash, *was, *text, *automation, *entity, *words;       /* or NULL */
    size_t len;
    enum bf_hook_kind kind;
    unsigned failures;
    int64_t since_ms;
};

static void told_free(struct told *t)
{
    free(t->file);
    free(t->hash);
    free(t->was);
    free(t->text);
    free(t->automation);
    free(t->entity);
    free(t->words);
    free(t);
}

/* Whose journal has it: the automation's owner's, or that of the organization which every hub has. */
static const char *whose(const struct told *t, char own[BF_ENTITY_NAME_MAX + 1])
{
    if (t->entity)
        return t->entity;
    bf_organization_entity(own, BF_ORGANIZATION_DEFAULT);
    return own;
}

static void add_text(struct bf_buf *b, const char *name, const char *text)
{
    bf_buf_printf(b, "%s\"%s\":", b->len ? "," : "{", name);
    bf_buf_json(b, text);
}

static int record(struct bf_tx *tx, const struct told *t, const char *type, struct bf_buf *b,
                  struct bf_error *err)
{
    char own[BF_ENTITY_NAME_MAX + 1];
    int rc;

    bf_buf_addc(b, '}');
    rc = b->failed ? BF_ETOOBIG
                   : bf_bus_record(tx, type, whose(t, own), NULL, b->data, b->len, err);
    return rc;
}

static int keep_swap(struct bf_tx *tx, const struct told *t, struct bf_buf *b, struct bf_error *err)
{
    int rc = bf_kept_file_set(tx->db, t->file, t->hash, t->text, t->len);

    if (rc || (t->was && strcmp(t->was, t->hash) == 0))         /* what was refused is gone */
        return rc;
    add_text(b, "file", t->file);
    add_text(b, "hash", t->hash);
    add_text(b, "was", t->was);
    return record(tx, t, "belfry.script.saved", b, err);
}

static int keep_refusal(struct bf_tx *tx, const struct told *t, struct bf_buf *b,
                        struct bf_error *err)
{
    int rc = bf_kept_file_refuse(tx->db, t->file, t->hash, t->words, t->since_ms);

    if (rc)
        return rc;
    add_text(b, "file", t->file);
    add_text(b, "hash", t->hash);
    add_text(b, "error", t->words);
    return record(tx, t, "belfry.script.refused", b, err);
}

static int keep_disabled(struct bf_tx *tx, const struct told *t, struct bf_buf *b,
                         struct bf_error *err)
{
    struct bf_kept_hook h = {t->automation, t->entity, t->file, t->kind, t->since_ms, t->words};
    int rc = bf_kept_hook_disable(tx->db, &h);

    if (rc)
        return rc;
    add_text(b, "automation", t->automation);
    add_text(b, "hook", bf_hook_name(t->kind));
    bf_buf_printf(b, ",\"failures\":%u", t->failures);
    add_text(b, "error", t->words);
    return record(tx, t, "belfry.hook.disabled", b, err);
}

static int keep_enabled(struct bf_tx *tx, const struct told *t, struct bf_buf *b,
                        struct bf_error *err)
{
    int rc = bf_kept_hook_enable(tx->db, t->automation, t->kind, NULL);

    if (rc)
        return rc;
    add_text(b, "automation", t->automation);
    add_text(b, "hook", bf_hook_name(t->kind));
    return record(tx, t, "belfry.hook.enabled", b, err);
}

static int apply_told(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    static int (*const keep[])(struct bf_tx *, const struct told *, struct bf_buf *,
                               struct bf_error *) = {
        [BF_SCRIPT_SWAPPED] = keep_swap,
        [BF_SCRIPT_REFUSED] = keep_refusal,
        [BF_HOOK_DISABLED] = keep_disabled,
        [BF_HOOK_ENABLED] = keep_enabled,
    };
    struct told *t = bf_container_of(w, struct told, work);
    struct bf_buf b;
    int rc;

    *err = (struct bf_error){0};
    bf_buf_init(&b, DATA_MAX);
    rc = keep[t->what](tx, t, &b, err);
    bf_buf_fini(&b);
    return rc && !err->code ? bf_error_set(err, rc, "%s", bf_db_words(tx->db)) : rc;
}

static void on_told(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct told *t = bf_container_of(w, struct told, work);

    if (rc)
        bf_errorf(t->hub->log, "scripts", "cannot keep what became of %s: %s",
                  t->file ? t->file : "a hook", err ? err->words : bf_strerror(rc));
    told_free(t);
}

static char *copy(const char *text, size_t len)
{
    char *mine = bf_zalloc(len + 1);

    memcpy(mine, text, len);
    return mine;
}

static void on_news(void *arg, const struct bf_script_news *n)
{
    struct bf_hub *hub = arg;
    struct told *t = bf_new(struct told);

    t->hub = hub;
    t->what = n->what;
    t->file = bf_strdup(n->file);
    t->hash = bf_strdup(n->hash);
    t->was = bf_strdup(n->was);
    t->text = n->text ? copy(n->text, n->len) : NULL;
    t->len = n->len;
    t->automation = bf_strdup(n->automation);
    t->entity = bf_strdup(n->entity);
    t->kind = n->kind;
    t->failures = n->failures;
    t->since_ms = n->since_ms;
    t->words = bf_strdup(n->words ? n->words : "");
    t->work = (struct bf_work){.may_fail = true, .always = true, .apply = apply_told,
                               .done = on_told};
    if (bf_bus_post(hub->bus, &t->work))
        told_free(t);           /* the hub is stopping; it is found out again */
}


/* --- asking -------------------------------------------------------------------------------------------- */

static int on_ask(void *arg, struct bf_ask *ask)
{
    struct bf_hub *hub = arg;

    return bf_scripts_ask(hub->scripts, ask);
}

static void on_forget(void *arg, const char *automation)
{
    struct bf_hub *hub = arg;

    bf_scripts_forget(hub->scripts, automation);
}

static void on_use(void *arg, const char *file)
{
    struct bf_hub *hub = arg;

    bf_scripts_use(hub->scripts, file);
}


/* --- opening ---------------------------------------------------------------------------------------- */

static void on_kept_file(void *arg, const struct bf_kept_file *f)
{
    struct bf_hub *hub = arg;

    bf_scripts_restore_file(hub->scripts,
                            &(struct bf_script_kept_file){f->file, f->text, f->len, f->refused,
                                                          f->words, f->since_ms});
}

static void on_kept_hook(void *arg, const struct bf_kept_hook *h)
{
    struct bf_hub *hub = arg;

    bf_scripts_restore_hook(hub->scripts,
                            &(struct bf_script_kept_hook){h->automation, h->entity, h->file,
                                                          h->kind, h->since_ms, h->words});
}

char *hub_scripts_dir(const struct bf_settings *s)
{
    char *path;

    if (s->scripts_dir && *s->scripts_dir)
        return bf_strdup(s->scripts_dir);
    path = bf_zalloc(strlen(s->data) + sizeof("/scripts"));
    sprintf(path, "%s/scripts", s->data);
    return path;
}

static void remember(struct bf_hub *hub, const char *file, bool drops)
{
    pthread_mutex_lock(&hub->lock);
    snprintf(hub->on_event, sizeof(hub->on_event), "%s", file);
    hub->on_event_drops = drops;
    pthread_mutex_unlock(&hub->lock);
}

bool hub_has_on_event(void *arg, char file[BF_HOOK_FILE_MAX + 1], bool *drops)
{
    struct bf_hub *hub = arg;

    pthread_mutex_lock(&hub->lock);
    snprintf(file, sizeof(hub->on_event), "%s", hub->on_event);
    *drops = hub->on_event_drops;
    pthread_mutex_unlock(&hub->lock);
    return *file;
}

int hub_on_event(struct bf_hub *hub, const char *file, const char *on_error, struct bf_error *err)
{
    struct bf_hook hook = {.file = file};
    int rc;

    hook.on_error = strcmp(on_error, "drop") == 0 ? BF_FAILURE_SKIPS : BF_FAILURE_FIRES;
    if (!file || !*file) {
        bf_bus_on_event(hub->bus, NULL);
        remember(hub, "", false);
        return BF_OK;
    }
    rc = bf_scripts_check(hub->scripts, &hook, BF_HOOK_ON_EVENT, err);
    if (rc)
        return bf_error_field(err, rc, "on_event", "on_event: %s", err->words);
    bf_bus_on_event(hub->bus, &hook);
    remember(hub, file, hook.on_error == BF_FAILURE_SKIPS);
    return BF_OK;
}

int hub_hooks_open(struct bf_hub *hub, struct bf_error *err)
{
    const struct bf_settings *s = &hub->settings;
    struct bf_scripts_options o = {
        .helper = s->script_helper,
        .dir = hub_scripts_dir(s),
        .shipped = s->shipped_scripts,
        .clock = hub->clock,
        .log = hub->log,
        .news = on_news,
        .arg = hub,
    };
    int rc;

    hub->scripts = bf_scripts_new(&o);
    free((char *)o.dir);
    bf_bus_ask_with(hub->bus, &(struct bf_asker){on_ask, on_forget, on_use, hub});
    rc = bf_kept_files_each(hub->db, on_kept_file, hub);
    if (!rc)
        rc = bf_kept_hooks_each(hub->db, on_kept_hook, hub);
    if (rc)
        return bf_error_set(err, rc, "cannot read what is kept of scripts: %s",
                            bf_db_words(hub->db));
    if (access(s->script_helper, X_OK))
        bf_warnf(hub->log, "hub", "hooks cannot run: %s: %s; script_helper names the program",
                 s->script_helper, strerror(errno));
    return hub_on_event(hub, s->on_event, s->on_event_error, err);
}
