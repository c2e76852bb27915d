/* route.c - the routes of sources: on the listener's thread, over the engine, back to the client.
 *
 * CONCEPT.  A request runs through one or more functions of the plugin, each at a place: the
 * listener, a worker, the engine.  What the functions emit is collected; if there is anything, or
 * a function wants the engine, the request is parked and one piece of work posted, and the answer
 * leaves after its commit.  So a status of less than 400 always means that it is on disk.
 *
 * OPERATION.  The way of nearly every event: listener → engine → listener, with everything in the
 * exchange's arena and no thread besides.  The reply is kept here until the end, because a commit
 * may fail after all was said. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/plugin/host.h"
#include "core/team/auth.h"

#define RETRY_AFTER_S "1"
#define ROUTE_PATH_MAX 1024

/* What a listener's route leads to; lives as long as the instance. */
struct binding {
    struct bf_instance *instance;
    const struct bf_route *route;
    bool has_entity;            /* {entity} is in the path */
};

struct bf_route_call {
    struct bf_reply reply;      /* first: plugins know it by this */
    struct bf_http_in in;
    struct bf_exchange *x;
    struct bf_instance *instance;       /* a source: lives as long as the listener */
    bf_route_fn fn;             /* the next to run, if go_on */
    void *arg;
    int place;
    bool go_on;
    bool parked;
    bool engine_next;           /* the work is to run fn as well, which is: */
    bf_route_fn engine_fn;
    void *engine_arg;
    bool refused;               /* by fn on the engine: `status` says how */
    bool receipt;               /* the body is to be the receipt */
    int status;
    struct bf_envelope **events;
    size_t n_events, room_events;
    struct bf_receipt *receipts;
    size_t n_receipts, room_receipts, n_before;
    const char **headers;       /* room for BF_HEADERS_MAX pairs once there is one */
    size_t n_headers;
    const char *type;           /* NULL: no body was set */
    const char *body;
    size_t body_len;
    bool file;                  /* the exchange has it already */
    struct bf_streaming *stream; /* the reply is one; a reference */
    int no_stream;              /* one was asked for, and this is the answer */
    struct bf_work work;
    struct bf_job job;
    struct bf_error complaint;
};

static struct bf_plugins *hub_of(const struct bf_route_call *rc) { return rc->instance->plugins; }

const struct bf_http_in *bf_route_in(const struct bf_route_call *rc) { return &rc->in; }

bool bf_route_streams(const struct bf_route_call *rc) { return rc->stream != NULL; }

struct bf_db *bf_route_db(const struct bf_route_call *rc) { return bf_exchange_local(rc->x); }


/* --- the answer ---------------------------------------------------------------------- */

static const char *reply_header_of(const struct bf_route_call *rc, const char *name)
{
    for (size_t i = 0; i < rc->n_headers; i++)
        if (strcasecmp(rc->headers[2 * i], name) == 0)
            return rc->headers[2 * i + 1];
    return NULL;
}

static void put_receipt(struct bf_route_call *rc)
{
    struct bf_buf b;

    bf_buf_init(&b, 64 * 1024 + rc->n_receipts * 128);
    bf_buf_adds(&b, "{\"events\":[");
    for (size_t i = 0; i < rc->n_receipts; i++) {
        bf_buf_adds(&b, i ? ",{\"id\":\"" : "{\"id\":\"");
        bf_buf_adds(&b, rc->receipts[i].id);
        bf_buf_adds(&b, rc->receipts[i].duplicate ? "\",\"duplicate\":true}"
                                                  : "\",\"duplicate\":false}");
    }
    bf_buf_adds(&b, "]}");
    bf_exchange_reply(rc->x, "application/json", b.data, b.len);
    bf_buf_fini(&b);
}

static void put_error(struct bf_route_call *rc, int status)
{
    const struct bf_error *e = &rc->complaint;

    bf_exchange_fail(rc->x, status, bf_status_code(status), e->field[0] ? e->field : NULL, "%s",
                     e->words[0] ? e->words : "the request was refused");
}

/* Everything the plugin said, onto the exchange; gives the status. */
static int put_reply(struct bf_route_call *rc, int status)
{
    if (status < 100 || status > 599)
        return bf_exchange_fail(rc->x, 500, "internal", NULL, "the plugin %s gave the status %d",
                                rc->instance->plugin->name, status);
    for (size_t i = 0; i < rc->n_headers; i++)
        bf_exchange_reply_header(rc->x, rc->headers[2 * i], rc->headers[2 * i + 1]);
    if ((status == 429 || status == 503) && !reply_header_of(rc, "Retry-After"))
        bf_exchange_reply_header(rc->x, "Retry-After", RETRY_AFTER_S);
    if (rc->file)
        return status;
    if (rc->type)
        bf_exchange_reply(rc->x, rc->type, rc->body, rc->body_len);
    else if (rc->receipt && status < 400)
        put_receipt(rc);
    else if (status >= 400)
        put_error(rc, status);
    return status;
}

static void drop_events(struct bf_route_call *rc)
{
    for (size_t i = 0; i < rc->n_events; i++)
        bf_envelope_unref(rc->events[i]);
    rc->n_events = 0;
}

/* The end of a request.  Gives what a handler returns. */
static int finish(struct bf_route_call *rc, int status)
{
    struct bf_exchange *x = rc->x;
    bool parked = rc->parked;

    drop_events(rc);
    status = put_reply(rc, status);
    if (!parked)
        return status;
    bf_exchange_finish(x, status);
    return BF_PARKED;
}

static void finish_too_big(struct bf_route_call *rc, const char *words)
{
    struct bf_exchange *x = rc->x;

    drop_events(rc);
    bf_exchange_fail(x, 413, "too_large", NULL, "%s", words);
    bf_exchange_finish(x, 413);
}

static int finish_busy(struct bf_route_call *rc, const char *code, const char *words)
{
    bool parked = rc->parked;
    struct bf_exchange *x = rc->x;

    drop_events(rc);
    bf_exchange_reply_header(x, "Retry-After", RETRY_AFTER_S);
    bf_exchange_fail(x, 503, code, NULL, "%s", words);
    if (!parked)
        return 503;
    bf_exchange_finish(x, 503);
    return BF_PARKED;
}


/* --- running a function ----------------------------------------------------------------- */

static void start_afresh(struct bf_route_call *rc)
{
    rc->go_on = false;
    rc->receipt = false;
    rc->n_headers = 0;
    rc->type = NULL;
    if (rc->file)
        bf_exchange_reply(rc->x, "text/plain", "", 0);
    rc->file = false;
}

static int run(struct bf_route_call *rc, enum bf_where where, struct bf_tx *tx, int *failed)
{
    bf_route_fn fn = rc->fn;
    void *arg = rc->arg;
    struct bf_call c;
    int status;

    start_afresh(rc);
    bf_call_enter(&c, rc->instance, where, rc->in.arena, &rc->complaint);
    c.route = rc;
    c.tx = tx;
    status = fn(&rc->instance->ctx, arg, &rc->in, &rc->reply);
    if (failed)
        *failed = c.failed;
    bf_call_leave(&c);
    /* The arena of a stream may be with a watch by now. */
    if (rc->stream || bf_arena_ok(rc->in.arena))
        return status;
    rc->go_on = false;
    bf_error_set(&rc->complaint, BF_ENOMEM, "the request needs more memory than it may have");
    return 503;
}

static int next_step(struct bf_route_call *rc, int status);

static void on_worker(struct bf_job *j)
{
    struct bf_route_call *rc = bf_container_of(j, struct bf_route_call, job);

    next_step(rc, run(rc, BF_AT_WORKER, NULL, NULL));
}

static int on_listener_again(struct bf_exchange *x, void *arg)
{
    struct bf_route_call *rc = arg;

    (void)x;
    rc->parked = false;
    return next_step(rc, run(rc, BF_AT_ROUTE, NULL, NULL));
}

static void park(struct bf_route_call *rc)
{
    if (!rc->parked)
        bf_exchange_park(rc->x);
    rc->parked = true;
}


/* --- the engine ------------------------------------------------------------------------- */

void bf_route_receipt(struct bf_route_call *rc, const struct bf_receipt *receipt)
{
    if (rc->n_receipts == rc->room_receipts) {
        size_t room = rc->room_receipts ? 2 * rc->room_receipts : 8;
        struct bf_receipt *grown = bf_arena_alloc(rc->in.arena, room * sizeof(*grown));

        if (!grown)
            return;             /* the arena is marked */
        if (rc->n_receipts)
            memcpy(grown, rc->receipts, rc->n_receipts * sizeof(*grown));
        rc->receipts = grown;
        rc->room_receipts = room;
    }
    rc->receipts[rc->n_receipts++] = *receipt;
}

static int apply(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct bf_route_call *rc = bf_container_of(w, struct bf_route_call, work);
    int failed = BF_OK;

    /* The ABI allows that a transaction is run again; so begin as at the first time. */
    rc->n_receipts = rc->n_before;
    rc->refused = false;
    rc->fn = rc->engine_fn;
    rc->arg = rc->engine_arg;
    for (size_t i = 0; i < rc->n_events; i++) {
        struct bf_receipt receipt;

        failed = bf_bus_emit(tx, rc->events[i], &receipt, err);
        if (failed)
            return failed;
        bf_route_receipt(rc, &receipt);
    }
    if (!rc->engine_next)
        return BF_OK;
    rc->status = run(rc, BF_AT_ENGINE, tx, &failed);
    if (failed)
        return bf_error_set(err, failed, "%s", rc->complaint.words);
    rc->refused = !rc->go_on && rc->status >= 400;
    return rc->refused ? BF_ECANCELED : BF_OK;
}

static void done(struct bf_work *w, int failed, const struct bf_error *err)
{
    struct bf_route_call *rc = bf_container_of(w, struct bf_route_call, work);

    rc->engine_next = false;
    if (failed == BF_ETOOBIG) {
        finish_too_big(rc, err->words);
        return;
    }
    if (failed && !(failed == BF_ECANCELED && rc->refused)) {
        bf_debugf(hub_of(rc)->rooms.log, rc->instance->tag, "not stored: %s", err->words);
        finish_busy(rc, "store_unavailable",
                    "the store cannot take this now; nothing of it was kept, send it again");
        return;
    }
    drop_events(rc);
    rc->n_before = rc->n_receipts;
    if (rc->go_on)
        next_step(rc, rc->status);
    else
        finish(rc, rc->status);
}

/* Commit what was emitted, with the function that is to run on the engine, if any. */
static int to_engine(struct bf_route_call *rc, int status, bool with_fn)
{
    int failed;

    rc->status = status;
    rc->engine_next = with_fn;
    rc->engine_fn = rc->fn;
    rc->engine_arg = rc->arg;
    rc->work = (struct bf_work){
        .source = rc->instance->name, .apply = apply, .done = done,
        .events = rc->events, .n_events = rc->n_events,
        .may_fail = with_fn ||
                    bf_bus_may_refuse(hub_of(rc)->rooms.bus, rc->events, rc->n_events)};
    for (size_t i = 0; i < rc->n_events; i++)
        rc->work.weight += (uint32_t)rc->events[i]->text_len;
    park(rc);
    /* Once it is posted the engine may answer at any moment: nothing of rc may be touched. */
    failed = bf_bus_post(hub_of(rc)->rooms.bus, &rc->work);
    if (!failed)
        return BF_PARKED;
    return finish_busy(rc, "busy", failed == BF_EFULL ? "the hub is behind; send it again"
                                                      : "the hub is stopping; send it again");
}

static int to_worker(struct bf_route_call *rc)
{
    rc->job.fn = on_worker;
    park(rc);
    if (!bf_workers_add(hub_of(rc)->rooms.workers, &rc->job))
        return BF_PARKED;
    return finish_busy(rc, "busy", "all workers are busy; send it again");
}

static int to_listener(struct bf_route_call *rc)
{
    park(rc);
    bf_exchange_resume(rc->x, on_listener_again, rc);
    return BF_PARKED;
}

/* What comes after a function has returned. */
static int next_step(struct bf_route_call *rc, int status)
{
    if (rc->stream) {
        bf_streaming_unref(rc->stream);         /* and with it, perhaps, rc */
        return BF_PARKED;
    }
    if (rc->no_stream)
        return finish(rc, rc->no_stream);
    if (rc->go_on && rc->place == BF_ON_ENGINE)
        return to_engine(rc, status, true);
    if (rc->go_on)
        return rc->place == BF_ON_WORKER ? to_worker(rc) : to_listener(rc);
    if (rc->n_events && status < 400)
        return to_engine(rc, status, false);
    return finish(rc, status);
}

int bf_route_take(struct bf_route_call *rc, struct bf_envelope **events, size_t n)
{
    size_t room = rc->n_events + n;
    struct bf_envelope **all;

    if (room > rc->room_events) {
        room = room > 1 ? 2 * room : room;
        all = bf_arena_alloc(rc->in.arena, room * sizeof(*all));
        if (!all) {
            for (size_t i = 0; i < n; i++)
                bf_envelope_unref(events[i]);
            return BF_ENOMEM;
        }
        if (rc->n_events)
            memcpy(all, rc->events, rc->n_events * sizeof(*all));
        rc->events = all;
        rc->room_events = room;
    }
    memcpy(rc->events + rc->n_events, events, n * sizeof(*events));
    rc->n_events += n;
    return BF_OK;
}


/* --- from the listener -------------------------------------------------------------------- */

static void describe(struct bf_exchange *x, struct bf_http_in *in, bool with_body)
{
    const struct bf_identity *who = bf_auth_who(x);
    size_t len = 0;

    *in = (struct bf_http_in){
        .size = sizeof(*in),
        .method = bf_exchange_method(x),
        .path = bf_exchange_path(x),
        .query = bf_exchange_query(x),
        .body = with_body ? bf_exchange_body(x, &len) : "",
        .body_file = with_body ? bf_exchange_body_file(x) : NULL,
        .headers = bf_exchange_headers(x),
        .peer = bf_exchange_peer(x),
        .caller = who ? &who->pub : NULL,
        .arena = bf_exchange_arena(x),
    };
    in->body_len = len;
    if (!in->body)
        in->body = "";
}

static struct bf_route_call *new_call(struct bf_exchange *x, const struct binding *b,
                                      bool with_body)
{
    struct bf_route_call *rc = bf_arena_new_of(bf_exchange_arena(x), struct bf_route_call);

    if (!rc)
        return NULL;
    rc->reply.host = &bf_plugin_host;
    rc->x = x;
    rc->instance = b->instance;
    rc->fn = b->route->fn;
    rc->arg = b->instance->self;
    describe(x, &rc->in, with_body);
    return rc;
}

static int no_memory(struct bf_exchange *x)
{
    return bf_exchange_fail(x, 503, "busy", NULL, "the request has used up its memory");
}

static int on_request(struct bf_exchange *x, void *arg)
{
    struct bf_route_call *rc = new_call(x, arg, true);

    if (!rc)
        return no_memory(x);
    return next_step(rc, run(rc, BF_AT_ROUTE, NULL, NULL));
}

/* The plugin's own admit sees the request without its body and can only refuse. */
static int ask_plugin(struct bf_exchange *x, const struct binding *b)
{
    struct bf_route_call *rc = new_call(x, b, false);
    int status;

    if (!rc)
        return no_memory(x);
    rc->fn = b->route->admit;
    status = run(rc, BF_AT_ROUTE, NULL, NULL);
    if (status != 0)
        return finish(rc, status);
    drop_events(rc);
    return 0;
}

/* Of a request from inside, whoever asks has found out who is behind it. */
static int admit_inside(struct bf_team *team, struct bf_exchange *x, unsigned needs,
                        const char *entity)
{
    const struct bf_identity *who = bf_auth_who(x);

    if (needs & BF_PUBLIC)
        return 0;
    if (!who)
        return bf_exchange_fail(x, 401, "unauthenticated", NULL, "the caller's key is not valid "
                                "(any more)");
    if (bf_team_may(team, who, needs, entity))
        return 0;
    return bf_exchange_fail(x, 403, "forbidden", NULL, "the caller may not do that%s%s; ask an "
                            "admin of the team", entity ? " in " : "", entity ? entity : "");
}

static int on_admit(struct bf_exchange *x, void *arg)
{
    const struct binding *b = arg;
    const char *entity = b->has_entity ? bf_exchange_param(x, "entity") : NULL;
    int status;

    if (b->has_entity && !entity)
        return bf_exchange_fail(x, 400, "invalid", "entity", "the path names no team");
    if (bf_exchange_is_inside(x))
        status = admit_inside(b->instance->plugins->rooms.team, x, b->route->needs, entity);
    else
        status = bf_auth_admit(b->instance->plugins->rooms.team, x, b->route->needs, entity);
    if (status || !b->route->admit)
        return status;
    return ask_plugin(x, b);
}

/* {instance} in a path is the instance's name. */
static const char *path_of(const struct bf_instance *i, const char *path, char out[ROUTE_PATH_MAX])
{
    static const char mark[] = "{instance}";
    const char *at = strstr(path, mark);

    if (!at)
        return path;
    snprintf(out, ROUTE_PATH_MAX, "%.*s%s%s", (int)(at - path), path, i->name,
             at + sizeof(mark) - 1);
    return out;
}

int bf_routes_add(struct bf_instance *i, const struct bf_route *routes, struct bf_error *err)
{
    char path[ROUTE_PATH_MAX];
    int rc = BF_OK;

    for (const struct bf_route *r = routes; !rc && r && r->method; r++) {
        struct binding *b = bf_arena_new_of(i->arena, struct binding);

        bf_assert(b);
        *b = (struct binding){i, r, strstr(r->path, "{entity}") != NULL};
        rc = bf_listener_route(i->plugins->rooms.listener,
                               &(struct bf_web_route){
                                   .method = r->method,
                                   .path = path_of(i, r->path, path),
                                   .handler = on_request,
                                   .admit = on_admit,
                                   .arg = b,
                                   .body_max = r->body_max,
                                   .needs = r->needs,
                                   .body_file = (r->flags & BF_BODY_FILE) != 0,
                               },
                               err);
    }
    return rc;
}


/* --- what plugins say ----------------------------------------------------------------------- */

static struct bf_route_call *from(struct bf_reply *re) { return (struct bf_route_call *)re; }

const char *bf_host_param(const struct bf_http_in *in, const char *name)
{
    const struct bf_route_call *rc = bf_container_of(in, struct bf_route_call, in);

    return bf_exchange_param(rc->x, name);
}

/* The status is looked at only if nothing follows. */
int bf_host_go_on(struct bf_reply *re, int place, bf_route_fn fn, void *arg)
{
    struct bf_route_call *rc = from(re);

    rc->go_on = true;
    rc->place = place;
    rc->fn = fn;
    rc->arg = arg;
    return 202;
}

void bf_host_reply_header(struct bf_reply *re, const char *name, const char *value)
{
    struct bf_route_call *rc = from(re);

    if (!name || rc->n_headers == BF_HEADERS_MAX || (value && strpbrk(value, "\r\n"))) {
        bf_warnf(hub_of(rc)->rooms.log, rc->instance->tag, "a header of a reply is left out: %s",
                 name && rc->n_headers < BF_HEADERS_MAX ? name : "there are too many");
        return;
    }
    if (!rc->headers)
        rc->headers = bf_arena_alloc(rc->in.arena, 2 * BF_HEADERS_MAX * sizeof(*rc->headers));
    if (!rc->headers)
        return;                 /* the arena is marked */
    rc->headers[2 * rc->n_headers] = bf_arena_dup(rc->in.arena, name);
    rc->headers[2 * rc->n_headers + 1] = bf_arena_dup(rc->in.arena, value);
    rc->n_headers++;
}

static void set_body(struct bf_route_call *rc, const char *type, const char *body, size_t len)
{
    rc->type = bf_arena_dup(rc->in.arena, type && *type ? type : "application/octet-stream");
    rc->body = body;
    rc->body_len = len;
    rc->file = false;
}

void bf_host_reply_body(struct bf_reply *re, const char *type, const char *fmt, va_list ap)
{
    const char *body = bf_arena_vprintf(from(re)->in.arena, fmt, ap);

    set_body(from(re), type, body, strlen(body));
}

void bf_host_reply_bytes(struct bf_reply *re, const char *type, const void *data, size_t len)
{
    set_body(from(re), type, len ? bf_arena_ndup(from(re)->in.arena, data, len) : "", len);
}

void bf_host_reply_receipt(struct bf_reply *re)
{
    from(re)->receipt = true;
    from(re)->type = NULL;
    from(re)->file = false;
}

int bf_host_reply_file(struct bf_reply *re, const char *type, const char *path)
{
    struct bf_route_call *rc = from(re);
    int failed = bf_exchange_reply_file(rc->x, type, path);

    rc->file = !failed;
    if (failed)
        return bf_complain_words(&rc->instance->ctx, failed, NULL, "there is no such file");
    rc->type = NULL;
    return BF_OK;
}

/* A ticket of a stream that has ended already. */
static bf_ticket no_stream(struct bf_route_call *rc, int status, const char *words)
{
    rc->no_stream = status;
    bf_complain_words(&rc->instance->ctx, status == 503 ? BF_EFULL : BF_EINVAL, NULL, "%s", words);
    return atomic_fetch_add(&hub_of(rc)->tickets, 1) + 1;
}

static void post_events(struct bf_route_call *rc)
{
    size_t n = rc->n_events;

    rc->n_events = 0;
    bf_host_post_events(&rc->instance->ctx, rc->events, n);
}

/* The head leaves now, so what comes after it, and commits, cannot change it any more. */
bf_ticket bf_host_reply_stream(struct bf_reply *re, const char *type)
{
    struct bf_route_call *rc = from(re);
    enum bf_where where = bf_call_where(&rc->instance->ctx);

    if (rc->stream || (where != BF_AT_ROUTE && where != BF_AT_WORKER))
        return no_stream(rc, 500, "a reply becomes a stream once, on [route] or [worker]");
    if (bf_exchange_is_inside(rc->x))
        return no_stream(rc, 501, "streams are only sent to the outside");
    if (atomic_load(&rc->instance->stopping) || !bf_streaming_room(hub_of(rc)))
        return no_stream(rc, 503, "there are too many streams; try again later");
    for (size_t i = 0; i < rc->n_headers; i++)
        bf_exchange_reply_header(rc->x, rc->headers[2 * i], rc->headers[2 * i + 1]);
    bf_exchange_keep(rc->x);
    describe(rc->x, &rc->in, true);
    rc->stream = bf_streaming_new(rc->instance, rc->x, type);
    post_events(rc);
    return bf_streaming_ticket(rc->stream);
}
