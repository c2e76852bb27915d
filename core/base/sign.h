/* sign.h - signatures of webhooks: made for what leaves, checked on what comes in.
 *
 * All are HMAC-SHA256 over the exact bytes on the wire; enum bf_sign of the plugin ABI says how
 * the result is written.  A stamped signature covers "ID.TIMESTAMP.BODY", so that neither can be
 * changed and an old request cannot be sent again: Standard Webhooks, and those who follow its
 * layout.  Comparisons take a time that does not depend on what is right.  [any] */
#ifndef BF_SIGN_H
#define BF_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"

#define BF_STAMP_MS (5 * 60 * 1000)     /* how far from our time a timestamp may be */

const char *bf_signature(struct bf_arena *a, int how, const char *key, size_t key_len,
                         const void *data, size_t len);

/* Whether it is "whsec_" and base64 of 24 to 64 bytes, which is what the specification asks for. */
bool bf_standard_key_ok(struct bf_arena *a, const char *secret);
/* "v1,BASE64" of a Standard Webhooks request.  Behind "whsec_" the secret is base64, else itself. */
const char *bf_standard_signature(struct bf_arena *a, const char *secret, size_t secret_len,
                                  const char *id, const char *stamp, const void *body, size_t len);

/* What such a request says of itself; any may be NULL, and then it is not signed. */
struct bf_stamped {
    const char *id;
    const char *stamp;          /* seconds since 1970 */
    const char *signatures;     /* one or several "v1,BASE64", apart by spaces */
};

/* Whether one of the signatures is right for this key, and the timestamp within BF_STAMP_MS. */
bool bf_stamped_ok(struct bf_arena *a, const struct bf_stamped *s, const void *key, size_t key_len,
                   const void *body, size_t len, int64_t now_ms);
/* The same for the secret of a Standard Webhooks sender: such senders decode it with or without
 * "whsec_" in front, or take it as it is. */
bool bf_standard_ok(struct bf_arena *a, const struct bf_stamped *s, const char *secret,
                    size_t secret_len, const void *body, size_t len, int64_t now_ms);

#endif
