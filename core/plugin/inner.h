/* inner.h - what the files of this room share; nobody else includes it.
 *
 * A plugin's thread is always inside at most one callback of ours at a time, or a stack of them.
 * struct bf_call says which: the services of struct bf_host are handed only the instance, and
 * learn from it what the request, the attempt or the transaction is. */
#ifndef BF_PLUGIN_INNER_H
#define BF_PLUGIN_INNER_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/base.h"
#include "core/base/json.h"
#include "core/base/map.h"
#include "core/event/template.h"
#include "core/event/vars.h"
#include "core/plugin/plugins.h"

#define BF_STANDIN_LEN    40        /* letters and digits of a stand-in */
#define BF_LENT_MAX       16        /* secrets that are lent to the work of one arena */
#define BF_OPTIONS_MAX    64        /* options in one table */
#define BF_KINDS_MAX      32        /* sources, and sinks, of one plugin */
#define BF_ROUTES_MAX     128       /* routes of one kind */
#define BF_LOADED_MAX     64        /* plugins in one hub */
#define BF_HEADERS_MAX    64        /* headers a plugin may set on a request or reply */
#define BF_ACTIONS_CACHED 4096      /* filled actions kept; a power of two */
#define BF_STATEMENTS_MAX 1024      /* different SQL texts of one plugin */
#define BF_CALL_ARENA_MAX (64u * 1024 * 1024)   /* scratch memory of one callback */

extern const struct bf_host bf_plugin_host;     /* host.c: the table handed to plugins */


/* --- loader.c ---------------------------------------------------------------- */

/* A plugin at this hub's sizes: everything `plugin` points to is a copy of ours, but for texts and
 * functions, which are the object's. */
struct bf_loaded {
    struct bf_plugin plugin;
    struct bf_arena *arena;
    const char *prefix;         /* of its tables, "github_" */
    struct bf_map *statements;  /* under the hub's lock: its SQL texts, see host_sql.c */
};

/* `file` is what the words call it, "slack.so". */
int bf_loaded_check(const struct bf_plugin *raw, const char *file, struct bf_loaded **out,
                    struct bf_error *err);
int bf_loaded_open(const char *plugin_dir, const char *name, struct bf_loaded **out,
                   struct bf_error *err);
void bf_loaded_free(struct bf_loaded *l);


/* --- options.c, help.c --------------------------------------------------------- */

/* Whether a table can be filled at all: names, types, places in the struct, defaults. */
int bf_options_check(const struct bf_option *table, size_t struct_size, unsigned flags_allowed,
                     struct bf_error *err);
/* Fill `into` (zeroed, of the struct's size) from a JSON object or NULL.  Secret options are
 * checked for presence and left NULL: see secrets.c.  Errors name the field "config.url". */
int bf_options_fill(const struct bf_option *table, void *into, const struct bf_json *object,
                    struct bf_arena *a, struct bf_error *err);
void bf_options_schema(const struct bf_option *table, struct bf_tree *out);
const struct bf_option *bf_option_find(const struct bf_option *table, const char *name);
void *bf_option_place(const struct bf_option *o, const void *in);

/* Parse a config object; NULL, "" and white space are an empty one. */
int bf_config_parse(struct bf_arena *a, const char *json, const struct bf_json **out,
                    struct bf_error *err);


/* --- secrets.c ------------------------------------------------------------------ */

/* What a plugin sees in place of a secret, and where the value is. */
struct bf_standin {
    char text[BF_STANDIN_LEN + 1];
    const struct bf_standin *like;      /* the one it is another text for, or NULL */
    const char *option;         /* what it fills, or "${NAME}" if it is granted by name alone */
    const char *entity;
    const char *name;           /* of the entity's secrets */
    const char *literal;        /* the value itself; it goes before a name */
    bool sealed;                /* `name` is a row that no user can name */
};

struct bf_standins {
    struct bf_standin *items;
    size_t n;
};

/* The value of a secret option that is to be sealed, while what it belongs to is only tried. */
struct bf_given {
    const struct bf_given *next;
    const char *option;
    const char *value;
};

/* The secret options that a config sets, with fresh stand-ins put into the filled struct, and the
 * secrets that are granted by name ("A B"). */
int bf_standins_make(const struct bf_option *table, const struct bf_json *config,
                     const char *entity, const char *granted, void *filled, struct bf_arena *a,
                     struct bf_standins *out, struct bf_error *err);
/* What is not saved yet is the value of its stand-in, in place of an older one that may be. */
void bf_standins_give(struct bf_standins *s, const struct bf_given *given);
/* Another text for the same secret, as every attempt gets for the names in its templates. */
void bf_standin_again(const struct bf_standin *like, struct bf_standin *out);
const struct bf_standin *bf_standins_find(const struct bf_standins *s, const char *text);
/* The one that ${NAME} stands for in a template; NULL if none is granted under that name. */
const struct bf_standin *bf_standins_named(const struct bf_standins *s, const char *name);
/* Secrets of entities that the work of an arena was lent: they end with it.  NULL if there are
 * none. */
const struct bf_standins *bf_standins_lent(const struct bf_arena *a);
/* One more of them, or again the same for the same secret. */
int bf_standin_lend(struct bf_arena *a, const char *entity, const char *name,
                    const struct bf_standin **out, struct bf_error *err);
/* What was lent to one arena, in another, for those who go on with its work. */
void bf_standins_copy(const struct bf_standins *s, struct bf_arena *a, struct bf_standins *out);
/* The value, yours to wipe and free; words name the secret and what to do. */
int bf_standin_open(struct bf_team *team, const struct bf_standin *s, char **value, size_t *len,
                    struct bf_error *err);

/* Replaces stand-ins by values in the texts of one request.  Opened values live until fini. */
enum bf_swap_where { BF_SWAP_URL, BF_SWAP_HEADER, BF_SWAP_JSON, BF_SWAP_FORM, BF_SWAP_RAW };
struct bf_swap {
    struct bf_team *team;
    struct bf_arena *arena;     /* where swapped texts are made */
    const struct bf_standins *sets[3];
    struct bf_opened *opened;
    struct bf_wipe_list *wipe;  /* what to overwrite once it has been sent */
};
struct bf_wipe_list {           /* in the arena of what it lists */
    struct bf_wipe_list *next;
    void *data;
    size_t len;
};
/* *text is replaced if a stand-in was in it.  BF_EINVAL: "secret_mangled: …". */
int bf_swap_text(struct bf_swap *s, enum bf_swap_where where, const char *what, const char **text,
                 size_t *len, struct bf_error *err);
/* The value behind a text that is a stand-in, else the text itself; good until fini. */
int bf_swap_value(struct bf_swap *s, const char *text, const char **value, size_t *len,
                  struct bf_error *err);
void bf_swap_fini(struct bf_swap *s);
/* For people to read: the text with ${NAME} in place of each whole stand-in, made in the swap's
 * arena if there is one.  Opens nothing. */
void bf_swap_show(const struct bf_swap *s, const char **text, size_t *len);
/* What people know a secret by: its own name, or of a literal its option's. */
const char *bf_standin_name(const struct bf_standin *s);
void bf_wipe_all(struct bf_wipe_list *l);
/* A character that percent-encoding leaves as it is. */
bool bf_url_unreserved(unsigned char c);
/* Secret values of 8 bytes and more in an answer's body, and in its headers if asked for, become
 * ${NAME}: as they were swapped in, escaped again, in base64, or as the path or a parameter of a
 * secret URL.  Of a body that was cut, what may be the beginning of one goes too.  What changes is
 * made in `a`. */
void bf_secrets_scrub_answer(struct bf_team *team, const struct bf_standins *s,
                             struct bf_arena *a, struct bf_fetch_result *r, bool headers);


/* --- instance.c ----------------------------------------------------------------- */

struct bf_compiled {            /* a template option, known by the address of its text */
    const struct bf_option *option;
    const char *text;
    struct bf_template *tmpl;
};
struct bf_compiled_set {
    struct bf_compiled *items;
    size_t n;
};

struct bf_timing;
struct bf_stray;
struct bf_http_job;

/* A source, or an integration of a sink. */
struct bf_instance {
    struct bf_ctx ctx;          /* first: plugins know it by this */
    atomic_uint refs;
    struct bf_plugins *plugins;
    const struct bf_plugin *plugin;
    const struct bf_source *source;     /* one of these two */
    const struct bf_sink *sink;
    struct bf_arena *arena;     /* options and texts */
    const char *name;
    const char *tag;            /* for the log, "sink/ops"; and what it remembers by */
    const char *entity;         /* of an integration */
    const struct bf_given *given;       /* of one that is tried; they are its maker's */
    uint64_t revision;
    bool disabled;
    bool created;
    void *options;
    void *self;
    struct bf_standins standins;
    const char *names;          /* that its templates may use, in words */
    struct bf_compiled_set compiled;
    const char *dir;            /* DATA/plugins/NAME */

    pthread_t thread;           /* of run() */
    bool has_thread;
    bool started;
    atomic_bool stopping;

    pthread_mutex_t lock;
    int stop_fd;                /* under lock, from here down; -1 until asked for */
    struct bf_stray *strays;    /* scratch of threads that are not ours */
    struct bf_http_job *orphans; /* requests the loop would not take any more */
    struct bf_map *remembered;  /* what recall() gives before the commit is done */
    struct bf_instance *next;   /* of the hub's sources */
};

/* An action's options and templates, for one revision of an automation and of its integration. */
struct bf_filled {
    atomic_uint refs;
    uint32_t index;
    uint64_t automation;        /* revision */
    uint64_t integration;       /* revision */
    struct bf_arena *arena;
    void *options;
    struct bf_standins granted; /* beside what the integration is granted */
    const char *names;          /* as the instance's */
    struct bf_compiled_set compiled;
};

struct bf_plugins {
    struct bf_plugins_rooms rooms;
    struct bf_courier *courier;
    struct bf_loaded *loaded[BF_LOADED_MAX];
    size_t n_loaded;
    struct bf_instance *sources;        /* every one that was made */
    atomic_ullong tickets;
    atomic_uint n_look_ups;             /* workers that wait for names to be resolved */
    atomic_uint n_trials;               /* under way */

    pthread_mutex_t lock;
    struct bf_map *integrations;        /* under lock, from here down: id to instance */
    uint64_t changes;                   /* of integrations, so far */
    struct bf_filled **actions;         /* BF_ACTIONS_CACHED places, under lock */
    size_t action_bytes;                /* of those that are kept; under lock */
    struct bf_reader *readers;          /* idle read-only connections */
    struct bf_later *later;             /* attempts of sinks that settle by themselves */
    struct bf_timing *timings;
    struct bf_streaming *streams;
    size_t n_streams;
    struct bf_watches *watches;         /* fixed */
};

const struct bf_sink *bf_plugins_sink(struct bf_plugins *p, const char *kind,
                                      const struct bf_plugin **plugin);
/* "slack, webhook": for the words of an error. */
const char *bf_plugins_sink_names(struct bf_plugins *p, struct bf_arena *a);
struct bf_instance *bf_instance_new(struct bf_plugins *p, const struct bf_plugin *plugin,
                                    const struct bf_source *source, const struct bf_sink *sink,
                                    const char *name);
/* Fill the options and run create().  `config` as stored, `granted` as "A B"; what it warns of goes to
 * `warnings`, or with NULL to the log. */
int bf_instance_make(struct bf_instance *i, const char *config, const char *granted,
                     struct bf_warnings *warnings, struct bf_error *err);
struct bf_instance *bf_instance_ref(struct bf_instance *i);
void bf_instance_unref(struct bf_instance *i);
/* The plugin's part of its end, once: no thread of the plugin's uses the hub afterwards. */
void bf_instance_end(struct bf_instance *i);  /* NULL is fine; the last one runs destroy() */
/* The instance of an integration, a reference; made now if it was not.  [any] */
int bf_instance_of(struct bf_plugins *p, const char *integration, struct bf_instance **out,
                   struct bf_error *err);
/* An integration's instance that nobody else sees, from options that may not be saved yet. */
int bf_instance_trial(struct bf_plugins *p, const struct bf_integration *integration,
                      const struct bf_given *given,
                      struct bf_warnings *warnings, struct bf_instance **out,
                      struct bf_error *err);
/* `granted` are names of secrets, "A B", of the entity that owns the integration. */
int bf_filled_new(struct bf_instance *i, const char *config, const char *granted,
                  struct bf_filled **out, struct bf_error *err);
int bf_filled_of(struct bf_instance *i, const struct bf_execution *e, struct bf_filled **out,
                 struct bf_error *err);
struct bf_filled *bf_filled_ref(struct bf_filled *f);
void bf_filled_unref(struct bf_filled *f);
/* The names that a template may use: of the instance, and of an action unless it is NULL. */
struct bf_namespace {
    const struct bf_instance *instance;
    const struct bf_filled *action;
};
struct bf_template_names bf_namespace_names(struct bf_namespace *n);
/* The secret of that name that is granted there, or NULL. */
const struct bf_standin *bf_namespace_secret(const struct bf_namespace *n, const char *name);


/* --- call.c: which callback this thread is in -------------------------------------- */

enum bf_where { BF_AT_MAIN, BF_AT_LOOP, BF_AT_ROUTE, BF_AT_WORKER, BF_AT_ENGINE, BF_AT_OWN };

struct bf_try;
struct bf_route_call;
struct bf_statement;
struct bf_reader;

struct bf_call {
    struct bf_call *outer;
    struct bf_instance *instance;
    enum bf_where where;
    struct bf_arena *arena;     /* of the request or attempt; NULL: made when asked for */
    struct bf_arena *scratch;
    struct bf_try *attempt;     /* or NULL */
    struct bf_route_call *route; /* or NULL */
    struct bf_tx *tx;           /* on the engine */
    int failed;                 /* there: undo it, whatever the plugin says.  BF_EIO: the store has
                                   failed, which ends the batch; BF_ETOOBIG: this piece alone */
    struct bf_statement *statements;
    struct bf_reader *reader;
    struct bf_error *complaint; /* the last one's words go here */
    struct bf_warnings *warnings;       /* and what does not fail, here; NULL: into the log */
};

void bf_call_enter(struct bf_call *c, struct bf_instance *i, enum bf_where where,
                   struct bf_arena *arena, struct bf_error *complaint);
void bf_call_leave(struct bf_call *c);
struct bf_call *bf_call_current(void);          /* the innermost; NULL on a foreign thread */
/* The innermost call if it is this instance's. */
struct bf_call *bf_call_of(const struct bf_ctx *ctx);
enum bf_where bf_call_where(const struct bf_ctx *ctx);
struct bf_arena *bf_call_arena(struct bf_call *c);      /* internal use: lives until leave */
static inline struct bf_instance *bf_instance_from(struct bf_ctx *ctx)
{
    return (struct bf_instance *)ctx;
}
int bf_complain_words(struct bf_ctx *ctx, int err, const char *field, const char *fmt, ...)
    BF_FORMAT(4, 5);


/* --- sink.c ---------------------------------------------------------------------- */

#define BF_STANDINS_MAX 64      /* secrets named in the templates of one attempt */

/* One attempt, as this room sees it: hangs on bf_attempt.data. */
struct bf_try {
    struct bf_delivery delivery;        /* first: verdict() and expand() come back with it */
    struct bf_event event;
    struct bf_attempt *attempt;         /* NULL: only looked at (check) */
    struct bf_instance *instance;
    struct bf_filled *filled;
    struct bf_standins standins;        /* those its templates asked for */
    const struct bf_rendered *rendered; /* what a script made of the action's options, or NULL */
    struct bf_vars vars;
    const char *facts;          /* JSON, not parsed yet; or NULL */
    size_t facts_len;
    struct bf_try *whole;       /* itself, or the attempt that tells of this firing as well */
    struct bf_verdict verdict;
    const struct bf_outbound *outbound; /* what it wants to send; NULL: nothing (yet) */
    struct bf_wipe_list *wipe;
    struct bf_error error;              /* a template or arena that failed; code 0: none */
};

/* Takes the references to the instance and the action. */
void bf_try_fill(struct bf_try *t, struct bf_instance *i, struct bf_filled *f, struct bf_arena *a,
                 const struct bf_envelope *event, const char *trigger);
void bf_try_enter(struct bf_try *t, struct bf_call *c, struct bf_error *why);
/* For a sink with request(): the request, sealed, in attempt->out, or a verdict. */
enum bf_step bf_try_request(struct bf_try *t);
/* For any other sink: what it would deliver with, in attempt->out.sent, and a verdict.  (dry.c) */
enum bf_step bf_try_dry(struct bf_try *t);
/* The question for its automation's transform; t->error tells why there is none. */
int bf_try_ask(struct bf_try *t, const struct bf_automation *automation, struct bf_transform *q);
/* It is answered: the action is what it made, or the answer becomes a failure. */
void bf_try_accept(struct bf_try *t, struct bf_transform *q);
/* Tell in another arena what another attempt was answered. */
int bf_try_take_over(struct bf_try *t, const struct bf_try *asked, const struct bf_transform *q,
                     struct bf_error *err);
/* Take the secrets out of an answer, and out of its headers if asked for. */
void bf_try_scrub(struct bf_try *t, struct bf_fetch_result *r, bool headers);

/* rendered.c: the option that is the payload, if the sink has one: else all options are. */
const struct bf_option *bf_payload_option(const struct bf_sink *sink);
/* An action's option with its variables filled in, as JSON; and all of them as an object, or all
 * that are set. */
void bf_rendered_print_one(struct bf_try *t, const struct bf_option *o, struct bf_buf *out);
void bf_rendered_print(struct bf_try *t, bool only_set, struct bf_buf *out);
/* Options of an action that a script made. */
struct bf_rendered {
    void *options;
    const char **texts;         /* that are to be taken as they are, by their addresses */
    size_t n;
};
/* From what it gave, the payload or an object of options, and of options what it was given. */
struct bf_answered {
    const struct bf_json *given;
    const struct bf_json *got;
    struct bf_arena *scratch;
};
int bf_rendered_read(const struct bf_try *t, struct bf_arena *a, const struct bf_answered *w,
                     const struct bf_rendered **out, struct bf_error *err);
bool bf_rendered_has(const struct bf_rendered *r, const char *text);

/* Ends the instances that have deliveries in hand, and then gives these back. */
void bf_later_end(struct bf_plugins *p);        /* once nothing runs any more */


/* --- check.c, check_action.c, sample.c, sample_large.c ------------------------------- */

#define BF_TRY_BYTES_MAX (16u * 1024 * 1024)    /* of an attempt that is only looked at */

/* An attempt that is only looked at; of the references, none is taken. */
struct bf_try *bf_check_try(struct bf_arena *a, struct bf_instance *i, struct bf_filled *f,
                            const struct bf_envelope *event, const char *trigger);
/* The stand-in that a URL begins with, or NULL. */
const struct bf_standin *bf_check_leading_standin(const struct bf_try *t, const char *url);
bool bf_check_web_address(const char *url);     /* it begins with http:// or https:// */
int bf_check_refuse_scheme(struct bf_error *err, const char *option);
/* The option that a URL was made from: its text, up to the first ${, is how the URL begins. */
const char *bf_check_option_of(const struct bf_option *table, const void *in, const char *url);
/* Whether the entity has all of these, "A B". */
int bf_check_secrets(struct bf_plugins *p, const char *entity, const char *names,
                     struct bf_error *err);

/* A made-up event of a trigger's kind, a reference; and what was measured of it, or NULL. */
int bf_sample_event(const char *trigger, const char *entity, struct bf_envelope **out,
                    struct bf_error *err);
void bf_sample_facts(const char *trigger, const char **out, size_t *len);

/* The same as large as they come: every name as long as it may be, numbers with all their digits, and
 * what has no limit but the event's at the sizes below.  Of a sender's own JSON it has what `set`
 * asks for by its names, "artifact_metadata.KEY" and "data.PATH". */
#define BF_SAMPLE_TEXT 4096     /* bytes of an alert's text, and of a value in metadata or data */
#define BF_SAMPLE_JSON 32768    /* of metadata, config and data, each as a whole */
int bf_sample_large_event(const char *trigger, const char *entity,
                          const struct bf_compiled_set *set, struct bf_envelope **out,
                          struct bf_error *err);
void bf_sample_large_facts(const char *trigger, struct bf_arena *a, const char **out, size_t *len);


/* --- bare.c, check_tls.c: options before they are saved -------------------------------- */

/* What a text that anybody may read gives away, "a token of GitHub"; NULL if that is nothing known. */
const char *bf_bare_token(const char *text);
/* Whether what stands under this name lets somebody in: "X-Api-Key", "sig". */
bool bf_bare_name(const char *name);
/* A parameter of a URL's query with such a name, and a value without variables. */
bool bf_bare_query(const char *url, char *name, size_t size);

/* The client certificate of a request. */
struct bf_tls_look {
    const struct bf_instance *instance;
    const struct bf_outbound *request;
    const struct bf_standin *key;       /* of its key; NULL: there is none, or it is no secret */
    const char *given_key;      /* its value, where that is not saved yet; or NULL */
    char field[128];            /* out: what `doubt` is about, "config.client_cert" */
    char doubt[200];            /* out: "" or a warning, that it ends soon */
};
/* As far as can be known without the other side: BF_ECONFIG if no connection could be begun with it.
 * A key that cannot be opened is left to the attempts, which say so. */
int bf_check_tls(struct bf_tls_look *l, struct bf_error *err);


/* --- request.c, host_http.c ------------------------------------------------------------ */

struct bf_outbound;
struct bf_outbound *bf_outbound_new(struct bf_instance *i, struct bf_arena *a, struct bf_try *t);
struct bf_request *bf_outbound_pub(struct bf_outbound *r);
struct bf_arena *bf_outbound_arena(const struct bf_outbound *r);
const char *bf_outbound_url(const struct bf_outbound *r);       /* with stand-ins; "" if none */
/* How long the body is, with stand-ins, and how long it may be. */
size_t bf_outbound_size(const struct bf_outbound *r, size_t *max);
/* The i-th key it is signed with, as a stand-in, and enum bf_sign; NULL behind the last. */
const char *bf_outbound_key(const struct bf_outbound *r, size_t i, int *how);
/* Its client certificate and the like, enum bf_tls_part; with stand-ins, NULL if not set. */
const char *bf_outbound_tls(const struct bf_outbound *r, int part);
/* Swap, check the size, sign: what really leaves, in `into`.  Texts without secrets are shared
 * with the request unless `copy`. */
int bf_outbound_seal(struct bf_outbound *r, struct bf_arena *into, bool copy,
                     struct bf_fetch_request *out, struct bf_wipe_list **wipe,
                     struct bf_error *err);
/* The same request as people may see it: where a secret stands, by its place and not by its value,
 * they see ${NAME}.  Texts without secrets are shared with the request. */
void bf_outbound_show(const struct bf_outbound *r, struct bf_arena *into, struct bf_sent *out);
/* And with all its headers and signatures, once it is sealed. */
void bf_outbound_show_all(const struct bf_outbound *r, const struct bf_fetch_request *sealed,
                          struct bf_arena *into, struct bf_shown_request *out);
/* A request to the hub's own REST, copied; *as is the id of the caller behind it, or NULL. */
bool bf_outbound_is_inside(const struct bf_outbound *r);
int bf_outbound_inside(const struct bf_outbound *r, struct bf_arena *into,
                       struct bf_inside_request *out, const char **as, struct bf_error *err);
void bf_orphans_end(struct bf_instance *i);     /* call back what was never sent.  [main] */


/* --- route.c, host_bus.c, host_time.c ------------------------------------------------- */

/* Register the routes of a kind on the listener. */
int bf_routes_add(struct bf_instance *i, const struct bf_route *routes, struct bf_error *err);
/* Add events to what the current request will commit; takes the references. */
int bf_route_take(struct bf_route_call *rc, struct bf_envelope **events, size_t n);
const struct bf_http_in *bf_route_in(const struct bf_route_call *rc);
void bf_route_receipt(struct bf_route_call *rc, const struct bf_receipt *receipt);
struct bf_db *bf_route_db(const struct bf_route_call *rc);      /* the loop thread's own */
bool bf_route_streams(const struct bf_route_call *rc);
/* Events of a request whose reply has left: nobody waits for them.  Takes the references. */
void bf_host_post_events(struct bf_ctx *ctx, struct bf_envelope **events, size_t n);

int bf_memory_open(struct bf_plugins *p, struct bf_error *err); /* belfry_plugin_memory */
void bf_readers_free(struct bf_plugins *p);
void bf_remembered_free(struct bf_instance *i);
void bf_strays_free(struct bf_instance *i);
void bf_statements_end(struct bf_call *c);
struct bf_db *bf_call_db(struct bf_call *c);    /* to read with, or the engine's; NULL */

/* A connection to read with, for a while; NULL if there is none. */
struct bf_reader *bf_reader_borrow(struct bf_plugins *p);
void bf_reader_give_back(struct bf_plugins *p, struct bf_reader *r);
struct bf_db *bf_reader_db(struct bf_reader *r);

/* All timers of an instance [loop]; or with NULL of everybody, once the loop is gone. */
void bf_timings_end(struct bf_plugins *p, const struct bf_instance *of);
void bf_instance_stop(struct bf_instance *i);   /* pauses and streams end, run() is to return */


/* --- host_stream.c, host_watch.c ------------------------------------------------------- */

/* A reply that goes on.  Counted: by the connection, the route while it runs, and watches; with
 * the last reference the exchange and its arena go. */
struct bf_streaming;
bool bf_streaming_room(struct bf_plugins *p);   /* for one more? */
/* The connection's reference is its own, this one is the caller's. */
struct bf_streaming *bf_streaming_new(struct bf_instance *i, struct bf_exchange *x,
                                      const char *type);
struct bf_streaming *bf_streaming_find(struct bf_instance *i, bf_ticket ticket); /* NULL; a ref */
void bf_streaming_unref(struct bf_streaming *s);
bf_ticket bf_streaming_ticket(const struct bf_streaming *s);
bool bf_streaming_over(struct bf_streaming *s);
bool bf_streaming_full(struct bf_streaming *s);
int bf_streaming_end(struct bf_instance *i, bf_ticket ticket);  /* BF_ENOENT */
void bf_streamings_end(struct bf_instance *i);

struct bf_watches;
struct bf_watches *bf_watches_new(struct bf_plugins *p);
void bf_watches_free(struct bf_watches *ws);    /* once the loop has stopped */
/* Look at the watches soon.  [any] */
void bf_watches_wake(struct bf_watches *ws);
int bf_watch_end(struct bf_instance *i, bf_ticket ticket);      /* BF_ENOENT */
void bf_watches_end(struct bf_instance *i);     /* all of its own  [loop] */

#endif
