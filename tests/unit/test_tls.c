/* test_tls.c - certificates, keys and authorities, tried without a network. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/crypto.h"
#include "core/net/tls.h"

static void openssl(const char *args)
{
    char command[700];

    snprintf(command, sizeof(command), "cd %s && openssl %s >out 2>&1", test_dir(), args);
    if (system(command) != 0)
        test_skip("no openssl that can do this");
}

static char *slurp(const char *name)
{
    char path[200], *text = calloc(1, 16384);
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", test_dir(), name);
    f = fopen(path, "r");
    CHECK(f && fread(text, 1, 16383, f) > 0);
    fclose(f);
    return text;
}

static void make(const char *name, const char *key, int days)
{
    char args[400];

    snprintf(args, sizeof(args), "req -x509 -newkey %s -nodes -days %d -subj /CN=%s -keyout %s.key"
             " -out %s.pem", key, days, name, name, name);
    openssl(args);
}

#define EC "ec -pkeyopt ec_paramgen_curve:P-256"

/* "" or "PART WORDS". */
static const char *check(const char *cert, const char *key, const char *ca)
{
    static const char *const names[] = {"cert", "key", "ca"};
    static char out[1200];
    enum bf_tls_part part;
    struct bf_error err;
    int rc = bf_tls_check((const char *[]){cert, key, ca}, &part, &err);

    if (!rc)
        return "";
    CHECK_INT(rc, BF_ECONFIG);
    snprintf(out, sizeof(out), "%s %s", names[part], err.words);
    return out;
}

TEST(a_certificate_and_its_key_are_taken)
{
    char *cert, *key, *chain;

    make("hub", EC, 2);
    cert = slurp("hub.pem");
    key = slurp("hub.key");
    chain = calloc(1, 2 * strlen(cert) + 1);
    strcat(strcpy(chain, cert), cert);
    CHECK_STR(check(cert, key, NULL), "");
    CHECK_STR(check(chain, key, NULL), "");
    CHECK_STR(check(cert, key, cert), "");
    CHECK_STR(check(NULL, NULL, chain), "");
    CHECK_STR(check(NULL, NULL, NULL), "");
    make("rsa", "rsa:2048", 2);
    free(cert);
    free(key);
    CHECK_STR(check(cert = slurp("rsa.pem"), key = slurp("rsa.key"), NULL), "");
    free(cert);
    free(key);
    free(chain);
}

TEST(a_key_of_another_certificate_is_told)
{
    char *cert, *key;

    make("hub", EC, 2);
    make("other", EC, 2);
    make("rsa", "rsa:2048", 2);
    cert = slurp("hub.pem");
    CHECK_STR(check(cert, key = slurp("other.key"), NULL),
              "key does not belong to the certificate, or is damaged");
    free(key);
    CHECK_STR(check(cert, key = slurp("rsa.key"), NULL),
              "key does not belong to the certificate, or is damaged");
    key[60] = key[60] == 'A' ? 'B' : 'A';
    CHECK_HAS(check(cert, key, NULL), "key does not belong");
    free(key);
    free(cert);
}

TEST(what_is_no_pem_is_told_apart)
{
    char *cert, *key;

    make("hub", EC, 2);
    cert = slurp("hub.pem");
    key = slurp("hub.key");
    CHECK_STR(check("nonsense", key, NULL), "cert cannot be used: it is no certificate in PEM form");
    CHECK_STR(check(key, key, NULL), "cert cannot be used: it is no certificate in PEM form");
    CHECK_STR(check(cert, "nonsense", NULL), "key is no private key in PEM form");
    CHECK_STR(check(cert, cert, NULL), "key is no private key in PEM form");
    CHECK_STR(check(cert, NULL, NULL), "key is no private key in PEM form");
    CHECK_STR(check(cert, key, "nonsense"), "ca cannot be used: it is no certificate in PEM form");
    CHECK_STR(check(NULL, NULL, key), "ca cannot be used: it is no certificate in PEM form");
    cert[strlen(cert) / 2] = '!';
    CHECK_HAS(check(cert, key, NULL), "cert cannot be used: ");
    free(cert);
    free(key);
}

/* libcurl read the passphrase from NULL, and OpenSSL may ask for one on the terminal. */
/* They are read by each connection anew, on the loop. */
TEST(what_takes_long_to_read_is_refused)
{
    char *cert, *key, *many = calloc(1, 70000), *long_key = calloc(1, 9000);

    make("hub", EC, 2);
    cert = slurp("hub.pem");
    key = slurp("hub.key");
    while (strlen(many) + strlen(cert) <= 64 * 1024)
        strcat(many, cert);
    CHECK_STR(check(many, key, many), "");
    strcat(many, cert);
    CHECK_HAS(check(many, key, NULL), "cert has 6");
    CHECK_HAS(check(many, key, NULL), "at most 65536 are allowed");
    CHECK_HAS(check(NULL, NULL, many), "ca has 6");
    memset(strcpy(long_key, key) + strlen(key), '\n', 8200 - strlen(key));
    CHECK_HAS(check(cert, long_key, NULL), "key has 8200 bytes");
    long_key[8192] = '\0';
    CHECK_STR(check(cert, long_key, NULL), "");
    free(many);
    free(long_key);
    free(cert);
    free(key);
}

TEST(what_is_locked_with_a_passphrase_is_refused)
{
    char *cert, *key;

    make("hub", EC, 2);
    openssl("pkey -in hub.key -aes128 -passout pass:x -out locked.key");
    openssl("ec -in hub.key -aes128 -passout pass:x -out older.key");
    cert = slurp("hub.pem");
    CHECK_HAS(check(cert, key = slurp("locked.key"), NULL), "key is locked with a passphrase");
    free(key);
    CHECK_HAS(check(cert, key = slurp("older.key"), NULL), "key is locked with a passphrase");
    CHECK_HAS(check(key, key, NULL), "cert is locked with a passphrase");
    CHECK_HAS(check(NULL, NULL, key), "ca is locked with a passphrase");
    CHECK(!bf_tls_is_locked(cert) && !bf_tls_is_locked(NULL));
    free(key);
    free(cert);
}

TEST(a_key_that_is_too_short_is_no_use)
{
    char *cert, *key;

    make("weak", "rsa:1024", 2);
    CHECK_STR(check(cert = slurp("weak.pem"), key = slurp("weak.key"), NULL),
              "cert cannot be used: ee key too small");
    free(cert);
    free(key);
}

TEST(the_dates_of_a_certificate_are_read)
{
    int64_t from, until, now = bf_wall_ms(bf_clock_system());
    char *cert;

    make("hub", EC, 2);
    cert = slurp("hub.pem");
    CHECK(bf_tls_validity(cert, &from, &until));
    CHECK(from <= now && from > now - 600000);
    CHECK_INT(until - from, 2 * 24 * 3600 * INT64_C(1000));
    free(cert);
    make("long", EC, 36500);    /* written with four digits of the year */
    cert = slurp("long.pem");
    CHECK(bf_tls_validity(cert, &from, &until));
    CHECK_INT(until - from, INT64_C(36500) * 24 * 3600 * 1000);
    free(cert);
    CHECK(!bf_tls_validity("", &from, &until));
    CHECK(!bf_tls_validity("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", &from, &until));
}

/* Cut anywhere, or with any byte another, it is read or not, but nothing behind its end is. */
TEST(a_damaged_certificate_is_read_within_its_bytes)
{
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    char *cert, *text = calloc(1, 16384), *out = text;
    const void *data;
    int64_t from, until;
    size_t len, n_read = 0;

    make("hub", EC, 2);
    cert = slurp("hub.pem");
    for (const char *at = strchr(cert, '\n'); *at != '-'; at++)
        if (*at != '\n')
            *out++ = *at;
    CHECK(bf_base64_decode(a, text, &data, &len));
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *bytes = malloc(cut + 1);       /* so that a sanitizer sees its end */

        memcpy(bytes, data, cut);
        if (cut > 2)
            bytes[cut / 2] ^= 0x84;
        snprintf(text, 16384, "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n",
                 bf_base64(a, bytes, cut));
        n_read += bf_tls_validity(text, &from, &until);
        free(bytes);
    }
    CHECK(n_read < len / 2);
    bf_arena_free(a);
    free(text);
    free(cert);
}
