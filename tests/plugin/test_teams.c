/* test_teams.c - the cards that the Teams sink makes, and what it makes of the two services' answers.
 *
 * That Microsoft's own reader takes the cards, and finds no link or mention in them that a value
 * wrote, is checked in tests/e2e/teams.sh. */
#include "tests/plugin/fake_host.h"
#include "tests/plugin/fake_text.h"
#include "tests/plugin/fake_hub.h"
#include "tests/test.h"

#include <stdlib.h>

extern const struct bf_plugin bf_plugin_v1_teams;

#define FLOW "https://prod-01.westeurope.logic.azure.com:443/workflows/1/triggers/manual?sig=s1gnature"
#define CONNECTOR "https://acme.webhook.office.com/webhookb2/1/IncomingWebhook/2"
#define LIMIT 26624

#define RUN "{\"run\":{\"id\":\"r1\",\"name\":\"sunny-frog-7\",\"state\":\"FAILED\"}}"

static struct fake sink(const char *url, const char *option, const char *value)
{
    return fake_sink(&bf_plugin_v1_teams, "url", url, option, value, NULL);
}

/* A value of the body that was sent. */
static const char *sent(struct fake *f, const char *pointer)
{
    return fake_get(f->hub->keep, f->sent.body, pointer, NULL);
}

#define CARD "/attachments/0/content"
#define TITLE CARD "/body/0/items/0/text"
#define TEXT  CARD "/body/1/text"

/* What a fact of the card says; "" if there is none of that name. */
static const char *fact(struct fake *f, const char *facts, const char *name)
{
    struct bf_item it = { .size = sizeof(it) };
    const char *json = sent(f, facts);

    while (fake_each(f->hub->keep, json, "", &it)) {
        const char *title = fake_get(f->hub->keep, it.value, "/title", NULL);

        if (!*title)
            title = fake_get(f->hub->keep, it.value, "/name", NULL);
        if (strcmp(title, name) == 0)
            return fake_get(f->hub->keep, it.value, "/value", NULL);
    }
    return "";
}

/* An event whose data.x is this. */
static const char *with_data(struct fake *f, const char *value)
{
    return bf_printf(f->hub->keep, "{\"data\":{\"x\":%s}}", fake_quote(f->hub->keep, value));
}

static char *repeated(const char *text, size_t n)
{
    char *all = calloc(n, strlen(text) + 1), *p = all;

    while (n--)
        p = stpcpy(p, text);
    return all;
}


/* --- the card ------------------------------------------------------------------------------- */

TEST(teams_posts_an_adaptive_card_to_a_flow)
{
    struct fake f = fake_sink(&bf_plugin_v1_teams, "url", FLOW, "title", "Run ${run_name} failed",
                              "text", "See **the log**", "level", "ERROR", NULL);

    fake_answer(&f, 202, "");
    CHECK_INT(fake_deliver(&f, "RUN_STATE", RUN), BF_ACCEPTED);
    CHECK_STR(f.sent.method, "POST");
    CHECK_STR(f.sent.url, FLOW);
    CHECK_STR(f.sent.type, "application/json; charset=utf-8");
    CHECK_STR(sent(&f, "/type"), "message");
    CHECK_STR(sent(&f, "/attachments/0/contentType"), "application/vnd.microsoft.card.adaptive");
    CHECK_STR(sent(&f, "/attachments/0/contentUrl"), "null");
    CHECK_STR(sent(&f, CARD "/type"), "AdaptiveCard");
    CHECK_STR(sent(&f, CARD "/version"), "1.4");
    CHECK_STR(sent(&f, TITLE), "🚨 Run sunny-frog-7 failed");
    CHECK_STR(sent(&f, CARD "/body/0/style"), "attention");
    CHECK_STR(sent(&f, TEXT), "See **the log**");
    CHECK_STR(fact(&f, CARD "/body/2/facts", "Event"), "run is FAILED");
    CHECK_STR(fact(&f, CARD "/body/2/facts", "Automation"), "watch");
    CHECK_STR(fact(&f, CARD "/body/2/facts", "Project"), "acme/vision");
    CHECK_STR(fact(&f, CARD "/body/2/facts", "Run"), "sunny-frog-7 (FAILED)");
    CHECK_STR(fact(&f, CARD "/body/2/facts", "By"), "ada");
    CHECK_STR(fact(&f, CARD "/body/2/facts", "Version"), "");
    CHECK_STR(sent(&f, CARD "/actions/0/url"), "https://hub.example/executions/ex-1");
    CHECK_STR(sent(&f, CARD "/actions/1/url"), "https://hub.example/automations/au-1");
    fake_close(&f);
}

TEST(teams_posts_a_message_card_to_a_connector)
{
    struct fake f = fake_sink(&bf_plugin_v1_teams, "url", CONNECTOR, "text", "hello",
                              "level", "WARN", NULL);

    fake_answer(&f, 200, "1");
    CHECK_INT(fake_deliver(&f, "RUN_STATE", RUN), BF_DELIVERED);
    CHECK_STR(sent(&f, "/@type"), "MessageCard");
    CHECK_STR(sent(&f, "/themeColor"), "DAA038");
    CHECK_STR(sent(&f, "/summary"), "WARN: watch");
    CHECK_STR(sent(&f, "/sections/0/activityTitle"), "⚠️ **watch**");
    CHECK_STR(sent(&f, "/sections/0/text"), "hello");
    CHECK_STR(fact(&f, "/sections/0/facts", "Run"), "sunny-frog-7 (FAILED)");
    CHECK_STR(sent(&f, "/potentialAction/0/targets/0/uri"), "https://hub.example/executions/ex-1");
    fake_close(&f);
}

#define NOTICE "{\"data\":{\"automation\":\"deploy\",\"integration\":" \
               "{\"name\":\"ops\"},\"error\":\"HTTP 410: gone\"}}"

TEST(teams_tells_what_the_event_is_about)
{
    static const struct { const char *type, *payload, *name, *value; } rows[] = {
        { "ADD_ARTIFACT_ALIAS", "{\"alias\":\"production\",\"version_string\":\"acme/vision/resnet:"
          "production\",\"collection\":\"resnet\"}", "Event", "alias production added" },
        { "ADD_ARTIFACT_ALIAS", "{\"alias\":\"production\",\"version_string\":\"acme/vision/resnet:"
          "production\",\"collection\":\"resnet\"}", "Version", "acme/vision/resnet:production" },
        { "ADD_COLLECTION_TAG", "{\"tag\":\"reviewed\",\"collection\":\"resnet\"}", "Event",
          "tag reviewed added to the collection" },
        { "ADD_COLLECTION_TAG", "{\"tag\":\"reviewed\",\"collection\":\"resnet\"}", "Collection",
          "resnet" },
        { "RUN_METRIC", "{\"short\":\"avg(accuracy) > 0.6\",\"metrics\":[{\"name\":\"accuracy\","
          "\"value\":0.65}]}", "Metric", "avg(accuracy) > 0.6: 0.65" },
        { "run.metric", "{\"metrics\":[{\"name\":\"train_loss\",\"value\":-0.65}]}", "Metric",
          "train_loss = -0.65" },
        { "ABSENCE", "{\"data\":{\"of\":\"run.heartbeat\",\"for\":\"30m\"}}", "Event",
          "run.heartbeat stayed away for 30m" },
        { "belfry.execution.failed", NOTICE, "Event", "execution failed" },
        { "belfry.execution.failed", NOTICE, "Automation that failed", "deploy" },
        { "belfry.execution.failed", NOTICE, "Integration", "ops" },
        { "belfry.execution.failed", NOTICE, "Error", "HTTP 410: gone" },
        { "belfry.integration.disabled", "{\"data\":{\"name\":\"ops\",\"reason\":\"failing for 120 "
          "hours\"}}", "Reason", "failing for 120 hours" },
        { "ci.finished", "{\"data\":{\"error\":\"none\"}}", "Error", "" },
        { "ci.finished", "{}", "Event", "ci.finished" },
        { "ci.finished", "{}", "Run", "" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = sink(FLOW, NULL, NULL);

        fake_deliver(&f, rows[i].type, rows[i].payload);
        CHECK_STR(fact(&f, CARD "/body/1/facts", rows[i].name), rows[i].value);
        fake_close(&f);
    }
}

TEST(teams_takes_title_and_text_of_an_alert_if_it_has_none_of_its_own)
{
    struct fake f = sink(FLOW, NULL, NULL);

    fake_deliver(&f, "RUN_ALERT", "{\"alert\":{\"title\":\"low [disk]\",\"text\":\"5 % left\\nsoon "
                                  "none\"}}");
    CHECK_STR(sent(&f, TITLE), "ℹ️ low \\[disk\\]\xe2\x80\x8b");
    CHECK_STR(sent(&f, TEXT), "5 % left\n\nsoon none");
    fake_close(&f);
}


/* --- values -------------------------------------------------------------------------------- */

#define Z "\xe2\x80\x8b"

TEST(teams_lets_no_value_write_markdown)
{
    static const struct { const char *value, *text; } rows[] = {
        { "plain", "plain" },
        { "sunny-frog-7 v1.2 (b)", "sunny-frog-7 v1.2 (b)" },
        { "train_loss", "train_loss" },
        { "_a_ b_", "\\_a\\_ b\\_" },
        { "**b** `c`", "\\*\\*b\\*\\* \\`c\\`" },
        { "[x](http://evil)", "\\[x\\]" Z "(http://evil)" },
        { "[x][y]\n\n[y]: http://evil", "\\[x\\]" Z "\\[y\\]" Z "\n\n\\[y\\]" Z ": http://evil" },
        { "![i](http://evil/i.png)", "!\\[i\\]" Z "(http://evil/i.png)" },
        { "<at>Ann</at>", "<" Z "at>Ann<" Z "/at>" },
        { "<http://evil>", "<" Z "http://evil>" },
        { "&lt;at&#62; AT&T", "&" Z "lt;at&" Z "#62; AT&T" },
        { "~~a~~", "~" Z "~a~" Z "~" Z },
        { "# head", "\\# head" },
        { "a # b", "a # b" },
        { "- item\n+ item\n1. one\n22) two\n> quote\n===", "\\- item\n\n\\+ item\n\n1\\. one\n\n22\\)"
          " two\n\n\\> quote\n\n\\===" },
        { "-0.5", "-0.5" },
        { "---", "\\---" },
        { "0.75 is 1.5 less", "0.75 is 1.5 less" },
        { "    code", "code" },
        { "C:\\temp \\* \\", "C:\\temp \\\\\\* \\\\" },
        { "a\r\n  b\xe2\x80\xa8" "c\n", "a\n\nb\n\nc" },
        { "a\tb\x01" "c", "a b c" },
        { "abc\xe2\x80\xae" "def\xe2\x81\xa6", "abcdef" },
        /* What is left out must not stand between a backslash and what it escapes. */
        { "\\\xe2\x80\xae[x](y)", "\\\\\\[x\\]" Z "(y)" },
        { "&l\xe2\x80\xaet;at>", "&" Z "lt;at>" },
        { "שלום 🐸", "שלום 🐸" },
        { "\"q\" \\n", "\"q\" \\n" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = sink(FLOW, "text", "${data.x}");

        fake_deliver(&f, "e", with_data(&f, rows[i].value));
        CHECK_STR(sent(&f, TEXT), rows[i].text);
        fake_close(&f);
    }
}

/* What an author begins, a value must not go on with. */
TEST(teams_lets_no_value_end_what_its_author_began)
{
    static const struct { const char *text, *value, *want; } rows[] = {
        { "[run]${data.x}", "(http://evil)", "[run]" Z "(http://evil)" },
        { "<${data.x}>", "http://evil", "<" Z "http://evil>" },
        { "a &${data.x}", "lt;", "a &" Z "lt;" },
        { "- ${data.x}", "# b", "- \\# b" },
        { "Head\n${data.x}", "===", "Head\n\n\\===" },
        { "**${data.x}**", "a** [b", "**a\\*\\* \\[b**" },
        { "[a](${data.x})", "https://a.example/b_c?d=e f)[x](http://evil",
          "[a](https://a.example/b_c?d=e%20f%29%5Bx%5D%28http://evil)" },
        { "[a](${data.x})", "javascript:alert(1)", "[a](javascript%3Aalert%281%29)" },
        { "[a](https://a.example/${data.x}) ${data.x}", "b/c?*", "[a](https://a.example/b%2Fc%3F%2A)"
          " b/c?\\*" },
        { "one\ntwo\n- a\n- b", "", "one\n\ntwo\n- a\n- b" },
        { "literal $${run_name} $5", "", "literal ${run_name} $5" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = sink(FLOW, "text", rows[i].text);

        fake_deliver(&f, "e", with_data(&f, rows[i].value));
        CHECK_STR(sent(&f, TEXT), rows[i].want);
        fake_close(&f);
    }
}

TEST(teams_keeps_titles_and_facts_on_one_line)
{
    struct fake f = sink(FLOW, "title", "Run\n${data.x}");

    fake_deliver(&f, "e", "{\"data\":{\"x\":\"a\\nb\"},\"run\":{\"name\":\"c\\r\\nd\"}}");
    CHECK_STR(sent(&f, TITLE), "ℹ️ Run a b");
    CHECK_STR(fact(&f, CARD "/body/1/facts", "Run"), "c d");
    fake_close(&f);
}


/* --- size ----------------------------------------------------------------------------------- */

TEST(teams_cuts_its_own_text_to_what_a_message_holds)
{
    static const char *const letters[] = { "a", "*", "🐸", "\"", "\\", "\n", "é", "x y\n" };

    for (size_t i = 0; i < sizeof(letters) / sizeof(*letters); i++) {
        struct fake f = sink(FLOW, "text", "${data.x}");
        struct fake old = sink(CONNECTOR, "text", "${data.x}");
        char *value = repeated(letters[i], 33000);

        CHECK_INT(fake_deliver(&f, "e", with_data(&f, value)), BF_ACCEPTED);
        CHECK(strlen(f.sent.body) <= LIMIT);
        CHECK(fake_json_end(f.sent.body) != NULL);
        fake_deliver(&old, "e", with_data(&old, value));
        CHECK(strlen(old.sent.body) <= 20000);
        if (*letters[i] != '\n') {
            CHECK_HAS(sent(&f, TEXT), " more characters)");
            CHECK(strlen(f.sent.body) > LIMIT - 1000);
        }
        free(value);
        fake_close(&f);
        fake_close(&old);
    }
}

TEST(teams_says_how_much_it_has_cut)
{
    struct fake f = sink(FLOW, "text", "${data.x}");
    char *value = repeated("a", 40000);
    const char *text;

    fake_deliver(&f, "e", with_data(&f, value));
    text = sent(&f, TEXT);
    CHECK_HAS(text, bf_printf(f.hub->keep, "… (%zu,%03zu more characters)",
                              (40000 - strspn(text, "a")) / 1000,
                              (40000 - strspn(text, "a")) % 1000));
    free(value);
    fake_close(&f);
}

/* Titles and facts leave room for the text. */
TEST(teams_cuts_titles_and_facts)
{
    struct fake f = fake_sink(&bf_plugin_v1_teams, "url", FLOW, "title", "${data.x}",
                              "text", "${data.x}", NULL);
    char *value = repeated("[", 9000);

    fake_deliver(&f, "e", bf_printf(f.hub->keep, "{\"data\":{\"x\":\"%s\"},\"run\":{\"name\":\"%s\"},"
                                    "\"collection\":\"%s\"}", value, value, value));
    CHECK(strlen(f.sent.body) <= LIMIT);
    CHECK_HAS(sent(&f, TITLE), " more characters)");
    CHECK_HAS(fact(&f, CARD "/body/2/facts", "Run"), " more characters)");
    CHECK_HAS(sent(&f, TEXT), " more characters)");
    free(value);
    fake_close(&f);
}

/* How many of n dots are left of a text that begins with them and goes on with a secret. */
static size_t dots_before_secret(size_t n, bool *has_secret)
{
    struct fake f = sink(FLOW, "text", "${data.x} ${TOKEN} ${data.x}");
    char *value = repeated(".", n);
    size_t dots;

    fake_deliver(&f, "e", with_data(&f, value));
    dots = strspn(sent(&f, TEXT), ".");
    *has_secret = strstr(f.sent.body, "TOKEN's") != NULL;
    CHECK(*has_secret || !strstr(f.sent.body, "Z000"));
    free(value);
    fake_close(&f);
    return dots;
}

/* A cut stand-in would fail the delivery. */
TEST(teams_cuts_no_secret_in_two)
{
    size_t with = 0, without = 0, cut;
    bool has_secret;

    cut = dots_before_secret(30000, &has_secret);
    CHECK(cut > 20000 && cut < 30000 && !has_secret);
    for (size_t n = cut - 46; n < cut + 2; n += 3) {
        dots_before_secret(n, &has_secret);
        with += has_secret;
        without += !has_secret;
    }
    CHECK(with > 0);
    CHECK(without > 10);
}

TEST(teams_rejects_a_payload_that_is_too_large_before_it_is_sent)
{
    struct fake f = sink(FLOW, "payload", "{\"type\":\"AdaptiveCard\",\"version\":\"1.4\",\"body\":[{"
                         "\"type\":\"TextBlock\",\"text\":\"${data.x}\"}]}");
    char *fits = repeated("a", 26000), *large = repeated("a", 27000);

    CHECK_INT(fake_deliver(&f, "e", with_data(&f, fits)), BF_ACCEPTED);
    CHECK_INT(fake_deliver(&f, "e", with_data(&f, large)), BF_REJECTED);
    CHECK_HAS(f.reason, "the message has at least 27,");
    CHECK_HAS(f.reason, "and Teams takes 26,624");
    large[26600] = '\0';
    CHECK_INT(fake_deliver(&f, "e", with_data(&f, large)), BF_REJECTED);
    CHECK_HAS(f.reason, "the message has 26,");
    CHECK_INT(f.n_sent, 1);
    free(fits);
    free(large);
    fake_close(&f);
}

/* With the values of its secrets, which the plugin does not know. */
TEST(teams_has_the_request_measured_as_it_leaves)
{
    struct fake f = sink(FLOW, "payload", "{\"type\":\"AdaptiveCard\",\"version\":\"1.4\",\"body\":[{"
                         "\"type\":\"TextBlock\",\"text\":\"${data.x}${TOKEN}\"}]}");
    char *value = repeated("a", 26300);

    for (size_t i = 0; i < sizeof("TOKEN's"); i++) {
        size_t before = f.n_sent;

        fake_deliver(&f, "e", with_data(&f, value));
        CHECK(f.n_sent == before || strlen(f.sent.body) <= LIMIT);
        strcat(value, "b");
    }
    free(value);
    fake_close(&f);
}


/* --- one's own payload -------------------------------------------------------------------- */

/* As W&B's documentation has it for Teams: an activity's title, a text and facts. */
#define MESSAGE_CARD                                                                              \
    "{\"@type\":\"MessageCard\",\"@context\":\"http://schema.org/extensions\",\"summary\":"       \
    "\"A model was promoted\",\"sections\":[{\"activityTitle\":\"Model registry\",\"text\":"      \
    "\"A version got an alias.\",\"facts\":[{\"name\":\"Who\",\"value\":\"${event_author}\"},"    \
    "{\"name\":\"What\",\"value\":\"${event_type}\"},{\"name\":\"Run\",\"value\":\"${run_name}\"}]," \
    "\"markdown\":true}]}"

TEST(teams_converts_a_message_card_for_a_flow)
{
    struct fake f = sink(FLOW, "payload", MESSAGE_CARD);

    CHECK_INT(fake_deliver(&f, "ADD_ARTIFACT_ALIAS", "{\"run\":{\"name\":\"[a](http://evil)\"}}"),
              BF_ACCEPTED);
    CHECK_STR(sent(&f, "/type"), "message");
    CHECK_STR(sent(&f, CARD "/version"), "1.4");
    CHECK_STR(sent(&f, CARD "/body/0/items/0/text"), "Model registry");
    CHECK_STR(sent(&f, CARD "/body/0/items/0/weight"), "Bolder");
    CHECK_STR(sent(&f, CARD "/body/0/items/1/text"), "A version got an alias.");
    CHECK_STR(fact(&f, CARD "/body/0/items/2/facts", "Who"), "ada");
    CHECK_STR(fact(&f, CARD "/body/0/items/2/facts", "What"), "ADD_ARTIFACT_ALIAS");
    CHECK_STR(fact(&f, CARD "/body/0/items/2/facts", "Run"), "\\[a\\]" Z "(http://evil)");
    CHECK_STR(sent(&f, CARD "/body/1"), "");
    fake_close(&f);
}

TEST(teams_leaves_a_message_card_as_it_is_for_a_connector)
{
    struct fake f = sink(CONNECTOR, "payload", MESSAGE_CARD);

    fake_answer(&f, 200, "1");
    CHECK_INT(fake_deliver(&f, "x", "{}"), BF_DELIVERED);
    CHECK_STR(sent(&f, "/@type"), "MessageCard");
    CHECK_STR(sent(&f, "/summary"), "A model was promoted");
    CHECK_STR(fact(&f, "/sections/0/facts", "Who"), "ada");
    fake_close(&f);
}

TEST(teams_converts_all_that_has_a_counterpart)
{
    struct fake f = sink(FLOW, "payload",
        "{\"@type\":\"MessageCard\",\"themeColor\":\"D63333\",\"title\":\"T\",\"text\":\"a<br>b\","
        "\"sections\":[{\"startGroup\":true,\"title\":\"S\",\"activityTitle\":\"A\","
        "\"activitySubtitle\":\"B\",\"activityText\":\"C\",\"activityImage\":\"https://i.example/a.png\","
        "\"heroImage\":{\"image\":\"https://i.example/h.png\"},"
        "\"images\":[{\"image\":\"https://i.example/b.png\",\"title\":\"x\"}],"
        "\"potentialAction\":[{\"@type\":\"OpenUri\",\"name\":\"In\",\"targets\":[{\"os\":\"iOS\","
        "\"uri\":\"https://ios.example\"},{\"os\":\"default\",\"uri\":\"https://all.example\"}]}]},"
        "{\"markdown\":false,\"text\":\"*${data.x}*\",\"facts\":[{\"name\":\"n\",\"value\":\"[v]\"}]}],"
        "\"potentialAction\":[{\"@type\":\"HttpPOST\",\"name\":\"Do\",\"target\":\"https://x\"},"
        "{\"@type\":\"ViewAction\",\"name\":\"Old\",\"target\":[\"https://old.example\"]}]}");

    fake_deliver(&f, "x", "{\"data\":{\"x\":\"_\"}}");
    CHECK_STR(sent(&f, CARD "/body/0/style"), "attention");
    CHECK_STR(sent(&f, CARD "/body/0/items/0/text"), "T");
    CHECK_STR(sent(&f, CARD "/body/1/text"), "a\n\nb");
    CHECK_STR(sent(&f, CARD "/body/2/separator"), "true");
    CHECK_STR(sent(&f, CARD "/body/2/items/0/text"), "S");
    CHECK_STR(sent(&f, CARD "/body/2/items/1/columns/0/items/0/url"), "https://i.example/a.png");
    CHECK_STR(sent(&f, CARD "/body/2/items/1/columns/1/items/0/text"), "A");
    CHECK_STR(sent(&f, CARD "/body/2/items/1/columns/1/items/1/isSubtle"), "true");
    CHECK_STR(sent(&f, CARD "/body/2/items/1/columns/1/items/2/text"), "C");
    CHECK_STR(sent(&f, CARD "/body/2/items/2/url"), "https://i.example/h.png");
    CHECK_STR(sent(&f, CARD "/body/2/items/3/images/0/altText"), "x");
    CHECK_STR(sent(&f, CARD "/body/2/items/4/actions/0/url"), "https://all.example");
    CHECK_STR(sent(&f, CARD "/body/3/items/0/text"), "\\*\\_\\*");
    CHECK_STR(fact(&f, CARD "/body/3/items/1/facts", "n"), "\\[v\\]" Z);
    CHECK_STR(sent(&f, CARD "/actions/0/title"), "Old");
    CHECK_STR(sent(&f, CARD "/actions/1"), "");
    fake_close(&f);
}

TEST(teams_finds_the_style_nearest_to_a_colour)
{
    static const struct { const char *color, *style; } rows[] = {
        { "A30200", "attention" }, { "#FF0000", "attention" }, { "DAA038", "warning" },
        { "ffaa44", "warning" },   { "2EB886", "good" },       { "00FF00", "good" },
        { "0076D7", "accent" },    { "6264A7", "accent" },     { "000000", "emphasis" },
        { "808080", "emphasis" },  { "red", "emphasis" },      { "", "emphasis" },
        { "FF00FF", "accent" },    { "FF0033", "attention" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = sink(FLOW, "payload", "{\"@type\":\"MessageCard\",\"title\":\"T\","
                                              "\"themeColor\":\"${data.x}\"}");

        fake_deliver(&f, "e", with_data(&f, rows[i].color));
        CHECK_STR(sent(&f, CARD "/body/0/style"), rows[i].style);
        fake_close(&f);
    }
}

TEST(teams_wraps_a_card_and_takes_a_whole_message_as_it_is)
{
    static const char card[] = "{\"type\":\"AdaptiveCard\",\"version\":\"1.2\",\"body\":[{\"type\":"
                               "\"TextBlock\",\"text\":\"a ${run_name}\"}]}";
    static const char *const urls[] = { FLOW, CONNECTOR };
    static char message[512];

    snprintf(message, sizeof(message), "{\"type\":\"message\",\"attachments\":[{\"contentType\":"
             "\"application/vnd.microsoft.card.adaptive\",\"content\":%s}]}", card);
    for (size_t i = 0; i < 4; i++) {
        struct fake f = sink(urls[i % 2], "payload", i < 2 ? card : message);

        fake_answer(&f, i % 2 ? 200 : 202, i % 2 ? "1" : "");
        fake_deliver(&f, "x", RUN);
        CHECK_STR(sent(&f, "/type"), "message");
        CHECK_STR(sent(&f, CARD "/body/0/text"), "a sunny-frog-7");
        CHECK_STR(sent(&f, CARD "/version"), "1.2");
        fake_close(&f);
    }
}

/* Markdown is escaped where Teams reads Markdown, and nowhere else. */
TEST(teams_fills_a_payload_in_as_each_place_demands)
{
    struct fake f = sink(FLOW, "payload",
        "{\"type\":\"AdaptiveCard\",\"version\":\"1.4\",\"body\":["
        "{\"type\":\"TextBlock\",\"text\":\"**${data.x}**\"},"
        "{\"type\":\"RichTextBlock\",\"inlines\":[{\"type\":\"TextRun\",\"text\":\"${data.x}\"}]},"
        "{\"type\":\"FactSet\",\"facts\":[{\"title\":\"${data.x}\",\"value\":\"${data.x}\"}]},"
        "{\"type\":\"Image\",\"url\":\"https://i.example/${data.x}\",\"altText\":\"${data.x}\"}],"
        "\"actions\":[{\"type\":\"Action.OpenUrl\",\"title\":\"${data.x}\",\"url\":\"${automation_url}"
        "\"}]}");

    fake_deliver(&f, "x", with_data(&f, "[a](b)"));
    CHECK_STR(sent(&f, CARD "/body/0/text"), "**\\[a\\]" Z "(b)**");
    CHECK_STR(sent(&f, CARD "/body/1/inlines/0/text"), "[a](b)");
    CHECK_STR(sent(&f, CARD "/body/2/facts/0/title"), "\\[a\\]" Z "(b)");
    CHECK_STR(sent(&f, CARD "/body/2/facts/0/value"), "\\[a\\]" Z "(b)");
    CHECK_STR(sent(&f, CARD "/body/3/url"), "https://i.example/%5Ba%5D%28b%29");
    CHECK_STR(sent(&f, CARD "/body/3/altText"), "[a](b)");
    CHECK_STR(sent(&f, CARD "/actions/0/title"), "[a](b)");
    CHECK_STR(sent(&f, CARD "/actions/0/url"), "https://hub.example/automations/au-1");
    fake_close(&f);
}

/* Teams refuses a card with a button that leads nowhere, and a flow does not tell. */
TEST(teams_leaves_out_buttons_and_images_without_an_address)
{
    static const char *const values[] = { "", "javascript:alert(1)", "file:///etc" };

    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        struct fake f = sink(FLOW, "payload",
            "{\"type\":\"AdaptiveCard\",\"version\":\"1.4\",\"body\":["
            "{\"type\":\"Image\",\"url\":\"${data.x}\"},{\"type\":\"TextBlock\",\"text\":\"a\"}],"
            "\"actions\":[{\"type\":\"Action.OpenUrl\",\"title\":\"x\",\"url\":\"${data.x}\"},"
            "{\"type\":\"Action.OpenUrl\",\"title\":\"y\",\"url\":\"https://a.example\"}]}");

        fake_deliver(&f, "x", with_data(&f, values[i]));
        CHECK_STR(sent(&f, CARD "/body/0/type"), "TextBlock");
        CHECK_STR(sent(&f, CARD "/actions/0/title"), "y");
        CHECK_STR(sent(&f, CARD "/actions/1"), "");
        fake_close(&f);
    }
}


/* --- several firings ------------------------------------------------------------------------ */

TEST(teams_lists_the_firings_that_were_merged)
{
    struct fake f = sink(FLOW, "title", "${run_name}");

    fake_merge(&f, "RUN_STATE", "{\"run\":{\"name\":\"two\",\"state\":\"CRASHED\"}}");
    fake_merge(&f, "RUN_STATE", "{\"run\":{\"name\":\"[three](x)\",\"state\":\"FAILED\"}}");
    fake_deliver(&f, "RUN_STATE", RUN);
    CHECK_STR(sent(&f, TITLE), "ℹ️ sunny-frog-7");
    CHECK_HAS(sent(&f, TEXT), "**3 firings**\n\n");
    CHECK_HAS(sent(&f, TEXT), "- 2025-11-24 16:00:00 · sunny-frog-7 · run is FAILED\n");
    CHECK_HAS(sent(&f, TEXT), "· two · run is CRASHED\n");
    CHECK_HAS(sent(&f, TEXT), "· \\[three\\]" Z "(x) · run is FAILED\n");
    fake_close(&f);
}

TEST(teams_counts_what_does_not_fit_into_the_list)
{
    struct fake f = sink(FLOW, "text", "${data.x}");
    char *value = repeated("*", 1000);

    for (size_t i = 0; i < LIST_MAX - 1; i++)
        fake_merge(&f, "e", with_data(&f, value));
    fake_deliver(&f, "e", with_data(&f, value));
    CHECK(strlen(f.sent.body) <= LIMIT);
    CHECK_HAS(sent(&f, TEXT), "**64 firings**");
    free(value);
    value = repeated("firing ", 60);
    for (size_t i = 0; i < LIST_MAX - 1; i++)
        fake_merge(&f, "e", bf_printf(f.hub->keep, "{\"run\":{\"name\":\"%s\"},\"data\":{\"x\":\"%s\"}}",
                                      value, value));
    fake_deliver(&f, "e", "{}");
    CHECK(strlen(f.sent.body) <= LIMIT);
    CHECK_HAS(sent(&f, TEXT), "\n… and ");
    CHECK_INT(f.hub->sink->max_merged, 1000);
    free(value);
    fake_close(&f);
}

TEST(teams_tells_of_merged_firings_in_a_payload_that_does_not)
{
    static const char card[] = "{\"type\":\"AdaptiveCard\",\"version\":\"1.2\",\"body\":[{\"type\":"
                               "\"TextBlock\",\"text\":\"a\"}]}";
    static const char *const payloads[] = {
        card, MESSAGE_CARD,
        "{\"type\":\"message\",\"attachments\":[{\"contentType\":\"application/vnd.microsoft.card."
        "adaptive\",\"content\":{\"type\":\"AdaptiveCard\",\"version\":\"1.4\"}}]}",
    };

    for (size_t i = 0; i < 6; i++) {
        struct fake f = sink(i % 2 ? CONNECTOR : FLOW, "payload", payloads[i / 2]);

        fake_merge(&f, "RUN_STATE", "{\"run\":{\"name\":\"two\",\"state\":\"CRASHED\"}}");
        fake_deliver(&f, "RUN_STATE", RUN);
        CHECK(fake_json_end(f.sent.body) != NULL);
        CHECK_HAS(f.sent.body, "· two · run is CRASHED");
        fake_close(&f);
    }
    {
        struct fake f = sink(FLOW, "payload", "{\"type\":\"AdaptiveCard\",\"version\":\"1.2\",\"body\":"
                             "[{\"type\":\"TextBlock\",\"text\":\"${firing_count} of them\"}]}");

        fake_merge(&f, "RUN_STATE", RUN);
        fake_deliver(&f, "RUN_STATE", RUN);
        CHECK_STR(sent(&f, CARD "/body/0/text"), "2 of them");
        CHECK_STR(sent(&f, CARD "/body/1"), "");
        fake_close(&f);
    }
}


/* --- the URL -------------------------------------------------------------------------------- */

TEST(teams_tells_the_services_apart_by_the_host)
{
    static const struct { const char *url, *kind, *type; } rows[] = {
        { FLOW, NULL, "message" },
        { "https://a1.4b.environment.api.powerplatform.com:443/powerautomate/x?sig=1", NULL, "message" },
        { "https://API.PowerAutomate.com/webhook/1", NULL, "message" },
        { "https://prod-1.usgovtexas.logic.azure.us/workflows/1", NULL, "message" },
        { CONNECTOR, NULL, "MessageCard" },
        { "https://outlook.office.com/webhook/1@2/IncomingWebhook/3", NULL, "MessageCard" },
        { "https://proxy.example/teams", "workflows", "message" },
        { "https://proxy.example/teams", "connector", "MessageCard" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = sink(rows[i].url, rows[i].kind ? "kind" : NULL, rows[i].kind);

        CHECK_STR(f.refused, "");
        fake_deliver(&f, "e", "{}");
        CHECK_STR(*sent(&f, "/type") ? sent(&f, "/type") : sent(&f, "/@type"), rows[i].type);
        fake_close(&f);
    }
}

TEST(teams_warns_of_a_connector_whose_end_is_known)
{
    struct fake flow = sink(FLOW, NULL, NULL), old = sink(CONNECTOR, NULL, NULL);
    struct fake proxy = sink("https://proxy.example/teams", "kind", "connector");

    CHECK_STR(flow.warned, "");
    CHECK_HAS(old.warned, "Microsoft brings its connectors to an end");
    CHECK_STR(proxy.warned, "");
    fake_close(&flow);
    fake_close(&old);
    fake_close(&proxy);
}

TEST(teams_refuses_a_host_that_it_does_not_know)
{
    static const char *const urls[] = {
        "https://proxy.example/teams", "https://logic.azure.com.evil.example/",
        "https://evillogic.azure.com/", "https://outlook.office.com/owa/",
        "https://webhook.office.com@evil.example/", "ftp://x.logic.azure.com/", "nonsense",
    };

    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        struct fake f = sink(urls[i], NULL, NULL);

        CHECK_HAS(f.refused, "kind: the URL is at none of the hosts");
        fake_close(&f);
    }
}


/* --- answers --------------------------------------------------------------------------------- */

#define TEAMS_SAYS "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error "

TEST(teams_judges_what_a_connector_says)
{
    static const struct { int status; const char *body; int outcome; const char *words; } rows[] = {
        { 200, "1", BF_DELIVERED, "HTTP 200" },
        { 200, " 1\r\n", BF_DELIVERED, "HTTP 200" },
        { 200, TEAMS_SAYS "429 with ContextId tcid=0,server=x..", BF_RETRY, "takes no more for now" },
        { 200, TEAMS_SAYS "413 with ContextId tcid=0,server=x..", BF_REJECTED, "too large" },
        { 200, TEAMS_SAYS "400 with ContextId tcid=0,server=x..", BF_REJECTED, "HTTP error 400" },
        { 200, TEAMS_SAYS "502 with ContextId tcid=0,server=x..", BF_RETRY, "HTTP error 502" },
        { 200, "Webhook message delivery failed with error: Error contacting Microsoft Teams endpoint",
          BF_RETRY, "Error contacting" },
        { 200, "", BF_REJECTED, "did not post it: without a word" },
        { 200, "11", BF_REJECTED, "did not post it: 11" },
        { 200, "<html>\nlog in", BF_REJECTED, "did not post it: <html> log in" },
        { 400, "Summary or Text is required.", BF_REJECTED, "HTTP 400: Summary or Text is required." },
        { 404, "", BF_REJECTED, "no such connector" },
        { 410, "", BF_REJECTED, "no such connector" },
        { 413, "", BF_REJECTED, "too large" },
        { 429, "", BF_RETRY, "HTTP 429" },
        { 503, "", BF_RETRY, "HTTP 503" },
        { 302, "", BF_REJECTED, "HTTP 302" },
    };
    struct fake f = sink(CONNECTOR, NULL, NULL);

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        fake_answer(&f, rows[i].status, rows[i].body);
        CHECK_INT(fake_deliver(&f, "e", "{}"), rows[i].outcome);
        CHECK_HAS(f.reason, rows[i].words);
    }
    fake_close(&f);
}

TEST(teams_judges_what_a_flow_says)
{
    static const struct { int status; const char *body; int outcome; const char *words; } rows[] = {
        { 202, "", BF_ACCEPTED, "accepted by Teams; whether the flow posted it is only seen" },
        { 200, "ok", BF_ACCEPTED, "the flow answered HTTP 200; whether" },
        { 401, "{\"error\":{\"code\":\"DirectApiAuthorizationRequired\"}}", BF_REJECTED,
          "let \"Who can trigger the flow\" be Anyone" },
        { 401, "{\"error\":{\"code\":\"AuthorizationFailed\"}}", BF_REJECTED, "signature in the URL (sig=" },
        { 403, "", BF_REJECTED, "signature in the URL" },
        { 400, "{\"error\":{\"code\":\"WorkflowTriggerIsNotEnabled\",\"message\":\"x\"}}", BF_REJECTED,
          "turned off, or was deleted" },
        { 400, "{\"error\":{\"code\":\"TriggerInputSchemaMismatch\",\"message\":\"not so\\nat all\"}}",
          BF_REJECTED, "HTTP 400: not so at all" },
        { 400, "what?", BF_REJECTED, "HTTP 400: what?" },
        { 404, "", BF_REJECTED, "there is no such flow (any more)" },
        { 410, "", BF_REJECTED, "there is no such flow (any more)" },
        { 413, "", BF_REJECTED, "too large" },
        { 429, "", BF_RETRY, "HTTP 429" },
        { 502, "", BF_RETRY, "HTTP 502" },
        { 302, "", BF_REJECTED, "HTTP 302" },
    };
    struct fake f = sink(FLOW, NULL, NULL);

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        fake_answer(&f, rows[i].status, rows[i].body);
        CHECK_INT(fake_deliver(&f, "e", "{}"), rows[i].outcome);
        CHECK_HAS(f.reason, rows[i].words);
    }
    fake_answer_err(&f, BF_ETIMEDOUT, true);
    CHECK_INT(fake_deliver(&f, "e", "{}"), BF_UNKNOWN);
    fake_close(&f);
}

TEST(teams_shows_little_of_a_long_answer)
{
    struct fake f = sink(CONNECTOR, NULL, NULL);
    char *body = repeated("no ", 2000);

    fake_answer(&f, 200, body);
    fake_deliver(&f, "e", "{}");
    CHECK(strlen(f.reason) < 300);
    CHECK_HAS(f.reason, "more characters)");
    free(body);
    fake_close(&f);
}


/* --- when it is saved -------------------------------------------------------------------------- */

TEST(teams_refuses_payloads_that_teams_would_not_show)
{
    static const struct { const char *url, *payload, *words; } rows[] = {
        { FLOW, "{}", "the payload is none that Teams shows" },
        { FLOW, "[]", "the payload is none that Teams shows" },
        { FLOW, "{\"blocks\":[]}", "the payload is none that Teams shows" },
        { FLOW, "{\"type\":\"AdaptiveCard\",\"body\":[]}", "needs a version" },
        { FLOW, "{\"type\":\"message\",\"text\":\"a\"}", "needs its cards in \"attachments\"" },
        { FLOW, "{\"type\":\"message\",\"attachments\":[{\"contentType\":\"application/vnd.microsoft."
          "card.adaptive\",\"content\":{\"type\":\"AdaptiveCard\"}}]}", "needs a version" },
        { FLOW, "{\"@type\":\"MessageCard\"}", "nothing to show" },
        { CONNECTOR, "{\"@type\":\"MessageCard\",\"title\":\"a\"}", "without \"summary\" or \"text\"" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = sink(rows[i].url, "payload", rows[i].payload);

        CHECK_INT(fake_check(&f, "e", "{}"), BF_ECONFIG);
        CHECK_STR(f.option, "payload");
        CHECK_HAS(f.complaint, rows[i].words);
        fake_close(&f);
    }
}

TEST(teams_warns_of_what_will_not_be_as_it_looks)
{
    static const struct { const char *payload, *words; } rows[] = {
        { "{\"@type\":\"MessageCard\",\"text\":\"a\",\"potentialAction\":[{\"@type\":\"ActionCard\","
          "\"name\":\"Add a comment\"}]}", "it loses: the ActionCard \"Add a comment\"" },
        { "{\"type\":\"AdaptiveCard\",\"version\":\"1.6\",\"body\":[]}", "version 1.6" },
        { "{\"type\":\"AdaptiveCard\",\"version\":\"1.4\",\"body\":[],\"actions\":[{\"type\":"
          "\"Action.Submit\"}]}", "Action.Submit does nothing" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = sink(FLOW, "payload", rows[i].payload);

        CHECK_INT(fake_check(&f, "e", "{}"), 0);
        CHECK_HAS(f.warned, rows[i].words);
        fake_close(&f);
    }
}

TEST(teams_takes_good_payloads_without_a_word)
{
    static const char *const payloads[] = {
        MESSAGE_CARD, "{\"text\":\"a plain one\"}",
        "{\"type\":\"AdaptiveCard\",\"version\":\"1.5\",\"body\":[]}",
    };

    for (size_t i = 0; i < 6; i++) {
        struct fake f = sink(i % 2 ? CONNECTOR : FLOW, "payload", payloads[i / 2]);

        f.warned = "";
        CHECK_INT(fake_check(&f, "e", "{}"), 0);
        CHECK_STR(f.warned, "");
        fake_close(&f);
    }
}

TEST(teams_looks_at_sizes_when_an_action_is_saved)
{
    char *text = repeated("long ", 6000), *payload;
    struct fake f = sink(FLOW, "text", text);

    CHECK_INT(fake_check(&f, "e", "{}"), 0);
    CHECK_HAS(f.warned, "the text has 30,000 characters");
    fake_close(&f);
    if (asprintf(&payload, "{\"type\":\"AdaptiveCard\",\"version\":\"1.4\",\"body\":[{\"type\":"
                 "\"TextBlock\",\"text\":\"%s\"}]}", text) < 0)
        test_failed(__FILE__, __LINE__, "no memory");
    f = sink(FLOW, "payload", payload);
    CHECK_INT(fake_check(&f, "e", "{}"), BF_ECONFIG);
    CHECK_HAS(f.complaint, "the message has 30,");
    CHECK_HAS(f.complaint, "with every variable empty, and Teams takes 26,624");
    fake_close(&f);
    f = sink(FLOW, "payload", "{\"type\":\"AdaptiveCard\",\"version\":\"1.4\",\"body\":[{\"type\":"
                              "\"TextBlock\",\"text\":\"${data.x}\"}]}");
    CHECK_INT(fake_check(&f, "e", with_data(&f, text)), 0);
    CHECK_HAS(f.warned, "with long values the message may have more than the 26,624 bytes");
    fake_close(&f);
    f = fake_sink(&bf_plugin_v1_teams, "url", FLOW, "text", "a", "payload", MESSAGE_CARD, NULL);
    CHECK_INT(fake_check(&f, "e", "{}"), 0);
    CHECK_HAS(f.warned, "a payload is the whole message");
    fake_close(&f);
    free(payload);
    free(text);
}
