/* test_organizations.c - organizations: whose teams are whose, and how far their roles reach. */
#include "tests/test.h"

#include "core/base/crypto.h"
#include "core/team/team.h"

#define KEY "bf-0123456789012345678901234567890123456789"
#define NOW 1700000000000

struct fixture {
    struct bf_db *db;
    struct bf_team *team;
    struct bf_error err;
};

static int reopen(struct fixture *f)
{
    bf_team_close(f->team);
    f->team = NULL;
    return bf_team_open(f->db, test_dir(), &f->team, &f->err);
}

static struct fixture begin(void)
{
    struct fixture f = {0};
    char path[200], made[128];

    snprintf(path, sizeof(path), "%s/test.db", test_dir());
    CHECK_INT(bf_crypto_init(&f.err), 0);
    CHECK_INT(bf_db_open(path, BF_DB_WRITE, &f.db, &f.err), 0);
    if (reopen(&f) || bf_team_first_admin(f.team, f.db, KEY, NOW, made, &f.err))
        test_failed(__FILE__, __LINE__, "%s", f.err.words);
    return f;
}

static void end(struct fixture *f)
{
    bf_team_close(f->team);
    bf_db_close(f->db);
}

static void put_organization(struct fixture *f, const char *name)
{
    char own[BF_ENTITY_NAME_MAX + 1];
    bool made;

    CHECK_INT(bf_team_put_organization(f->db, name, NOW, &made, &f->err), 0);
    bf_organization_entity(own, name);
    CHECK_INT(bf_team_refresh(f->team, f->db, "entity", own, &f->err), 0);
}

static int put_team(struct fixture *f, const char *name, const char *organization,
                    struct bf_team_put *out)
{
    struct bf_team_put put = {.organization = organization};
    int rc = bf_team_put_team(f->db, name, &put, NOW, &f->err);

    if (!rc)
        CHECK_INT(bf_team_refresh(f->team, f->db, NULL, NULL, &f->err), 0);
    if (out)
        *out = put;
    return rc;
}

static void run_sql(struct fixture *f, const char *sql)
{
    if (bf_query_run(bf_db_query(f->db, sql)))
        test_failed(__FILE__, __LINE__, "%s: %s", sql, bf_db_words(f->db));
}

/* The admin's key becomes one of `bob`, who has this role in this entity. */
static struct bf_identity become_bob(struct fixture *f, const char *role_sql)
{
    struct bf_identity who;

    run_sql(f, "INSERT INTO team_entities (name, id, kind, created) VALUES ('bob','B','user',1)");
    run_sql(f, "INSERT INTO team_users (name, admin, created) VALUES ('bob', 0, 1)");
    run_sql(f, "UPDATE team_keys SET user_name = 'bob'");
    run_sql(f, role_sql);
    CHECK_INT(bf_team_refresh(f->team, f->db, NULL, NULL, &f->err), 0);
    CHECK(bf_team_authenticate(f->team, KEY, strlen(KEY), &who));
    return who;
}

#define ROLE(entity, role)                                                                   \
    "INSERT INTO team_members (entity, user_name, role) VALUES ('" entity "','bob','" role "')"

/* "IREA" with a dot for each right that is missing. */
static const char *rights(struct fixture *f, const struct bf_identity *who, const char *entity)
{
    static char text[5];

    strcpy(text, "IREA");
    for (int i = 0; i < 4; i++)
        if (!bf_team_may(f->team, who, 1u << i, entity))
            text[i] = '.';
    return text;
}

TEST(the_rights_have_the_bits_that_this_test_thinks)
{
    CHECK_INT(BF_INGEST, 1);
    CHECK_INT(BF_READ, 2);
    CHECK_INT(BF_EDIT, 4);
    CHECK_INT(BF_ADMIN, 8);
}

TEST(a_team_made_without_an_organization_joins_the_default_one)
{
    struct fixture f = begin();
    struct bf_entity e;
    char own[BF_ENTITY_NAME_MAX + 1];

    CHECK_INT(put_team(&f, "ops", NULL, NULL), 0);
    CHECK(bf_team_entity(f.team, "ops", &e));
    CHECK_STR(e.organization, "default");
    CHECK(bf_team_organization_entity(f.team, "ops", own));
    CHECK_STR(own, "default-org");
    CHECK(bf_team_entity(f.team, "default-org", &e));
    CHECK_STR(e.kind, "organization");
    CHECK_STR(e.organization, "default");
    CHECK(!bf_team_organization_entity(f.team, "admin", own));
    CHECK(!bf_team_organization_entity(f.team, "nowhere", own));
    end(&f);
}

TEST(teams_from_before_there_were_organizations_are_adopted)
{
    struct fixture f = begin();
    struct bf_entity e;

    run_sql(&f, "INSERT INTO team_entities (name, id, kind, created) VALUES ('old','O','team',1)");
    CHECK_INT(reopen(&f), 0);
    CHECK(bf_team_entity(f.team, "old", &e));
    CHECK_STR(e.organization, "default");
    CHECK(bf_team_exists(f.team, "default-org"));
    CHECK(bf_team_entity(f.team, "admin", &e));
    CHECK_STR(e.organization, "");
    end(&f);
}

TEST(a_team_is_made_in_an_organization_and_can_be_moved)
{
    struct fixture f = begin();
    struct bf_team_put put;

    put_organization(&f, "acme");
    put_organization(&f, "beta");
    CHECK_INT(put_team(&f, "ops", "acme", &put), 0);
    CHECK(put.made);
    CHECK_STR(put.was, "");
    CHECK_STR(put.is, "acme");
    CHECK_INT(put_team(&f, "ops", NULL, &put), 0);
    CHECK(!put.made);
    CHECK_STR(put.was, "acme");
    CHECK_STR(put.is, "acme");
    CHECK_INT(put_team(&f, "ops", "beta", &put), 0);
    CHECK_STR(put.was, "acme");
    CHECK_STR(put.is, "beta");
    CHECK_INT(put_team(&f, "ops", "nowhere", &put), BF_ECONFIG);
    CHECK_STR(f.err.field, "organization");
    end(&f);
}

TEST(names_that_end_in_org_are_those_of_organizations)
{
    struct fixture f = begin();
    char own[BF_ENTITY_NAME_MAX + 1], longest[BF_ENTITY_NAME_MAX + 1];
    bool made;

    CHECK_INT(put_team(&f, "acme-org", NULL, NULL), BF_ECONFIG);
    CHECK_HAS(f.err.words, "names that end in -org");
    CHECK_INT(bf_team_put_entity(f.db, "x-org", "user", NOW, &made, &f.err), BF_ECONFIG);
    CHECK_INT(put_team(&f, "org", NULL, NULL), 0);
    CHECK_INT(put_team(&f, "-org", NULL, NULL), 0);     /* no organization has an empty name */
    memset(longest, 'x', sizeof(longest));
    longest[BF_ORGANIZATION_NAME_MAX] = '\0';
    CHECK(bf_organization_name_ok(longest));
    bf_organization_entity(own, longest);
    CHECK_INT(strlen(own), BF_ENTITY_NAME_MAX);
    longest[BF_ORGANIZATION_NAME_MAX] = 'x';
    longest[BF_ORGANIZATION_NAME_MAX + 1] = '\0';
    CHECK(!bf_organization_name_ok(longest));
    bf_organization_entity(own, longest);
    CHECK_STR(own, "");
    end(&f);
}

TEST(a_team_may_have_the_name_of_an_organization)
{
    struct fixture f = begin();

    put_organization(&f, "acme");
    CHECK_INT(put_team(&f, "acme", "acme", NULL), 0);
    end(&f);
}

TEST(an_organizations_admin_is_admin_of_its_teams_and_of_no_other)
{
    struct fixture f = begin();
    struct bf_identity bob;

    put_organization(&f, "acme");
    put_organization(&f, "beta");
    CHECK_INT(put_team(&f, "ops", "acme", NULL), 0);
    CHECK_INT(put_team(&f, "dev", "beta", NULL), 0);
    bob = become_bob(&f, ROLE("acme-org", "admin"));
    CHECK_STR(rights(&f, &bob, "ops"), "IREA");
    CHECK_STR(rights(&f, &bob, "acme-org"), "IREA");
    CHECK_STR(rights(&f, &bob, "dev"), "....");
    CHECK_STR(rights(&f, &bob, "beta-org"), "....");
    CHECK_STR(rights(&f, &bob, "admin"), "....");
    CHECK_INT(put_team(&f, "ops", "beta", NULL), 0);
    CHECK_STR(rights(&f, &bob, "ops"), "....");
    CHECK_INT(put_team(&f, "dev", "acme", NULL), 0);
    CHECK_STR(rights(&f, &bob, "dev"), "IREA");
    end(&f);
}

TEST(a_member_of_an_organization_has_no_role_in_its_teams)
{
    struct fixture f = begin();
    struct bf_identity bob;

    put_organization(&f, "acme");
    CHECK_INT(put_team(&f, "ops", "acme", NULL), 0);
    bob = become_bob(&f, ROLE("acme-org", "member"));
    CHECK_STR(rights(&f, &bob, "acme-org"), "IRE.");
    CHECK_STR(rights(&f, &bob, "ops"), "....");
    end(&f);
}

TEST(who_is_in_a_team_may_read_what_is_its_organizations_own)
{
    struct fixture f = begin();
    struct bf_identity bob;

    put_organization(&f, "acme");
    put_organization(&f, "beta");
    CHECK_INT(put_team(&f, "ops", "acme", NULL), 0);
    bob = become_bob(&f, ROLE("ops", "admin"));
    CHECK_STR(rights(&f, &bob, "acme-org"), ".R..");
    CHECK_STR(rights(&f, &bob, "beta-org"), "....");
    CHECK_INT(put_team(&f, "ops", "beta", NULL), 0);
    CHECK_STR(rights(&f, &bob, "acme-org"), "....");
    CHECK_STR(rights(&f, &bob, "beta-org"), ".R..");
    end(&f);
}

TEST(a_keys_own_rights_hold_against_an_organizations_role_too)
{
    struct fixture f = begin();
    struct bf_identity bob;

    put_organization(&f, "acme");
    CHECK_INT(put_team(&f, "ops", "acme", NULL), 0);
    run_sql(&f, "UPDATE team_keys SET rights = 1");
    bob = become_bob(&f, ROLE("acme-org", "admin"));
    CHECK_STR(rights(&f, &bob, "ops"), "I...");
    CHECK_STR(rights(&f, &bob, "acme-org"), "I...");
    end(&f);
}

TEST(a_deleted_teams_name_comes_back_only_for_who_may_see_its_past)
{
    struct fixture f = begin();
    struct bf_team_put put = {.may_revive = true};
    struct bf_identity bob;

    put_organization(&f, "acme");
    CHECK_INT(put_team(&f, "ops", "acme", NULL), 0);
    bob = become_bob(&f, ROLE("ops", "admin"));
    CHECK_STR(rights(&f, &bob, "ops"), "IREA");
    run_sql(&f, "DELETE FROM team_members");
    run_sql(&f, "UPDATE team_entities SET deleted = 1 WHERE name = 'ops'");
    CHECK_INT(bf_team_refresh(f.team, f.db, "entity", "ops", &f.err), 0);
    CHECK(!bf_team_exists(f.team, "ops"));
    CHECK_STR(rights(&f, &bob, "ops"), "....");
    CHECK(!bf_team_may(f.team, &bob, BF_READ, NULL));
    CHECK_INT(put_team(&f, "ops", "acme", NULL), BF_EEXIST);
    CHECK_HAS(f.err.words, "was deleted");
    CHECK_INT(bf_team_put_team(f.db, "ops", &put, NOW, &f.err), 0);
    CHECK(put.made);
    CHECK_STR(put.is, "acme");
    CHECK_INT(bf_team_refresh(f.team, f.db, "entity", "ops", &f.err), 0);
    CHECK(bf_team_exists(f.team, "ops"));
    CHECK_STR(rights(&f, &bob, "ops"), "....");
    end(&f);
}

TEST(a_deleted_users_keys_are_unknown_and_stay_so)
{
    struct fixture f = begin();
    struct bf_identity who;

    become_bob(&f, ROLE("bob", "admin"));
    run_sql(&f, "UPDATE team_entities SET deleted = 1 WHERE name = 'bob'");
    run_sql(&f, "UPDATE team_keys SET revoked = 1 WHERE user_name = 'bob'");
    CHECK_INT(bf_team_refresh(f.team, f.db, "user", "bob", &f.err), 0);
    CHECK(!bf_team_authenticate(f.team, KEY, strlen(KEY), &who));
    run_sql(&f, "UPDATE team_entities SET deleted = NULL WHERE name = 'bob'");
    CHECK_INT(bf_team_refresh(f.team, f.db, "user", "bob", &f.err), 0);
    CHECK(!bf_team_authenticate(f.team, KEY, strlen(KEY), &who));
    end(&f);
}
