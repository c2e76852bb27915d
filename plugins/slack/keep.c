/* keep.c - what Slack granted becomes a secret of the team and an integration that names it.
 *
 * All of it goes through the hub's own REST as the admin who began, so his rights of that moment, the
 * rules for names and the journal hold here as for anybody.
 *
 * The secret is called SLACK_WEBHOOK_ and the integration's name in capitals, with _ for what is
 * neither letter nor digit; _2, _3 and so on behind it if another integration uses that one.  A name
 * of the kind that nothing uses is what an earlier try left, and is taken.  An integration that is
 * connected again keeps its secret's name, so that a file which describes it stays true.
 *
 * If the integration cannot be saved, a secret that was made for it is deleted again. */
#include <ctype.h>
#include <string.h>

#include "plugins/slack/oauth.h"

#define SECRET_PREFIX "SLACK_WEBHOOK_"
#define NAMES_TRIED   9

/* An integration as it is shown. */
struct found {
    const char *id;             /* "" if there is none */
    const char *sink;
    const char *secret;         /* the secret that its webhook_url names, or "" */
    bool disabled;
};

/* `body` may be NULL. */
static const struct bf_http_out *ask(struct bf_ctx *ctx, struct bf_arena *a,
                                     const struct slack_connecting *g, const char *method,
                                     const char *path, const char *body)
{
    struct bf_request *req = bf_request_new(ctx, a);

    bf_request_as(req, g->who);
    bf_request_to(req, method, path);
    if (body)
        bf_request_body(req, "application/json", "%s", body);
    return bf_fetch(ctx, req);
}

static bool is_good(const struct bf_http_out *out)
{
    return !out->err && out->status >= 200 && out->status < 300;
}

/* With REST's own words, which say what is wrong and what to do. */
static bool end_with(struct slack_connecting *g, struct bf_arena *a,
                     const struct bf_http_out *out, const char *what)
{
    const char *words = out->err ? "" : bf_get(a, out->body, "/error/message");

    return slack_end(g, out->err ? 503 : out->status,
                     bf_printf(a, "%s: %s", what, *words ? words : "the hub does not answer"));
}


/* --- the integration of that name ------------------------------------------------- */

static void take(struct bf_arena *a, const char *json, struct found *f)
{
    f->id = bf_get(a, json, "/id");
    f->sink = bf_get(a, json, "/sink");
    f->disabled = strcmp(bf_get(a, json, "/disabled"), "true") == 0;
    if (bf_type(a, json, "/config/webhook_url") == BF_V_STRING)
        f->secret = bf_get(a, json, "/config/webhook_url");
}

static bool find(struct bf_ctx *ctx, struct bf_arena *a, struct slack_connecting *g,
                 struct found *f)
{
    const char *cursor = "";

    *f = (struct found){.id = "", .sink = "", .secret = ""};
    do {
        struct bf_item it = {.size = sizeof(it)};
        const struct bf_http_out *out =
            ask(ctx, a, g, "GET", bf_printf(a, "/api/v1/teams/%s/integrations?limit=1000%s%s",
                                            percent(a, g->team), *cursor ? "&cursor=" : "",
                                            percent(a, cursor)), NULL);

        if (!is_good(out))
            return end_with(g, a, out, "the team's integrations cannot be read");
        while (!*f->id && bf_each(a, out->body, "/items", &it))
            if (strcmp(bf_get(a, it.value, "/name"), g->name) == 0)
                take(a, it.value, f);
        cursor = bf_type(a, out->body, "/next") == BF_V_STRING ? bf_get(a, out->body, "/next") : "";
    } while (*cursor && !*f->id);
    return true;
}

bool slack_find(struct bf_ctx *ctx, struct bf_arena *a, struct slack_connecting *g,
                const char **sink)
{
    struct found f;

    if (!find(ctx, a, g, &f))
        return false;
    *sink = f.sink;
    return true;
}


/* --- the secret ------------------------------------------------------------------- */

static const char *base_name(struct bf_arena *a, const char *name)
{
    char *out = (char *)bf_printf(a, SECRET_PREFIX "%s", name);

    for (char *at = out; *at; at++)
        *at = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
    return out;
}

static const char *secret_path(struct bf_arena *a, const struct slack_connecting *g,
                               const char *secret)
{
    return bf_printf(a, "/api/v1/teams/%s/secrets/%s", percent(a, g->team), percent(a, secret));
}

static bool is_empty(struct bf_arena *a, const char *json, const char *pointer)
{
    struct bf_item it = {.size = sizeof(it)};

    return !bf_each(a, json, pointer, &it);
}

/* Nothing but this integration uses it; there may be none of that name. */
static bool is_ours(struct bf_ctx *ctx, struct bf_arena *a, const struct slack_connecting *g,
                    const char *secret, const char *id)
{
    const struct bf_http_out *out = ask(ctx, a, g, "GET", secret_path(a, g, secret), NULL);
    struct bf_item it = {.size = sizeof(it)};

    if (!out->err && out->status == 404)
        return true;
    if (!is_good(out) || !is_empty(a, out->body, "/used_by/automations") ||
        !is_empty(a, out->body, "/used_by/intakes"))
        return false;
    while (bf_each(a, out->body, "/used_by/integrations", &it))
        if (strcmp(bf_get(a, it.value, "/id"), id) != 0)
            return false;
    return true;
}

/* NULL if all the names are taken. */
static const char *choose_secret(struct bf_ctx *ctx, struct bf_arena *a,
                                 const struct slack_connecting *g, const struct found *f)
{
    const char *base = base_name(a, g->name), *name = base;

    if (strncmp(f->secret, base, strlen(base)) == 0 && is_ours(ctx, a, g, f->secret, f->id))
        return f->secret;
    for (int n = 2; n <= NAMES_TRIED + 1; n++) {
        if (is_ours(ctx, a, g, name, f->id))
            return name;
        name = bf_printf(a, "%s_%d", base, n);
    }
    return NULL;
}


/* --- both ------------------------------------------------------------------------- */

/* A new one, or the change of the one that is there: from a token to the webhook, if it had one. */
static const struct bf_http_out *save(struct bf_ctx *ctx, struct bf_arena *a,
                                      const struct slack_connecting *g, const struct found *f,
                                      const char *secret)
{
    const char *config = bf_printf(a, "\"webhook_url\":%s,\"channel\":%s,\"workspace\":%s",
                                   bf_quote(a, secret), bf_quote(a, g->channel),
                                   bf_quote(a, g->workspace));

    if (*f->id)
        return ask(ctx, a, g, "PATCH", bf_printf(a, "/api/v1/integrations/%s", percent(a, f->id)),
                   bf_printf(a, "{\"config\":{%s,\"token\":null}}", config));
    return ask(ctx, a, g, "POST",
               bf_printf(a, "/api/v1/teams/%s/integrations", percent(a, g->team)),
               bf_printf(a, "{\"name\":%s,\"sink\":\"slack\",\"config\":{%s}}",
                         bf_quote(a, g->name), config));
}

/* Once more if somebody changed the integration, or made one of the name, at the same moment. */
static const struct bf_http_out *save_surely(struct bf_ctx *ctx, struct bf_arena *a,
                                             struct slack_connecting *g, struct found *f,
                                             const char *secret)
{
    const struct bf_http_out *out = save(ctx, a, g, f, secret);

    if (out->err || out->status != 409 || !find(ctx, a, g, f) ||
        (*f->id && strcmp(f->sink, "slack") != 0))
        return out;
    return save(ctx, a, g, f, secret);
}

static bool end_kept(struct slack_connecting *g, struct bf_arena *a, const struct found *f,
                     const struct bf_http_out *out)
{
    g->id = bf_get(a, out->body, "/id");
    g->status = 200;
    g->title = "Slack is connected";
    g->words = bf_printf(a, "Slack channel %s of workspace %s is connected as integration %s of team"
                         " %s.%s", g->channel, g->workspace, g->name, g->team,
                         f->disabled ? " It is disabled; deliveries wait until it is enabled." : "");
    return true;
}

bool slack_keep(struct bf_ctx *ctx, struct bf_arena *a, struct slack_connecting *g)
{
    const struct bf_http_out *out;
    const char *secret;
    struct found f;
    bool made;

    if (!find(ctx, a, g, &f))
        return false;
    if (*f.id && strcmp(f.sink, "slack") != 0)
        return slack_end(g, 409, bf_printf(a, "team %s has an integration %s already, of sink %s;"
                                              " connect under another name", g->team, g->name,
                                           f.sink));
    secret = choose_secret(ctx, a, g, &f);
    if (!secret)
        return slack_end(g, 409, bf_printf(a, "the names %s to %s_%d are taken by other secrets of"
                                              " team %s; delete one that nothing needs",
                                           base_name(a, g->name), base_name(a, g->name), NAMES_TRIED,
                                           g->team));
    out = ask(ctx, a, g, "PUT", secret_path(a, g, secret),
              bf_printf(a, "{\"value\":%s}", bf_quote(a, g->url)));
    if (!is_good(out))
        return end_with(g, a, out, "the webhook cannot be stored as a secret");
    made = out->status == 201;
    out = save_surely(ctx, a, g, &f, secret);
    if (is_good(out))
        return end_kept(g, a, &f, out);
    if (made)
        (void)ask(ctx, a, g, "DELETE", secret_path(a, g, secret), NULL);
    return end_with(g, a, out, "the integration cannot be saved");
}
