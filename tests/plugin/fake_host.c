/* fake_host.c - what tests call: make an instance, deliver to it, call its routes, run it.
 *
 * One thread plays them all: `place` says which it is playing.  What the engine runs is run twice,
 * the first time undone, because a hub may do that and plugins must not notice. */
#include "tests/plugin/fake_hub.h"

#include <sodium.h>
#include <stdlib.h>
#include <strings.h>

#define NOW_MS 1764000000000    /* 2025-11-24T16:00:00Z */

struct bf_arena *fake_arena_new(struct fake_hub *h)
{
    struct fake_arena *a = calloc(1, sizeof(*a));

    a->pub.host = &fake_table;
    a->hub = h;
    a->next = h->arenas;
    h->arenas = a;
    return &a->pub;
}

void fake_pairs_add(struct fake_hub *h, struct pairs *p, const char *name, const char *value)
{
    CHECK(p->n < 2 * LIST_MAX);
    p->at[p->n++] = fake_dup(h->keep, name);
    p->at[p->n++] = fake_dup(h->keep, value);
}

const char *fake_pairs_get(const char *const *pairs, const char *name)
{
    for (; pairs && *pairs; pairs += 2) {
        if (strcasecmp(pairs[0], name) == 0)
            return pairs[1];
    }
    return NULL;
}

bool fake_may(struct fake_hub *h, const char *id, unsigned right, const char *entity)
{
    for (size_t i = 0; i < h->n_grants; i++) {
        if (strcmp(h->grants[i].id, id) == 0 && (h->grants[i].rights & right) == right &&
            (!entity || strcmp(h->grants[i].entity, entity) == 0))
            return true;
    }
    return false;
}


/* --- options ------------------------------------------------------------ */

static int64_t milliseconds(const char *text)
{
    char *unit;
    int64_t n = strtoll(text, &unit, 10);

    return n * (strcmp(unit, "ms") == 0 ? 1 : *unit == 's' ? 1000 : *unit == 'm' ? 60000 : 3600000);
}

/* "a,b" as a list; "a=1,b=2" as a map. */
static const char *const *split(struct fake_hub *h, const char *text, const char *separators)
{
    const char **list = fake_alloc(h->keep, LIST_MAX * sizeof(*list));
    char *rest = (char *)fake_dup(h->keep, text), *item;

    for (size_t n = 0; (item = strtok_r(NULL, separators, &rest)) && n < LIST_MAX - 1; n++)
        list[n] = item;
    return list;
}

static void fill_one(struct fake_hub *h, const struct bf_option *o, char *to, const char *text)
{
    switch (o->type) {
    case BF_T_INT:
        *(int64_t *)(void *)to = strtoll(text, NULL, 10);
        break;
    case BF_T_BOOL:
        *(bool *)to = strcmp(text, "true") == 0;
        break;
    case BF_T_DURATION:
        *(int64_t *)(void *)to = milliseconds(text);
        break;
    case BF_T_LIST:
    case BF_T_MAP:
        *(const char *const **)(void *)to = split(h, text, o->type == BF_T_MAP ? "=," : ",");
        break;
    default:
        *(const char **)(void *)to = o->flags & BF_SECRET ? fake_stand_in(h, text)
                                                          : fake_dup(h->keep, text);
    }
}

static bool is_choice(const char *choices, const char *text)
{
    size_t len = strlen(text);

    for (const char *p = choices; p; p = strchr(p, '|'), p = p ? p + 1 : NULL) {
        if (strncmp(p, text, len) == 0 && (p[len] == '|' || p[len] == '\0'))
            return true;
    }
    return false;
}

static bool refuse(struct fake_hub *h, const char *option, const char *why)
{
    snprintf(h->front->refused, sizeof(h->front->refused), "%s: %s", option, why);
    return false;
}

bool fake_fill_options(struct fake_hub *h, const struct bf_option *table, void *out,
                       const char *const *given)
{
    for (const struct bf_option *o = table; o && o->name; o++) {
        const char *text = fake_pairs_get(given, o->name);

        text = text ? text : o->def;
        if (!text && (o->flags & BF_REQUIRED))
            return refuse(h, o->name, "required");
        if (text && o->choices && !is_choice(o->choices, text))
            return refuse(h, o->name, "not one of the choices");
        if (text && o->type == BF_T_JSON && !fake_json_end(text))
            return refuse(h, o->name, "not JSON");
        if (text)
            fill_one(h, o, (char *)out + o->offset, text);
    }
    return true;
}

static bool is_option(const struct bf_option *table, const char *name)
{
    for (; table && table->name; table++) {
        if (strcmp(table->name, name) == 0)
            return true;
    }
    return false;
}


/* --- instances ---------------------------------------------------------- */

static void *zeroed(struct fake_hub *h, size_t len) { return fake_alloc(h->keep, len ? len : 1); }

static struct fake open_fake(const struct bf_plugin *plugin)
{
    struct fake_hub *h = calloc(1, sizeof(*h));
    struct fake f = { .hub = h, .now_ms = NOW_MS, .sleeps_before_stop = 1 };

    if (sodium_init() < 0 || sqlite3_open(":memory:", &h->db))
        test_failed(__FILE__, __LINE__, "cannot start the fake hub");
    h->ctx.host = &fake_table;
    h->keep = fake_arena_new(h);
    f.reason = f.complaint = f.option = f.warned = f.logged = f.body = f.type = f.streamed = "";
    sqlite3_exec(h->db, "CREATE TABLE fake_memory (key TEXT PRIMARY KEY, value TEXT)", 0, 0, 0);
    for (const char *const *sql = plugin->schema; sql && *sql; sql++) {
        if (sqlite3_exec(h->db, *sql, 0, 0, 0))
            test_failed(__FILE__, __LINE__, "%s: %s", sqlite3_errmsg(h->db), *sql);
    }
    return f;
}

static struct pairs options_of(va_list ap)
{
    struct pairs p = { 0 };

    for (const char *s; (s = va_arg(ap, const char *));)
        p.at[p.n++] = s;
    return p;
}

static void create(struct fake *f, int (*fn)(struct bf_ctx *, const void *, void **))
{
    struct fake_hub *h = f->hub;

    h->front = f;
    h->self = h->options;
    h->place = ON_MAIN;
    if (!*f->refused && fn && fn(&h->ctx, h->options, &h->self))
        refuse(h, f->option, f->complaint);
}

struct fake fake_sink(const struct bf_plugin *plugin, ...)
{
    struct fake f = open_fake(plugin);
    struct fake_hub *h = f.hub;
    struct pairs given;
    va_list ap;

    va_start(ap, plugin);
    given = options_of(ap);
    va_end(ap);
    h->front = &f;
    h->sink = plugin->sinks[0];
    h->options = zeroed(h, h->sink->integration_size);
    h->action = zeroed(h, h->sink->action_size);
    for (size_t i = 0; i < given.n; i += 2) {
        if (!is_option(h->sink->integration, given.at[i]) &&
            !is_option(h->sink->action, given.at[i]))
            refuse(h, given.at[i], "no such option");
    }
    if (!*f.refused && fake_fill_options(h, h->sink->integration, h->options, given.at))
        fake_fill_options(h, h->sink->action, h->action, given.at);
    create(&f, h->sink->create);
    return f;
}

struct fake fake_source(const struct bf_plugin *plugin, ...)
{
    struct fake f = open_fake(plugin);
    struct fake_hub *h = f.hub;
    struct pairs given;
    va_list ap;

    va_start(ap, plugin);
    given = options_of(ap);
    va_end(ap);
    h->front = &f;
    h->source = plugin->sources[0];
    h->options = zeroed(h, h->source->options_size);
    for (size_t i = 0; i < given.n; i += 2) {
        if (!is_option(h->source->options, given.at[i]))
            refuse(h, given.at[i], "no such option");
    }
    if (!*f.refused)
        fake_fill_options(h, h->source->options, h->options, given.at);
    create(&f, h->source->create);
    if (!*f.refused && h->source->start) {
        h->place = ON_LOOP;
        CHECK_INT(h->source->start(&h->ctx, h->self), 0);
    }
    return f;
}

/* The callback has returned: what ended with it is gone. */
static void end_callback(struct fake_hub *h)
{
    for (struct stmt *s; (s = h->statements);) {
        h->statements = s->next;
        sqlite3_finalize(s->st);
        free(s);
    }
    fake_arena_free(h->scratch[h->place]);
    h->scratch[h->place] = NULL;
}

void fake_close(struct fake *f)
{
    struct fake_hub *h = f->hub;

    h->front = f;
    h->stopping = true;
    h->place = ON_LOOP;
    if (!*f->refused && h->source && h->source->stop)
        h->source->stop(&h->ctx, h->self);
    end_callback(h);
    h->place = ON_MAIN;
    if (!*f->refused && h->source && h->source->destroy)
        h->source->destroy(h->self);
    if (!*f->refused && h->sink && h->sink->destroy)
        h->sink->destroy(h->self);
    for (int i = 0; i < PLACES; i++)
        fake_arena_free(h->scratch[i]);
    for (struct fake_arena *a; (a = h->arenas);) {
        h->arenas = a->next;
        fake_arena_free(a);
    }
    sqlite3_close(h->db);
    free(h);
}


/* --- transactions ------------------------------------------------------- */

void fake_commit_events(struct fake_hub *h)
{
    for (size_t i = 0; i < h->n_pending; i++) {
        if (!h->pending[i].duplicate)
            h->front->events[h->front->n_events++] = h->pending[i].event;
    }
    h->n_pending = 0;
}

static int attempt(struct fake_hub *h, int (*fn)(void *, struct fake_hub *), void *arg, bool keep,
                   bool (*failed)(int rc))
{
    size_t before = h->n_pending;
    int rc;

    sqlite3_exec(h->db, "SAVEPOINT fake", 0, 0, 0);
    rc = fn(arg, h);
    end_callback(h);
    if (failed(rc) || !keep) {
        h->n_pending = before;
        sqlite3_exec(h->db, "ROLLBACK TO fake", 0, 0, 0);
    }
    sqlite3_exec(h->db, "RELEASE fake", 0, 0, 0);
    return rc;
}

int fake_transact(struct fake_hub *h, int (*fn)(void *arg, struct fake_hub *h), void *arg,
                  bool (*failed)(int rc))
{
    enum place was = h->place;
    bool fails = h->front->commits_to_fail > 0;
    int first, rc;

    h->place = ON_ENGINE;
    first = attempt(h, fn, arg, false, failed);
    rc = attempt(h, fn, arg, !fails, failed);
    h->place = was;
    if (first != rc)
        test_failed(__FILE__, __LINE__, "run again on the engine it gave %d, not %d", rc, first);
    if (failed(rc))
        return rc;
    if (fails) {
        h->front->commits_to_fail--;
        return BF_EIO;
    }
    if (!h->route)              /* a request's leave with its reply */
        fake_commit_events(h);
    return rc;
}


/* --- sinks -------------------------------------------------------------- */

struct delivery {
    struct bf_delivery d;
    struct bf_event event;
};

static struct bf_delivery *new_delivery(struct fake_hub *h, const char *type, const char *payload)
{
    struct delivery *x = fake_alloc(h->keep, sizeof(*x));

    if (!fake_json_end(payload))
        test_failed(__FILE__, __LINE__, "the test's payload is not JSON: %s", payload);
    x->event = (struct bf_event){
        .size = sizeof(x->event), .time_ms = h->front->now_ms, .received_ms = h->front->now_ms,
        .id = "ev-1", .type = fake_dup(h->keep, type), .source = "test", .author = "ada",
        .entity = "acme", .project = "vision", .payload = fake_dup(h->keep, payload),
        .payload_len = strlen(payload),
    };
    x->d = (struct bf_delivery){
        .size = sizeof(x->d), .attempt = 1, .ticket = ++h->last_ticket,
        .deadline_ms = h->front->now_ms + 15000, .id = "ex-1", .automation = "watch",
        .action = h->action, .ctx = &h->ctx, .arena = fake_arena_new(h), .event = &x->event,
    };
    return &x->d;
}

void fake_merge(struct fake *f, const char *type, const char *payload)
{
    f->hub->front = f;
    CHECK(f->hub->n_merged + 1 < f->hub->sink->max_merged);
    f->hub->merged[f->hub->n_merged++] = new_delivery(f->hub, type, payload);
}

/* A request is a pure function: asked twice, it must say the same. */
static int ask_sink(struct fake *f, const struct bf_delivery *d, struct bf_request **req)
{
    struct fake_hub *h = f->hub;
    struct request *first = (struct request *)bf_request_new(&h->ctx, d->arena);
    struct request *second = (struct request *)bf_request_new(&h->ctx, d->arena);
    int rc = h->sink->request(h->self, d, &first->pub);

    CHECK_INT(h->sink->request(h->self, d, &second->pub), rc);
    if (rc == 0 && (strlen(first->shown.body) != strlen(second->shown.body) ||
                    !first->shown.url || strlen(first->shown.url) != strlen(second->shown.url)))
        test_failed(__FILE__, __LINE__, "request() asked twice made two different requests");
    *req = &first->pub;
    return rc;
}

static int deliver_request(struct fake *f, const struct bf_delivery *d)
{
    struct fake_hub *h = f->hub;
    const struct bf_http_out *out;
    struct bf_request *req;
    int rc;

    h->place = h->sink->flags & BF_QUICK ? ON_LOOP : ON_WORKER;
    rc = ask_sink(f, d, &req);
    end_callback(h);
    if (rc)
        return rc;
    h->place = ON_WORKER;
    out = bf_fetch(&h->ctx, req);
    h->place = h->sink->flags & BF_QUICK ? ON_LOOP : ON_WORKER;
    rc = h->sink->judge && !out->err ? h->sink->judge(h->self, d, out) : bf_default(d, out);
    end_callback(h);
    return rc;
}

static void deliver_in_steps(struct fake *f, const struct bf_delivery *d)
{
    struct fake_hub *h = f->hub;

    h->place = ON_LOOP;
    h->delivery = d->ticket;
    h->settled = false;
    h->sink->deliver(h->self, d);
    fake_run_waiting(h);
    end_callback(h);
    if (!h->settled)
        f->outcome = BF_UNKNOWN;        /* as a hub does at the deadline */
}

int fake_deliver(struct fake *f, const char *type, const char *payload)
{
    struct fake_hub *h = f->hub;
    struct bf_delivery *d;

    h->front = f;
    f->reason = "";
    f->after_ms = -1;
    d = new_delivery(h, type, payload);
    h->merged[h->n_merged] = NULL;
    d->merged = h->n_merged ? h->merged : NULL;
    if (h->sink->request) {
        f->outcome = deliver_request(f, d);
    } else if (h->sink->deliver) {
        deliver_in_steps(f, d);
    } else {
        h->place = ON_WORKER;
        f->outcome = h->sink->deliver_blocking(h->self, d);
        end_callback(h);
    }
    h->n_merged = 0;
    return f->outcome;
}

int fake_check(struct fake *f, const char *type, const char *payload)
{
    struct fake_hub *h = f->hub;
    int rc;

    h->front = f;
    h->place = ON_WORKER;
    rc = h->sink->check ? h->sink->check(h->self, new_delivery(h, type, payload)) : 0;
    end_callback(h);
    return rc;
}


/* --- answers to come ---------------------------------------------------- */

static struct answer *new_answer(struct fake *f)
{
    CHECK(f->hub->n_answers < LIST_MAX);
    return &f->hub->answers[f->hub->n_answers++];
}

void fake_answer(struct fake *f, int status, const char *body)
{
    *new_answer(f) = (struct answer){ .status = status, .body = fake_dup(f->hub->keep, body) };
}

void fake_answer_header(struct fake *f, const char *name, const char *value)
{
    fake_pairs_add(f->hub, &f->hub->answers[f->hub->n_answers - 1].headers, name, value);
}

void fake_answer_err(struct fake *f, int err, bool sent)
{
    *new_answer(f) = (struct answer){ .err = err, .sent = sent, .body = "" };
}


/* --- routes ------------------------------------------------------------- */

void fake_caller(struct fake *f, const char *id, unsigned rights, const char *entity)
{
    struct fake_hub *h = f->hub;

    h->caller = (struct bf_caller){ .size = sizeof(h->caller), .id = id, .user = id };
    if (!id)
        return;
    h->grants[h->n_grants].id = id;
    h->grants[h->n_grants].rights = rights;
    h->grants[h->n_grants++].entity = entity;
}

void fake_revoke(struct fake *f, const char *id)
{
    for (size_t i = 0; i < f->hub->n_grants; i++)
        if (strcmp(f->hub->grants[i].id, id) == 0)
            f->hub->grants[i].id = "";
}

void fake_team_secret(struct fake *f, const char *entity, const char *name, const char *value)
{
    struct fake_hub *h = f->hub;

    CHECK(h->n_stored < LIST_MAX);
    h->stored[h->n_stored++] = (struct stored){ fake_dup(h->keep, entity), fake_dup(h->keep, name),
                                                fake_dup(h->keep, value) };
}

void fake_header(struct fake *f, const char *name, const char *value)
{
    fake_pairs_add(f->hub, &f->hub->next_headers, name, value);
}

static const char *unpercent(struct bf_arena *a, const char *text, size_t len)
{
    char *out = (char *)fake_ndup(a, text, len);
    size_t n = 0;

    for (size_t i = 0; i < len; i++, n++) {
        out[n] = out[i];
        if (out[i] == '%' && i + 2 < len) {
            char hex[3] = { out[i + 1], out[i + 2], '\0' };

            out[n] = (char)strtol(hex, NULL, 16);
            i += 2;
        }
    }
    if (len)
        out[n] = '\0';
    return out;
}

/* Segment by segment: how many words of the pattern stand in the path, or -1 if it does not fit.
 * With `name`, *value is what stands for it. */
static int fit(struct bf_arena *a, const char *pattern, const char *path, const char *name,
               const char **value)
{
    int words = 0;

    while (*pattern == '/' && *path == '/') {
        size_t n = strcspn(++pattern, "/"), len = strcspn(++path, "/");
        bool rest = n == 1 && *pattern == '*';

        if (rest)
            len = strlen(path);
        if (*pattern != '{' && !rest && (n != len || strncmp(pattern, path, n) != 0))
            return -1;
        if (name && (rest ? strcmp(name, "*") == 0
                          : *pattern == '{' && strlen(name) == n - 2 &&
                                strncmp(pattern + 1, name, n - 2) == 0))
            *value = unpercent(a, path, len);
        words += *pattern != '{' && !rest;
        pattern += n;
        path += len;
    }
    return *pattern || *path ? -1 : words;
}

const char *fake_param(struct fake_hub *h, struct bf_arena *a, const char *name)
{
    const char *path = fake_ndup(a, h->target, strcspn(h->target, "?"));
    const char *query = strchr(h->target, '?'), *value = NULL;
    size_t len = strlen(name);

    fit(a, h->route->path, path, name, &value);
    while (!value && query) {
        query++;
        if (strncmp(query, name, len) == 0 && query[len] == '=')
            value = unpercent(a, query + len + 1, strcspn(query + len + 1, "&"));
        query = strchr(query, '&');
    }
    return value;
}

static const struct bf_route *find_route(struct fake_hub *h, const char *method, const char *path)
{
    const struct bf_route *best = NULL;
    int words, most = -1;

    for (const struct bf_route *r = h->source->routes; r && r->method; r++) {
        words = strcmp(r->method, method) == 0 ? fit(h->keep, r->path, path, NULL, NULL) : -1;
        if (words > most) {
            best = r;
            most = words;
        }
    }
    return best;
}

/* 0, or why this caller is not let in. */
static int gate(struct fake_hub *h, struct bf_arena *a)
{
    unsigned needs = h->route->needs & ~BF_PUBLIC;
    const char *entity = fake_param(h, a, "entity");

    if (h->route->needs & BF_PUBLIC)
        return 0;
    if (!h->caller.id)
        return 401;
    return fake_may(h, h->caller.id, needs, needs ? entity : NULL) ? 0 : 403;
}

static const char *spool(struct fake_hub *h, const char *body)
{
    const char *path = bf_printf(h->keep, "%s/body", test_dir());
    FILE *file = fopen(path, "w");

    fputs(body, file);
    fclose(file);
    return path;
}

struct step {
    bf_route_fn fn;
    void *arg;
    const struct bf_http_in *in;
    struct reply *re;
};

static int run_step(void *arg, struct fake_hub *h)
{
    struct step *s = arg;

    s->re->next = NULL;
    return s->fn(&h->ctx, s->arg, s->in, &s->re->pub);
}

static bool is_refusal(int status) { return status >= 400; }

static int run_route(struct fake_hub *h, const struct bf_http_in *in, struct reply *re)
{
    struct step s = { h->route->fn, h->self, in, re };
    int place = BF_ON_ROUTE, status;

    for (;;) {
        h->place = place == BF_ON_WORKER ? ON_WORKER : ON_ROUTE;
        if (place == BF_ON_ENGINE) {
            status = fake_transact(h, run_step, &s, is_refusal);
            status = status < 0 ? 503 : status;
        } else {
            status = run_step(&s, h);
            end_callback(h);
        }
        if (!re->next || status >= 400)
            return status;
        s.fn = re->next;
        s.arg = re->next_arg;
        place = re->next_place;
        *re = (struct reply){ .pub = re->pub, .hub = h };
    }
}

static const char *receipt(struct fake_hub *h)
{
    struct bf_text list = { 0 };

    for (size_t i = 0; i < h->n_pending; i++)
        bf_append(h->keep, &list, "%s{\"id\":\"%s\",\"duplicate\":%s}", i ? "," : "",
                  h->pending[i].event.id, h->pending[i].duplicate ? "true" : "false");
    return bf_printf(h->keep, "{\"events\":[%s]}", list.s ? list.s : "");
}

static void finish(struct fake *f, struct reply *re)
{
    struct fake_hub *h = f->hub;

    if (h->n_pending && f->status < 400 && f->commits_to_fail > 0) {
        f->commits_to_fail--;
        f->status = 503;
    }
    f->type = re->type ? re->type : "";
    f->body = re->receipt ? receipt(h) : re->body ? re->body : "";
    f->file = re->file;
    f->headers = memcpy(fake_alloc(h->keep, sizeof(re->headers)), &re->headers,
                        sizeof(re->headers));
    if (f->status >= 400 && (!re->body || re->receipt))
        f->body = bf_printf(h->keep, "{\"error\":{\"code\":%d,\"message\":%s,\"field\":%s}}",
                            f->status, fake_quote(h->keep, f->complaint),
                            fake_quote(h->keep, f->option));
    if (f->status >= 400)
        h->n_pending = 0;
    fake_commit_events(h);
    h->next_headers = (struct pairs){ 0 };
    h->route = NULL;
}

int fake_call(struct fake *f, const char *method, const char *target, const char *body)
{
    struct fake_hub *h = f->hub;
    struct reply re = { .pub.host = &fake_table, .hub = h };
    struct bf_http_in in = { .size = sizeof(in), .method = method, .peer = "203.0.113.9",
                             .body_len = strlen(body), .headers = h->next_headers.at };

    h->front = f;
    h->target = fake_dup(h->keep, target);
    f->complaint = f->option = "";
    in.arena = fake_arena_new(h);
    in.path = fake_ndup(in.arena, target, strcspn(target, "?"));
    in.query = strchr(target, '?') ? strchr(target, '?') + 1 : "";
    in.body = "";
    in.caller = h->caller.id ? &h->caller : NULL;
    h->place = ON_ROUTE;
    h->route = strstr(unpercent(in.arena, in.path, strlen(in.path)), "/..")
                   ? NULL : find_route(h, strcmp(method, "HEAD") == 0 ? "GET" : method, in.path);
    if (!h->route)
        return f->status = 404;
    f->status = gate(h, in.arena);
    if (!f->status && h->route->admit)
        f->status = h->route->admit(&h->ctx, h->self, &in, &re.pub);
    in.body = fake_dup(in.arena, body);
    if (h->route->flags & BF_BODY_FILE)
        in.body_file = spool(h, body);
    if (!f->status)
        f->status = run_route(h, &in, &re);
    finish(f, &re);
    return f->status;
}

const char *fake_reply_header(struct fake *f, const char *name)
{
    return fake_pairs_get(f->headers, name);
}

/* Tell a watch what it has not been told yet, while its stream has room. */
static void catch_up(struct fake_hub *h, struct watching *w)
{
    while (w->told < h->n_notes && !(w->what.stream && (h->stream_over || h->stream_full))) {
        struct bf_note note = { .size = sizeof(note), .stream = w->what.stream };

        note.topic = h->notes[w->told].topic;
        note.json = h->notes[w->told].json;
        note.json_len = strlen(note.json);
        note.seq = ++w->told;
        note.arena = fake_arena_new(h);
        if (*w->what.topics && !strstr(w->what.topics, note.topic))
            continue;
        w->fn(&h->ctx, w->arg, &note);
        end_callback(h);
    }
}

static void tell_watches(struct fake *f)
{
    f->hub->front = f;
    f->hub->place = ON_LOOP;
    for (size_t i = 0; i < f->hub->n_watches; i++)
        catch_up(f->hub, &f->hub->watches[i]);
}

void fake_note(struct fake *f, const char *topic, const char *json)
{
    CHECK(f->hub->n_notes < LIST_MAX);
    f->hub->notes[f->hub->n_notes].topic = topic;
    f->hub->notes[f->hub->n_notes++].json = json;
    tell_watches(f);
}

uint64_t fake_watch_after(struct fake *f)
{
    CHECK(f->hub->n_watches > 0);
    return f->hub->watches[f->hub->n_watches - 1].what.after;
}

void fake_client_stops_reading(struct fake *f) { f->hub->stream_full = true; }

void fake_client_reads(struct fake *f)
{
    f->hub->stream_full = false;
    tell_watches(f);
}


/* --- run() and tables --------------------------------------------------- */

int fake_run(struct fake *f)
{
    struct fake_hub *h = f->hub;
    int rc;

    h->front = f;
    h->place = ON_OWN;
    h->stopping = false;
    h->sleeps = 0;
    rc = h->source->run(&h->ctx, h->self);
    end_callback(h);
    return rc;
}

const char *fake_recall(struct fake *f, const char *key)
{
    f->hub->place = ON_OWN;
    return bf_recall(&f->hub->ctx, f->hub->keep, key);
}

int64_t fake_count(struct fake *f, const char *sql)
{
    sqlite3_stmt *st;
    int64_t n;

    if (sqlite3_prepare_v2(f->hub->db, sql, -1, &st, NULL))
        test_failed(__FILE__, __LINE__, "%s", sqlite3_errmsg(f->hub->db));
    sqlite3_step(st);
    n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return n;
}
