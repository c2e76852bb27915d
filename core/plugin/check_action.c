/* check_action.c - an action as people give it, before it is saved.
 *
 * It is tried on two events that are made up: an ordinary one of its automation's kind, and the
 * largest.  What fails with the ordinary one would fail at every delivery, and is refused.  What
 * fails with the largest alone may never happen: it is saved, and who saves it is told what would
 * become of such a delivery.  A plugin sees stand-ins only, and nothing is sent.
 *
 * A third look is at the templates: a secret in what people read, or that is not there any more, and
 * what could be rendered to more than any delivery may hold. */
#include <stdio.h>
#include <string.h>

#include "core/plugin/host.h"
#include "core/rules/trigger.h"

/* One action on one event. */
struct trying {
    struct bf_action_check *check;
    struct bf_instance *instance;
    struct bf_filled *filled;
    const char *trigger;        /* as events tell of it */
    bool is_large;
    bool is_warned_of_size;     /* by what its templates could be rendered to */
    struct bf_error *err;
};

/* Words about what only the largest event does. */
static void warn(const struct trying *g, const char *field, const char *what, const char *words)
{
    bf_warnings_add(g->check->warnings, field && *field ? field : "config",
                    "with long names and texts %s: %s", what, words);
}

/* Where to make it shorter. */
static const char *payload_field(const struct trying *g)
{
    return bf_payload_option(g->instance->sink) ? "config.payload" : "config";
}


/* --- trying ----------------------------------------------------------------------------- */

static bool is_json(const struct bf_try *t, const char *text)
{
    for (const struct bf_option *o = t->instance->sink->action; o && o->name; o++)
        if (o->type == BF_T_JSON &&
            *(const char *const *)bf_option_place(o, t->filled->options) == text)
            return true;
    return false;
}

static void render_all(struct bf_try *t, const struct bf_compiled_set *set)
{
    for (size_t i = 0; i < set->n && !t->error.code; i++) {
        if (is_json(t, set->items[i].text))
            bf_sink_render(&t->delivery, set->items[i].text);
        else
            bf_sink_expand(&t->delivery, set->items[i].text, BF_ESC_NONE);
    }
}

/* A body that the service would not take.  What a script makes of it may be shorter. */
static int check_size(const struct trying *g, const struct bf_outbound *r, struct bf_error *why)
{
    const char *when = g->check->is_transformed ? ", before its transform," : "";
    size_t max, len = bf_outbound_size(r, &max);

    if (len <= max)
        return BF_OK;
    if (g->is_large)
        bf_warnings_add(g->check->warnings, payload_field(g),
                        "with the longest names, texts of %d KiB, and metadata and data of %d KiB the"
                        " body%s has %zu bytes, and the service takes %zu; an execution that has more"
                        " fails, and says how many", BF_SAMPLE_TEXT / 1024, BF_SAMPLE_JSON / 1024,
                        when, len, max);
    else if (g->check->is_transformed)
        bf_warnings_add(g->check->warnings, payload_field(g),
                        "the body%s has %zu bytes even with short values, and the service takes %zu;"
                        " an execution that still has more fails, and says how many", when, len, max);
    else
        return bf_error_field(why, BF_ECONFIG, payload_field(g), "the body has %zu bytes even with"
                              " short values, and the service takes %zu; shorten it", len, max);
    return BF_OK;
}

/* A positive answer: it would be settled without sending anything. */
static int ask_request(const struct trying *g, struct bf_try *t, struct bf_error *why)
{
    const struct bf_sink *sink = g->instance->sink;
    struct bf_outbound *r = bf_outbound_new(g->instance, t->delivery.arena, t);
    int rc = r ? sink->request(g->instance->self, &t->delivery, bf_outbound_pub(r)) : BF_ENOMEM;
    const char *url = bf_outbound_url(r);

    if (rc || t->error.code)
        return rc;
    if (*url && !bf_check_web_address(url) && !bf_check_leading_standin(t, url))
        return bf_check_refuse_scheme(why, bf_check_option_of(sink->action, t->filled->options,
                                                              url));
    return check_size(g, r, why);
}

/* What the plugin's own functions say to it; a negative answer refuses.  Of a large event that would
 * not be sent, what check() says itself is enough. */
static int ask_plugin(const struct trying *g, struct bf_try *t, struct bf_error *why)
{
    const struct bf_sink *sink = g->instance->sink;
    const char *unsent = NULL;
    unsigned n_told;
    struct bf_call c;
    int rc = BF_OK;

    bf_try_enter(t, &c, why);
    c.where = BF_AT_WORKER;
    c.warnings = g->check->warnings;
    if (sink->request)
        rc = ask_request(g, t, why);
    if (rc > 0)
        unsent = t->verdict.words ? t->verdict.words : "";
    n_told = c.warnings->n;
    if (rc >= 0 && sink->check)
        rc = sink->check(g->instance->self, &t->delivery);
    bf_call_leave(&c);
    if (rc >= 0 && unsent && g->is_large && g->check->warnings->n == n_told)
        warn(g, NULL, "nothing would be sent", unsent);
    return rc < 0 ? rc : BF_OK;
}

/* 0, or the reason in *why. */
static int try_it(const struct trying *g, struct bf_try *t, struct bf_error *why)
{
    int rc = BF_OK;

    *why = (struct bf_error){0};
    render_all(t, &g->filled->compiled);
    if (!t->error.code)
        rc = ask_plugin(g, t, why);
    if (!t->error.code && (rc || bf_arena_ok(t->delivery.arena)))
        return rc;
    if (t->error.code)
        return bf_error_set(why, t->error.code, "%s", t->error.words);
    return bf_error_set(why, BF_ENOMEM, "what is to be sent takes more memory than an attempt may"
                        " have");
}

static int refuse(const struct trying *g, int rc, const struct bf_error *why)
{
    return bf_error_field(g->err, BF_ECONFIG, why->field[0] ? why->field : "config", "%s",
                          why->words[0] ? why->words : bf_strerror(rc));
}

static int make_event(const struct trying *g, struct bf_envelope **out)
{
    const struct bf_action_check *c = g->check;

    if (g->is_large)
        return bf_sample_large_event(c->event_type, c->integration->entity, &g->filled->compiled,
                                     out, g->err);
    return bf_sample_event(c->event_type, c->integration->entity, out, g->err);
}

static struct bf_try *new_try(const struct trying *g, struct bf_arena *a,
                              const struct bf_envelope *event)
{
    struct bf_try *t = bf_check_try(a, g->instance, g->filled, event, g->trigger);

    if (g->is_large)
        bf_sample_large_facts(g->trigger, a, &t->facts, &t->facts_len);
    else
        bf_sample_facts(g->trigger, &t->facts, &t->facts_len);
    t->vars.automation = g->check->automation;
    t->vars.automation_id = g->check->automation_id;
    t->delivery.automation = g->check->automation;
    return t;
}

static int try_on_event(struct trying *g, bool is_large)
{
    struct bf_envelope *event;
    struct bf_arena *a;
    struct bf_error why;
    int rc;

    g->is_large = is_large;
    rc = make_event(g, &event);
    if (rc)
        return rc;
    a = bf_arena_new(BF_TRY_BYTES_MAX);
    rc = try_it(g, new_try(g, a, event), &why);
    if (rc && is_large && !(g->is_warned_of_size && why.code == BF_ETOOBIG))
        warn(g, why.field, "this fails", why.words[0] ? why.words : bf_strerror(rc));
    else if (rc && !is_large)
        rc = refuse(g, rc, &why);
    bf_arena_free(a);
    bf_envelope_unref(event);
    return is_large ? BF_OK : rc;
}


/* --- templates -------------------------------------------------------------------------- */

/* What may be rendered too large, though the samples were not: by a template of the action. */
static void warn_of_size(struct bf_action_check *c, const struct bf_option *o, size_t worst)
{
    char field[128];

    snprintf(field, sizeof(field), "config.%s", o->name);
    bf_warnings_add(c->warnings, field, "with values of up to %d KiB in it this may have %zu bytes,"
                    " and %d are allowed; an execution that has more fails, and says how many",
                    BF_VAR_LARGE / 1024, worst, BF_RENDERED_MAX);
}

static size_t most_of(void *arg, const char *name, bool escaped)
{
    (void)arg;
    if (bf_var_known(name))
        return bf_var_most(name, escaped);
    return escaped ? 6 * BF_SECRET_MAX : BF_SECRET_MAX;
}

static void look_at_sizes(struct trying *g)
{
    for (const struct bf_option *o = g->instance->sink->action; o && o->name; o++) {
        size_t largest = 0;

        for (size_t k = 0; k < g->filled->compiled.n; k++) {
            const struct bf_compiled *t = &g->filled->compiled.items[k];
            size_t worst = t->option == o ? bf_template_worst(t->tmpl, most_of, NULL) : 0;

            largest = worst > largest ? worst : largest;
        }
        if (largest <= BF_RENDERED_MAX)
            continue;
        warn_of_size(g->check, o, largest);
        g->is_warned_of_size = true;
    }
}

static bool is_gone(const struct trying *g, const struct bf_standin *s)
{
    return s->name && !s->sealed &&
           !bf_team_has_secret(g->instance->plugins->rooms.team, s->entity, s->name);
}

/* A template, while its names are looked at. */
struct naming {
    const struct trying *g;
    const struct bf_option *option;
};

static void on_name(void *arg, const char *name)
{
    const struct naming *n = arg;
    struct bf_namespace names = {n->g->instance, n->g->filled};
    const struct bf_standin *s = bf_var_known(name) ? NULL : bf_namespace_secret(&names, name);
    char field[128];

    if (!s)
        return;
    snprintf(field, sizeof(field), "config.%s", n->option->name);
    if (n->option->flags & BF_SHOWN)
        bf_warnings_add(n->g->check->warnings, field, "${%s} is a secret, and whoever reads the message"
                        " will see it; take it out here, and send it where only a program reads it,"
                        " as in the payload of a webhook", name);
    if (is_gone(n->g, s))
        bf_warnings_add(n->g->check->warnings, field, "there is no secret \"%s\" in team %s any more, and"
                        " what needs it fails; store it with PUT /api/v1/teams/%s/secrets/%s",
                        s->name, s->entity, s->entity, s->name);
}

static void look_at_names(const struct trying *g)
{
    for (size_t k = 0; k < g->filled->compiled.n; k++) {
        const struct bf_compiled *t = &g->filled->compiled.items[k];
        struct naming n = {g, t->option};

        bf_template_each_name(t->tmpl, on_name, &n);
    }
}

/* Without those that are granted by name: whether one of these is needed, the templates say. */
static void look_at_integration(const struct trying *g)
{
    const struct bf_standins *all = &g->instance->standins;

    for (size_t i = 0; i < all->n; i++) {
        const struct bf_standin *s = &all->items[i];

        if (*s->option != '$' && is_gone(g, s))
            bf_warnings_add(g->check->warnings, "integration", "its option %s is the secret \"%s\" of"
                            " team %s, which is not there any more, and all deliveries fail; store it"
                            " with PUT /api/v1/teams/%s/secrets/%s", s->option, s->name, s->entity,
                            s->entity, s->name);
    }
}

/* A payload may hold what it likes, and everybody may read it. */
static void look_for_bare(const struct trying *g)
{
    for (const struct bf_option *o = g->instance->sink->action; o && o->name; o++) {
        bool is_text = o->type == BF_T_STRING || o->type == BF_T_JSON;
        const void *in = g->filled->options;
        const char *what = is_text ? bf_bare_token(*(const char **)bf_option_place(o, in)) : NULL;
        char field[128];

        snprintf(field, sizeof(field), "config.%s", o->name);
        if (what)
            bf_warnings_add(g->check->warnings, field, "%s holds %s; whoever may read the automation"
                            " sees it: keep it as a secret (belfry secrets set NAME), grant that with"
                            " \"secrets\":[\"NAME\"], and write ${NAME}", o->name, what);
    }
}


/* --- all of it -------------------------------------------------------------------------- */

static int check_filled(struct trying *g)
{
    int rc = try_on_event(g, false);

    if (rc)
        return rc;
    look_at_integration(g);
    look_at_names(g);
    look_for_bare(g);
    look_at_sizes(g);
    try_on_event(g, true);
    return BF_OK;
}

int bf_plugins_check_action(struct bf_plugins *p, struct bf_action_check *c, struct bf_error *err)
{
    const struct bf_trigger *t = bf_trigger_by_wire(c->event_type);
    struct trying g = {.check = c, .trigger = t ? t->rendered : c->event_type, .err = err};
    int rc = bf_check_secrets(p, c->integration->entity, c->secrets, err);

    if (!rc)
        rc = bf_instance_trial(p, c->integration, NULL, NULL, &g.instance, err);
    if (rc)
        return rc;
    rc = bf_filled_new(g.instance, c->config, c->secrets, &g.filled, err);
    if (!rc)
        rc = check_filled(&g);
    if (g.filled)
        bf_filled_unref(g.filled);
    bf_instance_unref(g.instance);
    return rc;
}
