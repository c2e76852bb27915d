/* hub.c - the composition root: opens the rooms in order, fills the tables by which lower rooms
 * call upwards, runs, and takes everything down again in the opposite order.
 *
 * Nothing else knows all rooms.  The order of stopping is what keeps the promises: first no new
 * requests, then sources, then the attempts under way and their records, then the engine. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/hub_int.h"
#include "core/plan/managed.h"

#define WORKERS_MAX      8
#define WORKER_QUEUE_MAX 1024
#define STUCK_MS         1500   /* a transaction that takes longer is told by /readyz */
#define STOP_MS          20000  /* the end, in all */
#define LEAVE_MS         300    /* of it for threads of plugins to come back, each kind of them */

/* --- what lower rooms call -------------------------------------------------- */

static void on_change(void *arg, const struct bf_execution *e) { hub_notify(arg, e); }

static void on_enqueued(void *arg, struct bf_execution *const *executions, size_t n)
{
    struct bf_hub *hub = arg;

    bf_courier_offer(hub->courier, executions, n);
    for (size_t i = 0; i < n; i++)
        hub_notify(hub, executions[i]);
}

static void on_batch(void *arg, bool begin)
{
    struct bf_hub *hub = arg;

    if (begin) {
        bf_listener_hold(hub->listener);
    } else {
        bf_listener_release(hub->listener);
        bf_plugins_committed(hub->plugins);
    }
}

static void on_health(void *arg, bool ok, const char *words)
{
    struct bf_hub *hub = arg;

    pthread_mutex_lock(&hub->lock);
    hub->store_ok = ok;
    snprintf(hub->store_words, sizeof(hub->store_words), "%s", words);
    pthread_mutex_unlock(&hub->lock);
}

static bool is_ready(void *arg, char *words, size_t len)
{
    struct bf_hub *hub = arg;
    bool ok;

    pthread_mutex_lock(&hub->lock);
    ok = hub->store_ok;
    snprintf(words, len, "%s", hub->store_words);
    pthread_mutex_unlock(&hub->lock);
    if (ok && bf_bus_busy_ms(hub->bus) > STUCK_MS) {
        snprintf(words, len, "the store has not answered for %lld s",
                 (long long)bf_bus_busy_ms(hub->bus) / 1000);
        return false;
    }
    return ok;
}

/* The members of an integration behind its id. */
static void on_integration(void *arg, const char *id, struct bf_buf *out)
{
    struct bf_integration *i = bf_team_integration(((struct bf_hub *)arg)->team, id);

    if (!i)
        return;
    bf_buf_adds(out, ",\"name\":");
    bf_buf_json(out, i->name);
    bf_buf_adds(out, ",\"sink\":");
    bf_buf_json(out, i->sink);
    bf_integration_unref(i);
}

static void on_configured(void *arg, int64_t *ms, char *words, size_t len)
{
    struct bf_hub *hub = arg;

    pthread_mutex_lock(&hub->lock);
    *ms = hub->configured_ms;
    snprintf(words, len, "%s", hub->reload_words);
    pthread_mutex_unlock(&hub->lock);
}

/* Each loop of the listener reads by a connection of its own. */
static void *open_reader(void *arg)
{
    struct bf_hub *hub = arg;
    struct bf_db *db;
    struct bf_error err;

    if (bf_db_open(hub->db_path, BF_DB_READ, &db, &err)) {
        bf_errorf(hub->log, "hub", "%s", err.words);
        return NULL;
    }
    return db;
}

static void close_reader(void *arg, void *db)
{
    (void)arg;
    bf_db_close(db);
}


/* --- opening ----------------------------------------------------------------- */

int hub_log_level(const char *name)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    int level = 0;

    while (level < (int)BF_COUNT(names) - 1 && strcmp(names[level], name) != 0)
        level++;
    return level;
}

/* An error of a room that does not know what our settings are called. */
static int blame(int rc, const char *setting, struct bf_error *err)
{
    if (rc && !err->field[0])
        snprintf(err->field, sizeof(err->field), "%s", setting);
    return rc;
}

static int open_store(struct bf_hub *hub, struct bf_error *err)
{
    int rc = bf_data_lock(hub->settings.data, &hub->lock_fd, hub->db_path, err);

    if (!rc)
        rc = bf_db_open(hub->db_path, BF_DB_WRITE, &hub->db, err);
    if (!rc)
        rc = bf_team_open(hub->db, hub->settings.data, &hub->team, err);
    if (!rc)
        bf_team_attend(hub->team, hub->clock, hub->log);
    if (!rc)
        rc = bf_intakes_open(hub->db, &hub->intakes, err);
    if (!rc)
        rc = bf_db_migrate(hub->db, "plan", bf_managed_schema, err);
    return rc;
}

static int open_net(struct bf_hub *hub, struct bf_error *err)
{
    struct bf_listener_options o = {
        .listen = hub->settings.listen,
        .n_threads = (unsigned)strtoul(hub->settings.threads, NULL, 10),
        .spool_dir = hub->settings.data,
        .log = hub->log,
        .local_new = open_reader,
        .local_free = close_reader,
        .arg = hub,
    };
    int rc = blame(bf_guard_new(hub->settings.allow_addresses, &hub->guard, err),
                   "allow_addresses", err);

    if (!rc)
        rc = blame(bf_listener_open(&o, &hub->listener, err), "listen", err);
    if (rc)
        return rc;
    bf_guard_own(hub->guard, bf_listener_sockaddr(hub->listener));
    hub->public_url = bf_strdup(hub->settings.public_url);
    if (!hub->public_url) {
        const char *address = bf_listener_address(hub->listener);

        hub->public_url = bf_zalloc(strlen(address) + 8);
        sprintf(hub->public_url, "http://%s", address);
    }
    return BF_OK;
}

void hub_keep(struct bf_hub *hub, const char *days, const char *bytes)
{
    int64_t kept_ms = 0, max_bytes = 0;

    bf_settings_days(days, &kept_ms);
    bf_settings_bytes(bytes, &max_bytes);
    bf_keeper_keep(hub->keeper, kept_ms, max_bytes);
}

void hub_listen_for_heartbeats(struct bf_hub *hub, const char *timeout)
{
    int64_t ms = 0;

    bf_settings_heartbeat(timeout, &ms);
    bf_bus_heartbeats(hub->bus, ms);
}

static int open_bus(struct bf_hub *hub, struct bf_error *err)
{
    struct bf_bus_hooks hooks = {on_enqueued, on_batch, on_health, hub, on_integration};
    int rc = bf_bus_open(hub->db, hub->clock, hub->log, &hooks, &hub->bus, err);

    if (!rc)
        rc = bf_data_place_teams(hub->db, hub->bus, err);
    if (!rc)
        rc = bf_loop_new(hub->guard, "belfry/" BF_VERSION, hub->clock, hub->log, &hub->loop, err);
    if (!rc && hub->settings.ca_file)
        rc = blame(bf_client_trust(bf_loop_client(hub->loop), hub->settings.ca_file, err),
                   "ca_file", err);
    if (!rc)
        rc = hub_hooks_open(hub, err);
    if (rc)
        return rc;
    hub->workers = bf_workers_new(WORKERS_MAX, WORKER_QUEUE_MAX);
    hub->keeper = bf_keeper_new(hub->loop, hub->bus, hub->clock, hub->log);
    hub_keep(hub, hub->settings.retention_days, hub->settings.retention_bytes);
    hub_listen_for_heartbeats(hub, hub->settings.heartbeat_timeout);
    return BF_OK;
}

static int load_named_plugins(struct bf_hub *hub, bool linked, struct bf_error *err)
{
    const struct bf_settings *s = &hub->settings;
    char *names = bf_plugin_names(s->plugins, s->plugin_dir, linked, err), *save = NULL;
    int rc = names ? BF_OK : blame(BF_ECONFIG, "plugin_dir", err);

    for (char *n = names ? strtok_r(names, " ", &save) : NULL; n && !rc;
         n = strtok_r(NULL, " ", &save))
        rc = blame(bf_plugins_load(hub->plugins, n, err), "plugins", err);
    free(names);
    return rc;
}

static int open_plugins(struct bf_hub *hub, const struct bf_plugin *const *linked,
                        struct bf_error *err)
{
    struct bf_plugins_rooms rooms = {
        .plugin_dir = hub->settings.plugin_dir,
        .data_dir = hub->settings.data,
        .db_path = hub->db_path,
        .public_url = hub->public_url,
        .clock = hub->clock,
        .log = hub->log,
        .db = hub->db,
        .bus = hub->bus,
        .team = hub->team,
        .listener = hub->listener,
        .loop = hub->loop,
        .workers = hub->workers,
        .guard = hub->guard,
        .scripts = hub->scripts,
        .ask = bf_scripts_ask,
        .ask_wait = bf_scripts_ask_wait,
    };
    bool has_linked = linked && *linked;
    int rc = BF_OK;

    hub->plugins = bf_plugins_new(&rooms);
    for (; !rc && linked && *linked; linked++)
        rc = bf_plugins_add(hub->plugins, *linked, err);
    if (!rc)
        rc = load_named_plugins(hub, has_linked, err);
    if (!rc)
        rc = bf_plugins_make_sources(hub->plugins, hub->settings.sources, err);
    return rc;
}

static int open_courier(struct bf_hub *hub, struct bf_error *err)
{
    struct bf_courier_ops ops = bf_plugins_courier_ops(hub->plugins);
    int rc = bf_courier_new(hub->loop, hub->workers, hub->bus, hub->db_path, &ops, hub->clock,
                            hub->log, &hub->courier, err);

    if (rc)
        return rc;
    bf_courier_on_change(hub->courier, on_change, hub);
    bf_plugins_set_courier(hub->plugins, hub->courier);
    return BF_OK;
}

static int on_ask_wait(void *arg, struct bf_ask *ask)
{
    return bf_scripts_ask_wait(((struct bf_hub *)arg)->scripts, ask);
}

static void open_backtests(struct bf_hub *hub)
{
    hub->backtests = bf_backtests_new(&(struct bf_backtest_rooms){.db_path = hub->db_path,
                                                                  .bus = hub->bus,
                                                                  .team = hub->team,
                                                                  .plugins = hub->plugins,
                                                                  .asker = {.ask = on_ask_wait,
                                                                            .arg = hub},
                                                                  .clock = hub->clock,
                                                                  .log = hub->log});
}

static int open_api(struct bf_hub *hub, struct bf_error *err)
{
    hub->api = (struct bf_api){
        .clock = hub->clock,
        .log = hub->log,
        .bus = hub->bus,
        .scripts = hub->scripts,
        .team = hub->team,
        .intakes = hub->intakes,
        .plugins = hub->plugins,
        .courier = hub->courier,
        .keeper = hub->keeper,
        .backtests = hub->backtests,
        .listener = hub->listener,
        .public_url = hub->public_url,
        .db_path = hub->db_path,
        .metrics_token = hub->settings.metrics_token,
        .opened_mono = bf_mono_ms(hub->clock),
        .ready = is_ready,
        .ready_arg = hub,
        .started_ms = bf_wall_ms(hub->clock),
        .configured = on_configured,
        .on_event = hub_has_on_event,
        .configured_arg = hub,
    };
    return bf_api_register(&hub->api, err);
}

static int make_first_admin(struct bf_hub *hub, struct bf_error *err)
{
    return blame(bf_team_first_admin(hub->team, hub->db, hub->settings.admin_key,
                                     bf_wall_ms(hub->clock), hub->first_key, err),
                 "admin_key", err);
}

/* The admin comes last: their key is shown once, and not at all by a hub that does not open. */
static int open_rooms(struct bf_hub *hub, const struct bf_hub_options *o, struct bf_error *err)
{
    int rc = open_store(hub, err);

    if (!rc)
        rc = open_net(hub, err);
    if (!rc)
        rc = open_bus(hub, err);
    if (!rc)
        rc = open_plugins(hub, o->plugins, err);
    if (!rc)
        rc = open_courier(hub, err);
    if (!rc)
        open_backtests(hub);
    if (!rc)
        rc = open_api(hub, err);
    if (!rc)
        rc = make_first_admin(hub, err);
    return rc;
}

int bf_hub_open(const struct bf_hub_options *o, struct bf_hub **out, struct bf_error *err)
{
    struct bf_hub *hub = bf_new(struct bf_hub);
    int rc = bf_crypto_init(err);

    hub->clock = bf_clock_system();
    hub->lock_fd = -1;
    hub->stop_fd = eventfd(0, EFD_CLOEXEC);
    hub->reload_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    hub->configured_ms = bf_wall_ms(hub->clock);
    hub_keep_options(hub, o);
    hub->store_ok = true;
    pthread_mutex_init(&hub->lock, NULL);
    if (!rc && (hub->stop_fd < 0 || hub->reload_fd < 0))
        rc = bf_error_set(err, BF_EIO, "cannot make an eventfd: %s", strerror(errno));
    if (!rc)
        rc = bf_settings_init(&hub->settings, o, err);
    if (!rc) {
        hub->log = bf_log_new(hub_log_level(hub->settings.log_level), o->log, o->log_arg);
        rc = open_rooms(hub, o, err);
    }
    if (rc)
        bf_hub_close(hub);
    else
        *out = hub;
    return rc;
}


/* --- running ----------------------------------------------------------------- */

static int start(struct bf_hub *hub, struct bf_error *err)
{
    int rc = bf_bus_start(hub->bus, err);

    if (!rc)
        bf_scripts_look(hub->scripts, NULL);
    if (!rc)
        rc = bf_courier_start(hub->courier, err);
    if (!rc)
        rc = bf_loop_start(hub->loop, err);
    if (!rc)
        hub_uses_start(hub);
    if (!rc)
        rc = bf_plugins_start(hub->plugins, err);
    if (!rc)
        rc = bf_listener_start(hub->listener, err);
    if (!rc)
        bf_keeper_start(hub->keeper);
    return rc;
}

/* What is left, but never nothing: each step may do its work if it is quick. */
static int64_t left_ms(const struct bf_hub *hub, int64_t until)
{
    return bf_max64(until - bf_mono_ms(hub->clock), LEAVE_MS);
}

/* A plugin that does not come back cannot hold up the end: the engine has committed everything by
 * then, and what such a plugin was doing is done again after the next start. */
static void stop(struct bf_hub *hub)
{
    int64_t all = hub->options.stop_ms ? hub->options.stop_ms : STOP_MS;
    int64_t until = bf_mono_ms(hub->clock) + all - 3 * LEAVE_MS;

    if (hub->keeper)
        bf_keeper_stop(hub->keeper);
    hub->stuck = !bf_backtests_stop(hub->backtests, left_ms(hub, until) / 4);
    bf_listener_drain(hub->listener, left_ms(hub, until) / 2);
    if (!bf_plugins_stop(hub->plugins, left_ms(hub, until) / 2))
        hub->stuck = true;
    bf_courier_drain(hub->courier, left_ms(hub, until));
    hub_uses_save(hub);
    bf_bus_stop(hub->bus);      /* which still gets answers of scripts */
    if (!bf_workers_stop_within(hub->workers, left_ms(hub, until)))
        hub->stuck = true;
    if (!bf_loop_stop_within(hub->loop, LEAVE_MS))
        hub->stuck = true;
    bf_scripts_stop(hub->scripts);
    if (hub->stuck)
        bf_warnf(hub->log, "hub", "a plugin does not come back; what it was doing is done again"
                 " after the next start");
}

void hub_say_state(struct bf_hub *hub, enum bf_hub_state state)
{
    if (hub->options.state)
        hub->options.state(hub->options.state_arg, state);
}

static void wait_for_stop(struct bf_hub *hub)
{
    struct pollfd p[] = {{.fd = hub->stop_fd, .events = POLLIN},
                         {.fd = hub->reload_fd, .events = POLLIN}};
    uint64_t count;

    while (!(p[0].revents & POLLIN)) {
        if (poll(p, BF_COUNT(p), -1) < 0)
            p[0].revents = p[1].revents = 0;    /* a signal */
        if ((p[1].revents & POLLIN) && read(hub->reload_fd, &count, sizeof(count)) > 0)
            hub_reload(hub);
    }
}

int bf_hub_run(struct bf_hub *hub, struct bf_error *err)
{
    int rc = start(hub, err);

    if (!rc) {
        size_t n = bf_bus_automations(hub->bus);

        bf_infof(hub->log, "hub", "listening on %s, %zu automation%s",
                 bf_listener_address(hub->listener), n, n == 1 ? "" : "s");
        hub_say_state(hub, BF_HUB_RUNNING);
        wait_for_stop(hub);
        bf_infof(hub->log, "hub", "stopping");
        hub_say_state(hub, BF_HUB_STOPPING);
    }
    stop(hub);
    if (!rc)
        bf_infof(hub->log, "hub", "stopped");
    return rc;
}

/* write() and nothing else: this runs in signal handlers. */
void bf_hub_stop(struct bf_hub *hub)
{
    uint64_t one = 1;
    ssize_t n = write(hub->stop_fd, &one, sizeof(one));

    (void)n;    /* fails only when it was written very often: then it is readable */
}

void bf_hub_reload(struct bf_hub *hub)
{
    uint64_t one = 1;
    ssize_t n = write(hub->reload_fd, &one, sizeof(one));

    (void)n;
}

/* Takes a hub that was opened half. */
void bf_hub_close(struct bf_hub *hub)
{
    if (!hub)
        return;
    if (hub->stuck) {           /* but for the lock, all of it belongs to the thread left behind */
        close(hub->lock_fd);
        return;
    }
    bf_listener_close(hub->listener);
    bf_backtests_free(hub->backtests);
    bf_plugins_end(hub->plugins);       /* their destroy() may still call loop and courier */
    bf_courier_free(hub->courier);
    bf_plugins_free(hub->plugins);
    bf_loop_free(hub->loop);
    bf_workers_free(hub->workers);
    bf_scripts_stop(hub->scripts);      /* of a hub that never ran */
    bf_bus_close(hub->bus);
    bf_scripts_free(hub->scripts);
    bf_keeper_free(hub->keeper);
    bf_guard_free(hub->guard);
    bf_intakes_close(hub->intakes, hub->db);
    hub_uses_free(hub);
    bf_team_close(hub->team);
    bf_db_close(hub->db);
    if (hub->lock_fd >= 0)
        close(hub->lock_fd);
    if (hub->stop_fd >= 0)
        close(hub->stop_fd);
    if (hub->reload_fd >= 0)
        close(hub->reload_fd);
    bf_arena_free(hub->kept);
    while (hub->subscriptions)
        bf_hub_unsubscribe(hub, hub->subscriptions->number);
    bf_wipe(hub->first_key, sizeof(hub->first_key));
    bf_settings_fini(&hub->settings);
    bf_log_free(hub->log);
    pthread_mutex_destroy(&hub->lock);
    free(hub->public_url);
    free(hub);
}

const char *bf_hub_address(const struct bf_hub *hub) { return bf_listener_address(hub->listener); }

const char *bf_hub_first_key(const struct bf_hub *hub)
{
    return *hub->first_key ? hub->first_key : NULL;
}

const char *bf_version(void) { return BF_VERSION; }
