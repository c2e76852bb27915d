/* auth.c - the one place where a request's key becomes an identity.
 *
 * Every refusal for want of a right key is the same answer, so that nobody learns which keys there
 * were.  Nothing of the key is kept, logged or quoted. */
#include "core/team/auth.h"

#include <string.h>
#include <strings.h>

#include "core/base/crypto.h"

/* The rest of the header behind its scheme ("Bearer"), or NULL if it has another one. */
static const char *behind_scheme(const char *header, const char *scheme)
{
    size_t n = strlen(scheme);

    if (strncasecmp(header, scheme, n) != 0 || header[n] != ' ')
        return NULL;
    return header + n + strspn(header + n, " ");
}

/* The password of Basic credentials for the user "api". */
static const char *basic_key(struct bf_arena *a, const char *credentials, size_t *len)
{
    const void *decoded;

    if (!bf_base64_decode(a, credentials, &decoded, len) || *len < 4 ||
        memcmp(decoded, "api:", 4) != 0)
        return NULL;
    *len -= 4;
    return (const char *)decoded + 4;
}

static const char *find_key(struct bf_exchange *x, const char *header, size_t *len)
{
    const char *rest = behind_scheme(header, "Bearer");

    if (rest) {
        *len = strlen(rest);
        return rest;
    }
    rest = behind_scheme(header, "Basic");
    return rest ? basic_key(bf_exchange_arena(x), rest, len) : NULL;
}

static int refuse(struct bf_exchange *x, const char *words)
{
    bf_exchange_reply_header(x, "WWW-Authenticate", "Bearer realm=\"belfry\"");
    return bf_exchange_fail(x, 401, "unauthenticated", NULL, "%s", words);
}

static int refuse_key(struct bf_team *t, struct bf_exchange *x)
{
    int64_t wait_s = (bf_team_guessed(t, bf_exchange_peer(x)) + 999) / 1000;

    if (wait_s == 0)
        return refuse(x, "the key is not valid (any more); give one as Authorization: Bearer KEY,"
                         " or as the password of the user \"api\"");
    bf_exchange_reply_header(x, "Retry-After",
                             bf_arena_printf(bf_exchange_arena(x), "%lld", (long long)wait_s));
    return bf_exchange_fail(x, 429, "too_many_wrong_keys", NULL, "more than %d wrong keys came from"
                            " %s; a right one is taken at any time, others not for %lld seconds",
                            BF_GUESSES_MAX, bf_exchange_peer(x), (long long)wait_s);
}

static int identify(struct bf_team *t, struct bf_exchange *x, const char *header)
{
    struct bf_identity *who = bf_arena_new_of(bf_exchange_arena(x), struct bf_identity);
    size_t len;
    const char *key = find_key(x, header, &len);

    if (!who)
        return bf_exchange_fail(x, 503, "busy", NULL, "the request has used up its memory");
    if (!key || !bf_team_authenticate(t, key, len, who))
        return refuse_key(t, x);
    if (!bf_exchange_authenticated(x, who->key_id))
        return bf_exchange_fail(x, 429, "too_many_connections", NULL, "there are too many"
                                " connections with this key; use fewer, or another key");
    bf_exchange_set_data(x, who);
    return 0;
}

int bf_auth_admit(struct bf_team *t, struct bf_exchange *x, unsigned needs, const char *entity)
{
    const char *header = bf_exchange_header(x, "Authorization");
    unsigned rights = needs & (BF_INGEST | BF_READ | BF_EDIT | BF_ADMIN);
    int status;

    if (!header && (needs & BF_PUBLIC))
        return 0;
    if (!header)
        return refuse(x, "this needs a key: give it as Authorization: Bearer KEY, or as the"
                         " password of the user \"api\"");
    status = identify(t, x, header);
    if (status || (needs & BF_PUBLIC) || bf_team_may(t, bf_auth_who(x), rights, entity))
        return status;
    return bf_exchange_fail(x, 403, "forbidden", NULL, "this key may not do that%s%s; ask an admin"
                            " of the team", entity ? " in " : "", entity ? entity : "");
}

const struct bf_identity *bf_auth_who(const struct bf_exchange *x) { return bf_exchange_data(x); }
