/* hub_int.h - a hub, as hub.c, publish.c and reload.c share it. */
#ifndef BF_HUB_INT_H
#define BF_HUB_INT_H

#include <belfry/belfry.h>

#include <pthread.h>

#include "core/api/api.h"
#include "core/backtest/backtest.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/bus/bus.h"
#include "core/data.h"
#include "core/delivery/courier.h"
#include "core/keeper/keeper.h"
#include "core/net/guard.h"
#include "core/net/listener.h"
#include "core/plugin/plugins.h"
#include "core/script/scripts.h"
#include "core/settings.h"
#include "core/team/intakes.h"
#include "core/team/team.h"

struct subscription {
    struct subscription *next;
    int number;
    bf_execution_fn *fn;
    void *arg;
};

struct bf_hub {
    struct bf_settings settings;
    const struct bf_clock *clock;
    struct bf_log *log;
    int stop_fd;                /* eventfd: written by bf_hub_stop() */
    int reload_fd;              /* and by bf_hub_reload() */
    struct bf_arena *kept;      /* holds what `options` points to */
    struct bf_hub_options options;      /* as given, for reading them again */
    bool stuck;                 /* a thread did not come back: nothing can be freed */
    int lock_fd;
    char db_path[BF_DATA_PATH_MAX];
    char *public_url;
    char first_key[128];
    struct bf_db *db;
    struct bf_team *team;
    struct bf_intakes *intakes;
    struct bf_guard *guard;
    struct bf_listener *listener;
    struct bf_bus *bus;
    struct bf_scripts *scripts;
    struct bf_loop *loop;
    struct bf_workers *workers;
    struct bf_plugins *plugins;
    struct bf_courier *courier;
    struct bf_keeper *keeper;
    struct bf_backtests *backtests;
    struct bf_api api;
    struct hub_uses *uses;      /* uses.c */
    struct hub_uses *last_uses;
    pthread_mutex_t lock;
    struct subscription *subscriptions; /* under lock, from here down */
    int last_subscription;
    bool store_ok;
    char store_words[200];
    int64_t configured_ms;      /* when the settings were read */
    char reload_words[1000];    /* why the last reload changed nothing; "" if it did */
    char on_event[BF_HOOK_FILE_MAX + 1];        /* the file; "" if there is none */
    bool on_event_drops;
};

/* Keep the options, which the caller owns, for reloads. */
void hub_keep_options(struct bf_hub *hub, const struct bf_hub_options *o);
/* What bf_hub_reload() asked for.  [main] */
void hub_reload(struct bf_hub *hub);
int hub_log_level(const char *name);
void hub_say_state(struct bf_hub *hub, enum bf_hub_state state);
/* uses.c: the keys' last uses are saved now and then, and at the end while the engine still runs. */
void hub_uses_start(struct bf_hub *hub);
void hub_uses_save(struct bf_hub *hub);
void hub_uses_free(struct bf_hub *hub);         /* once engine and loop have stopped */

/* hooks.c: the scripts' room, with what was in force before; once the bus is open. */
int hub_hooks_open(struct bf_hub *hub, struct bf_error *err);
/* From the next event on this file's script meets every event (NULL or "": none does), if it is fit
 * to.  [main] */
int hub_on_event(struct bf_hub *hub, const char *file, const char *on_error, struct bf_error *err);
/* The one that does; false if none does.  [any] */
bool hub_has_on_event(void *hub, char file[BF_HOOK_FILE_MAX + 1], bool *drops);
char *hub_scripts_dir(const struct bf_settings *s);     /* yours to free() */

/* How long the history is kept, as two settings say that were checked. */
void hub_keep(struct bf_hub *hub, const char *days, const char *bytes);
void hub_listen_for_heartbeats(struct bf_hub *hub, const char *timeout);

/* Tell the subscribers.  [engine] */
void hub_notify(struct bf_hub *hub, const struct bf_execution *e);

#endif
