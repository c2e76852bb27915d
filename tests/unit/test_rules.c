/* test_rules.c - who fires on an event: by example, and against a scan of all automations. */
#include "core/rules/rules.h"
#include "tests/test.h"

#include <stdlib.h>

#include "core/base/base.h"

static size_t judge(struct bf_rules *r, const struct bf_envelope *e, const struct bf_firing **out)
{
    struct bf_record record = {.event = e};

    return bf_rules_judge(r, &record, out);
}

static struct bf_error err;

/* An automation from the insides of its scope, and its event's type and filter. */
static struct bf_automation *automation(const char *id, const char *scope, const char *type,
                                        const char *filter, bool enabled)
{
    char spec[2000];
    struct bf_automation *a;
    int len = snprintf(spec, sizeof(spec),
                       "{\"name\":\"n\",\"enabled\":%s,\"scope\":{%s},\"event\":{\"type\":\"%s\","
                       "\"filter\":%s},\"actions\":[{\"integration\":\"I\"}]}",
                       enabled ? "true" : "false", scope, type, filter);

    if (bf_automation_parse(spec, (size_t)len, id, 1, "acme", &a, &err))
        test_failed(__FILE__, __LINE__, "%s\n  %s: %s", spec, err.field, err.words);
    return a;
}

static void put(struct bf_rules *r, const char *id, const char *scope, const char *type,
                const char *filter)
{
    struct bf_automation *a = automation(id, scope, type, filter, true);

    bf_rules_put(r, a);
    bf_automation_unref(a);
}

#define ACME   "\"entity\":\"acme\""
#define VISION ACME ",\"project\":\"vision\""
#define RESNET VISION ",\"collection\":\"resnet\""

/* The ids that fire on an event, in order, with spaces between them. */
static const char *fires(struct bf_rules *r, const struct bf_envelope *e)
{
    static char ids[400];
    const struct bf_firing *f;
    size_t n = judge(r, e, &f);

    ids[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        strcat(ids, i ? " " : "");
        strcat(ids, f[i].automation->id);
    }
    return ids;
}

TEST(an_event_fires_at_every_scope_it_lies_in)
{
    struct bf_rules *r = bf_rules_new();
    struct bf_envelope e = {.type = "artifact.create", .entity = "acme", .project = "vision",
                            .collection = "resnet"};

    put(r, "5", "\"entity\":\"other\"", "CREATE_ARTIFACT", "null");
    put(r, "4", RESNET, "UNLINK_ARTIFACT", "null");
    put(r, "3", RESNET, "CREATE_ARTIFACT", "null");
    put(r, "2", VISION, "CREATE_ARTIFACT", "null");
    put(r, "1", ACME, "CREATE_ARTIFACT", "null");
    CHECK_STR(fires(r, &e), "1 2 3");
    e.collection = "vgg";
    CHECK_STR(fires(r, &e), "1 2");
    e.project = "audio";
    CHECK_STR(fires(r, &e), "1");
    e.project = e.collection = NULL;
    CHECK_STR(fires(r, &e), "1");
    e.entity = "other";
    CHECK_STR(fires(r, &e), "5");
    e.type = "ci.done";
    CHECK_STR(fires(r, &e), "");
    bf_rules_free(r);
}

TEST(a_link_into_a_registry_is_a_creation_there)
{
    struct bf_rules *r = bf_rules_new();
    struct bf_envelope e = {.type = "artifact.link", .entity = "acme", .collection = "c",
                            .project = "wandb-registry-model"};
    const struct bf_firing *f;

    put(r, "1", ACME, "CREATE_ARTIFACT", "{\"artifact_type\":\"model\"}");
    put(r, "2", ACME ",\"project\":\"wandb-registry-model\"", "LINK_MODEL", "null");
    CHECK_STR(fires(r, &e), "2");
    e.artifact_type = "model";
    CHECK_INT(judge(r, &e, &f), 2);
    CHECK_STR(f[0].trigger->rendered, "CREATE_ARTIFACT");
    CHECK_STR(f[1].trigger->rendered, "LINK_ARTIFACT");
    e.project = "model-registry";
    CHECK_STR(fires(r, &e), "1");
    e.project = "vision";
    CHECK_STR(fires(r, &e), "");
    bf_rules_free(r);
}

TEST(a_type_of_ones_own_fires_at_every_scope_and_is_no_other_type)
{
    struct bf_rules *r = bf_rules_new();
    struct bf_envelope e = {.type = "ci.finished", .entity = "acme", .project = "vision",
                            .collection = "resnet"};
    const struct bf_firing *f;

    bf_rules_place(r, "acme", "acme-corp");
    put(r, "1", "\"entity\":\"acme-corp\"", "ci.finished", "null");
    put(r, "2", ACME, "ci.finished", "null");
    put(r, "3", VISION, "ci.finished", "{\"collection_name\":\"resnet\"}");
    put(r, "4", RESNET, "ci.finished", "{\"collection_name\":\"vgg\"}");
    put(r, "5", ACME, "ci.finished_late", "null");
    put(r, "6", ACME, "ci", "null");
    put(r, "7", ACME, "CREATE_ARTIFACT", "null");
    put(r, "8", ACME, "belfry.automation.saved", "null");
    CHECK_STR(fires(r, &e), "1 2 3");
    CHECK_INT(judge(r, &e, &f), 3);
    CHECK_STR(f[0].trigger->rendered, "ci.finished");
    e.type = "belfry.automation.saved";
    CHECK_STR(fires(r, &e), "8");
    bf_rules_free(r);
}

TEST(filters_of_one_event_share_its_json)
{
    static const char text[] = "{\"type\":\"ci.finished\",\"entity\":\"acme\",\"data\":{"
                               "\"build\":{\"status\":\"fa\\u0069led\"},\"n\":7}}";
    struct bf_rules *r = bf_rules_new();
    struct bf_envelope e = {.type = "ci.finished", .entity = "acme", .text = text,
                            .text_len = sizeof(text) - 1};

    put(r, "1", ACME, "ci.finished", "{\"data.build.status\":\"failed\"}");
    put(r, "2", ACME, "ci.finished", "{\"data.build.status\":{\"$regex\":\"^fail\"}}");
    put(r, "3", ACME, "ci.finished", "{\"data.n\":{\"$gt\":7}}");
    put(r, "4", ACME, "ci.finished", "{\"data.n\":{\"$gte\":7}}");
    for (int i = 0; i < 3; i++)
        CHECK_STR(fires(r, &e), "1 2 4");
    e.text = "{\"data\":{\"n\":8}}";
    e.text_len = strlen(e.text);
    CHECK_STR(fires(r, &e), "3 4");
    e.text = "{\"data\":";              /* never in the journal; then there is no such field */
    e.text_len = strlen(e.text);
    CHECK_STR(fires(r, &e), "");
    bf_rules_free(r);
}

TEST(a_disabled_automation_is_kept_and_never_fires)
{
    struct bf_rules *r = bf_rules_new();
    struct bf_automation *off = automation("1", ACME, "CREATE_ARTIFACT", "null", false);
    struct bf_envelope e = {.type = "artifact.create", .entity = "acme"};

    bf_rules_put(r, off);
    CHECK_INT(bf_rules_count(r), 1);
    CHECK_STR(fires(r, &e), "");
    put(r, "1", ACME, "CREATE_ARTIFACT", "null");
    CHECK_STR(fires(r, &e), "1");
    bf_rules_put(r, off);
    CHECK_STR(fires(r, &e), "");
    CHECK_INT(bf_rules_count(r), 1);
    bf_automation_unref(off);
    bf_rules_free(r);
}

TEST(a_new_revision_takes_the_place_of_the_old_one)
{
    struct bf_rules *r = bf_rules_new();
    struct bf_envelope e = {.type = "artifact.alias.add", .entity = "acme", .alias = "a"};

    put(r, "1", ACME, "ADD_ARTIFACT_ALIAS", "{\"alias\":\"a\"}");
    put(r, "1", ACME, "ADD_ARTIFACT_ALIAS", "{\"alias\":\"b\"}");
    CHECK_INT(bf_rules_count(r), 1);
    CHECK_STR(fires(r, &e), "");
    e.alias = "b";
    CHECK_STR(fires(r, &e), "1");
    bf_rules_free(r);
}

TEST(what_is_removed_is_gone_and_the_rest_stays)
{
    struct bf_rules *r = bf_rules_new();
    struct bf_envelope e = {.type = "artifact.create", .entity = "acme"};

    put(r, "1", ACME, "CREATE_ARTIFACT", "null");
    put(r, "2", ACME, "CREATE_ARTIFACT", "null");
    put(r, "3", ACME, "CREATE_ARTIFACT", "null");
    bf_rules_remove(r, "2");
    bf_rules_remove(r, "never there");
    CHECK_STR(fires(r, &e), "1 3");
    bf_rules_remove(r, "1");
    bf_rules_remove(r, "3");
    CHECK_STR(fires(r, &e), "");
    CHECK_INT(bf_rules_count(r), 0);
    put(r, "1", ACME, "CREATE_ARTIFACT", "null");
    CHECK_STR(fires(r, &e), "1");
    bf_rules_free(r);
}

TEST(the_rules_keep_what_they_are_given)
{
    struct bf_rules *r = bf_rules_new();
    struct bf_automation *a = automation("1", ACME, "CREATE_ARTIFACT", "null", true);

    bf_rules_put(r, a);
    CHECK_INT(a->refs, 2);
    bf_rules_put(r, a);
    CHECK_INT(a->refs, 2);
    bf_rules_free(r);
    CHECK_INT(a->refs, 1);
    bf_automation_unref(a);
}

TEST(an_organizations_automation_fires_in_each_of_its_teams)
{
    struct bf_rules *r = bf_rules_new();
    struct bf_envelope e = {.type = "artifact.create", .entity = "acme", .project = "vision",
                            .collection = "resnet"};

    put(r, "1", "\"organization\":\"corp\"", "CREATE_ARTIFACT", "null");
    put(r, "2", "\"entity\":\"corp-org\"", "CREATE_ARTIFACT", "null");
    put(r, "3", "\"entity\":\"corp-org\",\"project\":\"vision\"", "CREATE_ARTIFACT", "null");
    put(r, "4", ACME, "CREATE_ARTIFACT", "null");
    CHECK_STR(fires(r, &e), "4");
    bf_rules_place(r, "acme", "corp-org");
    bf_rules_place(r, "corp-org", "corp-org");
    CHECK_STR(fires(r, &e), "1 2 4");
    e.entity = "beta";                          /* made later */
    CHECK_STR(fires(r, &e), "");
    bf_rules_place(r, "beta", "corp-org");
    CHECK_STR(fires(r, &e), "1 2");
    e.entity = "corp-org";                      /* and what is the organization's own */
    CHECK_STR(fires(r, &e), "1 2 3");
    bf_rules_free(r);
}

TEST(a_team_that_is_moved_takes_no_automations_along)
{
    struct bf_rules *r = bf_rules_new();
    struct bf_envelope e = {.type = "artifact.alias.add", .entity = "acme", .alias = "a"};

    put(r, "1", "\"organization\":\"corp\"", "ADD_ARTIFACT_ALIAS", "{\"alias\":\"a\"}");
    put(r, "2", "\"organization\":\"inc\"", "ADD_ARTIFACT_ALIAS", "{\"alias\":{\"$ne\":\"b\"}}");
    put(r, "3", ACME, "ADD_ARTIFACT_ALIAS", "{\"alias\":\"a\"}");
    bf_rules_place(r, "acme", "corp-org");
    CHECK_STR(fires(r, &e), "1 3");
    bf_rules_place(r, "acme", "inc-org");
    CHECK_STR(fires(r, &e), "2 3");
    bf_rules_place(r, "acme", NULL);
    CHECK_STR(fires(r, &e), "3");
    bf_rules_free(r);
}

/* Each of these once fired twice, or never, in some way of filing it. */
static const struct {
    const char *filter, *alias;
    bool fires;
} filed[] = {
    {"{\"alias\":{\"$in\":[\"\",\"a\"]}}", "a", true},
    {"{\"alias\":{\"$in\":[\"a\",\"a\"]}}", "a", true},
    {"{\"alias\":{\"$in\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}}", "9", true},
    {"{\"alias\":\"a\",\"collection_name\":{\"$in\":[\"resnet\",\"vgg\"]}}", "a", true},
    {"{\"alias\":\"a\",\"collection_name\":{\"$in\":[\"vgg\"]}}", "a", false},
    {"{\"collection_name\":\"resnet\"}", "a", true},
    {"{\"collection_name\":\"res/net\"}", "a", false},
    {"{\"collection_name\":{\"$in\":[\"resnet\",\"resnet\\u001e\"]}}", "a", true},
    {"{\"collection_name\":\"\"}", "a", false},
    {"{\"alias\":\"a\\u001f\"}", "a\x1f", true},
    {"{\"alias\":\"a\",\"project_name\":\"vision\"}", "a", true},
};

TEST(however_it_is_filed_it_fires_once)
{
    for (size_t i = 0; i < BF_COUNT(filed); i++) {
        struct bf_rules *r = bf_rules_new();
        struct bf_envelope e = {.type = "artifact.alias.add", .entity = "acme",
                                .project = "vision", .collection = "resnet"};

        e.alias = filed[i].alias;
        put(r, "1", VISION, "ADD_ARTIFACT_ALIAS", filed[i].filter);
        if (strcmp(fires(r, &e), filed[i].fires ? "1" : "") != 0)
            test_failed(__FILE__, __LINE__, "%s fires as \"%s\"", filed[i].filter, fires(r, &e));
        bf_rules_free(r);
    }
}

TEST(a_literal_is_not_taken_for_a_project)
{
    struct bf_rules *r = bf_rules_new();
    struct bf_envelope e = {.type = "artifact.alias.add", .entity = "acme", .project = "vision",
                            .collection = "c", .alias = "vision"};

    put(r, "1", ACME, "ADD_ARTIFACT_ALIAS", "{\"alias\":\"vision\"}");
    put(r, "2", VISION, "ADD_ARTIFACT_ALIAS", "{\"alias\":\"c\"}");
    CHECK_STR(fires(r, &e), "1");
    e.alias = "c";
    CHECK_STR(fires(r, &e), "2");
    bf_rules_free(r);
}

TEST(names_do_not_run_together)
{
    struct bf_rules *r = bf_rules_new();
    struct bf_envelope e = {.type = "artifact.create", .entity = "ab", .project = "c"};

    put(r, "1", "\"entity\":\"a\",\"project\":\"bc\"", "CREATE_ARTIFACT", "null");
    put(r, "2", "\"entity\":\"abc\"", "CREATE_ARTIFACT", "null");
    CHECK_STR(fires(r, &e), "");
    bf_rules_free(r);
}

TEST(the_longest_names_have_their_place)
{
    char name[BF_NAME_MAX + 1], scope[1000], filter[400], longer[1000];
    struct bf_rules *r = bf_rules_new();
    struct bf_envelope e = {.type = "artifact.alias.add", .entity = name, .project = name,
                            .collection = name, .alias = name};

    memset(name, 'n', BF_NAME_MAX);
    name[BF_NAME_MAX] = '\0';
    snprintf(scope, sizeof(scope), "\"entity\":\"%s\",\"project\":\"%s\",\"collection\":\"%s\"",
             name, name, name);
    snprintf(filter, sizeof(filter), "{\"alias\":\"%s\"}", name);
    snprintf(longer, sizeof(longer), "{\"alias\":\"%s%s\"}", name, name);
    put(r, "1", scope, "ADD_ARTIFACT_ALIAS", filter);
    put(r, "2", scope, "ADD_ARTIFACT_ALIAS", longer);
    CHECK_STR(fires(r, &e), "1");
    bf_rules_free(r);
}

TEST(a_hundred_thousand_in_one_place_come_and_go_in_time)
{
    enum { N = 100000 };
    struct bf_rules *r = bf_rules_new();
    struct bf_envelope e = {.type = "artifact.create", .entity = "acme"};
    const struct bf_firing *f;
    char id[27];

    for (int i = 0; i < N; i++) {
        snprintf(id, sizeof(id), "%026d", i * 7919 % N);
        put(r, id, ACME, "CREATE_ARTIFACT", "null");
    }
    CHECK_INT(judge(r, &e, &f), N);
    for (int i = 1; i < N; i++)
        CHECK(strcmp(f[i - 1].automation->id, f[i].automation->id) < 0);
    for (int i = 0; i < N; i++) {
        snprintf(id, sizeof(id), "%026d", i);
        bf_rules_remove(r, id);
    }
    CHECK_INT(judge(r, &e, &f), 0);
    bf_rules_free(r);
}

/* ---- against a scan ---- */

enum { POOL = 400, ROUNDS = 100000 };

static uint32_t seed = 1;

static unsigned pick(unsigned n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static const char *const entities[] = {"acme", "beta", "corp-org", "inc-org"};
static const char *homes[] = {NULL, NULL, NULL, NULL};  /* where each is placed */
static const char *const projects[] = {"prod", "wandb-registry-model", "model-registry"};
static const char *const collections[] = {"resnet", "staging", "c"};
static const char *const texts[] = {"prod", "staging", "latest", "x"};
static const char *const wires[] = {"CREATE_ARTIFACT", "LINK_MODEL", "UNLINK_ARTIFACT",
                                    "ADD_ARTIFACT_ALIAS", "ADD_ARTIFACT_TAG",
                                    "REMOVE_ARTIFACT_TAG", "ADD_COLLECTION_TAG",
                                    "REMOVE_COLLECTION_TAG", "ci.done"};
static const char *const types[] = {"artifact.create", "artifact.link", "artifact.unlink",
                                    "artifact.alias.add", "artifact.tag.add",
                                    "artifact.tag.remove", "collection.tag.add",
                                    "collection.tag.remove", "ci.done"};

#define PICK(array) (array)[pick(BF_COUNT(array))]
#define MAYBE(array) (pick(3) ? PICK(array) : NULL)

/* One condition on a field that the trigger's events have. */
static void random_condition(char *out, size_t size, const struct bf_trigger *t)
{
    const char *field = t->field && pick(3) ? t->field : "collection_name";
    const char *const *values = strcmp(field, "collection_name") ? texts : collections;
    const char *a = values[pick(3)], *b = values[pick(3)];

    switch (pick(6)) {
    case 0:
        snprintf(out, size, "{\"%s\":\"%s\"}", field, a);
        break;
    case 1:
        snprintf(out, size, "{\"%s\":{\"$in\":[\"%s\",\"%s\"]}}", field, a, b);
        break;
    case 2:
        snprintf(out, size, "{\"%s\":{\"$ne\":\"%s\"}}", field, a);
        break;
    case 3:
        snprintf(out, size, "{\"%s\":{\"$contains\":\"e\"}}", field);
        break;
    case 4:
        snprintf(out, size, "{\"$not\":{\"%s\":\"%s\"}}", field, a);
        break;
    default:
        snprintf(out, size, "{}");
    }
}

static struct bf_automation *random_automation(const char *id)
{
    const char *wire = PICK(wires), *project = MAYBE(projects);
    const char *collection = project ? MAYBE(collections) : NULL;
    static const struct bf_trigger own = {.wire = "ci.done", .event = "ci.done"};
    const struct bf_trigger *t = bf_trigger_by_wire(wire) ? bf_trigger_by_wire(wire) : &own;
    char scope[200], one[200], two[200], filter[500];
    int len = snprintf(scope, sizeof(scope), "\"entity\":\"%s\"", PICK(entities));

    if (project)
        len += snprintf(scope + len, sizeof(scope) - (size_t)len, ",\"project\":\"%s\"", project);
    if (collection)
        snprintf(scope + len, sizeof(scope) - (size_t)len, ",\"collection\":\"%s\"", collection);
    random_condition(one, sizeof(one), t);
    random_condition(two, sizeof(two), t);
    snprintf(filter, sizeof(filter), "{\"$or\":[{\"$and\":[{\"%s\":[%s,%s]}]}]}",
             pick(2) ? "$or" : "$and", one, two);
    return automation(id, scope, wire, filter, pick(8) != 0);
}

static struct bf_envelope random_event(void)
{
    return (struct bf_envelope){
        .type = PICK(types), .entity = PICK(entities), .project = MAYBE(projects),
        .collection = MAYBE(collections), .alias = MAYBE(texts), .tag = MAYBE(texts),
    };
}

static bool within(const char *scope, const char *name)
{
    return !scope || (name && strcmp(scope, name) == 0);
}

/* It is for all of the organization that the event's entity is in. */
static bool is_over(const struct bf_automation *a, const struct bf_envelope *e)
{
    for (size_t i = 0; i < BF_COUNT(entities); i++)
        if (strcmp(entities[i], e->entity) == 0)
            return !a->project && homes[i] && strcmp(homes[i], a->entity) == 0;
    return false;
}

static void move_one(struct bf_rules *r)
{
    size_t i = pick(2);

    homes[i] = pick(3) ? entities[2 + pick(2)] : NULL;
    bf_rules_place(r, entities[i], homes[i]);
}

/* What the meaning of an automation says, in so many words. */
static bool should_fire(const struct bf_automation *a, const struct bf_envelope *e)
{
    struct bf_subject s = {.event = e};
    bool registry = e->project && (strncmp(e->project, "wandb-registry-", 15) == 0 ||
                                   strcmp(e->project, "model-registry") == 0);
    bool triggered = strcmp(a->trigger->event, e->type) == 0 ||
                     (strcmp(a->trigger->wire, "CREATE_ARTIFACT") == 0 &&
                      strcmp(e->type, "artifact.link") == 0 && registry);

    return a->enabled && triggered && (within(a->entity, e->entity) || is_over(a, e)) &&
           within(a->project, e->project) && within(a->collection, e->collection) &&
           bf_filter_match(a->filter, &s);
}

static void compare(struct bf_rules *r, struct bf_automation *const *pool)
{
    struct bf_envelope e = random_event();
    const struct bf_firing *f;
    size_t n = judge(r, &e, &f), at = 0;

    for (size_t i = 0; i < POOL; i++) {
        if (!pool[i] || !should_fire(pool[i], &e))
            continue;
        if (at == n || f[at].automation != pool[i])
            test_failed(__FILE__, __LINE__, "%s does not fire on %s", pool[i]->spec, e.type);
        CHECK_STR(f[at].trigger->event, e.type);
        at++;
    }
    CHECK_INT(n, at);
}

TEST(the_index_finds_what_a_scan_finds)
{
    struct bf_automation *pool[POOL] = {NULL};
    struct bf_rules *r = bf_rules_new();
    size_t n = 0;

    for (int round = 0; round < ROUNDS; round++) {
        size_t i = pick(POOL);
        char id[27];

        if (round < 2 * POOL || round % 16 == 0) {
            snprintf(id, sizeof(id), "%03zu", i);
            n -= pool[i] != NULL;
            bf_automation_unref(pool[i]);
            pool[i] = pick(4) ? random_automation(id) : NULL;
            n += pool[i] != NULL;
            if (pool[i])
                bf_rules_put(r, pool[i]);
            else
                bf_rules_remove(r, id);
            CHECK_INT(bf_rules_count(r), n);
        }
        if (round % 64 == 0)
            move_one(r);
        compare(r, pool);
    }
    bf_rules_free(r);
    for (size_t i = 0; i < POOL; i++)
        bf_automation_unref(pool[i]);
}
