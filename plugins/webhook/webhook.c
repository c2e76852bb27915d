/* webhook - send a JSON payload to any address, signed the way its receiver checks it.
 *
 * Every attempt of an execution carries the same Idempotency-Key, so a receiver can tell a repeat,
 * and an attempt of which nobody knows how it ended may be made again.
 *
 * SIGNATURES.  Receivers of W&B's webhooks disagree: its documentation says base64, and there are
 * some that read hex, with or without "sha256=" as GitHub writes it.  Standard Webhooks signs an id
 * and a time along with the body, so that an old request cannot be sent again, and takes several
 * keys at once.  That is how a key is changed without a gap: the new one becomes `secret`, the old
 * one `previous_secret`, until every receiver has the new one.
 *
 * The other formats have one header with one signature, and whoever reads it knows of no second.  A
 * second header would reach only receivers that were changed for it, and those can as well be told
 * to take both keys before the sender changes to the new one.  So that is what we say.
 *
 * CLIENT CERTIFICATES.  The certificate is public and stands in the options; its key is a secret.  A
 * server that wants one may refuse it in TLS, or like nginx with a page and HTTP 400; both are worth
 * another try, as somebody will renew it. */
#include <belfry/plugin.h>

#include <string.h>
#include <strings.h>

#define SIGNATURE_HEADER "X-Wandb-Signature"
#define HEADERS_MAX      16

struct integration {
    const char *url;
    const char *method;
    const char *access_token;
    const char *secret;
    const char *previous_secret;
    const char *signature_format;
    const char *signature_header;
    const char *const *headers;
    const char *client_cert;
    const char *client_key;
    const char *ca;
};

static const struct bf_option integration[] = {
    BF_STRING(struct integration, url, .flags = BF_REQUIRED | BF_TEMPLATE,
              .help = "address to send to; a secret part is written ${NAME}"),
    BF_STRING(struct integration, method, .def = "POST", .choices = "POST|PUT|PATCH",
              .help = "method of the request"),
    BF_STRING(struct integration, access_token, .flags = BF_SECRET,
              .help = "sent as Authorization: Bearer"),
    BF_STRING(struct integration, secret, .flags = BF_SECRET | BF_GRANTED,
              .help = "signs the body"),
    BF_STRING(struct integration, previous_secret, .flags = BF_SECRET,
              .help = "signs as well, while receivers change to secret; of standard-webhooks only"),
    BF_STRING(struct integration, signature_format, .def = "wandb",
              .choices = "wandb|hex|sha256=hex|standard-webhooks",
              .help = "how the body is signed; wandb is base64, standard-webhooks takes whsec_ keys"),
    BF_STRING(struct integration, signature_header,
              .help = "header of the signature, such as X-Hub-Signature-256 (default: "
                      SIGNATURE_HEADER ")"),
    BF_MAP(struct integration, headers, .flags = BF_TEMPLATE,
           .help = "further headers, up to 16; what lets somebody in is written ${NAME}"),
    BF_STRING(struct integration, client_cert,
              .help = "certificate to show to the server, in PEM, with those between it and its"
                      " authority"),
    BF_STRING(struct integration, client_key, .flags = BF_SECRET,
              .help = "key of client_cert, in PEM, without a passphrase"),
    BF_STRING(struct integration, ca,
              .help = "certificates in PEM that the server's must be signed by, instead of those the"
                      " hub trusts"),
    BF_OPTIONS_END
};

struct action {
    const char *payload;
};

static const struct bf_option action[] = {
    BF_JSON(struct action, payload, .def = "{}", .help = "body of the request"),
    BF_OPTIONS_END
};

static int signature(const char *format)
{
    if (strcmp(format, "hex") == 0)
        return BF_SIGN_HEX;
    if (strcmp(format, "sha256=hex") == 0)
        return BF_SIGN_SHA256_HEX;
    if (strcmp(format, "standard-webhooks") == 0)
        return BF_SIGN_STANDARD;
    return BF_SIGN_BASE64;
}


/* --- when it is saved ----------------------------------------------------------- */

static bool is_token(const char *text)
{
    static const char letters[] = "!#$%&'*+-.^_`|~0123456789"
                                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    return *text && text[strspn(text, letters)] == '\0';
}

/* Headers that say how the request travels, or that are ours. */
static bool is_ours(const struct integration *to, const char *name)
{
    static const char *const names[] = {
        "Host", "Connection", "Content-Length", "Content-Type", "Transfer-Encoding", "Expect",
        "Upgrade", "TE", "Trailer", "Keep-Alive", "Proxy-Connection", "Idempotency-Key",
        "Belfry-Hops", "Belfry-Cause", "webhook-id", "webhook-timestamp", "webhook-signature",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return to->access_token && strcasecmp(name, "Authorization") == 0;
}

static bool is_plain(const char *value)
{
    for (; *value; value++)
        if (((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7f)
            return false;
    return true;
}

static int check_headers(struct bf_ctx *ctx, const struct integration *to)
{
    const char *signs = to->signature_header ? to->signature_header : SIGNATURE_HEADER;
    int n = 0;

    for (const char *const *h = to->headers; h && *h; h += 2) {
        if (++n > HEADERS_MAX)
            return bf_refuse(ctx, "headers", "there may be %d headers", HEADERS_MAX);
        if (!is_token(h[0]))
            return bf_refuse(ctx, "headers", "\"%s\" is no name of a header", h[0]);
        if (is_ours(to, h[0]) || (to->secret && strcasecmp(h[0], signs) == 0))
            return bf_refuse(ctx, "headers", "header %s is set by the hub itself", h[0]);
        if (!is_plain(h[1]))
            return bf_refuse(ctx, "headers", "the value of header %s holds a line end or another"
                             " control character", h[0]);
    }
    return 0;
}

static int check_signature(struct bf_ctx *ctx, const struct integration *to)
{
    bool standard = signature(to->signature_format) == BF_SIGN_STANDARD;

    if (standard && !to->secret)
        return bf_refuse(ctx, "secret", "standard-webhooks needs a secret to sign with");
    if (standard && to->signature_header)
        return bf_refuse(ctx, "signature_header", "standard-webhooks has headers of its own; leave"
                         " signature_header out");
    if (!standard && to->previous_secret)
        return bf_refuse(ctx, "previous_secret", "only standard-webhooks carries two signatures; in"
                         " format %s have the receiver take both keys first, then change secret, and"
                         " leave previous_secret out", to->signature_format);
    if (to->signature_header && (!is_token(to->signature_header) ||
                                 is_ours(to, to->signature_header)))
        return bf_refuse(ctx, "signature_header", "\"%s\" cannot be the header of a signature",
                         to->signature_header);
    return 0;
}

/* Where the URL's host begins, and how long it is without its port. */
static const char *find_host(const char *url, size_t *len)
{
    const char *host = strstr(url, "://"), *end, *at;

    if (!host)
        return NULL;
    host += 3;
    end = host + strcspn(host, "/?#");
    while ((at = memchr(host, '@', (size_t)(end - host))))
        host = at + 1;
    *len = strcspn(host, ":/?#");
    return host;
}

/* A message that such a service refuses is refused at each delivery; its own sink knows better. */
static void warn_of_service(struct bf_ctx *ctx, const char *url)
{
    static const struct {
        const char *host;       /* with a dot in front: whatever ends so */
        const char *service;
        const char *sink;
    } services[] = {
        {"hooks.slack.com", "Slack", "slack"},
        {".webhook.office.com", "Microsoft Teams", "teams"},
        {".logic.azure.com", "Microsoft Teams", "teams"},
        {".powerplatform.com", "Microsoft Teams", "teams"},
        {".powerautomate.com", "Microsoft Teams", "teams"},
        {"api.github.com", "GitHub", "github"},
    };
    size_t len = 0;
    const char *host = find_host(url, &len);

    for (size_t i = 0; host && i < sizeof(services) / sizeof(*services); i++) {
        size_t own = strlen(services[i].host);
        bool any = services[i].host[0] == '.';

        if ((any ? len > own : len == own) &&
            strncasecmp(host + len - own, services[i].host, own) == 0)
            bf_warn(ctx, "url", "this looks like %s, which takes messages of its own form alone; the"
                    " sink \"%s\" makes them, keeps to its limits and reads its answers",
                    services[i].service, services[i].sink);
    }
}

static int check_pem(struct bf_ctx *ctx, const char *option, const char *pem)
{
    const char *begin = pem ? strstr(pem, "-----BEGIN CERTIFICATE-----") : NULL;

    if (!pem || (begin && strstr(begin, "-----END CERTIFICATE-----")))
        return 0;
    return bf_refuse(ctx, option, "%s is to hold a certificate in PEM, from -----BEGIN"
                     " CERTIFICATE----- to -----END CERTIFICATE-----", option);
}

/* What is wrong inside, the hub finds out. */
static int check_tls(struct bf_ctx *ctx, const struct integration *to)
{
    int rc;

    if (!to->client_cert && to->client_key)
        return bf_refuse(ctx, "client_cert", "client_key needs its certificate, client_cert");
    if (to->client_cert && !to->client_key)
        return bf_refuse(ctx, "client_key", "client_cert needs its key: keep that as a secret, and"
                         " give the secret's name as client_key");
    if ((to->client_cert || to->ca) && strncasecmp(to->url, "http://", 7) == 0)
        return bf_refuse(ctx, "url", "certificates are of https; this address begins with http");
    rc = check_pem(ctx, "client_cert", to->client_cert);
    return rc ? rc : check_pem(ctx, "ca", to->ca);
}

static int webhook_create(struct bf_ctx *ctx, const void *options, void **self)
{
    int rc = check_signature(ctx, options);

    *self = (void *)options;
    warn_of_service(ctx, ((const struct integration *)options)->url);
    if (!rc)
        rc = check_headers(ctx, options);
    return rc ? rc : check_tls(ctx, options);
}


/* --- when it is sent -------------------------------------------------------------- */

/* What a run is called must not end a header: its line ends become spaces. */
static const char *one_line(struct bf_arena *a, const char *value)
{
    char *flat;

    if (is_plain(value))
        return value;
    flat = bf_alloc(a, strlen(value) + 1);
    if (!flat)
        return "";
    strcpy(flat, value);
    for (char *p = flat; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
    return flat;
}

/* Parts of a URL's path that are . or .. */
static int count_dots(const char *url)
{
    const char *end = url + strcspn(url, "?#");
    int n = 0;

    for (const char *p = url; p < end; p++) {
        size_t len = *p == '/' ? strcspn(p + 1, "/?#") : 0;

        n += (len == 1 || len == 2) && strspn(p + 1, ".") >= len;
    }
    return n;
}

static void sign(struct bf_request *req, const struct integration *to)
{
    int how = signature(to->signature_format);

    bf_request_sign(req, to->signature_header ? to->signature_header : SIGNATURE_HEADER,
                    to->secret, how);
    if (how == BF_SIGN_STANDARD)
        bf_request_sign(req, NULL, to->previous_secret, how);
}

static int webhook_request(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    const struct integration *to = self;
    const struct action *say = d->action;
    const char *payload = bf_render(d, say->payload);
    const char *url = bf_expand(d, to->url, BF_ESC_URL);

    /* To escape dots helps nobody: servers and what is before them read %2e as one. */
    if (count_dots(url) > count_dots(to->url))
        return bf_reject(d, "a variable in the URL is . or .., by which it would lead elsewhere");
    bf_request_to(req, to->method, url);
    if (to->access_token)
        bf_request_header(req, "Authorization",
                          bf_printf(d->arena, "Bearer %s", to->access_token));
    bf_request_header(req, "Idempotency-Key", d->id);
    for (const char *const *h = to->headers; h && *h; h += 2)
        bf_request_header(req, h[0], one_line(d->arena, bf_expand(d, h[1], BF_ESC_NONE)));
    bf_request_bytes(req, "application/json", payload, strlen(payload));
    if (to->client_cert || to->ca)
        bf_request_tls(req, to->client_cert, to->client_key, to->ca);
    sign(req, to);
    return 0;
}

static const struct bf_sink webhook = {
    BF_SINK("webhook", "Send a JSON payload to a web address"),
    BF_INTEGRATION(struct integration, integration),
    BF_ACTION(struct action, action),
    .flags = BF_QUICK,
    .create = webhook_create,
    .request = webhook_request,
};

BF_PLUGIN(webhook, "1.0", BF_SINKS(&webhook));
