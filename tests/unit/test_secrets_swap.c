/* Stand-ins: swapped in every place, whole or not at all, before the size is checked and the body
 * signed. */
#include <strings.h>

#include "tests/unit/plugin_rig.h"

struct where {
    const char *url;
    const char *token;
    const char *key;
    const char *trick;
};

struct what {
    const char *payload;
};

static const struct bf_option where_options[] = {
    BF_STRING(struct where, url, .flags = BF_REQUIRED | BF_SECRET, .help = "address"),
    BF_STRING(struct where, token, .flags = BF_SECRET, .help = "token"),
    BF_STRING(struct where, key, .flags = BF_SECRET, .help = "signing key"),
    BF_STRING(struct where, trick, .help = "what to do with the token"),
    BF_OPTIONS_END
};

static const struct bf_option what_options[] = {
    BF_JSON(struct what, payload, .def = "{}", .help = "body"),
    BF_OPTIONS_END
};

static char seen_token[64];     /* what the plugin saw; each test is a process of its own */

static void play_trick(const struct where *to, const struct bf_delivery *d, struct bf_request *req)
{
    const char *trick = to->trick;

    if (strcmp(trick, "header") == 0)
        bf_request_header(req, "X-Token", bf_printf(d->arena, "Bearer %s", to->token));
    else if (strcmp(trick, "basic") == 0)
        bf_request_basic(req, "user", to->token);
    else if (strcmp(trick, "query") == 0)
        bf_request_to(req, "POST", bf_printf(d->arena, "https://a.example/?t=%s", to->token));
    else if (strcmp(trick, "json") == 0)
        bf_request_body(req, "application/json", "{\"t\":\"%s\"}", to->token);
    else if (strcmp(trick, "form") == 0)
        bf_request_body(req, "application/x-www-form-urlencoded", "t=%s&u=1", to->token);
    else if (strcmp(trick, "cut") == 0)
        bf_request_body(req, "text/plain", "%.20s", to->token);
    else if (strcmp(trick, "tail") == 0)
        bf_request_body(req, "text/plain", "%s", to->token + 20);
    else if (strcmp(trick, "fold") == 0) {
        char folded[64];

        snprintf(folded, sizeof(folded), "%s", to->token);
        for (char *c = folded; *c; c++)
            if (*c >= 'a' && *c <= 'z')
                *c = (char)(*c - 32);
        bf_request_body(req, "text/plain", "%s", folded);
    } else if (strcmp(trick, "small") == 0) {
        bf_request_body(req, "text/plain", "%s", to->token);
        bf_request_limit(req, 0, 45);
    }
}

static int request(void *self, const struct bf_delivery *d, struct bf_request *req)
{
    const struct where *to = self;
    const struct what *say = d->action;

    bf_request_to(req, "POST", to->url);
    bf_request_body(req, "application/json", "%s", bf_render(d, say->payload));
    if (to->token)
        snprintf(seen_token, sizeof(seen_token), "%s", to->token);
    if (to->trick)
        play_trick(to, d, req);
    bf_request_sign(req, "X-Wandb-Signature", to->key, BF_SIGN_BASE64);
    return 0;
}

static const struct bf_sink sink = {
    BF_SINK("swap", "Put secrets everywhere"),
    BF_INTEGRATION(struct where, where_options),
    BF_ACTION(struct what, what_options),
    .request = request,
    .flags = BF_QUICK,
};

static const struct bf_plugin plugin = {
    .size = sizeof(plugin), .name = "swap", .version = "1", BF_SINKS(&sink)};

static void open_with(struct rig *r, struct rig_attempt *t, const char *token, const char *trick)
{
    char config[256];

    rig_open(r, &plugin);
    rig_secret(r, "URL", "https://hooks.example/T0/B0?x=1");
    rig_secret(r, "TOKEN", token);
    rig_secret(r, "KEY", "your_api_secret");
    snprintf(config, sizeof(config),
             "{\"url\":\"URL\",\"token\":\"TOKEN\",\"key\":\"KEY\",\"trick\":\"%s\"}", trick);
    rig_integration(r, "swap", config);
    rig_attempt(t, "{}");
}

static void close_all(struct rig *r, struct rig_attempt *t)
{
    rig_attempt_end(r, t);
    rig_close(r);
}

TEST(a_whole_url_is_swapped_as_it_is)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, &t, "s3cret", "");
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
    CHECK_STR(t.at.out.http.url, "https://hooks.example/T0/B0?x=1");
    close_all(&r, &t);
}

TEST(the_plugin_sees_forty_letters_and_digits)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, &t, "s3cret", "");
    rig_prepare(&r, &t);
    CHECK_INT(strlen(seen_token), 40);
    CHECK_INT(strspn(seen_token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
              40);
    close_all(&r, &t);
}

TEST(a_secret_is_escaped_for_its_place)
{
    static const struct {
        const char *trick, *token, *url, *header, *value, *body;
    } rows[] = {
        {"header", "a b", NULL, "X-Token", "Bearer a b", "{}"},
        {"basic", "s3cret", NULL, "Authorization", "Basic dXNlcjpzM2NyZXQ=", "{}"},
        {"query", "a/b c&", "https://a.example/?t=a%2Fb%20c%26", NULL, NULL, "{}"},
        {"json", "say \"hi\"\n", NULL, NULL, NULL, "{\"t\":\"say \\\"hi\\\"\\n\"}"},
        {"form", "a=b&c", NULL, NULL, NULL, "t=a%3Db%26c&u=1"},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct rig r;
        struct rig_attempt t;

        open_with(&r, &t, rows[i].token, rows[i].trick);
        if (rig_prepare(&r, &t) != BF_STEP_SEND)
            test_failed(__FILE__, __LINE__, "%s: %s", rows[i].trick, t.at.verdict.words);
        if (rows[i].url)
            CHECK_STR(t.at.out.http.url, rows[i].url);
        if (rows[i].header)
            CHECK_STR(rig_header(&t, rows[i].header), rows[i].value);
        CHECK_STR(t.at.out.http.body, rows[i].body);
        CHECK_INT(t.at.out.http.body_len, strlen(rows[i].body));
        close_all(&r, &t);
    }
}

/* By their places: a token that is a part of what anybody may read stays readable there. */
TEST(the_history_gets_the_name_of_each_secret_in_its_place)
{
    static const struct {
        const char *trick, *url, *body;
    } rows[] = {
        {"", "${URL}", "{}"},
        {"header", "${URL}", "{}"},
        {"query", "https://a.example/?t=${TOKEN}", "{}"},
        {"json", "${URL}", "{\"t\":\"${TOKEN}\"}"},
        {"form", "${URL}", "t=${TOKEN}&u=1"},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct rig r;
        struct rig_attempt t;

        open_with(&r, &t, "t", rows[i].trick);
        CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
        CHECK_STR(t.at.out.sent.method, "POST");
        CHECK_STR(t.at.out.sent.url, rows[i].url);
        CHECK_INT(t.at.out.sent.body_len, strlen(rows[i].body));
        CHECK_STR(t.at.out.sent.body, rows[i].body);
        close_all(&r, &t);
    }
}

/* Stand-ins differ from attempt to attempt; what is shown must not, or it would be kept twice. */
TEST(a_secret_in_a_payload_is_shown_by_its_name_and_a_literal_by_its_option)
{
    for (int round = 0; round < 2; round++) {
        struct rig r;
        struct rig_attempt t, u;

        rig_open(&r, &plugin);
        rig_secret(&r, "URL", "https://hooks.example/");
        rig_secret(&r, round ? "integration/01INTEGRATION0000000000000/token" : "TOKEN", "s3cret");
        rig_integration(&r, "swap", round ? "{\"url\":\"URL\",\"token\":{\"sealed\":"
                        "\"integration/01INTEGRATION0000000000000/token\"},\"trick\":\"json\"}"
                        : "{\"url\":\"URL\",\"token\":\"TOKEN\"}");
        rig_attempt(&t, round ? "{}" : "{\"payload\":{\"a\":\"${TOKEN}${TOKEN}\"}}");
        rig_attempt(&u, round ? "{}" : "{\"payload\":{\"a\":\"${TOKEN}${TOKEN}\"}}");
        CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
        CHECK_INT(rig_prepare(&r, &u), BF_STEP_SEND);
        CHECK_STR(t.at.out.sent.body, round ? "{\"t\":\"${token}\"}"
                                            : "{\"a\":\"${TOKEN}${TOKEN}\"}");
        CHECK_STR(t.at.out.sent.body, u.at.out.sent.body);
        rig_attempt_end(&r, &t);
        rig_attempt_end(&r, &u);
        rig_close(&r);
    }
}

TEST(a_line_end_in_a_header_secret_is_refused)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, &t, "a\r\nEvil: 1", "header");
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SETTLED);
    CHECK_INT(t.at.verdict.outcome, BF_REJECTED);
    CHECK_HAS(t.at.verdict.words, "token");
    CHECK(!strstr(t.at.verdict.words, "Evil"));
    close_all(&r, &t);
}

TEST(a_mangled_stand_in_fails_the_attempt)
{
    static const char *const tricks[] = {"cut", "tail", "fold"};

    for (size_t i = 0; i < BF_COUNT(tricks); i++) {
        struct rig r;
        struct rig_attempt t;

        open_with(&r, &t, "s3cret", tricks[i]);
        CHECK_INT(rig_prepare(&r, &t), BF_STEP_SETTLED);
        CHECK_INT(t.at.verdict.outcome, BF_REJECTED);
        CHECK_HAS(t.at.verdict.words, "secret_mangled");
        close_all(&r, &t);
    }
}

TEST(the_size_is_checked_after_the_swap)
{
    struct rig r;
    struct rig_attempt t;

    /* The stand-in has 40 bytes and would fit. */
    open_with(&r, &t, "0123456789012345678901234567890123456789012345", "small");
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SETTLED);
    CHECK_INT(t.at.verdict.outcome, BF_REJECTED);
    CHECK_HAS(t.at.verdict.words, "46 bytes, the service takes 45");
    close_all(&r, &t);
}

TEST(what_is_signed_is_what_leaves)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, &t, "s3cret", "json");
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
    CHECK_STR(t.at.out.http.body, "{\"t\":\"s3cret\"}");
    CHECK(bf_signature_ok(rig_header(&t, "X-Wandb-Signature"), "your_api_secret",
                          t.at.out.http.body, t.at.out.http.body_len));
    close_all(&r, &t);
}

TEST(the_signature_is_the_documented_one)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, &t, "s3cret", "");
    rig_attempt_end(&r, &t);
    rig_attempt(&t, "{\"payload\":{\"key1\": \"value1\", \"key2\": \"value2\"}}");
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
    CHECK_STR(t.at.out.http.body, "{\"key1\": \"value1\", \"key2\": \"value2\"}");
    CHECK_STR(rig_header(&t, "X-Wandb-Signature"),
              "4tKqnWHayH0Vdy0mtiM/LbZ7bOGK7h+UrHO5F40Uk8U=");
    close_all(&r, &t);
}

TEST(a_template_may_name_what_the_integration_was_granted)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, &t, "s3cret\"", "");
    rig_attempt_end(&r, &t);
    rig_attempt(&t, "{\"payload\":{\"a\":\"${alias}\",\"t\":\"${TOKEN}\"}}");
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
    CHECK_STR(t.at.out.http.body, "{\"a\":\"production\",\"t\":\"s3cret\\\"\"}");
    close_all(&r, &t);
}

TEST(a_template_may_not_name_other_secrets)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, &t, "s3cret", "");
    rig_secret(&r, "OTHER", "other");
    rig_attempt_end(&r, &t);
    rig_attempt(&t, "{\"payload\":{\"t\":\"${OTHER}\"}}");
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SETTLED);
    CHECK_INT(t.at.verdict.outcome, BF_REJECTED);
    CHECK_HAS(t.at.verdict.words, "OTHER");
    close_all(&r, &t);
}

TEST(a_deleted_secret_fails_the_attempt_by_name)
{
    struct rig r;
    struct rig_attempt t;

    open_with(&r, &t, "s3cret", "header");
    rig_delete_secret(&r, "TOKEN");
    CHECK_INT(rig_prepare(&r, &t), BF_STEP_SETTLED);
    CHECK_INT(t.at.verdict.outcome, BF_REJECTED);
    CHECK_HAS(t.at.verdict.words, "TOKEN");
    close_all(&r, &t);
}

TEST(values_are_wiped_once_the_attempt_is_over)
{
    struct rig r;
    struct rig_attempt t;
    struct bf_courier_ops ops;
    const char *body;

    open_with(&r, &t, "s3cret", "json");
    rig_prepare(&r, &t);
    body = t.at.out.http.body;
    CHECK_HAS(body, "s3cret");
    ops = bf_plugins_courier_ops(r.plugins);
    ops.forget(ops.arg, &t.at);
    CHECK_STR(body, "");
    close_all(&r, &t);
}

TEST(an_echoed_secret_is_taken_out_of_the_answer)
{
    struct rig r;
    struct rig_attempt t;
    struct bf_courier_ops ops;
    struct bf_fetch_result answer = {.status = 200, .body = "you sent long-enough-secret, and x"};

    open_with(&r, &t, "long-enough-secret", "header");
    rig_prepare(&r, &t);
    ops = bf_plugins_courier_ops(r.plugins);
    answer.body_len = strlen(answer.body);
    ops.judge(ops.arg, &t.at, &answer);
    CHECK_INT(t.at.verdict.outcome, BF_DELIVERED);
    CHECK_STR(answer.body, "you sent ${TOKEN}, and x");
    CHECK_INT(answer.body_len, strlen(answer.body));
    close_all(&r, &t);
}

/* What is kept of an answer's body. */
static void judge(struct rig *r, struct rig_attempt *t, const char *body, bool cut,
                  struct bf_fetch_result *answer)
{
    struct bf_courier_ops ops = bf_plugins_courier_ops(r->plugins);

    *answer = (struct bf_fetch_result){
        .status = 200, .body = body, .body_len = strlen(body), .body_cut = cut};
    ops.judge(ops.arg, &t->at, answer);
    CHECK_INT(answer->body_len, strlen(answer->body));
}

static void check_kept(const char *what, const char *token, const char *body, bool cut,
                       const char *kept)
{
    struct bf_fetch_result answer;
    struct rig_attempt t;
    struct rig r;

    open_with(&r, &t, token, "");
    rig_prepare(&r, &t);
    judge(&r, &t, body, cut, &answer);
    if (strcmp(answer.body, kept) != 0)
        test_failed(__FILE__, __LINE__, "%s: \"%s\" became \"%s\", not \"%s\"", what, body,
                    answer.body, kept);
    close_all(&r, &t);
}

TEST(an_echoed_secret_is_found_in_every_spelling)
{
    static const struct {
        const char *what, *token, *body, *kept;
    } rows[] = {
        {"raw", "a/b c\"d\\e&f", "<a/b c\"d\\e&f>", "<${TOKEN}>"},
        {"twice", "longsecret", "longsecretlongsecret.", "${TOKEN}${TOKEN}."},
        {"percent", "a/b c\"d\\e&f", "<a%2Fb%20c%22d%5Ce%26f>", "<${TOKEN}>"},
        {"percent, lower case", "a/b c\"d\\e&f", "<a%2fb%20c%22d%5ce%26f>", "<${TOKEN}>"},
        {"percent, by somebody else", "a/b~c!\"d e", "<a/b%7Ec!%22d%20e>", "<${TOKEN}>"},
        {"percent, by an old one", "longsecret~", "<longsecret%7E>", "<${TOKEN}>"},
        {"form", "a/b c\"d\\e&f", "t=a%2Fb+c%22d%5Ce%26f&u=1", "t=${TOKEN}&u=1"},
        {"JSON", "a/b c\"d\\e\nf", "{\"t\":\"a/b c\\\"d\\\\e\\nf\"}", "{\"t\":\"${TOKEN}\"}"},
        {"JSON twice", "a/b c\"d\\e\nf",
         "{\"r\":\"{\\\"t\\\":\\\"a/b c\\\\\\\"d\\\\\\\\e\\\\nf\\\"}\"}",
         "{\"r\":\"{\\\"t\\\":\\\"${TOKEN}\\\"}\"}"},
        {"JSON, \\u00xx", "a\x01" "bcdefg\x1f", "\"a\\u0001bcdefg\\u001F\"", "\"${TOKEN}\""},
        {"JSON, quote first", "\"abcdefg\\", "\"\\\"abcdefg\\\\\"", "\"${TOKEN}\""},
        {"JSON, of no UTF-8", "abc\xef" "def\xff.", "\"abc\xef\xbf\xbd" "def\xef\xbf\xbd.\"",
         "\"${TOKEN}\""},
        {"JSON by PHP", "https://a.b/c", "\"https:\\/\\/a.b\\/c\"", "\"${TOKEN}\""},
        {"JSON by Go", "a<b>&cdefg", "\"a\\u003cb\\u003e\\u0026cdefg\"", "\"${TOKEN}\""},
        {"JSON by Python", "p\xc3\xa4sswort\xf0\x9f\x98\x80", "\"p\\u00e4sswort\\ud83d\\ude00\"",
         "\"${TOKEN}\""},
        {"HTML", "a<b>&c\"d'e", "<pre>a&lt;b&gt;&amp;c&quot;d&#39;e</pre>", "<pre>${TOKEN}</pre>"},
        {"a percent sign", "100%25&amp;x", "100%25&amp;x", "${TOKEN}"},
        {"a percent sign, encoded", "100%25&amp;x", "100%2525%26amp%3Bx", "${TOKEN}"},
        {"a percent sign, JSON", "100%25&\"x", "100%25&\\\"x", "${TOKEN}"},
        {"base64", "open-sesame", "b3Blbi1zZXNhbWU=", "${TOKEN}U="},
        {"base64 of a pair", "open-sesame", "Basic dTpvcGVuLXNlc2FtZQ==", "Basic dTp${TOKEN}Q=="},
        {"base64 of a longer pair", "open-sesame", "dXNyOm9wZW4tc2VzYW1l", "dXNyOm${TOKEN}"},
        {"base64 within a text", "open-sesame", "eHk6b3Blbi1zZXNhbWUK", "eHk6${TOKEN}UK"},
        {"base64, percent", "~~~~~~>>>>", "fn5%2Bfn5%2bPj4%2BPg%3D%3D", "${TOKEN}g%3D%3D"},
        {"base64 of URLs", "~~~~~~>>>>", "fn5-fn5-Pj4-Pg", "${TOKEN}g"},
        {"base64 of URLs, the other one", ">?>?>?>?>", "<Pj8-Pz4_Pj8->", "<${TOKEN}>"},
        {"hex", "open-sesame", "<6f70656e2d736573616d65>", "<${TOKEN}>"},
        {"hex, upper case", "open-sesame", "<6F70656E2D736573616D65>", "<${TOKEN}>"},
        {"too short", "s3cret7", "s3cret7", "s3cret7"},
        {"none", "longsecret", "longsecre + 100% \\& long", "longsecre + 100% \\& long"},
        {"only a part", "longsecret", "longsecre", "longsecre"},
        {"nothing", "longsecret", "", ""},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++)
        check_kept(rows[i].what, rows[i].token, rows[i].body, false, rows[i].kept);
}

TEST(what_may_be_a_secret_at_the_end_of_a_cut_body_is_dropped)
{
    static const struct {
        const char *what, *token, *body, *kept;
    } rows[] = {
        {"raw", "longsecret", "it is longsecre", "it is "},
        {"four bytes", "longsecret", "it is long", "it is "},
        {"three bytes", "longsecret", "it is lon", "it is lon"},
        {"whole", "longsecret", "it is longsecret", "it is ${TOKEN}"},
        {"whole, and a part", "longsecret", "longsecret, longs", "${TOKEN}, "},
        {"not at the end", "longsecret", "longs it is", "longs it is"},
        {"percent", "long/secret", "it is long%2", "it is "},
        {"JSON", "long\"secret", "it is long\\", "it is "},
        {"JSON twice", "long\"secret", "it is long\\\\\\", "it is "},
        {"JSON, \\u00xx", "long\x01secret", "it is long\\u00", "it is "},
        {"base64", "open-sesame", "Basic dTpvcGVuLX", "Basic dTp"},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++)
        check_kept(rows[i].what, rows[i].token, rows[i].body, true, rows[i].kept);
}

/* A receiver used to get a secret into the history by saying "Cannot POST /path" and repeating the
 * body: neither was as it had been stored. */
TEST(whatever_left_may_come_back)
{
    static const char *const tokens[] = {
        "plain-token_1234", "a/b?c=d&e#f%41+g h", "say \"hi\"\\, %25 & <b>",
        "p\xc3\xa4ss wort\xff!"};
    static const char *const tricks[] = {"header", "basic", "query", "json", "form"};

    for (size_t i = 0; i < BF_COUNT(tokens) * BF_COUNT(tricks); i++) {
        const char *token = tokens[i % BF_COUNT(tokens)], *trick = tricks[i / BF_COUNT(tokens)];
        const char *with, *where;
        struct bf_fetch_result answer;
        struct rig_attempt t;
        struct bf_buf b;
        struct rig r;

        open_with(&r, &t, token, trick);
        CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
        where = strcmp(trick, "header") == 0  ? rig_header(&t, "X-Token")
                : strcmp(trick, "basic") == 0 ? rig_header(&t, "Authorization")
                : strcmp(trick, "query") == 0 ? t.at.out.http.url : t.at.out.http.body;
        bf_buf_init(&b, 4096);
        bf_buf_printf(&b, "%s\n", where);
        bf_buf_json(&b, where);
        judge(&r, &t, bf_buf_text(&b), false, &answer);
        with = strstr(answer.body, "${TOKEN}");
        if (!with || !strstr(with + 1, "${TOKEN}") || strstr(answer.body, "p\xc3\xa4ss") ||
            strstr(answer.body, "token_1") || strstr(answer.body, "say") ||
            strstr(answer.body, "a%2F"))
            test_failed(__FILE__, __LINE__, "%s: %s became %s", trick, bf_buf_text(&b),
                        answer.body);
        bf_buf_fini(&b);
        close_all(&r, &t);
    }
}

TEST(a_secret_url_does_not_come_back_in_parts)
{
    static const struct {
        const char *body, *kept;
    } rows[] = {
        {"https://h.example/T0/abcdefgh?sig=a%2Fb%3Dcdefgh&v=1", "${URL}"},
        {"<pre>Cannot POST /T0/abcdefgh</pre>", "<pre>Cannot POST ${URL}</pre>"},
        {"POST /T0/abcdefgh?sig=a%2fb%3dcdefgh&v=1", "POST ${URL}?sig=${URL}&v=1"},
        {"{\"args\":{\"sig\":\"a/b=cdefgh\",\"v\":\"1\"}}",
         "{\"args\":{\"sig\":\"${URL}\",\"v\":\"1\"}}"},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_fetch_result answer;
        struct rig_attempt t;
        struct rig r;

        rig_open(&r, &plugin);
        rig_secret(&r, "URL", "https://h.example/T0/abcdefgh?sig=a%2Fb%3Dcdefgh&v=1");
        rig_integration(&r, "swap", "{\"url\":\"URL\"}");
        rig_attempt(&t, "{}");
        CHECK_INT(rig_prepare(&r, &t), BF_STEP_SEND);
        judge(&r, &t, rows[i].body, false, &answer);
        CHECK_STR(answer.body, rows[i].kept);
        close_all(&r, &t);
    }
}

/* Whoever knows a value can answer with what is nearly it, at every byte: then the rest of the
 * answer is dropped. */
TEST(an_answer_of_near_misses_takes_no_longer_than_others)
{
    enum { LEN = 64 * 1024 - 2 };
    static const struct {
        const char *fill;
        bool kept;
    } rows[] = {
        {"aaaaaaaaaaaaaaa", false},
        {"a\\%5C\\a\\%5C\\a\\\\", false},
        {"\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\", true},
        {"%5C%5C%5C%5C%5C", true},
    };
    static char token[LEN / 2 + 2], body[LEN + 1];

    memset(token, 'a', LEN / 2);
    token[LEN / 2] = '/';
    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_fetch_result answer;
        struct rig_attempt t;
        int64_t began;
        struct rig r;

        for (size_t at = 0; at < LEN; at++)
            body[at] = rows[i].fill[at % 15];
        open_with(&r, &t, token, "");
        rig_prepare(&r, &t);
        began = bf_mono_ms(bf_clock_system());
        judge(&r, &t, body, false, &answer);
        CHECK(bf_mono_ms(bf_clock_system()) - began < 2000);
        CHECK_INT(answer.body_len == LEN, rows[i].kept);
        close_all(&r, &t);
    }
}
