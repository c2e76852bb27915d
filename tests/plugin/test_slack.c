/* test_slack.c - what the slack sink posts, and what it makes of Slack's answers. */
#include "tests/plugin/fake_hub.h"
#include "tests/test.h"

#include <stdlib.h>
#include <time.h>

extern const struct bf_plugin bf_plugin_v1_slack;

#define URL   "https://hooks.slack.com/services/T1/B1/secret"
#define TOKEN "token", "xoxb-1", "channel", "C0123456789"

#define RUN_EVENT                                                                                  \
    "{\"run\":{\"id\":\"r1\",\"name\":\"sunny-frog-7\"},\"vars\":{\"event_type\":\"RUN_STATE\","      \
    "\"run_status\":\"FAILED\",\"run_url\":\"https://hub.example/acme/vision/runs/r1\","             \
    "\"automation_url\":\"https://hub.example/automations/a1\"}}"

static const char *sent_header(const struct fake *f, const char *name)
{
    return fake_pairs_get(f->sent.headers, name);
}

/* One value of what was sent. */
static const char *at(const struct fake *f, const char *pointer)
{
    return fake_get(f->hub->keep, f->sent.body, pointer, NULL);
}

static size_t n_at(const struct fake *f, const char *pointer)
{
    struct bf_item it = { .size = sizeof(it) };
    size_t n = 0;

    while (fake_each(f->hub->keep, f->sent.body, pointer, &it))
        n++;
    return n;
}

#define TITLE     "/blocks/0/text/text"
#define TEXT      "/attachments/0/blocks/0/text/text"
#define CONTEXT_1 "/attachments/0/blocks/1/elements/0/text"  /* below a text */
#define CONTEXT   "/attachments/0/blocks/0/elements/0/text"  /* without one */

static struct fake slack_with(const char *title, const char *text)
{
    return fake_sink(&bf_plugin_v1_slack, "webhook_url", URL, "title", title, "text", text, NULL);
}

/* UTF-16 units, the most that Slack may count. */
static size_t units(const char *text)
{
    size_t n = 0;

    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        n += (*p & 0xc0) != 0x80 ? 1 + (*p >= 0xf0) : 0;
    return n;
}

static bool is_utf8(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        int n = *p < 0x80 ? 0 : *p < 0xc2 ? -1 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : *p < 0xf5 ? 3 : -1;

        if (n < 0)
            return false;
        for (p++; n > 0; n--, p++)
            if ((*p & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static const char *repeated(const struct fake *f, const char *what, size_t times)
{
    struct bf_text out = { 0 };

    for (size_t i = 0; i < times; i++)
        bf_append(f->hub->keep, &out, "%s", what);
    return out.s ? out.s : "";
}

/* An event of a run with this name. */
static const char *named(const struct fake *f, const char *name)
{
    return bf_printf(f->hub->keep, "{\"run\":{\"id\":\"r\",\"name\":%s}}", fake_quote(f->hub->keep, name));
}


/* --- integrations ---------------------------------------------------------------------- */

TEST(slack_posts_to_a_webhook)
{
    struct fake f = slack_with("", "");

    fake_answer(&f, 200, "ok");
    CHECK_INT(fake_deliver(&f, "run.state", RUN_EVENT), BF_DELIVERED);
    CHECK_STR(f.sent.method, "POST");
    CHECK_STR(f.sent.url, URL);
    CHECK_STR(f.sent.type, "application/json; charset=utf-8");
    CHECK(sent_header(&f, "Authorization") == NULL);
    CHECK_STR(at(&f, "/channel"), "");
    fake_close(&f);
}

TEST(slack_posts_with_a_token_to_a_channel)
{
    struct fake f = fake_sink(&bf_plugin_v1_slack, TOKEN, NULL);

    fake_answer(&f, 200, "{\"ok\":true,\"ts\":\"1.2\"}");
    CHECK_INT(fake_deliver(&f, "run.state", RUN_EVENT), BF_DELIVERED);
    CHECK_STR(f.sent.url, "https://slack.com/api/chat.postMessage");
    CHECK_STR(sent_header(&f, "Authorization"), "Bearer xoxb-1");
    CHECK_STR(at(&f, "/channel"), "C0123456789");
    CHECK_STR(at(&f, "/parse"), "none");
    CHECK_STR(at(&f, "/link_names"), "false");
    CHECK_STR(at(&f, "/unfurl_links"), "false");
    fake_close(&f);
    f = fake_sink(&bf_plugin_v1_slack, TOKEN, "api_base", "https://proxy.example/slack//", NULL);
    fake_deliver(&f, "run.state", RUN_EVENT);
    CHECK_STR(f.sent.url, "https://proxy.example/slack/chat.postMessage");
    fake_close(&f);
}

TEST(slack_takes_one_way_to_post_and_says_which_there_are)
{
    static const struct { const char *options[6], *words; } rows[] = {
        { { NULL }, "webhook_url, the address of an incoming webhook, or token and channel" },
        { { "webhook_url", URL, "token", "xoxb-1", "channel", "#a" }, "not both" },
        { { "token", "xoxb-1" }, "token needs a channel" },
        { { "token", "xoxb-1", "channel", "" }, "token needs a channel" },
        { { "channel", "#a" }, "webhook_url, the address" },
        { { "token", "xoxb-1", "channel", "#a", "api_base", "slack.com" }, "must begin with http" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *const *o = rows[i].options;
        struct fake f = fake_sink(&bf_plugin_v1_slack, o[0], o[1], o[2], o[3], o[4], o[5], NULL);

        CHECK_HAS(f.refused, rows[i].words);
        fake_close(&f);
    }
}

TEST(slack_lets_a_webhook_show_its_channel)
{
    struct fake f = fake_sink(&bf_plugin_v1_slack, "webhook_url", URL, "channel", "#ml-alerts",
                              "workspace", "Acme", NULL);

    CHECK_STR(f.refused, "");
    fake_deliver(&f, "run.state", RUN_EVENT);
    CHECK_STR(at(&f, "/channel"), "");
    fake_close(&f);
}

TEST(slack_warns_of_what_looks_wrong)
{
    static const struct { const char *options[4], *words; } rows[] = {
        { { "token", "xoxb-1", "channel", "C0123456789" }, NULL },
        { { "token", "xoxb-1", "channel", "#ml-alerts" }, NULL },
        { { "token", "xoxp-1", "channel", "G0123456789" }, NULL },
        { { "token", "abc", "channel", "C0123456789" }, "begins with xoxb-" },
        { { "token", "xoxb-1", "channel", "ml-alerts" }, "looks like neither" },
        { { "token", "xoxb-1", "channel", "C01" }, "looks like neither" },
        { { "token", "xoxb-1", "channel", "#" }, "looks like neither" },
        { { "token", "xoxb-1", "channel", "#ml alerts" }, "looks like neither" },
        { { "webhook_url", URL }, NULL },
        { { "webhook_url", "https://hooks.slack-gov.com/services/T/B/x" }, NULL },
        { { "webhook_url", "https://proxy.example/slack" }, NULL },
        { { "webhook_url", "https://hooks.slack.com/services/T1/B1" }, "something is missing" },
        { { "webhook_url", "https://hooks.slack.com/services/T1/B1/" }, "something is missing" },
        { { "webhook_url", "https://hooks.slack.com/services/" }, "something is missing" },
        { { "webhook_url", "http://hooks.slack.com/services/T/B/x" }, "begins with https://hooks" },
        { { "webhook_url", "https://hooks.slack.com/triggers/T1/2/3" }, "address of a workflow" },
        { { "webhook_url", "https://acme.slack.com/archives/C01" }, "begins with https://hooks" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *const *o = rows[i].options;
        struct fake f = fake_sink(&bf_plugin_v1_slack, o[0], o[1], o[2], o[3], NULL);

        CHECK_STR(f.refused, "");
        if (rows[i].words)
            CHECK_HAS(f.warned, rows[i].words);
        else
            CHECK(!f.warned || !*f.warned);
        fake_close(&f);
    }
}


/* --- what a message says ---------------------------------------------------------------- */

TEST(slack_says_what_happened_and_where_more_stands)
{
    struct fake f = slack_with("${run_name} fell", "see <https://wiki/x|the *runbook*>");

    fake_deliver(&f, "run.state", RUN_EVENT);
    CHECK_STR(at(&f, "/text"), "ℹ️ sunny-frog-7 fell: see <https://wiki/x|the *runbook*>");
    CHECK_STR(at(&f, "/blocks/0/type"), "header");
    CHECK_STR(at(&f, "/blocks/0/text/type"), "plain_text");
    CHECK_STR(at(&f, "/blocks/0/text/emoji"), "false");
    CHECK_STR(at(&f, TITLE), "ℹ️ sunny-frog-7 fell");
    CHECK_STR(at(&f, TEXT), "see <https://wiki/x|the *runbook*>");
    CHECK_STR(at(&f, "/attachments/0/blocks/0/text/verbatim"), "true");
    CHECK_STR(at(&f, "/attachments/0/fallback"), at(&f, "/text"));
    CHECK_STR(at(&f, CONTEXT_1),
              "Event: A run failed · Automation: <https://hub.example/automations/a1|watch> · "
              "<https://hub.example/executions/ex-1|Details>\n"
              "Run: <https://hub.example/acme/vision/runs/r1|sunny-frog-7> · "
              "Project: acme/vision · By: ada");
    CHECK_INT(n_at(&f, "/blocks"), 1);
    CHECK_INT(n_at(&f, "/attachments"), 1);
    fake_close(&f);
}

TEST(slack_without_words_says_the_automation)
{
    struct fake f = slack_with("", "");

    fake_deliver(&f, "ci.finished", "{}");
    CHECK_STR(at(&f, "/text"), "ℹ️ watch");
    CHECK_STR(at(&f, TITLE), "ℹ️ watch");
    CHECK_STR(at(&f, CONTEXT),
              "Event: ci.finished · Automation: <https://hub.example/automations/au-1|watch> · "
              "<https://hub.example/executions/ex-1|Details>\n"
              "Project: acme/vision · By: ada");
    CHECK_INT(n_at(&f, "/attachments/0/blocks"), 1);
    fake_close(&f);
}

TEST(slack_shows_levels_by_emoji_and_colour)
{
    static const struct { const char *level, *title, *colour; } rows[] = {
        { "INFO", "ℹ️ watch", "#439FE0" },
        { "WARN", "⚠️ watch", "#DAA038" },
        { "ERROR", "🚨 watch", "#A30200" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = fake_sink(&bf_plugin_v1_slack, "webhook_url", URL, "level", rows[i].level, NULL);

        fake_deliver(&f, "run.state", RUN_EVENT);
        CHECK_STR(at(&f, TITLE), rows[i].title);
        CHECK_STR(at(&f, "/attachments/0/color"), rows[i].colour);
        fake_close(&f);
    }
}

TEST(slack_has_words_for_every_kind_of_event)
{
    static const struct { const char *type, *vars, *line; } rows[] = {
        { "CREATE_ARTIFACT", "\"artifact_version_string\":\"a/p/c:v1\"", "An artifact version was created" },
        { "LINK_ARTIFACT", "\"artifact_version_string\":\"a/p/c:v1\"", "was linked to a collection" },
        { "UNLINK_ARTIFACT", "\"artifact_version_string\":\"a/p/c:v1\"", "unlinked from a collection" },
        { "ADD_ARTIFACT_ALIAS", "\"alias\":\"prod\"", "Alias: prod" },
        { "ADD_ARTIFACT_ALIAS", "\"artifact_version_string\":\"a/p/c:prod\"", "Artifact: a/p/c:prod · " },
        { "ADD_ARTIFACT_TAG", "\"tag\":\"eu\"", "Tag: eu" },
        { "REMOVE_ARTIFACT_TAG", "\"tag\":\"eu\"", "A tag was removed from a version" },
        { "ADD_COLLECTION_TAG", "\"artifact_collection_name\":\"resnet\"", "Collection: resnet" },
        { "REMOVE_COLLECTION_TAG", "\"tag\":\"eu\"", "A tag was removed from a collection" },
        { "RUN_METRIC", "\"metric_filter_short\":\"avg(accuracy) > 0.6\",\"metric_values\":\"0.65\","
          "\"step\":\"5\"", "\nMetric: avg(accuracy) &gt; 0.6: 0.65 at step 5" },
        { "RUN_METRIC_CHANGE", "\"metric_name\":\"loss\",\"metric_values\":\"0.4, 0.55\"",
          "\nMetric: loss: 0.4, 0.55" },
        { "RUN_METRIC_ZSCORE", "\"metric_name\":\"loss\"", "A run's metric is out of the ordinary" },
        { "RUN_STATE", "\"run_status\":\"RUNNING\"", "Event: A run started" },
        { "RUN_STATE", "\"run_status\":\"CRASHED\"", "Event: A run crashed" },
        { "RUN_STATE", "\"run_status\":\"FINISHED\"", "Event: A run finished" },
        { "RUN_STATE", "\"run_status\":\"PREEMPTED\"", "Event: A run has changed its state" },
        { "RUN_ALERT", "\"alert_name\":\"low\",\"alert_level\":\"WARN\"", "\nAlert: low · Level: WARN" },
        { "SCHEDULE", "\"occurrence\":\"2026-01-01T09:00:00.000Z\",\"late\":\"true\"",
          "\nDue: 2026-01-01T09:00:00.000Z · late" },
        { "ABSENCE", "\"absent_event\":\"run.metric\",\"absent_for\":\"30m\",\"last_seen\":\"x\"",
          "\nAwaited: run.metric · For: 30m · Last seen: x" },
        { "ci.finished", "\"event_author\":\"belfry-system\"", "Project: acme/vision" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = slack_with("", "");

        fake_deliver(&f, "x", bf_printf(f.hub->keep, "{\"vars\":{\"event_type\":\"%s\",%s}}",
                                        rows[i].type, rows[i].vars));
        CHECK_HAS(at(&f, CONTEXT), rows[i].line);
        CHECK(strstr(at(&f, CONTEXT), "belfry-system") == NULL);
        CHECK(strstr(at(&f, CONTEXT), rows[i].type) == NULL || strchr(rows[i].type, '.'));
        fake_close(&f);
    }
}

TEST(slack_tells_why_the_hub_has_disabled_something)
{
    struct fake f = slack_with("", "");

    fake_deliver(&f, "belfry.integration.disabled",
                 "{\"data\":{\"name\":\"ops\",\"reason\":\"the receiver answered 410 Gone\"}}");
    CHECK_HAS(at(&f, CONTEXT), "Event: An integration was disabled");
    CHECK_HAS(at(&f, CONTEXT), "\nName: ops\nReason: the receiver answered 410 Gone");
    fake_deliver(&f, "belfry.execution.failed",
                 "{\"data\":{\"automation\":\"w\",\"integration\":{\"name\":\"ops\"},\"error\":\"HTTP 404\"}}");
    CHECK_HAS(at(&f, CONTEXT), "\nAutomation that failed: w · Integration: ops\nError: HTTP 404");
    fake_close(&f);
}


/* --- values are text -------------------------------------------------------------------- */

static const char *const hostile[] = {
    "<!channel>", "<!here|x>", "<@U0123>", "<#C0123>", "<!subteam^S1>", "<https://evil.example|bank>",
    "<!date^1392734382^x^https://evil.example|y>", "&lt;!channel&gt;", "&amp;lt;", "x|<!everyone>",
    "\"},{\"type\":\"divider\"},{\"a\":\"", "\\u003c!channel\\u003e", "a\nb\r\nc\xe2\x80\xa8" "d",
    "\xe2\x80\xae" "gnp.exe", "```<!channel>```", "*_~`:tada:", "@here @channel #general",
    "https://evil.example", "${run_name}", "</>",
};

/* Mentions and links in markup, other than those to the hub; -1 if a text is not verbatim. */
static int markup_in(const struct fake *f, const char *json, int type)
{
    struct bf_arena *a = f->hub->keep;
    const char *text = fake_get(a, json, "/text", NULL);
    struct bf_item it = { .size = sizeof(it) };
    int n = 0;

    if (type != BF_V_OBJECT && type != BF_V_ARRAY)
        return 0;
    if (type == BF_V_OBJECT && strcmp(fake_get(a, json, "/type", NULL), "mrkdwn") == 0) {
        if (strcmp(fake_get(a, json, "/verbatim", NULL), "true") != 0)
            return -1;
        for (const char *p = text; (p = strchr(p, '<')) != NULL; p++)
            n += strncmp(p, "<https://hub.example/", 21) != 0;
        return n;
    }
    while (fake_each(a, json, "", &it)) {
        int inside = markup_in(f, it.value, (int)it.type);

        if (inside < 0)
            return -1;
        n += inside;
    }
    return n;
}

static void check_harmless(const struct fake *f)
{
    CHECK_INT(f->outcome, BF_DELIVERED);
    CHECK(fake_json_end(f->sent.body) && !*fake_json_space(fake_json_end(f->sent.body)));
    CHECK_INT(markup_in(f, f->sent.body, BF_V_OBJECT), 0);
    CHECK(strchr(at(f, "/text"), '<') == NULL);
    CHECK(strchr(at(f, TITLE), '\n') == NULL);
    CHECK(strstr(f->sent.body, "\xe2\x80\xae") == NULL);
    CHECK_INT(n_at(f, "/blocks"), 1);
}

TEST(slack_lets_no_value_make_a_mention_or_a_link)
{
    static const char *const names[] = {
        "event_type", "run_name", "run_status", "event_author", "entity_name", "project_name", "alias",
        "tag", "artifact_version_string", "artifact_collection_name", "metric_name", "metric_values",
        "metric_filter_short", "step", "alert_name", "alert_level", "occurrence", "absent_event",
        "absent_for", "last_seen", "message",
    };
    static const char tmpl[] = "*${run_name}* `${message}` <${run_name}|x> <${message}> ${data.x}";
    struct fake f = slack_with("${message} ${run_name} ${data.x}", tmpl);

    for (size_t k = 0; k < sizeof(hostile) / sizeof(*hostile); k++) {
        const char *value = fake_quote(f.hub->keep, hostile[k]);
        struct bf_text vars = { 0 };

        if (strncmp(hostile[k], "https:", 6) == 0)
            continue;       /* where the author lets it lead, it leads */
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
            bf_append(f.hub->keep, &vars, "%s\"%s\":%s", i ? "," : "", names[i], value);
        fake_answer(&f, 200, "ok");
        fake_deliver(&f, "belfry.x.y",
                     bf_printf(f.hub->keep, "{\"vars\":{%s},\"data\":{\"x\":%s,\"name\":%s,"
                               "\"reason\":%s,\"error\":%s}}", vars.s, value, value, value, value));
        check_harmless(&f);
    }
    fake_close(&f);
}

TEST(slack_leaves_an_author_what_the_author_wrote)
{
    struct fake f = slack_with("<!here>", "<!channel> *${run_name}* <@U1> a & b <https://x/${run_name}|x>");

    fake_deliver(&f, "run.state", named(&f, "a&b"));
    CHECK_STR(at(&f, TEXT), "<!channel> *a&amp;b* <@U1> a & b <https://x/a&amp;b|x>");
    CHECK_STR(at(&f, TITLE), "ℹ️ <!here>");       /* plain text, where it is none */
    CHECK_HAS(at(&f, "/text"), "ℹ️ &lt;!here&gt;: <!channel>");
    fake_close(&f);
}

TEST(slack_follows_a_value_to_addresses_alone)
{
    static const struct { const char *value, *text; } rows[] = {
        { "https://ci.example/1?a&b", "<https://ci.example/1?a&amp;b|build>" },
        { "HTTP://ci.example", "<HTTP://ci.example|build>" },
        { "mailto:a@b", "<mailto:a@b|build>" },
        { "!channel", "&lt;!channel|build>" },
        { "@U1", "&lt;@U1|build>" },
        { "#C1", "&lt;#C1|build>" },
        { "", "&lt;|build>" },
        { "javascript:x", "&lt;javascript:x|build>" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = slack_with("", "<!here> <${run_name}|build>");

        fake_deliver(&f, "run.state", named(&f, rows[i].value));
        CHECK_STR(at(&f, TEXT), bf_printf(f.hub->keep, "<!here> %s", rows[i].text));
        fake_close(&f);
    }
}

TEST(slack_takes_out_what_nobody_can_see)
{
    static const struct { const char *name, *title, *text; } rows[] = {
        { "a\nb", "ℹ️ a b", "a\nb" },
        { "a\r\n\n\tb  c\n", "ℹ️ a b c", "a\n\n b  c" },
        { "a\x01\x1b[31mb\x7f", "ℹ️ a[31mb", "a[31mb" },
        { "\xe2\x80\xaetxt.exe\xe2\x81\xa6", "ℹ️ txt.exe", "txt.exe" },
        { "a\xe2\x80\xa8" "b\xc2\x85" "c", "ℹ️ a b c", "a\nb\nc" },
        { "\xef\xbb\xbf" "a\xe2\x80\x8b" "b", "ℹ️ ab", "ab" },
        { "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "ℹ️ \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
          "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d" },
        { "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80", "ℹ️ \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80",
          "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = slack_with("${run_name}", "${run_name}");

        fake_deliver(&f, "run.state", named(&f, rows[i].name));
        CHECK_STR(at(&f, TITLE), rows[i].title);
        CHECK_STR(at(&f, TEXT), rows[i].text);
        fake_close(&f);
    }
}


/* --- limits ----------------------------------------------------------------------------- */

/* What is left, and what is said of the rest, are all of it. */
static void check_cut(const char *got, const char *full, size_t max, size_t n_full, size_t per_character)
{
    const char *tail = strstr(got, "… (");
    size_t kept, said = 0;

    CHECK(units(got) <= max);
    CHECK(is_utf8(got));
    if (units(full) <= max) {
        CHECK_STR(got, full);
        return;
    }
    CHECK(tail != NULL);
    CHECK_HAS(tail, " more characters)");
    for (const char *p = tail + strlen("… ("); *p && *p != ' '; p++)
        if (*p != ',')
            said = said * 10 + (size_t)(*p - '0');
    kept = (size_t)(tail - got);
    CHECK(strncmp(got, full, kept) == 0);
    CHECK_INT(kept % per_character, 0);
    CHECK_INT(kept / per_character + said, n_full);
}

TEST(slack_cuts_long_texts_between_characters_and_counts_the_rest)
{
    static const struct { const char *letter, *escaped; } rows[] = {
        { "a", "a" },   { "é", "é" },          { "語", "語" },      { "\xf0\x9f\x9a\xa8", "\xf0\x9f\x9a\xa8" },
        { "&", "&amp;" }, { "<", "&lt;" },      { "\xd7\xa9", "\xd7\xa9" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        size_t each = units(rows[i].escaped), n = 2900 / each;

        for (size_t k = n - 1; k <= n + 2; k++) {
            struct fake f = slack_with("", "${run_name}");

            fake_deliver(&f, "run.state", named(&f, repeated(&f, rows[i].letter, k)));
            check_cut(at(&f, TEXT), repeated(&f, rows[i].escaped, k), 2900, k, strlen(rows[i].escaped));
            fake_close(&f);
        }
    }
}

TEST(slack_cuts_titles_to_what_a_header_takes)
{
    for (size_t n = 144; n < 152; n++) {
        struct fake f = slack_with("${run_name}", "");
        const char *title;

        fake_deliver(&f, "run.state", named(&f, repeated(&f, "x", n)));
        title = at(&f, TITLE);
        CHECK(units(title) <= 150);
        CHECK_INT(strstr(title, " more characters)") != NULL, n > 147);
        fake_close(&f);
    }
}

TEST(slack_does_not_cut_words_links_or_letters_with_marks)
{
    struct fake f = slack_with("", "${run_name}<https://wiki.example/a/long/address/of/a/page|words> tail ${data.x}");
    const char *text;

    for (size_t n = 2790; n < 2910; n += 7) {
        f.n_sent = 0;
        fake_deliver(&f, "run.state",
                     bf_printf(f.hub->keep, "{\"run\":{\"name\":\"%s \"},\"data\":{\"x\":\"%s\"}}",
                               repeated(&f, "x", n), repeated(&f, "y", 200)));
        text = at(&f, TEXT);
        CHECK(units(text) <= 2900);
        CHECK(!strchr(text, '<') || strstr(text, "|words>"));
    }
    for (size_t n = 2860; n < 2872; n++) {
        f.n_sent = 0;
        fake_deliver(&f, "run.state", named(&f, bf_printf(f.hub->keep, "%s%s", repeated(&f, "x", n),
                                                          repeated(&f, "e\xcc\x81", 200))));
        text = strstr(at(&f, TEXT), "…");
        CHECK(text && text[-1] != 'e');
    }
    fake_close(&f);
}

/* A cut stand-in would fail the attempt. */
TEST(slack_does_not_cut_a_secret)
{
    struct fake f = slack_with("", "${run_name} ${TOKEN} ${run_name}");

    for (size_t n = 2780; n < 2880; n += 9) {
        const char *body;

        f.n_sent = 0;
        f.hub->n_secrets = 0;
        fake_deliver(&f, "run.state", named(&f, repeated(&f, "x", n)));
        body = at(&f, TEXT);
        CHECK(strchr(body, 'Z') == NULL);
        CHECK(strstr(body, "TOKEN's") || strstr(body, "x… ("));
    }
    fake_close(&f);
}

/* As in an address, where no space is near. */
TEST(slack_does_not_cut_a_secret_within_a_long_word)
{
    struct fake f = slack_with("", "${run_name}?a=${TOKEN}&b=${run_name}");
    int n_whole = 0;

    for (size_t n = 2780; n < 2880; n += 3) {
        const char *body;

        f.n_sent = 0;
        f.hub->n_secrets = 0;
        fake_deliver(&f, "run.state", named(&f, repeated(&f, "x", n)));
        body = at(&f, TEXT);
        CHECK(strchr(body, 'Z') == NULL);
        n_whole += strstr(body, "TOKEN's") != NULL;
    }
    CHECK(n_whole > 5 && n_whole < 34);
    fake_close(&f);
}

TEST(slack_keeps_the_lines_below_within_bounds)
{
    struct fake f = slack_with("", "");
    const char *longest = repeated(&f, "&", 5000);
    struct bf_text vars = { 0 };
    static const char *const names[] = {
        "run_name", "run_url", "artifact_version_string", "alias", "tag", "entity_name", "project_name",
        "event_author", "metric_filter_short", "metric_values", "step", "alert_name", "alert_level",
        "occurrence", "absent_event", "absent_for", "last_seen", "event_type", "automation_url",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        bf_append(f.hub->keep, &vars, "%s\"%s\":\"%s\"", i ? "," : "", names[i], longest);
    fake_deliver(&f, "x", bf_printf(f.hub->keep, "{\"vars\":{%s}}", vars.s));
    CHECK(units(at(&f, CONTEXT)) <= 2900);
    CHECK_HAS(at(&f, CONTEXT), " more characters)");
    fake_close(&f);
}


/* --- several firings ---------------------------------------------------------------------- */

TEST(slack_tells_of_several_firings_in_one_message)
{
    struct fake f = slack_with("${run_name} fell", "at <https://x|home>\nor away");

    fake_merge(&f, "run.state", named(&f, "two"));
    fake_merge(&f, "run.state", named(&f, "<three>"));
    fake_deliver(&f, "run.state", named(&f, "one"));
    CHECK_STR(at(&f, TITLE), "ℹ️ 3 firings of watch");
    CHECK_STR(at(&f, "/text"), "ℹ️ 3 firings of watch");
    CHECK_STR(at(&f, TEXT), "• one fell — at <https://x|home> or away\n"
                            "• two fell — at <https://x|home> or away\n"
                            "• &lt;three&gt; fell — at <https://x|home> or away");
    CHECK_STR(at(&f, CONTEXT_1), "Event: run.state · "
                                 "Automation: <https://hub.example/automations/au-1|watch> · "
                                 "<https://hub.example/executions/ex-1|Details>");
    fake_close(&f);
}

TEST(slack_names_what_tells_one_firing_from_another)
{
    struct fake f = slack_with("It fell", "");

    fake_merge(&f, "run.state", named(&f, "two"));
    fake_deliver(&f, "run.state", named(&f, "one"));
    CHECK_STR(at(&f, TEXT), "• It fell: one\n• It fell: two");
    fake_close(&f);
    f = slack_with("", "");
    fake_merge(&f, "ci.finished", "{}");
    fake_deliver(&f, "ci.finished", "{\"data\":{\"name\":\"nightly\"}}");
    CHECK_STR(at(&f, TEXT), "• ci.finished: nightly\n• ci.finished");
    fake_close(&f);
}

TEST(slack_lists_twenty_of_a_thousand_and_counts_the_rest)
{
    static const char *const letters[] = { "n", "&", "\xf0\x9f\x9a\xa8", "x " };

    for (size_t i = 0; i < sizeof(letters) / sizeof(*letters); i++) {
        struct fake f = slack_with("${run_name}", "${run_name}");
        const char *event = named(&f, repeated(&f, letters[i], 1024 / strlen(letters[i])));
        size_t total = 0;

        for (int k = 0; k < 999; k++)
            fake_merge(&f, "run.state", event);
        fake_deliver(&f, "run.state", event);
        CHECK_STR(at(&f, TITLE), "ℹ️ 1,000 firings of watch");
        CHECK_INT(n_at(&f, "/attachments/0/blocks"), 4);
        for (int k = 0; k < 3; k++) {
            const char *text = at(&f, bf_printf(f.hub->keep, "/attachments/0/blocks/%d/text/text", k));

            CHECK(units(text) <= 2900);
            CHECK(is_utf8(text));
            total += units(text);
        }
        CHECK(total <= 12000);
        CHECK_STR(at(&f, "/attachments/0/blocks/2/text/text"), "and 980 more");
        fake_close(&f);
    }
}

TEST(slack_counts_firings_that_it_was_not_handed)
{
    struct fake f = slack_with("", "");

    fake_merge(&f, "run.state", named(&f, "two"));
    fake_deliver(&f, "run.state", "{\"run\":{\"name\":\"one\"},\"vars\":{\"firing_count\":\"12345\"}}");
    CHECK_STR(at(&f, TITLE), "ℹ️ 12,345 firings of watch");
    CHECK_HAS(at(&f, TEXT), "\nand 12,343 more");
    fake_close(&f);
}


/* --- blocks of one's own -------------------------------------------------------------------- */

static struct fake with_blocks(const char *blocks)
{
    return fake_sink(&bf_plugin_v1_slack, "webhook_url", URL, "text", "${run_name}", "blocks", blocks, NULL);
}

#define SECTION(text) "{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"" text "\"}}"
#define HEADER(text)  "{\"type\":\"header\",\"text\":{\"type\":\"plain_text\",\"text\":\"" text "\"}}"

TEST(slack_fills_in_blocks_by_what_stands_where)
{
    struct fake f = with_blocks(
        "[" HEADER("<${run_name}>") "," SECTION("<!here> *${run_name}* <${run_name}|x>") ","
        "{\"type\":\"actions\",\"elements\":[{\"type\":\"button\",\"url\":\"https://x/${run_name}\","
        "\"text\":{\"type\":\"plain_text\",\"text\":\"go\"}}]},"
        "{\"type\":\"x_new\",\"n\":\"${json:data.n}\",\"deep\":[{\"a\":[true,null,1.50,\"b\"]}]}]");

    fake_deliver(&f, "run.state", "{\"run\":{\"name\":\"!a&\\\"b\"},\"data\":{\"n\":9007199254740993}}");
    CHECK_STR(at(&f, "/text"), "!a&amp;\"b");
    CHECK_STR(at(&f, TITLE), "<!a&\"b>");
    CHECK_STR(at(&f, "/blocks/1/text/text"), "<!here> *!a&amp;\"b* &lt;!a&amp;\"b|x>");
    CHECK_STR(at(&f, "/blocks/1/text/verbatim"), "true");
    CHECK_STR(at(&f, "/blocks/0/text/verbatim"), "");
    CHECK_STR(at(&f, "/blocks/2/elements/0/url"), "https://x/%21a%26%22b");
    CHECK_STR(at(&f, "/blocks/3"), "{\"type\":\"x_new\",\"n\":9007199254740993,"
                                   "\"deep\":[{\"a\":[true,null,1.50,\"b\"]}]}");
    CHECK_INT(n_at(&f, "/attachments"), 0);
    fake_close(&f);
}

TEST(slack_lets_no_value_in_blocks_make_a_mention)
{
    struct fake f = with_blocks(
        "[" SECTION("*${run_name}*") ",{\"type\":\"section\",\"fields\":[{\"type\":\"mrkdwn\",\"text\":"
        "\"${run_name}\"},{\"type\":\"mrkdwn\",\"text\":\"${json:run_name}\"}]},{\"type\":\"context\","
        "\"elements\":[{\"type\":\"mrkdwn\",\"text\":\"${run_name}\"}]}]");

    for (size_t k = 0; k < sizeof(hostile) / sizeof(*hostile); k++) {
        f.n_sent = 0;
        fake_deliver(&f, "run.state", named(&f, hostile[k]));
        CHECK(fake_json_end(f.sent.body) != NULL);
        CHECK_INT(n_at(&f, "/blocks"), 3);
        CHECK_INT(markup_in(&f, f.sent.body, BF_V_OBJECT), 0);
    }
    fake_close(&f);
}

TEST(slack_cuts_texts_of_blocks_where_slack_would_refuse_them)
{
    static const struct { const char *block, *pointer; size_t max; } rows[] = {
        { HEADER("${run_name}"), "/blocks/0/text/text", 150 },
        { SECTION("${run_name}"), "/blocks/0/text/text", 2900 },
        { "{\"type\":\"section\",\"fields\":[{\"type\":\"mrkdwn\",\"text\":\"${run_name}\"}]}",
          "/blocks/0/fields/0/text", 2000 },
        { "{\"type\":\"context\",\"elements\":[{\"type\":\"plain_text\",\"text\":\"${run_name}\"}]}",
          "/blocks/0/elements/0/text", 2900 },
        { "{\"type\":\"section\",\"text\":{\"type\":\"plain_text\",\"text\":\"x\"},\"accessory\":{\"type\":"
          "\"button\",\"text\":{\"type\":\"plain_text\",\"text\":\"${run_name}\"}}}",
          "/blocks/0/accessory/text/text", 75 },
        { "{\"type\":\"image\",\"image_url\":\"https://x\",\"alt_text\":\"${run_name}\"}",
          "/blocks/0/alt_text", 2900 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char blocks[512];
        struct fake f;

        snprintf(blocks, sizeof(blocks), "[%s]", rows[i].block);
        f = with_blocks(blocks);
        for (size_t n = rows[i].max - 1; n <= rows[i].max + 1; n++) {
            f.n_sent = 0;
            fake_deliver(&f, "run.state", named(&f, repeated(&f, "語", n)));
            check_cut(at(&f, rows[i].pointer), repeated(&f, "語", n), rows[i].max, n, strlen("語"));
        }
        fake_close(&f);
    }
}

TEST(slack_keeps_all_texts_of_a_message_within_what_slack_takes)
{
    char blocks[50 * 80] = "";
    struct fake f;
    size_t total = 0;

    for (int i = 0; i < 50; i++) {
        strcat(blocks, i ? "," : "[");
        strcat(blocks, SECTION("${run_name}"));
    }
    strcat(blocks, "]");
    f = with_blocks(blocks);
    fake_deliver(&f, "run.state", named(&f, repeated(&f, "x", 1000)));
    CHECK_INT(n_at(&f, "/blocks"), 50);
    for (int i = 0; i < 50; i++)
        total += units(at(&f, bf_printf(f.hub->keep, "/blocks/%d/text/text", i)));
    CHECK(total <= 12000 + 50);
    CHECK(total > 11900);
    CHECK_STR(at(&f, "/blocks/11/text/text"), repeated(&f, "x", 1000));
    fake_close(&f);
}

/* Blocks that a script made are markup as they stand, and as long as it likes; on the loop, where
 * everybody waits. */
TEST(slack_takes_no_longer_for_markup_that_is_nothing_but_marks)
{
    static const char *const marks[] = { "&", "<", "<&" };

    for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
        char *text = malloc(1024 * 1024 + 1), *blocks = malloc(1024 * 1024 + 256);
        clock_t begun;
        struct fake f;

        for (size_t n = 0; n < 1024 * 1024; n++)
            text[n] = marks[i][n % strlen(marks[i])];
        text[1024 * 1024] = '\0';
        sprintf(blocks, "[" SECTION("%s") "]", text);
        f = with_blocks(blocks);
        begun = clock();
        fake_deliver(&f, "run.state", "{}");
        CHECK((clock() - begun) / CLOCKS_PER_SEC < 2);
        CHECK_HAS(at(&f, TITLE), " more characters)");
        fake_close(&f);
        free(text);
        free(blocks);
    }
}

TEST(slack_puts_something_where_a_value_is_empty)
{
    struct fake f = with_blocks("[" SECTION("${alias}") "]");

    fake_deliver(&f, "run.state", "{}");
    CHECK_STR(at(&f, TITLE), " ");
    CHECK_STR(at(&f, "/text"), "watch");
    fake_close(&f);
}

TEST(slack_refuses_blocks_that_slack_would)
{
    static const struct { const char *blocks, *words; } rows[] = {
        { "{}", "must be an array" },
        { "\"x\"", "must be an array" },
        { "{\"blocks\":[]}", "without {\"blocks\": ...} around it" },
        { "[]", "has 0 blocks; a message has 1 to 50" },
        { "[1]", "blocks[0] is no block" },
        { "[{\"type\":\"divider\"},{}]", "blocks[1] is no block" },
        { "[{\"type\":\"section\"}]", "blocks[0] needs a text or fields" },
        { "[{\"type\":\"section\",\"text\":\"hello\"}]", "{\"type\":\"mrkdwn\",\"text\":\"...\"}" },
        { "[{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\"}}]", "has no text that is a string" },
        { "[{\"type\":\"section\",\"fields\":[]}]", "needs an array of fields" },
        { "[{\"type\":\"section\",\"fields\":[{},{},{},{},{},{},{},{},{},{},{}]}]", "has 11 fields; Slack takes 10" },
        { "[{\"type\":\"header\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"x\"}}]", "{\"type\":\"plain_text\"" },
        { "[{\"type\":\"context\"}]", "needs an array of elements" },
        { "[{\"type\":\"image\",\"image_url\":\"https://x\"}]", "needs an alt_text" },
        { "[{\"type\":\"image\",\"alt_text\":\"x\"}]", "needs an image_url" },
        { "[{\"type\":\"markdown\",\"text\":\"${run_name}\"}]", "is of type markdown and has variables" },
        { "[{\"type\":\"${run_name}\"}]", "has a variable in its type" },
        { "[{\"type\":\"x\",\"y\":\"${json:data.o}\"}]", "brings no blocks of its own" },
        { "[{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"${run_name}\",\"verbatim\":false}}]",
          "\"verbatim\" must be true" },
        { "[{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]],\"type\":\"x\"}]", "nested too deep" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fake f = with_blocks(rows[i].blocks);
        static const char event[] = "{\"run\":{\"name\":\"a\"},\"data\":{\"o\":{\"type\":\"broadcast\"}}}";

        CHECK_INT(fake_check(&f, "run.state", event), BF_ECONFIG);
        CHECK_STR(f.option, "blocks");
        CHECK_HAS(f.complaint, rows[i].words);
        CHECK_INT(fake_deliver(&f, "run.state", event), BF_REJECTED);
        CHECK_STR(f.reason, f.complaint);
        CHECK_INT(f.n_sent, 0);
        fake_close(&f);
    }
}

TEST(slack_says_how_long_an_address_became)
{
    struct fake f = with_blocks("[{\"type\":\"image\",\"image_url\":\"https://x/${run_name}\",\"alt_text\":\"x\"}]");

    fake_answer(&f, 200, "ok");
    CHECK_INT(fake_deliver(&f, "run.state", named(&f, repeated(&f, "x", 2990))), BF_DELIVERED);
    CHECK_INT(fake_deliver(&f, "run.state", named(&f, repeated(&f, "x", 2991))), BF_REJECTED);
    CHECK_STR(f.reason, "blocks[0].image_url has 3,001 characters; Slack takes 3,000");
    CHECK_INT(fake_check(&f, "run.state", named(&f, repeated(&f, "x", 2991))), 0);
    fake_close(&f);
}

TEST(slack_refuses_a_long_value_where_no_text_stands)
{
    struct fake f = with_blocks("[{\"type\":\"x\",\"some_id\":\"${run_name}\",\"more\":{\"id\":\"${run_name}\"}}]");

    fake_answer(&f, 200, "ok");
    CHECK_INT(fake_deliver(&f, "run.state", named(&f, repeated(&f, "x", 3000))), BF_DELIVERED);
    CHECK_INT(fake_deliver(&f, "run.state", named(&f, repeated(&f, "x", 3001))), BF_REJECTED);
    CHECK_STR(f.reason, "blocks[0].some_id has 3,001 characters; Slack takes 3,000");
    fake_close(&f);
}

TEST(slack_uses_own_blocks_for_several_firings_if_they_tell_of_them)
{
    struct fake f = with_blocks("[" SECTION("${firing_count} runs fell") "]");

    fake_merge(&f, "run.state", named(&f, "two"));
    fake_deliver(&f, "run.state", named(&f, "one"));
    CHECK_STR(at(&f, TITLE), "2 runs fell");
    fake_close(&f);
    f = with_blocks("[" SECTION("${run_name} fell") "]");
    fake_merge(&f, "run.state", named(&f, "two"));
    fake_deliver(&f, "run.state", named(&f, "one"));
    CHECK_STR(at(&f, TITLE), "ℹ️ 2 firings of watch");
    CHECK_STR(at(&f, TEXT), "• one\n• two");
    fake_close(&f);
}

TEST(slack_warns_of_what_would_be_cut)
{
    struct fake f = slack_with("${run_name}", "${run_name}");

    CHECK_INT(fake_check(&f, "run.state", named(&f, repeated(&f, "x", 200))), 0);
    CHECK(!f.warned || !*f.warned);
    CHECK_INT(fake_check(&f, "run.state", named(&f, repeated(&f, "&", 600))), 0);
    CHECK_HAS(f.warned, "more than the 2,900 characters");
    fake_close(&f);
    f = slack_with("a heading that goes on and on and on and on and on and on and on and on and on and on"
                   " and on and on and on and on and on and on and on and on and on and on", "");
    CHECK_INT(fake_check(&f, "run.state", "{}"), 0);
    CHECK_HAS(f.warned, "longer than the 150 characters of a heading");
    fake_close(&f);
    f = with_blocks("[" HEADER("${run_name}") "," SECTION("${run_name}") "]");
    CHECK_INT(fake_check(&f, "run.state", named(&f, repeated(&f, "x", 200))), 0);
    CHECK(!f.warned || !*f.warned);
    CHECK_INT(fake_check(&f, "run.state", named(&f, repeated(&f, "x", 3000))), 0);
    CHECK_HAS(f.warned, "longer than Slack takes");
    fake_close(&f);
}


/* --- answers ------------------------------------------------------------------------------- */

struct answered {
    int status;
    const char *body;
    int outcome;
    const char *words;
};

static void check_answers(const struct answered *rows, size_t n, bool api)
{
    for (size_t i = 0; i < n; i++) {
        struct fake f = api ? fake_sink(&bf_plugin_v1_slack, TOKEN, NULL) : slack_with("", "");

        fake_answer(&f, rows[i].status, rows[i].body);
        fake_deliver(&f, "run.state", "{}");
        if (f.outcome != rows[i].outcome)
            test_failed(__FILE__, __LINE__, "%d %s gives %d (%s), not %d", rows[i].status, rows[i].body,
                        f.outcome, f.reason, rows[i].outcome);
        if (rows[i].words)
            CHECK_HAS(f.reason, rows[i].words);
        CHECK_INT(f.after_ms, -1);      /* the hub reads Retry-After */
        CHECK(is_utf8(f.reason));
        fake_close(&f);
    }
}

TEST(slack_reads_the_answers_of_a_webhook)
{
    static const struct answered rows[] = {
        { 200, "ok", BF_DELIVERED, NULL },
        { 200, "ok\n", BF_DELIVERED, NULL },
        { 200, "", BF_RETRY, "it is not Slack that answers: its answer begins with nothing" },
        { 200, "<html><title>Sign in</title>", BF_RETRY, "begins with \"<html><title>Sign in</title>\"" },
        { 200, "\xff\xfe proxy \xc3", BF_RETRY, "begins with \"proxy\"" },
        { 200, "no_text", BF_REJECTED, "no_text: the message is empty" },
        { 200, "{\"ok\":true}", BF_RETRY, "not Slack" },
        { 204, "", BF_RETRY, "HTTP 204, but it is not Slack" },
        { 400, "invalid_payload", BF_REJECTED, "Block Kit Builder" },
        { 400, "no_text", BF_REJECTED, "empty" },
        { 400, "user_not_found", BF_REJECTED, "a person who is not there" },
        { 400, "invalid_blocks", BF_REJECTED, "does not take these blocks" },
        { 400, "invalid_blocks_format", BF_REJECTED, "no list of blocks" },
        { 400, "invalid_attachments", BF_REJECTED, "attachments" },
        { 400, "too_many_attachments", BF_REJECTED, "100" },
        { 400, "msg_blocks_too_long", BF_REJECTED, "too much text" },
        { 403, "action_prohibited", BF_REJECTED, "restricted who may post" },
        { 403, "invalid_token", BF_REJECTED, "copy it anew" },
        { 403, "posting_to_general_channel_denied", BF_REJECTED, "#general" },
        { 403, "team_disabled", BF_REJECTED, "not active any more" },
        { 403, "token_revoked", BF_REJECTED, "install the app again" },
        { 404, "channel_not_found", BF_REJECTED, "no such channel" },
        { 404, "no_active_hooks", BF_REJECTED, "switch Incoming Webhooks on" },
        { 404, "no_service", BF_REJECTED, "make a new one" },
        { 404, "no_service_id", BF_REJECTED, "make a new one" },
        { 404, "no_team", BF_REJECTED, "no such workspace" },
        { 410, "channel_is_archived", BF_REJECTED, "unarchive it" },
        { 400, "some_new_code", BF_REJECTED, "Slack refused the message: some_new_code" },
        { 404, "<html>Not Found</html>", BF_REJECTED, "HTTP 404: the answer begins with \"<html>" },
        { 429, "", BF_RETRY, "HTTP 429: Slack asks to go slower" },
        { 429, "rate_limited", BF_RETRY, "Slack asks to go slower" },
        { 500, "rollup_error", BF_RETRY, "an error of its own" },
        { 503, "some_new_code", BF_RETRY, "HTTP 503: Slack says some_new_code" },
        { 429, "no", BF_RETRY, "HTTP 429: Slack says no" },
        { 502, "<html>Bad Gateway", BF_RETRY, "HTTP 502: the answer begins with" },
    };

    check_answers(rows, sizeof(rows) / sizeof(*rows), false);
}

#define NO(code)          "{\"ok\":false,\"error\":\"" code "\"}"
#define NO_AND(code, and) "{\"ok\":false,\"error\":\"" code "\"," and "}"

TEST(slack_reads_the_answers_of_the_web_api)
{
    static const struct answered rows[] = {
        { 200, "{\"ok\":true}", BF_DELIVERED, NULL },
        { 200, "{\"ok\":true,\"warning\":\"missing_charset\"}", BF_DELIVERED, NULL },
        { 200, "ok", BF_RETRY, "it is not Slack that answers" },
        { 200, "<html>", BF_RETRY, "it is not Slack that answers" },
        { 200, "{\"ok\":false}", BF_RETRY, "it is not Slack that answers" },
        { 200, "{\"ok\":\"yes\"}", BF_RETRY, "it is not Slack that answers" },
        { 200, NO("not_in_channel"), BF_REJECTED, "not_in_channel: the app is not in the channel: /invite it" },
        { 200, NO("channel_not_found"), BF_REJECTED, "no such channel" },
        { 200, NO("is_archived"), BF_REJECTED, "archived" },
        { 200, NO("invalid_auth"), BF_REJECTED, "the token is wrong" },
        { 200, NO("not_authed"), BF_REJECTED, "no token" },
        { 200, NO("account_inactive"), BF_REJECTED, "install it again" },
        { 200, NO("token_revoked"), BF_REJECTED, "revoked" },
        { 200, NO("token_expired"), BF_REJECTED, "expired" },
        { 200, NO_AND("missing_scope", "\"needed\":\"chat:write\",\"provided\":\"x\""), BF_REJECTED,
          "lacks a scope: chat:write; give it to the app" },
        { 200, NO("not_allowed_token_type"), BF_REJECTED, "use the bot token" },
        { 200, NO("no_permission"), BF_REJECTED, "may not post" },
        { 200, NO("restricted_action"), BF_REJECTED, "restricted" },
        { 200, NO("restricted_action_read_only_channel"), BF_REJECTED, "read-only" },
        { 200, NO("restricted_action_thread_only_channel"), BF_REJECTED, "threads only" },
        { 200, NO("ekm_access_denied"), BF_REJECTED, "suspended" },
        { 200, NO("team_access_not_granted"), BF_REJECTED, "workspace" },
        { 200, NO("accesslimited"), BF_REJECTED, "allow list" },
        { 200, NO("no_text"), BF_REJECTED, "empty" },
        { 200, NO("msg_too_long"), BF_REJECTED, "too long" },
        { 200, NO("msg_blocks_too_long"), BF_REJECTED, "too much text" },
        { 200, NO_AND("invalid_blocks", "\"response_metadata\":{\"messages\":[\"[ERROR] must be more than 0"
          " characters [json-pointer:/blocks/0/text/text]\",\"b\"]}"), BF_REJECTED,
          "these blocks: [ERROR] must be more than 0 characters [json-pointer:/blocks/0/text/text]; b" },
        { 200, NO_AND("invalid_blocks", "\"errors\":[\"must be valid\"]"), BF_REJECTED, "must be valid" },
        { 200, NO("ratelimited"), BF_RETRY, "go slower" },
        { 200, NO("rate_limited"), BF_RETRY, "go slower" },
        { 200, NO("message_limit_exceeded"), BF_RETRY, "too much for now" },
        { 200, NO("internal_error"), BF_RETRY, "of its own" },
        { 200, NO("fatal_error"), BF_RETRY, "of its own" },
        { 200, NO("service_unavailable"), BF_RETRY, "not available" },
        { 200, NO("request_timeout"), BF_RETRY, "in time" },
        { 200, NO("team_added_to_org"), BF_RETRY, "moved" },
        { 200, NO("org_login_required"), BF_RETRY, "moved" },
        { 200, NO("some_new_code"), BF_REJECTED, "Slack refused the message: some_new_code" },
        { 200, NO("<!channel>"), BF_RETRY, "not Slack" },
        { 429, NO("ratelimited"), BF_RETRY, "go slower" },
        { 429, "", BF_RETRY, "go slower" },
        { 500, NO("some_new_code"), BF_RETRY, "HTTP 500: Slack says some_new_code" },
        { 503, "", BF_RETRY, "HTTP 503: the answer begins with nothing" },
        { 404, "<html>", BF_REJECTED, "HTTP 404" },
    };

    check_answers(rows, sizeof(rows) / sizeof(*rows), true);
}

TEST(slack_does_not_follow_elsewhere)
{
    struct fake f = slack_with("", "");

    fake_answer(&f, 302, "");
    CHECK_INT(fake_deliver(&f, "run.state", "{}"), BF_REJECTED);
    fake_close(&f);
}
