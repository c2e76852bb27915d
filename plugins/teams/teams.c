/* teams - post a card to a channel of Microsoft Teams.
 *
 * TWO SERVICES, told apart by the host of the URL.
 *
 *   A flow of Workflows (Power Automate; *.powerplatform.com, *.powerautomate.com, *.logic.azure.com)
 *   begins when its URL is called, and posts what is in "attachments": Adaptive Cards, for us version
 *   1.4 (Teams shows up to 1.5).  The URL carries its own permission, sig=, so all of it is a secret.
 *   Its answer is 202 whatever becomes of the message: one of more than 28 KB is lost, and only the
 *   run history of the flow says so.  Hence the size is checked here, and the outcome is "accepted".
 *
 *   A connector (*.webhook.office.com, outlook.office.com/webhook) posts a MessageCard, or a message
 *   with attachments as above.  Its answer is 200 with the text 1; 200 with any other text is a
 *   failure, "… Microsoft Teams endpoint returned HTTP error 413" for example.  Microsoft has made
 *   no new ones since 2024 and was to end them in 2026; those that still answer are served.
 *
 * LIMITS.  28 KB a message (learn.microsoft.com, "Create an Incoming Webhook"; the connector "Microsoft
 * Teams" of Power Automate): here 26 KiB a request, secrets included, as the service counts more than
 * the text.  Connectors were seen to refuse from 21,000 bytes on.  Of requests 4 in a second, 60 in
 * 30 s, 100 in an hour (the same pages): here 1 in a second and 100 in an hour.  A channel that
 * cannot keep up is told of up to a thousand firings in one card.
 *
 * MARKDOWN.  Teams reads a part of it in texts and facts (learn.microsoft.com, "Format cards in Teams"):
 * bold, italic, lists, links.  The author of an action may write it, a value may not (text.c).
 *
 * A card is made of title, text and level (card.c), or is the action's own payload (payload.c), of
 * which a MessageCard is converted for a flow (convert.c).  What comes back is judged in judge.c. */
#include "teams.h"

#include <string.h>
#include <strings.h>

static const struct bf_option integration[] = {
    BF_STRING(struct teams_integration, url, .flags = BF_REQUIRED | BF_SECRET,
              .help = "URL of a flow that a webhook begins (Workflows in Teams, from the channel's menu), or"
                      " of a connector; who has it may post"),
    BF_STRING(struct teams_integration, kind, .choices = "workflows|connector",
              .help = "what answers there; left out, its host tells, as long as it is Microsoft's"),
    BF_OPTIONS_END
};

static const struct bf_option action[] = {
    BF_STRING(struct teams_action, title, .flags = BF_TEMPLATE | BF_SHOWN,
              .help = "first line; left out, the name of the alert or automation"),
    BF_STRING(struct teams_action, text, .flags = BF_TEMPLATE | BF_SHOWN,
              .help = "text below it, in the Markdown of Teams; what is too long is cut"),
    BF_STRING(struct teams_action, level, .def = "INFO", .choices = "INFO|WARN|ERROR",
              .help = "colour and sign of the first line"),
    BF_JSON(struct teams_action, payload, .flags = BF_SHOWN,
            .help = "instead of these: an Adaptive Card, a message with cards, or a MessageCard"),
    BF_OPTIONS_END
};


/* --- which of the two --------------------------------------------------------------------- */

/* The host is this one, or within it. */
static bool is_within(const char *host, size_t len, const char *domain)
{
    size_t n = strlen(domain);

    return len >= n && strncasecmp(host + len - n, domain, n) == 0 &&
           (len == n || host[len - n - 1] == '.');
}

static bool is_within_any(const char *host, size_t len, const char *const *domains)
{
    for (; *domains; domains++)
        if (is_within(host, len, *domains))
            return true;
    return false;
}

enum teams_kind teams_kind_of_url(const char *url)
{
    /* Those of the public cloud, and of the governments' and China's. */
    static const char *const flows[] = {
        "logic.azure.com", "powerplatform.com", "powerautomate.com", "flow.microsoft.com",
        "logic.azure.us", "powerplatform.us", "powerautomate.us", "flow.microsoft.us",
        "logic.azure.cn", "powerplatform.cn", "powerautomate.cn", NULL,
    };
    static const char *const connectors[] = {"webhook.office.com", NULL};
    static const char *const outlook[] = {"outlook.office.com", "outlook.office365.com", NULL};
    const char *host, *end, *at;
    size_t len;

    if (!teams_is_link(url))
        return TEAMS_UNKNOWN;
    host = strstr(url, "://") + 3;
    end = host + strcspn(host, "/?#");
    at = memrchr(host, '@', (size_t)(end - host));
    host = at ? at + 1 : host;
    len = strcspn(host, ":/?#");
    if (is_within_any(host, len, flows))
        return TEAMS_WORKFLOWS;
    if (is_within_any(host, len, connectors) ||
        (is_within_any(host, len, outlook) && strncmp(end, "/webhook", 8) == 0))
        return TEAMS_CONNECTOR;
    return TEAMS_UNKNOWN;
}

static void forget(const char *secret)
{
    for (volatile char *p = (volatile char *)secret; *p; p++)
        *p = '\0';
}

/* The URL is looked at each time, because a secret may be given another value. */
enum teams_kind teams_kind_of(const struct teams_integration *to, struct bf_ctx *ctx,
                              struct bf_arena *a)
{
    enum teams_kind kind;
    const char *url;

    if (to->kind)
        return strcmp(to->kind, "connector") == 0 ? TEAMS_CONNECTOR : TEAMS_WORKFLOWS;
    url = bf_reveal(ctx, a, to->url);
    if (!*url)
        return TEAMS_WORKFLOWS;         /* not there: the hub says so when it is to be sent */
    kind = teams_kind_of_url(url);
    forget(url);
    return kind;
}

static int refuse_host(struct bf_ctx *ctx)
{
    return bf_refuse(ctx, "kind", "the URL is at none of the hosts that Microsoft has for flows"
                     " (*.powerplatform.com, *.powerautomate.com, *.logic.azure.com) or connectors"
                     " (*.webhook.office.com); say what answers there: kind is workflows, or"
                     " connector");
}

static int teams_create(struct bf_ctx *ctx, const void *options, void **self)
{
    const struct teams_integration *to = options;
    enum teams_kind kind = teams_kind_of(to, ctx, bf_scratch(ctx));

    *self = (void *)options;
    if (kind == TEAMS_UNKNOWN)
        return refuse_host(ctx);
    if (kind == TEAMS_CONNECTOR && !to->kind)
        bf_warn(ctx, "url", "Microsoft brings its connectors to an end; a flow that posts to the"
                " channel (Workflows in Teams) takes its place");
    return 0;
}


/* --- sending ------------------------------------------------------------------------------- */

static int request_payload(const struct bf_delivery *d, enum teams_kind kind, const char **json)
{
    struct teams_body body = teams_payload(d, kind, false);

    if (!body.json)
        return bf_reject(d, "%s", body.words);
    if (body.len > TEAMS_BODY_MAX)
        return bf_reject(d, "the message has %s%s bytes, and Teams takes %s; shorten the payload",
                         body.and_more ? "at least " : "", teams_count(d->arena, body.len),
                         teams_count(d->arena, TEAMS_BODY_MAX));
    *json = body.json;
    return 0;
}

static int teams_request(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    const struct teams_integration *to = self;
    const struct teams_action *say = d->action;
    enum teams_kind kind = teams_kind_of(to, d->ctx, d->arena);
    const char *json = NULL;
    int rc = 0;

    if (kind == TEAMS_UNKNOWN)
        return refuse_host(d->ctx);     /* another URL was stored since the integration was saved */
    if (say->payload)
        rc = request_payload(d, kind, &json);
    else
        json = teams_card(d, kind);
    if (rc)
        return rc;
    bf_request_to(req, "POST", to->url);
    bf_request_bytes(req, "application/json; charset=utf-8", json, strlen(json));
    bf_request_limit(req, 0, TEAMS_BODY_MAX);
    return 0;
}


/* --- saving -------------------------------------------------------------------------------- */

static int teams_check(void *self, const struct bf_delivery *d)
{
    const struct teams_action *say = d->action;
    enum teams_kind kind = teams_kind_of(self, d->ctx, d->arena);
    size_t own;

    if (say->payload) {
        if (say->title || say->text)
            bf_warn(d->ctx, "payload", "a payload is the whole message; title, text and level are not"
                    " shown beside it");
        return teams_check_payload(d, kind);
    }
    own = teams_card_too_long(d, kind);
    if (own)
        bf_warn(d->ctx, "text", "the text has %s characters without its values, which is more than a"
                " message of Teams holds; its end is cut off", teams_count(d->arena, own));
    return 0;
}

static const struct bf_sink teams = {
    BF_SINK("teams", "Post a card to a channel of Microsoft Teams"),
    BF_INTEGRATION(struct teams_integration, integration),
    BF_ACTION(struct teams_action, action),
    .create = teams_create,
    .check = teams_check,
    .request = teams_request,
    .judge = teams_judge,
    .max_merged = 1000,
    .pace = "1/s 100/h",
};

BF_PLUGIN(teams, "1.0", BF_SINKS(&teams));
