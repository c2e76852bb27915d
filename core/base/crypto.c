/* crypto.c - the only place that knows libsodium.
 *
 * Nothing here invents anything: each function is one construction of the library, with our
 * limits and our words.  A sealed box is nonce, then cipher text with its tag; `bound` is the
 * authenticated data. */
#include "core/base/crypto.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"

enum {
    NONCE_LEN = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_LEN = crypto_aead_xchacha20poly1305_ietf_ABYTES
};

_Static_assert(BF_KEY_LEN == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "a key seals");

int bf_crypto_init(struct bf_error *err)
{
    if (sodium_init() < 0)
        return bf_error_set(err, BF_EIO, "libsodium cannot start: the system gives no random bytes");
    return BF_OK;
}

void bf_random(void *out, size_t len) { randombytes_buf(out, len); }

/* Bytes of 248 and more are thrown away, as 256 is no multiple of 62. */
void bf_random_word(char *out, size_t len)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    unsigned char bytes[64];
    size_t at = sizeof(bytes);

    for (size_t i = 0; i < len;) {
        if (at == sizeof(bytes)) {
            randombytes_buf(bytes, sizeof(bytes));
            at = 0;
        }
        if (bytes[at] < 248)
            out[i++] = letters[bytes[at] % 62];
        at++;
    }
    out[len] = '\0';
    sodium_memzero(bytes, sizeof(bytes));
}

void bf_wipe(void *data, size_t len)
{
    if (data)
        sodium_memzero(data, len);
}

bool bf_mem_same(const void *a, const void *b, size_t len) { return sodium_memcmp(a, b, len) == 0; }

/* Goes through all of a; b stays at its NUL, which then differs from what a still has. */
bool bf_text_same(const char *a, const char *b)
{
    volatile unsigned char differs = 0;
    size_t len;

    if (!a || !b)
        return false;
    len = strlen(a);
    for (size_t i = 0; i <= len; i++) {
        differs |= (unsigned char)(a[i] ^ *b);
        b += *b != '\0';
    }
    return differs == 0;
}

void bf_hash(const uint8_t key[BF_KEY_LEN], const void *data, size_t len, uint8_t out[32])
{
    crypto_generichash(out, 32, data, len, key, BF_KEY_LEN);
}

void bf_sha256(const void *data, size_t len, uint8_t out[32])
{
    crypto_hash_sha256(out, data, len);
}

void bf_hmac_sha256_raw(const void *key, size_t key_len, const void *data, size_t len,
                        uint8_t out[32])
{
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, key, key_len);
    crypto_auth_hmacsha256_update(&state, data, len);
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof(state));
}

size_t bf_sealed_len(size_t len) { return NONCE_LEN + len + TAG_LEN; }

void bf_box_seal(const uint8_t key[BF_KEY_LEN], const char *bound, const void *data, size_t len,
                 uint8_t *out)
{
    randombytes_buf(out, NONCE_LEN);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_LEN, NULL, data, len,
                                               (const uint8_t *)bound, strlen(bound), NULL, out,
                                               key);
}

int bf_box_open(const uint8_t key[BF_KEY_LEN], const char *bound, const void *box, size_t box_len,
                char **out, size_t *out_len, struct bf_error *err)
{
    const uint8_t *in = box;
    uint8_t *plain;
    size_t len;

    if (box_len < NONCE_LEN + TAG_LEN)
        return bf_error_set(err, BF_EPERM, "%s: the sealed data is cut short", bound);
    len = box_len - NONCE_LEN - TAG_LEN;
    plain = malloc(len + 1);
    if (!plain)
        return bf_error_set(err, BF_ENOMEM, "%s: no memory to open %zu sealed bytes", bound, len);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, in + NONCE_LEN,
                                                   box_len - NONCE_LEN, (const uint8_t *)bound,
                                                   strlen(bound), in, key)) {
        free(plain);
        return bf_error_set(err, BF_EPERM,
                            "%s: the sealed data cannot be opened: it was sealed with another key, "
                            "or changed, or moved here from elsewhere",
                            bound);
    }
    plain[len] = '\0';
    *out = (char *)plain;
    *out_len = len;
    return BF_OK;
}


/* --- text forms --------------------------------------------------------------- */

const char *bf_hex(struct bf_arena *a, const void *data, size_t len)
{
    char *text = bf_arena_alloc(a, 2 * len + 1);

    return text ? sodium_bin2hex(text, 2 * len + 1, data, len) : "";
}

static const char *encode(struct bf_arena *a, const void *data, size_t len, int variant)
{
    size_t size = sodium_base64_encoded_len(len, variant);
    char *text = bf_arena_alloc(a, size);

    return text ? sodium_bin2base64(text, size, data, len, variant) : "";
}

static bool is_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    return true;
}

/* libsodium 1.0.18 takes some bytes above 127 for letters, hence is_ascii(). */
static bool decode(struct bf_arena *a, const char *text, const void **data, size_t *len,
                   int variant)
{
    size_t text_len = strlen(text), max = text_len / 4 * 3 + 3;
    uint8_t *made = bf_arena_alloc(a, max + 1);

    if (!made || !is_ascii(text, text_len) ||
        sodium_base642bin(made, max, text, text_len, NULL, len, NULL, variant))
        return false;
    *data = made;
    return true;
}

const char *bf_base64(struct bf_arena *a, const void *data, size_t len)
{
    return encode(a, data, len, sodium_base64_VARIANT_ORIGINAL);
}

const char *bf_base64url(struct bf_arena *a, const void *data, size_t len)
{
    return encode(a, data, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool bf_base64_decode(struct bf_arena *a, const char *text, const void **data, size_t *len)
{
    return decode(a, text, data, len, sodium_base64_VARIANT_ORIGINAL);
}

bool bf_base64url_decode(struct bf_arena *a, const char *text, const void **data, size_t *len)
{
    return decode(a, text, data, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}
