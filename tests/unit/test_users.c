/* test_users.c - users, service accounts, roles: what keeps a hub usable by somebody. */
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

static struct fixture begin(void)
{
    struct fixture f = {0};
    char path[200], made[128];
    bool new;

    snprintf(path, sizeof(path), "%s/test.db", test_dir());
    CHECK_INT(bf_crypto_init(&f.err), 0);
    CHECK_INT(bf_db_open(path, BF_DB_WRITE, &f.db, &f.err), 0);
    if (bf_team_open(f.db, test_dir(), &f.team, &f.err) ||
        bf_team_first_admin(f.team, f.db, KEY, NOW, made, &f.err) ||
        bf_team_put_entity(f.db, "ops", "team", NOW, &new, &f.err) ||
        bf_team_put_entity(f.db, "dev", "team", NOW, &new, &f.err) ||
        bf_team_refresh(f.team, f.db, NULL, NULL, &f.err))
        test_failed(__FILE__, __LINE__, "%s", f.err.words);
    return f;
}

static void end(struct fixture *f)
{
    bf_team_close(f->team);
    bf_db_close(f->db);
}

static int put(struct fixture *f, const char *name, int admin, const char *service)
{
    struct bf_user_put how = {.admin = admin, .service = service};
    int rc = bf_team_put_user(f->db, name, &how, NOW, &f->err);

    if (!rc && (bf_team_refresh(f->team, f->db, "entity", name, &f->err) ||
                bf_team_refresh(f->team, f->db, "user", name, &f->err)))
        test_failed(__FILE__, __LINE__, "%s", f->err.words);
    return rc;
}

static const char *role(struct fixture *f, const char *entity, const char *user)
{
    static char text[BF_ROLE_SIZE];

    CHECK_INT(bf_team_read_role(f->db, entity, user, text, &f->err), 0);
    return text;
}

static int give(struct fixture *f, const char *entity, const char *user, const char *text)
{
    char was[BF_ROLE_SIZE];

    return bf_team_put_member(f->db, entity, user, text, false, was, &f->err);
}

TEST(a_person_has_an_entity_of_their_own_and_is_its_admin)
{
    struct fixture f = begin();
    struct bf_entity e;
    struct bf_user u;

    CHECK_INT(put(&f, "ana", -1, NULL), 0);
    CHECK(bf_team_entity(f.team, "ana", &e));
    CHECK_STR(e.kind, "user");
    CHECK_STR(role(&f, "ana", "ana"), "admin");
    CHECK(bf_team_user(f.team, "ana", &u));
    CHECK(!u.admin && !*u.service);
    CHECK_INT(u.rights, BF_ALL_RIGHTS);
    CHECK_INT(bf_team_read_user(f.db, "ana", &u, &f.err), 0);
    CHECK_INT(u.created_ms, NOW);
    end(&f);
}

TEST(a_service_account_is_a_member_of_its_team_and_nothing_else)
{
    struct fixture f = begin();
    struct bf_user u;

    CHECK_INT(put(&f, "bot", -1, "ops"), 0);
    CHECK(bf_team_user(f.team, "bot", &u));
    CHECK_STR(u.service, "ops");
    CHECK_INT(u.rights, BF_INGEST | BF_READ | BF_EDIT);
    CHECK_STR(role(&f, "ops", "bot"), "member");
    CHECK_STR(role(&f, "bot", "bot"), "");
    CHECK_INT(give(&f, "dev", "bot", "member"), BF_EINVAL);
    CHECK_HAS(f.err.words, "works there alone");
    CHECK_INT(give(&f, "ops", "bot", "viewer"), 0);
    CHECK_INT(bf_team_delete_member(f.db, "ops", "bot", true, &f.err), BF_EEXIST);
    CHECK_HAS(f.err.words, "DELETE /api/v1/users/bot");
    end(&f);
}

TEST(what_a_user_is_does_not_change)
{
    struct fixture f = begin();

    CHECK_INT(put(&f, "ana", -1, NULL), 0);
    CHECK_INT(put(&f, "bot", -1, "ops"), 0);
    CHECK_INT(put(&f, "ana", -1, "ops"), BF_EEXIST);
    CHECK_INT(put(&f, "bot", -1, "dev"), BF_EEXIST);
    CHECK_STR(f.err.field, "service");
    CHECK_INT(put(&f, "bot", 1, NULL), BF_ECONFIG);
    CHECK_STR(f.err.field, "admin");
    CHECK_INT(put(&f, "new", 1, "ops"), BF_ECONFIG);
    CHECK_INT(put(&f, "new", -1, "nowhere"), BF_ECONFIG);
    CHECK_INT(put(&f, "new", -1, "ana"), BF_ECONFIG);
    CHECK_INT(put(&f, "ops", -1, NULL), BF_EEXIST);
    CHECK_INT(put(&f, "x-org", -1, NULL), BF_ECONFIG);
    CHECK_INT(put(&f, "bot", -1, "ops"), 0);
    end(&f);
}

TEST(a_hub_keeps_an_admin)
{
    struct fixture f = begin();

    CHECK_INT(put(&f, "admin", 0, NULL), BF_EEXIST);
    CHECK_HAS(f.err.words, "last admin of the hub");
    CHECK_INT(bf_team_delete_user(f.db, "admin", NOW, &f.err), BF_EEXIST);
    CHECK_INT(put(&f, "ana", 1, NULL), 0);
    CHECK_INT(put(&f, "admin", 0, NULL), 0);
    CHECK_INT(bf_team_delete_user(f.db, "admin", NOW, &f.err), 0);
    CHECK_INT(put(&f, "ana", 0, NULL), BF_EEXIST);
    end(&f);
}

TEST(a_team_keeps_an_admin_unless_somebody_above_says_otherwise)
{
    struct fixture f = begin();
    char was[BF_ROLE_SIZE];

    CHECK_INT(put(&f, "ana", -1, NULL), 0);
    CHECK_INT(put(&f, "bob", -1, NULL), 0);
    CHECK_INT(give(&f, "ops", "ana", "admin"), 0);
    CHECK_INT(give(&f, "ops", "ana", "member"), BF_EEXIST);
    CHECK_INT(bf_team_delete_member(f.db, "ops", "ana", false, &f.err), BF_EEXIST);
    CHECK_HAS(f.err.words, "ana is the last admin of ops");
    CHECK_INT(give(&f, "ops", "bob", "admin"), 0);
    CHECK_INT(give(&f, "ops", "ana", "member"), 0);
    CHECK_INT(bf_team_put_member(f.db, "ops", "bob", "viewer", true, was, &f.err), 0);
    CHECK_STR(was, "admin");
    CHECK_INT(bf_team_delete_member(f.db, "ops", "ana", false, &f.err), 0);
    CHECK_INT(bf_team_delete_member(f.db, "ops", "ana", false, &f.err), BF_ENOENT);
    end(&f);
}

TEST(a_users_own_entity_has_one_member_for_ever)
{
    struct fixture f = begin();

    CHECK_INT(put(&f, "ana", -1, NULL), 0);
    CHECK_INT(give(&f, "ana", "admin", "viewer"), BF_EINVAL);
    CHECK_INT(give(&f, "ana", "ana", "viewer"), BF_EINVAL);
    CHECK_INT(bf_team_delete_member(f.db, "ana", "ana", true, &f.err), BF_EINVAL);
    CHECK_INT(give(&f, "ops", "nobody", "viewer"), BF_ENOENT);
    end(&f);
}

TEST(a_deleted_user_leaves_no_role_and_no_key_behind)
{
    struct fixture f = begin();
    struct bf_key key = {.user = "ana", .name = "k", .rights = BF_ALL_RIGHTS, .created_ms = NOW};
    char text[BF_KEY_TEXT_SIZE];
    struct bf_identity who;
    struct bf_user_put how = {.admin = -1};

    CHECK_INT(put(&f, "ana", -1, NULL), 0);
    CHECK_INT(give(&f, "ops", "ana", "admin"), 0);
    bf_key_make(text);
    CHECK_INT(bf_team_add_key(f.team, f.db, text, &key, &f.err), 0);
    CHECK_INT(bf_team_refresh(f.team, f.db, "key", key.id, &f.err), 0);
    CHECK(bf_team_authenticate(f.team, text, strlen(text), &who));
    CHECK_INT(bf_team_delete_user(f.db, "ana", NOW + 1, &f.err), 0);
    CHECK_INT(bf_team_refresh(f.team, f.db, "user", "ana", &f.err), 0);
    CHECK(!bf_team_authenticate(f.team, text, strlen(text), &who));
    CHECK(!bf_team_may(f.team, &who, 0, NULL));         /* for who holds the identity still */
    CHECK_STR(role(&f, "ops", "ana"), "");
    CHECK_INT(bf_team_read_user(f.db, "ana", &(struct bf_user){.admin = 0}, &f.err), BF_ENOENT);
    CHECK_INT(bf_team_put_user(f.db, "ana", &how, NOW, &f.err), BF_EEXIST);
    how.may_revive = true;
    CHECK_INT(bf_team_put_user(f.db, "ana", &how, NOW, &f.err), 0);
    CHECK(how.made);
    CHECK_INT(bf_team_refresh(f.team, f.db, NULL, NULL, &f.err), 0);
    CHECK(!bf_team_authenticate(f.team, text, strlen(text), &who));
    CHECK_STR(role(&f, "ops", "ana"), "");
    CHECK_STR(role(&f, "ana", "ana"), "admin");
    end(&f);
}

TEST(what_a_team_has_is_found_by_kind)
{
    struct fixture f = begin();
    struct bf_owned o;
    bool made;

    CHECK_INT(bf_team_owned(f.db, "ops", &o, &f.err), 0);
    CHECK(!o.integrations && !o.secrets && !o.service_accounts && !o.teams);
    CHECK_INT(put(&f, "bot", -1, "ops"), 0);
    CHECK_INT(bf_team_put_secret(f.team, f.db, "ops", "S", "v", 1, NOW, &made, &f.err), 0);
    CHECK_INT(bf_team_owned(f.db, "ops", &o, &f.err), 0);
    CHECK(!o.integrations && o.secrets && o.service_accounts && !o.teams);
    CHECK_INT(bf_team_delete_user(f.db, "bot", NOW, &f.err), 0);
    CHECK_INT(bf_team_owned(f.db, "ops", &o, &f.err), 0);
    CHECK(!o.service_accounts);
    CHECK_INT(bf_team_owned(f.db, "default-org", &o, &f.err), 0);
    CHECK(o.teams && !o.secrets);
    end(&f);
}

/* A request that was let in before its team was deleted once gave the deleted team a secret. */
TEST(a_deleted_team_is_given_nothing)
{
    struct fixture f = begin();
    bool made;

    CHECK_INT(put(&f, "ana", -1, NULL), 0);
    CHECK_INT(bf_team_check_there(f.db, "ops", &f.err), 0);
    CHECK_INT(bf_team_delete_entity(f.db, "ops", NOW, &f.err), 0);
    CHECK_INT(bf_team_check_there(f.db, "ops", &f.err), BF_ENOENT);
    CHECK_INT(bf_team_check_there(f.db, "nowhere", &f.err), BF_ENOENT);
    CHECK_INT(give(&f, "ops", "ana", "admin"), BF_ENOENT);
    CHECK_INT(give(&f, "nowhere", "ana", "admin"), BF_ENOENT);
    CHECK_INT(put(&f, "bot", -1, "ops"), BF_ECONFIG);
    CHECK_INT(bf_team_put_secret(f.team, f.db, "ops", "S", "v", 1, NOW, &made, &f.err), BF_ENOENT);
    end(&f);
}
