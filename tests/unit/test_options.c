/* Option tables: filling a struct, refusing by name, help and JSON Schema. */
#include "core/plugin/inner.h"
#include "tests/test.h"

struct all {
    const char *url;
    int64_t count;
    bool loud;
    int64_t wait;
    const char *const *words;
    const char *const *headers;
    const char *payload;
    const char *level;
    const char *token;
};

static const struct bf_option table[] = {
    BF_STRING(struct all, url, .flags = BF_REQUIRED, .help = "where to"),
    BF_INT(struct all, count, .def = "3"),
    BF_BOOL(struct all, loud, .def = "true"),
    BF_DURATION(struct all, wait, .def = "15s"),
    BF_LIST(struct all, words, .def = "a, b"),
    BF_MAP(struct all, headers, .def = "K=v, L=w=x"),
    BF_JSON(struct all, payload, .def = "{}"),
    BF_STRING(struct all, level, .def = "INFO", .choices = "INFO|WARN|ERROR"),
    BF_STRING(struct all, token, .flags = BF_SECRET, .help = "a key"),
    BF_OPTIONS_END
};

static struct bf_arena *arena;

static int fill(const char *json, struct all *out, struct bf_error *err)
{
    const struct bf_json *object;
    int rc;

    *out = (struct all){0};
    *err = (struct bf_error){0};
    if (!arena)
        arena = bf_arena_new(1024 * 1024);
    rc = bf_config_parse(arena, json, &object, err);
    return rc ? rc : bf_options_fill(table, out, object, arena, err);
}

TEST(defaults_are_what_the_table_says)
{
    struct bf_error err;
    struct all o;

    CHECK_INT(fill("{\"url\":\"x\"}", &o, &err), 0);
    CHECK_STR(o.url, "x");
    CHECK_INT(o.count, 3);
    CHECK(o.loud);
    CHECK_INT(o.wait, 15000);
    CHECK_STR(o.words[0], "a");
    CHECK_STR(o.words[1], "b");
    CHECK(o.words[2] == NULL);
    CHECK_STR(o.headers[0], "K");
    CHECK_STR(o.headers[1], "v");
    CHECK_STR(o.headers[2], "L");
    CHECK_STR(o.headers[3], "w=x");
    CHECK(o.headers[4] == NULL);
    CHECK_STR(o.payload, "{}");
    CHECK_STR(o.level, "INFO");
    CHECK(o.token == NULL);
    bf_arena_free(arena);
}

TEST(values_are_taken_by_their_json_type)
{
    struct bf_error err;
    struct all o;

    CHECK_INT(fill("{\"url\":\"\\u00e4\",\"count\":-9007199254740993,\"loud\":false,"
                   "\"wait\":\"5m\",\"words\":[],\"headers\":{\"A\":\"b\"},"
                   "\"payload\":{\"n\": 9007199254740993},\"level\":\"warn\"}", &o, &err), 0);
    CHECK_STR(o.url, "\xc3\xa4");
    CHECK(o.count == -9007199254740993);
    CHECK(!o.loud);
    CHECK_INT(o.wait, 300000);
    CHECK(o.words[0] == NULL);
    CHECK_STR(o.headers[1], "b");
    CHECK_STR(o.payload, "{\"n\": 9007199254740993}");
    CHECK_STR(o.level, "WARN");
    CHECK_INT(fill("{\"url\":\"x\",\"wait\":250}", &o, &err), 0);
    CHECK_INT(o.wait, 250);
    bf_arena_free(arena);
}

TEST(what_is_wrong_is_refused_by_name)
{
    static const struct {
        const char *json, *field, *words;
    } rows[] = {
        {"{}", "config.url", "url is required: where to"},
        {NULL, "config.url", "required"},
        {"{\"url\":null}", "config.url", "required"},
        {"{\"url\":7}", "config.url", "a string"},
        {"{\"url\":\"x\",\"ulr\":1}", "config.ulr", "url, count, loud"},
        {"{\"url\":\"x\",\"count\":1.5}", "config.count", "a whole number"},
        {"{\"url\":\"x\",\"count\":\"3\"}", "config.count", "a whole number"},
        {"{\"url\":\"x\",\"loud\":1}", "config.loud", "true or false"},
        {"{\"url\":\"x\",\"wait\":\"soon\"}", "config.wait", "\"30s\""},
        {"{\"url\":\"x\",\"wait\":-1}", "config.wait", "negative"},
        {"{\"url\":\"x\",\"words\":\"a\"}", "config.words", "an array"},
        {"{\"url\":\"x\",\"words\":[1]}", "config.words", "an array of strings"},
        {"{\"url\":\"x\",\"headers\":{\"a\":1}}", "config.headers", "an object of strings"},
        {"{\"url\":\"x\",\"level\":\"LOUD\"}", "config.level", "INFO|WARN|ERROR"},
        {"[]", "config", "an object"},
        {"{\"url\":", "config", "byte"},
    };

    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct bf_error err;
        struct all o;

        CHECK_INT(fill(rows[i].json, &o, &err), BF_ECONFIG);
        CHECK_STR(err.field, rows[i].field);
        CHECK_HAS(err.words, rows[i].words);
    }
    bf_arena_free(arena);
}

static const char *schema_text(void)
{
    static struct bf_buf b;
    struct bf_tree *t = bf_tree_object();

    bf_buf_init(&b, 65536);
    bf_options_schema(table, t);
    bf_tree_print(t, &b);
    bf_tree_free(t);
    return bf_buf_text(&b);
}

TEST(the_schema_says_what_the_table_says)
{
    const char *s = schema_text();

    CHECK_HAS(s, "\"$schema\":\"https://json-schema.org/draft/2020-12/schema\"");
    CHECK_HAS(s, "\"url\":{\"description\":\"where to\",\"type\":\"string\"}");
    CHECK_HAS(s, "\"count\":{\"type\":\"integer\",\"default\":3}");
    CHECK_HAS(s, "\"enum\":[\"INFO\",\"WARN\",\"ERROR\"]");
    CHECK_HAS(s, "\"writeOnly\":true");
    CHECK_HAS(s, "\"required\":[\"url\"]");
    CHECK_HAS(s, "\"additionalProperties\":false}");
}

static int request(void *self, const struct bf_delivery *d, struct bf_request *r)
{
    (void)self;
    (void)d;
    (void)r;
    return 0;
}

struct what {
    const char *text;
};

static int on_route(struct bf_ctx *ctx, void *self, const struct bf_http_in *in,
                    struct bf_reply *re)
{
    (void)ctx, (void)self, (void)in, (void)re;
    return 204;
}

static const struct bf_option what[] = {
    BF_STRING(struct what, text, .flags = BF_TEMPLATE | BF_SHOWN, .help = "what to say"),
    BF_OPTIONS_END
};

TEST(what_people_read_is_told_in_schema_and_help)
{
    static const struct bf_sink sink = {BF_SINK("t", "Say something"),
                                        BF_ACTION(struct what, what), .request = request};
    static const struct bf_sink *const sinks[] = {&sink, NULL};
    static const struct bf_source *const sources[] = {NULL};
    static const struct bf_plugin plugin = {
        .size = sizeof(plugin), .name = "t", .version = "2", .sinks = sinks, .sources = sources};
    struct bf_tree *t = bf_tree_object();
    struct bf_error err = {0};
    struct bf_buf b;

    bf_buf_init(&b, 65536);
    bf_options_schema(what, t);
    bf_tree_print(t, &b);
    CHECK_HAS(bf_buf_text(&b), "\"x-template\":true,\"x-shown\":true");
    bf_buf_clear(&b);
    bf_plugin_help(&plugin, &b);
    CHECK_HAS(bf_buf_text(&b), "(text, may hold ${variables}, people read it)");
    CHECK_INT(bf_options_check(what, sizeof(struct what), BF_TEMPLATE | BF_SHOWN, &err), 0);
    CHECK_INT(bf_options_check(what, sizeof(struct what), BF_TEMPLATE, &err), BF_ECONFIG);
    CHECK_HAS(err.words, "option of an action only");
    bf_buf_fini(&b);
    bf_tree_free(t);
}

TEST(help_shows_the_options_and_the_routes_of_a_source)
{
    static const struct bf_route routes[] = {BF_ROUTE("POST", "/t/{entity}", on_route), BF_ROUTES_END};
    static const struct bf_source source = {BF_SOURCE("t.pages", "Show something"), .routes = routes};
    static const struct bf_sink *const sinks[] = {NULL};
    static const struct bf_source *const sources[] = {&source, NULL};
    static const struct bf_plugin plugin = {
        .size = sizeof(plugin), .name = "t", .version = "2", .sinks = sinks, .sources = sources};
    struct bf_buf b;

    bf_buf_init(&b, 65536);
    bf_plugin_help(&plugin, &b);
    CHECK_HAS(bf_buf_text(&b), "source t.pages - Show something");
    CHECK_HAS(bf_buf_text(&b), "\n  routes\n    POST   /t/{entity}\n");
    bf_buf_fini(&b);
}

TEST(help_shows_both_tables_of_a_sink)
{
    static const struct bf_sink sink = {BF_SINK("t", "Say something"),
                                        BF_INTEGRATION(struct all, table), .request = request};
    static const struct bf_sink *const sinks[] = {&sink, NULL};
    static const struct bf_source *const sources[] = {NULL};
    static const struct bf_plugin plugin = {
        .size = sizeof(plugin), .name = "t", .version = "2", .sinks = sinks, .sources = sources};
    struct bf_buf b;

    bf_buf_init(&b, 65536);
    bf_plugin_help(&plugin, &b);
    CHECK_HAS(bf_buf_text(&b), "sink t - Say something");
    CHECK_HAS(bf_buf_text(&b), "options of an integration");
    CHECK_HAS(bf_buf_text(&b), "options of an action (what to say)\n    none");
    CHECK_HAS(bf_buf_text(&b), "(text, required)");
    CHECK_HAS(bf_buf_text(&b), "one of INFO|WARN|ERROR, default INFO");
    CHECK_HAS(bf_buf_text(&b), "(secret)");
    bf_buf_fini(&b);
}
