/* host_check.c - who is asking, and is it really them: signatures, callers, rights, and the secrets
 * that are lent on the strength of these. */
#include <string.h>
#include <strings.h>

#include "core/base/crypto.h"
#include "core/base/sign.h"
#include "core/plugin/host.h"

/* The value behind a stand-in of this call, or of what its arena was lent, or the text itself; close
 * with bf_swap_fini(). */
static int open_value(struct bf_ctx *ctx, const struct bf_arena *a, const char *text,
                      struct bf_swap *s, const char **value, size_t *len)
{
    struct bf_instance *i = bf_instance_from(ctx);
    struct bf_call *c = bf_call_of(ctx);
    struct bf_error err;
    int rc;

    *s = (struct bf_swap){
        .team = i->plugins->rooms.team,
        .sets = {&i->standins, c && c->attempt ? &c->attempt->standins : NULL,
                 a ? bf_standins_lent(a) : NULL}};
    rc = bf_swap_value(s, text ? text : "", value, len, &err);
    if (rc)
        bf_complain_words(ctx, rc, NULL, "%s", err.words);
    return rc;
}

const char *bf_host_reveal(struct bf_ctx *ctx, struct bf_arena *a, const char *secret)
{
    struct bf_swap s;
    const char *value, *out = "";
    size_t len;

    if (!open_value(ctx, a, secret, &s, &value, &len))
        out = bf_arena_ndup(a, value, len);
    bf_swap_fini(&s);
    return out;
}

int bf_host_hmac(struct bf_ctx *ctx, const char *secret, const void *data, size_t len,
                 unsigned char out[32])
{
    struct bf_call *c = bf_call_of(ctx);
    struct bf_swap s;
    const char *key;
    size_t key_len;
    int rc = open_value(ctx, c ? c->arena : NULL, secret, &s, &key, &key_len);

    if (!rc)
        bf_hmac_sha256_raw(key, key_len, data, len, out);
    bf_swap_fini(&s);
    return rc;
}

const char *bf_host_header(const char *const *headers, const char *name)
{
    for (; headers && headers[0]; headers += 2)
        if (strcasecmp(headers[0], name) == 0)
            return headers[1];
    return NULL;
}

static bool verify_standard(const struct bf_http_in *in, const char *key, size_t key_len,
                            int64_t now_ms)
{
    struct bf_stamped s = {bf_host_header(in->headers, "webhook-id"),
                           bf_host_header(in->headers, "webhook-timestamp"),
                           bf_host_header(in->headers, "webhook-signature")};

    return bf_standard_ok(in->arena, &s, key, key_len, in->body, in->body_len, now_ms);
}

int bf_host_verify(struct bf_ctx *ctx, const struct bf_http_in *in, const char *header,
                   const char *secret, int how)
{
    const char *given = header ? bf_host_header(in->headers, header) : NULL;
    struct bf_swap s;
    const char *key;
    size_t key_len;
    bool right = false;

    /* Without a secret nobody can have signed: an unset option must not open the door. */
    if (!open_value(ctx, in->arena, secret, &s, &key, &key_len) && key_len) {
        if (how == BF_SIGN_STANDARD)
            right = verify_standard(in, key, key_len,
                                    bf_wall_ms(bf_instance_from(ctx)->plugins->rooms.clock));
        else if (given)
            right = bf_text_same(given, bf_signature(in->arena, how, key, key_len, in->body,
                                                     in->body_len));
    }
    bf_swap_fini(&s);
    return right;
}

const struct bf_caller *bf_host_caller(struct bf_ctx *ctx, struct bf_arena *a, const char *id)
{
    struct bf_identity *who = bf_arena_new_of(a, struct bf_identity);

    if (!who || !id ||
        !bf_team_identity(bf_instance_from(ctx)->plugins->rooms.team, id, who))
        return NULL;
    return &who->pub;
}

int bf_host_may(struct bf_ctx *ctx, const struct bf_caller *who, unsigned right,
                const char *entity, const char *project)
{
    struct bf_team *team = bf_instance_from(ctx)->plugins->rooms.team;
    struct bf_identity now;

    (void)project;      /* rights are the entity's */
    if (!who || !who->id || !bf_team_identity(team, who->id, &now))
        return 0;
    return bf_team_may(team, &now, right, entity);
}

/* Names with a slash are of sealed literals, which nobody can name. */
const char *bf_host_team_secret(struct bf_ctx *ctx, struct bf_arena *a, const struct bf_caller *who,
                                const char *entity, const char *name)
{
    struct bf_team *team = bf_instance_from(ctx)->plugins->rooms.team;
    struct bf_call *c = bf_call_of(ctx);
    const struct bf_standin *s;
    struct bf_error err;

    entity = entity ? entity : "";
    name = name ? name : "";
    if (c && c->attempt) {
        bf_complain_words(ctx, BF_EINVAL, NULL, "a delivery has no secrets but those that its"
                          " integration was granted");
        return NULL;
    }
    if (!bf_host_may(ctx, who, BF_ADMIN, entity, NULL)) {
        bf_complain_words(ctx, BF_EPERM, NULL, "only an admin of %s may use its secrets", entity);
        return NULL;
    }
    if (!bf_secret_name_ok(name) || !bf_team_has_secret(team, entity, name)) {
        bf_complain_words(ctx, BF_ENOENT, NULL, "%s has no secret \"%s\"; set it with PUT"
                          " /api/v1/teams/%s/secrets/%s", entity, name, entity, name);
        return NULL;
    }
    if (bf_standin_lend(a, entity, name, &s, &err)) {
        bf_complain_words(ctx, err.code, NULL, "%s", err.words);
        return NULL;
    }
    return s->text;
}
