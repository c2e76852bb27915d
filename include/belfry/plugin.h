/* belfry/plugin.h - the Belfry plugin ABI, version 1.
 *
 * This is the whole contract between the hub and a plugin.  A plugin includes
 * this header, libc, and nothing else of ours; it links against no Belfry
 * library and sees no core struct.  The header is C99 and also compiles as
 * C++20.
 *
 * THE SHAPE
 *
 *   A plugin is one shared object exporting one constant, written with
 *   BF_PLUGIN().  The constant lists the kinds of source and sink the object
 *   provides.  A configured source, and an integration that a team made for a
 *   sink, are *instances* of a kind.  A page like the console is a source that
 *   has routes and emits nothing.
 *
 * LIFE OF AN INSTANCE            thread
 *
 *   options parsed by the hub    -         unknown key or bad value: refused
 *   create                       [main]    check options, allocate; no I/O
 *   start                        [loop]    (source) set timers, begin to watch
 *   run                          [own]     (source) optional dedicated thread
 *   check                        [worker]  (sink) an automation is being saved
 *   routes, request, deliver...  see each  the work (routes are a source's)
 *   stop                         [loop]    (source) take no new work
 *   destroy                      [main]    every other callback has returned
 *
 *   `belfry check` stops after create, so create must have no side effects.
 *   Reloading the config leaves an instance alone if neither its options nor
 *   its object changed.  Otherwise the new one is created and started, routes
 *   go to it from that moment, and the old one is stopped: requests in its
 *   hands are answered, its watches and streams end (an event stream's client
 *   comes back by itself), its bf_http_send()s call back with BF_ECANCELED.
 *   Shared objects are never unloaded; a rebuilt one is loaded beside its
 *   predecessor, which drains and stays mapped.
 *
 *   Every call goes through a table and everything passed is copied, so the hub
 *   may equally run the same object in a child process.  Keep no state outside
 *   `self`: there may be several instances, and several generations, at once.
 *
 * THREADS
 *
 *   Every function below carries one tag saying where it runs, or, for a
 *   function you call, where you may call it from.
 *
 *   [main]    the thread controlling the hub; never at the same time as any
 *             other callback of the same instance.
 *   [loop]    the courier's event loop: timers, watches and outgoing HTTP.  All
 *             [loop] callbacks of one instance run on one thread, one at a
 *             time: no locks needed.  Return quickly; the hub logs any over 50 ms.
 *   [route]   a thread of the listener pool.  Routes may run at the same time
 *             as each other and as anything else; do not block.
 *   [worker]  a pool thread.  May run at the same time as itself, up to the
 *             kind's max_parallel.  May block.
 *   [engine]  the thread that decides and commits.  You are inside the
 *             transaction of a batch; see TRANSACTIONS.
 *   [own]     the dedicated thread the hub made for run().  May block.
 *   [any]     any thread, at any time between create and destroy.
 *
 *   Calls that may have to wait say "waits".  On [worker] and [own] they do; on
 *   [loop] they never do, and give BF_EFULL when there is no room.
 *
 * TRANSACTIONS
 *
 *   A function run on the [engine] may change the plugin's tables, emit events
 *   and move cursors.  All of that, the decisions the events lead to, and their
 *   queued actions are one commit; a reply leaves after it.  If the commit
 *   fails nothing of it has happened (a request is answered 503).  Such a
 *   function may be run again from the start, when a script has to be asked
 *   about what it emits or a database asks for it: let it depend on its
 *   argument and the tables alone, and change nothing but through the calls
 *   below.  It holds up everybody: do the parsing before, and stay under 20 ms.
 *
 * MEMORY
 *
 *   - What the hub passes you is valid until your callback returns, or as long
 *     as is said there.  To keep anything longer, copy it.
 *   - What you pass the hub is copied before the call returns.  Where it takes
 *     text, NULL is as good as "".
 *   - Strings made for you live in the arena named or implied and vanish with
 *     it.  They are never NULL unless it is said: past the arena's size limit,
 *     64 MiB, you get "" and the arena is marked, and the hub fails the work for
 *     you.  You need no error branch for them.
 *   - An arena is used by one thread at a time: yours, until you return or pass
 *     on what it came in.
 *   - Nobody frees memory the other side allocated.  Requests, statements,
 *     streams, watches and timers need no freeing: they end with their arena,
 *     callback, client or instance.
 *
 * SECRETS
 *
 *   A BF_SECRET option, and ${NAME} in a template, hold a stand-in for the
 *   value: 40 random letters and digits, an option's others in every instance,
 *   a template's others at every attempt.  bf_team_secret() gives one as well,
 *   to who has a caller's request to serve.  Put it in a URL, header or body as
 *   if it were the value; it survives the functions below.  As the bytes leave,
 *   the hub swaps the value of that moment in, escaped for where it stands (a
 *   part of a URL, though not a whole one; a form; a JSON string; a header is
 *   refused if it would break the line), then checks the size, then signs.  A
 *   stand-in that has been cut, re-encoded or folded fails the attempt
 *   ("secret_mangled"), so what needs encoding goes through a call that knows:
 *   bf_request_basic() for basic-auth.  So plugins, logs, previews and history
 *   never contain a secret.
 *
 * ERRORS
 *
 *   Functions returning int give 0 or a negative enum bf_err.  Use
 *   `return bf_fail(ctx, BF_EIO, "no route to %s", host);` to attach the
 *   words a person will read.  A hub's function that fails has attached its own
 *   already: pass the error up, or attach better ones.  In a route the last
 *   words become the reply, see bf_route_fn.
 *
 * GROWTH
 *
 *   Structs start with `size`, new fields go at the end, and fields are never
 *   removed or given a new meaning.  (Elements of tables have their size in the
 *   kind that points to them.)  An older plugin's missing fields read as
 *   zero.  A newer plugin is accepted as long as every field this hub does
 *   not know is zero; if not, it is refused by name rather than half-obeyed.
 *   A change that cannot be made that way is ABI version 2, which has another
 *   symbol name; an object may export both.
 */
#ifndef BELFRY_PLUGIN_H
#define BELFRY_PLUGIN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define BF_EXPORT       __attribute__((visibility("default")))
#define BF_FORMAT(f, a) __attribute__((format(printf, f, a)))
#else
#define BF_EXPORT
#define BF_FORMAT(f, a)
#endif

#ifdef __cplusplus
#define BF_EXTERN extern "C"
extern "C" {
#else
#define BF_EXTERN extern
#endif

/* Whether the (host-owned) struct at `p` is new enough to have `field`. */
#define BF_HAS(p, type, field) \
    ((p)->size >= offsetof(type, field) + sizeof(((type *)0)->field))

enum bf_err {
    BF_OK         = 0,
    BF_EINVAL     = -1,  /* a caller's mistake: a bug, not a bad day */
    BF_ECONFIG    = -2,  /* the user's configuration is wrong */
    BF_ENOMEM     = -3,  /* over a limit on memory */
    BF_EIO        = -4,  /* the outside world failed; trying again may help */
    BF_ETIMEDOUT  = -5,
    BF_ECANCELED  = -6,  /* stopped because the instance is going away */
    BF_ENOENT     = -7,  /* there is no such thing, or no longer */
    BF_EFULL      = -8,  /* a queue or limit is full; back off */
    BF_ENOSYS     = -9,  /* this hub is too old for that call */
    BF_ETOOBIG    = -10, /* an answer, or what was to be sent, is over its limit */
    BF_EPERM      = -11, /* the caller, or the operator, does not allow it */
    BF_EEXIST     = -12  /* the name is taken */
};

enum bf_level { BF_LOG_ERROR, BF_LOG_WARN, BF_LOG_INFO, BF_LOG_DEBUG };

/* Opaque handles.  The hub's real structs begin with these members; plugins
 * use them only as arguments to the functions at the end of this header. */
struct bf_host;
struct bf_ctx     { const struct bf_host *host; };  /* one instance */
struct bf_arena   { const struct bf_host *host; };  /* scratch memory */
struct bf_request { const struct bf_host *host; };  /* an HTTP request to send */
struct bf_reply   { const struct bf_host *host; };  /* an HTTP reply being made */
struct bf_stmt    { const struct bf_host *host; };  /* an SQL statement */

/* Names something that may be over before you are done with it: a delivery
 * attempt, a stream, a watch, a timer.  Never 0.  Using one that is over is
 * refused with BF_ENOENT, not undefined. */
typedef uint64_t bf_ticket;


/* --- events ------------------------------------------------------------- */

/* An event is immutable.  To emit one, fill the fields you know (type and
 * payload at least) and leave the rest zero.  Strings are UTF-8 and end in NUL. */
struct bf_event {
    uint32_t    size;
    uint32_t    hops;       /* hub to hub so far; 0 when emitting from a route: as it came */
    int64_t     time_ms;    /* when it happened; 0 when emitting means "now" */
    int64_t     received_ms;/* the hub's time, never going back; 0 when emitting */
    uint64_t    payload_len;/* 0: up to the NUL */
    const char *id;         /* assigned by the hub; NULL when emitting */
    const char *key;        /* or NULL; a repeat of a key by this instance is dropped */
    const char *type;       /* dotted lower case, "artifact.alias.add" */
    const char *source;     /* instance name; NULL when emitting */
    const char *author;     /* whose action caused it, or NULL */
    const char *cause;      /* id of the event or execution that led to it, or NULL */
    const char *entity;     /* the scope path; each NULL where it does not apply */
    const char *project;
    const char *collection;
    const char *payload;    /* emitting: its other members, as JSON; received: all of it */
};

/* What became of it. */
struct bf_emitted {
    uint32_t size;          /* yours: sizeof */
    uint32_t duplicate;     /* the key was there already; id is the first one's */
    char     id[32];
};


/* --- options ------------------------------------------------------------ */

/* Options are declared, not parsed: the hub fills your struct from a table,
 * checks it, and makes from it `belfry help PLUGIN`, the JSON Schema and the
 * console's forms. */
enum bf_opt_type {
    BF_T_STRING = 1,        /* const char *  NULL only if unset and without default */
    BF_T_INT,               /* int64_t */
    BF_T_BOOL,              /* bool */
    BF_T_DURATION,          /* int64_t       milliseconds, from "30s", "5m" */
    BF_T_LIST,              /* const char *const *  NULL-terminated */
    BF_T_MAP,               /* const char *const *  key, value, ..., NULL */
    BF_T_JSON               /* const char *  a JSON template, checked when saved */
};

#define BF_REQUIRED 1u      /* no default; refuse a config without it */
#define BF_SECRET   2u      /* always kept as a stored secret; see SECRETS above */
#define BF_TEMPLATE 4u      /* text for bf_expand(): ${...} is checked when saved.  Only in sinks */
#define BF_GRANTED  8u      /* a BF_SECRET of an integration: left out, it is the first of the
                               secrets that the integration is granted by name */
#define BF_SHOWN    16u     /* of an action: people read it where it arrives.  A secret that a
                               template puts into it is warned of when it is saved */

struct bf_option {
    const char *name;
    uint32_t    type;       /* enum bf_opt_type */
    uint32_t    offset;     /* into the config struct */
    uint32_t    flags;
    const char *def;        /* default, as the user would write it */
    const char *help;       /* one line, no full stop */
    const char *choices;    /* "INFO|WARN|ERROR", or NULL for anything */
};

/* BF_STRING(struct config, url, .flags = BF_REQUIRED, .help = "...").
 * The comparison inside makes the compiler check the member's type. */
#define BF_OPT_(S, f, T, t, ...)                                              \
    { .name = #f, .type = (t),                                                \
      .offset = (uint32_t)(offsetof(S, f) + 0 * sizeof((T *)0 == &((S *)0)->f)), \
      __VA_ARGS__ }
#define BF_STRING(S, f, ...)   BF_OPT_(S, f, const char *, BF_T_STRING, __VA_ARGS__)
#define BF_INT(S, f, ...)      BF_OPT_(S, f, int64_t, BF_T_INT, __VA_ARGS__)
#define BF_BOOL(S, f, ...)     BF_OPT_(S, f, bool, BF_T_BOOL, __VA_ARGS__)
#define BF_DURATION(S, f, ...) BF_OPT_(S, f, int64_t, BF_T_DURATION, __VA_ARGS__)
#define BF_LIST(S, f, ...)     BF_OPT_(S, f, const char *const *, BF_T_LIST, __VA_ARGS__)
#define BF_MAP(S, f, ...)      BF_OPT_(S, f, const char *const *, BF_T_MAP, __VA_ARGS__)
#define BF_JSON(S, f, ...)     BF_OPT_(S, f, const char *, BF_T_JSON, __VA_ARGS__)
#define BF_OPTIONS_END         { .name = NULL }


/* --- HTTP --------------------------------------------------------------- */

/* Header lists are name, value, name, value, ..., NULL. */

/* What a caller may do in an entity, as bits. */
enum bf_right {
    BF_INGEST = 1,          /* send events and runs */
    BF_READ   = 2,
    BF_EDIT   = 4,          /* automations */
    BF_ADMIN  = 8           /* integrations, secrets, members */
};
#define BF_PUBLIC 256u      /* of a route: anybody; it checks a signature or token itself */

/* Whoever the hub found a valid key, or a session of our own pages, for. */
struct bf_caller {
    uint32_t    size;
    uint32_t    reserved;
    const char *id;         /* names this key or session; for bf_find_caller() */
    const char *user;
};

struct bf_http_in {             /* a request arriving on one of your routes */
    uint32_t                size;
    uint32_t                reserved;
    uint64_t                body_len;
    const char             *method;
    const char             *path;
    const char             *query;      /* "" if none */
    const char             *body;       /* complete, also NUL-terminated; mapped if large */
    const char             *body_file;  /* its path, or NULL; rename() it away to keep it */
    const char *const      *headers;
    const char             *peer;       /* "203.0.113.9" */
    const struct bf_caller *caller;     /* NULL on a BF_PUBLIC route without a key */
    struct bf_arena        *arena;      /* lives, as all this does, until the reply has left; a
                                           stream, until it and its watches have ended */
};

struct bf_http_out {            /* what came back for a request you sent */
    uint32_t           size;
    uint32_t           sent;    /* with err: it may have reached the other side */
    int32_t            err;     /* 0, or the enum bf_err that stopped it */
    int32_t            status;  /* 0 if err */
    uint64_t           body_len;
    const char        *body;    /* never NULL */
    const char *const *headers;
    struct bf_arena   *arena;
};

/* Returns the HTTP status to send.  Events emitted during the call are
 * committed to disk, together, before the reply leaves; the request waits
 * parked, not holding a thread.  If the commit fails the hub answers 503, so a
 * 2xx always means "we have it".  A status of 400 or more emits nothing, and if
 * you gave it no body it gets {"error":{"code","message","field"}} from the last
 * bf_complain() of this request: `return bf_status(rc);` is a whole error path.
 * 429 and 503 get a Retry-After if you set none.  [route, or where
 * bf_continue() took it] */
typedef int (*bf_route_fn)(struct bf_ctx *ctx, void *self,
                           const struct bf_http_in *in, struct bf_reply *re);

/* Routes are declared, so that the hub can list them, say who may call them,
 * and refuse two that clash.  In a path, {name} stands for one segment,
 * {instance} for the instance's name, and a final * for the rest; words win
 * over {name}, {name} over *.  GET serves HEAD too.  A path with a segment "."
 * or "..", in whatever spelling, reaches no route.
 *
 * Who is let in: with BF_PUBLIC everybody, with `needs` 0 every caller.  With a
 * right, who has it in the entity that {entity} names; if the path has no
 * {entity}, who has it in at least one, and the route then asks bf_may() or
 * passes the caller on (bf_emit_text(), bf_request_as(), bf_watch.as), lest a
 * right in one team serve in another.  Others get 401 or 403 from the hub. */
struct bf_route {
    const char *method;
    const char *path;
    bf_route_fn fn;
    uint32_t    needs;      /* enum bf_right, or BF_PUBLIC */
    uint32_t    flags;      /* BF_BODY_FILE */
    uint64_t    body_max;   /* 0: 1 MiB; more than that is spooled to disk */
    bf_route_fn admit;      /* optional, before the body is read: 0, or a status to refuse it
                               with.  `body` is empty.  [route] */
};

#define BF_BODY_FILE 1u     /* have body_file whatever the size */

#define BF_ROUTE(m, p, f, ...) { .method = (m), .path = (p), .fn = (f), __VA_ARGS__ }
#define BF_ROUTES_END          { .method = NULL }

/* Called exactly once for each bf_http_send(), never from inside it, and always
 * before destroy; whatever went wrong is in out->err.  [loop] */
typedef void (*bf_http_fn)(struct bf_ctx *ctx, void *arg,
                           const struct bf_http_out *out);

/* How a body is signed, or a signature checked.  All but PLAIN are HMAC-SHA256
 * over the exact bytes on the wire. */
enum bf_sign {
    BF_SIGN_PLAIN,          /* the shared secret itself */
    BF_SIGN_HEX,
    BF_SIGN_SHA256_HEX,     /* "sha256=" and hex */
    BF_SIGN_BASE64,         /* what X-Wandb-Signature holds */
    BF_SIGN_STANDARD        /* Standard Webhooks: its own three headers */
};

/* A timer, or a function posted to the loop.  [loop] */
typedef void (*bf_fn)(struct bf_ctx *ctx, void *arg);

/* Part of a transaction.  A negative enum bf_err undoes what it did.  [engine] */
typedef int (*bf_tx_fn)(struct bf_ctx *ctx, void *arg);


/* --- watching ----------------------------------------------------------- */

/* Something was committed. */
struct bf_note {
    uint32_t         size;
    uint32_t         reserved;
    uint64_t         seq;       /* grows within a watch; what bf_watch.after takes, of one with
                                   the same topics */
    uint64_t         json_len;
    const char      *topic;     /* "event", "execution", "automation", ..., or "gap" */
    const char      *json;      /* as REST shows it, on one line; "{}" for a gap */
    bf_ticket        stream;    /* of the watch */
    struct bf_arena *arena;
};

/* What bf_follow() is to tell.  Notes come in order, one at a time, and none is
 * left out: they are read from the journal as they are taken.  Where it no
 * longer reaches back, one note "gap" says so.  An event is told once, an
 * automation each time it is saved, or deleted (then as its "id", "name" and
 * "deleted"), an execution when it is made and each time its status changes, as
 * it is by then.  Changes of executions are remembered
 * for a while and not over a restart: behind that there is a gap as well.  If
 * the caller behind `as` loses its key or session, the watch ends and its
 * stream with it. */
struct bf_watch {
    uint32_t                size;
    uint32_t                reserved;
    uint64_t                after;      /* go on behind this note; 0: only what is new */
    const char             *topics;     /* "event execution"; NULL for all */
    const char             *entity;     /* NULL: everything `as` may read */
    const char             *project;    /* an execution's is its automation's */
    const struct bf_caller *as;         /* asked again for each note; NULL: the hub itself */
    bf_ticket               stream;     /* 0, or: end with it, and hold while it is full */
};

/* [loop] */
typedef void (*bf_note_fn)(struct bf_ctx *ctx, void *arg, const struct bf_note *note);


/* --- sinks -------------------------------------------------------------- */

enum bf_outcome {
    BF_DELIVERED = 0,
    BF_RETRY     = 1,       /* did not happen, might later: 503, connection refused */
    BF_REJECTED  = 2,       /* did not happen, never will: 404, bad payload */
    BF_UNKNOWN   = 3,       /* may have happened: sent, but no answer */
    BF_ACCEPTED  = 4        /* taken by a service that does not tell what it does with it */
};

#define BF_ONCE  1u         /* repeating it does harm: never retry BF_UNKNOWN, which a 5xx
                               is too, unless judge knows better */
#define BF_QUICK 2u         /* request and judge only compute, within 1 ms: no file, lock, SQL or
                               sleep.  The hub may call them on [loop], saving two hand-overs */

struct bf_delivery {            /* one attempt at one execution */
    uint32_t               size;
    uint32_t               attempt;     /* 1 for the first try */
    bf_ticket              ticket;
    int64_t                deadline_ms; /* when the hub gives up waiting */
    const char            *id;          /* the execution; same for every attempt */
    const char            *automation;  /* the name of what fired */
    const void            *action;      /* your action struct, filled */
    struct bf_ctx         *ctx;
    struct bf_arena       *arena;
    const struct bf_event *event;
    const struct bf_delivery *const *merged; /* NULL, or later firings of the same action to tell
                                                of in this message; NULL-terminated.  The same at
                                                every attempt, and settled with this one.  bf_expand()
                                                and bf_render() take each of them.  If there are more
                                                than max_merged they are the newest; of d itself
                                                ${firing_count} says how many there are in all.  NULL
                                                where a script has made one thing of them */
};

/* A sink has two option tables.  *Integration* options (where, and with what
 * key) are filled once per integration, which many automations share; *action*
 * options (what to say) once per automation.  An automation's script, its
 * transform, may change these for one delivery; the plugin sees a struct like any.
 *
 * It delivers in exactly one of three ways.  Take the first that fits.
 *
 *   request           Say what HTTP request the event becomes; the hub sends
 *                     it and judges the answer.  Almost every sink is this.
 *   deliver           Take several asynchronous steps, then bf_settle().
 *   deliver_blocking  Straight-line code with bf_fetch(), or a library that
 *                     blocks; return the outcome.
 *
 * A sink has no routes: pages for it, such as the callback of an OAuth app with
 * which teams connect their accounts, are a source of the same plugin, whose
 * options are the operator's.  What a team has stored it uses by bf_team_secret(),
 * and it makes integrations through bf_request_as().
 */
struct bf_sink {
    uint32_t                size;
    uint32_t                option_size;
    uint32_t                flags;      /* BF_ONCE, BF_QUICK */
    uint32_t                reserved;
    const char             *name;       /* the plugin's, or "github.dispatch" */
    const char             *summary;
    const struct bf_option *integration;
    size_t                  integration_size;
    const struct bf_option *action;
    size_t                  action_size;

    /* Optional.  Without create, `self` is the integration struct itself and
     * stateless sinks need neither.  It outlives the instance.  [main] */
    int  (*create)(struct bf_ctx *ctx, const void *integration, void **self);
    void (*destroy)(void *self);

    /* Optional: an automation is being saved; d->event is a made-up one of its
     * kind.  bf_refuse() an action that the service would refuse, bf_warn() of
     * what may become trouble.  The hub has rendered all templates, and tried
     * request, by itself: a body that is longer than bf_request_limit() allows
     * is its own to tell.
     *   Called once more with the largest event of that kind: names as long as
     * they may be, texts of some KiB, metadata and data of more.  What is refused
     * then is saved all the same, with your words as a warning.  The same words
     * about the same option are told once.  [worker] */
    int (*check)(void *self, const struct bf_delivery *d);

    /* Fill in `req` and return 0 to have it sent, or return bf_retry() or
     * bf_reject() to settle without sending.  A pure function of its arguments:
     * the hub also calls it to preview, test and replay.  [worker; with BF_QUICK
     * also loop] */
    int (*request)(void *self, const struct bf_delivery *d, struct bf_request *req);

    /* Optional with request, for services whose 200 can mean no: read the
     * answer, return BF_DELIVERED or one of the calls below.  Without it: 2xx
     * is delivered; 408, 425, 429, 500, 502-504 and errors before sending
     * retry, honouring Retry-After; an error after sending is unknown; the rest
     * is rejected.  bf_default(d, out) is that judgement, for what you do not
     * know better.  Not called when out->err is set.  [as request] */
    int (*judge)(void *self, const struct bf_delivery *d, const struct bf_http_out *out);

    /* Start the delivery and return.  Call bf_settle(d->ticket) once, now or
     * later, from any thread; `d` and its arena live until you do.  If the
     * deadline passes first the hub settles it as unknown; your bf_settle(), late
     * as it is, then only gives `d` back.  [loop] */
    void (*deliver)(void *self, const struct bf_delivery *d);

    /* Deliver, and return BF_DELIVERED or bf_retry(), bf_reject(),
     * bf_unknown() or bf_default().  [worker] */
    int (*deliver_blocking)(void *self, const struct bf_delivery *d);

    /* Of each integration, which may set its own: attempts under way, and limits as "1/s 60/m
     * 400/h", up to four.  Where the plugin's own code delivers, an integration cannot raise
     * max_parallel; what is over the pace waits, and spends no attempt. */
    uint32_t    max_parallel;           /* 0 lets the hub choose */
    uint32_t    max_merged;             /* firings one message can tell of, d's own too; 0: one */
    const char *pace;                   /* or NULL */
};


/* --- sources ------------------------------------------------------------ */

struct bf_source {
    uint32_t                size;
    uint32_t                option_size;
    uint32_t                route_size;
    uint32_t                reserved;
    const char             *name;
    const char             *summary;
    const struct bf_option *options;
    size_t                  options_size;
    const struct bf_route  *routes;     /* at least one of routes, start and run is set */

    /* Optional.  Without create, `self` is the option struct itself. */
    int  (*create)(struct bf_ctx *ctx, const void *options, void **self);  /* [main] */
    void (*destroy)(void *self);                                           /* [main] */

    int  (*start)(struct bf_ctx *ctx, void *self);                         /* [loop] */
    void (*stop)(struct bf_ctx *ctx, void *self);                          /* [loop] */

    /* Runs on a thread the hub creates, names and joins.  Return when
     * bf_stopping() turns true; bf_sleep() and bf_fetch() end early for it, and
     * bf_stop_fd() is for poll().  Returning an error earlier makes the hub
     * call run again, after a growing pause.  [own] */
    int (*run)(struct bf_ctx *ctx, void *self);
};


/* --- the plugin --------------------------------------------------------- */

struct bf_plugin {
    uint32_t size;
    uint32_t reserved;
    const char *name;                           /* file name without ".so" */
    const char *version;
    const struct bf_sink   *const *sinks;       /* NULL-terminated, or NULL */
    const struct bf_source *const *sources;
    const char *const *schema;                  /* see bf_sql() */
};

#define BF_SINK(n, s)                                                        \
    .size = sizeof(struct bf_sink), .option_size = sizeof(struct bf_option), \
    .name = (n), .summary = (s)
#define BF_SOURCE(n, s)                                                        \
    .size = sizeof(struct bf_source), .option_size = sizeof(struct bf_option), \
    .route_size = sizeof(struct bf_route), .name = (n), .summary = (s)

#define BF_OPTIONS(S, table)     .options = (table), .options_size = sizeof(S)
#define BF_INTEGRATION(S, table) .integration = (table), .integration_size = sizeof(S)
#define BF_ACTION(S, table)      .action = (table), .action_size = sizeof(S)

#define BF_SINKS(...)   .sinks   = (const struct bf_sink *const[]){ __VA_ARGS__, NULL }
#define BF_SOURCES(...) .sources = (const struct bf_source *const[]){ __VA_ARGS__, NULL }
#define BF_SCHEMA(...)  .schema  = (const char *const[]){ __VA_ARGS__, NULL }

/* BF_PLUGIN(slack, "1.0", BF_SINKS(&slack));
 *
 * Compiled with BF_STATIC the constant is named after the plugin instead, so
 * an embedding program can link several and hand them to bf_hub_add_plugin(). */
#ifdef BF_STATIC
#define BF_PLUGIN_SYMBOL(ident) bf_plugin_v1_##ident
#else
#define BF_PLUGIN_SYMBOL(ident) bf_plugin_v1
#endif
#define BF_PLUGIN(ident, ver, ...)                                           \
    BF_EXTERN BF_EXPORT const struct bf_plugin BF_PLUGIN_SYMBOL(ident);      \
    const struct bf_plugin BF_PLUGIN_SYMBOL(ident) = {                       \
        .size = sizeof(struct bf_plugin), .reserved = 0,                     \
        .name = #ident, .version = (ver), __VA_ARGS__ }


/* --- what the hub offers ------------------------------------------------ */

/* Text that grows in an arena.  Begin with all zero; see bf_append().  This struct
 * is yours and has no size: it stays as it is. */
struct bf_text {
    const char *s;          /* NUL-terminated; NULL while nothing was appended */
    uint64_t    len;
    uint64_t    room;       /* the hub's */
};

/* What a JSON value is. */
enum bf_value {
    BF_V_NONE,              /* nothing there, or the text is not JSON */
    BF_V_NULL, BF_V_BOOL, BF_V_NUMBER, BF_V_STRING, BF_V_ARRAY, BF_V_OBJECT
};

/* One element of an array or member of an object; see bf_each(). */
struct bf_item {
    uint32_t    size;       /* yours: sizeof */
    uint32_t    type;       /* enum bf_value */
    uint64_t    at;         /* where to go on; 0 to begin */
    const char *key;        /* the member's name; "" for an element */
    const char *value;      /* as bf_get() gives it */
};

/* Call the functions below the table rather than the table itself; tests fill
 * one in with fakes.  Entries added after 1.0 go at the end, and their wrappers
 * give BF_ENOSYS when BF_HAS() says this hub has none. */
struct bf_host {
    uint32_t    size;
    uint32_t    reserved;
    const char *version;                        /* "1.4.2", for messages only */

    void (*log)(struct bf_ctx *, int level, const char *fmt, va_list ap);
    int  (*complain)(struct bf_ctx *, int err, const char *option, const char *fmt, va_list ap);
    int64_t (*now_ms)(struct bf_ctx *);
    const char *(*dir)(struct bf_ctx *);
    const char *(*url)(struct bf_ctx *, struct bf_arena *, const char *path);

    int  (*emit)(struct bf_ctx *, const struct bf_event *, struct bf_emitted *out);
    int  (*emit_text)(struct bf_ctx *, const struct bf_caller *as, const char *text, size_t len);
    int  (*transact)(struct bf_ctx *, bf_tx_fn, void *arg);
    const char *(*recall)(struct bf_ctx *, struct bf_arena *, const char *key);
    int  (*remember)(struct bf_ctx *, const char *key, const char *value);
    struct bf_stmt *(*sql)(struct bf_ctx *, const char *sql);
    void (*bind_text)(struct bf_stmt *, int i, const char *text);
    void (*bind_int)(struct bf_stmt *, int i, int64_t value);
    void (*bind_double)(struct bf_stmt *, int i, double value);
    int  (*step)(struct bf_stmt *);
    const char *(*col_text)(struct bf_stmt *, int i);
    int64_t (*col_int)(struct bf_stmt *, int i);
    double (*col_double)(struct bf_stmt *, int i);

    int  (*verdict)(const struct bf_delivery *, int outcome, int64_t after_ms,
                    const char *fmt, va_list ap);
    int  (*judge)(const struct bf_delivery *, const struct bf_http_out *);
    int  (*settle)(struct bf_ctx *, bf_ticket, int outcome);

    struct bf_arena *(*scratch)(struct bf_ctx *);
    void *(*alloc)(struct bf_arena *, size_t len);
    const char *(*print)(struct bf_arena *, const char *fmt, va_list ap);
    void (*append)(struct bf_arena *, struct bf_text *, const char *fmt, va_list ap);
    const char *(*quote)(struct bf_arena *, const char *text);
    const char *(*expand)(const struct bf_delivery *, const char *tmpl, int escape);
    const char *(*render)(const struct bf_delivery *, const char *json_tmpl);
    const char *(*get)(struct bf_arena *, const char *json, const char *pointer, int *type);
    int  (*each)(struct bf_arena *, const char *json, const char *pointer, struct bf_item *);
    const char *(*encode)(struct bf_arena *, int how, const void *data, size_t len);
    const char *(*reveal)(struct bf_ctx *, struct bf_arena *, const char *secret);
    const char *(*seal)(struct bf_ctx *, struct bf_arena *, const char *text, int64_t ms);
    const char *(*unseal)(struct bf_ctx *, struct bf_arena *, const char *token);
    int  (*hmac)(struct bf_ctx *, const char *secret, const void *data, size_t len,
                 unsigned char out[32]);
    int  (*same)(const char *a, const char *b);

    struct bf_request *(*request_new)(struct bf_ctx *, struct bf_arena *);
    void (*request_to)(struct bf_request *, const char *method, const char *url);
    void (*request_as)(struct bf_request *, const struct bf_caller *);
    void (*request_header)(struct bf_request *, const char *name, const char *value);
    void (*request_basic)(struct bf_request *, const char *user, const char *password);
    void (*request_body)(struct bf_request *, const char *type, const char *fmt, va_list ap);
    void (*request_bytes)(struct bf_request *, const char *type, const void *data, size_t len);
    void (*request_sign)(struct bf_request *, const char *header, const char *secret, int how);
    void (*request_tls)(struct bf_request *, const char *cert, const char *key, const char *ca);
    void (*request_limit)(struct bf_request *, int64_t ms, size_t body_max);
    void (*http_send)(struct bf_ctx *, struct bf_request *, bf_http_fn, void *arg);
    const struct bf_http_out *(*fetch)(struct bf_ctx *, struct bf_request *);

    const char *(*header)(const char *const *headers, const char *name);
    const char *(*param)(const struct bf_http_in *, const char *name);
    int  (*verify)(struct bf_ctx *, const struct bf_http_in *, const char *header,
                   const char *secret, int how);
    const struct bf_caller *(*caller)(struct bf_ctx *, struct bf_arena *, const char *id);
    int  (*may)(struct bf_ctx *, const struct bf_caller *, unsigned right, const char *entity,
                const char *project);
    int  (*go_on)(struct bf_reply *, int place, bf_route_fn, void *arg);
    void (*reply_header)(struct bf_reply *, const char *name, const char *value);
    void (*reply_body)(struct bf_reply *, const char *type, const char *fmt, va_list ap);
    void (*reply_bytes)(struct bf_reply *, const char *type, const void *data, size_t len);
    int  (*reply_file)(struct bf_reply *, const char *type, const char *path);
    void (*reply_receipt)(struct bf_reply *);
    bf_ticket (*reply_stream)(struct bf_reply *, const char *type);
    int  (*write)(struct bf_ctx *, bf_ticket stream, const void *data, size_t len);
    bf_ticket (*watch)(struct bf_ctx *, const struct bf_watch *, bf_note_fn, void *arg);

    bf_ticket (*after)(struct bf_ctx *, int64_t ms, bf_fn, void *arg);
    int  (*end)(struct bf_ctx *, bf_ticket);
    int  (*post)(struct bf_ctx *, bf_fn, void *arg);
    int  (*sleep)(struct bf_ctx *, int64_t ms);
    int  (*stop_fd)(struct bf_ctx *);

    int  (*emit_request)(struct bf_ctx *, const struct bf_http_in *);
    const char *(*team_secret)(struct bf_ctx *, struct bf_arena *, const struct bf_caller *who,
                               const char *entity, const char *name);
};

/* Log a line, tagged with the instance's name.  No newline.  [any] */
BF_FORMAT(3, 4)
static inline void bf_log(struct bf_ctx *ctx, int level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    ctx->host->log(ctx, level, fmt, ap);
    va_end(ap);
}

/* Record why the current call fails, returning `err`; or, with err 0, what a
 * person should know though it does not: of a sink's create() and check(), who
 * saves what is at fault, elsewhere whoever reads the log.  `option` is the one
 * at fault, or NULL.  [any] */
BF_FORMAT(4, 5)
static inline int bf_complain(struct bf_ctx *ctx, int err, const char *option,
                              const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err = ctx->host->complain(ctx, err, option, fmt, ap);
    va_end(ap);
    return err;
}
#define bf_fail(ctx, err, ...)      bf_complain((ctx), (err), NULL, __VA_ARGS__)
#define bf_refuse(ctx, option, ...) bf_complain((ctx), BF_ECONFIG, (option), __VA_ARGS__)
#define bf_warn(ctx, option, ...)   ((void)bf_complain((ctx), 0, (option), __VA_ARGS__))

/* Unix time in milliseconds by the hub's clock, which tests and replay set.  [any] */
static inline int64_t bf_now_ms(struct bf_ctx *ctx) { return ctx->host->now_ms(ctx); }

/* The plugin's own directory, for large files; bodies are spooled on the same
 * file system.  What must survive a power cut is yours to fsync.  [any] */
static inline const char *bf_dir(struct bf_ctx *ctx) { return ctx->host->dir(ctx); }

/* The absolute address of a path of this hub, as the outside sees it.  [any] */
static inline const char *bf_url(struct bf_ctx *ctx, struct bf_arena *a, const char *path)
{
    return ctx->host->url(ctx, a, path);
}

/* Put an event on the bus.  In a route, wherever it went on, it is committed
 * before the reply; on [engine] with the transaction.  Else waits: until there is
 * room, and on [worker] and [own] until it is durable, so that many at once are
 * quicker in bf_transact().  BF_EINVAL if it is not a valid envelope, BF_ENOENT if
 * there is no such entity; the words say where, and nothing has changed.
 * bf_emit_get() also tells what became of it, where that is known on return: on
 * [engine], and outside of routes on [worker] and [own].  [loop, route, worker,
 * engine, own] */
static inline int bf_emit(struct bf_ctx *ctx, const struct bf_event *ev)
{
    return ctx->host->emit(ctx, ev, NULL);
}
static inline int bf_emit_get(struct bf_ctx *ctx, const struct bf_event *ev,
                              struct bf_emitted *out)
{
    return ctx->host->emit(ctx, ev, out);
}

/* Emit every event of a text: one envelope as JSON, an array of them, or one per
 * line.  All or nothing; the words and field of the error say which and why
 * ("[17].type").  With `as`, that caller must have BF_INGEST in the entity of
 * each, else BF_EPERM; without, you answer for what the text names.  BF_ETOOBIG
 * beyond a batch's limits.  Otherwise like bf_emit().  [as bf_emit] */
static inline int bf_emit_text(struct bf_ctx *ctx, const struct bf_caller *as, const char *text,
                               size_t len)
{
    return ctx->host->emit_text(ctx, as, text, len);
}

/* Emit what a request carries: CloudEvents 1.0, binary, structured or as a batch, if its headers
 * say so, with the scope path in ?entity=, ?project= and ?collection= where an event has none of
 * its own; else its body, as bf_emit_text() for the caller.  [route, worker, engine] */
static inline int bf_emit_request(struct bf_ctx *ctx, const struct bf_http_in *in)
{
    if (!BF_HAS(ctx->host, struct bf_host, emit_request))
        return bf_fail(ctx, BF_ENOSYS, "this hub, %s, has no bf_emit_request()",
                       ctx->host->version);
    return ctx->host->emit_request(ctx, in);
}

/* Run fn in a transaction and return what it returned once that is durable, or
 * BF_EIO if it could not be made so.  Waits; on [loop] it returns when fn is
 * queued, and `arg` must live on.  BF_ECANCELED, and fn not run, once the instance
 * is stopping.  Within a request use bf_continue().  [loop, worker, own] */
static inline int bf_transact(struct bf_ctx *ctx, bf_tx_fn fn, void *arg)
{
    return ctx->host->transact(ctx, fn, arg);
}

/* A little durable memory, for cursors.  remember() takes effect with the
 * transaction it is called in, or else after every event the instance emitted
 * before it, so that a crash can repeat an event but not skip one; set
 * event.key to drop the repeat.  recall() gives NULL for a key never set, and
 * what was remembered before, in the same transaction too.  Each instance has
 * its own.  [loop, own, engine] */
static inline const char *bf_recall(struct bf_ctx *ctx, struct bf_arena *a, const char *key)
{
    return ctx->host->recall(ctx, a, key);
}
static inline int bf_remember(struct bf_ctx *ctx, const char *key, const char *value)
{
    return ctx->host->remember(ctx, key, value);
}

/* Tables of your own in the hub's database, named PLUGIN_something; no others
 * can be reached.  bf_plugin.schema makes them: a list of statements, each run
 * once in the plugin's life, in order; only ever append to it.  Anything may be
 * read anywhere but on [loop]; only [engine] may write.  None of this can fail
 * but bf_step(), which gives 1 for a row, 0 when done, or an enum bf_err.
 * Parameters count from 1 and columns from 0, as in SQLite; NULL text or data
 * binds and reads as SQL's NULL.  A statement ends with the callback or when
 * done; asking for the same text again is cheap.  Texts read live until the
 * next step.  To learn whether an INSERT ... ON CONFLICT did something, have it
 * RETURNING 1.  [route, worker, engine, own] */
static inline struct bf_stmt *bf_sql(struct bf_ctx *ctx, const char *sql)
{
    return ctx->host->sql(ctx, sql);
}
static inline void bf_bind_text(struct bf_stmt *s, int i, const char *text)
{
    s->host->bind_text(s, i, text);
}
static inline void bf_bind_int(struct bf_stmt *s, int i, int64_t v) { s->host->bind_int(s, i, v); }
static inline void bf_bind_double(struct bf_stmt *s, int i, double v)
{
    s->host->bind_double(s, i, v);
}
static inline int bf_step(struct bf_stmt *s) { return s->host->step(s); }
static inline const char *bf_col_text(struct bf_stmt *s, int i) { return s->host->col_text(s, i); }
static inline int64_t bf_col_int(struct bf_stmt *s, int i) { return s->host->col_int(s, i); }
static inline double bf_col_double(struct bf_stmt *s, int i) { return s->host->col_double(s, i); }

/* Outcomes, with the reason a person will read in the delivery's history: each
 * notes the reason and gives back the outcome, to return it or to settle with.
 * after_ms < 0 leaves the pause to Retry-After or the hub's backoff.  [loop,
 * worker, own; one thread at a time per delivery] */
BF_FORMAT(4, 5)
static inline int bf_outcome(const struct bf_delivery *d, int outcome, int64_t after_ms,
                             const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    outcome = d->ctx->host->verdict(d, outcome, after_ms, fmt, ap);
    va_end(ap);
    return outcome;
}
#define bf_retry(d, after_ms, ...) bf_outcome((d), BF_RETRY, (after_ms), __VA_ARGS__)
#define bf_reject(d, ...)          bf_outcome((d), BF_REJECTED, -1, __VA_ARGS__)
#define bf_unknown(d, ...)         bf_outcome((d), BF_UNKNOWN, -1, __VA_ARGS__)
#define bf_accept(d, ...)          bf_outcome((d), BF_ACCEPTED, -1, __VA_ARGS__)
static inline int bf_default(const struct bf_delivery *d, const struct bf_http_out *out)
{
    return d->ctx->host->judge(d, out);
}

/* Finish a delivery begun by deliver(), which ends `d`:
 *     bf_settle(ctx, d->ticket, bf_retry(d, -1, "no channel yet"));
 * Returns BF_ENOENT if it was settled before, or had timed out: safe to ignore.
 * [any] */
static inline int bf_settle(struct bf_ctx *ctx, bf_ticket t, int outcome)
{
    return ctx->host->settle(ctx, t, outcome);
}

/* Text.  See MEMORY above.  Deliveries and HTTP views carry an arena; anywhere
 * else, ask for one: it lasts until this callback returns or this thread asks
 * again.  [any] */
static inline struct bf_arena *bf_scratch(struct bf_ctx *ctx) { return ctx->host->scratch(ctx); }
/* Zeroed memory that ends with the arena; NULL past its limit. */
static inline void *bf_alloc(struct bf_arena *a, size_t len) { return a->host->alloc(a, len); }
BF_FORMAT(2, 3)
static inline const char *bf_printf(struct bf_arena *a, const char *fmt, ...)
{
    va_list ap;
    const char *s;
    va_start(ap, fmt);
    s = a->host->print(a, fmt, ap);
    va_end(ap);
    return s;
}
/* Add to a text, in a time that goes with what is added:
 *     struct bf_text list = { 0 };
 *     bf_append(a, &list, "%s%s", list.len ? "," : "", bf_quote(a, name));
 * Always with the same arena. */
BF_FORMAT(3, 4)
static inline void bf_append(struct bf_arena *a, struct bf_text *text, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    a->host->append(a, text, fmt, ap);
    va_end(ap);
}
/* `text` as a JSON string, quotes included. */
static inline const char *bf_quote(struct bf_arena *a, const char *text)
{
    return a->host->quote(a, text);
}
/* A user's text template with ${event_type} and the like filled in.  The values
 * (not the template) are escaped: & < > for Slack and HTML, or percent-encoded
 * for a URL.  An option that a script has changed is one value, whatever stands in
 * it: pass the option itself, not a copy, by which the hub could not tell. */
enum bf_escape { BF_ESC_NONE, BF_ESC_XML, BF_ESC_URL };
static inline const char *bf_expand(const struct bf_delivery *d, const char *tmpl, int escape)
{
    return d->ctx->host->expand(d, tmpl, escape);
}
/* A BF_T_JSON template with ${...} filled in inside its strings.  The result is
 * valid JSON whatever the values hold; what a script has made of it stays as it is. */
static inline const char *bf_render(const struct bf_delivery *d, const char *json_tmpl)
{
    return d->ctx->host->render(d, json_tmpl);
}
/* One value out of JSON text by pointer, "/repository/full_name", "" for the
 * whole: "" if absent or not JSON, a string without its quotes and escapes, else
 * the text as written.  The wandb client's JSON is taken too: bare NaN, Infinity
 * and -Infinity are numbers, and of a repeated key the last counts. */
static inline const char *bf_get(struct bf_arena *a, const char *json, const char *pointer)
{
    return a->host->get(a, json, pointer, NULL);
}
/* What is there: an enum bf_value.  bf_type(a, text, "") checks the text. */
static inline int bf_type(struct bf_arena *a, const char *json, const char *pointer)
{
    int type = BF_V_NONE;
    a->host->get(a, json, pointer, &type);
    return type;
}
/* The elements of an array, or members of an object, one after the other:
 *     struct bf_item it = { .size = sizeof(it) };
 *     while (bf_each(a, json, "/commits", &it))
 *         use(it.value);
 * None if it is neither, or the text not JSON; that is checked at the first call
 * for all of it, and `json` must stay as it is until the last. */
static inline bool bf_each(struct bf_arena *a, const char *json, const char *pointer,
                           struct bf_item *it)
{
    return a->host->each(a, json, pointer, it) != 0;
}
enum bf_encoding { BF_HEX, BF_BASE64, BF_BASE64URL, BF_PERCENT };
static inline const char *bf_encode(struct bf_arena *a, int how, const void *data, size_t len)
{
    return a->host->encode(a, how, data, len);
}
/* The value behind a stand-in, for a library that must have it; any other text is
 * its own value, and "" with words is what cannot be opened.  Prefer the stand-in:
 * a revealed secret is yours to keep out of sight. */
static inline const char *bf_reveal(struct bf_ctx *ctx, struct bf_arena *a, const char *secret)
{
    return ctx->host->reveal(ctx, a, secret);
}
/* Text as a token that may go round the world: sealed, fit for a URL, good for
 * `ms`.  bf_unseal() gives the text, or NULL if the token is late or not one of
 * this plugin's.  For addresses that carry their own permission, and `state`. */
static inline const char *bf_seal(struct bf_ctx *ctx, struct bf_arena *a, const char *text,
                                  int64_t ms)
{
    return ctx->host->seal(ctx, a, text, ms);
}
static inline const char *bf_unseal(struct bf_ctx *ctx, struct bf_arena *a, const char *token)
{
    return ctx->host->unseal(ctx, a, token);
}
/* For signatures bf_verify() and bf_request_sign() do not know. */
static inline int bf_hmac_sha256(struct bf_ctx *ctx, const char *secret, const void *data,
                                 size_t len, unsigned char out[32])
{
    return ctx->host->hmac(ctx, secret, data, len, out);
}
/* Equal, in a time that does not depend on where they differ. */
static inline bool bf_same(struct bf_ctx *ctx, const char *a, const char *b)
{
    return ctx->host->same(a, b) != 0;
}

/* Outgoing HTTP.  None of these fail: a bad URL or an oversized body shows up
 * as out->err.  A request that is not sent ends with its arena.  [any] */
static inline struct bf_request *bf_request_new(struct bf_ctx *ctx, struct bf_arena *a)
{
    return ctx->host->request_new(ctx, a);
}
static inline void bf_request_to(struct bf_request *r, const char *method, const char *url)
{
    r->host->request_to(r, method, url);
}
/* Ask the hub's own REST, with this caller's rights as they are when it is sent:
 * the URL is a path then, "/api/v1/automations", and the answer what the caller
 * would get.  Without it a path is refused.  Stand-ins are not swapped here. */
static inline void bf_request_as(struct bf_request *r, const struct bf_caller *as)
{
    r->host->request_as(r, as);
}
static inline void bf_request_header(struct bf_request *r, const char *name, const char *value)
{
    r->host->request_header(r, name, value);
}
static inline void bf_request_basic(struct bf_request *r, const char *user, const char *password)
{
    r->host->request_basic(r, user, password);
}
BF_FORMAT(3, 4)
static inline void bf_request_body(struct bf_request *r, const char *type, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    r->host->request_body(r, type, fmt, ap);
    va_end(ap);
}
static inline void bf_request_bytes(struct bf_request *r, const char *type, const void *data,
                                    size_t len)
{
    r->host->request_bytes(r, type, data, len);
}
/* Sign the final body into `header` (BF_SIGN_STANDARD has its own, and takes
 * two keys at once; the others one header per key).  An empty key signs nothing.
 * As W&B does it: bf_request_sign(req, "X-Wandb-Signature", key, BF_SIGN_BASE64). */
static inline void bf_request_sign(struct bf_request *r, const char *header, const char *secret,
                                   int how)
{
    r->host->request_sign(r, header, secret, how);
}
/* A client certificate with its key, and whom to trust instead of the system's
 * list; PEM text, each may be NULL. */
static inline void bf_request_tls(struct bf_request *r, const char *cert, const char *key,
                                  const char *ca)
{
    r->host->request_tls(r, cert, key, ca);
}
/* The longest wait, and the largest body the service takes, secrets swapped in; 0
 * for the default.  Beyond it nothing is sent, and out->err is BF_ETOOBIG. */
static inline void bf_request_limit(struct bf_request *r, int64_t ms, size_t body_max)
{
    r->host->request_limit(r, ms, body_max);
}
static inline void bf_http_send(struct bf_ctx *ctx, struct bf_request *r, bf_http_fn fn, void *arg)
{
    ctx->host->http_send(ctx, r, fn, arg);
}
/* Send and wait; the answer, never NULL, is in the request's arena.  [worker, own] */
static inline const struct bf_http_out *bf_fetch(struct bf_ctx *ctx, struct bf_request *r)
{
    return ctx->host->fetch(ctx, r);
}
/* A header's value, name compared without case; NULL if absent.  [any] */
static inline const char *bf_header(struct bf_ctx *ctx, const char *const *headers,
                                    const char *name)
{
    return ctx->host->header(headers, name);
}

/* A {name} of the route's path ("*" for its rest), or else of the query, decoded;
 * NULL if absent.  [any] */
static inline const char *bf_param(const struct bf_http_in *in, const char *name)
{
    return in->arena->host->param(in, name);
}
/* Whether the request carries the right signature, compared in constant time.
 * BF_SIGN_STANDARD also refuses stale timestamps.  [any] */
static inline bool bf_verify(struct bf_ctx *ctx, const struct bf_http_in *in, const char *header,
                             const char *secret, int how)
{
    return ctx->host->verify(ctx, in, header, secret, how) != 0;
}
/* A caller by id, with the rights of today; NULL if gone.  [any] */
static inline const struct bf_caller *bf_find_caller(struct bf_ctx *ctx, struct bf_arena *a,
                                                     const char *id)
{
    return ctx->host->caller(ctx, a, id);
}
/* Whether the caller has all these rights; project may be NULL.  [any] */
static inline bool bf_may(struct bf_ctx *ctx, const struct bf_caller *who, unsigned right,
                          const char *entity, const char *project)
{
    return ctx->host->may(ctx, who, right, entity, project) != 0;
}

/* A stored secret of an entity, in the name of a caller who might grant it to an integration: a
 * stand-in, good in this arena and for as long as that lasts.  Requests made there get it swapped as
 * the bytes leave, and bf_reveal() there, bf_verify() of its request and bf_hmac_sha256() within it
 * know the value.  NULL, and words that say why, if the caller is nobody or lacks BF_ADMIN there now
 * (BF_EPERM), if there is no such secret (BF_ENOENT), beyond 16 in one arena (BF_EFULL), in a
 * delivery, which has what its integration was granted (BF_EINVAL), or if the hub is too old
 * (BF_ENOSYS).  [any] */
static inline const char *bf_team_secret(struct bf_ctx *ctx, struct bf_arena *a,
                                         const struct bf_caller *who, const char *entity,
                                         const char *name)
{
    if (!BF_HAS(ctx->host, struct bf_host, team_secret)) {
        (void)bf_fail(ctx, BF_ENOSYS, "this hub, %s, has no bf_team_secret()", ctx->host->version);
        return NULL;
    }
    return ctx->host->team_secret(ctx, a, who, entity, name);
}

/* The HTTP status that tells of an error: `return rc ? bf_status(rc) : 201;`
 * BF_EFULL is the hub's limit, not the caller's, so 503 and not 429.  [any] */
static inline int bf_status(int err)
{
    switch (err) {
    case BF_OK:        return 200;
    case BF_EINVAL:
    case BF_ECONFIG:   return 400;
    case BF_EPERM:     return 403;
    case BF_ENOENT:    return 404;
    case BF_EEXIST:    return 409;
    case BF_ETOOBIG:   return 413;
    case BF_ENOSYS:    return 501;
    case BF_ENOMEM:
    case BF_EIO:
    case BF_ECANCELED:
    case BF_EFULL:     return 503;
    case BF_ETIMEDOUT: return 504;
    default:           return 500;
    }
}

/* Go on with a request elsewhere: `return bf_continue(re, BF_ON_ENGINE, store, arg);`
 * fn gets the same `in`, `re` and arena, and `arg` (put there, say) as its self;
 * the reply starts afresh, and what was emitted stays.  On the engine a status
 * of 400 or more undoes what fn did, and what it continues with runs after the
 * commit.  If there is no room, 503 and fn never runs.  [route, worker, engine] */
enum bf_place { BF_ON_ROUTE, BF_ON_WORKER, BF_ON_ENGINE };
static inline int bf_continue(struct bf_reply *re, int place, bf_route_fn fn, void *arg)
{
    return re->host->go_on(re, place, fn, arg);
}
/* What the reply holds.  A 200 with an ETag that the client has becomes a 304;
 * bytes and files are cut to the Range asked for.  [where the route runs] */
static inline void bf_reply_header(struct bf_reply *re, const char *name, const char *value)
{
    re->host->reply_header(re, name, value);
}
BF_FORMAT(3, 4)
static inline void bf_reply_body(struct bf_reply *re, const char *type, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    re->host->reply_body(re, type, fmt, ap);
    va_end(ap);
}
static inline void bf_reply_bytes(struct bf_reply *re, const char *type, const void *data,
                                  size_t len)
{
    re->host->reply_bytes(re, type, data, len);
}
/* The file is opened now, and may be renamed or removed after.  BF_ENOENT. */
static inline int bf_reply_file(struct bf_reply *re, const char *type, const char *path)
{
    return re->host->reply_file(re, type, path);
}
/* {"events":[{"id","duplicate"},...]} for what this request emitted, in order,
 * written after the commit. */
static inline void bf_reply_receipt(struct bf_reply *re) { re->host->reply_receipt(re); }
/* A reply that goes on after the route: its head leaves now, as 200, and what the
 * route returns is not looked at.  It ends by bf_end(), or when the client or the
 * instance does; if there were too many, 503 left and it has ended already.  The
 * hub keeps a silent text/event-stream awake.  Read the request's headers and
 * path after it, or copy them before: texts of theirs end with the client.
 * [route, worker] */
static inline bf_ticket bf_reply_stream(struct bf_reply *re, const char *type)
{
    return re->host->reply_stream(re, type);
}
/* All of it or nothing, up to 1 MiB.  Waits while the client has more than 256
 * KiB to read; a watch with this stream is not called then, so its function's
 * first write always finds room.  [loop, worker, own] */
static inline int bf_write(struct bf_ctx *ctx, bf_ticket stream, const void *data, size_t len)
{
    return ctx->host->write(ctx, stream, data, len);
}

/* Call fn for what is committed, until bf_end(), its stream, or the instance
 * ends.  `arg` must live as long; for a watch with a stream in->arena does, and
 * is fn's alone once the route has returned.  fn may be called before this does
 * return.  [any] */
static inline bf_ticket bf_follow(struct bf_ctx *ctx, const struct bf_watch *what, bf_note_fn fn,
                                  void *arg)
{
    return ctx->host->watch(ctx, what, fn, arg);
}
/* Call fn once, ms from now.  For a period, set it again from fn.  [loop] */
static inline bf_ticket bf_after(struct bf_ctx *ctx, int64_t ms, bf_fn fn, void *arg)
{
    return ctx->host->after(ctx, ms, fn, arg);
}
/* End a timer, stream or watch early.  On [loop], fn is not called again.  [any] */
static inline int bf_end(struct bf_ctx *ctx, bf_ticket t) { return ctx->host->end(ctx, t); }

/* Run fn on the loop soon: the way back from a thread of your own.  Returns
 * BF_ECANCELED, and never runs fn, once the instance is stopping.  [any] */
static inline int bf_post(struct bf_ctx *ctx, bf_fn fn, void *arg)
{
    return ctx->host->post(ctx, fn, arg);
}

/* Pause; true if the instance is stopping, and then at once.  [worker, own] */
static inline bool bf_sleep(struct bf_ctx *ctx, int64_t ms)
{
    return ctx->host->sleep(ctx, ms) != 0;
}
/* Whether run() should return.  [any] */
static inline bool bf_stopping(struct bf_ctx *ctx) { return ctx->host->sleep(ctx, 0) != 0; }
/* Readable once the instance is stopping; for poll().  Do not read it.  [own] */
static inline int bf_stop_fd(struct bf_ctx *ctx) { return ctx->host->stop_fd(ctx); }

#ifdef __cplusplus
}
#endif

#endif
