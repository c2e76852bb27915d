/* test_automation.c - what is an automation, and which trigger is which. */
#include "core/rules/automation.h"
#include "tests/test.h"

#include <stdlib.h>

#include "core/base/base.h"
#include "core/event/envelope.h"

#define ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"

static struct bf_error err;

static int parse(const char *spec, struct bf_automation **out)
{
    memset(&err, 0, sizeof(err));
    return bf_automation_parse(spec, strlen(spec), ID, 7, "acme", out, &err);
}

#define SCOPE   "\"scope\":{\"entity\":\"acme\"}"
#define EVENT   "\"event\":{\"type\":\"LINK_MODEL\"}"
#define ACTIONS "\"actions\":[{\"integration\":\"I1\"}]"

TEST(all_of_an_automation_is_read)
{
    static const char spec[] =
        " {\"name\":\"n\\u00e9\",\"description\":\"d\",\"enabled\":false,"
        "\"scope\":{\"entity\":\"acme\",\"project\":\"vision\",\"collection\":\"resnet\"},"
        "\"event\":{\"type\":\"ADD_ARTIFACT_ALIAS\",\"filter\":{\"alias\":\"prod\"}},"
        "\"actions\":[{\"integration\":\"I1\",\"config\":{ \"n\" : 9007199254740993 }},"
        "{\"integration\":\"I2\",\"secrets\":[\"B\",\"A\"]}]}\n";
    struct bf_envelope yes = {.alias = "prod"}, no = {.alias = "x"};
    struct bf_automation *a;

    CHECK_INT(parse(spec, &a), BF_OK);
    CHECK_STR(a->id, ID);
    CHECK_INT(a->revision, 7);
    CHECK_STR(a->owner, "acme");
    CHECK_STR(a->name, "n\xc3\xa9");
    CHECK_STR(a->description, "d");
    CHECK(!a->enabled);
    CHECK_STR(a->entity, "acme");
    CHECK_STR(a->project, "vision");
    CHECK_STR(a->collection, "resnet");
    CHECK_STR(a->trigger->wire, "ADD_ARTIFACT_ALIAS");
    CHECK(bf_filter_match(a->filter, &(struct bf_subject){.event = &yes}));
    CHECK(!bf_filter_match(a->filter, &(struct bf_subject){.event = &no}));
    CHECK_INT(a->n_actions, 2);
    CHECK_STR(a->actions[0].integration, "I1");
    CHECK_INT(a->actions[0].config_len, strlen("{ \"n\" : 9007199254740993 }"));
    CHECK(memcmp(a->actions[0].config, "{ \"n\" : 9007199254740993 }",
                 a->actions[0].config_len) == 0);
    CHECK_STR(a->actions[0].secrets, "");
    CHECK_STR(a->actions[1].integration, "I2");
    CHECK_STR(a->actions[1].secrets, "B A");
    CHECK_STR(a->actions[1].config, "{}");
    CHECK_INT(a->actions[1].config_len, 2);
    CHECK_INT(a->spec_len, strlen(spec) - 2);   /* without the white space around it */
    CHECK(memcmp(a->spec, spec + 1, a->spec_len) == 0);
    bf_automation_unref(a);
}

TEST(what_is_optional_has_a_default)
{
    struct bf_automation *a;

    CHECK_INT(parse("{\"name\":\"n\",\"description\":null,\"scope\":{\"entity\":\"acme\","
                    "\"project\":null}," EVENT "," ACTIONS "}", &a), BF_OK);
    CHECK(a->enabled);
    CHECK_STR(a->description, "");
    CHECK(!a->project && !a->collection && !a->filter);
    bf_automation_unref(a);
}

TEST(an_organization_stands_for_its_own_entity)
{
    struct bf_automation *a;

    CHECK_INT(parse("{\"name\":\"n\",\"scope\":{\"organization\":\"acme\",\"entity\":null},"
                    EVENT "," ACTIONS "}", &a), BF_OK);
    CHECK_STR(a->entity, "acme-org");
    CHECK(!a->project && !a->collection);
    bf_automation_unref(a);
}

TEST(a_type_of_ones_own_is_a_trigger_of_that_name)
{
    static const char *const types[] = {"ci.finished", "deploy", "belfry.integration.put"};

    for (size_t i = 0; i < BF_COUNT(types); i++) {
        struct bf_automation *a;
        char spec[300];

        snprintf(spec, sizeof(spec), "{\"name\":\"n\"," SCOPE ",\"event\":{\"type\":\"%s\","
                 "\"filter\":{\"data.status\":\"failed\"}}," ACTIONS "}", types[i]);
        CHECK_INT(parse(spec, &a), BF_OK);
        CHECK_STR(a->trigger->wire, types[i]);
        CHECK_STR(a->trigger->event, types[i]);
        CHECK_STR(a->trigger->rendered, types[i]);
        CHECK_STR(a->actions[0].integration, "I1");
        CHECK(a->filter && !a->trigger->field && !a->trigger->registry_only);
        bf_automation_unref(a);
    }
}

/* The patterns are not in the automation's own memory; each way out once lost them. */
TEST(patterns_live_and_end_with_the_automation)
{
    struct bf_automation *a;

    CHECK_INT(parse("{\"name\":\"n\"," SCOPE ",\"event\":{\"type\":\"ci.done\",\"filter\":{\"$or\":["
                    "{\"author\":{\"$regex\":\"^a\"}},{\"data.x\":{\"$regex\":\"b$\"}}]}}," ACTIONS "}",
                    &a), BF_OK);
    CHECK(bf_filter_match(a->filter, &(struct bf_subject){
                              .event = &(struct bf_envelope){.author = "ana"}}));
    bf_automation_unref(a);
    CHECK_INT(parse("{\"name\":\"n\"," SCOPE ",\"event\":{\"type\":\"ci.done\",\"filter\":{"
                    "\"author\":{\"$regex\":\"^a\"}}},\"actions\":[]}", &a), BF_ECONFIG);
    CHECK_INT(parse("{\"name\":\"n\"," SCOPE ",\"event\":{\"type\":\"ci.done\",\"filter\":{"
                    "\"author\":{\"$regex\":\"^a\",\"$regex\":\"(\"}}}," ACTIONS "}", &a), BF_ECONFIG);
}

TEST(an_automation_lives_as_long_as_its_last_reference)
{
    struct bf_automation *a;

    CHECK_INT(parse("{\"name\":\"n\"," SCOPE "," EVENT "," ACTIONS "}", &a), BF_OK);
    CHECK(bf_automation_ref(a) == a);
    bf_automation_unref(a);
    CHECK_STR(a->name, "n");
    bf_automation_unref(a);
    bf_automation_unref(NULL);
}

static const struct {
    const char *spec, *field, *words;
} bad[] = {
    {"{", "", "not JSON"},
    {"[]", "", "must be an object"},
    {"{" SCOPE "," EVENT "," ACTIONS "}", "name", "is missing"},
    {"{\"name\":\"\"," SCOPE "," EVENT "," ACTIONS "}", "name", "is empty"},
    {"{\"name\":\"a\\nb\"," SCOPE "," EVENT "," ACTIONS "}", "name", "control character"},
    {"{\"name\":1," SCOPE "," EVENT "," ACTIONS "}", "name", "must be a string"},
    {"{\"name\":\"n\",\"nmae\":1," SCOPE "," EVENT "," ACTIONS "}", "nmae",
     "known are name, description, enabled, scope, event, actions"},
    {"{\"name\":\"n\",\"nam\":1," SCOPE "," EVENT "," ACTIONS "}", "nam", "unknown member \"nam\""},
    {"{\"name\":\"n\",\"\":1," SCOPE "," EVENT "," ACTIONS "}", "", "unknown member \"\""},
    {"{\"name\":\"n\",\"enabled\":1," SCOPE "," EVENT "," ACTIONS "}", "enabled", "true or false"},
    {"{\"name\":\"n\"," EVENT "," ACTIONS "}", "scope", "is missing"},
    {"{\"name\":\"n\",\"scope\":{}," EVENT "," ACTIONS "}", "scope.entity", "is missing"},
    {"{\"name\":\"n\",\"scope\":{\"entity\":\"a/b\"}," EVENT "," ACTIONS "}", "scope.entity", "'/'"},
    {"{\"name\":\"n\",\"scope\":{\"entity\":\"a\",\"project\":\"\"}," EVENT "," ACTIONS "}",
     "scope.project", "is empty"},
    {"{\"name\":\"n\",\"scope\":{\"entity\":\"a\",\"collection\":\"c\"}," EVENT "," ACTIONS "}",
     "scope.project", "a collection needs"},
    {"{\"name\":\"n\",\"scope\":{\"entity\":\"a\",\"team\":\"c\"}," EVENT "," ACTIONS "}",
     "scope.team", "known are organization, entity, project, collection"},
    {"{\"name\":\"n\",\"scope\":{\"organization\":\"a\",\"project\":\"p\"}," EVENT "," ACTIONS
     "}", "scope.organization", "leave \"organization\" out"},
    {"{\"name\":\"n\",\"scope\":{\"organization\":\"a b\"}," EVENT "," ACTIONS "}",
     "scope.organization", "is not the name of one"},
    {"{\"name\":\"n\",\"scope\":{\"organization\":1}," EVENT "," ACTIONS "}",
     "scope.organization", "must be a string"},
    {"{\"name\":\"n\"," SCOPE "," ACTIONS "}", "event", "is missing"},
    {"{\"name\":\"n\"," SCOPE ",\"event\":{}," ACTIONS "}", "event.type", "is missing"},
    {"{\"name\":\"n\"," SCOPE ",\"event\":{\"type\":\"RUN_METRIC\"}," ACTIONS "}", "event.type",
     "RUN_METRIC is not available here; there are CREATE_ARTIFACT, LINK_MODEL"},
    {"{\"name\":\"n\"," SCOPE ",\"event\":{\"type\":\"CREATE_ARTEFACT\"}," ACTIONS "}", "event.type",
     "unknown event type \"CREATE_ARTEFACT\"; known are CREATE_ARTIFACT, LINK_MODEL"},
    {"{\"name\":\"n\"," SCOPE ",\"event\":{\"type\":\"ci..finished\"}," ACTIONS "}", "event.type",
     "types of your own such as \"ci.finished\""},
    {"{\"name\":\"n\"," SCOPE ",\"event\":{\"type\":\"link_model\"}," ACTIONS "}", "event.type",
     "\"link_model\" is written LINK_MODEL"},
    {"{\"name\":\"n\"," SCOPE ",\"event\":{\"type\":\"artifact.alias.add\"}," ACTIONS "}",
     "event.type", "use ADD_ARTIFACT_ALIAS, which is the trigger for artifact.alias.add"},
    {"{\"name\":\"n\"," SCOPE ",\"event\":{\"type\":\"artifact.link\"}," ACTIONS "}",
     "event.type", "use LINK_MODEL, which"},
    {"{\"name\":\"n\"," SCOPE ",\"event\":{\"type\":\"run.state\"}," ACTIONS "}", "event.type",
     "\"run.\" are not available as triggers; there are CREATE_ARTIFACT"},
    {"{\"name\":\"n\"," SCOPE ",\"event\":{\"type\":\"schedule.tick\"}," ACTIONS "}", "event.type",
     "\"schedule.\" are not available"},
    {"{\"name\":\"n\"," SCOPE ",\"event\":{\"type\":\"clock.advance\"}," ACTIONS "}", "event.type",
     "\"clock.\" are not available"},
    {"{\"name\":\"n\"," SCOPE ",\"event\":{\"type\":\"UPDATE_ARTIFACT_ALIAS\"}," ACTIONS "}",
     "event.type", "use ADD_ARTIFACT_ALIAS"},
    {"{\"name\":\"n\"," SCOPE ",\"event\":{\"type\":\"LINK_MODEL\",\"filter\":{\"tag\":\"x\"}},"
     ACTIONS "}", "event.filter.tag", "unknown field"},
    {"{\"name\":\"n\"," SCOPE "," EVENT "}", "actions", "is missing"},
    {"{\"name\":\"n\"," SCOPE "," EVENT ",\"actions\":{}}", "actions", "must be an array"},
    {"{\"name\":\"n\"," SCOPE "," EVENT ",\"actions\":[]}", "actions", "0 actions"},
    {"{\"name\":\"n\"," SCOPE "," EVENT ",\"actions\":[1]}", "actions[0]", "must be an object"},
    {"{\"name\":\"n\"," SCOPE "," EVENT ",\"actions\":[{\"integration\":\"I\"},{}]}",
     "actions[1].integration", "is missing"},
    {"{\"name\":\"n\"," SCOPE "," EVENT ",\"actions\":[{\"integration\":\"I\",\"secrets\":\"A\"}]}",
     "actions[0].secrets", "must be names of secrets"},
    {"{\"name\":\"n\"," SCOPE "," EVENT ",\"actions\":[{\"integration\":\"I\",\"secrets\":[\"A-B\"]}]}",
     "actions[0].secrets", "is no name of a secret"},
    {"{\"name\":\"n\"," SCOPE "," EVENT ",\"actions\":[{\"integration\":\"I\",\"secrets\":[\"AB\","
     "\"A\",\"A\"]}]}", "actions[0].secrets", "names \"A\" twice"},
    {"{\"name\":\"n\"," SCOPE "," EVENT ",\"actions\":[{\"integration\":\"I\",\"secrets\":["
     "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}]}", "actions[0].secrets", "at most 16"},
    {"{\"name\":\"n\"," SCOPE "," EVENT ",\"actions\":[{\"integration\":\"I\",\"config\":[]}]}",
     "actions[0].config", "must be an object, not an array"},
    {"{\"name\":\"n\"," SCOPE "," EVENT ",\"actions\":[{\"integration\":\"I\",\"cfg\":{}}]}",
     "actions[0].cfg", "known are integration, config"},
};

TEST(mistakes_are_named_by_their_place)
{
    for (size_t i = 0; i < BF_COUNT(bad); i++) {
        struct bf_automation *a;
        int rc = parse(bad[i].spec, &a);

        if (rc != BF_ECONFIG || strcmp(err.field, bad[i].field) != 0 ||
            !strstr(err.words, bad[i].words))
            test_failed(__FILE__, __LINE__, "%s\n  gives %d %s: %s", bad[i].spec, rc, err.field,
                        err.words);
    }
}

/* An automation whose member is n times "é". */
static int parse_long(const char *member, size_t n)
{
    size_t size = 2 * n + 400;
    char *spec = malloc(size), *at = spec;
    struct bf_automation *a = NULL;
    int rc;

    at += snprintf(spec, size, "{%s\"%s\":\"", strcmp(member, "name") ? "\"name\":\"n\"," : "",
                   member);
    for (size_t i = 0; i < n; i++)
        at = stpcpy(at, "\xc3\xa9");
    stpcpy(at, "\"," SCOPE "," EVENT "," ACTIONS "}");
    rc = parse(spec, &a);
    bf_automation_unref(a);
    free(spec);
    return rc;
}

TEST(lengths_are_counted_in_characters)
{
    CHECK_INT(parse_long("name", BF_AUTOMATION_NAME_MAX), BF_OK);
    CHECK_INT(parse_long("name", BF_AUTOMATION_NAME_MAX + 1), BF_ECONFIG);
    CHECK_HAS(err.words, "256 characters");
    CHECK_INT(parse_long("description", BF_DESCRIPTION_MAX), BF_OK);
    CHECK_INT(parse_long("description", BF_DESCRIPTION_MAX + 1), BF_ECONFIG);
    CHECK_HAS(err.words, "10001 characters");
}

TEST(at_most_16_actions)
{
    for (size_t n = BF_ACTIONS_MAX; n <= BF_ACTIONS_MAX + 1; n++) {
        char spec[2000] = "{\"name\":\"n\"," SCOPE "," EVENT ",\"actions\":[{\"integration\":\"I\"}";
        struct bf_automation *a = NULL;

        for (size_t i = 1; i < n; i++)
            strcat(spec, ",{\"integration\":\"I\"}");
        strcat(spec, "]}");
        CHECK_INT(parse(spec, &a), n > BF_ACTIONS_MAX ? BF_ECONFIG : BF_OK);
        bf_automation_unref(a);
    }
    CHECK_HAS(err.words, "17 actions");
}

TEST(an_automation_is_at_most_a_mebibyte)
{
    char *spec = malloc(BF_SPEC_MAX + 2);
    struct bf_automation *a;

    memset(spec, ' ', BF_SPEC_MAX + 1);
    spec[BF_SPEC_MAX + 1] = '\0';
    CHECK_INT(parse(spec, &a), BF_ETOOBIG);
    CHECK_HAS(err.words, "1048577");
    free(spec);
}

/* ---- triggers ---- */

TEST(every_listed_trigger_is_known_and_fires_on_its_event)
{
    char list[400], *save = NULL;
    size_t n = 0;

    snprintf(list, sizeof(list), "%s", bf_trigger_names());
    for (char *wire = strtok_r(list, ", ", &save); wire; wire = strtok_r(NULL, ", ", &save)) {
        const struct bf_trigger *t = bf_trigger_by_wire(wire), *row;
        unsigned at = 0;

        CHECK(t != NULL);
        CHECK(!t->registry_only);
        CHECK_STR(t->rendered, strcmp(wire, "LINK_MODEL") ? wire : "LINK_ARTIFACT");
        do
            row = bf_trigger_of_event(t->event, &at);
        while (row && row != t);
        CHECK(row == t);
        n++;
    }
    CHECK_INT(n, 8);
}

TEST(a_link_is_also_a_creation_in_a_registry)
{
    unsigned at = 0;
    const struct bf_trigger *t = bf_trigger_of_event("artifact.link", &at);

    CHECK_STR(t->wire, "CREATE_ARTIFACT");
    CHECK(t->registry_only);
    CHECK_STR(bf_trigger_of_event("artifact.link", &at)->wire, "LINK_MODEL");
    CHECK(bf_trigger_of_event("artifact.link", &at) == NULL);
}

TEST(other_events_and_names_are_no_triggers)
{
    unsigned at = 0;

    CHECK(bf_trigger_of_event("ci.done", &at) == NULL);
    CHECK(bf_trigger_by_wire("LINK_ARTIFACT") == NULL);
    CHECK(bf_trigger_by_wire("UPDATE_ARTIFACT_ALIAS") == NULL);
}
