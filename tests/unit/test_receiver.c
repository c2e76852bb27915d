/* test_receiver.c - what `belfry listen` says of signatures. */
#include <belfry/belfry.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/crypto.h"
#include "core/base/sign.h"
#include "tests/test.h"

#define BODY   "{\"key1\": \"value1\", \"key2\": \"value2\"}"
#define SECRET "your_api_secret"
#define BASE64 "4tKqnWHayH0Vdy0mtiM/LbZ7bOGK7h+UrHO5F40Uk8U="
#define HEX    "e2d2aa9d61dac87d15772d26b6233f2db67b6ce18aee1f94ac73b9178d1493c5"

static int judge(const char *const *headers, const char *header, const char *secret)
{
    struct bf_received r = {.size = sizeof(r), .headers = headers, .body = BODY,
                            .body_len = strlen(BODY)};

    CHECK_INT(bf_crypto_init(NULL), BF_OK);
    return bf_received_signed(&r, header, secret);
}

TEST(every_format_is_known_in_any_of_its_headers)
{
    static const struct { const char *name, *value, *header; int is; } rows[] = {
        {"X-Wandb-Signature", BASE64, NULL, BF_SIGNED_OK},
        {"x-wandb-signature", HEX, NULL, BF_SIGNED_OK},
        {"X-Hub-Signature-256", "sha256=" HEX, NULL, BF_SIGNED_OK},
        {"X-Mine", "sha256=" HEX, "X-Mine", BF_SIGNED_OK},
        {"X-Mine", BASE64, "x-mine", BF_SIGNED_OK},
        {"X-Mine", BASE64, NULL, BF_SIGNED_NOT},
        {"X-Wandb-Signature", "sha256=" BASE64, NULL, BF_SIGNED_WRONG},
        {"X-Wandb-Signature", "", NULL, BF_SIGNED_WRONG},
        {"X-Wandb-Signature", SECRET, NULL, BF_SIGNED_WRONG},
        {"X-Hub-Signature", BASE64, NULL, BF_SIGNED_NOT},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *headers[] = {"Host", "a", rows[i].name, rows[i].value, NULL};

        CHECK_INT(judge(headers, rows[i].header, SECRET), rows[i].is);
        CHECK_INT(judge(headers, rows[i].header, NULL),
                  rows[i].is == BF_SIGNED_NOT ? BF_SIGNED_NOT : BF_SIGNED_UNCHECKED);
        if (rows[i].is == BF_SIGNED_OK)
            CHECK_INT(judge(headers, rows[i].header, "another"), BF_SIGNED_WRONG);
    }
}

TEST(standard_webhooks_are_checked_with_their_time)
{
    static const char key[] = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
    struct bf_arena *a = bf_arena_new(64 * 1024);

    CHECK_INT(bf_crypto_init(NULL), BF_OK);
    for (int age_s = 0; age_s <= 600; age_s += 600) {
        const char *stamp = bf_arena_printf(a, "%lld", (long long)time(NULL) - age_s);
        const char *signature = bf_standard_signature(a, key, strlen(key), "evt_01J8ZC", stamp,
                                                      BODY, strlen(BODY));
        const char *headers[] = {"webhook-id", "evt_01J8ZC", "webhook-timestamp", stamp,
                                 "webhook-signature",
                                 bf_arena_printf(a, "v1,AAAA %s", signature), NULL};

        CHECK_INT(judge(headers, NULL, key), age_s ? BF_SIGNED_WRONG : BF_SIGNED_OK);
        CHECK_INT(judge(headers, NULL, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
                  BF_SIGNED_WRONG);
    }
    bf_arena_free(a);
}
