/* crypto.h - everything that needs libsodium: sealing, signing, hashing, chance.
 *
 * bf_crypto_init() may be called by every hub; all else needs it to have succeeded once.  [any] */
#ifndef BF_CRYPTO_H
#define BF_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/error.h"

#define BF_KEY_LEN 32

int bf_crypto_init(struct bf_error *err);

void bf_random(void *out, size_t len);
/* `len` characters of [A-Za-z0-9] and a NUL, every character equally likely. */
void bf_random_word(char *out, size_t len);
void bf_wipe(void *data, size_t len);
bool bf_mem_same(const void *a, const void *b, size_t len);     /* in constant time */
bool bf_text_same(const char *a, const char *b); /* in a time that depends on a's length alone */

/* Keyed BLAKE2b-256, for API keys: they are long and random, so no slow hash is needed. */
void bf_hash(const uint8_t key[BF_KEY_LEN], const void *data, size_t len, uint8_t out[32]);
void bf_sha256(const void *data, size_t len, uint8_t out[32]);
void bf_hmac_sha256_raw(const void *key, size_t key_len, const void *data, size_t len,
                        uint8_t out[32]);

/* XChaCha20-Poly1305 with a random nonce in front.  `bound` names where the box belongs (table
 * and row): opened elsewhere, cut or changed, it is refused. */
size_t bf_sealed_len(size_t len);
void bf_box_seal(const uint8_t key[BF_KEY_LEN], const char *bound, const void *data, size_t len,
                 uint8_t *out);
/* *out is the plain text and a NUL, yours to bf_wipe() and free(). */
int bf_box_open(const uint8_t key[BF_KEY_LEN], const char *bound, const void *box, size_t box_len,
                char **out, size_t *out_len, struct bf_error *err);

/* Text forms.  Decoding is strict and gives false for anything else. */
const char *bf_hex(struct bf_arena *a, const void *data, size_t len);
const char *bf_base64(struct bf_arena *a, const void *data, size_t len);
const char *bf_base64url(struct bf_arena *a, const void *data, size_t len);      /* unpadded */
bool bf_base64_decode(struct bf_arena *a, const char *text, const void **data, size_t *len);
bool bf_base64url_decode(struct bf_arena *a, const char *text, const void **data, size_t *len);

#endif
