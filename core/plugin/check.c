/* check.c - options as people give them, before anything is saved.
 *
 * An integration is checked by making an instance of it that nobody else sees, an action by trying
 * it on made-up events: what fails here would fail at every delivery.  A plugin sees stand-ins
 * only, and nothing is sent. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/plugin/host.h"
#include "core/rules/trigger.h"

#define TRY_BYTES_MAX (16u * 1024 * 1024)


/* --- integrations ---------------------------------------------------------------------- */

struct storing {
    struct bf_plugins *plugins;
    struct bf_arena *arena;
    const char *entity;
    const char *id;
    const struct bf_json *before;       /* the options saved so far, or NULL */
    bf_seal_fn *seal;
    void *arg;
    struct bf_error *err;
};

static int refuse(struct storing *s, const struct bf_option *o, const char *fmt, ...)
    BF_FORMAT(3, 4);
static int refuse(struct storing *s, const struct bf_option *o, const char *fmt, ...)
{
    char field[128], words[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof(words), fmt, ap);
    va_end(ap);
    snprintf(field, sizeof(field), "config.%s", o->name);
    return bf_error_field(s->err, BF_ECONFIG, field, "%s", words);
}

/* An address literal in a forbidden network is refused before anybody relies on it; names are
 * judged when they are connected to. */
static int check_address(struct storing *s, const struct bf_option *o, const char *value)
{
    struct bf_error why;

    if (strncasecmp(value, "http://", 7) != 0 && strncasecmp(value, "https://", 8) != 0)
        return BF_OK;
    if (!bf_guard_check_url(s->plugins->rooms.guard, value, &why))
        return BF_OK;
    return refuse(s, o, "%s", why.words);
}

static int seal_literal(struct storing *s, const struct bf_option *o, const char *value,
                        struct bf_tree *out)
{
    const char *name = bf_arena_printf(s->arena, "integration/%s/%s", s->id, o->name);
    int rc = check_address(s, o, value);

    if (rc)
        return rc;
    if (strlen(value) > BF_SECRET_MAX)
        return refuse(s, o, "%s has more than %d bytes", o->name, BF_SECRET_MAX);
    s->seal(s->arg, name, value);
    bf_tree_str(bf_tree_add_object(out, o->name), "sealed", name);
    return BF_OK;
}

/* {"set":true} is what REST shows of a literal: given back, it leaves the value as it is. */
static int keep_literal(struct storing *s, const struct bf_option *o, struct bf_tree *out)
{
    const char *name = bf_json_str(s->arena, bf_json_get(bf_json_get(s->before, o->name),
                                                         "sealed"));

    if (!name)
        return refuse(s, o, "%s is not set yet; give its value", o->name);
    bf_tree_str(bf_tree_add_object(out, o->name), "sealed", name);
    return BF_OK;
}

static int store_secret(struct storing *s, const struct bf_option *o, const struct bf_json *value,
                        struct bf_tree *out)
{
    const char *text = bf_json_str(s->arena, value);
    const char *literal = bf_json_str(s->arena, bf_json_get(value, "value"));

    if (text && bf_secret_name_ok(text)) {
        if (!bf_team_has_secret(s->plugins->rooms.team, s->entity, text))
            return refuse(s, o, "no secret \"%s\" in team %s; store it with PUT "
                          "/api/v1/teams/%s/secrets/%s", text, s->entity, s->entity, text);
        bf_tree_str(out, o->name, text);
        return BF_OK;
    }
    if (text || literal)
        return seal_literal(s, o, text ? text : literal, out);
    if (bf_json_is(bf_json_get(value, "set"), BF_JSON_TRUE))
        return keep_literal(s, o, out);
    return refuse(s, o, "%s must be the name of a secret, or {\"value\":\"...\"} with the secret "
                  "itself", o->name);
}

static int store_option(struct storing *s, const struct bf_option *o, const struct bf_json *value,
                        struct bf_tree *out)
{
    const char *text = bf_json_str(s->arena, value);
    size_t len;

    if (o->flags & BF_SECRET)
        return store_secret(s, o, value, out);
    if (text && check_address(s, o, text))
        return BF_ECONFIG;
    text = bf_json_raw(value, &len);
    bf_tree_raw(out, o->name, text, len);
    return BF_OK;
}

static int store_options(struct storing *s, const struct bf_option *table,
                         const struct bf_json *config, const char **stored)
{
    struct bf_tree *out = bf_tree_object();
    struct bf_buf b;
    int rc = BF_OK;

    for (const struct bf_option *o = table; !rc && o && o->name; o++) {
        const struct bf_json *value = bf_json_get(config, o->name);

        if (value && !bf_json_is(value, BF_JSON_NULL))
            rc = store_option(s, o, value, out);
    }
    bf_buf_init(&b, BF_CALL_ARENA_MAX);
    bf_tree_print(out, &b);
    *stored = bf_arena_dup(s->arena, bf_buf_text(&b));
    bf_buf_fini(&b);
    bf_tree_free(out);
    return rc;
}

static const struct bf_json *saved_options(struct bf_plugins *p, struct bf_arena *a,
                                           const char *id)
{
    struct bf_integration *i = bf_team_integration(p->rooms.team, id);
    const struct bf_json *out = NULL;

    if (i)
        bf_config_parse(a, bf_arena_dup(a, i->config), &out, NULL);
    bf_integration_unref(i);
    return out;
}

/* create() has its say as well; it does no I/O. */
static int try_instance(struct bf_plugins *p, const char *entity, const char *sink,
                        const char *config, struct bf_error *err)
{
    struct bf_integration trial = {
        .entity = entity, .sink = sink, .name = "check", .config = config};
    struct bf_instance *i;
    int rc = bf_instance_trial(p, &trial, &i, err);

    if (!rc)
        bf_instance_unref(i);
    return rc;
}

int bf_plugins_check_integration(struct bf_plugins *p, struct bf_arena *a, const char *entity,
                                 const char *integration_id, const char *sink,
                                 const char *config_json, const char **stored, bf_seal_fn *seal,
                                 void *arg, struct bf_error *err)
{
    struct storing s = {.plugins = p, .arena = a, .entity = entity, .id = integration_id,
                        .seal = seal, .arg = arg, .err = err};
    const struct bf_sink *kind = bf_plugins_sink(p, sink, NULL);
    const struct bf_json *config;
    void *filled;
    int rc;

    if (!kind)
        return bf_error_field(err, BF_ECONFIG, "sink", "there is no sink \"%.64s\"; this hub has "
                              "%s", sink, bf_plugins_sink_names(p, a));
    rc = bf_config_parse(a, config_json, &config, err);
    filled = bf_arena_alloc(a, kind->integration_size + 1);
    if (!rc && !filled)
        rc = bf_error_set(err, BF_ETOOBIG, "the options are too large");
    if (!rc)
        rc = bf_options_fill(kind->integration, filled, config, a, err);
    if (rc)
        return rc;
    s.before = saved_options(p, a, integration_id);
    rc = store_options(&s, kind->integration, config, stored);
    return rc ? rc : try_instance(p, entity, sink, *stored, err);
}

int bf_plugins_show_config(struct bf_plugins *p, struct bf_arena *a,
                           const struct bf_integration *integration, const char **json)
{
    struct bf_tree *out = bf_tree_object();
    const struct bf_json *config = NULL;
    struct bf_error err;
    struct bf_buf b;
    int rc = bf_config_parse(a, integration->config, &config, &err);

    (void)p;        /* what is sealed can be told without the plugin, which may be gone */
    for (const struct bf_json *k = bf_json_first(config); k; k = bf_json_next(config, k)) {
        const char *name = bf_json_str(a, k), *text;
        size_t len;

        if (bf_json_get(k + 1, "sealed")) {
            bf_tree_bool(bf_tree_add_object(out, name), "set", true);
            continue;
        }
        text = bf_json_raw(k + 1, &len);
        bf_tree_raw(out, name, text, len);
    }
    bf_buf_init(&b, BF_CALL_ARENA_MAX);
    bf_tree_print(out, &b);
    *json = bf_arena_dup(a, bf_buf_text(&b));
    bf_buf_fini(&b);
    bf_tree_free(out);
    return rc;
}


/* --- actions ------------------------------------------------------------------------------ */

/* A made-up event of the trigger's kind, with what such an event has. */
static int sample_event(const char *event_type, const char *entity, struct bf_envelope **out,
                        struct bf_error *err)
{
    const struct bf_trigger *t = bf_trigger_by_wire(event_type);
    const char *type = t ? t->event : event_type;
    struct bf_arena *a = bf_arena_new(TRY_BYTES_MAX);
    const char *what = "", *text;
    int rc;

    if (strstr(type, "alias"))
        what = ",\"alias\":\"production\"";
    else if (strstr(type, "tag"))
        what = ",\"tag\":\"reviewed\"";
    if (strncmp(type, "run.", 4) == 0)
        text = bf_arena_printf(a, "{\"type\":\"%s\",\"entity\":\"%s\",\"project\":\"sample\","
                               "\"author\":\"sample\",\"run\":{\"id\":\"sample\",\"name\":"
                               "\"sample-1\",\"state\":\"FINISHED\"}}", type, entity);
    else
        text = bf_arena_printf(a, "{\"type\":\"%s\",\"entity\":\"%s\",\"project\":\"sample\","
                               "\"collection\":\"sample\",\"author\":\"sample\"%s,\"artifact\":"
                               "{\"id\":\"c2FtcGxl\",\"version\":\"v1\",\"type\":\"model\","
                               "\"metadata\":{},\"aliases\":[],\"tags\":[]}}", type, entity, what);
    rc = bf_envelope_parse(a, text, strlen(text), BF_FROM_HUB, out, err);
    bf_arena_free(a);
    return rc;
}

static void render_all(struct bf_try *t, const struct bf_compiled_set *set)
{
    const struct bf_option *table = t->instance->sink->action;

    for (size_t i = 0; i < set->n && !t->error.code; i++) {
        bool json = false;

        for (const struct bf_option *o = table; o && o->name; o++)
            json |= o->type == BF_T_JSON &&
                    *(const char *const *)bf_option_place(o, t->filled->options) ==
                        set->items[i].text;
        if (json)
            bf_sink_render(&t->delivery, set->items[i].text);
        else
            bf_sink_expand(&t->delivery, set->items[i].text, BF_ESC_NONE);
    }
}

/* What the plugin's own functions say to it; a negative answer refuses. */
static int ask_plugin(struct bf_try *t, struct bf_error *why)
{
    const struct bf_sink *sink = t->instance->sink;
    struct bf_call c;
    int rc = BF_OK;

    bf_try_enter(t, &c, why);
    c.where = BF_AT_WORKER;
    if (sink->request) {
        struct bf_outbound *r = bf_outbound_new(t->instance, t->delivery.arena, t);

        rc = sink->request(t->instance->self, &t->delivery, bf_outbound_pub(r));
    }
    if (rc >= 0 && sink->check)
        rc = sink->check(t->instance->self, &t->delivery);
    bf_call_leave(&c);
    return rc < 0 ? rc : BF_OK;
}

static int try_action(struct bf_instance *i, struct bf_filled *f, const struct bf_envelope *event,
                      const char *trigger, struct bf_error *err)
{
    struct bf_arena *a = bf_arena_new(TRY_BYTES_MAX);
    struct bf_try *t = bf_arena_new_of(a, struct bf_try);
    struct bf_error why;
    int rc = BF_OK;

    bf_try_fill(t, i, f, a, event, trigger);
    t->vars.automation = "sample";
    t->vars.execution_id = "00000000000000000000000000";
    t->delivery.id = t->vars.execution_id;
    t->delivery.automation = "sample";
    t->delivery.deadline_ms = bf_wall_ms(i->plugins->rooms.clock) + 15000;
    render_all(t, &f->compiled);
    if (!t->error.code)
        rc = ask_plugin(t, &why);
    if (t->error.code)
        rc = bf_error_field(err, BF_ECONFIG, "config", "%s", t->error.words);
    else if (rc)
        rc = bf_error_field(err, BF_ECONFIG, why.field[0] ? why.field : "config", "%s",
                            why.words[0] ? why.words : bf_strerror(rc));
    bf_arena_free(a);
    return rc;
}

int bf_plugins_check_action(struct bf_plugins *p, struct bf_arena *a,
                            const struct bf_integration *integration, const char *event_type,
                            const char *config_json, struct bf_error *err)
{
    const struct bf_trigger *t = bf_trigger_by_wire(event_type);
    struct bf_envelope *event;
    struct bf_instance *i;
    struct bf_filled *f;
    int rc = bf_instance_trial(p, integration, &i, err);

    (void)a;
    if (rc)
        return rc;
    rc = bf_filled_new(i, config_json, &f, err);
    if (!rc) {
        rc = sample_event(event_type, integration->entity, &event, err);
        if (!rc) {
            rc = try_action(i, f, event, t ? t->wire : event_type, err);
            bf_envelope_unref(event);
        }
        bf_filled_unref(f);
    }
    bf_instance_unref(i);
    return rc;
}
