/* answer.c - what Slack's answers mean, and what a person can do about them.
 *
 * An incoming webhook answers 200 and "ok"; else a status and a code as plain text.  The Web API
 * answers 200 whatever happens, and says in JSON whether it did:
 * {"ok":false,"error":"not_in_channel"}.  Where a 200 brings something else it is not Slack that
 * answers, but a proxy or a page of somebody's: nothing was posted, and it may be over in a
 * while. */
#include "plugins/slack/slack.h"

#include <string.h>

#define SHOWN_MAX 200           /* characters of an answer that are told */

static const struct meaning {
    const char *code;
    int outcome;
    const char *words;
} meanings[] = {
    /* of webhooks */
    { "invalid_payload", BF_REJECTED,
      "the message is malformed; if it has blocks of its own, try them in Slack's Block Kit "
      "Builder" },
    { "no_text", BF_REJECTED, "the message is empty" },
    { "no_service", BF_REJECTED,
      "the webhook was removed or switched off; make a new one and save its address in the "
      "integration" },
    { "no_service_id", BF_REJECTED,
      "the address is no webhook's any more; make a new one and save its address in the "
      "integration" },
    { "no_active_hooks", BF_REJECTED,
      "the app's webhooks are switched off; switch Incoming Webhooks on in its settings" },
    { "no_team", BF_REJECTED, "there is no such workspace; look at the webhook's address" },
    { "team_disabled", BF_REJECTED, "the workspace is not active any more" },
    { "invalid_token", BF_REJECTED,
      "the webhook's address is wrong or no longer valid; copy it anew from the app's settings" },
    { "user_not_found", BF_REJECTED, "the webhook posts to a person who is not there" },
    { "action_prohibited", BF_REJECTED,
      "an admin of the workspace has restricted who may post there" },
    { "posting_to_general_channel_denied", BF_REJECTED,
      "an admin has restricted posting to #general; choose another channel" },
    { "too_many_attachments", BF_REJECTED, "the message has more than 100 attachments" },
    { "rollup_error", BF_RETRY, "Slack had an error of its own" },
    /* of both */
    { "channel_not_found", BF_REJECTED,
      "there is no such channel, or the app may not see it; a private channel needs /invite" },
    { "channel_is_archived", BF_REJECTED,
      "the channel is archived; unarchive it or choose another" },
    { "is_archived", BF_REJECTED, "the channel is archived; unarchive it or choose another" },
    { "invalid_blocks", BF_REJECTED, "Slack does not take these blocks" },
    { "invalid_blocks_format", BF_REJECTED, "the blocks are no list of blocks" },
    { "invalid_attachments", BF_REJECTED, "Slack does not take these attachments" },
    { "msg_too_long", BF_REJECTED, "the text is too long" },
    { "msg_blocks_too_long", BF_REJECTED, "the blocks hold too much text" },
    { "token_revoked", BF_REJECTED,
      "the token was revoked; install the app again and store its new token" },
    /* of the Web API */
    { "not_in_channel", BF_REJECTED,
      "the app is not in the channel: /invite it there, or give it the scope chat:write.public" },
    { "invalid_auth", BF_REJECTED,
      "the token is wrong; copy the bot token (xoxb-…) from the app's settings" },
    { "not_authed", BF_REJECTED, "no token arrived; store the bot token (xoxb-…) again" },
    { "account_inactive", BF_REJECTED,
      "the app was removed from the workspace; install it again and store its new token" },
    { "token_expired", BF_REJECTED,
      "the token has expired; switch token rotation off in the app's settings, or store a new "
      "one" },
    { "missing_scope", BF_REJECTED, "the token lacks a scope" },
    { "not_allowed_token_type", BF_REJECTED,
      "this kind of token cannot post; use the bot token (xoxb-…)" },
    { "no_permission", BF_REJECTED, "the app may not post there; /invite it into the channel" },
    { "restricted_action", BF_REJECTED,
      "an admin of the workspace has restricted who may post there" },
    { "restricted_action_read_only_channel", BF_REJECTED, "the channel is read-only" },
    { "restricted_action_thread_only_channel", BF_REJECTED,
      "the channel takes answers in threads only" },
    { "restricted_action_thread_locked", BF_REJECTED, "the thread is locked" },
    { "restricted_action_non_threadable_channel", BF_REJECTED, "the channel takes no threads" },
    { "ekm_access_denied", BF_REJECTED, "an admin has suspended posting in this workspace" },
    { "access_denied", BF_REJECTED, "the app may not use what the message names" },
    { "accesslimited", BF_REJECTED,
      "this hub's network may not reach the workspace; its admins have an allow list of "
      "addresses" },
    { "enterprise_is_restricted", BF_REJECTED, "the organisation does not allow this" },
    { "team_access_not_granted", BF_REJECTED, "the token is not good for the channel's workspace" },
    { "two_factor_setup_required", BF_REJECTED,
      "whoever installed the app has to set up two factors" },
    { "messages_tab_disabled", BF_REJECTED,
      "the app takes no messages of its own; choose a channel" },
    { "message_limit_exceeded", BF_RETRY, "the workspace has posted too much for now" },
    { "ratelimited", BF_RETRY, "Slack asks to go slower" },
    { "rate_limited", BF_RETRY, "Slack asks to go slower" },
    { "internal_error", BF_RETRY, "Slack had an error of its own" },
    { "fatal_error", BF_RETRY, "Slack had an error of its own" },
    { "service_unavailable", BF_RETRY, "Slack is not available" },
    { "request_timeout", BF_RETRY, "Slack did not get all of the request in time" },
    { "team_added_to_org", BF_RETRY, "the workspace is being moved into an organisation" },
    { "org_login_required", BF_RETRY, "the workspace is being moved into an organisation" },
};

static const struct meaning *find(const char *code)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
        if (strcmp(meanings[i].code, code) == 0)
            return &meanings[i];
    return NULL;
}

/* The code that a text is, a word of lower case letters and _; "" if it is something else. */
static const char *code_in(struct bf_arena *a, const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789");

    if (n < 2 || n > 80 || text[n + strspn(text + n, " \r\n")])
        return "";
    return bf_printf(a, "%.*s", (int)n, text);
}

static int by_code(const struct bf_delivery *d, const struct bf_http_out *out, const char *code,
                   const char *more)
{
    const struct meaning *m = find(code);

    if (!m && bf_default(d, out) == BF_RETRY)
        return bf_retry(d, -1, "HTTP %d: Slack says %s", (int)out->status, code);
    if (!m)
        return bf_reject(d, "Slack refused the message: %s%s", code, more);
    if (m->outcome == BF_RETRY)
        return bf_retry(d, -1, "Slack says %s: %s", code, m->words);
    return bf_reject(d, "Slack refused the message: %s: %s%s", code, m->words, more);
}

/* What an answer that is not Slack's begins with. */
static const char *begins(const struct bf_delivery *d, const struct bf_http_out *out)
{
    const char *text = slack_cut(d->arena, slack_line(d->arena, out->body), SHOWN_MAX, false);

    return *text ? bf_printf(d->arena, "\"%s\"", text) : "nothing";
}

/* Not a word of Slack's was in it. */
static int by_status(const struct bf_delivery *d, const struct bf_http_out *out)
{
    int outcome = bf_default(d, out);

    if (outcome == BF_DELIVERED)
        return bf_retry(d, -1, "HTTP %d, but it is not Slack that answers: its answer begins"
                        " with %s", (int)out->status, begins(d, out));
    if (out->status == 429)
        return bf_retry(d, -1, "HTTP 429: Slack asks to go slower");
    if (outcome == BF_RETRY)
        return bf_retry(d, -1, "HTTP %d: the answer begins with %s", (int)out->status,
                        begins(d, out));
    if (out->status >= 300 && out->status < 400)
        return outcome;
    return bf_outcome(d, outcome, -1, "HTTP %d: the answer begins with %s", (int)out->status,
                      begins(d, out));
}

int slack_judge_webhook(const struct bf_delivery *d, const struct bf_http_out *out)
{
    const char *code = code_in(d->arena, out->body);

    if (out->status == 200 && strcmp(code, "ok") == 0)
        return BF_DELIVERED;
    return *code ? by_code(d, out, code, "") : by_status(d, out);
}

/* What else the API says of an error: the scope that it wants, or what is wrong with a block. */
static const char *more_of(const struct bf_delivery *d, const struct bf_http_out *out)
{
    struct bf_arena *a = d->arena;
    const char *needed = bf_get(a, out->body, "/needed");
    struct bf_item it = { .size = sizeof(it) };
    struct bf_text more = { 0 };

    if (*needed)
        bf_append(a, &more, ": %s; give it to the app and install it again", needed);
    while (bf_each(a, out->body, "/response_metadata/messages", &it))
        bf_append(a, &more, "%s%s", more.len ? "; " : ": ", it.value);
    it = (struct bf_item){ .size = sizeof(it) };
    while (!more.len && bf_each(a, out->body, "/errors", &it))
        bf_append(a, &more, ": %s", it.value);
    return more.s ? slack_cut(a, slack_line(a, more.s), SHOWN_MAX, false) : "";
}

int slack_judge_api(const struct bf_delivery *d, const struct bf_http_out *out)
{
    const char *ok = bf_get(d->arena, out->body, "/ok");
    const char *code = code_in(d->arena, bf_get(d->arena, out->body, "/error"));

    if (out->status == 200 && strcmp(ok, "true") == 0)
        return BF_DELIVERED;
    if (strcmp(ok, "false") == 0 && *code)
        return by_code(d, out, code, more_of(d, out));
    return by_status(d, out);
}
