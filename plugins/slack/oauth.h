/* oauth.h - one connecting of a team with Slack, as the files of slack.app share it. */
#ifndef BF_SLACK_OAUTH_H
#define BF_SLACK_OAUTH_H

#include <stdatomic.h>
#include <string.h>

#include <belfry/plugin.h>

/* The operator's. */
struct slack_app {
    const char *service;
    int64_t timeout;
    atomic_int busy;            /* connectings under way on workers */
};

/* All texts live in the request's arena. */
struct slack_connecting {
    struct slack_app *app;
    const struct bf_caller *who;        /* began it, with the rights of today */
    const char *nonce;
    const char *team;
    const char *name;           /* of the integration that it is to become */
    const char *client_id;      /* names of the team's secrets: of the app's id, */
    const char *client_secret;  /* and of its secret */
    const char *scopes;
    const char *bind;           /* what the cookie of the browser holds */
    const char *code;           /* from Slack, good once */

    const char *url;            /* what Slack gave: the webhook, */
    const char *channel;        /* "#ml-alerts", */
    const char *workspace;      /* and whose */

    const char *id;             /* the integration's, once it is kept */
    int status;                 /* what the browser is shown */
    const char *title;
    const char *words;
};

static inline const char *percent(struct bf_arena *a, const char *text)
{
    return bf_encode(a, BF_PERCENT, text, strlen(text));
}

/* The connecting ends so; gives false. */
bool slack_end(struct slack_connecting *g, int status, const char *words);

/* keep.c: the integration of the name, through the hub's own REST and with the rights of g->who.
 * Whether there is one, and what it speaks to ("" if there is none); false if that cannot be said. */
bool slack_find(struct bf_ctx *ctx, struct bf_arena *a, struct slack_connecting *g,
                const char **sink);
/* Store the webhook as a secret and the integration that names it: both, or neither.  [worker] */
bool slack_keep(struct bf_ctx *ctx, struct bf_arena *a, struct slack_connecting *g);

extern const struct bf_source slack_source;
/* Its table, for the plugin's schema. */
extern const char slack_connects[];

#endif
