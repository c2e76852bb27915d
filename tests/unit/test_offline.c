/* test_offline.c - users and keys added to a data directory while no hub runs in it. */
#include "tests/test.h"

#include <unistd.h>

#include "core/base/crypto.h"
#include "core/data.h"
#include "core/team/team.h"

#define ADMINS "bf-0123456789012345678901234567890123456789"
#define GIVEN  "local-ABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJ"

static struct bf_error err;

struct fixture {
    struct bf_db *db;
    struct bf_team *team;
};

static struct fixture look(void)
{
    struct fixture f = {0};
    char path[200];

    snprintf(path, sizeof(path), "%s/belfry.db", test_dir());
    CHECK_INT(bf_crypto_init(&err), 0);
    if (bf_db_open(path, BF_DB_WRITE, &f.db, &err) ||
        bf_team_open(f.db, test_dir(), &f.team, &err))
        test_failed(__FILE__, __LINE__, "%s", err.words);
    return f;
}

static void end(struct fixture *f)
{
    bf_team_close(f->team);
    bf_db_close(f->db);
}

TEST(a_user_keeps_a_key_from_elsewhere)
{
    struct bf_identity who;
    struct fixture f;

    CHECK_INT(bf_data_add_user(test_dir(), "ana", false, &err), 0);
    CHECK_INT(bf_data_add_user(test_dir(), "ana", false, &err), 0);
    CHECK_INT(bf_data_add_key(test_dir(), "ana", "laptop", 0, GIVEN, &err), 0);
    f = look();
    CHECK(bf_team_authenticate(f.team, GIVEN, strlen(GIVEN), &who));
    CHECK_STR(who.user, "ana");
    CHECK(!who.admin);
    CHECK(bf_team_may(f.team, &who, BF_ALL_RIGHTS, "ana"));
    end(&f);
}

TEST(both_leave_a_record_and_no_key_in_it)
{
    struct bf_query *q;
    struct fixture f;

    CHECK_INT(bf_data_add_user(test_dir(), "ana", true, &err), 0);
    CHECK_INT(bf_data_add_key(test_dir(), "ana", "ci", BF_INGEST, GIVEN, &err), 0);
    f = look();
    q = bf_db_query(f.db, "SELECT type, entity, body FROM journal ORDER BY seq");
    CHECK_INT(bf_query_step(q), 1);
    CHECK_STR(bf_query_col_text(q, 0), "belfry.user.saved");
    CHECK_STR(bf_query_col_text(q, 1), "ana");
    CHECK_INT(bf_query_step(q), 1);
    CHECK_STR(bf_query_col_text(q, 0), "belfry.key.saved");
    CHECK_HAS(bf_query_col_text(q, 2), "\"rights\":[\"ingest\"]");
    CHECK(!strstr(bf_query_col_text(q, 2), "ABCDEFGHIJ"));
    CHECK_INT(bf_query_step(q), 0);
    end(&f);
}

TEST(what_is_wrong_is_refused_and_nothing_is_kept)
{
    struct fixture f;

    CHECK_INT(bf_data_add_key(test_dir(), "ana", "x", 0, GIVEN, &err), BF_ENOENT);
    CHECK_HAS(err.words, "no user \"ana\"");
    CHECK_INT(bf_data_add_user(test_dir(), "a b", false, &err), BF_ECONFIG);
    CHECK_STR(err.field, "name");
    CHECK_INT(bf_data_add_user(test_dir(), "ana", false, &err), 0);
    CHECK_INT(bf_data_add_key(test_dir(), "ana", "x", 0, "short", &err), BF_ECONFIG);
    CHECK_INT(bf_data_add_key(test_dir(), "ana", "", 0, GIVEN, &err), BF_ECONFIG);
    CHECK_INT(bf_data_add_key(test_dir(), "ana", "x", 1u << 20, GIVEN, &err), BF_ECONFIG);
    CHECK_INT(bf_data_add_key(test_dir(), "ana", "x", 0, GIVEN, &err), 0);
    CHECK_INT(bf_data_add_user(test_dir(), "bob", false, &err), 0);
    CHECK_INT(bf_data_add_key(test_dir(), "bob", "x", 0, GIVEN, &err), BF_EEXIST);
    CHECK(!strstr(err.words, "ana"));
    f = look();
    CHECK(!bf_team_exists(f.team, "a b"));
    end(&f);
}

TEST(not_while_a_hub_runs_there)
{
    char path[BF_DATA_PATH_MAX];
    int fd;

    CHECK_INT(bf_data_lock(test_dir(), &fd, path, &err), 0);
    CHECK_INT(bf_data_add_user(test_dir(), "ana", false, &err), BF_EEXIST);
    CHECK_HAS(err.words, "another hub is running");
    close(fd);
    CHECK_INT(bf_data_add_user(test_dir(), "ana", false, &err), 0);
}

/* Users alone once kept a fresh hub from making its first admin. */
TEST(the_first_start_still_makes_an_admin)
{
    struct bf_identity who;
    struct fixture f;
    char made[128];

    CHECK_INT(bf_data_add_user(test_dir(), "ana", false, &err), 0);
    f = look();
    CHECK_INT(bf_team_first_admin(f.team, f.db, NULL, 1700000000000, made, &err), 0);
    CHECK(bf_team_authenticate(f.team, made, strlen(made), &who));
    CHECK(who.admin);
    end(&f);
}

TEST(who_can_start_the_hub_is_not_locked_out)
{
    struct bf_identity who;
    struct fixture f;
    char made[128];

    CHECK_INT(bf_data_add_user(test_dir(), "ana", true, &err), 0);
    f = look();
    CHECK_INT(bf_team_first_admin(f.team, f.db, ADMINS, 1700000000000, made, &err), 0);
    CHECK(bf_team_authenticate(f.team, ADMINS, strlen(ADMINS), &who));
    CHECK_STR(who.user, "admin");
    CHECK_INT(bf_team_delete_user(f.db, "admin", 1700000000000, &err), 0);
    CHECK_INT(bf_team_refresh(f.team, f.db, "user", "admin", &err), 0);
    CHECK_INT(bf_team_first_admin(f.team, f.db, ADMINS, 1700000000000, made, &err), BF_EEXIST);
    CHECK_HAS(err.words, "was revoked");
    CHECK_INT(bf_team_first_admin(f.team, f.db, GIVEN, 1700000000000, made, &err), 0);
    CHECK(bf_team_authenticate(f.team, GIVEN, strlen(GIVEN), &who));
    CHECK(who.admin);
    end(&f);
}
