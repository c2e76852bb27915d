/* fake_table.c - the fake's struct bf_host: every service a hub offers, in memory.
 *
 * Tags are promises, so each service that has one says where it may be called, and the test fails
 * where a plugin calls it from elsewhere. */
#include "tests/plugin/fake_hub.h"

#include <sodium.h>
#include <stdlib.h>
#include <strings.h>

#define AT(place) (1u << (place))
#define ANYWHERE  (AT(PLACES) - 1)

static struct fake_hub *hub_of(struct bf_ctx *ctx) { return (struct fake_hub *)ctx; }

static void check_tag(struct fake_hub *h, unsigned where, const char *what)
{
    static const char *const names[] = { "main", "loop", "route", "worker", "engine", "own" };

    if (!(where & AT(h->place)))
        test_failed(__FILE__, __LINE__, "%s() must not be called on [%s]", what, names[h->place]);
}

static const char *keep_print(struct fake_hub *h, const char *fmt, va_list ap)
{
    return fake_print(h->keep, fmt, ap);
}

BF_FORMAT(4, 5)
static int complain_with(struct fake_hub *h, int err, const char *option, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    err = h->ctx.host->complain(&h->ctx, err, option, fmt, ap);
    va_end(ap);
    return err;
}

static void do_log(struct bf_ctx *ctx, int level, const char *fmt, va_list ap)
{
    struct fake_hub *h = hub_of(ctx);
    const char *line = keep_print(h, fmt, ap);

    (void)level;
    h->front->logged = bf_printf(h->keep, "%s%s\n", h->front->logged, line);
}

static int do_complain(struct bf_ctx *ctx, int err, const char *option, const char *fmt,
                       va_list ap)
{
    struct fake_hub *h = hub_of(ctx);
    const char *words = keep_print(h, fmt, ap);

    if (!err) {
        h->front->warned = words;
        return 0;
    }
    h->front->complained = err;
    h->front->option = fake_dup(h->keep, option);
    h->front->complaint = words;
    return err;
}

static int64_t do_now_ms(struct bf_ctx *ctx) { return hub_of(ctx)->front->now_ms; }
static const char *do_dir(struct bf_ctx *ctx) { (void)ctx; return test_dir(); }

static const char *do_url(struct bf_ctx *ctx, struct bf_arena *a, const char *path)
{
    (void)ctx;
    return bf_printf(a, "https://hub.example%s", path);
}


/* --- events and tables -------------------------------------------------- */

static const struct fake_event *event_of_key(struct fake_hub *h, const char *entity,
                                             const char *key)
{
    for (size_t i = 0; key && i < h->front->n_events + h->n_pending; i++) {
        const struct fake_event *e = i < h->front->n_events
                                         ? &h->front->events[i]
                                         : &h->pending[i - h->front->n_events].event;

        if (e->key && strcmp(e->key, key) == 0 && strcmp(e->entity, entity) == 0)
            return e;
    }
    return NULL;
}

static int put(struct fake_hub *h, struct fake_event e, struct bf_emitted *out)
{
    const struct fake_event *first = event_of_key(h, e.entity, e.key);
    struct emitted *to = &h->pending[h->n_pending];

    if (h->n_pending + h->front->n_events >= FAKE_EVENTS)
        return BF_EFULL;
    if (!e.type || !*e.type)
        return complain_with(h, BF_EINVAL, "type", "an event needs a type");
    e.id = bf_printf(h->keep, "ev-%zu", h->front->n_events + h->n_pending + 1);
    *to = (struct emitted){ .event = first ? *first : e, .duplicate = first != NULL };
    if (out) {
        out->duplicate = to->duplicate;
        snprintf(out->id, sizeof(out->id), "%s", to->event.id);
    }
    h->n_pending++;
    if (h->place != ON_ROUTE && h->place != ON_ENGINE && !h->route)
        fake_commit_events(h);
    return 0;
}

static int do_emit(struct bf_ctx *ctx, const struct bf_event *ev, struct bf_emitted *out)
{
    struct fake_hub *h = hub_of(ctx);
    struct fake_event e = { 0 };

    check_tag(h, ANYWHERE & ~AT(ON_MAIN), "bf_emit");
    e.key = ev->key ? fake_dup(h->keep, ev->key) : NULL;
    e.type = fake_dup(h->keep, ev->type);
    e.entity = fake_dup(h->keep, ev->entity);
    e.project = fake_dup(h->keep, ev->project);
    e.payload = fake_dup(h->keep, ev->payload);
    if (!fake_json_end(e.payload))
        return complain_with(h, BF_EINVAL, "payload", "the payload is not JSON: %s", e.payload);
    return put(h, e, out);
}

static int emit_envelope(struct fake_hub *h, const struct bf_caller *as, const char *json,
                         size_t index)
{
    struct fake_event e = { 0 };
    const char *key = fake_get(h->keep, json, "/key", NULL);

    e.key = *key ? key : NULL;
    e.type = fake_get(h->keep, json, "/type", NULL);
    e.entity = fake_get(h->keep, json, "/entity", NULL);
    e.project = fake_get(h->keep, json, "/project", NULL);
    e.payload = json;
    if (!*e.type)
        return complain_with(h, BF_EINVAL, bf_printf(h->keep, "[%zu].type", index),
                             "an event needs a type");
    if (as && !fake_may(h, as->id, BF_INGEST, e.entity))
        return complain_with(h, BF_EPERM, bf_printf(h->keep, "[%zu].entity", index),
                             "you may not send events to %s", e.entity);
    return put(h, e, NULL);
}

static int do_emit_text(struct bf_ctx *ctx, const struct bf_caller *as, const char *text,
                        size_t len)
{
    struct fake_hub *h = hub_of(ctx);
    const char *p = fake_json_space(fake_ndup(h->keep, text, len)), *end;
    struct bf_item it = { .size = sizeof(it) };
    size_t before = h->n_pending, n = 0;
    int rc = *p ? 0 : complain_with(h, BF_EINVAL, NULL, "there is no event");

    check_tag(h, ANYWHERE & ~AT(ON_MAIN), "bf_emit_text");
    if (*p == '[' && !fake_json_end(p))
        rc = complain_with(h, BF_EINVAL, NULL, "this is not JSON");
    while (!rc && *p == '[' && fake_each(h->keep, p, "", &it))
        rc = emit_envelope(h, as, it.value, n++);
    while (!rc && *p && *p != '[') {
        end = fake_json_end(p);
        rc = end ? emit_envelope(h, as, fake_ndup(h->keep, p, (size_t)(end - p)), n++)
                 : complain_with(h, BF_EINVAL, NULL, "this is not JSON");
        p = end ? fake_json_space(end) : p;
    }
    if (rc)
        h->n_pending = before;
    return rc;
}

struct tx {
    struct bf_ctx *ctx;
    bf_tx_fn fn;
    void *arg;
};

static int run_tx(void *arg, struct fake_hub *h)
{
    struct tx *tx = arg;

    (void)h;
    return tx->fn(tx->ctx, tx->arg);
}

static bool is_error(int rc) { return rc < 0; }

/* The fake reads no CloudEvents. */
static int do_emit_request(struct bf_ctx *ctx, const struct bf_http_in *in)
{
    return do_emit_text(ctx, in->caller, in->body, in->body_len);
}

static int do_transact(struct bf_ctx *ctx, bf_tx_fn fn, void *arg)
{
    struct fake_hub *h = hub_of(ctx);
    struct tx tx = { ctx, fn, arg };

    check_tag(h, AT(ON_LOOP) | AT(ON_WORKER) | AT(ON_OWN), "bf_transact");
    return fake_transact(h, run_tx, &tx, is_error);
}

static const char *do_recall(struct bf_ctx *ctx, struct bf_arena *a, const char *key)
{
    struct fake_hub *h = hub_of(ctx);
    const char *value = NULL;
    sqlite3_stmt *st;

    check_tag(h, AT(ON_LOOP) | AT(ON_OWN) | AT(ON_ENGINE), "bf_recall");
    sqlite3_prepare_v2(h->db, "SELECT value FROM fake_memory WHERE key = ?", -1, &st, NULL);
    sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
    if (sqlite3_step(st) == SQLITE_ROW)
        value = fake_dup(a, (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    return value;
}

static int do_remember(struct bf_ctx *ctx, const char *key, const char *value)
{
    struct fake_hub *h = hub_of(ctx);
    sqlite3_stmt *st;
    int rc;

    check_tag(h, AT(ON_LOOP) | AT(ON_OWN) | AT(ON_ENGINE), "bf_remember");
    sqlite3_prepare_v2(h->db, "REPLACE INTO fake_memory VALUES (?, ?)", -1, &st, NULL);
    sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, value ? value : "", -1, SQLITE_STATIC);
    rc = sqlite3_step(st);
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : BF_EIO;
}

static struct bf_stmt *do_sql(struct bf_ctx *ctx, const char *sql)
{
    struct fake_hub *h = hub_of(ctx);
    struct stmt *s = calloc(1, sizeof(*s));

    check_tag(h, ANYWHERE & ~(AT(ON_LOOP) | AT(ON_MAIN)), "bf_sql");
    s->pub.host = &fake_table;
    s->hub = h;
    if (sqlite3_prepare_v2(h->db, sql, -1, &s->st, NULL))
        test_failed(__FILE__, __LINE__, "%s: %s", sqlite3_errmsg(h->db), sql);
    if (!sqlite3_stmt_readonly(s->st))
        check_tag(h, AT(ON_ENGINE), "bf_sql (to write)");
    s->next = h->statements;
    h->statements = s;
    return &s->pub;
}

static sqlite3_stmt *raw(struct bf_stmt *s) { return ((struct stmt *)s)->st; }

static void do_bind_text(struct bf_stmt *s, int i, const char *text)
{
    sqlite3_bind_text(raw(s), i, text, -1, SQLITE_TRANSIENT);
}

static void do_bind_int(struct bf_stmt *s, int i, int64_t v) { sqlite3_bind_int64(raw(s), i, v); }
static void do_bind_double(struct bf_stmt *s, int i, double v)
{
    sqlite3_bind_double(raw(s), i, v);
}

static int do_step(struct bf_stmt *s)
{
    int rc = sqlite3_step(raw(s));

    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : BF_EIO;
}

static const char *do_col_text(struct bf_stmt *s, int i)
{
    return (const char *)sqlite3_column_text(raw(s), i);
}

static int64_t do_col_int(struct bf_stmt *s, int i) { return sqlite3_column_int64(raw(s), i); }
static double do_col_double(struct bf_stmt *s, int i) { return sqlite3_column_double(raw(s), i); }


/* --- outcomes ----------------------------------------------------------- */

static int do_verdict(const struct bf_delivery *d, int outcome, int64_t after_ms, const char *fmt,
                      va_list ap)
{
    struct fake_hub *h = hub_of(d->ctx);

    h->front->after_ms = after_ms;
    h->front->reason = keep_print(h, fmt, ap);
    return outcome;
}

static int judge_status(int status)
{
    static const int retried[] = { 408, 425, 429, 500, 502, 503, 504 };

    if (status >= 200 && status < 300)
        return BF_DELIVERED;
    for (size_t i = 0; i < sizeof(retried) / sizeof(*retried); i++) {
        if (status == retried[i])
            return BF_RETRY;
    }
    return BF_REJECTED;
}

static int do_judge(const struct bf_delivery *d, const struct bf_http_out *out)
{
    struct fake_hub *h = hub_of(d->ctx);

    h->front->reason = out->err ? bf_printf(h->keep, "error %d", out->err)
                                : bf_printf(h->keep, "HTTP %d", out->status);
    if (out->err)
        return out->sent ? BF_UNKNOWN : out->err == BF_ETOOBIG ? BF_REJECTED : BF_RETRY;
    if (out->status >= 500 && h->sink->flags & BF_ONCE)
        return BF_UNKNOWN;
    return judge_status(out->status);
}

static int do_settle(struct bf_ctx *ctx, bf_ticket ticket, int outcome)
{
    struct fake_hub *h = hub_of(ctx);

    if (ticket != h->delivery || h->settled)
        return BF_ENOENT;
    h->settled = true;
    h->front->outcome = outcome;
    return 0;
}


/* --- text --------------------------------------------------------------- */

static struct bf_arena *do_scratch(struct bf_ctx *ctx)
{
    struct fake_hub *h = hub_of(ctx);
    struct fake_arena *a = calloc(1, sizeof(*a));

    fake_arena_free(h->scratch[h->place]);      /* whoever still holds that has a bug */
    a->pub.host = &fake_table;
    a->hub = h;
    h->scratch[h->place] = a;
    return &a->pub;
}

struct vars {
    struct fake_hub *hub;
    const struct bf_delivery *d;
};

const char *fake_stand_in(struct fake_hub *h, const char *value)
{
    struct secret *s = &h->secrets[h->n_secrets++];

    snprintf(s->stand_in, sizeof(s->stand_in), "Z%039zu", h->n_secrets);
    s->value = fake_dup(h->keep, value);
    return s->stand_in;
}

static const char *firing_count(const struct vars *v)
{
    size_t n = 0;

    while (v->d->merged && v->d->merged[n])
        n++;
    return bf_printf(v->hub->keep, "%zu", n + 1);
}

/* ${data.build.status} is /data/build/status. */
static const char *data_pointer(struct bf_arena *a, const char *name)
{
    char *pointer = (char *)bf_printf(a, "/%s", name);

    for (char *p = pointer; *p; p++)
        *p = *p == '.' ? '/' : *p;
    return pointer;
}

/* Others of a hub's, which are empty unless the test's payload has them in "vars". */
static const char *const others[] = {
    "run_url", "artifact_version_index", "previous_run_status", "metric_value", "metric_filter",
    "metric_current_status", "threshold", "comparison_op", "step", "alert_level", "occurrence", "late",
    "missed", "last_seen", "event_id", "execution_id",
};

/* The variables that tests use: of "vars" in the payload, or from where a hub has them; a name in
 * capitals is a secret, whose value is "NAME's". */
static const char *variable(const void *arg, const char *name)
{
    static const struct { const char *name, *pointer; } of_payload[] = {
        { "run_name", "/run/name" },     { "run_id", "/run/id" },
        { "run_state", "/run/state" },   { "run_status", "/run/state" },
        { "alias", "/alias" },           { "tag", "/tag" },
        { "artifact_version", "/artifact/version" },
        { "artifact_collection_name", "/collection" },
        { "artifact_version_string", "/version_string" },
        { "metric_name", "/metrics/0/name" },
        { "metric_values", "/metrics/0/value" },
        { "metric_filter_short", "/short" },
        { "alert_name", "/alert/title" }, { "message", "/alert/text" },
        { "absent_event", "/data/of" },  { "absent_for", "/data/for" },
    };
    const struct vars *v = arg;
    const struct bf_event *ev = v->d->event;
    struct bf_arena *a = v->hub->keep;
    const char *said;

    if (strncmp(name, "json:", 5) == 0)
        name += 5;
    said = fake_get(a, ev->payload, bf_printf(a, "/vars/%s", name), NULL);
    if (*said)
        return said;
    if (strcmp(name, "automation_name") == 0)
        return v->d->automation;
    if (strcmp(name, "automation_url") == 0)
        return "https://hub.example/automations/au-1";
    if (strcmp(name, "event_time") == 0)
        return "2025-11-24T16:00:00.000Z";
    if (strcmp(name, "firing_count") == 0)
        return firing_count(v);
    if (strncmp(name, "data.", 5) == 0)
        return fake_get(a, ev->payload, data_pointer(a, name), NULL);
    if (strcmp(name, "event_type") == 0)
        return ev->type;
    if (strcmp(name, "entity_name") == 0)
        return ev->entity;
    if (strcmp(name, "project_name") == 0)
        return ev->project;
    if (strcmp(name, "event_author") == 0)
        return ev->author;
    for (size_t i = 0; i < sizeof(of_payload) / sizeof(*of_payload); i++) {
        if (strcmp(name, of_payload[i].name) == 0)
            return fake_get(a, ev->payload, of_payload[i].pointer, NULL);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        if (strcmp(name, others[i]) == 0)
            return "";
    }
    if (*name >= 'A' && *name <= 'Z')
        return fake_stand_in(v->hub, bf_printf(v->hub->keep, "%s's", name));
    test_failed(__FILE__, __LINE__, "the fake has no variable ${%s}", name);
    return "";
}

static const char *do_expand(const struct bf_delivery *d, const char *tmpl, int escape)
{
    struct vars v = { hub_of(d->ctx), d };

    return fake_expand(d->arena, tmpl, escape, variable, &v);
}

/* "${json:data.a}" as the whole: what is there, with its type. */
static const char *typed(const struct bf_delivery *d, const char *tmpl)
{
    struct vars v = { hub_of(d->ctx), d };
    const char *name = fake_ndup(d->arena, tmpl + 8, strlen(tmpl) - 10);
    const char *text = variable(&v, name);
    int type;

    fake_get(d->arena, d->event->payload, data_pointer(d->arena, name), &type);
    return type == BF_V_NONE || type == BF_V_STRING ? fake_quote(d->arena, text) : text;
}

static const char *do_render(const struct bf_delivery *d, const char *tmpl)
{
    if (tmpl && strncmp(tmpl, "\"${json:", 8) == 0 && strcspn(tmpl, "}") == strlen(tmpl) - 2)
        return typed(d, tmpl);
    return do_expand(d, tmpl, FAKE_ESC_JSON);
}

static const struct secret *secret_of(struct fake_hub *h, const char *text, size_t len)
{
    for (size_t i = 0; len == 40 && i < h->n_secrets; i++) {
        if (strncmp(h->secrets[i].stand_in, text, len) == 0)
            return &h->secrets[i];
    }
    return NULL;
}

/* A team's secret is known in the arena that it was asked for in, and nowhere else. */
static const char *value_in(const struct secret *s, const struct bf_arena *a)
{
    if (s->arena && s->arena != a)
        test_failed(__FILE__, __LINE__, "a secret of a team is used outside of its arena");
    return s->value;
}

static const char *do_reveal(struct bf_ctx *ctx, struct bf_arena *a, const char *secret)
{
    const struct secret *s = secret ? secret_of(hub_of(ctx), secret, strlen(secret)) : NULL;

    return fake_dup(a, s ? value_in(s, a) : secret);
}

static const char *do_team_secret(struct bf_ctx *ctx, struct bf_arena *a,
                                  const struct bf_caller *who, const char *entity,
                                  const char *name)
{
    struct fake_hub *h = hub_of(ctx);
    const char *stand_in;

    if (!who || !fake_may(h, who->id, BF_ADMIN, entity)) {
        complain_with(h, BF_EPERM, NULL, "only an admin of %s may use its secrets", entity);
        return NULL;
    }
    for (size_t i = 0; i < h->n_stored; i++) {
        const struct stored *s = &h->stored[i];

        if (strcmp(s->entity, entity) != 0 || strcmp(s->name, name) != 0)
            continue;
        stand_in = fake_stand_in(h, s->value);
        h->secrets[h->n_secrets - 1].arena = a;
        return stand_in;
    }
    complain_with(h, BF_ENOENT, NULL, "%s has no secret \"%s\"", entity, name);
    return NULL;
}

/* Not sealed at all, but it ages. */
static const char *do_seal(struct bf_ctx *ctx, struct bf_arena *a, const char *text, int64_t ms)
{
    return bf_printf(a, "%lld.%s", (long long)(do_now_ms(ctx) + ms),
                     fake_encode(a, BF_HEX, text, strlen(text)));
}

static const char *do_unseal(struct bf_ctx *ctx, struct bf_arena *a, const char *token)
{
    const char *dot = token ? strchr(token, '.') : NULL;
    struct bf_text text = { 0 };

    if (!dot || strtoll(token, NULL, 10) < do_now_ms(ctx))
        return NULL;
    for (const char *p = dot + 1; *p && p[1]; p += 2) {
        char hex[3] = { *p, p[1], '\0' };

        bf_append(a, &text, "%c", (int)strtol(hex, NULL, 16));
    }
    return text.s;
}

static int do_hmac(struct bf_ctx *ctx, const char *secret, const void *data, size_t len,
                   unsigned char out[32])
{
    struct bf_arena *a = hub_of(ctx)->keep;
    const char *key = do_reveal(ctx, a, secret);
    crypto_auth_hmacsha256_state st;

    crypto_auth_hmacsha256_init(&st, (const unsigned char *)key, strlen(key));
    crypto_auth_hmacsha256_update(&st, data, len);
    crypto_auth_hmacsha256_final(&st, out);
    return 0;
}

static int do_same(const char *a, const char *b) { return a && b && strcmp(a, b) == 0; }


/* --- HTTP out ----------------------------------------------------------- */

static struct request *request(struct bf_request *r) { return (struct request *)r; }

static struct bf_request *do_request_new(struct bf_ctx *ctx, struct bf_arena *a)
{
    struct request *r = fake_alloc(a, sizeof(*r));

    r->pub.host = &fake_table;
    r->hub = hub_of(ctx);
    r->arena = a;
    r->shown.body = r->shown.type = "";
    return &r->pub;
}

static void do_request_to(struct bf_request *r, const char *method, const char *url)
{
    request(r)->shown.method = fake_dup(request(r)->hub->keep, method);
    request(r)->shown.url = fake_dup(request(r)->hub->keep, url);
}

static void do_request_as(struct bf_request *r, const struct bf_caller *as)
{
    request(r)->shown.as = fake_dup(request(r)->hub->keep, as->id);
}

static void do_request_header(struct bf_request *r, const char *name, const char *value)
{
    fake_pairs_add(request(r)->hub, &request(r)->headers, name, value);
}

static void do_request_basic(struct bf_request *r, const char *user, const char *password)
{
    struct fake_hub *h = request(r)->hub;
    struct bf_arena *a = request(r)->arena;
    const char *pair = bf_printf(h->keep, "%s:%s", do_reveal(&h->ctx, a, user),
                                 do_reveal(&h->ctx, a, password));

    do_request_header(r, "Authorization",
                      bf_printf(h->keep, "Basic %s",
                                fake_encode(h->keep, BF_BASE64, pair, strlen(pair))));
}

static void do_request_bytes(struct bf_request *r, const char *type, const void *data, size_t len)
{
    request(r)->shown.type = fake_dup(request(r)->hub->keep, type);
    request(r)->shown.body = fake_ndup(request(r)->hub->keep, data, len);
}

static void do_request_body(struct bf_request *r, const char *type, const char *fmt, va_list ap)
{
    const char *body = keep_print(request(r)->hub, fmt, ap);

    do_request_bytes(r, type, body, strlen(body));
}

static void do_request_sign(struct bf_request *r, const char *header, const char *secret, int how)
{
    if (!secret || !*secret)
        return;
    if (request(r)->sign_key && how == BF_SIGN_STANDARD) {
        request(r)->sign_key_too = fake_dup(request(r)->hub->keep, secret);
        return;
    }
    request(r)->sign_header = fake_dup(request(r)->hub->keep, header);
    request(r)->sign_key = fake_dup(request(r)->hub->keep, secret);
    request(r)->sign_how = how;
}

static void do_request_tls(struct bf_request *r, const char *cert, const char *key, const char *ca)
{
    do_request_header(r, "Fake-TLS", bf_printf(request(r)->hub->keep, "%s %s %s", cert ? cert : "-",
                                               key ? key : "-", ca ? ca : "-"));
}

static void do_request_limit(struct bf_request *r, int64_t ms, size_t body_max)
{
    (void)ms;
    request(r)->body_max = body_max;
}

/* Stand-ins become values, escaped for where they stand. */
static const char *swap(const struct request *r, const char *text, int escape)
{
    struct fake_hub *h = r->hub;
    struct bf_text out = { 0 };
    const char *from = text;

    for (const char *p = text; *p; p++) {
        const struct secret *s = strlen(p) >= 40 ? secret_of(h, p, 40) : NULL;

        if (!s)
            continue;
        bf_append(h->keep, &out, "%.*s%s", (int)(p - from), from,
                  fake_escape(h->keep, value_in(s, r->arena), escape));
        p += 39;
        from = p + 1;
    }
    bf_append(h->keep, &out, "%s", from);
    return out.s;
}

static const char *signature(struct fake_hub *h, const char *key, const char *body, int how)
{
    unsigned char mac[32];

    do_hmac(&h->ctx, key, body, strlen(body), mac);
    switch (how) {
    case BF_SIGN_PLAIN:
        return do_reveal(&h->ctx, h->keep, key);
    case BF_SIGN_HEX:
        return fake_encode(h->keep, BF_HEX, mac, sizeof(mac));
    case BF_SIGN_SHA256_HEX:
        return bf_printf(h->keep, "sha256=%s", fake_encode(h->keep, BF_HEX, mac, sizeof(mac)));
    default:
        return fake_encode(h->keep, BF_BASE64, mac, sizeof(mac));
    }
}

/* Standard Webhooks: id and time are signed along, in headers of their own. */
static void sign_standard(struct fake_hub *h, struct request *r)
{
    const char *id = "ex-1", *at = bf_printf(h->keep, "%lld", (long long)h->front->now_ms / 1000);
    const char *text = bf_printf(h->keep, "%s.%s.%s", id, at, r->shown.body);
    const char *all = bf_printf(h->keep, "v1,%s",
                                signature(h, r->sign_key, text, BF_SIGN_STANDARD));

    if (r->sign_key_too)
        all = bf_printf(h->keep, "%s v1,%s", all,
                        signature(h, r->sign_key_too, text, BF_SIGN_STANDARD));
    do_request_header(&r->pub, "webhook-id", id);
    do_request_header(&r->pub, "webhook-timestamp", at);
    do_request_header(&r->pub, "webhook-signature", all);
}

/* As it leaves: secrets in, then measured, then signed, then noted.  False: it is too large. */
static bool put_on_wire(struct fake_hub *h, struct request *r)
{
    bool json = strstr(r->shown.type, "json") != NULL;
    bool form = strstr(r->shown.type, "form") != NULL;
    struct fake *f = h->front;

    r->shown.url = swap(r, r->shown.url, strlen(r->shown.url) == 40 ? BF_ESC_NONE : BF_ESC_URL);
    r->shown.body = swap(r, r->shown.body,
                         json ? (int)FAKE_ESC_JSON : form ? (int)BF_ESC_URL : (int)BF_ESC_NONE);
    if (r->body_max && strlen(r->shown.body) > r->body_max)
        return false;
    for (size_t i = 0; i < r->headers.n; i += 2)
        r->headers.at[i + 1] = swap(r, r->headers.at[i + 1], BF_ESC_NONE);
    if (r->sign_key && r->sign_how == BF_SIGN_STANDARD)
        sign_standard(h, r);
    else if (r->sign_key)
        do_request_header(&r->pub, r->sign_header,
                          signature(h, r->sign_key, r->shown.body, r->sign_how));
    if (*r->shown.url == '/' && !r->shown.as)
        test_failed(__FILE__, __LINE__, "%s is a path, but there is no bf_request_as()",
                    r->shown.url);
    if (r->shown.as && *r->shown.url != '/')
        test_failed(__FILE__, __LINE__, "%s is not a path, as bf_request_as() needs", r->shown.url);
    r->shown.headers = memcpy(fake_alloc(h->keep, sizeof(r->headers)), &r->headers,
                              sizeof(r->headers));
    CHECK(f->n_sent < FAKE_SENT);
    f->sent = f->requests[f->n_sent++] = r->shown;
    return true;
}

static const struct bf_http_out *answer_to(struct fake_hub *h, struct request *r)
{
    static const struct answer plain = { .status = 200, .body = "" };
    static const struct answer too_large = { .err = BF_ETOOBIG, .body = "" };
    const struct answer *an = &plain;
    struct bf_http_out *out = fake_alloc(h->keep, sizeof(*out));

    if (!put_on_wire(h, r))
        an = &too_large;
    else if (h->next_answer < h->n_answers)
        an = &h->answers[h->next_answer++];
    out->size = sizeof(*out);
    out->arena = r->arena;
    out->err = an->err;
    out->sent = an->sent;
    out->status = an->err ? 0 : an->status;
    out->body = an->body;
    out->body_len = strlen(an->body);
    out->headers = an->headers.at;
    return out;
}

static struct waiting *add_waiting(struct fake_hub *h)
{
    struct waiting *w = &h->waiting[h->n_waiting++];

    CHECK(h->n_waiting <= LIST_MAX);
    *w = (struct waiting){ .ticket = ++h->last_ticket };
    return w;
}

static void do_http_send(struct bf_ctx *ctx, struct bf_request *r, bf_http_fn fn, void *arg)
{
    struct waiting *w = add_waiting(hub_of(ctx));

    w->request = request(r);
    w->on_http = fn;
    w->arg = arg;
}

/* The answers of what was sent, what was posted, and the timers that are due. */
void fake_run_waiting(struct fake_hub *h)
{
    enum place was = h->place;

    h->place = ON_LOOP;
    for (size_t i = 0; i < h->n_waiting; i++) {
        struct waiting *w = &h->waiting[i];

        if (w->over || w->due_ms > h->front->now_ms)
            continue;
        w->over = true;
        if (w->on_http)
            w->on_http(&h->ctx, w->arg, answer_to(h, w->request));
        else
            w->fn(&h->ctx, w->arg);
    }
    h->place = was;
}

static const struct bf_http_out *do_fetch(struct bf_ctx *ctx, struct bf_request *r)
{
    check_tag(hub_of(ctx), AT(ON_WORKER) | AT(ON_OWN), "bf_fetch");
    return answer_to(hub_of(ctx), request(r));
}


/* --- HTTP in ------------------------------------------------------------ */

static const char *do_param(const struct bf_http_in *in, const char *name)
{
    return fake_param(((struct fake_arena *)in->arena)->hub, in->arena, name);
}

static int do_verify(struct bf_ctx *ctx, const struct bf_http_in *in, const char *header,
                     const char *secret, int how)
{
    struct fake_hub *h = hub_of(ctx);

    return do_same(fake_pairs_get(in->headers, header), signature(h, secret, in->body, how));
}

static const struct bf_caller *do_caller(struct bf_ctx *ctx, struct bf_arena *a, const char *id)
{
    struct fake_hub *h = hub_of(ctx);

    for (size_t i = 0; i < h->n_grants; i++) {
        struct bf_caller *c;

        if (strcmp(h->grants[i].id, id) != 0)
            continue;
        c = fake_alloc(a, sizeof(*c));
        *c = (struct bf_caller){ .size = sizeof(*c), .id = h->grants[i].id,
                                 .user = h->grants[i].id };
        return c;
    }
    return NULL;
}

static int do_may(struct bf_ctx *ctx, const struct bf_caller *who, unsigned right,
                  const char *entity, const char *project)
{
    (void)project;
    return fake_may(hub_of(ctx), who->id, right, entity);
}

static struct reply *reply(struct bf_reply *re) { return (struct reply *)re; }

static int do_go_on(struct bf_reply *re, int place, bf_route_fn fn, void *arg)
{
    check_tag(reply(re)->hub, AT(ON_ROUTE) | AT(ON_WORKER) | AT(ON_ENGINE), "bf_continue");
    reply(re)->next = fn;
    reply(re)->next_arg = arg;
    reply(re)->next_place = place;
    return 0;
}

static void do_reply_header(struct bf_reply *re, const char *name, const char *value)
{
    fake_pairs_add(reply(re)->hub, &reply(re)->headers, name, value);
}

static void do_reply_bytes(struct bf_reply *re, const char *type, const void *data, size_t len)
{
    reply(re)->type = fake_dup(reply(re)->hub->keep, type);
    reply(re)->body = fake_ndup(reply(re)->hub->keep, data, len);
}

static void do_reply_body(struct bf_reply *re, const char *type, const char *fmt, va_list ap)
{
    const char *body = keep_print(reply(re)->hub, fmt, ap);

    do_reply_bytes(re, type, body, strlen(body));
}

static int do_reply_file(struct bf_reply *re, const char *type, const char *path)
{
    FILE *file = fopen(path, "r");

    if (!file)
        return BF_ENOENT;
    fclose(file);
    do_reply_bytes(re, type, "", 0);
    reply(re)->file = fake_dup(reply(re)->hub->keep, path);
    return 0;
}

static void do_reply_receipt(struct bf_reply *re) { reply(re)->receipt = true; }

static bf_ticket do_reply_stream(struct bf_reply *re, const char *type)
{
    struct fake_hub *h = reply(re)->hub;

    check_tag(h, AT(ON_ROUTE) | AT(ON_WORKER), "bf_reply_stream");
    do_reply_bytes(re, type, "", 0);
    h->stream_over = h->stream_full = false;
    return h->stream = ++h->last_ticket;
}

static int do_write(struct bf_ctx *ctx, bf_ticket stream, const void *data, size_t len)
{
    struct fake_hub *h = hub_of(ctx);

    check_tag(h, AT(ON_LOOP) | AT(ON_WORKER) | AT(ON_OWN), "bf_write");
    if (stream != h->stream || h->stream_over)
        return BF_ENOENT;
    if (h->stream_full)
        return BF_EFULL;
    bf_append(h->keep, &h->streamed, "%.*s", (int)len, (const char *)data);
    h->front->streamed = h->streamed.s;
    return 0;
}

static bf_ticket do_watch(struct bf_ctx *ctx, const struct bf_watch *what, bf_note_fn fn, void *arg)
{
    struct fake_hub *h = hub_of(ctx);
    struct watching *w = &h->watches[h->n_watches++];

    *w = (struct watching){ .what = *what, .fn = fn, .arg = arg, .told = h->n_notes };
    w->what.topics = fake_dup(h->keep, what->topics);
    w->what.entity = fake_dup(h->keep, what->entity);
    return ++h->last_ticket;
}

static bf_ticket do_after(struct bf_ctx *ctx, int64_t ms, bf_fn fn, void *arg)
{
    struct waiting *w = add_waiting(hub_of(ctx));

    check_tag(hub_of(ctx), AT(ON_LOOP), "bf_after");
    w->fn = fn;
    w->arg = arg;
    w->due_ms = do_now_ms(ctx) + ms;
    return w->ticket;
}

static int do_end(struct bf_ctx *ctx, bf_ticket ticket)
{
    struct fake_hub *h = hub_of(ctx);

    if (ticket == h->stream && !h->stream_over) {
        h->stream_over = true;
        return 0;
    }
    for (size_t i = 0; i < h->n_waiting; i++) {
        if (h->waiting[i].ticket == ticket && !h->waiting[i].over) {
            h->waiting[i].over = true;
            return 0;
        }
    }
    return BF_ENOENT;
}

static int do_post(struct bf_ctx *ctx, bf_fn fn, void *arg)
{
    struct waiting *w;

    if (hub_of(ctx)->stopping)
        return BF_ECANCELED;
    w = add_waiting(hub_of(ctx));
    w->fn = fn;
    w->arg = arg;
    return 0;
}

/* Time passes only here; after enough of it the instance is told to stop. */
static int do_sleep(struct bf_ctx *ctx, int64_t ms)
{
    struct fake_hub *h = hub_of(ctx);

    if (ms == 0)
        return h->stopping;
    check_tag(h, AT(ON_WORKER) | AT(ON_OWN), "bf_sleep");
    h->front->now_ms += ms;
    h->stopping = h->stopping || ++h->sleeps >= h->front->sleeps_before_stop;
    return h->stopping;
}

static int do_stop_fd(struct bf_ctx *ctx)
{
    (void)ctx;
    test_failed(__FILE__, __LINE__, "the fake has no bf_stop_fd()");
    return -1;
}

const struct bf_host fake_table = {
    .size = sizeof(struct bf_host), .version = "fake",
    .log = do_log, .complain = do_complain, .now_ms = do_now_ms, .dir = do_dir, .url = do_url,
    .emit = do_emit, .emit_text = do_emit_text, .transact = do_transact, .recall = do_recall,
    .remember = do_remember, .sql = do_sql, .bind_text = do_bind_text, .bind_int = do_bind_int,
    .bind_double = do_bind_double, .step = do_step, .col_text = do_col_text,
    .col_int = do_col_int, .col_double = do_col_double,
    .verdict = do_verdict, .judge = do_judge, .settle = do_settle,
    .scratch = do_scratch, .alloc = fake_alloc, .print = fake_print, .append = fake_append,
    .quote = fake_quote, .expand = do_expand, .render = do_render, .get = fake_get,
    .each = fake_each, .encode = fake_encode, .reveal = do_reveal, .seal = do_seal,
    .unseal = do_unseal, .hmac = do_hmac, .same = do_same,
    .request_new = do_request_new, .request_to = do_request_to, .request_as = do_request_as,
    .request_header = do_request_header, .request_basic = do_request_basic,
    .request_body = do_request_body, .request_bytes = do_request_bytes,
    .request_sign = do_request_sign, .request_tls = do_request_tls,
    .request_limit = do_request_limit, .http_send = do_http_send, .fetch = do_fetch,
    .header = fake_pairs_get, .param = do_param, .verify = do_verify, .caller = do_caller,
    .may = do_may, .go_on = do_go_on, .reply_header = do_reply_header,
    .reply_body = do_reply_body, .reply_bytes = do_reply_bytes, .reply_file = do_reply_file,
    .reply_receipt = do_reply_receipt, .reply_stream = do_reply_stream, .write = do_write,
    .watch = do_watch, .after = do_after, .end = do_end, .post = do_post, .sleep = do_sleep,
    .stop_fd = do_stop_fd, .emit_request = do_emit_request, .team_secret = do_team_secret,
};
