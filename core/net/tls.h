/* tls.h - a client certificate with its key, and whom to trust: PEM texts, looked at before they are
 * needed, and handed to libcurl.
 *
 * OpenSSL asks for a passphrase on the terminal, or falls over where nobody can give one; so nothing
 * that is locked gets that far. */
#ifndef BF_TLS_H
#define BF_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

enum bf_tls_part { BF_TLS_CERT, BF_TLS_KEY, BF_TLS_CA };
#define BF_TLS_PARTS 3

/* Whether a connection could be begun with these, each of which may be NULL: PEM that OpenSSL takes,
 * not locked, and a key that is the certificate's.  Else BF_ECONFIG, *part is the one at fault, and
 * the words are to stand behind its name: "is locked …".  Nothing is sent.  May take some
 * milliseconds.  [any] */
int bf_tls_check(const char *const pem[BF_TLS_PARTS], enum bf_tls_part *part,
                 struct bf_error *err);

/* From when until when the first certificate of a PEM text is valid; false if that cannot be read. */
bool bf_tls_validity(const char *pem, int64_t *from_ms, int64_t *until_ms);

bool bf_tls_is_locked(const char *pem);         /* NULL is not */

/* Longer than what each connection can be made with in little time; *most is how many bytes it may
 * have. */
bool bf_tls_is_long(enum bf_tls_part part, const char *pem, size_t *most);

/* Sets them in one of libcurl's easy handles, which keeps pointing at them.  Nothing that is locked
 * or long, please.  [whoever has the handle] */
void bf_tls_set(void *easy, const char *const pem[BF_TLS_PARTS]);

#endif
