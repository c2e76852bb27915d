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
#include <sys/random.h>

#include "plugins/slack/oauth.h"
#include "plugins/slack/page.h"

#define STEP_MS    (10 * 60 * 1000)     /* how long a ticket or state is good */
#define STATUS_MS  (60 * 60 * 1000)     /* and how long it can be asked what became of one */
#define KEPT_MS    (2 * 60 * 60 * 1000) /* nonces are kept for longer than anything with them lasts */
#define AT_ONCE    2            /* exchanges; they ask the hub, which needs workers to answer */
#define AGAIN_MS   20
#define NONCE_LEN  16           /* bytes */
#define NAME_MAX_LEN 64
#define CODE_MAX   512
#define COOKIE     "belfry_connect_"    /* and the nonce behind it */
#define DONE_PATH  "/connect/slack-done"

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


/* --- small things ------------------------------------------------------------------ */

/* NULL if the system has no randomness, which it always has. */
static const char *random_word(struct bf_arena *a)
{
    unsigned char bytes[NONCE_LEN];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return NULL;
    return bf_encode(a, BF_HEX, bytes, sizeof(bytes));
}

static bool is_word(const char *text)
{
    return strspn(text, "0123456789abcdef") == 2 * NONCE_LEN && !text[2 * NONCE_LEN];
}

bool slack_end(struct slack_connecting *g, int status, const char *words)
{
    g->status = status;
    g->title = "Slack is not connected";
    g->words = words;
    return false;
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

static int stop_with(const struct bf_http_in *in, struct bf_reply *re, int status, const char *words)
{
    return slack_page(re, in->arena, status, "Slack is not connected", words);
}


/* --- sealed steps ------------------------------------------------------------------ */

/* What a step is for: a token of one is none of another. */
#define TO_GO     "go"
#define TO_FINISH "finish"
#define TO_ASK    "ask"

static const char *seal_step(struct bf_ctx *ctx, struct bf_arena *a, const char *what, int64_t ms,
                             const struct slack_connecting *g)
{
    struct bf_text t = {0};
    const struct { const char *name, *value; } members[] = {
        {"for", what}, {"nonce", g->nonce}, {"team", g->team}, {"caller", g->who->id},
        {"name", g->name}, {"client_id", g->client_id}, {"client_secret", g->client_secret},
        {"scopes", g->scopes}, {"bind", g->bind},
    };

    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
        bf_append(a, &t, "%s\"%s\":%s", i ? "," : "{", members[i].name,
                  bf_quote(a, members[i].value));
    bf_append(a, &t, "}");
    return bf_seal(ctx, a, t.s, ms);
}

/* Into *g, but for who began; false if it is none, of something else, or late. */
static bool open_step(struct bf_ctx *ctx, struct bf_arena *a, const char *what, const char *token,
                      struct slack_connecting *g, const char **caller)
{
    const char *text = token ? bf_unseal(ctx, a, token) : NULL;

    if (!text || strcmp(bf_get(a, text, "/for"), what) != 0)
        return false;
    g->nonce = bf_get(a, text, "/nonce");
    g->team = bf_get(a, text, "/team");
    g->name = bf_get(a, text, "/name");
    g->client_id = bf_get(a, text, "/client_id");
    g->client_secret = bf_get(a, text, "/client_secret");
    g->scopes = bf_get(a, text, "/scopes");
    g->bind = bf_get(a, text, "/bind");
    *caller = bf_get(a, text, "/caller");
    return true;
}

/* Who began must be an admin of the team still. */
static bool find_admin(struct bf_ctx *ctx, struct bf_arena *a, struct slack_connecting *g,
                       const char *caller)
{
    g->who = bf_find_caller(ctx, a, caller);
    return g->who && bf_may(ctx, g->who, BF_ADMIN, g->team, NULL);
}

static struct slack_connecting *new_connecting(struct bf_arena *a, void *self)
{
    struct slack_connecting *g = bf_alloc(a, sizeof(*g));

    if (g)
        *g = (struct slack_connecting){.app = self, .bind = ""};
    return g;
}


/* --- POST and GET /connect/slack/TEAM ------------------------------------------------ */

/* As a page for a browser, else as REST says it. */
static int refuse(struct bf_ctx *ctx, const struct bf_http_in *in, struct bf_reply *re,
                  const char *field, const char *words)
{
    if (strcmp(in->method, "POST") != 0)
        return stop_with(in, re, 400, words);
    return bf_status(bf_complain(ctx, BF_ECONFIG, field, "%s", words));
}

static bool is_name(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > NAME_MAX_LEN || name[0] == ' ' || name[len - 1] == ' ')
        return false;
    return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_ ")]
           == '\0';
}

static bool is_scopes(const char *scopes)
{
    static const char wanted[] = "incoming-webhook";
    bool found = false;

    if (scopes[strspn(scopes, "abcdefghijklmnopqrstuvwxyz0123456789:._-,")])
        return false;
    for (const char *at = scopes; *at; at += *at == ',') {
        size_t len = strcspn(at, ",");

        found = found || (len == sizeof(wanted) - 1 && strncmp(at, wanted, len) == 0);
        at += len;
    }
    return found;
}

/* As Slack makes them: two numbers and a dot. */
static bool is_client_id(const char *id)
{
    const char *dot = strchr(id, '.');

    return dot && dot > id && dot[1] && strlen(id) < 64 && id[strspn(id, "0123456789.")] == '\0' &&
           !strchr(dot + 1, '.');
}

/* Where the value of a member goes, or NULL. */
static const char **place_of(struct slack_connecting *g, const char *member)
{
    const struct { const char *name; const char **place; } members[] = {
        {"name", &g->name}, {"client_id", &g->client_id}, {"client_secret", &g->client_secret},
        {"scopes", &g->scopes},
    };

    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
        if (strcmp(members[i].name, member) == 0)
            return members[i].place;
    return NULL;
}

static int read_body(struct bf_ctx *ctx, const struct bf_http_in *in, struct bf_reply *re,
                     struct slack_connecting *g)
{
    struct bf_item it = {.size = sizeof(it)};

    if (bf_type(in->arena, in->body, "") != BF_V_OBJECT)
        return refuse(ctx, in, re, NULL, "the body must be a JSON object, as {\"name\":\"ops\"}");
    while (bf_each(in->arena, in->body, "", &it)) {
        const char **place = place_of(g, it.key);

        if (!place)
            return refuse(ctx, in, re, it.key,
                          bf_printf(in->arena, "there is no member \"%s\"; there are name, client_id,"
                                    " client_secret and scopes", it.key));
        if (it.type != BF_V_STRING)
            return refuse(ctx, in, re, it.key, bf_printf(in->arena, "%s must be a string", it.key));
        *place = it.value;
    }
    return 0;
}

static void read_query(const struct bf_http_in *in, struct slack_connecting *g)
{
    static const char *const names[] = {"name", "client_id", "client_secret", "scopes"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *value = bf_param(in, names[i]);

        if (value)
            *place_of(g, names[i]) = value;
    }
}

/* What would fail in front of Slack fails here. */
static int check_app(struct bf_ctx *ctx, const struct bf_http_in *in, struct bf_reply *re,
                     const struct slack_connecting *g)
{
    const struct { const char *member, *name, *what; } secrets[] = {
        {"client_id", g->client_id, "Client ID"},
        {"client_secret", g->client_secret, "Client Secret"},
    };
    const char *id;

    for (size_t i = 0; i < 2; i++)
        if (!bf_team_secret(ctx, in->arena, g->who, g->team, secrets[i].name))
            return refuse(ctx, in, re, secrets[i].member,
                          bf_printf(in->arena, "team %s has no secret \"%s\": store the %s of your"
                                    " Slack app, from its page Basic Information, with PUT"
                                    " /api/v1/teams/%s/secrets/%s", g->team, secrets[i].name,
                                    secrets[i].what, g->team, secrets[i].name));
    id = bf_reveal(ctx, in->arena, bf_team_secret(ctx, in->arena, g->who, g->team, g->client_id));
    if (!is_client_id(id))
        return refuse(ctx, in, re, "client_id",
                      bf_printf(in->arena, "the secret %s of team %s is no Client ID of a Slack app,"
                                " which is two numbers with a dot between them", g->client_id,
                                g->team));
    return 0;
}

/* A name that is taken is told before anybody goes to Slack. */
static int check_name(struct bf_ctx *ctx, const struct bf_http_in *in, struct bf_reply *re,
                      struct slack_connecting *g)
{
    const char *sink;

    if (!slack_find(ctx, in->arena, g, &sink)) {
        refuse(ctx, in, re, NULL, g->words);
        return g->status;
    }
    if (*sink && strcmp(sink, "slack") != 0)
        return refuse(ctx, in, re, "name",
                      bf_printf(in->arena, "team %s has an integration \"%s\" already, of sink %s;"
                                " choose another name", g->team, g->name, sink));
    return 0;
}

/* Slack sends nobody back to http. */
static const char *warning(struct bf_ctx *ctx, struct bf_arena *a)
{
    const char *here = bf_url(ctx, a, DONE_PATH);

    if (strncmp(here, "https://", 8) == 0)
        return "";
    return bf_printf(a, ",\"warning\":%s", bf_quote(a, bf_printf(a, "Slack sends browsers back to"
                     " https addresses only, and this hub is at %s; its operator sets public_url"
                     " to its https address", bf_url(ctx, a, "/"))));
}

static int answer(struct bf_ctx *ctx, const struct bf_http_in *in, struct bf_reply *re,
                  const struct slack_connecting *g)
{
    struct bf_arena *a = in->arena;
    const char *ticket = seal_step(ctx, a, TO_GO, STEP_MS, g);
    const char *url = bf_url(ctx, a, bf_printf(a, "/connect/slack-go?ticket=%s", ticket));

    slack_page_headers(re);
    if (strcmp(in->method, "POST") != 0) {
        bf_reply_header(re, "Location", url);
        return 303;
    }
    bf_reply_body(re, "application/json",
                  "{\"url\":%s,\"status\":%s,\"expires_in_s\":%d%s}", bf_quote(a, url),
                  bf_quote(a, bf_printf(a, "/connect/slack/%s/status?ticket=%s",
                                        percent(a, g->team),
                                        seal_step(ctx, a, TO_ASK, STATUS_MS, g))),
                  STEP_MS / 1000, warning(ctx, a));
    return 200;
}

static int begin(struct bf_ctx *ctx, void *self, const struct bf_http_in *in, struct bf_reply *re)
{
    struct slack_connecting *g = self;
    int status = check_app(ctx, in, re, g);

    if (!status)
        status = check_name(ctx, in, re, g);
    return status ? status : answer(ctx, in, re, g);
}

static int on_begin(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                    struct bf_reply *re)
{
    struct slack_connecting *g = new_connecting(in->arena, self);
    int status = 0;

    if (!g)
        return bf_status(BF_ENOMEM);
    g->who = in->caller;
    g->team = bf_param(in, "entity");
    g->name = "";
    g->client_id = "SLACK_CLIENT_ID";
    g->client_secret = "SLACK_CLIENT_SECRET";
    g->scopes = "incoming-webhook";
    g->nonce = random_word(in->arena);
    if (strcmp(in->method, "POST") == 0)
        status = read_body(ctx, in, re, g);
    else
        read_query(in, g);
    if (status)
        return status;
    if (!is_name(g->name))
        return refuse(ctx, in, re, "name",
                      bf_printf(in->arena, "name is what the integration is to be called: 1 to %d"
                                " letters, digits, - and _, with spaces only between them",
                                NAME_MAX_LEN));
    if (!is_scopes(g->scopes))
        return refuse(ctx, in, re, "scopes", "scopes must be scopes of Slack apart by commas,"
                      " incoming-webhook among them");
    return g->nonce ? bf_continue(re, BF_ON_WORKER, begin, g) : 500;
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
                              g->nonce, g->bind, cookie_path(ctx, a), STEP_MS / 1000,
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
    g->bind = known && is_word(known) ? known : random_word(a);
    if (!g->bind)
        return 500;
    set_cookie(ctx, a, re, g);
    slack_page_headers(re);
    bf_reply_header(re, "Location",
                    bf_printf(a, "%s/oauth/v2/authorize?client_id=%s&scope=%s&redirect_uri=%s"
                              "&state=%s", g->app->service, percent(a, client_id),
                              percent(a, g->scopes), percent(a, bf_url(ctx, a, DONE_PATH)),
                              seal_step(ctx, a, TO_FINISH, STEP_MS, g)));
    return 302;
}

static int on_go(struct bf_ctx *ctx, void *self, const struct bf_http_in *in, struct bf_reply *re)
{
    struct slack_connecting *g = new_connecting(in->arena, self);
    const char *caller, *id;
    bool used;

    if (!g)
        return bf_status(BF_ENOMEM);
    if (!open_step(ctx, in->arena, TO_GO, bf_param(in, "ticket"), g, &caller))
        return stop_with(in, re, 400, "This address is not good, or not any more: it is for ten"
                         " minutes.\nBegin again: belfry integrations connect slack.");
    if (!find_admin(ctx, in->arena, g, caller))
        return stop_with(in, re, 403, bf_printf(in->arena, "Whoever made this address is no admin of"
                                                " team %s any more.", g->team));
    outcome_of(ctx, in->arena, g->nonce, &used);
    if (used)
        return stop_with(in, re, 409, "This address was used already.\nBegin again: belfry"
                         " integrations connect slack.");
    id = bf_team_secret(ctx, in->arena, g->who, g->team, g->client_id);
    id = id ? bf_reveal(ctx, in->arena, id) : "";
    if (!is_client_id(id))
        return stop_with(in, re, 400, bf_printf(in->arena, "The secret %s of team %s is gone, or is"
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
                                       " OAuth & Permissions", bf_url(ctx, a, DONE_PATH))},
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
                    percent(a, g->code), percent(a, bf_url(ctx, a, DONE_PATH)));
    bf_request_limit(req, g->app->timeout, 0);
    return judge(ctx, a, g, bf_fetch(ctx, req));
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
        return stop_with(in, re, 400, bf_printf(in->arena, "Slack says %.100s.", error));
    if (!code || !*code || strlen(code) > CODE_MAX)
        return stop_with(in, re, 400, "Slack sent no code along.\nBegin again: belfry integrations"
                         " connect slack.");
    return 0;
}

static int on_done(struct bf_ctx *ctx, void *self, const struct bf_http_in *in, struct bf_reply *re)
{
    struct slack_connecting *g = new_connecting(in->arena, self);
    const char *caller, *cookie;
    int status;

    if (!g)
        return bf_status(BF_ENOMEM);
    if (strcmp(in->method, "GET") != 0)
        return 204;             /* a HEAD looks, and does nothing */
    if (!open_step(ctx, in->arena, TO_FINISH, bf_param(in, "state"), g, &caller))
        return stop_with(in, re, 400, "This took longer than ten minutes, or did not begin here.\n"
                         "Begin again: belfry integrations connect slack.");
    cookie = cookie_of(ctx, in, g->nonce);
    if (!cookie || !bf_same(ctx, cookie, g->bind))
        return stop_with(in, re, 403, "This began in another browser, and must be finished there.\n"
                         "To connect from here, begin again: belfry integrations connect slack.");
    status = check_error(in, re);
    if (status)
        return status;
    if (!find_admin(ctx, in->arena, g, caller))
        return stop_with(in, re, 403, bf_printf(in->arena, "Whoever began this is no admin of team %s"
                                                " any more; nothing was connected.", g->team));
    g->code = bf_param(in, "code");
    return bf_continue(re, BF_ON_ENGINE, claim, g);
}


/* --- GET /connect/slack/TEAM/status ------------------------------------------------------ */

static int on_status(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                     struct bf_reply *re)
{
    struct slack_connecting *g = new_connecting(in->arena, self);
    const char *caller, *outcome;
    bool used;

    if (!g)
        return bf_status(BF_ENOMEM);
    if (!open_step(ctx, in->arena, TO_ASK, bf_param(in, "ticket"), g, &caller) ||
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
    BF_ROUTE("POST", "/connect/slack/{entity}", on_begin, .needs = BF_ADMIN, .body_max = 16384),
    BF_ROUTE("GET", "/connect/slack/{entity}", on_begin, .needs = BF_ADMIN),
    BF_ROUTE("GET", "/connect/slack/{entity}/status", on_status, .needs = BF_ADMIN),
    BF_ROUTE("GET", "/connect/slack-go", on_go, .needs = BF_PUBLIC),
    BF_ROUTE("GET", DONE_PATH, on_done, .needs = BF_PUBLIC),
    BF_ROUTES_END
};

const struct bf_source slack_source = {
    BF_SOURCE("slack.app", "Let teams connect channels, each with a Slack app of its own"),
    BF_OPTIONS(struct slack_app, options),
    .create = create,
    .routes = routes,
};
