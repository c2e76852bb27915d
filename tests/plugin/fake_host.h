/* fake_host.h - a hub for one plugin, made of memory: no network, no threads, a clock that stands.
 *
 *   struct fake f = fake_sink(&bf_plugin_v1_slack, "url", "https://hooks.example/T1",
 *                             "text", "${run_name}", NULL);
 *
 *   fake_deliver(&f, "run.state", "{\"run\":{\"name\":\"a\"}}");
 *   CHECK_STR(f.sent.body, "{\"text\":\"a\"}");
 *   fake_close(&f);
 *
 * Options are filled from the plugin's own tables.  What the plugin does is recorded in the struct;
 * what it asks of the network is answered with what fake_answer() has queued.  The fake is stricter
 * than a hub where it can be: a call from a thread that its tag does not name fails the test, as
 * does a request() that is not pure, or a secret of a team in a request of another arena, and scratch
 * memory is freed at the first moment it may be. */
#ifndef BF_FAKE_HOST_H
#define BF_FAKE_HOST_H

#include <belfry/plugin.h>

#define FAKE_EVENTS 1024
#define FAKE_SENT   64

/* All strings live until fake_close(). */
struct fake_event {
    const char *id;
    const char *key;
    const char *type;
    const char *entity;
    const char *project;
    const char *payload;        /* of bf_emit_text(): the whole envelope */
};

struct fake_request {
    const char *method;
    const char *url;            /* secrets swapped in, as on the wire */
    const char *type;
    const char *body;
    const char *const *headers;
    const char *as;             /* the caller it is sent as, or NULL */
};

struct fake_hub;

struct fake {
    struct fake_hub *hub;
    char refused[256];          /* why the options or create() were refused; "" if they were not */

    /* What a delivery came to. */
    int outcome;                /* enum bf_outcome, or an error of request() */
    const char *reason;
    int64_t after_ms;           /* what the plugin itself said of the pause; -1: nothing */
    struct fake_request sent;   /* the last one; `requests` has all */
    struct fake_request requests[FAKE_SENT];
    size_t n_sent;

    /* What is committed. */
    struct fake_event events[FAKE_EVENTS];
    size_t n_events;

    /* The last reply of a route. */
    int status;
    const char *type;
    const char *body;
    const char *file;           /* its path, if the reply is one */
    const char *const *headers;
    const char *streamed;       /* everything written to the stream */

    /* The last words of bf_complain(), and all lines of bf_log(). */
    int complained;
    const char *option;
    const char *complaint;
    const char *warned;
    const char *logged;

    /* Yours to change between calls. */
    int64_t now_ms;
    int sleeps_before_stop;     /* run() sleeps so often, then is told to stop; 1 at first */
    int commits_to_fail;        /* the next so many transactions */
};

/* The first sink or source of the plugin; then names and values of options, and NULL. */
struct fake fake_sink(const struct bf_plugin *plugin, ...) __attribute__((sentinel));
struct fake fake_source(const struct bf_plugin *plugin, ...) __attribute__((sentinel));
void fake_close(struct fake *f);

/* Answers to come, in order; without one, 200 and an empty body. */
void fake_answer(struct fake *f, int status, const char *body);
void fake_answer_header(struct fake *f, const char *name, const char *value);
void fake_answer_err(struct fake *f, int err, bool sent);

/* One attempt at an execution called "ex-1", of the automation "watch" on entity "acme", project
 * "vision".  Gives f->outcome. */
int fake_deliver(struct fake *f, const char *type, const char *payload);
/* A further firing for the next fake_deliver() to tell of. */
void fake_merge(struct fake *f, const char *type, const char *payload);
/* An automation is being saved. */
int fake_check(struct fake *f, const char *type, const char *payload);

/* From here on calls come from this caller, who has these rights in this entity (and those given
 * before for others).  NULL: from nobody. */
void fake_caller(struct fake *f, const char *id, unsigned rights, const char *entity);
/* That caller is gone, with all rights. */
void fake_revoke(struct fake *f, const char *id);
/* A secret that a team has stored: bf_team_secret() gives it to whoever has BF_ADMIN there. */
void fake_team_secret(struct fake *f, const char *entity, const char *name, const char *value);
/* A header of the next call. */
void fake_header(struct fake *f, const char *name, const char *value);
/* A request on one of the source's routes.  Gives f->status. */
int fake_call(struct fake *f, const char *method, const char *target, const char *body);
const char *fake_reply_header(struct fake *f, const char *name);     /* NULL if absent */
/* Something was committed: tell the watches that want it. */
void fake_note(struct fake *f, const char *topic, const char *json);
/* What the watches asked to go on behind: of the last one. */
uint64_t fake_watch_after(struct fake *f);
/* Its stream is full: watches that have it are held, and go on when it reads again. */
void fake_client_stops_reading(struct fake *f);
void fake_client_reads(struct fake *f);

/* run() until it returns; an error is given back. */
int fake_run(struct fake *f);
const char *fake_recall(struct fake *f, const char *key);
/* One number out of the plugin's tables. */
int64_t fake_count(struct fake *f, const char *sql);

#endif
