/* test_values.c - whatever a run is called, what is sent is a message, and one that its author wrote.
 *
 * Values are put together from what has a meaning somewhere: to JSON, to Slack, to Markdown, to HTML,
 * to URLs, to templates, to terminals; and are sent through every action that values.h has, in events
 * of every kind.  The seed is fixed; VALUES_SEED and VALUES_ROUNDS are for long runs. */
#include "tests/unit/values.h"

#include "core/base/utf8.h"

static const char *const tokens[] = {
    /* JSON, and what looks like it */
    "\"", "\\", "\\\"", "\",\"a\":\"", "{\"type\":\"mrkdwn\"}", "}]}", "\n", "\r\n", "\t", "\\u0000",
    "\\n", "null", "\b\f\x01\x1f", "\x7f", "%s%n%d", "%", "%0d%0a", "%2e%2e", "%00", "''", "`",
    /* templates */
    "${run_name}", "${BOT}", "$SLACK", "$${", "${", "}", "${json:data}", "$", "{{DATE(2020-01-01)}}",
    /* Slack */
    "<!channel>", "<!here|x>", "<@U1>", "<#C1>", "<http://evil.example|bank>", "<", ">", "&", "&lt;", "&amp;lt;",
    "|", "@here", "@channel", ":rotating_light:", "<!date^1^{date}|x>", "<mailto:a@b|c>", "!here>", "*b* _i_ ~s~",
    /* Markdown and HTML */
    "[x](http://evil.example)", "](http://evil.example)", "[", "]", "(", ")", "![i](http://e.example/i.png)",
    "<at>Ann</at>", "<at", "</at>", "<http://evil.example>", "<img src=x>", "<!--", "<?x?>", "&#91;", "&lbrack;",
    "# ", "- ", "1. ", "> ", "```", "~~~", "===", "---", "***", "    ", "**", "__", "[x]: http://e.example\n[x]",
    "| a |\n|---|", "\n\n", "<br>", "<br/>",
    /* addresses */
    "http://evil.example/", "https://evil.example/?a=b&c=d#e", "javascript:alert(1)", "..", ".", "/", "../..",
    "?", "&b=2", "#x", "//evil.example", "@evil.example", ":80", " ", "+", "mailto:a@b.example", "http://",
    /* letters */
    "\u202e", "\u202c", "\u2066", "\u2069", "\u200f", "\u061c", "\u200b", "\u200d", "\ufeff", "\u2060",
    "\u2028", "\u2029", "\xc2\x85", "\xc2\x9b", "\ufffd", "\ufffe", "\u00ad", "\u0301", "e\u0301\u0301\u0301",
    "\U0001F469\u200D\U0001F52C", "\U0001F1FA\U0001F1F3", "\U0001F44D\U0001F3FD", "\U0010FFFF", "\U000E0041",
    "שלום", "مرحبا", "日本語", "ß", "İ", "＜！channel＞", "﹤@U1﹥",
    /* names as they are */
    "train_loss/val", "sunny-frog-7", "v1.2-rc.3", "", "a", "production",
};

static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % below;
}

/* A value of at most `max` bytes; now and then one that is all of them. */
static const char *value(struct bf_arena *a, size_t max)
{
    struct bf_buf b;
    const char *text;
    uint32_t n = draw(8) == 0 ? 0 : 1 + draw(6);

    bf_buf_init(&b, 2 * 1024 * 1024);
    for (uint32_t i = 0; i < n; i++)
        bf_buf_adds(&b, tokens[draw(BF_COUNT(tokens))]);
    for (size_t len = b.len; len && b.len + len <= max && max <= BF_NAME_MAX && draw(16) == 0;)
        bf_buf_add(&b, bf_arena_ndup(a, b.data, b.len), b.len);
    text = bf_buf_text(&b);
    text = bf_arena_ndup(a, text, bf_utf8_cut(text, b.len, max));
    bf_buf_fini(&b);
    return text;
}

/* One that is an envelope's name, which is not empty. */
static const char *name(struct bf_arena *a)
{
    const char *text = value(a, BF_NAME_MAX);

    return *text ? text : "a";
}

/* One that names a project or collection: what separates those is none of it. */
static const char *place(struct bf_arena *a)
{
    char *text = bf_arena_dup(a, name(a));

    for (char *p = text; *p; p++)
        if (strchr("/:", *p) || (unsigned char)*p < ' ' || *p == 0x7f)
            *p = '.';
    return text;
}

static void add(struct bf_buf *b, const char *member, const char *text)
{
    bf_buf_printf(b, ",\"%s\":", member);
    bf_buf_json(b, text);
}

/* An event with a value in every member that a variable can show. */
static struct bf_envelope *event(struct bf_arena *a, const char *x)
{
    static const char *const types[] = {"artifact.alias.add", "artifact.create", "collection.tag.add",
                                        "run.alert", "run.state", "run.metric", "ci.done",
                                        "belfry.execution.failed"};
    struct bf_envelope *e = NULL;
    struct bf_error err = {0};
    struct bf_buf b;

    bf_buf_init(&b, 4 * 1024 * 1024);
    bf_buf_printf(&b, "{\"type\":\"%s\",\"entity\":\"acme\"", types[draw(BF_COUNT(types))]);
    add(&b, "project", place(a));
    add(&b, "collection", place(a));
    add(&b, "author", name(a));
    add(&b, "alias", name(a));
    add(&b, "tag", name(a));
    bf_buf_adds(&b, ",\"artifact\":{\"version\":\"v7\",\"type\":\"model\"");
    add(&b, "id", name(a));
    bf_buf_adds(&b, ",\"metadata\":{\"k\":");
    bf_buf_json(&b, value(a, 2000));
    bf_buf_adds(&b, "}},\"run\":{\"state\":\"FAILED\"");
    add(&b, "id", name(a));
    add(&b, "name", name(a));
    add(&b, "user", name(a));
    bf_buf_adds(&b, "},\"metrics\":[{\"value\":1,\"step\":1");
    add(&b, "name", name(a));
    bf_buf_adds(&b, "}],\"alert\":{\"level\":\"ERROR\"");
    add(&b, "title", name(a));
    add(&b, "text", value(a, 5000));
    bf_buf_adds(&b, "},\"data\":{\"config\":{\"lr\":0.1}");
    add(&b, "name", value(a, 500));
    add(&b, "error", value(a, 500));
    add(&b, "x", x);
    bf_buf_adds(&b, "}}");
    CHECK(!b.failed);
    if (bf_envelope_parse(a, b.data, b.len, BF_FROM_HUB, &e, &err))
        test_failed(__FILE__, __LINE__, "%s: %s\n%.2000s", err.field, err.words, b.data);
    bf_buf_fini(&b);
    return e;
}

struct tally {
    size_t sent, refused;
};

/* The case for the event, whose reference is taken. */
static void go(struct rig *r, size_t number, struct bf_envelope *e, bool merged, struct tally *n)
{
    struct bf_arena *a = bf_arena_new(256 * 1024 * 1024);
    struct values_try v;
    struct rig_attempt *t = &v.attempt;

    values_attempt(&v, number, e, merged);
    if (rig_prepare(r, t) == BF_STEP_SEND) {
        struct values_look l = values_look(number, a, t);

        n->sent++;
        if (l.fault)
            test_failed(__FILE__, __LINE__, "%s: %.300s\ncase %zu%s of the event\n%.3000s\nsent\n%.3000s",
                        l.fault, l.at, number, merged ? ", merged," : "", e->text, (const char *)t->at.out.http.body);
    } else {
        n->refused++;
        if (!values_is_clear(&t->at.verdict))
            test_failed(__FILE__, __LINE__, "case %zu is refused: %s\n%.3000s", number,
                        t->at.verdict.words ? t->at.verdict.words : "", e->text);
    }
    rig_attempt_end(r, t);
    bf_arena_free(a);
}

static long from_environment(const char *variable, long otherwise)
{
    const char *text = getenv(variable);

    return text ? atol(text) : otherwise;
}

TEST(no_value_makes_a_link_a_mention_or_a_message_that_is_refused)
{
    long rounds = from_environment("VALUES_ROUNDS", 120);
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    struct tally n = {0};
    struct rig r;

    state = (uint64_t)from_environment("VALUES_SEED", 20261126) * 2654435769u + 1;
    values_open(&r);
    for (long i = 0; i < rounds; i++) {
        for (size_t c = 0; c < BF_COUNT(values_cases); c++) {
            go(&r, c, event(a, value(a, draw(10) ? 300 : 30000)), draw(4) == 0, &n);
            bf_arena_reset(a);
        }
    }
    printf("%zu sent, %zu refused\n", n.sent, n.refused);
    CHECK(n.sent > 4 * n.refused);
    bf_arena_free(a);
    rig_close(&r);
}

TEST(a_megabyte_is_cut_or_refused_with_its_size)
{
    static const char *const letters[] = {"a", "\"", "\\", "<", "&", "]", "*", "\U0001F438", "\u202e",
                                          "\x01", "\n", "<!channel>", "[x](http://e.example)", "..",
                                          "%", " ", "${x}", "\u05d0"};
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    size_t every = getenv("VALUES_ROUNDS") ? 1 : 19;    /* not each letter through each case */
    struct tally n = {0};
    struct rig r;

    state = 1;
    values_open(&r);
    for (size_t i = 0; i < BF_COUNT(letters); i++) {
        size_t each = strlen(letters[i]), escaped = 0;
        struct bf_buf b, json;

        bf_buf_init(&json, 100);
        bf_buf_json(&json, letters[i]);
        escaped = json.len - 2;
        bf_buf_fini(&json);
        bf_buf_init(&b, 2 * 1024 * 1024);
        for (size_t k = 0; k < 1000000 / escaped; k++)
            bf_buf_add(&b, letters[i], each);
        for (size_t c = 0; c < BF_COUNT(values_cases); c++) {
            if ((i * 7 + c) % every)
                continue;
            go(&r, c, event(a, b.data), i % 3 == 0, &n);
            bf_arena_reset(a);
        }
        bf_buf_fini(&b);
    }
    printf("%zu sent, %zu refused\n", n.sent, n.refused);
    CHECK(n.sent && n.refused);
    bf_arena_free(a);
    rig_close(&r);
}

TEST(a_long_header_or_address_is_refused_with_its_size)
{
    static const struct { size_t number; const char *words; } rows[] = {
        {0, "the URL has 80"}, {2, ", of which 80004 are X, and at most 65536 are sent"},
    };
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    struct rig r;

    state = 1;
    values_open(&r);
    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct values_try v;

        values_attempt(&v, rows[i].number, event(a, bf_arena_printf(a, "%080000d", 0)), false);
        CHECK_INT(rig_prepare(&r, &v.attempt), BF_STEP_SETTLED);
        CHECK_INT(v.attempt.at.verdict.outcome, BF_REJECTED);
        CHECK_HAS(v.attempt.at.verdict.words, rows[i].words);
        rig_attempt_end(&r, &v.attempt);
    }
    bf_arena_free(a);
    rig_close(&r);
}

TEST(what_is_no_utf_8_gets_no_further_than_the_door)
{
    static const char *const bad[] = {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x80",
                                      "\\ud800", "\\u0000", "\\udc00\\ud800"};
    struct bf_arena *a = bf_arena_new(1 << 20);

    for (size_t i = 0; i < BF_COUNT(bad); i++) {
        const char *text = bf_arena_printf(a, "{\"type\":\"ci.done\",\"entity\":\"acme\",\"data\":"
                                           "{\"x\":\"a%sb\"}}", bad[i]);
        struct bf_envelope *e = NULL;
        struct bf_error err = {0};

        CHECK_INT(bf_envelope_parse(a, text, strlen(text), BF_FROM_OUTSIDE, &e, &err), BF_ECONFIG);
        CHECK_HAS(err.words, "this is not JSON");
        CHECK(!e);
    }
    bf_arena_free(a);
}
