/* settings.c - the table of settings, and how it is filled. */
#include "core/settings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/closest.h"
#include "core/base/crypto.h"
#include "core/base/json.h"
#include "core/script/config.h"
#include "core/script/scripts.h"

#define THREADS_MAX 64
#define DAYS_MAX    36500
#define SOURCES_MAX     64
#define SOURCE_NAME_MAX 64
#define SOURCES_BYTES_MAX (1024 * 1024)         /* read as JSON */

struct setting {
    const char *name;
    size_t at;
    const char *def;
    const char *choices;        /* "a|b", or NULL for anything */
    const char *help;
    bool live;                  /* a reload changes it; see reload.c */
    bool secret;                /* is not shown */
    bool named;                 /* is a JSON object; a table with names in the file */
};

static const struct setting table[] = {
    {"data", offsetof(struct bf_settings, data), "belfry-data", NULL,
     "directory for the database, the master key and spooled uploads; made if it is not there"},
    {"listen", offsetof(struct bf_settings, listen), "127.0.0.1:8320", NULL,
     "address and port to serve on; port 0 takes a free one"},
    {"public_url", offsetof(struct bf_settings, public_url), NULL, NULL,
     "what links, redirects and upload addresses begin with (default: http:// and the address)"},
    {"allow_addresses", offsetof(struct bf_settings, allow_addresses), "", NULL,
     "networks that deliveries may go to besides the public internet, \"127.0.0.0/8 10.1.0.0/16\"",
     .live = true},
    {"ca_file", offsetof(struct bf_settings, ca_file), NULL, NULL,
     "PEM file of the certificate authorities to believe, instead of the system's"},
    {"plugins", offsetof(struct bf_settings, plugins), "*", NULL,
     "plugins to load, by name; * is every one that is in plugin_dir"},
    {"plugin_dir", offsetof(struct bf_settings, plugin_dir), BF_PLUGIN_DIR, NULL,
     "directory that holds NAME.so of each plugin; nobody else may write to it"},
    {"sources", offsetof(struct bf_settings, sources), NULL, NULL,
     "options of sources, by a name for each: { NAME = { source = \"KIND\", OPTION = VALUE } }, or"
     " the same as JSON", .secret = true, .named = true},
    {"admin_key", offsetof(struct bf_settings, admin_key), NULL, NULL,
     "a key of the first admin, added if it is not there (default: a new hub makes and shows one)",
     .secret = true},
    {"metrics_token", offsetof(struct bf_settings, metrics_token), NULL, NULL,
     "who shows it as a bearer token may read /metrics, which is an admin's of the hub otherwise",
     .secret = true},
    {"log_level", offsetof(struct bf_settings, log_level), "info", "error|warn|info|debug",
     "how much is logged to standard error", .live = true},
    {"threads", offsetof(struct bf_settings, threads), "0", NULL,
     "threads that answer requests; 0 means one per core, at most 4"},
    {"retention_days", offsetof(struct bf_settings, retention_days), "90", NULL,
     "how long executions and events are kept; 0 means for ever", .live = true},
    {"retention_bytes", offsetof(struct bf_settings, retention_bytes), "0", NULL,
     "size of the database from which on the oldest are cut, like 20G; 0 means no limit",
     .live = true},
    {"heartbeat_timeout", offsetof(struct bf_settings, heartbeat_timeout), "5m", NULL,
     "silence after which a running run has crashed, like 90s; 0s means never", .live = true},
    {"scripts_dir", offsetof(struct bf_settings, scripts_dir), NULL, NULL,
     "directory of hooks in Lua (default: scripts, in the data directory)", .live = true},
    {"shipped_scripts", offsetof(struct bf_settings, shipped_scripts), BF_SCRIPTS_DIR, NULL,
     "directory of the hooks that come with Belfry, for names that scripts_dir has not"},
    {"script_helper", offsetof(struct bf_settings, script_helper), BF_SCRIPT_HELPER, NULL,
     "the program belfry-script, in which scripts run"},
    {"on_event", offsetof(struct bf_settings, on_event), NULL, NULL,
     "script that sees every event before automations do, and may change or drop it; a file's name",
     .live = true},
    {"on_event_error", offsetof(struct bf_settings, on_event_error), "pass", "pass|drop",
     "what becomes of an event where that script fails", .live = true},
};

const char *bf_setting_name(size_t i) { return i < BF_COUNT(table) ? table[i].name : NULL; }

_Static_assert(BF_COUNT(table) <= BF_SETTINGS_MAX, "make BF_SETTINGS_MAX larger");

static char **value_of(struct bf_settings *s, const struct setting *t)
{
    return (char **)((char *)s + t->at);
}

static const struct setting *find(const char *name)
{
    for (size_t i = 0; i < BF_COUNT(table); i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);

    for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (strncmp(c, value, len) == 0 && (c[len] == '|' || c[len] == '\0') && len)
            return true;
    return false;
}

static int list_names(struct bf_error *err, const char *name)
{
    const char *list[BF_COUNT(table) + 1] = {NULL}, *closest;
    struct bf_buf names;
    int rc;

    bf_buf_init(&names, 1024);
    for (size_t i = 0; i < BF_COUNT(table); i++) {
        bf_buf_printf(&names, "%s%s", i ? ", " : "", table[i].name);
        list[i] = table[i].name;
    }
    closest = bf_closest(name, list);
    if (closest)
        rc = bf_error_field(err, BF_ECONFIG, name, "there is no setting \"%s\"; did you mean"
                            " \"%s\"?", name, closest);
    else
        rc = bf_error_field(err, BF_ECONFIG, name, "there is no setting \"%s\"; there are: %s",
                            name, bf_buf_text(&names));
    bf_buf_fini(&names);
    return rc;
}

/* A filling under way.  Without `fn` the first problem ends it. */
struct filling {
    struct bf_settings *settings;
    enum bf_setting_from from;
    const char *file;           /* being read, for words; or NULL */
    int lines[BF_COUNT(table)]; /* of it that set each */
    bf_problem_fn *fn;
    void *arg;
    int n_problems;
};

/* What to go on with after a problem. */
static int problem(struct filling *f, int rc, struct bf_error *err)
{
    if (!rc || !f->fn)
        return rc;
    f->n_problems++;
    f->fn(f->arg, err);
    return BF_OK;
}

static int set(struct filling *f, const char *name, const char *value, struct bf_error *err)
{
    const struct setting *t = find(name);
    char **at;

    if (!t)
        return list_names(err, name);
    if (!value || (*value == '{' && !t->named))
        return bf_error_field(err, BF_ECONFIG, name, t->named
                              ? "%s must be a table of named values: texts, numbers, true, false,"
                                " and lists and tables of these"
                              : "%s must be a string, a number, true, false or a list of strings",
                              name);
    if (t->choices && !is_choice(t->choices, value))
        return bf_error_field(err, BF_ECONFIG, name, "%s must be one of %s, not \"%s\"", name,
                              t->choices, value);
    at = value_of(f->settings, t);
    free(*at);
    *at = bf_strdup(value);
    f->settings->from[t - table] = f->from;
    return BF_OK;
}

/* What is wrong stands in this line. */
static int blame(struct filling *f, int line, int rc, struct bf_error *err)
{
    struct bf_error why = *err;

    return bf_error_field(err, rc, why.field, "%s:%d: %s", f->file, line, why.words);
}

static int on_file(void *arg, const char *name, const char *value, int line, struct bf_error *err)
{
    struct filling *f = arg;
    const struct setting *t = find(name);
    int rc = set(f, name, value, err);

    if (t)
        f->lines[t - table] = line;
    return problem(f, rc ? blame(f, line, rc, err) : BF_OK, err);
}

static int check_threads(struct bf_settings *s, struct bf_error *err)
{
    char *end;
    long n = strtol(s->threads, &end, 10);

    if (end == s->threads || *end || n < 0 || n > THREADS_MAX)
        return bf_error_field(err, BF_ECONFIG, "threads",
                              "threads must be a number from 0 to %d, not \"%s\"", THREADS_MAX,
                              s->threads);
    return BF_OK;
}

bool bf_settings_days(const char *text, int64_t *ms)
{
    char *end;
    long n = strtol(text, &end, 10);

    *ms = n * 24 * 3600 * 1000LL;
    return end != text && !*end && n >= 0 && n <= DAYS_MAX;
}

bool bf_settings_heartbeat(const char *text, int64_t *ms)
{
    return bf_duration_parse(text, ms) &&
           (*ms == 0 || (*ms >= 1000 && *ms <= 30LL * 24 * 3600 * 1000));
}

bool bf_settings_bytes(const char *text, int64_t *bytes)
{
    static const char units[] = "KMGT";
    const char *unit;
    char *end;
    long long n;

    if (*text < '0' || *text > '9')
        return false;
    n = strtoll(text, &end, 10);
    unit = *end ? strchr(units, *end) : NULL;
    for (const char *u = units; unit && u <= unit && n < INT64_MAX / 1024; u++)
        n *= 1024;
    *bytes = n;
    return (!*end || (unit && !end[1])) && n < INT64_MAX / 1024;
}

static int check_retention(struct bf_settings *s, struct bf_error *err)
{
    int64_t unused;

    if (!bf_settings_days(s->retention_days, &unused))
        return bf_error_field(err, BF_ECONFIG, "retention_days",
                              "retention_days must be a number from 0 to %d, not \"%s\"", DAYS_MAX,
                              s->retention_days);
    if (!bf_settings_bytes(s->retention_bytes, &unused))
        return bf_error_field(err, BF_ECONFIG, "retention_bytes",
                              "retention_bytes must be a number of bytes, or one with K, M, G or T"
                              " behind it, not \"%s\"", s->retention_bytes);
    if (!bf_settings_heartbeat(s->heartbeat_timeout, &unused))
        return bf_error_field(err, BF_ECONFIG, "heartbeat_timeout",
                              "heartbeat_timeout must be a time from 1s to 30d, or 0s, not \"%s\"",
                              s->heartbeat_timeout);
    return BF_OK;
}

/* "https://belfry.example/": no slash at the end, so that paths can be put behind it. */
static int check_public_url(struct bf_settings *s, struct bf_error *err)
{
    char *url = s->public_url;
    size_t len = url ? strlen(url) : 0;

    if (!url)
        return BF_OK;
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return bf_error_field(err, BF_ECONFIG, "public_url",
                              "public_url must begin with http:// or https://, not \"%s\"", url);
    while (len && url[len - 1] == '/')
        url[--len] = '\0';
    return BF_OK;
}

static int check_on_event(struct bf_settings *s, struct bf_error *err)
{
    if (!s->on_event || !*s->on_event || bf_script_name_ok(s->on_event))
        return BF_OK;
    return bf_error_field(err, BF_ECONFIG, "on_event", "on_event must be the name of a file in"
                          " scripts_dir, like enrich.lua, not \"%s\"", s->on_event);
}

static bool is_source_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t len = name ? strlen(name) : 0;

    return len > 0 && len <= SOURCE_NAME_MAX && strspn(name, letters) == len;
}

static int check_source(const char *name, const struct bf_json *options, struct bf_error *err)
{
    const struct bf_json *kind = bf_json_get(options, "source");

    if (!is_source_name(name))
        return bf_error_field(err, BF_ECONFIG, "sources", "\"%s\" cannot be the name of a source;"
                              " take up to %d letters, digits, - and _", name, SOURCE_NAME_MAX);
    if (!bf_json_is(options, BF_JSON_OBJECT))
        return bf_error_field(err, BF_ECONFIG, "sources", "the options of source \"%s\" must be a"
                              " table, not %s", name, bf_json_type_name(options));
    if (kind && !bf_json_is(kind, BF_JSON_STRING))
        return bf_error_field(err, BF_ECONFIG, "sources", "\"source\" of \"%s\" must be the name of"
                              " a kind of source, not %s", name, bf_json_type_name(kind));
    return BF_OK;
}

static int check_sources(struct bf_settings *s, struct bf_error *err)
{
    struct bf_arena *a = bf_arena_new(SOURCES_BYTES_MAX);
    const char *text = s->sources && *s->sources ? s->sources : "{}";      /* an empty list is "" */
    const struct bf_json *all = bf_json_parse(a, text, strlen(text), err);
    int rc = BF_OK;

    if (!bf_json_is(all, BF_JSON_OBJECT))
        rc = bf_error_field(err, BF_ECONFIG, "sources", "sources must be a table, or JSON, such as"
                            " {\"NAME\":{\"source\":\"KIND\",\"OPTION\":\"VALUE\"}}%s%s",
                            all ? "" : ": ", all ? "" : err->words);
    else if (bf_json_count(all) > SOURCES_MAX)
        rc = bf_error_field(err, BF_ECONFIG, "sources", "there may be %d sources", SOURCES_MAX);
    for (const struct bf_json *k = bf_json_first(all); !rc && k; k = bf_json_next(all, k))
        rc = check_source(bf_json_str(a, k), k + 1, err);
    bf_arena_free(a);
    return rc;
}

/* What is asked of values once all are there. */
static int (*const checks[])(struct bf_settings *, struct bf_error *) = {
    check_threads,
    check_public_url,
    check_retention,
    check_on_event,
    check_sources,
};

static int check(struct filling *f, int (*fn)(struct bf_settings *, struct bf_error *),
                 struct bf_error *err)
{
    int rc = fn(f->settings, err);
    const struct setting *t = rc ? find(err->field) : NULL;

    if (t && f->settings->from[t - table] == BF_FROM_FILE)
        rc = blame(f, f->lines[t - table], rc, err);
    return problem(f, rc, err);
}

static int set_all(struct filling *f, const struct bf_setting *given, struct bf_error *err)
{
    int rc = BF_OK;

    for (; !rc && given && given->name; given++)
        rc = problem(f, set(f, given->name, given->value, err), err);
    return rc;
}

static int fill(struct filling *f, const struct bf_hub_options *o, struct bf_error *err)
{
    struct bf_settings *s = f->settings;
    int rc;

    memset(s, 0, sizeof(*s));
    for (size_t i = 0; i < BF_COUNT(table); i++)
        *value_of(s, &table[i]) = bf_strdup(table[i].def);
    rc = set_all(f, o->defaults, err);
    f->from = BF_FROM_FILE;
    f->file = o->config_file;
    if (!rc && o->config_file)
        rc = problem(f, bf_config_read(o->config_file, on_file, f, err), err);
    f->from = BF_FROM_GIVEN;
    if (!rc)
        rc = set_all(f, o->settings, err);
    for (size_t i = 0; !rc && i < BF_COUNT(checks); i++)
        rc = check(f, checks[i], err);
    return rc;
}

int bf_settings_init(struct bf_settings *s, const struct bf_hub_options *o, struct bf_error *err)
{
    struct filling f = {.settings = s, .from = BF_FROM_DEFAULT};
    int rc = fill(&f, o, err);

    if (rc)
        bf_settings_fini(s);
    return rc;
}

int bf_settings_check(struct bf_settings *s, const struct bf_hub_options *o, bf_problem_fn *fn,
                      void *arg)
{
    struct filling f = {.settings = s, .from = BF_FROM_DEFAULT, .fn = fn, .arg = arg};
    struct bf_error err;

    fill(&f, o, &err);
    return f.n_problems;
}

const char *bf_settings_value(const struct bf_settings *s, size_t i)
{
    return *value_of((struct bf_settings *)s, &table[i]);
}

void bf_settings_fini(struct bf_settings *s)
{
    if (s->admin_key)
        bf_wipe(s->admin_key, strlen(s->admin_key));
    if (s->metrics_token)
        bf_wipe(s->metrics_token, strlen(s->metrics_token));
    for (size_t i = 0; i < BF_COUNT(table); i++) {
        free(*value_of(s, &table[i]));
        *value_of(s, &table[i]) = NULL;
    }
}

void bf_settings_swap(struct bf_settings *a, struct bf_settings *b, size_t i)
{
    char **x = value_of(a, &table[i]), **y = value_of(b, &table[i]), *value = *x;
    enum bf_setting_from from = a->from[i];

    *x = *y;
    *y = value;
    a->from[i] = b->from[i];
    b->from[i] = from;
}

bool bf_setting_describe(size_t i, struct bf_setting_info *out)
{
    if (i >= BF_COUNT(table))
        return false;
    *out = (struct bf_setting_info){
        .size = sizeof(*out),
        .live = table[i].live,
        .secret = table[i].secret,
        .name = table[i].name,
        .def = table[i].def,
        .choices = table[i].choices,
        .help = table[i].help,
    };
    return true;
}

int bf_settings_each(const struct bf_hub_options *o, bf_setting_fn *fn, void *arg,
                     struct bf_error *err)
{
    struct bf_settings s;
    int rc = bf_settings_init(&s, o, err);

    if (rc)
        return rc;
    for (size_t i = 0; i < BF_COUNT(table); i++)
        fn(arg, table[i].name, bf_settings_value(&s, i), s.from[i]);
    bf_settings_fini(&s);
    return BF_OK;
}

char *bf_help_settings(void)
{
    struct bf_buf b;

    bf_buf_init(&b, 16384);
    for (size_t i = 0; i < BF_COUNT(table); i++) {
        bf_buf_printf(&b, "  %-17s %s\n", table[i].name, table[i].help);
        if (table[i].def && *table[i].def)
            bf_buf_printf(&b, "  %-17s default: %s\n", "", table[i].def);
    }
    return bf_buf_take(&b);
}
