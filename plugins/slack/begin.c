/* begin.c - POST and GET /connect/slack/TEAM: an admin asks for an address to open in a browser.
 *
 * What would fail in front of Slack fails here, in words for whoever sets up the app: secrets that
 * are not there, a client id that is none, a name that another sink has. */
#include <string.h>

#include "plugins/slack/oauth.h"
#include "plugins/slack/page.h"

#define STATUS_MS    (60 * 60 * 1000)   /* how long it can be asked what became of a connecting */
#define NAME_MAX_LEN 64

/* As a page for a browser, else as REST says it. */
static int refuse(struct bf_ctx *ctx, const struct bf_http_in *in, struct bf_reply *re,
                  const char *field, const char *words)
{
    if (strcmp(in->method, "POST") != 0)
        return slack_stop(in, re, 400, words);
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
    if (!slack_is_client_id(id))
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
    const char *here = bf_url(ctx, a, SLACK_DONE_PATH);

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
    const char *ticket = slack_seal_step(ctx, a, SLACK_TO_GO, SLACK_STEP_MS, g);
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
                                        slack_seal_step(ctx, a, SLACK_TO_ASK, STATUS_MS, g))),
                  SLACK_STEP_MS / 1000, warning(ctx, a));
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

int slack_on_begin(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                   struct bf_reply *re)
{
    struct slack_connecting *g = slack_new_connecting(in->arena, self);
    int status = 0;

    if (!g)
        return bf_status(BF_ENOMEM);
    g->who = in->caller;
    g->team = bf_param(in, "entity");
    g->name = "";
    g->client_id = "SLACK_CLIENT_ID";
    g->client_secret = "SLACK_CLIENT_SECRET";
    g->scopes = "incoming-webhook";
    g->nonce = slack_random_word(in->arena);
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
