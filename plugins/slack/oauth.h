/* oauth.h - one connecting of a team with Slack, as the files of slack.app share it. */
#ifndef BF_SLACK_OAUTH_H
#define BF_SLACK_OAUTH_H

#include <stdatomic.h>
#include <string.h>

#include <belfry/plugin.h>

#define SLACK_DONE_PATH "/connect/slack-done"
#define SLACK_STEP_MS   (10 * 60 * 1000)        /* how long a ticket or state is good */

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

/* --- step.c: from one step to the next --- */

/* What a step is for. */
#define SLACK_TO_GO     "go"
#define SLACK_TO_FINISH "finish"
#define SLACK_TO_ASK    "ask"

/* NULL if there is no room for it. */
struct slack_connecting *slack_new_connecting(struct bf_arena *a, void *self);
const char *slack_seal_step(struct bf_ctx *ctx, struct bf_arena *a, const char *what, int64_t ms,
                            const struct slack_connecting *g);
/* Into *g, but for who began; false if it is none, of something else, or late. */
bool slack_open_step(struct bf_ctx *ctx, struct bf_arena *a, const char *what, const char *token,
                     struct slack_connecting *g, const char **caller);
/* Who began must be an admin of the team still. */
bool slack_find_admin(struct bf_ctx *ctx, struct bf_arena *a, struct slack_connecting *g,
                      const char *caller);
/* NULL if the system has no randomness, which it always has. */
const char *slack_random_word(struct bf_arena *a);
bool slack_is_word(const char *text);           /* like one of these */
/* As Slack makes them: two numbers and a dot. */
bool slack_is_client_id(const char *id);

/* The connecting ends so; gives false. */
bool slack_end(struct slack_connecting *g, int status, const char *words);
/* A page that says so, before there is one to end; gives the status. */
int slack_stop(const struct bf_http_in *in, struct bf_reply *re, int status, const char *words);

/* --- begin.c: POST and GET /connect/slack/TEAM --- */

int slack_on_begin(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                   struct bf_reply *re);

/* --- keep.c --- */

/* The integration of the name, through the hub's own REST and with the rights of g->who.
 * Whether there is one, and what it speaks to ("" if there is none); false if that cannot be said. */
bool slack_find(struct bf_ctx *ctx, struct bf_arena *a, struct slack_connecting *g,
                const char **sink);
/* Store the webhook as a secret and the integration that names it: both, or neither.  [worker] */
bool slack_keep(struct bf_ctx *ctx, struct bf_arena *a, struct slack_connecting *g);

/* --- oauth.c --- */

extern const struct bf_source slack_source;
/* Its table, for the plugin's schema. */
extern const char slack_connects[];

#endif
