/* slack - post to Slack, by an incoming webhook or with an app's bot token.
 *
 * An integration has one of the two:
 *   webhook_url  the address of an incoming webhook, which is good for one channel; whoever has it
 *                may post there, so it is kept as a secret
 *   token        of a bot (xoxb-...) with the scope chat:write, and the channel that it posts to
 *
 * FORMAT.  Both take the same JSON: "text", "blocks", "attachments"; message.c has how ours looks.
 * (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
 * docs.slack.dev/reference/methods/chat.postMessage, docs.slack.dev/reference/block-kit)
 *
 * LIMITS.  50 blocks; 150 characters of a header, 3,000 of a section's text, 2,000 of each of its ten
 * fields, 75 of a button (docs.slack.dev/reference/block-kit/blocks).  "text" is cut by Slack at
 * 40,000.  How much all texts of the blocks may be together is not documented; msg_blocks_too_long
 * comes from about 13,200 characters on (github.com/slackapi/bolt-js/issues/2509), and we keep to
 * 12,000.  One message a second to a channel, with short bursts; a 429 tells in Retry-After how long
 * to wait (docs.slack.dev/apis/web-api/rate-limits).
 *
 * MARKUP.  In "mrkdwn", <!channel>, <@U1>, <#C1>, <https://x|words> and <!date^x> are made by < and >
 * alone, so a value in which & < > are escaped can make none of them
 * (docs.slack.dev/messaging/formatting-message-text).  Slack also makes links of bare addresses and,
 * asked to, mentions of bare @names; "verbatim", "parse" and "link_names" forbid that.  What is left to
 * a value is * _ ~ and `, for which Slack has no escape: they can make a word bold, and nothing else.
 * They stay, so that names are shown, and copied, as they are.
 *
 * LIES.  The Web API answers 200 to what it refuses; answer.c.  If its attachments alone have blocks, a
 * message shows its "text" as well; message.c. */
#include "plugins/slack/oauth.h"
#include "plugins/slack/slack.h"

#include <string.h>
#include <strings.h>

#define DEFAULT_API "https://slack.com/api"

static const struct bf_option integration[] = {
    BF_STRING(struct slack_integration, webhook_url, .flags = BF_SECRET,
              .help = "address of an incoming webhook, https://hooks.slack.com/services/..., from the"
                      " page Incoming Webhooks of an app (https://api.slack.com/apps); or token and"
                      " channel"),
    BF_STRING(struct slack_integration, token, .flags = BF_SECRET,
              .help = "bot token (xoxb-...) of an app with the scope chat:write, from its page OAuth &"
                      " Permissions; /invite the app to the channel; or webhook_url"),
    BF_STRING(struct slack_integration, channel,
              .help = "where the token posts: an id such as C0123456789, or #name; a webhook has"
                      " its own, and this only shows it"),
    BF_STRING(struct slack_integration, workspace, .help = "name of the workspace, to show"),
    BF_STRING(struct slack_integration, api_base, .def = DEFAULT_API,
              .help = "address of the Web API, for a proxy"),
    BF_OPTIONS_END
};

static const struct bf_option action[] = {
    BF_STRING(struct slack_action, title, .def = "", .flags = BF_TEMPLATE | BF_SHOWN,
              .help =
                  "heading, plain text of up to 150 characters; left empty, the automation's name"),
    BF_STRING(struct slack_action, text, .def = "", .flags = BF_TEMPLATE | BF_SHOWN,
              .help = "what to say, in Slack's markup: *bold*, `code`, <https://...|words>,"
                      " <!here>; values are plain text in it"),
    BF_STRING(struct slack_action, level, .def = "INFO", .choices = "INFO|WARN|ERROR",
              .help = "the heading's emoji and the bar's colour"),
    BF_JSON(struct slack_action, blocks, .flags = BF_SHOWN,
            .help = "an array of Block Kit blocks in place of all that; title and text are then"
                    " what notifications say"),
    BF_OPTIONS_END
};


/* --- when an integration is saved ------------------------------------------------------- */

static bool begins_with(const char *text, const char *with)
{
    return strncasecmp(text, with, strlen(with)) == 0;
}

static int check_mode(struct bf_ctx *ctx, const struct slack_integration *to)
{
    if (to->webhook_url && to->token)
        return bf_refuse(ctx, "token", "an integration posts by webhook_url or with token and"
                         " channel, not both; leave one of them out");
    if (!to->webhook_url && !to->token)
        return bf_refuse(ctx, "webhook_url", "this needs webhook_url, the address of an incoming"
                         " webhook, or token and channel");
    if (to->token && (!to->channel || !*to->channel))
        return bf_refuse(ctx, "channel", "token needs a channel to post to: its id, such as"
                         " C0123456789, or #name");
    if (!begins_with(to->api_base, "https://") && !begins_with(to->api_base, "http://"))
        return bf_refuse(ctx, "api_base", "api_base must begin with http:// or https://");
    return 0;
}

/* Somebody who copies an address by hand leaves off its end. */
static bool is_whole(const char *parts)
{
    for (int i = 0; i < 2; i++) {
        parts += strcspn(parts, "/");
        if (!*parts)
            return false;
        parts++;
    }
    return *parts;
}

/* What can be told of a secret is a warning and no more: it may have another value tomorrow, and
 * nobody would be asked then. */
static void look_at_url(struct bf_ctx *ctx, const char *url)
{
    if (!strstr(url, "slack.com/") && !strstr(url, "slack-gov.com/"))
        return;                 /* a proxy's, or none that can be read now */
    if (strstr(url, "/triggers/") || strstr(url, "/workflows/"))
        bf_warn(ctx, "webhook_url", "this is the address of a workflow, which takes variables and"
                " no messages; make an incoming webhook (https://hooks.slack.com/services/...)");
    else if (!begins_with(url, "https://") || !strstr(url, "/services/"))
        bf_warn(ctx, "webhook_url", "an incoming webhook of Slack has an address that begins with"
                " https://hooks.slack.com/services/; this one does not");
    else if (!is_whole(strstr(url, "/services/") + strlen("/services/")))
        bf_warn(ctx, "webhook_url", "an incoming webhook of Slack has three parts behind /services/,"
                " as in T000/B000/XXX; of this one something is missing");
}

static void look_at_token(struct bf_ctx *ctx, const char *token)
{
    if (*token && !begins_with(token, "xox"))
        bf_warn(ctx, "token", "a token that can post begins with xoxb- (a bot's) or xoxp-; this one"
                " does not");
}

/* Ids are capitals and digits. */
static void look_at_channel(struct bf_ctx *ctx, const char *channel)
{
    bool name = *channel == '#' && channel[1] && !strpbrk(channel, " \t");
    bool id = strchr("CGDU", *channel) && strlen(channel) >= 9 &&
              channel[strspn(channel, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")] == '\0';

    if (!id && !name)
        bf_warn(ctx, "channel", "\"%s\" looks like neither a channel's id, such as C0123456789, nor"
                " #name; Slack may not find it", channel);
}

static int slack_create(struct bf_ctx *ctx, const void *options, void **self)
{
    const struct slack_integration *to = options;
    struct bf_arena *a = bf_scratch(ctx);
    int rc = check_mode(ctx, to);

    *self = (void *)options;
    if (!rc && to->webhook_url)
        look_at_url(ctx, bf_reveal(ctx, a, to->webhook_url));
    if (!rc && to->token) {
        look_at_token(ctx, bf_reveal(ctx, a, to->token));
        look_at_channel(ctx, to->channel);
    }
    return rc;
}


/* --- when an automation is saved ---------------------------------------------------------- */

/* A name is cut where it stands in a heading or on a button, and nobody misses the rest of it; of what
 * is lost of a text people are told.  The hub asks for an event with long values too. */
static int slack_check(void *self, const struct bf_delivery *d)
{
    const struct slack_action *say = d->action;
    struct slack_problem p;

    (void)self;
    slack_message(d, &p);
    if (p.words && !p.of_value)
        return bf_refuse(d->ctx, "blocks", "%s", p.words);
    if (p.n_cut)
        bf_warn(d->ctx, "blocks", "with long values some texts are longer than Slack takes; they"
                " are cut, and say so");
    if (slack_has_blocks(say))
        return 0;               /* then the others are for notifications alone */
    if (say->title && slack_length(say->title) > SLACK_HEADER_MAX)
        bf_warn(d->ctx, "title", "this is longer than the %d characters of a heading; it is cut, and"
                " says so", SLACK_HEADER_MAX);
    if (say->text && slack_length(slack_markup(d, say->text)) > SLACK_SECTION_MAX)
        bf_warn(d->ctx, "text", "with long values this has more than the %s characters that a"
                " message shows of it; it is cut, and says so",
                slack_number(d->arena, SLACK_SECTION_MAX));
    return 0;
}


/* --- when it is sent ------------------------------------------------------------------------ */

static const char *api_address(struct bf_arena *a, const char *base)
{
    size_t len = strlen(base);

    while (len && base[len - 1] == '/')
        len--;
    return bf_printf(a, "%.*s/chat.postMessage", (int)len, base);
}

static int slack_request(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    const struct slack_integration *to = self;
    struct bf_arena *a = d->arena;
    struct slack_problem p;
    const char *message = slack_message(d, &p), *where = "";

    if (p.words)
        return bf_reject(d, "%s", p.words);
    if (to->token) {
        bf_request_to(req, "POST", api_address(a, to->api_base));
        bf_request_header(req, "Authorization", bf_printf(a, "Bearer %s", to->token));
        where = bf_printf(a, "\"channel\":%s,\"parse\":\"none\",\"link_names\":false,",
                          bf_quote(a, to->channel));
    } else {
        bf_request_to(req, "POST", to->webhook_url);
    }
    bf_request_body(req, "application/json; charset=utf-8",
                    "{%s\"unfurl_links\":false,\"unfurl_media\":false,%s}", where, message);
    return 0;
}

static int slack_judge(void *self, const struct bf_delivery *d, const struct bf_http_out *out)
{
    const struct slack_integration *to = self;

    return to->token ? slack_judge_api(d, out) : slack_judge_webhook(d, out);
}

static const struct bf_sink slack = {
    BF_SINK("slack", "Post a message to a Slack channel"),
    BF_INTEGRATION(struct slack_integration, integration),
    BF_ACTION(struct slack_action, action),
    .flags = BF_QUICK,
    .create = slack_create,
    .check = slack_check,
    .request = slack_request,
    .judge = slack_judge,
    .pace = "1/s",
    .max_merged = 1000,
};

BF_PLUGIN(slack, "1.0", BF_SINKS(&slack), BF_SOURCES(&slack_source), BF_SCHEMA(slack_connects));
