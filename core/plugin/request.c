/* request.c - what plugins want to send, and what really leaves.
 *
 * A request is a list of texts until it is sealed: then stand-ins are swapped for values, the size
 * is checked, and the final bytes are signed, in that order.  What a plugin did wrong on the way is
 * kept and comes out when the request is sealed, so the calls themselves cannot fail. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/crypto.h"
#include "core/base/sign.h"
#include "core/event/cause.h"
#include "core/net/tls.h"
#include "core/plugin/host.h"

#define BODY_MAX_DEFAULT ((size_t)BF_RENDERED_MAX)
#define TOTAL_MS_MAX 300000                     /* longer than any service should take */
#define HEADERS_BYTES_MAX ((size_t)64 * 1024)    /* as the client has it */
#define URL_MAX ((size_t)64 * 1024)              /* many servers take 8 KiB */
#define OWN_HEADERS 8                           /* of ours beside the plugin's and signatures */

struct signature {
    const char *header;
    const char *secret;
    int how;
};

struct bf_outbound {
    struct bf_request pub;      /* first: plugins know it by this */
    struct bf_instance *instance;
    struct bf_arena *arena;
    struct bf_try *attempt;     /* or NULL */
    const char *method;
    const char *url;
    const char *headers[2 * BF_HEADERS_MAX];
    size_t n_headers;           /* pairs */
    const char *basic_user;     /* NULL: no basic-auth */
    const char *basic_password;
    const char *type;
    const char *body;
    size_t body_len;
    struct signature signatures[BF_SIGNATURES_MAX];
    size_t n_signatures;
    bool inside;                /* to the hub's own REST */
    const char *as;             /* then: the caller's id, or NULL for nobody */
    const char *tls[BF_TLS_PARTS];      /* by enum bf_tls_part */
    int64_t total_ms;
    size_t body_max;
    struct bf_error error;      /* the first mistake; code 0: none */
};

struct bf_outbound *bf_outbound_new(struct bf_instance *i, struct bf_arena *a, struct bf_try *t)
{
    struct bf_outbound *r = bf_arena_new_of(a, struct bf_outbound);

    if (!r)
        return NULL;
    r->pub.host = &bf_plugin_host;
    r->instance = i;
    r->arena = a;
    r->attempt = t;
    r->method = "POST";
    r->url = "";
    r->body = "";
    return r;
}

struct bf_request *bf_outbound_pub(struct bf_outbound *r) { return r ? &r->pub : NULL; }

struct bf_arena *bf_outbound_arena(const struct bf_outbound *r) { return r->arena; }

const char *bf_outbound_url(const struct bf_outbound *r) { return r ? r->url : ""; }

size_t bf_outbound_size(const struct bf_outbound *r, size_t *max)
{
    *max = r && r->body_max ? r->body_max : BODY_MAX_DEFAULT;
    return r ? r->body_len : 0;
}

const char *bf_outbound_key(const struct bf_outbound *r, size_t i, int *how)
{
    if (!r || i >= r->n_signatures)
        return NULL;
    *how = r->signatures[i].how;
    return r->signatures[i].secret;
}

const char *bf_outbound_tls(const struct bf_outbound *r, int part)
{
    return r ? r->tls[part] : NULL;
}

static struct bf_outbound *from(struct bf_request *r) { return (struct bf_outbound *)r; }

static void mistake(struct bf_outbound *r, int code, const char *fmt, ...) BF_FORMAT(3, 4);
static void mistake(struct bf_outbound *r, int code, const char *fmt, ...)
{
    va_list ap;

    if (r->error.code)
        return;
    r->error.code = code;
    va_start(ap, fmt);
    vsnprintf(r->error.words, sizeof(r->error.words), fmt, ap);
    va_end(ap);
}


/* --- what plugins say ------------------------------------------------------------- */

struct bf_request *bf_host_request_new(struct bf_ctx *ctx, struct bf_arena *a)
{
    struct bf_call *c = bf_call_of(ctx);
    struct bf_outbound *r =
        bf_outbound_new(bf_instance_from(ctx), a, c ? c->attempt : NULL);

    /* Past the arena's limit there is no request; one that cannot be sent stands in for it. */
    if (!r) {
        r = bf_outbound_new(bf_instance_from(ctx), bf_host_scratch(ctx), NULL);
        bf_assert(r);
        mistake(r, BF_ENOMEM, "the request has no memory left");
    }
    return &r->pub;
}

static bool is_word(const char *text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    if (!text || !*text)
        return false;
    for (; *text; text++) {
        bool plain = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                     (*text >= '0' && *text <= '9');

        if (!plain && !strchr(others, *text))
            return false;
    }
    return true;
}

void bf_host_request_to(struct bf_request *pub, const char *method, const char *url)
{
    struct bf_outbound *r = from(pub);

    if (!is_word(method))
        mistake(r, BF_EINVAL, "the request has no method");
    r->method = bf_arena_dup(r->arena, method);
    r->url = bf_arena_dup(r->arena, url);
}

void bf_host_request_as(struct bf_request *pub, const struct bf_caller *as)
{
    struct bf_outbound *r = from(pub);

    r->inside = true;
    r->as = as && as->id ? bf_arena_dup(r->arena, as->id) : NULL;
}

void bf_host_request_header(struct bf_request *pub, const char *name, const char *value)
{
    struct bf_outbound *r = from(pub);

    if (!value)
        value = "";
    if (!is_word(name))
        mistake(r, BF_EINVAL, "\"%.64s\" is no name of a header", name ? name : "");
    else if (strpbrk(value, "\r\n"))
        mistake(r, BF_EINVAL, "the value of header %.64s holds a line end", name);
    else if (r->n_headers == BF_HEADERS_MAX)
        mistake(r, BF_EFULL, "the request has more than %d headers", BF_HEADERS_MAX);
    if (r->error.code)
        return;
    r->headers[2 * r->n_headers] = bf_arena_dup(r->arena, name);
    r->headers[2 * r->n_headers + 1] = bf_arena_dup(r->arena, value);
    r->n_headers++;
}

void bf_host_request_basic(struct bf_request *pub, const char *user, const char *password)
{
    struct bf_outbound *r = from(pub);

    r->basic_user = bf_arena_dup(r->arena, user);
    r->basic_password = bf_arena_dup(r->arena, password);
}

void bf_host_request_bytes(struct bf_request *pub, const char *type, const void *data, size_t len)
{
    struct bf_outbound *r = from(pub);

    r->type = type && *type ? bf_arena_dup(r->arena, type) : NULL;
    r->body = len ? bf_arena_ndup(r->arena, data, len) : "";
    r->body_len = len;
}

void bf_host_request_body(struct bf_request *pub, const char *type, const char *fmt, va_list ap)
{
    struct bf_outbound *r = from(pub);

    r->type = type && *type ? bf_arena_dup(r->arena, type) : NULL;
    r->body = bf_arena_vprintf(r->arena, fmt, ap);
    r->body_len = strlen(r->body);
}

void bf_host_request_sign(struct bf_request *pub, const char *header, const char *secret, int how)
{
    struct bf_outbound *r = from(pub);

    if (!secret || !*secret)
        return;
    if (r->n_signatures == BF_SIGNATURES_MAX)
        mistake(r, BF_EFULL, "the request has more than %d signatures", BF_SIGNATURES_MAX);
    else if (how < BF_SIGN_PLAIN || how > BF_SIGN_STANDARD)
        mistake(r, BF_EINVAL, "this hub does not know signature %d", how);
    else if (how != BF_SIGN_STANDARD && !is_word(header))
        mistake(r, BF_EINVAL, "the signature has no header");
    if (r->error.code)
        return;
    r->signatures[r->n_signatures++] = (struct signature){
        bf_arena_dup(r->arena, header), bf_arena_dup(r->arena, secret), how};
}

void bf_host_request_tls(struct bf_request *pub, const char *cert, const char *key, const char *ca)
{
    struct bf_outbound *r = from(pub);
    const char *given[] = {cert, key, ca};

    for (size_t i = 0; i < BF_COUNT(given); i++)
        r->tls[i] = given[i] && *given[i] ? bf_arena_dup(r->arena, given[i]) : NULL;
}

void bf_host_request_limit(struct bf_request *pub, int64_t ms, size_t body_max)
{
    struct bf_outbound *r = from(pub);

    r->total_ms = ms > TOTAL_MS_MAX ? TOTAL_MS_MAX : ms;
    r->body_max = body_max;
}


/* --- sealing ---------------------------------------------------------------------- */

/* What sealing works with. */
struct sealing {
    struct bf_outbound *r;
    struct bf_swap swap;
    bool secrets;               /* there are stand-ins that may have to be swapped */
    bool copy;
    const char **headers;       /* the final ones */
    size_t n;                   /* texts in it */
    const char *body;
    size_t body_len;
    struct bf_error *err;
};

static int swap(struct sealing *s, enum bf_swap_where where, const char *what, const char **text,
                size_t *len)
{
    const char *before = *text;
    int rc = s->secrets ? bf_swap_text(&s->swap, where, what, text, len, s->err) : BF_OK;

    if (!rc && s->copy && *text == before && before)
        *text = bf_arena_ndup(s->swap.arena, before, *len);
    return rc;
}

static int swap_string(struct sealing *s, enum bf_swap_where where, const char *what,
                       const char **text)
{
    size_t len = *text ? strlen(*text) : 0;
    int rc = *text ? swap(s, where, what, text, &len) : BF_OK;

    if (!rc && *text && strlen(*text) != len)
        rc = bf_error_set(s->err, BF_ECONFIG, "a secret in the %s holds a NUL byte", what);
    return rc;
}

static void add_header(struct sealing *s, const char *name, const char *value)
{
    s->headers[s->n++] = name;
    s->headers[s->n++] = value;
}

/* How many hubs it has come through, and what began it: loops end by these. */
static void add_chain(struct sealing *s, const struct bf_try *t)
{
    struct bf_arena *a = s->swap.arena;
    const struct bf_event *ev = &t->event;
    const char *first = ev->id && *ev->id ? ev->id : t->delivery.id;    /* a sample has no id */

    add_header(s, "Belfry-Hops", bf_arena_printf(a, "%u", ev->hops + 1));
    add_header(s, BF_CAUSE_HEADER, bf_cause_root(a, ev->cause, first));
}

static int seal_headers(struct sealing *s)
{
    const struct bf_outbound *r = s->r;
    struct bf_arena *a = s->swap.arena;

    s->headers = bf_arena_alloc(a, 2 * (r->n_headers + OWN_HEADERS + 3 * BF_SIGNATURES_MAX) *
                                       sizeof(*s->headers));
    if (!s->headers)
        return bf_error_set(s->err, BF_ETOOBIG, "the request is too large");
    for (size_t i = 0; i < r->n_headers; i++) {
        const char *name = r->headers[2 * i], *value = r->headers[2 * i + 1];
        int rc = swap_string(s, BF_SWAP_HEADER, "headers", &value);

        if (rc)
            return rc;
        add_header(s, s->copy ? bf_arena_dup(a, name) : name, value);
    }
    if (r->type)
        add_header(s, "Content-Type", s->copy ? bf_arena_dup(a, r->type) : r->type);
    if (r->attempt)
        add_chain(s, r->attempt);
    return BF_OK;
}

static void remember_to_wipe(struct sealing *s, const char *text)
{
    struct bf_wipe_list *w = bf_arena_new_of(s->swap.arena, struct bf_wipe_list);

    if (w) {
        *w = (struct bf_wipe_list){s->swap.wipe, (char *)text, strlen(text)};
        s->swap.wipe = w;
    }
}

/* base64 of user:password: made here, because a stand-in would not survive it. */
static int seal_basic(struct sealing *s)
{
    const struct bf_outbound *r = s->r;
    struct bf_arena *a = s->swap.arena;
    const char *user = r->basic_user, *password = r->basic_password, *pair, *encoded, *value;
    int rc;

    if (!user)
        return BF_OK;
    rc = swap_string(s, BF_SWAP_RAW, "user name", &user);
    if (!rc)
        rc = swap_string(s, BF_SWAP_RAW, "password", &password);
    if (rc)
        return rc;
    pair = bf_arena_printf(a, "%s:%s", user, password);
    encoded = bf_base64(a, pair, strlen(pair));
    value = bf_arena_printf(a, "Basic %s", encoded);
    if (s->secrets) {
        remember_to_wipe(s, pair);
        remember_to_wipe(s, encoded);
        remember_to_wipe(s, value);
    }
    add_header(s, "Authorization", value);
    return BF_OK;
}

static enum bf_swap_where body_escape(const char *type)
{
    size_t len = type ? strcspn(type, "; \t") : 0;

    if (len == 33 && strncasecmp(type, "application/x-www-form-urlencoded", len) == 0)
        return BF_SWAP_FORM;
    if ((len == 16 && strncasecmp(type, "application/json", len) == 0) ||
        (len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0))
        return BF_SWAP_JSON;
    return BF_SWAP_RAW;
}

static int seal_body(struct sealing *s)
{
    const struct bf_outbound *r = s->r;
    size_t max;
    int rc;

    s->body = r->body;
    s->body_len = bf_outbound_size(r, &max);
    rc = swap(s, body_escape(r->type), "body", &s->body, &s->body_len);
    if (rc)
        return rc;
    if (s->body_len > max)
        return bf_error_set(s->err, BF_ETOOBIG, "the body has %zu bytes, the service takes %zu; "
                            "shorten the payload", s->body_len, max);
    return BF_OK;
}


/* --- signing ---------------------------------------------------------------------- */

static void add_standard(struct sealing *s, const char *signatures, const char *id,
                         const char *stamp)
{
    add_header(s, "webhook-id", id);
    add_header(s, "webhook-timestamp", stamp);
    add_header(s, "webhook-signature", signatures);
}

static int sign(struct sealing *s)
{
    const struct bf_outbound *r = s->r;
    struct bf_arena *a = s->swap.arena;
    const char *standard = "", *id = NULL, *stamp = NULL;
    char made[BF_ID_LEN + 1];

    for (size_t i = 0; i < r->n_signatures; i++) {
        const struct signature *g = &r->signatures[i];
        int64_t now = bf_wall_ms(r->instance->plugins->rooms.clock);
        const char *key, *text;
        size_t key_len;
        int rc = bf_swap_value(&s->swap, g->secret, &key, &key_len, s->err);

        if (rc)
            return rc;
        if (g->how != BF_SIGN_STANDARD) {
            text = bf_signature(a, g->how, key, key_len, s->body, s->body_len);
            if (strpbrk(text, "\r\n"))
                return bf_error_set(s->err, BF_ECONFIG, "the secret of header %s holds a line end; "
                                    "store it again without", g->header);
            if (g->how == BF_SIGN_PLAIN)
                remember_to_wipe(s, text);
            add_header(s, s->copy ? bf_arena_dup(a, g->header) : g->header, text);
            continue;
        }
        if (!id) {
            bf_id_random(made, now);
            id = bf_arena_dup(a, r->attempt && r->attempt->delivery.id ? r->attempt->delivery.id
                                                                       : made);
            stamp = bf_arena_printf(a, "%lld", (long long)(now / 1000));
        }
        text = bf_standard_signature(a, key, key_len, id, stamp, s->body, s->body_len);
        standard = bf_arena_printf(a, "%s%s%s", standard, *standard ? " " : "", text);
    }
    if (id)
        add_standard(s, standard, id, stamp);
    return BF_OK;
}

/* A long value makes a long URL, or header.  Who reads of it should know how long. */
static int check_sizes(const struct sealing *s, const char *url)
{
    size_t len = strlen(url), longest = 0, total = 0;
    const char *name = "";

    if (len > URL_MAX)
        return bf_error_set(s->err, BF_ETOOBIG, "the URL has %zu bytes, and at most %zu are sent",
                            len, URL_MAX);
    for (size_t i = 0; i < s->n; i += 2) {
        size_t n = strlen(s->headers[i]) + strlen(s->headers[i + 1]) + strlen(": \n");

        total += n;
        name = n > longest ? s->headers[i] : name;
        longest = n > longest ? n : longest;
    }
    if (total > HEADERS_BYTES_MAX)
        return bf_error_set(s->err, BF_ETOOBIG, "the headers have %zu bytes, of which %zu are %.64s,"
                            " and at most %zu are sent", total, longest, name, HEADERS_BYTES_MAX);
    return BF_OK;
}

static int seal(struct sealing *s, struct bf_fetch_request *out)
{
    struct bf_outbound *r = s->r;
    const char *url = r->url, *tls[BF_TLS_PARTS] = {r->tls[0], r->tls[1], r->tls[2]};
    int rc = swap_string(s, BF_SWAP_URL, "URL", &url);

    if (!rc)
        rc = seal_headers(s);
    if (!rc)
        rc = seal_basic(s);
    if (!rc)
        rc = seal_body(s);
    for (size_t i = 0; i < BF_TLS_PARTS && !rc; i++)
        rc = swap_string(s, BF_SWAP_RAW, "TLS settings", &tls[i]);
    if (!rc)
        rc = sign(s);
    if (!rc)
        rc = check_sizes(s, url);
    if (!rc && !bf_arena_ok(s->swap.arena))
        rc = bf_error_set(s->err, BF_ETOOBIG, "the request is too large");
    if (rc)
        return rc;
    *out = (struct bf_fetch_request){
        .method = s->copy ? bf_arena_dup(s->swap.arena, r->method) : r->method,
        .url = url,
        .headers = s->headers,
        .body = s->body,
        .body_len = s->body_len,
        .total_ms = r->total_ms,
        .tls_cert = tls[BF_TLS_CERT],
        .tls_key = tls[BF_TLS_KEY],
        .tls_ca = tls[BF_TLS_CA],
        .once = r->instance->sink && (r->instance->sink->flags & BF_ONCE),
    };
    return BF_OK;
}

int bf_outbound_seal(struct bf_outbound *r, struct bf_arena *into, bool copy,
                     struct bf_fetch_request *out, struct bf_wipe_list **wipe,
                     struct bf_error *err)
{
    const struct bf_instance *i = r->instance;
    struct sealing s = {
        .r = r,
        .swap = {.team = i->plugins->rooms.team,
                 .arena = into,
                 .sets = {&i->standins, r->attempt ? &r->attempt->standins : NULL,
                          bf_standins_lent(r->arena)}},
        .copy = copy,
        .err = err,
    };
    int rc;

    if (r->error.code)
        return bf_error_set(err, r->error.code, "%s", r->error.words);
    if (!*r->url)
        return bf_error_set(err, BF_EINVAL, "the request has no URL");
    if (r->inside)
        return bf_error_set(err, BF_EINVAL, "a request to the hub's own REST is for bf_http_send() "
                            "and bf_fetch()");
    if (*r->url == '/')
        return bf_error_set(err, BF_EINVAL, "the URL is a path; the hub's own REST is asked with "
                            "bf_request_as()");
    s.secrets = i->standins.n || (r->attempt && r->attempt->standins.n) || s.swap.sets[2];
    rc = seal(&s, out);
    bf_swap_fini(&s.swap);
    *wipe = s.swap.wipe;
    if (rc)
        bf_wipe_all(s.swap.wipe);
    return rc;
}

void bf_outbound_show(const struct bf_outbound *r, struct bf_arena *into, struct bf_sent *out)
{
    const struct bf_swap s = {
        .arena = into,
        .sets = {&r->instance->standins, r->attempt ? &r->attempt->standins : NULL},
    };
    size_t url_len = strlen(r->url);

    *out = (struct bf_sent){
        .method = r->method, .url = r->url, .body = r->body, .body_len = r->body_len};
    if (!r->instance->standins.n && !(r->attempt && r->attempt->standins.n))
        return;
    bf_swap_show(&s, &out->url, &url_len);
    bf_swap_show(&s, &out->body, &out->body_len);
}

/* --- shown with its headers --------------------------------------------------------- */

/* What showing works with: the request, and how it really left. */
struct showing {
    const struct bf_outbound *r;
    const struct bf_fetch_request *sealed;
    struct bf_swap swap;
    struct bf_shown_request *out;
};

static const char *shown(const struct showing *s, const char *text)
{
    size_t len = text ? strlen(text) : 0;

    if (text)
        bf_swap_show(&s->swap, &text, &len);
    return text ? text : "";
}

static const char *sealed_header(const struct showing *s, const char *name)
{
    for (const char *const *h = s->sealed->headers; *h; h += 2)
        if (strcasecmp(h[0], name) == 0)
            return h[1];
    return "";
}

/* The headers in the order of seal_headers(), seal_basic() and sign(). */
static void show_headers(struct showing *s)
{
    const struct bf_outbound *r = s->r;
    struct bf_arena *a = s->swap.arena;
    size_t n = 0, i = 0, g = 0, plain = r->n_headers + (r->type != NULL) + 2 * (r->attempt != NULL);
    const char **headers;

    while (s->sealed->headers[2 * n])
        n++;
    headers = bf_arena_alloc(a, (2 * n + 1) * sizeof(*headers));
    for (; headers && i < n; i++) {
        const char *value = s->sealed->headers[2 * i + 1];

        if (i < r->n_headers)
            value = shown(s, r->headers[2 * i + 1]);
        else if (i == plain && r->basic_user)
            value = bf_arena_printf(a, "Basic (%s:%s in base64)", shown(s, r->basic_user),
                                    shown(s, r->basic_password));
        else if (i >= plain) {
            while (g < r->n_signatures && r->signatures[g].how == BF_SIGN_STANDARD)
                g++;
            if (g < r->n_signatures && r->signatures[g].how == BF_SIGN_PLAIN)
                value = shown(s, r->signatures[g].secret);
            g++;
        }
        headers[2 * i] = bf_arena_dup(a, s->sealed->headers[2 * i]);
        headers[2 * i + 1] = bf_arena_dup(a, value);
    }
    if (headers)
        headers[2 * n] = NULL;
    s->out->headers = headers;
}

static const char *format_name(int how)
{
    switch (how) {
    case BF_SIGN_PLAIN: return "plain";
    case BF_SIGN_HEX: return "hex";
    case BF_SIGN_SHA256_HEX: return "sha256=hex";
    case BF_SIGN_STANDARD: return "standard-webhooks";
    default: return "base64";
    }
}

/* Standard Webhooks signs "ID.TIME." before the body. */
static void show_covered(const struct showing *s, bool standard, struct bf_shown_signature *out)
{
    const struct bf_sent *sent = &s->out->sent;
    const char *head = !standard ? "" : bf_arena_printf(s->swap.arena, "%s.%s.",
                                                        sealed_header(s, "webhook-id"),
                                                        sealed_header(s, "webhook-timestamp"));
    size_t head_len = strlen(head);
    char *text = bf_arena_alloc(s->swap.arena, head_len + sent->body_len + 1);

    if (!text)
        return;
    memcpy(text, head, head_len);
    memcpy(text + head_len, sent->body, sent->body_len);
    out->covers = text;
    out->covers_len = head_len + sent->body_len;
}

static void show_signatures(struct showing *s)
{
    for (size_t i = 0; i < s->r->n_signatures; i++) {
        const struct signature *g = &s->r->signatures[i];
        struct bf_shown_signature *out = &s->out->signatures[s->out->n_signatures++];
        bool standard = g->how == BF_SIGN_STANDARD;

        *out = (struct bf_shown_signature){
            .header = standard ? "webhook-signature" : bf_arena_dup(s->swap.arena, g->header),
            .format = format_name(g->how),
            .key = shown(s, g->secret),
            .covers = ""};
        out->value = g->how == BF_SIGN_PLAIN
                         ? out->key : bf_arena_dup(s->swap.arena, sealed_header(s, out->header));
        if (g->how != BF_SIGN_PLAIN)
            show_covered(s, standard, out);
    }
}

void bf_outbound_show_all(const struct bf_outbound *r, const struct bf_fetch_request *sealed,
                          struct bf_arena *into, struct bf_shown_request *out)
{
    struct showing s = {.r = r, .sealed = sealed, .out = out,
                        .swap = {.arena = into, .sets = {&r->instance->standins,
                                                         r->attempt ? &r->attempt->standins
                                                                    : NULL}}};

    bf_outbound_show(r, into, &out->sent);
    out->n_signatures = 0;
    show_headers(&s);
    show_signatures(&s);
}

bool bf_outbound_is_inside(const struct bf_outbound *r) { return r->inside; }

/* Nothing leaves the hub, so there is nothing to swap or sign. */
int bf_outbound_inside(const struct bf_outbound *r, struct bf_arena *into,
                       struct bf_inside_request *out, const char **as, struct bf_error *err)
{
    const char **headers = bf_arena_alloc(into, (2 * r->n_headers + 3) * sizeof(*headers));
    size_t n = 0;

    if (r->error.code)
        return bf_error_set(err, r->error.code, "%s", r->error.words);
    if (*r->url != '/')
        return bf_error_set(err, BF_EINVAL, "with bf_request_as() the URL is a path, as "
                            "/api/v1/automations");
    if (r->n_signatures || r->basic_user || r->tls[0])
        return bf_error_set(err, BF_EINVAL, "a request to the hub's own REST is not signed");
    for (; headers && n < 2 * r->n_headers; n++)
        headers[n] = bf_arena_dup(into, r->headers[n]);
    if (headers && r->type) {
        headers[n++] = "Content-Type";
        headers[n] = bf_arena_dup(into, r->type);
    }
    *as = r->as ? bf_arena_dup(into, r->as) : NULL;
    *out = (struct bf_inside_request){.method = bf_arena_dup(into, r->method),
                                      .url = bf_arena_dup(into, r->url),
                                      .headers = headers,
                                      .body = bf_arena_ndup(into, r->body, r->body_len),
                                      .body_len = r->body_len};
    return bf_arena_ok(into) ? BF_OK : bf_error_set(err, BF_ETOOBIG, "the request is too large");
}
