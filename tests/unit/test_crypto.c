/* Sealing, signing, hashing and text forms, against published vectors where there are any. */
#include "core/base/crypto.h"

#include <stdlib.h>

#include "core/base/base.h"
#include "tests/test.h"

static struct bf_arena *start(void)
{
    struct bf_error err;

    CHECK_INT(bf_crypto_init(&err), BF_OK);
    CHECK_INT(bf_crypto_init(&err), BF_OK);
    return bf_arena_new(1024 * 1024);
}

static const uint8_t key[BF_KEY_LEN] = "0123456789abcdef0123456789abcde";

TEST(hmac_sha256_signs_as_receivers_check)
{
    static const char body[] = "{\"key1\": \"value1\", \"key2\": \"value2\"}";
    struct bf_arena *a = start();
    uint8_t mac[32];

    bf_hmac_sha256_raw("your_api_secret", 15, body, sizeof(body) - 1, mac);
    CHECK_STR(bf_base64(a, mac, 32), "4tKqnWHayH0Vdy0mtiM/LbZ7bOGK7h+UrHO5F40Uk8U=");
    bf_hmac_sha256_raw("Jefe", 4, "what do ya want for nothing?", 28, mac);
    CHECK_STR(bf_hex(a, mac, 32),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    bf_arena_free(a);
}

TEST(sha256_is_sha256)
{
    struct bf_arena *a = start();
    uint8_t hash[32];

    bf_sha256("abc", 3, hash);
    CHECK_STR(bf_hex(a, hash, 32),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    bf_arena_free(a);
}

TEST(the_keyed_hash_depends_on_key_and_data)
{
    struct bf_arena *a = start();
    uint8_t one[32], two[32], other_key[BF_KEY_LEN] = {0};

    bf_hash(key, "abc", 3, one);
    bf_hash(key, "abc", 3, two);
    CHECK(bf_mem_same(one, two, 32));
    bf_hash(key, "abd", 3, two);
    CHECK(!bf_mem_same(one, two, 32));
    bf_hash(other_key, "abc", 3, two);
    CHECK(!bf_mem_same(one, two, 32));
    bf_arena_free(a);
}

static bool opens(const uint8_t *with, const char *bound, const uint8_t *box, size_t len)
{
    struct bf_error err = {0};
    size_t out_len;
    char *out;

    if (bf_box_open(with, bound, box, len, &out, &out_len, &err) == BF_OK) {
        free(out);
        return true;
    }
    CHECK_INT(err.code, BF_EPERM);
    CHECK_HAS(err.words, bound);
    return false;
}

TEST(a_box_opens_only_whole_with_its_key_and_in_its_place)
{
    static const char secret[] = "hunter2 hunter2";
    uint8_t box[100], other_key[BF_KEY_LEN] = {0};
    size_t len = bf_sealed_len(sizeof(secret) - 1), out_len;
    struct bf_arena *a = start();
    char *out;

    bf_box_seal(key, "secret/7", secret, sizeof(secret) - 1, box);
    CHECK_INT(bf_box_open(key, "secret/7", box, len, &out, &out_len, NULL), BF_OK);
    CHECK_STR(out, secret);
    CHECK_INT(out_len, sizeof(secret) - 1);
    free(out);
    CHECK(!opens(key, "secret/8", box, len));
    CHECK(!opens(other_key, "secret/7", box, len));
    for (size_t i = 0; i < len; i++) {
        CHECK(!opens(key, "secret/7", box, i));
        box[i] ^= 1;
        CHECK(!opens(key, "secret/7", box, len));
        box[i] ^= 1;
    }
    CHECK(opens(key, "secret/7", box, len));
    bf_arena_free(a);
}

TEST(sealing_twice_gives_different_boxes)
{
    struct bf_arena *a = start();
    uint8_t one[64], two[64];

    CHECK(bf_sealed_len(1) <= sizeof(one));
    bf_box_seal(key, "t", "x", 1, one);
    bf_box_seal(key, "t", "x", 1, two);
    CHECK(memcmp(one, two, bf_sealed_len(1)) != 0);
    bf_box_seal(key, "t", "", 0, one);
    CHECK(opens(key, "t", one, bf_sealed_len(0)));
    bf_arena_free(a);
}

TEST(texts_are_compared_whole)
{
    CHECK(bf_text_same("", ""));
    CHECK(bf_text_same("abc", "abc"));
    CHECK(!bf_text_same("abc", "abd"));
    CHECK(!bf_text_same("abc", "abcd"));
    CHECK(!bf_text_same("abcd", "abc"));
    CHECK(!bf_text_same("", "a"));
    CHECK(!bf_text_same("a", ""));
    CHECK(!bf_text_same(NULL, "a"));
    CHECK(!bf_text_same("a", NULL));
}

TEST(random_words_use_all_letters_about_equally)
{
    struct bf_arena *a = start();
    int counts[256] = {0}, used = 0;
    char word[62001], again[62001];

    bf_random_word(word, 62000);
    bf_random_word(again, 62000);
    CHECK_INT(strlen(word), 62000);
    CHECK(strcmp(word, again) != 0);
    for (size_t i = 0; i < 62000; i++)
        counts[(unsigned char)word[i]]++;
    for (int c = 0; c < 256; c++) {
        bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        CHECK(letter == (counts[c] > 0));
        CHECK(!letter || (counts[c] > 750 && counts[c] < 1250));        /* 8 deviations */
        used += letter;
    }
    CHECK_INT(used, 62);
    bf_random_word(word, 0);
    CHECK_STR(word, "");
    bf_arena_free(a);
}

TEST(wiping_leaves_zeroes)
{
    char secret[8] = "secret";

    bf_wipe(secret, sizeof(secret));
    for (size_t i = 0; i < sizeof(secret); i++)
        CHECK_INT(secret[i], 0);
    bf_wipe(NULL, 0);
}

TEST(text_forms_go_there_and_back)
{
    static const struct {
        const char *plain;
        const char *base64;
        const char *base64url;
    } cases[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/", "-_-_"},
    };
    struct bf_arena *a = start();

    for (size_t i = 0; i < BF_COUNT(cases); i++) {
        size_t want = strlen(cases[i].plain), len;
        const void *data;

        CHECK_STR(bf_base64(a, cases[i].plain, want), cases[i].base64);
        CHECK_STR(bf_base64url(a, cases[i].plain, want), cases[i].base64url);
        CHECK(bf_base64_decode(a, cases[i].base64, &data, &len));
        CHECK(len == want && memcmp(data, cases[i].plain, len) == 0);
        CHECK(bf_base64url_decode(a, cases[i].base64url, &data, &len));
        CHECK(len == want && memcmp(data, cases[i].plain, len) == 0);
    }
    CHECK_STR(bf_hex(a, "\x00\x7f\xff", 3), "007fff");
    bf_arena_free(a);
}

/* The library alone takes some bytes above 127 for letters. */
TEST(every_byte_outside_the_alphabet_is_refused)
{
    struct bf_arena *a = start();
    const void *data;
    size_t len;

    for (int c = 1; c < 256; c++) {
        char text[] = {'Z', 'm', '9', (char)c, '\0'};
        bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (c == '=')
            continue;
        CHECK(bf_base64_decode(a, text, &data, &len) == (letter || c == '+' || c == '/'));
        CHECK(bf_base64url_decode(a, text, &data, &len) == (letter || c == '-' || c == '_'));
    }
    bf_arena_free(a);
}

TEST(decoding_is_strict)
{
    static const char *const bad[] = {"Zg", "Zg=", "Zg===", "Zh==", "Z", "Zm9v\n", " Zm9v", "Zm-v",
                                      "Zm9v=", "====", "Zm9\xc3"};
    static const char *const bad_url[] = {"Zg==", "Zh", "Z", "Zm+v", "Zm9v "};
    struct bf_arena *a = start();
    const void *data;
    size_t len;

    for (size_t i = 0; i < BF_COUNT(bad); i++)
        if (bf_base64_decode(a, bad[i], &data, &len))
            test_failed(__FILE__, __LINE__, "accepted: %s", bad[i]);
    for (size_t i = 0; i < BF_COUNT(bad_url); i++)
        if (bf_base64url_decode(a, bad_url[i], &data, &len))
            test_failed(__FILE__, __LINE__, "accepted: %s", bad_url[i]);
    bf_arena_free(a);
}
