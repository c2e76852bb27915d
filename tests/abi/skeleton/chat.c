/* chat - a sink whose accounts are connected by OAuth, and the source that has the pages for it.
 *
 * The way: a team's admin opens /connect/chat/TEAM and is sent to the service with a sealed
 * `state`; the service sends the browser to /connect/chat-done with a code; the code is exchanged
 * for a token; the token becomes a secret of the team and an integration that names it.
 *
 * The callback comes from another site, without our session cookie.  So the state carries who
 * began, and a cookie of its own ties it to the browser that did: nobody can have someone else
 * finish his connection. */
#include <belfry/plugin.h>

#include <string.h>

#define STATE_MS (10 * 60 * 1000)

struct app {                    /* the operator's: one for the hub */
    const char *client_id;
    const char *client_secret;
    const char *service;
};

static const struct bf_option app_options[] = {
    BF_STRING(struct app, client_id, .help = "of the app that teams connect"),
    BF_STRING(struct app, client_secret, .flags = BF_SECRET, .help = "of the same app"),
    BF_STRING(struct app, service, .def = "https://chat.example", .help = "address of the service"),
    BF_OPTIONS_END
};

struct granted {
    const struct app *app;
    const struct bf_caller *who;
    const char *team;
    const char *code;
};

static const char *percent(struct bf_arena *a, const char *text)
{
    return bf_encode(a, BF_PERCENT, text, strlen(text));
}

static int on_start(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                    struct bf_reply *re)
{
    const struct app *app = self;
    struct bf_arena *a = in->arena;
    const char *state;

    if (!app->client_id || !app->client_secret)
        return bf_status(bf_fail(ctx, BF_ENOENT, "no app: set client_id and client_secret"));
    state = bf_seal(ctx, a, bf_printf(a, "{\"team\":%s,\"caller\":%s}",
                                      bf_quote(a, bf_param(in, "entity")),
                                      bf_quote(a, in->caller->id)), STATE_MS);
    bf_reply_header(re, "Set-Cookie",
                    bf_printf(a, "chat_state=%s; Path=/connect; HttpOnly; SameSite=Lax", state));
    bf_reply_header(re, "Location",
                    bf_printf(a, "%s/oauth?client_id=%s&state=%s&redirect_uri=%s", app->service,
                              percent(a, app->client_id), state,
                              percent(a, bf_url(ctx, a, "/connect/chat-done"))));
    return 302;
}

/* The hub's own REST, as the admin who began. */
static int ask_hub(struct bf_ctx *ctx, const struct bf_http_in *in, const struct granted *g,
                   const char *path, const char *body)
{
    struct bf_request *req = bf_request_new(ctx, in->arena);
    const struct bf_http_out *out;

    bf_request_as(req, g->who);
    bf_request_to(req, "POST", path);
    bf_request_body(req, "application/json", "%s", body);
    out = bf_fetch(ctx, req);
    if (out->err)
        return bf_status(out->err);
    if (out->status >= 400)
        bf_fail(ctx, BF_ECONFIG, "%s", bf_get(in->arena, out->body, "/error/message"));
    return out->status;
}

static const char *exchange(struct bf_ctx *ctx, struct bf_arena *a, const struct granted *g)
{
    struct bf_request *req = bf_request_new(ctx, a);
    const struct bf_http_out *out;

    bf_request_to(req, "POST", bf_printf(a, "%s/oauth/token", g->app->service));
    bf_request_body(req, "application/x-www-form-urlencoded",
                    "grant_type=authorization_code&code=%s&client_id=%s&client_secret=%s",
                    percent(a, g->code), percent(a, g->app->client_id), g->app->client_secret);
    out = bf_fetch(ctx, req);
    return out->err || out->status != 200 ? "" : bf_get(a, out->body, "/access_token");
}

static int connect_team(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                        struct bf_reply *re)
{
    const struct granted *g = self;
    struct bf_arena *a = in->arena;
    const char *token = exchange(ctx, a, g), *team = percent(a, g->team);
    int status;

    if (!*token)
        return bf_status(bf_fail(ctx, BF_EIO, "the service gave no token; connect again"));
    status = ask_hub(ctx, in, g, bf_printf(a, "/api/v1/entities/%s/secrets", team),
                     bf_printf(a, "{\"name\":\"CHAT_TOKEN\",\"value\":%s}", bf_quote(a, token)));
    if (status < 300)
        status = ask_hub(ctx, in, g, bf_printf(a, "/api/v1/entities/%s/integrations", team),
                         "{\"name\":\"chat\",\"sink\":\"chat\",\"config\":"
                         "{\"token\":\"CHAT_TOKEN\"}}");
    if (status >= 300)
        return status;
    bf_reply_header(re, "Location", bf_url(ctx, a, "/"));
    return 303;
}

static int on_done(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                   struct bf_reply *re)
{
    struct bf_arena *a = in->arena;
    const char *state = bf_param(in, "state"), *code = bf_param(in, "code");
    const char *text = state ? bf_unseal(ctx, a, state) : NULL;
    const char *cookie = bf_header(ctx, in->headers, "Cookie");
    struct granted *g = bf_alloc(a, sizeof(*g));

    if (!text || !code || !cookie || !strstr(cookie, bf_printf(a, "chat_state=%s", state)))
        return bf_status(bf_fail(ctx, BF_EPERM, "that took too long, or began in another browser;"
                                                " connect again"));
    if (!g)
        return bf_status(BF_ENOMEM);
    *g = (struct granted){ .app = self, .code = code, .team = bf_get(a, text, "/team"),
                           .who = bf_find_caller(ctx, a, bf_get(a, text, "/caller")) };
    if (!g->who || !bf_may(ctx, g->who, BF_ADMIN, g->team, NULL))
        return bf_status(bf_fail(ctx, BF_EPERM, "only an admin of %s may connect it", g->team));
    return bf_continue(re, BF_ON_WORKER, connect_team, g);
}

static const struct bf_route routes[] = {
    BF_ROUTE("GET", "/connect/chat/{entity}", on_start, .needs = BF_ADMIN),
    BF_ROUTE("GET", "/connect/chat-done", on_done, .needs = BF_PUBLIC),
    BF_ROUTES_END
};

static const struct bf_source app = {
    BF_SOURCE("chat.app", "Let teams connect their chat accounts"),
    BF_OPTIONS(struct app, app_options),
    .routes = routes,
};

struct integration {
    const char *token;
    const char *service;
};

static const struct bf_option integration[] = {
    BF_STRING(struct integration, token, .flags = BF_REQUIRED | BF_SECRET, .help = "of the bot"),
    BF_STRING(struct integration, service, .def = "https://chat.example", .help = "address"),
    BF_OPTIONS_END
};

struct action {
    const char *text;
};

static const struct bf_option action[] = {
    BF_STRING(struct action, text, .flags = BF_REQUIRED | BF_TEMPLATE, .help = "what to say"),
    BF_OPTIONS_END
};

static int chat_request(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    const struct integration *to = self;
    const struct action *say = d->action;

    bf_request_to(req, "POST", bf_printf(d->arena, "%s/messages", to->service));
    bf_request_header(req, "Authorization", bf_printf(d->arena, "Bearer %s", to->token));
    bf_request_body(req, "application/json", "{\"text\":%s}",
                    bf_quote(d->arena, bf_expand(d, say->text, BF_ESC_NONE)));
    return 0;
}

static const struct bf_sink chat = {
    BF_SINK("chat", "Say it in a chat"),
    BF_INTEGRATION(struct integration, integration),
    BF_ACTION(struct action, action),
    .flags = BF_QUICK,
    .request = chat_request,
};

BF_PLUGIN(chat, "1.0", BF_SINKS(&chat), BF_SOURCES(&app));
