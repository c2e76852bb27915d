/* plugins.c - the plugins of one hub: loading, sources, start and stop.
 *
 * Kinds are looked up by name among what was loaded; the lists are fixed once anything runs, so
 * nothing here needs a lock but what instance.c keeps behind its own. */
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "core/plugin/host.h"

#define RUN_PAUSE_MS     1000           /* before run() is called again after an error */
#define RUN_PAUSE_MAX_MS 60000
#define START_MS         60000          /* a source whose start() takes longer does not start */
#define OPTIONS_BYTES_MAX (1024 * 1024)        /* of one source, as JSON */
#define STOP_LEAST_MS    100            /* that each source is given, however late it is */

struct bf_plugins *bf_plugins_new(const struct bf_plugins_rooms *rooms)
{
    struct bf_plugins *p = bf_new(struct bf_plugins);

    p->rooms = *rooms;
    pthread_mutex_init(&p->lock, NULL);
    atomic_init(&p->tickets, 0);
    atomic_init(&p->n_look_ups, 0);
    atomic_init(&p->n_trials, 0);
    p->watches = bf_watches_new(p);
    p->integrations = bf_map_new();
    p->actions = bf_zalloc(BF_ACTIONS_CACHED * sizeof(*p->actions));
    return p;
}

void bf_plugins_set_courier(struct bf_plugins *p, struct bf_courier *courier)
{
    p->courier = courier;
}

int bf_plugins_run(struct bf_plugins *p, struct bf_job *job)
{
    return bf_workers_add(p->rooms.workers, job);
}


/* --- loading -------------------------------------------------------------------------- */

static const struct bf_loaded *loaded_as(const struct bf_plugins *p, const char *name)
{
    for (size_t i = 0; i < p->n_loaded; i++)
        if (strcmp(p->loaded[i]->plugin.name, name) == 0)
            return p->loaded[i];
    return NULL;
}

/* github_ begins the names of github_app_ as well: one of the two would reach the other's. */
static const struct bf_plugin *shares_tables(const struct bf_plugins *p, const struct bf_loaded *l)
{
    for (size_t i = 0; i < p->n_loaded; i++) {
        const struct bf_loaded *other = p->loaded[i];
        size_t len = strlen(other->prefix), own = strlen(l->prefix);

        if (other->plugin.schema && other->plugin.schema[0] &&
            strncmp(other->prefix, l->prefix, len < own ? len : own) == 0)
            return &other->plugin;
    }
    return NULL;
}

/* Its tables are made at once, so that whatever it does later finds them. */
static int make_tables(struct bf_plugins *p, const struct bf_loaded *l, struct bf_error *err)
{
    const struct bf_plugin *plugin = &l->plugin, *other;
    char owner[128];
    int rc;

    if (!plugin->schema || !plugin->schema[0])
        return BF_OK;
    other = shares_tables(p, l);
    if (other)
        return bf_error_set(err, BF_ECONFIG, "the tables of plugins %s and %s cannot be told "
                            "apart; rename one of the two", other->name, plugin->name);
    snprintf(owner, sizeof(owner), "plugin/%s", plugin->name);
    bf_db_restrict(p->rooms.db, l->prefix);
    rc = bf_db_migrate(p->rooms.db, owner, plugin->schema, err);
    bf_db_restrict(p->rooms.db, NULL);
    return rc;
}

static int keep(struct bf_plugins *p, struct bf_loaded *l, struct bf_error *err)
{
    int rc = p->n_loaded == BF_LOADED_MAX
                 ? bf_error_set(err, BF_EFULL, "more than %d plugins", BF_LOADED_MAX)
                 : bf_memory_open(p, err);

    if (!rc)
        rc = make_tables(p, l, err);
    if (rc) {
        bf_loaded_free(l);
        return rc;
    }
    p->loaded[p->n_loaded++] = l;
    bf_infof(p->rooms.log, "plugin", "%s %s", l->plugin.name, l->plugin.version);
    return BF_OK;
}

int bf_plugins_add(struct bf_plugins *p, const struct bf_plugin *plugin, struct bf_error *err)
{
    struct bf_loaded *l;
    int rc = bf_loaded_check(plugin, "linked into the program", &l, err);

    if (rc)
        return rc;
    if (!loaded_as(p, l->plugin.name))
        return keep(p, l, err);
    rc = bf_error_set(err, BF_EEXIST, "there are two plugins called %s", l->plugin.name);
    bf_loaded_free(l);
    return rc;
}

int bf_plugins_load(struct bf_plugins *p, const char *name, struct bf_error *err)
{
    struct bf_loaded *l;
    int rc;

    if (loaded_as(p, name))
        return BF_OK;
    rc = bf_loaded_open(p->rooms.plugin_dir, name, &l, err);
    return rc ? rc : keep(p, l, err);
}

const struct bf_sink *bf_plugins_sink(struct bf_plugins *p, const char *kind,
                                      const struct bf_plugin **plugin)
{
    for (size_t i = 0; i < p->n_loaded; i++) {
        const struct bf_sink *const *s = p->loaded[i]->plugin.sinks;

        for (; *s; s++) {
            if (strcmp((*s)->name, kind) != 0)
                continue;
            if (plugin)
                *plugin = &p->loaded[i]->plugin;
            return *s;
        }
    }
    return NULL;
}

const char *bf_plugins_sink_names(struct bf_plugins *p, struct bf_arena *a)
{
    const char *names = "";

    for (size_t i = 0; i < p->n_loaded; i++)
        for (const struct bf_sink *const *s = p->loaded[i]->plugin.sinks; *s; s++)
            names = bf_arena_printf(a, "%s%s%s", names, *names ? ", " : "", (*s)->name);
    return *names ? names : "none";
}

static const struct bf_source *find_source(struct bf_plugins *p, const char *kind,
                                           const struct bf_plugin **plugin)
{
    for (size_t i = 0; i < p->n_loaded; i++) {
        const struct bf_source *const *s = p->loaded[i]->plugin.sources;

        for (; *s; s++) {
            if (strcmp((*s)->name, kind) == 0) {
                *plugin = &p->loaded[i]->plugin;
                return *s;
            }
        }
    }
    return NULL;
}


/* --- sources ---------------------------------------------------------------------------- */

static bool has_source(const struct bf_plugins *p, const struct bf_source *source)
{
    for (const struct bf_instance *i = p->sources; i; i = i->next)
        if (i->source == source)
            return true;
    return false;
}

int bf_plugins_make_source(struct bf_plugins *p, const char *kind, const char *name,
                           const char *options_json, struct bf_error *err)
{
    const struct bf_plugin *plugin;
    const struct bf_source *source = find_source(p, kind, &plugin);
    struct bf_instance *i;
    int rc;

    if (!source)
        return bf_error_set(err, BF_ECONFIG, "there is no source \"%s\"; name its plugin in the "
                            "setting plugins", kind);
    i = bf_instance_new(p, plugin, source, NULL, name);
    rc = bf_instance_make(i, options_json, "", NULL, err);
    if (!rc)
        rc = bf_routes_add(i, source->routes, err);
    if (rc) {
        bf_instance_unref(i);
        return rc;
    }
    i->next = p->sources;
    p->sources = i;
    return BF_OK;
}

static const char *required_option(const struct bf_source *s)
{
    for (const struct bf_option *o = s->options; o && o->name; o++)
        if (o->flags & BF_REQUIRED)
            return o->name;
    return NULL;
}

static int make_default(struct bf_plugins *p, const struct bf_source *s, struct bf_error *err)
{
    const char *option = required_option(s);

    if (!option)
        return bf_plugins_make_source(p, s->name, s->name, NULL, err);
    bf_infof(p->rooms.log, "plugin", "source %s is not used: it needs options, such as %s, in the"
             " setting sources", s->name, option);
    return BF_OK;
}

static void add_raw(struct bf_buf *b, const struct bf_json *j)
{
    size_t len;
    const char *text = bf_json_raw(j, &len);

    bf_buf_add(b, text, len);
}

/* What is given for one source, without its kind. */
static int make_given(struct bf_plugins *p, struct bf_arena *a, const char *name,
                      const struct bf_json *given, struct bf_error *err)
{
    const struct bf_json *kind = bf_json_get(given, "source");
    struct bf_error why;
    struct bf_buf b;
    int n = 0, rc;

    bf_buf_init(&b, OPTIONS_BYTES_MAX);
    bf_buf_addc(&b, '{');
    for (const struct bf_json *k = bf_json_first(given); k; k = bf_json_next(given, k)) {
        if (k + 1 == kind)
            continue;
        bf_buf_adds(&b, n++ ? "," : "");
        add_raw(&b, k);
        bf_buf_addc(&b, ':');
        add_raw(&b, k + 1);
    }
    bf_buf_addc(&b, '}');
    rc = b.failed ? bf_error_set(&why, BF_ETOOBIG, "its options are too large")
                  : bf_plugins_make_source(p, kind ? bf_json_str(a, kind) : name, name,
                                           bf_buf_text(&b), &why);
    bf_buf_fini(&b);
    return rc ? bf_error_field(err, rc, "sources", "source %s: %s", name, why.words) : BF_OK;
}

static int make_all_given(struct bf_plugins *p, struct bf_arena *a, const char *sources,
                          struct bf_error *err)
{
    const struct bf_json *all = bf_json_parse(a, sources, strlen(sources), err);
    int rc = all ? BF_OK : BF_ECONFIG;

    for (const struct bf_json *k = bf_json_first(all); !rc && k; k = bf_json_next(all, k))
        rc = make_given(p, a, bf_json_str(a, k), k + 1, err);
    return rc;
}

int bf_plugins_make_sources(struct bf_plugins *p, const char *sources, struct bf_error *err)
{
    struct bf_arena *a = bf_arena_new(2 * OPTIONS_BYTES_MAX);
    int rc = sources && *sources ? make_all_given(p, a, sources, err) : BF_OK;

    bf_arena_free(a);
    for (size_t k = 0; k < p->n_loaded; k++) {
        const struct bf_source *const *s = p->loaded[k]->plugin.sources;

        for (; *s && !rc; s++)
            if (!has_source(p, *s))
                rc = make_default(p, *s, err);
    }
    return rc;
}


/* --- start and stop ----------------------------------------------------------------------- */

/* start() or stop() of one source, run on the loop while main waits. */
struct turn {
    struct bf_task task;
    struct bf_instance *instance;
    bool starting;
    int rc;
    struct bf_error why;
    sem_t done;
};

static void take_turn(struct bf_task *task)
{
    struct turn *t = bf_container_of(task, struct turn, task);
    struct bf_instance *i = t->instance;
    struct bf_call c;

    bf_call_enter(&c, i, BF_AT_LOOP, NULL, &t->why);
    if (t->starting)
        t->rc = i->source->start ? i->source->start(&i->ctx, i->self) : BF_OK;
    else if (i->source->stop)
        i->source->stop(&i->ctx, i->self);
    bf_call_leave(&c);
    if (!t->starting) {
        bf_timings_end(i->plugins, i);
        bf_watches_end(i);
    }
    sem_post(&t->done);
}

/* A turn that does not come back within wait_ms stays: it is the loop's then. */
static int on_loop(struct bf_instance *i, bool starting, int64_t wait_ms, struct bf_error *err)
{
    struct turn *t = bf_new(struct turn);
    int rc;

    t->task.fn = take_turn;
    t->instance = i;
    t->starting = starting;
    sem_init(&t->done, 0, 0);
    rc = bf_loop_post(i->plugins->rooms.loop, &t->task);
    if (!rc && !bf_sem_wait_within(&t->done, wait_ms))
        return bf_error_set(err, BF_ETIMEDOUT, "%s does not come back from %s()", i->tag,
                            starting ? "start" : "stop");
    if (!rc)
        rc = t->rc;
    if (rc)
        bf_error_set(err, rc, "%s cannot start: %s", i->tag,
                     t->why.words[0] ? t->why.words : bf_strerror(rc));
    sem_destroy(&t->done);
    free(t);
    return rc;
}

static void *run_source(void *arg)
{
    struct bf_instance *i = arg;
    int64_t pause_ms = RUN_PAUSE_MS;
    char name[16];

    snprintf(name, sizeof(name), "bf-%.12s", i->name);
    prctl(PR_SET_NAME, name);
    while (!atomic_load(&i->stopping)) {
        struct bf_error why;
        struct bf_call c;
        int rc;

        bf_call_enter(&c, i, BF_AT_OWN, NULL, &why);
        rc = i->source->run(&i->ctx, i->self);
        bf_call_leave(&c);
        if (atomic_load(&i->stopping))
            break;
        bf_warnf(i->plugins->rooms.log, i->tag, "run() ended: %s; again in %lld s",
                 why.words[0] ? why.words : bf_strerror(rc), (long long)pause_ms / 1000);
        bf_host_sleep(&i->ctx, pause_ms);
        pause_ms = bf_min64(2 * pause_ms, RUN_PAUSE_MAX_MS);
    }
    return NULL;
}

static int start_one(struct bf_instance *i, struct bf_error *err)
{
    int rc = on_loop(i, true, START_MS, err);

    if (rc)
        return rc;
    i->started = true;
    if (!i->source->run)
        return BF_OK;
    if (pthread_create(&i->thread, NULL, run_source, i) != 0)
        return bf_error_set(err, BF_ENOMEM, "%s: cannot make its thread", i->tag);
    i->has_thread = true;
    return BF_OK;
}

int bf_plugins_start(struct bf_plugins *p, struct bf_error *err)
{
    int rc = BF_OK;

    for (struct bf_instance *i = p->sources; i && !rc; i = i->next)
        rc = start_one(i, err);
    return rc;
}

/* False if its run() or stop() does not come back by then. */
static bool stop_one(struct bf_instance *i, int64_t until_mono)
{
    const struct bf_clock *clock = bf_clock_system();
    int64_t left = bf_max64(until_mono - bf_mono_ms(clock), STOP_LEAST_MS);
    struct bf_error err;

    if (i->has_thread && !bf_thread_join_within(i->thread, left)) {
        bf_warnf(i->plugins->rooms.log, i->tag, "does not come back from run(); it is left behind");
        return false;
    }
    i->has_thread = false;
    left = bf_max64(until_mono - bf_mono_ms(clock), STOP_LEAST_MS);
    if (i->started && on_loop(i, false, left, &err) == BF_ETIMEDOUT) {
        bf_warnf(i->plugins->rooms.log, i->tag, "%s; it is left behind", err.words);
        return false;
    }
    i->started = false;
    return true;
}

bool bf_plugins_stop(struct bf_plugins *p, int64_t wait_ms)
{
    int64_t until = bf_mono_ms(bf_clock_system()) + wait_ms;
    bool all = true;

    for (struct bf_instance *i = p->sources; i; i = i->next)
        bf_instance_stop(i);
    for (struct bf_instance *i = p->sources; i; i = i->next)
        if (!stop_one(i, until))
            all = false;
    return all;
}

static void drop_integrations(struct bf_plugins *p)
{
    const char *id;
    void *instance;
    size_t at = 0;

    while (bf_map_each(p->integrations, &at, &id, &instance))
        bf_instance_unref(instance);
    bf_map_free(p->integrations);
}

void bf_plugins_end(struct bf_plugins *p)
{
    const char *id;
    void *instance;

    if (!p)
        return;
    for (size_t at = 0; bf_map_each(p->integrations, &at, &id, &instance);)
        bf_instance_end(instance);
    for (struct bf_instance *i = p->sources; i; i = i->next)
        bf_instance_end(i);
    bf_later_end(p);
}

void bf_plugins_free(struct bf_plugins *p)
{
    if (!p)
        return;
    bf_plugins_end(p);
    bf_timings_end(p, NULL);
    bf_watches_free(p->watches);
    for (size_t i = 0; i < BF_ACTIONS_CACHED; i++)
        bf_filled_unref(p->actions[i]);
    drop_integrations(p);
    while (p->sources) {
        struct bf_instance *i = p->sources;

        p->sources = i->next;
        bf_instance_unref(i);
    }
    bf_readers_free(p);
    for (size_t i = 0; i < p->n_loaded; i++)
        bf_loaded_free(p->loaded[i]);
    free(p->actions);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
