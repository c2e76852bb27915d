/* host_bus.c - what plugins have the engine do: events, transactions, a little durable memory.
 *
 * Where a call comes from decides how: on the engine it takes part in the open transaction, in a
 * request it is kept for the commit that the reply waits for, on the loop it is queued, and on a
 * thread that may wait it waits for the commit. */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/event/cause.h"
#include "core/event/cloudevents.h"
#include "core/plugin/host.h"

#define FULL_PAUSE_NS (5 * 1000 * 1000) /* between tries while the engine's queue is full */
#define EMIT_BYTES_MAX (64u * 1024 * 1024)      /* parsing one batch */

static struct bf_plugins *hub_of(struct bf_ctx *ctx) { return bf_instance_from(ctx)->plugins; }

static int refused(struct bf_ctx *ctx, int rc, const struct bf_error *err)
{
    return bf_complain_words(ctx, rc, err->field, "%s", err->words);
}


/* --- posting and waiting --------------------------------------------------------- */

/* A work of this room: with a waiter it is the waiter's, else it frees itself. */
struct job {
    struct bf_work work;
    struct bf_instance *instance;       /* a reference */
    bool waited_for;
    sem_t done;
    int rc;
    struct bf_error err;
    /* events */
    struct bf_arena *arena;
    struct bf_envelope **events;
    struct bf_receipt *receipts;
    size_t n;
    /* a transaction */
    bf_tx_fn fn;
    void *arg;
    bool refused;               /* the plugin said no */
    /* memory */
    char *key;
    char *value;
};

static void free_job(struct job *j)
{
    for (size_t i = 0; i < j->n; i++)
        bf_envelope_unref(j->events[i]);
    bf_arena_free(j->arena);
    free(j->key);
    free(j->value);
    sem_destroy(&j->done);
    bf_instance_unref(j->instance);
    free(j);
}

static void job_done(struct bf_work *w, int rc, const struct bf_error *err)
{
    struct job *j = bf_container_of(w, struct job, work);

    if (!j->refused)
        j->rc = rc;
    if (rc && err)
        j->err = *err;
    if (j->waited_for) {
        sem_post(&j->done);
        return;
    }
    if (rc && !j->refused)
        bf_warnf(j->instance->plugins->rooms.log, j->instance->tag, "not written: %s",
                 j->err.words);
    free_job(j);
}

static struct job *new_job(struct bf_ctx *ctx,
                           int (*apply)(struct bf_work *, struct bf_tx *, struct bf_error *))
{
    struct job *j = bf_new(struct job);

    sem_init(&j->done, 0, 0);
    j->instance = bf_instance_ref(bf_instance_from(ctx));
    j->work = (struct bf_work){.source = j->instance->name, .apply = apply, .done = job_done};
    return j;
}

static bool waits(enum bf_where where) { return where == BF_AT_WORKER || where == BF_AT_OWN; }

/* On a thread that may wait: wait for room, then for the commit; the job is still ours.  Else the
 * job is gone, unless there was no room. */
static int post(struct bf_ctx *ctx, struct job *j, enum bf_where where)
{
    struct bf_instance *i = bf_instance_from(ctx);
    const struct timespec pause = {.tv_nsec = FULL_PAUSE_NS};
    bool wait = waits(where);
    int rc;

    j->waited_for = wait;
    while ((rc = bf_bus_post(i->plugins->rooms.bus, &j->work)) == BF_EFULL && wait) {
        if (atomic_load(&i->stopping))
            return BF_ECANCELED;
        nanosleep(&pause, NULL);
    }
    if (rc)
        return bf_complain_words(ctx, rc, NULL, "%s",
                                 rc == BF_EFULL ? "the hub is behind; try again later"
                                                : "the hub is stopping");
    if (!wait)
        return BF_OK;           /* and the job may be gone already */
    while (sem_wait(&j->done) != 0)
        ;
    return j->rc;
}


/* --- events ------------------------------------------------------------------------ */

static int apply_events(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct job *j = bf_container_of(w, struct job, work);

    for (size_t i = 0; i < j->n; i++) {
        int rc = bf_bus_emit(tx, j->events[i], &j->receipts[i], err);

        if (rc)
            return rc;
    }
    return BF_OK;
}

static int emit_now(struct bf_ctx *ctx, struct bf_call *c, struct bf_envelope **events, size_t n,
                    struct bf_receipt *last)
{
    struct bf_error err;
    int rc = BF_OK;

    for (size_t i = 0; i < n && !rc; i++) {
        rc = bf_bus_emit(c->tx, events[i], last, &err);
        if (!rc && c->route)
            bf_route_receipt(c->route, last);
    }
    for (size_t i = 0; i < n; i++)
        bf_envelope_unref(events[i]);
    if (!rc)
        return BF_OK;
    c->failed = rc == BF_ETOOBIG ? rc : BF_EIO;
    return refused(ctx, rc, &err);
}

static int emit_posted(struct bf_ctx *ctx, enum bf_where where, struct bf_envelope **events,
                       size_t n, struct bf_receipt *last)
{
    struct job *j = new_job(ctx, apply_events);
    int rc;

    j->arena = bf_arena_new(n * (sizeof(*j->events) + sizeof(*j->receipts)) + 4096);
    j->events = bf_arena_alloc(j->arena, n * sizeof(*j->events));
    j->receipts = bf_arena_alloc(j->arena, n * sizeof(*j->receipts));
    bf_assert(j->events && j->receipts);
    memcpy(j->events, events, n * sizeof(*events));
    j->n = n;
    j->work.events = j->events;
    j->work.n_events = n;
    j->work.may_fail = bf_bus_may_refuse(hub_of(ctx)->rooms.bus, events, n);
    for (size_t i = 0; i < n; i++)
        j->work.weight += (uint32_t)events[i]->text_len;
    rc = post(ctx, j, where);
    if (!rc && !waits(where))
        return BF_OK;
    if (!rc)
        *last = j->receipts[n - 1];
    else if (j->err.words[0])
        refused(ctx, rc, &j->err);
    free_job(j);
    return rc;
}

/* Takes the references. */
static int emit_all(struct bf_ctx *ctx, struct bf_envelope **events, size_t n,
                    struct bf_receipt *last)
{
    struct bf_call *c = bf_call_of(ctx);
    enum bf_where where = bf_call_where(ctx);

    if (n == 0)
        return BF_OK;
    if (where == BF_AT_ENGINE)
        return emit_now(ctx, c, events, n, last);
    if (c && c->route && !bf_route_streams(c->route))
        return bf_route_take(c->route, events, n);
    if (where != BF_AT_MAIN)
        return emit_posted(ctx, where, events, n, last);
    for (size_t i = 0; i < n; i++)
        bf_envelope_unref(events[i]);
    return bf_complain_words(ctx, BF_EINVAL, NULL, "nothing can be emitted from create and "
                             "destroy");
}

void bf_host_post_events(struct bf_ctx *ctx, struct bf_envelope **events, size_t n)
{
    struct bf_receipt last;

    if (n && emit_posted(ctx, bf_call_where(ctx), events, n, &last))
        bf_warnf(hub_of(ctx)->rooms.log, bf_instance_from(ctx)->tag, "%zu events of a stream "
                 "could not be stored", n);
}

/* "entity", or "[3].entity" in a batch. */
static int complain_entity(struct bf_ctx *ctx, int rc, size_t at, size_t n, const char *words)
{
    char field[32] = "entity";

    if (n > 1)
        snprintf(field, sizeof(field), "[%zu].entity", at);
    return bf_complain_words(ctx, rc, field, "%s", words);
}

/* A team that a key has nothing to do with is to it as one that is not there.  To whoever sends for
 * somebody the text is wrong; a plugin by itself may try again once there is one. */
static int check_entity(struct bf_ctx *ctx, const struct bf_identity *as,
                        const struct bf_envelope *e, size_t at, size_t n)
{
    struct bf_team *team = hub_of(ctx)->rooms.team;
    bool there = bf_team_exists(team, e->entity);
    char words[512];

    if (there && (!as || bf_team_may(team, as, BF_INGEST, e->entity)))
        return BF_OK;
    if (there && bf_team_may(team, as, BF_READ, e->entity)) {
        snprintf(words, sizeof(words), "this key may not send events to team \"%s\"; ask an admin "
                 "of the team for one with the right ingest", e->entity);
        return complain_entity(ctx, BF_EPERM, at, n, words);
    }
    if (as && !as->admin)
        snprintf(words, sizeof(words), "there is no team \"%s\" that this key may send events to; "
                 "ask an admin of the team for one with the right ingest", e->entity);
    else
        snprintf(words, sizeof(words), "team \"%s\" does not exist; make it with PUT "
                 "/api/v1/teams/%s", e->entity, e->entity);
    return complain_entity(ctx, as ? BF_EINVAL : BF_ENOENT, at, n, words);
}

/* Most batches are of one entity: ask once for each run of the same. */
static int check_entities(struct bf_ctx *ctx, const struct bf_identity *as,
                          struct bf_envelope *const *events, size_t n)
{
    const char *last = NULL;
    int rc = BF_OK;

    for (size_t i = 0; i < n && !rc; i++) {
        if (last && strcmp(last, events[i]->entity) == 0)
            continue;
        rc = check_entity(ctx, as, events[i], i, n);
        last = events[i]->entity;
    }
    return rc;
}

static const char *header_of(struct bf_ctx *ctx, const char *name)
{
    struct bf_call *c = bf_call_of(ctx);

    return c && c->route ? bf_host_header(bf_route_in(c->route)->headers, name) : NULL;
}

/* How many hubs a request has come through; what it carries has come at least as far. */
static uint32_t hops_of(struct bf_ctx *ctx)
{
    const char *header = header_of(ctx, "Belfry-Hops");
    unsigned long hops = header ? strtoul(header, NULL, 10) : 0;

    return hops > BF_HOPS_MAX ? BF_HOPS_MAX + 1 : (uint32_t)hops;
}

static int add_hops(struct bf_ctx *ctx, struct bf_envelope **events, size_t n)
{
    uint32_t hops = hops_of(ctx);

    if (hops > BF_HOPS_MAX)
        return bf_complain_words(ctx, BF_EINVAL, "hops", "this event has come through more than %d "
                                 "hubs; two of them send to each other", BF_HOPS_MAX);
    for (size_t i = 0; i < n; i++)
        if (events[i]->hops < hops)
            events[i]->hops = hops;
    return BF_OK;
}

/* What a hub sent because of an event has the same cause as that. */
static int add_cause(struct bf_ctx *ctx, struct bf_envelope **events, size_t n)
{
    const char *header = header_of(ctx, BF_CAUSE_HEADER);
    struct bf_arena *scratch = header ? bf_arena_new(EMIT_BYTES_MAX) : NULL;
    struct bf_error err = {0};
    int rc = BF_OK;

    for (size_t i = 0; scratch && i < n && !rc; i++) {
        struct bf_envelope *caused;

        bf_arena_reset(scratch);
        rc = bf_cause_set(scratch, events[i], header, &caused, &err);
        if (rc)
            continue;
        bf_envelope_unref(events[i]);
        events[i] = caused;
    }
    bf_arena_free(scratch);
    return rc ? refused(ctx, rc == BF_ECONFIG ? BF_EINVAL : rc, &err) : BF_OK;
}

static int give_up(struct bf_envelope **events, size_t n, int rc)
{
    for (size_t i = 0; i < n; i++)
        bf_envelope_unref(events[i]);
    return rc;
}

static int check_and_emit(struct bf_ctx *ctx, const struct bf_identity *as,
                          struct bf_envelope **events, size_t n, struct bf_receipt *last)
{
    int rc = check_entities(ctx, as, events, n);

    if (!rc)
        rc = add_hops(ctx, events, n);
    if (!rc)
        rc = add_cause(ctx, events, n);
    return rc ? give_up(events, n, rc) : emit_all(ctx, events, n, last);
}

static void add_member(struct bf_buf *b, const char *name, const char *value)
{
    if (!value)
        return;
    bf_buf_printf(b, "%s\"%s\":", b->len > 1 ? "," : "", name);
    bf_buf_json(b, value);
}

/* The envelope of an event's fields, with the payload's members behind them. */
static void write_event(struct bf_buf *b, const struct bf_instance *i, const struct bf_event *ev)
{
    const char *payload = ev->payload ? ev->payload : "";
    size_t len = ev->payload_len ? ev->payload_len : strlen(payload), blank;
    char time[32];

    bf_buf_addc(b, '{');
    add_member(b, "type", ev->type ? ev->type : "");
    add_member(b, "entity", ev->entity);
    add_member(b, "project", ev->project);
    add_member(b, "collection", ev->collection);
    add_member(b, "key", ev->key);
    add_member(b, "source", i->name);
    add_member(b, "author", ev->author);
    add_member(b, "cause", ev->cause);
    if (ev->time_ms) {
        bf_time_print(ev->time_ms, time);
        add_member(b, "time", time);
    }
    if (ev->hops)
        bf_buf_printf(b, ",\"hops\":%u", (unsigned)ev->hops);
    for (blank = 0; blank < len && strchr(" \t\r\n", payload[blank]); blank++)
        ;
    if (blank == len) {
        bf_buf_addc(b, '}');
        return;
    }
    /* `{ members }` becomes `, members }`; what is no object makes text that is refused. */
    bf_buf_addc(b, ',');
    if (payload[blank] == '{')
        blank++;
    while (blank < len && strchr(" \t\r\n", payload[blank]))
        blank++;
    if (blank < len && payload[blank] == '}')
        b->len--;               /* there are no members */
    bf_buf_add(b, payload + blank, len - blank);
}

int bf_host_emit(struct bf_ctx *ctx, const struct bf_event *ev, struct bf_emitted *out)
{
    struct bf_arena *scratch = bf_arena_new(EMIT_BYTES_MAX);
    struct bf_receipt receipt = {0};
    struct bf_envelope *e;
    struct bf_error err;
    struct bf_buf text;
    int rc;

    bf_buf_init(&text, BF_EVENT_MAX + 4096);
    write_event(&text, bf_instance_from(ctx), ev);
    rc = text.failed ? bf_error_set(&err, BF_ETOOBIG, "the event is larger than %d bytes",
                                    BF_EVENT_MAX)
                     : bf_envelope_parse(scratch, bf_buf_text(&text), text.len, BF_FROM_OUTSIDE,
                                         &e, &err);
    bf_buf_fini(&text);
    bf_arena_free(scratch);
    if (rc)
        return refused(ctx, rc == BF_ECONFIG ? BF_EINVAL : rc, &err);
    rc = check_and_emit(ctx, NULL, &e, 1, &receipt);
    if (!rc && out) {
        out->duplicate = receipt.duplicate;
        memcpy(out->id, receipt.id, sizeof(receipt.id));
    }
    return rc;
}

/* The identity behind a caller; the one of this request needs no look-up. */
static const struct bf_identity *identity(struct bf_ctx *ctx, const struct bf_caller *as,
                                          struct bf_identity *found)
{
    struct bf_call *c = bf_call_of(ctx);

    if (c && c->route && as == bf_route_in(c->route)->caller)
        return bf_container_of(as, struct bf_identity, pub);
    return as->id && bf_team_identity(hub_of(ctx)->rooms.team, as->id, found) ? found : NULL;
}

/* What parsing gave, for the caller or, if NULL, for the plugin itself. */
static int emit_parsed(struct bf_ctx *ctx, const struct bf_caller *as, int rc,
                       struct bf_envelope **events, size_t n, const struct bf_error *err)
{
    const struct bf_identity *who = NULL;
    struct bf_identity found;
    struct bf_receipt last;

    if (rc)
        return refused(ctx, rc == BF_ECONFIG ? BF_EINVAL : rc, err);
    if (!as || (who = identity(ctx, as, &found)))
        return check_and_emit(ctx, who, events, n, &last);
    give_up(events, n, 0);
    return bf_complain_words(ctx, BF_EPERM, NULL, "the caller's key is not valid any more");
}

int bf_host_emit_text(struct bf_ctx *ctx, const struct bf_caller *as, const char *text, size_t len)
{
    struct bf_call *c = bf_call_of(ctx);
    struct bf_arena *a = c && c->arena ? c->arena : bf_arena_new(EMIT_BYTES_MAX);
    struct bf_envelope **events = NULL;
    struct bf_error err;
    size_t n = 0;
    int rc = bf_envelopes_parse(a, text, len, &events, &n, &err);

    rc = emit_parsed(ctx, as, rc, events, n, &err);
    if (!c || a != c->arena)
        bf_arena_free(a);
    return rc;
}

int bf_host_emit_request(struct bf_ctx *ctx, const struct bf_http_in *in)
{
    struct bf_cloudevents r = {
        .headers = in->headers,
        .body = in->body,
        .len = in->body_len,
        .entity = bf_host_param(in, "entity"),
        .project = bf_host_param(in, "project"),
        .collection = bf_host_param(in, "collection"),
    };
    struct bf_envelope **events = NULL;
    struct bf_error err;
    size_t n = 0;
    int rc;

    if (bf_cloudevents_mode(in->headers) == BF_CLOUDEVENTS_NONE)
        return bf_host_emit_text(ctx, in->caller, in->body, in->body_len);
    rc = bf_cloudevents_parse(in->arena, &r, &events, &n, &err);
    return emit_parsed(ctx, in->caller, rc, events, n, &err);
}


/* --- transactions --------------------------------------------------------------------- */

/* A plugin's own no must undo its part alone; the store's failure ends the batch, and only that
 * may be told with the store's codes. */
static int apply_fn(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct job *j = bf_container_of(w, struct job, work);
    struct bf_error why;
    struct bf_call c;
    int failed;

    bf_call_enter(&c, j->instance, BF_AT_ENGINE, NULL, &why);
    c.tx = tx;
    j->rc = j->fn(&j->instance->ctx, j->arg);
    failed = c.failed;
    bf_call_leave(&c);
    if (failed)
        return bf_error_set(err, failed, "%s", why.words);
    j->refused = j->rc < 0;
    if (!j->refused)
        return BF_OK;
    j->err = why;
    return bf_error_set(err, BF_ECANCELED, "%s", why.words);
}

int bf_host_transact(struct bf_ctx *ctx, bf_tx_fn fn, void *arg)
{
    struct bf_instance *i = bf_instance_from(ctx);
    enum bf_where where = bf_call_where(ctx);
    struct job *j;
    int rc;

    if (atomic_load(&i->stopping))
        return bf_complain_words(ctx, BF_ECANCELED, NULL, "the instance is stopping");
    if (!waits(where) && where != BF_AT_LOOP)
        return bf_complain_words(ctx, BF_EINVAL, NULL, "bf_transact() is not for this thread; use "
                                 "bf_continue() in a request");
    j = new_job(ctx, apply_fn);
    j->work.may_fail = true;
    j->fn = fn;
    j->arg = arg;
    rc = post(ctx, j, where);
    if (!rc && where == BF_AT_LOOP)
        return BF_OK;
    rc = rc ? rc : j->rc;
    if (rc < 0 && j->err.words[0])
        refused(ctx, rc, &j->err);
    free_job(j);
    return rc;
}


/* --- memory ---------------------------------------------------------------------------- */

static const char *const memory_schema[] = {
    "CREATE TABLE belfry_plugin_memory ("
    " instance TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " value TEXT NOT NULL,"
    " PRIMARY KEY (instance, name))",
    NULL};

int bf_memory_open(struct bf_plugins *p, struct bf_error *err)
{
    return bf_db_migrate(p->rooms.db, "plugin", memory_schema, err);
}

static int write_memory(struct bf_db *db, const struct bf_instance *i, const char *key,
                        const char *value)
{
    struct bf_query *q = bf_db_query(
        db, "INSERT INTO belfry_plugin_memory (instance, name, value) VALUES (?, ?, ?)"
            " ON CONFLICT (instance, name) DO UPDATE SET value = excluded.value");

    bf_query_text(q, 1, i->tag);
    bf_query_text(q, 2, key);
    bf_query_text(q, 3, value);
    return bf_query_run(q);
}

static int apply_memory(struct bf_work *w, struct bf_tx *tx, struct bf_error *err)
{
    struct job *j = bf_container_of(w, struct job, work);
    int rc = write_memory(tx->db, j->instance, j->key, j->value);

    return rc ? bf_error_set(err, rc, "cannot remember %s: %s", j->key, bf_db_words(tx->db))
              : BF_OK;
}

/* What was remembered on the loop can be recalled there before its commit. */
static void keep_in_mind(struct bf_instance *i, const char *key, const char *value)
{
    pthread_mutex_lock(&i->lock);
    if (!i->remembered)
        i->remembered = bf_map_new();
    free(bf_map_set(i->remembered, key, bf_strdup(value)));
    pthread_mutex_unlock(&i->lock);
}

static const char *in_mind(struct bf_instance *i, struct bf_arena *a, const char *key)
{
    const char *value;

    pthread_mutex_lock(&i->lock);
    value = i->remembered ? bf_map_get(i->remembered, key) : NULL;
    value = value ? bf_arena_dup(a, value) : NULL;
    pthread_mutex_unlock(&i->lock);
    return value;
}

/* The engine has written another value: what is on disk counts from now on. */
static void forget_in_mind(struct bf_instance *i, const char *key)
{
    pthread_mutex_lock(&i->lock);
    if (i->remembered)
        free(bf_map_remove(i->remembered, key));
    pthread_mutex_unlock(&i->lock);
}

void bf_remembered_free(struct bf_instance *i)
{
    const char *key;
    void *value;
    size_t at = 0;

    if (!i->remembered)
        return;
    while (bf_map_each(i->remembered, &at, &key, &value))
        free(value);
    bf_map_free(i->remembered);
}

int bf_host_remember(struct bf_ctx *ctx, const char *key, const char *value)
{
    struct bf_instance *i = bf_instance_from(ctx);
    enum bf_where where = bf_call_where(ctx);
    struct bf_call *c = bf_call_of(ctx);
    struct job *j;
    int rc;

    if (!key || !value || where == BF_AT_MAIN || where == BF_AT_ROUTE)
        return bf_complain_words(ctx, BF_EINVAL, NULL, "bf_remember() is for [loop, own, engine]");
    if (where == BF_AT_ENGINE) {
        rc = write_memory(c->tx->db, i, key, value);
        c->failed = rc ? BF_EIO : c->failed;
        forget_in_mind(i, key);
        return rc;
    }
    j = new_job(ctx, apply_memory);
    j->key = bf_strdup(key);
    j->value = bf_strdup(value);
    if (where == BF_AT_LOOP)
        keep_in_mind(i, key, value);
    rc = post(ctx, j, where);
    if (rc || waits(where))
        free_job(j);
    return rc;
}

const char *bf_host_recall(struct bf_ctx *ctx, struct bf_arena *a, const char *key)
{
    struct bf_instance *i = bf_instance_from(ctx);
    struct bf_call *c = bf_call_of(ctx);
    const char *value = c && c->tx ? NULL : in_mind(i, a, key);
    struct bf_db *db;
    struct bf_query *q;

    if (value || !c)
        return value;
    db = bf_call_db(c);
    if (!db)
        return NULL;
    q = bf_db_query(db, "SELECT value FROM belfry_plugin_memory WHERE instance = ? AND name = ?");
    bf_query_text(q, 1, i->tag);
    bf_query_text(q, 2, key);
    if (bf_query_step(q) == 1)
        value = bf_arena_dup(a, bf_query_col_text(q, 0));
    bf_query_end(q);
    return value;
}
