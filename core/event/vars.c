/* vars.c - the table of ${variables}, and where each finds its value in an event.
 *
 * A row says for which events a variable applies; for all others it is empty, even if the sender
 * sent more than its event is about: an artifact that comes along with collection.tag.add gives
 * no version variables.  Custom events have whatever they carry.  What a sender's own JSON holds,
 * an artifact's metadata and the event's data, are variables too.
 *
 * What the rules measured goes before what the event says: a metric's event may carry many values,
 * its facts name the one that counted. */
#include "core/event/vars.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/event/event_int.h"

#define METADATA "artifact_metadata."
#define DATA     "data"
#define URL_MAX  4096           /* the hub's own address, and three names with every byte as %XX */

#define HUB     "belfry-system" /* the author of what the hub does by itself */

/* The kinds of events. */
enum {
    OF_ARTIFACT = 1,
    OF_COLLECTION = 2,
    OF_RUN = 4,
    OF_CUSTOM = 8,
    OF_CLOCK = 16,              /* a schedule's, or that something stayed away */
    OF_ALL = 31
};

#define NOT_RUN (OF_ARTIFACT | OF_COLLECTION | OF_CUSTOM | OF_CLOCK)
#define VERSION (OF_ARTIFACT | OF_CUSTOM)
#define RUN     (OF_RUN | OF_CUSTOM | OF_CLOCK)

/* Every text(name, kinds) has a function var_NAME below; every node(name, kinds) a json_NAME, of a
 * value that is no string; every made(name, kinds) both, for it is text in one way and JSON in
 * another. */
#define VARIABLES(text, node, made)                                                                \
    text(project_name, OF_ALL)                                                                     \
    text(entity_name, OF_ALL)                                                                      \
    text(event_type, OF_ALL)                                                                       \
    text(event_author, OF_ALL)                                                                     \
    text(alias, VERSION)                                                                           \
    text(tag, NOT_RUN)                                                                             \
    text(artifact_collection_name, NOT_RUN)                                                        \
    text(artifact_version, VERSION)                                                                \
    text(artifact_version_string, VERSION)                                                         \
    text(artifact_version_index, VERSION)                                                          \
    text(run_name, RUN)                                                                            \
    text(run_status, RUN)                                                                          \
    text(previous_run_status, RUN)                                                                 \
    text(run_id, RUN)                                                                              \
    text(run_url, RUN)                                                                             \
    text(metric_name, RUN)                                                                         \
    made(metric_values, RUN)                                                                       \
    node(metric_value, RUN)                                                                        \
    text(metric_filter, OF_RUN)                                                                    \
    text(metric_filter_short, OF_RUN)                                                              \
    text(metric_current_status, OF_RUN)                                                            \
    node(threshold, OF_RUN)                                                                        \
    text(comparison_op, OF_RUN)                                                                    \
    node(step, RUN)                                                                                \
    text(alert_name, RUN)                                                                          \
    text(alert_level, RUN)                                                                         \
    text(message, RUN)                                                                             \
    text(occurrence, OF_CLOCK)                                                                     \
    node(late, OF_CLOCK)                                                                           \
    node(missed, OF_CLOCK)                                                                         \
    text(absent_event, OF_CLOCK)                                                                   \
    text(absent_for, OF_CLOCK)                                                                     \
    text(last_seen, OF_CLOCK)                                                                      \
    text(event_id, OF_ALL)                                                                         \
    text(event_time, OF_ALL)                                                                       \
    text(execution_id, OF_ALL)                                                                     \
    text(automation_name, OF_ALL)                                                                  \
    text(automation_id, OF_ALL)                                                                    \
    text(automation_url, OF_ALL)                                                                   \
    made(firing_count, OF_ALL)                                                                     \
    made(firings, OF_ALL)

/* ---- the event, as JSON ---- */

static const struct bf_json *at(const struct bf_vars *v, const char *object, const char *member)
{
    return bf_json_get(bf_json_get(v->root, object), member);
}

static const char *str(const struct bf_vars *v, const struct bf_json *j)
{
    const char *text = bf_json_str(v->arena, j);

    return text ? text : "";
}

static const char *or_empty(const char *text) { return text ? text : ""; }

/* Any value as text on one line: a string's characters, else its JSON without white space. */
static const char *text_of(const struct bf_vars *v, const struct bf_json *j)
{
    const char *raw;
    char *out;
    size_t len, n = 0;
    bool inside = false;

    if (!j || bf_json_is(j, BF_JSON_STRING))
        return str(v, j);
    raw = bf_json_raw(j, &len);
    out = bf_arena_alloc(v->arena, len + 1);
    for (size_t i = 0; out && i < len; i++) {
        if (inside && raw[i] == '\\')
            out[n++] = raw[i++];
        else if (raw[i] == '"')
            inside = !inside;
        if (inside || !strchr(" \t\r\n", raw[i]))
            out[n++] = raw[i];
    }
    return or_empty(out);
}

static unsigned kind(const struct bf_envelope *e)
{
    if (strncmp(e->type, "artifact.", 9) == 0)
        return OF_ARTIFACT;
    if (strncmp(e->type, "collection.", 11) == 0)
        return OF_COLLECTION;
    if (strncmp(e->type, "schedule.", 9) == 0 || strncmp(e->type, "clock.", 6) == 0)
        return OF_CLOCK;
    return strncmp(e->type, "run.", 4) == 0 ? OF_RUN : OF_CUSTOM;
}

static const struct bf_json *fact(const struct bf_vars *v, const char *name)
{
    return bf_json_get(v->facts, name);
}

/* What the hub's clock tells stands in its event's data as well. */
static const struct bf_json *of_clock(const struct bf_vars *v, const char *name)
{
    const struct bf_json *value = fact(v, name);

    return value ? value : at(v, DATA, name);
}

/* A moment, given as text or in Unix ms. */
static const char *moment(const struct bf_vars *v, const struct bf_json *j)
{
    char text[32];
    int64_t ms;

    if (!bf_json_int(j, &ms))
        return str(v, j);
    bf_time_print(ms, text);
    return bf_arena_dup(v->arena, text);
}

/* ---- the variables ---- */

static const char *var_project_name(const struct bf_vars *v) { return v->event->project; }
static const char *var_entity_name(const struct bf_vars *v) { return v->event->entity; }
static const char *var_event_id(const struct bf_vars *v) { return v->event->id; }
static const char *var_execution_id(const struct bf_vars *v) { return v->execution_id; }
static const char *var_automation_name(const struct bf_vars *v) { return v->automation; }
static const char *var_automation_id(const struct bf_vars *v) { return v->automation_id; }

static const char *var_event_type(const struct bf_vars *v)
{
    return v->trigger ? v->trigger : v->event->type;
}

/* Of a run's event, who made the run; of what the hub does by itself, a crash or the time, the
 * hub. */
static const char *var_event_author(const struct bf_vars *v)
{
    const char *user = str(v, at(v, "run", "user"));
    unsigned of = kind(v->event);

    if (of == OF_CLOCK || (v->event->author && strcmp(v->event->author, HUB) == 0))
        return HUB;
    if (*user && (of == OF_RUN || !v->event->author))
        return user;
    return v->event->author;
}

static const char *var_alias(const struct bf_vars *v)
{
    const struct bf_envelope *e = v->event;
    bool about_it = kind(e) == OF_CUSTOM || strcmp(e->type, "artifact.alias.add") == 0;

    return about_it ? e->alias : NULL;
}

static const char *var_tag(const struct bf_vars *v)
{
    bool about_it = kind(v->event) == OF_CUSTOM || strstr(v->event->type, ".tag.");

    return about_it ? v->event->tag : NULL;
}

static const char *var_artifact_collection_name(const struct bf_vars *v)
{
    return v->event->collection;
}

static const char *var_artifact_version(const struct bf_vars *v)
{
    const char *id = str(v, at(v, "artifact", "id"));

    return *id ? bf_arena_printf(v->arena, "wandb-artifact://_id/%s", id) : "";
}

/* The alias where one was added, the number else. */
static const char *var_artifact_version_string(const struct bf_vars *v)
{
    const struct bf_envelope *e = v->event;
    const char *which = or_empty(var_alias(v));

    if (!*which)
        which = str(v, at(v, "artifact", "version"));
    if (!*which || !e->project || !e->collection)
        return "";
    return bf_arena_printf(v->arena, "%s/%s/%s:%s", e->entity, e->project, e->collection, which);
}

static const char *var_artifact_version_index(const struct bf_vars *v)
{
    const char *version = str(v, at(v, "artifact", "version"));

    return *version ? version + 1 : "";         /* "v7" */
}

static const char *var_run_id(const struct bf_vars *v) { return str(v, at(v, "run", "id")); }
static const char *var_run_status(const struct bf_vars *v) { return str(v, at(v, "run", "state")); }

static const char *var_run_name(const struct bf_vars *v)
{
    const char *name = str(v, at(v, "run", "name"));

    return *name ? name : var_run_id(v);
}

static const char *var_run_url(const struct bf_vars *v)
{
    const char *id = var_run_id(v), *text;
    struct bf_buf url;

    if (!*id || !v->event->project || !v->public_url)
        return "";
    bf_buf_init(&url, URL_MAX);
    bf_buf_printf(&url, "%s/", v->public_url);
    bf_buf_url_chars(&url, v->event->entity);
    bf_buf_addc(&url, '/');
    bf_buf_url_chars(&url, v->event->project);
    bf_buf_adds(&url, "/runs/");
    bf_buf_url_chars(&url, id);
    text = bf_arena_dup(v->arena, bf_buf_text(&url));
    bf_buf_fini(&url);
    return text;
}

static const char *var_automation_url(const struct bf_vars *v)
{
    if (!v->automation_id || !v->public_url)
        return "";
    return bf_arena_printf(v->arena, "%s/automations/%s", v->public_url, v->automation_id);
}

static const char *var_event_time(const struct bf_vars *v)
{
    const struct bf_envelope *e = v->event;
    char text[32];

    bf_time_print(e->time_ms ? e->time_ms : e->received_ms, text);
    return bf_arena_dup(v->arena, text);
}

/* ---- what was measured ---- */

static const char *var_previous_run_status(const struct bf_vars *v)
{
    return str(v, fact(v, "from"));
}

static const struct bf_json *first_metric(const struct bf_vars *v)
{
    return bf_json_first(bf_json_get(v->root, "metrics"));
}

static const char *var_metric_name(const struct bf_vars *v)
{
    const struct bf_json *measured = of_clock(v, "metric");

    return str(v, measured ? measured : bf_json_get(first_metric(v), "name"));
}

static const struct bf_json *json_metric_value(const struct bf_vars *v)
{
    const struct bf_json *values = fact(v, "values");

    return values ? bf_json_first(values) : bf_json_get(first_metric(v), "value");
}

static const struct bf_json *json_step(const struct bf_vars *v)
{
    return v->facts ? fact(v, "step") : bf_json_get(first_metric(v), "step");
}

static void add_value(struct bf_buf *list, const char *between, const char *value)
{
    if (list->len > 1 || (list->len && list->data[0] != '['))
        bf_buf_adds(list, between);
    bf_buf_adds(list, value);
}

static const char *raw(const struct bf_vars *v, const struct bf_json *j)
{
    size_t len;
    const char *text = j ? bf_json_raw(j, &len) : NULL;

    return text ? bf_arena_ndup(v->arena, text, len) : "null";
}

/* What was measured, or without facts the values of the metric that ${metric_name} names. */
static void list_values(const struct bf_vars *v, bool json, struct bf_buf *list)
{
    const struct bf_json *values = fact(v, "values");
    const struct bf_json *from = values ? values : bf_json_get(v->root, "metrics");
    const char *name = var_metric_name(v);

    for (const struct bf_json *m = bf_json_first(from); m; m = bf_json_next(from, m)) {
        const struct bf_json *value = values ? m : bf_json_get(m, "value");

        if (values || bf_json_eq(bf_json_get(m, "name"), name))
            add_value(list, json ? "," : ", ", json ? raw(v, value) : text_of(v, value));
    }
}

static const char *var_metric_values(const struct bf_vars *v)
{
    const char *values;
    struct bf_buf list;

    bf_buf_init(&list, BF_EVENT_MAX);
    list_values(v, false, &list);
    values = bf_arena_dup(v->arena, bf_buf_text(&list));
    bf_buf_fini(&list);
    return values;
}

static const char *json_metric_values(const struct bf_vars *v)
{
    const char *values;
    struct bf_buf list;

    bf_buf_init(&list, BF_EVENT_MAX);
    bf_buf_addc(&list, '[');
    list_values(v, true, &list);
    bf_buf_addc(&list, ']');
    values = bf_arena_dup(v->arena, bf_buf_text(&list));
    bf_buf_fini(&list);
    return values;
}

static const char *var_metric_filter(const struct bf_vars *v) { return str(v, fact(v, "filter")); }

static const char *var_metric_filter_short(const struct bf_vars *v)
{
    return str(v, fact(v, "short"));
}

/* The condition's, which is why there is a delivery at all. */
static const char *var_metric_current_status(const struct bf_vars *v)
{
    return fact(v, "metric") ? "matched" : "";
}

static const struct bf_json *json_threshold(const struct bf_vars *v)
{
    return fact(v, "threshold");
}

static const char *var_comparison_op(const struct bf_vars *v) { return str(v, fact(v, "op")); }

static const char *var_occurrence(const struct bf_vars *v)
{
    return moment(v, of_clock(v, "occurrence"));
}

static const struct bf_json *json_late(const struct bf_vars *v) { return of_clock(v, "late"); }
static const struct bf_json *json_missed(const struct bf_vars *v) { return of_clock(v, "missed"); }
static const char *var_absent_event(const struct bf_vars *v) { return str(v, of_clock(v, "of")); }
static const char *var_absent_for(const struct bf_vars *v) { return str(v, of_clock(v, "for")); }

static const char *var_last_seen(const struct bf_vars *v)
{
    return moment(v, of_clock(v, "last"));
}

static const char *var_alert_name(const struct bf_vars *v)
{
    return str(v, at(v, "alert", "title"));
}

static const char *var_alert_level(const struct bf_vars *v)
{
    return str(v, at(v, "alert", "level"));
}

static const char *var_message(const struct bf_vars *v) { return str(v, at(v, "alert", "text")); }

/* ---- several firings ---- */

static const char *var_firing_count(const struct bf_vars *v)
{
    return bf_arena_printf(v->arena, "%u", v->firing_count ? v->firing_count : 1);
}

static const char *json_firing_count(const struct bf_vars *v) { return var_firing_count(v); }

static const char *var_firings(const struct bf_vars *v)
{
    const char *text;
    struct bf_buf b;

    if (v->firings)
        return v->firings;
    bf_buf_init(&b, BF_VAR_FIRINGS);
    bf_buf_addc(&b, '[');
    bf_vars_firing(v, &b);
    bf_buf_addc(&b, ']');
    text = b.failed ? "[]" : bf_arena_dup(v->arena, b.data);
    bf_buf_fini(&b);
    return text;
}

static const char *json_firings(const struct bf_vars *v) { return var_firings(v); }

/* ---- the table ---- */

#define TEXT_ROW(name, kinds) {#name, kinds, .text = var_##name},
#define NODE_ROW(name, kinds) {#name, kinds, .node = json_##name},
#define MADE_ROW(name, kinds) {#name, kinds, .text = var_##name, .json = json_##name},
#define LISTED(name, kinds)   #name ", "

static const struct variable {
    const char *name;
    unsigned kinds;             /* of the events it applies to */
    const char *(*text)(const struct bf_vars *v);       /* NULL is as good as "" */
    const struct bf_json *(*node)(const struct bf_vars *v);     /* in place of it */
    const char *(*json)(const struct bf_vars *v);       /* NULL: a string, or what the node is */
} variables[] = {VARIABLES(TEXT_ROW, NODE_ROW, MADE_ROW)};

static const struct variable *find(const char *name)
{
    for (size_t i = 0; i < BF_COUNT(variables); i++) {
        if (strcmp(variables[i].name, name) == 0)
            return &variables[i];
    }
    return NULL;
}

/* The KEY of "artifact_metadata.KEY"; NULL if it is another name. */
static const char *metadata_key(const char *name)
{
    size_t len = strlen(METADATA);

    return strncmp(name, METADATA, len) == 0 && name[len] ? name + len : NULL;
}

static const struct bf_json *metadata(const struct bf_vars *v, const char *key)
{
    return kind(v->event) & VERSION ? bf_json_get(at(v, "artifact", "metadata"), key) : NULL;
}

/* The PATH of "data.PATH", "" of "data"; NULL if it is another name. */
static const char *data_path(const char *name)
{
    size_t len = strlen(DATA);

    if (strncmp(name, DATA, len) != 0)
        return NULL;
    if (name[len] == '\0')
        return name + len;
    return name[len] == '.' && name[len + 1] ? name + len + 1 : NULL;
}

/* The member of that name, or the element of that number. */
static const struct bf_json *step(const struct bf_vars *v, const struct bf_json *from,
                                  const char *name, size_t len)
{
    if (bf_json_is(from, BF_JSON_OBJECT))
        return bf_json_get(from, bf_arena_ndup(v->arena, name, len));
    if (len > 9 || strspn(name, "0123456789") != len)
        return NULL;
    return bf_json_at(from, bf_arena_printf(v->arena, "/%.*s", (int)len, name));
}

/* Where a path leads.  Names may hold dots themselves, so a longer one is tried where a shorter
 * one leads nowhere. */
static const struct bf_json *follow(const struct bf_vars *v, const struct bf_json *from,
                                    const char *path)
{
    const struct bf_json *found = NULL;
    size_t len = strcspn(path, ".");

    if (!from || *path == '\0')
        return from;
    while (!(found = follow(v, step(v, from, path, len), path + len + (path[len] == '.'))) &&
           path[len])
        len += 1 + strcspn(path + len + 1, ".");
    return found;
}

/* What a sender's own JSON holds under this name; false if it is another kind of name. */
static bool find_foreign(const struct bf_vars *v, const char *name, const struct bf_json **value)
{
    const char *key = metadata_key(name), *path = data_path(name);

    if (key)
        *value = metadata(v, key);
    else if (path)
        *value = follow(v, bf_json_get(v->root, DATA), path);
    return key || path;
}

bool bf_var_known(const char *name) { return metadata_key(name) || data_path(name) || find(name); }

const char *bf_var_names(void) { return VARIABLES(LISTED, LISTED, LISTED) METADATA "KEY, data, data.PATH"; }

/* Of four names at most, each of whose bytes may have to be \u00XX.  What was JSON already grows by
 * its quotation marks alone. */
size_t bf_var_most(const char *name, bool escaped)
{
    const struct variable *var = find(name);

    if (var && var->text == var_firings)
        return escaped ? 2 * BF_VAR_FIRINGS : BF_VAR_FIRINGS;
    if (!var || var->text == var_message || var->text == var_metric_values)
        return escaped ? 2 * BF_VAR_LARGE : BF_VAR_LARGE;
    return escaped ? 6 * 4 * BF_NAME_MAX : 4 * BF_NAME_MAX;
}

static const char *text_value(const struct bf_vars *v, const struct variable *var)
{
    if (!(var->kinds & kind(v->event)))
        return "";
    return var->node ? text_of(v, var->node(v)) : or_empty(var->text(v));
}

const char *bf_var_text(const struct bf_vars *v, const char *name)
{
    const struct bf_json *value;
    const struct variable *var;

    if (find_foreign(v, name, &value))
        return text_of(v, value);
    var = find(name);
    return var ? text_value(v, var) : NULL;
}

static const char *quoted(struct bf_arena *a, const char *text)
{
    struct bf_buf b;
    const char *json;

    bf_buf_init(&b, 6 * BF_EVENT_MAX);          /* at worst all of it is \u00XX */
    bf_buf_json(&b, text);
    json = bf_arena_dup(a, bf_buf_text(&b));
    bf_buf_fini(&b);
    return json;
}

static const char *json_value(const struct bf_vars *v, const struct variable *var)
{
    bool applies = var->kinds & kind(v->event);

    if (var->node)
        return applies ? raw(v, var->node(v)) : "null";
    if (var->json)
        return applies ? var->json(v) : "null";
    return quoted(v->arena, text_value(v, var));
}

const char *bf_var_json(const struct bf_vars *v, const char *name)
{
    const struct bf_json *value;
    const struct variable *var;

    if (find_foreign(v, name, &value))
        return raw(v, value);
    var = find(name);
    return var ? json_value(v, var) : NULL;
}

/* What is worth telling of each of many: what tells one from another. */
void bf_vars_firing(const struct bf_vars *v, struct bf_buf *out)
{
    static const char *const names[] = {
        "event_id",    "event_time",    "event_type",    "event_author", "project_name",
        "artifact_collection_name",     "artifact_version_string",       "alias",
        "tag",         "run_id",        "run_name",      "run_status",   "metric_name",
        "metric_values", "metric_filter_short", "step",  "alert_name",   "occurrence",
        "absent_event", "last_seen",
    };
    bool any = false;

    bf_buf_addc(out, '{');
    for (size_t i = 0; i < BF_COUNT(names); i++) {
        if (!*bf_var_text(v, names[i]))
            continue;
        bf_buf_printf(out, "%s\"%s\":%s", any ? "," : "", names[i], bf_var_json(v, names[i]));
        any = true;
    }
    bf_buf_addc(out, '}');
}
