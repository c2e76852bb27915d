/* step.c - the steps of connecting: what a sealed ticket or state carries from one to the next.
 *
 * A step is for one thing: a token of one is none of another.  Who began is in it by the id of the
 * key or session, and is looked up again each time. */
#include <string.h>
#include <sys/random.h>

#include "plugins/slack/oauth.h"
#include "plugins/slack/page.h"

#define NONCE_LEN 16            /* bytes */

const char *slack_random_word(struct bf_arena *a)
{
    unsigned char bytes[NONCE_LEN];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return NULL;
    return bf_encode(a, BF_HEX, bytes, sizeof(bytes));
}

bool slack_is_word(const char *text)
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

int slack_stop(const struct bf_http_in *in, struct bf_reply *re, int status, const char *words)
{
    return slack_page(re, in->arena, status, "Slack is not connected", words);
}

bool slack_is_client_id(const char *id)
{
    const char *dot = strchr(id, '.');

    return dot && dot > id && dot[1] && strlen(id) < 64 && id[strspn(id, "0123456789.")] == '\0' &&
           !strchr(dot + 1, '.');
}


/* --- sealed ------------------------------------------------------------------------- */

const char *slack_seal_step(struct bf_ctx *ctx, struct bf_arena *a, const char *what, int64_t ms,
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

bool slack_open_step(struct bf_ctx *ctx, struct bf_arena *a, const char *what, const char *token,
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

bool slack_find_admin(struct bf_ctx *ctx, struct bf_arena *a, struct slack_connecting *g,
                      const char *caller)
{
    g->who = bf_find_caller(ctx, a, caller);
    return g->who && bf_may(ctx, g->who, BF_ADMIN, g->team, NULL);
}

struct slack_connecting *slack_new_connecting(struct bf_arena *a, void *self)
{
    struct slack_connecting *g = bf_alloc(a, sizeof(*g));

    if (g)
        *g = (struct slack_connecting){.app = self, .bind = ""};
    return g;
}
