/* test_table.c - what the cells of a list say about the item of their row. */
#include "core/cli/cli.h"

#include "core/base/clock.h"
#include "tests/test.h"

static const struct bf_column status[] = {{"S", "", BF_LOOK_WHY}, {NULL}};
static const struct bf_column event[] = {{"S", "", BF_LOOK_EVENT}, {NULL}};
static const struct bf_column state[] = {{"S", "/enabled", BF_LOOK_OFF}, {NULL}};

static const struct bf_column to[] = {{"S", "/config", BF_LOOK_TO}, {NULL}};

/* The only cell of a table. */
static const char *cell(struct bf_arena *a, const struct bf_column *columns, const char *json)
{
    struct bf_table *t = bf_table_new(a, columns);
    const struct bf_json *item = bf_json_parse(a, json, strlen(json), NULL);
    struct bf_buf out;
    const char *text;

    CHECK(item != NULL);
    bf_table_row(t, item);
    bf_buf_init(&out, 10000);
    bf_table_print(t, &out);
    text = bf_arena_dup(a, bf_buf_text(&out));
    bf_buf_fini(&out);
    text = strchr(text, '\n') + 1;
    return bf_arena_ndup(a, text, strcspn(text, "\n"));
}

TEST(what_tells_events_of_a_type_apart_is_shown)
{
    static const char *const rows[][2] = {
        {"{\"type\":\"run.metric\",\"run\":{\"id\":\"r1\",\"name\":\"frog\"},"
         "\"metrics\":[{\"name\":\"loss\",\"value\":0.25,\"step\":3}]}", "frog step 3 loss=0.25"},
        {"{\"type\":\"run.metric\",\"run\":{\"id\":\"r1\"},\"metrics\":[{\"name\":\"a\",\"value\":1},"
         "{\"name\":\"b\",\"value\":\"NaN\"},{\"name\":\"c\",\"value\":3},{\"name\":\"d\",\"value\":4}]}",
         "r1 a=1 b=NaN c=3 …"},
        {"{\"type\":\"run.state\",\"run\":{\"id\":\"r1\",\"state\":\"FAILED\"}}", "r1 FAILED"},
        {"{\"type\":\"run.alert\",\"run\":{\"id\":\"r1\",\"state\":\"RUNNING\"},"
         "\"alert\":{\"title\":\"oom\"}}", "r1 oom"},
        {"{\"type\":\"artifact.alias.add\",\"alias\":\"production\"}", "production"},
        {"{\"type\":\"belfry.automation.saved\",\"data\":{\"id\":\"A\",\"automation\":{\"name\":\"n\"}}}",
         "n"},
        {"{\"type\":\"clock.advance\",\"run\":{\"id\":\"r1\"},\"data\":{\"automation\":\"A\"}}", "r1"},
        {"{\"type\":\"ci.finished\",\"data\":{\"x\":1}}", "-"},
    };
    struct bf_arena *a = bf_arena_new(1024 * 1024);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_STR(cell(a, event, rows[i][0]), rows[i][1]);
    bf_arena_free(a);
}

TEST(an_integration_reaches_what_its_people_call_it)
{
    static const char *const rows[][2] = {
        {"{\"config\":{\"url\":\"https://a.example/hook\"}}", "https://a.example/hook"},
        {"{\"config\":{\"token\":\"T\",\"channel\":\"#ml\",\"api_base\":\"https://p/api\"}}", "#ml"},
        {"{\"config\":{\"repo\":\"acme/models\",\"token\":{\"set\":true}}}", "acme/models"},
        {"{\"config\":{\"webhook_url\":\"SLACK_WEBHOOK\"}}", "SLACK_WEBHOOK"},
        {"{\"config\":{\"webhook_url\":{\"set\":true},\"channel\":\"#ml\"}}", "#ml"},
        {"{\"config\":{\"url\":{\"set\":true}}}", "(sealed)"},
        {"{\"config\":{\"topic\":\"x\"}}", "-"},
        {"{\"config\":{}}", "-"},
    };
    struct bf_arena *a = bf_arena_new(1024 * 1024);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_STR(cell(a, to, rows[i][0]), rows[i][1]);
    bf_arena_free(a);
}

TEST(a_status_says_why_and_when_it_may_again)
{
    static const char *const rows[][2] = {
        {"{\"status\":\"finished\",\"count\":1}", "finished"},
        {"{\"status\":\"finished\",\"count\":2}", "finished ×2"},
        {"{\"status\":\"cancelled\",\"reason\":\"cancelled by ana\",\"count\":1}", "cancelled by ana"},
        {"{\"status\":\"skipped\",\"reason\":\"cooldown\",\"count\":3,"
         "\"until\":\"2001-01-01T00:00:00Z\"}", "skipped cooldown ×3"},
    };
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    char until[32];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_STR(cell(a, status, rows[i][0]), rows[i][1]);
    bf_time_print(bf_wall_ms(bf_clock_system()) + 90 * 60000, until);
    CHECK_STR(cell(a, status, bf_arena_printf(a, "{\"status\":\"skipped\",\"reason\":\"cooldown\","
                                                 "\"count\":3,\"until\":\"%s\"}", until)),
              "skipped cooldown ×3, again in 1 h");
    bf_arena_free(a);
}

TEST(a_dry_run_is_not_called_on)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);

    CHECK_STR(cell(a, state, "{\"enabled\":true,\"dry_run\":false}"), "on");
    CHECK_STR(cell(a, state, "{\"enabled\":true,\"dry_run\":true}"), "dry run");
    CHECK_STR(cell(a, state, "{\"enabled\":false,\"dry_run\":true}"), "disabled");
    bf_arena_free(a);
}
