/* api.h - the REST interface: parse, authorise, call a room, print JSON.
 *
 * One file per noun: organizations.c, teams.c, members.c, users.c, keys.c, secrets.c,
 * integrations.c, automations.c, backtests.c, executions.c, events.c, verdicts.c, intakes.c, in.c,
 * scripts.c, status.c, each with its table of routes; what they share stands in answer.c, input.c, page.c and write.c.  A handler that
 * writes checks everything it can, on the listener's thread or, where plugins are asked, on a
 * worker; then it posts one piece of work to the engine, with the request parked; the answer leaves
 * after the commit.  Reads use the loop thread's own read-only connection.
 *
 * WHO MAY WHAT.  An admin of the hub may everything.  An admin of an organization is admin of all
 * its teams, and makes, moves and deletes them.  An admin of a team gives roles in it, looks after
 * its service accounts, its secrets, integrations and intakes, and has the automations that are for
 * all of it; those of a registry are its organization's admins'.  A member has automations for
 * projects, and sends events.  A viewer reads.  Who is in a team may read what is its
 * organization's own.  A key may at most what its own rights say.
 *
 * NOT THERE.  What a caller may not read is to it as if it were not there: 404, or 400 where a body
 * names it, in the words for something that does not exist.  403 is for who may read.
 *
 * Errors are {"error":{"code","message","field"}}; lists {"items":[…],"next":CURSOR or null} with
 * ?limit= (1 to 1,000, default 100) and ?cursor=. */
#ifndef BF_API_H
#define BF_API_H

#include <stdatomic.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/bus/bus.h"
#include "core/delivery/courier.h"
#include "core/keeper/keeper.h"
#include "core/net/listener.h"
#include "core/plugin/plugins.h"
#include "core/script/scripts.h"
#include "core/team/intakes.h"
#include "core/team/team.h"

/* The rooms it calls; lives as long as the listener. */
struct bf_backtests;

struct bf_api {
    const struct bf_clock *clock;
    struct bf_log *log;
    struct bf_bus *bus;
    struct bf_scripts *scripts;
    struct bf_team *team;
    struct bf_intakes *intakes;
    struct bf_plugins *plugins;
    struct bf_courier *courier;
    struct bf_keeper *keeper;
    struct bf_backtests *backtests;
    struct bf_listener *listener;
    const char *public_url;
    const char *db_path;
    atomic_uint n_exports;      /* under way */
    atomic_uint n_verdicts;     /* requests for verdicts, tests, and what is wrong */
    atomic_uint n_plans;        /* made or applied */
    const char *metrics_token;  /* opens /metrics; NULL: only an admin's key does */
    int64_t opened_mono;
    /* Whether the hub can take events now; false puts the reason into words. */
    bool (*ready)(void *arg, char *words, size_t len);
    void *ready_arg;
    int64_t started_ms;
    /* When the settings were read, and why a reload since then was refused ("" if none was). */
    void (*configured)(void *arg, int64_t *ms, char *words, size_t len);
    /* The file of on_event, and whether events are dropped where it fails; false if there is none. */
    bool (*on_event)(void *arg, char file[BF_HOOK_FILE_MAX + 1], bool *drops);
    void *configured_arg;       /* of both */
};

/* Every route of the API.  Before the listener starts.  A loop thread's bf_exchange_local() is a
 * read-only struct bf_db. */
int bf_api_register(struct bf_api *api, struct bf_error *err);

#endif
