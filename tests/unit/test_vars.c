/* test_vars.c - the values of ${variables} per kind of event. */
#include "core/event/vars.h"
#include "tests/test.h"

#include "core/base/base.h"

struct scene {
    struct bf_arena *arena;
    struct bf_envelope *event;
    struct bf_vars vars;
};

static struct scene scene(const char *text, const char *trigger)
{
    struct scene s = {.arena = bf_arena_new(1 << 20)};
    struct bf_error err;

    if (bf_envelope_parse(s.arena, text, strlen(text), BF_FROM_OUTSIDE, &s.event, &err))
        test_failed(__FILE__, __LINE__, "%s: %s %s", text, err.field, err.words);
    s.event->received_ms = 1795435200000;
    memcpy(s.event->id, "01ARZ3NDEKTSV4RRFFQ69G5FAV", BF_ID_LEN + 1);
    s.vars = (struct bf_vars){
        .arena = s.arena,
        .event = s.event,
        .root = bf_json_parse(s.arena, s.event->text, s.event->text_len, &err),
        .trigger = trigger,
        .automation = "notify",
        .automation_id = "A1",
        .execution_id = "X1",
        .public_url = "https://hub.example",
    };
    return s;
}

static void close_scene(struct scene *s)
{
    bf_envelope_unref(s->event);
    bf_arena_free(s->arena);
}

#define VERSION7                                                                                   \
    "\"artifact\":{\"id\":\"QXJ0aWZhY3Q6NTE3ODg5ODg3\",\"version\":\"v7\",\"type\":\"model\","     \
    "\"metadata\":{\"model_type\":\"cnn\",\"acc\":0.93}}"
#define LINKED                                                                                     \
    "\"artifact\":{\"id\":\"QXJ0aWZhY3Q6NTE3ODg5ODg3\",\"version\":\"v0\"}"
#define VISION   "\"entity\":\"acme\",\"project\":\"vision\",\"collection\":\"resnet\","
#define REGISTRY "\"entity\":\"acme-org\",\"project\":\"wandb-registry-model\",\"collection\":\"Classifier\","
#define ANA      "\"author\":\"ana\","
#define URI      "wandb-artifact://_id/QXJ0aWZhY3Q6NTE3ODg5ODg3"
#define RUN      "\"run\":{\"id\":\"r 1\",\"name\":\"sunny-frog-7\",\"user\":\"bo\",\"state\":\"FAILED\"}"

/* The worked values: what has no value in its row is blank. */
static const char *const columns[] = {
    "event_type", "event_author", "entity_name", "project_name", "artifact_collection_name",
    "alias", "tag", "artifact_version", "artifact_version_string", "artifact_version_index",
    "artifact_metadata.model_type", "artifact_metadata.acc", "run_name", "run_status", "run_id",
    "run_url", "metric_name", "metric_values", "step", "alert_name", "message", "alert_level",
};

static const struct {
    const char *trigger, *event;
    const char *values[BF_COUNT(columns)];
} rows[] = {
    {"CREATE_ARTIFACT", "{\"type\":\"artifact.create\"," VISION ANA VERSION7 "}",
     {"CREATE_ARTIFACT", "ana", "acme", "vision", "resnet", "", "", URI, "acme/vision/resnet:v7",
      "7", "cnn", "0.93"}},
    {"LINK_ARTIFACT", "{\"type\":\"artifact.link\"," REGISTRY ANA LINKED "}",
     {"LINK_ARTIFACT", "ana", "acme-org", "wandb-registry-model", "Classifier", "", "", URI,
      "acme-org/wandb-registry-model/Classifier:v0", "0"}},
    /* an alias that comes along with a link is not what the event is about */
    {"LINK_ARTIFACT", "{\"type\":\"artifact.link\"," REGISTRY ANA "\"alias\":\"production\"," LINKED "}",
     {"LINK_ARTIFACT", "ana", "acme-org", "wandb-registry-model", "Classifier", "", "", URI,
      "acme-org/wandb-registry-model/Classifier:v0", "0"}},
    {"UNLINK_ARTIFACT", "{\"type\":\"artifact.unlink\"," REGISTRY ANA LINKED "}",
     {"UNLINK_ARTIFACT", "ana", "acme-org", "wandb-registry-model", "Classifier", "", "", URI,
      "acme-org/wandb-registry-model/Classifier:v0", "0"}},
    {"ADD_ARTIFACT_ALIAS",
     "{\"type\":\"artifact.alias.add\"," REGISTRY ANA "\"alias\":\"production\"," LINKED "}",
     {"ADD_ARTIFACT_ALIAS", "ana", "acme-org", "wandb-registry-model", "Classifier", "production", "",
      URI, "acme-org/wandb-registry-model/Classifier:production", "0"}},
    {"ADD_ARTIFACT_TAG",
     "{\"type\":\"artifact.tag.add\"," VISION ANA "\"tag\":\"europe-west\"," VERSION7 "}",
     {"ADD_ARTIFACT_TAG", "ana", "acme", "vision", "resnet", "", "europe-west", URI,
      "acme/vision/resnet:v7", "7", "cnn", "0.93"}},
    {"REMOVE_ARTIFACT_TAG",
     "{\"type\":\"artifact.tag.remove\"," VISION ANA "\"tag\":\"europe-west\"," VERSION7 "}",
     {"REMOVE_ARTIFACT_TAG", "ana", "acme", "vision", "resnet", "", "europe-west", URI,
      "acme/vision/resnet:v7", "7", "cnn", "0.93"}},
    /* no version variables, even if the sender tells of a version */
    {"ADD_COLLECTION_TAG",
     "{\"type\":\"collection.tag.add\"," REGISTRY ANA "\"tag\":\"reviewed\"," VERSION7 "}",
     {"ADD_COLLECTION_TAG", "ana", "acme-org", "wandb-registry-model", "Classifier", "", "reviewed"}},
    {"REMOVE_COLLECTION_TAG",
     "{\"type\":\"collection.tag.remove\"," REGISTRY ANA "\"tag\":\"reviewed\"}",
     {"REMOVE_COLLECTION_TAG", "ana", "acme-org", "wandb-registry-model", "Classifier", "",
      "reviewed"}},
    {"RUN_STATE", "{\"type\":\"run.state\",\"entity\":\"acme\",\"project\":\"vision\"," RUN "}",
     {"RUN_STATE", "bo", "acme", "vision", "", "", "", "", "", "", "", "", "sunny-frog-7", "FAILED",
      "r 1", "https://hub.example/acme/vision/runs/r%201"}},
    {"RUN_METRIC",
     "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\",\"run\":{\"id\":\"r\"},"
     "\"metrics\":[{\"name\":\"acc\",\"value\":0.650,\"step\":12},{\"name\":\"loss\",\"value\":1},"
     "{\"name\":\"acc\",\"value\":\"NaN\"}]}",
     {"RUN_METRIC", "", "acme", "vision", "", "", "", "", "", "", "", "", "r", "", "r",
      "https://hub.example/acme/vision/runs/r", "acc", "0.650, NaN", "12"}},
    {NULL,
     "{\"type\":\"run.alert\",\"entity\":\"acme\",\"project\":\"vision\"," ANA RUN
     ",\"alert\":{\"title\":\"low\",\"text\":\"too\\nlow\",\"level\":\"WARN\"}}",
     {"run.alert", "bo", "acme", "vision", "", "", "", "", "", "", "", "", "sunny-frog-7", "FAILED",
      "r 1", "https://hub.example/acme/vision/runs/r%201", "", "", "", "low", "too\nlow", "WARN"}},
    {NULL, "{\"type\":\"ci.done\",\"entity\":\"acme\",\"alias\":\"a\",\"tag\":\"t\"}",
     {"ci.done", "", "acme", "", "", "a", "t"}},
};

TEST(every_kind_of_event_has_its_variables_and_no_others)
{
    for (size_t i = 0; i < BF_COUNT(rows); i++) {
        struct scene s = scene(rows[i].event, rows[i].trigger);

        for (size_t j = 0; j < BF_COUNT(columns); j++) {
            const char *want = rows[i].values[j] ? rows[i].values[j] : "";
            const char *got = bf_var_text(&s.vars, columns[j]);

            if (!got || strcmp(got, want) != 0)
                test_failed(__FILE__, __LINE__, "%s: ${%s} is \"%s\", not \"%s\"", rows[i].event,
                            columns[j], got, want);
        }
        CHECK_STR(bf_var_text(&s.vars, "automation_name"), "notify");
        close_scene(&s);
    }
}

TEST(every_event_tells_where_it_comes_from)
{
    struct scene s = scene("{\"type\":\"x\",\"entity\":\"a\"}", NULL);

    CHECK_STR(bf_var_text(&s.vars, "event_id"), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    CHECK_STR(bf_var_text(&s.vars, "execution_id"), "X1");
    CHECK_STR(bf_var_text(&s.vars, "automation_id"), "A1");
    CHECK_STR(bf_var_text(&s.vars, "automation_url"), "https://hub.example/automations/A1");
    CHECK_STR(bf_var_text(&s.vars, "event_time"), "2026-11-23T12:00:00.000Z");
    s.event->time_ms = 1795435200123;
    CHECK_STR(bf_var_text(&s.vars, "event_time"), "2026-11-23T12:00:00.123Z");
    close_scene(&s);
}

static struct scene measured(const char *text, const char *trigger, const char *facts)
{
    struct scene s = scene(text, NULL);

    s.vars.trigger = trigger;
    s.vars.facts = bf_json_parse(s.arena, facts, strlen(facts), NULL);
    CHECK(s.vars.facts != NULL);
    return s;
}

#define FROG  "\"run\":{\"id\":\"r1\",\"name\":\"sunny-frog-7\",\"user\":\"bo\"}"
#define POINT(name, step, value)                                                                   \
    "{\"type\":\"run.metric\",\"entity\":\"acme\",\"project\":\"vision\"," FROG                     \
    ",\"metrics\":[{\"name\":\"other\",\"step\":1,\"value\":7},{\"name\":\"" name "\",\"step\":" step    \
    ",\"value\":" value "}]}"

/* The worked values of conditions: what was measured goes before what the event says. */
static const struct {
    const char *trigger, *event, *facts;
    const char *values[11];
} conditions[] = {
    {"RUN_METRIC", POINT("accuracy", "5", "0.75"),
     "{\"metric\":\"accuracy\",\"values\":[0.65],\"step\":5,\"filter\":\"AVERAGE of last 5 values of"
     " accuracy > 0.6\",\"short\":\"avg(accuracy) > 0.6\",\"threshold\":0.6,\"op\":\">\"}",
     {"sunny-frog-7", "accuracy", "0.65", "0.65", "[0.65]",
      "AVERAGE of last 5 values of accuracy > 0.6", "avg(accuracy) > 0.6", "matched", "0.6", ">", "5"}},
    {"RUN_METRIC_CHANGE", POINT("loss", "60", "0.4"),
     "{\"metric\":\"loss\",\"values\":[0.4, 0.55],\"step\":60,\"filter\":\"f\",\"short\":"
     "\"AVERAGE(loss) decreases 25.00%\",\"threshold\":0.25}",
     {"sunny-frog-7", "loss", "0.4, 0.55", "0.4", "[0.4,0.55]", "f",
      "AVERAGE(loss) decreases 25.00%", "matched", "0.25", "", "60"}},
    {"RUN_METRIC_ZSCORE", POINT("accuracy", "31", "0.95"),
     "{\"metric\":\"accuracy\",\"values\":[4.49],\"filter\":\"f\",\"short\":"
     "\"abs(zscore('accuracy')) > 2.0\",\"threshold\":2.0}",
     {"sunny-frog-7", "accuracy", "4.49", "4.49", "[4.49]", "f", "abs(zscore('accuracy')) > 2.0",
      "matched", "2.0", "", ""}},
};

TEST(a_condition_tells_what_it_measured)
{
    static const char *const names[] = {
        "run_name", "metric_name", "metric_values", "metric_value", NULL, "metric_filter",
        "metric_filter_short", "metric_current_status", "threshold", "comparison_op", "step"};

    for (size_t i = 0; i < BF_COUNT(conditions); i++) {
        struct scene s = measured(conditions[i].event, conditions[i].trigger, conditions[i].facts);

        for (size_t j = 0; j < BF_COUNT(names); j++)
            CHECK_STR(names[j] ? bf_var_text(&s.vars, names[j])
                               : bf_var_json(&s.vars, "metric_values"), conditions[i].values[j]);
        CHECK_STR(bf_var_text(&s.vars, "event_type"), conditions[i].trigger);
        CHECK_STR(bf_var_text(&s.vars, "event_author"), "bo");
        close_scene(&s);
    }
}

TEST(numbers_and_flags_are_typed_as_json_and_null_where_there_are_none)
{
    struct scene s = measured(conditions[0].event, "RUN_METRIC", conditions[0].facts);

    CHECK_STR(bf_var_json(&s.vars, "metric_value"), "0.65");
    CHECK_STR(bf_var_json(&s.vars, "threshold"), "0.6");
    CHECK_STR(bf_var_json(&s.vars, "step"), "5");
    CHECK_STR(bf_var_json(&s.vars, "firing_count"), "1");
    CHECK_STR(bf_var_json(&s.vars, "comparison_op"), "\">\"");
    CHECK_STR(bf_var_json(&s.vars, "late"), "null");
    close_scene(&s);
    s = scene("{\"type\":\"artifact.create\"," VISION ANA VERSION7 "}", "CREATE_ARTIFACT");
    CHECK_STR(bf_var_json(&s.vars, "metric_value"), "null");
    CHECK_STR(bf_var_json(&s.vars, "metric_values"), "null");
    close_scene(&s);
}

TEST(a_state_names_the_one_before_and_a_crash_is_the_hubs_own)
{
    struct scene s = measured("{\"type\":\"run.state\",\"entity\":\"acme\",\"project\":\"vision\"," RUN "}",
                              "RUN_STATE", "{\"from\":\"RUNNING\",\"to\":\"FAILED\"}");

    CHECK_STR(bf_var_text(&s.vars, "run_status"), "FAILED");
    CHECK_STR(bf_var_text(&s.vars, "previous_run_status"), "RUNNING");
    CHECK_STR(bf_var_text(&s.vars, "event_author"), "bo");
    close_scene(&s);
    s = scene("{\"type\":\"run.state\",\"entity\":\"acme\",\"project\":\"vision\",\"author\":\"belfry-system\",\"run\":{"
              "\"id\":\"r\",\"state\":\"CRASHED\",\"user\":\"bo\"}}", "RUN_STATE");
    CHECK_STR(bf_var_text(&s.vars, "event_author"), "belfry-system");
    CHECK_STR(bf_var_text(&s.vars, "run_status"), "CRASHED");
    close_scene(&s);
}

#define CLOCK(type, more) "{\"type\":\"" type "\",\"entity\":\"acme\",\"project\":\"vision\"," more "}"

static struct scene of_clock(const char *text, const char *trigger)
{
    struct scene s = {.arena = bf_arena_new(1 << 20)};

    CHECK_INT(bf_envelope_parse(s.arena, text, strlen(text), BF_FROM_HUB, &s.event, NULL), 0);
    s.vars = (struct bf_vars){.arena = s.arena, .event = s.event, .trigger = trigger,
                              .root = bf_json_parse(s.arena, text, strlen(text), NULL)};
    return s;
}

TEST(a_schedule_tells_its_occurrence_and_what_was_missed)
{
    struct scene s = of_clock(CLOCK("schedule.tick", "\"time\":\"2026-11-23T08:00:00Z\",\"data\":{"
                                    "\"automation\":\"A\",\"occurrence\":\"2026-11-23T08:00:00Z\","
                                    "\"late\":true,\"missed\":3}"), "SCHEDULE");
    static const char facts[] = "{\"occurrence\":\"2026-11-23T09:00:00Z\",\"late\":false,\"missed\":0}";

    CHECK_STR(bf_var_text(&s.vars, "event_type"), "SCHEDULE");
    CHECK_STR(bf_var_text(&s.vars, "event_author"), "belfry-system");
    CHECK_STR(bf_var_text(&s.vars, "event_time"), "2026-11-23T08:00:00.000Z");
    CHECK_STR(bf_var_text(&s.vars, "project_name"), "vision");
    CHECK_STR(bf_var_text(&s.vars, "occurrence"), "2026-11-23T08:00:00Z");
    CHECK_STR(bf_var_text(&s.vars, "late"), "true");
    CHECK_STR(bf_var_json(&s.vars, "missed"), "3");
    CHECK_STR(bf_var_text(&s.vars, "run_name"), "");
    s.vars.facts = bf_json_parse(s.arena, facts, strlen(facts), NULL);
    CHECK_STR(bf_var_text(&s.vars, "occurrence"), "2026-11-23T09:00:00Z");
    CHECK_STR(bf_var_json(&s.vars, "late"), "false");
    close_scene(&s);
}

TEST(absence_tells_of_what_stayed_away_and_since_when)
{
    struct scene s = of_clock(CLOCK("clock.advance", FROG ",\"data\":{\"automation\":\"A\",\"last\":"
                                    "1795435200123,\"for\":\"30m\",\"of\":\"run.metric\",\"metric\":"
                                    "\"loss\"}"), "ABSENCE");

    CHECK_STR(bf_var_text(&s.vars, "event_type"), "ABSENCE");
    CHECK_STR(bf_var_text(&s.vars, "event_author"), "belfry-system");
    CHECK_STR(bf_var_text(&s.vars, "run_name"), "sunny-frog-7");
    CHECK_STR(bf_var_text(&s.vars, "absent_event"), "run.metric");
    CHECK_STR(bf_var_text(&s.vars, "metric_name"), "loss");
    CHECK_STR(bf_var_text(&s.vars, "absent_for"), "30m");
    CHECK_STR(bf_var_text(&s.vars, "last_seen"), "2026-11-23T12:00:00.123Z");
    close_scene(&s);
}

TEST(one_firing_is_told_of_as_many_are)
{
    struct scene s = measured(conditions[0].event, "RUN_METRIC", conditions[0].facts);

    CHECK_STR(bf_var_text(&s.vars, "firing_count"), "1");
    CHECK_STR(bf_var_json(&s.vars, "firings"),
              "[{\"event_id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"event_time\":"
              "\"2026-11-23T12:00:00.000Z\",\"event_type\":\"RUN_METRIC\",\"event_author\":\"bo\","
              "\"project_name\":\"vision\",\"run_id\":\"r1\",\"run_name\":\"sunny-frog-7\","
              "\"metric_name\":\"accuracy\",\"metric_values\":[0.65],\"metric_filter_short\":"
              "\"avg(accuracy) > 0.6\",\"step\":5}]");
    s.vars.firing_count = 2;
    s.vars.firings = "[{},{}]";
    CHECK_STR(bf_var_text(&s.vars, "firing_count"), "2");
    CHECK_STR(bf_var_json(&s.vars, "firings"), "[{},{}]");
    close_scene(&s);
}

TEST(what_only_a_condition_can_fill_is_blank)
{
    struct scene s = scene("{\"type\":\"x\",\"entity\":\"a\"}", NULL);

    CHECK_STR(bf_var_text(&s.vars, "metric_filter"), "");
    CHECK_STR(bf_var_text(&s.vars, "metric_current_status"), "");
    close_scene(&s);
}

static const struct {
    const char *key, *text, *json;
} metadata[] = {
    {"s", "a\"b", "\"a\\\"b\""},
    {"n", "9007199254740993", "9007199254740993"},
    {"f", "1.50", "1.50"},
    {"t", "true", "true"},
    {"z", "null", "null"},
    {"o", "{\"a b\":[1,\"x \\\" y\"]}", "{ \"a b\" : [ 1, \"x \\\" y\" ] }"},
    {"dotted.key", "d", "\"d\""},
    {"o.a b", "", "null"},
    {"missing", "", "null"},
};

TEST(metadata_is_compact_as_text_and_untouched_as_json)
{
    struct scene s = scene("{\"type\":\"artifact.create\"," VISION "\"artifact\":{\"metadata\":{"
                           "\"s\":\"a\\\"b\",\"n\":9007199254740993,\"f\":1.50,\"t\":true,\"z\":null,"
                           "\"o\":{ \"a b\" : [ 1, \"x \\\" y\" ] },\"dotted.key\":\"d\"}}}",
                           "CREATE_ARTIFACT");

    for (size_t i = 0; i < BF_COUNT(metadata); i++) {
        const char *name = bf_arena_printf(s.arena, "artifact_metadata.%s", metadata[i].key);

        CHECK_STR(bf_var_text(&s.vars, name), metadata[i].text);
        CHECK_STR(bf_var_json(&s.vars, name), metadata[i].json);
    }
    close_scene(&s);
}

static const struct {
    const char *name, *text, *json;
} data[] = {
    {"data.build.status", "failed", "\"failed\""},
    {"data.build.n", "9007199254740993", "9007199254740993"},
    {"data.build", "{\"status\":\"failed\",\"n\":9007199254740993}",
     "{ \"status\" : \"failed\", \"n\":9007199254740993 }"},
    {"data.alerts.1.labels.sev", "a\"b", "\"a\\\"b\""},
    {"data.alerts.2.labels", "", "null"},
    {"data.alerts.x", "", "null"},
    {"data.alerts.01", "", "null"},
    {"data.dotted.name.in", "yes", "\"yes\""},
    {"data.dotted", "", "null"},
    {"data.\xc3\xa9", "e", "\"e\""},
    {"data.null", "null", "null"},
    {"data.build.status.more", "", "null"},
    {"data.gone", "", "null"},
};

TEST(data_is_reached_by_its_path)
{
    struct scene s = scene("{\"type\":\"ci.finished\",\"entity\":\"a\",\"data\":{\"build\":"
                           "{ \"status\" : \"failed\", \"n\":9007199254740993 },\"alerts\":[{},{\"labels\":"
                           "{\"sev\":\"a\\\"b\"}}],\"dotted.name\":{\"in\":\"yes\"},\"\\u00e9\":\"e\","
                           "\"null\":null}}", NULL);

    for (size_t i = 0; i < BF_COUNT(data); i++) {
        CHECK(bf_var_known(data[i].name));
        CHECK_STR(bf_var_text(&s.vars, data[i].name), data[i].text);
        CHECK_STR(bf_var_json(&s.vars, data[i].name), data[i].json);
    }
    CHECK(!bf_var_known("data.") && !bf_var_known("database"));
    close_scene(&s);
    s = scene("{\"type\":\"ci.finished\",\"entity\":\"a\",\"data\":[ 1, \"x\" ]}", NULL);
    CHECK_STR(bf_var_text(&s.vars, "data"), "[1,\"x\"]");
    CHECK_STR(bf_var_json(&s.vars, "data"), "[ 1, \"x\" ]");
    CHECK_STR(bf_var_text(&s.vars, "data.1"), "x");
    close_scene(&s);
    s = scene("{\"type\":\"ci.finished\",\"entity\":\"a\"}", NULL);
    CHECK_STR(bf_var_text(&s.vars, "data"), "");
    CHECK_STR(bf_var_json(&s.vars, "data"), "null");
    CHECK_STR(bf_var_text(&s.vars, "data.x"), "");
    close_scene(&s);
}

TEST(other_variables_are_strings_as_json)
{
    struct scene s = scene("{\"type\":\"artifact.alias.add\"," VISION "\"alias\":\"a\\\"b\"}", "T");

    CHECK_STR(bf_var_json(&s.vars, "alias"), "\"a\\\"b\"");
    CHECK_STR(bf_var_json(&s.vars, "run_name"), "\"\"");
    CHECK(bf_var_json(&s.vars, "nonsense") == NULL);
    close_scene(&s);
}

TEST(unknown_names_are_known_to_be_unknown)
{
    struct scene s = scene("{\"type\":\"x\",\"entity\":\"a\"}", NULL);

    CHECK(bf_var_known("alias"));
    CHECK(bf_var_known("artifact_metadata.a.b"));
    CHECK(!bf_var_known("artifact_metadata."));
    CHECK(!bf_var_known("artifact_metadata"));
    CHECK(!bf_var_known("Alias"));
    CHECK(!bf_var_known(""));
    CHECK(bf_var_text(&s.vars, "nonsense") == NULL);
    close_scene(&s);
}

TEST(every_listed_name_is_known)
{
    char list[1024], *save = NULL;
    size_t n = 0;

    snprintf(list, sizeof(list), "%s", bf_var_names());
    for (char *name = strtok_r(list, ", ", &save); name; name = strtok_r(NULL, ", ", &save)) {
        if (!bf_var_known(name))
            test_failed(__FILE__, __LINE__, "%s is listed but not known", name);
        n++;
    }
    CHECK_INT(n, 44);
}
