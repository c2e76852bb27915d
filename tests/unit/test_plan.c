/* What becomes of things: who owns them, what was changed by hand, and what documents may say. */
#include "core/plan/plan.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/buf.h"
#include "core/team/team.h"
#include "tests/test.h"

/* --- ownership --------------------------------------------------------------------------- */

#define WANTED 1u
#define THERE  2u
#define OWNED  4u
#define FOREIGN 8u
#define DIFFERS 16u
#define DRIFTED 32u
#define ADOPT   64u
#define OVERWRITE 128u

struct decision {
    unsigned facts;
    enum bf_plan_action action;
    bool owns;
};

static void check(enum bf_thing_kind kind, const struct decision *d)
{
    struct bf_plan_facts f = {.kind = kind,
                              .wanted = d->facts & WANTED,
                              .there = d->facts & THERE,
                              .owned = d->facts & OWNED,
                              .foreign = d->facts & FOREIGN,
                              .differs = d->facts & DIFFERS,
                              .drifted = d->facts & DRIFTED};
    struct bf_plan_options o = {.adopt = d->facts & ADOPT, .overwrite = d->facts & OVERWRITE};
    bool owns;
    enum bf_plan_action action = bf_plan_decide(&f, &o, &owns);

    if (action != d->action || owns != d->owns)
        test_failed(__FILE__, __LINE__, "facts %u: action %d and owns %d, not %d and %d", d->facts,
                    action, owns, d->action, d->owns);
}

TEST(what_is_wanted_is_made_or_changed_and_then_owned)
{
    static const struct decision table[] = {
        {WANTED, BF_PLAN_CREATE, true},
        {WANTED | THERE | OWNED, BF_PLAN_NOTHING, true},
        {WANTED | THERE | OWNED | DIFFERS, BF_PLAN_CHANGE, true},
    };

    for (size_t i = 0; i < BF_COUNT(table); i++)
        check(BF_THING_AUTOMATION, &table[i]);
}

TEST(what_was_changed_by_hand_is_left_alone)
{
    static const struct decision table[] = {
        {WANTED | THERE | OWNED | DIFFERS | DRIFTED, BF_PLAN_DRIFT, true},
        {WANTED | THERE | OWNED | DIFFERS | DRIFTED | ADOPT, BF_PLAN_DRIFT, true},
        {WANTED | THERE | OWNED | DIFFERS | DRIFTED | OVERWRITE, BF_PLAN_CHANGE, true},
        {WANTED | OWNED, BF_PLAN_DRIFT, true},          /* deleted by hand */
        {WANTED | OWNED | OVERWRITE, BF_PLAN_CREATE, true},
        {THERE | OWNED | DRIFTED, BF_PLAN_DRIFT, true},
        {THERE | OWNED | DRIFTED | OVERWRITE, BF_PLAN_DELETE, false},
        /* by hand, but to what the file says now */
        {WANTED | THERE | OWNED | DRIFTED, BF_PLAN_NOTHING, true},
    };

    for (size_t i = 0; i < BF_COUNT(table); i++)
        check(BF_THING_INTEGRATION, &table[i]);
}

TEST(what_is_not_the_files_is_adopted_if_it_is_the_same)
{
    static const struct decision table[] = {
        {WANTED | THERE, BF_PLAN_NOTHING, true},
        {WANTED | THERE | DIFFERS, BF_PLAN_CONFLICT, false},
        {WANTED | THERE | DIFFERS | OVERWRITE, BF_PLAN_CONFLICT, false},
        {WANTED | THERE | DIFFERS | ADOPT, BF_PLAN_CHANGE, true},
        {WANTED | THERE | FOREIGN, BF_PLAN_NOTHING, false},
        {WANTED | THERE | FOREIGN | DIFFERS, BF_PLAN_CONFLICT, false},
        {WANTED | THERE | FOREIGN | DIFFERS | ADOPT, BF_PLAN_CHANGE, true},
        {WANTED | THERE | FOREIGN | ADOPT, BF_PLAN_NOTHING, true},
    };

    for (size_t i = 0; i < BF_COUNT(table); i++)
        check(BF_THING_AUTOMATION, &table[i]);
}

TEST(what_the_file_says_no_more_is_deleted)
{
    static const struct decision table[] = {
        {THERE | OWNED, BF_PLAN_DELETE, false},
        {OWNED, BF_PLAN_FORGET, false},
    };

    for (size_t i = 0; i < BF_COUNT(table); i++)
        check(BF_THING_AUTOMATION, &table[i]);
}

/* A file that only names the team would take it away with its last line. */
TEST(a_team_that_was_there_before_is_used_and_not_owned)
{
    static const struct decision table[] = {
        {WANTED | THERE, BF_PLAN_NOTHING, false},
        {WANTED | THERE | ADOPT, BF_PLAN_NOTHING, true},
        {WANTED | THERE | OWNED, BF_PLAN_NOTHING, true},
        {WANTED, BF_PLAN_CREATE, true},
    };

    for (size_t i = 0; i < BF_COUNT(table); i++)
        check(BF_THING_TEAM, &table[i]);
}


/* --- states ------------------------------------------------------------------------------ */

static void on_member(void *arg, const char *member, const char *before, const char *after)
{
    struct bf_buf *b = arg;

    bf_buf_printf(b, "%s%s: %s -> %s", b->len ? "; " : "", member, before ? before : "none",
                  after ? after : "none");
}

static void check_states(enum bf_thing_kind kind, const char *before, const char *after,
                         const char *want)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    struct bf_buf b;

    bf_buf_init(&b, 65536);
    CHECK_INT(bf_states_differ(a, kind, before, after, on_member, &b), *want != '\0');
    CHECK_STR(bf_buf_text(&b), want);
    bf_buf_fini(&b);
    bf_arena_free(a);
}

static const char *integration(struct bf_arena *a, const char *config, const char *secrets,
                               const char *pace)
{
    struct bf_delivery_settings delivery = {.parallel = 0};
    struct bf_state_integration i = {.sink = "webhook", .secrets = secrets, .delivery = &delivery};

    snprintf(delivery.pace, sizeof(delivery.pace), "%s", pace);
    i.config = bf_json_parse(a, config, strlen(config), NULL);
    return bf_state_integration(a, &i);
}

TEST(an_integration_is_the_same_in_any_order)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);

    check_states(BF_THING_INTEGRATION,
                 integration(a, "{\"url\":\"https://a\",\"method\":\"PUT\",\"secret\":null}", "B A", ""),
                 integration(a, "{\"method\":\"PUT\",\"url\":\"https://a\"}", "A B", ""), "");
    check_states(BF_THING_INTEGRATION, integration(a, "{\"url\":\"https://a\"}", "", "1/s"),
                 integration(a, "{\"url\":\"https://b\",\"method\":\"PUT\"}", "A", ""),
                 "config.url: \"https://a\" -> \"https://b\"; config.method: none -> \"PUT\"; "
                 "secrets: [] -> [\"A\"]; delivery.pace: \"1/s\" -> none");
    bf_arena_free(a);
}

/* No document can hold it, so one that leaves it out says nothing of it. */
TEST(a_sealed_literal_is_the_same_as_none)
{
    struct bf_arena *a = bf_arena_new(1024 * 1024);
    const char *sealed = integration(a, "{\"url\":\"u\",\"secret\":{\"set\":true}}", "", "");

    check_states(BF_THING_INTEGRATION, sealed, integration(a, "{\"url\":\"u\"}", "", ""), "");
    check_states(BF_THING_INTEGRATION, integration(a, "{\"url\":\"u\"}", "", ""), sealed, "");
    check_states(BF_THING_INTEGRATION, sealed, sealed, "");
    check_states(BF_THING_INTEGRATION, sealed,
                 integration(a, "{\"url\":\"u\",\"secret\":\"SIGNING\"}", "", ""),
                 "config.secret: {\"set\":true} -> \"SIGNING\"");
    bf_arena_free(a);
}

TEST(a_document_may_leave_the_organization_of_a_team_open)
{
    struct bf_arena *a = bf_arena_new(65536);

    check_states(BF_THING_TEAM, bf_state_team(a, "lab"), bf_state_team(a, NULL), "");
    check_states(BF_THING_TEAM, bf_state_team(a, "lab"), bf_state_team(a, "shop"),
                 "organization: \"lab\" -> \"shop\"");
    bf_arena_free(a);
}


/* --- documents --------------------------------------------------------------------------- */

/* What is wrong with it: "field: words", or "" and how many things it has in *n. */
static void read_document(const char *text, size_t *n, char *wrong, size_t size)
{
    struct bf_arena *a = bf_arena_new(64 * 1024 * 1024);
    const struct bf_json *json = bf_json_parse(a, text, strlen(text), NULL);
    struct bf_document d;
    struct bf_error err = {0};

    *wrong = '\0';
    *n = 0;
    if (bf_document_read(a, json, &d, &err))
        snprintf(wrong, size, "%s: %s", err.field, err.words);
    else
        *n = d.n;
    bf_arena_free(a);
}

#define MINIMAL "{\"name\":\"a\",\"scope\":{\"entity\":\"acme\"}}"

TEST(documents_are_checked_and_what_is_wrong_is_named)
{
    static const struct {
        const char *text, *want;
    } table[] = {
        {"[]", ": must be an object, not an array"},
        {"{\"teams\":[]}", "manifest: manifest is missing"},
        {"{\"manifest\":\"a/b\"}", "manifest: a manifest's name has 1 to 128"},
        {"{\"manifest\":\" m\"}", "manifest: a manifest's name has 1 to 128"},
        {"{\"manifest\":\"m\",\"team\":[]}", "team: there is no member \"team\" here; known: manifest"},
        {"{\"manifest\":\"m\",\"teams\":{}}", "teams: must be an array, not an object"},
        {"{\"manifest\":\"m\",\"teams\":[{\"name\":\"..\"}]}", "teams[0].name: a team's name has"},
        {"{\"manifest\":\"m\",\"teams\":[{\"name\":\"a\",\"members\":1}]}",
         "teams[0].members: there is no member \"members\""},
        {"{\"manifest\":\"m\",\"teams\":[{\"name\":\"a\"},{\"name\":\"a\"}]}",
         "teams[1].name: team has the name of teams[0], \"a\" again"},
        {"{\"manifest\":\"m\",\"integrations\":[{\"team\":\"a\",\"name\":\"b\"}]}",
         "integrations[0].sink: sink is missing"},
        {"{\"manifest\":\"m\",\"integrations\":[{\"team\":\"a\",\"name\":\"b/c\",\"sink\":\"x\"}]}",
         "integrations[0].name: an integration's name has"},
        {"{\"manifest\":\"m\",\"integrations\":[{\"team\":\"a\",\"name\":\"b\",\"sink\":\"x\","
         "\"config\":[]}]}", "integrations[0].config: must be an object, not an array"},
        {"{\"manifest\":\"m\",\"automations\":[7]}", "automations[0]: must be an object"},
        {"{\"manifest\":\"m\",\"automations\":[{\"name\":\"a\"}]}",
         "automations[0].scope: scope is missing"},
        {"{\"manifest\":\"m\",\"automations\":[{\"name\":\"a\",\"scope\":{\"project\":\"p\"}}]}",
         "automations[0].scope.entity: entity is missing"},
        {"{\"manifest\":\"m\",\"automations\":[" MINIMAL "," MINIMAL "]}",
         "automations[1].name: automation of acme has the name of automations[0]"},
        {"{\"manifest\":\"m\"}", ""},
        {"{\"manifest\":\"a b.c\",\"teams\":null,\"automations\":[" MINIMAL ","
         "{\"name\":\"a\",\"scope\":{\"organization\":\"acme\"}}]}", ""},
    };
    char wrong[1200];
    size_t n;

    for (size_t i = 0; i < BF_COUNT(table); i++) {
        read_document(table[i].text, &n, wrong, sizeof(wrong));
        wrong[strlen(table[i].want) < strlen(wrong) && *table[i].want ? strlen(table[i].want)
                                                                     : strlen(wrong)] = '\0';
        CHECK_STR(wrong, table[i].want);
    }
}

TEST(a_document_has_10000_things_and_no_more)
{
    char wrong[1200];
    struct bf_buf b;
    size_t n;

    for (int more = 0; more < 2; more++) {
        bf_buf_init(&b, 4 * 1024 * 1024);
        bf_buf_adds(&b, "{\"manifest\":\"m\",\"teams\":[");
        for (int i = 0; i < BF_DOCUMENT_THINGS + more; i++)
            bf_buf_printf(&b, "%s{\"name\":\"t%d\"}", i ? "," : "", i);
        bf_buf_adds(&b, "]}");
        read_document(b.data, &n, wrong, sizeof(wrong));
        CHECK_INT(n, more ? 0 : BF_DOCUMENT_THINGS);
        CHECK(more == (strstr(wrong, "describes 10001 things") != NULL));
        bf_buf_fini(&b);
    }
}


/* --- what belongs to whom ------------------------------------------------------------------ */

static void on_row(void *arg, const struct bf_managed *row)
{
    bf_buf_printf(arg, "%s %s/%s=%s %s;", bf_thing_name(row->kind), row->entity, row->name, row->id,
                  row->applied);
}

static void check_rows(struct bf_db *db, const char *manifest, const char *want)
{
    struct bf_buf b;

    bf_buf_init(&b, 4096);
    CHECK_INT(bf_managed_list(db, manifest, on_row, &b), 0);
    CHECK_STR(bf_buf_text(&b), want);
    bf_buf_fini(&b);
}

TEST(a_thing_belongs_to_one_manifest_at_most)
{
    struct bf_managed row = {.manifest = "one", .kind = BF_THING_AUTOMATION, .entity = "acme",
                             .name = "a", .id = "A1", .applied = "{}"};
    char path[200], owner[BF_MANIFEST_NAME_MAX + 1];
    struct bf_error err;
    struct bf_db *db;

    snprintf(path, sizeof(path), "%s/managed.db", test_dir());
    CHECK_INT(bf_db_open(path, BF_DB_WRITE, &db, &err), 0);
    CHECK_INT(bf_db_migrate(db, "plan", bf_managed_schema, &err), 0);
    CHECK_INT(bf_managed_put(db, &row, 1, &err), 0);
    row.applied = "{\"a\":1}";
    CHECK_INT(bf_managed_put(db, &row, 2, &err), 0);
    check_rows(db, "one", "automation acme/a=A1 {\"a\":1};");
    CHECK_INT(bf_managed_owner(db, BF_THING_AUTOMATION, "A1", owner), 1);
    CHECK_STR(owner, "one");
    row.manifest = "two";
    row.name = "b";
    CHECK_INT(bf_managed_put(db, &row, 3, &err), 0);
    check_rows(db, "one", "");
    check_rows(db, "two", "automation acme/b=A1 {\"a\":1};");
    CHECK_INT(bf_managed_forget(db, "two", BF_THING_AUTOMATION, "acme", "b", &err), 0);
    CHECK_INT(bf_managed_owner(db, BF_THING_AUTOMATION, "A1", owner), 0);
    bf_db_close(db);
}
