/* instance.c - a source, or an integration of a sink, with its options; and the actions that are
 * sent through one.
 *
 * CONCEPT.  Options are parsed and templates compiled once, not per attempt: an instance lives
 * until its integration changes, a filled action until its automation or integration does.  Both
 * are counted, so an attempt that is under way goes on with what it began with.
 *
 * OPERATION.  An integration's instance is made when it is first needed.  Filled actions stand in
 * a table of fixed size, each in the one place that its numbers lead to; a newcomer replaces
 * whoever was there. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/plugin/inner.h"

#define INSTANCE_BYTES_MAX (4u * 1024 * 1024)   /* options and compiled templates */
#define ACTION_BYTES_MAX   (4u * 1024 * 1024)
#define ACTION_CACHE_BYTES (32u * 1024 * 1024)     /* of all filled actions that are kept */

static const struct bf_option *table_of(const struct bf_instance *i)
{
    return i->sink ? i->sink->integration : i->source->options;
}

static size_t options_size(const struct bf_instance *i)
{
    return i->sink ? i->sink->integration_size : i->source->options_size;
}

struct bf_instance *bf_instance_new(struct bf_plugins *p, const struct bf_plugin *plugin,
                                    const struct bf_source *source, const struct bf_sink *sink,
                                    const char *name)
{
    struct bf_instance *i = bf_new(struct bf_instance);

    i->ctx.host = &bf_plugin_host;
    atomic_init(&i->refs, 1);
    atomic_init(&i->stopping, false);
    i->plugins = p;
    i->plugin = plugin;
    i->source = source;
    i->sink = sink;
    i->stop_fd = -1;
    pthread_mutex_init(&i->lock, NULL);
    i->arena = bf_arena_new(INSTANCE_BYTES_MAX);
    bf_arena_set_host(i->arena, &bf_plugin_host);
    i->name = bf_arena_dup(i->arena, name);
    i->tag = bf_arena_printf(i->arena, "%s/%s", sink ? "sink" : "source", name);
    return i;
}

struct bf_instance *bf_instance_ref(struct bf_instance *i)
{
    atomic_fetch_add_explicit(&i->refs, 1, memory_order_relaxed);
    return i;
}

static void destroy(struct bf_instance *i)
{
    void (*fn)(void *) = i->sink ? i->sink->destroy : i->source->destroy;
    struct bf_call c;

    if (!i->created)
        return;
    i->created = false;
    if (!fn)
        return;
    bf_call_enter(&c, i, BF_AT_MAIN, NULL, NULL);
    fn(i->self);
    bf_call_leave(&c);
}

void bf_instance_end(struct bf_instance *i)
{
    bf_orphans_end(i);
    destroy(i);
}

void bf_instance_unref(struct bf_instance *i)
{
    if (!i || atomic_fetch_sub_explicit(&i->refs, 1, memory_order_acq_rel) != 1)
        return;
    bf_instance_end(i);
    bf_strays_free(i);
    bf_remembered_free(i);
    if (i->stop_fd >= 0)
        close(i->stop_fd);
    pthread_mutex_destroy(&i->lock);
    bf_arena_free(i->arena);
    free(i);
}


/* --- templates -------------------------------------------------------------------- */

const struct bf_standin *bf_namespace_secret(const struct bf_namespace *n, const char *name)
{
    const struct bf_standin *s = bf_standins_named(&n->instance->standins, name);

    return s || !n->action ? s : bf_standins_named(&n->action->granted, name);
}

static bool name_granted(void *arg, const char *name) { return bf_namespace_secret(arg, name); }

static bool name_known(void *arg, const char *name)
{
    return bf_var_known(name) || name_granted(arg, name);
}

struct bf_template_names bf_namespace_names(struct bf_namespace *n)
{
    return (struct bf_template_names){.known = name_known,
                                      .bare = name_granted,
                                      .list = n->action ? n->action->names : n->instance->names,
                                      .arg = n};
}

/* The names of secrets put before a list, for the words of an error. */
static const char *list_names(struct bf_arena *a, const struct bf_standins *granted,
                              const char *list)
{
    for (size_t k = 0; k < granted->n; k++) {
        const struct bf_standin *s = &granted->items[k];

        if (strcmp(s->option, "access_token") == 0)
            list = bf_arena_printf(a, "ACCESS_TOKEN, %s", list);
        if (s->name && !s->sealed)
            list = bf_arena_printf(a, "%s, %s", s->name, list);
    }
    return list;
}

static size_t n_texts(const char *const *list)
{
    size_t n = 0;

    while (list && list[n])
        n++;
    return n;
}

/* How many templates an option holds, where they begin, and how far apart they are. */
static size_t texts_of(const struct bf_option *o, const void *in, const char *const **first,
                       size_t *step)
{
    const char *const *place = bf_option_place(o, in);

    *step = 1;
    *first = place;
    if (o->type == BF_T_JSON || (o->type == BF_T_STRING && (o->flags & BF_TEMPLATE)))
        return *place != NULL;
    if (!(o->flags & BF_TEMPLATE) || (o->type != BF_T_LIST && o->type != BF_T_MAP))
        return 0;
    memcpy(first, place, sizeof(*first));
    if (!*first)
        return 0;
    if (o->type == BF_T_LIST)
        return n_texts(*first);
    *step = 2;
    return n_texts((*first)++) / 2;
}

static int compile_one(struct bf_namespace *n, struct bf_arena *a, const struct bf_option *o,
                       const char *text, struct bf_compiled *out, struct bf_error *err)
{
    struct bf_template_names names = bf_namespace_names(n);
    char field[128];
    int rc;

    out->option = o;
    out->text = text;
    rc = o->type == BF_T_JSON
             ? bf_template_compile_json(a, text, strlen(text), &names, &out->tmpl, err)
             : bf_template_compile_text(a, text, &names, &out->tmpl, err);
    if (rc) {
        snprintf(field, sizeof(field), "config.%s", o->name);
        bf_error_within(err, field);
    }
    return rc;
}

/* Every template that a filled struct holds. */
static int compile_all(struct bf_namespace names, struct bf_arena *a,
                       const struct bf_option *table, const void *filled,
                       struct bf_compiled_set *out, struct bf_error *err)
{
    const char *const *first;
    size_t n = 0, step;

    for (const struct bf_option *o = table; o && o->name; o++)
        n += texts_of(o, filled, &first, &step);
    *out = (struct bf_compiled_set){.items = bf_arena_alloc(a, (n + 1) * sizeof(*out->items))};
    if (!out->items)
        return bf_error_set(err, BF_ETOOBIG, "the options are too large");
    for (const struct bf_option *o = table; o && o->name; o++) {
        size_t count = texts_of(o, filled, &first, &step);

        for (size_t k = 0; k < count; k++) {
            int rc = compile_one(&names, a, o, first[k * step], &out->items[out->n], err);

            if (rc)
                return rc;
            out->n++;
        }
    }
    return BF_OK;
}


/* --- making ------------------------------------------------------------------------ */

static int create(struct bf_instance *i, struct bf_warnings *warnings, struct bf_error *err)
{
    int (*fn)(struct bf_ctx *, const void *, void **) =
        i->sink ? i->sink->create : i->source->create;
    struct bf_error why;
    struct bf_call c;
    int rc;

    i->self = i->options;
    if (!fn)
        return BF_OK;
    i->self = NULL;
    bf_call_enter(&c, i, BF_AT_MAIN, NULL, &why);
    c.warnings = warnings;
    rc = fn(&i->ctx, i->options, &i->self);
    bf_call_leave(&c);
    i->created = rc == BF_OK;
    if (!rc)
        return BF_OK;
    return bf_error_field(err, rc < 0 ? rc : BF_EINVAL, why.field[0] ? why.field : "config", "%s",
                          why.words[0] ? why.words : bf_strerror(rc));
}

int bf_instance_make(struct bf_instance *i, const char *config, const char *granted,
                     struct bf_warnings *warnings, struct bf_error *err)
{
    const struct bf_option *table = table_of(i);
    const struct bf_json *object;
    int rc = bf_config_parse(i->arena, config ? bf_arena_dup(i->arena, config) : NULL, &object,
                             err);

    if (rc)
        return rc;
    i->options = bf_arena_alloc(i->arena, options_size(i) + 1);
    if (!i->options)
        return bf_error_set(err, BF_ETOOBIG, "the options of %s are too large", i->tag);
    rc = bf_options_fill(table, i->options, object, i->arena, err);
    if (!rc)
        rc = bf_standins_make(table, object, i->entity, granted, i->options, i->arena,
                              &i->standins, err);
    if (!rc)
        bf_standins_give(&i->standins, i->given);
    i->names = list_names(i->arena, &i->standins, bf_var_names());
    if (!rc)
        rc = compile_all((struct bf_namespace){i, NULL}, i->arena, table, i->options,
                         &i->compiled, err);
    return rc ? rc : create(i, warnings, err);
}

int bf_instance_trial(struct bf_plugins *p, const struct bf_integration *integration,
                      const struct bf_given *given, struct bf_warnings *warnings, struct bf_instance **out,
                      struct bf_error *err)
{
    const struct bf_plugin *plugin;
    const struct bf_sink *sink = bf_plugins_sink(p, integration->sink, &plugin);
    struct bf_instance *i;
    int rc;

    if (!sink)
        return bf_error_field(err, BF_ECONFIG, "sink", "there is no sink \"%s\" in this hub; name "
                              "its plugin in the setting plugins", integration->sink);
    i = bf_instance_new(p, plugin, NULL, sink, integration->name ? integration->name : "");
    i->entity = bf_arena_dup(i->arena, integration->entity);
    i->revision = integration->revision;
    i->disabled = integration->disabled;
    i->given = given;
    rc = bf_instance_make(i, integration->config, integration->secrets ? integration->secrets : "",
                          warnings, err);
    if (rc) {
        bf_instance_unref(i);
        return rc;
    }
    *out = i;
    return BF_OK;
}


/* --- integrations -------------------------------------------------------------------- */

static struct bf_instance *known(struct bf_plugins *p, const char *id, uint64_t *changes)
{
    struct bf_instance *i;

    pthread_mutex_lock(&p->lock);
    i = bf_map_get(p->integrations, id);
    if (i)
        bf_instance_ref(i);
    *changes = p->changes;
    pthread_mutex_unlock(&p->lock);
    return i;
}

/* Keep a new instance, unless something changed while it was made: then it serves once. */
static struct bf_instance *keep(struct bf_plugins *p, const char *id, struct bf_instance *made,
                                uint64_t changes)
{
    struct bf_instance *first;

    pthread_mutex_lock(&p->lock);
    first = bf_map_get(p->integrations, id);
    if (first)
        bf_instance_ref(first);
    else if (changes == p->changes)
        bf_map_set(p->integrations, id, bf_instance_ref(made));
    pthread_mutex_unlock(&p->lock);
    if (!first)
        return made;
    bf_instance_unref(made);
    return first;
}

int bf_instance_of(struct bf_plugins *p, const char *integration, struct bf_instance **out,
                   struct bf_error *err)
{
    struct bf_integration *from;
    uint64_t changes;
    int rc;

    *out = known(p, integration, &changes);
    if (*out)
        return BF_OK;
    from = bf_team_integration(p->rooms.team, integration);
    if (!from)
        return bf_error_set(err, BF_ENOENT, "integration %s does not exist any more; choose "
                            "another in the automation's action", integration);
    rc = bf_instance_trial(p, from, NULL, NULL, out, err);
    bf_integration_unref(from);
    if (!rc)
        *out = keep(p, integration, *out, changes);
    return rc;
}

void bf_plugins_integration_changed(struct bf_plugins *p, const char *id)
{
    struct bf_instance *old;

    pthread_mutex_lock(&p->lock);
    old = bf_map_remove(p->integrations, id);
    p->changes++;
    pthread_mutex_unlock(&p->lock);
    bf_instance_unref(old);
}


/* --- actions -------------------------------------------------------------------------- */

struct bf_filled *bf_filled_ref(struct bf_filled *f)
{
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void bf_filled_unref(struct bf_filled *f)
{
    if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    bf_arena_free(f->arena);
    free(f);
}

int bf_filled_new(struct bf_instance *i, const char *config, const char *granted,
                  struct bf_filled **out, struct bf_error *err)
{
    struct bf_filled *f = bf_new(struct bf_filled);
    const struct bf_json *object;
    int rc;

    atomic_init(&f->refs, 1);
    f->integration = i->revision;
    f->arena = bf_arena_new(ACTION_BYTES_MAX);
    rc = bf_config_parse(f->arena, config ? bf_arena_dup(f->arena, config) : NULL, &object, err);
    if (!rc) {
        f->options = bf_arena_alloc(f->arena, i->sink->action_size + 1);
        rc = f->options ? bf_options_fill(i->sink->action, f->options, object, f->arena, err)
                        : bf_error_set(err, BF_ETOOBIG, "the action's options are too large");
    }
    if (!rc)
        rc = bf_standins_make(NULL, NULL, i->entity, granted ? granted : "", NULL, f->arena,
                              &f->granted, err);
    f->names = list_names(f->arena, &f->granted, i->names);
    if (!rc)
        rc = compile_all((struct bf_namespace){i, f}, f->arena, i->sink->action, f->options,
                         &f->compiled, err);
    if (rc) {
        bf_filled_unref(f);
        return rc;
    }
    *out = f;
    return BF_OK;
}

static size_t place_of(uint64_t automation, uint32_t index)
{
    uint64_t mixed = (automation * BF_ACTIONS_MAX + index) * UINT64_C(0x9E3779B97F4A7C15);

    return (size_t)(mixed >> 40) & (BF_ACTIONS_CACHED - 1);
}

static struct bf_filled *cached(struct bf_instance *i, uint64_t automation, uint32_t index)
{
    struct bf_plugins *p = i->plugins;
    struct bf_filled *f;

    pthread_mutex_lock(&p->lock);
    f = p->actions[place_of(automation, index)];
    if (f && f->automation == automation && f->index == index && f->integration == i->revision)
        bf_filled_ref(f);
    else
        f = NULL;
    pthread_mutex_unlock(&p->lock);
    return f;
}

/* Bounded by bytes as well as by places: one that does not fit is made again for each attempt. */
static void cache(struct bf_plugins *p, struct bf_filled *f)
{
    struct bf_filled **place = &p->actions[place_of(f->automation, f->index)], *old;
    size_t bytes = bf_arena_used(f->arena);

    pthread_mutex_lock(&p->lock);
    old = *place;
    *place = NULL;
    if (old)
        p->action_bytes -= bf_arena_used(old->arena);
    if (p->action_bytes + bytes <= ACTION_CACHE_BYTES) {
        p->action_bytes += bytes;
        *place = bf_filled_ref(f);
    }
    pthread_mutex_unlock(&p->lock);
    bf_filled_unref(old);
}

int bf_filled_of(struct bf_instance *i, const struct bf_execution *e, struct bf_filled **out,
                 struct bf_error *err)
{
    const struct bf_automation *a = e->automation;
    const struct bf_action *action = &a->actions[e->action];
    struct bf_arena *text;
    int rc;

    *out = cached(i, a->revision, e->action);
    if (*out)
        return BF_OK;
    text = bf_arena_new(action->config_len + 4096);
    rc = bf_filled_new(i, action->config ? bf_arena_ndup(text, action->config, action->config_len)
                                         : NULL, action->secrets, out, err);
    bf_arena_free(text);
    if (rc)
        return rc;
    (*out)->automation = a->revision;
    (*out)->index = e->action;
    cache(i->plugins, *out);
    return BF_OK;
}
