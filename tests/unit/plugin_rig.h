/* plugin_rig.h - the plugin room with real rooms below it, none of them running: a store in the
 * test's directory, a team "acme", and a plugin that the test links in. */
#ifndef PLUGIN_RIG_H
#define PLUGIN_RIG_H

#include <stdlib.h>

#include "core/base/base.h"
#include "core/base/crypto.h"
#include "core/outbox/digest.h"
#include "core/plugin/inner.h"
#include "tests/test.h"

struct rig {
    struct bf_db *db;
    struct bf_team *team;
    struct bf_bus *bus;
    struct bf_loop *loop;
    struct bf_workers *workers;
    struct bf_guard *guard;
    struct bf_plugins *plugins;
    char path[512];
};

static inline void rig_ok(int rc, const struct bf_error *err)
{
    if (rc)
        test_failed(__FILE__, __LINE__, "%d: %s: %s", rc, err->field, err->words);
}

static inline void rig_open(struct rig *r, const struct bf_plugin *plugin)
{
    struct bf_error err = {0};
    bool made;

    rig_ok(bf_crypto_init(&err), &err);
    snprintf(r->path, sizeof(r->path), "%s/belfry.db", test_dir());
    rig_ok(bf_db_open(r->path, BF_DB_WRITE, &r->db, &err), &err);
    rig_ok(bf_team_open(r->db, test_dir(), &r->team, &err), &err);
    rig_ok(bf_db_begin(r->db), &err);
    rig_ok(bf_team_put_entity(r->db, "acme", "team", 1, &made, &err), &err);
    rig_ok(bf_db_commit(r->db), &err);
    rig_ok(bf_team_refresh(r->team, r->db, NULL, NULL, &err), &err);
    rig_ok(bf_bus_open(r->db, bf_clock_system(), NULL, &(struct bf_bus_hooks){0}, &r->bus, &err),
           &err);
    rig_ok(bf_guard_new(NULL, &r->guard, &err), &err);
    rig_ok(bf_loop_new(r->guard, "test", bf_clock_system(), NULL, &r->loop, &err), &err);
    r->workers = bf_workers_new(2, 16);
    r->plugins = bf_plugins_new(&(struct bf_plugins_rooms){.plugin_dir = test_dir(),
                                                           .data_dir = test_dir(),
                                                           .db_path = r->path,
                                                           .public_url = "https://hub.example",
                                                           .clock = bf_clock_system(),
                                                           .db = r->db,
                                                           .bus = r->bus,
                                                           .team = r->team,
                                                           .loop = r->loop,
                                                           .workers = r->workers,
                                                           .guard = r->guard});
    rig_ok(bf_plugins_add(r->plugins, plugin, &err), &err);
}

static inline void rig_close(struct rig *r)
{
    bf_loop_free(r->loop);
    bf_plugins_free(r->plugins);
    bf_workers_stop(r->workers);
    bf_workers_free(r->workers);
    bf_bus_close(r->bus);
    bf_team_close(r->team);
    bf_guard_free(r->guard);
    bf_db_close(r->db);
}

static inline void rig_secret(struct rig *r, const char *name, const char *value)
{
    struct bf_error err = {0};
    bool made;

    rig_ok(bf_db_begin(r->db), &err);
    rig_ok(bf_team_put_secret(r->team, r->db, "acme", name, value, strlen(value), 1, &made, &err),
           &err);
    rig_ok(bf_db_commit(r->db), &err);
    rig_ok(bf_team_refresh(r->team, r->db, NULL, NULL, &err), &err);
}

static inline void rig_delete_secret(struct rig *r, const char *name)
{
    struct bf_error err = {0};

    rig_ok(bf_db_begin(r->db), &err);
    rig_ok(bf_team_delete_secret(r->db, "acme", name, &err), &err);
    rig_ok(bf_db_commit(r->db), &err);
    rig_ok(bf_team_refresh(r->team, r->db, "secret", "acme/", &err), &err);
    rig_ok(bf_team_refresh(r->team, r->db, NULL, NULL, &err), &err);
}

#define RIG_INTEGRATION "01INTEGRATION0000000000000"

/* An integration with options as they are stored. */
static inline void rig_integration(struct rig *r, const char *sink, const char *config)
{
    struct bf_error err = {0};

    rig_ok(bf_db_begin(r->db), &err);
    rig_ok(bf_team_put_integration(r->db, RIG_INTEGRATION, "acme", sink, "ops", config, "", 1,
                                   &err), &err);
    rig_ok(bf_db_commit(r->db), &err);
    rig_ok(bf_team_refresh(r->team, r->db, NULL, NULL, &err), &err);
    bf_plugins_integration_changed(r->plugins, RIG_INTEGRATION);
}

/* One attempt at an alias event, with an action's options. */
struct rig_attempt {
    struct bf_attempt at;
    struct bf_automation automation;
    struct bf_action action;
};

static inline void rig_attempt(struct rig_attempt *t, const char *action_config)
{
    static const char text[] =
        "{\"type\":\"artifact.alias.add\",\"entity\":\"acme\",\"project\":\"vision\","
        "\"collection\":\"resnet\",\"author\":\"ana\",\"alias\":\"production\","
        "\"artifact\":{\"id\":\"YQ==\",\"version\":\"v7\",\"type\":\"model\"}}";
    struct bf_arena *scratch = bf_arena_new(1024 * 1024);
    struct bf_execution *x = bf_execution_new();
    struct bf_error err = {0};

    *t = (struct rig_attempt){0};
    t->action = (struct bf_action){RIG_INTEGRATION, action_config, strlen(action_config), ""};
    atomic_init(&t->automation.refs, 1000);     /* nobody's to free */
    t->automation.name = "notify";
    t->automation.revision = 7;
    t->automation.n_actions = 1;
    t->automation.actions = &t->action;
    x->automation = &t->automation;
    t->automation.trigger = bf_trigger_by_wire("ADD_ARTIFACT_ALIAS");
    x->trigger = t->automation.trigger->wire;
    snprintf(x->id, sizeof(x->id), "%s", "01EXECUTION000000000000000");
    rig_ok(bf_envelope_parse(scratch, text, sizeof(text) - 1, BF_FROM_OUTSIDE, &x->event, &err),
           &err);
    bf_arena_free(scratch);
    snprintf(x->event->id, sizeof(x->event->id), "01EVENT");
    t->at.execution = x;
    t->at.arena = bf_arena_new(16 * 1024 * 1024);
    t->at.ticket = 99;
    t->at.number = 1;
}

/* A digest of three: the event that opened it, and two with other aliases and facts that joined. */
static inline void rig_digest(struct rig_attempt *t)
{
    struct bf_execution *x = t->at.execution;
    struct bf_digest *d = bf_zalloc(sizeof(*d) + 2 * sizeof(d->later[0]));
    struct bf_arena *a = bf_arena_new(1 << 20);

    bf_execution_set_facts(x, "{\"step\":1}", 10);
    for (int i = 0; i < 2; i++) {
        const char *text = bf_arena_printf(a, "{\"type\":\"artifact.alias.add\",\"entity\":\"acme\","
                                           "\"project\":\"vision\",\"collection\":\"resnet\",\"alias\":"
                                           "\"later%d\"}", i);

        CHECK_INT(bf_envelope_parse(a, text, strlen(text), BF_FROM_OUTSIDE, &d->later[i].event, NULL),
                  0);
        d->later[i].facts = bf_strdup(i ? "{\"metric\":\"m1\"}" : "{\"metric\":\"m0\"}");
        d->later[i].facts_len = 15;
    }
    d->n_later = 2;
    d->n_firings = 3;
    d->hops = 4;
    d->firings = bf_strdup("[{\"a\":1},{},{}]");
    x->is_digest = true;
    x->digest = d;
    bf_arena_free(a);
}

static inline void rig_attempt_end(struct rig *r, struct rig_attempt *t)
{
    struct bf_courier_ops ops = bf_plugins_courier_ops(r->plugins);

    ops.forget(ops.arg, &t->at);
    bf_arena_free(t->at.arena);
    t->at.execution->automation = NULL;
    bf_execution_unref(t->at.execution);
}

static inline enum bf_step rig_prepare(struct rig *r, struct rig_attempt *t)
{
    struct bf_courier_ops ops = bf_plugins_courier_ops(r->plugins);

    return ops.prepare(ops.arg, &t->at);
}

static inline const char *rig_header(const struct rig_attempt *t, const char *name)
{
    for (const char *const *h = t->at.out.http.headers; h && h[0]; h += 2)
        if (strcasecmp(h[0], name) == 0)
            return h[1];
    return NULL;
}

#endif
