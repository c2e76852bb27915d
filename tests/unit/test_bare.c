/* test_bare.c - what is recognised as a secret in plain sight, and what is not. */
#include "tests/test.h"

#include "core/plugin/inner.h"

TEST(keys_that_say_what_they_are_are_found)
{
    static const struct { const char *text, *what; } rows[] = {
        {"ghp_0123456789abcdefghijABCDEFGHIJ012345", "a token of GitHub"},
        {"token github_pat_11AAAAAAA0aaaaaaaaaaaa_bbbbbbbbbbbbbb", "a token of GitHub"},
        {"{\"t\":\"xoxb-123456789012-abcdefghijkl\"}", "a token of Slack"},
        {"Bearer sk-0123456789abcdefghijABCDEFGHIJ0123456789", "a key of OpenAI"},
        {"sk-proj-0123456789_abcdefghij-ABCDEFGHIJ0123456789", "a key of OpenAI"},
        {"AKIA0123456789ABCDEF", "a key of AWS"},
        {"hf_0123456789abcdefghijABCDEFGHIJ0123", "a token of Hugging Face"},
        {"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "a key that signs webhooks"},
        {"bf-0123456789abcdef0123456789abcdef01234567", "a key of Belfry"},
        {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
         "a JSON Web Token"},
        {"-----BEGIN EC PRIVATE KEY-----\nMHc=\n-----END EC PRIVATE KEY-----", "a private key"},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++)
        CHECK_STR(bf_bare_token(rows[i].text) ? bf_bare_token(rows[i].text) : rows[i].text,
                  rows[i].what);
}

TEST(other_texts_are_left_alone)
{
    static const char *const rows[] = {
        "", "production", "${GITHUB_TOKEN}", "Bearer ${TOKEN}",
        "ghp_short", "whsec_", "bf-1", "sk-learn-random-forest-baseline-with-a-long-name",
        "the task-0123456789abcdefghijABCDEFGHIJ0123456789 is done",
        "4f2d0c1e9b8a7f6e5d4c3b2a190807060504f3e2", "eyJhbGciOiJIUzI1NiJ9",
        "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----",
        "wandb-artifact://_id/QXJ0aWZhY3Q6NTE3ODg5ODg3",
    };

    CHECK(!bf_bare_token(NULL));
    for (size_t i = 0; i < BF_COUNT(rows); i++)
        CHECK_STR(bf_bare_token(rows[i]) ? bf_bare_token(rows[i]) : "", "");
}

TEST(names_of_credentials_are_told_from_others)
{
    static const char *const are[] = {"Authorization", "proxy-authorization", "COOKIE", "X-Api-Key",
                                      "X-Auth-Token", "Client-Secret", "X-Password", "apikey",
                                      "DD-APPLICATION-KEY", "Ocp-Apim-Subscription-Key",
                                      "x-functions-key", "sig", "access_token"};
    static const char *const are_not[] = {"X-Run", "X-Routing-Key", "Surrogate-Key", "Accept", "X-Keyboard",
                                          "X-Author", "Content-Language", "X-Signature-Version",
                                          "monkey", "encode", "X-Passenger"};

    for (size_t i = 0; i < BF_COUNT(are); i++)
        CHECK_STR(bf_bare_name(are[i]) ? are[i] : "", are[i]);
    for (size_t i = 0; i < BF_COUNT(are_not); i++)
        CHECK_STR(bf_bare_name(are_not[i]) ? are_not[i] : "", "");
}

TEST(credentials_in_the_query_of_an_address_are_found)
{
    static const struct { const char *url, *name; } rows[] = {
        {"https://hooks.example/a?token=abc", "token"},
        {"https://hooks.example/a?x=1&sig=abc#top", "sig"},
        {"https://hooks.example/a?key=abc&x=1", "key"},
        {"https://hooks.example/a?token=${TOKEN}", ""},
        {"https://hooks.example/a?token=", ""},
        {"https://hooks.example/a?token", ""},
        {"https://hooks.example/token=abc", ""},
        {"https://hooks.example/a?x=1#token=abc", ""},
        {"https://hooks.example/a?&&=&x=token=abc", ""},
        {"https://hooks.example/a?", ""},
    };
    char name[16];

    for (size_t i = 0; i < BF_COUNT(rows); i++)
        CHECK_STR(bf_bare_query(rows[i].url, name, sizeof(name)) ? name : "", rows[i].name);
    CHECK(!bf_bare_query("https://hooks.example/a?a-very-long-name-of-a-token=abc", name,
                         sizeof(name)));
}
