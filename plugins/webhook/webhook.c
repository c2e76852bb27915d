/* webhook - POST a JSON payload to any address, signed the way W&B signs.
 *
 * Every attempt of an execution carries the same Idempotency-Key, so a receiver can tell a repeat,
 * and an attempt of which nobody knows how it ended may be made again. */
#include <belfry/plugin.h>

#include <string.h>

struct integration {
    const char *url;
    const char *access_token;
    const char *secret;
    const char *signature_format;
};

static const struct bf_option integration[] = {
    BF_STRING(struct integration, url, .flags = BF_REQUIRED | BF_TEMPLATE,
              .help = "address to POST to; a secret part is written ${NAME}"),
    BF_STRING(struct integration, access_token, .flags = BF_SECRET,
              .help = "sent as Authorization: Bearer"),
    BF_STRING(struct integration, secret, .flags = BF_SECRET | BF_GRANTED,
              .help = "signs the body"),
    BF_STRING(struct integration, signature_format, .def = "wandb",
              .choices = "wandb|hex|sha256=hex|standard-webhooks",
              .help = "how the body is signed; wandb is base64"),
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

static int webhook_request(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    const struct integration *to = self;
    const struct action *say = d->action;
    const char *payload = bf_render(d, say->payload);

    bf_request_to(req, "POST", bf_expand(d, to->url, BF_ESC_URL));
    if (to->access_token)
        bf_request_header(req, "Authorization",
                          bf_printf(d->arena, "Bearer %s", to->access_token));
    bf_request_header(req, "Idempotency-Key", d->id);
    bf_request_bytes(req, "application/json", payload, strlen(payload));
    bf_request_sign(req, "X-Wandb-Signature", to->secret, signature(to->signature_format));
    return 0;
}

static const struct bf_sink webhook = {
    BF_SINK("webhook", "POST a JSON payload to a web address"),
    BF_INTEGRATION(struct integration, integration),
    BF_ACTION(struct action, action),
    .flags = BF_QUICK,
    .request = webhook_request,
};

BF_PLUGIN(webhook, "1.0", BF_SINKS(&webhook));
