/* tls.c - PEM texts, tried without a network.
 *
 * What OpenSSL says of a certificate, libcurl tells only when it is about to shake hands.  So that is
 * begun with nobody, a socket that listens and is never looked at, and given up as soon as all is
 * loaded: nothing is written to it.
 *
 * OpenSSL does not mind sending a certificate that has expired, and libcurl does not show our own.
 * The two dates of it stand at a fixed place, which is read here (RFC 5280, 4.1). */
#include "core/net/tls.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <curl/curl.h>

#include "core/base/arena.h"
#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/crypto.h"

#define TRY_MS      5000        /* never used up: nobody is asked */
#define CERT_BEGIN  "-----BEGIN CERTIFICATE-----"
#define CERT_END    "-----END CERTIFICATE-----"
#define CERT_BYTES_MAX (256 * 1024)
#define PEM_BYTES_MAX  (64 * 1024)      /* some forty certificates */
#define KEY_BYTES_MAX  (8 * 1024)       /* of RSA with 8,192 bits */

/* "ENCRYPTED PRIVATE KEY", and "Proc-Type: 4,ENCRYPTED" within a block. */
bool bf_tls_is_locked(const char *pem) { return pem && strstr(pem, "ENCRYPTED"); }

/* Each connection reads them again, on the loop where all others wait: a megabyte of authorities takes
 * it half a second, a signature with a key of 15,360 bits a quarter of one. */
bool bf_tls_is_long(enum bf_tls_part part, const char *pem, size_t *most)
{
    *most = part == BF_TLS_KEY ? KEY_BYTES_MAX : PEM_BYTES_MAX;
    return pem && strlen(pem) > *most;
}

static void set_blob(CURL *easy, CURLoption option, const char *pem)
{
    struct curl_blob blob = {.data = (char *)pem, .flags = CURL_BLOB_NOCOPY};

    if (!pem)
        return;
    blob.len = strlen(pem);
    curl_easy_setopt(easy, option, &blob);
}

/* Without a passphrase libcurl 7.88 reads one from NULL when it meets something locked. */
void bf_tls_set(void *easy, const char *const pem[BF_TLS_PARTS])
{
    set_blob(easy, CURLOPT_SSLCERT_BLOB, pem[BF_TLS_CERT]);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, pem[BF_TLS_KEY]);
    set_blob(easy, CURLOPT_CAINFO_BLOB, pem[BF_TLS_CA]);
    if (pem[BF_TLS_CERT] || pem[BF_TLS_KEY])
        curl_easy_setopt(easy, CURLOPT_KEYPASSWD, "");
    if (pem[BF_TLS_CA])
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}


/* --- a handshake with nobody ------------------------------------------------------------- */

/* A socket without a place in the file system, at a name that the kernel chooses. */
static int listen_somewhere(struct sockaddr_un *at)
{
    socklen_t len = sizeof(*at);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memset(at, 0, sizeof(*at));
    at->sun_family = AF_UNIX;
    if (fd >= 0 && bind(fd, (struct sockaddr *)at, sizeof(at->sun_family)) == 0 &&
        listen(fd, 2) == 0 && getsockname(fd, (struct sockaddr *)at, &len) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* OpenSSL has everything, and took it. */
static CURLcode on_loaded(CURL *easy, void *context, void *arg)
{
    (void)easy;
    (void)context;
    (void)arg;
    return CURLE_ABORTED_BY_CALLBACK;
}

static CURLcode shake(const char *cert, const char *key, const char *with,
                      char words[CURL_ERROR_SIZE])
{
    CURL *e = curl_easy_init();
    CURLcode code;

    bf_assert(e);               /* only without memory */
    curl_easy_setopt(e, CURLOPT_URL, "https://nobody.invalid/");
    curl_easy_setopt(e, CURLOPT_ABSTRACT_UNIX_SOCKET, with);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, words);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)TRY_MS);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, on_loaded);
    bf_tls_set(e, (const char *[]){cert, key, NULL});
    code = curl_easy_perform(e);
    curl_easy_cleanup(e);
    return code;
}

/* Of "…, OpenSSL error error:0A00018F:SSL routines::ee key too small, (no key found…" what counts. */
static const char *reason_in(char *words)
{
    char *at = strstr(words, "routines::");

    if (!at)
        return "it is no certificate in PEM form";
    at += strlen("routines::");
    at[strcspn(at, ",")] = '\0';
    return strcmp(at, "no start line") == 0 ? "it is no certificate in PEM form" : at;
}

static bool is_of_key(CURLcode code, const char *words)
{
    return code == CURLE_SSL_CERTPROBLEM && strcasestr(words, "private key");
}

static int refuse_key(const char *key, struct bf_error *err)
{
    if (!key || !strstr(key, "PRIVATE KEY-----"))
        return bf_error_set(err, BF_ECONFIG, "is no private key in PEM form");
    return bf_error_set(err, BF_ECONFIG, "does not belong to the certificate, or is damaged");
}

static int try_cert(const char *cert, const char *key, const char *with, enum bf_tls_part *part,
                    struct bf_error *err)
{
    char words[CURL_ERROR_SIZE] = "";
    CURLcode code = shake(cert, key, with, words);

    *part = is_of_key(code, words) ? BF_TLS_KEY : BF_TLS_CERT;
    if (code != CURLE_SSL_CERTPROBLEM)
        return BF_OK;           /* given up by ourselves */
    if (*part == BF_TLS_KEY)
        return refuse_key(key, err);
    return bf_error_set(err, BF_ECONFIG, "cannot be used: %s", reason_in(words));
}

/* Authorities are loaded only when the server's certificate is there.  As one of our own they come as
 * far as the key, which they have not. */
static int try_ca(const char *ca, const char *with, enum bf_tls_part *part, struct bf_error *err)
{
    char words[CURL_ERROR_SIZE] = "";
    CURLcode code = shake(ca, NULL, with, words);

    *part = BF_TLS_CA;
    if (code != CURLE_SSL_CERTPROBLEM || is_of_key(code, words))
        return BF_OK;
    return bf_error_set(err, BF_ECONFIG, "cannot be used: %s", reason_in(words));
}

static int try_them(const char *const pem[BF_TLS_PARTS], enum bf_tls_part *part,
                    struct bf_error *err)
{
    struct sockaddr_un at;
    int fd = listen_somewhere(&at), rc = BF_OK;

    if (fd < 0)
        return BF_OK;           /* as every attempt will say */
    if (pem[BF_TLS_CERT])
        rc = try_cert(pem[BF_TLS_CERT], pem[BF_TLS_KEY], at.sun_path + 1, part, err);
    if (!rc && pem[BF_TLS_CA])
        rc = try_ca(pem[BF_TLS_CA], at.sun_path + 1, part, err);
    close(fd);
    return rc;
}

int bf_tls_check(const char *const pem[BF_TLS_PARTS], enum bf_tls_part *part,
                 struct bf_error *err)
{
    for (int i = 0; i < BF_TLS_PARTS; i++) {
        size_t most;

        *part = (enum bf_tls_part)i;
        if (bf_tls_is_long(*part, pem[i], &most))
            return bf_error_set(err, BF_ECONFIG, "has %zu bytes, and every connection reads all of them;"
                                " at most %zu are allowed", strlen(pem[i]), most);
        if (!bf_tls_is_locked(pem[i]))
            continue;
        return bf_error_set(err, BF_ECONFIG, "is locked with a passphrase; give it without, as"
                            " \"openssl pkey -in key.pem\" prints it");
    }
    return pem[BF_TLS_CERT] || pem[BF_TLS_CA] ? try_them(pem, part, err) : BF_OK;
}


/* --- the dates of a certificate ---------------------------------------------------------- */

struct der {
    const uint8_t *at, *end;
};

/* The next element: its tag, and what is in it, to go on there; -1 where there is none. */
static int der_next(struct der *d, struct der *in)
{
    size_t len, n;
    int tag;

    if (d->end - d->at < 2)
        return -1;
    tag = *d->at++;
    len = *d->at++;
    if (len & 0x80) {
        n = len & 0x7f;
        if (n == 0 || n > 3 || (size_t)(d->end - d->at) < n)
            return -1;
        for (len = 0; n > 0; n--)
            len = len << 8 | *d->at++;
    }
    if (len > (size_t)(d->end - d->at))
        return -1;
    d->at += len;
    *in = (struct der){d->at - len, d->at};         /* last, as both may be the same */
    return tag;
}

/* UTCTime "260101000000Z", of 1950 to 2049, or GeneralizedTime "20500101000000Z". */
static bool der_time(struct der *d, int64_t *ms)
{
    char digits[16] = "", text[32];
    struct der in;
    int tag = der_next(d, &in);
    size_t len = tag < 0 ? 0 : (size_t)(in.end - in.at);

    if (tag == 0x17 && len == 13)
        snprintf(digits, sizeof(digits), "%s%.12s", in.at[0] < '5' ? "20" : "19",
                 (const char *)in.at);
    else if (tag == 0x18 && len == 15)
        snprintf(digits, sizeof(digits), "%.14s", (const char *)in.at);
    else
        return false;
    snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", digits, digits + 4, digits + 6,
             digits + 8, digits + 10, digits + 12);
    return bf_time_parse(text, ms);
}

/* Certificate { tbsCertificate { [version], serial, algorithm, issuer, validity { from, until } … */
static bool read_dates(struct der d, int64_t *from_ms, int64_t *until_ms)
{
    struct der in;
    int tag;

    if (der_next(&d, &d) != 0x30 || der_next(&d, &d) != 0x30)
        return false;
    tag = der_next(&d, &in);
    if (tag == 0xa0)
        tag = der_next(&d, &in);
    if (tag != 0x02 || der_next(&d, &in) != 0x30 || der_next(&d, &in) != 0x30 ||
        der_next(&d, &in) != 0x30)
        return false;
    return der_time(&in, from_ms) && der_time(&in, until_ms);
}

/* The base64 between the lines, without its line ends. */
static const char *first_block(struct bf_arena *a, const char *pem)
{
    const char *at = strstr(pem, CERT_BEGIN), *end = at ? strstr(at, CERT_END) : NULL;
    char *text, *out;

    if (!end)
        return NULL;
    at += strlen(CERT_BEGIN);
    text = out = bf_arena_alloc(a, (size_t)(end - at) + 1);
    for (; text && at < end; at++)
        if (!strchr(" \t\r\n", *at))
            *out++ = *at;
    return text;                /* the arena's memory is zeroed */
}

bool bf_tls_validity(const char *pem, int64_t *from_ms, int64_t *until_ms)
{
    struct bf_arena *a = bf_arena_new(CERT_BYTES_MAX);
    const char *text = first_block(a, pem);
    const void *data;
    size_t len;
    bool ok = text && bf_base64_decode(a, text, &data, &len) &&
              read_dates((struct der){data, (const uint8_t *)data + len}, from_ms, until_ms);

    bf_arena_free(a);
    return ok;
}
