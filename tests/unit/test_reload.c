/* test_reload.c - settings read again while a hub runs, checked without one, and an end that no
 * plugin can hold up. */
#define BF_STATIC
#include <belfry/belfry.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "tests/unit/pool_rig.h"
#include "tests/test.h"

extern const struct bf_plugin bf_plugin_v1_http, bf_plugin_v1_webhook;

static const struct bf_plugin *const linked[] = {&bf_plugin_v1_http, &bf_plugin_v1_webhook, NULL};

struct log {
    pthread_mutex_t lock;
    char text[65536];
    enum bf_hub_state states[64];
    int n_states;
};

struct world {
    struct bf_hub *hub;
    struct log log;
    pthread_t thread;
    int rc;
    char data[160];
    char file[160];
    struct bf_setting settings[8];
    struct bf_hub_options options;
};

static void on_line(void *arg, int level, const char *line)
{
    struct log *l = arg;
    size_t len;

    (void)level;
    pthread_mutex_lock(&l->lock);
    len = strlen(l->text);
    snprintf(l->text + len, sizeof(l->text) - len, "%s\n", line);
    pthread_mutex_unlock(&l->lock);
}

static void on_state(void *arg, enum bf_hub_state state)
{
    struct log *l = arg;

    pthread_mutex_lock(&l->lock);
    if (l->n_states < 64)
        l->states[l->n_states++] = state;
    pthread_mutex_unlock(&l->lock);
}

static int times_logged(struct world *w, const char *words)
{
    int n = 0;

    pthread_mutex_lock(&w->log.lock);
    for (const char *at = w->log.text; (at = strstr(at, words)); at++)
        n++;
    pthread_mutex_unlock(&w->log.lock);
    return n;
}

/* The words come within five seconds, n times. */
static bool logged(struct world *w, const char *words, int n)
{
    for (int i = 0; i < 500; i++) {
        if (times_logged(w, words) >= n)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    return false;
}

static void *run(void *arg)
{
    struct world *w = arg;
    struct bf_error err;

    w->rc = bf_hub_run(w->hub, &err);
    return NULL;
}

static void write_file(const struct world *w, const char *text)
{
    FILE *f = fopen(w->file, "w");

    fputs(text, f);
    fclose(f);
}

static void prepare(struct world *w)
{
    size_t n = 0;

    memset(w, 0, sizeof(*w));
    pthread_mutex_init(&w->log.lock, NULL);
    snprintf(w->data, sizeof(w->data), "%s/data", test_dir());
    snprintf(w->file, sizeof(w->file), "%s/belfry.lua", test_dir());
    w->settings[n++] = (struct bf_setting){"data", w->data};
    w->settings[n++] = (struct bf_setting){"listen", "127.0.0.1:0"};
    w->settings[n++] = (struct bf_setting){"script_helper", rig_helper()};
    w->options = (struct bf_hub_options){
        .size = sizeof(w->options), .config_file = w->file, .settings = w->settings,
        .plugins = linked, .log = on_line, .log_arg = &w->log, .state = on_state,
        .state_arg = &w->log};
}

static void open_hub(struct world *w)
{
    struct bf_error err;

    if (bf_hub_open(&w->options, &w->hub, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    pthread_create(&w->thread, NULL, run, w);
    CHECK(logged(w, "listening on", 1));
}

static void close_hub(struct world *w)
{
    bf_hub_stop(w->hub);
    pthread_join(w->thread, NULL);
    CHECK_INT(w->rc, 0);
    bf_hub_close(w->hub);
}

static void reload(struct world *w, const char *text)
{
    write_file(w, text);
    bf_hub_reload(w->hub);
}


/* --- reload ---------------------------------------------------------------------------------- */

TEST(a_reload_changes_what_can_change)
{
    struct world w;

    prepare(&w);
    write_file(&w, "log_level = 'info'\n");
    open_hub(&w);
    reload(&w, "log_level = 'debug'\nallow_addresses = '127.0.0.0/8'\n");
    CHECK(logged(&w, "log_level is \"debug\" from now on", 1));
    CHECK(logged(&w, "allow_addresses is \"127.0.0.0/8\" from now on", 1));
    CHECK(logged(&w, "settings read again", 1));
    reload(&w, "log_level = 'debug'\nallow_addresses = '127.0.0.0/8'\n");
    CHECK(logged(&w, "settings read again", 2));
    CHECK_INT(times_logged(&w, "from now on"), 2);
    reload(&w, "");             /* what is not in the file any more is the default again */
    CHECK(logged(&w, "log_level is \"info\" from now on", 1));
    CHECK(logged(&w, "allow_addresses is \"\" from now on", 1));
    close_hub(&w);
}

/* A hook for the setting on_event. */
static void write_script(const struct world *w, const char *name, const char *text)
{
    char path[300];
    FILE *f;

    snprintf(path, sizeof(path), "%s/scripts", w->data);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/scripts/%s", w->data, name);
    f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
}

TEST(every_live_setting_is_changed_by_a_reload)
{
    struct bf_setting_info s;
    struct world w;
    int n = 0;

    prepare(&w);
    write_file(&w, "");
    open_hub(&w);
    write_script(&w, "on.lua", "return { on_event = function(event) return event end }");
    for (size_t i = 0; bf_setting_describe(i, &s); i++) {
        bool number = s.def && *s.def >= '0' && *s.def <= '9';
        const char *another = strcmp(s.name, "on_event") == 0 ? "on.lua"
                              : s.choices ? strrchr(s.choices, '|') + 1
                              : !number ? "127.0.0.0/8"
                              : strchr(s.def, 'm') ? "7m" : "7";
        char text[256], words[256];

        if (!s.live)
            continue;
        snprintf(text, sizeof(text), "%s = '%s'\n", s.name, another);
        snprintf(words, sizeof(words), "%s is \"%s\" from now on", s.name, another);
        reload(&w, text);
        if (!logged(&w, words, 1))
            test_failed(__FILE__, __LINE__, "%s is not in force", s.name);
        n++;
    }
    CHECK(n >= 2);
    close_hub(&w);
}

/* The addresses were allowed already when the script was found to be missing. */
TEST(a_reload_that_fails_takes_back_what_it_has_changed)
{
    struct world w;

    prepare(&w);
    write_file(&w, "");
    open_hub(&w);
    reload(&w, "allow_addresses = '127.0.0.0/8'\non_event = 'none.lua'\n");
    CHECK(logged(&w, "reload refused, the old settings stay: on_event: there is no none.lua in", 1));
    CHECK_INT(times_logged(&w, "from now on"), 0);
    write_script(&w, "filter.lua", "return { filter = function(event) return true end }");
    reload(&w, "on_event = 'filter.lua'\n");
    CHECK(logged(&w, "reload refused", 2));
    reload(&w, "on_event = '../master.key'\n");
    CHECK(logged(&w, "on_event must be the name of a file", 1));
    write_script(&w, "none.lua", "return { on_event = function(event) return event end }");
    reload(&w, "allow_addresses = '127.0.0.0/8'\non_event = 'none.lua'\n");
    CHECK(logged(&w, "allow_addresses is \"127.0.0.0/8\" from now on", 1));
    CHECK(logged(&w, "on_event is \"none.lua\" from now on", 1));
    close_hub(&w);
}

TEST(a_reload_names_what_needs_a_restart)
{
    struct world w;

    prepare(&w);
    write_file(&w, "threads = 1\n");
    open_hub(&w);
    reload(&w, "threads = 2\n");
    CHECK(logged(&w, "threads has changed, and needs a restart", 1));
    close_hub(&w);
}

TEST(a_bad_file_changes_nothing)
{
    static const char *const bad[] = {
        "log_level = 'debug'\nallow_addresses = 'nowhere'\n", "log_level = 'debug'\nlog_lvl = 1\n",
        "log_level = 'debug'\nthis is not lua\n", "log_level = 'debug'\nthreads = 'many'\n",
    };
    struct world w;

    prepare(&w);
    write_file(&w, "allow_addresses = '10.0.0.0/8'\n");
    open_hub(&w);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        reload(&w, bad[i]);
        CHECK(logged(&w, "reload refused, the old settings stay", (int)i + 1));
    }
    unlink(w.file);
    bf_hub_reload(w.hub);
    CHECK(logged(&w, "reload refused", 5));
    CHECK_INT(times_logged(&w, "from now on"), 0);
    close_hub(&w);
}

TEST(whoever_embeds_is_told_where_the_hub_is)
{
    static const enum bf_hub_state want[] = {BF_HUB_RUNNING, BF_HUB_RELOADING, BF_HUB_RUNNING,
                                             BF_HUB_STOPPING};
    struct world w;

    prepare(&w);
    write_file(&w, "");
    open_hub(&w);
    bf_hub_reload(w.hub);
    CHECK(logged(&w, "settings read again", 1));
    close_hub(&w);
    CHECK_INT(w.log.n_states, 4);
    for (int i = 0; i < 4; i++)
        CHECK_INT(w.log.states[i], want[i]);
}


/* --- checking ---------------------------------------------------------------------------------- */

struct problems {
    int n;
    char text[8192];
};

static void on_problem(void *arg, const struct bf_error *problem)
{
    struct problems *p = arg;
    size_t len = strlen(p->text);

    p->n++;
    snprintf(p->text + len, sizeof(p->text) - len, "[%s] %s\n", problem->field, problem->words);
}

TEST(a_check_says_everything_that_is_wrong)
{
    struct problems p = {0};
    struct world w;

    prepare(&w);
    write_file(&w, "log_level = 'loud'\n"
                   "threads = 'x'\n"
                   "public_url = 'ftp://x'\n"
                   "allow_addresses = { '10.0.0.1/8' }\n"
                   "ca_file = '/nowhere/ca.pem'\n"
                   "plugins = 'http nonesuch webhook nonesuch2'\n"
                   "lisen = 1\n"
                   "admin_key = {{}}\n");
    w.settings[1] = (struct bf_setting){"listen", "localhost"};
    CHECK_INT(bf_hub_check(&w.options, on_problem, &p), p.n);
    CHECK_INT(p.n, 10);
    CHECK_HAS(p.text, "[log_level] ");
    CHECK_HAS(p.text, "[threads] ");
    CHECK_HAS(p.text, "[public_url] ");
    CHECK_HAS(p.text, "[allow_addresses] ");
    CHECK_HAS(p.text, "[ca_file] ");
    CHECK_HAS(p.text, "nonesuch.so");
    CHECK_HAS(p.text, "nonesuch2.so");
    CHECK_HAS(p.text, "belfry.lua:7: there is no setting \"lisen\"; did you mean \"listen\"?");
    CHECK_HAS(p.text, "belfry.lua:2: threads must be a number");
    CHECK_HAS(p.text, "[admin_key] ");
    CHECK_HAS(p.text, "[listen] ");
}

static const char *checked_with(struct world *w, const char *on_event)
{
    static struct problems p;
    char text[400];

    memset(&p, 0, sizeof(p));
    snprintf(text, sizeof(text), "on_event = '%s'\n", on_event);
    write_file(w, text);
    bf_hub_check(&w->options, on_problem, &p);
    return p.text;
}

TEST(a_check_loads_the_script_of_on_event)
{
    struct world w;

    prepare(&w);
    mkdir(w.data, 0700);
    write_script(&w, "good.lua", "return { on_event = function(event) return event end }");
    write_script(&w, "broken.lua", "return {\non_event = function(event) retrun event end }");
    write_script(&w, "other.lua", "return { filter = function(event) return true end }");
    CHECK_STR(checked_with(&w, "good.lua"), "");
    CHECK_HAS(checked_with(&w, "broken.lua"), "[on_event] on_event: broken.lua:2: ");
    CHECK_HAS(checked_with(&w, "other.lua"), "[on_event] on_event: other.lua has filter, and no");
    CHECK_HAS(checked_with(&w, "none.lua"), "[on_event] on_event: ");
    CHECK_HAS(checked_with(&w, "../x"), "belfry.lua:1: on_event must be the name of a file");
}

TEST(a_check_misses_the_program_that_runs_scripts)
{
    struct problems p = {0};
    struct world w;

    prepare(&w);
    write_file(&w, "script_helper = '/nowhere/belfry-script'\n");
    w.settings[2] = (struct bf_setting){NULL, NULL};
    CHECK_INT(bf_hub_check(&w.options, on_problem, &p), 1);
    CHECK_HAS(p.text, "[script_helper] script_helper: hooks cannot run: /nowhere/belfry-script: ");
}

TEST(a_check_leaves_nothing_behind)
{
    struct problems p = {0};
    struct world w;
    struct stat st;

    prepare(&w);
    write_file(&w, "");
    setenv("TMPDIR", test_dir(), 1);
    CHECK_INT(bf_hub_check(&w.options, on_problem, &p), 0);
    CHECK(stat(w.data, &st) != 0);
    unlink(w.file);
    CHECK_INT(rmdir(test_dir()), 0);    /* so it is empty */
    mkdir(test_dir(), 0700);
}

TEST(a_check_looks_at_the_data_directory_of_a_running_hub)
{
    struct problems p = {0};
    char path[200];
    struct world w;

    prepare(&w);
    write_file(&w, "");
    open_hub(&w);
    CHECK_INT(bf_hub_check(&w.options, on_problem, &p), 0);
    close_hub(&w);
    snprintf(path, sizeof(path), "%s/master.key", w.data);
    unlink(path);
    CHECK_INT(bf_hub_check(&w.options, on_problem, &p), 1);
    CHECK_HAS(p.text, "master.key is missing");
}

struct seen {
    char text[4096];
};

static void on_setting(void *arg, const char *name, const char *value, enum bf_setting_from from)
{
    static const char *const words[] = {"default", "file", "given"};
    struct seen *s = arg;
    size_t len = strlen(s->text);

    snprintf(s->text + len, sizeof(s->text) - len, "%s=%s (%s)\n", name, value ? value : "-",
             words[from]);
}

TEST(settings_tell_where_they_came_from)
{
    struct seen seen = {""};
    struct world w;
    struct bf_error err;
    char data[256];

    prepare(&w);
    write_file(&w, "threads = 2\ndata = '/x'\n");
    CHECK_INT(bf_settings_each(&w.options, on_setting, &seen, &err), 0);
    snprintf(data, sizeof(data), "data=%s (given)\n", w.data);
    CHECK_HAS(seen.text, data);
    CHECK_HAS(seen.text, "threads=2 (file)\n");
    CHECK_HAS(seen.text, "log_level=info (default)\n");
    CHECK_HAS(seen.text, "public_url=- (default)\n");
}


/* --- an end that a plugin holds up ----------------------------------------------------------------- */

#define STOP_MS 2500

static int deaf_run(struct bf_ctx *ctx, void *self)
{
    (void)ctx;
    (void)self;
    for (;;)
        pause();
    return 0;
}

static const struct bf_source deaf_source = {
    BF_SOURCE("deaf", "a source that never comes back"),
    .run = deaf_run,
};
BF_PLUGIN(deaf, "1.0", BF_SOURCES(&deaf_source));

TEST(a_source_that_never_comes_back_does_not_hold_up_the_end)
{
    static const struct bf_plugin *const plugins[] = {&bf_plugin_v1_http, &bf_plugin_v1_webhook,
                                                      &bf_plugin_v1_deaf, NULL};
    static struct world w;      /* so that what is left to the thread is not called a leak */
    struct bf_hub *again;
    struct bf_error err;
    int64_t begun;

    prepare(&w);
    write_file(&w, "");
    w.options.plugins = plugins;
    w.options.stop_ms = STOP_MS;
    w.settings[2] = (struct bf_setting){"plugins", "http webhook deaf"};
    open_hub(&w);
    begun = bf_mono_ms(bf_clock_system());
    close_hub(&w);
    CHECK(bf_mono_ms(bf_clock_system()) - begun < STOP_MS + 1000);
    CHECK(logged(&w, "does not come back from run()", 1));
    CHECK_INT(bf_hub_open(&w.options, &again, &err), 0);       /* the data directory is free */
    bf_hub_close(again);
}


static atomic_int n_swallowed;

/* A library that blocks, and that nobody wakes. */
static int swallow(void *self, const struct bf_delivery *d)
{
    (void)self;
    (void)d;
    n_swallowed++;
    for (;;)
        pause();
    return BF_DELIVERED;
}

static const struct bf_sink swallower = {
    BF_SINK("swallow", "a sink that never comes back"),
    .deliver_blocking = swallow,
};
BF_PLUGIN(swallow, "1.0", BF_SINKS(&swallower));

static void ask(struct bf_remote *r, const char *method, const char *path,
                const char *body, char id[27])
{
    struct bf_remote_request q = {.size = sizeof(q), .method = method, .path = path, .body = body,
                                  .body_len = strlen(body)};
    struct bf_remote_answer answer = {.size = sizeof(answer)};
    struct bf_error err;

    if (bf_remote_call(r, &q, &answer, &err))
        test_failed(__FILE__, __LINE__, "%s %s: %s", method, path, err.words);
    if (id)
        snprintf(id, 27, "%.26s", strstr(answer.body, "\"id\":\"") + 6);
}

/* Sends an event whose automation calls the sink. */
static void make_it_deliver(struct world *w, const char *key)
{
    char url[80], body[400], id[27];
    struct bf_remote_options o = {.size = sizeof(o), .url = url, .key = key};
    struct bf_remote *r;
    struct bf_error err;

    snprintf(url, sizeof(url), "http://%s", bf_hub_address(w->hub));
    CHECK_INT(bf_remote_open(&o, &r, &err), 0);
    ask(r, "PUT", "/api/v1/teams/acme", "{}", NULL);
    ask(r, "POST", "/api/v1/teams/acme/integrations",
        "{\"sink\":\"swallow\",\"name\":\"s\"}", id);
    snprintf(body, sizeof(body), "{\"name\":\"n\",\"scope\":{\"entity\":\"acme\"},"
             "\"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\"},"
             "\"actions\":[{\"integration\":\"%s\"}]}", id);
    ask(r, "POST", "/api/v1/automations", body, NULL);
    ask(r, "POST", "/api/v1/events", "{\"type\":\"artifact.alias.add\",\"entity\":\"acme\","
        "\"project\":\"p\",\"collection\":\"c\",\"alias\":\"a\"}", NULL);
    bf_remote_close(r);
}

TEST(a_sink_that_never_comes_back_does_not_hold_up_the_end)
{
    static const struct bf_plugin *const plugins[] = {&bf_plugin_v1_http, &bf_plugin_v1_webhook,
                                                      &bf_plugin_v1_swallow, NULL};
    static const char key[] = "bf-0123456789abcdef0123456789abcdef01234567";
    static struct world w;
    int64_t begun;

    prepare(&w);
    write_file(&w, "");
    w.options.plugins = plugins;
    w.options.stop_ms = STOP_MS;
    w.settings[2] = (struct bf_setting){"plugins", "http webhook swallow"};
    w.settings[3] = (struct bf_setting){"admin_key", key};
    open_hub(&w);
    make_it_deliver(&w, key);
    for (int i = 0; i < 500 && !n_swallowed; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    CHECK_INT(n_swallowed, 1);
    begun = bf_mono_ms(bf_clock_system());
    close_hub(&w);
    CHECK(bf_mono_ms(bf_clock_system()) - begun < STOP_MS + 1000);
    CHECK(logged(&w, "a plugin does not come back", 1));
}
