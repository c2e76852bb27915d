#include "tests/test.h"

#include "core/base/sieve.h"

static void fill(uint64_t *keys, size_t n, int from)
{
    char text[20];

    for (size_t i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "name-%d", from + (int)i);
        keys[i] = bf_sieve_key('a', text);
    }
}

TEST(what_was_put_in_is_never_denied_and_what_was_not_mostly_is)
{
    static const size_t sizes[] = {0, 1, 2, 17, 256, 1500, 2048};

    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
        uint64_t keys[2048], asked[2048], others[10000];
        uint8_t sieve[BF_SIEVE_BYTES_MAX];
        size_t n = sizes[s], len, wrong = 0;

        fill(keys, n, 0);
        fill(asked, n, 0);
        fill(others, 10000, 100000);
        len = bf_sieve_make(keys, n, sieve);
        for (size_t i = 0; i < n; i++)
            CHECK(bf_sieve_may_hold(sieve, len, asked[i]));
        for (size_t i = 0; i < 10000; i++)
            wrong += bf_sieve_may_hold(sieve, len, others[i]);
        if (wrong > 250)
            test_failed(__FILE__, __LINE__, "%zu of 10,000 wrong with %zu keys", wrong, n);
    }
}

TEST(its_length_follows_the_number_of_different_keys)
{
    uint64_t keys[1000];
    uint8_t sieve[BF_SIEVE_BYTES_MAX];

    for (size_t i = 0; i < 1000; i++)
        keys[i] = bf_sieve_key('a', i % 2 ? "one" : "two");
    CHECK_INT(bf_sieve_make(keys, 1000, sieve), 32);
    fill(keys, 1000, 0);
    CHECK_INT(bf_sieve_make(keys, 1000, sieve), 2048);
}

/* They are on disk: another value would hide what older blocks hold. */
TEST(keys_stay_what_they_are)
{
    CHECK(bf_sieve_key('a', "acme") != bf_sieve_key('b', "acme"));
    CHECK_INT(bf_sieve_key('a', "acme") & 0xffffffff, 2031595166);
    CHECK_INT(bf_sieve_key('p', "") & 0xffffffff, 3096771239);
}

TEST(what_is_no_sieve_may_hold_everything)
{
    CHECK(bf_sieve_may_hold("", 0, 1));
    CHECK(bf_sieve_may_hold("123456789012345678901234567890123", 33, 1));
}
