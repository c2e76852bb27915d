#include "tests/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/crypto.h"
#include "core/team/team.h"

#define KEY "bf-0123456789012345678901234567890123456789"
#define NOW 1700000000000

struct fixture {
    struct bf_db *db;
    struct bf_team *team;
    struct bf_error err;
};

static const char *path_of(const char *name)
{
    static char path[200];

    snprintf(path, sizeof(path), "%s/%s", test_dir(), name);
    return path;
}

static int reopen(struct fixture *f)
{
    bf_team_close(f->team);
    f->team = NULL;
    return bf_team_open(f->db, test_dir(), &f->team, &f->err);
}

static struct fixture begin(void)
{
    struct fixture f = {0};

    CHECK_INT(bf_crypto_init(&f.err), 0);
    CHECK_INT(bf_db_open(path_of("test.db"), BF_DB_WRITE, &f.db, &f.err), 0);
    if (reopen(&f))
        test_failed(__FILE__, __LINE__, "%s", f.err.words);
    return f;
}

static void end(struct fixture *f)
{
    bf_team_close(f->team);
    bf_db_close(f->db);
}

static void put_team(struct fixture *f, const char *name)
{
    bool made;

    CHECK_INT(bf_team_put_entity(f->db, name, "team", NOW, &made, &f->err), 0);
    CHECK_INT(bf_team_refresh(f->team, f->db, "entity", name, &f->err), 0);
}

static void put_secret(struct fixture *f, const char *entity, const char *name, const char *value)
{
    char id[300];
    bool made;

    CHECK_INT(bf_team_put_secret(f->team, f->db, entity, name, value, strlen(value), NOW, &made,
                                 &f->err), 0);
    snprintf(id, sizeof(id), "%s/%s", entity, name);
    CHECK_INT(bf_team_refresh(f->team, f->db, "secret", id, &f->err), 0);
}

static int open_secret(struct fixture *f, const char *entity, const char *name, char *out)
{
    char *value;
    size_t len;
    int rc = bf_team_open_secret(f->team, entity, name, &value, &len, &f->err);

    if (rc == 0) {
        CHECK_INT(strlen(value), len);
        strcpy(out, value);
        free(value);
    }
    return rc;
}

static void run_sql(struct fixture *f, const char *sql)
{
    CHECK_INT(bf_query_run(bf_db_query(f->db, sql)), 0);
}


/* --- the master key -------------------------------------------------------------- */

TEST(a_fresh_hub_makes_a_master_key_that_only_its_owner_may_read)
{
    struct fixture f = begin();
    struct stat st;

    CHECK_INT(stat(path_of("master.key"), &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    CHECK_INT(st.st_size, 32);
    CHECK(access(path_of("master.key.new"), F_OK) != 0);
    end(&f);
}

TEST(the_remains_of_an_interrupted_start_do_not_stop_the_next_one)
{
    int fd = open(path_of("master.key.new"), O_CREAT | O_WRONLY, 0600);
    struct fixture f;

    CHECK_INT(write(fd, "half", 4), 4);
    close(fd);
    f = begin();
    end(&f);
}

TEST(a_master_key_of_a_wrong_size_is_refused_and_left_alone)
{
    struct fixture f = begin();
    struct stat st;

    CHECK_INT(truncate(path_of("master.key"), 31), 0);
    CHECK_INT(reopen(&f), BF_ECONFIG);
    CHECK_HAS(f.err.words, "has 31 bytes instead of 32");
    CHECK_INT(stat(path_of("master.key"), &st), 0);
    CHECK_INT(st.st_size, 31);
    end(&f);
}

TEST(a_master_key_that_others_may_read_is_refused)
{
    struct fixture f = begin();

    CHECK_INT(chmod(path_of("master.key"), 0644), 0);
    CHECK_INT(reopen(&f), BF_ECONFIG);
    CHECK_HAS(f.err.words, "chmod 600");
    end(&f);
}

TEST(a_missing_master_key_is_not_replaced_where_the_database_needs_it)
{
    struct fixture f = begin();

    put_team(&f, "ops");
    put_secret(&f, "ops", "TOKEN", "s3cret");
    CHECK_INT(unlink(path_of("master.key")), 0);
    CHECK_INT(reopen(&f), BF_ECONFIG);
    CHECK_HAS(f.err.words, "is missing");
    CHECK(access(path_of("master.key"), F_OK) != 0);
    end(&f);
}

TEST(another_hubs_master_key_is_found_out_at_the_start)
{
    struct fixture f = begin();
    int fd = open(path_of("master.key"), O_WRONLY);

    CHECK_INT(write(fd, "01234567890123456789012345678901", 32), 32);
    close(fd);
    CHECK_INT(reopen(&f), BF_ECONFIG);
    CHECK_HAS(f.err.words, "is not the key that this database was made with");
    end(&f);
}


/* --- entities ---------------------------------------------------------------------- */

TEST(a_team_is_made_once_and_there_after_a_restart)
{
    struct fixture f = begin();
    struct bf_entity e;
    bool made;

    CHECK_INT(bf_team_put_entity(f.db, "ops", "team", NOW, &made, &f.err), 0);
    CHECK(made);
    CHECK(!bf_team_exists(f.team, "ops"));      /* not before the refresh */
    CHECK_INT(bf_team_refresh(f.team, f.db, "entity", "ops", &f.err), 0);
    CHECK_INT(bf_team_put_entity(f.db, "ops", "team", NOW + 1, &made, &f.err), 0);
    CHECK(!made);
    CHECK_INT(reopen(&f), 0);
    CHECK(bf_team_entity(f.team, "ops", &e));
    CHECK_STR(e.kind, "team");
    CHECK_INT(e.created_ms, NOW);
    CHECK_INT(strlen(e.id), BF_ID_LEN);
    end(&f);
}

TEST(a_users_own_entity_cannot_become_a_team)
{
    struct fixture f = begin();
    char key[128];
    bool made;

    CHECK_INT(bf_team_first_admin(f.team, f.db, KEY, NOW, key, &f.err), 0);
    CHECK_INT(bf_team_put_entity(f.db, "admin", "team", NOW, &made, &f.err), BF_EEXIST);
    CHECK_HAS(f.err.words, "name of a user");
    end(&f);
}

TEST(names_of_entities_secrets_and_integrations)
{
    char longest[130];

    memset(longest, 'x', sizeof(longest));
    longest[129] = '\0';
    CHECK(!bf_entity_name_ok(longest));
    longest[128] = '\0';
    CHECK(bf_entity_name_ok(longest));
    CHECK(bf_secret_name_ok(longest));
    CHECK(bf_entity_name_ok("my-team_1.x"));
    CHECK(!bf_entity_name_ok(""));
    CHECK(!bf_entity_name_ok(".."));
    CHECK(!bf_entity_name_ok("a/b"));
    CHECK(!bf_entity_name_ok("a b"));
    CHECK(!bf_secret_name_ok("integration/1/url"));
    CHECK(!bf_secret_name_ok("a-b"));
    CHECK(!bf_secret_name_ok(""));
    longest[64] = '\0';
    CHECK(bf_integration_name_ok(longest));
    longest[64] = 'x';
    longest[65] = '\0';
    CHECK(!bf_integration_name_ok(longest));
    CHECK(bf_integration_name_ok("ops  room-1 a_b"));
    CHECK(!bf_integration_name_ok(" ops"));
    CHECK(!bf_integration_name_ok("ops "));
    CHECK(!bf_integration_name_ok("ops\n"));
    CHECK(!bf_integration_name_ok(""));
}

static bool note_entity(void *arg, const struct bf_entity *e)
{
    strcat(arg, e->name);
    strcat(arg, " ");
    return strcmp(e->name, "c") != 0;
}

TEST(entities_are_listed_by_name_from_a_place_until_told_to_stop)
{
    struct fixture f = begin();
    char seen[100] = "";

    put_team(&f, "d");
    put_team(&f, "b");
    put_team(&f, "c");
    put_team(&f, "a");
    CHECK_INT(bf_team_list_entities(f.db, "a", note_entity, seen), 0);
    CHECK_STR(seen, "b c ");
    end(&f);
}


/* --- secrets ------------------------------------------------------------------------- */

TEST(a_secret_reads_back_and_can_be_replaced_and_deleted)
{
    struct fixture f = begin();
    char value[100];
    bool made;

    put_team(&f, "ops");
    put_secret(&f, "ops", "TOKEN", "one");
    CHECK_INT(open_secret(&f, "ops", "TOKEN", value), 0);
    CHECK_STR(value, "one");
    CHECK_INT(bf_team_put_secret(f.team, f.db, "ops", "TOKEN", "two", 3, NOW, &made, &f.err), 0);
    CHECK(!made);
    CHECK_INT(bf_team_refresh(f.team, f.db, "secret", "ops/TOKEN", &f.err), 0);
    CHECK_INT(open_secret(&f, "ops", "TOKEN", value), 0);
    CHECK_STR(value, "two");
    CHECK_INT(bf_team_delete_secret(f.db, "ops", "TOKEN", &f.err), 0);
    CHECK(bf_team_has_secret(f.team, "ops", "TOKEN"));  /* until the refresh */
    CHECK_INT(bf_team_refresh(f.team, f.db, "secret", "ops/TOKEN", &f.err), 0);
    CHECK(!bf_team_has_secret(f.team, "ops", "TOKEN"));
    CHECK_INT(open_secret(&f, "ops", "TOKEN", value), BF_ENOENT);
    CHECK_INT(bf_team_delete_secret(f.db, "ops", "TOKEN", &f.err), BF_ENOENT);
    end(&f);
}

TEST(a_secret_survives_a_restart)
{
    struct fixture f = begin();
    char value[100];

    put_team(&f, "ops");
    put_secret(&f, "ops", "TOKEN", "still here");
    CHECK_INT(reopen(&f), 0);
    CHECK_INT(open_secret(&f, "ops", "TOKEN", value), 0);
    CHECK_STR(value, "still here");
    end(&f);
}

TEST(a_box_moved_to_another_row_is_an_error_and_not_a_value)
{
    struct fixture f = begin();
    char value[100] = "";

    put_team(&f, "ops");
    put_team(&f, "evil");
    put_secret(&f, "ops", "TOKEN", "theirs");
    put_secret(&f, "evil", "TOKEN", "mine");
    run_sql(&f, "UPDATE team_secrets SET box ="
                " (SELECT box FROM team_secrets WHERE entity = 'ops') WHERE entity = 'evil'");
    CHECK_INT(bf_team_refresh(f.team, f.db, "secret", "evil/TOKEN", &f.err), 0);
    CHECK_INT(open_secret(&f, "evil", "TOKEN", value), BF_EIO);
    CHECK_HAS(f.err.words, "does not open");
    CHECK_STR(value, "");
    end(&f);
}

TEST(the_value_of_a_secret_is_nowhere_in_the_database_file)
{
    struct fixture f = begin();
    char text[65536];
    const char *files[] = {"test.db", "test.db-wal"};

    put_team(&f, "ops");
    put_secret(&f, "ops", "TOKEN", "canary-7f3a");
    for (size_t i = 0; i < 2; i++) {
        int fd = open(path_of(files[i]), O_RDONLY);
        ssize_t n;

        while (fd >= 0 && (n = read(fd, text, sizeof(text))) > 0)
            CHECK(!memmem(text, (size_t)n, "canary-7f3a", 11));
        if (fd >= 0)
            close(fd);
    }
    end(&f);
}

TEST(secrets_belong_to_a_team_that_exists)
{
    struct fixture f = begin();
    bool made;

    CHECK_INT(bf_team_put_secret(f.team, f.db, "nobody", "TOKEN", "v", 1, NOW, &made, &f.err),
              BF_ENOENT);
    CHECK_HAS(f.err.words, "PUT /api/v1/teams/nobody");
    end(&f);
}

TEST(a_secret_has_a_largest_size)
{
    struct fixture f = begin();
    char *big = calloc(1, BF_SECRET_MAX + 2);
    bool made;

    memset(big, 'x', BF_SECRET_MAX + 1);
    put_team(&f, "ops");
    CHECK_INT(bf_team_put_secret(f.team, f.db, "ops", "BIG", big, BF_SECRET_MAX, NOW, &made,
                                 &f.err), 0);
    CHECK_INT(bf_team_put_secret(f.team, f.db, "ops", "BIG", big, BF_SECRET_MAX + 1, NOW, &made,
                                 &f.err), BF_ETOOBIG);
    free(big);
    end(&f);
}

static bool note_secret(void *arg, const char *name, int64_t updated_ms)
{
    CHECK_INT(updated_ms, NOW);
    strcat(arg, name);
    strcat(arg, " ");
    return true;
}

TEST(sealed_literals_are_not_in_the_list_of_secrets)
{
    struct fixture f = begin();
    char seen[200] = "";

    put_team(&f, "ops");
    put_secret(&f, "ops", "B", "1");
    put_secret(&f, "ops", "A", "1");
    put_secret(&f, "ops", "integration/01ARZ3NDEKTSV4RRFFQ69G5FAV/url", "1");
    CHECK_INT(bf_team_list_secrets(f.db, "ops", "", note_secret, seen), 0);
    CHECK_STR(seen, "A B ");
    CHECK(bf_team_has_secret(f.team, "ops", "integration/01ARZ3NDEKTSV4RRFFQ69G5FAV/url"));
    end(&f);
}


/* --- integrations ---------------------------------------------------------------------- */

#define I1 "01ARZ3NDEKTSV4RRFFQ69G5FA1"
#define I2 "01ARZ3NDEKTSV4RRFFQ69G5FA2"

static int put_integration(struct fixture *f, const char *id, const char *name, const char *config)
{
    int rc = bf_team_put_integration(f->db, id, "ops", "webhook", name, config, "", NOW, &f->err);

    if (rc == 0)
        rc = bf_team_refresh(f->team, f->db, "integration", id, &f->err);
    return rc;
}

TEST(an_integration_in_hand_stays_as_it_was_when_it_is_changed)
{
    struct fixture f = begin();
    struct bf_integration *before, *after;

    put_team(&f, "ops");
    CHECK_INT(put_integration(&f, I1, "hook", "{\"url\":\"http://a\"}"), 0);
    before = bf_team_integration(f.team, I1);
    CHECK_INT(put_integration(&f, I1, "hook", "{\"url\":\"http://b\"}"), 0);
    after = bf_team_integration(f.team, I1);
    CHECK_STR(before->config, "{\"url\":\"http://a\"}");
    CHECK_STR(after->config, "{\"url\":\"http://b\"}");
    CHECK_STR(after->entity, "ops");
    CHECK_INT(after->created_ms, NOW);
    CHECK(after->revision > before->revision);
    bf_integration_unref(before);
    bf_integration_unref(after);
    end(&f);
}

TEST(the_name_of_an_integration_is_its_teams_own)
{
    struct fixture f = begin();

    put_team(&f, "ops");
    put_team(&f, "dev");
    CHECK_INT(put_integration(&f, I1, "hook", "{}"), 0);
    CHECK_INT(put_integration(&f, I2, "hook", "{}"), BF_EEXIST);
    CHECK_STR(f.err.field, "name");
    CHECK_INT(bf_team_put_integration(f.db, I2, "dev", "webhook", "hook", "{}", "", NOW, &f.err),
              0);
    end(&f);
}

TEST(disabling_is_a_change_like_any_and_saving_enables_again)
{
    struct fixture f = begin();
    struct bf_integration *i;
    uint64_t revision;

    put_team(&f, "ops");
    CHECK_INT(put_integration(&f, I1, "hook", "{}"), 0);
    CHECK_INT(bf_team_disable_integration(f.db, I1, "410 Gone", NOW, &f.err), 0);
    CHECK_INT(reopen(&f), 0);
    i = bf_team_integration(f.team, I1);
    CHECK(i->disabled);
    revision = i->revision;
    bf_integration_unref(i);
    CHECK_INT(put_integration(&f, I1, "hook", "{}"), 0);
    i = bf_team_integration(f.team, I1);
    CHECK(!i->disabled);
    CHECK(i->revision > revision);
    bf_integration_unref(i);
    CHECK_INT(bf_team_disable_integration(f.db, I2, "", NOW, &f.err), BF_ENOENT);
    CHECK(!bf_team_integration(f.team, I2));
    end(&f);
}


TEST(an_integration_is_changed_only_from_what_it_is)
{
    struct fixture f = begin();
    struct bf_integration *i;

    put_team(&f, "ops");
    CHECK_INT(put_integration(&f, I1, "hook", "{}"), 0);
    CHECK_INT(put_integration(&f, I2, "other", "{}"), 0);
    CHECK_INT(bf_team_disable_integration(f.db, I1, "410 Gone", NOW, &f.err), 0);
    CHECK_INT(bf_team_refresh(f.team, f.db, "integration", I1, &f.err), 0);
    i = bf_team_integration(f.team, I1);
    CHECK_STR(i->disabled_reason, "410 Gone");
    CHECK_INT(i->disabled_ms, NOW);
    CHECK_INT(bf_team_change_integration(f.db, I1, i->revision - 1, "ops", "new", "{\"a\":1}", "A",
                                         &f.err), BF_ENOENT);
    CHECK_HAS(f.err.words, "changed meanwhile");
    CHECK_INT(bf_team_change_integration(f.db, I1, i->revision, "ops", "other", "{}", "", &f.err),
              BF_EEXIST);
    CHECK_HAS(f.err.words, "has an integration named \"other\" already");
    CHECK_INT(bf_team_change_integration(f.db, I1, i->revision, "ops", "new", "{\"a\":1}", "A B",
                                         &f.err), 0);
    bf_integration_unref(i);
    CHECK_INT(bf_team_refresh(f.team, f.db, "integration", I1, &f.err), 0);
    i = bf_team_integration(f.team, I1);
    CHECK_STR(i->name, "new");
    CHECK_STR(i->config, "{\"a\":1}");
    CHECK_STR(i->secrets, "A B");
    CHECK(i->disabled);
    bf_integration_unref(i);
    end(&f);
}

TEST(an_integration_is_deleted_with_its_literals_and_no_others)
{
    struct fixture f = begin();

    put_team(&f, "ops");
    put_team(&f, "dev");
    CHECK_INT(put_integration(&f, I1, "hook", "{}"), 0);
    put_secret(&f, "ops", "integration/" I1 "/url", "1");
    put_secret(&f, "ops", "integration/" I1 "/secret", "2");
    put_secret(&f, "ops", "integration/" I2 "/url", "3");
    put_secret(&f, "dev", "integration/" I1 "/url", "4");
    put_secret(&f, "ops", "TOKEN", "5");
    CHECK_INT(bf_team_delete_integration(f.db, I1, "ops", &f.err), 0);
    CHECK_INT(bf_team_delete_integration(f.db, I1, "ops", &f.err), BF_ENOENT);
    CHECK_INT(reopen(&f), 0);
    CHECK(!bf_team_integration(f.team, I1));
    CHECK(!bf_team_has_secret(f.team, "ops", "integration/" I1 "/url"));
    CHECK(!bf_team_has_secret(f.team, "ops", "integration/" I1 "/secret"));
    CHECK(bf_team_has_secret(f.team, "ops", "integration/" I2 "/url"));
    CHECK(bf_team_has_secret(f.team, "dev", "integration/" I1 "/url"));
    CHECK(bf_team_has_secret(f.team, "ops", "TOKEN"));
    end(&f);
}


/* --- tokens -------------------------------------------------------------------------------- */

TEST(a_token_opens_for_its_owner_until_its_time)
{
    struct fixture f = begin();
    struct bf_arena *a = bf_arena_new(65536);
    const char *token = bf_team_seal_token(f.team, a, "slack", "state", NOW);
    char *changed = bf_arena_dup(a, token);

    CHECK(!strstr(token, "state"));
    CHECK_STR(bf_team_unseal_token(f.team, a, "slack", token, NOW), "state");
    CHECK(!bf_team_unseal_token(f.team, a, "slack", token, NOW + 1));
    CHECK(!bf_team_unseal_token(f.team, a, "github", token, NOW));
    changed[10] = changed[10] == 'A' ? 'B' : 'A';
    CHECK(!bf_team_unseal_token(f.team, a, "slack", changed, NOW));
    CHECK(!bf_team_unseal_token(f.team, a, "slack", "", NOW));
    CHECK(!bf_team_unseal_token(f.team, a, "slack", "not a token", NOW));
    bf_arena_free(a);
    end(&f);
}


/* --- threads --------------------------------------------------------------------------------- */

static void *read_all_the_time(void *arg)
{
    struct fixture *f = arg;
    struct bf_identity who;
    char *value;
    size_t len;

    for (int i = 0; i < 2000; i++) {
        struct bf_integration *in = bf_team_integration(f->team, I1);

        if (!bf_team_authenticate(f->team, KEY, strlen(KEY), &who) ||
            !bf_team_may(f->team, &who, BF_EDIT, "ops") || in->config[0] != '{' ||
            bf_team_open_secret(f->team, "ops", "TOKEN", &value, &len, NULL))
            return arg;
        free(value);
        bf_integration_unref(in);
    }
    return NULL;
}

TEST(readers_are_not_disturbed_by_refreshes)
{
    struct fixture f = begin();
    pthread_t thread;
    char key[128];
    void *failed;

    CHECK_INT(bf_team_first_admin(f.team, f.db, KEY, NOW, key, &f.err), 0);
    put_team(&f, "ops");
    put_secret(&f, "ops", "TOKEN", "v");
    CHECK_INT(put_integration(&f, I1, "hook", "{}"), 0);
    pthread_create(&thread, NULL, read_all_the_time, &f);
    for (int i = 0; i < 100; i++) {
        CHECK_INT(bf_team_refresh(f.team, f.db, NULL, NULL, &f.err), 0);
        CHECK_INT(bf_team_refresh(f.team, f.db, "secret", "ops/TOKEN", &f.err), 0);
        CHECK_INT(bf_team_refresh(f.team, f.db, "integration", I1, &f.err), 0);
    }
    pthread_join(thread, &failed);
    CHECK(!failed);
    end(&f);
}
