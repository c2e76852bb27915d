/* loader.c - from a shared object to a plugin at this hub's sizes.
 *
 * THE SIZE RULE.  A plugin was compiled against some version of plugin.h, older or newer than
 * ours.  Every struct says its size, every table the size of its elements.  What is missing at the
 * end of a shorter one reads as zero; what a longer one has beyond ours must be zero, or the
 * plugin wants something that this hub does not do and is refused by name.  So the rest of the hub
 * sees one layout only: everything is copied once, here.
 *
 * Objects are code that runs with all our rights, so a file or directory that others may write to
 * is refused.  Nothing is ever unloaded: texts and functions of a plugin live as long as the
 * process. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/plugin/inner.h"

#define LOADED_MAX (1024u * 1024)       /* bytes of one plugin's tables at our sizes */
#define STRUCT_MAX (64u * 1024)         /* a struct that says more is no struct of this ABI */
#define NAME_MAX_LEN 64
#define NAMES_BYTES_MAX 65536            /* of all that are to be loaded */

#define KNOWN_SINK_FLAGS (BF_ONCE | BF_QUICK)
#define KNOWN_RIGHTS (BF_INGEST | BF_READ | BF_EDIT | BF_ADMIN | BF_PUBLIC)

struct reading {
    const char *file;           /* for the words */
    struct bf_arena *arena;
    struct bf_error *err;
};

static bool all_zero(const char *bytes, size_t from, size_t to, size_t *at)
{
    for (*at = from; *at < to; ++*at)
        if (bytes[*at] != 0)
            return false;
    return true;
}

/* Copy what both know of a struct of `size` bytes into ours of `ours` bytes, which is zeroed. */
static int read_sized(const struct reading *r, const char *what, const void *raw, size_t size,
                      size_t least, void *into, size_t ours)
{
    size_t at;

    if (size < least || size > STRUCT_MAX)
        return bf_error_set(r->err, BF_ECONFIG,
                            "plugin %s is damaged: its struct %s says it has %zu bytes; build it "
                            "again with this hub's belfry/plugin.h", r->file, what, size);
    if (size > ours && !all_zero(raw, ours, size, &at))
        return bf_error_set(r->err, BF_ECONFIG,
                            "plugin %s needs a newer hub: field beyond byte %zu of struct %s is "
                            "set", r->file, ours, what);
    memcpy(into, raw, size < ours ? size : ours);
    return BF_OK;
}

static bool name_ok(const char *name, bool dot)
{
    size_t len = name ? strlen(name) : 0;

    if (len == 0 || len > NAME_MAX_LEN || name[0] < 'a' || name[0] > 'z')
        return false;
    for (; *name; name++) {
        bool word = (*name >= 'a' && *name <= 'z') || (*name >= '0' && *name <= '9') ||
                    *name == '_' || *name == '-';

        if (*name == '.' && dot)
            dot = false;
        else if (!word)
            return false;
    }
    return name[-1] != '.';
}

/* Elements of a table end with one whose first member, a pointer, is NULL. */
static bool is_last(const char *element)
{
    const void *first;

    memcpy(&first, element, sizeof(first));
    return first == NULL;
}

/* A table at our element size, with its ending element; NULL stays NULL. */
static int read_table(const struct reading *r, const char *what, const void *raw, uint32_t size,
                      size_t ours, size_t max, const void **out)
{
    const char *from = raw;
    char *table;
    size_t n = 0;
    int rc;

    *out = NULL;
    if (!raw)
        return BF_OK;
    if (size < sizeof(void *))
        return bf_error_set(r->err, BF_ECONFIG,
                            "plugin %s has a table of struct %s but does not say how large one is; "
                            "begin the kind with BF_SINK() or BF_SOURCE()", r->file, what);
    while (n <= max && !is_last(from + n * size))
        n++;
    if (n > max)
        return bf_error_set(r->err, BF_ECONFIG,
                            "plugin %s: a table of struct %s has more than %zu entries, or no end; "
                            "end it with BF_OPTIONS_END or BF_ROUTES_END", r->file, what, max);
    table = bf_arena_alloc(r->arena, (n + 1) * ours);
    if (!table)
        return bf_error_set(r->err, BF_ENOMEM, "plugin %s: its tables are too large", r->file);
    for (size_t i = 0; i < n; i++) {
        rc = read_sized(r, what, from + i * size, size, sizeof(void *), table + i * ours, ours);
        if (rc)
            return rc;
    }
    *out = table;
    return BF_OK;
}

static int check_routes(const struct reading *r, const char *kind, const struct bf_route *routes)
{
    for (const struct bf_route *o = routes; o && o->method; o++) {
        const char *wrong = NULL;

        if (!o->path || o->path[0] != '/')
            wrong = "its path does not begin with /";
        else if (!o->fn)
            wrong = "it has no function";
        else if (o->needs & ~(uint32_t)KNOWN_RIGHTS)
            wrong = "it needs a right that this hub does not know";
        else if (o->flags & ~BF_BODY_FILE)
            wrong = "it has a flag that this hub does not know";
        if (wrong)
            return bf_error_set(r->err, BF_ECONFIG, "plugin %s: %s: route %s %s: %s", r->file, kind,
                                o->method, o->path ? o->path : "", wrong);
    }
    return BF_OK;
}

static int check_options(const struct reading *r, const char *kind, const struct bf_option *table,
                         size_t size, unsigned flags)
{
    struct bf_error why;

    if (!bf_options_check(table, size, flags, &why))
        return BF_OK;
    return bf_error_set(r->err, BF_ECONFIG, "plugin %s: %s: %s", r->file, kind, why.words);
}

/* "slack" of the plugin slack, or "github.dispatch" of the plugin github. */
static int check_kind_name(const struct reading *r, const struct bf_plugin *p, const char *kind)
{
    size_t len = strlen(p->name);

    if (name_ok(kind, true) && strncmp(kind, p->name, len) == 0 &&
        (kind[len] == '\0' || kind[len] == '.'))
        return BF_OK;
    return bf_error_set(r->err, BF_ECONFIG,
                        "plugin %s: a kind is called \"%s\", which is neither \"%s\" nor "
                        "\"%s.something\" in lower case", r->file, kind ? kind : "", p->name,
                        p->name);
}

static int check_sink(const struct reading *r, const struct bf_plugin *p, const struct bf_sink *s)
{
    int ways = !!s->request + !!s->deliver + !!s->deliver_blocking;
    int rc = check_kind_name(r, p, s->name);
    struct bf_pace pace;
    struct bf_error why;

    if (rc)
        return rc;
    if (ways != 1)
        return bf_error_set(r->err, BF_ECONFIG,
                            "plugin %s: sink %s has %d ways to deliver; set exactly one of "
                            "request, deliver and deliver_blocking", r->file, s->name, ways);
    if (s->judge && !s->request)
        return bf_error_set(r->err, BF_ECONFIG, "plugin %s: sink %s has judge without request",
                            r->file, s->name);
    if ((s->flags & ~KNOWN_SINK_FLAGS) || s->reserved)
        return bf_error_set(r->err, BF_ECONFIG,
                            "plugin %s needs a newer hub: sink %s has a flag that is not known "
                            "here", r->file, s->name);
    if (bf_pace_parse(s->pace, &pace, &why))
        return bf_error_set(r->err, BF_ECONFIG, "plugin %s: sink %s: %s", r->file, s->name,
                            why.words);
    rc = check_options(r, s->name, s->integration, s->integration_size,
                       BF_REQUIRED | BF_SECRET | BF_TEMPLATE | BF_GRANTED);
    /* An action has no secrets of its own: they belong to the integration, whose owner grants
     * them. */
    return rc ? rc : check_options(r, s->name, s->action, s->action_size,
                                   BF_REQUIRED | BF_TEMPLATE | BF_SHOWN);
}

static int check_source(const struct reading *r, const struct bf_plugin *p,
                        const struct bf_source *s)
{
    int rc = check_kind_name(r, p, s->name);

    if (rc)
        return rc;
    if (!s->routes && !s->start && !s->run)
        return bf_error_set(r->err, BF_ECONFIG,
                            "plugin %s: source %s does nothing; set routes, start or run", r->file,
                            s->name);
    rc = check_options(r, s->name, s->options, s->options_size, BF_REQUIRED | BF_SECRET);
    return rc ? rc : check_routes(r, s->name, s->routes);
}

static int read_sink(const struct reading *r, const struct bf_plugin *p, const void *raw,
                     const void **out)
{
    struct bf_sink *s = bf_arena_new_of(r->arena, struct bf_sink);
    uint32_t size;
    int rc;

    if (!s)
        return bf_error_set(r->err, BF_ENOMEM, "plugin %s: its tables are too large", r->file);
    memcpy(&size, raw, sizeof(size));
    rc = read_sized(r, "bf_sink", raw, size, offsetof(struct bf_sink, create), s, sizeof(*s));
    if (!rc)
        rc = read_table(r, "bf_option", s->integration, s->option_size, sizeof(struct bf_option),
                        BF_OPTIONS_MAX, (const void **)&s->integration);
    if (!rc)
        rc = read_table(r, "bf_option", s->action, s->option_size, sizeof(struct bf_option),
                        BF_OPTIONS_MAX, (const void **)&s->action);
    *out = s;
    return rc ? rc : check_sink(r, p, s);
}

static int read_source(const struct reading *r, const struct bf_plugin *p, const void *raw,
                       const void **out)
{
    struct bf_source *s = bf_arena_new_of(r->arena, struct bf_source);
    uint32_t size;
    int rc;

    if (!s)
        return bf_error_set(r->err, BF_ENOMEM, "plugin %s: its tables are too large", r->file);
    memcpy(&size, raw, sizeof(size));
    rc = read_sized(r, "bf_source", raw, size, offsetof(struct bf_source, create), s, sizeof(*s));
    if (!rc)
        rc = read_table(r, "bf_option", s->options, s->option_size, sizeof(struct bf_option),
                        BF_OPTIONS_MAX, (const void **)&s->options);
    if (!rc)
        rc = read_table(r, "bf_route", s->routes, s->route_size, sizeof(struct bf_route),
                        BF_ROUTES_MAX, (const void **)&s->routes);
    *out = s;
    return rc ? rc : check_source(r, p, s);
}

typedef int read_kind_fn(const struct reading *r, const struct bf_plugin *p, const void *raw,
                         const void **out);

/* A NULL-terminated list of kinds, each copied. */
static int read_kinds(const struct reading *r, const struct bf_plugin *p, const void *const *raw,
                      read_kind_fn *read_kind, const void ***out)
{
    size_t n = 0;
    int rc = BF_OK;

    while (raw && n <= BF_KINDS_MAX && raw[n])
        n++;
    if (n > BF_KINDS_MAX)
        return bf_error_set(r->err, BF_ECONFIG,
                            "plugin %s: a list of kinds has more than %d entries, or no end",
                            r->file, BF_KINDS_MAX);
    *out = bf_arena_alloc(r->arena, (n + 1) * sizeof(**out));
    if (!*out)
        return bf_error_set(r->err, BF_ENOMEM, "plugin %s: its tables are too large", r->file);
    for (size_t i = 0; i < n && !rc; i++)
        rc = read_kind(r, p, raw[i], &(*out)[i]);
    return rc;
}

/* First words of the hub's own tables. */
static bool is_reserved(const char *name)
{
    static const char *const words[] = {"automation", "belfry", "event", "sqlite", "team"};

    for (size_t i = 0; i < BF_COUNT(words); i++)
        if (strcmp(name, words[i]) == 0)
            return true;
    return false;
}

static int read_plugin(const struct reading *r, const struct bf_plugin *raw, struct bf_plugin *p)
{
    const void **sinks, **sources;
    int rc = read_sized(r, "bf_plugin", raw, raw->size, offsetof(struct bf_plugin, sinks), p,
                        sizeof(*p));

    if (rc)
        return rc;
    if (!name_ok(p->name, false))
        return bf_error_set(r->err, BF_ECONFIG,
                            "plugin %s calls itself \"%s\"; a name is lower case letters, digits, "
                            "- and _", r->file, p->name ? p->name : "");
    if (is_reserved(p->name))
        return bf_error_set(r->err, BF_ECONFIG, "plugin %s cannot be called %s: tables of the hub "
                            "begin with that word; rename it", r->file, p->name);
    if (!p->version)
        p->version = "";
    rc = read_kinds(r, p, (const void *const *)p->sinks, read_sink, &sinks);
    if (!rc)
        rc = read_kinds(r, p, (const void *const *)p->sources, read_source, &sources);
    if (rc)
        return rc;
    p->sinks = (const struct bf_sink *const *)sinks;
    p->sources = (const struct bf_source *const *)sources;
    if (!p->sinks[0] && !p->sources[0])
        return bf_error_set(r->err, BF_ECONFIG, "plugin %s has neither sources nor sinks", r->file);
    return BF_OK;
}

/* A name of SQL has no -. */
static const char *table_prefix(struct bf_arena *a, const char *name)
{
    char *prefix = bf_arena_printf(a, "%s_", name);

    for (char *at = prefix; *at; at++)
        if (*at == '-')
            *at = '_';
    return prefix;
}

int bf_loaded_check(const struct bf_plugin *raw, const char *file, struct bf_loaded **out,
                    struct bf_error *err)
{
    struct bf_loaded *l = bf_new(struct bf_loaded);
    struct reading r = {.file = file, .err = err};
    int rc;

    l->arena = bf_arena_new(LOADED_MAX);
    r.arena = l->arena;
    l->statements = bf_map_new();
    rc = read_plugin(&r, raw, &l->plugin);
    if (rc) {
        bf_loaded_free(l);
        return rc;
    }
    l->prefix = table_prefix(l->arena, l->plugin.name);
    *out = l;
    return BF_OK;
}

void bf_loaded_free(struct bf_loaded *l)
{
    const char *sql;
    void *text;
    size_t at = 0;

    if (!l)
        return;
    while (bf_map_each(l->statements, &at, &sql, &text))
        free(text);
    bf_map_free(l->statements);
    bf_arena_free(l->arena);
    free(l);
}

/* Only its owner, and that is us or root, may change it.  Opening what is no file may wait for ever, as
 * for who writes into a pipe. */
static int check_safe(const char *path, const char *file, mode_t type, struct bf_error *err)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return bf_error_set(err, errno == ENOENT ? BF_ENOENT : BF_EIO,
                            "cannot load plugin %s: %s: %s; put the file there, or correct "
                            "plugin_dir", file, path, strerror(errno));
    if ((st.st_mode & S_IFMT) != type)
        return bf_error_set(err, BF_ECONFIG, "cannot load plugin %s: %s is no %s; correct plugin_dir",
                            file, path, type == S_IFDIR ? "directory" : "file");
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return bf_error_set(err, BF_EPERM,
                            "plugin %s is not loaded: %s belongs to user %u, who could change what "
                            "the hub runs; chown it to root or to the hub's user", file, path,
                            (unsigned)st.st_uid);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return bf_error_set(err, BF_EPERM,
                            "plugin %s is not loaded: others may write to %s; chmod go-w it", file,
                            path);
    return BF_OK;
}

static int open_object(const char *path, const char *file, const struct bf_plugin **raw,
                       struct bf_error *err)
{
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!object)
        return bf_error_set(err, BF_ECONFIG, "cannot load plugin %s: %s", file, dlerror());
    *raw = dlsym(object, "bf_plugin_v1");
    if (!*raw)
        return bf_error_set(err, BF_ECONFIG,
                            "%s is no plugin of this hub: it has no symbol bf_plugin_v1; write "
                            "BF_PLUGIN() in it, or use a hub of its version", path);
    return BF_OK;
}

/* NAME.so: its name without the end; false for what is no plugin's file. */
static bool file_name_ok(const char *file, char name[NAME_MAX_LEN + 8])
{
    size_t len = strlen(file);

    if (len < 4 || len > NAME_MAX_LEN + 3 || strcmp(file + len - 3, ".so") != 0)
        return false;
    snprintf(name, NAME_MAX_LEN + 8, "%.*s", (int)(len - 3), file);
    return name_ok(name, false);
}

static int add_all_in(const char *plugin_dir, bool linked, struct bf_buf *out,
                      struct bf_error *err)
{
    struct dirent **files;
    char name[NAME_MAX_LEN + 8];
    int n = scandir(plugin_dir, &files, NULL, alphasort);

    if (n < 0 && errno == ENOENT && linked)
        return BF_OK;
    if (n < 0)
        return bf_error_set(err, BF_ECONFIG, "cannot read plugin_dir %s: %s", plugin_dir,
                            strerror(errno));
    for (int i = 0; i < n; i++) {
        if (file_name_ok(files[i]->d_name, name))
            bf_buf_printf(out, "%s ", name);
        free(files[i]);
    }
    free(files);
    return BF_OK;
}

char *bf_plugin_names(const char *wanted, const char *plugin_dir, bool linked, struct bf_error *err)
{
    char *copy = bf_strdup(wanted), *save = NULL, *out = NULL;
    struct bf_buf names;
    int rc = BF_OK;

    bf_buf_init(&names, NAMES_BYTES_MAX);
    for (char *n = strtok_r(copy, " ,", &save); n && !rc; n = strtok_r(NULL, " ,", &save)) {
        if (strcmp(n, "*") == 0)
            rc = add_all_in(plugin_dir, linked, &names, err);
        else
            bf_buf_printf(&names, "%s ", n);
    }
    if (!rc && names.failed)
        bf_error_set(err, BF_ECONFIG, "there are more plugins than a hub can have");
    else if (!rc)
        out = bf_strdup(bf_buf_text(&names));
    bf_buf_fini(&names);
    free(copy);
    return out;
}

int bf_loaded_open(const char *plugin_dir, const char *name, struct bf_loaded **out,
                   struct bf_error *err)
{
    char path[4096], file[NAME_MAX_LEN + 8];
    const struct bf_plugin *raw = NULL;
    int rc;

    if (!name_ok(name, false))
        return bf_error_set(err, BF_ECONFIG,
                            "\"%s\" is no plugin's name: it is lower case letters, digits, - and "
                            "_, and the file is NAME.so in plugin_dir", name ? name : "");
    snprintf(file, sizeof(file), "%s.so", name);
    if ((size_t)snprintf(path, sizeof(path), "%s/%s", plugin_dir, file) >= sizeof(path))
        return bf_error_set(err, BF_ECONFIG, "plugin_dir is too long");
    rc = check_safe(plugin_dir, file, S_IFDIR, err);
    if (!rc)
        rc = check_safe(path, file, S_IFREG, err);
    if (!rc)
        rc = open_object(path, file, &raw, err);
    if (!rc)
        rc = bf_loaded_check(raw, file, out, err);
    if (rc)
        return rc;
    if (strcmp((*out)->plugin.name, name) != 0) {
        rc = bf_error_set(err, BF_ECONFIG, "plugin %s calls itself \"%s\"; rename the file to "
                          "%s.so", file, (*out)->plugin.name, (*out)->plugin.name);
        bf_loaded_free(*out);
        *out = NULL;
    }
    return rc;
}

const struct bf_plugin *bf_plugin_open(const char *plugin_dir, const char *name,
                                       struct bf_error *err)
{
    struct bf_loaded *l;

    return bf_loaded_open(plugin_dir, name, &l, err) ? NULL : &l->plugin;
}

void bf_plugin_close(const struct bf_plugin *plugin)
{
    if (plugin)
        bf_loaded_free(bf_container_of(plugin, struct bf_loaded, plugin));
}
