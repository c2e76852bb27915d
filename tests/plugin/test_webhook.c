/* test_webhook.c - what the webhook sink puts on the wire, and what it makes of the answer. */
#include "tests/plugin/fake_host.h"
#include "tests/test.h"

extern const struct bf_plugin bf_plugin_v1_webhook;

#define URL "https://hooks.example/a"
#define CERT "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"

static const char *sent_header(const struct fake *f, const char *name)
{
    for (const char *const *p = f->sent.headers; p && *p; p += 2) {
        if (strcmp(p[0], name) == 0)
            return p[1];
    }
    return NULL;
}

TEST(webhook_posts_an_empty_object_without_a_payload)
{
    struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", URL, NULL);

    CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_DELIVERED);
    CHECK_STR(f.sent.method, "POST");
    CHECK_STR(f.sent.url, URL);
    CHECK_STR(f.sent.type, "application/json");
    CHECK_STR(f.sent.body, "{}");
    CHECK(sent_header(&f, "Authorization") == NULL);
    CHECK(sent_header(&f, "X-Wandb-Signature") == NULL);
    fake_close(&f);
}

TEST(webhook_signs_the_bytes_as_wandb_does)
{
    struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", URL, "secret", "your_api_secret",
                              "payload", "{\"key1\": \"value1\", \"key2\": \"value2\"}", NULL);

    fake_deliver(&f, "run.state", "{}");
    CHECK_STR(sent_header(&f, "X-Wandb-Signature"),
              "4tKqnWHayH0Vdy0mtiM/LbZ7bOGK7h+UrHO5F40Uk8U=");
    fake_close(&f);
}

TEST(webhook_signs_in_the_other_formats)
{
    static const struct { const char *format, *header, *value; } rows[] = {
        { "hex", "X-Wandb-Signature",
          "e2d2aa9d61dac87d15772d26b6233f2db67b6ce18aee1f94ac73b9178d1493c5" },
        { "sha256=hex", "X-Wandb-Signature",
          "sha256=e2d2aa9d61dac87d15772d26b6233f2db67b6ce18aee1f94ac73b9178d1493c5" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", URL, "secret", "your_api_secret",
                                  "signature_format", rows[i].format,
                                  "payload", "{\"key1\": \"value1\", \"key2\": \"value2\"}", NULL);

        fake_deliver(&f, "run.state", "{}");
        CHECK_STR(sent_header(&f, rows[i].header), rows[i].value);
        fake_close(&f);
    }
}

TEST(webhook_signs_for_standard_webhooks_in_their_own_headers)
{
    struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", URL, "secret", "key",
                              "signature_format", "standard-webhooks", NULL);

    fake_deliver(&f, "run.state", "{}");
    CHECK_STR(sent_header(&f, "webhook-id"), "ex-1");
    CHECK_HAS(sent_header(&f, "webhook-signature"), "v1,");
    CHECK(sent_header(&f, "X-Wandb-Signature") == NULL);
    fake_close(&f);
}

/* For the time of a change both keys sign, the new one first. */
TEST(webhook_signs_with_the_previous_secret_too)
{
    struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", URL, "secret", "new",
                              "previous_secret", "old", "signature_format", "standard-webhooks",
                              NULL);
    char one[128];

    fake_deliver(&f, "run.state", "{}");
    CHECK_HAS(sent_header(&f, "webhook-signature"), " v1,");
    snprintf(one, sizeof(one), "%.47s", sent_header(&f, "webhook-signature"));
    fake_close(&f);
    f = fake_sink(&bf_plugin_v1_webhook, "url", URL, "secret", "new", "signature_format",
                  "standard-webhooks", NULL);
    fake_deliver(&f, "run.state", "{}");
    CHECK_STR(sent_header(&f, "webhook-signature"), one);
    fake_close(&f);
}

TEST(webhook_puts_its_signature_where_the_receiver_looks)
{
    struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", URL, "secret", "your_api_secret",
                              "signature_format", "sha256=hex",
                              "signature_header", "X-Hub-Signature-256",
                              "payload", "{\"key1\": \"value1\", \"key2\": \"value2\"}", NULL);

    fake_deliver(&f, "run.state", "{}");
    CHECK_STR(sent_header(&f, "X-Hub-Signature-256"),
              "sha256=e2d2aa9d61dac87d15772d26b6233f2db67b6ce18aee1f94ac73b9178d1493c5");
    CHECK(sent_header(&f, "X-Wandb-Signature") == NULL);
    fake_close(&f);
}

TEST(webhook_sends_the_headers_and_the_method_it_is_told)
{
    struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", URL, "method", "PUT",
                              "headers", "X-Run=<${run_name}>,X-Key=${TOKEN}", NULL);

    fake_deliver(&f, "run.state", "{\"run\":{\"name\":\"a\\r\\nX-Evil: 1\"}}");
    CHECK_STR(f.sent.method, "PUT");
    CHECK_STR(sent_header(&f, "X-Run"), "<a  X-Evil: 1>");
    CHECK_STR(sent_header(&f, "X-Key"), "TOKEN's");
    fake_close(&f);
}

TEST(webhook_refuses_headers_and_signatures_that_cannot_be)
{
    static const struct { const char *option, *value, *words; } rows[] = {
        { "headers", "A B=1", "no name of a header" },
        { "headers", "Content-Length=1", "set by the hub itself" },
        { "headers", "host=a", "set by the hub itself" },
        { "headers", "webhook-id=a", "set by the hub itself" },
        { "headers", "X-A=a\r\nX-B: b", "line end" },
        { "headers", "A=1,B=1,C=1,D=1,E=1,F=1,G=1,H=1,I=1,J=1,K=1,L=1,M=1,N=1,O=1,P=1,Q=1",
          "there may be 16 headers" },
        { "signature_header", "X Y", "cannot be the header" },
        { "signature_header", "Host", "cannot be the header" },
        { "signature_format", "standard-webhooks", "needs a secret" },
        { "previous_secret", "old", "only standard-webhooks carries two signatures; in format wandb"
                                    " have the receiver take both keys first" },
        { "method", "GET", "not one of the choices" },
        { "client_key", "k", "client_key needs its certificate" },
        { "client_cert", CERT, "client_cert needs its key" },
        { "ca", "nonsense", "ca is to hold a certificate in PEM" },
        { "ca", "-----BEGIN CERTIFICATE-----\nMII", "ca is to hold a certificate in PEM" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", URL, rows[i].option,
                                  rows[i].value, NULL);

        CHECK_HAS(f.refused[0] ? f.refused : f.complaint ? f.complaint : "", rows[i].words);
        fake_close(&f);
    }
}

TEST(webhook_leaves_authorization_to_its_token_if_it_has_one)
{
    struct fake free_one = fake_sink(&bf_plugin_v1_webhook, "url", URL,
                                     "headers", "Authorization=Token x", NULL);
    struct fake clash = fake_sink(&bf_plugin_v1_webhook, "url", URL, "access_token", "t",
                                  "headers", "Authorization=Token x", NULL);
    struct fake twice = fake_sink(&bf_plugin_v1_webhook, "url", URL, "secret", "s",
                                  "headers", "x-wandb-signature=forged", NULL);

    CHECK_STR(free_one.refused, "");
    CHECK_HAS(clash.refused, "Authorization is set by the hub itself");
    CHECK_HAS(twice.refused, "x-wandb-signature is set by the hub itself");
    fake_close(&free_one);
    fake_close(&clash);
    fake_close(&twice);
}

TEST(webhook_sends_its_token_as_bearer)
{
    struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", URL, "access_token", "t0ken", NULL);

    fake_deliver(&f, "run.state", "{}");
    CHECK_STR(sent_header(&f, "Authorization"), "Bearer t0ken");
    fake_close(&f);
}

TEST(webhook_names_the_execution_so_that_repeats_can_be_told)
{
    struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", URL, NULL);

    fake_deliver(&f, "run.state", "{}");
    CHECK_STR(sent_header(&f, "Idempotency-Key"), "ex-1");
    CHECK_INT(bf_plugin_v1_webhook.sinks[0]->flags & BF_ONCE, 0);
    fake_close(&f);
}

TEST(webhook_keeps_its_payload_json_whatever_a_run_is_called)
{
    struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", URL,
                              "payload", "{\"run\":\"${run_name}\"}", NULL);

    fake_deliver(&f, "run.state", "{\"run\":{\"name\":\"a\\\"},{\\\"b\"}}");
    CHECK_STR(f.sent.body, "{\"run\":\"a\\\"},{\\\"b\"}");
    fake_close(&f);
}

/* A run called .. took a part of the path away: the request went, signed, to another address. */
TEST(webhook_goes_to_no_other_path_than_it_was_told)
{
    static const struct { const char *name; int outcome; } rows[] = {
        { "..", BF_REJECTED }, { ".", BF_REJECTED }, { "...", BF_DELIVERED }, { "%2e%2e", BF_DELIVERED },
        { "../..", BF_DELIVERED }, { "v1.2", BF_DELIVERED }, { "", BF_DELIVERED },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", URL "/../${run_name}/x?y=/../z", NULL);
        char event[80];

        snprintf(event, sizeof(event), "{\"run\":{\"name\":\"%s\"}}", rows[i].name);
        fake_deliver(&f, "run.state", event);
        CHECK_INT(f.outcome, rows[i].outcome);
        if (f.outcome == BF_REJECTED)
            CHECK_HAS(f.reason, "would lead elsewhere");
        fake_close(&f);
    }
}

TEST(webhook_puts_secrets_into_a_part_of_its_address_and_payload)
{
    struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", URL "/${HOOK}",
                              "payload", "{\"token\":\"${TOKEN}\"}", NULL);

    fake_deliver(&f, "run.state", "{}");
    CHECK_STR(f.sent.url, URL "/HOOK%27s");
    CHECK_STR(f.sent.body, "{\"token\":\"TOKEN's\"}");
    fake_close(&f);
}

TEST(webhook_shows_a_certificate_and_trusts_whom_it_is_told)
{
    struct fake both = fake_sink(&bf_plugin_v1_webhook, "url", URL, "client_cert", CERT,
                                 "client_key", "k3y", "ca", CERT "more", NULL);
    struct fake trusts = fake_sink(&bf_plugin_v1_webhook, "url", URL, "ca", CERT, NULL);
    struct fake plain = fake_sink(&bf_plugin_v1_webhook, "url", URL, NULL);

    CHECK_INT(fake_deliver(&both, "run.state", "{}"), BF_DELIVERED);
    CHECK_STR(sent_header(&both, "Fake-TLS"), CERT " k3y " CERT "more");
    fake_deliver(&trusts, "run.state", "{}");
    CHECK_STR(sent_header(&trusts, "Fake-TLS"), "- - " CERT);
    fake_deliver(&plain, "run.state", "{}");
    CHECK(sent_header(&plain, "Fake-TLS") == NULL);
    fake_close(&both);
    fake_close(&trusts);
    fake_close(&plain);
}

TEST(webhook_shows_certificates_over_https_alone)
{
    struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", "http://hooks.example/a",
                              "client_cert", CERT, "client_key", "k3y", NULL);
    struct fake bad = fake_sink(&bf_plugin_v1_webhook, "url", URL, "client_cert", "MII=",
                                "client_key", "k3y", NULL);

    CHECK_HAS(f.refused, "certificates are of https");
    CHECK_HAS(bad.refused, "client_cert is to hold a certificate in PEM");
    fake_close(&f);
    fake_close(&bad);
}

TEST(webhook_judges_by_status)
{
    static const struct { int status, outcome; } rows[] = {
        { 204, BF_DELIVERED }, { 302, BF_REJECTED }, { 404, BF_REJECTED },
        { 429, BF_RETRY },     { 503, BF_RETRY },
    };
    struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", URL, NULL);

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        fake_answer(&f, rows[i].status, "");
        CHECK_INT(fake_deliver(&f, "run.state", "{}"), rows[i].outcome);
    }
    fake_answer_err(&f, BF_ETIMEDOUT, true);
    CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_UNKNOWN);
    fake_close(&f);
}

TEST(webhook_refuses_what_it_does_not_know)
{
    struct fake none = fake_sink(&bf_plugin_v1_webhook, NULL);
    struct fake odd = fake_sink(&bf_plugin_v1_webhook, "url", URL, "signature_format", "md5", NULL);
    struct fake broken = fake_sink(&bf_plugin_v1_webhook, "url", URL, "payload", "{", NULL);
    struct fake typo = fake_sink(&bf_plugin_v1_webhook, "url", URL, "acces_token", "t", NULL);

    CHECK_STR(none.refused, "url: required");
    CHECK_STR(odd.refused, "signature_format: not one of the choices");
    CHECK_STR(broken.refused, "payload: not JSON");
    CHECK_STR(typo.refused, "acces_token: no such option");
    fake_close(&none);
    fake_close(&odd);
    fake_close(&broken);
    fake_close(&typo);
}

TEST(webhook_tells_of_the_sink_that_knows_a_service)
{
    static const struct { const char *url, *words; } rows[] = {
        { "https://hooks.slack.com/services/T0/B0/x", "the sink \"slack\"" },
        { "https://u:${P}@HOOKS.slack.com:443?x", "the sink \"slack\"" },
        { "https://acme.webhook.office.com/webhookb2/1", "the sink \"teams\"" },
        { "https://prod-1.westeurope.logic.azure.com:443/workflows/1", "the sink \"teams\"" },
        { "https://api.github.com/repos/a/b/dispatches", "the sink \"github\"" },
        { "https://hooks.slack.com.example/", NULL },
        { "https://slack.example/hooks.slack.com", NULL },
        { "https://nothooks.slack.com/", NULL },
        { "https://.logic.azure.com/", NULL },
        { "https://hooks.slack.com@a.example/", NULL },
        { "${URL}", NULL },
        { "https://", NULL },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = fake_sink(&bf_plugin_v1_webhook, "url", rows[i].url, NULL);

        if (rows[i].words)
            CHECK_HAS(f.warned, rows[i].words);
        else
            CHECK_STR(f.warned, "");
        fake_close(&f);
    }
}
