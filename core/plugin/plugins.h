/* plugins.h - the plugins of a hub: found, checked, wired to the rooms that serve them.
 *
 * plugins.c   the plugins of one hub: loading, sources, start and stop
 * loader.c    dlopen, the one symbol, the size rule: an older plugin's struct is read as zero
 *             beyond its end, a newer one is accepted if what we do not know is zero
 * options.c   option tables: fill a plugin's struct from JSON; help.c: help, JSON Schema
 * secrets.c   stand-ins, and their swap for the values as the bytes leave
 * instance.c  a source or an integration of a sink with its options, counted; filled actions
 * sink.c      what the courier asks of a sink; trial.c: one delivery to look at
 * check.c     integrations before they are saved, check_action.c actions; sample.c, sample_large.c
 *             the events that these are tried on; warnings.c what is saved all the same
 * transform.c the script that has a say in what an action sends; rendered.c: options it changed
 * request.c   the requests of plugins: swapped, measured, signed
 * route.c     a source's routes on the listener; parking, the engine, workers
 * show.c      executions and automations as REST and notes show them
 * call.c      which callback a thread is in; host.c, host_*.c: the services of struct bf_host
 *
 * A hub loads what its configuration names, or else what is in its plugin_dir, and nothing else. */
#ifndef BF_PLUGINS_H
#define BF_PLUGINS_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/tree.h"
#include "core/bus/bus.h"
#include "core/delivery/courier.h"
#include "core/net/guard.h"
#include "core/net/listener.h"
#include "core/team/team.h"

#define BF_SIGNATURES_MAX 4     /* of one request */

struct bf_plugins;

/* The rooms it serves from; all outlive it. */
struct bf_plugins_rooms {
    const char *plugin_dir;
    const char *data_dir;       /* plugin directories are DATA/plugins/NAME */
    const char *db_path;
    const char *public_url;     /* no slash at the end */
    const struct bf_clock *clock;
    struct bf_log *log;
    struct bf_db *db;           /* the engine's, for migrations while nothing runs */
    struct bf_bus *bus;
    struct bf_team *team;
    struct bf_listener *listener;
    struct bf_loop *loop;
    struct bf_workers *workers;
    const struct bf_guard *guard;
    struct bf_scripts *scripts;
    int (*ask)(struct bf_scripts *s, struct bf_ask *ask);       /* bf_scripts_ask(); NULL: there are none */
    int (*ask_wait)(struct bf_scripts *s, struct bf_ask *ask);  /* bf_scripts_ask_wait() */
};

struct bf_plugins *bf_plugins_new(const struct bf_plugins_rooms *rooms);
/* The courier is made with our ops, so it comes later.  Before anything runs. */
void bf_plugins_set_courier(struct bf_plugins *p, struct bf_courier *courier);
/* Linked into the program (BF_STATIC); checked like a loaded one.  Used instead of a file of the
 * same name. */
int bf_plugins_add(struct bf_plugins *p, const struct bf_plugin *plugin, struct bf_error *err);
/* The names in the setting `plugins`, apart by spaces or commas, as a list apart by spaces: yours to
 * free().  For "*" every one that is in plugin_dir, in the order of their names; NULL with err if
 * that cannot be read, or is not there and nothing is `linked` in. */
char *bf_plugin_names(const char *wanted, const char *plugin_dir, bool linked, struct bf_error *err);
/* NAME.so from plugin_dir, which nobody but its owner and root may write to. */
int bf_plugins_load(struct bf_plugins *p, const char *name, struct bf_error *err);
/* An instance of a source of the loaded plugins: options given as JSON, or NULL for the defaults;
 * its routes go to the listener.  [main, before anything runs] */
int bf_plugins_make_source(struct bf_plugins *p, const char *kind, const char *name,
                           const char *options_json, struct bf_error *err);
/* Those of the setting `sources`, {"NAME":{"source":KIND, options}} or NULL, where KIND may be left
 * out if it is NAME; then one of every other kind that needs no option, by its kind's name. */
int bf_plugins_make_sources(struct bf_plugins *p, const char *sources, struct bf_error *err);
/* start() of every source, on the loop; run() threads.  After the loop and engine run. */
int bf_plugins_start(struct bf_plugins *p, struct bf_error *err);
/* stop() of every source; own threads joined.  While loop and engine still run.  False if one did
 * not come back in time: then nothing of the plugins' may be freed.  [main] */
bool bf_plugins_stop(struct bf_plugins *p, int64_t wait_ms);
/* destroy() of every instance, once everything has stopped: the last moment at which a plugin may
 * call the hub, so the loop and the courier must still be there. */
void bf_plugins_end(struct bf_plugins *p);
void bf_plugins_free(struct bf_plugins *p);     /* after that */

/* What plugins are asked of may block: run it on a worker.  As bf_workers_add(). */
int bf_plugins_run(struct bf_plugins *p, struct bf_job *job);

struct bf_courier_ops bf_plugins_courier_ops(struct bf_plugins *p);

/* What is saved although it may not work, or not always. */
struct bf_warning {
    struct bf_warning *next;
    const char *field;
    const char *message;
};

/* In the order in which they were found, each once; behind the last that there is room for, "and N
 * more".  Begin with the arena alone. */
#define BF_WARNINGS_MAX 16
struct bf_warnings {
    struct bf_arena *arena;     /* where their texts are made */
    const char *within;         /* goes before each field, "actions[0]"; or NULL */
    struct bf_warning *first;
    struct bf_warning *last;
    unsigned n;
    unsigned left_out;
    char *more;
};
BF_FORMAT(3, 4)
void bf_warnings_add(struct bf_warnings *w, const char *field, const char *fmt, ...);
BF_FORMAT(3, 0)
void bf_warnings_addv(struct bf_warnings *w, const char *field, const char *fmt, va_list ap);

/* An integration as a person wants it. */
typedef void bf_seal_fn(void *arg, const char *secret_name, const char *value);
struct bf_integration_draft {
    const char *entity;
    const char *id;
    const char *sink;
    const struct bf_integration *before;        /* what it is to change; NULL: a new one */
    const char *config;         /* a JSON object of options, or NULL.  Of a change, what it leaves
                                   out stays, and null takes an option away */
    const char *secrets;        /* names granted, "A B" */
    bool hides_secrets;         /* who asks may not know where a stored secret leads */
    bf_seal_fn *seal;           /* gets every literal of a secret option */
    void *arg;
    const char *stored;         /* out: the options to save; a literal is {"sealed":"NAME"} there,
                                   and "integration/ID/OPTION" its name */
    struct bf_warnings warnings;        /* out; its arena is that of the check */
};

/* Check all of it.  A trial request shows where deliveries would go: what is no http(s) URL is
 * refused, and so is a host all of whose addresses are in forbidden networks; one that does not
 * resolve within 5 s is a warning, as the socket decides when it is made.  [worker] */
int bf_plugins_check_integration(struct bf_plugins *p, struct bf_arena *a,
                                 struct bf_integration_draft *draft, struct bf_error *err);
/* An action as a person wants it. */
struct bf_action_check {
    const struct bf_integration *integration;
    const char *automation;     /* its name and id, as the events it is tried on tell of it */
    const char *automation_id;
    const char *event_type;     /* "LINK_MODEL", "ci.finished" */
    const char *config;         /* a JSON object of options */
    const char *secrets;        /* names granted, "A B" */
    bool is_transformed;        /* a script makes another payload of it: its size tells little */
    struct bf_warnings *warnings;       /* what may become too large, what should not be shown, and
                                           what its plugin says */
};
/* Check its options for the integration, templates and granted secrets included, by trying it on
 * events that are made up.  [worker] */
int bf_plugins_check_action(struct bf_plugins *p, struct bf_action_check *check,
                            struct bf_error *err);
/* The integration's options as REST shows them: {"set":true} for sealed literals. */
int bf_plugins_show_config(struct bf_plugins *p, struct bf_arena *a,
                           const struct bf_integration *integration, const char **json);
/* --- one delivery, to look at (trial.c) --- */

/* A signature as people see it. */
struct bf_shown_signature {
    const char *header;
    const char *value;          /* ${NAME} if it is the secret itself */
    const char *format;         /* "base64", "hex", ... */
    const char *key;            /* ${NAME} */
    const char *covers;         /* what is signed, with ${NAME} in place of values */
    size_t covers_len;
};
struct bf_shown_request {
    struct bf_sent sent;        /* method, URL, body */
    const char *const *headers; /* name, value, ..., NULL */
    struct bf_shown_signature signatures[BF_SIGNATURES_MAX];
    size_t n_signatures;
};

/* A request of an integration's, really sent, once, and what came of it.  It counts nowhere, waits
 * for no pace, and nothing of it is kept. */
struct bf_trial {
    const char *integration;    /* its id */
    const char *config;         /* options of an action, a JSON object, or NULL */
    const char *secrets;        /* granted to it, "A B" */
    struct bf_envelope *event;  /* a reference, which is taken; NULL: one is made up */
    const char *trigger;        /* what fires on it, "LINK_MODEL", or the type of a custom event */
    int64_t timeout_ms;         /* the integration's own; 0: the sink's, or the hub's */
    void (*done)(struct bf_trial *t);   /* [worker, loop] */
    void *arg;

    int rc;                     /* out: < 0: it could not be tried, for `err` */
    struct bf_error err;
    char id[BF_ID_LEN + 1];     /* of the delivery */
    bool was_sent;              /* else the sink settled it without: only the verdict is there */
    struct bf_shown_request request;
    struct bf_fetch_result answer;      /* without secrets, its headers as well */
    struct bf_verdict verdict;

    struct bf_plugins *plugins; /* from here on the room's */
    struct bf_arena *arena;
    struct bf_attempt attempt;
    struct bf_job job;
    struct bf_task task;
};
/* BF_OK: done will be called, after 15 s at most.  BF_EFULL: too many are under way; BF_ECANCELED.
 * What is found out lives until bf_trial_end(), which is needed in any case.  [any] */
int bf_plugins_try(struct bf_plugins *p, struct bf_trial *t);
void bf_trial_end(struct bf_trial *t);

/* What would be sent for an execution that nobody has enqueued, as the history shows it: secrets
 * stand there as ${NAME}.  Nothing is sent.  Good as long as the arena, which is used up by it.
 * BF_EINVAL if nothing would be, with the sink's words, or of the automation's transform, which is
 * asked; *said is what that said, if there is one.  Waits.  [worker, threads of backtests] */
int bf_plugins_preview(struct bf_plugins *p, struct bf_execution *x, struct bf_arena *a,
                       struct bf_sent *out, struct bf_answer *said, struct bf_error *err);

/* An integration was saved: later attempts use the new options.  [any] */
void bf_plugins_integration_changed(struct bf_plugins *p, const char *id);

/* For who watches: an execution was added or changed, and the batch is on disk and told.
 * [engine] */
void bf_plugins_changed(struct bf_plugins *p, const struct bf_execution *e);
void bf_plugins_committed(struct bf_plugins *p);

/* {"items":[{"name","version","kinds":[{"kind","type","summary","schema":…}]}]} */
void bf_plugins_describe(struct bf_plugins *p, struct bf_tree *array);
/* Text for `belfry help PLUGIN`. */
void bf_plugin_help(const struct bf_plugin *plugin, struct bf_buf *out);
/* Load one plugin just to look at it. */
const struct bf_plugin *bf_plugin_open(const char *plugin_dir, const char *name,
                                       struct bf_error *err);
/* Gives back what bf_plugin_open() gave; NULL is fine. */
void bf_plugin_close(const struct bf_plugin *plugin);

#endif
