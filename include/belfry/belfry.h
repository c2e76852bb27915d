/* belfry/belfry.h - embed a Belfry hub in a program, and talk to one.
 *
 *   struct bf_hub_options o = { .size = sizeof(o), .settings = settings };
 *   struct bf_hub *hub;
 *   struct bf_error err;
 *
 *   if (bf_hub_open(&o, &hub, &err))
 *       die(err.words);
 *   bf_hub_run(hub, &err);          // until bf_hub_stop(), from any thread
 *   bf_hub_close(hub);
 *
 * A hub is a value: a program may open several, each with a data directory of its own.  The
 * library installs no signal handlers, changes no process-wide limits and waits for no children
 * but its own.  Functions returning int give 0 or a negative enum bf_err.  Every function says in
 * brackets which thread may call it. */
#ifndef BELFRY_BELFRY_H
#define BELFRY_BELFRY_H

#include <belfry/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What went wrong, in words for a person: the thing, the cause and the way out. */
struct bf_error {
    int code;                   /* enum bf_err */
    char field[120];            /* the option or field at fault, "" if none: "[17].type" */
    char words[1000];
};

/* A finished log line, without its end.  [any, several at once] */
typedef void bf_log_fn(void *arg, int level, const char *line);


/* --- a hub of your own ---------------------------------------------------- */

struct bf_hub;

/* One setting, as the configuration file, BELFRY_<NAME> or --name would give it.  `belfry help
 * serve` lists the names. */
struct bf_setting {
    const char *name;
    const char *value;
};

/* Where a hub is in its life: it takes events from RUNNING on; RELOADING ends in RUNNING. */
enum bf_hub_state { BF_HUB_RUNNING, BF_HUB_RELOADING, BF_HUB_STOPPING };
typedef void bf_hub_state_fn(void *arg, enum bf_hub_state state);       /* [main] */

struct bf_hub_options {
    uint32_t size;                                  /* sizeof */
    uint32_t stop_ms;                               /* the longest the end may take; 0: 20 s */
    const char *config_file;                        /* Lua, or NULL */
    const struct bf_setting *defaults;              /* lose to the file; end with {NULL, NULL} */
    const struct bf_setting *settings;              /* win over the file; the same */
    const struct bf_plugin *const *plugins;         /* linked in with BF_STATIC; NULL-terminated */
    bf_log_fn *log;                                 /* NULL: stderr */
    void *log_arg;
    bf_hub_state_fn *state;                         /* or NULL */
    void *state_arg;
};

/* Read the configuration, open (or make) the data directory, load plugins, bind the listener.
 * Nothing is acknowledged or sent before bf_hub_run().  [any] */
BF_EXPORT int bf_hub_open(const struct bf_hub_options *options, struct bf_hub **out,
                          struct bf_error *err);

/* Work until bf_hub_stop(): then take nothing new, finish what is in flight within stop_ms, and
 * return 0.  The calling thread becomes the hub's [main].  A hub runs once. */
BF_EXPORT int bf_hub_run(struct bf_hub *hub, struct bf_error *err);

/* Make bf_hub_run() return.  Also fit for a signal handler.  [any] */
BF_EXPORT void bf_hub_stop(struct bf_hub *hub);

/* Read the configuration file again.  What can change while running then does, the log names what
 * waits for a restart; a file that is wrong changes nothing.  Connections stay.  Also fit for a
 * signal handler.  [any] */
BF_EXPORT void bf_hub_reload(struct bf_hub *hub);

/* Give back everything.  Not while bf_hub_run() is running.  NULL is fine.  If a plugin's thread
 * did not come back in the time of bf_hub_run(), the memory it may still use is left to it. */
BF_EXPORT void bf_hub_close(struct bf_hub *hub);

/* "127.0.0.1:8320": where the hub listens, port 0 resolved.  Lives as long as the hub.  [any] */
BF_EXPORT const char *bf_hub_address(const struct bf_hub *hub);
/* The first admin's key if this open made one: shown once, never again.  NULL otherwise. */
BF_EXPORT const char *bf_hub_first_key(const struct bf_hub *hub);

/* What became of one published event. */
struct bf_published {
    const char *id;
    bool duplicate;             /* its key was there already; id is the first one's */
};

/* Called once the events are durable (rc 0), or will never be (rc < 0; nothing of them was
 * kept).  Return quickly.  [engine] */
typedef void bf_publish_fn(void *arg, int rc, const struct bf_published *events, size_t n);

/* Publish what POST /api/v1/events takes: an envelope, an array of them, or one per line.  All or
 * nothing.  A negative return means that `fn` will not be called: the text is wrong (err says
 * where), or BF_EFULL, the hub is behind: try again later.  [any, once bf_hub_run() is running] */
BF_EXPORT int bf_hub_publish(struct bf_hub *hub, const char *json, size_t len, bf_publish_fn *fn,
                             void *arg, struct bf_error *err);

/* The same, waiting; *out (may be NULL) gets the id of the first event.  [any but a callback] */
BF_EXPORT int bf_hub_publish_wait(struct bf_hub *hub, const char *json, size_t len,
                                  struct bf_emitted *out, struct bf_error *err);

/* An execution was queued or its status changed, and that is on disk.  Strings end with the
 * call. */
struct bf_execution_note {
    uint32_t size;
    uint32_t attempts;
    const char *id;
    const char *event;          /* the event's id */
    const char *automation;     /* the automation's id */
    const char *status;         /* "pending", "finished", ... */
};
typedef void bf_execution_fn(void *arg, const struct bf_execution_note *note);

/* Be told of every execution from now on, in order.  Returns a number for bf_hub_unsubscribe(),
 * after which fn is not called again.  Return quickly; do not publish and wait.  [fn: engine]
 * [any but fn] */
BF_EXPORT int bf_hub_subscribe(struct bf_hub *hub, bf_execution_fn *fn, void *arg);
BF_EXPORT void bf_hub_unsubscribe(struct bf_hub *hub, int subscription);


/* --- a data directory without its hub, for commands -------------------------- */

/* Add a user while no hub runs in the directory, which is made if it is not there; one who is there
 * already is left as is, but made an admin of the hub if `admin` says so.  BF_EEXIST if a hub runs
 * there.  [any] */
BF_EXPORT int bf_data_add_user(const char *data_dir, const char *user, bool admin,
                               struct bf_error *err);

/* Give a user a key that people have already, so that it goes on working: at least 40 letters,
 * digits, _ and - behind its first -.  `rights` are bits of enum bf_right, 0 for all; the key never
 * may more than its user.  BF_ENOENT: no such user.  BF_EEXIST: there is, or was, such a key, or a
 * hub runs there.  [any] */
BF_EXPORT int bf_data_add_key(const char *data_dir, const char *user, const char *name,
                              unsigned rights, const char *key, struct bf_error *err);

/* Take a new master key, and seal all secrets anew.  Whatever ends it, the directory opens
 * afterwards.  BF_ENOENT: no hub has been there.  BF_EEXIST: one runs there.  [any] */
BF_EXPORT int bf_data_rotate(const char *data_dir, struct bf_error *err);


/* --- automations as code ------------------------------------------------------ */

/* What a Lua file describes: teams, integrations, automations, and tests of these.  `belfry help code`
 * has the language. */
struct bf_code;

/* Run a file.  It can reach nothing, and has 64 MiB and 1,000,000,000 steps.  BF_ECONFIG with the file,
 * the line, what is wrong there and what may have been meant.  [any] */
BF_EXPORT int bf_code_read(const char *path, struct bf_code **out, struct bf_error *err);
BF_EXPORT void bf_code_free(struct bf_code *code);      /* NULL is fine */

/* {"manifest":…,"teams":[…],"integrations":[…],"automations":[…]}, with its length if `len` is not
 * NULL.  Lives as long as the code.  [any] */
BF_EXPORT const char *bf_code_document(const struct bf_code *code, size_t *len);

/* {"secrets":["TOKEN",…],"tests":[{"name","line","steps":[{"given":EVENT,"line"},
 * {"expect":{"automation","times","action","payload","payload_is"},"line"},
 * {"expect_nothing":true or NAME,"line"}]}]}: the secrets that it names, and its tests. */
BF_EXPORT const char *bf_code_tests(const struct bf_code *code, size_t *len);

/* A document as such a file, yours to free().  Read again it gives the same document, but that what it
 * says may be written otherwise.  NULL with err if it is none.  [any] */
BF_EXPORT char *bf_code_export(const char *document, size_t len, struct bf_error *err);

/* The i-th line of the language's description: what is written, and what it does; or a title, whose help
 * is NULL.  False behind the last.  [any] */
BF_EXPORT bool bf_code_describe(size_t i, const char **form, const char **help);

/* The line where the i-th thing of the document's array was declared; 0: there is none.  [any] */
enum bf_code_noun { BF_CODE_TEAM, BF_CODE_INTEGRATION, BF_CODE_AUTOMATION };
BF_EXPORT int bf_code_line(const struct bf_code *code, enum bf_code_noun noun, size_t index);


/* --- settings, plugins and receivers, for commands -------------------------- */

/* The name of the i-th setting; NULL behind the last.  [any] */
BF_EXPORT const char *bf_setting_name(size_t i);

struct bf_setting_info {
    uint32_t size;
    bool live;                  /* a reload changes it */
    bool secret;                /* not to be shown */
    const char *name;
    const char *def;            /* or NULL */
    const char *choices;        /* "a|b", or NULL for anything */
    const char *help;
};
/* The i-th setting; false behind the last.  [any] */
BF_EXPORT bool bf_setting_describe(size_t i, struct bf_setting_info *out);

/* Where a value came from: nowhere else (or options.defaults), the file, or options.settings. */
enum bf_setting_from { BF_FROM_DEFAULT, BF_FROM_FILE, BF_FROM_GIVEN };
/* value NULL: not set.  Strings end with the call. */
typedef void bf_setting_fn(void *arg, const char *name, const char *value,
                           enum bf_setting_from from);
/* The settings a hub would have with these options.  [any] */
BF_EXPORT int bf_settings_each(const struct bf_hub_options *options, bf_setting_fn *fn, void *arg,
                               struct bf_error *err);

/* Everything that would keep a hub from opening with these options, not only the first: the file,
 * each setting, the plugins and what they say of their options, the data directory.  Nothing of
 * the hub's is changed; a scratch directory is made and removed.  Gives the number of problems. */
typedef void bf_problem_fn(void *arg, const struct bf_error *problem);
BF_EXPORT int bf_hub_check(const struct bf_hub_options *options, bf_problem_fn *fn, void *arg);

/* Whether a file of hooks in Lua compiles and has any, as a hub would find; then `hooks` says which:
 * "filter and transform".  It is run in this process, in a box that a hostile file may keep busy for
 * long.  [any] */
BF_EXPORT int bf_script_check(const char *path, char *hooks, size_t len, struct bf_error *err);

/* What scripts are given, for people: an introduction, in which indented lines are examples, and the
 * i-th function; false behind the last.  [any] */
struct bf_lua_info {
    uint32_t size;
    uint32_t reserved;
    const char *part;           /* a heading; those of one part follow each other */
    char signature[200];
    const char *words;
};
BF_EXPORT const char *bf_lua_introduction(void);
BF_EXPORT bool bf_lua_describe(size_t i, struct bf_lua_info *out);

/* Text for people, yours to free(): the settings of a hub, or what a plugin's options are.
 * plugin_dir NULL is the installed one.  NULL with err if the plugin cannot be loaded.  [any] */
BF_EXPORT char *bf_help_settings(void);
BF_EXPORT char *bf_help_plugin(const char *plugin_dir, const char *name, struct bf_error *err);

/* Receive webhooks: a small HTTP server that answers every request by what `fn` returns. */
struct bf_received {
    uint32_t size;
    uint32_t reserved;
    const char *method;
    const char *path;
    const char *const *headers; /* name, value, ..., NULL */
    const char *body;           /* NUL-terminated; NUL bytes may be inside */
    size_t body_len;
};
/* Gives the HTTP status to answer with.  [a thread of the receiver's, one at a time] */
typedef int bf_receive_fn(void *arg, const struct bf_received *request);

struct bf_receiver;
BF_EXPORT int bf_receiver_open(const char *listen, bf_receive_fn *fn, void *arg,
                               struct bf_receiver **out, struct bf_error *err);
BF_EXPORT const char *bf_receiver_address(const struct bf_receiver *r);
/* What answers say from now on, as plain text; not copied.  NULL, as at first: nothing.  [any] */
BF_EXPORT void bf_receiver_answer(struct bf_receiver *r, const char *text);
BF_EXPORT void bf_receiver_close(struct bf_receiver *r);

/* Whether X-Wandb-Signature (base64 of HMAC-SHA256 over the raw body) is right, compared in
 * constant time.  [any] */
BF_EXPORT bool bf_signature_ok(const char *signature, const char *secret, const void *body,
                               size_t len);

/* Whether a received request is signed, and rightly: as the webhook sink signs, in base64, hex or
 * "sha256=" and hex, in the header that is named (NULL: X-Wandb-Signature or X-Hub-Signature-256),
 * or as Standard Webhooks does, whose timestamp must be within 5 minutes.  Without a secret it is
 * only looked whether there is a signature.  [any] */
enum bf_signed { BF_SIGNED_NOT, BF_SIGNED_UNCHECKED, BF_SIGNED_OK, BF_SIGNED_WRONG };
BF_EXPORT int bf_received_signed(const struct bf_received *request, const char *header,
                                 const char *secret);


/* --- a hub elsewhere ---------------------------------------------------------- */

/* Ask a running hub by its REST interface.  One request at a time, waiting; a connection is kept
 * between them.  [one thread at a time, for all of these] */
struct bf_remote;
struct bf_remote_options {
    uint32_t size;
    uint32_t quiet_ms;          /* gives up when nothing has come for so long; 0: 60 s */
    const char *url;            /* "http://127.0.0.1:8320" */
    const char *key;            /* an API key, or NULL */
    const char *ca_file;        /* PEM: believe these instead of the system's authorities, or NULL */
};
BF_EXPORT int bf_remote_open(const struct bf_remote_options *options, struct bf_remote **out,
                             struct bf_error *err);
BF_EXPORT void bf_remote_close(struct bf_remote *r);

struct bf_remote_request {
    uint32_t size;
    bool any_type;              /* the answer need not be JSON */
    const char *method;
    const char *path;           /* "/api/v1/teams?limit=10", encoded */
    const char *content_type;   /* of the body; NULL: application/json */
    const void *body;           /* NULL: none */
    size_t body_len;
    /* Pieces of a good answer as they come, instead of keeping it; negative ends the call. */
    int (*take)(void *arg, const void *data, size_t len);
    void *arg;
};
struct bf_remote_answer {
    uint32_t size;
    int status;                 /* HTTP; 0: there was no answer */
    const char *body;           /* NUL-terminated; lives until the next call */
    size_t body_len;
};
/* BF_OK for a status of 200 to 299.  Otherwise err holds the hub's own words, or why there are
 * none, and the answer what came: BF_EPERM for 401 and 403, BF_ENOENT for 404, BF_EEXIST for 409,
 * BF_ETOOBIG for 413, BF_EFULL for 429 and 503, BF_EINVAL for other 4xx. */
BF_EXPORT int bf_remote_call(struct bf_remote *r, const struct bf_remote_request *request,
                             struct bf_remote_answer *answer, struct bf_error *err);

BF_EXPORT const char *bf_version(void);

#ifdef __cplusplus
}
#endif

#endif
