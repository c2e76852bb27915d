/* tokens.c - text that goes out and comes back unread and unchanged: states of an OAuth dance,
 * links that end.
 *
 * A token is a sealed box of eight bytes of time and the text, bound to its owner.  Those that are
 * under way when the master key is rotated end with the keys from before. */
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
    uint8_t keys[KEYRING_MAX][BF_KEY_LEN];
    char place[OWNER_MAX];

    if (!plain || !box || !token_place(place, owner))
        return "";
    memcpy(plain, &until_ms, sizeof(until_ms));
    memcpy(plain + sizeof(until_ms), text, strlen(text));
    bf_keyring_token_keys(t, keys);
    bf_box_seal(keys[0], place, plain, len, box);
    bf_wipe(keys, sizeof(keys));
    return bf_base64url(a, box, bf_sealed_len(len));
}

/* With the key of one of the generations that there are. */
static bool open_token(struct bf_team *t, const char *place, const void *box, size_t box_len,
                       char **plain, size_t *len)
{
    uint8_t keys[KEYRING_MAX][BF_KEY_LEN];
    size_t n = bf_keyring_token_keys(t, keys);
    bool opened = false;

    for (size_t i = 0; i < n && !opened; i++)
        opened = !bf_box_open(keys[i], place, box, box_len, plain, len, NULL);
    bf_wipe(keys, sizeof(keys));
    return opened;
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
        !open_token(t, place, box, box_len, &plain, &len))
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
