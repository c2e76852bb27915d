/* tokens.c - text that goes out and comes back unread and unchanged: states of an OAuth dance,
 * links that end.
 *
 * A token is a sealed box of eight bytes of time and the text, bound to its owner. */
#include "core/team/team_int.h"

#include <stdio.h>
#include <string.h>

#define OWNER_MAX 256           /* bytes of "token/OWNER" */

static bool token_place(char out[OWNER_MAX], const char *owner)
{
    int n = snprintf(out, OWNER_MAX, "token/%s", owner);

    return n > 0 && n < OWNER_MAX;
}

const char *bf_team_seal_token(struct bf_team *t, struct bf_arena *a, const char *owner,
                               const char *text, int64_t until_ms)
{
    size_t len = sizeof(until_ms) + strlen(text);
    uint8_t *plain = bf_arena_alloc(a, len);
    uint8_t *box = bf_arena_alloc(a, bf_sealed_len(len));
    char place[OWNER_MAX];

    if (!plain || !box || !token_place(place, owner))
        return "";
    memcpy(plain, &until_ms, sizeof(until_ms));
    memcpy(plain + sizeof(until_ms), text, strlen(text));
    bf_box_seal(t->token_key, place, plain, len, box);
    return bf_base64url(a, box, bf_sealed_len(len));
}

const char *bf_team_unseal_token(struct bf_team *t, struct bf_arena *a, const char *owner,
                                 const char *token, int64_t now_ms)
{
    char place[OWNER_MAX];
    const char *text = NULL;
    const void *box;
    size_t box_len, len;
    int64_t until_ms;
    char *plain;

    if (!token_place(place, owner) || !bf_base64url_decode(a, token, &box, &box_len) ||
        bf_box_open(t->token_key, place, box, box_len, &plain, &len, NULL))
        return NULL;
    if (len >= sizeof(until_ms)) {
        memcpy(&until_ms, plain, sizeof(until_ms));
        if (now_ms <= until_ms)
            text = bf_arena_ndup(a, plain + sizeof(until_ms), len - sizeof(until_ms));
    }
    bf_wipe(plain, len);
    free(plain);
    return text;
}
