/* fake_hub.h - what the fake host's own files share: the hub behind a struct fake. */
#ifndef BF_FAKE_HUB_H
#define BF_FAKE_HUB_H

#include <sqlite3.h>

#include "tests/plugin/fake_host.h"
#include "tests/plugin/fake_text.h"
#include "tests/test.h"

#define LIST_MAX 64
#define MERGED_MAX 1000

/* Where the plugin's code is running, as the tags call it. */
enum place { ON_MAIN, ON_LOOP, ON_ROUTE, ON_WORKER, ON_ENGINE, ON_OWN, PLACES };

/* name, value, ..., NULL; also what a growing list of headers is. */
struct pairs {
    const char *at[2 * LIST_MAX + 1];
    size_t n;
};

struct answer {
    int status;
    int err;
    bool sent;
    const char *body;
    struct pairs headers;
};

/* A bf_http_send(), a bf_post(), or a timer. */
struct waiting {
    struct request *request;
    bf_http_fn on_http;
    bf_fn fn;
    void *arg;
    int64_t due_ms;
    bf_ticket ticket;
    bool over;
};

struct request {
    struct bf_request pub;
    struct fake_hub *hub;
    struct bf_arena *arena;
    struct fake_request shown;
    struct pairs headers;
    const char *sign_header;
    const char *sign_key;
    const char *sign_key_too;   /* a second one of Standard Webhooks */
    int sign_how;
    size_t body_max;            /* 0: any */
};

struct reply {
    struct bf_reply pub;
    struct fake_hub *hub;
    struct pairs headers;
    const char *type;
    const char *body;
    const char *file;
    bool receipt;
    bf_route_fn next;
    void *next_arg;
    int next_place;
};

struct stmt {
    struct bf_stmt pub;
    struct fake_hub *hub;
    sqlite3_stmt *st;
    struct stmt *next;
};

struct secret {
    char stand_in[41];
    const char *value;
    const struct bf_arena *arena;       /* the only one it is good in, or NULL */
};

struct stored {                         /* a team's */
    const char *entity;
    const char *name;
    const char *value;
};

/* Events emitted and not yet committed, with what a receipt says of each. */
struct emitted {
    struct fake_event event;
    bool duplicate;
};

struct watching {
    struct bf_watch what;
    bf_note_fn fn;
    void *arg;
    size_t told;                        /* of the hub's notes */
};

struct fake_hub {
    struct bf_ctx ctx;                  /* first: the hub behind a ctx */
    struct fake *front;                 /* whose call this is */
    const struct bf_sink *sink;
    const struct bf_source *source;
    void *options;                      /* a source's, or an integration's */
    void *action;
    void *self;
    enum place place;
    bool stopping;
    int sleeps;

    struct fake_arena *arenas;
    struct bf_arena *keep;              /* for what is shown to the test */
    struct fake_arena *scratch[PLACES];

    sqlite3 *db;
    struct stmt *statements;
    struct emitted pending[FAKE_EVENTS];
    size_t n_pending;

    struct secret secrets[LIST_MAX];
    size_t n_secrets;
    struct stored stored[LIST_MAX];
    size_t n_stored;
    struct answer answers[LIST_MAX];
    size_t n_answers, next_answer;
    struct waiting waiting[LIST_MAX];
    size_t n_waiting;
    bf_ticket last_ticket;
    bf_ticket delivery;                 /* of a deliver() under way; 0 if none */
    bool settled;

    const struct bf_delivery *merged[MERGED_MAX + 1];
    size_t n_merged;

    struct bf_caller caller;
    struct { const char *id, *entity; unsigned rights; } grants[LIST_MAX];
    size_t n_grants;
    struct pairs next_headers;
    const struct bf_route *route;       /* of the call, and its target */
    const char *target;
    bf_ticket stream;
    bool stream_over, stream_full;
    struct bf_text streamed;
    struct watching watches[LIST_MAX];
    size_t n_watches;
    struct { const char *topic, *json; } notes[LIST_MAX];
    size_t n_notes;
};

extern const struct bf_host fake_table;

struct bf_arena *fake_arena_new(struct fake_hub *h);
void fake_pairs_add(struct fake_hub *h, struct pairs *p, const char *name, const char *value);
const char *fake_pairs_get(const char *const *pairs, const char *name);
/* Value of a {name} of the route's path or of the query; NULL if absent. */
const char *fake_param(struct fake_hub *h, struct bf_arena *a, const char *name);
/* Fill the plugin's struct; false leaves the reason in front->refused. */
bool fake_fill_options(struct fake_hub *h, const struct bf_option *table, void *out,
                       const char *const *given);
/* Run fn in a transaction on the engine. */
int fake_transact(struct fake_hub *h, int (*fn)(void *arg, struct fake_hub *h), void *arg,
                  bool (*failed)(int rc));
void fake_commit_events(struct fake_hub *h);
/* A new stand-in for a secret. */
const char *fake_stand_in(struct fake_hub *h, const char *value);
void fake_run_waiting(struct fake_hub *h);
bool fake_may(struct fake_hub *h, const char *id, unsigned right, const char *entity);

#endif
