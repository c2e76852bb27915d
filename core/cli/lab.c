/* lab.c - what a file describes, made in a hub of the command's own.
 *
 * The hub is set up once, stopped, and its data directory copied for each test: so no test knows of
 * another, and names are looked up once.  Every automation is a dry run there, so nothing leaves it.
 *
 * What the file only names is stood in for: a secret by a made-up value, a sink whose plugin is not
 * here, or an integration that the file does not describe, by a webhook that would get the action's
 * options as its payload; one that is said to be a webhook is one. */
#include "core/cli/lab.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/cli/settings.h"

#define STAND_IN_URL    "http://127.0.0.1:9/"
#define STAND_IN_SECRET "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"        /* good for any way to sign */
#define ADMIN_KEY       "bf-0000000000000000000000000000000000000000"   /* on loopback, for a moment */
#define SECRETS_MAX     16      /* that one integration names without saying so */
#define PLUGINS_MAX     1024
#define EVENT_MAX       (2 * 1024 * 1024)

struct bf_lab_hub {
    struct bf_hub *hub;
    pthread_t thread;
    char dir[256];
    char error[1000];           /* the last one of its log */
};

/* "acme" or "acme/ops", and what belongs to it. */
struct bf_lab_name {
    struct bf_lab_name *next;
    const char *name;
    const char *id;             /* of an integration; of a team its organization's own entity */
    bool stands_in;
};

static const char *text(struct bf_lab *lab, const struct bf_json *o, const char *name)
{
    return bf_json_str(lab->c->arena, bf_json_get(o, name));
}

static struct bf_lab_name *find(struct bf_lab_name *list, const char *name)
{
    while (list && strcmp(list->name, name) != 0)
        list = list->next;
    return list;
}

static struct bf_lab_name *add(struct bf_lab *lab, struct bf_lab_name **list, const char *name)
{
    struct bf_lab_name *n = bf_arena_new_of(lab->c->arena, struct bf_lab_name);

    bf_assert(n);
    n->name = name;
    n->next = *list;
    *list = n;
    return n;
}

/* "FILE:LINE: words" */
static int refuse(struct bf_lab *lab, int line, const char *what, const struct bf_error *err)
{
    const char *words = bf_cli_hints(lab->c, err->words);

    return bf_cli_fail(lab->c, "%s:%d: %s: %s%s%s", lab->file, line, what, err->field,
                       *err->field ? ": " : "", words);
}


/* --- directories ---------------------------------------------------------------------------- */

static int copy_file(const char *from, const char *to)
{
    char chunk[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC), out, rc = -1;
    ssize_t n = -1;

    if (in < 0)
        return -1;
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    while (out >= 0 && (n = read(in, chunk, sizeof(chunk))) > 0 && write(out, chunk, (size_t)n) == n)
        ;
    if (out >= 0 && close(out) == 0 && n == 0)
        rc = 0;
    close(in);
    return rc;
}

/* fn(from/name, to/name) for every file of a directory. */
static int each_file(const char *from, const char *to, int (*fn)(const char *, const char *))
{
    DIR *d = opendir(from);
    struct dirent *e;
    int rc = d ? 0 : -1;

    while (d && !rc && (e = readdir(d))) {
        char a[600], b[600];

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(a, sizeof(a), "%s/%s", from, e->d_name);
        snprintf(b, sizeof(b), "%s/%s", to, e->d_name);
        rc = fn(a, b);
    }
    if (d)
        closedir(d);
    return rc;
}

static int remove_one(const char *path, const char *unused)
{
    struct stat st;

    if (lstat(path, &st))
        return 0;
    if (S_ISDIR(st.st_mode)) {
        each_file(path, unused, remove_one);
        rmdir(path);
    } else {
        unlink(path);
    }
    return 0;
}

static int copy_directory(const char *from, const char *to)
{
    return mkdir(to, 0700) ? -1 : each_file(from, to, copy_file);
}


/* --- the hub ---------------------------------------------------------------------------------- */

static void on_log(void *arg, int level, const char *line)
{
    struct bf_lab_hub *h = arg;

    if (level == BF_LOG_ERROR)
        snprintf(h->error, sizeof(h->error), "%s", line);
}

static void *run(void *arg)
{
    struct bf_lab_hub *h = arg;
    struct bf_error err;

    bf_hub_run(h->hub, &err);
    return NULL;
}

static bool is_setting(const char *name)
{
    for (size_t i = 0; bf_setting_name(i); i++)
        if (strcmp(bf_setting_name(i), name) == 0)
            return true;
    return false;
}

static const char *plugin_dir(void)
{
    return bf_cli_env("BELFRY_PLUGIN_DIR") ? bf_cli_env("BELFRY_PLUGIN_DIR") : bf_cli_plugin_dir();
}

/* Whether the plugin of a sink is here; "github.dispatch" is of github. */
static bool has_plugin(const char *sink)
{
    char name[80], *text_of_it;
    struct bf_error err;

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(sink, "."), sink);
    text_of_it = bf_help_plugin(plugin_dir(), name, &err);
    free(text_of_it);
    return text_of_it != NULL;
}

/* The plugins that the file's integrations need, each once. */
static const char *plugins(struct bf_lab *lab)
{
    const struct bf_json *all = bf_json_get(lab->document, "integrations");
    const char *names = "http webhook";

    for (const struct bf_json *i = bf_json_first(all); i; i = bf_json_next(all, i)) {
        const char *sink = text(lab, i, "sink");
        const char *name = bf_arena_ndup(lab->c->arena, sink, strcspn(sink, "."));
        const char *spaced = bf_arena_printf(lab->c->arena, " %s ", names);

        if (!strstr(spaced, bf_arena_printf(lab->c->arena, " %s ", name)) && has_plugin(sink) &&
            strlen(names) < PLUGINS_MAX)
            names = bf_arena_printf(lab->c->arena, "%s %s", names, name);
    }
    return names;
}

static const char *directory_of(struct bf_lab *lab)
{
    const char *slash = strrchr(lab->file, '/');

    return slash ? bf_arena_ndup(lab->c->arena, lab->file, (size_t)(slash - lab->file) + 1) : ".";
}

static int open_hub(struct bf_lab *lab, const char *name)
{
    struct bf_lab_hub *h = bf_new(struct bf_lab_hub);
    struct bf_cli_settings s;
    struct bf_setting settings[10] = {
        {"data", h->dir}, {"listen", "127.0.0.1:0"}, {"allow_addresses", "127.0.0.0/8"},
        {"plugins", plugins(lab)}, {"admin_key", ADMIN_KEY}};
    size_t n = 5;
    struct bf_error err;
    int rc;

    bf_cli_settings(lab->c, &s);
    if (bf_cli_env("BELFRY_PLUGIN_DIR"))
        settings[n++] = (struct bf_setting){"plugin_dir", plugin_dir()};
    if (is_setting("scripts_dir"))
        settings[n++] = (struct bf_setting){"scripts_dir", directory_of(lab)};
    snprintf(h->dir, sizeof(h->dir), "%s/%s", lab->dir, name);
    s.options = (struct bf_hub_options){.size = sizeof(s.options), .settings = settings,
                                        .defaults = s.options.defaults, .log = on_log, .log_arg = h};
    rc = bf_hub_open(&s.options, &h->hub, &err);
    if (rc) {
        free(h);
        return bf_cli_fail(lab->c, "cannot open a hub to test in: %s", err.words);
    }
    lab->hub = h;
    if (pthread_create(&h->thread, NULL, run, h))
        bf_out_of_memory(0);
    return 0;
}

static int connect_to(struct bf_lab *lab)
{
    struct bf_remote_options o = {.size = sizeof(o), .key = ADMIN_KEY};
    struct bf_error err;

    lab->c->url = bf_arena_printf(lab->c->arena, "http://%s", bf_hub_address(lab->hub->hub));
    o.url = lab->c->url;
    lab->c->key_from = "the test itself";
    return bf_remote_open(&o, &lab->c->remote, &err) ? bf_cli_fail(lab->c, "%s", err.words) : 0;
}

static void close_hub(struct bf_lab *lab)
{
    struct bf_lab_hub *h = lab->hub;

    if (!h)
        return;
    bf_remote_close(lab->c->remote);
    lab->c->remote = NULL;
    bf_hub_stop(h->hub);
    pthread_join(h->thread, NULL);
    bf_hub_close(h->hub);
    free(h);
    lab->hub = NULL;
}


/* --- what the file describes ------------------------------------------------------------------- */

static int try(struct bf_lab *lab, const char *method, const char *path, const char *body,
               struct bf_reply_text *out, struct bf_error *err)
{
    struct bf_remote_request q = {.size = sizeof(q), .method = method, .path = path, .body = body,
                                  .body_len = strlen(body)};

    return bf_cli_try(lab->c, &q, out, err);
}

static int make_organization(struct bf_lab *lab, const char *name, int line)
{
    struct bf_reply_text reply;
    struct bf_error err;

    if (try(lab, "PUT", bf_arena_printf(lab->c->arena, "/api/v1/organizations/%s",
                                        bf_cli_escape(lab->c, name)), "{}", &reply, &err))
        return refuse(lab, line, "its organization", &err);
    return 0;
}

/* The own entity of the organization that a team is in: its registries are there. */
static const char *own_entity(struct bf_lab *lab, const char *organization)
{
    struct bf_reply_text reply;
    struct bf_error err;

    if (!organization ||
        try(lab, "GET", bf_arena_printf(lab->c->arena, "/api/v1/organizations/%s",
                                        bf_cli_escape(lab->c, organization)), "", &reply, &err))
        return NULL;
    return text(lab, reply.json, "entity");
}

static int make_team(struct bf_lab *lab, const char *name, const char *organization, int line)
{
    struct bf_body b = {.arena = lab->c->arena};
    struct bf_reply_text reply;
    struct bf_error err;
    int rc;

    if (!name || find(lab->teams, name))
        return 0;
    rc = organization ? make_organization(lab, organization, line) : 0;
    if (rc)
        return rc;
    if (organization)
        bf_body_str(&b, "organization", organization);
    if (try(lab, "PUT", bf_arena_printf(lab->c->arena, "/api/v1/teams/%s",
                                        bf_cli_escape(lab->c, name)), bf_body_print(&b), &reply, &err))
        return refuse(lab, line, bf_arena_printf(lab->c->arena, "team \"%s\"", name), &err);
    add(lab, &lab->teams, name)->id = own_entity(lab, text(lab, reply.json, "organization"));
    return 0;
}

static int make_secret(struct bf_lab *lab, const char *team, const char *name, const char *value,
                       struct bf_error *err)
{
    struct bf_reply_text reply;

    return try(lab, "PUT", bf_arena_printf(lab->c->arena, "/api/v1/teams/%s/secrets/%s",
                                           bf_cli_escape(lab->c, team), bf_cli_escape(lab->c, name)),
               bf_arena_printf(lab->c->arena, "{\"value\":\"%s\"}", value), &reply, err);
}

static int make_secrets(struct bf_lab *lab)
{
    const struct bf_json *names = bf_json_get(lab->tests, "secrets");
    struct bf_error err;

    for (struct bf_lab_name *t = lab->teams; t; t = t->next)
        for (const struct bf_json *n = bf_json_first(names); n; n = bf_json_next(names, n))
            if (make_secret(lab, t->name, bf_json_str(lab->c->arena, n), STAND_IN_SECRET, &err))
                return bf_cli_fail(lab->c, "%s", err.words);
    return 0;
}

/* An option that is refused, and holds what may be the name of a secret: perhaps it is one.  If it is
 * refused for its value, it is an address. */
static bool make_unsaid_secret(struct bf_lab *lab, const char *team, const struct bf_json *config,
                               const struct bf_error *refused)
{
    const char *option = strncmp(refused->field, "config.", 7) == 0 ? refused->field + 7 : NULL;
    const char *name = option ? text(lab, config, option) : NULL;
    const char *value = strstr(refused->words, "http://") ? STAND_IN_URL : STAND_IN_SECRET;
    struct bf_error err;

    return name && !make_secret(lab, team, name, value, &err);
}

/* Makes an integration; *id is in the arena. */
static int post_integration(struct bf_lab *lab, const char *team, struct bf_body *b,
                            const struct bf_json *config, const char **id, struct bf_error *err)
{
    const char *path = bf_arena_printf(lab->c->arena, "/api/v1/teams/%s/integrations",
                                       bf_cli_escape(lab->c, team));
    struct bf_reply_text reply;
    int rc = try(lab, "POST", path, bf_body_print(b), &reply, err);

    for (int i = 0; rc && i < SECRETS_MAX && make_unsaid_secret(lab, team, config, err); i++)
        rc = try(lab, "POST", path, bf_body_print(b), &reply, err);
    if (!rc)
        *id = text(lab, reply.json, "id");
    return rc;
}

static void set_raw(struct bf_lab *lab, struct bf_body *b, const char *name, const struct bf_json *json)
{
    const char *raw;
    size_t len;

    if (!json)
        return;
    raw = bf_json_raw(json, &len);
    bf_body_set(b, name, bf_arena_ndup(lab->c->arena, raw, len));
}

static int make_integration(struct bf_lab *lab, const struct bf_json *i, int line)
{
    const char *team = text(lab, i, "team"), *name = text(lab, i, "name"), *sink = text(lab, i, "sink");
    struct bf_body b = {.arena = lab->c->arena};
    struct bf_lab_name *n;
    struct bf_error err;

    n = add(lab, &lab->integrations, bf_arena_printf(lab->c->arena, "%s/%s", team, name));
    n->stands_in = !has_plugin(sink);
    bf_body_str(&b, "name", name);
    bf_body_str(&b, "sink", n->stands_in ? "webhook" : sink);
    if (n->stands_in)
        bf_body_str(&b, "config.url", STAND_IN_URL);
    else
        set_raw(lab, &b, "config", bf_json_get(i, "config"));
    set_raw(lab, &b, "secrets", bf_json_get(i, "secrets"));
    if (post_integration(lab, team, &b, bf_json_get(i, "config"), &n->id, &err))
        return refuse(lab, line, bf_arena_printf(lab->c->arena, "integration \"%s\"", name), &err);
    return 0;
}

/* The integration that an action names, made if the file does not describe it: of a webhook it is known
 * what it does with its payload. */
static int find_integration(struct bf_lab *lab, const char *entity, const struct bf_json *action,
                            int line, struct bf_lab_name **out)
{
    const char *named = text(lab, action, "integration"), *sink = text(lab, action, "sink");
    const char *name = strchr(named, '/') ? named
                                          : bf_arena_printf(lab->c->arena, "%s/%s", entity, named);
    const char *team = bf_arena_ndup(lab->c->arena, name, strcspn(name, "/"));
    struct bf_body b = {.arena = lab->c->arena};
    struct bf_error err;
    int rc = make_team(lab, team, NULL, line);

    *out = find(lab->integrations, name);
    if (rc || *out)
        return rc;
    bf_body_str(&b, "name", name + strlen(team) + 1);
    bf_body_str(&b, "sink", "webhook");
    bf_body_str(&b, "config.url", STAND_IN_URL);
    set_raw(lab, &b, "secrets", bf_json_get(lab->tests, "secrets"));
    *out = add(lab, &lab->integrations, name);
    (*out)->stands_in = !sink || strcmp(sink, "webhook") != 0;
    if (post_integration(lab, team, &b, NULL, &(*out)->id, &err))
        return refuse(lab, line, bf_arena_printf(lab->c->arena, "integration \"%s\"", name), &err);
    return 0;
}

static int make_actions(struct bf_lab *lab, const struct bf_json *automation, const char *entity,
                        int line, const char **out)
{
    const struct bf_json *actions = bf_json_get(automation, "actions");
    const char *list = "";

    for (const struct bf_json *a = bf_json_first(actions); a; a = bf_json_next(actions, a)) {
        struct bf_body b = {.arena = lab->c->arena};
        struct bf_lab_name *to = NULL;
        const struct bf_json *config = bf_json_get(a, "config");
        int rc = find_integration(lab, entity, a, line, &to);

        if (rc)
            return rc;
        bf_body_str(&b, "integration", to->id);
        if (config)
            set_raw(lab, &b, to->stands_in ? "config.payload" : "config", config);
        set_raw(lab, &b, "secrets", bf_json_get(a, "secrets"));
        list = bf_arena_printf(lab->c->arena, "%s%s%s", list, *list ? "," : "", bf_body_print(&b));
    }
    *out = bf_arena_printf(lab->c->arena, "[%s]", list);
    return 0;
}

static int make_automation(struct bf_lab *lab, const struct bf_json *automation, int line)
{
    struct bf_lab_automation *made = &lab->automations[lab->n_automations];
    const struct bf_json *scope = bf_json_get(automation, "scope");
    const char *organization = text(lab, scope, "organization"), *entity = text(lab, scope, "entity");
    struct bf_body b = {.arena = lab->c->arena};
    const char *actions;
    struct bf_reply_text reply;
    struct bf_error err;
    int rc = organization ? make_organization(lab, organization, line)
                          : make_team(lab, entity, NULL, line);

    if (!rc && organization)
        entity = own_entity(lab, organization);
    if (!rc)
        rc = make_actions(lab, automation, entity ? entity : "", line, &actions);
    if (rc)
        return rc;
    for (const struct bf_json *k = bf_json_first(automation); k; k = bf_json_next(automation, k))
        if (!bf_json_eq(k, "actions") && !bf_json_eq(k, "dry_run"))
            set_raw(lab, &b, bf_json_str(lab->c->arena, k), k + 1);
    bf_body_set(&b, "actions", actions);
    bf_body_set(&b, "dry_run", "true");
    made->name = text(lab, automation, "name");
    made->line = line;
    if (try(lab, "POST", "/api/v1/automations", bf_body_print(&b), &reply, &err))
        return refuse(lab, line, bf_arena_printf(lab->c->arena, "automation \"%s\"", made->name), &err);
    made->id = text(lab, reply.json, "id");
    lab->n_automations++;
    return 0;
}

/* Each thing of one of the document's arrays, with its line. */
static int each(struct bf_lab *lab, const char *member, enum bf_code_noun noun,
                int (*make)(struct bf_lab *, const struct bf_json *, int))
{
    const struct bf_json *list = bf_json_get(lab->document, member);
    size_t i = 0;
    int rc = 0;

    for (const struct bf_json *j = bf_json_first(list); j && !rc; j = bf_json_next(list, j))
        rc = make(lab, j, bf_code_line(lab->code, noun, i++));
    return rc;
}

static int make_declared_team(struct bf_lab *lab, const struct bf_json *team, int line)
{
    return make_team(lab, text(lab, team, "name"), text(lab, team, "organization"), line);
}

static int make_its_team(struct bf_lab *lab, const struct bf_json *integration, int line)
{
    return make_team(lab, text(lab, integration, "team"), NULL, line);
}

/* Teams in which something happens. */
static int make_given_teams(struct bf_lab *lab)
{
    const struct bf_json *tests = bf_json_get(lab->tests, "tests");

    for (const struct bf_json *t = bf_json_first(tests); t; t = bf_json_next(tests, t)) {
        const struct bf_json *steps = bf_json_get(t, "steps");

        for (const struct bf_json *s = bf_json_first(steps); s; s = bf_json_next(steps, s)) {
            int64_t line = 0;
            int rc;

            bf_json_int(bf_json_get(s, "line"), &line);
            rc = make_team(lab, text(lab, bf_json_get(s, "given"), "entity"), NULL, (int)line);
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int make_all(struct bf_lab *lab)
{
    int rc = each(lab, "teams", BF_CODE_TEAM, make_declared_team);

    if (!rc)
        rc = each(lab, "integrations", BF_CODE_INTEGRATION, make_its_team);
    if (!rc)
        rc = make_given_teams(lab);
    if (!rc)
        rc = make_secrets(lab);
    if (!rc)
        rc = each(lab, "integrations", BF_CODE_INTEGRATION, make_integration);
    return rc ? rc : each(lab, "automations", BF_CODE_AUTOMATION, make_automation);
}


/* --- from outside ------------------------------------------------------------------------------- */

int bf_lab_open(struct bf_lab *lab)
{
    const char *tmp = bf_cli_env("TMPDIR");
    size_t n = bf_json_count(bf_json_get(lab->document, "automations"));
    int rc;

    lab->automations = bf_zalloc((n + 1) * sizeof(*lab->automations));
    lab->dir = bf_arena_printf(lab->c->arena, "%s/belfry-test-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(lab->dir))
        return bf_cli_fail(lab->c, "cannot make %s: %s", lab->dir, strerror(errno));
    rc = open_hub(lab, "made");
    if (!rc)
        rc = connect_to(lab);
    if (!rc)
        rc = make_all(lab);
    close_hub(lab);
    return rc;
}

int bf_lab_begin(struct bf_lab *lab)
{
    const char *from = bf_arena_printf(lab->c->arena, "%s/made", lab->dir);
    const char *to = bf_arena_printf(lab->c->arena, "%s/test", lab->dir);
    int rc;

    if (copy_directory(from, to))
        return bf_cli_fail(lab->c, "cannot copy %s: %s", from, strerror(errno));
    rc = open_hub(lab, "test");
    return rc ? rc : connect_to(lab);
}

void bf_lab_end(struct bf_lab *lab)
{
    close_hub(lab);
    remove_one(bf_arena_printf(lab->c->arena, "%s/test", lab->dir), "");
}

void bf_lab_close(struct bf_lab *lab)
{
    close_hub(lab);
    if (lab->dir)
        remove_one(lab->dir, "");
    free(lab->automations);
}

/* What happens in a team's registry happens in its organization. */
static const char *entity_of(struct bf_lab *lab, const struct bf_json *event)
{
    const char *entity = text(lab, event, "entity"), *project = text(lab, event, "project");
    struct bf_lab_name *team = entity ? find(lab->teams, entity) : NULL;

    if (!project || strncmp(project, "wandb-registry-", 15) != 0 || !team || !team->id)
        return NULL;
    return team->id;
}

int bf_lab_publish(struct bf_lab *lab, const struct bf_json *event, const char **id,
                   struct bf_error *err)
{
    struct bf_emitted emitted = {.size = sizeof(emitted)};
    const char *entity = entity_of(lab, event), *json;
    size_t len;
    int rc;

    json = bf_json_raw(event, &len);
    if (entity) {
        struct bf_body b = {.arena = lab->c->arena};

        for (const struct bf_json *k = bf_json_first(event); k; k = bf_json_next(event, k))
            set_raw(lab, &b, bf_json_str(lab->c->arena, k), k + 1);
        bf_body_str(&b, "entity", entity);
        json = bf_body_print(&b);
        len = strlen(json);
    }
    rc = bf_hub_publish_wait(lab->hub->hub, json, len, &emitted, err);
    if (!rc)
        *id = bf_arena_dup(lab->c->arena, emitted.id);
    return rc;
}

bool bf_lab_is_action(struct bf_lab *lab, const char *automation, int64_t i, const char *named)
{
    const struct bf_json *all = bf_json_get(lab->document, "automations"), *action = NULL;
    const char *to, *sink;

    for (const struct bf_json *a = bf_json_first(all); a; a = bf_json_next(all, a))
        if (bf_json_eq(bf_json_get(a, "name"), automation))
            action = bf_json_at(a, bf_arena_printf(lab->c->arena, "/actions/%lld", (long long)i));
    to = text(lab, action, "integration");
    sink = text(lab, action, "sink");
    return !named || (to && strcmp(to, named) == 0) || (sink && strcmp(sink, named) == 0);
}
