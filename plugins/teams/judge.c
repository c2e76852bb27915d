/* judge.c - what the two services answer, and what it means.
 *
 * A connector's 200 is no yes: what Teams said of the message is a text behind it, "1" if it was
 * posted.  A flow's 202 is no yes either, and there never comes one: it has only begun. */
#include "teams.h"

#include <stdlib.h>
#include <string.h>

#define EXCERPT 200
#define RUNS "whether the flow posted it is only seen in its run history in Power Automate"

/* The answer's first words, on one line. */
static const char *excerpt(const struct bf_delivery *d, const char *text)
{
    return *text ? teams_cut(d->arena, (struct teams_text){
                       .s = teams_escape(d->arena, text, TEAMS_PLAIN)}, EXCERPT)
                 : "without a word";
}

/* The status that Teams gave to the connector, or 0. */
static int status_within(const char *body)
{
    const char *at = strstr(body, "HTTP error ");

    return at ? atoi(at + strlen("HTTP error ")) : 0;
}

static bool is_one(const char *body)
{
    body += strspn(body, " \t\r\n");
    return *body == '1' && body[1 + strspn(body + 1, " \t\r\n")] == '\0';
}

static int too_large(const struct bf_delivery *d)
{
    return bf_reject(d, "Teams says that the message is too large (413): it takes 28 KB, of a"
                     " connector sometimes no more than 21; shorten it");
}

/* A success by its status, but its text is not "1". */
static int judge_text(const struct bf_delivery *d, const struct bf_http_out *out)
{
    const char *body = out->body;
    int status = status_within(body);

    if (status == 413)
        return too_large(d);
    if (status == 429)
        return bf_retry(d, -1, "the connector answered HTTP %d, but Teams takes no more for now (429)",
                        out->status);
    if (status >= 500 || strstr(body, "Error contacting"))
        return bf_retry(d, -1, "the connector answered HTTP %d, but did not post it: %s", out->status,
                        excerpt(d, body));
    return bf_reject(d, "the connector answered HTTP %d, but did not post it: %s", out->status,
                     excerpt(d, body));
}

static int judge_connector(const struct bf_delivery *d, const struct bf_http_out *out)
{
    if (out->status >= 200 && out->status < 300)
        return is_one(out->body) ? bf_default(d, out) : judge_text(d, out);
    switch (out->status) {
    case 404:
    case 410:
        return bf_reject(d, "HTTP %d: there is no such connector (any more); make a flow that posts"
                         " to the channel (Workflows in Teams) and give its URL", out->status);
    case 413:
        return too_large(d);
    default:
        if (out->status >= 400 && bf_default(d, out) == BF_REJECTED)
            return bf_reject(d, "HTTP %d: %s", out->status, excerpt(d, out->body));
        return bf_default(d, out);
    }
}

static int judge_signature(const struct bf_delivery *d, const struct bf_http_out *out)
{
    if (strstr(out->body, "DirectApiAuthorizationRequired"))
        return bf_reject(d, "HTTP %d: the flow wants its callers to log in; let \"Who can trigger the"
                         " flow\" be Anyone, and give the URL that it has then", out->status);
    return bf_reject(d, "HTTP %d: the signature in the URL (sig=…) is not the flow's; copy the URL"
                     " from the flow's trigger again, as a whole", out->status);
}

static int judge_no(const struct bf_delivery *d, const struct bf_http_out *out)
{
    const char *message = bf_get(d->arena, out->body, "/error/message");

    if (strstr(out->body, "WorkflowTriggerIsNotEnabled"))
        return bf_reject(d, "HTTP %d: the flow is turned off, or was deleted; turn it on in Power"
                         " Automate, or make another and give its URL", out->status);
    return bf_reject(d, "HTTP %d: %s", out->status, excerpt(d, *message ? message : out->body));
}

static int judge_flow(const struct bf_delivery *d, const struct bf_http_out *out)
{
    int outcome;

    switch (out->status) {
    case 202:
        return bf_accept(d, "accepted by Teams; " RUNS);
    case 401:
    case 403:
        return judge_signature(d, out);
    case 404:
    case 410:
        return bf_reject(d, "HTTP %d: there is no such flow (any more), or its URL is an old one; copy"
                         " the URL from the flow's trigger again, or make another flow", out->status);
    case 413:
        return too_large(d);
    default:
        outcome = bf_default(d, out);
        if (outcome == BF_DELIVERED)    /* by an answer that the flow's maker put into it */
            return bf_accept(d, "the flow answered HTTP %d; " RUNS, out->status);
        return outcome == BF_REJECTED && out->status >= 400 ? judge_no(d, out) : outcome;
    }
}

int teams_judge(void *self, const struct bf_delivery *d, const struct bf_http_out *out)
{
    if (teams_kind_of(self, d->ctx, d->arena) == TEAMS_CONNECTOR)
        return judge_connector(d, out);
    return judge_flow(d, out);
}
