/* oauth.c - slack.app: teams connect a channel of Slack, each with a Slack app of its own.
 *
 * THE WAY.  An admin of a team asks POST /connect/slack/TEAM for an address, and opens it in a
 * browser, which need not be logged in here.  /connect/slack-go sends that to Slack, where its owner
 * chooses workspace and channel and says yes.  Slack sends the browser back to /connect/slack-done
 * with a code; the hub exchanges the code for an incoming webhook, keeps its URL as a secret of the
 * team, and makes the integration.  Client id and secret of the app are secrets of the team as well,
 * SLACK_CLIENT_ID and SLACK_CLIENT_SECRET unless the request names others: nothing of it is the
 * operator's.  In the app's settings the team enters HUB/connect/slack-done as a redirect URL.
 *
 * SLACK'S PART (docs.slack.dev, "Installing with OAuth" and oauth.v2.access).  GET
 * /oauth/v2/authorize takes client_id, scope, redirect_uri and state; redirect_uri must be https and
 * begin with a redirect URL of the app, and the very same text goes along with the code, which is
 * good for ten minutes and once.  oauth.v2.access takes the client's id and secret as basic-auth, and
 * answers 200 whatever happens: "ok" and "error" tell.  The scope incoming-webhook has the browser
 * choose a channel, and gives "incoming_webhook" with its url.  The token that comes along is not
 * kept.  A browser that said no comes back with error=access_denied.
 *
 * SAFETY.
 *   - Ticket and state are sealed by the hub: nobody makes, reads or changes one.  They hold for ten
 *     minutes each, and carry the team, who began, and the name, none of which is taken from the
 *     request that comes back.
 *   - The state is tied to a cookie of the browser that opened the address: nobody can have another
 *     person finish his connecting, or slip her a code of his own workspace.
 *   - One ticket connects once.  Its nonce is taken, in a transaction, before the code is used, so
 *     that of two requests with one state, or a repeat, only the first does anything.
 *   - Who began is looked up again at every step, and must be an admin of the team at that moment;
 *     what is stored is stored with his rights.
 *   - The only redirects are to `service` and to paths of our own.  Answers are kept by no cache, and
 *     pages say no-referrer, so that an address with a code in it goes no further.
 *   - The code and the webhook's URL are in no log line and no page.
 *   - What is shown to the browser as the client's id must look like one: else a secret of another
 *     kind, named as the id, could be read off the address line. */
#include <string.h>

#include "plugins/slack/oauth.h"
#include "plugins/slack/page.h"

#define KEPT_MS    (2 * 60 * 60 * 1000) /* nonces are kept for longer than anything with them lasts */
#define AT_ONCE    2            /* exchanges; they ask the hub, which needs workers to answer */
#define AGAIN_MS   20
#define CODE_MAX   512
#define COOKIE     "belfry_connect_"    /* and the nonce behind it */

const char slack_connects[] = "CREATE TABLE slack_connects (nonce TEXT PRIMARY KEY,"
                                 " until INTEGER NOT NULL, outcome TEXT NOT NULL)";

static const struct bf_option options[] = {
    BF_STRING(struct slack_app, service, .def = "https://slack.com",
              .help = "address of Slack, where teams connect; https://slack-gov.com is another"),
    BF_DURATION(struct slack_app, timeout, .def = "10s",
                .help = "how long Slack may take to answer"),
    BF_OPTIONS_END
};

static int create(struct bf_ctx *ctx, const void *given, void **self)
{
    const struct slack_app *app = given;
    const char *host = strstr(app->service, "://");

    *self = (void *)given;
    if ((strncmp(app->service, "https://", 8) == 0 || strncmp(app->service, "http://", 7) == 0) &&
        host[3] && !strpbrk(host + 3, "/?# "))
        return 0;
    return bf_refuse(ctx, "service", "service must be an address without a path, as"
                     " https://slack.com, not \"%s\"", app->service);
}


/* --- GET /connect/slack-go ------------------------------------------------------------ */

/* NULL if there is none of that name. */
static const char *cookie_of(struct bf_ctx *ctx, const struct bf_http_in *in, const char *nonce)
{
    const char *at = bf_header(ctx, in->headers, "Cookie");
    const char *name = bf_printf(in->arena, COOKIE "%s=", nonce);

    for (; at && *at; at += strspn(at, "; ")) {
        size_t len = strcspn(at, ";");

        if (strncmp(at, name, strlen(name)) == 0)
            return bf_printf(in->arena, "%.*s", (int)(len - strlen(name)), at + strlen(name));
        at += len;
    }
    return NULL;
}

/* The path of our pages as the browser sees it, should the hub's address have one. */
static const char *cookie_path(struct bf_ctx *ctx, struct bf_arena *a)
{
    const char *host = strstr(bf_url(ctx, a, "/connect"), "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;

    return path ? path : "/";
}

static void set_cookie(struct bf_ctx *ctx, struct bf_arena *a, struct bf_reply *re,
                       const struct slack_connecting *g)
{
    bool secure = strncmp(bf_url(ctx, a, "/"), "https://", 8) == 0;

    bf_reply_header(re, "Set-Cookie",
                    bf_printf(a, COOKIE "%s=%s; Path=%s; Max-Age=%d; HttpOnly; SameSite=Lax%s",
                              g->nonce, g->bind, cookie_path(ctx, a), SLACK_STEP_MS / 1000,
                              secure ? "; Secure" : ""));
}

/* What became of a nonce: "" if it was never used, or has not come to an end. */
static const char *outcome_of(struct bf_ctx *ctx, struct bf_arena *a, const char *nonce, bool *used)
{
    struct bf_stmt *st = bf_sql(ctx, "SELECT outcome FROM slack_connects WHERE nonce = ?");

    bf_bind_text(st, 1, nonce);
    *used = bf_step(st) == 1;
    return *used ? bf_printf(a, "%s", bf_col_text(st, 0)) : "";
}

static int go(struct bf_ctx *ctx, const struct bf_http_in *in, struct bf_reply *re,
              struct slack_connecting *g, const char *client_id)
{
    struct bf_arena *a = in->arena;
    const char *known = cookie_of(ctx, in, g->nonce);

    /* The address opened twice in one browser: both of its pages may finish. */
    g->bind = known && slack_is_word(known) ? known : slack_random_word(a);
    if (!g->bind)
        return 500;
    set_cookie(ctx, a, re, g);
    slack_page_headers(re);
    bf_reply_header(re, "Location",
                    bf_printf(a, "%s/oauth/v2/authorize?client_id=%s&scope=%s&redirect_uri=%s"
                              "&state=%s", g->app->service, percent(a, client_id),
                              percent(a, g->scopes), percent(a, bf_url(ctx, a, SLACK_DONE_PATH)),
                              slack_seal_step(ctx, a, SLACK_TO_FINISH, SLACK_STEP_MS, g)));
    return 302;
}

static int on_go(struct bf_ctx *ctx, void *self, const struct bf_http_in *in, struct bf_reply *re)
{
    struct slack_connecting *g = slack_new_connecting(in->arena, self);
    const char *caller, *id;
    bool used;

    if (!g)
        return bf_status(BF_ENOMEM);
    if (!slack_open_step(ctx, in->arena, SLACK_TO_GO, bf_param(in, "ticket"), g, &caller))
        return slack_stop(in, re, 400, "This address is not good, or not any more: it is for ten"
                         " minutes.\nBegin again: belfry integrations connect slack.");
    if (!slack_find_admin(ctx, in->arena, g, caller))
        return slack_stop(in, re, 403, bf_printf(in->arena, "Whoever made this address is no admin of"
                                                " team %s any more.", g->team));
    outcome_of(ctx, in->arena, g->nonce, &used);
    if (used)
        return slack_stop(in, re, 409, "This address was used already.\nBegin again: belfry"
                         " integrations connect slack.");
    id = bf_team_secret(ctx, in->arena, g->who, g->team, g->client_id);
    id = id ? bf_reveal(ctx, in->arena, id) : "";
    if (!slack_is_client_id(id))
        return slack_stop(in, re, 400, bf_printf(in->arena, "The secret %s of team %s is gone, or is"
                                                " no Client ID of a Slack app.", g->client_id,
                                                g->team));
    return go(ctx, in, re, g, id);
}


/* --- GET /connect/slack-done ------------------------------------------------------------ */

/* What oauth.v2.access says, for people who set up an app. */
static const char *explain(struct bf_ctx *ctx, struct bf_arena *a,
                           const struct slack_connecting *g, const char *error)
{
    const struct { const char *error, *words; } known[] = {
        {"invalid_client_id", bf_printf(a, "the secret %s of team %s is not the Client ID of the app,"
                                        " or %s is not its Client Secret", g->client_id, g->team,
                                        g->client_secret)},
        {"bad_client_secret", bf_printf(a, "the secret %s of team %s is not the app's Client Secret",
                                        g->client_secret, g->team)},
        {"bad_redirect_uri", bf_printf(a, "%s must stand among the app's Redirect URLs, on its page"
                                       " OAuth & Permissions", bf_url(ctx, a, SLACK_DONE_PATH))},
        {"invalid_code", "Slack does not know the code; it is good for ten minutes, and once"},
        {"code_already_used", "the code was used before"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(known[i].error, error) == 0)
            return bf_printf(a, "Slack says %s: %s.", error, known[i].words);
    return *error ? bf_printf(a, "Slack says %.100s.", error)
                  : "Slack answered something else than it should.";
}

/* A string, or "" for what is none. */
static const char *text_at(struct bf_arena *a, const char *json, const char *pointer)
{
    return bf_type(a, json, pointer) == BF_V_STRING ? bf_get(a, json, pointer) : "";
}

static const char *words_of(int err)
{
    switch (err) {
    case BF_ETIMEDOUT: return "Slack does not answer in time";
    case BF_EPERM: return "The hub's operator allows no connection to Slack";
    default: return "Slack cannot be reached";
    }
}

static bool judge(struct bf_ctx *ctx, struct bf_arena *a, struct slack_connecting *g,
                  const struct bf_http_out *out)
{
    const char *scheme = strncmp(g->app->service, "https", 5) == 0 ? "https://" : "http";

    if (out->err)
        return slack_end(g, 504, bf_printf(a, "%s at %s; nothing was connected.",
                                           words_of(out->err), g->app->service));
    if (out->status != 200)
        return slack_end(g, 502, bf_printf(a, "Slack answered with HTTP status %d; nothing was"
                                              " connected.", (int)out->status));
    if (strcmp(bf_get(a, out->body, "/ok"), "true") != 0)
        return slack_end(g, 502, explain(ctx, a, g, text_at(a, out->body, "/error")));
    g->url = text_at(a, out->body, "/incoming_webhook/url");
    g->channel = text_at(a, out->body, "/incoming_webhook/channel");
    g->workspace = text_at(a, out->body, "/team/name");
    if (!*g->workspace)         /* of an app that is installed for all of an organisation */
        g->workspace = text_at(a, out->body, "/enterprise/name");
    if (strncmp(g->url, scheme, strlen(scheme)) != 0)
        return slack_end(g, 502, "Slack gave no incoming webhook; the app must have the scope"
                                 " incoming-webhook, on its page OAuth & Permissions.");
    return true;
}

static bool exchange(struct bf_ctx *ctx, struct bf_arena *a, struct slack_connecting *g)
{
    const char *id = bf_team_secret(ctx, a, g->who, g->team, g->client_id);
    const char *secret = bf_team_secret(ctx, a, g->who, g->team, g->client_secret);
    struct bf_request *req = bf_request_new(ctx, a);

    if (!id || !secret)
        return slack_end(g, 400, bf_printf(a, "The secrets %s and %s of team %s are not there any more,"
                                              " or %s is no admin of it.", g->client_id,
                                           g->client_secret, g->team, g->who->user));
    bf_request_to(req, "POST", bf_printf(a, "%s/api/oauth.v2.access", g->app->service));
    bf_request_basic(req, id, secret);
    bf_request_body(req, "application/x-www-form-urlencoded", "code=%s&redirect_uri=%s",
                    percent(a, g->code), percent(a, bf_url(ctx, a, SLACK_DONE_PATH)));
    bf_request_limit(req, g->app->timeout, 0);
    return judge(ctx, a, g, bf_fetch(ctx, req));
}

static int show(struct bf_ctx *ctx, void *self, const struct bf_http_in *in, struct bf_reply *re)
{
    const struct slack_connecting *g = self;

    (void)ctx;
    return slack_page(re, in->arena, g->status, g->title,
                      bf_printf(in->arena, "%s\n%s", g->words,
                                g->status < 300 ? "You can close this page."
                                                : "Begin again with a new address:"
                                                  " belfry integrations connect slack."));
}

/* For whoever asks what became of it. */
static int settle(struct bf_ctx *ctx, void *self, const struct bf_http_in *in, struct bf_reply *re)
{
    struct slack_connecting *g = self;
    struct bf_arena *a = in->arena;
    struct bf_stmt *st = bf_sql(ctx, "UPDATE slack_connects SET outcome = ? WHERE nonce = ?");
    int rc;

    bf_bind_text(st, 1, bf_printf(a, "{\"status\":\"%s\",\"message\":%s,\"integration\":%s}",
                                  g->id ? "connected" : "failed", bf_quote(a, g->words),
                                  g->id ? bf_quote(a, g->id) : "null"));
    bf_bind_text(st, 2, g->nonce);
    rc = bf_step(st);
    return rc < 0 ? bf_status(rc) : bf_continue(re, BF_ON_ROUTE, show, g);
}

/* Keeping asks the hub, and what it asks may need a worker too: if all of them stood here, nobody
 * would be left to answer. */
static int connect_team(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                        struct bf_reply *re)
{
    struct slack_connecting *g = self;
    atomic_int *busy = &g->app->busy;

    if (atomic_fetch_add(busy, 1) >= AT_ONCE) {
        atomic_fetch_sub(busy, 1);
        bf_sleep(ctx, AGAIN_MS);
        return bf_continue(re, BF_ON_WORKER, connect_team, g);
    }
    if (exchange(ctx, in->arena, g) && slack_keep(ctx, in->arena, g))
        bf_log(ctx, BF_LOG_INFO, "%s connected integration %s of team %s", g->who->user, g->name,
               g->team);
    atomic_fetch_sub(busy, 1);
    return bf_continue(re, BF_ON_ENGINE, settle, g);
}

/* The same page again for who loads it again. */
static void repeat(struct bf_arena *a, struct slack_connecting *g, const char *outcome)
{
    const char *words = bf_get(a, outcome, "/message");

    if (strcmp(bf_get(a, outcome, "/status"), "connected") == 0) {
        g->status = 200;
        g->title = "Slack is connected";
        g->words = words;
    } else {
        slack_end(g, 409, *words ? words : "This answer of Slack's is in hand already.");
    }
}

/* The nonce is spent before the code is. */
static int claim(struct bf_ctx *ctx, void *self, const struct bf_http_in *in, struct bf_reply *re)
{
    struct slack_connecting *g = self;
    struct bf_stmt *st = bf_sql(ctx, "DELETE FROM slack_connects WHERE until < ?");
    const char *outcome;
    bool used;
    int rc;

    bf_bind_int(st, 1, bf_now_ms(ctx));
    rc = bf_step(st);
    if (rc < 0)
        return bf_status(rc);
    outcome = outcome_of(ctx, in->arena, g->nonce, &used);
    if (used) {
        repeat(in->arena, g, outcome);
        return bf_continue(re, BF_ON_ROUTE, show, g);
    }
    st = bf_sql(ctx, "INSERT INTO slack_connects (nonce, until, outcome) VALUES (?, ?, '')");
    bf_bind_text(st, 1, g->nonce);
    bf_bind_int(st, 2, bf_now_ms(ctx) + KEPT_MS);
    rc = bf_step(st);
    return rc < 0 ? bf_status(rc) : bf_continue(re, BF_ON_WORKER, connect_team, g);
}

/* A page if the browser brings no code, else 0. */
static int check_error(const struct bf_http_in *in, struct bf_reply *re)
{
    const char *error = bf_param(in, "error"), *code = bf_param(in, "code");

    if (error && strcmp(error, "access_denied") == 0)
        return slack_page(re, in->arena, 200, "Nothing was connected",
                          "At Slack it was cancelled, and nothing has changed here.\nThe address"
                          " that you came by can be opened once more, or this page closed.");
    if (error)
        return slack_stop(in, re, 400, bf_printf(in->arena, "Slack says %.100s.", error));
    if (!code || !*code || strlen(code) > CODE_MAX)
        return slack_stop(in, re, 400, "Slack sent no code along.\nBegin again: belfry integrations"
                         " connect slack.");
    return 0;
}

static int on_done(struct bf_ctx *ctx, void *self, const struct bf_http_in *in, struct bf_reply *re)
{
    struct slack_connecting *g = slack_new_connecting(in->arena, self);
    const char *caller, *cookie;
    int status;

    if (!g)
        return bf_status(BF_ENOMEM);
    if (strcmp(in->method, "GET") != 0)
        return 204;             /* a HEAD looks, and does nothing */
    if (!slack_open_step(ctx, in->arena, SLACK_TO_FINISH, bf_param(in, "state"), g, &caller))
        return slack_stop(in, re, 400, "This took longer than ten minutes, or did not begin here.\n"
                         "Begin again: belfry integrations connect slack.");
    cookie = cookie_of(ctx, in, g->nonce);
    if (!cookie || !bf_same(ctx, cookie, g->bind))
        return slack_stop(in, re, 403, "This began in another browser, and must be finished there.\n"
                         "To connect from here, begin again: belfry integrations connect slack.");
    status = check_error(in, re);
    if (status)
        return status;
    if (!slack_find_admin(ctx, in->arena, g, caller))
        return slack_stop(in, re, 403, bf_printf(in->arena, "Whoever began this is no admin of team %s"
                                                " any more; nothing was connected.", g->team));
    g->code = bf_param(in, "code");
    return bf_continue(re, BF_ON_ENGINE, claim, g);
}


/* --- GET /connect/slack/TEAM/status ------------------------------------------------------ */

static int on_status(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                     struct bf_reply *re)
{
    struct slack_connecting *g = slack_new_connecting(in->arena, self);
    const char *caller, *outcome;
    bool used;

    if (!g)
        return bf_status(BF_ENOMEM);
    if (!slack_open_step(ctx, in->arena, SLACK_TO_ASK, bf_param(in, "ticket"), g, &caller) ||
        strcmp(g->team, bf_param(in, "entity")) != 0)
        return bf_status(bf_fail(ctx, BF_ENOENT, "there is no such connecting, or not any more"));
    outcome = outcome_of(ctx, in->arena, g->nonce, &used);
    bf_reply_header(re, "Cache-Control", "no-store");
    bf_reply_body(re, "application/json", "%s",
                  *outcome ? outcome : "{\"status\":\"waiting\",\"message\":\"nobody has finished it"
                                       " yet\",\"integration\":null}");
    return 200;
}

static const struct bf_route routes[] = {
    BF_ROUTE("POST", "/connect/slack/{entity}", slack_on_begin, .needs = BF_ADMIN,
             .body_max = 16384),
    BF_ROUTE("GET", "/connect/slack/{entity}", slack_on_begin, .needs = BF_ADMIN),
    BF_ROUTE("GET", "/connect/slack/{entity}/status", on_status, .needs = BF_ADMIN),
    BF_ROUTE("GET", "/connect/slack-go", on_go, .needs = BF_PUBLIC),
    BF_ROUTE("GET", SLACK_DONE_PATH, on_done, .needs = BF_PUBLIC),
    BF_ROUTES_END
};

const struct bf_source slack_source = {
    BF_SOURCE("slack.app", "Let teams connect channels, each with a Slack app of its own"
              " (belfry integrations connect slack)"),
    BF_OPTIONS(struct slack_app, options),
    .create = create,
    .routes = routes,
};
