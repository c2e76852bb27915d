/* Signatures of webhooks, against a published vector and what may go wrong with each part. */
#include "core/base/sign.h"

#include "core/base/crypto.h"
#include "tests/test.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID     "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define STAMP  "1614265330"
#define NOW    1614265330000
#define BODY   "{\"test\": 2432232314}"
#define SIGNED "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static const struct bf_stamped good = {ID, STAMP, SIGNED};

static bool standard(struct bf_stamped s, const char *secret, const char *body, int64_t now_ms)
{
    struct bf_arena *a = bf_arena_new(64 * 1024);
    bool ok;

    CHECK_INT(bf_crypto_init(NULL), BF_OK);
    ok = bf_standard_ok(a, &s, secret, strlen(secret), body, strlen(body), now_ms);
    bf_arena_free(a);
    return ok;
}

TEST(the_published_vector_of_standard_webhooks_is_made_and_taken)
{
    struct bf_arena *a = bf_arena_new(64 * 1024);

    CHECK_INT(bf_crypto_init(NULL), BF_OK);
    CHECK_STR(bf_standard_signature(a, SECRET, strlen(SECRET), ID, STAMP, BODY, strlen(BODY)),
              SIGNED);
    CHECK(standard(good, SECRET, BODY, NOW));
    bf_arena_free(a);
}

TEST(a_standard_secret_may_come_without_its_prefix)
{
    CHECK(standard(good, SECRET + strlen("whsec_"), BODY, NOW));
    CHECK(!standard(good, "not base64 at all!", BODY, NOW));
}

TEST(every_part_of_a_stamped_signature_counts)
{
    CHECK(!standard((struct bf_stamped){"msg_other", STAMP, SIGNED}, SECRET, BODY, NOW));
    CHECK(!standard((struct bf_stamped){ID, "1614265331", SIGNED}, SECRET, BODY, NOW));
    CHECK(!standard(good, SECRET, BODY " ", NOW));
    CHECK(!standard(good, "whsec_AAAA", BODY, NOW));
    CHECK(!standard((struct bf_stamped){NULL, STAMP, SIGNED}, SECRET, BODY, NOW));
    CHECK(!standard((struct bf_stamped){ID, NULL, SIGNED}, SECRET, BODY, NOW));
    CHECK(!standard((struct bf_stamped){ID, STAMP, NULL}, SECRET, BODY, NOW));
    CHECK(!standard((struct bf_stamped){ID, STAMP, ""}, SECRET, BODY, NOW));
}

TEST(one_right_signature_among_several_is_enough)
{
    CHECK(standard((struct bf_stamped){ID, STAMP, "v1,AAAA  " SIGNED " v2,x"}, SECRET, BODY, NOW));
    CHECK(!standard((struct bf_stamped){ID, STAMP, "v1,AAAA " SIGNED "x"}, SECRET, BODY, NOW));
}

TEST(a_timestamp_is_good_for_five_minutes_both_ways)
{
    CHECK(standard(good, SECRET, BODY, NOW + BF_STAMP_MS - 1));
    CHECK(!standard(good, SECRET, BODY, NOW + BF_STAMP_MS));
    CHECK(standard(good, SECRET, BODY, NOW - BF_STAMP_MS + 1));
    CHECK(!standard(good, SECRET, BODY, NOW - BF_STAMP_MS));
}

/* strtoll() alone would take blanks and signs, and another text would be signed than is judged. */
TEST(a_timestamp_is_digits)
{
    static const char *const bad[] = {"", " 1614265330", "+1614265330", "-1614265330",
                                      "1614265330.5", "0x6037BDF2", "9223372036854775807",
                                      "99999999999999999999"};
    struct bf_arena *a = bf_arena_new(64 * 1024);

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const char *made = bf_standard_signature(a, SECRET, strlen(SECRET), ID, bad[i], BODY,
                                                 strlen(BODY));

        if (standard((struct bf_stamped){ID, bad[i], made}, SECRET, BODY, NOW))
            test_failed(__FILE__, __LINE__, "taken: \"%s\"", bad[i]);
    }
    bf_arena_free(a);
}

/* A tracking server signs in the same layout, with its secret as it is. */
TEST(a_raw_key_is_not_decoded)
{
    struct bf_stamped s = {"d1", STAMP, "v1,SIGNATURE"};
    struct bf_arena *a = bf_arena_new(64 * 1024);
    uint8_t mac[32];

    CHECK_INT(bf_crypto_init(NULL), BF_OK);
    bf_hmac_sha256_raw("whsec_dHJhY2tpbmc=", 18, "d1." STAMP ".{}", 16, mac);
    s.signatures = bf_arena_printf(a, "v1,%s", bf_base64(a, mac, sizeof(mac)));
    CHECK(bf_stamped_ok(a, &s, "whsec_dHJhY2tpbmc=", 18, "{}", 2, NOW));
    CHECK(!bf_standard_ok(a, &s, "whsec_dHJhY2tpbmc=", 18, "{}", 2, NOW));
    bf_arena_free(a);
}

/* Computed with openssl and with Python. */
TEST(every_format_makes_what_receivers_expect)
{
    static const char body[] = "{\"key1\": \"value1\", \"key2\": \"value2\"}";
    static const char secret[] = "your_api_secret";
    static const struct { int how; const char *signature; } rows[] = {
        {BF_SIGN_BASE64, "4tKqnWHayH0Vdy0mtiM/LbZ7bOGK7h+UrHO5F40Uk8U="},
        {BF_SIGN_HEX, "e2d2aa9d61dac87d15772d26b6233f2db67b6ce18aee1f94ac73b9178d1493c5"},
        {BF_SIGN_SHA256_HEX,
         "sha256=e2d2aa9d61dac87d15772d26b6233f2db67b6ce18aee1f94ac73b9178d1493c5"},
        {BF_SIGN_PLAIN, secret},
    };
    struct bf_arena *a = bf_arena_new(64 * 1024);
    const char *key = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

    CHECK_INT(bf_crypto_init(NULL), BF_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        CHECK_STR(bf_signature(a, rows[i].how, secret, strlen(secret), body, strlen(body)),
                  rows[i].signature);
    CHECK_STR(bf_standard_signature(a, key, strlen(key), "evt_01J8ZC", "1764000000", "{\"a\":1}", 7),
              "v1,691zsa4VqwAk2RERs113f5dBctrOotQISydOzTUIDtg=");
    bf_arena_free(a);
}

TEST(a_key_of_standard_webhooks_has_24_to_64_bytes)
{
    static const struct { size_t len; bool ok; } rows[] = {
        {0, false}, {23, false}, {24, true}, {32, true}, {64, true}, {65, false},
    };
    struct bf_arena *a = bf_arena_new(64 * 1024);
    char bytes[65] = {1, 2, 3};

    CHECK_INT(bf_crypto_init(NULL), BF_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *text = bf_base64(a, bytes, rows[i].len);

        CHECK_INT(bf_standard_key_ok(a, bf_arena_printf(a, "whsec_%s", text)), rows[i].ok);
        CHECK(!bf_standard_key_ok(a, text));
    }
    CHECK(!bf_standard_key_ok(a, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY="));
    CHECK(!bf_standard_key_ok(a, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3!"));
    bf_arena_free(a);
}
