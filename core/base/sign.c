/* sign.c - HMAC-SHA256 as the headers of various senders and receivers hold it. */
#include "core/base/sign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/crypto.h"

#define STANDARD_PREFIX  "whsec_"
#define STANDARD_KEY_MIN 24
#define STANDARD_KEY_MAX 64

const char *bf_signature(struct bf_arena *a, int how, const char *key, size_t key_len,
                         const void *data, size_t len)
{
    uint8_t mac[32];

    if (how == BF_SIGN_PLAIN)
        return bf_arena_ndup(a, key, key_len);
    bf_hmac_sha256_raw(key, key_len, data, len, mac);
    switch (how) {
    case BF_SIGN_HEX: return bf_hex(a, mac, sizeof(mac));
    case BF_SIGN_SHA256_HEX: return bf_arena_printf(a, "sha256=%s", bf_hex(a, mac, sizeof(mac)));
    default: return bf_base64(a, mac, sizeof(mac));
    }
}

static const char *stamped_signature(struct bf_arena *a, const void *key, size_t key_len,
                                     const char *id, const char *stamp, const void *body,
                                     size_t len)
{
    const char *head = bf_arena_printf(a, "%s.%s.", id, stamp);
    size_t head_len = strlen(head);
    char *message = bf_arena_alloc(a, head_len + len + 1);

    if (!message)
        return "";
    memcpy(message, head, head_len);
    memcpy(message + head_len, body, len);
    return bf_arena_printf(a, "v1,%s", bf_signature(a, BF_SIGN_BASE64, key, key_len, message,
                                                    head_len + len));
}

/* Behind the prefix a secret is base64; what is not stays what it is. */
static void standard_key(struct bf_arena *a, const char *secret, size_t secret_len,
                         const void **key, size_t *len)
{
    size_t n = strlen(STANDARD_PREFIX);

    if (strncmp(secret, STANDARD_PREFIX, n) == 0 && bf_base64_decode(a, secret + n, key, len))
        return;
    *key = secret;
    *len = secret_len;
}

bool bf_standard_key_ok(struct bf_arena *a, const char *secret)
{
    const void *key;
    size_t len, n = strlen(STANDARD_PREFIX);
    bool ok = strncmp(secret, STANDARD_PREFIX, n) == 0 &&
              bf_base64_decode(a, secret + n, &key, &len);

    if (!ok)
        return false;
    bf_wipe((void *)key, len);
    return len >= STANDARD_KEY_MIN && len <= STANDARD_KEY_MAX;
}

const char *bf_standard_signature(struct bf_arena *a, const char *secret, size_t secret_len,
                                  const char *id, const char *stamp, const void *body, size_t len)
{
    const void *key;
    size_t key_len;

    standard_key(a, secret, secret_len, &key, &key_len);
    return stamped_signature(a, key, key_len, id, stamp, body, len);
}

static bool is_fresh(const char *stamp, int64_t now_ms)
{
    long long seconds;
    char *end;

    if (*stamp < '0' || *stamp > '9')
        return false;
    errno = 0;
    seconds = strtoll(stamp, &end, 10);
    if (*end || errno || seconds > INT64_MAX / 1000)
        return false;
    return seconds * 1000 > now_ms - BF_STAMP_MS && seconds * 1000 < now_ms + BF_STAMP_MS;
}

/* All are compared, so that time does not tell which. */
static bool one_of(const char *list, const char *wanted, struct bf_arena *a)
{
    bool found = false;

    while (*list) {
        size_t n = strcspn(list, " ");

        found |= bf_text_same(bf_arena_ndup(a, list, n), wanted);
        list += n + strspn(list + n, " ");
    }
    return found;
}

bool bf_stamped_ok(struct bf_arena *a, const struct bf_stamped *s, const void *key, size_t key_len,
                   const void *body, size_t len, int64_t now_ms)
{
    const char *wanted;

    if (!s->id || !s->stamp || !s->signatures || !is_fresh(s->stamp, now_ms))
        return false;
    wanted = stamped_signature(a, key, key_len, s->id, s->stamp, body, len);
    return *wanted && one_of(s->signatures, wanted, a);
}

bool bf_standard_ok(struct bf_arena *a, const struct bf_stamped *s, const char *secret,
                    size_t secret_len, const void *body, size_t len, int64_t now_ms)
{
    const void *key;
    size_t key_len;

    standard_key(a, secret, secret_len, &key, &key_len);
    if (bf_stamped_ok(a, s, key, key_len, body, len, now_ms))
        return true;
    return key == secret && bf_base64_decode(a, secret, &key, &key_len) && key_len > 0 &&
           bf_stamped_ok(a, s, key, key_len, body, len, now_ms);
}
