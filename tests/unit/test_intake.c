/* Intakes: what a definition may say, who is let in, and what a request becomes. */
#include "core/team/intake.h"

#include <stdlib.h>

#include "core/base/crypto.h"
#include "core/base/sign.h"
#include "tests/test.h"

#define NOW 1764000000000

static struct bf_intake *make(const char *definition)
{
    struct bf_intake *i = NULL;
    struct bf_error err;

    if (bf_intake_new("gate", "acme", definition, &i, &err))
        test_failed(__FILE__, __LINE__, "%s: %s: %s", definition, err.field, err.words);
    return i;
}

TEST(a_definition_is_refused_by_the_field_that_is_wrong)
{
#define CHECK_NONE ",\"check\":{\"kind\":\"none\"}"
    static const struct { const char *definition, *field; } cases[] = {
        {"{\"check\":{\"kind\":\"none\"}}", "type"},
        {"{\"type\":\"a.b\"}", "check"},
        {"{\"type\":\"a.b\",\"check\":{}}", "check.kind"},
        {"{\"type\":\"a.b\",\"check\":\"none\"}", "check"},
        {"{\"type\":\"a.b\",\"check\":{\"kind\":\"md5\"}}", "check.kind"},
        {"{\"type\":\"a.b\",\"check\":{\"kind\":\"none\",\"secret\":\"S\"}}", "check.secret"},
        {"{\"type\":\"a.b\",\"check\":{\"kind\":\"bearer\"}}", "check.secret"},
        {"{\"type\":\"a.b\",\"check\":{\"kind\":\"bearer\",\"secret\":\"S\",\"header\":\"X\"}}",
         "check.header"},
        {"{\"type\":\"a.b\",\"check\":{\"kind\":\"header\",\"secret\":\"S\"}}", "check.header"},
        {"{\"type\":\"a.b\",\"check\":{\"kind\":\"hmac\",\"secret\":\"S\",\"header\":\"X\"}}",
         "check.format"},
        {"{\"type\":\"a.b\",\"check\":{\"kind\":\"hmac\",\"secret\":\"S\",\"format\":\"hex\"}}",
         "check.header"},
        {"{\"type\":\"a.b\",\"check\":{\"kind\":\"hmac\",\"secret\":\"S\",\"format\":\"mlflow\","
         "\"header\":\"X\"}}", "check.header"},
        {"{\"type\":\"a.b\",\"check\":{\"kind\":\"hmac\",\"secret\":\"S\",\"format\":\"sha1\","
         "\"header\":\"X\"}}", "check.format"},
        {"{\"type\":\"a.b\",\"check\":{\"kind\":\"hmac\",\"secret\":\"S\",\"format\":\"hex\","
         "\"header\":\"X Y\"}}", "check.header"},
        {"{\"type\":\"a.b\",\"check\":{\"kind\":\"none\",\"algo\":1}}", "check.algo"},
        {"{\"type\":\"A.b\"" CHECK_NONE "}", "type"},
        {"{\"type\":\"run.state\"" CHECK_NONE "}", "type"},
        {"{\"type\":\"run\"" CHECK_NONE "}", "type"},
        {"{\"type\":[\"belfry\",{\"pointer\":\"/x\"}]" CHECK_NONE "}", "type"},
        {"{\"type\":{\"pointer\":\"/type\"}" CHECK_NONE "}", "type"},
        {"{\"type\":[]" CHECK_NONE "}", "type"},
        {"{\"type\":[\"a\",{\"pointer\":\"type\"}]" CHECK_NONE "}", "type[1]"},
        {"{\"type\":[\"a\",{\"pointer\":\"/a~2\"}]" CHECK_NONE "}", "type[1]"},
        {"{\"type\":[\"a\",{\"pointer\":\"/a\",\"header\":\"X\"}]" CHECK_NONE "}", "type[1]"},
        {"{\"type\":[\"a\",7]" CHECK_NONE "}", "type[1]"},
        {"{\"type\":\"a\",\"key\":\"always\"" CHECK_NONE "}", "key"},
        {"{\"type\":\"a\",\"key\":{\"body\":1}" CHECK_NONE "}", "key"},
        {"{\"type\":\"a\",\"project\":\"a/b\"" CHECK_NONE "}", "project"},
        {"{\"type\":\"a\",\"time\":\"now\"" CHECK_NONE "}", "time"},
        {"{\"type\":\"a\",\"enabled\":\"yes\"" CHECK_NONE "}", "enabled"},
        {"{\"type\":\"a\",\"typ\":\"b\"" CHECK_NONE "}", "typ"},
        {"[]", ""},
    };

    for (size_t n = 0; n < sizeof(cases) / sizeof(*cases); n++) {
        struct bf_intake *i;
        struct bf_error err = {0};

        if (!bf_intake_new("gate", "acme", cases[n].definition, &i, &err))
            test_failed(__FILE__, __LINE__, "taken: %s", cases[n].definition);
        if (strcmp(err.field, cases[n].field) != 0 || !err.words[0])
            test_failed(__FILE__, __LINE__, "%s\n  names %s (%s), not %s", cases[n].definition,
                        err.field, err.words, cases[n].field);
    }
}

/* --- who sends ----------------------------------------------------------------- */

static int ask(const char *check, const char *const *headers, const char *body, const char *value)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    const char *definition = bf_arena_printf(a, "{\"type\":\"a\",\"check\":%s}", check);
    struct bf_intake *i = make(definition);
    struct bf_intake_request r = {headers, body, strlen(body), a};
    int rc;

    CHECK_INT(bf_crypto_init(NULL), BF_OK);
    rc = bf_intake_check(i, &r, value, value ? strlen(value) : 0, NOW);
    bf_intake_unref(i);
    bf_arena_free(a);
    return rc;
}

#define HEADERS(...) (const char *const[]){__VA_ARGS__, NULL}
#define HMAC(format) \
    "{\"kind\":\"hmac\",\"header\":\"X-Sig\",\"format\":\"" format "\",\"secret\":\"S\"}"

TEST(an_hmac_is_checked_over_the_bytes_of_the_body)
{
    static const char hex[] = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    static const char body[] = "what do ya want for nothing?";

    CHECK_INT(ask(HMAC("hex"), HEADERS("x-sig", hex), body, "Jefe"), BF_OK);
    CHECK_INT(ask(HMAC("sha256=hex"),
                  HEADERS("X-SIG", "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b9"
                                   "64ec3843"), body, "Jefe"), BF_OK);
    CHECK_INT(ask(HMAC("base64"), HEADERS("X-Sig", "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="),
                  body, "Jefe"), BF_OK);
    CHECK_INT(ask(HMAC("hex"), HEADERS("x-sig", hex), "what do ya want for nothing!", "Jefe"),
              BF_EPERM);
    CHECK_INT(ask(HMAC("hex"), HEADERS("x-sig", hex), body, "jefe"), BF_EPERM);
    CHECK_INT(ask(HMAC("base64"), HEADERS("x-sig", hex), body, "Jefe"), BF_EPERM);
    CHECK_INT(ask(HMAC("hex"), HEADERS("x-other", hex), body, "Jefe"), BF_EPERM);
    CHECK_INT(ask(HMAC("hex"), HEADERS("x-sig", ""), body, "Jefe"), BF_EPERM);
}

TEST(a_bearer_token_is_compared_whole)
{
    static const char check[] = "{\"kind\":\"bearer\",\"secret\":\"S\"}";

    CHECK_INT(ask(check, HEADERS("Authorization", "Bearer tok-1"), "{}", "tok-1"), BF_OK);
    CHECK_INT(ask(check, HEADERS("authorization", "bearer tok-1"), "{}", "tok-1"), BF_OK);
    CHECK_INT(ask(check, HEADERS("Authorization", "Bearer tok-12"), "{}", "tok-1"), BF_EPERM);
    CHECK_INT(ask(check, HEADERS("Authorization", "Bearer tok-"), "{}", "tok-1"), BF_EPERM);
    CHECK_INT(ask(check, HEADERS("Authorization", "Basic tok-1"), "{}", "tok-1"), BF_EPERM);
    CHECK_INT(ask(check, HEADERS("Authorization", "Bearer "), "{}", "tok-1"), BF_EPERM);
    CHECK_INT(ask(check, HEADERS("X", "y"), "{}", "tok-1"), BF_EPERM);
}

TEST(a_shared_secret_in_a_header_is_compared_whole)
{
    static const char check[] =
        "{\"kind\":\"header\",\"header\":\"X-Webhook-Secret\",\"secret\":\"S\"}";

    CHECK_INT(ask(check, HEADERS("X-Webhook-Secret", "open sesame"), "{}", "open sesame"), BF_OK);
    CHECK_INT(ask(check, HEADERS("X-Webhook-Secret", "open"), "{}", "open sesame"), BF_EPERM);
    CHECK_INT(ask(check, HEADERS("X-Webhook-Secret", ""), "{}", "open sesame"), BF_EPERM);
    CHECK_INT(ask(check, HEADERS("X", "y"), "{}", "open sesame"), BF_EPERM);
}

/* An unset secret must not open the door to an empty one. */
TEST(without_a_secret_nobody_is_let_in)
{
    CHECK_INT(ask("{\"kind\":\"header\",\"header\":\"X\",\"secret\":\"S\"}", HEADERS("X", ""), "{}",
                  ""), BF_EPERM);
    CHECK_INT(ask("{\"kind\":\"bearer\",\"secret\":\"S\"}", HEADERS("Authorization", "Bearer "),
                  "{}", NULL), BF_EPERM);
    CHECK_INT(ask("{\"kind\":\"none\"}", HEADERS("X", "y"), "{}", NULL), BF_OK);
}

TEST(mlflow_signs_with_its_secret_as_it_is)
{
    static const char check[] = "{\"kind\":\"hmac\",\"format\":\"mlflow\",\"secret\":\"S\"}";
    struct bf_arena *a = bf_arena_new(64 * 1024);
    uint8_t mac[32];
    const char *good;

    CHECK_INT(bf_crypto_init(NULL), BF_OK);
    bf_hmac_sha256_raw("whsec_c2VjcmV0", 14, "d1.1764000000.{}", 16, mac);
    good = bf_arena_printf(a, "v1,%s", bf_base64(a, mac, 32));
    CHECK_INT(ask(check, HEADERS("X-MLflow-Delivery-Id", "d1", "X-MLflow-Timestamp", "1764000000",
                                 "X-MLflow-Signature", good), "{}", "whsec_c2VjcmV0"), BF_OK);
    CHECK_INT(ask(check, HEADERS("X-MLflow-Delivery-Id", "d2", "X-MLflow-Timestamp", "1764000000",
                                 "X-MLflow-Signature", good), "{}", "whsec_c2VjcmV0"), BF_EPERM);
    CHECK_INT(ask(check, HEADERS("webhook-id", "d1", "webhook-timestamp", "1764000000",
                                 "webhook-signature", good), "{}", "whsec_c2VjcmV0"), BF_EPERM);
    bf_arena_free(a);
}

/* --- what it becomes ------------------------------------------------------------- */

static struct bf_error why;

/* The event, or NULL with `why`. */
static struct bf_envelope *event(const char *definition, const char *const *headers,
                                 const char *body)
{
    struct bf_arena *a = bf_arena_new(4 * 1024 * 1024);
    struct bf_intake *i = make(definition);
    struct bf_intake_request r = {headers, body, strlen(body), a};
    struct bf_envelope *e = NULL;

    CHECK_INT(bf_crypto_init(NULL), BF_OK);
    why = (struct bf_error){0};
    if (bf_intake_event(i, &r, &e, &why))
        e = NULL;
    bf_intake_unref(i);
    bf_arena_free(a);
    return e;
}

#define DEFINE(members) "{\"check\":{\"kind\":\"none\"}," members "}"

TEST(the_body_becomes_data_byte_for_byte)
{
    struct bf_envelope *e = event(DEFINE("\"type\":\"a.b\""), HEADERS("X", "y"),
                                  " {\"n\": 9007199254740993, \"a\":[1.0,1e2 ],\t\"\\u0041\":null}\n");

    CHECK(e);
    CHECK_STR(e->text, "{\"type\":\"a.b\",\"entity\":\"acme\",\"source\":\"gate\",\"data\":{\"n\": "
                       "9007199254740993, \"a\":[1.0,1e2 ],\t\"\\u0041\":null}}");
    bf_envelope_unref(e);
}

TEST(values_are_picked_from_headers_and_body)
{
    struct bf_envelope *e = event(
        DEFINE("\"type\":[\"github\",{\"header\":\"X-GitHub-Event\"},{\"pointer\":\"/action\"}],"
               "\"key\":{\"header\":\"X-GitHub-Delivery\"},\"project\":{\"pointer\":\"/r/name\"},"
               "\"collection\":\"fixed\",\"author\":{\"pointer\":\"/who\"},"
               "\"time\":{\"pointer\":\"/at\"}"),
        HEADERS("x-github-event", "pull_request", "X-GitHub-Delivery", "d-1"),
        "{\"action\":\"opened\",\"r\":{\"name\":\"vision\"},\"who\":\"a\\\"na\","
        "\"at\":\"2026-01-02T03:04:05+01:00\"}");

    CHECK(e);
    CHECK_STR(e->type, "github.pull_request.opened");
    CHECK_STR(e->key, "d-1");
    CHECK_STR(e->source, "gate");
    CHECK_STR(e->project, "vision");
    CHECK_STR(e->collection, "fixed");
    CHECK_STR(e->author, "a\"na");
    CHECK_INT(e->time_ms, 1767319445000);
    bf_envelope_unref(e);
}

TEST(what_a_request_lacks_is_left_out)
{
    struct bf_envelope *e = event(
        DEFINE("\"type\":[\"github\",{\"header\":\"X-GitHub-Event\"},{\"pointer\":\"/action\"}],"
               "\"project\":{\"pointer\":\"/repository/name\"},\"author\":{\"header\":\"X-Who\"}"),
        HEADERS("X-GitHub-Event", "ping"), "{\"action\":null,\"repository\":[]}");

    CHECK(e);
    CHECK_STR(e->type, "github.ping");
    CHECK(!e->project && !e->author && !e->key);
    bf_envelope_unref(e);
}

TEST(a_picked_part_is_made_words_of_a_type)
{
    static const struct { const char *given, *type; } cases[] = {
        {"Push Hook", "x.push_hook"}, {"user.created", "x.user.created"}, {".a..b.", "x._a._b_"},
        {"caf\xc3\xa9", "x.caf__"}, {"7", "x.7"}, {"..", "x.__"},
    };

    for (size_t n = 0; n < sizeof(cases) / sizeof(*cases); n++) {
        struct bf_envelope *e = event(DEFINE("\"type\":[\"x\",{\"header\":\"T\"}]"),
                                      HEADERS("T", cases[n].given), "{}");

        if (!e)
            test_failed(__FILE__, __LINE__, "%s: %s", cases[n].given, why.words);
        CHECK_STR(e->type, cases[n].type);
        bf_envelope_unref(e);
    }
    CHECK(!event(DEFINE("\"type\":[\"x\",{\"pointer\":\"/t\"}]"), HEADERS("T", "x"),
                 "{\"t\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"));
    CHECK_STR(why.field, "type");
}

TEST(numbers_and_booleans_are_picked_as_written)
{
    struct bf_envelope *e = event(DEFINE("\"type\":[\"x\",{\"pointer\":\"/ok\"}],"
                                         "\"key\":{\"pointer\":\"/id\"}"),
                                  HEADERS("T", "x"), "{\"id\":9007199254740993,\"ok\":true}");

    CHECK(e);
    CHECK_STR(e->key, "9007199254740993");
    CHECK_STR(e->type, "x.true");
    bf_envelope_unref(e);
}

static char *key_of(const char *key, const char *const *headers, const char *body)
{
    char definition[500];
    struct bf_envelope *e;
    char *copy;

    snprintf(definition, sizeof(definition), DEFINE("\"type\":\"x\",\"key\":%s"), key);
    e = event(definition, headers, body);
    if (!e)
        test_failed(__FILE__, __LINE__, "%s: %s", key, why.words);
    copy = strdup(e->key);
    bf_envelope_unref(e);
    return copy;
}

TEST(a_key_of_several_parts_tells_where_each_ends)
{
    static const char both[] = "[{\"header\":\"A\"},{\"header\":\"B\"}]";
    char *one = key_of(both, HEADERS("A", "x", "B", "yz"), "{}");
    char *two = key_of(both, HEADERS("A", "xy", "B", "z"), "{}");
    char *same = key_of(both, HEADERS("B", "yz", "A", "x"), "{}");
    char *body = key_of("{\"body\":true}", HEADERS("A", "x"), "{}");

    CHECK(strcmp(one, two) != 0);
    CHECK_STR(one, same);
    CHECK_STR(body, "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    free(one);
    free(two);
    free(same);
    free(body);
}

TEST(a_long_key_is_hashed)
{
    char value[400] = "", *key;

    memset(value, 'g', sizeof(value) - 1);
    key = key_of("{\"header\":\"A\"}", HEADERS("A", value), "{}");
    CHECK_INT(strlen(key), 7 + 64);
    free(key);
}

TEST(a_request_without_its_key_is_refused)
{
    CHECK(!event(DEFINE("\"type\":\"x\",\"key\":{\"pointer\":\"/id\"}"), HEADERS("A", "x"),
                 "{\"id\":\"\"}"));
    CHECK_STR(why.field, "key");
    CHECK_HAS(why.words, "/id");
}

TEST(a_stamped_request_has_its_id_for_key)
{
    struct bf_envelope *e = event(
        "{\"type\":\"x\",\"check\":{\"kind\":\"hmac\",\"format\":\"standard-webhooks\","
        "\"secret\":\"S\"}}", HEADERS("webhook-id", "msg_1"), "{}");

    CHECK(e);
    CHECK_STR(e->key, "msg_1");
    bf_envelope_unref(e);
}

TEST(times_are_rfc_3339_or_seconds_or_milliseconds)
{
    static const struct { const char *body; int64_t ms; } cases[] = {
        {"{\"t\":1767319445}", 1767319445000}, {"{\"t\":1767319445123}", 1767319445123},
        {"{\"t\":\"1767319445\"}", 1767319445000}, {"{\"t\":\"2026-01-02T02:04:05Z\"}", 1767319445000},
        {"{}", 0},
    };

    for (size_t n = 0; n < sizeof(cases) / sizeof(*cases); n++) {
        struct bf_envelope *e = event(DEFINE("\"type\":\"x\",\"time\":{\"pointer\":\"/t\"}"),
                                      HEADERS("A", "x"), cases[n].body);

        CHECK(e);
        CHECK_INT(e->time_ms, cases[n].ms);
        bf_envelope_unref(e);
    }
    CHECK(!event(DEFINE("\"type\":\"x\",\"time\":{\"pointer\":\"/t\"}"), HEADERS("A", "x"),
                 "{\"t\":\"yesterday\"}"));
    CHECK_STR(why.field, "time");
}

TEST(a_body_that_is_not_json_is_refused_with_what_to_do)
{
    CHECK(!event(DEFINE("\"type\":\"x\""), HEADERS("A", "x"), "a=b"));
    CHECK_HAS(why.words, "application/json");
    CHECK(!event(DEFINE("\"type\":\"x\""), HEADERS("A", "x"), ""));
    CHECK(!event(DEFINE("\"type\":\"x\""), HEADERS("A", "x"), "{\"a\":1,\"a\":2}"));
}

TEST(a_body_may_be_nested_one_level_less_than_an_event)
{
    char deep[200] = "";

    memset(deep, '[', 63);
    memset(deep + 63, ']', 63);
    bf_envelope_unref(event(DEFINE("\"type\":\"x\""), HEADERS("A", "x"), deep));
    CHECK_STR(why.words, "");
    memset(deep, '[', 64);
    memset(deep + 64, ']', 64);
    CHECK(!event(DEFINE("\"type\":\"x\""), HEADERS("A", "x"), deep));
    CHECK_HAS(why.words, "63 levels");
}

TEST(a_name_that_no_event_may_have_is_refused)
{
    CHECK(!event(DEFINE("\"type\":\"x\",\"project\":{\"pointer\":\"/p\"}"), HEADERS("A", "x"),
                 "{\"p\":\"acme/vision\"}"));
    CHECK_STR(why.field, "project");
}

TEST(what_began_it_goes_on)
{
    struct bf_envelope *e = event(DEFINE("\"type\":\"x\""), HEADERS("Belfry-Cause", "01ROOT"), "{}");

    CHECK(e);
    CHECK_STR(e->cause, "01ROOT");
    bf_envelope_unref(e);
}

TEST(hops_go_on_and_end)
{
    struct bf_envelope *e = event(DEFINE("\"type\":\"x\""), HEADERS("Belfry-Hops", "3"), "{}");

    CHECK(e);
    CHECK_INT(e->hops, 3);
    bf_envelope_unref(e);
    CHECK(!event(DEFINE("\"type\":\"x\""), HEADERS("Belfry-Hops", "6"), "{}"));
    CHECK_STR(why.field, "hops");
    CHECK(!event(DEFINE("\"type\":\"x\""), HEADERS("Belfry-Hops", "99999999999999999999"), "{}"));
}

/* --- saving ---------------------------------------------------------------------- */

static const char *store(struct bf_arena *a, const char *given, const struct bf_intake *before,
                         const char **literal)
{
    const char *definition = NULL;
    const struct bf_json *root = bf_json_parse(a, given, strlen(given), &why);

    return bf_intake_store(a, "gate", root, before, &definition, literal, &why) ? NULL : definition;
}

#define BEARER(secret) "{ \"type\":\"a\", \"check\":{\"kind\":\"bearer\",\"secret\":" secret "}}"

TEST(a_literal_is_taken_out_of_the_definition)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    const char *literal, *saved = store(a, BEARER("{\"value\":\"s3cret!\"}"), NULL, &literal);
    struct bf_intake *i;
    struct bf_buf b;

    CHECK_STR(saved, "{\"type\":\"a\",\"check\":{\"kind\":\"bearer\",\"secret\":"
                     "{\"sealed\":\"intake/gate\"}}}");
    CHECK_STR(literal, "s3cret!");
    i = make(saved);
    CHECK_STR(i->secret, "intake/gate");
    bf_buf_init(&b, 1000);
    bf_intake_show(i, &b);
    CHECK_STR(bf_buf_text(&b),
              "{\"type\":\"a\",\"check\":{\"kind\":\"bearer\",\"secret\":{\"set\":true}}}");
    bf_buf_fini(&b);
    CHECK_HAS(store(a, BEARER("{\"set\":true}"), i, &literal), "intake/gate");
    CHECK(!literal);
    CHECK(!store(a, BEARER("{\"set\":true}"), NULL, &literal));
    CHECK_STR(why.field, "check.secret");
    bf_intake_unref(i);
    bf_arena_free(a);
}

TEST(a_name_stays_a_name_and_nobody_can_write_a_sealed_one)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    const char *literal;

    CHECK_STR(store(a, BEARER("\"NAME_1\""), NULL, &literal),
              "{\"type\":\"a\",\"check\":{\"kind\":\"bearer\",\"secret\":\"NAME_1\"}}");
    CHECK(!literal);
    CHECK_HAS(store(a, BEARER("\"not a name\""), NULL, &literal), "sealed");
    CHECK_STR(literal, "not a name");
    CHECK(!store(a, BEARER("{\"sealed\":\"integration/x/secret\"}"), NULL, &literal));
    CHECK(!store(a, BEARER("\"\""), NULL, &literal));
    CHECK(!store(a, BEARER("7"), NULL, &literal));
    bf_arena_free(a);
}
