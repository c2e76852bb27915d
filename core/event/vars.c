/* vars.c - the table of ${variables}, and where each finds its value in an event.
 *
 * A row says for which events a variable applies; for all others it is empty, even if the sender
 * sent more than its event is about: an artifact that comes along with collection.tag.add gives
 * no version variables.  Custom events have whatever they carry.  What a sender's own JSON holds,
 * an artifact's metadata and the event's data, are variables too. */
#include "core/event/vars.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/event/event_int.h"

#define METADATA "artifact_metadata."
#define DATA     "data"
#define URL_MAX  4096           /* the hub's own address, and three names with every byte as %XX */

/* The kinds of events. */
enum {
    OF_ARTIFACT = 1,
    OF_COLLECTION = 2,
    OF_RUN = 4,
    OF_CUSTOM = 8,
    OF_ALL = 15
};

#define NOT_RUN (OF_ARTIFACT | OF_COLLECTION | OF_CUSTOM)
#define VERSION (OF_ARTIFACT | OF_CUSTOM)
#define RUN     (OF_RUN | OF_CUSTOM)

/* Every V(name, kinds) has a function of its name below.  `blank` are those that only a condition
 * on a metric can fill, for which there is no trigger yet. */
#define VARIABLES(V, blank)                                                                        \
    V(project_name, OF_ALL)                                                                        \
    V(entity_name, OF_ALL)                                                                         \
    V(event_type, OF_ALL)                                                                          \
    V(event_author, OF_ALL)                                                                        \
    V(alias, VERSION)                                                                              \
    V(tag, NOT_RUN)                                                                                \
    V(artifact_collection_name, NOT_RUN)                                                           \
    V(artifact_version, VERSION)                                                                   \
    V(artifact_version_string, VERSION)                                                            \
    V(artifact_version_index, VERSION)                                                             \
    V(run_name, RUN)                                                                               \
    V(run_status, RUN)                                                                             \
    V(run_id, RUN)                                                                                 \
    V(run_url, RUN)                                                                                \
    V(metric_name, RUN)                                                                            \
    V(metric_values, RUN)                                                                          \
    V(metric_value, RUN)                                                                           \
    V(step, RUN)                                                                                   \
    V(alert_name, RUN)                                                                             \
    V(alert_level, RUN)                                                                            \
    V(message, RUN)                                                                                \
    V(event_id, OF_ALL)                                                                            \
    V(event_time, OF_ALL)                                                                          \
    V(execution_id, OF_ALL)                                                                        \
    V(automation_name, OF_ALL)                                                                     \
    V(automation_url, OF_ALL)                                                                      \
    blank(metric_filter, 0)                                                                        \
    blank(metric_filter_short, 0)                                                                  \
    blank(metric_current_status, 0)                                                                \
    blank(threshold, 0)                                                                            \
    blank(comparison_op, 0)

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
    return strncmp(e->type, "run.", 4) == 0 ? OF_RUN : OF_CUSTOM;
}

/* ---- the variables ---- */

static const char *var_project_name(const struct bf_vars *v) { return v->event->project; }
static const char *var_entity_name(const struct bf_vars *v) { return v->event->entity; }
static const char *var_event_id(const struct bf_vars *v) { return v->event->id; }
static const char *var_execution_id(const struct bf_vars *v) { return v->execution_id; }
static const char *var_automation_name(const struct bf_vars *v) { return v->automation; }

static const char *var_event_type(const struct bf_vars *v)
{
    return v->trigger ? v->trigger : v->event->type;
}

/* Of a run's event, who made the run. */
static const char *var_event_author(const struct bf_vars *v)
{
    const char *user = str(v, at(v, "run", "user"));

    if (*user && (kind(v->event) == OF_RUN || !v->event->author))
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

static const struct bf_json *first_metric(const struct bf_vars *v)
{
    return bf_json_first(bf_json_get(v->root, "metrics"));
}

static const char *var_metric_name(const struct bf_vars *v)
{
    return str(v, bf_json_get(first_metric(v), "name"));
}

static const char *var_metric_value(const struct bf_vars *v)
{
    return text_of(v, bf_json_get(first_metric(v), "value"));
}

static const char *var_step(const struct bf_vars *v)
{
    return text_of(v, bf_json_get(first_metric(v), "step"));
}

/* The values of the metric that ${metric_name} names. */
static const char *var_metric_values(const struct bf_vars *v)
{
    const struct bf_json *metrics = bf_json_get(v->root, "metrics");
    const char *name = var_metric_name(v), *values = "";
    struct bf_buf list;

    bf_buf_init(&list, BF_EVENT_MAX);
    for (const struct bf_json *m = bf_json_first(metrics); m; m = bf_json_next(metrics, m)) {
        if (!bf_json_eq(bf_json_get(m, "name"), name))
            continue;
        if (list.len)
            bf_buf_adds(&list, ", ");
        bf_buf_adds(&list, text_of(v, bf_json_get(m, "value")));
    }
    values = bf_arena_dup(v->arena, bf_buf_text(&list));
    bf_buf_fini(&list);
    return values;
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

/* ---- the table ---- */

#define ROW(name, kinds)       {#name, kinds, var_##name},
#define BLANK_ROW(name, kinds) {#name, kinds, NULL},
#define LISTED(name, kinds)    #name ", "

static const struct variable {
    const char *name;
    unsigned kinds;             /* of the events it applies to */
    const char *(*value)(const struct bf_vars *v);      /* NULL is as good as "" */
} variables[] = {VARIABLES(ROW, BLANK_ROW)};

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

const char *bf_var_names(void) { return VARIABLES(LISTED, LISTED) METADATA "KEY, data, data.PATH"; }

/* Of four names at most, each of whose bytes may have to be \u00XX.  What was JSON already grows by
 * its quotation marks alone. */
size_t bf_var_most(const char *name, bool escaped)
{
    const struct variable *var = find(name);

    if (!var || var->value == var_message || var->value == var_metric_values)
        return escaped ? 2 * BF_VAR_LARGE : BF_VAR_LARGE;
    return escaped ? 6 * 4 * BF_NAME_MAX : 4 * BF_NAME_MAX;
}

const char *bf_var_text(const struct bf_vars *v, const char *name)
{
    const struct bf_json *value;
    const struct variable *var;

    if (find_foreign(v, name, &value))
        return text_of(v, value);
    var = find(name);
    if (!var)
        return NULL;
    return var->kinds & kind(v->event) ? or_empty(var->value(v)) : "";
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

const char *bf_var_json(const struct bf_vars *v, const char *name)
{
    const struct bf_json *value;
    const char *text;
    size_t len;

    if (find_foreign(v, name, &value)) {
        text = value ? bf_json_raw(value, &len) : NULL;
        return text ? bf_arena_ndup(v->arena, text, len) : "null";
    }
    text = bf_var_text(v, name);
    return text ? quoted(v->arena, text) : NULL;
}
