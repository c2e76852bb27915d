/* test_code.c - what files of automations say, and what is told of their mistakes. */
#include "core/script/code_int.h"

#include <stdlib.h>

#include "core/base/arena.h"
#include "core/base/json.h"
#include "tests/test.h"

static struct bf_code *read_code(const char *text)
{
    struct bf_code *c;
    struct bf_error err;

    if (bf_code_read_text("acme.lua", text, strlen(text), 0, &c, &err))
        test_failed(__FILE__, __LINE__, "%s\nin\n%s", err.words, text);
    return c;
}

static void check_document(const char *text, const char *want)
{
    struct bf_code *c = read_code(text);

    CHECK_STR(bf_code_document(c, NULL), want);
    bf_code_free(c);
}

/* The JSON of a value behind a pointer into the document. */
static void check_at(const char *text, const char *pointer, const char *want)
{
    struct bf_code *c = read_code(text);
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    size_t len;
    const char *document = bf_code_document(c, &len);
    const struct bf_json *at = bf_json_at(bf_json_parse(a, document, len, NULL), pointer);
    const char *raw = at ? bf_json_raw(at, &len) : NULL;

    if (!raw || strlen(want) != len || memcmp(raw, want, len) != 0)
        test_failed(__FILE__, __LINE__, "%s of\n  %s\nis\n  %.*s\nnot\n  %s", pointer, text,
                    raw ? (int)len : 9, raw ? raw : "not there", want);
    bf_arena_free(a);
    bf_code_free(c);
}

/* An event of an automation, given as code. */
static void check_event(const char *event, const char *want)
{
    char text[4096];

    snprintf(text, sizeof(text), "automation 'x' { %s >> slack 'ops' }", event);
    check_at(text, "/automations/0/event", want);
}

TEST(the_line_that_people_show_each_other_means_what_it_says)
{
    check_document(
        "automation \"accuracy fell\" {\n"
        "    run_metric(project \"acme/vision\", metric(\"accuracy\"):avg(5):lt(0.85) &"
        " run.name:contains(\"nightly\"))\n"
        "        >> slack(\"ml-alerts\"){ title = \"it fell\", text = \"${metric_values}\","
        " level = \"WARN\" }\n"
        "}\n",
        "{\"manifest\":\"acme\",\"teams\":[],\"integrations\":[],\"automations\":[{"
        "\"name\":\"accuracy fell\",\"scope\":{\"entity\":\"acme\",\"project\":\"vision\"},"
        "\"event\":{\"type\":\"RUN_METRIC\",\"filter\":{"
        "\"run_filter\":{\"display_name\":{\"$contains\":\"nightly\"}},"
        "\"run_metric_filter\":{\"threshold_filter\":{\"name\":\"accuracy\",\"agg_op\":\"AVERAGE\","
        "\"window_size\":5,\"cmp_op\":\"$lt\",\"threshold\":0.85}}}},"
        "\"actions\":[{\"integration\":\"ml-alerts\",\"sink\":\"slack\",\"config\":{"
        "\"level\":\"WARN\",\"text\":\"${metric_values}\",\"title\":\"it fell\"}}]}]}");
}

TEST(teams_and_integrations_are_declared_by_name)
{
    check_document(
        "manifest 'vision'\n"
        "team 'acme' { organization = 'globex' }\n"
        "team 'beta' {}\n"
        "local ops = integration 'deployer' { team = team 'acme', sink = 'webhook',\n"
        "    url = 'https://deploy.example/hook', secret = secret 'SIGNING', secrets = { 'TOKEN' },\n"
        "    delivery = { pace = '1/s' } }\n",
        "{\"manifest\":\"vision\",\"teams\":[{\"name\":\"acme\",\"organization\":\"globex\"},"
        "{\"name\":\"beta\"}],\"integrations\":[{\"team\":\"acme\",\"name\":\"deployer\","
        "\"sink\":\"webhook\",\"config\":{\"secret\":\"SIGNING\","
        "\"url\":\"https://deploy.example/hook\"},\"secrets\":[\"TOKEN\"],"
        "\"delivery\":{\"pace\":\"1/s\"}}],\"automations\":[]}");
}

TEST(scopes_are_written_as_paths)
{
    static const char *const rows[][2] = {
        {"team 'acme'", "{\"entity\":\"acme\"}"},
        {"organization 'globex'", "{\"organization\":\"globex\"}"},
        {"project 'acme/vision'", "{\"entity\":\"acme\",\"project\":\"vision\"}"},
        {"team('acme'):project('vision')", "{\"entity\":\"acme\",\"project\":\"vision\"}"},
        {"registry 'acme/models'", "{\"entity\":\"acme\",\"project\":\"wandb-registry-models\"}"},
        {"registry 'acme/wandb-registry-models'",
         "{\"entity\":\"acme\",\"project\":\"wandb-registry-models\"}"},
        {"collection 'acme/vision/resnet'",
         "{\"entity\":\"acme\",\"project\":\"vision\",\"collection\":\"resnet\"}"},
        {"registry('acme/models'):collection('llm')",
         "{\"entity\":\"acme\",\"project\":\"wandb-registry-models\",\"collection\":\"llm\"}"},
    };
    char text[200];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text), "automation 'x' { link_model(%s) >> slack 'ops' }", rows[i][0]);
        check_at(text, "/automations/0/scope", rows[i][1]);
    }
}

#define THRESHOLD(name, agg, n, op, value)                                                   \
    "{\"threshold_filter\":{\"name\":\"" name "\",\"agg_op\":" agg ",\"window_size\":" n     \
    ",\"cmp_op\":\"" op "\",\"threshold\":" value "}}"
#define CHANGE(name, agg, current, prior, type, dir, by)                                     \
    "{\"change_filter\":{\"name\":\"" name "\",\"agg_op\":" agg ",\"current_window_size\":"  \
    current ",\"prior_window_size\":" prior ",\"change_type\":\"" type "\",\"change_dir\":\"" \
    dir "\",\"change_amount\":" by "}}"

TEST(conditions_on_metrics_say_all_that_rest_can)
{
    static const char *const rows[][3] = {
        {"metric('a'):lt(1)", "RUN_METRIC", THRESHOLD("a", "null", "1", "$lt", "1")},
        {"metric 'a':last():ge(-0.5)", "RUN_METRIC", THRESHOLD("a", "null", "1", "$gte", "-0.5")},
        {"metric('a'):avg(5):le(1)", "RUN_METRIC", THRESHOLD("a", "\"AVERAGE\"", "5", "$lte", "1")},
        {"metric('a'):min(5):gt(1e300)", "RUN_METRIC",
         THRESHOLD("a", "\"MIN\"", "5", "$gt", "1e+300")},
        {"metric('a'):max(2):eq(1)", "RUN_METRIC", THRESHOLD("a", "\"MAX\"", "2", "$eq", "1")},
        {"metric('a'):ne(1)", "RUN_METRIC", THRESHOLD("a", "null", "1", "$ne", "1")},
        {"metric('loss'):avg(10, 50):increases_by('25%')", "RUN_METRIC_CHANGE",
         CHANGE("loss", "\"AVERAGE\"", "10", "50", "RELATIVE", "INCREASE", "0.25")},
        {"metric('loss'):avg(10):decreases_by('7%')", "RUN_METRIC_CHANGE",
         CHANGE("loss", "\"AVERAGE\"", "10", "10", "RELATIVE", "DECREASE", "0.07")},
        {"metric('loss'):changes_by(2)", "RUN_METRIC_CHANGE",
         CHANGE("loss", "null", "1", "1", "ABSOLUTE", "ANY", "2")},
        {"metric('loss'):changes_by('1e-20%')", "RUN_METRIC_CHANGE",
         CHANGE("loss", "null", "1", "1", "RELATIVE", "ANY", "1e-22")},
        {"metric('g'):zscore(30):abs():ge(3)", "RUN_METRIC_ZSCORE",
         "{\"zscore_filter\":{\"name\":\"g\",\"window_size\":30,\"threshold\":3,"
         "\"change_dir\":\"ANY\"}}"},
        {"metric('g'):zscore():gt(2.5)", "RUN_METRIC_ZSCORE",
         "{\"zscore_filter\":{\"name\":\"g\",\"window_size\":30,\"threshold\":2.5,"
         "\"change_dir\":\"INCREASE\"}}"},
        {"metric('g'):zscore(9, 'runs'):le(-2)", "RUN_METRIC_ZSCORE",
         "{\"zscore_filter\":{\"name\":\"g\",\"window_size\":9,\"threshold\":2,"
         "\"change_dir\":\"DECREASE\",\"baseline\":\"runs\"}}"},
    };
    char event[400], want[600];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(event, sizeof(event), "run_metric(project 'acme/vision', %s)", rows[i][0]);
        snprintf(want, sizeof(want), "{\"type\":\"%s\",\"filter\":{\"run_metric_filter\":%s}}",
                 rows[i][1], rows[i][2]);
        check_event(event, want);
    }
}

#define A THRESHOLD("a", "null", "1", "$gt", "1")
#define B THRESHOLD("b", "null", "1", "$lt", "2")
#define C THRESHOLD("c", "null", "1", "$lt", "3")

TEST(conditions_and_filters_are_joined_by_operators)
{
    static const char *const rows[][2] = {
        {"a & b", "\"run_metric_filter\":{\"$and\":[" A "," B "]}"},
        {"a & b & c", "\"run_metric_filter\":{\"$and\":[" A "," B "," C "]}"},
        {"a & (b & c)", "\"run_metric_filter\":{\"$and\":[" A ",{\"$and\":[" B "," C "]}]}"},
        {"all { a, b } & c", "\"run_metric_filter\":{\"$and\":[{\"$and\":[" A "," B "]}," C "]}"},
        {"a | b & c", "\"run_metric_filter\":{\"$or\":[" A ",{\"$and\":[" B "," C "]}]}"},
        {"any(a, b)", "\"run_metric_filter\":{\"$or\":[" A "," B "]}"},
        {"n & a", "\"run_filter\":{\"display_name\":\"x\"},\"run_metric_filter\":" A},
        {"n & a & u & b", "\"run_filter\":{\"$and\":[{\"display_name\":\"x\"},{\"run_user\":\"ana\"}]},"
                          "\"run_metric_filter\":{\"$and\":[" A "," B "]}"},
        {"a & (n | ~u)", "\"run_filter\":{\"$or\":[{\"display_name\":\"x\"},"
                         "{\"$not\":{\"run_user\":\"ana\"}}]},\"run_metric_filter\":" A},
        {"a & none { n, u }", "\"run_filter\":{\"$nor\":[{\"display_name\":\"x\"},"
                              "{\"run_user\":\"ana\"}]},\"run_metric_filter\":" A},
    };
    char text[600], want[2000];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text), "local a, b, c = metric('a'):gt(1), metric('b'):lt(2),"
                 " metric('c'):lt(3)\nlocal n, u = run.name:eq('x'), run.user:eq('ana')\n"
                 "automation 'x' { run_metric(project 'acme/vision', %s) >> slack 'ops' }", rows[i][0]);
        snprintf(want, sizeof(want), "{%s}", rows[i][1]);
        check_at(text, "/automations/0/event/filter", want);
    }
}

TEST(every_operator_of_filters_has_its_word)
{
    static const char *const rows[][2] = {
        {"alias:eq('x')", "{\"alias\":\"x\"}"},
        {"alias:ne('x')", "{\"alias\":{\"$ne\":\"x\"}}"},
        {"alias:matches('^v[0-9]+$')", "{\"alias\":{\"$regex\":\"^v[0-9]+$\"}}"},
        {"alias:one_of('a', 'b')", "{\"alias\":{\"$in\":[\"a\",\"b\"]}}"},
        {"alias:none_of { 'a' }", "{\"alias\":{\"$nin\":[\"a\"]}}"},
        {"aliases:all_of { 'a', 'b' }", "{\"aliases\":{\"$all\":[\"a\",\"b\"]}}"},
        {"aliases:size(2)", "{\"aliases\":{\"$size\":2}}"},
        {"tags:contains('eu')", "{\"tags\":{\"$contains\":\"eu\"}}"},
        {"metadata.size:gt(100)", "{\"metadata.size\":{\"$gt\":100}}"},
        {"metadata.size:le(9007199254740993)", "{\"metadata.size\":{\"$lte\":9007199254740993}}"},
        {"metadata['model size'].eq:lt(0.5)", "{\"metadata.model size.eq\":{\"$lt\":0.5}}"},
        {"data.items[0].ok:eq(true)", "{\"data.items.0.ok\":true}"},
        {"data.x:eq(null)", "{\"data.x\":null}"},
        {"data.x:exists()", "{\"data.x\":{\"$exists\":true}}"},
        {"data.x:absent()", "{\"data.x\":{\"$exists\":false}}"},
        {"artifact.type:eq('model')", "{\"artifact_type\":\"model\"}"},
        {"artifact.metadata.acc:ge(0.5)", "{\"metadata.acc\":{\"$gte\":0.5}}"},
        {"field('collection_name'):eq('resnet')", "{\"collection_name\":\"resnet\"}"},
        {"raw { ['$or'] = array {}, alias = 'x' }", "{\"$or\":[],\"alias\":\"x\"}"},
        {"raw [[{\"alias\": \"x\"}]]", "{\"alias\": \"x\"}"},
    };
    char event[300], want[300];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(event, sizeof(event), "add_artifact_alias(team 'acme', %s)", rows[i][0]);
        snprintf(want, sizeof(want), "{\"type\":\"ADD_ARTIFACT_ALIAS\",\"filter\":%s}", rows[i][1]);
        check_event(event, want);
    }
}

TEST(every_trigger_has_its_word)
{
    static const char *const rows[][2] = {
        {"create_artifact(team 'acme')", "{\"type\":\"CREATE_ARTIFACT\"}"},
        {"unlink_artifact(team 'acme')", "{\"type\":\"UNLINK_ARTIFACT\"}"},
        {"add_artifact_tag(team 'acme', tag:eq('eu'))",
         "{\"type\":\"ADD_ARTIFACT_TAG\",\"filter\":{\"tag\":\"eu\"}}"},
        {"remove_artifact_tag(team 'acme')", "{\"type\":\"REMOVE_ARTIFACT_TAG\"}"},
        {"add_collection_tag(team 'acme')", "{\"type\":\"ADD_COLLECTION_TAG\"}"},
        {"remove_collection_tag(team 'acme')", "{\"type\":\"REMOVE_COLLECTION_TAG\"}"},
        {"run_state(team 'acme', 'FAILED')",
         "{\"type\":\"RUN_STATE\",\"filter\":{\"run_state_filter\":{\"states\":[\"FAILED\"]}}}"},
        {"run_state(team 'acme', { 'FAILED', 'FINISHED' }, run.group:eq('g'))",
         "{\"type\":\"RUN_STATE\",\"filter\":{\"run_filter\":{\"group\":\"g\"},"
         "\"run_state_filter\":{\"states\":[\"FAILED\",\"FINISHED\"]}}}"},
        {"run_alert(team 'acme', alert.level:eq('ERROR'))",
         "{\"type\":\"RUN_ALERT\",\"filter\":{\"alert_level\":\"ERROR\"}}"},
        {"event('ci.finished', team 'acme', data.build.status:ne('ok'))",
         "{\"type\":\"ci.finished\",\"filter\":{\"data.build.status\":{\"$ne\":\"ok\"}}}"},
        {"schedule(team 'acme', '0 9 * * mon-fri', 'Europe/Berlin')",
         "{\"type\":\"SCHEDULE\",\"filter\":{\"cron\":\"0 9 * * mon-fri\","
         "\"time_zone\":\"Europe/Berlin\"}}"},
        {"absence(project 'acme/vision', metric 'loss', '30m', run.name:contains('x'))",
         "{\"type\":\"ABSENCE\",\"filter\":{\"of\":\"run.metric\",\"metric\":\"loss\","
         "\"for\":\"30m\",\"run_filter\":{\"display_name\":{\"$contains\":\"x\"}}}}"},
        {"absence(team 'acme', 'ci.finished', '26h', data.ok:eq(true), { per = 'scope' })",
         "{\"type\":\"ABSENCE\",\"filter\":{\"of\":\"ci.finished\",\"for\":\"26h\","
         "\"per\":\"scope\",\"filter\":{\"data.ok\":true}}}"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_event(rows[i][0], rows[i][1]);
}

TEST(an_event_leads_to_one_action_or_several)
{
    static const char file[] =
        "local deployer = webhook 'deployer'\n"
        "local other = integration 'other' { team = 'beta', sink = 'webhook', url = 'https://x.example/' }\n"
        "automation 'x' {\n"
        "    link_model(project 'acme/vision')\n"
        "        >> { deployer { payload = { a = 1, b = { 'x', null }, c = array {}, d = {} } },\n"
        "             slack 'beta/ops', other { secrets = { 'TOKEN' } } }\n"
        "        >> github.dispatch 'repo' { config = { secrets = 'x' } } >> to 'nowhere',\n"
        "    enabled = false, dry_run = true, description = 'why',\n"
        "    limits = { rate = { count = 5, within = '1h' }, over = 'skip' },\n"
        "    hooks = { filter = 'large.lua', transform = { code = 'return {}', on_error = 'skip' } },\n"
        "}\n"
        "automation('y', registry('acme/models') and link_model(registry 'acme/models') >> deployer)\n";

    check_at(file, "/automations/0/actions",
             "[{\"integration\":\"deployer\",\"sink\":\"webhook\",\"config\":{\"payload\":{\"a\":1,"
             "\"b\":[\"x\",null],\"c\":[],\"d\":{}}}},{\"integration\":\"beta/ops\",\"sink\":\"slack\"},"
             "{\"integration\":\"beta/other\",\"sink\":\"webhook\",\"secrets\":[\"TOKEN\"]},"
             "{\"integration\":\"repo\",\"sink\":\"github.dispatch\",\"config\":{\"secrets\":\"x\"}},"
             "{\"integration\":\"nowhere\"}]");
    check_at(file, "/automations/0/limits", "{\"over\":\"skip\",\"rate\":{\"count\":5,\"within\":\"1h\"}}");
    check_at(file, "/automations/0/hooks", "{\"filter\":{\"file\":\"large.lua\"},"
             "\"transform\":{\"code\":\"return {}\",\"on_error\":\"skip\"}}");
    check_at(file, "/automations/0/enabled", "false");
    check_at(file, "/automations/0/dry_run", "true");
    /* A registry belongs to its organization, so it is said whose integration is meant. */
    check_at(file, "/automations/1/actions/0/integration", "\"acme/deployer\"");
}

TEST(a_file_says_the_same_every_time)
{
    static const char file[] =
        "local where = { vision = 1, speech = 2, text = 3, audio = 4, video = 5 }\n"
        "for name, n in pairs(where) do\n"
        "    automation(name) { event('a.b', project('acme/' .. name), data.n:eq(n)) >> slack 'ops' }\n"
        "end\n";
    struct bf_code *a = read_code(file), *b = read_code(file);

    CHECK_STR(bf_code_document(a, NULL), bf_code_document(b, NULL));
    CHECK_INT(bf_code_line(a, BF_CODE_AUTOMATION, 4), 3);
    CHECK_INT(bf_code_line(a, BF_CODE_AUTOMATION, 5), 0);
    check_at(file, "/automations/0/name", "\"audio\"");
    bf_code_free(a);
    bf_code_free(b);
}

TEST(tests_of_a_file_are_kept_beside_its_document)
{
    struct bf_code *c = read_code(
        "local token = secret 'TOKEN'\n"
        "integration 'r' { team = 'acme', sink = 'webhook', url = 'https://x.example/', secret = token }\n"
        "test('it falls', function()\n"
        "    for step = 1, 2 do\n"
        "        given { type = 'run.metric', project = 'acme/vision', run = 'r1', step = step,\n"
        "                metrics = { accuracy = 0.5 } }\n"
        "    end\n"
        "    expect { automation = 'fell', times = 1, payload = { run = 'r1' } }\n"
        "    given { type = 'run.state', project = 'acme/vision', run = 'r1', state = 'FAILED' }\n"
        "    expect_nothing()\n"
        "end)\n");

    CHECK_STR(bf_code_tests(c, NULL),
              "{\"secrets\":[\"TOKEN\"],\"tests\":[{\"name\":\"it falls\",\"line\":3,\"steps\":["
              "{\"given\":{\"entity\":\"acme\",\"metrics\":[{\"name\":\"accuracy\",\"step\":1,"
              "\"value\":0.5}],\"project\":\"vision\",\"run\":{\"id\":\"r1\"},\"type\":\"run.metric\"},"
              "\"line\":5},"
              "{\"given\":{\"entity\":\"acme\",\"metrics\":[{\"name\":\"accuracy\",\"step\":2,"
              "\"value\":0.5}],\"project\":\"vision\",\"run\":{\"id\":\"r1\"},\"type\":\"run.metric\"},"
              "\"line\":5},"
              "{\"expect\":{\"automation\":\"fell\",\"times\":1,\"payload\":{\"run\":\"r1\"}},\"line\":8},"
              "{\"given\":{\"entity\":\"acme\",\"project\":\"vision\",\"run\":{\"id\":\"r1\","
              "\"state\":\"FAILED\"},\"type\":\"run.state\"},\"line\":9},"
              "{\"expect_nothing\":true,\"line\":10}]}]}");
    bf_code_free(c);
}

#define X(event) "automation 'x' { " event " >> slack 'ops' }"
#define ON(filter) X("add_artifact_alias(project 'acme/vision', " filter ")")
#define METRIC(condition) X("run_metric(project 'acme/vision', " condition ")")

TEST(a_mistake_is_told_with_its_line_and_a_hint)
{
    static const char *const rows[][2] = {
        {"\n" METRIC("metric('a'):lt(1) and run.name:eq('x')"), "acme.lua:2: `and` does not join filters"},
        {METRIC("metric('a'):lt(1) or run.name:eq('x')"), "`or` does not join filters, it only picks one"
                                                          " of them: write |"},
        {ON("alias:eq 'a' or alias:eq 'b'"), "`or` does not join"},
        {METRIC("metric('a') < 1"), "write metric(\"a\"):lt(…)"},
        {METRIC("metric('a'):avg(5) >= 1"), "write metric(\"a\"):lt(…)"},
        {METRIC("metric('a'):avg(5)"), "not a metric; compare it"},
        {METRIC("metric('a'):avg():lt(1)"), "must be a number of values, 1 or more, not nothing"},
        {METRIC("metric('a'):average(5):lt(1)"), "a metric has no average; there are avg"},
        {METRIC("metric('a'):lt('1')"), "must be a number, not the text \"1\""},
        {METRIC("metric('a'):lt(0/0)"), "must be a number"},
        {METRIC("metric('a').lt(1)"), "write a colon: :lt(…)"},
        {METRIC("~metric('a'):lt(1)"), "is not turned round by ~: write the opposite comparison"},
        {METRIC("metric('a'):lt(1) | run.name:eq('x')"), "are joined by &, never by |"},
        {METRIC("run.name:eq('x')"), "must be a condition such as metric(\"loss\"):gt(1), not a filter"},
        {METRIC("metric('a'):increases_by(0)"), "a number more than 0, or a text such as \"25%\""},
        {METRIC("metric('a'):zscore(30):ge(-1)"), "compared with a number above 0"},
        {METRIC("metric('a'):avg(2):zscore(30):ge(1)"), "is over single values"},
        {METRIC("metric('a'):avg(200000):ge(1)"), "window_size: must be a whole number from 1 to 100000"},
        {X("run_metric_change(project 'a/b', metric('a'):lt(1))"), "this is for run_metric"},
        {ON("alias == 'x'"), "must be a filter, not false; Lua makes == < > and `not` true or false"},
        {ON("not alias:eq('x')"), "~filter"},
        {ON("alias"), "not the field alias; compare it: alias:eq(\"…\")"},
        {ON("alias.eq('x')"), "write a colon: alias:eq(…)"},
        {ON("metadata.size.gt(3)"), "write a colon: metadata.size:gt(…)"},
        {ON("metadata.size:gtt(3)"), "did you mean \"gt\"?"},
        {ON("alias:equals('x')"), "alias has no equals; operators are absent"},
        {ON("alias:eq(nil)"), "not nothing; is a name written wrong, or its value never set?"},
        {ON("alias:gt(true)"), "must be a text or a number, not true"},
        {ON("run.nme:eq('x')"), "run has no nme; there are config, group, id, job_type, name, state, tags,"
                                " user; did you mean \"name\"?"},
        {ON("run.name:eq('x')"), "automation \"x\": event.filter.display_name: unknown field"},
        {ON("alias:matches('(')"), "event.filter.alias.$regex"},
        {ON("metric('a'):gt(1)"), "conditions on metrics belong to run_metric(…)"},
        {X("add_artifact_alias(project 'acme/vision', alias:eq('x'), tag:eq('y'))"), "takes one filter"},
        {X("add_artifact_alias('acme/vision')"), "must be a scope such as project \"acme/vision\", not the"
                                                 " text \"acme/vision\""},
        {X("run_state(projct 'acme/vision', 'FAILED')"), "did you mean \"project\"?"},
        {X("run_state(project 'vision', 'FAILED')"), "must be written like \"acme/vision\""},
        {X("run_state(project 'a/b/c', 'FAILED')"), "must be written like \"acme/vision\""},
        {X("run_state(project 'acme/', 'FAILED')"), "has an empty name in it"},
        {X("run_state(project 'acme/vision', 'FAILD')"), "\"FAILD\" cannot be waited for"},
        {X("run_state(project 'acme/vision')"), "needs the states that it waits for"},
        {X("run_stat(project 'acme/vision', 'FAILED')"), "\"run_stat\" is no word of this language; did you"
                                                         " mean \"run_state\"?"},
        {X("schedule(team 'acme', '0 0 30 2 *')"), "event.filter.cron: \"0 0 30 2 *\" never comes"},
        {X("schedule('0 0 * * *', team 'acme')"), "must be a scope"},
        {X("absence(team 'acme', 'run.heartbeat', 30)"), "how long must be a text, not the number 30"},
        {X("link_model(collection 'acme/vision')"), "must be written like \"acme/vision/resnet\""},
        {X("event('run.metric', team 'acme')"), "use RUN_METRIC, which is the trigger for run.metric"},
        {"automation 'x' { link_model(team 'acme') }", "automation \"x\" has no action: write event >>"},
        {"automation 'x' { link_model(team 'acme'), slack 'ops' {} }", ">> is missing between"},
        {"automation 'x' { slack 'ops' {}, description = 'x' }", ">> is missing between"},
        {"automation 'x' { description = 'x' }", "has no event >> action in it"},
        {"automation 'x' { link_model(team 'acme') >> {} }", "there is no action behind >>"},
        {"automation 'x' { link_model(team 'acme') >> 'ops' }", "must be an action such as slack"},
        {"automation 'x' { link_model(team 'acme') >> nil }", "must be an action such as slack"},
        {"automation 'x' { team 'acme' >> slack 'ops' }", "must be an event such as run_state"},
        {"\nautomation 'x'\n", "acme.lua:2: automation \"x\" is not declared: its { … } is missing"},
        {"automation { link_model(team 'acme') >> slack 'ops' }", "automation must be a text, not a table"},
        {"automation '' { link_model(team 'acme') >> slack 'ops' }", "automation \"\": name: is empty"},
        {"local r = link_model(team 'acme') >> slack 'ops'\nautomation 'x' { r, r }", "has two events"},
        {"local r = link_model(team 'acme') >> slack 'ops'\nautomation 'x' { r }\n\nautomation 'x' { r }",
         "acme.lua:4: automation \"x\" was declared in line 2 already"},
        {"automation 'x' { link_model(team 'acme') >> slack 'ops', limts = {} }",
         "unknown member \"limts\"; known are description, enabled, dry_run, limits, hooks; did you mean"
         " \"limits\"?"},
        {"automation 'x' { link_model(team 'acme') >> slack 'ops', limits = { cooldown = 10 } }",
         "limits.cooldown: must be a duration"},
        {"automation 'x' { link_model(team 'acme') >> slack 'ops', enabled = 'no' }",
         "enabled must be true or false, not the text \"no\""},
        {"automation 'x' { link_model(team 'acme') >> slack 'ops', hooks = { filter = function() end } }",
         "a function cannot leave this file"},
        {"automation 'x' { link_model(team 'acme') >> slack 'ops' { x = alias:eq('x') } }",
         "slack \"ops\".x: a filter is no value that can be sent"},
        {"automation 'x' { link_model(team 'acme') >> slack 'ops' { x = { y = secret 'T' } } }",
         "slack \"ops\".x.y: a secret cannot stand here: write \"${NAME}\""},
        {"automation 'x' { link_model(team 'acme') >> slack 'ops' { x = { 1, nil, 3 } } }",
         "slack \"ops\".x: a list has gaps"},
        {"automation 'x' { link_model(team 'acme') >> slack 'ops' { x = { 1, y = 3 } } }",
         "elements with names and without"},
        {"automation 'x' { link_model(team 'acme') >> slack 'ops' { x = '\\xff' } }", "must be UTF-8"},
        {"automation 'x' { link_model(team 'acme') >> slack 'ops' { 'x' } }", "stands there without a name"},
        {"local t = {} t.t = t automation 'x' { link_model(team 'acme') >> slack 'ops' { x = t } }",
         "holds itself"},
        {"integration 'x' { sink = 'webhook' }", "integration \"x\": team must be a text, not nothing"},
        {"integration 'x' { team = 'acme' }", "integration \"x\": sink must be a text, not nothing"},
        {"team 'acme' { organisation = 'x' }", "did you mean \"organization\"?"},
        {"project 'acme/vision' { }", "only a team is declared so"},
        {"secret 'a b'", "the name of a secret has letters"},
        {"manifest 'a'\nmanifest 'b'", "acme.lua:2: the manifest is named already, in line 1"},
        {"given { type = 'a.b' }", "given belongs into a test"},
        {"test('x', function() given { type = 'a.b', project = 'acme/vision', stp = 1 } end)",
         "given: stp: unknown member \"stp\""},
        {"test('x', function() expect { automaton = 'x' } end)", "did you mean \"automation\"?"},
        {"test 'x'", "must be followed by function() … end"},
        {"local x\nx.y = 1", "acme.lua:2: attempt to index a nil value (local 'x')"},
        {"x = = 1", "acme.lua:1: unexpected symbol near '='"},
        {"if DEBUG then x = 1 end", "acme.lua:1: DEBUG is never set"},
        {"local x = atomation", "atomation is never set; did you mean \"automation\"?"},
        {"team = 'acme'", "\"team\" is a word of this language; choose another name"},
        {"print('x')", "print is not to be had here"},
        {"local x = os.time()", "os is not to be had here"},
        {"string.format = 1", "this table cannot be changed"},
        {"setmetatable({}, { __gc = 1 })", "__gc is not available"},
        {"error { 1 }", "acme.lua:1: the file raised an error that is no text but a table"},
        {"error('mine')", "acme.lua:1: mine"},
        {"\33Lua", "acme.lua: this is compiled Lua; only its text can be read"},
        {"local function f() return 1 + f() end f()", "acme.lua"},
        {"local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(9999999) end) end",
         "the file needs more than 64 MiB"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bf_code *c;
        struct bf_error err = {0};

        if (bf_code_read_text("acme.lua", rows[i][0], strlen(rows[i][0]), 0, &c, &err) != BF_ECONFIG)
            test_failed(__FILE__, __LINE__, "%s\nwas taken", rows[i][0]);
        if (strncmp(err.words, "acme.lua", 8) != 0 || !strstr(err.words, rows[i][1]))
            test_failed(__FILE__, __LINE__, "of\n  %s\nis told\n  %s\nwithout\n  %s", rows[i][0],
                        err.words, rows[i][1]);
    }
}

/* A filter is always true, so `filter or …` is a mistake; a choice between two of them is none. */
TEST(what_looks_like_a_mistake_and_is_none_is_taken)
{
    static const char *const rows[] = {
        "local strict = true\n" METRIC("strict and metric('a'):lt(1) or metric('a'):lt(2)"),
        "local limit\n" METRIC("metric('a'):lt(limit or 0.5)"),
        "-- alias:eq('x') and alias:eq('y')\n" ON("alias:eq('a') -- :eq('x') and y\n"),
        ON("alias:eq [[ it's :eq('x') and ]]"),
        "local f = function(x) return x and alias:eq('a') end\n" ON("f(1)"),
        "DEBUG = false\nif DEBUG then error('x') end",
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        bf_code_free(read_code(rows[i]));
}

TEST(a_file_that_loops_is_an_error)
{
    static const char *const rows[] = {
        "while true do end", "local function f() return f() end f()",
        "while true do pcall(error) end", "pcall(function() while true do end end) while true do end",
        "local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) while true do"
        " pcall(function() return t[1] end) end",
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bf_code *c;
        struct bf_error err;

        CHECK_INT(bf_code_read_text("acme.lua", rows[i], strlen(rows[i]), 1000000, &c, &err),
                  BF_ECONFIG);
        CHECK_STR(err.words, "acme.lua:1: the file runs too long: it has had all of its steps");
    }
}

/* --- writing ---------------------------------------------------------------------- */

static char *written(const char *document)
{
    struct bf_error err;
    char *text = bf_code_export(document, strlen(document), &err);

    if (!text)
        test_failed(__FILE__, __LINE__, "%s\nof\n%s", err.words, document);
    return text;
}

TEST(what_is_written_reads_like_what_people_write)
{
    static const char want[] =
        "manifest \"acme\"\n"
        "\n"
        "team \"acme\" { organization = \"globex\" }\n"
        "team \"beta\" {}\n"
        "\n"
        "integration \"deployer\" {\n"
        "    team = \"acme\",\n"
        "    sink = \"webhook\",\n"
        "    secret = \"SIGNING\",\n"
        "    url = \"https://deploy.example/hook\",\n"
        "    delivery = { pace = \"1/s\" },\n"
        "}\n"
        "\n"
        "automation \"accuracy fell\" {\n"
        "    run_metric(project \"acme/vision\",\n"
        "               metric(\"accuracy\"):avg(5):lt(0.85)\n"
        "                   & metric(\"loss\"):gt(1)\n"
        "                   & run.name:contains(\"nightly\"))\n"
        "        >> {\n"
        "            webhook \"deployer\" { payload = { run = \"${run_name}\", tries = 3 } },\n"
        "            to \"ml alerts\" { level = \"WARN\" },\n"
        "        },\n"
        "    description = \"it does\",\n"
        "    enabled = false,\n"
        "    limits = { cooldown = \"10m\", over = \"skip\" },\n"
        "    hooks = {\n"
        "        filter = [[\n"
        "return {\n"
        "    filter = function(event) return event.run.state ~= \"KILLED\" end,\n"
        "}\n"
        "]],\n"
        "        transform = { file = \"table.lua\", on_error = \"skip\" },\n"
        "    },\n"
        "}\n"
        "\n"
        "automation \"late\" {\n"
        "    absence(team \"acme\", metric \"loss\", \"30m\", run.group:one_of(\"a\", \"b\"),"
        " { per = \"scope\" })\n"
        "        >> webhook \"deployer\",\n"
        "}\n";
    struct bf_code *c = read_code(want);
    char *text;

    text = written(bf_code_document(c, NULL));
    /* Members came in the order of their names. */
    CHECK_STR(text, want);
    free(text);
    bf_code_free(c);
}

static void on_one_line(char *text)
{
    char *to = text;

    for (; *text; text++)
        if (*text != '\n' && !(*text == ' ' && to[-1] == ' '))
            *to++ = *text;
        else if (*text == '\n')
            *to++ = ' ';
    *to = '\0';
}

/* What is written of a filter, and so of whatever asks the same. */
TEST(filters_are_written_with_the_words_for_them)
{
    static const char *const rows[][2] = {
        {"{\"alias\":{\"$eq\":\"x\"}}", "alias:eq(\"x\")"},
        {"{\"$or\":[{\"$and\":[{\"alias\":{\"$eq\":\"x\"}}]}]}", "alias:eq(\"x\")"},
        {"\"{\\\"alias\\\":\\\"x\\\"}\"", "alias:eq(\"x\")"},
        {"{\"filter\":\"{\\\"alias\\\":\\\"x\\\"}\"}", "alias:eq(\"x\")"},
        {"{\"metadata.n\":{\"$gt\":1,\"$lt\":5},\"alias\":\"x\"}",
         "all { metadata.n:gt(1) & metadata.n:lt(5), alias:eq(\"x\") }"},
        {"{\"alias\":\"x\",\"metadata.n\":{\"$gt\":1,\"$lt\":5}}",
         "alias:eq(\"x\") & (metadata.n:gt(1) & metadata.n:lt(5))"},
        {"{\"$or\":[{\"alias\":\"a\"},{\"$and\":[{\"alias\":\"b\"},{\"source\":\"c\"}]}]}",
         "alias:eq(\"a\") | alias:eq(\"b\") & source:eq(\"c\")"},
        {"{\"$and\":[{\"alias\":\"a\"},{\"$or\":[{\"alias\":\"b\"},{\"source\":\"c\"}]}]}",
         "alias:eq(\"a\") & (alias:eq(\"b\") | source:eq(\"c\"))"},
        {"{\"$and\":[{\"$or\":[]},{\"$nor\":[{\"alias\":\"a\"}]}]}", "any {} & none { alias:eq(\"a\") }"},
        {"{\"alias\":{\"$not\":{\"$regex\":\"^v\"}}}", "~alias:matches(\"^v\")"},
        {"{\"$not\":{\"$or\":[{\"alias\":\"a\"},{\"source\":\"c\"}]}}",
         "~(alias:eq(\"a\") | source:eq(\"c\"))"},
        {"{\"metadata.a b.end.0.00.é\":{\"$in\":[null,true,1.5]}}",
         "metadata[\"a b\"][\"end\"][0][\"00\"][\"é\"]:one_of(null, true, 1.5)"},
        {"{\"metadata.n\":9007199254740993}", "metadata.n:eq(9007199254740993)"},
        {"{\"metadata.n\":1e3}", "metadata.n:eq(raw \"1e3\")"},
        {"{\"metadata.n\":-0}", "metadata.n:eq(raw \"-0\")"},
        {"{\"metadata.n\":0.10}", "metadata.n:eq(0.10)"},
        {"{\"metadata.n\":123456789012345678901234567890}",
         "metadata.n:eq(raw \"123456789012345678901234567890\")"},
        {"{\"user\":\"ana\"}", "field(\"user\"):eq(\"ana\")"},
        {"{\"alias\":\"a\\u202e\\\"\\\\\\n\"}", "alias:eq(\"a\\u{202E}\\\"\\\\\\n\")"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char document[600], want[600], *text;

        snprintf(document, sizeof(document), "{\"manifest\":\"m\",\"automations\":[{\"name\":\"x\","
                 "\"scope\":{\"entity\":\"acme\",\"project\":\"vision\"},\"event\":{\"type\":"
                 "\"ADD_ARTIFACT_ALIAS\",\"filter\":%s},\"actions\":[{\"integration\":\"i\"}]}]}",
                 rows[i][0]);
        snprintf(want, sizeof(want), "(project \"acme/vision\", %s) >> to", rows[i][1]);
        text = written(document);
        on_one_line(text);
        if (!strstr(text, want))
            test_failed(__FILE__, __LINE__, "%s\nis written\n%s\nwithout\n%s", rows[i][0], text, want);
        free(text);
    }
}

/* What a newer hub may know, or nobody does. */
TEST(what_the_language_has_no_word_for_is_written_as_raw)
{
    char *text = written("{\"manifest\":\"m\",\"automations\":[{\"name\":\"x\",\"scope\":{\"entity\":\"a\"},"
                         "\"event\":{\"type\":\"LINK_MODEL\",\"filter\":{\"alias\":{\"$sounds\":[1]}}},"
                         "\"actions\":[{\"integration\":\"i\"}]}]}");

    CHECK_HAS(text, "event(\"LINK_MODEL\", team \"a\", raw { alias = { [\"$sounds\"] = { 1 } } })\n");
    free(text);
}

TEST(what_is_no_document_is_refused)
{
    static const char *const rows[][2] = {
        {"[", "byte 1"},
        {"{}", "the document: it has no \"manifest\""},
        {"{\"manifest\":\"m\",\"automations\":[{\"name\":\"x\"}]}", "automation \"x\": it has no event"},
        {"{\"manifest\":\"m\",\"automations\":[{}]}", "an automation: it has no name"},
        {"{\"manifest\":\"m\",\"teams\":[{}]}", "a team: it has no name"},
        {"{\"manifest\":\"m\",\"integrations\":[{\"name\":\"x\"}]}", "it needs a name, a team and a sink"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bf_error err = {0};

        CHECK(!bf_code_export(rows[i][0], strlen(rows[i][0]), &err));
        CHECK_HAS(err.words, rows[i][1]);
    }
}

/* --- words ------------------------------------------------------------------------ */

TEST(every_word_that_help_tells_of_means_something)
{
    char text[200];

    for (const struct bf_code_word *w = bf_code_words; w->name || w->form; w++) {
        if (!w->name)
            continue;
        snprintf(text, sizeof(text), "local x = %s\nassert(x ~= nil)", w->name);
        bf_code_free(read_code(text));
        CHECK(bf_code_is_taken(w->name, strlen(w->name)));
    }
}

TEST(every_word_of_the_language_is_told_of_by_help)
{
    size_t n = 0;

    for (const char *at = bf_code_lua; (at = strstr(at, "words.")); n++) {
        size_t len = strspn(at += strlen("words."), "abcdefghijklmnopqrstuvwxyz_");

        if (!bf_code_is_taken(at, len))
            test_failed(__FILE__, __LINE__, "%.*s is in no table", (int)len, at);
    }
    CHECK(n > 30);
}

TEST(a_file_that_is_not_there_is_named)
{
    struct bf_code *c;
    struct bf_error err;

    CHECK_INT(bf_code_read("/nowhere/acme.lua", &c, &err), BF_ENOENT);
    CHECK_STR(err.words, "cannot open /nowhere/acme.lua: No such file or directory");
}
