/* check.c - everything that would keep a hub from opening, not only the first thing.
 *
 * Settings, and files they name, are looked at one by one.  Plugins are tried in a scratch
 * directory, each in a hub of its own that is opened and closed again: so what a plugin says of its
 * options is heard for all of them, and the hub's own data directory is only looked at. */
#include <belfry/belfry.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/base.h"
#include "core/base/map.h"
#include "core/hub_int.h"
#include "core/net/guard.h"
#include "core/net/listener.h"
#include "core/plugin/plugins.h"
#include "core/settings.h"
#include "core/store/store.h"

#define TEXT_MAX (1024 * 1024)

struct checking {
    struct bf_settings settings;
    const struct bf_hub_options *options;
    bf_problem_fn *fn;
    void *arg;
    int n;
    struct bf_arena *arena;
    char scratch[256];
};

static void tell(struct checking *c, const char *field, struct bf_error *err)
{
    if (!err->field[0])
        snprintf(err->field, sizeof(err->field), "%s", field);
    c->n++;
    c->fn(c->arg, err);
}

static void on_problem(void *arg, const struct bf_error *problem)
{
    struct checking *c = arg;

    c->fn(c->arg, problem);
}

static void check_readable(struct checking *c, const char *field, const char *path)
{
    struct bf_error err;

    if (!path || access(path, R_OK) == 0)
        return;
    bf_error_field(&err, BF_ECONFIG, field, "%s: cannot read %s: %s", field, path, strerror(errno));
    tell(c, field, &err);
}

static void check_addresses(struct checking *c)
{
    struct bf_guard *g = NULL;
    struct bf_error err = {0};

    if (bf_guard_new(c->settings.allow_addresses, &g, &err))
        tell(c, "allow_addresses", &err);
    bf_guard_free(g);
    err = (struct bf_error){0};
    if (bf_listener_address_check(c->settings.listen, &err))
        tell(c, "listen", &err);
}


/* --- scripts ------------------------------------------------------------------------------------- */

static void check_helper(struct checking *c)
{
    struct bf_error err;

    if (access(c->settings.script_helper, X_OK) == 0)
        return;
    bf_error_field(&err, BF_ECONFIG, "script_helper", "script_helper: hooks cannot run: %s: %s",
                   c->settings.script_helper, strerror(errno));
    tell(c, "script_helper", &err);
}

/* In the operator's directory, or else in ours. */
static const char *path_of_script(struct checking *c, const char *name)
{
    char *dir = hub_scripts_dir(&c->settings);
    const char *path = bf_arena_printf(c->arena, "%s/%s", dir, name);

    free(dir);
    if (access(path, F_OK) == 0 || !c->settings.shipped_scripts)
        return path;
    path = bf_arena_printf(c->arena, "%s/%s", c->settings.shipped_scripts, name);
    return access(path, F_OK) == 0 ? path : NULL;
}

static void check_on_event(struct checking *c)
{
    const char *name = c->settings.on_event, *path;
    char hooks[100] = "";
    struct bf_error err, why;

    if (!name || !bf_script_name_ok(name))
        return;                 /* which was told already */
    path = path_of_script(c, name);
    if (!path)
        bf_error_field(&err, BF_ECONFIG, "on_event", "on_event: there is no %s in scripts_dir, nor"
                       " one that Belfry ships", name);
    else if (bf_script_check(path, hooks, sizeof(hooks), &why))
        bf_error_field(&err, BF_ECONFIG, "on_event", "on_event: %s", why.words);
    else if (!strstr(hooks, bf_hook_name(BF_HOOK_ON_EVENT)))
        bf_error_field(&err, BF_ECONFIG, "on_event", "on_event: %s has %s, and no on_event", name,
                       hooks);
    else
        return;
    tell(c, "on_event", &err);
}


/* --- the data directory ------------------------------------------------------------------------ */

/* Owner to the number of its last migration, as text. */
static struct bf_map *versions(struct checking *c, struct bf_db *db)
{
    struct bf_map *m = bf_map_new();
    struct bf_query *q = bf_db_query(db, "SELECT owner, max(number) FROM belfry_migrations"
                                         " GROUP BY owner");

    while (bf_query_step(q) > 0) {
        const char *owner = bf_query_col_text(q, 0);

        bf_map_set(m, owner, bf_arena_printf(c->arena, "%lld", (long long)bf_query_col_int(q, 1)));
    }
    bf_query_end(q);
    return m;
}

/* A table that is newer there than what this program makes in an empty directory. */
static void compare(struct checking *c, struct bf_map *there, struct bf_map *ours,
                    const char *path)
{
    const char *owner;
    void *value;

    for (size_t at = 0; bf_map_each(there, &at, &owner, &value);) {
        const char *known = bf_map_get(ours, owner);
        struct bf_error err;

        if (!known || atoll(value) <= atoll(known))
            continue;
        bf_error_field(&err, BF_ECONFIG, "data", "%s was written by a newer program: its tables of"
                       " %s are at version %s, and this program knows %s; run the newer program, or"
                       " put a backup from before in its place", path, owner, (const char *)value,
                       known);
        tell(c, "data", &err);
    }
}

static void check_versions(struct checking *c, const char *path)
{
    const char *fresh = bf_arena_printf(c->arena, "%s/belfry.db", c->scratch);
    struct bf_map *there, *ours;
    struct bf_db *db, *new;
    struct bf_error err;

    if (access(fresh, R_OK))
        return;                 /* nothing was tried */
    if (bf_db_open(path, BF_DB_READ, &db, &err)) {
        tell(c, "data", &err);
        return;
    }
    if (!bf_db_open(fresh, BF_DB_READ, &new, &err)) {
        there = versions(c, db);
        ours = versions(c, new);
        compare(c, there, ours, path);
        bf_map_free(there);
        bf_map_free(ours);
        bf_db_close(new);
    }
    bf_db_close(db);
}

static int cannot_use(struct bf_error *err, const char *dir, const char *why)
{
    return bf_error_field(err, BF_EIO, "data", "cannot use the data directory %s: %s", dir, why);
}

static int look_at_data(const char *dir, struct bf_error *err)
{
    struct stat st;

    if (stat(dir, &st))
        return errno == ENOENT ? BF_ENOENT : cannot_use(err, dir, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return cannot_use(err, dir, "it is not a directory");
    if (access(dir, R_OK | W_OK | X_OK))
        return cannot_use(err, dir, strerror(errno));
    return BF_OK;
}

/* One that is not there will be made, in a directory that is. */
static int look_at_parent(struct checking *c, const char *dir, struct bf_error *err)
{
    char *parent = bf_arena_dup(c->arena, dir), *slash;

    while (strlen(parent) > 1 && parent[strlen(parent) - 1] == '/')
        parent[strlen(parent) - 1] = '\0';
    slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = '\0';
    if (access(slash ? parent : ".", W_OK | X_OK) == 0)
        return BF_OK;
    return bf_error_field(err, BF_EIO, "data", "the data directory %s is not there, and cannot be"
                          " made: %s", dir, strerror(errno));
}

static void check_master_key(struct checking *c, const char *dir)
{
    const char *path = bf_arena_printf(c->arena, "%s/master.key", dir);
    struct bf_error err;
    struct stat st;

    if (stat(path, &st) == 0 && !(st.st_mode & 077))
        return;
    if (errno == ENOENT && access(path, F_OK))
        bf_error_field(&err, BF_ECONFIG, "data", "%s is missing beside the database; put the file"
                       " back from your backup", path);
    else
        bf_error_field(&err, BF_ECONFIG, "data", "%s may be read by others; take that away with"
                       " chmod 600 %s", path, path);
    tell(c, "data", &err);
}

static void check_data(struct checking *c)
{
    const char *dir = c->settings.data;
    const char *db = bf_arena_printf(c->arena, "%s/belfry.db", dir);
    struct bf_error err;
    int rc = look_at_data(dir, &err);

    if (rc == BF_ENOENT)
        rc = look_at_parent(c, dir, &err);
    if (rc) {
        tell(c, "data", &err);
        return;
    }
    if (access(db, F_OK))
        return;
    check_master_key(c, dir);
    check_versions(c, db);
}


/* --- plugins --------------------------------------------------------------------------------------- */

static void silent(void *arg, int level, const char *line)
{
    (void)arg;
    (void)level;
    (void)line;
}

static void add_setting(struct bf_setting *list, size_t *n, const char *name, const char *value)
{
    list[(*n)++] = (struct bf_setting){name, value};
}

/* Opened with these plugins, and everything else that a plugin may look at; never run. */
static int try_hub(struct checking *c, const char *plugins, const char *sources,
                   struct bf_error *err)
{
    struct bf_setting list[16];
    struct bf_hub_options o = {.size = sizeof(o), .settings = list, .log = silent,
                               .plugins = c->options->plugins};
    struct bf_hub *hub;
    size_t n = 0;
    int rc;

    add_setting(list, &n, "data", c->scratch);
    add_setting(list, &n, "listen", "127.0.0.1:0");
    add_setting(list, &n, "threads", "1");
    add_setting(list, &n, "log_level", "error");
    add_setting(list, &n, "plugins", plugins);
    add_setting(list, &n, "plugin_dir", c->settings.plugin_dir);
    if (sources)
        add_setting(list, &n, "sources", sources);
    if (c->settings.public_url && strncmp(c->settings.public_url, "http", 4) == 0)
        add_setting(list, &n, "public_url", c->settings.public_url);
    list[n] = (struct bf_setting){NULL, NULL};
    rc = bf_hub_open(&o, &hub, err);
    if (!rc)
        bf_hub_close(hub);
    return rc;
}

static void check_plugins(struct checking *c)
{
    struct bf_error err = {0};
    bool linked = c->options->plugins && *c->options->plugins;
    char *names = bf_plugin_names(c->settings.plugins, c->settings.plugin_dir, linked, &err);
    char *save = NULL;
    int before = c->n;

    if (!names)
        tell(c, "plugin_dir", &err);
    for (char *name = names ? strtok_r(names, " ", &save) : NULL; name;
         name = strtok_r(NULL, " ", &save)) {
        err = (struct bf_error){0};
        if (try_hub(c, name, NULL, &err))
            tell(c, "plugins", &err);
    }
    free(names);
    err = (struct bf_error){0};
    if (c->n == before && try_hub(c, c->settings.plugins, c->settings.sources, &err))
        tell(c, "plugins", &err);       /* they do not get along, or a source has wrong options */
}


/* --- all of it ----------------------------------------------------------------------------------------- */

static void remove_all(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    char path[768];

    while (d && (e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (unlink(path) && (errno == EISDIR || errno == EPERM))
            remove_all(path);
    }
    if (d)
        closedir(d);
    rmdir(dir);
}

static bool make_scratch(struct checking *c)
{
    const char *tmp = getenv("TMPDIR");
    struct bf_error err;

    snprintf(c->scratch, sizeof(c->scratch), "%s/belfry-check-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (mkdtemp(c->scratch))
        return true;
    bf_error_field(&err, BF_EIO, "plugins", "cannot make %s to try the plugins in: %s", c->scratch,
                   strerror(errno));
    tell(c, "plugins", &err);
    return false;
}

int bf_hub_check(const struct bf_hub_options *options, bf_problem_fn *fn, void *arg)
{
    struct checking c = {.options = options, .fn = fn, .arg = arg};

    c.n = bf_settings_check(&c.settings, options, on_problem, &c);
    c.arena = bf_arena_new(TEXT_MAX);
    check_addresses(&c);
    check_readable(&c, "ca_file", c.settings.ca_file);
    check_helper(&c);
    check_on_event(&c);
    if (make_scratch(&c)) {
        check_plugins(&c);
        check_data(&c);
        remove_all(c.scratch);
    }
    bf_arena_free(c.arena);
    bf_settings_fini(&c.settings);
    return c.n;
}
