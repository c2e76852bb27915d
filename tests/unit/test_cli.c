/* test_cli.c - the parts of the command that work without a hub: the table of verbs, what was
 * typed, bodies, and text made plain. */
#include "core/cli/cli.h"

#include <stdlib.h>

#include "core/base/clock.h"
#include "tests/test.h"

static struct bf_cli *cli(void)
{
    struct bf_cli *c = calloc(1, sizeof(*c));

    c->arena = bf_arena_new(1024 * 1024);
    c->verb = bf_verb_find(bf_verbs, "emit");
    return c;
}

static void cli_free(struct bf_cli *c)
{
    bf_arena_free(c->arena);
    free(c);
}

/* --- the table ---------------------------------------------------------------------------- */

static void check_verb(const struct bf_verb *v)
{
    const struct bf_option_row *a, *b;

    CHECK(v->summary && *v->summary);
    CHECK(v->verbs || v->run);
    for (size_t t = 0; (a = bf_verb_options(v, t)); t++)
        for (; a->name; a++)
            for (size_t u = 0; (b = bf_verb_options(v, u)); u++)
                for (; b->name; b++)
                    if (a != b && (strcmp(a->name, b->name) == 0 ||
                                   (a->letter && a->letter == b->letter)))
                        test_failed(__FILE__, __LINE__, "%s has --%s and --%s", v->name, a->name,
                                    b->name);
    for (const struct bf_verb *s = v->verbs; s && s->name; s++)
        check_verb(s);
}

TEST(no_verb_has_an_option_twice)
{
    for (const struct bf_verb *v = bf_verbs; v->name; v++)
        check_verb(v);
}

TEST(no_setting_is_called_like_an_option_of_serve)
{
    const struct bf_verb *serve = bf_verb_find(bf_verbs, "serve");
    const struct bf_option_row *o;

    for (size_t i = 0; bf_setting_name(i); i++)
        for (size_t t = 0; (o = bf_verb_options(serve, t)); t++)
            for (; o->name; o++)
                CHECK(strcmp(o->name, bf_setting_name(i)) != 0);
}

TEST(operands_count_as_they_are_written)
{
    static const struct {
        const char *operands;
        size_t min, max;
    } rows[] = {{"", 0, 0}, {"NAME", 1, 1}, {"NAME [FILE]", 1, 2}, {"[HOST:PORT]", 0, 1},
                {"NAME|ID FILE", 2, 2}, {"[FILE] [KEY=VALUE…]", 0, BF_OPERANDS_MAX}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bf_verb v = {.operands = rows[i].operands};
        size_t min, max;

        bf_verb_operands(&v, &min, &max);
        CHECK_INT(min, rows[i].min);
        CHECK_INT(max, rows[i].max);
    }
}

/* --- what was typed ----------------------------------------------------------------------------- */

TEST(a_typo_leads_to_what_was_meant)
{
    static const char *const names[] = {"automations", "executions", "integrations", "create",
                                        "delete", "list", "set", NULL};
    static const char *const rows[][2] = {
        {"autmations", "automations"}, {"automation", "automations"}, {"exeuctions", "executions"},
        {"crate", "create"},           {"ls", "list"},                {"rm", "delete"},
        {"new", "create"},             {"integ", "integrations"},     {"lsit", "list"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_STR(bf_cli_closest(rows[i][0], names), rows[i][1]);
    CHECK(bf_cli_closest("quux", names) == NULL);
    CHECK(bf_cli_closest("x", names) == NULL);
    CHECK(bf_cli_closest("", names) == NULL);
    CHECK(bf_cli_closest("a-word-that-is-longer-than-what-is-compared-at-all", names) == NULL);
}

static const char *body_of(struct bf_cli *c, const char *const *texts)
{
    struct bf_body b = {.arena = c->arena};

    for (; *texts; texts++)
        CHECK_INT(bf_cli_assign(c, &b, NULL, *texts), 0);
    return bf_body_print(&b);
}

TEST(assignments_become_an_object)
{
    static const struct {
        const char *texts[6];
        const char *want;
    } rows[] = {
        {{NULL}, "{}"},
        {{"a=1", "b:=1", "c:=[1, 2]"}, "{\"a\":\"1\",\"b\":1,\"c\":[1, 2]}"},
        {{"a.b=x", "c=y", "a.d.e:=null"}, "{\"a\":{\"b\":\"x\",\"d\":{\"e\":null}},\"c\":\"y\"}"},
        {{"a=1", "a=2"}, "{\"a\":\"2\"}"},
        {{"ab=1", "a.b=2", "a.c=3"}, "{\"ab\":\"1\",\"a\":{\"b\":\"2\",\"c\":\"3\"}}"},
        {{"a=", "q=\"\\\n"}, "{\"a\":\"\",\"q\":\"\\\"\\\\\\n\"}"},
        {{"url=http://x/?a=b"}, "{\"url\":\"http://x/?a=b\"}"},
        {{"n:=9007199254740993"}, "{\"n\":9007199254740993}"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bf_cli *c = cli();

        CHECK_STR(body_of(c, rows[i].texts), rows[i].want);
        cli_free(c);
    }
}

/* What goes to the service is what was given: its options, and members that only it knows. */
TEST(options_and_assignments_are_one_body)
{
    const struct bf_verb *noun = bf_verb_find(bf_verbs, "integrations");
    struct bf_cli *c = cli();
    struct bf_body b;

    c->verb = bf_verb_find(noun->verbs, "connect");
    c->operands[0] = "slack";
    c->operands[1] = "client_id=MY_ID";
    c->n_operands = 2;
    c->given[0] = (struct bf_given){"name", "ops", &c->verb->options[0]};
    c->given[1] = (struct bf_given){"no-wait", NULL, &c->verb->options[1]};
    c->n_given = 2;
    b = (struct bf_body){.arena = c->arena};
    CHECK_INT(bf_cli_body(c, 1, &b), 0);
    CHECK_STR(bf_body_print(&b), "{\"name\":\"ops\",\"client_id\":\"MY_ID\"}");
    cli_free(c);
}

TEST(what_is_no_assignment_is_refused)
{
    static const char *const rows[] = {"a", "=b", ":=1", "a:=x", "a:=", "a=@/nowhere/at/all"};
    struct bf_cli *c = cli();
    struct bf_body b = {.arena = c->arena};

    freopen("/dev/null", "w", stderr);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK(bf_cli_assign(c, &b, NULL, rows[i]) != 0);
    cli_free(c);
}

/* --- ways out ------------------------------------------------------------------------------------ */

TEST(a_way_out_by_request_is_shown_as_a_verb)
{
    static const char *const rows[][2] = {
        {"make it with PUT /api/v1/teams/acme", "make it with belfry teams create acme"},
        {"there are 3 (GET /api/v1/teams/acme/integrations).",
         "there are 3 (belfry integrations list --team acme)."},
        {"GET /api/v1/automations?entity=acme; or", "belfry automations list --team acme; or"},
        {"PUT /api/v1/teams/acme/secrets/SIGNING", "belfry secrets set SIGNING --team acme"},
        {"PUT /api/v1/teams/acme/members/ben, as", "belfry teams add acme ben, as"},
        {"DELETE /api/v1/keys/01ABC.", "belfry keys revoke 01ABC."},
        {"PUT /api/v1/users/NAME {\"admin\":true}", "PUT /api/v1/users/NAME {\"admin\":true}"},
        {"GET /api/v1/nothing/of/the/kind", "GET /api/v1/nothing/of/the/kind"},
        {"GET /elsewhere, POST", "GET /elsewhere, POST"},
        {"", ""},
    };
    struct bf_cli *c = cli();

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_STR(bf_cli_hints(c, rows[i][0]), rows[i][1]);
    cli_free(c);
}

/* --- plain text ------------------------------------------------------------------------------------ */

static const char *plain(const char *text)
{
    static char out[512];
    struct bf_buf b;

    bf_buf_init(&b, sizeof(out) - 1);
    bf_put_plain(&b, text, strlen(text));
    snprintf(out, sizeof(out), "%s", bf_buf_text(&b));
    bf_buf_fini(&b);
    return out;
}

TEST(what_could_drive_a_terminal_is_shown_and_not_obeyed)
{
    static const char *const rows[][2] = {
        {"plain é 日本 🎉", "plain é 日本 🎉"},
        {"\x1b[31mred\x1b]0;title\x07", "\\u001b[31mred\\u001b]0;title\\u0007"},
        {"a\rb\bc\x7f", "a\\u000db\\u0008c\\u007f"},
        {"\xc2\x9b" "31m", "\\u009b31m"},
        {"abc\xe2\x80\xae" "fed", "abc\\u202efed"},
        {"\xe2\x81\xa6x\xe2\x81\xa9", "\\u2066x\\u2069"},
        {"\xff\xfe\xc3", "\\xff\\xfe\\xc3"},
        {"\xf3\xa0\x80\x81", "\\udb40\\udc01"},
        {"zero\xe2\x80\x8bwidth\xef\xbb\xbf", "zero\\u200bwidth\\ufeff"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_STR(plain(rows[i][0]), rows[i][1]);
}

TEST(plain_json_says_the_same_as_what_it_was_made_from)
{
    static const char text[] = "{\"a\":\"\xe2\x80\xae\xc2\x85\xf3\xa0\x80\x81\",\"b\":[1.50,{}]}";
    struct bf_arena *a = bf_arena_new(65536);
    const struct bf_json *json = bf_json_parse(a, text, strlen(text), NULL), *again;
    struct bf_buf b;

    bf_buf_init(&b, 4096);
    bf_put_json(&b, json, 0);
    again = bf_json_parse(a, b.data, b.len, NULL);
    CHECK(again != NULL);
    CHECK_STR(bf_json_str(a, bf_json_get(again, "a")), bf_json_str(a, bf_json_get(json, "a")));
    CHECK_HAS(bf_buf_text(&b), "[1.50,");
    bf_buf_fini(&b);
    bf_arena_free(a);
}

TEST(widths_are_a_terminals)
{
    CHECK_INT(bf_text_width("abc", 3), 3);
    CHECK_INT(bf_text_width("é", 2), 1);
    CHECK_INT(bf_text_width("日本", 6), 4);
    CHECK_INT(bf_text_width("e\xcc\x81", 3), 1);
}

TEST(times_are_told_from_now)
{
    struct bf_arena *a = bf_arena_new(4096);
    static const struct {
        int64_t ms;
        const char *want;
    } rows[] = {{-90, "now"}, {-3500, "3 s ago"}, {-200000, "3 min ago"}, {-7300000, "2 h ago"},
                {-200000000, "2 d ago"}, {3700000, "in 1 h"}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[32];

        bf_time_print(bf_wall_ms(bf_clock_system()) + rows[i].ms, text);
        CHECK_STR(bf_cli_ago(a, text), rows[i].want);
    }
    CHECK_STR(bf_cli_ago(a, "soon"), "soon");
    bf_arena_free(a);
}
